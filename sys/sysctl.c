/* SPDX-License-Identifier: MIT */
/* sysctl.c: what /proc/sys says.  Nothing can be set there. */
#include "dev/driver.h"
#include "fs/notify.h"
#include "fs/procfs.h"
#include "lib/text.h"
#include "proc/ipc.h"
#include "proc/job.h"
#include "sys/table.h"

static const struct job *reader(void)
{
	struct task *t = task_current();

	return t && t->main == thread_run ? thread_of(t)->proc->job : NULL;
}

static void hostname(struct text *t) { text_add(t, "%s\n", reader() ? reader()->nodename : "weir"); }
static void domainname(struct text *t) { text_add(t, "%s\n", reader() ? reader()->domainname : "(none)"); }

static void put_uuid(struct text *t, const u8 *b)
{
	for (u32 i = 0; i < 16; i++)
		text_add(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	text_add(t, "\n");
}

/* Version 4, variant 1. */
static void random_uuid(u8 *b)
{
	random_bytes(b, 16);
	b[6] = (b[6] & 15) | 0x40;
	b[8] = (b[8] & 63) | 0x80;
}

static void uuid(struct text *t)
{
	u8 b[16];

	random_uuid(b);
	put_uuid(t, b);
}

static void boot_id(struct text *t)
{
	static spinlock_t lock;
	static u8 id[16];
	guard(&lock);

	if (!id[6])
		random_uuid(id);
	put_uuid(t, id);
}

static void queued_events(struct text *t) { text_add(t, "%u\n", NOTIFY_EVENTS); }
static void instances(struct text *t) { text_add(t, "%u\n", NOTIFY_INSTANCES); }
static void watches(struct text *t) { text_add(t, "%u\n", NOTIFY_WATCHES); }
static void files(struct text *t) { text_add(t, "%u\n", FD_MAX); }
static void objects(struct text *t) { text_add(t, "%u\n", IPC_OBJECTS); }

static const struct sysctl settings[] = {
	{ "fs/inotify/max_queued_events", NULL, queued_events },
	{ "fs/inotify/max_user_instances", NULL, instances },
	{ "fs/inotify/max_user_watches", NULL, watches },
	{ "fs/mqueue/msg_default", "10", NULL },
	{ "fs/mqueue/msg_max", "10", NULL },
	{ "fs/mqueue/msgsize_default", "8192", NULL },
	{ "fs/mqueue/msgsize_max", "8192", NULL },
	{ "fs/mqueue/queues_max", "256", NULL },
	{ "fs/nr_open", NULL, files },
	{ "fs/overflowgid", "65534", NULL },
	{ "fs/overflowuid", "65534", NULL },
	{ "kernel/cap_last_cap", "40", NULL },
	{ "kernel/core_pattern", "", NULL },
	{ "kernel/domainname", NULL, domainname },
	{ "kernel/hostname", NULL, hostname },
	{ "kernel/msgmax", "8192", NULL },
	{ "kernel/msgmnb", "16384", NULL },
	{ "kernel/msgmni", NULL, objects },
	{ "kernel/ngroups_max", "16", NULL },
	{ "kernel/osrelease", LINUX_RELEASE, NULL },
	{ "kernel/ostype", "Linux", NULL },
	{ "kernel/overflowgid", "65534", NULL },
	{ "kernel/overflowuid", "65534", NULL },
	{ "kernel/pid_max", "32768", NULL },
	{ "kernel/random/boot_id", NULL, boot_id },
	{ "kernel/random/entropy_avail", "256", NULL },
	{ "kernel/random/poolsize", "256", NULL },
	{ "kernel/random/uuid", NULL, uuid },
	{ "kernel/randomize_va_space", "2", NULL },
	{ "kernel/shmmni", NULL, objects },
	{ "kernel/tainted", "0", NULL },
	{ "vm/overcommit_memory", "1", NULL },		/* pages are promised before they are there */
	{ "vm/swappiness", "0", NULL },
	{ NULL, NULL, NULL },
};

void sysctl_init(void) { procfs_sysctl(settings); }
