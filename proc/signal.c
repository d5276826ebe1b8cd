/* SPDX-License-Identifier: MIT */
/*
 * signal.c: signals of Linux: who gets them, what waits in queues, what they do.
 *
 * process.lock guards the queues of a process and its threads, the threads' masks, the stop state and
 * the process's use of its handlers (sighand is shared by CLONE_SIGHAND; single words of it may be
 * read without the lock).  Order: proc_lock, then process.lock; neither is held across a wait.
 *
 * task.pending is kept in step: WAIT_SIGNAL is set if and only if signal_deliver() has something to
 * do for that thread, so going back to a program costs one load.  A signal that is ignored is
 * dropped when it is sent; one that is blocked wakes nobody.
 */
#include <string.h>
#include "arch/arch.h"
#include "core/time.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/process.h"
#include "proc/calls.h"

#define SIG(n)		(1ull << ((n) - 1))
#define UNBLOCKABLE	(SIG(SIGKILL) | SIG(SIGSTOP))

static const u64 default_ignored = SIG(SIGCHLD) | SIG(SIGCONT) | SIG(SIGURG) | SIG(SIGWINCH);
static const u64 default_stops = SIG(SIGSTOP) | SIG(SIGTSTP) | SIG(SIGTTIN) | SIG(SIGTTOU);
static const u64 synchronous = SIG(SIGSEGV) | SIG(SIGBUS) | SIG(SIGILL) | SIG(SIGTRAP) |
			       SIG(SIGFPE) | SIG(SIGSYS);
static struct slab entries = SLAB("sigqueue", struct sigqueue);

enum { DEFAULT = 0, IGNORE = 1 };	/* SIG_DFL, SIG_IGN as addresses */

/* --- handlers ----------------------------------------------------------------------------------- */

const struct sigaction_k sigaction_default;
static struct slab sighands = SLAB("sighand", struct sighand);

static struct sighand *sighand_create(void)
{
	struct sighand *h = slab_alloc(&sighands);

	if (h) {
		atomic_init(&h->refs, 1);
		h->set = 0;
	}
	return h;
}

long sighand_need(struct process *p)
{
	guard(&p->lock);
	if (!p->sighand)
		p->sighand = sighand_create();
	return p->sighand ? 0 : -ENOMEM;
}

/* *copy: NULL if nothing is set. */
static long duplicate(const struct sighand *from, struct sighand **copy)
{
	struct sighand *h = NULL;

	if (from && from->set && !(h = sighand_create()))
		return -ENOMEM;
	for (u64 left = h ? from->set : 0; left; left &= left - 1) {
		u32 i = __builtin_ctzll(left);

		sighand_set(h, i + 1, &from->action[i]);
	}
	*copy = h;
	return 0;
}

long sighand_copy(struct process *to, struct process *from)
{
	guard(&from->lock);
	return duplicate(from->sighand, &to->sighand);
}

long sighand_unshare(struct process *p)
{
	struct sighand *old = p->sighand, *own;

	if (!old || atomic_load(&old->refs) == 1)
		return 0;
	if (duplicate(old, &own))
		return -ENOMEM;
	{
		guard(&p->lock);		/* senders of signals look there */
		p->sighand = own;
	}
	sighand_put(old);
	return 0;
}

void sighand_put(struct sighand *h)
{
	if (h && atomic_fetch_sub(&h->refs, 1) == 1)
		slab_free(&sighands, h);
}

/* What is ignored stays so. */
void sighand_exec(struct sighand *h)
{
	for (u64 left = h ? h->set : 0; left; left &= left - 1) {
		s32 n = __builtin_ctzll(left) + 1;

		if (sighand_action(h, n)->handler == IGNORE)
			sighand_set(h, n, &(struct sigaction_k){ .handler = IGNORE });
		else
			h->set &= ~SIG(n);
	}
}

static const struct sigaction_k *action_of(struct process *p, s32 n)
{
	return sighand_action(p->sighand, n);
}

static bool action_deadly(struct process *p, s32 n)
{
	return action_of(p, n)->handler == DEFAULT && !(SIG(n) & (default_ignored | default_stops));
}

