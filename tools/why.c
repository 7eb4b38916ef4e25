/*
 * why.c - `linger why`: what keeps an object, in words.
 *
 * Owns no state beyond one run of the command. Reads from outside; where the reference is on a stack, its
 * thread is stopped for a moment. What linger saw is not believed: a word is read again before it is named.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

#define WHO "linger why"
#define CHAIN_MAX 64u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LOOKED_AT "it is looked at again at the next dlopen or dlclose"

static const char *const state_names[] = {
#define X(id, name) name,
	LGR_STATES(X)
#undef X
};
static const char *const place_names[] = {
#define X(id, name) name,
	LGR_PLACES(X)
#undef X
};
static const char *const encoding_names[] = {
#define X(id, name) name,
	LGR_ENCODINGS(X)
#undef X
};
static const char *const unseen_texts[] = {
#define X(id, name, text) text,
	LGR_UNSEEN(X)
#undef X
};
static const char *const encoding_texts[] = {
	[LGR_EN_PLAIN] = "",
	[LGR_EN_TAGGED] = " (tagged)",
	[LGR_EN_DOUBLED] = " (2*address+1)",
	[LGR_EN_MANGLED] = " (mangled by setjmp/atexit)",
	[LGR_EN_UNALIGNED] = " (unaligned)",
	[LGR_EN_RELATIVE] = " (in code)",
};
static_assert(COUNT(encoding_texts) == LGR_EN_COUNT, "a text for each encoding");

/* ---------------------------------------------------------- which is meant */

/* An object that may be meant by a word. */
static bool is_named(const struct lgr_proc_object *o, const char *word, const struct stat *st)
{
	if (!strchr(word, '/'))
		return *word && (!strcmp(o->soname, word) || !strcmp(lgr_object_name(o), word));
	if (!strcmp(o->path, word))
		return true;
	return st && o->object.file.ino == st->st_ino && o->object.file.dev == st->st_dev;
}

static bool parse_number(const char *s, int base, uint64_t *ret)
{
	char *end;

	if (!strchr("0123456789abcdefABCDEF", *s) || !*s)
		return false;
	errno = 0;
	*ret = strtoull(s, &end, base);
	return !*end && !errno;
}

/*
 * The objects that @word names, as pointers into @view: the number of them. @found has room for all.
 * A path that no object has may be another name of the file of one.
 */
static size_t find_objects(const struct lgr_view *view, const char *word,
			   const struct lgr_proc_object **found)
{
	const struct lgr_proc_object *o = NULL;
	struct stat st;
	uint64_t number;
	size_t n = 0;

	if (!strncmp(word, "0x", 2) && parse_number(word + 2, 16, &number))
		o = lgr_view_object(view, number);
	else if (parse_number(*word == '#' ? word + 1 : word, 10, &number))
		o = lgr_view_object_by_id(view, number);
	if (o) {
		found[0] = o;
		return 1;
	}
	for (size_t i = 0; i < view->objects.count; i++)
		if (is_named(&view->objects.object[i], word, NULL))
			found[n++] = &view->objects.object[i];
	if (n || !strchr(word, '/') || stat(word, &st) < 0)
		return n;
	for (size_t i = 0; i < view->objects.count; i++)
		if (is_named(&view->objects.object[i], word, &st))
			found[n++] = &view->objects.object[i];
	return n;
}

static const char *state_of(const struct lgr_proc_object *o)
{
	uint32_t state = lgr_proc_object_state(o);

	return state < COUNT(state_names) ? state_names[state] : "?";
}

static bool is_kept(const struct lgr_proc_object *o)
{
	return lgr_proc_object_state(o) == LGR_ST_KEPT;
}

static enum lgr_reason reason_of(const struct lgr_proc_object *o)
{
	return o->object.reason < LGR_RSN_COUNT ? o->object.reason : LGR_RSN_UNKNOWN;
}

/* ------------------------------------------------------------- the witness */

/* Only these reasons have one; what stands there under another is of an earlier one. */
static const struct lgr_witness *witness_of(const struct lgr_proc_object *o)
{
	const struct lgr_witness *w = &o->object.witness;

	switch (o->object.reason) {
	case LGR_RSN_MEMORY:
	case LGR_RSN_STACK:
	case LGR_RSN_DEPENDENCY:
	case LGR_RSN_UNKNOWN: return w->place == LGR_PL_NONE || w->place >= LGR_PL_COUNT ? NULL : w;
	default: return NULL;
	}
}

