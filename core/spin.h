/* SPDX-License-Identifier: MIT */
/*
 * spin.h: spin locks, for a few dozen instructions at a time.  guard(&lock) holds a lock to
 * the end of the block.  No lock is held across a wait: the executor asserts this after every
 * step in the checked build.  Interrupt handlers take no spin lock (they only set flags and
 * push to lock-free inboxes), so a lock never needs interrupts off.
 */
#pragma once
#include <stdatomic.h>
#include "arch/arch.h"
#include "lib/base.h"

typedef struct { _Atomic u32 v; } spinlock_t;

/* In the checked build the word of a lock also has its class (core/lock_order.h), which the functions
 * return; else it is 0 or 1. */
#ifdef CHECKED
enum { SPIN_BITS = 0xff };
u32 spin_check_locked(spinlock_t *l);	/* panics on self-deadlock and wrong order; counts locks held */
void spin_check_taken(spinlock_t *l);		/* by spin_try() */
u32 spin_check_unlocked(spinlock_t *l);
u32 spin_held(void);				/* locks held by this hart */
#else
#define SPIN_BITS (~0u)
static inline u32 spin_check_locked(spinlock_t *l) { return 0; }
static inline void spin_check_taken(spinlock_t *l) { }
static inline u32 spin_check_unlocked(spinlock_t *l) { return 0; }
#endif

static inline bool spin_locked(spinlock_t *l)
{
	return atomic_load_explicit(&l->v, memory_order_relaxed) & SPIN_BITS;
}

static inline bool spin_taken(spinlock_t *l, u32 class)
{
	return !(atomic_exchange_explicit(&l->v, class | 1, memory_order_acquire) & SPIN_BITS);
}

static inline void spin_wait(spinlock_t *l, u32 class)
{
	do
		while (spin_locked(l))
			arch_relax();
	while (!spin_taken(l, class));
}

static inline void spin_lock(spinlock_t *l)
{
	u32 class = spin_check_locked(l);

	if (unlikely(!spin_taken(l, class)))
		spin_wait(l, class);
}

static inline void spin_unlock(spinlock_t *l)
{
	u32 class = spin_check_unlocked(l);

	atomic_store_explicit(&l->v, class, memory_order_release);
}

/* False: somebody has it, perhaps we ourselves. */
static inline bool spin_try(spinlock_t *l)
{
	if (spin_locked(l) || atomic_exchange_explicit(&l->v, 1, memory_order_acquire) & SPIN_BITS)
		return false;
	spin_check_taken(l);
	return true;
}

static inline spinlock_t *spin_enter(spinlock_t *l) { spin_lock(l); return l; }
static inline void spin_leave(spinlock_t **l) { spin_unlock(*l); }

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define guard(l) spinlock_t *CAT(guard_, __LINE__)				\
	__attribute__((cleanup(spin_leave), unused)) = spin_enter(l)
