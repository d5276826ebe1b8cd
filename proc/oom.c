/* SPDX-License-Identifier: MIT */
/*
 * oom.c: memory is used up, and a program needs a page.  Not who happens to ask is killed, but the
 * largest process of the job that has most; if it was the job's own limit, the largest of that job.  Who asked
 * asks again when others have run: what the victim had is free when its last thread has left.
 *
 * One victim at a time: while one that must end still has its memory, nobody else is killed; nor for the sake of
 * one who has not asked again since memory came back.
 */
#include "core/log.h"
#include "proc/job.h"
#include "proc/private.h"

/* Frames a fault may ask for at once: tables and the page. */
enum { FAULT_MOST = 4 };

struct choice {
	struct job	*only;		/* of this job; NULL: of any */
	struct process	*victim;
	s64		job_frames;
	u64		frames;
	bool		dying;		/* one has been chosen already */
};

static _Atomic u32 spaces_leaving, spaces_gone;	/* of processes that end */

void memory_leaves(void) { atomic_fetch_add(&spaces_leaving, 1); }

void memory_has_left(void)
{
	atomic_fetch_add(&spaces_gone, 1);
	atomic_fetch_sub(&spaces_leaving, 1);
}

/* Somebody has ended since @p asked last, perhaps just after it got nothing. */
static bool worth_another_try(struct process *p)
{
	u32 gone = atomic_load(&spaces_gone), seen = p->spaces_seen;

	p->spaces_seen = gone;			/* threads that race here try once more each */
	return gone != seen;
}

static bool is_limited(struct charge *c)
{
	return c->limit && atomic_load_explicit(&c->used, memory_order_relaxed) + FAULT_MOST > c->limit;
}

/* proc_lock is held. */
static void consider(struct process *p, void *arg)
{
	struct choice *c = arg;
	s64 job_frames = atomic_load_explicit(&p->job->charge.used, memory_order_relaxed);
	u64 frames;

	if (p->state != PROC_ALIVE || (c->only && p->job != c->only))
		return;
	guard(&p->lock);
	if (!p->vm)
		return;
	c->dying |= p->exiting;
	frames = p->vm->resident + p->vm->charged_tables;
	if (job_frames < c->job_frames || (job_frames == c->job_frames && frames <= c->frames))
		return;
	c->victim = p;
	c->job_frames = job_frames;
	c->frames = frames;
}

/* Counted; NULL: one is dying, or nobody has anything. */
static struct process *choose_victim(struct job *only, bool *dying)
{
	struct choice c = { .only = only };
	guard(&proc_lock);

	process_each(consider, &c);
	*dying = c.dying || atomic_load(&spaces_leaving);
	return *dying || !c.victim ? NULL : process_get(c.victim);
}

/* A page of @v could not be had: -ENOMEM if its own process is to end; else PENDING, try again. */
async long process_needs_memory(struct vm *v)
{
	struct process *self = process_current(), *victim;
	bool dying, mine;

	if (self->exiting)
		return -ENOMEM;
	victim = choose_victim(is_limited(v->charge) ? self->job : NULL, &dying);
	mine = victim ? victim == self : !dying;
	if (worth_another_try(self)) {			/* asked after the choice: nobody ended unseen */
		process_put(victim);
		task_requeue(task_current());
		return PENDING;
	}
	if (victim || mine)
		process_out_of_memory(mine ? self : victim);
	process_put(victim);
	if (mine)
		return -ENOMEM;
	task_requeue(task_current());
	return PENDING;
}
