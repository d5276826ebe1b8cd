/* SPDX-License-Identifier: MIT */
/* numa.c: memory policies where there is one node. */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include "check.h"

static unsigned long one[2] = { 1, 0 }, two[2] = { 2, 0 }, none[2];

static void show_policy(void)
{
	int mode = 99;
	unsigned long mask[2] = { 7, 7 };

	show(syscall(SYS_get_mempolicy, &mode, mask, 128, NULL, 0));
	printf("mode %x mask %lx %lx\n", mode, mask[0], mask[1]);
	fflush(stdout);
}

int main(void)
{
	char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *pages[4] = { p, p + 4096, p + 5, (void *)4096 };
	int nodes[4] = { 0, 0, 0, 0 }, status[4] = { 9, 9, 9, 9 }, mode;

	show_policy();
	for (int m = 0; m < 9; m++) {
		printf("%d\n", m);
		show(syscall(SYS_set_mempolicy, m, one, 64));
		show(syscall(SYS_set_mempolicy, m, NULL, 0));
		show(syscall(SYS_set_mempolicy, m, none, 64));
		show_policy();
	}
	show(syscall(SYS_set_mempolicy, MPOL_BIND, one, 64));
	show_policy();
	show(syscall(SYS_set_mempolicy, MPOL_BIND, (void *)8, 64));
	show(syscall(SYS_set_mempolicy, MPOL_BIND, one, 100000));
	show(syscall(SYS_set_mempolicy, MPOL_BIND | 3 << 14, one, 64));
	show(syscall(SYS_set_mempolicy, MPOL_BIND | 1 << 15, one, 64));
	show_policy();
	if (!fork()) {
		show_policy();
		_exit(0);
	}
	wait(NULL);
	show(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, MPOL_F_NODE));
	show(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, 0));
	show(syscall(SYS_get_mempolicy, &mode, NULL, 0, p, MPOL_F_NODE | MPOL_F_ADDR));
	printf("%d\n", mode);
	show(syscall(SYS_get_mempolicy, &mode, NULL, 0, 4096, MPOL_F_NODE | MPOL_F_ADDR));
	show(syscall(SYS_get_mempolicy, &mode, none, 64, NULL, MPOL_F_MEMS_ALLOWED));
	printf("%lx\n", none[0]);
	none[0] = 0;
	show(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE));
	show(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 8));
	show(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
	show(syscall(SYS_mbind, p, 8192, MPOL_BIND, one, 64, 0));
	show(syscall(SYS_mbind, p + 1, 8192, MPOL_BIND, one, 64, 0));
	show(syscall(SYS_mbind, p, 0, MPOL_BIND, one, 64, 0));
	show(syscall(SYS_mbind, p, 8192, MPOL_BIND, none, 64, 0));
	show(syscall(SYS_mbind, p, 8192, 77, one, 64, 0));
	show(syscall(SYS_mbind, p, 8192, MPOL_BIND, one, 64, 64));
	show(syscall(SYS_mbind, 4096, 8192, MPOL_BIND, one, 64, 0));
	*p = 1;
	show(syscall(SYS_move_pages, 0, 4, pages, NULL, status, 0));
	printf("%d %d %d %d\n", status[0], status[1], status[2], status[3]);
	show(syscall(SYS_move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE));
	printf("%d\n", status[0]);
	show(syscall(SYS_move_pages, 0, 1, pages, nodes, status, 64));
	show(syscall(SYS_move_pages, 999999, 1, pages, nodes, status, 0));
	show(syscall(SYS_move_pages, 0, 1, 8, nodes, status, 0));
	show(syscall(SYS_migrate_pages, 0, 64, one, one));
	show(syscall(SYS_migrate_pages, 0, 64, one, none));
	show(syscall(SYS_migrate_pages, 999999, 64, one, one));
	return 0;
}
