/*
 * host_shouts.c - four threads make as many dl calls as they can: for the log, since none is lost.
 *
 * usage: host_shouts CALLS PLUGIN      CALLS by each thread; the plugin is held open
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "host.h"

static int calls;
static pthread_barrier_t together;

static void *shout(void *path)
{
	pthread_barrier_wait(&together);
	for (int i = 0; i < calls; i++)
		close_handle(open_path(path, RTLD_NOW));
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[4];

	check(argc == 3, "usage: host_shouts CALLS PLUGIN");
	calls = atoi(argv[1]);
	pthread_barrier_init(&together, NULL, 4);
	open_path(argv[2], RTLD_NOW);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, shout, argv[2]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	puts("done");
	return 0;
}
