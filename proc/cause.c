/* SPDX-License-Identifier: MIT */
/*
 * cause.c: why a program was killed, in a few words for the report, and in all detail for the log.
 */
#include "core/log.h"
#include "proc/process.h"

bool death_verbose;

enum { STACK_GUARD = 1 << 20 };	/* so far below its lowest address we call it an overflow */

static bool is_stack_overflow(const struct vm *v, uaddr_t addr)
{
	uaddr_t lowest = v->stack_top - v->stack_limit;

	return v->stack_limit < v->stack_top && addr < lowest && addr + STACK_GUARD >= lowest;
}

/* By what the program did: enum access. */
static const char *by_access(struct thread *t, const char *load, const char *store, const char *jump)
{
	switch (ctx_fault_access(&t->ctx)) {
	case ACCESS_WRITE: return store;
	case ACCESS_EXEC:  return jump;
	default:           return load;
	}
}

static const char *segv_cause(struct thread *t, const struct siginfo_k *info)
{
	if (info->code == SI_KERNEL)
		return "no room for a signal frame on the stack";
	if (info->addr >= USER_TOP)
		return by_access(t, "load from kernel memory", "store to kernel memory",
				 "jump to kernel memory");
	if (info->code == SEGV_ACCERR)
		return by_access(t, "load from unreadable memory", "store to read-only memory",
				 "jump to non-executable memory");
	if (is_stack_overflow(t->vm, info->addr))
		return "stack overflow";
	return by_access(t, "load from unmapped memory", "store to unmapped memory",
			 "jump to unmapped memory");
}

static const char *bus_cause(struct thread *t, const struct siginfo_k *info)
{
	if (info->code == BUS_ADRALN)
		return "misaligned access";	/* machines call atomics loads */
	if (info->code == BUS_ADRERR)
		return "access behind the end of a mapped file";
	return "access to an address where nothing answers";
}

static const char *fault_cause(struct thread *t, const struct siginfo_k *info)
{
	switch (info->signo) {
	case SIGSEGV: return segv_cause(t, info);
	case SIGBUS:  return bus_cause(t, info);
	case SIGILL:  return ctx_privileged(&t->ctx) ? "privileged instruction" : "illegal instruction";
	case SIGTRAP: return "breakpoint";
	case SIGPIPE: return "write to a pipe that nobody reads";
	case SIGALRM: return "alarm clock";
	default:      return "sent by the kernel";
	}
}

static const char *sent_cause(struct thread *t, const struct siginfo_k *info)
{
	if (info->signo == SIGABRT && info->pid == t->proc->pid)
		return "abort";
	if (info->signo == SIGPIPE)
		return "write to a pipe that nobody reads";
	return info->pid == t->proc->pid ? "sent by the program itself" : "sent by another process";
}

const char *death_cause(struct thread *t, const struct siginfo_k *info)
{
	return info->code > 0 ? fault_cause(t, info) : sent_cause(t, info);
}

static void dump_areas(struct vm *v)
{
	struct area *a;
	guard(&v->lock);

	for (a = vm_find(v, 0); a; a = vm_find(v, a->end))
		log_raw("  %012lx-%012lx %c%c%c%c %s\n", a->start, a->end,
			a->flags & VM_READ ? 'r' : '-', a->flags & VM_WRITE ? 'w' : '-',
			a->flags & VM_EXEC ? 'x' : '-', a->flags & VM_SHARED ? 's' : 'p',
			a->name ? a->name : "");
}

void death_dump(struct thread *t, const struct siginfo_k *info)
{
	log_raw("%s (%d) killed by %s %s at 0x%lx: %s\n", t->proc->comm, t->proc->pid,
		signal_name(info->signo), signal_code_name(info->signo, info->code), info->addr,
		t->proc->death_cause);
	ctx_dump(&t->ctx);
	dump_areas(t->vm);
}
