/* SPDX-License-Identifier: MIT */
/* boot.h: the steps of main.c that are more than one call; private to kernel/. */
#pragma once
#include "lib/base.h"

void boot_board(const void *dtb);
void boot_memory(void);
void boot_random(void);
void boot_files(void);
void boot_harts(void);

#ifdef CHECKED
bool selftest_start(void);		/* selftest.c: true if the command line asks for one */
#else
static inline bool selftest_start(void) { return false; }
#endif
