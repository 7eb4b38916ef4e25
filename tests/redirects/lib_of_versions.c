/*
 * lib_of_versions.c - a library linked to both versions of t_versioned.
 * SPDX-License-Identifier: MIT
 */
int old_versioned(void);
int t_versioned(void);
int t_scripted(void);
int call_old(void);
int call_new(void);
int call_scripted(void);
int old_word(void);
int new_word(void);

__asm__(".symver old_versioned,t_versioned@V1");

static int (*volatile words[2])(void) = { old_versioned, t_versioned };

int call_old(void)
{
	return old_versioned() + 0;
}

int call_new(void)
{
	return t_versioned() + 0;
}

int call_scripted(void)
{
	return t_scripted() + 0;
}

int old_word(void)
{
	return words[0]();
}

int new_word(void)
{
	return words[1]();
}
