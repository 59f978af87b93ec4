/* test_outbox.c -- bytes that wait to be pulled: in their order, all or nothing, and nothing is left of them in the
 * memory once they were taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "outbox_internal.h"

enum { CAPACITY = 8 };

struct fixed {
	uint8_t data[CAPACITY];
	struct outbox outbox;
};

static struct fixed make(void)
{
	return (struct fixed){ .data = { 0 } };
}

static bool append(struct fixed *fixed, const char *text)
{
	return outbox_append(&fixed->outbox, bytes_of(text));
}

static void take(struct fixed *fixed, size_t capacity, const char *wanted)
{
	uint8_t space[2 * CAPACITY];

	assert_int_equal(outbox_take(&fixed->outbox, space, capacity), strlen(wanted));
	assert_memory_equal(space, wanted, strlen(wanted));
}

/* Outside of what waits there is nothing. */
static void assert_holds(const struct fixed *fixed, const char *wanted)
{
	const struct outbox *outbox = &fixed->outbox;

	assert_int_equal(outbox->size, strlen(wanted));
	assert_int_equal(outbox_room(outbox), CAPACITY - strlen(wanted));
	assert_memory_equal(fixed->data + outbox->start, wanted, strlen(wanted));
	for (size_t i = 0; i < CAPACITY; i++) {
		if (i < outbox->start || i >= outbox->start + outbox->size)
			assert_int_equal(fixed->data[i], 0);
	}
}

static void test_in_order_and_wiped(void **state)
{
	struct fixed fixed = make();

	(void)state;
	outbox_init(&fixed.outbox, fixed.data, CAPACITY);
	take(&fixed, CAPACITY, "");
	assert_true(append(&fixed, ""));
	assert_true(append(&fixed, "abc"));
	assert_true(append(&fixed, "def"));
	assert_holds(&fixed, "abcdef");
	take(&fixed, 0, "");
	take(&fixed, 2, "ab");
	assert_holds(&fixed, "cdef");
	/* More than stands behind it: what waits goes to the front. */
	assert_true(append(&fixed, "ghij"));
	assert_holds(&fixed, "cdefghij");
	take(&fixed, 5, "cdefg");
	assert_holds(&fixed, "hij");
	take(&fixed, 2 * CAPACITY, "hij");
	assert_holds(&fixed, "");
	/* Empty, it begins at the front again. */
	assert_true(append(&fixed, "12345678"));
	assert_holds(&fixed, "12345678");
	take(&fixed, CAPACITY, "12345678");
	assert_holds(&fixed, "");
}

static void test_all_or_nothing(void **state)
{
	struct fixed fixed = make();

	(void)state;
	outbox_init(&fixed.outbox, fixed.data, CAPACITY);
	assert_false(append(&fixed, "123456789"));
	assert_holds(&fixed, "");
	assert_true(append(&fixed, "123456"));
	assert_false(append(&fixed, "789"));
	assert_holds(&fixed, "123456");
	take(&fixed, 3, "123");
	assert_false(append(&fixed, "abcdef"));
	assert_holds(&fixed, "456");
	assert_true(append(&fixed, "abcde"));
	assert_holds(&fixed, "456abcde");
	assert_true(append(&fixed, ""));
	assert_false(append(&fixed, "f"));
	assert_holds(&fixed, "456abcde");
}

static void test_wiping(void **state)
{
	struct fixed fixed = make();

	(void)state;
	outbox_init(&fixed.outbox, fixed.data, CAPACITY);
	assert_true(append(&fixed, "secret"));
	take(&fixed, 2, "se");
	outbox_wipe(&fixed.outbox);
	assert_holds(&fixed, "");
	take(&fixed, CAPACITY, "");
	assert_true(append(&fixed, "12345678"));
	assert_holds(&fixed, "12345678");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order_and_wiped),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_wiping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
