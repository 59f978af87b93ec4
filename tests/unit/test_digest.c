/* test_digest.c -- BLAKE2b-256 against RFC 7693 and published vectors, in pieces, at any address, and with
 * domains that keep digests apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/digest.h"

struct shifted {
	uint8_t shift;
	struct digest digest;
};
_Static_assert(offsetof(struct shifted, digest) == 1, "nothing is aligned in it");

static void expect(const uint8_t hash[DIGEST_SIZE], const char *hex)
{
	char text[2 * DIGEST_SIZE + 1];

	hex_encode(bytes_make(hash, DIGEST_SIZE), text);
	assert_string_equal(text, hex);
}

/* RFC 7693 appendix E. */
static void fill(uint8_t *data, size_t size, uint32_t seed)
{
	uint32_t a = 0xDEAD4BADu * seed, b = 1;

	for (size_t i = 0; i < size; i++) {
		uint32_t sum = a + b;

		a = b;
		b = sum;
		data[i] = (uint8_t)(sum >> 24);
	}
}

/* RFC 7693 appendix E: a BLAKE2b-256 over hashes of all kinds, which libsodium makes here. */
static void test_rfc7693(void **state)
{
	static const size_t hash_sizes[] = { 20, 32, 48, 64 };
	static const size_t sizes[] = { 0, 3, 128, 129, 255, 1024 };
	uint8_t data[1024], key[64], hash[64];
	struct digest digest;

	(void)state;
	digest_init(&digest, NULL);
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 6; j++) {
			size_t size = hash_sizes[i];

			fill(data, sizes[j], (uint32_t)sizes[j]);
			fill(key, size, (uint32_t)size);
			crypto_generichash_blake2b(hash, size, data, sizes[j], NULL, 0);
			digest_update(&digest, bytes_make(hash, size));
			crypto_generichash_blake2b(hash, size, data, sizes[j], key, size);
			digest_update(&digest, bytes_make(hash, size));
		}
	}
	digest_final(&digest, hash);
	expect(hash, "c23a7800d98123bd10f506c61e29da5603d763b8bbad2e737f5e765a7bccd475");
}

static const struct row {
	const char *domain, *text, *hex;
} rows[] = {
	{ NULL, "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
	{ NULL, "abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319" },
	/* Made by another implementation, Python's hashlib with person=. */
	{ "x", "abc", "0b7b9d7b695c7d645059bd7203dc468415dadaf6bca453f27ddaf14d3a6bb78e" },
	{ "0123456789abcdef", "abc",
		"139dad3b92ad7c4601ae1ba6c616ca59699c6b1e8e789d095e1bec905871f612" },
};

static void test_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t hash[DIGEST_SIZE];
		struct digest digest;

		digest_init(&digest, rows[i].domain);
		digest_update(&digest, bytes_of(rows[i].text));
		digest_final(&digest, hash);
		expect(hash, rows[i].hex);
	}
}

/* Whole, in pieces of every size around a block, and with pieces of nothing between. */
static void test_pieces(void **state)
{
	static const char hex[] =
		"e8b70721aaa9b9498aafedf4c54ee6adc10c2afd3bc56bcb0b5764e6e95524ac";
	char data[1000];

	(void)state;
	memset(data, 'a', sizeof data);
	for (size_t piece = 1; piece <= sizeof data; piece = piece < 300 ? piece + 1 : piece * 2) {
		struct bytes rest = bytes_make(data, sizeof data);
		uint8_t hash[DIGEST_SIZE];
		struct digest digest;

		digest_init(&digest, "x");
		for (; rest.size; rest = bytes_skip(rest, piece)) {
			digest_update(&digest, (struct bytes){ NULL, 0 });
			digest_update(&digest, bytes_head(rest, piece));
		}
		digest_final(&digest, hash);
		expect(hash, hex);
	}
}

/* libsodium's own state would have to be aligned, and stay where it is. */
static void test_lies_anywhere(void **state)
{
	static const uint8_t zeros[sizeof(struct digest)];
	struct shifted held[2];
	struct digest *first = &held[0].digest, copy;
	uint8_t hash[DIGEST_SIZE];

	(void)state;
	digest_init(first, NULL);
	digest_update(first, bytes_of("a"));
	held[1].digest = *first;
	copy = *first;
	digest_update(first, bytes_of("bc"));
	digest_final(first, hash);
	expect(hash, rows[1].hex);
	digest_update(&held[1].digest, bytes_of("b"));
	digest_update(&held[1].digest, bytes_of("c"));
	digest_final(&held[1].digest, hash);
	expect(hash, rows[1].hex);
	digest_update(&copy, bytes_of("bc"));
	digest_final(&copy, hash);
	expect(hash, rows[1].hex);
	/* Nothing of what was hashed is left. */
	assert_memory_equal(&copy, zeros, sizeof copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7693),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_lies_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
