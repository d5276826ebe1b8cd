/* SPDX-License-Identifier: MIT */
/* mapped.c FILE: a file mapped shared agrees with read and write, before and after it is written back. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };
static char buf[PAGE];

static void same(int fd, const char *map, int page, const char *when)
{
	if (pread(fd, buf, PAGE, page * PAGE) != PAGE)
		err(1, "pread");
	if (memcmp(buf, map + page * PAGE, PAGE))
		errx(1, "page %d differs %s", page, when);
}

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR);
	char *map, *private;

	if (argc < 2 || fd < 0)
		err(1, "open");
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED || private == MAP_FAILED)
		err(1, "mmap");
	for (int i = 0; i < PAGES; i++)
		same(fd, map, i, "at first");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < PAGES; i += 3)
			memset(map + i * PAGE, 'a' + round, PAGE);
		memset(buf, 'A' + round, PAGE);
		if (pwrite(fd, buf, PAGE, PAGE) != PAGE)
			err(1, "pwrite");
		memset(private + 5 * PAGE, 'p', PAGE);
		for (int i = 0; i < PAGES; i++)
			same(fd, map, i, "after it was written to");
		if (msync(map, PAGES * PAGE, MS_SYNC) || fsync(fd))
			err(1, "sync");
	}
	if (private[5 * PAGE] != 'p' || map[5 * PAGE] == 'p' || private[3 * PAGE] != 'c' || map[PAGE] != 'C')
		errx(1, "private pages are not private");
	puts("agrees");
	return 0;
}
