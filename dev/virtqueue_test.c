/* SPDX-License-Identifier: MIT */
/* virtqueue_test.c: a device played by the test: honest, out of order, and malicious. */
// links: dev/virtqueue.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "dev/virtqueue.h"

enum { NUM = 8 };
static struct virtq q;
static u8 shared[4096] __attribute__((aligned(16)));
static struct vslot slots[NUM];
static u16 device_at;			/* next available entry the device looks at */

static int setup(void **state)
{
	memset(shared, 0xee, sizeof(shared));
	virtq_init(&q, NUM, shared, slots);
	device_at = 0;
	return 0;
}

/* --- the device's side ------------------------------------------------------------------------ */

static bool device_has(void) { return q.avail->idx != device_at; }
static u16 device_next(void) { return q.avail->ring[device_at++ & (NUM - 1)]; }

static void device_put(u32 id, u32 len)
{
	q.used->ring[q.used->idx & (NUM - 1)] = (struct vring_used_elem){ .id = id, .len = len };
	q.used->idx++;
}

/* --- tests ------------------------------------------------------------------------------------ */

static long add(u32 out, u32 in, void *token)
{
	struct vseg segs[NUM];

	for (u32 i = 0; i < out + in; i++)
		segs[i] = (struct vseg){ 0x1000 * (i + 1), 10 * (i + 1) };
	return virtq_add(&q, segs, out, in, token);
}

static void layout(void **state)
{
	assert_int_equal((u8 *)q.avail - shared, NUM * 16);
	assert_int_equal((uintptr_t)q.used % 4, 0);
	assert_true((u8 *)q.used >= (u8 *)q.avail + 6 + 2 * NUM);
	assert_int_equal(virtq_bytes(NUM), (u8 *)q.used - shared + 6 + 8 * NUM);
}

static void chain(void **state)
{
	u32 written;
	u16 id;
	int token;

	assert_int_equal(add(2, 1, &token), 0);
	assert_true(virtq_must_kick(&q));
	assert_true(device_has());
	id = device_next();
	assert_int_equal(q.desc[id].addr, 0x1000);
	assert_int_equal(q.desc[id].flags, VRING_DESC_F_NEXT);
	assert_int_equal(q.desc[q.desc[id].next].flags, VRING_DESC_F_NEXT);
	id = q.desc[q.desc[id].next].next;
	assert_int_equal(q.desc[id].flags, VRING_DESC_F_WRITE);
	assert_int_equal(q.desc[id].len, 30);
	assert_null(virtq_take(&q, &written));
	device_put(0, 30);
	assert_ptr_equal(virtq_take(&q, &written), &token);
	assert_int_equal(written, 30);
	assert_int_equal(q.free_count, NUM);
	assert_null(virtq_take(&q, &written));
	assert_false(q.broken);
}

static void full(void **state)
{
	int token;

	assert_int_equal(add(NUM, 0, &token), 0);
	assert_int_equal(add(1, 0, &token), -ENOSPC);
	assert_int_equal(q.free_count, 0);
}

/* Chains of all lengths, returned in any order, for long enough that all counters wrap. */
static void any_order(void **state)
{
	static int tokens[NUM];
	struct { u16 id; int *token; u32 room; } with[NUM];
	u32 count = 0, written;
	bool used[NUM] = {};

	srandom(2);
	for (u32 i = 0; i < 300000; i++) {
		u32 t = random() % NUM, out = random() % 3, in = random() % 3;

		if (random() % 2 && !used[t] && out + in && !add(out, in, &tokens[t])) {
			u32 room = 0;

			for (u32 k = out; k < out + in; k++)
				room += 10 * (k + 1);
			used[t] = true;
			assert_true(device_has());
			with[count].id = device_next();
			with[count].room = room;
			with[count++].token = &tokens[t];
		} else if (count) {
			u32 n = random() % count;

			device_put(with[n].id, with[n].room);
			assert_ptr_equal(virtq_take(&q, &written), with[n].token);
			used[with[n].token - tokens] = false;
			with[n] = with[--count];
		}
	}
	assert_false(q.broken);
}

static void notifications(void **state)
{
	int token;

	virtq_irq_off(&q);
	assert_int_equal(q.avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	assert_false(virtq_irq_on(&q));
	assert_int_equal(q.avail->flags, 0);
	add(1, 0, &token);
	q.used->flags = VRING_USED_F_NO_NOTIFY;
	assert_false(virtq_must_kick(&q));
	device_put(device_next(), 0);
	assert_true(virtq_irq_on(&q));
}

/* A device that lies breaks its queue, and nothing else. */
static void malicious(void **state)
{
	static const struct { u32 id, len; const char *what; } lies[] = {
		{ NUM, 0, "no such descriptor" },
		{ ~0u, 0, "no such descriptor" },
		{ 5, 0, "not in use" },
		{ 1, 0, "inside a chain" },
		{ 0, 31, "more than there is room for" },
		{ 0, ~0u, "more than there is room for" },
	};
	u32 written;
	int token;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		setup(state);
		add(2, 1, &token);
		device_put(lies[i].id, lies[i].len);
		assert_null(virtq_take(&q, &written));
		assert_true(q.broken);
		device_put(0, 0);
		assert_null(virtq_take(&q, &written));
		assert_int_equal(add(1, 0, &token), -ENOSPC);
	}
}

static void twice(void **state)
{
	u32 written;
	int token;

	add(1, 0, &token);
	device_put(0, 0);
	device_put(0, 0);
	assert_ptr_equal(virtq_take(&q, &written), &token);
	assert_null(virtq_take(&q, &written));
	assert_true(q.broken);
}

/* What the device scribbles on descriptors is not believed. */
static void scribbled(void **state)
{
	u32 written;
	int token;

	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(add(3, 2, &token), 0);
		memset(q.desc, 0xff, NUM * sizeof(*q.desc));
		device_put(device_next(), 0);
		assert_ptr_equal(virtq_take(&q, &written), &token);
		assert_int_equal(q.free_count, NUM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(layout, setup),
		cmocka_unit_test_setup(chain, setup),
		cmocka_unit_test_setup(full, setup),
		cmocka_unit_test_setup(any_order, setup),
		cmocka_unit_test_setup(notifications, setup),
		cmocka_unit_test_setup(malicious, setup),
		cmocka_unit_test_setup(twice, setup),
		cmocka_unit_test_setup(scribbled, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
