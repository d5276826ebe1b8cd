/* SPDX-License-Identifier: MIT */
/*
 * vm.c: address spaces and their areas.  Areas are in a red-black tree by address and never overlap;
 * neighbours that could be one are one.  v->lock guards areas and page table; what areas hold (sets,
 * files) is let go after it has been released, for that may take any lock.  An operation splits what
 * it must split first (which may fail, and changes nothing a program can see), then changes.
 *
 * A fork shares the tree.  A tree with several users never changes and needs no lock; an operation that
 * changes areas makes a copy first (tree_own()) and only then looks for areas.
 *
 * Areas are paid for by the frame: one more for every AREAS_PER_FRAME areas.
 */
#include <string.h>
#include "core/log.h"
#include "mem/heap.h"
#include "mem/vm_private.h"
#include "mem/vm_sets.h"

enum { AREAS_PER_FRAME = 32, AREAS_MAX = 65530, VM_SPECIAL = VM_LOCKED | VM_DONTFORK | VM_WIPE };
#define MAP_LOWEST	65536ul		/* vm.mmap_min_addr */

static int area_order(const struct area *a, const struct area *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}
RB_GENERATE_INTERNAL(areas, area, node, area_order, static __attribute__((unused)))

static struct slab area_slab = SLAB("area", struct area);
static struct slab tree_slab = SLAB("areas", struct area_tree);
static struct slab vm_slab = SLAB("vm", struct vm);

__attribute__((weak)) struct vm_file_ops vm_file_ops;	/* sys/mem.c has the real one */
bool vm_randomize ro_after_init;
void (*vm_random_bytes)(void *buf, size_t n) ro_after_init;

u64 vm_random_pages(u32 bits)
{
	u32 v = 0;

	if (vm_randomize && vm_random_bytes)
		vm_random_bytes(&v, (bits + 7) / 8);
	return v & ((1ul << bits) - 1);	/* at most 32 */
}

/* --- areas ------------------------------------------------------------------------------------ */

static void area_hold(struct area *a)
{
	if (a->set && a->set->owner_refs) {
		atomic_fetch_add_explicit(a->set->owner_refs, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&a->set->maps, 1, memory_order_relaxed);
	}
	if (a->file && vm_file_ops.get)
		vm_file_ops.get(a->file);
}

static void area_let_go(struct area *a)
{
	if (a->set && a->set->owner_put) {
		atomic_fetch_sub_explicit(&a->set->maps, 1, memory_order_relaxed);
		a->set->owner_put(a->set);
	}
	if (a->file && vm_file_ops.put)
		vm_file_ops.put(a->file);
}

/* A copy that holds what the original holds. */
static struct area *area_copy(const struct area *from)
{
	struct area *a = slab_alloc(&area_slab);

	if (a) {
		*a = *from;
		area_hold(a);
	}
	return a;
}

/* Areas taken out, linked through their left pointers. */
struct dead { struct area *first; };

static void bury(struct dead *d, struct area *a)
{
	RB_LEFT(a, node) = d->first;
	d->first = a;
}

static void free_dead(struct dead *d)
{
	for (struct area *a = d->first, *next; a; a = next) {
		next = RB_LEFT(a, node);
		area_let_go(a);
		slab_free(&area_slab, a);
	}
}

/* --- trees ------------------------------------------------------------------------------------ */

static struct area_tree *tree_create(void)
{
	struct area_tree *t = slab_alloc(&tree_slab);

	if (t)
		*t = (struct area_tree){ .refs = 1 };
	return t;
}

/* What the last user leaves goes to @dead.  In order and without taking areas out one by one:
 * RB_NEXT() does not look at what bury() changes, the left pointers of areas it has passed. */
static void tree_put(struct area_tree *t, struct dead *dead)
{
	struct area *next;

	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (struct area *a = RB_MIN(areas, &t->head); a; a = next) {
		next = RB_NEXT(areas, &t->head, a);
		bury(dead, a);
	}
	slab_free(&tree_slab, t);
}

static void tree_insert(struct area_tree *t, struct area *a)
{
	RB_INSERT(areas, &t->head, a);
	t->special |= !!(a->flags & VM_SPECIAL);
}

static __attribute__((noinline)) long tree_copy(struct vm *v, struct dead *dead)
{
	struct area_tree *t = tree_create(), *old = v->tree;
	struct area *a, *b;

	if (!t)
		return -ENOMEM;
	RB_FOREACH(a, areas, &old->head) {
		b = area_copy(a);
		if (!b) {
			tree_put(t, dead);
			return -ENOMEM;
		}
		tree_insert(t, b);
	}
	v->tree = t;
	v->hint = NULL;
	tree_put(old, dead);
	return 0;
}

