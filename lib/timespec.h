/* SPDX-License-Identifier: MIT */
/* timespec.h: seconds and parts of them, as programs write time, to and from nanoseconds.  Pure. */
#pragma once
#include "lib/base.h"

struct timespec_k { s64 sec, nsec; };
struct timeval_k { s64 sec, usec; };

enum { NS_PER_US = 1000, US_PER_S = 1000000, NS_PER_S = 1000000000 };

/* Saturates: whoever waits for longer than 584 years waits for ever. */
static inline u64 seconds_ns(u64 sec, u64 ns)
{
	u64 r;

	if (__builtin_mul_overflow(sec, (u64)NS_PER_S, &r) || __builtin_add_overflow(r, ns, &r))
		return UINT64_MAX;
	return r;
}

static inline long timespec_ns(const struct timespec_k *t, u64 *ns)
{
	if (t->sec < 0 || (u64)t->nsec >= NS_PER_S)
		return -EINVAL;
	*ns = seconds_ns(t->sec, t->nsec);
	return 0;
}

static inline long timeval_ns(const struct timeval_k *t, u64 *ns)
{
	if (t->sec < 0 || (u64)t->usec >= US_PER_S)
		return -EINVAL;
	*ns = seconds_ns(t->sec, t->usec * NS_PER_US);
	return 0;
}

static inline struct timespec_k ns_timespec(u64 ns)
{
	return (struct timespec_k){ ns / NS_PER_S, ns % NS_PER_S };
}

static inline struct timeval_k ns_timeval(u64 ns)
{
	return (struct timeval_k){ ns / NS_PER_S, ns % NS_PER_S / NS_PER_US };
}
