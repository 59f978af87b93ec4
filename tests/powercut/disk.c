/* disk.c -- files are inodes with the bytes that are safe and a list of events that are not; names are
 * two tables, as the program sees them and as they are safe, with the events in between. A sync moves
 * what was logged before it began to the safe side. */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "replay.h"

enum { SECTOR = 512 };

struct content {
	uint8_t *data;
	size_t size, capacity;
};

struct numbers {
	size_t *items;
	size_t count, capacity;
};

struct inode {
	struct content safe;
	struct numbers pending; /* events */
};

struct name {
	char *path;
	struct inode *inode; /* NULL: a folder */
};

struct names {
	struct name *items;
	size_t count, capacity;
};

/* A change of names that its folder's sync has not covered. */
struct change {
	size_t event;
	enum event_kind kind; /* EMPTY, RENAME, REMOVE or FOLDER_CREATE */
	const char *path, *other;
	struct inode *inode;
	bool is_path_safe, is_other_safe;
};

struct disk {
	const struct recording *recording;
	unsigned forget;
	size_t forget_from; /* the first promise: what was synced before it stands */
	size_t count;	    /* events followed */
	struct inode **inodes;
	size_t inode_count, inode_capacity;
	struct names seen, safe;
	struct change *changes;
	size_t change_count, change_capacity;
};

static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 16;
	items = realloc(items, *capacity * size);
	if (!items)
		abort();
	return items;
}

/* ---- contents ---- */

static void content_resize(struct content *content, size_t size)
{
	if (size > content->capacity) {
		content->capacity = size > content->capacity * 2 ? size : content->capacity * 2;
		content->data = realloc(content->data, content->capacity);
		if (!content->data)
			abort();
	}
	if (size > content->size)
		memset(content->data + content->size, 0, size - content->size);
	content->size = size;
}

static void content_write(struct content *content, uint64_t offset, const void *data, size_t size)
{
	if (offset + size > content->size)
		content_resize(content, (size_t)offset + size);
	if (size)
		memcpy(content->data + offset, data, size);
}

static void content_apply(struct content *content, const struct event *event)
{
	if (event->kind == EVENT_WRITE)
		content_write(content, event->offset, event->data, event->size);
	else
		content_resize(content, (size_t)event->offset);
}

/* Of one write, what the draw says. */
static void content_tear(struct content *content, const struct event *event, uint64_t *random)
{
	size_t done = 0;

	while (done < event->size) {
		uint64_t offset = event->offset + done;
		size_t piece = SECTOR - (size_t)(offset % SECTOR);

		if (piece > event->size - done)
			piece = event->size - done;
		if (replay_random(random) & 1)
			content_write(content, offset, event->data + done, piece);
		done += piece;
	}
}

/* ---- names ---- */

static struct name *names_find(struct names *names, const char *path)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i].path, path) == 0)
			return &names->items[i];
	}
	return NULL;
}

static void names_remove(struct names *names, const char *path)
{
	struct name *name = names_find(names, path);

	if (!name)
		return;
	free(name->path);
	*name = names->items[--names->count];
}

static void names_put(struct names *names, const char *path, struct inode *inode)
{
	names_remove(names, path);
	names->items = grown(names->items, names->count, &names->capacity, sizeof *names->items);
	names->items[names->count++] = (struct name){ strdup(path), inode };
}

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i].path);
	free(names->items);
	*names = (struct names){ .items = NULL };
}

static void names_copy(struct names *copy, const struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		names_put(copy, names->items[i].path, names->items[i].inode);
}

/* What is in a folder goes where it goes. */
static void names_move_inner(struct names *names, const char *from, const char *to)
{
	size_t length = strlen(from);

	for (size_t i = 0; i < names->count; i++) {
		struct name *name = &names->items[i];
		char path[PATH_SIZE];

		if (strncmp(name->path, from, length) != 0 || name->path[length] != '/')
			continue;
		snprintf(path, sizeof path, "%s%s", to, name->path + length);
		free(name->path);
		name->path = strdup(path);
	}
}

static void names_apply(struct names *names, const struct change *change)
{
	struct name *name = names_find(names, change->path);

	switch (change->kind) {
	case EVENT_RENAME:
		if (name && !name->inode && !change->inode)
			names_move_inner(names, change->path, change->other);
		if (name && name->inode == change->inode)
			names_remove(names, change->path);
		names_put(names, change->other, change->inode);
		break;
	case EVENT_REMOVE:
		if (name && name->inode == change->inode)
			names_remove(names, change->path);
		break;
	default:
		names_put(names, change->path, change->inode);
	}
}

