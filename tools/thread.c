/*
 * thread.c - the threads of another process as its C library has them.
 *
 * Owns struct lgr_threads. glibc describes its private structures for debuggers (nptl_db/structs.def
 * there): _thread_db_X are three 32-bit numbers, the size in bits, the number of elements, the offset.
 * They are in libc's dynamic symbols. Threads are listed without stopping them, so a list may be torn:
 * its length is bounded, and what is found is only used where it agrees with what was looked for.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "tool.h"

#define THREADS_MAX 100000u

/* The C library of the program's own namespace; @name is the beginning of its soname. */
static const struct lgr_proc_object *find_library(const struct lgr_view *view, const char *name)
{
	for (size_t i = 0; i < view->objects.count; i++) {
		const struct lgr_proc_object *o = &view->objects.object[i];
		const char *own = *o->soname ? o->soname : lgr_object_name(o);

		if (o->object.namespace == 0 && !strncmp(own, name, strlen(name)))
			return o;
	}
	return NULL;
}

static int read_offset(const struct lgr_view *view, const struct lgr_proc_object *libc,
		       const char *name, uint64_t *ret)
{
	uint32_t field[3];
	uint64_t at;
	int r;

	r = lgr_dwarf_find(view->dwarf, libc, name, &at);
	if (r == 0)
		r = lgr_view_read(view, at, field, sizeof(field));
	if (r == 0)
		*ret = field[2];
	return r;
}

/* Reads a list_t of threads whose head is at @head. */
static void read_list(const struct lgr_view *view, uint64_t head, uint64_t list, uint64_t tid,
		      struct lgr_threads *threads)
{
	uint64_t at = head;

	while (threads->count < THREADS_MAX && lgr_view_word(view, at, &at) == 0 && at != head) {
		struct lgr_thread *grown, thread = { .at = at - list };
		int32_t number;

		if (lgr_view_read(view, thread.at + tid, &number, sizeof(number)) < 0)
			return;
		if (number <= 0) /* it has ended */
			continue;
		thread.tid = lgr_thread_here(view, number);
		grown = lgr_grow(threads->thread, &threads->cap, threads->count, sizeof(thread));
		if (!grown)
			return;
		threads->thread = grown;
		grown[threads->count++] = thread;
	}
}

void lgr_threads_read(const struct lgr_view *view, struct lgr_threads *ret)
{
	const struct lgr_proc_object *libc = find_library(view, "libc.so.6");
	const struct lgr_proc_object *loader = find_library(view, "ld-linux");
	uint64_t global = 0, user = 0, used = 0, list = 0, tid = 0, size = 0;

	memset(ret, 0, sizeof(*ret));
	if (!libc || !loader || lgr_dwarf_find(view->dwarf, loader, "_rtld_global", &global) < 0 ||
	    read_offset(view, libc, "_thread_db_rtld_global__dl_stack_user", &user) < 0 ||
	    read_offset(view, libc, "_thread_db_rtld_global__dl_stack_used", &used) < 0 ||
	    read_offset(view, libc, "_thread_db_pthread_list", &list) < 0 ||
	    read_offset(view, libc, "_thread_db_pthread_tid", &tid) < 0)
		return;
	if (read_offset(view, libc, "_thread_db_pthread_start_routine", &ret->start) < 0)
		ret->start = 0;
	if (read_offset(view, libc, "_thread_db_pthread_dtvp", &ret->dtv) < 0 ||
	    read_offset(view, libc, "_thread_db_link_map_l_tls_modid", &ret->modid) < 0)
		ret->modid = 0;
	if (lgr_dwarf_find(view->dwarf, libc, "_thread_db_sizeof_pthread", &size) == 0) {
		uint32_t n = 0;

		lgr_view_read(view, size, &n, sizeof(n));
		ret->size = n;
	}
	read_list(view, global + user, list, tid, ret);
	read_list(view, global + used, list, tid, ret);
}

void lgr_threads_deinit(struct lgr_threads *threads)
{
	free(threads->thread);
}

/* One entry of a dtv: the block, and what is freed for it. The entry before the first counts them. */
#define DTV_ENTRY 16u

/* Does @t's block of the object with number @modid have @at? */
static bool is_in_block(const struct lgr_view *view, const struct lgr_threads *threads,
			const struct lgr_thread *t, uint64_t modid, uint64_t size, uint64_t at,
			uint64_t *ret_offset)
{
	uint64_t dtv, count, block;

	if (lgr_view_word(view, t->at + threads->dtv, &dtv) < 0 ||
	    lgr_view_word(view, dtv - DTV_ENTRY, &count) < 0 || modid > count ||
	    lgr_view_word(view, dtv + modid * DTV_ENTRY, &block) < 0 || at < block ||
	    at - block >= size)
		return false;
	*ret_offset = at - block;
	return true;
}

const struct lgr_thread *lgr_threads_tls(const struct lgr_view *view,
					 const struct lgr_threads *threads, uint64_t at,
					 const struct lgr_proc_object **ret_object,
					 uint64_t *ret_offset)
{
	pid_t pid = view->proc.pid;

	for (size_t i = 0; threads->modid && i < view->objects.count; i++) {
		const struct lgr_proc_object *o = &view->objects.object[i];
		uint64_t template, size, modid;

		if (!(o->object.flags & LGR_FL_TLS) ||
		    lgr_elf_find_segment(lgr_read_process, &pid, o->object.lo, PT_TLS, &template,
					 &size) < 0 ||
		    lgr_view_word(view, o->object.map + threads->modid, &modid) < 0)
			continue;
		for (size_t k = 0; k < threads->count; k++) {
			const struct lgr_thread *t = &threads->thread[k];

			if (!is_in_block(view, threads, t, modid, size, at, ret_offset))
				continue;
			*ret_object = o;
			return t;
		}
	}
	return NULL;
}

/* The number by which thread @name of /proc/PID/task calls itself: the last of its namespaces' ones. */
static pid_t own_number(const struct lgr_view *view, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[300], line[256], *last;

	snprintf(path, sizeof(path), "task/%s/status", name);
	file = lgr_proc_file(view->proc.pid, path);
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		last = strrchr(line, '\t');
		return last ? (pid_t)strtol(last, NULL, 10) : 0;
	}
	return 0;
}

pid_t lgr_thread_here(const struct lgr_view *view, pid_t tid)
{
	char path[64];
	struct dirent *entry;
	pid_t found = tid, here;
	DIR *tasks;

	if ((pid_t)view->proc.region.pid == view->proc.pid)
		return tid;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)view->proc.pid);
	tasks = opendir(path);
	while (tasks && found == tid && (entry = readdir(tasks)))
		if (lgr_parse_pid(entry->d_name, &here) && own_number(view, entry->d_name) == tid)
			found = here;
	if (tasks)
		closedir(tasks);
	return found;
}

void lgr_put_thread(FILE *out, const struct lgr_view *view, pid_t tid)
{
	char file[64], name[64];
	size_t n;
	FILE *comm;

	snprintf(file, sizeof(file), "task/%d/comm", (int)tid);
	comm = lgr_proc_file(view->proc.pid, file);
	fprintf(out, "thread %d", (int)tid);
	if (!comm) {
		fputs(" (ended)", out);
		return;
	}
	n = fread(name, 1, sizeof(name), comm); /* any bytes, then a line feed */
	fclose(comm);
	fprintf(out, " (%.*s)", (int)(n ? n - 1 : 0), name);
}
