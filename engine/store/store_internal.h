/* store_internal.h -- the store's parts and what they share.
 *
 * Threads: the committer owns every write; syncers put large bodies on the disk before they reach it;
 * readers answer reads; the keeper checkpoints and tidies. Each has a connection of its own or none.
 * docs/internals/store.md is the essay. */
#ifndef LG_STORE_INTERNAL_H
#define LG_STORE_INTERNAL_H

#include <stdatomic.h>

#include "platform/paths.h"
#include "platform/thread.h"
#include "store/store_ledger.h"
#include "store_database_internal.h"

enum {
	READER_COUNT = 2,
	SYNCER_COUNT = 4,
};

enum {
	DATABASE_WRITER,
	DATABASE_CONTROL,
	DATABASE_KEEPER,
	DATABASE_READER, /* and those behind it */
	DATABASE_COUNT = DATABASE_READER + READER_COUNT,
};

enum { PAGE_BYTES = 4096 }; /* store_schema.c */

/* What the committer does with a kind of request. */
struct store_request_type {
	const char *doing; /* in front of its errors, or NULL */
	/* On a full disk it is tried again without the others of its group, with the ballast given up.
	 * Whatever it does in a transaction that was rolled back, it can do again. */
	bool frees_space;
	/* Rows it writes and bytes it puts into the database, at most: bounds a group. */
	void (*measure)(struct store_request *request, size_t *rows, size_t *bytes);
	/* Before the transaction; NULL: nothing. Sets *renamed when the folder of bodies must be synced. */
	bool (*prepare)(struct store *store, struct store_request *request, bool *renamed,
		struct error *error);
	/* Inside the transaction, in a savepoint of its own. */
	bool (*run)(struct store *store, struct store_request *request, struct error *error);
	/* After the commit: true when it has more to do, and then it queues again. NULL: never. */
	bool (*has_more)(struct store_request *request);
	/* The end; has_failed and the error are filled. The request may be gone after this. */
	void (*finish)(struct store *store, struct store_request *request);
};

struct committer {
	struct mutex *mutex;
	struct condition *filled;  /* waiting requests, a wish to reopen, or the end */
	struct condition *settled; /* a blocking request has ended */
	struct list waiting;
	bool is_stopping;
	bool must_reopen;
	struct error reopen_cause;
	/* figures, under the mutex */
	uint64_t commits;
	uint64_t messages;
	int64_t file_bytes;
	int64_t log_bytes; /* what the WAL has grown to */
	struct thread *thread;
	/* the thread's own */
	bool is_open;
	bool is_resting;
	int64_t next_attempt_us;
	int pages_in_log; /* frames of the WAL in use, from SQLite's hook */
	bool has_discarded;
};

/* What of the log is known to be synced; the committer's. */
enum { LOG_HEADER_SIZE = 32 };
struct log_mark {
	struct file *file;
	bool is_known;
	uint8_t header[LOG_HEADER_SIZE];
	int frames;
};

struct syncers {
	struct mutex *mutex;
	struct condition *filled;
	struct list waiting;
	bool is_stopping;
	struct thread *threads[SYNCER_COUNT];
};

struct reader {
	struct store *store;
	struct database *database;
	struct thread *thread;
};

struct readers {
	struct mutex *mutex;
	struct condition *filled;
	struct list waiting;
	bool is_stopping;
	struct reader pool[READER_COUNT];
};

struct keeper {
	struct mutex *mutex;
	struct condition *wake;
	bool is_stopping;
	bool is_resting; /* nothing to do until woken */
	unsigned holds;	 /* while there are some no body is unlinked */
	bool must_checkpoint;
	bool must_sweep;
	bool must_purge;
	bool must_look;	 /* after the room on the disk */
	uint64_t groups; /* committed since the start */
	int pages_moved; /* of the log: in the database already */
	struct thread *thread;
	/* the thread's own */
	bool disk_is_full;
	bool sweep_failed;
	bool purge_failed;
	bool look_failed;
};

