/*
 * resolver_x86_64.S - what resolver.c describes: each returns the word of its number.
 * SPDX-License-Identifier: MIT
 */
#include "resolver.h"

	.text
	.globl	lgr_resolver_code
	.hidden	lgr_resolver_code
	.type	lgr_resolver_code, @function
	.balign	16
lgr_resolver_code:
	.cfi_startproc
	.set	i, 0
	.rept	LGR_RESOLVERS
	.balign	16
	endbr64
	mov	lgr_resolver_says + 8 * i(%rip), %rax
	ret
	.set	i, i + 1
	.endr
	.balign	16
	.cfi_endproc
	.size	lgr_resolver_code, . - lgr_resolver_code

	.section .note.GNU-stack, "", @progbits
