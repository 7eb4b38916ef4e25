#!/usr/bin/env bash
# What the shared object exports, needs and imports, and how it is marked. Each of these was once
# somebody's bug: a second library in DT_NEEDED becomes the one plugins get; a visible name
# interposes; a lazy TLS relocation calls the host's malloc.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
need readelf binutils

dynamic=$(readelf -dW "$SHIM")
is "DT_NEEDED is libc alone" "$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic")" libc.so.6
wanted=$(sed -n '/global:/,/local:/s/^\t\([A-Za-z0-9_]*\);.*/\1/p' "$ROOT/preload/exports.map" | sort)
exported=$(readelf --dyn-syms -W "$SHIM" | awk '$7 != "UND" && $5 != "LOCAL" && $1 ~ /^[0-9]+:$/ {print $8}' | sort)
is "exported is what the version script names" "$exported" "$wanted"
for flag in NOW NODELETE INITFIRST NOOPEN; do
	like "DF_1_$flag" "$(grep FLAGS_1 <<<"$dynamic")" "$flag"
done
imports=$(readelf --dyn-syms -W "$SHIM" | awk '$7 == "UND" && $8 != "" {sub(/@.*/, "", $8); print $8}' | sort)
is "imported is only the loader's list" "$imports" _r_debug
relocations=$(readelf -rW "$SHIM")
is "no TLS relocation that allocates" "$(grep -cE 'DTPMOD|TLSDESC' <<<"$relocations")" 0
is "no text relocation" "$(grep -c TEXTREL <<<"$dynamic")" 0
segments=$(readelf -lW "$SHIM")
is "no segment is writable and executable" "$(grep -E '^ *LOAD' <<<"$segments" | grep -c 'RWE')" 0
like "the stack is not executable" "$(grep GNU_STACK <<<"$segments")" ' RW  '
like "RELRO" "$segments" GNU_RELRO
like "the note that readers look for" "$(readelf -nW "$SHIM")" linger
case $(uname -m) in
x86_64) like "fit for IBT and shadow stacks" "$(readelf -nW "$SHIM")" 'IBT, SHSTK' ;;
esac

# The rule of core/: nothing of the environment, stdio, the host's malloc; of preload/: none of the
# last two. Their objects must not even refer to them.
bad='exit|abort|__assert_fail|malloc|calloc|realloc|free|getenv|printf|fprintf|puts|fputs|perror'
bad+='|fopen|strlen|strcmp|memchr|pthread_[a-z_]*|raise|__errno_location'
is "no forbidden function is referred to" \
	"$(nm -u "$O"/shim/core/*.o "$O"/shim/preload/*.o | awk '{print $NF}' | grep -xE "$bad")" ""
