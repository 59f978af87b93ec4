/* test_tls_data.c -- what goes through a session: nothing lost, nothing cut short unnoticed,
 * nothing that is not TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_pair.h"

static void close_socket(struct tls_pair *pair, int side)
{
	close((int)pair->socket[side]);
	pair->socket[side] = SOCKET_NONE;
}

static void test_orderly_end(void **state)
{
	struct tls_pair pair;
	struct error error;
	char text[64];

	tls_pair_open(&pair, *state);
	send_all(pair.client, "the last words");
	tls_send_close(pair.client);
	close_socket(&pair, 1);
	assert_int_equal(read_some(pair.server, text, sizeof text - 1, &error), TLS_CLOSED);
	assert_string_equal(text, "the last words");
	assert_int_equal(read_some(pair.server, text, 1, &error), TLS_CLOSED);
	tls_pair_free(&pair);
}

/* After the peer's close_notify this side may still speak (RFC 8446 6.1). */
static void test_half_close(void **state)
{
	struct tls_pair pair;
	struct error error;
	char text[64];

	tls_pair_open(&pair, *state);
	tls_send_close(pair.client);
	assert_int_equal(read_some(pair.server, text, 1, &error), TLS_CLOSED);
	send_all(pair.server, "221 bye");
	assert_int_equal(read_some(pair.client, text, 7, &error), TLS_OK);
	assert_string_equal(text, "221 bye");
	tls_pair_free(&pair);
}

/* The peer's end of the connection ends, or is reset (which is what closing with unread input is).
 * */
static void check_truncation(struct tls_contexts *contexts, bool reset, const char *says)
{
	struct tls_pair pair;
	struct error error;
	size_t written;
	char text[64];

	tls_pair_open(&pair, contexts);
	send_all(pair.client, "the last words");
	if (reset)
		close_socket(&pair, 1);
	else
		shutdown((int)pair.socket[1], SHUT_WR);
	assert_int_equal(read_some(pair.server, text, sizeof text - 1, &error), TLS_BROKEN);
	assert_string_equal(text, "the last words");
	assert_int_equal(error.kind, ERROR_IO);
	assert_non_null(strstr(error.text, says));
	assert_false(tls_has_pending(pair.server));
	/* It stays broken, and says so. */
	assert_int_equal(read_some(pair.server, text, 1, &error), TLS_BROKEN);
	assert_int_equal(tls_write(pair.server, bytes_of("x"), &written, &error), TLS_BROKEN);
	assert_int_equal(tls_handshake(pair.server, &error), TLS_BROKEN);
	assert_true(error.text[0]);
	tls_send_close(pair.server);
	tls_pair_free(&pair);
}

static void test_truncation(void **state)
{
	check_truncation(*state, false, "cut without the closing message");
	check_truncation(*state, true, "the connection broke: ");
}

static void test_writing_to_nobody(void **state)
{
	struct tls_pair pair;
	struct error error;
	size_t written;

	tls_pair_open(&pair, *state);
	close_socket(&pair, 1);
	assert_int_equal(tls_write(pair.server, bytes_of("x"), &written, &error), TLS_BROKEN);
	assert_int_equal(error.kind, ERROR_IO);
	assert_int_not_equal(error.os_code, 0);
	assert_non_null(strstr(error.text, "the connection broke"));
	tls_pair_free(&pair);
}

static void test_end_in_the_handshake(void **state)
{
	struct tls_pair pair;

	tls_pair_make(&pair, *state, "gateway.example.com", 0);
	assert_int_equal(tls_handshake(pair.client, &pair.client_error), TLS_WANTS_READ);
	close_socket(&pair, 0);
	assert_int_equal(tls_handshake(pair.client, &pair.client_error), TLS_BROKEN);
	assert_int_equal(pair.client_error.kind, ERROR_IO);
	assert_true(pair.client_error.text[0]);
	tls_send_close(pair.client);
	tls_pair_free(&pair);
}

/* ---- amounts ---- */

enum { TRANSFER = 3 * 1024 * 1024 };

static uint8_t byte_at(size_t place, int direction)
{
	return (uint8_t)(place * 7 + place / 251 + (size_t)direction);
}

