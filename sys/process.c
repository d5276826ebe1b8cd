/* SPDX-License-Identifier: MIT */
/* process.c: system calls about processes: clone, execve, exit, wait, numbers, limits, prctl. */
#include <string.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <asm/siginfo.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include "core/log.h"
#include "fs/path.h"
#include "lib/print.h"
#include "mem/heap.h"
#include "sys/table.h"
#include "proc/clocks.h"
#include "proc/job.h"
#include "proc/private.h"
#include "proc/processfd.h"

/* --- clone ------------------------------------------------------------------------------------------ */

/* The parent's descriptor is not the child's. */
static void clone_give_pidfd(const struct clone_request *q, struct thread *new)
{
	pidfd_fill(q->pidfd, new->proc);
	if (new->files != thread_current()->files)
		fd_close(new->files, q->pidfd_number);
}

/* Start the new thread; a vfork's parent waits for the child to be done with its memory. */
static async long clone_run(struct co *co, const struct clone_request *q)
{
	struct {
		struct thread	*new;
		struct process	*child;
		s32		tid;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = thread_clone(q, &f->new));
	if (r)
		return r;
	f->tid = f->new->tid;
	f->child = process_get(f->new->proc);
	if (q->pidfd)
		clone_give_pidfd(q, f->new);
	task_wake(&f->new->task);
	if (q->flags & CLONE_VFORK)
		await(r = vfork_wait(f->child));
	process_put(f->child);
	return f->tid;
	co_end();
}

/* The same with CLONE_PIDFD: everything that may fail comes before there is a child. */
static async long clone_pidfd(struct co *co, const struct clone_request *q, uaddr_t at)
{
	struct { struct clone_request q; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = user_commit(at, sizeof(f->q.pidfd_number), ACCESS_WRITE));
	if (r)
		return r;
	f->q = *q;
	f->q.pidfd = pidfd_create(NULL, 0);
	if (!f->q.pidfd)
		return -ENOMEM;
	f->q.pidfd_number = fd_install(thread_current()->files, file_get(f->q.pidfd), 0, true);
	await(r = user_write(at, &f->q.pidfd_number, sizeof(f->q.pidfd_number)));
	if (f->q.pidfd_number < 0)
		r = f->q.pidfd_number;
	if (r >= 0)
		await(r = clone_run(co, &f->q));
	if (r < 0 && f->q.pidfd_number >= 0)
		fd_close(thread_current()->files, f->q.pidfd_number);
	file_put(f->q.pidfd);
	return r;
	co_end();
}

static async long clone_any(struct co *co, const struct clone_request *q, uaddr_t pidfd)
{
	return q->flags & CLONE_PIDFD ? clone_pidfd(co, q, pidfd) : clone_run(co, q);
}

static async long sys_clone(struct co *co, const u64 *a)
{
	const struct clone_request q = {
		.flags = (u32)a[0] & ~(u64)CSIGNAL, .exit_signal = a[0] & CSIGNAL, .stack = a[1],
		.parent_tid = a[2], .tls = a[3], .child_tid = a[4],
	};

	if (q.flags & CLONE_PIDFD && q.flags & CLONE_PARENT_SETTID)
		return -EINVAL;			/* one argument for both */
	return clone_any(co, &q, a[2]);
}

static async long read_clone3(struct clone_request *q, uaddr_t from, u64 size, uaddr_t *pidfd)
{
	struct clone_args c = { 0 };
	long r;

	if (size < 64 || size > PAGE_SIZE)
		return size < 64 ? -EINVAL : -E2BIG;
	r = user_read(&c, from, min(size, sizeof(c)));
	if (r)
		return r;
	if (c.set_tid_size || c.cgroup || c.flags & (CSIGNAL | CLONE_DETACHED))
		return -EINVAL;
	if (!c.stack != !c.stack_size || c.exit_signal > SIG_MAX)
		return -EINVAL;
	*pidfd = c.pidfd;
	*q = (struct clone_request){
		.flags = c.flags, .exit_signal = c.exit_signal, .stack = c.stack + c.stack_size,
		.parent_tid = c.parent_tid, .child_tid = c.child_tid, .tls = c.tls,
	};
	return 0;
}

