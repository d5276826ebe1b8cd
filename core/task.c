/* SPDX-License-Identifier: MIT */
/*
 * task.c: what can be done to a task from outside: set it up, announce a signal, look at its chain
 * of waits.  Who may run it is the executor's matter (exec.c), how it sleeps wait.c's.
 */
#include <string.h>
#include "core/check.h"
#include "core/kasan.h"
#include "core/log.h"

void task_init(struct task *t, const char *name, u32 frames,
	       long (*main)(struct co *co, struct task *t), void (*exit)(struct task *t))
{
	memset(t, 0, sizeof(*t));
	t->name = name;
	t->main = main;
	t->exit = exit;
	t->given = TASK_NOT_GIVEN;
	t->frames_end = (uintptr_t)t->frames + align_down(frames, 8);
	kasan_poison(t->frames, align_down(frames, 8), KASAN_FRAME);
	if (frames >= sizeof(struct co))
		co_afresh((struct co *)t->frames);
}

static struct { struct task *t[TASKS_KEPT]; u32 n; } kept;

void task_keep(struct task *t)
{
	if (kept.n < TASKS_KEPT)
		kept.t[kept.n++] = t;
}

void tasks_kept(void (*fn)(const struct task *t))
{
	for (u32 i = 0; i < kept.n; i++)
		fn(kept.t[i]);
}

/* A sleeper stores its mode and then looks at pending; we store pending and then look at its mode:
 * one of the two sees the other (both sequentially consistent). */
void task_interrupt(struct task *t, u32 what)
{
	atomic_fetch_or(&t->pending, what);
	if (atomic_load(&t->mode) & what)
		task_wake(t);
	else if (cpu_total() > 1)
		exec_prod(t);
}

/* --- backtrace --------------------------------------------------------------------------------- */

/* Names of functions are constants of the image, which is less than 2 GiB long: near this one. */
const char co_text[] = "co_text";

no_kasan const char *co_name(const struct co *c)
{
	return (const char *)((uintptr_t)co_text + (s32)(c->fn - (u32)(uintptr_t)co_text));
}

static bool asleep(const struct task *t)
{
	atomic_thread_fence(memory_order_acquire);
	return !(atomic_load_explicit(&t->state, memory_order_relaxed) & (T_RUN | T_DONE));
}

/* A header of a task that still sleeps afterwards was whole when it was read. */
no_kasan bool task_next_wait(const struct task *t, uintptr_t *at, const char **function, u32 *line)
{
	uintptr_t here = *at ? *at : (uintptr_t)t->frames;
	struct co c;

	if (here + sizeof(c) > t->frames_end || !asleep(t))
		return false;
	c = *(const struct co *)here;
	if (!c.at || !(c.at >> 16) || !asleep(t))	/* no frame is empty */
		return false;
	*at = here + (c.at >> 16);
	*function = co_name(&c);
	*line = c.at & 0xffff;
	return true;
}

no_kasan void task_backtrace(const struct task *t)
{
	const struct co *c = (const struct co *)t->frames;

	for (u32 i = 0; (uintptr_t)c < t->frames_end && c->at; i++) {
		log_raw("  #%u %s:%u (%u bytes)\n", i, co_name(c), c->at & 0xffff, c->at >> 16);
		if (!(c->at >> 16))
			break;				/* no frame is empty: damaged */
		c = (const struct co *)((const char *)c + (c->at >> 16));
	}
}

/* Never called: that a body ends in a return is checked when it is compiled. */
#ifndef __OPTIMIZE__
void co_no_return(void) { panic("coroutine body ended without a return"); }
#endif