/* Areas of @v may change from now on; those found before are not its any more. */
static inline long tree_own(struct vm *v, struct dead *dead)
{
	u32 refs = atomic_load_explicit(&v->tree->refs, memory_order_acquire);

	if (unlikely(refs > 1))
		return tree_copy(v, dead);
	atomic_store_explicit(&v->tree->first_count, 0, memory_order_relaxed);
	return 0;
}

/* Without the lock of the tree: first area with end > addr. */
static struct area *find(struct vm *v, uaddr_t addr)
{
	struct area *a = RB_ROOT(&v->tree->head), *best = NULL;

	while (a) {
		if (a->end > addr) {
			best = a;
			a = RB_LEFT(a, node);
		} else {
			a = RB_RIGHT(a, node);
		}
	}
	return best;
}

struct area *vm_find(struct vm *v, uaddr_t addr)
{
	return find(v, addr);
}

struct area *vm_last_below(struct vm *v, uaddr_t addr)
{
	struct area *a = RB_ROOT(&v->tree->head), *best = NULL;

	while (a) {
		if (a->start < addr) {
			best = a;
			a = RB_RIGHT(a, node);
		} else {
			a = RB_LEFT(a, node);
		}
	}
	return best;
}

struct area *vm_next(struct vm *v, struct area *a)
{
	return RB_NEXT(areas, &v->tree->head, a);
}

/* Room for one more area, paid. */
static long area_claim(struct vm *v)
{
	if (v->area_count >= AREAS_MAX)
		return -ENOMEM;
	if (v->area_count % AREAS_PER_FRAME == 0 && !charge_try(v->charge, 1))
		return -ENOMEM;
	v->area_count++;
	return 0;
}

static void area_unclaim(struct vm *v)
{
	v->area_count--;
	if (v->area_count % AREAS_PER_FRAME == 0)
		charge_back(v->charge, 1);
}

static void area_take_out(struct vm *v, struct area *a, struct dead *dead)
{
	RB_REMOVE(areas, &v->tree->head, a);
	if (v->hint == a)
		v->hint = NULL;
	area_unclaim(v);
	bury(dead, a);
}

static bool mergeable(const struct area *a, const struct area *b)
{
	return a->end == b->start && a->flags == b->flags && a->set == b->set &&
	       a->file == b->file && a->name == b->name && !(a->flags & VM_STACK) &&
	       (!a->set || a->offset + area_pages(a->end - a->start) == b->offset);
}

/* Make @a and the area before it one, if they fit: the one that @a is in now. */
static struct area *merge_down(struct vm *v, struct area *a, struct dead *dead)
{
	struct area *before = RB_PREV(areas, &v->tree->head, a);

	if (!before || !mergeable(before, a))
		return a;
	before->end = a->end;
	area_take_out(v, a, dead);
	return before;
}

static void merge_around(struct vm *v, struct area *a, struct dead *dead)
{
	struct area *next;

	a = merge_down(v, a, dead);
	next = RB_NEXT(areas, &v->tree->head, a);
	if (next)
		merge_down(v, next, dead);
}

/* Let an area begin at @addr, if one has it inside. */
static long split(struct vm *v, uaddr_t addr)
{
	struct area *a = find(v, addr), *high;

	if (!a || a->start >= addr)
		return 0;
	if (area_claim(v))
		return -ENOMEM;
	high = area_copy(a);
	if (!high) {
		area_unclaim(v);
		return -ENOMEM;
	}
	high->start = addr;
	if (high->set)
		high->offset += area_pages(addr - a->start);
	a->end = addr;
	tree_insert(v->tree, high);
	return 0;
}

/* Undo a split that was not needed after all. */
static void unsplit(struct vm *v, uaddr_t addr, struct dead *dead)
{
	struct area *a = find(v, addr);

	if (a && a->start == addr)
		merge_down(v, a, dead);
}

static long split_range(struct vm *v, uaddr_t start, uaddr_t end, struct dead *dead)
{
	long err = split(v, start);

	if (err)
		return err;
	err = split(v, end);
	if (err)
		unsplit(v, start, dead);
	return err;
}

static bool over_limit(const struct vm *v, u64 more)
{
	return v->limit && (more > v->limit || v->mapped > v->limit - more);
}

