/*
 * program.c - judges whether a preloaded library can take effect in a program.
 *
 * Owns no state. ld.so only warns, or says nothing at all, where it cannot or may not preload, and
 * the program then runs without linger: better not to start it. What cannot be judged (a file that
 * may be run but not read) is let through.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "tool.h"

#define SCRIPTS_MAX 4	 /* interpreters that are scripts themselves; the kernel's limit is near */
#define SCRIPT_LINE 256u /* what the kernel reads of a file to find "#!" and what follows */

/* What stays the same while one program is judged. */
struct judge {
	const char *who;
	const char *name; /* as the user gave it */
	const struct lgr_elf_file *shim;
	struct lgr_program *program;
	int depth; /* scripts followed so far */
};

static int judge_file(struct judge *j, const char *path);

/* ------------------------------------------------------------------ finding */

/* Can @path be executed? 0, or what execve would say. */
static int try_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -EACCES;
	return 0;
}

/* One file of PATH's directories. *r keeps the first error that says more than "not there". */
static char *try_directory(const char *dir, size_t n, const char *name, int *r)
{
	char *path = NULL;
	int tried;

	/* An empty directory is the current one. */
	if (asprintf(&path, "%.*s%s%s", (int)n, dir, n ? "/" : "", name) < 0) {
		*r = -ENOMEM;
		return NULL;
	}
	tried = try_file(path);
	if (tried == 0)
		return path;
	if (*r == -ENOENT && (tried == -EACCES || tried == -EISDIR))
		*r = tried;
	free(path);
	return NULL;
}

/* The file that execvp(name) would start, allocated; or NULL with a negative errno in *r. */
static char *find_file(const char *name, int *r)
{
	const char *dir = getenv("PATH");
	char *path = NULL;

	*r = -ENOENT;
	if (!*name)
		return NULL;
	if (strchr(name, '/')) {
		*r = try_file(name);
		return *r == 0 ? strdup(name) : NULL;
	}
	if (!dir)
		dir = "/bin:/usr/bin"; /* execvp's own default */
	while (!path) {
		size_t n = strcspn(dir, ":");

		path = try_directory(dir, n, name, r);
		if (!dir[n])
			break;
		dir += n + 1;
	}
	return path;
}

/* Says why the file called @what was not found or cannot be executed. */
static int refuse_file(const struct judge *j, const char *what, int r)
{
	const char *sentence = NULL;

	switch (r) {
	case -ENOENT:
	case -ENOTDIR:
		lgr_say(j->who,
			strchr(what, '/') ? "%s%s'%s': there is no such file"
					  : "%s%s'%s' was not found in any directory of PATH",
			j->depth ? j->name : "", j->depth ? ": its interpreter " : "", what);
		return LGR_EXIT_RUN_MISSING;
	case -EISDIR: sentence = "is a directory; name a program"; break;
	case -EACCES:
		sentence = "is not executable; look at its mode and those of its directories";
		break;
	default: sentence = strerror(-r);
	}
	lgr_say(j->who, "%s%s'%s' %s", j->depth ? j->name : "",
		j->depth ? ": its interpreter " : "", what, sentence);
	return LGR_EXIT_RUN_CANNOT;
}

/* Finds @name as execvp does and judges it. */
static int judge_name(struct judge *j, const char *name)
{
	_cleanup_free_ char *path = NULL;
	int r;

	path = find_file(name, &r);
	if (!path)
		return refuse_file(j, name, r);
	return judge_file(j, path);
}

/* ------------------------------------------------------------------ scripts */

/* Takes the next word of a script's first line, ended by blanks. NULL: there is none. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");

	*line = word + strcspn(word, " \t");
	if (**line)
		*(*line)++ = '\0';
	return *word ? word : NULL;
}

/*
 * The program that "#! env ..." looks for. Options and assignments before it are skipped: only -S
 * can give it several words.
 */
static char *env_program(char *line)
{
	char *word;

	while ((word = next_word(&line)))
		if (word[0] != '-' && !strchr(word, '='))
			return word;
	return NULL;
}

