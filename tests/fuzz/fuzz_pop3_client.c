/* fuzz_pop3_client.c -- any server. The first bytes, up to 0xFF, pick the commands, one each;
 * the first of them also the way of dots. Played whole and cut at random; both must give the
 * same events and send the same. Never more is used than was offered, answers match the commands
 * in their order, lines and content come only inside of an answer that has them, and nothing
 * comes after BROKEN. */
#include "proto/pop3_client.h"

#include "fuzz_stream.h"

struct play {
	struct pop3_client *client;
	uint32_t cuts;
	struct bytes picks;
	uint8_t sent[256]; /* the commands, as a ring that never fills */
	uint8_t first, end;
	enum pop3_client_event_kind inside; /* of a multi-line answer: LINE or BODY; else STATUS */
	enum pop3_client_command command;
	bool needs_handshake;
	bool is_broken;
	struct buf commands;
	struct buf events;
};

static void send_commands(struct play *play)
{
	while (play->picks.size) {
		uint8_t pick = play->picks.data[0];
		enum pop3_client_command command =
			POP3_CLIENT_CAPA + (pick & 15) % POP3_CLIENT_QUIT;
		struct bytes argument = bytes_of(pick & 64 ? "1" : "");

		if (!pop3_client_send(play->client, command, argument))
			return;
		play->sent[play->end++] = pick & 64 ? command | 128 : command;
		play->picks = bytes_skip(play->picks, 1);
	}
}

static void see_status(struct play *play, const struct pop3_client_event *event)
{
	uint8_t sent = play->sent[play->first++];

	check(play->inside == POP3_CLIENT_EVENT_STATUS);
	check((sent & 127) == event->command);
	play->command = event->command;
	if (!event->ok)
		return;
	if (event->command == POP3_CLIENT_STLS)
		play->needs_handshake = true;
	else if (event->command == POP3_CLIENT_RETR || event->command == POP3_CLIENT_TOP)
		play->inside = POP3_CLIENT_EVENT_BODY;
	else if (event->command == POP3_CLIENT_CAPA ||
		 ((event->command == POP3_CLIENT_LIST || event->command == POP3_CLIENT_UIDL) &&
			 !(sent & 128)))
		play->inside = POP3_CLIENT_EVENT_LINE;
}

static void see(struct play *play, const struct pop3_client_event *event)
{
	check(!play->is_broken && !play->needs_handshake);
	if (event->kind == POP3_CLIENT_EVENT_CHALLENGE) {
		check((play->sent[play->first] & 127) == POP3_CLIENT_AUTH);
		pop3_client_respond(play->client, bytes_of("cmVzcG9uc2U="));
	}
	if (event->kind != POP3_CLIENT_EVENT_BODY)
		check(buf_printf(&play->events, "\n%d %d %d ", (int)event->kind,
			(int)event->command, event->ok));
	fuzz_log(&play->events, event->text);
	switch (event->kind) {
	case POP3_CLIENT_EVENT_STATUS:
		see_status(play, event);
		break;
	case POP3_CLIENT_EVENT_CHALLENGE:
		break;
	case POP3_CLIENT_EVENT_LINE:
	case POP3_CLIENT_EVENT_BODY:
		check(play->inside == event->kind && play->command == event->command);
		check(event->kind == POP3_CLIENT_EVENT_LINE || event->text.size > 0);
		break;
	case POP3_CLIENT_EVENT_END:
		check(play->inside != POP3_CLIENT_EVENT_STATUS && play->command == event->command);
		play->inside = POP3_CLIENT_EVENT_STATUS;
		break;
	default:
		play->is_broken = true;
	}
}

static void pull(struct play *play)
{
	uint8_t *space;
	size_t capacity, size;

	do {
		capacity = fuzz_cut(&play->cuts, 1024);
		check(buf_reserve(&play->commands, capacity, &space));
		size = pop3_client_pull(play->client, space, capacity);
		check(size <= capacity);
		buf_commit(&play->commands, size);
	} while (size);
}

static void feed(struct play *play, struct bytes segment)
{
	struct pop3_client_event event;

	while (segment.size) {
		size_t offered = fuzz_cut(&play->cuts, segment.size);
		uint8_t *piece = fuzz_copy(bytes_head(segment, offered));
		size_t used = pop3_client_feed(play->client, bytes_make(piece, offered));
		bool moved = used > 0;

		check(used <= offered);
		while (pop3_client_next_event(play->client, &event)) {
			see(play, &event);
			moved = true;
		}
		/* No answer of ours is ever awaited. */
		check(moved);
		free(piece);
		segment = bytes_skip(segment, used);
	}
}

static void play_stream(struct play *play, struct bytes picks, struct bytes stream, uint32_t cuts)
{
	void *memory = malloc(pop3_client_size());
	struct bytes segment;

	check(memory != NULL);
	*play = (struct play){ .cuts = cuts, .picks = picks, .end = 1 };
	play->sent[0] = POP3_CLIENT_GREETING;
	buf_init(&play->commands, FUZZ_LOG_MAX);
	buf_init(&play->events, FUZZ_LOG_MAX);
	play->client = pop3_client_init(memory);
	pop3_client_set_dots_behind_lf(play->client, picks.size && (picks.data[0] & 32));
	while (bytes_split(&stream, 0xff, &segment)) {
		send_commands(play);
		pull(play);
		feed(play, segment);
		if (play->needs_handshake) {
			pop3_client_tls_started(play->client);
			play->needs_handshake = false;
		}
	}
	check(buf_printf(&play->events, "\n%x", (unsigned)pop3_client_extensions(play->client)));
	pop3_client_clear(play->client);
	free(memory);
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
