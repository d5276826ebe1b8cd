/* SPDX-License-Identifier: MIT */
/*
 * rand.h: a random number generator fit for secrets: ChaCha20 with fast key erasure (what was given
 * out cannot be computed from the state that is left).  Pure: the owner of a struct rand locks it.
 */
#pragma once
#include "lib/base.h"

struct rand {
	u32	key[8];
	u8	pool[224];		/* given out from the end */
	u32	left;
};

void rand_seed(struct rand *r, const void *seed, size_t n);	/* state depends on nothing else */
void rand_mix(struct rand *r, const void *more, size_t n); /* add entropy; never makes it worse */
void rand_bytes(struct rand *r, void *buf, size_t n);
u64 rand_u64(struct rand *r);
u64 rand_below(struct rand *r, u64 n);				/* uniform in [0, n), n > 0 */
