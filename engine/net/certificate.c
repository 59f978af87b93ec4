/* certificate.c -- which certificates are made when.
 *
 * The invariant: a file that exists is never written by certificate_ensure(), and a private key, once
 * made, by nobody but certificate_generate(). Of each pair the key is written first: a crash in between leaves a key
 * without a certificate, which the next start completes, and never a certificate that nobody can
 * use. */
#include "certificate_internal.h"

#include <openssl/err.h>

#include "platform/file.h"
#include "tls_error_internal.h"

/* Certificates from a computer that believes to live before this program would be valid in the past
 * and would stay: 2025-01-01. */
static const int64_t earliest_s = INT64_C(1735689600);

static const enum certificate_kind servers[] = { CERTIFICATE_SERVER_EC, CERTIFICATE_SERVER_RSA };

enum { SERVER_COUNT = sizeof servers / sizeof servers[0] };

struct paths {
	char certificate[PATH_SIZE];
	char key[PATH_SIZE];
	bool has_certificate, has_key;
};

static bool look(
	const char *folder, enum certificate_kind kind, struct paths *paths, struct error *error)
{
	if (!certificate_path(folder, kind, paths->certificate, error) ||
		!certificate_key_path(folder, kind, paths->key, error))
		return false;
	paths->has_certificate = file_exists(paths->certificate);
	paths->has_key = file_exists(paths->key);
	return true;
}

static bool check_clock(int64_t now_s, struct error *error)
{
	if (now_s >= earliest_s)
		return true;
	return error_set(error, ERROR_STATE,
		"the clock of this computer is wrong (it says a day before 2025), so no "
		"certificates were made; set the clock and start again");
}

