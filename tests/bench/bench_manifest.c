/* bench_manifest.c -- a line is a message: name, size, SHA-256 in hex. */
#include "bench_manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool parse_line(const char *line, struct bench_manifest_entry *entry)
{
	char hex[2 * BENCH_MESSAGE_DIGEST_SIZE + 1];

	*entry = (struct bench_manifest_entry){ 0 };
	return sscanf(line, "%47s %" SCNu64 " %64s", entry->name, &entry->size, hex) == 3 &&
	       hex_decode(bytes_of(hex), entry->digest, sizeof entry->digest);
}

static bool append(struct bench_manifest *manifest, const struct bench_manifest_entry *entry)
{
	struct bench_manifest_entry *grown;

	/* A power of two is full. */
	if ((manifest->count & (manifest->count - 1)) == 0) {
		size_t room = manifest->count ? 2 * manifest->count : 1;

		grown = realloc(manifest->entries, room * sizeof *grown);
		if (!grown)
			return false;
		manifest->entries = grown;
	}
	manifest->entries[manifest->count++] = *entry;
	return true;
}

bool bench_manifest_read(struct bench_manifest *manifest, const char *path, struct error *error)
{
	FILE *file = fopen(path, "r");
	struct bench_manifest_entry entry;
	char line[200];
	bool ok = true;

	if (!file)
		return error_set_os(error, errno, "%s", path);
	while (ok && fgets(line, sizeof line, file)) {
		if (!parse_line(line, &entry))
			ok = error_set(error, ERROR_INVALID, "%s: not a line of a manifest: %s",
				path, line);
		else if (!append(manifest, &entry))
			ok = error_set_memory(error);
	}
	fclose(file);
	return ok;
}

static int by_name(const void *a, const void *b)
{
	const struct bench_manifest_entry *one = a, *other = b;

	return strcmp(one->name, other->name);
}

bool bench_manifest_sort(struct bench_manifest *manifest, struct error *error)
{
	struct bench_manifest_entry *entries = manifest->entries;

	if (!manifest->count)
		return error_set(error, ERROR_INVALID, "the manifest is empty");
	qsort(entries, manifest->count, sizeof *entries, by_name);
	for (size_t i = 1; i < manifest->count; i++) {
		if (by_name(&entries[i - 1], &entries[i]) == 0)
			return error_set(error, ERROR_INVALID, "the manifest names %s twice",
				entries[i].name);
	}
	return true;
}

void bench_manifest_clear(struct bench_manifest *manifest)
{
	free(manifest->entries);
	*manifest = (struct bench_manifest){ 0 };
}

bool bench_manifest_tick(struct bench_manifest *manifest, const char *name, uint64_t size,
	const uint8_t digest[BENCH_MESSAGE_DIGEST_SIZE], struct error *error)
{
	struct bench_manifest_entry wanted, *entry;

	snprintf(wanted.name, sizeof wanted.name, "%s", name);
	entry = bsearch(
		&wanted, manifest->entries, manifest->count, sizeof *manifest->entries, by_name);
	if (!entry)
		return error_set(error, ERROR_CORRUPT, "message %s was never acknowledged", name);
	if (entry->has_come_back)
		return error_set(error, ERROR_CORRUPT, "message %s came back twice", name);
	if (entry->size != size || memcmp(entry->digest, digest, sizeof entry->digest) != 0)
		return error_set(error, ERROR_CORRUPT,
			"message %s came back changed (%" PRIu64 " octets of %" PRIu64 ")", name,
			size, entry->size);
	entry->has_come_back = true;
	return true;
}

bool bench_manifest_is_complete(const struct bench_manifest *manifest, struct error *error)
{
	const char *first = NULL;
	size_t missing = 0;

	for (size_t i = 0; i < manifest->count; i++) {
		if (manifest->entries[i].has_come_back)
			continue;
		first = first ? first : manifest->entries[i].name;
		missing++;
	}
	return !missing || error_set(error, ERROR_CORRUPT,
				   "%zu acknowledged messages did not come back, among them %s",
				   missing, first);
}
