/* test_phrase.c -- generated passwords and recovery codes: their shape, that every symbol is equally
 * likely, and that what a person mistypes is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/key_wrap.h"
#include "crypto/secret.h"

static const char PASSWORD_ALPHABET[] = "23456789abcdefghjkmnpqrstuvwxyz";
static const char CODE_ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { CODE_LENGTH = 28 + 6 };

/* Sixteen octets 0 to 15, worked out from the format page by other means. */
static const char CODE[] = "000G-40R4-0M30-E209-185G-R38E-1WHQ";

static int set_up(void **state)
{
	(void)state;
	return secret_start(65536, NULL) ? 0 : -1;
}

static bool is_grouped(const char *text, size_t length, const char *alphabet)
{
	if (strlen(text) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (i % 5 == 4 ? text[i] != '-' : !strchr(alphabet, text[i]))
			return false;
	}
	return true;
}

static void test_passwords(void **state)
{
	enum { ROUNDS = 20000, SYMBOLS = 31 };
	static unsigned counts[SYMBOLS];
	char last[GENERATED_PASSWORD_SIZE] = "";

	(void)state;
	assert_int_equal(strlen(PASSWORD_ALPHABET), SYMBOLS);
	for (size_t round = 0; round < ROUNDS; round++) {
		char text[GENERATED_PASSWORD_SIZE];

		password_generate(text);
		assert_true(is_grouped(text, 39, PASSWORD_ALPHABET));
		assert_string_not_equal(text, last);
		memcpy(last, text, sizeof last);
		for (const char *c = text; *c; c++) {
			if (*c != '-')
				counts[strchr(PASSWORD_ALPHABET, *c) - PASSWORD_ALPHABET]++;
		}
	}
	/* 640,000 symbols, so 20,645 of each, give or take 141: the bounds are six times that. A
	 * random octet modulo 31 would show, with 22,500 of the first eight. */
	for (size_t i = 0; i < SYMBOLS; i++)
		assert_in_range(counts[i], 19800, 21490);
}

static void test_recovery_codes(void **state)
{
	enum { ROUNDS = 20000 };
	static unsigned counts[26][32];
	char last[RECOVERY_CODE_SIZE] = "";

	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		char text[RECOVERY_CODE_SIZE], normal[RECOVERY_CODE_SIZE];

		recovery_code_generate(text);
		assert_true(is_grouped(text, CODE_LENGTH, CODE_ALPHABET));
		assert_string_not_equal(text, last);
		memcpy(last, text, sizeof last);
		assert_true(recovery_code_normalise(bytes_of(text), normal, NULL));
		assert_string_equal(normal, text);
		for (size_t i = 0; i < 26; i++)
			counts[i][strchr(CODE_ALPHABET, text[i + i / 4]) - CODE_ALPHABET]++;
	}
	/* 625 of each, give or take 25; the last symbol has three random bits: 2,500, 47. */
	for (size_t i = 0; i < 25; i++) {
		for (size_t symbol = 0; symbol < 32; symbol++)
			assert_in_range(counts[i][symbol], 450, 800);
	}
	for (size_t symbol = 0; symbol < 32; symbol++) {
		if (symbol % 4)
			assert_int_equal(counts[25][symbol], 0);
		else
			assert_in_range(counts[25][symbol], 2200, 2800);
	}
}

static void test_what_people_type(void **state)
{
	static const char *const rows[] = {
		"000G-40R4-0M30-E209-185G-R38E-1WHQ",
		"000g-40r4-0m30-e209-185g-r38e-1whq",
		"000G40R40M30E209185GR38E1WHQ",
		"000G 40R4 0M30 E209 185G R38E 1WHQ",
		"  000G-40R4-0M30-E209 - 185G-R38E-1WHQ\r\n",
		"OOOG-4OR4-OM3O-E2O9-I85G-R38E-LWHQ",
		"oo0g-4or4-om3o-e2o9-l85g-r38e-iwhq",
		"0-0-0-G-4-0-R-4-0-M-3-0-E-2-0-9-1-8-5-G-R-3-8-E-1-W-H-Q--",
		"000G-40R4-0M30\n-E209-185G-\tR38E-1WHQ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[RECOVERY_CODE_SIZE];

		assert_true(recovery_code_normalise(bytes_of(rows[i]), text, NULL));
		assert_string_equal(text, CODE);
	}
}

static void expect_refused(struct bytes typed)
{
	char text[RECOVERY_CODE_SIZE] = "unchanged";
	struct error error = { .kind = ERROR_NONE };

	assert_false(recovery_code_normalise(typed, text, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_string_equal(text, "");
	/* What was typed is nearly the secret. */
	assert_null(strstr(error.text, "40R4"));
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"-",
		"000G-40R4-0M30-E209-185G-R38E-1WH",
		"000G-40R4-0M30-E209-185G-R38E-1WHQ0",
		"000G-40R4-0M30-E209-185G-R38E",
		"000U-40R4-0M30-E209-185G-R38E-1WHQ",
		"000G-40R4-0M30-E209-185G-R38E-1WH?",
		"000G-40R4-0M30-E209-185G-R38E-1WH\xc3\xa4",
		/* Check symbols that fit, but bits set that no code has. */
		"000G-40R4-0M30-E209-185G-R38E-1XJN",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		expect_refused(bytes_of(rows[i]));
	expect_refused(bytes_make("000G-40R4-0M30-E209-185G-R38E-1WH\0", 34));
	expect_refused((struct bytes){ NULL, 0 });
}

/* One or two wrong symbols anywhere, thus two exchanged ones too. */
static void test_typing_errors_are_found(void **state)
{
	char typed[sizeof CODE], text[RECOVERY_CODE_SIZE];
	unsigned tried = 0;

	(void)state;
	memcpy(typed, CODE, sizeof typed);
	for (size_t i = 0; i < CODE_LENGTH; i++) {
		for (size_t a = 0; CODE[i] != '-' && a < 32; a++) {
			typed[i] = CODE_ALPHABET[a];
			for (size_t j = i + 1; j < CODE_LENGTH; j++) {
				for (size_t b = 0; CODE[j] != '-' && b < 32; b++) {
					typed[j] = CODE_ALPHABET[b];
					if (strcmp(typed, CODE) == 0)
						continue;
					tried++;
					if (recovery_code_normalise(bytes_of(typed), text, NULL))
						fail_msg("taken: %s", typed);
				}
				typed[j] = CODE[j];
			}
		}
		typed[i] = CODE[i];
	}
	assert_int_equal(tried, 28 * 27 / 2 * (32 * 32 - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_recovery_codes),
		cmocka_unit_test(test_what_people_type),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_typing_errors_are_found),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
