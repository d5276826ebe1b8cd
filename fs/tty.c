// SPDX-License-Identifier: MIT
/*
 * tty.c: the terminal of a job as a file: /dev/tty and /dev/console, and the job's three streams.
 * Bytes arrive in the console's input (dev/console.h) and go through the line discipline at once;
 * signals and echo leave after the lock is free.
 */
#include "fs/tty.h"
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <asm/ioctls.h>
#include <string.h>
#include "core/time.h"
#include "fs/path.h"
#include "fs/poll.h"
#include "mem/heap.h"

void (*tty_signal)(struct tty *t, s32 pgrp, s32 signo);
struct tty *(*tty_current)(void);

static const struct termios sane = {
	.c_iflag = ICRNL | IXON | IUTF8, .c_oflag = OPOST | ONLCR, .c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1,
		[VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22,
	},
};

/* --- input --------------------------------------------------------------------------------------- */

static bool next_byte(struct input *in, u8 *c)
{
	guard(&in->lock);
	if (in->head == in->tail)
		return false;
	*c = in->ring[in->tail++ & (in->size - 1)];
	return true;
}

static async long send_out(struct tty *t, struct uio *u)
{
	return t->back ? t->back->write(t, u) : console_write(t->job, 1, u);
}

/* Echo is best effort: what the console has no room for is lost. */
static void send_echo(struct tty *t)
{
	struct uio u;

	uio_init_kernel(&u, t->echo, t->echo_len);
	u.nowait = true;
	t->echo_len = 0;
	if (u.left && send_out(t, &u) == PENDING)
		return;
}

static void send_signals(struct tty *t, u32 set, s32 pgrp)
{
	for (s32 signo = 1; set; signo++, set >>= 1)
		if (set & 1 && tty_signal)
			tty_signal(t, pgrp, signo);
}

/* A line that is too long goes on to its end, which is all that is kept of the rest. */
static bool may_take(const struct tty *t)
{
	return t->head - t->tail < TTY_SIZE - 1 || (tty_canonical(t) && !t->lines);
}

/* Take what has arrived, as long as a line has room for it.  True: something was taken. */
static bool pump(struct tty *t)
{
	bool any = false;
	u32 set;
	u8 c;

	spin_lock(&t->lock);
	while (may_take(t) && t->echo_len < TTY_ECHO - 8 && next_byte(t->in, &c)) {
		tty_line_input(t, c);
		any = true;
		if (t->echo_len > TTY_ECHO / 2)
			send_echo(t);
	}
	send_echo(t);
	if (t->in->eof && t->in->head == t->in->tail && !t->hung_up) {
		t->hung_up = true;
		wake_all(&t->readers);
	}
	set = t->signals;
	t->signals = 0;
	spin_unlock(&t->lock);
	send_signals(t, set, t->pgrp);
	return any;
}

static void received(struct input *in)
{
	while (pump(in->data))
		;
}

/* --- read and write ---------------------------------------------------------------------------------- */

static bool readable(const struct tty *t)
{
	u32 most = t->tio.c_cc[VTIME] || !t->tio.c_cc[VMIN] ? 1 : t->tio.c_cc[VMIN];

	return tty_canonical(t) ? t->lines : t->ready - t->tail >= most;
}

/* Nothing to read yet.  With VTIME f->pos keeps the end of the wait, for the call starts over. */
static async long wait_input(struct tty *t, struct file *f, struct uio *u)
{
	u64 step = (u64)t->tio.c_cc[VTIME] * (NSEC_PER_SEC / 10), deadline = 0;
	long r;

	if (t->hung_up || u->done || !u->left)
		return u->done;
	if (!tty_canonical(t) && !t->tio.c_cc[VMIN]) {
		if (!step)
			return 0;
		deadline = f->pos ? f->pos : clock_now() + step;
	}
	if (u->nowait)
		return -EAGAIN;
	f->pos = deadline;
	r = wait_on_until(&t->readers, deadline);
	if (r != PENDING)
		f->pos = 0;
	return r == -ETIMEDOUT ? 0 : r;
}

