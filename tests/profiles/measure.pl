#!/usr/bin/perl
# measure.pl - how much of a recording has its right names, row by row.
#
# usage: measure.pl PHASES IPS CHAINS SOURCES	(what the host printed, and two outputs of perf script)
# Prints ROW SAMPLES SYM LINE CHAIN, the latter three in percent of the samples: those of the phases of that
# row, taken at an address of the plugin. SYM: the innermost frame is leaf, mid or entry of the version that
# ran. LINE: its line is one of that function in SOURCES/plugin_VERSION.c. CHAIN: from there all frames up to
# main are named, and in order.
# SPDX-License-Identifier: MIT
use strict;
use warnings;

my ($phases, $ips, $chains, $sources) = @ARGV;

my (@phase, %row, @order);
open my $in, '<', $phases or die "$phases: $!";
while (<$in>) {
	/^phase (\S+) (\S+) (\d+) (\w+) (\w+) (\d+) (\d+)$/ or next;
	push @phase, { row => $1, version => $2, pid => $3, lo => hex $4, hi => hex $5, begin => $6, end => $7 };
	push @order, $1 unless $row{$1};
	$row{$1} ||= { samples => 0, sym => 0, line => 0, chain => 0 };
}

# The lines of a function in the source of a version.
my %lines;
sub is_line {
	my ($function, $version, $line) = @_;
	if (!$lines{$version}) {
		open my $source, '<', "$sources/plugin_$version.c" or die "plugin_$version.c: $!";
		while (<$source>) {
			$lines{$version}{"$1 $2"} = $. if /(BEGIN|END) (\w+)/;
		}
	}
	my $of = $lines{$version};
	return $line =~ /^plugin_$version\.c:(\d+)/ && $1 > $of->{"BEGIN $function"} && $1 < $of->{"END $function"};
}

# PID SECONDS.NS: IP
my @sample;
open $in, '<', $ips or die "$ips: $!";
while (<$in>) {
	/^\s*(\d+)\s+(\d+)\.(\d{9}):\s+([0-9a-f]+)/ or next;
	push @sample, { pid => $1, time => $2 * 1e9 + $3, ip => hex $4, frames => [] };
}
# The same again with a frame a line, and behind each its line of source.
my $n = -1;
my $in_chain = 0;
open $in, '<', $chains or die "$chains: $!";
while (<$in>) {
	if (/^\s*(\d+)\s+(\d+)\.(\d{9}):/) {
		$n++;
		die "the outputs of perf script do not agree\n"
			unless $sample[$n] && $sample[$n]{time} == $2 * 1e9 + $3;
	} elsif (/^\s+[0-9a-f]+ (.+)$/) {
		push @{$sample[$n]{frames}}, { name => $1, line => '' };
	} elsif (/^  (\S+)/ && $n >= 0 && @{$sample[$n]{frames}}) {
		$sample[$n]{frames}[-1]{line} = $1;
	}
}

for my $s (@sample) {
	my ($phase) = grep {
		$_->{pid} == $s->{pid} && $s->{ip} >= $_->{lo} && $s->{ip} < $_->{hi} &&
		$s->{time} >= $_->{begin} && $s->{time} <= $_->{end}
	} @phase;
	next unless $phase;
	my $row = $row{$phase->{row}};
	my @name = map { $_->{name} } @{$s->{frames}};
	$row->{samples}++;
	$name[0] //= '';
	$name[0] =~ /^(leaf|mid|entry)_$phase->{version}$/ or next;
	my $function = $1;
	$row->{sym}++;
	$row->{line}++ if is_line($function, $phase->{version}, $s->{frames}[0]{line});
	my @wanted = ((map { "${_}_$phase->{version}" } qw(leaf mid entry)), 'host_run');
	shift @wanted while $wanted[0] ne $name[0];
	my @got = @name[0 .. $#wanted];
	# A compiler may take run into main.
	my %outer = map { $_ => 1 } grep { defined } @name;
	$row->{chain}++ if join(' ', map { $_ // '' } @got) eq "@wanted" && $outer{main};
}
for (@order) {
	my $r = $row{$_};
	printf "%s %d %s\n", $_, $r->{samples},
		join ' ', map { $r->{samples} ? int(100 * $r->{$_} / $r->{samples} + 0.5) : '-' } qw(sym line chain);
}
