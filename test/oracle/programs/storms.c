/* SPDX-License-Identifier: MIT */
/*
 * storms.c: signals against every kind of sleep.  Each sleeping call is hit SHOTS times by a handler with and
 * without SA_RESTART, then given what it waits for; how often it returned EINTR is exact, for the next
 * signal is sent only when the one before has been handled and the caller sleeps again.
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include "check.h"

enum { SHOTS = 5, PAUSE_MS = 3 };

static int token[2];			/* from the handler to who shoots */
static volatile int handled;

static void handler(int sig)
{
	int saved = errno;

	handled++;
	if (write(token[1], "x", 1) != 1)
		_exit(99);
	errno = saved;
}

static void catch(int restart)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0 };

	sigaction(SIGUSR1, &sa, NULL);
	handled = 0;
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* --- what sleeps, and what ends it ---------------------------------------------------------------- */

static int in[2], full[2], lock_fd, lock_other, epfd;
static int *word;			/* shared by both processes */
static char name[32];

struct sleep { const char *name; long (*call)(void); void (*finish)(void); int ends; };

static long long left_ns;
static struct timespec in_a_second;

static long call_nanosleep(void)
{
	struct timespec t = { left_ns / 1000000000, left_ns % 1000000000 }, rest = t;
	long r = nanosleep(&t, &rest);

	left_ns = r ? rest.tv_sec * 1000000000ll + rest.tv_nsec : 0;
	return r;
}

static long call_abs(void)
{
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &in_a_second, NULL);
}

static long call_poll(void) { return poll(&(struct pollfd){ in[0], POLLIN, 0 }, 1, 60000); }
static long call_poll_forever(void) { return poll(&(struct pollfd){ in[0], POLLIN, 0 }, 1, -1); }

static long call_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(in[0], &set);
	return select(in[0] + 1, &set, NULL, NULL, NULL);
}

static long call_epoll(void)
{
	struct epoll_event e;

	return epoll_wait(epfd, &e, 1, -1);
}

static long call_read(void)
{
	char c;

	return read(in[0], &c, 1);
}

static long call_write(void)
{
	static char data[4096];

	return write(full[1], data, sizeof(data));
}

static long call_futex(void) { return syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0); }

static long call_futex_timeout(void)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, 0, &(struct timespec){ 60, 0 }, NULL, 0);
}

static int child;
static long call_wait(void)
{
	long r = waitpid(child, NULL, 0);

	return r < 0 ? r : r == child;
}

static long call_waitid(void)
{
	siginfo_t si;

	return waitid(P_PID, child, &si, WEXITED);
}

static long call_sigtimedwait(void)
{
	struct timespec t = { 60, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &t);
}

static long call_sigsuspend(void)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigsuspend(&set);
}

static long call_pause(void) { return syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0); }
static long call_flock(void) { return flock(lock_fd, LOCK_EX); }

static long call_setlkw(void)
{
	struct flock l = { .l_type = F_WRLCK };

	return fcntl(lock_fd, F_SETLKW, &l);
}

static long call_fifo(void)
{
	int fd = open(name, O_RDONLY);

	return fd < 0 ? fd : close(fd);
}

/* --- the other side, in the process that shoots ---------------------------------------------------- */

static void finish_nothing(void) { }

static void finish_write(void)
{
	if (write(in[1], "y", 1) != 1)
		_exit(98);
}

static void finish_drain(void)
{
	static char data[1 << 16];

	if (read(full[0], data, sizeof(data)) <= 0)
		_exit(98);
}

