// SPDX-License-Identifier: MIT
/*
 * table.c: the allocation table: a page cache of its own, of which all copies are written.  A page has
 * 1,024 entries of FAT32, or 2,048.  FAT12's are made 16 bits wide when they are read: entries never
 * cross pages, and everything else knows two widths only.
 *
 * The free map says how many entries of each page are free, as far as a page was looked at: two bytes
 * a page, made when first wanted.  Looking for free clusters goes on where it ended, and passes over full
 * pages.  v->table_lock guards all this, and the right to change entries that are free or to be freed.
 */
#include "fs/fat/private.h"
#include <string.h>
#include "mem/heap.h"

enum { COUNTS = PAGE_SIZE / sizeof(u16), SCAN_AHEAD = RUN_MAX - 1,
       COUNT_MOST = 16 << 20 /* bytes of a table that is counted; of a larger one FSInfo is believed */ };

static u32 page_shift(const struct fat *v) { return v->bits == 32 ? 10 : 11; }	/* log2 of entries a page */
static u32 page_entries(const struct fat *v) { return 1u << page_shift(v); }
static u32 page_of(const struct fat *v, u32 cluster) { return cluster >> page_shift(v); }
static u32 mask(const struct fat *v) { return v->bits == 32 ? 0x0fffffff : (1u << v->bits) - 1; }

/* --- to and from the disk --------------------------------------------------------------------- */

static u32 raw_entry(const u8 *raw, u32 n)
{
	u32 at = n + n / 2, two = raw[at] | raw[at + 1] << 8;

	return n & 1 ? two >> 4 : two & 0xfff;
}

static void raw_set(u8 *raw, u32 n, u32 value)
{
	u32 at = n + n / 2;

	if (n & 1) {
		raw[at] = (raw[at] & 15) | value << 4;
		raw[at + 1] = value >> 4;
	} else {
		raw[at] = value;
		raw[at + 1] = (raw[at + 1] & 0xf0) | value >> 8;
	}
}

/* A page between its two forms. */
static void convert(struct fat *v, struct page_run *r, u32 i)
{
	u16 *entry = page_virt(r->page[i]);
	u32 n = (r->index + i) << page_shift(v);

	for (u32 k = 0; k < page_entries(v); k++, n++) {
		bool there = n + n / 2 + 1 < v->raw_len;

		if (!r->write)
			entry[k] = there ? raw_entry(v->raw, n) : 0;
		else if (there)
			raw_set(v->raw, n, entry[k]);
	}
}

static async long transfer12(struct co *co, struct fat *v, struct page_run *r)
{
	struct { u32 i; } *f = co_frame(co);
	long err;

	co_begin(f);
	if (!r->write) {
		await(err = blk_io(co, v->blk, BLK_READ, v->table_at, v->raw, v->raw_len));
		if (err)
			return err;
	}
	for (f->i = 0; f->i < r->count; f->i++)
		convert(v, r, f->i);
	if (!r->write)
		return 0;
	for (f->i = 0; f->i < v->copies; f->i++) {
		await(err = blk_io(co, v->blk, BLK_WRITE, v->table_at + f->i * v->table_len, v->raw,
				   v->raw_len));
		if (err)
			return err;
	}
	return 0;
	co_end();
}

static async long table_transfer(struct co *co, struct page_run *r)
{
	struct fat *v = container_of(r->ps, struct fat, table);
	u64 at = r->index << PAGE_SHIFT, len;
	long err = 0;

	if (v->bits == 12)
		return transfer12(co, v, r);
	r->valid = len = min((u64)r->count << PAGE_SHIFT, v->table_len - at);
	for (u32 i = 0; i < (r->write ? v->copies : 1) && !err; i++)
		err = blk_run(v->blk, r, 0, len, v->table_at + i * v->table_len + at);
	return err;
}

static const struct pageset_ops table_ops = { .transfer = table_transfer };

long fat_table_init(struct fat *v)
{
	u64 len = (v->last + 1ul) * (v->bits == 32 ? 4 : 2);

	v->raw_len = min(align_up((v->last + 1) * 3 / 2 + 1, v->sector), v->table_len);
	if (v->bits == 12 && !(v->raw = heap_alloc(v->raw_len)))
		return -ENOMEM;
	pageset_init(&v->table, NULL);
	pageset_init(&v->counts, NULL);
	cache_init(&v->table, &v->table_cache, &table_ops);
	v->table.size_pages = (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	mutex_init(&v->table_lock);
	return 0;
}

/* FAT12's two pages stay: what is in v->raw is never older than the disk. */
async long fat_table_read(struct co *co, struct fat *v)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; v->bits == 12 && f->i < v->table.size_pages; f->i++) {
		await(r = cache_get(&v->table, f->i, 0, &v->pinned[f->i]));
		if (r)
			return r;
	}
	return 0;
	co_end();
}

