/* SPDX-License-Identifier: MIT */
/*
 * seq.h: a few words that are read far more often than changed, by readers that never write.  Writers
 * hold a lock of their own, and write between seq_write_begin() and _end(); readers read until they
 * were not disturbed:
 *
 *	do {
 *		n = seq_read_begin(&s);
 *		... atomic_load_explicit(&word, memory_order_relaxed) ...
 *	} while (seq_read_again(&s, n));
 *
 * The words are atomics, as they may change while they are read.  Readers may be interrupts; a hart that is
 * interrupted while it writes must not read there: write with interrupts off then (irq_guard()).
 */
#pragma once
#include <stdatomic.h>
#include "arch/arch.h"

typedef struct { _Atomic u32 n; } seqlock_t;

static inline u32 seq_read_begin(seqlock_t *s)
{
	u32 n;

	while (unlikely((n = atomic_load_explicit(&s->n, memory_order_acquire)) & 1))
		arch_relax();
	return n;
}

static inline bool seq_read_again(seqlock_t *s, u32 n)
{
	atomic_thread_fence(memory_order_acquire);
	return unlikely(atomic_load_explicit(&s->n, memory_order_relaxed) != n);
}

static inline void seq_write_begin(seqlock_t *s)
{
	u32 n = atomic_load_explicit(&s->n, memory_order_relaxed);

	atomic_store_explicit(&s->n, n + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline void seq_write_end(seqlock_t *s)
{
	u32 n = atomic_load_explicit(&s->n, memory_order_relaxed);

	atomic_store_explicit(&s->n, n + 1, memory_order_release);
}
