/* SPDX-License-Identifier: MIT */
/*
 * cputime.c: what happens when a process has used so much time of the processor: its virtual and profiling
 * interval timers, and RLIMIT_CPU.  Looked at when one of its threads gives up the hart, which is at the
 * end of each slice at the latest, and only if p->cpu_watch says that there is something to look for.
 * process.lock guards cpu_timer.
 */
#include <linux/resource.h>
#include <linux/time.h>
#include "core/time.h"
#include "proc/clocks.h"
#include "proc/private.h"

enum { CHECK_EVERY = NSEC_PER_MSEC };

static struct cpu_timer *timer_of(struct process *p, u32 which) { return &p->cpu_timer[which - ITIMER_VIRTUAL]; }
static const s32 signals[] = { SIGVTALRM, SIGPROF };

/* What the timer counts. */
static u64 used(struct process *p, u32 which)
{
	u64 user, kernel;

	process_times(p, &user, &kernel);
	return which == ITIMER_VIRTUAL ? user : user + kernel;
}

static void watch(struct process *p)
{
	bool on = p->cpu_timer[0].at || p->cpu_timer[1].at || p->limits[RLIMIT_CPU].cur != UINT64_MAX;

	p->cpu_watch = on;
}

struct interval cputime_get(struct process *p, u32 which)
{
	struct cpu_timer *t = timer_of(p, which);
	u64 now = used(p, which);
	guard(&p->lock);

	return (struct interval){ t->at ? max(t->at, now + 1) - now : 0, t->every };
}

void cputime_set(struct process *p, u32 which, struct interval i)
{
	u64 now = used(p, which);
	guard(&p->lock);

	*timer_of(p, which) = (struct cpu_timer){ i.left ? time_add(now, i.left) : 0, i.every };
	watch(p);
}

void cputime_limit(struct process *p)
{
	guard(&p->lock);
	watch(p);
}

/* One expiry at a time, however many periods have passed: as Linux. */
static bool timer_due(struct process *p, struct cpu_timer *t, u64 now)
{
	guard(&p->lock);
	if (!t->at || now < t->at)
		return false;
	t->at = t->every ? time_add(t->at, t->every) : 0;
	watch(p);
	return true;
}

/* Beyond the soft limit a signal each second, at the hard one the end. */
static void check_limit(struct process *p, u64 total)
{
	struct rlimit_k *l = &p->limits[RLIMIT_CPU];
	u64 seconds = total / NSEC_PER_SEC;

	if (seconds >= l->max) {
		signal_kernel(p, SIGKILL);
	} else if (seconds >= l->cur) {
		l->cur = seconds + 1;
		signal_kernel(p, SIGXCPU);
	}
}

void cputime_check(struct thread *t)
{
	struct process *p = t->proc;
	u64 user, kernel, now = clock_now();

	if (now - p->cpu_checked < CHECK_EVERY)
		return;
	p->cpu_checked = now;
	process_times(p, &user, &kernel);
	for (u32 i = 0; i < 2; i++)
		if (timer_due(p, &p->cpu_timer[i], i ? user + kernel : user))
			signal_kernel(p, signals[i]);
	check_limit(p, user + kernel);
	cputime_limit(p);				/* a child of who had a timer has none */
}
