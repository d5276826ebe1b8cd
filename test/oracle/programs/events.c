/* SPDX-License-Identifier: MIT */
/* events.c: eventfd, timerfd, signalfd, pidfd: read, poll, epoll, errors. */
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include "check.h"

static void events(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, 0);
	printf("  events %x\n", p.revents);
	fflush(stdout);
}

static long number(int fd)
{
	uint64_t v;
	long r = read(fd, &v, 8);

	if (r < 0)
		printf("  %s\n", strerrorname_np(errno));
	else
		printf("  %ld: %ld\n", r, (long)v);
	fflush(stdout);
	return r;
}

static long add(int fd, uint64_t v) { return write(fd, &v, 8); }

static void name(int fd)
{
	char path[40], buf[100];
	long n;

	sprintf(path, "/proc/self/fd/%d", fd);
	n = readlink(path, buf, 100);
	printf("  %.*s %lo\n", (int)n, buf, (long)fcntl(fd, F_GETFL));
}

static void event(void)
{
	char big[16] = { 1 };
	int e;

	title("eventfd");
	show(eventfd(0, 077777));
	e = show_fd(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
	name(e);
	events(e);
	number(e);
	number(e);
	show(add(e, 5));
	show(add(e, 6));
	events(e);
	number(e);
	show(add(e, -2));
	show(add(e, 1));
	show(add(e, -1));
	events(e);
	show(read(e, big, 4));
	show(write(e, big, 4));
	show(read(e, big, 16));
	show(write(e, big, 16));
	show(lseek(e, 10, SEEK_SET));
	show(pread(e, big, 8, 0));
	show(read(e, NULL, 8));
	number(e);
	close(e);
	e = eventfd(2, EFD_SEMAPHORE);
	number(e);
	number(e);
	if (!fork()) {
		nap(20);
		add(e, 1);
		_exit(0);
	}
	number(e);
	wait(NULL);
	add(e, -2);
	if (!fork()) {
		uint64_t v;
		nap(10);
		read(e, &v, 8);
		_exit(0);
	}
	show(add(e, 1));
	wait(NULL);
	close(e);
	int ep = epoll_create1(0);
	struct epoll_event ev = { EPOLLIN | EPOLLET };
	e = eventfd(0, 0);
	epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev);
	for (int i = 0; i < 3; i++) {
		add(e, 1);
		printf("  %d", epoll_wait(ep, &ev, 1, 0));
		printf(" %d\n", epoll_wait(ep, &ev, 1, 0));
	}
	close(e);
	close(ep);
}

static int set(int t, int flags, long ms, long every)
{
	struct itimerspec v = { { every / 1000, every % 1000 * 1000000 }, { ms / 1000, ms % 1000 * 1000000 } };

	if (flags & TFD_TIMER_ABSTIME) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		v.it_value.tv_sec += now.tv_sec;
		v.it_value.tv_nsec = now.tv_nsec;
	}
	return timerfd_settime(t, flags, &v, NULL);
}

static void timer(void)
{
	struct itimerspec v;
	int t;

	title("timerfd");
	show(timerfd_create(2, 0));
	show(timerfd_create(CLOCK_MONOTONIC, 1));
	show_fd(timerfd_create(CLOCK_BOOTTIME, 0));
	show_fd(timerfd_create(CLOCK_REALTIME_ALARM, 0));
	t = show_fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	name(t);
	events(t);
	number(t);
	show(timerfd_gettime(t, &v));
	printf("  %ld %ld %ld\n", v.it_value.tv_sec, v.it_value.tv_nsec, v.it_interval.tv_sec);
	show(set(t, 0, 10, 0));
	events(t);
	nap(30);
	events(t);
	number(t);
	number(t);
	show(set(t, 0, 5000, 7000));
	show(timerfd_gettime(t, &v));
	printf("  %d %ld\n", v.it_value.tv_sec == 4, v.it_interval.tv_sec);
	show(set(t, 0, 0, 0));
	show(timerfd_gettime(t, &v));
	printf("  %ld %ld\n", v.it_value.tv_sec, v.it_value.tv_nsec);
	fcntl(t, F_SETFL, 0);
	show(set(t, 0, 20, 0));
	number(t);
	show(set(t, 0, 10, 10));
	nap(200);
	uint64_t n = 0;
	read(t, &n, 8);
	printf("  many: %d\n", n > 10);
	show(set(t, 8, 1, 1));
	v.it_value.tv_nsec = 1000000000;
	show(timerfd_settime(t, 0, &v, NULL));
	show(timerfd_settime(t, 0, NULL, NULL));
	show(timerfd_settime(0, 0, &v, NULL));
	show(read(t, &n, 4));
	show(write(t, &n, 8));
	show(timerfd_gettime(0, &v));
	close(t);
	t = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	show(set(t, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 100000, 0));
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += 1000;
	show(clock_settime(CLOCK_REALTIME, &now));
	events(t);
	number(t);
	number(t);
	now.tv_sec -= 1000;
	clock_settime(CLOCK_REALTIME, &now);
	show(set(t, TFD_TIMER_ABSTIME, -100000, 0));
	struct pollfd p = { t, POLLIN };
	show(poll(&p, 1, 1000));
	number(t);
	close(t);
	int ep = epoll_create1(0);
	struct epoll_event ev = { EPOLLIN };
	t = timerfd_create(CLOCK_MONOTONIC, 0);
	epoll_ctl(ep, EPOLL_CTL_ADD, t, &ev);
	set(t, 0, 10, 0);
	show(epoll_wait(ep, &ev, 1, 5000));
	close(t);
	close(ep);
}

