/* SPDX-License-Identifier: MIT */
/*
 * sys/clock.c: reading and setting clocks, and sleeping by them.  What the ids mean is in proc/clocks.c.
 */
#include <string.h>
#include <asm/unistd.h>
#include <linux/time.h>
#include <linux/times.h>
#include <linux/timex.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "mem/user.h"
#include "proc/clocks.h"
#include "sys/table.h"

enum { CLOCK_HZ = 100, TICK_NS = NSEC_PER_SEC / CLOCK_HZ };	/* unit of times() */
enum { COARSE_NS = 4 * NSEC_PER_MSEC };

/* --- reading --------------------------------------------------------------------------------------- */

static async long sys_clock_gettime(struct co *co, const u64 *a)
{
	struct timespec_k ts;
	u64 ns;
	long r = 0;

	if (likely((u32)a[0] == CLOCK_MONOTONIC))
		ns = clock_now();
	else if (likely((u32)a[0] == CLOCK_REALTIME))
		ns = clock_real();
	else
		r = clock_id_read(a[0], &ns);
	if (unlikely(r))
		return r;
	ts = ns_timespec(ns);
	return user_put(a[1], ts);
}

static bool is_coarse(s32 id)
{
	enum { SCHED = 2, WHICH = 3 };		/* of CPU clocks: their other kinds tick */

	return id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE || (id < 0 && (id & WHICH) != SCHED);
}

static async long sys_clock_getres(struct co *co, const u64 *a)
{
	struct timespec_k ts = { 0, is_coarse(a[0]) ? COARSE_NS : 1 };
	u64 ns;
	long r = clock_id_read(a[0], &ns);

	return r || !a[1] ? r : user_put(a[1], ts);
}

/* The time zone is the programs' affair: a kernel's is always zero. */
static async long sys_gettimeofday(struct co *co, const u64 *a)
{
	struct timeval_k tv = ns_timeval(clock_real());
	u64 zone = 0;
	long r = 0;

	if (a[0])
		r = user_put(a[0], tv);
	return r || !a[1] ? r : user_put(a[1], zone);
}

static async long sys_times(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct tms t;
	u64 user, kernel;
	long r = 0;

	process_times(p, &user, &kernel);
	t = (struct tms){ user / TICK_NS, kernel / TICK_NS,
		p->child_user_ns / TICK_NS, p->child_kernel_ns / TICK_NS };
	if (a[0])
		r = user_put(a[0], t);
	return r ? r : (long)(clock_now() / TICK_NS);
}

/* --- setting ---------------------------------------------------------------------------------------- */

/* It cannot have been before the machine was switched on, and stays some decades below overflow. */
static long set_real(u64 ns)
{
	const u64 latest = INT64_MAX - 30 * 365 * 86400ull * NSEC_PER_SEC;

	if (ns < clock_now() || ns > latest)
		return -EINVAL;
	if (process_current()->euid)
		return -EPERM;
	clock_set_real(ns);
	clock_was_set();
	return 0;
}

static async long sys_clock_settime(struct co *co, const u64 *a)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	if ((s32)a[0] != CLOCK_REALTIME && ((s32)a[0] >= 0 || !clock_id_is_cpu(a[0])))
		return -EINVAL;
	if ((r = user_get(ts, a[1])) || (r = timespec_ns(&ts, &ns)))
		return r;
	return (s32)a[0] == CLOCK_REALTIME ? set_real(ns) : -EPERM;
}

static async long sys_settimeofday(struct co *co, const u64 *a)
{
	struct timeval_k tv;
	u64 ns;
	long r;

	if (!a[0])
		return 0;
	if ((r = user_get(tv, a[0])) || (r = timeval_ns(&tv, &ns)))
		return r;
	return set_real(ns);
}

/* Nobody corrects this clock: it may be looked at. */
static async long sys_clock_adjtime(struct co *co, const u64 *a)
{
	struct timeval_k now = ns_timeval(clock_real());
	struct timex tx;
	u64 ns;
	long r;

	if ((s32)a[0] != CLOCK_REALTIME)
		return clock_id_read(a[0], &ns) ? -EINVAL : -EOPNOTSUPP;
	if ((r = user_get(tx, a[1])))
		return r;
	if (tx.modes)
		return syscall_refuse(-EPERM, "adjusting the clock", tx.modes);
	memset(&tx, 0, sizeof(tx));
	tx.maxerror = tx.esterror = 16000000;
	tx.status = STA_UNSYNC;
	tx.constant = 2;
	tx.precision = 1;
	tx.tolerance = 500 << 16;
	tx.time.tv_sec = now.sec;
	tx.time.tv_usec = now.usec;
	tx.tick = 10000;
	r = user_put(a[1], tx);
	return r ? r : TIME_ERROR;
}

