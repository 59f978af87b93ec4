/* gateway_copy.c -- somebody who writes mailboxes out and makes backups while mail comes and goes. An export is held
 * against what was answered by the time that it began; a backup is verified by the gateway, and looked at by
 * gateway_check.c like a disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/transfer_piece.h"
#include "gateway_load_internal.h"
#include "platform/file.h"
#include "platform/file_watch.h"
#include "platform/paths.h"
#include "replay.h"

enum { MESSAGE_MAX = 1024 * 1024 };

struct copier {
	struct gateway_stint *stint;
	uint64_t random;
	struct transfer_piece piece;
	json_int_t transfer;
	/* an export */
	unsigned mailbox;
	struct buf message;
	struct gateway_told *before; /* of each transaction, when it began */
	bool *found;
	/* a backup */
	char folder[PATH_SIZE];
	char (*entries)[TRANSFER_ENTRY_SIZE];
	size_t entry_count, entry_capacity;
	struct file *file;
	struct error error;
};

/* ---- transfers ---- */

static bool begin(struct copier *copier, const char *method, json_t *params)
{
	json_t *result = gateway_load_call(copier->stint->gateway, method, params, &copier->error);

	copier->transfer = json_integer_value(json_object_get(result, "transfer"));
	json_decref(result);
	return result != NULL;
}

/* *result is the end's. */
static bool read_piece(struct copier *copier, json_t **result)
{
	json_t *answer = gateway_load_call(copier->stint->gateway, "transfer.read",
		json_pack("{s:I}", "transfer", copier->transfer), &copier->error);
	bool ok = answer && transfer_piece_unpack(answer, &copier->piece, &copier->error);

	*result = ok ? json_incref(json_object_get(answer, "result")) : NULL;
	json_decref(answer);
	return ok;
}

static bool read_all(struct copier *copier, bool (*take)(struct copier *copier), json_t **result)
{
	bool ok = true;

	*result = NULL;
	while (ok && !*result)
		ok = read_piece(copier, result) && take(copier);
	if (ok && !json_is_true(json_object_get(*result, "ok")))
		ok = error_set(&copier->error, ERROR_CORRUPT, "what was copied is not whole");
	if (!ok)
		json_decref(*result);
	return ok;
}

/* ---- an export ---- */

static bool take_message(struct copier *copier)
{
	const struct transfer_piece *piece = &copier->piece;
	const struct gateway_load *load = copier->stint->load;
	uint64_t number;

	if (!*piece->entry || transfer_entry_is_folder(piece->entry))
		return true;
	if (!buf_append(&copier->message, buf_view(&piece->data)))
		return error_set(&copier->error, ERROR_CORRUPT, "an exported message has no end");
	if (!piece->is_entry_end)
		return true;
	if (!gateway_content_compare(load, buf_view(&copier->message), &number, &copier->error))
		return false;
	copier->message.size = 0;
	if (copier->found[number])
		return error_set(&copier->error, ERROR_CORRUPT,
			"transaction %llu is exported twice", (unsigned long long)number);
	if (copier->before[number].collected & 1u << copier->mailbox)
		return error_set(&copier->error, ERROR_CORRUPT,
			"transaction %llu is exported and was deleted before",
			(unsigned long long)number);
	copier->found[number] = true;
	return true;
}

static bool check_complete(struct copier *copier)
{
	struct gateway_stint *stint = copier->stint;
	const struct gateway_load *load = stint->load;
	const unsigned bit = 1u << copier->mailbox;
	bool ok = true;

	mutex_lock(stint->mutex);
	for (uint64_t i = 1; ok && i <= load->transactions; i++) {
		if (copier->before[i].is_answered && gateway_targets(load->seed, i) & bit &&
			!(load->told[i].collecting & bit) && !copier->found[i])
			ok = error_set(&copier->error, ERROR_CORRUPT,
				"transaction %llu was answered and is not exported",
				(unsigned long long)i);
	}
	mutex_unlock(stint->mutex);
	return ok;
}

