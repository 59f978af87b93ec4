/* bare_tls.c -- TLS with as little around it as possible: what the gateway is held against.
 *
 *	bare_tls sink CERTIFICATE KEY			an SMTP server that throws the mail away
 *	bare_tls hold CERTIFICATE KEY			greets, keeps every session, and reads nothing more
 *	bare_tls pipe CERTIFICATE KEY AUTHORITY MIB	sends MIB to itself and prints the rate
 *
 * The first two print their port and run until their input ends. Sockets block: sink and pipe have a thread for
 * each connection, hold has none, so that its memory is OpenSSL's alone. The settings of a session that cost or
 * save memory (engine/net/tls_context.c) are the gateway's. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_figures.h"
#include "bench_message.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "tls_dial.h"

enum {
	BACKLOG = 256,
	IN_SIZE = 65536,
	OUT_SIZE = 16384,
	RECORD_SIZE = 16384,
	FILE_LIMIT = 10100,
	MIB = 1024 * 1024,
};

static SSL_CTX *context;
static int listener;
static uint16_t port;
static size_t pipe_octets;

/* ---- the server's side ---- */

static bool make_context(const char *certificate, const char *key)
{
	context = SSL_CTX_new(TLS_server_method());
	if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return false;
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_num_tickets(context, 1) == 1;
}

static bool listen_somewhere(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
		listen(listener, BACKLOG) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		return false;
	port = ntohs(address.sin_port);
	return true;
}

/* NULL: the client did not finish the handshake. */
static SSL *accept_one(void)
{
	const int on = 1;
	int socket = accept(listener, NULL, NULL);
	SSL *tls = socket < 0 ? NULL : SSL_new(context);

	if (!tls)
		return NULL;
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (SSL_set_fd(tls, socket) == 1 && SSL_accept(tls) == 1)
		return tls;
	SSL_free(tls);
	close(socket);
	return NULL;
}

static void close_one(SSL *tls)
{
	int socket = SSL_get_fd(tls);

	SSL_shutdown(tls);
	SSL_free(tls);
	close(socket);
}

static bool write_all(SSL *tls, struct bytes bytes)
{
	size_t written;

	return !bytes.size || SSL_write_ex(tls, bytes.data, bytes.size, &written) == 1;
}

/* ---- sink ---- */

struct sink {
	SSL *tls;
	bool in_content, is_over;
	uint8_t in[IN_SIZE];
	size_t size;
	char out[OUT_SIZE];
	size_t out_size;
};

static void reply(struct sink *sink, const char *text)
{
	size_t size = strlen(text);

	if (size <= sizeof sink->out - sink->out_size) {
		memcpy(sink->out + sink->out_size, text, size);
		sink->out_size += size;
	}
}

static void answer(struct sink *sink, struct bytes line)
{
	if (bytes_starts_with_nocase(line, "EHLO")) {
		reply(sink, "250-sink\r\n250-PIPELINING\r\n250 SIZE\r\n");
	} else if (bytes_starts_with_nocase(line, "DATA")) {
		reply(sink, "354 go on\r\n");
		sink->in_content = true;
	} else if (bytes_starts_with_nocase(line, "QUIT")) {
		reply(sink, "221 bye\r\n");
		sink->is_over = true;
	} else {
		reply(sink, "250 ok\r\n");
	}
}

/* Uses what it can; what is left may be the beginning of a line or of the content's end. */
static void use(struct sink *sink)
{
	static const char ending[] = "\r\n.\r\n";
	const size_t ending_size = sizeof ending - 1;
	struct bytes rest = bytes_make(sink->in, sink->size);

	for (;;) {
		size_t end;

		if (sink->in_content) {
			const uint8_t *found = memmem(rest.data, rest.size, ending, ending_size);

			if (!found) {
				if (rest.size >= ending_size)
					rest = bytes_skip(rest, rest.size - (ending_size - 1));
				break;
			}
			rest = bytes_skip(rest, (size_t)(found - rest.data) + ending_size);
			sink->in_content = false;
			reply(sink, "250 thrown away\r\n");
			continue;
		}
		end = bytes_find(rest, '\n');
		if (end == rest.size)
			break;
		answer(sink, rest);
		rest = bytes_skip(rest, end + 1);
	}
	memmove(sink->in, rest.data, rest.size);
	sink->size = rest.size;
}

