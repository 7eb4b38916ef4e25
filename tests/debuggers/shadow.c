/*
 * shadow.c - what a program's calls are redirected to: with frames of its own on the stack.
 *
 * SPDX-License-Identifier: MIT
 */
void traced(const char *place);
void shadow_traced(const char *place);
void shadow_hurl(void);

static volatile int calls; /* touched after each call: no call is a jump */

/* In front of the host's, which it still reaches. */
void shadow_traced(const char *place)
{
	traced(place);
	calls++;
}

/* Instead of the library's. */
void shadow_hurl(void)
{
	traced("hurled");
	traced("throw");
	calls++;
}
