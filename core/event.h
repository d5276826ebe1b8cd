/* SPDX-License-Identifier: MIT */
/*
 * event.h: telling many that something has happened.
 *
 * A oneshot happens once and has a result: an errand ends, a request is answered.  Whoever asks before
 * waits, whoever asks later gets the result at once.  An event happens again and again: it is a
 * count.  Each subscriber remembers the count it has seen, so it misses nothing between two waits; what
 * happens several times meanwhile it sees once.
 *
 * Not from interrupts: they lock nothing (mailbox_send() of chan.h is for them).
 */
#pragma once
#include "core/wait.h"

struct oneshot {
	struct waitq	q;		/* its lock guards the rest */
	bool		over;
	long		result;
};
void oneshot_init(struct oneshot *o);
void oneshot_set(struct oneshot *o, long result);	/* once; it may be freed by RCU from then on */
/* The result.  @mode: WAIT_* that end the wait with -EINTR. */
async long oneshot_wait(struct oneshot *o, u32 mode);

struct event {
	struct waitq	q;
	u64		count;
};
#define EVENT_INIT(e)	{ WAITQ_INIT((e).q), 0 }
void event_init(struct event *e);
void event_raise(struct event *e);
/* Until it has happened more than *@seen times, which is then brought up to date: 0; -EINTR;
 * -ETIMEDOUT at @deadline (0: never). */
async long event_wait(struct event *e, u64 *seen, u64 deadline);
