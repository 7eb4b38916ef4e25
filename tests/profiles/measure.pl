#!/usr/bin/perl
# measure.pl - how much of a recording has its right names, row by row.
#
# usage: measure.pl PHASES LINES CHAINS SOURCES [CODE]	(what the host printed, and two outputs of perf script)
# Prints ROW SAMPLES SYM LINE CHAIN, the latter three in percent of the samples: those of the phases of that
# row, taken at an address of the plugin. SYM: the innermost frame is leaf, mid or entry of the version that
# ran. LINE: its line is one of that function in SOURCES/plugin_VERSION.c. CHAIN: from there all frames up to
# main are named, and in order.
#
# With CODE (a disassembly of a plugin of version ref) the recording is one by frame pointers. In its first two
# instructions, and after its pop, a function has none: its caller is not seen, then, and is not asked for.
# One sample in 30,000 is taken there, that is, one run of the tests in ten had one.
#
# A row that is right in part only is followed by comments: the first samples that are not.
# SPDX-License-Identifier: MIT
use strict;
use warnings;
no warnings 'portable'; # addresses have 64 bits

use constant SHOWN => 3;

my ($phases, $lines, $chains, $sources, $code) = @ARGV;

my (@phase, %row, @order);
open my $in, '<', $phases or die "$phases: $!";
while (<$in>) {
	/^phase (\S+) (\S+) (\d+) (\w+) (\w+) (\d+) (\d+)$/ or next;
	push @phase, { row => $1, version => $2, pid => $3, lo => hex $4, hi => hex $5, begin => $6, end => $7 };
	push @order, $1 unless $row{$1};
	$row{$1} ||= { samples => 0, sym => 0, line => 0, chain => 0, wrong => [] };
}

# The lines of a function in the source of a version.
my %lines_of;
sub is_line {
	my ($function, $version, $line) = @_;
	if (!$lines_of{$version}) {
		open my $source, '<', "$sources/plugin_$version.c" or die "plugin_$version.c: $!";
		while (<$source>) {
			$lines_of{$version}{"$1 $2"} = $. if /(BEGIN|END) (\w+)/;
		}
	}
	my $of = $lines_of{$version};
	return $line =~ /^plugin_$version\.c:(\d+)/ && $1 > $of->{"BEGIN $function"} && $1 < $of->{"END $function"};
}

# Where a function has no frame pointer: its offsets.
my %frameless;
if ($code) {
	my ($function, $start, $stands);
	open my $in, '<', $code or die "$code: $!";
	while (<$in>) {
		if (/^([0-9a-f]+) <(\w+)_ref>:/) {
			($function, $start, $stands) = ($2, hex $1, 0);
		} elsif (/^\s*([0-9a-f]+):\s+(.*)/ && $function) {
			my ($at, $instruction) = ($1, $2);
			$frameless{$function}{hex($at) - $start} = 1 if !$stands;
			$stands = 1 if $instruction =~ /^mov\s+%rsp,%rbp/;
			$stands = 0 if $instruction =~ /^(pop\s+%rbp|leave)/;
		}
	}
	die "$code: no function of the plugin\n" if !$frameless{leaf};
}

# PID SECONDS.NS: IP NAME, and in the next line its line of source.
my @sample;
open $in, '<', $lines or die "$lines: $!";
while (<$in>) {
	if (/^\s*(\d+)\s+(\d+)\.(\d{9}):\s+([0-9a-f]+) (\S+)/) {
		push @sample, { pid => $1, time => $2 * 1e9 + $3, ip => hex $4, name => $5, line => '', frames => [] };
	} elsif (/^  (\S+)/ && @sample) {
		$sample[-1]{line} = $1;
	}
}
# PID SECONDS.NS:, and a frame a line: IP NAME+OFFSET
my $n = -1;
open $in, '<', $chains or die "$chains: $!";
while (<$in>) {
	if (/^\s*(\d+)\s+(\d+)\.(\d{9}):/) {
		$n++;
		die "the outputs of perf script do not agree\n"
			unless $sample[$n] && $sample[$n]{time} == $2 * 1e9 + $3;
	} elsif (/^\s+[0-9a-f]+ ([^\s+]+)(?:\+0x([0-9a-f]+))?/) {
		push @{$sample[$n]{frames}}, $1;
		$sample[$n]{offset} //= hex($2 // 0);
	}
}

# judge SAMPLE ROW VERSION: counts it, and returns what is wrong with it.
sub judge {
	my ($s, $row, $version) = @_;
	$row->{samples}++;
	$s->{name} =~ /^(leaf|mid|entry)_$version$/ or return 'name';
	my $function = $1;
	$row->{sym}++;
	my $line = is_line($function, $version, $s->{line});
	$row->{line}++ if $line;
	my @wanted = ((map { "${_}_$version" } qw(leaf mid entry)), 'host_run');
	shift @wanted while $wanted[0] ne $s->{name};
	my @right = ("@wanted ");
	push @right, "@wanted[0, 2 .. $#wanted] " if $frameless{$function}{$s->{offset} // 0};
	my $got = "@{$s->{frames}} ";
	my $chain = $got =~ / main / && grep { index($got, $_) == 0 } @right;
	$row->{chain}++ if $chain;
	return !$line ? 'line' : !$chain ? 'chain' : undef;
}
for my $s (@sample) {
	my ($phase) = grep {
		$_->{pid} == $s->{pid} && $s->{ip} >= $_->{lo} && $s->{ip} < $_->{hi} &&
		$s->{time} >= $_->{begin} && $s->{time} <= $_->{end}
	} @phase;
	next unless $phase;
	my $row = $row{$phase->{row}};
	my $wrong = judge($s, $row, $phase->{version}) or next;
	push @{$row->{wrong}}, sprintf '%s: %s+0x%x at 0x%x, %s, chain: %s', $wrong, $s->{name}, $s->{offset} // 0,
		$s->{ip} - $phase->{lo}, $s->{line} || 'no line', "@{$s->{frames}}";
}
for (@order) {
	my $r = $row{$_};
	printf "%s %d %s\n", $_, $r->{samples},
		join ' ', map { $r->{samples} ? int(100 * $r->{$_} / $r->{samples} + 0.5) : '-' } qw(sym line chain);
	my @wrong = @{$r->{wrong}};
	splice @wrong, @wrong < $r->{samples} ? SHOWN : 0;
	print "# $_\n" for @wrong;
}
