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

static bool undo(struct uio *u, const struct uio *before)
{
	uaddr_t fault = u->fault;

	*u = *before;
	u->fault = fault;
	return false;
}

bool anon_put(struct uio *u, const void *v, size_t n)
{
	struct uio before = *u;

	return uio_out(u, v, n) == n || undo(u, &before);
}

bool anon_take(struct uio *u, void *v, size_t n)
{
	struct uio before = *u;

	return uio_in(u, v, n) == n || undo(u, &before);
}
