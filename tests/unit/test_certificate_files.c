/* test_certificate_files.c -- which files are made, refused and left alone. Renewal:
 * test_certificate_renewal.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "certificate_complete.h"
#include "platform/file_watch.h"

static void test_twice_changes_nothing(void **state)
{
	struct certificate_folder folder;
	struct contents before;
	struct error error;

	(void)state;
	complete_fill(&folder);
	before = contents_look(&folder);
	assert_true(complete_ensure(&folder, &error));
	contents_check_same(&folder, &before);
	folder_discard(&folder);
}

static void test_owner_only(void **state)
{
	struct certificate_folder folder;
	char path[FOLDER_PATH_SIZE], inner[FOLDER_PATH_SIZE + 16];
	struct error error;
	struct stat facts;
	mode_t mask = umask(0);

	(void)state;
	folder_make(&folder);
	snprintf(inner, sizeof inner, "%s/tls", folder.path);
	assert_true(certificate_ensure(inner, &folder_names, TEST_NOW_S, &error));
	assert_int_equal(stat(inner, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0700);
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++) {
		char name[64];

		snprintf(name, sizeof name, "tls/%s", folder_files[i]);
		folder_file(&folder, name, path);
		assert_int_equal(stat(path, &facts), 0);
		assert_int_equal(facts.st_mode & 07777, 0600);
		folder_delete(&folder, name);
	}
	folder_delete(&folder, "tls");
	folder_discard(&folder);
	umask(mask);
}

/* A damaged file is an error that names it, and stays as it is, like all others. */
static void test_damaged(void **state)
{
	static const char *const damages[] = { "", "nothing of the kind\n", "half",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n" };

	(void)state;
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++) {
		for (size_t j = 0; j < sizeof damages / sizeof damages[0]; j++) {
			struct certificate_folder folder;
			struct contents before;
			struct error error;
			char *half = strdup(complete_text[i]);

			half[strlen(half) / 2] = '\0';
			complete_fill(&folder);
			folder_write(&folder, folder_files[i],
				strcmp(damages[j], "half") == 0 ? half : damages[j]);
			before = contents_look(&folder);
			assert_false(complete_ensure(&folder, &error));
			assert_int_equal(error.kind, ERROR_CORRUPT);
			assert_non_null(strstr(error.text, folder_files[i]));
			assert_non_null(strstr(error.text, "restore it from a backup"));
			contents_check_same(&folder, &before);
			folder_discard(&folder);
			free(half);
		}
	}
}

