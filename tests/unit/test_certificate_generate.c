/* test_certificate_generate.c -- new keys under the same authority, and what a crash leaves in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>

#include "certificate_folder.h"
#include "platform/file_watch.h"

#define DAY INT64_C(86400)

static const char *const pairs[][2] = { { "server-ec.crt", "server-ec.key" },
	{ "server-rsa.crt", "server-rsa.key" } };

static char *before[FOLDER_FILE_COUNT];

static int make_before(void **state)
{
	struct certificate_folder folder;
	struct error error;

	(void)state;
	folder_make(&folder);
	if (!certificate_ensure(folder.path, &folder_names, TEST_NOW_S, &error))
		fail_msg("%s", error.text);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		before[i] = folder_read(&folder, folder_files[i]);
	folder_discard(&folder);
	return 0;
}

static int free_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		free(before[i]);
	return 0;
}

static void fill(struct certificate_folder *folder)
{
	folder_make(folder);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		folder_write(folder, folder_files[i], before[i]);
}

static bool is_as_before(const struct certificate_folder *folder, size_t file)
{
	char *now = folder_read(folder, folder_files[file]);
	bool is_same = now && strcmp(now, before[file]) == 0;

	free(now);
	return is_same;
}

static bool generate(const struct certificate_folder *folder, int64_t now_s, struct error *error)
{
	bool ok = certificate_generate(folder->path, &folder_names, now_s, error);

	assert_int_equal(ERR_peek_error(), 0);
	return ok;
}

/* Both pairs belong together and hold under the authority. */
static void check_pairs(const struct certificate_folder *folder, int64_t now_s)
{
	X509 *authority = folder_certificate(folder, "authority.crt");

	for (size_t i = 0; i < 2; i++) {
		X509 *server = folder_certificate(folder, pairs[i][0]);
		EVP_PKEY *key = folder_key(folder, pairs[i][1]);

		assert_int_equal(X509_check_private_key(server, key), 1);
		assert_int_equal(
			folder_verify(server, authority, "gateway.example.com", now_s), X509_V_OK);
		X509_free(server);
		EVP_PKEY_free(key);
	}
	X509_free(authority);
}

static void test_new_keys(void **state)
{
	struct certificate_folder folder;
	struct certificate_facts facts;
	struct error error;

	(void)state;
	fill(&folder);
	if (!generate(&folder, TEST_NOW_S + DAY, &error))
		fail_msg("%s", error.text);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		assert_int_equal(is_as_before(&folder, i), i < 2); /* the authority's two */
	check_pairs(&folder, TEST_NOW_S + DAY);
	assert_true(certificate_read(folder.path, CERTIFICATE_SERVER_RSA, &facts, &error));
	assert_string_equal(facts.key, "RSA 2048");
	assert_int_equal(facts.not_before_s, TEST_NOW_S + DAY - 3600);
	folder_discard(&folder);
}

static void test_refused(void **state)
{
	static const struct certificate_names strange = { .hosts = { "other.example" },
		.count = 1 };
	struct certificate_folder folder, other;
	struct error error;

	(void)state;
	fill(&folder);
	assert_false(certificate_generate(folder.path, &strange, TEST_NOW_S, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "not vouch for other.example"));
	assert_false(generate(&folder, 0, &error));
	assert_non_null(strstr(error.text, "set the clock"));
	assert_false(generate(&folder, TEST_NOW_S + 7400 * DAY, &error));
	assert_non_null(strstr(error.text, "the authority has expired"));
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++)
		assert_true(is_as_before(&folder, i));

	/* Somebody else's certificate stays, with its key, and so does the other pair. */
	folder_make_filled(&other);
	folder_copy(&other, "server-rsa.crt", &folder, "server-rsa.crt");
	assert_false(generate(&folder, TEST_NOW_S, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "server-rsa.crt was not made by the authority"));
	assert_true(is_as_before(&folder, 2) && is_as_before(&folder, 3));
	assert_true(is_as_before(&folder, 5));
	folder_write(&folder, "server-rsa.crt", "damaged");
	assert_false(generate(&folder, TEST_NOW_S, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);

	folder_write(&folder, "server-rsa.crt", before[4]);
	folder_delete(&folder, "authority.key");
	assert_false(generate(&folder, TEST_NOW_S, &error));
	assert_non_null(strstr(error.text, "authority.key is missing"));
	assert_true(is_as_before(&folder, 2) && is_as_before(&folder, 4));
	folder_discard(&other);
	folder_discard(&folder);
}

/* ---- crashes ---- */

struct cut {
	int left; /* operations until nothing works any more */
	int changes;
};

static int cut_off(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	struct cut *cut = context;

	(void)path;
	(void)other;
	if (operation == FILE_OP_READ)
		return 0;
	cut->changes++;
	return cut->left-- <= 0 ? EIO : 0;
}

/* Nothing reaches the disk from some operation on: the next start completes what is missing, with whichever key is
 * there, and never meets a pair that does not belong together. */
static void test_each_crash(void **state)
{
	int tried = 0;

	(void)state;
	for (bool went_through = false; !went_through; tried++) {
		struct cut cut = { .left = tried };
		struct file_watch watch = { .context = &cut, .before = cut_off };
		struct certificate_folder folder;
		struct error error;

		fill(&folder);
		file_watch_set(&watch);
		went_through = generate(&folder, TEST_NOW_S + DAY, &error);
		file_watch_set(NULL);
		if (!went_through)
			assert_int_equal(error.kind, ERROR_IO);
		if (!certificate_ensure(folder.path, &folder_names, TEST_NOW_S + DAY, &error))
			fail_msg("after operation %d: %s", tried, error.text);
		check_pairs(&folder, TEST_NOW_S + DAY);
		folder_discard(&folder);
	}
	assert_in_range(tried, 15, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_keys),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_each_crash),
	};

	return cmocka_run_group_tests(tests, make_before, free_before);
}
