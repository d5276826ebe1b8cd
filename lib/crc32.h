/* SPDX-License-Identifier: MIT */
/* crc32.h: the CRC of Ethernet, gzip and GPT, reflected. */
#pragma once
#include "lib/base.h"

u32 crc32(u32 crc, const void *data, size_t n);		/* @crc: 0, or of what came before */
