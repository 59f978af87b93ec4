/* buf.h -- a growing byte buffer that cannot grow past its maximum.
 *
 * The maximum is part of the type on purpose: a peer decides how much it sends, the code decides how
 * much it keeps. Appending past the maximum, or when memory runs out, returns false and leaves the
 * content as it was. */
#ifndef LG_BASE_BUF_H
#define LG_BASE_BUF_H

#include "base/bytes.h"
#include "base/error.h"

struct buf {
	uint8_t *data;
	size_t size;
	size_t capacity;
	size_t maximum;
};

void buf_init(struct buf *buf, size_t maximum); /* no allocation yet */
void buf_clear(struct buf *buf);		/* frees; the maximum stays */
void buf_wipe(struct buf *buf);			/* overwrites, then frees */

static inline struct bytes buf_view(const struct buf *buf)
{
	return (struct bytes){ buf->data, buf->size };
}

bool buf_append(struct buf *buf, struct bytes bytes);
bool buf_append_text(struct buf *buf, const char *text);
bool buf_append_byte(struct buf *buf, uint8_t byte);
bool buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for `count` more bytes behind the content; *space is valid until the next call.
 * buf_commit() then says how many of them were filled. */
bool buf_reserve(struct buf *buf, size_t count, uint8_t **space);
void buf_commit(struct buf *buf, size_t count);
/* Drops the first `count` bytes. */
void buf_consume(struct buf *buf, size_t count);
/* NUL-terminates behind the content (the NUL is not counted); NULL when that does not fit. */
const char *buf_text(struct buf *buf);
/* Big-endian integers, the byte order of every format in this project. */
bool buf_append_u16(struct buf *buf, uint16_t value);
bool buf_append_u32(struct buf *buf, uint32_t value);
bool buf_append_u64(struct buf *buf, uint64_t value);

/* Overwrites memory in a way that the compiler may not remove. */
void memory_wipe(void *memory, size_t size);

#endif
