/*
 * perf.h - what the files of `linger perf` share, grouped by the file that defines it.
 *
 * The archive's layout on disk is described in archive.c, a recording's in recording.c.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PERF_H
#define LGR_PERF_H

#include "tool.h"

#define LGR_PERF_ID_MAX 20u /* what perf and the kernel have room for */

struct lgr_build_id {
	uint8_t size; /* 0: none, or unknown */
	uint8_t bytes[LGR_PERF_ID_MAX];
};

static inline bool lgr_build_id_is(const struct lgr_build_id *a, const struct lgr_build_id *b)
{
	return a->size == b->size && !__builtin_memcmp(a->bytes, b->bytes, a->size);
}

/* ---------------------------------------------------------------- manifest.c */

/* An object as a process's manifest has it. */
struct lgr_archived {
	pid_t pid;
	uint64_t process_ns; /* start of its process; with pid it names the process */
	uint64_t id;
	uint64_t open_ns, unload_ns; /* UINT64_MAX: not unloaded */
	uint64_t lo, hi;	     /* [lo, hi) */
	uint32_t major, minor;
	uint64_t inode;
	struct lgr_build_id build_id;
	uint16_t instance; /* see repair.c */
	char *key;	   /* NULL: not archived */
	char *path;	   /* never NULL */
};

struct lgr_manifest {
	struct lgr_archived *object; /* by process, then as they were opened */
	size_t count, cap;
};

/*
 * lgr_manifest_read - adds what the archive @dir knows of the @pids processes @pid.
 * Lines that are not understood are passed over: a newer linger may write others, and a process that
 * is killed leaves half a line. Returns 0, -ENOENT (@dir is no archive), or another negative errno.
 * The caller deinits in every case.
 */
int lgr_manifest_read(const char *dir, const pid_t *pid, size_t pids, struct lgr_manifest *ret);
void lgr_manifest_deinit(struct lgr_manifest *manifest);

/* lgr_build_id_parse - from hexadecimal. One that is too long is none: perf could not use it. */
void lgr_build_id_parse(const char *word, struct lgr_build_id *ret);

/* --------------------------------------------------------------- recording.c */

/* A record of a mapping (PERF_RECORD_MMAP2). */
struct lgr_perf_map {
	uint64_t at;	  /* of the record in the file */
	uint64_t time_ns; /* 0: perf found it in /proc, when it began */
	uint64_t lo, hi, offset;
	uint32_t major, minor; /* these three are 0 where there is a build-id */
	uint64_t inode;
	struct lgr_build_id build_id;
	uint16_t reserved; /* the two bytes in front of a build-id */
	uint16_t misc;
	pid_t pid;
	bool executable;
	char *name;
};

struct lgr_recording {
	int fd;
	uint64_t size, data_at, data_end;
	bool monotonic;		  /* its times are CLOCK_MONOTONIC */
	uint64_t first_ns;	  /* of the earliest sample; UINT64_MAX: none has a time */
	struct lgr_perf_map *map; /* as they stand in the file */
	size_t maps, maps_cap;
	struct lgr_perf_event *event;
	size_t events;
};

/*
 * lgr_recording_read - reads the mappings of a perf.data file.
 * @why: receives the sentence (without the file's name) that says why it cannot be used.
 * Returns 0 or a negative errno; -EOPNOTSUPP: a recording, of a kind that cannot be changed in place.
 * The caller deinits in every case.
 */
int lgr_recording_read(const char *name, struct lgr_recording *ret, char *why, size_t why_size);
void lgr_recording_deinit(struct lgr_recording *recording);

/*
 * lgr_recording_set_build_id - writes a build-id into the record @map of the copy @fd, in place of the
 * file's device and inode. @instance: see fix.c. Returns 0 or a negative errno.
 */
int lgr_recording_set_build_id(int fd, const struct lgr_perf_map *map,
			       const struct lgr_build_id *id, uint16_t instance);

/* ----------------------------------------------------------------- archive.c */

/* lgr_archive_open - makes the archive @dir where it is absent. 0, or after a sentence a negative errno. */
int lgr_archive_open(const char *who, const char *dir);

/*
 * lgr_archive_add - puts a copy of the ELF file @fd, known as @path, into the archive @dir.
 * @ret_key: its key, allocated. @ret_id: its build-id; of a file without one, what stands for it.
 * Returns 0, -ENOEXEC (no ELF file of 64 bits and this byte order), or another negative errno.
 */
int lgr_archive_add(const char *dir, int fd, const char *path, char **ret_key,
		    struct lgr_build_id *ret_id);

/* lgr_archive_has - is there something under this build-id? */
bool lgr_archive_has(const char *dir, const struct lgr_build_id *id);

