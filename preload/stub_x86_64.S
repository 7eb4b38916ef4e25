/*
 * stub_x86_64.S - the exported dl functions, each a C hook before a tail jump to the real one.
 *
 * The return address on the stack is the program's own, so glibc sees the program as the caller: it
 * decides RPATH and RUNPATH, $ORIGIN, the namespace and RTLD_NEXT by it (promise T). The hook gets
 * the function's arguments; none of these functions takes more than three, nor any in a vector
 * register (psABI 3.2.3). In the fourth the hook gets the place of the return address. lgr_real:
 * real.h, in the order of its list. A hook of dlclose may have called the real one itself (keep.h):
 * then its result is the stub's.
 * ENDBR64 keeps the library fit for indirect branch tracking; a tail jump is fine with shadow stacks.
 * SPDX-License-Identifier: MIT
 */
	.macro	STACK register
	push	\register
	.cfi_adjust_cfa_offset 8
	.endm
	.macro	UNSTACK register
	pop	\register
	.cfi_adjust_cfa_offset -8
	.endm
	.macro	BEGIN name
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
	.cfi_startproc
	endbr64
	.endm
	.macro	END name index
	jmp	*(lgr_real + 8 * \index)(%rip)
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	STUB name index
	BEGIN	\name
	STACK	%rdi
	STACK	%rsi
	STACK	%rdx
	lea	24(%rsp), %rcx
	call	lgr_before_\name
	UNSTACK	%rdx
	UNSTACK	%rsi
	UNSTACK	%rdi
	END	\name \index
	.endm

	/*
	 * Below the return address the LGR_SAVED words (stub.h) that the program may still need: its
	 * arguments, and what it has in registers that calls preserve. What else is in registers is dead.
	 */
	.macro	SAVE
	STACK	%rbx
	STACK	%rbp
	STACK	%r12
	STACK	%r13
	STACK	%r14
	STACK	%r15
	.endm
	.macro	FORGET_SAVED
	add	$48, %rsp
	.cfi_adjust_cfa_offset -48
	.endm

	/* The hook returns what the first argument is to be. */
	.macro	STUB_SAVING name index
	BEGIN	\name
	STACK	%rdi
	STACK	%rsi
	SAVE
	STACK	%rdx
	lea	72(%rsp), %rcx
	call	lgr_before_\name
	UNSTACK	%rdx
	FORGET_SAVED
	UNSTACK	%rsi
	UNSTACK	%rdi
	mov	%rax, %rdi
	END	\name \index
	.endm

	/* The hook returns LGR_NOT_CLOSED (keep.h), or what the call returns. */
	.macro	STUB_DONE name index
	BEGIN	\name
	STACK	%rdi
	STACK	$0
	SAVE
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	lea	72(%rsp), %rcx
	call	lgr_before_\name
	add	$16 + 48, %rsp
	.cfi_adjust_cfa_offset -64
	UNSTACK	%rdi
	cmp	$0x7fffffff, %eax
	je	1f
	ret
1:	END	\name \index
	.endm

	/* The hook returns what the call returns, or NULL. */
	.macro	STUB_FOUND name index
	BEGIN	\name
	STACK	%rdi
	STACK	%rsi
	STACK	%rdx
	lea	24(%rsp), %rcx
	call	lgr_before_\name
	UNSTACK	%rdx
	UNSTACK	%rsi
	UNSTACK	%rdi
	test	%rax, %rax
	jz	1f
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
	.section .note.linger, "a", @note
	.balign	4
	.long	7, 8, 1
	.asciz	"linger"
	.balign	4
1:	.quad	lgr_region - 1b

	.section .note.GNU-stack, "", @progbits
