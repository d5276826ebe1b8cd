/* SPDX-License-Identifier: MIT */
/*
 * executor.c: the benchmark of what programs cannot see: coroutines, waiting, timers, in guest instructions.
 * Linked with the release kernel in the place of the batch runner (bench.mk); prints "bench NAME NUMBER
 * UNIT" on the log and powers off.  Each figure is that of a loop, loop and calls included.
 */
#include "core/chan.h"
#include "core/log.h"
#include "core/rcu.h"
#include "core/time.h"
#include "dev/driver.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { ROUNDS = 20000, LEVELS = 16, PENDING_TIMERS = 100000, SLEEPERS = 1000000 };

struct actor { struct task task; u64 frames[48]; };
static struct actor director, partner;

void batch_start(void);

static void figure(const char *name, u64 spent, u64 times, const char *unit)
{
	log_raw("bench %s %lu.%lu %s\n", name, (unsigned long)(spent / times),
		(unsigned long)(spent * 10 / times % 10), unit);
}

static void actor_start(struct actor *a, long (*main)(struct co *co, struct task *t))
{
	task_init(&a->task, "bench", sizeof(a->frames), main, NULL);
	task_wake(&a->task);
}

/* --- what never waits ------------------------------------------------------------------------------- */

static void bench_mutex(void)
{
	static struct mutex m;
	u64 begin;

	mutex_init(&m);
	begin = arch_instret();
	for (u32 i = 0; i < ROUNDS; i++) {
		if (mutex_lock(&m))
			panic("a free mutex makes nobody wait");
		mutex_unlock(&m);
	}
	figure("k_mutex", arch_instret() - begin, ROUNDS, "instructions");
}

static void bench_channel(void)
{
	static struct chan ch;
	static struct chan_item item;
	struct chan_item *out;
	u64 begin;

	chan_init(&ch, 4);
	begin = arch_instret();
	for (u32 i = 0; i < ROUNDS; i++)
		if (chan_send(&ch, &item) || chan_receive(&ch, &out))
			panic("a channel with room makes nobody wait");
	figure("k_channel", arch_instret() - begin, ROUNDS, "instructions");
}

static u32 seed = 1;

static u64 some_time(void)
{
	seed = seed * 1664525 + 1013904223;
	return clock_now() + 3600ull * NSEC_PER_SEC + (u64)seed * 1000;
}

/* Cancel and start, one after another, the timers of @n others, which sleep; if none, that of this task, which
 * was started just before. */
static void bench_timer(const char *name, struct task **others, u32 n)
{
	u64 at[64], begin, spent = 0, worst = 0;

	for (u32 i = 0; i < ROUNDS; i++) {
		struct task *t = n ? others[i % n] : task_current();

		if (i % ARRAY_SIZE(at) == 0)
			for (u32 j = 0; j < ARRAY_SIZE(at); j++)
				at[j] = some_time();
		if (!n)
			timer_start(t, at[i % ARRAY_SIZE(at)]);
		begin = arch_instret();
		timer_stop(t);
		timer_start(t, at[i % ARRAY_SIZE(at)]);
		worst = max(worst, arch_instret() - begin);
		spent += arch_instret() - begin;
		if (!n)
			timer_stop(t);
	}
	figure(name, spent, ROUNDS, "instructions");
	if (n)
		log_raw("bench %s_worst %lu instructions\n", name, (unsigned long)worst);
}

static async long ready(struct co *co, u32 levels) __attribute__((noinline));
static async long ready(struct co *co, u32 levels)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (levels)
		await(r = ready(co, levels - 1));
	else
		r = 0;
	return r;
	co_end();
}

static async long bench_await(struct co *co)
{
	u64 begin = arch_instret(), deep, flat;
	long r = 0;

	for (u32 i = 0; i < ROUNDS && !r; i++) {
		co->at = 0;
		r = ready(co, LEVELS);
	}
	deep = arch_instret() - begin;
	begin = arch_instret();
	for (u32 i = 0; i < ROUNDS && !r; i++) {
		co->at = 0;
		r = ready(co, 0);
	}
	flat = arch_instret() - begin;
	figure("k_await", deep - flat, (u64)ROUNDS * LEVELS, "instructions");
	return r;
}

