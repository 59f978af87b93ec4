/* lent_line.c -- two views in turn. */
#include "lent_line_internal.h"

#include <assert.h>

void lent_line_lend(struct lent_line *line, struct bytes text)
{
	assert(line->state == LENT_LINE_WANTED);
	line->text = text;
	line->end = bytes_of("\r\n");
	line->state = LENT_LINE_LENT;
}

static size_t take(struct bytes *from, uint8_t *space, size_t capacity)
{
	struct bytes run = bytes_head(*from, capacity);

	if (run.size)
		memcpy(space, run.data, run.size);
	*from = bytes_skip(*from, run.size);
	return run.size;
}

size_t lent_line_pull(struct lent_line *line, uint8_t *space, size_t capacity)
{
	size_t used;

	if (line->state != LENT_LINE_LENT)
		return 0;
	used = take(&line->text, space, capacity);
	if (!line->text.size)
		used += take(&line->end, space + used, capacity - used);
	if (!line->end.size)
		line->state = LENT_LINE_NONE;
	return used;
}
