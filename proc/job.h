/* SPDX-License-Identifier: MIT */
/*
 * job.h: a batch job: a group of processes that is limited, counted and reported as one.
 * Counted: each of its processes holds a reference, the batch runner one.  Counters are
 * only written by the harts that run the job's threads.
 */
#pragma once
#include "core/wait.h"
#include "mem/page.h"
#include "proc/process.h"
#include "proc/calls.h"

struct ipc;
struct tty;

struct last_error { u32 call; s32 error; char path[64]; char detail[48]; };

struct job {
	_Atomic u32		refs;
	u32			number;		/* line in the job file, from 0 */
	struct charge		charge;		/* memory: limit, use, peak */
	_Atomic u32		processes;	/* alive: processes */
	_Atomic u32		unreaped;	/* processes that have a number: the living and zombies */
	_Atomic u32		started;	/* processes and threads ever */
	u32			process_limit;	/* 0: none; unreaped beyond it: fork is -EAGAIN */
	s32			main_pid;
	struct process		*main;		/* counted until reported */
	bool			trace;		/* strace */
	bool			timed_out, cancelled, oom;
	s32			start_error;	/* exec of the first program failed: negative errno */
	u32			io_frames;
	u64			start_ns, deadline;
	u64			user_ns, kernel_ns, instret;	/* of threads that are gone */
	_Atomic u64		faults;
	char			nodename[65], domainname[65];
	_Atomic u64		*calls;		/* counts by number: SYSCALLS entries */
	struct last_error	errors[8];
	u32			error_count;
	struct tty		*tty;		/* its terminal, counted; NULL: none */
	struct waitq		wait;		/* woken when processes reaches 0 or main has ended */
	_Atomic(struct ipc *)	ipc;		/* proc/ipc.h; NULL: it has none */
	const struct job_spec	*spec;		/* what the host asked for (lib/jobspec.h) */
};

struct job *job_create(u32 number, u64 memory_limit);
static inline struct job *job_get(struct job *j) { atomic_fetch_add(&j->refs, 1); return j; }
void job_put(struct job *j);
void job_kill(struct job *j);			/* SIGKILL to every process of it */

/* Remember for --explain: the call under way failed with @error. */
void job_note(struct job *j, u32 call, s32 error, const char *path, const char *detail);

/* The batch runner: a kernel task that runs all jobs of /.weir/jobs, reports and powers off. */
void batch_start(void);
extern u64 boot_ticks, boot_instret;		/* at kernel entry; set by kernel_main() */
