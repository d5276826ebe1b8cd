/* SPDX-License-Identifier: MIT */
/*
 * clocks.h: clocks by the ids of the Linux ABI, and the timers a process has.
 *
 * A wall clock runs for all: real time is the monotonic clock and an offset, which may be set.  A CPU
 * clock runs while a process or thread does; the id has the process's number in it.
 */
#pragma once
#include "proc/process.h"

/* --- clocks (proc/clocks.c) ------------------------------------------------------------------------- */

long clock_id_read(s32 id, u64 *ns);	/* as the current thread means it; -EINVAL: no such clock */
bool clock_id_is_cpu(s32 id);		/* one that exists */
bool clock_id_is_self(s32 id);		/* the CPU clock of the current thread */
/* What to wait for until clock @id, which shows @now, shows @at: a deadline for wait_until().  Compute it at
 * every poll: real time may be set, and how fast a CPU clock runs is known only afterwards. */
u64 clock_id_deadline(s32 id, u64 at, u64 now);
/* A relative time on @id is counted on this one: setting the clock does not matter to it. */
s32 clock_id_steady(s32 id);
/* @id for timers of the current process, as long as it lives; -EOPNOTSUPP if it is another's. */
long clock_id_own(s32 id, s32 *own);
long clock_own_read(struct process *p, s32 own, u64 *ns);	/* p->lock held; -EINVAL: the thread is gone */
void clock_was_set(void);		/* whoever waits for a time of day looks again */

/* --- interval timers and limit of CPU time (proc/cputime.c) ----------------------------------------- */

struct interval { u64 left, every; };		/* ns; left 0: off */
struct interval cputime_get(struct process *p, u32 which);		/* ITIMER_VIRTUAL, ITIMER_PROF */
void cputime_set(struct process *p, u32 which, struct interval i);
void cputime_limit(struct process *p);		/* RLIMIT_CPU is new, or inherited */

/* --- POSIX timers (proc/ptimer.c) ------------------------------------------------------------------- */

struct ptimer_request { s32 clock, notify, signo, tid; u64 value; bool value_is_id; };
long ptimer_create(struct process *p, const struct ptimer_request *q);	/* the id; -EAGAIN */
long ptimer_delete(struct process *p, s32 id);
/* @old may be NULL.  @at: on the timer's clock if @absolute, else from now; 0: off. */
long ptimer_set(struct process *p, s32 id, bool absolute, u64 at, u64 every, struct interval *old);
long ptimer_get(struct process *p, s32 id, struct interval *now);
long ptimer_overrun(struct process *p, s32 id);
