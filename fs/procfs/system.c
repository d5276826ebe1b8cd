// SPDX-License-Identifier: MIT
/* system.c: files of /proc about the machine, as far as fs/ can tell.  proc/ adds the others. */
#include "core/cpu.h"
#include "core/time.h"
#include "dev/blk.h"
#include "fs/path.h"
#include "fs/procfs/private.h"
#include "lib/text.h"
#include "mem/cache.h"
#include "mem/heap.h"

static u64 kib(u64 page_count) { return page_count << (PAGE_SHIFT - 10); }

static long meminfo(struct text *t)
{
	u64 total = page_total_count(), free = page_free_count(), memory = fs_memory_pages();
	u64 cached = cache_page_count(), dirty = cache_dirty_count();

	text_add(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
		 kib(total), kib(free), kib(free + cached - min(dirty, cached)));
	text_add(t, "Buffers:        %8lu kB\nCached:         %8lu kB\nSwapCached:     %8lu kB\n",
		 0ul, kib(memory + cached), 0ul);
	text_add(t, "SwapTotal:      %8lu kB\nSwapFree:       %8lu kB\nShmem:          %8lu kB\n",
		 0ul, 0ul, kib(memory));
	text_add(t, "Dirty:          %8lu kB\n", kib(dirty));
	text_add(t, "Slab:           %8lu kB\nSReclaimable:   %8lu kB\n", kib(heap_frames()), 0ul);
	return 0;
}

/* What we count of what Linux does. */
static long vmstat(struct text *t)
{
	u64 in = 0, out = 0;

	for (struct blk *b = blk_next(NULL); b; b = blk_next(b)) {
		in += b->count[BLK_READ].bytes;
		out += b->count[BLK_WRITE].bytes;
	}
	text_add(t, "nr_free_pages %lu\nnr_file_pages %lu\nnr_dirty %lu\nnr_shmem %lu\n", page_free_count(),
		 fs_memory_pages() + cache_page_count(), cache_dirty_count(), fs_memory_pages());
	text_add(t, "pgpgin %lu\npgpgout %lu\npswpin 0\npswpout 0\n", in >> 10, out >> 10);
	return 0;
}

/* There is none. */
static long swaps(struct text *t)
{
	text_add(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static u64 idle_ns(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < cpu_count; i++)
		sum += cpus[i].count.idle_ns;
	return sum;
}

enum { CS = NSEC_PER_SEC / 100 };		/* a hundredth of a second, the unit of /proc */

static long uptime(struct text *t)
{
	u64 up = clock_now() / CS, idle = idle_ns() / CS;

	text_add(t, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
	return 0;
}

static struct procfs_totals totals(void)
{
	struct procfs_totals sum = { 0 };

	if (processes)
		processes->totals(&sum);
	return sum;
}

static long loadavg(struct text *t)
{
	struct procfs_totals sum = totals();

	for (u32 i = 0; i < 3; i++)
		text_add(t, "%lu.%02lu ", sum.load[i] >> 11, (sum.load[i] & 2047) * 100 >> 11);
	text_add(t, "%u/%u %d\n", sum.running, sum.threads, sum.last_pid);
	return 0;
}

static long cpuinfo(struct text *t)
{
	for (u32 i = 0; i < cpu_count; i++)
		text_add(t, "processor\t: %u\nhart\t\t: %u\n\n", i, cpus[i].hart);
	return 0;
}

/* Time that is neither a program's nor idle is the kernel's.  One line for all harts and, as programs
 * wander, the average for each. */
static void cpu_times(struct text *t, const struct procfs_totals *sum)
{
	u64 all = clock_now() * cpu_count, idle = min(idle_ns(), all);
	u64 user = min(sum->user_ns, all - idle), n = (u64)cpu_count * CS;

	text_add(t, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user / CS, (all - idle - user) / CS, idle / CS);
	for (u32 i = 0; i < cpu_count; i++)
		text_add(t, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", i, user / n, (all - idle - user) / n,
			 idle / n);
}

static long stat(struct text *t)
{
	struct procfs_totals sum = totals();
	u64 irqs = 0, switches = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		irqs += cpus[i].count.irqs;
		switches += cpus[i].count.polls;
	}
	cpu_times(t, &sum);
	text_add(t, "intr %lu\nctxt %lu\nbtime %lu\n", irqs, switches,
		 (clock_real() - clock_now()) / NSEC_PER_SEC);
	text_add(t, "processes %lu\nprocs_running %u\nprocs_blocked 0\n", sum.created, sum.running);
	return 0;
}

/* Ours, not Linux's: what the executor counted. */
static long harts(struct text *t)
{
	text_add(t, "hart   switches      wakes     steals       ipis interrupts      idles        idle_ns\n");
	for (u32 i = 0; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];

		text_add(t, "%4u %10lu %10lu %10lu %10lu %10lu %10lu %14lu\n", i, c->count.polls, c->count.wakes,
			 c->count.steals, c->count.ipis, c->count.irqs, c->count.idles, c->count.idle_ns);
	}
	return 0;
}

/* --- disks ------------------------------------------------------------------------------------ */

static u32 major(u32 dev) { return dev >> 8 & 0xfff; }
static u32 minor(u32 dev) { return (dev & 0xff) | (dev >> 12 & ~0xffu); }

static long partitions(struct text *t)
{
	text_add(t, "major minor  #blocks  name\n\n");
	for (struct blk *b = blk_next(NULL); b; b = blk_next(b))
		if (b->size)
			text_add(t, "%4u  %7u %10lu %s\n", major(b->rdev), minor(b->rdev), b->size >> 10,
				 b->name);
	return 0;
}

/* Time is the sum over requests: how long a disk was busy at all is not measured. */
static long diskstats(struct text *t)
{
	enum { MS = NSEC_PER_SEC / 1000 };

	for (struct blk *b = blk_next(NULL); b; b = blk_next(b)) {
		const struct blk_count *r = &b->count[BLK_READ], *w = &b->count[BLK_WRITE],
				       *f = &b->count[BLK_FLUSH], *d = &b->count[BLK_DISCARD];
		u64 ms = (r->ns + w->ns) / MS;

		text_add(t, "%4u %7u %s %lu 0 %lu %lu %lu 0 %lu %lu %lu %lu %lu", major(b->rdev),
			 minor(b->rdev), b->name, r->ios, r->bytes >> 9, r->ns / MS, w->ios, w->bytes >> 9,
			 w->ns / MS, atomic_load(&b->in_flight), ms, ms);
		text_add(t, " %lu 0 %lu %lu %lu %lu\n", d->ios, d->bytes >> 9, d->ns / MS, f->ios,
			 f->ns / MS);
	}
	return 0;
}

void procfs_system_add(void)
{
	procfs_add("partitions", partitions);
	procfs_add("diskstats", diskstats);
	procfs_add("weir/harts", harts);
	procfs_add("meminfo", meminfo);
	procfs_add("vmstat", vmstat);
	procfs_add("swaps", swaps);
	procfs_add("uptime", uptime);
	procfs_add("loadavg", loadavg);
	procfs_add("cpuinfo", cpuinfo);
	procfs_add("stat", stat);
	procfs_add("filesystems", filesystems_text);
}
