/* SPDX-License-Identifier: MIT */
/*
 * clock_page.h: what programs need to read the clocks without a trap, in the page they all share.
 * core/clock.c writes it; the machine's vDSO (arch/) reads it.
 *
 * There is no sequence count: the scale never changes, and each clock has one word that does, which
 * is stored and loaded whole.  So a reader never waits or tries again.
 */
#pragma once
#include "lib/base.h"

enum { CLOCK_PAGE_IDS = 12 };		/* clock ids of the Linux ABI that may be here */

struct clock_page {
	u64	factor, shift;		/* ns = (ticks << shift) * factor >> 64 */
	u64	inverse, second;	/* CLOCK_PAGE_INVERSE, 10^9: loads, not code to make them */
	u64	offset[CLOCK_PAGE_IDS];	/* by clock id: ns to add */
};

/* 2^93 / 10^9, rounded up: exact for times below 2^63 ns. */
#define CLOCK_PAGE_INVERSE	0x89705f4136b4a598ull

static inline u64 clock_page_seconds(const struct clock_page *p, u64 ns)
{
	return (u64)((unsigned __int128)ns * p->inverse >> 64) >> 29;
}
