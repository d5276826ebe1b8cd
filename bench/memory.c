/* SPDX-License-Identifier: MIT */
/*
 * memory.c: page faults and mappings.  Regions are smaller than 2 MiB, so that no kernel serves
 * them with one large page.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { PAGE = 4096, PAGES = 256, SIZE = PAGES * PAGE };

static char *map(int prot, int flags, int fd)
{
	return (char *)must(mmap(NULL, SIZE, prot, flags, fd, 0));
}

static char *map_anonymous(void)
{
	char *p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	madvise(p, SIZE, MADV_NOHUGEPAGE);
	return p;
}

static void touch(char *p, size_t step)
{
	for (size_t i = 0; i < SIZE; i += step)
		*(volatile char *)(p + i) = 1;
}

static void look(char *p, size_t step)
{
	for (size_t i = 0; i < SIZE; i += step)
		(void)*(volatile char *)(p + i);
}

/* n counts pages in what follows. */
static void anonymous_fault(long n)
{
	for (; n > 0; n -= PAGES) {
		char *p = map_anonymous();

		start();
		touch(p, PAGE);
		stop();
		munmap(p, SIZE);
	}
}

static void unmap_touched(long n)
{
	for (; n > 0; n -= PAGES) {
		char *p = map_anonymous();

		touch(p, PAGE);
		start();
		munmap(p, SIZE);
		stop();
	}
}

static void copy_on_write(long n)
{
	double *shared = (double *)map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	char *p = map_anonymous();

	touch(p, PAGE);
	if (must(fork()) == 0) {
		uint64_t a, b;

		__asm__ volatile("rdtime %0" : "=r"(a)::"memory");
		touch(p, PAGE);
		__asm__ volatile("rdtime %0" : "=r"(b)::"memory");
		*shared = (b - a) * 100.0 / PAGES;
		_exit(0);
	}
	must(wait(NULL));
	result(*shared);
	munmap(p, SIZE);
	munmap(shared, SIZE);
}

static void map_unmap(long n)
{
	start();
	for (long i = 0; i < n; i++) {
		char *p = (char *)sys(SYS_mmap, 0, 64 << 10, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		sys(SYS_munmap, p, 64 << 10);
	}
	stop();
}

static void file_fault(long n, size_t step)
{
	static const char path[] = "/tmp/bench-map";
	char page[PAGE] = { 1 };

	mkdir("/tmp", 0777);
	int fd = must(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
	for (int i = 0; i < PAGES; i++)
		must(write(fd, page, PAGE));
	for (; n > 0; n -= SIZE / step) {
		char *p = map(PROT_READ, MAP_PRIVATE, fd);

		start();
		look(p, step);
		stop();
		munmap(p, SIZE);
	}
	close(fd);
	unlink(path);
}

static void file_fault_page(long n)
{
	file_fault(n, PAGE);
}

static void file_fault_far(long n)
{
	file_fault(n, 64 << 10);
}

const struct line memory_lines[] = {
	{ "anon_fault", anonymous_fault, 4 * PAGES },
	{ "cow_fault", copy_on_write, PAGES },
	{ "file_fault", file_fault_page, 4 * PAGES },
	{ "file_fault_64k", file_fault_far, 256 },
	{ "munmap_page", unmap_touched, 4 * PAGES },
	{ "mmap_munmap", map_unmap, 1000 },
	{ NULL },
};
