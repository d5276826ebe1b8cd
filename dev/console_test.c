/* SPDX-License-Identifier: MIT */
/*
 * console_test.c: the console, its driver and the executor against a device played by this file:
 * one that is quick, or slow, gives its ports away, or lies.
 */
// links: dev/console.c dev/virtio_console.c dev/virtqueue.c dev/frame.c
// links: core/exec.c core/rcu.c core/task.c core/wait.c core/timer.c core/clock.c core/log.c
// links: core/panic.c core/check.c lib/print.c lib/text.c arch/host/cpu.c
#include <linux/virtio_console.h>
#include "core/test.h"
#include "dev/console.h"
#include "dev/port.h"
#include "dev/virtio.h"
#include "mem/page.h"

HEARING
void kernel_timer_irq(void) { exec_timer_irq(); }

/* --- what the driver needs from other rooms --------------------------------------------------- */

enum { MEMORY = 64 };			/* pages */
static u8 memory[MEMORY << PAGE_SHIFT] __attribute__((aligned(PAGE_SIZE)));
static struct page frames[MEMORY];
static u32 frames_used;
struct page *pages = frames;
paddr_t page_base;

struct page *page_alloc(u32 order)
{
	struct page *p = &frames[frames_used];

	if (frames_used + (1u << order) > MEMORY)
		return NULL;
	frames_used += 1u << order;
	p->refs = 1;
	return p;
}

void page_release(struct page *p) { }

/* A kernel buffer whose byte number @fault_at is not there. */
static u64 fault_at = ~0ull;

size_t uio_in(struct uio *u, void *dst, size_t n)
{
	size_t want = min(n, u->left), can = min(want, fault_at - u->done);

	memcpy(dst, (void *)(u->one.base + u->done), can);
	u->done += can;
	u->left -= can;
	u->fault = can < want ? 1 : 0;
	return can;
}

size_t uio_skip(struct uio *u, size_t n)
{
	u->done += n;
	u->left -= n;
	return n;
}

static struct uio text_uio(const void *text, u64 n)
{
	return (struct uio){ .one.base = (uintptr_t)text, .left = n };
}

/* --- the device ------------------------------------------------------------------------------- */

enum { QUEUES = 10, PORTS = 3, IO = 1, CTL = 2 };
static struct {
	struct virtio	v;
	struct virtq	*q[QUEUES];
	u16		at[QUEUES];
	u32		kicks[QUEUES];
	bool		started, slow, mute;
	bool		open[4];
	u8		out[4][600000];		/* what came from the guest */
	size_t		len[4];
} dev;

long virtio_queue(struct virtio *v, struct virtq *q, u32 index, u16 num)
{
	assert_false(dev.started);
	assert_in_range(index, 0, QUEUES - 1);
	virtq_init(q, num, aligned_alloc(16, align_up(virtq_bytes(num), 16)),
		   calloc(num, sizeof(struct vslot)));
	dev.q[index] = q;
	return 0;
}

u32 virtio_config(struct virtio *v, u32 offset)
{
	assert_int_equal(offset, 4);
	return 31;
}

void virtio_go(struct virtio *v) { dev.started = true; }
void virtio_fail(struct virtio *v) { }

static void interrupt(void)
{
	if (dev.v.task)
		task_wake(dev.v.task);
}

static void put_used(u32 queue, u32 id, u32 len)
{
	struct virtq *q = dev.q[queue];

	q->used->ring[q->used->idx & (q->num - 1)] = (struct vring_used_elem){ id, len };
	q->used->idx++;
	if (!(q->avail->flags & VRING_AVAIL_F_NO_INTERRUPT))
		interrupt();
}

/* The next chain the driver offers, or -1. */
static s32 next_chain(u32 queue)
{
	struct virtq *q = dev.q[queue];

	if (q->avail->idx == dev.at[queue])
		return -1;
	return q->avail->ring[dev.at[queue]++ & (q->num - 1)];
}

/* Write @n bytes to the driver; false: it offers no buffer. */
static bool to_driver(u32 queue, const void *data, u32 n)
{
	struct vring_desc *d;
	s32 head = next_chain(queue);

	if (head < 0)
		return false;
	d = &dev.q[queue]->desc[head];
	assert_true(d->flags == VRING_DESC_F_WRITE && n <= d->len);
	memcpy(phys_to_virt(d->addr), data, n);
	put_used(queue, head, n);
	return true;
}

