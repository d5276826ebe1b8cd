/* SPDX-License-Identifier: MIT */
/* boot.h: the steps of main.c that are more than one call; private to kernel/. */
#pragma once
#include "lib/base.h"

void boot_board(const void *dtb);
void boot_memory(void);
void boot_random(void);
void boot_files(void);
void boot_harts(void);
