/* store_body.c -- the sealed bytes of one message before they are delivered: in memory up to
 * STORE_INLINE_MAX, then in bodies/ID.part. The ledger's digest grows with them.
 *
 * The invariant: a file loses its ".part" only after its sync, and from then on nothing here removes
 * it. Whatever is still called ".part" has never been acknowledged to anybody. A file of bodies/lost is never
 * removed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "platform/file.h"
#include "store/store_lost.h"
#include "store_internal.h"

enum { LOST_PIECE = 256 * 1024 };

struct store_body {
	struct store *store;
	struct id id;
	struct buf bytes; /* while there is no file */
	struct file *file;
	uint64_t size;
	uint64_t noted; /* of it, by room_note() */
	struct digest digest;
	uint8_t digested[STORE_DIGEST_SIZE];
	bool is_in_file;
	bool is_lost; /* the file is that of bodies/lost until it is kept */
	bool is_kept;
	bool is_closed;
};

bool body_path(const struct store *store, const struct id *id, bool is_partial,
	char path[PATH_SIZE], struct error *error)
{
	char text[ID_TEXT_SIZE], name[ID_TEXT_SIZE + 8];

	id_text(id, text);
	snprintf(name, sizeof name, "%s%s", text, is_partial ? ".part" : "");
	return path_join(store->bodies, name, path, error);
}

struct store_body *store_body_new(struct store *store, const struct id *id)
{
	struct store_body *body = calloc(1, sizeof *body);

	if (!body)
		return NULL;
	body->store = store;
	body->id = *id;
	buf_init(&body->bytes, STORE_INLINE_MAX);
	/* No domain: what `b2sum -l 256` says of the file. */
	digest_init(&body->digest, NULL);
	return body;
}

static void remove_partial(struct store_body *body)
{
	char path[PATH_SIZE];

	/* What cannot be removed now goes at the next start. */
	if (body_path(body->store, &body->id, true, path, NULL))
		(void)file_remove(path, NULL);
}

void store_body_free(struct store_body **body)
{
	if (!*body)
		return;
	file_close(&(*body)->file);
	if ((*body)->is_in_file && !(*body)->is_kept && !(*body)->is_lost) {
		remove_partial(*body);
		room_note((*body)->store, -(int64_t)(*body)->noted);
	}
	buf_clear(&(*body)->bytes);
	free(*body);
	*body = NULL;
}

static bool read_lost(struct store_body *body, struct error *error)
{
	struct buf piece;
	bool ok = true;

	buf_init(&piece, LOST_PIECE);
	do {
		piece.size = 0;
		ok = file_read_at(body->file, body->size, LOST_PIECE, &piece, error);
		digest_update(&body->digest, buf_view(&piece));
		body->size += piece.size;
	} while (ok && piece.size == LOST_PIECE);
	buf_clear(&piece);
	return ok;
}

struct store_body *store_body_of_lost(struct store *store, const struct id *id, struct error *error)
{
	struct store_body *body = store_body_new(store, id);
	char path[PATH_SIZE];

	if (!body) {
		error_set_memory(error);
		return NULL;
	}
	body->is_lost = body->is_in_file = true;
	if (lost_path(store, id, path, error))
		body->file = file_open(path, FILE_READ, error);
	if (!body->file || !read_lost(body, error))
		store_body_free(&body);
	return body;
}

/* From memory to the file. */
static bool spill(struct store_body *body, struct error *error)
{
	char path[PATH_SIZE];

	if (!body_path(body->store, &body->id, true, path, error))
		return false;
	body->file = file_open(path, FILE_CREATE, error);
	if (!body->file)
		return false;
	body->is_in_file = true;
	if (!file_write(body->file, buf_view(&body->bytes), error))
		return false;
	buf_clear(&body->bytes);
	return true;
}

bool store_body_append(struct store_body *body, struct bytes sealed, struct error *error)
{
	bool ok;

	assert(!body->is_closed);
	if (!body->is_in_file && body->size + sealed.size <= STORE_INLINE_MAX)
		ok = buf_append(&body->bytes, sealed) || error_set_memory(error);
	else
		ok = (body->is_in_file || spill(body, error)) &&
		     file_write(body->file, sealed, error);
	if (!ok) {
		error_prefix(error, "keeping a message");
		return false;
	}
	body->size += sealed.size;
	digest_update(&body->digest, sealed);
	/* All of it, when it has just left memory. */
	if (body->is_in_file)
		room_note(body->store, (int64_t)(body->size - body->noted));
	body->noted = body->is_in_file ? body->size : 0;
	return true;
}

void body_close(struct store_body *body)
{
	assert(!body->is_closed);
	digest_final(&body->digest, body->digested);
	body->is_closed = true;
}

const uint8_t *body_digest(const struct store_body *body)
{
	assert(body->is_closed);
	return body->digested;
}

uint64_t store_body_size(const struct store_body *body)
{
	return body->size;
}

bool body_is_in_file(const struct store_body *body)
{
	return body->is_in_file;
}

const struct id *body_id(const struct store_body *body)
{
	return &body->id;
}

struct bytes body_inline(const struct store_body *body)
{
	assert(!body->is_in_file);
	return buf_view(&body->bytes);
}

bool body_sync(struct store_body *body, struct error *error)
{
	bool ok = body->store->options.without_sync || file_sync(body->file, error);

	file_close(&body->file);
	return ok;
}

bool body_keep(struct store_body *body, struct error *error)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	if (!(body->is_lost ? lost_path(body->store, &body->id, from, error)
			    : body_path(body->store, &body->id, true, from, error)) ||
		!body_path(body->store, &body->id, false, to, error) ||
		!file_rename(from, to, error))
		return false;
	body->is_kept = true;
	return true;
}
