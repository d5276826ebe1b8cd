/* SPDX-License-Identifier: MIT */
/*
 * sys/mem.c: the system calls about a program's address space, and anonymous shared memory: a
 * page set that its areas alone hold.  Memory is never swapped, so locking it makes it be there and changes
 * what MADV_DONTNEED says; mlockall() does nothing.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include "fs/seals.h"
#include "fs/files.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

static void hold_file(void *f) { file_get(f); }
static void let_file_go(void *f) { file_put(f); }
struct vm_file_ops vm_file_ops = { hold_file, let_file_go };

static struct vm *current_vm(void) { return thread_current()->vm; }

/* --- anonymous shared memory ------------------------------------------------------------------ */

struct shared { struct pageset set; _Atomic u32 refs; };

static void shared_put(struct pageset *set)
{
	struct shared *s = container_of(set, struct shared, set);

	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	pageset_truncate(set, 0);
	heap_free(s);
}

static struct pageset *shared_create(struct vm *v, u64 len)
{
	struct shared *s = heap_zero(sizeof(*s));

	if (!s)
		return NULL;
	pageset_init(&s->set, v->charge);
	s->set.size_pages = align_up(len, PAGE_SIZE) >> PAGE_SHIFT;
	s->set.owner_refs = &s->refs;
	s->set.owner_put = shared_put;
	s->refs = 1;
	return &s->set;
}

/* --- mmap ------------------------------------------------------------------------------------- */

enum {
	KNOWN_FLAGS = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |
		      MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK |
		      MAP_STACK | MAP_FIXED_NOREPLACE | MAP_UNINITIALIZED
};

struct mapping {
	uaddr_t		addr;
	u64		len, offset;
	u32		prot, flags;
	bool		shared;
};

static u32 area_flags(const struct mapping *m)
{
	return (m->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) | (m->shared ? VM_SHARED : 0) |
	       (m->flags & MAP_NORESERVE ? VM_NORESERVE : 0) |
	       (m->flags & MAP_LOCKED ? VM_LOCKED : 0);
}

static long place(struct mapping *m, u32 flags, struct pageset *set, struct file *f)
{
	u32 how = (m->flags & MAP_FIXED ? MAP_AT : 0) |
		  (m->flags & MAP_FIXED_NOREPLACE ? MAP_KEEP : 0);
	u64 index = set && f ? m->offset >> PAGE_SHIFT : 0;

	return vm_map(current_vm(), &m->addr, m->len, flags, how, set, index, NULL, f);
}

static long map_anonymous(struct mapping *m)
{
	u32 flags = area_flags(m);
	struct pageset *set;
	long r;

	if (!m->shared)
		return place(m, flags | (m->flags & MAP_GROWSDOWN ? VM_STACK : 0), NULL, NULL);
	if (m->len > USER_TOP)
		return -ENOMEM;
	set = shared_create(current_vm(), m->len);
	if (!set)
		return -ENOMEM;
	r = place(m, flags, set, NULL);
	shared_put(set);
	return r;
}

/* May a file open like this be mapped so?  Flags for the area, or -EACCES. */
static long file_rights(const struct mapping *m, const struct file *f)
{
	u32 mode = f->flags & O_ACCMODE;

	if (mode == O_WRONLY)
		return -EACCES;
	if (m->shared && mode == O_RDWR && seals_no_write(f->inode))
		return m->prot & PROT_WRITE ? -EPERM : (long)(area_flags(m) | VM_NOWRITE);
	if (m->shared && mode == O_RDWR)
		seals_mapped(f->inode);
	if (!m->shared || mode == O_RDWR)
		return area_flags(m);
	return m->prot & PROT_WRITE ? -EACCES : (long)(area_flags(m) | VM_NOWRITE);
}

static long map_file(struct mapping *m, struct file *f)
{
	struct pageset *set = NULL;
	long flags = file_rights(m, f), r;

	if (m->offset > INT64_MAX - min(m->len, (u64)INT64_MAX))
		return -EOVERFLOW;
	if (flags < 0)
		return flags;
	if (!f->ops->map)
		return -ENODEV;
	r = f->ops->map(f, &set, m->prot, m->shared);
	if (r)
		return r;
	if (!set)				/* /dev/zero */
		return map_anonymous(m);
	return place(m, flags, set, f);
}

static long map_fd(struct mapping *m, u64 fd)
{
	struct file *f = fd_get(thread_current()->files, (u32)fd);
	long r;

	if (!f)
		return -EBADF;
	r = map_file(m, f);
	file_put(f);
	return r;
}