static void control(u32 id, u16 event, u16 value, const char *name)
{
	struct { struct virtio_console_control m; char name[40]; } msg = {
		{ id, event, value }, "",
	};

	memcpy(msg.name, name, strlen(name));
	assert_true(to_driver(2, &msg, sizeof(msg.m) + strlen(name)));
}

static void take_control(const struct virtio_console_control *m)
{
	static const char *const names[] = { "", "weir.io", "weir.ctl" };

	switch (m->event) {
	case VIRTIO_CONSOLE_DEVICE_READY:
		for (u32 i = 0; i < PORTS; i++)
			control(i, VIRTIO_CONSOLE_PORT_ADD, 1, "");
		break;
	case VIRTIO_CONSOLE_PORT_READY:
		assert_int_equal(m->value, 1);
		if (!m->id)
			control(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1, "");
		else
			control(m->id, VIRTIO_CONSOLE_PORT_NAME, 1, names[m->id]);
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		dev.open[m->id] = true;
		break;
	}
}

static void serve_control(void)
{
	struct virtq *q = dev.q[3];
	s32 head;

	while ((head = next_chain(3)) >= 0) {
		take_control(phys_to_virt(q->desc[head].addr));
		put_used(3, head, 0);
	}
}

static void serve_out(u32 port)
{
	struct virtq *q = dev.q[2 * port + 3];
	s32 head;

	while ((head = next_chain(2 * port + 3)) >= 0) {
		for (u32 d = head;; d = q->desc[d].next) {
			const struct vring_desc *e = &q->desc[d];

			memcpy(dev.out[port] + dev.len[port], phys_to_virt(e->addr), e->len);
			dev.len[port] += e->len;
			if (!(e->flags & VRING_DESC_F_NEXT))
				break;
		}
		put_used(2 * port + 3, head, 0);
	}
}

void virtio_kick(struct virtio *v, u32 index)
{
	dev.kicks[index]++;
	if (index == 3 && !dev.mute)
		serve_control();
	if (index >= 5 && index % 2 && !dev.slow)
		serve_out((index - 3) / 2);
}

static void input_frame_in(u32 job, const void *data, u32 n)
{
	u8 buf[4096];
	struct frame_head h = { .job = job, .len = n };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, n);
	assert_true(to_driver(2 * IO + 2, buf, sizeof(h) + n));
}

/* --- fixture ---------------------------------------------------------------------------------- */

extern const struct virtio_driver virtio_console;

static int boot(void **state)
{
	one_hart(state);
	log_putc = hear;
	page_base = virt_to_phys(memory);
	dev.v.name = "virtio";
	dev.v.features = 1ull << 32 | virtio_console.features;
	assert_false(console_present());
	assert_int_equal(virtio_console.probe(&dev.v), 0);
	assert_true(console_present());
	assert_true(dev.open[IO] && dev.open[CTL] && !dev.open[0]);
	assert_true(dev.started);
	assert_string_equal(said, "");
	run_all();
	return 0;
}

static int calm(void **state)
{
	run_all();
	memset(dev.len, 0, sizeof(dev.len));
	memset(dev.kicks, 0, sizeof(dev.kicks));
	dev.slow = false;
	said[0] = 0;
	return 0;
}

/* Frame number @n on the wire. */
static struct frame_head frame_at(u32 n, const u8 **body)
{
	struct frame_head h = {};
	size_t at = 0;

	do {
		assert_true(at + FRAME_HEAD <= dev.len[IO]);
		memcpy(&h, dev.out[IO] + at, FRAME_HEAD);
		*body = dev.out[IO] + at + FRAME_HEAD;
		at += FRAME_HEAD + h.len;
	} while (n--);
	assert_true(at <= dev.len[IO]);
	return h;
}

/* --- output ----------------------------------------------------------------------------------- */

struct writing { u32 job, stream; struct uio u; long result; };

static long write_main(struct co *co, struct task *t)
{
	struct writing *w = arg_of(t);
	struct { u8 none; } *f = co_frame(co);

	co_begin(f);
	await(w->result = console_write(w->job, w->stream, &w->u));
	return 0;
	co_end();
}

static long drain_main(struct co *co, struct task *t)
{
	struct { long r; } *f = co_frame(co);

	co_begin(f);
	await(f->r = console_drain());
	return f->r;
	co_end();
}

