// SPDX-License-Identifier: MIT
/*
 * pty.c: pairs of a terminal (/dev/pts/N) and its master (/dev/ptmx): what is written to the master is
 * typed, what programs write to the terminal is read from the master.
 *
 * The terminal is an ordinary tty whose input is p->in, filled by the master, and whose output goes to
 * p->out.  It is freed, and the pair with it, when neither a master nor a slave is open.  p->readers'
 * lock guards out and the counts; p->in.lock the input; pairs_lock the table.  Order: tty->lock, in.lock,
 * readers.lock, writers.lock.
 */
#include "fs/pty.h"
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/signal.h>
#include "fs/inode.h"
#include "fs/path.h"
#include "fs/poll.h"
#include "fs/tty.h"
#include "lib/print.h"
#include "mem/heap.h"

enum { PAIRS = 256, PTY_IN = 4096, PTY_OUT = 8192, PTS_MAJOR = 136, TTY_GROUP = 5, PTMX = 0x502 };

struct pty {
	struct tty	*tty;
	u32		number;
	bool		locked;			/* may not be opened yet */
	bool		was_open, master_gone;
	u32		slaves;
	struct waitq	readers, writers;	/* master that reads; programs whose output has no room */
	struct waitq	typists;		/* master whose input has no room */
	u32		head, tail;		/* bytes ever put into out, read */
	struct input	in;
	char		out[PTY_OUT];
	u8		typed[PTY_IN];
};

static spinlock_t pairs_lock;
static struct pty *pairs[PAIRS];

static inline struct pty *pty_of(struct tty *t) { return container_of(t->in, struct pty, in); }
static inline u32 out_used(const struct pty *p) { return p->head - p->tail; }

/* --- what the terminal needs -------------------------------------------------------------------------- */

static async long send_out(struct tty *t, struct uio *u)
{
	struct pty *p = pty_of(t);
	u64 before = u->done;
	u32 n, at;

	guard(&p->readers.lock);
	if (p->master_gone)
		return -EIO;
	while (u->left && (n = min(PTY_OUT - out_used(p), PTY_OUT - p->head % PTY_OUT))) {
		at = p->head % PTY_OUT;
		n = uio_in(u, p->out + at, min((u64)n, u->left));
		p->head += n;
		if (u->fault)
			break;
	}
	if (u->done != before)
		wake_all_locked(&p->readers);
	if (!u->left || u->fault)
		return u->done != before || !u->fault ? (long)u->done : -EFAULT;
	if (u->nowait)
		return u->done ? (long)u->done : -EAGAIN;
	return wait_on(&p->writers);
}

/* The line discipline took bytes: there is room to type. */
static void input_taken(struct tty *t)
{
	struct pty *p = pty_of(t);

	guard(&p->in.lock);
	wake_all(&p->typists);
}

static void pty_gone(struct tty *t)
{
	heap_free(pty_of(t));
}

static const struct tty_backend pty_backend = { .write = send_out, .taken = input_taken, .gone = pty_gone };

/* --- the slave ---------------------------------------------------------------------------------------- */

static void slave_release(struct file *f)
{
	struct tty *t = f->data;
	struct pty *p = pty_of(t);

	spin_lock(&p->readers.lock);
	if (!--p->slaves)
		wake_all_locked(&p->readers);
	spin_unlock(&p->readers.lock);
	tty_put(t);
}

static const struct file_ops slave_ops = {
	.read = tty_read, .write = tty_write, .ioctl = tty_ioctl, .poll = tty_poll,
	.release = slave_release,
};

/* The pair of @number, its terminal counted. */
static struct pty *find(u32 number)
{
	struct pty *p;

	guard(&pairs_lock);
	p = number < PAIRS ? pairs[number] : NULL;
	if (p)
		tty_get(p->tty);
	return p;
}

bool pty_is_slave(u32 rdev) { return (rdev >> 8 & 0xfff) == PTS_MAJOR; }

