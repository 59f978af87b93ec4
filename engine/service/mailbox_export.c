/* mailbox_export.c -- goes through the messages by their numbers, whatever their state is by then: a number is passed
 * once, so no message comes twice, and one that is collected meanwhile is still read if it is kept.
 *
 * The invariant: an entry is begun only for a message that has verified to its end. A short one is in memory then; a
 * long one is read a second time. */
#include "service/mailbox_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "mail/mbox.h"
#include "platform/clock.h"
#include "platform/semaphore.h"
#include "service/mailbox_access.h"
#include "service/message_read.h"
#include "service/quarantine.h"
#include "store/store_collected.h"

enum {
	PAGE = 128, /* messages of one state that are looked up at a time */
	STATES = 3,
	SENDER_MAX = 320,
};

/* A quarantined message is reported each time, so that nobody takes an export for the whole mailbox. */
static const enum store_state states[STATES] = { STORE_WAITING, STORE_QUARANTINED,
	STORE_COLLECTED };

struct listed {
	struct store_message message;
	enum store_state state;
};

struct mailbox_export {
	struct service *service;
	struct id mailbox;
	enum mailbox_export_format format;
	size_t state_count;
	struct mailbox_keyring *keyring;
	uint32_t generation; /* of its newest key */
	/* the list */
	uint64_t next_number;
	struct listed listed[STATES * PAGE];
	size_t count, index;
	bool is_listed; /* to its end */
	/* the message that is being given out */
	struct listed current;
	struct message_read *read;
	struct bytes piece; /* the first one, read already */
	bool has_piece, is_whole;
	bool is_begun;
	uint64_t octets; /* of it that were given out */
	uint8_t last[2];
	struct mbox_writer mbox;
	/* the whole */
	size_t folders_made;
	uint64_t done, total;
	struct mailbox_export_report report;
};

/* ---- the list ---- */

static int by_number(const void *a, const void *b)
{
	const struct listed *one = a, *other = b;

	return (one->message.number > other->message.number) -
	       (one->message.number < other->message.number);
}

/* Adds a page of one state; *through becomes the number up to which all of that state are there. */
static bool add_page(struct mailbox_export *exported, enum store_state state, uint64_t *through,
	struct error *error)
{
	struct store_copy *copies = calloc(PAGE, sizeof *copies);
	size_t count = 0;
	bool ok;

	if (!copies)
		return error_set_memory(error);
	ok = store_copy_page(exported->service->store, &exported->mailbox, state,
		exported->next_number, copies, PAGE, &count, error);
	for (size_t i = 0; i < count; i++)
		exported->listed[exported->count++] = (struct listed){ copies[i].message, state };
	if (count == PAGE && copies[PAGE - 1].message.number < *through)
		*through = copies[PAGE - 1].message.number;
	free(copies);
	return ok;
}

/* The next messages of all states in the order of their numbers, as far as all states are known. */
static bool list_on(struct mailbox_export *exported, struct error *error)
{
	uint64_t through = UINT64_MAX;

	exported->count = exported->index = 0;
	for (size_t i = 0; i < STATES && i < exported->state_count; i++) {
		if (!add_page(exported, states[i], &through, error))
			return false;
	}
	if (exported->count)
		qsort(exported->listed, exported->count, sizeof *exported->listed, by_number);
	while (exported->count && exported->listed[exported->count - 1].message.number > through)
		exported->count--;
	exported->is_listed = through == UINT64_MAX;
	exported->next_number = exported->is_listed ? through : through + 1;
	return true;
}

static bool next_listed(struct mailbox_export *exported, bool *found, struct error *error)
{
	while (exported->index == exported->count && !exported->is_listed) {
		if (!list_on(exported, error))
			return false;
	}
	*found = exported->index < exported->count;
	if (*found)
		exported->current = exported->listed[exported->index++];
	return true;
}

static bool add_size(void *context, const struct store_copy *copy)
{
	uint64_t *total = context;

	*total += copy->message.size;
	return true;
}

