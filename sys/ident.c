/* SPDX-License-Identifier: MIT */
/*
 * sys/ident.c: who a program is and where it runs: user and group ids, host name, machine, usage.
 * Ids belong to the process; fs_context.fsuid follows the effective id, for file checks.
 */
#include <string.h>
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include "core/time.h"
#include "lib/print.h"
#include "lib/text.h"
#include "lib/timespec.h"
#include "mem/user.h"
#include "fs/procfs.h"
#include "proc/job.h"
#include "proc/private.h"
#include "proc/process.h"
#include "sys/table.h"

#define KEEP	(~0u)		/* "-1": leave this id as it is */

/* --- ids ------------------------------------------------------------------------------------------ */

static async long sys_getuid(struct co *co, const u64 *a) { return process_current()->uid; }
static async long sys_geteuid(struct co *co, const u64 *a) { return process_current()->euid; }
static async long sys_getgid(struct co *co, const u64 *a) { return process_current()->gid; }
static async long sys_getegid(struct co *co, const u64 *a) { return process_current()->egid; }

struct ids { u32 real, effective, saved; };

static struct ids users(const struct process *p) { return (struct ids){ p->uid, p->euid, p->suid }; }
static struct ids groups(const struct process *p) { return (struct ids){ p->gid, p->egid, p->sgid }; }

static long set_users(struct ids i)
{
	struct process *p = process_current();
	struct user_ids old = { p->uid, p->euid, p->suid };

	p->uid = i.real;
	p->suid = i.saved;
	p->euid = thread_current()->fs->fsuid = i.effective;
	caps_set_users(p, old);
	return 0;
}

static long set_groups(struct ids i)
{
	struct process *p = process_current();

	p->gid = i.real;
	p->sgid = i.saved;
	p->egid = thread_current()->fs->fsgid = i.effective;
	return 0;
}

static bool may_become(const struct ids *i, u32 id, u32 cap)
{
	return id == KEEP || id == i->real || id == i->effective || id == i->saved || capable(cap);
}

/* setuid and setgid. */
static long change_one(struct ids *i, u32 id, u32 cap)
{
	if (id == KEEP)
		return -EINVAL;
	if (capable(cap))
		*i = (struct ids){ id, id, id };
	else if (id == i->real || id == i->saved)
		i->effective = id;
	else
		return -EPERM;
	return 0;
}

/* setreuid and setregid: the saved id follows when the real one is set or the effective one
 * becomes something else than the real one was. */
static long change_two(struct ids *i, u32 real, u32 effective, u32 cap)
{
	struct ids old = *i;

	if ((real != KEEP && real != old.real && real != old.effective && !capable(cap)) ||
	    !may_become(&old, effective, cap))
		return -EPERM;
	if (real != KEEP)
		i->real = real;
	if (effective != KEEP)
		i->effective = effective;
	if (real != KEEP || (effective != KEEP && effective != old.real))
		i->saved = i->effective;
	return 0;
}

static long change_three(struct ids *i, const u64 *a, u32 cap)
{
	u32 real = a[0], effective = a[1], saved = a[2];

	if (!may_become(i, real, cap) || !may_become(i, effective, cap) || !may_become(i, saved, cap))
		return -EPERM;
	if (real != KEEP)
		i->real = real;
	if (effective != KEEP)
		i->effective = effective;
	if (saved != KEEP)
		i->saved = saved;
	return 0;
}

static async long sys_setuid(struct co *co, const u64 *a)
{
	struct ids i = users(process_current());
	long r = change_one(&i, a[0], CAP_SETUID);

	return r ? r : set_users(i);
}

static async long sys_setgid(struct co *co, const u64 *a)
{
	struct ids i = groups(process_current());
	long r = change_one(&i, a[0], CAP_SETGID);

	return r ? r : set_groups(i);
}

