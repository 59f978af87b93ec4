/* id.c -- ids as text and back. */
#include "base/id.h"

static const char mailbox_prefix[] = "mbx-";

void id_text(const struct id *id, char text[ID_TEXT_SIZE])
{
	hex_encode(bytes_make(id->bytes, sizeof id->bytes), text);
}

bool id_parse(struct bytes text, struct id *id)
{
	return hex_decode(text, id->bytes, sizeof id->bytes);
}

void mailbox_id_text(const struct id *id, char text[MAILBOX_ID_TEXT_SIZE])
{
	memcpy(text, mailbox_prefix, sizeof mailbox_prefix - 1);
	id_text(id, text + sizeof mailbox_prefix - 1);
}

bool mailbox_id_parse(struct bytes text, struct id *id)
{
	return bytes_starts_with_nocase(text, mailbox_prefix) &&
	       id_parse(bytes_skip(text, sizeof mailbox_prefix - 1), id);
}
