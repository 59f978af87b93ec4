/* test_conn_tls.c -- connections with TLS: implicit and STARTTLS on both sides, what is said before
 * the handshake and must not count, and handshakes that fail. The other side is OpenSSL itself. */
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
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificate_folder.h"
#include "conn_session.h"
#include "platform/listener.h"
#include "test_platform_fixture.h"

enum { MEBIBYTE = 1024 * 1024, GRACE_MS = 5000 };

struct fixture {
	struct certificate_folder folder;
	struct tls_context *server, *client;
	struct loop *loop;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	char path[FOLDER_PATH_SIZE];
	struct error error;

	assert_non_null(fixture);
	/* As process_harden() does: OpenSSL writes without MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	folder_make_filled(&fixture->folder);
	folder_file(&fixture->folder, "authority.crt", path);
	fixture->server = tls_server_context(fixture->folder.path, &error);
	fixture->client = tls_client_context(path, &error);
	assert_non_null(fixture->server);
	assert_non_null(fixture->client);
	fixture->loop = start_loop();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_stop(&fixture->loop, GRACE_MS);
	tls_context_free(&fixture->server);
	tls_context_free(&fixture->client);
	folder_discard(&fixture->folder);
	free(fixture);
	return 0;
}

static struct conn_options options_of(struct tls_context *tls, bool implicit, const char *name)
{
	return (struct conn_options){
		.tls = tls,
		.implicit_tls = implicit,
		.handshake_limit_ms = 10000,
		.server_name = name,
	};
}

/* ---- OpenSSL on the other side ---- */

static SSL *client_over(int socket)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);

	SSL_CTX_free(context);
	assert_non_null(ssl);
	assert_int_equal(SSL_set_fd(ssl, socket), 1);
	SSL_set_connect_state(ssl);
	return ssl;
}

static SSL *server_over(const struct fixture *fixture, int socket)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char certificate[FOLDER_PATH_SIZE], key[FOLDER_PATH_SIZE];
	SSL *ssl;

	folder_file(&fixture->folder, "server-ec.crt", certificate);
	folder_file(&fixture->folder, "server-ec.key", key);
	assert_int_equal(SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM), 1);
	ssl = SSL_new(context);
	SSL_CTX_free(context);
	assert_non_null(ssl);
	assert_int_equal(SSL_set_fd(ssl, socket), 1);
	SSL_set_accept_state(ssl);
	return ssl;
}

static void expect_tls_text(SSL *ssl, const char *text)
{
	char got[256];
	size_t have = 0, size = strlen(text);

	assert_true(size < sizeof got);
	while (have < size) {
		int some = SSL_read(ssl, got + have, (int)(size - have));

		if (some <= 0)
			fail_msg("waited for %s, got %.*s", text, (int)have, got);
		have += (size_t)some;
	}
	assert_memory_equal(got, text, size);
}

/* ---- with both sides ours ---- */

static void meet(struct fixture *fixture, bool implicit, unsigned server_habits,
	unsigned client_habits, struct session *server, struct session *client)
{
	struct conn_options server_options = options_of(fixture->server, implicit, NULL);
	struct conn_options client_options = options_of(fixture->client, implicit, "localhost");
	struct listener listener;
	struct error error;
	int far;

	session_init(server, server_habits);
	session_init(client, client_habits);
	assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
	assert_true(connect_session(
		fixture->loop, client, listener.address.port, &client_options, &error));
	far = accept((int)listener.socket, NULL, NULL);
	assert_int_not_equal(far, -1);
	listener_close(&listener);
	accept_session_on(fixture->loop, server, far, &server_options);
}

static void test_implicit(void **state)
{
	struct fixture *fixture = *state;
	struct session server, client;

	meet(fixture, true, ECHO, 0, &server, &client);
	WAIT_FOR(client.opened == 1 && server.opened == 1);
	assert_true(client.was_tls && server.was_tls);
	assert_int_equal(strncmp(client.tls, "TLSv1.3 ", 8), 0);
	assert_string_equal(client.tls, server.tls);
	session_lock();
	client.pattern_left = 300000;
	session_unlock();
	session_run(fixture->loop, &client, session_kick);
	WAIT_FOR(client.in.size == 300000);
	for (size_t i = 0; i < 300000; i++)
		assert_int_equal(client.in.data[i], pattern_at(i));
	session_run(fixture->loop, &client, session_finish);
	WAIT_FOR(server.closed == 1);
	assert_string_equal(server.why.text, "the peer closed the connection");
	WAIT_FOR(client.closed == 1);
	assert_false(client.has_why);
	session_clear(&server);
	session_clear(&client);
}

