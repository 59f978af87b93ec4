/* test_certificate_import.c -- certificates from outside: every form in which they come, and every reason not to take
 * them. What is refused changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include "certificate_folder.h"
#include "net/certificate_import.h"
#include "other_authority.h"
#include "platform/file_watch.h"

#define DAY INT64_C(86400)

enum { TEXT_MAX = 65536 };

struct given {
	struct buf certificate, key;
	const char *passphrase;
};

static void given_init(struct given *given)
{
	buf_init(&given->certificate, TEXT_MAX);
	buf_init(&given->key, TEXT_MAX);
	given->passphrase = NULL;
}

static void given_clear(struct given *given)
{
	buf_clear(&given->certificate);
	buf_clear(&given->key);
}

static bool import(
	const struct certificate_folder *folder, const struct given *given, struct error *error)
{
	struct certificate_import what = { buf_view(&given->certificate), buf_view(&given->key),
		given->passphrase };
	bool ok;

	*error = (struct error){ .kind = ERROR_NONE };
	ok = certificate_import(folder->path, &what, TEST_NOW_S, error);
	assert_int_equal(ERR_peek_error(), 0);
	return ok;
}

static int count(const char *text, const char *what)
{
	int found = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		found++;
	return found;
}

/* ---- what is taken ---- */

/* 'l' leaf, 'm' the one above, 'r' root, 'k' key, 'e' key with a passphrase, 'p' PKCS#12, 'w' the same as Windows
 * makes it, 'x' a certificate that has nothing to do with it, 't' text */
static void add(struct buf *text, const struct other_chain *chain, const char *parts)
{
	struct other_certificate stranger;

	for (; *parts; parts++) {
		switch (*parts) {
		case 'l':
			other_add_certificate(text, &chain->leaf);
			break;
		case 'm':
			other_add_certificate(text, &chain->middle);
			break;
		case 'r':
			other_add_certificate(text, &chain->root);
			break;
		case 'k':
		case 'e':
			other_add_key(text, &chain->leaf, *parts == 'e' ? "geheim" : NULL);
			break;
		case 'p':
		case 'w':
			other_add_pkcs12(text, chain, "geheim", *parts == 'w');
			break;
		case 'x':
			other_make(&stranger, &(struct other_recipe){ .name = "x" });
			other_add_certificate(text, &stranger);
			other_clear(&stranger);
			break;
		default:
			assert_true(
				buf_append_text(text, "Bag Attributes\n    friendlyName: -a-\n"));
		}
	}
}

static void check_stored(const struct certificate_folder *folder, const struct other_chain *chain)
{
	char *text = folder_read(folder, "imported.pem");
	X509 *certificate = folder_certificate(folder, "imported.pem");
	EVP_PKEY *key = folder_key(folder, "imported.pem");
	char path[FOLDER_PATH_SIZE];
	struct stat facts;

	assert_non_null(text);
	assert_int_equal(X509_cmp(certificate, chain->leaf.certificate), 0);
	assert_int_equal(EVP_PKEY_eq(key, chain->leaf.key), 1);
	/* The one above is sent, too, the root is not. */
	assert_int_equal(count(text, "BEGIN CERTIFICATE"), 2);
	assert_int_equal(count(text, "BEGIN"), 3);
	folder_file(folder, "imported.pem", path);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0600);
	free(text);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void test_forms(void **state)
{
	static const struct {
		const char *certificate, *key;
		const char *passphrase;
	} rows[] = {
		{ "lmr", "k", NULL },
		{ "rmlk", "", NULL },
		{ "k", "mlr", NULL },
		{ "txrtktltm", "", NULL },
		{ "lmr", "k", "not needed" },
		{ "lmr", "e", "geheim" },
		{ "elmr", "", "geheim" },
		{ "p", "", "geheim" },
		{ "w", "", "geheim" },
		{ "rm", "p", "geheim" },
		{ "llmmrr", "k", NULL },
	};
	struct certificate_folder folder;
	struct other_chain chain;

	(void)state;
	other_chain_make(&chain, NULL, TEST_NOW_S, 90);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct given given;
		struct error error;

		folder_make(&folder);
		given_init(&given);
		add(&given.certificate, &chain, rows[i].certificate);
		add(&given.key, &chain, rows[i].key);
		given.passphrase = rows[i].passphrase;
		if (!import(&folder, &given, &error))
			fail_msg("row %zu: %s", i, error.text);
		check_stored(&folder, &chain);
		given_clear(&given);
		folder_discard(&folder);
	}
	other_chain_clear(&chain);
}