static bool measure(struct mailbox_export *exported, struct error *error)
{
	for (size_t i = 0; i < STATES && i < exported->state_count; i++) {
		if (!store_copy_each(exported->service->store, &exported->mailbox, states[i],
			    add_size, &exported->total, error))
			return false;
	}
	return true;
}

/* ---- messages that are left out ---- */

static void report_damage(struct mailbox_export *exported)
{
	struct mailbox_export_report *report = &exported->report;

	if (report->damaged < MAILBOX_EXPORT_NAMED_MAX)
		report->named[report->damaged] =
			(struct mailbox_export_damage){ exported->current.message.id,
				exported->current.message.received_us };
	report->damaged++;
}

static void on_set_aside(struct store_quarantine *quarantine)
{
	semaphore_post(quarantine->context);
}

/* What the store then says changes nothing here: the message is left out either way. */
static void set_aside(struct mailbox_export *exported)
{
	struct semaphore *done = semaphore_new(NULL);
	struct store_quarantine quarantine = {
		.mailbox = exported->mailbox,
		.message = exported->current.message,
		.done = on_set_aside,
		.context = done,
	};

	if (done) {
		store_quarantine_submit(exported->service->store, &quarantine);
		semaphore_wait(done);
	}
	semaphore_free(&done);
}

static void quarantine(struct mailbox_export *exported, const struct error *why)
{
	struct service *service = exported->service;
	char name[STORE_NAME_SIZE];

	directory_name(service->directory, &exported->mailbox, name);
	quarantine_raise(service->problems, clock_wall_us(), &exported->mailbox, name,
		&exported->current.message, why->text);
	set_aside(exported);
}

/* Mail of a key that was not opened must not pass for damaged; and where nothing can be read at all, nothing can be
 * said of one message. */
static bool may_judge(struct mailbox_export *exported, const struct error *why, struct error *error)
{
	struct store_mailbox_counts counts;
	struct store_mailbox stored;

	if (!store_mailbox_get(
		    exported->service->store, &exported->mailbox, &stored, &counts, error))
		return false;
	if (stored.generation != exported->generation)
		return error_set(error, ERROR_STATE,
			"the mailbox was given new keys meanwhile: begin the export again");
	if (why->kind == ERROR_CORRUPT || why->kind == ERROR_IO)
		return true;
	if (error)
		*error = *why;
	return false;
}

/* The message did not open. False: the export cannot go on. */
static bool leave_out(struct mailbox_export *exported, const struct error *why, struct error *error)
{
	message_read_free(&exported->read);
	exported->done += exported->current.message.size;
	if (why->kind == ERROR_NOT_FOUND) {
		exported->report.gone++;
		return true;
	}
	if (!may_judge(exported, why, error))
		return false;
	/* A disk that does not read now may read later. */
	if (why->kind == ERROR_CORRUPT && exported->current.state == STORE_WAITING)
		quarantine(exported, why);
	report_damage(exported);
	return true;
}

/* ---- one message ---- */

static bool open_message(struct mailbox_export *exported, struct error *error)
{
	exported->has_piece = false;
	exported->read = message_read_new(exported->service->store, &exported->mailbox,
		&exported->current.message, exported->keyring, error);
	return exported->read != NULL;
}

static bool read_piece(struct mailbox_export *exported, struct error *error)
{
	return message_read_next(exported->read, &exported->piece, &exported->is_whole, error);
}

/* Reads it to its end; leaves it at its first piece, so that one that goes between its two readings can still be
 * passed over. */
static bool verify_message(struct mailbox_export *exported, struct error *error)
{
	bool is_short;

	if (!open_message(exported, error) || !read_piece(exported, error))
		return false;
	is_short = exported->is_whole;
	while (!exported->is_whole) {
		if (!read_piece(exported, error))
			return false;
	}
	if (!is_short) {
		message_read_free(&exported->read);
		if (!open_message(exported, error) || !read_piece(exported, error))
			return false;
	}
	exported->has_piece = true;
	return true;
}

