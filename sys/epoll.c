/* SPDX-License-Identifier: MIT */
/* epoll.c: epoll_create1, epoll_ctl, epoll_pwait and epoll_pwait2.  The sets are in fs/epoll.c. */
#include <asm/unistd.h>
#include <linux/eventpoll.h>
#include "core/time.h"
#include "fs/epoll.h"
#include "fs/fdtable.h"
#include "lib/timespec.h"
#include "sys/path.h"
#include "sys/poll.h"

static async long sys_epoll_create1(struct co *co, const u64 *a)
{
	struct file *f;

	if ((u32)a[0] & ~EPOLL_CLOEXEC)
		return -EINVAL;
	f = epoll_create();
	return f ? fd_install(thread_current()->files, f, 0, a[0] & EPOLL_CLOEXEC) : -ENOMEM;
}

static async long sys_epoll_ctl(struct co *co, const u64 *a)
{
	struct epoll_event_k ev = { 0 };
	struct file *f, *target;
	long r;

	if ((u32)a[1] != EPOLL_CTL_DEL && (r = user_get(ev, a[3])))
		return r;
	f = file_current(a[0]);
	target = file_current(a[2]);
	r = -EBADF;
	if (f && target)
		r = target->flags & O_PATH ? -EBADF : epoll_control(f, a[1], target, a[2], &ev);
	file_put(f);
	file_put(target);
	return r;
}

/* --- waiting --------------------------------------------------------------------------------------- */

static inline long check_wait(const struct file *f, const u64 *a)
{
	u32 max = a[2];

	if (unlikely(max - 1 >= INT32_MAX / sizeof(struct epoll_event_k)))
		return -EINVAL;
	if (unlikely(!user_range_ok(a[1], max * sizeof(struct epoll_event_k))))
		return -EFAULT;
	return likely(epoll_is(f)) ? 0 : -EINVAL;
}

/* As many as there are, at least one, or 0 after @deadline; TIME_NEVER: do not wait at all. */
static async long wait_events(struct co *co, struct file *file, uaddr_t to, u32 max, u64 deadline)
{
	struct { long got; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		f->got = epoll_take(file, to, max);
		if (f->got == -EAGAIN) {
			co_yield();
			if (!task_killed())
				continue;
			return -EINTR;
		}
		if (f->got == -EFAULT)
			await(r = user_commit(to, sizeof(struct epoll_event_k), ACCESS_WRITE));
		else if (f->got || deadline == TIME_NEVER)
			return f->got;
		else
			await(r = epoll_wait_ready(file, deadline));
		if (r)
			return r == -ETIMEDOUT ? 0 : r;
	}
	co_end();
}

/* A wait that was interrupted is not begun again, whatever SA_RESTART says: poll_waited() only
 * restores the mask of one that was not. */
static async long wait_masked(struct co *co, const u64 *a, u64 deadline)
{
	struct { struct file *file; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	if (!f->file)
		return -EBADF;
	r = check_wait(f->file, a);
	if (!r)
		await(r = poll_mask(a[4], a[5]));
	if (!r) {
		await(r = wait_events(co, f->file, a[1], (u32)a[2], deadline));
		if (r != -EINTR)
			r = poll_waited(r);
	}
	file_put(f->file);
	return r;
	co_end();
}

static __attribute__((noinline)) async long epoll_pwait(struct co *co, const u64 *a)
{
	struct { u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->deadline = (s32)a[3] > 0 ? time_add(clock_now(), (u64)(u32)a[3] * NSEC_PER_MSEC)
		    : (s32)a[3] ? 0 : TIME_NEVER;
	await(r = wait_masked(co, a, f->deadline));
	return r;
	co_end();
}

enum { USUAL_MAX = 4096 };		/* events: constants are checked sooner */

static async long sys_epoll_pwait(struct co *co, const u64 *a)
{
	struct file *f;

	if (likely(!co_line(co) && !a[4]) && likely((f = fd_borrow(thread_current()->files, (u32)a[0]))) &&
	    likely((u32)a[2] - 1 < USUAL_MAX && epoll_is(f)) &&
	    likely(user_range_ok(a[1], USUAL_MAX * sizeof(struct epoll_event_k))) && likely(epoll_take_one(f, a[1])))
		return 1;
	return epoll_pwait(co, a);
}

static async long read_deadline(uaddr_t at, u64 *deadline)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	*deadline = 0;
	if (!at)
		return 0;
	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, &ns)))
		return r;
	*deadline = !ns ? TIME_NEVER : ns == UINT64_MAX ? 0 : time_add(clock_now(), ns);
	return 0;
}

static async long sys_epoll_pwait2(struct co *co, const u64 *a)
{
	struct { u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_deadline(a[3], &f->deadline));
	if (!r)
		await(r = wait_masked(co, a, f->deadline));
	return r;
	co_end();
}

const struct syscall epoll_calls[] = {
	ROW(epoll_create1, 1, 0, "x"),
	ROW(epoll_ctl, 4, 0, "dddp"),
	ROW(epoll_pwait, 6, 0, "dpddpu"),
	ROW(epoll_pwait2, 6, 0, "dpdppu"),
	{ 0 }
};
