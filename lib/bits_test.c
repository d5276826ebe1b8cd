/* SPDX-License-Identifier: MIT */
/* bits_test.c: our bit helpers, under other names, against the compiler's; hashes and numbers. */
// links:
#include "lib/test.h"
#include <stdio.h>
#include "lib/hash.h"
#include "lib/number.h"

#define __ctzdi2 our_ctzdi2
#define __ctzsi2 our_ctzsi2
#define __clzdi2 our_clzdi2
#define __clzsi2 our_clzsi2
#define __ffsdi2 our_ffsdi2
#define __ffssi2 our_ffssi2
#define __popcountdi2 our_popcountdi2
#define __popcountsi2 our_popcountsi2
#define __paritydi2 our_paritydi2
#define __bswapdi2 our_bswapdi2
#define __bswapsi2 our_bswapsi2
#include "lib/bits.c"

static void check_one(u64 v)
{
	assert_int_equal(our_ffsdi2(v), __builtin_ffsll(v));
	assert_int_equal(our_ffssi2(v), __builtin_ffs(v));
	assert_int_equal(our_popcountdi2(v), __builtin_popcountll(v));
	assert_int_equal(our_popcountsi2(v), __builtin_popcount(v));
	assert_int_equal(our_paritydi2(v), __builtin_parityll(v));
	assert_int_equal(our_bswapdi2(v), __builtin_bswap64(v));
	assert_int_equal(our_bswapsi2(v), __builtin_bswap32(v));
	if (v) {
		assert_int_equal(our_ctzdi2(v), __builtin_ctzll(v));
		assert_int_equal(our_clzdi2(v), __builtin_clzll(v));
	}
	if ((u32)v) {
		assert_int_equal(our_ctzsi2(v), __builtin_ctz(v));
		assert_int_equal(our_clzsi2(v), __builtin_clz(v));
	}
}

static void all_bits(void **state)
{
	check_one(0);
	for (u32 i = 0; i < 64; i++)
		for (u32 k = 0; k < 64; k++) {
			check_one(1ul << i | 1ul << k);
			check_one((1ul << i) - (1ul << k));
			check_one((u64)pick(~0u) << i ^ (u64)pick(~0u) << k);
		}
}

static void numbers(void **state)
{
	u64 v = 77;

	assert_int_equal(number_parse("0", 0, 9, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(number_parse("18446744073709551615", 10, UINT64_MAX, &v), 0);
	assert_int_equal(v, UINT64_MAX);
	assert_int_equal(number_parse("18446744073709551616", 10, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(number_parse("0xfF", 0, 300, &v), 0);
	assert_int_equal(v, 255);
	assert_int_equal(number_parse("ff", 16, 300, &v), 0);
	assert_int_equal(number_parse("10", 10, 9, &v), -ERANGE);
	assert_int_equal(v, 255);
	assert_int_equal(number_parse_n("12345", 2, 10, 99, &v), 0);
	assert_int_equal(v, 12);
	const char *bad[] = { "", " 1", "1 ", "-1", "+1", "0x", "f", "1f", "0x1", "1_0" };
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_parse(bad[i], 10, UINT64_MAX, &v), -EINVAL);
}

static void hashes_spread(void **state)
{
	u32 seen[64] = { 0 };
	char name[16];

	for (u32 i = 0; i < 6400; i++) {
		snprintf(name, sizeof(name), "file%u", i);
		seen[hash_string(name) % 64]++;
		assert_int_equal(hash_string(name), hash_bytes(name, strlen(name)));
	}
	for (u32 i = 0; i < 64; i++)
		assert_in_range(seen[i], 40, 180);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bits),
		cmocka_unit_test(numbers),
		cmocka_unit_test(hashes_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
