/* SPDX-License-Identifier: MIT */
/* frame_test.c: frames cut into pieces of all sizes, refused, damaged; the ring's edges. */
// links: dev/frame.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "dev/frame.h"

static struct {
	u8	bytes[200000];
	size_t	len, room;		/* the sink takes so many bytes, then none */
	u32	empty;			/* frames without a body */
	struct frame_head last;
} got;

static size_t sink(const struct frame_head *h, const u8 *data, size_t n)
{
	size_t take = min(n, got.room);

	got.last = *h;
	if (!n && got.room) {
		got.empty++;
		return 1;
	}
	memcpy(got.bytes + got.len, data, take);
	got.len += take;
	got.room -= take;
	return take;
}

/* A stream of frames whose bodies are 0, 1, 2, ...; its length. */
static size_t make_stream(u8 *out, const u32 *lens, size_t count)
{
	u8 next = 0, *at = out;

	for (size_t i = 0; i < count; i++) {
		struct frame_head h = { .job = i, .stream = 0, .len = lens[i] };

		memcpy(at, &h, FRAME_HEAD);
		at += FRAME_HEAD;
		for (u32 k = 0; k < lens[i]; k++)
			*at++ = next++;
	}
	return at - out;
}

static const u32 LENS[] = { 5, 0, 1, 300, 0, 0, 65536, 12, 11 };
static u8 stream[100000];

static void check_all(void)
{
	size_t total = 0;

	for (size_t i = 0; i < ARRAY_SIZE(LENS); i++)
		total += LENS[i];
	assert_int_equal(got.len, total);
	assert_int_equal(got.empty, 3);
	for (size_t i = 0; i < total; i++)
		assert_int_equal(got.bytes[i], (u8)i);
}

static void any_cut(void **state)
{
	size_t n = make_stream(stream, LENS, ARRAY_SIZE(LENS));

	for (size_t piece = 1; piece < 400; piece += piece < 30 ? 1 : 37) {
		struct frame_parser p = {};

		memset(&got, 0, sizeof(got));
		got.room = sizeof(got.bytes);
		for (size_t at = 0; at < n; at += piece)
			assert_int_equal(frame_feed(&p, stream + at, min(piece, n - at), sink),
					 min(piece, n - at));
		check_all();
		assert_int_equal(p.have, 0);
	}
}

static void refused(void **state)
{
	size_t n = make_stream(stream, LENS, ARRAY_SIZE(LENS)), at = 0;
	struct frame_parser p = {};

	memset(&got, 0, sizeof(got));
	srandom(1);
	for (u32 round = 0; at < n || p.have; round++) {
		size_t piece = min((size_t)random() % 1000, n - at);

		got.room = random() % 3 ? random() % 700 : 0;
		at += frame_feed(&p, stream + at, piece, sink);
		assert_in_range(round, 0, 10000);
	}
	check_all();
}

static void empty_frame_waits(void **state)
{
	struct frame_parser p = {};
	size_t n = make_stream(stream, (u32[]){ 0 }, 1);

	memset(&got, 0, sizeof(got));
	assert_int_equal(frame_feed(&p, stream, n, sink), n);
	assert_int_equal(got.empty, 0);
	got.room = 1;
	frame_feed(&p, stream, 0, sink);
	assert_int_equal(got.empty, 1);
	frame_feed(&p, stream, 0, sink);
	assert_int_equal(got.empty, 1);
}

static void damaged(void **state)
{
	static const struct frame_head bad[] = {
		{ .len = FRAME_MAX + 1 }, { .len = ~0u }, { .len = 1, .zero = 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct frame_parser p = {};

		memset(&got, 0, sizeof(got));
		got.room = 100;
		memset(stream, 'x', 100);
		memcpy(stream, &bad[i], FRAME_HEAD);
		assert_int_equal(frame_feed(&p, stream, 100, sink), 100);
		assert_true(p.broken);
		assert_int_equal(frame_feed(&p, stream, 100, sink), 100);
		assert_int_equal(got.len, 0);
	}
}

static void ring_wraps(void **state)
{
	u8 buf[16], text[16];
	struct outring r = { .buf = buf, .size = sizeof(buf), .head = ~0u - 2u, .tail = ~0u - 2u };

	for (u32 i = 0; i < 1000; i++) {
		size_t n = i % 17, piece = n;

		memset(text, i, sizeof(text));
		assert_int_equal(outring_room(&r), 16);
		outring_copy(&r, r.head, text, n);
		r.head += n;
		assert_int_equal(outring_unsent(&r), n);
		for (size_t at = 0; at < n; at += piece) {
			u8 *p;

			piece = n - at;
			p = outring_piece(&r, r.tail + at, &piece);
			assert_true(piece && p >= buf && p + piece <= buf + 16);
			assert_memory_equal(p, text, piece);
		}
		r.tail = r.head;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cut),
		cmocka_unit_test(refused),
		cmocka_unit_test(empty_frame_waits),
		cmocka_unit_test(damaged),
		cmocka_unit_test(ring_wraps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
