/* SPDX-License-Identifier: MIT */
/* pageset_test.c: the radix tree against a plain table, at small and enormous indexes. */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c arch/host/mmu.c mem/page.c mem/heap.c mem/pageset.c
#include "mem/pageset.h"
#include "mem/test.h"

enum { KEYS = 300 };

/* Indexes that meet at every level of the tree. */
static u64 key(u32 i)
{
	static const u64 around[] = {
		0,
		60,
		4090,
		262140,
		1ul << 24,
		1ul << 30,
		1ul << 42,
		1ul << 54,
		1ul << 60,
		UINT64_MAX - 40,
	};

	return around[i % 10] + i / 10;
}

static void as_a_table(void **state)
{
	static struct page *table[KEYS];
	struct pageset ps;
	struct charge c;
	u32 count = 0;

	memset(table, 0, sizeof(table));
	assert_int_equal(charge_open(&c, 0), 0);
	pageset_init(&ps, &c);
	for (u32 n = 0; n < 20000; n++) {
		u32 i = pick(KEYS);

		assert_ptr_equal(pageset_find(&ps, key(i)), table[i]);
		if (table[i] && pick(2)) {
			pageset_remove(&ps, key(i), key(i) + 1);
			table[i] = NULL;
			count--;
		} else if (!table[i]) {
			assert_null(pageset_get(&ps, key(i), false));
			table[i] = pageset_get(&ps, key(i), true);
			assert_int_equal(page_refs(table[i]), 2);
			page_put(table[i]);
			count++;
		}
		assert_int_equal(ps.count, count);
		assert_int_equal(c.used, count);
	}
	for (u32 i = 0; i < KEYS; i++)
		assert_ptr_equal(pageset_find(&ps, key(i)), table[i]);
	pageset_truncate(&ps, 0);
	assert_int_equal(ps.count, 0);
	assert_int_equal(ps.height, 0);
	assert_null(ps.root);
	charge_close(&c);
}

static void next_visits_all_in_order(void **state)
{
	const u64 at[] = { 0, 1, 63, 64, 5000, 1ul << 33, UINT64_MAX - 1 };
	struct pageset ps;
	u64 i = 0;

	pageset_init(&ps, NULL);
	assert_int_equal(pageset_next(&ps, 0), UINT64_MAX);
	for (u32 k = 0; k < ARRAY_SIZE(at); k++)
		page_put(pageset_get(&ps, at[k], true));
	for (u32 k = 0; k < ARRAY_SIZE(at); k++, i++) {
		i = pageset_next(&ps, i);
		assert_int_equal(i, at[k]);
	}
	assert_int_equal(pageset_next(&ps, UINT64_MAX), UINT64_MAX);
	pageset_truncate(&ps, 64);
	assert_int_equal(ps.count, 3);
	assert_int_equal(pageset_next(&ps, 64), UINT64_MAX);
	pageset_truncate(&ps, 0);
}

static void only_index_zero(void **state)
{
	struct page *p = page_alloc_zero(), *got[3];
	struct pageset ps;

	pageset_init(&ps, NULL);
	assert_int_equal(pageset_insert(&ps, 0, p), 0);
	assert_int_equal(ps.height, 0);
	assert_int_equal(pageset_insert(&ps, 0, p), -EEXIST);
	assert_int_equal(pageset_get_range(&ps, 0, 3, got), 1);
	assert_ptr_equal(got[0], p);
	assert_null(got[1]);
	page_put(got[0]);
	assert_int_equal(pageset_next(&ps, 0), 0);
	assert_int_equal(pageset_next(&ps, 1), UINT64_MAX);
	pageset_remove(&ps, 1, 5);
	assert_int_equal(ps.count, 1);
	pageset_remove(&ps, 0, 1);
	assert_int_equal(ps.count, 0);
}

static void ranges(void **state)
{
	struct page *got[20];
	struct pageset ps;

	pageset_init(&ps, NULL);
	for (u64 i = 55; i < 75; i += 2)
		page_put(pageset_get(&ps, i, true));
	assert_int_equal(pageset_get_range(&ps, 50, 20, got), 8);
	for (u32 i = 0; i < 20; i++) {
		assert_ptr_equal(got[i], pageset_find(&ps, 50 + i));
		if (got[i])
			page_put(got[i]);
	}
	assert_int_equal(pageset_get_range(&ps, 1 << 20, 20, got), 0);
	pageset_truncate(&ps, 0);
}

/* Wherever memory ends, nothing is half there. */
static void out_of_memory(void **state)
{
	struct pageset ps;

	pageset_init(&ps, NULL);
	page_put(pageset_get(&ps, 3, true));
	for (u32 left = 0; left < 6; left++) {
		struct page *p;

		leave_only(left);
		p = pageset_get(&ps, UINT64_MAX - 5, true);
		assert_int_equal(ps.count, p ? 2 : 1);
		if (p)
			page_put(p);
		pageset_remove(&ps, 4, UINT64_MAX);
		assert_non_null(pageset_find(&ps, 3));
		give_all();
	}
	pageset_truncate(&ps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(as_a_table),
		MEMORY_TEST(next_visits_all_in_order),
		MEMORY_TEST(only_index_zero),
		MEMORY_TEST(ranges),
		MEMORY_TEST(out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
