#!/usr/bin/perl
# settle.pl - takes out of the matrix's lines what README lists as different where objects are kept, and
# nothing else, so that lines with and without linger can be compared.
#
# usage: settle.pl same|fresh < LINES      as reopen:same, reopen:fresh
# Destructors come late: -OBJECT goes to the end, sorted, so each still has to run, and as often. The name
# of a kept object has "/./" in it. With reopen:same a kept instance comes back: its constructor does
# not run again (+OBJECT is there once), nor its destructor, and its statics count on (calls=N).
# SPDX-License-Identifier: MIT
use strict;
use warnings;

my $same = ($ARGV[0] // '') eq 'same';
while (my $line = <STDIN>) {
	my (@now, @late, %ran, %ended);
	chomp $line;
	for my $word (split / /, $line) {
		$word =~ s|/\./|/|g;
		$word =~ s/^calls=\K\d+// if $same;
		if ($word =~ /^-./) {
			push @late, $word unless $same && $ended{$word}++;
		} elsif (!($word =~ /^\+/ && $same && $ran{$word}++)) {
			push @now, $word;
		}
	}
	print join(' ', @now, sort @late), "\n";
}
