/* process.h -- what a program that holds keys does about its own process. */
#ifndef LG_PLATFORM_PROCESS_H
#define LG_PLATFORM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* No core dumps (RLIMIT_CORE 0); with `not_dumpable` also no attaching by this user's other programs
 * (PR_SET_DUMPABLE 0), which desktop portals do not bear. Broken pipes become errors, not signals. */
bool process_harden(bool not_dumpable, struct error *error);
/* Raises RLIMIT_NOFILE towards `wanted`; *got is what there is now. */
bool process_raise_file_limit(uint64_t wanted, uint64_t *got, struct error *error);

/* Blocks the stop signals (SIGINT, SIGTERM, SIGHUP) in this and all later threads; call first in main.
 * process_wait_for_stop() then waits for one: true; or for process_wake(): false. */
bool process_block_stop_signals(struct error *error);
bool process_wait_for_stop(void);
/* From any thread, once the signals are blocked. Wakes before the wait are not lost; several may be one. */
void process_wake(void);

/* For a program that has something to tidy up: from now on the first stop signal ends nothing, but is told by
 * process_stop_wanted(); the second one ends the process. */
void process_catch_stop(void);
bool process_stop_wanted(void);

/* How many files this process has open and may have open; false when the system does not tell. */
bool process_open_files(uint64_t *open, uint64_t *limit);
/* Standard error goes to the journal of systemd: JOURNAL_STREAM (systemd.exec(5)) names it. */
bool process_is_logged_by_journal(void);

/* For a program that rests most of the time: few heaps, which the threads share. Call before there are any. */
void process_share_heaps(void);
uint64_t process_resident_bytes(void); /* 0 when the system does not tell */
uint64_t process_id(void);

#endif
