/* test_platform_fixture.h -- a folder of its own for each test, child processes, and blocking sockets
 * on loopback, for the tests of the platform and net floors. */
#ifndef LG_TESTS_PLATFORM_FIXTURE_H
#define LG_TESTS_PLATFORM_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCRATCH_PATH_SIZE = 512 };

/* cmocka: *state becomes the path of an empty folder; removed with all that is in it. */
int scratch_set_up(void **state);
int scratch_tear_down(void **state);
/* A path inside; the text lives until the next eight calls. */
const char *scratch_path(void **state, const char *name);

void write_file(const char *path, const char *text);
/* Freed by the caller; NULL when there is no such file. */
char *read_file(const char *path);
unsigned mode_of(const char *path); /* the permission bits */

/* Runs `run` in a child and returns its exit status; a signal counts as 128 and its number. */
int child_run(int (*run)(void *context), void *context);
/* The same in two steps, for children that must live meanwhile. */
int child_start(int (*run)(void *context), void *context);
int child_end(int pid);

/* A blocking connection to 127.0.0.1 that fails a read or write which takes longer than ten seconds. */
int dial(uint16_t port);
uint16_t port_of(int socket); /* the local one */
void sleep_ms(unsigned time_ms);

#endif
