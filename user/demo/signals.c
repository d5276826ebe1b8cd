/* SPDX-License-Identifier: MIT */
/* signals.c: handlers, masks, queues, restarts, other stacks, stop and continue; checked. */
#include "weir.h"

#define BIT(s) (1ul << ((s) - 1))

static volatile int got, order[8], count;
static volatile unsigned long seen_mask, seen_sp;
static volatile long seen_value, seen_addr;

static unsigned long mask(int how, unsigned long set)
{
	unsigned long old;

	check(call(__NR_rt_sigprocmask, how, &set, &old, 8) == 0);
	return old;
}

static void note(int signo, siginfo_t *si, void *uc)
{
	unsigned long none = 0, m;

	got = signo;
	if (count < 8)
		order[count] = signo;
	count++;
	seen_value = (long)si->si_value.sival_ptr;
	seen_sp = (unsigned long)&m;
	call(__NR_rt_sigprocmask, SIG_BLOCK, &none, &m, 8);
	seen_mask = m;
}

static void test_handler(void)
{
	check(on_signal(SIGUSR1, note, 0) == 0);
	check(kill(getpid(), SIGUSR1) == 0);
	check(got == SIGUSR1 && seen_mask == BIT(SIGUSR1));
	check(mask(SIG_BLOCK, 0) == 0);
	check(on_signal(SIGUSR1, note, SA_NODEFER | SA_RESETHAND) == 0);
	kill(getpid(), SIGUSR1);
	check(seen_mask == 0);
	check(on_signal(SIGKILL, note, 0) == -EINVAL && on_signal(65, note, 0) == -EINVAL);
}

static void test_mask_and_queue(void)
{
	unsigned long set;
	siginfo_t si = { .si_signo = 40, .si_code = SI_QUEUE };

	on_signal(SIGUSR1, note, 0);
	on_signal(SIGUSR2, note, 0);
	on_signal(40, note, 0);
	mask(SIG_BLOCK, BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(40));
	got = count = 0;
	for (int i = 1; i <= 3; i++) {
		kill(getpid(), SIGUSR2);
		kill(getpid(), SIGUSR1);
		si.si_value.sival_ptr = (void *)(long)i;
		check(call(__NR_rt_sigqueueinfo, getpid(), 40, &si) == 0);
	}
	check(call(__NR_rt_sigpending, &set, 8) == 0);
	check(set == (BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(40)) && !got);
	mask(SIG_SETMASK, 0);
	check(count == 5);		/* standard signals once, real-time ones each */
	check(call(__NR_rt_sigpending, &set, 8) == 0 && set == 0);
}

static void test_ignored(void)
{
	on_signal(SIGUSR1, (void *)1, 0);
	got = 0;
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGCHLD);
	kill(getpid(), SIGWINCH);
	check(!got);
}

static void child_signals(long parent, int signo, unsigned long ms)
{
	if (fork())
		return;
	sleep_ms(ms);
	kill(parent, signo);
	exit(0);
}