struct flow {
	struct tls_session *from, *to;
	size_t written, read;
	int direction;
	bool wants_same; /* the last write must be repeated */
	size_t wanted;
};

/* Each attempt comes from another place in memory and offers another amount, never less than
 * before. */
static void push(struct flow *flow, size_t amount)
{
	size_t size = flow->wants_same && flow->wanted > amount ? flow->wanted : amount;
	struct error error;
	enum tls_result result;
	size_t written;
	uint8_t *data;

	if (size > TRANSFER - flow->written)
		size = TRANSFER - flow->written;
	if (!size)
		return;
	data = malloc(size);
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(flow->written + i, flow->direction);
	result = tls_write(flow->from, bytes_make(data, size), &written, &error);
	assert_true(result == TLS_OK || result == TLS_WANTS_WRITE);
	assert_true(written <= size);
	assert_true((result == TLS_OK) == (written > 0));
	flow->written += written;
	flow->wants_same = result == TLS_WANTS_WRITE;
	flow->wanted = size;
	memset(data, 0xee, size);
	free(data);
}

static void pull(struct flow *flow, size_t capacity)
{
	struct error error;
	enum tls_result result;
	uint8_t data[40000];
	size_t size;

	result = tls_read(flow->to, data, capacity, &size, &error);
	assert_true(result == TLS_OK || result == TLS_WANTS_READ);
	assert_true((result == TLS_OK) == (size > 0));
	assert_true(size <= capacity);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(data[i], byte_at(flow->read + i, flow->direction));
	flow->read += size;
}

static void test_both_directions_through_small_buffers(void **state)
{
	static const size_t amounts[] = { 1, 100, 16384, 16385, 40000, 70000 };
	struct tls_pair pair;
	struct flow flow[2];
	int rounds = 0;

	tls_pair_make(&pair, *state, "localhost", 4096);
	assert_true(tls_pair_handshake(&pair));
	flow[0] = (struct flow){ .from = pair.server, .to = pair.client, .direction = 0 };
	flow[1] = (struct flow){ .from = pair.client, .to = pair.server, .direction = 1 };
	while (flow[0].read < TRANSFER || flow[1].read < TRANSFER) {
		size_t amount = amounts[rounds % 6];

		for (int i = 0; i < 2; i++) {
			push(&flow[i], amount);
			push(&flow[i], amount);
			pull(&flow[i], amount < 40000 ? amount : 40000);
			pull(&flow[i], 40000);
		}
		assert_true(rounds++ < 100000);
	}
	assert_int_equal(flow[0].written, TRANSFER);
	assert_int_equal(flow[1].written, TRANSFER);
	tls_pair_free(&pair);
}

static void test_empty_write(void **state)
{
	struct tls_pair pair;
	struct error error;
	size_t written = 1;
	char text[2];

	tls_pair_open(&pair, *state);
	assert_int_equal(
		tls_write(pair.client, (struct bytes){ NULL, 0 }, &written, &error), TLS_OK);
	assert_int_equal(written, 0);
	assert_int_equal(read_some(pair.server, text, 1, &error), TLS_WANTS_READ);
	tls_pair_free(&pair);
}

/* ---- what waits inside ---- */

/* Many small records arrive with one read from the socket: as long as some wait, has_pending says
 * so, though the socket is empty. */
static void test_pending(void **state)
{
	struct tls_pair pair;
	struct error error;
	int reads = 0;
	uint8_t byte;
	size_t size;

	tls_pair_open(&pair, *state);
	assert_false(tls_has_pending(pair.server));
	for (int i = 0; i < 50; i++)
		send_all(pair.client, "0123456789");
	do {
		assert_int_equal(tls_read(pair.server, &byte, 1, &size, &error), TLS_OK);
		assert_int_equal(byte, '0' + reads % 10);
		reads++;
		/* Nothing more comes by the socket. */
		if (recv((int)pair.socket[0], &byte, 1, MSG_PEEK) < 0)
			assert_true(tls_has_pending(pair.server) || reads == 500);
	} while (reads < 500);
	assert_int_equal(tls_read(pair.server, &byte, 1, &size, &error), TLS_WANTS_READ);
	assert_false(tls_has_pending(pair.server));
	tls_pair_free(&pair);
}

