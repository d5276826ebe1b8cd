/* SPDX-License-Identifier: MIT */
/* wait_explore.c: waiters and fair locks in every order. */
#include "test/explore/explore.h"

static struct actor a, b, c;
static struct waitq q;
static u32 woken, inside;

/* --- cancel against wake ------------------------------------------------------------------------------ */

/* Its waiter lies in its frame; whatever ends the sleep, the frame is used for something else next. */
static long waits(struct co *co, struct task *t)
{
	struct { struct waiter w; } *f = co_frame(co);
	long r;

	co_begin(f);
	memset(&f->w, 0, sizeof(f->w));
	{
		guard(&q.lock);
		wait_add(&q, &f->w);
	}
	await(r = wait_woken(&f->w, (u64)actor_of(t)->arg));
	memset(&f->w, 0x55, sizeof(f->w));
	actor_of(t)->result = r;
	return 0;
	co_end();
}

static long wakes_one(struct co *co, struct task *t)
{
	woken = wake_one(&q);
	return 0;
}

static long signals_a(struct co *co, struct task *t)
{
	task_interrupt(&a.t, WAIT_SIGNAL);
	return 0;
}

static void cancel_wake(void)
{
	waitq_init(&q);
	actor_start(&a, 0, waits, NULL);
	actor_start(&b, 1, wakes_one, NULL);
	actor_start(&c, 2, signals_a, NULL);
}

/* The wakeup counts exactly if it found somebody. */
static void cancelled_or_woken(void)
{
	must(a.ended && b.ended && c.ended);
	must(a.result == (woken ? 0 : -EINTR));
	must(waitq_empty(&q));
}
const struct scenario wait_cancel_wake = { "cancel-wake", 3, cancel_wake, cancelled_or_woken };

/* Only the wakeup can end it. */
static void only_wake(void)
{
	waitq_init(&q);
	actor_start(&a, 0, waits, NULL);
	actor_start(&b, 1, wakes_one, NULL);
}
static void woken_or_asleep(void)
{
	must(b.ended && a.ended == woken);
	must(waitq_empty(&q) == a.ended);
}
const struct scenario wait_only_wake = { "frame-wake", 2, only_wake, woken_or_asleep };

/* Deadline, wake: the clock is a device. */
static void tick(void) { explore_advance(100); }
static void deadline_wake(void)
{
	waitq_init(&q);
	actor_start(&a, 0, waits, (void *)(clock_now() + 100));
	actor_start(&b, 1, wakes_one, NULL);
}
static void timed_out_or_woken(void)
{
	must(a.ended && b.ended);
	must(a.result == (woken ? 0 : -ETIMEDOUT));
	must(waitq_empty(&q) && !a.t.timer_cpu);
}
const struct scenario wait_deadline = { "deadline-wake", 2, deadline_wake, timed_out_or_woken, { tick } };

/* --- one of two sleepers is woken --------------------------------------------------------------------- */

static u32 items;
static async long take_item(void)
{
	guard(&q.lock);
	if (!items)
		return wait_locked(&q, WAIT_SIGNAL | WAIT_KILL);
	items--;
	return 0;
}
static long takes(struct co *co, struct task *t) { return take_item(); }
static long gives_two(struct co *co, struct task *t)
{
	for (u32 i = 0; i < 2; i++) {
		{
			guard(&q.lock);
			items++;
		}
		wake_one(&q);
	}
	return 0;
}
static void two_items(void)
{
	waitq_init(&q);
	items = 0;
	actor_start(&a, 0, takes, NULL);
	actor_start(&b, 1, takes, NULL);
	actor_start(&c, 2, gives_two, NULL);
}
static void both_taken(void)
{
	must(a.ended && b.ended && c.ended);
	must(!items && waitq_empty(&q));
}
const struct scenario wait_two = { "two-take-two", 3, two_items, both_taken };

/* --- locks --------------------------------------------------------------------------------------------- */

static struct mutex m;
static struct sem sem;
static struct rwlock rw;

