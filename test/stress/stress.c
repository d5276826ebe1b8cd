/* SPDX-License-Identifier: MIT */
/* stress.c: `stress NAME [N]`, or the names alone; silent and 0 if all counts are exact. */
#include "stress.h"

static const struct trouble *const lists[] = { tasks_troubles, memory_troubles, file_troubles };
enum { LISTS = sizeof(lists) / sizeof(*lists) };

void crowd(long n, void *(*fn)(void *number))
{
	pthread_t *threads = calloc(n, sizeof(*threads));
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32 << 10);
	for (long i = 0; i < n; i++)
		exactly(pthread_create(&threads[i], &small, fn, (void *)i), 0);
	for (long i = 0; i < n; i++)
		exactly(pthread_join(threads[i], NULL), 0);
	free(threads);
}

static void list_all(void)
{
	for (int l = 0; l < LISTS; l++)
		for (const struct trouble *t = lists[l]; t->name; t++)
			printf("%-12s %8ld %s\n", t->name, t->n, t->what);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		list_all();
		return 0;
	}
	for (int l = 0; l < LISTS; l++)
		for (const struct trouble *t = lists[l]; t->name; t++)
			if (!strcmp(t->name, argv[1])) {
				t->run(argc > 2 ? atol(argv[2]) : t->n);
				return 0;
			}
	printf("no trouble called %s\n", argv[1]);
	return 2;
}
