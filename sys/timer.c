/* SPDX-License-Identifier: MIT */
/*
 * sys/timer.c: interval timers and POSIX timers.  What they do is in proc/alarm.c, cputime.c and ptimer.c.
 */
#include <asm/siginfo.h>
#include <asm/unistd.h>
#include <linux/time.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "mem/user.h"
#include "proc/clocks.h"
#include "sys/table.h"

/* --- interval timers ------------------------------------------------------------------------------------ */

struct itimer { struct timeval_k every, value; };

static long check_itimer(s32 which)
{
	return which == ITIMER_REAL || which == ITIMER_VIRTUAL || which == ITIMER_PROF ? 0 : -EINVAL;
}

static async long put_itimer(struct process *p, s32 which, uaddr_t at)
{
	struct interval i;
	struct itimer it;

	if (which == ITIMER_REAL)
		alarm_get(p, &i.left, &i.every);
	else
		i = cputime_get(p, which);
	it = (struct itimer){ ns_timeval(i.every), ns_timeval(i.left + (i.left ? NS_PER_US - 1 : 0)) };
	return user_put(at, it);
}

static async long sys_getitimer(struct co *co, const u64 *a)
{
	long r = check_itimer(a[0]);

	return r ? r : put_itimer(process_current(), a[0], a[1]);
}

static async long sys_setitimer(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct itimer new = { 0 };
	struct interval i;
	long r = check_itimer(a[0]);

	if (r || (a[1] && (r = user_get(new, a[1]))))
		return r;
	if ((r = timeval_ns(&new.value, &i.left)) || (r = timeval_ns(&new.every, &i.every)))
		return r;
	if (a[2] && (r = put_itimer(p, a[0], a[2])))
		return r;
	if ((s32)a[0] == ITIMER_REAL)
		return alarm_set(p, i.left ? time_add(clock_now(), i.left) : 0, i.every);
	cputime_set(p, a[0], i);
	return 0;
}

/* --- POSIX timers --------------------------------------------------------------------------------------- */

struct itimerspec_k { struct timespec_k every, value; };

static struct itimerspec_k itimerspec(struct interval i)
{
	return (struct itimerspec_k){ ns_timespec(i.every), ns_timespec(i.left) };
}

static long check_clock(s32 id, s32 *own)
{
	switch (id) {
	case CLOCK_REALTIME: case CLOCK_MONOTONIC: case CLOCK_BOOTTIME: case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID: case CLOCK_THREAD_CPUTIME_ID:
		return clock_id_own(id, own);
	case CLOCK_MONOTONIC_RAW: case CLOCK_REALTIME_COARSE: case CLOCK_MONOTONIC_COARSE:
	case CLOCK_REALTIME_ALARM: case CLOCK_BOOTTIME_ALARM:
		return -EOPNOTSUPP;
	default:
		return clock_id_is_cpu(id) ? clock_id_own(id, own) : -EINVAL;
	}
}

static bool own_thread(s32 tid)
{
	struct process *p = process_current();
	struct thread *t;
	guard(&p->lock);

	TAILQ_FOREACH(t, &p->threads, link)
		if (t->tid == tid)
			return true;
	return false;
}

static long check_event(const struct sigevent *e)
{
	switch (e->sigev_notify) {
	case SIGEV_THREAD_ID:
		if (!own_thread(e->_sigev_un._tid))
			return -EINVAL;
		__attribute__((fallthrough));
	case SIGEV_SIGNAL: case SIGEV_THREAD:
		return e->sigev_signo > 0 && e->sigev_signo <= SIG_MAX ? 0 : -EINVAL;
	case SIGEV_NONE:
		return 0;
	default:
		return -EINVAL;
	}
}

static async long sys_timer_create(struct co *co, const u64 *a)
{
	struct sigevent e = { .sigev_signo = SIGALRM, .sigev_notify = SIGEV_SIGNAL };
	struct process *p = process_current();
	struct ptimer_request q;
	s32 id, clock;
	long r;

	if (a[1] && (r = user_get(e, a[1])))
		return r;
	if ((r = check_clock(a[0], &clock)) || (r = check_event(&e)))
		return r;
	if ((r = user_commit(a[2], sizeof(id), ACCESS_WRITE)))
		return r;
	q = (struct ptimer_request){ clock, e.sigev_notify, e.sigev_signo, e._sigev_un._tid,
				     (u64)e.sigev_value.sival_ptr, !a[1] };
	if ((r = ptimer_create(p, &q)) < 0)
		return r;
	id = r;
	r = user_put(a[2], id);
	if (r)
		ptimer_delete(p, id);
	return r;
}

static async long sys_timer_settime(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct itimerspec_k new, was;
	struct interval old;
	u64 at, every;
	long r;

	if (!a[2])
		return -EINVAL;
	if ((r = user_get(new, a[2])))
		return r;
	if ((r = timespec_ns(&new.value, &at)) || (r = timespec_ns(&new.every, &every)))
		return r;
	if (a[3] && (r = user_commit(a[3], sizeof(was), ACCESS_WRITE)))
		return r;
	if ((r = ptimer_set(p, a[0], a[1] & TIMER_ABSTIME, at, every, &old)))
		return r;
	was = itimerspec(old);
	return a[3] && user_put(a[3], was) ? -EFAULT : 0;
}

static async long sys_timer_gettime(struct co *co, const u64 *a)
{
	struct itimerspec_k it;
	struct interval i;
	long r = ptimer_get(process_current(), a[0], &i);

	if (r)
		return r;
	it = itimerspec(i);
	return user_put(a[1], it);
}

static async long sys_timer_getoverrun(struct co *co, const u64 *a)
{
	return ptimer_overrun(process_current(), a[0]);
}

static async long sys_timer_delete(struct co *co, const u64 *a)
{
	return ptimer_delete(process_current(), a[0]);
}

const struct syscall timer_calls[] = {
	ROW(getitimer, 2, 0, "dp"),
	ROW(setitimer, 3, 0, "dpp"),
	ROW(timer_create, 3, 0, "dpp"),
	ROW(timer_settime, 4, 0, "dxpp"),
	ROW(timer_gettime, 2, 0, "dp"),
	ROW(timer_getoverrun, 1, 0, "d"),
	ROW(timer_delete, 1, 0, "d"),
	{ 0 },
};
