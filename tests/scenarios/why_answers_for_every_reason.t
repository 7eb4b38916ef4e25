#!/bin/bash
# why_answers_for_every_reason.t - reasons, objects that keep objects, what is not kept, what cannot be seen;
# names with control characters.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/why.sh"
for name in second third; do cp "$O/tests/plug_pointed_at.so" $name.so; done
rm -f in out
mkfifo in out
LINGER="log:$TMP/log,policy:never" LD_PRELOAD=$SHIM "$O/tests/host_waits" < in > out &
PID=$! PIDS+=" $!"
exec 3> in 4< out
tell() {
	echo "$1" >&3
	read -r _ <&4
}
read -r _ <&4
is "the shim is in the process" "$(compgen -G "$TMP/log.*")" "$TMP/log.$PID"
id() { "$TMP/linger" ls --json $PID | grep "$1" | sed 's/.*"id":\([0-9]*\),.*/\1/'; }
for name in second third; do tell "open $TMP/$name.so"; done
is "what is open is not kept" "$(WHY $PID second.so)" "$TMP/second.so (#$(id second.so)) is not kept: it is live, and has 1 handle"
tell "open $TMP/second.so"
is "two handles" "$(WHY $PID second.so; echo $?)" "$TMP/second.so (#$(id second.so)) is not kept: it is live, and has 2 handles
0"
like "what is not kept, in JSON" "$(WHY --json $PID second.so)" "^\\{\"pid\":$PID,\"id\":$(id second.so),\"path\":\"$TMP/second.so\",\"state\":\"live\"\\}$"
for i in 1 2 3; do tell close; done
like "what was there before" "$(WHY $PID libc.so.6; echo $?)" \
	'^/.*/libc\.so\.6 \(#[0-9]+\) is not kept: it is live, and was there before the program began
0$'
second=$(id second.so) third=$(id third.so)

# -- ways to name it
policy="$TMP/second.so (#$second) is kept: the policy keeps every object"
is "by its number" "$(WHY $PID "$second"; echo $?)" "$policy
0"
is "by its number, as it is shown" "$(WHY $PID "#$second")" "$policy"
is "by its path" "$(WHY $PID "$TMP/second.so")" "$policy"
is "by another path" "$(WHY $PID ./second.so)" "$policy"
is "by its name" "$(WHY $PID second.so)" "$policy"
lo=$("$TMP/linger" ls --json $PID | sed -n 's/.*second.so.*"lo":"\(0x[0-9a-f]*\)".*/\1/p')
is "by its first byte" "$(WHY $PID "$lo")" "$policy"
is "by one behind" "$(WHY $PID "$(printf '0x%x' $((lo + 0x1234)))")" "$policy"
like "but not by one before" "$(WHY $PID "$(printf '0x%x' $((lo - 1)))" 2>&1)" "^(linger why: .* has no object|.*third)"
is "options last" "$(WHY $PID "$second" --json)" "$(WHY --json $PID "$second")"
is "JSON" "$(WHY --json $PID "$second")" "{\"pid\":$PID,\"id\":$second,\"path\":\"$TMP/second.so\",\"state\":\"kept\",\"reason\":\"policy\"}"

# -- several
mkdir again
cp other.so again/second.so
tell "open $TMP/again/second.so"
WHY $PID second.so > list 2> err
is "several: status" $? 1
is "several: which" "$(sed 's/  *[0-9a-f]*-[0-9a-f]* */ /; s/  */ /g' list)" "#$second kept $TMP/second.so
#$(id again/second.so) live $TMP/again/second.so"
is "several: one sentence" "$(cat err)" "linger why: 2 objects are meant by 'second.so'; name one by its number"
is "several, in JSON" "$(WHY --json $PID second.so 2> /dev/null | grep -o '"id":[0-9]*' | xargs)" "id:$second id:$(id again/second.so)"
tell close

