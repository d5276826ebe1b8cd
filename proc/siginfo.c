/* SPDX-License-Identifier: MIT */
/*
 * siginfo.c: how a signal's details look to programs and to readers.  No state.
 */
#include <string.h>
#include "proc/process.h"

/* Which member of the union a signal fills, as signal and code tell. */
static bool is_fault(s32 signo)
{
	return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE ||
	       signo == SIGTRAP;
}

void siginfo_to_user(void *dst128, const struct siginfo_k *k)
{
	siginfo_t *si = memset(dst128, 0, 128);

	si->si_signo = k->signo;
	si->si_errno = k->error;
	si->si_code = k->code;
	if (k->code > 0 && is_fault(k->signo)) {
		si->si_addr = (void *)k->addr;
		return;
	}
	si->si_pid = k->pid;
	si->si_uid = k->uid;
	if (k->code > 0 && k->signo == SIGCHLD) {
		si->si_status = k->status;
		si->si_utime = k->utime;
		si->si_stime = k->stime;
	} else if (k->code < 0) {
		si->si_ptr = (void *)k->addr;
	}
}

const char *signal_name(s32 signo)
{
	static const char *const names[] = {
		"0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS",
		"SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM",
		"SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
		"SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH",
		"SIGIO", "SIGPWR", "SIGSYS",
	};

	return (u32)signo < ARRAY_SIZE(names) ? names[signo] : "SIGRT";
}

struct code_name { s32 signo, code; const char *name; };

#define CODE(signo, code) { signo, code, #code }
static const struct code_name codes[] = {
	CODE(0, SI_USER), CODE(0, SI_KERNEL), CODE(0, SI_QUEUE), CODE(0, SI_TIMER),
	CODE(0, SI_TKILL), CODE(SIGSEGV, SEGV_MAPERR), CODE(SIGSEGV, SEGV_ACCERR),
	CODE(SIGBUS, BUS_ADRALN), CODE(SIGBUS, BUS_ADRERR), CODE(SIGBUS, BUS_OBJERR),
	CODE(SIGILL, ILL_ILLOPC), CODE(SIGILL, ILL_ILLOPN), CODE(SIGILL, ILL_ILLADR),
	CODE(SIGILL, ILL_ILLTRP), CODE(SIGILL, ILL_PRVOPC), CODE(SIGILL, ILL_PRVREG),
	CODE(SIGFPE, FPE_INTDIV), CODE(SIGTRAP, TRAP_BRKPT), CODE(SIGTRAP, TRAP_TRACE),
	CODE(SIGCHLD, CLD_EXITED), CODE(SIGCHLD, CLD_KILLED), CODE(SIGCHLD, CLD_DUMPED),
	CODE(SIGCHLD, CLD_STOPPED), CODE(SIGCHLD, CLD_CONTINUED),
};

const char *signal_code_name(s32 signo, s32 code)
{
	for (u32 i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code && (!codes[i].signo || codes[i].signo == signo))
			return codes[i].name;
	return "?";
}
