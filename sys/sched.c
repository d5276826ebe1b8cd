/* SPDX-License-Identifier: MIT */
/*
 * sys/sched.c: whose turn it is.  Scheduling is round robin for all: priorities and policies are kept, not
 * obeyed.
 */
#include <asm/unistd.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include "core/cpu.h"
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

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

const struct syscall sched_calls[] = {
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
