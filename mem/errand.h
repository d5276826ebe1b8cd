/* SPDX-License-Identifier: MIT */
/*
 * errand.h: work that belongs to an object rather than to whoever asked for it: reading pages,
 * looking up a name on a disk, changing a directory.  An errand is a small task with frames of its
 * own, so who waits for it needs none, may leave at once when killed, and others may wait along.
 *
 * The first poll happens within errand_start(): what need not wait is done when it returns, without a
 * task switch.  Hence: no spin lock is held around errand_start().
 */
#pragma once
#include "core/event.h"
#include "core/rcu.h"
#include "core/wait.h"

enum { ERRAND_FRAMES = 1184 };		/* make lint: the longest chain of a file system */

struct errand {
	_Atomic u32	refs;		/* the work itself, and who waits for it */
	struct oneshot	done;		/* with the result */
	long		result;		/* until then, its own */
	async long	(*body)(struct co *co, void *arg);
	void		(*drop)(void *arg);		/* nobody knows it any more; may be NULL */
	void		*arg;
	struct rcu_head	rcu;
	struct task	task;
};

/* One reference, the caller's.  @name for dumps.  NULL: no memory (then @drop is not called). */
struct errand *errand_create(const char *name, async long (*run)(struct co *co, void *arg),
			     void (*drop)(void *arg), void *arg);
void errand_start(struct errand *e);
/* Its result.  Starts over; deadly signals end the wait with -EINTR, the work goes on. */
async long errand_wait(struct errand *e);
async long errand_wait_quiet(struct errand *e);		/* nothing ends it but the end */
void errand_put(struct errand *e);			/* NULL is fine */

/* The tasks of all that are there, without a lock: for dumps. */
void errands_peek(void (*fn)(const struct task *t));

/* create, start and forget: the result is nobody's, @drop sees the end.  -ENOMEM: @drop was not called. */
long errand_send(const char *name, async long (*run)(struct co *co, void *arg),
		 void (*drop)(void *arg), void *arg);
