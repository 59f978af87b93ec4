/* store_backup.h -- a copy of the whole store, made while it receives and hands out mail, and the look at one that
 * came back.
 *
 * The database is copied page by page between two groups of the committer; what is written meanwhile goes into the
 * copy too, so that it is what the database was at the moment when the copying ended. No read transaction is open
 * between two steps. From the beginning to the end of a backup no body file is unlinked, so every file that the copy
 * names is there. docs/internals/store.md, "A copy". Everything here blocks and is for threads that may; one thread at
 * a time. */
#ifndef LG_STORE_STORE_BACKUP_H
#define LG_STORE_STORE_BACKUP_H

#include "store/store.h"

/* Where a copy lies while it is given out; what is left of it goes at the next start. */
extern const char STORE_BACKUP_FOLDER[];

struct store_backup;

/* ERROR_BUSY: one is under way. ERROR_FULL: there is no room for the copy of the database beside the reserve.
 * ERROR_STATE: the database is damaged. After this the calls that follow are ERROR_FULL as soon as mail needs the room
 * that the backup takes. */
struct store_backup *store_backup_begin(struct store *store, struct error *error);
/* Removes the copy and lets unlinks go on; sets NULL. */
void store_backup_end(struct store_backup **backup);

/* Waits for the copying, for so long at most. *is_copied: it has ended, and what follows may be called. *done and
 * *total are octets. */
bool store_backup_copy(struct store_backup *backup, int64_t wait_us, bool *is_copied,
	uint64_t *done, uint64_t *total, struct error *error);

struct store_backup_body {
	struct id id;
	uint64_t size;
	bool is_missing; /* the file is not there, or is shorter than its row says */
};

uint64_t store_backup_database_bytes(const struct store_backup *backup);
uint64_t store_backup_body_bytes(const struct store_backup *backup); /* of all files */
int64_t store_backup_schema(const struct store_backup *backup);
/* The folder of the copy, in which the caller may keep a file of its own: "manifest". */
const char *store_backup_folder(const struct store_backup *backup);
/* The next body that is in a file, in the order of ids. */
bool store_backup_next_body(struct store_backup *backup, struct store_backup_body *body,
	bool *found, struct error *error);
/* Appends up to so many octets from there on; fewer only at the end. */
bool store_backup_read_database(struct store_backup *backup, uint64_t offset, size_t at_most,
	struct buf *out, struct error *error);
bool store_backup_read_body(struct store_backup *backup, const struct store_backup_body *body,
	uint64_t offset, size_t at_most, struct buf *out, struct error *error);

/* What the file system has free beside the reserve, without the free pages of the database. */
bool store_free_beside_reserve(struct store *store, uint64_t *bytes, struct error *error);

/* ---- a copy that came back ---- */

struct store_image_facts {
	int64_t schema;
	uint64_t mailboxes, waiting; /* without temporary ones; messages that wait */
	uint64_t body_files, body_bytes;
};

/* Looks through the whole file, which nobody else uses, without changing it. ERROR_CORRUPT: it is damaged, or none of
 * ours. ERROR_STATE: of a newer program. `body` is called for each body in a file, in the order of ids. */
typedef void store_image_body(void *context, const struct id *id, uint64_t size);
bool store_image_check(const char *path, struct store_image_facts *facts, store_image_body *body,
	void *context, struct error *error);
/* Sets a row of its table of settings, on the disk when this returns. */
bool store_image_set(const char *path, const char *key, const char *value, struct error *error);

#endif