static bool action_ignored(struct process *p, s32 n)
{
	u64 h = action_of(p, n)->handler;

	return h == IGNORE || (h == DEFAULT && SIG(n) & default_ignored);
}

/* --- queues ------------------------------------------------------------------------------------- */

static void pending_init(struct sigpending *s)
{
	s->set = 0;
	TAILQ_INIT(&s->queue);
}

void signal_init(struct process *p)
{
	pending_init(&p->pending);
	waitq_init(&p->stop_wait);
}

void signal_thread_init(struct thread *t) { pending_init(&t->pending); }

static void entry_free(struct process *p, struct sigpending *s, struct sigqueue *q)
{
	if (unlikely(q->info.code == SI_TIMER))
		ptimer_taken(p, &q->info);
	TAILQ_REMOVE(&s->queue, q, link);
	p->sig_queued--;
	slab_free(&entries, q);
}

/* Drop all pending signals of @set. */
static void pending_discard(struct process *p, struct sigpending *s, u64 set)
{
	struct sigqueue *q, *next;

	if (!(s->set & set))
		return;
	s->set &= ~set;
	for (q = TAILQ_FIRST(&s->queue); q; q = next) {
		next = TAILQ_NEXT(q, link);
		if (SIG(q->info.signo) & set)
			entry_free(p, s, q);
	}
}

static void discard_everywhere(struct process *p, u64 set)
{
	struct thread *t;

	pending_discard(p, &p->pending, set);
	TAILQ_FOREACH(t, &p->threads, link)
		pending_discard(p, &t->pending, set);
}

void signal_forget(struct process *p, struct sigpending *s) { pending_discard(p, s, ~0ull); }

/* Without an entry the signal arrives, but not what came with it. */
static long entry_add(struct process *p, struct sigpending *s, const struct siginfo_k *info)
{
	struct sigqueue *q = NULL;
	u64 bit = SIG(info->signo);

	if (info->signo < SIGRTMIN && s->set & bit && info->code != SI_TIMER)
		return 0;
	if (p->sig_queued < SIGQUEUE_MAX)
		q = slab_alloc(&entries);
	if (!q && info->code < 0 && (info->signo >= SIGRTMIN || info->code == SI_TIMER))
		return -EAGAIN;
	s->set |= bit;
	if (q) {
		q->info = *info;
		p->sig_queued++;
		TAILQ_INSERT_TAIL(&s->queue, q, link);
	}
	return 1;
}

/* Take signal @n out of @s.  A real-time signal stays pending while there is another entry. */
static void entry_take(struct process *p, struct sigpending *s, s32 n, struct siginfo_k *info)
{
	struct sigqueue *q, *next;
	bool found = false;

	*info = (struct siginfo_k){ .signo = n };
	s->set &= ~SIG(n);
	for (q = TAILQ_FIRST(&s->queue); q; q = next) {
		next = TAILQ_NEXT(q, link);
		if (q->info.signo != n)
			continue;
		if (found) {
			s->set |= SIG(n);
			return;
		}
		if (unlikely(q->info.code == SI_TIMER))
			ptimer_taken(p, &q->info);
		*info = q->info;
		q->info.code = 0;			/* that is done */
		entry_free(p, s, q);
		found = true;
	}
}

/* --- who is told -------------------------------------------------------------------------------- */

static u64 blocked(const struct thread *t) { return t->sig_mask & ~t->sig_waiting; }

static bool any_deadly(struct process *p, u64 set)
{
	if (set & SIG(SIGKILL))
		return true;
	if (p->stopped)
		return false;
	for (; set; set &= set - 1)
		if (action_deadly(p, __builtin_ctzll(set) + 1))
			return true;
	return false;
}

void signal_recalc(struct thread *t)
{
	struct process *p = t->proc;
	u64 set = (t->pending.set | p->pending.set) & ~blocked(t);
	bool leave = p->exiting || t->leave;
	u32 what = set || p->stopped || leave ? WAIT_SIGNAL : 0;

	if (unlikely(what) && (leave || any_deadly(p, set)))
		what |= WAIT_KILL;
	atomic_store_explicit(&t->task.pending, what, memory_order_seq_cst);
}

