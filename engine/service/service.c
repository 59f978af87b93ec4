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
	settings->tls_timeout_ms = config->timeouts_tls_ms;
	mutex_unlock(service->mutex);
}

struct tls_context *service_tls(struct service *service)
{
	struct tls_context *tls;

	mutex_lock(service->mutex);
	tls = service->tls;
	mutex_unlock(service->mutex);
	return tls;
}
