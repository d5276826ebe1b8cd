/* SPDX-License-Identifier: MIT */
/*
 * tty.h: a terminal, for the two files that make it: tty.c (the file) and tty_line.c (the line
 * discipline).
 *
 * Bytes lie in one ring: tail..ready may be read, ready..head is the line being edited.  Without
 * ICANON ready is always head.  t->lock guards everything; order: t->lock, in->lock, the console's.
 */
#pragma once
#include <asm/termbits.h>
#include <asm/termios.h>
#include "core/spin.h"
#include "core/wait.h"
#include "fs/streams.h"

enum { TTY_SIZE = 4096, TTY_OUT = 512, TTY_ECHO = 256 };

struct tty;
/* Where a terminal that is not the job's sends its output; t->lock is held. */
struct tty_backend {
	async long	(*write)(struct tty *t, struct uio *u);	/* as console_write() */
	void		(*taken)(struct tty *t);	/* there is room for input */
	void		(*gone)(struct tty *t);		/* it is being freed; without the lock */
};

struct tty {
	_Atomic u32	refs;
	u32		job;
	const struct tty_backend *back;		/* NULL: the console */
	spinlock_t	lock;
	struct waitq	readers;
	struct input	*in;
	struct termios	tio;
	struct winsize	size;
	s32		session, pgrp;
	bool		hung_up, literal;	/* input has ended; the next byte is taken as it is */
	u32		head, ready, tail;	/* bytes ever in, readable, out */
	u32		lines;			/* ends among tail..ready */
	u32		signals;		/* bit n - 1: to be sent once the lock is free */
	u32		out_len, out_at;	/* processed output on its way */
	u32		echo_len;
	char		out[TTY_OUT];
	char		echo[TTY_ECHO];
	u64		ends[TTY_SIZE / 64];	/* byte is the last one of a line */
	u64		eofs[TTY_SIZE / 64];	/* it is not a byte but an end of file */
	u8		buf[TTY_SIZE];
};

static inline u32 tty_index(u32 at) { return at & (TTY_SIZE - 1); }
static inline bool tty_bit(const u64 *map, u32 at)
{
	return map[tty_index(at) / 64] >> at % 64 & 1;
}
static inline void tty_mark(u64 *map, u32 at, bool v)
{
	u64 bit = 1ul << at % 64;

	map[tty_index(at) / 64] = (map[tty_index(at) / 64] & ~bit) | (v ? bit : 0);
}
static inline bool tty_canonical(const struct tty *t) { return t->tio.c_lflag & ICANON; }

/* tty.c, for files of other kinds on a terminal (f->data) */
async long tty_read(struct co *co, struct file *f, struct uio *u, u64 *pos);
async long tty_write(struct co *co, struct file *f, struct uio *u, u64 *pos);
async long tty_ioctl(struct co *co, struct file *f, u32 request, u64 arg);
u32 tty_poll(struct file *f, struct poller *p);
void tty_hang_up(struct tty *t);		/* input has ended; its session's leader is told, and has none any more */
void tty_send_signal(struct tty *t, s32 signo);	/* to the foreground */

/* tty_session.c */
bool tty_is_mine(struct tty *t);		/* it controls the caller's session */
void tty_opened(struct tty *t);			/* by a leader without one: it is his now */
long tty_take_session(struct tty *t, u64 steal);
long tty_give_up(struct tty *t);
/* May the caller do what groups in the background are stopped for by @signo?  0; -EIO; -ERESTART: it was sent. */
long tty_check(struct tty *t, s32 signo);
async long tty_set_group(struct tty *t, uaddr_t arg);

/* tty_line.c; lock held: */
void tty_line_input(struct tty *t, u8 c);	/* one byte from the keyboard */
void tty_line_flush(struct tty *t);		/* forget input */
void tty_line_mode(struct tty *t, bool was_canonical);	/* ICANON may have changed */
u32 tty_line_output(struct tty *t, const char *s, u32 n);	/* into t->out; bytes of @s taken */
u32 tty_line_take(struct tty *t, struct uio *u);		/* to a reader: bytes consumed */