/* --- stacks grow ------------------------------------------------------------------------------ */

static bool may_grow(struct vm *v, struct area *a, uaddr_t addr)
{
	struct area *below = RB_PREV(areas, &v->tree->head, a);

	if (a->end - addr > v->stack_limit || addr < MAP_LOWEST || over_limit(v, a->start - addr))
		return false;
	return !below || below->end + STACK_GAP <= addr;
}

static long grow_locked(struct vm *v, uaddr_t addr, struct dead *dead)
{
	struct area *a = find(v, addr);

	if (!a || !(a->flags & VM_STACK) || (a->start > addr && !may_grow(v, a, addr)))
		return -EFAULT;
	if (tree_own(v, dead))
		return -ENOMEM;
	a = find(v, addr);
	if (a->start > addr) {
		v->mapped += a->start - addr;
		a->start = addr;
	}
	return 0;
}

long stack_grow(struct vm *v, uaddr_t addr)
{
	struct dead dead = { NULL };
	long err;

	spin_lock(&v->lock);
	err = grow_locked(v, addr, &dead);
	spin_unlock(&v->lock);
	free_dead(&dead);
	return err;
}

struct area *area_search(struct vm *v, uaddr_t addr)
{
	struct area *a = find(v, addr);

	if (!a || a->start > addr)
		return NULL;
	v->hint = a;
	return a;
}

/* --- where mappings go ------------------------------------------------------------------------ */

static bool is_free(struct vm *v, uaddr_t start, uaddr_t end)
{
	struct area *a = find(v, start);

	return !a || end <= a->start - (a->flags & VM_STACK ? min((u64)STACK_GAP, a->start) : 0);
}

static uaddr_t floor_of(const struct area *a)
{
	return a->start - (a->flags & VM_STACK ? min((u64)STACK_GAP, a->start) : 0);
}

/* Highest gap of @len bytes below @top: its start, or 0. */
static uaddr_t gap_below(struct vm *v, uaddr_t top, u64 len)
{
	struct area *a = find(v, top - 1);

	if (!a)
		a = RB_MAX(areas, &v->tree->head);
	else if (a->start >= top && floor_of(a) >= top)
		a = RB_PREV(areas, &v->tree->head, a);
	for (; a; a = RB_PREV(areas, &v->tree->head, a)) {
		if (a->end < top && top - a->end >= len)
			return top - len;
		if (a->start < top)
			top = min(top, floor_of(a));
	}
	return top > MAP_LOWEST && top - MAP_LOWEST >= len ? top - len : 0;
}

static uaddr_t place(struct vm *v, u64 len)
{
	uaddr_t at;

	if (len < v->search_len || !v->search_top || v->search_top > v->mmap_top)
		v->search_top = v->mmap_top;
	at = gap_below(v, v->search_top, len);
	if (at) {
		v->search_top = at;
		v->search_len = len;
		return at;
	}
	return gap_below(v, USER_TOP - PAGE_SIZE, len);
}

/* --- map and unmap ---------------------------------------------------------------------------- */

/* Take [start, end), which reaches at least one end of @a, out of it. */
static void unmap_part(struct vm *v, struct area *a, uaddr_t start, uaddr_t end, struct dead *dead)
{
	pages_drop(v, start, end);
	v->mapped -= end - start;
	if (end > v->search_top)
		v->search_top = 0;
	if (start > a->start) {
		a->end = start;
	} else if (end < a->end) {
		if (a->set)
			a->offset += area_pages(end - start);
		a->start = end;
	} else {
		area_take_out(v, a, dead);
	}
}

static long unmap_locked(struct vm *v, uaddr_t start, uaddr_t end, struct dead *dead)
{
	struct area *a = find(v, start), *next;

	if (tables_own(v, start, end) ||
	    (a && a->start < start && a->end > end && split(v, end)))
		return -ENOMEM;
	for (; a && a->start < end; a = next) {
		next = a->end < end ? RB_NEXT(areas, &v->tree->head, a) : NULL;
		unmap_part(v, a, max(a->start, start), min(a->end, end), dead);
	}
	return 0;
}

/* [addr, addr + *len) with *len rounded up to pages: in bounds? */
static long check_range(uaddr_t addr, u64 *len)
{
	if (addr % PAGE_SIZE || *len > USER_TOP || addr > USER_TOP)
		return -EINVAL;
	*len = align_up(*len, PAGE_SIZE);
	return *len > USER_TOP - addr ? -EINVAL : 0;
}