/* The room that mail may take. The figures are read by anybody and a second or two old. */
struct room {
	atomic_llong left;   /* below 0: the reserve is reached */
	atomic_llong wanted; /* what was asked for and is not there */
	atomic_llong measured_us;
	atomic_llong reserve_bytes;
	atomic_llong keep_us;	  /* KEEP_UNTOLD, or store_limits.keep_collected_us */
	atomic_llong next_age_us; /* when to look for mail that was kept long enough */
	struct mutex *mutex;
	/* under the mutex */
	bool is_short; /* was told, and its end was not */
	bool has_ballast;
	/* the keeper's */
	int64_t next_ballast_us; /* after a failure */
};
enum { KEEP_UNTOLD = -1 };

/* The database is only read. Set once, under the committer's mutex. */
struct damage {
	atomic_bool is_there;
	struct error why;
};

/* What a backup shares with the committer, which copies. */
enum backup_state { BACKUP_NONE, BACKUP_COPYING, BACKUP_COPIED, BACKUP_FAILED };
struct backup {
	atomic_bool is_copying; /* the committer is to do a step behind each group */
	atomic_bool is_broken;	/* mail needs the room: unlinks are not held back any longer */
	struct mutex *mutex;
	struct condition *changed;
	/* under the mutex */
	bool is_taken;
	bool must_stop;
	enum backup_state state;
	struct error error; /* BACKUP_FAILED */
	int64_t pages, pages_left, pages_copied;
	/* the committer's while it copies */
	char path[PATH_SIZE];
	sqlite3 *copy;
	sqlite3_backup *steps;
};

struct store {
	struct store_options options;
	char folder[PATH_SIZE];
	char database_path[PATH_SIZE];
	char bodies[PATH_SIZE];
	char lost[PATH_SIZE];
	struct database databases[DATABASE_COUNT];
	struct committer committer;
	struct log_mark log;
	struct syncers syncers;
	struct readers readers;
	struct keeper keeper;
	struct room room;
	struct damage damage;
	struct backup backup;
};

static inline struct database *store_writer(struct store *store)
{
	return &store->databases[DATABASE_WRITER];
}

/* ---- store.c ---- */

void store_trouble(struct store *store, const struct error *trouble);
/* Both skip the sync when the power-cut test wants it skipped. */
bool store_sync_folder(struct store *store, const char *folder, struct error *error);

/* ---- store_connections.c ---- */

bool store_connections_init(struct store *store, struct error *error);
void store_connections_clear(struct store *store);
/* Opens the writer, brings the schema up, settles the log, opens the others. All or none; or, of a damaged
 * database that may be read, all but the writer (damage_is_there()). */
bool store_connections_open(struct store *store, struct error *error);
/* Both wait for each connection's request to end and close all without a checkpoint; the second then
 * opens all. */
void store_connections_shut(struct store *store);
bool store_connections_reopen(struct store *store, struct error *error);
/* After the threads have ended: settles, and leaves no log when that went well. */
void store_connections_finish(struct store *store);

/* ---- store_damage.c ---- */

static inline bool damage_is_there(struct store *store)
{
	return atomic_load(&store->damage.is_there);
}
/* From now on it is only read. */
void damage_note(struct store *store, const struct error *why);
/* Sets the error of a write; returns false. */
bool damage_refuses(struct store *store, struct error *error);

/* ---- store_log.c ---- */

/* A COMMIT was synced and so many frames are in the log. */
void log_note_commit(struct store *store, int frames);
void log_forget(struct store *store);
/* With every connection closed: the log is on the disk and ends where the last synced COMMIT ended;
 * without one, as after the start, where it looks to end. */
bool log_renew(struct store *store, struct error *error);

/* ---- store_committer.c ---- */

bool committer_init(struct committer *committer, struct error *error);
bool committer_start(struct store *store, struct error *error);
void committer_stop(struct store *store); /* after what was submitted */
void committer_clear(struct committer *committer);
void committer_submit(struct store *store, struct store_request *request);
/* There is a step of a backup to do. */
void committer_wake(struct store *store);
/* A sync has failed somewhere else: closes and reopens the database between two groups. */
void committer_reopen(struct store *store, const struct error *cause);

