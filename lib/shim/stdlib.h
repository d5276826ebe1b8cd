/* SPDX-License-Identifier: MIT */
/* stdlib.h: what third-party sources expect; the functions live in lib/. */
#pragma once
#include <stddef.h>

unsigned long strtoul(const char *restrict s, char **restrict end, int base);
