/*
 * plug_needs_base.c - needs plug_base, and defines something of its own.
 * SPDX-License-Identifier: MIT
 */
int base_value(void);
int needs_base_value(void);

int needs_base_value(void)
{
	return base_value() + 1;
}
