/* test_local_socket.c -- frames cut anywhere, their cap, the backlog, and who may talk to whom. Raw
 * sockets judge the server; a server of ours judges the client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/local_socket.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

enum { PEERS_MAX = 64 };

/* ---- a session, under one lock ---- */

static struct mutex *mutex;
static struct condition *changed;

#define WAIT_FOR(condition)                                                               \
	do {                                                                              \
		bool met_, in_time_ = true;                                               \
		mutex_lock(mutex);                                                        \
		while (!(met_ = (condition)) && in_time_)                                 \
			in_time_ = condition_wait_for(changed, mutex, 10000000);          \
		mutex_unlock(mutex);                                                      \
		if (!met_)                                                                \
			fail_msg("%s:%d: waited for %s", __FILE__, __LINE__, #condition); \
	} while (0)

struct peer {
	struct local_conn *conn;
	unsigned connected, closed, sent, frames;
	struct buf text; /* "[frame][frame]", cut at its maximum */
	size_t longest;
	bool echoes, closes_at_frame, has_why;
	struct error why;
};

struct server {
	struct loop *loop;
	const char *path;
	struct error error;
	bool ok;
	bool echoes, refuses, closes_at_frame;
	size_t count;
	struct peer peers[PEERS_MAX];
};

static void peer_init(struct peer *peer)
{
	*peer = (struct peer){ .conn = NULL };
	buf_init(&peer->text, 65536);
}

static void *on_client(void *context, struct local_conn *conn)
{
	struct server *server = context;
	struct peer *peer = NULL;

	mutex_lock(mutex);
	if (!server->refuses && server->count < PEERS_MAX) {
		peer = &server->peers[server->count++];
		peer_init(peer);
		peer->conn = conn;
		peer->connected = 1;
		peer->echoes = server->echoes;
		peer->closes_at_frame = server->closes_at_frame;
	}
	condition_broadcast(changed);
	mutex_unlock(mutex);
	return peer;
}

static void *on_connected(void *context, struct local_conn *conn)
{
	struct peer *peer = context;

	mutex_lock(mutex);
	peer->conn = conn;
	peer->connected++;
	condition_broadcast(changed);
	mutex_unlock(mutex);
	return NULL;
}

static void on_frame(void *context, struct bytes line)
{
	struct peer *peer = context;

	mutex_lock(mutex);
	peer->frames++;
	if (line.size > peer->longest)
		peer->longest = line.size;
	if (buf_append_byte(&peer->text, '[') && buf_append(&peer->text, line))
		buf_append_byte(&peer->text, ']');
	condition_broadcast(changed);
	mutex_unlock(mutex);
	if (peer->echoes)
		local_conn_send(peer->conn, line);
	if (peer->closes_at_frame)
		local_conn_close(peer->conn);
}

static void on_sent(void *context)
{
	struct peer *peer = context;

	mutex_lock(mutex);
	peer->sent++;
	condition_broadcast(changed);
	mutex_unlock(mutex);
}

static void on_closed(void *context, const struct error *why)
{
	struct peer *peer = context;

	mutex_lock(mutex);
	peer->closed++;
	peer->conn = NULL;
	peer->has_why = why != NULL;
	if (why)
		peer->why = *why;
	condition_broadcast(changed);
	mutex_unlock(mutex);
}

static const struct local_handler server_handler = { on_client, on_frame, on_sent, on_closed };
static const struct local_handler client_handler = { on_connected, on_frame, on_sent, on_closed };

static void open_server(void *context)
{
	struct server *server = context;

	server->ok = local_server_start(server->loop, server->path, &server_handler, server,
			     &server->error) != NULL;
}

static void start_server(struct server *server, const char *path)
{
	server->loop = loop_start("test", &server->error);
	server->path = path;
	assert_non_null(server->loop);
	loop_call(server->loop, open_server, server);
}

static struct server *new_server(const char *path)
{
	struct server *server = calloc(1, sizeof *server);

	assert_non_null(server);
	start_server(server, path);
	if (!server->ok)
		fail_msg("%s", server->error.text);
	return server;
}

/* Each session has ended, once. */
static void free_server(struct server *server)
{
	loop_stop(&server->loop, 1000);
	for (size_t i = 0; i < server->count; i++) {
		assert_int_equal(server->peers[i].closed, 1);
		buf_clear(&server->peers[i].text);
	}
	free(server);
}

/* ---- raw clients ---- */

static int dial_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_true(strlen(path) < sizeof address.sun_path);
	strcpy(address.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void send_bytes(int fd, const void *data, size_t size)
{
	assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

static void expect_bytes(int fd, const char *text)
{
	char got[256];
	size_t size = strlen(text);

	assert_int_equal(recv(fd, got, size, MSG_WAITALL), size);
	assert_memory_equal(got, text, size);
}

static void expect_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

/* ---- frames ---- */

static void test_cut_anywhere(void **state)
{
	static const char text[] = "one\n{\"two\": 2}\n\n\nthree\r\nlast\n";
	static const char expected[] = "[one][{\"two\": 2}][three\r][last]";
	struct server *server = new_server(scratch_path(state, "s"));

	for (size_t cut = 0; cut < sizeof text - 1; cut++) {
		int fd = dial_path(server->path);
		struct peer *peer = &server->peers[cut];
		unsigned whole = 0;

		assert_true(cut < PEERS_MAX);
		WAIT_FOR(server->count == cut + 1);
		for (size_t i = 0; i < cut; i++)
			whole += text[i] == '\n' && i && text[i - 1] != '\n';
		if (cut)
			send_bytes(fd, text, cut);
		/* A whole line is not kept until the next one comes. */
		WAIT_FOR(peer->frames == whole);
		send_bytes(fd, text + cut, sizeof text - 1 - cut);
		WAIT_FOR(peer->frames == 4);
		assert_string_equal(buf_text(&peer->text), expected);
		close(fd);
		WAIT_FOR(peer->closed == 1);
		assert_false(peer->has_why);
	}
	free_server(server);
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = "alpha\nbeta\n";
	struct server *server = new_server(scratch_path(state, "s"));
	int fd = dial_path(server->path);

	for (size_t i = 0; i < sizeof text - 1; i++) {
		send_bytes(fd, &text[i], 1);
		sleep_ms(1);
	}
	WAIT_FOR(server->peers[0].frames == 2);
	assert_string_equal(buf_text(&server->peers[0].text), "[alpha][beta]");
	close(fd);
	free_server(server);
}

static void test_cap(void **state)
{
	static const struct {
		size_t size;
		bool has_end, fits;
	} rows[] = {
		{ LOCAL_FRAME_MAX - 1, true, true },
		{ LOCAL_FRAME_MAX, true, true },
		{ LOCAL_FRAME_MAX + 1, true, false },
		{ LOCAL_FRAME_MAX + 1, false, false },
		{ LOCAL_FRAME_MAX + 50000, true, false },
	};
	char *line = malloc(LOCAL_FRAME_MAX + 65536);
	struct server *server = new_server(scratch_path(state, "s"));

	assert_non_null(line);
	memset(line, 'x', LOCAL_FRAME_MAX + 65536);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int fd = dial_path(server->path);
		struct peer *peer = &server->peers[i];

		line[rows[i].size] = '\n';
		/* The last part in one piece, so that line end and excess are read together. */
		send_bytes(fd, line, LOCAL_FRAME_MAX / 2);
		send(fd, line + LOCAL_FRAME_MAX / 2,
			rows[i].size - LOCAL_FRAME_MAX / 2 + rows[i].has_end, MSG_NOSIGNAL);
		line[rows[i].size] = 'x';
		if (rows[i].fits) {
			WAIT_FOR(peer->frames == 1);
			assert_int_equal(peer->longest, rows[i].size);
		} else {
			WAIT_FOR(peer->closed == 1);
			assert_int_equal(peer->frames, 0);
			assert_true(peer->has_why);
			assert_int_equal(peer->why.kind, ERROR_INVALID);
		}
		close(fd);
		WAIT_FOR(peer->closed == 1);
	}
	free_server(server);
	free(line);
}

static void test_close_in_frame(void **state)
{
	struct server *server = new_server(scratch_path(state, "s"));
	int fd;

	server->closes_at_frame = true;
	fd = dial_path(server->path);
	send_bytes(fd, "one\ntwo\nthree\n", 14);
	WAIT_FOR(server->peers[0].closed == 1);
	assert_int_equal(server->peers[0].frames, 1);
	assert_false(server->peers[0].has_why);
	close(fd);
	free_server(server);
}

/* ---- the backlog ---- */

enum { PIECE = 65536 };

struct burst {
	struct peer *peer;
	size_t size, sent;
	bool was_idle, is_idle;
};

static void send_burst(void *context)
{
	struct burst *burst = context;
	char *line = malloc(burst->size);

	memset(line, 'b', burst->size);
	burst->was_idle = local_conn_is_idle(burst->peer->conn);
	while (burst->sent < 1000 &&
		local_conn_send(burst->peer->conn, bytes_make(line, burst->size)))
		burst->sent++;
	burst->is_idle = local_conn_is_idle(burst->peer->conn);
	free(line);
}

static void test_backlog(void **state)
{
	static const size_t sizes[] = { PIECE, 10 * 1024 * 1024 };
	static char got[PIECE];

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct server *server = new_server(scratch_path(state, "s"));
		struct burst burst = { .peer = &server->peers[0], .size = sizes[i] };
		int fd = dial_path(server->path);
		size_t left, ends = 0;

		WAIT_FOR(server->count == 1);
		loop_call(server->loop, send_burst, &burst);
		assert_true(burst.was_idle);
		assert_false(burst.is_idle);
		assert_true(burst.sent >= 1);
		/* A single large answer goes through; many do not pile up. The system's own buffer
		 * comes on top. */
		if (sizes[i] < LOCAL_BACKLOG_MAX)
			assert_true(burst.sent * PIECE <= LOCAL_BACKLOG_MAX + 1024 * 1024);
		else
			assert_int_equal(burst.sent, 1);
		for (left = burst.sent * (burst.size + 1); left;) {
			ssize_t some = recv(fd, got, left < PIECE ? left : PIECE, 0);

			assert_true(some > 0);
			for (ssize_t j = 0; j < some; j++)
				ends += got[j] == '\n';
			left -= (size_t)some;
		}
		assert_int_equal(ends, burst.sent);
		WAIT_FOR(server->peers[0].sent >= 1);
		/* There is room again. */
		burst = (struct burst){ .peer = &server->peers[0], .size = 10, .sent = 999 };
		loop_call(server->loop, send_burst, &burst);
		assert_true(burst.was_idle);
		assert_int_equal(burst.sent, 1000);
		expect_bytes(fd, "bbbbbbbbbb\n");
		close(fd);
		free_server(server);
	}
}

/* A client that goes away while much waits for it. */
static void test_gone_with_backlog(void **state)
{
	struct server *server = new_server(scratch_path(state, "s"));
	struct burst burst = { .peer = &server->peers[0], .size = PIECE };
	int fd = dial_path(server->path);

	WAIT_FOR(server->count == 1);
	loop_call(server->loop, send_burst, &burst);
	close(fd);
	WAIT_FOR(server->peers[0].closed == 1);
	free_server(server);
}

/* ---- clients and ends ---- */

static void test_many_clients(void **state)
{
	enum { CLIENTS = 50 };
	struct server *server = new_server(scratch_path(state, "s"));
	int sockets[CLIENTS];
	char text[32];

	server->echoes = true;
	for (int i = 0; i < CLIENTS; i++)
		sockets[i] = dial_path(server->path);
	for (int i = 0; i < CLIENTS; i++) {
		int size = snprintf(text, sizeof text, "client %d\n", i);

		send_bytes(sockets[i], text, (size_t)size);
	}
	for (int i = CLIENTS - 1; i >= 0; i--) {
		snprintf(text, sizeof text, "client %d\n", i);
		expect_bytes(sockets[i], text);
	}
	for (int i = 0; i < CLIENTS / 2; i++)
		close(sockets[i]);
	/* The rest is there when the server ends. */
	free_server(server);
	for (int i = CLIENTS / 2; i < CLIENTS; i++) {
		expect_end(sockets[i]);
		close(sockets[i]);
	}
	assert_int_equal(access(scratch_path(state, "s"), F_OK), -1);
}

static void test_refused_client(void **state)
{
	struct server *server = new_server(scratch_path(state, "s"));
	int fd;

	server->refuses = true;
	fd = dial_path(server->path);
	expect_end(fd);
	close(fd);
	assert_int_equal(server->count, 0);
	free_server(server);
}

struct dialling {
	struct loop *loop;
	const char *path;
	struct peer *peer;
	struct bytes line;
};

static void dial_there(void *context)
{
	struct dialling *dialling = context;

	local_connect(dialling->loop, dialling->path, &client_handler, dialling->peer, NULL);
}

static void send_line(void *context)
{
	struct dialling *dialling = context;

	local_conn_send(dialling->peer->conn, dialling->line);
}

static void test_own_client(void **state)
{
	struct server *server = new_server(scratch_path(state, "s"));
	struct loop *loop = loop_start("client", NULL);
	struct peer client;
	struct dialling dialling = { loop, server->path, &client, bytes_of("a question") };

	peer_init(&client);
	server->echoes = true;
	loop_call(loop, dial_there, &dialling);
	WAIT_FOR(client.connected == 1);
	loop_call(loop, send_line, &dialling);
	WAIT_FOR(client.frames == 1 && client.sent == 1);
	assert_string_equal(buf_text(&client.text), "[a question]");
	free_server(server);
	WAIT_FOR(client.closed == 1);
	assert_false(client.has_why);
	loop_stop(&loop, 0);
	assert_int_equal(client.closed, 1);
	buf_clear(&client.text);
}

/* Leaves a socket file without a listener, as a killed gateway does. */
static void leave_stale(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void leave_nothing(const char *path)
{
	(void)path;
}

static void leave_file(const char *path)
{
	write_file(path, "x");
}

static const struct {
	const char *name;
	void (*leave)(const char *path);
} leftovers[] = { { "none", leave_nothing }, { "stale", leave_stale }, { "file", leave_file } };

static void test_nobody_there(void **state)
{
	struct loop *loop = loop_start("client", NULL);

	for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++) {
		const char *path = scratch_path(state, leftovers[i].name);
		struct peer client;
		struct dialling dialling = { loop, path, &client, { NULL, 0 } };

		leftovers[i].leave(path);
		peer_init(&client);
		loop_call(loop, dial_there, &dialling);
		WAIT_FOR(client.closed == 1);
		assert_int_equal(client.connected, 0);
		assert_true(client.has_why);
		assert_int_equal(client.why.kind, ERROR_NOT_FOUND);
		buf_clear(&client.text);
	}
	loop_stop(&loop, 0);
}

static void test_leftover_is_replaced(void **state)
{
	for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++) {
		const char *path = scratch_path(state, leftovers[i].name);
		struct server *server;
		int fd;

		leftovers[i].leave(path);
		server = new_server(path);
		server->echoes = true;
		fd = dial_path(path);
		send_bytes(fd, "hello\n", 6);
		expect_bytes(fd, "hello\n");
		close(fd);
		free_server(server);
	}
}

