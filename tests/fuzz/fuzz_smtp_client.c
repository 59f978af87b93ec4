/* fuzz_smtp_client.c -- any server. The first bytes, up to 0xFF, pick the commands, one each.
 * Played whole and cut at random; both must give the same replies and send the same. Never more
 * is used than was offered, replies match the commands in their order, nothing comes after
 * BROKEN, content is wanted after 354 and for chunks only, what is sent of it decodes to what was lent, and a
 * response goes out behind each 334 to AUTH and nowhere else. */
#include "proto/smtp_client.h"

#include "fuzz_stream.h"
#include "mail/dot.h"

static const char content[] = ".A: b\r\nC: d\n.\r\n\r\n..\r\n.\n.x\r\r\n.\r.\n\n.\r\n\r\n.";

struct play {
	struct smtp_client *client;
	uint32_t cuts;
	struct bytes picks;
	uint8_t sent[256]; /* the commands, as a ring that never fills */
	uint8_t first, end;
	bool needs_handshake;
	bool is_broken;
	bool may_send_content;
	struct buf commands;
	struct buf events;
};

static const enum smtp_client_command sendable[] = {
	SMTP_CLIENT_EHLO,
	SMTP_CLIENT_STARTTLS,
	SMTP_CLIENT_MAIL,
	SMTP_CLIENT_RCPT,
	SMTP_CLIENT_DATA,
	SMTP_CLIENT_RSET,
	SMTP_CLIENT_QUIT,
	SMTP_CLIENT_RCPT,
	SMTP_CLIENT_AUTH,
	SMTP_CLIENT_BDAT,
	SMTP_CLIENT_MAIL,
	SMTP_CLIENT_AUTH,
};

static bool send_chunk(struct play *play)
{
	const uint64_t size = play->picks.data[0] >> 4;

	if (!smtp_client_send_chunk(play->client, size, size & 1))
		return false;
	check(smtp_client_wants_content(play->client) == (size > 0));
	if (size)
		smtp_client_lend_content(play->client, bytes_head(bytes_of(content), (size_t)size));
	return true;
}

static void send_commands(struct play *play)
{
	while (play->picks.size) {
		enum smtp_client_command command = sendable[(play->picks.data[0] & 15) %
							    (sizeof sendable / sizeof sendable[0])];

		if (command == SMTP_CLIENT_BDAT ? !send_chunk(play)
						: !smtp_client_send(play->client, command, "x"))
			return;
		play->sent[play->end++] = (uint8_t)command;
		play->picks = bytes_skip(play->picks, 1);
	}
}

static void pull(struct play *play, struct buf *out)
{
	uint8_t *space;
	size_t capacity, size;

	do {
		capacity = fuzz_cut(&play->cuts, 1024);
		check(buf_reserve(out, capacity, &space));
		size = smtp_client_pull(play->client, space, capacity);
		check(size <= capacity);
		buf_commit(out, size);
	} while (size);
}

static void check_sent_content(struct bytes sent)
{
	struct dot_decoder decoder;
	struct buf decoded;
	struct bytes piece;

	buf_init(&decoded, FUZZ_LOG_MAX);
	dot_decoder_init(&decoder);
	while (dot_decoder_next(&decoder, &sent, &piece))
		fuzz_log(&decoded, piece);
	check(dot_decoder_is_done(&decoder) && !sent.size);
	check(bytes_equal(bytes_head(buf_view(&decoded), sizeof content - 1), bytes_of(content)));
	check(decoded.size == sizeof content - 1 + 2);
	buf_clear(&decoded);
}

