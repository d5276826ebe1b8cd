/* SPDX-License-Identifier: MIT */
/*
 * wait.c: every way to wait, and to be woken.
 *
 * q->lock guards the list of a queue, and w->q of each waiter in it.  A waker takes the waiter out,
 * stores w->q = NULL last (the waiter may be gone then: it lies in a frame), and wakes the task.
 * So w->q == NULL, read with acquire, means: no longer queued, and what the waker did is visible.
 * Only the task itself queues its waiters.  Nobody holds two queue locks.
 */
#include "core/log.h"
#include "core/time.h"
#include "core/wait.h"

void waitq_init(struct waitq *q)
{
	*q = (struct waitq){ .waiters = TAILQ_HEAD_INITIALIZER(q->waiters) };
}

static inline void add(struct waitq *q, struct waiter *w, struct task *t)
{
	w->task = t;
	TAILQ_INSERT_TAIL(&q->waiters, w, link);
	atomic_store_explicit(&w->q, q, memory_order_release);
}

void wait_add(struct waitq *q, struct waiter *w)
{
	check(spin_locked(&q->lock));
	check(!atomic_load(&w->q));
	add(q, w, task_current());
}

void wait_add_call(struct waitq *q, struct waiter *w, struct wait_call *c)
{
	check(spin_locked(&q->lock));
	check(!atomic_load(&w->q));
	w->key = WAIT_CALL;
	w->call = c;
	TAILQ_INSERT_HEAD(&q->waiters, w, link);
	atomic_store_explicit(&w->q, q, memory_order_release);
}

bool wait_cancel(struct waiter *w)
{
	struct waitq *q;

	while ((q = atomic_load_explicit(&w->q, memory_order_acquire))) {
		guard(&q->lock);
		if (atomic_load_explicit(&w->q, memory_order_relaxed) != q)
			continue;			/* woken, or moved to another queue */
		TAILQ_REMOVE(&q->waiters, w, link);
		atomic_store_explicit(&w->q, NULL, memory_order_relaxed);
		return true;
	}
	return false;
}

/* --- waking -------------------------------------------------------------------------------------- */

struct task *wake_waiter(struct waitq *q, struct waiter *w)
{
	struct task *t = w->task;

	TAILQ_REMOVE(&q->waiters, w, link);
	atomic_store_explicit(&w->q, NULL, memory_order_release);	/* w is gone */
	task_wake(t);
	return t;
}

/* The call comes before w->q = NULL: until then who cancels waits for the lock, so w stays. */
static __attribute__((noinline)) void call_waiter(struct waitq *q, struct waiter *w)
{
	TAILQ_REMOVE(&q->waiters, w, link);
	w->call->fn(w->call);
	atomic_store_explicit(&w->q, NULL, memory_order_release);
}

static inline void wake_any(struct waitq *q, struct waiter *w)
{
	if (unlikely(w->key == WAIT_CALL))
		call_waiter(q, w);
	else
		wake_waiter(q, w);
}

/* The first waiter takes nothing. */
static __attribute__((noinline)) u32 wake_shared(struct waitq *q)
{
	struct waiter *w;
	bool shared;
	u32 n = 0;

	while ((w = TAILQ_FIRST(&q->waiters))) {
		shared = w->key >= WAIT_CALL;
		wake_any(q, w);
		n++;
		if (!shared)
			break;
	}
	return n;
}

u32 wake_one_locked(struct waitq *q)
{
	struct waiter *w = TAILQ_FIRST(&q->waiters);

	if (unlikely(!w))
		return 0;
	if (unlikely(w->key >= WAIT_CALL))
		return wake_shared(q);
	wake_waiter(q, w);
	return 1;
}

u32 wake_one(struct waitq *q)
{
	guard(&q->lock);
	return wake_one_locked(q);
}

u32 wake_next_locked(struct waitq *q)
{
	struct waiter *w;

	TAILQ_FOREACH(w, &q->waiters, link)
		if (w->key != WAIT_CALL) {
			wake_waiter(q, w);
			return 1;
		}
	return 0;
}

u32 wake_all_locked(struct waitq *q)
{
	struct waiter *w;
	u32 n = 0;

	for (; (w = TAILQ_FIRST(&q->waiters)); n++)
		wake_any(q, w);
	return n;
}

u32 wake_all(struct waitq *q)
{
	guard(&q->lock);
	return wake_all_locked(q);
}

