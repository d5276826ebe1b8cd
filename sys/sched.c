/* SPDX-License-Identifier: MIT */
/*
 * sys/sched.c: whose turn it is.  Scheduling is round robin for all: priorities and policies are kept, not
 * obeyed.
 */
#include <asm/unistd.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include "core/cpu.h"
#include "core/task.h"
#include "lib/timespec.h"
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

/* --- whose turn it is --------------------------------------------------------------------------------- */

/* From the trap: nothing is left to do when the thread has the hart again. */
static async long quick_sched_yield(struct co *co, const u64 *a)
{
	struct task *t = task_current();

	task_give(t, 0);
	task_requeue(t);
	return PENDING;
}

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

/* SCHED_EXT, 7, has no name in older headers. */
static bool known_policy(s32 policy) { return policy >= 0 && policy <= SCHED_DEADLINE + 1 && policy != 4; }

/* A process of which a thread has this number (0: the caller's), counted. */
static long process_of(s32 pid, struct process **p)
{
	struct thread *t = NULL;

	if (pid < 0)
		return -EINVAL;
	if (pid && !(t = thread_find(pid)))
		return -ESRCH;
	*p = t ? t->proc : process_get(process_current());
	if ((*p)->job == process_current()->job)
		return 0;
	process_put(*p);
	return -ESRCH;
}

static bool owns(const struct process *p)
{
	const struct process *me = process_current();

	return !me->euid || me->euid == p->uid || me->euid == p->euid;
}

/* What every thread has is what may be set; anything else is for those who may, and that is nobody. */
static long set_policy(struct process *p, s32 policy, s32 priority, bool reset)
{
	if (!known_policy(policy) || policy >= SCHED_DEADLINE)
		return -EINVAL;
	if ((policy == SCHED_FIFO || policy == SCHED_RR) != !!priority || priority < 0 || priority > 99)
		return -EINVAL;
	if (!owns(p) || (!reset && p->reset_on_fork && process_current()->euid))
		return -EPERM;
	if (policy != SCHED_NORMAL)
		return syscall_refuse(-EPERM, "scheduling policy", policy);
	p->reset_on_fork = reset;
	return 0;
}

static async long sys_sched_setscheduler(struct co *co, const u64 *a)
{
	s32 policy = (s32)a[1] & ~SCHED_RESET_ON_FORK, priority;
	struct process *p;
	long r;

	if (!a[2] || (s32)a[1] < 0 || (s32)a[0] < 0)
		return -EINVAL;
	if ((r = user_get(priority, a[2])) || (r = process_of(a[0], &p)))
		return r;
	r = set_policy(p, policy, priority, a[1] & SCHED_RESET_ON_FORK);
	process_put(p);
	return r;
}

static async long sys_sched_setparam(struct co *co, const u64 *a)
{
	struct process *p;
	s32 priority;
	long r;

	if (!a[1] || (s32)a[0] < 0)
		return -EINVAL;
	if ((r = user_get(priority, a[1])) || (r = process_of(a[0], &p)))
		return r;
	r = set_policy(p, SCHED_NORMAL, priority, p->reset_on_fork);
	process_put(p);
	return r;
}

