/* SPDX-License-Identifier: MIT */
/* looks.c: from one process into another (process_vm_readv, kcmp, process_madvise), execveat, fchmodat2. */
#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "check.h"

#define CHMODAT2 452

static char *text;			/* three pages of the child's own */

static int child(void)
{
	int pid = fork();

	if (!pid) {
		for (;;)
			pause();
	}
	return pid;
}

static void copies(void)
{
	char here[100] = "", *hole;
	struct iovec mine[2] = { { here, 5 }, { here + 50, 30 } }, theirs[3];
	int pid;

	title("copies");
	text = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(text + 8192, 4096, PROT_READ);
	munmap(text + 3 * 4096, 4096);
	strcpy(text + 4090, "across two pages");
	pid = child();
	strcpy(text + 4090, "mine differ now");
	theirs[0] = (struct iovec){ text + 4090, 17 };
	theirs[1] = (struct iovec){ text, 4 };
	show(process_vm_readv(pid, mine, 2, theirs, 2, 0));
	printf("'%.5s' '%s'\n", here, here + 50);
	mine[0] = (struct iovec){ "written", 8 };
	show(process_vm_writev(pid, mine, 1, theirs, 1, 0));
	mine[0] = (struct iovec){ here, 17 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
	printf("'%s' here '%s'\n", here, text + 4090);
	theirs[0] = (struct iovec){ text + 8192, 10 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
	show(process_vm_writev(pid, mine, 1, theirs, 1, 0));
	theirs[0] = (struct iovec){ text + 3 * 4096 - 5, 10 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
	theirs[0] = (struct iovec){ text + 3 * 4096, 10 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
	theirs[0] = (struct iovec){ (void *)-4096, 10 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
	theirs[0] = (struct iovec){ text, 10 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 1));
	show(process_vm_readv(pid, mine, 2000, theirs, 1, 0));
	show(process_vm_readv(pid, mine, 0, theirs, 1, 0));
	show(process_vm_readv(pid, (void *)8, 1, theirs, 1, 0));
	show(process_vm_readv(pid, mine, 1, (void *)8, 1, 0));
	show(process_vm_readv(999999, mine, 1, theirs, 1, 0));
	mine[0] = (struct iovec){ (void *)8, 10 };
	show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
	mine[0] = (struct iovec){ here, 10 };
	show(process_vm_readv(getpid(), mine, 1, theirs, 1, 0));
	hole = mmap(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mine[0] = (struct iovec){ hole, 1 << 22 };
	theirs[0] = (struct iovec){ hole, 1 << 22 };
	show(process_vm_readv(getpid(), mine, 1, theirs, 1, 0));
	fflush(stdout);
	if (!fork()) {
		setuid(1000);
		mine[0] = (struct iovec){ here, 10 };
		theirs[0] = (struct iovec){ text, 10 };
		show(process_vm_readv(pid, mine, 1, theirs, 1, 0));
		show(syscall(SYS_kcmp, pid, getpid(), KCMP_VM, 0, 0));
		_exit(0);
	}
	wait(NULL);
	kill(pid, SIGKILL);
	wait(NULL);
}

/* Equal, or in an order that is nobody's business. */
static void cmp(const char *what, int a, int b, int type, long x, long y)
{
	long r = syscall(SYS_kcmp, a, b, type, x, y);

	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : r ? "different" : "equal");
	fflush(stdout);
}

static void compare(void)
{
	int me = getpid(), fd = open("/dev/null", O_RDONLY), again = open("/dev/null", O_RDONLY), copy = dup(fd);
	int pid;

	title("kcmp");
	signal(SIGUSR1, SIG_IGN);
	pid = child();
	cmp("vm", me, me, KCMP_VM, 0, 0);
	cmp("vm of child", me, pid, KCMP_VM, 0, 0);
	cmp("files of child", me, pid, KCMP_FILES, 0, 0);
	cmp("fs of child", me, pid, KCMP_FS, 0, 0);
	cmp("sighand of child", me, pid, KCMP_SIGHAND, 0, 0);
	cmp("dup", me, me, KCMP_FILE, fd, copy);
	cmp("open", me, me, KCMP_FILE, fd, again);
	cmp("inherited", me, pid, KCMP_FILE, fd, fd);
	cmp("closed", me, pid, KCMP_FILE, fd, 99);
	cmp("nobody", me, 999999, KCMP_VM, 0, 0);
	cmp("type", me, me, 99, 0, 0);
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	struct iovec v = { text, 8192 }, bad = { text + 1, 10 }, hole = { (void *)4096, 4096 };
	title("process_madvise");
	show(syscall(SYS_process_madvise, pidfd, &v, 1, MADV_COLD, 0));
	show(syscall(SYS_process_madvise, pidfd, &v, 1, MADV_COLD, 1));
	show(syscall(SYS_process_madvise, pidfd, &bad, 1, MADV_COLD, 0));
	show(syscall(SYS_process_madvise, pidfd, &hole, 1, MADV_COLD, 0));
	show(syscall(SYS_process_madvise, pidfd, &v, 1, MADV_DONTNEED, 0));
	show(syscall(SYS_process_madvise, fd, &v, 1, MADV_COLD, 0));
	kill(pid, SIGKILL);
	wait(NULL);
}

static void run(const char *what, int dir, const char *path, int flags)
{
	char *argv[] = { "name", "argument", NULL }, *envp[] = { "A=b", NULL };
	int status;

	printf("%s: ", what);
	fflush(stdout);
	if (!fork()) {
		syscall(SYS_execveat, dir, path, argv, envp, flags);
		printf("%s\n", strerrorname_np(errno));
		fflush(stdout);
		_exit(1);
	}
	wait(&status);
}

static void programs(void)
{
	int dir, fd, script, hidden;

	title("execveat");
	mkdir("d", 0755);
	symlink("/proc/self/exe", "d/link");
	script = open("d/script", O_CREAT | O_WRONLY, 0755);
	write(script, "#!/bin/echo\n", 12);
	close(script);
	close(open("d/plain", O_CREAT | O_WRONLY, 0644));
	dir = open("d", O_RDONLY);
	script = open("d/script", O_RDONLY);
	hidden = open("d/script", O_RDONLY | O_CLOEXEC);
	fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	run("script", dir, "script", 0);
	run("script by descriptor", script, "", AT_EMPTY_PATH);
	run("script that is closed", hidden, "", AT_EMPTY_PATH);
	run("no flag", script, "", 0);
	run("flags", dir, "script", 1);
	run("link", dir, "link", AT_SYMLINK_NOFOLLOW);
	run("plain", dir, "plain", 0);
	run("missing", dir, "missing", 0);
	run("directory", dir, "", AT_EMPTY_PATH);
	run("here", AT_FDCWD, "", AT_EMPTY_PATH);
	run("absolute", -1, "/bin/echo", 0);
	run("no descriptor", 99, "script", 0);
	run("a file", fd, "script", 0);
	run("busybox", fd, "", AT_EMPTY_PATH);
	run("fault", dir, (char *)8, 0);
}

static void modes(void)
{
	struct stat s;

	title("fchmodat2");
	close(open("f", O_CREAT | O_WRONLY, 0644));
	symlink("f", "l");
	int fd = open("f", O_PATH);
	show(syscall(CHMODAT2, AT_FDCWD, "f", 0600, 0));
	stat("f", &s);
	printf("%o\n", s.st_mode);
	show(syscall(CHMODAT2, AT_FDCWD, "f", 0640, AT_SYMLINK_NOFOLLOW));
	show(syscall(CHMODAT2, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
	show(syscall(CHMODAT2, fd, "", 0611, AT_EMPTY_PATH));
	stat("f", &s);
	printf("%o\n", s.st_mode);
	show(syscall(CHMODAT2, fd, "", 0600, 0));
	show(syscall(CHMODAT2, AT_FDCWD, "f", 0600, 1));
	show(syscall(CHMODAT2, AT_FDCWD, "none", 0600, 0));
}

int main(void)
{
	copies();
	compare();
	programs();
	modes();
	return 0;
}
