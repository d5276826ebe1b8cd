/* SPDX-License-Identifier: MIT */
/*
 * sys/time.c: clocks, sleeping, timers, and whose turn it is.
 * Scheduling is round robin for all: priorities and policies are kept, not obeyed.
 */
#include <asm/unistd.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/times.h>
#include "core/cpu.h"
#include "core/time.h"
#include "lib/timespec.h"
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

enum { CLOCK_HZ = 100, TICK_NS = NSEC_PER_SEC / CLOCK_HZ };	/* unit of times() */
enum { COARSE_NS = 4 * NSEC_PER_MSEC };

/* --- clocks --------------------------------------------------------------------------------------- */

static u64 process_cpu(void)
{
	u64 user, kernel;

	process_times(process_current(), &user, &kernel);
	return user + kernel;
}

static long clock_read(s32 id, u64 *ns)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		*ns = clock_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_now();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cpu();
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = task_cpu_ns(task_current());
		return 0;
	default:
		return -EINVAL;
	}
}

static async long sys_clock_gettime(struct co *co, const u64 *a)
{
	struct timespec_k ts;
	u64 ns;
	long r = clock_read(a[0], &ns);

	if (r)
		return r;
	ts = ns_timespec(ns);
	return user_put(a[1], ts);
}

static async long sys_clock_getres(struct co *co, const u64 *a)
{
	bool coarse = (s32)a[0] == CLOCK_REALTIME_COARSE || (s32)a[0] == CLOCK_MONOTONIC_COARSE;
	struct timespec_k ts = { 0, coarse ? COARSE_NS : 1 };
	u64 ns;
	long r = clock_read(a[0], &ns);

	return r || !a[1] ? r : user_put(a[1], ts);
}

static long set_real(u64 ns)
{
	if (process_current()->euid)
		return -EPERM;
	clock_set_real(ns);
	return 0;
}

static async long sys_clock_settime(struct co *co, const u64 *a)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	if ((s32)a[0] != CLOCK_REALTIME)
		return -EINVAL;
	if ((r = user_get(ts, a[1])) || (r = timespec_ns(&ts, &ns)))
		return r;
	return set_real(ns);
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

/* --- sleeping --------------------------------------------------------------------------------------- */

/* Sleep until @deadline.  Interrupted: a stop and continue goes on sleeping (sleep_until), a
 * handler ends it, and what is left is told at @left. */
static async long sleep(struct co *co, u64 deadline, uaddr_t left)
{
	struct { struct timespec_k rest; u64 now; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = wait_until(deadline));
	f->now = clock_now();
	if (r == -ETIMEDOUT || f->now >= deadline)
		return 0;
	if (left) {
		f->rest = ns_timespec(deadline - f->now);
		await(r = user_write(left, &f->rest, sizeof(f->rest)));
		if (r)
			return r;
	}
	thread_current()->sleep_until = deadline;
	thread_current()->sig_norestart = true;
	return -ERESTART;
	co_end();
}

/* Where the sleep asked for at @at ends, on the monotonic clock. */
static async long read_deadline(uaddr_t at, s32 clock, bool absolute, u64 *deadline)
{
	struct thread *t = thread_current();
	struct timespec_k ts;
	u64 ns;
	long r;

	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, &ns)))
		return r;
	if (t->sleep_until)
		ns = t->sleep_until;
	else if (!absolute)
		ns = time_add(clock_now(), ns);
	else if (clock == CLOCK_REALTIME || clock == CLOCK_TAI)
		ns = ns > clock_real_offset() ? ns - clock_real_offset() : 1;
	t->sleep_until = 0;
	*deadline = max(ns, 1ull);
	return 0;
}

static async long sys_nanosleep(struct co *co, const u64 *a)
{
	struct { u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_deadline(a[0], CLOCK_MONOTONIC, false, &f->deadline));
	if (r)
		return r;
	await(r = sleep(co, f->deadline, a[1]));
	return r;
	co_end();
}

