/* SPDX-License-Identifier: MIT */
/*
 * numa.c: memory policies on a machine with one node, number 0: every policy that can be had puts pages
 * there, so all there is to do is to check, to remember what a process asked for, and to say where pages
 * are.  Policies of ranges are checked and not remembered.
 */
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/mempolicy.h>
#include "mem/user.h"
#include "proc/process.h"
#include "sys/table.h"

enum { WEIGHTED = 6, MODES = 7, MASK_BITS = PAGE_SIZE * 8 };
enum { FLAG_STATIC = 1 << 15, FLAG_RELATIVE = 1 << 14, FLAG_BALANCING = 1 << 13 };
enum { MODE_FLAGS = FLAG_STATIC | FLAG_RELATIVE | FLAG_BALANCING };

/* A mask of nodes: is it there and is node 0 in it; others do not exist, and setting them is -EINVAL. */
struct nodes { bool any, zero; };

static async long read_nodes(struct nodes *n, uaddr_t at, u64 max)
{
	u64 bits = max - 1, word;
	long r;

	*n = (struct nodes){ false, false };
	if (!max || !bits || !at)
		return 0;
	if (bits > MASK_BITS)
		return -EINVAL;
	for (u64 i = 0; i < bits; i += 64) {
		if ((r = user_get(word, at + i / 8)))
			return r;
		if (bits - i < 64)
			word &= (1ull << (bits - i)) - 1;
		if (i ? word : word & ~15ull)		/* as many as the kernel could have: MAX_NUMNODES */
			return -EINVAL;
		if (!i)
			*n = (struct nodes){ word, word & 1 };
	}
	return 0;
}

/* The policy @mode, with flags, for @n: what is remembered, or -EINVAL. */
static long policy_of(u32 mode, struct nodes n)
{
	u32 flags = mode & MODE_FLAGS, kind = mode & ~(u32)MODE_FLAGS;

	if (kind >= MODES || (flags & FLAG_STATIC && flags & FLAG_RELATIVE))
		return -EINVAL;
	if (flags & FLAG_BALANCING && kind != MPOL_BIND && kind != MPOL_PREFERRED_MANY)
		return -EINVAL;
	if (kind == MPOL_DEFAULT)
		return n.any ? -EINVAL : MPOL_DEFAULT;
	if (kind == MPOL_LOCAL || (kind == MPOL_PREFERRED && !n.any))
		return (kind == MPOL_LOCAL && n.any) || flags & (FLAG_STATIC | FLAG_RELATIVE) ? -EINVAL : MPOL_LOCAL;
	return n.zero ? (long)mode : -EINVAL;
}

static async long sys_set_mempolicy(struct co *co, const u64 *a)
{
	struct process *p = process_current();
	struct nodes n;
	long r;

	if ((u32)((u32)a[0] & ~(u32)MODE_FLAGS) >= MODES)
		return -EINVAL;
	if ((r = read_nodes(&n, a[1], a[2])) || (r = policy_of(a[0], n)) < 0)
		return r;
	p->memory_policy = r;
	p->memory_nodes = n.zero && r != MPOL_LOCAL;
	return 0;
}

static async long put_nodes(uaddr_t at, u64 max, bool zero)
{
	u64 bytes = align_up(max - 1, 64) / 8, word = zero;
	long r;

	if (bytes > PAGE_SIZE)
		return -EINVAL;
	if (!bytes)
		return 0;
	if ((r = user_put(at, word)))
		return r;
	return bytes > sizeof(word) ? user_clear(at + sizeof(word), bytes - sizeof(word)) : 0;
}

/* The node of the page at @addr, which is made present. */
static async long node_of(uaddr_t addr)
{
	return user_commit(addr, 1, ACCESS_READ);
}

static async long policy_about(const u64 *a, u32 flags, s32 *mode, bool *zero)
{
	struct process *p = process_current();
	long r;

	if (flags & MPOL_F_MEMS_ALLOWED) {
		*mode = 0;
		*zero = true;
		return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
	}
	if (!(flags & MPOL_F_ADDR) && a[3])
		return -EINVAL;
	if (flags & MPOL_F_ADDR && !vm_range_mapped(p->vm, align_down(a[3], PAGE_SIZE), 1))
		return -EFAULT;
	*zero = p->memory_nodes;
	*mode = p->memory_policy;
	if (!(flags & MPOL_F_NODE))
		return 0;
	*mode = 0;
	if (!(flags & MPOL_F_ADDR))
		return (p->memory_policy & ~MODE_FLAGS) == MPOL_INTERLEAVE ||
		       (p->memory_policy & ~MODE_FLAGS) == WEIGHTED ? 0 : -EINVAL;
	r = node_of(a[3]);
	return r;
}

