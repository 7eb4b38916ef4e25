/*
 * tree.c - a directory in which gdb finds the files that a process or a core has loaded.
 *
 * Owns struct lgr_tree, and a directory of its own in $TMPDIR while gdb runs:
 *   DIR/commands   what gdb is to do first
 *   DIR/root       its sysroot: leads to tree; once a process is attached to, to the root directory,
 *                  so that what is loaded later is found under its own name
 *   DIR/tree/...   for each name in the loader's list, and of files in a core, a link to the right file
 *   DIR/names/...  the same for names that are relative, by their last part
 *   DIR/nothing    a file without code, for names whose files are added by address: those that lead to
 *                  several; and in a process all that lead to another file by now, since gdb closes
 *                  files and opens them again by name
 * Where every name leads to the right file, gdb gets none of it.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tool.h"

#define PAGE 4096

/* The beginning of a file, or of an image: its headers, and as a rule its build-id. */
struct page {
	bool known;
	char bytes[PAGE] __attribute__((aligned(8)));
	const char *id;
	size_t id_size;
};

/* What gdb is to know of one module. */
struct found {
	const struct lgr_module *module;
	char *file; /* the right one; NULL: there is none */
	bool moved; /* and not the one its name leads to */
	bool by_address;
};

/* A link to be made: @name within the directory, to @to. */
struct link {
	char *name;
	const char *to;	     /* NULL: nothing is known */
	struct found *found; /* whose name in the loader's list it is; NULL: that of a mapping */
	bool weak;	     /* a guess, which any other beats */
};

struct links {
	struct link *link;
	size_t count, cap;
};

static void links_deinit(struct links *links)
{
	for (size_t i = 0; i < links->count; i++)
		free(links->link[i].name);
	free(links->link);
}

/* ------------------------------------------------------------ is it that file? */

static void page_judge(struct page *page, size_t n)
{
	memset(page->bytes + n, 0, PAGE - n);
	page->known = n > sizeof(Elf64_Ehdr) && !memcmp(page->bytes, ELFMAG, SELFMAG);
	page->id_size = page->known ? lgr_elf_page_build_id(page->bytes, PAGE, &page->id) : 0;
}

static void page_of_file(const char *path, struct page *ret, struct stat *ret_st)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;

	*ret_st = (struct stat){ 0 };
	if (fd >= 0 && fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode))
		n = pread(fd, ret->bytes, PAGE, 0);
	page_judge(ret, n < 0 ? 0 : (size_t)n);
}

static void page_of_image(const struct lgr_debuggee *of, uint64_t base, struct page *ret)
{
	page_judge(ret, of->read(of->arg, base, ret->bytes, PAGE) == 0 ? PAGE : 0);
}

/* Stripping changes the headers and not the build-id. */
static bool same_page(const struct page *a, const struct page *b)
{
	if (a->id_size && b->id_size)
		return a->id_size == b->id_size && !memcmp(a->id, b->id, a->id_size);
	return !memcmp(a->bytes, b->bytes, PAGE);
}

/* -------------------------------------------------------------- the right file */

/* Where we find what the process calls @name. */
static char *path_of(const struct lgr_debuggee *of, const char *name)
{
	char *path;

	return asprintf(&path, "%s%s", *name == '/' ? of->root : "", name) < 0 ? NULL : path;
}

/* A copy in the archive that begins as the image does; any that is noted, where that is not known. */
static char *archived(const struct lgr_debuggee *of, const struct lgr_module *m,
		      const struct page *image)
{
	size_t cursor = 0;
	struct page page;
	struct stat st;
	char *path;

	while ((path = lgr_copies_next(of->copies, m->dynamic, image->id, image->id_size, m->name,
				       &cursor))) {
		page_of_file(path, &page, &st);
		if (page.known && (!image->known || same_page(image, &page)))
			return path;
		free(path);
	}
	return NULL;
}

static bool is_mapped_file(const struct lgr_mapping *m, const struct stat *st)
{
	return m->inode == st->st_ino && m->device == st->st_dev;
}

/* One of the process's descriptors, which it has of what linger copied to memory. */
static char *descriptor_of(const struct lgr_debuggee *of, const struct lgr_mapping *m)
{
	char path[64], *found = NULL;
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)of->pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && is_mapped_file(m, &st) &&
		    asprintf(&found, "%s/%s", path, entry->d_name) < 0)
			found = NULL;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The mapped file itself: root can open it, others where a descriptor leads to it. */