static async long sys_clone3(struct co *co, const u64 *a)
{
	struct {
		struct clone_request q;
		uaddr_t pidfd;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_clone3(&f->q, a[0], a[1], &f->pidfd));
	if (r)
		return r;
	await(r = clone_any(co, &f->q, f->pidfd));
	return r;
	co_end();
}

/* --- execve ---------------------------------------------------------------------------------------------- */

/* Some pointers at once, but only what is in the page: how many are to be read at @at. */
enum { POINTERS = 8 };
static u32 pointers_at(uaddr_t at)
{
	return max(min((PAGE_SIZE - at % PAGE_SIZE) / sizeof(uaddr_t), (u64)POINTERS), 1ul);
}

/* Add the strings the program's array points to. */
static async long read_strings(struct exec_args *e, uaddr_t array, bool env)
{
	uaddr_t s[POINTERS];
	u32 n;
	long r = 0;

	for (u64 i = 0; array && !r; i += n) {
		if (i > 65536)
			return -E2BIG;
		n = pointers_at(array + i * sizeof(*s));
		r = user_read(s, array + i * sizeof(*s), n * sizeof(*s));
		for (u32 k = 0; !r && k < n; k++) {
			if (!s[k])
				return 0;
			r = exec_args_read(e, s[k], env);
		}
	}
	return r;
}

/* The path goes through the room for the strings. */
static async long read_path(struct exec_args *e, uaddr_t path)
{
	long r = exec_args_read(e, path, false);

	if (!r && e->bytes > 4096)
		r = -ENAMETOOLONG;
	if (!r && !(e->path = heap_string(e->strings)))
		r = -ENOMEM;
	e->bytes = e->argc = 0;
	return r == -E2BIG ? -ENAMETOOLONG : r;
}

/* Starts over, with what there is of @e. */
static async long read_args(struct exec_args *e, const u64 *a)
{
	long r = 0;

	e->bytes = e->argc = e->envc = 0;
	if (!e->path)
		r = read_path(e, a[0]);
	if (!r)
		r = read_strings(e, a[1], false);
	if (!r && !e->argc)
		r = exec_args_add(e, "", false);
	if (!r)
		r = read_strings(e, a[2], true);
	return r;
}

