/* certificate.h -- the certificates of this installation: an authority made at the first start and
 * the server certificates under it, and one that a person may import (certificate_import.h).
 *
 * The authority is name-constrained (RFC 5280 4.2.1.10, critical) to the host names and addresses
 * of this gateway, so that a PC that trusts it trusts it for nothing else. Programs are told to
 * trust the authority; a server certificate renewed under it therefore breaks none. Two server
 * certificates, P-256 and RSA-2048, since old Exchange servers know no ECDSA.
 *
 * Files in the folder, owner-only: authority.crt, authority.key, server-ec.crt, server-ec.key,
 * server-rsa.crt, server-rsa.key, and imported.pem with key and chain together (PEM). Nothing that is there but cannot be read is ever replaced:
 * that is an error for a person to solve.
 *
 * authority.key stays on the disk, because renewals need it. It is not encrypted: whoever can read
 * the files of the account that runs the gateway (that person or service, and the administrator)
 * can make certificates for the names of this gateway, and nothing that a verifier who honours the
 * constraints would accept for another name. docs/internals/certificates.md.
 *
 * The functions block (files, and the making of an RSA key takes some tenths of a second); they may
 * be called by any thread, but by one at a time for a folder. */
#ifndef LG_NET_CERTIFICATE_H
#define LG_NET_CERTIFICATE_H

#include "base/buf.h"
#include "base/error.h"

enum { CERTIFICATE_NAMES_MAX = 100 };

/* What the certificates are for. "localhost", 127.0.0.1 and ::1 are always added. */
struct certificate_names {
	/* DNS names and numeric addresses; the first is the subject ("localhost" without any). */
	const char *hosts[CERTIFICATE_NAMES_MAX];
	size_t count;
};

/* Makes what is not there yet: the authority (20 years), the leaves (397 days, RFC 5280 times,
 * serial numbers of 159 random bits, serverAuth). A leaf whose authority exists is made under it. A
 * key without its certificate (a crash between the two) gets one; a certificate without its key is
 * an error, and so is a lost authority under which a leaf still stands. Pairs that are there may be
 * of any kind and from any authority. `now_s` is seconds since 1970-01-01 UTC.
 * ERROR_INVALID: a name that cannot stand in a certificate. ERROR_STATE: a person must act first,
 * the text says how. ERROR_CORRUPT: a file is damaged. */
bool certificate_ensure(const char *folder, const struct certificate_names *names, int64_t now_s,
	struct error *error);
/* For a call a day: each leaf of this authority that ends within CERTIFICATE_RENEWAL_DAYS is
 * replaced by one for the same key and for `names`. The file changes in one step, so that a crash
 * leaves the old or the new one. *renewed tells whether there is something to load again. Leaves of
 * others are not touched. */
enum { CERTIFICATE_RENEWAL_DAYS = 30 };
bool certificate_renew(const char *folder, const struct certificate_names *names, int64_t now_s,
	bool *renewed, struct error *error);

/* The same for each leaf of this authority, however long it lasts: the names have changed. ERROR_STATE or ERROR_INVALID: the
 * authority does not vouch for one of them, and everything stays as it is. */
bool certificate_reissue(const char *folder, const struct certificate_names *names, int64_t now_s,
	bool *renewed, struct error *error);

/* New keys and new leaves for them, e.g. after a theft; the authority stays, so that every program that trusts it goes
 * on. A crash at any moment leaves what certificate_ensure() completes. ERROR_STATE: a leaf of
 * somebody else stands there, or the authority does not vouch for a name; nothing has changed. */
bool certificate_generate(const char *folder, const struct certificate_names *names, int64_t now_s,
	struct error *error);

struct certificate_facts {
	char subject[256];
	char issuer[256];
	/* "gateway.example.com, localhost, 127.0.0.1": what a server is called, what an authority
	 * may vouch for (DNS names include the names below them). Ends in ", ..." when there are
	 * more. */
	char names[2048];
	char key[32];	     /* "EC P-256", "RSA 2048" */
	char sha256[3 * 32]; /* fingerprint, upper-case hex with colons */
	int64_t not_before_s, not_after_s;
};

enum certificate_kind {
	CERTIFICATE_AUTHORITY,
	CERTIFICATE_SERVER_EC,
	CERTIFICATE_SERVER_RSA,
	CERTIFICATE_IMPORTED, /* ERROR_NOT_FOUND where there is none */
};
enum { CERTIFICATE_KIND_COUNT = CERTIFICATE_IMPORTED + 1 };

/* "authority", "server-ec", "server-rsa", "imported" */
const char *certificate_kind_name(enum certificate_kind kind);

/* ERROR_NOT_FOUND, ERROR_CORRUPT. */
bool certificate_read(const char *folder, enum certificate_kind kind,
	struct certificate_facts *facts, struct error *error);
/* Whether a program that asks for `host` (a name, maybe below a wildcard, or a numeric address) finds it there; false, too,
 * when the certificate cannot be read. */
bool certificate_is_for(const char *folder, enum certificate_kind kind, const char *host);
/* The PEM text of one certificate (never of a key). */
bool certificate_pem(
	const char *folder, enum certificate_kind kind, struct buf *pem, struct error *error);

#endif
