/* test_tls.c -- who agrees with whom: names, trust, versions, suites, certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_pair.h"

static void test_names(void **state)
{
	static const struct {
		const char *name;
		const char *says; /* NULL: accepted */
	} rows[] = {
		{ "gateway.example.com", NULL },
		{ "gateway.example.com.", NULL },
		{ "Mail.Example.NET", NULL },
		{ "localhost", NULL },
		{ "127.0.0.1", NULL },
		{ "::1", NULL },
		{ "192.0.2.7", NULL },
		{ "2001:db8:0::7", NULL },
		{ "example.com", "the certificate of example.com is for another name" },
		{ "evil.example", "the certificate of evil.example is for another name" },
		{ "a.gateway.example.com", "is for another name" },
		{ "127.0.0.2", "the certificate of 127.0.0.2 is for another name" },
		{ "::2", "is for another name" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tls_pair pair;

		tls_pair_make(&pair, *state, rows[i].name, 0);
		if (tls_pair_handshake(&pair) != !rows[i].says)
			fail_msg("row %zu: %s", i, pair.client_error.text);
		if (rows[i].says) {
			assert_int_equal(pair.client_result, TLS_BROKEN);
			assert_int_equal(pair.client_error.kind, ERROR_INVALID);
			assert_non_null(strstr(pair.client_error.text, rows[i].says));
		} else {
			assert_string_equal(
				tls_description(pair.client), "TLSv1.3 TLS_AES_256_GCM_SHA384");
			assert_string_equal(
				tls_description(pair.server), "TLSv1.3 TLS_AES_256_GCM_SHA384");
		}
		tls_pair_free(&pair);
	}
}

