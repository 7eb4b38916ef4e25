/*
 * asks.c - an unchanged program: it knows nothing of linger. It prints what its constructor, those of
 * its libraries and its main get.
 *
 * usage: asks [LIBRARY]: one to be opened
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>

int t_answer(void);
int t_other(void);
extern int constructed_early; /* in a library that is needed, at the start */

static int constructed;
__attribute__((constructor)) static void construct(void)
{
	constructed = t_answer();
}

int main(int argc, char **argv)
{
	printf("library %d program %d main %d other %d", constructed_early, constructed, t_answer(),
	       t_other());
	for (int i = 1; i < argc; i++) {
		void *handle = dlopen(argv[i], RTLD_NOW);
		int *later = handle ? dlsym(handle, "constructed_early") : NULL;

		printf(" opened %d", later ? *later : -1);
	}
	puts("");
	return 0;
}
