/*
 * plug_bare.c - linked without the compiler's start files: no _init, nothing that announces its
 * coming or its going; a constructor all the same.
 * SPDX-License-Identifier: MIT
 */
char anchor;
int bare_value;

static __attribute__((constructor)) void begin(void)
{
	bare_value = 17;
}
