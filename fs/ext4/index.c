// SPDX-License-Identifier: MIT
/*
 * index.c: directories with an index by the hash of names (htree): block 0 is its root, above up to two levels
 * of nodes and the leaves, which are blocks of entries as in any directory.  Names with one hash may
 * go on in the next leaf.
 */
#include "fs/ext4/private.h"

enum { LEVELS = 3, POLITE = 64 };

/* Where in a block of an index its entries begin; 0: it is none. */
static u32 entries_at(const struct ext4 *e, const u8 *bytes)
{
	const struct ext4_dirent *d = (const void *)bytes, *up = (const void *)(bytes + 12);
	const struct ext4_index_info *info = (const void *)(bytes + 24);

	if (d->size == e->block_size)
		return EXT4_INDEX_NODE;
	return d->size == 12 && up->size == e->block_size - 12 && !info->zero && info->size == sizeof(*info)
	       ? EXT4_INDEX_ROOT : 0;
}

/* Its entries, which are in the block, or NULL. */
static const struct ext4_index *index_of(const struct ext4 *e, const u8 *bytes)
{
	u32 tail = e->ro_compat & EXT4_METADATA_CSUM ? sizeof(struct ext4_index_tail) : 0;
	u32 at = entries_at(e, bytes);
	const struct ext4_index *x = (const void *)(bytes + at);

	return at && x->count && x->count <= x->limit &&
	       x->limit == (e->block_size - at - tail) / sizeof(struct ext4_index_entry) ? x : NULL;
}

bool ext4_index_csum_ok(struct inode *dir, const u8 *bytes)
{
	const struct ext4 *e = ext4_of(dir->fs);
	const struct ext4_index *x = index_of(e, bytes);
	const struct ext4_index_tail *t;
	static const u32 none;
	u32 crc;

	if (!x)
		return false;
	t = (const void *)((const struct ext4_index_entry *)x + x->limit);
	crc = ext4_crc(e, ext4_inode(dir)->seed, bytes, (const u8 *)((const struct ext4_index_entry *)x + x->count) - bytes);
	crc = ext4_crc(e, crc, &t->reserved, sizeof(t->reserved));
	return t->checksum == ext4_crc(e, crc, &none, sizeof(none));
}

/* --- the way down --------------------------------------------------------------------------------- */

/* From the root to a leaf: of each level the block, the entry in it, and how many there are. */
struct way {
	u32	hash, levels;		/* levels: of nodes, the root's included */
	u32	block[LEVELS], at[LEVELS], count[LEVELS];
	u64	leaves;			/* that may still be looked at: no more than the directory has blocks */
};

static long bad_index(struct inode *dir)
{
	return ext4_bad(dir->fs, "directory %lu: its index", dnode_of(dir)->key);
}

/* The last entry whose hash is not above @hash; the first has none, it is for all below the second. */
static u32 entry_for(const struct ext4_index_entry *x, u32 count, u32 hash)
{
	u32 lo = 1, hi = count;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (x[mid].hash <= hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* What the root says about hash and depth. */
static long begin(struct inode *dir, const u8 *bytes, struct name n, struct way *w)
{
	const struct ext4_index_info *info = (const void *)(bytes + 24);
	const struct ext4 *e = ext4_of(dir->fs);
	long err;

	if (entries_at(e, bytes) != EXT4_INDEX_ROOT || info->levels > (e->incompat & EXT4_LARGE_DIR ? 2 : 1))
		return bad_index(dir);
	err = ext4_hash(e, info->hash, n.s, n.len, &w->hash);
	w->levels = info->levels + 1;
	return err;
}

/* Level @l is in @bytes: choose an entry, by the hash or (@first) the first: the block of what is below. */
static long choose(struct inode *dir, const u8 *bytes, u32 l, bool first, struct way *w, u32 *below)
{
	const struct ext4_index *i = index_of(ext4_of(dir->fs), bytes);
	const struct ext4_index_entry *x = (const void *)i;

	if (!i || (entries_at(ext4_of(dir->fs), bytes) == EXT4_INDEX_ROOT) != !l)
		return bad_index(dir);
	w->count[l] = i->count;
	w->at[l] = first ? 0 : entry_for(x, i->count, w->hash);
	*below = x[w->at[l]].block & 0x0fffffff;
	return 0;
}

/* From level @l on down to the leaf. */
static async long descend(struct co *co, struct inode *dir, u32 from, bool first, struct way *w, u32 *leaf)
{
	struct { struct ext4_block b; u32 l; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->l = from; f->l < w->levels; f->l++) {
		await(r = ext4_dir_block(co, dir, w->block[f->l], &f->b));
		if (r)
			return r;
		r = choose(dir, f->b.bytes, f->l, first, w, leaf);
		ext4_put(&f->b);
		if (r)
			return r;
		if (f->l + 1 < w->levels)
			w->block[f->l + 1] = *leaf;
	}
	return 0;
	co_end();
}

/* The entry at w->at[l] of a node: may names with our hash be behind it, and where. */
static long goes_on(struct inode *dir, const u8 *bytes, u32 l, const struct way *w, u32 *below)
{
	const struct ext4_index *i = index_of(ext4_of(dir->fs), bytes);
	const struct ext4_index_entry *x = (const void *)i;

	if (!i || w->at[l] >= i->count)
		return bad_index(dir);
	*below = x[w->at[l]].block & 0x0fffffff;
	return (x[w->at[l]].hash & ~1u) == w->hash ? 0 : -ENOENT;
}

/* The leaf behind the last one, if names with this hash go on there: 0, -ENOENT. */
static async long next_leaf(struct co *co, struct inode *dir, struct way *w, u32 *leaf)
{
	struct { struct ext4_block b; u32 l; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->l = w->levels; f->l && w->at[f->l - 1] + 1 >= w->count[f->l - 1]; f->l--)
		;
	if (!f->l)
		return -ENOENT;
	w->at[--f->l]++;
	await(r = ext4_dir_block(co, dir, w->block[f->l], &f->b));
	if (r)
		return r;
	r = goes_on(dir, f->b.bytes, f->l, w, leaf);
	ext4_put(&f->b);
	if (r || f->l + 1 == w->levels)
		return r;
	w->block[f->l + 1] = *leaf;
	await(r = descend(co, dir, f->l + 1, true, w, leaf));
	return r;
	co_end();
}

static async long open_index(struct co *co, struct inode *dir, struct name n, struct way *w)
{
	struct { struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = ext4_dir_block(co, dir, 0, &f->b));
	if (r)
		return r;
	r = begin(dir, f->b.bytes, n, w);
	ext4_put(&f->b);
	return r;
	co_end();
}

async long ext4_index_find(struct co *co, struct inode *dir, struct name n, u64 *key)
{
	struct { struct way w; u32 leaf; struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->w = (struct way){ .leaves = dir->size >> ext4_of(dir->fs)->shift };
	await(r = open_index(co, dir, n, &f->w));
	if (!r)
		await(r = descend(co, dir, 0, false, &f->w, &f->leaf));
	while (!r) {
		await(r = ext4_dir_block(co, dir, f->leaf, &f->b));
		if (!r)
			r = ext4_find_in(dir, &f->b, n, key);
		if (r != -ENOENT)
			return r;
		if (!f->w.leaves--)
			return bad_index(dir);
		if (f->w.leaves % POLITE == 0)
			co_yield();
		await(r = next_leaf(co, dir, &f->w, &f->leaf));
	}
	return r;
	co_end();
}