/* What the WAL's file has grown to; the keeper has cut it back. */
int64_t committer_log_bytes(struct store *store);
void committer_log_emptied(struct store *store);

/* A write that its caller waits for, in a group like any other. */
typedef bool store_work(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error);
bool committer_perform(struct store *store, const char *doing, store_work *work, void *arguments,
	struct error *error);
/* The same for what frees space. */
bool committer_free_space(struct store *store, const char *doing, store_work *work, void *arguments,
	struct error *error);

/* ---- store_delivery.c ---- */

/* The sync of a delivery's body has failed: ends it. */
void delivery_refuse(struct store *store, struct store_request *request);
struct store_body *delivery_body(struct store_request *request);

/* ---- store_room.c ---- */

bool room_init(struct room *room, struct error *error);
void room_clear(struct room *room);
bool room_ask_free(struct store *store, uint64_t *bytes); /* of the file system */
/* Anew, by a connection that the caller uses. */
void room_measure(struct store *store, struct database *database);
/* The committer, before a group: when the figure is older than a second. */
void room_refresh(struct store *store);
/* So many bytes were written, or removed, until the next measurement knows. */
void room_note(struct store *store, int64_t written);
/* Takes what a delivery will write; ERROR_FULL when it would touch the reserve. */
bool room_take(struct store *store, uint64_t bytes, struct error *error);
/* On the keeper: collected mail that was kept long enough goes, the oldest of it when there is need, and
 * the ballast is made. *more: there is a shortage to be looked at again. */
bool room_keep(struct store *store, bool *more, struct error *error);

/* ---- store_ballast.c ---- */

void ballast_find(struct store *store); /* at the start */
/* Gives it up for what frees space. False: there is none. */
bool ballast_release(struct store *store);
/* On the keeper: makes it when there is room for it. *missing: there was not. */
bool ballast_make(struct store *store, bool *missing, struct error *error);

/* ---- store_collected.c ---- */

/* The oldest collected messages go, up to so many, if they were collected before that time. */
bool collected_purge(struct store *store, int64_t before_us, size_t at_most, size_t *purged,
	struct error *error);

/* ---- store_pieces.c ---- */

/* Rows of one mailbox, read some hundred at a time. The statement's parameters: the mailbox, the least
 * number, how many, and `state` if it has a fourth; its first column is the number. */
struct pieces {
	enum statement statement;
	int state;
	size_t row_size;
	bool (*take)(sqlite3_stmt *found, void *row, struct error *error);
	bool (*visit)(void *context, const void *row); /* outside the transaction; false ends it */
	void *context;
};
bool pieces_each(struct store *store, const struct id *mailbox, uint64_t from,
	const struct pieces *pieces, struct error *error);

/* ---- store_ledger.c ---- */

/* On the committer: the row of one message of a delivery; *number is its number. */
bool ledger_append(struct database *writer, int64_t mailbox,
	const struct store_delivery_target *target, int64_t received_us,
	const uint8_t digest[STORE_DIGEST_SIZE], uint64_t *number, struct error *error);
bool ledger_read_head(struct database *database, const struct id *mailbox,
	struct store_ledger_head *head, struct error *error);
/* On the committer: deletes up to so many rows and signatures of a deleted mailbox. */
bool ledger_purge(
	struct database *writer, int64_t mailbox, size_t at_most, bool *more, struct error *error);

/* ---- store_signature.c ---- */

/* On the committer. */
bool signature_insert(struct database *writer, int64_t mailbox,
	const struct store_signature *signature, struct error *error);
bool signature_read_last(struct database *database, int64_t mailbox, uint64_t *number,
	int64_t *signed_us, struct error *error);

/* ---- store_removal.c ---- */

/* On the committer: the message, and its body when it was the last one. */
bool removal_message(struct store *store, int64_t number, int64_t body, int64_t *file_bytes,
	struct error *error);

/* On the committer: deletes up to so many messages of a deleted mailbox. *more: there was something to
 * do, so there may be others. */
