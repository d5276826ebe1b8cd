/* SPDX-License-Identifier: MIT */
/*
 * console.c: what docs/protocol.md says about the two ports: frames out of programs' output and
 * into programs' input on weir.io, lines both ways on weir.ctl.  virtio_console.c moves the bytes.
 *
 * Order of locks: input.lock, then struct input's.  The ports' locks are innermost.
 */
#include <string.h>
#include "core/log.h"
#include "dev/console.h"
#include "dev/port.h"
#include "lib/text.h"

static size_t io_receive(const u8 *data, size_t n);
static size_t ctl_receive(const u8 *data, size_t n);
static void io_gone(void);

struct port port_io = {
	.name = "weir.io", .out_order = 4, .receive = io_receive, .gone = io_gone,
	.room = WAITQ_INIT(port_io.room),
};
struct port port_ctl = {
	.name = "weir.ctl", .out_order = 2, .receive = ctl_receive,
	.room = WAITQ_INIT(port_ctl.room),
};

bool console_present(void)
{
	return port_io.bound && port_ctl.bound;
}

/* --- weir.io, outwards ------------------------------------------------------------------------ */

enum { JOBS = 128, LEAST = 512 };	/* no frame with less than LEAST bytes of more */

/* Frames sent for the jobs under way, compact; port_io.lock. */
static struct { struct job_frames { u32 job, frames; u64 end; } at[JOBS]; u32 count; } jobs;

static struct job_frames *job_find(u32 job)
{
	for (u32 i = 0; i < jobs.count; i++)
		if (jobs.at[i].job == job)
			return &jobs.at[i];
	return NULL;
}

static struct job_frames *job_enter(u32 job)
{
	struct job_frames *f = job_find(job);

	if (f || jobs.count == JOBS)
		return f;
	f = &jobs.at[jobs.count++];
	*f = (struct job_frames){ .job = job };
	return f;
}

u32 console_frames(u32 job)
{
	guard(&port_io.lock);
	struct job_frames *f = job_find(job);
	u32 n = f ? f->frames : 0;

	if (f)
		*f = jobs.at[--jobs.count];
	return n;
}

/* Copy from @u behind a header that is written last, when the length is known: bytes copied, 0 the
 * ring is full, -EFAULT. */
static long frame_put(struct job_frames *f, u32 stream, struct uio *u)
{
	struct outring *o = &port_io.out;
	struct frame_head h = { .job = f->job, .stream = stream };
	u64 at = o->head + FRAME_HEAD, room = outring_room(o);
	size_t want, piece, got;

	if (room < FRAME_HEAD + min(u->left, (u64)LEAST))
		return 0;
	want = min(min(u->left, room - FRAME_HEAD), (u64)FRAME_MAX);
	do {
		piece = want - h.len;
		got = uio_in(u, outring_piece(o, at + h.len, &piece), piece);
		h.len += got;
	} while (got == piece && h.len < want);
	if (!h.len)
		return -EFAULT;
	outring_copy(o, o->head, &h, FRAME_HEAD);
	o->head = at + h.len;
	f->frames++;
	f->end = o->head;
	return h.len;
}

/* As much as fits; port_io.lock held.  0: all of it; 1: the ring is full; -EFAULT, also after
 * some. */
static long frames_put(struct job_frames *f, u32 stream, struct uio *u)
{
	bool flushed = false;
	long r;

	while (u->left) {
		r = frame_put(f, stream, u);
		if (r < 0 || (r && u->left && u->fault))
			return -EFAULT;
		if (r)
			continue;
		if (flushed)
			return 1;
		port_flush(&port_io);
		flushed = outring_room(&port_io.out) < FRAME_HEAD + LEAST;
	}
	return 0;
}

/* Bytes on their way are sent when a good deal has come together, or when the hart has nothing
 * better to do, at the latest at the end of the program's slice. */
static void send_soon(void)
{
	if (outring_unsent(&port_io.out) > port_io.out.size / 2)
		port_flush(&port_io);
	else
		port_wake();
}

async long console_write(u32 job, u32 stream, struct uio *u)
{
	guard(&port_io.lock);
	u64 before = u->done;
	struct job_frames *f;
	long r;

	if (!port_io.bound) {
		uio_skip(u, u->left);
		return u->done;
	}
	f = job_enter(job);
	if (!f)
		return -ENOSPC;
	r = frames_put(f, stream, u);
	send_soon();
	if (r == 1)
		r = u->nowait ? -EAGAIN : wait_on(&port_io.room);
	if (r == -EFAULT)
		return u->done == before ? r : (long)u->done;
	return r == PENDING || (r && !u->done) ? r : (long)u->done;
}

static async long wait_taken(u64 upto)
{
	if (port_io.bound)
		port_flush(&port_io);
	if (!port_io.bound || port_io.out.tail >= upto)
		return 0;
	return wait_quiet(&port_io.room);
}

async long console_drain(void)
{
	guard(&port_io.lock);
	return wait_taken(port_io.out.head);
}

async long console_drain_job(u32 job)
{
	guard(&port_io.lock);
	struct job_frames *f = job_find(job);

	return f ? wait_taken(f->end) : 0;
}

/* --- weir.io, inwards ------------------------------------------------------------------------- */

