// SPDX-License-Identifier: MIT
/*
 * procstate.c: the smaller files of /proc/PID: what limits a process, who owns it, how it would fare when
 * memory runs out.  Each is called with the process, counted; nothing here waits or locks.
 */
#include "lib/text.h"
#include "mem/page.h"
#include "proc/private.h"

static const struct { const char *name, *unit; } limit_names[] = {
	{ "Max cpu time", "seconds" },	     { "Max file size", "bytes" },
	{ "Max data size", "bytes" },	     { "Max stack size", "bytes" },
	{ "Max core file size", "bytes" },   { "Max resident set", "bytes" },
	{ "Max processes", "processes" },    { "Max open files", "files" },
	{ "Max locked memory", "bytes" },    { "Max address space", "bytes" },
	{ "Max file locks", "locks" },	     { "Max pending signals", "signals" },
	{ "Max msgqueue size", "bytes" },    { "Max nice priority", "" },
	{ "Max realtime priority", "" },     { "Max realtime timeout", "us" },
};

static void put_limit(struct text *t, u64 v)
{
	if (v == UINT64_MAX)
		text_add(t, "%-20s ", "unlimited");
	else
		text_add(t, "%-20lu ", v);
}

static long put_limits(struct text *t, struct process *p)
{
	text_add(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < ARRAY_SIZE(limit_names); i++) {
		text_add(t, "%-25s ", limit_names[i].name);
		put_limit(t, p->limits[i].cur);
		put_limit(t, p->limits[i].max);
		text_add(t, "%-10s\n", limit_names[i].unit);
	}
	return 0;
}

/* 0 to 1000 as Linux shows it: thousandths of memory it would give back, two thirds of them above 667. */
static long put_oom_score(struct text *t, struct process *p)
{
	u64 pages = 0;
	{
		guard(&p->lock);
		if (p->vm)
			pages = p->vm->resident;
	}
	text_add(t, "%lu\n", (1000 + min(pages * 1000 / page_total_count(), 1000ul)) * 2 / 3);
	return 0;
}

static long put_zero(struct text *t, struct process *p)
{
	text_add(t, "0\n");
	return 0;
}

static long put_nobody(struct text *t, struct process *p)
{
	text_add(t, "%u", UINT32_MAX);
	return 0;
}

static long put_personality(struct text *t, struct process *p)
{
	text_add(t, "%08x\n", 0);
	return 0;
}

static long put_cgroup(struct text *t, struct process *p)
{
	text_add(t, "0::/\n");
	return 0;
}

long proc_limits(s32 pid, struct text *t) { return procinfo_put(pid, t, put_limits); }
long proc_oom_score(s32 pid, struct text *t) { return procinfo_put(pid, t, put_oom_score); }
long proc_zero(s32 pid, struct text *t) { return procinfo_put(pid, t, put_zero); }
long proc_nobody(s32 pid, struct text *t) { return procinfo_put(pid, t, put_nobody); }
long proc_personality(s32 pid, struct text *t) { return procinfo_put(pid, t, put_personality); }
long proc_cgroup(s32 pid, struct text *t) { return procinfo_put(pid, t, put_cgroup); }
