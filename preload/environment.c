/*
 * environment.c - the settings, as the environment has them. See environment.h.
 *
 * Owns: the settings and their text. Called at start only. The C library's getenv is no use: when
 * the shim starts, the C library has not been told of the environment yet.
 * SPDX-License-Identifier: MIT
 */
#include "environment.h"

#include "sys.h"
#include "text.h"

#define LONGEST ((size_t)32 << 10)

struct lgr_settings lgr_settings;
const char *lgr_settings_text;

static char words[LONGEST] LGR_BIG; /* lgr_settings refers to it; cut into pieces */
static char original[1024] LGR_BIG; /* as given, for people */

/* The string NAME= in envp, behind the =. */
static char *find(char **envp, const char *name)
{
	for (; envp && *envp; envp++) {
		const char *behind = lgr_after(*envp, name);

		if (behind)
			return *envp + (behind - *envp);
	}
	return NULL;
}

static void say(void *arg, const char *s, size_t len)
{
	lgr_sys_write(2, s, len);
}

/* What is being parsed: a copy of value, which is the program's own, or NULL for want of it. */
struct given {
	char *value;
	const char *copy;
	size_t size;
	bool said; /* its unknown words have been named already */
};

static void bad_word(void *arg, const char *word, size_t len, const char *problem)
{
	const struct given *given = arg;
	char line[512];
	struct lgr_text text;

	if (!given->said) {
		lgr_text_init(&text, line, sizeof(line));
		lgr_text_add(&text, "linger: setting '");
		lgr_text_add_n(&text, word, lgr_min(len, (size_t)200));
		lgr_text_add(&text, "' is ignored: ");
		lgr_text_add(&text, problem);
		lgr_text_add(&text, "; LINGER=help prints the list\n");
		say(NULL, line, text.len);
	}
	/* Commas stand for nothing: the child programs' linger does not see the word. */
	if (given->value && word >= given->copy && word < given->copy + given->size)
		for (size_t i = 0; i < len; i++)
			given->value[word - given->copy + (ptrdiff_t)i] = ',';
}

static void forget_help(char *value)
{
	for (; value && *value; value++) {
		const char *behind = lgr_after(value, "help");

		if (behind && (!*behind || *behind == ','))
			for (; value < behind; value++)
				*value = ',';
		while (*value && *value != ',')
			value++;
		if (!*value)
			return;
	}
}

/* Before the program's own environment can be had: a copy of what exec was given. */
static const char *read_proc(char *buffer, size_t size)
{
	int fd = lgr_sys_openat("/proc/self/environ", O_RDONLY, 0);
	size_t len = 0;
	long n;

	if (fd < 0)
		return NULL;
	while (len < size - 2 && (n = lgr_sys_read(fd, buffer + len, size - 2 - len)) > 0)
		len += (size_t)n;
	lgr_sys_close(fd);
	buffer[len] = buffer[len + 1] = '\0';
	for (const char *s = buffer; *s; s += lgr_len(s) + 1)
		if (lgr_after(s, "LINGER="))
			return lgr_after(s, "LINGER=");
	return NULL;
}

static void apply(const char *value, char *own)
{
	struct given given = { .value = own, .copy = words, .size = sizeof(words) };
	struct lgr_text text;

	lgr_text_init(&text, original, sizeof(original));
	lgr_text_add(&text, value);
	lgr_settings_text = original;
	lgr_text_init(&text, words, sizeof(words));
	lgr_text_add(&text, value);
	if (text.cut) /* the last word is a piece of one */
		bad_word(&given, "LINGER", 6, "it is longer than 32767 bytes");
	lgr_settings_apply(&lgr_settings, words, bad_word, &given);
}

void lgr_environment_read(char **envp)
{
	const size_t size = (size_t)1
			    << 20; /* more than twice what exec takes by default in strings */
	char *own = find(envp, "LINGER="), *buffer;

	lgr_settings_init(&lgr_settings);
	if (own) {
		apply(own, own);
	} else if (!envp) {
		buffer = lgr_sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				      -1);
		if (buffer) {
			const char *value = read_proc(buffer, size);

			if (value)
				apply(value, NULL);
			lgr_sys_munmap(buffer, size);
		}
	}
	if (lgr_settings.of[LGR_SET_HELP].given) {
		lgr_settings_help(say, NULL);
		forget_help(own);
	}
}

void lgr_environment_forget(char **envp)
{
	struct given given = { .value = find(envp, "LINGER="), .size = LONGEST, .said = true };
	struct lgr_settings settings;
	struct lgr_text text;
	char *copy;

	if (!given.value)
		return;
	copy = lgr_sys_mmap(LONGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!copy)
		return;
	given.copy = copy;
	lgr_settings_init(&settings);
	lgr_text_init(&text, copy, LONGEST);
	lgr_text_add(&text, given.value);
	lgr_settings_apply(&settings, copy, bad_word, &given);
	lgr_sys_munmap(copy, LONGEST);
	forget_help(given.value);
}

void lgr_environment_hide(char **envp, const char *shim)
{
	char *list = find(envp, "LD_PRELOAD=");
	const char *slash = lgr_last(shim, '/');
	const char *name = slash ? slash + 1 : shim;
	size_t len = lgr_len(name);

	/* Entries are separated by spaces and colons; empty ones are nothing. The loader may have
	 * found the shim by another spelling ($LIB, a bare name), so its last part decides. */
	while (list && *list) {
		size_t n = 0, base = 0;

		for (; list[n] && list[n] != ' ' && list[n] != ':'; n++)
			if (list[n] == '/')
				base = n + 1;
		if (n - base == len && lgr_same(list + base, name, len))
			for (size_t i = 0; i < n; i++)
				list[i] = ' ';
		list += n;
		while (*list == ' ' || *list == ':')
			list++;
	}
}
