/* SPDX-License-Identifier: MIT */
/*
 * ptimer.c: POSIX timers.  A timer is a small task that sleeps until its clock shows the time, and then
 * sends the signal.  Until the program has taken that signal the timer rests, so a short period cannot
 * flood anybody: what was missed meanwhile is its overrun count.
 *
 * process.lock guards the list and all fields.  The task holds a reference to the process and ends, and
 * frees the timer, after gone was set.
 */
#include <asm/siginfo.h>
#include "core/rcu.h"
#include "core/time.h"
#include "mem/heap.h"
#include "proc/clocks.h"
#include "proc/private.h"

enum {
	TIMERS_MAX = 1024,		/* of a process */
	SOON = 100000,			/* ns: the program shall come to run between two signals nobody hears */
	RETRY = 10 * NSEC_PER_MSEC,	/* there was no memory for the signal */
	FROM_TIMER = 1,			/* siginfo.status: not made up by a program */
};

struct ptimer {
	LIST_ENTRY(ptimer)	link;
	struct process		*proc;		/* counted */
	struct ptimer_request	as;
	s32			id;
	s32			clock;		/* what at is measured by */
	u64			at, every;	/* at 0: off */
	u64			rest_until;	/* monotonic: not before; 0: at once */
	u32			round;		/* of settings: an older signal does not count */
	u32			overrun;	/* of the signal taken last */
	bool			queued;		/* its signal is pending */
	bool			gone;
	struct rcu_head		rcu;
	struct task		task;		/* has no frames: it starts over */
};

static struct ptimer *find(struct process *p, s32 id)
{
	struct ptimer *m;

	LIST_FOREACH(m, &p->timers, link)
		if (m->id == id)
			return m;
	return NULL;
}

/* Locked.  The clock of a thread that is gone stands still. */
static u64 now_of(const struct ptimer *m)
{
	u64 ns;

	return clock_own_read(m->proc, m->clock, &ns) ? 0 : ns;
}

/* Forward by whole periods until after @now: how many. */
static u64 forward(struct ptimer *m, u64 now)
{
	u64 n = now < m->at ? 0 : (now - m->at) / m->every + 1;

	m->at = time_add(m->at, n * m->every);
	return n;
}

/* --- expiry ------------------------------------------------------------------------------------------ */

static bool signals(const struct ptimer *m) { return m->as.notify != SIGEV_NONE; }

/* The time has come: what to send, if it has. */
static bool due(struct ptimer *m, struct siginfo_k *info)
{
	guard(&m->proc->lock);

	if (m->gone || !m->at || m->queued || !signals(m) || now_of(m) < m->at || clock_now() < m->rest_until)
		return false;
	m->queued = true;
	m->rest_until = 0;
	*info = (struct siginfo_k){ .signo = m->as.signo, .code = SI_TIMER, .pid = m->id, .addr = m->as.value,
		.status = FROM_TIMER, .utime = m->round };
	return true;
}

/* It was not queued: ignored, or nobody is there (@r 0), or no memory. */
static void not_sent(struct ptimer *m, u32 round, long r)
{
	guard(&m->proc->lock);

	if (m->round != round)
		return;
	m->queued = false;
	m->rest_until = clock_now() + (r ? RETRY : SOON);
	if (r)
		return;
	if (m->every)
		forward(m, now_of(m));
	else
		m->at = 0;
}

static void fire(struct ptimer *m, const struct siginfo_k *info)
{
	long r = signal_send_timer(m->proc, m->as.notify & SIGEV_THREAD_ID ? m->as.tid : 0, info);

	if (r <= 0)
		not_sent(m, info->utime, r);
}

/* What the task waits for; 0: to be woken. */
static u64 next_look(struct ptimer *m)
{
	u64 now;
	guard(&m->proc->lock);

	if (!m->at || m->queued || !signals(m) || clock_own_read(m->proc, m->clock, &now))
		return 0;
	return max(clock_id_deadline(m->clock, m->at, now), m->rest_until);
}

static long ptimer_run(struct co *co, struct task *t)
{
	struct ptimer *m = container_of(t, struct ptimer, task);
	struct siginfo_k info;

	while (!m->gone) {
		if (due(m, &info))
			fire(m, &info);
		if (wait_until(next_look(m)) == PENDING)
			return PENDING;
	}
	return 0;
}