/* The key that is there, or a new one that is saved before anything is signed with it. */
static EVP_PKEY *ensure_key(
	const struct paths *paths, enum certificate_kind kind, struct error *error)
{
	EVP_PKEY *key;

	if (paths->has_key)
		return certificate_load_key(paths->key, error);
	key = certificate_make_key(kind, error);
	if (key && !certificate_save_key(paths->key, key, error)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

/* ---- the authority ---- */

/* Mail programs may trust the authority that was lost. A new one would leave them behind without a
 * word. */
static bool check_not_lost(const char *folder, const struct paths *paths, struct error *error)
{
	for (size_t i = 0; i < SERVER_COUNT; i++) {
		struct paths server;
		X509 *certificate;
		bool ours;

		if (!look(folder, servers[i], &server, error))
			return false;
		if (!server.has_certificate)
			continue;
		certificate = certificate_load(server.certificate, error);
		if (!certificate)
			return false;
		ours = certificate_is_ours(certificate);
		X509_free(certificate);
		if (ours)
			return error_set(error, ERROR_STATE,
				"%.200s is missing, under which the server certificates were made; "
				"restore it from a backup, or move the server-* files away to "
				"begin with a new authority",
				paths->certificate);
	}
	return true;
}

static bool make_authority(const struct paths *paths, const struct certificate_names *names,
	int64_t now_s, struct certificate_pair *pair, struct error *error)
{
	GENERAL_NAMES *list = certificate_names_make(names, error);

	GENERAL_NAMES_free(list);
	/* No key for names that turn out to be impossible. */
	pair->key = list ? ensure_key(paths, CERTIFICATE_AUTHORITY, error) : NULL;
	if (!pair->key)
		return false;
	pair->certificate = certificate_make_authority(pair->key, names, now_s, error);
	return pair->certificate && certificate_save(paths->certificate, pair->certificate, error);
}

/* Loads the authority. Its key may be missing, as long as nothing is to be signed. */
static bool load_authority(const char *folder, const struct paths *paths,
	struct certificate_pair *pair, struct error *error)
{
	if (paths->has_key)
		return certificate_load_pair(folder, CERTIFICATE_AUTHORITY, pair, error);
	pair->certificate = certificate_load(paths->certificate, error);
	return pair->certificate != NULL;
}

static bool ensure_authority(const char *folder, const struct certificate_names *names,
	int64_t now_s, struct certificate_pair *pair, struct error *error)
{
	struct paths paths;

	if (!look(folder, CERTIFICATE_AUTHORITY, &paths, error))
		return false;
	if (paths.has_certificate)
		return load_authority(folder, &paths, pair, error);
	return check_not_lost(folder, &paths, error) &&
	       make_authority(&paths, names, now_s, pair, error);
}

/* ---- the servers ---- */

static bool check_can_sign(const char *folder, const char *path,
	const struct certificate_pair *authority, struct error *error)
{
	if (authority->key)
		return true;
	return error_set(error, ERROR_STATE,
		"%.200s cannot be signed, because authority.key is missing in %.120s; restore "
		"it from a backup, or move all files of that folder away to begin with a new "
		"authority",
		path, folder);
}

static bool sign_server(const char *path, EVP_PKEY *key, const struct certificate_pair *authority,
	const struct certificate_names *names, int64_t now_s, struct error *error)
{
	X509 *certificate;
	bool ok;

	certificate = certificate_make_server(key, authority, names, now_s, error);
	ok = certificate && certificate_save(path, certificate, error);
	X509_free(certificate);
	return ok;
}

static bool ensure_server(const char *folder, enum certificate_kind kind,
	const struct certificate_pair *authority, const struct certificate_names *names,
	int64_t now_s, struct error *error)
{
	struct certificate_pair pair = { NULL, NULL };
	struct paths paths;
	EVP_PKEY *key;
	bool ok;

	if (!look(folder, kind, &paths, error))
		return false;
	if (paths.has_certificate && paths.has_key) {
		ok = certificate_load_pair(folder, kind, &pair, error);
		certificate_pair_clear(&pair);
		return ok;
	}
	if (paths.has_certificate)
		return error_set(error, ERROR_STATE,
			"%.200s is missing; restore it from a backup, or move its .crt file away "
			"so "
			"that a new pair is made",
			paths.key);
	if (!check_can_sign(folder, paths.certificate, authority, error))
		return false;
	key = ensure_key(&paths, kind, error);
	ok = key && sign_server(paths.certificate, key, authority, names, now_s, error);
	EVP_PKEY_free(key);
	return ok;
}

bool certificate_ensure(const char *folder, const struct certificate_names *names, int64_t now_s,
	struct error *error)
{
	struct certificate_pair authority = { NULL, NULL };
	bool ok = check_clock(now_s, error) && folder_create(folder, error) &&
		  ensure_authority(folder, names, now_s, &authority, error);

	for (size_t i = 0; ok && i < SERVER_COUNT; i++)
		ok = ensure_server(folder, servers[i], &authority, names, now_s, error);
	certificate_pair_clear(&authority);
	return ok;
}

/* ---- renewal ---- */

/* Whether this authority signed it, by the signature and not only by the name. */
static bool is_signed_by(X509 *certificate, X509 *authority)
{
	bool ok = X509_check_issued(authority, certificate) == X509_V_OK &&
		  X509_verify(certificate, X509_get0_pubkey(authority)) == 1;

	ERR_clear_error();
	return ok;
}

static bool ends_soon(X509 *certificate, int64_t now_s)
{
	int64_t end_s;

	return certificate_time(X509_get0_notAfter(certificate), &end_s) &&
	       end_s - now_s < CERTIFICATE_RENEWAL_DAYS * INT64_C(86400);
}

static bool renew_server(const char *folder, enum certificate_kind kind,
	const struct certificate_pair *authority, const struct certificate_names *names,
	int64_t now_s, bool at_once, bool *renewed, struct error *error)
{
	struct certificate_pair pair = { NULL, NULL };
	char path[PATH_SIZE];
	bool ok = true;

	if (!certificate_path(folder, kind, path, error) ||
		!certificate_load_pair(folder, kind, &pair, error))
		return false;
	if (is_signed_by(pair.certificate, authority->certificate) &&
		(at_once || ends_soon(pair.certificate, now_s))) {
		ok = check_can_sign(folder, path, authority, error) &&
		     sign_server(path, pair.key, authority, names, now_s, error);
		*renewed = *renewed || ok;
	}
	certificate_pair_clear(&pair);
	return ok;
}

static bool renew_servers(const char *folder, const struct certificate_names *names, int64_t now_s,
	bool at_once, bool *renewed, struct error *error)
{
	struct certificate_pair authority = { NULL, NULL };
	struct paths paths;
	bool ok;

	*renewed = false;
	ok = check_clock(now_s, error) && look(folder, CERTIFICATE_AUTHORITY, &paths, error) &&
	     load_authority(folder, &paths, &authority, error);
	for (size_t i = 0; ok && i < SERVER_COUNT; i++)
		ok = renew_server(
			folder, servers[i], &authority, names, now_s, at_once, renewed, error);
	certificate_pair_clear(&authority);
	return ok;
}

bool certificate_renew(const char *folder, const struct certificate_names *names, int64_t now_s,
	bool *renewed, struct error *error)
{
	return renew_servers(folder, names, now_s, false, renewed, error);
}

bool certificate_reissue(const char *folder, const struct certificate_names *names, int64_t now_s,
	bool *renewed, struct error *error)
{
	return renew_servers(folder, names, now_s, true, renewed, error);
}

/* ---- new keys ---- */

/* ERROR_STATE when the file is there and somebody else's: the only copy of a key may stand beside it. */
static bool check_is_own(const char *path, X509 *authority, struct error *error)
{
	X509 *certificate = certificate_load(path, error);
	bool ok = certificate && is_signed_by(certificate, authority);

	if (certificate && !ok)
		error_set(error, ERROR_STATE,
			"%.200s was not made by the authority of this installation, so it is not "
			"replaced; move it and its .key file away first",
			path);
	X509_free(certificate);
	return ok;
}

static bool prepare_server(const char *folder, const struct paths *paths,
	enum certificate_kind kind, const struct certificate_pair *authority,
	const struct certificate_names *names, int64_t now_s, struct certificate_pair *pair,
	struct error *error)
{
	if (!check_can_sign(folder, paths->certificate, authority, error) ||
		(paths->has_certificate &&
			!check_is_own(paths->certificate, authority->certificate, error)))
		return false;
	pair->key = certificate_make_key(kind, error);
	if (pair->key)
		pair->certificate =
			certificate_make_server(pair->key, authority, names, now_s, error);
	return pair->certificate != NULL;
}

/* There is no moment with a certificate of another key: the old certificate goes, on the disk too, before
 * its key does. */
static bool exchange_server(const char *folder, const struct paths *paths,
	const struct certificate_pair *pair, struct error *error)
{
	if (paths->has_certificate &&
		(!file_remove(paths->certificate, error) || !folder_sync(folder, error)))
		return false;
	return certificate_save_key(paths->key, pair->key, error) &&
	       certificate_save(paths->certificate, pair->certificate, error);
}

bool certificate_generate(const char *folder, const struct certificate_names *names, int64_t now_s,
	struct error *error)
{
	struct certificate_pair authority = { NULL, NULL };
	struct certificate_pair pairs[SERVER_COUNT] = { { NULL, NULL } };
	struct paths paths, server[SERVER_COUNT];
	bool ok;

	ok = check_clock(now_s, error) && look(folder, CERTIFICATE_AUTHORITY, &paths, error) &&
	     load_authority(folder, &paths, &authority, error);
	/* All that can be refused is refused before the first file changes. */
	for (size_t i = 0; ok && i < SERVER_COUNT; i++)
		ok = look(folder, servers[i], &server[i], error) &&
		     prepare_server(folder, &server[i], servers[i], &authority, names, now_s,
			     &pairs[i], error);
	for (size_t i = 0; ok && i < SERVER_COUNT; i++)
		ok = exchange_server(folder, &server[i], &pairs[i], error);
	for (size_t i = 0; i < SERVER_COUNT; i++)
		certificate_pair_clear(&pairs[i]);
	certificate_pair_clear(&authority);
	return ok;
}