bool signal_pending(struct thread *t)
{
	return atomic_load_explicit(&t->task.pending, memory_order_relaxed);
}

/* The thread that shall take a signal sent to the process: the running one if it may. */
static struct thread *candidate(struct process *p, s32 n)
{
	struct task *now = task_current();
	struct thread *t, *first = NULL;

	TAILQ_FOREACH(t, &p->threads, link) {
		if (t->leave || (n != SIGKILL && blocked(t) & SIG(n)))
			continue;
		if (&t->task == now)
			return t;
		if (!first)
			first = t;
	}
	return first;
}

static void notify(struct process *p, struct thread *t, s32 n)
{
	if (!t)
		t = candidate(p, n);
	else if (n != SIGKILL && blocked(t) & SIG(n))
		return;
	if (t)
		task_interrupt(&t->task, WAIT_SIGNAL | (any_deadly(p, SIG(n)) ? WAIT_KILL : 0));
}

/* Signals of @set that @t has just blocked, or leaves behind, may be for other threads. */
static void retarget(struct process *p, u64 set)
{
	for (set &= p->pending.set; set; set &= set - 1)
		notify(p, NULL, __builtin_ctzll(set) + 1);
}

void signal_set_mask(struct thread *t, u64 mask)
{
	struct process *p = t->proc;
	guard(&p->lock);
	u64 newly = mask & ~t->sig_mask;

	t->sig_mask = mask & ~UNBLOCKABLE;
	signal_recalc(t);
	if (unlikely(p->pending.set & newly))
		retarget(p, newly);
}

void signal_thread_exit(struct thread *t)
{
	struct process *p = t->proc;
	guard(&p->lock);

	pending_discard(p, &t->pending, ~0ull);
	t->sig_mask = ~0ull;
	retarget(p, ~0ull);
}

/* --- sending ------------------------------------------------------------------------------------ */

static void resume(struct process *p, bool tell)
{
	struct thread *t;

	p->stop_wanted = false;
	if (!p->stopped)
		return;
	p->stopped = false;
	p->continued = tell;
	TAILQ_FOREACH(t, &p->threads, link)
		signal_recalc(t);
	wake_all(&p->stop_wait);
}

static void before_sending(struct process *p, s32 n)
{
	if (n == SIGCONT) {
		discard_everywhere(p, default_stops);
		resume(p, true);
	} else if (n == SIGKILL) {
		resume(p, false);
	} else if (SIG(n) & default_stops) {
		discard_everywhere(p, SIG(SIGCONT));
	}
}

/* A blocked signal is kept even if it is ignored now: that may change before it is unblocked. */
static bool is_ignored(struct process *p, struct thread *t, s32 n)
{
	if (!t)
		t = TAILQ_FIRST(&p->threads);
	return t && !(t->sig_mask & SIG(n)) && action_ignored(p, n);
}

static long send_locked(struct process *p, struct thread *t, const struct siginfo_k *info)
{
	long r;

	if (p->state != PROC_ALIVE || p->exiting)
		return 0;
	before_sending(p, info->signo);
	if (is_ignored(p, t, info->signo))
		return 0;
	r = entry_add(p, t ? &t->pending : &p->pending, info);
	if (r > 0)
		notify(p, t, info->signo);
	if (unlikely(!waitq_empty(&p->watchers)))
		wake_all(&p->watchers);
	return r;
}

long signal_send_process(struct process *p, const struct siginfo_k *info)
{
	guard(&p->lock);
	return min(send_locked(p, NULL, info), 0l);
}

long signal_send_thread(struct thread *t, const struct siginfo_k *info)
{
	guard(&t->proc->lock);
	return min(send_locked(t->proc, t, info), 0l);
}

long signal_send_timer(struct process *p, s32 tid, const struct siginfo_k *info)
{
	struct thread *t = NULL;
	guard(&p->lock);

	if (tid)
		TAILQ_FOREACH(t, &p->threads, link)
			if (t->tid == tid)
				break;
	return tid && !t ? 0 : send_locked(p, t, info);
}

bool signal_unwanted(struct thread *t, s32 signo)
{
	guard(&t->proc->lock);
	return t->sig_mask & SIG(signo) || action_of(t->proc, signo)->handler == IGNORE;
}

