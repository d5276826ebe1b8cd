/* SPDX-License-Identifier: MIT */
/*
 * crime.c NAME: does what no program may do; the kernel has to end it, and go on.
 * Those that survive (a refused request is a right answer) say so by their exit status.
 */
#include "weir.h"

struct crime { const char *name; void (*commit)(void); };

static const int read_only[64] = { 7 };
static int data = 7;
static volatile unsigned long sink;

static void __attribute__((noipa)) store(unsigned long at) { *(volatile int *)at = 1; }
static void __attribute__((noipa)) load(unsigned long at) { sink = *(volatile int *)at; }
static void __attribute__((noipa)) jump(unsigned long at) { ((void (*)(void))at)(); }

enum { NOWHERE = 0x10 << 20 };		/* nothing is ever mapped there */

static void store_kernel(void) { store(KERNEL_ADDRESS); }
static void load_kernel(void) { load(KERNEL_ADDRESS); }
static void jump_kernel(void) { jump(KERNEL_ADDRESS); }
static void store_unmapped(void) { store(NOWHERE); }
static void load_unmapped(void) { load(NOWHERE); }
static void jump_unmapped(void) { jump(NOWHERE); }
static void load_null(void) { load(0); }
static void jump_null(void) { jump(0); }
static void store_read_only(void) { store((unsigned long)&read_only[1]); }
static void store_text(void) { store((unsigned long)&store); }
static void jump_data(void) { jump((unsigned long)&data); }
static void load_hole(void) { load(USER_END + 4096); }	/* between the halves */

static void jump_stack(void)
{
	int code[4] = { 0 };

	asm volatile("" : : "r"(code) : "memory");
	jump((unsigned long)code);
}

static void load_protected(void)
{
	load((unsigned long)map(PAGE, PROT_NONE));
}

static void store_after_protect(void)
{
	char *p = map(PAGE, PROT_READ | PROT_WRITE);

	p[0] = 1;
	check(mprotect(p, PAGE, PROT_READ) == 0);
	p[0] = 2;
}

static void misaligned(void)
{
	static int words[4];

	misaligned_atomic((char *)words + 1);
}

/* --- too much ------------------------------------------------------------------------------------- */

static int __attribute__((noinline)) recurse(int n)
{
	volatile char room[256];

	room[0] = n;
	return recurse(n + 1) + room[0];
}

static void stack_overflow(void) { sink = recurse(0); }

static void spin(void)
{
	for (;;)
		sink++;
}

static void sleep_forever(void)
{
	for (;;)
		sleep_ms(1000000);
}

static void memory_hog(void)
{
	for (;;) {
		char *p = map(1 << 20, PROT_READ | PROT_WRITE);

		for (size_t i = 0; i < 1 << 20; i += PAGE)
			p[i] = 1;
	}
}

/* Every process forks for ever. */
static void fork_bomb(void)
{
	for (;;)
		fork();
}

/* How far can one get?  Not as far as one likes; then the rest is left to the kernel. */
static void fork_many(void)
{
	long n = 0, pid;

	while ((pid = fork()) > 0)
		n++;
	if (!pid)
		sleep_forever();
	print("%ld processes, then error %ld\n", n, -pid);
	exit(pid == -EAGAIN || pid == -ENOMEM ? 0 : 1);
}

static void thread_main(void *arg) { sleep_forever(); }

static void thread_many(void)
{
	static volatile int tid;
	long n = 0, r;

	while ((r = thread_start(thread_main, 0, &tid)) > 0 && n < 2000)
		n++;
	print("%ld threads\n", n);
	exit(n > 10 ? 0 : 1);
}

static void open_many(void)
{
	long n = 0, fd;

	while ((fd = open("/dev/null", O_RDONLY, 0)) >= 0)
		n++;
	print("%ld files, then error %ld\n", n, -fd);
	exit(fd == -EMFILE ? 0 : 1);
}

static void trap_storm(void)
{
	for (int i = 0; i < 100000; i++)
		call(100000 + i);
	exit(0);
}

/* --- lies to the kernel ------------------------------------------------------------------------------ */

