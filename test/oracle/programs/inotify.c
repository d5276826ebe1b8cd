/* SPDX-License-Identifier: MIT */
/* inotify.c: what is told about files that are watched. */
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "check.h"

static int in;

static const char *names[32] = {
	"ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM", "MOVED_TO", "CREATE",
	"DELETE", "DELETE_SELF", "MOVE_SELF", NULL, "UNMOUNT", "Q_OVERFLOW", "IGNORED", [30] = "ISDIR",
};

/* Cookies are numbered as they come. */
static unsigned cookie_name(unsigned cookie)
{
	static unsigned seen[64], count;

	if (!cookie)
		return 0;
	for (unsigned i = 0; i < count; i++)
		if (seen[i] == cookie)
			return i + 1;
	seen[count++ % 64] = cookie;
	return count;
}

static void events(const char *what)
{
	static char buf[1 << 16];
	long n;

	printf("%s:\n", what);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (void *)p;

			printf("  %d", e->wd);
			for (int i = 0; i < 32; i++)
				if (e->mask & 1u << i)
					printf(" %s", names[i] ? names[i] : "?");
			printf(" cookie %u len %u", cookie_name(e->cookie), e->len);
			printf(e->len ? " '%s'\n" : "\n", e->name);
			p += sizeof(*e) + e->len;
		}
	fflush(stdout);
}

#define did(what) do { if ((long)(what) < 0) printf("%s\n", strerrorname_np(errno)); events(#what); } while (0)

static void touch(const char *path) { close(open(path, O_CREAT | O_WRONLY, 0644)); }

static void put(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY);

	write(fd, s, strlen(s));
	close(fd);
}

static void get(const char *path)
{
	char buf[10];
	int fd = open(path, O_RDONLY);

	read(fd, buf, sizeof(buf));
	read(fd, buf, sizeof(buf));
	close(fd);
}

static void arguments(void)
{
	title("arguments");
	show_fd(inotify_init1(1));
	show(inotify_add_watch(in, "none", IN_ALL_EVENTS));
	show(inotify_add_watch(in, "d", 0));
	show(inotify_add_watch(in, "d", 1 << 20));
	show(inotify_add_watch(0, "d", IN_ACCESS));
	show(inotify_add_watch(99, "d", IN_ACCESS));
	show(inotify_add_watch(in, "f", IN_ACCESS | IN_ONLYDIR));
	show(inotify_add_watch(in, (char *)8, IN_ACCESS));
	show(inotify_add_watch(in, "d", IN_ACCESS | IN_MASK_ADD | IN_MASK_CREATE));
	show(inotify_rm_watch(in, 1));
	show(inotify_rm_watch(0, 1));
	show(inotify_rm_watch(99, 1));
	if (!fork()) {
		setuid(1000);
		show(inotify_add_watch(in, "secret", IN_ACCESS));
		_exit(0);
	}
	wait(NULL);
}

static void files(void)
{
	int fd;

	title("a directory and a file in it");
	show(inotify_add_watch(in, "d", IN_ALL_EVENTS));
	did(0);
	did((touch("d/a"), 0));
	show(inotify_add_watch(in, "d/a", IN_ALL_EVENTS));
	did((put("d/a", "text"), 0));
	did((get("d/a"), 0));
	did(chmod("d/a", 0600));
	did(chown("d/a", 1, 1));
	did(truncate("d/a", 2));
	did(utimensat(AT_FDCWD, "d/a", NULL, 0));
	did(utimensat(AT_FDCWD, "d/a", (struct timespec[]){ { 1, 0 }, { 0, UTIME_OMIT } }, 0));
	did(utimensat(AT_FDCWD, "d/a", (struct timespec[]){ { 0, UTIME_OMIT }, { 1, 0 } }, 0));
	did(setxattr("d/a", "user.x", "v", 1, 0));
	did(removexattr("d/a", "user.x"));
	did(close(open("d/a", O_WRONLY | O_TRUNC)));
	did(access("d/a", R_OK));
	did((fd = open("d/a", O_RDWR)));
	did(ftruncate(fd, 100));
	did(fallocate(fd, 0, 0, 200));
	did(fchmod(fd, 0644));
	did(pwrite(fd, "x", 1, 0));
	did(close(dup(fd)));
	did(close(fd));
	did(close(open("d/a", O_PATH)));
	did(link("d/a", "d/b"));
	did(unlink("d/b"));
	did(rename("d/a", "d/c"));
	did((fd = open("d/c", O_RDONLY)));
	did(unlink("d/c"));
	did(fchmod(fd, 0600));
	did(close(fd));
}

