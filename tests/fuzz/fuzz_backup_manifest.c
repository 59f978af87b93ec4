/* fuzz_backup_manifest.c -- any file as the manifest of a backup. What is taken names nothing outside of the backup,
 * and the same is read from what the writer makes of it. The first byte: 0, the file as it is; else its last line, which
 * has the digest of those before it, is put there, so that what lies behind it is reached, too. */
#include "service/backup_manifest.h"

#include <stdio.h>

#include "fuzz_stream.h"
#include "platform/file.h"
#include "platform/paths.h"

enum { LINES_MAX = 64 };

struct manifest {
	struct backup_facts facts;
	struct backup_line line[LINES_MAX];
	size_t count;
};

static char folder[PATH_SIZE], given[PATH_SIZE], written[PATH_SIZE];

int LLVMFuzzerInitialize(int *count, char ***values);

static void remove_folder(void)
{
	(void)file_remove(given, NULL);
	(void)file_remove(written, NULL);
	(void)folder_remove(folder, NULL);
}

int LLVMFuzzerInitialize(int *count, char ***values)
{
	/* In memory where there is such a folder: each input is a file. */
	const char *base = file_exists("/dev/shm") ? "/dev/shm" : "/tmp";

	(void)count;
	(void)values;
	check(path_join(base, "fuzz-manifest-XXXXXX", folder, NULL));
	check(mkdtemp(folder) != NULL);
	check(path_join(folder, "given", given, NULL));
	check(path_join(folder, "written", written, NULL));
	atexit(remove_folder);
	return 0;
}

/* ---- files ---- */

/* "end COUNT HEX" for the lines of `text`. */
static void end_line(struct bytes text, char line[128])
{
	uint8_t hash[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	struct bytes rest = text, one;
	struct digest digest;
	size_t count = 0, lines = 0;

	digest_init(&digest, NULL);
	digest_update(&digest, text);
	digest_final(&digest, hash);
	hex_encode(bytes_make(hash, sizeof hash), hex);
	while (bytes_split(&rest, '\n', &one))
		count += ++lines > 4 &&
			 !bytes_equal_text(bytes_head(one, bytes_find(one, ' ')), "missing");
	snprintf(line, 128, "end %zu %s\n", count, hex);
}

static void write_file(struct bytes text, bool has_end)
{
	struct file *file = file_open(given, FILE_REPLACE, NULL);
	char line[128];

	check(file && file_write(file, text, NULL));
	if (!has_end) {
		end_line(text, line);
		check(file_write(file, bytes_of(line), NULL));
	}
	file_close(&file);
}

static void write_again(const struct manifest *manifest)
{
	struct backup_manifest_writer *writer;

	(void)file_remove(written, NULL);
	writer = backup_manifest_create(written, &manifest->facts, NULL);
	check(writer != NULL);
	for (size_t i = 0; i < manifest->count; i++)
		check(backup_manifest_add(writer, &manifest->line[i], NULL));
	check(backup_manifest_end(writer, NULL));
	backup_manifest_close(&writer);
}

/* ---- reading ---- */

static void check_refusal(const struct error *error)
{
	check(error->kind == ERROR_CORRUPT || error->kind == ERROR_STATE);
	check(error->text[0] != '\0');
}

static void check_entry(const struct backup_line *line)
{
	const char *name = strchr(line->entry, '/');

	check(backup_entry_is_ours(line->entry));
	check(!line->is_missing || backup_entry_is_body(line->entry));
	/* At most one folder, and what is in it. */
	check(line->entry[0] != '/' && line->entry[0] != '.');
	check(!name || (name[1] != '\0' && name[1] != '.' && !strchr(name + 1, '/')));
}

/* True: it was read to its end, however many lines there were. */
static bool read_lines(struct backup_manifest_reader *reader, struct manifest *manifest)
{
	struct error error = { .kind = ERROR_NONE };
	struct backup_line line;
	bool found = true;

	while (found) {
		if (!backup_manifest_next(reader, &line, &found, &error)) {
			check_refusal(&error);
			return false;
		}
		if (!found)
			return true;
		check_entry(&line);
		if (manifest->count < LINES_MAX)
			manifest->line[manifest->count++] = line;
	}
	return true;
}

static bool read_file(const char *path, struct manifest *manifest)
{
	struct error error = { .kind = ERROR_NONE };
	struct backup_manifest_reader *reader;
	bool ok;

	memset(manifest, 0, sizeof *manifest);
	reader = backup_manifest_open(path, &manifest->facts, &error);
	if (!reader) {
		check_refusal(&error);
		return false;
	}
	ok = read_lines(reader, manifest);
	backup_manifest_free(&reader);
	return ok;
}

static void check_equal(const struct manifest *a, const struct manifest *b)
{
	check(a->count == b->count && a->facts.schema == b->facts.schema);
	check(strcmp(a->facts.program, b->facts.program) == 0);
	check(strcmp(a->facts.created, b->facts.created) == 0);
	for (size_t i = 0; i < a->count; i++) {
		check(strcmp(a->line[i].entry, b->line[i].entry) == 0);
		check(a->line[i].size == b->line[i].size);
		check(a->line[i].is_missing == b->line[i].is_missing);
		check(memcmp(a->line[i].digest, b->line[i].digest, DIGEST_SIZE) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct manifest manifest, again;

	if (!size)
		return 0;
	write_file(bytes_make(data + 1, size - 1), data[0] == 0);
	if (!read_file(given, &manifest))
		return 0;
	write_again(&manifest);
	check(read_file(written, &again));
	check_equal(&manifest, &again);
	return 0;
}
