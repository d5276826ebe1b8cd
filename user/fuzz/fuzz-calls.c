/* SPDX-License-Identifier: MIT */
/*
 * fuzz-calls.c [SEED [ROUNDS [MS]]]: random system calls from several processes and threads, with
 * arguments that are boundaries, pointers good and bad, descriptors, paths and garbage.  Nothing is
 * asserted here: the kernel has to survive, and to get back all it gave.
 *
 * Each round is a session of its own with a seed of its own, killed after MS milliseconds.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include "fuzz.h"

struct row { int number; const char *args; };

/*
 * Letters: d descriptor, p path, P address of something writable, r readable, a address of pages,
 * n length, i small int, x anything, s signal, t time, k process, f flags, D AT_FDCWD or directory,
 * o offset, q attribute, g System V id, w watch mask, m mode, v iovec, C count of iovec, z page-sized length.
 */
static const struct row rows[] = {
	{ __NR_getdents64, "dPn" }, { __NR_getcwd, "Pn" }, { __NR_chdir, "p" }, { __NR_fchdir, "d" },
	{ __NR_umask, "m" }, { __NR_mkdirat, "Dpm" }, { __NR_mknodat, "Dpmi" },
	{ __NR_symlinkat, "pDp" }, { __NR_linkat, "DpDpf" }, { __NR_unlinkat, "Dpi" },
	{ __NR_unlinkat, "Dpu" }, { __NR_renameat2, "DpDpi" }, { __NR_read, "dPn" },
	{ __NR_write, "drn" }, { __NR_readv, "dvC" }, { __NR_writev, "dvC" }, { __NR_pread64, "dPno" },
	{ __NR_pwrite64, "drno" }, { __NR_preadv, "dvCo" }, { __NR_pwritev, "dvCo" },
	{ __NR_preadv2, "dvCoii" }, { __NR_lseek, "doi" }, { __NR_openat, "DpOm" },
	{ __NR_openat, "DpOm" }, { __NR_openat, "DpOm" }, { __NR_openat2, "DpPi" },
	{ __NR_close, "d" }, { __NR_close_range, "ddi" }, { __NR_pipe2, "Pf" }, { __NR_pipe2, "P0" },
	{ __NR_dup, "d" }, { __NR_dup3, "ddf" }, { __NR_memfd_create, "pi" }, { __NR_fcntl, "dix" },
	{ __NR_fcntl, "diP" }, { __NR_flock, "di" }, { __NR_ioctl, "dIP" }, { __NR_fsync, "d" },
	{ __NR_ftruncate, "do" }, { __NR_fallocate, "dioo" }, { __NR_sendfile, "ddPn" },
	{ __NR_copy_file_range, "dPdPn0" }, { __NR_getrandom, "Pnf" }, { __NR_futex, "PiitPx" },
	{ __NR_futex, "Piix" }, { __NR_set_robust_list, "Pn" }, { __NR_set_robust_list, "Rh" },
	{ __NR_get_robust_list, "kPP" }, { __NR_setreuid, "ii" }, { __NR_getgroups, "iP" },
	{ __NR_setgroups, "iP" }, { __NR_uname, "P" }, { __NR_sethostname, "rn" }, { __NR_sysinfo, "P" },
	{ __NR_getrusage, "iP" }, { __NR_syslog, "iPn" }, { __NR_brk, "a" }, { __NR_brk, "b" },
	{ __NR_mmap, "aziFdo" }, { __NR_mmap, "0zifdo" }, { __NR_mmap, "aziA00" },
	{ __NR_mmap, "0z3A00" }, { __NR_munmap, "az" }, { __NR_mprotect, "azi" },
	{ __NR_mremap, "azzia" }, { __NR_mremap, "azzi0" }, { __NR_madvise, "azi" },
	{ __NR_mincore, "azP" }, { __NR_msync, "azi" }, { __NR_mlock, "az" },
	{ __NR_ppoll, "Pit0i" }, { __NR_pselect6, "iPPPtP" }, { __NR_wait4, "kPi0" },
	{ __NR_waitid, "ikPiP" }, { __NR_set_tid_address, "P" }, { __NR_getpgid, "k" },
	{ __NR_setpgid, "kk" }, { __NR_setsid, "" }, { __NR_prlimit64, "kirP" }, { __NR_prctl, "iPxxx" },
	{ __NR_rt_sigaction, "sPPe" }, { __NR_rt_sigprocmask, "iPPe" }, { __NR_rt_sigpending, "Pe" },
	{ __NR_rt_sigsuspend, "Pe" }, { __NR_rt_sigtimedwait, "PPte" }, { __NR_rt_sigqueueinfo, "ksP" },
	{ __NR_rt_tgsigqueueinfo, "kksP" }, { __NR_sigaltstack, "PP" }, { __NR_kill, "ks" },
	{ __NR_tkill, "ks" }, { __NR_tgkill, "kks" }, { __NR_fstat, "dP" },
	{ __NR_newfstatat, "DpPi" }, { __NR_statx, "DpixP" }, { __NR_statfs, "pP" },
	{ __NR_fstatfs, "dP" }, { __NR_faccessat, "Dpi" }, { __NR_fchmod, "dm" },
	{ __NR_fchmodat, "Dpm" }, { __NR_fchown, "dii" }, { __NR_utimensat, "DpPi" },
	{ __NR_truncate, "po" }, { __NR_readlinkat, "DpPn" }, { __NR_clock_gettime, "iP" },
	{ __NR_clock_nanosleep, "iitP" }, { __NR_nanosleep, "tP" }, { __NR_setitimer, "iPP" },
	{ __NR_getitimer, "iP" }, { __NR_sched_yield, "" }, { __NR_sched_getaffinity, "knP" },
	{ __NR_getpriority, "ik" }, { __NR_setpriority, "iki" }, { __NR_execve, "pVV" },
	{ __NR_clone, "lS0PP" }, { __NR_clone3, "Pi" }, { __NR_rt_sigreturn, "" }, { __NR_exit, "i" },
	{ __NR_shmget, "izf" }, { __NR_shmget, "0zi" }, { __NR_shmat, "gax" }, { __NR_shmat, "g0i" },
	{ __NR_shmdt, "a" }, { __NR_shmctl, "giP" }, { __NR_semget, "iix" }, { __NR_semop, "gPi" },
	{ __NR_semtimedop, "gPit" }, { __NR_semctl, "giiP" }, { __NR_msgget, "ix" },
	{ __NR_msgsnd, "grni" }, { __NR_msgrcv, "gPnix" }, { __NR_msgctl, "giP" },
	{ __NR_mq_open, "pOmP" }, { __NR_mq_open, "pOm0" }, { __NR_mq_unlink, "p" },
	{ __NR_mq_timedsend, "drnit" }, { __NR_mq_timedreceive, "dPnPt" }, { __NR_mq_notify, "dP" },
	{ __NR_mq_getsetattr, "dPP" }, { __NR_sched_setattr, "kPi" }, { __NR_sched_getattr, "kPni" },
	{ __NR_sched_rr_get_interval, "kP" }, { __NR_ioprio_get, "ik" }, { __NR_ioprio_set, "ikx" },
	{ __NR_sched_setscheduler, "kiP" }, { __NR_sched_setparam, "kP" },
	{ __NR_inotify_init1, "f" }, { __NR_inotify_init1, "0" }, { __NR_inotify_add_watch, "dpx" },
	{ __NR_inotify_add_watch, "dpw" }, { __NR_inotify_rm_watch, "di" },
	{ 449, "Pi0ti" }, { 449, "Pi000" }, { 454, "Pxi2" }, { 455, "Pxx2ti" }, { 456, "P0ii" },
	{ __NR_capget, "PP" }, { __NR_capset, "PP" }, { __NR_execveat, "dpVVf" }, { 452, "Dpmf" },
	{ __NR_kcmp, "kkidd" }, { __NR_process_vm_readv, "kvCvC0" }, { __NR_process_vm_writev, "kvCvC0" },
	{ __NR_process_madvise, "dvCi0" }, { __NR_set_mempolicy, "iri" }, { __NR_get_mempolicy, "PPnai" },
	{ __NR_mbind, "aziPii" }, { __NR_migrate_pages, "kiPP" }, { __NR_move_pages, "kiPPPi" },
	{ __NR_setxattr, "pprni" }, { __NR_lsetxattr, "pqrni" }, { __NR_fsetxattr, "dqrni" },
	{ __NR_getxattr, "pqPn" }, { __NR_fgetxattr, "dqPn" }, { __NR_listxattr, "pPn" },
	{ __NR_flistxattr, "dPn" }, { __NR_removexattr, "pq" }, { __NR_fremovexattr, "dq" },
	{ __NR_mount, "pppxP" }, { __NR_umount2, "pi" }, { __NR_chroot, "p" }, { -1, "xxxxxx" },
};

