/* conn_session.c -- see the header. */
#include "conn_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/listener.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

static struct mutex *mutex;
static struct condition *changed;

void session_lock(void)
{
	mutex_lock(mutex);
}

void session_unlock(void)
{
	mutex_unlock(mutex);
}

bool session_wait(void)
{
	return condition_wait_for(changed, mutex, 10000000);
}

__attribute__((constructor)) static void make_lock(void)
{
	mutex = mutex_new(NULL);
	changed = condition_new(NULL);
}

void session_init(struct session *session, unsigned habits)
{
	*session = (struct session){ .habits = habits };
	buf_init(&session->in, 16 * 1024 * 1024);
	buf_init(&session->out, 16 * 1024 * 1024);
}

void session_clear(struct session *session)
{
	buf_clear(&session->in);
	buf_clear(&session->out);
}

uint8_t pattern_at(uint64_t place)
{
	return (uint8_t)(place * 131 + (place >> 9) + (place >> 17));
}

/* ---- the callbacks ---- */

static void begin(struct session *session)
{
	session_lock();
	if (++session->depth > session->deepest)
		session->deepest = session->depth;
}

static void end(struct session *session)
{
	session->depth--;
	condition_broadcast(changed);
	session_unlock();
}

static void on_open(void *context)
{
	struct session *session = context;

	begin(session);
	session->opened++;
	session->was_tls = conn_is_tls(session->conn);
	bytes_copy_text(
		bytes_of(conn_tls_description(session->conn)), session->tls, sizeof session->tls);
	if (session->habits & STARTTLS_CLIENT)
		buf_append_text(&session->out, session->was_tls ? "hello\r\n" : "STARTTLS\r\n");
	end(session);
}

/* How much of `in` is taken at this offer. */
static size_t taken_of(struct session *session, struct bytes in)
{
	static const char *const lines[] = { "STARTTLS\r\n", "220 go\r\n" };

	if (session->takes_nothing)
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		size_t length = strlen(lines[i]);

		if (!(session->habits & (i ? STARTTLS_CLIENT : STARTTLS_SERVER)) ||
			session->was_tls || !bytes_starts_with_nocase(in, lines[i]))
			continue;
		if (!i)
			buf_append_text(&session->out, lines[1]);
		conn_start_tls(session->conn);
		return length;
	}
	return session->takes_most && in.size > session->takes_most ? session->takes_most : in.size;
}

static size_t on_input(void *context, struct bytes in)
{
	struct session *session = context;
	size_t taken;

	if (session->habits & KICK_OTHER_FIRST)
		conn_kick(session->other->conn);
	begin(session);
	session->offers++;
	taken = taken_of(session, in);
	buf_append(&session->in, bytes_head(in, taken));
	if (session->habits & ECHO)
		buf_append(&session->out, bytes_head(in, taken));
	end(session);
	return taken;
}

static size_t give_pattern(struct session *session, uint8_t *space, size_t capacity)
{
	size_t size = session->pattern_left < capacity ? (size_t)session->pattern_left : capacity;

	if (session->piece_size && size > session->piece_size)
		size = session->piece_size;
	for (size_t i = 0; i < size; i++)
		space[i] = pattern_at(session->pattern_sent + i);
	session->pattern_sent += size;
	session->pattern_left -= size;
	if (!session->pattern_left && (session->habits & FINISH_WHEN_SENT))
		conn_finish(session->conn);
	return size;
}

static size_t on_output(void *context, uint8_t *space, size_t capacity)
{
	struct session *session = context;
	size_t size = 0;

	begin(session);
	if (session->out.size) {
		size = session->out.size < capacity ? session->out.size : capacity;
		memcpy(space, session->out.data, size);
		buf_consume(&session->out, size);
	} else if (session->pattern_left) {
		size = give_pattern(session, space, capacity);
	} else if (session->habits & ENDLESS) {
		*space = 'e';
		size = 1;
	}
	end(session);
	return size;
}

static void on_end(void *context, enum conn_end reason)
{
	struct session *session = context;

	begin(session);
	session->idle += reason == CONN_IDLE;
	session->stopping += reason == CONN_STOPPING;
	if (session->habits & FINISH_ON_END) {
		buf_append_text(&session->out, "bye");
		conn_finish(session->conn);
	}
	if (session->habits & KICK_IN_END) {
		session_unlock();
		conn_kick(session->conn);
		session_lock();
	}
	end(session);
}

