/* disk.h -- a disk that follows a recording and can lose power at any event of it. */
#ifndef LG_TESTS_DISK_H
#define LG_TESTS_DISK_H

#include "recorder.h"

struct disk;

/* Borrows the recording. */
struct disk *disk_new(const struct recording *recording, unsigned forget);
void disk_free(struct disk **disk);
/* Follows the recording up to `count` events; never back. */
void disk_advance(struct disk *disk, size_t count);
/* Writes what a power cut now could leave into `folder`, which does not exist. */
bool disk_cut(struct disk *disk, uint64_t seed, const char *folder, struct error *error);

#endif
