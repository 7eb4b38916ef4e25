#!/bin/bash
# DynaLoader step by step: open the compiled part of Digest::MD5, find its entry, install and call
# it, close it, three rounds; what cannot be opened or found; an ordinary `use`.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need perl perl

cat >"$TMP/program.pl" <<'END'
use strict;
use warnings;
use DynaLoader;
use Config;
use List::Util 'sum';
use POSIX 'floor';

my $file = "$Config{archlibexp}/auto/Digest/MD5/MD5.so";
for my $round (1 .. 3) {
	my $library = DynaLoader::dl_load_file($file, 0) or die DynaLoader::dl_error();
	my $boot = DynaLoader::dl_find_symbol($library, 'boot_Digest__MD5') or die;
	no warnings 'redefine';
	DynaLoader::dl_install_xsub('Digest::MD5::bootstrap', $boot, $file);
	{
		no strict 'refs';
		${'Digest::MD5::XS_VERSION'} = ${'Digest::MD5::VERSION'} = version();
	}
	&Digest::MD5::bootstrap('Digest::MD5');
	print "round $round: ", Digest::MD5::md5_hex('linger'), "\n";
	print 'closed: ', DynaLoader::dl_unload_file($library), "\n";
}
print DynaLoader::dl_load_file('/not/there.so', 0) ? '' : message(), "\n";
print DynaLoader::dl_find_symbol($DynaLoader::dl_librefs[0], 'not_there') ? '' : message(), "\n";
print sum(40, floor(2.5)), "\n";
if (my $child = fork // die) {
	waitpid $child, 0;
	print 'child: ', $? >> 8, "\n";
} else {
	my $library = DynaLoader::dl_load_file($file, 0);
	DynaLoader::dl_unload_file($library);
	exit 7;
}

# Perl's copy of the error text ends with a NUL.
sub message {
	return DynaLoader::dl_error() =~ tr/\0//dr;
}

# The version of the installed module, without loading it.
sub version {
	open my $in, '<', "$Config{archlibexp}/Digest/MD5.pm" or die;
	while (<$in>) { return $1 if /VERSION = '([\d.]+)'/ }
}
END
same_with_linger perl "$TMP/program.pl"
like "the program works" "$(cat "$TMP/bare.out")" \
	"round 3: $(printf linger | md5sum | cut -d' ' -f1).*42.*child: 7"
is "two processes count" "$(counted counted | wc -l)" 2
really dlopen 7
really dlclose 4
really unload 4
