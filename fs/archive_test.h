/* SPDX-License-Identifier: MIT */
/* archive_test.h: writes newc archives into the memory that was never given to the allocator. */
#pragma once
#include "fs/test.h"
#include "lib/print.h"

static u32 archive_size;

static inline void archive_begin(void)
{
	memset(archive_area, 0, 1 << 20);
	archive_size = 0;
}

static inline void archive_bytes(const void *p, size_t n)
{
	memcpy(archive_area + archive_size, p, n);
	archive_size += n;
}

/* Pad the name so that the data begin at a page. */
enum { AS_IT_COMES, AT_A_PAGE };

static inline void archive_entry(const char *name, u32 ino, u32 mode, u32 nlink, const void *data, u32 size,
				 int where)
{
	u32 len = strlen(name) + 1;
	char head[111];

	if (where == AT_A_PAGE)
		len = align_up(archive_size + 110 + len, PAGE_SIZE) - archive_size - 110;
	snprint(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ino, mode,
		5, 6, nlink, 1000, size, 8, 1, 1, 3, len, 0);
	archive_bytes(head, 110);
	memcpy(archive_area + archive_size, name, strlen(name));
	archive_size = align_up(archive_size + len, 4);
	archive_bytes(data, size);
	archive_size = align_up(archive_size, 4);
}

static inline long archive_unpack(void)
{
	archive_entry("TRAILER!!!", 0, 0, 1, "", 0, AS_IT_COMES);
	return fs_unpack_initrd(virt_to_phys(archive_area), archive_size);
}
