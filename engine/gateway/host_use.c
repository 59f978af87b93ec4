/* host_use.c -- settings that change while the gateway runs: one table says what each of them must reach. A
 * setting without a row needs a restart, and says so in the option table; a test compares the two. */
#include <string.h>

#include "host_internal.h"
#include "platform/host.h"

typedef bool use_setting(
	struct host *host, const char *key, const struct config *changed, struct error *error);

static bool use_hostname(
	struct host *host, const char *key, const struct config *changed, struct error *error)
{
	char name[CONFIG_HOST_SIZE];

	(void)key;
	(void)error;
	memcpy(name, changed->hostname, sizeof name);
	if (!*name)
		host_name(name);
	mutex_lock(host->service.mutex);
	memcpy(host->service.hostname, name, sizeof host->service.hostname);
	mutex_unlock(host->service.mutex);
	host_certificates_rename(host);
	return true;
}

static bool use_listeners(
	struct host *host, const char *key, const struct config *changed, struct error *error)
{
	if (!reception_rebind(host->engine.reception, key, changed, error))
		return false;
	notices_note(host->service.notices, NOTICE_STATUS);
	return true;
}

static bool use_sessions(
	struct host *host, const char *key, const struct config *changed, struct error *error)
{
	(void)key;
	(void)error;
	host_raise_file_limit(host, changed->limits_sessions);
	reception_set_max_sessions(host->engine.reception, (size_t)changed->limits_sessions);
	return true;
}

static bool use_storage(
	struct host *host, const char *key, const struct config *changed, struct error *error)
{
	(void)key;
	return host_storage_use(host, changed, error);
}

static bool use_log(
	struct host *host, const char *key, const struct config *changed, struct error *error)
{
	(void)key;
	return host_log_use(host, changed, error);
}

/* Whoever needs it reads it when it is needed: for a new session, or at the next look. */
static bool read_when_needed(
	struct host *host, const char *key, const struct config *changed, struct error *error)
{
	(void)host;
	(void)key;
	(void)changed;
	(void)error;
	return true;
}

/* The first row that fits; a key that ends in a dot stands for all that begin so. */
static const struct row {
	const char *key;
	use_setting *use;
} rows[] = {
	{ "hostname", use_hostname },
	{ "domains", read_when_needed },
	{ "listen.", use_listeners },
	{ "limits.sessions", use_sessions },
	{ "limits.", read_when_needed },
	{ "smtp.", read_when_needed },
	{ "timeouts.", read_when_needed },
	{ "storage.", use_storage },
	{ "alerts.", read_when_needed },
	{ "log.", use_log },
};

static bool fits(const struct row *row, const char *key)
{
	size_t length = strlen(row->key);

	return row->key[length - 1] == '.' ? strncmp(row->key, key, length) == 0
					   : strcmp(row->key, key) == 0;
}

static const struct row *find(const char *key)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (fits(&rows[i], key))
			return &rows[i];
	}
	return NULL;
}

bool host_can_use_setting(const char *key)
{
	return find(key) != NULL;
}

bool host_use_setting(
	void *context, const char *key, const struct config *changed, struct error *error)
{
	const struct row *row = find(key);

	return !row || row->use(context, key, changed, error);
}
