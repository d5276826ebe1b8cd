/* SPDX-License-Identifier: MIT */
/*
 * weir.h: the small library of our guest programs.  Statically linked, no libc: what a program
 * does is what is in its source.  Calls return the kernel's negative errno.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <asm/unistd.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/stat.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <linux/wait.h>
#include "machine.h"

enum { PAGE = 4096 };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int main(int argc, char **argv, char **envp);	/* the library's own one only complains */
extern char **environ;

/* --- system calls: call(number, up to six arguments of any kind) ------------------------------- */

#define CALL_PICK(_1, _2, _3, _4, _5, _6, _7, name, ...) name
#define call(...) CALL_PICK(__VA_ARGS__, CALL7, CALL6, CALL5, CALL4, CALL3, CALL2, CALL1)(__VA_ARGS__)
#define CALL1(n)			call6(n, 0, 0, 0, 0, 0, 0)
#define CALL2(n, a)			call6(n, (long)(a), 0, 0, 0, 0, 0)
#define CALL3(n, a, b)			call6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL4(n, a, b, c)		call6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL5(n, a, b, c, d)		call6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL6(n, a, b, c, d, e)		call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL7(n, a, b, c, d, e, f)	call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline void __attribute__((noreturn)) exit(int status)
{
	for (;;)
		call(__NR_exit_group, status);
}
static inline long read(int fd, void *buf, size_t n) { return call(__NR_read, fd, buf, n); }
static inline long write(int fd, const void *buf, size_t n) { return call(__NR_write, fd, buf, n); }
static inline long open(const char *path, int flags, int mode)
{
	return call(__NR_openat, AT_FDCWD, path, flags, mode);
}
static inline long close(int fd) { return call(__NR_close, fd); }
static inline long unlink(const char *path) { return call(__NR_unlinkat, AT_FDCWD, path, 0); }
static inline long pipe(int *fds) { return call(__NR_pipe2, fds, 0); }
static inline long getpid(void) { return call(__NR_getpid); }
static inline long fork(void) { return call(__NR_clone, SIGCHLD, 0, 0, 0, 0); }
static inline long wait(long pid, int *status) { return call(__NR_wait4, pid, status, 0, 0); }
static inline long kill(long pid, int signo) { return call(__NR_kill, pid, signo); }
static inline long execve(const char *path, char **argv, char **envp)
{
	return call(__NR_execve, path, argv, envp);
}
static inline long munmap(void *at, size_t n) { return call(__NR_munmap, at, n); }
static inline long mprotect(void *at, size_t n, int prot) { return call(__NR_mprotect, at, n, prot); }
void *map(size_t n, int prot);			/* fresh zeros, or dies */
long on_signal(int signo, void (*handler)(int, siginfo_t *, void *), unsigned long flags);
void sleep_ms(unsigned long ms);

/* Threads share everything; a tid is cleared and its waiters woken when the thread ends. */
long thread_clone(unsigned long flags, void *stack, void (*fn)(void *), void *arg, int *parent_tid,
		  int *child_tid);
long thread_start(void (*fn)(void *), void *arg, volatile int *tid);
void thread_join(volatile int *tid);

/* --- text ------------------------------------------------------------------------------------------- */

size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
long number(const char *s);			/* decimal; anything else is 0 */
const char *variable(const char *name);		/* of the environment; NULL: not set */

/* %d %u %x %s %c %p %%, with l for longs and a width; one write() each. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* to standard error */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);	/* and exit(1) */
#define check(x) do { if (!(x)) die("%s:%d: not so: %s\n", __FILE__, __LINE__, #x); } while (0)

/* --- memory: over brk, never given back; free() serves the next malloc() of that size class ------- */

void *malloc(size_t n);
void free(void *p);
