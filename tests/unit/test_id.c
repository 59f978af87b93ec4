/* test_id.c -- ids as text and back; the address form folds case, as mail systems do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"

#define DIGITS "00112233445566778899aabbccddeeff"

static const struct id sample = { { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
	0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff } };

static void test_text(void **state)
{
	char text[ID_TEXT_SIZE], mailbox[MAILBOX_ID_TEXT_SIZE];

	(void)state;
	id_text(&sample, text);
	assert_string_equal(text, DIGITS);
	mailbox_id_text(&sample, mailbox);
	assert_string_equal(mailbox, "mbx-" DIGITS);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		bool is_id, is_mailbox_id;
	} rows[] = {
		{ DIGITS, true, false },
		{ "mbx-" DIGITS, false, true },
		{ "MBX-00112233445566778899AABBCCDDEEFF", false, true },
		{ "mbx_" DIGITS, false, false },
		{ "mbx-" DIGITS "0", false, false },
		{ "mbx-0011223344556677889g", false, false },
		{ "mbx-", false, false },
		{ "", false, false },
		{ DIGITS " ", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct id id = { { 0 } };

		assert_int_equal(id_parse(bytes_of(rows[i].text), &id), rows[i].is_id);
		assert_int_equal(id_is_equal(&id, &sample), rows[i].is_id);
		id = (struct id){ { 0 } };
		assert_int_equal(
			mailbox_id_parse(bytes_of(rows[i].text), &id), rows[i].is_mailbox_id);
		assert_int_equal(id_is_equal(&id, &sample), rows[i].is_mailbox_id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
