// SPDX-License-Identifier: MIT
/*
 * mount.c: FAT12, FAT16 and FAT32: the boot sector, options, free space, and the table of operations.
 *
 * FAT has no magic number.  A boot sector is one if it ends in 55 AA and every field is possible;
 * if not, this is somebody else's disk, silently.  A volume larger than its device is ours, and broken.
 */
#include "fs/fat/private.h"
#include <string.h>
#include "core/log.h"
#include "mem/heap.h"

enum { FAT_MAGIC = 0x4d44, BOOT_BYTES = 512, FAT12_MOST = 4084, FAT16_MOST = 65524, FAT32_MOST = 0x0ffffff5 };

/* Fields are not aligned. */
static u32 get16(const u8 *b, u32 at) { return b[at] | b[at + 1] << 8; }
static u32 get32(const u8 *b, u32 at) { return get16(b, at) | get16(b, at + 2) << 16; }
enum {
	B_SECTOR = 11, B_CLUSTER = 13, B_RESERVED = 14, B_COPIES = 16, B_ROOT = 17, B_TOTAL16 = 19, B_MEDIA = 21,
	B_TABLE16 = 22, B_TOTAL = 32, B_TABLE = 36, B_FLAGS = 40, B_VERSION = 42, B_ROOT_CLUSTER = 44,
	B_INFO = 48, B_SIGNATURE = 510,
	I_LEAD = 0, I_MAGIC = 484, I_FREE = 488, I_NEXT = 492,	/* FSInfo */
};

static bool is_power(u32 n) { return n && !(n & (n - 1)); }

static bool is_boot(const u8 *b)
{
	u32 sector = get16(b, B_SECTOR);

	return get16(b, B_SIGNATURE) == 0xaa55 && is_power(sector) && sector >= 512 && sector <= PAGE_SIZE &&
	       is_power(b[B_CLUSTER]) && get16(b, B_RESERVED) && b[B_COPIES] && b[B_COPIES] <= 4 &&
	       (b[B_MEDIA] == 0xf0 || b[B_MEDIA] >= 0xf8) && (get16(b, B_TABLE16) || get32(b, B_TABLE)) &&
	       (get16(b, B_TOTAL16) || get32(b, B_TOTAL)) && (get16(b, B_TABLE16) || !get16(b, B_VERSION));
}

static u32 log2_of(u32 n) { return 31 - __builtin_clz(n); }

/* With mirroring off there is one table that counts. */
static void one_table(struct fat *v, u32 flags)
{
	if (v->bits != 32 || !(flags & 0x80))
		return;
	v->table_at += (flags & 15) % v->copies * v->table_len;
	v->copies = 1;
}

/* 0, or -EINVAL: this cannot be FAT. */
static long layout(struct fat *v, const u8 *b)
{
	u32 sector = get16(b, B_SECTOR), table = get16(b, B_TABLE16), total = get16(b, B_TOTAL16);
	u64 root, data, clusters, entries;

	v->sector = sector;
	v->cluster_shift = log2_of(sector) + log2_of(b[B_CLUSTER]);
	v->copies = b[B_COPIES];
	v->bits = table ? 0 : 32;
	v->table_at = (u64)get16(b, B_RESERVED) * sector;
	v->table_len = (u64)(table ? table : get32(b, B_TABLE)) * sector;
	root = v->root_at = v->table_at + v->table_len * v->copies;
	v->root_slots = v->bits == 32 ? 0 : get16(b, B_ROOT);
	v->data_at = data = align_up(root + (u64)v->root_slots * FAT_SLOT, sector);
	v->end_at = (u64)(total ? total : get32(b, B_TOTAL)) * sector;
	if (data >= v->end_at || (v->bits != 32 && !v->root_slots) || v->root_slots * FAT_SLOT % sector)
		return -EINVAL;
	clusters = (v->end_at - data) >> v->cluster_shift;
	if (!v->bits)
		v->bits = clusters > FAT12_MOST ? 16 : 12;
	entries = v->table_len * 8 / v->bits;
	clusters = min(clusters, entries > 2 ? entries - 2 : 0);
	if (!clusters || clusters > (v->bits == 32 ? FAT32_MOST : FAT16_MOST))
		return -EINVAL;
	v->last = clusters + 1;
	v->root_cluster = v->bits == 32 ? get32(b, B_ROOT_CLUSTER) & 0x0fffffff : 0;
	if (v->bits == 32 && get16(b, B_INFO) && get16(b, B_INFO) < get16(b, B_RESERVED))
		v->info_at = (u64)get16(b, B_INFO) * sector;
	one_table(v, get16(b, B_FLAGS));
	return 0;
}

