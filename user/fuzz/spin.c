/* SPDX-License-Identifier: MIT */
/*
 * spin.c CASE [LIMIT_US]: calls that might keep the kernel to themselves.  A probe sleeps a millisecond
 * at a time and notes how late it wakes; the case runs beside it.  Prints the worst delay, and fails
 * if it is beyond the limit.  Under `weir --icount' a microsecond is a thousand instructions.
 * "spin" alone lists the cases.
 */
#include <linux/futex.h>
#include <linux/resource.h>
#include "weir.h"

enum { TICK_US = 1000, MANY_FDS = 4096 };
#define GIGA (1ul << 30)

struct shared { volatile long worst_us, ticks; volatile int stop, ready; };
static struct shared *shared;
static char page[PAGE] __attribute__((aligned(PAGE)));
static char path[PAGE + 8];

/* --- the probe ---------------------------------------------------------------------------------- */

static long now_us(void)
{
	long t[2];

	call(__NR_clock_gettime, 1, t);
	return t[0] * 1000000 + t[1] / 1000;
}

static void probe(void)
{
	static const long tick[2] = { 0, TICK_US * 1000l };

	while (!shared->stop) {
		long start = now_us(), late;

		call(__NR_nanosleep, tick, 0);
		late = now_us() - start - TICK_US;
		if (late > shared->worst_us)
			shared->worst_us = late;
		shared->ticks++;
	}
	exit(0);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

static void many_fds(void)
{
	struct rlimit l = { MANY_FDS, MANY_FDS };
	int fds[2];

	check(!call(__NR_prlimit64, 0, RLIMIT_NOFILE, &l, 0));
	while (!pipe(fds))
		;
}

static void poll_many(void)
{
	struct { int fd; short events, revents; } *p = map(MANY_FDS * 8, PROT_READ | PROT_WRITE);
	static const long soon[2] = { 0, 3000000 };

	many_fds();
	for (int i = 0; i < MANY_FDS; i++) {
		p[i].fd = i;
		p[i].events = i % 2 ? 1 : 0;
	}
	p[0].events = p[1].events = p[2].events = 0;
	for (int i = 0; i < 20; i++)
		call(__NR_ppoll, p, MANY_FDS, soon, 0, 8);
}

static void close_many(void)
{
	for (int i = 0; i < 3; i++) {
		many_fds();
		if (!fork())
			exit(0);
		wait(-1, 0);
		check(!call(__NR_close_range, 3, ~0u, 0));
	}
}

static void iovecs(void)
{
	struct { void *p; size_t n; } *v = map(1024 * 16, PROT_READ | PROT_WRITE);
	int zero = open("/dev/zero", O_RDWR, 0), file = open("/tmp/spin", O_CREAT | O_RDWR | O_TRUNC, 0600);
	char *big = map(8 << 20, PROT_READ | PROT_WRITE);

	for (int size = 0; size < 4; size++) {
		for (int i = 0; i < 1024; i++) {
			v[i].p = big + i;
			v[i].n = size == 0 ? 0 : size == 1 ? 1 : size == 2 ? 65537 : (7 << 20);
		}
		call(__NR_readv, zero, v, 1024);
		call(__NR_writev, zero, v, 1024);
		if (size < 3) {
			call(__NR_preadv, file, v, 1024, 0);
			call(__NR_pwritev, file, v, size == 2 ? 512 : 1024, 0);
		}
	}
	unlink("/tmp/spin");
}

/* --- files ---------------------------------------------------------------------------------------- */

static void make_files(const char *dir, int n)
{
	char name[16];

	call(__NR_mkdirat, AT_FDCWD, dir, 0777);
	check(!call(__NR_chdir, dir));
	for (int i = 0; i < n; i++) {
		for (int k = 0, v = i; k < 8; k++, v /= 10)
			name[7 - k] = '0' + v % 10;
		name[8] = 0;
		if (close(open(name, O_CREAT | O_RDWR, 0600)))
			break;
	}
}

static void getdents(void)
{
	char *buf = map(16 << 20, PROT_READ | PROT_WRITE);
	int fd;

	make_files("/tmp/many", 50000);
	fd = open(".", O_RDONLY, 0);
	while (call(__NR_getdents64, fd, buf, 16 << 20) > 0)
		;
	call(__NR_lseek, fd, 0, 0);
	while (call(__NR_getdents64, fd, buf, 64) > 0 && shared->ticks < 500)
		;
}

static void mounted_files(void)
{
	call(__NR_mkdirat, AT_FDCWD, "/tmp/m", 0777);
	check(!call(__NR_mount, "x", "/tmp/m", "tmpfs", 0, 0));
	make_files("/tmp/m", 50000);
	call(__NR_chdir, "/");
	check(!call(__NR_umount2, "/tmp/m", 0));
}

static void deep_directories(void)
{
	call(__NR_mkdirat, AT_FDCWD, "/tmp/deep", 0777);
	check(!call(__NR_mount, "x", "/tmp/deep", "tmpfs", 0, 0));
	call(__NR_chdir, "/tmp/deep");
	for (int i = 0; i < 40000; i++)
		if (call(__NR_mkdirat, AT_FDCWD, "d", 0777) || call(__NR_chdir, "d"))
			break;
	call(__NR_getcwd, path, PAGE);
	call(__NR_mkdirat, AT_FDCWD, "x", 0777);
	call(__NR_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 0);
	call(__NR_chdir, "/");
	check(!call(__NR_umount2, "/tmp/deep", 0));
}

static void many_mounts(void)
{
	static char buf[1 << 16];
	int fd;

	call(__NR_mkdirat, AT_FDCWD, "/tmp/mm", 0777);
	for (int i = 0; i < 3000; i++)
		if (call(__NR_mount, "x", "/tmp/mm", "tmpfs", 0, 0))
			break;
	fd = open("/proc/mounts", O_RDONLY, 0);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	call(__NR_sysinfo, page);
}

static void links_and_dots(void)
{
	char target[PAGE], name[3] = "l0";
	size_t n = 0;

	call(__NR_mkdirat, AT_FDCWD, "/tmp/l", 0777);
	call(__NR_chdir, "/tmp/l");
	call(__NR_mkdirat, AT_FDCWD, "a", 0777);
	while (n < PAGE - 20) {
		memcpy(target + n, "a/../", 5);
		n += 5;
	}
	for (int i = 0; i < 45; i++) {
		char *s = target + n;

		memcpy(s, "l0", 3);
		s[1] = '0' + i - 1;
		if (!i)
			memcpy(s, ".", 2);
		name[1] = '0' + i;
		call(__NR_symlinkat, target, AT_FDCWD, name);
	}
	for (int i = 0; i < 45; i++) {
		name[1] = '0' + i;
		call(__NR_faccessat, AT_FDCWD, name, 0);
	}
	memset(path, '/', PAGE);
	memcpy(path + PAGE - 2, ".", 2);
	call(__NR_faccessat, AT_FDCWD, path, 0);
}

static void sparse(void)
{
	int a = open("/tmp/sparse", O_CREAT | O_RDWR | O_TRUNC, 0600), null = open("/dev/null", O_RDWR, 0);
	long end = 1l << 42;

	call(__NR_ftruncate, a, end);
	for (long at = 1 << 20; at < end; at *= 3)
		call(__NR_pwrite64, a, "x", 1, at);
	for (long at = 0; at >= 0 && at < end;) {
		at = call(__NR_lseek, a, at, 3);	/* data */
		if (at >= 0)
			at = call(__NR_lseek, a, at, 4);
	}
	call(__NR_fallocate, a, 3, 0, end);
	call(__NR_lseek, a, 0, 0);
	call(__NR_sendfile, null, a, 0, 200 << 20);
	call(__NR_ftruncate, a, 0);
	for (long at = 0; at < 40 << 20; at += PAGE)
		if (call(__NR_pwrite64, a, "x", 1, at) != 1)
			break;
	call(__NR_lseek, a, 0, 4);
	call(__NR_ftruncate, a, 0);
	close(a);
	unlink("/tmp/sparse");
}

static void locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open("/tmp/locked", O_CREAT | O_RDWR, 0600);
	long n = 0, until = now_us() + 300000;

	for (; now_us() < until; n++, l.l_start += 2)
		if (call(__NR_fcntl, fd, F_SETLK, &l))
			break;
	l.l_start = l.l_len = 0;
	call(__NR_fcntl, fd, F_GETLK, &l);
	if (!fork()) {
		l.l_start = n * 2;
		call(__NR_fcntl, fd, F_SETLK, &l);
		exit(0);
	}
	wait(-1, 0);
	close(fd);
	unlink("/tmp/locked");
	print("%ld locks\n", n);
}