static void one_frame(void **state)
{
	struct writing w = { 3, 1, text_uio("hello", 5), 0 };
	struct tester *t = spawn(write_main, &w);
	struct frame_head h;
	const u8 *body;

	run_all();
	reap(t);
	assert_int_equal(w.result, 5);
	assert_int_equal(dev.len[IO], FRAME_HEAD + 5);
	h = frame_at(0, &body);
	assert_true(h.job == 3 && h.stream == 1 && !h.zero && h.len == 5);
	assert_memory_equal(body, "hello", 5);
	assert_int_equal(console_frames(3), 1);
	assert_int_equal(console_frames(3), 0);
	assert_int_equal(console_frames(4), 0);
}

/* Many small writes of one turn travel together. */
static void coalesced(void **state)
{
	struct writing w[100];
	const u8 *body;
	long r;

	for (u32 i = 0; i < 100; i++) {
		w[i] = (struct writing){ 0, 1 + i % 2, text_uio(&"0123456789"[i % 10], 1), 0 };
		r = console_write(0, 1 + i % 2, &w[i].u);
		assert_int_equal(r, 1);
	}
	assert_int_equal(dev.kicks[2 * IO + 3], 0);
	run_all();
	assert_in_range(dev.kicks[2 * IO + 3], 1, 2);
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(frame_at(i, &body).stream, 1 + i % 2);
		assert_int_equal(*body, '0' + i % 10);
	}
	assert_int_equal(console_frames(0), 100);
}

static void slow_device(void **state)
{
	static u8 big[300000];
	struct writing w = { 1, 2, text_uio(big, sizeof(big)), 0 };
	struct tester *t, *d;
	size_t got = 0;
	const u8 *body;

	for (u32 i = 0; i < sizeof(big); i++)
		big[i] = i * 7 / 3;
	dev.slow = true;
	t = spawn(write_main, &w);
	run_all();
	assert_false(t->finished);
	for (u32 i = 0; i < 20 && !t->finished; i++) {
		serve_out(IO);
		run_all();
	}
	reap(t);
	assert_int_equal(w.result, sizeof(big));
	d = spawn(drain_main, NULL);
	run_all();
	assert_false(d->finished);
	serve_out(IO);
	run_all();
	reap(d);
	for (u32 i = 0; got < sizeof(big); i++) {
		struct frame_head h = frame_at(i, &body);

		assert_true(h.job == 1 && h.stream == 2 && h.len);
		assert_memory_equal(body, big + got, h.len);
		got += h.len;
	}
	assert_int_equal(dev.len[IO], sizeof(big) + FRAME_HEAD * console_frames(1));
}

static void without_waiting(void **state)
{
	static u8 big[200000];
	struct uio u = text_uio(big, sizeof(big));
	long r;

	dev.slow = true;
	u.nowait = true;
	r = console_write(1, 1, &u);
	assert_in_range(r, 60000, 140000);
	assert_int_equal(r, u.done);
	u = text_uio(big, 1000);
	u.nowait = true;
	while ((r = console_write(1, 1, &u)) > 0)
		u = (struct uio){ .one = u.one, .left = 1000, .nowait = true };
	assert_int_equal(r, -EAGAIN);
	dev.slow = false;
	serve_out(IO);
	run_all();
	console_frames(1);
}

/* A frame has what was copied before the fault; nothing copied, no frame. */
static void fault(void **state)
{
	struct uio u = text_uio("0123456789", 10);
	const u8 *body;
	long r;

	fault_at = 4;
	r = console_write(2, 1, &u);
	assert_int_equal(r, 4);
	assert_int_equal(u.fault, 1);
	r = console_write(2, 1, &u);
	assert_int_equal(r, -EFAULT);
	fault_at = ~0ull;
	r = console_write(2, 1, &u);
	assert_int_equal(r, 10);
	run_all();
	assert_int_equal(frame_at(0, &body).len, 4);
	assert_int_equal(frame_at(1, &body).len, 6);
	assert_memory_equal(body, "456789", 6);
	assert_int_equal(console_frames(2), 2);
}

static long drain_job_main(struct co *co, struct task *t)
{
	struct { long r; } *f = co_frame(co);

	co_begin(f);
	await(f->r = console_drain_job((uintptr_t)arg_of(t)));
	return f->r;
	co_end();
}

