#!/usr/bin/env bash
# demo.sh - linger at work on a real program: Tcl loads SQLite's extension, uses it, unloads it, and uses
# it all the same; linger says why the library is kept, and unloads it when nothing holds it any more. And on Ruby,
# of whose compiled methods perf knows no names without linger.
#
# Run by `make demo`, which builds and installs what is needed first. Environment: O, the build
# folder. Changes nothing outside a temporary directory.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
linger=$(realpath "${O:-build}/linger")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/linger-demo.XXXXXX")
tcl=
trap '[ -z "$tcl" ] || kill "$tcl" 2>/dev/null; rm -rf "$tmp"' EXIT

say() { printf '\n%s\n' "$*"; }
die() {
	echo "demo: $*" >&2
	exit 1
}

sqlite=$(find /usr/lib/tcltk -name 'libtclsqlite3.so' | head -1)
[ -n "$sqlite" ] || die "libtclsqlite3.so was not found; install libsqlite3-tcl"

cat >"$tmp/script.tcl" <<TCL
load $sqlite Sqlite3
sqlite3 db :memory:
puts "SQLite [db eval {select sqlite_version()}] says 6 * 7 = [db eval {select 6 * 7}]"
flush stdout
if {[llength \$argv]} { gets stdin }
db close
unload $sqlite Sqlite3
puts "unloaded"
TCL

say "1. The program as it is: tclsh loads SQLite as an extension, computes, unloads it."
tclsh8.6 "$tmp/script.tcl" >"$tmp/plain"
sed 's/^/     /' "$tmp/plain"

say "2. The same under linger, which writes down what is loaded and unloaded:"
echo "     linger run --log $tmp/log tclsh8.6 script.tcl"
"$linger" run --log "$tmp/log" tclsh8.6 "$tmp/script.tcl" >"$tmp/under"
sed 's/^/     /' "$tmp/under"
cmp -s "$tmp/plain" "$tmp/under" || die "the output differs; please report it"
echo "   Same output. What happened, call by call (linger log --calls):"
"$linger" log --calls "$tmp/log" | sed 's/^/     /'

say "3. A look at it from outside while it runs (linger ls PID):"
mkfifo "$tmp/go"
"$linger" run tclsh8.6 "$tmp/script.tcl" wait <"$tmp/go" >"$tmp/live" &
tcl=$!
exec 3>"$tmp/go"
# SQLite has answered when its line is there: then the extension is loaded and in use.
until grep -q SQLite "$tmp/live"; do
	kill -0 "$tcl" 2>/dev/null || die "tclsh ended early"
done
"$linger" ls "$tcl" | sed 's/^/     /'
echo >&3
wait "$tcl" || die "tclsh failed"
tcl=

echo 'int other;' | ${CC:-gcc} -shared -fPIC -x c -o "$tmp/other.so" -
cat >"$tmp/bug.tcl" <<TCL
load $sqlite Sqlite3
sqlite3 db :memory:
puts opened
flush stdout
unload $sqlite Sqlite3
puts [db eval {SELECT 6 * 7}]
flush stdout
if {[llength \$argv]} { gets stdin } else exit
foreach command {db sqlite sqlite3} { rename \$command {} }
proc mapped {} {
	set maps [open /proc/self/maps]
	set text [read \$maps]
	close \$maps
	string match *libtclsqlite3.so* \$text
}
# What a program does all the time: other values take the place of those that are gone; other libraries
# come and go.
proc work {} {
	set other {}
	for {set size 1} {\$size < 4096} {incr size 16} { lappend other [string repeat x \$size] }
	for {set i 0} {\$i < 100} {incr i} { proc other\$i {} {}; rename other\$i {} }
}
set until [expr {[clock milliseconds] + 10000}]
while {[mapped] && [clock milliseconds] < \$until} {
	work
	catch {load $tmp/other.so}
	after 10
}
TCL
say "4. A script with a bug: it unloads the extension and goes on using it. As it is:"
status=0 # of a shell in between, whose remark on it nobody needs
bash -c 'tclsh8.6 "$1"; exit $?' - "$tmp/bug.tcl" >"$tmp/bug" 2>&1 || status=$?
[ "$status" -gt 128 ] || die "it did not crash: $(cat "$tmp/bug")"
echo "     it dies of signal $((status - 128))"
echo "   Under linger, which finds that something still leads into the library, and keeps it:"
rm "$tmp/go" && mkfifo "$tmp/go"
"$linger" run --log "$tmp/bug-log" tclsh8.6 "$tmp/bug.tcl" wait <"$tmp/go" >"$tmp/live" &
tcl=$!
exec 3>"$tmp/go"
until grep -q 42 "$tmp/live"; do
	kill -0 "$tcl" 2>/dev/null || die "tclsh ended early"
done
sed 's/^/     /' "$tmp/live"
echo "   Why is it kept? (linger why PID libtclsqlite3.so)"
"$linger" why "$tcl" "$sqlite" | sed 's/^/     /'
echo "   The script deletes what leads there, the commands of the library. It goes at one of the next calls:"
echo >&3
until "$linger" log "$tmp/bug-log" | grep -q "unload .*$sqlite"; do
	kill -0 "$tcl" 2>/dev/null || break
done
"$linger" log "$tmp/bug-log" | grep -F "$sqlite" | sed 's/^/     /'
"$linger" log "$tmp/bug-log" | grep -q "unload .*$sqlite" || die "it was not unloaded"
kill "$tcl" 2>/dev/null || :
wait "$tcl" 2>/dev/null || :
tcl=

cat >"$tmp/compiled.rb" <<'RUBY'
def sum(n)
  i = 0
  s = 0
  while i < n
    s += i & 7
    i += 1
  end
  s
end
60.times { sum(10) }
puts sum(60_000_000)
RUBY
ruby=(ruby --disable=gems --mjit --mjit-wait --mjit-min-calls=50 compiled.rb)
# profile COMMAND...: records, and shows where the time went.
profile() {
	(cd "$tmp" && "$@" record -q -e cpu-clock:u -o profile "${ruby[@]}" >/dev/null) || return
	(cd "$tmp" && "$@" report -i profile --stdio --comm ruby --percentage relative -s sym,dso --percent-limit 3 2>/dev/null) |
		sed -n 's/^ *\([0-9]\)/     \1/p' >"$tmp/shown"
	cat "$tmp/shown"
}
say "5. Ruby compiles methods into libraries, loads them, and deletes the files. Where does it spend its time?"
echo "     perf record ${ruby[*]}; perf report"
if HOME=$tmp profile perf; then
	! grep -q _mjit1 "$tmp/shown" || die "perf knows it by itself"
	echo "   perf cannot say: the library is gone. linger has kept a copy:"
	echo "     linger perf record ${ruby[*]}; linger perf report"
	profile "$linger" perf --archive "$tmp/archive"
	grep -q _mjit1 "$tmp/shown" || die "the compiled method has no name"
else
	echo "   The kernel lets nobody record here, so there is nothing to show."
fi

say "Those were programs nobody changed. The README says what linger promises, what holds already, and"
echo "how to switch it off (LINGER=off)."
