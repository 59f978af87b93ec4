/* log_mask.c -- shortens what names a person or a computer in a finished log line, so that it holds wherever
 * an address comes from: a peer, an error of the system, the text of a problem.
 *
 * 192.0.2.7 becomes 192.0.2.x, 2001:db8:1:2::7 becomes 2001:db8:1::x, and of a mail address the first letter and
 * the domain stay. Reading a line from left to right, each step copies one letter or one shortened address. */
#include "log_internal.h"

#include <stdbool.h>
#include <stdio.h>

/* What is written so far, and what of the line is still to be read. */
struct masking {
	const char *line;
	const char *at;
	char *out;
	size_t used, capacity;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-';
}

static void put(struct masking *masking, const char *text, size_t size)
{
	if (size > masking->capacity - 1 - masking->used)
		size = masking->capacity - 1 - masking->used;
	memcpy(masking->out + masking->used, text, size);
	masking->used += size;
}

/* ---- addresses of computers ---- */

/* The length of "192.0.2." when an IPv4 address begins here, and how long it is; 0 when none does. */
static size_t ipv4_at(const char *text, size_t *whole)
{
	size_t length = 0, kept = 0;

	for (int part = 0; part < 4; part++) {
		size_t digits = 0;

		while (digits < 3 && is_digit(text[length + digits]))
			digits++;
		length += digits;
		if (!digits || (part < 3 && text[length] != '.'))
			return 0;
		if (part < 3)
			kept = ++length;
	}
	if (is_word(text[length]) || (text[length] == '.' && is_digit(text[length + 1])))
		return 0;
	*whole = length;
	return kept;
}

/* The same for IPv6: a run of hex digits and colons that has eight groups, or "::" and at most eight (RFC 4291 2.2).
 * Three groups stay: what names a site. */
static size_t ipv6_at(const char *text, size_t *whole)
{
	size_t length = 0, groups = 0, digits = 0, kept = 0;
	bool has_gap = false;

	for (;; length++) {
		if (is_hex(text[length])) {
			groups += digits++ == 0;
		} else if (text[length] == ':') {
			if (digits > 4 || (has_gap && text[length + 1] == ':'))
				return 0;
			if (groups && groups <= 3 && digits && !has_gap)
				kept = length;
			has_gap = has_gap || text[length + 1] == ':';
			digits = 0;
		} else {
			break;
		}
	}
	/* A colon behind the address belongs to the text around it. */
	while (length > 1 && text[length - 1] == ':' && text[length - 2] != ':')
		length--;
	if (digits > 4 || is_word(text[length]) || (has_gap ? groups > 7 : groups != 8))
		return 0;
	if (length < 3)
		return 0;
	*whole = length;
	return kept ? kept : SIZE_MAX;
}

static bool mask_computer(struct masking *masking)
{
	size_t whole = 0, kept;
	char before = masking->at == masking->line ? ' ' : masking->at[-1];

	if (is_word(before) || before == '.' || before == ':')
		return false;
	kept = ipv4_at(masking->at, &whole);
	if (kept) {
		put(masking, masking->at, kept);
		put(masking, "x", 1);
		masking->at += whole;
		return true;
	}
	kept = ipv6_at(masking->at, &whole);
	if (!kept)
		return false;
	if (kept != SIZE_MAX)
		put(masking, masking->at, kept);
	put(masking, "::x", 3);
	/* An IPv4 address at its end (RFC 4291 2.2, form 3) goes, too. */
	masking->at += whole;
	while (is_digit(*masking->at) || (*masking->at == '.' && is_digit(masking->at[1])))
		masking->at++;
	return true;
}

/* ---- addresses of people ---- */

static bool ends_local_part(char c)
{
	return c == ' ' || c == '<' || c == '>' || c == '(' || c == ')' || c == ',' || c == ';' ||
	       c == '"';
}

/* Where a quoted local part (RFC 5321 4.1.2) begins, written as it is or as log_quote() writes it. */
static size_t quoted_begin(const char *out, size_t end)
{
	static const char escaped[] = "\\x22";

	if (end && out[end - 1] == '"') {
		for (size_t i = end - 1; i > 0; i--) {
			if (out[i - 1] == '"')
				return i - 1;
		}
	}
	if (end >= 4 && memcmp(out + end - 4, escaped, 4) == 0) {
		for (size_t i = end - 4; i >= 4; i--) {
			if (memcmp(out + i - 4, escaped, 4) == 0)
				return i - 4;
		}
	}
	return end;
}

/* Where the local part that ends here begins: behind a blank or a quotation mark, and behind the "key=" of a
 * value without quotes. Other equals signs are a part of it (bounce-bob=example.com@lists.example). */
static size_t local_begin(const char *out, size_t end)
{
	size_t begin = quoted_begin(out, end), equals;

	if (begin < end)
		return begin;
	while (begin && !ends_local_part(out[begin - 1]))
		begin--;
	if (begin && out[begin - 1] != ' ')
		return begin;
	equals = begin;
	while (equals < end && (is_word(out[equals]) || out[equals] == '.'))
		equals++;
	return equals < end && out[equals] == '=' && equals + 1 < end ? equals + 1 : begin;
}

/* A domain, one of U-labels (RFC 6531) as it is or as log_quote() writes it, or an address literal (RFC 5321 4.1.3). */
static bool is_domain(const char *text)
{
	if (text[0] == '\\')
		return text[1] == 'x' && is_hex(text[2]) && text[2] >= '8';
	return is_word(text[0]) || text[0] == '[' || (unsigned char)text[0] >= 0x80;
}

/* At an "@": takes back what was written of the local part. */
static void mask_person(struct masking *masking)
{
	static const char dots[] = "\xe2\x80\xa6";
	size_t begin = local_begin(masking->out, masking->used);
	bool has_letter = begin < masking->used && is_word(masking->out[begin]);

	if (begin == masking->used || !is_domain(masking->at + 1))
		return;
	masking->used = begin + has_letter;
	put(masking, dots, sizeof dots - 1);
}

void log_mask(const char *line, char *masked, size_t capacity)
{
	struct masking masking = { .line = line, .at = line, .out = masked, .capacity = capacity };

	while (*masking.at) {
		if (mask_computer(&masking))
			continue;
		if (*masking.at == '@')
			mask_person(&masking);
		put(&masking, masking.at++, 1);
	}
	masked[masking.used] = '\0';
}
