/*
 * override.c - the newest definition wins. See override.h.
 *
 * Owns nothing: the redirects it makes are redirect.c's.
 * SPDX-License-Identifier: MIT
 */
#include "override.h"

#include "environment.h"
#include "loaded.h"
#include "redirect.h"
#include "registry.h"
#include "scope.h"

bool lgr_override_is_on(void)
{
	return lgr_settings.of[LGR_SET_OVERRIDE].given &&
	       !lgr_equal(lgr_settings.of[LGR_SET_OVERRIDE].text, "off");
}

/* The last ones are the newest. */
static bool is_global(const struct lgr_object *object)
{
	const struct lgr_scope *scope = lgr_scope_global();

	if (lgr_is(object, LGR_FL_GLOBAL))
		return true;
	for (uint32_t i = scope ? scope->count : 0; i--;)
		if (scope->list[i] == lgr_map_of(object))
			return true;
	return false;
}

/* What the linker puts into every object. */
static bool is_linkers(const char *name)
{
	static const char *const made[] = {
		"_init", "_fini", "_edata", "edata", "_end", "end", "_etext", "etext",
		"__bss_start", "_start", "main", "__data_start", "data_start", "_IO_stdin_used",
		/* by tcc */
		"_GLOBAL_OFFSET_TABLE_", "_DYNAMIC", "__preinit_array_start", "__preinit_array_end",
		"__init_array_start", "__init_array_end", "__fini_array_start", "__fini_array_end"
	};

	for (size_t i = 0; i < LGR_COUNT(made); i++)
		if (lgr_equal(name, made[i]))
			return true;
	return false;
}

static bool counts(const struct lgr_elf *elf, uint32_t i)
{
	const ElfW(Sym) *s = &elf->symbols[i];
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && s->st_value &&
	       ELF64_ST_BIND(s->st_info) == STB_GLOBAL &&
	       (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE) &&
	       !(elf->versions && elf->versions[i] & 0x8000) &&
	       !is_linkers(elf->strings + s->st_name);
}

void lgr_override(struct lgr_object *object, uint64_t before)
{
	static char buffer[512] LGR_BIG;
	struct lgr_loaded image;
	struct linger_redirect *made;
	struct lgr_text why;
	uint32_t n;

	if (!lgr_override_is_on() || object->namespace ||
	    !lgr_glob(lgr_settings.of[LGR_SET_OVERRIDE].text, lgr_path_of(object)) ||
	    !is_global(object) || !lgr_redirect_index())
		return;
	lgr_loaded_of(object, &image);
	n = lgr_elf_symbols(&image.elf);
	for (uint32_t i = 1; i < n; i++) {
		const ElfW(Sym) *s = &image.elf.symbols[i];
		const struct linger_change change = {
			.symbol = image.elf.strings + s->st_name,
			.replacement = (void *)lgr_elf_address(&image.elf, s),
			.flags = LINGER_SELF,
		};

		lgr_text_init(&why, buffer, sizeof(buffer));
		if (counts(&image.elf, i) && lgr_redirect_make(&change, before, &made, &why) == 0)
			lgr_redirect_log(made, LGR_EV_REDIRECT);
	}
}
