/* SPDX-License-Identifier: MIT */
/*
 * process.h: processes and their threads, as others see them.
 *
 * A process (thread group) owns what its threads share: address space, open files, signal
 * handlers, directories.  A thread is a task of the executor plus the registers of a program.
 * Information that others may look at is guarded by proc_lock (one for the tree of processes and the
 * pid table: parents, children, states) or process.lock (signals); what only the thread itself
 * touches needs no lock.  A process is counted: pid table, each thread, each job hold one.
 */
#pragma once
#include <sys/queue.h>
#include <linux/signal.h>
#include "core/wait.h"
#include "fs/files.h"
#include "mem/vm.h"

struct job;
struct thread;
struct trace;

enum { SIG_MAX = 64, SIGQUEUE_MAX = 1024 /* queued in a process */, TASK_COMM_LEN = 16 };

struct siginfo_k {			/* what the kernel keeps of a siginfo */
	s32	signo, code, error;
	s32	pid;
	u32	uid;
	s32	status;
	u64	addr;			/* or sigval */
	u64	utime, stime;
};
struct sigqueue {			/* one queued signal */
	TAILQ_ENTRY(sigqueue)	link;
	struct siginfo_k	info;
};
struct sigpending {			/* guarded by process.lock */
	u64				set;	/* bit n - 1: signal n */
	TAILQ_HEAD(, sigqueue)		queue;	/* infos; a standard signal at most once */
};
struct sigaction_k {
	uaddr_t	handler;		/* SIG_DFL 0, SIG_IGN 1 */
	u64	flags, mask;
};
struct sighand {			/* shared with CLONE_SIGHAND; NULL: all default */
	_Atomic u32		refs;
	u64			set;	/* bit n - 1: action[n - 1] means something; else default */
	struct sigaction_k	action[SIG_MAX];
};
extern const struct sigaction_k sigaction_default;
static inline const struct sigaction_k *sighand_action(const struct sighand *h, s32 n)
{
	return h && h->set >> (n - 1) & 1 ? &h->action[n - 1] : &sigaction_default;
}
static inline void sighand_set(struct sighand *h, s32 n, const struct sigaction_k *a)
{
	h->action[n - 1] = *a;
	if (a->handler | a->flags | a->mask)
		h->set |= 1ull << (n - 1);
	else
		h->set &= ~(1ull << (n - 1));
}
/* SIG_DFL, with the flags and mask it had. */
static inline void sighand_reset(struct sighand *h, s32 n)
{
	if (h)
		h->action[n - 1].handler = 0;
}

enum outcome {				/* how a job or process ended; names in docs/protocol.md */
	OUT_EXITED, OUT_SIGNALLED, OUT_TIMEOUT, OUT_OOM, OUT_NOEXEC, OUT_NOTFOUND, OUT_DENIED,
	OUT_CANCELLED, OUT_ERROR,
};

enum process_state { PROC_ALIVE, PROC_ZOMBIE, PROC_DEAD };

enum { STOP_NONE, STOP_STOPPED, STOP_CONTINUED };	/* process.stop_report */

struct rlimit_k { u64 cur, max; };

struct exe { _Atomic u32 refs; char path[]; };	/* of a program: absolute; shared by forks */

