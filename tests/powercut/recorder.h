/* recorder.h -- one ordered log of everything that a program does to a folder on the disk, and of what it
 * promises meanwhile.
 *
 * The project's own file calls come by platform/file_watch.h, SQLite's by the watched VFS. Start the
 * recorder before anything opens a file of the folder (before gateway_open), stop it after everything is
 * closed, then replay (replay.h). One recording at a time per process.
 *
 * Syncs can be made to fail, as they do on a dying disk. What the file has then not got on the disk stays
 * visible but is never written by a later sync (the way of Linux), unless it is written again.
 *
 * A sync counts from where it began: what was logged after that may have missed it. An operation is
 * logged when it is done, so the log never makes anything durable that was not. */
#ifndef LG_TESTS_RECORDER_H
#define LG_TESTS_RECORDER_H

#include "base/bytes.h"
#include "base/error.h"
#include "platform/paths.h"

enum event_kind {
	EVENT_EMPTY, /* the file was created, or emptied when it existed */
	EVENT_OPEN,  /* the file was created when it did not exist */
	EVENT_WRITE,
	EVENT_TRUNCATE,
	EVENT_SYNC,
	EVENT_SYNC_FAILED,
	EVENT_RENAME,
	EVENT_REMOVE,
	EVENT_FOLDER_CREATE,
	EVENT_FOLDER_SYNC,
	EVENT_PROMISE, /* path: the words of file_watch_promise() */
};

struct event {
	enum event_kind kind;
	char *path;	 /* below the folder, without a slash in front; "" is the folder itself */
	char *other;	 /* RENAME: the new path */
	uint64_t offset; /* WRITE; TRUNCATE: the new size */
	uint8_t *data;	 /* WRITE */
	size_t size;
	size_t began; /* SYNC, FOLDER_SYNC: how many events there were when it began */
};

struct recording {
	char folder[PATH_SIZE];
	struct event *events;
	size_t count, capacity;
	size_t first;	 /* events before this one describe what was there at the start */
	bool has_failed; /* out of memory: the log is not whole */
	uint64_t fail_random;
	unsigned fail_one_in; /* syncs; 0: none */
};

/* The folder exists; what it holds counts as being on the disk. */
struct recording *recorder_start(const char *folder, struct error *error);
/* From now on one sync in so many fails, of files and folders; 0 ends it. */
void recorder_fail_syncs(struct recording *recording, uint64_t seed, unsigned one_in);
/* The recording stays the caller's. */
void recorder_stop(struct recording *recording);
void recording_free(struct recording **recording);

/* One line about an event, for a person. */
void event_describe(const struct event *event, char *text, size_t capacity);

#endif
