// SPDX-License-Identifier: MIT
/*
 * locks.c: advisory locks.  An inode that was ever locked has a list of ranges, ordered by nothing in
 * particular: few programs hold more than two.  locks_lock guards all lists; whoever gives up a range
 * wakes everybody who waits, they look again.  There is no search for deadlocks: a signal ends the wait.
 */
#include "fs/locks.h"
#include "core/wait.h"
#include "fs/inode.h"
#include "mem/heap.h"
#include "mem/page.h"

struct lock {
	LIST_ENTRY(lock)	link;
	struct lock_range	r;
};
struct lock_list { LIST_HEAD(, lock) head; };

/* Each range costs memory of the kernel: there is a bound for all of them, a small part of memory. */
enum { RANGES_MIN = 4096, PAGES_A_RANGE = 16 };
static u32 range_count;				/* locks_lock */

/* Giving up the middle of a range makes two of it: that may go further. */
static bool too_many(enum lock_type type)
{
	u64 most = max(page_total_count() / PAGES_A_RANGE, (u64)RANGES_MIN);

	return range_count >= (type == LOCK_NONE ? 2 * most : most);
}

static spinlock_t locks_lock;
static struct waitq lock_waiters = WAITQ_INIT(lock_waiters);

static bool overlap(const struct lock_range *a, const struct lock_range *b)
{
	return a->kind == b->kind && a->start <= b->end && b->start <= a->end;
}

/* The first one in the file. */
static struct lock *find_conflict(struct lock_list *list, const struct lock_range *r)
{
	struct lock *l, *first = NULL;

	LIST_FOREACH(l, &list->head, link)
		if (overlap(&l->r, r) && l->r.owner != r->owner &&
		    (l->r.type == LOCK_EXCLUSIVE || r->type == LOCK_EXCLUSIVE) &&
		    (!first || l->r.start < first->r.start))
			first = l;
	return first;
}

static void lock_delete(struct lock *l)
{
	LIST_REMOVE(l, link);
	range_count--;
	heap_free(l);
}

/* Take [r->start, r->end] out of @l, which overlaps it: nothing, one or two pieces stay. @spare is
 * used for the second. */
static void lock_cut(struct lock *l, const struct lock_range *r, struct lock **spare)
{
	u64 end = l->r.end;
	struct lock *rest = l;

	if (l->r.start >= r->start && end <= r->end) {
		lock_delete(l);
		return;
	}
	if (l->r.start < r->start) {
		l->r.end = r->start - 1;
		if (end <= r->end)
			return;
		rest = *spare;
		*spare = NULL;
		rest->r = l->r;
		rest->r.end = end;
		LIST_INSERT_AFTER(l, rest, link);
		range_count++;
	}
	rest->r.start = r->end + 1;
}

static void lock_apply(struct lock_list *list, const struct lock_range *r, struct lock **add,
		       struct lock **spare)
{
	struct lock *l, *next;

	for (l = LIST_FIRST(&list->head); l; l = next) {
		next = LIST_NEXT(l, link);
		if (overlap(&l->r, r) && l->r.owner == r->owner)
			lock_cut(l, r, spare);
	}
	if (r->type != LOCK_NONE) {
		(*add)->r = *r;
		LIST_INSERT_HEAD(&list->head, *add, link);
		range_count++;
		*add = NULL;
	}
	wake_all(&lock_waiters);
}

/* Inodes of devices live for ever: what is empty goes. */
static void list_trim(struct inode *ip)
{
	if (!LIST_EMPTY(&ip->locks->head))
		return;
	heap_free(ip->locks);
	ip->locks = NULL;
}

static long lock_try(struct inode *ip, const struct lock_range *r, struct lock **add,
		     struct lock **spare, bool wait)
{
	long err = 0;

	guard(&locks_lock);
	if (!ip->locks) {
		if (r->type == LOCK_NONE)
			return 0;
		if (!(ip->locks = heap_zero(sizeof(*ip->locks))))
			return -ENOMEM;
	}
	if (r->type != LOCK_NONE && find_conflict(ip->locks, r))
		return wait ? wait_on(&lock_waiters) : -EAGAIN;
	if (likely(!too_many(r->type)))
		lock_apply(ip->locks, r, add, spare);
	else
		err = -ENOLCK;
	list_trim(ip);
	return err;
}

async long lock_set(struct inode *ip, const struct lock_range *r, bool wait)
{
	struct lock *add = heap_alloc(sizeof(*add)), *spare = heap_alloc(sizeof(*spare));
	long err = add && spare ? lock_try(ip, r, &add, &spare, wait) : -ENOMEM;

	heap_free(add);
	heap_free(spare);
	return err;
}

bool lock_test(struct inode *ip, struct lock_range *r)
{
	struct lock *l;

	guard(&locks_lock);
	if (!ip->locks || !(l = find_conflict(ip->locks, r)))
		return false;
	*r = l->r;
	return true;
}

void lock_drop_owner(struct inode *ip, const void *owner)
{
	struct lock *l, *next;

	guard(&locks_lock);
	if (!ip->locks)
		return;
	for (l = LIST_FIRST(&ip->locks->head); l; l = next) {
		next = LIST_NEXT(l, link);
		if (l->r.owner == owner)
			lock_delete(l);
	}
	list_trim(ip);
	wake_all(&lock_waiters);
}

/* The last reference is gone, so nobody else looks at its list. */
void locks_free(struct inode *ip)
{
	if (!ip->locks)
		return;
	guard(&locks_lock);
	while (!LIST_EMPTY(&ip->locks->head))
		lock_delete(LIST_FIRST(&ip->locks->head));
	heap_free(ip->locks);
}
