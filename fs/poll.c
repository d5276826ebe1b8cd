// SPDX-License-Identifier: MIT
/* poll.c: see poll.h. A task that is woken leaves all queues and registers again when it looks. */
#include "fs/poll.h"

void poller_init(struct poller *p, struct waiter *w, u32 max)
{
	*p = (struct poller){ .w = w, .max = max };
}

void poller_reset(struct poller *p)
{
	for (u32 i = 0; i < p->n; i++)
		wait_cancel(&p->w[i]);
	p->n = 0;
	p->full = false;
}

void poll_add_locked(struct poller *p, struct waitq *q)
{
	struct waiter *w;

	if (p->n == p->max) {
		p->full = true;
		return;
	}
	w = &p->w[p->n++];
	*w = (struct waiter){ .key = WAIT_SHARED };
	if (p->call)
		wait_add_call(q, w, p->call);
	else
		wait_add(q, w);
}

void poll_add_slow(struct poller *p, struct waitq *q)
{
	guard(&q->lock);
	poll_add_locked(p, q);
}
