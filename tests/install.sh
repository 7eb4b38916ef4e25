#!/bin/bash
# install.sh - install Debian packages, but only those that are absent.
#
# usage: tests/install.sh PACKAGE...
#
# Packages are named without versions or alternatives. Recommended packages are left out, nobody is
# asked anything, and no service is started: what the tests run, they start by themselves.
# Environment: NO_INSTALL=1: change nothing; print the command that would install what is missing
# on standard output and fail, or print nothing and succeed when nothing is missing.
# Status: 0 all are installed, 1 some are missing and were not installed, 2 usage.
# SPDX-License-Identifier: MIT
set -u
export LC_ALL=C

# The hook by which a system says which services may be started; see invoke-rc.d(8).
POLICY=/usr/sbin/policy-rc.d
SAVED=$POLICY.linger-saved

die() {
	echo "install.sh: $*" >&2
	exit 1
}

# missing PACKAGE...: those that are not installed, one a line. A package that was removed but left
# its configuration behind is known to dpkg, hence the status and not the mere presence.
missing() {
	local have package
	have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
	for package; do
		grep -Fqx "$package installed" <<<"$have" || echo "$package"
	done
}

# A run that was killed leaves its policy behind and the system's own beside it.
forbid_services() {
	allow_services
	if [ -e $POLICY ] || [ -L $POLICY ]; then mv $POLICY $SAVED || return 1; fi
	printf '#!/bin/sh\n# Put here by linger: tests/install.sh; safe to delete.\nexit 101\n' >$POLICY &&
		chmod 755 $POLICY
}
allow_services() {
	if grep -qs 'Put here by linger' $POLICY; then rm -f $POLICY; fi
	if [ -e $SAVED ] || [ -L $SAVED ]; then mv $SAVED $POLICY; fi
}

install_packages() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null 9>&-
}

[ $# -gt 0 ] || {
	echo "usage: tests/install.sh PACKAGE..." >&2
	exit 2
}
for package; do
	[[ $package =~ ^[a-z0-9][a-z0-9+.-]+$ ]] || {
		echo "install.sh: '$package' is not the name of a Debian package" >&2
		exit 2
	}
done
command -v dpkg-query >/dev/null || die "this is not Debian: install what provides $*"

mapfile -t absent < <(missing "$@")
[ ${#absent[@]} -gt 0 ] || exit 0
if [ -n "${NO_INSTALL:-}" ]; then
	echo "apt-get install --no-install-recommends -y ${absent[*]}"
	exit 1
fi
[ "$(id -u)" -eq 0 ] ||
	die "not root: run \`sudo apt-get install --no-install-recommends -y ${absent[*]}\` first"

# Two runs at once would each save the other's policy: the second waits, then looks again.
exec 9<"$0" && flock 9
mapfile -t absent < <(missing "$@")
[ ${#absent[@]} -gt 0 ] || exit 0

trap allow_services EXIT
trap 'exit 1' HUP INT TERM
forbid_services || die "cannot write $POLICY"
log=$(mktemp) || exit 1
echo "installing ${absent[*]}"
# Package lists that are absent or too old make the first attempt fail at once; only then are new
# ones fetched.
if ! install_packages "${absent[@]}" >"$log" 2>&1; then
	apt-get update -q >>"$log" 2>&1
	if ! install_packages "${absent[@]}" >>"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		die "apt-get failed; its words are above"
	fi
fi
rm -f "$log"