static const char *const attributes[] = { "user.a", "user.b", "trusted.c", "security.d" };

enum { ARENA = 16 * PAGE, THREADS = 3, PIDS = 8 };

static char *arena;			/* pages: rw..., then read-only, then nothing */
static unsigned long seed;
static long pids[PIDS];
static int driver;
static const char place[] = "/tmp/fuzz";	/* a file system of its own: goes away with the session */
static const char *const paths[] = {
	"a", "b", "c", "d", "a/b", "a/c", "b/a", "d/d", "d/e", ".", "..", "/", "", "./a/../b", "/tmp",
	"/dev/null", "/dev/zero", "/dev/tty", "/dev/console", "/dev/random", "/proc", "/proc/self/maps",
	"/proc/self/status", "/proc/self/stat", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/5",
	"/proc/self/exe", "/proc/self/cwd", "/proc/self/cmdline", "/proc/self/environ", "/proc/meminfo",
	"/proc/1/stat", "/proc/self/task", "/proc/self/root", "/proc/mounts", "/proc/thread-self",
	"/bin/hello", "/bin/count", "/bin/sh", "a/", "//", "a/b/c/d/e", "/dev/full", "/dev",
};
static const long edges[] = {
	0, 1, 2, 3, 7, 8, 63, 64, 127, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 4097, 65535, 65536,
	1 << 20, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff, 0x100000000,
	USER_END - PAGE, USER_END - 1, USER_END, USER_END + 1, 0x7fffffffffffffff, -1, -2, -8, -100,
	-4095, -4096, -4097, (long)0x8000000000000000, (long)KERNEL_ADDRESS,
	(long)0xffffffc000000000, (long)0xfffffffffffff000, 0x7ffffffffffff000,
};

