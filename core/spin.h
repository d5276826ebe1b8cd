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

#ifdef CHECKED
void spin_check_locked(spinlock_t *l);		/* panics on self-deadlock; counts locks held */
void spin_check_taken(spinlock_t *l);		/* by spin_try() */
void spin_check_unlocked(spinlock_t *l);
u32 spin_held(void);				/* locks held by this hart */
#else
static inline void spin_check_locked(spinlock_t *l) { }
static inline void spin_check_taken(spinlock_t *l) { }
static inline void spin_check_unlocked(spinlock_t *l) { }
#endif

static inline void spin_lock(spinlock_t *l)
{
	spin_check_locked(l);
	while (unlikely(atomic_exchange_explicit(&l->v, 1, memory_order_acquire)))
		while (atomic_load_explicit(&l->v, memory_order_relaxed))
			arch_relax();
}

static inline void spin_unlock(spinlock_t *l)
{
	spin_check_unlocked(l);
	atomic_store_explicit(&l->v, 0, memory_order_release);
}

/* False: somebody has it, perhaps we ourselves. */
static inline bool spin_try(spinlock_t *l)
{
	if (atomic_load_explicit(&l->v, memory_order_relaxed) ||
	    atomic_exchange_explicit(&l->v, 1, memory_order_acquire))
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
