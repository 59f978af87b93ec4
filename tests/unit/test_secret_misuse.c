/* test_secret_misuse.c -- what the slab does to a process that misuses it, and what the system says
 * about the slab's memory. Each case runs in a child of its own, which starts its own slab. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/secret.h"

enum { SLAB_BYTES = 64 * 1024, FINE = 42 };

/* The sanitizers' run-time libraries make mlock() do nothing and say that it worked. */
#ifdef TEST_IS_SANITIZED
enum { MLOCK_IS_REPLACED = true };
#else
enum { MLOCK_IS_REPLACED = false };
#endif

/* The wait status of a child that runs `run`; its complaints are expected and go nowhere. */
static int status_of(int (*run)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		/* cmocka would catch it and go on with the next test. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		_exit(run());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int free_properly(void)
{
	uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(200);
	secret_free(secret);
	return FINE;
}

static int free_twice(void)
{
	uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(200);
	secret_free(secret);
	secret_free(secret);
	return FINE;
}

static int free_the_middle(void)
{
	uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(200);
	secret_free(secret + 64);
	return FINE;
}

static int free_askew(void)
{
	uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(200);
	secret_free(secret + 1);
	return FINE;
}

static int free_foreign(void)
{
	static uint8_t foreign[64];

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret_free(foreign);
	return FINE;
}

static int write_behind_the_slab(void)
{
	volatile uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(SLAB_BYTES);
	secret[SLAB_BYTES - 1] = 1;
	secret[SLAB_BYTES] = 1;
	return FINE;
}

/* A further slab, with a block in it; the first one is full. */
static uint8_t *take_second_slab(uint8_t **first)
{
	if (!secret_start(SLAB_BYTES, NULL))
		return NULL;
	secret_set_max(2 * SLAB_BYTES);
	*first = secret_new(SLAB_BYTES);
	return *first ? secret_new(SLAB_BYTES) : NULL;
}

static int write_behind_the_second_slab(void)
{
	uint8_t *first;
	volatile uint8_t *secret = take_second_slab(&first);

	if (!secret)
		return FINE;
	secret[SLAB_BYTES - 1] = 1;
	secret[SLAB_BYTES] = 1;
	return FINE;
}

static int free_twice_with_the_slab(void)
{
	uint8_t *first, *secret = take_second_slab(&first);

	if (!secret)
		return FINE;
	secret_free(first);
	secret_free(secret);
	secret_free(secret);
	return FINE;
}

/* Nothing of it is left to be read. */
static int read_a_slab_given_back(void)
{
	uint8_t *first, *secret = take_second_slab(&first);
	volatile uint8_t *gone = secret;

	if (!secret)
		return FINE;
	secret_free(first);
	secret_free(secret);
	return gone[100] == 0 ? FINE : 1;
}

static int write_before_the_slab(void)
{
	volatile uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(SLAB_BYTES);
	secret[0] = 1;
	/* The page in front holds the canary of sodium_malloc(), the one before that is a guard. */
	secret[-2 * (long)sysconf(_SC_PAGESIZE)] = 1;
	return FINE;
}

static void test_misuse_ends_the_process(void **state)
{
	static const struct {
		int (*run)(void);
		bool is_told_by_us; /* else a guard page does, and a sanitizer may catch that */
	} rows[] = {
		{ free_twice, true },
		{ free_the_middle, true },
		{ free_askew, true },
		{ free_foreign, true },
		{ write_behind_the_slab, false },
		{ write_before_the_slab, false },
		{ free_twice_with_the_slab, true },
		{ write_behind_the_second_slab, false },
		{ read_a_slab_given_back, false },
	};
	int status = status_of(free_properly);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		status = status_of(rows[i].run);
		if (rows[i].is_told_by_us)
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		else
			assert_false(WIFEXITED(status) && WEXITSTATUS(status) == FINE);
	}
}

static int start_without_the_right_to_lock(void)
{
	uint8_t *secret;

	/* Root may lock whatever the limit says. */
	if (geteuid() == 0 && setuid(65534) != 0)
		return 1;
	if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 }) != 0)
		return 1;
	if (!secret_start(SLAB_BYTES, NULL) || secret_is_locked())
		return 1;
	secret = secret_new(100);
	if (!secret)
		return 1;
	secret_free(secret);
	return FINE;
}