/* One script more: 0, or the exit status when there are too many. */
static int go_deeper(struct judge *j)
{
	if (++j->depth <= SCRIPTS_MAX)
		return 0;
	lgr_say(j->who, "%s: more than %d scripts run one another; name the program itself",
		j->name, SCRIPTS_MAX);
	return LGR_EXIT_RUN_CANNOT;
}

/* What the kernel does not know is a shell script to execvp. */
static int judge_shell(struct judge *j)
{
	int r = go_deeper(j);

	return r == 0 ? judge_name(j, "/bin/sh") : r;
}

/* @line: what follows "#!". */
static int judge_script(struct judge *j, char *line)
{
	const char *base;
	char *interpreter;
	int r;

	line[strcspn(line, "\n")] = '\0';
	interpreter = next_word(&line);
	if (!interpreter)
		return judge_shell(j);
	r = go_deeper(j);
	if (r != 0)
		return r;
	if (!strchr(interpreter, '/')) /* the kernel looks in the current directory, not in PATH */
		r = try_file(interpreter) == 0 ? judge_file(j, interpreter)
					       : refuse_file(j, interpreter, -ENOENT);
	else
		r = judge_name(j, interpreter);
	base = strrchr(interpreter, '/');
	base = base ? base + 1 : interpreter;
	if (r == 0 && !strcmp(base, "env")) {
		char *name = env_program(line);

		j->program->sanitizer[0] = '\0'; /* that was env's */
		if (name)
			r = judge_name(j, name);
	}
	return r;
}

/* --------------------------------------------------------------- privileges */

/* File capabilities that take effect for this user, as the kernel computes them. */
static bool has_capabilities(const char *path)
{
	/* The longest revision; the others are beginnings of it. */
	struct vfs_ns_cap_data caps = { 0 };

	if (getxattr(path, "security.capability", &caps, sizeof(caps)) < 0)
		return false;
	return (le32toh(caps.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) || caps.data[0].permitted ||
	       caps.data[1].permitted;
}

/*
 * Will the kernel set AT_SECURE, so that ld.so ignores LD_PRELOAD? As cap_bprm_creds_from_file():
 * when the effective ids would not be our real ones, or when a user who is not root gains
 * capabilities. Returns what the reason is called, or NULL.
 */
static const char *gains_rights(const char *path)
{
	bool no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	const char *why = "the ids of this process";
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID))
		st.st_mode &= ~(mode_t)(S_ISUID | S_ISGID);
	else if (getuid() != 0 && has_capabilities(path))
		return "file capabilities";
	if (!no_new_privs && (st.st_mode & S_ISUID)) {
		uid = st.st_uid;
		why = "set-user-id";
	}
	if (!no_new_privs && (st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP)) {
		gid = st.st_gid;
		why = uid != getuid() ? why : "set-group-id";
	}
	return uid != getuid() || gid != getgid() ? why : NULL;
}

/* ----------------------------------------------------------------- programs */

/* Is this the path of glibc's loader? Its names: ld-linux*.so.N, ld64.so.N, ld.so.1, ld-2.NN.so. */
static bool is_glibc_loader(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "ld-linux", 8) || !strncmp(base, "ld64.so.", 8) ||
	       !strcmp(base, "ld.so.1") || !strncmp(base, "ld-2.", 5);
}

static int refuse(const struct judge *j, const char *path, const char *sentence)
{
	/* The name as given, and what it leads to where that is something else. */
	if (j->depth)
		lgr_say(j->who, "%s: its interpreter %s %s", j->name, path, sentence);
	else
		lgr_say(j->who, "%s %s", path, sentence);
	return LGR_EXIT_RUN_FAILED;
}

static int judge_loader(const struct judge *j, const char *path, const struct lgr_elf_file *elf)
{
	char sentence[5000];
	int r;

	if (!is_glibc_loader(elf->interp)) {
		snprintf(sentence, sizeof(sentence),
			 "is a program of %s (its loader is %s); linger works with glibc alone: "
			 "run it without linger",
			 strstr(elf->interp, "ld-musl")	    ? "musl"
			 : strstr(elf->interp, "/linker")   ? "Android's C library"
			 : strstr(elf->interp, "ld-uClibc") ? "uClibc"
							    : "another C library",
			 elf->interp);
		return refuse(j, path, sentence);
	}
	r = try_file(elf->interp);
	if (r == 0)
		return 0;
	snprintf(sentence, sizeof(sentence), "cannot be started: its loader %s %s", elf->interp,
		 r == -ENOENT ? "does not exist" : "cannot be executed");
	refuse(j, path, sentence);
	return r == -ENOENT ? LGR_EXIT_RUN_MISSING : LGR_EXIT_RUN_CANNOT;
}

