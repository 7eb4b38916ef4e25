#!/bin/bash
# the_command_explains_itself.t - help, version, wrong usage; and that the manual knows every option
# and every setting.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit
L=$LINGER_CMD

for command in run ls why stat log perf gdb; do
	"$L" $command --help > out 2> err
	is "$command --help: status" $? 0
	like "$command --help: what it says" "$(cat out)" "^usage: linger $command "
	is "$command --help: nothing on standard error" "$(cat err)" ''
	is "help $command is the same" "$("$L" help $command 2>&1)" "$(cat out)"
	like "linger --help names it" "$("$L" --help)" "  $command +[a-z]"
	grep -o -e "--[a-z]*" out | sort -u > options
	while read -r option; do
		ok "the manual has $command $option" grep -q -e "Fl -${option#--}" "$ROOT/tools/linger.1"
	done < options
	ok "the manual has a section of $command" grep -q "^.Ss linger $command" "$ROOT/tools/linger.1"
done
like "--version" "$("$L" --version)" "^linger $(sed -n 's/^VERSION = //p' "$ROOT/Makefile") "
is "help is --help" "$("$L" help)" "$("$L" --help)"
is "--help to a full device" "$("$L" --help 2>&1 > /dev/full; echo $?)" \
	$'linger: cannot write to standard output: No space left on device\n1'

wrong() { is "$1" "$("$L" "${@:3}" 2>&1; echo $?)" "$2"$'\n'2; }
wrong "no command" 'linger: name a command; `linger --help` lists them'
wrong "an unknown command" "linger: there is no command 'lss'; \`linger --help\` lists them" lss
wrong "help of an unknown command" "linger: there is no command 'x'; \`linger --help\` lists them" help x
wrong "an option before the command" "linger: there is no option '--json' before the command; see \`linger --help\`" --json ls
wrong "a name with an escape sequence" "linger: there is no command '\\x1b[2J'; \`linger --help\` lists them" $'\e[2J'

env LINGER=help LD_PRELOAD="$SHIM" true > settings 2>&1
words=$(sed -n 's/^  \([a-z_]*\).*/\1/p' settings)
ok "the settings are listed" [ "$(wc -w <<< "$words")" -gt 15 ]
for word in $words; do
	ok "the manual has the setting $word" grep -q "Cm $word\( \|$\)" "$ROOT/tools/linger.1"
done