static void send_content(struct play *play)
{
	struct bytes rest = bytes_of(content);
	struct buf sent;

	buf_init(&sent, FUZZ_LOG_MAX);
	while (rest.size) {
		size_t size = fuzz_cut(&play->cuts, rest.size);
		uint8_t *piece = fuzz_copy(bytes_head(rest, size));

		smtp_client_lend_content(play->client, bytes_make(piece, size));
		pull(play, &sent);
		check(smtp_client_wants_content(play->client));
		free(piece);
		rest = bytes_skip(rest, size);
	}
	smtp_client_end_content(play->client);
	check(!smtp_client_wants_content(play->client));
	pull(play, &sent);
	check_sent_content(buf_view(&sent));
	play->sent[play->end++] = SMTP_CLIENT_CONTENT;
	play->may_send_content = false;
	buf_clear(&sent);
}

static void see(struct play *play, const struct smtp_client_event *event)
{
	check(!play->is_broken && !play->needs_handshake);
	check(buf_printf(
		&play->events, "\n%d %d %d ", (int)event->kind, (int)event->command, event->code));
	fuzz_log(&play->events, event->text);
	if (event->kind == SMTP_CLIENT_EVENT_BROKEN) {
		play->is_broken = true;
		return;
	}
	check(event->code >= 200 && event->code <= 599);
	check(play->first != play->end && play->sent[play->first] == event->command);
	if (event->kind == SMTP_CLIENT_EVENT_LINE)
		return;
	if (event->command == SMTP_CLIENT_AUTH && event->code == 334) {
		smtp_client_respond(play->client, bytes_of("cmVzcG9uc2U="));
		return;
	}
	play->first++;
	if (event->command == SMTP_CLIENT_DATA && event->code == 354)
		play->may_send_content = true;
	if (event->command == SMTP_CLIENT_STARTTLS && event->code / 100 == 2)
		play->needs_handshake = true;
}

static void feed(struct play *play, struct bytes segment)
{
	struct smtp_client_event event;

	while (segment.size) {
		size_t offered = fuzz_cut(&play->cuts, segment.size);
		uint8_t *piece = fuzz_copy(bytes_head(segment, offered));
		size_t used = smtp_client_feed(play->client, bytes_make(piece, offered));

		free(piece);
		/* No answer of ours is ever awaited, so something always moves. */
		check(used <= offered && used > 0);
		while (smtp_client_next_event(play->client, &event))
			see(play, &event);
		segment = bytes_skip(segment, used);
	}
}

static void play_stream(struct play *play, struct bytes picks, struct bytes stream, uint32_t cuts)
{
	struct bytes segment;

	*play = (struct play){ .cuts = cuts, .picks = picks, .end = 1 };
	play->sent[0] = SMTP_CLIENT_GREETING;
	buf_init(&play->commands, FUZZ_LOG_MAX);
	buf_init(&play->events, FUZZ_LOG_MAX);
	play->client = smtp_client_new();
	check(play->client != NULL);
	while (bytes_split(&stream, 0xff, &segment)) {
		send_commands(play);
		pull(play, &play->commands);
		feed(play, segment);
		check(smtp_client_wants_content(play->client) ==
			(play->may_send_content && !play->is_broken));
		if (smtp_client_wants_content(play->client))
			send_content(play);
		if (play->needs_handshake) {
			smtp_client_tls_started(play->client);
			play->needs_handshake = false;
		}
	}
	check(buf_printf(&play->events, "\n%x %llu", (unsigned)smtp_client_extensions(play->client),
		(unsigned long long)smtp_client_size_limit(play->client)));
	smtp_client_free(&play->client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes stream = bytes_make(data, size), picks;
	struct play whole, cut;

	if (!bytes_split(&stream, 0xff, &picks))
		return 0;
	play_stream(&whole, picks, stream, FUZZ_WHOLE);
	play_stream(&cut, picks, stream, (uint32_t)size * 2654435761u | 1);
	check(bytes_equal(buf_view(&whole.commands), buf_view(&cut.commands)));
	check(bytes_equal(buf_view(&whole.events), buf_view(&cut.events)));
	buf_clear(&whole.commands);
	buf_clear(&whole.events);
	buf_clear(&cut.commands);
	buf_clear(&cut.events);
	return 0;
}