static void on_closed(void *context, const struct error *why)
{
	struct session *session = context;

	begin(session);
	session->closed++;
	session->conn = NULL;
	session->has_why = why != NULL;
	if (why)
		session->why = *why;
	end(session);
}

const struct conn_handler session_handler = { on_open, on_input, on_output, on_end, on_closed };

/* ---- from the test's thread ---- */

struct errand {
	struct session *session;
	void (*run)(struct session *session);
};

static void run_errand(void *context)
{
	struct errand *errand = context;

	if (errand->session->conn)
		errand->run(errand->session);
}

void session_run(struct loop *loop, struct session *session, void (*run)(struct session *session))
{
	struct errand errand = { session, run };

	loop_call(loop, run_errand, &errand);
}

void session_kick(struct session *session)
{
	conn_kick(session->conn);
}

void session_finish(struct session *session)
{
	conn_finish(session->conn);
	conn_kick(session->conn);
}

void session_abort(struct session *session)
{
	conn_abort(session->conn, "the test says so");
}

void session_take_all(struct session *session)
{
	session_lock();
	session->takes_nothing = false;
	session_unlock();
	conn_kick(session->conn);
}

struct opening {
	struct loop *loop;
	struct session *session;
	const struct conn_options *options;
	socket_handle accepted; /* or SOCKET_NONE: */
	struct socket_address address;
	struct error *error;
	bool ok;
};

static void open_conn(void *context)
{
	struct opening *opening = context;
	struct conn *conn =
		opening->accepted != SOCKET_NONE
			? conn_accept(opening->loop, opening->accepted, opening->options,
				  &session_handler, opening->session, opening->error)
			: conn_connect(opening->loop, &opening->address, opening->options,
				  &session_handler, opening->session, opening->error);

	session_lock();
	opening->session->conn = conn;
	session_unlock();
	opening->ok = conn != NULL;
}

struct loop *start_loop(void)
{
	struct error error;
	struct loop *loop = loop_start("test", &error);

	if (!loop)
		fail_msg("%s", error.text);
	return loop;
}

void accept_session_on(
	struct loop *loop, struct session *session, int socket, const struct conn_options *options)
{
	struct error error = { .kind = ERROR_NONE };
	struct opening opening = {
		.loop = loop,
		.session = session,
		.options = options,
		.accepted = socket,
		.error = &error,
	};

	loop_call(loop, open_conn, &opening);
	if (!opening.ok)
		fail_msg("%s", error.text);
}

int accept_session(struct loop *loop, struct session *session, const struct conn_options *options)
{
	struct listener listener;
	struct error error;
	int near, far;

	assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
	far = dial(listener.address.port);
	near = accept4((int)listener.socket, NULL, NULL, SOCK_CLOEXEC);
	assert_int_not_equal(near, -1);
	listener_close(&listener);
	accept_session_on(loop, session, near, options);
	return far;
}

bool connect_session(struct loop *loop, struct session *session, uint16_t port,
	const struct conn_options *options, struct error *error)
{
	struct opening opening = {
		.loop = loop,
		.session = session,
		.options = options,
		.accepted = SOCKET_NONE,
		.address = { "127.0.0.1", port },
		.error = error,
	};

	loop_call(loop, open_conn, &opening);
	return opening.ok;
}

void send_text(int socket, const char *text)
{
	size_t size = strlen(text);

	assert_int_equal(send(socket, text, size, MSG_NOSIGNAL), size);
}

void expect_text(int socket, const char *text)
{
	char got[1024];
	size_t size = strlen(text);

	assert_true(size < sizeof got);
	assert_int_equal(recv(socket, got, size, MSG_WAITALL), size);
	assert_memory_equal(got, text, size);
}

void expect_end(int socket)
{
	char byte;

	assert_int_equal(recv(socket, &byte, 1, 0), 0);
}

void expect_pattern(int socket, uint64_t *place, uint64_t size)
{
	static uint8_t got[65536];

	while (size) {
		ssize_t some = recv(socket, got, size < sizeof got ? (size_t)size : sizeof got, 0);

		if (some <= 0)
			fail_msg("%llu bytes of the pattern are missing (%d)",
				(unsigned long long)size, some < 0 ? errno : 0);
		for (ssize_t i = 0; i < some; i++, ++*place) {
			if (got[i] != pattern_at(*place))
				fail_msg("byte %llu is wrong", (unsigned long long)*place);
		}
		size -= (uint64_t)some;
	}
}
