/* utf8.h -- telling UTF-8 (RFC 3629) from other bytes: strictly, so that whatever passes can be put into
 * JSON and be read by others. */
#ifndef LG_BASE_UTF8_H
#define LG_BASE_UTF8_H

#include "base/bytes.h"

/* How many bytes the character at the start of the view takes, 1 to 4; 0 when none is there. */
size_t utf8_character(struct bytes text);
bool utf8_is_valid(struct bytes text);
/* Valid, and without control characters: those of ASCII, and U+0080 to U+009F, some of which a terminal
 * or a lax reader takes for the end of a line or the start of a command. */
bool utf8_is_text(struct bytes text);
/* Makes every byte that belongs to no character a "?": for texts that were cut to a size, or that quote what
 * somebody sent. */
void utf8_mend(char *text);

#endif
