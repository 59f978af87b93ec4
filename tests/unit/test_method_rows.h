/* test_method_rows.h -- a method table of the tests, linked in the place of the real one: methods that begin transfers
 * whose content is known, and one with every form of parameter, which answers with what it got. */
#ifndef LG_TESTS_METHOD_ROWS_H
#define LG_TESTS_METHOD_ROWS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Of entry `index`, at that place. */
uint8_t test_octet(size_t index, size_t place);

/* Contexts of sources and sinks that were not freed yet, and those that came to their end. */
extern atomic_int test_open_count, test_finished_count;

#endif