static void test_starttls(void **state)
{
	struct fixture *fixture = *state;
	struct session server, client;

	meet(fixture, false, STARTTLS_SERVER, STARTTLS_CLIENT, &server, &client);
	WAIT_FOR(client.opened == 2 && server.opened == 2);
	assert_true(client.was_tls && server.was_tls);
	WAIT_FOR(server.in.size == strlen("STARTTLS\r\nhello\r\n"));
	assert_string_equal(buf_text(&server.in), "STARTTLS\r\nhello\r\n");
	assert_string_equal(buf_text(&client.in), "220 go\r\n");
	session_run(fixture->loop, &client, session_abort);
	WAIT_FOR(server.closed == 1 && client.closed == 1);
	session_clear(&server);
	session_clear(&client);
}

/* ---- what was said before the handshake (RFC 3207 5) ---- */

static void test_junk_behind_starttls(void **state)
{
	static const char *const junk[] = { "NOOP\r\n", "MAIL FROM:<a@example.com>\r\nRCPT",
		"\r\n" };
	struct fixture *fixture = *state;
	struct conn_options options = options_of(fixture->server, false, NULL);

	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
		struct session session;
		char text[128];
		SSL *ssl;
		int far;

		session_init(&session, STARTTLS_SERVER);
		far = accept_session(fixture->loop, &session, &options);
		snprintf(text, sizeof text, "STARTTLS\r\n%s", junk[i]);
		send_text(far, text);
		expect_text(far, "220 go\r\n");
		ssl = client_over(far);
		assert_int_equal(SSL_connect(ssl), 1);
		assert_int_equal(SSL_write(ssl, "EHLO", 4), 4);
		WAIT_FOR(session.in.size >= strlen("STARTTLS\r\nEHLO"));
		assert_string_equal(buf_text(&session.in), "STARTTLS\r\nEHLO");
		SSL_free(ssl);
		close(far);
		WAIT_FOR(session.closed == 1);
		session_clear(&session);
	}
}

static void test_junk_behind_go_ahead(void **state)
{
	struct fixture *fixture = *state;
	struct conn_options options = options_of(fixture->client, false, "localhost");
	struct listener listener;
	struct session session;
	struct error error;
	SSL *ssl;
	int far;

	session_init(&session, STARTTLS_CLIENT);
	assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
	assert_true(
		connect_session(fixture->loop, &session, listener.address.port, &options, &error));
	far = accept((int)listener.socket, NULL, NULL);
	expect_text(far, "STARTTLS\r\n");
	send_text(far, "220 go\r\n250 injected\r\n");
	ssl = server_over(fixture, far);
	assert_int_equal(SSL_accept(ssl), 1);
	expect_tls_text(ssl, "hello\r\n");
	assert_int_equal(SSL_write(ssl, "250 true", 8), 8);
	WAIT_FOR(session.in.size >= strlen("220 go\r\n250 true"));
	assert_string_equal(buf_text(&session.in), "220 go\r\n250 true");
	SSL_free(ssl);
	close(far);
	listener_close(&listener);
	WAIT_FOR(session.closed == 1);
	session_clear(&session);
}

/* ---- the end ---- */

