/* test_sha256.c -- SHA-256 against the examples of FIPS 180-4 (csrc.nist.gov, "Cryptographic Standards and
 * Guidelines: Examples with Intermediate Values"), in pieces, at any address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/sha256.h"

struct shifted {
	uint8_t shift;
	struct sha256 sha256;
};
_Static_assert(offsetof(struct shifted, sha256) == 1, "nothing is aligned in it");

static void expect(const uint8_t hash[SHA256_SIZE], const char *hex)
{
	char text[2 * SHA256_SIZE + 1];

	hex_encode(bytes_make(hash, SHA256_SIZE), text);
	assert_string_equal(text, hex);
}

static const struct row {
	const char *text, *hex;
} rows[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
	  "klmnopqrlmnopqrsmnopqrstnopqrstu",
		"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

static void test_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t piece = 1; piece < 130; piece++) {
			struct bytes rest = bytes_of(rows[i].text);
			uint8_t hash[SHA256_SIZE];
			struct sha256 sha256;

			sha256_init(&sha256);
			for (; rest.size; rest = bytes_skip(rest, piece)) {
				sha256_update(&sha256, (struct bytes){ NULL, 0 });
				sha256_update(&sha256, bytes_head(rest, piece));
			}
			sha256_final(&sha256, hash);
			expect(hash, rows[i].hex);
		}
	}
}

/* A million times "a". */
static void test_long(void **state)
{
	uint8_t piece[1000], hash[SHA256_SIZE];
	struct sha256 sha256;

	(void)state;
	memset(piece, 'a', sizeof piece);
	sha256_init(&sha256);
	for (int i = 0; i < 1000; i++)
		sha256_update(&sha256, bytes_make(piece, sizeof piece));
	sha256_final(&sha256, hash);
	expect(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_lies_anywhere_and_is_wiped(void **state)
{
	static const uint8_t zeros[sizeof(struct sha256)];
	struct shifted held;
	uint8_t hash[SHA256_SIZE];
	struct sha256 copy;

	(void)state;
	sha256_init(&held.sha256);
	sha256_update(&held.sha256, bytes_of("a"));
	copy = held.sha256;
	sha256_update(&held.sha256, bytes_of("bc"));
	sha256_final(&held.sha256, hash);
	expect(hash, rows[1].hex);
	assert_memory_equal(&held.sha256, zeros, sizeof zeros);
	/* What was begun before the copy goes on in it; given up, nothing of it is left. */
	held.sha256 = copy;
	sha256_update(&copy, bytes_of("bc"));
	sha256_final(&copy, hash);
	expect(hash, rows[1].hex);
	sha256_clear(&held.sha256);
	assert_memory_equal(&held.sha256, zeros, sizeof zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_lies_anywhere_and_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
