// SPDX-License-Identifier: MIT
/* system.c: files of /proc about the machine, as far as fs/ can tell.  proc/ adds the others. */
#include "core/cpu.h"
#include "core/time.h"
#include "fs/path.h"
#include "fs/procfs/private.h"
#include "lib/text.h"
#include "mem/heap.h"

static u64 kib(u64 page_count) { return page_count << (PAGE_SHIFT - 10); }

static long meminfo(struct text *t)
{
	u64 total = page_total_count(), free = page_free_count(), cached = fs_memory_pages();

	text_add(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
		 kib(total), kib(free), kib(free));
	text_add(t, "Buffers:        %8lu kB\nCached:         %8lu kB\nSwapCached:     %8lu kB\n",
		 0ul, kib(cached), 0ul);
	text_add(t, "SwapTotal:      %8lu kB\nSwapFree:       %8lu kB\nShmem:          %8lu kB\n",
		 0ul, 0ul, kib(cached));
	text_add(t, "Slab:           %8lu kB\nSReclaimable:   %8lu kB\n", kib(heap_frames()), 0ul);
	return 0;
}

static long uptime(struct text *t)
{
	u64 cs = clock_now() / (NSEC_PER_SEC / 100);

	text_add(t, "%lu.%02lu %lu.%02lu\n", cs / 100, cs % 100, 0ul, 0ul);
	return 0;
}

static long loadavg(struct text *t)
{
	text_add(t, "0.00 0.00 0.00 1/1 %d\n", processes ? processes->self() : 0);
	return 0;
}

static long cpuinfo(struct text *t)
{
	for (u32 i = 0; i < cpu_count; i++)
		text_add(t, "processor\t: %u\nhart\t\t: %u\n\n", i, cpus[i].hart);
	return 0;
}

static long stat(struct text *t)
{
	u64 ticks = clock_now() / (NSEC_PER_SEC / 100), irqs = 0, switches = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		irqs += cpus[i].count.irqs;
		switches += cpus[i].count.polls;
	}
	text_add(t, "cpu  0 0 0 %lu 0 0 0 0 0 0\n", ticks * cpu_count);
	for (u32 i = 0; i < cpu_count; i++)
		text_add(t, "cpu%u 0 0 0 %lu 0 0 0 0 0 0\n", i, ticks);
	text_add(t, "intr %lu\nctxt %lu\nbtime %lu\n", irqs, switches,
		 (clock_real() - clock_now()) / NSEC_PER_SEC);
	text_add(t, "processes 0\nprocs_running 1\nprocs_blocked 0\n");
	return 0;
}

void procfs_system_add(void)
{
	procfs_add("meminfo", meminfo);
	procfs_add("uptime", uptime);
	procfs_add("loadavg", loadavg);
	procfs_add("cpuinfo", cpuinfo);
	procfs_add("stat", stat);
	procfs_add("filesystems", filesystems_text);
}
