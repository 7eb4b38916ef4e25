/*
 * plug_base.c - the plainest plugin there is: others need it, hosts open and close it.
 * SPDX-License-Identifier: MIT
 */
int base_value(void);
int base_counter; /* fresh in each load */
char anchor;

int base_value(void)
{
	return 40 + __atomic_add_fetch(&base_counter, 1, __ATOMIC_RELAXED);
}
