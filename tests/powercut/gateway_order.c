/* gateway_order.c -- one pass over the log. The WAL's pages are searched for the ids of messages and bodies:
 * an id is 128 random bits, so where its bytes are is its row. */
#include "gateway_order.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"

enum { FRAME_HEADER_SIZE = 24, PRINTED_MAX = 5 };

static const char log_name[] = "lettergate.db-wal";
static const char bodies_name[] = "bodies";

/* What happened to an id, as numbers of events plus one; 0: never. */
struct track {
	struct id id;
	struct track *next; /* in its bucket */
	bool is_body;
	size_t logged;	    /* its bytes came into the log */
	size_t logged_from; /* the event that wrote the header of that frame */
	size_t received, deleting, deleted;
	size_t written, synced, renamed, named; /* of a body's file */
	size_t synced_from;			/* when the last sync of the part began */
};

struct pass {
	const struct recording *recording;
	struct gateway_order *order;
	struct track *tracks;
	size_t track_count;
	struct track *buckets[1 << 16]; /* by the first two octets */
};

static void violation(struct pass *pass, const char *what, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_text(id, text);
	if (pass->order->violations++ < PRINTED_MAX)
		printf("the log's order: %s %s\n", what, text);
}

static struct track **bucket_of(struct pass *pass, const uint8_t *bytes)
{
	return &pass->buckets[(size_t)bytes[0] << 8 | bytes[1]];
}

static struct track *track_of(struct pass *pass, const struct id *id)
{
	struct track **bucket = bucket_of(pass, id->bytes);

	for (struct track *track = *bucket; track; track = track->next) {
		if (id_is_equal(&track->id, id))
			return track;
	}
	pass->tracks[pass->track_count] = (struct track){ .id = *id, .next = *bucket };
	*bucket = &pass->tracks[pass->track_count++];
	return *bucket;
}

static struct track *track_of_text(struct pass *pass, struct bytes text)
{
	struct id id;

	return id_parse(text, &id) ? track_of(pass, &id) : NULL;
}

/* ---- reading the events ---- */

static void take_promise(struct pass *pass, size_t number)
{
	struct bytes rest = bytes_of(pass->recording->events[number].path);
	struct bytes parts[2] = { { NULL, 0 } };
	struct track *track;

	bytes_split(&rest, ' ', &parts[0]);
	bytes_split(&rest, ' ', &parts[1]);
	track = track_of_text(pass, parts[1]);
	if (!track)
		return;
	/* The first time counts: what is said again later was promised before. */
	if (bytes_equal_text(parts[0], "received") && !track->received)
		track->received = number + 1;
	else if (bytes_equal_text(parts[0], "deleting") && !track->deleted)
		track->deleting = number + 1;
	else if (bytes_equal_text(parts[0], "deleted") && !track->deleted)
		track->deleted = number + 1;
}

/* "bodies/ID.part" and "bodies/ID". */
static struct track *body_of(struct pass *pass, const char *path)
{
	const size_t length = sizeof bodies_name;
	struct track *track;

	if (strncmp(path, "bodies/", length) != 0)
		return NULL;
	track = track_of_text(pass, bytes_head(bytes_of(path + length), ID_TEXT_SIZE - 1));
	if (track)
		track->is_body = true;
	return track;
}

static void take_body(struct pass *pass, size_t number)
{
	const struct event *event = &pass->recording->events[number];
	struct track *track = body_of(pass, event->path);

	if (!track)
		return;
	if (event->kind == EVENT_WRITE) {
		track->written = number + 1;
	} else if (event->kind == EVENT_SYNC && !track->renamed) {
		track->synced = number + 1;
		track->synced_from = event->began;
	} else if (event->kind == EVENT_RENAME) {
		track->renamed = number + 1;
	}
}

static void take_folder_sync(struct pass *pass, size_t number)
{
	const struct event *event = &pass->recording->events[number];

	if (strcmp(event->path, bodies_name) != 0)
		return;
	for (size_t i = 0; i < pass->track_count; i++) {
		struct track *track = &pass->tracks[i];

		if (track->renamed && !track->named && track->renamed <= event->began)
			track->named = number + 1;
	}
}

/* The ids are known by now: this is a pass of its own. `header` is the write to the log before this one. */
static void search(struct pass *pass, size_t number, size_t header)
{
	const struct event *event = &pass->recording->events[number];

	for (size_t i = 0; i + sizeof(struct id) <= event->size; i++) {
		const uint8_t *bytes = event->data + i;

		for (struct track *track = *bucket_of(pass, bytes); track; track = track->next) {
			if (track->logged || memcmp(track->id.bytes, bytes, sizeof(struct id)) != 0)
				continue;
			track->logged = number + 1;
			track->logged_from = header;
		}
	}
}

static bool is_log(const struct event *event)
{
	return strcmp(event->path, log_name) == 0;
}

