/* test_sasl_client.c -- what is written is what the server side of this project, and the examples of the RFCs, read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "proto/sasl.h"
#include "proto/sasl_client.h"

static const struct sasl_credentials passwords = { { (const uint8_t *)"tim", 3 },
	{ (const uint8_t *)"tanstaaftanstaaf", 16 }, { NULL, 0 } };
static const struct sasl_credentials tokens = { { (const uint8_t *)"someuser@example.com", 20 },
	{ NULL, 0 }, { (const uint8_t *)"ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg", 45 } };

static void test_offered(void **state)
{
	(void)state;
	assert_int_equal(sasl_client_offered(bytes_of("")), 0);
	assert_int_equal(sasl_client_offered(bytes_of("CRAM-MD5 login  XOAUTH2 PLAIN-CLIENTTOKEN")),
		1 << SASL_CLIENT_LOGIN | 1 << SASL_CLIENT_XOAUTH2);
	assert_int_equal(sasl_client_offered(bytes_of("PLAIN OAUTHBEARER")),
		1 << SASL_CLIENT_PLAIN | 1 << SASL_CLIENT_OAUTHBEARER);
}

static void test_choice(void **state)
{
	(void)state;
	assert_int_equal(sasl_client_choose(0xf, &passwords), SASL_CLIENT_PLAIN);
	assert_int_equal(sasl_client_choose(0xf, &tokens), SASL_CLIENT_XOAUTH2);
	assert_int_equal(sasl_client_choose(1 << SASL_CLIENT_LOGIN, &passwords), SASL_CLIENT_LOGIN);
	assert_int_equal(sasl_client_choose(1 << SASL_CLIENT_LOGIN, &tokens), SASL_CLIENT_NONE);
	assert_int_equal(
		sasl_client_choose(1 << SASL_CLIENT_OAUTHBEARER, &tokens), SASL_CLIENT_OAUTHBEARER);
	assert_int_equal(
		sasl_client_choose(1 << SASL_CLIENT_XOAUTH2, &passwords), SASL_CLIENT_NONE);
	assert_string_equal(sasl_client_name(SASL_CLIENT_OAUTHBEARER), "OAUTHBEARER");
}

struct response {
	uint8_t *data; /* of exactly `capacity` bytes; freed by the caller */
	size_t size;
};

static struct response respond(enum sasl_client_mechanism mechanism, size_t step,
	const struct sasl_credentials *credentials, size_t capacity)
{
	struct response response = { .data = malloc(capacity ? capacity : 1) };

	assert_non_null(response.data);
	response.size = sasl_client_respond(mechanism, step, credentials, response.data, capacity);
	return response;
}

static void expect(enum sasl_client_mechanism mechanism, size_t step,
	const struct sasl_credentials *credentials, const char *base64)
{
	size_t size = strlen(base64);
	struct response response = respond(mechanism, step, credentials, size);

	assert_true(bytes_equal_text(bytes_make(response.data, response.size), base64));
	free(response.data);
	response = respond(mechanism, step, credentials, size - 1);
	assert_int_equal(response.size, 0);
	free(response.data);
}

static void test_examples(void **state)
{
	(void)state;
	/* RFC 4616 4 */
	expect(SASL_CLIENT_PLAIN, 0, &passwords, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
	expect(SASL_CLIENT_LOGIN, 0, &passwords, "dGlt");
	expect(SASL_CLIENT_LOGIN, 1, &passwords, "dGFuc3RhYWZ0YW5zdGFhZg==");
	/* The example of Google's description of XOAUTH2, whose token ends in base64 of its own. */
	expect(SASL_CLIENT_XOAUTH2, 0, &tokens,
		"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNS"
		"bGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
	expect(SASL_CLIENT_OAUTHBEARER, 0, &tokens,
		"bixhPXNvbWV1c2VyQGV4YW1wbGUuY29tLAFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNS"
		"bGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
}

static void test_no_such_step(void **state)
{
	static const size_t steps[SASL_CLIENT_MECHANISMS] = { 1, 2, 1, 1 };

	(void)state;
	for (size_t i = 0; i < SASL_CLIENT_MECHANISMS; i++) {
		struct response response =
			respond((enum sasl_client_mechanism)i, steps[i], &passwords, 100);

		assert_int_equal(response.size, 0);
		free(response.data);
	}
}

/* What would end a part of the message, and so become another login. */
static void test_not_writable(void **state)
{
	static const struct {
		enum sasl_client_mechanism mechanism;
		const char *user, *password, *token;
	} wrong[] = {
		{ SASL_CLIENT_XOAUTH2, "a\001auth=Bearer x\001\001", "", "t" },
		{ SASL_CLIENT_XOAUTH2, "a", "", "t\001host=other" },
		{ SASL_CLIENT_OAUTHBEARER, "a,b", "", "t" },
		{ SASL_CLIENT_OAUTHBEARER, "a=2Cb", "", "t" },
		{ SASL_CLIENT_PLAIN, "a\001", "p", "" },
	};
	const struct sasl_credentials with_nul = { bytes_make("a\0b", 3), bytes_of("p"),
		{ NULL, 0 } };
	struct response response = respond(SASL_CLIENT_PLAIN, 0, &with_nul, 100);

	(void)state;
	assert_int_equal(response.size, 0);
	free(response.data);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const struct sasl_credentials credentials = { bytes_of(wrong[i].user),
			bytes_of(wrong[i].password), bytes_of(wrong[i].token) };

		response = respond(wrong[i].mechanism, 0, &credentials, 100);
		assert_int_equal(response.size, 0);
		free(response.data);
	}
}

/* Names and passwords of every length, against the server side. */
static void test_round_trip(void **state)
{
	uint8_t user[40], password[40], name[40];

	(void)state;
	memset(user, 'u', sizeof user);
	memset(password, 0xfe, sizeof password);
	for (size_t i = 1; i < 40 * 40; i++) {
		const struct sasl_credentials credentials = { bytes_make(user, i % 39 + 1),
			bytes_make(password, i / 40 + 1), { NULL, 0 } };
		struct response response = respond(SASL_CLIENT_PLAIN, 0, &credentials, 200);
		struct sasl sasl;

		sasl_begin(&sasl, sasl_find(bytes_of("PLAIN")), name, sizeof name);
		assert_int_equal(sasl_respond(&sasl, response.data, response.size), SASL_COMPLETE);
		assert_true(bytes_equal(sasl.user, credentials.user));
		assert_true(bytes_equal(sasl.password, credentials.password));
		sasl_end(&sasl);
		free(response.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offered),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_no_such_step),
		cmocka_unit_test(test_not_writable),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
