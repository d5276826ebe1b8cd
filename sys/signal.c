/* SPDX-License-Identifier: MIT */
/*
 * sys/signal.c: the system calls about signals.  What they mean is in proc/signal.c.
 */
#include <asm/unistd.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "mem/user.h"
#include "proc/process.h"
#include "sys/signals.h"
#include "sys/table.h"

#define SIG(n)		(1ull << ((n) - 1))
#define UNBLOCKABLE	(SIG(SIGKILL) | SIG(SIGSTOP))

enum { SIGSET_SIZE = 8, ALTSTACK_MIN = 2048 };

static bool valid(s32 signo) { return signo > 0 && signo <= SIG_MAX; }

/* --- what a signal does --------------------------------------------------------------------------- */

/* From now on ignored: what is pending is dropped. */
static void set_action(struct thread *t, s32 signo, const struct sigaction *new)
{
	struct process *p = t->proc;
	struct siginfo_k dropped;
	const u64 ignored = SIG(SIGCHLD) | SIG(SIGCONT) | SIG(SIGURG) | SIG(SIGWINCH);
	u64 handler = (u64)new->sa_handler;
	struct sigaction_k action = { .handler = handler, .flags = new->sa_flags,
				      .mask = new->sa_mask.sig[0] & ~UNBLOCKABLE };
	{
		guard(&p->lock);
		sighand_set(p->sighand, signo, &action);
	}
	if (handler == 1 || (handler == 0 && SIG(signo) & ignored))
		while ((t->pending.set | p->pending.set) & SIG(signo) &&
		       signal_take(t, SIG(signo), &dropped))
			;
}

static async long sys_rt_sigaction(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	s32 signo = a[0];
	struct sigaction new, old;
	long r;

	if (a[3] != SIGSET_SIZE || !valid(signo) || (a[1] && SIG(signo) & UNBLOCKABLE))
		return -EINVAL;
	if (a[1] && (r = user_get(new, a[1])))
		return r;
	if (a[2]) {
		const struct sigaction_k *k = sighand_action(t->proc->sighand, signo);

		old = (struct sigaction){ .sa_handler = (void *)k->handler,
			.sa_flags = k->flags, .sa_mask.sig[0] = k->mask };
		if ((r = user_put(a[2], old)))
			return r;
	}
	if (!a[1])
		return 0;
	r = sighand_need(t->proc);
	if (!r)
		set_action(t, signo, &new);
	return r;
}

static long set_altstack(struct thread *t, const stack_t *new)
{
	u32 mode = new->ss_flags & ~SS_AUTODISARM;

	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
		return -EINVAL;
	if (mode != SS_DISABLE && new->ss_size < ALTSTACK_MIN)
		return -ENOMEM;
	t->altstack_sp = mode == SS_DISABLE ? 0 : (u64)new->ss_sp;
	t->altstack_size = mode == SS_DISABLE ? 0 : new->ss_size;
	t->altstack_flags = new->ss_flags & SS_AUTODISARM;
	return 0;
}

static async long sys_sigaltstack(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	bool on = ctx_sp(&t->ctx) - t->altstack_sp - 1 < t->altstack_size;
	stack_t new, old = {
		.ss_sp = (void *)t->altstack_sp, .ss_size = t->altstack_size,
		.ss_flags = (t->altstack_size ? on ? SS_ONSTACK : 0 : SS_DISABLE) |
			    t->altstack_flags };
	long r;

	if (a[0] && (r = user_get(new, a[0])))
		return r;
	if (a[1] && (r = user_put(a[1], old)))
		return r;
	if (!a[0])
		return 0;
	if (on)
		return -EPERM;
	return set_altstack(t, &new);
}

/* --- masks ---------------------------------------------------------------------------------------- */

static async long sys_rt_sigprocmask(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	u64 old = t->sig_mask, set = 0, new = old;
	long r;

	if (a[3] != SIGSET_SIZE)
		return -EINVAL;
	if (a[1] && (r = user_get(set, a[1])))
		return r;
	if (a[2] && (r = user_put(a[2], old)))
		return r;
	if (!a[1])
		return 0;
	switch ((s32)a[0]) {
	case SIG_BLOCK:   new = old | set; break;
	case SIG_UNBLOCK: new = old & ~set; break;
	case SIG_SETMASK: new = set; break;
	default: return -EINVAL;
	}
	if (new != old)
		signal_set_mask(t, new);
	return 0;
}

