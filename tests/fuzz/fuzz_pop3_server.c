/* fuzz_pop3_server.c -- any client. The first byte picks whether TLS is there from the start.
 * Played whole and cut at random; both must give the same events and answers. Never more is used
 * than was offered, no login before TLS and none without a name and a password, and every answer is
 * one that a client can read: status lines and challenges of at most 512 octets, lists and bodies that
 * end where they should and nowhere else. */
#include "proto/pop3_server.h"

#include "fuzz_stream.h"

enum { MESSAGES = 3, REFUSED_MESSAGE = 2, REPLY_MAX = 512 };

static const char body[] = ".A: b\r\nC: d\n.\r\n\r\n..\r\n.\n.x\r\r\n.\r.\n\n..y";

struct play {
	struct pop3_server *server;
	struct pop3_message messages[MESSAGES];
	uint32_t cuts;
	size_t lent;
	uint8_t *piece;
	bool is_tls;
	bool needs_handshake;
	bool is_closed;
	struct buf answers;
	struct buf events;
};

static void log_in(struct play *play, const struct pop3_event *event)
{
	check(play->is_tls);
	check(event->user.size && event->password.size);
	fuzz_log(&play->events, event->user);
	fuzz_log_text(&play->events, "/");
	fuzz_log(&play->events, event->password);
	if (event->user.data[0] == 'x')
		pop3_server_refuse(play->server, "[AUTH] no");
	else
		pop3_server_log_in(
			play->server, (struct pop3_maildrop){ play->messages, MESSAGES });
}

static void retrieve(struct play *play, const struct pop3_event *event)
{
	check(pop3_server_is_logged_in(play->server));
	check(event->index < MESSAGES && !play->messages[event->index].is_deleted);
	check(buf_printf(&play->events, "%zu/%llu", event->index,
		event->whole ? 0 : 1 + (unsigned long long)event->lines));
	play->lent = 0;
	if (event->index == REFUSED_MESSAGE)
		pop3_server_refuse(play->server, "[SYS/TEMP] later");
	else
		pop3_server_begin(play->server);
}

static void lend(struct play *play)
{
	struct bytes rest = bytes_skip(bytes_of(body), play->lent);

	free(play->piece);
	play->piece = NULL;
	if (!rest.size) {
		pop3_server_end(play->server);
		return;
	}
	rest = bytes_head(rest, fuzz_cut(&play->cuts, rest.size));
	play->piece = fuzz_copy(rest);
	play->lent += rest.size;
	pop3_server_lend(play->server, bytes_make(play->piece, rest.size));
}

static void act(struct play *play, const struct pop3_event *event)
{
	check(!play->is_closed);
	if (event->kind == POP3_EVENT_BODY_WANTED) {
		lend(play);
		return;
	}
	check(buf_printf(&play->events, "\n%d ", (int)event->kind));
	switch (event->kind) {
	case POP3_EVENT_STLS:
		check(!play->is_tls);
		play->needs_handshake = true;
		break;
	case POP3_EVENT_LOGIN:
		log_in(play, event);
		break;
	case POP3_EVENT_RETRIEVE:
		retrieve(play, event);
		break;
	case POP3_EVENT_UPDATE:
		pop3_server_accept(play->server);
		break;
	default:
		play->is_closed = true;
	}
}

static void pull(struct play *play)
{
	uint8_t *space;
	size_t capacity, size;

	do {
		capacity = fuzz_cut(&play->cuts, 1024);
		check(buf_reserve(&play->answers, capacity, &space));
		size = pop3_server_pull(play->server, space, capacity);
		check(size <= capacity);
		buf_commit(&play->answers, size);
	} while (size);
}

static void feed(struct play *play, struct bytes segment)
{
	struct pop3_event event;

	for (bool moved = true; moved;) {
		size_t offered = fuzz_cut(&play->cuts, segment.size);
		uint8_t *piece = fuzz_copy(bytes_head(segment, offered));
		size_t used = pop3_server_feed(play->server, bytes_make(piece, offered));

		free(piece);
		check(used <= offered);
		segment = bytes_skip(segment, used);
		moved = used > 0;
		while (pop3_server_next_event(play->server, &event)) {
			act(play, &event);
			moved = true;
			pull(play);
		}
		check(!pop3_server_needs_answer(play->server));
		pull(play);
		moved |= segment.size > 0;
	}
}

