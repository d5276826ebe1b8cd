/* SPDX-License-Identifier: MIT */
/*
 * lock_order.c: see lock_order.h.  A class is a number, kept in the upper bits of the lock's word from its
 * first use on.  after[a] has the classes that come after a: the order is transitively closed, so a look at
 * two bits decides, and only what nobody has said before takes longer.  notes[] remembers who said it, for
 * the panic.  All is changed under `busy', a lock that is no spinlock_t.
 */
#include <string.h>
#include "core/lock_order.h"
#include "core/log.h"

#ifdef CHECKED

enum { WORDS = LOCK_CLASSES / 64, ARRAYS = 4, CLASS_SHIFT = 8 };

struct note { u16 before, after; const void *pc; };

static struct {
	atomic_flag	busy;
	u32		classes, notes, arrays;
	u32		graph;		/* kind of objects in a graph */
	u64		(*name)(const spinlock_t *l);	/* NULL: nothing is watched */
	u64		key[LOCK_CLASSES];
	_Atomic u64	after[LOCK_CLASSES][WORDS];
	struct note	note[LOCK_NOTES];
	struct { uintptr_t start, end; } array[ARRAYS];
} order = { .busy = ATOMIC_FLAG_INIT, .classes = 1 };	/* 0: not watched */

static void enter(void)
{
	while (atomic_flag_test_and_set_explicit(&order.busy, memory_order_acquire))
		arch_relax();
}
static void leave(void) { atomic_flag_clear_explicit(&order.busy, memory_order_release); }

/* --- classes ------------------------------------------------------------------------------------ */

void lock_order_start(u64 (*key)(const spinlock_t *l)) { order.name = key; }

void lock_order_array(const void *at, size_t n)
{
	if (order.arrays == ARRAYS)
		panic("too many arrays of locks");
	order.array[order.arrays].start = (uintptr_t)at;
	order.array[order.arrays++].end = (uintptr_t)at + n;
}

void lock_order_graph(const void *kind) { order.graph = (u32)(uintptr_t)kind; }

static u64 key_of(const spinlock_t *l)
{
	for (u32 i = 0; i < order.arrays; i++)
		if ((uintptr_t)l - order.array[i].start < order.array[i].end - order.array[i].start)
			return order.array[i].start;
	return order.name(l);
}

static u32 find_class(u64 key)
{
	u32 c = 1;

	while (c < order.classes && order.key[c] != key)
		c++;
	if (c == LOCK_CLASSES)
		panic("more than %u classes of locks", LOCK_CLASSES);
	if (c == order.classes) {
		order.key[c] = key;
		order.classes++;
	}
	return c;
}

static u32 class_of(spinlock_t *l)
{
	u32 c = atomic_load_explicit(&l->v, memory_order_relaxed) >> CLASS_SHIFT;
	u64 key;

	if (likely(c) || !(key = key_of(l)))
		return c;
	enter();
	c = find_class(key);
	leave();
	return c;
}

/* --- the order ---------------------------------------------------------------------------------- */

static bool comes_after(u32 a, u32 b)
{
	return atomic_load_explicit(&order.after[a][b / 64], memory_order_relaxed) >> b % 64 & 1;
}

/* All that is b or after it is now after a, and after all that is before a. */
static void add(u32 a, u32 b, const void *pc)
{
	for (u32 x = 1; x < order.classes; x++) {
		if (x != a && !comes_after(x, a))
			continue;
		for (u32 w = 0; w < WORDS; w++)
			order.after[x][w] |= order.after[b][w] | (w == b / 64 ? 1ull << b % 64 : 0);
	}
	if (order.notes < LOCK_NOTES)
		order.note[order.notes++] = (struct note){ a, b, pc };
}

/* Who said that @from comes before @to, directly or step by step. */
static void explain(u32 from, u32 to)
{
	for (u32 i = 0; i < order.notes; i++) {
		const struct note *n = &order.note[i];

		if (n->before != from || (n->after != to && !comes_after(n->after, to)))
			continue;
		log_raw("  0x%lx before 0x%lx, taken at %p\n", order.key[from], order.key[n->after], n->pc);
		if (n->after != to)
			explain(n->after, to);
		return;
	}
}

/* Of two objects of the kind whose order is their owner's matter? */
static bool in_graph(u32 a, const spinlock_t *held, u32 b, const spinlock_t *l)
{
	return order.graph && order.key[a] >> 32 == order.graph && order.key[b] >> 32 == order.graph &&
	       (uintptr_t)held - (u32)order.key[a] != (uintptr_t)l - (u32)order.key[b];
}

static void check_pair(u32 a, spinlock_t *held, u32 b, spinlock_t *l, const void *pc)
{
	bool wrong;

	if (!a || !b || comes_after(a, b) || in_graph(a, held, b, l))
		return;
	if (a == b) {
		if (held > l)
			panic("two locks of class 0x%lx not in the order of their addresses", order.key[a]);
		return;
	}
	enter();
	wrong = comes_after(b, a);
	if (!wrong)
		add(a, b, pc);
	leave();
	if (!wrong)
		return;
	explain(b, a);
	panic("lock of class 0x%lx taken after 0x%lx, which comes later", order.key[b], order.key[a]);
}

u32 lock_order_check(spinlock_t *l, spinlock_t *const *held, u32 n, const void *pc)
{
	u32 c;

	if (!order.name)
		return 0;
	c = class_of(l);
	for (u32 i = 0; i < n; i++)
		check_pair(class_of(held[i]), held[i], c, l, pc);
	return c << CLASS_SHIFT;
}

u32 lock_order_class(spinlock_t *l)
{
	return order.name ? atomic_load_explicit(&l->v, memory_order_relaxed) & ~SPIN_BITS : 0;
}

#endif