static async long sys_get_mempolicy(struct co *co, const u64 *a)
{
	u32 flags = a[4];
	bool zero = false;
	s32 mode = 0;
	long r;

	if (a[1] && a[2] < 1)
		return -EINVAL;
	if (flags & ~(u32)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if ((r = policy_about(a, flags, &mode, &zero)))
		return r;
	if (a[0] && (r = user_put(a[0], mode)))
		return r;
	return a[1] ? put_nodes(a[1], a[2], zero) : 0;
}

static async long sys_mbind(struct co *co, const u64 *a)
{
	u64 len = align_up(a[1], PAGE_SIZE);
	u32 flags = a[5];
	struct nodes n;
	long r;

	if ((u32)((u32)a[2] & ~(u32)MODE_FLAGS) >= MODES)
		return -EINVAL;
	if ((r = read_nodes(&n, a[3], a[4])))
		return r;
	if (flags & ~(u32)MPOL_MF_VALID)
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (a[0] % PAGE_SIZE || a[0] + len < a[0])
		return -EINVAL;
	if (!len)
		return 0;
	if ((r = policy_of(a[2], n)) < 0)
		return r;
	return vm_range_mapped(process_current()->vm, a[0], len) ? 0 : -EFAULT;
}

/* --- where pages are --------------------------------------------------------------------------------- */

/* The space of a process of this job that the caller may look into, counted. */
static long space_of(s32 pid, struct vm **out)
{
	const struct process *me = process_current();
	struct process *p = pid ? process_find(pid) : process_get(process_current());
	long r = p && p->job == me->job ? 0 : -ESRCH;

	if (!r && p != me && !capable(CAP_SYS_NICE) && (me->uid != p->uid || me->uid != p->suid))
		r = -EPERM;
	if (!r) {
		guard(&p->lock);
		*out = p->vm ? vm_get(p->vm) : NULL;
		r = *out ? 0 : -EINVAL;
	}
	process_put(p);
	return r;
}

static async long sys_migrate_pages(struct co *co, const u64 *a)
{
	struct nodes old, new;
	struct vm *v;
	long r;

	if ((r = read_nodes(&old, a[2], a[1])) || (r = read_nodes(&new, a[3], a[1])) || (r = space_of(a[0], &v)))
		return r;
	vm_put(v);
	return new.zero ? 0 : new.any ? -EPERM : -EINVAL;	/* all is where it is to be */
}

static s32 status_of(struct vm *v, uaddr_t at)
{
	struct area *a;
	pte_t *e;
	guard(&v->lock);

	a = at < USER_TOP ? vm_find(v, at) : NULL;
	if (!a || a->start > at)
		return -EFAULT;
	e = arch_pte(&v->mmu, align_down(at, PAGE_SIZE));
	return e && pte_present(*e) ? 0 : -ENOENT;
}

/* One page: it is on node 0, where it shall be (@nodes) or is asked to be. */
static async long move_one(struct vm *v, const u64 *a, u64 i)
{
	s32 node = 0, status;
	uaddr_t at;
	long r = user_get(at, a[2] + i * sizeof(at));

	if (!r && a[3])
		r = user_get(node, a[3] + i * sizeof(node));
	if (r)
		return r;
	if (node)
		return -ENODEV;
	status = status_of(v, at);
	return user_write(a[4] + i * sizeof(status), &status, sizeof(status));
}

static async long sys_move_pages(struct co *co, const u64 *a)
{
	struct { struct vm *v; u64 i; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[5] & ~(u32)(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((u32)a[5] & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	if ((r = space_of(a[0], &f->v)))
		return r;
	f->err = 0;
	for (f->i = 0; f->i < a[1] && !f->err; f->i++) {
		await(f->err = move_one(f->v, a, f->i));
		if (f->i % 1024 != 1023)
			continue;
		co_yield();
		if (task_killed())
			break;
	}
	vm_put(f->v);
	return f->err;
	co_end();
}

const struct syscall numa_calls[] = {
	ROW(set_mempolicy, 3, 0, "xpu"),
	ROW(get_mempolicy, 5, 0, "ppupx"),
	ROW(mbind, 6, 0, "puxpux"),
	ROW(migrate_pages, 4, 0, "dupp"),
	ROW(move_pages, 6, 0, "dupppx"),
	{ 0 },
};
