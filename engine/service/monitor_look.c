/* monitor_look.c -- what the monitor asks before it judges: the store's figures, the mailboxes, the system.
 *
 * When mail came is in the ledger of each mailbox, so nothing about it is kept elsewhere: at the first look the
 * last rows are read, later the new ones. How the disk filled is nowhere else; its few samples are a row of the
 * settings table. */
#include "monitor_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "store/store_ledger.h"

enum { LEDGER_ROWS_MAX = 500000 /* read of one mailbox at the first look */ };

static const char disk_key[] = "state.disk-history";

/* ---- the mailboxes ---- */

struct listing {
	struct {
		struct monitor_mailbox mailbox;
		struct store_mailbox_counts counts;
	} * rows;
	size_t count, capacity;
	bool has_failed;
};

static void add_row(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct listing *listing = context;
	struct monitor_mailbox *row;

	if (mailbox->is_temporary || listing->has_failed)
		return;
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : 16;
		void *rows = realloc(listing->rows, capacity * sizeof *listing->rows);

		listing->has_failed = !rows;
		if (!rows)
			return;
		listing->rows = rows;
		listing->capacity = capacity;
	}
	row = &listing->rows[listing->count].mailbox;
	listing->rows[listing->count++].counts = *counts;
	memset(row, 0, sizeof *row);
	row->id = mailbox->id;
	memcpy(row->name, mailbox->name, sizeof row->name);
	row->is_active = mailbox->status == STORE_MAILBOX_ACTIVE;
	row->last_received_us = counts->last_received_us;
	row->waiting = counts->waiting;
}

static struct watched *find_watched(struct monitor *monitor, const struct id *id)
{
	struct watched *grown;

