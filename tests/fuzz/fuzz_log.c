/* fuzz_log.c -- what a peer sent, quoted and masked for the log. The quoted text is printable and says what it was; a
 * masked line keeps within its space; and whatever stands in front of addresses, they are shortened, and it comes out as it
 * does without them. The first byte is the size of a small space. */
#include "log_internal.h"

#include "fuzz_stream.h"

enum { TEXT_MAX = 4096 };

static bool is_printable(uint8_t c)
{
	return c >= ' ' && c < 127;
}

/* As long as there was room: "\xHH" and everything else as it is. */
static void check_quoted(struct bytes value)
{
	char quoted[LOG_QUOTED_SIZE];
	struct bytes rest = bytes_of(log_quote(value, quoted));
	size_t count = 0;

	check(rest.size >= 2 && rest.size < LOG_QUOTED_SIZE);
	check(rest.data[0] == '"' && rest.data[rest.size - 1] == '"');
	rest = bytes_head(bytes_skip(rest, 1), rest.size - 2);
	while (rest.size) {
		uint8_t octet = rest.data[0];
		size_t size = 1;

		check(is_printable(octet) && octet != '"');
		if (octet == '\\') {
			size = 4;
			check(rest.size >= 4 && rest.data[1] == 'x');
			check(hex_decode(bytes_make(rest.data + 2, 2), &octet, 1));
		}
		check(count < value.size && value.data[count++] == octet);
		rest = bytes_skip(rest, size);
	}
	check(count == value.size || count >= 40);
}

/* Each letter has at most three octets for it. */
static struct bytes masked(const char *line, char text[3 * TEXT_MAX])
{
	log_mask(line, text, 3 * TEXT_MAX);
	return bytes_of(text);
}

static void check_small(const char *line, size_t capacity)
{
	char *space = malloc(capacity);

	check(space != NULL);
	log_mask(line, space, capacity);
	check(memchr(space, '\0', capacity) != NULL);
	free(space);
}

/* Of a person, and of computers. */
static const char addresses[] = " <secret@a.example> [203.0.113.77]:25 peer=2001:db8:7:1::77";
static const char shortened[] = " <s\xe2\x80\xa6@a.example> [203.0.113.x]:25 peer=2001:db8:7::x";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[TEXT_MAX], alone[3 * TEXT_MAX], with[3 * TEXT_MAX];
	struct bytes value, before, both;

	if (!size)
		return 0;
	value = bytes_make(data + 1, size - 1);
	check_quoted(value);
	if (!bytes_copy_text(value, line, sizeof line - sizeof addresses))
		return 0;
	check_small(line, 1 + (size_t)data[0]);
	before = masked(line, alone);
	strcat(line, addresses);
	both = masked(line, with);
	check(both.size == before.size + strlen(shortened));
	check(bytes_equal(bytes_head(both, before.size), before));
	check(bytes_equal_text(bytes_skip(both, before.size), shortened));
	return 0;
}
