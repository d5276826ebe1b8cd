/* SPDX-License-Identifier: MIT */
/* clocks.c: which clocks there are, what may be done with them, and sleeping by them. */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <pthread.h>
#include "check.h"

static long long ns(struct timespec t) { return t.tv_sec * 1000000000ll + t.tv_nsec; }
static struct timespec ts(long long n) { return (struct timespec){ n / 1000000000, n % 1000000000 }; }

static long long now(int id)
{
	struct timespec t = { 0, 0 };

	syscall(SYS_clock_gettime, id, &t);
	return ns(t);
}

static void spin(long long cpu_ns)
{
	long long until = now(CLOCK_PROCESS_CPUTIME_ID) + cpu_ns;

	while (now(CLOCK_PROCESS_CPUTIME_ID) < until)
		;
}

/* Raw calls: libc answers some of these itself. */
static void ids(void)
{
	struct timespec t = { 1, 0 }, zero = { 0, 0 };

	for (int id = -1; id < 14; id++) {
		errno = 0;
		printf("clock %d:", id);
		printf(" get %s", syscall(SYS_clock_gettime, id, &t) ? strerrorname_np(errno) : "ok");
		printf(" res %s", syscall(SYS_clock_getres, id, &t) ? strerrorname_np(errno) : "ok");
		t = (struct timespec){ 0, -1 };
		printf(" set %s", syscall(SYS_clock_settime, id, &t) ? strerrorname_np(errno) : "ok");
		printf(" sleep %s", syscall(SYS_clock_nanosleep, id, 0, &zero, NULL) ? strerrorname_np(errno) : "ok");
		printf("\n");
	}
	for (int id = 0; id < 8; id++)
		if (!syscall(SYS_clock_getres, id, &t))
			printf("res %d %ld\n", id, t.tv_nsec);
}

static int cpu_id(int number, int bits) { return (int)(~(unsigned)number << 3) | bits; }

static void *other_thread(void *arg)
{
	*(int *)arg = gettid();
	nap(200);
	return NULL;
}

static void cpu_clocks(void)
{
	struct timespec t;
	pthread_t thread;
	int tid = 0, child;

	title("clocks of processes and threads");
	for (int bits = 0; bits < 8; bits++) {
		show(syscall(SYS_clock_gettime, cpu_id(0, bits), &t));
		show(syscall(SYS_clock_gettime, cpu_id(getpid(), bits), &t));
		show(syscall(SYS_clock_getres, cpu_id(getpid(), bits), &t));
	}
	show(syscall(SYS_clock_gettime, cpu_id(999999, 2), &t));
	show(syscall(SYS_clock_settime, cpu_id(0, 2), &t));
	show(syscall(SYS_clock_settime, cpu_id(0, 7), &t));
	pthread_create(&thread, NULL, other_thread, &tid);
	nap(50);
	show(syscall(SYS_clock_gettime, cpu_id(tid, 6), &t));
	show(syscall(SYS_clock_gettime, cpu_id(tid, 2), &t));
	pthread_join(thread, NULL);
	nap(50);				/* it is joined a moment before it is gone */
	show(syscall(SYS_clock_gettime, cpu_id(tid, 6), &t));
	if (!(child = fork())) {
		nap(300);
		_exit(0);
	}
	show(syscall(SYS_clock_gettime, cpu_id(child, 2), &t));
	show(syscall(SYS_clock_gettime, cpu_id(child, 6), &t));
	waitpid(child, NULL, 0);
	show(syscall(SYS_clock_gettime, cpu_id(child, 2), &t));
	t = ts(1000);
	show(syscall(SYS_clock_nanosleep, cpu_id(0, 6), 0, &t, NULL));
	show(syscall(SYS_clock_nanosleep, cpu_id(getpid(), 6), 0, &t, NULL));
	show(syscall(SYS_clock_nanosleep, cpu_id(999999, 2), 0, &t, NULL));
}

/* A thread sleeps until the process has used so much. */
static void *busy(void *arg)
{
	while (!*(volatile int *)arg)
		;
	return NULL;
}

static void cpu_sleep(void)
{
	static volatile int stop;
	struct timespec t = ts(30000000);
	long long before;
	pthread_t thread;

	title("sleep by CPU time");
	pthread_create(&thread, NULL, busy, (void *)&stop);
	before = now(CLOCK_PROCESS_CPUTIME_ID);
	show(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &t, NULL));
	printf("long enough %d\n", now(CLOCK_PROCESS_CPUTIME_ID) - before >= 30000000);
	t = ts(now(CLOCK_PROCESS_CPUTIME_ID) + 20000000);
	show(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &t, NULL));
	printf("long enough %d\n", now(CLOCK_PROCESS_CPUTIME_ID) >= ns(t));
	show(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &(struct timespec){ 0, 1 }, NULL));
	stop = 1;
	pthread_join(thread, NULL);
}

static void on_alarm(int sig) { }

static void after(long us)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, us } }, NULL);
}

