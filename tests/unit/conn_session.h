/* conn_session.h -- a session above a connection for test_conn*.c: it does what its fields say on the
 * loop's thread and notes what happened, which the test reads under the one lock. */
#ifndef LG_TESTS_CONN_SESSION_H
#define LG_TESTS_CONN_SESSION_H

#include "base/buf.h"
#include "net/conn.h"

enum session_habit {
	ECHO = 1,	       /* sends back what it takes */
	FINISH_ON_END = 2,     /* says "bye" at on_end */
	FINISH_WHEN_SENT = 4,  /* ... once the pattern is out, without a word */
	STARTTLS_SERVER = 8,   /* "STARTTLS\r\n" is answered by "220 go\r\n" and TLS */
	STARTTLS_CLIENT = 16,  /* the other side of that */
	ENDLESS = 32,	       /* sends one byte after the other for ever */
	KICK_OTHER_FIRST = 64, /* before it looks at its input */
	KICK_IN_END = 128,     /* inside of on_end */
};

struct session {
	/* What it does; changed by session_set_up() or session_run(). */
	unsigned habits;
	bool takes_nothing;
	size_t takes_most;     /* in one offer; 0: all */
	size_t piece_size;     /* of the pattern, at most, in one go; 0: all that fits */
	uint64_t pattern_left; /* bytes of the pattern still to send */
	struct session *other;

	/* What happened, under the lock. */
	struct conn *conn; /* NULL before and after */
	unsigned opened, idle, stopping, closed, offers;
	unsigned depth, deepest; /* of callbacks inside callbacks */
	uint64_t pattern_sent;
	struct buf in, out;
	bool has_why, was_tls;
	char tls[64];
	struct error why;
};

void session_init(struct session *session, unsigned habits);
void session_clear(struct session *session);

extern const struct conn_handler session_handler;

void session_lock(void);
void session_unlock(void);
/* One wait inside of the lock; false when ten seconds are over. */
bool session_wait(void);
#define WAIT_FOR(condition)                                                               \
	do {                                                                              \
		bool met_, in_time_ = true;                                               \
		session_lock();                                                           \
		while (!(met_ = (condition)) && in_time_)                                 \
			in_time_ = session_wait();                                        \
		session_unlock();                                                         \
		if (!met_)                                                                \
			fail_msg("%s:%d: waited for %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* Runs on the loop's thread, with the connection if it is still there. */
void session_run(struct loop *loop, struct session *session, void (*run)(struct session *session));
void session_kick(struct session *session);
void session_finish(struct session *session);
void session_abort(struct session *session); /* "the test says so" */
void session_take_all(struct session *session);

struct loop *start_loop(void);
/* Returns the peer: a blocking socket. */
int accept_session(struct loop *loop, struct session *session, const struct conn_options *options);
/* Takes a socket that the test accepted. */
void accept_session_on(
	struct loop *loop, struct session *session, int socket, const struct conn_options *options);
/* The connection may not stand yet when this returns. */
bool connect_session(struct loop *loop, struct session *session, uint16_t port,
	const struct conn_options *options, struct error *error);

void send_text(int socket, const char *text);
/* Fails the test when something else comes. */
void expect_text(int socket, const char *text);
void expect_end(int socket);
/* The byte at a place of the pattern. */
uint8_t pattern_at(uint64_t place);
/* Reads `size` bytes of the pattern from `*place` on. */
void expect_pattern(int socket, uint64_t *place, uint64_t size);

#endif