static EVP_PKEY *make_key(const char *kind)
{
	if (strncmp(kind, "RSA ", 4) == 0)
		return EVP_RSA_gen((unsigned)atoi(kind + 4));
	return strcmp(kind, "ED25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, kind)
					    : EVP_EC_gen(kind);
}

static void test_keys(void **state)
{
	static const struct {
		const char *kind;
		const char *facts; /* NULL: refused */
		const char *says;
	} rows[] = {
		{ "P-256", "EC P-256", NULL },
		{ "P-384", "EC P-384", NULL },
		{ "P-521", "EC P-521", NULL },
		{ "RSA 2048", "RSA 2048", NULL },
		{ "ED25519", "ED25519", NULL },
		{ "RSA 1024", NULL, "the key has 1024 bits; an RSA key needs 2048" },
		{ "secp256k1", NULL, "mail programs do not know this kind of key" },
		{ "P-224", NULL, "mail programs do not know this kind of key" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct certificate_folder folder;
		struct certificate_facts facts;
		struct other_chain chain;
		struct given given;
		struct error error;

		other_chain_make(&chain, make_key(rows[i].kind), TEST_NOW_S, 90);
		folder_make(&folder);
		given_init(&given);
		add(&given.certificate, &chain, "klmr");
		if (import(&folder, &given, &error) != (rows[i].facts != NULL))
			fail_msg("row %zu: %s", i, error.text);
		if (rows[i].facts) {
			assert_true(certificate_read(
				folder.path, CERTIFICATE_IMPORTED, &facts, &error));
			assert_string_equal(facts.key, rows[i].facts);
			assert_string_equal(facts.names, "mail.example.org, *.web.example.org");
			assert_string_equal(facts.issuer, "CN=Other intermediate");
		} else {
			assert_int_equal(error.kind, ERROR_INVALID);
			assert_non_null(strstr(error.text, rows[i].says));
		}
		given_clear(&given);
		folder_discard(&folder);
		other_chain_clear(&chain);
	}
}

static void test_self_signed(void **state)
{
	struct certificate_folder folder;
	struct other_certificate alone;
	struct given given;
	struct error error;
	char *text;

	(void)state;
	other_make(&alone, &(struct other_recipe){ .name = "a.example", .hosts = "DNS:a.example" });
	folder_make(&folder);
	given_init(&given);
	other_add_certificate(&given.certificate, &alone);
	other_add_key(&given.key, &alone, NULL);
	if (!import(&folder, &given, &error))
		fail_msg("%s", error.text);
	text = folder_read(&folder, "imported.pem");
	assert_int_equal(count(text, "BEGIN CERTIFICATE"), 1);
	assert_true(certificate_is_for(folder.path, CERTIFICATE_IMPORTED, "A.example"));
	free(text);
	given_clear(&given);
	other_clear(&alone);
	folder_discard(&folder);
}

static void test_names(void **state)
{
	static const struct {
		const char *host;
		bool is_there;
	} rows[] = { { "mail.example.org", true }, { "MAIL.example.org", true },
		{ "a.web.example.org", true }, { "web.example.org", false },
		{ "a.b.web.example.org", false }, { ".example.org", false },
		{ ".web.example.org", false }, { "example.org", false }, { "192.0.2.1", false },
		{ "", false } };
	struct certificate_folder folder;
	struct other_chain chain;
	struct given given;
	struct error error;

	(void)state;
	other_chain_make(&chain, NULL, TEST_NOW_S, 90);
	folder_make(&folder);
	assert_false(certificate_is_for(folder.path, CERTIFICATE_IMPORTED, "mail.example.org"));
	given_init(&given);
	add(&given.certificate, &chain, "klmr");
	assert_true(import(&folder, &given, &error));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (certificate_is_for(folder.path, CERTIFICATE_IMPORTED, rows[i].host) !=
			rows[i].is_there)
			fail_msg("%s", rows[i].host);
	}
	given_clear(&given);
	other_chain_clear(&chain);
	folder_discard(&folder);
}

/* ---- what is refused ---- */

/* With an imported certificate in place, which must stay. */
static void check_refused(const struct given *given, enum error_kind kind, const char *says)
{
	struct certificate_folder folder;
	struct error error;
	char *text;

	folder_make(&folder);
	folder_write(&folder, "imported.pem", "the one before");
	if (import(&folder, given, &error))
		fail_msg("taken, not refused with: %s", says);
	if (error.kind != kind || !strstr(error.text, says))
		fail_msg("kind %d, \"%s\", not: %s", error.kind, error.text, says);
	text = folder_read(&folder, "imported.pem");
	assert_string_equal(text, "the one before");
	free(text);
	folder_discard(&folder);
}

static void test_incomplete(void **state)
{
	static const struct {
		const char *certificate, *key, *passphrase;
		enum error_kind kind;
		const char *says;
	} rows[] = {
		{ "lm", "k", NULL, ERROR_INVALID,
			"\"CN=Other intermediate\" was issued by \"CN=Other root\", whose "
			"certificate is "
			"missing" },
		{ "lr", "k", NULL, ERROR_INVALID,
			"\"CN=mail.example.org\" was issued by \"CN=Other intermediate\", whose "
			"certificate is missing; add it to the file" },
		{ "l", "k", NULL, ERROR_INVALID, "the chain is not complete" },
		{ "mr", "k", NULL, ERROR_INVALID, "the key belongs to none of the certificates" },
		{ "lmr", "", NULL, ERROR_INVALID, "there is no private key" },
		{ "k", "", NULL, ERROR_INVALID, "there is no certificate" },
		{ "t", "", NULL, ERROR_INVALID, "neither PEM text" },
		{ "lmr", "t", NULL, ERROR_INVALID, "neither PEM text" },
		{ "", "", NULL, ERROR_INVALID, "there is no certificate" },
		{ "lmr", "e", NULL, ERROR_DENIED, "give the passphrase, too" },
		{ "lmr", "e", "", ERROR_DENIED, "give the passphrase, too" },
		{ "lmr", "e", "wrong", ERROR_DENIED, "the passphrase does not open the key" },
		{ "p", "", NULL, ERROR_DENIED, "give the passphrase, too" },
		{ "p", "", "wrong", ERROR_DENIED, "the passphrase does not open the key" },
		{ "w", "", "wrong", ERROR_DENIED, "the passphrase does not open the key" },
	};
	struct other_chain chain;

	(void)state;
	other_chain_make(&chain, NULL, TEST_NOW_S, 90);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct given given;

		given_init(&given);
		add(&given.certificate, &chain, rows[i].certificate);
		add(&given.key, &chain, rows[i].key);
		given.passphrase = rows[i].passphrase;
		check_refused(&given, rows[i].kind, rows[i].says);
		given_clear(&given);
	}
	other_chain_clear(&chain);
}

