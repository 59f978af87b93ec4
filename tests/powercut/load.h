/* load.h -- a random but repeatable load on a store, and what must be left of it after a power cut.
 *
 * The load notes each intent and each promise in the recording; the check reads them back and compares
 * them with a store opened on what the cut left. */
#ifndef LG_TESTS_LOAD_H
#define LG_TESTS_LOAD_H

#include "recorder.h"

struct load {
	uint64_t seed;
	size_t deliveries;
	bool without_sync;
	unsigned fail_one_in; /* syncs, from the first mailbox on; 0: none */
};

/* Opens a store in the folder, works on it, closes it. Called between recorder_start and _stop. */
bool load_run(const struct load *load, struct recording *recording, struct error *error);
/* A replay_check; `context` is the load. */
bool load_check(void *context, const struct recording *recording, size_t count, const char *folder,
	struct error *error);

#endif