static async long take_input(struct tty *t, struct file *f, struct uio *u)
{
	guard(&t->lock);
	if (!readable(t))
		return wait_input(t, f, u);
	f->pos = 0;
	if (!tty_line_take(t, u) && u->fault)
		return -EFAULT;
	return u->done;
}

static void input_taken(struct tty *t)
{
	if (t->back)
		t->back->taken(t);
	else
		console_input_taken(t->in);
}

async long tty_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = f->data;
	u64 left = u->left;
	long r = t->hung_up ? 0 : tty_check(t, SIGTTIN);

	if (!r)
		r = take_input(t, f, u);

	if (u->left != left && pump(t))
		input_taken(t);
	return r;
}

/* Send what is processed: 0 when nothing is left of it. */
static async long flush_out(struct tty *t, bool nowait)
{
	struct uio u;
	long r = 0;

	while (t->out_at < t->out_len && r >= 0) {
		uio_init_kernel(&u, t->out + t->out_at, t->out_len - t->out_at);
		u.nowait = nowait;
		r = send_out(t, &u);
		t->out_at += u.done;
	}
	if (t->out_at == t->out_len)
		t->out_at = t->out_len = r = 0;
	return r < 0 ? r : 0;
}

async long tty_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = f->data;
	char raw[TTY_OUT / 2];
	long r = t->tio.c_lflag & TOSTOP ? tty_check(t, SIGTTOU) : 0;

	if (r)
		return r;
	guard(&t->lock);
	if (t->back && t->hung_up)
		return -EIO;
	while (!(r = flush_out(t, u->nowait)) && u->left) {
		u32 n;

		if (!(t->tio.c_oflag & OPOST) || !(t->tio.c_oflag & ONLCR))
			return send_out(t, u);
		n = uio_in(u, raw, min(u->left, sizeof(raw)));
		tty_line_output(t, raw, n);
		if (u->fault)
			return n ? (long)u->done : -EFAULT;
	}
	return r == PENDING || !u->done ? r : (long)u->done;
}

u32 tty_poll(struct file *f, struct poller *p)
{
	struct tty *t = f->data;

	guard(&t->lock);
	poll_add(p, &t->readers);
	return (readable(t) ? POLLIN | POLLRDNORM : 0) | (t->hung_up ? POLLHUP | POLLIN : 0) |
	       POLLOUT | POLLWRNORM;
}

/* --- ioctl ------------------------------------------------------------------------------------------------ */

static void set_termios(struct tty *t, const struct termios *tio, bool flush)
{
	guard(&t->lock);
	bool was = tty_canonical(t);

	t->tio = *tio;
	if (flush)
		tty_line_flush(t);
	tty_line_mode(t, was);
}

static async long put_termios2(struct tty *t, uaddr_t arg)
{
	struct termios2 v = { .c_ispeed = 38400, .c_ospeed = 38400 };

	memcpy(&v, &t->tio, offsetof(struct termios, c_cc) + NCCS);
	return user_put(arg, v);
}

/* The two layouts agree up to the speeds, which we do not have. */
static async long get_termios(struct tty *t, uaddr_t arg, bool flush)
{
	struct termios tio;
	long err = user_read(&tio, arg, offsetof(struct termios, c_cc) + NCCS);

	if (!err)
		set_termios(t, &tio, flush);
	return err;
}

static async long get_size(struct tty *t, uaddr_t arg)
{
	struct winsize ws;
	long err = user_get(ws, arg);

	if (!err)
		tty_set_size(t, ws.ws_row, ws.ws_col);
	return err;
}

static long flush_input(struct tty *t, u64 which)
{
	guard(&t->lock);
	if (which == TCIFLUSH || which == TCIOFLUSH)
		tty_line_flush(t);
	return which <= TCIOFLUSH ? 0 : -EINVAL;
}

/* Only the foreground may. */
static bool changes_mode(u32 request)
{
	switch (request) {
	case TCSETS: case TCSETSW: case TCSETS2: case TCSETSW2: case TCSETSF: case TCSETSF2:
	case TCSBRK: case TCSBRKP: case TCXONC: case TCFLSH:
		return true;
	}
	return false;
}

