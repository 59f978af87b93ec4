/* backup_source.h -- a backup on its way out: the copy of the database, the bodies that it names, the certificates
 * and their keys, and a manifest of all that. Mail in it is sealed as it is in the store.
 *
 * A pull, as mailbox_export.h: memory is bounded, and whoever lets go of it in the middle leaves nothing behind.
 * Blocks: for control threads, one at a time. */
#ifndef LG_SERVICE_BACKUP_SOURCE_H
#define LG_SERVICE_BACKUP_SOURCE_H

#include "service/backup_manifest.h"
#include "service/outgoing.h"
#include "service/service.h"

struct backup_source_report {
	uint64_t files, bytes;
	uint64_t missing; /* bodies that the database names and that are not there */
	char created[CLOCK_TEXT_SIZE];
};

struct backup_source;

/* Errors as store_backup_begin(). */
struct backup_source *backup_source_new(
	struct service *service, const char *tls_folder, struct error *error);
void backup_source_free(struct backup_source **source);

/* Appends the piece's data, if it has some, to *data, which is empty and has OUTGOING_PIECE_MAX for its maximum. While
 * the database is copied there is none: the call returns after half a second at the latest. Not after is_end. */
bool backup_source_next(struct backup_source *source, struct outgoing_piece *piece,
	struct buf *data, struct error *error);
const struct backup_source_report *backup_source_report(const struct backup_source *source);

#endif