static char *mapped(const struct lgr_debuggee *of, const struct lgr_module *m)
{
	const struct lgr_mapping *at;
	char *path;

	at = of->pid ? lgr_maps_find(of->maps, m->base, m->base + 1) : NULL;
	if (!at || !at->inode)
		return NULL;
	if (asprintf(&path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)of->pid, at->lo,
		     at->hi) < 0)
		return NULL;
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return descriptor_of(of, at);
}

/*
 * Does its own name lead to what is loaded? By the build-id; without one, by all of the first page, and
 * in a process by the inode.
 */
static bool is_in_place(const struct lgr_debuggee *of, const struct lgr_module *m,
			const struct page *image, const struct page *file, const struct stat *st)
{
	const struct lgr_mapping *at;

	if (!file->known || !same_page(image, file))
		return false;
	at = of->pid && !file->id_size ? lgr_maps_find(of->maps, m->base, m->base + 1) : NULL;
	return !at || at->inode == st->st_ino;
}

/* Finds the file of one module. Says so where there is none. False: no memory. */
static bool find(const char *who, const struct lgr_debuggee *of, struct found *f)
{
	const struct lgr_module *m = f->module;
	_cleanup_free_ char *path = path_of(of, m->name);
	struct page image, file;
	struct stat st;

	if (!path)
		return false;
	page_of_image(of, m->base, &image);
	page_of_file(path, &file, &st);
	if (image.known && is_in_place(of, m, &image, &file, &st)) {
		f->file = strdup(path);
		return f->file;
	}
	f->file = archived(of, m, &image);
	if (!f->file)
		f->file = mapped(of, m);
	f->moved = true;
	if (!f->file && !image.known && file.known) {
		/* Nothing says that it is another one. */
		f->moved = false;
		f->file = strdup(path);
		return f->file;
	}
	if (!f->file)
		lgr_say(who,
			"%s was %s since it was loaded, and there is no copy of it: its code has "
			"no names",
			m->name, st.st_ino ? "replaced" : "deleted");
	return true;
}

/* --------------------------------------------------------------------- links */

/* @name without empty parts, "." and "..": gdb appends it to the sysroot as it is. Allocated. */
static char *plain_name(const char *name)
{
	char *plain = malloc(strlen(name) + sizeof("names/") + 2), *to = plain;
	const char *slash = strrchr(name, '/');

	if (!plain)
		return NULL;
	if (*name != '/') {
		strcpy(plain, "names/");
		strcat(plain, slash ? slash + 1 : name);
		return plain;
	}
	to = stpcpy(plain, "tree");
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n == 2 && !memcmp(name, "..", 2)) {
			*to = '\0';
			to = strchr(plain, '/') ? strrchr(plain, '/') : to;
		} else if (n && (n != 1 || *name != '.')) {
			*to++ = '/';
			memcpy(to, name, n);
			to += n;
		}
		name += n + (name[n] == '/');
	}
	*to = '\0';
	return plain;
}

static bool add_link(struct links *links, const char *name, const char *to, struct found *found,
		     bool weak)
{
	struct link *grown, link = { .to = to, .found = found, .weak = weak };

	grown = lgr_grow(links->link, &links->cap, links->count, sizeof(link));
	if (!grown)
		return false;
	links->link = grown;
	link.name = plain_name(name);
	if (!link.name)
		return false;
	grown[links->count++] = link;
	return true;
}

/* What a mapping is likely to be of, by its name: parts of a module, and the page that linger holds of it. */
static const char *guess(const char *name, const struct found *found, size_t n)
{
	const char *suffix = strstr(name, " (deleted)");
	size_t len = suffix ? (size_t)(suffix - name) : 0;

	for (size_t i = 0; suffix && i < n; i++) {
		_cleanup_free_ char *plain = plain_name(found[i].module->name);

		if (plain && *name == '/' && !strncmp(plain + strlen("tree"), name, len) &&
		    !plain[strlen("tree") + len])
			return found[i].file;
	}
	return suffix ? NULL : name;
}

/* Files of a core, by which gdb reads what a core leaves out: code, constants. */
static bool add_mappings(const struct lgr_debuggee *of, struct found *found, size_t n,
			 struct links *links)
{
	const char *last = "";

