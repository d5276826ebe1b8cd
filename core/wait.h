/* SPDX-License-Identifier: MIT */
/*
 * wait.h: every way to wait.  All functions marked async here start over.
 * Look and queue up under the lock of those who change and wake: then no wakeup is lost.
 */
#pragma once
#include "core/co.h"

/* A wait queue: first come, first served; intrusive.  Its lock also guards the small state
 * of the object it belongs to (a semaphore's count, a page's flags). */
struct waitq {
	spinlock_t			lock;
	TAILQ_HEAD(waiters, waiter)	waiters;
};
#define WAITQ_INIT(q)	{ {0}, TAILQ_HEAD_INITIALIZER((q).waiters) }
void waitq_init(struct waitq *q);

/* Values of waiter.key. */
#define WAIT_SHARED (~0ull)	/* takes nothing, so wake the next one as well */
#define WAIT_CALL (~1ull)	/* as WAIT_SHARED; not a task: w->call is called, once */

/* Who wants to be called rather than woken, before all tasks: under the queue's lock, so it must
 * neither wait nor touch this queue; it may lock and wake other queues, which are therefore "above"
 * this one (fs/epoll.c).
 * When wait_cancel() returns, it is neither running nor will it be called. */
struct wait_call { void (*fn)(struct wait_call *c); };
void wait_add_call(struct waitq *q, struct waiter *w, struct wait_call *c);	/* q locked */

void wait_add(struct waitq *q, struct waiter *w);	/* for the current task; q locked */
bool wait_cancel(struct waiter *w);			/* false: was woken (not queued) */
struct task *wake_waiter(struct waitq *q, struct waiter *w);	/* q locked, w queued on it */
/* As wake_waiter(); @w's task does not call again what it waits in, whose result is @r: task_give(). */
static inline struct task *wake_with(struct waitq *q, struct waiter *w, s32 r)
{
	task_give(w->task, r);
	return wake_waiter(q, w);
}
u32 wake_one(struct waitq *q);				/* past WAIT_SHARED ones */
u32 wake_one_locked(struct waitq *q);			/* q locked */
u32 wake_next_locked(struct waitq *q);	/* nothing has changed, but a task has not had its share */
u32 wake_all(struct waitq *q);
u32 wake_all_locked(struct waitq *q);
static inline __attribute__((no_sanitize("thread"))) bool waitq_empty(const struct waitq *q)
{
	return TAILQ_EMPTY(&q->waiters);		/* a hint, unless q is locked */
}

/* Queue the task on @q.  The caller holds the lock under which the waker changes what we
 * wait for, has just looked, and will look again.  PENDING, or -EINTR if a signal is there. */
async long wait_on(struct waitq *q);
async long wait_kill(struct waitq *q);			/* only deadly signals end it */
async long wait_quiet(struct waitq *q);			/* nothing but a wake ends it */
/* Same with q->lock held; @mode is a set of WAIT_*. */
async long wait_locked(struct waitq *q, u32 mode);
/* As wait_on, also ends at @deadline (ns, 0: never) with -ETIMEDOUT. */
async long wait_on_until(struct waitq *q, u64 deadline);

/* Nothing to look at but the clock and signals: -ETIMEDOUT or -EINTR. */
async long wait_until(u64 deadline);
/* Sleep until @w has been dequeued by a waker: 0, -EINTR or -ETIMEDOUT; then not queued. */
async long wait_woken(struct waiter *w, u64 deadline);
/* Until one of @n waiters, each queued on a queue of its own, was dequeued: which one (the first; others may
 * have been, too), -EINTR or -ETIMEDOUT; then none is queued.  Look at all sources again. */
async long wait_any(struct waiter *w, u32 n, u64 deadline);

/* Checked build: now and then pretend to wait, to prove that callers can start over. */
#ifdef CHECKED
bool co_again(void);
#else
static inline bool co_again(void) { return false; }
#endif

/* --- fair sleeping locks: one counting semaphore, strict hand-off ------------------------ */

struct sem { struct waitq q; s64 count; };
#define SEM_INIT(s, n)	{ WAITQ_INIT((s).q), (n) }
void sem_init(struct sem *s, s64 n);
async long sem_acquire(struct sem *s, u64 n);		/* quiet: 0 or PENDING */
bool sem_try(struct sem *s, u64 n);
void sem_release(struct sem *s, u64 n);
void sem_hand_over(struct sem *s);			/* s->q locked: to those whose turn it is */

struct mutex { struct sem s; };
#define MUTEX_INIT(m)	{ SEM_INIT((m).s, 1) }
static inline void mutex_init(struct mutex *m) { sem_init(&m->s, 1); }
static inline bool mutex_try(struct mutex *m)
{
	guard(&m->s.q.lock);
	if (m->s.count <= 0)
		return false;
	m->s.count = 0;			/* free, so nobody waits: it would have been handed over */
	return true;
}
static inline async long mutex_lock(struct mutex *m)
{
	if (co_again())
		return PENDING;
	return likely(mutex_try(m)) ? 0 : sem_acquire(&m->s, 1);
}
static inline void mutex_unlock(struct mutex *m)
{
	guard(&m->s.q.lock);
	m->s.count = 1;
	if (unlikely(!TAILQ_EMPTY(&m->s.q.waiters)))
		sem_hand_over(&m->s);
}

enum { RW_MAX = 1 << 30 };
struct rwlock { struct sem s; };
#define RWLOCK_INIT(l)	{ SEM_INIT((l).s, RW_MAX) }
static inline void rwlock_init(struct rwlock *l) { sem_init(&l->s, RW_MAX); }
static inline async long read_lock(struct rwlock *l) { return sem_acquire(&l->s, 1); }
static inline void read_unlock(struct rwlock *l) { sem_release(&l->s, 1); }
static inline async long write_lock(struct rwlock *l) { return sem_acquire(&l->s, RW_MAX); }
static inline void write_unlock(struct rwlock *l) { sem_release(&l->s, RW_MAX); }