static async long sys_clock_nanosleep(struct co *co, const u64 *a)
{
	struct { u64 deadline; } *f = co_frame(co);
	const bool absolute = a[1] & TIMER_ABSTIME;
	long r;

	co_begin(f);
	if ((s32)a[0] == CLOCK_THREAD_CPUTIME_ID || clock_read(a[0], &f->deadline))
		return -EINVAL;
	if ((s32)a[0] == CLOCK_PROCESS_CPUTIME_ID)
		return syscall_refuse(-EOPNOTSUPP, "sleep on clock", a[0]);
	await(r = read_deadline(a[2], a[0], absolute, &f->deadline));
	if (r)
		return r;
	await(r = sleep(co, f->deadline, absolute ? 0 : a[3]));
	return r;
	co_end();
}

/* --- interval timers ------------------------------------------------------------------------------------ */

struct itimer { struct timeval_k every, value; };

static async long put_timer(struct process *p, uaddr_t at)
{
	struct itimer it;
	u64 left, every;

	alarm_get(p, &left, &every);
	it = (struct itimer){ ns_timeval(every), ns_timeval(left + (left ? NS_PER_US - 1 : 0)) };
	return user_put(at, it);
}

static long check_timer(s32 which)
{
	if (which == ITIMER_REAL)
		return 0;
	if (which == ITIMER_VIRTUAL || which == ITIMER_PROF)
		return syscall_refuse(-EINVAL, "interval timer", which);
	return -EINVAL;
}

static async long sys_getitimer(struct co *co, const u64 *a)
{
	long r = check_timer(a[0]);

	return r ? r : put_timer(process_current(), a[1]);
}

static async long sys_setitimer(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct itimer new = { 0 };
	u64 value, every;
	long r = check_timer(a[0]);

	if (r || (a[1] && (r = user_get(new, a[1]))))
		return r;
	if ((r = timeval_ns(&new.value, &value)) || (r = timeval_ns(&new.every, &every)))
		return r;
	if (a[2] && (r = put_timer(p, a[2])))
		return r;
	return alarm_set(p, value ? time_add(clock_now(), value) : 0, every);
}

/* --- whose turn it is --------------------------------------------------------------------------------- */

static async long sys_sched_yield(struct co *co, const u64 *a)
{
	struct { u8 none; } *f = co_frame(co);

	co_begin(f);
	co_yield();
	return 0;
	co_end();
}

/* Does a process or thread of that number exist (0: the caller)? */
static long check_pid(s32 pid)
{
	struct thread *t;

	if (pid < 0)
		return -EINVAL;
	if (!pid)
		return 0;
	if (!(t = thread_find(pid)))
		return -ESRCH;
	process_put(t->proc);
	return 0;
}

static async long sys_sched_getaffinity(struct co *co, const u64 *a)
{
	u64 mask = cpu_count >= 64 ? ~0ull : (1ull << cpu_count) - 1;
	long r = check_pid(a[0]);

	if (r)
		return r;
	if ((u32)a[1] < sizeof(mask) || a[1] & 7)
		return -EINVAL;
	r = user_put(a[2], mask);
	return r ? r : (long)sizeof(mask);
}

static async long sys_sched_setaffinity(struct co *co, const u64 *a)
{
	u64 mask = 0, all = cpu_count >= 64 ? ~0ull : (1ull << cpu_count) - 1;
	long r = check_pid(a[0]);

	if (r || (r = user_read(&mask, a[2], min(a[1], (u64)sizeof(mask)))))
		return r;
	if (!(mask & all))
		return -EINVAL;
	return (mask & all) == all ? 0 : syscall_refuse(-EINVAL, "affinity", mask);
}

static async long sys_getcpu(struct co *co, const u64 *a)
{
	u32 cpu = this_cpu()->id, node = 0;
	long r = 0;

	if (a[0])
		r = user_put(a[0], cpu);
	return r || !a[1] ? r : user_put(a[1], node);
}

static bool known_policy(s32 policy) { return policy >= 0 && policy <= SCHED_IDLE && policy != 4; }

static async long sys_sched_setscheduler(struct co *co, const u64 *a)
{
	s32 policy = a[1] & ~SCHED_RESET_ON_FORK, priority;
	long r = check_pid(a[0]);

	if (r || (r = user_get(priority, a[2])))
		return r;
	if (!known_policy(policy))
		return -EINVAL;
	if (policy != SCHED_NORMAL)
		return syscall_refuse(-EPERM, "scheduling policy", policy);
	return priority ? -EINVAL : 0;
}

