/* SPDX-License-Identifier: MIT */
/*
 * ipc.c: tables of System V objects by id and key, and who may use them.  An id is the slot and, above
 * it, a number that counts up, so that an old id does not find a new object.
 */
#include "proc/ipc.h"
#include <linux/ipc.h>
#include "core/log.h"
#include "fs/procfs.h"
#include "lib/text.h"
#include "mem/heap.h"
#include "proc/job.h"

enum { SLOT_BITS = 15, SEQ_MAX = 0xffff };

struct ipc *ipc_current(void)
{
	struct job *j = process_current()->job;
	struct ipc *i = atomic_load(&j->ipc), *none = NULL;

	if (i || !(i = heap_zero(sizeof(*i))))
		return i;
	LIST_INIT(&i->queues);
	i->refs = 1;
	if (atomic_compare_exchange_strong(&j->ipc, &none, i))
		return i;
	heap_free(i);
	return none;
}

/* --- rights -------------------------------------------------------------------------------------- */

static u32 granted(const struct ipc_object *o)
{
	const struct process *p = process_current();
	struct fs_context *c = thread_current()->fs;

	if (p->euid == o->cuid || p->euid == o->uid)
		return o->mode >> 6;
	if (p->egid == o->cgid || p->egid == o->gid || fs_has_group(c, o->cgid) || fs_has_group(c, o->gid))
		return o->mode >> 3;
	return o->mode;
}

long ipc_may(const struct ipc_object *o, u32 want)
{
	return !process_current()->euid || !(want & ~granted(o)) ? 0 : -EACCES;
}

bool ipc_owned(const struct ipc_object *o)
{
	const struct process *p = process_current();

	return !p->euid || p->euid == o->cuid || p->euid == o->uid;
}

void ipc_show(const struct ipc_object *o, struct ipc64_perm *p)
{
	*p = (struct ipc64_perm){
		.key = o->key, .uid = o->uid, .gid = o->gid, .cuid = o->cuid, .cgid = o->cgid,
		.mode = o->mode, .seq = (u32)o->id >> SLOT_BITS,
	};
}

void ipc_change(struct ipc_object *o, const struct ipc64_perm *p)
{
	o->uid = p->uid;
	o->gid = p->gid;
	o->mode = (o->mode & ~0777u) | (p->mode & 0777);
}

/* --- tables --------------------------------------------------------------------------------------- */

struct ipc_object *ipc_at(struct ipc_table *t, u32 index)
{
	return t->slot && index < IPC_OBJECTS ? t->slot[index] : NULL;
}

struct ipc_object *ipc_find(struct ipc_table *t, s32 id)
{
	struct ipc_object *o = id < 0 ? NULL : ipc_at(t, id & ((1 << SLOT_BITS) - 1));

	return o && o->id == id ? o : NULL;
}

long ipc_look(struct ipc_table *t, s32 key, u32 flags, struct ipc_object **out)
{
	struct ipc_object *o = NULL;
	u32 want = (flags >> 6 | flags >> 3 | flags) & 7;

	for (u32 i = 0; key != IPC_PRIVATE && i < IPC_OBJECTS && !(o && o->key == key); i++)
		o = ipc_at(t, i);
	if (!o || o->key != key || key == IPC_PRIVATE)
		return -ENOENT;
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	*out = o;
	return ipc_may(o, want);
}

long ipc_enter(struct ipc_table *t, struct ipc_object *o, s32 key, u32 flags)
{
	const struct process *p = process_current();
	u32 i = 0;

	if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
		return -ENOENT;
	if (!t->slot && !(t->slot = heap_zero(IPC_OBJECTS * sizeof(*t->slot))))
		return -ENOMEM;
	while (i < IPC_OBJECTS && t->slot[i])
		i++;
	if (i == IPC_OBJECTS)
		return -ENOSPC;
	o->refs = 1;
	o->key = key;
	o->uid = o->cuid = p->euid;
	o->gid = o->cgid = p->egid;
	o->mode = flags & 0777;
	o->job = p->job;
	o->id = (t->seq++ & SEQ_MAX) << SLOT_BITS | i;
	t->slot[i] = o;
	t->used++;
	return o->id;
}

void ipc_leave(struct ipc_table *t, struct ipc_object *o)
{
	t->slot[o->id & ((1 << SLOT_BITS) - 1)] = NULL;
	t->used--;
	o->gone = true;
}

/* --- the end --------------------------------------------------------------------------------------- */

static void table_free(struct ipc_table *t, void (*drop)(struct ipc_object *o))
{
	struct ipc_object *o;

	for (u32 i = 0; i < IPC_OBJECTS; i++)
		if ((o = ipc_at(t, i))) {
			ipc_leave(t, o);
			drop(o);
		}
	heap_free(t->slot);
}

void ipc_put(struct ipc *i)
{
	if (atomic_fetch_sub(&i->refs, 1) == 1)
		heap_free(i);
}

void ipc_free(struct job *j)
{
	struct ipc *i = j->ipc;

	if (!i)
		return;
	table_free(&i->shm, shm_drop);
	table_free(&i->sem, sem_drop);
	table_free(&i->msg, msg_drop);
	mqueue_drop_all(i);
	ipc_put(i);
}

void ipc_process_exit(struct process *p)
{
	struct ipc *i = atomic_load(&p->job->ipc);

	if (i && i->sem.used)
		sem_undo_all(i, p);
	if (i && !LIST_EMPTY(&i->queues))
		mqueue_process_exit(i, p);
}

/* --- /proc/sysvipc ---------------------------------------------------------------------------------- */

static struct ipc *of_reader(void)
{
	struct task *t = task_current();

	return t && t->main == thread_run ? atomic_load(&thread_of(t)->proc->job->ipc) : NULL;
}

static void put_table(struct text *t, struct ipc *i, struct ipc_table *table,
		      void (*put)(struct ipc_object *o, struct text *t))
{
	struct ipc_object *o;
	guard(&i->lock);

	for (u32 n = 0; n < IPC_OBJECTS && !t->overflow; n++)
		if ((o = ipc_at(table, n)) && !ipc_may(o, MAY_READ))
			put(o, t);
}

static long shm_all(struct text *t)
{
	struct ipc *i = of_reader();

	text_add(t, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
		    "      atime      dtime      ctime                   rss                  swap\n");
	if (i)
		shm_text(t);
	return 0;
}

static long sem_all(struct text *t)
{
	struct ipc *i = of_reader();

	text_add(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
	if (i)
		put_table(t, i, &i->sem, sem_text);
	return 0;
}

static long msg_all(struct text *t)
{
	struct ipc *i = of_reader();

	text_add(t, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
		    "      stime      rtime      ctime\n");
	if (i)
		put_table(t, i, &i->msg, msg_text);
	return 0;
}

void ipc_init(void)
{
	procfs_add("sysvipc/shm", shm_all);
	procfs_add("sysvipc/sem", sem_all);
	procfs_add("sysvipc/msg", msg_all);
}