/*
 * lgr_archive_note - sees to it that perf accepts the copies under @key, which is that of a file
 * without a build-id. Returns 0 or a negative errno; -ENOENT: they are gone.
 */
int lgr_archive_note(const char *dir, const char *key);

/* lgr_elf_build_id - reads the build-id of the ELF file @fd: 0, or -ENOENT (none), -ENOEXEC. */
int lgr_elf_build_id(int fd, struct lgr_build_id *ret);

/* -------------------------------------------------------------------- note.c */

/*
 * lgr_note_add - appends to the ELF file @fd, open for reading and writing, the note that makes @id its
 * build-id. What is loaded of the file stays where it is.
 * Returns 0, -EEXIST (it has one), -ENOEXEC (no section headers), or another negative errno.
 */
int lgr_note_add(int fd, const struct lgr_build_id *id);

/* ------------------------------------------------------------------ repair.c */

/* What is to be written into a recording; one for each of its mappings. */
struct lgr_repair {
	const struct lgr_archived *object; /* NULL: no manifest has it */
	struct lgr_build_id id;		   /* size 0: it stays as it is */
	uint16_t instance;
};

struct lgr_repairs {
	struct lgr_recording recording;
	struct lgr_manifest manifest;
	struct lgr_repair *of; /* as recording.map */
	size_t without, named; /* mappings of files without a build-id; of these, that get one */
};

/*
 * lgr_repairs_find - finds out which object each mapping of the recording @name is of.
 * @why: as in lgr_recording_read; -ENOENT: @dir is no archive. The caller deinits in every case.
 */
int lgr_repairs_find(const char *dir, const char *name, struct lgr_repairs *ret, char *why,
		     size_t why_size);
void lgr_repairs_deinit(struct lgr_repairs *repairs);

/* lgr_repairs_add_files - takes the files that no manifest has, and that are still there, into @dir. */
void lgr_repairs_add_files(const char *dir, struct lgr_repairs *repairs);

/* lgr_repairs_write - writes them into @fd, a copy of the recording or itself. Returns how many records
 * were changed, or a negative errno. */
int64_t lgr_repairs_write(const char *dir, struct lgr_repairs *repairs, int fd);

/* --------------------------------------------------------------------- fix.c */

int lgr_perf_fix(const char *dir, int argc, char **argv);

/* lgr_fix_recorded - repairs what perf record has just written. Says only what nobody expects. */
void lgr_fix_recorded(const char *dir, const char *name);

/* ------------------------------------------------------------------ rescue.c */

struct lgr_rescue {
	size_t saved;  /* files that were deleted or replaced */
	size_t others; /* that are still where they were */
};

/*
 * lgr_rescue_process - saves the files that process @pid has mapped for execution and that are
 * deleted or replaced, and writes a manifest of all it has mapped.
 * @dir: an archive that is there. @all: those that are still there, too. Returns 0 or a negative errno.
 */
int lgr_rescue_process(const char *dir, pid_t pid, bool all, struct lgr_rescue *ret);
int lgr_perf_rescue(const char *dir, int argc, char **argv);

/* ------------------------------------------------------------------ record.c */

int lgr_perf_record(const char *dir, int argc, char **argv);
int lgr_perf_workload(int argc, char **argv); /* what perf starts in place of the program */

/* ----------------------------------------------------------------- options.c */

/* What `perf record` was asked for. */
struct lgr_perf_words {
	const char *output;	 /* of -o; NULL: not given */
	const char *pids, *tids; /* of -p and -t; NULL: not given */
	bool clock;		 /* -k is there */
	bool system_wide;	 /* -a or -C are */
	bool splits;		 /* it will write files of other names */
	bool only_looks;	 /* it will record nothing */
	size_t program;		 /* which word the program is; the number of words: none */
};

/*
 * lgr_perf_words_read - finds them in the words of a command, of which the first is "record". perf itself
 * is asked which of its options take an argument. Returns 0, or after a sentence the exit status.
 */
int lgr_perf_words_read(int argc, char **argv, struct lgr_perf_words *ret);

/* -------------------------------------------------------------- permission.c */

/* lgr_perf_may_record - 0, or after a sentence that says what to change the exit status. */
int lgr_perf_may_record(bool system_wide);

/* lgr_perf_has_build_ids - does the kernel say the build-id of what is mapped? Since 5.12. */
bool lgr_perf_has_build_ids(void);

/* --------------------------------------------------------------------- child.c */

enum lgr_child { LGR_CHILD_RECORDS, LGR_CHILD_SHOWS };

/* lgr_perf_run - runs perf with the words @argv (perf's name first) on the archive; its exit status. */
int lgr_perf_run(const char *dir, char **argv, enum lgr_child what);

/* lgr_perf_missing - says that there is no perf, and what to install. The exit status. */
int lgr_perf_missing(void);

#endif
