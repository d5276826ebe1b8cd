/* SPDX-License-Identifier: MIT */
/* poll.c: poll and select: many, none, closed, O_PATH, negative descriptors; timeouts. */
#include <poll.h>
#include <sys/select.h>
#include "check.h"

enum { MANY = 40 };

static void print(const struct pollfd *p, int n)
{
	for (int i = 0; i < n; i++)
		if (p[i].revents)
			printf("  %d: %x\n", i, p[i].revents);
}

static void many(void)
{
	struct pollfd p[MANY];
	int fds[MANY][2];

	title("many pipes");
	for (int i = 0; i < MANY; i++) {
		if (pipe(fds[i]))
			exit(1);
		p[i] = (struct pollfd){ .fd = fds[i][0], .events = POLLIN };
	}
	show(poll(p, MANY, 0));
	write(fds[7][1], "x", 1);
	close(fds[9][1]);
	close(fds[11][0]);
	p[11].fd = fds[11][1];
	p[12].fd = fds[12][1];
	p[12].events = POLLIN | POLLOUT;
	p[13].fd = -1;
	p[13].revents = 77;
	p[14].fd = 1000;
	p[15].fd = open("/", O_PATH);
	show(poll(p, MANY, -1));
	print(p, MANY);
	show(poll(p + 20, 10, 5));
	print(p + 20, 10);
	if (!fork()) {
		nap(20);
		write(fds[25][1], "y", 1);
		_exit(0);
	}
	show(poll(p + 20, 10, 5000));
	print(p + 20, 10);
	wait(NULL);
}

static void sets(void)
{
	struct timeval tv = { 0, 3000 };
	int fds[2];
	fd_set r, w;

	title("select");
	if (pipe(fds))
		exit(1);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fds[0], &r);
	show(select(fds[0] + 1, &r, NULL, NULL, &tv));
	printf("%d %ld\n", FD_ISSET(fds[0], &r), tv.tv_sec + tv.tv_usec);
	FD_SET(fds[0], &r);
	FD_SET(fds[1], &w);
	show(select(fds[1] + 1, &r, &w, NULL, NULL));
	printf("%d %d\n", FD_ISSET(fds[0], &r) != 0, FD_ISSET(fds[1], &w) != 0);
	close(fds[1]);
	FD_SET(fds[0], &r);
	show(select(fds[0] + 1, &r, NULL, NULL, NULL));
	FD_SET(fds[1], &r);
	show(select(fds[1] + 1, &r, NULL, NULL, NULL));
}

static void hostile(void)
{
	title("bad arguments");
	show(syscall(SYS_ppoll, NULL, 3, NULL, NULL, 8));
	show(syscall(SYS_ppoll, NULL, 1 << 30, NULL, NULL, 8));
	show(syscall(SYS_ppoll, NULL, 0, &(struct timespec){ 0, -1 }, NULL, 8));
	show(syscall(SYS_ppoll, NULL, 0, &(struct timespec){ 0, 1000 }, NULL, 8));
	show(syscall(SYS_pselect6, -1, NULL, NULL, NULL, NULL, NULL));
}

int main(void)
{
	many();
	sets();
	hostile();
}
