#!/usr/bin/env bash
# `make test` installs the packages of the lists; what a test names with need must be on one of them,
# or a new machine fails where an old one passes.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
cd "$ROOT" || bail "no project"

listed=$(sed 's/#.*//' tests/*/packages tests/*/packages-all | tr -s ' \t' '\n')
listed+=$'\n'$(sed -n 's/^\(BUILD\|TEST\)_PACKAGES = //p' Makefile | tr ' ' '\n')
needed=$(sed -n 's/^[[:space:]]*need[_a-z]* [^ ]* \([a-z0-9+.-]*\)$/\1/p' tests/*/*.t tests/*/*.sh | sort -u)
ok "some are needed" test "$(wc -w <<<"$needed")" -gt 5
is "every one is listed" "$(grep -vxF "$listed" <<<"$needed")" ""
