/* fuzz_sasl.c -- an exchange: the mechanism's name, then the client's responses, one a line. What is complete
 * has a name and a password without NUL, and encodes back to what was sent: strict base64 has one form. */
#include "proto/sasl.h"

#include "base/base64.h"
#include "fuzz_stream.h"

enum { NAME_CAPACITY = 32 };

static bool encodes_to(struct bytes message, struct bytes text)
{
	struct buf encoded;
	bool is_equal;

	buf_init(&encoded, FUZZ_LOG_MAX);
	is_equal = base64_encode(message, &encoded) && bytes_equal(buf_view(&encoded), text);
	buf_clear(&encoded);
	return is_equal;
}

static bool is_whole(struct bytes part)
{
	return part.size > 0 && bytes_find(part, 0) == part.size;
}

/* The last response was decoded in place: its message ends where the password does. */
static void check_complete(const struct sasl *sasl, struct bytes response, const uint8_t *decoded)
{
	struct bytes message =
		bytes_make(decoded, (size_t)(sasl->password.data - decoded) + sasl->password.size);

	check(is_whole(sasl->user) && is_whole(sasl->password));
	check(sasl->user.size <= NAME_CAPACITY);
	check(message.size <= response.size && encodes_to(message, response));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_make(data, size), line;
	const struct sasl_mechanism *mechanism;
	enum sasl_outcome outcome = SASL_CONTINUES;
	uint8_t *name_space = calloc(1, NAME_CAPACITY), *texts[8] = { NULL };
	size_t count = 0;
	struct sasl sasl;

	check(name_space != NULL);
	mechanism = bytes_split(&rest, '\n', &line) ? sasl_find(line) : NULL;
	if (mechanism) {
		sasl_begin(&sasl, mechanism, name_space, NAME_CAPACITY);
		while (outcome == SASL_CONTINUES && bytes_split(&rest, '\n', &line)) {
			check(count < sizeof texts / sizeof texts[0]);
			check(bytes_find(bytes_of(sasl_challenge(&sasl)), '\n') ==
				strlen(sasl_challenge(&sasl)));
			texts[count] = fuzz_copy(line);
			outcome = sasl_respond(&sasl, texts[count], line.size);
			if (outcome == SASL_COMPLETE)
				check_complete(&sasl, line, texts[count]);
			count++;
		}
		sasl_end(&sasl);
	}
	for (size_t i = 0; i < NAME_CAPACITY; i++)
		check(name_space[i] == 0);
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(name_space);
	return 0;
}