static void finish_futex(void)
{
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void finish_usr2(void) { kill(getppid(), SIGUSR2); }
static void finish_exit(void) { _exit(0); }
static void finish_unlock(void) { flock(lock_other, LOCK_UN); }

static void finish_posix_unlock(void)
{
	struct flock l = { .l_type = F_UNLCK };

	fcntl(lock_other, F_SETLK, &l);
}

static void finish_fifo(void) { close(open(name, O_WRONLY)); }

static const struct sleep sleeps[] = {
	{ "nanosleep", call_nanosleep, finish_nothing, 1 },
	{ "clock_nanosleep absolute", call_abs, finish_nothing, 1 },
	{ "poll with timeout", call_poll, finish_write, 1 },
	{ "poll", call_poll_forever, finish_write, 1 },
	{ "select", call_select, finish_write, 1 },
	{ "epoll_wait", call_epoll, finish_write, 1 },
	{ "read of a pipe", call_read, finish_write, 1 },
	{ "write of a full pipe", call_write, finish_drain, 1 },
	{ "futex", call_futex, finish_futex, 1 },
	{ "futex with timeout", call_futex_timeout, finish_futex, 1 },
	{ "waitpid", call_wait, finish_exit, 1 },
	{ "waitid", call_waitid, finish_exit, 1 },
	{ "sigtimedwait", call_sigtimedwait, finish_usr2, 1 },
	{ "sigsuspend", call_sigsuspend, finish_nothing, 0 },
	{ "ppoll of nothing", call_pause, finish_nothing, 0 },
	{ "flock", call_flock, finish_unlock, 1 },
	{ "F_SETLKW", call_setlkw, finish_posix_unlock, 1 },
	{ "open of a FIFO", call_fifo, finish_fifo, 1 },
};

/* What both sides need; locks are taken by who shoots. */
static void prepare(void)
{
	static char data[4096];

	if (pipe(token) || pipe(in) || pipe(full))
		exit(97);
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], data, sizeof(data)) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	epfd = epoll_create1(0);
	epoll_ctl(epfd, EPOLL_CTL_ADD, in[0], &(struct epoll_event){ .events = EPOLLIN });
	lock_fd = open("lock", O_RDWR | O_CREAT, 0600);
	lock_other = open("lock", O_RDWR);
	snprintf(name, sizeof(name), "fifo");
	unlink(name);
	mkfifo(name, 0600);
	*word = 0;
	left_ns = 400000000;
	clock_gettime(CLOCK_MONOTONIC, &in_a_second);
	in_a_second.tv_sec++;
}

static void clean_up(void)
{
	int fds[] = { token[0], token[1], in[0], in[1], full[0], full[1], epfd, lock_fd, lock_other };

	for (unsigned i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close(fds[i]);
}

/* /proc says that the parent sleeps, and still does a moment later. */
static void wait_asleep(void)
{
	char path[32], text[256], *state;
	int fd, seen = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", getppid());
	while (seen < 2) {
		nap(PAUSE_MS);
		fd = open(path, O_RDONLY);
		text[read(fd, text, sizeof(text) - 1)] = 0;
		close(fd);
		state = strrchr(text, ')');
		seen = state && state[2] == 'S' ? seen + 1 : 0;
	}
}

/* Unlocks and FIFOs need the file to be opened there: flock belongs to the open file. */
static void shoot(const struct sleep *s)
{
	char c;

	close(lock_other);
	lock_other = open("lock", O_RDWR);
	if (s->call == call_flock)
		flock(lock_other, LOCK_EX);
	if (s->call == call_setlkw)
		fcntl(lock_other, F_SETLK, &(struct flock){ .l_type = F_WRLCK });
	if (write(token[1], "r", 1) != 1)
		_exit(96);
	for (int i = 0; i < SHOTS; i++) {
		wait_asleep();
		kill(getppid(), SIGUSR1);
		if (read(token[0], &c, 1) != 1)
			_exit(95);
	}
	wait_asleep();
	s->finish();
	_exit(0);
}

static void storm(const struct sleep *s, int restart)
{
	int interrupted = 0, error = 0;
	long long began = now();
	long r = 0;
	char c;

	prepare();
	catch(restart);
	fflush(stdout);
	child = fork();
	if (!child)
		shoot(s);
	if (read(token[0], &c, 1) != 1)
		exit(94);
	do {
		r = s->call();
		error = r < 0 ? errno : 0;
		interrupted += error == EINTR;
	} while (error == EINTR && (s->ends || interrupted < SHOTS));
	printf("%s%s: interrupted %d handled %d result %ld %s\n", s->name, restart ? ", restart" : "", interrupted,
	       handled, r, error ? strerrorname_np(error) : "");
	if (s->call == call_nanosleep)
		printf("slept to the end %d\n", now() - began >= 400000000 && now() - began < 4000000000ll);
	if (s->call != call_wait)
		waitpid(child, NULL, 0);
	clean_up();
}

/* --- killed while asleep ------------------------------------------------------------------------------ */

static void killed(const struct sleep *s)
{
	int pid, status;

	prepare();
	flock(lock_other, LOCK_EX);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(lock_other);
		lock_fd = open("lock", O_RDWR);
		if (!(child = fork())) {
			nap(300);
			_exit(0);
		}
		s->call();
		pause();
	}
	nap(30);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("%s: killed by %d\n", s->name, WTERMSIG(status));
	clean_up();
}

