/* SPDX-License-Identifier: MIT */
/*
 * alarm.c: the real-time interval timer of a process.  A small task per process that ever set one
 * sleeps until the deadline and sends SIGALRM.  It holds a reference to the process; alarm_stop()
 * ends it.  process.lock guards alarm_at, alarm_every, alarm_task and alarm->gone.
 */
#include "core/rcu.h"
#include "core/time.h"
#include "mem/heap.h"
#include "proc/process.h"

struct alarm {
	struct process	*proc;
	bool		gone;
	struct rcu_head	rcu;
	struct task	task;		/* has no frames: it starts over */
};

enum { SOON = 100000 };		/* ns: the program shall come to run between two signals */

static u64 next_period(const struct process *p, u64 now)
{
	return p->alarm_at + ((now - p->alarm_at) / p->alarm_every + 1) * p->alarm_every;
}

/* The timer has run out: when does it next?  Missed periods are skipped. */
static bool alarm_due(struct process *p)
{
	u64 now = clock_now();
	guard(&p->lock);

	if (!p->alarm_at || now < p->alarm_at)
		return false;
	if (p->alarm_every)
		p->alarm_at = max(next_period(p, now), now + SOON);
	else
		p->alarm_at = 0;
	return true;
}

static long alarm_run(struct co *co, struct task *t)
{
	struct alarm *a = container_of(t, struct alarm, task);

	while (!a->gone) {
		if (alarm_due(a->proc))
			signal_kernel(a->proc, SIGALRM);
		if (wait_until(a->proc->alarm_at) == PENDING)
			return PENDING;
	}
	return 0;
}

static void alarm_free(struct rcu_head *h) { heap_free(container_of(h, struct alarm, rcu)); }

/* alarm_stop() may be about to wake it. */
static void alarm_exit(struct task *t)
{
	struct alarm *a = container_of(t, struct alarm, task);

	process_put(a->proc);
	rcu_free(&a->rcu, alarm_free);
}

static struct alarm *alarm_create(struct process *p)
{
	struct alarm *a = heap_zero(sizeof(*a));

	if (!a)
		return NULL;
	task_init(&a->task, "alarm", 0, alarm_run, alarm_exit);
	a->proc = process_get(p);
	return a;
}

/* Only the process's own threads call this, so two can meet here: the first one's task stays. */
static long alarm_begin(struct process *p)
{
	struct alarm *a = alarm_create(p);

	if (!a)
		return -ENOMEM;
	{
		guard(&p->lock);
		if (!p->alarm_task) {
			p->alarm_task = &a->task;
			return 0;
		}
	}
	alarm_exit(&a->task);
	return 0;
}

long alarm_set(struct process *p, u64 at, u64 every)
{
	if (at && !p->alarm_task && alarm_begin(p))
		return -ENOMEM;
	guard(&p->lock);
	p->alarm_at = at;
	p->alarm_every = every;
	if (p->alarm_task)
		task_wake(p->alarm_task);
	return 0;
}

void alarm_get(struct process *p, u64 *left, u64 *every)
{
	u64 now = clock_now();
	guard(&p->lock);

	*every = p->alarm_every;
	*left = p->alarm_at ? max(p->alarm_at, now + 1) - now : 0;
}

void alarm_stop(struct process *p)
{
	guard(&p->lock);
	if (!p->alarm_task)
		return;
	container_of(p->alarm_task, struct alarm, task)->gone = true;
	task_wake(p->alarm_task);
	p->alarm_task = NULL;
	p->alarm_at = 0;
}
