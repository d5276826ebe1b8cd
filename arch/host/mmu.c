/* SPDX-License-Identifier: MIT */
/* mmu.c (host): page tables, a TLB, and copies through both; see machine_mmu.h. */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include "arch/arch.h"
#include "mem/page.h"

enum { ENTRIES = 512, TLB = 64, MEMORY_MAX = 1 << 30 };

struct translation { uaddr_t page; pte_t entry; };	/* page + 1; 0: nothing */

static _Thread_local struct mmu *active;
static _Thread_local struct translation tlb[TLB];


void host_memory_init(size_t size)
{
	static char *area;
	paddr_t base;

	if (!area)
		area = mmap(NULL, MEMORY_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(area != MAP_FAILED && size <= MEMORY_MAX);
	memset(area, 0xcc, size);
	base = virt_to_phys(area);
	page_init_range(base, size, base);
	page_free_range(base + page_array_bytes(size), size - page_array_bytes(size));
}

/* --- tables ----------------------------------------------------------------------------------- */

pte_t *arch_table_alloc(void) { return kernel_table_alloc(); }

void arch_table_free(pte_t *t)
{
	for (int i = 0; i < ENTRIES; i++)
		assert(!t[i]);				/* entries must be gone */
	kernel_table_free(t);
}

pte_t *arch_link(struct mmu *m, uaddr_t va)
{
	pte_t *e = &m->root[va >> 30];

	assert(va < USER_TOP);
	if (!*e) {
		pte_t *t = arch_table_alloc();

		if (!t)
			return NULL;
		*e = link_make(t, 0);
		m->tables++;
	}
	return &link_table(*e)[va >> 21 & 511];
}

pte_t *arch_link_find(struct mmu *m, uaddr_t va)
{
	pte_t e = m->root[va >> 30], *link = e ? &link_table(e)[va >> 21 & 511] : NULL;

	return link && *link ? link : NULL;
}

void arch_link_add(struct mmu *m, pte_t *link, uaddr_t va, pte_t value)
{
	assert(!*link && link == arch_link(m, va));
	*link = value;
	m->tables++;
}

pte_t *arch_link_next(struct mmu *m, u64 *cursor, uaddr_t *base)
{
	for (; *cursor < USER_TOP / PT_SPAN; ++*cursor) {
		pte_t middle = m->root[*cursor / ENTRIES];
		pte_t *link = middle ? &link_table(middle)[*cursor % ENTRIES] : NULL;

		if (link && *link) {
			*base = (*cursor)++ * PT_SPAN;
			return link;
		}
	}
	return NULL;
}

static pte_t *walk(struct mmu *m, uaddr_t va, pte_t refused)
{
	pte_t e = m->root[va >> 30];

	assert(va < USER_TOP);
	if (e)
		e = link_table(e)[va >> 21 & 511];
	return e && !(link_marks(e) & refused) ? &link_table(e)[va >> 12 & 511] : NULL;
}

pte_t *arch_pte(struct mmu *m, uaddr_t va) { return walk(m, va, 0); }
pte_t *arch_pte_own(struct mmu *m, uaddr_t va) { return walk(m, va, LINK_SHARED | LINK_LENT); }
u64 arch_mmu_tables(const struct mmu *m) { return m->tables << PAGE_SHIFT; }

long arch_mmu_init(struct mmu *m)
{
	m->root = kernel_table_alloc();
	m->tables = 1;
	return m->root ? 0 : -ENOMEM;
}

void arch_mmu_destroy(struct mmu *m)
{
	assert(active != m);
	for (int i = 0; m->root && i < ENTRIES; i++)
		if (m->root[i])
			arch_table_free(link_table(m->root[i]));
	kernel_table_free(m->root);
	m->root = NULL;
}

u64 arch_mmu_trim(void) { return 0; }

void arch_mmu_activate(struct mmu *m)
{
	active = m;
	arch_tlb_all();
}

void arch_tlb_all(void) { memset(tlb, 0, sizeof(tlb)); }
/* Other harts' threads load no address space in any test so far. */
void arch_tlb_range_on(u64 harts, uaddr_t start, u64 size) { }
void arch_fence_instructions_on(u64 harts) { }

void arch_tlb_page(uaddr_t va)
{
	struct translation *t = &tlb[(va >> PAGE_SHIFT) % TLB];

	if (t->page == align_down(va, PAGE_SIZE) + 1)
		t->page = 0;
}


/* --- accesses --------------------------------------------------------------------------------- */

static bool allowed(pte_t e, u32 access)
{
	u32 bit = access == ACCESS_WRITE ? PTE_W : access == ACCESS_EXEC ? PTE_X : PTE_R;

	return (e & PTE_V) && (e & bit);
}

static pte_t *lookup(uaddr_t va)
{
	struct translation *t = &tlb[(va >> PAGE_SHIFT) % TLB];
	uaddr_t page = align_down(va, PAGE_SIZE);
	pte_t *e;

	if (t->page == page + 1)
		return &t->entry;
	e = active && va < USER_TOP ? walk(active, va, 0) : NULL;
	if (!e || !pte_present(*e))
		return NULL;
	*t = (struct translation){ page + 1, *e };
	return &t->entry;
}

/* Where byte @va is, or NULL: a fault. */
static u8 *reach(uaddr_t va, u32 access)
{
	pte_t *e = lookup(va);

	return e && allowed(*e, access) ? (u8 *)phys_to_virt(pte_phys(*e)) + va % PAGE_SIZE : NULL;
}

bool host_touch(uaddr_t at, u32 access, u8 *byte)
{
	u8 *b = reach(at, access);

	if (!b)
		return false;
	if (access == ACCESS_WRITE)
		*b = *byte;
	else
		*byte = *b;
	return true;
}

/* Pages at a time; @how moves @n bytes at @at. */
static size_t each_page(
	uaddr_t va, size_t n, u32 access, void (*how)(u8 *at, void *k, size_t n), char *k)
{
	while (n) {
		size_t part = min(n, (size_t)(PAGE_SIZE - va % PAGE_SIZE));
		u8 *at = reach(va, access);

		if (!at)
			break;
		how(at, k, part);
		va += part;
		k += part;
		n -= part;
	}
	return n;
}

static void read_part(u8 *at, void *k, size_t n) { memcpy(k, at, n); }
static void write_part(u8 *at, void *k, size_t n) { memcpy(at, k, n); }
static void clear_part(u8 *at, void *k, size_t n) { memset(at, 0, n); }

size_t arch_copy_in(void *dst, uaddr_t src, size_t n)
{
	return each_page(src, n, ACCESS_READ, read_part, dst);
}

size_t arch_copy_out(uaddr_t dst, const void *src, size_t n)
{
	return each_page(dst, n, ACCESS_WRITE, write_part, (char *)src);
}

size_t arch_clear_out(uaddr_t dst, size_t n)
{
	static char none[PAGE_SIZE];

	while (n) {
		size_t part = min(n, (size_t)(PAGE_SIZE - dst % PAGE_SIZE));

		if (each_page(dst, part, ACCESS_WRITE, clear_part, none))
			break;
		dst += part;
		n -= part;
	}
	return n;
}

long arch_string_in(char *dst, uaddr_t src, size_t max)
{
	for (size_t n = 0; n < max; n++) {
		u8 *at = reach(src + n, ACCESS_READ);

		if (!at)
			return -1 - (long)n;
		dst[n] = *at;
		if (!*at)
			return n;
	}
	return max;
}

long arch_load32(u32 *out, uaddr_t src)
{
	return arch_copy_in(out, src, 4) ? -EFAULT : 0;
}

long arch_cas32(u32 *old, uaddr_t at, u32 expect, u32 new)
{
	_Atomic u32 *word = (void *)reach(at, ACCESS_WRITE);

	if (!word)
		return -EFAULT;
	*old = expect;
	atomic_compare_exchange_strong(word, old, new);
	return 0;
}
