/* SPDX-License-Identifier: MIT */
/*
 * explore.c: runs scenarios in every order, on one thread.
 *
 * The kernel's own sources are compiled with clang's -fsanitize=thread, but linked with memory.c
 * instead of the sanitizer: each atomic operation calls it before it is done, each plain access says
 * where it goes.  Harts are fibres; before an operation on a word that several of them use (or a hart
 * and its interrupt handlers), another one may go on.  So a run is a list of decisions, and all lists
 * are tried, depth first, with at most so many deviations from a plain order: go on until you
 * stop, then the first one in a list does; all such lists are tried, too.
 *
 * Weak memory: a store, or the store of a read-modify-write, may be delayed (a deviation, too): others see it
 * only when its fibre meets a fence or a later release store, stops, or goes on after a switch.  The
 * rest is happens-before: each atomic word carries a vector clock as C11's release and acquire say, and
 * two accesses to a plain word, of which one writes, must be ordered by it.  So a missing acquire or
 * release is an error in the first order in which it matters, though this host never reorders.
 *
 * Not covered: loads that overtake loads, and more deviations than the bound.
 *
 * Between two runs .data and .bss are put back as they were; all that must survive is in *x.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <time.h>
#include "test/explore/private.h"

struct explorer *x;
extern char __data_start[], _end[];

/* --- decisions ----------------------------------------------------------------------------------- */

static u8 replayed(const struct decision *d)
{
	for (u32 i = 0; i < x->replays; i++)
		if (x->replay[i].step == d->step)
			for (u32 k = 0; k < d->count; k++)
				if (d->option[k] == x->replay[i].option)
					return k;
	return 0;
}

static u32 random_below(u32 n)
{
	x->random ^= x->random << 13;
	x->random ^= x->random >> 7;
	x->random ^= x->random << 17;
	return (x->random >> 33) % n;
}

/* Rarely anything but the default: the few that the bounds allow shall be spread over a run. */
static u8 random_option(u32 count)
{
	return random_below(16) ? 0 : random_below(count);
}

static u8 decided(struct decision *d)
{
	if (x->deviations && d->taken)
		x->deviations--;
	return d->option[d->taken];
}

/* Option 0 is what happens by default. */
u8 decide(const u8 *option, u32 count)
{
	struct decision *d = &x->decision[x->at];

	if (count == 1 || !x->deviations)
		return option[0];
	if (x->at == DECISIONS)
		explore_fail("more than %u decisions", DECISIONS);
	if (x->at++ < x->decisions) {
		if (d->step != x->steps || d->count != count || memcmp(d->option, option, count)) {
			x->grew = true;			/* other words are shared now: begin again */
			_longjmp(x->over, 1);
		}
		return decided(d);
	}
	*d = (struct decision){ .step = x->steps, .count = count };
	memcpy(d->option, option, count);
	if (x->replaying)
		d->taken = replayed(d);
	else if (x->random)
		d->taken = random_option(count);
	x->decisions = x->at;
	return decided(d);
}

/* The next list of decisions: false, all were tried. */
static bool next_run(void)
{
	while (x->decisions) {
		struct decision *d = &x->decision[x->decisions - 1];

		if (++d->taken < d->count)
			return true;
		x->decisions--;
	}
	return false;
}

/* --- runs ---------------------------------------------------------------------------------------- */

static void set_up(const struct scenario *s)
{
	memcpy(__data_start, x->data, _end - __data_start);
	x->run++;
	x->steps = x->at = x->logged = 0;
	x->current = NULL;
	x->fibres = s->harts;
	for (u32 i = 0; i < s->harts; i++) {
		fibre_init(i, &cpus[i], NULL);
		exec_init(&cpus[i], i, i);
	}
	for (u32 i = 0; i < EXPLORE_DEVICES && s->device[i]; i++)
		fibre_init(x->fibres++, NULL, s->device[i]);
	check_chaos = false;
	explore_on(0);
	s->setup();
}