	for (size_t i = 0; i < of->maps->count; i++) {
		const struct lgr_mapping *m = &of->maps->mapping[i];
		const struct found *f = NULL;
		const char *guessed;

		for (size_t k = 0; k < n && !f; k++)
			if (found[k].module->base == m->lo)
				f = &found[k];
		if (f && !add_link(links, m->name, f->file, NULL, false))
			return false;
		guessed = f || !strcmp(m->name, last) ? NULL : guess(m->name, found, n);
		if (guessed && !add_link(links, m->name, guessed, NULL, true))
			return false;
		last = m->name;
	}
	return true;
}

static bool gather(const struct lgr_debuggee *of, struct found *found, size_t n,
		   struct links *links)
{
	for (size_t i = 0; i < n; i++)
		if (!add_link(links, found[i].module->name, found[i].file, &found[i], false))
			return false;
	return of->pid || add_mappings(of, found, n, links);
}

static int by_name(const void *left, const void *right)
{
	const struct link *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : a->weak - b->weak;
}

/* Makes the directories that lead to @path, from @root on. */
static void make_parents(char *path, size_t root)
{
	for (char *slash = strchr(path + root, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

static bool same_file(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Makes one link for @n of the same name, @l the first of them. */
static int make_link(const struct lgr_tree *tree, const struct lgr_debuggee *of,
		     const struct link *l, size_t n)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *nothing = NULL;
	bool listed = false, hide = false;

	if (asprintf(&path, "%s/%s", tree->dir, l->name) < 0 ||
	    asprintf(&nothing, "%s/nothing", tree->dir) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		listed |= l[i].found != NULL;
		hide |= !l[i].to || (!l[i].weak && !same_file(l[i].to, l[0].to));
		hide |= of->pid && l[i].found && l[i].found->moved;
	}
	for (size_t i = 0; hide && i < n; i++)
		if (l[i].found)
			l[i].found->by_address = true;
	if (hide && !listed)
		return 0;
	make_parents(path, strlen(tree->dir) + 1);
	return symlink(hide ? nothing : l->to, path) < 0 && errno != EEXIST ? -errno : 0;
}

/* The least that gdb takes for a library. */
static int make_nothing(const struct lgr_tree *tree)
{
	Elf64_Ehdr head = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
#if defined(__x86_64__)
		.e_machine = EM_X86_64,
#elif defined(__aarch64__)
		.e_machine = EM_AARCH64,
#endif
	};
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/nothing", tree->dir) < 0)
		return -ENOMEM;
	file = fopen(path, "wxe");
	if (!file || fwrite(&head, sizeof(head), 1, file) != 1 || fflush(file))
		return -errno;
	return 0;
}

static int make_links(const struct lgr_tree *tree, const struct lgr_debuggee *of,
		      struct links *links)
{
	_cleanup_free_ char *root = NULL;
	int r = make_nothing(tree);

	if (asprintf(&root, "%s/root", tree->dir) < 0)
		return -ENOMEM;
	if (r == 0 && symlink("tree", root) < 0)
		r = -errno;
	if (links->count)
		qsort(links->link, links->count, sizeof(*links->link), by_name);
	for (size_t i = 0, n; r == 0 && i < links->count; i += n) {
		for (n = 1;
		     i + n < links->count && !strcmp(links->link[i + n].name, links->link[i].name);
		     n++)
			;
		r = make_link(tree, of, &links->link[i], n);
	}
	return r;
}

/* ------------------------------------------------------------------ commands */

/*
 * @path as gdb's commands take it without quoting, each in its own way: itself, or a link to it where it
 * has a character that might mean something. Allocated.
 */
static char *plain_path(struct lgr_tree *tree, const char *path)
{
	_cleanup_free_ char *whole = realpath(path, NULL);
	char *link;

	if (!path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			       "/._-+@%=:,")])
		return strdup(path);
	if (!whole || asprintf(&link, "%s/file%u", tree->dir, tree->files++) < 0)
		return NULL;
	if (symlink(whole, link) == 0)
		return link;
	free(link);
	return NULL;
}

static bool write_symbols(struct lgr_tree *tree, FILE *out, const char *file, uint64_t bias)
{
	_cleanup_free_ char *path = plain_path(tree, file);

	if (path)
		fprintf(out, "add-symbol-file %s -o 0x%" PRIx64 "\n", path, bias);
	return path;
}

