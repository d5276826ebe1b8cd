/* SPDX-License-Identifier: MIT */
/*
 * page.c: page frames.  A buddy allocator: free blocks of 2^order frames, aligned to their size as
 * counted from page_base, in one list an order; the links are in the free frames themselves.  Only
 * the first struct page of a free block says PAGE_FREE and its order.
 *
 * Single frames do not go back there at once, for merging costs more than all else.  They form
 * chains of CHAIN frames, linked by pointers that take the place of the struct pages.  A hart has
 * up to two chains that only it touches (never from an interrupt); whole chains are exchanged with
 * a common list, linked through the frames themselves.  Only when a block is wanted that
 * the buddies do not have is the common list merged into them.
 *
 * In the checked build the bytes of free frames are poisoned; only the functions marked no_kasan touch
 * their links.
 *
 * buddy.lock guards buddies and the common list.  Boot costs one store a frame and a few dozen
 * instructions a block.
 */
#include <string.h>
#include "core/cpu.h"
#include "core/kasan.h"
#include "core/log.h"
#include "core/spin.h"
#include "mem/fail.h"
#include "mem/page.h"

enum { CHAIN_ORDER = 5, CHAIN = 1 << CHAIN_ORDER, BLOCK_TRIES = 4 };

struct free_block { struct free_block *next, **prev; };

static struct {
	spinlock_t		lock;
	struct free_block	*list[PAGE_ORDERS];
	u64			free;		/* frames in the lists */
	u64			total;
	u64			count;		/* of struct pages */
	struct page		*chains;	/* first frame of each; full */
	u64			chain_count;
} buddy;

/* Of a hart: n frames from top on, and perhaps a full chain. */
static struct stack { struct page *top, *spare; u64 n, pad_; } stacks[CPU_MAX];

u64 (*page_short)(u64 want);
struct page *pages ro_after_init;
paddr_t page_base ro_after_init;
struct page *zero_page ro_after_init;

/* --- whole frames ----------------------------------------------------------------------------- */

no_kasan void page_clear(void *page)
{
	u64 *end = (u64 *)((char *)page + PAGE_SIZE);

	kasan_check(page, PAGE_SIZE, true);
	for (u64 *p = page; p < end; p += 64) {
#pragma GCC unroll 64
		for (int i = 0; i < 64; i++)
			p[i] = 0;
		asm volatile("");		/* keep it a loop: no call of memset() */
	}
}

no_kasan void page_copy(void *restrict to, const void *restrict from)
{
	const u64 *s = from;
	u64 *d = to, *end = d + PAGE_SIZE / 8;

	kasan_check(from, PAGE_SIZE, false);
	kasan_check(to, PAGE_SIZE, true);
	for (; d < end; d += 64, s += 64) {
#pragma GCC unroll 16
		for (int i = 0; i < 64; i += 4) {
			u64 a = s[i], b = s[i + 1], c = s[i + 2], e = s[i + 3];

			d[i] = a, d[i + 1] = b, d[i + 2] = c, d[i + 3] = e;
		}
		asm volatile("");
	}
}

/* --- buddies ---------------------------------------------------------------------------------- */

static no_kasan void list_add(u32 n, u32 order)
{
	struct free_block *b = page_virt(&pages[n]), **head = &buddy.list[order];

	b->next = *head;
	b->prev = head;
	if (b->next)
		b->next->prev = &b->next;
	*head = b;
	pages[n].order = order;
	pages[n].flags = PAGE_FREE;
}

static no_kasan void list_remove(u32 n)
{
	struct free_block *b = page_virt(&pages[n]);

	*b->prev = b->next;
	if (b->next)
		b->next->prev = b->prev;
	pages[n].flags = 0;
}

static bool is_free_block(u64 n, u32 order)
{
	return n < buddy.count && pages[n].flags == PAGE_FREE && pages[n].order == order;
}

/* Take a block: its number, or -1.  buddy.lock is held. */
static s64 take_block(u32 order)
{
	u32 from = order;
	u32 n;

	while (from < PAGE_ORDERS && !buddy.list[from])
		from++;
	if (from == PAGE_ORDERS)
		return -1;
	n = virt_page(buddy.list[from]) - pages;
	list_remove(n);
	while (from > order) {
		from--;
		list_add(n + (1u << from), from);
	}
	pages[n].order = order;
	buddy.free -= 1ul << order;
	return n;
}

