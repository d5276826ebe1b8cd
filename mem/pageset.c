/* SPDX-License-Identifier: MIT */
/*
 * pageset.c: a radix tree of pages, 64 ways, as high as the largest index needs.  At height 0 the
 * root is the page of index 0 itself; above, slots of a node of the lowest level are pages.  A node
 * without entries is freed at once; the tree does not shrink in height until it is empty.  ps->lock
 * guards everything; page and slab locks are taken inside it.
 *
 * Marks (a page cache's dirty pages) are in the nodes, of every level, so that the next marked page is
 * found without visiting others.  The mark of a tree of height 0 is PAGE_DIRTY of its page.
 */
#include <string.h>
#include "mem/heap.h"
#include "mem/pageset.h"

enum { BITS = 6, WAYS = 1 << BITS, MAX_HEIGHT = (64 + BITS - 1) / BITS };

struct node {
	u32	used;
	u64	marks;			/* of slots: a marked page is there or below */
	void	*slot[WAYS];
};

static struct slab nodes = SLAB("pageset", struct node);

void pageset_init(struct pageset *ps, struct charge *c)
{
	*ps = (struct pageset){ .charge = c };
}

/* May @index be in a tree of this height at all? */
static inline bool covered(const struct pageset *ps, u64 index)
{
	return ps->height >= MAX_HEIGHT || !(index >> ps->height * BITS);
}

static inline u32 slot_number(u64 index, u32 level) { return index >> level * BITS & (WAYS - 1); }

/* The lowest node with @index; NULL if there is none.  Height is above 0. */
static inline struct node *leaf(const struct pageset *ps, u64 index)
{
	struct node *n = ps->root;

	for (u32 level = ps->height - 1; n && level; level--)
		n = n->slot[slot_number(index, level)];
	return n;
}

static inline struct page *find_locked(const struct pageset *ps, u64 index)
{
	struct node *n;

	if (!covered(ps, index))
		return NULL;
	if (!ps->height)
		return ps->root;
	n = leaf(ps, index);
	return n ? n->slot[index & (WAYS - 1)] : NULL;
}

struct page *pageset_find(struct pageset *ps, u64 index)
{
	guard(&ps->lock);
	return find_locked(ps, index);
}

static struct node *node_new(void)
{
	struct node *n = slab_alloc(&nodes);

	if (n)
		memset(n, 0, sizeof(*n));
	return n;
}

static bool root_marked(const struct pageset *ps)
{
	return ps->height ? ((struct node *)ps->root)->marks != 0
			  : ((struct page *)ps->root)->flags & PAGE_DIRTY;
}

/* Make the tree high enough for @index. */
static bool grow(struct pageset *ps, u64 index)
{
	while (!covered(ps, index)) {
		if (ps->root) {
			struct node *n = node_new();

			if (!n)
				return false;
			n->slot[0] = ps->root;
			n->used = 1;
			n->marks = root_marked(ps);
			ps->root = n;
		}
		ps->height++;
	}
	return true;
}

/* Free the empty nodes on the way to @index. */
static void prune(struct pageset *ps, u64 index)
{
	for (;;) {
		void **at = &ps->root;
		struct node *n = ps->root, *up = NULL;

		for (u32 level = ps->height; n && level && n->used; level--) {
			if (level == 1)
				return;
			up = n;
			at = &n->slot[slot_number(index, level - 1)];
			n = *at;
		}
		if (!n || !ps->height || n->used)
			break;
		slab_free(&nodes, n);
		*at = NULL;
		if (up)
			up->used--;
	}
	if (!ps->root)
		ps->height = 0;
}

/* The slot of @index, the nodes above it made as needed; NULL: no memory. */
static void **make_slot(struct pageset *ps, u64 index, struct node **owner)
{
	void **at = &ps->root;

	*owner = NULL;
	if (!grow(ps, index))
		return NULL;
	for (u32 level = ps->height; level; level--) {
		if (!*at) {
			*at = node_new();
			if (!*at) {
				prune(ps, index);
				return NULL;
			}
			if (*owner)
				(*owner)->used++;
		}
		*owner = *at;
		at = &(*owner)->slot[slot_number(index, level - 1)];
	}
	return at;
}

static long insert_locked(struct pageset *ps, u64 index, struct page *p)
{
	struct node *n;
	void **at = make_slot(ps, index, &n);

	if (!at)
		return -ENOMEM;
	if (*at)
		return -EEXIST;
	*at = p;
	if (n)
		n->used++;
	ps->count++;
	return 0;
}

long pageset_insert(struct pageset *ps, u64 index, struct page *p)
{
	guard(&ps->lock);
	return insert_locked(ps, index, p);
}

static struct page *create_locked(struct pageset *ps, u64 index)
{
	struct page *p = page_alloc_for(ps->charge, true);

	if (p && insert_locked(ps, index, p)) {
		page_put(p);
		return NULL;
	}
	return p;
}

struct page *pageset_get(struct pageset *ps, u64 index, bool create)
{
	guard(&ps->lock);
	struct page *p = find_locked(ps, index);

	if (!p && create)
		p = create_locked(ps, index);
	if (p)
		page_get(p);
	return p;
}

u32 pageset_get_range(struct pageset *ps, u64 first, u32 n, struct page **out)
{
	u32 found = 0;

	guard(&ps->lock);
	for (u32 i = 0; i < n;) {
		u64 index = first + i;
		u32 stop = i + min(n - i, (u32)(WAYS - (index & (WAYS - 1))));
		void **slot = NULL, *only = ps->root;

		if (ps->height && covered(ps, index)) {
			struct node *leaf_node = leaf(ps, index);

			slot = leaf_node ? &leaf_node->slot[index & (WAYS - 1)] : NULL;
		}
		for (; i < stop; i++, index++) {
			struct page *p = slot ? *slot++ : !ps->height && !index ? only : NULL;

			out[i] = p;
			if (p) {
				page_get(p);
				found++;
			}
		}
	}
	return found;
}

