#!/bin/bash
# Engines that are only asked whether they are there, one that computes, the legacy provider, a
# provider from a package of its own, and an engine that does not exist.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need openssl openssl

# Its errors begin with the address of a thread.
program() {
	local status=0
	printf 'linger' >"$TMP/message"
	{
		openssl engine -t -c dynamic
		openssl engine -t -c loader_attic
		openssl engine -t -c padlock
		openssl engine -t -c gost
		openssl dgst -engine gost -md_gost12_256 "$TMP/message"
		openssl dgst -provider legacy -provider default -md4 "$TMP/message"
		openssl dgst -provider gostprov -provider default -md_gost12_256 "$TMP/message"
		openssl engine -t not_there
		status=$?
	} 2>"$TMP/errors"
	sed 's/^[0-9A-F]*:error/error/' "$TMP/errors" >&2
	return $status
}
same_with_linger program
like "the program works" "$(cat "$TMP/bare.out")" 'available.*MD4.*= [0-9a-f]{32}'
is "its status arrives" "$(cat "$TMP/bare.status")" 1
really dlopen 7
really dlclose 6
really unload 2
