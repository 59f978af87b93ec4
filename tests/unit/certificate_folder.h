/* certificate_folder.h -- a folder of certificates for the tests of the net floor, made and removed
 * by each test, and OpenSSL's own view of what is in it. */
#ifndef LG_TESTS_CERTIFICATE_FOLDER_H
#define LG_TESTS_CERTIFICATE_FOLDER_H

#include <openssl/x509.h>

#include "net/certificate.h"

enum { FOLDER_PATH_SIZE = 256, FOLDER_FILE_COUNT = 6 };

/* 2026-01-15, when the tests take place. */
#define TEST_NOW_S INT64_C(1768435200)

struct certificate_folder {
	char path[FOLDER_PATH_SIZE];
};

extern const char *const folder_files[FOLDER_FILE_COUNT];
/* gateway.example.com, mail.example.net, 192.0.2.7, 2001:db8::7 */
extern const struct certificate_names folder_names;

void folder_make(struct certificate_folder *folder); /* empty */
/* With certificates that are valid today. */
void folder_make_filled(struct certificate_folder *folder);
void folder_discard(struct certificate_folder *folder);

void folder_file(
	const struct certificate_folder *folder, const char *name, char path[FOLDER_PATH_SIZE]);
/* NULL when there is no such file; freed by the caller. */
char *folder_read(const struct certificate_folder *folder, const char *name);
void folder_write(const struct certificate_folder *folder, const char *name, const char *text);
void folder_delete(const struct certificate_folder *folder, const char *name);
void folder_copy(const struct certificate_folder *from, const char *name,
	const struct certificate_folder *to, const char *as);

X509 *folder_certificate(const struct certificate_folder *folder, const char *name);
EVP_PKEY *folder_key(const struct certificate_folder *folder, const char *name);
/* X509_V_OK or why the certificate does not hold under the authority. `host` may be NULL, a name or
 * a numeric address. */
int folder_verify(X509 *certificate, X509 *authority, const char *host, int64_t now_s);

#endif
