/* SPDX-License-Identifier: MIT */
/* xattr.c: extended attributes of files in memory, for the superuser and for others. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "check.h"

static void show_value(const char *path, const char *name)
{
	char buf[64] = "";
	long n = getxattr(path, name, buf, sizeof(buf));

	if (n < 0)
		printf("%s %s: %s\n", path, name, strerrorname_np(errno));
	else
		printf("%s %s: %ld '%.*s'\n", path, name, n, (int)n, buf);
	fflush(stdout);
}

static void show_list(const char *path)
{
	char buf[4096];
	long n = listxattr(path, buf, sizeof(buf));

	printf("%s: %ld:", path, n);
	for (char *s = buf; n > 0 && s < buf + n; s += strlen(s) + 1)
		printf(" %s", s);
	printf("\n");
	fflush(stdout);
}

static void basics(void)
{
	char buf[8];
	int fd = open("f", O_CREAT | O_RDWR, 0644);

	title("basics");
	show(setxattr("f", "user.b", "two", 3, 0));
	show(setxattr("f", "user.a", "one", 3, XATTR_CREATE));
	show(setxattr("f", "user.a", "1", 1, XATTR_CREATE));
	show(setxattr("f", "user.a", "uno", 3, XATTR_REPLACE));
	show(setxattr("f", "user.c", "x", 1, XATTR_REPLACE));
	show(setxattr("f", "user.empty", NULL, 0, 0));
	show(fsetxattr(fd, "user.fd", "fd", 2, 0));
	show_value("f", "user.a");
	show_value("f", "user.empty");
	show_value("f", "user.none");
	show(fgetxattr(fd, "user.b", buf, 2));
	show(fgetxattr(fd, "user.b", NULL, 0));
	show(flistxattr(fd, NULL, 0));
	show(flistxattr(fd, buf, 4));
	show_list("f");
	show(removexattr("f", "user.b"));
	show(removexattr("f", "user.b"));
	show(fremovexattr(fd, "user.fd"));
	show_list("f");
	close(fd);
}

static void refusals(void)
{
	static char big[70000], name[300];

	title("refusals");
	show(setxattr("f", "user.x", "v", 1, 3));
	show(setxattr("f", "user.x", "v", 1, 4));
	show(setxattr("f", "", "v", 1, 0));
	show(setxattr("f", "user.", "v", 1, 0));
	show(setxattr("f", "nothing", "v", 1, 0));
	show(setxattr("f", "other.x", "v", 1, 0));
	show(getxattr("f", "other.x", NULL, 0));
	show(setxattr("f", "user.x", big, 65537, 0));
	show(setxattr("f", "user.x", (void *)8, 4, 0));
	show(setxattr("none", "user.x", "v", 1, 0));
	show(setxattr("f", (char *)8, "v", 1, 0));
	show(getxattr("f", (char *)8, big, 1));
	show(fsetxattr(-1, "user.x", "v", 1, 0));
	memset(name, 'n', sizeof(name) - 1);
	memcpy(name, "user.", 5);
	show(setxattr("f", name, "v", 1, 0));
	name[255] = 0;
	show(setxattr("f", name, "v", 1, 0));
	name[254] = 0;
	show(getxattr("f", name, big, 1));
	show(setxattr("f", "user.big", big, 60000, 0));
	show(getxattr("f", "user.big", big, sizeof(big)));
	show(getxattr("f", "user.big", (void *)8, 65536));
	show(removexattr("f", "user.big"));
	int path = open("f", O_PATH), ro = open("f", O_RDONLY);
	show(fsetxattr(path, "user.p", "v", 1, 0));
	show(fgetxattr(path, "user.a", big, 8));
	show(fsetxattr(ro, "user.ro", "v", 1, 0));
	show(setxattr("/proc/self/stat", "user.x", "v", 1, 0));
	show(listxattr("/proc/self/stat", big, 8));
}

static void kinds(void)
{
	title("kinds");
	show(mkdir("d", 0755));
	show(symlink("f", "l"));
	show(mkfifo("p", 0644));
	show(setxattr("d", "user.x", "v", 1, 0));
	show(setxattr("l", "user.l", "v", 1, 0));
	show(lsetxattr("l", "user.l", "v", 1, 0));
	show(lgetxattr("l", "user.l", NULL, 0));
	show(lsetxattr("l", "trusted.l", "v", 1, 0));
	show(lgetxattr("l", "trusted.l", NULL, 0));
	show(lremovexattr("l", "trusted.l"));
	show(llistxattr("l", NULL, 0));
	show(setxattr("p", "user.x", "v", 1, 0));
	show(setxattr("p", "security.x", "v", 1, 0));
	show(setxattr("f", "security.x", "sec", 3, 0));
	show(setxattr("f", "trusted.x", "tru", 3, 0));
	show_list("f");
	show_list("p");
	show_list("d");
}

static void others(void)
{
	title("others");
	show(mkdir("s", 01777));
	show(chmod("s", 01777));
	show(chmod("f", 0644));
	if (!fork()) {
		setgid(1000);
		setuid(1000);
		show_value("f", "user.a");
		show_value("f", "trusted.x");
		show_value("f", "security.x");
		show(setxattr("f", "user.a", "v", 1, 0));
		show(setxattr("f", "trusted.x", "v", 1, 0));
		show(setxattr("f", "security.x", "v", 1, 0));
		show(removexattr("f", "security.x"));
		show(removexattr("f", "trusted.x"));
		show(removexattr("f", "user.a"));
		show(setxattr("s", "user.a", "v", 1, 0));
		show_list("f");
		_exit(0);
	}
	wait(NULL);
	show(chmod("f", 0600));
	if (!fork()) {
		setuid(1000);
		show_value("f", "user.a");
		show_value("f", "security.x");
		_exit(0);
	}
	wait(NULL);
}

static void follow(void)
{
	title("rename and link keep them, a copy does not");
	show(rename("f", "g"));
	show(link("g", "h"));
	show_list("h");
	show(unlink("g"));
	show_value("h", "user.a");
}

int main(void)
{
	show(mkdir("m", 0755));
	show(mount("none", "m", "tmpfs", 0, "mode=755"));
	show(chdir("m"));
	basics();
	refusals();
	kinds();
	others();
	follow();
	chdir("..");
	show(umount("m"));
	return 0;
}
