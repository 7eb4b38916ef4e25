/*
 * replacement.c - judges what a redirect for a new program leads to.
 *
 * Owns no state. The shim could only say that a redirect cannot be made when the program runs already;
 * what a file tells is told before. What cannot be judged (a name that the loader will search for, a
 * library without a table of sections) is let through.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "spec.h"
#include "tool.h"

static char *no_memory(const char *who)
{
	lgr_say(who, "there is not enough memory to start anything");
	return NULL;
}

/* --------------------------------------------------------------------- words */

/* @path made absolute, allocated; NULL after a sentence. The program may change its directory. */
static char *make_absolute(const char *who, const char *path)
{
	_cleanup_free_ char *cwd = NULL;
	char *absolute = NULL;

	if (*path == '/' || !strchr(path, '/'))
		return (absolute = strdup(path)) ? absolute : no_memory(who);
	cwd = getcwd(NULL, 0);
	if (!cwd) {
		lgr_say(who, "the library %s has no place: the current directory is gone", path);
		return NULL;
	}
	if (asprintf(&absolute, "%s%s%s", cwd, cwd[1] ? "/" : "", path) < 0)
		return no_memory(who);
	return absolute;
}

/* Writes what stands before @part, if there is such a part, and the part escaped. */
static void put_part(FILE *to, const char *before, const char *part)
{
	if (!part)
		return;
	fputs(before, to);
	for (; *part; part++) {
		if (strchr(",;\\=#@", *part))
			fputc('\\', to);
		fputc(*part, to);
	}
}

static char *build_word(const char *who, const struct lgr_redirect_spec *spec, const char *library)
{
	char *word = NULL;
	size_t size;
	FILE *to = open_memstream(&word, &size);

	if (!to)
		return no_memory(who);
	put_part(to, "", spec->symbol);
	put_part(to, "@", spec->version);
	put_part(to, "=", library);
	put_part(to, "#", spec->replacement);
	put_part(to, ";in=", spec->callers);
	if (fclose(to) != 0) {
		free(word);
		return no_memory(who);
	}
	return word;
}

char *lgr_redirect_word(const char *who, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	_cleanup_free_ char *library = NULL;
	struct lgr_redirect_spec spec;

	if (!copy)
		return no_memory(who);
	if (!lgr_redirect_parse(copy, &spec)) {
		lgr_say(who, "bad redirect '%s': it takes " LGR_REDIRECT_FORM, text);
		return NULL;
	}
	library = make_absolute(who, spec.library);
	return library ? build_word(who, &spec, library) : NULL;
}

/* ------------------------------------------------------------------- judging */

static int refuse(const char *who, const struct lgr_redirect_spec *spec, const char *sentence)
{
	lgr_say(who, "'%s' cannot be redirected: %s %s", spec->symbol, spec->library, sentence);
	return LGR_EXIT_RUN_FAILED;
}

static int refuse_machine(const char *who, const struct lgr_redirect_spec *spec,
			  const struct lgr_elf_file *elf, const struct lgr_elf_file *shim)
{
	char sentence[256], theirs[64], ours[64];

	snprintf(sentence, sizeof(sentence), "is a %s library and this linger is for %s",
		 lgr_elf_file_describe(elf, theirs, sizeof(theirs)),
		 lgr_elf_file_describe(shim, ours, sizeof(ours)));
	return refuse(who, spec, sentence);
}

static int refuse_unreadable(const char *who, const struct lgr_redirect_spec *spec, int error)
{
	char sentence[256];

	if (error == ENOENT || error == ENOTDIR)
		return refuse(who, spec, "does not exist");
	snprintf(sentence, sizeof(sentence), "cannot be read: %s", strerror(error));
	return refuse(who, spec, sentence);
}

static int judge_symbol(const char *who, const struct lgr_redirect_spec *spec, int fd)
{
	int r = lgr_elf_file_defines(lgr_read_fd, &fd, spec->replacement);

	if (r == -EBADMSG)
		return refuse(who, spec, "is a damaged ELF file");
	if (r != 0)
		return 0;
	lgr_say(who, "'%s' cannot be redirected: %s does not define '%s'", spec->symbol,
		spec->library, spec->replacement);
	return LGR_EXIT_RUN_FAILED;
}

static int judge_file(const char *who, const struct lgr_redirect_spec *spec,
		      const struct lgr_elf_file *shim)
{
	_cleanup_close_ int fd = open(spec->library, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct lgr_elf_file elf;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse_unreadable(who, spec, errno);
	if (!S_ISREG(st.st_mode))
		return refuse(who, spec, "is no file");
	r = lgr_elf_file_read(lgr_read_fd, &fd, &elf);
	if (r == -ENOEXEC)
		return refuse(who, spec, "is no ELF file");
	if (r == -EBADMSG)
		return refuse(who, spec, "is a damaged ELF file");
	if (r < 0)
		return refuse_unreadable(who, spec, -r);
	if (elf.foreign || elf.machine != shim->machine)
		return refuse_machine(who, spec, &elf, shim);
	if (elf.linkage != LGR_LINK_LIBRARY)
		return refuse(who, spec, "is no shared library");
	return judge_symbol(who, spec, fd);
}

int lgr_redirect_judge(const char *who, const char *word, const struct lgr_elf_file *shim)
{
	_cleanup_free_ char *copy = strdup(word);
	struct lgr_redirect_spec spec;

	if (!copy) {
		no_memory(who);
		return LGR_EXIT_RUN_FAILED;
	}
	if (!lgr_redirect_parse(copy, &spec) || !strchr(spec.library, '/'))
		return 0;
	return judge_file(who, &spec, shim);
}
