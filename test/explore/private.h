/* SPDX-License-Identifier: MIT */
/* private.h: what the files of the explorer share; explore.c tells the story. */
#pragma once
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include "test/explore/explore.h"

enum {
	FIBRES = EXPLORE_HARTS + EXPLORE_DEVICES, STACK = 64 << 10, DECISIONS = 1 << 15, STEPS = 20000,
	CELLS = 1 << 15, SYNCS = 1 << 12, BUFFER = 4, REQUESTS = 8, RANDOM_BOUND = 6, START = 1000000,
};
enum { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };	/* as compilers number them */
enum { BIT_TIMER = 1, BIT_IPI = 2, BIT_EXTERNAL = 4 };
enum { GO_ON = 0, DELAY = 100 };		/* decisions; 1 + n: fibre n goes on */
enum state { READY, WAITING, SPINNING, ENDED };

typedef u32 vclock[FIBRES];

struct delayed { uintptr_t at; u32 size; u64 value; bool rmw; vclock clock; };

struct fibre {
	jmp_buf		regs;
	ucontext_t	first;
	bool		started;
	enum state	state;
	struct cpu	*cpu;
	bool		irq_on;
	u32		pending;
	u64		tick;
	uintptr_t	last;			/* word of its last atomic operation */
	vclock		now, released, seen;	/* seen: what an acquire fence will make its own */
	struct delayed	buffer[BUFFER];
	u32		buffered;
	struct { void (*fn)(void *); void *arg; vclock clock; } request[REQUESTS];
	u32		requests;
	void		(*device)(void);
	char		*stack;
};

/* Who has touched four bytes, and when. */
struct cell {
	uintptr_t	at;
	u32		run;
	u8		write_mask, read_mask, freed;
	u8		writer;
	u32		write_time;
	vclock		read, atomic_read, atomic_write;
	void		*write_pc, *read_pc, *atomic_pc;
};
struct sync { uintptr_t at; u32 run; vclock clock; };
struct shared { uintptr_t at; u32 readers, writers; };

struct decision { u32 step, count, taken; u8 option[FIBRES + 1]; };
struct step { u8 fibre; char kind; void *pc; uintptr_t at; };

extern struct explorer {
	const struct scenario *s;
	struct fibre	fibre[FIBRES];
	struct fibre	*current;
	u32		fibres, run, steps;
	u8		rank[FIBRES];		/* who goes on when somebody stops: the first that can */
	u32		bound, deviations;	/* allowed in a run; left in this one */
	u64		seed;
	u64		random;			/* 0: all orders; else the state of a generator */
	jmp_buf		over;
	char		failure[512];
	void		*culprit[2];		/* two places of a race */
	bool		failed, grew;
	struct decision	decision[DECISIONS];
	u32		decisions, at;
	struct { u32 step; u8 option; } replay[DECISIONS];
	u32		replays;
	bool		replaying;
	struct step	trace[STEPS + 1];
	struct cell	cell[CELLS];
	struct sync	sync[SYNCS];
	struct shared	shared[SYNCS];
	char		log[4096];
	u32		logged;
	char		*data;
} *x;

/* explore.c */
u8 decide(const u8 *option, u32 count);		/* option 0 is what happens by default */

/* print.c */
const char *place(void *pc);
const char *fibre_name(u32 i);
void print_schedule(bool all);
void print_replay(void);

/* memory.c: before an operation on a word that several use others may go on */
bool is_shared(uintptr_t at, bool write);
u32 shared_count(void);
void flush(struct fibre *f);			/* what it has delayed is seen */
void join(vclock to, const vclock from);

/* machine.c */
void fibre_init(u32 i, struct cpu *c, void (*device)(void));
void start_fibre(struct fibre *f);		/* does not return */
void switch_to(struct fibre *f);
bool maybe_switch(void);
void stop_current(enum state how);
bool point(uintptr_t at, bool write, char kind, void *pc);	/* before an atomic operation: true, it is shared */
