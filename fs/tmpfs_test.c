/* SPDX-License-Identifier: MIT */
/* tmpfs_test.c: contents of files: against a plain array, holes, sizes, memory that runs out. */
// links: $(FS_LINKS)
#include <linux/falloc.h>
#include "fs/test.h"

enum { MODEL = 200000 };
enum { FROM_START, FROM_HERE, FROM_END, TO_DATA, TO_HOLE };

static u8 model[MODEL], buf[MODEL];
static u64 model_size;

static void model_write(struct file *f)
{
	u64 pos = pick(MODEL - 20000), n = pick(20000);

	for (u64 i = 0; i < n; i++)
		model[pos + i] = buf[i] = pick(255) + 1;
	model_size = n ? max(model_size, pos + n) : model_size;
	assert_int_equal(write_at(f, buf, n, &pos), n);
}

static void model_truncate(struct file *f)
{
	u64 size = pick(MODEL);

	if (size < model_size)
		memset(model + size, 0, model_size - size);
	model_size = size;
	assert_int_equal(f->ops->truncate(f, size), 0);
}

static void model_punch(struct file *f)
{
	u64 pos = pick(MODEL), n = pick(MODEL - pos) + 1;

	memset(model + pos, 0, n);
	assert_int_equal(tmpfs_allocate(f->inode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, n), 0);
}

static void model_compare(struct file *f)
{
	u64 pos = pick(MODEL), n = pick(30000), left = model_size > pos ? model_size - pos : 0, at = pos;
	u64 expect = min(min(n, left), MODEL - pos);

	assert_int_equal(read_at(f, buf, min(n, MODEL - pos), &at), expect);
	assert_memory_equal(buf, model + pos, expect);
	assert_int_equal(file_size(f), model_size);
	assert_int_equal(f->inode->pages.size_pages, (model_size + PAGE_SIZE - 1) / PAGE_SIZE);
}

static void like_an_array(void **state)
{
	struct file *f;

	memset(model, 0, sizeof(model));
	model_size = 0;
	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	for (u32 i = 0; i < 3000; i++) {
		switch (pick(8)) {
		case 0: model_truncate(f); break;
		case 1: model_punch(f); break;
		case 2: case 3: model_write(f); break;
		default: model_compare(f);
		}
	}
	file_put(f);
	clean_tmp();
}

static void append(void **state)
{
	struct file *a, *b;

	assert_int_equal(open_("/tmp/f", O_CREAT | O_WRONLY | O_APPEND, &a), 0);
	assert_int_equal(open_("/tmp/f", O_CREAT | O_WRONLY | O_APPEND, &b), 0);
	file_put_bytes(a, "one ");
	file_put_bytes(b, "two ");
	file_put_bytes(a, "three");
	assert_string_equal(read_file("/tmp/f"), "one two three");
	file_put(a);
	assert_int_equal(open_("/tmp/f", O_RDWR | O_TRUNC, &a), 0);
	assert_int_equal(file_size(a), 0);
	file_put(a);
	file_put(b);
	clean_tmp();
}

static void seeking(void **state)
{
	u64 pos = 3 * PAGE_SIZE;
	struct file *f;

	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	assert_int_equal(write_at(f, "x", 1, &pos), 1);
	assert_int_equal(f->inode->pages.count, 1);
	assert_int_equal(f->ops->seek(f, 0, FROM_END), 3 * PAGE_SIZE + 1);
	assert_int_equal(f->ops->seek(f, -1, FROM_HERE), 3 * PAGE_SIZE);
	assert_int_equal(f->ops->seek(f, -1, FROM_START), -EINVAL);
	assert_int_equal(f->ops->seek(f, INT64_MAX, FROM_HERE), -EINVAL);
	assert_int_equal(f->ops->seek(f, 0, 9), -EINVAL);
	assert_int_equal(f->ops->seek(f, 5, TO_DATA), 3 * PAGE_SIZE);
	assert_int_equal(f->ops->seek(f, 5, TO_HOLE), 5);
	assert_int_equal(f->ops->seek(f, 3 * PAGE_SIZE, TO_HOLE), 3 * PAGE_SIZE + 1);
	assert_int_equal(f->ops->seek(f, 4 * PAGE_SIZE, TO_DATA), -ENXIO);
	pos = 1ul << 60;
	assert_int_equal(write_at(f, "x", 1, &pos), -EFBIG);
	assert_int_equal(f->ops->truncate(f, 1ul << 60), -EFBIG);
	file_put(f);
	clean_tmp();
}