/* --- what switches ------------------------------------------------------------------------------------ */

static long pong(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);

	co_begin(f);
	for (f->i = 0; f->i < ROUNDS; f->i++) {
		task_wake(&director.task);
		co_pause();
	}
	return 0;
	co_end();
}

static async long bench_switch(struct co *co)
{
	struct { u64 begin; u32 i; } *f = co_frame(co);

	co_begin(f);
	actor_start(&partner, pong);
	co_pause();
	f->begin = arch_instret();
	for (f->i = 1; f->i < ROUNDS; f->i++) {
		task_wake(&partner.task);
		co_pause();
	}
	figure("k_switch", arch_instret() - f->begin, 2 * (ROUNDS - 1), "instructions");
	task_wake(&partner.task);		/* it ends */
	co_yield();
	return 0;
	co_end();
}

static struct sem here, there;

static long gives_back(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < ROUNDS; f->i++) {
		await(r = sem_acquire(&there, 1));
		sem_release(&here, 1);
	}
	return 0;
	co_end();
}

static async long bench_semaphore(struct co *co)
{
	struct { u64 begin; u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	sem_init(&here, 0);
	sem_init(&there, 0);
	actor_start(&partner, gives_back);
	co_yield();
	f->begin = arch_instret();
	for (f->i = 0; f->i < ROUNDS; f->i++) {
		sem_release(&there, 1);
		await(r = sem_acquire(&here, 1));
	}
	figure("k_semaphore", arch_instret() - f->begin, 2 * ROUNDS, "instructions");
	co_yield();
	return 0;
	co_end();
}

/* --- many ------------------------------------------------------------------------------------------------ */

/* A task of one function that starts over: the smallest there is. */
struct sleeper { struct task task; u64 frames[1]; };
static struct task *chosen[1000];	/* of the first PENDING_TIMERS, evenly */
static struct slab sleepers = SLAB("sleeper", struct sleeper);

static long sleeps(struct co *co, struct task *t)
{
	return wait_until(some_time());
}

static long sleeper_start(u32 i)
{
	struct sleeper *s = slab_alloc(&sleepers);

	if (!s)
		return -ENOMEM;
	task_init(&s->task, "sleeper", sizeof(s->frames), sleeps, NULL);
	if (i < PENDING_TIMERS && i % (PENDING_TIMERS / ARRAY_SIZE(chosen)) == 0)
		chosen[i / (PENDING_TIMERS / ARRAY_SIZE(chosen))] = &s->task;
	task_wake(&s->task);
	return 0;
}

static async long start_sleepers(struct co *co, u32 from, u32 to)
{
	struct { u32 i; } *f = co_frame(co);

	co_begin(f);
	for (f->i = from; f->i < to; f->i++) {
		if (sleeper_start(f->i))
			return -ENOMEM;
		if (f->i % 64 == 0)
			co_yield();
	}
	co_yield();
	return 0;
	co_end();
}

static async long bench_many(struct co *co)
{
	struct { u64 begin, frames; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->frames = page_free_count();
	await(r = start_sleepers(co, 0, PENDING_TIMERS));
	bench_timer("k_timer", NULL, 0);
	bench_timer("k_timer_any", chosen, ARRAY_SIZE(chosen));
	f->begin = arch_instret();
	if (!r)
		await(r = start_sleepers(co, PENDING_TIMERS, SLEEPERS));
	if (r)
		return r;
	figure("k_sleeper_start", arch_instret() - f->begin, SLEEPERS - PENDING_TIMERS, "instructions");
	figure("k_sleepers", (f->frames - page_free_count()) * PAGE_SIZE, 1 << 20, "MiB");
	return 0;
	co_end();
}

static long directs(struct co *co, struct task *t)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	bench_mutex();
	bench_channel();
	await(r = bench_await(co));
	await(r = bench_switch(co));
	await(r = bench_semaphore(co));
	await(r = bench_many(co));
	if (r)
		log_raw("bench k_sleepers - no memory\n");
	power_off(0);
	return 0;
	co_end();
}

void batch_start(void)
{
	actor_start(&director, directs);
}
