// SPDX-License-Identifier: MIT
/*
 * files.c: open files and descriptor tables.  How a table is guarded: fdtable.h.
 */
#include "fs/fdtable.h"
#include <string.h>
#include "core/log.h"
#include "core/rcu.h"
#include "core/spin.h"
#include "fs/dentry.h"
#include "fs/locks.h"
#include "fs/notify.h"
#include "lib/print.h"
#include "mem/heap.h"

/* --- open files -------------------------------------------------------------------------------- */

static struct slab file_slab = SLAB("file", struct file);

static struct spare { struct file *f; } __attribute__((aligned(64))) spares[CPU_MAX];

struct file *file_create(const struct file_ops *ops, u32 flags, void *data)
{
	struct file *f = slab_take_spare(&file_slab, &spares[this_cpu()->id].f);

	if (likely(f))
		*f = (struct file){ .refs = 1, .flags = flags, .ops = ops, .data = data };
	return f;
}

static void file_free_seen(struct rcu_head *h)
{
	slab_free(&file_slab, container_of(h, struct file, rcu));
}

static __attribute__((noinline)) void notify_closed(struct file *f)
{
	if (f->ops && !(f->flags & O_PATH))
		notify_file(f, f->flags & O_ACCMODE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

static void file_free(struct file *f)
{
	if (notify_on())
		notify_closed(f);
	if (unlikely(f->watches))
		epoll_forget(f);
	if (f->inode && f->inode->locks)
		lock_drop_owner(f->inode, f);
	if (f->ops && f->ops->release)
		f->ops->release(f);
	if (likely(f->dentry))
		dentry_put(f->dentry);
	else
		inode_put(f->inode);
	if (unlikely(__atomic_load_n(&f->seen, __ATOMIC_RELAXED)))
		rcu_free(&f->rcu, file_free_seen);
	else
		slab_keep_spare(&file_slab, &spares[this_cpu()->id].f, f);
}

void file_put(struct file *f)
{
	if (f && atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
		file_free(f);
}

u64 file_size(struct file *f)
{
	return f->inode ? f->inode->size : 0;
}

extern struct dentry *root_dentry;

long file_path(struct file *f, char *buf, size_t size)
{
	long n;

	if (f->dentry)
		return dentry_path(f->dentry, root_dentry, buf, size);
	if (f->ops->name)
		n = snprint(buf, size, "anon_inode:[%s]", f->ops->name);
	else
		n = snprint(buf, size, "%s:[%lu]", inode_kind(f->inode) == I_FIFO ? "pipe" :
			    inode_kind(f->inode) == I_SOCK ? "socket" : "anon", f->inode->ino);
	return (size_t)n < size ? n : -ENAMETOOLONG;
}

/* --- tables -------------------------------------------------------------------------------------- */

static struct slab files_slab = SLAB("files", struct files);

/* Slots that have no room in the table itself. */
struct array { struct rcu_head rcu; uintptr_t slot[]; };

static struct array *array_of(uintptr_t *slot) { return container_of(slot, struct array, slot); }

static uintptr_t *array_create(u32 n)
{
	struct array *a = heap_zero(sizeof(*a) + n * sizeof(a->slot[0]));

	return a ? a->slot : NULL;
}

static void array_free(struct rcu_head *h) { heap_free(container_of(h, struct array, rcu)); }

/* Every store to a slot.  Who looks up by RCU finds all of what is put there. */
static inline void slot_set(struct files *t, u32 fd, uintptr_t v)
{
	if (fd >= t->top)
		t->top = fd + 1;
	__atomic_store_n(&t->slot[fd], v, __ATOMIC_RELEASE);
}

static struct files *table_create(u32 size)
{
	struct files *t = slab_alloc(&files_slab);

	if (!t)
		return NULL;
	*t = (struct files){ .refs = 1, .size = FD_SMALL, .limit = 1024 };
	t->slot = t->small;
	if (size <= FD_SMALL)
		return t;
	t->slot = array_create(size);
	t->size = size;
	if (t->slot)
		return t;
	slab_free(&files_slab, t);
	return NULL;
}

struct files *files_create(void)
{
	return table_create(FD_SMALL);
}

/* Slots up to the last in use, rounded up to what a table may have. */
static u32 used_size(struct files *t)
{
	while (t->top && !t->slot[t->top - 1])
		t->top--;
	return t->top <= FD_SMALL ? FD_SMALL : align_up(t->top, 64);
}

static void slots_copy(uintptr_t *d, const uintptr_t *s, u32 n)
{
	for (const uintptr_t *last = s + n; s < last; s++, d++) {
		*d = *s;
		if (*s)
			file_get(slot_file(*s));
	}
}

struct files *files_copy(struct files *from)
{
	struct files *t;

	guard(&from->lock);
	t = table_create(used_size(from));
	if (!t)
		return NULL;
	t->limit = from->limit;
	t->lowest = from->lowest;
	t->top = from->top;
	slots_copy(t->slot, from->slot, t->top);
	return t;
}

struct files *files_get(struct files *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

struct files *files_unshare(struct files *t)
{
	if (atomic_load(&t->refs) == 1)
		return t;
	return files_copy(t);
}

/* @f was taken out of @t; threads that share the table may be about to find it. */
static void close_file(struct files *t, struct file *f)
{
	if (unlikely(atomic_load_explicit(&t->refs, memory_order_relaxed) > 1))
		__atomic_store_n(&f->seen, true, __ATOMIC_RELAXED);
	if (f->inode && f->inode->locks)
		lock_drop_owner(f->inode, t);
	file_put(f);
}

void files_put(struct files *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	for (u32 i = 0; i < t->top; i++)
		if (t->slot[i])
			close_file(t, slot_file(t->slot[i]));
	if (t->slot != t->small)
		heap_free(array_of(t->slot));
	slab_free(&files_slab, t);
}

void files_exec(struct files *t)
{
	for (u32 i = 0; i < t->top; i++)
		if (t->slot[i] & FD_CLOEXEC_BIT)
			fd_close(t, i);
}

void files_set_limit(struct files *t, u32 n)
{
	t->limit = min(n, (u32)FD_MAX);
}

/* --- descriptors ------------------------------------------------------------------------------------ */

/* By RCU: a file that is being closed is not there, or another one is by now. */
static struct file *get_shared(struct files *t, u64 fd)
{
	struct file *f;

	if (fd >= __atomic_load_n(&t->size, __ATOMIC_ACQUIRE))
		return NULL;
	do {
		uintptr_t *slot = __atomic_load_n(&t->slot, __ATOMIC_ACQUIRE);

		f = slot_file(__atomic_load_n(&slot[fd], __ATOMIC_ACQUIRE));
	} while (f && unlikely(!ref_try(&f->refs)));
	return f;
}

struct file *fd_get_other(struct files *t, u64 fd)
{
	struct file *f = NULL;

	guard(&t->lock);
	if (fd < t->size && (f = slot_file(t->slot[fd])))
		file_get(f);
	return f;
}

struct file *fd_get(struct files *t, u64 fd)
{
	struct file *f;

	if (unlikely(!files_alone(t)))
		return get_shared(t, fd);
	f = fd_borrow(t, fd);
	if (unlikely(!f))
		return NULL;
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

/* Room for slot @fd, which is below the limit: 0 or -ENOMEM. */
static long table_reach(struct files *t, u32 fd)
{
	u32 n = min(max(align_up(fd + 1, 64), (u64)t->size * 2), (u64)FD_MAX);
	uintptr_t *slot, *old;

	if (likely(fd < t->size))
		return 0;
	slot = array_create(n);
	if (!slot)
		return -ENOMEM;
	memcpy(slot, t->slot, t->size * sizeof(*slot));
	old = t->slot;
	__atomic_store_n(&t->slot, slot, __ATOMIC_RELEASE);
	__atomic_store_n(&t->size, n, __ATOMIC_RELEASE);
	if (old != t->small)
		rcu_free(&array_of(old)->rcu, array_free);
	return 0;
}

static __attribute__((noinline)) long
install_locked(struct files *t, struct file *f, u32 from, bool cloexec)
{
	u32 fd = max(from, t->lowest);
	long err;

	while (fd < t->size && t->slot[fd])
		fd++;
	if (fd >= t->limit)
		return from >= t->limit ? -EINVAL : -EMFILE;
	if ((err = table_reach(t, fd)))
		return err;
	slot_set(t, fd, (uintptr_t)f | cloexec);
	if (from <= t->lowest)
		t->lowest = fd + 1;
	return fd;
}

long fd_install(struct files *t, struct file *f, u32 from, bool cloexec)
{
	u64 low;
	long fd;

	spin_lock(&t->lock);
	low = t->lowest;
	if (likely(low >= from && low < t->size && low < t->limit && !t->slot[low])) {
		slot_set(t, low, (uintptr_t)f | cloexec);
		t->lowest = low + 1;
		spin_unlock(&t->lock);
		return low;
	}
	fd = install_locked(t, f, from, cloexec);
	spin_unlock(&t->lock);
	if (fd < 0)
		file_put(f);
	return fd;
}

long fd_install_at(struct files *t, struct file *f, u32 fd, bool cloexec)
{
	struct file *old = NULL;
	long err = fd < t->limit ? 0 : -EBADF;

	spin_lock(&t->lock);
	if (!err && !(err = table_reach(t, fd))) {
		old = slot_file(t->slot[fd]);
		slot_set(t, fd, (uintptr_t)f | cloexec);
	}
	spin_unlock(&t->lock);
	if (err)
		file_put(f);
	else if (old)
		close_file(t, old);
	return err ? err : (long)fd;
}

long fd_close(struct files *t, u64 fd)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if (likely(fd < t->size && (f = slot_file(t->slot[fd])))) {
		slot_set(t, fd, 0);
		t->lowest = min(t->lowest, (u32)fd);
	}
	spin_unlock(&t->lock);
	if (!f)
		return -EBADF;
	close_file(t, f);
	return 0;
}

long fd_cloexec(struct files *t, u64 fd, bool set, bool value)
{
	guard(&t->lock);
	if (fd >= t->size || !t->slot[fd])
		return -EBADF;
	if (set)
		slot_set(t, fd, (uintptr_t)slot_file(t->slot[fd]) | value);
	return t->slot[fd] & FD_CLOEXEC_BIT;
}

s64 fd_next(struct files *t, s64 after)
{
	guard(&t->lock);
	for (u64 fd = after + 1; fd < t->top; fd++)
		if (t->slot[fd])
			return fd;
	return -1;
}

u32 files_limit(struct files *t)
{
	return t->limit;
}
