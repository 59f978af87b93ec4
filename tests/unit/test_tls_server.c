/* test_tls_server.c -- which certificate a client gets, and how certificates are exchanged under running sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <time.h>
#include <unistd.h>

#include "net/certificate_import.h"
#include "other_authority.h"
#include "platform/thread.h"
#include "tls_pair.h"

static void import_chain(struct tls_contexts *contexts, const struct other_chain *chain)
{
	struct certificate_import import = { 0 };
	struct error error;
	struct buf text;

	buf_init(&text, 65536);
	other_add_key(&text, &chain->leaf, NULL);
	other_add_certificate(&text, &chain->leaf);
	other_add_certificate(&text, &chain->middle);
	other_add_certificate(&text, &chain->root);
	import.certificate = buf_view(&text);
	if (!certificate_import(contexts->folder.path, &import, (int64_t)time(NULL), &error) ||
		!tls_server_context_reload(contexts->server, contexts->folder.path, &error))
		fail_msg("%s", error.text);
	buf_clear(&text);
}

static void remove_import(struct tls_contexts *contexts)
{
	struct error error;

	assert_true(certificate_import_remove(contexts->folder.path, &error));
	assert_true(tls_server_context_reload(contexts->server, contexts->folder.path, &error));
}

/* ---- a client that trusts whatever comes, and looks at it ---- */

struct client {
	int version;
	const char *suites, *signatures;
	const char *name; /* NULL: none is sent */
};

static SSL *new_client(const struct client *row, SSL_CTX *context, socket_handle socket)
{
	char text[64];
	SSL *client;

	assert_int_equal(SSL_CTX_set_min_proto_version(context, row->version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(context, row->version), 1);
	if (row->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(context, row->suites), 1);
	if (row->signatures) {
		snprintf(text, sizeof text, "%s", row->signatures);
		assert_int_equal(SSL_CTX_set1_sigalgs_list(context, text), 1);
	}
	client = SSL_new(context);
	assert_non_null(client);
	if (row->name) {
		snprintf(text, sizeof text, "%s", row->name);
		assert_int_equal(SSL_set_tlsext_host_name(client, text), 1);
	}
	assert_int_equal(SSL_set_fd(client, (int)socket), 1);
	SSL_set_connect_state(client);
	return client;
}

static void meet(SSL *client, struct tls_session *server)
{
	enum tls_result result = TLS_WANTS_READ;
	struct error error;
	int through = 0;

	for (int round = 0; round < 1000 && !(result == TLS_OK && through == 1); round++) {
		if (through != 1)
			through = SSL_do_handshake(client);
		ERR_clear_error();
		if (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE)
			result = tls_handshake(server, &error);
		if (result == TLS_BROKEN)
			fail_msg("%s", error.text);
	}
	assert_int_equal(through, 1);
}

/* "RSA Other intermediate", "EC own": the kind of key and the issuer of what the client gets. */
static void ask(
	struct tls_contexts *contexts, const struct client *row, char text[256], int *dh_bits)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	char issuer[200];
	struct tls_session *server;
	socket_handle sockets[2];
	EVP_PKEY *exchange = NULL;
	struct error error;
	X509 *certificate;
	SSL *client;

	sockets_make(sockets, 0);
	server = tls_session_new(contexts->server, sockets[0], NULL, &error);
	client = new_client(row, context, sockets[1]);
	meet(client, server);
	certificate = SSL_get0_peer_certificate(client);
	X509_NAME_get_text_by_NID(
		X509_get_issuer_name(certificate), NID_commonName, issuer, sizeof issuer);
	snprintf(text, 256, "%s %s", EVP_PKEY_get0_type_name(X509_get0_pubkey(certificate)),
		strncmp(issuer, "Lettergate", 10) == 0 ? "own" : issuer);
	if (dh_bits && SSL_get_peer_tmp_key(client, &exchange) == 1)
		*dh_bits = EVP_PKEY_get_bits(exchange);
	EVP_PKEY_free(exchange);
	SSL_free(client);
	SSL_CTX_free(context);
	tls_session_free(&server);
	close((int)sockets[0]);
	close((int)sockets[1]);
}