static async long sys_rt_sigpending(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	u64 set = (t->pending.set | t->proc->pending.set) & t->sig_mask;

	if (a[1] > SIGSET_SIZE)
		return -EINVAL;
	return user_write(a[0], &set, a[1]);
}

/* Another mask until a signal has been dealt with: signal_deliver() restores the old one. */
static async long sys_rt_sigsuspend(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	u64 set;
	long r;

	if (a[1] != SIGSET_SIZE)
		return -EINVAL;
	if (!t->sig_restore) {		/* the first time */
		if ((r = user_get(set, a[0])))
			return r;
		t->sig_saved = t->sig_mask;
		t->sig_restore = t->sig_norestart = true;
		signal_set_mask(t, set);
	}
	r = wait_until(0);
	return r == PENDING ? r : -ERESTART;
}

/* --- waiting for signals ---------------------------------------------------------------------------- */

static async long read_timeout(uaddr_t at, u64 *deadline)
{
	struct timespec_k ts;
	u64 ns;
	long r = user_get(ts, at);

	if (r || (r = timespec_ns(&ts, &ns)))
		return r;
	*deadline = time_add(clock_now(), ns);
	return 0;
}

static void wait_for(struct thread *t, u64 set)
{
	guard(&t->proc->lock);
	t->sig_waiting = set;
	signal_recalc(t);
}

static async long write_info(uaddr_t at, const struct siginfo_k *info)
{
	u8 si[128];

	siginfo_to_user(si, info);
	return user_write(at, si, sizeof(si));
}