static long below(unsigned long *s, long n) { return any(s) % n; }

static long garbage(unsigned long *s)
{
	long bits = below(s, 64);

	if (below(s, 3))
		return edges[below(s, COUNT(edges))];
	return any(s) >> bits;
}

static long address(unsigned long *s)
{
	long page = below(s, 20) * PAGE;	/* the last ones are not there */

	switch (below(s, 12)) {
	case 0: return garbage(s);
	case 1: return (long)arena + page + PAGE - below(s, 64);
	case 2: return (long)arena + page + below(s, PAGE);
	case 3: return 0;
	default: return (long)arena + below(s, 12) * PAGE + below(s, 64) * 8;
	}
}

static long length(unsigned long *s)
{
	switch (below(s, 8)) {
	case 0: return garbage(s);
	case 1: return below(s, 1 << 20);
	case 2: return below(s, 3);
	default: return below(s, 3 * PAGE);
	}
}

/* An address of six iovecs, or of words that are not. */
static long vector(unsigned long *s)
{
	long *v = (long *)(arena + below(s, 12) * PAGE);

	for (int i = 0; i < 6; i++) {
		v[2 * i] = address(s);
		v[2 * i + 1] = length(s);
	}
	return (long)v;
}

static long clone_flags(unsigned long *s)
{
	static const long good[] = {
		SIGCHLD, SIGCHLD, 0, CLONE_VFORK | SIGCHLD, CLONE_PARENT | SIGCHLD,
		CLONE_FILES | SIGCHLD, CLONE_FS | SIGCHLD, 64, SIGCHLD | CLONE_CHILD_SETTID,
		SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
	};

	return good[below(s, COUNT(good))];
}

static long string(unsigned long *s)
{
	char *at = arena + below(s, 12) * PAGE + below(s, PAGE);
	long n = below(s, 40) ? below(s, 300) : 2 * PAGE;

	if (below(s, 4))
		return (long)paths[below(s, COUNT(paths))];
	for (long i = 0; i < n && at + i < arena + 12 * PAGE; i++)
		at[i] = "abc./\1\377~"[below(s, 8)];
	return (long)at;
}