long pty_open_slave(struct inode *ip, struct file *f)
{
	struct pty *p = find(ip->rdev & 0xff);
	struct tty *t;
	bool open;

	if (!p)
		return -EIO;
	t = p->tty;
	{
		guard(&p->readers.lock);
		open = !p->locked && !p->master_gone;
		if (open) {
			p->slaves++;
			p->was_open = true;
		}
	}
	if (!open) {
		tty_put(t);
		return -EIO;
	}
	f->ops = &slave_ops;
	f->data = t;
	if (!(f->flags & O_NOCTTY) && (f->flags & O_ACCMODE) != O_WRONLY)
		tty_opened(t);
	return 0;
}

u32 tty_number(const struct tty *t)
{
	return t->back ? device_number(PTS_MAJOR, container_of(t->in, struct pty, in)->number) : 0x501;
}

struct tty *pty_of_session(s32 sid)
{
	guard(&pairs_lock);
	for (u32 i = 0; i < PAIRS; i++)
		if (pairs[i] && tty_session(pairs[i]->tty) == sid)
			return tty_get(pairs[i]->tty);
	return NULL;
}

/* --- the master: reading ------------------------------------------------------------------------------- */

static async long master_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->data;
	u64 before = u->done;
	u32 n;

	guard(&p->readers.lock);
	if (!out_used(p)) {
		if (u->done || !u->left)
			return u->done;
		if (p->was_open && !p->slaves)
			return -EIO;
		return u->nowait ? -EAGAIN : wait_locked(&p->readers, WAIT_SIGNAL | WAIT_KILL);
	}
	while (u->left && !u->fault && (n = min(out_used(p), PTY_OUT - p->tail % PTY_OUT)))
		p->tail += uio_out(u, p->out + p->tail % PTY_OUT, min((u64)n, u->left));
	wake_all(&p->writers);
	return u->done == before && u->fault ? -EFAULT : (long)u->done;
}

/* --- the master: typing ---------------------------------------------------------------------------------- */

static u32 in_room(const struct pty *p) { return PTY_IN - (p->in.head - p->in.tail); }

static async long put_input(struct pty *p, struct uio *u)
{
	u64 before = u->done;
	u32 n;

	guard(&p->in.lock);
	while (u->left && !u->fault && (n = min(in_room(p), PTY_IN - p->in.head % PTY_IN)))
		p->in.head += uio_in(u, p->typed + p->in.head % PTY_IN, min((u64)n, u->left));
	if (u->done != before)
		return u->done;
	if (u->fault)
		return -EFAULT;
	if (!u->left)
		return 0;
	return u->nowait ? -EAGAIN : wait_on(&p->typists);
}

static async long master_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->data;
	u64 before;
	long r;

	do {
		before = u->done;
		r = put_input(p, u);
		if (u->done != before)
			p->in.received(&p->in);
	} while (r > 0 && u->left && !u->fault && u->done != before);
	return r;
}

static u32 master_poll(struct file *f, struct poller *pl)
{
	struct pty *p = f->data;
	u32 events = 0;

	if (pl) {
		guard(&p->in.lock);
		poll_add(pl, &p->typists);
	}
	guard(&p->readers.lock);
	if (pl)
		poll_add_locked(pl, &p->readers);
	if (out_used(p))
		events |= POLLIN | POLLRDNORM;
	if (p->was_open && !p->slaves)
		events |= POLLHUP;
	return events | (in_room(p) ? POLLOUT | POLLWRNORM : 0);
}

/* --- the master: ioctl ------------------------------------------------------------------------------------- */

static async long lock_slave(struct pty *p, uaddr_t arg)
{
	s32 v;
	long r = user_get(v, arg);

	if (!r)
		p->locked = v;
	return r;
}

static async long master_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	struct pty *p = f->data;
	struct file slave = { .data = p->tty };
	s32 v;

	switch (request) {
	case TIOCGPTN:
		return user_put(arg, p->number);
	case TIOCSPTLCK:
		return lock_slave(p, arg);
	case TIOCGPTLCK:
		v = p->locked;
		return user_put(arg, v);
	case TIOCSIG:
		if (arg - 1 >= 64)
			return -EINVAL;
		tty_send_signal(p->tty, arg);
		return 0;
	case FIONREAD:
		v = out_used(p);
		return user_put(arg, v);
	case TIOCGPGRP:
		return user_put(arg, p->tty->pgrp);
	case TIOCGSID:
		return p->tty->session ? user_put(arg, p->tty->session) : -ENOTTY;
	case TIOCNOTTY:
		return -ENOTTY;
	}
	return tty_ioctl(co, &slave, request, arg);
}

