/* SPDX-License-Identifier: MIT */
/*
 * clocks.c: reading clocks by their ABI ids, and turning times on them into deadlines.  No state.
 *
 * An id below zero is a CPU clock: the complement of a process's or thread's number (0: the caller's)
 * shifted by three, a bit that says thread, and two that say what is counted.
 *
 * The alarm clocks wake a machine that sleeps; this one does not, so they are not there, as under Linux
 * without a device for it.
 */
#include <linux/time.h>
#include "core/time.h"
#include "fs/eventfd.h"
#include "proc/calls.h"
#include "proc/clocks.h"
#include "proc/private.h"

enum { CPU_PROF, CPU_VIRT, CPU_SCHED, CPU_WHICH = 3, CPU_THREAD = 4, CPU_SHIFT = 3 };
enum { LOOK_AGAIN = NSEC_PER_MSEC };

static bool is_cpu(s32 id) { return id < 0 || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID; }
static s32 number_of(s32 id) { return ~(id >> CPU_SHIFT); }
static u64 pick(s32 id, u64 user, u64 kernel) { return (id & CPU_WHICH) == CPU_VIRT ? user : user + kernel; }

/* A process has used; locked. */
static long process_cpu(struct process *p, s32 id, u64 *ns)
{
	u64 user, kernel;

	process_times_locked(p, &user, &kernel);
	*ns = pick(id, user, kernel);
	return 0;
}

/* One of its threads has; locked. */
static long thread_cpu(struct process *p, s32 id, u64 *ns)
{
	struct thread *t;
	u64 user, kernel;

	TAILQ_FOREACH(t, &p->threads, link)
		if (t->tid == number_of(id)) {
			thread_times(t, &user, &kernel);
			*ns = pick(id, user, kernel);
			return 0;
		}
	return -EINVAL;
}

static s32 cpu_id(s32 number, s32 bits) { return (s32)(~(u32)number << CPU_SHIFT) | bits; }

/* The same clock, by a number: of a thread of this process, or 0 for the process itself. */
static s32 resolve(s32 id)
{
	struct thread *t = thread_current();

	if (id == CLOCK_PROCESS_CPUTIME_ID)
		return cpu_id(0, CPU_SCHED);
	if (id == CLOCK_THREAD_CPUTIME_ID)
		return cpu_id(t->tid, CPU_THREAD | CPU_SCHED);
	if (id & CPU_THREAD && !number_of(id))
		return cpu_id(t->tid, CPU_THREAD | (id & CPU_WHICH));
	if (!(id & CPU_THREAD) && (number_of(id) == t->proc->pid || number_of(id) == t->tid))
		return cpu_id(0, id & CPU_WHICH);
	return id;
}

static long other_cpu(s32 id, u64 *ns)
{
	struct process *p = process_find(number_of(id));
	long r = -EINVAL;

	if (!p)
		return r;
	if (p->job == process_current()->job) {
		guard(&p->lock);
		r = process_cpu(p, id, ns);
	}
	process_put(p);
	return r;
}

static long cpu_read(s32 id, u64 *ns)
{
	struct process *p = process_current();

	id = resolve(id);
	if ((id & CPU_WHICH) > CPU_SCHED)
		return -EINVAL;
	if (!(id & CPU_THREAD) && number_of(id))
		return other_cpu(id, ns);
	guard(&p->lock);
	return id & CPU_THREAD ? thread_cpu(p, id, ns) : process_cpu(p, id, ns);
}

static bool is_real(s32 id)
{
	return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI;
}

static long wall_read(s32 id, u64 *ns)
{
	switch (id) {
	case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_TAI:
		*ns = clock_real();
		return 0;
	case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_now();
		return 0;
	default:
		return -EINVAL;
	}
}

long clock_id_read(s32 id, u64 *ns)
{
	if (id == CLOCK_THREAD_CPUTIME_ID) {
		*ns = task_cpu_ns(task_current());
		return 0;
	}
	return is_cpu(id) ? cpu_read(id, ns) : wall_read(id, ns);
}

bool clock_id_is_cpu(s32 id)
{
	u64 ns;

	return is_cpu(id) && !clock_id_read(id, &ns);
}

bool clock_id_is_self(s32 id)
{
	return is_cpu(id) && (resolve(id) & ~CPU_WHICH) == cpu_id(thread_current()->tid, CPU_THREAD);
}

long clock_id_own(s32 id, s32 *own)
{
	*own = is_cpu(id) ? resolve(id) : id;
	if (is_cpu(id) && !(*own & CPU_THREAD) && number_of(*own))
		return syscall_refuse(-EOPNOTSUPP, "timer on the clock of another process", (u32)id);
	return 0;
}

long clock_own_read(struct process *p, s32 own, u64 *ns)
{
	if (own >= 0)
		return wall_read(own, ns);
	return own & CPU_THREAD ? thread_cpu(p, own, ns) : process_cpu(p, own, ns);
}

s32 clock_id_steady(s32 id) { return is_real(id) ? CLOCK_MONOTONIC : id; }

/* A CPU clock runs as fast as there are harts, at most: not before that much of the rest is over. */
static u64 cpu_deadline(u64 at, u64 now)
{
	return now >= at ? 1 : time_add(clock_now(), max((at - now) / cpu_total(), (u64)LOOK_AGAIN));
}

u64 clock_id_deadline(s32 id, u64 at, u64 now)
{
	u64 offset = clock_real_offset();

	if (is_cpu(id))
		return cpu_deadline(at, now);
	if (is_real(id) && at != TIME_NEVER)
		at = at > offset ? at - offset : 1;
	return max(at, 1ul);
}

/* --- the time of day is another one --------------------------------------------------------------------- */

static void wake_threads(struct process *p, void *arg)
{
	struct thread *t;
	guard(&p->lock);

	TAILQ_FOREACH(t, &p->threads, link)
		task_wake(&t->task);			/* a wakeup is a hint: they look at their clocks */
	ptimers_look(p);
}

void clock_was_set(void)
{
	timerfd_clock_was_set();
	guard(&proc_lock);
	process_each(wake_threads, NULL);
}
