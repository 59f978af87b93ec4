/* certificate_import.c -- a certificate from outside takes its place beside those of the installation.
 *
 * The invariant: what is in imported.pem was accepted by every check there is, and is exchanged in one step. So
 * a wrong file costs nothing but an error, and a crash leaves the old certificate or the new one. */
#include "net/certificate_import.h"

#include "certificate_bag_internal.h"
#include "platform/file.h"
#include "tls_context_internal.h"

static bool check_complete(const struct certificate_bag *bag, struct error *error)
{
	if (sk_X509_num(bag->certificates) == 0)
		return error_set(error, ERROR_INVALID,
			"there is no certificate in what was given; it begins with -----BEGIN "
			"CERTIFICATE----- or comes as PKCS#12");
	if (!bag->key)
		return error_set(error, ERROR_INVALID,
			"there is no private key in what was given; give the file with the key, "
			"too: it was made with the request for the certificate");
	return true;
}

static bool save(
	const char *folder, const struct certificate_bag *bag, int64_t now_s, struct error *error)
{
	STACK_OF(X509) *chain = NULL;
	char path[PATH_SIZE];
	X509 *leaf;
	bool ok;

	leaf = check_complete(bag, error) && certificate_check_key(bag->key, error)
		       ? certificate_bag_leaf(bag, error)
		       : NULL;
	if (leaf)
		chain = certificate_chain_make(leaf, bag->certificates, now_s, error);
	ok = chain && tls_server_can_use(leaf, bag->key, chain, error) &&
	     certificate_path(folder, CERTIFICATE_IMPORTED, path, error) &&
	     certificate_save_all(path, bag->key, leaf, chain, error);
	sk_X509_pop_free(chain, X509_free);
	return ok;
}

bool certificate_import(const char *folder, const struct certificate_import *import, int64_t now_s,
	struct error *error)
{
	struct certificate_bag bag;
	bool ok = certificate_bag_init(&bag, error) &&
		  certificate_bag_add(&bag, import->certificate, import->passphrase, error) &&
		  certificate_bag_add(&bag, import->key, import->passphrase, error) &&
		  save(folder, &bag, now_s, error);

	certificate_bag_clear(&bag);
	return ok;
}

bool certificate_import_remove(const char *folder, struct error *error)
{
	char path[PATH_SIZE];

	if (!certificate_path(folder, CERTIFICATE_IMPORTED, path, error))
		return false;
	if (!file_exists(path))
		return error_set(error, ERROR_NOT_FOUND, "there is no imported certificate");
	return file_remove(path, error) && folder_sync(folder, error);
}
