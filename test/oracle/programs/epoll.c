/* SPDX-License-Identifier: MIT */
/* epoll.c: level, edge, oneshot, exclusive, nested epolls and their limits. */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include "check.h"

static int ep, fds[2];

static void events(int timeout)
{
	struct epoll_event ev[8];
	int n = epoll_wait(ep, ev, 8, timeout);

	printf("  %d events", n);
	for (int i = 0; i < n; i++)
		printf(" %x/%ld", ev[i].events, (long)ev[i].data.u64);
	printf("\n");
	fflush(stdout);
}

static int control(int op, int fd, uint32_t what, long data)
{
	struct epoll_event ev = { .events = what, .data.u64 = data };

	return epoll_ctl(ep, op, fd, &ev);
}

static void fresh(const char *what)
{
	title(what);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (pipe2(fds, O_NONBLOCK))
		exit(1);
}

static void done(void)
{
	close(ep);
	close(fds[0]);
	close(fds[1]);
}

static void level(void)
{
	char c;

	fresh("level");
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 1));
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 1));
	events(0);
	write(fds[1], "ab", 2);
	events(0);
	events(-1);
	read(fds[0], &c, 1);
	events(0);
	read(fds[0], &c, 1);
	events(0);
	show(control(EPOLL_CTL_ADD, fds[1], EPOLLOUT, 2));
	write(fds[1], "c", 1);
	events(0);
	events(0);
	show(control(EPOLL_CTL_MOD, fds[1], 0, 2));
	events(0);
	show(control(EPOLL_CTL_DEL, fds[0], 0, 0));
	events(0);
	show(control(EPOLL_CTL_DEL, fds[0], 0, 0));
	close(fds[0]);
	events(0);
	done();
}

static void edge(void)
{
	char buf[4096];

	fresh("edge");
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLET, 1));
	events(0);
	write(fds[1], "a", 1);
	events(0);
	events(0);
	write(fds[1], "b", 1);
	events(0);
	events(0);
	read(fds[0], buf, 1);
	events(0);
	close(fds[1]);
	events(0);
	events(0);
	done();
	fresh("edge, output");
	while (write(fds[1], buf, sizeof(buf)) > 0)
		;
	show(control(EPOLL_CTL_ADD, fds[1], EPOLLOUT | EPOLLET, 1));
	events(0);
	while (read(fds[0], buf, sizeof(buf)) > 0)
		;
	events(0);
	events(0);
	done();
}

static void oneshot(void)
{
	fresh("oneshot");
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLONESHOT, 1));
	write(fds[1], "a", 1);
	events(0);
	events(0);
	write(fds[1], "a", 1);
	events(0);
	show(control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLONESHOT, 5));
	events(0);
	events(0);
	close(fds[1]);
	events(0);
	done();
}

static void *late_write(void *arg)
{
	nap(20);
	write(fds[1], "x", 1);
	return NULL;
}

static void sleeping(void)
{
	struct timespec ts = { 0, 2000000 };
	struct epoll_event ev;
	sigset_t set;
	pthread_t t;

	fresh("sleeping");
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 1));
	events(5);
	pthread_create(&t, NULL, late_write, NULL);
	events(-1);
	pthread_join(t, NULL);
	show(control(EPOLL_CTL_DEL, fds[0], 0, 0));
	sigemptyset(&set);
	show(epoll_pwait2(ep, &ev, 1, &ts, &set));
	ts.tv_nsec = -1;
	show(epoll_pwait2(ep, &ev, 1, &ts, NULL));
	done();
}

static void on_alarm(int s) { }

static void interrupted(void)
{
	struct epoll_event ev;

	fresh("interrupted");
	signal(SIGUSR1, on_alarm);
	pid_t me = getpid(), child = fork();
	if (!child) {
		nap(20);
		kill(me, SIGUSR1);
		_exit(0);
	}
	show(epoll_wait(ep, &ev, 1, -1));
	waitpid(child, NULL, 0);
	done();
}

static void nested(void)
{
	int outer[6];

	fresh("nested");
	int inner = ep;
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 1));
	for (int i = 0; i < 6; i++) {
		int below = i ? outer[i - 1] : inner;

		ep = outer[i] = epoll_create1(0);
		show(control(EPOLL_CTL_ADD, below, EPOLLIN, 10 + i));
	}
	ep = inner;
	show(control(EPOLL_CTL_ADD, inner, EPOLLIN, 1));
	show(control(EPOLL_CTL_ADD, outer[0], EPOLLIN, 1));
	ep = outer[1];
	events(0);
	write(fds[1], "x", 1);
	events(0);
	struct pollfd p = { outer[1], POLLIN, 0 };
	show(poll(&p, 1, 0));
	read(fds[0], &p, 1);
	p.fd = outer[1];
	show(poll(&p, 1, 0));
	pthread_t t;
	pthread_create(&t, NULL, late_write, NULL);
	events(-1);
	pthread_join(t, NULL);
	for (int i = 0; i < 6; i++)
		close(outer[i]);
	ep = inner;
	events(0);
	done();
}

static void order(void)
{
	struct epoll_event ev;
	int p[4][2];

	fresh("turns");
	for (int i = 0; i < 4; i++) {
		pipe(p[i]);
		control(EPOLL_CTL_ADD, p[i][0], EPOLLIN, i);
		write(p[i][1], "x", 1);
	}
	for (int i = 0; i < 8; i++) {
		epoll_wait(ep, &ev, 1, 0);
		printf(" %ld", (long)ev.data.u64);
	}
	printf("\n");
	events(0);
	done();
}

static void hostile(void)
{
	int reg = open("/tmp", O_RDONLY), path = open("/tmp", O_PATH);
	struct epoll_event ev;

	fresh("bad arguments");
	show(epoll_create1(1));
	show(control(EPOLL_CTL_ADD, reg, EPOLLIN, 1));
	show(control(EPOLL_CTL_ADD, path, EPOLLIN, 1));
	show(control(EPOLL_CTL_ADD, 99, EPOLLIN, 1));
	show(control(EPOLL_CTL_MOD, fds[0], EPOLLIN, 1));
	show(control(17, fds[0], EPOLLIN, 1));
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1));
	show(control(EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLEXCLUSIVE, 1));
	show(control(EPOLL_CTL_MOD, fds[0], EPOLLIN, 1));
	write(fds[1], "x", 1);
	events(0);
	show(epoll_ctl(ep, EPOLL_CTL_ADD, fds[1], NULL));
	show(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev));
	show(epoll_ctl(fds[0], EPOLL_CTL_ADD, fds[1], &ev));
	show(epoll_wait(ep, &ev, 0, 0));
	show(epoll_wait(ep, &ev, -1, 0));
	show(epoll_wait(fds[0], &ev, 1, 0));
	show(epoll_wait(99, &ev, 1, 0));
	show(syscall(SYS_epoll_pwait, ep, 16, 1, 0, NULL, 8));
	events(0);
	show(read(ep, &ev, 1));
	show(write(ep, &ev, 1));
	show(lseek(ep, 0, SEEK_SET));
	show(open("/dev/null", O_RDWR) >= 0);
	show(control(EPOLL_CTL_ADD, open("/dev/null", O_RDWR), EPOLLIN, 1));
	done();
}

int main(void)
{
	level();
	edge();
	oneshot();
	sleeping();
	interrupted();
	nested();
	order();
	hostile();
}
