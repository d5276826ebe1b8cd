/* SPDX-License-Identifier: MIT */
/*
 * explore.h: for scenarios: two or three harts (and devices) do a little, in every order there is.
 *
 * A scenario is set up afresh for each order.  Harts run exec_run(); a run ends when all of them
 * sleep and no timer is set.  Then at_rest() says whether what should have happened has happened: a task
 * that still waits was forgotten.  docs/testing.md says what "every order" means.
 */
#pragma once
#include <string.h>
#include "core/check.h"
#include "core/log.h"
#include "core/time.h"
#include "core/wait.h"

enum { EXPLORE_HARTS = 3, EXPLORE_DEVICES = 2 };

struct scenario {
	const char	*name;
	u32		harts;
	void		(*setup)(void);			/* as hart 0 */
	void		(*at_rest)(void);			/* everybody sleeps */
	void		(*device[EXPLORE_DEVICES])(void);	/* run beside the harts, are none */
	u32		most;				/* deviations; 0: as many as there is time for */
};

void explore_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define must(x) do { if (!(x)) explore_fail("%s:%d: not so: %s", __FILE__, __LINE__, #x); } while (0)

void explore_on(u32 hart);			/* in setup(): go on as this hart */
void explore_free(void *p, size_t n);		/* who touches it from now on makes a mistake */
void explore_interrupt(u32 hart, void (*fn)(void *arg), void *arg);
void explore_advance(u64 ns);			/* the clock, which stands still otherwise */

/* --- tasks of scenarios: static, made anew in each run ---------------------------------------------- */

struct actor {
	long		result;
	bool		ended;
	void		*arg;
	struct task	t;
	u64		frames[32];
};
static inline struct actor *actor_of(struct task *t) { return container_of(t, struct actor, t); }
static inline void actor_exit(struct task *t) { actor_of(t)->ended = true; }

/* It runs first on @hart. */
static inline void actor_start(struct actor *a, u32 hart, long (*main)(struct co *, struct task *), void *arg)
{
	memset(a, 0, sizeof(*a));
	task_init(&a->t, "actor", sizeof(a->frames), main, actor_exit);
	a->arg = arg;
	explore_on(hart);
	task_wake(&a->t);
}

void watched_irq_enter(struct cpu *c);		/* irq_enter(), from a file that is watched */
extern const struct scenario *const scenarios[];	/* ends in NULL */
