/* SPDX-License-Identifier: MIT */
/*
 * vmcopy.c: process_vm_readv and process_vm_writev, and kcmp: looks from one process into another.
 *
 * A copy goes page by page of the other space: the page is made present there, and then copied between it,
 * where the kernel sees it, and the caller's memory, under the lock that keeps it there.
 */
#include <asm/unistd.h>
#include <linux/kcmp.h>
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

enum { VECS = 1024, TRIES = 3, BATCH = 1 << 20 };

struct copy {				/* heap */
	struct vm	*v;		/* the other's, counted */
	bool		write;		/* to the other */
	u32		tries;		/* of the present piece */
	u64		done;
	struct uio	mine;		/* the caller's buffers */
	struct uvec	*theirs;
	u64		left, at;	/* vectors of theirs; position in the first */
	struct uvec	vec[];
};

/* Buffers of the other: addresses are looked at when it is their turn. */
static long check_theirs(const struct uvec *v, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if ((s64)v[i].len < 0)
			return -EINVAL;
	return 0;
}

/* The next piece: within one page of theirs and one buffer of mine.  0: that was all. */
static u64 next_piece(struct copy *c, uaddr_t *their, uaddr_t *my)
{
	while (c->left && c->at == c->theirs->len) {
		c->theirs++;
		c->left--;
		c->at = 0;
	}
	while (c->mine.left && c->mine.count && c->mine.at == c->mine.vec->len) {
		c->mine.vec++;
		c->mine.count--;
		c->mine.at = 0;
	}
	if (!c->left || !c->mine.left || !c->mine.count)
		return 0;
	*their = c->theirs->base + c->at;
	*my = c->mine.vec->base + c->mine.at;
	return min(min(c->theirs->len - c->at, uio_piece(&c->mine)), PAGE_SIZE - *their % PAGE_SIZE);
}

enum { THEIRS_MISSING = -1, MINE_MISSING = -2 };

/* Bytes copied, or what was not there. */
static long copy_piece(struct copy *c, uaddr_t their, uaddr_t my, u64 n)
{
	u64 left;
	pte_t *e;
	char *at;
	guard(&c->v->lock);

	e = arch_pte(&c->v->mmu, align_down(their, PAGE_SIZE));
	if (!e || !pte_present(*e) || (c->write && !pte_writable(*e)))
		return THEIRS_MISSING;
	at = (char *)phys_to_virt(pte_phys(*e)) + their % PAGE_SIZE;
	left = c->write ? arch_copy_in(at, my, n) : arch_copy_out(my, at, n);
	return left == n ? MINE_MISSING : (long)(n - left);
}

/* Make present what is missing; a page that is missing again and again is not to be had. */
static async long supply(struct copy *c, bool mine, uaddr_t at)
{
	u32 access = c->write != mine ? ACCESS_WRITE : ACCESS_READ;
	long r;

	if (c->tries > TRIES)
		return -EFAULT;
	r = mine ? user_commit(at, 1, access) : at < USER_TOP ? vm_fault(c->v, at, access) : -EFAULT;
	if (r != PENDING)
		c->tries++;
	return !r || r == PENDING || r == -ENOMEM ? r : -EFAULT;
}

/* Until all is copied (0), others shall have a turn (1), or -errno.  Starts over: progress is in @c. */
static async long copy_some(struct copy *c)
{
	u64 until = c->done + BATCH, n;
	uaddr_t their = 0, my = 0;
	long r;

	while ((n = next_piece(c, &their, &my)) && c->done < until) {
		r = their < USER_TOP ? copy_piece(c, their, my, n) : THEIRS_MISSING;
		if (r > 0) {
			c->at += r;
			uio_advance(&c->mine, r);
			c->done += r;
			c->tries = 0;
		} else if ((r = supply(c, r == MINE_MISSING, r == MINE_MISSING ? my : their))) {
			return r;
		}
	}
	return n ? 1 : 0;
}

