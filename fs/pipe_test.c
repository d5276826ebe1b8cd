/* SPDX-License-Identifier: MIT */
/* pipe_test.c: pipes and fifos between tasks: bytes, wholeness, ends that close, opening. */
// links: $(FS_LINKS)
#include <linux/poll.h>
#include "fs/pipe.h"
#include "fs/poll.h"
#include "fs/test.h"

enum { TOTAL = 300000 };

static struct file *r, *w;
static u8 sent[TOTAL], got[TOTAL];

static void create(u32 flags)
{
	assert_int_equal(pipe_create(flags, &r, &w), 0);
}

static void close_both(void)
{
	file_put(r);
	file_put(w);
}

static void bytes(void **state)
{
	char buf[16];

	create(0);
	assert_int_equal(file_get_bytes(r, buf, 4), -EAGAIN);
	assert_int_equal(file_put_bytes(w, "hello"), 5);
	assert_int_equal(file_get_bytes(r, buf, 3), 3);
	assert_int_equal(file_get_bytes(r, buf + 3, 10), 2);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(file_get_bytes(r, buf, 0), 0);
	file_put_bytes(w, "rest");
	file_put(w);
	assert_int_equal(file_get_bytes(r, buf, 10), 4);
	assert_int_equal(file_get_bytes(r, buf, 10), 0);
	file_put(r);
}

static void full(void **state)
{
	u64 pos = 0;

	create(0);
	assert_int_equal(write_at(w, sent, TOTAL, &pos), 65536);
	assert_int_equal(write_at(w, sent, 1, &pos), -EAGAIN);
	assert_int_equal(read_at(r, got, 100, &pos), 100);
	assert_int_equal(write_at(w, sent, 101, &pos), -EAGAIN);	/* whole or not at all */
	assert_int_equal(write_at(w, sent, 100, &pos), 100);
	assert_int_equal(read_at(r, got, 4096, &pos), 4096);
	assert_int_equal(write_at(w, sent, 4097, &pos), 4096);		/* a large one in parts */
	file_put(r);
	assert_int_equal(write_at(w, sent, 1, &pos), -EPIPE);
	file_put(w);
}

static void polling(void **state)
{
	create(0);
	assert_int_equal(r->ops->poll(r, NULL), 0);
	assert_int_equal(w->ops->poll(w, NULL), POLLOUT | POLLWRNORM);
	file_put_bytes(w, "x");
	assert_int_equal(r->ops->poll(r, NULL), POLLIN | POLLRDNORM);
	file_put(w);
	assert_int_equal(r->ops->poll(r, NULL), POLLIN | POLLRDNORM | POLLHUP);
	file_put(r);
	create(0);
	file_put(r);
	assert_true(w->ops->poll(w, NULL) & POLLERR);
	file_put(w);
}

/* --- between tasks ---------------------------------------------------------------------------------- */

struct side { struct co co; struct uio u; u64 at; };

static long writer(struct co *co, struct task *t)
{
	struct { struct uio u; u64 at; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->at = 0; f->at < TOTAL; f->at += f->u.done) {
		uio_init_kernel(&f->u, sent + f->at, min(TOTAL - f->at, 1 + f->at * 7919 % 70000));
		await(r = w->ops->write(co, w, &f->u, NULL));
		if (r < 0)
			abort();
	}
	file_put(w);
	return 0;
	co_end();
}

static long reader(struct co *co, struct task *t)
{
	struct { struct uio u; u64 at; } *f = co_frame(co);
	long n;

	co_begin(f);
	for (f->at = 0; ; f->at += f->u.done) {
		uio_init_kernel(&f->u, got + f->at, min(TOTAL - f->at + 1, 1 + f->at * 104729 % 50000));
		await(n = r->ops->read(co, r, &f->u, NULL));
		if (n <= 0)
			break;
	}
	return f->at == TOTAL ? 0 : -EIO;
	co_end();
}

static void between_tasks(void **state)
{
	struct tester *a, *b;

	for (u32 i = 0; i < TOTAL; i++)
		sent[i] = pick(256);
	memset(got, 0, sizeof(got));
	create(0);
	a = spawn(writer, NULL);
	b = spawn(reader, NULL);
	run_all();
	assert_true(a->finished && b->finished);
	assert_memory_equal(sent, got, TOTAL);
	file_put(r);
	free(a);
	free(b);
}

/* --- many writers: what is at most PIPE_BUF stays together ---------------------------------------- */

