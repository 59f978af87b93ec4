/* transfer_internal.h -- bulk data between a method and the front end that called it, in pieces, so that the engine
 * never opens a path that a caller names.
 *
 * A handler begins a transfer and returns what transfer_begin_...() gives, with members of its own added if it
 * likes. The front end then asks for the pieces (transfer.read) or brings them (transfer.write). A transfer belongs
 * to the connection that began it: with it, or after a minute of silence, it ends. */
#ifndef LG_CONTROL_TRANSFER_INTERNAL_H
#define LG_CONTROL_TRANSFER_INTERNAL_H

#include "control/control.h"
#include "control/transfer_piece.h"
#include "service/outgoing.h"

enum { TRANSFER_SILENCE_S = 60 };

/* All run on control threads, may block, and never two at a time for one transfer. `free` comes last and once,
 * whatever happened: before `finish` the transfer was cut short, and nothing of it may stay. */
struct transfer_source {
	/* Entries below a folder; one file, which the front end names; or nothing but progress, of work that the front
	 * end can give up by ending the transfer. */
	enum transfer_form { TRANSFER_FOLDER, TRANSFER_FILE, TRANSFER_WORK } form;
	/* Fills the next piece, which is empty: data (none is allowed) and what goes with it. */
	bool (*read)(void *context, struct transfer_piece *piece, struct error *error);
	/* After the piece that is_end: what goes to the caller with it as "result", a new value; NULL: failed. May be
	 * NULL itself. */
	json_t *(*finish)(void *context, struct error *error);
	void (*free)(void *context);
};

struct transfer_sink {
	/* The pieces come in order (transfer_order_step) and with checked names. May set the progress. */
	bool (*write)(void *context, struct transfer_piece *piece, struct error *error);
	json_t *(*finish)(void *context, struct error *error); /* as above */
	void (*free)(void *context);
};

/* For a handler: begins a transfer for the caller of this method. Takes `context`, to which `free` is applied when
 * it fails. Returns {"transfer": N, "direction": "read"|"write", "form": "file"|"folder"|"work"}, or NULL. The source or
 * sink is borrowed for good: a constant. */
json_t *transfer_begin_read(struct control_engine *engine, const struct transfer_source *source,
	void *context, struct error *error);
json_t *transfer_begin_write(struct control_engine *engine, const struct transfer_sink *sink,
	void *context, struct error *error);

/* What a source of service/ gave, for the piece that has its data. */
void transfer_take_outgoing(struct transfer_piece *piece, const struct outgoing_piece *outgoing);

/* ---- for control.c and the transfer methods ---- */

struct transfers *transfers_new(int64_t silence_us, struct error *error);
/* When no method runs any more. Ends what is under way; sets NULL. */
void transfers_free(struct transfers **transfers);
/* The owner has gone: its transfers end, now or when the call that is under way returns. Any thread, never blocks
 * for long. */
void transfers_abandon(struct transfers *transfers, const void *owner);

/* One step of the owner's transfer `number`. ERROR_NOT_FOUND: the owner has none of that number (any more).
 * ERROR_BUSY: a step of it is under way. Every other error has ended it. *result: what finish gave, NULL before the
 * end and when there is none. */
bool transfers_read(struct transfers *transfers, const void *owner, uint64_t number,
	struct transfer_piece *piece, json_t **result, struct error *error);
bool transfers_write(struct transfers *transfers, const void *owner, uint64_t number,
	struct transfer_piece *piece, json_t **result, struct error *error);
bool transfers_cancel(
	struct transfers *transfers, const void *owner, uint64_t number, struct error *error);
size_t transfers_count(struct transfers *transfers); /* under way now */

#endif
