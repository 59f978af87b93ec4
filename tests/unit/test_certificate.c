/* test_certificate.c -- what the certificates say, and what verifiers make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "certificate_folder.h"

#define DAY INT64_C(86400)

struct fixture {
	struct certificate_folder folder;
	X509 *authority;
	EVP_PKEY *authority_key;
	X509 *server[2];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;

	assert_non_null(fixture);
	folder_make(&fixture->folder);
	if (!certificate_ensure(fixture->folder.path, &folder_names, TEST_NOW_S, &error))
		fail_msg("%s", error.text);
	fixture->authority = folder_certificate(&fixture->folder, "authority.crt");
	fixture->authority_key = folder_key(&fixture->folder, "authority.key");
	fixture->server[0] = folder_certificate(&fixture->folder, "server-ec.crt");
	fixture->server[1] = folder_certificate(&fixture->folder, "server-rsa.crt");
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	X509_free(fixture->authority);
	X509_free(fixture->server[0]);
	X509_free(fixture->server[1]);
	EVP_PKEY_free(fixture->authority_key);
	folder_discard(&fixture->folder);
	free(fixture);
	return 0;
}

static void test_verifies_for_each_name(void **state)
{
	static const struct {
		const char *host;
		int code;
	} rows[] = {
		{ NULL, X509_V_OK },
		{ "gateway.example.com", X509_V_OK },
		{ "GATEWAY.example.com", X509_V_OK },
		{ "mail.example.net", X509_V_OK },
		{ "localhost", X509_V_OK },
		{ "192.0.2.7", X509_V_OK },
		{ "2001:db8::7", X509_V_OK },
		{ "127.0.0.1", X509_V_OK },
		{ "::1", X509_V_OK },
		{ "evil.example", X509_V_ERR_HOSTNAME_MISMATCH },
		{ "example.com", X509_V_ERR_HOSTNAME_MISMATCH },
		{ "www.gateway.example.com", X509_V_ERR_HOSTNAME_MISMATCH },
		{ "192.0.2.8", X509_V_ERR_IP_ADDRESS_MISMATCH },
		{ "::2", X509_V_ERR_IP_ADDRESS_MISMATCH },
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t j = 0; j < 2; j++)
			assert_int_equal(folder_verify(fixture->server[j], fixture->authority,
						 rows[i].host, TEST_NOW_S),
				rows[i].code);
	}
}

/* Signs a server certificate with other names, as somebody with the authority's key could. */
static X509 *forge(const struct fixture *fixture, int form, const char *name)
{
	X509 *forged = X509_dup(fixture->server[0]);
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *one = a2i_GENERAL_NAME(NULL, NULL, NULL, form, name, 0);
	int place = X509_get_ext_by_NID(forged, NID_subject_alt_name, -1);

	assert_non_null(one);
	assert_true(place >= 0);
	X509_EXTENSION_free(X509_delete_ext(forged, place));
	sk_GENERAL_NAME_push(names, one);
	assert_int_equal(
		X509_add1_ext_i2d(forged, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT), 1);
	GENERAL_NAMES_free(names);
	assert_true(X509_sign(forged, fixture->authority_key, EVP_sha256()) > 0);
	return forged;
}

static void test_name_constraints(void **state)
{
	static const struct {
		int form, code;
		const char *name;
	} rows[] = {
		{ GEN_DNS, X509_V_OK, "gateway.example.com" },
		{ GEN_DNS, X509_V_OK, "localhost" },
		{ GEN_DNS, X509_V_OK, "below.gateway.example.com" },
		{ GEN_DNS, X509_V_ERR_PERMITTED_VIOLATION, "evil.example" },
		{ GEN_DNS, X509_V_ERR_PERMITTED_VIOLATION, "example.com" },
		{ GEN_DNS, X509_V_ERR_PERMITTED_VIOLATION, "other.example.com" },
		{ GEN_DNS, X509_V_ERR_PERMITTED_VIOLATION, "xgateway.example.com" },
		{ GEN_DNS, X509_V_ERR_PERMITTED_VIOLATION, "*.example.com" },
		{ GEN_IPADD, X509_V_OK, "192.0.2.7" },
		{ GEN_IPADD, X509_V_ERR_PERMITTED_VIOLATION, "192.0.2.6" },
		{ GEN_IPADD, X509_V_ERR_PERMITTED_VIOLATION, "127.0.0.2" },
		{ GEN_IPADD, X509_V_OK, "2001:db8::7" },
		{ GEN_IPADD, X509_V_ERR_PERMITTED_VIOLATION, "2001:db8::8" },
		{ GEN_EMAIL, X509_V_ERR_PERMITTED_VIOLATION, "a@gateway.example.com" },
		{ GEN_EMAIL, X509_V_ERR_PERMITTED_VIOLATION, "a@evil.example" },
		{ GEN_URI, X509_V_ERR_PERMITTED_VIOLATION, "https://gateway.example.com/" },
		{ GEN_URI, X509_V_ERR_PERMITTED_VIOLATION, "https://evil.example/" },
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		X509 *forged = forge(fixture, rows[i].form, rows[i].name);

		assert_int_equal(
			folder_verify(forged, fixture->authority, NULL, TEST_NOW_S), rows[i].code);
		X509_free(forged);
	}
}

