/* fault_letters.c -- see the header. */
#include "fault_letters.h"

#include <stdio.h>

static const char mark[] = "X-Fault: ";

struct letter *letters_new(struct letters *letters, size_t size, unsigned targets)
{
	struct letter *letter;

	if (letters->count == LETTERS_MAX)
		return NULL;
	letter = &letters->list[letters->count++];
	*letter = (struct letter){ .size = size, .targets = targets };
	return letter;
}

/* Letters that differ in every line. */
bool letters_content(const struct letters *letters, const struct letter *letter,
	struct buf *content, struct error *error)
{
	unsigned number = (unsigned)(letter - letters->list);
	bool ok;

	buf_init(content, letter->size + 1000);
	ok = buf_printf(content, "%s%u\r\nSubject: fault\r\n\r\n", mark, number);
	for (unsigned i = 0; ok && content->size < letter->size; i++)
		ok = buf_printf(content,
			"letter %u line %u: the quick brown fox jumps over the lazy dog\r\n",
			number, i);
	return ok || error_set_memory(error);
}

/* The letter, and its content in the message, which trace fields precede. */
static struct letter *find(struct letters *letters, struct bytes message, struct bytes *content)
{
	const uint8_t *place = memmem(message.data, message.size, mark, strlen(mark));
	uint64_t number = 0;
	struct bytes rest, line;

	if (!place)
		return NULL;
	*content = bytes_skip(message, (size_t)(place - message.data));
	rest = bytes_skip(*content, strlen(mark));
	if (!bytes_split(&rest, '\r', &line) ||
		!bytes_parse_number(line, LETTERS_MAX - 1, &number) || number >= letters->count)
		return NULL;
	return &letters->list[number];
}

static bool is_same(const struct letters *letters, const struct letter *letter,
	struct bytes content, struct error *error)
{
	struct buf sent;
	bool ok = letters_content(letters, letter, &sent, error);

	if (ok && !bytes_equal(buf_view(&sent), content))
		ok = error_set(error, ERROR_CORRUPT, "letter %u came back changed",
			(unsigned)(letter - letters->list));
	buf_clear(&sent);
	return ok;
}

void letters_expect(struct letters *letters, unsigned mailbox)
{
	for (size_t i = 0; i < letters->count; i++)
		letters->list[i].found &= ~(1u << mailbox);
}

bool letters_found(
	struct letters *letters, unsigned mailbox, struct bytes message, struct error *error)
{
	struct bytes content;
	struct letter *letter = find(letters, message, &content);
	unsigned bit = 1u << mailbox;
	const char *why = NULL;

	if (!letter)
		return error_set(error, ERROR_CORRUPT, "a message is none that was sent");
	if (!(letter->targets & bit))
		why = "was not sent to this mailbox";
	else if (letter->deleted & bit)
		why = "was deleted for certain and is back";
	else if (letter->found & bit)
		why = "is there twice";
	letter->found |= bit;
	if (why)
		return error_set(error, ERROR_CORRUPT, "letter %u %s",
			(unsigned)(letter - letters->list), why);
	return is_same(letters, letter, content, error);
}

bool letters_complete(const struct letters *letters, unsigned mailbox, struct error *error)
{
	unsigned bit = 1u << mailbox;

	for (size_t i = 0; i < letters->count; i++) {
		const struct letter *letter = &letters->list[i];

		if (letter->is_answered && letter->targets & bit &&
			!((letter->asked | letter->found) & bit))
			return error_set(
				error, ERROR_CORRUPT, "letter %zu was answered 250 and is lost", i);
	}
	return true;
}

void letters_ask(struct letters *letters, unsigned mailbox)
{
	for (size_t i = 0; i < letters->count; i++)
		letters->list[i].asked |= letters->list[i].found & 1u << mailbox;
}

void letters_delete(struct letters *letters, unsigned mailbox)
{
	for (size_t i = 0; i < letters->count; i++)
		letters->list[i].deleted |= letters->list[i].found & 1u << mailbox;
}