static void *serve_sink(void *argument)
{
	struct sink *sink = calloc(1, sizeof *sink);
	SSL *tls = argument;
	size_t got;

	if (sink) {
		sink->tls = tls;
		reply(sink, "220 sink\r\n");
	}
	while (sink && write_all(tls, bytes_make(sink->out, sink->out_size)) && !sink->is_over &&
		SSL_read_ex(tls, sink->in + sink->size, sizeof sink->in - sink->size, &got) == 1) {
		sink->out_size = 0;
		sink->size += got;
		use(sink);
	}
	free(sink);
	close_one(tls);
	return NULL;
}

static void *accept_for_sink(void *unused)
{
	pthread_t thread;
	SSL *tls;

	/* The handshake is made here: connections stand before the load's clock runs. */
	for (;;) {
		tls = accept_one();
		if (tls && pthread_create(&thread, NULL, serve_sink, tls) == 0)
			pthread_detach(thread);
		else if (tls)
			close_one(tls);
	}
	return unused;
}

/* ---- hold ---- */

static void *accept_for_hold(void *unused)
{
	static SSL *held[FILE_LIMIT];
	size_t count = 0;

	while (count < FILE_LIMIT) {
		held[count] = accept_one();
		if (held[count] && write_all(held[count], bytes_of("+OK\r\n")))
			count++;
	}
	return unused;
}

static bool serve(void *(*accept_all)(void *))
{
	pthread_t thread;

	printf("%u\n", port);
	fflush(stdout);
	if (pthread_create(&thread, NULL, accept_all, NULL) != 0)
		return false;
	while (getchar() != EOF)
		;
	return true;
}

/* ---- pipe ---- */

static void *send_pipe(void *unused)
{
	static uint8_t record[RECORD_SIZE];
	SSL *tls = accept_one();
	bool ok = tls != NULL;

	for (size_t sent = 0; ok && sent < pipe_octets; sent += sizeof record)
		ok = write_all(tls, bytes_make(record, sizeof record));
	if (tls)
		close_one(tls);
	return unused;
}

static bool run_pipe(const char *authority)
{
	struct error error = { .kind = ERROR_NONE };
	SSL_CTX *tls = tls_dial_context(authority, &error);
	struct tls_dial dial = { .socket = -1 };
	pthread_t sender;
	int64_t began_us = 0;
	size_t got = 0;
	bool ok = tls && pthread_create(&sender, NULL, send_pipe, NULL) == 0;

	ok = ok && tls_dial_open(&dial, port, &error) && tls_dial_start_tls(&dial, tls, &error);
	began_us = clock_monotonic_us();
	while (ok && got < pipe_octets) {
		ok = tls_dial_fill(&dial, &error);
		got += dial.end;
		dial.begin = dial.end = 0;
	}
	if (ok) {
		double seconds = (double)(clock_monotonic_us() - began_us) / 1e6;

		printf("{\"octets\":%zu,\"mib_per_s\":%.2f,\"cpu_s\":%.3f}\n", got,
			(double)got / seconds / MIB, bench_figures_cpu_s());
		pthread_join(sender, NULL);
	} else {
		fprintf(stderr, "bare_tls: %s\n", error.text);
	}
	tls_dial_close(&dial);
	SSL_CTX_free(tls);
	return ok;
}

int main(int count, char **values)
{
	const bool is_pipe = count == 6 && strcmp(values[1], "pipe") == 0;
	const bool is_sink = count == 4 && strcmp(values[1], "sink") == 0;
	const bool is_hold = count == 4 && strcmp(values[1], "hold") == 0;
	uint64_t mib = 0, files;
	bool ok;

	if ((!is_pipe && !is_sink && !is_hold) ||
		(is_pipe && (!bytes_parse_number(bytes_of(values[5]), 100000, &mib) || !mib))) {
		fprintf(stderr,
			"usage: %s sink|hold CERTIFICATE KEY\n"
			"       %s pipe CERTIFICATE KEY AUTHORITY MIB\n",
			values[0], values[0]);
		return 2;
	}
	process_harden(false, NULL);
	process_raise_file_limit(FILE_LIMIT, &files, NULL);
	if (!make_context(values[2], values[3]) || !listen_somewhere()) {
		fprintf(stderr, "bare_tls: no certificate, or no socket: %s\n", strerror(errno));
		return 1;
	}
	pipe_octets = (size_t)mib * MIB;
	if (is_pipe)
		ok = run_pipe(values[4]);
	else
		ok = serve(is_sink ? accept_for_sink : accept_for_hold);
	return ok ? 0 : 1;
}
