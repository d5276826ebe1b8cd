/* SPDX-License-Identifier: MIT */
/* names.c: what calls on names and attributes do at their edges: rename flags, files without names, holes,
 * times, groups, locks, directories read bit by bit. */
#include <dirent.h>
#include <grp.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include "check.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

static void touch(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (write(fd, text, strlen(text)) < 0)
		exit(1);
	close(fd);
}

static void print_file(const char *name)
{
	char buf[100] = "";
	int fd = open(name, O_RDONLY);

	if (fd < 0 || read(fd, buf, 99) < 0)
		printf("%s: %s\n", name, strerrorname_np(errno));
	else
		printf("%s: %s\n", name, buf);
	close(fd);
	fflush(stdout);
}

static void renames(void)
{
	title("renameat2");
	touch("a", "A");
	touch("b", "B");
	mkdir("d", 0755);
	touch("d/x", "X");
	show(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	show(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	show(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE));
	print_file("c");
	print_file("b");
	show(renameat2(AT_FDCWD, "c", AT_FDCWD, "none", RENAME_EXCHANGE));
	show(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE));
	print_file("c/x");
	print_file("d");
	show(renameat2(AT_FDCWD, "c", AT_FDCWD, "c/y", RENAME_EXCHANGE));
	show(renameat2(AT_FDCWD, "b", AT_FDCWD, "e", RENAME_EXCHANGE | RENAME_NOREPLACE));
	show(renameat2(AT_FDCWD, "b", AT_FDCWD, "e", 64));
	show(rename("c", "b"));
	show(rename("b", "c"));
	show(rename("none", "c"));
	show(rename("c", "c/z"));
	show(rename("b", "b"));
	show(rename(".", "q"));
	show(rename("c/..", "q"));
	show(rename("b", "b/"));
	show(rename("c", "n/"));
	print_file("n/x");
}

static void unnamed(void)
{
	char path[64];
	struct stat st;
	int fd;

	title("without a name");
	fd = show_fd(open(".", O_TMPFILE | O_RDWR, 0640));
	show(write(fd, "hidden", 6));
	fstat(fd, &st);
	printf("%o %ld\n", st.st_mode, (long)st.st_nlink);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	show(linkat(AT_FDCWD, path, AT_FDCWD, "t1", AT_SYMLINK_FOLLOW));
	show(linkat(fd, "", AT_FDCWD, "t2", AT_EMPTY_PATH));
	show(linkat(fd, "", AT_FDCWD, "t2", AT_EMPTY_PATH));
	show(linkat(fd, "", AT_FDCWD, "t3", 0));
	print_file("t1");
	print_file("t2");
	fstat(fd, &st);
	printf("%ld\n", (long)st.st_nlink);
	close(fd);
	fd = show_fd(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640));
	show(linkat(fd, "", AT_FDCWD, "t4", AT_EMPTY_PATH));
	close(fd);
	show_fd(open(".", O_TMPFILE | O_RDONLY, 0640));
	show_fd(open("t1", O_TMPFILE | O_RDWR, 0640));
	show_fd(open("none", O_TMPFILE | O_RDWR, 0640));
}

static void layout(int fd)
{
	long at = 0, size = lseek(fd, 0, SEEK_END);

	printf("size %ld:", size);
	while (at < size) {
		long data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		printf(" %ld-%ld", data, hole);
		at = hole;
	}
	printf("\n");
}

