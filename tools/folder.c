/*
 * folder.c - the archive's directory, where the command has to name or make it.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

char *lgr_folder_default(const char *who)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int r;

	/* A relative one is to be ignored (XDG Base Directory Specification). */
	if (cache && *cache == '/')
		r = asprintf(&path, "%s/linger", cache);
	else if (home && *home == '/')
		r = asprintf(&path, "%s/.cache/linger", home);
	else {
		lgr_say(who, "neither XDG_CACHE_HOME nor HOME says where the archive is to be; "
			     "name a directory: --archive=DIR");
		return NULL;
	}
	if (r >= 0)
		return path;
	lgr_say(who, "there is not enough memory");
	return NULL;
}

int lgr_folder_make(const char *who, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;
	int error = 0;

	if ((size_t)snprintf(dir, sizeof(dir), "%s", path) >= sizeof(dir))
		error = ENAMETOOLONG;
	for (char *slash = dir + 1; !error && (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			error = errno;
		*slash = '/';
	}
	if (!error && mkdir(dir, 0700) < 0 && errno != EEXIST)
		error = errno;
	if (!error && stat(dir, &st) < 0)
		error = errno;
	if (!error && !S_ISDIR(st.st_mode))
		error = ENOTDIR;
	if (error) {
		lgr_say(who, "the archive %s cannot be made: %s", path, strerror(error));
		return -error;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022) ||
	    faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0) {
		lgr_say(who,
			"the archive %s cannot be used: it must be this user's, and nobody "
			"else may write there",
			path);
		return -EPERM;
	}
	return 0;
}