static void read_events(struct pass *pass)
{
	const struct recording *recording = pass->recording;
	size_t header = recording->first;

	for (size_t i = recording->first; i < recording->count; i++) {
		if (recording->events[i].kind == EVENT_PROMISE)
			take_promise(pass, i);
		else if (recording->events[i].kind == EVENT_FOLDER_SYNC)
			take_folder_sync(pass, i);
		else
			take_body(pass, i);
	}
	for (size_t i = recording->first; i < recording->count; i++) {
		if (recording->events[i].kind != EVENT_WRITE || !is_log(&recording->events[i]))
			continue;
		search(pass, i, header);
		header = i;
	}
}

/* ---- judging ---- */

/* A frame whose header gives the size of the database ends a transaction. */
static bool is_commit_header(const struct event *event)
{
	static const uint8_t none[4] = { 0 };

	return event->kind == EVENT_WRITE && is_log(event) && event->size == FRAME_HEADER_SIZE &&
	       memcmp(event->data + 4, none, sizeof none) != 0;
}

/* Whether a transaction that ends at or after event `from` was whole, and then synced, before event
 * `before`. */
static bool is_committed(const struct pass *pass, size_t from, size_t before)
{
	const struct event *events = pass->recording->events;
	size_t number = from;

	while (number < before && !is_commit_header(&events[number]))
		number++;
	/* The page of that frame. */
	for (number++; number < before; number++) {
		if (events[number].kind == EVENT_WRITE && is_log(&events[number]))
			break;
	}
	for (size_t i = number + 1; i < before; i++) {
		if (events[i].kind == EVENT_SYNC && is_log(&events[i]) && events[i].began > number)
			return true;
	}
	return false;
}

static void judge_message(struct pass *pass, const struct track *track)
{
	if (track->received) {
		pass->order->received++;
		if (!track->logged || track->logged >= track->received ||
			!is_committed(pass, track->logged_from, track->received - 1))
			violation(pass, "promised before its transaction was synced: received",
				&track->id);
	}
	if (track->deleted) {
		pass->order->deleted++;
		if (!track->deleting || !is_committed(pass, track->deleting, track->deleted - 1))
			violation(pass, "promised before its transaction was synced: deleted",
				&track->id);
	}
}

static void judge_body(struct pass *pass, const struct track *track)
{
	if (!track->renamed || !track->logged)
		return;
	pass->order->bodies++;
	if (!track->synced || track->synced > track->renamed || track->synced_from < track->written)
		violation(pass, "named before its bytes were synced: body", &track->id);
	else if (!track->named || track->named > track->logged)
		violation(pass, "in the log before its name was synced: body", &track->id);
}

static void judge_answer(struct pass *pass, struct bytes id, size_t number)
{
	struct track *track = track_of_text(pass, id);

	pass->order->answered++;
	if (track && (!track->received || track->received > number))
		violation(pass, "a 250 without a promise:", &track->id);
}

/* One at a time: there is one administrator. */
static void judge_change(struct pass *pass, const char *note, size_t asked, size_t number)
{
	pass->order->changed++;
	if (is_committed(pass, asked, number))
		return;
	if (pass->order->violations++ < PRINTED_MAX)
		printf("the log's order: promised before its transaction was synced: %s\n", note);
}

static void judge_clients(struct pass *pass)
{
	const struct recording *recording = pass->recording;
	size_t asked = 0;

	for (size_t i = recording->first; i < recording->count; i++) {
		struct bytes rest = bytes_of(recording->events[i].path);
		struct bytes parts[4] = { { NULL, 0 } };

		for (size_t k = 0; k < 4; k++)
			bytes_split(&rest, ' ', &parts[k]);
		if (recording->events[i].kind != EVENT_PROMISE ||
			!bytes_equal_text(parts[0], "client"))
			continue;
		if (bytes_equal_text(parts[1], "answered"))
			judge_answer(pass, parts[3], i);
		else if (bytes_equal_text(parts[1], "changing"))
			asked = i;
		else if (bytes_equal_text(parts[1], "changed"))
			judge_change(pass, recording->events[i].path, asked, i);
	}
}

void gateway_order_check(const struct recording *recording, struct gateway_order *order)
{
	struct pass *pass = calloc(1, sizeof *pass);

	*order = (struct gateway_order){ .received = 0 };
	/* An event names one id at most. */
	if (pass)
		pass->tracks = calloc(recording->count + 1, sizeof *pass->tracks);
	if (!pass || !pass->tracks)
		abort();
	pass->recording = recording;
	pass->order = order;
	read_events(pass);
	for (size_t i = 0; i < pass->track_count; i++) {
		judge_message(pass, &pass->tracks[i]);
		judge_body(pass, &pass->tracks[i]);
	}
	judge_clients(pass);
	free(pass->tracks);
	free(pass);
}
