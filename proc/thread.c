/* SPDX-License-Identifier: MIT */
/*
 * thread.c: the objects: processes, threads, and the tables that find them by number.
 * proc_lock guards the tables, the tree of processes and all numbers in it.
 */
#include <string.h>
#include "core/log.h"
#include "core/rcu.h"
#include "core/time.h"
#include "core/timeline.h"
#include "fs/procfs.h"
#include "mem/heap.h"
#include "proc/job.h"
#include "proc/private.h"

enum { HASH = 256, PID_MAX = 32768 };

spinlock_t proc_lock;
static LIST_HEAD(, process) processes[HASH];
static LIST_HEAD(, thread) threads[HASH];
static s32 last_pid;
static bool wrapped;				/* numbers may be in use */
static u32 process_total;
static u64 created, gone_user_ns;		/* processes and threads ever; time of those gone */

static struct slab process_slab = SLAB("process", struct process);
static struct slab thread_slab = {
	.name = "thread", .size = sizeof(struct thread) + THREAD_FRAMES, .align = 8,
};

/* --- numbers -------------------------------------------------------------------------------------------- */

static struct process *process_lookup(s32 pid)
{
	struct process *p;

	LIST_FOREACH(p, &processes[pid % HASH], hash)
		if (p->pid == pid)
			return p;
	return NULL;
}

static struct thread *thread_lookup(s32 tid)
{
	struct thread *t;

	LIST_FOREACH(t, &threads[tid % HASH], hash)
		if (t->tid == tid)
			return t;
	return NULL;
}

/* As a process, a thread, or the name of a living group or session. */
static bool pid_used(s32 pid)
{
	struct process *p;

	if (process_lookup(pid) || thread_lookup(pid))
		return true;
	for (u32 i = 0; i < HASH; i++)
		LIST_FOREACH(p, &processes[i], hash)
			if (p->pgid == pid || p->sid == pid)
				return true;
	return false;
}

s32 pid_new(void)
{
	for (s32 tries = 0; tries < PID_MAX; tries++) {
		if (++last_pid >= PID_MAX) {
			last_pid = 2;
			wrapped = true;
		}
		if (!wrapped || !pid_used(last_pid))
			return last_pid;
	}
	return -EAGAIN;
}

struct process *process_find(s32 pid)
{
	guard(&proc_lock);
	struct process *p = pid > 0 ? process_lookup(pid) : NULL;

	return p ? process_get(p) : NULL;
}

struct thread *thread_find(s32 tid)
{
	guard(&proc_lock);
	struct thread *t = tid > 0 ? thread_lookup(tid) : NULL;

	if (t)
		process_get(t->proc);
	return t;
}

static s32 next_of_few(struct process *p, s32 after)
{
	struct thread *t;
	s32 best = 0;

	TAILQ_FOREACH(t, &p->threads, link)
		if (t->tid > after && (!best || t->tid < best))
			best = t->tid;
	return best;
}

/* The table finds each of many threads in the time the list takes for one. */
s32 thread_next(struct process *p, s32 after)
{
	struct thread *t;
	guard(&proc_lock);

	if (p->thread_count < HASH / 4)
		return next_of_few(p, after);
	for (s32 tid = max(after, 0) + 1; tid < PID_MAX; tid++)
		if ((t = thread_lookup(tid)) && t->proc == p)
			return tid;
	return 0;
}

