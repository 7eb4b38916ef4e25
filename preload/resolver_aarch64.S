/*
 * resolver_aarch64.S - what resolver.c describes: each returns the word of its number.
 * SPDX-License-Identifier: MIT
 */
#include "resolver.h"

	.text
	.globl	lgr_resolver_code
	.hidden	lgr_resolver_code
	.type	lgr_resolver_code, %function
	.balign	16
lgr_resolver_code:
	.cfi_startproc
	.set	i, 0
	.rept	LGR_RESOLVERS
	hint	#34 /* bti c */
	adrp	x0, lgr_resolver_says + 8 * i
	ldr	x0, [x0, :lo12:(lgr_resolver_says + 8 * i)]
	ret
	.set	i, i + 1
	.endr
	.cfi_endproc
	.size	lgr_resolver_code, . - lgr_resolver_code

	.section .note.GNU-stack, "", %progbits
