/*
 * lib_edge.c - as lib_inside.c, but t_inside ends where its segment does: what lies behind is another's.
 * Linked without start files, whose code would come behind it.
 * SPDX-License-Identifier: MIT
 */
int t_inside(void) __attribute__((visibility("protected")));
int call_inside(void);

__asm__(".section .text.edge,\"ax\"\n"
	".balign 4096\n"
	".fill 4096 - 11, 1, 0xcc\n"
	".globl t_inside\n"
	".protected t_inside\n"
	".type t_inside, @function\n"
	".globl t_second_name\n"
	".protected t_second_name\n"
	".type t_second_name, @function\n"
	".set t_second_name, t_inside\n"
	"t_inside: .byte 0x90, 0x90, 0x90, 0x90, 0x90\n"
	"	mov $5, %eax\n"
	"	ret\n"
	".size t_inside, . - t_inside\n"
	".text");

int call_inside(void)
{
	return t_inside() + t_inside() + t_inside();
}
