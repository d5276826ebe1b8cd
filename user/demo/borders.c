/* SPDX-License-Identifier: MIT */
/*
 * borders.c: buffers and strings that cross the end of the program's memory.  Every call must
 * answer as Linux does: EFAULT, or what was moved before the border; nothing beyond it.
 */
#include <linux/uio.h>
#include "weir.h"

static int failures;
static char *edge;			/* first byte that is not there */
static char *start;			/* two pages before it */

#define BAD	((char *)KERNEL_ADDRESS)

static void expect(const char *what, long got, long want)
{
	if (got == want)
		return;
	complain("%s: %ld instead of %ld\n", what, got, want);
	failures++;
}

static void test_write(void)
{
	int fd = open("/tmp/borders", O_CREAT | O_RDWR | O_TRUNC, 0600);
	struct stat st;

	expect("write before the edge", write(fd, edge - 100, 100), 100);
	expect("write across", write(fd, edge - 100, 200), 100);
	expect("write beyond", write(fd, edge, 1), -EFAULT);
	expect("write from the kernel", write(fd, BAD, 10), -EFAULT);
	call(__NR_fstat, fd, &st);
	expect("size of the file", st.st_size, 200);
	close(fd);
}

static void test_read(void)
{
	int fd = open("/tmp/borders", O_RDONLY, 0);

	edge[-1] = 'x';
	expect("read across", read(fd, edge - 50, 100), 50);
	expect("read beyond", read(fd, edge, 10), -EFAULT);
	expect("read to the kernel", read(fd, BAD, 10), -EFAULT);
	expect("read of nothing, anywhere", read(fd, edge, 0), 0);
	expect("position", call(__NR_lseek, fd, 0, 1), 50);
	close(fd);
	unlink("/tmp/borders");
}

static void test_pipe(void)
{
	int fds[2];
	char buf[8];

	expect("pipe2 to nowhere", pipe((int *)edge), -EFAULT);
	expect("pipe", pipe(fds), 0);
	expect("no descriptor was lost", fds[0], 3);
	expect("write across to a pipe: all or nothing", write(fds[1], edge - 4, 8), -EFAULT);
	expect("write to a pipe", write(fds[1], edge - 4, 4), 4);
	expect("read into nowhere", read(fds[0], edge, 4), -EFAULT);
	expect("it is still there", read(fds[0], buf, 8), 4);
	close(fds[0]);
	close(fds[1]);
}

static void test_vectors(void)
{
	int fd = open("/dev/null", O_RDWR, 0), z = open("/dev/zero", O_RDONLY, 0);
	struct iovec v[2] = { { start, 10 }, { edge, 10 } };
	struct iovec negative = { start, -1ul };
	struct iovec huge[2] = { { start, ~0ul >> 1 }, { start, ~0ul >> 1 } };

	expect("readv into a bad second part", call(__NR_readv, z, v, 2), 10);
	expect("writev with vectors nowhere", call(__NR_writev, fd, edge, 1), -EFAULT);
	expect("writev with vectors across", call(__NR_writev, fd, edge - 16, 2), -EFAULT);
	expect("writev of too many", call(__NR_writev, fd, v, 5000), -EINVAL);
	expect("writev of too much", call(__NR_writev, fd, huge, 2), -EFAULT);
	expect("writev of a negative length", call(__NR_writev, fd, &negative, 1), -EINVAL);
	close(fd);
	close(z);
}

static void test_strings(void)
{
	memset(edge - 8, 'a', 8);
	expect("open of an endless name", open(edge - 8, O_RDONLY, 0), -EFAULT);
	expect("open of nothing", open(edge, O_RDONLY, 0), -EFAULT);
	expect("open in the kernel", open(BAD, O_RDONLY, 0), -EFAULT);
	edge[-1] = 0;
	expect("open of a name that just fits", open(edge - 8, O_RDONLY, 0), -ENOENT);
	memset(start, 'b', PAGE);
	start[PAGE] = 0;
	expect("a name too long", open(start, O_RDONLY, 0), -ENAMETOOLONG);
	start[300] = 0;
	expect("a component too long", open(start, O_RDONLY, 0), -ENAMETOOLONG);
	expect("chdir nowhere", call(__NR_chdir, edge), -EFAULT);
	expect("unlink nowhere", unlink(edge), -EFAULT);
}

static void test_results(void)
{
	expect("stat nowhere", call(__NR_newfstatat, AT_FDCWD, "/", edge - 8, 0), -EFAULT);
	expect("uname nowhere", call(__NR_uname, edge - 8), -EFAULT);
	expect("clock_gettime nowhere", call(__NR_clock_gettime, 0, edge), -EFAULT);
	expect("clock_gettime across", call(__NR_clock_gettime, 0, edge - 8), -EFAULT);
	expect("getcwd nowhere", call(__NR_getcwd, edge, 100), -EFAULT);
	expect("getrandom nowhere", call(__NR_getrandom, edge, 10, 4), -EFAULT);
	expect("nanosleep from nowhere", call(__NR_nanosleep, edge, 0), -EFAULT);
	expect("sigaction from the kernel", call(__NR_rt_sigaction, SIGUSR1, BAD, 0, 8), -EFAULT);
	expect("sigaction to the kernel", call(__NR_rt_sigaction, SIGUSR1, 0, BAD, 8), -EFAULT);
	expect("sigprocmask from nowhere", call(__NR_rt_sigprocmask, 0, edge, 0, 8), -EFAULT);
	expect("sysinfo nowhere", call(__NR_sysinfo, edge - 16), -EFAULT);
	expect("getdents nowhere", call(__NR_getdents64, open("/", O_RDONLY, 0), edge, 1000), -EFAULT);
	close(3);
	expect("wait4 status nowhere", fork() ? wait(-1, (int *)edge) : (exit(0), 0), -EFAULT);
}

static void test_rights(void)
{
	int z = open("/dev/zero", O_RDONLY, 0);

	mprotect(start, PAGE, PROT_READ);
	expect("read into read-only memory", read(z, start, 10), -EFAULT);
	expect("read into text", read(z, (void *)test_rights, 4), -EFAULT);
	mprotect(start, PAGE, PROT_NONE);
	expect("write from hidden memory", write(1, start, 10), -EFAULT);
	close(z);
}

int main(int argc, char **argv, char **envp)
{
	char *p = map(3 * PAGE, PROT_READ | PROT_WRITE);

	edge = p + 2 * PAGE;
	start = p;
	munmap(edge, PAGE);
	test_write();
	test_read();
	test_pipe();
	test_vectors();
	test_strings();
	test_results();
	test_rights();
	print("borders: %d wrong answers\n", failures);
	return failures > 100 ? 100 : failures;
}
