/* SPDX-License-Identifier: MIT */
/* caps.c: capabilities of processes: who has them, loses them, and what that forbids. */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include "check.h"

static void show_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 9, 9, 9 }, { 9, 9, 9 } };

	show(syscall(SYS_capget, &h, d));
	for (int i = 0; i < 2; i++)
		printf(" %x %x %x", d[i].effective, d[i].permitted, d[i].inheritable);
	printf("\n");
	fflush(stdout);
}

static long set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ effective, permitted, inheritable }, { effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	return syscall(SYS_capset, &h, d);
}

static void status(void)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNew", 5))
			fputs(line, stdout);
	fclose(f);
	fflush(stdout);
}

#define CHILD(body) do { fflush(stdout); if (!fork()) { body; fflush(stdout); _exit(0); } wait(NULL); } while (0)

static void arguments(void)
{
	struct __user_cap_header_struct h = { 5, 0 };
	struct __user_cap_data_struct d[2];

	title("arguments");
	show(syscall(SYS_capget, &h, d));
	printf("%x\n", h.version);
	h.version = 7;
	show(syscall(SYS_capget, &h, NULL));
	show(syscall(SYS_capget, (void *)8, d));
	h.version = _LINUX_CAPABILITY_VERSION_1;
	show(syscall(SYS_capget, &h, d));
	h.pid = -1;
	show(syscall(SYS_capget, &h, d));
	h.pid = 999999;
	show(syscall(SYS_capget, &h, d));
	h.pid = 999999;
	show(syscall(SYS_capset, &h, d));
	h.pid = getpid();
	show(syscall(SYS_capget, &h, (void *)8));
}

static void as_user(void)
{
	show(setuid(1000));
	show_caps();
	show(set(1, 1, 0));
	show(set(0, 0, 1));
	show(setuid(0));
	show(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
	show(sethostname("x", 1));
}

static void dropped(void)
{
	show(set(1 << CAP_SETUID, 1 << CAP_SETUID | 1 << CAP_SETPCAP, 1 << CAP_CHOWN));
	show_caps();
	show(set(1 << CAP_KILL, 1 << CAP_KILL, 0));
	show(set(1 << CAP_SETPCAP, 1 << CAP_SETUID, 0));
	show(mount("none", "/tmp", "tmpfs", 0, NULL));
	show(chroot("/"));
	show(sethostname("x", 1));
	show(setgid(5));
	show(setresuid(7, 8, 9));
	show_caps();
}

static void fixup(void)
{
	show(seteuid(1000));
	show_caps();
	show(seteuid(0));
	show_caps();
	show(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	show(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
	show(setresuid(1000, 1000, 1000));
	show_caps();
	show(set(1 << CAP_SETUID, 1 << CAP_SETUID, 0));
	show(setresuid(0, 0, 0));
	show_caps();
}

static void bounding(void)
{
	show(prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0));
	show(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0));
	show(prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0));
	show(prctl(PR_CAPBSET_READ, 41, 0, 0, 0));
	show(prctl(PR_CAPBSET_DROP, 63, 0, 0, 0));
	show(set(1, 1, 1 << CAP_KILL));
	status();
}

static void ambient(void)
{
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	show(set(~0ull, ~0ull, 1 << CAP_CHOWN));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 1, 0));
	show(prctl(PR_CAP_AMBIENT, 9, CAP_CHOWN, 0, 0));
	status();
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
	show(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

static void secure(void)
{
	show(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	show(prctl(PR_SET_SECUREBITS, 1 << 20, 0, 0, 0));
	show(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0, 0));
	show(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
	show(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0, 0));
	show(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	show(setuid(1000));
	show_caps();
}

static void program(const char *me, int uid, uint64_t keep)
{
	if (keep) {
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		setresuid(uid, uid, uid);
		set(keep, keep, keep);
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
	} else if (uid) {
		setresuid(uid, 0, 0);
	}
	execl(me, me, "show", NULL);
	printf("exec: %s\n", strerrorname_np(errno));
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		status();
		return 0;
	}
	arguments();
	title("as root");
	show_caps();
	status();
	title("as a user");
	CHILD(as_user());
	title("dropped");
	CHILD(dropped());
	title("fixup");
	CHILD(fixup());
	title("bounding");
	CHILD(bounding());
	title("ambient");
	CHILD(ambient());
	title("secure");
	CHILD(secure());
	title("exec by root, by euid 0, by a user");
	CHILD(program("/proc/self/exe", 0, 0));
	CHILD(program("/proc/self/exe", 5, 0));
	CHILD(program("/proc/self/exe", 1000, 1 << CAP_NET_ADMIN | 1 << CAP_CHOWN));
	return 0;
}
