/* config_value.c -- the value types: text to value, value to the one text that stands for it.
 *
 * For every type and every accepted text: format(parse(text)) is canonical, and parsing it again
 * gives the same value. */
#include "config_internal.h"

#include <stdio.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct unit {
	const char *name;
	uint64_t factor;
};

/* From the largest to the smallest; of equal ones the first is written. */
static const struct unit size_units[] = {
	{ "G", GIB },
	{ "GiB", GIB },
	{ "GB", GIB },
	{ "M", MIB },
	{ "MiB", MIB },
	{ "MB", MIB },
	{ "K", KIB },
	{ "KiB", KIB },
	{ "KB", KIB },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "d", DAY },
	{ "h", HOUR },
	{ "m", MINUTE },
	{ "s", SECOND },
	{ "ms", 1 },
	{ NULL, 0 },
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

/* The largest unit of which the value is a whole multiple; nothing is nothing of the smallest. */
static void format_number(uint64_t value, const struct unit *unit, char text[CONFIG_TEXT_SIZE])
{
	while (unit[1].name && (!value || value % unit->factor != 0))
		unit++;
	snprintf(text, CONFIG_TEXT_SIZE, "%llu%s", (unsigned long long)(value / unit->factor),
		unit->name);
}

/* "200M", "200 M"; false also when the product does not fit. */
static bool parse_number(struct bytes text, const struct unit *unit, uint64_t *value)
{
	struct bytes digits = text, name;
	uint64_t number;

	digits.size = 0;
	while (digits.size < text.size && text.data[digits.size] >= '0' &&
		text.data[digits.size] <= '9')
		digits.size++;
	name = bytes_trim(bytes_skip(text, digits.size));
	while (unit->name && !bytes_equal_nocase(name, bytes_of(unit->name)))
		unit++;
	if (!unit->name || !bytes_parse_number(digits, UINT64_MAX / unit->factor, &number))
		return false;
	*value = number * unit->factor;
	return true;
}

static bool parse_bounded(const struct config_row *row, struct bytes text, const struct unit *units,
	const char *what, void *field, struct error *error)
{
	char least[CONFIG_TEXT_SIZE], most[CONFIG_TEXT_SIZE];
	uint64_t value;

	if (parse_number(bytes_trim(text), units, &value) && value >= row->shown.minimum &&
		value <= row->shown.maximum) {
		memcpy(field, &value, sizeof value);
		return true;
	}
	format_number(row->shown.minimum, units, least);
	format_number(row->shown.maximum, units, most);
	return error_set(error, ERROR_INVALID, "give %s from %.40s to %.40s", what, least, most);
}

static uint64_t number_of(const void *field)
{
	uint64_t value;

	memcpy(&value, field, sizeof value);
	return value;
}

static bool parse_count(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	return parse_bounded(row, text, no_units, "a number", field, error);
}

static void format_count(const void *field, char text[CONFIG_TEXT_SIZE])
{
	format_number(number_of(field), no_units, text);
}

static bool parse_size(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	return parse_bounded(
		row, text, size_units, "a size with K, M or G, such as 200M,", field, error);
}

static void format_size(const void *field, char text[CONFIG_TEXT_SIZE])
{
	format_number(number_of(field), size_units, text);
}

static bool parse_duration(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	return parse_bounded(row, text, duration_units, "a time with ms, s, m, h or d, such as 5m,",
		field, error);
}

static void format_duration(const void *field, char text[CONFIG_TEXT_SIZE])
{
	format_number(number_of(field), duration_units, text);
}

static bool parse_text(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	return row->rule(text, field, row->size, error);
}

static void format_text(const void *field, char text[CONFIG_TEXT_SIZE])
{
	snprintf(text, CONFIG_TEXT_SIZE, "%s", (const char *)field);
}

static bool parse_choice(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	struct bytes rest = bytes_of(row->shown.choices), choice;
	char list[128] = "";
	size_t used = 0;

	text = bytes_trim(text);
	while (bytes_split(&rest, '|', &choice)) {
		if (bytes_equal_nocase(choice, text))
			return bytes_copy_text(choice, field, row->size);
		if (used < sizeof list)
			used += (size_t)snprintf(list + used, sizeof list - used, "%s%.*s",
				used ? ", " : "", BYTES_ARGS(choice));
	}
	return error_set(error, ERROR_INVALID, "give one of %s", list);
}

static bool parse_endpoints(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	(void)row;
	return config_endpoints_parse(text, field, error);
}

static void format_endpoints(const void *field, char text[CONFIG_TEXT_SIZE])
{
	config_endpoints_format(field, text);
}

static const struct {
	bool (*parse)(
		const struct config_row *row, struct bytes text, void *field, struct error *error);
	void (*format)(const void *field, char text[CONFIG_TEXT_SIZE]);
} types[] = {
	[CONFIG_TEXT] = { parse_text, format_text },
	[CONFIG_COUNT] = { parse_count, format_count },
	[CONFIG_SIZE] = { parse_size, format_size },
	[CONFIG_DURATION] = { parse_duration, format_duration },
	[CONFIG_ENDPOINTS] = { parse_endpoints, format_endpoints },
	[CONFIG_CHOICE] = { parse_choice, format_text },
};

bool config_value_parse(
	const struct config_row *row, struct bytes text, void *field, struct error *error)
{
	return types[row->shown.type].parse(row, text, field, error);
}

void config_value_format(
	const struct config_row *row, const void *field, char text[CONFIG_TEXT_SIZE])
{
	types[row->shown.type].format(field, text);
}
