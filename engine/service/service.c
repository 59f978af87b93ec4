/* service.c -- a consistent copy of what sessions read at their start. */
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
	settings->smtp_timeout_ms = config->timeouts_smtp_ms;
	settings->pop3_timeout_ms = config->timeouts_pop3_ms;
	settings->pop3_takeover_ms = config->timeouts_pop3_takeover_ms;
	settings->login_failures = (uint32_t)config->limits_login_failures;
	settings->tls_timeout_ms = config->timeouts_tls_ms;
	mutex_unlock(service->mutex);
}
