/* SPDX-License-Identifier: MIT */
/*
 * calls.h: what a process's life needs of the system calls above it.  Declared here, like the end of
 * arch/arch.h, and supplied by sys/table.c and sys/trace.c.
 */
#pragma once
#include "core/co.h"

struct thread;
struct siginfo_k;

enum { SYSCALLS = 512 };		/* numbers below are counted and may have a row */

/* What the fast path calls, by number.  Every entry is there: those that must go through the run loop
 * say so.  A traced thread has a table in which all do. */
struct syscall_body { async long (*fn)(struct co *co, const u64 *a); };
extern const struct syscall_body *const syscall_fast, *const syscall_traced;
const char *syscall_name(u32 number);		/* "read"; for unknown ones "syscall_999" */
/* After CAUSE_SYSCALL: bring the call of the current thread to its end, wherever it is. */
async long syscall_continue(struct co *co, struct thread *t);
/* A refused flag or unimplemented request: log once, remember for --explain; returns @error. */
long syscall_refuse(long error, const char *what, u64 value);
/* A path that was not found and the like: remembered for --explain. Returns @error. */
long syscall_note(long error, const char *path);

/* --- trace.c: strace in the kernel; for threads that are traced --------------------------------- */

/* Around the call of the current thread; its result in between.  Start over. */
async long trace_enter(struct thread *t);
async long trace_exit(struct thread *t, long result);
async long trace_signal(struct thread *t, const struct siginfo_k *info);
async long trace_end(struct thread *t);		/* "+++ exited with 0 +++", once all threads are gone */
void trace_free(struct thread *t);