static void holes(void)
{
	static char page[65536];
	struct stat st;
	int fd = open("h", O_CREAT | O_RDWR, 0644);

	title("holes");
	memset(page, 'x', sizeof(page));
	show(pwrite(fd, page, 65536, 0));
	show(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 4096, 4096));
	show(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
	layout(fd);
	show(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20000, 100));
	layout(fd);
	show(pread(fd, page, 200, 19950));
	printf("%d %d %d\n", page[49], page[50], page[150]);
	show(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 60000, 100000));
	layout(fd);
	show(fallocate(fd, 0, 100, 0));
	show(fallocate(fd, 0, -1, 5));
	show(fallocate(fd, FALLOC_FL_KEEP_SIZE, 100000, 10000));
	fstat(fd, &st);
	printf("%ld\n", (long)st.st_size);
	show(fallocate(fd, 0, 100000, 10000));
	fstat(fd, &st);
	printf("%ld\n", (long)st.st_size);
	show(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	show(lseek(fd, 1 << 20, SEEK_DATA));
	show(lseek(fd, 1 << 20, SEEK_HOLE));
	show(lseek(fd, -1, SEEK_DATA));
	show(lseek(fd, 0, 9));
	show(ftruncate(fd, 5000));
	layout(fd);
	show(ftruncate(fd, -1));
	close(fd);
	show_fd(fd = open("h", O_RDONLY));
	show(ftruncate(fd, 1));
	show(fallocate(fd, 0, 0, 10));
	close(fd);
	show(truncate(".", 5));
	show(truncate("none", 5));
}

static void print_times(const char *name)
{
	struct stat st;

	lstat(name, &st);
	printf("%ld.%09ld %ld.%09ld\n", (long)st.st_atim.tv_sec % 100000000, st.st_atim.tv_nsec,
	       (long)st.st_mtim.tv_sec % 100000000, st.st_mtim.tv_nsec);
	fflush(stdout);
}

static void times(void)
{
	struct timespec t[2] = { { 1000, 5 }, { 2000, 999999999 } };
	struct stat st;
	int fd;

	title("times");
	touch("t", "");
	show(symlink("t", "l"));
	show(utimensat(AT_FDCWD, "t", t, 0));
	print_times("t");
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_sec = 3000;
	show(utimensat(AT_FDCWD, "t", t, 0));
	print_times("t");
	t[0].tv_nsec = 7;
	show(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
	print_times("l");
	print_times("t");
	t[0].tv_nsec = 1000000000;
	show(utimensat(AT_FDCWD, "t", t, 0));
	t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
	show(utimensat(AT_FDCWD, "none", t, 0));
	show(utimensat(AT_FDCWD, "t", t, 0));
	show(utimensat(AT_FDCWD, "t", t, 1));
	fd = open("t", O_RDWR);
	t[0] = (struct timespec){ 12345, 6 };
	t[1] = (struct timespec){ 5, 7 };
	show(futimens(fd, t));
	stat("t", &st);
	printf("%ld %ld\n", (long)st.st_atime, (long)st.st_mtime);
	show(utimensat(fd, "", t, AT_EMPTY_PATH));
	show(utimensat(AT_FDCWD, NULL, t, 0));
	close(fd);
}

static void one_group(void)
{
	gid_t got[20];

	show(open("g", O_RDWR) >= 0);
	show(access("g", W_OK));
	show(getgroups(20, got));
	show(getgroups(1, got));
	show(chown("mine", -1, 600));
	show(chown("mine", -1, 999));
}

static void groups(void)
{
	gid_t g[3] = { 500, 600, 700 };

	title("groups");
	touch("g", "");
	chown("g", 1, 600);
	chmod("g", 0060);
	touch("mine", "");
	chown("mine", 1000, 1000);
	chmod(".", 0777);
	show(setgroups(3, g));
	if (!fork()) {
		setgid(1000);
		setuid(1000);
		one_group();
		show(setgroups(1, g));
		_exit(0);
	}
	wait(NULL);
	show(setgroups(0, NULL));
	if (!fork()) {
		setgid(1000);
		setuid(1000);
		one_group();
		_exit(0);
	}
	wait(NULL);
}

/* Everything in a directory, @size bytes at a time; names go and come meanwhile. */
static void list(int size, int change)
{
	char buf[4096];
	int fd = open("many", O_RDONLY | O_DIRECTORY), calls = 0, names = 0, seen[100] = { 0 }, twice = 0;
	long n;

	while ((n = syscall(SYS_getdents64, fd, buf, size)) > 0) {
		for (long at = 0; at < n; at += ((struct dirent64 *)(buf + at))->d_reclen) {
			struct dirent64 *e = (struct dirent64 *)(buf + at);
			int k = atoi(e->d_name + 1);

			names++;
			if (e->d_name[0] == 'f' && k < 100 && seen[k]++)
				twice++;
		}
		if (change && calls % 7 == 3) {
			char name[32];

			snprintf(name, sizeof(name), "many/f%02d", calls * 5 % 60);
			unlink(name);
			snprintf(name, sizeof(name), "many/g%02d", calls);
			touch(name, "");
		}
		calls++;
	}
	if (change)
		printf("%d: %s %d\n", size, n ? strerrorname_np(errno) : "end", twice);
	else
		printf("%d: %d names, %d twice, %s\n", size, names, twice, n ? strerrorname_np(errno) : "end");
	close(fd);
}

static void directories(void)
{
	char name[32];

	title("directories bit by bit");
	mkdir("many", 0755);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "many/f%02d", i);
		touch(name, "");
	}
	list(16, 0);
	list(24, 0);
	list(32, 0);
	list(100, 0);
	list(4096, 0);
	list(32, 1);
}