static long possible(struct fat *v)
{
	const char *why = NULL;

	if (v->end_at > v->blk->size)
		why = "larger than its device";
	else if (v->sector < 1u << v->blk->sector_shift)
		why = "sectors smaller than the device's";
	else if (v->bits == 32 && !fat_is_cluster(v, v->root_cluster))
		why = "no root directory";
	if (why)
		disk_complain(v->fs, "%s", why);
	return why ? -EUCLEAN : 0;
}

static async long read_boot(struct co *co, struct fat *v)
{
	struct { struct page *p; u8 *b; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (v->blk->size < BOOT_BYTES)
		return -EINVAL;
	await(r = blk_bytes(v->blk, 0, &f->p, (void **)&f->b));
	if (r)
		return r;
	r = is_boot(f->b) ? layout(v, f->b) : -EINVAL;
	page_put(f->p);
	return r ? r : possible(v);
	co_end();
}

/* What it says is a hint: counted when it matters.  Without signatures there is none. */
static void take_info(struct fat *v, const u8 *b)
{
	if (get32(b, I_LEAD) != 0x41615252 || get32(b, I_MAGIC) != 0x61417272) {
		v->info_at = 0;
		return;
	}
	v->free = get32(b, I_FREE);
	v->believed = v->free <= v->last - 1;
	if (fat_is_cluster(v, get32(b, I_NEXT)))
		v->next = get32(b, I_NEXT);
}

static async long read_info(struct co *co, struct fat *v)
{
	struct { struct page *p; u8 *b; } *f = co_frame(co);
	long r;

	co_begin(f);
	v->next = 2;
	v->free = UINT32_MAX;
	if (!v->info_at)
		return 0;
	await(r = blk_bytes(v->blk, v->info_at, &f->p, (void **)&f->b));
	if (r)
		return r;
	take_info(v, f->b);
	page_put(f->p);
	return 0;
	co_end();
}

/* --- options ---------------------------------------------------------------------------------- */

/* "NAME=number": the number.  Octal if @base is 8. */
static bool option(const char *at, u32 len, const char *name, u32 base, u32 *value)
{
	u32 n = strlen(name), x = 0;

	if (len <= n + 1 || memcmp(at, name, n) || at[n] != '=')
		return false;
	for (u32 i = n + 1; i < len; i++) {
		if (at[i] < '0' || (u32)(at[i] - '0') >= base || x > (UINT32_MAX - 9) / base)
			return false;
		x = x * base + (at[i] - '0');
	}
	*value = x;
	return true;
}

/* What other systems need to be told and this one does not. */
static bool harmless(const char *at, u32 len)
{
	static const char *const known[] = { "", "rw", "ro", "utf8", "quiet", "flush", "iocharset=", "codepage=",
					     "shortname=", "errors=", "discard", "sync", "async", "relatime" };

	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		u32 n = strlen(known[i]);

		if (len >= n && !memcmp(at, known[i], n) && (len == n || (n && known[i][n - 1] == '=')))
			return true;
	}
	return false;
}

static long options_parse(struct fat *v, const char *at)
{
	u32 len, mask;

	v->fmask = v->dmask = 022;
	for (;; at += len + 1) {
		for (len = 0; at[len] && at[len] != ','; len++)
			;
		if (option(at, len, "umask", 8, &mask))
			v->fmask = v->dmask = mask & 0777;
		else if (option(at, len, "fmask", 8, &mask))
			v->fmask = mask & 0777;
		else if (option(at, len, "dmask", 8, &mask))
			v->dmask = mask & 0777;
		else if (!option(at, len, "uid", 10, &v->uid) && !option(at, len, "gid", 10, &v->gid) &&
			 !harmless(at, len))
			return -EINVAL;
		if (!at[len])
			return 0;
	}
}

/* --- instances -------------------------------------------------------------------------------- */

static struct fat *fat_new(struct filesystem *fs)
{
	struct fat *v = heap_zero(sizeof(*v));

