/* SPDX-License-Identifier: MIT */
/* page_test.c: buddies, stacks of frames, references, accounts. */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c arch/host/mmu.c mem/page.c mem/heap.c
#include "mem/fail.h"
#include "mem/test.h"

/* Blocks of all orders, in any order, never overlap and come back whole. */
static void blocks_do_not_overlap(void **state)
{
	static u8 owner[MEMORY >> PAGE_SHIFT];
	struct { struct page *p; u32 order; } held[200] = { 0 };

	memset(owner, 0, sizeof(owner));
	for (u32 i = 0; i < 20000; i++) {
		u32 k = pick(200), order = pick(7);
		struct page *p = held[k].p;

		if (p) {
			for (u32 j = 0; j < 1u << held[k].order; j++)
				assert_int_equal(owner[p - pages + j]--, 1);
			page_put(p);
			held[k].p = NULL;
		} else if ((p = page_alloc(order))) {
			assert_int_equal((p - pages) % (1 << order), 0);
			assert_int_equal(page_refs(p), 1);
			for (u32 j = 0; j < 1u << order; j++)
				assert_int_equal(owner[p - pages + j]++, 0);
			memset(page_virt(p), 0x11, (size_t)PAGE_SIZE << order);
			held[k].p = p;
			held[k].order = order;
		}
	}
	for (u32 k = 0; k < 200; k++)
		if (held[k].p)
			page_put(held[k].p);
}

static void runs_out_and_recovers(void **state)
{
	struct page *p;

	leave_only(0);
	assert_int_equal(page_free_count(), 0);
	assert_null(page_alloc(0));
	assert_null(page_alloc(3));
	assert_null(page_alloc_zero());
	give_all();
	p = page_alloc(PAGE_ORDERS - 1);		/* all merged again */
	assert_non_null(p);
	page_put(p);
	assert_null(page_alloc(PAGE_ORDERS));
}

static void references(void **state)
{
	struct page *p = page_alloc_zero();
	u64 n = page_free_count();
	u64 *w = page_virt(p);

	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		assert_int_equal(w[i], 0);
	page_get(p);
	page_put(p);
	assert_int_equal(page_free_count(), n);
	assert_int_equal(page_refs(p), 1);
	assert_ptr_equal(virt_page(page_virt(p)), p);
	page_put(p);
	assert_int_equal(page_free_count(), n + 1);
}

static void copies_and_clears(void **state)
{
	struct page *a = page_alloc(0), *b = page_alloc(0);
	u8 *x = page_virt(a), *y = page_virt(b);

	for (u32 i = 0; i < PAGE_SIZE; i++)
		x[i] = i * 7 + i / 256;
	page_copy(y, x);
	assert_memory_equal(x, y, PAGE_SIZE);
	page_clear(x);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(x[i], 0);
	page_put(a);
	page_put(b);
}

static void accounts_have_limits(void **state)
{
	struct page *p[4];
	struct charge c;

	assert_int_equal(charge_open(&c, 3 * PAGE_SIZE), 0);
	for (u32 i = 0; i < 3; i++)
		assert_non_null(p[i] = page_alloc_for(&c, true));
	assert_null(page_alloc_for(&c, false));
	assert_int_equal(c.failed, 1);
	page_put(p[0]);
	assert_int_equal(c.used, 2);
	assert_true(charge_try(&c, 1));
	assert_false(charge_try(&c, 1));
	charge_back(&c, 1);
	page_put(p[1]);
	page_put(p[2]);
	assert_int_equal(c.used, 0);
	assert_int_equal(c.peak, 3);
	charge_close(&c);
}

/* A number is not given out again before the last frame of its closed account is free. */
static void closed_accounts_linger(void **state)
{
	static struct charge all[CHARGE_MAX], more;
	struct page *p[2];
	u32 number;

	for (u32 i = 0; i < CHARGE_MAX; i++)
		assert_int_equal(charge_open(&all[i], 0), 0);
	assert_int_equal(charge_open(&more, 0), -ENOMEM);
	p[0] = page_alloc_for(&all[77], false);
	p[1] = page_alloc_for(&all[77], false);
	number = all[77].number;
	charge_close(&all[77]);
	memset(&all[77], 0xee, sizeof(all[77]));
	assert_int_equal(charge_open(&more, 0), -ENOMEM);
	page_put(p[0]);
	assert_int_equal(charge_open(&more, 0), -ENOMEM);
	page_put(p[1]);
	assert_int_equal(charge_open(&more, 0), 0);
	assert_int_equal(more.number, number);
	charge_close(&more);
	for (u32 i = 0; i < CHARGE_MAX; i++)
		if (i != 77)
			charge_close(&all[i]);
	frames_before -= 7;				/* the other tables of accounts */
}

static void put_for_counts(void **state)
{
	struct charge c, d;
	struct page *mine, *other, *kernels;
	u64 back = 0;

	assert_int_equal(charge_open(&c, 0), 0);
	assert_int_equal(charge_open(&d, 0), 0);
	mine = page_alloc_for(&c, false);
	other = page_alloc_for(&d, false);
	kernels = page_alloc_for(NULL, false);
	page_get(mine);
	page_put_for(mine, &c, &back);
	assert_int_equal(back, 0);
	page_put_for(mine, &c, &back);
	page_put_for(other, &c, &back);
	page_put_for(kernels, &c, &back);
	assert_int_equal(back, 1);
	assert_int_equal(d.used, 0);
	charge_back(&c, back);
	assert_int_equal(c.used, 0);
	charge_close(&c);
	charge_close(&d);
}

static void adopted_frames(void **state)
{
	paddr_t array = page_base;		/* the struct pages' own frames: never given out */
	u64 total = page_total_count();
	struct page *p = page_adopt(array);

	assert_int_equal(page_refs(p), 1);
	assert_int_equal(page_total_count(), total + 1);
	*(u64 *)p = 0;
}

/* fail-alloc=: the ones that were named, and no other. */
static void injected_failures(void **state)
{
	static const bool fails[2][8] = { { 0, 0, 1, 0, 1, 0, 1, 0 }, { 0, 0, 0, 1, 0, 1, 0, 1 } };
	struct page *p;

	assert_false(fail_set("0"));
	assert_false(fail_set("3,step=x"));
	assert_true(fail_set("3,step=1,every=2"));
	for (u32 round = 0; round < 2; round++) {
		fail_begin(round);
		for (u32 i = 0; i < 8; i++) {
			p = page_alloc(0);
			assert_int_equal(!p, fails[round][i]);
			if (p)
				page_put(p);
		}
		fail_end();
		page_put(page_alloc(0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(closed_accounts_linger),
		MEMORY_TEST(blocks_do_not_overlap),
		MEMORY_TEST(runs_out_and_recovers),
		MEMORY_TEST(references),
		MEMORY_TEST(copies_and_clears),
		MEMORY_TEST(accounts_have_limits),
		MEMORY_TEST(put_for_counts),
		MEMORY_TEST(adopted_frames),
		MEMORY_TEST(injected_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
