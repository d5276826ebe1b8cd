// SPDX-License-Identifier: MIT
/*
 * dir.c: directories: entries in blocks, or in the inode.  Positions are bytes: the same ones that a directory
 * without an index has, for a listing goes through the blocks of an indexed one in their order, too: those of the
 * index look like empty entries.  A name is looked up by the index where there is one (index.c): 20,000
 * names are 100 blocks, of which it needs 2 or 3; otherwise by reading all.
 */
#include <string.h>
#include "fs/ext4/private.h"

enum { ENTRY = offsetof(struct ext4_dirent, name), MIN_ENTRY = 12, INLINE_PARENT = 4, POLITE = 64 };

/* --- entries ---------------------------------------------------------------------------------- */

static u32 mode_of(u8 type)
{
	static const u32 mode[] = { 0, I_REG, I_DIR, I_CHR, I_BLK, I_FIFO, I_SOCK, I_LNK };

	return type < ARRAY_SIZE(mode) ? mode[type] : 0;
}

/* The entry at @at of @len bytes, whose numbers are possible.  Without a file type the length has 16 bits. */
static bool entry_at(const struct ext4 *e, const u8 *bytes, u32 len, u32 at, struct ext4_entry *out)
{
	const struct ext4_dirent *d = (const void *)(bytes + at);
	u32 size;

	if (len - at < ENTRY)
		return false;
	size = d->size;
	*out = (struct ext4_entry){ .at = at, .next = at + size, .ino = d->ino, .len = d->len, .name = d->name };
	if (e->incompat & EXT4_FILETYPE)
		out->mode = mode_of(d->type);
	else if (d->type)
		return false;
	return size >= MIN_ENTRY && size % 4 == 0 && size <= len - at && ENTRY + out->len <= size &&
	       out->ino <= e->inodes;
}

static bool is_name(const char *s, u32 len)
{
	return len && !memchr(s, 0, len) && !memchr(s, '/', len);
}

static bool is_dots(const char *s, u32 len)
{
	return s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'));
}

static long bad_entry(struct inode *dir, u32 at)
{
	return ext4_bad(dir->fs, "directory %lu: entry at %u of a block", dnode_of(dir)->key, at);
}