static async long sys_adjtimex(struct co *co, const u64 *a)
{
	const u64 b[6] = { CLOCK_REALTIME, a[0] };

	return sys_clock_adjtime(co, b);
}

/* --- sleeping ---------------------------------------------------------------------------------------- */

static u64 deadline(s32 clock, u64 at)
{
	u64 now = 0;

	return clock_id_is_cpu(clock) && clock_id_read(clock, &now) ? 0 : clock_id_deadline(clock, at, now);
}

/* Sleep until @clock shows @at.  Interrupted: a stop and continue goes on sleeping (of a relative sleep the
 * end is kept in sleep_until), a handler ends it, and what is left is told at @left. */
static async long sleep(struct co *co, s32 clock, u64 at, bool relative, uaddr_t left)
{
	struct { struct timespec_k rest; u64 now; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = wait_until(deadline(clock, at)));
	if (r == -ETIMEDOUT || clock_id_read(clock, &f->now) || f->now >= at)
		return 0;
	if (relative && left) {
		f->rest = ns_timespec(at - f->now);
		await(r = user_write(left, &f->rest, sizeof(f->rest)));
		if (r)
			return r;
	}
	if (relative)
		thread_current()->sleep_until = at;
	thread_current()->sig_norestart = true;
	return -ERESTART;
	co_end();
}

/* When the sleep asked for by the timespec at @from is over, by @clock. */
static async long read_end(uaddr_t from, s32 clock, bool relative, u64 *at)
{
	struct thread *t = thread_current();
	struct timespec_k ts;
	u64 ns, now = 0;
	long r;

	if ((r = user_get(ts, from)) || (r = timespec_ns(&ts, &ns)))
		return r;
	if (relative && t->sleep_until)
		ns = t->sleep_until;
	else if (relative && !(r = clock_id_read(clock, &now)))
		ns = time_add(now, ns);
	t->sleep_until = 0;
	*at = ns;
	return r;
}

static async long sleep_on(struct co *co, s32 clock, bool relative, uaddr_t from, uaddr_t left)
{
	struct { u64 at; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_end(from, clock, relative, &f->at));
	if (r)
		return r;
	await(r = sleep(co, clock, f->at, relative, left));
	return r;
	co_end();
}

static async long sys_nanosleep(struct co *co, const u64 *a)
{
	return sleep_on(co, CLOCK_MONOTONIC, true, a[0], a[1]);
}

/* Clocks one may sleep by. */
static long check_sleep(s32 id)
{
	switch (id) {
	case CLOCK_REALTIME: case CLOCK_MONOTONIC: case CLOCK_BOOTTIME: case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
		return 0;
	case CLOCK_THREAD_CPUTIME_ID: case CLOCK_MONOTONIC_RAW: case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: case CLOCK_REALTIME_ALARM: case CLOCK_BOOTTIME_ALARM:
		return -EOPNOTSUPP;
	default:
		return clock_id_is_cpu(id) && !clock_id_is_self(id) ? 0 : -EINVAL;
	}
}

static async long sys_clock_nanosleep(struct co *co, const u64 *a)
{
	const bool relative = !(a[1] & TIMER_ABSTIME);
	long r = check_sleep(a[0]);

	return r ? r : sleep_on(co, relative ? clock_id_steady(a[0]) : (s32)a[0], relative, a[2], a[3]);
}

const struct syscall clock_calls[] = {
	ROW(clock_gettime, 2, 0, "dp"),
	ROW(clock_getres, 2, 0, "dp"),
	ROW(clock_settime, 2, 0, "dp"),
	ROW(clock_adjtime, 2, 0, "dp"),
	ROW(adjtimex, 1, 0, "p"),
	ROW(clock_nanosleep, 4, 0, "dxpp"),
	ROW(nanosleep, 2, 0, "pp"),
	ROW(gettimeofday, 2, 0, "pp"),
	ROW(settimeofday, 2, 0, "pp"),
	ROW(times, 1, 0, "p"),
	{ 0 },
};