static long argument(unsigned long *s, char c)
{
	switch (below(s, 24) ? c : 'x') {
	case 'd': case 'k':
		if (c == 'k')
			return below(s, 4) ? pids[below(s, PIDS)] : 0;
		return below(s, 20) ? below(s, 24) : garbage(s);
	case 'D': return below(s, 4) ? AT_FDCWD : below(s, 24);
	case 'p': return string(s);
	case 'P': case 'r': return address(s);
	case 'a': return below(s, 8) ? (long)arena + below(s, 24) * PAGE : garbage(s);
	case 'b': return call(__NR_brk, 0) + below(s, 64 * PAGE) - 24 * PAGE;
	case 'n': return length(s);
	case 'z': return below(s, 8) ? below(s, 12) * PAGE : garbage(s);
	case 'i': return below(s, 36);
	case '0': return 0;
	case '2': return 2;
	case '3': return 3;
	case 'e': return 8;
	case 'h': return 24;
	case 'u': return AT_REMOVEDIR;
	case 's': return below(s, 68);
	case 't': {
		long *t = (long *)(arena + below(s, 12) * PAGE);
		t[0] = below(s, 10) ? 0 : garbage(s);
		t[1] = below(s, 10) ? below(s, 3000000) : garbage(s);
		return (long)t;
	}
	case 'f': return below(s, 2) ? 0 : 1l << below(s, 24);
	case 'F': return 2 | (below(s, 2) ? 0x10 : 0) | (below(s, 8) ? 0 : 1l << below(s, 22));
	case 'A': return 0x20 | 1l << below(s, 2) | (below(s, 3) ? 0x10 : 0) | (below(s, 8) ? 0 : 1l << below(s, 22));
	case 'O': return below(s, 4) | (below(s, 2) ? 0100 : 0) | (below(s, 3) ? 0 : 1l << below(s, 23));
	case 'o': return below(s, 3) ? below(s, 1 << 18) : garbage(s);
	case 'g': return below(s, 8) ? (long)(below(s, 3) | below(s, 12) << 15) : garbage(s);
	case 'w': return 0xfff & any(s);
	case 'q': return below(s, 8) ? (long)attributes[below(s, 4)] : string(s);
	case 'm': return below(s, 8) ? 0777 : (long)(any(s) & 0177777);
	case 'v': case 'V': return vector(s);
	case 'C': return below(s, 10) ? below(s, 7) : garbage(s);
	case 'I': return below(s, 2) ? 0x5400 + below(s, 0x70) : garbage(s);
	case 'l': return clone_flags(s);
	case 'R': {
		long *l = (long *)(arena + below(s, 12) * PAGE);
		l[0] = below(s, 2) ? (long)l : address(s);
		l[1] = garbage(s);
		l[2] = address(s);
		return (long)l;
	}
	case 'S': return 0;
	default: return garbage(s);
	}
}

/* Who starts the sessions shall not be killed, nor be stopped. */
static bool spares_driver(long n, const long *a)
{
	switch (n) {
	case __NR_kill:
		return (int)a[0] == -1 || (int)a[0] == driver || (int)a[0] == -driver;
	case __NR_tgkill: case __NR_rt_tgsigqueueinfo: case __NR_setpgid:
		return (int)a[0] == driver || (int)a[1] == driver;
	case __NR_tkill: case __NR_rt_sigqueueinfo:
		return (int)a[0] == driver;
	}
	return false;
}

/* Threads of this process or whole ones go on with a seed of their own. */
static void calls(unsigned long s)
{
	for (;;) {
		const struct row *r = &rows[below(&s, COUNT(rows))];
		long a[6] = { 0 }, n = r->number < 0 ? below(&s, 512) : r->number, result;

		if (n == __NR_exit && below(&s, 16))
			continue;
		if (n == __NR_execve && below(&s, 8))
			continue;
		if (r->number < 0 && (n == __NR_kill || n == __NR_clone || n == __NR_exit_group ||
				      n == __NR_reboot || n == __NR_rt_sigqueueinfo))
			continue;
		for (int i = 0; r->args[i]; i++)
			a[i] = argument(&s, r->args[i]);
		if (spares_driver(n, a))
			continue;
		result = call(n, a[0], a[1], a[2], a[3], a[4], a[5]);
		if (r->number == __NR_clone && result == 0)
			s = s * 6364136223846793005 + call(__NR_gettid);
		if (r->number == __NR_clone && result > 0)
			pids[below(&s, PIDS)] = result;
		if (!below(&s, 8))
			((volatile char *)arena)[below(&s, 8 * PAGE)] = any(&s);
	}
}

static void thread(void *arg)
{
	calls(seed * 31 + (unsigned long)arg * 7919 + 1);
}

static void handler(int signo, siginfo_t *info, void *context) { }

