/* test_sasl.c -- the mechanisms alone: which messages log in, what base64 is, that nothing stays. The frame
 * around them is in tests/wire/pop3_server/auth_*.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "proto/sasl.h"

enum { NAME_CAPACITY = 8, ROUNDS = 17 * 17 * 17 * 17 };

struct exchange {
	struct sasl sasl;
	uint8_t name[NAME_CAPACITY];
	uint8_t *text; /* of exactly its size, so that a sanitizer sees who looks behind it */
};

static void begin(struct exchange *exchange, const char *mechanism)
{
	const struct sasl_mechanism *found = sasl_find(bytes_of(mechanism));

	assert_non_null(found);
	*exchange = (struct exchange){ 0 };
	sasl_begin(&exchange->sasl, found, exchange->name, sizeof exchange->name);
}

static enum sasl_outcome respond(struct exchange *exchange, struct bytes text)
{
	free(exchange->text);
	exchange->text = malloc(text.size ? text.size : 1);
	assert_non_null(exchange->text);
	if (text.size)
		memcpy(exchange->text, text.data, text.size);
	return sasl_respond(&exchange->sasl, exchange->text, text.size);
}

static void end(struct exchange *exchange)
{
	sasl_end(&exchange->sasl);
	assert_null(exchange->sasl.mechanism);
	for (size_t i = 0; i < sizeof exchange->name; i++)
		assert_int_equal(exchange->name[i], 0);
	free(exchange->text);
}

static void encode(struct bytes message, struct buf *text)
{
	buf_init(text, 1024);
	assert_true(base64_encode(message, text));
}

static enum sasl_outcome respond_message(
	struct exchange *exchange, const char *message, size_t size)
{
	enum sasl_outcome outcome;
	struct buf text;

	encode(bytes_make(message, size), &text);
	outcome = respond(exchange, buf_view(&text));
	buf_clear(&text);
	return outcome;
}

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(sasl_mechanism_count(), 2);
	assert_string_equal(sasl_mechanism_name(0), "PLAIN");
	assert_string_equal(sasl_mechanism_name(1), "LOGIN");
	for (size_t i = 0; i < sasl_mechanism_count(); i++)
		assert_non_null(sasl_find(bytes_of(sasl_mechanism_name(i))));
	assert_ptr_equal(sasl_find(bytes_of("pLaIn")), sasl_find(bytes_of("PLAIN")));
	assert_null(sasl_find(bytes_of("")));
	assert_null(sasl_find(bytes_of("PLAI")));
	assert_null(sasl_find(bytes_of("PLAINS")));
}