/* What gdb does not find by a name: code, and debug files, which lie beside an archived copy. */
static bool write_module(struct lgr_tree *tree, FILE *out, const struct found *f)
{
	_cleanup_free_ char *debug = NULL;
	const char *slash;

	if (!f->file)
		return true;
	if (f->by_address && !write_symbols(tree, out, f->file, f->module->bias))
		return false;
	slash = strrchr(f->file, '/');
	if (!f->moved || asprintf(&debug, "%.*s/debug", (int)(slash - f->file), f->file) < 0 ||
	    access(debug, R_OK) < 0)
		return true;
	return write_symbols(tree, out, debug, f->module->bias);
}

static bool write_program(struct lgr_tree *tree, FILE *out, const struct lgr_debuggee *of,
			  const struct found *program)
{
	_cleanup_free_ char *file = NULL;
	_cleanup_free_ char *core = of->core ? plain_path(tree, of->core) : NULL;

	if (program && program->file) {
		file = plain_path(tree, program->file);
		if (!file)
			return false;
		fprintf(out, "file %s\n", file);
	}
	if (of->core && !core)
		return false;
	if (of->core)
		fprintf(out, "core-file %s\n", core);
	else
		fprintf(out, "attach %d\n", (int)of->pid);
	return true;
}

static bool write_commands(struct lgr_tree *tree, FILE *out, const struct lgr_debuggee *of,
			   const struct found *found, size_t n, bool moved)
{
	bool ok;

	if (moved)
		fprintf(out, "set sysroot %s/root\nset solib-search-path %s/names\n", tree->dir,
			tree->dir);
	ok = write_program(tree, out, of, of->program < n ? &found[of->program] : NULL);
	if (moved && of->pid)
		fprintf(out, "shell exec ln -sfn '%s/' '%s/root'\n", of->root, tree->dir);
	for (size_t i = 0; ok && i < n; i++)
		if (i != of->program)
			ok = write_module(tree, out, &found[i]);
	return ok;
}

/* ---------------------------------------------------------------------- tree */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

void lgr_tree_deinit(struct lgr_tree *tree)
{
	if (tree->dir)
		nftw(tree->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(tree->dir);
	free(tree->script);
}

static int make_dir(struct lgr_tree *tree)
{
	const char *tmp = getenv("TMPDIR");

	/* In a command of gdb, and of a shell. */
	if (!tmp || *tmp != '/' || strpbrk(tmp, " \t\n'\"\\"))
		tmp = "/tmp";
	if (asprintf(&tree->dir, "%s/linger-gdb.XXXXXX", tmp) < 0) {
		tree->dir = NULL;
		return -ENOMEM;
	}
	if (!mkdtemp(tree->dir)) {
		free(tree->dir);
		tree->dir = NULL;
		return -errno;
	}
	return asprintf(&tree->script, "%s/commands", tree->dir) < 0 ? -ENOMEM : 0;
}

/* Would gdb miss a file, or open a wrong one? */
static bool needs_links(const struct lgr_debuggee *of, const struct found *found, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct lgr_module *m = found[i].module;
		const struct lgr_mapping *at = lgr_maps_find(of->maps, m->base, m->base + 1);

		if (found[i].moved || (!of->pid && at && access(at->name, R_OK) < 0))
			return true;
	}
	return false;
}

static int make(struct lgr_tree *tree, const struct lgr_debuggee *of, struct found *found, size_t n)
{
	_cleanup_(links_deinit) struct links links = { 0 };
	bool moved = needs_links(of, found, n), ok;
	FILE *out;
	int r;

	r = make_dir(tree);
	if (r == 0 && moved)
		r = gather(of, found, n, &links) ? make_links(tree, of, &links) : -ENOMEM;
	if (r < 0)
		return r;
	out = fopen(tree->script, "wxe");
	if (!out)
		return -errno;
	ok = write_commands(tree, out, of, found, n, moved);
	if (fclose(out) != 0)
		return -errno;
	return ok ? 0 : -ENOMEM;
}

int lgr_tree_init(const char *who, const struct lgr_debuggee *of, const struct lgr_modules *modules,
		  struct lgr_tree *ret)
{
	struct found *found = calloc(modules->count + 1, sizeof(*found));
	int r = found ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < modules->count; i++) {
		found[i].module = &modules->module[i];
		if (!find(who, of, &found[i]))
			r = -ENOMEM;
	}
	if (r == 0)
		r = make(ret, of, found, modules->count);
	for (size_t i = 0; found && i < modules->count; i++)
		free(found[i].file);
	free(found);
	if (r == 0)
		return 0;
	lgr_say(who, "what gdb needs cannot be written to a directory in %s: %s",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", strerror(-r));
	return LGR_EXIT_FAILED;
}
