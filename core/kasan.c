/* SPDX-License-Identifier: MIT */
/*
 * kasan.c: kernel address sanitizer.  The checked kernel is compiled with -fsanitize=kernel-address:
 * each load and store first calls one of the __asan_ functions here.  The shadow of the address
 * @a is the byte at (a >> 3) + KASAN: 0, all eight bytes may be touched; 1 to 7, that many of them;
 * else enum kasan_why.  Memory (through the map of all memory), the image and stacks have shadow; other
 * addresses (devices, what a bad pointer has) are let through: the machine will tell.
 *
 * Only red zones of stacks are written by compiled code itself.  The shadow of the image, in which the
 * stack is, is therefore there from the first instruction; memory's begins with kasan_start(),
 * before which everything is allowed.  This file is compiled without the sanitizer.
 */
#include <string.h>
#include "arch/arch.h"
#include "core/kasan.h"
#include "core/log.h"

#ifdef KASAN

enum { GRANULE = 8, UNITS_MAX = 256 };

struct global {				/* as the compiler lays it out */
	uintptr_t	at;
	size_t		size, room;	/* room: with the red zone */
	const char	*name, *module;
	u64		dynamic;
	const struct { const char *file; u32 line, column; } *where;
	u64		odr;
};

extern const char kernel_start[], shadow_start[];
static uintptr_t ram, ram_bytes, image, image_bytes, stacks, stacks_bytes;	/* watched */
static struct { const struct global *first; size_t n; } units[UNITS_MAX];
static u32 unit_count;
static void (*describe_memory)(uintptr_t at, u32 why);

/* --- the report --------------------------------------------------------------------------------- */

static u8 *shadow_of(uintptr_t at) { return (u8 *)((at >> 3) + KASAN); }

static const char *kind_of(u8 why)
{
	switch (why) {
	case KASAN_STACK_LEFT: case KASAN_STACK_MID: case KASAN_STACK_RIGHT:
		return "out of bounds of a local variable";
	case KASAN_SCOPE:
		return "use of a local variable after its block";
	case KASAN_GLOBAL:
		return "out of bounds of a global variable";
	case KASAN_FRAME:
		return "out of bounds of a coroutine's frame";
	case KASAN_FREED:
		return "use after free";
	case KASAN_RED_ZONE:
		return "out of bounds of an object";
	case KASAN_FREE_PAGE:
		return "use of a free page";
	default:
		return "bad access";
	}
}

/* The compiler left a description where a function's red zones begin: "COUNT {START SIZE LEN NAME}". */
static void describe_stack(uintptr_t at)
{
	const u64 *frame = (const u64 *)(at & ~(uintptr_t)(GRANULE - 1));

	for (u32 i = 0; i < 512 && *shadow_of((uintptr_t)frame) != KASAN_STACK_LEFT; i++)
		frame--;
	while (*shadow_of((uintptr_t)(frame - 1)) == KASAN_STACK_LEFT)
		frame--;
	if (frame[0] == 0x41b58ab3)
		log_raw("  +%lu in the locals of the function at 0x%lx: %s\n",
			at - (uintptr_t)frame, frame[2], (const char *)frame[1]);
}

static void describe_global(uintptr_t at)
{
	for (u32 i = 0; i < unit_count; i++)
		for (u32 k = 0; k < units[i].n; k++) {
			const struct global *g = &units[i].first[k];

			if (at - g->at >= g->room)
				continue;
			log_raw("  %s:%u %s, %zu bytes at 0x%lx, +%lu\n", g->module,
				g->where ? g->where->line : 0, g->name, g->size, g->at,
				at - g->at);
			return;
		}
}

static void show_shadow(uintptr_t at)
{
	const u8 *row = (const u8 *)((uintptr_t)shadow_of(at) & ~15ul) - 16;

	for (u32 i = 0; i < 48; i++, row++)
		log_raw("%s%02x%s", i % 16 ? " " : "  ", *row, i % 16 == 15 ? "\n" : "");
}

/* Never twice: everything is allowed from here on. */
static __attribute__((noreturn, noinline)) void report(uintptr_t at, size_t n, bool write, uintptr_t bad,
							 void *pc)
{
	u8 why = *shadow_of(bad);

	ram_bytes = image_bytes = stacks_bytes = 0;
	if (why < GRANULE)
		why = *shadow_of(bad + GRANULE);	/* the end of an object: what is behind it */
	log_raw("kasan: %s: %s %zu bytes at 0x%lx by 0x%lx\n", kind_of(why),
		write ? "write of" : "read of", n, at, (uintptr_t)pc);
	if (why >= KASAN_STACK_LEFT && why <= KASAN_SCOPE)
		describe_stack(bad);
	else if (why == KASAN_GLOBAL)
		describe_global(bad);
	else if (describe_memory && (bad < image || bad >= (uintptr_t)shadow_start))
		describe_memory(bad, why);
	show_shadow(bad);
	panic("kasan: %s: %s %zu bytes at 0x%lx by 0x%lx", kind_of(why), write ? "write of" : "read of",
	      n, at, (uintptr_t)pc);
}

