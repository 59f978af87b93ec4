/* login_guard.c -- a table of fixed size, searched from end to end under one mutex: a few microseconds beside
 * the quarter of a second that each of these logins took to be checked. Only failures add to it. */
#include "service/login_guard.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/networks.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "platform/thread.h"

enum { ENTRIES_MAX = 4096, REPORTS_MAX = 32, KEY_SIZE = 16, SALT_SIZE = 32 };

#define SECOND_US INT64_C(1000000)
#define WINDOW_US (3600 * SECOND_US)
#define REPORT_US (24 * WINDOW_US)

enum subject { NETWORK = 'n', NAME = 'm' };

struct entry {
	uint8_t key[KEY_SIZE];
	uint32_t failures; /* 0: free */
	int64_t since_us;  /* the first of them */
	int64_t last_us;
};

struct report {
	char network[LOGIN_NETWORK_SIZE]; /* empty: free */
	int64_t last_us;
};

struct login_guard {
	struct mutex *mutex;
	struct problems *problems;
	uint8_t salt[SALT_SIZE];
	struct entry entries[ENTRIES_MAX];
	struct report reports[REPORTS_MAX];
};

void login_network(const char *address, char network[LOGIN_NETWORK_SIZE])
{
	struct networks networks;
	struct network *parsed = &networks.network[0];
	char text[NETWORKS_TEXT_SIZE];

	snprintf(network, LOGIN_NETWORK_SIZE, "%s", address);
	if (!networks_parse(bytes_of(address), &networks, NULL) || networks.count != 1 ||
		parsed->size != sizeof parsed->address)
		return;
	parsed->bits = 64;
	memset(parsed->address + 8, 0, 8);
	networks_format(&networks, text);
	snprintf(network, LOGIN_NETWORK_SIZE, "%.49s", text);
}

struct login_guard *login_guard_new(struct problems *problems, struct error *error)
{
	struct login_guard *guard = calloc(1, sizeof *guard);

	if (guard && (guard->mutex = mutex_new(error))) {
		guard->problems = problems;
		random_bytes(guard->salt, sizeof guard->salt);
		return guard;
	}
	error_set_memory(error);
	free(guard);
	return NULL;
}

void login_guard_free(struct login_guard **guard)
{
	if (!*guard)
		return;
	mutex_free(&(*guard)->mutex);
	free(*guard);
	*guard = NULL;
}

static void make_key(const struct login_guard *guard, enum subject subject, struct bytes data,
	uint8_t key[KEY_SIZE])
{
	uint8_t hash[DIGEST_SIZE], kind = (uint8_t)subject;
	struct digest digest;

	digest_init(&digest, "lg login guard");
	digest_update(&digest, bytes_make(guard->salt, sizeof guard->salt));
	digest_update(&digest, bytes_make(&kind, 1));
	digest_update(&digest, data);
	digest_final(&digest, hash);
	memcpy(key, hash, KEY_SIZE);
}

/* Under the mutex, like everything below that takes the guard. NULL: it has not failed within the hour. */
static struct entry *find(struct login_guard *guard, const uint8_t key[KEY_SIZE], int64_t now_us)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &guard->entries[i];

		if (entry->failures && memcmp(entry->key, key, KEY_SIZE) == 0)
			return now_us - entry->since_us < WINDOW_US ? entry : NULL;
	}
	return NULL;
}

/* The entry of that key whose hour is over, a free one, or the one that has not failed for the longest. */
static struct entry *replace(struct login_guard *guard, const uint8_t key[KEY_SIZE])
{
	struct entry *oldest = &guard->entries[0];

	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &guard->entries[i];

		if (entry->failures && memcmp(entry->key, key, KEY_SIZE) == 0)
			return entry;
		if (oldest->failures && (!entry->failures || entry->last_us < oldest->last_us))
			oldest = entry;
	}
	return oldest;
}

static uint32_t failures_of(
	struct login_guard *guard, enum subject subject, struct bytes data, int64_t now_us)
{
	uint8_t key[KEY_SIZE];
	const struct entry *entry;

	make_key(guard, subject, data, key);
	entry = find(guard, key, now_us);
	return entry ? entry->failures : 0;
}

static uint32_t count_failure(
	struct login_guard *guard, enum subject subject, struct bytes data, int64_t now_us)
{
	uint8_t key[KEY_SIZE];
	struct entry *entry;

	make_key(guard, subject, data, key);
	entry = find(guard, key, now_us);
	if (!entry) {
		entry = replace(guard, key);
		*entry = (struct entry){ .since_us = now_us };
		memcpy(entry->key, key, sizeof entry->key);
	}
	entry->last_us = now_us;
	if (entry->failures < UINT32_MAX)
		entry->failures++;
	return entry->failures;
}

