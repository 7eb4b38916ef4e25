/*
 * plug_flag_static_tls.c - has thread-local storage at a fixed offset from the thread pointer
 * (DF_STATIC_TLS).
 * SPDX-License-Identifier: MIT
 */
char anchor;
static _Thread_local int variable __attribute__((tls_model("initial-exec"))) = 5;

int flag_static_tls(void);
int flag_static_tls(void)
{
	return variable++;
}
