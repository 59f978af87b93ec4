/* test_key_wrap.c -- wraps open with their phrase, kind and mailbox and with nothing else; damage is
 * told from a wrong phrase; a tampered cost is refused before it is paid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/key_wrap.h"
#include "crypto/secret.h"
#include "key_wrap_internal.h"
#include "test_crypto_fixture.h"

static const struct wrap_cost CHEAP = { WRAP_MEMORY_KIB_MIN, WRAP_PASSES_MIN };
static const char PHRASE[] = "correct horse battery staple";

static struct test_mailbox mailbox;
static struct buf wrap; /* of `mailbox` under PHRASE, a password */

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_mailbox_init(&mailbox, "");
	buf_init(&wrap, WRAP_SIZE_MAX);
	return key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys, bytes_of(PHRASE), &CHEAP,
		       &wrap, NULL)
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&wrap);
	test_mailbox_clear(&mailbox);
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

/* ERROR_NONE when the wrap gives exactly the keys of `mailbox`. */
static enum error_kind unwrap_as(
	enum wrap_kind kind, const struct id *id, struct bytes wrapped, const char *phrase)
{
	struct mailbox_secret_keys *opened = NULL;
	struct error error = { .kind = ERROR_NONE };
	size_t in_use = secret_bytes_in_use();

	if (!key_unwrap(kind, id, wrapped, bytes_of(phrase), &opened, &error)) {
		assert_null(opened);
		assert_int_not_equal(error.kind, ERROR_NONE);
		assert_null(strstr(error.text, PHRASE));
		assert_int_equal(secret_bytes_in_use(), in_use);
		return error.kind;
	}
	assert_memory_equal(opened, mailbox.secret_keys, sizeof *opened);
	secret_free(opened);
	assert_int_equal(secret_bytes_in_use(), in_use);
	return ERROR_NONE;
}

static enum error_kind unwrap(struct bytes wrapped, const char *phrase)
{
	return unwrap_as(WRAP_PASSWORD, &mailbox.id, wrapped, phrase);
}

/* With the checksum made to fit, as someone who tampers would. */
static void mend_checksum(const struct id *id, uint8_t *bytes)
{
	key_wrap_checksum(id, bytes, bytes + WRAP_AT_CHECKSUM);
}

static void test_phrases(void **state)
{
	static const struct {
		const char *phrase;
		enum error_kind kind;
	} rows[] = {
		{ "correct horse battery staple", ERROR_NONE },
		{ "correct horse battery stapl", ERROR_DENIED },
		{ "correct horse battery staple ", ERROR_DENIED },
		{ "Correct horse battery staple", ERROR_DENIED },
		{ "", ERROR_DENIED },
	};

	(void)state;
	assert_int_equal(wrap.size, WRAP_SIZE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(unwrap(buf_view(&wrap), rows[i].phrase), rows[i].kind);
}

static void test_default_cost(void **state)
{
	struct buf wrapped;

	(void)state;
	assert_int_equal(WRAP_COST_DEFAULT.memory_kib, 64 * 1024);
	assert_int_equal(WRAP_COST_DEFAULT.passes, 3);
	buf_init(&wrapped, WRAP_SIZE_MAX);
	assert_true(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys, bytes_of(PHRASE),
		&WRAP_COST_DEFAULT, &wrapped, NULL));
	assert_int_equal(unwrap(buf_view(&wrapped), PHRASE), ERROR_NONE);
	buf_clear(&wrapped);
}

static void test_recovery_code(void **state)
{
	char code[RECOVERY_CODE_SIZE];
	struct buf wrapped;

	(void)state;
	recovery_code_generate(code);
	buf_init(&wrapped, WRAP_SIZE_MAX);
	assert_true(key_wrap(WRAP_RECOVERY, &mailbox.id, mailbox.secret_keys, bytes_of(code),
		&CHEAP, &wrapped, NULL));
	assert_int_equal(
		unwrap_as(WRAP_RECOVERY, &mailbox.id, buf_view(&wrapped), code), ERROR_NONE);
	assert_int_equal(
		unwrap_as(WRAP_RECOVERY, &mailbox.id, buf_view(&wrapped), PHRASE), ERROR_DENIED);
	/* One kind is not taken for the other, whatever the checksum says. */
	assert_int_equal(unwrap(buf_view(&wrapped), code), ERROR_CORRUPT);
	wrapped.data[WRAP_AT_KIND] = WRAP_PASSWORD;
	mend_checksum(&mailbox.id, wrapped.data);
	assert_int_equal(unwrap(buf_view(&wrapped), code), ERROR_DENIED);
	buf_clear(&wrapped);
}