static bool is_in(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	const char *name = path;

	if (length) {
		if (strncmp(path, folder, length) != 0 || path[length] != '/')
			return false;
		name = path + length + 1;
	}
	return !strchr(name, '/');
}

/* ---- following ---- */

static struct inode *inode_new(struct disk *disk)
{
	struct inode *inode = calloc(1, sizeof *inode);

	if (!inode)
		abort();
	disk->inodes = grown(
		disk->inodes, disk->inode_count, &disk->inode_capacity, sizeof(struct inode *));
	disk->inodes[disk->inode_count++] = inode;
	return inode;
}

static void pend(struct disk *disk, struct inode *inode, size_t event)
{
	(void)disk;
	inode->pending.items = grown(inode->pending.items, inode->pending.count,
		&inode->pending.capacity, sizeof(size_t));
	inode->pending.items[inode->pending.count++] = event;
}

static void change_names(struct disk *disk, size_t event, enum event_kind kind, struct inode *inode)
{
	const struct event *cause = &disk->recording->events[event];
	struct change change = {
		.event = event,
		.kind = kind,
		.path = cause->path,
		.other = cause->other,
		.inode = inode,
		.is_other_safe = !cause->other,
	};

	names_apply(&disk->seen, &change);
	disk->changes =
		grown(disk->changes, disk->change_count, &disk->change_capacity, sizeof change);
	disk->changes[disk->change_count++] = change;
}

static bool is_forgotten(const struct disk *disk, const struct event *event)
{
	static const struct {
		const char *ending;
		unsigned forget;
	} kinds[] = {
		{ ".part", FORGET_BODY_SYNC },
		{ "-wal", FORGET_LOG_SYNC },
		{ ".db", FORGET_DATABASE_SYNC },
	};
	size_t length = strlen(event->path);

	if (event->kind == EVENT_FOLDER_SYNC)
		return disk->forget & FORGET_FOLDER_SYNC;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t end = strlen(kinds[i].ending);

		if (length >= end && strcmp(event->path + length - end, kinds[i].ending) == 0)
			return disk->forget & kinds[i].forget;
	}
	return false;
}

static void sync_file(struct disk *disk, struct inode *inode, size_t began)
{
	size_t kept = 0;

	for (size_t i = 0; i < inode->pending.count; i++) {
		size_t event = inode->pending.items[i];

		if (event < began)
			content_apply(&inode->safe, &disk->recording->events[event]);
		else
			inode->pending.items[kept++] = event;
	}
	inode->pending.count = kept;
}

/* Of what was not safe each write has reached the disk or never will, though it stays visible. */
static void fail_sync(struct disk *disk, struct inode *inode, uint64_t seed)
{
	uint64_t random = seed;
	bool drops_all = replay_random(&random) & 1;

	for (size_t i = 0; i < inode->pending.count; i++) {
		if (!drops_all && replay_random(&random) & 1)
			content_apply(
				&inode->safe, &disk->recording->events[inode->pending.items[i]]);
	}
	inode->pending.count = 0;
}

static void sync_folder(struct disk *disk, const char *folder, size_t began)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk->change_count; i++) {
		struct change *change = &disk->changes[i];

		if (change->event < began) {
			change->is_path_safe |= is_in(change->path, folder);
			change->is_other_safe |= change->other && is_in(change->other, folder);
		}
		if (change->is_path_safe && change->is_other_safe)
			names_apply(&disk->safe, change);
		else
			disk->changes[kept++] = *change;
	}
	disk->change_count = kept;
}

static void follow(struct disk *disk, size_t number)
{
	const struct event *event = &disk->recording->events[number];
	struct name *name = names_find(&disk->seen, event->path);

	if (number >= disk->forget_from && is_forgotten(disk, event))
		return;
	switch (event->kind) {
	case EVENT_EMPTY:
	case EVENT_OPEN:
		if (!name)
			change_names(disk, number, EVENT_EMPTY, inode_new(disk));
		else if (event->kind == EVENT_EMPTY && name->inode)
			pend(disk, name->inode, number);
		break;
	case EVENT_WRITE:
	case EVENT_TRUNCATE:
		if (name && name->inode)
			pend(disk, name->inode, number);
		break;
	case EVENT_SYNC:
		if (name && name->inode)
			sync_file(disk, name->inode, event->began);
		break;
	case EVENT_SYNC_FAILED:
		if (name && name->inode)
			fail_sync(disk, name->inode, number);
		break;
	case EVENT_RENAME:
	case EVENT_REMOVE:
		if (name)
			change_names(disk, number, event->kind, name->inode);
		break;
	case EVENT_FOLDER_CREATE:
		if (!name)
			change_names(disk, number, EVENT_FOLDER_CREATE, NULL);
		break;
	case EVENT_FOLDER_SYNC:
		sync_folder(disk, event->path, event->began);
		break;
	case EVENT_PROMISE:
		break;
	}
}