static void sleeps(void)
{
	static const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI };
	struct timespec t, left;
	long long began;

	title("sleeps");
	for (int i = 0; i < 4; i++) {
		began = now(clocks[i]);
		t = ts(20000000);
		show(clock_nanosleep(clocks[i], 0, &t, NULL));
		printf("long enough %d\n", now(clocks[i]) - began >= 20000000);
		t = ts(now(clocks[i]) + 20000000);
		show(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
		printf("long enough %d\n", now(clocks[i]) >= ns(t));
		t = ts(now(clocks[i]) / 2);
		show(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
	}
	show(nanosleep(&(struct timespec){ 0, 1000000000 }, NULL));
	show(nanosleep(&(struct timespec){ -1, 0 }, NULL));
	show(nanosleep(&(struct timespec){ 0, -1 }, NULL));
	show(syscall(SYS_nanosleep, 0, 0));
	show(syscall(SYS_clock_nanosleep, 1, 0, 8, 0));
	show(syscall(SYS_clock_nanosleep, 1, 0xfffe, &(struct timespec){ 0, 5 }, 0));
	signal(SIGALRM, on_alarm);
	after(30000);
	show(nanosleep(&(struct timespec){ 5, 0 }, &left));
	printf("left %d\n", ns(left) > 3000000000ll && ns(left) < 4980000000ll);
	after(30000);
	show(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &(struct timespec){ 5, 0 }, &left));
	printf("left %d\n", ns(left) > 3000000000ll && ns(left) < 4980000000ll);
	left = ts(77);
	after(30000);
	t = ts(now(CLOCK_MONOTONIC) + 5000000000ll);
	show(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &left));
	printf("left %lld\n", ns(left));
	after(30000);
	show(syscall(SYS_nanosleep, &(struct timespec){ 5, 0 }, 8));
}

/* With no handler the sleep goes on as if nothing had been. */
static void stopped(void)
{
	int status, child = fork();

	title("stopped and continued");
	if (!child) {
		long long began = now(CLOCK_MONOTONIC), took;

		nap(300);
		took = now(CLOCK_MONOTONIC) - began;
		_exit(took < 300000000 ? 1 : took > 1500000000 ? 2 : 0);
	}
	nap(50);
	kill(child, SIGSTOP);
	nap(50);
	kill(child, SIGCONT);
	waitpid(child, &status, 0);
	printf("status %d\n", WEXITSTATUS(status));
}

/* Whoever waits for a time of day is woken when the clock is set beyond it, and nobody else. */
static void *waits_real(void *arg)
{
	struct timespec t = ts(now(CLOCK_REALTIME) + 100000000000ll);

	return (void *)(long)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *waits_cond(void *arg)
{
	struct timespec t = ts(now(CLOCK_REALTIME) + 100000000000ll);
	long r;

	pthread_mutex_lock(&mutex);
	r = pthread_cond_timedwait(&cond, &mutex, &t);
	pthread_mutex_unlock(&mutex);
	return (void *)r;
}

static void *waits_relative(void *arg)
{
	struct timespec t = ts(300000000);
	long long began = now(CLOCK_MONOTONIC);

	clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL);
	return (void *)(long)(now(CLOCK_MONOTONIC) - began >= 300000000);
}

static void set_meanwhile(void)
{
	void *(*const fns[])(void *) = { waits_real, waits_cond, waits_relative };
	long long real = now(CLOCK_REALTIME), mono = now(CLOCK_MONOTONIC), began;
	struct timespec t;
	pthread_t thread[3];
	void *r;

	title("the clock is set meanwhile");
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, fns[i], NULL);
	nap(50);
	began = now(CLOCK_MONOTONIC);
	t = ts(now(CLOCK_REALTIME) + 1000000000000ll);
	show(clock_settime(CLOCK_REALTIME, &t));
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], &r);
		printf("%d: %ld\n", i, (long)r);
	}
	printf("soon %d\n", now(CLOCK_MONOTONIC) - began < 5000000000ll);
	t = ts(real + now(CLOCK_MONOTONIC) - mono);
	clock_settime(CLOCK_REALTIME, &t);
	show(clock_settime(CLOCK_REALTIME, &(struct timespec){ -1, 0 }));
	show(clock_settime(CLOCK_REALTIME, &(struct timespec){ 1, 1000000000 }));
	show(clock_settime(CLOCK_REALTIME, &(struct timespec){ 1l << 62, 0 }));
	show(clock_settime(CLOCK_REALTIME, &(struct timespec){ 0, 0 }));
}

static void as_somebody(void)
{
	struct timex tx = { 0 };
	struct timespec t = ts(now(CLOCK_REALTIME));
	int status;

	title("without rights");
	show(adjtimex(&tx) >= 0);
	printf("tick %ld\n", tx.tick);
	show(clock_adjtime(CLOCK_MONOTONIC, &tx));
	show(clock_adjtime(99, &tx));
	if (!fork()) {
		if (setuid(1000))
			_exit(9);
		show(clock_settime(CLOCK_REALTIME, &t));
		show(settimeofday(&(struct timeval){ 1700000000, 0 }, NULL));
		tx.modes = ADJ_FREQUENCY;
		show(adjtimex(&tx));
		tx.modes = 0;
		show(adjtimex(&tx) >= 0);
		_exit(0);
	}
	wait(&status);
}

int main(void)
{
	ids();
	cpu_clocks();
	cpu_sleep();
	sleeps();
	stopped();
	set_meanwhile();
	as_somebody();
	spin(1000);
	return 0;
}
