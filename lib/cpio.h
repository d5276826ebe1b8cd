/* SPDX-License-Identifier: MIT */
/*
 * cpio.h: reads a newc archive that lies in memory.  Pure; the archive may be anything: every length
 * is checked against the buffer.  Several archives in a row, with zeros between them, read as one.
 */
#pragma once
#include "lib/base.h"

struct cpio {
	const u8	*base;
	size_t		size, at;
};

struct cpio_entry {
	const char	*name;		/* NUL-terminated, inside the archive */
	size_t		name_len;	/* up to the first NUL */
	u32		ino, mode, uid, gid, nlink, mtime;
	u32		dev_major, dev_minor, rdev_major, rdev_minor;
	const void	*data;
	size_t		offset, size;	/* of the data, from the start of the buffer */
};

void cpio_init(struct cpio *c, const void *base, size_t size);
/* 1: *@e is the next entry; 0: the end; -EINVAL: broken at c->at. */
long cpio_next(struct cpio *c, struct cpio_entry *e);
