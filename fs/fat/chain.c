// SPDX-License-Identifier: MIT
/*
 * chain.c: which clusters a file or directory has.  What was learnt from the table is kept as runs, sorted,
 * with gaps: at most RUNS of them, every other one is forgotten then.  Where it is not known, the way is
 * from the nearest run before, through pages of the table.
 *
 * The chain in memory has pieces the disk does not link yet (struct fat_inode): clusters [kept, snap) and
 * [snap, count).  Walking it heeds that.  A walk that waits may meet a chain that has become shorter:
 * fi->generation tells.
 */
#include "fs/fat/private.h"
#include <linux/falloc.h>
#include <string.h>
#include "mem/heap.h"

enum { RUNS = 512, RUNS_FIRST = 4 };

/* --- runs; fi->lock is held ------------------------------------------------------------------- */

/* How many runs begin at or before @index. */
static u32 runs_before(const struct fat_inode *fi, u32 index)
{
	u32 low = 0, high = fi->run_count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (fi->run[mid].at <= index)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void runs_thin(struct fat_inode *fi)
{
	u32 n = 0;

	for (u32 i = 0; i < fi->run_count; i += 2)
		fi->run[n++] = fi->run[i];
	fi->run_count = n;
}

static bool runs_room(struct fat_inode *fi)
{
	u32 want = fi->run_room ? fi->run_room * 2 : RUNS_FIRST;
	struct fat_run *more;

	if (fi->run_count < fi->run_room)
		return true;
	if (fi->run_room == RUNS) {
		runs_thin(fi);
		return true;
	}
	more = heap_grow(fi->run, fi->run_room * sizeof(*more), want * sizeof(*more));
	if (!more)
		return false;
	fi->run = more;
	fi->run_room = want;
	return true;
}

/* Clusters @at... of the file are @first...: it is known from now on, if there is memory. */
static void runs_add(struct fat_inode *fi, struct fat_run r)
{
	u32 i = runs_before(fi, r.at);
	struct fat_run *before;

	if (i < fi->run_count)
		r.len = min(r.len, fi->run[i].at - r.at);
	before = i ? &fi->run[i - 1] : NULL;
	if (before && r.at < before->at + before->len)
		return;
	if (before && r.at == before->at + before->len && r.first == before->first + before->len) {
		before->len += r.len;
		return;
	}
	if (!runs_room(fi))
		return;
	i = runs_before(fi, r.at);
	memmove(fi->run + i + 1, fi->run + i, (fi->run_count - i) * sizeof(r));
	fi->run[i] = r;
	fi->run_count++;
}

static void runs_cut(struct fat_inode *fi, u32 count)
{
	u32 n = count ? runs_before(fi, count - 1) : 0;

	fi->run_count = n;
	if (n)
		fi->run[n - 1].len = min(fi->run[n - 1].len, count - fi->run[n - 1].at);
	fi->count = count;
	fi->generation++;
}

/* --- walking ---------------------------------------------------------------------------------- */

struct walk { struct fat_run r; u32 generation; };	/* the last run on the way */

/* Begin: true if @index is in w->r, with what follows it. */
static bool walk_begin(struct fat_inode *fi, u32 index, struct walk *w)
{
	u32 i;

	guard(&fi->lock);
	i = runs_before(fi, index);
	w->generation = fi->generation;
	w->r = i ? fi->run[i - 1] : (struct fat_run){ 0, fi->start, 1 };
	return index < fi->count && index - w->r.at < w->r.len;
}

/* Which cluster is @index, one behind the run, where the table does not know?  0: the table does. */
static u32 beyond_break(struct fat_inode *fi, u32 index)
{
	guard(&fi->lock);
	if (index == fi->kept && fi->kept < fi->count)
		return fi->kept_next;
	if (index == fi->snap && fi->snap && fi->snap < fi->count)
		return fi->snap_next;
	return 0;
}

/* What is in one page from @cluster, which is @index, on.  False: the chain has changed meanwhile. */
static bool walk_row(struct fat *v, struct fat_inode *fi, struct walk *w, const struct page *p, u32 index,
		     u32 cluster)
{
	u32 next, most;

	guard(&fi->lock);
	if (w->generation != fi->generation || index >= fi->count)
		return false;
	most = fi->count - index;		/* not across a break */
	if (index < fi->kept)
		most = min(most, fi->kept - index);
	else if (index < fi->snap)
		most = min(most, fi->snap - index);
	w->r = (struct fat_run){ index, cluster, fat_row(v, p, cluster, most, &next) };
	runs_add(fi, w->r);
	return true;
}

/* One step: the run behind the present one.  1: begin anew. */
static async long walk_on(struct co *co, struct inode *ip, struct walk *w)
{
	struct { u32 next; struct page *p; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	const u32 index = w->r.at + w->r.len, end = w->r.first + w->r.len - 1;
	bool ok;
	long r;

	co_begin(f);
	if (!fat_is_cluster(v, end))
		return -EUCLEAN;
	f->next = beyond_break(fat_inode(ip), index);
	if (!f->next) {
		await(r = fat_page(v, end, &f->p));
		if (r)
			return r;
		f->next = fat_get(v, f->p, end);
		page_put(f->p);
	}
	if (!fat_is_cluster(v, f->next))
		return -EUCLEAN;
	await(r = fat_page(v, f->next, &f->p));
	if (r)
		return r;
	ok = walk_row(v, fat_inode(ip), w, f->p, index, f->next);
	page_put(f->p);
	return !ok;
	co_end();
}

/* The first run, when nothing is known yet. */
static async long walk_first(struct co *co, struct inode *ip, struct walk *w)
{
	struct { struct page *p; } *f = co_frame(co);
	const u32 start = w->r.first;
	bool ok;
	long r;

	co_begin(f);
	if (!fat_is_cluster(fat_of(ip), start))
		return -EUCLEAN;
	await(r = fat_page(fat_of(ip), start, &f->p));
	if (r)
		return r;
	ok = walk_row(fat_of(ip), fat_inode(ip), w, f->p, 0, start);
	page_put(f->p);
	return !ok;
	co_end();
}

/* w->r becomes the run with @index.  1: the chain has changed, begin anew. */
static async long walk(struct co *co, struct inode *ip, u32 index, struct walk *w)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (index >= fat_inode(ip)->count)
		return -EUCLEAN;
	if (walk_begin(fat_inode(ip), index, w))
		return 0;
	r = 0;
	if (!fat_inode(ip)->run_count)
		await(r = walk_first(co, ip, w));
	while (!r && index - w->r.at >= w->r.len)
		await(r = walk_on(co, ip, w));
	if (r == -EUCLEAN)
		disk_complain(ip->fs, "chain at cluster %u is broken after %u", fat_inode(ip)->start,
			      w->r.at + w->r.len);
	return r;
	co_end();
}

async long fat_find(struct co *co, struct inode *ip, u32 index, struct fat_run *out)
{
	struct { struct walk w; } *f = co_frame(co);
	long r;

	co_begin(f);
	do
		await(r = walk(co, ip, index, &f->w));
	while (r > 0);
	if (r)
		return r;
	*out = f->w.r;
	out->at = index;
	out->first += index - f->w.r.at;
	out->len -= index - f->w.r.at;
	return 0;
	co_end();
}

async long fat_measure(struct co *co, struct inode *ip)
{
	struct { u32 c; struct page *p; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(ip);
	struct fat *const v = fat_of(ip);
	const u32 most = fat_clusters_for(v, FAT_SLOTS_MAX * FAT_SLOT);
	u32 next;
	long r;

	co_begin(f);
	for (f->c = fi->start; f->c != FAT_END; f->c = next) {
		if (!fat_is_cluster(v, f->c) || fi->count >= most)
			return -EUCLEAN;
		await(r = fat_page(v, f->c, &f->p));
		if (r)
			return r;
		r = fat_row(v, f->p, f->c, most, &next);
		page_put(f->p);
		runs_add(fi, (struct fat_run){ fi->count, f->c, r });
		fi->count += r;
	}
	fi->kept = fi->count;
	return fi->count <= most ? 0 : -EUCLEAN;
	co_end();
}

/* --- growing ---------------------------------------------------------------------------------- */

/* @n more clusters from @first on are the end of the chain. */
static void grown(struct inode *ip, u32 first, u32 n)
{
	struct fat_inode *fi = fat_inode(ip);

	spin_lock(&fi->lock);
	if (!fi->count)
		fi->start = first;
	if (fi->count == fi->kept)
		fi->kept_next = first;
	if (fi->snap && fi->count == fi->snap)
		fi->snap_next = first;
	runs_add(fi, (struct fat_run){ fi->count, first, n });
	fi->count += n;
	fi->d.blocks = (u64)fi->count << (fat_of(ip)->cluster_shift - 9);
	spin_unlock(&fi->lock);
	if (!inode_is_dir(ip))
		fat_pend(ip);
}

/* Is the end of the chain one that the table may lead on from already? */
static bool open_end(struct fat_inode *fi)
{
	guard(&fi->lock);
	return fi->count > fi->kept && fi->count != fi->snap;
}

static async long commit_main(struct co *co, void *v) { return fat_commit(co, v); }

/* Nothing is free, but something will be: a commit, by a task of its own, for it goes the way of all
 * writing, which may have led here.  NULL: no memory. */
static struct errand *commit_begin(struct fat *v)
{
	struct errand *e = errand_create("commit", commit_main, NULL, v);

	if (e)
		errand_start(e);
	return e;
}

/* What is not free yet is waited for, once. */
static async long take(struct co *co, struct fat *v, u32 goal, u32 want, u32 *first)
{
	struct { struct errand *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = fat_take(co, v, goal, want, first));
	if (r != -ENOSPC || !v->freed_count)
		return r;
	f->e = commit_begin(v);
	if (!f->e)
		return -ENOMEM;
	await(r = errand_wait_quiet(f->e));
	errand_put(f->e);
	if (r)
		return r;
	await(r = fat_take(co, v, goal, want, first));
	return r;
	co_end();
}

async long fat_grow(struct co *co, struct inode *ip, u32 count)
{
	struct { struct fat_run last; struct page *p; u32 first; long n; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	long r;

	co_begin(f);
	f->last.first = 0;
	f->p = NULL;
	if (fat_inode(ip)->count) {
		await(r = fat_find(co, ip, fat_inode(ip)->count - 1, &f->last));
		if (r)
			return r;
		await(r = fat_page(v, f->last.first, &f->p));
		if (r)
			return r;
	}
	await(f->n = take(co, v, f->last.first ? f->last.first + 1 : 0, count - fat_inode(ip)->count,
			  &f->first));
	if (f->n > 0 && f->p && open_end(fat_inode(ip)))
		fat_set(v, f->p, f->last.first, f->first);
	if (f->n > 0)
		grown(ip, f->first, f->n);
	if (f->p)
		page_put(f->p);
	return min(f->n, 0l);
	co_end();
}

/* --- content ---------------------------------------------------------------------------------- */

static long map_fixed(struct fat *v, u64 at, struct extent *x)
{
	*x = (struct extent){ .len = (u64)v->root_slots * FAT_SLOT, .kind = EXTENT_BLOCKS, .dev = v->root_at };
	return at < x->len ? 0 : -EUCLEAN;
}

async long fat_map(struct co *co, struct inode *ip, u64 at, u64 len, bool write, struct extent *x)
{
	struct { struct fat_run run; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	long r;

	co_begin(f);
	if (fat_inode(ip)->fixed)
		return map_fixed(v, at, x);
	r = 0;
	if (write && fat_clusters_for(v, at + len) > fat_inode(ip)->count)
		await(r = fat_grow(co, ip, fat_clusters_for(v, at + len)));
	if (r && at >> v->cluster_shift >= fat_inode(ip)->count)
		return r;
	await(r = fat_find(co, ip, at >> v->cluster_shift, &f->run));
	if (r)
		return r;
	*x = (struct extent){
		.at = (u64)f->run.at << v->cluster_shift, .len = (u64)f->run.len << v->cluster_shift,
		.kind = EXTENT_BLOCKS, .dev = fat_where(v, f->run.first),
	};
	return 0;
	co_end();
}

/* --- shrinking -------------------------------------------------------------------------------- */

struct cut { struct fat_run last, first; struct fat_freed *freed[3]; };

static bool cut_alloc(struct cut *c)
{
	for (u32 i = 0; i < ARRAY_SIZE(c->freed); i++)
		if (!(c->freed[i] = heap_zero(sizeof(*c->freed[i]))))
			return false;
	return true;
}

static void cut_free(struct cut *c)
{
	for (u32 i = 0; i < ARRAY_SIZE(c->freed); i++)
		heap_free(c->freed[i]);
}

/* Clusters [from, to), a chain by itself beginning at @first, wait to become free. */
static void cut_piece(struct fat *v, struct cut *c, u32 first, u32 from, u32 to)
{
	struct fat_freed **f = c->freed;

	while (!*f)
		f++;
	if (from >= to)
		return;
	**f = (struct fat_freed){ .first = first, .count = to - from };
	TAILQ_INSERT_TAIL(&v->freed, *f, link);
	v->freed_count += to - from;
	v->freed_records++;
	*f = NULL;
}

/* Pieces of the chain, each up to a break, whose clusters are beyond @count; the first of them is @first. */
static void cut_pieces(struct fat *v, struct fat_inode *fi, struct cut *c, u32 count, u32 first)
{
	const u32 end[3] = { min(fi->kept, fi->count), fi->snap ? fi->snap : fi->kept, fi->count };
	const u32 next[3] = { 0, fi->kept_next, fi->snap ? fi->snap_next : fi->kept_next };
	u32 from = 0;

	for (u32 i = 0; i < 3; from = max(from, end[i++]))
		if (count < end[i])
			cut_piece(v, c, count <= from && i ? next[i] : first, max(count, from), end[i]);
}

static void cut_now(struct inode *ip, struct cut *c, u32 count)
{
	struct fat_inode *fi = fat_inode(ip);
	struct fat *v = fat_of(ip);

	spin_lock(&v->lock);
	spin_lock(&fi->lock);
	cut_pieces(v, fi, c, count, c->first.first);
	if (count < fi->kept) {
		fi->kept = count;
		fi->cut = true;
	}
	if (count <= fi->snap)
		fi->snap = 0;
	runs_cut(fi, count);
	fi->d.blocks = (u64)count << (v->cluster_shift - 9);
	if (!count)
		fi->start = 0;
	spin_unlock(&fi->lock);
	spin_unlock(&v->lock);
}

/* With v->committing held: no commit deals with the chain. */
static async long shorten_locked(struct co *co, struct inode *ip, u32 count, struct cut *c)
{
	struct { struct page *p; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	long r;

	co_begin(f);
	await(r = fat_find(co, ip, count, &c->first));
	if (r)
		return r;
	f->p = NULL;
	if (count) {
		await(r = fat_find(co, ip, count - 1, &c->last));
		if (!r)
			await(r = fat_page(v, c->last.first, &f->p));
		if (r)
			return r;
	}
	if (count > fat_inode(ip)->kept && count != fat_inode(ip)->snap)
		fat_set(v, f->p, c->last.first, FAT_END);	/* the disk leads nobody there */
	if (f->p)
		page_put(f->p);
	cut_now(ip, c, count);
	return 0;
	co_end();
}

async long fat_shorten(struct co *co, struct inode *ip, u32 count)
{
	struct { struct cut c; long err; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	long r;

	co_begin(f);
	if (count >= fat_inode(ip)->count)
		return 0;
	memset(&f->c, 0, sizeof(f->c));
	f->err = -ENOMEM;
	if (cut_alloc(&f->c)) {
		await(r = mutex_lock(&v->committing));
		await(f->err = shorten_locked(co, ip, count, &f->c));
		mutex_unlock(&v->committing);
	}
	cut_free(&f->c);
	if (!f->err && ip->nlink)
		fat_pend(ip);
	r = f->err;
	return r;
	co_end();
}

async long fat_truncate(struct co *co, struct inode *ip, u64 size)
{
	return fat_shorten(co, ip, fat_clusters_for(fat_of(ip), size));
}

/* There are no holes: what is allocated is written, with zeros. */
async long fat_allocate(struct co *co, struct inode *ip, u32 mode, u64 at, u64 len)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (mode)
		return -EOPNOTSUPP;
	await(r = disk_grow(co, ip, at + len));
	return r;
	co_end();
}