enum { WRITERS = 5, EACH = 40, RECORD = 1000 };

static long record_writer(struct co *co, struct task *t)
{
	struct { struct uio u; u8 record[RECORD]; u32 i; } *f = arg_of(t);
	struct { u64 unused; } *frame = co_frame(co);
	long r;

	(void)frame;
	for (; f->i < EACH; f->i++) {
		if (!f->u.left)
			uio_init_kernel(&f->u, f->record, RECORD);
		r = w->ops->write(co, w, &f->u, NULL);
		if (r == PENDING)
			return r;
	}
	file_put(w);
	return 0;
}

static void records_stay_whole(void **state)
{
	struct { struct uio u; u8 record[RECORD]; u32 i; } arg[WRITERS] = { };
	struct tester *t[WRITERS];
	u8 record[RECORD];
	u32 count = 0;

	create(0);
	for (u32 i = 0; i < WRITERS; i++) {
		memset(arg[i].record, 'a' + i, RECORD);
		file_get(w);
		t[i] = spawn(record_writer, &arg[i]);
	}
	file_put(w);
	run_all();
	for (;;) {
		long n = file_get_bytes(r, record, RECORD);

		run_all();
		if (!n)
			break;
		assert_int_equal(n, RECORD);
		for (u32 k = 1; k < RECORD; k++)
			assert_int_equal(record[k], record[0]);
		count++;
	}
	assert_int_equal(count, WRITERS * EACH);
	for (u32 i = 0; i < WRITERS; i++)
		free(t[i]);
	file_put(r);
}

/* --- poll wakes ------------------------------------------------------------------------------------------ */

static long poll_reader(struct co *co, struct task *t)
{
	static struct waiter few[2];
	static struct poller p = { .w = few, .max = 2 };

	poller_reset(&p);
	if (r->ops->poll(r, &p) & POLLIN) {
		poller_reset(&p);
		return 0;
	}
	return wait_until(0);
}

static void poll_wakes(void **state)
{
	struct tester *t;

	create(0);
	t = spawn(poll_reader, NULL);
	run_all();
	assert_false(t->finished);
	file_put_bytes(w, "x");
	run_all();
	assert_true(t->finished);
	free(t);
	close_both();
}

/* --- fifos ------------------------------------------------------------------------------------------------- */

static long open_reader(struct co *co, struct task *t)
{
	long err = r ? 0 : open_("/tmp/p", O_RDONLY, &r);

	return err ? err : file_open_wait(r);
}

static void fifos(void **state)
{
	struct tester *t;
	struct file *f;
	char c;

	r = w = NULL;
	assert_int_equal(make("/tmp/p", I_FIFO | 0666, NULL), 0);
	assert_int_equal(open_error("/tmp/p", O_WRONLY | O_NONBLOCK), -ENXIO);
	assert_int_equal(open_("/tmp/p", O_RDONLY | O_NONBLOCK, &f), 0);
	assert_int_equal(file_open_wait(f), 0);
	assert_int_equal(file_get_bytes(f, &c, 1), 0);
	file_put(f);
	t = spawn(open_reader, NULL);
	run_all();
	assert_false(t->finished);
	assert_int_equal(open_("/tmp/p", O_WRONLY, &w), 0);
	assert_int_equal(file_open_wait(w), 0);
	file_put_bytes(w, "z");
	file_put(w);			/* gone again before the reader has run: its open ends nevertheless */
	run_all();
	assert_true(t->finished);
	assert_int_equal(file_get_bytes(r, &c, 1), 1);
	assert_int_equal(c, 'z');
	file_put(r);
	free(t);
	assert_int_equal(open_("/tmp/p", O_RDWR, &f), 0);
	assert_int_equal(file_open_wait(f), 0);
	file_put_bytes(f, "self");
	file_put(f);
	clean_tmp();
}

static void no_memory(void **state)
{
	for (u32 n = 0; n < 4; n++) {
		u64 pos = 0;
		long err;

		leave_only(n);
		err = pipe_create(0, &r, &w);
		if (!err) {
			long m = write_at(w, sent, 30000, &pos);

			assert_true(m <= (long)n * PAGE_SIZE && (m > 0 || m == -ENOMEM));
			close_both();
		} else {
			assert_int_equal(err, -ENOMEM);
		}
		give_all();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(bytes), FS_TEST(full), FS_TEST(polling), FS_TEST(between_tasks),
		FS_TEST(records_stay_whole), FS_TEST(poll_wakes), FS_TEST(fifos), FS_TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