static int lock_fd;

static void *waits_for_lock(void *arg)
{
	struct flock l = { .l_type = F_WRLCK };

	show(fcntl(lock_fd, F_SETLKW, &l));
	return NULL;
}

/* The descriptor is closed while a thread waits for a lock through it. */
static void locks(void)
{
	struct flock l = { .l_type = F_WRLCK };
	int to[2], back[2], keep;
	pthread_t t;
	char c;

	title("locks");
	touch("lk", "");
	if (pipe(to) || pipe(back))
		exit(1);
	if (!fork()) {
		int fd = open("lk", O_RDWR);

		fcntl(fd, F_SETLK, &l);
		write(back[1], "x", 1);
		read(to[0], &c, 1);
		fcntl(fd, F_SETLK, &(struct flock){ .l_type = F_UNLCK });
		write(back[1], "x", 1);
		read(to[0], &c, 1);
		show(fcntl(fd, F_SETLK, &l));		/* nobody has it */
		_exit(0);
	}
	read(back[0], &c, 1);
	lock_fd = open("lk", O_RDWR);
	keep = open("lk", O_RDWR);
	show(fcntl(lock_fd, F_SETLK, &l));
	pthread_create(&t, NULL, waits_for_lock, NULL);
	nap(50);
	close(lock_fd);
	write(to[1], "x", 1);
	read(back[0], &c, 1);
	pthread_join(t, NULL);
	write(to[1], "x", 1);
	wait(NULL);
	close(keep);
	show(flock(keep, LOCK_EX));
}