/* --- life ---------------------------------------------------------------------------------------------------- */

static long node_path(struct pty *p, char path[24], struct dentry **dir, struct last *last)
{
	snprint(path, 24, "/dev/pts/%u", p->number);
	return path_parent(&kernel_context, NULL, path, 0, dir, last);
}

static void node_add(struct pty *p, u32 uid)
{
	struct dentry *dir, *d;
	struct last last;
	char path[24];

	if (node_path(p, path, &dir, &last))
		return;
	if (!name_create(&kernel_context, dir, &last, I_CHR | 0620, device_number(PTS_MAJOR, p->number), NULL, &d)) {
		d->inode->mode = I_CHR | 0620;
		d->inode->uid = uid;
		d->inode->gid = TTY_GROUP;
		dentry_put(d);
	}
	dentry_put(dir);
}

static void node_remove(struct pty *p)
{
	struct dentry *dir;
	struct last last;
	char path[24];

	if (node_path(p, path, &dir, &last))
		return;
	name_remove(&kernel_context, dir, &last, false);	/* a program may have done so */
	dentry_put(dir);
}

/* The terminal is hung up: its session gets SIGHUP, reads end, writes fail. */
static void master_release(struct file *f)
{
	struct pty *p = f->data;

	node_remove(p);
	spin_lock(&pairs_lock);
	pairs[p->number] = NULL;
	spin_unlock(&pairs_lock);
	spin_lock(&p->readers.lock);
	p->master_gone = true;
	wake_all(&p->writers);
	spin_unlock(&p->readers.lock);
	tty_hang_up(p->tty);
	tty_put(p->tty);
}

static const struct file_ops master_ops = {
	.read = master_read, .write = master_write, .ioctl = master_ioctl, .poll = master_poll,
	.release = master_release,
};

static struct pty *pty_new(void)
{
	struct pty *p = heap_zero(sizeof(*p));

	if (!p)
		return NULL;
	p->locked = true;
	p->in.ring = p->typed;
	p->in.size = PTY_IN;
	waitq_init(&p->in.readers);
	waitq_init(&p->readers);
	waitq_init(&p->writers);
	waitq_init(&p->typists);
	p->tty = tty_create(0, &p->in, 0, 0);
	if (p->tty) {
		p->tty->back = &pty_backend;
		p->tty->tio.c_iflag &= ~IUTF8;
		return p;
	}
	heap_free(p);
	return NULL;
}

static long number_pair(struct pty *p)
{
	guard(&pairs_lock);
	for (u32 i = 0; i < PAIRS; i++)
		if (!pairs[i]) {
			pairs[i] = p;
			p->number = i;
			return 0;
		}
	return -ENOSPC;
}

static long open_master(struct file *f)
{
	struct pty *p = pty_new();
	long err;

	if (!p)
		return -ENOMEM;
	if ((err = number_pair(p))) {
		tty_put(p->tty);
		return err;
	}
	f->ops = &master_ops;
	f->data = p;
	node_add(p, f->inode->uid);
	return 0;
}

long pty_open_peer(struct file *f, u32 flags, struct file **out)
{
	struct pty *p = f->data;
	struct dentry *d;
	char path[24];
	long r;

	if (f->ops != &master_ops)
		return -ENOTTY;
	snprint(path, sizeof(path), "/dev/pts/%u", p->number);
	r = path_walk(&kernel_context, NULL, path, 0, &d);
	if (r)
		return r;
	r = dentry_open(d, flags & (O_ACCMODE | O_NONBLOCK | O_NOCTTY), out);
	dentry_put(d);
	return r;
}

static const struct char_device ptmx = { "ptmx", 0666, PTMX, &master_ops, open_master };

long pty_devices_add(void) { return devfs_add(&ptmx); }