/* True with exported->read set: the current message is to be given out; without: it is left out. */
static bool begin_message(struct mailbox_export *exported, struct error *error)
{
	struct error why = { .kind = ERROR_NONE };

	if (exported->current.state == STORE_QUARANTINED) {
		exported->done += exported->current.message.size;
		report_damage(exported);
		return true;
	}
	exported->is_begun = false;
	exported->octets = 0;
	return verify_message(exported, &why) || leave_out(exported, &why, error);
}

/* "20261124T040806Z" */
static void compact_time(int64_t time_us, char text[CLOCK_TEXT_SIZE])
{
	char full[CLOCK_TEXT_SIZE];

	clock_text(time_us, full);
	snprintf(text, CLOCK_TEXT_SIZE, "%.4s%.2s%.5s%.2s%.3s", full, full + 5, full + 8, full + 14,
		full + 17);
}

static void name_entry(const struct mailbox_export *exported, char name[OUTGOING_ENTRY_SIZE])
{
	const struct store_message *message = &exported->current.message;
	unsigned long long number = exported->report.exported + 1;
	char id[ID_TEXT_SIZE], when[CLOCK_TEXT_SIZE];

	id_text(&message->id, id);
	if (exported->format == MAILBOX_EXPORT_MBOX) {
		snprintf(name, OUTGOING_ENTRY_SIZE, "mbox");
	} else if (exported->format == MAILBOX_EXPORT_EML) {
		compact_time(message->received_us, when);
		snprintf(name, OUTGOING_ENTRY_SIZE, "%06llu-%s-%.8s.eml", number, when, id);
	} else {
		/* As the maildir format wants it: unique, without a colon, the time first. */
		snprintf(name, OUTGOING_ENTRY_SIZE, "new/%lld.M%06lldQ%lluR%s.lettergate",
			(long long)(message->received_us / 1000000),
			(long long)(message->received_us % 1000000), number, id);
	}
}

/* The envelope's sender, from the Return-Path that delivery puts on top of each message. */
static struct bytes sender_of(struct bytes message)
{
	static const char field[] = "Return-Path: <";
	struct bytes path = bytes_skip(message, sizeof field - 1);
	size_t size = bytes_find(path, '>');

	if (!bytes_starts_with_nocase(message, field) || size > SENDER_MAX)
		return bytes_of("");
	return bytes_head(path, size);
}

static bool write_mbox(struct mailbox_export *exported, struct bytes piece, struct buf *data)
{
	const struct store_message *message = &exported->current.message;

	if (!exported->is_begun && !mbox_begin(&exported->mbox, sender_of(piece),
					   message->received_us / 1000000, data))
		return false;
	return mbox_write(&exported->mbox, piece, data) &&
	       (!exported->is_whole || mbox_end(&exported->mbox, data));
}

/* RETR supplies a last CRLF where there is none (RFC 1939 3). */
static bool write_octets(struct mailbox_export *exported, struct bytes piece, struct buf *data)
{
	for (size_t i = piece.size > 2 ? piece.size - 2 : 0; i < piece.size; i++) {
		exported->last[0] = exported->last[1];
		exported->last[1] = piece.data[i];
	}
	if (!buf_append(data, piece))
		return false;
	return !exported->is_whole || (exported->last[0] == '\r' && exported->last[1] == '\n') ||
	       buf_append_text(data, "\r\n");
}

static void end_message(struct mailbox_export *exported)
{
	const struct store_message *message = &exported->current.message;

	message_read_free(&exported->read);
	exported->report.exported++;
	exported->report.bytes += message->size;
	exported->done += message->size - exported->octets;
}

static void note_progress(struct mailbox_export *exported, size_t octets)
{
	uint64_t left = exported->current.message.size - exported->octets;

	if (octets > left)
		octets = (size_t)left;
	exported->octets += octets;
	exported->done += octets;
}

/* The next piece of the message under way. One that has verified and does not any more ends the export: a part of it
 * is out. */
static bool give_piece(struct mailbox_export *exported, struct outgoing_piece *piece,
	struct buf *data, struct error *error)
{
	bool is_mbox = exported->format == MAILBOX_EXPORT_MBOX;

