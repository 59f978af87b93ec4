/* store_move.h -- the files of a store, brought to another folder. The bodies go while the store is open: they never
 * change, so what is there with its whole size need not go again. What is missing then, and the database, go when nobody
 * has the store open. docs/internals/backup.md, "Moving". Blocks; one thread at a time. */
#ifndef LG_STORE_STORE_MOVE_H
#define LG_STORE_STORE_MOVE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

/* True: the folder has a store's database, or something that would be taken for a part of one. */
bool store_move_is_store(const char *folder);

struct store_move;

/* Lists the bodies in `from`; makes the folders in `to`. */
struct store_move *store_move_new(const char *from, const char *to, struct error *error);
void store_move_free(struct store_move **move); /* sets NULL */
/* Copies some of them: about that many octets. One that has gone meanwhile is passed over. `stop`: file_copy.h. */
bool store_move_next(struct store_move *move, uint64_t at_most, const atomic_bool *stop,
	bool *is_end, struct error *error);
/* In files. */
void store_move_progress(const struct store_move *move, uint64_t *done, uint64_t *total);

/* With `from` closed: makes `to` what it is, on the disk. May be called again after it was cut short. */
bool store_move_finish(const char *from, const char *to, struct error *error);
/* Removes a store's files, and nothing else, from a closed one or from a copy that was cut short. */
bool store_move_remove(const char *folder, struct error *error);

#endif
