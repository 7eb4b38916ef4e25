/*
 * plug_flag_unique.c - defines an STB_GNU_UNIQUE symbol, as C++ makes of inline variables.
 * SPDX-License-Identifier: MIT
 */
char anchor;

__asm__(".data\n"
	".globl flag_unique_variable\n"
	".type flag_unique_variable, @gnu_unique_object\n"
	".size flag_unique_variable, 4\n"
	"flag_unique_variable: .long 1\n"
	".text\n");
