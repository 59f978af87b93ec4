/* trace_header.c -- writes Return-Path and Received (RFC 5321 4.4), and the X-Envelope fields, clause by
 * clause: a clause goes on the line where it fits under 78 columns (RFC 5322 2.1.1), else on a new one
 * behind a tab.
 *
 * Invariant: whatever the values hold, the output consists of exactly these fields. Control
 * characters become "?" everywhere; in the client's name, which anybody can choose, all but the
 * characters of host names and address literals do, so that it cannot open a comment or a clause. */
#include "mail/trace_header.h"

#include <stdarg.h>
#include <stdio.h>

enum { COLUMNS = 77, TAB_COLUMNS = 8, CLAUSE_SIZE = 1024, HELLO_MAXIMUM = 255 };

static bool is_harmless(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && memchr(".-_:[]", c, 6));
}

static void clean_hello(struct bytes hello, char text[HELLO_MAXIMUM + 1])
{
	size_t size = 0;

	for (; size < hello.size && size < HELLO_MAXIMUM; size++)
		text[size] = is_harmless(hello.data[size]) ? (char)hello.data[size] : '?';
	if (!size)
		text[size++] = '?';
	text[size] = '\0';
}

static void clean(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
	}
}

struct folded {
	struct buf *fields;
	size_t column;
	bool ok;
};

static PRINTF_LIKE(2, 3) void clause(struct folded *line, const char *format, ...)
{
	char text[CLAUSE_SIZE];
	va_list args;
	size_t size;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	clean(text);
	size = strlen(text);
	if (line->column + 1 + size > COLUMNS) {
		line->ok = line->ok && buf_append_text(line->fields, "\r\n\t");
		line->column = TAB_COLUMNS;
	} else {
		line->ok = line->ok && buf_append_text(line->fields, " ");
		line->column++;
	}
	line->ok = line->ok && buf_append_text(line->fields, text);
	line->column += size;
}

static void begin(struct folded *line, const char *name)
{
	line->ok = line->ok && buf_append_text(line->fields, name);
	line->column = strlen(name);
}

static void end(struct folded *line)
{
	line->ok = line->ok && buf_append_text(line->fields, "\r\n");
}

static void envelope(struct folded *line, const struct trace *trace)
{
	begin(line, "X-Envelope-From:");
	clause(line, "<%.*s>", BYTES_ARGS(trace->return_path));
	end(line);
	if (!trace->envelope_to_count)
		return;
	begin(line, "X-Envelope-To:");
	for (size_t i = 0; i < trace->envelope_to_count; i++)
		clause(line, "<%.*s>%s", BYTES_ARGS(trace->envelope_to[i]),
			i + 1 < trace->envelope_to_count ? "," : "");
	end(line);
}

bool trace_header_append(const struct trace *trace, struct buf *fields)
{
	const size_t before = fields->size;
	const bool is_ipv6 = bytes_find(trace->peer_address, ':') < trace->peer_address.size;
	struct folded line = { .fields = fields, .ok = true };
	char hello[HELLO_MAXIMUM + 1], date[MAIL_DATE_SIZE];

	clean_hello(trace->hello, hello);
	mail_date_text(trace->time_s, date);
	begin(&line, "Return-Path:");
	clause(&line, "<%.*s>", BYTES_ARGS(trace->return_path));
	end(&line);
	begin(&line, "Received:");
	clause(&line, "from %s", hello);
	clause(&line, "([%s%.*s])", is_ipv6 ? "IPv6:" : "", BYTES_ARGS(trace->peer_address));
	clause(&line, "by %.*s", BYTES_ARGS(trace->gateway));
	clause(&line, "with %s", trace->protocol);
	if (trace->tls.size)
		clause(&line, "(%.*s)", BYTES_ARGS(trace->tls));
	clause(&line, "id %.*s", BYTES_ARGS(trace->id));
	clause(&line, "for <%.*s>;", BYTES_ARGS(trace->recipient));
	clause(&line, "%s", date);
	end(&line);
	if (trace->has_envelope)
		envelope(&line, trace);
	if (!line.ok)
		fields->size = before;
	return line.ok;
}

/* Days since 1970-01-01 as a date of the Gregorian calendar: years are counted from a first of March,
 * so that the day that some years have more is the last of its year. */
static void civil_date(int64_t days, int *year, int *month, int *day)
{
	const int64_t shifted = days + 719468; /* from 0000-03-01 */
	const int64_t era = shifted / 146097, day_of_era = shifted % 146097;
	const int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int64_t march_month = (5 * day_of_year + 2) / 153;

	*day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
	*month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
	*year = (int)(era * 400 + year_of_era + (*month <= 2));
}

void mail_date_text(int64_t time_s, char text[MAIL_DATE_SIZE])
{
	static const char *const weekdays[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
		"Aug", "Sep", "Oct", "Nov", "Dec" };
	const int64_t last_s = 253402300799; /* 9999-12-31 23:59:59: four digits for the year */
	int year, month, day, second;

	if (time_s < 0)
		time_s = 0;
	if (time_s > last_s)
		time_s = last_s;
	civil_date(time_s / 86400, &year, &month, &day);
	second = (int)(time_s % 86400);
	snprintf(text, MAIL_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d +0000",
		weekdays[time_s / 86400 % 7], day, months[month - 1], year, second / 3600,
		second / 60 % 60, second % 60);
}