/* The end inside of TLS comes behind the last byte. */
static void check_finish(struct fixture *fixture, uint64_t size, unsigned wait_ms)
{
	static uint8_t got[65536];
	struct conn_options options = options_of(fixture->server, true, NULL);
	struct session session;
	uint64_t place = 0;
	int far, some;
	SSL *ssl;

	session_init(&session, 0);
	session.pattern_left = size;
	session.habits = FINISH_WHEN_SENT;
	far = accept_session(fixture->loop, &session, &options);
	ssl = client_over(far);
	assert_int_equal(SSL_connect(ssl), 1);
	sleep_ms(wait_ms);
	while ((some = SSL_read(ssl, got, sizeof got)) > 0) {
		for (int i = 0; i < some; i++, place++) {
			if (got[i] != pattern_at(place))
				fail_msg("byte %llu is wrong", (unsigned long long)place);
		}
	}
	assert_int_equal(SSL_get_error(ssl, some), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(place, size);
	SSL_free(ssl);
	close(far);
	WAIT_FOR(session.closed == 1);
	assert_false(session.has_why);
	session_clear(&session);
}

static void test_finish(void **state)
{
	static const uint64_t sizes[] = { 1, 16384, 65536, 65537, 16 * MEBIBYTE };

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		check_finish(*state, sizes[i], i == 4 ? 100 : 0);
}

/* How many records of one byte were asked for before the peer, which does not read, had stopped them.
 * With `finish_after` the session ends after so many, and the peer then reads all. */
static uint64_t fill(struct fixture *fixture, uint64_t finish_after)
{
	static const int small = 4096;
	struct conn_options options = options_of(fixture->server, true, NULL);
	struct session session;
	struct listener listener;
	struct error error;
	uint64_t sent, place = 0;
	int near, far;
	char byte;
	SSL *ssl;

	session_init(&session, finish_after ? FINISH_WHEN_SENT : 0);
	session.piece_size = 1;
	assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
	setsockopt((int)listener.socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	far = dial(listener.address.port);
	setsockopt(far, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	near = accept4((int)listener.socket, NULL, NULL, SOCK_CLOEXEC);
	listener_close(&listener);
	accept_session_on(fixture->loop, &session, near, &options);
	ssl = client_over(far);
	assert_int_equal(SSL_connect(ssl), 1);
	WAIT_FOR(session.opened == 1);
	session_lock();
	session.pattern_left = finish_after ? finish_after : 100 * MEBIBYTE;
	session_unlock();
	session_run(fixture->loop, &session, session_kick);
	sleep_ms(100);
	session_lock();
	sent = session.pattern_sent;
	session_unlock();
	if (finish_after) {
		int some;

		while ((some = SSL_read(ssl, &byte, 1)) == 1)
			place++;
		assert_int_equal(place, finish_after);
		assert_int_equal(SSL_get_error(ssl, some), SSL_ERROR_ZERO_RETURN);
	} else {
		session_run(fixture->loop, &session, session_abort);
	}
	SSL_free(ssl);
	close(far);
	WAIT_FOR(session.closed == 1);
	session_clear(&session);
	return sent;
}

/* The last record just fits into the socket, and the end of TLS does not. */
static void test_finish_when_full(void **state)
{
	uint64_t fits = fill(*state, 0);

	assert_in_range(fits, 10, MEBIBYTE);
	for (uint64_t less = 0; less < 4; less++)
		fill(*state, fits - less);
}

/* An end without close_notify may be a cut by somebody on the way: it is told apart. */
static void test_cut(void **state)
{
	struct fixture *fixture = *state;
	struct conn_options options = options_of(fixture->server, true, NULL);
	struct session session;
	SSL *ssl;
	int far;

	session_init(&session, ECHO);
	far = accept_session(fixture->loop, &session, &options);
	ssl = client_over(far);
	assert_int_equal(SSL_connect(ssl), 1);
	assert_int_equal(SSL_write(ssl, "half a mes", 10), 10);
	expect_tls_text(ssl, "half a mes");
	SSL_set_quiet_shutdown(ssl, 1);
	SSL_free(ssl);
	close(far);
	WAIT_FOR(session.closed == 1);
	assert_true(session.has_why);
	assert_string_not_equal(session.why.text, "the peer closed the connection");
	session_clear(&session);
}

/* ---- handshakes that fail ---- */

static void test_handshake_limit(void **state)
{
	struct fixture *fixture = *state;

	for (int implicit = 0; implicit < 2; implicit++) {
		struct conn_options options = options_of(fixture->server, implicit, NULL);
		struct session session;
		int far;

		options.handshake_limit_ms = 200;
		session_init(&session, STARTTLS_SERVER);
		far = accept_session(fixture->loop, &session, &options);
		if (!implicit) {
			/* Without a handshake there is no limit. */
			sleep_ms(400);
			send_text(far, "STARTTLS\r\n");
			expect_text(far, "220 go\r\n");
		}
		/* A part of a record keeps nobody waiting. */
		send_text(far, "\x16\x03\x01");
		WAIT_FOR(session.closed == 1);
		assert_true(session.has_why);
		assert_non_null(strstr(session.why.text, "time limit"));
		assert_int_equal(session.opened, implicit ? 0 : 1);
		expect_end(far);
		close(far);
		session_clear(&session);
	}
}

static void test_garbage(void **state)
{
	struct fixture *fixture = *state;
	struct conn_options options = options_of(fixture->server, true, NULL);
	struct session session;
	int far;

	session_init(&session, ECHO);
	far = accept_session(fixture->loop, &session, &options);
	send_text(far, "EHLO plain.example\r\n");
	WAIT_FOR(session.closed == 1);
	assert_true(session.has_why);
	assert_non_null(strstr(session.why.text, "TLS handshake"));
	assert_int_equal(session.opened + session.offers, 0);
	close(far);
	session_clear(&session);
}

static void test_wrong_name(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = { { "localhost", true }, { "127.0.0.1", true }, { "other.example", false } };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conn_options server_options = options_of(fixture->server, true, NULL);
		struct conn_options options = options_of(fixture->client, true, rows[i].name);
		struct session server, client;
		struct listener listener;
		struct error error;

		session_init(&server, 0);
		session_init(&client, 0);
		assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
		assert_true(connect_session(
			fixture->loop, &client, listener.address.port, &options, &error));
		accept_session_on(fixture->loop, &server, accept((int)listener.socket, NULL, NULL),
			&server_options);
		listener_close(&listener);
		if (rows[i].ok) {
			WAIT_FOR(client.opened == 1);
			session_run(fixture->loop, &client, session_finish);
		}
		WAIT_FOR(client.closed == 1 && server.closed == 1);
		assert_int_equal(client.opened, rows[i].ok);
		assert_int_equal(client.has_why, !rows[i].ok);
		if (!rows[i].ok) {
			assert_int_equal(client.why.kind, ERROR_INVALID);
			assert_non_null(strstr(client.why.text, rows[i].name));
		}
		session_clear(&server);
		session_clear(&client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_implicit),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_junk_behind_starttls),
		cmocka_unit_test(test_junk_behind_go_ahead),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_finish_when_full),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_handshake_limit),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_wrong_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