static void names_(void)
{
	title("names");
	did(mkdir("d/s", 0755));
	did(symlink("nowhere", "d/l"));
	did(mkfifo("d/p", 0644));
	did(unlink("d/l"));
	did(unlink("d/p"));
	show(inotify_add_watch(in, "d/s", IN_ALL_EVENTS));
	did((touch("d/s/x"), 0));
	did(rename("d/s/x", "d/y"));
	did((touch("d/z"), 0));
	show(inotify_add_watch(in, "d/y", IN_ALL_EVENTS));
	did(rename("d/z", "d/y"));
	did((touch("d/z"), 0));
	did(renameat2(AT_FDCWD, "d/y", AT_FDCWD, "d/z", RENAME_EXCHANGE));
	did(rename("d/y", "out"));
	did(rename("out", "d/y"));
	did(unlink("d/y"));
	did(unlink("d/z"));
	did(rename("d/s", "d/t"));
	did(rmdir("d/t"));
	did(chmod("d", 0700));
}

static void masks(void)
{
	int wd, fd;

	title("masks");
	wd = inotify_add_watch(in, "d", IN_CREATE);
	show(inotify_add_watch(in, "d", IN_DELETE | IN_MASK_ADD) == wd);
	show(inotify_add_watch(in, "d", IN_DELETE | IN_MASK_CREATE));
	did((touch("d/m"), 0));
	did(unlink("d/m"));
	show(inotify_add_watch(in, "d", IN_CREATE | IN_ONESHOT) == wd);
	did((touch("d/m"), 0));
	did((touch("d/n"), 0));
	show(inotify_rm_watch(in, wd));
	show(inotify_add_watch(in, "d", IN_MODIFY | IN_EXCL_UNLINK) > wd);
	fd = open("d/m", O_WRONLY);
	did(write(fd, "x", 1));
	unlink("d/m");
	did(write(fd, "x", 1));
	close(fd);
	symlink("n", "d/l");
	wd = inotify_add_watch(in, "d/l", IN_ATTRIB | IN_DONT_FOLLOW);
	did(chmod("d/n", 0600));
	did(lchown("d/l", 1, 1));
	did(inotify_rm_watch(in, wd));
}

static void queue(void)
{
	struct pollfd p = { .events = POLLIN };
	char buf[100];
	int n, other = inotify_init1(IN_NONBLOCK);

	title("queue");
	p.fd = other;
	show(inotify_add_watch(other, "f", IN_MODIFY | IN_ATTRIB));
	show(poll(&p, 1, 0));
	show(read(other, buf, sizeof(buf)));
	chmod("f", 0600);
	chmod("f", 0600);
	put("f", "x");
	show(poll(&p, 1, 0));
	show(ioctl(other, FIONREAD, &n));
	printf("%d\n", n);
	show(read(other, buf, 15));
	show(read(other, buf, 17));
	show(read(other, buf, 100));
	show(write(other, buf, 1));
	show(lseek(other, 0, SEEK_SET));
	if (!fork()) {
		nap(20);
		chmod("f", 0644);
		_exit(0);
	}
	show(poll(&p, 1, 5000));
	wait(NULL);
	show(read(other, buf, 100));
	int events = 0, bytes, fd = open("f", O_WRONLY);
	for (int i = 0; i < 8300; i++) {
		fchmod(fd, 0600);
		pwrite(fd, "x", 1, 0);
	}
	static struct inotify_event all[20000], last;
	while ((bytes = read(other, all, sizeof(all))) > 0) {
		events += bytes / 16;
		last = all[bytes / 16 - 1];
	}
	close(fd);
	printf("%d events, last %d %x\n", events, last.wd, last.mask);
	chmod("f", 0644);
	show(read(other, buf, 100));
	close(other);
}

static void unmount(void)
{
	title("unmount");
	mkdir("m", 0755);
	mount("none", "m", "tmpfs", 0, NULL);
	touch("m/f");
	show(inotify_add_watch(in, "m/f", IN_ALL_EVENTS) > 0);
	did(umount("m"));
}

static void instances(void)
{
	int fds[140], n = 0;

	title("instances");
	while (n < 140 && (fds[n] = inotify_init()) >= 0)
		n++;
	printf("%d more, then %s\n", n, strerrorname_np(errno));
	while (n)
		close(fds[--n]);
}

int main(void)
{
	mkdir("w", 0755);
	mount("none", "w", "tmpfs", 0, NULL);
	chdir("w");
	umask(022);
	in = inotify_init1(IN_NONBLOCK);
	mkdir("d", 0755);
	touch("f");
	touch("secret");
	chmod("secret", 0600);
	arguments();
	files();
	names_();
	masks();
	queue();
	unmount();
	instances();
	close(in);
	chdir("..");
	return umount("w");
}
