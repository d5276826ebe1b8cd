/* SPDX-License-Identifier: MIT */
/*
 * co.h: functions that wait without a stack.
 *
 * A function that may have to wait is marked async and returns its result, a
 * negative errno, or PENDING: "something will wake this task; when it does,
 * call me again with the same arguments".  There are two ways to keep this
 * promise, and the signature tells which:
 *
 *	async long pipe_read(struct pipe *p, ...);			starts over
 *	async long file_read(struct co *co, struct inode *ip, ...);	resumes
 *
 * Start over where that is harmless: look at the object; take what is there,
 * or queue the task and return PENDING.  To the callers PENDING is an errno;
 * locals are plain locals; cleanup is as after any error.  What was achieved
 * so far (a page read in, bytes counted in a uio) must live in the objects.
 *
 * Resume where progress or a side effect is to be kept, in a frame:
 *
 *	struct { struct page *pg; } *f = co_frame(co);
 *	long r;
 *
 *	co_begin(f);
 *	await(r = page_get(co, ip, pos >> PAGE_SHIFT, &f->pg));
 *	...
 *	return r;
 *	co_end();
 *
 * Frames lie back to back at the end of struct task; co says where the next
 * one goes.  co_begin() moves it past f, so callees are simply handed "co".
 * A frame is never allocated, moved, or destroyed while its task sleeps: to
 * cancel a task, wake it; its wait fails, and it unwinds as after any error.
 *
 * Rules.  [c] violations do not compile, [l] make lint, [d] the checked build.
 *  1. What must survive an await lives in *f.  No plain local that has a value
 *     is in scope at an await [c,l].  One declared above co_begin() is computed
 *     at every poll: leave it unset, or derive it and make it const [l].
 *  2. An await expression is evaluated at every poll: no side effects and no
 *     addresses of locals among its arguments [l], nothing others may change.
 *  3. A framed function awaits every async call [l].  Without co_begin(), a
 *     function given co may only return what such a call returns [l].
 *  4. No spinlock, RCU section or other guard spans an await [c,l,d].
 *  5. No await in an inner switch [l]; no break out of the body [c].
 *  6. Tasks may be polled early.  Look again; a wakeup is only a hint [d].
 */
#pragma once
#include "core/task.h"
#include "lib/base.h"

#define PENDING		(-4096L)	/* below every errno */
#define async		__attribute__((warn_unused_result))

/* Frame header, written when a function suspends.  The chain of headers is the
 * backtrace of a sleeping task: see task_backtrace(). */
struct co {
	u32	at;			/* frame size << 16 | line of the await; 0: afresh */
	u32	fn;			/* low half of the function name's address */
};

/* Where the locals of a function called with @co live. */
static inline void *co_frame(struct co *co) { return co + 1; }

/* Address behind the last frame of the task being polled. */
static inline uintptr_t co_limit(void) { return task_current()->frames_end; }

/* Begin the body of a function whose frame is @f. */
#define co_begin(f)								\
	_Static_assert(_Alignof(__typeof__(*(f))) <= 8, "frame alignment");	\
	const u32 co_at = co_line(co);						\
	co_enter(co, f, sizeof(*(f)), __func__);				\
	co = (struct co *)((char *)co + CO_SIZE(f));				\
	switch (CO_BIAS + __builtin_expect(co_at, 0)) {				\
	case CO_BIAS:								\
		if (unlikely((uintptr_t)co >= co_limit()))			\
			return -ENOMEM

/* Evaluate @call, now and at every later poll, until it is not PENDING. */
#define await(call) do {							\
		co_afresh(co);							\
		__attribute__((fallthrough));					\
	case CO_BIAS + CO_AT(f):						\
		if (unlikely((call) == PENDING)) {				\
			co_leave(f, CO_AT(f), __func__);			\
			return PENDING;						\
		}								\
	} while (0)

/* As await, for a @call that @before may have begun with the same co.  While @before is evaluated the task
 * may be polled elsewhere already, from @call on.  0: go on with @call here; else it is the result. */
#define await_after(before, call) do {						\
		co_leave(f, CO_AT(f), __func__);				\
		if (unlikely((r = (before))))					\
			return r;						\
		__attribute__((fallthrough));					\
	case CO_BIAS + CO_AT(f):						\
		if (unlikely((call) == PENDING)) {				\
			co_leave(f, CO_AT(f), __func__);			\
			return PENDING;						\
		}								\
	} while (0)

/* Suspend once; go on after the next wakeup, whatever its cause. */
#define co_pause() do {								\
		co_afresh(co);							\
		co_leave(f, CO_AT(f), __func__);				\
		return PENDING;							\
	case CO_BIAS + CO_AT(f):;						\
	} while (0)

/* End of the body.  Falling or breaking out of it does not compile. */
#define co_end()								\
	default:								\
		__builtin_trap();						\
	}									\
	co_no_return()

#define CO_SIZE(f)	(sizeof(struct co) + ((sizeof(*(f)) + 7) & ~7u))
#define CO_AT(f)	((u32)CO_SIZE(f) << 16 | __LINE__)

#ifdef __OPTIMIZE__
__attribute__((error("coroutine body must end in a return")))
#endif
void co_no_return(void);

#ifdef CHECKED			/* checks and poisons: core/check.c.  Headers are red zones. */
u32 co_line(const struct co *co);
void co_afresh(struct co *co);
void co_enter(struct co *co, void *f, size_t size, const char *fn);
void co_leave(void *f, u32 at, const char *fn);
#else
#define co_line(co)	((co)->at)		/* where it waits; 0: nowhere, it begins */
#define co_afresh(co)	((co)->at = 0)		/* the function called with @co begins */
static inline void co_leave(void *f, u32 at, const char *fn)
{
	((struct co *)f)[-1] = (struct co){ at, (u32)(uintptr_t)fn };
}
#endif

#ifdef CO_LINT			/* labels that fit no other switch; frame sizes for the lint */
#define CO_BIAS		(1ull << 40)
#define co_enter(co, f, size, fn) typedef char co_size[CO_SIZE(f)]
#else
#define CO_BIAS		0
#ifndef CHECKED
#define co_enter(co, f, size, fn) ((void)0)
#endif
#endif
