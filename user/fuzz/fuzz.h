/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h: chance for the fuzzing programs.  Where it starts is argument 1 and, if it is set, the
 * variable SEED, so that a job file can be run with other luck each time and again with the same.
 */
#pragma once
#include "weir.h"

static inline unsigned long any(unsigned long *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline unsigned long first_seed(int argc, char **argv)
{
	const char *luck = variable("SEED");
	unsigned long seed = argc > 1 ? number(argv[1]) : 1;

	print("SEED=%s %s %lu\n", luck ? luck : "0", argv[0], seed);
	return (luck ? number(luck) * 1000003 : 0) + seed;
}
