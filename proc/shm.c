/* SPDX-License-Identifier: MIT */
/*
 * shm.c: System V shared memory: a page set by number.  The table holds a reference to a segment, each
 * area that maps it another one.  A segment that was removed keeps its id until nobody maps it.
 * Mapping and unmapping come with vm->lock held: ipc->lock is below it.
 */
#include <linux/ipc.h>
#include <asm/shmbuf.h>
#include <linux/errno.h>
#include "core/time.h"
#include "lib/print.h"
#include "lib/text.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/ipc.h"
#include "proc/job.h"

/* <linux/shm.h> wants a libc's headers. */
enum { SHM_RDONLY = 010000, SHM_RND = 020000, SHM_REMAP = 040000, SHM_EXEC = 0100000 };
enum { SHM_DEST = 01000, SHM_HUGETLB = 04000 };
enum { SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
struct shm_info { s32 used_ids; u64 shm_tot, shm_rss, shm_swp, attempts, successes; };

struct segment {
	struct ipc_object o;
	struct pageset	set;
	u64		size;
	bool		dying;		/* removed: goes with its last mapping */
	s32		cpid, lpid;
	s64		atime, dtime, ctime;
	char		name[24];
};

static s64 now_s(void) { return clock_real() / NSEC_PER_SEC; }
static struct segment *segment_of(struct ipc_object *o) { return (struct segment *)o; }

static void segment_put(struct segment *s)
{
	if (atomic_fetch_sub(&s->o.refs, 1) != 1)
		return;
	pageset_truncate(&s->set, 0);
	heap_free(s);
}

void shm_drop(struct ipc_object *o) { segment_put(segment_of(o)); }

/* Out of the table if it was removed and nobody maps it; the lock is held.  The reference is then ours. */
static bool leaves(struct ipc *i, struct segment *s)
{
	if (!s->dying || s->o.gone || atomic_load(&s->o.refs) != 1)
		return false;
	ipc_leave(&i->shm, &s->o);
	return true;
}

/* An area goes, or a call is done. */
static void release(struct segment *s, bool unmapped)
{
	struct ipc *i = s->o.job->ipc;
	bool last;

	{
		guard(&i->lock);
		if (unmapped)
			s->dtime = now_s();
		last = atomic_load(&s->o.refs) == 1;	/* the job has ended: nobody has it in a table */
		if (!last) {
			atomic_fetch_sub(&s->o.refs, 1);
			last = leaves(i, s);
		}
	}
	if (last)
		segment_put(s);
}

static void unmapped(struct pageset *set) { release(container_of(set, struct segment, set), true); }

static long create(struct ipc *i, s32 key, u64 size, u32 flags)
{
	struct segment *s;
	long r;

	if (!size || size > USER_TOP)
		return -EINVAL;
	if (!(s = heap_zero(sizeof(*s))))
		return -ENOMEM;
	pageset_init(&s->set, &process_current()->job->charge);
	s->set.size_pages = align_up(size, PAGE_SIZE) >> PAGE_SHIFT;
	s->set.owner_refs = &s->o.refs;
	s->set.owner_put = unmapped;
	s->size = size;
	s->cpid = process_current()->pid;
	s->ctime = now_s();
	snprint(s->name, sizeof(s->name), "/SYSV%08x (deleted)", (u32)key);
	r = ipc_enter(&i->shm, &s->o, key, flags);
	if (r < 0)
		heap_free(s);
	return r;
}

long shm_get(s32 key, u64 size, u32 flags)
{
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	long r;

	if (!i)
		return -ENOMEM;
	if (flags & SHM_HUGETLB)
		return syscall_refuse(-EINVAL, "shmget: SHM_HUGETLB", flags);
	guard(&i->lock);
	r = ipc_look(&i->shm, key, flags, &o);
	if (r == -ENOENT)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? create(i, key, size, flags) : -ENOENT;
	if (r)
		return r;
	return size > segment_of(o)->size ? -EINVAL : o->id;
}

/* --- attach and detach ----------------------------------------------------------------------------- */

static long hold(s32 id, u32 want, struct segment **out)
{
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	if (!(o = ipc_find(&i->shm, id)))
		return -EINVAL;
	if ((r = ipc_may(o, want)))
		return r;
	atomic_fetch_add(&o->refs, 1);
	*out = segment_of(o);
	return 0;
}

static long attach(struct segment *s, uaddr_t at, u32 flags)
{
	u32 rights = VM_READ | (flags & SHM_RDONLY ? VM_NOWRITE : VM_WRITE) | (flags & SHM_EXEC ? VM_EXEC : 0);
	u32 how = !at ? 0 : flags & SHM_REMAP ? MAP_AT : MAP_KEEP;
	long r = vm_map(thread_current()->vm, &at, s->set.size_pages << PAGE_SHIFT, rights | VM_SHARED, how, &s->set, 0, s->name, NULL);

	if (r)
		return r == -EEXIST ? -EINVAL : r;
	s->atime = now_s();
	s->lpid = process_current()->pid;
	return at;
}

async long shm_attach(s32 id, uaddr_t at, u32 flags)
{
	struct segment *s;
	u32 want = MAY_READ | (flags & SHM_RDONLY ? 0 : MAY_WRITE) | (flags & SHM_EXEC ? MAY_EXEC : 0);
	long r;

	if (id < 0)
		return -EINVAL;
	if (at % PAGE_SIZE) {
		if (!(flags & SHM_RND) || (align_down(at, PAGE_SIZE) == 0 && flags & SHM_REMAP))
			return -EINVAL;
		at = align_down(at, PAGE_SIZE);
	} else if (!at && flags & SHM_REMAP) {
		return -EINVAL;
	}
	if ((r = hold(id, want, &s)))
		return r;
	r = attach(s, at, flags);
	release(s, false);
	return r;
}

static bool is_segment(const struct area *a) { return a->set && a->set->owner_put == unmapped; }

/* The next piece at or above @at of what is attached at @base: *@set is set, and held, by the first. */
static bool next_piece(struct vm *v, uaddr_t base, uaddr_t at, struct pageset **set, uaddr_t *start,
		       u64 *len)
{
	struct area *a;
	guard(&v->lock);

	for (a = vm_find(v, at); a; a = vm_find(v, a->end)) {
		if (*set && a->start - base >= (*set)->size_pages << PAGE_SHIFT)
			return false;
		if (!is_segment(a) || (*set && a->set != *set) || a->offset << PAGE_SHIFT != a->start - base)
			continue;
		if (!*set)
			atomic_fetch_add(a->set->owner_refs, 1);
		*set = a->set;
		*start = a->start;
		*len = a->end - a->start;
		return true;
	}
	return false;
}

async long shm_detach(uaddr_t base)
{
	struct vm *v = thread_current()->vm;
	struct pageset *set = NULL;
	uaddr_t start = base;
	u64 len = 0;
	long r = 0;

	if (base % PAGE_SIZE || base >= USER_TOP)
		return -EINVAL;
	while (!r && next_piece(v, base, start + len, &set, &start, &len))
		r = vm_unmap(v, start, len);
	if (!set)
		return -EINVAL;
	release(container_of(set, struct segment, set), false);
	return r;
}

/* --- control ---------------------------------------------------------------------------------------- */

static void fill(struct segment *s, struct shmid64_ds *d)
{
	*d = (struct shmid64_ds){ 0 };
	ipc_show(&s->o, &d->shm_perm);
	if (s->dying)
		d->shm_perm.mode |= SHM_DEST;
	d->shm_segsz = s->size;
	d->shm_atime = s->atime;
	d->shm_dtime = s->dtime;
	d->shm_ctime = s->ctime;
	d->shm_cpid = s->cpid;
	d->shm_lpid = s->lpid;
}

static u32 highest(struct ipc_table *t)
{
	u32 top = 0;

	for (u32 i = 0; i < IPC_OBJECTS; i++)
		if (ipc_at(t, i))
			top = i;
	return top;
}

static async long limits(uaddr_t arg)
{
	struct shminfo64 all = { .shmmax = USER_TOP, .shmmin = 1, .shmmni = IPC_OBJECTS,
				 .shmseg = IPC_OBJECTS, .shmall = USER_TOP >> PAGE_SHIFT };
	struct ipc *i = ipc_current();
	long r = i ? user_put(arg, all) : -ENOMEM;

	return r ? r : highest(&i->shm);
}

static async long usage(uaddr_t arg)
{
	struct shm_info now = { 0 };
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	long r;

	if (!i)
		return -ENOMEM;
	{
		guard(&i->lock);
		now.used_ids = i->shm.used;
		for (u32 n = 0; n < IPC_OBJECTS; n++)
			if ((o = ipc_at(&i->shm, n))) {
				now.shm_tot += segment_of(o)->set.size_pages;
				now.shm_rss += segment_of(o)->set.count;
			}
	}
	r = user_put(arg, now);
	return r ? r : highest(&i->shm);
}

static u32 areas_of(struct vm *v, const struct pageset *set)
{
	u32 n = 0;
	guard(&v->lock);

	for (struct area *a = vm_find(v, 0); a; a = vm_find(v, a->end))
		n += a->set == set;
	return n;
}

/* Processes that come from one fork share their areas, so they are asked one by one.  @set is only
 * compared. */
static u32 attached(const struct pageset *set)
{
	struct job *j = process_current()->job;
	struct process *p;
	struct vm *v;
	u32 n = 0;

	for (s32 pid = 0; (pid = job_next(j, pid)) > 0; process_put(p)) {
		p = process_find(pid);
		if (!p)
			continue;
		spin_lock(&p->lock);
		v = p->vm && !p->vforked ? vm_get(p->vm) : NULL;
		spin_unlock(&p->lock);
		if (v)
			n += areas_of(v, set);
		vm_put(v);
	}
	return n;
}

/* STAT by id or by slot: what is found, and its id. */
static long look(u32 command, s32 id, struct shmid64_ds *d, const struct pageset **set, u64 *present)
{
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	long r;

	if (!i)
		return -ENOMEM;
	guard(&i->lock);
	o = command == IPC_STAT ? ipc_find(&i->shm, id) : id < 0 ? NULL : ipc_at(&i->shm, id);
	if (!o)
		return -EINVAL;
	if (command != SHM_STAT_ANY && (r = ipc_may(o, MAY_READ)))
		return r;
	fill(segment_of(o), d);
	*set = &segment_of(o)->set;
	*present = segment_of(o)->set.count;
	return command == IPC_STAT ? 0 : o->id;
}

static long lock(struct segment *s)
{
	return ipc_owned(&s->o) ? 0 : -EPERM;	/* memory is never swapped: nothing to do */
}

static long change(u32 command, s32 id, const struct shmid64_ds *d)
{
	struct ipc *i = ipc_current();
	struct ipc_object *o;
	struct segment *s = NULL;

	if (!i)
		return -ENOMEM;
	{
		guard(&i->lock);
		if (!(o = ipc_find(&i->shm, id)))
			return -EINVAL;
		if (command == SHM_LOCK || command == SHM_UNLOCK)
			return lock(segment_of(o));
		if (!ipc_owned(o))
			return -EPERM;
		if (command == IPC_SET) {
			ipc_change(o, &d->shm_perm);
			segment_of(o)->ctime = now_s();
			return 0;
		}
		segment_of(o)->dying = true;
		o->key = IPC_PRIVATE;
		if (leaves(i, segment_of(o)))
			s = segment_of(o);
	}
	if (s)
		segment_put(s);
	return 0;
}

async long shm_control(s32 id, u32 command, uaddr_t arg)
{
	const struct pageset *set;
	struct shmid64_ds d;
	u64 present;
	long r, err;

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
		return limits(arg);
	case SHM_INFO:
		return usage(arg);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		if ((r = look(command, id, &d, &set, &present)) >= 0)
			d.shm_nattch = attached(set);
		return r < 0 || !(err = user_put(arg, d)) ? r : err;
	case IPC_SET:
		if ((r = user_get(d, arg)))
			return r;
		return change(command, id, &d);
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		return change(command, id, NULL);
	}
	return -EINVAL;
}

/* --- /proc/sysvipc/shm ------------------------------------------------------------------------------- */

static void put_line(struct text *t, const struct shmid64_ds *d, s32 id, u64 present)
{
	const struct ipc64_perm *p = &d->shm_perm;

	text_add(t, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10ld %10ld %10ld %21lu %21lu\n",
		 (s32)p->key, id, (u32)p->mode, (u64)d->shm_segsz, (u32)d->shm_cpid, (u32)d->shm_lpid,
		 (u64)d->shm_nattch, p->uid, p->gid, p->cuid, p->cgid, (s64)d->shm_atime, (s64)d->shm_dtime,
		 (s64)d->shm_ctime, present << PAGE_SHIFT, 0ul);
}

void shm_text(struct text *t)
{
	const struct pageset *set;
	struct shmid64_ds d;
	u64 present;
	long id;

	for (u32 n = 0; n < IPC_OBJECTS && !t->overflow; n++)
		if ((id = look(SHM_STAT, n, &d, &set, &present)) >= 0) {
			d.shm_nattch = attached(set);
			put_line(t, &d, id, present);
		}
}
