/*
 * lib_caller.c - a library that is bound to t_answer and others in every way there is: by the PLT, by
 * the GOT, by words in data; in its constructor; by dlsym.
 * SPDX-License-Identifier: MIT
 */
#include "redirects.h"

#ifndef BUILD
#define BUILD 1
#endif

int t_answer(void);
int t_other(void);
int t_chosen(void);
int t_taken(void);
extern int t_data;

static int call_answer(void)
{
	return t_answer() + 0;
}

static int call_other(void)
{
	return t_other() + 0;
}

static int call_chosen(void)
{
	return t_chosen() + 0;
}

static int call_by_got(void)
{
	function *volatile f = t_answer;

	return f();
}

static int read_data(void)
{
	return t_data;
}

static int call_taken(void)
{
	return t_taken() + 0;
}

static function *word = t_answer, *stored = t_answer, *taken_word = t_taken;

static void *find(void *handle, const char *name, const char *version)
{
	void *found = version ? dlvsym(handle, name, version) : dlsym(handle, name);

	__asm__ volatile("" ::: "memory"); /* no tail call: who calls counts */
	return found;
}

static void *open_by_name(const char *name)
{
	void *handle = dlopen(name, RTLD_NOW);

	__asm__ volatile("" ::: "memory");
	return handle;
}

extern struct caller caller_api;
struct caller caller_api = {
	.build = BUILD,
	.answer = call_answer,
	.other = call_other,
	.chosen = call_chosen,
	.by_got = call_by_got,
	.word = &word,
	.stored = &stored,
	.taken = call_taken,
	.taken_word = &taken_word,
	.data = read_data,
	.find = find,
	.open = open_by_name,
};

__attribute__((constructor)) static void construct(void)
{
	caller_api.constructed = t_answer();
}
