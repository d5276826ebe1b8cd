/* SPDX-License-Identifier: MIT */
/*
 * board.c: what the device tree says.  board_read() walks it once, in order: the properties of a
 * node come before its children, so a node is complete when its first child or its end is reached,
 * and what children need of their ancestors is on a small stack.  Facts go to struct board, nodes
 * that have a driver to a table that drivers_bind() works through.
 *
 * The firmware's tree is trusted to be honest, not to be well-formed: libfdt checks the header,
 * every tag and length is checked here.  The walk is our own because libfdt's costs a hundred
 * instructions a step, a tenth of the budget for booting.  "ranges" is taken to be the identity.
 */
#include <libfdt.h>
#include <string.h>
#include "arch/arch.h"
#include "core/log.h"
#include "dev/board.h"
#include "dev/driver.h"
#include "lib/number.h"

struct board board ro_after_init;
struct device devices[DEVICES_MAX] ro_after_init;
u32 device_count ro_after_init;

/* --- one node --------------------------------------------------------------------------------- */

enum prop {
	P_COMPATIBLE, P_REG, P_INTERRUPTS, P_ADDRESS_CELLS, P_SIZE_CELLS, P_STATUS, P_DEVICE_TYPE,
	P_PHANDLE, P_BOOTARGS, P_INITRD_START, P_INITRD_END, P_RNG_SEED, P_TIMEBASE, P_ISA, P_COUNT
};
static const char *const prop_names[P_COUNT] = {
	"compatible", "reg", "interrupts", "#address-cells", "#size-cells", "status", "device_type",
	"phandle", "bootargs", "linux,initrd-start", "linux,initrd-end", "rng-seed",
	"timebase-frequency", "riscv,isa",
};

enum place { IN_OTHER, IN_ROOT, IN_RESERVED, IN_CPUS, IN_CPU };	/* what a parent is */
enum { DEPTH_MAX = 16 };

struct walk {
	const void	*fdt;
	const char	*strings;		/* names of properties */
	u32		strings_size;
	const u8	*tags;			/* the structure block */
	u32		tags_size;
	int		node;			/* offset of the present node */
	const char	*name;
	bool		open;			/* its properties are being read */
	struct { const void *data; int len; } prop[P_COUNT];
	u32		depth;			/* of the present node; the root is 1 */
	struct level { enum place place; u32 address_cells, size_cells; } level[DEPTH_MAX + 1];
	u32		hart;			/* index of the last cpu node */
};

static u64 cells(const fdt32_t *c, u32 n)
{
	u64 v = 0;

	while (n--)
		v = v << 32 | fdt32_to_cpu(*c++);
	return v;
}

static u64 prop_number(const struct walk *w, enum prop p, u64 otherwise)
{
	int len = w->prop[p].len;

	return len == 4 || len == 8 ? cells(w->prop[p].data, len / 4) : otherwise;
}

static bool prop_is(const struct walk *w, enum prop p, const char *value)
{
	int n = strlen(value) + 1;

	return w->prop[p].len == n && !memcmp(w->prop[p].data, value, n);
}

/* The @i-th pair of "reg". */
static bool reg_pair(const struct walk *w, u32 i, u64 *base, u64 *size)
{
	const struct level *up = &w->level[w->depth - 1];
	u32 pair = up->address_cells + up->size_cells;
	const fdt32_t *c = w->prop[P_REG].data;

	if (!pair || (u64)(i + 1) * pair * 4 > (u64)max(w->prop[P_REG].len, 0))
		return false;
	*base = cells(c + i * pair, up->address_cells);
	*size = cells(c + i * pair + up->address_cells, up->size_cells);
	return true;
}

/* --- nodes the kernel itself wants to know ---------------------------------------------------- */

static void memory_node(const struct walk *w)
{
	u64 base, size;

	for (u32 i = 0; reg_pair(w, i, &base, &size); i++)
		if (size && board.memory_count < ARRAY_SIZE(board.memory)) {
			board.memory[board.memory_count].base = base;
			board.memory[board.memory_count++].size = size;
		}
}

