/* test_certificate_renewal.c -- certificates that end soon, and other names: what is made anew, from which keys, and
 * when nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "certificate_complete.h"

static void check_renewal(int64_t now_s, bool expected, int64_t end_s)
{
	struct certificate_folder folder;
	struct certificate_facts facts;
	struct contents before, now;
	struct error error;
	X509 *authority, *server;
	bool renewed = !expected;

	complete_fill(&folder);
	before = contents_look(&folder);
	assert_true(certificate_renew(folder.path, &folder_names, now_s, &renewed, &error));
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(renewed, expected);
	now = contents_look(&folder);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		assert_int_equal(contents_is_same(before.text[i], now.text[i]),
			!(expected && (i == 2 || i == 4)));
	assert_true(certificate_read(folder.path, CERTIFICATE_SERVER_RSA, &facts, &error));
	assert_int_equal(facts.not_after_s, end_s);
	authority = folder_certificate(&folder, "authority.crt");
	server = folder_certificate(&folder, "server-rsa.crt");
	assert_int_equal(folder_verify(server, authority, "localhost", now_s), X509_V_OK);
	assert_true(complete_ensure(&folder, &error)); /* the keys belong to the new certificates */
	X509_free(authority);
	X509_free(server);
	contents_free(&before);
	contents_free(&now);
	folder_discard(&folder);
}

static void test_renewal(void **state)
{
	static const int64_t end_s = TEST_NOW_S - 3600 + 397 * DAY;
	static const int64_t authority_end_s = TEST_NOW_S + 7305 * DAY;

	(void)state;
	check_renewal(TEST_NOW_S, false, end_s);
	check_renewal(end_s - 30 * DAY, false, end_s);
	check_renewal(end_s - 30 * DAY + 1, true, end_s - 30 * DAY + 1 - 3600 + 397 * DAY);
	check_renewal(end_s + 100 * DAY, true, end_s + 100 * DAY - 3600 + 397 * DAY);
	/* Not longer than the authority. */
	check_renewal(authority_end_s - 50 * DAY, true, authority_end_s);
}

static void test_renewal_refused(void **state)
{
	struct certificate_folder folder, other;
	struct contents before;
	struct error error;
	bool renewed = true;

	(void)state;
	complete_fill(&folder);
	before = contents_look(&folder);
	assert_false(certificate_renew(
		folder.path, &folder_names, TEST_NOW_S + 7306 * DAY, &renewed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_false(renewed);
	contents_check_same(&folder, &before);

	folder_delete(&folder, "authority.key");
	before = contents_look(&folder);
	assert_true(certificate_renew(folder.path, &folder_names, TEST_NOW_S, &renewed, &error));
	assert_false(certificate_renew(
		folder.path, &folder_names, TEST_NOW_S + 390 * DAY, &renewed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "authority.key is missing"));
	assert_false(renewed);
	contents_check_same(&folder, &before);

	/* Another authority's certificate in the same place, as after an import, is left alone, and
	 * ensure has nothing to say against it either. */
	folder_write(&folder, "authority.key", complete_text[1]);
	folder_make(&other);
	assert_true(certificate_ensure(other.path, &folder_names, TEST_NOW_S, &error));
	for (size_t i = 2; i < FOLDER_FILE_COUNT; i++)
		folder_copy(&other, folder_files[2 + i % 2], &folder, folder_files[i]);
	before = contents_look(&folder);
	assert_true(certificate_renew(
		folder.path, &folder_names, TEST_NOW_S + 390 * DAY, &renewed, &error));
	assert_false(renewed);
	assert_true(complete_ensure(&folder, &error));
	contents_check_same(&folder, &before);
	folder_discard(&other);
	folder_discard(&folder);
}

/* Other names at once, for the same keys; not for what the authority does not vouch for. */
static void test_reissue(void **state)
{
	const struct certificate_names below = { { "new.gateway.example.com" }, 1 };
	const struct certificate_names foreign = { { "elsewhere.example" }, 1 };
	struct certificate_folder folder;
	struct certificate_facts facts;
	struct contents now;
	struct error error;
	bool renewed = false;

	(void)state;
	complete_fill(&folder);
	assert_true(certificate_reissue(folder.path, &below, TEST_NOW_S, &renewed, &error));
	assert_true(renewed);
	for (int kind = CERTIFICATE_SERVER_EC; kind <= CERTIFICATE_SERVER_RSA; kind++) {
		assert_true(
			certificate_read(folder.path, (enum certificate_kind)kind, &facts, &error));
		assert_memory_equal(facts.names, below.hosts[0], strlen(below.hosts[0]));
	}
	now = contents_look(&folder);
	assert_false(certificate_reissue(folder.path, &foreign, TEST_NOW_S, &renewed, &error));
	assert_false(renewed);
	assert_non_null(strstr(error.text, "elsewhere.example"));
	contents_check_same(&folder, &now);
	folder_discard(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_renewal_refused),
		cmocka_unit_test(test_reissue),
	};

	return cmocka_run_group_tests(tests, complete_make, complete_free);
}
