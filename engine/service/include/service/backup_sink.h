/* backup_sink.h -- a backup that came back: looked at, or taken in to be put in the place of the store.
 *
 * Its entries come in the order of their names (of their octets), as lettergatectl sends a folder; then nothing but a line of each
 * has to be kept, and that on the disk. What is only looked at leaves nothing; what is to be restored lies, synced and
 * found whole, in the folder BACKUP_READY of the storage folder when backup_sink_finish() returns, and the next start
 * puts it in place (gateway/host_restore.c). Blocks: for control threads. */
#ifndef LG_SERVICE_BACKUP_SINK_H
#define LG_SERVICE_BACKUP_SINK_H

#include "service/backup_manifest.h"
#include "service/service.h"
#include "store/store_backup.h"

extern const char BACKUP_INCOMING[]; /* what has not come to its end; goes at the next start */
extern const char BACKUP_READY[];
/* In BACKUP_READY: the name of the folder that the present store is to be moved to. */
extern const char BACKUP_BEFORE[];

enum backup_sink_use { BACKUP_VERIFY, BACKUP_RESTORE };

enum { BACKUP_PROBLEMS_MAX = 20, BACKUP_PROBLEM_SIZE = 256 };

struct backup_sink_report {
	struct backup_facts facts;
	struct store_image_facts image;
	uint64_t files, bytes;
	uint64_t missing;	/* were not there when the backup was made */
	uint64_t problem_count; /* 0: the backup is whole; else the first of them in words: */
	char problems[BACKUP_PROBLEMS_MAX][BACKUP_PROBLEM_SIZE];
	char before[64]; /* RESTORE: as in BACKUP_BEFORE */
};

struct backup_sink;

/* ERROR_BUSY: another one is under way. ERROR_STATE: a restore waits for the next start. */
struct backup_sink *backup_sink_new(struct service *service, const char *storage_folder,
	enum backup_sink_use use, struct error *error);
void backup_sink_free(struct backup_sink **sink);

/* The next piece of an entry. ERROR_INVALID: no part of a backup, or out of order. ERROR_FULL. */
bool backup_sink_take(struct backup_sink *sink, const char *entry, struct bytes data,
	bool is_entry_end, struct error *error);
/* False: it could not be looked at; that it is not whole is in the report. What is not whole is not made ready. */
bool backup_sink_finish(struct backup_sink *sink, struct error *error);
const struct backup_sink_report *backup_sink_report(const struct backup_sink *sink);

#endif
