/* backup_manifest.h -- what a backup holds, as a text file that is the last of it to be written:
 *
 *	lettergate-backup 1
 *	program 0.3.0
 *	schema 2
 *	created 2026-11-24T04:08:06Z
 *	HEX SIZE ENTRY			for each file, in the order of their names: its BLAKE2b-256 and its octets
 *	missing ENTRY			for each body that was not there when the backup was made
 *	end COUNT HEX			how many files; BLAKE2b-256 of everything before this line
 *
 * So `b2sum -l 256` says of a file what stands here. It shows damage, not who made it: nothing in a backup is signed.
 * Both sides work line by line, whatever the number of files. One thread at a time. */
#ifndef LG_SERVICE_BACKUP_MANIFEST_H
#define LG_SERVICE_BACKUP_MANIFEST_H

#include "base/buf.h"
#include "crypto/digest.h"
#include "platform/clock.h"

enum {
	BACKUP_FORMAT = 1,
	BACKUP_ENTRY_SIZE = 200, /* a name and its NUL */
	BACKUP_VERSION_SIZE = 40,
};

extern const char BACKUP_MANIFEST[]; /* its own name */
extern const char BACKUP_DATABASE[];

/* The order of names: of their octets. An entry of ours is the manifest, the database, a body or a file of tls/. */
bool backup_entry_is_ours(const char *entry);
bool backup_entry_is_body(const char *entry);

struct backup_line {
	char entry[BACKUP_ENTRY_SIZE];
	uint64_t size;
	uint8_t digest[DIGEST_SIZE];
	bool is_missing;
};

struct backup_facts {
	uint64_t format;
	char program[BACKUP_VERSION_SIZE];
	uint64_t schema;
	char created[CLOCK_TEXT_SIZE];
	uint64_t count;
};

/* ---- writing ---- */

struct backup_manifest_writer;

struct backup_manifest_writer *backup_manifest_create(
	const char *path, const struct backup_facts *facts, struct error *error);
bool backup_manifest_add(
	struct backup_manifest_writer *writer, const struct backup_line *line, struct error *error);
/* The last line; nothing is added after. */
bool backup_manifest_end(struct backup_manifest_writer *writer, struct error *error);
/* Closes it; sets NULL. Not synced. */
void backup_manifest_close(struct backup_manifest_writer **writer);

/* ---- reading ---- */

struct backup_manifest_reader;

/* Reads what stands above the lines. ERROR_CORRUPT: it is no manifest; ERROR_STATE: of a newer program. */
struct backup_manifest_reader *backup_manifest_open(
	const char *path, struct backup_facts *facts, struct error *error);
/* *found false: the end, which fits what came before it. ERROR_CORRUPT: it was changed, or cut short. */
bool backup_manifest_next(struct backup_manifest_reader *reader, struct backup_line *line,
	bool *found, struct error *error);
void backup_manifest_free(struct backup_manifest_reader **reader);

#endif
