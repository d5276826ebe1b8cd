/* SPDX-License-Identifier: MIT */
/* paths.c: paths wherever they lie in memory: at the end of a page that is the last, at any byte of a
 * word, of every length; and those that never end. */
#include <sys/mman.h>
#include <sys/stat.h>
#include "check.h"

static char *page, *end;

static void make_pages(void)
{
	long size = sysconf(_SC_PAGESIZE);

	page = mmap(NULL, 3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 2 * size, size);
	end = page + 2 * size;
}

/* The path lies with its NUL on the last byte. */
static void at_the_end(void)
{
	struct stat st;
	char name[300] = "f";
	int bad = 0;

	title("at the end of memory");
	for (int n = 1; n <= 255; n++) {
		memset(name, 'a' + n % 26, n);
		name[n] = 0;
		close(open(name, O_CREAT | O_WRONLY, 0644));
		memcpy(end - n - 1, name, n + 1);
		bad += stat(end - n - 1, &st) != 0;
		end[-1] = '/';			/* and without one */
		bad += stat(end - n - 1, &st) != -1 || errno != EFAULT;
		bad += unlink(name) != 0;
	}
	printf("bad: %d\n", bad);
	show(stat(end, &st));
	show(open(end - 3, O_RDONLY));
}

static void everywhere(void)
{
	struct stat st;
	char *at = page + sysconf(_SC_PAGESIZE) - 20;
	int bad = 0;

	title("at every byte of a word, across a page, each length");
	for (int n = 1; n < 40; n++) {
		char name[64];

		memset(name, 'b' + n % 20, n);
		name[n] = 0;
		close(open(name, O_CREAT | O_WRONLY, 0644));
		for (int shift = 0; shift < 16; shift++) {
			memset(at, 'x', 100);
			strcpy(at + shift, name);
			bad += stat(at + shift, &st) != 0;
			strcpy(at + shift, "./");
			strcat(at + shift, name);
			bad += stat(at + shift, &st) != 0;
			strcat(at + shift, "y");
			bad += stat(at + shift, &st) != -1 || errno != ENOENT;
			strcpy(at + shift + 2 + n, "/");
			bad += stat(at + shift, &st) != -1 || errno != ENOTDIR;
		}
		unlink(name);
	}
	printf("bad: %d\n", bad);
}

static void long_ones(void)
{
	char *p = malloc(2 * 4096);
	struct stat st;

	title("long ones");
	memset(p, '/', 2 * 4096);
	p[4095] = 0;
	show(stat(p, &st));
	p[4095] = '/';
	p[4096] = 0;
	show(stat(p, &st));
	p[4096] = '/';
	p[4097] = 0;
	show(stat(p, &st));
	memset(p, 'n', 256);
	p[256] = 0;
	show(stat(p, &st));
	p[255] = 0;
	show(stat(p, &st));
	p[255] = '/';
	show(stat(p, &st));
	show(mkdir(p, 0755));
	show(stat("", &st));
	show(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	show(stat("/", &st));
	show(stat("//", &st));
	show(stat(".", &st));
	show(stat("/.", &st));
	show(stat("/..", &st));
	free(p);
}

/* Directories that are closed to some. */
static void closed(void)
{
	struct stat st;

	title("closed directories");
	mkdir("d", 0711);
	mkdir("d/e", 0700);
	close(open("d/f", O_CREAT | O_WRONLY, 0600));
	close(open("d/e/g", O_CREAT | O_WRONLY, 0666));
	chmod(".", 0755);
	if (!fork()) {
		setgid(1000);
		setuid(1000);
		show(stat("d/f", &st));
		show(open("d/f", O_RDONLY));
		show(stat("d/e", &st));
		show(stat("d/e/g", &st));
		show(open("d/e/g", O_RDONLY));
		show(open("d/new", O_CREAT | O_WRONLY, 0600));
		show(open("d", O_RDONLY));
		_exit(0);
	}
	wait(NULL);
}

int main(void)
{
	make_pages();
	at_the_end();
	everywhere();
	long_ones();
	closed();
}
