/*
 * addresses.c - names of functions whose definition is redirected. See addresses.h.
 *
 * Owns nothing. Called by programs, like the C library's own, maybe while they crash: takes a leaf lock, and
 * does without what it guards where that is not to be had.
 * SPDX-License-Identifier: MIT
 */
#include "addresses.h"

#include "lock.h"
#include "pages.h"
#include "real.h"
#include "redirect.h"
#include "registry.h"
#include "start.h"
#include "sys.h"

#define CALL(name, type) ((type)lgr_real[LGR_REAL_##name])
#define LINE 4608 /* a path, a name, two numbers */

/* ---------------------------------------------------------------------------------------- dladdr */

static bool is_in(const struct lgr_site *site, uintptr_t address)
{
	const ElfW(Sym) *s = &site->elf->symbols[site->symbol];
	uintptr_t start = (s->st_shndx == SHN_ABS ? 0 : site->elf->load) + site->value;

	return s->st_size ? address - start < s->st_size : address == start;
}

static const struct lgr_site *find(const struct lgr_object *object, uintptr_t address)
{
	for (const struct linger_redirect *r = lgr_redirects; r; r = r->next)
		for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next)
			if (tie->site->object == object && tie->site->id == object->id &&
			    is_in(tie->site, address))
				return tie->site;
	return NULL;
}

/* What info would say without redirects. Returns the symbol, where that is another one; else NULL. */
static const ElfW(Sym) *put_back(const void *address, Dl_info *info)
{
	const struct lgr_object *object;
	const struct lgr_site *site = NULL;
	const ElfW(Sym) *symbol = NULL;

	if (!lgr_redirects_any() || !lgr_lock(&lgr_lock_registry))
		return NULL;
	object = lgr_registry_object(lgr_pages_find((uintptr_t)address));
	if (object)
		site = find(object, (uintptr_t)address);
	if (site) {
		uintptr_t start = site->elf->load + site->value;

		symbol = &site->elf->symbols[site->symbol];
		if (!info->dli_sname || (uintptr_t)info->dli_saddr < start) {
			info->dli_sname = site->elf->strings + symbol->st_name;
			info->dli_saddr = (void *)start;
		} else {
			symbol = NULL;
		}
	}
	lgr_unlock(&lgr_lock_registry);
	return symbol;
}

int dladdr(const void *address, Dl_info *info)
{
	bool ready = lgr_ready();
	int r = CALL(dladdr, int (*)(const void *, Dl_info *))(address, info);

	if (r && ready)
		put_back(address, info);
	return r;
}

int dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
	bool ready = lgr_ready();
	const ElfW(Sym) *symbol;
	int r = CALL(dladdr1, int (*)(const void *, Dl_info *, void **, int))(address, info, extra,
									      flags);

	symbol = r && ready ? put_back(address, info) : NULL;
	if (symbol && flags == RTLD_DL_SYMENT)
		*extra = (void *)symbol;
	return r;
}

/* ----------------------------------------------------------------------------- backtrace_symbols */

/* The line of an address whose name had to be put back, as debug/backtracesyms.c writes it. */
static bool make_line(void *address, struct lgr_text *line)
{
	Dl_info info;

	if (!CALL(dladdr, int (*)(const void *, Dl_info *))(address, &info) ||
	    !put_back(address, &info))
		return false;
	lgr_text_add(line, info.dli_fname);
	lgr_text_add(line, "(");
	lgr_text_add(line, info.dli_sname);
	lgr_text_add(line, "+0x");
	lgr_text_add_hex(line, (uintptr_t)address - (uintptr_t)info.dli_saddr);
	lgr_text_add(line, ") [0x");
	lgr_text_add_hex(line, (uintptr_t)address);
	lgr_text_add(line, "]");
	return true;
}

/* The text of line i. buffer: of LINE bytes. */
static const char *line_of(void *const *addresses, char *const *lines, int i, char *buffer)
{
	struct lgr_text line;

	lgr_text_init(&line, buffer, LINE);
	return make_line(addresses[i], &line) ? buffer : lines[i];
}

/* One block, to be freed by the program, as the C library's own. NULL: there is no memory. */
static char **rewrite(void *const *addresses, int n, char *const *lines)
{
	size_t size = (size_t)n * sizeof(char *);
	char buffer[LINE], **made, *at;

	for (int i = 0; i < n; i++)
		size += lgr_len(line_of(addresses, lines, i, buffer)) + 1;
	made = lgr_libc.allocate(size);
	at = made ? (char *)(made + n) : NULL;
	for (int i = 0; at && i < n; i++) {
		const char *line = line_of(addresses, lines, i, buffer);
		size_t len = lgr_len(line) + 1;

		/* Restored in between, a line may have become longer. */
		len = lgr_min(len, size - (size_t)(at - (char *)made));
		if (!len)
			break;
		lgr_copy(at, line, len);
		at[len - 1] = '\0';
		made[i] = at;
		at += len;
	}
	return made;
}

static bool is_any_redirected(void *const *addresses, int n)
{
	char buffer[LINE];
	struct lgr_text line;
	bool found = false;

	for (int i = 0; i < n && !found; i++) {
		lgr_text_init(&line, buffer, sizeof(buffer));
		found = make_line(addresses[i], &line);
	}
	return found;
}

char **backtrace_symbols(void *const *addresses, int n)
{
	bool ready = lgr_ready();
	char **lines = CALL(backtrace_symbols, char **(*)(void *const *, int))(addresses, n),
	     **made;

	if (!lines || !ready || !lgr_redirects_any() || !is_any_redirected(addresses, n))
		return lines;
	made = rewrite(addresses, n, lines);
	if (!made)
		return lines;
	lgr_libc.free(lines);
	return made;
}

void backtrace_symbols_fd(void *const *addresses, int n, int fd)
{
	void (*real)(void *const *, int, int);
	bool ready = lgr_ready();
	char buffer[LINE];
	struct lgr_text line;

	real = CALL(backtrace_symbols_fd, void (*)(void *const *, int, int));
	if (!ready || !lgr_redirects_any()) {
		real(addresses, n, fd);
		return;
	}
	for (int i = 0; i < n; i++) {
		lgr_text_init(&line, buffer, sizeof(buffer));
		if (!make_line(addresses[i], &line)) {
			real(&addresses[i], 1, fd);
			continue;
		}
		lgr_text_add(&line, "\n");
		lgr_sys_write(fd, buffer, line.len);
	}
}