/* A network between the two that the test holds in its hand. */
struct wire {
	struct tls_pair pair; /* .socket: the far ends */
	socket_handle server_end, client_end;
};

static void wire_open(struct wire *wire, struct tls_contexts *contexts)
{
	socket_handle to_server[2], to_client[2];
	struct tls_pair *pair = &wire->pair;
	uint8_t bytes[65536];
	struct error error;

	*pair = (struct tls_pair){ 0 };
	sockets_make(to_server, 0);
	sockets_make(to_client, 0);
	pair->server = tls_session_new(contexts->server, to_server[0], NULL, &error);
	pair->client = tls_session_new(contexts->client, to_client[0], "localhost", &error);
	pair->socket[0] = to_server[0];
	pair->socket[1] = to_client[0];
	wire->server_end = to_server[1];
	wire->client_end = to_client[1];
	pair->client_result = pair->server_result = TLS_WANTS_READ;
	while (pair->client_result != TLS_OK || pair->server_result != TLS_OK) {
		ssize_t size;

		if (pair->client_result != TLS_OK)
			pair->client_result = tls_handshake(pair->client, &error);
		if ((size = read((int)wire->client_end, bytes, sizeof bytes)) > 0)
			assert_int_equal(write((int)wire->server_end, bytes, (size_t)size), size);
		if (pair->server_result != TLS_OK)
			pair->server_result = tls_handshake(pair->server, &error);
		if ((size = read((int)wire->server_end, bytes, sizeof bytes)) > 0)
			assert_int_equal(write((int)wire->client_end, bytes, (size_t)size), size);
		assert_int_not_equal(pair->client_result, TLS_BROKEN);
		assert_int_not_equal(pair->server_result, TLS_BROKEN);
	}
}

static void wire_close(struct wire *wire)
{
	tls_pair_free(&wire->pair);
	close((int)wire->server_end);
	close((int)wire->client_end);
}

/* The records of one message cut at every place: what is whole comes out, and the part that waits
 * for its rest makes nobody spin. */
static void test_cut_records(void **state)
{
	uint8_t bytes[256];
	char text[64];
	struct wire wire;
	struct error error;
	ssize_t size;

	wire_open(&wire, *state);
	for (ssize_t cut = 1; cut < 52; cut++) {
		send_all(wire.pair.client, "abc");
		send_all(wire.pair.client, "def");
		size = read((int)wire.client_end, bytes, sizeof bytes);
		/* Header 5, text 3, type 1, tag 16: twice. */
		assert_int_equal(size, 50);
		if (cut >= size)
			cut = size;
		assert_int_equal(write((int)wire.server_end, bytes, (size_t)cut), cut);
		assert_int_equal(read_some(wire.pair.server, text, 60, &error), TLS_WANTS_READ);
		assert_string_equal(text, cut < 25 ? "" : cut < 50 ? "abc" : "abcdef");
		assert_false(tls_has_pending(wire.pair.server));
		assert_int_equal(
			write((int)wire.server_end, bytes + cut, (size_t)(size - cut)), size - cut);
		assert_int_equal(read_some(wire.pair.server, text, 60, &error), TLS_WANTS_READ);
		assert_string_equal(text, cut < 25 ? "abcdef" : cut < 50 ? "def" : "");
		if (cut == size)
			break;
	}
	wire_close(&wire);
}

/* A flipped bit ends the session; what came before is still delivered, what comes after is not. */
static void test_damaged_record(void **state)
{
	uint8_t bytes[256];
	char text[64];
	struct wire wire;
	struct error error;
	ssize_t size;

	for (size_t place = 25; place < 50; place++) {
		wire_open(&wire, *state);
		send_all(wire.pair.client, "abc");
		send_all(wire.pair.client, "def");
		send_all(wire.pair.client, "ghi");
		size = read((int)wire.client_end, bytes, sizeof bytes);
		assert_int_equal(size, 75);
		bytes[place] ^= 0x40;
		assert_int_equal(write((int)wire.server_end, bytes, (size_t)size), size);
		close((int)wire.server_end);
		wire.server_end = dup((int)wire.client_end);
		assert_int_equal(read_some(wire.pair.server, text, 60, &error), TLS_BROKEN);
		assert_string_equal(text, "abc");
		assert_int_equal(error.kind, ERROR_IO);
		if (place >= 30)
			assert_non_null(strstr(error.text, "a record was damaged on the way"));
		wire_close(&wire);
	}
}