	if (!exported->has_piece && !read_piece(exported, error)) {
		if (error && error->kind == ERROR_NOT_FOUND)
			return error_set(error, ERROR_STATE,
				"a message was collected and deleted while it was written out: "
				"begin the export again");
		error_prefix(error, "a message changed while it was exported");
		return false;
	}
	exported->has_piece = false;
	name_entry(exported, piece->entry);
	if (!exported->is_begun)
		exported->last[0] = exported->last[1] = 0;
	if (!(is_mbox ? write_mbox : write_octets)(exported, exported->piece, data))
		return error_set_memory(error);
	exported->is_begun = true;
	note_progress(exported, exported->piece.size);
	piece->is_entry_end = exported->is_whole && !is_mbox;
	if (exported->is_whole)
		end_message(exported);
	return true;
}

/* ---- the whole ---- */

/* Readers of a maildir want all three, also when there is nothing in them. */
static bool give_folder(struct mailbox_export *exported, struct outgoing_piece *piece)
{
	static const char *const folders[] = { "cur/", "new/", "tmp/" };

	if (exported->format != MAILBOX_EXPORT_MAILDIR ||
		exported->folders_made == sizeof folders / sizeof folders[0])
		return false;
	snprintf(piece->entry, sizeof piece->entry, "%s", folders[exported->folders_made++]);
	piece->is_entry_end = true;
	return true;
}

static void give_end(struct mailbox_export *exported, struct outgoing_piece *piece)
{
	char id[MAILBOX_ID_TEXT_SIZE];

	piece->is_end = true;
	if (exported->format == MAILBOX_EXPORT_MBOX) {
		name_entry(exported, piece->entry);
		piece->is_entry_end = true;
	}
	mailbox_id_text(&exported->mailbox, id);
	log_event(LOG_INFO, "mailbox.exported", "mailbox=%s messages=%llu damaged=%llu gone=%llu",
		id, (unsigned long long)exported->report.exported,
		(unsigned long long)exported->report.damaged,
		(unsigned long long)exported->report.gone);
}

/* To the next message that can be given out. *found: there is one. */
static bool find_message(struct mailbox_export *exported, bool *found, struct error *error)
{
	*found = true;
	while (!exported->read && *found) {
		if (!next_listed(exported, found, error) ||
			(*found && !begin_message(exported, error)))
			return false;
	}
	return true;
}

bool mailbox_export_next(struct mailbox_export *exported, struct outgoing_piece *piece,
	struct buf *data, struct error *error)
{
	bool found = false, ok = true;

	*piece = (struct outgoing_piece){ .is_end = false };
	if (!give_folder(exported, piece)) {
		ok = find_message(exported, &found, error);
		if (ok && found)
			ok = give_piece(exported, piece, data, error);
		else if (ok)
			give_end(exported, piece);
	}
	piece->done = exported->done;
	/* Mail goes on coming. */
	piece->total = exported->total > exported->done ? exported->total : exported->done;
	return ok;
}

struct mailbox_export *mailbox_export_new(
	struct service *service, const struct mailbox_export_options *options, struct error *error)
{
	struct mailbox_export *exported = calloc(1, sizeof *exported);

	if (!exported) {
		error_set_memory(error);
		return NULL;
	}
	exported->service = service;
	exported->mailbox = options->mailbox;
	exported->format = options->format;
	/* The last one of the states is that of kept mail. */
	exported->state_count = options->with_collected ? STATES : STATES - 1;
	exported->keyring = mailbox_access_keyring(
		service, &options->mailbox, options->password, &exported->generation, error);
	if (!exported->keyring || !measure(exported, error))
		mailbox_export_free(&exported);
	return exported;
}

void mailbox_export_free(struct mailbox_export **exported)
{
	struct mailbox_export *freed = *exported;

	if (!freed)
		return;
	message_read_free(&freed->read);
	mailbox_keyring_free(&freed->keyring);
	free(freed);
	*exported = NULL;
}

const struct mailbox_export_report *mailbox_export_report(const struct mailbox_export *exported)
{
	return &exported->report;
}
