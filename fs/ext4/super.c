// SPDX-License-Identifier: MIT
/*
 * super.c: an instance of ext2, ext3 or ext4: superblock, features, group descriptors.  Read-only.
 *
 * One set of operations has three names; as ext2 or ext3 only what these know is mounted, as ext4 all.  What a
 * journal has that was not written back is found first (journal.c); then the superblock is looked
 * at once more, for a newer one may be in the journal.
 *
 * Options: noload (norecovery): the journal is not looked at; nochecksum: checksums may be wrong, for rescues.
 * Those that say how to write are accepted.
 */
#include <string.h>
#include "core/log.h"
#include "fs/ext4/private.h"
#include "mem/heap.h"

enum {
	INCOMPAT_EXT2 = EXT4_FILETYPE | EXT4_META_BG,
	INCOMPAT_EXT3 = INCOMPAT_EXT2 | EXT4_RECOVER,
	INCOMPAT_EXT4 = INCOMPAT_EXT3 | EXT4_EXTENTS | EXT4_64BIT | EXT4_MMP | EXT4_FLEX_BG | EXT4_EA_INODE |
			EXT4_CSUM_SEED | EXT4_LARGE_DIR | EXT4_INLINE,
};
enum { OPT_NOLOAD = 1, OPT_NOCHECKSUM = 2, OPT_UNKNOWN = 4 };
enum { CHECKSUM_CRC32C = 1, GROUPS_MAX = 1 << 27 };

/* --- options ---------------------------------------------------------------------------------- */

static u32 option(const char *s, size_t n)
{
	static const struct { const char *word; u32 is; } all[] = {
		{ "noload", OPT_NOLOAD }, { "norecovery", OPT_NOLOAD }, { "nochecksum", OPT_NOCHECKSUM },
		{ "data=", 0 }, { "errors=", 0 }, { "commit=", 0 }, { "barrier", 0 }, { "nobarrier", 0 },
		{ "acl", 0 }, { "noacl", 0 }, { "user_xattr", 0 }, { "nouser_xattr", 0 }, { "", 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		size_t len = strlen(all[i].word);
		bool value = len && all[i].word[len - 1] == '=';

		if ((value ? n >= len : n == len) && !memcmp(s, all[i].word, len))
			return all[i].is;
	}
	return OPT_UNKNOWN;
}

static u32 options_of(const char *s)
{
	u32 all = 0;

	for (const char *comma; (comma = strchr(s, ',')); s = comma + 1)
		all |= option(s, comma - s);
	return all | option(s, strlen(s));
}

/* --- is this a file system we can read? ------------------------------------------------------- */

static const char *incompat_name(u32 bit)
{
	static const struct { u32 bit; const char *name; } all[] = {
		{ 0x1, "compression" }, { EXT4_JOURNAL_DEV, "journal_dev" }, { 0x1000, "dirdata" },
		{ 0x10000, "encrypt" }, { 0x20000, "casefold" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].bit == bit)
			return all[i].name;
	return "unknown";
}

/* Whoever mounts as ext4 is told which feature is in the way; as ext2 and ext3 it may well be another's. */
static long check_features(struct filesystem *fs, const struct ext4_super *s)
{
	u32 known = fs->type == &ext2_type ? INCOMPAT_EXT2 :
		    fs->type == &ext3_type ? INCOMPAT_EXT3 : INCOMPAT_EXT4;
	u32 strange = s->rev ? s->incompat & ~known : 0;

	if (!strange)
		return 0;
	if (fs->type == &ext4_type)
		for (u32 bit = 1; bit; bit <<= 1)
			if (strange & bit)
				disk_complain(fs, "not mounted: feature %s (%#x)", incompat_name(bit), bit);
	return -EINVAL;
}

static bool power_of_two(u32 v) { return v && !(v & (v - 1)); }

static u64 super_blocks(const struct ext4_super *s)
{
	return s->blocks_lo | (s->incompat & EXT4_64BIT ? (u64)s->blocks_hi << 32 : 0);
}

static void take_layout(struct ext4 *e, const struct ext4_super *s)
{
	e->shift = s->log_block_size + 10;
	e->block_size = 1 << e->shift;
	e->blocks = super_blocks(s);
	e->inodes = s->inodes;
	e->first_data_block = s->first_data_block;
	e->blocks_per_group = s->blocks_per_group;
	e->inodes_per_group = s->inodes_per_group;
	e->inode_size = s->rev ? s->inode_size : EXT4_OLD_INODE;
	e->first_ino = s->rev ? s->first_ino : 11;
	e->desc_size = s->incompat & EXT4_64BIT ? s->desc_size : 32;
	e->first_meta_bg = s->first_meta_bg;
	if (s->rev) {
		e->compat = s->compat;
		e->incompat = s->incompat;
		e->ro_compat = s->ro_compat;
	}
	e->hash_unsigned = s->flags & EXT4_HASH_UNSIGNED;
	e->state = s->state;
	e->journal_ino = s->journal_ino;
	memcpy(e->hash_seed, s->hash_seed, sizeof(e->hash_seed));
	memcpy(e->uuid, s->uuid, sizeof(e->uuid));
}

/* What is wrong with the layout, or NULL. */
static const char *layout_wrong(struct ext4 *e, u64 disk_size)
{
	u32 bits = e->block_size * 8;
	u64 groups;

	if (e->blocks > disk_size >> e->shift || e->blocks <= e->first_data_block)
		return "more blocks than the disk has";
	if (e->first_data_block > 1 || (e->shift > 10 && e->first_data_block))
		return "first data block";
	if (!e->blocks_per_group || !e->inodes_per_group || e->inodes_per_group > bits)
		return "size of groups";
	if (!power_of_two(e->inode_size) || e->inode_size < EXT4_OLD_INODE || e->inode_size > e->block_size)
		return "size of inodes";
	if (!power_of_two(e->desc_size) || e->desc_size < 32 || e->desc_size > 1024 ||
	    (e->incompat & EXT4_64BIT && e->desc_size < 64))
		return "size of group descriptors";
	groups = (e->blocks - e->first_data_block + e->blocks_per_group - 1) / e->blocks_per_group;
	e->groups = groups;
	if (groups > GROUPS_MAX || e->inodes != groups * e->inodes_per_group)
		return "number of inodes";
	return NULL;
}

static bool super_csum_ok(struct ext4 *e, const struct ext4_super *s)
{
	e->seed = s->incompat & EXT4_CSUM_SEED ? s->checksum_seed
		  : ext4_crc(e, ~0u, s->uuid, sizeof(s->uuid));
	return s->checksum_type == CHECKSUM_CRC32C &&
	       s->checksum == ext4_crc(e, ~0u, s, offsetof(struct ext4_super, checksum));
}

static long take_super(struct filesystem *fs, const struct ext4_super *s, u32 options)
{
	struct ext4 *e = ext4_of(fs);
	const char *wrong;
	long err;

	if (s->magic != EXT4_MAGIC)
		return -EINVAL;
	err = check_features(fs, s);
	if (err)
		return err;
	if (s->log_block_size > 2) {
		disk_complain(fs, "not mounted: blocks of more than 4096 bytes");
		return -EINVAL;
	}
	take_layout(e, s);
	if (!(options & OPT_NOCHECKSUM)) {
		e->checked = e->ro_compat & EXT4_METADATA_CSUM;
		e->descs_checked = e->ro_compat & EXT4_GDT_CSUM;
	}
	wrong = e->checked && !super_csum_ok(e, s) ? "checksum" : layout_wrong(e, disk_blk(fs)->size);
	if (wrong)
		return ext4_bad(fs, "superblock: %s", wrong);
	return 0;
}

/* --- group descriptors ------------------------------------------------------------------------ */

static bool has_super(const struct ext4 *e, u32 group)
{
	static const u8 base[] = { 3, 5, 7 };

	if (!(e->ro_compat & EXT4_SPARSE_SUPER) || group <= 1)
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(base); i++) {
		u32 n = group;

		while (n % base[i] == 0)
			n /= base[i];
		if (n == 1)
			return true;
	}
	return false;
}

