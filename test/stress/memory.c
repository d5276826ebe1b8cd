/* SPDX-License-Identifier: MIT */
/* memory.c: threads that change one address space while others use it: no hart may see what is gone. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "stress.h"

enum { THREADS = 8, PAGE = 4096 };
static long rounds;

/* What one maps is zero, keeps what is written, and is nobody else's; frames go round between threads. */
static void *maps_and_unmaps(void *number)
{
	uint32_t seed = (long)number + 1;

	for (long i = 0; i < rounds; i++) {
		long pages = 1 + next_random(&seed) % 32;
		char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(p == MAP_FAILED ? -1 : 0);
		for (long k = 0; k < pages; k++) {
			exactly(*(long *)(p + k * PAGE), 0);
			*(long *)(p + k * PAGE) = (long)number << 32 | i;
		}
		for (long k = 0; k < pages; k++)
			exactly(*(long *)(p + k * PAGE), (long)number << 32 | i);
		must(munmap(p, pages * PAGE));
	}
	return NULL;
}

static void maps(long n)
{
	rounds = n;
	crowd(THREADS, maps_and_unmaps);
}

/* Threads count in shared pages while the process forks: no addition is lost, and each child sees a
 * state that was. */
static _Atomic long *counters;
static _Atomic int forks_over;

static void *adds(void *number)
{
	long n = 0;

	while (!forks_over) {
		for (long k = 0; k < THREADS; k++)
			counters[k * PAGE / sizeof(long)]++;
		n++;
	}
	return (void *)n;
}