struct process {
	_Atomic u32		refs;
	spinlock_t		lock;		/* signals, threads */
	s32			pid;
	enum process_state	state;
	struct process		*parent;	/* NULL: the kernel reaps it */
	LIST_HEAD(, process)	children;
	LIST_ENTRY(process)	sibling;
	LIST_ENTRY(process)	hash;		/* pid table */
	TAILQ_HEAD(, thread)	threads;
	u32			thread_count;	/* in the list */
	u32			thread_live;	/* that have not begun to leave: the last drops vm */
	struct job		*job;		/* counted */
	struct vm		*vm;
	struct sighand		*sighand;
	struct sigpending	pending;	/* for any thread */
	struct waitq		watchers;	/* files on it (signalfd, pidfd): a signal came, it ended */
	struct waitq		child_wait;	/* wait4: a child changed state */
	struct waitq		vfork_wait;	/* the parent of a vfork: until exec or exit */
	bool			exiting;	/* exit_group or a deadly signal: all threads leave */
	bool			vforked;	/* parent waits on vfork_wait */
	bool			stopped;	/* threads wait on stop_wait */
	bool			stop_wanted;	/* a stop signal was taken and SIGCONT has not come since */
	bool			continued;	/* the parent is still to be told */
	u8			stop_report;	/* STOP_*: what wait4 has not told yet (proc_lock) */
	s32			stop_signal;	/* that stopped it (proc_lock) */
	s32			parent_death;	/* signal when the parent ends; 0: none (proc_lock) */
	u32			sig_queued;	/* entries in its signal queues (lock) */
	struct waitq		stop_wait;	/* until SIGCONT or SIGKILL */
	s32			exit_status;	/* as wait4 shows it */
	u32			spaces_seen;	/* oom.c: how many had ended when it asked last */
	s32			exit_signal;	/* to the parent: SIGCHLD */
	struct siginfo_k	death;		/* the signal that killed it, with address */
	uaddr_t			death_pc;
	const char		*death_cause;	/* one phrase: proc/cause.c */
	u64			start_ns;
	u64			user_ns, kernel_ns, instret;	/* of threads that are gone */
	u64			child_user_ns, child_kernel_ns;
	struct cpu_timer { u64 at, every; } cpu_timer[2];	/* ITIMER_VIRTUAL, ITIMER_PROF */
	u64			cpu_checked;	/* when cputime_check() looked last */
	u32			timer_count;	/* POSIX timers (lock) */
	s32			timer_id;	/* the next one's number */
	LIST_HEAD(, ptimer)	timers;
	u64			alarm_at, alarm_every;	/* ITIMER_REAL */
	struct task		*alarm_task;
	/* A fork copies all from here on. */
	s32			pgid, sid;
	s32			nice;
	bool			reset_on_fork;	/* children begin with nice >= 0, and without this */
	u16			ioprio;		/* as told; kept, not obeyed */
	struct caps {				/* CAP_*, one bit each */
		u64	effective, permitted, inheritable, bounding, ambient;
		u32	secure;			/* SECBIT_* */
	}			caps;
	u16			memory_policy;	/* MPOL_*, of a machine with one node */
	bool			memory_nodes;	/* node 0 is in its mask */
	u32			uid, euid, suid, gid, egid, sgid;
	bool			no_new_privs;	/* exec grants nothing, for ever */
	bool			cpu_watch;	/* a timer or limit of CPU time may be set */
	u32			group_count, groups[FS_GROUPS];	/* supplementary */
	struct rlimit_k		limits[16];
	char			comm[TASK_COMM_LEN];
	struct exe		*exe;		/* NULL: unknown */
};

struct thread {
	TAILQ_ENTRY(thread)	link;
	LIST_ENTRY(thread)	hash;
	struct process		*proc;		/* counted */
	s32			tid;
	bool			traced;
	char			comm[TASK_COMM_LEN];	/* of a thread that is not the first: that one's is proc->comm */
	const struct syscall_body *calls_fast;	/* what the fast path calls, by number */
	struct vm		*vm;		/* = proc->vm; NULL after it was given up */
	union {
		struct {
			struct files		*files;	/* counted */
			struct fs_context	*fs;	/* counted: cwd, root, umask */
		};
		struct rcu_head	rcu;		/* when it has gone */
	};
	u64			sig_mask;
	u64			sig_saved;	/* mask to restore after sigsuspend/ppoll */
	bool			sig_restore;
	bool			sig_norestart;	/* -ERESTART, but -EINTR after any handler */
	u64			sleep_until;	/* deadline of a sleep that was interrupted and may go on */
	u64			sig_waiting;	/* rt_sigtimedwait: these wake it though blocked */
	struct sigpending	pending;
	uaddr_t			altstack_sp;
	u64			altstack_size;
	u32			altstack_flags;
	uaddr_t			clear_child_tid, set_child_tid;
	uaddr_t			robust_list;
	struct trace		*trace;		/* the line being written (sys/trace.c) */
	struct siginfo_k	fault;		/* forced signal of the last fault */
	u64			kernel_ticks_seen;
	u64			faults;
	u8			call_state;	/* CALL_*: where the call under way is */
	bool			restart;	/* it was interrupted; the registers are as at the trap */
	bool			leave;		/* exit of this thread alone */
	s32			exit_code;	/* its status, should it be the last */
	_Atomic u64		*calls;		/* the job's counters */
	struct co		*call_co;	/* where the frames of system calls begin */
	async long		(*call_body)(struct co *co, const u64 *a);	/* of the call that was begun */
	struct exec_args	*start;		/* first thread of a job: the program to run */
	struct context		ctx;
	struct task		task;		/* last: its frames follow */
};
_Static_assert(offsetof(struct thread, task.pending) == offsetof(struct thread, ctx) + CTX_LOOK, "arch.h");
enum {
	CALL_NEW,		/* not begun */
	CALL_BEGUN,		/* returned PENDING */
	CALL_DONE,		/* its result is stored */
	CALL_FAULT,		/* no call: a page fault, which returned PENDING */
};
enum { THREAD_FRAMES = 432 };		/* make lint: more than the longest chain */