/* With bigalloc and blocks of 1 KiB the first data block is 0 and the superblock 1. */
u64 ext4_desc_block(const struct ext4 *e, u32 n, u32 *offset)
{
	u32 per = e->block_size / e->desc_size, index = n / per, super = EXT4_SUPER_AT >> e->shift;

	*offset = n % per * e->desc_size;
	if (!(e->incompat & EXT4_META_BG) || index < e->first_meta_bg || !index)
		return super + 1 + index;
	return e->first_data_block + (u64)index * per * e->blocks_per_group + has_super(e, index * per);
}

bool ext4_desc_ok(const struct ext4 *e, u32 n, const struct ext4_desc *d)
{
	static const u16 none;
	const u8 *rest = (const u8 *)d + 32;
	u32 crc;

	if (e->checked) {
		crc = ext4_crc(e, e->seed, &n, sizeof(n));
		crc = ext4_crc(e, crc, d, offsetof(struct ext4_desc, checksum));
		crc = ext4_crc(e, crc, &none, sizeof(none));
		return d->checksum == (u16)ext4_crc(e, crc, rest, e->desc_size - 32);
	}
	if (!e->descs_checked)
		return true;
	crc = ext4_crc16(~0, e->uuid, sizeof(e->uuid));
	crc = ext4_crc16(crc, &n, sizeof(n));
	crc = ext4_crc16(crc, d, offsetof(struct ext4_desc, checksum));
	return d->checksum == ext4_crc16(crc, rest, e->desc_size - 32);
}

u64 ext4_inode_table(const struct ext4 *e, const struct ext4_desc *d)
{
	return d->inode_table_lo | (e->desc_size > 32 ? (u64)d->inode_table_hi << 32 : 0);
}

/* --- mount ------------------------------------------------------------------------------------ */

