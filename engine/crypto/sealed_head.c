/* sealed_head.c -- reads the fields in front of the stream. A size that is read is compared, and never allocated. */
#include "crypto/sealed_head.h"

#include "base/reader.h"
#include "sealed_format_internal.h"

static bool is_none(struct error *error)
{
	return error_set(error, ERROR_CORRUPT, "this is not a stored message, or not a whole one");
}

/* The content of a stream of that many octets: whole chunks and a last one, which is empty only when it is alone. */
static bool content_of(uint64_t stream_size, uint64_t *size)
{
	uint64_t chunks = (stream_size + SEALED_CHUNK_MAX - 1) / SEALED_CHUNK_MAX;
	uint64_t last = chunks ? stream_size - (chunks - 1) * SEALED_CHUNK_MAX : 0;

	if (last < SEAL_CHUNK_OVERHEAD || (last == SEAL_CHUNK_OVERHEAD && chunks > 1))
		return false;
	*size = stream_size - chunks * SEAL_CHUNK_OVERHEAD;
	return true;
}

static bool read_target(struct reader *reader, struct sealed_head_target *target)
{
	size_t envelope;

	reader_copy(reader, target->mailbox.bytes, sizeof target->mailbox.bytes);
	reader_copy(reader, target->message.bytes, sizeof target->message.bytes);
	envelope = reader_u16(reader);
	reader_view(reader, envelope);
	target->size = envelope - ENVELOPE_MIN;
	return !reader->failed && envelope >= ENVELOPE_MIN && envelope <= ENVELOPE_MAX;
}

bool sealed_head_read(
	struct bytes beginning, uint64_t size, struct sealed_head *head, struct error *error)
{
	struct reader reader;
	uint64_t content = 0;
	uint16_t version;

	*head = (struct sealed_head){ .target_count = 0 };
	reader_init(&reader, beginning);
	if (!bytes_equal_text(reader_view(&reader, SEALED_MAGIC_SIZE), SEALED_MAGIC))
		return is_none(error);
	version = reader_u16(&reader);
	if (version != SEALED_VERSION)
		return error_set(error, ERROR_CORRUPT,
			"the stored message has format %u, this version knows %d", version,
			SEALED_VERSION);
	reader_copy(&reader, head->body.bytes, sizeof head->body.bytes);
	head->target_count = reader_u8(&reader);
	if (!head->target_count || head->target_count > SEAL_TARGETS_MAX)
		return is_none(error);
	for (size_t i = 0; i < head->target_count; i++) {
		if (!read_target(&reader, &head->targets[i]))
			return is_none(error);
	}
	reader_view(&reader, SEALED_STREAM_HEADER_SIZE);
	if (reader.failed || size < beginning.size ||
		!content_of(size - (beginning.size - reader.rest.size), &content))
		return is_none(error);
	for (size_t i = 0; i < head->target_count; i++)
		head->targets[i].size += content;
	return true;
}
