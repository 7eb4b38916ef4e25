/*
 * plug_flag_textrel.c - has a relocation in its text, as code that is not position-independent.
 * SPDX-License-Identifier: MIT
 */
char anchor;

__asm__(".text\n"
	".balign 8\n"
	".quad anchor\n");
