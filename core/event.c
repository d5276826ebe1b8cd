/* SPDX-License-Identifier: MIT */
/* event.c: see event.h. */
#include "core/event.h"
#include "core/log.h"
#include "core/time.h"

void oneshot_init(struct oneshot *o)
{
	waitq_init(&o->q);
	o->over = false;
}

void oneshot_set(struct oneshot *o, long result)
{
	guard(&o->q.lock);
	check(!o->over);
	o->over = true;
	o->result = result;
	wake_all_locked(&o->q);
}

async long oneshot_wait(struct oneshot *o, u32 mode)
{
	guard(&o->q.lock);
	return o->over ? o->result : wait_locked(&o->q, mode);
}

void event_init(struct event *e)
{
	waitq_init(&e->q);
	e->count = 0;
}

void event_raise(struct event *e)
{
	guard(&e->q.lock);
	e->count++;
	wake_all_locked(&e->q);
}

static async long look(struct event *e, u64 *seen, bool late)
{
	guard(&e->q.lock);
	if (e->count == *seen)
		return late ? -ETIMEDOUT : wait_locked(&e->q, WAIT_SIGNAL | WAIT_KILL);
	*seen = e->count;
	return 0;
}

async long event_wait(struct event *e, u64 *seen, u64 deadline)
{
	long r = look(e, seen, deadline && clock_now() >= deadline);

	if (r == PENDING && deadline)
		timer_start(task_current(), deadline);
	return r;
}
