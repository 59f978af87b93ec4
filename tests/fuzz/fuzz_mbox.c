/* fuzz_mbox.c -- any message as mbox: however it was cut, the file is the same; a reader that takes lines and one
 * ">" off gets the message back, its CRLFs as LF; no line of it can be taken for the next message. The first byte
 * seeds the cuts, the second is the length of the sender. */
#include "mail/mbox.h"

#include "fuzz_stream.h"

enum { TIME_S = 1795493286 }; /* Tue, 24 Nov 2026 04:08:06 UTC */

static void write_message(struct bytes sender, struct bytes message, uint32_t seed, struct buf *out)
{
	struct mbox_writer writer;

	check(mbox_begin(&writer, sender, TIME_S, out));
	while (message.size) {
		const size_t size = fuzz_cut(&seed, message.size), before = out->size;
		uint8_t *memory = fuzz_copy(bytes_head(message, size));

		check(mbox_write(&writer, bytes_make(memory, size), out));
		check(out->size - before <= size + size / 5 + 6);
		message = bytes_skip(message, size);
		free(memory);
	}
	check(mbox_end(&writer, out));
}

/* "From ", one word, and a date in the form of asctime. */
static void check_separator(struct bytes line)
{
	static const char date[] = " Tue Nov 24 04:08:06 2026";
	struct bytes word;

	check(line.size > 5 + strlen(date) && memcmp(line.data, "From ", 5) == 0);
	word = bytes_make(line.data + 5, line.size - 5 - strlen(date));
	check(bytes_equal_text(bytes_skip(line, 5 + word.size), date));
	for (size_t i = 0; i < word.size; i++)
		check(word.data[i] > ' ' && word.data[i] != 127);
}

/* A line that is "From " behind any number of ">" has one of them taken off. */
static struct bytes unquoted(struct bytes line)
{
	size_t quotes = 0;

	while (quotes < line.size && line.data[quotes] == '>')
		quotes++;
	if (line.size - quotes < 5 || memcmp(line.data + quotes, "From ", 5) != 0)
		return line;
	check(quotes > 0);
	return bytes_skip(line, 1);
}

static void append_without_crs(struct bytes message, struct buf *text)
{
	for (size_t i = 0; i < message.size; i++) {
		if (message.data[i] != '\r' || i + 1 == message.size || message.data[i + 1] != '\n')
			check(buf_append_byte(text, message.data[i]));
	}
	if (text->size && text->data[text->size - 1] != '\n')
		check(buf_append_byte(text, '\n'));
}

static void check_reader(struct bytes file, struct bytes message)
{
	struct buf read, wanted;
	struct bytes line;

	buf_init(&read, FUZZ_LOG_MAX);
	buf_init(&wanted, FUZZ_LOG_MAX);
	check(file.size && file.data[file.size - 1] == '\n' && bytes_split(&file, '\n', &line));
	check_separator(line);
	while (file.size) {
		check(bytes_split(&file, '\n', &line));
		check(buf_append(&read, unquoted(line)) && buf_append_byte(&read, '\n'));
	}
	append_without_crs(message, &wanted);
	/* The empty line between messages. */
	check(buf_append_byte(&wanted, '\n'));
	check(bytes_equal(buf_view(&read), buf_view(&wanted)));
	buf_clear(&read);
	buf_clear(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_make(data, size), sender, message;
	struct buf whole, cut;

	if (size < 2)
		return 0;
	sender = bytes_head(bytes_skip(in, 2), data[1]);
	message = bytes_skip(in, 2 + sender.size);
	buf_init(&whole, FUZZ_LOG_MAX);
	buf_init(&cut, FUZZ_LOG_MAX);
	write_message(sender, message, FUZZ_WHOLE, &whole);
	write_message(sender, message, 1 + (uint32_t)data[0], &cut);
	check(bytes_equal(buf_view(&whole), buf_view(&cut)));
	check_reader(buf_view(&whole), message);
	buf_clear(&whole);
	buf_clear(&cut);
	return 0;
}