static void test_other_mailbox(void **state)
{
	struct test_mailbox other;
	uint8_t moved[WRAP_SIZE];

	(void)state;
	test_mailbox_init(&other, "");
	assert_int_equal(
		unwrap_as(WRAP_PASSWORD, &other.id, buf_view(&wrap), PHRASE), ERROR_CORRUPT);
	memcpy(moved, wrap.data, sizeof moved);
	mend_checksum(&other.id, moved);
	assert_int_equal(
		unwrap_as(WRAP_PASSWORD, &other.id, bytes_make(moved, sizeof moved), PHRASE),
		ERROR_DENIED);
	test_mailbox_clear(&other);
}

static void test_no_two_wraps_are_alike(void **state)
{
	struct buf again;

	(void)state;
	buf_init(&again, WRAP_SIZE_MAX);
	assert_true(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys, bytes_of(PHRASE),
		&CHEAP, &again, NULL));
	assert_memory_equal(wrap.data, again.data, WRAP_AT_SALT);
	assert_memory_not_equal(
		wrap.data + WRAP_AT_SALT, again.data + WRAP_AT_SALT, WRAP_SALT_SIZE);
	assert_memory_not_equal(
		wrap.data + WRAP_AT_NONCE, again.data + WRAP_AT_NONCE, WRAP_NONCE_SIZE);
	assert_memory_not_equal(
		wrap.data + WRAP_HEADER_SIZE, again.data + WRAP_HEADER_SIZE, WRAP_SECRETS_SIZE);
	buf_clear(&again);
}

static void test_every_flipped_bit_is_damage(void **state)
{
	uint8_t damaged[WRAP_SIZE];

	(void)state;
	for (size_t bit = 0; bit < 8 * WRAP_SIZE; bit++) {
		memcpy(damaged, wrap.data, sizeof damaged);
		damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			unwrap(bytes_make(damaged, sizeof damaged), PHRASE), ERROR_CORRUPT);
	}
}

static void test_every_length_is_damage(void **state)
{
	uint8_t longer[WRAP_SIZE + 1] = { 0 };

	(void)state;
	memcpy(longer, wrap.data, WRAP_SIZE);
	for (size_t size = 0; size <= sizeof longer; size++) {
		if (size != WRAP_SIZE)
			assert_int_equal(unwrap(bytes_make(longer, size), PHRASE), ERROR_CORRUPT);
	}
	assert_int_equal(unwrap((struct bytes){ NULL, 0 }, PHRASE), ERROR_CORRUPT);
}

/* Behind the checksum stands the encryption: each field is authenticated, too. */
static void test_tampering_is_noticed(void **state)
{
	static const struct {
		size_t at;
		uint8_t flip;
		enum error_kind kind;
	} rows[] = {
		{ WRAP_AT_VERSION, 1, ERROR_CORRUPT },
		{ WRAP_AT_VERSION, 3, ERROR_CORRUPT },
		{ WRAP_AT_KIND, 3, ERROR_CORRUPT },
		{ WRAP_AT_MEMORY + 3, 1, ERROR_DENIED }, /* one KiB more */
		{ WRAP_AT_PASSES + 3, 7, ERROR_DENIED }, /* four passes for three */
		{ WRAP_AT_SALT, 1, ERROR_DENIED },
		{ WRAP_AT_NONCE - 1, 128, ERROR_DENIED },
		{ WRAP_AT_NONCE, 1, ERROR_DENIED },
		{ WRAP_HEADER_SIZE - 1, 128, ERROR_DENIED },
		{ WRAP_HEADER_SIZE, 1, ERROR_DENIED },
		{ WRAP_HEADER_SIZE + 32, 1, ERROR_DENIED },
		{ WRAP_HEADER_SIZE + WRAP_SECRETS_SIZE - 1, 128, ERROR_DENIED },
		{ WRAP_HEADER_SIZE + WRAP_SECRETS_SIZE, 1, ERROR_DENIED },
		{ WRAP_AT_CHECKSUM - 1, 128, ERROR_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t tampered[WRAP_SIZE];

		memcpy(tampered, wrap.data, sizeof tampered);
		tampered[rows[i].at] ^= rows[i].flip;
		mend_checksum(&mailbox.id, tampered);
		assert_int_equal(
			unwrap(bytes_make(tampered, sizeof tampered), PHRASE), rows[i].kind);
	}
}

static void put_u32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * (3 - i));
}

