/*
 * lib_versions.c - one name in two versions with different code, and one in a version script.
 * SPDX-License-Identifier: MIT
 */
int versioned_1(void);
int versioned_2(void);
int t_scripted(void);

int versioned_1(void)
{
	return 11;
}

int versioned_2(void)
{
	return 22;
}

int t_scripted(void)
{
	return 33;
}

__asm__(".symver versioned_1,t_versioned@V1");
__asm__(".symver versioned_2,t_versioned@@V2");