struct group_send { s32 pgid; const struct siginfo_k *info; u32 found; };

static void group_send_one(struct process *p, void *arg)
{
	struct group_send *g = arg;

	if (p->pgid != g->pgid)
		return;
	g->found++;
	signal_send_process(p, g->info);
}

static long send_group_locked(s32 pgid, const struct siginfo_k *info)
{
	struct group_send g = { pgid, info, 0 };

	process_each(group_send_one, &g);
	return g.found ? 0 : -ESRCH;
}

long signal_send_group(s32 pgid, const struct siginfo_k *info)
{
	guard(&proc_lock);
	return send_group_locked(pgid, info);
}

void signal_kernel(struct process *p, s32 signo)
{
	struct siginfo_k info = { .signo = signo, .code = SI_KERNEL };

	signal_send_process(p, &info);
}

/* Needs no memory: the details are in the thread itself. */
void signal_force(struct thread *t, s32 signo, s32 code, uaddr_t addr)
{
	guard(&t->proc->lock);

	if (t->sig_mask & SIG(signo) || action_of(t->proc, signo)->handler == IGNORE)
		sighand_reset(t->proc->sighand, signo);
	t->sig_mask &= ~SIG(signo);
	t->fault = (struct siginfo_k){ .signo = signo, .code = code, .addr = addr };
	t->pending.set |= SIG(signo);
	signal_recalc(t);
}

/* --- parent and child --------------------------------------------------------------------------- */

enum { TICK_NS = NSEC_PER_SEC / 100 };	/* unit of si_utime */

bool signal_autoreap(struct process *parent)
{
	const struct sigaction_k *a = action_of(parent, SIGCHLD);

	return a->handler == IGNORE || a->flags & SA_NOCLDWAIT;
}

void signal_parent(struct process *p, s32 code, s32 status)
{
	struct process *parent = p->parent;
	bool stop = code == CLD_STOPPED || code == CLD_CONTINUED;
	struct siginfo_k info = {
		.signo = stop ? SIGCHLD : p->exit_signal, .code = code, .pid = p->pid,
		.uid = p->uid, .status = status,
		.utime = p->user_ns / TICK_NS, .stime = p->kernel_ns / TICK_NS,
	};

	if (!parent)
		return;
	if (info.signo && !(stop && action_of(parent, SIGCHLD)->flags & SA_NOCLDSTOP))
		signal_send_process(parent, &info);
	wake_all(&parent->child_wait);
}

struct orphan_check { struct process *p; bool watched, stopped; };

static void orphan_check_one(struct process *q, void *arg)
{
	struct orphan_check *c = arg;

	if (q->pgid == c->p->pgid && q->state == PROC_ALIVE && q->parent && q->parent->pgid != q->pgid &&
	    q->parent->sid == q->sid)
		c->watched = true;
	c->stopped |= q->pgid == c->p->pgid && q->stopped;
}

/* No shell is there that could continue its process group: terminal stops are ignored. */
bool process_orphaned(struct process *p)
{
	struct orphan_check c = { .p = p };
	guard(&proc_lock);

	process_each(orphan_check_one, &c);
	return !c.watched;
}

/* @p has lost its parent: if nobody can continue its group any more, a stopped one is told and goes on. */
void signal_orphans(struct process *p)
{
	struct siginfo_k hangup = { .signo = SIGHUP, .code = SI_KERNEL };
	struct siginfo_k go_on = { .signo = SIGCONT, .code = SI_KERNEL };
	struct orphan_check c = { .p = p };

	process_each(orphan_check_one, &c);
	if (c.watched || !c.stopped)
		return;
	send_group_locked(p->pgid, &hangup);
	send_group_locked(p->pgid, &go_on);
}

static bool stop_begin(struct process *p)
{
	struct thread *t;
	guard(&p->lock);

	if (!p->stop_wanted || p->exiting)
		return false;
	p->stop_wanted = false;
	p->stopped = true;
	TAILQ_FOREACH(t, &p->threads, link)
		task_interrupt(&t->task, WAIT_SIGNAL);
	return true;
}

