/*
 * plug_pointed_at.c - code to be pointed at: a function, a caller, the body of a thread.
 *
 * SPDX-License-Identifier: MIT
 */

int callback(int n)
{
	return n + 1;
}

int variable = 7;
char space[65536]; /* for a stack */
long list[3];
static _Thread_local int own = 8;

int *own_variable(void)
{
	return &own;
}

/* Its frame stands between those of the host: code behind the call, so that it is none at the end. */
int calls(void (*function)(void *), void *arg)
{
	function(arg);
	variable++;
	return variable;
}

void *body(void *function)
{
	((void (*)(void))function)();
	variable++;
	return &variable;
}