static struct {
	spinlock_t	lock;
	struct input	*attached;
	u64		next;		/* jobs below this have had their chance */
	_Atomic u32	held;		/* the stream stands still until console_..._input() */
	struct frame_parser parser;	/* of the driver's task */
} input;

/* As many bytes as there is room for; the reader, who makes room, resumes the stream. */
static size_t input_put(struct input *in, const u8 *data, size_t n)
{
	guard(&in->lock);
	u32 mask = in->size - 1;

	n = min(n, (size_t)(in->size - (in->head - in->tail)));
	for (size_t i = 0; i < n; i++)
		in->ring[(in->head + i) & mask] = data[i];
	in->head += n;
	if (n)
		wake_all(&in->readers);
	return n;
}

/* Go on as long as received() makes room. */
static size_t input_push(struct input *in, const u8 *data, size_t n)
{
	size_t took = 0, part;

	do {
		part = input_put(in, data + took, n - took);
		took += part;
		if (in->received)
			in->received(in);
	} while (part && took < n);
	return took;
}

static void input_eof(struct input *in)
{
	spin_lock(&in->lock);
	in->eof = true;
	wake_all(&in->readers);
	spin_unlock(&in->lock);
	if (in->received)
		in->received(in);
}

/* Without a host there is no more input. */
static void io_gone(void)
{
	guard(&input.lock);
	if (input.attached)
		input_eof(input.attached);
}

/* frame_sink: a frame's bytes to the job that reads; for jobs that have not come yet, hold on. */
static size_t input_frame(const struct frame_head *h, const u8 *data, size_t n)
{
	guard(&input.lock);
	struct input *in = input.attached;
	size_t took = n;

	if (h->stream || (h->job < input.next && (!in || in->job != h->job)))
		return n ? n : 1;
	input.held = 1;			/* before looking at the room */
	if (h->job >= input.next)
		return 0;
	if (n)
		took = input_push(in, data, n);
	else
		input_eof(in);
	if (took == n)
		input.held = 0;
	return n ? took : 1;
}

static size_t io_receive(const u8 *data, size_t n)
{
	bool was = input.parser.broken;
	size_t took = frame_feed(&input.parser, data, n, input_frame);

	if (input.parser.broken && !was)
		log_error("weir.io: no frame: job %u stream %u length %u: input is ignored now",
			  input.parser.head.job, input.parser.head.stream, input.parser.head.len);
	return took;
}

void console_attach_input(struct input *in)
{
	guard(&input.lock);
	check(!in || (in->size && !(in->size & (in->size - 1))));
	input.attached = in;
	if (in)
		input.next = max(input.next, in->job + 1ull);
	input.held = 0;
	if (in && !port_io.bound)
		input_eof(in);
	port_wake();
}

void console_input_taken(struct input *in)
{
	if (atomic_exchange(&input.held, 0))
		port_wake();
}

/* --- weir.ctl --------------------------------------------------------------------------------- */

enum { LINE_MAX = 65536, COMMAND_MAX = 1024 };

void (*console_command)(char *line);

/* A line longer than the ring goes piece by piece; until it is through, others wait.
 * port_ctl.lock. */
static struct { struct task *writer; size_t at; } report;

/* Append what fits of @n characters and a newline: true when all is through. */
static bool report_put(const char *line, size_t n)
{
	struct outring *o = &port_ctl.out;
	size_t take;

	for (; report.at <= n; port_flush(&port_ctl)) {
		if (!outring_room(o))
			return false;
		take = min(n - report.at, (size_t)outring_room(o));
		outring_copy(o, o->head, line + report.at, take);
		o->head += take;
		report.at += take;
		if (report.at == n && outring_room(o)) {
			outring_copy(o, o->head++, "\n", 1);
			report.at++;
		}
	}
	return true;
}

async long report_line(const char *line, size_t n)
{
	guard(&port_ctl.lock);
	struct task *me = task_current();

	if (!port_ctl.bound)
		return 0;
	if (report.writer && report.writer != me)
		return wait_quiet(&port_ctl.room);
	report.writer = me;
	if (!report_put(line, min(n, (size_t)LINE_MAX)))
		return wait_quiet(&port_ctl.room);
	report.writer = NULL;
	report.at = 0;
	wake_all(&port_ctl.room);
	return 0;
}

void report_panic(const char *message)
{
	static char line[2048];
	static bool again;
	struct text t;

	if (again)
		return;
	again = true;
	text_init(&t, line, sizeof(line));
	text_add(&t, "%s{\"event\":\"panic\",\"message\":", report.writer ? "\n" : "");
	text_json(&t, message, strnlen(message, 256));
	text_add(&t, "}\n");
	port_panic(&port_io, "", 0);
	port_panic(&port_ctl, line, t.len);
}

/* Commands from the host: lines of bounded length. */
static struct { char line[COMMAND_MAX]; u32 len; bool skip; } command;

static void command_end(void)
{
	command.line[command.len] = 0;
	if (command.skip)
		log_warn("weir.ctl: a line of more than %u bytes was ignored", COMMAND_MAX - 1);
	else if (console_command)
		console_command(command.line);
	command.len = 0;
	command.skip = false;
}

static size_t ctl_receive(const u8 *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n')
			command_end();
		else if (command.len < COMMAND_MAX - 1)
			command.line[command.len++] = data[i];
		else
			command.skip = true;
	}
	return n;
}
