/* SPDX-License-Identifier: MIT */
/* jobcontrol.c: the terminal of a session: who gets it, who is stopped for using it, what its end does. */
#include <sys/ioctl.h>
#include <termios.h>
#include "check.h"

static int m, s;

static void open_pair(void)
{
	int zero = 0;

	m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(m, TIOCSPTLCK, &zero);
}

static void child(const char *what, void (*fn)(void))
{
	int status;
	pid_t p;

	title(what);
	p = fork();
	if (!p) {
		open_pair();
		fn();
		exit(0);
	}
	waitpid(p, &status, 0);
	printf("  status %x\n", status);
	fflush(stdout);
}

/* A session with the pair as its terminal. */
static void lead(void)
{
	setsid();
	s = open(ptsname(m), O_RDWR);
}

static void opening(void)
{
	char c;

	s = open(ptsname(m), O_RDWR);
	show(tcgetpgrp(s));
	show(tcgetsid(s));
	show(tcsetpgrp(s, getpgrp()));
	setsid();
	show_fd(open("/dev/tty", O_RDWR));
	int n = open(ptsname(m), O_RDWR | O_NOCTTY);
	show(tcgetpgrp(n));
	show_fd(open("/dev/tty", O_RDWR));
	n = open(ptsname(m), O_RDWR);
	show(tcgetpgrp(n) == getpid());
	show(tcgetsid(n) == getpid());
	show_fd(open("/dev/tty", O_RDWR));
	show(ioctl(n, TIOCSCTTY, 0));
	show(tcsetpgrp(n, 999999));
	show(tcsetpgrp(n, -1));
	show(tcsetpgrp(m, getpgrp()));
	show(tcgetpgrp(m) == getpid());
	show(tcgetsid(m) == getpid());
	int other = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	show(ioctl(other, TIOCSCTTY, 0));
	signal(SIGHUP, SIG_IGN);
	show(ioctl(n, TIOCNOTTY));
	show_fd(open("/dev/tty", O_RDWR));
	show(tcgetpgrp(n));
	show(ioctl(n, TIOCSCTTY, 0));
	show(tcgetpgrp(n) == getpid());
	show(read(m, &c, 0));
}

/* Runs fn in a group of its own, in the background; prints what it is stopped by, lets it go on in front. */
static void behind(const char *what, void (*fn)(void), int front)
{
	int status;
	pid_t p = fork();

	if (!p) {
		setpgid(0, 0);
		fn();
		_exit(0);
	}
	setpgid(p, p);
	for (;;) {
		waitpid(p, &status, WUNTRACED);
		printf("  %s: %x\n", what, status);
		fflush(stdout);
		if (!WIFSTOPPED(status))
			break;
		if (front) {
			tcsetpgrp(s, p);
			kill(-p, SIGCONT);
		} else {
			kill(-p, SIGKILL);
		}
	}
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(s, getpgrp());
	signal(SIGTTOU, SIG_DFL);
}

static void reads(void)
{
	char c[10];
	int n = read(s, c, 10);

	_exit(n < 0 ? errno : n);
}

static void reads_ignoring(void) { signal(SIGTTIN, SIG_IGN); reads(); }

static void reads_blocking(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTTIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	reads();
}

static void nothing(int sig) { }
static void reads_handling(void) { sigaction(SIGTTIN, &(struct sigaction){ .sa_handler = nothing }, NULL); reads(); }
static void writes(void) { _exit(write(s, "x", 1)); }

static void sets(void)
{
	struct termios t;

	tcgetattr(s, &t);
	_exit(tcsetattr(s, TCSANOW, &t) ? errno : 7);
}

static void sets_ignoring(void) { signal(SIGTTOU, SIG_IGN); sets(); }
static void takes(void) { _exit(tcsetpgrp(s, getpgrp()) ? errno : 8); }
static void flushes(void) { _exit(tcflush(s, TCIFLUSH) ? errno : 9); }
static void sizes(void) { struct winsize w = { 5, 5 }; _exit(ioctl(s, TIOCSWINSZ, &w) ? errno : 10); }

static void background(void)
{
	struct termios t;

	lead();
	write(m, "typed\n", 6);
	behind("read", reads, 1);
	behind("read, ignored", reads_ignoring, 1);
	behind("read, blocked", reads_blocking, 1);
	behind("write", writes, 0);
	tcgetattr(s, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(s, TCSANOW, &t);
	behind("write with TOSTOP", writes, 1);
	behind("tcsetattr", sets, 1);
	behind("tcsetattr, ignored", sets_ignoring, 0);
	behind("tcsetpgrp", takes, 1);
	behind("tcflush", flushes, 0);
	behind("window size", sizes, 0);
}

/* In the background, and nobody could let it go on. */
static void orphan(void)
{
	int status;

	lead();
	if (!fork()) {
		if (!fork()) {
			setpgid(0, 0);
			if (!fork()) {
				nap(200);
				show(read(s, &status, 1));
				raise(SIGTSTP);
				show(tcsetpgrp(s, getpgrp()));
				exit(0);
			}
			exit(0);
		}
		wait(&status);
		exit(0);
	}
	nap(600);
	wait(&status);
}

static void said(int sig)
{
	printf("  got %s\n", sigabbrev_np(sig));
	fflush(stdout);
}

/* The leader goes: those in the foreground hear of it. */
static void leader_ends(void)
{
	int p[2], q[2];
	char c;

	pipe(p);
	pipe(q);
	if (!fork()) {
		lead();
		if (!fork()) {
			signal(SIGHUP, said);
			signal(SIGCONT, said);
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGHUP);
			sigprocmask(SIG_BLOCK, &set, NULL);
			write(q[1], "x", 1);
			sigemptyset(&set);
			sigsuspend(&set);
			nap(200);
			show_fd(open("/dev/tty", O_RDWR));
			exit(0);
		}
		read(q[0], &c, 1);
		exit(0);
	}
	close(p[1]);
	read(p[0], &c, 1);
}

/* A stopped group that is orphaned is told and goes on. */
static void stopped_orphan(void)
{
	int p[2], status;
	pid_t c;
	char b;

	pipe(p);
	setsid();
	if (!fork()) {
		c = fork();
		if (!c) {
			setpgid(0, 0);
			signal(SIGHUP, said);
			raise(SIGSTOP);
			printf("  went on\n");
			exit(0);
		}
		waitpid(c, &status, WUNTRACED);
		printf("  %x\n", status);
		exit(0);
	}
	close(p[1]);
	read(p[0], &b, 1);
	wait(&status);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	child("opening", opening);
	child("background", background);
	child("orphan", orphan);
	child("the leader ends", leader_ends);
	child("a stopped orphan", stopped_orphan);
	return 0;
}