static async long sys_sched_getscheduler(struct co *co, const u64 *a)
{
	struct process *p;
	long r = process_of(a[0], &p);

	if (r)
		return r;
	r = SCHED_NORMAL | (p->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	process_put(p);
	return r;
}

static async long sys_sched_getparam(struct co *co, const u64 *a)
{
	s32 priority = 0;
	long r = a[1] ? check_pid(a[0]) : -EINVAL;

	return r ? r : user_put(a[1], priority);
}

/* --- the same with struct sched_attr ------------------------------------------------------------------ */

struct attr {					/* struct sched_attr, as far as there is anything to say */
	u32	size, policy;
	u64	flags;
	s32	nice;
	u32	priority;
	u64	runtime, deadline, period;
	u32	util_min, util_max;
};
enum { ATTR_FIRST = 48 };			/* bytes it had at first */
enum { FLAG_RESET = 1, FLAG_RECLAIM = 2, FLAG_OVERRUN = 4, FLAG_KEEP_POLICY = 8, FLAG_KEEP_PARAMS = 16,
       FLAG_UTIL = 0x60, FLAG_ALL = 0x7f };

static async long sys_sched_getattr(struct co *co, const u64 *a)
{
	u32 size = a[2];
	struct process *p;
	struct attr out = { .size = min(size, (u32)sizeof(out)), .policy = SCHED_NORMAL };
	long r;

	if (!a[1] || (s32)a[0] < 0 || size > PAGE_SIZE || size < ATTR_FIRST || (u32)a[3])
		return -EINVAL;
	if ((r = process_of(a[0], &p)))
		return r;
	out.nice = p->nice;
	out.flags = p->reset_on_fork ? FLAG_RESET : 0;
	process_put(p);
	return user_write(a[1], &out, out.size);
}

/* Bytes behind what is known must be zeros. */
static async long zeros(uaddr_t at, u32 n)
{
	u8 part[64];
	long r;

	for (u32 i = 0; i < n; i += sizeof(part)) {
		u32 now = min(n - i, (u32)sizeof(part));

		if ((r = user_read(part, at + i, now)))
			return r;
		for (u32 j = 0; j < now; j++)
			if (part[j])
				return -E2BIG;
	}
	return 0;
}

static async long read_attr(struct attr *at, uaddr_t from)
{
	const u32 mine = sizeof(*at);
	u32 size;
	long r = user_get(size, from);

	if (r)
		return r;
	size = size ? size : ATTR_FIRST;
	if (size < ATTR_FIRST || size > PAGE_SIZE) {
		r = user_put(from, mine);
		return r ? r : -E2BIG;
	}
	*at = (struct attr){ 0 };
	if ((r = user_read(at, from, min(size, mine))) == 0 && size > mine)
		r = zeros(from + mine, size - mine);
	if (!r && at->flags & FLAG_UTIL && size < mine)
		r = -EINVAL;
	at->nice = max(min(at->nice, 19), -20);
	return r;
}

static long set_attr(struct process *p, const struct attr *at)
{
	s32 policy = at->flags & FLAG_KEEP_POLICY ? SCHED_NORMAL : (s32)at->policy;
	bool keep = at->flags & FLAG_KEEP_PARAMS;
	long r;

	if (at->flags & ~(u64)FLAG_ALL)
		return -EINVAL;
	if (at->flags & FLAG_UTIL)
		return syscall_refuse(-EOPNOTSUPP, "utilization clamping", at->flags);
	if (policy == SCHED_DEADLINE)
		return syscall_refuse(-EPERM, "scheduling policy", policy);
	if (policy == SCHED_NORMAL && !keep && at->nice < p->nice && process_current()->euid)
		return -EPERM;
	r = set_policy(p, policy, keep ? 0 : at->priority, at->flags & FLAG_RESET);
	if (!r && !keep)
		p->nice = at->nice;
	return r;
}

static async long sys_sched_setattr(struct co *co, const u64 *a)
{
	struct process *p;
	struct attr at;
	long r;

	if (!a[1] || (s32)a[0] < 0 || (u32)a[2])
		return -EINVAL;
	if ((r = read_attr(&at, a[1])))
		return r;
	if ((s32)at.policy < 0)
		return -EINVAL;
	if ((r = process_of(a[0], &p)))
		return r;
	r = set_attr(p, &at);
	process_put(p);
	return r;
}

static async long sys_sched_rr_get_interval(struct co *co, const u64 *a)
{
	struct timespec_k slice = { 0, EXEC_SLICE_NS };
	long r = check_pid(a[0]);

	return r ? r : user_put(a[1], slice);
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

/* --- priority of input and output: kept, not obeyed -------------------------------------------------- */

enum { IO_NONE, IO_REALTIME, IO_BEST_EFFORT, IO_IDLE, IO_CLASS_SHIFT = 13, IO_LEVELS = 8 };
enum { IO_PROCESS = 1, IO_GROUP, IO_USER };

struct io_walk { s32 which, who; s32 set; u32 found, best; long result; };	/* set: -1, only look */

static bool io_matches(const struct io_walk *w, const struct process *p)
{
	const struct process *me = process_current();

	if (p->job != me->job || p->state != PROC_ALIVE)
		return false;
	if (w->which == IO_PROCESS)
		return p->pid == (w->who ? w->who : me->pid);
	return w->which == IO_GROUP ? p->pgid == (w->who ? w->who : me->pgid) :
				      p->uid == (w->who ? (u32)w->who : me->uid);
}

/* What a process that said nothing is treated as follows from its nice value. */
static u32 io_effective(const struct process *p)
{
	return p->ioprio >> IO_CLASS_SHIFT ? p->ioprio :
	       IO_BEST_EFFORT << IO_CLASS_SHIFT | (p->nice + 20) / 5;
}

static void io_one(struct process *p, void *arg)
{
	struct process *me = process_current();
	struct io_walk *w = arg;
	u32 now;

	if (!io_matches(w, p))
		return;
	w->found++;
	now = w->which == IO_PROCESS ? p->ioprio : io_effective(p);
	w->best = w->found == 1 ? now : min(w->best, now);
	if (w->set < 0 || w->result)
		return;
	if (me->euid && p->uid != me->euid && p->uid != me->uid)
		w->result = -EPERM;
	else
		p->ioprio = w->set;
}

static long io_each(struct io_walk *w)
{
	if (w->which < IO_PROCESS || w->which > IO_USER)
		return -EINVAL;
	guard(&proc_lock);
	process_each(io_one, w);
	return w->found ? w->result : -ESRCH;
}

static async long sys_ioprio_get(struct co *co, const u64 *a)
{
	struct io_walk w = { .which = a[0], .who = a[1], .set = -1 };
	long r = io_each(&w);

	return r ? r : w.best;
}

static long io_check(u32 value)
{
	u32 class = value >> IO_CLASS_SHIFT, level = value % IO_LEVELS;

	if (value >> 16 || class > IO_IDLE || (class == IO_NONE && level))
		return -EINVAL;
	return class == IO_REALTIME && process_current()->euid ? -EPERM : 0;
}

static async long sys_ioprio_set(struct co *co, const u64 *a)
{
	struct io_walk w = { .which = a[0], .who = a[1], .set = (u32)a[2] & 0xffff };
	long r = io_check(a[2]);

	return r ? r : io_each(&w);
}

const struct syscall sched_calls[] = {
	QUICK_ROW(sched_yield, 0, 0, ""),
	ROW(sched_getaffinity, 3, 0, "dup"),
	ROW(sched_setaffinity, 3, 0, "dup"),
	ROW(getcpu, 3, 0, "ppp"),
	ROW(sched_setscheduler, 3, 0, "ddp"),
	ROW(sched_getscheduler, 1, 0, "d"),
	ROW(sched_setparam, 2, 0, "dp"),
	ROW(sched_getparam, 2, 0, "dp"),
	ROW(sched_get_priority_max, 1, 0, "d"),
	ROW(sched_get_priority_min, 1, 0, "d"),
	ROW(sched_setattr, 3, 0, "dpx"),
	ROW(sched_getattr, 4, 0, "dpux"),
	ROW(sched_rr_get_interval, 2, 0, "dp"),
	ROW(ioprio_get, 2, 0, "dd"),
	ROW(ioprio_set, 3, 0, "ddx"),
	ROW(getpriority, 2, 0, "dd"),
	ROW(setpriority, 3, 0, "ddd"),
	{ 0 },
};
