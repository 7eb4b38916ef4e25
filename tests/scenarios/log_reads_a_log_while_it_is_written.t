#!/bin/bash
# log_reads_a_log_while_it_is_written.t - a program with three threads logs as fast as it can into the
# smallest ring, which goes round all the time; every look sees whole records only, in order, and a
# program killed in the middle leaves a log that can be read.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/log.sh"

cat > busy.c <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
/* Failing calls with names of every length; the name says how long it is. */
static void *work(void *arg)
{
	char name[300];
	for (unsigned i = (unsigned)(long)arg;; i += 7) {
		unsigned len = 30 + i % 200;
		snprintf(name, sizeof(name), "/no/%u/", len);
		memset(name + strlen(name), 'x', len - strlen(name));
		name[len] = '\0';
		dlopen(name, i % 2 ? RTLD_NOW : RTLD_LAZY);
	}
	return arg;
}
int main(void)
{
	pthread_t t;
	for (long i = 0; i < 2; i++)
		pthread_create(&t, NULL, work, (void *)i);
	work((void *)2);
}
END
"$CC" -O2 -pthread -o busy busy.c -ldl || bail "cannot compile"
LINGER=log:$TMP/L,log_max:128K LD_PRELOAD=$SHIM ./busy &
pid=$!
leave() {
	local status=$?
	kill -9 $pid 2> /dev/null
	(exit $status)
	finish
}
trap leave EXIT
for ((i = 0; i < 200; i++)); do [ "$(log --json L | sed -n '1s/.*"lost":\([0-9]*\).*/\1/p')" -gt 0 ] 2> /dev/null && break; sleep 0.05; done

cat > check.pl <<'END'
# Each object: whole, in order, of one process; prints what is wrong, and how many there were.
use JSON::PP;
my ($n, $last, $lost) = (0, 0);
while (<STDIN>) {
	my $o = eval { decode_json($_) } or print "no JSON: $_";
	if ($o->{event} eq 'start') { $lost = $o->{lost}; print "a second start\n" if $n; next }
	$n++;
	print "back in time: $_" if $o->{time_ns} < $last;
	$last = $o->{time_ns};
	my ($len) = ($o->{path} // '') =~ m|^/no/(\d+)/x+$| or do { print "not ours: $_"; next };
	print "torn: $_" if $len != length $o->{path} || $o->{event} ne 'dlopen' || $o->{id} != 0
		|| $o->{flags} !~ /^RTLD_(NOW|LAZY)\|RTLD_LOCAL$/;
}
print "nothing was read\n" if $n == 0;
print "the ring never went round\n" if !$lost;
print STDERR "$n\n";
END
for ((i = 0; i < 20; i++)); do
	log --json --calls L > out || echo "status $?: $(cat err)"
	perl check.pl < out 2>> counts
done > wrong
is "twenty looks at a log in use" "$(head -5 wrong)" ''
kill -9 $pid
wait $pid 2> /dev/null
log --json --calls L > out
is "killed in the middle: status" $? 0
is "killed in the middle: what is wrong" "$(perl check.pl < out 2>> counts | head -5)" ''
ok "most of the ring was readable each time" [ "$(sort -n counts | head -1)" -gt 100 ]
echo "# records seen at a look: $(sort -n counts | sed -n '1p;$p' | xargs)"
