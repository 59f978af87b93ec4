/* test_certificates.c -- what a gateway does about its certificates in the course of time, and what it tells a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "certificate_folder.h"
#include "other_authority.h"
#include "service/certificates.h"
#include "test_service_fixture.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define DAY_US (24 * HOUR_US)

struct gateway {
	struct service_fixture *fixture;
	struct certificate_folder folder;
	struct certificates *certificates;
	int64_t now_us;
};

static void open_certificates(struct gateway *gateway)
{
	struct error error;

	gateway->certificates = certificates_open(
		&gateway->fixture->service, gateway->folder.path, gateway->now_us, &error);
	if (!gateway->certificates)
		fail_msg("%s", error.text);
	assert_non_null(gateway->fixture->service.tls);
}

static void begin(struct gateway *gateway)
{
	gateway->fixture = service_fixture_new();
	folder_make(&gateway->folder);
	gateway->now_us = (int64_t)time(NULL) * SECOND_US;
	open_certificates(gateway);
}

static void end(struct gateway *gateway)
{
	certificates_close(&gateway->certificates);
	assert_null(gateway->fixture->service.tls);
	folder_discard(&gateway->folder);
	service_fixture_free(&gateway->fixture);
}

static void must_import(struct gateway *gateway, int64_t now_us, int days)
{
	struct certificate_import import = { 0 };
	struct other_chain chain;
	struct error error;
	struct buf text;

	other_chain_make(&chain, NULL, now_us / SECOND_US, days);
	buf_init(&text, 65536);
	other_add_key(&text, &chain.leaf, NULL);
	other_add_certificate(&text, &chain.leaf);
	other_add_certificate(&text, &chain.middle);
	other_add_certificate(&text, &chain.root);
	import.certificate = buf_view(&text);
	if (!certificates_import(gateway->certificates, &import, now_us, &error))
		fail_msg("%s", error.text);
	buf_clear(&text);
	other_chain_clear(&chain);
}

/* Those whose id begins with "certificate"; there are no others. */
static size_t problem_count(struct gateway *gateway)
{
	struct problem list[PROBLEMS_MAX];
	size_t count = problems_list(gateway->fixture->service.problems, list, PROBLEMS_MAX);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(strncmp(list[i].id, "certificate", 11), 0);
	return count;
}

static void check_problem(
	struct gateway *gateway, const char *id, enum problem_severity severity, const char *says)
{
	struct problem found;

	if (!has_problem(gateway->fixture->service.problems, id, &found))
		fail_msg("no problem %s", id);
	if (found.severity != severity || !strstr(found.text, says))
		fail_msg("problem %s (%d): %s", id, found.severity, found.text);
	assert_true(found.remedy[0]);
}

static void test_quiet(void **state)
{
	struct gateway gateway;

	(void)state;
	begin(&gateway);
	/* Own certificates renew themselves: nothing to say for years. */
	for (int day = 0; day < 1200; day += 10) {
		certificates_look(gateway.certificates, gateway.now_us + day * DAY_US);
		assert_int_equal(problem_count(&gateway), 0);
	}
	end(&gateway);
}

