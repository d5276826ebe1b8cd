/* SPDX-License-Identifier: MIT */
/*
 * ext4_fuzz.c: images of ext2, ext4 and an unclean journal, made by mke2fs, in which the input changes bytes where
 * there is anything: mounted (checksums are not looked at), walked, read.  Whatever comes of it must be an
 * error or an answer, and everything is given back.
 */
// links: $(FS_LINKS)
#include "fs/disk_test.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

enum { IMAGES = 4, CHUNK = 16, DEPTH = 3, NAMES = 12, WORK = 60 };

static const char *const script =
	"export PATH=$PATH:/sbin:/usr/sbin; cd $W && mkdir -p t/d/e && cd t && ln -s d/e short && "
	"ln -s $(printf '%070d' 0) long && head -c 3000 /dev/urandom >d/f && echo inline >i && "
	"seq 1 60000 >seq && for i in $(seq 40); do : >d/name-that-is-long-$i; done && cd .. && "
	"for i in $(seq 0 2 90); do dd if=/dev/urandom of=t/pieces bs=1k seek=$i count=1 conv=notrunc; done && "
	"mke2fs -q -t ext4 -b 1024 -N 128 -O ^has_journal -d t 0 2M && e2fsck -fyD 0; "
	"mke2fs -q -t ext2 -b 1024 -N 128 -d t 1 2M && "
	"mke2fs -q -t ext4 -b 1024 -N 128 -O inline_data,^has_journal -d t 2 2M && "
	"mke2fs -q -t ext4 -b 1024 -N 128 -J size=1 -d t 3 4M && b=$(debugfs -R 'blocks i' 3) && "
	"printf \"jo -c\\njw -b $b t/d/f\\njw -r $b\\njw -b $b t/pieces\\njc\\n\" | debugfs -w -f - 3";

static struct image { struct testdisk *disk; u32 *chunk, chunks; } images[IMAGES];
static u32 work;

static void find_chunks(struct image *im)
{
	static const u8 zeros[CHUNK];
	u32 all = im->disk->b.size / CHUNK;

	im->chunk = calloc(all, sizeof(u32));
	for (u32 i = 0; i < all; i++)
		if (memcmp(im->disk->bytes + i * CHUNK, zeros, CHUNK))
			im->chunk[im->chunks++] = i * CHUNK;
}

static void make_images(void)
{
	char dir[] = "/tmp/ext4_fuzz.XXXXXX", line[4096], name[8];

	if (!mkdtemp(dir))
		abort();
	snprintf(line, sizeof(line), "W=%s; { %s; } >$W/log 2>&1 || { cat $W/log; false; }", dir, script);
	if (system(line))
		abort();
	for (u32 i = 0; i < IMAGES; i++) {
		snprintf(line, sizeof(line), "%s/%u", dir, i);
		snprintf(name, sizeof(name), "disk%u", i);
		images[i].disk = testdisk_open(name, line, false);
		if (!images[i].disk)
			abort();
		images[i].disk->lazy = 0;
		find_chunks(&images[i]);
	}
	snprintf(line, sizeof(line), "rm -rf %s", dir);
	if (system(line))
		abort();
}

/* --- looking at all of it --------------------------------------------------------------------- */

static void walk(const char *path, u32 depth);

static void read_some(const char *path, u64 size)
{
	static u8 buf[8192];
	struct file *f;

	if (do_open(path, O_RDONLY, &f))
		return;
	do_read(f, 0, buf, sizeof(buf));
	do_read(f, size / 2, buf, sizeof(buf));
	if (size > sizeof(buf))
		do_read(f, size - sizeof(buf), buf, sizeof(buf));
	file_put(f);
}

struct found { char name[NAMES][256]; u32 count; };

static void take_name(const struct testdirent *e, void *arg)
{
	struct found *all = arg;

	if (all->count < NAMES)
		snprintf(all->name[all->count++], sizeof(all->name[0]), "%s", e->name);
}

static void visit(const char *path, u32 depth)
{
	struct inode st;
	char text[100];

	if (work++ > WORK || do_stat(path, &st))
		return;
	if ((st.mode & I_FMT) == I_REG)
		read_some(path, st.size);
	else if ((st.mode & I_FMT) == I_LNK)
		do_readlink(path, text, sizeof(text));
	else if ((st.mode & I_FMT) == I_DIR && depth)
		walk(path, depth - 1);
}

static void walk(const char *path, u32 depth)
{
	struct found *all = calloc(1, sizeof(*all));
	struct inode st;
	char below[1024];

	do_list(path, take_name, all);
	for (u32 i = 0; i < all->count; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, all->name[i]);
		visit(below, depth);
	}
	snprintf(below, sizeof(below), "%s/none", path);
	do_stat(below, &st);
	free(all);
}

/* --- one input -------------------------------------------------------------------------------- */

struct patch { u32 at; u8 before[4], len; };

/* Three bytes say where, up to four what; 255 patches at most.  How many. */
static u32 change(struct image *im, const u8 *data, size_t n, struct patch *p)
{
	u32 count = 0;

	for (; n >= 4 && count < 255; count++) {
		u32 len = min((u32)(data[2] >> 4 & 3) + 1, (u32)n - 3);
		u32 at = im->chunk[(data[0] | data[1] << 8) % im->chunks] + (data[2] & 15);

		p[count] = (struct patch){ .at = min(at, (u32)im->disk->b.size - 4), .len = len };
		memcpy(p[count].before, im->disk->bytes + p[count].at, len);
		memcpy(im->disk->bytes + p[count].at, data + 3, len);
		data += 3 + len;
		n -= 3 + len;
	}
	return count;
}

static void change_back(struct image *im, const struct patch *p, u32 count)
{
	while (count--)
		memcpy(im->disk->bytes + p[count].at, p[count].before, p[count].len);
}

static void start(void)
{
	make_machine();
	ctx = fs_context_create();
	disk_test_start(NULL);
	make_dir("/tmp/m");
	make_images();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static struct patch patch[256];
	static u64 used;
	struct image *im;
	u32 count;

	if (!ctx)
		start();
	if (n < 1)
		return 0;
	im = &images[data[0] % IMAGES];
	count = change(im, data + 1, n - 1, patch);
	work = 0;
	if (!do_mount(im->disk, "ext4", "/tmp/m", 0, data[0] & 0x80 ? "nochecksum,noload" : "nochecksum")) {
		walk("/tmp/m", DEPTH);
		if (do_umount("/tmp/m", false))
			abort();
	}
	run_all();
	change_back(im, patch, count);
	said[0] = 0;
	if (used && heap_bytes() > used + (64 << 10))	/* tables may grow, once in a while */
		abort();
	used = used ? used : heap_bytes();
	return 0;
}
