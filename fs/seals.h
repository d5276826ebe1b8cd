/* SPDX-License-Identifier: MIT */
/* seals.h: what may never again be done to a file in memory (memfd_create); see seals.c. */
#pragma once
#include "fs/files.h"
#include "fs/inode.h"

enum {
	SEAL_SEAL = 1, SEAL_SHRINK = 2, SEAL_GROW = 4, SEAL_WRITE = 8, SEAL_FUTURE_WRITE = 16, SEAL_EXEC = 32,
	SEAL_ALL = 63,
};

long seals_get(struct inode *ip);		/* -EINVAL: not a file in memory */
long seals_add(struct file *f, u64 seals);
void seals_allow(struct inode *ip, u32 seals);	/* a new memfd that may be sealed, and is so far by @seals */
void seals_mapped(struct inode *ip);		/* it was mapped shared and writable */

/* May bytes up to @end be written; may the size become @size? */
static inline long seals_write(const struct inode *ip, u64 end)
{
	if (likely(!(ip->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE | SEAL_GROW))))
		return 0;
	return ip->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) || end > ip->size ? -EPERM : 0;
}
static inline long seals_resize(const struct inode *ip, u64 size)
{
	if (likely(!(ip->seals & (SEAL_SHRINK | SEAL_GROW))))
		return 0;
	return (ip->seals & SEAL_SHRINK && size < ip->size) || (ip->seals & SEAL_GROW && size > ip->size) ? -EPERM : 0;
}
static inline bool seals_no_write(const struct inode *ip)
{
	return ip->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE);
}