/* How long the answer to the failure of that number waits. */
static uint64_t delay_of(uint32_t failure)
{
	uint64_t delay_ms = LOGIN_DELAY_FIRST_MS;

	if (failure <= LOGIN_FREE_FAILURES)
		return 0;
	for (uint32_t i = LOGIN_FREE_FAILURES + 1; i < failure && delay_ms < LOGIN_DELAY_MOST_MS;
		i++)
		delay_ms *= 2;
	return delay_ms < LOGIN_DELAY_MOST_MS ? delay_ms : LOGIN_DELAY_MOST_MS;
}

static uint64_t longer(uint64_t one_ms, uint64_t other_ms)
{
	return one_ms > other_ms ? one_ms : other_ms;
}

/* ---- what a person should know ---- */

static void resolve(struct login_guard *guard, struct report *report)
{
	char id[96];

	snprintf(id, sizeof id, "login-attack %s", report->network);
	problems_resolve(guard->problems, id);
	*report = (struct report){ 0 };
}

static void resolve_old(struct login_guard *guard, int64_t now_us)
{
	for (size_t i = 0; i < REPORTS_MAX; i++) {
		struct report *report = &guard->reports[i];

		if (*report->network && now_us - report->last_us >= REPORT_US)
			resolve(guard, report);
	}
}

/* The network's own, a free one, or the oldest, whose problem then gives way: an attack from many places must
 * not push other problems off the list. */
static struct report *report_for(struct login_guard *guard, const char *network)
{
	struct report *oldest = &guard->reports[0];

	for (size_t i = 0; i < REPORTS_MAX; i++) {
		struct report *report = &guard->reports[i];

		if (strcmp(report->network, network) == 0)
			return report;
		if (*oldest->network && (!*report->network || report->last_us < oldest->last_us))
			oldest = report;
	}
	if (*oldest->network)
		resolve(guard, oldest);
	snprintf(oldest->network, sizeof oldest->network, "%s", network);
	return oldest;
}

static void report(
	struct login_guard *guard, const struct login_attempt *attempt, const char *network)
{
	char id[96], text[512];

	report_for(guard, network)->last_us = attempt->now_us;
	snprintf(id, sizeof id, "login-attack %s", network);
	snprintf(text, sizeof text,
		"%s has sent a wrong mailbox or password %u times or more within an hour.", network,
		attempt->many);
	problems_raise(guard->problems, attempt->wall_now_us, PROBLEM_WARNING, id, text,
		"If it is a program of yours, correct the password that is set there. If not, "
		"block the "
		"address in the firewall; its logins are slowed down already. This ends by itself "
		"a day "
		"after the last attempt.");
}

/* ---- the two answers ---- */

uint64_t login_guard_failed(struct login_guard *guard, const struct login_attempt *attempt)
{
	char network[LOGIN_NETWORK_SIZE];
	uint32_t of_network, of_name;

	login_network(attempt->address, network);
	mutex_lock(guard->mutex);
	of_network = count_failure(guard, NETWORK, bytes_of(network), attempt->now_us);
	of_name = count_failure(guard, NAME, attempt->name, attempt->now_us);
	resolve_old(guard, attempt->now_us);
	if (of_network >= attempt->many)
		report(guard, attempt, network);
	mutex_unlock(guard->mutex);
	return longer(delay_of(of_network), delay_of(of_name));
}

uint64_t login_guard_passed(struct login_guard *guard, const struct login_attempt *attempt)
{
	char network[LOGIN_NETWORK_SIZE];
	uint64_t of_network_ms, of_name_ms;

	login_network(attempt->address, network);
	mutex_lock(guard->mutex);
	/* As the failure that this one is not. */
	of_network_ms =
		delay_of(failures_of(guard, NETWORK, bytes_of(network), attempt->now_us) + 1);
	of_name_ms = delay_of(failures_of(guard, NAME, attempt->name, attempt->now_us) + 1);
	resolve_old(guard, attempt->now_us);
	mutex_unlock(guard->mutex);
	if (!of_network_ms && of_name_ms > LOGIN_DELAY_OF_OTHERS_MS)
		of_name_ms = LOGIN_DELAY_OF_OTHERS_MS;
	return longer(of_network_ms, of_name_ms);
}

uint64_t login_guard_closed_ms(struct login_guard *guard, const struct login_attempt *attempt)
{
	char network[LOGIN_NETWORK_SIZE];
	uint8_t key[KEY_SIZE];
	const struct entry *entry;
	int64_t open_us = attempt->now_us;

	login_network(attempt->address, network);
	mutex_lock(guard->mutex);
	make_key(guard, NETWORK, bytes_of(network), key);
	entry = find(guard, key, attempt->now_us);
	if (entry)
		open_us = entry->last_us + (int64_t)delay_of(entry->failures) * 1000;
	mutex_unlock(guard->mutex);
	return open_us > attempt->now_us ? (uint64_t)(open_us - attempt->now_us + 999) / 1000 : 0;
}
