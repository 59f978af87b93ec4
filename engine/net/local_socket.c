/* local_socket.c -- lines over uv_pipe_t. */
#include "net/local_socket.h"

#include <stdlib.h>

#include "base/buf.h"
#include "loop_internal.h"
#include "platform/file.h"

struct local_server {
	struct loop_member member;
	struct loop *loop;
	uv_pipe_t pipe;
	const struct local_handler *handler;
	void *context;
	bool is_closing, is_closed;
	uv_pipe_t refused; /* the connection that is just being refused, */
	bool is_refusing;
	bool is_another_waiting; /* and whether one more came meanwhile */
};

struct local_conn {
	struct loop_member member;
	struct loop *loop;
	uv_pipe_t pipe;
	uv_connect_t connecting;
	const struct local_handler *handler;
	void *session;
	size_t frame_max; /* of what comes in */
	struct buf input;
	size_t searched; /* so many bytes of the input have no line end */
	bool is_closing;
	bool has_failed;
	struct error why;
};

struct write_request {
	uv_write_t request;
	struct local_conn *conn;
	size_t size;
	uint8_t line[];
};

/* ---- connections ---- */

static void on_conn_closed(uv_handle_t *handle)
{
	struct local_conn *conn = handle->data;
	struct loop *loop = conn->loop;

	if (conn->session)
		conn->handler->on_closed(conn->session, conn->has_failed ? &conn->why : NULL);
	buf_wipe(&conn->input);
	loop_remove_member(loop, &conn->member);
	free(conn);
}

void local_conn_close(struct local_conn *conn)
{
	if (conn->is_closing)
		return;
	conn->is_closing = true;
	uv_close((uv_handle_t *)&conn->pipe, on_conn_closed);
}

static void fail(struct local_conn *conn, enum error_kind kind, const char *why)
{
	if (!conn->is_closing) {
		conn->has_failed = true;
		error_set(&conn->why, kind, "%s", why);
	}
	local_conn_close(conn);
}

static void member_stopping(struct loop_member *member)
{
	local_conn_close(list_entry(member, struct local_conn, member));
}

/* A long line comes in many reads, and is searched once all the same. */
static size_t find_end(struct local_conn *conn, struct bytes rest)
{
	size_t searched = conn->searched;

	conn->searched = rest.size;
	return searched + bytes_find(bytes_skip(rest, searched), '\n');
}

static void offer_frames(struct local_conn *conn)
{
	struct bytes rest = buf_view(&conn->input);
	size_t length;

	while (!conn->is_closing && (length = find_end(conn, rest)) < rest.size) {
		struct bytes line = bytes_head(rest, length);

		if (length > conn->frame_max)
			break;
		rest = bytes_skip(rest, length + 1);
		conn->searched = 0;
		if (line.size)
			conn->handler->on_frame(conn->session, line);
	}
	buf_consume(&conn->input, conn->input.size - rest.size);
	/* What stays is an unfinished line, or one that is too long; a drained buffer is given back. */
	if (!conn->input.size)
		buf_wipe(&conn->input);
	else if (conn->input.size > conn->frame_max)
		fail(conn, ERROR_INVALID, "a frame is longer than allowed");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *space)
{
	struct local_conn *conn = handle->data;

	(void)suggested;
	*space = uv_buf_init((char *)loop_scratch(conn->loop), LOOP_SCRATCH_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *space)
{
	struct local_conn *conn = stream->data;

	if (size == UV_EOF) {
		local_conn_close(conn);
	} else if (size < 0) {
		fail(conn, ERROR_IO, uv_strerror((int)size));
	} else if (size > 0) {
		if (buf_append(&conn->input, bytes_make(space->base, (size_t)size)))
			offer_frames(conn);
		else
			fail(conn, ERROR_MEMORY, "out of memory");
		/* A password may have passed. */
		memory_wipe(space->base, (size_t)size);
	}
}

static struct local_conn *conn_new(
	struct loop *loop, const struct local_handler *handler, size_t frame_max)
{
	struct local_conn *conn = calloc(1, sizeof *conn);

	if (!conn)
		return NULL;
	conn->loop = loop;
	conn->handler = handler;
	uv_pipe_init(loop_uv(loop), &conn->pipe, 0);
	conn->pipe.data = conn;
	conn->frame_max = frame_max;
	buf_init(&conn->input, frame_max + LOOP_SCRATCH_SIZE);
	conn->member.on_stopping = member_stopping;
	conn->member.close = member_stopping;
	return conn;
}

static void begin_reading(struct local_conn *conn)
{
	if (!conn->is_closing && uv_read_start((uv_stream_t *)&conn->pipe, on_alloc, on_read) != 0)
		fail(conn, ERROR_IO, "reading from the local socket");
}

static void on_written(uv_write_t *request, int status)
{
	struct write_request *write = (struct write_request *)request;
	struct local_conn *conn = write->conn;

	/* A password or a recovery code may have been in it. */
	memory_wipe(write->line, write->size);
	free(write);
	if (status < 0)
		fail(conn, ERROR_IO, uv_strerror(status));
	else if (local_conn_is_idle(conn) && !conn->is_closing && conn->handler->on_sent)
		conn->handler->on_sent(conn->session);
}

bool local_conn_is_idle(const struct local_conn *conn)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&conn->pipe) == 0;
}