# -- reasons; a witness stands there that does not belong to them
ID=$second
reason() {
	witness "$1" memory plain 0x10 0x10 0
	is "reason $1" "$(WHY $PID "$ID")" "$TMP/second.so (#$second) is kept: $2"
	is "reason $1 in JSON" "$(WHY --json $PID "$ID" | grep -o '"reason".*')" "\"reason\":\"$1\"}"
}
reason policy 'the policy keeps every object'
reason host 'the host runtime has not reported it unreachable'
reason pin 'it is pinned'
reason redirect 'a redirect needs it'
reason nodelete 'glibc never unloads it'
witness memory none plain 0 0 0
is "no witness" "$(WHY $PID "$ID")" "$TMP/second.so (#$second) is kept: a word in memory points into it"
witness 12345 none plain 0 0 0
is "a reason this command does not know" "$(WHY $PID "$ID" | grep -c 'is kept: ')" 1
witness memory 77 55 0 0 0
is "a place this command does not know" "$(WHY $PID "$ID" | wc -l)" 1
witness memory memory 55 0x10 0x10 0
is "an encoding this command does not know" "$(WHY $PID "$ID" | wc -l)" 2

# -- what could not be seen
sed -n '/^#define LGR_UNSEEN/,/^enum/p' "$ROOT/core/wire.h" | sed -n 's/.*X([A-Z_]*, "[^"]*", "\(.*\)").*/\1/p' > sentences
ok "there are sentences" [ "$(wc -l < sentences)" -gt 10 ]
n=0
while read -r text; do
	witness unknown unseen plain $n 0 0
	is "unseen $n: $text" "$(WHY $PID "$ID")" "$TMP/second.so (#$second) is kept: it cannot be seen whether something points into it${text:+
  $text}"
	n=$((n + 1))
done < sentences

# -- objects that keep objects
witness dependency object plain "$third" 0 0
is "another one needs it" "$(WHY $PID "$second")" "$TMP/second.so (#$second) is kept: another object needs it
  third.so (#$third) needs second.so (#$second) and is kept: the policy keeps every object"
witness dependency object plain "$third" 0x1000 0
like "another one has its address" "$(WHY $PID "$second")" "third\\.so \\(#$third\\) points into second\\.so \\(#$second\\) and is kept: "
witness dependency object plain "$third" 0 0
ID=$third
witness memory signal plain 10 "$(printf '0x%x' $(($("$TMP/linger" ls --json $PID | sed -n 's/.*third.so.*"lo":"\(0x[0-9a-f]*\)".*/\1/p') + 8)))" 0
is "which is kept by something else" "$(WHY $PID "$second" | tail -n +2)" "  third.so (#$third) needs second.so (#$second) and is kept: a word in memory points into it
  the handler of signal 10 (SIGUSR1) -> third.so+0x8"
is "chain in JSON" "$(WHY --json $PID "$second" | grep -o '"reason".*"where":"[^"]*"')" "\"reason\":\"dependency\",\"chain\":[{\"id\":$third,\"path\":\"$TMP/third.so\",\"state\":\"kept\",\"reason\":\"memory\"}],\"place\":\"signal\",\"at\":10,\"time_ns\":12345,\"where\":\"the handler of signal 10 (SIGUSR1)\""
witness dependency watch plain "$second" 0 0
is "they need each other" "$(WHY $PID "$second" | tail -n +2)" "  third.so (#$third) needs second.so (#$second) and is kept: another object needs it
  #$second needs third.so: they need each other"
is "seen from the other one" "$(WHY $PID "$third" | tail -n +2 | head -n 1)" \
	"  second.so (#$second) asked to be told of third.so (#$third) and is kept: another object needs it"
witness dependency object plain "$third" 0 0
is "it needs itself" "$(WHY $PID "$third" | tail -n +2)" "  #$third needs third.so: they need each other"
witness dependency object plain 99999 0 0
is "who needs it is gone" "$(WHY $PID "$third" | tail -n +2)" "  #99999 needed it and is gone; it is looked at again at the next dlopen or dlclose"
tell "open $TMP/second.so"
witness dependency object plain "$second" 0 0
is "who needs it is open again" "$(WHY $PID "$third" | tail -n +2)" "  second.so (#$second) needs third.so (#$third) and is live"
is "what is open again is not kept" "$(WHY $PID "$second")" "$TMP/second.so (#$second) is not kept: it is live, and has 1 handle"
exec 3>&-
wait $PID

standin ''
is "control characters in names" "$(WHY $PID 10)" '/lib/with\x0aline feed.so (#10) is kept: it does not say why'
is "no name at all" "$(WHY $PID 20)" '(#20) is not kept: it is live'
