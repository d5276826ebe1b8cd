/* SPDX-License-Identifier: MIT */
/*
 * vm.h: a program's address space: areas with rights, committed page by page when touched.
 * Shared by the threads of a process and counted.  vm->lock guards areas and page table; it is a
 * spin lock: nothing here waits but vm_fault() on pages that must be read (later).
 */
#pragma once
#include <bsd/sys/tree.h>
#include <sys/queue.h>
#include "arch/arch.h"
#include "core/co.h"
#include "mem/page.h"
#include "mem/pageset.h"

enum { /* area.flags; the rights equal PROT_* of the Linux ABI */
	VM_READ = 1,
	VM_WRITE = 2,
	VM_EXEC = 4,
	VM_SHARED = 8, /* writes go to the pageset; kept by fork */
	VM_STACK = 16, /* grows down, down to its limit */
	VM_NORESERVE = 32,
	VM_DONTFORK = 64,
	VM_LOCKED = 128,
	VM_HEAP = 256, /* brk */
	VM_VDSO = 512,
	VM_NOWRITE = 1024, /* shared mapping of a file not open for writing: mprotect refuses */
	VM_WIPE = 2048, /* a child finds zeros; of private anonymous areas */
};

struct area {				/* [start, end) */
	RB_ENTRY(area)	node;
	uaddr_t		start, end;
	u32		flags;
	struct pageset	*set;		/* backing, counted; NULL: zeros */
	u64		offset;		/* of start in the set, in pages */
	const char	*name;		/* for maps: "[stack]"; NULL: the file's or none */
	void		*file;		/* struct file of a mapping, for /proc/PID/maps; counted */
};

/* Areas by address; spaces share a tree as long as none of them changes it. */
enum { VM_FIRST = 4 };
struct area_tree {
	_Atomic u32	refs;
	bool		special;	/* some area may be VM_LOCKED, VM_DONTFORK or VM_WIPE */
	RB_HEAD(areas, area) head;
	/* Numbers of the pages a child wrote first, as these areas are: fork copies them at once. */
	_Atomic u32	first_count, first[VM_FIRST];
	u32		forks;
};

/* How areas hold their files: set by the room that has files (sys/mem.c); NULL: not counted. */
struct vm_file_ops { void (*get)(void *file), (*put)(void *file); };
extern struct vm_file_ops vm_file_ops;

enum { VM_LENT = 4, LENT_OWN = 36 };
struct lent {				/* a table copied without its references: vm_tables.c */
	pte_t		*table, *origin;
	u16		first, end;	/* entries that may be in use */
	u16		count;		/* of own[], its entries that are not the original's */
	u16		own[LENT_OWN];
};

struct vm {
	spinlock_t	lock;
	_Atomic u32	refs;
	struct mmu	mmu;
	struct area_tree *tree;
	struct area	*hint;		/* found last */
	u32		area_count;
	struct charge	*charge;
	uaddr_t		brk_start, brk;
	uaddr_t		mmap_top;	/* mappings are placed below, downwards */
	uaddr_t		stack_top;
	u64		stack_limit;	/* bytes the stack may grow to */
	uaddr_t		vdso;		/* the page all programs share */
	uaddr_t		arg_start, arg_end, env_start, env_end;	/* /proc/PID/cmdline, environ */
	uaddr_t		search_top;	/* no gap of search_len bytes between here and mmap_top */
	u64		search_len;
	u64		mapped;		/* bytes in areas */
	u64		resident;	/* frames in the page table, the zero page not counted */
	u64		charged_tables;	/* frames of page tables charged */
	u64		peak_resident;
	u64		limit;		/* RLIMIT_AS, bytes */
	_Atomic u64	faults;
	LIST_ENTRY(vm)	others;		/* vm_sets.c: all spaces */
	_Atomic u64	stale;		/* harts that slept while its entries changed; bit i is cpus[i] */
	bool		listed;		/* same */
	bool		forked;		/* there may be tables that are shared or lent */
	bool		watched;	/* a child whose first writes are noted in the tree */
	u32		lent_count;
	struct lent	lent[VM_LENT];	/* not cleared */
};

