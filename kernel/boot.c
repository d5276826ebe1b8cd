/* SPDX-License-Identifier: MIT */
/*
 * boot.c: steps of main.c.  What cannot go on says so and switches the machine off with status 99;
 * nothing here runs twice.
 */
#include <string.h>
#include "arch/arch.h"
#include "core/kasan.h"
#include "core/cpu.h"
#include "core/lock_order.h"
#include "core/log.h"
#include "core/time.h"
#include "dev/driver.h"
#include "fs/files.h"
#include "fs/procfs.h"
#include "kernel/boot.h"
#include "mem/heap.h"
#include "mem/page.h"
#include "mem/vm.h"
#include "sys/table.h"

/* --- board ------------------------------------------------------------------------------------------ */

static void set_log_level(void)
{
	static const char *const names[] = { "quiet", "error", "warn", "info", "debug" };
	char word[16];

	log_level = LOG_WARN;
	if (!board_arg("log", word, sizeof(word)))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(word, names[i])) {
			log_level = i;
			return;
		}
	log_warn("log=%s is not quiet, error, warn, info or debug", word);
}

void boot_board(const void *dtb)
{
	if (board_read(dtb))
		panic("no device tree, or one without memory");
	if (board.timebase_hz)
		arch_ticks_set_hz(board.timebase_hz);
	arch_features(board.isa);
	clock_init();
	set_log_level();
	board_args_check();
}

/* --- memory ------------------------------------------------------------------------------------------ */

struct range { paddr_t start, end; };
enum { TAKEN_MAX = 24 };

static struct { struct range r[TAKEN_MAX]; u32 n; } taken;

static void take(paddr_t start, paddr_t end)
{
	if (start < end && taken.n < TAKEN_MAX)
		taken.r[taken.n++] = (struct range){ align_down(start, PAGE_SIZE), align_up(end, PAGE_SIZE) };
}

/* The first taken range that reaches into [at, end), or NULL. */
static const struct range *first_taken(paddr_t at, paddr_t end)
{
	const struct range *first = NULL;

	for (u32 i = 0; i < taken.n; i++) {
		const struct range *r = &taken.r[i];

		if (r->end > at && r->start < end && (!first || r->start < first->start))
			first = r;
	}
	return first;
}

/* A place for @size bytes that is free and is now taken, at a multiple of @align. */
static paddr_t find_room(paddr_t base, paddr_t end, u64 size, u64 align)
{
	const struct range *r;

	for (paddr_t at = align_up(base, align); at + size <= end; at = align_up(r->end, align)) {
		r = first_taken(at, at + size);
		if (r)
			continue;
		take(at, at + size);
		return at;
	}
	panic("%lu MiB of memory are too few", (end - base) >> 20);
}

static void free_rest(paddr_t at, paddr_t end)
{
	while (at < end) {
		const struct range *r = first_taken(at, end);
		paddr_t to = r ? max(r->start, at) : end;

		if (to > at)
			page_free_range(at, to - at);
		at = r ? r->end : end;
	}
}

void boot_memory(void)
{
	paddr_t base = align_up(board.memory[0].base, PAGE_SIZE);
	paddr_t end = align_down(board.memory[0].base + board.memory[0].size, PAGE_SIZE);
	paddr_t array, shadow;

	if (board.initrd_start < base || board.initrd_end > end) {
		if (board.initrd_end)
			log_error("the archive at 0x%lx is not in memory: ignored", board.initrd_start);
		board.initrd_start = board.initrd_end = 0;
	}
	take(arch_image_start(), arch_image_end());
	take(board.initrd_start, board.initrd_end);
	for (u32 i = 0; i < board.reserved_count; i++)
		take(board.reserved[i].base, board.reserved[i].base + board.reserved[i].size);
	array = find_room(base, end, page_array_bytes(end - base), PAGE_SIZE);
	shadow = find_room(base, end, kasan_shadow_bytes(base, end - base), PT_SPAN);
	page_init_range(base, end - base, array);
	kasan_start(base, end - base, shadow, heap_describe);
	free_rest(base, end);
	lock_order_start(heap_lock_key);
	lock_order_array(cpus, sizeof(cpus));
}

void boot_random(void)
{
	char word[8];

	random_start();
	vm_random_bytes = random_bytes;
	vm_randomize = !board_arg("noaslr", word, sizeof(word));
}

/* --- files --------------------------------------------------------------------------------------------- */

/* Frames of the archive that no file has adopted. */
static void free_archive(void)
{
	paddr_t end = align_down(board.initrd_end, PAGE_SIZE), from = 0;

	for (paddr_t at = align_up(board.initrd_start, PAGE_SIZE); at <= end; at += PAGE_SIZE) {
		bool unused = at < end && !page_refs(phys_page(at));

		if (unused && !from)
			from = at;
		if (!unused && from) {
			page_free_range(from, at - from);
			from = 0;
		}
	}
}

void boot_files(void)
{
	if (fs_init())
		panic("out of memory while making the root file system");
	procfs_add("version", version_text);
	if (board.initrd_end <= board.initrd_start)
		return;
	if (fs_unpack_initrd(board.initrd_start, board.initrd_end - board.initrd_start))
		log_error("the archive with the root file system is damaged; what came before is there");
	free_archive();
}
