/* store.h -- everything that is kept: mailboxes, their sealed messages, settings, in mail terms.
 * What belongs to one subject alone has a header beside this one: store_facts.h (facts and aliases),
 * store_keys.h (wraps and generations), store_ledger.h, store_collected.h.
 *
 * One folder, one SQLite database in WAL mode and a folder of large bodies. One committer thread owns
 * every write: it gathers whatever waits into one transaction with one sync, and answers only after
 * that sync. docs/internals/store.md is the essay; what a caller must know stands here.
 *
 * The store sees ciphertext and public facts alone. Functions named *_submit are asynchronous: they may
 * be called from any thread, never block, and end in the request's `done` on a thread of the store,
 * which must only hand the result on. The request belongs to the store from submit to `done`. The
 * other functions block and are for control and start-up threads, never for a loop. */
#ifndef LG_STORE_STORE_H
#define LG_STORE_STORE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "base/list.h"

struct store;

struct store_options {
	const char *folder; /* the data folder; exists, owner-only, locked by this process */
	/* Told from a store thread when the store had to help itself: a failed sync, a reopened
	 * database, bodies moved to bodies/lost, a disk that is full (ERROR_FULL: the reserve is reached,
	 * or the ballast was given up). The gateway makes a problem of it. ERROR_NONE says that a
	 * database which could not be opened for a while works again, or that there is room again. */
	void (*on_trouble)(void *context, const struct error *trouble);
	/* The database is damaged, and from now on it is only read: every write is ERROR_CORRUPT. Told once,
	 * from any thread of the store or from store_open(). NULL: a store that is found damaged at its
	 * opening does not open. */
	void (*on_damage)(void *context, const struct error *why);
	void *context;
	/* The size of the file `ballast`, which is given up when a full disk stands in the way of what frees
	 * space; 0: none. */
	uint64_t ballast_bytes;
	/* What the file system has free; NULL asks it. For tests. */
	bool (*free_bytes)(void *context, uint64_t *bytes);
	/* For the power-cut test alone, to show that it would notice: commits without syncing. No
	 * setting reaches it. */
	bool without_sync;
};

/* The store's own part of every asynchronous request; callers leave it alone. */
struct store_request_type;
struct store_request {
	struct list link;
	const struct store_request_type *type;
	struct error *error;
	bool has_failed;
	int64_t file_bytes; /* by how much it changes the size of all body files */
	size_t progress;    /* messages that earlier groups have removed */
};

/* Creates or opens and checks the database, moves body files without a row to bodies/lost, starts the
 * threads. A newer schema than this program's is ERROR_STATE, a damaged one ERROR_CORRUPT, unless it can be
 * read and `on_damage` is there. */
struct store *store_open(const struct store_options *options, struct error *error);
/* It is only read (on_damage). `why` may be NULL. */
bool store_is_damaged(struct store *store, struct error *why);
/* Finishes what was submitted, checkpoints, stops the threads; sets NULL. */
void store_close(struct store **store);

/* ---- room ---- */

enum { STORE_BALLAST_BYTES = 64 * 1024 * 1024 };

/* Settings that act at once, from any thread. The store does not read them from its own table: until it is
 * told, the reserve is 0, collected messages are deleted, and those kept from before stay. */
struct store_limits {
	uint64_t
		reserve_bytes; /* free space and free pages of the database that mail leaves alone */
	int64_t keep_collected_us; /* how long collected messages are kept; 0: they are deleted */
};
void store_set_limits(struct store *store, const struct store_limits *limits);

/* Whether so many bytes can be received without touching the reserve. Cheap, from any thread: a figure
 * that is a second or two old. A delivery beyond it is ERROR_FULL. */
bool store_has_room(struct store *store, uint64_t bytes);

/* ---- mailboxes ---- */

enum store_mailbox_status { STORE_MAILBOX_ACTIVE, STORE_MAILBOX_SUSPENDED };

enum {
	STORE_NAME_SIZE = 201,
	STORE_DESCRIPTION_SIZE = 1001,
	STORE_WRAP_MAX = 512,
};