/* Reserved memory that does not fit the table would be handed out: then there is no safe memory. */
static void reserve(u64 base, u64 size)
{
	if (!size)
		return;
	if (board.reserved_count < ARRAY_SIZE(board.reserved)) {
		board.reserved[board.reserved_count].base = base;
		board.reserved[board.reserved_count].size = size;
	}
	board.reserved_count++;
}

static void reserved_node(const struct walk *w)
{
	u64 base, size;

	for (u32 i = 0; reg_pair(w, i, &base, &size); i++)
		reserve(base, size);
}

/* All harts of the boards we know are alike: the first one speaks for them. */
static void isa_note(const struct walk *w)
{
	size_t n = w->prop[P_ISA].data ? max(w->prop[P_ISA].len, 0) : 0;

	if (n && n <= sizeof(board.isa) && !board.isa[0])
		memcpy(board.isa, w->prop[P_ISA].data, n - 1);
}

static void cpu_node(struct walk *w)
{
	u64 hart, size;

	w->hart = ARRAY_SIZE(board.harts);
	if (w->prop[P_STATUS].data && !prop_is(w, P_STATUS, "okay"))
		return;
	if (!reg_pair(w, 0, &hart, &size) || board.hart_count == ARRAY_SIZE(board.harts))
		return;
	w->hart = board.hart_count;
	board.harts[board.hart_count++] = hart;
}

/* The host put the archive where QEMU would not: "initrd=0xADDRESS,SIZE". */
static void archive_word(void)
{
	char text[48], *comma;
	u64 at, size;

	if (!board_arg("initrd", text, sizeof(text)) || !(comma = strchr(text, ',')))
		return;
	*comma = 0;
	if (number_parse(text, 0, UINT64_MAX, &at) ||
	    number_parse(comma + 1, 10, UINT64_MAX - at, &size)) {
		log_warn("initrd=%s is not 0xADDRESS,SIZE", text);
		return;
	}
	board.initrd_start = at;
	board.initrd_end = at + size;
}

static void chosen_node(const struct walk *w)
{
	size_t n = min((size_t)max(w->prop[P_BOOTARGS].len, 0), sizeof(board.bootargs) - 1);

	if (n)
		memcpy(board.bootargs, w->prop[P_BOOTARGS].data, n);
	n = min((size_t)max(w->prop[P_RNG_SEED].len, 0), sizeof(board.seed));
	if (n)
		memcpy(board.seed, w->prop[P_RNG_SEED].data, n);
	board.seed_len = n;
	board.initrd_start = prop_number(w, P_INITRD_START, 0);
	board.initrd_end = prop_number(w, P_INITRD_END, 0);
	if (board.initrd_end < board.initrd_start)
		board.initrd_end = board.initrd_start;
	archive_word();
}

/* Nodes of the root's own level, by name. */
static enum place root_child(const struct walk *w)
{
	if (prop_is(w, P_DEVICE_TYPE, "memory"))
		memory_node(w);
	else if (!strcmp(w->name, "chosen"))
		chosen_node(w);
	else if (!strcmp(w->name, "reserved-memory"))
		return IN_RESERVED;
	else if (!strcmp(w->name, "cpus")) {
		board.timebase_hz = prop_number(w, P_TIMEBASE, 0);
		return IN_CPUS;
	}
	return IN_OTHER;
}

/* --- nodes with drivers ----------------------------------------------------------------------- */

static bool has_string(const char *const *list, const char *s)
{
	for (; *list; list++)
		if (**list == *s && !strcmp(*list, s))
			return true;
	return false;
}

static const struct driver *driver_of(const struct walk *w)
{
	const char *s = w->prop[P_COMPATIBLE].data, *end;

	if (!s || !w->prop[P_COMPATIBLE].len)
		return NULL;
	end = s + w->prop[P_COMPATIBLE].len;
	if (end[-1])
		return NULL;
	for (; s < end; s += strlen(s) + 1)	/* the most specific comes first */
		for (const struct driver *const *d = drivers; *d; d++)
			if (has_string((*d)->compatible, s))
				return *d;
	return NULL;
}