/* ---- what is not TLS ---- */

static void test_garbage_instead_of_hello(void **state)
{
	static const struct {
		const char *sent;
		const char *says;
	} rows[] = {
		{ "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n", "does not speak TLS here" },
		{ "GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", "speaks HTTP, not TLS" },
		{ "CONNECT a:25 HTTP/1.1\r\n\r\n", "speaks HTTP, not TLS" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "does not speak TLS here" },
		{ "\x16\x03\x01\xff\xff not a client hello", "" },
		{ "\x16\x03\x01\x02", "" }, /* and then the end */
		{ "", "" },
	};
	struct tls_contexts *contexts = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t length = strlen(rows[i].sent), size;
		struct tls_session *server;
		socket_handle sockets[2];
		struct error error = { .text = "" };
		uint8_t byte;

		sockets_make(sockets, 0);
		server = tls_session_new(contexts->server, sockets[0], NULL, &error);
		assert_int_equal(tls_handshake(server, &error), TLS_WANTS_READ);
		assert_int_equal(write((int)sockets[1], rows[i].sent, length), length);
		shutdown((int)sockets[1], SHUT_WR);
		assert_int_equal(tls_handshake(server, &error), TLS_BROKEN);
		assert_int_equal(ERR_peek_error(), 0);
		assert_int_equal(error.kind, ERROR_IO);
		if (!error.text[0] || !strstr(error.text, rows[i].says))
			fail_msg("row %zu says: %s", i, error.text);
		assert_int_equal(tls_handshake(server, &error), TLS_BROKEN);
		assert_int_equal(tls_read(server, &byte, 1, &size, &error), TLS_BROKEN);
		tls_send_close(server);
		tls_session_free(&server);
		assert_null(server);
		close((int)sockets[0]);
		close((int)sockets[1]);
	}
}

/* A server that greets in the clear where TLS was expected: the wrong port. */
static void test_plaintext_server(void **state)
{
	struct tls_contexts *contexts = *state;
	struct tls_session *client;
	socket_handle sockets[2];
	struct error error;

	sockets_make(sockets, 0);
	client = tls_session_new(contexts->client, sockets[1], "localhost", &error);
	assert_int_equal(tls_handshake(client, &error), TLS_WANTS_READ);
	assert_int_equal(write((int)sockets[0], "220 mail.example ESMTP\r\n", 24), 24);
	assert_int_equal(tls_handshake(client, &error), TLS_BROKEN);
	assert_int_equal(error.kind, ERROR_IO);
	assert_non_null(strstr(error.text, "does not speak TLS here; one side may be set to"));
	tls_session_free(&client);
	close((int)sockets[0]);
	close((int)sockets[1]);
}

/* ---- lifetimes ---- */

static void test_context_is_freed_first(void **state)
{
	struct tls_contexts *contexts = *state;
	struct tls_contexts own = { .client = contexts->client };
	struct tls_pair pair;
	struct error error;
	char text[8];

	own.server = tls_server_context(contexts->folder.path, &error);
	assert_non_null(own.server);
	tls_pair_make(&pair, &own, "localhost", 0);
	tls_context_free(&own.server);
	assert_null(own.server);
	tls_context_free(&own.server);
	assert_true(tls_pair_handshake(&pair));
	send_all(pair.server, "still");
	assert_int_equal(read_some(pair.client, text, 5, &error), TLS_OK);
	assert_string_equal(text, "still");
	tls_pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orderly_end),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_writing_to_nobody),
		cmocka_unit_test(test_end_in_the_handshake),
		cmocka_unit_test(test_both_directions_through_small_buffers),
		cmocka_unit_test(test_empty_write),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_cut_records),
		cmocka_unit_test(test_damaged_record),
		cmocka_unit_test(test_garbage_instead_of_hello),
		cmocka_unit_test(test_plaintext_server),
		cmocka_unit_test(test_context_is_freed_first),
	};

	return cmocka_run_group_tests(tests, tls_contexts_set_up, tls_contexts_tear_down);
}