static void unknown_call(void)
{
	exit(call(999) == -ENOSYS && call(-1) == -ENOSYS && call(1l << 40) == -ENOSYS ? 0 : 1);
}

/* A buffer that ends where no program can have memory: nothing is written, as on Linux. */
static void write_everything(void)
{
	int fd = open("/dev/null", O_WRONLY, 0), z = open("/dev/zero", O_RDONLY, 0);
	long w = write(fd, &data, ~0ul >> 1), r = read(z, &data, ~0ul >> 1);

	exit(w == -EFAULT && r == -EFAULT ? 0 : 1);
}

static void unmap_stack(void)
{
	unsigned long here = (unsigned long)&here & ~(PAGE - 1ul);

	munmap((void *)(here - 14 * PAGE), 15 * PAGE);
	store((unsigned long)&here);
	exit(1);
}

static void unmap_all(void)
{
	munmap(0, USER_END - PAGE);
	exit(1);
}

static void on_usr1(int signo, siginfo_t *si, void *uc) { }

static void bad_signal_stack(void)
{
	on_signal(SIGUSR1, on_usr1, 0);
	kill_with_stack(NOWHERE, getpid(), SIGUSR1);
	exit(1);
}

static void kernel_signal_stack(void)
{
	on_signal(SIGUSR1, on_usr1, 0);
	kill_with_stack(KERNEL_ADDRESS + 0x10000, getpid(), SIGUSR1);
	exit(1);
}

/* The handler itself faults, without end. */
static void segv_again(int signo, siginfo_t *si, void *uc) { store(NOWHERE); }

static void fault_in_handler(void)
{
	on_signal(SIGSEGV, segv_again, 0);
	store(NOWHERE);
}

/* What is pending when a process ends goes with it; so does what a fault overtakes. */
static void die_with_signals(void)
{
	unsigned long all = ~0ul;

	call(__NR_rt_sigprocmask, SIG_BLOCK, &all, 0, 8);
	for (int i = 1; i < 64; i++)
		if (i != SIGKILL && i != SIGSTOP)
			kill(getpid(), i);
	call(__NR_tgkill, getpid(), getpid(), SIGSEGV);
	call(__NR_tgkill, getpid(), getpid(), SIGUSR1);
	store(NOWHERE);
}

/* A lock on a file that stays. */
static void die_with_locks(void)
{
	int fd = open("/dev/null", O_RDWR, 0);
	struct flock l = { .l_type = F_WRLCK, .l_start = 7, .l_len = 7 };

	check(call(__NR_flock, fd, 2) == 0);
	check(call(__NR_fcntl, fd, F_SETLK, &l) == 0);
	exit(0);
}

static void kernel_handler(void)
{
	on_signal(SIGUSR1, (void *)KERNEL_ADDRESS, 0);
	kill(getpid(), SIGUSR1);
	exit(1);
}

/* A signal frame made up on the spot: registers of the program's choice, no more. */
static void forged_sigreturn(void)
{
	static unsigned long frame[256] __attribute__((aligned(16)));

	for (size_t i = 0; i < COUNT(frame); i++)
		frame[i] = KERNEL_ADDRESS;
	sigreturn_from(frame);
	exit(1);
}

static void sigreturn_nowhere(void) { sigreturn_from((void *)NOWHERE); }

static void exec_garbage(void)
{
	static char garbage[PAGE];
	char *argv[] = { "garbage", NULL };
	int fd = open("/tmp/garbage", O_CREAT | O_WRONLY, 0755);
	long r;

	memset(garbage, 0x5a, sizeof(garbage));
	write(fd, garbage, sizeof(garbage));
	close(fd);
	r = execve("/tmp/garbage", argv, environ);
	unlink("/tmp/garbage");
	exit(r == -ENOEXEC ? 0 : 1);
}

