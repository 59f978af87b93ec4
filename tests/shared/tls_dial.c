/* tls_dial.c -- one socket and one TLS session, used by one thread. */
#include "tls_dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT_S = 30 };

static bool fail(struct error *error, const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	ERR_clear_error();
	return error_set(error, ERROR_IO, "%s: %s", what, text);
}

SSL_CTX *tls_dial_context(const char *authority_file, struct error *error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context && SSL_CTX_load_verify_locations(context, authority_file, NULL) == 1) {
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
		return context;
	}
	fail(error, "the gateway's authority");
	SSL_CTX_free(context);
	return NULL;
}

bool tls_dial_open(struct tls_dial *dial, uint16_t port, struct error *error)
{
	const struct timeval limit = { .tv_sec = LIMIT_S };
	const int on = 1;
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};

	dial->tls = NULL;
	dial->begin = dial->end = 0;
	dial->socket = socket(AF_INET, SOCK_STREAM, 0);
	if (dial->socket < 0)
		return error_set_os(error, errno, "a socket");
	if (setsockopt(dial->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
		setsockopt(dial->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
		/* Else the final dot waits for the acknowledgement of the content: 40 ms. */
		setsockopt(dial->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
		connect(dial->socket, (const struct sockaddr *)&address, sizeof address) != 0) {
		error_set_os(error, errno, "connecting to port %u", port);
		tls_dial_close(dial);
		return false;
	}
	return true;
}

bool tls_dial_start_tls(struct tls_dial *dial, SSL_CTX *context, struct error *error)
{
	dial->begin = dial->end = 0;
	dial->tls = SSL_new(context);
	if (!dial->tls || SSL_set_fd(dial->tls, dial->socket) != 1 ||
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(dial->tls), "127.0.0.1") != 1 ||
		SSL_connect(dial->tls) != 1)
		return fail(error, "the handshake");
	return true;
}

bool tls_dial_write(struct tls_dial *dial, struct bytes bytes, struct error *error)
{
	struct bytes rest = bytes;
	size_t written = 0;

	for (; rest.size; rest = bytes_skip(rest, written)) {
		if (dial->tls) {
			if (SSL_write_ex(dial->tls, rest.data, rest.size, &written) != 1)
				return fail(error, "sending");
		} else {
			ssize_t sent = send(dial->socket, rest.data, rest.size, MSG_NOSIGNAL);

			if (sent < 0)
				return error_set_os(error, errno, "sending");
			written = (size_t)sent;
		}
	}
	return true;
}

bool tls_dial_fill(struct tls_dial *dial, struct error *error)
{
	size_t size = 0;

	if (dial->begin < dial->end)
		return true;
	dial->begin = dial->end = 0;
	if (dial->tls) {
		if (SSL_read_ex(dial->tls, dial->data, sizeof dial->data, &size) != 1)
			return fail(error, "reading");
	} else {
		ssize_t got = recv(dial->socket, dial->data, sizeof dial->data, 0);

		if (got <= 0)
			return error_set_os(error, got ? errno : ECONNRESET, "reading");
		size = (size_t)got;
	}
	dial->end = size;
	return true;
}

void tls_dial_close(struct tls_dial *dial)
{
	SSL_free(dial->tls);
	dial->tls = NULL;
	if (dial->socket >= 0)
		close(dial->socket);
	dial->socket = -1;
}
