/* SPDX-License-Identifier: MIT */
/*
 * fail.h: fault injection.  In the checked build allocations can be made to fail although there is memory:
 * frames, objects of slabs and of the heap.  Who allocates cannot tell.  The release build has none of it.
 */
#pragma once
#include "lib/base.h"

#ifdef CHECKED
/* "N,step=K,every=M": of round R, the (N + R * K)th allocation fails, and each M-th after it (none without
 * M).  False: that is not understood, or this is the release build. */
bool fail_set(const char *words);
void fail_begin(u32 round);		/* count from here, if fail_set() */
void fail_end(void);
bool fail_alloc(void);			/* for allocators: this one fails */
#else
static inline bool fail_set(const char *words) { return false; }
static inline void fail_begin(u32 round) { }
static inline void fail_end(void) { }
static inline bool fail_alloc(void) { return false; }
#endif
