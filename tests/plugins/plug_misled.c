/*
 * plug_misled.c - something to call, and room for an alternate signal stack.
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

static char stack[1 << 16];

int misled_answer(void)
{
	return 42;
}

int misled_stack(void)
{
	const stack_t here = { .ss_sp = stack, .ss_size = sizeof(stack) };

	return sigaltstack(&here, NULL);
}