/* The superblock: from the disk, or as the journal has it. */
static async long read_super(struct filesystem *fs, u32 options)
{
	struct ext4 *e = ext4_of(fs);
	struct ext4_block b;
	u32 at = e->blocks ? EXT4_SUPER_AT & (e->block_size - 1) : EXT4_SUPER_AT;
	long r;

	if (e->blocks)
		r = ext4_block(fs, EXT4_SUPER_AT >> e->shift, &b);
	else
		r = blk_bytes(disk_blk(fs), 0, &b.page, (void **)&b.bytes);
	if (r)
		return r;
	r = take_super(fs, (void *)(b.bytes + at), options);
	ext4_put(&b);
	return r;
}

/* What follows on the superblock: the journal, if it was not written back, and the superblock in it. */
static async long open_journal(struct co *co, struct filesystem *fs, u32 options)
{
	struct { u64 unused; } *f = co_frame(co);
	struct ext4 *const e = ext4_of(fs);
	long r;

	co_begin(f);
	if (!(e->incompat & EXT4_RECOVER && e->compat & EXT4_HAS_JOURNAL))
		return 0;
	if (options & OPT_NOLOAD) {
		disk_complain(fs, "the journal was not written back, and is not looked at");
		return 0;
	}
	await(r = ext4_journal_replay(co, fs));
	if (r)
		return r;
	memset(e->verified, 0, sizeof(e->verified));
	await(r = read_super(fs, options));
	return r;
	co_end();
}

static void instance_free(struct filesystem *fs)
{
	ext4_newer_free(ext4_of(fs));
	heap_free(fs->data);
	fs->data = NULL;
}

static async long mount_steps(struct co *co, struct filesystem *fs, u32 options)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_super(fs, options));
	if (r)
		return r;
	if (options & OPT_UNKNOWN) {
		disk_complain(fs, "not mounted: an option it does not know");
		return -EINVAL;
	}
	await(r = open_journal(co, fs, options));
	return r;
	co_end();
}

static async long ext4_mount(struct co *co, struct filesystem *fs, const char *options, u64 *root)
{
	struct { u64 unused; } *f = co_frame(co);
	const u32 opts = options_of(options);
	long r;

	co_begin(f);
	fs->data = heap_zero(sizeof(struct ext4));
	if (!fs->data)
		return -ENOMEM;
	RB_INIT(&ext4_of(fs)->newer);
	ext4_crc_init(ext4_of(fs));
	await(r = mount_steps(co, fs, opts));
	if (r) {
		instance_free(fs);
		return r;
	}
	if (ext4_of(fs)->state & EXT4_STATE_ERROR)
		disk_complain(fs, "errors were found on it before: e2fsck is recommended");
	fs->flags |= FS_READONLY;
	*root = EXT4_ROOT;
	return 0;
	co_end();
}

static async long ext4_unmount(struct co *co, struct filesystem *fs)
{
	instance_free(fs);
	return 0;
}

static void fill_statfs(const struct ext4 *e, const struct ext4_super *s, struct disk_stat *st)
{
	u64 wide = s->incompat & EXT4_64BIT ? ~0ul : 0;
	u32 cluster = s->log_cluster_size - min(s->log_cluster_size, s->log_block_size);
	u64 reserved = s->reserved_lo | ((u64)s->reserved_hi << 32 & wide);

	cluster = e->ro_compat & EXT4_BIGALLOC ? min(cluster, 16u) : 0;
	*st = (struct disk_stat){
		.block_size = e->block_size, .name_max = NAME_MAX_LEN,
		.blocks = e->blocks - min(e->blocks, (u64)s->overhead << cluster),
		.free = (s->free_lo | ((u64)s->free_hi << 32 & wide)) << cluster,
		.files = e->inodes, .files_free = s->free_inodes,
	};
	st->available = st->free - min(st->free, reserved);
	memcpy(&st->id, s->uuid, sizeof(st->id));
}

static async long ext4_statfs(struct co *co, struct filesystem *fs, struct disk_stat *st)
{
	struct ext4 *e = ext4_of(fs);
	struct ext4_block b;
	long r = ext4_block(fs, EXT4_SUPER_AT >> e->shift, &b);

	if (r)
		return r;
	fill_statfs(e, (void *)(b.bytes + (EXT4_SUPER_AT & (e->block_size - 1))), st);
	ext4_put(&b);
	return 0;
}

static const struct disk_ops ext4_ops = {
	.inode_size = sizeof(struct ext4_inode), .size_max = EXT4_SIZE_MAX,
	.mount = ext4_mount, .unmount = ext4_unmount, .statfs = ext4_statfs,
	.load = ext4_load, .free = ext4_free, .lookup = ext4_lookup, .list = ext4_list, .map = ext4_map,
};

const struct fs_type ext4_type = { .name = "ext4", .magic = EXT4_MAGIC, .disk = &ext4_ops };
const struct fs_type ext3_type = { .name = "ext3", .magic = EXT4_MAGIC, .disk = &ext4_ops };
const struct fs_type ext2_type = { .name = "ext2", .magic = EXT4_MAGIC, .disk = &ext4_ops };
