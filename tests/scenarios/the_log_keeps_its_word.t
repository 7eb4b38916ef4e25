#!/bin/bash
# the_log_keeps_its_word.t - what the event log promises: it survives SIGKILL up to the last event; a
# ring that is too small loses the oldest and counts them, but never the start; threads that log at
# once lose nothing; any path comes through; exec keeps the old log beside the new one.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
mapfile -t paths < <(copies 3 base)

run_linger killed "$(host dies)" "${paths[@]}"
is 'SIGKILL: the host was killed' "$(tail -n 1 killed)" 'status 137'
is 'SIGKILL: the last event is there' "$(events killed.log open | tail -n 1 | grep -c /base3.so)" 1

LINGER_SETTINGS=log_max:128K run_linger wrapped "$(host churns)" 3000 "${paths[0]}"
is 'a full ring: the host ends well' "$(tail -n 1 wrapped)" 'status 0'
is 'a full ring: no larger than told' "$(stat -c %s wrapped.log.*)" $((128 << 10))
start=$(events wrapped.log start)
like 'a full ring: the start is there' "$start" '"event":"start".*/host_churns"'
lost=$(grep -o '"lost":[0-9]*' <<< "$start" | cut -d: -f2)
kept=$(events wrapped.log | grep -vc '"event":"start"')
# Each life is a dlopen, an open, a dlclose, a request and an unload; some more come from check_maps.
is 'a full ring: what is lost and what is there is all there was' $((lost + kept)) 15000
ok "a full ring: most of it is lost ($lost)" [ "$lost" -gt 10000 ]
is 'a full ring: the last event is there' \
	"$(events wrapped.log | tail -n 1 | grep -o '"event":"[a-z]*"')" '"event":"unload"'

LINGER_SETTINGS=log_max:32M run_linger loud "$(host shouts)" 5000 "${paths[0]}"
is 'four threads at once: the host ends well' "$(tail -n 1 loud)" 'status 0'
is 'four threads at once: every dlopen' "$(count_events loud.log dlopen)" 20001
is 'four threads at once: every dlclose' "$(count_events loud.log dlclose)" 20000
is 'four threads at once: nothing lost' "$(events loud.log start | grep -o '"lost":[0-9]*')" '"lost":0'
is 'four threads at once: each as often as the others' \
	"$(events loud.log dlclose | grep -o '"tid":[0-9]*' | sort | uniq -c | awk '{ print $1 }' | xargs)" \
	'5000 5000 5000 5000'

# Names that are hard to write down. The JSON must give back the very bytes where they are UTF-8.
# long_path N: a directory tree with a plugin whose path has N bytes.
long_path() {
	local path=$TMP/long
	while [ $((${#path} + 200)) -lt $(($1 - 20)) ]; do path+=/$(printf 'd%.0s' {1..180}); done
	path+=/$(head -c $(($1 - ${#path} - 1)) /dev/zero | tr '\0' f)
	mkdir -p "${path%/*}" && cp "${paths[0]}" "$path" && echo "$path"
}
hard=("$(long_path 300)" "$(long_path 1000)" "$(long_path 4000)" "$TMP/a \"quoted\" \\ name.so"
	"$TMP/two"$'\n'"lines.so" "$TMP/tab"$'\t'"and "$'\e'"[31mred.so" "$TMP/grüße-漢字-😀.so")
for path in "${hard[@]}"; do
	[ -e "$path" ] || cp "${paths[0]}" "$path"
	run_linger hard "$(host churns)" 1 "$path"
	name=$(printf '%.40q' "${path#"$TMP"/}")
	is "$name, ${#path} characters: opened" "$(tail -n 1 hard)" 'status 0'
	is "$name: its path in JSON" \
		"$(events hard.log open | tail -n 1 |
			perl -MJSON::PP -e 'binmode STDOUT, ":utf8"; print decode_json(scalar <STDIN>)->{path}')" "$path"
done
bytes=$TMP/$'latin-\xe9-\xff.so'
cp "${paths[0]}" "$bytes"
run_linger hard "$(host churns)" 1 "$bytes"
is 'bytes that are no UTF-8: opened' "$(tail -n 1 hard)" 'status 0'
# As Python's surrogateescape writes them: linger(1).
is 'bytes that are no UTF-8: each is told' \
	"$(events hard.log open | grep -o 'latin-[^"]*')" 'latin-\udce9-\udcff.so'
ok 'bytes that are no UTF-8: the JSON is plain UTF-8' iconv -f UTF-8 -t UTF-8 -o /dev/null <(events hard.log)

# exec: the same pid, another program.
with_linger "$TMP/two" bash -c 'echo $$; exec "$@"' bash "$(host churns)" 1 "${paths[0]}" > out
pid=$(head -n 1 out)
like 'exec: the new program has the name' "$("$LINGER_CMD" log --json "two.$pid" | head -n 1)" /host_churns
like 'exec: the old one is kept' "$("$LINGER_CMD" log --json "two.$pid.1" | head -n 1)" /bash
