// SPDX-License-Identifier: MIT
/*
 * seals.c: seals of files in memory.  They are kept in inode->seals with SEAL_SEAL inverted, so that 0 is
 * what every other file has: it cannot be sealed.  inode->lock guards them.
 */
#include "fs/seals.h"
#include <linux/fcntl.h>

enum { MAPPED = 1u << 31 };		/* a program has had, or has, writable pages of it */
extern const struct inode_ops tmpfs_file_ops;

long seals_get(struct inode *ip)
{
	return ip->ops == &tmpfs_file_ops ? (long)((ip->seals ^ SEAL_SEAL) & SEAL_ALL) : -EINVAL;
}

/* A mapping holds the file; so do the descriptor and the call: any other reference may be one. */
static bool maybe_mapped(const struct file *f)
{
	return f->inode->seals & MAPPED && (atomic_load(&f->refs) > 2 || atomic_load(&f->inode->refs) > 2);
}

long seals_add(struct file *f, u64 seals)
{
	struct inode *ip = f->inode;
	bool writable = (f->flags & O_ACCMODE) != O_RDONLY;
	long now = seals_get(ip);

	if (now < 0 || seals & ~(u64)SEAL_ALL)
		return -EINVAL;
	if (!writable || now & SEAL_SEAL)
		return -EPERM;
	guard(&ip->lock);
	if (seals & SEAL_WRITE && !(ip->seals & SEAL_WRITE) && maybe_mapped(f))
		return -EBUSY;
	if (seals & SEAL_EXEC && ip->mode & 0111)
		seals |= SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE;
	ip->seals = (ip->seals | (seals & ~(u64)SEAL_SEAL)) & ~(u32)(seals & SEAL_SEAL);
	return 0;
}

void seals_allow(struct inode *ip, u32 seals) { ip->seals = SEAL_SEAL | seals; }
void seals_mapped(struct inode *ip) { ip->seals |= MAPPED; }