struct store_mailbox {
	struct id id;
	char name[STORE_NAME_SIZE];
	char description[STORE_DESCRIPTION_SIZE];
	enum store_mailbox_status status;
	bool is_temporary; /* the self-test's: in no list; removed at the next start */
	int64_t created_us;
	/* keys: opaque to the store */
	uint32_t generation; /* of the box key; store_keys.h */
	uint8_t identity_key[32];
	uint8_t box_key[32];
	uint8_t key_signature[64];
	uint8_t password_wrap[STORE_WRAP_MAX];
	size_t password_wrap_size;
	uint8_t recovery_wrap[STORE_WRAP_MAX];
	size_t recovery_wrap_size; /* 0: none */
};

/* received = waiting + collected, at any time. A quarantined message counts as waiting, a collected one
 * as collected whether it is kept or gone; received is the number of the ledger's last row. */
struct store_mailbox_counts {
	uint64_t waiting, waiting_bytes;
	uint64_t received, received_bytes;
	uint64_t collected, collected_bytes;
	int64_t last_received_us, last_collected_us; /* 0: never */
};

bool store_mailbox_create(
	struct store *store, const struct store_mailbox *mailbox, struct error *error);
/* Calls `row` for each mailbox, temporary ones included, in order of creation. */
typedef void store_mailbox_row(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts);
bool store_mailbox_each(
	struct store *store, store_mailbox_row *row, void *context, struct error *error);
bool store_mailbox_get(struct store *store, const struct id *id, struct store_mailbox *mailbox,
	struct store_mailbox_counts *counts, struct error *error);
bool store_mailbox_set_status(struct store *store, const struct id *id,
	enum store_mailbox_status status, struct error *error);
/* Deletes the mailbox with its messages. It is gone when this returns, for good; the space comes back
 * in the background: rows in small transactions, then, after their commit, files. */
bool store_mailbox_delete(struct store *store, const struct id *id, struct error *error);

/* ---- settings ---- */

typedef void store_setting_row(void *context, const char *key, const char *value);
bool store_setting_each(
	struct store *store, store_setting_row *row, void *context, struct error *error);
/* `value` NULL removes the row, so that the default applies again. */
bool store_setting_set(
	struct store *store, const char *key, const char *value, struct error *error);

/* ---- bodies: where a sealed message lies before it is delivered ---- */

/* Sealed bytes of one message on their way: in memory up to STORE_INLINE_MAX, then in a file that
 * only a delivery makes permanent. Used by one thread at a time (the session's). */
enum { STORE_INLINE_MAX = 65536 + 4096 };

struct store_body;
struct store_body *store_body_new(struct store *store, const struct id *id); /* NULL: no memory */
/* Discards: frees, and removes the file. */
void store_body_free(struct store_body **body);
bool store_body_append(struct store_body *body, struct bytes sealed, struct error *error);
uint64_t store_body_size(const struct store_body *body);

/* ---- delivery ---- */

enum { STORE_TARGETS_MAX = 10, STORE_RECEIPT_MAX = 128 };

struct store_delivery_target {
	struct id mailbox;
	struct id message;
	uint64_t size; /* octets that RETR will send: prologue, body, a final CRLF if missing */
	/* Goes into the ledger's row; opaque. */
	uint8_t receipt[STORE_RECEIPT_MAX];
	size_t receipt_size;
};

struct store_delivery {
	struct store_body *body; /* taken by the store */
	struct store_delivery_target targets[STORE_TARGETS_MAX];
	size_t target_count;
	int64_t received_us;
	void (*done)(struct store_delivery *delivery);
	void *context;
	/* the result */
	bool ok; /* true only after the sync: every target has it, or none */
	struct error error;
	struct store_request request;
};

/* A target that is not there is ERROR_NOT_FOUND, a suspended one ERROR_STATE, one message more than there
 * is room for ERROR_FULL: then none has it. Which key the body was sealed to is not looked at, so what was
 * sealed just before a rekey is taken. */
void store_delivery_submit(struct store *store, struct store_delivery *delivery);

