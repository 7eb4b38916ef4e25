/*
 * redirect.c - `linger redirect`, `linger redirects`, `linger restore`: redirects in a running process.
 *
 * Owns no state beyond one run of the command. What can be judged from outside is judged before the process
 * is asked.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "spec.h"
#include "tool.h"

#define WAIT 5.0 /* seconds */

/* What all three take. */
struct command {
	char *who;
	const char *usage;
	int arguments; /* behind PID */
	double wait;
	bool json;
	pid_t pid;
};

static int usage(const struct command *c)
{
	fputs(c->usage, stdout);
	return lgr_finish(c->who, LGR_EXIT_DONE);
}

static bool parse_wait(struct command *c, const char *s)
{
	char *end;

	c->wait = strtod(s, &end);
	if (end != s && !*end && c->wait >= 0 && c->wait <= 1e6)
		return true;
	lgr_say(c->who, "'%s' is no number of seconds", s);
	return false;
}

/* -1: go on; else the exit status. */
static int take_options(struct command *c, int argc, char **argv)
{
	const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ c->arguments ? NULL : "json", no_argument, NULL, 'j' }, /* of what lists alone */
		{ NULL, 0, NULL, 0 },
	};
	int option;

	argv[0] = c->who; /* getopt's messages begin with it */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'j': c->json = true; break;
		case 'w':
			if (!parse_wait(c, optarg))
				return LGR_EXIT_USAGE;
			break;
		case 'h': return usage(c);
		default: return LGR_EXIT_USAGE;
		}
	}
	if (argc - optind != 1 + c->arguments) {
		lgr_say(c->who, "it takes %s; see `%s --help`",
			c->arguments ? "a process and one word more" : "one process", c->who);
		return LGR_EXIT_USAGE;
	}
	if (!lgr_parse_pid(argv[optind], &c->pid)) {
		lgr_say(c->who, "'%s' is no process number; `linger ls` lists them", argv[optind]);
		return LGR_EXIT_USAGE;
	}
	return -1;
}

/* Asks with "WORD ARGUMENT". 0 or the exit status. */
static int ask(const struct command *c, const char *word, const char *argument, char **ret_answer)
{
	_cleanup_free_ char *request = NULL;

	if (asprintf(&request, "%s%s%s", word, *argument ? " " : "", argument) < 0) {
		request = NULL;
		lgr_say(c->who, "there is not enough memory to ask");
		return LGR_EXIT_FAILED;
	}
	return lgr_control_ask(c->who, c->pid, request, c->wait, ret_answer);
}

/* ------------------------------------------------------------------- redirect */

/* The library has to be of the command's own machine, as the shim in the process is. */
static int judge(const struct command *c, const char *word)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct lgr_elf_file own;
	int r = fd < 0 ? -errno : lgr_elf_file_read(lgr_read_fd, &fd, &own);

	if (r < 0) {
		lgr_say(c->who, "the command itself cannot be read: %s", strerror(-r));
		return LGR_EXIT_FAILED;
	}
	return lgr_redirect_judge(c->who, word, &own) == 0 ? 0 : LGR_EXIT_FAILED;
}

int lgr_cmd_redirect(int argc, char **argv)
{
	static char who[] = "linger redirect";
	struct command c = { .who = who, .arguments = 1, .wait = WAIT };
	_cleanup_free_ char *word = NULL;
	_cleanup_free_ char *answer = NULL;
	char *rest, *remark;
	int r;

	c.usage = "usage: linger redirect [--wait SECONDS] PID " LGR_REDIRECT_FORM "\n"
		  "From now on, calls of SYM in process PID, which was started with the setting\n"
		  "`control`, go to that of LIB. Prints the redirect's number.\n\n"
		  "      --wait SECONDS   how long the process may take to come to it (5)\n"
		  "      --help           show this\n";
	r = take_options(&c, argc, argv);
	if (r >= 0)
		return r;
	if (!lgr_redirect_valid(argv[optind + 1])) {
		lgr_say(who, "bad redirect '%s': it takes " LGR_REDIRECT_FORM, argv[optind + 1]);
		return LGR_EXIT_USAGE;
	}
	word = lgr_redirect_word(who, argv[optind + 1]);
	r = word ? judge(&c, word) : LGR_EXIT_FAILED;
	if (r == 0)
		r = ask(&c, "redirect", word, &answer);
	if (r != 0)
		return r;
	rest = answer;
	printf("%s\n", strsep(&rest, "\n") + 3);
	remark = strsep(&rest, "\n");
	if (remark && *remark)
		lgr_say(who, "%s", remark);
	return lgr_finish(who, LGR_EXIT_DONE);
}

