/*
 * rules_library.c - tells rules_host.c when it begins and ends. NAME: its letter.
 *
 * SPDX-License-Identifier: MIT
 */
void library_begins(char name, const void *anchor);
void library_ends(char name, const void *anchor);

int library_data;

__attribute__((constructor)) static void begin(void)
{
	library_begins(NAME, &library_data);
}

__attribute__((destructor)) static void end(void)
{
	library_ends(NAME, &library_data);
}

int library_answer(void)
{
	return NAME;
}