static long locks(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&m));
	must(!inside++);
	co_yield();
	must(inside-- == 1);
	mutex_unlock(&m);
	return 0;
	co_end();
}

static void mutex3(void)
{
	mutex_init(&m);
	inside = 0;
	actor_start(&a, 0, locks, NULL);
	actor_start(&b, 1, locks, NULL);
}
static void unlocked(void)
{
	must(a.ended && b.ended);
	must(m.s.count == 1 && waitq_empty(&m.s.q));
	must(!a.t.grant && !b.t.grant);
}
const struct scenario wait_mutex = { "mutex", 2, mutex3, unlocked };

/* Early polls of those who wait for the lock. */
static long disturbs(struct co *co, struct task *t)
{
	task_wake(&a.t);
	task_wake(&b.t);
	return 0;
}
static void mutex_disturbed(void)
{
	mutex3();
	actor_start(&c, 2, disturbs, NULL);
}
const struct scenario wait_mutex_early = { "mutex-early-polls", 3, mutex_disturbed, unlocked };

/* The lock is handed to one who is polled early just then. */
static long unlocks(struct co *co, struct task *t)
{
	must(inside-- == 1);
	mutex_unlock(&m);
	return 0;
}
static long disturbs_a(struct co *co, struct task *t)
{
	task_wake(&a.t);
	return 0;
}
static void handed_over(void)
{
	mutex_init(&m);
	must(mutex_try(&m));
	inside = 1;
	actor_start(&a, 0, locks, NULL);
	actor_start(&b, 1, unlocks, NULL);
	actor_start(&c, 2, disturbs_a, NULL);
}
const struct scenario wait_handover = { "mutex-hand-over", 3, handed_over, unlocked };

/* One wants more than there is, one stands behind; the first leaves its place by an early poll. */
static long wants(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	const u64 n = (u64)actor_of(t)->arg;
	long r;

	co_begin(f);
	await(r = sem_acquire(&sem, n));
	return 0;
	co_end();
}
static void sem_places(void)
{
	sem_init(&sem, 2);
	actor_start(&a, 0, wants, (void *)5);
	actor_start(&b, 1, wants, (void *)1);
	actor_start(&c, 2, disturbs_a, NULL);
}
/* Whoever is first in the queue must really have to wait. */
static void nobody_waits_in_vain(void)
{
	struct waiter *w = TAILQ_FIRST(&sem.q.waiters);

	must(c.ended && !a.ended);
	must(w && sem.count < (s64)w->key);
}
const struct scenario wait_sem_places = { "semaphore-places", 3, sem_places, nobody_waits_in_vain };

static long releases(struct co *co, struct task *t)
{
	sem_release(&sem, 1);
	return 0;
}
static void sem_handed_over(void)
{
	sem_init(&sem, 0);
	actor_start(&a, 0, wants, (void *)1);
	actor_start(&b, 1, releases, NULL);
	actor_start(&c, 2, disturbs_a, NULL);
}
static void taken(void)
{
	must(a.ended && b.ended && c.ended);
	must(!sem.count && waitq_empty(&sem.q) && !a.t.grant);
}
const struct scenario wait_sem_handover = { "semaphore-hand-over", 3, sem_handed_over, taken };

static u32 readers;
static long reads(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_lock(&rw));
	must(!inside);
	read_unlock(&rw);
	return 0;
	co_end();
}
static long writes(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = write_lock(&rw));
	must(!inside++);
	readers++;				/* races with nobody */
	must(inside-- == 1);
	write_unlock(&rw);
	return 0;
	co_end();
}
static void rw3(void)
{
	rwlock_init(&rw);
	inside = readers = 0;
	actor_start(&a, 0, writes, NULL);
	actor_start(&b, 1, reads, NULL);
	actor_start(&c, 2, writes, NULL);
}
static void rw_free(void)
{
	must(a.ended && b.ended && c.ended);
	must(rw.s.count == RW_MAX && readers == 2);
}
const struct scenario wait_rwlock = { "rwlock", 3, rw3, rw_free };