/* The signal is taken, or dropped: count what was missed, and go on.  p->lock held. */
void ptimer_taken(struct process *p, struct siginfo_k *info)
{
	struct ptimer *m = info->status == FROM_TIMER ? find(p, info->pid) : NULL;
	u64 n;

	if (!m || m->round != info->utime)
		return;
	m->queued = false;
	m->overrun = 0;
	if (m->every) {
		n = forward(m, now_of(m));
		m->overrun = n ? min(n - 1, (u64)INT32_MAX) : 0;
	} else {
		m->at = 0;
	}
	info->uid = m->overrun;				/* si_overrun has its place */
	task_wake(&m->task);
}

/* --- what programs ask for ----------------------------------------------------------------------------- */

static void ptimer_free(struct rcu_head *h) { heap_free(container_of(h, struct ptimer, rcu)); }

/* Who took it out of the list may be about to wake it. */
static void ptimer_exit(struct task *t)
{
	struct ptimer *m = container_of(t, struct ptimer, task);

	process_put(m->proc);
	rcu_free(&m->rcu, ptimer_free);
}

/* The next number that is free: they go up, as Linux's. */
static s32 new_id(struct process *p)
{
	s32 id = p->timer_id;

	while (find(p, id))
		id = id == INT32_MAX ? 0 : id + 1;
	p->timer_id = id == INT32_MAX ? 0 : id + 1;
	return id;
}

long ptimer_create(struct process *p, const struct ptimer_request *q)
{
	struct ptimer *m = heap_zero(sizeof(*m));

	if (!m)
		return -EAGAIN;
	task_init(&m->task, "ptimer", 0, ptimer_run, ptimer_exit);
	m->as = *q;
	m->clock = q->clock;
	guard(&p->lock);
	if (p->timer_count >= TIMERS_MAX || p->exiting) {
		heap_free(m);
		return -EAGAIN;
	}
	p->timer_count++;
	m->proc = process_get(p);
	m->id = new_id(p);
	if (q->value_is_id)
		m->as.value = m->id;
	LIST_INSERT_HEAD(&p->timers, m, link);
	return m->id;
}

static void stop(struct process *p, struct ptimer *m)
{
	LIST_REMOVE(m, link);
	p->timer_count--;
	m->gone = true;
	task_wake(&m->task);				/* for the first time, perhaps: it ends */
}

long ptimer_delete(struct process *p, s32 id)
{
	guard(&p->lock);
	struct ptimer *m = find(p, id);

	if (m)
		stop(p, m);
	return m ? 0 : -EINVAL;
}

static struct interval left(struct ptimer *m, u64 now)
{
	u64 at = m->at;

	if (at && now >= at && m->every && (m->queued || !signals(m)))
		at += ((now - at) / m->every + 1) * m->every;
	else if (at && now >= at)
		return (struct interval){ m->queued || !signals(m) ? 0 : 1, m->every };
	return (struct interval){ at ? at - now : 0, m->every };
}

long ptimer_get(struct process *p, s32 id, struct interval *now)
{
	guard(&p->lock);
	struct ptimer *m = find(p, id);

	if (m)
		*now = left(m, now_of(m));
	return m ? 0 : -EINVAL;
}

long ptimer_set(struct process *p, s32 id, bool absolute, u64 at, u64 every, struct interval *old)
{
	guard(&p->lock);
	struct ptimer *m = find(p, id);

	if (!m)
		return -EINVAL;
	*old = left(m, now_of(m));
	m->round++;
	m->queued = false;
	m->rest_until = 0;
	m->overrun = 0;
	m->clock = absolute ? m->as.clock : clock_id_steady(m->as.clock);
	m->every = every;
	m->at = !at || absolute ? at : time_add(now_of(m), at);
	task_wake(&m->task);
	return 0;
}

long ptimer_overrun(struct process *p, s32 id)
{
	guard(&p->lock);
	struct ptimer *m = find(p, id);

	return m ? (long)m->overrun : -EINVAL;
}

void ptimers_stop(struct process *p)
{
	struct ptimer *m;
	guard(&p->lock);

	while ((m = LIST_FIRST(&p->timers)))
		stop(p, m);
}

void ptimers_look(struct process *p)
{
	struct ptimer *m;

	LIST_FOREACH(m, &p->timers, link)
		task_wake(&m->task);
}
