/* test_password_strength.c -- which passwords are taken, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/key_wrap.h"
#include "crypto/secret.h"
#include "service/password_strength.h"

static const char id[] = "mbx-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
static const char address[] = "mbx-0f1e2d3c4b5a69788796a5b4c3d2e1f0@archiv.kanzlei-ortmann.example";

enum { SLAB_BYTES = 64 * 1024 };

static int set_up(void **state)
{
	(void)state;
	return secret_start(SLAB_BYTES, NULL) ? 0 : -1;
}

static const struct {
	const char *password;
	const char *words; /* NULL: it is taken */
} rows[] = {
	/* form */
	{ "", "12 to 128 bytes" },
	{ "7hK9mQ2vX4p", "12 to 128 bytes" },
	{ "7hK9mQ2vX4pL", NULL },
	{ "grape lunar\tvivid oxide", "control characters" },
	{ "grape lunar vivid oxide\x7f", "control characters" },
	{ "grape lunar vivid oxide\n", "control characters" },
	/* what a guesser tries first */
	{ "passwordpassword", "easy to guess" },
	{ "P@ssw0rd2024!", "easy to guess" },
	{ "drowssapdrowssap", "easy to guess" },
	{ "qwertyuiop123", "easy to guess" },
	{ "abcdefghijklmnop", "easy to guess" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "easy to guess" },
	{ "Summer2024!!", "easy to guess" },
	{ "12.03.1985 12.03.1985", "easy to guess" },
	{ "aB3$aB3$aB3$aB3$", "easy to guess" },
	/* what is known of the mailbox */
	{ "ZentralArchivOrtmann1", "easy to guess" },
	{ "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "easy to guess" },
	{ "mbx-0f1e2d3c4b5a69788796a5b4c3d2e1f0", "easy to guess" },
	{ "archiv.kanzlei-ortmann.example", "easy to guess" },
	{ "Lettergate-2026", "easy to guess" },
	{ "egadrettel123", "easy to guess" },
	/* good ones */
	{ "correct horse battery staple", NULL },
	{ "unplug-sedative-crayon-moist-bucket", NULL },
	{ "Vogel Teppich Lampe Gurke Regen", NULL },
	{ "\xc3\xb6ltanks\xc3\xbc\xc3\x9fholzkn\xc3\xb6"
	  "del",
		NULL },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { .kind = ERROR_NONE, .text = "" };
		bool ok = password_strength_check(
			bytes_of(rows[i].password), "Zentralarchiv Ortmann", address, &error);

		if (ok != (rows[i].words == NULL))
			fail_msg("row %zu: %s", i, error.text);
		if (rows[i].words &&
			(error.kind != ERROR_INVALID || !strstr(error.text, rows[i].words)))
			fail_msg("row %zu: %s", i, error.text);
		if (strstr(error.text, "easy") && !strstr(error.text, "five words"))
			fail_msg("row %zu does not say what to do: %s", i, error.text);
		/* An error's text may be logged. */
		if (rows[i].password[0])
			assert_null(strstr(error.text, rows[i].password));
		assert_int_equal(secret_bytes_in_use(), 0);
	}
}

/* The same password is good for a mailbox of another name. */
static void test_known_words_count(void **state)
{
	struct bytes password = bytes_of("Zentralarchiv Ortmann");

	(void)state;
	assert_true(password_strength_check(password, "Journal", id, NULL));
	assert_false(password_strength_check(password, "Zentralarchiv Ortmann", id, NULL));
	assert_false(password_strength_check(
		bytes_of("zentralarchiv,ortmann"), "Ortmann (Zentralarchiv)", id, NULL));
	assert_false(password_strength_check(
		password, "Journal", "mbx@zentralarchiv.ortmann.example", NULL));
	assert_true(password_strength_check(password, "", "", NULL));
}

/* Lengths at the bounds, with texts of the greatest lengths beside them. */
static void test_bounds(void **state)
{
	char password[PASSWORD_LONGEST + 2], name[201], long_address[400];

	(void)state;
	for (size_t i = 0; i < sizeof password; i++)
		password[i] = (char)('!' + i * 37 % 94);
	for (size_t i = 0; i < sizeof name - 1; i++)
		name[i] = i % 4 == 3 ? ' ' : (char)('a' + i % 23);
	name[sizeof name - 1] = '\0';
	memset(long_address, 'x', sizeof long_address - 1);
	long_address[sizeof long_address - 1] = '\0';
	assert_true(password_strength_check(
		bytes_make(password, PASSWORD_LONGEST), name, long_address, NULL));
	assert_false(password_strength_check(
		bytes_make(password, PASSWORD_LONGEST + 1), name, long_address, NULL));
	assert_true(password_strength_check(
		bytes_make(password, PASSWORD_SHORTEST), name, long_address, NULL));
	assert_false(password_strength_check(
		bytes_make(password, PASSWORD_SHORTEST - 1), name, long_address, NULL));
}

static void test_no_secret_memory(void **state)
{
	void *all = secret_new(SLAB_BYTES);
	struct error error;

	(void)state;
	assert_non_null(all);
	assert_false(password_strength_check(bytes_of("7hK9mQ2vX4pL"), "", "", &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	secret_free(all);
}

/* What the gateway makes is never weak: else a person could not type it again. */
static void test_generated_ones_pass(void **state)
{
	char password[GENERATED_PASSWORD_SIZE], code[RECOVERY_CODE_SIZE];

	(void)state;
	for (int i = 0; i < 50; i++) {
		password_generate(password);
		assert_true(password_strength_check(bytes_of(password), "Journal", id, NULL));
		recovery_code_generate(code);
		assert_true(password_strength_check(bytes_of(code), "Journal", id, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_known_words_count),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_secret_memory),
		cmocka_unit_test(test_generated_ones_pass),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