static void drain_of_a_job(void **state)
{
	struct uio a = text_uio("a", 1), b = text_uio("b", 1);
	struct tester *t, *other;

	dev.slow = true;
	assert_int_equal(console_write(5, 1, &a), 1);
	run_all();					/* with the device */
	assert_int_equal(console_write(6, 1, &b), 1);
	t = spawn(drain_job_main, (void *)5);
	other = spawn(drain_job_main, (void *)7);
	run_all();
	assert_false(t->finished);
	reap(other);					/* has written nothing */
	serve_out(IO);					/* 5's; then 6's is sent, not taken */
	run_all();
	reap(t);
	serve_out(IO);
	run_all();
	assert_int_equal(console_frames(5) + console_frames(6), 2);
}

/* --- lines ------------------------------------------------------------------------------------ */

struct saying { const char *line; size_t n; };

static long say_main(struct co *co, struct task *t)
{
	struct saying *s = arg_of(t);
	struct { long r; } *f = co_frame(co);

	co_begin(f);
	await(f->r = report_line(s->line, s->n));
	return f->r;
	co_end();
}

/* Lines longer than the ring, several at once, slow device: none is torn. */
static void lines(void **state)
{
	enum { N = 5 };
	static char text[N][65536];
	struct saying s[N];
	struct tester *t[N];
	size_t at = 0;

	dev.slow = true;
	for (u32 i = 0; i < N; i++) {
		memset(text[i], 'a' + i, sizeof(text[i]));
		s[i] = (struct saying){ text[i], i % 2 ? 10 : sizeof(text[i]) - i };
		t[i] = spawn(say_main, &s[i]);
	}
	for (u32 i = 0; i < 100; i++) {
		run_all();
		serve_out(CTL);
	}
	run_all();
	for (u32 i = 0; i < N; i++)
		reap(t[i]);
	for (u32 i = 0; i < N; i++) {
		u32 n = dev.out[CTL][at] - 'a';

		assert_in_range(n, 0, N - 1);
		assert_memory_equal(dev.out[CTL] + at, text[n], s[n].n);
		at += s[n].n;
		assert_int_equal(dev.out[CTL][at++], '\n');
	}
	assert_int_equal(at, dev.len[CTL]);
}

static char commands[100];

static void command(char *line)
{
	strcat(commands, line);
	strcat(commands, "|");
}

static void host_commands(void **state)
{
	char noise[3000];

	console_command = command;
	to_driver(2 * CTL + 2, "signal 0 15\nwin", 15);
	run_all();
	assert_string_equal(commands, "signal 0 15|");
	to_driver(2 * CTL + 2, "size 1 2\n\n", 10);
	memset(noise, 'x', sizeof(noise));
	to_driver(2 * CTL + 2, noise, sizeof(noise));
	to_driver(2 * CTL + 2, "\nquit\n", 6);
	run_all();
	assert_string_equal(commands, "signal 0 15|winsize 1 2||quit|");
	assert_non_null(strstr(said, "1023 bytes"));
}

/* --- input ------------------------------------------------------------------------------------ */

static u8 ring[64];

static struct input input_of(u32 job)
{
	return (struct input){ .ring = ring, .size = sizeof(ring), .job = job };
}

/* Take all that is there. */
static u32 take(struct input *in, u8 *to)
{
	u32 n = 0;

	spin_lock(&in->lock);
	while (in->tail != in->head)
		to[n++] = ring[in->tail++ & (sizeof(ring) - 1)];
	spin_unlock(&in->lock);
	console_input_taken(in);
	return n;
}

/* Input that comes before its job waits; that of a job that is over is lost. */
static void input_in_turn(void **state)
{
	struct input a = input_of(0), b = input_of(2);
	u8 got[64];

	waitq_init(&a.readers);
	waitq_init(&b.readers);
	input_frame_in(0, "early", 5);
	run_all();
	console_attach_input(&a);
	run_all();
	assert_int_equal(take(&a, got), 5);
	input_frame_in(1, "nobody", 6);
	input_frame_in(2, "later", 5);
	input_frame_in(2, "", 0);
	run_all();
	assert_int_equal(a.head, 5);
	console_attach_input(NULL);
	console_attach_input(&b);
	run_all();
	assert_int_equal(take(&b, got), 5);
	assert_memory_equal(got, "later", 5);
	assert_true(b.eof && !a.eof);
	input_frame_in(2, "more", 4);
	console_attach_input(NULL);
	run_all();
	assert_int_equal(b.head, 5);
}

