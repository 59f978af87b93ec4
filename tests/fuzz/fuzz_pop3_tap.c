/* fuzz_pop3_tap.c -- any client and any server. The first byte picks the options; each segment begins with a byte
 * that says whose it is and what the driver does meanwhile. Played whole and cut at random; both must give the same
 * events and send the same to both ends. Never more is used than was offered; no command goes to the server that the
 * driver has not passed or asked; the client sees no end of a message whose gate is closed; nothing comes after CLOSE. */
#include "fuzz_stream.h"
#include "proto/pop3_tap.h"

enum { FROM_SERVER = 1, REFUSES = 2, ASKS = 4, HOLDS_GATES = 8 };

struct play {
	struct pop3_tap *tap;
	uint32_t cuts;
	uint8_t how; /* of the segment */
	uint64_t gates[64];
	size_t gate_count;
	size_t passed, sent; /* commands for the server */
	bool is_over, was_body;
	struct buf to_client, to_server, events;
};

static void open_gates(struct play *play)
{
	/* From behind, so that the order is kept by the tap and not by us. */
	while (play->gate_count)
		pop3_tap_open_gate(play->tap, play->gates[--play->gate_count]);
}

static void decide(struct play *play, const struct pop3_tap_event *event)
{
	if (play->how & ASKS && event->command == POP3_TAP_DELE)
		play->passed += pop3_tap_ask(play->tap, POP3_TAP_RETR, event->number);
	if (play->how & REFUSES) {
		pop3_tap_refuse(play->tap, "[SYS/TEMP] not now");
	} else {
		pop3_tap_pass(play->tap);
		play->passed++;
	}
}

static void see(struct play *play, const struct pop3_tap_event *event)
{
	bool is_body = event->kind == POP3_TAP_EVENT_BODY;

	check(!play->is_over);
	if (!is_body || !play->was_body)
		check(buf_printf(&play->events, "\n%d %d %u %d %d ", (int)event->kind,
			(int)event->command, (unsigned)event->number, event->is_own, event->ok));
	fuzz_log(&play->events, event->text);
	play->was_body = is_body;
	if (event->kind == POP3_TAP_EVENT_COMMAND)
		decide(play, event);
	if (event->gate && play->gate_count < sizeof play->gates / sizeof play->gates[0])
		play->gates[play->gate_count++] = event->gate;
	check(!event->gate || play->gate_count);
	if (!(play->how & HOLDS_GATES))
		open_gates(play);
	if (event->kind == POP3_TAP_EVENT_BROKEN)
		pop3_tap_shut_down(play->tap, "[SYS/TEMP] nonsense");
	play->is_over = event->kind == POP3_TAP_EVENT_CLOSE;
}

static bool pull(
	struct play *play, struct buf *log, size_t (*take)(struct pop3_tap *, uint8_t *, size_t))
{
	size_t capacity = fuzz_cut(&play->cuts, 1024), size;
	uint8_t *space;

	check(buf_reserve(log, capacity, &space));
	size = take(play->tap, space, capacity);
	check(size <= capacity);
	for (size_t i = 0; i < size; i++)
		play->sent += log == &play->to_server && space[i] == '\n';
	buf_commit(log, size);
	return size > 0;
}

static bool move_on(struct play *play)
{
	struct pop3_tap_event event;
	bool moved = false, went = true;

	while (went) {
		went = false;
		while (pop3_tap_next_event(play->tap, &event)) {
			see(play, &event);
			went = true;
		}
		went |= pull(play, &play->to_server, pop3_tap_pull_server);
		went |= pull(play, &play->to_client, pop3_tap_pull_client);
		check(play->sent <= play->passed);
		moved |= went;
	}
	return moved;
}

/* What is not taken now is dropped: a client whose commands are not looked at. */
static void feed(struct play *play, struct bytes text)
{
	bool moved = true;

	while (text.size && moved) {
		size_t size = fuzz_cut(&play->cuts, text.size), used;
		uint8_t *piece = fuzz_copy(bytes_head(text, size));

		if (play->how & FROM_SERVER)
			used = pop3_tap_feed_server(play->tap, bytes_make(piece, size));
		else
			used = pop3_tap_feed_client(play->tap, bytes_make(piece, size));
		check(used <= size);
		text = bytes_skip(text, used);
		moved = used > 0;
		moved |= move_on(play);
		free(piece);
	}
}

static void play_stream(struct play *play, uint8_t first, struct bytes stream, uint32_t cuts)
{
	const struct pop3_tap_options options = {
		.server_pipelines = first & 1,
		.max_errors = 1 + (first >> 5),
	};
	struct bytes segment;

	*play = (struct play){ .cuts = cuts };
	buf_init(&play->to_client, FUZZ_LOG_MAX);
	buf_init(&play->to_server, FUZZ_LOG_MAX);
	buf_init(&play->events, FUZZ_LOG_MAX);
	play->tap = pop3_tap_new(&options);
	check(play->tap != NULL);
	if (first & 2)
		play->passed += pop3_tap_ask(play->tap, POP3_TAP_UIDL, 0);
	while (bytes_split(&stream, 0xff, &segment)) {
		if (!segment.size)
			continue;
		play->how = segment.data[0];
		feed(play, bytes_skip(segment, 1));
		/* The copies are kept in the end. */
		open_gates(play);
		move_on(play);
	}
	check(pop3_tap_is_drained(play->tap));
	pop3_tap_free(&play->tap);
}

static void compare(struct buf *whole, struct buf *cut)
{
	check(bytes_equal(buf_view(whole), buf_view(cut)));
	buf_clear(whole);
	buf_clear(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play whole, cut;

	if (!size)
		return 0;
	play_stream(&whole, data[0], bytes_make(data + 1, size - 1), FUZZ_WHOLE);
	play_stream(
		&cut, data[0], bytes_make(data + 1, size - 1), (uint32_t)size * 2654435761u | 1);
	compare(&whole.to_client, &cut.to_client);
	compare(&whole.to_server, &cut.to_server);
	compare(&whole.events, &cut.events);
	return 0;
}
