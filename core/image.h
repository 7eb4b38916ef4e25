/*
 * image.h - an ELF file as it stands on disk, of which nothing need be true.
 *
 * elf.h reads what the loader has mapped; this reads the file, for what is not mapped: symbols, the name of
 * the separate debug file. All reads are bounded, and by pread(2): a mapping of a file that somebody
 * truncates would be a SIGBUS.
 *
 * MT-safe and async-signal-safe.
 *
 * Rank 3: may include base.h, sys.h, text.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_IMAGE_H
#define LGR_IMAGE_H

#include "base.h"

/* A shorter one names no file: .build-id/xx/yyyy. A longer one is cut. */
#define LGR_BUILD_ID_MIN 2u
#define LGR_BUILD_ID_MAX 32u

struct lgr_image {
	uint8_t build_id[LGR_BUILD_ID_MAX]; /* cut to this */
	uint32_t build_id_len;		    /* 0: none */
	bool symbols;			    /* has a .symtab */
	bool relative;			    /* $ORIGIN stands in what it says of its dependencies */
	char debug_name[256];		    /* of .gnu_debuglink; "": none */
	uint32_t debug_crc;		    /* what that file's CRC-32 is to be */
};

/*
 * lgr_image_read - reads what stands in the file at fd, whose offset is left alone.
 * Returns false, with ret worth nothing, when it is no ELF file of this machine's class. What is broken
 * in one is left out.
 */
bool lgr_image_read(int fd, struct lgr_image *ret);

#endif