void disk_advance(struct disk *disk, size_t count)
{
	while (disk->count < count)
		follow(disk, disk->count++);
}

/* ---- cutting ---- */

/* How much of what is not safe survives, in 16ths. Nothing and everything are drawn often: the first
 * shows a missing sync, the second a promise that is made too late to undo. */
static const unsigned survival[] = { 0, 0, 0, 16, 8, 8, 1, 15 };

struct draw {
	uint64_t random;
	unsigned survives;
};

static bool survives(struct draw *draw)
{
	return replay_random(&draw->random) % 16 < draw->survives;
}

static void draw_content(
	struct disk *disk, const struct inode *inode, struct draw *draw, struct content *content)
{
	content_write(content, 0, inode->safe.data, inode->safe.size);
	for (size_t i = 0; i < inode->pending.count; i++) {
		const struct event *event = &disk->recording->events[inode->pending.items[i]];
		size_t end = (size_t)event->offset + event->size;

		if (survives(draw))
			content_apply(content, event);
		else if (event->kind != EVENT_WRITE || !draw->survives)
			continue;
		else if (replay_random(&draw->random) & 1)
			content_tear(content, event, &draw->random);
		else if (end > content->size && replay_random(&draw->random) & 1)
			content_resize(content, end);
	}
}

static bool write_file(
	const char *folder, const char *name, const struct content *content, struct error *error)
{
	char path[PATH_SIZE];
	struct file *file;
	bool ok;

	if (!path_join(folder, name, path, error))
		return false;
	file = file_open(path, FILE_CREATE, error);
	if (!file)
		return false;
	ok = file_write(file, bytes_make(content->data, content->size), error);
	file_close(&file);
	return ok;
}

/* The folder of the name survived too. */
static bool has_parent(struct names *names, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_SIZE];

	if (!slash)
		return true;
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
	return names_find(names, parent) && has_parent(names, parent);
}

static bool write_folders(struct names *names, const char *folder, struct error *error)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < names->count; i++) {
		if (names->items[i].inode || !has_parent(names, names->items[i].path))
			continue;
		if (!path_join(folder, names->items[i].path, path, error) ||
			!folder_create(path, error))
			return false;
	}
	return true;
}

bool disk_cut(struct disk *disk, uint64_t seed, const char *folder, struct error *error)
{
	struct draw draw = { .random = seed };
	struct names names = { .items = NULL };
	bool ok;

	draw.survives = survival[replay_random(&draw.random) % 8];
	names_copy(&names, &disk->safe);
	for (size_t i = 0; i < disk->change_count; i++) {
		if (survives(&draw))
			names_apply(&names, &disk->changes[i]);
	}
	ok = folder_create(folder, error) && write_folders(&names, folder, error);
	for (size_t i = 0; ok && i < names.count; i++) {
		const struct name *name = &names.items[i];
		struct content content = { .data = NULL };

		if (!name->inode || !has_parent(&names, name->path))
			continue;
		draw_content(disk, name->inode, &draw, &content);
		ok = write_file(folder, name->path, &content, error);
		free(content.data);
	}
	names_clear(&names);
	return ok;
}

/* ---- beginning and end ---- */

struct disk *disk_new(const struct recording *recording, unsigned forget)
{
	struct disk *disk = calloc(1, sizeof *disk);

	if (!disk)
		abort();
	disk->recording = recording;
	disk->forget = forget;
	disk->forget_from = recording->first;
	while (disk->forget_from < recording->count &&
		recording->events[disk->forget_from].kind != EVENT_PROMISE)
		disk->forget_from++;
	return disk;
}

void disk_free(struct disk **disk)
{
	for (size_t i = 0; i < (*disk)->inode_count; i++) {
		free((*disk)->inodes[i]->safe.data);
		free((*disk)->inodes[i]->pending.items);
		free((*disk)->inodes[i]);
	}
	free((*disk)->inodes);
	names_clear(&(*disk)->seen);
	names_clear(&(*disk)->safe);
	free((*disk)->changes);
	free(*disk);
	*disk = NULL;
}
