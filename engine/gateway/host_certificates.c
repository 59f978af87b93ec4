/* host_certificates.c -- the certificates of a start, and a look at them every day. A renewed certificate serves
 * new sessions at once; the context it replaces is kept until the end, since sessions may still use it. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host_internal.h"
#include "net/certificate.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/host.h"

static const int64_t one_day_us = INT64_C(24) * 3600 * 1000000;

struct named {
	struct certificate_names names;
	char hosts[2048];
	char addresses[HOST_ADDRESSES_MAX][HOST_ADDRESS_SIZE];
};

static void add_name(struct named *named, const char *name)
{
	if (named->names.count < CERTIFICATE_NAMES_MAX)
		named->names.hosts[named->names.count++] = name;
}

/* An authority vouches for what it was made for and for nothing else: its own list decides. */
static void names_of_authority(struct host *host, struct named *named)
{
	struct certificate_facts facts;
	char *rest, *name;

	add_name(named, host->service.hostname);
	if (!certificate_read(host->engine.tls_folder, CERTIFICATE_AUTHORITY, &facts, NULL))
		return;
	memcpy(named->hosts, facts.names, sizeof facts.names);
	for (name = strtok_r(named->hosts, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
		if (strcmp(name, "...") != 0 && strcmp(name, host->service.hostname) != 0)
			add_name(named, name);
	}
}

/* The first start: this computer's name and every address it has now. */
static void names_of_computer(struct host *host, struct named *named)
{
	size_t count = host_addresses(named->addresses);

	add_name(named, host->service.hostname);
	for (size_t i = 0; i < count; i++)
		add_name(named, named->addresses[i]);
}

static void find_names(struct host *host, struct named *named)
{
	memset(named, 0, sizeof *named);
	if (file_exists(host->engine.authority_file))
		names_of_authority(host, named);
	else
		names_of_computer(host, named);
}

bool host_certificates_load(struct host *host, struct error *error)
{
	const char *folder = host->engine.tls_folder;
	struct named named;

	find_names(host, &named);
	if (!folder_create(folder, error) ||
		!certificate_ensure(folder, &named.names, clock_wall_us() / 1000000, error))
		return false;
	host->service.tls = tls_server_context(folder, error);
	return host->service.tls != NULL;
}

static bool renew(struct host *host, struct error *error)
{
	struct tls_context *renewed_context;
	struct named named;
	bool renewed = false;

	find_names(host, &named);
	if (!certificate_renew(host->engine.tls_folder, &named.names, clock_wall_us() / 1000000,
		    &renewed, error))
		return false;
	/* What could not be loaded the last time is still to be loaded. */
	host->is_reload_due = host->is_reload_due || renewed;
	if (!host->is_reload_due)
		return true;
	if (host->old_context_count == OLD_CONTEXTS_MAX)
		return error_set(
			error, ERROR_STATE, "start the gateway again to use the new certificate");
	renewed_context = tls_server_context(host->engine.tls_folder, error);
	if (!renewed_context)
		return false;
	mutex_lock(host->service.mutex);
	host->old_contexts[host->old_context_count++] = host->service.tls;
	host->service.tls = renewed_context;
	mutex_unlock(host->service.mutex);
	host->is_reload_due = false;
	log_event(LOG_INFO, "certificate.renewed", "folder=\"%s\"", host->engine.tls_folder);
	notices_note(host->service.notices, NOTICE_CERTIFICATES);
	return true;
}

static void look(struct host *host)
{
	char text[512];
	struct error error;

	if (renew(host, &error)) {
		problems_resolve(host->service.problems, "certificate");
		return;
	}
	snprintf(text, sizeof text, "The server certificate could not be renewed: %.400s",
		error.text);
	problems_raise(host->service.problems, clock_wall_us(), PROBLEM_ERROR, "certificate", text,
		"Mail programs and servers will refuse the gateway when the certificate has "
		"expired.");
}

static void keeper_thread(void *context)
{
	struct host *host = context;

	mutex_lock(host->service.mutex);
	while (!host->is_ending) {
		mutex_unlock(host->service.mutex);
		look(host);
		mutex_lock(host->service.mutex);
		if (!host->is_ending)
			condition_wait_for(host->keeper_wakes, host->service.mutex, one_day_us);
	}
	mutex_unlock(host->service.mutex);
}

bool host_certificates_start(struct host *host, struct error *error)
{
	host->keeper_wakes = condition_new(error);
	if (host->keeper_wakes)
		host->keeper = thread_start("certificates", keeper_thread, host, error);
	return host->keeper != NULL;
}

void host_certificates_stop(struct host *host)
{
	if (host->keeper) {
		mutex_lock(host->service.mutex);
		host->is_ending = true;
		condition_signal(host->keeper_wakes);
		mutex_unlock(host->service.mutex);
	}
	thread_join(&host->keeper);
	condition_free(&host->keeper_wakes);
}