long vm_unmap(struct vm *v, uaddr_t addr, u64 len)
{
	struct dead dead = { NULL };
	long err = check_range(addr, &len);

	if (err || !len)
		return -EINVAL;
	spin_lock(&v->lock);
	err = tree_own(v, &dead);
	if (!err)
		err = unmap_locked(v, addr, addr + len, &dead);
	spin_unlock(&v->lock);
	free_dead(&dead);
	return err;
}

/* Decide where the new area goes; nothing changes. */
static long choose(struct vm *v, struct area *a, u64 len, uaddr_t want, u32 how)
{
	uaddr_t at = align_down(want, PAGE_SIZE);

	if (how & (MAP_AT | MAP_KEEP)) {
		if (want % PAGE_SIZE)
			return -EINVAL;
		if (want > USER_TOP || len > USER_TOP - want)
			return -ENOMEM;
		if (want < MAP_LOWEST)
			return -EPERM;
		if ((how & MAP_KEEP) && !is_free(v, want, want + len))
			return -EEXIST;
	} else if (at < MAP_LOWEST || at > USER_TOP - PAGE_SIZE ||
		   len > USER_TOP - PAGE_SIZE - at || !is_free(v, at, at + len)) {
		at = place(v, len);
		if (!at)
			return -ENOMEM;
	}
	a->start = at;
	a->end = at + len;
	return 0;
}

/* Bytes of [start, end) that are in areas. */
static u64 bytes_mapped(struct vm *v, uaddr_t start, uaddr_t end)
{
	u64 n = 0;

	for (struct area *a = find(v, start); a && a->start < end; a = RB_NEXT(areas, &v->tree->head, a))
		n += min(a->end, end) - max(a->start, start);
	return n;
}

static void publish(struct vm *v, struct area *a, struct dead *dead)
{
	tree_insert(v->tree, a);
	v->mapped += a->end - a->start;
	merge_around(v, a, dead);
}

/* A new area like @new, where there is nothing: by making a neighbour larger, if one fits. */
static long add(struct vm *v, const struct area *new, struct dead *dead)
{
	struct area *next = find(v, new->end), *before, *a;

	before = next ? RB_PREV(areas, &v->tree->head, next) : RB_MAX(areas, &v->tree->head);
	if (before && mergeable(before, new)) {
		before->end = new->end;
		v->mapped += new->end - new->start;
		if (next)
			merge_down(v, next, dead);
		return 0;
	}
	if (next && mergeable(new, next)) {
		next->start = new->start;
		next->offset = new->offset;
		v->mapped += new->end - new->start;
		return 0;
	}
	if (area_claim(v))
		return -ENOMEM;
	a = area_copy(new);
	if (!a) {
		area_unclaim(v);
		return -ENOMEM;
	}
	v->mapped += a->end - a->start;
	tree_insert(v->tree, a);
	return 0;
}

/* The same where something may be: everything that can fail first. */
static long replace(struct vm *v, const struct area *new, struct dead *dead)
{
	struct area *a;
	long err;

	if (area_claim(v))
		return -ENOMEM;
	a = area_copy(new);
	err = a ? unmap_locked(v, a->start, a->end, dead) : -ENOMEM;
	if (!err) {
		publish(v, a, dead);
		return 0;
	}
	area_unclaim(v);
	if (a)
		bury(dead, a);
	return err;
}

static long map_locked(
	struct vm *v, struct area *new, u64 len, uaddr_t want, u32 how, struct dead *dead)
{
	long err = choose(v, new, len, want, how);
	u64 there = 0;

	if (err)
		return err;
	if (how & MAP_AT)
		there = bytes_mapped(v, new->start, new->end);
	if (over_limit(v, len - there))
		return -ENOMEM;
	return there ? replace(v, new, dead) : add(v, new, dead);
}

/* What could never be backed, whatever else is given up, is refused at once, as Linux does. */
static bool hopeless(const struct area *a, u64 len)
{
	return (a->flags & (VM_WRITE | VM_SHARED | VM_NORESERVE)) == VM_WRITE &&
	       area_pages(len) > page_total_count();
}

long vm_map(struct vm *v, uaddr_t *addr, u64 len, u32 flags, u32 how,
	    struct pageset *set, u64 offset, const char *name, void *file)
{
	struct area new = { .flags = flags, .set = set, .offset = set ? offset : 0, .name = name,
			    .file = file };
	struct dead dead = { NULL };
	long err;

