/* bench_manifest.h -- what was acknowledged: the manifests that load_smtp wrote, and which of their messages
 * came back. */
#ifndef LG_TESTS_BENCH_MANIFEST_H
#define LG_TESTS_BENCH_MANIFEST_H

#include "base/error.h"
#include "bench_message.h"

struct bench_manifest_entry {
	char name[BENCH_MESSAGE_NAME_SIZE];
	uint64_t size;
	uint8_t digest[BENCH_MESSAGE_DIGEST_SIZE];
	bool has_come_back;
};

struct bench_manifest {
	struct bench_manifest_entry *entries; /* in the order of their names */
	size_t count;
};

/* Adds a file; call bench_manifest_sort() behind the last one. */
bool bench_manifest_read(struct bench_manifest *manifest, const char *path, struct error *error);
/* Fails when a name is there twice. */
bool bench_manifest_sort(struct bench_manifest *manifest, struct error *error);
void bench_manifest_clear(struct bench_manifest *manifest);

/* Ticks a message off. Fails when none of that name was sent, when it came back before, or when size or digest
 * differ. */
bool bench_manifest_tick(struct bench_manifest *manifest, const char *name, uint64_t size,
	const uint8_t digest[BENCH_MESSAGE_DIGEST_SIZE], struct error *error);
/* Fails when one did not come back. */
bool bench_manifest_is_complete(const struct bench_manifest *manifest, struct error *error);

#endif
