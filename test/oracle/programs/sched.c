/* SPDX-License-Identifier: MIT */
/* sched.c: scheduling as every thread has it, priority of input and output, and what is refused. */
#include <sched.h>
#include <sys/resource.h>
#include "check.h"

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util[2];
	uint64_t more[2];
};

static void show_attr(int pid)
{
	struct attr a = { 0 };

	show(syscall(SYS_sched_getattr, pid, &a, 56, 0));
	printf("size %u policy %u flags %lx nice %d priority %u\n", a.size, a.policy, a.flags, a.nice, a.priority);
	fflush(stdout);
}

static void attributes(void)
{
	struct attr a = { .size = 56, .nice = 3 }, big = { .size = 72, .more = { 0, 1 } };

	title("attributes");
	show_attr(0);
	show(syscall(SYS_sched_getattr, 0, &a, 47, 0));
	show(syscall(SYS_sched_getattr, 0, &a, 5000, 0));
	show(syscall(SYS_sched_getattr, 0, &a, 56, 1));
	show(syscall(SYS_sched_getattr, 0, NULL, 56, 0));
	show(syscall(SYS_sched_getattr, -1, &a, 56, 0));
	show(syscall(SYS_sched_getattr, 999999, &a, 56, 0));
	show(syscall(SYS_sched_getattr, 0, &big, 72, 0));
	printf("size %u\n", big.size);
	a = (struct attr){ .size = 56, .nice = 3 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	show_attr(0);
	show(getpriority(PRIO_PROCESS, 0));
	a.nice = 100;
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	show(getpriority(PRIO_PROCESS, 0));
	a.nice = 0;
	a.size = 40;
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	printf("size %u\n", a.size > 40);
	big.size = 72;
	big.more[1] = 1;
	show(syscall(SYS_sched_setattr, 0, &big, 0));
	a = (struct attr){ .size = 48, .policy = 17 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attr){ .size = 48, .policy = -1 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attr){ .size = 48, .priority = 1 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attr){ .size = 48, .flags = 1ull << 40 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attr){ .size = 0, .flags = 1, .nice = -5 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	show_attr(0);
	show(sched_getscheduler(0));
	if (!fork()) {
		show_attr(0);
		_exit(0);
	}
	wait(NULL);
	a = (struct attr){ .nice = 0 };
	show(syscall(SYS_sched_setattr, 0, &a, 0));
	show(syscall(SYS_sched_setattr, 0, &a, 1));
	show(syscall(SYS_sched_setattr, 0, NULL, 0));
	show_attr(0);
}

static void old_calls(void)
{
	struct sched_param zero = { 0 }, one = { 1 };
	struct timespec t;

	title("old calls");
	show(sched_setscheduler(0, SCHED_OTHER, &zero));
	show(sched_setscheduler(0, SCHED_OTHER, &one));
	show(sched_setscheduler(0, SCHED_FIFO, &zero));
	show(sched_setscheduler(0, 4, &zero));
	show(sched_setscheduler(0, 99, &zero));
	show(sched_setscheduler(0, SCHED_OTHER, NULL));
	show(sched_setscheduler(-1, SCHED_OTHER, &zero));
	show(sched_setscheduler(999999, SCHED_OTHER, &zero));
	show(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &zero));
	show(sched_getscheduler(0));
	show(sched_setparam(0, &zero));
	show(sched_getscheduler(0));
	show(sched_setscheduler(0, SCHED_OTHER, &zero));
	show(sched_setparam(0, &one));
	show(sched_setparam(0, NULL));
	show(sched_getparam(0, NULL));
	show(sched_getparam(0, &one));
	printf("%d\n", one.sched_priority);
	show(sched_rr_get_interval(0, &t));
	show(sched_rr_get_interval(-1, &t));
	show(sched_rr_get_interval(999999, &t));
	for (int i = 0; i < 8; i++)
		printf("policy %d: %d %d\n", i, sched_get_priority_min(i), sched_get_priority_max(i));
}

static void io(void)
{
	title("io");
	show(syscall(SYS_ioprio_get, 1, 0));
	show(syscall(SYS_ioprio_get, 1, getpid()));
	show(syscall(SYS_ioprio_get, 2, 0) >= 0);
	show(syscall(SYS_ioprio_get, 0, 0));
	show(syscall(SYS_ioprio_get, 4, 0));
	show(syscall(SYS_ioprio_get, 1, 999999));
	show(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
	show(syscall(SYS_ioprio_get, 1, 0));
	if (!fork()) {
		show(syscall(SYS_ioprio_get, 1, 0));
		setuid(1000);
		show(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 1));
		show(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
		show(syscall(SYS_ioprio_set, 1, getppid(), 3 << 13));
		_exit(0);
	}
	wait(NULL);
	show(syscall(SYS_ioprio_set, 1, 0, 1));
	show(syscall(SYS_ioprio_set, 1, 0, 5 << 13));
	show(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
	show(syscall(SYS_ioprio_set, 7, 0, 2 << 13));
	show(syscall(SYS_ioprio_set, 1, 0, 0));
	show(syscall(SYS_ioprio_get, 1, 0));
}

int main(void)
{
	attributes();
	old_calls();
	io();
	return 0;
}
