/* recorder.c -- the watches that write the log. Threads of all kinds come here, so every append is under
 * one mutex; where a sync began is remembered per thread, since it ends on the thread it began on. */
#include "recorder.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "platform/file_watch.h"
#include "platform/thread.h"
#include "replay.h"
#include "watched_vfs.h"

enum { FILE_BYTES_MAX = 1024 * 1024 * 1024 };

static struct mutex *mutex;
static struct recording *current;
static _Thread_local size_t sync_began;

/* ---- the log ---- */

/* The path below the folder; NULL: somewhere else. */
static const char *below(const struct recording *recording, const char *path)
{
	size_t length = strlen(recording->folder);

	if (strncmp(path, recording->folder, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return path + length;
	return path[length] == '/' ? path + length + 1 : NULL;
}

static bool grow(struct recording *recording)
{
	size_t capacity = recording->capacity ? recording->capacity * 2 : 1024;
	struct event *events = realloc(recording->events, capacity * sizeof *events);

	if (!events)
		return false;
	recording->events = events;
	recording->capacity = capacity;
	return true;
}

/* The texts and bytes are copied. */
static void append(struct recording *recording, struct event event, const char *path,
	const char *other, struct bytes written)
{
	event.path = strdup(path);
	event.other = other ? strdup(other) : NULL;
	event.size = written.size;
	if (written.size) {
		event.data = malloc(written.size);
		if (event.data)
			memcpy(event.data, written.data, written.size);
	}
	if (!event.path || (written.size && !event.data) ||
		(recording->count == recording->capacity && !grow(recording))) {
		recording->has_failed = true;
		return;
	}
	recording->events[recording->count++] = event;
}

static void log_event(enum event_kind kind, const char *path, const char *other, uint64_t offset,
	struct bytes written)
{
	const char *place = below(current, path);
	const char *target = other ? below(current, other) : NULL;

	if (!place || (other && !target))
		return;
	mutex_lock(mutex);
	append(current, (struct event){ .kind = kind, .offset = offset, .began = sync_began },
		place, target, written);
	mutex_unlock(mutex);
}

/* True when this sync is to fail; then that is in the log already. */
static bool begin_sync(const char *path, bool is_file)
{
	const char *place = below(current, path);
	bool fails = false;

	mutex_lock(mutex);
	sync_began = current->count;
	if (place && current->fail_one_in)
		fails = replay_random(&current->fail_random) % current->fail_one_in == 0;
	if (fails && is_file)
		append(current, (struct event){ .kind = EVENT_SYNC_FAILED }, place, NULL,
			bytes_of(NULL));
	mutex_unlock(mutex);
	return fails;
}

static void note_began(void)
{
	mutex_lock(mutex);
	sync_began = current->count;
	mutex_unlock(mutex);
}

static void log_parent_sync(const char *path)
{
	char parent[PATH_SIZE];
	char *slash;

	snprintf(parent, sizeof parent, "%s", path);
	slash = strrchr(parent, '/');
	if (slash)
		*slash = '\0';
	log_event(EVENT_FOLDER_SYNC, parent, NULL, 0, bytes_of(NULL));
}

/* ---- the watches ---- */

static int before_file(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)context;
	(void)other;
	if (operation != FILE_OP_SYNC && operation != FILE_OP_FOLDER_SYNC)
		return 0;
	return begin_sync(path, operation == FILE_OP_SYNC) ? EIO : 0;
}

static void after_file(void *context, enum file_operation operation, const char *path,
	const char *other, uint64_t offset, struct bytes written)
{
	static const enum event_kind kinds[] = {
		[FILE_OP_OPEN] = EVENT_EMPTY,
		[FILE_OP_WRITE] = EVENT_WRITE,
		[FILE_OP_SYNC] = EVENT_SYNC,
		[FILE_OP_RENAME] = EVENT_RENAME,
		[FILE_OP_REMOVE] = EVENT_REMOVE,
		[FILE_OP_FOLDER_CREATE] = EVENT_FOLDER_CREATE,
		[FILE_OP_FOLDER_SYNC] = EVENT_FOLDER_SYNC,
	};

	(void)context;
	if (operation != FILE_OP_READ)
		log_event(kinds[operation], path, other, offset, written);
}

static void on_promise(void *context, const char *what)
{
	(void)context;
	mutex_lock(mutex);
	append(current, (struct event){ .kind = EVENT_PROMISE }, what, NULL, bytes_of(NULL));
	mutex_unlock(mutex);
}

static int before_database(void *context, const struct vfs_event *event)
{
	(void)context;
	if (event->operation != VFS_SYNC)
		return SQLITE_OK;
	return begin_sync(event->path, true) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static void after_database(void *context, const struct vfs_event *event)
{
	static const enum event_kind kinds[] = {
		[VFS_OPEN] = EVENT_OPEN,
		[VFS_WRITE] = EVENT_WRITE,
		[VFS_TRUNCATE] = EVENT_TRUNCATE,
		[VFS_SYNC] = EVENT_SYNC,
		[VFS_DELETE] = EVENT_REMOVE,
	};

	(void)context;
	log_event(kinds[event->operation], event->path, NULL, event->offset, event->written);
	/* A removal is done when the folder sync inside it begins. */
	if (event->operation == VFS_DELETE && event->syncs_folder)
		note_began();
	if (event->syncs_folder)
		log_parent_sync(event->path);
}

/* ---- what is there at the start ---- */

struct walk {
	struct recording *recording;
	char path[PATH_SIZE];
	struct error *error;
	bool ok;
};

static bool take_folder(struct walk *walk);

/* The walk begins at the folder and goes down only. */
static const char *place_of(const struct walk *walk)
{
	const char *place = walk->path + strlen(walk->recording->folder);

	return *place ? place + 1 : place;
}

static bool take_file(struct walk *walk)
{
	struct event event = { .kind = EVENT_EMPTY };
	struct buf content;
	bool ok;

	buf_init(&content, FILE_BYTES_MAX);
	ok = file_load(walk->path, &content, walk->error);
	if (ok) {
		append(walk->recording, event, place_of(walk), NULL, bytes_of(NULL));
		event.kind = EVENT_WRITE;
		append(walk->recording, event, place_of(walk), NULL, buf_view(&content));
		event.kind = EVENT_SYNC;
		event.began = walk->recording->count;
		append(walk->recording, event, place_of(walk), NULL, bytes_of(NULL));
	}
	buf_clear(&content);
	return ok;
}

/* Only whether the folder can be read is of interest. */
static bool stop(void *context, const char *name)
{
	(void)context;
	(void)name;
	return false;
}

static bool take_entry(void *context, const char *name)
{
	struct walk *walk = context;
	size_t length = strlen(walk->path);

	if (length + strlen(name) + 2 > sizeof walk->path)
		return false;
	snprintf(walk->path + length, sizeof walk->path - length, "/%s", name);
	walk->ok = folder_each(walk->path, stop, NULL, NULL) ? take_folder(walk) : take_file(walk);
	walk->path[length] = '\0';
	return walk->ok;
}

static bool take_folder(struct walk *walk)
{
	struct event event = { .kind = EVENT_FOLDER_CREATE };

	if (*place_of(walk))
		append(walk->recording, event, place_of(walk), NULL, bytes_of(NULL));
	if (!folder_each(walk->path, take_entry, walk, walk->error) || !walk->ok)
		return false;
	event.kind = EVENT_FOLDER_SYNC;
	event.began = walk->recording->count;
	append(walk->recording, event, place_of(walk), NULL, bytes_of(NULL));
	return true;
}

/* ---- start and stop ---- */

struct recording *recorder_start(const char *folder, struct error *error)
{
	static const struct file_watch files = { NULL, before_file, after_file, on_promise };
	static const struct vfs_watch databases = { NULL, before_database, after_database };
	struct recording *recording = calloc(1, sizeof *recording);
	struct walk walk = { .recording = recording, .error = error, .ok = true };

	mutex = mutex ? mutex : mutex_new(error);
	if (!recording || !mutex) {
		error_set_memory(error);
		free(recording);
		return NULL;
	}
	snprintf(recording->folder, sizeof recording->folder, "%s", folder);
	snprintf(walk.path, sizeof walk.path, "%s", folder);
	if (!take_folder(&walk)) {
		recording_free(&recording);
		return NULL;
	}
	recording->first = recording->count;
	current = recording;
	file_watch_set(&files);
	watched_vfs_register(&databases);
	return recording;
}

void recorder_fail_syncs(struct recording *recording, uint64_t seed, unsigned one_in)
{
	mutex_lock(mutex);
	recording->fail_random = seed;
	recording->fail_one_in = one_in;
	mutex_unlock(mutex);
}

void recorder_stop(struct recording *recording)
{
	(void)recording;
	watched_vfs_unregister();
	file_watch_set(NULL);
	current = NULL;
}

void recording_free(struct recording **recording)
{
	if (!*recording)
		return;
	for (size_t i = 0; i < (*recording)->count; i++) {
		free((*recording)->events[i].path);
		free((*recording)->events[i].other);
		free((*recording)->events[i].data);
	}
	free((*recording)->events);
	free(*recording);
	*recording = NULL;
}

void event_describe(const struct event *event, char *text, size_t capacity)
{
	static const char *const names[] = {
		[EVENT_EMPTY] = "create",
		[EVENT_OPEN] = "open",
		[EVENT_WRITE] = "write",
		[EVENT_TRUNCATE] = "truncate",
		[EVENT_SYNC] = "sync",
		[EVENT_SYNC_FAILED] = "failed sync",
		[EVENT_RENAME] = "rename",
		[EVENT_REMOVE] = "remove",
		[EVENT_FOLDER_CREATE] = "create folder",
		[EVENT_FOLDER_SYNC] = "sync folder",
		[EVENT_PROMISE] = "promise",
	};

	snprintf(text, capacity, "%s %s%s%s at %llu, %zu bytes", names[event->kind],
		*event->path ? event->path : ".", event->other ? " to " : "",
		event->other ? event->other : "", (unsigned long long)event->offset, event->size);
}
