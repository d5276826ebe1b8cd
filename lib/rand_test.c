/* SPDX-License-Identifier: MIT */
/* rand_test.c: the block function against RFC 8439, and what a generator must be. */
// links:
#include "lib/test.h"
#include "lib/rand.c"

/* RFC 8439, appendix A.1, test vectors 1 and 2: key and nonce zero, counters 0 and 1. */
static void block_is_chacha20(void **state)
{
	static const u8 first[16] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
				      0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28 };
	static const u8 second[16] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a,
				       0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08, 0x0d };
	u32 key[8] = { 0 }, out[16];

	chacha_block(key, 0, out);
	assert_memory_equal(out, first, 16);
	chacha_block(key, 1, out);
	assert_memory_equal(out, second, 16);
}

static void same_seed_same_numbers(void **state)
{
	struct rand a, b;
	u8 x[300], y[300];

	rand_seed(&a, "seed", 4);
	rand_seed(&b, "seed", 4);
	rand_bytes(&a, x, sizeof(x));
	rand_bytes(&b, y, sizeof(y));
	assert_memory_equal(x, y, sizeof(x));
	rand_seed(&b, "seed\0", 5);
	rand_bytes(&b, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
	rand_mix(&a, "", 0);
	rand_mix(&a, "x", 1);
	rand_bytes(&a, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
}

/* Any length, and about half of all bits are set. */
static void lengths_and_balance(void **state)
{
	struct rand r;
	u8 b[1000];
	u64 ones = 0, bits = 0;

	rand_seed(&r, "balance", 7);
	for (u32 n = 0; n < 900; n++) {
		memset(b, 0xee, sizeof(b));
		rand_bytes(&r, b, n);
		assert_int_equal(b[n], 0xee);
		for (u32 i = 0; i < n; i++)
			ones += __builtin_popcount(b[i]);
		bits += n * 8;
	}
	assert_in_range(ones * 1000 / bits, 498, 502);
}

static void below(void **state)
{
	struct rand r;
	u32 seen[7] = { 0 };

	rand_seed(&r, "below", 5);
	for (u32 i = 0; i < 7000; i++)
		seen[rand_below(&r, 7)]++;
	for (u32 i = 0; i < 7; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_int_equal(rand_below(&r, 1), 0);
	assert_true(rand_u64(&r) != rand_u64(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_is_chacha20),
		cmocka_unit_test(same_seed_same_numbers),
		cmocka_unit_test(lengths_and_balance),
		cmocka_unit_test(below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
