/* SPDX-License-Identifier: MIT */
/*
 * job.c: the account of a batch job: what its processes share and are limited by.  Freed with the
 * last reference: the batch runner's, or that of a process somebody still looks at.
 */
#include <string.h>
#include "fs/pty.h"
#include "core/time.h"
#include "fs/streams.h"
#include "lib/print.h"
#include "mem/heap.h"
#include "proc/ipc.h"
#include "proc/job.h"

enum { PROCESSES_MAX = 256, PROCESSES_MIN = 16, FRAMES_A_PROCESS = 64 };

/* A fork bomb is stopped before it has all memory, and before its turns take seconds. */
static u32 process_limit(void)
{
	u64 n = page_total_count() / FRAMES_A_PROCESS;

	return max(min(n, (u64)PROCESSES_MAX), (u64)PROCESSES_MIN);
}

struct job *job_create(u32 number, u64 memory_limit)
{
	struct job *j = heap_zero(sizeof(*j));

	if (!j)
		return NULL;
	j->calls = heap_zero(SYSCALLS * sizeof(u64));
	if (!j->calls || charge_open(&j->charge, memory_limit)) {
		heap_free(j->calls);
		heap_free(j);
		return NULL;
	}
	atomic_init(&j->refs, 1);
	j->number = number;
	j->process_limit = process_limit();
	j->start_ns = clock_now();
	waitq_init(&j->wait);
	snprint(j->nodename, sizeof(j->nodename), "weir");
	snprint(j->domainname, sizeof(j->domainname), "(none)");
	return j;
}

void job_put(struct job *j)
{
	if (!j || atomic_fetch_sub(&j->refs, 1) != 1)
		return;
	tty_put(j->tty);
	ipc_free(j);
	charge_close(&j->charge);
	heap_free(j->calls);
	heap_free(j);
}

static void kill_one(struct process *p, void *job)
{
	if (p->job == job && p->state == PROC_ALIVE)
		process_kill(p);
}

void job_kill(struct job *j)
{
	guard(&proc_lock);
	process_each(kill_one, j);
}

/* The last eight are kept. */
void job_note(struct job *j, u32 call, s32 error, const char *path, const char *detail)
{
	struct last_error *e = &j->errors[j->error_count++ % ARRAY_SIZE(j->errors)];

	e->call = call;
	e->error = error;
	snprint(e->path, sizeof(e->path), "%s", path);
	snprint(e->detail, sizeof(e->detail), "%s", detail);
}

/* --- the terminal of a job --------------------------------------------------------------------- */

struct tty_signal { struct tty *tty; s32 pgrp, session; struct siginfo_k info; };

static void tty_signal_one(struct process *p, void *arg)
{
	struct tty_signal *s = arg;

	if ((p->pgid == s->pgrp || p->pid == -s->pgrp) && (p->job->tty == s->tty || p->sid == s->session))
		signal_send_process(p, &s->info);
}

/* The group is what a program said: processes of other jobs are none of its business. */
static void signal_from_tty(struct tty *t, s32 pgrp, s32 signo)
{
	struct tty_signal s = { t, pgrp, tty_session(t), { .signo = signo, .code = SI_KERNEL } };
	guard(&proc_lock);

	process_each(tty_signal_one, &s);
}

static bool in_program(void) { return task_current() && task_current()->main == thread_run; }

static struct tty *current_tty(void)
{
	struct process *p = in_program() ? process_current() : NULL;

	return p ? process_tty(p) : NULL;
}

static struct file *current_file(u32 fd)
{
	return in_program() ? fd_get(thread_current()->files, fd) : NULL;
}

static s32 caller(s32 *sid, s32 *pid)
{
	if (!in_program()) {
		*sid = *pid = 0;
		return 0;
	}
	*sid = process_current()->sid;
	*pid = process_current()->pid;
	return process_current()->pgid;
}

/* Job control: who is not in the foreground is stopped, unless nobody could continue him. */
static long background(struct tty *t, s32 signo)
{
	struct siginfo_k info = { .signo = signo, .code = SI_KERNEL };
	struct process *p = in_program() ? process_current() : NULL;

	if (!p || tty_session(t) != p->sid || !tty_foreground(t) || tty_foreground(t) == p->pgid)
		return 0;
	if (signal_unwanted(thread_current(), signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (process_orphaned(p))
		return -EIO;
	signal_send_group(p->pgid, &info);
	return -ERESTART;
}

struct group_find { s32 pgid, sid; bool found; };

static void group_find_one(struct process *p, void *arg)
{
	struct group_find *g = arg;

	if (p->pgid == g->pgid) {
		g->found = true;
		g->sid = p->sid;
	}
}

static long group_of_session(s32 pgrp)
{
	struct group_find g = { .pgid = pgrp };
	guard(&proc_lock);

	process_each(group_find_one, &g);
	if (!g.found)
		return -ESRCH;
	return in_program() && g.sid != process_current()->sid ? -EPERM : 0;
}

struct tty *process_tty(struct process *p)
{
	if (p->job->tty && tty_session(p->job->tty) == p->sid)
		return tty_get(p->job->tty);
	return pty_of_session(p->sid);
}

void job_init(void)
{
	ipc_init();
	heap_for_program = in_program;
	tty_signal = signal_from_tty;
	tty_current = current_tty;
	loop_file = current_file;
	tty_caller = caller;
	tty_background = background;
	tty_group = group_of_session;
}