/* Most waits would otherwise be the last. */
static void wake_often(void)
{
	static const long every[4] = { 0, 3000, 0, 3000 };

	on_signal(SIGALRM, handler, 0);
	call(__NR_setitimer, 0, every, 0);
}

static void prepare(void)
{
	call(__NR_umask, 0);
	call(__NR_chdir, place);
	arena = map(ARENA + 8 * PAGE, PROT_READ | PROT_WRITE);
	call(__NR_mprotect, arena + 12 * PAGE, 2 * PAGE, PROT_READ);
	call(__NR_munmap, arena + 14 * PAGE, 10 * PAGE);
	for (int i = 0; i < 12 * PAGE; i += 8)
		*(long *)(arena + i) = garbage(&seed);
	for (int i = 1; i < 32; i++)
		if (below(&seed, 2))
			on_signal(i, handler, below(&seed, 2) ? SA_RESTART : 0);
	pids[0] = getpid();
	call(__NR_dup3, open("/dev/null", 2, 0), 1, 0);
	if (seed % 8)
		call(__NR_dup3, 1, 0, 0);
	for (int i = 0; i < 3; i++)
		call(__NR_pipe2, arena, i ? 0 : 04000);
	open("a", 0102, 0666);
	call(__NR_mkdirat, AT_FDCWD, "d", 0777);
	open("d", 0, 0);
	call(__NR_memfd_create, "x", 0);
	wake_often();
}

/* Programs in /bin are for the next job as well: root is locked up. */
static void rank(int round)
{
	if (round % 4 == 3) {
		call(__NR_chroot, ".");
		call(__NR_chdir, "/");
	} else {
		call(__NR_setresgid, 1000, 1000, 1000);
		call(__NR_setresuid, 1000, 1000, 1000);
	}
}

static void session(int round, long deep)
{
	static int tid[THREADS];
	long child;

	call(__NR_setsid);
	prepare();
	rank(round);
	if (deep)
		for (long i = 0; i < THREADS; i++)
			thread_start(thread, (void *)i, &tid[i]);
	child = fork();
	if (!child)
		wake_often();
	pids[1] = child ? child : getpid();
	calls(seed ^ (child ? 0 : 0x5555555));
}

/* What root sessions mounted on the names they know. */
static bool unmount_inside(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "a/b", "a/c", "b/a", "d/d", "d/e", "dev" };
	bool done = false;

	call(__NR_chdir, place);
	for (size_t i = 0; i < COUNT(names); i++)
		done |= !call(__NR_umount2, names[i], 8);
	call(__NR_chdir, "/");
	return done;
}

/* Groups change and parents die: whoever is not us is one of them. */
static void end_session(long sid)
{
	long r;

	for (int i = 0; kill(-1, SIGKILL) == 0; i++) {
		sleep_ms(1);
		while (call(__NR_wait4, -1, 0, WNOHANG, 0) > 0)
			;
		if (i > 5000)
			die("the dead do not go\n");
	}
	while ((r = call(__NR_umount2, place, 0)) == -EBUSY && unmount_inside())
		;
	if (r && r != -EINVAL)			/* they may do that */
		die("umount: %ld\n", -r);
}

int main(int argc, char **argv, char **envp)
{
	unsigned long s = first_seed(argc, argv);
	long rounds = argc > 2 ? number(argv[2]) : 50, ms = argc > 3 ? number(argv[3]) : 200;

	driver = getpid();
	call(__NR_mkdirat, AT_FDCWD, place, 0777);
	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP && i != SIGCHLD)
			on_signal(i, (void *)1, 0);
	for (long round = 0; round < rounds; round++) {
		seed = (s * 1000003 + round) * 2654435761 + 1;
		long sid;

		check(!call(__NR_mount, "fuzz", place, "tmpfs", 0, 0));
		sid = fork();
		if (!sid) {
			for (int i = 1; i < 32; i++)
				if (i != SIGKILL && i != SIGSTOP)
					on_signal(i, (void *)0, 0);
			session(round, round % 3);
		}
		if (sid < 0)
			die("fork: %ld\n", sid);
		sleep_ms(ms);
		end_session(sid);
		if (round % 50 == 49)
			complain("round %ld\n", round + 1);
	}
	call(__NR_unlinkat, AT_FDCWD, place, AT_REMOVEDIR);
	print("%ld rounds\n", rounds);
	return 0;
}