async long tty_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	struct tty *t = f->data;
	s32 n;
	long r;

	if (changes_mode(request) && (r = tty_check(t, SIGTTOU)))
		return r;
	switch (request) {
	case TCGETS:
		return user_write(arg, &t->tio, sizeof(t->tio));
	case TCGETS2:
		return put_termios2(t, arg);
	case TCSETS: case TCSETSW: case TCSETS2: case TCSETSW2:
		return get_termios(t, arg, false);
	case TCSETSF: case TCSETSF2:
		return get_termios(t, arg, true);
	case TIOCGWINSZ:
		return user_put(arg, t->size);
	case TIOCSWINSZ:
		return get_size(t, arg);
	case TIOCGPGRP:
		return tty_is_mine(t) ? user_put(arg, t->pgrp) : -ENOTTY;
	case TIOCSPGRP:
		return tty_set_group(t, arg);
	case TIOCGSID:
		return tty_is_mine(t) ? user_put(arg, t->session) : -ENOTTY;
	case TIOCSCTTY:
		return tty_take_session(t, arg);
	case TIOCNOTTY:
		return tty_give_up(t);
	case TCSBRK: case TCSBRKP: case TCXONC: case TIOCEXCL: case TIOCNXCL:
		return 0;
	case TCFLSH:
		return flush_input(t, arg);
	case FIONREAD:
		n = t->ready - t->tail;
		return user_put(arg, n);
	case TIOCOUTQ:
		n = t->out_len - t->out_at;
		return user_put(arg, n);
	}
	return -ENOTTY;
}

static void tty_release(struct file *f)
{
	tty_put(f->data);
}

static const struct file_ops tty_ops = {
	.read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .poll = tty_poll,
	.release = tty_release,
};

/* --- life ---------------------------------------------------------------------------------------------------- */

struct tty *tty_create(u32 job, struct input *in, u16 rows, u16 cols)
{
	struct tty *t = heap_zero(sizeof(*t));

	if (!t)
		return NULL;
	t->refs = 1;
	t->job = job;
	t->in = in;
	t->tio = sane;
	t->size = (struct winsize){ .ws_row = rows, .ws_col = cols };
	waitq_init(&t->readers);
	in->data = t;
	in->received = received;
	return t;
}

struct tty *tty_get(struct tty *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void tty_put(struct tty *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	if (t->back)
		t->back->gone(t);
	heap_free(t);
}

void tty_set_size(struct tty *t, u16 rows, u16 cols)
{
	bool changed;

	spin_lock(&t->lock);
	changed = t->size.ws_row != rows || t->size.ws_col != cols;
	t->size.ws_row = rows;
	t->size.ws_col = cols;
	spin_unlock(&t->lock);
	if (changed)
		send_signals(t, 1u << (SIGWINCH - 1), t->pgrp);
}

void tty_hang_up(struct tty *t)
{
	spin_lock(&t->lock);
	t->hung_up = true;
	tty_line_flush(t);
	wake_all(&t->readers);
	spin_unlock(&t->lock);
	if (t->session)
		send_signals(t, 1u << (SIGHUP - 1) | 1u << (SIGCONT - 1), -t->session);
	tty_set_session(t, 0, 0);
}

void tty_send_signal(struct tty *t, s32 signo)
{
	if (t->pgrp && tty_signal)
		tty_signal(t, t->pgrp, signo);
}

/* The job's terminal is known as /dev/console, unless a program has removed that. */
struct file *tty_open(struct tty *t, u32 flags)
{
	struct file *f = file_create(&tty_ops, flags, NULL);

	if (!f)
		return NULL;
	f->data = tty_get(t);
	if (file_place(f, "/dev/console", I_CHR | 0600, DEV_CONSOLE))
		return f;
	file_put(f);
	return NULL;
}

/* --- /dev/tty, /dev/console --------------------------------------------------------------------------------- */

static long open_current(struct file *f)
{
	f->data = tty_current ? tty_current() : NULL;
	return f->data ? 0 : -ENXIO;
}

static const struct char_device tty_devices[] = {
	{ "tty", 0666, DEV_TTY, &tty_ops, open_current },
	{ "console", 0600, DEV_CONSOLE, &tty_ops, open_current },
};

long tty_devices_add(void)
{
	long err = devfs_add(&tty_devices[0]);

	return err ? err : devfs_add(&tty_devices[1]);
}
