/* reader.c -- bounded reads from the front of a view. */
#include "base/reader.h"

void reader_init(struct reader *reader, struct bytes view)
{
	*reader = (struct reader){ .rest = view };
}

struct bytes reader_view(struct reader *reader, size_t size)
{
	struct bytes view;

	if (reader->failed || size > reader->rest.size) {
		reader->failed = true;
		return (struct bytes){ NULL, 0 };
	}
	view = bytes_head(reader->rest, size);
	reader->rest = bytes_skip(reader->rest, size);
	return view;
}

void reader_copy(struct reader *reader, void *data, size_t size)
{
	struct bytes view = reader_view(reader, size);

	if (view.size)
		memcpy(data, view.data, size);
	else
		memset(data, 0, size);
}

static uint64_t integer(struct reader *reader, size_t size)
{
	struct bytes view = reader_view(reader, size);
	uint64_t value = 0;

	for (size_t i = 0; i < view.size; i++)
		value = value << 8 | view.data[i];
	return value;
}

uint8_t reader_u8(struct reader *reader)
{
	return (uint8_t)integer(reader, 1);
}

uint16_t reader_u16(struct reader *reader)
{
	return (uint16_t)integer(reader, 2);
}

uint32_t reader_u32(struct reader *reader)
{
	return (uint32_t)integer(reader, 4);
}

uint64_t reader_u64(struct reader *reader)
{
	return integer(reader, 8);
}

bool reader_is_complete(const struct reader *reader)
{
	return !reader->failed && reader->rest.size == 0;
}
