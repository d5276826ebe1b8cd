/* SPDX-License-Identifier: MIT */
/*
 * unix.h: a unix socket, for the files that make it: unix.c (names, connections, life), unix_stream.c
 * and unix_packet.c (bytes and messages on their way), unix_rights.c (open files on their way).
 *
 * What is sent lies in the receiver's ring.  The lock of the receiver's rq guards its ring, marks,
 * backlog, eof and error.  unix_lock guards names and who is connected to whom.
 * Order: unix_lock, rq.lock, wq.lock, rights_lock.  A stream's peer does not change once it is set and is
 * counted, so it may be used without a lock until the file is closed; who waits for room there queues on
 * the peer's wq.  Closing empties both queues, and nobody enters those of one that is closed: so a
 * waiter need not hold what it waits for.
 */
#pragma once
#include <sys/queue.h>
#include <linux/fcntl.h>
#include "fs/poll.h"
#include "net/bytes.h"
#include "net/socket.h"

enum { SOCK_STREAM = 1, SOCK_DGRAM, SOCK_SEQPACKET = 5 };
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };
enum { MSG_PEEK = 2, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80,
       MSG_WAITALL = 0x100, MSG_NOSIGNAL = 0x4000 };
enum { UNIX_ROOM = 212992, UNIX_BACKLOG = 128, UNIX_QUEUE = 10 /* messages of strangers */,
       UNIX_MARKS = 256 };

/* What a sender says about bytes at..end of the ring, other than the bytes. */
struct mark {
	TAILQ_ENTRY(mark)	link;
	u64			at, end;
	struct rights		*rights;
	struct ucred_k		cred;
	bool			has_cred;
};

struct unix_name {
	_Atomic u32		refs;
	struct unix_socket	*owner;		/* NULL: closed */
	struct inode		*inode;		/* counted; NULL: an abstract name */
	LIST_ENTRY(unix_name)	link;		/* in the table, while it has an owner */
	struct address		address;
};

struct unix_socket {
	struct socket		s;
	_Atomic u32		refs;		/* its file, each peer, each message of its own */
	struct waitq		rq, wq;		/* who waits for something in the ring; for room */
	struct bytes		ring;
	TAILQ_HEAD(, mark)	marks;		/* changed under rights_lock, too */
	u32			mark_count;
	u32			messages;	/* in a ring of messages */
	bool			eof;		/* nothing will be added */
	bool			no_send;	/* shutdown(SHUT_WR) of a datagram socket */
	bool			closed;
	s32			error;		/* to be told once */
	struct unix_socket	*peer;		/* counted */
	struct unix_name	*name;		/* counted */
	struct ucred_k		cred, peer_cred;
	/* a listener: */
	TAILQ_HEAD(, unix_socket) backlog;
	u32			waiting, backlog_max;
	TAILQ_ENTRY(unix_socket) accept_link;
	/* what the search for lost sockets needs (unix_rights.c): */
	LIST_ENTRY(unix_socket)	all;
	struct file		*file;		/* not counted; NULL: not accepted, or closed */
	struct unix_socket	*listener;	/* in whose backlog it is */
	u32			flying;		/* messages that carry it */
	bool			reached;
	struct unix_socket	*next;		/* to be looked at */
};

extern spinlock_t unix_lock;
extern const struct file_ops unix_stream_ops, unix_packet_ops;
extern const struct socket_ops unix_stream_socket, unix_packet_socket, unix_dgram_socket;

/* unix.c */
void unix_get(struct unix_socket *u);
void unix_put(struct unix_socket *u);
void unix_name_put(struct unix_name *n);
/* Whom @a names, counted, if it is of @type; unix_lock not held.  Starts over. */
async long unix_find(const struct address *a, u32 type, struct unix_socket **out);
long unix_bind_auto(struct unix_socket *u);
long unix_take_error(struct unix_socket *u);	/* rq locked */
/* rq locked: sleep until something is in the ring; until there is room.  -EAGAIN: timed out. */
async long unix_wait_data(struct unix_socket *u, bool nowait);
async long unix_wait_room(struct unix_socket *to, struct unix_socket *u, bool nowait);
u32 unix_poll_events(struct unix_socket *u, struct poller *p, bool room);

async long unix_bind(struct file *f, const struct address *a);
async long unix_connect(struct file *f, const struct address *a);
async long unix_connect_dgram(struct file *f, const struct address *a);
long unix_listen(struct file *f, s32 backlog);
async long unix_accept(struct file *f, bool nowait, struct file **out);
long unix_get_name(struct file *f, bool peer, struct address *out);
long unix_shutdown(struct file *f, u32 how);
long unix_get_option(struct file *f, u32 option, void *value, u32 *len);
async long unix_ioctl(struct co *co, struct file *f, u32 request, u64 arg);
void unix_release(struct file *f);

void unix_drop_packets(struct unix_socket *u);	/* unix_packet.c */

/* unix_rights.c: @to's rq is locked */
long mark_prepare(struct unix_socket *to, const struct message *m, bool cred, struct mark **out);
void mark_add(struct unix_socket *to, struct mark *k, u64 at, u64 end, struct message *m);
/* What the message at the head says goes to @m; the mark itself when bytes up to @upto are read. */
void mark_read(struct unix_socket *u, struct mark *k, u64 upto, struct message *m);
void marks_free(struct unix_socket *u);		/* nobody else has it any more */
void rights_socket_new(struct unix_socket *u);	/* into and out of the list of all */
void rights_socket_gone(struct unix_socket *u);
void backlog_push(struct unix_socket *listener, struct unix_socket *u);
struct unix_socket *backlog_pop(struct unix_socket *listener);	/* NULL: empty */
long rights_room(void);				/* may a socket be sent?  No lock is held */
