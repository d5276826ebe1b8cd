/* SPDX-License-Identifier: MIT */
/* files.c: writes, reads, links and removes files, and checks each answer. */
#include "weir.h"

static void check_content(const char *path, const char *want)
{
	char buf[64];
	int fd = open(path, O_RDONLY, 0);

	check(fd >= 0);
	check(read(fd, buf, sizeof(buf)) == (long)strlen(want));
	check(!memcmp(buf, want, strlen(want)));
	check(read(fd, buf, sizeof(buf)) == 0);
	check(close(fd) == 0);
	check(close(fd) == -EBADF);
}

int main(int argc, char **argv, char **envp)
{
	int fd;
	struct stat st;

	check(call(__NR_mkdirat, AT_FDCWD, "/tmp/files", 0755) == 0);
	check(call(__NR_mkdirat, AT_FDCWD, "/tmp/files", 0755) == -EEXIST);
	check(call(__NR_chdir, "/tmp/files") == 0);
	check(open("a", O_RDONLY, 0) == -ENOENT);
	check((fd = open("a", O_CREAT | O_WRONLY | O_EXCL, 0644)) >= 0);
	check(write(fd, "one two", 7) == 7);
	check(call(__NR_lseek, fd, 4, 0) == 4);
	check(write(fd, "six", 3) == 3);
	check(call(__NR_fstat, fd, &st) == 0 && st.st_size == 7 && st.st_nlink == 1);
	check(close(fd) == 0);
	check_content("a", "one six");
	check(call(__NR_linkat, AT_FDCWD, "a", AT_FDCWD, "b", 0) == 0);
	check(call(__NR_symlinkat, "b", AT_FDCWD, "c") == 0);
	check_content("c", "one six");
	check(call(__NR_renameat2, AT_FDCWD, "b", AT_FDCWD, "d", 0) == 0);
	check(open("c", O_RDONLY, 0) == -ENOENT);
	check_content("d", "one six");
	check(unlink("a") == 0 && unlink("c") == 0 && unlink("d") == 0);
	check(unlink("d") == -ENOENT);
	check(call(__NR_chdir, "/") == 0);
	check(call(__NR_unlinkat, AT_FDCWD, "/tmp/files", AT_REMOVEDIR) == 0);
	print("files: all as it should be\n");
	return 0;
}