static void check_client(struct tls_contexts *contexts, const struct client *row, const char *gets)
{
	char text[256];

	ask(contexts, row, text, NULL);
	if (strcmp(text, gets) != 0)
		fail_msg("%s with TLS %x gets %s, not %s", row->name ? row->name : "no name",
			(unsigned)row->version, text, gets);
}

/* Both versions; the imported certificate is for mail.example.org and *.web.example.org. */
static void check_names(struct tls_contexts *contexts, const char *imported)
{
	static const struct {
		const char *name;
		bool is_own;
	} rows[] = {
		{ "mail.example.org", false },
		{ "MAIL.example.ORG", false },
		{ "x.web.example.org", false },
		{ "gateway.example.com", true },
		{ "localhost", true },
		{ "unknown.example", false },
		{ "a.gateway.example.com", false },
		{ NULL, false },
	};
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		struct client client = { .version = versions[i % 2], .name = rows[i / 2].name };

		check_client(contexts, &client, rows[i / 2].is_own ? "EC own" : imported);
	}
}

static void test_names(void **state)
{
	struct tls_contexts *contexts = *state;
	struct client client = { .version = TLS1_3_VERSION, .name = "mail.example.org" };
	struct other_chain chain;

	other_chain_make(&chain, EVP_RSA_gen(2048), (int64_t)time(NULL), 90);
	check_client(contexts, &client, "EC own");
	import_chain(contexts, &chain);
	check_names(contexts, "RSA Other intermediate");
	other_chain_clear(&chain);

	other_chain_make(&chain, NULL, (int64_t)time(NULL), 90);
	import_chain(contexts, &chain);
	check_names(contexts, "EC Other intermediate");
	other_chain_clear(&chain);
	remove_import(contexts);
	check_client(contexts, &client, "EC own");
}