/* read() of an empty pipe: interrupted, or begun again. */
static void test_restart(void)
{
	int fds[2], status;
	char c = 0;

	check(pipe(fds) == 0);
	on_signal(SIGUSR1, note, 0);
	child_signals(getpid(), SIGUSR1, 20);
	check(read(fds[0], &c, 1) == -EINTR);
	check(wait(-1, &status) > 0);
	on_signal(SIGUSR1, note, SA_RESTART);
	if (!fork()) {
		sleep_ms(20);
		kill(call(__NR_getppid), SIGUSR1);
		sleep_ms(20);
		write(fds[1], "x", 1);
		exit(0);
	}
	got = 0;
	check(read(fds[0], &c, 1) == 1 && c == 'x' && got == SIGUSR1);
	check(wait(-1, &status) > 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_sleep(void)
{
	long t[2] = { 5, 0 }, left[2] = { 0, 0 };
	int status;

	on_signal(SIGUSR1, note, SA_RESTART);
	child_signals(getpid(), SIGUSR1, 20);
	check(call(__NR_nanosleep, t, left) == -EINTR);
	check(left[0] == 4 && left[1] > 0);
	check(wait(-1, &status) > 0);
}

static void test_suspend_and_wait(void)
{
	unsigned long set = 0, usr1 = BIT(SIGUSR1);
	long t[2] = { 0, 20000000 };
	siginfo_t si;
	int status;

	mask(SIG_BLOCK, usr1);
	on_signal(SIGUSR1, note, 0);
	got = 0;
	child_signals(getpid(), SIGUSR1, 20);
	check(call(__NR_rt_sigsuspend, &set, 8) == -EINTR);
	check(got == SIGUSR1 && mask(SIG_BLOCK, 0) == usr1);
	check(wait(-1, &status) > 0);
	check(call(__NR_rt_sigtimedwait, &usr1, &si, t, 8) == -EAGAIN);
	child_signals(getpid(), SIGUSR1, 20);
	got = 0;
	check(call(__NR_rt_sigtimedwait, &usr1, &si, 0, 8) == SIGUSR1);
	check(!got && si.si_signo == SIGUSR1 && si.si_code == SI_USER && si.si_pid > 0);
	check(wait(-1, &status) > 0);
	mask(SIG_SETMASK, 0);
}

/* The faulting instruction is skipped by changing the program counter in the frame. */
static void on_fault(int signo, siginfo_t *si, void *uc)
{
	unsigned long *pc = (unsigned long *)((char *)uc + UCONTEXT_PC);

	got = signo;
	seen_addr = (long)si->si_addr;
	seen_sp = (unsigned long)&pc;
	*pc += STORE_BYTES;
}

static void test_fault(void)
{
	char *stack = map(16384, PROT_READ | PROT_WRITE);
	stack_t ss = { .ss_sp = stack, .ss_size = 16384 }, old;

	check(call(__NR_sigaltstack, &ss, 0) == 0);
	on_signal(SIGSEGV, on_fault, SA_ONSTACK);
	store_byte((char *)0x1234);
	check(got == SIGSEGV && seen_addr == 0x1234);
	check(seen_sp - (unsigned long)stack < 16384);
	check(call(__NR_sigaltstack, 0, &old) == 0 && old.ss_sp == stack && old.ss_flags == 0);
	on_signal(SIGSEGV, (void *)0, 0);
}

static void test_stop(void)
{
	long pid = fork();
	int status;

	if (!pid)
		for (;;)
			sleep_ms(1000);
	check(kill(pid, SIGSTOP) == 0);
	check(call(__NR_wait4, pid, &status, WUNTRACED, 0) == pid && status == (SIGSTOP << 8 | 0x7f));
	check(kill(pid, SIGCONT) == 0);
	check(call(__NR_wait4, pid, &status, WCONTINUED, 0) == pid && status == 0xffff);
	check(kill(pid, SIGTERM) == 0);
	check(wait(pid, &status) == pid && status == SIGTERM);
	check(kill(pid, 0) == -ESRCH);
}

static void test_children(void)
{
	int status;

	on_signal(SIGCHLD, note, 0);
	got = 0;
	long pid = fork();

	if (!pid)
		exit(3);
	while (!got)
		sleep_ms(5);
	check(got == SIGCHLD && wait(pid, &status) == pid && status == 3 << 8);
	on_signal(SIGCHLD, (void *)1, 0);
	if (!fork())
		exit(0);
	check(wait(-1, &status) == -ECHILD);
	on_signal(SIGCHLD, (void *)0, 0);
}

static void test_alarm(void)
{
	long timer[4] = { 0, 10000, 0, 10000 }, off[4] = { 0 };

	on_signal(SIGALRM, note, 0);
	count = 0;
	check(call(__NR_setitimer, 0, timer, 0) == 0);
	while (count < 3)
		sleep_ms(1);
	check(call(__NR_setitimer, 0, off, timer) == 0);
	check(timer[1] == 10000);
}

int main(int argc, char **argv, char **envp)
{
	test_handler();
	test_mask_and_queue();
	test_ignored();
	test_restart();
	test_sleep();
	test_suspend_and_wait();
	test_fault();
	test_stop();
	test_children();
	test_alarm();
	print("signals: all as it should be\n");
	return 0;
}
