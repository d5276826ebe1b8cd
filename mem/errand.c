// SPDX-License-Identifier: MIT
/*
 * errand.c: see errand.h.  The task holds a reference until it has ended, so that an errand nobody waits for any more goes on and frees itself.
 */
#include "core/kasan.h"
#include "mem/errand.h"
#include "mem/heap.h"

union with_frames { struct errand e; u8 room[sizeof(struct errand) + ERRAND_FRAMES]; };
static struct slab errands = SLAB("errand", union with_frames);

static long errand_main(struct co *co, struct task *t)
{
	struct errand *e = container_of(t, struct errand, task);
	long r = e->body(co, e->arg);

	if (r != PENDING)
		e->result = r;
	return r;
}

/* Free memory looks like an errand that has ended, or like none. */
static no_kasan void peek(const void *object, void *fn)
{
	const struct errand *e = object;
	u32 state = atomic_load_explicit(&e->task.state, memory_order_relaxed);

	if (e->task.main == errand_main && !(state & T_DONE))
		((void (*)(const struct task *t))fn)(&e->task);
}

void errands_peek(void (*fn)(const struct task *t)) { slab_peek(&errands, peek, fn); }

static void errand_end(struct task *t)
{
	struct errand *e = container_of(t, struct errand, task);

	oneshot_set(&e->done, e->result);
	errand_put(e);
}

struct errand *errand_create(const char *name, async long (*run)(struct co *co, void *arg),
			     void (*drop)(void *arg), void *arg)
{
	struct errand *e = slab_alloc(&errands);

	if (!e)
		return NULL;
	e->refs = 1;
	oneshot_init(&e->done);
	e->body = run;
	e->drop = drop;
	e->arg = arg;
	task_init(&e->task, name, ERRAND_FRAMES, errand_main, errand_end);
	return e;
}

void errand_start(struct errand *e)
{
	atomic_fetch_add(&e->refs, 1);
	task_run(&e->task);
}

async long errand_wait(struct errand *e) { return oneshot_wait(&e->done, WAIT_KILL); }
async long errand_wait_quiet(struct errand *e) { return oneshot_wait(&e->done, 0); }

/* Wakers may still be looking at the task, and unlocking the queue. */
static void errand_free(struct rcu_head *h)
{
	slab_free(&errands, container_of(h, struct errand, rcu));
}

void errand_put(struct errand *e)
{
	if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	if (e->drop)
		e->drop(e->arg);
	rcu_free(&e->rcu, errand_free);
}

long errand_send(const char *name, async long (*run)(struct co *co, void *arg),
		 void (*drop)(void *arg), void *arg)
{
	struct errand *e = errand_create(name, run, drop, arg);

	if (!e)
		return -ENOMEM;
	errand_start(e);
	errand_put(e);
	return 0;
}
