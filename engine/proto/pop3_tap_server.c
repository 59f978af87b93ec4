/* pop3_tap_server.c -- the server's side: answers belong to the oldest command without one. A first line that is
 * neither +OK nor -ERR, an answer that nothing asked for, or a line without an end break the session: a shifted answer
 * would be taken for the deletion of another message.
 *
 * What the client is to get goes into the passage as it came, but for CAPA, of which only what holds with the gateway
 * in between is passed. */
#include "pop3_tap_internal.h"

/* RFC 2449 6, RFC 3206. PIPELINING holds in any case; what belongs in front of a login, or to extensions whose
 * commands are not passed, is left out. */
static const char *const capabilities[] = { "TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE",
	"LOGIN-DELAY", "IMPLEMENTATION" };
static const char capabilities_end[] = "PIPELINING\r\n.\r\n";

static void pass(struct pop3_tap *tap, struct bytes bytes)
{
	if (!tap->answered.is_own)
		pop3_passage_append(&tap->to_client, bytes);
}

static void raise_answer(
	struct pop3_tap *tap, enum pop3_tap_event_kind kind, bool ok, struct bytes text)
{
	tap->event = (struct pop3_tap_event){
		.command = tap->answered.command,
		.number = tap->answered.number,
		.is_own = tap->answered.is_own,
		.ok = ok,
	};
	pop3_tap_raise(tap, kind, text);
}

static void end_answer(struct pop3_tap *tap)
{
	tap->reading = POP3_TAP_READING_STATUS;
	pop3_tap_say_refusals(tap);
	pop3_tap_send_on(tap);
}

/* ---- the first line ---- */

static bool split_status(struct bytes line, bool *ok, struct bytes *text)
{
	struct bytes word = bytes_head(line, bytes_find(line, ' '));

	*ok = bytes_equal_text(word, "+OK");
	*text = bytes_skip(line, word.size + 1);
	return *ok || bytes_equal_text(word, "-ERR");
}

static void begin_lines(struct pop3_tap *tap)
{
	static const enum pop3_tap_reading readings[] = {
		[POP3_TAP_LINE] = POP3_TAP_READING_STATUS,
		[POP3_TAP_LINES] = POP3_TAP_READING_LINES,
		[POP3_TAP_CONTENT] = POP3_TAP_READING_CONTENT,
		[POP3_TAP_KEPT_CONTENT] = POP3_TAP_READING_CONTENT,
	};

	tap->reading = readings[tap->answered.shape];
	dot_decoder_init(&tap->decoder);
}

static void run_status(struct pop3_tap *tap, struct bytes line)
{
	struct bytes text;
	bool ok;

	if (!tap->count || !pop3_tap_entry_at(tap, 0)->is_sent || !split_status(line, &ok, &text)) {
		pop3_tap_end(tap, POP3_TAP_EVENT_BROKEN);
		return;
	}
	tap->answered = pop3_tap_pop(tap);
	pass(tap, line);
	pass(tap, bytes_of("\r\n"));
	raise_answer(tap, POP3_TAP_EVENT_STATUS, ok, text);
	if (ok)
		begin_lines(tap);
	if (tap->reading == POP3_TAP_READING_STATUS)
		end_answer(tap);
}

/* ---- lines ---- */

static bool may_pass(struct bytes capability)
{
	struct bytes keyword = bytes_head(capability, bytes_find(capability, ' '));

	for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
		if (bytes_equal_nocase(keyword, bytes_of(capabilities[i])))
			return true;
	}
	return false;
}

static void run_own_line(struct pop3_tap *tap, struct bytes line)
{
	if (bytes_equal_text(line, ".")) {
		raise_answer(tap, POP3_TAP_EVENT_END, true, bytes_make("", 0));
		end_answer(tap);
		return;
	}
	if (line.size && line.data[0] == '.')
		line = bytes_skip(line, 1);
	raise_answer(tap, POP3_TAP_EVENT_LINE, true, line);
}

static void run_capability(struct pop3_tap *tap, struct bytes line)
{
	if (bytes_equal_text(line, ".")) {
		pass(tap, bytes_of(capabilities_end));
		end_answer(tap);
	} else if (may_pass(line)) {
		pass(tap, line);
		pass(tap, bytes_of("\r\n"));
	}
}

static void read_line(struct pop3_tap *tap, struct bytes *rest)
{
	struct bytes line;

	if (!crlf_line_take(&tap->server_line, rest))
		return;
	line = crlf_line_text(&tap->server_line);
	if (tap->server_line.is_too_long || !crlf_line_is_clean(&tap->server_line))
		pop3_tap_end(tap, POP3_TAP_EVENT_BROKEN);
	else if (tap->reading == POP3_TAP_READING_STATUS)
		run_status(tap, line);
	else if (tap->answered.is_own)
		run_own_line(tap, line);
	else
		run_capability(tap, line);
}

/* ---- content ---- */

static void end_content(struct pop3_tap *tap)
{
	bool is_kept = tap->answered.shape == POP3_TAP_KEPT_CONTENT;

	if (is_kept) {
		raise_answer(tap, POP3_TAP_EVENT_END, true, bytes_make("", 0));
		if (!tap->answered.is_own)
			tap->event.gate = pop3_passage_add_gate(&tap->to_client);
	}
	end_answer(tap);
}

static void read_content(struct pop3_tap *tap, struct bytes *rest)
{
	size_t room = tap->answered.is_own ? rest->size : pop3_passage_room(&tap->to_client);
	struct bytes in = bytes_head(*rest, room), piece;
	const size_t offered = in.size;
	bool has_piece = dot_decoder_next(&tap->decoder, &in, &piece);

	pass(tap, bytes_head(*rest, offered - in.size));
	*rest = bytes_skip(*rest, offered - in.size);
	if (has_piece && tap->answered.shape == POP3_TAP_KEPT_CONTENT)
		raise_answer(tap, POP3_TAP_EVENT_BODY, true, piece);
	else if (!has_piece && dot_decoder_is_done(&tap->decoder))
		end_content(tap);
}

/* ---- the whole ---- */

/* A line, and what is added to the last one of CAPA; for content a single octet is enough to go on. */
static bool has_room(const struct pop3_tap *tap)
{
	size_t needed = POP3_TAP_ANSWER_MAX + sizeof capabilities_end;

	if (tap->reading == POP3_TAP_READING_CONTENT) {
		if (tap->answered.is_own)
			return true;
		if (!pop3_passage_has_gate_room(&tap->to_client))
			return false;
		needed = 1;
	}
	return pop3_passage_room(&tap->to_client) >= needed;
}

size_t pop3_tap_feed_server(struct pop3_tap *tap, struct bytes in)
{
	struct bytes rest = in;

	while (rest.size && !tap->has_event && tap->reading != POP3_TAP_READING_NOTHING &&
		has_room(tap)) {
		if (tap->reading == POP3_TAP_READING_CONTENT)
			read_content(tap, &rest);
		else
			read_line(tap, &rest);
	}
	return tap->reading == POP3_TAP_READING_NOTHING ? in.size : in.size - rest.size;
}
