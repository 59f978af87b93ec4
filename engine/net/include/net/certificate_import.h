/* certificate_import.h -- a certificate that a person got elsewhere, e.g. from a public authority. It stands
 * beside those that the installation made (certificate.h) and is not renewed by it. */
#ifndef LG_NET_CERTIFICATE_IMPORT_H
#define LG_NET_CERTIFICATE_IMPORT_H

#include "base/bytes.h"
#include "base/error.h"

struct certificate_import {
	/* PEM texts or PKCS#12, the key in either of them, `key` maybe empty. Certificates may come in any order,
	 * others than those of the chain are left out. */
	struct bytes certificate, key;
	const char *passphrase; /* NULL: none */
};

/* Takes the place of one that was imported before. Checked: the key belongs to the certificate and is strong
 * enough; the chain leads to an authority that this system trusts, or to a self-issued one that is
 * given, too; all of it is valid now and for servers. ERROR_INVALID, ERROR_DENIED (the passphrase): the
 * text says what to do, and nothing has changed. Blocking; one at a time for a folder. */
bool certificate_import(const char *folder, const struct certificate_import *import, int64_t now_s,
	struct error *error);
/* ERROR_NOT_FOUND: there is none. */
bool certificate_import_remove(const char *folder, struct error *error);

#endif
