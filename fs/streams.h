/* SPDX-License-Identifier: MIT */
/*
 * streams.h: the standard streams of a job: frames to and from the host, with or without a terminal
 * in between.
 *
 * Without: console_stdin() and console_stdout() are plain byte streams.  With: one tty per job, all
 * three streams are tty_open() of it, and /dev/tty finds it through tty_current.
 */
#pragma once
#include "dev/console.h"
#include "fs/files.h"

/* A file over dev/console.h: @stream 1, 2 (output), 3 (trace). NULL: no memory. */
struct file *console_stdout(u32 job, u32 stream);
/* A file over @in, which must outlive it; attaching and detaching @in is the caller's. */
struct file *console_stdin(struct input *in);
struct file *null_open(u32 flags);		/* /dev/null: standard input of most jobs */

struct tty;
/* A terminal for @job fed by @in, which must have its ring and outlive it; sets in->received and
 * in->data: attach it afterwards, detach it before tty_put().  Counted, one reference; NULL: no memory. */
struct tty *tty_create(u32 job, struct input *in, u16 rows, u16 cols);
struct tty *tty_get(struct tty *t);
void tty_put(struct tty *t);			/* with the last one nobody uses the input any more */
struct file *tty_open(struct tty *t, u32 flags);	/* NULL: no memory */
void tty_set_size(struct tty *t, u16 rows, u16 cols);	/* and SIGWINCH */
/* Session and foreground process group; 0: none. */
s32 tty_session(struct tty *t);
void tty_set_session(struct tty *t, s32 sid, s32 pgrp);
s32 tty_foreground(struct tty *t);
void tty_leave_session(struct tty *t, bool leader_ends);	/* the foreground is told */
u32 tty_number(const struct tty *t);		/* as /proc/PID/stat shows it */

/* Set by proc/: @signo to the foreground group @pgrp, or the process -@pgrp; the caller's terminal (counted) or NULL; the
 * caller's group and session. */
extern void (*tty_signal)(struct tty *t, s32 pgrp, s32 signo);
extern struct tty *(*tty_current)(void);
extern s32 (*tty_caller)(s32 *sid, s32 *pid);	/* process group of the caller */
extern long (*tty_background)(struct tty *t, s32 signo);	/* tty_check() */
extern long (*tty_group)(s32 pgrp);		/* is it one of the caller's session: -ESRCH, -EPERM */