/* glibc's pointer guard: the second half of the random bytes that the kernel gives a program. */
static int read_guard(const struct lgr_view *view, uint64_t *ret)
{
	_cleanup_fclose_ FILE *file = lgr_proc_file(view->proc.pid, "auxv");
	Elf64_auxv_t entry;

	while (file && fread(&entry, sizeof(entry), 1, file) == 1)
		if (entry.a_type == AT_RANDOM)
			return lgr_view_word(view, entry.a_un.a_val + 8, ret);
	return -ENOENT;
}

static int demangle(const struct lgr_view *view, uint64_t *word)
{
	uint64_t guard;
	int r = read_guard(view, &guard);

	if (r < 0)
		return r;
#ifdef __x86_64__
	*word = *word >> 17 | *word << 47; /* PTR_MANGLE turns it, after the guard */
#endif
	*word ^= guard;
	return 0;
}

#ifdef __x86_64__
#define ADDRESS_BITS 47
#else
#define ADDRESS_BITS 48
#endif

/* Is @value what the witness said, or another address in the object? */
static bool is_in(const struct lgr_proc_object *o, const struct lgr_witness *w, uint64_t value)
{
	/* A block of its thread-local storage is its own, too, but lies elsewhere. */
	return value == w->value || (value >= o->object.lo && value < o->object.hi);
}

/* Does @word mean an address of @o, by the encoding @how? @ret_value: which. */
static bool means(const struct lgr_view *view, const struct lgr_proc_object *o,
		  const struct lgr_witness *w, uint32_t how, uint64_t word, uint64_t *ret_value)
{
	static const uint32_t unaligned[] = { LGR_EN_PLAIN, LGR_EN_TAGGED, LGR_EN_DOUBLED,
					      LGR_EN_MANGLED };
	uint64_t value = word;

	switch (how) {
	case LGR_EN_TAGGED: value &= (UINT64_C(1) << ADDRESS_BITS) - 1; break;
	case LGR_EN_DOUBLED: value >>= 1; break;
	case LGR_EN_MANGLED:
		if (demangle(view, &value) < 0)
			return false;
		break;
	case LGR_EN_UNALIGNED: /* and in any of these */
		for (size_t i = 0; i < COUNT(unaligned); i++)
			if (means(view, o, w, unaligned[i], word, ret_value))
				return true;
		return false;
	default: break;
	}
	if (!is_in(o, w, value))
		return false;
	*ret_value = value;
	return true;
}

/* Does the word at @w still lead into @o? @ret_value: where to. */
static bool still_points(const struct lgr_view *view, const struct lgr_proc_object *o,
			 const struct lgr_witness *w, uint64_t *ret_value)
{
	int32_t distance;
	uint64_t word;

	if (w->encoding == LGR_EN_RELATIVE) {
		if (lgr_view_read(view, w->at, &distance, sizeof(distance)) < 0)
			return false;
		*ret_value = w->at + sizeof(distance) + (uint64_t)(int64_t)distance;
		return is_in(o, w, *ret_value);
	}
	return lgr_view_word(view, w->at, &word) == 0 &&
	       means(view, o, w, w->encoding, word, ret_value);
}

/* ------------------------------------------------------------------- answer */

/* What is said of one object. */
struct answer {
	const struct lgr_view *view;
	const struct lgr_proc_object *object;
	const struct lgr_proc_object *chain[CHAIN_MAX]; /* who needs it, who needs that ... */
	size_t links;
	const struct lgr_witness *witness; /* of the last in the chain; NULL: it has none */
	bool cycle, gone; /* the chain comes back to itself; leads to what is not there */
	bool stale;	  /* the word at the witness has changed */
	uint64_t value;
	struct lgr_where where;
};

static const struct lgr_proc_object *last_of(const struct answer *a)
{
	return a->links ? a->chain[a->links - 1] : a->object;
}

static bool is_held_by_object(const struct lgr_witness *w)
{
	return w && (w->place == LGR_PL_OBJECT || w->place == LGR_PL_WATCH);
}

