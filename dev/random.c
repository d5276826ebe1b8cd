/* SPDX-License-Identifier: MIT */
/*
 * random.c: the kernel's random numbers: one generator (lib/rand.h) behind a lock, seeded from the
 * device tree at boot and from whatever the processor and devices add.  With the word "seed=" on
 * the command line it depends on nothing else, so that a run can be repeated.
 */
#include <string.h>
#include "arch/arch.h"
#include "core/spin.h"
#include "dev/board.h"
#include "lib/rand.h"

static struct { spinlock_t lock; bool fixed; struct rand rand; } state;

void random_start(void)
{
	char seed[32];
	u64 word;

	if (board_arg("seed", seed, sizeof(seed))) {
		guard(&state.lock);
		state.fixed = true;
		rand_seed(&state.rand, seed, strlen(seed));
		return;
	}
	random_add(board.seed, board.seed_len);
	if (arch_random(&word))
		random_add(&word, sizeof(word));
}

void random_add(const void *seed, size_t n)
{
	guard(&state.lock);
	if (!state.fixed)
		rand_mix(&state.rand, seed, n);
}

void random_bytes(void *buf, size_t n)
{
	guard(&state.lock);
	rand_bytes(&state.rand, buf, n);
}