static long find(struct inode *dir, const u8 *bytes, u32 len, struct name n, struct ext4_entry *out)
{
	const struct ext4 *e = ext4_of(dir->fs);

	for (u32 at = 0; at < len; at = out->next) {
		if (!entry_at(e, bytes, len, at, out))
			return bad_entry(dir, at);
		if (out->ino && out->len == n.len && !memcmp(out->name, n.s, n.len))
			return 0;
	}
	return -ENOENT;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* Blocks of an index: the first of all, and those with one empty entry as long as the block. */
static bool is_index(struct inode *dir, u64 n, const u8 *bytes)
{
	return ext4_inode(dir)->flags & EXT4_F_INDEX &&
	       (!n || ((const struct ext4_dirent *)bytes)->size == ext4_of(dir->fs)->block_size);
}

static bool csum_ok(struct inode *dir, u64 n, const u8 *bytes)
{
	const struct ext4 *e = ext4_of(dir->fs);
	u32 end = e->block_size - sizeof(struct ext4_dir_tail);
	const struct ext4_dir_tail *t = (const void *)(bytes + end);

	if (is_index(dir, n, bytes))
		return ext4_index_csum_ok(dir, bytes);
	return !t->zero && t->size == sizeof(*t) && !t->zero2 && t->type == EXT4_TAIL_TYPE &&
	       t->checksum == ext4_crc(e, ext4_inode(dir)->seed, bytes, end);
}

static u64 blocks_of(const struct inode *dir) { return dir->size >> ext4_of(dir->fs)->shift; }

async long ext4_dir_block(struct co *co, struct inode *dir, u64 n, struct ext4_block *b)
{
	struct { struct ext4_run run; } *f = co_frame(co);
	struct ext4 *const e = ext4_of(dir->fs);
	u64 block;
	long r;

	co_begin(f);
	if (n >= blocks_of(dir))
		return ext4_bad(dir->fs, "directory %lu: no block %lu", dnode_of(dir)->key, n);
	await(r = ext4_run(co, dir, n, &f->run));
	if (r)
		return r;
	if (f->run.kind != RUN_BLOCKS)
		return ext4_bad(dir->fs, "directory %lu: a hole", dnode_of(dir)->key);
	await(r = ext4_block(dir->fs, f->run.block + (n - f->run.at), b));
	if (r || !e->checked)
		return r;
	block = f->run.block + (n - f->run.at);
	if (ext4_is_verified(e, block))
		return 0;
	if (!csum_ok(dir, n, b->bytes)) {
		ext4_put(b);
		return ext4_bad(dir->fs, "directory %lu: checksum of block %lu", dnode_of(dir)->key, n);
	}
	ext4_set_verified(e, block);
	return 0;
	co_end();
}

/* --- in the inode: two pieces, as if they were one behind the other --------------------------------- */

static bool is_inline(struct inode *dir) { return ext4_inode(dir)->flags & EXT4_F_INLINE; }

/* The piece that begins at byte @at of the inode's data, or the second if @at is not in the first. */
static const u8 *inline_piece(struct inode *dir, u32 at, u32 *from, u32 *len)
{
	const struct ext4_inode *i = ext4_inode(dir);

	*from = at < EXT4_MAP_BYTES ? INLINE_PARENT : EXT4_MAP_BYTES;
	*len = (at < EXT4_MAP_BYTES ? EXT4_MAP_BYTES : i->inline_len) - *from;
	return i->inline_data + *from;
}

/* --- lookup ----------------------------------------------------------------------------------- */

/* An entry's inode must be one that programs may see, and not the directory itself. */
static long take_key(struct inode *dir, const struct ext4_entry *x, u64 *key)
{
	if ((x->ino < ext4_of(dir->fs)->first_ino && x->ino != EXT4_ROOT) || x->ino == dnode_of(dir)->key)
		return ext4_bad(dir->fs, "directory %lu: a name for inode %u", dnode_of(dir)->key, x->ino);
	*key = x->ino;
	return 0;
}

long ext4_find_in(struct inode *dir, struct ext4_block *b, struct name n, u64 *key)
{
	struct ext4_entry x;
	long r = find(dir, b->bytes, ext4_of(dir->fs)->block_size, n, &x);

	ext4_put(b);
	return r ? r : take_key(dir, &x, key);
}

static long find_inline(struct inode *dir, struct name n, u64 *key)
{
	struct ext4_entry x;
	u32 from, len;
	const u8 *p;
	long r = -ENOENT;

	for (u32 at = 0; r == -ENOENT && at <= EXT4_MAP_BYTES; at += EXT4_MAP_BYTES) {
		p = inline_piece(dir, at, &from, &len);
		r = find(dir, p, len, n, &x);
	}
	return r ? r : take_key(dir, &x, key);
}

static async long find_in_all(struct co *co, struct inode *dir, struct name n, u64 *key)
{
	struct { u64 i; struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < blocks_of(dir); f->i++) {
		if (f->i % POLITE == POLITE - 1)
			co_yield();
		await(r = ext4_dir_block(co, dir, f->i, &f->b));
		if (!r)
			r = ext4_find_in(dir, &f->b, n, key);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
	co_end();
}

async long ext4_lookup(struct co *co, struct inode *dir, struct name n, u64 *key)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (is_inline(dir))
		return find_inline(dir, n, key);
	r = -EOPNOTSUPP;
	if (ext4_inode(dir)->flags & EXT4_F_INDEX)
		await(r = ext4_index_find(co, dir, n, key));
	if (r == -EOPNOTSUPP)
		await(r = find_in_all(co, dir, n, key));
	return r;
	co_end();
}

/* --- list ------------------------------------------------------------------------------------- */

/* Entries of @len bytes, which are at @from of the directory, from *pos on: 0, 1 if the sink is full.  *pos
 * moves behind each that was added. */
static long list_entries(struct inode *dir, const u8 *bytes, u32 len, u64 from, u64 *pos, struct dir_sink *s)
{
	struct ext4_entry x;

	for (u32 at = 0; at < len; at = x.next) {
		if (!entry_at(ext4_of(dir->fs), bytes, len, at, &x))
			return bad_entry(dir, at);
		if (!x.ino || from + at < *pos || is_dots(x.name, x.len))
			continue;
		if (!is_name(x.name, x.len))
			return bad_entry(dir, at);
		if (!s->add(s, x.name, x.len, x.ino, x.mode, from + x.next))
			return 1;
		*pos = from + x.next;
	}
	return 0;
}

static long list_inline(struct inode *dir, u64 *pos, struct dir_sink *s)
{
	u32 from, len;
	const u8 *p;
	long r = 0;

	for (u32 at = 0; !r && at <= EXT4_MAP_BYTES; at += EXT4_MAP_BYTES) {
		p = inline_piece(dir, at, &from, &len);
		r = list_entries(dir, p, len, from, pos, s);
	}
	return r < 0 ? r : 0;
}

async long ext4_list(struct co *co, struct inode *dir, u64 *pos, struct dir_sink *s)
{
	struct { u64 n; struct ext4_block b; } *f = co_frame(co);
	const struct ext4 *const e = ext4_of(dir->fs);
	long r;

	co_begin(f);
	if (is_inline(dir))
		return list_inline(dir, pos, s);
	for (f->n = *pos >> e->shift; f->n < blocks_of(dir); f->n++) {
		if (f->n % POLITE == POLITE - 1)
			co_yield();
		await(r = ext4_dir_block(co, dir, f->n, &f->b));
		if (r)
			return r;
		r = list_entries(dir, f->b.bytes, e->block_size, f->n << e->shift, pos, s);
		ext4_put(&f->b);
		if (r)
			return r < 0 ? r : 0;
	}
	return 0;
	co_end();
}
