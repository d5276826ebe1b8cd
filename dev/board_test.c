/* SPDX-License-Identifier: MIT */
/*
 * board_test.c: a tree like QEMU's, written by libfdt; other numbers of cells; words of the command
 * line; and trees with flipped bits and cut ends, which must not be read beyond their end.
 */
// links: dev/board.c build/deps/libfdt/fdt.c build/deps/libfdt/fdt_ro.c build/deps/libfdt/fdt_sw.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>
#include "core/log.h"
#include "dev/board.h"

enum log_level log_level = LOG_WARN;
static char logged[4096];
static u32 log_lines;

void log_print(enum log_level level, const char *fmt, ...)
{
	size_t n = strlen(logged);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged + n, sizeof(logged) - n, fmt, ap);
	va_end(ap);
	log_lines++;
}

static const struct driver serial = {
	.name = "serial", .compatible = (const char *const[]){ "ns16550", "ns16550a", NULL },
}, test_generic = {
	.name = "generic", .compatible = (const char *const[]){ "syscon", NULL },
}, test_exact = {
	.name = "exact", .compatible = (const char *const[]){ "sifive,test1", NULL },
};
const struct driver *const drivers[] = { &serial, &test_generic, &test_exact, NULL };

/* --- writing a tree --------------------------------------------------------------------------- */

static u8 *tree;
enum { TREE_MAX = 8192 };

static void u32s(const char *name, const u32 *v, u32 n)
{
	fdt32_t be[16];

	for (u32 i = 0; i < n; i++)
		be[i] = cpu_to_fdt32(v[i]);
	fdt_property(tree, name, be, n * 4);
}
#define U32S(name, ...) u32s(name, (u32[]){ __VA_ARGS__ }, sizeof((u32[]){ __VA_ARGS__ }) / 4)
#define STRINGS(name, s) fdt_property(tree, name, s, sizeof(s))

static void cpu(const char *name, u32 hart, u32 intc, const char *status)
{
	fdt_begin_node(tree, name);
	fdt_property_string(tree, "device_type", "cpu");
	U32S("reg", hart);
	fdt_property_string(tree, "status", status);
	fdt_begin_node(tree, "interrupt-controller");
	fdt_property_string(tree, "compatible", "riscv,cpu-intc");
	U32S("phandle", intc);
	fdt_end_node(tree);
	fdt_end_node(tree);
}

static void device(const char *name, const char *compatible, size_t n, u32 base, u32 irq)
{
	fdt_begin_node(tree, name);
	if (irq)
		U32S("interrupts", irq);
	U32S("reg", 0, base, 0, 0x100);
	fdt_property(tree, "compatible", compatible, n);
	fdt_end_node(tree);
}
#define DEVICE(name, compatible, base, irq) device(name, compatible, sizeof(compatible), base, irq)

static void chosen(const char *bootargs)
{
	fdt_begin_node(tree, "chosen");
	fdt_property_string(tree, "bootargs", bootargs);
	U32S("linux,initrd-start", 0, 0x84000000);
	U32S("linux,initrd-end", 0x84123456);
	fdt_property(tree, "rng-seed", "0123456789abcdef0123456789abcdef", 32);
	fdt_end_node(tree);
}

static void memory(void)
{
	fdt_begin_node(tree, "memory@80000000");
	fdt_property_string(tree, "device_type", "memory");
	U32S("reg", 0, 0x80000000, 0, 0x8000000, 1, 0, 2, 0);
	fdt_end_node(tree);
	fdt_begin_node(tree, "reserved-memory");
	U32S("#address-cells", 1);
	U32S("#size-cells", 1);
	fdt_begin_node(tree, "mmode_resv0@80000000");
	U32S("reg", 0x80000000, 0x80000);
	fdt_end_node(tree);
	fdt_end_node(tree);
}

static void cpus(void)
{
	fdt_begin_node(tree, "cpus");
	U32S("#address-cells", 1);
	U32S("#size-cells", 0);
	U32S("timebase-frequency", 10000000);
	cpu("cpu@3", 3, 33, "okay");
	cpu("cpu@4", 4, 44, "disabled");
	cpu("cpu@5", 5, 55, "okay");
	fdt_end_node(tree);
}

static void soc(void)
{
	fdt_begin_node(tree, "soc");
	U32S("#address-cells", 2);
	U32S("#size-cells", 2);
	fdt_property_string(tree, "compatible", "simple-bus");
	DEVICE("serial@10000000", "ns16550a", 0x10000000, 10);
	DEVICE("test@100000", "sifive,test1\0sifive,test0\0syscon", 0x100000, 0);
	DEVICE("other@1", "nobody,knows", 1, 1);
	fdt_end_node(tree);
}

static void make_tree(const char *bootargs)
{
	tree = calloc(1, TREE_MAX);
	fdt_create(tree, TREE_MAX);
	fdt_add_reservemap_entry(tree, 0x90000000, 0x1000);
	fdt_finish_reservemap(tree);
	fdt_begin_node(tree, "");
	U32S("#address-cells", 2);
	U32S("#size-cells", 2);
	fdt_property_string(tree, "compatible", "riscv-virtio");
	chosen(bootargs);
	memory();
	soc();
	cpus();				/* as in QEMU, behind those that refer to it */
	fdt_end_node(tree);
	assert_int_equal(fdt_finish(tree), 0);
	logged[0] = 0;
	log_lines = 0;
}