/* --- memory --------------------------------------------------------------------------------------- */

static void areas(void)
{
	char *m = map(GIGA / 4, PROT_READ);
	int fd = open("/proc/self/maps", O_RDONLY, 0);
	long n = 0;

	for (; n < 65536 / 2 - 100; n++)
		if (mprotect(m + n * 2 * PAGE, PAGE, PROT_READ | PROT_WRITE))
			break;
	while (read(fd, page, PAGE) > 0)
		;
	if (!fork())
		exit(0);
	wait(-1, 0);
	mprotect(m, GIGA / 4, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (long i = 0; i < n; i++)
		if (mprotect(m + i * 2 * PAGE, PAGE, PROT_READ | PROT_WRITE))
			break;
	call(__NR_madvise, m, GIGA / 4, 4);
	munmap(m, GIGA / 4);
	print("%ld areas\n", n * 2);
}

static void touched(void)
{
	size_t n = 80 << 20;
	char *m = map(n, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < n; i += PAGE)
		m[i] = 1;
	if (!fork())
		exit(0);
	wait(-1, 0);
	mprotect(m, n, PROT_READ);
	mprotect(m, n, PROT_READ | PROT_WRITE);
	call(__NR_msync, m, n, 4);
	call(__NR_mlock, m, n);
	m = (char *)call(__NR_mremap, m, n, n + PAGE, 1);
	call(__NR_madvise, m, n / 2, 4);
	if (!fork()) {
		char *argv[] = { "/bin/hello", NULL };

		execve(argv[0], argv, environ);
	}
	wait(-1, 0);
	munmap(m, n + PAGE);
}

static void whole_space(void)
{
	char *m = (char *)call(__NR_mmap, 0, 200 * GIGA, PROT_READ | PROT_WRITE, 0x4022, -1, 0);

	check((long)m > 0);
	for (long i = 0; i < 200; i++)
		m[i * GIGA] = 1;
	mprotect(m, 200 * GIGA, PROT_READ);
	call(__NR_madvise, m, 200 * GIGA, 4);
	call(__NR_msync, m, 200 * GIGA, 4);
	call(__NR_mincore, m, 200 * GIGA, m);
	call(__NR_mincore, m, GIGA, map(GIGA / PAGE, PROT_READ | PROT_WRITE));
	munmap(m, 200 * GIGA);
	munmap((void *)(1ul << 32), 100 * GIGA);
}

static void shared_sparse(void)
{
	char *m = (char *)call(__NR_mmap, 0, 100 * GIGA, PROT_READ | PROT_WRITE, 0x4021, -1, 0);

	for (long i = 0; i < 100; i++)
		m[i * GIGA] = 1;
	if (!fork())
		exit(0);
	wait(-1, 0);
	munmap(m, 100 * GIGA);
}

/* --- processes -------------------------------------------------------------------------------------- */

static long forks(void (*child)(void))
{
	long n = 0, pid;

	while ((pid = fork()) >= 0) {
		if (!pid) {
			child();
			exit(0);
		}
		n++;
	}
	return n;
}

static void nothing(void) { }
static void pause(void) { call(__NR_ppoll, 0, 0, 0, 0, 8); }

static void reap(void)
{
	while (wait(-1, 0) > 0)
		;
}

static void zombies(void)
{
	long n = forks(nothing);
	static char buf[32768];
	int fd = open("/proc", O_RDONLY, 0);

	while (call(__NR_getdents64, fd, buf, sizeof(buf)) > 0)
		;
	call(__NR_wait4, 1 << 20, 0, 1, 0);
	reap();
	print("%ld zombies\n", n);
}

static void crowd(void)
{
	long n;

	call(__NR_setpgid, 0, 0);
	n = forks(pause);
	on_signal(SIGUSR1, (void *)1, 0);
	for (int i = 0; i < 5; i++) {
		kill(0, SIGUSR1);
		kill(0, SIGCONT);
		call(__NR_setpriority, 1, 0, i);
		call(__NR_getpriority, 1, 0);
	}
	on_signal(SIGTSTP, (void *)1, 0);
	kill(0, SIGTSTP);
	sleep_ms(50);
	kill(0, SIGCONT);
	on_signal(SIGTERM, (void *)1, 0);
	kill(0, SIGTERM);
	reap();
	print("%ld processes\n", n);
}

static volatile int word, turn;
static void futex_wait(void *arg) { call(__NR_futex, &word, FUTEX_WAIT, 0, 0, 0, 0); }

static void futexes(void)
{
	static volatile int tids[8000];
	static char stacks[8000][512] __attribute__((aligned(16)));
	int n = 0;

	for (; n < 8000; n++)
		if (thread_clone(0x3d0f00, stacks[n] + 512, futex_wait, 0, (int *)&tids[n], (int *)&tids[n]) < 0)
			break;
	sleep_ms(100);
	call(__NR_futex, &word, FUTEX_WAKE, 1, 0, 0, 0);
	call(__NR_futex, &turn, FUTEX_WAKE, 1 << 30, 0, 0, 0);
	call(__NR_futex, &word, FUTEX_REQUEUE, 0, 1l << 30, &turn, 0);
	call(__NR_futex, &turn, FUTEX_WAKE, 1l << 30, 0, 0, 0);
	for (int i = 0; i < n; i++)
		thread_join(&tids[i]);
	print("%d waiters\n", n);
}

static void nap(void *arg)
{
	static const long half[2] = { 0, 500000000 };

	call(__NR_nanosleep, half, 0);
}

static void tasks(void)
{
	static char stacks[5000][512] __attribute__((aligned(16)));
	static char buf[1 << 17];
	static int tid;
	int n = 0, fd = open("/proc/self/task", O_RDONLY, 0);

	while (n < 5000 && thread_clone(0x3d0f00, stacks[n] + 512, nap, 0, &tid, &tid) >= 0)
		n++;
	while (call(__NR_getdents64, fd, buf, sizeof(buf)) > 0)
		;
	print("%d threads\n", n);
}

static void timers(void)
{
	static volatile int tids[8000];
	static char stacks[8000][512] __attribute__((aligned(16)));
	int n = 0;

	for (; n < 8000; n++)
		if (thread_clone(0x3d0f00, stacks[n] + 512, nap, 0, (int *)&tids[n], (int *)&tids[n]) < 0)
			break;
	for (int i = 0; i < n; i++)
		thread_join(&tids[i]);
	print("%d sleepers\n", n);
}

static void signals_queued(void)
{
	static const long at_once[2];
	unsigned long all = ~0ul;
	siginfo_t info = { .si_code = -1 };
	long n = 0;

	call(__NR_rt_sigprocmask, 0, &all, 0, 8);
	for (; n < 100000; n++) {
		info.si_signo = 34 + n % 30;
		if (call(__NR_rt_sigqueueinfo, getpid(), 34 + n % 30, &info))
			break;
	}
	while (call(__NR_rt_sigtimedwait, &all, 0, at_once, 8) > 0)
		;
	print("%ld signals\n", n);
}

static void robust(void)
{
	struct { void *next; long offset; void *pending; } head;
	void **node = map(64 << 20, PROT_READ | PROT_WRITE);
	long n = (64 << 20) / 64;

	for (long i = 0; i < n; i++)
		node[i * 8] = &node[(i + 1) % n * 8];
	if (!fork()) {
		head.next = node;
		head.offset = 32;
		head.pending = 0;
		call(__NR_set_robust_list, &head, 24);
		exit(0);
	}
	wait(-1, 0);
}

/* --- programs and streams ------------------------------------------------------------------------- */

static void exec_large(void)
{
	static char *argv[3000];
	char *s = map(120000, PROT_READ | PROT_WRITE);
	int i;

	memset(s, 'x', 119999);
	for (i = 0; i < 17; i++)
		argv[i] = s;
	if (!fork()) {
		execve("/bin/true", argv, environ);
		exit(1);
	}
	for (; i < 2999; i++)
		argv[i] = s;
	for (int k = 0; k < 3; k++)
		execve("/bin/true", argv, environ);
	s[1] = 0;
	if (!fork()) {
		execve("/bin/true", argv, argv);
		exit(1);
	}
	reap();
}

static void large_moves(void)
{
	char *m = map(64 << 20, PROT_READ | PROT_WRITE);
	int zero = open("/dev/zero", O_RDWR, 0), random = open("/dev/urandom", O_RDWR, 0), fds[2];
	long from = 0, to = 20 << 20;
	int file = open("/tmp/moves", O_CREAT | O_RDWR | O_TRUNC, 0600);

	read(zero, m, 64 << 20);
	write(zero, m, 64 << 20);
	read(random, m, 1 << 20);
	write(random, m, 1 << 20);
	call(__NR_getrandom, m, 1 << 20, 0);
	write(file, m, 20 << 20);
	call(__NR_copy_file_range, file, &from, file, &to, 20 << 20, 0);
	call(__NR_fallocate, file, 3, 1, 39 << 20);
	pipe(fds);
	call(__NR_fcntl, fds[0], 1031, 1 << 20);
	if (!fork()) {
		write(fds[1], m, 8 << 20);
		exit(0);
	}
	for (long n = 0, r; n < 8 << 20 && (r = read(fds[0], m, 8 << 20)) > 0;)
		n += r;
	wait(-1, 0);
	unlink("/tmp/moves");
}

static void logs(void)
{
	char *m = map(8 << 20, PROT_READ | PROT_WRITE);

	write(2, m, 0);
	write(1, m, 1 << 20);
	call(__NR_syslog, 3, m, 1 << 20);
}

static const struct { const char *name; void (*run)(void); } cases[] = {
	{ "poll-many", poll_many }, { "close-many", close_many }, { "iovecs", iovecs },
	{ "getdents", getdents }, { "mounted-files", mounted_files },
	{ "deep-directories", deep_directories }, { "many-mounts", many_mounts },
	{ "links-and-dots", links_and_dots }, { "sparse", sparse }, { "locks", locks },
	{ "areas", areas }, { "touched", touched }, { "whole-space", whole_space },
	{ "shared-sparse", shared_sparse }, { "zombies", zombies }, { "crowd", crowd },
	{ "futexes", futexes }, { "timers", timers }, { "tasks", tasks }, { "signals-queued", signals_queued },
	{ "robust", robust }, { "exec-large", exec_large }, { "large-moves", large_moves },
	{ "logs", logs },
};

static int run(void (*fn)(void), long limit)
{
	long pid, watcher;
	int status = 0;

	shared = (void *)call(__NR_mmap, 0, PAGE, PROT_READ | PROT_WRITE, 0x21, -1, 0);
	watcher = fork();
	if (!watcher) {
		call(__NR_setsid);
		probe();
	}
	sleep_ms(5);
	if (!(pid = fork())) {
		fn();
		exit(0);
	}
	wait(pid, &status);
	sleep_ms(5);
	shared->stop = 1;
	wait(watcher, 0);
	print("worst %ld us, ended %x\n", shared->worst_us, status);
	return status || (limit && shared->worst_us > limit);
}

int main(int argc, char **argv, char **envp)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (argc > 1 && !strcmp(argv[1], cases[i].name))
			return run(cases[i].run, argc > 2 ? number(argv[2]) : 0);
		if (argc < 2)
			print("%s\n", cases[i].name);
	}
	return argc > 1 ? 101 : 0;
}