static long check_flags(const struct mapping *m)
{
	u32 type = m->flags & MAP_TYPE;

	if (!m->len || m->offset % PAGE_SIZE)
		return -EINVAL;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && m->flags & MAP_ANONYMOUS)
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && (m->flags & ~(u32)KNOWN_FLAGS))
		return syscall_refuse(-EOPNOTSUPP, "mmap: flags", m->flags & ~(u32)KNOWN_FLAGS);
	if (m->flags & MAP_HUGETLB)
		return syscall_refuse(-ENOMEM, "mmap: MAP_HUGETLB", m->flags);
	return 0;
}

enum { BATCH = 128 << PAGE_SHIFT };	/* committed before others get the hart */

/* All pages of a range, however many: others run meanwhile. */
static async long commit_range(struct co *co, uaddr_t start, u64 len, u32 access)
{
	struct { uaddr_t at; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->at = start; f->at < start + len; f->at += BATCH) {
		await(r = user_commit(f->at, min(start + len - f->at, (u64)BATCH), access));
		if (r || start + len - f->at <= BATCH)
			return r;
		co_yield();
		if (task_killed())
			return -EINTR;
	}
	return 0;
	co_end();
}

static long map(const u64 *a, uaddr_t *at)
{
	struct mapping m = {
		.addr = a[0], .len = a[1], .prot = a[2], .flags = a[3], .offset = a[5],
		.shared = (a[3] & MAP_TYPE) != MAP_PRIVATE,
	};
	long r = check_flags(&m);

	if (!r)
		r = m.flags & MAP_ANONYMOUS ? map_anonymous(&m) : map_fd(&m, a[4]);
	*at = m.addr;
	return r;
}

/* Best effort: what cannot be committed now faults later. */
static async long map_populated(struct co *co, const u64 *a)
{
	struct { uaddr_t at; } *f = co_frame(co);
	const u32 access = a[2] & PROT_WRITE  ? ACCESS_WRITE
			   : a[2] & PROT_READ ? ACCESS_READ
					      : ACCESS_EXEC;
	long r;

	co_begin(f);
	if ((r = map(a, &f->at)))
		return r;
	if (a[2] & (PROT_READ | PROT_WRITE | PROT_EXEC))
		await(r = commit_range(co, f->at, align_up(a[1], PAGE_SIZE), access));
	return f->at;
	co_end();
}

static async long sys_mmap(struct co *co, const u64 *a)
{
	uaddr_t at;
	long r;

	if (unlikely(a[3] & (MAP_POPULATE | MAP_LOCKED)))
		return map_populated(co, a);
	r = map(a, &at);
	return r ? r : (long)at;
}

static async long sys_munmap(struct co *co, const u64 *a)
{
	return vm_unmap(current_vm(), a[0], a[1]);
}

static async long sys_mprotect(struct co *co, const u64 *a)
{
	if (a[2] & ~(u64)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	return vm_protect(current_vm(), a[0], a[1], a[2]);
}

static async long sys_brk(struct co *co, const u64 *a)
{
	return vm_brk(current_vm(), a[0]);
}

static async long sys_mremap(struct co *co, const u64 *a)
{
	u64 flags = a[3];
	bool may_move = flags & MREMAP_MAYMOVE, fixed = flags & MREMAP_FIXED, keep = flags & MREMAP_DONTUNMAP;

	if ((flags & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) ||
	    ((fixed || keep) && !may_move) || (keep && a[1] != a[2]))
		return -EINVAL;
	if (fixed && !a[4])
		return -EPERM;
	return vm_remap(current_vm(), (struct remap){
		.old = a[0], .old_len = a[1], .new_len = a[2], .fixed_to = fixed ? a[4] : 0,
		.may_move = may_move, .keep = keep,
	});
}

/* --- advice ----------------------------------------------------------------------------------- */

static long advise_nothing(u64 addr, u64 len)
{
	if (addr % PAGE_SIZE)
		return -EINVAL;
	return vm_range_mapped(current_vm(), addr, len) ? 0 : -ENOMEM;
}

static async long populate_range(struct co *co, const u64 *a, u32 access)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((r = advise_nothing(a[0], a[1])))
		return r;
	if (!vm_range_allows(current_vm(), a[0], a[1], access))
		return -EINVAL;
	await(r = commit_range(co, a[0], align_up(a[1], PAGE_SIZE), access));
	return r;
	co_end();
}

