/* store_room.c -- how much mail may still take of the disk, and what the keeper does about it: mail that was
 * collected and kept goes when it is old enough, and the oldest of it goes earlier when there is need.
 *
 * Room is what the file system has free and what the database has in free pages, less the reserve. It
 * is measured once a second while mail comes, counted down in between, and read by anybody. */
#include "platform/clock.h"
#include "platform/file.h"
#include "store_internal.h"

enum {
	MEASURE_INTERVAL_US = 1000000,
	/* Kept mail begins to go while there is still this much, so that nothing has to be refused. */
	ROOM_MARGIN = 16 * 1024 * 1024,
	AGE_BATCH = 500,
	NEED_BATCH = 64,
};
static const int64_t age_interval_us = 3600 * INT64_C(1000000);

bool room_init(struct room *room, struct error *error)
{
	/* Nothing is refused before the first measurement, which is at the start. */
	atomic_init(&room->left, INT64_MAX);
	atomic_init(&room->keep_us, KEEP_UNTOLD);
	room->mutex = mutex_new(error);
	return room->mutex != NULL;
}

void room_clear(struct room *room)
{
	mutex_free(&room->mutex);
}

/* ---- the figure ---- */

bool room_ask_free(struct store *store, uint64_t *bytes)
{
	if (store->options.free_bytes)
		return store->options.free_bytes(store->options.context, bytes);
	return folder_free_bytes(store->folder, bytes, NULL);
}

static bool count_free_pages(struct database *database, int64_t *pages)
{
	sqlite3_stmt *count = database_statement(database, SQL_PAGES, NULL);
	bool has_row = false;

	if (count && database_step(database, count, &has_row, NULL) && has_row)
		*pages = sqlite3_column_int64(count, 1);
	statement_end(count);
	return has_row;
}

/* When it begins and when it ends, each once. */
static void tell(struct store *store, int64_t left)
{
	struct room *room = &store->room;
	struct error trouble = { 0 };
	bool was_short, is_short;

	mutex_lock(room->mutex);
	was_short = room->is_short;
	if (left < 0)
		room->is_short = true;
	else if (left >= ROOM_MARGIN)
		room->is_short = false;
	is_short = room->is_short;
	mutex_unlock(room->mutex);
	if (is_short == was_short)
		return;
	if (is_short)
		error_set(&trouble, ERROR_FULL,
			"the disk is full but for its reserve: mail is refused for the time being, "
			"and senders try again. Delete files, or move the data folder");
	else
		error_set(&trouble, ERROR_NONE, "there is room on the disk again");
	store_trouble(store, &trouble);
}

void room_measure(struct store *store, struct database *database)
{
	struct room *room = &store->room;
	uint64_t free_bytes = 0;
	int64_t pages = 0, left;

	if (!room_ask_free(store, &free_bytes) || !count_free_pages(database, &pages))
		return;
	left = (free_bytes < INT64_MAX / 2 ? (int64_t)free_bytes : INT64_MAX / 2) +
	       pages * PAGE_BYTES - atomic_load(&room->reserve_bytes);
	atomic_store(&room->left, left);
	atomic_store(&room->measured_us, clock_monotonic_us());
	tell(store, left);
}

static bool is_old(struct room *room)
{
	return clock_monotonic_us() - atomic_load(&room->measured_us) >= MEASURE_INTERVAL_US;
}

void room_refresh(struct store *store)
{
	struct room *room = &store->room;

	if (!is_old(room))
		return;
	room_measure(store, store_writer(store));
	if (atomic_load(&room->left) < ROOM_MARGIN)
		keeper_look(store);
}

void room_note(struct store *store, int64_t written)
{
	atomic_fetch_sub(&store->room.left, written);
}

/* The keeper makes room for it, if it can. */
static void want(struct store *store, uint64_t bytes)
{
	long long wanted = bytes < INT64_MAX / 2 ? (long long)bytes : INT64_MAX / 2;

	if (atomic_load(&store->room.wanted) < wanted)
		atomic_store(&store->room.wanted, wanted);
	/* Many may ask, and the disk need not be asked for each. */
	if (is_old(&store->room))
		keeper_look(store);
}

static bool has_room(const struct store *store, uint64_t bytes)
{
	long long left = atomic_load(&store->room.left);

	return left >= 0 && (uint64_t)left >= bytes;
}

bool store_has_room(struct store *store, uint64_t bytes)
{
	if (has_room(store, bytes))
		return true;
	want(store, bytes);
	return false;
}

bool room_take(struct store *store, uint64_t bytes, struct error *error)
{
	if (has_room(store, bytes)) {
		room_note(store, (int64_t)bytes);
		return true;
	}
	want(store, bytes);
	return error_set(error, ERROR_FULL, "the disk is full but for its reserve");
}

void store_set_limits(struct store *store, const struct store_limits *limits)
{
	struct room *room = &store->room;
	long long reserve = limits->reserve_bytes < INT64_MAX / 2 ? (long long)limits->reserve_bytes
								  : INT64_MAX / 2;

	atomic_store(&room->keep_us, limits->keep_collected_us);
	atomic_fetch_add(&room->left, atomic_exchange(&room->reserve_bytes, reserve) - reserve);
	atomic_store(&room->next_age_us, 0);
	keeper_look(store);
}

/* ---- what the keeper does ---- */

static bool purge_old(struct store *store, struct error *error)
{
	struct room *room = &store->room;
	int64_t keep_us = atomic_load(&room->keep_us), now = clock_monotonic_us();
	/* Nothing is kept any more: whatever the clock says. */
	int64_t before_us = keep_us ? clock_wall_us() - keep_us : INT64_MAX;
	size_t purged = AGE_BATCH;

	if (keep_us == KEEP_UNTOLD || now < atomic_load(&room->next_age_us))
		return true;
	atomic_store(&room->next_age_us, now + age_interval_us);
	while (purged == AGE_BATCH && !keeper_is_stopping(store)) {
		if (!collected_purge(store, before_us, AGE_BATCH, &purged, error))
			return false;
	}
	return true;
}

static bool measure(struct store *store, struct error *error)
{
	struct database *database = &store->databases[DATABASE_KEEPER];

	if (!database_use(database, error))
		return false;
	room_measure(store, database);
	database_leave(database);
	return true;
}

/* Files are unlinked before it is measured again, or too much would go. */
static bool purge_for_room(struct store *store, struct error *error)
{
	struct room *room = &store->room;
	long long wanted = atomic_exchange(&room->wanted, 0);
	size_t purged = NEED_BATCH;

	if (wanted < ROOM_MARGIN)
		wanted = ROOM_MARGIN;
	if (!measure(store, error))
		return false;
	/* What is unlinked must give room, and the copy of the database takes some. */
	if (atomic_load(&room->left) < wanted)
		backup_break(store);
	while (purged && atomic_load(&room->left) < wanted && !keeper_is_stopping(store)) {
		if (!collected_purge(store, INT64_MAX, NEED_BATCH, &purged, error) ||
			!keeper_sweep(store, error) || !measure(store, error))
			return false;
	}
	return true;
}

bool room_keep(struct store *store, bool *more, struct error *error)
{
	bool is_missing = false;
	bool ok = purge_old(store, error) && purge_for_room(store, error) &&
		  ballast_make(store, &is_missing, error);

	*more = is_missing || atomic_load(&store->room.left) < ROOM_MARGIN;
	return ok;
}
