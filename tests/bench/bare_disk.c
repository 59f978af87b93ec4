/* bare_disk.c -- the disk, and libsodium in front of it, with as little around them as possible: what the gateway
 * is held against.
 *
 *	bare_disk sync FOLDER COUNT OCTETS
 *		appends OCTETS and syncs, COUNT times, and prints how long one takes
 *	bare_disk seal FOLDER SET CONNECTIONS MESSAGES
 *		seals the messages that load_smtp would send, on a thread for each connection, and appends them to one
 *		file in groups: whatever waits is written and synced together, and then each thread goes on
 *
 * Sealing is what docs/internals/sealed-format.md describes: a secretstream in chunks of 64 KiB, its key in a sealed
 * box. Nothing is indexed, and nothing comes in over a network. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "bench_figures.h"
#include "bench_message.h"
#include "platform/clock.h"

enum {
	CONNECTIONS_MAX = 256,
	CHUNK_SIZE = 65536,
	MESSAGE_MAX = 256 * 1024 * 1024,
	BOX_SIZE = crypto_secretstream_xchacha20poly1305_KEYBYTES + crypto_box_SEALBYTES,
};

struct plan {
	const char *set;
	unsigned connections, messages;
	uint8_t box_key[crypto_box_PUBLICKEYBYTES];
	pthread_barrier_t begin;
};

struct group;

struct writer {
	struct plan *plan;
	unsigned number;
	pthread_t thread;
	struct buf sealed;
	struct group *group;
	struct writer *next; /* in the group that gathers */
	bool is_synced;
	bool ok;
};

struct group {
	int file;
	pthread_mutex_t mutex;
	pthread_cond_t filled, synced;
	struct writer *waiting;
	unsigned writers; /* that have not ended */
	uint64_t syncs;
	bool has_failed;
};

static bool write_all(int file, struct bytes bytes)
{
	while (bytes.size) {
		ssize_t written = write(file, bytes.data, bytes.size);

		if (written < 0)
			return false;
		bytes = bytes_skip(bytes, (size_t)written);
	}
	return true;
}

/* A file without a name, in the folder whose disk is measured. */
static int open_file(const char *folder)
{
	char path[4096];
	int file;

	snprintf(path, sizeof path, "%s/bare_disk.XXXXXX", folder);
	file = mkstemp(path);
	if (file >= 0)
		unlink(path);
	return file;
}

/* ---- sync ---- */

static bool measure_sync(int file, uint64_t count, size_t octets)
{
	int64_t *took_us = calloc(count, sizeof *took_us);
	uint8_t *data = calloc(1, octets);
	bool ok = took_us && data;

	for (uint64_t i = 0; ok && i < count; i++) {
		int64_t began_us = clock_monotonic_us();

		ok = write_all(file, bytes_make(data, octets)) && fdatasync(file) == 0;
		took_us[i] = clock_monotonic_us() - began_us;
	}
	if (ok) {
		bench_figures_sort(took_us, count);
		printf("{\"syncs\":%" PRIu64 ",\"median_ms\":%.3f,\"p99_ms\":%.3f}\n", count,
			bench_figures_percentile_ms(took_us, count, 50),
			bench_figures_percentile_ms(took_us, count, 99));
	}
	free(took_us);
	free(data);
	return ok;
}

/* ---- seal ---- */

static bool push(struct writer *writer, crypto_secretstream_xchacha20poly1305_state *stream,
	struct bytes plain, uint8_t tag)
{
	uint8_t *space;

	if (!buf_reserve(&writer->sealed, plain.size + crypto_secretstream_xchacha20poly1305_ABYTES,
		    &space))
		return false;
	crypto_secretstream_xchacha20poly1305_push(
		stream, space, NULL, plain.data, plain.size, NULL, 0, tag);
	buf_commit(&writer->sealed, plain.size + crypto_secretstream_xchacha20poly1305_ABYTES);
	return true;
}

static bool seal(struct writer *writer, unsigned number)
{
	uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES];
	uint8_t *space;
	crypto_secretstream_xchacha20poly1305_state stream;
	struct bench_message message;
	struct bytes piece;
	size_t position = 0;
	bool ok;

	bench_message_make(&message, writer->plan->set, "bare", writer->number, number);
	writer->sealed.size = 0;
	crypto_secretstream_xchacha20poly1305_keygen(key);
	if (!buf_reserve(&writer->sealed,
		    BOX_SIZE + crypto_secretstream_xchacha20poly1305_HEADERBYTES, &space))
		return false;
	crypto_box_seal(space, key, sizeof key, writer->plan->box_key);
	crypto_secretstream_xchacha20poly1305_init_push(&stream, space + BOX_SIZE, key);
	buf_commit(&writer->sealed, BOX_SIZE + crypto_secretstream_xchacha20poly1305_HEADERBYTES);
	ok = true;
	while (ok && bench_message_piece(&message, false, &position, &piece)) {
		while (ok && piece.size) {
			struct bytes chunk = bytes_head(piece, CHUNK_SIZE);

			ok = push(writer, &stream, chunk, 0);
			piece = bytes_skip(piece, chunk.size);
		}
	}
	return ok && push(writer, &stream, bytes_make(NULL, 0),
			     crypto_secretstream_xchacha20poly1305_TAG_FINAL);
}

