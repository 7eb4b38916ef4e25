#!/bin/bash
# Perl: DynaLoader unloads the compiled part of POSIX, whose functions Perl still knows by their addresses. The
# holder ends when they are undefined.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need perl perl

cat >program.pl <<'END'
use strict;
use warnings;
use DynaLoader;
use POSIX ();

my $library = pop @DynaLoader::dl_librefs;
my $module = pop @DynaLoader::dl_modules;
$| = 1;
print "opened\n";
$module eq 'POSIX' && DynaLoader::dl_unload_file($library) or die;
print POSIX::floor(42.5), "\n";
exit unless @ARGV;

for my $package ('POSIX', 'POSIX::SigSet', 'POSIX::Termios') {
	no strict 'refs';
	no warnings 'misc'; # constants are undefined, too
	defined &{"${package}::$_"} and undef &{"${package}::$_"} for keys %{"${package}::"};
}
delete $main::{'POSIX::'};
require List::Util; # variables of the loader's functions keep their last values
my $until = time + $ENV{PATIENCE};
while (mapped() && time <= $until) {
	overwrite();
	my $other = DynaLoader::dl_load_file($ENV{OTHER}, 0) or die;
	DynaLoader::dl_unload_file($other);
	select undef, undef, undef, 0.01;
}

sub mapped {
	open my $maps, '<', '/proc/self/maps' or die;
	return scalar grep m{/POSIX\.so}, <$maps>;
}

# As the work of a real program would: other values where the deleted ones were.
sub overwrite {
	my @other = map { my $n = $_; ([$n], { $n => $n }, sub { $n }, 'x' x $n) } 1 .. 1000;
	return;
}
END
EXPECTED=$'opened\n42'
crashes perl perl program.pl
lives perl /POSIX.so perl program.pl
unloads perl /POSIX.so perl program.pl end