static void give_block(u32 n, u32 order)
{
	buddy.free += 1ul << order;
	for (; order < PAGE_ORDERS - 1; order++) {
		u32 other = n ^ 1u << order;

		if (!is_free_block(other, order))
			break;
		list_remove(other);
		n &= ~(1u << order);
	}
	list_add(n, order);
}

/* --- single frames ---------------------------------------------------------------------------- */

/* In a chain, the struct page is the address of the next one; its last byte, where flags are, is
 * never PAGE_FREE. */
static inline struct page *chain_next(const struct page *p) { return *(struct page *const *)p; }
static inline void chain_link(struct page *p, struct page *next) { *(struct page **)p = next; }

static struct page **chain_of_chains(struct page *chain) { return page_virt(chain); }

static void chain_to_buddy(struct page *chain)
{
	for (struct page *p = chain, *next; p; p = next) {
		next = chain_next(p);
		*p = (struct page){ 0 };
		give_block(p - pages, 0);
	}
}

static no_kasan struct page *common_take(void)
{
	struct page *chain = buddy.chains;

	if (chain) {
		buddy.chains = *chain_of_chains(chain);
		buddy.chain_count--;
	}
	return chain;
}

static no_kasan void common_give(struct page *chain)
{
	*chain_of_chains(chain) = buddy.chains;
	buddy.chains = chain;
	buddy.chain_count++;
}

/* A chain of the frames of one block, ascending; *n how many. */
static struct page *chain_from_buddy(u64 *n)
{
	s64 first = -1;
	u32 order;

	for (order = CHAIN_ORDER + 1; first < 0 && order; )
		first = take_block(--order);
	if (first < 0)
		return NULL;
	*n = 1ul << order;
	for (u64 i = 0; i < *n; i++)
		chain_link(&pages[first + i], i + 1 < *n ? &pages[first + i + 1] : NULL);
	return &pages[first];
}

static __attribute__((noinline)) bool stack_refill(struct stack *s)
{
	s->n = CHAIN;
	s->top = s->spare;
	s->spare = NULL;
	if (s->top)
		return true;
	spin_lock(&buddy.lock);
	s->top = common_take();
	if (!s->top)
		s->top = chain_from_buddy(&s->n);
	spin_unlock(&buddy.lock);
	if (likely(s->top))
		return true;
	s->n = 0;
	if (page_short)
		page_short(CHAIN);		/* what it gives back comes to s */
	return s->top;
}

/* s->top is a full chain: put it aside. */
static __attribute__((noinline)) void stack_spill(struct stack *s)
{
	if (s->spare) {
		guard(&buddy.lock);
		common_give(s->spare);
	}
	s->spare = s->top;
	s->top = NULL;
	s->n = 0;
}

/* All single frames this hart can reach, back to the buddies: they may be what keeps a block apart. */
static void merge_singles(void)
{
	struct stack *s = &stacks[this_cpu()->id];
	struct page *chain;

	guard(&buddy.lock);
	chain_to_buddy(s->top);
	chain_to_buddy(s->spare);
	*s = (struct stack){ 0 };
	while ((chain = common_take()))
		chain_to_buddy(chain);
}

/* One reference, owned by @owner, order 0, no flags: in one store. */
static inline void frame_set_up(struct page *p, u32 owner)
{
	_Static_assert(sizeof(struct page) == 8 && offsetof(struct page, owner) == 4, "");
	*(u64 *)p = 1 | (u64)owner << 32;
}

/* @p is the top of @s. */
static inline void frame_pop(struct stack *s, struct page *p, u32 owner)
{
	s->top = chain_next(p);
	s->n--;
	frame_set_up(p, owner);
	kasan_unpoison(page_virt(p), PAGE_SIZE);
}

static inline struct page *frame_take(u32 owner)
{
	struct stack *s = &stacks[this_cpu()->id];
	struct page *p;

	if (unlikely(!s->top) && !stack_refill(s))
		return NULL;
	p = s->top;
	frame_pop(s, p, owner);
	return p;
}

static inline void frame_push(struct stack *s, struct page *p)
{
	s->n++;
	chain_link(p, s->top);
	s->top = p;
	kasan_poison(page_virt(p), PAGE_SIZE, KASAN_FREE_PAGE);
}

static inline void frame_give(struct page *p)
{
	struct stack *s = &stacks[this_cpu()->id];

	if (unlikely(s->n == CHAIN))
		stack_spill(s);
	frame_push(s, p);
}

/* --- frames ----------------------------------------------------------------------------------- */

static s64 try_block(u32 order)
{
	guard(&buddy.lock);
	return take_block(order);
}

