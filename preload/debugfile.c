/*
 * debugfile.c - where an object's separate debug file is. See debugfile.h.
 *
 * Owns nothing. Source: gdb's manual, "Debugging Information in Separate Files".
 * SPDX-License-Identifier: MIT
 */
#include "debugfile.h"

#include "path.h"
#include "sys.h"
#include "text.h"

#define GLOBAL "/usr/lib/debug"

enum { BY_BUILD_ID, BESIDE, BELOW, IN_GLOBAL, PLACES };

/* False: there is no such place for this object. */
static bool write_place(int place, const struct lgr_image *image, const char *path,
			struct lgr_text *t)
{
	size_t folder = (size_t)(lgr_path_base(path) - path);

	if (place == BY_BUILD_ID) {
		if (!image->build_id_len)
			return false;
		lgr_text_add(t, GLOBAL "/.build-id/");
		lgr_text_add_bytes(t, image->build_id, 1);
		lgr_text_add(t, "/");
		lgr_text_add_bytes(t, image->build_id + 1, image->build_id_len - 1);
		lgr_text_add(t, ".debug");
		return !t->cut;
	}
	if (!*image->debug_name || *path != '/')
		return false;
	if (place == IN_GLOBAL)
		lgr_text_add(t, GLOBAL);
	lgr_text_add_n(t, path, folder);
	if (place == BELOW)
		lgr_text_add(t, ".debug/");
	lgr_text_add(t, image->debug_name);
	return !t->cut && !lgr_equal(t->at, path);
}

static bool belongs(int fd, const struct lgr_image *image)
{
	static struct lgr_image found LGR_BIG;

	if (!lgr_image_read(fd, &found))
		return false;
	return found.build_id_len == image->build_id_len &&
	       lgr_same(found.build_id, image->build_id, found.build_id_len);
}

int lgr_debugfile_find(const struct lgr_image *image, const char *path, char *buffer, size_t size,
		       int *place)
{
	while (*place < PLACES) {
		struct lgr_text t;
		int fd;

		lgr_text_init(&t, buffer, size);
		if (!write_place((*place)++, image, path, &t))
			continue;
		fd = lgr_sys_openat(buffer, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0)
			continue;
		if (belongs(fd, image))
			return fd;
		lgr_sys_close(fd);
	}
	return -1;
}