/* A mail server without ECDSA still gets a certificate, whatever was imported. */
static void test_old_servers(void **state)
{
	static const struct client rows[] = {
		{ TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384", "RSA+SHA256", NULL },
		{ TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", "RSA+SHA256", "mail.example.org" },
		{ TLS1_2_VERSION, NULL, "RSA+SHA256", "gateway.example.com" },
		{ TLS1_3_VERSION, NULL, "RSA-PSS+SHA256", "mail.example.org" },
	};
	struct tls_contexts *contexts = *state;
	const char *const kinds[] = { "P-384", "ED25519", "RSA" };

	for (size_t kind = 0; kind < 3; kind++) {
		struct other_chain chain;

		other_chain_make(&chain,
			kind == 0 ? EVP_EC_gen("P-384")
				  : EVP_PKEY_Q_keygen(NULL, NULL, kinds[kind], (size_t)2048),
			(int64_t)time(NULL), 90);
		import_chain(contexts, &chain);
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			check_client(contexts, &rows[i],
				kind < 2 || i == 2 ? "RSA own" : "RSA Other intermediate");
		other_chain_clear(&chain);
	}
	remove_import(contexts);
}

static void test_dh_parameters(void **state)
{
	static const struct client row = { TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384", NULL,
		NULL };
	char text[256];
	int bits = 0;

	ask(*state, &row, text, &bits);
	assert_string_equal(text, "RSA own");
	assert_in_range(bits, 2048, 8192);
}

/* ---- exchange under running sessions ---- */

static void test_old_session_lives_on(void **state)
{
	static const struct client row = { .version = TLS1_3_VERSION };
	struct tls_contexts *contexts = *state;
	struct other_chain chain;
	struct tls_pair before, after;
	struct error error;
	char text[16];

	tls_pair_open(&before, contexts);
	/* Began before the exchange, shakes hands after it. */
	tls_pair_make(&after, contexts, "gateway.example.com", 0);
	other_chain_make(&chain, NULL, (int64_t)time(NULL), 90);
	import_chain(contexts, &chain);
	check_client(contexts, &row, "EC Other intermediate");
	send_all(before.client, "still there");
	assert_int_equal(read_some(before.server, text, 11, &error), TLS_OK);
	assert_string_equal(text, "still there");
	assert_true(tls_pair_handshake(&after));
	remove_import(contexts);
	send_all(after.server, "and so am I");
	assert_int_equal(read_some(after.client, text, 11, &error), TLS_OK);
	assert_string_equal(text, "and so am I");
	tls_pair_free(&before);
	tls_pair_free(&after);
	other_chain_clear(&chain);
}

/* A ticket outlives neither a reload nor the choice of another certificate's context. */
static void test_tickets(void **state)
{
	static const struct client row = { .version = TLS1_2_VERSION, .name = "localhost" };
	struct tls_contexts *contexts = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_SESSION *ticket = NULL;
	struct other_chain chain;
	struct error error;

	other_chain_make(&chain, NULL, (int64_t)time(NULL), 90);
	import_chain(contexts, &chain);
	for (int attempt = 0; attempt < 3; attempt++) {
		struct tls_session *server;
		socket_handle sockets[2];
		SSL *client;

		if (attempt == 2)
			assert_true(tls_server_context_reload(
				contexts->server, contexts->folder.path, &error));
		sockets_make(sockets, 0);
		server = tls_session_new(contexts->server, sockets[0], NULL, &error);
		client = new_client(&row, context, sockets[1]);
		if (ticket)
			assert_int_equal(SSL_set_session(client, ticket), 1);
		meet(client, server);
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
	remove_import(contexts);
	other_chain_clear(&chain);
}

static void test_damaged(void **state)
{
	static const struct client row = { .version = TLS1_3_VERSION };
	struct tls_contexts *contexts = *state;
	struct tls_context *again;
	struct other_chain chain;
	struct error error;

	other_chain_make(&chain, NULL, (int64_t)time(NULL), 90);
	import_chain(contexts, &chain);
	folder_write(&contexts->folder, "imported.pem", "damaged");
	assert_false(tls_server_context_reload(contexts->server, contexts->folder.path, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_non_null(strstr(error.text, "imported.pem"));
	assert_int_equal(ERR_peek_error(), 0);
	check_client(contexts, &row, "EC Other intermediate"); /* nothing has changed */

	/* A start goes on without it: mail must come in. */
	again = tls_server_context(contexts->folder.path, &error);
	assert_non_null(again);
	tls_context_free(&again);
	remove_import(contexts);
	check_client(contexts, &row, "EC own");
	other_chain_clear(&chain);
}

struct reloading {
	struct tls_contexts *contexts;
	int left;
};

static void reload_again_and_again(void *context)
{
	struct reloading *reloading = context;
	struct error error;

	for (; reloading->left > 0; reloading->left--) {
		if (!tls_server_context_reload(
			    reloading->contexts->server, reloading->contexts->folder.path, &error))
			return;
	}
}

/* Sessions come and go on one thread while another one exchanges what they are made from. */
static void test_two_threads(void **state)
{
	static const struct client row = { .version = TLS1_3_VERSION, .name = "localhost" };
	struct reloading reloading = { *state, 20 };
	struct other_chain chain;
	struct thread *thread;
	struct error error;

	other_chain_make(&chain, NULL, (int64_t)time(NULL), 90);
	import_chain(*state, &chain);
	thread = thread_start("reloading", reload_again_and_again, &reloading, &error);
	assert_non_null(thread);
	for (int i = 0; i < 20; i++)
		check_client(*state, &row, "EC own");
	thread_join(&thread);
	assert_int_equal(reloading.left, 0);
	remove_import(*state);
	other_chain_clear(&chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_old_servers),
		cmocka_unit_test(test_dh_parameters),
		cmocka_unit_test(test_old_session_lives_on),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, tls_contexts_set_up, tls_contexts_tear_down);
}
