/* SPDX-License-Identifier: MIT */
/* splice.c: splice, tee, vmsplice, sendfile and copy_file_range. */
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "check.h"

static char buf[100000];

static void text(long n)
{
	printf("  %ld \"%.*s\"\n", n, n > 0 ? (int)n : 0, buf);
	fflush(stdout);
}

int main(void)
{
	int p[2], q[2], s[2], f, g;
	loff_t at = 3, to = 2;

	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	f = open("file", O_RDWR | O_CREAT, 0600);
	g = open("other", O_RDWR | O_CREAT, 0600);
	write(f, "0123456789", 10);
	title("splice");
	show(splice(f, &at, p[1], NULL, 4, 0));
	printf("  %ld\n", (long)at);
	text(read(p[0], buf, 100));
	show(splice(p[0], NULL, g, NULL, 10, 0));
	write(p[1], "pipe", 4);
	show(splice(p[0], NULL, g, &to, 10, 0));
	printf("  %ld %ld\n", (long)to, (long)lseek(g, 0, SEEK_END));
	write(p[1], "to pipe", 7);
	show(splice(p[0], NULL, q[1], NULL, 4, 0));
	text(read(q[0], buf, 100));
	text(read(p[0], buf, 100));
	write(p[1], "to socket", 9);
	show(splice(p[0], NULL, s[0], NULL, 100, 0));
	text(read(s[1], buf, 100));
	write(s[0], "from socket", 11);
	show(splice(s[1], NULL, p[1], NULL, 100, 0));
	text(read(p[0], buf, 100));
	show(splice(f, NULL, g, NULL, 4, 0));
	show(splice(p[0], &at, g, NULL, 4, 0));
	show(splice(p[0], NULL, p[1], NULL, 4, 0));
	show(splice(p[0], NULL, g, NULL, 4, 64));
	show(splice(p[1], NULL, g, NULL, 4, 0));
	show(splice(99, NULL, g, NULL, 4, 0));
	show(splice(p[0], NULL, q[1], NULL, 0, 0));
	at = 10;
	show(splice(f, &at, p[1], NULL, 4, 0));
	at = -1;
	show(splice(f, &at, p[1], NULL, 4, 0));
	ftruncate(g, 200000);
	to = 0;
	long sum = 0, n;
	while ((n = splice(g, &to, p[1], NULL, 200000, SPLICE_F_NONBLOCK)) > 0)
		sum += n;
	printf("  %ld %s\n", sum, strerrorname_np(errno));
	while ((n = splice(p[0], NULL, f, NULL, 200000, 0)) > 0)
		sum -= n;
	printf("  %ld %s %ld\n", sum, strerrorname_np(errno), (long)lseek(f, 0, SEEK_END));
	title("tee");
	show(tee(p[0], q[1], 10, 0));
	write(p[1], "twice", 5);
	show(tee(p[0], q[1], 3, 0));
	show(tee(p[0], q[1], 100, 0));
	text(read(q[0], buf, 100));
	text(read(p[0], buf, 100));
	show(tee(p[0], p[1], 3, 0));
	show(tee(f, p[1], 3, 0));
	title("vmsplice");
	struct iovec v = { "memory", 6 };
	show(vmsplice(p[1], &v, 1, 0));
	v = (struct iovec){ buf, 100 };
	show(vmsplice(p[0], &v, 1, 0));
	text(6);
	show(vmsplice(f, &v, 1, 0));
	title("blocking");
	fcntl(p[0], F_SETFL, 0);
	fcntl(q[1], F_SETFL, 0);
	if (!fork()) {
		nap(20);
		write(p[1], "late", 4);
		_exit(0);
	}
	show(splice(p[0], NULL, q[1], NULL, 100, 0));
	wait(NULL);
	text(read(q[0], buf, 100));
	close(p[1]);
	show(splice(p[0], NULL, q[1], NULL, 100, 0));
	show(tee(p[0], q[1], 100, 0));
	title("sendfile");
	ftruncate(f, 10);
	lseek(f, 2, SEEK_SET);
	show(sendfile(s[0], f, NULL, 4));
	text(read(s[1], buf, 100));
	off_t o = 1;
	show(sendfile(s[0], f, &o, 100));
	printf("  %ld %ld\n", (long)o, (long)lseek(f, 0, SEEK_CUR));
	show(read(s[1], buf, 100));
	show(sendfile(g, s[1], NULL, 4));
	show(sendfile(g, f, NULL, 0));
	signal(SIGPIPE, SIG_IGN);
	close(q[0]);
	o = 0;
	show(sendfile(q[1], f, &o, 4));
	show(splice(f, &at, q[1], NULL, 4, 0));
	return 0;
}
