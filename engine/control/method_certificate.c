/* method_certificate.c -- what the certificates say, the authority's for others to trust, and how a person
 * exchanges the rest. Keys never leave. */
#include "method_internal.h"

#include "platform/clock.h"

enum { PEM_MAX = 64 * 1024 };

static const int64_t day_us = INT64_C(86400) * 1000000;

/* ---- showing ---- */

static const struct {
	const char *alone, *beside_imported;
} uses[CERTIFICATE_KIND_COUNT] = {
	[CERTIFICATE_AUTHORITY] = { "for others to trust: it signs the server certificates",
		"for others to trust: it signs the server certificates" },
	[CERTIFICATE_SERVER_EC] = { "all programs that know ECDSA",
		"programs that ask for one of its names that the imported one has not" },
	[CERTIFICATE_SERVER_RSA] = { "programs without ECDSA, such as old mail servers",
		"as server-ec, and programs that cannot use the imported one's kind of key" },
	[CERTIFICATE_IMPORTED] = { "",
		"all programs that ask for one of its names, for an unknown name or for none" },
};

static bool has_imported(struct control_engine *engine)
{
	struct certificate_facts facts;

	return certificates_read(engine->certificates, CERTIFICATE_IMPORTED, &facts, NULL);
}

static json_t *row_of(
	enum certificate_kind kind, const struct certificate_facts *facts, bool beside_imported)
{
	const char *use = beside_imported ? uses[kind].beside_imported : uses[kind].alone;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "certificate",
		certificate_kind_name(kind), "use", use, "subject", facts->subject, "issuer",
		facts->issuer, "names", facts->names, "key", facts->key, "sha256", facts->sha256,
		"not_before", method_time(facts->not_before_s * 1000000), "not_after",
		method_time(facts->not_after_s * 1000000));
}

static json_t *authority_pem(struct control_engine *engine, struct error *error)
{
	json_t *result = NULL;
	struct buf pem;

	buf_init(&pem, PEM_MAX);
	if (certificates_pem(engine->certificates, CERTIFICATE_AUTHORITY, &pem, error))
		result = method_result(
			json_pack("{s:s%}", "pem", (const char *)pem.data, pem.size), error);
	buf_clear(&pem);
	return result;
}

static json_t *all_rows(struct control_engine *engine, struct error *error)
{
	bool beside_imported = has_imported(engine);
	json_t *rows = json_array();

	for (int kind = 0; rows && kind < CERTIFICATE_KIND_COUNT; kind++) {
		struct certificate_facts facts;
		struct error why;

		if (certificates_read(engine->certificates, kind, &facts, &why)) {
			method_append(&rows, row_of(kind, &facts, beside_imported));
		} else if (kind != CERTIFICATE_IMPORTED || why.kind != ERROR_NOT_FOUND) {
			*error = why;
			json_decref(rows);
			return NULL;
		}
	}
	return method_result(rows, error);
}

json_t *method_certificate_show(struct control_engine *engine, json_t *params, struct error *error)
{
	return method_flag(params, "ca") ? authority_pem(engine, error) : all_rows(engine, error);
}

/* ---- changing ---- */

json_t *method_certificate_generate(
	struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	if (!certificates_generate(engine->certificates, clock_wall_us(), error))
		return NULL;
	return all_rows(engine, error);
}

/* What does not keep the certificate from being used, but somebody should know. */
static json_t *warnings_of(
	struct control_engine *engine, const struct certificate_facts *facts, int64_t now_us)
{
	struct service_settings settings;
	json_t *warnings = json_array();

	service_settings(engine->service, &settings);
	if (warnings && !certificates_are_for(
				engine->certificates, CERTIFICATE_IMPORTED, settings.hostname))
		method_append(&warnings,
			json_sprintf(
				"The certificate is not for %s, the gateway's host name: programs "
				"that check the name will refuse it there. Its names are: %s.",
				settings.hostname, facts->names));
	if (warnings && facts->not_after_s * 1000000 - now_us < CERTIFICATES_WARNING_DAYS * day_us)
		method_append(&warnings, json_sprintf("The certificate expires within %d days.",
						 CERTIFICATES_WARNING_DAYS));
	return warnings;
}

static bool import(
	struct control_engine *engine, json_t *params, int64_t now_us, struct error *error)
{
	struct buf certificate, key;
	bool ok;

	buf_init(&certificate, METHOD_FILE_MAX);
	buf_init(&key, METHOD_FILE_MAX);
	ok = method_file(params, "certificate", &certificate, error) &&
	     method_file(params, "key", &key, error);
	if (ok) {
		struct certificate_import import = {
			.certificate = buf_view(&certificate),
			.key = buf_view(&key),
			.passphrase = method_text(params, "passphrase"),
		};

		ok = certificates_import(engine->certificates, &import, now_us, error);
	}
	buf_wipe(&certificate);
	buf_wipe(&key);
	return ok;
}

json_t *method_certificate_import(
	struct control_engine *engine, json_t *params, struct error *error)
{
	int64_t now_us = clock_wall_us();
	struct certificate_facts facts;

	if (!import(engine, params, now_us, error) ||
		!certificates_read(engine->certificates, CERTIFICATE_IMPORTED, &facts, error))
		return NULL;
	return method_result(
		json_pack("{s:o, s:o}", "certificate", row_of(CERTIFICATE_IMPORTED, &facts, true),
			"warnings", warnings_of(engine, &facts, now_us)),
		error);
}

json_t *method_certificate_remove(
	struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	if (!certificates_remove_import(engine->certificates, clock_wall_us(), error))
		return NULL;
	return method_result(json_pack("{s:s}", "removed", "imported"), error);
}
