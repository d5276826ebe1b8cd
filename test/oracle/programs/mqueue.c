/* SPDX-License-Identifier: MIT */
/* mqueue.c: POSIX message queues. */
#include <mqueue.h>
#include <poll.h>
#include <sys/stat.h>
#include "check.h"

static int signals, value;
static void handler(int s, siginfo_t *i, void *c)
{
	signals++;
	value = i->si_value.sival_int;
}

static void show_attr(mqd_t q)
{
	struct mq_attr a;

	show(mq_getattr(q, &a));
	printf("flags %lx max %ld size %ld now %ld\n", a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
	fflush(stdout);
}

static void receive(mqd_t q, size_t size)
{
	char buf[9000];
	unsigned priority = 99;
	long n = mq_receive(q, buf, size, &priority);

	if (n < 0)
		printf("receive: %s\n", strerrorname_np(errno));
	else
		printf("receive: %ld '%.*s' %u\n", n, (int)n, buf, priority);
	fflush(stdout);
}

static void opening(void)
{
	struct mq_attr none = { .mq_maxmsg = 0, .mq_msgsize = 10 }, many = { .mq_maxmsg = 70000, .mq_msgsize = 8 };
	struct mq_attr huge = { .mq_maxmsg = 1000, .mq_msgsize = 8192 };

	title("opening");
	show_fd(mq_open("/none", O_RDWR));
	show_fd(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL));
	show_fd(mq_open("/", O_RDWR | O_CREAT, 0600, NULL));
	show_fd(mq_open("/q", O_RDWR | O_CREAT, 0600, &none));
	show_fd(mq_open("/q", O_RDWR | O_CREAT, 0600, &many));
	show_fd(mq_open("/q", O_RDWR | O_CREAT, 0600, &huge));
	mqd_t q = show_fd(mq_open("/q", O_RDWR | O_CREAT, 0600, NULL));
	show_attr(q);
	show_fd(mq_open("/q", O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
	show(mq_unlink("/q"));
	show(mq_unlink("/q"));
	show(mq_send(q, "still there", 11, 0));
	receive(q, 8192);
	show(mq_close(q));
	show(mq_close(q));
}

static void transfers(void)
{
	struct mq_attr a = { .mq_maxmsg = 3, .mq_msgsize = 16 }, nonblock = { .mq_flags = O_NONBLOCK };
	struct timespec past = { 1, 0 }, bad = { 1, -1 }, soon;
	mqd_t q = mq_open("/t", O_RDWR | O_CREAT, 0600, &a), ro = mq_open("/t", O_RDONLY), wo = mq_open("/t", O_WRONLY);
	struct pollfd p = { q, POLLIN | POLLOUT };
	char buf[16];
	int status;

	title("transfers");
	show(poll(&p, 1, 0) ? p.revents : -1);
	show(mq_send(q, "low", 3, 1));
	show(mq_send(q, "high", 4, 9));
	show(mq_send(q, "high too", 8, 9));
	show(poll(&p, 1, 0) ? p.revents : -1);
	show_attr(q);
	show(mq_timedsend(q, "x", 1, 0, &past));
	show(mq_timedsend(q, "x", 1, 0, &bad));
	show(mq_send(q, "0123456789abcdefg", 17, 0));
	show(mq_send(q, "x", 1, 32768));
	show(mq_send(ro, "x", 1, 0));
	show(mq_receive(wo, buf, 16, NULL));
	receive(q, 15);
	receive(q, 16);
	receive(q, 16);
	receive(q, 16);
	show(mq_timedreceive(q, buf, 16, NULL, &past));
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 30000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	show(mq_timedreceive(q, buf, 16, NULL, &soon));
	show(mq_setattr(q, &nonblock, NULL));
	receive(q, 16);
	show_attr(q);
	nonblock.mq_flags = 1;
	show(mq_setattr(q, &nonblock, NULL));
	nonblock.mq_flags = 0;
	show(mq_setattr(q, &nonblock, &a));
	printf("old flags %lx\n", a.mq_flags);
	fflush(stdout);
	if (!fork()) {
		receive(ro, 16);
		_exit(0);
	}
	nap(20);
	mq_send(q, "to the child", 12, 3);
	wait(NULL);
	for (int i = 0; i < 3; i++)
		mq_send(q, "fill", 4, 0);
	if (!fork()) {
		_exit(mq_send(wo, "waited", 6, 0) ? errno : 7);
	}
	nap(20);
	receive(q, 16);
	wait(&status);
	show(WEXITSTATUS(status));
	show_attr(q);
	show(syscall(SYS_mq_timedsend, q, (void *)8, 4, 0, NULL));
	show(syscall(SYS_mq_timedsend, 99, "x", 1, 0, NULL));
	show(syscall(SYS_mq_timedsend, 0, "x", 1, 0, NULL));
	show(mq_unlink("/t"));
}

static void notify(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42 };
	struct sigaction s = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	mqd_t q = mq_open("/n", O_RDWR | O_CREAT, 0600, NULL);
	char line[200] = "";

	title("notify");
	sigaction(SIGUSR1, &s, NULL);
	show(mq_notify(q, &e));
	show(mq_notify(q, &e));
	show(mq_send(q, "first", 5, 0));
	while (!signals)
		nap(5);
	printf("%d signals, value %d\n", signals, value);
	show(mq_send(q, "second", 6, 0));
	printf("%d signals\n", signals);
	show(mq_notify(q, &e));
	show(mq_notify(q, NULL));
	e.sigev_signo = 65;
	show(mq_notify(q, &e));
	e.sigev_notify = 7;
	show(mq_notify(q, &e));
	e.sigev_notify = SIGEV_NONE;
	show(mq_notify(q, &e));
	show(mq_notify(q, &e));
	show(mq_notify(q, NULL));
	show(pread(q, line, sizeof(line) - 1, 0));
	printf("%s", line);
	show(mq_unlink("/n"));
}

static void others(void)
{
	mqd_t q = mq_open("/o", O_RDWR | O_CREAT, 0604, NULL);

	title("others");
	if (!fork()) {
		setgid(1000);
		setuid(1000);
		show_fd(mq_open("/o", O_RDWR));
		show_fd(mq_open("/o", O_WRONLY));
		show_fd(mq_open("/o", O_RDONLY));
		show(mq_unlink("/o"));
		struct mq_attr a = { .mq_maxmsg = 11, .mq_msgsize = 8 };
		show_fd(mq_open("/p", O_RDWR | O_CREAT, 0600, &a));
		_exit(0);
	}
	wait(NULL);
	show(mq_unlink("/o"));
	mq_close(q);
}

int main(void)
{
	opening();
	transfers();
	notify();
	others();
	return 0;
}