struct vm *vm_create(struct charge *c);
static inline struct vm *vm_get(struct vm *v) { atomic_fetch_add(&v->refs, 1); return v; }
void vm_put(struct vm *v);			/* the last one unmaps everything */
/* A copy-on-write copy; NULL: no memory.  Both will write to the page at @hot at once: the stack. */
struct vm *vm_fork(struct vm *from, uaddr_t hot);
static inline struct vm *vm_active(void)
{
	return atomic_load_explicit(&this_cpu()->mmu, memory_order_relaxed);
}
void vm_load(struct vm *v);			/* for vm_activate() */
/* This hart runs programs in @v, which the caller holds.  Switches only if another one was loaded;
 * NULL, "none", leaves the table where it is: cheap, and the same program often comes back.  The last
 * vm_put() switches away from a space that is still loaded. */
static inline void vm_activate(struct vm *v)
{
	if (v && vm_active() != v)
		vm_load(v);
}

u64 vm_trim(void);				/* give back page tables kept for reuse; pages that stay */

/* Place [*addr, +len): at *addr with @fixed (replacing what is there, or -EEXIST with @noreplace),
 * else near it as a hint or anywhere.  @set (may be NULL) is counted up here via owner_refs.
 * 0, -EINVAL, -ENOMEM, -EEXIST. */
enum { MAP_AT = 1, MAP_KEEP = 2 };		/* fixed; fixed-noreplace */
long vm_map(struct vm *v, uaddr_t *addr, u64 len, u32 flags, u32 how,
	    struct pageset *set, u64 offset, const char *name, void *file);
long vm_unmap(struct vm *v, uaddr_t addr, u64 len);
long vm_protect(struct vm *v, uaddr_t addr, u64 len, u32 rights);
long vm_mark(struct vm *v, uaddr_t addr, u64 len, u32 flag, bool on);	/* VM_LOCKED, _DONTFORK, _WIPE */
long vm_brk(struct vm *v, uaddr_t to);		/* returns the new (or unchanged) break */
/* MADV_DONTNEED, MADV_FREE (@anonymous only); -EAGAIN: a shared table could not be copied. */
long vm_discard(struct vm *v, uaddr_t addr, u64 len, bool anonymous);
/* MADV_REMOVE of anonymous shared memory. */
long vm_remove(struct vm *v, uaddr_t addr, u64 len);
/* mremap: the new address; @fixed_to 0: anywhere; @keep: the old area stays, empty; @old_len 0: a shared
 * area is mapped a second time. */
struct remap { uaddr_t old; u64 old_len, new_len; uaddr_t fixed_to; bool may_move, keep; };
long vm_remap(struct vm *v, struct remap r);
bool vm_range_allows(struct vm *v, uaddr_t addr, u64 len, u32 access);	/* it is mapped */
/* mincore: one byte a page, 1 if it is present; -ENOMEM if part of the range is not mapped. */
long vm_present(struct vm *v, uaddr_t addr, u64 pages, u8 *out);
bool vm_range_mapped(struct vm *v, uaddr_t addr, u64 len);	/* all of it is in areas */
struct area *vm_find(struct vm *v, uaddr_t addr); /* lock held: area with end > addr, or NULL */

/* Make the page at @addr present for @access (enum access): 0; -EFAULT nothing is mapped there;
 * -EACCES the area forbids it; -ENOMEM; -EIO beyond the end of the file; or PENDING. */
async long vm_fault(struct vm *v, uaddr_t addr, u32 access);
/* What it does for want of memory, with no lock: -ENOMEM, or PENDING.  NULL: -ENOMEM. */
extern async long (*vm_needs_memory)(struct vm *v);

/* Nothing need be done for @access to [addr, addr + len), within one page; false may be wrong. */
bool vm_ready(struct vm *v, uaddr_t addr, u64 len, u32 access);

/* ASLR: @bits random bits of pages, 0 when switched off. */
extern bool vm_randomize;
extern void (*vm_random_bytes)(void *buf, size_t n);	/* set at boot; NULL: no randomisation */
u64 vm_random_pages(u32 bits);
