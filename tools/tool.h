/*
 * tool.h - what the files of the `linger` command share, grouped by the file that defines it.
 *
 * The command looks at processes and files from outside; it links none of the shim but the settings
 * parser. Everything here may block, allocate and use stdio; nothing is thread-safe.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_TOOL_H
#define LGR_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "wire.h"

/* Exit statuses. `linger run` has env(1)'s, so that its failures can be told from PROGRAM's. */
enum {
	LGR_EXIT_DONE = 0,
	LGR_EXIT_FAILED = 1,
	LGR_EXIT_USAGE = 2,
	LGR_EXIT_RUN_FAILED = 125,
	LGR_EXIT_RUN_CANNOT = 126,
	LGR_EXIT_RUN_MISSING = 127,
};

/* ----------------------------------------------------------------- cleanup */

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(lgr_freep)
#define _cleanup_close_ _cleanup_(lgr_closep)
#define _cleanup_fclose_ _cleanup_(lgr_fclosep)

static inline void lgr_freep(void *p)
{
	free(*(void **)p);
}

static inline void lgr_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void lgr_fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* ------------------------------------------------- the subcommands, one file each */

int lgr_cmd_run(int argc, char **argv);
int lgr_cmd_ls(int argc, char **argv);
int lgr_cmd_log(int argc, char **argv);
int lgr_cmd_perf(int argc, char **argv);
int lgr_cmd_redirect(int argc, char **argv);
int lgr_cmd_redirects(int argc, char **argv);
int lgr_cmd_restore(int argc, char **argv);
int lgr_cmd_stat(int argc, char **argv);
int lgr_cmd_why(int argc, char **argv);
int lgr_cmd_gdb(int argc, char **argv);

/* --------------------------------------------------------------------- say.c */

/* The name of a reason (wire.h) in JSON, and its sentence for people. reason < LGR_RSN_COUNT. */
const char *lgr_reason_name(unsigned reason);
const char *lgr_reason_text(unsigned reason);

/*
 * lgr_say - one sentence on standard error, as "WHO: ...", in one write.
 * Control characters in it (a file may be called anything) are shown as \xNN.
 */