static void exec_bad_arguments(void)
{
	char *bad[] = { "x", (char *)KERNEL_ADDRESS, NULL };
	char *none[] = { "x", NULL };
	int ok = 0;

	ok += execve("/bin/hello", bad, environ) == -EFAULT;
	ok += execve("/bin/hello", (char **)NOWHERE, environ) == -EFAULT;
	ok += execve((char *)KERNEL_ADDRESS, none, environ) == -EFAULT;
	ok += execve("/bin/hello", none, (char **)KERNEL_ADDRESS) == -EFAULT;
	exit(ok == 4 ? 0 : 1);
}

static void map_kernel(void)
{
	long a = call(__NR_mmap, KERNEL_ADDRESS, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	long b = call(__NR_mmap, 0, 1ul << 50, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long c = mprotect((void *)KERNEL_ADDRESS, PAGE, 7);
	long d = munmap((void *)KERNEL_ADDRESS, PAGE);

	exit(a < 0 && b == -ENOMEM && c == -ENOMEM && d == -EINVAL ? 0 : 1);
}

/* --- the hart for oneself ------------------------------------------------------------------------- */

static long now_ms(void)
{
	long t[2];

	call(__NR_clock_gettime, 1, t);
	return t[0] * 1000 + t[1] / 1000000;
}

/* While a child does @rude over and over, we get to run; and it can be killed.  How soon, test/guest/spin.jobs
 * measures in instructions: here the host may be busy, too. */
enum { LATE_MS = 8000 };

static void beside(void (*rude)(void))
{
	long pid = fork(), start, status;

	if (!pid)
		for (;;)
			rude();
	for (int i = 0; i < 5; i++) {
		start = now_ms();
		sleep_ms(20);
		check(now_ms() - start < LATE_MS);
	}
	start = now_ms();
	kill(pid, SIGKILL);
	check(wait(pid, (int *)&status) == pid);
	check(now_ms() - start < LATE_MS);
	exit(0);
}

enum { ALL = 0x7ffff000 };

static void copy_zeros(void)
{
	int in = open("/dev/zero", O_RDONLY, 0), out = open("/dev/null", O_WRONLY, 0);

	call(__NR_sendfile, out, in, 0, ALL);
	close(in);
	close(out);
}

static void read_zeros(void)
{
	enum { SIZE = 8 << 20, TIMES = 256 };
	static struct { char *at; size_t n; } vec[TIMES];
	int in = open("/dev/zero", O_RDONLY, 0);

	for (int i = 0; i < TIMES; i++) {
		vec[i].at = i ? vec[0].at : map(SIZE, PROT_READ | PROT_WRITE);
		vec[i].n = SIZE;
	}
	call(__NR_readv, in, vec, TIMES);
	close(in);
	munmap(vec[0].at, SIZE);
}

static void populate(void)
{
	const size_t size = 64ul << 30;
	long at = call(__NR_mmap, 0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		       MAP_POPULATE, -1, 0);

	munmap((void *)at, size);
}

static void look_at_pages(void)
{
	const size_t size = 64ul << 30, out = size / PAGE;
	long at = call(__NR_mmap, 0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *seen = map(out, PROT_READ | PROT_WRITE);

	call(__NR_mincore, at, size, seen);
	munmap((void *)at, size);
	munmap(seen, out);
}

static void ask_for_chance(void)
{
	enum { SIZE = 16 << 20 };
	char *p = map(SIZE, PROT_READ | PROT_WRITE);

	call(__NR_getrandom, p, SIZE, 0);
	munmap(p, SIZE);
}

static void long_sendfile(void) { beside(copy_zeros); }
static void long_readv(void) { beside(read_zeros); }
static void long_populate(void) { beside(populate); }
static void long_mincore(void) { beside(look_at_pages); }
static void long_getrandom(void) { beside(ask_for_chance); }

/* What may only be written may be read as well, before it is written for the first time, too. */
static void write_only(void)
{
	int *p = map(2 * PAGE, PROT_WRITE);

	check(call(__NR_futex, p, 0, 1, 0) == -EAGAIN);
	check(call(__NR_futex, p + PAGE / 4, 4, 0, 0, p, 1) == -EAGAIN);
	check(p[0] == 0 && p[PAGE / 4] == 0);
	p[0] = 1;
	check(p[0] == 1);
	exit(0);
}

static volatile int alarms;

static void on_alarm(int signo, siginfo_t *si, void *uc) { alarms++; }

/* An alarm each microsecond: there is time for the program all the same. */
static void alarm_storm(void)
{
	static const long every[4] = { 0, 1, 0, 1 };

	on_signal(SIGALRM, on_alarm, 0);
	check(call(__NR_setitimer, 0, every, 0) == 0);
	while (alarms < 1000)
		sink++;
	exit(0);
}

/* All threads of a process become another program at once: one of them does. */
static void exec_thread(void *arg)
{
	char *argv[] = { "crime", "exit-7", NULL };

	call(__NR_sched_yield);
	execve("/bin/crime", argv, environ);
}

/* Not the first thread of its process: it gets that one's number. */
static void exec_second(void *arg)
{
	char *argv[] = { "crime", "one-number", NULL };

	execve("/bin/crime", argv, environ);
}

static void exec_from_thread(void)
{
	static volatile int tid;

	thread_start(exec_second, 0, &tid);
	sleep_forever();
}

static void one_number(void) { exit(call(__NR_gettid) == getpid() ? 0 : 1); }

/* A name that ends on a page nobody has touched; a process number without a positive one. */
static void odd_arguments(void)
{
	char name[16], *p = map(2 * PAGE, PROT_READ | PROT_WRITE);
	int fd = open("/tmp/odd", O_CREAT | O_RDWR | O_TRUNC, 0600);

	memcpy(p + PAGE - 3, "abcdef", 6);
	check(write(fd, p, 2 * PAGE) == 2 * PAGE);
	p = (char *)call(__NR_mmap, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	check(call(__NR_prctl, 15, p + PAGE - 3) == 0 && call(__NR_prctl, 16, name) == 0);
	check(!strcmp(name, "abcdef"));
	check(call(__NR_wait4, 1 << 31, 0, 0, 0) == -ESRCH);
	check(read(open("/dev/null", O_RDONLY, 0), (void *)-1, 1) == -EFAULT);
	check(call(__NR_fallocate, fd, 0, 0, 1l << 40) == -ENOSPC);
	unlink("/tmp/odd");
	exit(0);
}

/* A grandchild becomes a child: it cannot choose the signal that tells of its end. */
static void sibling_signal(void)
{
	long pid = fork();

	if (!pid) {
		call(__NR_clone, 0x8000 | 34, 0, 0, 0, 0);	/* CLONE_PARENT */
		exit(0);
	}
	for (int i = 0; i < 2; i++)
		check(call(__NR_wait4, -1, 0, __WALL, 0) > 0);
	exit(0);
}

/* Nothing can be made where the file system is gone. */
static void lazy_unmount(void)
{
	call(__NR_mkdirat, AT_FDCWD, "/tmp/lazy", 0777);
	check(call(__NR_mount, "x", "/tmp/lazy", "tmpfs", 0, 0) == 0);
	check(call(__NR_chdir, "/tmp/lazy") == 0);
	check(call(__NR_umount2, "/tmp/lazy", 2) == 0);
	check(call(__NR_mkdirat, AT_FDCWD, "x", 0777) == -ENOENT);
	check(open("x", O_CREAT | O_RDWR, 0600) == -ENOENT);
	check(call(__NR_mount, "x", ".", "tmpfs", 0, 0) == -ENOENT);
	call(__NR_unlinkat, AT_FDCWD, "/tmp/lazy", AT_REMOVEDIR);
	exit(0);
}

static void exec_race(void)
{
	static volatile int tids[8];

	for (int i = 0; i < 8; i++)
		thread_start(exec_thread, 0, &tids[i]);
	exec_thread(0);
	exit(1);
}

/* --- endings ------------------------------------------------------------------------------------------ */

static void ill_word(void) { illegal_instruction(); }

static void abort_self(void)
{
	kill(getpid(), SIGABRT);
	exit(1);
}

static void broken_pipe(void)
{
	int fds[2];

	pipe(fds);
	close(fds[0]);
	write(fds[1], "x", 1);
	exit(1);
}

static void exit_7(void) { exit(7); }
static void exit_255(void) { exit(255); }

static void kill_all(void)
{
	kill(-1, SIGKILL);		/* everybody but us: there is nobody else */
	kill(1 << 20, SIGKILL);
	exit(0);
}

static void leave_children(void)
{
	for (int i = 0; i < 5; i++)
		if (!fork())
			spin();
	exit(0);
}

#define CRIME(name, fn) { name, fn }
static const struct crime crimes[] = {
	CRIME("store-kernel", store_kernel),	CRIME("load-kernel", load_kernel),
	CRIME("jump-kernel", jump_kernel),	CRIME("store-unmapped", store_unmapped),
	CRIME("load-unmapped", load_unmapped),	CRIME("jump-unmapped", jump_unmapped),
	CRIME("load-null", load_null),		CRIME("jump-null", jump_null),
	CRIME("store-read-only", store_read_only), CRIME("store-text", store_text),
	CRIME("store-protected", store_after_protect), CRIME("load-protected", load_protected),
	CRIME("load-hole", load_hole),		CRIME("jump-data", jump_data),
	CRIME("jump-stack", jump_stack),	CRIME("misaligned", misaligned),
	CRIME("illegal", ill_word),		CRIME("csr-read", read_status_register),
	CRIME("csr-write", write_page_table_register), CRIME("sret", return_from_trap),
	CRIME("mret", machine_return),		CRIME("wfi", wait_for_interrupt),
	CRIME("sfence", flush_translations),	CRIME("ebreak", breakpoint),
	CRIME("stack-overflow", stack_overflow), CRIME("spin", spin),
	CRIME("sleep", sleep_forever),		CRIME("memory-hog", memory_hog),
	CRIME("fork-bomb", fork_bomb),		CRIME("fork-many", fork_many),
	CRIME("thread-many", thread_many),	CRIME("open-many", open_many),
	CRIME("trap-storm", trap_storm),	CRIME("unknown-call", unknown_call),
	CRIME("write-everything", write_everything),
	CRIME("unmap-stack", unmap_stack),	CRIME("unmap-all", unmap_all),
	CRIME("bad-signal-stack", bad_signal_stack),
	CRIME("kernel-signal-stack", kernel_signal_stack),
	CRIME("fault-in-handler", fault_in_handler), CRIME("kernel-handler", kernel_handler),
	CRIME("die-with-signals", die_with_signals), CRIME("die-with-locks", die_with_locks),
	CRIME("forged-sigreturn", forged_sigreturn),
	CRIME("sigreturn-nowhere", sigreturn_nowhere),
	CRIME("exec-garbage", exec_garbage),	CRIME("exec-bad-arguments", exec_bad_arguments),
	CRIME("map-kernel", map_kernel),	CRIME("abort", abort_self),
	CRIME("long-sendfile", long_sendfile),	CRIME("long-readv", long_readv),
	CRIME("long-populate", long_populate),	CRIME("long-mincore", long_mincore),
	CRIME("long-getrandom", long_getrandom), CRIME("alarm-storm", alarm_storm),
	CRIME("exec-race", exec_race),		CRIME("write-only", write_only),
	CRIME("exec-from-thread", exec_from_thread), CRIME("one-number", one_number),
	CRIME("odd-arguments", odd_arguments),	CRIME("lazy-unmount", lazy_unmount),
	CRIME("sibling-signal", sibling_signal),
	CRIME("sigpipe", broken_pipe),		CRIME("exit-7", exit_7),
	CRIME("exit-255", exit_255),		CRIME("kill-all", kill_all),
	CRIME("leave-children", leave_children),
};

int main(int argc, char **argv, char **envp)
{
	for (size_t i = 0; argc == 2 && i < COUNT(crimes); i++)
		if (!strcmp(argv[1], crimes[i].name)) {
			crimes[i].commit();
			complain("crime: %s: nothing happened\n", argv[1]);
			return 100;
		}
	for (size_t i = 0; i < COUNT(crimes); i++)
		print("%s\n", crimes[i].name);
	return 101;
}
