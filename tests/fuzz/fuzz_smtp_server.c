/* fuzz_smtp_server.c -- whole sessions. The first byte sets the options, the next two seed the answers and
 * the cuts, the rest is what the client sends; 0xfe parts it into flights, since a client waits for
 * the end of the TLS handshake before it goes on.
 *
 * Each session is played whole and cut, with the same answers in the same order. Checked are: both
 * transcripts are the same; feed never takes more than it was given, and takes something when nothing
 * is due; every reply is one well-formed line; the events come in an order that a driver can rely on,
 * within the limits of the options; addresses and parameters are fit to be written into a command
 * again, and hold UTF-8 only where MAIL said so. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "proto/smtp_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAXIMUM = 1 << 22, FLIGHT_END = 0xfe };

struct session {
	struct smtp_server *server;
	struct smtp_server_options options;
	bool whole;
	uint32_t cuts;
	uint32_t answers;
	struct buf replies;
	struct buf events;
	/* What a driver knows. */
	enum smtp_event_kind asked;
	bool tls;
	bool in_transaction;
	bool in_content;
	bool utf8;
	uint32_t recipients;
	uint64_t content_size;
	bool is_starting_tls;
	bool is_closed;
};

static void check(bool fact)
{
	if (!fact)
		abort();
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void note(struct session *session, const char *name, struct bytes text)
{
	check(buf_append_text(&session->events, name) && buf_append(&session->events, text) &&
		buf_append_text(&session->events, "\n"));
}

static void accept_question(struct session *session)
{
	switch (session->asked) {
	case SMTP_EVENT_MAIL:
		session->in_transaction = true;
		session->recipients = 0;
		break;
	case SMTP_EVENT_RCPT:
		session->recipients++;
		break;
	case SMTP_EVENT_DATA:
		session->in_content = true;
		session->content_size = 0;
		break;
	default:
		session->in_transaction = session->in_content = false;
	}
	smtp_server_accept(session->server);
}

static void answer(struct session *session)
{
	static const char *const texts[] = { "5.1.1 No", "x", "", "4.0.0 \r\n250 ok\xff" };
	uint32_t choice = next_random(&session->answers) % 16;
	const char *text = texts[next_random(&session->answers) % 4];

	check(smtp_server_needs_answer(session->server));
	if (choice == 0) {
		smtp_server_shut_down(session->server, text);
	} else if (choice == 1) {
		/* Voided by the driver itself; an ABORT comes when there is more than it was told. */
		if (session->asked == SMTP_EVENT_DATA || session->asked == SMTP_EVENT_END)
			session->in_transaction = session->in_content = false;
		smtp_server_reply(session->server, 421, text);
	} else if (choice < 4) {
		if (session->asked == SMTP_EVENT_DATA || session->asked == SMTP_EVENT_END)
			session->in_transaction = session->in_content = false;
		smtp_server_reply(session->server, choice == 2 ? 450 : 550, text);
	} else {
		accept_question(session);
	}
	/* Behind "BDAT 0 LAST" the end is asked for at once. */
	check(!smtp_server_needs_answer(session->server) || session->asked == SMTP_EVENT_DATA);
}

static void check_text(struct bytes text, bool utf8)
{
	check(utf8_is_text(text));
	for (size_t i = 0; i < text.size && !utf8; i++)
		check(text.data[i] < 128);
}

static void note_value(struct session *session, const char *name, struct bytes value, bool utf8)
{
	check_text(value, utf8);
	check(bytes_find(value, ' ') == value.size && bytes_find(value, '=') == value.size);
	note(session, name, value);
}

static void handle_mail(struct session *session, const struct smtp_event *event)
{
	check(session->tls && !session->in_transaction);
	check(event->size <= session->options.max_message_size);
	check(!event->dsn.notify.size && !event->dsn.orcpt.size);
	check_text(event->address.whole, event->utf8);
	session->utf8 = event->utf8;
	note(session, event->utf8 ? "MAIL utf8 " : "MAIL ", event->address.whole);
	note_value(session, "ret=", event->dsn.ret, false);
	note_value(session, "envid=", event->dsn.envid, false);
}

static void handle_rcpt(struct session *session, const struct smtp_event *event)
{
	check(session->in_transaction && !session->in_content);
	check(session->recipients < session->options.max_recipients);
	check(!event->dsn.ret.size && !event->dsn.envid.size && !event->utf8);
	check_text(event->address.whole, session->utf8);
	note(session, "RCPT ", event->address.whole);
	note_value(session, "notify=", event->dsn.notify, false);
	note_value(session, "orcpt=", event->dsn.orcpt, session->utf8);
}

static void handle_body(struct session *session, struct bytes text)
{
	check(session->in_content && text.size);
	session->content_size += text.size;
	check(session->content_size <= session->options.max_message_size);
	check(buf_append(&session->events, text));
}

static void handle_event(struct session *session, const struct smtp_event *event)
{
	const struct bytes none = { NULL, 0 };

	check(!session->is_closed);
	session->asked = event->kind;
	switch (event->kind) {
	case SMTP_EVENT_HELLO:
		check(!session->in_transaction);
		note(session, event->extended ? "EHLO " : "HELO ", event->text);
		return;
	case SMTP_EVENT_STARTTLS:
		check(!session->tls && !session->in_transaction);
		session->is_starting_tls = true;
		note(session, "STARTTLS", none);
		return;
	case SMTP_EVENT_PLAINTEXT:
		check(!session->tls);
		note(session, "PLAINTEXT ", event->address.whole);
		return;
	case SMTP_EVENT_MAIL:
		handle_mail(session, event);
		break;
	case SMTP_EVENT_RCPT:
		handle_rcpt(session, event);
		break;
	case SMTP_EVENT_DATA:
		check(session->in_transaction && !session->in_content && session->recipients);
		note(session, "DATA", none);
		break;
	case SMTP_EVENT_BODY:
		handle_body(session, event->text);
		return;
	case SMTP_EVENT_END:
		check(session->in_content);
		note(session, "END", none);
		break;
	case SMTP_EVENT_ABORT:
		check(session->in_transaction);
		session->in_transaction = session->in_content = false;
		note(session, "ABORT", none);
		return;
	case SMTP_EVENT_CLOSE:
		check(!session->in_transaction);
		session->is_closed = true;
		note(session, "CLOSE", none);
		return;
	}
	answer(session);
}

static bool take_events(struct session *session)
{
	struct smtp_event event;
	bool any = false;

	while (smtp_server_next_event(session->server, &event)) {
		handle_event(session, &event);
		any = true;
	}
	return any;
}

static bool pull(struct session *session)
{
	size_t capacity = session->whole ? 4096 : 1 + next_random(&session->cuts) % 100, size;
	uint8_t *space;

	check(buf_reserve(&session->replies, capacity, &space));
	size = smtp_server_pull(session->server, space, capacity);
	check(size <= capacity);
	buf_commit(&session->replies, size);
	return size > 0;
}

static void feed_flight(struct session *session, struct bytes flight)
{
	while (flight.size && !session->is_closed) {
		const size_t size =
			session->whole
				? flight.size
				: bytes_head(flight, 1 + next_random(&session->cuts) % 40).size;
		uint8_t *memory = malloc(size);
		bool moved;
		size_t used;

		check(memory != NULL);
		memcpy(memory, flight.data, size);
		used = smtp_server_feed(session->server, bytes_make(memory, size));
		check(used <= size);
		flight = bytes_skip(flight, used);
		moved = take_events(session) || used;
		check(!session->is_starting_tls || used == size);
		free(memory);
		/* A driver may be late with sending, as long as something moves. */
		if (!session->whole && moved && next_random(&session->cuts) % 2)
			continue;
		while (pull(session))
			moved = true;
		check(moved);
	}
}

static void play(struct session *session, struct bytes stream)
{
	struct bytes flight;

	session->server = smtp_server_new(&session->options);
	check(session->server != NULL);
	session->tls = session->options.tls;
	buf_init(&session->replies, MAXIMUM);
	buf_init(&session->events, MAXIMUM);
	while (!session->is_closed && bytes_split(&stream, FLIGHT_END, &flight)) {
		feed_flight(session, flight);
		while (pull(session))
			;
		if (session->is_starting_tls && !session->is_closed) {
			smtp_server_tls_started(session->server);
			session->is_starting_tls = false;
			session->tls = true;
		}
	}
	while (pull(session))
		;
	if (session->is_closed)
		check(smtp_server_feed(session->server, bytes_of("NOOP\r\n")) == 6);
	check(!smtp_server_is_in_transaction(session->server) || !session->is_closed ||
		!session->in_transaction);
	smtp_server_free(&session->server);
}

static void check_replies(struct bytes replies)
{
	struct bytes line;

	while (replies.size) {
		check(bytes_split(&replies, '\n', &line));
		check(line.size >= 5 && line.size < 512 && line.data[line.size - 1] == '\r');
		for (size_t i = 0; i < line.size - 1; i++)
			check(line.data[i] >= ' ' && line.data[i] <= '~');
		check(line.data[0] >= '2' && line.data[0] <= '5');
		check(line.data[1] >= '0' && line.data[1] <= '5');
		check(line.data[2] >= '0' && line.data[2] <= '9');
		check(line.data[3] == ' ' || line.data[3] == '-');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session whole, cut;

	if (size < 3)
		return 0;
	whole = (struct session){
		.whole = true,
		.cuts = data[1] * 256u + data[2],
		.answers = data[1],
		.options = {
			.hostname = "gate.example",
			.tls = data[0] & 1,
			.max_message_size = data[0] & 2 ? 20 : 100000,
			.max_recipients = data[0] & 4 ? 1 : 100,
			.max_errors = data[0] & 8 ? 2 : 1000,
			.max_commands = data[0] & 16 ? 6 : 0,
		},
	};
	cut = whole;
	cut.whole = false;
	play(&whole, bytes_make(data + 3, size - 3));
	play(&cut, bytes_make(data + 3, size - 3));
	check(bytes_equal(buf_view(&whole.events), buf_view(&cut.events)));
	check(bytes_equal(buf_view(&whole.replies), buf_view(&cut.replies)));
	check_replies(buf_view(&whole.replies));
	buf_clear(&whole.replies);
	buf_clear(&whole.events);
	buf_clear(&cut.replies);
	buf_clear(&cut.events);
	return 0;
}