static void test_imported_expires(void **state)
{
	struct gateway gateway;
	struct error error;

	(void)state;
	begin(&gateway);
	must_import(&gateway, gateway.now_us, 90);
	assert_int_equal(problem_count(&gateway), 0);
	certificates_look(gateway.certificates, gateway.now_us + 69 * DAY_US);
	assert_int_equal(problem_count(&gateway), 0);
	certificates_look(gateway.certificates, gateway.now_us + 69 * DAY_US + HOUR_US);
	check_problem(&gateway, "certificate imported", PROBLEM_WARNING,
		"The imported certificate expires on 20");
	certificates_look(gateway.certificates, gateway.now_us + 90 * DAY_US);
	check_problem(&gateway, "certificate imported", PROBLEM_ERROR, "certificate expired on 20");
	assert_int_equal(problem_count(&gateway), 1);

	/* Replaced, soon to expire again, removed. */
	must_import(&gateway, gateway.now_us + 91 * DAY_US, 90);
	assert_int_equal(problem_count(&gateway), 0);
	must_import(&gateway, gateway.now_us + 91 * DAY_US, 9);
	check_problem(&gateway, "certificate imported", PROBLEM_WARNING, "expires on 20");
	assert_true(certificates_remove_import(
		gateway.certificates, gateway.now_us + 92 * DAY_US, &error));
	assert_int_equal(problem_count(&gateway), 0);
	assert_false(certificates_remove_import(
		gateway.certificates, gateway.now_us + 92 * DAY_US, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	end(&gateway);
}

/* A computer whose clock was set back. */
static void test_not_yet_valid(void **state)
{
	struct gateway gateway;
	struct error error;

	(void)state;
	begin(&gateway);
	must_import(&gateway, gateway.now_us, 90);
	certificates_look(gateway.certificates, gateway.now_us - 2 * DAY_US);
	check_problem(&gateway, "certificate imported", PROBLEM_ERROR, "is not valid before 20");
	check_problem(&gateway, "certificate server-ec", PROBLEM_ERROR, "is not valid before 20");
	check_problem(&gateway, "certificate server-rsa", PROBLEM_ERROR, "is not valid before 20");
	check_problem(&gateway, "certificate authority", PROBLEM_ERROR, "clock says 20");
	assert_false(
		certificates_generate(gateway.certificates, gateway.now_us - 2 * DAY_US, &error));
	assert_non_null(strstr(error.text, "the authority is not valid yet"));
	certificates_look(gateway.certificates, gateway.now_us);
	assert_int_equal(problem_count(&gateway), 0);
	end(&gateway);
}

static void test_host_name(void **state)
{
	struct gateway gateway;
	char path[PATH_SIZE];
	struct error error;

	(void)state;
	begin(&gateway);
	strcpy(gateway.fixture->service.hostname, "mail.example.org");
	certificates_rename(gateway.certificates, gateway.now_us);
	check_problem(&gateway, "certificate-name", PROBLEM_ERROR,
		"does not have the gateway's host name");
	assert_true(
		certificates_trusted_file(gateway.certificates, "mail.example.org", path, &error));
	assert_non_null(strstr(path, "/authority.crt"));

	must_import(&gateway, gateway.now_us, 90);
	assert_int_equal(problem_count(&gateway), 0);
	certificates_rename(gateway.certificates, gateway.now_us);
	certificates_look(gateway.certificates, gateway.now_us);
	assert_int_equal(problem_count(&gateway), 0);
	assert_true(
		certificates_trusted_file(gateway.certificates, "mail.example.org", path, &error));
	assert_non_null(strstr(path, "/imported.pem"));
	assert_true(certificates_trusted_file(gateway.certificates, "localhost", path, &error));
	assert_non_null(strstr(path, "/authority.crt"));

	assert_true(certificates_remove_import(gateway.certificates, gateway.now_us, &error));
	check_problem(&gateway, "certificate-name", PROBLEM_ERROR, "not vouch for");
	strcpy(gateway.fixture->service.hostname, "gateway.example.com");
	certificates_rename(gateway.certificates, gateway.now_us);
	assert_int_equal(problem_count(&gateway), 0);
	end(&gateway);
}

/* A damaged file never stops mail: a start leaves it out, a running gateway keeps what it has; both say so. */
static void test_damaged_import(void **state)
{
	struct gateway gateway;

	(void)state;
	begin(&gateway);
	certificates_look(gateway.certificates, gateway.now_us);
	folder_write(&gateway.folder, "imported.pem", "damaged");
	/* It is read once a day, when tickets get a new key. */
	certificates_look(gateway.certificates, gateway.now_us + 23 * HOUR_US);
	assert_int_equal(problem_count(&gateway), 0);
	certificates_look(gateway.certificates, gateway.now_us + 24 * HOUR_US);
	check_problem(&gateway, "certificate", PROBLEM_ERROR, "imported.pem holds no readable");

	certificates_close(&gateway.certificates);
	problems_resolve(gateway.fixture->service.problems, "certificate");
	open_certificates(&gateway);
	certificates_look(gateway.certificates, gateway.now_us);
	check_problem(&gateway, "certificate", PROBLEM_ERROR, "imported.pem holds no readable");
	must_import(&gateway, gateway.now_us, 90);
	assert_int_equal(problem_count(&gateway), 0);
	end(&gateway);
}

/* After a power cut in the middle of certificates_generate(). */
static void test_completed(void **state)
{
	struct certificate_facts facts;
	struct gateway gateway;
	struct error error;
	char *before, *after;

	(void)state;
	begin(&gateway);
	folder_delete(&gateway.folder, "server-ec.crt");
	certificates_look(gateway.certificates, gateway.now_us);
	assert_int_equal(problem_count(&gateway), 0);
	assert_true(certificates_read(gateway.certificates, CERTIFICATE_SERVER_EC, &facts, &error));
	before = folder_read(&gateway.folder, "server-rsa.key");
	if (!certificates_generate(gateway.certificates, gateway.now_us, &error))
		fail_msg("%s", error.text);
	after = folder_read(&gateway.folder, "server-rsa.key");
	assert_string_not_equal(before, after);
	free(before);
	free(after);
	end(&gateway);
}

/* A wrong file is an error for who gave it, and no problem of the gateway. */
static void test_refused_import(void **state)
{
	struct certificate_import wrong = { .certificate = bytes_of("-----BEGIN nothing") };
	struct gateway gateway;
	struct error error;

	(void)state;
	begin(&gateway);
	assert_false(certificates_import(gateway.certificates, &wrong, gateway.now_us, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_int_equal(problem_count(&gateway), 0);
	certificates_look(gateway.certificates, gateway.now_us);
	assert_int_equal(problem_count(&gateway), 0);
	end(&gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_imported_expires),
		cmocka_unit_test(test_not_yet_valid),
		cmocka_unit_test(test_host_name),
		cmocka_unit_test(test_damaged_import),
		cmocka_unit_test(test_completed),
		cmocka_unit_test(test_refused_import),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