/* RFC 4616 2. */
static void test_plain(void **state)
{
	static const struct {
		const char *message;
		size_t size;
		enum sasl_outcome outcome;
		const char *user;
		const char *password;
	} rows[] = {
		{ "\0tim\0tanstaaf", 13, SASL_COMPLETE, "tim", "tanstaaf" },
		{ "tim\0tim\0tanstaaf", 16, SASL_COMPLETE, "tim", "tanstaaf" },
		{ "\0tim\0 two  words ", 17, SASL_COMPLETE, "tim", " two  words " },
		{ "\0m\xc3\xbc\0\xc3\x9f", 7, SASL_COMPLETE, "m\xc3\xbc", "\xc3\x9f" },
		{ "\0eightoct\0x", 11, SASL_COMPLETE, "eightoct", "x" },
		{ "\0nineoctet\0x", 12, SASL_MALFORMED, NULL, NULL },
		{ "Tim\0tim\0tanstaaf", 16, SASL_REFUSED, NULL, NULL },
		{ "ti\0tim\0tanstaaf", 15, SASL_REFUSED, NULL, NULL },
		{ "root\0tim\0tanstaaf", 17, SASL_REFUSED, NULL, NULL },
		{ "tim\0tanstaaf", 12, SASL_MALFORMED, NULL, NULL },
		{ "\0tim\0", 5, SASL_MALFORMED, NULL, NULL },
		{ "\0\0tanstaaf", 10, SASL_MALFORMED, NULL, NULL },
		{ "tim\0\0tanstaaf", 13, SASL_MALFORMED, NULL, NULL },
		{ "\0tim\0tan\0staaf", 14, SASL_MALFORMED, NULL, NULL },
		{ "\0tim\0tanstaaf\0", 14, SASL_MALFORMED, NULL, NULL },
		{ "tim", 3, SASL_MALFORMED, NULL, NULL },
		{ "\0\0", 2, SASL_MALFORMED, NULL, NULL },
		{ "", 0, SASL_MALFORMED, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct exchange exchange;

		begin(&exchange, "PLAIN");
		assert_string_equal(sasl_challenge(&exchange.sasl), "");
		assert_int_equal(
			respond_message(&exchange, rows[i].message, rows[i].size), rows[i].outcome);
		if (rows[i].user) {
			assert_true(bytes_equal_text(exchange.sasl.user, rows[i].user));
			assert_true(bytes_equal_text(exchange.sasl.password, rows[i].password));
		}
		end(&exchange);
	}
}

static void test_login(void **state)
{
	struct exchange exchange;

	(void)state;
	begin(&exchange, "LOGIN");
	assert_string_equal(sasl_challenge(&exchange.sasl), "VXNlcm5hbWU6");
	assert_int_equal(respond_message(&exchange, "tim", 3), SASL_CONTINUES);
	assert_string_equal(sasl_challenge(&exchange.sasl), "UGFzc3dvcmQ6");
	assert_int_equal(respond_message(&exchange, "tanstaaf", 8), SASL_COMPLETE);
	/* The name outlives the line that it came in. */
	assert_true(bytes_equal_text(exchange.sasl.user, "tim"));
	assert_true(bytes_equal_text(exchange.sasl.password, "tanstaaf"));
	end(&exchange);

	begin(&exchange, "LOGIN");
	assert_int_equal(respond_message(&exchange, "nineoctet", 9), SASL_MALFORMED);
	end(&exchange);
	begin(&exchange, "LOGIN");
	assert_int_equal(respond_message(&exchange, "a\0b", 3), SASL_MALFORMED);
	end(&exchange);
	begin(&exchange, "LOGIN");
	assert_int_equal(respond_message(&exchange, "tim", 3), SASL_CONTINUES);
	assert_int_equal(respond_message(&exchange, "", 0), SASL_MALFORMED);
	end(&exchange);
}

static bool is_base64(const char *text)
{
	struct exchange exchange;
	bool is;

	begin(&exchange, "LOGIN");
	is = respond(&exchange, bytes_of(text)) == SASL_CONTINUES;
	end(&exchange);
	return is;
}

/* Each text of four digits at the end decides for itself: exactly those that an encoder makes are taken. */
static void test_base64_has_one_form(void **state)
{
	static const char digits[] = "ABQgw/+59z=-_ \r\n.";
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		char text[5] = { digits[i % 17], digits[i / 17 % 17], digits[i / 289 % 17],
			digits[i / 4913 % 17], '\0' };
		struct exchange exchange;
		struct buf again;

		begin(&exchange, "LOGIN");
		if (respond(&exchange, bytes_of(text)) == SASL_CONTINUES) {
			encode(exchange.sasl.user, &again);
			assert_true(bytes_equal_text(buf_view(&again), text));
			buf_clear(&again);
			taken++;
		}
		end(&exchange);
	}
	assert_in_range(taken, 1000, ROUNDS / 2);
	/* Every value of the last digit in front of padding. */
	assert_true(is_base64("YQ==") && is_base64("YWI=") && is_base64("YWJj"));
	assert_false(is_base64("YR==") || is_base64("YS==") || is_base64("YX==") ||
		     is_base64("YWJ=") || is_base64("YWK="));
	assert_false(is_base64("YQ") || is_base64("YQ=") || is_base64("Y===") ||
		     is_base64("====") || is_base64("YQ==YQ==") || is_base64("YQ==\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_base64_has_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
