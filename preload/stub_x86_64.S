/*
 * stub_x86_64.S - the exported dl functions, each a C hook before a tail jump to the real one.
 *
 * The return address on the stack is the program's own, so glibc sees the program as the caller: it
 * decides RPATH and RUNPATH, $ORIGIN, the namespace and RTLD_NEXT by it (promise T). The hook gets
 * the function's arguments; none of these functions takes more than three, nor any in a vector
 * register (psABI 3.2.3). In the fourth the hook gets the place of the return address. lgr_real: real.h, in the order of its list.
 * A hook of dlclose may have called the real one itself (keep.h): then its result is the stub's.
 * ENDBR64 keeps the library fit for indirect branch tracking; a tail jump is fine with shadow stacks.
 * SPDX-License-Identifier: MIT
 */
	.macro	STUB name index
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.cfi_startproc
	endbr64
	push	%rdi
	.cfi_adjust_cfa_offset 8
	push	%rsi
	.cfi_adjust_cfa_offset 8
	push	%rdx
	.cfi_adjust_cfa_offset 8
	lea	24(%rsp), %rcx
	call	lgr_before_\name
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	pop	%rsi
	.cfi_adjust_cfa_offset -8
	pop	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	*(lgr_real + 8 * \index)(%rip)
	.cfi_endproc
	.size	\name, . - \name
	.endm

	/* The hook returns LGR_NOT_CLOSED (keep.h), or what the call returns. */
	.macro	STUB_DONE name index
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.cfi_startproc
	endbr64
	push	%rdi
	.cfi_adjust_cfa_offset 8
	call	lgr_before_\name
	pop	%rdi
	.cfi_adjust_cfa_offset -8
	cmp	$0x7fffffff, %eax
	je	1f
	ret
1:	jmp	*(lgr_real + 8 * \index)(%rip)
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.text
	STUB	dlopen 0
	STUB	dlmopen 1
	STUB_DONE dlclose 2
	STUB	dlsym 3
	STUB	dlvsym 4
	STUB	__cxa_finalize 5

/* Where readers outside the process find struct lgr_region: see wire.h. */
	.section .note.linger, "a", @note
	.balign	4
	.long	7, 8, 1
	.asciz	"linger"
	.balign	4
1:	.quad	lgr_region - 1b

	.section .note.GNU-stack, "", @progbits
