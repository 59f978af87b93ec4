/* conn.c -- reading, writing, TLS and closing of one connection.
 *
 * One function, pump(), moves everything that can move and then arms the poll handle for what it waits
 * for; every event and every kick ends in it. It is not reentrant: a kick from inside a callback only
 * asks for another round. Bytes go between the loop's scratch buffer, OpenSSL and the socket; the two
 * buffers of a connection hold what could not move and are freed as soon as it did, so that an idle
 * session costs no buffer. */
#include "net/conn.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "loop_internal.h"
#include "tls_internal.h"

enum {
	KEPT_MAX = LOOP_SCRATCH_SIZE,
	/* How long the peer may take to read the last reply before the socket is closed under it. */
	LINGER_MS = 10000,
	/* One connection may not keep its loop for longer than this many reads in one go. */
	ROUNDS_MAX = 16,
};

enum conn_state {
	STARTING, /* accepted: the first callback comes from the loop, not from conn_accept() */
	CONNECTING,
	HANDSHAKE,
	OPEN,
	FINISHING, /* output is flushed, then close_notify and the end of writing */
	LINGERING, /* input is read and dropped until the peer ends */
	CLOSED,
};

struct conn {
	struct loop_member member;
	struct loop *loop;
	uv_poll_t poll;
	uv_timer_t timer;
	struct loop_task resume; /* another round of pump() soon */
	bool is_resume_posted;
	int references; /* the two handles and a posted resume: freed when none is left */
	const struct conn_handler *handler;
	void *session;
	struct tls_context *tls_context;
	struct tls_session *tls;
	char server_name[256];
	uint64_t handshake_limit_ms;
	uint64_t idle_limit_ms;
	uint64_t moved_ms; /* when a byte moved last, by the loop's clock */
	socket_handle socket;
	enum conn_state state;
	int events;	   /* what the poll handle is armed for */
	bool is_connected; /* the attempt has ended, well or not */
	bool is_pumping;
	bool pump_again;
	bool tls_wanted;
	bool handshake_writes; /* the handshake waits for the socket to become writable */
	bool writes_want_read; /* TLS needs input before it can write */
	bool reads_want_write;
	bool finish_wanted;
	bool close_waits; /* close_notify waits for the socket to become writable */
	bool has_failed;
	struct buf kept;    /* input that the session has not taken */
	struct buf pending; /* output that the socket has not taken */
	struct error why;
};

static void pump(struct conn *conn);

/* ---- the end ---- */

static void drop_reference(struct conn *conn)
{
	struct loop *loop = conn->loop;

	if (--conn->references)
		return;
	tls_session_free(&conn->tls);
	socket_close(conn->socket);
	buf_wipe(&conn->kept);
	buf_wipe(&conn->pending);
	conn->handler->on_closed(conn->session, conn->has_failed ? &conn->why : NULL);
	loop_remove_member(loop, &conn->member);
	free(conn);
}

static void on_handle_closed(uv_handle_t *handle)
{
	drop_reference(handle->data);
}

