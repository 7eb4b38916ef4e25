#!/bin/bash
# run_refuses_a_program_that_gains_rights.t - the loader ignores LD_PRELOAD where AT_SECURE is set;
# linger run refuses exactly those programs.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"
[ "$(id -u)" = 0 ] || { skip "programs that gain rights" "making them needs root"; exit 0; }

cp report setuid && chmod 4755 setuid
cp report setgid && chmod 2755 setgid
cp report unreadable && chmod 4711 unreadable
cp report nobodys && chown 65534:65534 nobodys && chmod 6755 nobodys
cp report capable && setcap cap_net_raw+ep capable
cp report permitted && setcap cap_net_raw+p permitted
cp report no_gid && chmod 2745 no_gid # without the group's x it is a lock, not a right

# secure PROGRAM [WRAPPER...]: would the kernel set AT_SECURE?
secure() { local p=$1; shift; "$@" "$p" | sed -n 's/.*secure=\([01]\).*/\1/p'; }
[ "$(secure ./setuid as_nobody)" = 1 ] || { skip "programs that gain rights" "$TMP is mounted nosuid"; exit 0; }

for p in setuid setgid unreadable capable permitted; do
	is "$p: the kernel means it" "$(secure ./$p as_nobody)" 1
done
refused "set-user-id" 125 '\./setuid would run with rights.*\(set-user-id\)' as_nobody "$RUN" run ./setuid
refused "set-group-id" 125 '\(set-group-id\)' as_nobody "$RUN" run ./setgid
refused "set-user-id, not readable" 125 '\(set-user-id\)' as_nobody "$RUN" run ./unreadable
refused "file capabilities" 125 '\(file capabilities\)' as_nobody "$RUN" run ./capable
refused "capabilities not in effect at once" 125 '\(file capabilities\)' as_nobody "$RUN" run ./permitted
refused "root becoming another" 125 '\(set-user-id\)' "$RUN" run ./nobodys
printf '#!%s/setuid\n' "$TMP" > script && chmod 755 script
refused "a script of such an interpreter" 125 'its interpreter .*/setuid would run with rights' \
	as_nobody "$RUN" run ./script

started "root running a setuid-root program" "$RUN" run ./setuid
started "root running one with capabilities" "$RUN" run ./capable
started "the user a program is set to" as_nobody "$RUN" run ./nobodys
started "set-group-id without the group's x" as_nobody "$RUN" run ./no_gid
started "where nobody may gain rights" setpriv --no-new-privs --reuid=65534 --regid=65534 --clear-groups \
	"$RUN" run ./setuid
printf '#!%s/report\n' "$TMP" > suid-script && chmod 4755 suid-script
is "a script's own bits mean nothing" "$(as_nobody "$RUN" run ./suid-script)" 'shim=1 secure=0 ./suid-script'
