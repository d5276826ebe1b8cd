/* SPDX-License-Identifier: MIT */
/* chan.c: see chan.h.  A channel's lock is receivers.lock; senders.lock is taken inside it. */
#include "core/chan.h"

void chan_init(struct chan *c, u32 limit)
{
	*c = (struct chan){ .limit = limit };
	waitq_init(&c->receivers);
	waitq_init(&c->senders);
}

void chan_close(struct chan *c)
{
	guard(&c->receivers.lock);
	c->closed = true;
	wake_all_locked(&c->receivers);
	wake_all(&c->senders);
}

static long put_locked(struct chan *c, struct chan_item *i)
{
	if (c->closed)
		return -EPIPE;
	if (c->limit && c->count == c->limit)
		return -EAGAIN;
	i->next = NULL;
	if (c->first)
		c->last->next = i;
	else
		c->first = i;
	c->last = i;
	c->count++;
	wake_one_locked(&c->receivers);
	return 0;
}

static long take_locked(struct chan *c, struct chan_item **out)
{
	struct chan_item *i = c->first;

	if (!i)
		return c->closed ? -EPIPE : -EAGAIN;
	*out = i;
	c->first = i->next;
	c->count--;
	if (c->limit)
		wake_one(&c->senders);
	return 0;
}

async long chan_send(struct chan *c, struct chan_item *i)
{
	long r;

	guard(&c->receivers.lock);
	r = put_locked(c, i);
	return unlikely(r == -EAGAIN) ? wait_on(&c->senders) : r;
}

long chan_try_send(struct chan *c, struct chan_item *i)
{
	guard(&c->receivers.lock);
	return put_locked(c, i);
}

async long chan_receive(struct chan *c, struct chan_item **out)
{
	long r;

	guard(&c->receivers.lock);
	r = take_locked(c, out);
	return r == -EAGAIN ? wait_locked(&c->receivers, WAIT_SIGNAL | WAIT_KILL) : r;
}

long chan_try_receive(struct chan *c, struct chan_item **out)
{
	guard(&c->receivers.lock);
	return take_locked(c, out);
}

/* --- mailboxes ----------------------------------------------------------------------------------------- */

void mailbox_init(struct mailbox *m, struct task *owner)
{
	atomic_init(&m->newest, NULL);
	m->owner = owner;
}

/* Who finds it empty wakes the owner, who has not come since if it is not. */
void mailbox_send(struct mailbox *m, struct chan_item *i)
{
	struct chan_item *old = atomic_load_explicit(&m->newest, memory_order_relaxed);

	do
		i->next = old;
	while (!atomic_compare_exchange_weak_explicit(&m->newest, &old, i,
			memory_order_release, memory_order_relaxed));
	if (!old)
		task_wake(m->owner);
}

struct chan_item *mailbox_take(struct mailbox *m)
{
	struct chan_item *i = atomic_exchange_explicit(&m->newest, NULL, memory_order_acquire);
	struct chan_item *fifo = NULL, *next;

	for (; i; i = next) {
		next = i->next;
		i->next = fifo;
		fifo = i;
	}
	return fifo;
}

async long mailbox_wait(struct mailbox *m)
{
	return atomic_load_explicit(&m->newest, memory_order_relaxed) ? 0 : PENDING;
}
