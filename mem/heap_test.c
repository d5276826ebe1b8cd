/* SPDX-License-Identifier: MIT */
/* heap_test.c: classes, large blocks, typed slabs, and what the checked build finds. */
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c core/panic.c core/check.c lib/print.c arch/host/cpu.c arch/host/mmu.c mem/page.c mem/heap.c
#include <sys/wait.h>
#include <unistd.h>
#include "core/kasan.h"
#include "mem/test.h"

static void sizes_hold_what_they_say(void **state)
{
	u8 *b[2100];

	for (u32 n = 1; n < 2100; n++) {
		b[n] = heap_alloc(n);
		assert_non_null(b[n]);
		assert_int_equal((uintptr_t)b[n] % 8, 0);
		memset(b[n], n, n);
	}
	for (u32 n = 1; n < 2100; n++) {
		for (u32 i = 0; i < n; i++)
			assert_int_equal(b[n][i], (u8)n);
		heap_free(b[n]);
	}
}

static void any_order(void **state)
{
	static struct { u8 *p; size_t n; } held[500];

	memset(held, 0, sizeof(held));
	for (u32 i = 0; i < 50000; i++) {
		typeof(held[0]) *h = &held[pick(500)];

		if (h->p) {
			assert_int_equal(h->p[0], (u8)h->n);
			assert_int_equal(h->p[h->n - 1], (u8)h->n);
			heap_free(h->p);
			h->p = NULL;
		} else {
			h->n = 1 + (pick(8) ? pick(700) : pick(20000));
			h->p = heap_alloc(h->n);
			if (h->p)
				memset(h->p, h->n, h->n);
		}
	}
	for (u32 i = 0; i < 500; i++)
		heap_free(held[i].p);
}

static void edges(void **state)
{
	void *p = heap_alloc(0);

	heap_free(NULL);
	heap_free(p);
	assert_null(heap_alloc(SIZE_MAX));
	assert_null(heap_alloc(((size_t)PAGE_SIZE << (PAGE_ORDERS - 1)) + 1));
	p = heap_zero(5000);
	assert_int_equal(((u8 *)p)[4999], 0);
	heap_free(p);
}

static void grows(void **state)
{
	u8 *p = NULL;
	size_t n = 0;

	for (size_t to = 1; to < 30000; to = to * 3 / 2 + 1) {
		p = heap_grow(p, n, to);
		assert_non_null(p);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], (u8)i);
		for (size_t i = n; i < to; i++)
			p[i] = i;
		n = to;
	}
	p = heap_grow(p, n, 10);
	assert_int_equal(p[9], 9);
	heap_free(p);
}

struct thing { u64 a[190]; };		/* as large as a thread */
static struct slab things = SLAB("things", struct thing);

static void typed_objects_are_packed(void **state)
{
	enum { N = 84 };		/* four blocks full */
	struct thing *t[N];

	for (u32 i = 0; i < N; i++)
		memset(t[i] = slab_alloc(&things), i, sizeof(**t));
	assert_int_equal(things.objects, N);
	assert_true((u64)things.pages << things.order << PAGE_SHIFT <
		    N * sizeof(struct thing) * 9 / 8);
	for (u32 i = 0; i < N; i++) {
		assert_int_equal(t[i]->a[100], 0x0101010101010101ul * i);
		slab_free(&things, t[i]);
	}
	heap_trim();				/* what the quarantine has */
	assert_true(things.pages <= 1);
	slab_free(&things, NULL);
}

static void counts_bytes_and_frames(void **state)
{
	u64 bytes = heap_bytes(), frames = heap_frames();
	void *a = heap_alloc(100), *b = heap_alloc(5000);

	assert_int_equal(heap_bytes() - bytes, 128 + 8192);
	assert_true(heap_frames() - frames >= 3);
	heap_free(a);
	heap_free(b);
	assert_int_equal(heap_bytes(), bytes);
	heap_trim();
	assert_int_equal(heap_frames(), frames);
}

static void runs_out(void **state)
{
	void *list = NULL, *p;

	while ((p = heap_alloc(1000))) {
		*(void **)p = list;
		list = p;
	}
	assert_null(heap_alloc(1000));
	for (; list; list = p) {
		p = *(void **)list;
		heap_free(list);
	}
}

/* --- mistakes --------------------------------------------------------------------------------- */

static void expect_panic(void (*fn)(void), const char *words)
{
	char text[4096] = "";
	size_t n = 0;
	ssize_t got;
	int p[2];

	assert_int_equal(pipe(p), 0);
	if (!fork()) {
		dup2(p[1], 2);
		fn();
		_exit(0);
	}
	close(p[1]);
	while (n < sizeof(text) - 1 && (got = read(p[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	close(p[0]);
	wait(NULL);
	if (!strstr(text, words))
		fail_msg("expected \"%s\", got \"%s\"", words, text);
}

static void *block;

/* As assembly or a device would: the sanitizer does not see it. */
static no_kasan void poke(u32 at) { ((u8 *)block)[at] = 1; }

static void free_twice(void)
{
	heap_free(block);
	heap_free(block);
}

static void write_behind(void)
{
	poke(64);
	heap_free(block);
}

static void write_after(void)
{
	heap_free(block);
	poke(20);
	heap_trim();				/* out of the quarantine */
	for (u32 i = 0; i < 64; i++)
		assert_non_null(heap_alloc(60));
}

static void read_after(void)
{
	heap_free(block);
	exit(((volatile u8 *)block)[20]);
}

static void read_behind(void) { exit(((volatile u8 *)block)[60]); }

static void read_free_page(void)
{
	struct page *p = page_alloc(0);

	page_put(p);
	exit(*(volatile u8 *)page_virt(p));
}

static void free_inside(void)
{
	heap_free((u8 *)heap_alloc(8192) + 4096);
}

static void mistakes_are_found(void **state)
{
	void *neighbour = heap_alloc(60);	/* keeps the page */

	block = heap_alloc(60);
	expect_panic(free_twice, "freed twice");
	expect_panic(write_behind, "written behind its end");
	expect_panic(write_after, "written after free at +20");
	expect_panic(free_inside, "is not a block");
	expect_panic(read_after, "use-after-poison");
	expect_panic(read_behind, "use-after-poison");
	expect_panic(read_free_page, "use-after-poison");
	heap_free(block);
	heap_free(neighbour);
}

static bool yes(void) { return true; }

/* Programs' calls get half of memory for objects, the kernel goes on. */
static void programs_have_half(void **state)
{
	static void *got[1 << 16];
	u32 n = 0;

	heap_for_program = yes;
	while (n < ARRAY_SIZE(got) && (got[n] = heap_alloc(3000)))
		n++;
	assert_in_range(heap_frames(), page_total_count() / 2, page_total_count() / 2 + 2);
	heap_for_program = NULL;
	assert_non_null(got[n] = heap_alloc(3000));
	for (u32 i = 0; i <= n; i++)
		heap_free(got[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(sizes_hold_what_they_say),
		MEMORY_TEST(any_order),
		MEMORY_TEST(edges),
		MEMORY_TEST(grows),
		MEMORY_TEST(typed_objects_are_packed),
		MEMORY_TEST(counts_bytes_and_frames),
		MEMORY_TEST(runs_out),
		MEMORY_TEST(mistakes_are_found),
		MEMORY_TEST(programs_have_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