bool removal_purge(
	struct store *store, size_t at_most, int64_t *file_bytes, bool *more, struct error *error);

/* ---- store_sync.c ---- */

bool syncers_init(struct syncers *syncers, struct error *error);
bool syncers_start(struct store *store, struct error *error);
void syncers_stop(struct store *store); /* what waits goes on to the committer */
void syncers_clear(struct syncers *syncers);
/* Syncs the delivery's body on a thread of the pool, then submits the request to the committer. */
void syncers_submit(struct store *store, struct store_request *request);

/* ---- store_body.c ---- */

/* bodies/ID, or bodies/ID.part while nothing names it. */
bool body_path(const struct store *store, const struct id *id, bool is_partial,
	char path[PATH_SIZE], struct error *error);
bool body_is_in_file(const struct store_body *body);
const struct id *body_id(const struct store_body *body);
struct bytes body_inline(const struct store_body *body); /* when it is not in a file */
/* Nothing more is appended; before it is submitted. */
void body_close(struct store_body *body);
const uint8_t *body_digest(
	const struct store_body *body); /* STORE_DIGEST_SIZE bytes, once closed */
/* The file's bytes are on the disk; closes it. */
bool body_sync(struct store_body *body, struct error *error);
/* Gives the file its name; from then on it is never removed for being without a row. */
bool body_keep(struct store_body *body, struct error *error);

/* ---- store_lost.c ---- */

/* bodies/lost/ID. */
bool lost_path(
	const struct store *store, const struct id *id, char path[PATH_SIZE], struct error *error);

/* ---- store_reader.c ---- */

bool readers_init(struct store *store, struct error *error);
bool readers_start(struct store *store, struct error *error);
void readers_stop(struct store *store); /* after what was submitted */
void readers_clear(struct readers *readers);

/* ---- store_keeper.c ---- */

bool keeper_init(struct keeper *keeper, struct error *error);
bool keeper_start(struct store *store, struct error *error);
void keeper_stop(struct store *store);
void keeper_clear(struct keeper *keeper);
/* The committer has committed a group. */
void keeper_notice(struct store *store, int pages_in_log, bool has_discarded);
void keeper_purge(struct store *store); /* a mailbox was deleted */
void keeper_look(struct store *store);	/* after the room on the disk */
bool keeper_is_stopping(struct store *store);
/* Between the two no body is unlinked. */
void keeper_hold(struct store *store);
void keeper_release(struct store *store);
/* Unlinks the files of `discarded` and forgets them; on the caller's thread. */
bool keeper_sweep(struct store *store, struct error *error);

/* ---- store_backup.c ---- */

bool backup_init(struct backup *backup, struct error *error);
void backup_clear(struct backup *backup);
void backup_remove_left(struct store *store); /* at the start, and at the end of each */
bool backup_is_copying(struct store *store);
/* On the committer, behind a group that wrote so many pages. */
void backup_step(struct store *store, int pages_written);
/* On the committer, or when it has ended: the connection that is copied goes away. */
void backup_writer_closes(struct store *store);
/* There is no room for it any more. */
void backup_break(struct store *store);

/* ---- store_mailbox.c ---- */

/* Its number and status, on any connection; *found: there is one. */
bool mailbox_find(struct database *database, const struct id *id, int64_t *number,
	enum store_mailbox_status *status, bool *found, struct error *error);
/* The same, and ERROR_NOT_FOUND when there is none. */
bool mailbox_number(
	struct database *database, const struct id *id, int64_t *number, struct error *error);
/* The columns number, id, size, received_us, sealed_id from the first on. */
bool message_copy(sqlite3_stmt *row, struct store_message *message, struct error *error);
/* What the self-test left behind when the process died. */
bool mailbox_delete_temporary(struct store *store, struct error *error);

/* ---- store_scan.c ---- */

/* Makes folder and rows agree: see docs/internals/store.md, "Start". Before anybody can
 * deliver. */
bool store_scan(struct store *store, struct error *error);

#endif
