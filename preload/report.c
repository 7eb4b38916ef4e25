/*
 * report.c - linger_report, linger_each_slot, linger_each_symbol. Contract: linger.h.
 *
 * Owns nothing. A report is gathered under the locks, and told without.
 * SPDX-License-Identifier: MIT
 */
#include "arena.h"
#include "calls.h"
#include "keep.h"
#include "loaded.h"
#include "lock.h"
#include "pages.h"
#include "redirect.h"
#include "region.h"
#include "registry.h"

#define EXPORT __attribute__((visibility("default")))

/* One line of it, with its own copies of the strings. */
struct line {
	struct linger_binding binding;
	char symbol[128], version[64];
};

struct report {
	struct line *line;
	uint32_t n, room;
	const struct lgr_tie *tie; /* whose calls are being gathered */
};

/* Counts where there is no room yet: the first time through. */
static void add(struct report *report, const struct linger_binding *binding)
{
	struct line *line = &report->line[report->n];
	struct lgr_text t;

	if (report->n++ >= report->room)
		return;
	line->binding = *binding;
	lgr_text_init(&t, line->symbol, sizeof(line->symbol));
	lgr_text_add(&t, binding->symbol);
	line->binding.symbol = line->symbol;
	if (!binding->version)
		return;
	lgr_text_init(&t, line->version, sizeof(line->version));
	lgr_text_add(&t, binding->version);
	line->binding.version = line->version;
}

/* Two versions of a name at one address are two sites, but have the same slots. */
static int judge(const struct linger_redirect *r, const struct lgr_tie *first, uint32_t i)
{
	int verdict = LINGER_OTHER;

	for (const struct lgr_tie *tie = first; tie && verdict == LINGER_OTHER; tie = tie->next)
		if (tie->site->name == first->site->name)
			verdict = lgr_site_judge(tie, i);
	return verdict;
}

static void add_slots(struct report *report, const struct linger_redirect *r,
		      const struct lgr_tie *tie)
{
	const struct lgr_name *name = tie->site->name;
	struct lgr_found from;

	for (uint32_t i = 0; i < name->count; i++) {
		bool known = lgr_slot_reference(name, i, &from);
		const struct linger_binding binding = {
			.id = lgr_slot_owner(name, i)->id,
			.at = lgr_slot_of(name, i),
			.kind = name->owner[i].kind,
			.verdict = (unsigned)judge(r, tie, i),
			.symbol = name->text,
			.version = known ? lgr_elf_version(&from.elf, from.symbol) : NULL,
		};

		add(report, &binding);
	}
}

static bool add_call(void *arg, uintptr_t at)
{
	struct report *report = arg;
	const struct lgr_site *site = report->tie->site;
	const struct linger_binding binding = {
		.id = site->id,
		.at = (const void *)at,
		.kind = LINGER_CALL_INTERNAL,
		.verdict = (unsigned)lgr_site_judge_call(report->tie),
		.symbol = site->name->text,
	};

	add(report, &binding);
	return true;
}

static bool is_first(const struct linger_redirect *r, const struct lgr_tie *tie, bool by_address)
{
	const struct lgr_tie *before = r->ties;

	while (before != tie && (by_address ? before->site->address != tie->site->address
					    : before->site->name != tie->site->name))
		before = before->next;
	return before == tie;
}

static void gather(struct report *report, const struct linger_redirect *r)
{
	report->n = 0;
	for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next) {
		if (is_first(r, tie, false))
			add_slots(report, r, tie);
		report->tie = tie;
		if (is_first(r, tie, true))
			lgr_calls_each(tie->site->object, tie->site->address, add_call, report);
	}
}

static size_t size_of(const struct report *report)
{
	return report->room * sizeof(*report->line);
}

static int make(struct report *report, const struct linger_redirect *r)
{
	if (!lgr_redirect_is(r))
		return -EINVAL;
	if (!lgr_redirect_index())
		return -ENOMEM;
	gather(report, r);
	if (!report->n)
		return 0;
	report->room = report->n;
	report->line = lgr_arena_alloc(size_of(report));
	if (!report->line)
		return -ENOMEM;
	gather(report, r);
	return 0;
}

EXPORT int linger_report_(const linger_redirect *redirect, linger_visit_binding *visit, void *arg)
{
	struct report report = { 0 };
	int r = -EBUSY;

	if (!lgr_on())
		return -ENOSYS;
	if (!lgr_keep_enter())
		return -EBUSY;
	if (lgr_lock(&lgr_lock_registry)) {
		r = make(&report, redirect);
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_keep_leave();
	for (uint32_t i = 0; !r && i < lgr_min(report.n, report.room); i++)
		r = visit(&report.line[i].binding, arg);
	if (report.line && lgr_lock(&lgr_lock_registry)) {
		lgr_arena_free(report.line, size_of(&report));
		lgr_unlock(&lgr_lock_registry);
	}
	return r;
}

/* ------------------------------------------------------------------------------------- iterators */

struct visitor {
	linger_visit_binding *visit;
	void *arg;
	uint64_t id;
	struct lgr_elf elf;
	int r;
};

static bool tell_slot(void *arg, const struct lgr_slot *slot)
{
	struct visitor *v = arg;
	const struct linger_binding binding = {
		.id = v->id,
		.at = slot->at,
		.kind = slot->kind,
		.symbol = slot->name,
		.version = lgr_elf_version(&v->elf, slot->symbol),
	};

	v->r = v->visit(&binding, v->arg);
	return !v->r;
}

/* The object's image; false: there is none. The caller keeps it loaded. */
static bool find(const void *inside, struct lgr_elf *ret, uint64_t *ret_id)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find((uintptr_t)inside));
	struct lgr_loaded image;

	if (!object)
		return false;
	lgr_loaded_of(object, &image);
	*ret = image.elf;
	*ret_id = object->id;
	return true;
}

EXPORT int linger_each_slot_(const void *inside, linger_visit_binding *visit, void *arg)
{
	struct visitor v = { .visit = visit, .arg = arg };

	if (!lgr_on())
		return -ENOSYS;
	if (!find(inside, &v.elf, &v.id))
		return -ENOENT;
	lgr_elf_slots(&v.elf, LGR_SLOTS_ALL, tell_slot, &v);
	return v.r;
}

static int tell_symbol(const struct lgr_elf *elf, uint32_t i, linger_visit_symbol *visit, void *arg)
{
	const ElfW(Sym) *s = &elf->symbols[i];
	bool defined = s->st_shndx != SHN_UNDEF;
	const struct linger_symbol symbol = {
		.name = elf->strings + s->st_name,
		.version = lgr_elf_version(elf, i),
		.address = defined ? (const void *)lgr_elf_address(elf, s) : NULL,
		.size = s->st_size,
		.type = ELF64_ST_TYPE(s->st_info),
		.bind = ELF64_ST_BIND(s->st_info),
		.visibility = ELF64_ST_VISIBILITY(s->st_other),
		.defined = defined,
		.hidden = defined && elf->versions && elf->versions[i] & 0x8000,
	};

	return visit(&symbol, arg);
}

EXPORT int linger_each_symbol_(const void *inside, linger_visit_symbol *visit, void *arg)
{
	struct lgr_elf elf;
	uint64_t id;
	uint32_t n;
	int r = 0;

	if (!lgr_on())
		return -ENOSYS;
	if (!find(inside, &elf, &id))
		return -ENOENT;
	n = elf.strings ? lgr_elf_symbols(&elf) : 0;
	for (uint32_t i = 1; i < n && !r; i++)
		r = tell_symbol(&elf, i, visit, arg);
	return r;
}