	for (size_t i = 0; i < monitor->watched_count; i++) {
		if (memcmp(&monitor->watched[i].id, id, sizeof *id) == 0)
			return &monitor->watched[i];
	}
	grown = realloc(monitor->watched, (monitor->watched_count + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	monitor->watched = grown;
	grown += monitor->watched_count++;
	memset(grown, 0, sizeof *grown);
	grown->id = *id;
	arrivals_init(&grown->arrivals);
	return grown;
}

static void drop_gone(struct monitor *monitor)
{
	size_t kept = 0;

	for (size_t i = 0; i < monitor->watched_count; i++) {
		if (!monitor->watched[i].is_there)
			continue;
		monitor->watched[kept] = monitor->watched[i];
		monitor->watched[kept++].is_there = false;
	}
	monitor->watched_count = kept;
}

/* ---- the ledger ---- */

struct reading {
	struct monitor *monitor;
	struct watched *watched;
	uint64_t silent_limit_hours;
};

static bool is_ending(struct monitor *monitor)
{
	bool ending;

	mutex_lock(monitor->mutex);
	ending = monitor->is_ending;
	mutex_unlock(monitor->mutex);
	return ending;
}

static bool note_row(void *context, const struct store_ledger_row *row)
{
	struct reading *reading = context;

	arrivals_note(&reading->watched->arrivals, row->received_us, reading->silent_limit_hours);
	reading->watched->next_number = row->number + 1;
	/* A stopping gateway does not wait for half a million rows. */
	return row->number % 1024 != 0 || !is_ending(reading->monitor);
}

static bool take_time(void *context, const struct store_ledger_row *row)
{
	int64_t *time_us = context;

	*time_us = row->received_us;
	return false;
}

static void read_arrivals(struct monitor *monitor, struct watched *watched, uint64_t received,
	uint64_t silent_limit_hours)
{
	struct reading reading = { monitor, watched, silent_limit_hours };
	uint64_t from = watched->next_number;

	if (!from)
		from = received > LEDGER_ROWS_MAX ? received - LEDGER_ROWS_MAX + 1 : 1;
	if (received >= from)
		store_ledger_each(
			monitor->service->store, &watched->id, from, note_row, &reading, NULL);
}

/* Archives collect in the order of arrival, so as many as wait are the ledger's last ones. Where one did not, the
 * true time is earlier. */
static int64_t oldest_waiting(
	struct monitor *monitor, struct watched *watched, const struct store_mailbox_counts *counts)
{
	uint64_t number = counts->received - counts->waiting + 1;

	if (!counts->waiting || counts->waiting > counts->received)
		return 0;
	if (number != watched->oldest_number) {
		watched->oldest_us = 0;
		if (store_ledger_each(monitor->service->store, &watched->id, number, take_time,
			    &watched->oldest_us, NULL))
			watched->oldest_number = number;
	}
	return watched->oldest_us;
}

static void complete(struct monitor *monitor, struct monitor_mailbox *mailbox,
	const struct store_mailbox_counts *counts, const struct monitor_facts *facts)
{
	struct watched *watched = find_watched(monitor, &mailbox->id);
	int64_t oldest_us;

	if (!watched)
		return;
	watched->is_there = true;
	read_arrivals(monitor, watched, counts->received, facts->silent_limit_hours);
	mailbox->silent_hours = arrivals_silent_hours(&watched->arrivals, facts->wall_us);
	oldest_us = oldest_waiting(monitor, watched, counts);
	if (oldest_us)
		mailbox->uncollected_since_us = oldest_us > counts->last_collected_us
							? oldest_us
							: counts->last_collected_us;
}

/* Gives the rows together, as the rules want them; NULL when that cannot be had now. */
static struct monitor_mailbox *look_at_mailboxes(
	struct monitor *monitor, const struct monitor_facts *facts, size_t *count)
{
	struct listing listing = { 0 };
	struct monitor_mailbox *mailboxes = NULL;

	if (store_mailbox_each(monitor->service->store, add_row, &listing, NULL) &&
		!listing.has_failed)
		mailboxes = calloc(listing.count + 1, sizeof *mailboxes);
	for (size_t i = 0; mailboxes && i < listing.count; i++) {
		mailboxes[i] = listing.rows[i].mailbox;
		complete(monitor, &mailboxes[i], &listing.rows[i].counts, facts);
	}
	if (mailboxes)
		drop_gone(monitor);
	*count = listing.count;
	free(listing.rows);
	return mailboxes;
}

/* ---- the disk ---- */

static void take_disk_row(void *context, const char *key, const char *value)
{
	struct monitor *monitor = context;

	if (strcmp(key, disk_key) == 0)
		disk_history_parse(&monitor->disk, value);
}

static void remember_disk(struct monitor *monitor, const struct monitor_facts *facts)
{
	const struct store_figures *figures = &facts->figures;
	char text[DISK_HISTORY_TEXT_SIZE];
	uint64_t used = figures->used_bytes > figures->reusable_bytes
				? figures->used_bytes - figures->reusable_bytes
				: 0;

	if (!monitor->last_steady_us)
		store_setting_each(monitor->service->store, take_disk_row, monitor, NULL);
	if (!disk_history_note(&monitor->disk, facts->wall_us, used))
		return;
	disk_history_format(&monitor->disk, text);
	/* Lost, it is learned again. */
	store_setting_set(monitor->service->store, disk_key, text, NULL);
}

void monitor_look(struct monitor *monitor)
{
	struct service *service = monitor->service;
	struct monitor_facts facts = {
		.wall_us = clock_wall_us(),
		.steady_us = clock_awake_or_asleep_us(),
	};
	struct monitor_mailbox *mailboxes;

	mutex_lock(service->mutex);
	facts.silent_limit_hours = service->config.alerts_silent_hours;
	facts.uncollected_limit_hours = service->config.alerts_uncollected_hours;
	mutex_unlock(service->mutex);
	process_open_files(&facts.open_files, &facts.most_files);
	facts.is_memory_locked = secret_is_locked();
	/* A store that does not answer is told by the store. */
	if (!store_figures(service->store, &facts.figures, NULL))
		return;
	remember_disk(monitor, &facts);
	mailboxes = look_at_mailboxes(monitor, &facts, &facts.mailbox_count);
	facts.mailboxes = mailboxes;
	if (mailboxes)
		monitor_judge(monitor, &facts);
	free(mailboxes);
}
