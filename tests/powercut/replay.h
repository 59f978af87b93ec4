/* replay.h -- what a power cut could leave of a recording, at many points of it.
 *
 * The disk's rules: a file holds what was written before its last sync began, and of each later write
 * all, nothing, any of its 512-byte sectors, or room filled with zeros. Names that were created, moved or
 * removed after the last sync of their folder may have been, or not, each on its own. A rename is
 * atomic. Memory-mapped files (-shm) are gone. Everything is drawn from the seed. */
#ifndef LG_TESTS_REPLAY_H
#define LG_TESTS_REPLAY_H

#include "recorder.h"

/* Kinds of syncs that the replay takes for not having happened from the first promise on, to show that a
 * test would notice. */
enum {
	FORGET_BODY_SYNC = 1,	  /* *.part */
	FORGET_LOG_SYNC = 2,	  /* *-wal */
	FORGET_DATABASE_SYNC = 4, /* *.db */
	FORGET_FOLDER_SYNC = 8,
};

/* `folder` holds the disk as it was after the first `count` events. False, with the error filled, when a
 * promise among them is broken. */
typedef bool replay_check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error);

struct replay {
	uint64_t seed;
	size_t cuts; /* half at promises, half anywhere */
	unsigned forget;
	const char *work;    /* an existing folder for the disks; tmpfs is fastest */
	size_t failures_max; /* stops after so many; 0: never */
	replay_check *check;
	void *context;
	/* the result */
	size_t done;
	size_t failures;
};

/* Prints each failure with what is needed to repeat it. False: the replay itself could not go on. */
bool replay_run(struct replay *replay, const struct recording *recording, struct error *error);
/* A small generator, the same everywhere. */
uint64_t replay_random(uint64_t *state);
/* Removes a folder with everything in it. */
void replay_remove_folder(const char *path);

#endif
