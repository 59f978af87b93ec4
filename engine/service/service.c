/* service.c -- a consistent copy of what sessions read at their start, and what they ask while they go on. */
#include "service/service.h"

#include <string.h>

void service_settings(struct service *service, struct service_settings *settings)
{
	const struct config *config = &service->config;

	mutex_lock(service->mutex);
	memcpy(settings->hostname, service->hostname, sizeof settings->hostname);
	settings->max_message_size = config->smtp_max_message_size;
	settings->max_recipients = (uint32_t)config->limits_recipients;
	settings->max_errors = (uint32_t)config->limits_errors;
	settings->max_commands = (uint32_t)config->limits_commands;
	settings->max_sessions_of_peer = (size_t)config->limits_sessions_per_address;
	settings->max_bytes_in_flight = config->limits_bytes_in_flight;
	settings->smtp_min_rate = config->smtp_min_rate;
	settings->smtp_timeout_ms = config->timeouts_smtp_ms;
	settings->smtp_pressure_timeout_ms = config->timeouts_smtp_pressure_ms;
	settings->pop3_timeout_ms = config->timeouts_pop3_ms;
	settings->pop3_takeover_ms = config->timeouts_pop3_takeover_ms;
	settings->login_failures = (uint32_t)config->limits_login_failures;
	settings->tls_timeout_ms = config->timeouts_tls_ms;
	mutex_unlock(service->mutex);
}

void service_set_doubt(struct service *service, enum service_doubt doubt, bool is_there)
{
	if (is_there)
		atomic_fetch_or(&service->doubts, doubt);
	else
		atomic_fetch_and(&service->doubts, ~(unsigned)doubt);
}

bool service_has_doubt(const struct service *service, enum service_doubt doubt)
{
	return (atomic_load(&service->doubts) & (unsigned)doubt) != 0;
}

bool service_is_doubtful(const struct service *service)
{
	return atomic_load(&service->doubts) != 0;
}

bool service_has_domain(struct service *service, struct bytes domain)
{
	bool has;

	mutex_lock(service->mutex);
	has = bytes_equal_nocase(domain, bytes_of(service->hostname)) ||
	      config_domains_have(service->config.domains, domain);
	mutex_unlock(service->mutex);
	return has;
}
