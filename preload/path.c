/*
 * path.c - absolute names. See path.h.
 *
 * Owns nothing. Callable from anywhere.
 * SPDX-License-Identifier: MIT
 */
#include "path.h"

#include "sys.h"

bool lgr_path_absolute(const char *name, char *buffer, size_t size)
{
	struct lgr_text text;
	const char *behind;

	lgr_text_init(&text, buffer, size);
	if (*name != '/') {
		long n = lgr_sys_getcwd(buffer, size);

		/* A directory that was removed has no name, one outside the root has no path. */
		if (n <= 0 || *buffer != '/')
			return false;
		text.len = n > 1 ? (size_t)n : 0; /* "/" itself is added below */
		while ((behind = lgr_after(name, "./")))
			name = behind;
		lgr_text_add(&text, "/");
	}
	lgr_text_add(&text, name);
	return !text.cut;
}

static bool climbs(const char *path)
{
	while ((path = lgr_first(path, '/')))
		if (*++path == '.' && path[1] == '.' && path[2] == '/')
			return true;
	return false;
}

bool lgr_path_is_systems(const char *path)
{
	static const char *const system[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/" };

	for (size_t i = 0; i < LGR_COUNT(system); i++)
		if (lgr_after(path, system[i]))
			return !climbs(path);
	return false;
}

const char *lgr_path_base(const char *path)
{
	const char *slash = lgr_last(path, '/');

	return slash ? slash + 1 : path;
}