static void stop(struct process *p, s32 signo)
{
	if (signo != SIGSTOP && process_orphaned(p))
		return;
	if (!stop_begin(p))
		return;
	guard(&proc_lock);
	p->stop_signal = signo;
	p->stop_report = STOP_STOPPED;
	signal_parent(p, CLD_STOPPED, signo);
}

static void tell_continued(struct process *p)
{
	guard(&proc_lock);
	if (!p->continued)
		return;
	p->continued = false;
	p->stop_report = STOP_CONTINUED;
	signal_parent(p, CLD_CONTINUED, SIGCONT);
}

/* Stay here while the process is stopped; only SIGCONT and SIGKILL end that. */
static async long stop_point(struct process *p)
{
	guard(&p->stop_wait.lock);
	if (!p->stopped)
		return 0;
	return wait_locked(&p->stop_wait, WAIT_KILL);
}

/* --- delivery ----------------------------------------------------------------------------------- */

static s32 lowest(u64 set)
{
	u64 first = set & synchronous ? set & synchronous : set;

	return __builtin_ctzll(first) + 1;
}

/* Take one of @set; locked. */
static s32 take_locked(struct thread *t, u64 set, struct siginfo_k *info)
{
	struct process *p = t->proc;
	u64 own = t->pending.set & set, all = p->pending.set & set;
	s32 n;

	if (!(own | all))
		return 0;
	n = lowest(own ? own : all);
	if (own && t->fault.signo == n) {
		*info = t->fault;
		t->fault.signo = 0;
		pending_discard(p, &t->pending, SIG(n));	/* one that was sent is the same signal */
	} else {
		entry_take(p, own ? &t->pending : &p->pending, n, info);
	}
	return n;
}

s32 signal_take(struct thread *t, u64 set, struct siginfo_k *info)
{
	guard(&t->proc->lock);
	s32 n = take_locked(t, set, info);

	signal_recalc(t);
	return n;
}

/* The next signal that does something, with its action: its number; 0 none; -EINTR: leave. */
static long next_signal(struct thread *t, struct siginfo_k *info, struct sigaction_k *act)
{
	struct process *p = t->proc;
	s32 n;
	guard(&p->lock);

	if (p->exiting || t->leave)
		return -EINTR;
	while ((n = take_locked(t, ~t->sig_mask | UNBLOCKABLE, info)) && action_ignored(p, n))
		;
	signal_recalc(t);
	if (!n)
		return 0;
	*act = *action_of(p, n);
	if (act->handler != DEFAULT && act->flags & SA_RESETHAND)
		sighand_reset(p->sighand, n);
	if (SIG(n) & default_stops)
		p->stop_wanted = true;
	return n;
}

static long die(struct thread *t, const struct siginfo_k *info)
{
	struct process *p = t->proc;
	{
		guard(&p->lock);
		if (p->exiting)
			return -EINTR;
		p->death = *info;
		p->death_pc = ctx_pc(&t->ctx);
		p->death_cause = death_cause(t, info);
	}
	if (death_verbose)
		death_dump(t, info);
	process_exit(p, info->signo);
	return -EINTR;
}

static long act_default(struct thread *t, const struct siginfo_k *info)
{
	if (!(SIG(info->signo) & default_stops))
		return die(t, info);
	stop(t->proc, info->signo);
	return 0;
}

/* -ERESTART is not to restart after all. */
static void interrupted(struct thread *t)
{
	t->sleep_until = 0;
	ctx_set_result(&t->ctx, -EINTR);
	ctx_skip_trap(&t->ctx);
}

static bool on_altstack(const struct thread *t)
{
	return ctx_sp(&t->ctx) - t->altstack_sp - 1 < t->altstack_size;
}

static uaddr_t handler_stack(const struct thread *t, const struct sigaction_k *a)
{
	if (a->flags & SA_ONSTACK && t->altstack_size && !on_altstack(t))
		return t->altstack_sp + t->altstack_size;
	return ctx_sp(&t->ctx);
}

enum { FRAME_PAGES = 4 };	/* more faults than a frame has pages: it is hopeless */