/* --- sleeping -------------------------------------------------------------------------------------- */

/* Say what may end the sleep, then look: task_interrupt() does it the other way round. */
static inline long announce(struct task *t, u32 mode)
{
	if (!mode)
		return PENDING;
	atomic_store_explicit(&t->mode, mode, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return unlikely(atomic_load_explicit(&t->pending, memory_order_relaxed) & mode) ? -EINTR : PENDING;
}

async long wait_locked(struct waitq *q, u32 mode)
{
	struct task *t = task_current();
	long r = announce(t, mode);

	check(!atomic_load(&t->w.q));			/* one sleep at a time */
	if (likely(r == PENDING)) {
		t->w.key = 0;
		add(q, &t->w, t);
	}
	return r;
}

async long wait_on(struct waitq *q)
{
	guard(&q->lock);
	return wait_locked(q, WAIT_SIGNAL | WAIT_KILL);
}

async long wait_kill(struct waitq *q)
{
	guard(&q->lock);
	return wait_locked(q, WAIT_KILL);
}

async long wait_quiet(struct waitq *q)
{
	guard(&q->lock);
	return wait_locked(q, 0);
}

async long wait_on_until(struct waitq *q, u64 deadline)
{
	long r;

	if (deadline && clock_now() >= deadline)
		return -ETIMEDOUT;
	r = wait_on(q);
	if (r == PENDING && deadline)
		timer_start(task_current(), deadline);
	return r;
}

async long wait_until(u64 deadline)
{
	struct task *t = task_current();
	long r = announce(t, WAIT_SIGNAL | WAIT_KILL);

	if (r != PENDING || !deadline)
		return r;
	if (clock_now() >= deadline)
		return -ETIMEDOUT;
	timer_start(t, deadline);
	return PENDING;
}

async long wait_woken(struct waiter *w, u64 deadline)
{
	long r;

	if (!atomic_load_explicit(&w->q, memory_order_acquire))
		return 0;
	r = wait_until(deadline);
	return r == PENDING || wait_cancel(w) ? r : 0;	/* a wakeup that came first counts */
}

/* The first one that is in no queue, or @n. */
static u32 first_woken(struct waiter *w, u32 n)
{
	u32 i = 0;

	while (i < n && atomic_load_explicit(&w[i].q, memory_order_acquire))
		i++;
	return i;
}

async long wait_any(struct waiter *w, u32 n, u64 deadline)
{
	u32 first = first_woken(w, n);
	long r = first < n ? 0 : wait_until(deadline);

	if (r == PENDING)
		return r;
	for (u32 i = n; i-- > 0;)
		if (!wait_cancel(&w[i]))
			first = i;			/* a wakeup that came first counts */
	return first < n ? (long)first : r;
}

/* --- fair sleeping locks ----------------------------------------------------------------------------- */

void sem_init(struct sem *s, s64 n)
{
	waitq_init(&s->q);
	s->count = n;
}

static inline bool take(struct sem *s, u64 n)
{
	if (s->count < (s64)n || !TAILQ_EMPTY(&s->q.waiters))
		return false;
	s->count -= n;
	return true;
}

async long sem_acquire(struct sem *s, u64 n)
{
	struct task *t = task_current();

	if (unlikely(t->grant == &s->q)) {		/* handed over while we slept */
		t->grant = NULL;
		return 0;
	}
	if (co_again())
		return PENDING;
	guard(&s->q.lock);
	if (unlikely(!TAILQ_EMPTY(&s->q.waiters)))
		sem_hand_over(s);		/* the first may have left, polled early: perhaps we */
	if (likely(take(s, n)))
		return 0;
	t->w.key = n;
	add(&s->q, &t->w, t);
	return PENDING;
}

bool sem_try(struct sem *s, u64 n)
{
	guard(&s->q.lock);
	return take(s, n);
}

/* Hand permits over in the order of the queue: nobody who comes later gets in between. */
void sem_hand_over(struct sem *s)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(&s->q.waiters)) && s->count >= (s64)w->key) {
		s->count -= w->key;
		w->task->grant = &s->q;
		wake_waiter(&s->q, w);
	}
}

void sem_release(struct sem *s, u64 n)
{
	guard(&s->q.lock);
	s->count += n;
	if (unlikely(!TAILQ_EMPTY(&s->q.waiters)))
		sem_hand_over(s);
}