static __attribute__((noinline)) s64 try_harder(u32 order)
{
	s64 n;

	merge_singles();
	n = try_block(order);
	for (u32 i = 0; n < 0 && page_short && i < BLOCK_TRIES; i++) {
		if (!page_short(CHAIN << order))
			break;
		merge_singles();
		n = try_block(order);
	}
	return n;
}

static struct page *block_alloc(u32 order)
{
	s64 n = try_block(order);

	if (unlikely(n < 0))
		n = try_harder(order);
	if (n < 0)
		return NULL;
	frame_set_up(&pages[n], 0);
	pages[n].order = order;
	kasan_unpoison(page_virt(&pages[n]), (size_t)PAGE_SIZE << order);
	return &pages[n];
}

struct page *page_alloc(u32 order)
{
	if (order >= PAGE_ORDERS || fail_alloc())
		return NULL;
	return order ? block_alloc(order) : frame_take(0);
}

struct page *page_alloc_zero(void)
{
	struct page *p = page_alloc(0);

	if (p)
		page_clear(page_virt(p));
	return p;
}

static __attribute__((noinline)) void block_free(struct page *p)
{
	kasan_poison(page_virt(p), (size_t)PAGE_SIZE << p->order, KASAN_FREE_PAGE);
	guard(&buddy.lock);
	give_block(p - pages, p->order);
}

static inline void page_give(struct page *p)
{
	check(!(p->flags & PAGE_FREE));
	if (likely(!p->order))
		frame_give(p);
	else
		block_free(p);
}

static void owner_back(u32 owner);

void page_release(struct page *p)
{
	if (p->owner)
		owner_back(p->owner);
	page_give(p);
}

void page_free(struct page *p)
{
	atomic_store_explicit(&p->refs, 0, memory_order_relaxed);
	page_release(p);
}

static __attribute__((noinline)) void release_other(struct page *p)
{
	if (p->owner)
		owner_back(p->owner);
	page_give(p);
}

static __attribute__((noinline)) void spill_and_give(struct stack *s, struct page *p)
{
	stack_spill(s);
	frame_push(s, p);
}

void page_release_for(struct page *p, struct charge *c, u64 *back)
{
	struct stack *s = &stacks[this_cpu()->id];

	atomic_thread_fence(memory_order_acquire);
	check(!(p->flags & PAGE_FREE));
	if (unlikely(!c || p->owner != c->number + 1u || p->order)) {
		release_other(p);
		return;
	}
	++*back;
	if (unlikely(s->n == CHAIN))
		spill_and_give(s, p);
	else
		frame_push(s, p);
}

void *kernel_table_alloc(void)
{
	struct page *p = page_alloc_zero();

	return p ? page_virt(p) : NULL;
}

void kernel_table_free(void *table)
{
	if (table)
		page_free(virt_page(table));
}

/* --- boot ------------------------------------------------------------------------------------- */

size_t page_array_bytes(size_t size)
{
	return align_up((size >> PAGE_SHIFT) * sizeof(struct page), PAGE_SIZE);
}

void page_init_range(paddr_t base, size_t size, paddr_t array)
{
	memset(&buddy, 0, sizeof(buddy));
	memset(stacks, 0, sizeof(stacks));
	zero_page = NULL;
	page_base = base;
	pages = phys_to_virt(array);
	buddy.count = size >> PAGE_SHIFT;
	memset(pages, 0, buddy.count * sizeof(struct page));
}

static void make_zero_page(void)
{
	zero_page = page_alloc_zero();
	if (zero_page)
		zero_page->flags = PAGE_ZERO;
}

void page_free_range(paddr_t base, size_t size)
{
	u64 n = (align_up(base, PAGE_SIZE) - page_base) >> PAGE_SHIFT;
	u64 end = (align_down(base + size, PAGE_SIZE) - page_base) >> PAGE_SHIFT;

	assert(base >= page_base && end <= buddy.count);
	spin_lock(&buddy.lock);
	while (n < end) {
		u32 order = PAGE_ORDERS - 1;

		while (n & ((1ul << order) - 1) || n + (1ul << order) > end)
			order--;
		buddy.total += 1ul << order;
		kasan_poison(page_virt(&pages[n]), (size_t)PAGE_SIZE << order, KASAN_FREE_PAGE);
		give_block(n, order);
		n += 1ul << order;
	}
	spin_unlock(&buddy.lock);
	if (!zero_page)
		make_zero_page();
}

