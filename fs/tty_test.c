/* SPDX-License-Identifier: MIT */
/* tty_test.c: the terminal: editing, signals, echo, modes, and the plain streams beside it. */
// links: $(FS_LINKS)
#include <linux/poll.h>
#include <asm/ioctls.h>
#include "fs/test.h"
#include "fs/tty.h"

static struct tty *tty;
static struct file *f;
static struct input in;
static u8 ring[8192];
static s32 signals[8], signal_count;

static void on_signal(struct tty *t, s32 pgrp, s32 signo)
{
	assert_int_equal(pgrp, 7);
	signals[signal_count++ % 8] = signo;
}

static void open_tty(void)
{
	memset(&in, 0, sizeof(in));
	waitq_init(&in.readers);
	in.ring = ring;
	in.size = sizeof(ring);
	tty_signal = on_signal;
	signal_count = 0;
	tty = tty_create(0, &in, 24, 80);
	tty_set_session(tty, 7, 7);
	f = tty_open(tty, O_RDWR);
	assert_non_null(f);
}

static void close_tty(void)
{
	file_put(f);
	tty_put(tty);
}

static void type_bytes(const char *s, size_t n)
{
	for (; n; n--)
		in.ring[in.head++ & (in.size - 1)] = *s++;
	in.received(&in);
}
static void type(const char *s) { type_bytes(s, strlen(s)); }

static const char *line(void)
{
	static char buf[5000];
	long n = file_get_bytes(f, buf, sizeof(buf) - 1);

	if (n < 0)
		return NULL;
	buf[n] = 0;
	return buf;
}

static void lines(void **state)
{
	char buf[4];

	open_tty();
	assert_null(line());
	type("hello");
	assert_null(line());
	type("\rworld\n");
	assert_string_equal(line(), "hello\n");
	assert_int_equal(f->ops->poll(f, NULL) & POLLIN, POLLIN);
	assert_int_equal(file_get_bytes(f, buf, 3), 3);
	assert_string_equal(line(), "ld\n");
	assert_null(line());
	assert_string_equal(shown, "hello\r\nworld\r\n");
	type("ab\x7f" "c\x7f\x7f\x7f" "x y z\x17w\n");
	assert_string_equal(line(), "x y w\n");
	type("gone\x15" "\x16\x03k\n");
	assert_string_equal(line(), "\x03k\n");
	type("end\x04");
	assert_string_equal(line(), "end");
	type("\x04");
	assert_string_equal(line(), "");
	type("\xc3\xa4\x7f\n");
	assert_string_equal(line(), "\n");
	close_tty();
}

static void keys_that_signal(void **state)
{
	open_tty();
	type("some\x03");
	type("x\x1a");
	type("\x1c");
	assert_int_equal(signal_count, 3);
	assert_int_equal(signals[0], 2);
	assert_int_equal(signals[1], 20);
	assert_int_equal(signals[2], 3);
	assert_non_null(strstr(shown, "^C"));
	type("\n");
	assert_string_equal(line(), "\n");
	tty_set_size(tty, 24, 80);
	assert_int_equal(signal_count, 3);
	tty_set_size(tty, 25, 80);
	assert_int_equal(signals[3], 28);
	close_tty();
}

static void raw(void **state)
{
	open_tty();
	type("typed");
	tty->tio.c_lflag &= ~(ICANON | ECHO | ISIG);
	tty_line_mode(tty, true);
	assert_string_equal(line(), "typed");
	type("\x03z");
	assert_string_equal(line(), "\x03z");
	tty->tio.c_cc[VMIN] = 3;
	type("ab");
	assert_null(line());
	type("c");
	assert_string_equal(line(), "abc");
	tty->tio.c_cc[VMIN] = 0;
	assert_string_equal(line(), "");
	type("q");
	tty->tio.c_lflag |= ICANON;
	tty_line_mode(tty, false);
	assert_string_equal(line(), "q");
	close_tty();
}

static void output(void **state)
{
	open_tty();
	assert_int_equal(file_put_bytes(f, "a\nb\n"), 4);
	assert_string_equal(shown, "a\r\nb\r\n");
	tty->tio.c_oflag &= ~OPOST;
	assert_int_equal(file_put_bytes(f, "\n"), 1);
	assert_string_equal(shown, "a\r\nb\r\n\n");
	tty->tio.c_oflag |= OPOST;
	console_full = true;
	assert_int_equal(file_put_bytes(f, "later\n"), 6);	/* taken; the console gets it */
	console_full = false;
	assert_int_equal(file_put_bytes(f, "."), 1);
	assert_non_null(strstr(shown, "later\r\n."));
	close_tty();
}

static void too_much(void **state)
{
	char many[6000];

	open_tty();
	memset(many, 'x', sizeof(many));
	type_bytes(many, sizeof(many));
	type("\n");
	assert_int_equal(strlen(line()), TTY_SIZE);		/* a full line can be sent off */
	in.eof = true;
	in.received(&in);
	assert_true(f->ops->poll(f, NULL) & POLLHUP);
	assert_int_equal(strlen(line()), 0);
	close_tty();
}

static void streams(void **state)
{
	struct file *out = console_stdout(3, 1), *again, *src;
	struct dentry *d;
	char buf[8];

	memset(&in, 0, sizeof(in));
	waitq_init(&in.readers);
	in.ring = ring;
	in.size = 16;
	src = console_stdin(&in);
	assert_int_equal(file_put_bytes(out, "out"), 3);
	assert_int_equal(file_get_bytes(src, buf, 8), -EAGAIN);
	in.head = in.tail = 14;
	for (const char *s = "wraps"; *s; s++)
		in.ring[in.head++ & 15] = *s;
	assert_int_equal(src->ops->poll(src, NULL) & POLLIN, POLLIN);
	assert_int_equal(file_get_bytes(src, buf, 8), 5);
	assert_memory_equal(buf, "wraps", 5);
	in.eof = true;
	assert_int_equal(file_get_bytes(src, buf, 8), 0);
	d = file_dentry(out);			/* as by /proc/self/fd/1 */
	assert_int_equal(dentry_open(d, O_WRONLY, &again), 0);
	assert_int_equal(file_open_wait(again), 0);
	file_put(out);
	assert_int_equal(file_put_bytes(again, "again"), 5);
	assert_string_equal(shown, "outagain");
	file_put(again);
	dentry_put(d);
	file_put(src);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(lines), FS_TEST(keys_that_signal), FS_TEST(raw), FS_TEST(output), FS_TEST(too_much),
		FS_TEST(streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
