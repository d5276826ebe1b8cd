/* SPDX-License-Identifier: MIT */
/* board.h: what board.c found for the other files of this room; private to dev/. */
#pragma once
#include "dev/driver.h"

enum { DEVICES_MAX = 64 };
extern struct device devices[DEVICES_MAX];
extern u32 device_count;