static int judge_linkage(const struct judge *j, const char *path, const struct lgr_elf_file *elf)
{
	switch (elf->linkage) {
	case LGR_LINK_DYNAMIC: return judge_loader(j, path, elf);
	case LGR_LINK_STATIC:
	case LGR_LINK_STATIC_PIE:
		return refuse(j, path,
			      elf->linkage == LGR_LINK_STATIC
				      ? "is statically linked: nothing can be preloaded into it; "
					"run it without linger"
				      : "is statically linked (static-pie): nothing can be "
					"preloaded into it; run it without linger");
	case LGR_LINK_LIBRARY:
		/* The loader, run as a command, preloads into the program it is given. */
		if (is_glibc_loader(elf->soname))
			return 0;
		refuse(j, path, "is a shared library, not a program");
		return LGR_EXIT_RUN_CANNOT;
	case LGR_LINK_NONE: break;
	}
	refuse(j, path, "is an ELF file but not a program");
	return LGR_EXIT_RUN_CANNOT;
}

static int judge_machine(const struct judge *j, const char *path, const struct lgr_elf_file *elf)
{
	char sentence[256], theirs[64], ours[64];

	if (!elf->foreign && elf->machine == j->shim->machine)
		return 0;
	snprintf(sentence, sizeof(sentence),
		 "is a %s program and this linger is for %s; use a linger built for its machine",
		 lgr_elf_file_describe(elf, theirs, sizeof(theirs)),
		 lgr_elf_file_describe(j->shim, ours, sizeof(ours)));
	return refuse(j, path, sentence);
}

/* Last of all, and all that can be judged of a file that cannot be read. */
static int judge_rights(const struct judge *j, const char *path)
{
	const char *rights = gains_rights(path);
	char sentence[256];

	if (!rights)
		return 0;
	snprintf(sentence, sizeof(sentence),
		 "would run with rights this user has not (%s), and the loader then ignores "
		 "LD_PRELOAD; run linger as the user it runs as",
		 rights);
	return refuse(j, path, sentence);
}

static int judge_elf(struct judge *j, const char *path, const struct lgr_elf_file *elf)
{
	int r;

	r = judge_machine(j, path, elf);
	if (r == 0)
		r = judge_linkage(j, path, elf);
	if (r == 0)
		r = judge_rights(j, path);
	if (r == 0)
		memcpy(j->program->sanitizer, elf->sanitizer, sizeof(elf->sanitizer));
	return r;
}

/* Judges a file that is there and may be executed. */
static int judge_file(struct judge *j, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char line[SCRIPT_LINE + 1] = "";
	struct lgr_elf_file elf;
	int r;

	if (fd < 0)
		return judge_rights(j, path);
	r = lgr_elf_file_read(lgr_read_fd, &fd, &elf);
	if (r == 0)
		return judge_elf(j, path, &elf);
	if (r == -EBADMSG) {
		refuse(j, path, "is a damaged ELF file");
		return LGR_EXIT_RUN_CANNOT;
	}
	if (r != -ENOEXEC) {
		lgr_say(j->who, "%s cannot be read: %s", path, strerror(-r));
		return LGR_EXIT_RUN_CANNOT;
	}
	if (pread(fd, line, SCRIPT_LINE, 0) >= 2 && line[0] == '#' && line[1] == '!')
		return judge_script(j, line + 2);
	return judge_shell(j);
}

int lgr_program_judge(const char *who, const char *name, const struct lgr_elf_file *shim,
		      struct lgr_program *ret)
{
	struct judge j = { .who = who, .name = name, .shim = shim, .program = ret };

	memset(ret, 0, sizeof(*ret));
	return judge_name(&j, name);
}
