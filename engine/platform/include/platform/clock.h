/* clock.h -- the two clocks. Protocol cores never see them; services and the store get times passed
 * in, so that tests own them. */
#ifndef LG_PLATFORM_CLOCK_H
#define LG_PLATFORM_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void);	  /* microseconds since 1970-01-01 UTC; may jump */
int64_t clock_monotonic_us(void); /* never goes back; for time limits and durations */

#endif
