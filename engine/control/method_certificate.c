/* method_certificate.c -- what the certificates say, and the authority's for others to trust. Keys never
 * leave. */
#include "method_internal.h"

#include "net/certificate.h"

enum { PEM_MAX = 64 * 1024 };

static const struct {
	enum certificate_kind kind;
	const char *name;
} certificates[] = {
	{ CERTIFICATE_AUTHORITY, "authority" },
	{ CERTIFICATE_SERVER_EC, "server-ec" },
	{ CERTIFICATE_SERVER_RSA, "server-rsa" },
};

static json_t *authority_pem(struct control_engine *engine, struct error *error)
{
	json_t *result = NULL;
	struct buf pem;

	buf_init(&pem, PEM_MAX);
	if (certificate_pem(engine->tls_folder, CERTIFICATE_AUTHORITY, &pem, error))
		result = method_result(
			json_pack("{s:s%}", "pem", (const char *)pem.data, pem.size), error);
	buf_clear(&pem);
	return result;
}

json_t *method_certificate_show(struct control_engine *engine, json_t *params, struct error *error)
{
	json_t *rows;

	if (method_flag(params, "ca"))
		return authority_pem(engine, error);
	rows = json_array();
	for (size_t i = 0; rows && i < sizeof certificates / sizeof certificates[0]; i++) {
		struct certificate_facts facts;

		if (!certificate_read(engine->tls_folder, certificates[i].kind, &facts, error)) {
			json_decref(rows);
			return NULL;
		}
		method_append(
			&rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "certificate",
				       certificates[i].name, "subject", facts.subject, "issuer",
				       facts.issuer, "names", facts.names, "key", facts.key,
				       "sha256", facts.sha256, "not_before",
				       method_time(facts.not_before_s * 1000000), "not_after",
				       method_time(facts.not_after_s * 1000000)));
	}
	return method_result(rows, error);
}
