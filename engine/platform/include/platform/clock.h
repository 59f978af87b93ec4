/* clock.h -- the two clocks. Protocol cores never see them; services and the store get times passed
 * in, so that tests own them. */
#ifndef LG_PLATFORM_CLOCK_H
#define LG_PLATFORM_CLOCK_H

#include "base/bytes.h"

int64_t clock_wall_us(void);		/* microseconds since 1970-01-01 UTC; may jump */
int64_t clock_monotonic_us(void);	/* never goes back; for time limits and durations */
int64_t clock_awake_or_asleep_us(void); /* as monotonic, and goes on while the computer sleeps */

enum { CLOCK_TEXT_SIZE = 32 };
/* "2026-11-24T04:08:06Z" (RFC 3339); of a time before 1970: 1970-01-01T00:00:00Z. Returns `text`. */
const char *clock_text(int64_t wall_us, char text[CLOCK_TEXT_SIZE]);
/* The same form, or the date alone, which is its beginning. False: it is neither, or there is no such day. */
bool clock_parse(struct bytes text, int64_t *wall_us);

#endif