static async long sys_sched_setparam(struct co *co, const u64 *a)
{
	s32 priority;
	long r = check_pid(a[0]);

	if (r || (r = user_get(priority, a[1])))
		return r;
	return priority ? -EINVAL : 0;
}

static async long sys_sched_getscheduler(struct co *co, const u64 *a)
{
	long r = check_pid(a[0]);

	return r ? r : SCHED_NORMAL;
}

static async long sys_sched_getparam(struct co *co, const u64 *a)
{
	s32 priority = 0;
	long r = check_pid(a[0]);

	return r ? r : user_put(a[1], priority);
}

static async long sys_sched_get_priority_max(struct co *co, const u64 *a)
{
	s32 policy = a[0];

	if (!known_policy(policy))
		return -EINVAL;
	return policy == SCHED_FIFO || policy == SCHED_RR ? 99 : 0;
}

static async long sys_sched_get_priority_min(struct co *co, const u64 *a)
{
	s32 policy = a[0];

	if (!known_policy(policy))
		return -EINVAL;
	return policy == SCHED_FIFO || policy == SCHED_RR ? 1 : 0;
}

/* --- nice ------------------------------------------------------------------------------------------- */

struct nice_walk { s32 which, who, set; bool change; u32 found; s32 lowest; long result; };

static bool nice_matches(const struct nice_walk *w, const struct process *p)
{
	const struct process *me = process_current();

	if (p->job != me->job || p->state != PROC_ALIVE)
		return false;
	switch (w->which) {
	case PRIO_PROCESS: return p->pid == (w->who ? w->who : me->pid);
	case PRIO_PGRP:    return p->pgid == (w->who ? w->who : me->pgid);
	default:           return p->uid == (w->who ? (u32)w->who : me->uid);
	}
}

static void nice_one(struct process *p, void *arg)
{
	struct nice_walk *w = arg;
	struct process *me = process_current();

	if (!nice_matches(w, p))
		return;
	w->found++;
	w->lowest = min(w->lowest, p->nice);
	if (!w->change)
		return;
	if (me->euid && me->euid != p->uid && me->euid != p->euid)
		w->result = -EPERM;
	else if (me->euid && w->set < p->nice)
		w->result = -EACCES;
	else
		p->nice = w->set;
}

static long nice_each(struct nice_walk *w)
{
	if (w->which < PRIO_PROCESS || w->which > PRIO_USER)
		return -EINVAL;
	guard(&proc_lock);
	process_each(nice_one, w);
	return w->found ? w->result : -ESRCH;
}

static async long sys_getpriority(struct co *co, const u64 *a)
{
	struct nice_walk w = { .which = a[0], .who = a[1], .lowest = 19 };
	long r = nice_each(&w);

	return r ? r : 20 - w.lowest;
}

static async long sys_setpriority(struct co *co, const u64 *a)
{
	struct nice_walk w = { .which = a[0], .who = a[1], .change = true,
		.set = max(min((s32)a[2], 19), -20) };

	return nice_each(&w);
}

const struct syscall time_calls[] = {
	ROW(clock_gettime, 2, 0, "dp"),
	ROW(clock_getres, 2, 0, "dp"),
	ROW(clock_settime, 2, 0, "dp"),
	ROW(clock_nanosleep, 4, 0, "dxpp"),
	ROW(nanosleep, 2, 0, "pp"),
	ROW(gettimeofday, 2, 0, "pp"),
	ROW(settimeofday, 2, 0, "pp"),
	ROW(times, 1, 0, "p"),
	ROW(getitimer, 2, 0, "dp"),
	ROW(setitimer, 3, 0, "dpp"),
	ROW(sched_yield, 0, 0, ""),
	ROW(sched_getaffinity, 3, 0, "dup"),
	ROW(sched_setaffinity, 3, 0, "dup"),
	ROW(getcpu, 3, 0, "ppp"),
	ROW(sched_setscheduler, 3, 0, "ddp"),
	ROW(sched_getscheduler, 1, 0, "d"),
	ROW(sched_setparam, 2, 0, "dp"),
	ROW(sched_getparam, 2, 0, "dp"),
	ROW(sched_get_priority_max, 1, 0, "d"),
	ROW(sched_get_priority_min, 1, 0, "d"),
	ROW(getpriority, 2, 0, "dd"),
	ROW(setpriority, 3, 0, "ddd"),
	{ 0 },
};
