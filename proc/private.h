/* SPDX-License-Identifier: MIT */
/* private.h: what the files of proc/ that make up a process's life share. */
#pragma once
#include "proc/process.h"

/* thread.c: tables and objects */
s32 pid_new(void);				/* proc_lock held */
void process_publish(struct process *p);	/* into the pid table; proc_lock held */
void thread_publish(struct thread *t);		/* into table and process; proc_lock held */
void thread_unpublish(struct thread *t);
void process_unpublish(struct process *p);	/* a zombie nobody will wait for any more */
void thread_free(struct thread *t);
void thread_take_pid(struct thread *t);
void process_set_exe(struct process *p, const char *path);	/* kept as it was without memory */
void process_discard(struct process *p);	/* never published */

/* Processes that are gone, and numbers given out; proc_lock held. */
struct procfs_totals;
void process_history(struct procfs_totals *sum);

/* All of them, without a lock: for dumps. */
void threads_peek(void (*fn)(struct thread *t));

/* dump.c: on panic and on a key of the serial port, say what all tasks do */
void dump_init(void);
/* procinfo.c: @put with the process of number @pid, or -ESRCH; procstate.c: the files made with it */
struct text;
long procinfo_put(s32 pid, struct text *t, long (*put)(struct text *t, struct process *p));
long proc_limits(s32 pid, struct text *t), proc_oom_score(s32 pid, struct text *t), proc_zero(s32 pid, struct text *t),
	proc_nobody(s32 pid, struct text *t), proc_personality(s32 pid, struct text *t), proc_cgroup(s32 pid, struct text *t);

/* timeline.c */
void timeline_name(const struct thread *t);	/* it is called so from now on */

/* exit.c */
void thread_times(struct thread *t, u64 *user_ns, u64 *kernel_ns);
void process_times_locked(struct process *p, u64 *user_ns, u64 *kernel_ns);

/* cputime.c: a thread gives up the hart, and somebody wants to know how much its process has used */
void cputime_check(struct thread *t);

/* ptimer.c */
void ptimers_stop(struct process *p);		/* exec and exit */
void ptimers_look(struct process *p);		/* the time of day was set; p->lock held */

/* load.c */
void load_totals(struct procfs_totals *sum);

/* exit.c */
async long thread_leave(struct co *co, struct thread *t);	/* gives up everything but itself */
void thread_gone(struct task *task);		/* task exit: accounts, becomes a zombie, is freed */
void process_out_of_memory(struct process *p);
async long process_needs_memory(struct vm *v);	/* oom.c */
void memory_leaves(void), memory_has_left(void);	/* the last thread of a process gives up its space */
void process_start_failed(struct thread *t, long error);

/* clone.c */
struct clone_request {
	u64	flags;
	uaddr_t	stack, parent_tid, child_tid, tls;
	s32	exit_signal;
	struct file *pidfd;		/* to be filled; NULL: none */
	s32	pidfd_number;
};
/* A new thread or process like the current one: published, not running; *@out. */
async long thread_clone(const struct clone_request *q, struct thread **out);
async long vfork_wait(struct process *child);
void vfork_done(struct process *p);