static bool is_in_chain(const struct answer *a, const struct lgr_proc_object *o)
{
	for (size_t i = 0; i < a->links; i++)
		if (a->chain[i] == o)
			return true;
	return o == a->object;
}

/* Follows objects that are kept by objects, to one that is kept by something else, or is in use. */
static void follow(struct answer *a)
{
	a->witness = witness_of(a->object);
	while (is_held_by_object(a->witness)) {
		const struct lgr_proc_object *holder = lgr_view_object_by_id(a->view,
									     a->witness->at);

		a->gone = !holder;
		a->cycle = holder && (is_in_chain(a, holder) || a->links == CHAIN_MAX);
		if (a->gone || a->cycle)
			return;
		a->chain[a->links++] = holder;
		a->witness = is_kept(holder) ? witness_of(holder) : NULL;
	}
}

static void look(struct answer *a)
{
	const struct lgr_witness *w;

	follow(a);
	w = a->witness;
	if (!w || is_held_by_object(w) || w->place == LGR_PL_UNSEEN)
		return;
	a->value = w->value;
	if (w->place != LGR_PL_MEMORY) {
		lgr_where_kernel(a->view, w, &a->where);
		return;
	}
	a->stale = !still_points(a->view, last_of(a), w, &a->value);
	lgr_where_memory(a->view, w->at, a->value, &a->where);
}

/* --------------------------------------------------------------------- text */

/* PATH (#ID) */
static void put_object(FILE *out, const struct lgr_proc_object *o, const char *name)
{
	if (*name)
		fprintf(out, "%s ", name);
	fprintf(out, "(#%" PRIu64 ")", o->object.id);
}

/* Why @o is kept, as the end of a sentence. */
static void put_reason(FILE *out, const struct lgr_proc_object *o)
{
	const char *text = lgr_reason_text(reason_of(o));

	fputs(*text ? text : "it does not say why", out);
	if (o->object.reason == LGR_RSN_PIN && o->object.pins > 1)
		fprintf(out, " (%" PRIu32 " times)", o->object.pins);
	if (o->object.reason == LGR_RSN_HOST && o->object.unreported)
		fprintf(out, " (%d of them)", __builtin_popcountll(o->object.unreported));
}

static void put_chain(FILE *out, const struct answer *a)
{
	const struct lgr_proc_object *o = a->object;

	for (size_t i = 0; i < a->links; i++) {
		const struct lgr_proc_object *holder = a->chain[i];
		const struct lgr_witness *w = &o->object.witness;
		/* A need that the loader knows has no address. */
		const char *verb = w->place == LGR_PL_WATCH ? "asked to be told of"
				   : w->value		    ? "points into"
							    : "needs";

		fputs("\n  ", out);
		put_object(out, holder, lgr_object_name(holder));
		fprintf(out, " %s ", verb);
		put_object(out, o, lgr_object_name(o));
		if (is_kept(holder)) {
			fputs(" and is kept: ", out);
			put_reason(out, holder);
		} else {
			fprintf(out, " and is %s", state_of(holder));
		}
		o = holder;
	}
	if (a->cycle)
		fprintf(out, "\n  #%" PRIu64 " needs %s: they need each other", a->witness->at,
			lgr_object_name(o));
	else if (a->gone)
		fprintf(out, "\n  #%" PRIu64 " needed it and is gone; " LOOKED_AT, a->witness->at);
}

static void put_where(FILE *out, const struct answer *a)
{
	const struct lgr_witness *w = a->witness;
	const char *text = a->where.text ? a->where.text : "?";

	if (a->stale) {
		fprintf(out, "\n  it did at %s, but does not any more; " LOOKED_AT, text);
		return;
	}
	fprintf(out, "\n  %s", text);
	if (w->encoding < COUNT(encoding_texts))
		fputs(encoding_texts[w->encoding], out);
	if (!a->value || a->where.says_value)
		return;
	fputs(" -> ", out);
	lgr_put_target(out, a->view, last_of(a), a->value);
}

