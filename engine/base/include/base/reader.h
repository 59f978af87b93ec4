/* reader.h -- takes fixed-size fields off the front of a view, for the project's binary formats.
 *
 * A read past the end makes the reader fail for good and returns zeros, so that a parser reads all
 * its fields and checks once. */
#ifndef LG_BASE_READER_H
#define LG_BASE_READER_H

#include "base/bytes.h"

struct reader {
	struct bytes rest;
	bool failed;
};

void reader_init(struct reader *reader, struct bytes view);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader); /* big-endian, as buf_append_u16 writes */
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
void reader_copy(struct reader *reader, void *data, size_t size);
struct bytes reader_view(struct reader *reader, size_t size); /* borrows from the input */
/* Nothing failed and nothing is left. */
bool reader_is_complete(const struct reader *reader);

#endif