static async long sys_setreuid(struct co *co, const u64 *a)
{
	struct ids i = users(process_current());
	long r = change_two(&i, a[0], a[1], CAP_SETUID);

	return r ? r : set_users(i);
}

static async long sys_setregid(struct co *co, const u64 *a)
{
	struct ids i = groups(process_current());
	long r = change_two(&i, a[0], a[1], CAP_SETGID);

	return r ? r : set_groups(i);
}

static async long sys_setresuid(struct co *co, const u64 *a)
{
	struct ids i = users(process_current());
	long r = change_three(&i, a, CAP_SETUID);

	return r ? r : set_users(i);
}

static async long sys_setresgid(struct co *co, const u64 *a)
{
	struct ids i = groups(process_current());
	long r = change_three(&i, a, CAP_SETGID);

	return r ? r : set_groups(i);
}

static async long put_ids(struct ids i, const u64 *a)
{
	long r;

	if ((r = user_put(a[0], i.real)) || (r = user_put(a[1], i.effective)))
		return r;
	return user_put(a[2], i.saved);
}

static async long sys_getresuid(struct co *co, const u64 *a)
{
	return put_ids(users(process_current()), a);
}

static async long sys_getresgid(struct co *co, const u64 *a)
{
	return put_ids(groups(process_current()), a);
}

/* Both return the old id, and never fail. */
static async long sys_setfsuid(struct co *co, const u64 *a)
{
	struct fs_context *fs = thread_current()->fs;
	struct ids i = users(process_current());
	u32 old = fs->fsuid;

	if ((u32)a[0] != KEEP && may_become(&i, a[0], CAP_SETUID))
		fs->fsuid = a[0];
	return old;
}

static async long sys_setfsgid(struct co *co, const u64 *a)
{
	struct fs_context *fs = thread_current()->fs;
	struct ids i = groups(process_current());
	u32 old = fs->fsgid;

	if ((u32)a[0] != KEEP && may_become(&i, a[0], CAP_SETGID))
		fs->fsgid = a[0];
	return old;
}

static async long sys_getgroups(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	s32 room = a[0];
	long r;

	if (room < 0 || (room && room < (s32)p->group_count))
		return -EINVAL;
	if (room && (r = user_write(a[1], p->groups, p->group_count * sizeof(u32))))
		return r;
	return p->group_count;
}

static async long sys_setgroups(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	u32 n = a[0], new[ARRAY_SIZE(p->groups)];
	long r;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (n > ARRAY_SIZE(new))
		return n > 65536 ? -EINVAL : syscall_refuse(-EINVAL, "number of groups", n);
	if ((r = user_read(new, a[1], n * sizeof(u32))))
		return r;
	memcpy(p->groups, new, n * sizeof(u32));
	p->group_count = n;
	fs_context_set_groups(thread_current()->fs, new, n);
	return 0;
}

/* --- the machine ------------------------------------------------------------------------------------- */

extern const char build_id[];

#define RELEASE LINUX_RELEASE

/* /proc/version */
long version_text(struct text *t)
{
	text_add(t, "Linux version " RELEASE " (weir) #1 Weir %s\n", build_id);
	return 0;
}

static async long sys_uname(struct co *co, const u64 *a)
{
	struct job *j = process_current()->job;
	struct new_utsname u;

	memset(&u, 0, sizeof(u));
	snprint(u.sysname, sizeof(u.sysname), "Linux");
	snprint(u.nodename, sizeof(u.nodename), "%s", j->nodename);
	snprint(u.release, sizeof(u.release), RELEASE);
	snprint(u.version, sizeof(u.version), "#1 Weir %s", build_id);
	snprint(u.machine, sizeof(u.machine), "%s", MACHINE_NAME);
	snprint(u.domainname, sizeof(u.domainname), "%s", j->domainname);
	return user_put(a[0], u);
}

/* The names are the job's own: other jobs keep theirs. */
static async long set_name(char *name, const u64 *a)
{
	char new[65] = "";
	long r;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (a[1] >= sizeof(new))
		return -EINVAL;
	if ((r = user_read(new, a[0], a[1])))
		return r;
	memcpy(name, new, sizeof(new));
	return 0;
}