static inline struct thread *thread_of(struct task *t) { return container_of(t, struct thread, task); }
static inline struct thread *thread_current(void) { return thread_of(task_current()); }
/* Number of its present or last system call; SYSCALLS (512) for those beyond the table. */
static inline u32 thread_call(const struct thread *t) { return min(ctx_number(&t->ctx), 512ul); }
static inline struct process *process_current(void) { return thread_current()->proc; }

extern spinlock_t proc_lock;

/* May the caller look into @p (ptrace's question)?  By file system ids or by real ones. */
bool process_may_look(const struct process *p, bool fsids);
struct vm *process_space(struct process *p);	/* its memory, counted; NULL: it has none any more */

/* --- capabilities (proc/caps.c) --------------------------------------------------------------------- */
#define CAPS_ALL ((1ull << 41) - 1)
static inline bool capable(u32 cap) { return process_current()->caps.effective >> cap & 1; }
struct user_ids { u32 real, effective, saved; };
void caps_set_users(struct process *p, struct user_ids old);	/* user ids were @old, and have changed */
void caps_exec(struct process *p, bool set_id);			/* the new program's ids are there */

/* --- life (proc/run.c, clone.c, exec.c, exit.c) --------------------------------------------------- */

/* A new process of @job, without threads; a copy of @from, or NULL: the first.  NULL: no memory, or
 * too many. */
struct process *process_create(struct job *job, struct process *from);
struct thread *thread_create(struct process *p, struct files *files, struct fs_context *fs);
static inline struct process *process_get(struct process *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}
void process_put(struct process *p);
struct process *process_find(s32 pid);		/* counted; NULL */
struct thread *thread_find(s32 tid);		/* its process counted; NULL */
long thread_run(struct co *co, struct task *t);	/* the life of a thread: task main */
void process_exit(struct process *p, s32 status);	/* exit_group: all its threads will leave */
void process_kill(struct process *p);		/* SIGKILL from the kernel */
/* The thread of @p with the lowest number above @after; 0: none. */
s32 thread_next(struct process *p, s32 after);
/* For each living process, proc_lock held. */
void process_each(void (*fn)(struct process *p, void *arg), void *arg);
u32 process_count(void);
char *thread_comm(struct thread *t);		/* its name: the first thread's is the process's */
s32 job_next(struct job *j, s32 after);	/* smallest pid above @after of a process of @j, 0: none */
struct tty;
struct tty *process_tty(struct process *p);	/* that controls its session, counted, or NULL */
/* CPU time of a process so far, its living threads included. */
void process_times(struct process *p, u64 *user_ns, u64 *kernel_ns);

struct exec_args {				/* kernel copies; freed by exec_args_free() */
	char	*path;
	char	*strings;			/* argv then envp, NUL-terminated, back to back */
	u32	bytes, argc, envc;
	u32	room;
	u32	path_bytes;			/* of the path behind them, once exec_program() has put it there */
	/* execveat: the file is found by @at_path from @at, counted; path is what it is called then. */
	struct dentry *at;
	char	*at_path;			/* NULL: by path */
	bool	at_empty, at_nofollow, at_hidden;	/* hidden: path will not lead to it */
};
void exec_args_free(struct exec_args *a);
async long exec_args_read(struct exec_args *a, uaddr_t s, bool env);	/* the program's string at @s */
long exec_args_add(struct exec_args *a, const char *s, bool env);	/* -E2BIG, -ENOMEM */
/* Start the first process of a job: its only thread begins by running exec_program(@a).  Takes over
 * @a, @files and @fs, also when it fails; sets job->main (counted) and job->main_pid.  Failure of
 * exec is left in job->start_error (negative errno) and the process exits with 127. */
async long process_spawn(struct job *job, struct exec_args *a, struct files *files,
			 struct fs_context *fs);
/* Replace the current process's program.  On success the registers are those of the new program. */
async long exec_program(struct co *co, struct exec_args *a);

