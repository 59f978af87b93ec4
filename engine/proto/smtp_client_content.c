/* smtp_client_content.c -- dot-stuffing as SMTP has it: a line is what begins behind CRLF,
 * nothing else (RFC 5321 2.3.8). A bare CR or LF is content, and no dot is added behind it,
 * because a receiver that keeps to the RFC would not remove it again and the copy would differ
 * from what was recorded. */
#include "smtp_client_content_internal.h"

#include <assert.h>

void smtp_content_start(struct smtp_content *content)
{
	*content = (struct smtp_content){ .place = SMTP_CONTENT_AT_LINE_START };
}

void smtp_content_lend(struct smtp_content *content, struct bytes piece)
{
	assert(!content->piece.size);
	content->piece = piece;
}

static enum smtp_content_place place_behind(enum smtp_content_place before, struct bytes run)
{
	uint8_t last = run.data[run.size - 1];
	bool cr_before =
		run.size > 1 ? run.data[run.size - 2] == '\r' : before == SMTP_CONTENT_BEHIND_CR;

	if (last == '\n' && cr_before)
		return SMTP_CONTENT_AT_LINE_START;
	return last == '\r' ? SMTP_CONTENT_BEHIND_CR : SMTP_CONTENT_IN_LINE;
}

size_t smtp_content_pull(struct smtp_content *content, uint8_t *space, size_t capacity)
{
	size_t used = 0;

	while (used < capacity && content->piece.size) {
		struct bytes run;

		if (content->place == SMTP_CONTENT_AT_LINE_START && content->piece.data[0] == '.') {
			space[used++] = '.';
			content->place = SMTP_CONTENT_IN_LINE;
			continue;
		}
		run = bytes_head(content->piece, capacity - used);
		run = bytes_head(run, bytes_find(run, '\n') + 1);
		memcpy(space + used, run.data, run.size);
		used += run.size;
		content->place = place_behind(content->place, run);
		content->piece = bytes_skip(content->piece, run.size);
	}
	return used;
}

const char *smtp_content_end(const struct smtp_content *content)
{
	return content->place == SMTP_CONTENT_AT_LINE_START ? ".\r\n" : "\r\n.\r\n";
}