static void remember(struct copier *copier)
{
	const struct gateway_load *load = copier->stint->load;

	mutex_lock(copier->stint->mutex);
	memcpy(copier->before, load->told, (load->transactions + 1) * sizeof *copier->before);
	mutex_unlock(copier->stint->mutex);
	memset(copier->found, 0, (load->transactions + 1) * sizeof *copier->found);
	copier->message.size = 0;
}

/* Some message of the mailbox was collected since. */
static bool has_collected(struct copier *copier)
{
	const struct gateway_load *load = copier->stint->load;
	bool has_collected = false;

	mutex_lock(copier->stint->mutex);
	for (uint64_t i = 1; i <= load->transactions; i++)
		has_collected |= (load->told[i].collecting ^ copier->before[i].collected) >>
					 copier->mailbox &
				 1;
	mutex_unlock(copier->stint->mutex);
	return has_collected;
}

/* With other keys than those it began with it ends; so it does when a long message is deleted in the middle of it. */
static bool is_put_off(struct copier *copier, size_t change)
{
	return (copier->error.kind == ERROR_STATE || copier->error.kind == ERROR_DENIED) &&
	       (gateway_stint_has_changed(copier->stint, copier->mailbox, change) ||
		       (copier->stint->number == 0 && has_collected(copier)));
}

static bool export_mailbox(struct copier *copier)
{
	struct gateway_stint *stint = copier->stint;
	const struct gateway_mailbox *mailbox;
	struct gateway_keys keys;
	json_t *result = NULL;
	size_t change;
	bool ok;

	copier->mailbox = (unsigned)(replay_random(&copier->random) % GATEWAY_MAILBOXES);
	mailbox = &stint->load->mailboxes[copier->mailbox];
	gateway_stint_keys(stint, copier->mailbox, &keys, &change);
	remember(copier);
	ok = begin(copier, "mailbox.export",
		     json_pack("{s:s, s:s, s:s}", "id", mailbox->id_text, "password", keys.password,
			     "format", replay_random(&copier->random) & 1 ? "eml" : "maildir")) &&
	     read_all(copier, take_message, &result);
	if (ok)
		json_decref(result);
	if (!ok && is_put_off(copier, change)) {
		stint->load->counts.put_off++;
		return true;
	}
	if (!ok || !check_complete(copier)) {
		error_prefix(&copier->error, "exporting mailbox %u", copier->mailbox);
		return false;
	}
	stint->load->counts.exports++;
	return true;
}

/* ---- a backup ---- */

static bool remember_entry(struct copier *copier)
{
	if (copier->entry_count == copier->entry_capacity) {
		copier->entry_capacity = copier->entry_capacity * 2 + 64;
		copier->entries =
			realloc(copier->entries, copier->entry_capacity * sizeof *copier->entries);
		if (!copier->entries)
			abort();
	}
	memcpy(copier->entries[copier->entry_count++], copier->piece.entry,
		sizeof copier->piece.entry);
	return true;
}

static bool open_entry(struct copier *copier, const char *entry, enum file_mode mode)
{
	char path[PATH_SIZE], parent[PATH_SIZE];

	if (!path_join(copier->folder, entry, path, &copier->error))
		return false;
	snprintf(parent, sizeof parent, "%s", path);
	*strrchr(parent, '/') = '\0';
	copier->file = folder_create(parent, &copier->error) ? file_open(path, mode, &copier->error)
							     : NULL;
	return copier->file != NULL;
}

static bool take_file(struct copier *copier)
{
	const struct transfer_piece *piece = &copier->piece;
	bool ok = true;

	if (!*piece->entry)
		return true;
	if (!copier->file)
		ok = remember_entry(copier) && open_entry(copier, piece->entry, FILE_CREATE);
	ok = ok && (!piece->data.size ||
			   file_write(copier->file, buf_view(&piece->data), &copier->error));
	if (!ok || piece->is_entry_end)
		file_close(&copier->file);
	return ok;
}

static bool write_piece(struct copier *copier, json_t **result)
{
	json_t *params = transfer_piece_pack(&copier->piece);
	json_t *answer;

	if (params) {
		json_object_del(params, "progress");
		json_object_set_new(params, "transfer", json_integer(copier->transfer));
	}
	answer =
		gateway_load_call(copier->stint->gateway, "transfer.write", params, &copier->error);
	*result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return answer != NULL;
}

