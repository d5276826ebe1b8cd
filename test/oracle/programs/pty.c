/* SPDX-License-Identifier: MIT */
/* pty.c: pseudo-terminals: line editing, echo, signals, sizes, sessions, hanging up. */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include "check.h"

static char buf[20000];

static void text(const char *what, long n)
{
	printf("  %s: ", what);
	if (n < 0)
		printf("%s", strerrorname_np(errno));
	for (long i = 0; i < n; i++)
		if (buf[i] < ' ' || buf[i] > '~')
			printf("\\%o", (unsigned char)buf[i]);
		else
			putchar(buf[i]);
	printf("\n");
	fflush(stdout);
}

static void events(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, 0);
	printf("  events %x\n", p.revents);
	fflush(stdout);
}

static int m, s;

static void open_pair(int flags)
{
	int zero = 0;

	m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(m, TIOCSPTLCK, &zero);
	s = open(ptsname(m), O_RDWR | O_NOCTTY | flags);
}

static void basics(void)
{
	struct winsize w = { 33, 77 };
	struct stat st;
	int v;

	title("opening");
	m = show_fd(posix_openpt(O_RDWR | O_NOCTTY));
	show(open(ptsname(m), O_RDWR | O_NOCTTY));
	show(grantpt(m));
	show(unlockpt(m));
	events(m);
	s = show_fd(open(ptsname(m), O_RDWR | O_NOCTTY));
	show(isatty(m));
	show(isatty(s));
	printf("  %d %d\n", !strncmp(ptsname(m), "/dev/pts/", 9), !strcmp(ttyname(s), ptsname(m)));
	show(fstat(s, &st));
	printf("  %o %d %d\n", st.st_mode, (int)(st.st_rdev >> 8), st.st_gid);
	show(ioctl(m, TIOCSWINSZ, &w));
	w.ws_row = 0;
	show(ioctl(s, TIOCGWINSZ, &w));
	printf("  %d %d\n", w.ws_row, w.ws_col);
	int peer = show_fd(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	printf("  %d\n", !strcmp(ttyname(peer), ptsname(m)));
	close(peer);
	show(ioctl(s, TIOCGPTN, &v));
	show(ioctl(m, FIONREAD, &v));
	show(lseek(m, 0, SEEK_SET));
}

static void lines(void)
{
	title("a line");
	show(write(m, "hellx\177o\n", 8));
	events(s);
	text("echo", read(m, buf, 100));
	text("line", read(s, buf, 100));
	show(write(s, "a\nb", 3));
	text("output", read(m, buf, 100));
	write(m, "ab\4cd\n", 6);
	text("echo", read(m, buf, 100));
	text("eof", read(s, buf, 100));
	text("rest", read(s, buf, 100));
	write(m, "\4", 1);
	text("empty", read(s, buf, 100));
	write(m, "one\ntwo\n", 8);
	text("first", read(s, buf, 100));
	text("second", read(s, buf, 2));
	text("rest", read(s, buf, 100));
	text("echo", read(m, buf, 100));
	write(m, "word other\27\25kill\n", 17);
	text("killed", read(s, buf, 100));
	text("echo", read(m, buf, 100));
}

static void raw(void)
{
	struct termios t, old;

	title("raw");
	show(tcgetattr(s, &old));
	printf("  %o %o %o\n", old.c_iflag, old.c_oflag, old.c_lflag);
	t = old;
	cfmakeraw(&t);
	show(tcsetattr(s, TCSANOW, &t));
	fcntl(s, F_SETFL, O_NONBLOCK);
	text("nothing", read(s, buf, 10));
	write(m, "\3\4\n", 3);
	text("bytes", read(s, buf, 10));
	write(s, "\n", 1);
	text("output", read(m, buf, 10));
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 1;
	tcsetattr(s, TCSANOW, &t);
	fcntl(s, F_SETFL, 0);
	text("timeout", read(s, buf, 10));
	long in = 0, out = 0, n;
	fcntl(s, F_SETFL, O_NONBLOCK);
	memset(buf, 'x', sizeof(buf));
	while ((n = write(s, buf, 1000)) > 0)
		in += n;
	fcntl(m, F_SETFL, O_NONBLOCK);
	printf("  %d\n", in > 2000);
	while ((n = read(m, buf, 777)) > 0)
		out += n;
	printf("  %d\n", in == out);
	fcntl(s, F_SETFL, 0);
	fcntl(m, F_SETFL, 0);
	tcsetattr(s, TCSANOW, &old);
}

static void session(void)
{
	title("a session");
	close(m);
	close(s);
	open_pair(0);
	pid_t pid = fork();
	if (!pid) {
		setsid();
		close(m);
		show(ioctl(s, TIOCSCTTY, 0));
		show(tcgetpgrp(s) == getpid());
		show(tcgetsid(s) == getpid());
		int t = show_fd(open("/dev/tty", O_RDWR));
		show(write(t, "via tty\n", 8));
		for (;;)
			pause();
	}
	nap(100);
	text("from the child", read(m, buf, 100));
	close(s);
	write(m, "\3", 1);
	int st;
	waitpid(pid, &st, 0);
	printf("  signal %d\n", WTERMSIG(st));
	text("echo", read(m, buf, 100));
	text("all gone", read(m, buf, 100));
	events(m);
	close(m);
}

static void hang_up(void)
{
	title("hanging up");
	open_pair(0);
	pid_t pid = fork();
	if (!pid) {
		setsid();
		ioctl(s, TIOCSCTTY, 0);
		close(m);
		for (;;)
			pause();
	}
	nap(50);
	write(s, "unread", 6);
	write(m, "unread\n", 7);
	close(m);
	int st;
	waitpid(pid, &st, 0);
	printf("  signal %d\n", WTERMSIG(st));
	text("read", read(s, buf, 100));
	text("write", write(s, buf, 100));
	close(s);
	open_pair(0);
	write(s, "last words", 10);
	close(s);
	text("before the end", read(m, buf, 100));
	text("the end", read(m, buf, 100));
	close(m);
}

int main(void)
{
	signal(SIGHUP, SIG_DFL);
	basics();
	lines();
	raw();
	session();
	hang_up();
}
