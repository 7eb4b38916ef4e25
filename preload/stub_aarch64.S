/*
 * stub_aarch64.S - the exported dl functions, each a C hook before a tail jump to the real one.
 *
 * As stub_x86_64.S: x30, the program's own return address, is as it was when the real function
 * begins; the hook's fourth argument is the program's stack pointer. x16 may be changed between a call and its target (AAPCS64, "Procedure Call Standard").
 * SPDX-License-Identifier: MIT
 */
	.macro	BEGIN name
	.globl	\name
	.type	\name, %function
	.balign	16
\name:
	.cfi_startproc
	hint	#34 /* bti c */
	.endm
	.macro	END name index
	adrp	x16, lgr_real + 8 * \index
	ldr	x16, [x16, :lo12:(lgr_real + 8 * \index)]
	br	x16
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	STUB name index
	BEGIN	\name
	stp	x29, x30, [sp, #-48]!
	.cfi_def_cfa_offset 48
	.cfi_offset 29, -48
	.cfi_offset 30, -40
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	str	x2, [sp, #32]
	add	x3, sp, #48
	bl	lgr_before_\name
	ldr	x2, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #48
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	END	\name \index
	.endm

	/*
	 * Below the program's stack pointer the LGR_SAVED words (stub.h) that it may still need: its
	 * arguments, and what it has in registers that calls preserve. What else is in registers is dead.
	 */
	.macro	ENTERED second
	stp	x29, x30, [sp, #-192]!
	.cfi_def_cfa_offset 192
	.cfi_offset 29, -192
	.cfi_offset 30, -184
	mov	x29, sp
	str	x2, [sp, #16]
	stp	x0, \second, [sp, #32]
	stp	x19, x20, [sp, #48]
	stp	x21, x22, [sp, #64]
	stp	x23, x24, [sp, #80]
	stp	x25, x26, [sp, #96]
	stp	x27, x28, [sp, #112]
	stp	d8, d9, [sp, #128]
	stp	d10, d11, [sp, #144]
	stp	d12, d13, [sp, #160]
	stp	d14, d15, [sp, #176]
	add	x3, sp, #192
	.endm
	.macro	LEFT
	ldp	x29, x30, [sp], #192
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	.endm

	/* The hook returns what the first argument is to be. */
	.macro	STUB_SAVING name index
	BEGIN	\name
	ENTERED	x1
	bl	lgr_before_\name
	ldr	x2, [sp, #16]
	ldr	x1, [sp, #40]
	LEFT
	END	\name \index
	.endm

	/* The hook returns LGR_NOT_CLOSED (keep.h), or what the call returns. */
	.macro	STUB_DONE name index
	BEGIN	\name
	ENTERED	xzr
	bl	lgr_before_\name
	ldr	x1, [sp, #32]
	LEFT
	mov	w2, #0x7fffffff
	cmp	w0, w2
	b.eq	1f
	ret
1:	mov	x0, x1
	END	\name \index
	.endm

	/* The hook returns what the call returns, or NULL. */
	.macro	STUB_FOUND name index
	BEGIN	\name
	stp	x29, x30, [sp, #-48]!
	.cfi_def_cfa_offset 48
	.cfi_offset 29, -48
	.cfi_offset 30, -40
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	str	x2, [sp, #32]
	add	x3, sp, #48
	bl	lgr_before_\name
	mov	x9, x0
	ldr	x2, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #48
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	cbz	x9, 1f
	mov	x0, x9
	ret
1:	END	\name \index
	.endm

	.text
	STUB_SAVING dlopen 0
	STUB_SAVING dlmopen 1
	STUB_DONE dlclose 2
	STUB_FOUND dlsym 3
	STUB_FOUND dlvsym 4
	STUB	__cxa_finalize 5

/* Where readers outside the process find struct lgr_region: see wire.h. */
	.section .note.linger, "a", %note
	.balign	4
	.long	7, 8, 1
	.asciz	"linger"
	.balign	4
1:	.quad	lgr_region - 1b

	.section .note.GNU-stack, "", %progbits