static void play_stream(struct play *play, bool is_tls, struct bytes stream, uint32_t cuts)
{
	const struct pop3_server_options options = {
		.hostname = "gate.example",
		.tls = is_tls,
		.max_errors = 10,
		.version = "1.2.3",
	};
	void *memory = malloc(pop3_server_size());
	struct bytes segment;

	check(memory != NULL);
	*play = (struct play){ .cuts = cuts, .is_tls = is_tls };
	for (size_t i = 0; i < MESSAGES; i++)
		play->messages[i] = (struct pop3_message){ .size = sizeof body - 1 };
	buf_init(&play->answers, FUZZ_LOG_MAX);
	buf_init(&play->events, FUZZ_LOG_MAX);
	play->server = pop3_server_init(memory, &options);
	while (bytes_split(&stream, 0xff, &segment)) {
		feed(play, segment);
		if (play->needs_handshake) {
			pop3_server_tls_started(play->server);
			play->needs_handshake = false;
			play->is_tls = true;
		}
	}
	pop3_server_clear(play->server);
	free(memory);
	free(play->piece);
}

static bool ends_with(struct bytes text, const char *end)
{
	return text.size >= strlen(end) &&
	       bytes_equal_text(bytes_skip(text, text.size - strlen(end)), end);
}

static bool is_multi_line(struct bytes status)
{
	return bytes_starts_with_nocase(status, "+OK ") &&
	       (ends_with(status, " messages") || ends_with(status, " octets") ||
		       ends_with(status, " follow") || ends_with(status, " follows"));
}

/* Behind the CRLF that the final dot ends in. */
static struct bytes skip_lines(struct bytes text)
{
	bool behind_crlf = true, behind_lf = true;

	for (size_t i = 0; i < text.size; i++) {
		if (behind_lf && text.data[i] == '.') {
			struct bytes rest = bytes_skip(text, i);

			if (behind_crlf && bytes_equal_text(bytes_head(rest, 3), ".\r\n"))
				return bytes_skip(rest, 3);
			check(rest.size > 1 && rest.data[1] == '.');
		}
		behind_lf = text.data[i] == '\n';
		behind_crlf = behind_lf && i && text.data[i - 1] == '\r';
	}
	abort();
}

static void check_answers(struct bytes answers)
{
	while (answers.size) {
		size_t lf = bytes_find(answers, '\n');
		struct bytes line = bytes_head(answers, lf);

		check(lf < answers.size && lf > 0 && lf < REPLY_MAX && line.data[lf - 1] == '\r');
		line.size--;
		for (size_t i = 0; i < line.size; i++)
			check(line.data[i] >= ' ' && line.data[i] <= '~');
		check(bytes_equal_text(bytes_head(line, 4), "+OK ") ||
			bytes_equal_text(bytes_head(line, 5), "-ERR ") ||
			bytes_equal_text(bytes_head(line, 2), "+ "));
		answers = bytes_skip(answers, lf + 1);
		if (is_multi_line(line))
			answers = skip_lines(answers);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes stream = bytes_skip(bytes_make(data, size), 1);
	struct play whole, cut;

	if (!size)
		return 0;
	play_stream(&whole, data[0] & 1, stream, FUZZ_WHOLE);
	play_stream(&cut, data[0] & 1, stream, (uint32_t)size * 2654435761u | 1);
	check(bytes_equal(buf_view(&whole.answers), buf_view(&cut.answers)));
	check(bytes_equal(buf_view(&whole.events), buf_view(&cut.events)));
	check(memcmp(whole.messages, cut.messages, sizeof cut.messages) == 0);
	check_answers(buf_view(&whole.answers));
	buf_clear(&whole.answers);
	buf_clear(&whole.events);
	buf_clear(&cut.answers);
	buf_clear(&cut.events);
	return 0;
}