static void backpressure(void **state)
{
	struct input in = input_of(10);
	u8 text[1000], got[1064];
	u32 n = 0;

	waitq_init(&in.readers);
	console_attach_input(&in);
	for (u32 i = 0; i < sizeof(text); i++)
		text[i] = i * 5 / 2;
	for (u32 i = 0; i < 4; i++)
		input_frame_in(10, text + 250 * i, 250);
	assert_false(to_driver(2 * IO + 2, "", 0));	/* all buffers are full */
	for (u32 i = 0; i < 40; i++) {
		run_all();
		assert_in_range(in.head - in.tail, 0, sizeof(ring));
		n += take(&in, got + n);
	}
	assert_int_equal(n, sizeof(text));
	assert_memory_equal(got, text, n);
	input_frame_in(10, "", 0);
	run_all();
	assert_true(in.eof);
	console_attach_input(NULL);
}

static u8 moved[2000];
static u32 moved_len;

static void move(struct input *in)
{
	moved_len += take(in, moved + moved_len);
}

/* A receiver that empties the ring itself gets everything without being asked again. */
static void received(void **state)
{
	struct input in = input_of(11);
	u8 text[1000];

	waitq_init(&in.readers);
	in.received = move;
	console_attach_input(&in);
	memset(text, 'r', sizeof(text));
	input_frame_in(11, text, sizeof(text));
	run_all();
	assert_int_equal(moved_len, sizeof(text));
	console_attach_input(NULL);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void last_words(void **state)
{
	struct uio u = text_uio("out", 3);

	assert_int_equal(console_write(0, 1, &u), 3);
	assert_int_equal(dev.len[IO], 0);
	report_panic("a \"quoted\" word");
	report_panic("not again");
	assert_int_equal(dev.len[IO], FRAME_HEAD + 3);
	dev.out[CTL][dev.len[CTL]] = 0;
	assert_string_equal((char *)dev.out[CTL],
			    "{\"event\":\"panic\",\"message\":\"a \\\"quoted\\\" word\"}\n");
}

/* Input that is no frame is ignored, and said so once. */
static void broken_stream(void **state)
{
	u8 junk[100];

	memset(junk, 0xff, sizeof(junk));
	to_driver(2 * IO + 2, junk, sizeof(junk));
	to_driver(2 * IO + 2, junk, sizeof(junk));
	run_all();
	assert_non_null(strstr(said, "no frame"));
	assert_null(strstr(strstr(said, "no frame") + 1, "no frame"));
}

/* A device that lies loses its port: writers go on, readers see the end. */
static void lying_device(void **state)
{
	static u8 big[100000];
	struct writing w = { 1, 1, text_uio(big, sizeof(big)), 0 };
	struct input in = input_of(20);
	struct uio u = text_uio("x", 1);
	struct tester *t, *d;

	waitq_init(&in.readers);
	console_attach_input(&in);
	dev.slow = true;
	t = spawn(write_main, &w);
	run_all();
	d = spawn(drain_main, NULL);
	run_all();
	assert_false(t->finished || d->finished);
	put_used(2 * IO + 3, 77, 0);
	run_all();
	reap(t);
	reap(d);
	assert_int_equal(w.result, sizeof(big));
	assert_true(in.eof);
	assert_false(console_present());
	assert_int_equal(console_write(0, 1, &u), 1);
	assert_non_null(strstr(said, "weir.io is gone"));
	control(CTL, VIRTIO_CONSOLE_PORT_REMOVE, 0, "");
	run_all();
	assert_int_equal(report_line("x", 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_frame, calm),
		cmocka_unit_test_setup(coalesced, calm),
		cmocka_unit_test_setup(slow_device, calm),
		cmocka_unit_test_setup(without_waiting, calm),
		cmocka_unit_test_setup(fault, calm),
		cmocka_unit_test_setup(drain_of_a_job, calm),
		cmocka_unit_test_setup(lines, calm),
		cmocka_unit_test_setup(host_commands, calm),
		cmocka_unit_test_setup(input_in_turn, calm),
		cmocka_unit_test_setup(backpressure, calm),
		cmocka_unit_test_setup(received, calm),
		cmocka_unit_test_setup(last_words, calm),
		cmocka_unit_test_setup(broken_stream, calm),
		cmocka_unit_test_setup(lying_device, calm),
	};
	return cmocka_run_group_tests(tests, boot, NULL);
}