/* Neither another authority nor anything but a server may come out of the authority's key. */
static void test_authority_is_for_servers_only(void **state)
{
	const struct fixture *fixture = *state;
	X509 *authority = fixture->authority;

	assert_int_equal(X509_check_ca(authority), 1);
	assert_int_equal(X509_get_pathlen(authority), 0);
	assert_int_equal(X509_get_key_usage(authority), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(X509_get_extended_key_usage(authority), XKU_SSL_SERVER);
	assert_int_not_equal(X509_check_purpose(authority, X509_PURPOSE_SSL_SERVER, 1), 0);
	assert_int_equal(X509_check_purpose(authority, X509_PURPOSE_SMIME_SIGN, 1), 0);
	assert_int_equal(X509_check_purpose(authority, X509_PURPOSE_SSL_CLIENT, 1), 0);
}

static void check_critical(X509 *certificate, int nid, int critical)
{
	int place = X509_get_ext_by_NID(certificate, nid, -1);

	assert_true(place >= 0);
	assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(certificate, place)), critical);
	assert_int_equal(X509_get_ext_by_NID(certificate, nid, place), -1);
}

static void check_serial(X509 *certificate)
{
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);

	assert_non_null(serial);
	assert_false(BN_is_negative(serial));
	/* 64 bits at the top may be zero once in 2^64 runs. */
	assert_in_range(BN_num_bits(serial), 95, 159);
	BN_free(serial);
}

static void test_extensions(void **state)
{
	const struct fixture *fixture = *state;

	check_critical(fixture->authority, NID_basic_constraints, 1);
	check_critical(fixture->authority, NID_key_usage, 1);
	check_critical(fixture->authority, NID_name_constraints, 1);
	check_critical(fixture->authority, NID_subject_key_identifier, 0);
	check_serial(fixture->authority);
	for (size_t i = 0; i < 2; i++) {
		X509 *server = fixture->server[i];

		check_critical(server, NID_basic_constraints, 1);
		check_critical(server, NID_key_usage, 1);
		check_critical(server, NID_ext_key_usage, 0);
		check_critical(server, NID_subject_alt_name, 0);
		check_critical(server, NID_subject_key_identifier, 0);
		check_critical(server, NID_authority_key_identifier, 0);
		check_serial(server);
		assert_int_equal(X509_get_version(server), X509_VERSION_3);
		assert_int_equal(X509_check_ca(server), 0);
		assert_int_equal(X509_get_extended_key_usage(server), XKU_SSL_SERVER);
		assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(server),
					 X509_get0_subject_key_id(fixture->authority)),
			0);
	}
	assert_int_equal(X509_get_key_usage(fixture->server[0]), KU_DIGITAL_SIGNATURE);
	assert_int_equal(
		X509_get_key_usage(fixture->server[1]), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(fixture->server[0]),
				     X509_get0_serialNumber(fixture->server[1])),
		0);
}

static void test_validity(void **state)
{
	static const struct {
		int64_t now_s;
		int code;
	} rows[] = {
		{ TEST_NOW_S - 3601, X509_V_ERR_CERT_NOT_YET_VALID },
		{ TEST_NOW_S - 3600, X509_V_OK },
		{ TEST_NOW_S + 396 * DAY, X509_V_OK },
		{ TEST_NOW_S - 3600 + 397 * DAY - 1, X509_V_OK },
		{ TEST_NOW_S - 3600 + 397 * DAY + 1, X509_V_ERR_CERT_HAS_EXPIRED },
	};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(
			folder_verify(fixture->server[0], fixture->authority, NULL, rows[i].now_s),
			rows[i].code);
}

