/* fault_point.h -- the one place that every operation which can fail passes: counted, and the one that was
 * armed fails.
 *
 * What it notes lies in memory that the parent process shares, so that it can be told of a run that crashed
 * or hangs. */
#ifndef LG_TESTS_FAULT_POINT_H
#define LG_TESTS_FAULT_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
	FAULT_MEMORY, /* the engine's own allocations, and jansson's, which pass through it */
	FAULT_LIBUV,  /* allocations of the libraries ... */
	FAULT_SQLITE,
	FAULT_OPENSSL,
	FAULT_FILE,	/* file operations of the platform floor */
	FAULT_DATABASE, /* SQLite's file operations */
	FAULT_STEP,	/* sqlite3_step() */
	FAULT_KINDS,
};

enum {
	FAULT_GROUP_MAX = 10, /* of one run */
	FAULT_FRAMES_MAX = 24,
	FAULT_PLACES_MAX = 1 << 20,
	FAULT_TEXT_SIZE = 160,
};

/* An operation that failed: who asked for it, and what the script was at. */
struct fault_firing {
	size_t number;
	int frame_count;
	void *frames[FAULT_FRAMES_MAX];
	char doing[FAULT_TEXT_SIZE];
};

struct fault_record {
	size_t counts[FAULT_KINDS];
	size_t firing_count;
	struct fault_firing firings[FAULT_GROUP_MAX];
	char doing[FAULT_TEXT_SIZE];
	char failure[1024]; /* what the run ended with; empty: well */
	/* For each operation a hash of the calls that led to it, if asked for. */
	bool wants_places;
	uint32_t places[FAULT_KINDS][FAULT_PLACES_MAX];
};

extern const char *const fault_kind_names[FAULT_KINDS];

/* Which operations fail: their numbers, from 1 on, among those of that kind. */
struct fault_group {
	enum fault_kind kind;
	size_t count;
	size_t numbers[FAULT_GROUP_MAX];
};

/* Between arm and disarm operations are counted, and those of the group fail. */
void fault_point_arm(struct fault_record *record, const struct fault_group *group);
void fault_point_disarm(void);
/* 0, or the number of this operation, which is to fail. From any thread. */
size_t fault_point(enum fault_kind kind);

/* What this thread does meanwhile is the test's own and not counted. */
void fault_spare_begin(void);
void fault_spare_end(void);

#endif