/* --- checks --------------------------------------------------------------------------------------- */

static inline bool watched(uintptr_t at)
{
	return at - ram < ram_bytes || at - image < image_bytes || at - stacks < stacks_bytes;
}

/* May the byte @at be touched, and all before it in its granule? */
static inline bool allowed(uintptr_t at)
{
	u8 s = *shadow_of(at);

	return !s || (at & (GRANULE - 1)) < (s & 0x80 ? 0 : s);
}

/* @n is at most 8: two granules. */
static inline __attribute__((always_inline)) void check_word(uintptr_t at, size_t n, bool write, void *pc)
{
	if (unlikely(!watched(at)))
		return;
	if (unlikely(!allowed(at + n - 1)))
		report(at, n, write, allowed(at) ? at + n - 1 : at, pc);
	if (unlikely((at & (GRANULE - 1)) + n > GRANULE && *shadow_of(at)))
		report(at, n, write, at, pc);
}

/* Whole granules of shadow that is zero, eight at a time. */
static uintptr_t skip_allowed(uintptr_t at, uintptr_t end)
{
	while (at + GRANULE <= end) {
		const u8 *s = shadow_of(at);

		if (!((uintptr_t)s & 7) && at + 64 <= end && !*(const u64 *)s)
			at += 64;
		else if (!*s)
			at += GRANULE;
		else
			break;
	}
	return at;
}

static void check_range(uintptr_t at, size_t n, bool write, void *pc)
{
	uintptr_t end = at + n, granule;

	if (!n || !watched(at))
		return;
	if (end < at || !watched(end - 1))
		panic("kasan: %s %zu bytes at 0x%lx by %p", write ? "write of" : "read of", n, at, pc);
	granule = (at + GRANULE - 1) & ~(uintptr_t)(GRANULE - 1);
	if (granule > at && !allowed(min(granule, end) - 1))
		report(at, n, write, at, pc);
	if (granule >= end)
		return;
	granule = skip_allowed(granule, end);
	if (granule < end && !(granule + GRANULE > end && allowed(end - 1)))
		report(at, n, write, granule + (*shadow_of(granule) & 0x80 ? 0 : *shadow_of(granule)), pc);
}

void kasan_check(const void *at, size_t n, bool write)
{
	check_range((uintptr_t)at, n, write, __builtin_return_address(0));
}

/* --- what the compiler calls ------------------------------------------------------------------------ */

#define ACCESS(n)										\
	void __asan_load##n##_noabort(uintptr_t at);						\
	void __asan_store##n##_noabort(uintptr_t at);						\
	void __asan_load##n##_noabort(uintptr_t at)						\
	{											\
		check_word(at, n, false, __builtin_return_address(0));				\
	}											\
	void __asan_store##n##_noabort(uintptr_t at)						\
	{											\
		check_word(at, n, true, __builtin_return_address(0));				\
	}
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8)

#define RANGE(name, params, n, write)								\
	void __asan_##name##_noabort params;							\
	void __asan_##name##_noabort params							\
	{											\
		check_range(at, n, write, __builtin_return_address(0));				\
	}
RANGE(load16, (uintptr_t at), 16, false)
RANGE(store16, (uintptr_t at), 16, true)
RANGE(loadN, (uintptr_t at, size_t n), n, false)
RANGE(storeN, (uintptr_t at, size_t n), n, true)

void __asan_handle_no_return(void);
void __asan_register_globals(const struct global *g, size_t n);
void __asan_unregister_globals(const struct global *g, size_t n);
void __asan_poison_stack_memory(const void *at, size_t n);
void __asan_unpoison_stack_memory(const void *at, size_t n);

/* No stack of ours is left but by returning. */
void __asan_handle_no_return(void) { }
void __asan_unregister_globals(const struct global *g, size_t n) { }
void __asan_poison_stack_memory(const void *at, size_t n) { kasan_poison(at, n, KASAN_SCOPE); }
void __asan_unpoison_stack_memory(const void *at, size_t n) { kasan_unpoison(at, n); }

