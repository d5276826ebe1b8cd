/* SPDX-License-Identifier: MIT */
/* waits.c: one task waits for another, or for one of many. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

static char chunk[64 << 10];

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A byte goes from (to[1]) and comes back from the child (from[0]). */
static void round_trips(long n, int to[2], int from[2])
{
	char c = 0;
	pid_t pid = must(fork());

	if (pid == 0)
		for (;;)
			if (sys(SYS_read, to[0], &c, 1) != 1 || sys(SYS_write, from[1], &c, 1) != 1)
				_exit(1);
	for (long i = -10; i < n; i++) {
		if (i == 0)
			start();
		must(sys(SYS_write, to[1], &c, 1));
		must(sys(SYS_read, from[0], &c, 1));
	}
	stop();
	end(pid);
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
}

static void pipe_round_trip(long n)
{
	int to[2], from[2];

	must(pipe(to));
	must(pipe(from));
	round_trips(n, to, from);
}

static void unix_round_trip(long n)
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	round_trips(n, (int[]){ s[0], s[1] }, (int[]){ dup(s[1]), dup(s[0]) });
}

static void yield(long n)
{
	pid_t pid = must(fork());

	if (pid == 0)
		for (;;)
			sys(SYS_sched_yield);
	for (long i = -10; i < n; i++) {
		if (i == 0)
			start();
		sys(SYS_sched_yield);
	}
	stop();
	end(pid);
}

/* Two words; whoever finds its own zero waits for it, takes it, and gives the other. */
static void take(int *word, int op)
{
	while (__atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL) == 0)
		sys(SYS_futex, word, FUTEX_WAIT | op, 0, 0);
}

static void give(int *word, int op)
{
	__atomic_store_n(word, 1, __ATOMIC_RELEASE);
	sys(SYS_futex, word, FUTEX_WAKE | op, 1);
}

struct pair {
	int ping, pong, last, op;
};

static void *partner(void *arg)
{
	struct pair *p = arg;

	for (int last = 0; !last;) {
		take(&p->ping, p->op);
		last = p->last;
		give(&p->pong, p->op);
	}
	return NULL;
}

static void ping_pong(struct pair *p, long n)
{
	for (long i = -10; i < n; i++) {
		if (i == 0)
			start();
		p->last = i == n - 1;
		give(&p->ping, p->op);
		take(&p->pong, p->op);
	}
	stop();
}

static void futex_threads(long n)
{
	struct pair p = { .op = FUTEX_PRIVATE_FLAG };
	pthread_t t;

	must(-pthread_create(&t, NULL, partner, &p));
	ping_pong(&p, n);
	pthread_join(t, NULL);
}

static void futex_processes(long n)
{
	struct pair *p = (struct pair *)must(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	*p = (struct pair){ 0 };
	pid_t pid = must(fork());
	if (pid == 0) {
		partner(p);
		_exit(0);
	}
	ping_pong(p, n);
	must(waitpid(pid, NULL, 0));
	munmap(p, 4096);
}

/* n counts KiB. */
static void pipe_bandwidth(long n)
{
	long total = n << 10;
	int p[2];

	must(pipe(p));
	pid_t pid = must(fork());
	if (pid == 0) {
		close(p[0]);
		for (long done = 0; done < total;)
			done += sys(SYS_write, p[1], chunk, sizeof(chunk));
		_exit(0);
	}
	close(p[1]);
	start();
	for (long r, done = 0; done < total; done += r)
		if ((r = sys(SYS_read, p[0], chunk, sizeof(chunk))) <= 0)
			line_failed("read from the pipe");
	stop();
	close(p[0]);
	waitpid(pid, NULL, 0);
}

enum { FDS = 100 };

static void many_pipes(int fds[FDS][2])
{
	for (int i = 0; i < FDS; i++)
		must(pipe(fds[i]));
	must(write(fds[FDS / 2][1], "x", 1));
}

static void close_pipes(int fds[FDS][2])
{
	for (int i = 0; i < FDS; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

static void epoll_one(long n)
{
	int fds[FDS][2], ep = must(epoll_create1(0));
	struct epoll_event ev = { .events = EPOLLIN };

	many_pipes(fds);
	for (int i = 0; i < FDS; i++)
		must(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i][0], &ev));
	must(sys(SYS_epoll_pwait, ep, &ev, 1, 0, 0, 8));
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_epoll_pwait, ep, &ev, 1, 0, 0, 8);
	stop();
	close(ep);
	close_pipes(fds);
}

static void poll_many(long n)
{
	struct timespec zero = { 0, 0 };
	struct pollfd pfd[FDS];
	int fds[FDS][2];

	many_pipes(fds);
	for (int i = 0; i < FDS; i++)
		pfd[i] = (struct pollfd){ .fd = fds[i][0], .events = POLLIN };
	if (must(sys(SYS_ppoll, pfd, FDS, &zero, 0, 8)) != 1)
		line_failed("poll missed the one that is ready");
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_ppoll, pfd, FDS, &zero, 0, 8);
	stop();
	close_pipes(fds);
}

const struct line wait_lines[] = {
	{ "pipe", pipe_round_trip, 1000 },
	{ "yield", yield, 2000 },
	{ "futex", futex_threads, 1000 },
	{ "futex_process", futex_processes, 1000 },
	{ "unix", unix_round_trip, 1000 },
	{ "epoll", epoll_one, 2000 },
	{ "poll", poll_many, 200 },
	{ "pipe_bandwidth", pipe_bandwidth, 4096 },
	{ NULL },
};