	if (!len)
		return -EINVAL;
	if (len > USER_TOP || hopeless(&new, len))
		return -ENOMEM;
	len = align_up(len, PAGE_SIZE);
	if (set && offset + area_pages(len) < offset)
		return -EOVERFLOW;
	spin_lock(&v->lock);
	err = tree_own(v, &dead);
	if (!err)
		err = map_locked(v, &new, len, *addr, how, &dead);
	spin_unlock(&v->lock);
	if (!err)
		*addr = new.start;
	free_dead(&dead);
	return err;
}

/* --- changing rights -------------------------------------------------------------------------- */

static bool range_mapped(struct vm *v, uaddr_t start, uaddr_t end)
{
	return bytes_mapped(v, start, end) == end - start;
}

bool vm_range_mapped(struct vm *v, uaddr_t addr, u64 len)
{
	if (check_range(addr, &len))
		return false;
	guard(&v->lock);
	return range_mapped(v, addr, addr + len);
}

/* The end of what is mapped from @start on without a hole. */
static uaddr_t mapped_end(struct vm *v, uaddr_t start, uaddr_t end)
{
	uaddr_t at = start;

	for (struct area *a = find(v, start); a && a->start <= at && at < end; a = RB_NEXT(areas, &v->tree->head, a))
		at = a->end;
	return min(at, end);
}

bool vm_range_allows(struct vm *v, uaddr_t addr, u64 len, u32 access)
{
	static const u8 wanted[] = { [ACCESS_READ] = VM_READ | VM_WRITE, [ACCESS_WRITE] = VM_WRITE };
	guard(&v->lock);

	for (struct area *a = find(v, addr); a && a->start < addr + len; a = RB_NEXT(areas, &v->tree->head, a))
		if (!(a->flags & wanted[access]))
			return false;
	return true;
}

static bool all_anonymous(struct vm *v, uaddr_t start, uaddr_t end)
{
	for (struct area *a = find(v, start); a && a->start < end; a = RB_NEXT(areas, &v->tree->head, a))
		if (a->set)
			return false;
	return true;
}

static bool may_write(struct vm *v, uaddr_t start, uaddr_t end)
{
	for (struct area *a = find(v, start); a && a->start < end; a = RB_NEXT(areas, &v->tree->head, a))
		if (a->flags & VM_NOWRITE)
			return false;
	return true;
}

/* Replace the flags of @mask by @flags; the range is mapped and split off. */
static void change(struct vm *v, uaddr_t start, uaddr_t end, u32 mask, u32 flags, struct dead *dead)
{
	struct area *a;

	for (uaddr_t at = start; at < end; at = a->end) {
		a = find(v, at);
		if ((a->flags & mask) != flags) {
			a->flags = (a->flags & ~mask) | flags;
			v->tree->special |= !!(flags & VM_SPECIAL);
			if (mask & VM_RIGHTS)
				pages_protect(v, a, a->start, a->end);
		}
		a = merge_down(v, a, dead);
	}
	unsplit(v, end, dead);
}

static long change_locked(
	struct vm *v, uaddr_t start, uaddr_t end, u32 mask, u32 flags, struct dead *dead)
{
	long err;

	if ((mask & flags & VM_WRITE) && !may_write(v, start, end))
		return -EACCES;
	if ((mask & flags & VM_WIPE) && !all_anonymous(v, start, end))
		return -EINVAL;
	if (tree_own(v, dead) || ((mask & VM_RIGHTS) && tables_own(v, start, end)))
		return -ENOMEM;
	err = split_range(v, start, end, dead);
	if (!err)
		change(v, start, end, mask, flags, dead);
	return err;
}

/* Up to the first hole, if there is one: then -ENOMEM. */
static long change_range(struct vm *v, uaddr_t addr, u64 len, u32 mask, u32 flags)
{
	struct dead dead = { NULL };
	long err = check_range(addr, &len);
	uaddr_t end;

	if (err)
		return addr % PAGE_SIZE ? -EINVAL : -ENOMEM;
	if (!len)
		return 0;
	spin_lock(&v->lock);
	end = mapped_end(v, addr, addr + len);
	err = end > addr ? change_locked(v, addr, end, mask, flags, &dead) : 0;
	if (!err && end < addr + len)
		err = -ENOMEM;
	spin_unlock(&v->lock);
	free_dead(&dead);
	return err;
}

long vm_protect(struct vm *v, uaddr_t addr, u64 len, u32 rights)
{
	return change_range(v, addr, len, VM_RIGHTS, rights & VM_RIGHTS);
}

