/* tls_pair.c -- sockets, sessions and handshakes for test_tls*.c. */
#include "tls_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

int tls_contexts_set_up(void **state)
{
	struct tls_contexts *contexts = calloc(1, sizeof *contexts);
	char path[FOLDER_PATH_SIZE];
	struct error error;

	assert_non_null(contexts);
	signal(SIGPIPE, SIG_IGN);
	folder_make_filled(&contexts->folder);
	folder_file(&contexts->folder, "authority.crt", path);
	contexts->server = tls_server_context(contexts->folder.path, &error);
	contexts->client = tls_client_context(path, &error);
	assert_non_null(contexts->server);
	assert_non_null(contexts->client);
	*state = contexts;
	return 0;
}

int tls_contexts_tear_down(void **state)
{
	struct tls_contexts *contexts = *state;

	tls_context_free(&contexts->server);
	tls_context_free(&contexts->client);
	folder_discard(&contexts->folder);
	free(contexts);
	return 0;
}

void sockets_make(socket_handle sockets[2], int buffer_size)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
		if (buffer_size)
			setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
		sockets[i] = fd[i];
	}
}

void tls_pair_make(struct tls_pair *pair, struct tls_contexts *contexts, const char *server_name,
	int buffer_size)
{
	struct error error;

	*pair = (struct tls_pair){ 0 };
	sockets_make(pair->socket, buffer_size);
	pair->server = tls_session_new(contexts->server, pair->socket[0], NULL, &error);
	pair->client = tls_session_new(contexts->client, pair->socket[1], server_name, &error);
	assert_non_null(pair->server);
	assert_non_null(pair->client);
	assert_string_equal(tls_description(pair->server), "");
}

static bool is_waiting(enum tls_result result)
{
	return result == TLS_WANTS_READ || result == TLS_WANTS_WRITE;
}

bool tls_pair_handshake(struct tls_pair *pair)
{
	pair->client_result = pair->server_result = TLS_WANTS_READ;
	for (int round = 0; round < 1000; round++) {
		if (is_waiting(pair->client_result))
			pair->client_result = tls_handshake(pair->client, &pair->client_error);
		assert_int_equal(ERR_peek_error(), 0);
		if (is_waiting(pair->server_result))
			pair->server_result = tls_handshake(pair->server, &pair->server_error);
		assert_int_equal(ERR_peek_error(), 0);
		if (!is_waiting(pair->client_result) && !is_waiting(pair->server_result))
			break;
	}
	return pair->client_result == TLS_OK && pair->server_result == TLS_OK;
}

void tls_pair_open(struct tls_pair *pair, struct tls_contexts *contexts)
{
	tls_pair_make(pair, contexts, "gateway.example.com", 0);
	if (!tls_pair_handshake(pair))
		fail_msg(
			"client: %s; server: %s", pair->client_error.text, pair->server_error.text);
}

void tls_pair_free(struct tls_pair *pair)
{
	tls_session_free(&pair->server);
	tls_session_free(&pair->client);
	for (int i = 0; i < 2; i++) {
		if (pair->socket[i] != SOCKET_NONE)
			close((int)pair->socket[i]);
	}
}

void send_all(struct tls_session *session, const char *text)
{
	struct bytes rest = bytes_of(text);
	struct error error;

	while (rest.size) {
		size_t written;

		assert_int_equal(tls_write(session, rest, &written, &error), TLS_OK);
		rest = bytes_skip(rest, written);
	}
}

enum tls_result read_some(struct tls_session *session, char *text, size_t size, struct error *error)
{
	enum tls_result result = TLS_OK;
	size_t used = 0, got;

	while (used < size && result == TLS_OK) {
		result = tls_read(session, (uint8_t *)text + used, size - used, &got, error);
		used += got;
	}
	text[used] = '\0';
	assert_int_equal(ERR_peek_error(), 0);
	return result;
}
