/* SPDX-License-Identifier: MIT */
/* sysctl.c: settings of /proc/sys that say the same everywhere, and that they are files. */
#include <dirent.h>
#include <sys/stat.h>
#include "check.h"

static void say(const char *path)
{
	char buf[100] = "";
	int fd = open(path, O_RDONLY);
	long n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	printf("%s: %ld %s", path, n, n > 0 ? buf : "\n");
	close(fd);
	fflush(stdout);
}

int main(void)
{
	struct stat s;
	DIR *d;

	chdir("/proc/sys");
	say("kernel/ostype");
	say("kernel/cap_last_cap");
	say("kernel/pid_max");
	say("kernel/tainted");
	say("fs/mqueue/msg_max");
	say("fs/mqueue/msgsize_max");
	say("fs/inotify/max_queued_events");
	say("kernel/msgmax");
	say("kernel/none");
	say("kernel/ostype/none");
	say("kernel");
	show(stat("kernel/ostype", &s));
	printf("%o %ld\n", s.st_mode, (long)s.st_size);
	show(stat("kernel", &s));
	printf("%o\n", s.st_mode);
	show_fd(open("kernel/new", O_CREAT | O_WRONLY, 0644));
	d = opendir("kernel/random");
	for (struct dirent *e; d && (e = readdir(d));)
		if (!strcmp(e->d_name, "uuid") || !strcmp(e->d_name, "boot_id"))
			printf("%s %d\n", "an id", e->d_type);
	say("kernel/random/poolsize");
	return 0;
}
