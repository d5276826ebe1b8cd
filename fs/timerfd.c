// SPDX-License-Identifier: MIT
/*
 * timerfd.c: timers as files.  A timer is a small task that sleeps until the time has come, says so, and
 * then rests until somebody reads how often it would have expired meanwhile: so a short period floods
 * nobody.  The lock of t->readers guards all but the list, which clocks_lock does (it comes first); the
 * task ends, and frees the timer, after gone was set.
 */
#include <linux/fcntl.h>
#include "core/rcu.h"
#include "core/time.h"
#include "fs/anon.h"
#include "fs/eventfd.h"
#include "fs/poll.h"
#include "mem/heap.h"

struct timerfd {
	struct waitq		readers;
	LIST_ENTRY(timerfd)	link;		/* of those by the time of day */
	bool			real, gone, expired;
	bool			cancel, canceled;	/* by a change of the time of day */
	u64			at, every;	/* on its clock; at 0: off */
	u64			ticks;		/* before the last expiry */
	struct rcu_head		rcu;
	struct task		task;		/* has no frames: it starts over */
};

static spinlock_t clocks_lock;
static LIST_HEAD(, timerfd) by_day = LIST_HEAD_INITIALIZER(by_day);

static u64 now_of(const struct timerfd *t) { return t->real ? clock_real() : clock_now(); }

/* Its clock's @at as a deadline. */
static u64 deadline_of(const struct timerfd *t)
{
	u64 offset = t->real ? clock_real_offset() : 0;

	return t->at > offset ? t->at - offset : 1;
}

/* What the task waits for; 0: to be woken. */
static u64 next_look(struct timerfd *t)
{
	guard(&t->readers.lock);
	if (!t->at || t->expired)
		return 0;
	if (now_of(t) < t->at)
		return deadline_of(t);
	t->expired = true;
	wake_all_locked(&t->readers);
	return 0;
}

static long timerfd_run(struct co *co, struct task *task)
{
	struct timerfd *t = container_of(task, struct timerfd, task);

	while (!t->gone)
		if (wait_until(next_look(t)) == PENDING)
			return PENDING;
	return 0;
}

static void timerfd_free(struct rcu_head *h) { heap_free(container_of(h, struct timerfd, rcu)); }

static void timerfd_exit(struct task *task)
{
	rcu_free(&container_of(task, struct timerfd, task)->rcu, timerfd_free);
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* How often it has expired since it was read last; it goes on from here. */
static u64 take_ticks(struct timerfd *t)
{
	u64 n = t->ticks + 1, now = now_of(t), missed;

	t->ticks = 0;
	t->expired = false;
	if (!t->every) {
		t->at = 0;
		return n;
	}
	missed = now > t->at ? (now - t->at) / t->every : 0;
	t->at = time_add(t->at, (missed + 1) * t->every);
	return n + missed;
}

static async long timerfd_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct timerfd *t = f->data;
	struct timerfd before;
	u64 n;

	if (u->left < sizeof(n))
		return u->done ? (long)u->done : -EINVAL;
	guard(&t->readers.lock);
	if (t->canceled) {
		t->canceled = false;
		return -ECANCELED;
	}
	if (!t->expired)
		return u->nowait ? -EAGAIN : wait_locked(&t->readers, WAIT_SIGNAL | WAIT_KILL);
	before.at = t->at;
	before.ticks = t->ticks;
	n = take_ticks(t);
	if (!anon_put(u, &n, sizeof(n))) {
		t->at = before.at;
		t->ticks = before.ticks;
		t->expired = true;
		return -EFAULT;
	}
	task_wake(&t->task);
	return u->done;
}

static u32 timerfd_poll(struct file *f, struct poller *p)
{
	struct timerfd *t = f->data;

	guard(&t->readers.lock);
	if (p)
		poll_add_locked(p, &t->readers);
	return t->expired || t->canceled ? POLLIN : 0;
}

/* --- setting ------------------------------------------------------------------------------------------- */

long timerfd_set(struct file *f, u64 at, u64 every, bool absolute, bool cancel)
{
	struct timerfd *t = f->data;
	long r = 0;

	guard(&t->readers.lock);
	if (t->canceled && cancel)
		r = -ECANCELED;
	t->canceled = false;
	t->at = at && !absolute ? time_add(now_of(t), at) : at;
	t->every = every;
	t->ticks = 0;
	t->expired = false;
	t->cancel = cancel && t->real && absolute;
	task_wake(&t->task);
	return r;
}

struct timer_setting timerfd_get(struct file *f)
{
	struct timerfd *t = f->data;
	struct timer_setting s;
	u64 now;

	guard(&t->readers.lock);
	now = now_of(t);
	s = (struct timer_setting){ 0, t->every };
	if (t->at && t->at > now)
		s.left = t->at - now;
	else if (t->at && t->every)
		s.left = t->every - (now - t->at) % t->every;
	return s;
}

void timerfd_clock_was_set(void)
{
	struct timerfd *t;

	guard(&clocks_lock);
	LIST_FOREACH(t, &by_day, link) {
		guard(&t->readers.lock);
		t->canceled |= t->cancel;
		if (t->canceled)
			wake_all_locked(&t->readers);
		task_wake(&t->task);
	}
}

/* --- life ---------------------------------------------------------------------------------------------- */

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->data;

	spin_lock(&clocks_lock);
	if (t->real)
		LIST_REMOVE(t, link);
	spin_unlock(&clocks_lock);
	t->gone = true;
	task_wake(&t->task);
}

static const struct file_ops timerfd_ops = {
	.name = "timerfd", .read = timerfd_read, .seek = anon_seek, .poll = timerfd_poll,
	.release = timerfd_release,
};

bool timerfd_is(const struct file *f) { return f->ops == &timerfd_ops; }

struct file *timerfd_create(bool real, u32 flags)
{
	struct timerfd *t = heap_zero(sizeof(*t));
	struct file *f = t ? anon_file(&timerfd_ops, O_RDWR | flags, t) : NULL;

	if (!f) {
		heap_free(t);
		return NULL;
	}
	t->real = real;
	waitq_init(&t->readers);
	task_init(&t->task, "timerfd", 0, timerfd_run, timerfd_exit);
	if (real) {
		guard(&clocks_lock);
		LIST_INSERT_HEAD(&by_day, t, link);
	}
	return f;
}
