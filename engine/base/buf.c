/* buf.c -- growth by doubling up to the maximum, consumption from the front. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST_CAPACITY = 64 };

void memory_wipe(void *memory, size_t size)
{
	volatile uint8_t *byte = memory;

	while (size--)
		*byte++ = 0;
}

void buf_init(struct buf *buf, size_t maximum)
{
	*buf = (struct buf){ .maximum = maximum };
}

void buf_clear(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->maximum);
}

void buf_wipe(struct buf *buf)
{
	if (buf->data)
		memory_wipe(buf->data, buf->capacity);
	buf_clear(buf);
}

bool buf_reserve(struct buf *buf, size_t count, uint8_t **space)
{
	size_t capacity = buf->capacity ? buf->capacity : SMALLEST_CAPACITY;
	uint8_t *data;

	if (count > buf->maximum - buf->size)
		return false;
	if (count > buf->capacity - buf->size) {
		while (capacity - buf->size < count)
			capacity *= 2;
		if (capacity > buf->maximum)
			capacity = buf->maximum;
		data = realloc(buf->data, capacity);
		if (!data)
			return false;
		buf->data = data;
		buf->capacity = capacity;
	}
	/* Nothing wanted of an empty buffer: there is no array to point into. */
	*space = buf->data ? buf->data + buf->size : NULL;
	return true;
}

void buf_commit(struct buf *buf, size_t count)
{
	assert(count <= buf->capacity - buf->size);
	buf->size += count;
}

bool buf_append(struct buf *buf, struct bytes bytes)
{
	uint8_t *space;

	if (!bytes.size)
		return true;
	if (!buf_reserve(buf, bytes.size, &space))
		return false;
	memcpy(space, bytes.data, bytes.size);
	buf->size += bytes.size;
	return true;
}

bool buf_append_text(struct buf *buf, const char *text)
{
	return buf_append(buf, bytes_of(text));
}

bool buf_append_byte(struct buf *buf, uint8_t byte)
{
	return buf_append(buf, bytes_make(&byte, 1));
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
	uint8_t *space;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* One more than the text, since vsnprintf insists on its NUL. */
	if (length < 0 || !buf_reserve(buf, (size_t)length + 1, &space))
		return false;
	va_start(args, format);
	vsnprintf((char *)space, (size_t)length + 1, format, args);
	va_end(args);
	buf->size += (size_t)length;
	return true;
}

void buf_consume(struct buf *buf, size_t count)
{
	assert(count <= buf->size);
	buf->size -= count;
	if (buf->size)
		memmove(buf->data, buf->data + count, buf->size);
}

const char *buf_text(struct buf *buf)
{
	uint8_t *space;

	if (!buf_reserve(buf, 1, &space))
		return NULL;
	assert(space);
	*space = '\0';
	return (const char *)buf->data;
}

static bool append_integer(struct buf *buf, uint64_t value, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
	return buf_append(buf, bytes_make(bytes, size));
}

bool buf_append_u16(struct buf *buf, uint16_t value)
{
	return append_integer(buf, value, 2);
}

bool buf_append_u32(struct buf *buf, uint32_t value)
{
	return append_integer(buf, value, 4);
}

bool buf_append_u64(struct buf *buf, uint64_t value)
{
	return append_integer(buf, value, 8);
}