	if (!v)
		return NULL;
	v->fs = fs;
	v->blk = disk_blk(fs);
	v->next_ino = 1;
	mutex_init(&v->committing);
	mutex_init(&v->barrier);
	TAILQ_INIT(&v->pending);
	TAILQ_INIT(&v->batch);
	TAILQ_INIT(&v->dirty);
	TAILQ_INIT(&v->freed);
	TAILQ_INIT(&v->freeing);
	TAILQ_INIT(&v->puts);
	for (u32 i = 0; i < FAT_DIR_BUCKETS; i++)
		TAILQ_INIT(&v->dirs[i]);
	return v;
}

static void memory_free(struct rcu_head *h)
{
	heap_free(container_of(h, struct fat, rcu));
}

static void freed_end(struct fat_freed_list *l)
{
	struct fat_freed *x;

	while ((x = TAILQ_FIRST(l))) {
		TAILQ_REMOVE(l, x, link);
		heap_free(x);
	}
}

static void fat_end(struct fat *v)
{
	freed_end(&v->freed);
	freed_end(&v->freeing);
	if (v->table.cache)
		fat_table_end(v);
	v->fs->data = NULL;
	rcu_free(&v->rcu, memory_free);
}

static async long begin(struct co *co, struct fat *v, const char *options)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_boot(co, v));
	if (!r)
		r = options_parse(v, options);
	if (!r)
		await(r = read_info(co, v));
	if (!r)
		r = fat_table_init(v);
	if (!r)
		await(r = fat_table_read(co, v));
	return r;
	co_end();
}

static async long fat_mount(struct co *co, struct filesystem *fs, const char *options, u64 *root)
{
	struct { struct fat *v; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->v = fs->data = fat_new(fs);
	if (!f->v)
		return -ENOMEM;
	await(r = begin(co, f->v, options));
	if (r)
		fat_end(f->v);
	*root = FAT_ROOT_KEY;
	return r;
	co_end();
}

static async long fat_unmount(struct co *co, struct filesystem *fs)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat *const v = fs->data;
	long r;

	co_begin(f);
	await(r = cache_drop(&v->table, 0, UINT64_MAX));
	fat_end(fs->data);
	return 0;
	co_end();
}

static async long fat_statfs(struct co *co, struct filesystem *fs, struct disk_stat *st)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat *const v = fs->data;
	long r;

	co_begin(f);
	await(r = fat_count(co, v));
	st->block_size = fat_cluster(v);
	st->blocks = v->last - 1;
	st->free = v->counted || v->believed ? min(v->free + v->freed_count, v->last - 1) : 0;
	st->available = st->free;
	return r;
	co_end();
}

static void add_set(struct fs_usage *u, struct pageset *ps)
{
	u->pages += ps->count;
	u->heap += pageset_heap(ps);
}

static void fat_usage(struct filesystem *fs, struct fs_usage *u)
{
	struct fat *v = fs->data;
	struct inode *ip;

	if (!v || !v->table.cache)
		return;
	add_set(u, &v->table);
	add_set(u, &v->counts);
	u->heap += heap_room(v) + heap_room(v->raw) +
		   v->freed_records * (u64)align_up(sizeof(struct fat_freed), 16);
	guard(&fs->lock);
	TAILQ_FOREACH(ip, &fs->inodes, link) {
		u->heap += heap_room(fat_inode(ip)->run);
		add_set(u, &fat_inode(ip)->names);
	}
}

static const struct disk_ops fat_ops = {
	.inode_size = sizeof(struct fat_inode), .no_holes = true, .fold_case = true, .size_max = UINT32_MAX,
	.mount = fat_mount, .unmount = fat_unmount, .sync_fs = fat_sync, .statfs = fat_statfs,
	.usage = fat_usage,
	.load = fat_load, .update = fat_update, .evict = fat_evict, .free = fat_free,
	.attributes = fat_attributes,
	.lookup = fat_lookup, .list = fat_list, .create = fat_create, .unlink = fat_unlink,
	.rename = fat_rename, .name_ok = fat_name_ok,
	.map = fat_map, .truncate = fat_truncate, .allocate = fat_allocate,
};

const struct fs_type fat_type = { .name = "vfat", .magic = FAT_MAGIC, .disk = &fat_ops };