void fat_table_end(struct fat *v)
{
	for (u32 i = 0; i < ARRAY_SIZE(v->pinned); i++)
		if (v->pinned[i])
			page_put(v->pinned[i]);
	cache_destroy(&v->table);
	pageset_truncate(&v->counts, 0);
	heap_free(v->raw);
}

/* What could not be written is to be written again. */
static void dirty_again(struct fat *v)
{
	for (u64 i = 0; (i = pageset_next(&v->table, i)) != UINT64_MAX; i++) {
		struct page *p = cache_try(&v->table, i);

		if (!p)
			continue;
		cache_dirty(&v->table, i, p);
		page_put(p);
	}
}

async long fat_table_write(struct co *co, struct fat *v)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = cache_sync(co, &v->table, 0, UINT64_MAX));
	if (r)
		dirty_again(v);
	return r;
	co_end();
}

/* --- entries ---------------------------------------------------------------------------------- */

async long fat_page(struct fat *v, u32 cluster, struct page **out)
{
	return cache_get(&v->table, page_of(v, cluster), 0, out);
}

u32 fat_get(const struct fat *v, const struct page *p, u32 cluster)
{
	u32 i = cluster & (page_entries(v) - 1), all = mask(v);
	u32 value = v->bits == 32 ? ((const u32 *)page_virt(p))[i] & all : ((const u16 *)page_virt(p))[i];

	return value >= (all & ~7u) ? FAT_END : value;
}

void fat_set(struct fat *v, struct page *p, u32 cluster, u32 value)
{
	u32 i = cluster & (page_entries(v) - 1), page = page_of(v, cluster);

	if (v->bits == 32) {			/* the upper four bits are not ours */
		u32 *e = (u32 *)page_virt(p) + i;

		*e = (*e & 0xf0000000) | value;
	} else {
		((u16 *)page_virt(p))[i] = value & mask(v);
	}
	cache_dirty(&v->table, page, p);
}

u32 fat_row(const struct fat *v, const struct page *p, u32 cluster, u32 most, u32 *next)
{
	u32 end = min(align_down(cluster, page_entries(v)) + page_entries(v), v->last + 1ul), n = 1;

	while ((*next = fat_get(v, p, cluster + n - 1)) == cluster + n && n < most && cluster + n < end)
		n++;
	return n;
}

/* --- the free map ----------------------------------------------------------------------------- */

/* The count of a page, or NULL: no memory. */
static u16 *count_of(struct fat *v, u32 page)
{
	struct page *p = pageset_find(&v->counts, page / COUNTS);

	if (!p && (p = pageset_get(&v->counts, page / COUNTS, true)))
		page_put(p);			/* the set keeps it */
	return p ? (u16 *)page_virt(p) + page % COUNTS : NULL;
}

static void count_change(struct fat *v, u32 cluster, s32 by)
{
	u16 *n = count_of(v, page_of(v, cluster));

	if (n && *n)
		*n += by;
	v->free += by;
	v->info_old = true;
}

/* Clusters of a page of the table: [from, to). */
static u32 first_of(const struct fat *v, u32 page) { return max(page << page_shift(v), 2u); }
static u32 end_of(const struct fat *v, u32 page) { return min((page + 1) << page_shift(v), v->last + 1); }

static u32 count_free(struct fat *v, const struct page *p, u32 page)
{
	u32 free = 0;

	for (u32 c = first_of(v, page); c < end_of(v, page); c++)
		free += !fat_get(v, p, c);
	return free;
}

/* A page of which nothing is free needs not be read. */
static bool is_full(struct fat *v, u32 page)
{
	u16 *n = count_of(v, page);

	return n && *n == 1;
}

/* All pages are looked at: then the number is exact. */
static async long count_locked(struct co *co, struct fat *v)
{
	struct { u32 page, free; struct page *p; } *f = co_frame(co);
	u16 *n;
	long r;

	co_begin(f);
	if (v->counted)
		return 0;
	f->free = 0;
	for (f->page = 0; f->page <= page_of(v, v->last); f->page++) {
		n = count_of(v, f->page);
		if (!n)
			return -ENOMEM;
		if (!*n) {
			await(r = cache_get(&v->table, f->page, SCAN_AHEAD, &f->p));
			if (r)
				return r;
			n = count_of(v, f->page);
			*n = count_free(v, f->p, f->page) + 1;
			page_put(f->p);
		}
		f->free += *n - 1;
	}
	v->info_old |= v->free != f->free;
	v->free = f->free;
	v->counted = true;
	return 0;
	co_end();
}

async long fat_count(struct co *co, struct fat *v)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (v->counted || v->table_len > COUNT_MOST)
		return 0;
	await(r = mutex_lock(&v->table_lock));
	await(r = count_locked(co, v));
	mutex_unlock(&v->table_lock);
	return r;
	co_end();
}

/* --- taking ----------------------------------------------------------------------------------- */