static void test_facts(void **state)
{
	static const char names[] = "gateway.example.com, mail.example.net, 192.0.2.7, "
				    "2001:db8::7, localhost, 127.0.0.1, ::1";
	const struct fixture *fixture = *state;
	struct certificate_facts facts;
	struct error error;
	uint8_t digest[32];
	char byte[4];

	assert_true(certificate_read(fixture->folder.path, CERTIFICATE_AUTHORITY, &facts, &error));
	assert_int_equal(
		strncmp(facts.subject, "CN=Lettergate authority (gateway.example.com, ", 46), 0);
	assert_int_equal(strlen(facts.subject), 46 + 7);
	assert_string_equal(facts.issuer, facts.subject);
	assert_string_equal(facts.names, names);
	assert_string_equal(facts.key, "EC P-256");
	assert_int_equal(facts.not_before_s, TEST_NOW_S - 3600);
	assert_in_range(facts.not_after_s, TEST_NOW_S + DAY * 365 * 20, TEST_NOW_S + 7306 * DAY);

	assert_true(certificate_read(fixture->folder.path, CERTIFICATE_SERVER_RSA, &facts, &error));
	assert_string_equal(facts.subject, "CN=gateway.example.com");
	assert_string_equal(facts.names, names);
	assert_string_equal(facts.key, "RSA 2048");
	assert_int_equal(facts.not_before_s, TEST_NOW_S - 3600);
	assert_int_equal(facts.not_after_s, TEST_NOW_S - 3600 + 397 * DAY);
	assert_int_equal(strlen(facts.sha256), 95);
	assert_int_equal(X509_digest(fixture->server[1], EVP_sha256(), digest, NULL), 1);
	for (size_t i = 0; i < sizeof digest; i++) {
		snprintf(byte, sizeof byte, "%02X", digest[i]);
		assert_memory_equal(facts.sha256 + 3 * i, byte, 2);
		assert_true(i == 31 || facts.sha256[3 * i + 2] == ':');
	}
	assert_true(certificate_read(fixture->folder.path, CERTIFICATE_SERVER_EC, &facts, &error));
	assert_string_equal(facts.key, "EC P-256");
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_pem(void **state)
{
	const struct fixture *fixture = *state;
	char *certificate = folder_read(&fixture->folder, "server-ec.crt");
	char *key = folder_read(&fixture->folder, "server-ec.key");
	size_t size = strlen(certificate) * 2 + strlen(key) + 1;
	char *both = calloc(1, size);
	struct buf pem;
	struct error error;

	buf_init(&pem, 65536);
	assert_true(certificate_pem(fixture->folder.path, CERTIFICATE_SERVER_EC, &pem, &error));
	assert_string_equal(buf_text(&pem), certificate);
	/* A key or a chain in the same file does not come out with it. */
	snprintf(both, size, "%s%s%s", key, certificate, certificate);
	folder_write(&fixture->folder, "server-ec.crt", both);
	buf_clear(&pem);
	assert_true(certificate_pem(fixture->folder.path, CERTIFICATE_SERVER_EC, &pem, &error));
	assert_string_equal(buf_text(&pem), certificate);
	buf_clear(&pem);
	folder_delete(&fixture->folder, "server-ec.crt");
	assert_false(certificate_pem(fixture->folder.path, CERTIFICATE_SERVER_EC, &pem, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	free(certificate);
	free(key);
	free(both);
}

/* ---- names ---- */

#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void test_host_names(void **state)
{
	static const struct {
		const char *host;
		const char *subject; /* NULL: refused */
		const char *authority;
	} rows[] = {
		{ "gateway", "CN=gateway", "CN=Lettergate authority (gateway, " },
		{ "192.0.2.9", "CN=192.0.2.9", "CN=Lettergate authority (192.0.2.9, " },
		{ "2001:DB8::9", "CN=2001:DB8::9", "CN=Lettergate authority (2001:DB8::9, " },
		{ "office_pc.example", "CN=office_pc.example",
			"CN=Lettergate authority (office_pc.example, " },
		{ "a-host-name-of-thirty-three.chars", "CN=a-host-name-of-thirty-three.chars",
			"CN=Lettergate authority (a-host-name-of-thirty-three.chars, " },
		{ "one-that-is-longer-than-thirty-three.chars",
			"CN=one-that-is-longer-than-thirty-three.chars",
			"CN=Lettergate authority (one-that-is-longer-than-thirty-th, " },
		{ "a"
		  "." LABEL_63 "." LABEL_63,
			"CN=Lettergate",
			"CN=Lettergate authority (a."
			"aaaaaaaaaabbbbbbbbbbccccccccccd, " },
		{ "", NULL, NULL },
		{ ".", NULL, NULL },
		{ "a..b", NULL, NULL },
		{ "a.example.", NULL, NULL },
		{ "two words", NULL, NULL },
		{ "a,DNS:evil.example", NULL, NULL },
		{ "*.example.com", NULL, NULL },
		{ "-a.example", NULL, NULL },
		{ "a\n", NULL, NULL },
		{ "m\xc3\xbcnchen.de", NULL, NULL },
		{ "fe80::1%lo", NULL, NULL },
		{ "g" LABEL_63, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct certificate_names names = { .hosts = { rows[i].host }, .count = 1 };
		struct certificate_folder folder;
		struct certificate_facts facts;
		struct error error;
		X509 *authority, *server;

		folder_make(&folder);
		if (!rows[i].subject) {
			assert_false(certificate_ensure(folder.path, &names, TEST_NOW_S, &error));
			assert_int_equal(error.kind, ERROR_INVALID);
			assert_non_null(strstr(error.text, "neither a host name nor"));
			assert_null(folder_read(&folder, "authority.key"));
			folder_discard(&folder);
			continue;
		}
		if (!certificate_ensure(folder.path, &names, TEST_NOW_S, &error))
			fail_msg("row %zu: %s", i, error.text);
		assert_true(certificate_read(folder.path, CERTIFICATE_SERVER_EC, &facts, &error));
		assert_string_equal(facts.subject, rows[i].subject);
		assert_int_equal(
			strncmp(facts.issuer, rows[i].authority, strlen(rows[i].authority)), 0);
		authority = folder_certificate(&folder, "authority.crt");
		server = folder_certificate(&folder, "server-ec.crt");
		assert_int_equal(
			folder_verify(server, authority, rows[i].host, TEST_NOW_S), X509_V_OK);
		X509_free(authority);
		X509_free(server);
		folder_discard(&folder);
	}
}

static void test_many_names(void **state)
{
	static char text[CERTIFICATE_NAMES_MAX][64];
	struct certificate_names names = { .count = CERTIFICATE_NAMES_MAX };
	struct certificate_folder folder;
	struct certificate_facts facts;
	struct error error;
	X509 *authority, *server;

	(void)state;
	for (size_t i = 0; i < CERTIFICATE_NAMES_MAX; i++) {
		snprintf(text[i], sizeof text[i], "gateway-number-%zu.example.com", i);
		names.hosts[i] = text[i];
	}
	folder_make(&folder);
	names.count++;
	assert_false(certificate_ensure(folder.path, &names, TEST_NOW_S, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	names.count--;
	assert_true(certificate_ensure(folder.path, &names, TEST_NOW_S, &error));
	assert_true(certificate_read(folder.path, CERTIFICATE_SERVER_EC, &facts, &error));
	assert_int_equal(strncmp(facts.names, "gateway-number-0.example.com, gateway-", 38), 0);
	assert_string_equal(facts.names + strlen(facts.names) - 5, ", ...");
	authority = folder_certificate(&folder, "authority.crt");
	server = folder_certificate(&folder, "server-rsa.crt");
	for (size_t i = 0; i < CERTIFICATE_NAMES_MAX; i++)
		assert_int_equal(folder_verify(server, authority, text[i], TEST_NOW_S), X509_V_OK);
	X509_free(authority);
	X509_free(server);
	folder_discard(&folder);
}

static void test_repeated_and_no_names(void **state)
{
	static const struct certificate_names rows[] = {
		{ .hosts = { "a.example", "A.Example", "::1", "0::1", "localhost" }, .count = 5 },
		{ .count = 0 },
	};
	static const char *const names[] = { "a.example, ::1, localhost, 127.0.0.1",
		"localhost, 127.0.0.1, ::1" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct certificate_folder folder;
		struct certificate_facts facts;
		struct error error;

		folder_make(&folder);
		assert_true(certificate_ensure(folder.path, &rows[i], TEST_NOW_S, &error));
		for (int kind = CERTIFICATE_AUTHORITY; kind <= CERTIFICATE_SERVER_RSA; kind++) {
			assert_true(certificate_read(
				folder.path, (enum certificate_kind)kind, &facts, &error));
			assert_string_equal(facts.names, names[i]);
		}
		folder_discard(&folder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verifies_for_each_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_name_constraints, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_authority_is_for_servers_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_extensions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_validity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_facts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pem, set_up, tear_down),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_repeated_and_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
