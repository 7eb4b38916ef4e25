#!/bin/bash
# plugins_have_their_facts_right.t - what the registry knows of an object: flags, handles, soname,
# build-id, an absolute path, and a range as the kernel has it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

cd "$BUILT" || exit
coproc HOST { LINGER=policy:off LD_PRELOAD=$SHIM exec "$(host shows)" ./plug_flag_nodelete.so 2*./plug_flag_unique.so \
	../tests/plug_flag_tls.so ././plug_flag_static_tls.so "$BUILT/plug_flag_textrel.so" \
	3*./plug_base.so ./plug_deep.so 2>&1; }
pid=$HOST_PID # bash unsets that variable as soon as the host has ended
read -r answer <&"${HOST[0]}"
is 'the host runs' "$answer" ready
"$LINGER_CMD" ls --json "$pid" > "$TMP/ls"
cat "/proc/$pid/maps" > "$TMP/maps"
cd "$TMP" || exit

# fact NAME KEY: what is listed for a plugin.
fact() {
	grep "/plug_$1\.so\"" ls | perl -MJSON::PP -e '
		my $o = decode_json(scalar <STDIN>);
		my $v = $o->{$ARGV[0]};
		print ref $v ? join(" ", grep { !/^(noticed|finishes)$/ } @$v) : $v' "$2"
}
# range_of NAME: first and last address of its mappings.
range_of() {
	grep "/plug_$1\.so\$" maps | perl -ne '
		/^(\w+)-(\w+)/; $lo //= $1; $hi = $2; END { print "0x$lo 0x$hi" }'
}
for name in flag_nodelete flag_unique flag_tls flag_static_tls flag_textrel base deep; do
	is "$name: state" "$(fact $name state)" live
	like "$name: an absolute path" "$(fact $name path)" "^/.*/plug_$name\.so\$"
	ok "$name: of the very file" [ "$(fact $name path)" -ef "$(plug $name)" ]
	is "$name: lo and hi are the kernel's" "$(fact $name lo) $(fact $name hi)" \
		"$(range_of $name)"
	is "$name: build-id" "$(fact $name build_id)" \
		"$(readelf -n "$(plug $name)" | sed -n 's/.*Build ID: //p')"
done
is 'handles: one'   "$(fact deep handles)" 1
is 'handles: two'   "$(fact flag_unique handles)" 2
is 'handles: three' "$(fact base handles)" 3
is 'soname'         "$(fact flag_nodelete soname)" flag-nodelete.so.7
is 'no soname'      "$(fact base soname)" ''
is 'nodelete'       "$(fact flag_nodelete flags)" nodelete
is 'unique'         "$(fact flag_unique flags)" unique
is 'tls'            "$(fact flag_tls flags)" tls
is 'static-tls'     "$(fact flag_static_tls flags)" 'tls static-tls'
is 'textrel'        "$(fact flag_textrel flags)" textrel
is 'no flag'        "$(fact base flags)" ''
is 'a build-id of the linker'  "$(fact flag_nodelete build_id | wc -c)" 40
is 'a build-id of our own'     "$(fact flag_tls build_id)" 0123456789abcdef
is 'no build-id'               "$(fact flag_unique build_id)" ''
eval "exec ${HOST[1]}>&-" # the end of its input: it ends
wait "$pid"
