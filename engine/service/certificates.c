/* certificates.c -- who makes which certificate when, and what a person is told of it.
 *
 * One mutex lets one thread at a time change the folder and what was loaded from it, so that both are alike
 * afterwards. What was changed and could not be loaded is loaded by a later look. */
#include "service/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/host.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)

struct certificates {
	struct service *service;
	struct mutex *mutex;
	char folder[PATH_SIZE];
	bool is_reload_due; /* something was changed and is not used yet */
	int64_t loaded_us;
};

/* ---- names ---- */

struct named {
	struct certificate_names names;
	char hostname[CONFIG_HOST_SIZE];
	char hosts[2048];
	char addresses[HOST_ADDRESSES_MAX][HOST_ADDRESS_SIZE];
};

static void add_name(struct named *named, const char *name)
{
	if (named->names.count < CERTIFICATE_NAMES_MAX)
		named->names.hosts[named->names.count++] = name;
}

static void read_hostname(struct certificates *certificates, char hostname[CONFIG_HOST_SIZE])
{
	struct service *service = certificates->service;

	mutex_lock(service->mutex);
	memcpy(hostname, service->hostname, CONFIG_HOST_SIZE);
	mutex_unlock(service->mutex);
}

/* The first start: this computer's name and every address it has now. Later an authority vouches for what it was
 * made for and for nothing else: its own list decides. */
