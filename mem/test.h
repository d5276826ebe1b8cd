/* SPDX-License-Identifier: MIT */
/* test.h: what the tests of this room share: one hart with a memory of its own for each test. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "core/check.h"
#include "core/log.h"
#include "core/task.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { MEMORY = 16 << 20 };

/* The heap's slabs outlive a test: memory is made once, and counted around each test instead. */
static u64 frames_before, heap_before;

static inline int fresh_memory(void **state)
{
	static bool made;
	struct charge c;

	if (!made) {
		exec_init(&cpus[0], 0, 0);
		arch_irq_on();
		host_memory_init(MEMORY);
		assert_int_equal(charge_open(&c, 0), 0);	/* the table of accounts stays */
		charge_close(&c);
	}
	made = true;
	heap_trim();
	frames_before = page_free_count();
	heap_before = heap_bytes();
	return 0;
}

static inline int nothing_leaked(void **state)
{
	heap_trim();
	assert_int_equal(heap_bytes(), heap_before);
	assert_int_equal(page_free_count(), frames_before);
	return 0;
}

#define MEMORY_TEST(f) cmocka_unit_test_setup_teardown(f, fresh_memory, nothing_leaked)

/* Take all frames but @n, linked through their first words; give_all() undoes it. */
static struct page *taken[MEMORY >> PAGE_SHIFT];
static u32 taken_count;

static inline void give_all(void)
{
	while (taken_count)
		page_put(taken[--taken_count]);
}

static inline void leave_only(u32 n)
{
	for (struct page *p; (p = page_alloc(0));)
		taken[taken_count++] = p;
	while (n-- && taken_count)
		page_put(taken[--taken_count]);
}

static inline u32 pick(u32 n)		/* 0 .. n - 1, the same at every run */
{
	static u64 s = 88172645463325252ul;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (s >> 20) % n;
}
