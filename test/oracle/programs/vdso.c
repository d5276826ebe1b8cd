/* SPDX-License-Identifier: MIT */
/* vdso.c: clocks without a trap agree with those by system call; unwinding passes signal handlers. */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>
#include "check.h"

/* --- the image ------------------------------------------------------------------------------------ */

static const char *const names[] = { "rt_sigreturn", "clock_gettime", "gettimeofday", "clock_getres", "getcpu",
				     "flush_icache" };

struct image { const char *base; const ElfW(Sym) *sym; const char *str; const ElfW(Word) *hash; };

static void read_image(struct image *im, const char *base)
{
	const ElfW(Ehdr) *e = (const void *)base;
	const ElfW(Phdr) *ph = (const void *)(base + e->e_phoff);

	im->base = base;
	for (int i = 0; i < e->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			for (const ElfW(Dyn) *d = (const void *)(base + ph[i].p_vaddr); d->d_tag; d++) {
				const void *at = base + d->d_un.d_ptr;

				if (d->d_tag == DT_SYMTAB)
					im->sym = at;
				else if (d->d_tag == DT_STRTAB)
					im->str = at;
				else if (d->d_tag == DT_HASH)
					im->hash = at;
			}
}

static const void *find(const struct image *im, const char *name)
{
	char full[40];

	snprintf(full, sizeof(full), "__vdso_%s", name);
	for (unsigned i = 0; im->hash && i < im->hash[1]; i++)
		if (!strcmp(im->str + im->sym[i].st_name, full))
			return im->base + im->sym[i].st_value;
	return NULL;
}

/* --- clocks --------------------------------------------------------------------------------------- */

static long long ns(const struct timespec *t) { return t->tv_sec * 1000000000ll + t->tv_nsec; }

/* By the libc (vDSO), by trap, by libc: never backwards. */
static int in_order(int id)
{
	struct timespec a, b, c;

	for (int i = 0; i < 200; i++) {
		if (clock_gettime(id, &a) || syscall(SYS_clock_gettime, id, &b) || clock_gettime(id, &c))
			return 0;
		if (ns(&a) > ns(&b) || ns(&b) > ns(&c) || a.tv_nsec >= 1000000000)
			return 0;
	}
	return 1;
}

static void clocks(void)
{
	static const int ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI,
				   CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct timespec res;
	struct timeval tv;
	struct timespec ts;

	for (unsigned i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		printf("clock %d in order %d\n", ids[i], in_order(ids[i]));
	printf("bad clock %d\n", clock_gettime(99, &ts) ? errno : 0);
	printf("res %d", clock_getres(CLOCK_MONOTONIC, &res));
	printf(" %ld\n", res.tv_nsec);
	printf("res of nothing %d\n", clock_getres(CLOCK_REALTIME, NULL));
	gettimeofday(&tv, NULL);
	clock_gettime(CLOCK_REALTIME, &ts);
	printf("of day %d\n", ns(&ts) / 1000 - (tv.tv_sec * 1000000ll + tv.tv_usec) < 1000000);
	printf("time %d\n", ts.tv_sec - time(NULL) <= 1);
}

/* --- setting the clock ------------------------------------------------------------------------------ */

static void setting(void)
{
	struct timespec was, now, mono, later;

	clock_gettime(CLOCK_REALTIME, &was);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	now = (struct timespec){ 2000000000, 500 };
	printf("set %d\n", clock_settime(CLOCK_REALTIME, &now));
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_MONOTONIC, &later);
	printf("real %ld monotonic %d\n", (long)now.tv_sec / 100, ns(&later) - ns(&mono) < 2000000000);
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	printf("coarse %ld\n", (long)now.tv_sec / 100);
	clock_settime(CLOCK_REALTIME, &was);
	clock_gettime(CLOCK_REALTIME, &now);
	printf("back %d\n", ns(&now) - ns(&was) < 2000000000);
}

/* --- unwinding ---------------------------------------------------------------------------------------- */

struct walk { void *want[3]; int seen, frames; };
static struct walk walk;

static _Unwind_Reason_Code visit(struct _Unwind_Context *c, void *arg)
{
	void *fn = _Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(c));

	walk.frames++;
	for (int i = 0; i < 3; i++)
		if (fn == walk.want[i])
			walk.seen |= 1 << i;
	return _URC_NO_REASON;
}

static void __attribute__((noinline)) handler(int sig)
{
	_Unwind_Backtrace(visit, NULL);
	__asm__ volatile("" ::: "memory");
}

static void __attribute__((noinline)) interrupted(void)
{
	raise(SIGUSR1);
	__asm__ volatile("" ::: "memory");
}

static void __attribute__((noinline)) outer(void)
{
	interrupted();
	__asm__ volatile("" ::: "memory");
}

static void unwinding(void)
{
	struct sigaction sa = { .sa_handler = handler };

	walk.want[0] = handler;
	walk.want[1] = interrupted;
	walk.want[2] = outer;
	sigaction(SIGUSR1, &sa, NULL);
	outer();
	printf("unwound handler %d interrupted %d outer %d\n", walk.seen & 1, walk.seen >> 1 & 1, walk.seen >> 2 & 1);
}

/* Across the frame of the handler, from a fault. */
static volatile int *nowhere;
static void *landing;

static _Unwind_Reason_Code stop_at(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
				   struct _Unwind_Exception *e, struct _Unwind_Context *c, void *arg)
{
	if (_Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(c)) == landing)
		siglongjmp(*(sigjmp_buf *)arg, 1);
	return _URC_NO_REASON;
}

static sigjmp_buf jump;
static struct _Unwind_Exception exception;

static void on_fault(int sig)
{
	_Unwind_ForcedUnwind(&exception, stop_at, &jump);
	printf("the stack ended too early\n");
	exit(1);
}

static void __attribute__((noinline)) faults(void)
{
	*nowhere = 1;
}

static void __attribute__((noinline)) middle(void)
{
	faults();
	__asm__ volatile("" ::: "memory");
}

static void __attribute__((noinline)) forced(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	landing = forced;
	sigaction(SIGSEGV, &sa, NULL);
	if (!sigsetjmp(jump, 1))
		middle();
	else
		printf("forced unwinding arrived\n");
}

int main(void)
{
	struct image im = { 0 };
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);

	printf("image %d\n", base && !memcmp(base, ELFMAG, 4));
	if (base)
		read_image(&im, base);
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		printf("%s %d\n", names[i], !!find(&im, names[i]));
	clocks();
	setting();
	unwinding();
	forced();
	return 0;
}
