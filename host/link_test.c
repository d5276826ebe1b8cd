// SPDX-License-Identifier: MIT
/* link_test.c: frames and lines cut into every possible piece, and events from a liar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "link.h"

static int open_link(struct link *l)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*l = (struct link){ .fd = fds[0] };
	return fds[1];
}

static void close_link(struct link *l, int other)
{
	close(other);
	while (link_fill(l) >= 0)
		;
	buf_free(&l->in);
	buf_free(&l->out);
}

static const char two[] = "\1\0\0\0\1\0\0\0\3\0\0\0abc\2\0\0\0\2\0\0\0\0\0\0\0";

static void frames(void **state)
{
	struct frame f;

	(void)state;
	for (size_t cut = 1; cut < sizeof two - 1; cut++) {
		struct link l;
		int other = open_link(&l), got = 0;

		for (size_t at = 0; at < sizeof two - 1; at += cut) {
			size_t left = sizeof two - 1 - at;

			assert_true(write(other, two + at, left < cut ? left : cut) > 0);
			link_fill(&l);
			while (link_frame(&l, &f) == 1) {
				assert_int_equal(f.job, ++got);
				assert_int_equal(f.len, got == 1 ? 3 : 0);
				assert_true(got != 1 || !memcmp(f.data, "abc", 3));
			}
		}
		assert_int_equal(got, 2);
		close_link(&l, other);
	}
}

static void refuses(const char *head)
{
	struct link l;
	struct frame f;
	int other = open_link(&l);

	assert_int_equal(write(other, head, 12), 12);
	link_fill(&l);
	assert_int_equal(link_frame(&l, &f), -EPROTO);
	close_link(&l, other);
}

static void bad_frames(void **state)
{
	(void)state;
	refuses("\0\0\0\0\0\0\0\0\1\0\0\0");
	refuses("\0\0\0\0\4\0\0\0\1\0\0\0");
	refuses("\0\0\0\0\1\0\1\0\1\0\0\0");
	refuses("\0\0\0\0\1\0\0\0\1\0\1\0");
	refuses("\0\0\0\0\1\0\0\0\xff\xff\xff\xff");
}

static void lines(void **state)
{
	struct link l;
	int other = open_link(&l);
	char *line, block[4096];

	(void)state;
	assert_int_equal(write(other, "one\ntw", 6), 6);
	link_fill(&l);
	assert_int_equal(link_line(&l, &line), 1);
	assert_string_equal(line, "one");
	assert_int_equal(link_line(&l, &line), 0);
	assert_int_equal(write(other, "o\n", 2), 2);
	link_fill(&l);
	assert_int_equal(link_line(&l, &line), 1);
	assert_string_equal(line, "two");
	memset(block, 'x', sizeof block);
	for (int i = 0; i < LINE_LIMIT / (int)sizeof block + 1; i++) {
		assert_int_equal(write(other, block, sizeof block), sizeof block);
		link_fill(&l);
	}
	assert_int_equal(link_line(&l, &line), -EPROTO);
	close_link(&l, other);
}

static void sending(void **state)
{
	struct link l;
	int other = open_link(&l);
	char data[64];

	(void)state;
	link_send_line(&l, "signal %d %d", 3, 15);
	link_send_frame(&l, 258, 0, "hi", 2);
	link_flush(&l);
	assert_int_equal(read(other, data, sizeof data), 12 + 14);
	assert_memory_equal(data, "signal 3 15\n\2\1\0\0\0\0\0\0\2\0\0\0hi", 26);
	close(other);
	link_send_frame(&l, 0, 0, "lost", 4);
	link_flush(&l);
	assert_int_equal(buf_len(&l.out), 0);
	close_link(&l, other);
}

static void events(void **state)
{
	struct event e;

	(void)state;
	assert_int_equal(event_parse("{\"event\":\"start\",\"job\":5}", &e), 0);
	assert_true(e.kind == EVENT_START && e.job == 5);
	event_free(&e);
	assert_int_equal(
		event_parse(
			"{\"event\":\"end\",\"job\":1,\"outcome\":\"exited\",\"code\":7,"
			"\"instructions\":9007199254740992,\"syscall_counts\":{\"read\":2,\"x\":\"y\",\"z\":-1}}",
			&e),
		0);
	assert_true(e.result.outcome == OUTCOME_EXITED && e.result.code == 7);
	assert_true(e.result.instructions == 9007199254740992ull);
	assert_int_equal(e.result.ncounts, 1);
	event_free(&e);
}

static void lies(void **state)
{
	static const char *const bad[] = { "", "x", "[]", "{}", "{\"event\":1}",
		"{\"event\":\"end\"", "null" };
	static const char *const odd[] = {
		"{\"event\":\"end\",\"job\":-1,\"outcome\":3}",
		"{\"event\":\"end\",\"job\":1e999,\"outcome\":\"panic\"}",
		"{\"event\":\"end\",\"job\":\"1\",\"outcome\":\"any\",\"signal\":99999999999}",
		"{\"event\":\"end\",\"last_errors\":[1,null,{},[],{},{},{},{},{},{},{}]}",
		"{\"event\":\"end\",\"last_errors\":{},\"syscall_counts\":[1,2]}",
		"{\"event\":\"ready\",\"harts\":[]}",
	};
	struct event e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(event_parse(bad[i], &e), 0);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(event_parse(odd[i], &e), 0);
		assert_true(e.job == UINT64_MAX || e.job >= (uint64_t)1e18);
		assert_true(e.kind != EVENT_END || e.result.outcome == OUTCOME_ERROR);
		assert_true(e.result.nfailures <= FAILURES_MAX);
		event_free(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(bad_frames),
		cmocka_unit_test(lines),
		cmocka_unit_test(sending),
		cmocka_unit_test(events),
		cmocka_unit_test(lies),
	};

	signal(SIGPIPE, SIG_IGN); /* as weir does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
