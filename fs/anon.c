// SPDX-License-Identifier: MIT
/*
 * anon.c: files that have no name and no content of their own: epoll, eventfd and their kin.  All
 * share one inode, as on Linux; what they are called in /proc/PID/fd is ops->name.
 */
#include "fs/anon.h"
#include "fs/files.h"
#include "fs/inode.h"

static const struct inode_ops anon_ops = { };
static struct inode *anon_inode;

long anon_init(void)
{
	anon_inode = inode_create(&anon_fs, 0600, &anon_ops);
	return anon_inode ? 0 : -ENOMEM;
}

long anon_seek(struct file *f, s64 offset, u32 whence) { return 0; }

struct file *anon_file(const struct file_ops *ops, u32 flags, void *data)
{
	struct file *f = file_create(ops, flags, data);

	if (f)
		f->inode = inode_get(anon_inode);
	return f;
}
