/*
 * reach_hold.S - one address in one register, and in no other place of the process.
 * An address arrives XORed with REACH_KEY. What a function is called with and for: reach.h.
 * SPDX-License-Identifier: MIT
 */
#include "reach.h"

#define SYS_read 0
#define SYS_futex 202

	.macro FUNCTION name
	.globl \name
	.type \name, @function
	.p2align 4
\name:
	.cfi_startproc
	.endm
	.macro END name
	.cfi_endproc
	.size \name, . - \name
	.endm

	.text
FUNCTION wipe
	lea -REACH_FRAMES(%rsp), %rdi
	mov $REACH_FRAMES / 8, %ecx
	xor %eax, %eax
	rep stosq
	call clear_vectors
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	ret
END wipe

FUNCTION clear_vectors
	cmpb $32, reach_vectors(%rip)
	jb 1f
	vzeroall
	cmpb $64, reach_vectors(%rip)
	jb 2f
	.irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	vpxorq %zmm\n, %zmm\n, %zmm\n
	.endr
	ret
1:	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	pxor %xmm\n, %xmm\n
	.endr
2:	ret
END clear_vectors

	.macro SAVE
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm
	.macro RESTORE
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	.endm

/* Blocks until *r8 is not 0; r9: a descriptor to read a byte from, -1: none. Has set *rdx before. */
	.macro BLOCK
	movl $1, (%rdx)
1:	test %r9d, %r9d
	jns 2f
	mov $SYS_futex, %eax
	mov %r8, %rdi
	mov $128, %esi	/* FUTEX_WAIT | FUTEX_PRIVATE_FLAG */
	xor %edx, %edx
	xor %r10d, %r10d
	syscall
	jmp 3f
2:	mov $SYS_read, %eax
	mov %r9d, %edi
	mov %r8, %rsi
	mov $1, %edx
	syscall
3:	cmpl $0, (%r8)
	je 1b
	.endm

/* A register that calls preserve, of a thread that blocks. */
	.macro WAITING reg
FUNCTION hold_waiting_\reg
	SAVE
	mov %rsi, %r8
	mov %rcx, %r9
	mov %rdi, %\reg
	movabs $REACH_KEY, %rax
	xor %rax, %\reg
	BLOCK
	xor %\reg, %\reg
	RESTORE
	ret
END hold_waiting_\reg
	.endm
	.irp reg, rbx,rbp,r12,r13,r14,r15
	WAITING \reg
	.endr

/* Any register, of a thread that runs. */
	.macro SPINNING reg, word
FUNCTION hold_spinning_\reg
	SAVE
	push %rdi
	movabs $REACH_KEY, %rax
	xor %rax, (%rsp)
	mov %rsi, %\word
	mov %rdx, %rcx
	xor %eax, %eax
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	mov %rcx, %r11
	.ifc \reg, r11
	movl $1, (%rcx)
	.endif
	pop %\reg
	movq $0, -8(%rsp)
	.ifnc \reg, r11
	movl $1, (%r11)
	.endif
1:	pause
	cmpl $0, (%\word)
	je 1b
	xor %\reg, %\reg
	RESTORE
	ret
END hold_spinning_\reg
	.endm
	.irp reg, rax,rbx,rcx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14
	SPINNING \reg, r15
	.endr
	SPINNING r15, r14

/* Below the stack pointer, within the 128 bytes that a leaf function may use. */
FUNCTION hold_red_zone
	mov %rsi, %r8
	mov %rcx, %r9
	mov %rdi, -120(%rsp)
	movabs $REACH_KEY, %rax
	xor %rax, -120(%rsp)
	xor %edi, %edi
	BLOCK
	movq $0, -120(%rsp)
	ret
END hold_red_zone

FUNCTION hold_stack
	sub $0x1008, %rsp
	mov %rsi, %r8
	mov %rcx, %r9
	mov %rdi, 0x800(%rsp)
	movabs $REACH_KEY, %rax
	xor %rax, 0x800(%rsp)
	BLOCK
	movq $0, 0x800(%rsp)
	add $0x1008, %rsp
	ret
END hold_stack

/* On its own stack, while it runs on another one, which ends at fd. */
FUNCTION hold_switched
	push %rbp
	mov %rsp, %rbp
	mov %rsi, %r8
	mov $-1, %r9
	push %rdi
	movabs $REACH_KEY, %rax
	xor %rax, (%rsp)
	mov %rsp, %r10
	mov %rcx, %rsp
	push %r10
	push %rbp
	xor %r10d, %r10d
	BLOCK
	pop %rbp
	pop %rsp
	movq $0, (%rsp)
	mov %rbp, %rsp
	pop %rbp
	ret