/* ---- who may ---- */

static void test_mode(void **state)
{
	static const mode_t masks[] = { 0, 022, 0177 };

	for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		mode_t before = umask(masks[i]);
		struct server *server = new_server(scratch_path(state, "s"));

		umask(before);
		assert_int_equal(mode_of(server->path), 0600);
		free_server(server);
	}
}

/* In a child that is somebody else. */
static int knock_as_stranger(void *context)
{
	struct peer client;
	struct dialling dialling = { .path = context, .peer = &client };

	peer_init(&client);
	if (setuid(65534) != 0)
		return 2;
	dialling.loop = loop_start("client", NULL);
	loop_call(dialling.loop, dial_there, &dialling);
	mutex_lock(mutex);
	while (!client.closed && condition_wait_for(changed, mutex, 10000000))
		;
	mutex_unlock(mutex);
	loop_stop(&dialling.loop, 2000);
	return client.connected == 0 && client.has_why && client.why.kind == ERROR_DENIED ? 0 : 1;
}

static void test_stranger(void **state)
{
	const char *path = scratch_path(state, "s");
	char other[SCRATCH_PATH_SIZE];

	if (geteuid() != 0)
		skip();
	leave_stale(path);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(*state, 0755), 0);
	snprintf(other, sizeof other, "%s", path);
	assert_int_equal(child_run(knock_as_stranger, other), 0);
	assert_int_equal(chmod(*state, 0700), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(child_run(knock_as_stranger, other), 0);
}

static void test_cannot_bind(void **state)
{
	static const char *const names[] = { "missing/s", "folder" };

	assert_int_equal(mkdir(scratch_path(state, "folder"), 0700), 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct server *server = calloc(1, sizeof *server);

		assert_non_null(server);
		start_server(server, scratch_path(state, names[i]));
		assert_false(server->ok);
		assert_non_null(strstr(server->error.text, server->path));
		free_server(server);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cut_anywhere),
		TEST(test_byte_by_byte),
		TEST(test_cap),
		TEST(test_close_in_frame),
		TEST(test_backlog),
		TEST(test_gone_with_backlog),
		TEST(test_many_clients),
		TEST(test_refused_client),
		TEST(test_own_client),
		TEST(test_nobody_there),
		TEST(test_leftover_is_replaced),
		TEST(test_mode),
		TEST(test_stranger),
		TEST(test_cannot_bind),
	};

	mutex = mutex_new(NULL);
	changed = condition_new(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