static void put_kept(FILE *out, const struct answer *a)
{
	const struct lgr_witness *w = a->witness;

	put_object(out, a->object, a->object->path);
	fputs(" is kept: ", out);
	put_reason(out, a->object);
	put_chain(out, a);
	if (!w || is_held_by_object(w))
		return;
	if (w->place != LGR_PL_UNSEEN)
		put_where(out, a);
	else if (w->at < COUNT(unseen_texts) && *unseen_texts[w->at])
		fprintf(out, "\n  %s", unseen_texts[w->at]);
}

static void put_not_kept(FILE *out, const struct lgr_proc_object *o)
{
	put_object(out, o, o->path);
	fprintf(out, " is not kept: it is %s", state_of(o));
	if (o->object.flags & LGR_FL_STARTUP)
		fputs(", and was there before the program began", out);
	else if (o->handles_known && o->handles)
		fprintf(out, ", and has %" PRIu32 " handle%s", o->handles,
			o->handles == 1 ? "" : "s");
	else if (o->object.flags & LGR_FL_NODELETE)
		fputs(", and the C library never unloads it", out);
}

/* The text is written line by line: names in it may hold anything, only the breaks are ours. */
static int show_text(const struct answer *a)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	if (is_kept(a->object))
		put_kept(out, a);
	else
		put_not_kept(out, a->object);
	if (fclose(out) != 0 || !text)
		return -ENOMEM;
	for (char *line = text; line;) {
		char *end = strstr(line, "\n  ");

		lgr_put_text(stdout, line, end ? (size_t)(end - line) : strlen(line));
		fputs(end ? "\n  " : "\n", stdout);
		line = end ? end + 3 : NULL;
	}
	return 0;
}

/* --------------------------------------------------------------------- JSON */

static void json_chain(struct lgr_json *j, const struct answer *a)
{
	lgr_json_list_begin(j, "chain");
	for (size_t i = 0; i < a->links; i++) {
		lgr_json_object_begin(j, NULL);
		lgr_json_number(j, "id", a->chain[i]->object.id);
		lgr_json_string(j, "path", a->chain[i]->path);
		lgr_json_string(j, "state", state_of(a->chain[i]));
		if (is_kept(a->chain[i]))
			lgr_json_string(j, "reason", lgr_reason_name(reason_of(a->chain[i])));
		lgr_json_object_end(j);
	}
	lgr_json_list_end(j);
}

static void json_where(struct lgr_json *j, const struct answer *a)
{
	_cleanup_free_ char *target = NULL;
	size_t size;
	FILE *out;

	if (a->where.text)
		lgr_json_string(j, "where", a->where.text);
	lgr_json_bool(j, "stale", a->stale);
	if (a->value && !a->stale) {
		lgr_json_address(j, "value", a->value);
		out = open_memstream(&target, &size);
		if (out) {
			lgr_put_target(out, a->view, last_of(a), a->value);
			fclose(out);
		}
		if (target)
			lgr_json_string(j, "target", target);
	}
	if (a->where.thread)
		lgr_json_number(j, "thread", (uint64_t)a->where.thread);
	if (!a->where.frames)
		return;
	lgr_json_list_begin(j, "frames");
	for (size_t i = 0; i < a->where.frames; i++)
		lgr_json_list_item(j, a->where.frame[i]);
	lgr_json_list_end(j);
}

static void json_witness(struct lgr_json *j, const struct answer *a)
{
	const struct lgr_witness *w = a->witness;

	lgr_json_string(j, "place", place_names[w->place]);
	if (w->place == LGR_PL_MEMORY)
		lgr_json_address(j, "at", w->at);
	else
		lgr_json_number(j, "at", w->at);
	if (w->place == LGR_PL_MEMORY && w->encoding < COUNT(encoding_names))
		lgr_json_string(j, "encoding", encoding_names[w->encoding]);
	lgr_json_number(j, "time_ns", w->time_ns);
	if (w->place == LGR_PL_UNSEEN) {
		if (w->at < COUNT(unseen_texts))
			lgr_json_string(j, "where", unseen_texts[w->at]);
	} else if (!is_held_by_object(w)) {
		json_where(j, a);
	}
}

static void json_begin(struct lgr_json *j, const struct lgr_view *view,
		       const struct lgr_proc_object *o)
{
	lgr_json_begin(j, stdout);
	lgr_json_number(j, "pid", (uint64_t)view->proc.pid);
	lgr_json_number(j, "id", o->object.id);
	lgr_json_string(j, "path", o->path);
	lgr_json_string(j, "state", state_of(o));
}