void program_init(void);			/* boot: pages every program has; dumps of tasks */
extern uaddr_t program_trampoline;		/* where handlers return to, from vm->vdso */

/* The file of another process's descriptor, counted, or NULL (proc/procinfo.c). */
struct file *process_file(s32 pid, u32 fd);

/* --- signals (proc/signal.c) ---------------------------------------------------------------------- */

long signal_send_process(struct process *p, const struct siginfo_k *info);	/* any thread */
long signal_send_thread(struct thread *t, const struct siginfo_k *info);
long signal_send_group(s32 pgid, const struct siginfo_k *info);	/* -ESRCH: nobody */
void signal_kernel(struct process *p, s32 signo);		/* SI_KERNEL */
bool signal_unwanted(struct thread *t, s32 signo);		/* blocked or ignored */
/* Nobody of its session outside its process group could continue it. */
bool process_orphaned(struct process *p);
void signal_orphans(struct process *p);				/* its parent is gone; proc_lock held */
/* From a POSIX timer, to thread @tid or (0) any: 1 queued; 0 ignored, or nobody is there; -EAGAIN. */
long signal_send_timer(struct process *p, s32 tid, const struct siginfo_k *info);
void ptimer_taken(struct process *p, struct siginfo_k *info);	/* its signal leaves the queue; p->lock held */
/* A fault of the current thread: cannot be blocked or ignored. */
void signal_force(struct thread *t, s32 signo, s32 code, uaddr_t addr);
bool signal_pending(struct thread *t);		/* one that is not blocked */
/* Before going back to the program: run what is pending.  Sets up handler frames, stops, or ends
 * the process: then a negative errno (the thread leaves).  @restart: the call under way returned
 * -ERESTART and the registers are still as at the trap (no result stored, pc at the trap
 * instruction): left so, the call runs again; or it becomes -EINTR and pc goes on behind the trap. */
async long signal_deliver(struct co *co, struct thread *t, bool restart);
async long signal_return(struct co *co, struct thread *t);	/* rt_sigreturn */
void signal_init(struct process *p);			/* empty queues of a new process */
void signal_thread_init(struct thread *t);
void signal_thread_exit(struct thread *t);	/* its pending ones go; others take over the process's */
void signal_forget(struct process *p, struct sigpending *s);	/* free the queue; p->lock held */
void signal_recalc(struct thread *t);		/* mask or pending set changed; proc->lock held */
void signal_set_mask(struct thread *t, u64 mask);
/* Tell @p's parent by SIGCHLD (or exit_signal) and wake its wait4; proc_lock held. @code: CLD_*. */
void signal_parent(struct process *p, s32 code, s32 status);
bool signal_autoreap(struct process *parent);	/* its children leave no zombies; proc_lock held */
/* Take a pending signal of @set (bit n - 1): its number and *@info, or 0. */
s32 signal_take(struct thread *t, u64 set, struct siginfo_k *info);
void siginfo_to_user(void *dst128, const struct siginfo_k *k);
long sighand_need(struct process *p);		/* p->sighand exists afterwards; -ENOMEM */
long sighand_copy(struct process *to, struct process *from);
long sighand_unshare(struct process *p);	/* no other process has it; -ENOMEM */
void sighand_put(struct sighand *h);
void sighand_exec(struct sighand *h);			/* handlers become default */
/* Why does @info kill the current thread's process: a phrase for the report. */
const char *death_cause(struct thread *t, const struct siginfo_k *info);
extern bool death_verbose;				/* registers and mappings go to the log */
void death_dump(struct thread *t, const struct siginfo_k *info);
const char *signal_name(s32 signo);			/* "SIGSEGV" */
const char *signal_code_name(s32 signo, s32 code);	/* "SEGV_MAPERR" */

/* --- interval timer (proc/alarm.c) ------------------------------------------------------------------ */
long alarm_set(struct process *p, u64 at, u64 every);	/* ITIMER_REAL; 0: off; -ENOMEM */
void alarm_get(struct process *p, u64 *left, u64 *every);
void alarm_stop(struct process *p);		/* the process is gone */

/* --- futex (proc/futex.c) ------------------------------------------------------------------------- */
long futex_wake(uaddr_t at, u32 n, u32 bits, bool shared);
/* clear_child_tid and robust mutexes; while the address space is still active; exec and exit.
 * Starts over; 0. */
async long futex_thread_exit(struct thread *t);