END hold_switched

FUNCTION hold_mmx
	mov %rsi, %r8
	mov %rcx, %r9
	mov %rdi, -16(%rsp)
	movabs $REACH_KEY, %rax
	xor %rax, -16(%rsp)
	movq -16(%rsp), %mm5
	movq $0, -16(%rsp)
	BLOCK
	pxor %mm5, %mm5
	emms
	ret
END hold_mmx

/* arch_prctl would do the same on a processor or kernel without these instructions. */
FUNCTION hold_gs
	mov %rsi, %r8
	mov %rcx, %r9
	movabs $REACH_KEY, %rax
	xor %rax, %rdi
	wrgsbase %rdi
	xor %edi, %edi
	BLOCK
	xor %eax, %eax
	wrgsbase %rax
	ret
END hold_gs

/* image: what the register gets, of reach_vectors bytes; cleared before it is ready. */
FUNCTION hold_vector
	mov %rcx, %r11
	mov %rdx, %r10
	lea vector_loads(%rip), %rax
	movslq (%rax, %rdi, 4), %rdx
	add %rdx, %rax
	call *%rax
	movq $0, (%rsi)
	movq $0, 8(%rsi)
	cmpb $32, reach_vectors(%rip)
	jb 1f
	movq $0, 16(%rsi)
	movq $0, 24(%rsi)
	cmpb $64, reach_vectors(%rip)
	jb 1f
	.irp n, 32,40,48,56
	movq $0, \n(%rsi)
	.endr
1:	xor %eax, %eax
	xor %edx, %edx
	test %r8, %r8
	jnz 5f
	mov %r10, %r8
	mov $-1, %r9
	mov %r11, %rdx
	BLOCK
	jmp clear_vectors
5:	movl $1, (%r11)
6:	pause
	cmpl $0, (%r10)
	je 6b
	jmp clear_vectors
END hold_vector

	.macro LOAD n
load_\n:
	cmpb $64, reach_vectors(%rip)
	jae 2f
	.if \n < 16
	cmpb $32, reach_vectors(%rip)
	jae 1f
	movdqu (%rsi), %xmm\n
	ret
1:	vmovdqu (%rsi), %ymm\n
	ret
	.endif
2:	vmovdqu64 (%rsi), %zmm\n
	ret
	.endm
	.altmacro
	.macro LOADS n
	.if \n < 16
	LOAD \n
	.endif
	.endm
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	LOADS \n
	.endr
	.irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
load_\n:
	vmovdqu64 (%rsi), %zmm\n
	ret
	.endr
	.section .rodata
	.p2align 2
vector_loads:
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.long load_\n - vector_loads
	.endr
	.text

/* which: as in hold_waiting. */
	.macro AROUND reg, next
	cmp $\next, %ecx
	jne 1f
	mov %rdi, %\reg
	xor %rax, %\reg
1:
	.endm
FUNCTION around_register
	SAVE
	sub $8, %rsp
	movabs $REACH_KEY, %rax
	mov %rsi, %r8
	mov %rdx, %r9
	AROUND rbx, 0
	AROUND rbp, 1
	AROUND r12, 2
	AROUND r13, 3
	AROUND r14, 4
	AROUND r15, 5
	mov %r9, %rdi
	xor %eax, %eax
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	call *%r8
	add $8, %rsp
	RESTORE
	ret
END around_register

FUNCTION around_stack
	sub $0x108, %rsp
	mov %rdi, 0x80(%rsp)
	movabs $REACH_KEY, %rax
	xor %rax, 0x80(%rsp)
	mov %rdx, %rdi
	call *%rsi
	movq $0, 0x80(%rsp)
	add $0x108, %rsp
	ret
END around_stack

FUNCTION around_switched
	push %rbp
	mov %rsp, %rbp
	push %rdi
	movabs $REACH_KEY, %rax
	xor %rax, (%rsp)
	mov %rcx, %rsp
	mov %rdx, %rdi
	call *%rsi
	movq $0, -8(%rbp)
	mov %rbp, %rsp
	pop %rbp
	ret
END around_switched

	.section .data.rel.ro, "aw"
	.p2align 3
	.globl hold_waiting, hold_spinning
hold_waiting:
	.irp reg, rbx,rbp,r12,r13,r14,r15
	.quad hold_waiting_\reg
	.endr
hold_spinning:
	.irp reg, rax,rbx,rcx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
	.quad hold_spinning_\reg
	.endr
	.section .note.GNU-stack, "", @progbits
