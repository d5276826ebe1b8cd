/* SPDX-License-Identifier: MIT */
/* transfers.c: reads and writes of many pages: holes, odd positions and addresses, several buffers, memory
 * that ends in the middle. */
#include <sys/mman.h>
#include <sys/uio.h>
#include "check.h"

enum { PAGE = 4096, ROOM = 48 * PAGE };

static unsigned char want[ROOM], *mem, *end;

static unsigned sum(const unsigned char *p, long n)
{
	unsigned s = 1;

	while (n-- > 0)
		s = s * 31 + *p++;
	return s;
}

static void make_memory(void)
{
	mem = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	end = mem + ROOM;
	munmap(end, PAGE);
	for (int i = 0; i < ROOM; i++)
		want[i] = i * 7 + i / 256;
}

static unsigned long seed = 88172645463325252ul;
static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 20) % n;
}

static void holes(int fd)
{
	unsigned all = 0;

	title("holes");
	for (int i = 0; i < 40; i += 3)
		if (pwrite(fd, want + i * PAGE, PAGE + i * 17, (long)i * PAGE + i * 5) < 0)
			exit(1);
	for (int i = 0; i < 300; i++) {
		long at = pick(40 * PAGE), n = pick(30 * PAGE), shift = pick(9);
		long got = pread(fd, mem + shift, n, at);

		all = all * 17 + got + sum(mem + shift, got);
	}
	printf("%u\n", all);
}

static void over(int fd)
{
	unsigned all = 0;

	title("over and beyond");
	for (int i = 0; i < 300; i++) {
		long at = pick(44 * PAGE), n = pick(30 * PAGE), shift = pick(9);

		memcpy(mem + shift, want + pick(8 * PAGE), n);
		all = all * 17 + pwrite(fd, mem + shift, n, at);
		if (i % 37 == 0)
			ftruncate(fd, pick(40 * PAGE));
		if (i % 20 == 0) {
			long got = pread(fd, mem, ROOM, 0);

			all = all * 17 + got + sum(mem, got);
		}
	}
	printf("%u %ld\n", all, (long)lseek(fd, 0, SEEK_END));
}

static void faults(int fd)
{
	title("memory that ends");
	show(pread(fd, end - 5 * PAGE - 100, 6 * PAGE, 50) > 0);
	show(pread(fd, end, 100, 0));
	show(pwrite(fd, end, 100, 0));
	show(pwrite(fd, end - 2 * PAGE, 2 * PAGE, 100 * PAGE));
	show(pwrite(fd, end, 10, 300 * PAGE));
	printf("%ld\n", (long)lseek(fd, 0, SEEK_END));
	mprotect(mem, PAGE, PROT_READ);
	show(pread(fd, mem, 10, 0));
	mprotect(mem, PAGE, PROT_READ | PROT_WRITE);
}

static void several(int fd)
{
	struct iovec v[5] = {
		{ mem, 3 }, { mem + 100, 0 }, { mem + PAGE, 3 * PAGE + 5 }, { mem + 8 * PAGE + 1, PAGE },
		{ mem + 20 * PAGE, 20 * PAGE },
	};
	unsigned all = 0;
	long got;

	title("several buffers");
	memset(mem, 0, ROOM);
	show(got = preadv(fd, v, 5, 77));
	all = sum(mem, ROOM);
	show(pwritev(fd, v, 5, 5 * PAGE + 1));
	memset(mem, 0, ROOM);
	got = pread(fd, mem, ROOM, 0);
	printf("%u %u\n", all, sum(mem, got));
}

/* @chunk at a time through a pipe, to a reader who takes @take at a time. */
static void through(int chunk, int take, int nap_ms)
{
	int fds[2], total = 0, bad = 0;
	long n;

	if (pipe(fds))
		exit(1);
	if (!fork()) {
		close(fds[0]);
		for (int left = 2 * 65536 + 5000; left > 0; left -= n) {
			n = write(fds[1], want + total, left < chunk ? left : chunk);
			total += n;
			if (nap_ms && left % 3 == 0)
				nap(nap_ms);
		}
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], mem + 3, take)) > 0) {
		bad += memcmp(mem + 3, want + total, n) != 0;
		total += n;
	}
	wait(NULL);
	close(fds[0]);
	printf("%d by %d: %d bytes, %d bad\n", chunk, take, total, bad);
}

static void pipes(void)
{
	static const int sizes[] = { 1000, 4096, 4097, 20000, 65536, 65537, 100000 };

	title("through pipes");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (unsigned k = 0; k < sizeof(sizes) / sizeof(*sizes); k++)
			through(sizes[i], sizes[k], (i + k) % 5 == 0 && i > 2);
}

/* A reader that waits with memory which is not there, read-only, shared with its parent, or goes. */
static void strange_readers(void)
{
	unsigned char *m = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2], status;
	long n;

	title("strange readers");
	if (pipe(fds))
		exit(1);
	if (!fork()) {				/* untouched, and copy-on-write */
		long got = 0;

		m[5 * PAGE] = 1;
		while (got < 20 * PAGE && (n = read(fds[0], m + got, 20 * PAGE - got)) > 0)
			got += n;
		printf("%ld %s\n", got, memcmp(m, want, got) ? "damaged" : "as written");
		_exit(0);
	}
	nap(30);
	n = write(fds[1], want, 20 * PAGE);
	wait(&status);
	printf("wrote %ld\n", n);
	printf("%d\n", m[5 * PAGE]);
	if (!fork()) {				/* the second page may not be written to */
		mprotect(m + PAGE, PAGE, PROT_READ);
		n = read(fds[0], m, 3 * PAGE);
		printf("%d\n", n > 0 && n <= PAGE && !memcmp(m, want, n));
		fflush(stdout);
		mprotect(m + PAGE, PAGE, PROT_READ | PROT_WRITE);
		while (n < 16 * PAGE)
			n += read(fds[0], m, PAGE);
		_exit(0);
	}
	nap(30);
	n = write(fds[1], want, 16 * PAGE);
	wait(&status);
	printf("wrote %ld\n", n);
	pid_t pid = fork();

	if (!pid) {				/* killed while it waits */
		read(fds[0], m, 20 * PAGE);
		_exit(0);
	}
	nap(30);
	kill(pid, SIGKILL);
	wait(&status);
	show(write(fds[1], want, 10 * PAGE));
	show(read(fds[0], m, 10 * PAGE));
	printf("%s\n", memcmp(m, want, 10 * PAGE) ? "damaged" : "as written");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0644);

	make_memory();
	holes(fd);
	over(fd);
	faults(fd);
	several(fd);
	pipes();
	strange_readers();
}