static async long sys_execve(struct co *co, const u64 *a)
{
	struct {
		struct exec_args *args;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	f->args = heap_zero(sizeof(*f->args));
	if (!f->args)
		return -ENOMEM;
	await(r = read_args(f->args, a));
	if (!r)
		await(r = exec_program(co, f->args));
	if (r == -ENOENT || r == -EACCES)
		r = syscall_note(r, f->args->path ? f->args->path : "");
	exec_args_free(f->args);
	return r;
	co_end();
}

/* What execveat() names: @a->path becomes the name the program is told, at_path leads to it. */
static async long read_place(struct exec_args *e, const u64 *a)
{
	char name[32];
	u32 flags = a[4];
	struct file *f;
	long r = e->path ? 0 : read_path(e, a[1]);

	if (r || e->at_path || e->at)
		return r;
	if (!*e->path && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	if (!*e->path && (s32)a[0] == AT_FDCWD)
		return -EACCES;			/* a directory */
	e->at_nofollow = flags & AT_SYMLINK_NOFOLLOW;
	e->at_empty = flags & AT_EMPTY_PATH;
	e->at_path = e->path;
	e->path = NULL;
	if ((s32)a[0] == AT_FDCWD || *e->at_path == '/')
		return (e->path = heap_string(e->at_path)) ? 0 : -ENOMEM;
	if (!(f = fd_get(thread_current()->files, (u32)a[0])))
		return -EBADF;
	e->at = file_dentry(f);
	e->at_hidden = fd_cloexec(thread_current()->files, (u32)a[0], false, false) > 0;
	file_put(f);
	snprint(name, sizeof(name), "/dev/fd/%d%s", (s32)a[0], *e->at_path ? "/" : "");
	if (!(e->path = heap_alloc(strlen(name) + strlen(e->at_path) + 1)) || !e->at)
		return -ENOMEM;
	memcpy(e->path, name, strlen(name) + 1);
	memcpy(e->path + strlen(name), e->at_path, strlen(e->at_path) + 1);
	return 0;
}

static async long sys_execveat(struct co *co, const u64 *a)
{
	struct {
		struct exec_args *args;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[4] & ~(u32)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	f->args = heap_zero(sizeof(*f->args));
	if (!f->args)
		return -ENOMEM;
	await(r = read_place(f->args, a));
	if (!r)
		await(r = read_args(f->args, a + 1));
	if (!r)
		await(r = exec_program(co, f->args));
	if (r == -ENOENT || r == -EACCES)
		r = syscall_note(r, f->args->path ? f->args->path : "");
	exec_args_free(f->args);
	return r;
	co_end();
}

/* --- exit ---------------------------------------------------------------------------------------------- */

static async long sys_exit(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();

	t->exit_code = a[0];
	t->leave = true;
	task_interrupt(&t->task, WAIT_SIGNAL | WAIT_KILL);
	return 0;
}

static async long sys_exit_group(struct co *co, const u64 *a)
{
	process_exit(process_current(), (a[0] & 255) << 8);
	return 0;
}

/* --- wait ---------------------------------------------------------------------------------------------- */

struct wait_for {
	u32	type;			/* P_ALL, P_PID, P_PGID */
	s32	id;
	u32	options;
};
struct wait_result {
	s32	pid, status, code;	/* pid 0: nobody yet */
	u32	uid;
	u64	user_ns, kernel_ns;
};

static bool wait_matches(const struct process *c, const struct wait_for *w)
{
	if (w->type == P_PID && c->pid != w->id)
		return false;
	if (w->type == P_PGID && c->pgid != w->id)
		return false;
	if (w->options & __WALL)
		return true;
	return !(w->options & __WCLONE) == (c->exit_signal == SIGCHLD);
}

static void wait_fill(struct wait_result *r, const struct process *c, s32 code, s32 status)
{
	*r = (struct wait_result){ c->pid, status, code, c->uid, c->user_ns, c->kernel_ns };
}

static bool wait_zombie(struct process *p, struct process *c, u32 options, struct wait_result *r)
{
	if (c->state != PROC_ZOMBIE || !(options & WEXITED))
		return false;
	wait_fill(r, c, c->exit_status & 127 ? CLD_KILLED : CLD_EXITED, c->exit_status);
	if (!(options & WNOWAIT)) {
		p->child_user_ns += c->user_ns + c->child_user_ns;
		p->child_kernel_ns += c->kernel_ns + c->child_kernel_ns;
		process_unpublish(c);
	}
	return true;
}

static bool wait_stopped(struct process *c, u32 options, struct wait_result *r)
{
	if (c->stop_report == STOP_STOPPED && options & WUNTRACED)
		wait_fill(r, c, CLD_STOPPED, c->stop_signal << 8 | 0x7f);
	else if (c->stop_report == STOP_CONTINUED && options & WCONTINUED)
		wait_fill(r, c, CLD_CONTINUED, 0xffff);
	else
		return false;
	if (!(options & WNOWAIT))
		c->stop_report = STOP_NONE;
	return true;
}

/* Look at all children; wait if one of them may still do what is asked for. */
static async long wait_child(const struct wait_for *w, struct wait_result *r)
{
	struct process *p = process_current(), *c;
	bool any = false;
	long e;
	guard(&proc_lock);

	LIST_FOREACH(c, &p->children, sibling) {
		if (!wait_matches(c, w))
			continue;
		any = true;
		if (wait_zombie(p, c, w->options, r) || wait_stopped(c, w->options, r))
			return 0;
	}
	r->pid = 0;
	if (!any)
		return -ECHILD;
	if (w->options & WNOHANG)
		return 0;
	e = wait_on(&p->child_wait);
	return e == -EINTR ? -ERESTART : e;
}

static void fill_rusage(struct rusage *u, const struct wait_result *r)
{
	memset(u, 0, sizeof(*u));
	u->ru_utime.tv_sec = r->user_ns / 1000000000;
	u->ru_utime.tv_usec = r->user_ns / 1000 % 1000000;
	u->ru_stime.tv_sec = r->kernel_ns / 1000000000;
	u->ru_stime.tv_usec = r->kernel_ns / 1000 % 1000000;
}

static async long put_rusage(uaddr_t to, const struct wait_result *r)
{
	struct rusage u;

	if (!to)
		return 0;
	fill_rusage(&u, r);
	return user_write(to, &u, sizeof(u));
}

/* The buffers are made present first: once the child is reaped nothing may have to wait. */
static async long make_present(uaddr_t at, u64 n)
{
	return !at || vm_ready(thread_current()->vm, at, n, ACCESS_WRITE) ?
	       0 : user_commit(at, n, ACCESS_WRITE);
}

static async long wait_commit(uaddr_t a, u64 na, uaddr_t b, u64 nb)
{
	long r = make_present(a, na);

	if (!r)
		r = make_present(b, nb);
	return r == -EFAULT ? 0 : r;
}

static async long sys_wait4(struct co *co, const u64 *a)
{
	s32 pid = a[0];
	struct wait_for w = {
		.type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID,
		.id = pid > 0 ? pid : pid ? (s32)-(u32)pid : process_current()->pgid,
		.options = (u32)a[2] | WEXITED,
	};
	struct wait_result got;
	long r;

	if ((u32)a[2] & ~(u32)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE))
		return -EINVAL;
	if (pid == (s32)0x80000000)
		return -ESRCH;
	r = wait_commit(a[1], 4, a[3], sizeof(struct rusage));
	if (!r)
		r = wait_child(&w, &got);
	if (r || !got.pid)
		return r;
	if (a[1] && user_write(a[1], &got.status, 4))
		return -EFAULT;
	return put_rusage(a[3], &got) ? -EFAULT : got.pid;
}

static void fill_siginfo(struct siginfo_k *i, const struct wait_result *r)
{
	*i = (struct siginfo_k){
		.signo = r->pid ? SIGCHLD : 0, .code = r->pid ? r->code : 0, .pid = r->pid, .uid = r->uid,
		.status = r->code == CLD_EXITED ? r->status >> 8 & 255 : r->code == CLD_STOPPED ?
			r->status >> 8 & 255 : r->code == CLD_CONTINUED ? SIGCONT : r->status & 127,
	};
}

/* P_PIDFD is P_PID of the process it stands for; a non-blocking one does not wait. */
static long wait_pidfd(struct wait_for *w, bool *nowait)
{
	struct file *f = fd_get(thread_current()->files, (u32)w->id);
	struct process *p;
	long r;

	if (!f)
		return -EBADF;
	*nowait = f->flags & O_NONBLOCK;
	r = pidfd_process(f, &p);
	file_put(f);
	if (r)
		return r;
	w->type = P_PID;
	w->id = p->pid;
	process_put(p);
	return 0;
}

static async long sys_waitid(struct co *co, const u64 *a)
{
	struct wait_for w = { .type = a[0], .id = a[1], .options = (u32)a[3] };
	struct wait_result got = { 0 };
	struct siginfo_k info;
	bool nowait = false;
	u8 user[128];
	long r;

	if (w.options & ~(u32)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WALL |
			       __WCLONE) || !(w.options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	if (w.type > P_PIDFD || (w.type != P_ALL && w.id < 0))
		return -EINVAL;
	if (w.type == P_PIDFD && (r = wait_pidfd(&w, &nowait)))
		return r;
	if (nowait)
		w.options |= WNOHANG;
	if (w.type == P_PGID && !w.id)
		w.id = process_current()->pgid;
	r = wait_commit(a[2], 128, a[4], sizeof(struct rusage));
	if (!r)
		r = wait_child(&w, &got);
	if (!r && !got.pid && nowait && !(a[3] & WNOHANG))
		return -EAGAIN;
	if (r)
		return r;
	fill_siginfo(&info, &got);
	siginfo_to_user(user, &info);
	if (a[2] && user_write(a[2], user, sizeof(user)))
		return -EFAULT;
	return got.pid && put_rusage(a[4], &got) ? -EFAULT : 0;
}

/* --- numbers ------------------------------------------------------------------------------------------- */

static async long sys_getpid(struct co *co, const u64 *a) { return process_current()->pid; }
static async long sys_gettid(struct co *co, const u64 *a) { return thread_current()->tid; }

/* Orphans belong to the kernel, which has the number every program expects of init. */
static async long sys_getppid(struct co *co, const u64 *a)
{
	struct process *parent = process_current()->parent;

	return parent ? parent->pid : 0;
}

static async long sys_set_tid_address(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();

	t->clear_child_tid = a[0];
	return t->tid;
}

static long number_of(s32 pid, bool session)
{
	struct process *p = pid ? process_find(pid) : process_get(process_current());
	long r;

	if (!p)
		return -ESRCH;
	r = session ? p->sid : p->pgid;
	process_put(p);
	return r;
}

static async long sys_getpgid(struct co *co, const u64 *a) { return number_of(a[0], false); }
static async long sys_getsid(struct co *co, const u64 *a) { return number_of(a[0], true); }

struct group_search { s32 pgid, sid; bool found; };

static void group_search_one(struct process *p, void *arg)
{
	struct group_search *g = arg;

	g->found |= p->pgid == g->pgid && p->sid == g->sid;
}

static long setpgid_check(struct process *me, struct process *p, s32 pgid)
{
	struct group_search g = { pgid, me->sid, false };

	if (p != me && p->parent != me)
		return -ESRCH;
	if (p->sid != me->sid || p->sid == p->pid)
		return -EPERM;
	if (pgid == p->pid)
		return 0;
	process_each(group_search_one, &g);
	return g.found ? 0 : -EPERM;
}

static async long sys_setpgid(struct co *co, const u64 *a)
{
	struct process *me = process_current();
	s32 pid = (s32)a[0] ? (s32)a[0] : me->pid, pgid = (s32)a[1] ? (s32)a[1] : pid;
	struct process *p;
	long r;

	if (pgid < 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p)
		return -ESRCH;
	{
		guard(&proc_lock);
		r = setpgid_check(me, p, pgid);
		if (!r)
			p->pgid = pgid;
	}
	process_put(p);
	return r;
}

static void group_exists_one(struct process *p, void *arg)
{
	struct group_search *g = arg;

	g->found |= p->pgid == g->pgid;
}

static async long sys_setsid(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct group_search g = { .pgid = p->pid };
	guard(&proc_lock);

	process_each(group_exists_one, &g);
	if (g.found)
		return -EPERM;
	p->sid = p->pgid = p->pid;
	return p->sid;
}

/* --- limits --------------------------------------------------------------------------------------------- */

/* p->lock held: it may be another process. */
static void limit_apply(struct process *p, u32 which)
{
	struct thread *t = TAILQ_FIRST(&p->threads);

	if (which == RLIMIT_NOFILE && t && t->files)
		files_set_limit(t->files, min(p->limits[which].cur, (u64)FD_MAX));
	else if (which == RLIMIT_AS && p->vm)
		p->vm->limit = p->limits[which].cur;
	else if (which == RLIMIT_STACK && p->vm)
		p->vm->stack_limit = min(p->limits[which].cur, 1ul << 30);
}

static bool may_limit(const struct process *me, const struct process *p)
{
	return me == p || !me->euid ||
	       (me->uid == p->uid && me->uid == p->euid && me->uid == p->suid && me->gid == p->gid &&
		me->gid == p->egid && me->gid == p->sgid);
}

static long limit_change(struct process *p, u32 which, const struct rlimit_k *set, struct rlimit_k *old)
{
	struct process *me = process_current();
	guard(&p->lock);

	if (!may_limit(me, p))
		return -EPERM;
	*old = p->limits[which];
	if (!set)
		return 0;
	if (set->cur > set->max)
		return -EINVAL;
	if (set->max > old->max && me->euid)
		return -EPERM;
	p->limits[which] = *set;
	limit_apply(p, which);
	return 0;
}

static async long sys_prlimit64(struct co *co, const u64 *a)
{
	struct rlimit_k set, old;
	struct process *p;
	long r;

	if (a[1] >= ARRAY_SIZE(p->limits))
		return -EINVAL;
	if (a[2] && (r = user_get(set, a[2])))
		return r;
	p = (s32)a[0] ? process_find((s32)a[0]) : process_get(process_current());
	if (!p)
		return -ESRCH;
	r = limit_change(p, a[1], a[2] ? &set : NULL, &old);
	if (!r && a[2] && a[1] == RLIMIT_CPU)
		cputime_limit(p);
	process_put(p);
	return !r && a[3] ? user_put(a[3], old) : r;
}

static async long sys_getrlimit(struct co *co, const u64 *a)
{
	const u64 b[6] = { 0, a[0], 0, a[1] };

	return sys_prlimit64(co, b);
}

static async long sys_setrlimit(struct co *co, const u64 *a)
{
	const u64 b[6] = { 0, a[0], a[1], 0 };

	return a[1] ? sys_prlimit64(co, b) : -EFAULT;
}

/* --- the rest ------------------------------------------------------------------------------------------- */

long caps_prctl(const u64 *a);		/* sys/caps.c */

static async long sys_prctl(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	char name[TASK_COMM_LEN] = "";
	long r;

	switch (a[0]) {
	case PR_SET_NAME:
		r = user_string(name, a[1], sizeof(name) - 1);
		if (r < 0 && r != -ENAMETOOLONG)
			return r;
		memcpy(thread_comm(thread_current()), name, sizeof(name));
		return 0;
	case PR_GET_NAME:
		return user_write(a[1], thread_comm(thread_current()), TASK_COMM_LEN);
	case PR_SET_PDEATHSIG:
		if (a[1] > SIG_MAX)
			return -EINVAL;
		p->parent_death = a[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return user_put(a[1], p->parent_death);
	case PR_GET_DUMPABLE:
		return 1;
	case PR_SET_NO_NEW_PRIVS:
		if (a[1] != 1 || a[2] || a[3] || a[4])
			return -EINVAL;
		p->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : p->no_new_privs;
	default:
		return caps_prctl(a);
	}
}

static async long sys_personality(struct co *co, const u64 *a)
{
	return (u32)a[0] == 0xffffffff || !(u32)a[0] ? 0 :
	       syscall_refuse(-EINVAL, "personality", a[0]);
}

#ifdef __NR_riscv_flush_icache
static async long sys_riscv_flush_icache(struct co *co, const u64 *a)
{
	arch_fence_instructions();
	return a[2] & ~1ul ? -EINVAL : 0;
}
#endif

const struct syscall process_calls[] = {
	ROW(clone, 5, CALL_FULL, "xpppp"),
	ROW(clone3, 2, CALL_FULL, "pu"),
	ROW(execve, 3, CALL_FULL | CALL_NO_RESULT, "spp"),
	ROW(execveat, 5, CALL_FULL | CALL_NO_RESULT, "Asppx"),
	ROW(exit, 1, 0, "d"),
	ROW(exit_group, 1, 0, "d"),
	ROW(wait4, 4, 0, "dpxp"),
	ROW(waitid, 5, 0, "ddpxp"),
	ROW(getpid, 0, 0, ""),
	ROW(getppid, 0, 0, ""),
	ROW(gettid, 0, 0, ""),
	ROW(set_tid_address, 1, 0, "p"),
	ROW(getpgid, 1, 0, "d"),
	ROW(getsid, 1, 0, "d"),
	ROW(setpgid, 2, 0, "dd"),
	ROW(setsid, 0, 0, ""),
	ROW(prlimit64, 4, 0, "ddpp"),
	ROW(getrlimit, 2, 0, "dp"),
	ROW(setrlimit, 2, 0, "dp"),
	ROW(prctl, 5, 0, "duuuu"),
	ROW(personality, 1, 0, "x"),
#ifdef __NR_riscv_flush_icache
	ROW(riscv_flush_icache, 3, 0, "ppx"),
#endif
	{ 0 },
};