/* ---- reading ---- */

/* A message as a LIST gives it. The number is its place in the order of arrival and never used again;
 * reads and removals go straight there and check the id. There is no search by id alone: an index over
 * random ids would slow receiving down as the store grows. */
struct store_message {
	struct id id;
	struct id sealed_id; /* the one that the sealed bytes name: another only after a restore */
	uint64_t number;
	uint64_t size;
	int64_t received_us;
};

enum { STORE_LINK_SIZE = 32 };

/* Where a mailbox's ledger stands; store_ledger.h. */
struct store_ledger_head {
	uint64_t first;	 /* the number of its first row; above 1 when it began with a migration */
	uint64_t number; /* of its last row; first - 1: it has none yet */
	uint8_t link[STORE_LINK_SIZE];
	uint64_t signed_number; /* of the last signature; 0: none */
	int64_t signed_us;
};

/* LIST: the waiting messages of a mailbox in the order of their arrival, copied; quarantined ones are left
 * out. BODY: a piece of the sealed bytes of one of them, or of one that is collected and kept. LEDGER_HEAD:
 * what a QUIT signs. ERROR_NOT_FOUND: no such mailbox, or the message is gone. ERROR_CORRUPT: the sealed
 * bytes are missing or cut short on the disk. */
struct store_read {
	enum { STORE_READ_LIST, STORE_READ_BODY, STORE_READ_LEDGER_HEAD } what;
	struct id mailbox;	      /* LIST, LEDGER_HEAD */
	struct store_message message; /* BODY: from a LIST; number and id are looked at */
	uint64_t offset;	      /* BODY: from where in the sealed bytes */
	size_t at_most;		      /* BODY: this many bytes are appended to *sealed */
	void (*done)(struct store_read *read);
	void *context;
	/* the result */
	bool ok;
	struct error error;
	struct store_message *messages; /* LIST: malloc'ed, the caller frees */
	size_t message_count;
	struct buf sealed; /* BODY: init'ed by the caller with its maximum; cleared by the caller */
	bool is_end;	   /* BODY: nothing follows */
	struct store_ledger_head ledger;
	struct store_request request;
};

void store_read_submit(struct store *store, struct store_read *read);

/* ---- deletion ---- */

struct store_signature;

/* Takes messages that were collected out of everybody's sight: deletes them, or keeps them for as long as the
 * limits say. What is already gone is passed over. Done after the sync. A long removal goes in several
 * transactions, so that deliveries do not wait for it; when it fails, a part may have gone. The
 * signature, if there is one, is in the first of them. On a full disk the ballast makes room for it. */
struct store_removal {
	struct id mailbox;
	const struct store_message *messages; /* from a LIST; the caller's, until done */
	size_t message_count;
	int64_t collected_us;
	const struct store_signature
		*signature; /* of the ledger; NULL: none; the caller's, until done */
	void (*done)(struct store_removal *removal);
	void *context;
	bool ok;
	struct error error;
	struct store_request request;
};

void store_removal_submit(struct store *store, struct store_removal *removal);

/* A waiting message that does not verify is left out of the next LIST; it counts as waiting, and nothing of
 * it is deleted. What is already gone is passed over. */
struct store_quarantine {
	struct id mailbox;
	struct store_message message; /* from a LIST */
	void (*done)(struct store_quarantine *quarantine);
	void *context;
	bool ok;
	struct error error;
	struct store_request request;
};

void store_quarantine_submit(struct store *store, struct store_quarantine *quarantine);

/* ---- figures ---- */

struct store_figures {
	uint64_t used_bytes; /* database, WAL and body files */
	uint64_t
		reusable_bytes; /* of them: free pages of the database, which new mail fills first */
	uint64_t free_bytes;	/* of the file system */
	uint64_t reserve_bytes; /* as set */
	bool is_short;		/* the reserve is reached: deliveries are refused */
	uint64_t commits;	/* transactions synced since the start */
	uint64_t deliveries;	/* messages in them */
};

bool store_figures(struct store *store, struct store_figures *figures, struct error *error);

#endif
