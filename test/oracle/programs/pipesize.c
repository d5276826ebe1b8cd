/* SPDX-License-Identifier: MIT */
/* pipesize.c: F_SETPIPE_SZ and what fits then. */
#include "check.h"

static char buf[1 << 21];

static long fill(int fd)
{
	long n, sum = 0;

	while ((n = write(fd, buf, 4096)) > 0)
		sum += n;
	return sum;
}

int main(void)
{
	int p[2], f;
	long n;

	for (int i = 0; i < (int)sizeof(buf); i++)
		buf[i] = i * 7 + (i >> 8);
	pipe2(p, O_NONBLOCK);
	show(fcntl(p[0], F_GETPIPE_SZ));
	printf("  %ld\n", fill(p[1]));
	show(fcntl(p[0], F_SETPIPE_SZ, 1 << 20));
	printf("  %ld\n", fill(p[1]));
	show(fcntl(p[0], F_SETPIPE_SZ, 4096));
	show(fcntl(p[1], F_SETPIPE_SZ, 1 << 19));
	n = read(p[0], buf + (1 << 20), 1 << 20);
	printf("  %ld\n", n);
	for (long i = 0; i < n; i++)
		if (buf[(1 << 20) + i] != buf[i % 4096]) {
			printf("  wrong at %ld\n", i);
			break;
		}
	show(fcntl(p[0], F_SETPIPE_SZ, 5000));
	show(fcntl(p[0], F_SETPIPE_SZ, 1));
	printf("  %ld\n", fill(p[1]));
	show(fcntl(p[0], F_GETPIPE_SZ));
	show(read(p[0], buf, 100));
	show(fcntl(p[0], F_SETPIPE_SZ, 0));
	show(fcntl(p[0], F_SETPIPE_SZ, 200000));
	f = open("/dev/null", O_RDWR);
	show(fcntl(f, F_GETPIPE_SZ));
	if (!fork()) {
		setuid(1000);
		show(fcntl(p[0], F_SETPIPE_SZ, 1 << 21));
		show(fcntl(p[0], F_SETPIPE_SZ, 1 << 20));
		_exit(0);
	}
	wait(NULL);
	return 0;
}
