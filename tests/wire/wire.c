/* wire.c -- plays dialogues (wire.h) against a protocol core.
 *
 * A dialogue is an array of steps. The player keeps what the peer still has to say (input), what the
 * core said and nobody has named yet (output), and the events nobody has named yet. pump() moves all
 * three until nothing moves any more; a step then either finds its words at the head of its stream or
 * the dialogue has failed at that step's line. Only the sizes of the pieces differ between the ways of
 * playing, so a core whose transcript depends on them fails. */
#include "wire.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire_script_internal.h"

enum {
	EVENTS_MAXIMUM = 4096,
	DEFAULT_ROUNDS = 50,
	SHOWN = 300, /* bytes of a text in a failure */
};

struct event {
	bool is_body;
	struct buf text;
};

enum manner { WHOLE, BYTES, RANDOM };

struct play {
	const struct wire_adapter *adapter;
	const struct script *script;
	void *core;
	enum manner manner;
	uint32_t seed; /* of this round, for the report */
	uint32_t random;
	uint8_t *lent; /* the piece of the last feed */
	struct buf input;
	struct buf output;
	struct event events[EVENTS_MAXIMUM];
	size_t first_event;
	size_t event_count;
	bool failed;
};

static void print_escaped(struct bytes text)
{
	struct bytes shown = bytes_head(text, SHOWN);

	for (size_t i = 0; i < shown.size; i++) {
		uint8_t c = shown.data[i];

		if (c == '\r' || c == '\n')
			printf("\\%c", c == '\r' ? 'r' : 'n');
		else if (c == '\\')
			printf("\\\\");
		else if (c < ' ' || c >= 127)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	if (shown.size < text.size)
		printf("... (%zu bytes)", text.size);
}

static void print_stream(const struct play *play, const struct step *step)
{
	if (step->kind == STEP_EVENT && play->event_count) {
		const struct event *event = &play->events[play->first_event];

		printf("EVENT: %s", event->is_body ? "BODY " : "");
		print_escaped(buf_view(&event->text));
	} else if (step->kind == STEP_CORE && play->output.size) {
		printf("S: ");
		print_escaped(buf_view(&play->output));
	} else {
		printf("nothing");
	}
}

/* The first failure is told, what follows from it is not. */
static PRINTF_LIKE(3, 4) void fail(struct play *play, unsigned line, const char *format, ...)
{
	static const char *const manners[] = { "whole", "byte by byte", "cut at random" };
	va_list args;

	if (play->failed)
		return;
	play->failed = true;
	printf("%s:%u: (%s", play->script->path, line, manners[play->manner]);
	if (play->manner == RANDOM)
		printf(", seed %u", (unsigned)play->seed);
	printf(") ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static void fail_step(struct play *play, const struct step *step)
{
	if (play->failed)
		return;
	fail(play, step->line, "differs");
	printf("  expected %s ", step->kind == STEP_EVENT ? "EVENT:" : "S:");
	print_escaped(buf_view(&step->text));
	printf("\n  got      ");
	print_stream(play, step);
	printf("\n  unread   S: ");
	print_escaped(buf_view(&play->output));
	printf("\n  not taken C: ");
	print_escaped(buf_view(&play->input));
	printf("\n");
}

/* ------------------------------------------------------------------ playing */

static uint32_t next_random(struct play *play)
{
	/* xorshift32: good enough for cuts, and the same everywhere */
	play->random ^= play->random << 13;
	play->random ^= play->random >> 17;
	play->random ^= play->random << 5;
	return play->random;
}

/* How much to offer or pull of `most`, at least one. */
static size_t piece_size(struct play *play, size_t most)
{
	static const uint32_t spans[] = { 2, 8, 64, 1024 };
	size_t size;

	if (play->manner == WHOLE)
		return most;
	if (play->manner == BYTES)
		return 1;
	size = 1 + next_random(play) % spans[next_random(play) % 4];
	return size < most ? size : most;
}

/* Owns *text from here on. */
static void add_event(struct play *play, unsigned line, struct buf *text, bool is_body)
{
	const size_t end = play->first_event + play->event_count;

	if (is_body && play->event_count && play->events[end - 1].is_body) {
		must(buf_append(&play->events[end - 1].text, buf_view(text)));
		buf_clear(text);
	} else if (end == EVENTS_MAXIMUM) {
		fail(play, line, "more than %d events unread", EVENTS_MAXIMUM);
		buf_clear(text);
	} else {
		play->events[end] = (struct event){ .is_body = is_body, .text = *text };
		play->event_count++;
	}
}

static void drop_event(struct play *play)
{
	buf_clear(&play->events[play->first_event].text);
	play->first_event++;
	if (--play->event_count == 0)
		play->first_event = 0;
}

static bool take_events(struct play *play, unsigned line)
{
	bool moved = false;

	while (!play->failed) {
		struct buf text, body;

		buf_init(&text, WIRE_TEXT_MAXIMUM);
		buf_init(&body, WIRE_TEXT_MAXIMUM);
		if (!play->adapter->next_event(play->core, &text, &body))
			return moved;
		moved = true;
		if (text.size) {
			add_event(play, line, &text, false);
			buf_clear(&body);
		} else if (body.size) {
			add_event(play, line, &body, true);
		}
	}
	return moved;
}

static bool feed_piece(struct play *play, unsigned line)
{
	size_t size, used;

	if (!play->input.size)
		return false;
	size = piece_size(play, play->input.size);
	free(play->lent);
	play->lent = malloc(size);
	must(play->lent != NULL);
	memcpy(play->lent, play->input.data, size);
	used = play->adapter->feed(play->core, bytes_make(play->lent, size));
	if (used > size) {
		fail(play, line, "feed took %zu of %zu bytes", used, size);
		return false;
	}
	buf_consume(&play->input, used);
	return used != 0;
}

static bool pull_piece(struct play *play, unsigned line)
{
	uint8_t *space;
	size_t capacity = piece_size(play, 16384), size;

	must(buf_reserve(&play->output, capacity, &space));
	size = play->adapter->pull(play->core, space, capacity);
	if (size > capacity) {
		fail(play, line, "pull gave %zu of %zu bytes", size, capacity);
		return false;
	}
	buf_commit(&play->output, size);
	return size != 0;
}

/* Moves what can move. A driver may be late in sending, so at random the pull waits. */
static void pump(struct play *play, unsigned line)
{
	bool moved = true;

	while (moved && !play->failed) {
		moved = take_events(play, line);
		moved |= feed_piece(play, line);
		moved |= take_events(play, line);
		if (moved && play->manner == RANDOM && next_random(play) % 2)
			continue;
		while (pull_piece(play, line))
			moved = true;
	}
}

static bool starts_with(const struct buf *buf, struct bytes text)
{
	return bytes_equal(bytes_head(buf_view(buf), text.size), text);
}

static void play_core(struct play *play, const struct step *step)
{
	if (starts_with(&play->output, buf_view(&step->text)))
		buf_consume(&play->output, step->text.size);
	else
		fail_step(play, step);
}

static void play_event(struct play *play, const struct step *step)
{
	struct event *event = &play->events[play->first_event];
	struct bytes text = buf_view(&step->text);

	if (!play->event_count) {
		fail_step(play, step);
	} else if (!event->is_body) {
		if (bytes_equal(buf_view(&event->text), text))
			drop_event(play);
		else
			fail_step(play, step);
	} else {
		text = bytes_skip(text, strlen("BODY "));
		if (!bytes_starts_with_nocase(buf_view(&step->text), "BODY ") ||
			!starts_with(&event->text, text)) {
			fail_step(play, step);
			return;
		}
		buf_consume(&event->text, text.size);
		if (!event->text.size)
			drop_event(play);
	}
}

static void play_do(struct play *play, struct step *step)
{
	const char *text = buf_text(&step->text);
	char action[64];
	size_t length;

	must(text != NULL);
	if (play->event_count) {
		fail(play, step->line, "an event was not named before DO: %.*s",
			BYTES_ARGS(buf_view(&play->events[play->first_event].text)));
		return;
	}
	length = strcspn(text, " ");
	if (!bytes_copy_text(bytes_make(text, length), action, sizeof action) ||
		!play->adapter->act(play->core, action, text + length + (text[length] == ' ')))
		fail(play, step->line, "no such action, or not now: %s", text);
}

static void require_silence(struct play *play, unsigned line)
{
	if (!play->output.size && !play->event_count)
		return;
	fail(play, line, "the core said more than the lines above name");
	printf("  unread   S: ");
	print_escaped(buf_view(&play->output));
	printf("\n  events   ");
	print_stream(play, &(struct step){ .kind = STEP_EVENT });
	printf("\n");
}

static void play_option(struct play *play, struct step *step)
{
	char name[64], *text;
	size_t length;

	must(buf_text(&step->text) != NULL);
	text = (char *)step->text.data;
	length = strcspn(text, " ");
	if (!bytes_copy_text(bytes_make(text, length), name, sizeof name) ||
		!play->adapter->set_option(play->core, name, text + length + (text[length] == ' ')))
		fail(play, step->line, "no such option: %s", text);
}

static void play_step(struct play *play, size_t number)
{
	struct step *step = &play->script->steps[number];
	const bool begins = !number || step[-1].kind != STEP_PEER;

	if (step->kind == STEP_OPTION) {
		play_option(play, step);
		return;
	}
	/* Lines of the peer that follow each other are one offer, so only the first waits. */
	if (step->kind != STEP_PEER || begins)
		pump(play, step->line);
	switch (step->kind) {
	case STEP_PEER:
		if (begins)
			require_silence(play, step->line);
		must(buf_append(&play->input, buf_view(&step->text)));
		break;
	case STEP_CORE:
		play_core(play, step);
		break;
	case STEP_EVENT:
		play_event(play, step);
		break;
	default:
		play_do(play, step);
	}
}

static bool play_once(const struct wire_adapter *adapter, const struct script *script,
	enum manner manner, uint32_t seed)
{
	struct play *play = calloc(1, sizeof *play);
	unsigned last_line = script->count ? script->steps[script->count - 1].line : 1;
	bool ok;

	must(play != NULL);
	play->adapter = adapter;
	play->script = script;
	play->manner = manner;
	play->seed = seed;
	play->random = seed ? seed : 1;
	buf_init(&play->input, WIRE_TEXT_MAXIMUM);
	buf_init(&play->output, WIRE_TEXT_MAXIMUM);
	play->core = adapter->create();
	must(play->core != NULL);
	for (size_t i = 0; i < script->count && !play->failed; i++)
		play_step(play, i);
	if (!play->failed) {
		pump(play, last_line);
		require_silence(play, last_line);
	}
	ok = !play->failed;
	adapter->destroy(play->core);
	while (play->event_count)
		drop_event(play);
	free(play->lent);
	buf_clear(&play->input);
	buf_clear(&play->output);
	free(play);
	return ok;
}

static bool play_file(
	const struct wire_adapter *adapter, const char *path, uint32_t seed, int random_rounds)
{
	struct script script;
	bool ok = script_read(&script, path);

	if (ok && !script.count) {
		printf("%s: an empty dialogue shows nothing\n", path);
		ok = false;
	}
	ok = ok && play_once(adapter, &script, WHOLE, 1) && play_once(adapter, &script, BYTES, 1);
	for (int round = 0; ok && round < random_rounds; round++)
		ok = play_once(adapter, &script, RANDOM, (seed + (uint32_t)round) * 2654435761u);
	script_clear(&script);
	return ok;
}

static int is_dialogue(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0;
}

int wire_play_folder(const struct wire_adapter *adapter, const char *folder, uint32_t seed,
	int random_rounds, int *played)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_dialogue, alphasort), failed = 0;

	*played = 0;
	if (count < 0) {
		printf("%s: cannot be read\n", folder);
		return 1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		free(entries[i]);
		if (!play_file(adapter, path, seed, random_rounds))
			failed++;
		++*played;
	}
	free(entries);
	return failed;
}

int wire_main(const struct wire_adapter *adapter, int argc, char **argv)
{
	uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : DEFAULT_ROUNDS;
	int played, failed;

	if (argc < 2) {
		fprintf(stderr, "usage: wire_%s FOLDER [SEED [ROUNDS]]\n", adapter->name);
		return 2;
	}
	failed = wire_play_folder(adapter, argv[1], seed, rounds, &played);
	printf("%d dialogues, %d passed\n", played, played - failed);
	return failed || !played ? 1 : 0;
}