/* The order in which fibres go on, if nothing deviates from it: any. */
static void choose_ranks(void)
{
	u8 left[FIBRES] = { 1, 2, 3, 4, 5 }, to;

	x->deviations = FIBRES;				/* these are free */
	for (u32 i = 0, n = x->fibres; n; i++, n--) {
		x->steps++;
		to = decide(left, n);
		x->rank[i] = to - 1;
		for (u32 k = 0, m = 0; k < n; k++)
			if (left[k] != to)
				left[m++] = left[k];
	}
	x->deviations = x->bound;
}

/* One run: false if it failed. */
static bool run_once(const struct scenario *s)
{
	set_up(s);
	if (!_setjmp(x->over)) {
		choose_ranks();
		start_fibre(&x->fibre[x->rank[0]]);
	}
	x->current = NULL;
	if (!x->failed && !x->grew && !_setjmp(x->over)) {
		explore_on(0);
		s->at_rest();
	}
	return !x->failed;
}

static void forget(void)
{
	memset(x->shared, 0, sizeof(x->shared));
	x->decisions = 0;
	x->random = 0;
	x->failed = x->grew = x->replaying = false;
	x->culprit[0] = x->culprit[1] = NULL;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static bool failed(const struct scenario *s, u32 runs)
{
	x->current = NULL;
	printf("not ok %s: in order %u: %s\n", s->name, runs, x->failure);
	for (u32 i = 0; i < 2; i++)
		if (x->culprit[i])
			printf("    at %s\n", place(x->culprit[i]));
	print_schedule(x->replaying);
	print_replay();
	fflush(stdout);
	return false;
}

/* All orders within the bound, or random ones: false if one failed.  Words found to be shared late
 * would have been places to switch earlier: then begin again. */
static bool explore_bound(const struct scenario *s, u32 *runs, double until, bool *all)
{
	u32 known = shared_count();

	x->decisions = 0;
	*all = true;
	do {
		++*runs;
		if (!run_once(s))
			return failed(s, *runs);
		if (x->grew || shared_count() != known || x->random)
			x->decisions = 0;
		known = shared_count();
		x->grew = false;
		*all = seconds() < until;
	} while (*all && (!x->decisions || next_run()));
	return true;
}

/* With one deviation, with two and so on while there is time; then at random with some more. */
static bool explore(const struct scenario *s, double limit)
{
	double begin = seconds();
	u32 runs = 0, most = s->most ? s->most : 3;
	bool all = true;

	x->s = s;
	forget();
	for (x->bound = 1; all && x->bound <= most; x->bound++)
		if (!explore_bound(s, &runs, begin + limit, &all))
			return false;
	printf("ok %s: %u orders: all with up to %u deviations", s->name, runs, x->bound - 1 - !all);
	if (!all) {
		runs = 0;
		x->bound = RANDOM_BOUND;
		x->random = x->seed;
		if (!explore_bound(s, &runs, begin + limit * 1.5, &all))
			return false;
		printf(", %u random ones with %u, seed %lu", runs, RANDOM_BOUND, x->seed);
	}
	printf("; %u shared words, %.1f s\n", shared_count(), seconds() - begin);
	fflush(stdout);
	return true;
}

static bool replay(const struct scenario *s, const char *list)
{
	u32 step, option;
	int n;

	x->s = s;
	forget();
	x->replaying = true;
	x->bound = 99;
	for (; sscanf(list, "%u:%u%n", &step, &option, &n) == 2; list += n + (list[n] == ',')) {
		x->replay[x->replays].step = step;
		x->replay[x->replays++].option = option;
	}
	return run_once(s) || failed(s, 1);
}

int main(int argc, char **argv)
{
	double limit = getenv("LIMIT") ? atof(getenv("LIMIT")) : 0.5;
	const char *seed = getenv("SEED");
	bool good = true, again = argc > 3 && !strcmp(argv[1], "--replay");

	x = mmap(NULL, sizeof(*x), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	x->seed = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL);
	x->data = malloc(_end - __data_start);
	memcpy(x->data, __data_start, _end - __data_start);
	for (u32 i = 0; scenarios[i]; i++) {
		const struct scenario *s = scenarios[i];

		if (again && !strcmp(s->name, argv[2]))
			good &= replay(s, argv[3]);
		else if (!again && (argc < 2 || strstr(s->name, argv[1])))
			good &= explore(s, limit);
	}
	return !good;
}