static void test_a_refused_lock_is_told(void **state)
{
	int status;

	(void)state;
	if (MLOCK_IS_REPLACED)
		skip();
	status = status_of(start_without_the_right_to_lock);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

/* The limit lets the first slab be locked, and not a second one. */
static int grow_without_the_right_to_lock(void)
{
	const rlim_t enough_for_one = 2 * SLAB_BYTES;
	uint8_t *first, *second;

	if (geteuid() == 0 && setuid(65534) != 0)
		return 1;
	if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ enough_for_one, enough_for_one }) != 0)
		return 1;
	if (!secret_start(SLAB_BYTES, NULL) || !secret_is_locked())
		return 2;
	second = take_second_slab(&first);
	if (!second || secret_is_locked())
		return 3;
	memset(second, 1, SLAB_BYTES);
	secret_free(first);
	secret_free(second);
	/* What could not be locked is gone. */
	return secret_slab_count() == 1 && secret_is_locked() ? FINE : 4;
}

static void test_a_refused_lock_of_a_further_slab_is_told(void **state)
{
	int status;

	(void)state;
	if (MLOCK_IS_REPLACED)
		skip();
	status = status_of(grow_without_the_right_to_lock);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

/* The flags of the mapping that holds `address` (proc(5), VmFlags), or false. */
static bool mapping_flags(const void *address, char *flags, size_t capacity)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool is_inside = false, found = false;
	unsigned long from, to;
	char line[512];

	if (!maps)
		return false;
	while (!found && fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_inside = (uintptr_t)address >= from && (uintptr_t)address < to;
		else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
			found = snprintf(flags, capacity, "%s", line) > 0;
	}
	fclose(maps);
	return found;
}

static int look_at_the_mapping(void)
{
	char flags[512];
	uint8_t *secret;

	if (!secret_start(SLAB_BYTES, NULL))
		return 1;
	secret = secret_new(SLAB_BYTES);
	if (!secret || !mapping_flags(secret, flags, sizeof flags))
		return 2;
	/* "dd": not in core dumps; "lo": locked. */
	if (!strstr(flags, " dd"))
		return 3;
	return !!strstr(flags, " lo") == secret_is_locked() ? FINE : 4;
}

static int look_at_the_second_mapping(void)
{
	uint8_t *first, *secret = take_second_slab(&first);
	char flags[512];

	if (!secret || !mapping_flags(secret, flags, sizeof flags) || !strstr(flags, " dd"))
		return 1;
	return !!strstr(flags, " lo") == secret_is_locked() ? FINE : 2;
}

/* As many as the gateway allows itself, under the limit that Linux has by default. */
static int lock_all_slabs(void)
{
	const rlim_t usual = 8 * 1024 * 1024;
	size_t count = 0;

	if (geteuid() == 0 && setuid(65534) != 0)
		return 1;
	if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ usual, usual }) != 0)
		return FINE; /* this machine allows less */
	if (!secret_start(SECRET_SLAB_BYTES, NULL))
		return 2;
	secret_set_max(SECRET_MAX_BYTES);
	while (secret_new(SECRET_SLAB_BYTES))
		count++;
	return count == SECRET_MAX_BYTES / SECRET_SLAB_BYTES && secret_is_locked() ? FINE : 3;
}

static void test_all_slabs_can_be_locked(void **state)
{
	int status;

	(void)state;
	if (MLOCK_IS_REPLACED)
		skip();
	status = status_of(lock_all_slabs);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

static void test_what_the_system_says(void **state)
{
	int status;

	(void)state;
	if (MLOCK_IS_REPLACED || access("/proc/self/smaps", R_OK) != 0)
		skip();
	status = status_of(look_at_the_mapping);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
	status = status_of(look_at_the_second_mapping);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

static int start_with_nothing(void)
{
	struct error error = { .kind = ERROR_NONE };

	if (secret_start(0, &error) || error.kind != ERROR_INVALID)
		return 1;
	/* A failed start can be made good. */
	return secret_start(SLAB_BYTES, &error) ? FINE : 1;
}

static void test_no_size(void **state)
{
	int status = status_of(start_with_nothing);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_misuse_ends_the_process),
		cmocka_unit_test(test_a_refused_lock_is_told),
		cmocka_unit_test(test_a_refused_lock_of_a_further_slab_is_told),
		cmocka_unit_test(test_all_slabs_can_be_locked),
		cmocka_unit_test(test_what_the_system_says),
		cmocka_unit_test(test_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