static void show_json(const struct answer *a)
{
	struct lgr_json j;

	json_begin(&j, a->view, a->object);
	if (is_kept(a->object)) {
		lgr_json_string(&j, "reason", lgr_reason_name(reason_of(a->object)));
		if (a->links)
			json_chain(&j, a);
		if (a->witness)
			json_witness(&j, a);
	}
	lgr_json_end(&j);
}

/* ------------------------------------------------------------------ command */

static int explain(const struct lgr_view *view, const struct lgr_proc_object *o, bool json)
{
	struct answer a = { .view = view, .object = o };
	int r = 0;

	if (is_kept(o))
		look(&a);
	if (json)
		show_json(&a);
	else
		r = show_text(&a);
	lgr_where_deinit(&a.where);
	if (r < 0) {
		lgr_say(WHO, "there is not enough memory for the answer");
		return LGR_EXIT_FAILED;
	}
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

static int list(const struct lgr_view *view, const char *word, const struct lgr_proc_object **found,
		size_t n, bool json)
{
	for (size_t i = 0; i < n; i++) {
		struct lgr_json j;

		if (json) {
			json_begin(&j, view, found[i]);
			lgr_json_end(&j);
			continue;
		}
		printf("#%-5" PRIu64 "  %-9s  %012" PRIx64 "-%012" PRIx64 "  ", found[i]->object.id,
		       state_of(found[i]), found[i]->object.lo, found[i]->object.hi);
		lgr_put_text(stdout, found[i]->path, strlen(found[i]->path));
		fputc('\n', stdout);
	}
	fflush(stdout);
	lgr_say(WHO, "%zu objects are meant by '%s'; name one by its number", n, word);
	return lgr_finish(WHO, LGR_EXIT_FAILED);
}

static int answer(const struct lgr_view *view, const char *word, bool json)
{
	_cleanup_free_ const struct lgr_proc_object **found = calloc(view->objects.count + 1,
								     sizeof(*found));
	size_t n;

	if (!found) {
		lgr_say(WHO, "there is not enough memory for the answer");
		return LGR_EXIT_FAILED;
	}
	n = find_objects(view, word, found);
	if (n == 0) {
		lgr_say(WHO,
			"process %d has no object '%s'; `linger ls %d` lists them, and the event "
			"log has those that went",
			(int)view->proc.pid, word, (int)view->proc.pid);
		return LGR_EXIT_FAILED;
	}
	return n > 1 ? list(view, word, found, n, json) : explain(view, found[0], json);
}

static int open_and_answer(pid_t pid, const char *word, bool json)
{
	_cleanup_(lgr_view_deinit) struct lgr_view view = { 0 };
	int r = lgr_view_open(pid, &view);

	return r < 0 ? lgr_proc_refuse(WHO, &view.proc, r) : answer(&view, word, json);
}

static int usage(void)
{
	fputs("usage: linger why [--json] PID OBJECT\n"
	      "Says why process PID keeps OBJECT: a number that `linger ls` shows, a path, a "
	      "name,\n"
	      "or an address in it, as 0x...\n\n"
	      "      --json   one JSON object\n"
	      "      --help   show this\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

int lgr_cmd_why(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char who[] = WHO;
	bool json = false;
	pid_t pid;
	int c;

	argv[0] = who; /* getopt's messages begin with it */
	/* Options are also taken behind PID and OBJECT. */
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 'h': return usage();
		default: return LGR_EXIT_USAGE;
		}
	}
	if (argc - optind != 2) {
		lgr_say(WHO, argc == optind ? "name a process and an object; `linger ls` lists them"
			     : argc - optind == 1
				     ? "name an object, too; `linger ls PID` lists them"
				     : "name one object at a time");
		return LGR_EXIT_USAGE;
	}
	if (!lgr_parse_pid(argv[optind], &pid)) {
		lgr_say(WHO, "'%s' is no process number; `linger ls` lists them", argv[optind]);
		return LGR_EXIT_USAGE;
	}
	return open_and_answer(pid, argv[optind + 1], json);
}