/* --- removing --------------------------------------------------------------------------------- */

struct removal { struct pageset *ps; u64 first, end, back; };

static void drop(struct removal *r, struct page *p)
{
	r->ps->count--;
	page_put_for(p, r->ps->charge, &r->back);
}

/* Indexes of @n, whose first is @base, within the range are dropped: true if @n is empty and gone.
 * Depth is bounded by MAX_HEIGHT. */
static bool node_remove(struct removal *r, struct node *n, u32 level, u64 base)
{
	u64 span = 1ull << level * BITS;

	for (u32 i = 0; i < WAYS && n->used; i++) {
		u64 at = base + i * span;

		if (!n->slot[i] || at + (span - 1) < r->first || at >= r->end)
			continue;
		if (!level)
			drop(r, n->slot[i]);
		else if (!node_remove(r, n->slot[i], level - 1, at))
			continue;
		n->slot[i] = NULL;
		n->used--;
	}
	if (n->used)
		return false;
	slab_free(&nodes, n);
	return true;
}

void pageset_remove(struct pageset *ps, u64 first, u64 end)
{
	struct removal r = { ps, first, end, 0 };
	bool gone;

	guard(&ps->lock);
	if (!ps->root || first >= end)
		return;
	if (ps->height) {
		gone = node_remove(&r, ps->root, ps->height - 1, 0);
	} else {
		gone = !first;
		if (gone)
			drop(&r, ps->root);
	}
	if (gone) {
		ps->root = NULL;
		ps->height = 0;
	}
	charge_back(ps->charge, r.back);
}

void pageset_truncate(struct pageset *ps, u64 from)
{
	pageset_remove(ps, from, UINT64_MAX);
}

/* First present index >= @index below @n, or UINT64_MAX. */
static u64 node_next(const struct node *n, u32 level, u64 base, u64 index)
{
	u64 span = 1ull << level * BITS;

	for (u32 i = index > base ? slot_number(index, level) : 0; i < WAYS; i++) {
		u64 at = base + i * span, found;

		if (!n->slot[i])
			continue;
		if (!level)
			return at;
		found = node_next(n->slot[i], level - 1, at, index);
		if (found != UINT64_MAX)
			return found;
	}
	return UINT64_MAX;
}

u64 pageset_next_locked(struct pageset *ps, u64 index)
{
	if (!ps->root || !covered(ps, index))
		return UINT64_MAX;
	return ps->height ? node_next(ps->root, ps->height - 1, 0, index) : 0;
}

/* Nodes from @n, which is at @level, downwards.  Depth is bounded by MAX_HEIGHT. */
static u64 node_count(const struct node *n, u32 level)
{
	u64 count = 1;

	for (u32 i = 0; level && i < WAYS; i++)
		if (n->slot[i])
			count += node_count(n->slot[i], level - 1);
	return count;
}

u64 pageset_heap(struct pageset *ps)
{
	guard(&ps->lock);
	return ps->root && ps->height ? node_count(ps->root, ps->height - 1) * nodes.size : 0;
}

u64 pageset_next(struct pageset *ps, u64 index)
{
	guard(&ps->lock);
	return pageset_next_locked(ps, index);
}

/* --- page caches ------------------------------------------------------------------------------ */

struct page *pageset_find_locked(const struct pageset *ps, u64 index)
{
	return find_locked(ps, index);
}

long pageset_insert_locked(struct pageset *ps, u64 index, struct page *p)
{
	return insert_locked(ps, index, p);
}

/* The nodes from the root down to @index: how many. */
static u32 path_to(const struct pageset *ps, u64 index, struct node **path)
{
	struct node *n = ps->root;
	u32 i = 0;

	for (u32 level = ps->height; level; level--) {
		path[i++] = n;
		n = n->slot[slot_number(index, level - 1)];
	}
	return i;
}

void pageset_mark_locked(struct pageset *ps, u64 index, bool on)
{
	struct node *path[MAX_HEIGHT];
	u32 depth = path_to(ps, index, path);

	for (u32 i = depth, level = 0; i--; level++) {
		u64 bit = 1ull << slot_number(index, level);

		if (!on && level && path[i + 1]->marks)
			return;
		path[i]->marks = on ? path[i]->marks | bit : path[i]->marks & ~bit;
	}
}

static u64 node_next_marked(const struct node *n, u32 level, u64 base, u64 index)
{
	u64 span = 1ull << level * BITS;
	u32 first = index > base ? slot_number(index, level) : 0;

	for (u64 left = n->marks & ~0ull << first; left; left &= left - 1) {
		u32 i = __builtin_ctzll(left);
		u64 at = base + i * span, found;

		if (!level)
			return at;
		found = node_next_marked(n->slot[i], level - 1, at, index);
		if (found != UINT64_MAX)
			return found;
	}
	return UINT64_MAX;
}

u64 pageset_next_marked_locked(struct pageset *ps, u64 index)
{
	if (!ps->root || !covered(ps, index))
		return UINT64_MAX;
	if (!ps->height)
		return root_marked(ps) ? 0 : UINT64_MAX;
	return node_next_marked(ps->root, ps->height - 1, 0, index);
}

void pageset_take_locked(struct pageset *ps, u64 index, bool tidy)
{
	ps->count--;
	if (!ps->height) {
		ps->root = NULL;
		return;
	}
	pageset_mark_locked(ps, index, false);
	struct node *n = leaf(ps, index);

	n->slot[index & (WAYS - 1)] = NULL;
	n->used--;
	if (tidy)
		prune(ps, index);
}
