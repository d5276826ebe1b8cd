/* SPDX-License-Identifier: MIT */
/*
 * stdatomic.h: the compiler's, but atomic stores are stores.  gcc 12 makes an exchange of each on RISC-V,
 * whose address must be computed; since gcc 13 it does what is done here, a fence and a store, as the
 * memory model of RISC-V recommends (table A.6 of its specification).  Sequentially consistent ones
 * stay the compiler's.
 */
#pragma once
#include_next <stdatomic.h>

#undef atomic_store_explicit
#define atomic_store_explicit(at, value, order) __extension__ ({			\
	__auto_type store_at_ = (at);						\
	__typeof__((void)0, *store_at_) store_value_ = (value);			\
	_Static_assert(sizeof(store_value_) <= sizeof(long), "one access");	\
	if ((order) == memory_order_seq_cst) {					\
		*store_at_ = store_value_;	/* of an _Atomic: just that */	\
	} else {								\
		if ((order) != memory_order_relaxed)				\
			atomic_thread_fence(memory_order_release);		\
		*(volatile __typeof__(store_value_) *)store_at_ = store_value_;	\
	}									\
})
