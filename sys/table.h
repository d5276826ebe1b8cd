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
 */
#pragma once
#include "core/co.h"

enum { SYSCALLS = 512 };

typedef long syscall_fn(struct co *co, const u64 *a);

struct syscall {
	const char	*name;
	u32		number;
	u8		arity;
	u8		flags;
	async long	(*fn)(struct co *co, const u64 *a);
	const char	*args;		/* one letter an argument, for traces: sys/trace.c */
};
enum {
	CALL_FULL = 1,		/* wants every register in the context: clone, exec, sigreturn */
	CALL_NO_RESULT = 2,	/* the context is already what it shall be: sigreturn, exec */
};

/* One row: ROW(read, 3, 0, "dbu") */
#define ROW(n, arity, flags, args) { #n, __NR_##n, arity, flags, sys_##n, args }

extern const struct syscall *syscall_table[SYSCALLS];	/* NULL: ENOSYS */
/* What the fast path calls, by number.  Every entry is there: those that must go through the run loop
 * say so.  A traced thread has a table in which all do. */
struct syscall_body { async long (*fn)(struct co *co, const u64 *a); };
extern const struct syscall_body *const syscall_fast, *const syscall_traced;
void syscall_init(void);			/* fill it from the lists; a slot taken twice panics */
const char *syscall_name(u32 number);		/* "read"; for unknown ones "syscall_999" */

/* Run the call of the current thread (first time or again): its result or PENDING. */
async long syscall_dispatch(struct co *co);
/* A refused flag or unimplemented request: log once, remember for --explain; returns @error. */
long syscall_refuse(long error, const char *what, u64 value);
/* A path that was not found and the like: remembered for --explain. Returns @error. */
long syscall_note(long error, const char *path);

/* --- trace.c: strace in the kernel; for threads with SLOW_TRACE --------------------------------- */

struct thread;
struct siginfo_k;
/* Around the call of the current thread; its result in between.  Start over. */
async long trace_enter(struct thread *t);
async long trace_exit(struct thread *t, long result);
async long trace_signal(struct thread *t, const struct siginfo_k *info);
async long trace_end(struct thread *t);		/* "+++ exited with 0 +++", once all threads are gone */
void trace_free(struct thread *t);
