/* fuzz_header_find.c -- a field in any message: what is found does not depend on how the message was cut, and is
 * what a reader finds that has all of it and goes line by line. The first byte seeds the cuts and picks the
 * name. */
#include "mail/header_find.h"

#include "fuzz_stream.h"

static const char *const names[] = { "X-OriginatorOrg", "To", "X", "Message-Id" };

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Of a whole message: the value as it is in *value, blanks around it and all; false when there is no such field. */
static bool find_slowly(struct bytes message, const char *name, struct buf *value)
{
	const size_t length = strlen(name);
	struct bytes line;
	bool is_found = false;

	while (message.size) {
		size_t at = length;

		line = bytes_head(message, bytes_find(message, '\n'));
		if (is_found && (!line.size || !is_blank(line.data[0])))
			return true;
		if (!line.size || bytes_equal_text(line, "\r"))
			return false;
		if (is_found) {
			check(buf_append(value, line));
		} else if (line.size > length &&
			   bytes_equal_nocase(bytes_head(line, length), bytes_of(name))) {
			while (at < line.size && is_blank(line.data[at]))
				at++;
			if (at < line.size && line.data[at] == ':') {
				/* Nothing behind the colon, not even a line's end: it is not there yet. */
				if (at + 1 == message.size)
					return false;
				is_found = true;
				check(buf_append(value, bytes_skip(line, at + 1)));
			}
		}
		message = bytes_skip(message, line.size + 1);
	}
	return is_found;
}

/* Without CRs, without blanks around it, and cut to what there is room for. */
static struct bytes reduced(struct bytes value, uint8_t space[HEADER_VALUE_SIZE])
{
	size_t size = 0;

	for (size_t i = 0; i < value.size && size < HEADER_VALUE_SIZE - 1; i++) {
		if (value.data[i] != '\r' && (size || !is_blank(value.data[i])))
			space[size++] = value.data[i];
	}
	while (size && is_blank(space[size - 1]))
		size--;
	return bytes_make(space, size);
}

static void feed(struct header_find *find, struct bytes message, uint32_t seed)
{
	while (message.size) {
		const size_t size = fuzz_cut(&seed, message.size);
		uint8_t *memory = fuzz_copy(bytes_head(message, size));

		header_find_feed(find, bytes_make(memory, size));
		message = bytes_skip(message, size);
		free(memory);
	}
}

/* A NUL in the value ends it for the driver; what is behind it counts here all the same. */
static void check_value(struct header_find *find, bool is_there, struct bytes wanted)
{
	const char *value = header_find_value(find);

	check(is_there == (value != NULL));
	check(!value || (value[find->value_size] == '\0' &&
				bytes_equal(bytes_make(value, find->value_size), wanted)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t space[HEADER_VALUE_SIZE];
	struct header_find whole, cut;
	struct bytes message;
	struct buf value;
	const char *name;
	bool is_there;

	if (!size)
		return 0;
	message = bytes_make(data + 1, size - 1);
	name = names[data[0] % (sizeof names / sizeof names[0])];
	header_find_init(&whole, name);
	header_find_init(&cut, name);
	feed(&whole, message, FUZZ_WHOLE);
	feed(&cut, message, 1 + (uint32_t)data[0]);
	check(header_find_is_done(&whole) == header_find_is_done(&cut));
	buf_init(&value, FUZZ_LOG_MAX);
	is_there = find_slowly(message, name, &value);
	check_value(&whole, is_there, reduced(buf_view(&value), space));
	check_value(&cut, is_there, reduced(buf_view(&value), space));
	buf_clear(&value);
	return 0;
}
