// SPDX-License-Identifier: MIT
/* socket.c: what sockets of all families share: their files. */
#include "net/socket.h"

void (*socket_caller)(struct ucred_k *c);
struct fs_context *(*socket_fs)(void);

struct ucred_k caller_cred(void)
{
	struct ucred_k c = { 0 };

	if (socket_caller)
		socket_caller(&c);
	return c;
}

static const struct inode_ops socket_inode_ops = { };

struct file *socket_file(struct socket *s, const struct file_ops *ops, u32 flags)
{
	struct file *f = file_create(ops, flags, s);
	struct ucred_k c = caller_cred();

	if (!f)
		return NULL;
	f->inode = inode_create(&anon_fs, I_SOCK | 0777, &socket_inode_ops);
	if (!f->inode) {
		f->ops = NULL;		/* nothing to release */
		file_put(f);
		return NULL;
	}
	f->inode->uid = c.uid;
	f->inode->gid = c.gid;
	return f;
}
