/* header_find.c -- one octet at a time, so that it does not matter where the message is cut. Only the header
 * is walked through: the body is left at its first octet. */
#include "mail/header_find.h"

#include <assert.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

void header_find_init(struct header_find *find, const char *name)
{
	assert(strlen(name) >= 1 && strlen(name) <= HEADER_NAME_MAX);
	*find = (struct header_find){ .name = name };
}

static void take_value(struct header_find *find, uint8_t c)
{
	/* Blanks in front are not part of it; a CR is the line's end or nothing that a value has. */
	if (c == '\r' || (is_blank(c) && !find->value_size))
		return;
	if (find->value_size < sizeof find->value - 1)
		find->value[find->value_size++] = (char)c;
}

static void start_line(struct header_find *find, uint8_t c)
{
	if (c == '\r' && !find->has_cr) {
		find->has_cr = true;
		return;
	}
	if (c == '\n') {
		find->state = HEADER_DONE;
		return;
	}
	find->matched = lower(c) == lower((uint8_t)find->name[0]) && !find->has_cr;
	find->has_cr = false;
	find->state = find->matched ? HEADER_NAME : HEADER_OTHER;
}

/* Blanks between name and colon are obsolete and taken (RFC 5322 4.5). */
static void match_name(struct header_find *find, uint8_t c)
{
	bool is_whole = !find->name[find->matched];

	if (c == '\n')
		find->state = HEADER_LINE_START;
	else if (is_whole && c == ':')
		find->state = HEADER_VALUE;
	else if (!is_whole && lower(c) == lower((uint8_t)find->name[find->matched]))
		find->matched++;
	else if (!is_whole || !is_blank(c))
		find->state = HEADER_OTHER;
}

static void step(struct header_find *find, uint8_t c)
{
	switch (find->state) {
	case HEADER_LINE_START:
		start_line(find, c);
		break;
	case HEADER_NAME:
		match_name(find, c);
		break;
	case HEADER_OTHER:
		if (c == '\n')
			find->state = HEADER_LINE_START;
		break;
	case HEADER_VALUE:
		find->is_found = true;
		if (c == '\n')
			find->state = HEADER_VALUE_END;
		else
			take_value(find, c);
		break;
	case HEADER_VALUE_END:
		find->state = is_blank(c) ? HEADER_VALUE : HEADER_DONE;
		if (is_blank(c))
			take_value(find, c);
		break;
	case HEADER_DONE:
		break;
	}
}

void header_find_feed(struct header_find *find, struct bytes piece)
{
	for (size_t i = 0; i < piece.size && find->state != HEADER_DONE; i++)
		step(find, piece.data[i]);
}

bool header_find_is_done(const struct header_find *find)
{
	return find->state == HEADER_DONE;
}

const char *header_find_value(struct header_find *find)
{
	if (!find->is_found)
		return NULL;
	while (find->value_size && is_blank((uint8_t)find->value[find->value_size - 1]))
		find->value_size--;
	find->value[find->value_size] = '\0';
	return find->value;
}