/* Signals of the set wake us although they are blocked; then they are looked for again. */
static async long sys_rt_sigtimedwait(struct co *co, const u64 *a)
{
	struct { u64 set, deadline; struct siginfo_k info; long n, why; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->deadline = 0;
	if (a[3] != SIGSET_SIZE)
		return -EINVAL;
	await(r = user_read(&f->set, a[0], sizeof(f->set)));
	if (r)
		return r;
	f->set &= ~UNBLOCKABLE;
	if (a[2]) {
		await(r = read_timeout(a[2], &f->deadline));
		if (r)
			return r;
	}
	f->n = signal_take(thread_current(), f->set, &f->info);
	if (!f->n) {
		wait_for(thread_current(), f->set);
		await(f->why = wait_until(f->deadline));
		f->n = signal_take(thread_current(), f->set, &f->info);
		wait_for(thread_current(), 0);
	}
	if (!f->n)
		return f->why == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (a[1]) {
		await(r = write_info(a[1], &f->info));
		if (r)
			return r;
	}
	return f->n;
	co_end();
}

/* --- sending ------------------------------------------------------------------------------------ */

/* Processes of other jobs do not exist, as far as a program can tell. */
static long may_signal(struct process *p, s32 signo)
{
	struct process *me = process_current();

	if (p->job != me->job)
		return -ESRCH;
	if (!me->euid || me->euid == p->uid || me->euid == p->suid || me->uid == p->uid ||
	    me->uid == p->suid || (signo == SIGCONT && me->sid == p->sid))
		return 0;
	return -EPERM;
}

static long send_process(struct process *p, const struct siginfo_k *info)
{
	long r = may_signal(p, info->signo);

	return r || !info->signo ? r : signal_send_process(p, info);
}

long signal_try(struct process *p, const struct siginfo_k *info)
{
	return info->signo && !valid(info->signo) ? -EINVAL : send_process(p, info);
}


struct many {
	const struct siginfo_k	*info;
	s32			pgid;		/* -1: all but ourselves */
	u32			found;
	long			result;
};

static void send_many(struct process *p, void *arg)
{
	struct many *m = arg;
	struct process *me = process_current();
	long r;

	if (p->job != me->job || (m->pgid == -1 ? p == me : p->pgid != m->pgid))
		return;
	r = send_process(p, m->info);
	if (!m->found++ || !r)
		m->result = r;
}

static long send_one(s32 pid, const struct siginfo_k *info)
{
	struct process *p = process_find(pid);
	long r;

	if (!p)
		return -ESRCH;
	r = send_process(p, info);
	process_put(p);
	return r;
}

static long send(s32 pid, const struct siginfo_k *info)
{
	struct many m = { .info = info, .result = -ESRCH };

	if (pid > 0)
		return send_one(pid, info);
	if (pid == INT32_MIN)
		return -ESRCH;
	m.pgid = pid == 0 ? process_current()->pgid : pid == -1 ? -1 : -pid;
	guard(&proc_lock);
	process_each(send_many, &m);
	return m.result;
}

struct siginfo_k signal_from_me(s32 signo, s32 code)
{
	struct process *me = process_current();

	return (struct siginfo_k){ .signo = signo, .code = code, .pid = me->pid, .uid = me->uid };
}

static async long sys_kill(struct co *co, const u64 *a)
{
	struct siginfo_k info = signal_from_me(a[1], SI_USER);

	if (info.signo && !valid(info.signo))
		return -EINVAL;
	return send(a[0], &info);
}

/* To one thread; @tgid 0: whatever process it belongs to. */
static long send_thread(s32 tgid, s32 tid, const struct siginfo_k *info)
{
	struct thread *t;
	long r = -ESRCH;

	if (tid <= 0 || (info->signo && !valid(info->signo)))
		return -EINVAL;
	if (!(t = thread_find(tid)))
		return -ESRCH;
	if (!tgid || tgid == t->proc->pid)
		r = may_signal(t->proc, info->signo);
	if (!r && info->signo)
		r = signal_send_thread(t, info);
	process_put(t->proc);
	return r;
}

static async long sys_tgkill(struct co *co, const u64 *a)
{
	struct siginfo_k info = signal_from_me(a[2], SI_TKILL);

	return (s32)a[0] <= 0 ? -EINVAL : send_thread(a[0], a[1], &info);
}

static async long sys_tkill(struct co *co, const u64 *a)
{
	struct siginfo_k info = signal_from_me(a[1], SI_TKILL);

	return send_thread(0, a[0], &info);
}

/* Only to itself may a process pretend to be the kernel or kill(). */
async long signal_read_info(uaddr_t at, s32 signo, s32 pid, struct siginfo_k *info)
{
	siginfo_t si;
	long r = user_get(si, at);

	if (r)
		return r;
	if ((si.si_code >= 0 || si.si_code == SI_TKILL) && pid != process_current()->pid)
		return -EPERM;
	*info = (struct siginfo_k){ .signo = signo, .code = si.si_code, .error = si.si_errno,
		.pid = si.si_pid, .uid = si.si_uid, .addr = (u64)si.si_ptr };
	return 0;
}

static async long sys_rt_sigqueueinfo(struct co *co, const u64 *a)
{
	struct siginfo_k info;
	long r = signal_read_info(a[2], a[1], a[0], &info);

	if (r)
		return r;
	if (!valid(info.signo))
		return -EINVAL;
	return send_one(a[0], &info);
}

static async long sys_rt_tgsigqueueinfo(struct co *co, const u64 *a)
{
	struct siginfo_k info;
	long r;

	if ((s32)a[0] <= 0)
		return -EINVAL;
	r = signal_read_info(a[3], a[2], a[0], &info);
	return r ? r : send_thread(a[0], a[1], &info);
}

static async long sys_rt_sigreturn(struct co *co, const u64 *a)
{
	return signal_return(co, thread_current());
}

const struct syscall signal_calls[] = {
	ROW(rt_sigaction, 4, 0, "Sppu"),
	ROW(rt_sigprocmask, 4, 0, "dppu"),
	ROW(rt_sigpending, 2, 0, "pu"),
	ROW(rt_sigsuspend, 2, 0, "pu"),
	ROW(rt_sigtimedwait, 4, 0, "pppu"),
	ROW(rt_sigqueueinfo, 3, 0, "dSp"),
	ROW(rt_tgsigqueueinfo, 4, 0, "ddSp"),
	ROW(rt_sigreturn, 0, CALL_FULL | CALL_NO_RESULT, ""),
	ROW(sigaltstack, 2, 0, "pp"),
	ROW(kill, 2, 0, "dS"),
	ROW(tkill, 2, 0, "dS"),
	ROW(tgkill, 3, 0, "ddS"),
	{ 0 },
};