/* Hands what was sealed to the group that gathers, and waits for its sync. */
static bool submit(struct writer *writer)
{
	struct group *group = writer->group;
	bool ok;

	pthread_mutex_lock(&group->mutex);
	writer->is_synced = false;
	writer->next = group->waiting;
	group->waiting = writer;
	pthread_cond_signal(&group->filled);
	while (!writer->is_synced)
		pthread_cond_wait(&group->synced, &group->mutex);
	ok = !group->has_failed;
	pthread_mutex_unlock(&group->mutex);
	return ok;
}

static void *run_writer(void *argument)
{
	struct writer *writer = argument;
	struct group *group = writer->group;

	buf_init(&writer->sealed, MESSAGE_MAX);
	pthread_barrier_wait(&writer->plan->begin);
	writer->ok = true;
	for (unsigned i = 0; writer->ok && i < writer->plan->messages; i++)
		writer->ok = seal(writer, i) && submit(writer);
	buf_clear(&writer->sealed);
	pthread_mutex_lock(&group->mutex);
	group->writers--;
	pthread_cond_signal(&group->filled);
	pthread_mutex_unlock(&group->mutex);
	return NULL;
}

/* The committer: until no writer is left. */
static void commit_groups(struct group *group)
{
	struct writer *taken;
	bool ok;

	pthread_mutex_lock(&group->mutex);
	for (;;) {
		while (!group->waiting && group->writers)
			pthread_cond_wait(&group->filled, &group->mutex);
		taken = group->waiting;
		group->waiting = NULL;
		if (!taken)
			break;
		pthread_mutex_unlock(&group->mutex);
		ok = true;
		for (struct writer *writer = taken; writer; writer = writer->next)
			ok = ok && write_all(group->file, buf_view(&writer->sealed));
		ok = ok && fdatasync(group->file) == 0;
		pthread_mutex_lock(&group->mutex);
		group->syncs++;
		group->has_failed = group->has_failed || !ok;
		for (struct writer *writer = taken; writer; writer = writer->next)
			writer->is_synced = true;
		pthread_cond_broadcast(&group->synced);
	}
	pthread_mutex_unlock(&group->mutex);
}

static bool measure_seal(int file, struct plan *plan)
{
	static struct writer writers[CONNECTIONS_MAX];
	static struct group group = { .mutex = PTHREAD_MUTEX_INITIALIZER,
		.filled = PTHREAD_COND_INITIALIZER,
		.synced = PTHREAD_COND_INITIALIZER };
	uint8_t secret[crypto_box_SECRETKEYBYTES];
	uint64_t count = (uint64_t)plan->connections * plan->messages;
	int64_t began_us;
	double seconds;
	bool ok = true;

	crypto_box_keypair(plan->box_key, secret);
	bench_message_make_pool();
	group.file = file;
	group.writers = plan->connections;
	pthread_barrier_init(&plan->begin, NULL, plan->connections + 1);
	for (unsigned i = 0; i < plan->connections; i++) {
		writers[i] = (struct writer){ .plan = plan, .number = i, .group = &group };
		if (pthread_create(&writers[i].thread, NULL, run_writer, &writers[i]) != 0)
			return false; /* and the program ends: the others wait at the barrier */
	}
	pthread_barrier_wait(&plan->begin);
	began_us = clock_monotonic_us();
	commit_groups(&group);
	seconds = (double)(clock_monotonic_us() - began_us) / 1e6;
	for (unsigned i = 0; i < plan->connections; i++) {
		pthread_join(writers[i].thread, NULL);
		ok = ok && writers[i].ok;
	}
	pthread_barrier_destroy(&plan->begin);
	if (ok)
		printf("{\"messages\":%" PRIu64 ",\"seconds\":%.4f,\"rate\":%.2f,"
		       "\"syncs\":%" PRIu64 ",\"cpu_s\":%.3f}\n",
			count, seconds, (double)count / seconds, group.syncs,
			bench_figures_cpu_s());
	return ok;
}

int main(int count, char **values)
{
	static struct plan plan;
	uint64_t numbers[2];
	bool is_sync = count == 5 && strcmp(values[1], "sync") == 0;
	bool is_seal = count == 6 && strcmp(values[1], "seal") == 0;
	bool ok;
	int file;

	if ((!is_sync && !is_seal) || sodium_init() < 0 ||
		(is_seal && !bench_message_set_is_known(values[3])) ||
		!bytes_parse_number(bytes_of(values[count - 2]),
			is_seal ? CONNECTIONS_MAX : 1000000, &numbers[0]) ||
		!bytes_parse_number(bytes_of(values[count - 1]), 16 * 1024 * 1024, &numbers[1]) ||
		!numbers[0] || !numbers[1]) {
		fprintf(stderr,
			"usage: %s sync FOLDER COUNT OCTETS\n"
			"       %s seal FOLDER SET CONNECTIONS MESSAGES\n",
			values[0], values[0]);
		return 2;
	}
	file = open_file(values[2]);
	if (file < 0) {
		perror(values[2]);
		return 1;
	}
	if (is_seal) {
		plan.set = values[3];
		plan.connections = (unsigned)numbers[0];
		plan.messages = (unsigned)numbers[1];
		ok = measure_seal(file, &plan);
	} else {
		ok = measure_sync(file, numbers[0], (size_t)numbers[1]);
	}
	if (!ok)
		fprintf(stderr, "bare_disk: failed: %s\n", strerror(errno));
	close(file);
	return ok ? 0 : 1;
}