static async long sys_sethostname(struct co *co, const u64 *a)
{
	return set_name(process_current()->job->nodename, a);
}

static async long sys_setdomainname(struct co *co, const u64 *a)
{
	return set_name(process_current()->job->domainname, a);
}

static async long sys_sysinfo(struct co *co, const u64 *a)
{
	struct procfs_totals sum = { 0 };
	struct sysinfo s;

	memset(&s, 0, sizeof(s));
	s.uptime = clock_now() / NSEC_PER_SEC;
	s.totalram = page_total_count() << PAGE_SHIFT;
	s.freeram = page_free_count() << PAGE_SHIFT;
	s.sharedram = fs_memory_pages() << PAGE_SHIFT;
	load_totals(&sum);
	for (u32 i = 0; i < 3; i++)
		s.loads[i] = sum.load[i] << (SI_LOAD_SHIFT - 11);
	s.procs = min(process_count(), 0xffffu);
	s.mem_unit = 1;
	return user_put(a[0], s);
}

static void usage_times(struct rusage *u, u64 user, u64 kernel)
{
	struct timeval_k ut = ns_timeval(user), kt = ns_timeval(kernel);

	u->ru_utime.tv_sec = ut.sec;
	u->ru_utime.tv_usec = ut.usec;
	u->ru_stime.tv_sec = kt.sec;
	u->ru_stime.tv_usec = kt.usec;
}

static async long sys_getrusage(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct rusage u;
	u64 user, kernel;
	s32 who = a[0];

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return -EINVAL;
	memset(&u, 0, sizeof(u));
	process_times(p, &user, &kernel);
	if (who == RUSAGE_CHILDREN)
		usage_times(&u, p->child_user_ns, p->child_kernel_ns);
	else
		usage_times(&u, user, kernel);
	if (who != RUSAGE_CHILDREN) {
		u.ru_maxrss = p->vm->peak_resident << PAGE_SHIFT >> 10;
		u.ru_minflt = atomic_load(&p->vm->faults);
	}
	return user_put(a[1], u);
}

/* The kernel's log is not the programs' business. */
static async long sys_syslog(struct co *co, const u64 *a) { return -EPERM; }

enum { MEMBARRIER_QUERY = 0 };

static async long sys_membarrier(struct co *co, const u64 *a)
{
	return (s32)a[0] == MEMBARRIER_QUERY && !a[1] ? 0 : -EINVAL;	/* 0: no command is there */
}

const struct syscall ident_calls[] = {
	ROW(getuid, 0, 0, ""),
	ROW(geteuid, 0, 0, ""),
	ROW(getgid, 0, 0, ""),
	ROW(getegid, 0, 0, ""),
	ROW(setuid, 1, 0, "d"),
	ROW(setgid, 1, 0, "d"),
	ROW(setreuid, 2, 0, "dd"),
	ROW(setregid, 2, 0, "dd"),
	ROW(setresuid, 3, 0, "ddd"),
	ROW(setresgid, 3, 0, "ddd"),
	ROW(getresuid, 3, 0, "ppp"),
	ROW(getresgid, 3, 0, "ppp"),
	ROW(setfsuid, 1, 0, "d"),
	ROW(setfsgid, 1, 0, "d"),
	ROW(getgroups, 2, 0, "dp"),
	ROW(setgroups, 2, 0, "dp"),
	ROW(uname, 1, 0, "p"),
	ROW(sethostname, 2, 0, "pu"),
	ROW(setdomainname, 2, 0, "pu"),
	ROW(sysinfo, 1, 0, "p"),
	ROW(getrusage, 2, 0, "dp"),
	ROW(syslog, 3, 0, "dpd"),
	ROW(membarrier, 3, 0, "dud"),
	{ 0 },
};
