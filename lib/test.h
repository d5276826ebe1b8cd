/* SPDX-License-Identifier: MIT */
/* test.h: what cmocka wants in front of it, and random numbers that repeat. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t pick(uint32_t n)
{
	static uint64_t s = 88172645463325252ull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (uint32_t)(s >> 20) % n;
}