long vm_mark(struct vm *v, uaddr_t addr, u64 len, u32 flag, bool on)
{
	return change_range(v, addr, len, flag, on ? flag : 0);
}

/* --- break, discard, mincore ------------------------------------------------------------------ */

static long brk_grow(struct vm *v, uaddr_t from, uaddr_t to, struct dead *dead)
{
	struct area heap = { .start = from, .end = to, .flags = VM_READ | VM_WRITE | VM_HEAP,
			     .name = "[heap]" };

	if (!is_free(v, from, to) || over_limit(v, to - from) || hopeless(&heap, to - from))
		return -ENOMEM;
	return add(v, &heap, dead);
}

static long brk_locked(struct vm *v, uaddr_t to, struct dead *dead)
{
	uaddr_t old_end = align_up(v->brk, PAGE_SIZE), end = align_up(to, PAGE_SIZE);
	long err = 0;

	if (to < v->brk_start || to > USER_TOP - PAGE_SIZE || (end != old_end && tree_own(v, dead)))
		return v->brk;
	if (end > old_end)
		err = brk_grow(v, old_end, end, dead);
	else if (end < old_end)
		err = unmap_locked(v, end, old_end, dead);
	if (!err)
		v->brk = to;
	return v->brk;
}

long vm_brk(struct vm *v, uaddr_t to)
{
	struct dead dead = { NULL };
	long r;

	spin_lock(&v->lock);
	r = brk_locked(v, to, &dead);
	spin_unlock(&v->lock);
	free_dead(&dead);
	return r;
}

long vm_discard(struct vm *v, uaddr_t addr, u64 len, bool anonymous)
{
	uaddr_t end;

	if (check_range(addr, &len))
		return -EINVAL;
	end = addr + len;
	guard(&v->lock);
	if (tables_own(v, addr, end))
		return -EAGAIN;
	for (struct area *a = find(v, addr); a && a->start < end;
		a = RB_NEXT(areas, &v->tree->head, a)) {
		if (a->flags & VM_LOCKED || (anonymous && a->set))
			return -EINVAL;
		pages_drop(v, max(a->start, addr), min(a->end, end));
	}
	return range_mapped(v, addr, end) ? 0 : -ENOMEM;
}

