/* storage_move.h -- the store is brought to another folder: the part that goes on while mail comes and is collected. The
 * folder is looked at, and the bodies are copied; then a request lies in the data folder (storage_place.h), and the next
 * start does the rest (gateway/host_move.c).
 *
 * The one place where the engine opens a folder that a caller names: it is to be its own from then on. It must be empty.
 * Blocks, in steps: for control threads, one at a time. */
#ifndef LG_SERVICE_STORAGE_MOVE_H
#define LG_SERVICE_STORAGE_MOVE_H

#include "service/service.h"
#include "service/storage_place.h"

struct storage_move;

/* ERROR_INVALID: no whole path, or it lies in the store itself. ERROR_EXISTS: there is something in it. ERROR_FULL.
 * ERROR_STATE: a restore was not confirmed, or the database is damaged. ERROR_BUSY: a move is under way. */
struct storage_move *storage_move_new(struct service *service, const char *data_folder,
	const char *storage_folder, const char *target, struct error *error);
/* Before its end: removes what it has copied. Sets NULL. */
void storage_move_free(struct storage_move **move);

/* Copies for a second or so. In files: *done of *total. *is_end: all is done that can be done now, and the request is on
 * the disk. */
bool storage_move_next(struct storage_move *move, uint64_t *done, uint64_t *total, bool *is_end,
	struct error *error);
/* The folder, by its whole name. */
const char *storage_move_target(const struct storage_move *move);

#endif
