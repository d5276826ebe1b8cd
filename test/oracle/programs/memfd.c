/* SPDX-License-Identifier: MIT */
/* memfd.c: memfd_create and seals. */
#include <sys/mman.h>
#include <sys/stat.h>
#include "check.h"

int main(void)
{
	struct stat st;
	char buf[100];
	int f;

	title("not to be sealed");
	f = show_fd(memfd_create("name", 0));
	show(fcntl(f, F_GET_SEALS));
	show(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE));
	fstat(f, &st);
	printf("  %o\n", st.st_mode);
	sprintf(buf, "/proc/self/fd/%d", f);
	char link[100];
	printf("  %.*s\n", (int)readlink(buf, link, 100), link);
	close(f);
	show(memfd_create("name", 0x800));
	show(memfd_create("name", 24));
	f = open("file", O_RDWR | O_CREAT, 0600);
	show(fcntl(f, F_GET_SEALS));
	show(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE));
	show(fcntl(0, F_GET_SEALS));
	title("size");
	f = memfd_create("a", MFD_ALLOW_SEALING);
	show(fcntl(f, F_GET_SEALS));
	write(f, "0123456789", 10);
	show(fcntl(f, F_ADD_SEALS, 1 << 20));
	show(fcntl(f, F_ADD_SEALS, F_SEAL_GROW));
	show(ftruncate(f, 20));
	show(write(f, "x", 1));
	show(pwrite(f, "x", 1, 5));
	show(pwrite(f, "xxx", 3, 9));
	show(fallocate(f, 0, 0, 100));
	show(ftruncate(f, 8));
	show(fcntl(f, F_ADD_SEALS, F_SEAL_SHRINK));
	show(ftruncate(f, 4));
	show(ftruncate(f, 8));
	show(fcntl(f, F_GET_SEALS));
	close(f);
	title("writing");
	f = memfd_create("b", MFD_ALLOW_SEALING);
	ftruncate(f, 8192);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	show(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE));
	show(fcntl(f, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 1;
	show(write(f, "x", 1));
	munmap(p, 8192);
	show(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE));
	show(pwrite(f, "x", 1, 0));
	show(fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	show(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) == MAP_FAILED);
	printf("  %s\n", strerrorname_np(errno));
	p = mmap(NULL, 8192, PROT_READ, MAP_SHARED, f, 0);
	show(p != MAP_FAILED);
	show(mprotect(p, 8192, PROT_READ | PROT_WRITE));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
	show(p != MAP_FAILED);
	p[0] = 3;
	show(fcntl(f, F_ADD_SEALS, F_SEAL_SEAL));
	show(fcntl(f, F_ADD_SEALS, F_SEAL_SHRINK));
	show(fcntl(f, F_GET_SEALS));
	show(pread(f, buf, 1, 0));
	printf("  %d\n", buf[0]);
	title("not to be executed");
	f = show_fd(memfd_create("c", 8));
	show(fcntl(f, F_GET_SEALS));
	fstat(f, &st);
	printf("  %o\n", st.st_mode);
	return 0;
}