/* Nobody can forget to check a name. */
static void test_name_is_needed(void **state)
{
	struct tls_contexts *contexts = *state;
	socket_handle sockets[2];
	struct error error;

	sockets_make(sockets, 0);
	assert_null(tls_session_new(contexts->client, sockets[1], NULL, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_null(tls_session_new(contexts->client, sockets[1], "", &error));
	assert_null(tls_session_new(contexts->server, sockets[0], "a.example", &error));
	close((int)sockets[0]);
	close((int)sockets[1]);
}

static void check_untrusted(struct tls_contexts *contexts, const char *authority_file)
{
	struct tls_contexts wrong = { .server = contexts->server };
	struct tls_pair pair;
	struct error error;

	wrong.client = tls_client_context(authority_file, &error);
	assert_non_null(wrong.client);
	tls_pair_make(&pair, &wrong, "gateway.example.com", 0);
	assert_false(tls_pair_handshake(&pair));
	assert_int_equal(pair.client_result, TLS_BROKEN);
	assert_int_equal(pair.client_error.kind, ERROR_INVALID);
	assert_non_null(strstr(pair.client_error.text, "was not signed by a trusted authority"));
	/* The server learns of it when it reads on. */
	if (pair.server_result == TLS_BROKEN)
		assert_non_null(strstr(pair.server_error.text, "does not trust the authority"));
	tls_pair_free(&pair);
	tls_context_free(&wrong.client);
}

static void test_untrusted(void **state)
{
	struct certificate_folder other;
	char path[FOLDER_PATH_SIZE];

	folder_make_filled(&other);
	folder_file(&other, "authority.crt", path);
	check_untrusted(*state, path);
	check_untrusted(*state, NULL);
	folder_discard(&other);
}

/* A file with several certificates, and one that pins the server's certificate itself. */
static void test_trusted_files(void **state)
{
	static const char *const files[] = { "authority.crt", "server-ec.crt" };
	struct tls_contexts *contexts = *state;
	struct certificate_folder trusted;
	char path[FOLDER_PATH_SIZE], both[16384];
	struct error error;

	folder_make_filled(&trusted);
	folder_file(&trusted, "server-rsa.crt", path);
	for (size_t i = 0; i < 2; i++) {
		char *other = folder_read(&trusted, "authority.crt");
		char *text = folder_read(&contexts->folder, files[i]);
		struct tls_contexts pinned = { .server = contexts->server };
		struct tls_pair pair;

		snprintf(both, sizeof both, "a comment\n%s\n%s", other, text);
		folder_write(&trusted, "server-rsa.crt", both);
		pinned.client = tls_client_context(path, &error);
		assert_non_null(pinned.client);
		tls_pair_open(&pair, &pinned);
		tls_pair_free(&pair);
		tls_context_free(&pinned.client);
		free(other);
		free(text);
	}
	folder_write(&trusted, "server-rsa.crt", "no certificate");
	assert_null(tls_client_context(path, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	folder_delete(&trusted, "server-rsa.crt");
	assert_null(tls_client_context(path, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	folder_discard(&trusted);
}

/* ---- other peoples' clients ---- */

struct foreign {
	int version; /* the only one */
	const char *suites;
	const char *signatures;
	const char *uses; /* "suite key", NULL: refused */
	const char *says;
};

static const struct foreign foreigners[] = {
	{ TLS1_3_VERSION, NULL, "ECDSA+SHA256", "TLS_AES_256_GCM_SHA384 EC", NULL },
	{ TLS1_3_VERSION, NULL, "RSA-PSS+SHA256", "TLS_AES_256_GCM_SHA384 RSA", NULL },
	{ TLS1_3_VERSION, NULL, "RSA-PSS+SHA256:ECDSA+SHA256", "TLS_AES_256_GCM_SHA384 EC", NULL },
	{ TLS1_2_VERSION, NULL, "ECDSA+SHA256:RSA+SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384 EC",
		NULL },
	{ TLS1_2_VERSION, NULL, "RSA+SHA256", "ECDHE-RSA-AES256-GCM-SHA384 RSA", NULL },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA+SHA256",
		"ECDHE-ECDSA-AES128-GCM-SHA256 EC", NULL },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", "RSA+SHA256:RSA-PSS+SHA256",
		"ECDHE-RSA-AES128-GCM-SHA256 RSA", NULL },
	/* What Exchange on Windows Server 2012 R2 has of AES-GCM. */
	{ TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384:AES256-GCM-SHA384", "RSA+SHA256",
		"DHE-RSA-AES256-GCM-SHA384 RSA", NULL },
	{ TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", "RSA+SHA256",
		"DHE-RSA-AES128-GCM-SHA256 RSA", NULL },
	/* The server's order, but a client that puts ChaCha20 first gets it. */
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", "RSA+SHA256",
		"ECDHE-RSA-AES256-GCM-SHA384 RSA", NULL },
	{ TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384", "RSA+SHA256",
		"ECDHE-RSA-CHACHA20-POLY1305 RSA", NULL },
	{ TLS1_1_VERSION, NULL, NULL, NULL, "knows only outdated TLS; TLS 1.2 or 1.3 is needed" },
	{ TLS1_VERSION, NULL, NULL, NULL, "knows only outdated TLS" },
	/* No forward secrecy, no authenticated encryption, no authentication. */
	{ TLS1_2_VERSION, "AES256-GCM-SHA384", NULL, NULL, "no encryption that is safe enough" },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA384", NULL, NULL, "no encryption that is safe" },
	{ TLS1_2_VERSION, "ADH-AES256-GCM-SHA384", NULL, NULL, "no encryption that is safe" },
	{ TLS1_2_VERSION, NULL, "RSA+SHA1", NULL, "SHA-256 or better is needed" },
};

static SSL *new_foreigner(const struct foreign *row, SSL_CTX *context, socket_handle socket)
{
	char signatures[64];
	SSL *client;

	/* Level 0 offers also what is refused. */
	SSL_CTX_set_security_level(context, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(context, row->version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(context, row->version), 1);
	if (row->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(context, row->suites), 1);
	if (row->signatures) {
		snprintf(signatures, sizeof signatures, "%s", row->signatures);
		assert_int_equal(SSL_CTX_set1_sigalgs_list(context, signatures), 1);
	}
	client = SSL_new(context);
	assert_non_null(client);
	assert_int_equal(SSL_set_fd(client, (int)socket), 1);
	SSL_set_connect_state(client);
	return client;
}

/* Plays the handshake; returns the server's last result. */
static enum tls_result meet(SSL *client, struct tls_session *server, struct error *error)
{
	enum tls_result result = TLS_WANTS_READ;
	int through = 0;

	for (int round = 0; round < 1000; round++) {
		if (through != 1)
			through = SSL_do_handshake(client);
		ERR_clear_error();
		if (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE)
			result = tls_handshake(server, error);
		if (result == TLS_BROKEN || (result == TLS_OK && through == 1))
			break;
	}
	return result;
}

static void check_agreed(const struct foreign *row, SSL *client, struct tls_session *server)
{
	X509 *certificate = SSL_get0_peer_certificate(client);
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char uses[128];

	snprintf(uses, sizeof uses, "%s %s", SSL_get_cipher_name(client),
		EVP_PKEY_get0_type_name(key));
	assert_string_equal(uses, row->uses);
	assert_non_null(strstr(tls_description(server), SSL_get_cipher_name(client)));
	/* The authority comes with it. */
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client)), 2);
}

static void test_foreign_clients(void **state)
{
	struct tls_contexts *contexts = *state;

	for (size_t i = 0; i < sizeof foreigners / sizeof foreigners[0]; i++) {
		const struct foreign *row = &foreigners[i];
		SSL_CTX *context = SSL_CTX_new(TLS_client_method());
		socket_handle sockets[2];
		struct tls_session *server;
		struct error error = { .text = "" };
		enum tls_result result;
		SSL *client;

		sockets_make(sockets, 0);
		server = tls_session_new(contexts->server, sockets[0], NULL, &error);
		client = new_foreigner(row, context, sockets[1]);
		result = meet(client, server, &error);
		if (result != (row->uses ? TLS_OK : TLS_BROKEN))
			fail_msg("row %zu: %s", i, error.text);
		if (row->uses)
			check_agreed(row, client, server);
		else if (error.kind != ERROR_IO || !strstr(error.text, row->says))
			fail_msg("row %zu says: %s", i, error.text);
		SSL_free(client);
		SSL_CTX_free(context);
		tls_session_free(&server);
		close((int)sockets[0]);
		close((int)sockets[1]);
	}
}

/* A client that asks for a new handshake within TLS 1.2 gets none. */
static void test_no_renegotiation(void **state)
{
	static const struct foreign row = { .version = TLS1_2_VERSION };
	struct tls_contexts *contexts = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct tls_session *server;
	socket_handle sockets[2];
	struct error error;
	char byte[2];
	SSL *client;
	int result = -1;

	sockets_make(sockets, 0);
	server = tls_session_new(contexts->server, sockets[0], NULL, &error);
	client = new_foreigner(&row, context, sockets[1]);
	assert_int_equal(meet(client, server, &error), TLS_OK);
	assert_int_equal(SSL_renegotiate(client), 1);
	for (int round = 0; round < 10 && result != 1; round++) {
		result = SSL_do_handshake(client);
		read_some(server, byte, 1, &error);
	}
	assert_int_not_equal(result, 1);
	ERR_clear_error();
	SSL_free(client);
	SSL_CTX_free(context);
	tls_session_free(&server);
	close((int)sockets[0]);
	close((int)sockets[1]);
}

/* A ticket shortens the next handshake with the same context, and is worth nothing to another one.
 * */
static void test_tickets(void **state)
{
	static const struct foreign rows[] = { { .version = TLS1_3_VERSION },
		{ .version = TLS1_2_VERSION } };
	struct tls_contexts *contexts = *state;

	for (size_t i = 0; i < 2; i++) {
		struct error error;
		struct tls_context *again = tls_server_context(contexts->folder.path, &error);
		struct tls_context *server_context[] = { contexts->server, contexts->server,
			again };
		SSL_CTX *context = SSL_CTX_new(TLS_client_method());
		SSL_SESSION *ticket = NULL;

		for (int attempt = 0; attempt < 3; attempt++) {
			socket_handle sockets[2];
			struct tls_session *server;
			SSL *client;
			char byte;

			sockets_make(sockets, 0);
			server = tls_session_new(server_context[attempt], sockets[0], NULL, &error);
			client = new_foreigner(&rows[i], context, sockets[1]);
			if (ticket)
				assert_int_equal(SSL_set_session(client, ticket), 1);
			assert_int_equal(meet(client, server, &error), TLS_OK);
			send_all(server, "x");
			assert_int_equal(SSL_read(client, &byte, 1), 1);
			assert_int_equal(SSL_session_reused(client), attempt == 1);
			if (!ticket)
				ticket = SSL_get1_session(client);
			SSL_shutdown(client);
			SSL_free(client);
			tls_session_free(&server);
			close((int)sockets[0]);
			close((int)sockets[1]);
		}
		SSL_SESSION_free(ticket);
		SSL_CTX_free(context);
		tls_context_free(&again);
	}
}

/* ---- server contexts ---- */

static void test_server_context_errors(void **state)
{
	static const struct {
		const char *file, *content_of; /* NULL: removed */
		enum error_kind kind;
	} rows[] = {
		{ "server-ec.key", "server-rsa.key", ERROR_CORRUPT },
		{ "server-rsa.key", "authority.key", ERROR_CORRUPT },
		{ "server-rsa.crt", "server-rsa.key", ERROR_CORRUPT },
		{ "authority.crt", "server-rsa.key", ERROR_CORRUPT },
		{ "server-ec.key", NULL, ERROR_NOT_FOUND },
		{ "server-rsa.crt", NULL, ERROR_NOT_FOUND },
	};
	struct tls_contexts *contexts = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct certificate_folder folder;
		struct error error = { .kind = ERROR_NONE };

		folder_make(&folder);
		for (size_t j = 0; j < FOLDER_FILE_COUNT; j++)
			folder_copy(&contexts->folder, folder_files[j], &folder, folder_files[j]);
		if (rows[i].content_of)
			folder_copy(&contexts->folder, rows[i].content_of, &folder, rows[i].file);
		else
			folder_delete(&folder, rows[i].file);
		assert_null(tls_server_context(folder.path, &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_non_null(strstr(error.text, rows[i].file));
		assert_int_equal(ERR_peek_error(), 0);
		folder_discard(&folder);
	}
}

/* A person may put one RSA certificate with its chain in both places, without our authority. */
static void test_foreign_pair(void **state)
{
	static const struct foreign row = { .version = TLS1_3_VERSION };
	struct tls_contexts *contexts = *state;
	struct tls_contexts imported = { .client = contexts->client };
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char *leaf = folder_read(&contexts->folder, "server-rsa.crt");
	char *authority = folder_read(&contexts->folder, "authority.crt");
	char chain[16384];
	socket_handle sockets[2];
	struct tls_session *server;
	struct tls_pair pair;
	struct error error;
	SSL *client;

	snprintf(chain, sizeof chain, "%s%s", leaf, authority);
	folder_make(&imported.folder);
	folder_write(&imported.folder, "server-ec.crt", chain);
	folder_write(&imported.folder, "server-rsa.crt", chain);
	folder_copy(&contexts->folder, "server-rsa.key", &imported.folder, "server-ec.key");
	folder_copy(&contexts->folder, "server-rsa.key", &imported.folder, "server-rsa.key");
	imported.server = tls_server_context(imported.folder.path, &error);
	assert_non_null(imported.server);
	tls_pair_open(&pair, &imported);
	tls_pair_free(&pair);

	sockets_make(sockets, 0);
	server = tls_session_new(imported.server, sockets[0], NULL, &error);
	client = new_foreigner(&row, context, sockets[1]);
	assert_int_equal(meet(client, server, &error), TLS_OK);
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(client)), 2);
	SSL_free(client);
	SSL_CTX_free(context);
	tls_session_free(&server);
	close((int)sockets[0]);
	close((int)sockets[1]);
	tls_context_free(&imported.server);
	folder_discard(&imported.folder);
	free(leaf);
	free(authority);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_is_needed),
		cmocka_unit_test(test_untrusted),
		cmocka_unit_test(test_trusted_files),
		cmocka_unit_test(test_foreign_clients),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_server_context_errors),
		cmocka_unit_test(test_foreign_pair),
	};

	return cmocka_run_group_tests(tests, tls_contexts_set_up, tls_contexts_tear_down);
}
