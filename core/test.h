/* SPDX-License-Identifier: MIT */
/*
 * test.h: what the tests of this room share: tasks with an argument, and running them on one hart
 * (the test's own thread) whose clock stands still unless told.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "core/check.h"
#include "core/log.h"
#include "core/time.h"
#include "core/wait.h"

#ifndef CHECKED				/* the tests hold for the release build, too */
static bool check_chaos __attribute__((unused));
#endif

enum { TEST_FRAMES = 512, START = 1000000 };

struct tester {
	void		*arg;
	long		n;		/* for the test's own use */
	_Atomic u32	finished;	/* main has returned */
	struct task	t;
};

static inline struct tester *tester_of(struct task *t) { return container_of(t, struct tester, t); }
static inline void *arg_of(struct task *t) { return tester_of(t)->arg; }
static inline void tester_exit(struct task *t) { atomic_fetch_add(&tester_of(t)->finished, 1); }

/* Not woken yet. */
static inline struct tester *tester_create(long (*main)(struct co *, struct task *), void *arg)
{
	struct tester *r = calloc(1, sizeof(*r) + TEST_FRAMES);

	r->arg = arg;
	task_init(&r->t, "tester", TEST_FRAMES, main, tester_exit);
	return r;
}

static inline struct tester *spawn(long (*main)(struct co *, struct task *), void *arg)
{
	struct tester *r = tester_create(main, arg);

	task_wake(&r->t);
	return r;
}

static inline void run_all(void)
{
	while (exec_step())
		;
}

/* It must have ended, once. */
static inline void reap(struct tester *r)
{
	assert_int_equal(r->finished, 1);
	assert_null(r->t.w.q);
	assert_int_equal(r->t.timer_cpu, 0);
	free(r);
}

/* Let the clock go on, in steps that a loop of exec_step() sees. */
static inline void advance(u64 ns)
{
	host_advance(ns);
	exec_step();
	run_all();
}

static inline int one_hart(void **state)
{
	host_clock = START;
	exec_init(&cpus[0], 0, 0);
	arch_irq_on();
	check_chaos = true;
	return 0;
}

/* The same without repeated polls, for tests that count them. */
static inline int one_calm_hart(void **state)
{
	one_hart(state);
	check_chaos = false;
	return 0;
}

/* What the kernel logs goes into a buffer. */
extern char said[4096];
void hear(char c);
#define HEARING								\
	char said[4096];							\
	void hear(char c)							\
	{									\
		size_t n = strlen(said);					\
		if (n + 1 < sizeof(said))					\
			said[n] = c;						\
	}
