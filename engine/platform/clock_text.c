/* clock_text.c -- a wall time as text, in the calendar's own arithmetic: gmtime_r() has another name on every
 * system. */
#include "platform/clock.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, DAYS_IN_400_YEARS = 146097 };

/* Years begin in March here, so that the leap day is the last of its year. */
static void civil_date(int64_t days, int *year, int *month, int *day)
{
	int64_t since_march_0000 = days + 719468;
	int64_t era = since_march_0000 / DAYS_IN_400_YEARS;
	int of_era = (int)(since_march_0000 % DAYS_IN_400_YEARS);
	int year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = (int)(era * 400) + year_of_era + (*month <= 2);
}

const char *clock_text(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
	/* The end of the year 9999, behind which RFC 3339 has no form. */
	const int64_t last_s = INT64_C(253402300799);
	int64_t seconds = wall_us < 0 ? 0 : wall_us / 1000000;
	int year, month, day, of_day;

	if (seconds > last_s)
		seconds = last_s;
	civil_date(seconds / DAY_S, &year, &month, &day);
	of_day = (int)(seconds % DAY_S);
	snprintf(text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
		of_day / 3600, of_day / 60 % 60, of_day % 60);
	return text;
}

/* ---- reading ---- */

static int64_t civil_days(int64_t year, int64_t month, int64_t day)
{
	int64_t from_march = month > 2 ? month - 3 : month + 9;
	int64_t march_year = year - (month <= 2);
	int64_t of_era = march_year % 400;

	return march_year / 400 * DAYS_IN_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 +
	       (153 * from_march + 2) / 5 + day - 1 - 719468;
}

/* Its two or four digits; 0 when they are none, which the comparison finds. */
static int64_t number_at(const char *text, size_t place, size_t size)
{
	uint64_t number = 0;

	bytes_parse_number(bytes_make(text + place, size), 9999, &number);
	return (int64_t)number;
}

bool clock_parse(struct bytes text, int64_t *wall_us)
{
	char copy[CLOCK_TEXT_SIZE] = "2000-01-01T00:00:00Z", back[CLOCK_TEXT_SIZE];
	int64_t days;

	if (text.size != strlen("2000-01-01") && text.size != strlen(copy))
		return false;
	memcpy(copy, text.data, text.size);
	days = civil_days(number_at(copy, 0, 4), number_at(copy, 5, 2), number_at(copy, 8, 2));
	*wall_us = (days * DAY_S + number_at(copy, 11, 2) * 3600 + number_at(copy, 14, 2) * 60 +
			   number_at(copy, 17, 2)) *
		   1000000;
	/* Whatever is no such time comes out as another one. */
	return strcmp(clock_text(*wall_us, back), copy) == 0;
}
