/* SPDX-License-Identifier: MIT */
/* bsd/sys/cdefs.h: the one word that <bsd/sys/tree.h> wants. */
#pragma once

#define __unused __attribute__((unused))