static void full(void **state)
{
	struct dentry *d;
	struct file *f;
	u64 pos = 0;

	make_dir("/tmp/m");
	assert_int_equal(path_walk(ctx, NULL, "/tmp/m", 0, &d), 0);
	assert_int_equal(mount_new(d, "tmpfs", "none", 0, "size=16k"), 0);
	dentry_put(d);
	assert_int_equal(open_("/tmp/m/f", O_CREAT | O_RDWR, &f), 0);
	assert_int_equal(write_at(f, buf, 100000, &pos), 16384);
	assert_int_equal(write_at(f, buf, 1, &pos), -ENOSPC);
	f->ops->truncate(f, 0);
	pos = 0;
	assert_int_equal(write_at(f, buf, 10, &pos), 10);
	file_put(f);
	assert_int_equal(path_walk(ctx, NULL, "/tmp/m", 0, &d), 0);
	assert_int_equal(unmount_(d, false), 0);
	dentry_put(d);
	clean_tmp();
}

static void no_memory(void **state)
{
	struct file *f;
	u64 pos = 0;
	long n;

	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	leave_only(3);
	n = write_at(f, buf, 100000, &pos);
	assert_true(n <= 3 * PAGE_SIZE && (n > 0 || n == -ENOSPC));
	give_all();
	file_put(f);
	clean_tmp();
}

/* Who pays is the program that writes; a file may outlive it. */
static void charged(void **state)
{
	static struct charge c;
	struct vm *v;
	u64 pos = 0;
	struct file *f;

	assert_int_equal(charge_open(&c, 10 * PAGE_SIZE), 0);
	v = vm_create(&c);
	vm_activate(v);
	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	assert_true(write_at(f, buf, 100000, &pos) < 10 * PAGE_SIZE);
	assert_true(c.used <= 10);
	vm_activate(NULL);
	vm_put(v);
	charge_close(&c);
	assert_true(fs_memory_pages() >= pos / PAGE_SIZE);
	file_put(f);
	clean_tmp();
}

static u64 heap_at_start, pages_at_start;

/* All heap and frames taken since the start are those of files. */
static void assert_accounted(void)
{
	struct fs_usage u = fs_usage();

	assert_int_equal(heap_bytes() - heap_at_start, u.heap);
	assert_int_equal(fs_memory_pages(), u.pages - pages_at_start);
}

static void grow_and_cut(void)
{
	static const u64 places[] = { 0, 5000, 300000, 5 << 20, 1ul << 40 };
	struct file *f;

	assert_int_equal(open_("/tmp/f", O_CREAT | O_RDWR, &f), 0);
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		u64 pos = places[i];

		write_at(f, buf, 100, &pos);
	}
	file_put(f);
	assert_accounted();
	assert_int_equal(open_("/tmp/f", O_RDWR | O_TRUNC, &f), 0);
	file_put(f);
	assert_accounted();
}

/* What files take is told apart to the byte from what is lost. */
static void usage(void **state)
{
	static const char longer[] = "/tmp/a-name-that-does-not-fit-into-a-dentry-at-all";
	struct dentry *d;
	struct file *f;

	heap_at_start = heap_bytes() - fs_usage().heap;
	pages_at_start = fs_usage().pages;
	write_file("/tmp/f", "x");
	assert_accounted();
	assert_int_equal(link_("/tmp/f", longer), 0);
	assert_accounted();
	assert_int_equal(rename_(longer, "/tmp/g", 0), 0);
	assert_accounted();
	assert_int_equal(rename_("/tmp/g", longer, 0), 0);
	assert_int_equal(make_dir("/tmp/d"), 0);
	assert_int_equal(make_link("elsewhere", "/tmp/d/l"), 0);
	assert_int_equal(rename_("/tmp/d/l", "/tmp/l", 0), 0);
	assert_accounted();
	grow_and_cut();
	assert_int_equal(path_walk(ctx, NULL, "/tmp/d", 0, &d), 0);
	assert_int_equal(mount_new(d, "tmpfs", "some source", 0, NULL), 0);
	dentry_put(d);
	write_file("/tmp/d/inside", "x");
	assert_accounted();
	assert_int_equal(path_walk(ctx, NULL, "/tmp/d", 0, &d), 0);
	assert_int_equal(unmount_(d, true), 0);
	dentry_put(d);
	assert_int_equal(open_("/tmp/f", O_RDONLY, &f), 0);
	clean_tmp();
	assert_true(heap_bytes() - heap_at_start > fs_usage().heap);	/* it has no name any more */
	file_put(f);
	assert_accounted();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(like_an_array), FS_TEST(append), FS_TEST(seeking), FS_TEST(full), FS_TEST(no_memory),
		FS_TEST(charged), FS_TEST(usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