/* ------------------------------------------------------------------ redirects */

struct row {
	uint64_t number, changed, unbound, other;
	unsigned given;
	const char *symbol, *library;
};

static bool parse(char *line, struct row *ret)
{
	int at = 0;
	char *tab = strchr(line, '\t');

	if (!tab ||
	    sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %u %n", &ret->number,
		   &ret->changed, &ret->unbound, &ret->other, &ret->given, &at) != 5)
		return false;
	*tab = '\0';
	ret->symbol = line + at;
	ret->library = tab + 1;
	return true;
}

static void json_row(const struct command *c, const struct row *row)
{
	struct lgr_json j;

	lgr_json_begin(&j, stdout);
	lgr_json_number(&j, "pid", (uint64_t)c->pid);
	lgr_json_number(&j, "number", row->number);
	lgr_json_string(&j, "symbol", row->symbol);
	lgr_json_string(&j, "library", row->library);
	lgr_json_number(&j, "changed", row->changed);
	lgr_json_number(&j, "unbound", row->unbound);
	lgr_json_number(&j, "other", row->other);
	lgr_json_bool(&j, "restorable", row->given);
	lgr_json_end(&j);
}

static void text_row(const struct row *row)
{
	printf("%6" PRIu64 "  %7" PRIu64 "  %7" PRIu64 "  %5" PRIu64 "  ", row->number,
	       row->changed, row->unbound, row->other);
	lgr_put_text(stdout, row->symbol, strlen(row->symbol));
	fputs("  ", stdout);
	lgr_put_text(stdout, row->library, strlen(row->library));
	fputc('\n', stdout);
}

int lgr_cmd_redirects(int argc, char **argv)
{
	static char who[] = "linger redirects";
	struct command c = { .who = who, .wait = WAIT };
	_cleanup_free_ char *answer = NULL;
	struct row row;
	char *rest;
	int r;

	c.usage = "usage: linger redirects [--json] [--wait SECONDS] PID\n"
		  "Lists the redirects in process PID, which was started with the setting "
		  "`control`.\n\n"
		  "      --json           one JSON object per line\n"
		  "      --wait SECONDS   how long the process may take to come to it (5)\n"
		  "      --help           show this\n";
	r = take_options(&c, argc, argv);
	if (r < 0)
		r = ask(&c, "redirects", "", &answer);
	else
		return r;
	if (r != 0)
		return r;
	if (!c.json)
		printf("NUMBER  CHANGED  UNBOUND  OTHER  SYMBOL  LIBRARY\n");
	rest = answer;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (!parse(line, &row))
			continue;
		if (c.json)
			json_row(&c, &row);
		else
			text_row(&row);
	}
	return lgr_finish(who, LGR_EXIT_DONE);
}

/* -------------------------------------------------------------------- restore */

int lgr_cmd_restore(int argc, char **argv)
{
	static char who[] = "linger restore";
	struct command c = { .who = who, .arguments = 1, .wait = WAIT };
	_cleanup_free_ char *answer = NULL;
	const char *which;
	int r;

	c.usage = "usage: linger restore [--wait SECONDS] PID NUMBER|all\n"
		  "Takes a redirect in process PID back, or all but those that the program itself "
		  "has\n"
		  "made. `linger redirects` lists the numbers. The library stays loaded.\n\n"
		  "      --wait SECONDS   how long the process may take to come to it (5)\n"
		  "      --help           show this\n";
	r = take_options(&c, argc, argv);
	if (r >= 0)
		return r;
	which = argv[optind + 1];
	if (strcmp(which, "all") && (!*which || which[strspn(which, "0123456789")])) {
		lgr_say(who, "'%s' is no number of a redirect; `linger redirects` lists them",
			which);
		return LGR_EXIT_USAGE;
	}
	r = ask(&c, "restore", which, &answer);
	return r == 0 ? lgr_finish(who, LGR_EXIT_DONE) : r;
}