static async long sys_madvise(struct co *co, const u64 *a)
{
	struct vm *v = current_vm();
	s32 advice = a[2];

	switch (advice) {
	case MADV_DONTNEED:
	case MADV_FREE:
		return vm_discard(v, a[0], a[1], advice == MADV_FREE);
	case MADV_REMOVE:
		return vm_remove(v, a[0], a[1]);
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
		return vm_mark(v, a[0], a[1], VM_WIPE, advice == MADV_WIPEONFORK);
	case MADV_DONTFORK:
	case MADV_DOFORK:
		return vm_mark(v, a[0], a[1], VM_DONTFORK, advice == MADV_DONTFORK);
	case MADV_POPULATE_READ:
		return populate_range(co, a, ACCESS_READ);
	case MADV_POPULATE_WRITE:
		return populate_range(co, a, ACCESS_WRITE);
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return advise_nothing(a[0], a[1]);
	}
	return syscall_refuse(-EINVAL, "madvise: advice", advice);
}

/* Some pages beginning with the @i-th. */
static async long mincore_part(const u64 *a, u64 i, u64 n)
{
	u8 part[256];
	long r = vm_present(current_vm(), a[0] + (i << PAGE_SHIFT), n, part);

	return r ? r : user_write(a[2] + i, part, n);
}

static async long sys_mincore(struct co *co, const u64 *a)
{
	struct { u64 i; } *f = co_frame(co);
	const u64 pages = a[1] / PAGE_SIZE + !!(a[1] % PAGE_SIZE);
	long r;

	co_begin(f);
	if (a[0] % PAGE_SIZE)
		return -EINVAL;
	if (!user_range_ok(a[0], a[1]))
		return -ENOMEM;
	for (f->i = 0; f->i < pages; f->i += 256) {
		await(r = mincore_part(a, f->i, min(pages - f->i, 256ul)));
		if (r)
			return r;
		if (f->i % 16384 != 16128)
			continue;
		co_yield();
		if (task_killed())
			return -EINTR;
	}
	return 0;
	co_end();
}

/* What is written to a mapping is in the file at once. */
static async long sys_msync(struct co *co, const u64 *a)
{
	if ((a[2] & ~(u64)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    (a[2] & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	return advise_nothing(a[0], a[1]);
}

/* --- locking: mlock() takes any address, and the pages it is in ------------------------------- */

static long mark_locked(u64 addr, u64 len, bool on)
{
	u64 start = align_down(addr, PAGE_SIZE);

	if (!align_up(len + (addr - start), PAGE_SIZE))
		return 0;			/* as Linux: the sum is 0 */
	if (!user_range_ok(addr, len))
		return -ENOMEM;
	return vm_mark(current_vm(), start, len + (addr - start), VM_LOCKED, on);
}

/* What is locked is there, as far as its rights allow. */
static async long lock_range(struct co *co, const u64 *a)
{
	struct { u64 start, len; u32 access; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((r = mark_locked(a[0], a[1], true)))
		return r;
	f->start = align_down(a[0], PAGE_SIZE);
	f->len = align_up(a[1] + (a[0] - f->start), PAGE_SIZE);
	f->access = vm_range_allows(current_vm(), f->start, f->len, ACCESS_WRITE) ? ACCESS_WRITE : ACCESS_READ;
	await(r = commit_range(co, f->start, f->len, f->access));
	return r == -EFAULT ? 0 : r;
	co_end();
}

static async long sys_mlock(struct co *co, const u64 *a) { return lock_range(co, a); }
static async long sys_munlock(struct co *co, const u64 *a)
{
	return mark_locked(a[0], a[1], false);
}

static async long sys_mlock2(struct co *co, const u64 *a)
{
	if (a[2] & ~(u64)MLOCK_ONFAULT)
		return -EINVAL;
	return a[2] ? mark_locked(a[0], a[1], true) : lock_range(co, a);
}

static async long sys_mlockall(struct co *co, const u64 *a)
{
	u64 known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;

	return !a[0] || (a[0] & ~known) || a[0] == MCL_ONFAULT ? -EINVAL : 0;
}

static async long sys_munlockall(struct co *co, const u64 *a) { return 0; }

const struct syscall mem_calls[] = {
	ROW(brk, 1, 0, "p"),
	ROW(mmap, 6, 0, "puxxdx"),
	ROW(munmap, 2, 0, "pu"),
	ROW(mprotect, 3, 0, "pux"),
	ROW(mremap, 5, 0, "puuxp"),
	ROW(madvise, 3, 0, "pud"),
	ROW(mincore, 3, 0, "pup"),
	ROW(msync, 3, 0, "pux"),
	ROW(mlock, 2, 0, "pu"),
	ROW(munlock, 2, 0, "pu"),
	ROW(mlock2, 3, 0, "pux"),
	ROW(mlockall, 1, 0, "x"),
	ROW(munlockall, 0, 0, ""),
	{ 0 },
};