static bool write_entry(struct copier *copier, size_t index, json_t **result)
{
	struct transfer_piece *piece = &copier->piece;
	uint64_t size = 0, offset = 0;
	bool ok = open_entry(copier, copier->entries[index], FILE_READ) &&
		  file_size(copier->file, &size, &copier->error);

	*result = NULL;
	do {
		transfer_piece_reset(piece);
		memcpy(piece->entry, copier->entries[index], sizeof piece->entry);
		ok = ok && file_read_at(copier->file, offset, TRANSFER_PIECE_MAX, &piece->data,
				   &copier->error);
		offset += piece->data.size;
		piece->is_entry_end = offset == size;
		piece->is_end = piece->is_entry_end && index + 1 == copier->entry_count;
		ok = ok && write_piece(copier, result);
	} while (ok && offset < size);
	file_close(&copier->file);
	return ok;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What it was told of a backup that is whole is seen in tests of their own (integration/test_backup.py). */
static bool verify_backup(struct copier *copier)
{
	json_t *result = NULL;
	bool ok = begin(copier, "backup.verify", NULL);

	qsort(copier->entries, copier->entry_count, sizeof *copier->entries, by_name);
	for (size_t i = 0; ok && i < copier->entry_count; i++)
		ok = write_entry(copier, i, &result);
	if (ok && !json_is_true(json_object_get(result, "ok")))
		ok = error_set(&copier->error, ERROR_CORRUPT, "it is said to be damaged");
	if (ok)
		json_decref(result);
	return ok;
}

static bool make_backup(struct copier *copier)
{
	struct gateway_load *load = copier->stint->load;
	size_t number = load->counts.backups;
	char text[64];
	json_t *result;
	bool ok;

	snprintf(text, sizeof text, "backup-%zu", number);
	copier->entry_count = 0;
	if (!path_join(load->copies, text, copier->folder, &copier->error))
		return false;
	replay_remove_folder(copier->folder);
	snprintf(text, sizeof text, "client copying %zu", number);
	file_watch_promise(text);
	ok = begin(copier, "backup.create", NULL) && read_all(copier, take_file, &result);
	if (ok) {
		json_decref(result);
		snprintf(text, sizeof text, "client copied %zu", number);
		file_watch_promise(text);
		ok = verify_backup(copier);
	}
	file_close(&copier->file);
	if (!ok)
		error_prefix(&copier->error, "backup %zu", number);
	load->counts.backups += ok;
	return ok;
}

/* ---- both, until it is over, and at least once ---- */

static bool copy(struct copier *copier)
{
	const struct gateway_stint *stint = copier->stint;
	const size_t backups_max = GATEWAY_BACKUPS_MAX / 2 * (stint->number + 1);

	do {
		for (size_t i = 0; i < 3; i++) {
			if (!export_mailbox(copier))
				return false;
			usleep((useconds_t)(replay_random(&copier->random) % 100000));
		}
		if (stint->load->counts.backups < backups_max && !make_backup(copier))
			return false;
	} while (!gateway_stint_is_over(copier->stint));
	return true;
}

void gateway_copy_run(struct gateway_stint *stint, uint64_t random)
{
	const size_t count = stint->load->transactions + 1;
	struct copier *copier = calloc(1, sizeof *copier);

	if (!copier)
		abort();
	copier->stint = stint;
	copier->random = random;
	copier->before = calloc(count, sizeof *copier->before);
	copier->found = calloc(count, sizeof *copier->found);
	if (!copier->before || !copier->found)
		abort();
	buf_init(&copier->message, MESSAGE_MAX);
	transfer_piece_init(&copier->piece);
	if (!copy(copier))
		gateway_stint_fail(stint, &copier->error);
	transfer_piece_clear(&copier->piece);
	buf_clear(&copier->message);
	free(copier->entries);
	free(copier->before);
	free(copier->found);
	free(copier);
}
