/* SPDX-License-Identifier: MIT */
/*
 * chan.h: handing things over.  What is handed over has a struct chan_item in it, so sending never
 * allocates and never fails for lack of memory; it is the receiver's from then on.
 *
 * A channel has any number of senders and receivers.  A bounded one makes senders wait.  When it is
 * closed nobody can send any more; what is in it is still received.  Not from interrupts.
 *
 * A mailbox has one receiver, the task that owns it, for as long as anybody may send; anybody may,
 * interrupts included.
 */
#pragma once
#include "core/wait.h"

struct chan_item { struct chan_item *next; };

struct chan {
	struct waitq		receivers;	/* its lock guards everything but senders */
	struct waitq		senders;
	struct chan_item	*first, *last;
	u32			count, limit;	/* 0: unbounded */
	bool			closed;
};
void chan_init(struct chan *c, u32 limit);
void chan_close(struct chan *c);
/* 0; -EPIPE: closed.  If full: PENDING or -EINTR; -EAGAIN. */
async long chan_send(struct chan *c, struct chan_item *i);
long chan_try_send(struct chan *c, struct chan_item *i);
/* 0 and *@out; -EPIPE: empty and closed.  If empty: PENDING or -EINTR; -EAGAIN. */
async long chan_receive(struct chan *c, struct chan_item **out);
long chan_try_receive(struct chan *c, struct chan_item **out);

struct mailbox {
	_Atomic(struct chan_item *)	newest;
	struct task			*owner;
};
void mailbox_init(struct mailbox *m, struct task *owner);
void mailbox_send(struct mailbox *m, struct chan_item *i);	/* any context */
/* All that came, oldest first; NULL: nothing. */
struct chan_item *mailbox_take(struct mailbox *m);
/* The owner: until there is something.  0; nothing but a message ends it. */
async long mailbox_wait(struct mailbox *m);
