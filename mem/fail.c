/* SPDX-License-Identifier: MIT */
/*
 * fail.c: see fail.h.  Counts the allocations of all harts; with one hart, the same work and the same seed
 * the same one fails again.
 */
#include <stdatomic.h>
#include <string.h>
#include "arch/arch.h"
#include "core/log.h"
#include "lib/number.h"
#include "mem/fail.h"

#ifdef CHECKED

enum { CALLS_MAX = 12 };

static struct {
	_Atomic bool	on;
	_Atomic u64	seen;
	u64		first;			/* of this round */
	u64		start, step, every;
} failing;

/* The number behind @key, which begins at @words or behind a comma; @value stays if there is none. */
static bool read_number(const char *words, const char *key, u64 *value)
{
	size_t n = strlen(key);

	for (const char *at = words; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, key, n)) {
			const char *end = strchr(at, ',');

			at += n;
			return !number_parse_n(at, end ? (size_t)(end - at) : strlen(at), 10, UINT32_MAX, value);
		}
	}
	return true;
}

bool fail_set(const char *words)
{
	return read_number(words, "", &failing.start) && read_number(words, "step=", &failing.step) &&
	       read_number(words, "every=", &failing.every) && failing.start;
}

void fail_begin(u32 round)
{
	failing.first = failing.start + failing.step * round;
	atomic_store(&failing.seen, 0);
	atomic_store(&failing.on, failing.start);
}

void fail_end(void)
{
	if (!failing.start)
		return;
	atomic_store(&failing.on, false);
	log_info("%lu allocations, the first to fail: %lu", atomic_load(&failing.seen), failing.first);
}

/* With the calls that led here, as arguments for addr2line -fipe weir.elf. */
static void tell(u64 n)
{
	u64 pc[CALLS_MAX];
	u32 calls = log_level >= LOG_INFO ? arch_backtrace(pc, CALLS_MAX) : 0;

	log_print(LOG_INFO, "allocation %lu fails", n);
	for (u32 i = 0; i < calls; i++)
		log_raw(" 0x%lx", pc[i]);
	if (calls)
		log_raw("\n");
}

static bool chosen(u64 n)
{
	if (n <= failing.first)
		return n == failing.first;
	return failing.every && (n - failing.first) % failing.every == 0;
}

bool fail_alloc(void)
{
	u64 n;

	if (likely(!atomic_load_explicit(&failing.on, memory_order_relaxed)))
		return false;
	n = atomic_fetch_add(&failing.seen, 1) + 1;
	if (!chosen(n))
		return false;
	tell(n);
	return true;
}

#endif