/* Once for each file with global variables. */
void __asan_register_globals(const struct global *g, size_t n)
{
	assert(unit_count < UNITS_MAX);
	units[unit_count].first = g;
	units[unit_count++].n = n;
	for (; n; n--, g++) {
		size_t whole = (g->size + GRANULE - 1) & ~(size_t)(GRANULE - 1);

		kasan_unpoison((void *)g->at, g->size);
		kasan_poison((void *)(g->at + whole), g->room - whole, KASAN_GLOBAL);
	}
}

/* --- calls the linker leads here: --wrap ---------------------------------------------------------------- */

void *__real_memcpy(void *d, const void *s, size_t n);
void *__real_memmove(void *d, const void *s, size_t n);
void *__real_memset(void *d, int byte, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);
void *__wrap_memcpy(void *d, const void *s, size_t n);
void *__wrap_memmove(void *d, const void *s, size_t n);
void *__wrap_memset(void *d, int byte, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);

#define CHECK(at, n, write) check_range((uintptr_t)(at), n, write, __builtin_return_address(0))

void *__wrap_memcpy(void *d, const void *s, size_t n)
{
	CHECK(s, n, false);
	CHECK(d, n, true);
	return __real_memcpy(d, s, n);
}

void *__wrap_memmove(void *d, const void *s, size_t n)
{
	CHECK(s, n, false);
	CHECK(d, n, true);
	return __real_memmove(d, s, n);
}

void *__wrap_memset(void *d, int byte, size_t n)
{
	CHECK(d, n, true);
	return __real_memset(d, byte, n);
}

int __wrap_memcmp(const void *a, const void *b, size_t n)
{
	CHECK(a, n, false);
	CHECK(b, n, false);
	return __real_memcmp(a, b, n);
}

size_t __real_arch_copy_in(void *dst, uaddr_t src, size_t n);
size_t __real_arch_copy_out(uaddr_t dst, const void *src, size_t n);
long __real_arch_string_in(char *dst, uaddr_t src, size_t max, size_t *done);
size_t __wrap_arch_copy_in(void *dst, uaddr_t src, size_t n);
size_t __wrap_arch_copy_out(uaddr_t dst, const void *src, size_t n);
long __wrap_arch_string_in(char *dst, uaddr_t src, size_t max, size_t *done);

size_t __wrap_arch_copy_in(void *dst, uaddr_t src, size_t n)
{
	CHECK(dst, n, true);
	return __real_arch_copy_in(dst, src, n);
}

size_t __wrap_arch_copy_out(uaddr_t dst, const void *src, size_t n)
{
	CHECK(src, n, false);
	return __real_arch_copy_out(dst, src, n);
}

long __wrap_arch_string_in(char *dst, uaddr_t src, size_t max, size_t *done)
{
	CHECK(dst, max, true);
	return __real_arch_string_in(dst, src, max, done);
}

/* --- allocators and boot ------------------------------------------------------------------------------- */

void kasan_poison(const void *at, size_t n, enum kasan_why why)
{
	uintptr_t a = (uintptr_t)at;

	if (watched(a) && n)
		__real_memset(shadow_of(a), why, (n + GRANULE - 1) / GRANULE);
}

void kasan_unpoison(const void *at, size_t n)
{
	uintptr_t a = (uintptr_t)at;

	if (!watched(a) || !n)
		return;
	__real_memset(shadow_of(a), 0, n / GRANULE);
	if (n % GRANULE)
		*shadow_of(a + n) = n % GRANULE;
}

size_t kasan_shadow_bytes(paddr_t base, size_t size)
{
	return (align_up(base + size, SHADOW_SPAN) - align_down(base, SHADOW_SPAN)) / GRANULE;
}

void kasan_watch_stacks(uintptr_t start, uintptr_t end)
{
	stacks = start;
	stacks_bytes = end - start;
}

void kasan_start(paddr_t base, size_t size, paddr_t shadow, void (*describe)(uintptr_t at, u32 why))
{
	extern void (*const constructors_start[])(void), (*const constructors_end[])(void);
	uintptr_t first = (uintptr_t)phys_to_virt(align_down(base, SHADOW_SPAN));

	size = arch_shadow_map((uintptr_t)shadow_of(first), shadow, kasan_shadow_bytes(base, size)) ?
		       0 : size;
	if (size)
		__real_memset(phys_to_virt(shadow), 0, kasan_shadow_bytes(base, size));
	else
		log_warn("kasan: memory is not watched: too much of it");
	image = (uintptr_t)kernel_start;
	image_bytes = shadow_start - kernel_start;
	for (void (*const *f)(void) = constructors_start; f < constructors_end; f++)
		(*f)();
	describe_memory = describe;
	ram = (uintptr_t)phys_to_virt(base);
	ram_bytes = size;
}

#endif