static void record(int s)
{
	struct signalfd_siginfo i[3];
	long r = read(s, i, sizeof(i));

	if (r < 0)
		printf("  %s\n", strerrorname_np(errno));
	for (int k = 0; k < r / (long)sizeof(i[0]); k++)
		printf("  signal %d code %d pid %d uid %d int %d status %d\n", i[k].ssi_signo, i[k].ssi_code,
		       i[k].ssi_pid == getpid(), i[k].ssi_uid, i[k].ssi_int, i[k].ssi_status);
	fflush(stdout);
}

static void signals(void)
{
	sigset_t m;
	int s;

	title("signalfd");
	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	sigaddset(&m, SIGCHLD);
	sigaddset(&m, SIGRTMIN);
	sigaddset(&m, SIGKILL);
	sigprocmask(SIG_BLOCK, &m, NULL);
	show(signalfd(-1, &m, 1));
	show(signalfd(0, &m, 0));
	show(signalfd(99, &m, 0));
	show(syscall(SYS_signalfd4, -1, &m, 4, 0));
	s = show_fd(signalfd(-1, &m, SFD_NONBLOCK | SFD_CLOEXEC));
	name(s);
	events(s);
	record(s);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 42 });
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 43 });
	events(s);
	record(s);
	record(s);
	show(read(s, &m, 8));
	if (!fork())
		_exit(7);
	struct pollfd p = { s, POLLIN };
	show(poll(&p, 1, 5000));
	struct signalfd_siginfo i;
	read(s, &i, sizeof(i));
	printf("  %d %d %d\n", i.ssi_signo, i.ssi_code, i.ssi_status);
	wait(NULL);
	fcntl(s, F_SETFL, 0);
	if (!fork()) {
		nap(20);
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	read(s, &i, sizeof(i));
	printf("  %d %d\n", i.ssi_signo, i.ssi_code);
	read(s, &i, sizeof(i));
	printf("  %d %d\n", i.ssi_signo, i.ssi_code);
	wait(NULL);
	sigdelset(&m, SIGUSR1);
	show(signalfd(s, &m, 0) == s);
	kill(getpid(), SIGUSR1);
	events(s);
	int ep = epoll_create1(0);
	struct epoll_event ev = { EPOLLIN };
	epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
	show(epoll_wait(ep, &ev, 1, 0));
	sigaddset(&m, SIGUSR1);
	signalfd(s, &m, 0);
	kill(getpid(), SIGRTMIN);
	show(epoll_wait(ep, &ev, 1, 1000));
	close(s);
	close(ep);
}

static void processes(void)
{
	struct epoll_event ev = { EPOLLIN };
	siginfo_t si;
	int p[2], fd, pid, other, ep = epoll_create1(0);

	title("pidfd");
	pipe(p);
	pid = fork();
	if (!pid) {
		char c;
		close(p[1]);
		dup2(p[0], 50);
		read(p[0], &c, 1);
		_exit(5);
	}
	fd = show_fd(syscall(SYS_pidfd_open, pid, 0));
	printf("  %d\n", fcntl(fd, F_GETFD));
	show(syscall(SYS_pidfd_open, 0, 0));
	show(syscall(SYS_pidfd_open, 99999, 0));
	show(syscall(SYS_pidfd_open, pid, 1));
	show(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	show(syscall(SYS_pidfd_send_signal, fd, 99, NULL, 0));
	show(syscall(SYS_pidfd_send_signal, p[0], 0, NULL, 0));
	nap(30);
	other = show_fd(syscall(SYS_pidfd_getfd, fd, 50, 0));
	show(syscall(SYS_pidfd_getfd, fd, 77, 0));
	show(syscall(SYS_pidfd_getfd, fd, 50, 1));
	events(fd);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	show(epoll_wait(ep, &ev, 1, 0));
	memset(&si, 0, sizeof(si));
	show(waitid(P_PIDFD, fd, &si, WEXITED | WNOHANG));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	show(waitid(P_PIDFD, fd, &si, WEXITED));
	write(p[1], "x", 1);
	show(epoll_wait(ep, &ev, 1, 5000));
	events(fd);
	show(waitid(P_PIDFD, fd, &si, WEXITED));
	printf("  %d %d\n", si.si_code, si.si_status);
	show(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	show(waitid(P_PIDFD, fd, &si, WEXITED));
	show(waitid(P_PIDFD, 999, &si, WEXITED));
	show(waitid(P_PIDFD, p[0], &si, WEXITED));
	show(read(fd, &si, 1));
	close(fd);
	struct clone_args a = { .flags = CLONE_PIDFD, .pidfd = (uint64_t)&fd, .exit_signal = SIGCHLD };
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (!pid) {
		pause();
		_exit(0);
	}
	show(fd > 2);
	show(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
	show(waitid(P_PIDFD, fd, &si, WEXITED));
	printf("  %d %d\n", si.si_code, si.si_status);
	a.pidfd = 16;
	show(syscall(SYS_clone3, &a, sizeof(a)));
	a.flags |= CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_DETACHED;
	show(syscall(SYS_clone3, &a, sizeof(a)));
}

int main(void)
{
	event();
	timer();
	signals();
	processes();
}