/* Read both arrays; @c has room for them. */
static async long read_vectors(struct copy *c, const u64 *a)
{
	long r = uio_init_vec(&c->mine, c->vec, a[1], a[2]);

	if (r)
		return r;
	c->theirs = c->vec + a[2];
	c->left = a[4];
	r = user_read(c->theirs, a[3], a[4] * sizeof(*c->theirs));
	return r ? r : check_theirs(c->theirs, a[4]);
}

static long find_space(s32 pid, struct vm **out)
{
	struct thread *t = thread_find(pid);
	struct process *p = t ? t->proc : NULL;
	long r = 0;

	if (!p || p->job != process_current()->job)
		r = -ESRCH;
	else if (!process_may_look(p, false))
		r = -EPERM;
	else if (!(*out = process_space(p)))
		r = -ESRCH;
	process_put(p);
	return r;
}

/* All of it, others having turns: bytes, or why not even one. */
static async long copy_all(struct co *co, struct copy *c)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		await(r = copy_some(c));
		if (r <= 0 || task_killed())
			return c->done ? (long)c->done : min(r, 0l);
		co_yield();
	}
	co_end();
}

static async long vm_copy(struct co *co, const u64 *a, bool write)
{
	struct { struct copy *c; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (a[5] || a[2] > VECS || a[4] > VECS)
		return -EINVAL;
	f->c = heap_zero(sizeof(*f->c) + (a[2] + a[4]) * sizeof(struct uvec));
	if (!f->c)
		return -ENOMEM;
	f->c->write = write;
	await(r = read_vectors(f->c, a));
	if (!r && f->c->mine.left && f->c->left)
		r = find_space(a[0], &f->c->v);
	if (!r && f->c->v)
		await(r = copy_all(co, f->c));
	vm_put(f->c->v);
	heap_free(f->c);
	return r;
	co_end();
}

static async long sys_process_vm_readv(struct co *co, const u64 *a) { return vm_copy(co, a, false); }
static async long sys_process_vm_writev(struct co *co, const u64 *a) { return vm_copy(co, a, true); }

/* --- kcmp --------------------------------------------------------------------------------------------- */

/* What of a thread is compared, and whether it is there: a descriptor may not be open. */
static const void *shared_thing(struct process *p, struct thread *t, u32 type)
{
	switch (type) {
	case KCMP_VM:	   return p->vm;
	case KCMP_FILES:   return t->files;
	case KCMP_FS:	   return t->fs;
	case KCMP_SIGHAND: return p->sighand;
	}
	return NULL;
}

static long thing_of(s32 tid, u32 type, u64 fd, const void **out)
{
	struct thread *t = thread_find(tid), *at;
	struct process *p = t ? t->proc : NULL;
	struct file *f;
	long r = 0;

	if (!p || p->job != process_current()->job) {
		r = -ESRCH;
	} else if (!process_may_look(p, false)) {
		r = -EPERM;
	} else if (type == KCMP_FILE) {
		*out = f = process_file(tid, fd);	/* only its address counts */
		r = f ? 0 : -EBADF;
		file_put(f);
	} else {
		guard(&p->lock);
		TAILQ_FOREACH(at, &p->threads, link)
			if (at->tid == tid)
				*out = shared_thing(p, at, type);
	}
	process_put(p);
	return r;
}

static async long sys_kcmp(struct co *co, const u64 *a)
{
	const void *one = NULL, *two = NULL;
	u32 type = a[2];
	long r;

	if (type >= KCMP_TYPES)
		return -EINVAL;
	if (type == KCMP_IO || type == KCMP_SYSVSEM || type == KCMP_EPOLL_TFD)
		return syscall_refuse(-EOPNOTSUPP, "kcmp type", type);
	if ((r = thing_of(a[0], type, a[3], &one)) || (r = thing_of(a[1], type, a[4], &two)))
		return r;
	if (type == KCMP_SIGHAND && !one && !two && a[0] != a[1])
		return 1;			/* two tables that nobody has touched yet */
	return one == two ? 0 : one < two ? 1 : 2;
}

const struct syscall vmcopy_calls[] = {
	ROW(process_vm_readv, 6, 0, "dpupux"),
	ROW(process_vm_writev, 6, 0, "dpupux"),
	ROW(kcmp, 5, 0, "dddxx"),
	{ 0 },
};