/* The set of anonymous shared memory at @addr, held; -EINVAL, -EACCES as Linux has them. */
static long shared_set(struct vm *v, uaddr_t addr, u64 len, struct pageset **set, u64 *first)
{
	struct area *a;
	guard(&v->lock);

	a = find(v, addr);
	if (!a || a->start > addr)
		return -ENOMEM;
	if (a->flags & VM_LOCKED || !a->set || addr + len > a->end)
		return -EINVAL;
	if ((a->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	if (a->file)
		return -EOPNOTSUPP;
	*set = a->set;
	*first = a->offset + area_pages(addr - a->start);
	atomic_fetch_add_explicit(a->set->owner_refs, 1, memory_order_relaxed);
	return 0;
}

long vm_remove(struct vm *v, uaddr_t addr, u64 len)
{
	struct pageset *set;
	u64 first;
	long err = check_range(addr, &len);

	if (err || !len)
		return err;
	err = shared_set(v, addr, len, &set, &first);
	if (err)
		return err;
	pageset_remove(set, first, first + area_pages(len));
	vm_unmap_pages(set, first, first + area_pages(len));
	set->owner_put(set);
	return 0;
}

long vm_present(struct vm *v, uaddr_t addr, u64 pages, u8 *out)
{
	guard(&v->lock);
	if (!range_mapped(v, addr, addr + (pages << PAGE_SHIFT)))
		return -ENOMEM;
	for (u64 i = 0; i < pages; i++) {
		pte_t *e = arch_pte(&v->mmu, addr + (i << PAGE_SHIFT));

		out[i] = e && *e;
	}
	return 0;
}

/* --- mremap ----------------------------------------------------------------------------------- */

/* The area grows where it is. */
static bool grow_in_place(struct vm *v, struct area *a, const struct remap *r, struct dead *dead)
{
	uaddr_t end = r->old + r->old_len, new_end = r->old + r->new_len;
	struct area *next;

	if (r->fixed_to || r->keep || a->end != end || new_end > USER_TOP - PAGE_SIZE ||
		!is_free(v, end, new_end))
		return false;
	a->end = new_end;
	v->mapped += new_end - end;
	next = RB_NEXT(areas, &v->tree->head, a);
	if (next)
		merge_down(v, next, dead);
	return true;
}

/* Pages of [old, old_len) go to a new area; the old one is split off already. */
static long move_area(struct vm *v, struct area *a, const struct remap *r, struct dead *dead)
{
	u64 len = min(r->old_len, r->new_len);
	struct area *to;
	long err;

	if (area_claim(v))
		return -ENOMEM;
	to = area_copy(a);
	err = to ? choose(v, to, r->new_len, r->fixed_to, r->fixed_to ? MAP_AT : 0) : -ENOMEM;
	if (!err)
		err = pages_prepare(v, r->old, to->start, len);
	if (!err && r->fixed_to)
		err = unmap_locked(v, to->start, to->end, dead);
	if (err) {
		area_unclaim(v);
		if (to)
			bury(dead, to);
		return err;
	}
	err = to->start;
	pages_move(v, r->old, to->start, len);
	if (!r->keep)
		unmap_part(v, a, a->start, a->end, dead);
	publish(v, to, dead);
	return err;
}

/* A shared area once more; its pages will be found. */
static long map_again(struct vm *v, const struct area *a, const struct remap *r, struct dead *dead)
{
	struct area to = *a;
	long err;

	if (!(a->flags & VM_SHARED) || !r->may_move)
		return -EINVAL;
	to.offset += area_pages(r->old - a->start);
	err = map_locked(v, &to, r->new_len, r->fixed_to, r->fixed_to ? MAP_AT : 0, dead);
	return err ? err : (long)to.start;
}

static long remap_locked(struct vm *v, const struct remap *r, struct dead *dead)
{
	uaddr_t end = r->old + r->old_len;
	struct area *a = find(v, r->old);
	u64 more;
	long err;

	if (!a || a->start > r->old)
		return -EFAULT;
	if (!r->old_len)
		return map_again(v, a, r, dead);
	if (r->new_len <= r->old_len && !r->fixed_to && !r->keep) {
		err = r->new_len < r->old_len ? unmap_locked(v, r->old + r->new_len, end, dead) : 0;
		return err ? err : (long)r->old;
	}
	if (end > a->end)
		return -EFAULT;
	more = r->keep ? r->new_len : r->new_len - min(r->old_len, r->new_len);
	if (more && over_limit(v, more))
		return -ENOMEM;
	if (grow_in_place(v, a, r, dead))
		return r->old;
	if (!r->may_move)
		return -ENOMEM;
	err = split_range(v, r->old, end, dead);
	if (err)
		return err;
	err = move_area(v, find(v, r->old), r, dead);
	if (err < 0 || r->keep) {
		unsplit(v, end, dead);
		unsplit(v, r->old, dead);
	}
	return err;
}

static bool overlap(const struct remap *r)
{
	return r->fixed_to < r->old + r->old_len && r->old < r->fixed_to + r->new_len;
}

long vm_remap(struct vm *v, struct remap r)
{
	struct dead dead = { NULL };
	long err;

	if (check_range(r.old, &r.old_len) || !r.new_len)
		return -EINVAL;
	if (r.new_len > USER_TOP)
		return -ENOMEM;
	if (check_range(r.fixed_to, &r.new_len) || (r.fixed_to && overlap(&r)))
		return -EINVAL;
	spin_lock(&v->lock);
	err = tree_own(v, &dead);
	if (!err)
		err = remap_locked(v, &r, &dead);
	spin_unlock(&v->lock);
	free_dead(&dead);
	return err;
}

/* --- spaces ----------------------------------------------------------------------------------- */

static struct vm *vm_alloc(struct charge *c)
{
	struct vm *v = slab_alloc(&vm_slab);

	if (!v)
		return NULL;
	memset(v, 0, offsetof(struct vm, lent));
	v->refs = 1;
	v->charge = c;
	if (arch_mmu_init(&v->mmu))
		goto out;
	v->charged_tables = area_pages(arch_mmu_tables(&v->mmu));
	if (charge_try(c, v->charged_tables))
		return v;
	arch_mmu_destroy(&v->mmu);
	out:
	slab_free(&vm_slab, v);
	return NULL;
}

struct vm *vm_create(struct charge *c)
{
	struct vm *v = vm_alloc(c);

	if (!v)
		return NULL;
	v->mmap_top = USER_TOP - PAGE_SIZE;
	v->tree = tree_create();
	if (v->tree) {
		vm_enlist(v, NULL);
		return v;
	}
	vm_put(v);
	return NULL;
}

/* One of several harts loads @v: true if its translations have to go.  A hart that has only slept since it had
 * @v has it still (cpu_leave_mmu()), but for what changed meanwhile: must_tell() has noted that. */
static bool load_on(struct vm *v, struct cpu *c)
{
	bool kept = !c->mmu && c->mmu_kept == v;
	u64 bit = 1ul << c->id;

	if (!kept)
		atomic_store_explicit(&c->mmu_kept, NULL, memory_order_relaxed);
	atomic_store_explicit(&c->mmu, v, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);	/* harts_told() does it the other way round */
	if (unlikely(v->stale & bit))
		atomic_fetch_and(&v->stale, ~bit);
	else if (kept)
		return false;
	arch_fence_instructions();			/* what was written while v was elsewhere */
	return true;
}

static __attribute__((noinline)) void load_of_several(struct vm *v)
{
	if (load_on(v, this_cpu()))
		arch_mmu_activate(&v->mmu);
}

void vm_load(struct vm *v)
{
	if (unlikely(cpu_total() > 1)) {
		load_of_several(v);
		return;
	}
	atomic_store_explicit(&this_cpu()->mmu, v, memory_order_relaxed);
	arch_mmu_activate(&v->mmu);
}

/* No program of @v will run again.  Other harts that had one last keep its root table, which stays one, and
 * load another before they run a program. */
static void unload(struct vm *v)
{
	struct cpu *self = this_cpu();

	for (u32 i = 0, n = cpu_total(); i < n; i++) {
		void *loaded = v;

		if (&cpus[i] != self)
			atomic_compare_exchange_strong(&cpus[i].mmu, &loaded, NULL);
		loaded = v;
		atomic_compare_exchange_strong(&cpus[i].mmu_kept, &loaded, NULL);
	}
	if (self->mmu == v) {
		self->mmu = NULL;
		arch_mmu_activate(NULL);
	}
}

static u64 area_frames(const struct vm *v)
{
	return (v->area_count + AREAS_PER_FRAME - 1) / AREAS_PER_FRAME;
}

void vm_put(struct vm *v)
{
	struct dead dead = { NULL };

	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	vm_delist(v);
	unload(v);
	tables_free(v);
	tree_put(v->tree, &dead);
	free_dead(&dead);
	arch_mmu_destroy(&v->mmu);
	charge_back(v->charge, v->charged_tables + area_frames(v));
	slab_free(&vm_slab, v);
}

static void copy_facts(struct vm *to, const struct vm *from)
{
	to->brk_start = from->brk_start;
	to->brk = from->brk;
	to->mmap_top = from->mmap_top;
	to->stack_top = from->stack_top;
	to->stack_limit = from->stack_limit;
	to->vdso = from->vdso;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->limit = from->limit;
}

/* Areas that are not for the child, or not quite. */
static long fork_special(struct vm *v, struct dead *dead)
{
	long err = tree_own(v, dead);
	struct area *next;

	for (struct area *a = RB_MIN(areas, &v->tree->head); a && !err; a = next) {
		next = RB_NEXT(areas, &v->tree->head, a);
		a->flags &= ~VM_LOCKED;
		if (a->flags & VM_DONTFORK)
			err = unmap_locked(v, a->start, a->end, dead);
		else if (a->flags & VM_WIPE && !(err = tables_own(v, a->start, a->end)))
			pages_drop(v, a->start, a->end);
	}
	return err;
}

static long fork_locked(struct vm *to, struct vm *from, uaddr_t hot, struct dead *dead)
{
	long err;

	if (!charge_try(to->charge, area_frames(from)))
		return -ENOMEM;
	copy_facts(to, from);
	to->area_count = from->area_count;
	to->mapped = from->mapped;
	to->tree = from->tree;
	to->hint = from->hint;
	atomic_fetch_add_explicit(&to->tree->refs, 1, memory_order_relaxed);
	err = tables_fork(to, from, hot);
	if (!err && from->tree->special)
		err = fork_special(to, dead);
	if (!err)
		vm_enlist(to, from);		/* who truncates may ask @to from now on */
	return err;
}

struct vm *vm_fork(struct vm *from, uaddr_t hot)
{
	struct vm *to = vm_alloc(from->charge);
	struct dead dead = { NULL };
	long err;

	if (!to)
		return NULL;
	spin_lock(&from->lock);
	err = fork_locked(to, from, hot, &dead);
	spin_unlock(&from->lock);
	free_dead(&dead);
	if (!err)
		return to;
	vm_put(to);
	return NULL;
}
