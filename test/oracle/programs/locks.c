/* SPDX-License-Identifier: MIT */
/* locks.c: record locks of processes and open files, flock; conflicts, splitting, closing, too many. */
#include <sys/file.h>
#include "check.h"

static int f;

static int lock(int cmd, int type, long start, long len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
	int r = fcntl(f, cmd, &l);

	if (!r && (cmd == F_GETLK || cmd == F_OFD_GETLK))
		printf("  type %d start %ld len %ld pid %d\n", l.l_type, (long)l.l_start, (long)l.l_len,
		       l.l_pid == getppid() ? 1 : l.l_pid);
	fflush(stdout);
	return r;
}

static void child(void (*fn)(void))
{
	fflush(stdout);
	if (!fork()) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void look(void)
{
	for (int at = 0; at < 60; at += 10)
		show(lock(F_GETLK, F_WRLCK, at, 10));
	show(lock(F_SETLK, F_WRLCK, 0, 1));
	show(lock(F_SETLK, F_RDLCK, 20, 1));
	show(lock(F_SETLK, F_RDLCK, 55, 1));
}

static void flocks(void)
{
	int g = open("file", O_RDWR);

	show(flock(g, LOCK_EX | LOCK_NB));
	show(flock(g, LOCK_SH | LOCK_NB));
	show(flock(f, LOCK_UN));
	show(flock(g, LOCK_EX | LOCK_NB));
}

int main(void)
{
	f = open("file", O_RDWR | O_CREAT, 0600);
	title("records");
	show(lock(F_SETLK, F_WRLCK, 0, 50));
	show(lock(F_SETLK, F_RDLCK, 20, 10));
	show(lock(F_SETLK, F_UNLCK, 40, 5));
	child(look);
	show(lock(F_SETLK, F_UNLCK, 0, 0));
	child(look);
	show(lock(F_SETLK, 9, 0, 0));
	show(lock(F_SETLK, F_RDLCK, -5, 0));
	show(lock(F_SETLK, F_RDLCK, 10, -20));
	show(lock(F_SETLK, F_RDLCK, 10, -5));
	show(lock(F_GETLK, F_UNLCK, 10, 5));
	title("closing another descriptor gives them up");
	lock(F_SETLK, F_WRLCK, 0, 50);
	close(open("file", O_RDONLY));
	child(look);
	title("open files");
	show(lock(F_OFD_SETLK, F_WRLCK, 0, 10));
	child(look);
	int g = f;
	f = open("file", O_RDWR);
	show(lock(F_OFD_SETLK, F_WRLCK, 5, 1));
	show(lock(F_OFD_GETLK, F_WRLCK, 5, 1));
	show(lock(F_SETLK, F_RDLCK, 5, 1));
	close(g);
	show(lock(F_OFD_SETLK, F_WRLCK, 5, 1));
	title("flock");
	show(flock(f, LOCK_SH));
	child(flocks);
	show(flock(f, 77));
	title("waiting");
	lock(F_SETLK, F_WRLCK, 0, 1);
	fflush(stdout);
	if (!fork()) {
		show(lock(F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	nap(30);
	title("giving up");
	lock(F_SETLK, F_UNLCK, 0, 1);
	wait(NULL);
	title("many");
	lock(F_OFD_SETLK, F_UNLCK, 0, 0);
	for (int i = 0; i < 2000; i++)
		if (lock(F_SETLK, i & 1 ? F_RDLCK : F_WRLCK, i * 2, 1))
			break;
	child(look);
	return 0;
}
