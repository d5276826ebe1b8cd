/* SPDX-License-Identifier: MIT */
/*
 * check.c: the checked build.  Makes mistakes with coroutines and locks show: new frames are full
 * of 0xa5, the stack below a poll is overwritten, one poll in eight is repeated for no reason,
 * functions that start over are now and then made to (co_again), a frame resumed by another
 * function, a lock held across a wait, taken twice or in an interrupt is a panic.
 *
 * To KASAN headers of frames are red zones, and so is all behind the last frame claimed.  Hence only
 * this file, which is compiled without it, touches headers.
 */
#include <string.h>
#include "core/check.h"
#include "core/kasan.h"
#include "core/lock_order.h"
#include "core/log.h"
#include "core/wait.h"

#ifdef CHECKED

enum { POISON = 0xa5, DEAD_STACK = 256 };

bool check_chaos = true;			/* tests that count polls switch it off */

/* A short pseudo-random sequence for each hart: runs repeat. */
static bool one_in(u32 n)
{
	struct cpu *c = this_cpu();

	if (!check_chaos)
		return false;
	c->chaos = c->chaos * 1664525 + 1013904223;
	return c->chaos / 65536 % n == 0;
}

bool co_again(void)
{
	if (!one_in(8))
		return false;
	task_wake(task_current());
	return true;
}

/* --- polls ------------------------------------------------------------------------------------- */

/* What a local left on the stack at the last poll must not be there at the next one. */
__attribute__((noinline)) void check_before_poll(struct task *t)
{
	volatile u64 dead[DEAD_STACK] __attribute__((unused));

	for (u32 i = 0; i < DEAD_STACK; i++)
		dead[i] = 0xdeadbeefdeadbeef;
}

bool check_after_poll(struct task *t, long r)
{
	if (spin_held())
		panic("task %s: suspended or ended with %u spin locks held", t->name, spin_held());
	if (!arch_irq_enabled())
		panic("task %s: suspended or ended with interrupts off", t->name);
	return r == PENDING && one_in(8);
}

bool check_no_switch(void)
{
	if (spin_held())
		panic("task %s: hands the hart over with %u spin locks held", task_current()->name,
		      spin_held());
	return one_in(4);
}

/* --- frames ------------------------------------------------------------------------------------ */

no_kasan u32 co_line(const struct co *co) { return co->at; }
no_kasan void co_afresh(struct co *co) { co->at = 0; }

/* A frame of @size bytes at @f is now the last one of @t: poison what those before it have used. */
static void claim(struct task *t, void *f, size_t size)
{
	uintptr_t end = align_up((uintptr_t)f + size, 8), used = (uintptr_t)t->frames + t->high;

	kasan_unpoison(f, size);
	if (end < used)
		kasan_poison((void *)end, used - end, KASAN_FRAME);
	memset(f, POISON, size);
	t->high = max(t->high, (u32)(end - (uintptr_t)t->frames));
}

no_kasan void co_enter(struct co *co, void *f, size_t size, const char *fn)
{
	struct task *t = task_current();
	uintptr_t end = (uintptr_t)f + size;

	if (co->at) {
		if (strcmp(fn, co_name(co)))
			panic("%s:%u resumed as %s: await arguments changed?", co_name(co),
			      co->at & 0xffff, fn);
		return;
	}
	if (end >= t->frames_end) {
		log_warn("%s: no room for its frame in task %s", fn, t->name);
		return;					/* co_begin() fails with -ENOMEM */
	}
	claim(t, f, size);
}

no_kasan void co_leave(void *f, u32 at, const char *fn)
{
	if (spin_held())
		panic("%s:%u: await with %u spin locks held", fn, at & 0xffff, spin_held());
	((struct co *)f)[-1] = (struct co){ at, (u32)(uintptr_t)fn };
}

/* --- spin locks -------------------------------------------------------------------------------- */

u32 spin_held(void)
{
	struct cpu *c = this_cpu();

	return c ? c->locks_held : 0;
}

static s32 find_held(struct cpu *c, spinlock_t *l)
{
	for (s32 i = (s32)c->locks_held - 1; i >= 0; i--)
		if (c->held[i] == l)
			return i;
	return -1;
}

/* Before the lock is taken.  Threads that are no hart (in tests) are not watched. */
u32 spin_check_locked(spinlock_t *l)
{
	struct cpu *c = this_cpu();
	u32 class;

	if (!c)
		return 0;
	if (c->irq_depth)
		panic("spin lock %p taken in an interrupt", (void *)l);
	if (find_held(c, l) >= 0)
		panic("spin lock %p taken twice", (void *)l);
	if (c->locks_held == LOCKS_HELD_MAX)
		panic("more than %u spin locks at once", LOCKS_HELD_MAX);
	class = lock_order_check(l, c->held, c->locks_held, __builtin_return_address(0));
	c->held[c->locks_held++] = l;
	return class;
}

/* Who only tries waits for nobody: it says nothing about the order. */
void spin_check_taken(spinlock_t *l)
{
	struct cpu *c = this_cpu();

	if (!c)
		return;
	if (c->locks_held == LOCKS_HELD_MAX)
		panic("more than %u spin locks at once", LOCKS_HELD_MAX);
	c->held[c->locks_held++] = l;
}

u32 spin_check_unlocked(spinlock_t *l)
{
	struct cpu *c = this_cpu();
	s32 i;

	if (!c)
		return 0;
	i = find_held(c, l);
	if (i < 0)
		panic("spin lock %p given back but not held", (void *)l);
	c->held[i] = c->held[--c->locks_held];
	return lock_order_class(l);
}

#endif