void lgr_say(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* lgr_put_text - writes @n bytes for a person, with \xNN for what a terminal would act on. */
void lgr_put_text(FILE *out, const char *s, size_t n);

/* lgr_format - asprintf(3) that gives NULL where there is no memory. The caller frees. */
char *lgr_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* lgr_finish - flushes standard output; @status, or 1 with a sentence when it cannot be written. */
int lgr_finish(const char *who, int status);

/*
 * lgr_grow - makes room for one more element.
 * @array: NULL or an earlier result; @cap: its capacity in elements, updated.
 * Returns the array, moved perhaps; NULL when there is no memory: then @array is still valid.
 */
void *lgr_grow(void *array, size_t *cap, size_t used, size_t size);

/* ------------------------------------------------------------------ folder.c */

/* Where the archive is when the user has named no place. Allocated; NULL after a sentence. */
char *lgr_folder_default(const char *who);

/*
 * Makes the archive's directory, with those above it (the shim makes the last one alone), and sees that it
 * can be used. 0, or a negative errno after a sentence.
 */
int lgr_folder_make(const char *who, const char *path);

/* -------------------------------------------------------------------- json.c */

/* One JSON object on one line. Keys are ours and plain ASCII; values may hold any byte. */
struct lgr_json {
	FILE *out;
	bool comma; /* something was written at this level */
};

void lgr_json_begin(struct lgr_json *j, FILE *out);
void lgr_json_end(struct lgr_json *j);
void lgr_json_string(struct lgr_json *j, const char *key, const char *s);
void lgr_json_bytes(struct lgr_json *j, const char *key, const char *s, size_t n);
void lgr_json_number(struct lgr_json *j, const char *key, uint64_t value);
void lgr_json_signed(struct lgr_json *j, const char *key, int64_t value);
void lgr_json_address(struct lgr_json *j, const char *key, uint64_t value); /* "0x..." */
void lgr_json_bool(struct lgr_json *j, const char *key, bool value);
void lgr_json_null(struct lgr_json *j, const char *key);
void lgr_json_list_begin(struct lgr_json *j, const char *key);
void lgr_json_list_item(struct lgr_json *j, const char *s);
void lgr_json_list_end(struct lgr_json *j);
void lgr_json_object_begin(struct lgr_json *j, const char *key); /* NULL: as an item of a list */
void lgr_json_object_end(struct lgr_json *j);

/*
 * lgr_utf8_length - length in bytes of the character at @s, at most @n bytes away from the end.
 * Returns 0 where no well-formed character begins (too long, a surrogate, past U+10FFFF, cut off).
 */
size_t lgr_utf8_length(const unsigned char *s, size_t n);

/* --------------------------------------------------------------------- elf.c */

/* Reads exactly @n bytes at @at of a file or a process: 0 or a negative errno, short is -EIO. */
typedef int (*lgr_reader)(void *arg, uint64_t at, void *buf, size_t n);
int lgr_read_fd(void *arg, uint64_t at, void *buf, size_t n); /* @arg: int *fd */

enum lgr_linkage {
	LGR_LINK_NONE,	  /* no program and no library: an object file, a core */
	LGR_LINK_DYNAMIC, /* has a PT_INTERP */
	LGR_LINK_STATIC,
	LGR_LINK_STATIC_PIE,
	LGR_LINK_LIBRARY, /* a library without PT_INTERP, or the loader itself: see soname */
};

struct lgr_elf_file {
	uint8_t elf_class, data; /* EI_CLASS, EI_DATA */
	uint16_t machine;
	bool foreign; /* not of this command's class and byte order: what follows is not filled in */
	enum lgr_linkage linkage;
	char interp[4096];
	char soname[256];
	char sanitizer[256]; /* first sanitizer runtime among DT_NEEDED; "" if none */
};

/* lgr_elf_file_read - 0, -ENOEXEC (no ELF file), -EBADMSG (damaged), or the reader's error. */
int lgr_elf_file_read(lgr_reader read, void *arg, struct lgr_elf_file *ret);

/*
 * lgr_elf_file_defines - does a file that lgr_elf_file_read could read define @name for others?
 * Returns 1, 0, -ENOENT (it has no table of sections, and so does not say), -EBADMSG (damaged), -ENOEXEC.
 */
int lgr_elf_file_defines(lgr_reader read, void *arg, const char *name);

/*
 * lgr_elf_find_note - finds a note in the program headers of the image that begins at @base.
 * @desc_size: the size its descriptor must have. @ret_at: address of the descriptor.
 * Returns 0, -ENOENT (no such note), -ENOEXEC (no ELF image at @base), or the reader's error.
 */
int lgr_elf_find_note(lgr_reader read, void *arg, uint64_t base, const char *name, uint32_t type,
		      size_t desc_size, uint64_t *ret_at);

/*
 * lgr_elf_find_segment - finds the first program header of a type in the image that begins at @base.
 * @ret_at, @ret_size: where it is in memory, and its size there. Returns as lgr_elf_find_note.
 */
int lgr_elf_find_segment(lgr_reader read, void *arg, uint64_t base, uint32_t type, uint64_t *ret_at,
			 uint64_t *ret_size);

/*
 * lgr_elf_page_build_id - the build-id in the first @n bytes of a file or an image, if it is there.
 * @page: aligned as malloc does. @ret: where in @page. Returns its length, 0 if there is none.
 */
size_t lgr_elf_page_build_id(const char *page, size_t n, const char **ret);

/* lgr_elf_file_describe - "64-bit AArch64" and the like, in @buf. */
const char *lgr_elf_file_describe(const struct lgr_elf_file *elf, char *buf, size_t n);

/* lgr_is_sanitizer - is @name (a path or a soname) a runtime that must come first in LD_PRELOAD? */
bool lgr_is_sanitizer(const char *name, size_t n);

/* ----------------------------------------------------------------- program.c */

/* The program that `linger run` will start. */
struct lgr_program {
	char sanitizer[256]; /* runtime it needs in front of LD_PRELOAD; "" if none */
};

/*
 * lgr_program_judge - can a preloaded library take effect in @name, started as execvp does?
 * @shim: header of the shim, whose machine the program must be of.
 * Returns 0, or after a sentence on standard error the exit status (125 to 127).
 */
int lgr_program_judge(const char *who, const char *name, const struct lgr_elf_file *shim,
		      struct lgr_program *ret);

/* ------------------------------------------------------------- replacement.c */

/*
 * lgr_redirect_word - a redirect given by a user, as it goes into LINGER: the library's path absolute,
 * everything escaped. Allocated; NULL after a sentence on standard error: it is malformed, say.
 */
char *lgr_redirect_word(const char *who, const char *text);

/*
 * lgr_redirect_judge - can a redirect made by lgr_redirect_word lead anywhere, if the library is a file?
 * A name that the loader searches for is not looked at. @shim: whose machine the library must be of.
 * Returns 0, or after a sentence on standard error LGR_EXIT_RUN_FAILED.
 */
int lgr_redirect_judge(const char *who, const char *word, const struct lgr_elf_file *shim);

/* ----------------------------------------------------------------- logfile.c */

struct lgr_log_line {
	uint64_t time_ns, id, arg;
	uint64_t path; /* offset in lgr_logfile.paths */
	uint32_t path_len;
	uint32_t tid;
	uint16_t event, reason;
};

struct lgr_logfile {
	struct lgr_log_head head; /* zeros where the file ends earlier */
	struct lgr_log_line *line;
	size_t lines, lines_cap;
	char *paths;
	size_t paths_used, paths_cap;
	uint64_t lost; /* records that were written and cannot be read */
};

/*
 * lgr_logfile_read - reads one log, which may be in use by its process.
 * @why: receives the sentence (without the file's name) that says what is wrong with it.
 * Returns 0; -ENODATA: cut off, what could be read is in @ret; any other: @ret holds nothing.
 * The caller frees with lgr_logfile_deinit in every case.
 */
int lgr_logfile_read(const char *name, struct lgr_logfile *ret, char *why, size_t why_size);
void lgr_logfile_deinit(struct lgr_logfile *log);

/* lgr_logfile_is - does @name begin as a log does (of whatever version)? */
bool lgr_logfile_is(const char *name);

/* -------------------------------------------------------------------- proc.c */

/* A process and its copy of the shim's region. */
struct lgr_proc {
	pid_t pid;
	uint64_t region_at; /* the region's address there */
	struct lgr_region region;
};

/*
 * lgr_proc_open - finds the shim in process @pid and copies its region.
 * Returns 0, -ESRCH (no such process), -EPERM (may not be read), -ECHILD (ended, not yet waited
 * for), -ENXIO (a kernel thread), -ENOENT (no linger in it), -EAGAIN (linger in it has not begun
 * yet), -EPROTO (linger of another wire version, which is then in @ret->region.version), or another
 * negative errno.
 */
int lgr_proc_open(pid_t pid, struct lgr_proc *ret);
int lgr_proc_read(pid_t pid, uint64_t at, void *buf, size_t n);	   /* 0 or a negative errno */
int lgr_read_process(void *arg, uint64_t at, void *buf, size_t n); /* lgr_reader; @arg: pid_t * */
FILE *lgr_proc_file(pid_t pid, const char *file); /* opens /proc/PID/FILE; NULL and errno */

/* lgr_proc_open_on - the same, but only of one where linger is on: -ECANCELED (off), -EAGAIN. */
int lgr_proc_open_on(pid_t pid, struct lgr_proc *ret);

/* lgr_proc_refuse - says on standard error why there is nothing to show, by the result of the above or of
 * lgr_proc_objects_read. Returns the exit status. */
int lgr_proc_refuse(const char *who, const struct lgr_proc *proc, int r);

/* A line of /proc/PID/maps. */
struct lgr_mapping {
	uint64_t lo, hi; /* [lo, hi) */
	uint64_t offset, inode;
	dev_t device;
	bool executable, shared;
	char *name; /* "" where it has none */
};

struct lgr_maps {
	struct lgr_mapping *mapping; /* ascending */
	size_t count, cap;
};

/* lgr_maps_read - adds the mappings of @pid: 0 or a negative errno. The caller deinits in every case. */
int lgr_maps_read(pid_t pid, struct lgr_maps *maps);
void lgr_maps_deinit(struct lgr_maps *maps);

/* lgr_without_memory - why @pid has no mappings: -ESRCH, -ECHILD or -ENXIO, as lgr_proc_open. */
int lgr_without_memory(pid_t pid);

/* lgr_maps_find - the first mapping that has something of [lo, hi), or NULL. */
const struct lgr_mapping *lgr_maps_find(const struct lgr_maps *maps, uint64_t lo, uint64_t hi);

/* A process number: digits, and small enough for a pid. */
bool lgr_parse_pid(const char *s, pid_t *ret);

/* What is wanted of the auxiliary vector that the kernel gave the program. */
struct lgr_auxv {
	uint64_t phdr, phnum, vdso;
};

void lgr_auxv_take(struct lgr_auxv *auxv, uint64_t type, uint64_t value);

/* The name of a policy, which may be any number where it comes from a process. */
const char *lgr_policy_name(uint32_t policy);

/* lgr_proc_command - command line of @pid for a person, in @buf; its name where it has none. */
void lgr_proc_command(pid_t pid, char *buf, size_t n);

/* An object as copied from a process; strings are the copy's own. */
struct lgr_proc_object {
	struct lgr_object object;
	char *path, *soname; /* never NULL */
	bool handles_known;
	uint32_t handles;
};

struct lgr_proc_objects {
	struct lgr_proc_object *object; /* ascending by id */
	size_t count, cap;
};

/* lgr_proc_objects_read - copies the loaded objects of @proc. The caller deinits in every case. */
int lgr_proc_objects_read(const struct lgr_proc *proc, struct lgr_proc_objects *ret);
void lgr_proc_objects_deinit(struct lgr_proc_objects *objects);

/* Its state (enum lgr_state, or any number), but what is open again is live. */
uint32_t lgr_proc_object_state(const struct lgr_proc_object *o);

/* -------------------------------------------------------------------- core.c */

struct lgr_core_load {
	uint64_t lo, hi; /* [lo, hi) */
	uint64_t offset; /* of its bytes in the core file */
};

struct lgr_core {
	int fd;
	pid_t pid; /* as the process called itself; 0: it is not said */
	struct lgr_auxv auxv;
	struct lgr_maps maps; /* the files that were mapped; inodes are 0 */
	struct lgr_core_load *load;
	size_t loads;
};

/*
 * lgr_core_open - 0, -ENOEXEC (no core of this kind of machine), -EBADMSG (damaged), or another negative
 * errno. The caller deinits in every case.
 */
int lgr_core_open(const char *path, struct lgr_core *ret);
void lgr_core_deinit(struct lgr_core *core);
int lgr_read_core(void *arg, uint64_t at, void *buf, size_t n); /* lgr_reader; @arg: the core */

/* ----------------------------------------------------------------- modules.c */

/* A loaded file, as the loader tells debuggers. */
struct lgr_module {
	char *name;
	uint64_t bias;	  /* what was added to the addresses of the file */
	uint64_t base;	  /* where its first byte is */
	uint64_t dynamic; /* where its dynamic section is */
};

struct lgr_modules {
	struct lgr_module *module; /* of all namespaces, without the program and the vdso */
	size_t count, cap;
};

/*
 * lgr_modules_read - 0, or the reader's error: then @ret has what could be read. The caller deinits in
 * every case.
 */
int lgr_modules_read(lgr_reader read, void *arg, const struct lgr_auxv *auxv,
		     const struct lgr_maps *maps, struct lgr_modules *ret);
void lgr_modules_deinit(struct lgr_modules *modules);

/* ------------------------------------------------------------------ copies.c */

/* What the archive has of one process. */
struct lgr_copies {
	char *dir; /* of the archive */
	struct lgr_copy {
		uint64_t lo, hi; /* [lo, hi) */
		uint64_t id;
		bool gone; /* it was unloaded */
		char *key; /* of its directory */
	} * copy;
	size_t count, cap;
};

/*
 * lgr_copies_open - reads what was noted of process @pid in the archive @dir, newest process first.
 * An archive that is not there, or has nothing of it, is no error. 0 or -ENOMEM.
 * The caller deinits in every case.
 */
int lgr_copies_open(const char *dir, pid_t pid, struct lgr_copies *ret);
void lgr_copies_deinit(struct lgr_copies *copies);

/*
 * lgr_copies_next - the copies that may be of the object that has @at in it and this build-id, the
 * likeliest first.
 * @cursor: 0 at first, then left alone. @name: what the object is called; a link of this name is
 * preferred. Returns a path for the caller to free; NULL: there is no other.
 */
char *lgr_copies_next(const struct lgr_copies *copies, uint64_t at, const char *build_id,
		      size_t build_id_size, const char *name, size_t *cursor);

/* -------------------------------------------------------------------- tree.c */

/* A process or a core, as a debugger will see it. */
struct lgr_debuggee {
	pid_t pid;	  /* 0: a core */
	const char *core; /* its path; NULL: a process */
	char root[64];	  /* what its paths begin with for us; "": with nothing */
	lgr_reader read;
	void *arg;
	const struct lgr_maps *maps;
	const struct lgr_copies *copies;
	size_t program; /* which of the modules is the program itself; none, past the last */
};

struct lgr_tree {
	char *dir;
	char *script; /* commands for gdb */
	unsigned files;
};

/*
 * lgr_tree_init - finds the file of each module, and makes what gdb needs to find it.
 * Returns 0, or the exit status after a sentence. lgr_tree_deinit, in every case, removes it again.
 */
int lgr_tree_init(const char *who, const struct lgr_debuggee *of, const struct lgr_modules *modules,
		  struct lgr_tree *ret);
void lgr_tree_deinit(struct lgr_tree *tree);
/* ----------------------------------------------------------------- control.c */

/*
 * lgr_control_ask - has process @pid, which has the setting `control`, carry out one request
 * (preload/control.h), of one line without its end.
 * @seconds: how long it may take until the process comes to it. @ret_answer: allocated, without "error".
 * Returns 0, or the exit status after a sentence.
 */
int lgr_control_ask(const char *who, pid_t pid, const char *request, double seconds,
		    char **ret_answer);

/* -------------------------------------------------------------------- view.c */

struct lgr_dwarf;

/* All that is looked at of one process. */
struct lgr_view {
	struct lgr_proc proc;
	struct lgr_proc_objects objects;
	struct lgr_maps maps;
	struct lgr_dwarf *dwarf; /* NULL: nothing has a name */
};

/* lgr_view_open - as lgr_proc_open_on and what follows. The caller deinits in every case. */
int lgr_view_open(pid_t pid, struct lgr_view *ret);
void lgr_view_deinit(struct lgr_view *view);

int lgr_view_read(const struct lgr_view *view, uint64_t at, void *buf, size_t n);
int lgr_view_word(const struct lgr_view *view, uint64_t at, uint64_t *ret);

/* The object one of whose segments has the address, or that has this id, or NULL. */
const struct lgr_proc_object *lgr_view_object(const struct lgr_view *view, uint64_t at);
const struct lgr_proc_object *lgr_view_object_by_id(const struct lgr_view *view, uint64_t id);

/* The last part of its path; its soname where it has none. "" where it has neither. */
const char *lgr_object_name(const struct lgr_proc_object *o);

/* ------------------------------------------------------------------- dwarf.c */

/* lgr_dwarf_create - NULL where there is no memory. @view must stay; NULL may be given to all others. */
struct lgr_dwarf *lgr_dwarf_create(const struct lgr_view *view);
void lgr_dwarf_destroy(struct lgr_dwarf *d);

/*
 * All return 0, or -ENOENT where there is no name (and @buf may hold anything).
 * lgr_dwarf_symbol - the symbol that has @at in it. @ret_offset: how far in.
 * lgr_dwarf_section - the section and how far in, as NAME+0xN.
 * lgr_dwarf_line - the line of source code, as FILE:N.
 * lgr_dwarf_find - the address of the symbol called @wanted.
 * lgr_dwarf_tls_symbol - the thread-local variable at @offset of the object's block.
 */
int lgr_dwarf_symbol(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t at, char *buf,
		     size_t n, uint64_t *ret_offset);
int lgr_dwarf_section(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t at, char *buf,
		      size_t n);
int lgr_dwarf_line(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t at, char *buf,
		   size_t n);
int lgr_dwarf_find(struct lgr_dwarf *d, const struct lgr_proc_object *o, const char *wanted,
		   uint64_t *ret_at);
int lgr_dwarf_tls_symbol(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t offset,
			 char *buf, size_t n);

/* ------------------------------------------------------------------ unwind.c */

#define LGR_FRAMES_MAX 1024u

struct lgr_frame {
	uint64_t ip, sp;
	bool interrupted; /* ip is the next instruction; else one behind a call */
};

struct lgr_stack {
	struct lgr_frame *frame; /* the innermost first */
	size_t count, cap;
	bool complete; /* the last one is the outermost */
};

/*
 * lgr_unwind - the frames of thread @tid, which is stopped meanwhile.
 * Returns 0; -EPERM (may not be traced, or is already), -ESRCH (it has ended), -ETIMEDOUT (it did not
 * stop), or another negative errno. The caller deinits in every case.
 */
int lgr_unwind(const struct lgr_view *view, pid_t tid, struct lgr_stack *ret);
void lgr_stack_deinit(struct lgr_stack *stack);

/* ------------------------------------------------------------------ thread.c */

/* A thread as libc has it. */
struct lgr_thread {
	pid_t tid;
	uint64_t at; /* its descriptor, struct pthread */
};

struct lgr_threads {
	struct lgr_thread *thread;
	size_t count, cap;
	uint64_t size, start; /* of a descriptor, and where its start routine is; 0: unknown */
	uint64_t dtv, modid;  /* where the vector is in a descriptor, the number in a link map */
};

/* lgr_threads_read - the threads libc knows; none where it does not say. The caller deinits. */
void lgr_threads_read(const struct lgr_view *view, struct lgr_threads *ret);
void lgr_threads_deinit(struct lgr_threads *threads);

/* The thread in whose block of @ret_object @at is, or NULL. @ret_offset: how far in. */
const struct lgr_thread *lgr_threads_tls(const struct lgr_view *view,
					 const struct lgr_threads *threads, uint64_t at,
					 const struct lgr_proc_object **ret_object,
					 uint64_t *ret_offset);

/* lgr_thread_here - our number of the thread that calls itself @tid: it may be in another namespace. */
pid_t lgr_thread_here(const struct lgr_view *view, pid_t tid);

/* lgr_put_thread - "thread N (NAME)", or that it has ended. */
void lgr_put_thread(FILE *out, const struct lgr_view *view, pid_t tid);

/* -------------------------------------------------------------------- heap.c */

enum lgr_heap_part { LGR_HEAP_USED, LGR_HEAP_FREE, LGR_HEAP_HEADER, LGR_HEAP_TOP };

/* A chunk of glibc's malloc; lo and size are what its user has. */
struct lgr_chunk {
	uint64_t lo, size;
	enum lgr_heap_part part; /* that the address is in */
};

/* lgr_heap_find - the chunk at @at in mapping @m: 0, or -ENOENT where none is seen. */
int lgr_heap_find(const struct lgr_view *view, const struct lgr_mapping *m, uint64_t at,
		  struct lgr_chunk *ret);

/* ------------------------------------------------------------------- place.c */

/* A place in words. */
struct lgr_where {
	char *text; /* NULL: there is no memory for it */
	size_t size;
	pid_t thread; /* 0: none */
	char **frame; /* of its stack, in words, the innermost first */
	size_t frames;
	bool says_value; /* text names the code itself: a frame that will be returned to */
};
void lgr_where_deinit(struct lgr_where *where);

/* What is at the address @at, whose word means the address @value. */
void lgr_where_memory(const struct lgr_view *view, uint64_t at, uint64_t value,
		      struct lgr_where *ret);

/* What the kernel holds: any other place than memory and objects. */
void lgr_where_kernel(const struct lgr_view *view, const struct lgr_witness *witness,
		      struct lgr_where *ret);

/* lgr_put_target - OBJECT+0xN (SYMBOL), for an address that belongs to object @o. */
void lgr_put_target(FILE *out, const struct lgr_view *view, const struct lgr_proc_object *o,
		    uint64_t value);

#endif