static void read_args(const char *bootargs)
{
	make_tree(bootargs);
	assert_int_equal(board_read(tree), 0);
	free(tree);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void facts(void **state)
{
	make_tree("a b");
	assert_int_equal(board_read(tree), 0);
	assert_int_equal(board.memory_count, 2);
	assert_int_equal(board.memory[0].base, 0x80000000);
	assert_int_equal(board.memory[0].size, 0x8000000);
	assert_int_equal(board.memory[1].base, 1ull << 32);
	assert_int_equal(board.memory[1].size, 2ull << 32);
	assert_int_equal(board.reserved_count, 3);
	assert_int_equal(board.reserved[0].size, fdt_totalsize(tree));
	assert_int_equal(board.reserved[1].base, 0x90000000);
	assert_int_equal(board.reserved[2].base, 0x80000000);
	assert_int_equal(board.reserved[2].size, 0x80000);
	assert_int_equal(board.hart_count, 2);
	assert_int_equal(board.harts[1], 5);
	assert_int_equal(board.hart_intc[0], 33);
	assert_int_equal(board.hart_intc[1], 55);
	assert_int_equal(board.timebase_hz, 10000000);
	assert_int_equal(board.initrd_start, 0x84000000);
	assert_int_equal(board.initrd_end, 0x84123456);
	assert_int_equal(board.seed_len, 32);
	assert_memory_equal(board.seed, "0123456789abcdef", 16);
	assert_string_equal(board.bootargs, "a b");
	free(tree);
}

static void matching(void **state)
{
	make_tree("");
	assert_int_equal(board_read(tree), 0);
	assert_int_equal(device_count, 2);
	assert_ptr_equal(devices[0].driver, &serial);
	assert_int_equal(devices[0].base, 0x10000000);
	assert_int_equal(devices[0].size, 0x100);
	assert_int_equal(devices[0].irq, 10);
	assert_string_equal(devices[0].path, "serial@10000000");
	assert_ptr_equal(devices[1].driver, &test_exact);	/* the most specific */
	assert_int_equal(devices[1].irq, 0);
	assert_string_equal(fdt_get_name(tree, devices[1].node, NULL), "test@100000");
	assert_int_equal(device_u32(&devices[0], "interrupts", 0), 10);
	assert_int_equal(device_u32(&devices[0], "reg", 7), 7);
	assert_int_equal(device_u32(&devices[1], "interrupts", 9), 9);
	free(tree);
}

static void words(void **state)
{
	char buf[16];

	read_args("  log=info\tslots=4 regs  tty=24x80 logs=x =  seed= long=0123456789abcdefgh");
	assert_string_equal(board_arg("log", buf, sizeof(buf)), "info");
	assert_string_equal(board_arg("slots", buf, sizeof(buf)), "4");
	assert_string_equal(board_arg("regs", buf, sizeof(buf)), "");
	assert_string_equal(board_arg("tty", buf, sizeof(buf)), "24x80");
	assert_string_equal(board_arg("seed", buf, sizeof(buf)), "");
	assert_string_equal(board_arg("long", buf, sizeof(buf)), "0123456789abcde");
	assert_string_equal(board_arg("long", buf, 1), "");
	assert_null(board_arg("slot", buf, sizeof(buf)));
	assert_null(board_arg("noaslr", buf, sizeof(buf)));
	assert_null(board_arg("info", buf, sizeof(buf)));
	board_args_check();
	assert_int_equal(log_lines, 3);			/* logs, =, long */
	assert_non_null(strstr(logged, "\"logs=x\""));
	read_args("");
	assert_null(board_arg("log", buf, sizeof(buf)));
}

static void too_long(void **state)
{
	char *args = calloc(1, 3001);

	memset(args, 'x', 3000);
	read_args(args);
	assert_int_equal(strlen(board.bootargs), sizeof(board.bootargs) - 1);
	logged[0] = 0;
	board_args_check();
	assert_non_null(strstr(logged, "cut after"));
	free(args);
}

static void no_tree(void **state)
{
	static const u8 zeros[64];

	assert_int_equal(board_read(zeros), -EINVAL);
}

/* In a block of exactly its size, so that the address sanitizer sees what is beyond. */
static void damaged(void **state)
{
	u32 size, fine = 0;
	u8 *copy;

	make_tree("log=info regs");
	size = fdt_totalsize(tree);
	copy = malloc(size);
	srandom(3);
	for (u32 i = 0; i < 20000; i++) {
		memcpy(copy, tree, size);
		for (u32 k = random() % 4 + 1; k; k--)
			copy[40 + random() % (size - 40)] ^= 1 << random() % 8;
		fine += !board_read(copy);
		assert_true(device_count <= 3);
	}
	assert_in_range(fine, 1000, 19900);
	free(copy);
	free(tree);
}

static void cut(void **state)
{
	make_tree("");
	for (u32 size = fdt_totalsize(tree) - 4; size > 40; size -= 4) {
		u8 *copy = malloc(size);

		memcpy(copy, tree, size);
		fdt_set_totalsize(copy, size);
		if (fdt_off_dt_struct(copy) < size)
			fdt_set_size_dt_struct(copy, min(fdt_size_dt_struct(tree),
							 size - fdt_off_dt_struct(copy)));
		assert_int_equal(board_read(copy), -EINVAL);
		free(copy);
	}
	free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts),
		cmocka_unit_test(matching),
		cmocka_unit_test(words),
		cmocka_unit_test(too_long),
		cmocka_unit_test(no_tree),
		cmocka_unit_test(damaged),
		cmocka_unit_test(cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