/* Free clusters in [from, end) of a page: a chain of at most @want.  How many; 0: none. */
static u32 take_row(struct fat *v, struct page *p, u32 from, u32 end, u32 want, u32 *first)
{
	u32 c = from, n = 0;

	while (c < end && fat_get(v, p, c))
		c++;
	*first = c;
	while (c + n < end && n < want && !fat_get(v, p, c + n))
		n++;
	for (u32 i = 0; i < n; i++) {
		fat_set(v, p, c + i, i + 1 < n ? c + i + 1 : FAT_END);
		count_change(v, c + i, -1);
	}
	return n;
}

/* The same in all of a page, from @from on if that is in it.  What is before @from comes last. */
static u32 take_page(struct fat *v, struct page *p, u32 page, u32 from, u32 want, u32 *first)
{
	u32 begin = first_of(v, page), end = end_of(v, page), n;
	u16 *count = count_of(v, page);

	if (count && !*count)
		*count = count_free(v, p, page) + 1;
	if (count && *count == 1)
		return 0;
	from = from > begin && from < end ? from : begin;
	n = take_row(v, p, from, end, want, first);
	return n ? n : take_row(v, p, begin, from, want, first);
}

static async long take_locked(struct co *co, struct fat *v, u32 goal, u32 want, u32 *first)
{
	struct { u32 page, left; struct page *p; } *f = co_frame(co);
	const u32 pages = page_of(v, v->last) + 1;
	long r;

	co_begin(f);
	f->page = page_of(v, goal);
	for (f->left = pages; f->left; f->left--, f->page = (f->page + 1) % pages) {
		if (is_full(v, f->page))
			continue;
		await(r = cache_get(&v->table, f->page, 0, &f->p));
		if (r)
			return r;
		r = take_page(v, f->p, f->page, goal, want, first);
		page_put(f->p);
		if (r)
			return r;
	}
	return -ENOSPC;
	co_end();
}

async long fat_take(struct co *co, struct fat *v, u32 goal, u32 want, u32 *first)
{
	struct { u32 goal; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&v->table_lock));
	f->goal = fat_is_cluster(v, goal) ? goal : v->next;
	await(r = take_locked(co, v, f->goal, want, first));
	if (r > 0)
		v->next = *first + r <= v->last ? *first + r : 2;
	mutex_unlock(&v->table_lock);
	return r;
	co_end();
}

/* --- giving back ------------------------------------------------------------------------------ */

/* What of a chain is in one page, at most @most: how many entries became free; *next is where it goes on. */
static u32 give_page(struct fat *v, struct page *p, u32 *next, u32 most)
{
	u32 page = page_of(v, *next), n = 0;

	while (n < most && fat_is_cluster(v, *next) && page_of(v, *next) == page) {
		u32 c = *next;

		*next = fat_get(v, p, c);
		if (!*next)
			break;
		fat_set(v, p, c, 0);
		count_change(v, c, 1);
		n++;
	}
	return n;
}

static async long give_locked(struct co *co, struct fat *v, u32 first, u32 count)
{
	struct { u32 next, left; struct page *p; } *f = co_frame(co);
	u32 n;
	long r;

	co_begin(f);
	f->next = first;
	for (f->left = count; f->left; f->left -= n) {
		if (!fat_is_cluster(v, f->next))
			return -EUCLEAN;
		await(r = fat_page(v, f->next, &f->p));
		if (r)
			return r;
		n = give_page(v, f->p, &f->next, f->left);
		page_put(f->p);
		if (!n)
			return -EUCLEAN;
	}
	return 0;
	co_end();
}

async long fat_give(struct co *co, struct fat *v, u32 first, u32 count)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&v->table_lock));
	await(r = give_locked(co, v, first, count));
	mutex_unlock(&v->table_lock);
	if (r == -EUCLEAN)
		disk_complain(v->fs, "chain at cluster %u is broken", first);
	return r;
	co_end();
}

/* --- FSInfo ----------------------------------------------------------------------------------- */

struct fat_info { u32 lead, unused[120], magic, free, next; };

async long fat_info_write(struct co *co, struct fat *v)
{
	struct { u8 *sector; long err; } *f = co_frame(co);
	struct fat_info *i;
	long r;

	co_begin(f);
	if (!v->info_at || !v->info_old)
		return 0;
	f->sector = heap_alloc(v->sector);
	if (!f->sector)
		return -ENOMEM;
	v->info_old = false;
	await(f->err = blk_io(co, v->blk, BLK_READ, v->info_at, f->sector, v->sector));
	if (!f->err) {
		i = (struct fat_info *)f->sector;
		i->free = v->counted || v->believed ? v->free : UINT32_MAX;
		i->next = v->next;
		await(f->err = blk_io(co, v->blk, BLK_WRITE, v->info_at, f->sector, v->sector));
	}
	heap_free(f->sector);
	v->info_old |= f->err;
	r = f->err;
	return r;
	co_end();
}
