/* pop3_listing.c -- produces the multi-line answers of LIST and UIDL (RFC 1939 5, 7).
 *
 * Lines are written straight into the space that is to be sent; only the one that crosses its end
 * waits in `line`. Neither kind of line can begin with a dot, so nothing needs to be doubled. */
#include "pop3_listing_internal.h"

static size_t write_number(uint64_t number, uint8_t *text)
{
	uint8_t digits[20];
	size_t count = 0;

	do {
		digits[count++] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number);
	for (size_t i = 0; i < count; i++)
		text[i] = digits[count - 1 - i];
	return count;
}

size_t pop3_listing_line(enum pop3_listing_kind kind, const struct pop3_message *message,
	size_t number, uint8_t line[POP3_LISTING_LINE_MAX])
{
	size_t size = write_number(number, line);
	char id[ID_TEXT_SIZE];

	line[size++] = ' ';
	if (kind == POP3_LISTING_SIZES) {
		size += write_number(message->size, line + size);
	} else {
		id_text(&message->id, id);
		memcpy(line + size, id, sizeof id - 1);
		size += sizeof id - 1;
	}
	line[size++] = '\r';
	line[size++] = '\n';
	return size;
}

void pop3_listing_start(
	struct pop3_listing *listing, enum pop3_listing_kind kind, struct pop3_maildrop maildrop)
{
	*listing = (struct pop3_listing){ .maildrop = maildrop, .kind = kind, .is_active = true };
}

/* The dot counts as the last line; behind it there is none (0). */
static size_t next_line(struct pop3_listing *listing, uint8_t line[POP3_LISTING_LINE_MAX])
{
	const struct pop3_maildrop *maildrop = &listing->maildrop;

	while (listing->next < maildrop->count && maildrop->messages[listing->next].is_deleted)
		listing->next++;
	if (listing->next < maildrop->count) {
		const struct pop3_message *message = &maildrop->messages[listing->next++];

		return pop3_listing_line(listing->kind, message, listing->next, line);
	}
	if (listing->next > maildrop->count)
		return 0;
	listing->next++;
	memcpy(line, ".\r\n", 3);
	return 3;
}

static size_t take_waiting(struct pop3_listing *listing, uint8_t *space, size_t capacity)
{
	size_t count = listing->line_size - listing->line_sent;

	if (count > capacity)
		count = capacity;
	if (count)
		memcpy(space, listing->line + listing->line_sent, count);
	listing->line_sent += count;
	return count;
}

size_t pop3_listing_pull(struct pop3_listing *listing, uint8_t *space, size_t capacity)
{
	size_t used = take_waiting(listing, space, capacity);

	while (listing->is_active && listing->line_sent == listing->line_size) {
		size_t size;

		if (capacity - used >= POP3_LISTING_LINE_MAX) {
			size = next_line(listing, space + used);
			used += size;
		} else {
			size = next_line(listing, listing->line);
			listing->line_size = size;
			listing->line_sent = 0;
			used += take_waiting(listing, space + used, capacity - used);
		}
		if (!size)
			listing->is_active = false;
	}
	return used;
}