/* Paying for the larger ones would take all memory, or longer than anybody waits. */
static void test_cost_out_of_bounds(void **state)
{
	static const struct wrap_cost rows[] = {
		{ 0, WRAP_PASSES_MIN },
		{ 8, WRAP_PASSES_MIN },
		{ WRAP_MEMORY_KIB_MIN - 1, WRAP_PASSES_MIN },
		{ WRAP_MEMORY_KIB_MAX + 1, WRAP_PASSES_MIN },
		{ UINT32_MAX, WRAP_PASSES_MIN },
		{ WRAP_MEMORY_KIB_MIN, 0 },
		{ WRAP_MEMORY_KIB_MIN, WRAP_PASSES_MIN - 1 },
		{ WRAP_MEMORY_KIB_MIN, WRAP_PASSES_MAX + 1 },
		{ WRAP_MEMORY_KIB_MIN, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t tampered[WRAP_SIZE];
		struct error error;
		struct buf refused;

		memcpy(tampered, wrap.data, sizeof tampered);
		put_u32(tampered + WRAP_AT_MEMORY, rows[i].memory_kib);
		put_u32(tampered + WRAP_AT_PASSES, rows[i].passes);
		mend_checksum(&mailbox.id, tampered);
		assert_int_equal(
			unwrap(bytes_make(tampered, sizeof tampered), PHRASE), ERROR_CORRUPT);

		buf_init(&refused, WRAP_SIZE_MAX);
		assert_false(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys,
			bytes_of(PHRASE), &rows[i], &refused, &error));
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_int_equal(refused.size, 0);
		buf_clear(&refused);
	}
}

static void test_refused_phrases(void **state)
{
	static const size_t sizes[] = { 0, WRAP_PHRASE_MAX + 1 };
	static char phrase[WRAP_PHRASE_MAX + 2];
	struct mailbox_secret_keys *opened;
	struct error error;
	struct buf wrapped;

	(void)state;
	memset(phrase, 'x', WRAP_PHRASE_MAX + 1);
	buf_init(&wrapped, WRAP_SIZE_MAX);
	for (size_t i = 0; i < 2; i++) {
		assert_false(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys,
			bytes_make(phrase, sizes[i]), &CHEAP, &wrapped, &error));
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_false(key_unwrap(WRAP_PASSWORD, &mailbox.id, buf_view(&wrap),
			bytes_make(phrase, sizes[i]), &opened, &error));
		assert_int_equal(error.kind, ERROR_DENIED);
	}
	phrase[WRAP_PHRASE_MAX] = '\0';
	assert_true(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys, bytes_of(phrase),
		&CHEAP, &wrapped, &error));
	assert_int_equal(unwrap(buf_view(&wrapped), phrase), ERROR_NONE);
	buf_clear(&wrapped);
}

static void test_no_room(void **state)
{
	struct mailbox_secret_keys *opened = NULL;
	struct error error;
	struct buf wrapped;

	(void)state;
	buf_init(&wrapped, WRAP_SIZE - 1);
	assert_false(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys, bytes_of(PHRASE),
		&CHEAP, &wrapped, &error));
	assert_int_equal(error.kind, ERROR_MEMORY);
	assert_int_equal(wrapped.size, 0);
	buf_clear(&wrapped);

	/* No secret memory at all, and room for one of the two that unwrapping takes. */
	buf_init(&wrapped, WRAP_SIZE_MAX);
	test_slab_exhaust(0);
	assert_false(key_wrap(WRAP_PASSWORD, &mailbox.id, mailbox.secret_keys, bytes_of(PHRASE),
		&CHEAP, &wrapped, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_int_equal(wrapped.size, 0);
	assert_int_equal(unwrap(buf_view(&wrap), PHRASE), ERROR_BUSY);
	test_slab_release();
	test_slab_exhaust(128);
	assert_false(key_unwrap(
		WRAP_PASSWORD, &mailbox.id, buf_view(&wrap), bytes_of(PHRASE), &opened, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_null(opened);
	test_slab_release();
	buf_clear(&wrapped);
}

static void test_known_answers(void **state)
{
	static const struct {
		enum wrap_kind kind;
		const char *wrap, *phrase;
	} rows[] = {
		{ WRAP_PASSWORD, "password-wrap", "password" },
		{ WRAP_RECOVERY, "recovery-wrap", "recovery-code" },
	};
	struct test_mailbox known;

	(void)state;
	test_mailbox_init_known(&known, "first");
	for (size_t i = 0; i < 2; i++) {
		struct mailbox_secret_keys *opened;
		struct buf wrapped, phrase;
		struct error error;

		test_known_answer(rows[i].wrap, &wrapped);
		test_known_answer(rows[i].phrase, &phrase);
		assert_true(key_unwrap(rows[i].kind, &known.id, buf_view(&wrapped),
			buf_view(&phrase), &opened, &error));
		assert_memory_equal(opened, known.secret_keys, sizeof *opened);
		secret_free(opened);
		buf_clear(&wrapped);
		buf_clear(&phrase);
	}
	test_mailbox_clear(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phrases),
		cmocka_unit_test(test_default_cost),
		cmocka_unit_test(test_recovery_code),
		cmocka_unit_test(test_other_mailbox),
		cmocka_unit_test(test_no_two_wraps_are_alike),
		cmocka_unit_test(test_every_flipped_bit_is_damage),
		cmocka_unit_test(test_every_length_is_damage),
		cmocka_unit_test(test_tampering_is_noticed),
		cmocka_unit_test(test_cost_out_of_bounds),
		cmocka_unit_test(test_refused_phrases),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_known_answers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