static void check_recipe(const struct other_recipe *middle_recipe,
	const struct other_recipe *leaf_recipe, const char *says)
{
	struct other_recipe root = { .name = "Other root", .is_authority = true };
	struct other_recipe middle = *middle_recipe, leaf = *leaf_recipe;
	struct other_chain chain;
	struct given given;

	other_make(&chain.root, &root);
	middle.name = "Other intermediate";
	middle.issuer = &chain.root;
	other_make(&chain.middle, &middle);
	leaf.name = "mail.example.org";
	leaf.hosts = "DNS:mail.example.org";
	leaf.issuer = &chain.middle;
	other_make(&chain.leaf, &leaf);
	given_init(&given);
	add(&given.certificate, &chain, "klmr");
	check_refused(&given, ERROR_INVALID, says);
	given_clear(&given);
	other_chain_clear(&chain);
}

static void test_not_good(void **state)
{
	static const struct {
		struct other_recipe middle, leaf;
		const char *says;
	} rows[] = {
		{ { .is_authority = true },
			{ .begin_s = TEST_NOW_S - 9 * DAY, .end_s = TEST_NOW_S - 1 },
			"\"CN=mail.example.org\" expired on 2026-01-14 23:59 UTC" },
		{ { .is_authority = true, .end_s = TEST_NOW_S - 3600 }, { .name = "" },
			"\"CN=Other intermediate\" expired on 2026-01-14 23:00 UTC" },
		{ { .is_authority = true },
			{ .begin_s = TEST_NOW_S + 60, .end_s = TEST_NOW_S + DAY },
			"\"CN=mail.example.org\" is not valid before 2026-01-15 00:01 UTC; is the "
			"clock" },
		{ { .is_authority = true }, { .usage = "clientAuth" },
			"\"CN=mail.example.org\" was not issued for that purpose" },
		{ { .is_authority = false, .usage = "serverAuth" }, { .name = "" },
			"\"CN=Other intermediate\" may not issue certificates" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_recipe(&rows[i].middle, &rows[i].leaf, rows[i].says);
}

static void check_bytes(const void *data, size_t size, const char *says)
{
	struct given given;

	given_init(&given);
	assert_true(buf_append(&given.certificate, bytes_make(data, size)));
	check_refused(&given, ERROR_INVALID, says);
	given_clear(&given);
}

static void test_damaged(void **state)
{
	struct other_chain chain;
	unsigned char *der = NULL;
	struct given given;
	struct buf whole;
	size_t at;
	int size;

	(void)state;
	other_chain_make(&chain, NULL, TEST_NOW_S, 90);
	size = i2d_X509(chain.leaf.certificate, &der);
	assert_true(size > 0);
	check_bytes(der, (size_t)size, "binary form (DER); turn it into PEM");
	check_bytes(der, (size_t)size - 1, "neither PEM text");
	OPENSSL_free(der);

	/* Cut anywhere, nothing half is taken. */
	buf_init(&whole, TEXT_MAX);
	add(&whole, &chain, "p");
	for (size_t cut = 1; cut < whole.size; cut += 37)
		check_bytes(whole.data, cut, "");
	buf_clear(&whole);
	add(&whole, &chain, "klmr");
	for (size_t cut = 1; cut < whole.size - 1; cut += 37)
		check_bytes(whole.data, cut, "");
	/* The private number stands there; another letter is another number, and as good base64. */
	for (at = 80; !isalpha(whole.data[at]); at++)
		assert_true(at < 118);
	whole.data[at] ^= 0x20;
	check_bytes(whole.data, whole.size, "the private key is damaged");
	buf_clear(&whole);

	given_init(&given);
	add(&given.certificate, &chain, "lmr");
	for (int i = 0; i < 101; i++)
		other_add_certificate(&given.key, &chain.root);
	check_refused(&given, ERROR_INVALID, "more than 100 certificates");
	given_clear(&given);
	other_chain_clear(&chain);
}

/* ---- the disk ---- */

struct failing {
	int left; /* operations until one fails */
};

static int fail_one(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	struct failing *failing = context;

	(void)operation;
	(void)path;
	(void)other;
	return failing->left-- == 0 ? ENOSPC : 0;
}

/* Whatever operation fails: the old one or the new one, whole. */
static void test_failing_disk(void **state)
{
	struct other_chain chain;
	struct given given;
	int tried = 0;

	(void)state;
	other_chain_make(&chain, NULL, TEST_NOW_S, 90);
	given_init(&given);
	add(&given.certificate, &chain, "klmr");
	for (bool went_through = false; !went_through; tried++) {
		struct failing failing = { tried };
		struct file_watch watch = { .context = &failing, .before = fail_one };
		struct certificate_folder folder;
		struct error error;
		char *text;

		folder_make(&folder);
		folder_write(&folder, "imported.pem", "the one before");
		file_watch_set(&watch);
		went_through = import(&folder, &given, &error);
		file_watch_set(NULL);
		text = folder_read(&folder, "imported.pem");
		if (strcmp(text, "the one before") != 0)
			check_stored(&folder, &chain);
		else
			assert_int_equal(error.kind, ERROR_FULL);
		free(text);
		folder_discard(&folder);
	}
	assert_in_range(tried, 5, 12);
	given_clear(&given);
	other_chain_clear(&chain);
}

static void test_removal(void **state)
{
	struct certificate_folder folder;
	struct certificate_facts facts;
	struct error error;

	(void)state;
	folder_make(&folder);
	assert_false(certificate_read(folder.path, CERTIFICATE_IMPORTED, &facts, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(certificate_import_remove(folder.path, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_string_equal(error.text, "there is no imported certificate");
	/* A damaged one, too. */
	folder_write(&folder, "imported.pem", "?");
	assert_true(certificate_import_remove(folder.path, &error));
	assert_null(folder_read(&folder, "imported.pem"));
	folder_discard(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_self_signed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_not_good),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_failing_disk),
		cmocka_unit_test(test_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