/* --- many at once --------------------------------------------------------------------------------------- */

enum { SLEEPERS = 6, SENDERS = 2, EACH = 300 };
static volatile int stop;
static _Atomic int got[SLEEPERS], spurious;
static _Thread_local int me;
static pthread_t sleeper[SLEEPERS];

static void count(int sig) { got[me]++; }

static void *sleeps_long(void *arg)
{
	struct timespec t = { 0, 2000000 };
	int fds[2];

	me = (long)arg;
	if (pipe(fds))
		exit(93);
	while (!stop) {
		long r = me % 3 == 0 ? nanosleep(&t, NULL) :
			 me % 3 == 1 ? ppoll(&(struct pollfd){ fds[0], POLLIN, 0 }, 1, &t, NULL) :
			 syscall(SYS_futex, word, FUTEX_WAIT, 0, &t, NULL, 0);

		if (r > 0 || (r < 0 && errno != EINTR && errno != ETIMEDOUT))
			spurious++;
	}
	return NULL;
}

/* Real-time signals queue: each is handled once, unless the queue was full. */
static void *sends(void *arg)
{
	for (int i = 0; i < EACH; i++) {
		while (pthread_sigqueue(sleeper[i % SLEEPERS], SIGRTMIN + 3, (union sigval){ 0 }) == EAGAIN)
			nap(1);
		if (i % 10 == 0)
			nap(1);
	}
	return NULL;
}

static void crowd(void)
{
	struct sigaction sa = { .sa_handler = count };
	pthread_t sender[SENDERS];
	int sum = 0;

	title("many at once");
	*word = 0;
	sigaction(SIGRTMIN + 3, &sa, NULL);
	for (long i = 0; i < SLEEPERS; i++)
		pthread_create(&sleeper[i], NULL, sleeps_long, (void *)i);
	for (int i = 0; i < SENDERS; i++)
		pthread_create(&sender[i], NULL, sends, NULL);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(sender[i], NULL);
	nap(50);
	stop = 1;
	for (int i = 0; i < SLEEPERS; i++)
		pthread_join(sleeper[i], NULL);
	for (int i = 0; i < SLEEPERS; i++)
		sum += got[i];
	printf("sent %d handled %d spurious %d\n", SENDERS * EACH, sum, spurious);
}

int main(void)
{
	int fd = open("word", O_RDWR | O_CREAT, 0600);

	if (ftruncate(fd, 4096))
		return 1;
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	signal(SIGUSR2, SIG_DFL);
	sigprocmask(SIG_BLOCK, &(sigset_t){ { 1ul << (SIGUSR2 - 1) } }, NULL);
	for (unsigned i = 0; i < sizeof(sleeps) / sizeof(*sleeps); i++) {
		storm(&sleeps[i], 0);
		storm(&sleeps[i], 1);
	}
	title("killed");
	for (unsigned i = 0; i < sizeof(sleeps) / sizeof(*sleeps); i++)
		killed(&sleeps[i]);
	crowd();
	return 0;
}
