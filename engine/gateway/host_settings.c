/* host_settings.c -- settings of a start. What was chosen on the first start is saved, so that neither a port nor
 * the host name that the certificates carry changes by itself later. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host_internal.h"
#include "platform/clock.h"
#include "platform/host.h"
#include "platform/listener.h"

static const struct {
	const char *key;
	uint16_t port;	     /* where it can be bound */
	uint16_t other_port; /* else this */
} default_ports[] = {
	{ "listen.smtp", 25, 2525 },
	{ "listen.smtps", 465, 2465 },
	{ "listen.submission", 587, 2587 },
	{ "listen.pop3", 110, 2110 },
	{ "listen.pop3s", 995, 2995 },
};

enum { PORT_COUNT = sizeof default_ports / sizeof default_ports[0] };

struct loading {
	struct host *host;
	bool has_hostname;
	bool has_port[PORT_COUNT];
};

static void note_key(struct loading *loading, const char *key)
{
	if (strcmp(key, "hostname") == 0)
		loading->has_hostname = true;
	for (size_t i = 0; i < PORT_COUNT; i++) {
		if (strcmp(key, default_ports[i].key) == 0)
			loading->has_port[i] = true;
	}
}

/* A saved value that does not fit any more (another version wrote it) must not keep mail from arriving. */
static void load_row(void *context, const char *key, const char *value)
{
	struct loading *loading = context;
	char id[96], text[512];
	struct error error;

	/* What a part of the gateway remembers, and is no setting. */
	if (strncmp(key, "state.", strlen("state.")) == 0)
		return;
	note_key(loading, key);
	if (config_set(&loading->host->service.config, key, value, &error))
		return;
	snprintf(id, sizeof id, "setting %.80s", key);
	snprintf(text, sizeof text, "The saved setting %.80s is not used: %.350s", key, error.text);
	problems_raise(loading->host->service.problems, clock_wall_us(), PROBLEM_WARNING, id, text,
		"Set it again; until then its default applies.");
}

static bool can_bind(const char *host, uint16_t port)
{
	struct listener listener;
	bool ok = listener_open(&listener, host, port, NULL);

	if (ok)
		listener_close(&listener);
	return ok;
}

static uint16_t free_port(void)
{
	struct listener listener;
	uint16_t port;

	if (!listener_open(&listener, "127.0.0.1", 0, NULL))
		return 0;
	port = listener.address.port;
	listener_close(&listener);
	return port;
}

/* This computer alone is let in until a person says otherwise. IPv6 only where it is, on the same port. */
static bool choose_port(struct host *host, size_t index, struct error *error)
{
	const char *key = default_ports[index].key;
	uint16_t port = default_ports[index].port;
	char value[64];

	if (!can_bind("127.0.0.1", port))
		port = default_ports[index].other_port;
	if (!can_bind("127.0.0.1", port))
		port = free_port();
	snprintf(value, sizeof value, "127.0.0.1:%u", port);
	if (can_bind("::1", port))
		snprintf(value, sizeof value, "127.0.0.1:%u [::1]:%u", port, port);
	log_event(LOG_INFO, "settings.chosen", "key=%s value=\"%s\"", key, value);
	return config_set(&host->service.config, key, value, error) &&
	       store_setting_set(host->service.store, key, value, error);
}

static bool choose_hostname(struct host *host, struct error *error)
{
	char name[HOST_NAME_SIZE];

	host_name(name);
	/* A name that no certificate can carry is no name to answer to. */
	if (!config_set(&host->service.config, "hostname", name, NULL)) {
		snprintf(name, sizeof name, "localhost");
		if (!config_set(&host->service.config, "hostname", name, error))
			return false;
	}
	return store_setting_set(host->service.store, "hostname", name, error);
}

static bool choose_missing(struct host *host, const struct loading *loading, struct error *error)
{
	if (!loading->has_hostname && !choose_hostname(host, error))
		return false;
	for (size_t i = 0; i < PORT_COUNT; i++) {
		if (!loading->has_port[i] && !choose_port(host, i, error))
			return false;
	}
	return true;
}

bool host_settings_load(
	struct host *host, const struct gateway_options *options, struct error *error)
{
	struct config *config = &host->service.config;
	struct loading loading = { .host = host };

	config_set_defaults(config);
	if (!store_setting_each(host->service.store, load_row, &loading, error))
		return false;
	for (size_t i = 0; i < options->override_count; i++)
		note_key(&loading, options->overrides[i].key);
	if (!choose_missing(host, &loading, error))
		return false;
	for (size_t i = 0; i < options->override_count; i++) {
		if (!config_set(
			    config, options->overrides[i].key, options->overrides[i].value, error))
			return false;
	}
	memcpy(host->service.hostname, config->hostname, sizeof host->service.hostname);
	if (!*host->service.hostname)
		host_name(host->service.hostname);
	return host_storage_use(host, config, error) && host_log_use(host, config, error);
}
