/* SPDX-License-Identifier: MIT */
/*
 * load.c: all processes together: how many run, the time they have used, and the load averages, which a
 * daemon computes every five seconds as Linux does (fixed point, 11 bits).
 */
#include "core/time.h"
#include "fs/procfs.h"
#include "proc/private.h"

enum { EVERY = 5, ONE = 2048 };			/* seconds; 1.0 */

static struct {
	struct task	task;			/* no frames: it starts over */
	u64		due;
	u64		average[3];
} load;

static void add_process(struct process *p, void *arg)
{
	struct procfs_totals *sum = arg;
	struct thread *t;
	u64 user, kernel;

	process_times(p, &user, &kernel);
	sum->user_ns += user;
	guard(&p->lock);
	TAILQ_FOREACH(t, &p->threads, link) {
		sum->threads++;
		sum->running += !!(atomic_load_explicit(&t->task.state, memory_order_relaxed) &
				   (T_RUN | T_WAKE));
	}
}

void load_totals(struct procfs_totals *sum)
{
	guard(&proc_lock);
	process_history(sum);
	process_each(add_process, sum);
	for (u32 i = 0; i < 3; i++)
		sum->load[i] = load.average[i];
}

static void sample(void)
{
	static const u32 keep[] = { 1884, 2014, 2037 };	/* 2048 / e^(5 s / 1, 5, 15 min) */
	struct procfs_totals sum = { 0 };

	load_totals(&sum);
	for (u32 i = 0; i < 3; i++)
		load.average[i] = (load.average[i] * keep[i] +
				   (u64)sum.running * ONE * (ONE - keep[i])) / ONE;
}

static long load_run(struct co *co, struct task *t)
{
	for (;;) {
		if (wait_until(load.due) == PENDING)
			return PENDING;
		sample();
		load.due = clock_now() + EVERY * (u64)NSEC_PER_SEC;
	}
}

void load_init(void)
{
	task_init(&load.task, "load", 0, load_run, NULL);
	load.due = clock_now() + EVERY * (u64)NSEC_PER_SEC;
	task_keep(&load.task);
	task_wake(&load.task);
}
