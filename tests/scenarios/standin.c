/*
 * standin.c - a shared object that says about itself what the shim says, but only what a test wants.
 *
 * Preloaded into any program. Reads the variable STANDIN, words separated by commas:
 *   off N, starting, nomagic, version N, size N, nohandles, churn, badpath, badchunk, reopened, hidden,
 *   policy N, holding, called, numbers, times N, fields N, failed
 * Objects it claims: 10 mapped, with everything set; 20 mapped, with nothing set; 30 not mapped.
 * Object 10 is kept; with reopened it has handles; with hidden it is hidden, too.
 * called: the program has called dlopen once. numbers: each counter, and the errors of two reasons, are a
 * number of their own; with times N the counters N times that. fields N: the first N fields are found; else that of the handles alone.
 * failed: a field was reported as missing.
 * With churn a thread reuses one slot as fast as it can: object N has path /object/N.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire.h"

__attribute__((visibility("hidden"))) struct lgr_region standin_region;

__asm__(".pushsection .note.linger, \"a\", %note\n"
	"	.balign 4\n"
	"	.long 7, 8, 1\n"
	"	.asciz \"linger\"\n"
	"	.balign 4\n"
	"1:	.quad standin_region - 1b\n"
	".popsection\n");

static struct lgr_object chunk[2][LGR_OBJECT_CHUNK];
static uint32_t link_map[4];
static char paths[2][64];

/* The number behind word in STANDIN, -1 if the word is not there, 0 if it has none. */
static long word(const char *name)
{
	const char *s = getenv("STANDIN"), *at = s ? strstr(s, name) : NULL;

	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static void fill(struct lgr_object *o, uint64_t id, const char *path, char *at, size_t size)
{
	o->path = (uintptr_t)path;
	o->path_len = (uint32_t)strlen(path);
	o->lo = (uintptr_t)at;
	o->hi = (uintptr_t)at + size;
	o->bytes = size;
	o->state = LGR_ST_LIVE;
	atomic_store(&o->id, id);
}

static void *churn(void *pages)
{
	for (uint64_t id = 1000;; id++) {
		struct lgr_object *o = &chunk[0][5];

		atomic_store(&o->id, 0);
		sprintf(paths[id & 1], "/object/%lu", (unsigned long)id);
		fill(o, id, paths[id & 1], pages, 4096 * (1 + id % 16));
		if (id % 64 == 0) /* let a reader win now and then */
			usleep(20);
	}
	return NULL;
}

static void fill_objects(char *pages)
{
	struct lgr_object *o = &chunk[1][3];

	fill(o, 10, "/lib/with\nline feed.so", pages, 4096);
	o->soname = (uintptr_t) "feed.so.1";
	o->soname_len = 9;
	o->map = (uintptr_t)link_map;
	o->state = LGR_ST_KEPT;
	o->flags = LGR_FL_NODELETE | LGR_FL_TLS | LGR_FL_NAMESPACE | LGR_FL_HELD | LGR_FL_UNNAMED |
		   LGR_FL_DETACHED;
	if (word("hidden") >= 0)
		o->flags |= LGR_FL_HIDDEN;
	link_map[2] = word("reopened") >= 0 ? 77 : 0;
	o->build_id_len = 20;
	memcpy(o->build_id,
	       "\xab\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\xff",
	       20);
	fill(&chunk[0][7], 20, "", pages + 4096, 4096);
	if (word("badpath") >= 0)
		chunk[0][7].path = 8, chunk[0][7].path_len = 10;
	fill(&chunk[0][9], 30, "/unmapped", (char *)4096, 4096); /* below what may be mapped */
}

static __attribute__((constructor)) void start(void)
{
	struct lgr_region *r = &standin_region;
	char *pages = mmap(NULL, 64 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	r->version = word("version") > 0 ? (uint32_t)word("version") : LGR_WIRE_VERSION;
	r->size = word("size") > 0 ? (uint32_t)word("size") : sizeof(*r);
	r->phase = word("off") >= 0	   ? LGR_PH_OFF
		   : word("starting") >= 0 ? LGR_PH_STARTING
					   : LGR_PH_ON;
	r->off_reason = word("off") > 0 ? (uint32_t)word("off") : 0;
	r->field[LGR_FIELD_HANDLES] = word("nohandles") >= 0 ? 0 : 8;
	for (long i = 0; i < word("fields"); i++)
		r->field[i] = 8;
	r->policy = word("policy") >= 0 ? (uint32_t)word("policy") : 3;
	r->holding = word("holding") >= 0;
	r->loads = 30;
	if (word("called") >= 0)
		r->counter[LGR_N_CALLS_DLOPEN] = 1;
	for (int i = 0; i < LGR_N_COUNT && word("numbers") >= 0; i++)
		r->counter[i] = (100 + (uint64_t)i) *
				(word("times") > 0 ? (uint64_t)word("times") : 1);
	if (word("numbers") >= 0) {
		r->errors[LGR_RSN_UNIQUE] = 7;
		r->errors[LGR_RSN_E_HOLD] = 1;
	}
	if (word("failed") >= 0)
		r->errors[LGR_RSN_E_FIELDS] = 1;
	r->slots_used = LGR_OBJECT_CHUNK + 4;
	r->objects = 3;
	r->chunk[0] = (uintptr_t)chunk[0];
	r->chunk[1] = word("badchunk") >= 0 ? 16 : (uintptr_t)chunk[1];
	strcpy(r->version_text, "0.0-standin");
	strcpy(r->log_path, "/log.1");
	if (word("churn") >= 0)
		pthread_create(&thread, NULL, churn, pages + 16 * 4096);
	else
		fill_objects(pages);
	if (word("nomagic") < 0)
		memcpy(r->magic, LGR_REGION_MAGIC, sizeof(r->magic));
}