/* Build the handler's frame, committing the stack's pages as needed. */
static async long push_frame(struct thread *t, const struct sigaction_k *a,
			     const struct siginfo_k *info)
{
	u8 si[128];
	uaddr_t fault;
	struct signal_frame_args args = {
		.sp = handler_stack(t, a), .handler = a->handler, .restorer = t->vm->vdso + program_trampoline,
		.siginfo = si, .mask = t->sig_restore ? t->sig_saved : t->sig_mask,
		.altstack_sp = t->altstack_sp, .altstack_size = t->altstack_size,
		.altstack_flags = t->altstack_size ? t->altstack_flags : SS_DISABLE,
	};
	long r;

	siginfo_to_user(si, info);
	for (u32 i = 0; i < FRAME_PAGES; i++) {
		r = arch_signal_push(&t->ctx, &args, &fault);
		if (r != -EFAULT || (r = user_commit(fault, 1, ACCESS_WRITE)))
			return r;
	}
	return -EFAULT;
}

static void handler_entered(struct thread *t, const struct sigaction_k *a, s32 signo)
{
	u64 self = a->flags & SA_NODEFER ? 0 : SIG(signo);

	t->sig_restore = false;
	if (t->altstack_flags & SS_AUTODISARM)
		t->altstack_size = 0;
	signal_set_mask(t, t->sig_mask | a->mask | self);
}

/* The stack cannot take the frame. */
static void frame_failed(struct thread *t, s32 signo)
{
	if (signo == SIGSEGV)
		sighand_reset(t->proc->sighand, SIGSEGV);
	signal_force(t, SIGSEGV, SI_KERNEL, 0);
}

static void delivered(struct thread *t)
{
	t->sig_norestart = false;
	if (t->sig_restore) {
		t->sig_restore = false;
		signal_set_mask(t, t->sig_saved);
	}
}

async long signal_deliver(struct co *co, struct thread *t, bool restart)
{
	struct {
		struct siginfo_k info;
		struct sigaction_k act;
		long n;
		bool restart;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	f->restart = restart;
	for (;;) {
		if (unlikely(t->proc->stopped))
			await(r = stop_point(t->proc));
		if (unlikely(t->proc->continued))
			tell_continued(t->proc);
		f->n = next_signal(t, &f->info, &f->act);
		if (f->n <= 0)
			break;
		if (t->traced)
			await(r = trace_signal(t, &f->info));
		if (f->act.handler == DEFAULT) {
			if ((r = act_default(t, &f->info)))
				return r;
			continue;
		}
		if (f->restart && (t->sig_norestart || !(f->act.flags & SA_RESTART)))
			interrupted(t);
		f->restart = false;
		await(r = push_frame(t, &f->act, &f->info));
		if (r)
			frame_failed(t, f->n);
		else
			handler_entered(t, &f->act, f->n);
	}
	if (!f->n)
		delivered(t);
	return f->n;
	co_end();
}

/* A handler that disarmed its stack gets it back.  The frame's pages were just read: no waiting. */
static void rearm_altstack(struct thread *t, uaddr_t at)
{
	stack_t s;

	if (arch_copy_in(&s, at, sizeof(s)) || s.ss_flags & SS_DISABLE)
		return;
	t->altstack_sp = (u64)s.ss_sp;
	t->altstack_size = s.ss_size;
}

static async long pop_frame(struct thread *t, u64 *mask)
{
	uaddr_t altstack, fault;
	long r;

	for (u32 i = 0; i < FRAME_PAGES; i++) {
		r = arch_signal_pop(&t->ctx, mask, &altstack, &fault);
		if (!r && t->altstack_flags & SS_AUTODISARM)
			rearm_altstack(t, altstack);
		if (r != -EFAULT || (r = user_commit(fault, 1, ACCESS_READ)))
			return r;
	}
	return -EFAULT;
}

/* Registers and mask come from the program, so nothing in them is trusted; arch lets no bit pass
 * that would change more than the program itself could. */
async long signal_return(struct co *co, struct thread *t)
{
	u64 mask;
	long r = pop_frame(t, &mask);

	if (r == PENDING)
		return r;
	if (r)
		signal_force(t, SIGSEGV, SI_KERNEL, 0);
	else
		signal_set_mask(t, mask);
	return 0;
}
