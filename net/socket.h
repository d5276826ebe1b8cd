/* SPDX-License-Identifier: MIT */
/*
 * socket.h: sockets as the system calls see them: a file whose inode is of kind I_SOCK and whose data
 * begins with a struct socket.  A family supplies struct socket_ops; reading, writing, polling and
 * closing are the file's operations.
 */
#pragma once
#include "fs/files.h"
#include "fs/inode.h"

enum { ADDRESS_MAX = 128, RIGHTS_MAX = 253 };

struct address {			/* struct sockaddr and its length; 0: none */
	u32	len;
	u16	family;			/* first two of the bytes */
	u8	bytes[ADDRESS_MAX - 2];
};

struct ucred_k { s32 pid; u32 uid, gid; };

/* Open files on their way in a message; each is counted. */
struct rights {
	u32		count;
	struct rights	*next;		/* being given up */
	struct file	*file[];
};
void rights_free(struct rights *r);	/* NULL is fine; not while a lock is held */

/* What a message is besides its bytes. */
struct message {
	u32		flags;		/* MSG_* asked for */
	u32		told;		/* MSG_* of what was received */
	u64		length;		/* of the datagram received, as it was sent */
	struct address	name;		/* to or from */
	struct rights	*rights;	/* a send that succeeds takes them */
	struct ucred_k	cred;		/* of the sender */
	bool		has_cred;
};

/* May be NULL: -EOPNOTSUPP.  All start over. */
struct socket_ops {
	async long	(*bind)(struct file *f, const struct address *a);
	async long	(*connect)(struct file *f, const struct address *a);
	long		(*listen)(struct file *f, s32 backlog);
	async long	(*accept)(struct file *f, bool nowait, struct file **out);
	long		(*name)(struct file *f, bool peer, struct address *out);
	async long	(*send)(struct file *f, struct uio *u, struct message *m);
	async long	(*receive)(struct file *f, struct uio *u, struct message *m);
	long		(*shutdown)(struct file *f, u32 how);
	/* SOL_SOCKET options that are the family's own; -ENOPROTOOPT. */
	long		(*get)(struct file *f, u32 option, void *value, u32 *len);
};

struct socket {
	const struct socket_ops	*ops;
	u16			domain, type;
	bool			pass_cred, listening;
	u64			options;	/* bit n: SO_n was set, for those that are only kept */
	u32			send_size, receive_size;
	u64			send_timeout, receive_timeout;	/* ns, 0: none */
	u64			send_deadline, receive_deadline;	/* of a wait under way */
};

/* The socket @f is, or NULL. */
static inline struct socket *file_socket(struct file *f)
{
	return inode_kind(f->inode) == I_SOCK && !(f->flags & 010000000 /* O_PATH */) ? f->data : NULL;
}

/* A file for @s, a new inode of its own; NULL: no memory. */
struct file *socket_file(struct socket *s, const struct file_ops *ops, u32 flags);

/* Set by sys/: who the calling program is. */
extern void (*socket_caller)(struct ucred_k *c);
extern struct fs_context *(*socket_fs)(void);		/* where its paths begin */
struct ucred_k caller_cred(void);

/* Give up sockets that only messages of each other hold: now and then, or @now. */
void sockets_search(bool now);

/* AF_UNIX (net/unix.c). */
long unix_create(u32 type, u32 flags, struct file **out);
long unix_pair(u32 type, u32 flags, struct file **a, struct file **b);