struct page *page_adopt(paddr_t pa)
{
	struct page *p = phys_page(pa);

	assert(!page_refs(p) && !p->flags);
	*p = (struct page){ .refs = 1 };
	guard(&buddy.lock);
	buddy.total++;
	return p;
}

u64 page_free_count(void)
{
	u64 n = buddy.free + buddy.chain_count * CHAIN;

	for (u32 i = 0; i < CPU_MAX; i++)
		n += stacks[i].n + (stacks[i].spare ? CHAIN : 0);
	return n;
}

u64 page_array_count(void) { return buddy.count; }
u64 page_total_count(void) { return buddy.total; }

/* --- charging --------------------------------------------------------------------------------- */

/*
 * Frames name their account by number.  A slot of the table is the open account's struct charge; or,
 * odd, the number of frames a closed one still had, times two plus one: the slot is free again when
 * they have come back; or 0.  Slots come in frames of 512, never given back.
 */
enum { SLOTS = PAGE_SIZE / sizeof(u64), TABLES = (CHARGE_MAX + SLOTS) / SLOTS };
typedef _Atomic u64 slot_t;

static struct {
	spinlock_t	lock;			/* open and close */
	slot_t		*table[TABLES];
	u32		next;			/* where to look first */
} accounts;

static slot_t *slot_of(u32 number)
{
	return &accounts.table[number / SLOTS][number % SLOTS];
}

static slot_t *free_slot(u32 number)
{
	slot_t **table = &accounts.table[number / SLOTS];

	if (!*table) {
		struct page *p = page_alloc_zero();

		if (!p)
			return NULL;
		*table = page_virt(p);
	}
	return *slot_of(number) ? NULL : slot_of(number);
}

long charge_open(struct charge *c, u64 limit_bytes)
{
	memset(c, 0, sizeof(*c));
	c->limit = align_up(limit_bytes, PAGE_SIZE) >> PAGE_SHIFT;
	guard(&accounts.lock);
	for (u32 i = 0; i < CHARGE_MAX; i++) {
		u32 number = (accounts.next + i) % CHARGE_MAX;
		slot_t *s = free_slot(number);

		if (!s)
			continue;
		c->number = number;
		accounts.next = number + 1;
		*s = (u64)(uintptr_t)c;
		return 0;
	}
	return -ENOMEM;
}

void charge_close(struct charge *c)
{
	guard(&accounts.lock);
	u64 left = max(atomic_load(&c->used), (s64)0);

	*slot_of(c->number) = left ? left * 2 + 1 : 0;
}

/* A frame of account @owner - 1 is free again. */
static void owner_back(u32 owner)
{
	slot_t *s = slot_of(owner - 1);
	u64 v = *s;

	if (!(v & 1))
		charge_back((struct charge *)(uintptr_t)v, 1);
	else if (atomic_fetch_sub(s, 2) == 3)
		*s = 0;
}

static inline bool charge_within(struct charge *c, u64 frames)
{
	s64 now = atomic_fetch_add_explicit(&c->used, frames, memory_order_relaxed) + frames;

	if (unlikely(c->limit && now > c->limit)) {
		atomic_fetch_sub_explicit(&c->used, frames, memory_order_relaxed);
		atomic_fetch_add_explicit(&c->failed, 1, memory_order_relaxed);
		return false;
	}
	if (now > atomic_load_explicit(&c->peak, memory_order_relaxed))
		atomic_store_explicit(&c->peak, now, memory_order_relaxed);
	return true;
}

bool charge_try(struct charge *c, u64 frames)
{
	return !c || charge_within(c, frames);
}

void charge_back(struct charge *c, u64 frames)
{
	if (c && frames)
		atomic_fetch_sub_explicit(&c->used, frames, memory_order_relaxed);
}

static __attribute__((noinline)) struct page *alloc_refilled(struct charge *c, bool zero)
{
	return stack_refill(&stacks[this_cpu()->id]) ? page_alloc_for(c, zero) : NULL;
}

/* A leaf but for the tail call, so that nothing need be saved. */
struct page *page_alloc_for(struct charge *c, bool zero)
{
	struct stack *s = &stacks[this_cpu()->id];
	struct page *p = s->top;

	if (fail_alloc())
		return NULL;
	if (unlikely(!p))
		return alloc_refilled(c, zero);
	if (c && unlikely(!charge_within(c, 1)))
		return NULL;
	frame_pop(s, p, c ? c->number + 1 : 0);
	if (zero)
		page_clear(page_virt(p));
	return p;
}
