/* SPDX-License-Identifier: MIT */
/* files.c: names, descriptors, and data of files in memory. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

enum { CHUNK = 64 << 10, FILE_SIZE = 1 << 20 };

static const char path[] = "/tmp/bench-file";
static char buffer[CHUNK];

static int make_file(void)
{
	mkdir("/tmp", 0777);
	return must(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
}

static void fill(int fd)
{
	for (int done = 0; done < FILE_SIZE; done += CHUNK)
		must(write(fd, buffer, CHUNK));
}

static void open_close(long n)
{
	close(make_file());
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_close, sys(SYS_openat, AT_FDCWD, path, O_RDONLY));
	stop();
	unlink(path);
}

static void stat_file(long n)
{
	struct stat st;

	close(make_file());
	must(sys(SYS_newfstatat, AT_FDCWD, path, &st, 0));
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_newfstatat, AT_FDCWD, path, &st, 0);
	stop();
	unlink(path);
}

/* The three data lines count KiB: n is a multiple of the file's size. */
static void transfer(long n, int call, int fresh)
{
	int fd = make_file();

	if (!fresh)
		fill(fd);
	for (long kib = 0; kib < n; kib += FILE_SIZE >> 10) {
		if (fresh)
			must(ftruncate(fd, 0));
		lseek(fd, 0, SEEK_SET);
		start();
		for (int done = 0; done < FILE_SIZE; done += CHUNK)
			must(sys(call, fd, buffer, CHUNK));
		stop();
	}
	close(fd);
	unlink(path);
}

static void read_file(long n)
{
	transfer(n, SYS_read, 0);
}

static void overwrite_file(long n)
{
	transfer(n, SYS_write, 0);
}

static void write_new(long n)
{
	transfer(n, SYS_write, 1);
}

const struct line file_lines[] = {
	{ "open_close", open_close, 2000 },
	{ "stat", stat_file, 2000 },
	{ "tmpfs_read", read_file, 4096 },
	{ "tmpfs_overwrite", overwrite_file, 4096 },
	{ "tmpfs_write", write_new, 4096 },
	{ NULL },
};