static void device_node(const struct walk *w)
{
	const struct driver *driver = driver_of(w);
	struct device *d = &devices[device_count];

	if (!driver || device_count == DEVICES_MAX ||
	    (w->prop[P_STATUS].data && !prop_is(w, P_STATUS, "okay")))
		return;
	*d = (struct device){ .fdt = w->fdt, .node = w->node, .path = w->name, .driver = driver };
	reg_pair(w, 0, &d->base, &d->size);
	if (w->prop[P_INTERRUPTS].len >= 4)
		d->irq = cells(w->prop[P_INTERRUPTS].data, 1);
	device_count++;
}

/* --- the walk --------------------------------------------------------------------------------- */

/* All properties of the present node are known. */
static void node_complete(struct walk *w)
{
	struct level *l = &w->level[w->depth];

	if (!w->open)
		return;
	w->open = false;
	l->place = w->depth == 1 ? IN_ROOT : IN_OTHER;
	l->address_cells = min(prop_number(w, P_ADDRESS_CELLS, 2), (u64)8);
	l->size_cells = min(prop_number(w, P_SIZE_CELLS, 1), (u64)8);
	switch (w->level[w->depth - 1].place) {
	case IN_ROOT:
		l->place = root_child(w);
		break;
	case IN_RESERVED:
		reserved_node(w);
		return;
	case IN_CPUS:
		if (prop_is(w, P_DEVICE_TYPE, "cpu")) {
			isa_note(w);
			cpu_node(w);
			l->place = IN_CPU;
		}
		return;
	case IN_CPU:
		if (w->hart < ARRAY_SIZE(board.harts) && w->prop[P_PHANDLE].len == 4)
			board.hart_intc[w->hart] = prop_number(w, P_PHANDLE, 0);
		return;
	default:
		break;
	}
	device_node(w);
}

static u32 number_at(const struct walk *w, u32 at)
{
	return fdt32_to_cpu(*(const fdt32_t *)(w->tags + at));
}

/* Each of these reads a tag's body at @at: the offset behind it, or 0 if it is not whole. */

static u32 node_begin(struct walk *w, u32 at)
{
	u64 len = strnlen((const char *)w->tags + at, w->tags_size - at);

	node_complete(w);
	if (w->depth == DEPTH_MAX || at + len == w->tags_size)
		return 0;
	w->depth++;
	w->node = at - sizeof(fdt32_t);
	w->name = (const char *)w->tags + at;
	w->open = true;
	memset(w->prop, 0, sizeof(w->prop));
	return align_up(at + len + 1, sizeof(fdt32_t));
}

static u32 node_end(struct walk *w, u32 at)
{
	node_complete(w);
	if (!w->depth)
		return 0;
	w->depth--;
	return at;
}

static enum prop prop_number_of(const char *name)
{
	for (u32 i = 0; i < P_COUNT; i++)
		if (name[0] == prop_names[i][0] && !strcmp(name, prop_names[i]))
			return i;
	return P_COUNT;
}

static u32 property(struct walk *w, u32 at)
{
	u32 len, name, data = at + 2 * sizeof(fdt32_t);
	enum prop p;

	if (data > w->tags_size)
		return 0;
	len = number_at(w, at);
	name = number_at(w, at + sizeof(fdt32_t));
	if (len > w->tags_size - data || name >= w->strings_size)
		return 0;
	p = prop_number_of(w->strings + name);
	if (p < P_COUNT) {
		w->prop[p].data = w->tags + data;
		w->prop[p].len = len;
	}
	return align_up((u64)data + len, sizeof(fdt32_t));
}

static long walk_nodes(struct walk *w)
{
	u32 at = 0, tag;

	do {
		if (at > w->tags_size - sizeof(fdt32_t))
			return -EINVAL;
		tag = number_at(w, at);
		at += sizeof(fdt32_t);
		switch (tag) {
		case FDT_BEGIN_NODE:
			at = node_begin(w, at);
			break;
		case FDT_PROP:
			at = property(w, at);
			break;
		case FDT_END_NODE:
			at = node_end(w, at);
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return w->depth ? -EINVAL : 0;
		default:
			return -EINVAL;
		}
	} while (at);
	return -EINVAL;
}

