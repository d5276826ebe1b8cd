/* SPDX-License-Identifier: MIT */
/* print_fuzz.c: any format without * and n, with numbers for arguments: stays in its buffer, and
 * counts right; any bytes as a JSON string. */
// links: lib/print.c lib/text.c
#include <stdlib.h>
#include <string.h>
#include "lib/print.h"
#include "lib/text.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void try_format(const char *format)
{
	char small[16], large[4096];
	int a, b;

	if (strchr(format, '*') || strchr(format, 's'))
		return;
	a = snprint(small, sizeof(small), format, 1ul, ~0ul, 3ul, 4ul, 5ul, 6ul);
	b = snprint(large, sizeof(large), format, 1ul, ~0ul, 3ul, 4ul, 5ul, 6ul);
	if (a != b || strlen(small) > sizeof(small) - 1)
		abort();
	if (memchr(format, 0, 1) == NULL && b < (int)sizeof(large) &&
		memcmp(small, large, strlen(small)))
		abort();
}

/* No control characters, and quotes only where they belong. */
static void try_json(const u8 *data, size_t n)
{
	char out[8192];
	struct text t;

	text_init(&t, out, sizeof(out));
	text_json(&t, (const char *)data, n);
	if (t.overflow)
		return;
	for (size_t i = 0; i < t.len; i++) {
		if ((u8)out[i] < 0x20 ||
			(out[i] == '"' && i && i + 1 < t.len && out[i - 1] != '\\'))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	char format[65];
	u32 conversions = 0;

	memcpy(format, data, n = n > 64 ? 64 : n);
	format[n] = '\0';
	for (size_t i = 0; i < n; i++)
		conversions += format[i] == '%';
	if (conversions <= 6)
		try_format(format);
	try_json(data, n);
	return 0;
}