static void find_names(struct certificates *certificates, struct named *named)
{
	struct certificate_facts facts;
	char *rest, *name;

	memset(named, 0, sizeof *named);
	read_hostname(certificates, named->hostname);
	add_name(named, named->hostname);
	if (!certificate_read(certificates->folder, CERTIFICATE_AUTHORITY, &facts, NULL)) {
		size_t count = host_addresses(named->addresses);

		for (size_t i = 0; i < count; i++)
			add_name(named, named->addresses[i]);
		return;
	}
	memcpy(named->hosts, facts.names, sizeof facts.names);
	for (name = strtok_r(named->hosts, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
		if (strcmp(name, "...") != 0 && strcmp(name, named->hostname) != 0)
			add_name(named, name);
	}
}

/* ---- changes; with the mutex held ---- */

static bool reload(struct certificates *certificates, int64_t now_us, struct error *error)
{
	struct service *service = certificates->service;

	certificates->is_reload_due = true;
	if (!tls_server_context_reload(service->tls, certificates->folder, error))
		return false;
	certificates->is_reload_due = false;
	certificates->loaded_us = now_us;
	return true;
}

static bool ensure(struct certificates *certificates, int64_t now_us, struct error *error)
{
	struct named named;

	find_names(certificates, &named);
	return folder_create(certificates->folder, error) &&
	       certificate_ensure(certificates->folder, &named.names, now_us / SECOND_US, error);
}

static bool is_day_over(const struct certificates *certificates, int64_t now_us)
{
	int64_t passed_us = now_us - certificates->loaded_us;

	return passed_us >= DAY_US || passed_us < 0;
}

static bool renew(struct certificates *certificates, int64_t now_us, struct error *error)
{
	struct named named;
	bool renewed = false;

	/* A power cut may have left a key without its certificate. */
	if (!ensure(certificates, now_us, error))
		return false;
	find_names(certificates, &named);
	if (!certificate_renew(
		    certificates->folder, &named.names, now_us / SECOND_US, &renewed, error))
		return false;
	if (renewed) {
		log_event(LOG_INFO, "certificate.renewed", "folder=\"%s\"", certificates->folder);
		notices_note(certificates->service->notices, NOTICE_CERTIFICATES);
	}
	return !(renewed || certificates->is_reload_due || is_day_over(certificates, now_us)) ||
	       reload(certificates, now_us, error);
}

static bool reissue(struct certificates *certificates, int64_t now_us, struct error *error)
{
	struct named named;
	bool renewed = false;

	find_names(certificates, &named);
	return certificate_reissue(
		       certificates->folder, &named.names, now_us / SECOND_US, &renewed, error) &&
	       (!renewed || reload(certificates, now_us, error));
}

/* ---- what a person is told; with the mutex held ---- */

static const struct watched {
	enum certificate_kind kind;
	const char *problem;
	const char *what;
	const char *when_over; /* remedies */
	const char *when_early;
} watched[] = {
	{ CERTIFICATE_AUTHORITY, "certificate authority", "The certificate of the authority",
		"A new authority is needed, which the mail programs must then be told to trust: "
		"stop the "
		"gateway, move the files of the folder tls away, start it again.",
		"Set the clock of this computer." },
	{ CERTIFICATE_SERVER_EC, "certificate server-ec", "The server certificate (ECDSA)",
		"Make new ones: lettergatectl certificate generate.",
		"Set the clock of this computer. If it was wrong when the certificate was made: "
		"lettergatectl certificate generate." },
	{ CERTIFICATE_SERVER_RSA, "certificate server-rsa", "The server certificate (RSA)",
		"Make new ones: lettergatectl certificate generate.",
		"Set the clock of this computer. If it was wrong when the certificate was made: "
		"lettergatectl certificate generate." },
	{ CERTIFICATE_IMPORTED, "certificate imported", "The imported certificate",
		"Get a new one from where it was issued and bring it in: lettergatectl certificate "
		"import. Or go back to the gateway's own: lettergatectl certificate remove.",
		"Set the clock of this computer." },
};

enum { WATCHED_COUNT = sizeof watched / sizeof watched[0] };

static void raise(struct certificates *certificates, int64_t now_us, enum problem_severity severity,
	const char *id, const char *text, const char *remedy)
{
	problems_raise(certificates->service->problems, now_us, severity, id, text, remedy);
}

static void watch(struct certificates *certificates, const struct watched *one, int64_t now_us)
{
	char text[256], then[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];
	struct certificate_facts facts;
	int64_t begin_us, end_us;

	if (!certificate_read(certificates->folder, one->kind, &facts, NULL)) {
		/* What is not there needs nothing; what cannot be read is told by renew(). */
		problems_resolve(certificates->service->problems, one->problem);
		return;
	}
	begin_us = facts.not_before_s * SECOND_US;
	end_us = facts.not_after_s * SECOND_US;
	if (now_us < begin_us) {
		snprintf(text, sizeof text,
			"%s is not valid before %s, and this computer's clock says %.10s.",
			one->what, clock_text(begin_us, then), clock_text(now_us, now));
		raise(certificates, now_us, PROBLEM_ERROR, one->problem, text, one->when_early);
	} else if (now_us >= end_us) {
		snprintf(text, sizeof text,
			"%s expired on %s: programs that check it refuse the gateway.", one->what,
			clock_text(end_us, then));
		raise(certificates, now_us, PROBLEM_ERROR, one->problem, text, one->when_over);
	} else if (end_us - now_us < CERTIFICATES_WARNING_DAYS * DAY_US) {
		snprintf(text, sizeof text, "%s expires on %s.", one->what,
			clock_text(end_us, then));
		raise(certificates, now_us, PROBLEM_WARNING, one->problem, text, one->when_over);
	} else {
		problems_resolve(certificates->service->problems, one->problem);
	}
}

static void watch_all(struct certificates *certificates, int64_t now_us)
{
	for (size_t i = 0; i < WATCHED_COUNT; i++)
		watch(certificates, &watched[i], now_us);
}

static void tell(struct certificates *certificates, int64_t now_us, bool ok, const char *id,
	const char *what, const struct error *error, const char *remedy)
{
	char text[512];

	if (ok) {
		problems_resolve(certificates->service->problems, id);
		return;
	}
	snprintf(text, sizeof text, "%s: %.400s", what, error->text);
	raise(certificates, now_us, PROBLEM_ERROR, id, text, remedy);
}

static bool has_hostname(struct certificates *certificates)
{
	char hostname[CONFIG_HOST_SIZE];

	read_hostname(certificates, hostname);
	return certificate_is_for(certificates->folder, CERTIFICATE_IMPORTED, hostname) ||
	       certificate_is_for(certificates->folder, CERTIFICATE_SERVER_EC, hostname);
}

static void rename_own(struct certificates *certificates, int64_t now_us)
{
	struct error error;
	bool ok = reissue(certificates, now_us, &error) || has_hostname(certificates);

	tell(certificates, now_us, ok, "certificate-name",
		"The server certificate does not have the gateway's host name", &error,
		"Programs that check the name refuse the gateway under it. Go back to the old "
		"host name, or import a certificate for the new one.");
}

/* The name may have changed while the gateway did not run, or an import may have brought it. */
static void look_at_name(struct certificates *certificates, int64_t now_us)
{
	if (has_hostname(certificates))
		problems_resolve(certificates->service->problems, "certificate-name");
	else
		rename_own(certificates, now_us);
}

/* After a change by a person. */
static bool use(
	struct certificates *certificates, int64_t now_us, const char *event, struct error *error)
{
	bool ok = reload(certificates, now_us, error);

	watch_all(certificates, now_us);
	look_at_name(certificates, now_us);
	if (ok)
		problems_resolve(certificates->service->problems, "certificate");
	log_event(LOG_INFO, event, "folder=\"%s\"", certificates->folder);
	notices_note(certificates->service->notices, NOTICE_CERTIFICATES);
	return ok;
}

/* ---- the calls ---- */

void certificates_look(struct certificates *certificates, int64_t now_us)
{
	struct error error;
	bool ok;

	mutex_lock(certificates->mutex);
	ok = renew(certificates, now_us, &error);
	tell(certificates, now_us, ok, "certificate", "The server certificate could not be renewed",
		&error,
		"Mail programs and servers will refuse the gateway when the certificate has "
		"expired.");
	look_at_name(certificates, now_us);
	watch_all(certificates, now_us);
	mutex_unlock(certificates->mutex);
}

void certificates_rename(struct certificates *certificates, int64_t now_us)
{
	mutex_lock(certificates->mutex);
	rename_own(certificates, now_us);
	mutex_unlock(certificates->mutex);
}

bool certificates_generate(struct certificates *certificates, int64_t now_us, struct error *error)
{
	struct named named;
	bool ok;

	mutex_lock(certificates->mutex);
	find_names(certificates, &named);
	ok = certificate_generate(certificates->folder, &named.names, now_us / SECOND_US, error) &&
	     use(certificates, now_us, "certificate.generated", error);
	mutex_unlock(certificates->mutex);
	return ok;
}

bool certificates_import(struct certificates *certificates, const struct certificate_import *import,
	int64_t now_us, struct error *error)
{
	bool ok;

	mutex_lock(certificates->mutex);
	ok = certificate_import(certificates->folder, import, now_us / SECOND_US, error) &&
	     use(certificates, now_us, "certificate.imported", error);
	mutex_unlock(certificates->mutex);
	return ok;
}

bool certificates_remove_import(
	struct certificates *certificates, int64_t now_us, struct error *error)
{
	bool ok;

	mutex_lock(certificates->mutex);
	ok = certificate_import_remove(certificates->folder, error) &&
	     use(certificates, now_us, "certificate.removed", error);
	mutex_unlock(certificates->mutex);
	return ok;
}

bool certificates_read(struct certificates *certificates, enum certificate_kind kind,
	struct certificate_facts *facts, struct error *error)
{
	bool ok;

	mutex_lock(certificates->mutex);
	ok = certificate_read(certificates->folder, kind, facts, error);
	mutex_unlock(certificates->mutex);
	return ok;
}

bool certificates_pem(struct certificates *certificates, enum certificate_kind kind,
	struct buf *pem, struct error *error)
{
	bool ok;

	mutex_lock(certificates->mutex);
	ok = certificate_pem(certificates->folder, kind, pem, error);
	mutex_unlock(certificates->mutex);
	return ok;
}

bool certificates_are_for(
	struct certificates *certificates, enum certificate_kind kind, const char *host)
{
	bool ok;

	mutex_lock(certificates->mutex);
	ok = certificate_is_for(certificates->folder, kind, host);
	mutex_unlock(certificates->mutex);
	return ok;
}

bool certificates_trusted_file(struct certificates *certificates, const char *host,
	char path[PATH_SIZE], struct error *error)
{
	bool is_imported = certificates_are_for(certificates, CERTIFICATE_IMPORTED, host);

	return path_join(
		certificates->folder, is_imported ? "imported.pem" : "authority.crt", path, error);
}

/* ---- start and end ---- */

struct certificates *certificates_open(
	struct service *service, const char *folder, int64_t now_us, struct error *error)
{
	struct certificates *certificates = calloc(1, sizeof *certificates);

	if (!certificates) {
		error_set_memory(error);
		return NULL;
	}
	certificates->service = service;
	certificates->loaded_us = now_us;
	/* The first look reads an imported certificate that was left out again, to say why. */
	certificates->is_reload_due = true;
	certificates->mutex = mutex_new(error);
	if (certificates->mutex &&
		bytes_copy_text(bytes_of(folder), certificates->folder, PATH_SIZE) &&
		ensure(certificates, now_us, error))
		service->tls = tls_server_context(folder, error);
	if (!service->tls)
		certificates_close(&certificates);
	return certificates;
}

void certificates_close(struct certificates **certificates)
{
	struct certificates *closed = *certificates;

	if (!closed)
		return;
	tls_context_free(&closed->service->tls);
	mutex_free(&closed->mutex);
	free(closed);
	*certificates = NULL;
}