/* The blocks libfdt has found to lie within the tree. */
static long walk_init(struct walk *w, const void *fdt)
{
	if (fdt_check_header(fdt))
		return -EINVAL;
	*w = (struct walk){
		.fdt = fdt,
		.strings = (const char *)fdt + fdt_off_dt_strings(fdt),
		.strings_size = fdt_size_dt_strings(fdt),
		.tags = (const u8 *)fdt + fdt_off_dt_struct(fdt),
		.tags_size = fdt_size_dt_struct(fdt) & ~3u,
	};
	if (!w->strings_size || w->strings[w->strings_size - 1] || !w->tags_size ||
	    (uintptr_t)w->tags % sizeof(fdt32_t))
		return -EINVAL;
	return 0;
}

/* Ranges the firmware lists apart from the tree, and the tree itself. */
static void reserve_listed(const void *fdt)
{
	u64 base, size;

	reserve(virt_to_phys(fdt), fdt_totalsize(fdt));
	for (int i = 0; i < (int)ARRAY_SIZE(board.reserved); i++)
		if (fdt_get_mem_rsv(fdt, i, &base, &size) || !size)
			return;
		else
			reserve(base, size);
}

long board_read(const void *fdt)
{
	struct walk w;

	memset(&board, 0, sizeof(board));
	device_count = 0;
	if (walk_init(&w, fdt))
		return -EINVAL;
	reserve_listed(fdt);
	if (walk_nodes(&w) || !board.memory_count ||
	    board.reserved_count > ARRAY_SIZE(board.reserved))
		return -EINVAL;
	return 0;
}

u32 device_u32(const struct device *d, const char *property, u32 otherwise)
{
	int len = 0;
	const fdt32_t *v = fdt_getprop(d->fdt, d->node, property, &len);

	return v && len == 4 ? fdt32_to_cpu(*v) : otherwise;
}

/* --- words of the command line ---------------------------------------------------------------- */

/* The next word at or behind @at and its length; NULL: there is none. */
static const char *next_word(const char *at, size_t *len)
{
	while (*at == ' ' || *at == '\t' || *at == '\n')
		at++;
	for (*len = 0; at[*len] && at[*len] != ' ' && at[*len] != '\t' && at[*len] != '\n';)
		++*len;
	return *len ? at : NULL;
}

/* Does the word begin with @key and "=" or end there? */
static bool word_is(const char *word, size_t len, const char *key)
{
	size_t n = strlen(key);

	return len >= n && !memcmp(word, key, n) && (len == n || word[n] == '=');
}

const char *board_arg(const char *key, char *buf, size_t size)
{
	const char *w = board.bootargs;
	size_t n = strlen(key), len;

	for (; (w = next_word(w, &len)); w += len) {
		if (!word_is(w, len, key) || !size)
			continue;
		n = min(n + 1, len);
		len = min(len - n, size - 1);
		memcpy(buf, w + n, len);
		buf[len] = 0;
		return buf;
	}
	return NULL;
}

void board_args_check(void)
{
	static const char *const known[] = {
		"log", "slots", "failfast", "seed", "noaslr", "tty", "regs", "initrd", "root",
		"kasan-test", "fail-alloc",
	};
	const char *w = board.bootargs;
	size_t len;

	for (; (w = next_word(w, &len)); w += len) {
		bool found = false;

		for (u32 i = 0; i < ARRAY_SIZE(known) && !found; i++)
			found = word_is(w, len, known[i]);
		if (!found)
			log_warn("command line: unknown word \"%.*s\"", (int)len, w);
	}
	if (strlen(board.bootargs) == sizeof(board.bootargs) - 1)
		log_warn("command line: cut after %zu characters", sizeof(board.bootargs) - 1);
}