static void close_now(struct conn *conn)
{
	if (conn->state == CLOSED)
		return;
	conn->state = CLOSED;
	uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
	uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

static void fail(struct conn *conn, const struct error *why)
{
	if (conn->state == CLOSED)
		return;
	/* While lingering the reply was sent: how the peer leaves does not matter. */
	if (conn->state != LINGERING && !conn->has_failed) {
		conn->why = *why;
		conn->has_failed = true;
	}
	close_now(conn);
}

void conn_abort(struct conn *conn, const char *why)
{
	struct error error;

	error_set(&error, ERROR_CANCELLED, "%s", why);
	fail(conn, &error);
}

/* A kick from inside of on_end() takes effect behind it, like one from any other callback. */
static void end_session(struct conn *conn, enum conn_end reason)
{
	conn->is_pumping = true;
	conn->handler->on_end(conn->session, reason);
	conn->is_pumping = false;
	pump(conn);
}

/* ---- time ---- */

static void restart_timer(struct conn *conn);

static void on_timer(uv_timer_t *timer)
{
	struct conn *conn = timer->data;

	switch (conn->state) {
	case STARTING:
	case CONNECTING:
		conn_abort(conn, "no answer within the time limit");
		break;
	case HANDSHAKE:
		conn_abort(conn, "no TLS handshake within the time limit");
		break;
	case OPEN:
		if (conn->finish_wanted) {
			conn_abort(conn, "the peer does not read");
			break;
		}
		/* A session that is busy now is asked again. */
		restart_timer(conn);
		end_session(conn, CONN_IDLE);
		break;
	case FINISHING:
		conn_abort(conn, "the peer does not read");
		break;
	case LINGERING:
		close_now(conn);
		break;
	case CLOSED:
		break;
	}
}

static void restart_timer(struct conn *conn)
{
	uint64_t limit = conn->idle_limit_ms;

	if (conn->state == CONNECTING || conn->state == HANDSHAKE)
		limit = conn->handshake_limit_ms;
	else if (conn->state != OPEN || conn->finish_wanted)
		limit = LINGER_MS;
	if (limit)
		uv_timer_start(&conn->timer, on_timer, limit, 0);
	else
		uv_timer_stop(&conn->timer);
}

static void note_progress(struct conn *conn)
{
	conn->moved_ms = uv_now(loop_uv(conn->loop));
	if (conn->state == FINISHING ||
		(conn->state == OPEN && (conn->idle_limit_ms || conn->finish_wanted)))
		restart_timer(conn);
}

void conn_set_idle_limit(struct conn *conn, uint64_t limit_ms)
{
	conn->idle_limit_ms = limit_ms;
	if (conn->state == OPEN)
		restart_timer(conn);
}

/* ---- bytes ---- */

static enum tls_result read_some(struct conn *conn, size_t *size, struct error *error)
{
	uint8_t *scratch = loop_scratch(conn->loop);

	*size = 0;
	if (conn->tls)
		return tls_read(conn->tls, scratch, LOOP_SCRATCH_SIZE, size, error);
	switch (socket_read(conn->socket, scratch, LOOP_SCRATCH_SIZE, size, error)) {
	case SOCKET_OK:
		return TLS_OK;
	case SOCKET_WOULD_BLOCK:
		return TLS_WANTS_READ;
	case SOCKET_END:
		return TLS_CLOSED;
	case SOCKET_FAILED:
		break;
	}
	return TLS_BROKEN;
}

static enum tls_result write_some(
	struct conn *conn, struct bytes bytes, size_t *written, struct error *error)
{
	*written = 0;
	if (conn->tls)
		return tls_write(conn->tls, bytes, written, error);
	switch (socket_write(conn->socket, bytes, written, error)) {
	case SOCKET_OK:
		return TLS_OK;
	case SOCKET_WOULD_BLOCK:
		return TLS_WANTS_WRITE;
	case SOCKET_END:
	case SOCKET_FAILED:
		break;
	}
	return TLS_BROKEN;
}

/* Writes as much as goes. False: the connection failed. *all tells whether everything left. */
static bool write_out(struct conn *conn, struct bytes bytes, size_t *written, bool *all)
{
	struct error error;
	enum tls_result result = TLS_OK;
	size_t some;

	*written = 0;
	conn->writes_want_read = false;
	while (*written < bytes.size && result == TLS_OK) {
		result = write_some(conn, bytes_skip(bytes, *written), &some, &error);
		*written += some;
	}
	*all = *written == bytes.size;
	if (*written)
		note_progress(conn);
	if (result == TLS_WANTS_READ)
		conn->writes_want_read = true;
	if (result != TLS_CLOSED && result != TLS_BROKEN)
		return true;
	if (result == TLS_CLOSED)
		error_set(&error, ERROR_IO, "the peer closed the connection");
	fail(conn, &error);
	return false;
}

/* Sends what waits, then one piece of what the session has: a peer that reads as fast as we write must
 * not keep the loop. Returns whether everything is out. */
static bool flush(struct conn *conn)
{
	uint8_t *scratch = loop_scratch(conn->loop);
	size_t size, written;
	bool all;

	if (conn->pending.size) {
		if (!write_out(conn, buf_view(&conn->pending), &written, &all))
			return false;
		buf_consume(&conn->pending, written);
		if (!all)
			return false;
		buf_wipe(&conn->pending);
	}
	size = conn->handler->on_output(conn->session, scratch, LOOP_SCRATCH_SIZE);
	if (conn->state == CLOSED)
		return false;
	if (!size)
		return true;
	if (!write_out(conn, bytes_make(scratch, size), &written, &all))
		return false;
	if (all)
		conn->pump_again = true;
	else if (!buf_append(&conn->pending, bytes_make(scratch + written, size - written)))
		conn_abort(conn, "out of memory");
	return false;
}

/* Offers what was kept from earlier. False: some is still not taken. */
static bool offer_kept(struct conn *conn)
{
	size_t used;

	if (!conn->kept.size)
		return true;
	used = conn->handler->on_input(conn->session, buf_view(&conn->kept));
	if (conn->state == CLOSED)
		return false;
	buf_consume(&conn->kept, used);
	if (used)
		conn->pump_again = true;
	if (conn->kept.size)
		return false;
	buf_wipe(&conn->kept);
	return true;
}

/* One read, offered to the session. False: nothing to read now, or the end. */
static bool take_input(struct conn *conn)
{
	uint8_t *scratch = loop_scratch(conn->loop);
	struct error error;
	enum tls_result result;
	size_t size, used;

	result = read_some(conn, &size, &error);
	conn->reads_want_write = result == TLS_WANTS_WRITE;
	if (result == TLS_WANTS_READ || result == TLS_WANTS_WRITE)
		return false;
	if (result != TLS_OK) {
		if (result == TLS_CLOSED)
			error_set(&error, ERROR_IO, "the peer closed the connection");
		fail(conn, &error);
		return false;
	}
	note_progress(conn);
	used = conn->handler->on_input(conn->session, bytes_make(scratch, size));
	if (conn->state == CLOSED)
		return false;
	if (used < size && !buf_append(&conn->kept, bytes_make(scratch + used, size - used)))
		conn_abort(conn, "out of memory");
	return conn->state == OPEN;
}

/* ---- the states ---- */

static void opened(struct conn *conn)
{
	conn->state = OPEN;
	restart_timer(conn);
	conn->handler->on_open(conn->session);
	conn->pump_again = true;
}

static void begin_handshake(struct conn *conn)
{
	struct error error;

	conn->tls_wanted = false;
	conn->state = HANDSHAKE;
	buf_wipe(&conn->kept);
	conn->tls = tls_session_new(conn->tls_context, conn->socket,
		*conn->server_name ? conn->server_name : NULL, &error);
	if (!conn->tls) {
		fail(conn, &error);
		return;
	}
	restart_timer(conn);
	conn->pump_again = true;
}

static void step_starting(struct conn *conn)
{
	if (conn->tls_wanted)
		begin_handshake(conn);
	else
		opened(conn);
}

static void step_connecting(struct conn *conn)
{
	struct error error;

	if (!conn->is_connected)
		return;
	if (!socket_connect_result(conn->socket, &error))
		fail(conn, &error);
	else
		step_starting(conn);
}

static void step_handshake(struct conn *conn)
{
	struct error error;

	switch (tls_handshake(conn->tls, &error)) {
	case TLS_OK:
		opened(conn);
		break;
	case TLS_WANTS_READ:
		conn->handshake_writes = false;
		break;
	case TLS_WANTS_WRITE:
		conn->handshake_writes = true;
		break;
	case TLS_CLOSED:
		error_set(&error, ERROR_IO, "the peer closed the connection in the TLS handshake");
		fail(conn, &error);
		break;
	case TLS_BROKEN:
		error_prefix(&error, "TLS handshake");
		fail(conn, &error);
		break;
	}
}

/* Output first: while it is stuck, reading more would only pile up answers. */
static void step_open(struct conn *conn)
{
	if (!flush(conn) || conn->state != OPEN)
		return;
	if (conn->tls_wanted) {
		begin_handshake(conn);
		return;
	}
	if (conn->finish_wanted) {
		conn->state = FINISHING;
		restart_timer(conn);
		conn->pump_again = true;
		return;
	}
	if (offer_kept(conn) && take_input(conn))
		conn->pump_again = true;
}

static void step_finishing(struct conn *conn)
{
	if (!conn->close_waits && !flush(conn))
		return;
	conn->close_waits = conn->tls && !tls_send_close(conn->tls);
	if (conn->close_waits)
		return;
	socket_end_writing(conn->socket);
	conn->state = LINGERING;
	conn->pump_again = true;
}

static void step_lingering(struct conn *conn)
{
	uint8_t *scratch = loop_scratch(conn->loop);
	struct error error;
	size_t size;

	switch (socket_read(conn->socket, scratch, LOOP_SCRATCH_SIZE, &size, &error)) {
	case SOCKET_OK:
		conn->pump_again = true;
		break;
	case SOCKET_WOULD_BLOCK:
		break;
	case SOCKET_END:
	case SOCKET_FAILED:
		close_now(conn);
		break;
	}
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Level-triggered: being armed for what nobody will take would spin. */
static void arm(struct conn *conn)
{
	int events = 0;

	switch (conn->state) {
	case STARTING:
		break;
	case CONNECTING:
		events = UV_WRITABLE;
		break;
	case HANDSHAKE:
		events = conn->handshake_writes ? UV_WRITABLE : UV_READABLE;
		break;
	case OPEN:
	case FINISHING:
		if (conn->close_waits || (conn->pending.size && !conn->writes_want_read))
			events = UV_WRITABLE;
		else if (conn->pending.size)
			events = UV_READABLE;
		else if (!conn->kept.size)
			events = conn->reads_want_write ? UV_WRITABLE : UV_READABLE;
		break;
	case LINGERING:
		events = UV_READABLE;
		break;
	case CLOSED:
		return;
	}
	if (events == conn->events)
		return;
	conn->events = events;
	if (events)
		uv_poll_start(&conn->poll, events, on_poll);
	else
		uv_poll_stop(&conn->poll);
}

static void step(struct conn *conn)
{
	switch (conn->state) {
	case STARTING:
		step_starting(conn);
		break;
	case CONNECTING:
		step_connecting(conn);
		break;
	case HANDSHAKE:
		step_handshake(conn);
		break;
	case OPEN:
		step_open(conn);
		break;
	case FINISHING:
		step_finishing(conn);
		break;
	case LINGERING:
		step_lingering(conn);
		break;
	case CLOSED:
		break;
	}
}

static void resume(struct loop_task *task)
{
	struct conn *conn = list_entry(task, struct conn, resume);

	conn->is_resume_posted = false;
	if (conn->state != CLOSED)
		pump(conn);
	drop_reference(conn);
}

/* Input that sits decrypted inside OpenSSL raises no event: the loop serves others, then comes back. */
static void resume_soon(struct conn *conn)
{
	if (conn->is_resume_posted)
		return;
	conn->is_resume_posted = true;
	conn->references++;
	loop_post(conn->loop, &conn->resume);
}

static void pump(struct conn *conn)
{
	int rounds = 0;

	conn->pump_again = true;
	if (conn->is_pumping)
		return;
	/* Kicked from a callback of another connection, which looks at the scratch buffer. */
	if (!loop_take_scratch(conn->loop)) {
		resume_soon(conn);
		return;
	}
	conn->is_pumping = true;
	while (conn->pump_again && conn->state != CLOSED && rounds++ < ROUNDS_MAX) {
		conn->pump_again = false;
		step(conn);
	}
	conn->is_pumping = false;
	loop_give_scratch(conn->loop);
	arm(conn);
	if (conn->pump_again && conn->state != CLOSED)
		resume_soon(conn);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *conn = poll->data;

	(void)events;
	/* An error condition shows in the next read, write or connect result with its reason. libuv
	 * disarms the handle on it. */
	if (status < 0)
		conn->events = 0;
	conn->is_connected = true;
	pump(conn);
}

/* ---- creation ---- */

static void member_stopping(struct loop_member *member)
{
	struct conn *conn = list_entry(member, struct conn, member);

	if (conn->state == OPEN && !conn->finish_wanted) {
		end_session(conn, CONN_STOPPING);
	} else if (conn->state == STARTING || conn->state == CONNECTING ||
		   conn->state == HANDSHAKE) {
		conn_abort(conn, "the gateway is stopping");
	}
}

static void member_close(struct loop_member *member)
{
	conn_abort(list_entry(member, struct conn, member), "the gateway is stopping");
}

static struct conn *conn_new(struct loop *loop, socket_handle socket, enum conn_state state,
	const struct conn_options *options, const struct conn_handler *handler, void *session,
	struct error *error)
{
	struct conn *conn = calloc(1, sizeof *conn);
	int code = conn ? uv_poll_init_socket(loop_uv(loop), &conn->poll, (uv_os_sock_t)socket)
			: UV_ENOMEM;

	if (code) {
		error_set(error, ERROR_IO, "opening a connection: %s", uv_strerror(code));
		free(conn);
		socket_close(socket);
		return NULL;
	}
	uv_timer_init(loop_uv(loop), &conn->timer);
	conn->poll.data = conn->timer.data = conn;
	conn->references = 2;
	conn->resume.run = resume;
	conn->loop = loop;
	conn->handler = handler;
	conn->session = session;
	conn->socket = socket;
	conn->moved_ms = uv_now(loop_uv(loop));
	conn->state = state;
	conn->tls_context = options->tls;
	conn->tls_wanted = options->implicit_tls;
	conn->handshake_limit_ms = options->handshake_limit_ms;
	if (options->server_name)
		bytes_copy_text(bytes_of(options->server_name), conn->server_name,
			sizeof conn->server_name);
	buf_init(&conn->kept, KEPT_MAX);
	buf_init(&conn->pending, LOOP_SCRATCH_SIZE);
	conn->member.on_stopping = member_stopping;
	conn->member.close = member_close;
	restart_timer(conn);
	resume_soon(conn);
	loop_add_member(loop, &conn->member);
	return conn;
}

struct conn *conn_accept(struct loop *loop, socket_handle socket,
	const struct conn_options *options, const struct conn_handler *handler, void *session,
	struct error *error)
{
	return conn_new(loop, socket, STARTING, options, handler, session, error);
}

struct conn *conn_connect(struct loop *loop, const struct socket_address *address,
	const struct conn_options *options, const struct conn_handler *handler, void *session,
	struct error *error)
{
	socket_handle socket;

	if (!socket_connect(address, &socket, error))
		return NULL;
	return conn_new(loop, socket, CONNECTING, options, handler, session, error);
}

void conn_kick(struct conn *conn)
{
	if (conn->state != CLOSED)
		pump(conn);
}

void conn_start_tls(struct conn *conn)
{
	assert(!conn->tls);
	conn->tls_wanted = true;
	conn->pump_again = true;
}

void conn_finish(struct conn *conn)
{
	conn->finish_wanted = true;
	conn->pump_again = true;
	if (conn->state == OPEN)
		restart_timer(conn);
}

uint64_t conn_silence_ms(const struct conn *conn)
{
	return uv_now(loop_uv(conn->loop)) - conn->moved_ms;
}

bool conn_is_tls(const struct conn *conn)
{
	return conn->tls != NULL;
}

const char *conn_tls_description(const struct conn *conn)
{
	return conn->tls ? tls_description(conn->tls) : "";
}
