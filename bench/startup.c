/*
 * startup.c - what does a preload add to the life of a short program?
 *
 * usage: startup run ROUNDS PROGRAM ENVIRONMENT...	startup check with|without
 *
 * Runs PROGRAM, without arguments, in each of the environments in turn, a new order each round, and
 * prints a line a round: for each environment, in the order of the arguments, the nanoseconds from
 * before vfork(2) until wait4(2) has returned, and the program's minor page faults. An environment
 * is words NAME=VALUE with spaces between them. "check" asserts that linger is there, or is not; it
 * is for being started in those same environments.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDES 8
#define WORDS 8

struct side {
	char *words[WORDS + 1];
	uint64_t ns;
	long faults;
};

static void run(struct side *side, const char *program)
{
	char *argv[] = { (char *)(uintptr_t)program, NULL };
	uint64_t begin = bench_now();
	struct rusage usage;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(program, argv, side->words);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0)
		bench_die("%s does not run", program);
	side->ns = bench_now() - begin;
	side->faults = usage.ru_minflt;
}

static void split(struct side *side, char *text)
{
	int n = 0;

	for (char *word = strtok(text, " "); word && n < WORDS; word = strtok(NULL, " "))
		side->words[n++] = word;
}

int main(int argc, char **argv)
{
	static struct side side[SIDES];
	int order[SIDES], sides = argc - 4, rounds;

	if (argc == 3 && strcmp(argv[1], "check") == 0) {
		bench_pin(); /* the environment has come through */
		bench_assert_side(argv[2]);
		return 0;
	}
	if (argc < 5 || sides > SIDES || strcmp(argv[1], "run") != 0)
		bench_die("usage: startup run ROUNDS PROGRAM ENVIRONMENT...");
	bench_pin();
	rounds = atoi(argv[2]);
	for (int i = 0; i < sides; i++) {
		split(&side[i], argv[4 + i]);
		order[i] = i;
	}
	for (int round = -8; round < rounds; round++) { /* the first ones fill the page cache */
		for (int i = sides - 1; i > 0; i--) {
			int j = (int)(bench_random() % (uint64_t)(i + 1)), was = order[i];

			order[i] = order[j];
			order[j] = was;
		}
		for (int i = 0; i < sides; i++)
			run(&side[order[i]], argv[3]);
		for (int i = 0; i < sides && round >= 0; i++)
			printf("%llu %ld%c", (unsigned long long)side[i].ns, side[i].faults,
			       i == sides - 1 ? '\n' : ' ');
	}
	return 0;
}
