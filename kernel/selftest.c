/* SPDX-License-Identifier: MIT */
/*
 * selftest.c: mistakes on purpose.  The checked kernel, told kasan-test=NAME on its command line, makes
 * one instead of running jobs; test/boot/run asserts that it is reported.  A mistake nobody saw
 * is a panic, too.
 */
#include <string.h>
#include "core/co.h"
#include "core/log.h"
#include "dev/driver.h"
#include "kernel/boot.h"
#include "mem/heap.h"
#include "mem/page.h"

#ifdef CHECKED

static volatile u8 sink;
static u8 global[13];

/* The compiler shall not know where @p points. */
static u8 *hidden(void *p)
{
	void *volatile v = p;

	return v;
}

static void heap_right(void) { sink = hidden(heap_alloc(50))[50]; }
static void heap_left(void) { hidden(heap_alloc(50))[-1] = 1; }
static void heap_large(void) { sink = hidden(heap_alloc(5000))[5001]; }
static void heap_copy(void) { memset(hidden(heap_alloc(50)), 0, 51); }

static void heap_uaf(void)
{
	u8 *p = heap_alloc(100);

	heap_free(p);
	heap_free(heap_alloc(100));
	sink = hidden(p)[8];
}

static void double_free(void)
{
	void *p = heap_alloc(100);

	heap_free(p);
	heap_free(hidden(p));
}

static void page_uaf(void)
{
	struct page *p = page_alloc(0);
	u8 *at = page_virt(p);

	page_put(p);
	hidden(at)[100] = 1;
}

static void global_right(void) { sink = hidden(global)[sizeof(global)]; }

static void stack_right(void)
{
	u8 local[21] = { 1 };

	sink = hidden(local)[sizeof(local)];
}

static void scope_end(void)
{
	u8 *p;
	{
		u8 local[16] = { 1 };

		p = hidden(local);
	}
	sink = p[3];
}

static void user_copy(void)
{
	if (arch_copy_in(hidden(heap_alloc(50)), 0x1000, 51))
		sink = 1;
}

static async long inner(struct co *co)
{
	struct { u8 bytes[20]; } *f = co_frame(co);
	long r;

	co_begin(f);
	co_yield();
	r = hidden(f->bytes)[24];
	return r;
	co_end();
}

/* Out of a frame, and into one of a function that has returned. */
static async long frame_right(struct co *co)
{
	struct { u8 bytes[20]; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = inner(co));
	return r;
	co_end();
}

static async long frame_old(struct co *co)
{
	struct { u8 *old; } *f = co_frame(co);

	co_begin(f);
	f->old = (u8 *)(f + 1) + sizeof(struct co) + 8;
	co_yield();
	return hidden(f->old)[0];
	co_end();
}

static const struct { const char *name; void (*fn)(void); long (*co)(struct co *co); } tests[] = {
	{ "heap-right", heap_right, NULL }, { "heap-left", heap_left, NULL },
	{ "heap-large", heap_large, NULL }, { "heap-copy", heap_copy, NULL },
	{ "heap-uaf", heap_uaf, NULL }, { "double-free", double_free, NULL },
	{ "page-uaf", page_uaf, NULL }, { "global-right", global_right, NULL },
	{ "stack-right", stack_right, NULL }, { "scope-end", scope_end, NULL },
	{ "user-copy", user_copy, NULL }, { "frame-right", NULL, frame_right },
	{ "frame-old", NULL, frame_old },
};

static struct { struct task task; u64 frames[32]; char name[16]; } self;

static long self_main(struct co *co, struct task *t)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < ARRAY_SIZE(tests); f->i++) {
		if (strcmp(self.name, tests[f->i].name))
			continue;
		if (tests[f->i].fn)
			tests[f->i].fn();
		else
			await(r = tests[f->i].co(co));
	}
	panic("kasan-test=%s was not noticed", self.name);
	co_end();
}

bool selftest_start(void)
{
	if (!board_arg("kasan-test", self.name, sizeof(self.name)))
		return false;
	task_keep(&self.task);
	task_init(&self.task, "self-test", sizeof(self.frames), self_main, NULL);
	task_wake(&self.task);
	return true;
}

#endif
