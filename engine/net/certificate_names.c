/* certificate_names.c -- the names in certificates: the subject alternative names of the servers
 * (RFC 5280 4.2.1.6) and the name constraints of the authority (4.2.1.10).
 *
 * A constraint on one form of name says nothing about the other forms, so the authority's
 * constraints name every form that servers are matched by: DNS names and addresses are permitted as
 * they are listed; e-mail addresses and URIs only below ".invalid" (RFC 6761 6.4), which means none,
 * in a syntax that every verifier reads. Directory names are left out: Go, rustls, pyca/cryptography
 * and others refuse every certificate below a critical constraint on that form, and nothing that
 * talks to a mail server is matched by it. docs/internals/certificates.md has what was tried. */
#include "certificate_internal.h"

#include <openssl/err.h>
#include <stdio.h>
#include <uv.h>

#include "base/log.h"
#include "tls_error_internal.h"

static const char *const always[] = { "localhost", "127.0.0.1", "::1" };
static const char nowhere[] = ".invalid";

struct host {
	const char *text;
	uint8_t address[16];
	size_t address_size; /* 0: a DNS name */
};

static bool is_label(struct bytes label)
{
	if (label.size < 1 || label.size > 63)
		return false;
	for (size_t i = 0; i < label.size; i++) {
		uint8_t c = label.data[i];

		/* An underscore is no letter of host names, but some computers have one. */
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_'))
			return false;
	}
	return label.data[0] != '-' && label.data[label.size - 1] != '-';
}

static bool is_dns_name(struct bytes name)
{
	struct bytes label;

	if (name.size < 1 || name.size > 253 || name.data[name.size - 1] == '.')
		return false;
	while (bytes_split(&name, '.', &label)) {
		if (!is_label(label))
			return false;
	}
	return true;
}

static bool parse_host(const char *text, struct host *host, struct error *error)
{
	char quoted[LOG_QUOTED_SIZE];

	*host = (struct host){ .text = text };
	if (uv_inet_pton(AF_INET, text, host->address) == 0)
		host->address_size = 4;
	else if (!strchr(text, '%') && uv_inet_pton(AF_INET6, text, host->address) == 0)
		host->address_size = 16;
	else if (!is_dns_name(bytes_of(text)))
		return error_set(error, ERROR_INVALID,
			"%s cannot stand in a certificate: it is neither a host name nor a "
			"numeric address",
			log_quote(bytes_of(text), quoted));
	return true;
}

/* A name of the given form (GEN_DNS, GEN_IPADD, ...); NULL: no memory. */
static GENERAL_NAME *new_name(int form, const void *data, size_t size)
{
	int type = form == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING;
	ASN1_STRING *value = ASN1_STRING_type_new(type);
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!value || !name || !ASN1_STRING_set(value, data, (int)size)) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, form, value);
	return name;
}

static bool has_name(const GENERAL_NAMES *list, GENERAL_NAME *name)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(list, i), name) == 0)
			return true;
	}
	return false;
}

