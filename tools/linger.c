/*
 * linger.c - main of the `linger` command, and the table of its subcommands.
 *
 * Owns nothing else: a subcommand is one file and one line of the table.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "tool.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *text;
} commands[] = {
	{ "run", lgr_cmd_run, "run a program with linger in it" },
	{ "ls", lgr_cmd_ls, "list the processes that have linger, or the objects of one" },
	{ "why", lgr_cmd_why, "say what keeps an object in a process" },
	{ "redirect", lgr_cmd_redirect, "redirect a symbol in a process" },
	{ "redirects", lgr_cmd_redirects, "list the redirects in a process" },
	{ "restore", lgr_cmd_restore, "take redirects in a process back" },
	{ "stat", lgr_cmd_stat, "show what linger does in a process, in numbers" },
	{ "gdb", lgr_cmd_gdb, "run gdb on a process or a core, with the files that were loaded" },
	{ "log", lgr_cmd_log, "show event logs" },
	{ "perf", lgr_cmd_perf,
	  "record and report with perf, which then names all that was loaded" },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(void)
{
	fputs("usage: linger COMMAND [OPTION]... [ARGUMENT]...\n\n", stdout);
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-9s %s\n", commands[i].name, commands[i].text);
	fputs("\n`linger COMMAND --help` says more; so does linger(1).\n"
	      "Settings are words in the variable LINGER: `LINGER=help linger run true` lists "
	      "them.\n",
	      stdout);
	return lgr_finish("linger", LGR_EXIT_DONE);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	lgr_say("linger", "there is no command '%s'; `linger --help` lists them", name);
	return NULL;
}

static int version(void)
{
	printf("linger %s (formats: version %u of log and region)\n", LGR_VERSION,
	       LGR_WIRE_VERSION);
	return lgr_finish("linger", LGR_EXIT_DONE);
}

/* `linger help` is `linger --help`, and `linger help run` is `linger run --help`. */
static int help_command(int argc, char **argv)
{
	static char option[] = "--help";
	const struct command *command;

	if (argc < 3)
		return help();
	command = find(argv[2]);
	if (!command)
		return LGR_EXIT_USAGE;
	return command->run(2, (char *[]){ argv[2], option, NULL });
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		lgr_say("linger", "name a command; `linger --help` lists them");
		return LGR_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help();
	if (!strcmp(argv[1], "--version"))
		return version();
	if (!strcmp(argv[1], "help"))
		return help_command(argc, argv);
	if (argv[1][0] == '-') {
		lgr_say("linger", "there is no option '%s' before the command; see `linger --help`",
			argv[1]);
		return LGR_EXIT_USAGE;
	}
	command = find(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : LGR_EXIT_USAGE;
}