static void copies(long n)
{
	pthread_t thread[THREADS];
	long total = 0;

	counters = mmap(NULL, THREADS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (long i = 0; i < THREADS; i++)
		exactly(pthread_create(&thread[i], NULL, adds, (void *)i), 0);
	for (long i = 0; i < n; i++) {
		int status;
		pid_t pid = must(fork());

		if (!pid) {
			long before = counters[0];

			_exit(counters[0] != before);	/* nobody adds here */
		}
		exactly(must(waitpid(pid, &status, 0)), pid);
		exactly(status, 0);
	}
	forks_over = 1;
	for (long i = 0; i < THREADS; i++) {
		void *n_added;

		exactly(pthread_join(thread[i], &n_added), 0);
		total += (long)n_added;
	}
	for (long k = 0; k < THREADS; k++)
		exactly(counters[k * PAGE / sizeof(long)], total);
}

/* One takes the right to write away and looks whether anything changes all the same. */
static char *guarded;
static _Atomic int state;			/* 0: write, 1: stop, 2: stopped */

static void *writes(void *number)
{
	for (long i = 0; state != 3; i++) {
		if (state == 1) {
			state = 2;
			while (state == 2)
				;
		}
		if (state == 0)
			guarded[0]++;
	}
	return NULL;
}

static void protects(long n)
{
	pthread_t thread;

	guarded = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	exactly(pthread_create(&thread, NULL, writes, NULL), 0);
	for (long i = 0; i < n; i++) {
		char seen;

		state = 1;
		while (state != 2)
			;
		must(mprotect(guarded, PAGE, PROT_READ));
		seen = *(volatile char *)guarded;
		must(mprotect(guarded, PAGE, PROT_READ | PROT_WRITE));
		exactly(*(volatile char *)guarded, seen);
		state = 0;
	}
	state = 3;
	exactly(pthread_join(thread, NULL), 0);
}

/* A file becomes empty while its mapper forks, and others too: neither parent nor child sees its old page
 * afterwards. */
static struct { int file; _Atomic int go, done; } cut;

static volatile long *map_new_file(int *file)
{
	char path[] = "/tmp/cut-XXXXXX";
	void *p;

	*file = must(mkstemp(path));
	must(unlink(path));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
	must(p == MAP_FAILED ? -1 : 0);
	return p;
}

static void *cuts_another(void *arg)
{
	int file;
	volatile long *seen = map_new_file(&file);

	while (cut.go >= 0) {
		must(ftruncate(file, PAGE));
		exactly(*seen, 0);
		*seen = 1;
		must(ftruncate(file, 0));
	}
	return NULL;
}

static void *cuts(void *arg)
{
	for (int turn = 1;; turn++) {
		while (cut.go != turn)
			if (cut.go < 0 || sched_yield())
				return NULL;
		must(ftruncate(cut.file, 0));
		cut.done = turn;
	}
}

static void truncates(long n)
{
	volatile long *seen = map_new_file(&cut.file);
	pthread_t thread, other;

	exactly(pthread_create(&thread, NULL, cuts, NULL), 0);
	exactly(pthread_create(&other, NULL, cuts_another, NULL), 0);
	for (long i = 1; i <= n; i++) {
		int ready[2], status;
		pid_t pid;
		char c;

		must(ftruncate(cut.file, PAGE));
		*seen = -i;
		must(pipe(ready));
		cut.go = i;
		for (volatile long wait = i % 64 * 8; wait > 0; wait--)
			;
		pid = must(fork());
		if (!pid) {
			close(ready[1]);
			_exit(read(ready[0], &c, 1) || *seen != i);
		}
		while (cut.done != i)
			sched_yield();
		must(ftruncate(cut.file, PAGE));
		exactly(pwrite(cut.file, &i, sizeof(i), 0), sizeof(i));
		exactly(*seen, i);
		close(ready[0]);
		close(ready[1]);
		exactly(must(waitpid(pid, &status, 0)), pid);
		exactly(status, 0);
	}
	cut.go = -1;
	exactly(pthread_join(thread, NULL), 0);
	exactly(pthread_join(other, NULL), 0);
}

/* A process forks, ends, its child forks, ends, and so on: the n-th one costs no more than the first. */
enum { HEIRLOOMS = 64 };

static long free_kib(void)
{
	char text[2048];
	int file = must(open("/proc/meminfo", O_RDONLY));
	long n = must(read(file, text, sizeof(text) - 1));

	close(file);
	text[n] = 0;
	return strtol(strstr(text, "MemFree:") + 8, NULL, 10);
}

/* What all before have written is there; now one page more is our own. */
static void inherit(volatile long *page, long i)
{
	long at = i * 7 % HEIRLOOMS * PAGE / sizeof(long), before = i >= HEIRLOOMS ? i - HEIRLOOMS : -1;

	if (page[at] != before)
		_exit(1);
	page[at] = i;
}

static void generations(long n)
{
	volatile long *page = mmap(NULL, HEIRLOOMS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before, grown;
	int last[2];

	for (long k = 0; k < HEIRLOOMS; k++)
		page[k * PAGE / sizeof(long)] = -1;
	must(pipe(last));
	before = free_kib();
	if (must(fork())) {
		close(last[1]);
		exactly(read(last[0], &grown, sizeof(grown)), sizeof(grown));
		exactly(grown < 2048 ? 0 : grown, 0);
		return;
	}
	for (long i = 0; i < n; i++) {
		inherit(page, i);
		if (must(fork()))
			_exit(0);
	}
	grown = before - free_kib();
	must(write(last[1], &grown, sizeof(grown)));
	_exit(0);
}

/* Memory is used up: who takes it all is killed, and nobody else. */
static void hungry(long n)
{
	for (long i = 0; i < n; i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		must(p == MAP_FAILED ? -1 : 0);
		memset(p, 1, 1 << 20);
	}
}

static void modest(long n)
{
	enum { SIZE = 64 * PAGE };

	for (long i = 0; i < n; i++) {
		char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(p == MAP_FAILED ? -1 : 0);
		memset(p, i, SIZE);
		exactly(p[SIZE - 1], (char)i);
		must(munmap(p, SIZE));
		sched_yield();
	}
}

const struct trouble memory_troubles[] = {
	{ "maps", maps, 300, "mappings by each of 8 threads" },
	{ "copies", copies, 100, "forks while 8 threads write" },
	{ "truncates", truncates, 300, "forks while another makes the mapped file empty" },
	{ "generations", generations, 10000, "forks, each by the child of the one before" },
	{ "hungry", hungry, 1 << 20, "MiB to be used: to be killed for" },
	{ "modest", modest, 1000, "times a little memory" },
	{ "protects", protects, 1000, "changes of rights while another writes" },
	{ },
};
