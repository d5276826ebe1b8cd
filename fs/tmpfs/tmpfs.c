// SPDX-License-Identifier: MIT
/*
 * tmpfs.c: files in memory.  The tree of names is the directory: every dentry is pinned, there is
 * nothing to look up.  Content of regular files: file.c beside it.
 */
#include <string.h>
#include "core/log.h"
#include "fs/dentry.h"
#include "lib/number.h"
#include "mem/heap.h"

extern const struct inode_ops tmpfs_file_ops, tmpfs_dir_ops, tmpfs_node_ops;

static long tmpfs_create(struct inode *dir, u32 mode, u32 rdev, const char *target, struct inode **out)
{
	struct inode *ip = tmpfs_inode(dir->fs, mode, rdev);
	size_t len;

	if (!ip)
		return -ENOSPC;
	if (target) {
		len = strlen(target);
		if (!(ip->target = heap_alloc(len + 1))) {
			inode_put(ip);
			return -ENOSPC;
		}
		memcpy(ip->target, target, len + 1);
		ip->size = len;
	}
	*out = ip;
	return 0;
}

const struct inode_ops tmpfs_dir_ops = { .create = tmpfs_create };
const struct inode_ops tmpfs_node_ops = { };	/* links, devices, fifos: the generic ones */

struct inode *tmpfs_inode(struct filesystem *fs, u32 mode, u32 rdev)
{
	const struct inode_ops *ops = &tmpfs_node_ops;
	struct inode *ip;

	if ((mode & I_FMT) == I_REG)
		ops = &tmpfs_file_ops;
	else if ((mode & I_FMT) == I_DIR)
		ops = &tmpfs_dir_ops;
	ip = inode_create(fs, mode, ops);
	if (ip)
		ip->rdev = rdev;
	return ip;
}

/* --- mounting ------------------------------------------------------------------------------------ */

/* Value of "@key=value" among options separated by commas: its length, or -1. */
static long option(const char *options, const char *key, const char **value)
{
	size_t n = strlen(key);

	for (const char *s = options; s && *s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL)
		if (!strncmp(s, key, n) && s[n] == '=') {
			const char *end = strchr(s, ',');

			*value = s + n + 1;
			return end ? end - *value : (long)strlen(*value);
		}
	return -1;
}

/* "64m", "1g", "4096k", bytes, "50%". */
static long parse_size(const char *s, size_t n, u64 *pages_out)
{
	static const char units[] = "kmg";
	const char *unit = n ? strchr(units, s[n - 1] | 0x20) : NULL;
	u64 v;

	if (n && s[n - 1] == '%') {
		if (number_parse_n(s, n - 1, 10, 100, &v))
			return -EINVAL;
		*pages_out = page_total_count() * v / 100;
		return 0;
	}
	if (unit && *unit)
		n--;
	if (number_parse_n(s, n, 10, 1ul << 32, &v))
		return -EINVAL;
	if (unit && *unit)
		v <<= 10 * (unit - units + 1);
	*pages_out = (v + PAGE_SIZE - 1) >> PAGE_SHIFT;
	return 0;
}

static long parse_mode(const char *s, size_t n, u32 *mode)
{
	u32 v = 0;

	for (; n; n--, s++) {
		if (*s < '0' || *s > '7' || v > I_PERM / 8)
			return -EINVAL;
		v = v * 8 + (*s - '0');
	}
	*mode = v;
	return 0;
}

long tmpfs_mount(struct filesystem *fs, const char *options)
{
	struct inode *ip;
	const char *v;
	u32 mode = 01777;
	long n;

	if ((n = option(options, "size", &v)) >= 0 && parse_size(v, n, &fs->page_limit))
		return -EINVAL;
	if ((n = option(options, "mode", &v)) >= 0 && parse_mode(v, n, &mode))
		return -EINVAL;
	if (!(ip = tmpfs_inode(fs, mode | I_DIR, 0)))
		return -ENOMEM;
	ip->nlink = 2;
	fs->root = dentry_root(ip);
	return fs->root ? 0 : -ENOMEM;
}

static u64 pages_used(struct filesystem *fs)
{
	struct inode *ip;
	u64 n = 0;

	guard(&fs->lock);
	TAILQ_FOREACH(ip, &fs->inodes, link)
		n += ip->pages.count;
	return n;
}

u64 tmpfs_blocks(struct filesystem *fs, u64 *free)
{
	u64 limit = fs->page_limit ? fs->page_limit : page_total_count() / 2, used = pages_used(fs);

	*free = min(limit > used ? limit - used : 0, page_free_count());
	return limit;
}

const struct fs_type tmpfs_type = {
	.name = "tmpfs", .magic = 0x01021994, .nodev = true, .mount = tmpfs_mount,
	.blocks = tmpfs_blocks,
};
