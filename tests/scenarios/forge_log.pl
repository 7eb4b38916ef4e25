#!/usr/bin/perl
# forge_log.pl - writes a log file as a process would, from records on standard input.
#
# usage: forge_log.pl FILE [NAME=VALUE]...    (names: see %head below)
# A record is a line: time id arg tid event reason path (numbers, the path with %XX for odd bytes).
# The layout is written down here a second time on purpose: reader and writer in C share a header,
# and a mistake in it would cancel out.
# SPDX-License-Identifier: MIT
use strict;
use warnings;

my ($file, @settings) = @ARGV;
my %head = (
	magic => 'LINGERLG', version => 5, head_size => 8192, slots => 64, start => 1000,
	realtime => 0, pid => 4711, ppid => 1, tid => 4711, forked => 0, version_text => '0.1.0',
	libc => '2.36', linger => '', exe => '/bin/forged',
	next => undef,		# instead of what was written
	records => undef,	# the same
	begin => 0,		# absolute index of the first slot written
	dead => '',		# numbers of records whose writer died: the first slot is not valid
);
for (@settings) {
	my ($name, $value) = split /=/, $_, 2;
	exists $head{$name} or die "forge_log.pl: no such name: $name\n";
	$head{$name} = $value;
}
my $slots = $head{slots} < 1 << 20 ? $head{slots} : 0; # a head may promise anything
my @ring = ("\0" x 64) x $slots;
my %dead = map { $_ => 1 } split /,/, $head{dead};
my ($next, $records) = ($head{begin}, 0);
while (<STDIN>) {
	my ($time, $id, $arg, $tid, $event, $reason, $path) = /^(\S+) (\S+) (\S+) (\S+) (\S+) (\S+) ?(.*)$/
		or die "forge_log.pl: bad record: $_";
	$path =~ s/%([0-9a-f]{2})/chr hex $1/ge;
	my $bytes = pack 'Q3 L S2 L2', $time, $id, $arg, $tid, $event, $reason, length $path, 0;
	$bytes .= $path;
	my $count = int((length($bytes) + 55) / 56);
	for my $i (0 .. $count - 1) {
		my $slot = \$ring[($next + $i) % $slots];
		my $piece = substr $bytes, 56 * $i, 56;
		# What a record does not fill keeps the bytes of an earlier one, as in a process.
		substr($$slot, 8, length $piece) = $piece;
		substr($$slot, 0, 8) = pack 'Q', $dead{$records} && !$i ? 0
			: $next + $i + 1 | ($i ? 1 << 63 : 0);
	}
	$next += $count;
	$records++;
}
my $text = pack 'a8 L2 Q3 L4 Q2 a32 a32 a1024 a4096', @head{qw(magic version head_size slots start
	realtime pid ppid tid forked)}, $head{next} // $next, $head{records} // $records,
	@head{qw(version_text libc linger exe)};
open my $out, '>:raw', $file or die "forge_log.pl: $file: $!\n";
print $out $text, "\0" x (8192 - length $text), @ring;
close $out or die "forge_log.pl: $file: $!\n";
