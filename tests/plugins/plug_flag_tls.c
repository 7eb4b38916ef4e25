/*
 * plug_flag_tls.c - has thread-local storage (PT_TLS), allocated when it is first used.
 * SPDX-License-Identifier: MIT
 */
char anchor;
_Thread_local int flag_tls_variable = 5;

int flag_tls(void);
int flag_tls(void)
{
	return flag_tls_variable++;
}
