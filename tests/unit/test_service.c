/* test_service.c -- what sessions ask while they go on: doubts, and which domains are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_service_fixture.h"

static int set_up(void **state)
{
	*state = service_fixture_new();
	return 0;
}

static int tear_down(void **state)
{
	struct service_fixture *fixture = *state;

	service_fixture_free(&fixture);
	return 0;
}

/* One reason that ends does not end the other. */
static void test_doubts(void **state)
{
	struct service *service = &((struct service_fixture *)*state)->service;

	assert_false(service_is_doubtful(service));
	service_set_doubt(service, SERVICE_RESTORED, true);
	service_set_doubt(service, SERVICE_DEGRADED, true);
	service_set_doubt(service, SERVICE_DEGRADED, true);
	service_set_doubt(service, SERVICE_DEGRADED, false);
	assert_true(service_is_doubtful(service));
	service_set_doubt(service, SERVICE_RESTORED, false);
	assert_false(service_is_doubtful(service));
}

static void test_domains(void **state)
{
	struct service *service = &((struct service_fixture *)*state)->service;

	assert_true(service_has_domain(service, bytes_of("Gateway.example.com")));
	assert_false(service_has_domain(service, bytes_of("office.example")));
	assert_true(config_set(&service->config, "domains", "office.example b.example", NULL));
	assert_true(service_has_domain(service, bytes_of("OFFICE.example")));
	assert_true(service_has_domain(service, bytes_of("b.example")));
	assert_false(service_has_domain(service, bytes_of("sub.b.example")));
	assert_false(service_has_domain(service, bytes_of("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_doubts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_domains, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