/* The chain behind a good certificate counts too; other kinds of PEM text between do not. */
static void test_damaged_chain(void **state)
{
	static const struct {
		const char *behind;
		bool ok;
	} rows[] = {
		{ "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", false },
		{ "-----BEGIN CERTIFICATE-----\nMIIB", false },
		{ "-----BEGIN DH PARAMETERS-----\nMIIB\n-----END DH PARAMETERS-----\n", true },
		{ "a word about it\n", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct certificate_folder folder;
		struct error error;
		char text[8192];

		complete_fill(&folder);
		snprintf(text, sizeof text, "%s%s%s", complete_text[2], complete_text[0],
			rows[i].behind);
		folder_write(&folder, "server-ec.crt", text);
		assert_int_equal(complete_ensure(&folder, &error), rows[i].ok);
		if (!rows[i].ok)
			assert_int_equal(error.kind, ERROR_CORRUPT);
		folder_discard(&folder);
	}
}

/* A folder in a file's place cannot be read by anybody, root included. */
static void test_unreadable(void **state)
{
	(void)state;
	for (size_t i = 0; i < FOLDER_FILE_COUNT; i++) {
		struct certificate_folder folder;
		char path[FOLDER_PATH_SIZE];
		struct error error;
		struct stat facts;

		complete_fill(&folder);
		folder_delete(&folder, folder_files[i]);
		folder_file(&folder, folder_files[i], path);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_false(complete_ensure(&folder, &error));
		assert_non_null(strstr(error.text, folder_files[i]));
		assert_int_equal(stat(path, &facts), 0);
		assert_true(S_ISDIR(facts.st_mode));
		folder_discard(&folder);
	}
}

static void test_wrong_key(void **state)
{
	static const struct {
		int file, instead;
	} rows[] = { { 1, 3 }, { 3, 1 }, { 5, 3 }, { 3, 5 }, { 0, 2 }, { 4, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct certificate_folder folder;
		struct contents before;
		struct error error;

		complete_fill(&folder);
		folder_write(&folder, folder_files[rows[i].file], complete_text[rows[i].instead]);
		before = contents_look(&folder);
		assert_false(complete_ensure(&folder, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
		assert_non_null(strstr(error.text, "do not belong together"));
		contents_check_same(&folder, &before);
		folder_discard(&folder);
	}
}

static void test_key_with_password(void **state)
{
	struct certificate_folder folder;
	struct contents before;
	struct error error;
	EVP_PKEY *key;
	BIO *bio = BIO_new(BIO_s_mem());
	char text[4096] = "";

	(void)state;
	complete_fill(&folder);
	key = folder_key(&folder, "server-ec.key");
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, EVP_aes_256_cbc(),
				 (const unsigned char *)"password", 8, NULL, NULL),
		1);
	assert_true(BIO_read(bio, text, sizeof text - 1) > 0);
	folder_write(&folder, "server-ec.key", text);
	before = contents_look(&folder);
	assert_false(complete_ensure(&folder, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, "server-ec.key is protected by a password"));
	contents_check_same(&folder, &before);
	folder_discard(&folder);
	EVP_PKEY_free(key);
	BIO_free(bio);
}

/* Which files are missing, and what becomes of it. The bits are the files in folder_files' order.
 * */
enum {
	AUTHORITY = 1,
	AUTHORITY_KEY = 2,
	SERVER_EC = 4,
	SERVER_EC_KEY = 8,
	SERVER_RSA = 16,
	SERVER_RSA_KEY = 32
};

static void test_missing(void **state)
{
	static const struct {
		int missing;
		const char *says; /* NULL: made */
	} rows[] = {
		{ AUTHORITY_KEY, NULL }, /* needed at the next renewal only */
		{ SERVER_EC, NULL },
		{ SERVER_RSA, NULL },
		{ SERVER_EC | SERVER_EC_KEY, NULL },
		{ SERVER_EC | SERVER_EC_KEY | SERVER_RSA, NULL },
		{ AUTHORITY | SERVER_EC | SERVER_RSA, NULL },
		{ AUTHORITY | SERVER_EC | SERVER_EC_KEY | SERVER_RSA | SERVER_RSA_KEY, NULL },
		{ AUTHORITY | AUTHORITY_KEY | SERVER_EC | SERVER_EC_KEY | SERVER_RSA |
				SERVER_RSA_KEY,
			NULL },
		{ AUTHORITY_KEY | SERVER_EC, "authority.key is missing" },
		{ AUTHORITY_KEY | SERVER_EC | SERVER_EC_KEY, "authority.key is missing" },
		{ AUTHORITY_KEY | SERVER_EC | SERVER_EC_KEY | SERVER_RSA | SERVER_RSA_KEY,
			"authority.key is missing" },
		{ AUTHORITY, "authority.crt is missing, under which" },
		{ AUTHORITY | AUTHORITY_KEY, "authority.crt is missing, under which" },
		{ AUTHORITY | AUTHORITY_KEY | SERVER_EC | SERVER_EC_KEY,
			"authority.crt is missing, under which" },
		{ AUTHORITY | SERVER_RSA, "authority.crt is missing, under which" },
		{ SERVER_EC_KEY, "server-ec.key is missing" },
		{ SERVER_RSA_KEY, "server-rsa.key is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct certificate_folder folder;
		struct contents before, now;
		struct error error;
		bool ok;

		complete_fill(&folder);
		for (size_t j = 0; j < FOLDER_FILE_COUNT; j++) {
			if (rows[i].missing >> j & 1)
				folder_delete(&folder, folder_files[j]);
		}
		before = contents_look(&folder);
		ok = complete_ensure(&folder, &error);
		if (ok != !rows[i].says)
			fail_msg("row %zu: %s", i, ok ? "made" : error.text);
		if (!ok) {
			assert_int_equal(error.kind, ERROR_STATE);
			assert_non_null(strstr(error.text, rows[i].says));
			assert_non_null(strstr(error.text, "restore it from a backup, or move"));
			contents_check_same(&folder, &before);
			folder_discard(&folder);
			continue;
		}
		/* All is there, and what was there is as it was. */
		now = contents_look(&folder);
		for (size_t j = 0; j < FOLDER_FILE_COUNT; j++) {
			assert_true(now.text[j] || (rows[i].missing == AUTHORITY_KEY && j == 1));
			if (before.text[j])
				assert_string_equal(now.text[j], before.text[j]);
		}
		contents_free(&before);
		contents_free(&now);
		if (rows[i].missing != AUTHORITY_KEY) {
			X509 *authority = folder_certificate(&folder, "authority.crt");
			X509 *ec = folder_certificate(&folder, "server-ec.crt");
			X509 *rsa = folder_certificate(&folder, "server-rsa.crt");
			EVP_PKEY *key = folder_key(&folder, "server-ec.key");

			assert_int_equal(
				folder_verify(ec, authority, "mail.example.net", TEST_NOW_S + DAY),
				X509_V_OK);
			assert_int_equal(
				folder_verify(rsa, authority, "192.0.2.7", TEST_NOW_S + DAY),
				X509_V_OK);
			assert_int_equal(X509_check_private_key(ec, key), 1);
			EVP_PKEY_free(key);
			X509_free(authority);
			X509_free(ec);
			X509_free(rsa);
		}
		folder_discard(&folder);
	}
}

static void test_other_names(void **state)
{
	static const struct certificate_names names = {
		.hosts = { "gateway.example.com", "new.example.org" }, .count = 2
	};
	struct certificate_folder folder;
	struct error error;

	(void)state;
	complete_fill(&folder);
	folder_delete(&folder, "server-ec.crt");
	assert_false(certificate_ensure(folder.path, &names, TEST_NOW_S, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "made for gateway.example.com, mail.example.net"));
	assert_non_null(strstr(error.text, "not vouch for gateway.example.com, new.example.org"));
	assert_null(folder_read(&folder, "server-ec.crt"));
	folder_discard(&folder);
}

static void test_wrong_clock(void **state)
{
	struct certificate_folder folder;
	struct error error;

	(void)state;
	folder_make(&folder);
	assert_false(certificate_ensure(folder.path, &folder_names, 0, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "set the clock"));
	folder_discard(&folder);
	/* An authority from the future, and one that has ended. */
	complete_fill(&folder);
	folder_delete(&folder, "server-ec.crt");
	assert_false(certificate_ensure(folder.path, &folder_names, TEST_NOW_S - 2 * DAY, &error));
	assert_non_null(strstr(error.text, "the authority is not valid yet"));
	assert_false(
		certificate_ensure(folder.path, &folder_names, TEST_NOW_S + 7400 * DAY, &error));
	assert_non_null(strstr(error.text, "the authority has expired"));
	assert_null(folder_read(&folder, "server-ec.crt"));
	folder_discard(&folder);
}

/* ---- failing disks ---- */

struct failing {
	int left; /* operations until one fails */
	int code;
};

static int fail_one(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	struct failing *failing = context;

	(void)operation;
	(void)path;
	(void)other;
	return failing->left-- == 0 ? failing->code : 0;
}

/* Whatever single operation fails, the next start brings everything into order. The RSA pair is
 * there already, since making one each time would only cost time. */
static void test_each_operation_fails(void **state)
{
	int count = 0;

	(void)state;
	for (bool went_through = false; !went_through; count++) {
		struct failing failing = { .left = count, .code = ENOSPC };
		struct file_watch watch = { .context = &failing, .before = fail_one };
		struct certificate_folder folder;
		struct error error;
		X509 *authority, *server;

		folder_make(&folder);
		folder_write(&folder, "server-rsa.key", complete_text[5]);
		file_watch_set(&watch);
		went_through = complete_ensure(&folder, &error);
		file_watch_set(NULL);
		if (!went_through) {
			assert_int_equal(error.kind, ERROR_FULL);
			if (!complete_ensure(&folder, &error))
				fail_msg("after operation %d: %s", count, error.text);
		}
		authority = folder_certificate(&folder, "authority.crt");
		server = folder_certificate(&folder, "server-ec.crt");
		assert_int_equal(
			folder_verify(server, authority, "localhost", TEST_NOW_S + DAY), X509_V_OK);
		X509_free(authority);
		X509_free(server);
		folder_discard(&folder);
	}
	assert_in_range(count, 20, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice_changes_nothing),
		cmocka_unit_test(test_owner_only),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_chain),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_key_with_password),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_wrong_clock),
		cmocka_unit_test(test_each_operation_fails),
	};

	return cmocka_run_group_tests(tests, complete_make, complete_free);
}
