/* SPDX-License-Identifier: MIT */
/* initrd_test.c: the boot archive: pages taken where they are, links, directories, hostile names. */
// links: $(FS_LINKS)
#include "fs/archive_test.h"

static struct inode *find(const char *path)
{
	struct dentry *d;
	struct inode *ip;

	if (path_walk(ctx, NULL, path, 0, &d))
		return NULL;
	ip = d->inode;
	dentry_put(d);
	return ip;
}

static void kinds(void **state)
{
	archive_begin();
	archive_entry(".", 1, I_DIR | 0755, 2, "", 0, AS_IT_COMES);
	archive_entry("tmp/a/", 2, I_DIR | 0750, 2, "", 0, AS_IT_COMES);
	archive_entry("./tmp/a/f", 3, I_REG | 04711, 1, "content", 7, AS_IT_COMES);
	archive_entry("tmp/a/l", 4, I_LNK | 0777, 1, "f", 1, AS_IT_COMES);
	archive_entry("tmp/deep/er/still", 5, I_REG | 0600, 1, "", 0, AS_IT_COMES);
	archive_entry("tmp/n", 6, I_CHR | 0666, 1, "", 0, AS_IT_COMES);
	archive_entry("tmp/p", 7, I_FIFO | 0666, 1, "", 0, AS_IT_COMES);
	archive_entry("dev/null", 8, I_CHR | 0600, 1, "", 0, AS_IT_COMES);
	archive_entry("tmp/odd", 9, 0150644, 1, "", 0, AS_IT_COMES);
	archive_entry("/tmp/a/f", 10, I_REG | 0644, 1, "later", 5, AS_IT_COMES);
	assert_int_equal(archive_unpack(), 0);
	assert_string_equal(read_file("/tmp/a/l"), "later");
	assert_int_equal(find("/tmp/a")->mode, I_DIR | 0750);
	assert_int_equal(find("/tmp/a")->uid, 5);
	assert_int_equal(find("/tmp/a/f")->gid, 6);
	assert_int_equal(find("/tmp/a/f")->mtime, 1000ul * NSEC_PER_SEC);
	assert_int_equal(find("/tmp/deep/er")->mode, I_DIR | 0755);
	assert_int_equal(find("/tmp/n")->rdev, device_number(1, 3));
	assert_int_equal(inode_kind(find("/tmp/p")), I_FIFO);
	assert_int_equal(find("/dev/null")->mode, I_CHR | 0666);	/* ours stays */
	assert_null(find("/tmp/odd"));
	assert_non_null(strstr(said, "tmp/odd"));
	clean_tmp();
}

static void pages_in_place(void **state)
{
	static u8 data[3 * PAGE_SIZE + 100], back[sizeof(data)];
	struct file *f;
	u64 pos = 0, free_before = page_free_count();

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 256;
	archive_begin();
	archive_entry("tmp/big", 1, I_REG | 0644, 1, data, sizeof(data), AT_A_PAGE);
	archive_entry("tmp/copied", 2, I_REG | 0644, 1, data, sizeof(data), AS_IT_COMES);
	assert_int_equal(archive_unpack(), 0);
	assert_int_equal(open_("/tmp/big", O_RDWR, &f), 0);
	assert_int_equal(f->inode->pages.count, 4);
	assert_true((u8 *)page_virt(pageset_find(&f->inode->pages, 2)) < archive_area + archive_size &&
		    (u8 *)page_virt(pageset_find(&f->inode->pages, 2)) > archive_area);
	assert_false((u8 *)page_virt(pageset_find(&f->inode->pages, 3)) > archive_area);
	assert_int_equal(read_at(f, back, sizeof(back), &pos), sizeof(data));
	assert_memory_equal(data, back, sizeof(data));
	pos = 0;
	assert_int_equal(write_at(f, "new", 3, &pos), 3);
	f->ops->truncate(f, 4 * PAGE_SIZE);
	pos = sizeof(data);
	assert_int_equal(read_at(f, back, 200, &pos), 200);
	for (u32 i = 0; i < 200; i++)
		assert_int_equal(back[i], 0);		/* not the next header */
	file_put(f);
	clean_tmp();
	heap_trim();
	assert_int_equal(page_free_count(), free_before + 3);
	frames_before += 3;
	archive_area += align_up(archive_size, PAGE_SIZE);
}

static void hard_links(void **state)
{
	archive_begin();
	archive_entry("tmp/x", 5, I_REG | 0644, 3, "", 0, AS_IT_COMES);
	archive_entry("tmp/y", 5, I_REG | 0644, 3, "", 0, AS_IT_COMES);
	archive_entry("tmp/d/z", 5, I_REG | 0644, 3, "once", 4, AS_IT_COMES);
	archive_entry("tmp/other", 6, I_REG | 0644, 2, "else", 4, AS_IT_COMES);
	assert_int_equal(archive_unpack(), 0);
	assert_ptr_equal(find("/tmp/x"), find("/tmp/d/z"));
	assert_int_equal(find("/tmp/y")->nlink, 3);
	assert_string_equal(read_file("/tmp/x"), "once");
	assert_string_equal(read_file("/tmp/other"), "else");
	clean_tmp();
}

static void hostile(void **state)
{
	char name[5000];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	archive_begin();
	archive_entry("../../etc/passwd", 1, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("tmp/../../up", 2, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("tmp/..", 3, I_DIR | 0644, 1, "", 0, AS_IT_COMES);
	archive_entry("tmp/link", 4, I_LNK | 0777, 1, "with\0nul", 8, AS_IT_COMES);
	archive_entry("tmp/empty", 5, I_LNK | 0777, 1, "", 0, AS_IT_COMES);
	archive_entry("tmp/f", 6, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("tmp/f/below", 7, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("tmp", 8, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("proc/self", 9, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry(name, 10, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("", 11, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_entry("////", 12, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	assert_int_equal(archive_unpack(), 0);
	assert_null(find("/up"));
	assert_null(find("/etc"));
	assert_null(find("/tmp/link"));
	assert_int_equal(inode_kind(find("/tmp")), I_DIR);
	assert_string_equal(read_file("/tmp/f"), "x");
	clean_tmp();
}

static void damaged(void **state)
{
	archive_begin();
	archive_entry("tmp/good", 1, I_REG | 0644, 1, "x", 1, AS_IT_COMES);
	archive_bytes("garbage that is no header at all, however long it is", 52);
	assert_int_equal(fs_unpack_initrd(virt_to_phys(archive_area), archive_size), -EINVAL);
	assert_string_equal(read_file("/tmp/good"), "x");
	clean_tmp();
}

static void taking_a_file(void **state)
{
	size_t size;
	char *s;

	archive_begin();
	archive_entry("tmp/.weir/jobs", 1, I_REG | 0644, 1, "arg=a\0\0", 7, AS_IT_COMES);
	assert_int_equal(archive_unpack(), 0);
	s = fs_take_file("/tmp/.weir/jobs", &size);
	assert_int_equal(size, 7);
	assert_memory_equal(s, "arg=a\0\0", 8);
	heap_free(s);
	assert_null(fs_take_file("/tmp/.weir/jobs", &size));
	assert_null(fs_take_file("/tmp", &size));
	clean_tmp();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(kinds), FS_TEST(pages_in_place), FS_TEST(hard_links), FS_TEST(hostile),
		FS_TEST(damaged), FS_TEST(taking_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
