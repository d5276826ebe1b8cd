/* SPDX-License-Identifier: MIT */
/* memory.c: mmap, mremap, mprotect, madvise, mincore, mlock, msync: what they do and what they refuse. */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "check.h"

enum { P = 4096 };
enum { POPULATE_READ = 22, POPULATE_WRITE = 23 };

#define RW (PROT_READ | PROT_WRITE)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)

static sigjmp_buf back;
static volatile int caught, caught_code;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	caught = signo;
	caught_code = info->si_code;
	siglongjmp(back, 1);
}

/* What a look at, or a write to, *@p comes to. */
static void look_(const char *what, volatile char *p, int write)
{
	caught = 0;
	if (!sigsetjmp(back, 1)) {
		if (write)
			*p = 7;
		printf("%s: %d\n", what, *p);
	} else {
		printf("%s: %s code %d\n", what, sigabbrev_np(caught), caught_code);
	}
	fflush(stdout);
}
#define look(p) look_("look " #p, p, 0)
#define poke(p) look_("poke " #p, p, 1)

/* Whether a mapping was made; errors by name. */
static char *map_(const char *what, char *p)
{
	printf("%s: %s\n", what, p == MAP_FAILED ? strerrorname_np(errno) : "mapped");
	fflush(stdout);
	return p;
}
#define map(...) map_("mmap(" #__VA_ARGS__ ")", mmap(__VA_ARGS__))
#define remap(...) map_("mremap(" #__VA_ARGS__ ")", mremap(__VA_ARGS__))

static char *fresh(long pages)
{
	char *p = mmap(NULL, pages * P, RW, PRIVATE, -1, 0);

	for (long i = 0; i < pages; i++)
		p[i * P] = 'a' + i;
	return p;
}

static int new_file(long pages)
{
	int f = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char page[P];

	for (long i = 0; i < pages; i++) {
		memset(page, 'A' + i, P);
		write(f, page, P);
	}
	return f;
}