bool local_conn_send(struct local_conn *conn, struct bytes line)
{
	size_t backlog = uv_stream_get_write_queue_size((uv_stream_t *)&conn->pipe);
	struct write_request *write;
	uv_buf_t space;

	/* A single answer may be large; a backlog of answers may not. */
	if (conn->is_closing || (backlog && backlog + line.size > LOCAL_BACKLOG_MAX))
		return false;
	write = malloc(sizeof *write + line.size + 1);
	if (!write)
		return false;
	write->conn = conn;
	write->size = line.size;
	memcpy(write->line, line.data, line.size);
	write->line[line.size] = '\n';
	space = uv_buf_init((char *)write->line, (unsigned)(line.size + 1));
	if (uv_write(&write->request, (uv_stream_t *)&conn->pipe, &space, 1, on_written) != 0) {
		free(write);
		return false;
	}
	return true;
}

/* ---- server ---- */

static void free_when_closed(struct local_server *server)
{
	if (!server->is_closed || server->is_refusing)
		return;
	loop_remove_member(server->loop, &server->member);
	free(server);
}

static void on_server_closed(uv_handle_t *handle)
{
	struct local_server *server = handle->data;

	server->is_closed = true;
	free_when_closed(server);
}

static void server_stopping(struct loop_member *member)
{
	struct local_server *server = list_entry(member, struct local_server, member);

	if (server->is_closing)
		return;
	server->is_closing = true;
	uv_close((uv_handle_t *)&server->pipe, on_server_closed);
}

static void free_unused(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_connection(uv_stream_t *stream, int status);

static void on_refused(uv_handle_t *handle)
{
	struct local_server *server = handle->data;
	bool is_another_waiting = server->is_another_waiting;

	server->is_refusing = server->is_another_waiting = false;
	if (is_another_waiting && !server->is_closing)
		on_connection((uv_stream_t *)&server->pipe, 0);
	free_when_closed(server);
}

/* Without memory for a connection. One that is not taken would be the last that libuv tells of. */
static void refuse(struct local_server *server)
{
	if (server->is_refusing) {
		server->is_another_waiting = true;
		return;
	}
	server->is_refusing = true;
	uv_pipe_init(loop_uv(server->loop), &server->refused, 0);
	server->refused.data = server;
	(void)uv_accept((uv_stream_t *)&server->pipe, (uv_stream_t *)&server->refused);
	uv_close((uv_handle_t *)&server->refused, on_refused);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct local_server *server = stream->data;
	struct local_conn *conn;

	if (status < 0)
		return;
	conn = conn_new(server->loop, server->handler, LOCAL_FRAME_MAX);
	if (!conn) {
		refuse(server);
		return;
	}
	if (uv_accept(stream, (uv_stream_t *)&conn->pipe) != 0) {
		uv_close((uv_handle_t *)&conn->pipe, free_unused);
		return;
	}
	conn->session = server->handler->on_connected(server->context, conn);
	loop_add_member(server->loop, &conn->member);
	begin_reading(conn);
	if (!conn->session)
		local_conn_close(conn);
}

struct local_server *local_server_start(struct loop *loop, const char *path,
	const struct local_handler *handler, void *context, struct error *error)
{
	struct local_server *server = calloc(1, sizeof *server);
	int code;

	if (!server) {
		error_set_memory(error);
		return NULL;
	}
	server->loop = loop;
	server->handler = handler;
	server->context = context;
	uv_pipe_init(loop_uv(loop), &server->pipe, 0);
	server->pipe.data = server;
	file_remove(path, NULL);
	code = uv_pipe_bind(&server->pipe, path);
	/* Nobody can have connected yet: nothing listens. */
	if (!code && !file_make_private(path, error)) {
		uv_close((uv_handle_t *)&server->pipe, free_unused);
		return NULL;
	}
	if (!code)
		code = uv_listen((uv_stream_t *)&server->pipe, 16, on_connection);
	if (code) {
		error_set(error, ERROR_IO, "opening the control socket %s: %s", path,
			uv_strerror(code));
		uv_close((uv_handle_t *)&server->pipe, free_unused);
		return NULL;
	}
	server->member.on_stopping = server_stopping;
	server->member.close = server_stopping;
	loop_add_member(loop, &server->member);
	return server;
}

/* ---- client ---- */

static void connect_failed(struct local_conn *conn, int status)
{
	bool is_denied = status == UV_EACCES || status == UV_EPERM;

	conn->has_failed = true;
	error_set(&conn->why, is_denied ? ERROR_DENIED : ERROR_NOT_FOUND, "%s (%s)",
		is_denied ? "this user may not talk to the gateway that runs there"
			  : "no gateway answers there",
		uv_strerror(status));
	local_conn_close(conn);
}

static void on_connect(uv_connect_t *request, int status)
{
	struct local_conn *conn = list_entry(request, struct local_conn, connecting);

	if (conn->is_closing)
		return;
	if (status < 0) {
		connect_failed(conn, status);
		return;
	}
	conn->handler->on_connected(conn->session, conn);
	begin_reading(conn);
}

struct local_conn *local_connect(struct loop *loop, const char *path,
	const struct local_handler *handler, void *session, struct error *error)
{
	struct local_conn *conn = conn_new(loop, handler, LOCAL_ANSWER_MAX);

	if (!conn) {
		error_set_memory(error);
		return NULL;
	}
	conn->session = session;
	uv_pipe_connect(&conn->connecting, &conn->pipe, path, on_connect);
	loop_add_member(loop, &conn->member);
	return conn;
}