static bool add_host(GENERAL_NAMES *list, const char *text, struct error *error)
{
	char lower[256];
	struct host host;
	GENERAL_NAME *name;

	if (!parse_host(text, &host, error))
		return false;
	if (host.address_size) {
		name = new_name(GEN_IPADD, host.address, host.address_size);
	} else {
		snprintf(lower, sizeof lower, "%s", text);
		for (char *c = lower; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
		name = new_name(GEN_DNS, lower, strlen(lower));
	}
	if (name && has_name(list, name)) {
		GENERAL_NAME_free(name);
		return true;
	}
	if (name && sk_GENERAL_NAME_push(list, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return error_set_memory(error);
}

GENERAL_NAMES *certificate_names_make(const struct certificate_names *names, struct error *error)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	bool ok = list || error_set_memory(error);

	if (ok && names->count > CERTIFICATE_NAMES_MAX)
		ok = error_set(error, ERROR_INVALID, "a certificate may have at most %d names",
			CERTIFICATE_NAMES_MAX);
	for (size_t i = 0; ok && i < names->count; i++)
		ok = add_host(list, names->hosts[i], error);
	for (size_t i = 0; ok && i < sizeof always / sizeof always[0]; i++)
		ok = add_host(list, always[i], error);
	if (!ok) {
		ERR_clear_error();
		GENERAL_NAMES_free(list);
		list = NULL;
	}
	return list;
}

/* Takes the name, also when it fails. */
static bool permit(NAME_CONSTRAINTS *constraints, GENERAL_NAME *name)
{
	GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();

	if (!name || !subtree) {
		GENERAL_NAME_free(name);
		GENERAL_SUBTREE_free(subtree);
		return false;
	}
	GENERAL_NAME_free(subtree->base);
	subtree->base = name;
	if (sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, subtree) > 0)
		return true;
	GENERAL_SUBTREE_free(subtree);
	return false;
}

/* An address is constrained as address and mask: all bits count (RFC 5280 4.2.1.10). */
static GENERAL_NAME *new_address_constraint(const ASN1_OCTET_STRING *address)
{
	uint8_t space[32];
	size_t size = (size_t)ASN1_STRING_length(address);

	memcpy(space, ASN1_STRING_get0_data(address), size);
	memset(space + size, 0xff, size);
	return new_name(GEN_IPADD, space, 2 * size);
}

NAME_CONSTRAINTS *certificate_names_constrain(const GENERAL_NAMES *names)
{
	NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
	bool ok = constraints &&
		  (constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null()) != NULL;

	for (int i = 0; ok && i < sk_GENERAL_NAME_num(names); i++) {
		GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		ok = permit(constraints, name->type == GEN_IPADD
						 ? new_address_constraint(name->d.iPAddress)
						 : GENERAL_NAME_dup(name));
	}
	ok = ok && permit(constraints, new_name(GEN_EMAIL, nowhere, strlen(nowhere))) &&
	     permit(constraints, new_name(GEN_URI, nowhere, strlen(nowhere)));
	if (ok)
		return constraints;
	ERR_clear_error();
	NAME_CONSTRAINTS_free(constraints);
	return NULL;
}

static bool describe_address(const ASN1_OCTET_STRING *address, char *text, size_t size)
{
	int length = ASN1_STRING_length(address);
	const uint8_t *data = ASN1_STRING_get0_data(address);

	/* Address and mask stand together in constraints. */
	if (length == 4 || length == 8)
		return uv_inet_ntop(AF_INET, data, text, size) == 0;
	return (length == 16 || length == 32) && uv_inet_ntop(AF_INET6, data, text, size) == 0;
}

/* False for forms that no server is reached by. */
static bool describe_name(const GENERAL_NAME *name, char *text, size_t size)
{
	struct bytes dns;

	if (name->type == GEN_IPADD)
		return describe_address(name->d.iPAddress, text, size);
	if (name->type != GEN_DNS)
		return false;
	dns = bytes_make(ASN1_STRING_get0_data(name->d.dNSName),
		(size_t)ASN1_STRING_length(name->d.dNSName));
	for (size_t i = 0; i < dns.size; i++) {
		if (dns.data[i] <= ' ' || dns.data[i] > '~')
			return false;
	}
	return bytes_copy_text(dns, text, size);
}

void certificate_names_describe(const GENERAL_NAMES *names, char *text, size_t size)
{
	char one[256];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		size_t needed;

		if (!describe_name(sk_GENERAL_NAME_value(names, i), one, sizeof one))
			continue;
		needed = strlen(one) + (used ? 2 : 0);
		if (needed + sizeof ", ..." > size - used) {
			snprintf(text + used, size - used, ", ...");
			return;
		}
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", one);
	}
}

void certificate_names_describe_permitted(X509 *authority, char *text, size_t size)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	NAME_CONSTRAINTS *constraints =
		X509_get_ext_d2i(authority, NID_name_constraints, NULL, NULL);

	if (names && constraints) {
		for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees); i++)
			sk_GENERAL_NAME_push(names,
				sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i)->base);
	}
	certificate_names_describe(names, text, size);
	sk_GENERAL_NAME_free(names); /* the names themselves are the constraints' */
	NAME_CONSTRAINTS_free(constraints);
	ERR_clear_error();
}