static void in_child_(const char *what, void (*fn)(char *p), char *p)
{
	int status;

	printf("child: %s\n", what);
	fflush(stdout);
	if (!fork()) {
		fn(p);
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	printf("  status %x\n", status);
}
#define in_child(fn, p) in_child_(#fn, fn, p)

static void places(void)
{
	char *p = fresh(4), *hole;

	title("places");
	map(p, P, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
	map(p + 3 * P, 2 * P, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
	munmap(p + P, P);
	show(map(p + P, P, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0) == p + P);
	look(p + P);
	look(p + 2 * P);
	show(map(p + 2 * P, P, PROT_READ, PRIVATE | MAP_FIXED, -1, 0) == p + 2 * P);
	look(p + 2 * P);
	poke(p + 2 * P);
	look(p + 3 * P);
	map(p + 1, P, RW, PRIVATE | MAP_FIXED, -1, 0);
	map(p + 1, P, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0);
	hole = p + P;
	munmap(hole, P);
	show(map(hole, P, RW, PRIVATE, -1, 0) == hole);
	show(map(p, P, RW, PRIVATE, -1, 0) != p);
	map(NULL, 0, RW, PRIVATE, -1, 0);
	map(NULL, P, RW, MAP_ANONYMOUS, -1, 0);
	map(NULL, P, RW, MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map(NULL, 1ul << 60, RW, PRIVATE, -1, 0);
	map(NULL, -1ul, RW, PRIVATE, -1, 0);
	map((void *)(1ul << 62), P, RW, PRIVATE | MAP_FIXED, -1, 0);
	map(NULL, 1, RW, PRIVATE, -1, 0);
	map(NULL, P, PROT_NONE, PRIVATE, -1, 0);
	map(NULL, P, RW, PRIVATE | MAP_POPULATE, -1, 0);
	map(NULL, P, RW, PRIVATE | MAP_LOCKED, -1, 0);
	map(NULL, P, RW, PRIVATE | MAP_STACK | MAP_NORESERVE | MAP_NONBLOCK, -1, 0);
	show(munmap(p + 1, P));
	show(munmap(p, 0));
	show(munmap(p, 4 * P));
	show(munmap(p, 4 * P));
	look(p);
	show(munmap((void *)(1ul << 62), P));
}

static void files(void)
{
	int f = new_file(2), r, w;
	char *p;

	title("files");
	r = open("file", O_RDONLY);
	w = open("file", O_WRONLY);
	map(NULL, P, RW, MAP_PRIVATE, 99, 0);
	map(NULL, P, PROT_READ, MAP_PRIVATE, w, 0);
	map(NULL, P, RW, MAP_SHARED, r, 0);
	map(NULL, P, RW, MAP_PRIVATE, r, 0);
	map(NULL, P, PROT_READ, MAP_SHARED, f, 1);
	map(NULL, 2 * P, PROT_READ, MAP_SHARED, f, -P);
	map(NULL, P, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, f, 0);
	map(NULL, P, PROT_READ, MAP_SHARED_VALIDATE, f, 0);
	map(NULL, P, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0);
	p = map(NULL, 4 * P, RW, MAP_SHARED, f, 0);
	look(p + P);
	look(p + 2 * P);
	poke(p);
	pwrite(f, "z", 1, P);
	look(p + P);
	ftruncate(f, P);
	look(p + P);
	ftruncate(f, 3 * P);
	look(p + P);
	poke(p + 2 * P);
	p = map(NULL, P, PROT_READ, MAP_SHARED, r, 0);
	show(mprotect(p, P, RW));
	p = map(NULL, P, PROT_READ, MAP_PRIVATE, r, 0);
	show(mprotect(p, P, RW));
	poke(p);
	show(msync(p, P, MS_SYNC));
	show(msync(p, P, MS_SYNC | MS_ASYNC));
	show(msync(p, P, 8));
	show(msync(p + 1, P, MS_SYNC));
	show(msync(p, P, MS_INVALIDATE));
	munmap(p, P);
	show(msync(p, P, MS_ASYNC));
	show(msync(p, 0, MS_ASYNC));
}

static void rights(void)
{
	char *p = fresh(4);

	title("rights");
	show(mprotect(p + P, P, PROT_NONE));
	look(p + P);
	show(mprotect(p + P, P, PROT_READ));
	look(p + P);
	poke(p + P);
	show(mprotect(p + P, P, RW));
	poke(p + P);
	show(mprotect(p + 1, P, RW));
	show(mprotect(p, 0, RW));
	show(mprotect(p, P, 64));
	munmap(p + 2 * P, P);
	show(mprotect(p, 4 * P, PROT_READ));
	look(p);
	poke(p);
	look(p + 3 * P);
	poke(p + 3 * P);
}

static void adds_in_shared(char *p)
{
	p[0]++;
	p[P] = 'x';
}

static void shared(void)
{
	char *p = map(NULL, 2 * P, RW, SHARED, -1, 0), *q;

	title("shared");
	p[0] = 5;
	in_child(adds_in_shared, p);
	look(p);
	look(p + P);
	show(madvise(p, P, MADV_DONTNEED));
	look(p);
	show(madvise(p, P, MADV_FREE));
	show(madvise(p, P, MADV_REMOVE));
	look(p);
	look(p + P);
	q = remap(p + P, 0, P, MREMAP_MAYMOVE);
	if (q != MAP_FAILED) {
		look(q);
		poke(q);
		look(p + P);
	}
}

static void peeks(char *p)
{
	look(p);
	look(p + P);
	look(p + 2 * P);
}

static void advice(void)
{
	static const int all[] = { 0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 100, 102, -1 };
	char *p = fresh(4), *q;
	int f = new_file(2);

	title("advice");
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		long r;

		q = fresh(1);
		r = madvise(q, P, all[i]);
		printf("  %d: %s\n", all[i], r ? strerrorname_np(errno) : "0");
		munmap(q, P);
	}
	show(madvise(p, P, MADV_DONTNEED));
	look(p);
	look(p + P);
	show(madvise(p + 1, P, MADV_DONTNEED));
	show(madvise(p, 0, MADV_DONTNEED));
	show(madvise(p, -1ul, MADV_DONTNEED));
	show(madvise(p, 1, MADV_DONTNEED));
	munmap(p + 2 * P, P);
	show(madvise(p + P, 3 * P, MADV_DONTNEED));
	look(p + P);
	look(p + 3 * P);
	show(madvise(p + P, 3 * P, MADV_WILLNEED));
	q = mmap(NULL, 2 * P, RW, MAP_PRIVATE, f, 0);
	poke(q);
	show(madvise(q, P, MADV_DONTNEED));
	look(q);
	show(madvise(q, P, MADV_FREE));
	show(madvise(q, P, POPULATE_READ));
	show(madvise(q, P, POPULATE_WRITE));
	show(madvise(q, 2 * P, MADV_REMOVE));
	title("advice for children");
	p = fresh(3);
	show(madvise(p, P, MADV_DONTFORK));
	show(madvise(p + P, P, MADV_WIPEONFORK));
	in_child(peeks, p);
	show(madvise(p, P, MADV_DOFORK));
	show(madvise(p + P, P, MADV_KEEPONFORK));
	in_child(peeks, p);
	show(madvise(q, P, MADV_WIPEONFORK));
	p = mmap(NULL, P, RW, SHARED, -1, 0);
	show(madvise(p, P, MADV_WIPEONFORK));
	title("advice to populate");
	p = mmap(NULL, 3 * P, PROT_READ, PRIVATE, -1, 0);
	show(madvise(p, 2 * P, POPULATE_READ));
	show(madvise(p, P, POPULATE_WRITE));
	mprotect(p, P, PROT_NONE);
	show(madvise(p, P, POPULATE_READ));
	munmap(p + P, P);
	show(madvise(p + P, P, POPULATE_READ));
}

static void residents(void)
{
	char *p = mmap(NULL, 4 * P, RW, PRIVATE, -1, 0);
	unsigned char there[8] = { 0 };

	title("residents");
	p[P] = 1;
	show(mincore(p, 4 * P, there));
	printf("  %d %d %d %d\n", there[0] & 1, there[1] & 1, there[2] & 1, there[3] & 1);
	show(mincore(p + 1, P, there));
	show(mincore(p, 0, there));
	show(mincore(p, P + 1, there));
	show(mincore(p, P, NULL));
	munmap(p + 2 * P, P);
	show(mincore(p, 4 * P, there));
	show(mincore(p, 1ul << 60, there));
	show(madvise(p + P, P, MADV_DONTNEED));
	show(mincore(p + P, P, there));
	printf("  %d\n", there[0] & 1);
}

static void locks(void)
{
	char *p = mmap(NULL, 4 * P, RW, PRIVATE, -1, 0);
	unsigned char there[4];

	title("locks");
	show(mlock(p, 2 * P));
	mincore(p, 4 * P, there);
	printf("  %d %d %d\n", there[0] & 1, there[1] & 1, there[2] & 1);
	show(madvise(p, P, MADV_DONTNEED));
	show(madvise(p, P, MADV_FREE));
	show(munlock(p, P));
	show(madvise(p, P, MADV_DONTNEED));
	show(mlock(p + 1, P));
	show(mlock(p, 0));
	show(mlock2(p + 2 * P, P, MLOCK_ONFAULT));
	mincore(p, 4 * P, there);
	printf("  %d\n", there[2] & 1);
	show(mlock2(p, P, 2));
	munmap(p + 3 * P, P);
	show(mlock(p, 4 * P));
	show(munlock(p, 4 * P));
	show(mlock(p, -1ul));
	show(mlockall(0));
	show(mlockall(8));
	show(mlockall(MCL_ONFAULT));
	show(mlockall(MCL_CURRENT));
	show(munlockall());
}

static void moves(void)
{
	char *p = fresh(4), *q, *to;

	title("moves");
	show(remap(p, 4 * P, 2 * P, 0) == p);
	look(p + P);
	look(p + 2 * P);
	q = mmap(p + 2 * P, P, RW, PRIVATE | MAP_FIXED, -1, 0);
	remap(p, 2 * P, 3 * P, 0);
	q = remap(p, 2 * P, 3 * P, MREMAP_MAYMOVE);
	look(q);
	look(q + P);
	look(q + 2 * P);
	look(p);
	to = fresh(8);
	show(remap(q, 3 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, to + P) == to + P);
	look(to);
	look(to + P);
	look(to + 2 * P);
	look(to + 3 * P);
	look(q);
	look(q + 2 * P);
	remap(to, P, P, MREMAP_FIXED, to + 4 * P);
	remap(to, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, to + P);
	remap(to, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, to + 1);
	remap(to + 1, P, P, MREMAP_MAYMOVE);
	remap(to, P, 0, MREMAP_MAYMOVE);
	remap(to, P, P, 64);
	remap(to, 0, P, MREMAP_MAYMOVE);
	remap(q, P, 2 * P, MREMAP_MAYMOVE);
	remap(to, P, 1ul << 60, MREMAP_MAYMOVE);
	mprotect(to + P, P, PROT_READ);
	remap(to, 3 * P, 4 * P, MREMAP_MAYMOVE);
	show(remap(to, 8 * P, 8 * P, 0) == to);
	title("moves that leave the place");
	p = fresh(2);
	q = remap(p, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	if (q != MAP_FAILED) {
		look(q + P);
		look(p + P);
	}
	remap(p, 2 * P, P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	remap(p, 2 * P, 2 * P, MREMAP_DONTUNMAP);
}

static void limits(void)
{
	struct rlimit old, low = { 64 << 20, 64 << 20 };
	char *p;

	title("limits");
	getrlimit(RLIMIT_AS, &old);
	low.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_AS, &low);
	map(NULL, 128 << 20, RW, PRIVATE, -1, 0);
	p = map(NULL, 16 << 20, RW, PRIVATE, -1, 0);
	remap(p, 16 << 20, 128 << 20, MREMAP_MAYMOVE);
	show(sbrk(128 << 20) == (void *)-1);
	setrlimit(RLIMIT_AS, &old);
	show(sbrk(1 << 20) != (void *)-1);
}

int main(void)
{
	struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGBUS, &a, NULL);
	places();
	files();
	rights();
	shared();
	advice();
	residents();
	locks();
	moves();
	limits();
	return 0;
}
