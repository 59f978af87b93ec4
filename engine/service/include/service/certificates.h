/* certificates.h -- the certificates of a running gateway: made at the start, renewed in time, exchanged by a
 * person, and watched. What changes them loads them, too: new sessions get the new ones at once, running ones go
 * on with what they have.
 *
 * Any thread but a loop's: everything here reads and writes files. Times are clock_wall_us(). */
#ifndef LG_SERVICE_CERTIFICATES_H
#define LG_SERVICE_CERTIFICATES_H

#include "net/certificate.h"
#include "net/certificate_import.h"
#include "platform/paths.h"
#include "service/service.h"

struct certificates;

enum { CERTIFICATES_WARNING_DAYS = 21 };

/* Makes in `folder` what is missing and fills service->tls, which lives as long. An imported certificate that
 * cannot be read is left out, and the first look says so. */
struct certificates *certificates_open(
	struct service *service, const char *folder, int64_t now_us, struct error *error);
void certificates_close(struct certificates **certificates); /* sets NULL, and service->tls, too */

/* For a call an hour. Renews what ends soon, changes the key of session tickets once a day, and raises or
 * resolves problems: what could not be done, a certificate that expires (from CERTIFICATES_WARNING_DAYS
 * before on) or is not valid yet, a host name that no certificate has. */
void certificates_look(struct certificates *certificates, int64_t now_us);

/* service->hostname is new: makes the own certificates anew for it. What stands in the way is a problem. */
void certificates_rename(struct certificates *certificates, int64_t now_us);
/* New keys and certificates under the same authority. */
bool certificates_generate(struct certificates *certificates, int64_t now_us, struct error *error);
bool certificates_import(struct certificates *certificates, const struct certificate_import *import,
	int64_t now_us, struct error *error);
bool certificates_remove_import(
	struct certificates *certificates, int64_t now_us, struct error *error);

/* certificate_read(), certificate_pem() and certificate_is_for() while nobody changes anything. */
bool certificates_read(struct certificates *certificates, enum certificate_kind kind,
	struct certificate_facts *facts, struct error *error);
bool certificates_pem(struct certificates *certificates, enum certificate_kind kind,
	struct buf *pem, struct error *error);
bool certificates_are_for(
	struct certificates *certificates, enum certificate_kind kind, const char *host);
/* The file with which a program that knows it alone trusts the gateway under `host`. */
bool certificates_trusted_file(struct certificates *certificates, const char *host,
	char path[PATH_SIZE], struct error *error);

#endif