static long open2(const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };
	int fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static void resolving(void)
{
	title("openat2");
	mkdir("r", 0755);
	touch("r/f", "");
	symlink("f", "r/rel");
	symlink("/etc", "r/abs");
	symlink("../r/f", "r/up");
	show(open2("r/f", O_RDONLY, RESOLVE_NO_SYMLINKS));
	show(open2("r/rel", O_RDONLY, RESOLVE_NO_SYMLINKS));
	show(open2("r/rel", O_RDONLY | O_NOFOLLOW, 0));
	show(open2("r/rel", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
	show(open2("r/rel", O_RDONLY, RESOLVE_BENEATH));
	show(open2("r/up", O_RDONLY, RESOLVE_BENEATH));
	show(open2("r/abs", O_RDONLY, RESOLVE_BENEATH));
	show(open2("..", O_RDONLY, RESOLVE_BENEATH));
	show(open2("r/../r/f", O_RDONLY, RESOLVE_BENEATH));
	show(open2("/proc/self", O_RDONLY, RESOLVE_NO_XDEV));
	show(open2("r/f", O_RDONLY, RESOLVE_NO_XDEV));
	show(open2("/proc/self/exe", O_RDONLY, RESOLVE_NO_MAGICLINKS));
	show(open2("../../../r/f", O_RDONLY, RESOLVE_IN_ROOT));
	show(open2("/r/abs", O_RDONLY, RESOLVE_IN_ROOT));
	show(open2("/r/f", O_RDONLY, RESOLVE_IN_ROOT));
	show(open2("r/f", O_RDONLY, RESOLVE_IN_ROOT | RESOLVE_BENEATH));
	show(open2("r/f", O_RDONLY, 0x100));
	show(open2("r/f", 1ull << 40, 0));
	show(open2("r/f", O_RDONLY, RESOLVE_CACHED));
}

static void attributes(void)
{
	char buf[300];
	long n;

	title("extended attributes");
	touch("x", "");
	show(getxattr("x", "user.none", buf, 10));
	show(setxattr("x", "user.a", "value", 5, 0));
	show(setxattr("x", "user.a", "other!", 6, XATTR_CREATE));
	show(setxattr("x", "user.a", "other!", 6, XATTR_REPLACE));
	show(setxattr("x", "user.b", "", 0, XATTR_REPLACE));
	show(setxattr("x", "user.b", "", 0, 0));
	show(setxattr("x", "user.a", "z", 1, 4));
	show(setxattr("x", "trusted.t", "T", 1, 0));
	show(setxattr("x", "strange.t", "T", 1, 0));
	show(setxattr("x", "user.", "T", 1, 0));
	show(setxattr("x", "user", "T", 1, 0));
	show(setxattr("none", "user.a", "T", 1, 0));
	show(getxattr("x", "user.a", NULL, 0));
	show(getxattr("x", "user.a", buf, 3));
	show(getxattr("x", "user.a", buf, 300));
	printf("%.6s\n", buf);
	show(listxattr("x", NULL, 0));
	show(listxattr("x", buf, 5));
	show(n = listxattr("x", buf, 300));
	show(lgetxattr("x", "user.b", buf, 300));
	show(removexattr("x", "user.a"));
	show(removexattr("x", "user.a"));
	memset(buf, 'n', 256);
	memcpy(buf, "user.", 5);
	buf[255] = 0;
	show(setxattr("x", buf, "v", 1, 0));
	buf[255] = 'n';
	buf[256] = 0;
	show(setxattr("x", buf, "v", 1, 0));
	symlink("x", "xl");
	show(lsetxattr("xl", "user.a", "v", 1, 0));
	show(lsetxattr("xl", "trusted.a", "v", 1, 0));
	show(getxattr("xl", "user.b", buf, 300));
	show(lgetxattr("xl", "user.b", buf, 300));
	show(setxattr("x", "user.big", buf, 70000, 0));
	chmod("x", 0644);
	chmod(".", 0777);
	if (!fork()) {
		setuid(1000);
		show(getxattr("x", "user.b", buf, 300));
		show(getxattr("x", "trusted.t", buf, 300));
		show(setxattr("x", "user.c", "v", 1, 0));
		show(setxattr("x", "trusted.c", "v", 1, 0));
		show(n = listxattr("x", NULL, 0));
		_exit(0);
	}
	wait(NULL);
}

static void systems(void)
{
	struct statfs s;

	title("statfs");
	show(statfs(".", &s));
	printf("%ld %ld\n", (long)s.f_bsize, (long)s.f_namelen);
	show(statfs("none", &s));
	show(statfs("/proc", &s));
	printf("%lx %ld\n", (long)s.f_type, (long)s.f_blocks);
	show(fstatfs(99, &s));
}

int main(void)
{
	umask(022);
	renames();
	unnamed();
	holes();
	times();
	groups();
	directories();
	locks();
	resolving();
	(void)attributes;
	systems();
}
