/*
 * redirects.h - what the hosts of these tests share: making and undoing redirects, failing loudly.
 *
 * A host stands for a stranger's program: of linger it sees the public header alone.
 * SPDX-License-Identifier: MIT
 */
#ifndef REDIRECTS_H
#define REDIRECTS_H

#include "host.h"

typedef int function(void);

/* What each library of lib_caller.c shows of itself. */
struct caller {
	int build;
	function *answer, *other, *chosen; /* they call t_answer, t_other, t_chosen */
	function *by_got;		   /* calls t_answer by an address taken in code */
	function **word;		   /* an initialised pointer to t_answer */
	function **stored;		   /* another, which the program may overwrite */
	function *taken, **taken_word; /* the same of t_taken, whose address the program takes */
	int constructed;	       /* what t_answer gave in its constructor */
	int (*data)(void);	       /* reads t_data */
	void *(*find)(void *handle, const char *name, const char *version);
	void *(*open)(const char *name);
};

/* What those of lib_late.c show: they are bound to t_second. */
struct late {
	int constructed;
	function *call, *by_got, **word;
};

static const char *folder; /* where the libraries are */

static inline const char *in_folder(const char *name)
{
	static _Thread_local char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline void *open_library(const char *name, int mode)
{
	return open_path(in_folder(name), mode);
}

static inline struct caller *caller_of(void *handle)
{
	return symbol(handle, "caller_api");
}

static inline function *function_of(void *handle, const char *name)
{
	return (function *)(uintptr_t)symbol(handle, name);
}

static inline const void *address_of(function *f)
{
	return (const void *)(uintptr_t)f;
}

static inline linger_redirect *redirect(const struct linger_change *change)
{
	char err[256] = "";
	linger_redirect *ret = NULL;
	int r = linger_redirect_one(change, &ret, err, sizeof(err));

	check(r == 0, "redirecting %s: %s: %s", change->symbol ? change->symbol : "an address",
	      strerror(-r), err);
	check(ret, "redirecting %s gave no handle", change->symbol ? change->symbol : "an address");
	check(!*err, "a sentence without an error: %s", err);
	return ret;
}

static inline linger_redirect *redirect_to(const char *name, function *replacement)
{
	return redirect(
		&(struct linger_change){ .symbol = name, .replacement = address_of(replacement) });
}

static inline void restore(linger_redirect *made)
{
	int r = linger_restore(made);

	check(r == 0, "restoring: %s", strerror(-r));
}

static inline function *previous_of(const linger_redirect *made)
{
	void *ret = NULL;
	int r = linger_previous(made, &ret);

	check(r == 0, "the previous: %s", strerror(-r));
	return (function *)(uintptr_t)ret;
}

/* gives CALL WANTED WHEN: a call's result. */
#define gives(call, wanted, ...)                                                                   \
	do {                                                                                       \
		int got_ = (call);                                                                 \
		if (got_ != (wanted)) {                                                            \
			char when_[256];                                                           \
			snprintf(when_, sizeof(when_), __VA_ARGS__);                               \
			fail("%s is %d, not %d: %s (line %d)", #call, got_, (wanted), when_,       \
			     __LINE__);                                                            \
		}                                                                                  \
	} while (0)

/* Whether any mapping's path ends like this. */
static inline bool is_mapped(const char *name)
{
	char line[4096 + 128];
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;

	check(maps, "/proc/self/maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), maps)) {
		size_t n = strcspn(line, "\n"), m = strlen(name);

		line[n] = '\0';
		found |= n > m && !strcmp(line + n - m, name);
	}
	fclose(maps);
	return found;
}

#endif
