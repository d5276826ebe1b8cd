/* SPDX-License-Identifier: MIT */
/* nomain.c: a program without main(): the library says so. */
#include "weir.h"
