/* SPDX-License-Identifier: MIT */
/*
 * procinfo.c: what /proc tells about processes.  A program sees the processes of its own job only;
 * the kernel itself sees all.  Nothing here waits: memory of other programs is read through their
 * page tables, and pages that are not there are left out.
 */
#include <linux/resource.h>
#include <string.h>
#include "core/time.h"
#include "fs/dentry.h"
#include "fs/fdtable.h"
#include "fs/files.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "fs/streams.h"
#include "lib/print.h"
#include "lib/text.h"
#include "mem/user.h"
#include "proc/batch.h"
#include "proc/private.h"

enum { TICK_NS = NSEC_PER_SEC / 100 };

static struct thread *caller(void)
{
	struct task *t = task_current();

	return t && t->main == thread_run ? thread_of(t) : NULL;
}

static bool visible(const struct process *p)
{
	struct thread *me = caller();

	return !me || me->proc->job == p->job;
}

/* By the number of the process or one of its threads.  Counted; NULL if there is none to be seen. */
static struct process *find(s32 pid)
{
	struct process *p = process_find(pid);
	struct thread *t = p ? NULL : thread_find(pid);

	if (t)
		p = t->proc;
	if (p && !visible(p)) {
		process_put(p);
		return NULL;
	}
	return p;
}

static struct vm *vm_of(struct process *p)
{
	guard(&p->lock);
	return p->vm ? vm_get(p->vm) : NULL;
}

/* --- which there are --------------------------------------------------------------------------------- */

struct next { s32 after, best; };

static void next_one(struct process *p, void *arg)
{
	struct next *n = arg;

	if (p->pid > n->after && (!n->best || p->pid < n->best) && visible(p))
		n->best = p->pid;
}

static s32 next_process(s32 after)
{
	struct next n = { after, 0 };
	guard(&proc_lock);

	process_each(next_one, &n);
	return n.best;
}

static s32 next_thread(s32 pid, s32 after)
{
	struct process *p = find(pid);
	s32 next = p ? thread_next(p, after) : 0;

	process_put(p);
	return next;
}

static bool owner(s32 pid, u32 *uid, u32 *gid)
{
	struct process *p = find(pid);

	if (!p)
		return false;
	*uid = p->euid;
	*gid = p->egid;
	process_put(p);
	return true;
}

static s32 self(void) { return caller() ? caller()->proc->pid : 0; }
static s32 thread_self(void) { return caller() ? caller()->tid : 0; }

/* --- open files ---------------------------------------------------------------------------------------- */

static struct files *files_of(s32 pid)
{
	struct process *p = find(pid);
	struct files *fs = NULL;
	struct thread *t;

	if (!p)
		return NULL;
	{
		guard(&p->lock);
		t = TAILQ_FIRST(&p->threads);
		if (t && t->files)
			fs = files_get(t->files);
	}
	process_put(p);
	return fs;
}

struct file *process_file(s32 pid, u32 fd)
{
	struct files *fs = files_of(pid);
	struct file *f = fs ? fd_get_other(fs, fd) : NULL;

	files_put(fs);
	return f;
}

static s64 next_fd(s32 pid, s64 after)
{
	struct files *fs = files_of(pid);
	struct file *f = NULL;
	s64 fd = after + 1;

	for (; fs && fd < FD_MAX; fd++)
		if ((f = fd_get(fs, fd)))
			break;
	file_put(f);
	files_put(fs);
	return f ? fd : -1;
}

/* --- memory ------------------------------------------------------------------------------------------- */

/* The byte of another address space, where it is now; NULL: not there. */
static const char *peek(struct vm *v, uaddr_t at)
{
	pte_t *e = at < USER_TOP ? arch_pte(&v->mmu, align_down(at, PAGE_SIZE)) : NULL;

	if (!e || !pte_present(*e))
		return NULL;
	return (const char *)phys_to_virt(pte_phys(*e)) + (at & (PAGE_SIZE - 1));
}