void process_each(void (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *p, *next;

	for (u32 i = 0; i < HASH; i++)
		for (p = LIST_FIRST(&processes[i]); p; p = next) {
			next = LIST_NEXT(p, hash);
			fn(p, arg);
		}
}

s32 job_next(struct job *j, s32 after)
{
	struct process *p;
	s32 best = 0;
	guard(&proc_lock);

	for (u32 i = 0; i < HASH; i++)
		LIST_FOREACH(p, &processes[i], hash)
			if (p->job == j && p->pid > after && (!best || p->pid < best))
				best = p->pid;
	return best;
}

void threads_peek(void (*fn)(struct thread *t))
{
	struct thread *t;

	for (u32 i = 0; i < HASH; i++)
		LIST_FOREACH(t, &threads[i], hash)
			fn(t);
}

void process_history(struct procfs_totals *sum)
{
	sum->user_ns = gone_user_ns;
	sum->created = created;
	sum->last_pid = last_pid;
}

u32 process_count(void) { return process_total; }

/* --- processes ------------------------------------------------------------------------------------------- */

static void limits_init(struct process *p)
{
	for (u32 i = 0; i < ARRAY_SIZE(p->limits); i++)
		p->limits[i] = (struct rlimit_k){ UINT64_MAX, UINT64_MAX };
	p->limits[3] = (struct rlimit_k){ 8 << 20, UINT64_MAX };	/* stack */
	p->limits[4] = (struct rlimit_k){ 0, UINT64_MAX };		/* core */
	p->limits[7] = (struct rlimit_k){ 1024, FD_MAX };		/* files */
	p->limits[12] = (struct rlimit_k){ 819200, 819200 };		/* bytes of message queues */
}

static void exe_put(struct exe *e)
{
	if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
		heap_free(e);
}

void process_set_exe(struct process *p, const char *path)
{
	u64 n = strlen(path) + 1;
	struct exe *e = heap_alloc(sizeof(*e) + n);

	if (!e)
		return;
	atomic_init(&e->refs, 1);
	memcpy(e->path, path, n);
	exe_put(p->exe);
	p->exe = e;
}

/* The identity of @p, where a fork's copy begins. */
static void identity_init(struct process *p, const struct process *from)
{
	enum { FIRST = offsetof(struct process, pgid) };

	if (!from) {
		memset((char *)p + FIRST, 0, sizeof(*p) - FIRST);
		limits_init(p);
		p->caps = (struct caps){ .effective = CAPS_ALL, .permitted = CAPS_ALL, .bounding = CAPS_ALL };
		return;
	}
	memcpy((char *)p + FIRST, (const char *)from + FIRST, sizeof(*p) - FIRST);
	if (p->exe)
		atomic_fetch_add_explicit(&p->exe->refs, 1, memory_order_relaxed);
}

struct process *process_create(struct job *job, struct process *from)
{
	struct process *p;

	/* The dead count until somebody has asked for them. */
	if (job->process_limit && atomic_load(&job->unreaped) >= job->process_limit)
		return NULL;
	p = slab_alloc(&process_slab);
	if (!p)
		return NULL;
	memset(p, 0, offsetof(struct process, pgid));
	identity_init(p, from);
	atomic_init(&p->refs, 1);
	p->job = job_get(job);
	p->exit_signal = SIGCHLD;
	p->start_ns = clock_now();
	LIST_INIT(&p->children);
	TAILQ_INIT(&p->threads);
	waitq_init(&p->watchers);
	waitq_init(&p->child_wait);
	waitq_init(&p->vfork_wait);
	signal_init(p);
	atomic_fetch_add(&job->processes, 1);
	atomic_fetch_add(&job->unreaped, 1);
	return p;
}

static void process_free(struct process *p)
{
	signal_forget(p, &p->pending);		/* nobody else knows it any more */
	sighand_put(p->sighand);
	exe_put(p->exe);
	job_put(p->job);
	slab_free(&process_slab, p);
}

void process_put(struct process *p)
{
	if (p && atomic_fetch_sub(&p->refs, 1) == 1)
		process_free(p);
}

void process_discard(struct process *p)
{
	atomic_fetch_sub(&p->job->processes, 1);
	atomic_fetch_sub(&p->job->unreaped, 1);
	if (p->vm)
		vm_put(p->vm);
	process_put(p);
}

void process_publish(struct process *p)
{
	LIST_INSERT_HEAD(&processes[p->pid % HASH], p, hash);
	if (p->parent)
		LIST_INSERT_HEAD(&p->parent->children, p, sibling);
	process_total++;
}

void process_unpublish(struct process *p)
{
	p->state = PROC_DEAD;
	wake_all(&p->watchers);
	gone_user_ns += p->user_ns;
	LIST_REMOVE(p, hash);
	if (p->parent)
		LIST_REMOVE(p, sibling);
	p->parent = NULL;
	process_total--;
	atomic_fetch_sub(&p->job->unreaped, 1);
	process_put(p);
}

/* --- threads ---------------------------------------------------------------------------------------------- */

char *thread_comm(struct thread *t) { return t->tid == t->proc->pid ? t->proc->comm : t->comm; }

struct thread *thread_create(struct process *p, struct files *files, struct fs_context *fs)
{
	struct thread *t = slab_alloc(&thread_slab);

	if (!t)
		return NULL;
	memset(t, 0, offsetof(struct thread, ctx));
	task_init(&t->task, p->comm, THREAD_FRAMES, thread_run, thread_gone);
	t->proc = process_get(p);
	t->calls = p->job->calls;
	t->files = files;
	t->fs = fs;
	t->vm = p->vm;
	t->traced = p->job->trace;
	t->calls_fast = t->traced ? syscall_traced : syscall_fast;
	memcpy(t->comm, task_current() && task_current()->main == thread_run ? thread_comm(thread_current()) : p->comm,
	       sizeof(t->comm));
	signal_thread_init(t);
	return t;
}

void thread_publish(struct thread *t)
{
	struct process *p = t->proc;

	guard(&p->lock);
	TAILQ_INSERT_TAIL(&p->threads, t, link);
	LIST_INSERT_HEAD(&threads[t->tid % HASH], t, hash);
	p->thread_count++;
	p->thread_live++;
	created++;
	timeline(TL_THREAD, t->tid, (u64)&t->task, p->pid);
	timeline_name(t);
	atomic_fetch_add(&p->job->started, 1);
}

void thread_unpublish(struct thread *t)
{
	guard(&t->proc->lock);
	TAILQ_REMOVE(&t->proc->threads, t, link);
	LIST_REMOVE(t, hash);
	t->proc->thread_count--;
}

/* Who execs is the process's only thread and gets its number. */
void thread_take_pid(struct thread *t)
{
	if (t->tid == t->proc->pid)
		return;
	guard(&proc_lock);
	guard(&t->proc->lock);
	LIST_REMOVE(t, hash);
	t->tid = t->proc->pid;
	LIST_INSERT_HEAD(&threads[t->tid % HASH], t, hash);
}

static void thread_free_rcu(struct rcu_head *h)
{
	slab_free(&thread_slab, container_of(h, struct thread, rcu));
}

/* Somebody may be about to wake it. */
void thread_free(struct thread *t)
{
	process_put(t->proc);
	rcu_free(&t->rcu, thread_free_rcu);
}

/* --- the first of a job ----------------------------------------------------------------------------------- */

static long spawn_failed(struct process *p, struct thread *t, struct exec_args *a, struct files *files,
			 struct fs_context *fs)
{
	if (t)
		thread_free(t);
	if (p)
		process_discard(p);
	exec_args_free(a);
	files_put(files);
	fs_context_put(fs);
	return -ENOMEM;
}

async long process_spawn(struct job *job, struct exec_args *a, struct files *files,
			 struct fs_context *fs)
{
	struct process *p = process_create(job, NULL);
	struct thread *t = NULL;
	s32 id;

	if (p)
		t = thread_create(p, files, fs);
	if (!t)
		return spawn_failed(p, NULL, a, files, fs);
	t->start = a;
	ctx_init(&t->ctx, 0, 0);
	{
		guard(&proc_lock);
		id = pid_new();
		if (id > 0) {
			t->tid = p->pid = p->pgid = p->sid = job->main_pid = id;
			process_publish(p);
			thread_publish(t);
		}
	}
	if (id < 0)
		return spawn_failed(p, t, a, files, fs);
	job->main = process_get(p);
	task_wake(&t->task);
	return 0;
}
