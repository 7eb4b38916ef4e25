/*
 * host_is_told.c - opens plugins that ask linger about themselves, and prints what they are told.
 *
 * usage: host_is_told PATH...
 * Each is opened, used and closed twice. Ids are checked here, since their numbers say nothing: all
 * a plugin is told in one life is one id, and it was never told before.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

void host_tell(const char *when, const void *address, int r, const struct linger_info *info);

static struct life {
	const char *anchor;
	uint64_t id;
} lives[64];
static int life_count;
static uint64_t last_id; /* the highest of the lives before */

void host_tell(const char *when, const void *address, int r, const struct linger_info *info)
{
	struct life *life = NULL;

	printf("  %s: %s\n", when, word_of(r, info));
	for (int i = 0; i < life_count; i++)
		if (lives[i].anchor == address)
			life = &lives[i];
	if (!life) {
		check(life_count < 64, "too many plugins");
		life = &lives[life_count++];
		*life = (struct life){ address, 0 };
	}
	if (r || (!info->id && info->state == LINGER_LOADING))
		return; /* LOADING without an id: not known by name yet (linger.h) */
	check(info->id, "%s: no id", when);
	check(info->id > last_id, "%s: id %llu is of an earlier life", when,
	      (unsigned long long)info->id);
	check(!life->id || life->id == info->id, "%s: its id was %llu, is %llu", when,
	      (unsigned long long)life->id, (unsigned long long)info->id);
	check(!info->startup, "%s: said to be there from the start", when);
	life->id = info->id;
}

static void live(const char *path)
{
	char *end;
	const char *anchor;
	void *handle;

	life_count = 0;
	handle = open_path(path, RTLD_NOW);
	anchor = symbol(handle, "anchor");
	check(!linger_is_here() || life_count, "nobody was told anything");
	for (int i = 0; i < life_count; i++)
		check(id_at(lives[i].anchor) == lives[i].id, "the id is another after dlopen");
	printf("  open: %s\n", linger_is_here() ? "known" : "linger is absent");
	check_maps();
	/* The object ends somewhere, and nobody's memory begins there or another object's. */
	for (end = (char *)anchor; id_at(anchor) && end < anchor + (1 << 24); end += 4096) {
		struct linger_info info = { 0, 0, 0 };

		if (linger_query(end, &info) || info.id != id_at(anchor))
			break;
	}
	close_handle(handle);
	for (int i = 0; i < life_count; i++) {
		check_gone(lives[i].anchor);
		if (lives[i].id > last_id)
			last_id = lives[i].id;
	}
	printf("  closed: %s\n", linger_is_here() ? "gone" : "linger is absent");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	check_maps();
	for (int i = 1; i < argc; i++)
		for (int round = 0; round < 2; round++) {
			printf("%s\n", strrchr(argv[i], '/') + 1);
			live(argv[i]);
		}
	check_maps();
	return 0;
}