static void put_memory(struct text *t, struct vm *v, uaddr_t at, uaddr_t end)
{
	guard(&v->lock);
	while (at < end && !t->overflow) {
		u64 n = min(end - at, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		const char *s = peek(v, at);

		if (!s)
			return;
		text_put(t, s, n);
		at += n;
	}
}

static long cmdline(s32 pid, struct text *t)
{
	struct process *p = find(pid);
	struct vm *v = p ? vm_of(p) : NULL;

	if (v)
		put_memory(t, v, v->arg_start, v->arg_end);
	vm_put(v);
	process_put(p);
	return p ? 0 : -ESRCH;
}

static long environ(s32 pid, struct text *t)
{
	struct process *p = find(pid);
	struct vm *v = p ? vm_of(p) : NULL;

	if (v)
		put_memory(t, v, v->env_start, v->env_end);
	vm_put(v);
	process_put(p);
	return p ? 0 : -ESRCH;
}

/* As Linux writes it: the name begins in column 74. */
static void put_area(struct text *t, const struct area *a)
{
	char path[256], head[80];
	u64 ino = 0;
	long n = a->set ? pageset_path(a->set, path, sizeof(path), &ino) : 0;
	const char *name = a->name ? a->name : n > 0 ? path : "";
	int len = snprint(head, sizeof(head), "%08lx-%08lx %c%c%c%c %08lx 00:00 %lu ", a->start,
		a->end, a->flags & VM_READ ? 'r' : '-', a->flags & VM_WRITE ? 'w' : '-',
		a->flags & VM_EXEC ? 'x' : '-', a->flags & VM_SHARED ? 's' : 'p',
		a->offset << PAGE_SHIFT, ino);

	if (name[0])
		text_add(t, "%s%*s%s\n", head, max(73 - len, 0), "", name);
	else
		text_add(t, "%s\n", head);
}

static void put_areas(struct text *t, struct vm *v)
{
	guard(&v->lock);
	for (struct area *a = vm_find(v, 0); a && !t->overflow; a = vm_find(v, a->end))
		put_area(t, a);
}

static long maps(s32 pid, struct text *t)
{
	struct process *p = find(pid);
	struct vm *v = p ? vm_of(p) : NULL;

	if (v)
		put_areas(t, v);
	vm_put(v);
	process_put(p);
	return p ? 0 : -ESRCH;
}

/* --- numbers -------------------------------------------------------------------------------------------- */

struct facts {			/* of one process, at one moment */
	char	state;
	s32	ppid, tty, foreground;
	s32	umask;			/* -1: it has none any more */
	u32	threads, fds;
	u64	user, kernel;		/* ns */
	u64	mapped, resident, peak, faults;
	u64	stack, brk, brk_start;
	u64	pending, shared_pending, blocked, ignored, caught;
};

static char state_letter(struct process *p)
{
	struct thread *t, *me = caller();

	if (p->state != PROC_ALIVE)
		return 'Z';
	if (p->stopped)
		return 'T';
	if (me && me->proc == p)
		return 'R';
	TAILQ_FOREACH(t, &p->threads, link)
		if (atomic_load(&t->task.state) & (T_RUN | T_WAKE))
			return 'R';
	return 'S';
}

static void file_facts(struct process *p, struct facts *f)
{
	struct thread *t = TAILQ_FIRST(&p->threads);

	f->umask = t && t->fs ? (s32)t->fs->umask : -1;
	f->fds = t && t->files ? t->files->size : 0;
}

static void signal_facts(struct process *p, struct facts *f)
{
	struct thread *t = TAILQ_FIRST(&p->threads);

	f->shared_pending = p->pending.set;
	f->pending = t ? t->pending.set : 0;
	f->blocked = t ? t->sig_mask : 0;
	for (u32 i = 0; i < SIG_MAX; i++) {
		u64 handler = sighand_action(p->sighand, i + 1)->handler;

		f->ignored |= (u64)(handler == 1) << i;
		f->caught |= (u64)(handler > 1) << i;
	}
}

static void memory_facts(struct process *p, struct facts *f)
{
	struct vm *v = vm_of(p);

	if (!v)
		return;
	f->mapped = v->mapped;
	f->resident = v->resident;
	f->peak = v->peak_resident;
	f->faults = atomic_load(&v->faults);
	f->stack = v->stack_top;
	f->brk = v->brk;
	f->brk_start = v->brk_start;
	vm_put(v);
}

static void terminal_facts(struct process *p, struct facts *f)
{
	struct tty *t = process_tty(p);

	if (!t)
		return;
	f->tty = tty_number(t);
	f->foreground = tty_foreground(t);
	tty_put(t);
}

static struct facts facts_of(struct process *p)
{
	struct facts f = { .tty = 0, .foreground = -1 };

	terminal_facts(p, &f);
	process_times(p, &f.user, &f.kernel);
	memory_facts(p, &f);
	guard(&proc_lock);
	f.ppid = p->parent ? p->parent->pid : 0;
	guard(&p->lock);
	f.state = state_letter(p);
	f.threads = p->thread_count;
	signal_facts(p, &f);
	file_facts(p, &f);
	return f;
}

static long put_stat(struct text *t, struct process *p, s32 id, const char *name)
{
	struct facts f = facts_of(p);

	text_add(t, "%d (%s) %c %d %d %d %d %d 0 %lu 0 0 0 ", id, name, f.state, f.ppid,
		 p->pgid, p->sid, f.tty, f.foreground, f.faults);
	text_add(t, "%lu %lu %lu %lu %d %d %u 0 %lu %lu %lu %lu ", f.user / TICK_NS,
		 f.kernel / TICK_NS, p->child_user_ns / TICK_NS, p->child_kernel_ns / TICK_NS,
		 20 + p->nice, p->nice, f.threads, p->start_ns / TICK_NS, f.mapped, f.resident,
		 UINT64_MAX);
	text_add(t, "0 0 %lu 0 0 %lu %lu %lu %lu 0 0 0 %d 0 0 0 0 0 0 0 0 %lu 0 0 0 0 0\n", f.stack,
		 f.pending & 0x7fffffff, f.blocked & 0x7fffffff, f.ignored & 0x7fffffff,
		 f.caught & 0x7fffffff, p->exit_signal, f.brk_start);
	return 0;
}

static long put_statm(struct text *t, struct process *p)
{
	struct facts f = facts_of(p);

	text_add(t, "%lu %lu 0 0 0 %lu 0\n", f.mapped >> PAGE_SHIFT, f.resident,
		 f.mapped >> PAGE_SHIFT);
	return 0;
}

static const char *state_name(char letter)
{
	switch (letter) {
	case 'R': return "R (running)";
	case 'T': return "T (stopped)";
	case 'Z': return "Z (zombie)";
	default:  return "S (sleeping)";
	}
}

static void put_groups(struct text *t, const struct process *p)
{
	text_add(t, "Groups:\t");
	for (u32 i = 0; i < p->group_count; i++)
		text_add(t, "%u ", p->groups[i]);
	text_add(t, "\n");
}

static void put_caps(struct text *t, const struct process *p)
{
	const struct caps *c = &p->caps;

	text_add(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
		 c->inheritable, c->permitted, c->effective, c->bounding, c->ambient);
	text_add(t, "NoNewPrivs:\t%d\n", p->no_new_privs);
}

static long put_status(struct text *t, struct process *p, s32 id, const char *name)
{
	struct facts f = facts_of(p);

	text_add(t, "Name:\t%s\n", name);
	if (f.umask >= 0)
		text_add(t, "Umask:\t%04o\n", f.umask);
	text_add(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		 state_name(f.state), p->pid, id, f.ppid);
	text_add(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", p->uid, p->euid, p->suid,
		 p->euid, p->gid, p->egid, p->sgid, p->egid);
	text_add(t, "FDSize:\t%u\n", f.fds);
	put_groups(t, p);
	text_add(t, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", p->pid, id, p->pgid,
		 p->sid);
	if (f.state != 'Z')
		text_add(t, "VmSize:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", f.mapped >> 10,
			 f.peak << (PAGE_SHIFT - 10), f.resident << (PAGE_SHIFT - 10));
	text_add(t, "Threads:\t%u\nSigQ:\t%u/%lu\n", f.threads, p->sig_queued, p->limits[RLIMIT_SIGPENDING].cur);
	text_add(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
		    "SigCgt:\t%016lx\n",
		 f.pending, f.shared_pending, f.blocked, f.ignored, f.caught);
	put_caps(t, p);
	return 0;
}

long procinfo_put(s32 pid, struct text *t, long (*put)(struct text *t, struct process *p))
{
	struct process *p = find(pid);
	long r = p ? put(t, p) : -ESRCH;

	process_put(p);
	return r;
}

typedef long put_named(struct text *t, struct process *p, s32 id, const char *name);

/* Of a thread: its number and name; the rest is the process's. */
static long with_name(s32 id, struct text *t, put_named *put)
{
	struct process *p = find(id);
	char name[TASK_COMM_LEN];
	struct thread *of;
	long r;

	if (!p)
		return -ESRCH;
	memcpy(name, p->comm, sizeof(name));
	{
		guard(&p->lock);
		TAILQ_FOREACH(of, &p->threads, link)
			if (of->tid == id)
				memcpy(name, thread_comm(of), sizeof(name));
	}
	r = put(t, p, id, name);
	process_put(p);
	return r;
}

static long put_comm(struct text *t, struct process *p, s32 id, const char *name)
{
	text_add(t, "%s\n", name);
	return 0;
}

static long comm(s32 pid, struct text *t) { return with_name(pid, t, put_comm); }
static long stat(s32 pid, struct text *t) { return with_name(pid, t, put_stat); }
static long statm(s32 pid, struct text *t) { return procinfo_put(pid, t, put_statm); }
static long status(s32 pid, struct text *t) { return with_name(pid, t, put_status); }

/* --- links ---------------------------------------------------------------------------------------------- */

static struct dentry *place(struct process *p, bool root)
{
	struct thread *t;
	guard(&p->lock);

	t = TAILQ_FIRST(&p->threads);
	if (!t || !t->fs)
		return NULL;
	guard(&tree_lock);
	return dentry_get(root ? t->fs->root : t->fs->cwd);
}

static long link_to(s32 pid, bool root, struct dentry **out)
{
	struct process *p = find(pid);

	if (!p)
		return -ESRCH;
	*out = place(p, root);
	process_put(p);
	return *out ? 0 : -ENOENT;
}

static long cwd_link(s32 pid, struct dentry **out) { return link_to(pid, false, out); }
static long root_link(s32 pid, struct dentry **out) { return link_to(pid, true, out); }

/* The file is found again by its path: the process holds its pages, not its name. */
static long exe_link(s32 pid, struct dentry **out)
{
	struct thread *me = caller();
	struct process *p = me ? find(pid) : NULL;
	long r = -ESRCH;

	if (p)
		r = p->exe ? path_walk(me->fs, NULL, p->exe->path, 0, out) : -ENOENT;
	process_put(p);
	return r == PENDING ? -ENOENT : r;
}

/* --- where a thread is ------------------------------------------------------------------------------------ */

/* Call @put for thread @tid, its process locked. */
static long with_thread(s32 tid, struct text *t, void (*put)(struct text *t, const struct thread *of))
{
	struct process *p = find(tid);
	struct thread *of;
	long r = -ESRCH;

	if (!p)
		return r;
	{
		guard(&p->lock);
		TAILQ_FOREACH(of, &p->threads, link)
			if (of->tid == tid) {
				put(t, of);
				r = 0;
			}
	}
	process_put(p);
	return r;
}

static void put_stack(struct text *t, const struct thread *of)
{
	const char *function;
	uintptr_t at = 0;
	u32 line;

	while (task_next_wait(&of->task, &at, &function, &line))
		text_add(t, "[<0>] %s:%u\n", function, line);
}

/* The innermost function that keeps a frame; Linux writes no newline either. */
static void put_wchan(struct text *t, const struct thread *of)
{
	const char *function = "0";
	uintptr_t at = 0;
	u32 line;

	while (task_next_wait(&of->task, &at, &function, &line))
		;
	text_add(t, "%s", function);
}

static void put_syscall(struct text *t, const struct thread *of)
{
	struct context ctx = of->ctx;		/* as it was when it went to sleep, if it does */
	const u64 *a = ctx_args(&ctx);
	uintptr_t at = 0;
	const char *function;
	u32 line;

	if (!task_next_wait(&of->task, &at, &function, &line)) {
		text_add(t, "running\n");
	} else if (of->call_state == CALL_BEGUN || of->call_state == CALL_NEW) {
		text_add(t, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", ctx_number(&ctx), a[0], a[1],
			 a[2], a[3], a[4], a[5], ctx_sp(&ctx), ctx_pc(&ctx));
	} else {
		text_add(t, "-1 0x%lx 0x%lx\n", ctx_sp(&ctx), ctx_pc(&ctx));
	}
}

static long stack(s32 pid, struct text *t) { return with_thread(pid, t, put_stack); }
static long wchan(s32 pid, struct text *t) { return with_thread(pid, t, put_wchan); }
static long syscall(s32 pid, struct text *t) { return with_thread(pid, t, put_syscall); }

static const struct procfs_file process_files[] = {
	{ "cmdline", 0444, cmdline },	{ "comm", 0444, comm },		{ "environ", 0400, environ },
	{ "maps", 0444, maps },		{ "stat", 0444, stat },		{ "statm", 0444, statm },
	{ "status", 0444, status },	{ "stack", 0400, stack },	{ "wchan", 0444, wchan },
	{ "syscall", 0400, syscall },	{ "limits", 0444, proc_limits },
	{ "oom_score", 0444, proc_oom_score },	{ "oom_score_adj", 0444, proc_zero },
	{ "loginuid", 0444, proc_nobody },	{ "sessionid", 0444, proc_nobody },
	{ "personality", 0400, proc_personality },	{ "cgroup", 0444, proc_cgroup },
	{ 0 },
};

static const struct procfs_link process_links[] = {
	{ "cwd", cwd_link },		{ "exe", exe_link },		{ "root", root_link },
	{ 0 },
};

static const struct procfs_processes callbacks = {
	.files = process_files, .links = process_links, .next = next_process, .owner = owner,
	.self = self, .thread_self = thread_self, .next_thread = next_thread, .next_fd = next_fd,
	.fd = process_file, .totals = load_totals,
};

void procinfo_init(void)
{
	procfs_register(&callbacks);
}
