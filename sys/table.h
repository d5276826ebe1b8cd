/* SPDX-License-Identifier: MIT */
/*
 * table.h: the table of system calls.  Each subject file of sys/ ends with a table of rows and
 * sys/table.c lists the tables.  A row names its call in traces, counters and documents.
 *
 * A body gets the six arguments as the program's registers hold them: narrow ints are cast at
 * its head.  Every body may be called on the fast path (interrupts off, straight from the trap) and,
 * if it returned PENDING, is called again from the thread's run loop with the same @co: starting over
 * and frames both work.  What it returns goes to the program; -ERESTART is turned into a restart
 * or -EINTR by signal delivery.
 *
 * A row may have a quick body besides, for the simple case: it starts over, and as long as it does not
 * return NOT_NOW, which it may only do before anything has happened, the real body is not called.
 */
#pragma once
#include "core/co.h"
#include "proc/calls.h"

typedef long syscall_fn(struct co *co, const u64 *a);

struct syscall {
	const char	*name;
	u32		number;
	u8		arity;
	u8		flags;
	async long	(*fn)(struct co *co, const u64 *a);
	const char	*args;		/* one letter an argument, for traces: sys/trace.c */
	async long	(*quick)(struct co *co, const u64 *a);	/* may be NULL */
};
enum {
	CALL_FULL = 1,		/* wants every register in the context: clone, exec, sigreturn */
	CALL_NO_RESULT = 2,	/* the context is already what it shall be: sigreturn, exec */
};

/* Calls that the headers may be too old to name; the numbers are the same on every machine. */
#ifndef __NR_mseal
#define __NR_cachestat		451
#define __NR_fchmodat2		452
#define __NR_futex_wake		454
#define __NR_futex_wait		455
#define __NR_futex_requeue	456
#define __NR_mseal		462
#endif

/* One row: ROW(read, 3, 0, "dbu") */
#define ROW(n, arity, flags, args) { #n, __NR_##n, arity, flags, sys_##n, args, NULL }
#define QUICK_ROW(n, arity, flags, args) { #n, __NR_##n, arity, flags, sys_##n, args, quick_##n }

extern const struct syscall *syscall_table[SYSCALLS];	/* NULL: ENOSYS */
#define LINUX_RELEASE "6.12.0-weir"		/* the Linux whose calls we have */
void sysctl_init(void);				/* /proc/sys */
void syscall_init(void);			/* fill it from the lists; a slot taken twice panics */

struct text;
long version_text(struct text *t);	/* /proc/version (sys/ident.c) */

/* Run the call of the current thread (first time or again): its result or PENDING. */
async long syscall_dispatch(struct co *co);
