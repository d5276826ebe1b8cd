/* SPDX-License-Identifier: MIT */
/*
 * poll.h: waiting for several files at once.  A file's poll() looks at its state and, given a poller,
 * registers one waiter on each queue that is woken when the state may change.  A poller takes nothing,
 * so those who wait to take something are woken as well (WAIT_SHARED).
 */
#pragma once
#include <linux/poll.h>
#include "core/wait.h"

struct poller {
	struct waiter	*w;		/* room for @max */
	struct wait_call *call;		/* is called; NULL: the current task is woken */
	u32		n, max;
	bool		full;		/* someone could not register: look again soon */
};
void poller_init(struct poller *p, struct waiter *w, u32 max);
void poller_reset(struct poller *p);	/* leave all queues */

/* Register on @q.  The caller holds the lock under which the state changes, unless the queue's
 * own lock is that lock: then it uses poll_add_locked(). NULL @p: nothing. */
void poll_add_slow(struct poller *p, struct waitq *q);
void poll_add_locked(struct poller *p, struct waitq *q);
static inline void poll_add(struct poller *p, struct waitq *q)
{
	if (p)
		poll_add_slow(p, q);
}
