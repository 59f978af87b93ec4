/* fuzz_address.c -- any text as a path: what is accepted is made of its parts, lies in the input, can be
 * written into a command, a header and a log line, and is accepted again as it was read. The first
 * byte says whether UTF-8 is. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/address.h"
#include "mail/trace_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fact)
{
	if (!fact)
		abort();
}

static void check_parts(const struct address *address)
{
	struct buf joined;

	buf_init(&joined, 1024);
	check(buf_append(&joined, address->local_part));
	if (address->domain.size)
		check(buf_append_byte(&joined, '@') && buf_append(&joined, address->domain));
	check(bytes_equal(buf_view(&joined), address->whole));
	check(address_is_null(address) == !address->local_part.size);
	check(address->domain.size || address_is_null(address) ||
		bytes_equal_nocase(address->whole, bytes_of("postmaster")));
	buf_clear(&joined);
}

static void check_characters(const struct address *address, bool utf8)
{
	check(address->whole.size <= 254);
	for (size_t i = 0; i < address->whole.size; i++) {
		uint8_t c = address->whole.data[i];

		check(c >= ' ' && c != 127 && (c < 128 || utf8));
		check(c != ' ' || address->local_part.data[0] == '"');
	}
	check(utf8_is_text(address->whole));
	for (size_t i = 0; i < address->domain.size; i++)
		check(!memchr(" @<>\"\\()", address->domain.data[i], 8));
	check(!address->domain.size || address_is_domain(address->domain));
}

static void check_again(const struct address *address, bool utf8)
{
	struct address again;
	struct bytes rest;
	struct buf path;

	buf_init(&path, 1024);
	check(buf_append_byte(&path, '<') && buf_append(&path, address->whole) &&
		buf_append_byte(&path, '>'));
	rest = buf_view(&path);
	check(address_parse_path(&rest, utf8, &again) && !rest.size);
	check(bytes_equal(again.whole, address->whole));
	check(bytes_equal(again.local_part, address->local_part));
	check(bytes_equal(again.domain, address->domain));
	buf_clear(&path);
}

/* It is the same address: simple to the end, and with the same domain. */
static void check_simple(const struct address *address)
{
	char path[260] = "<", again[256];
	struct address simple;
	struct bytes rest;

	check(address_simplify(address->whole, path + 1, 255));
	check(strlen(path + 1) <= address->whole.size);
	check(address_simplify(bytes_of(path + 1), again, sizeof again));
	check(strcmp(path + 1, again) == 0);
	strcat(path, ">");
	rest = bytes_of(path);
	check(address_parse_path(&rest, true, &simple) && !rest.size);
	check(bytes_equal(simple.domain, address->domain));
}

/* Whatever a peer says ends in two fields and no more. */
static void check_trace(struct bytes text)
{
	const struct trace trace = {
		.return_path = text,
		.hello = text,
		.peer_address = text,
		.gateway = text,
		.recipient = text,
		.id = text,
		.protocol = "ESMTPS",
		.tls = text,
		.time_s = (int64_t)text.size * 86400 * 365,
	};
	struct bytes rest, line;
	struct buf fields;
	int begun = 0;

	buf_init(&fields, 1 << 16);
	check(trace_header_append(&trace, &fields));
	rest = buf_view(&fields);
	while (bytes_split(&rest, '\n', &line)) {
		check(line.size > 1 && line.data[line.size - 1] == '\r');
		line.size--;
		begun += line.data[0] != '\t';
		for (size_t i = 0; i < line.size; i++)
			check((line.data[i] >= ' ' && line.data[i] != 127) ||
				(i == 0 && line.data[i] == '\t'));
	}
	check(begun == 2);
	buf_clear(&fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text, rest;
	struct address address;
	bool utf8;

	if (!size)
		return 0;
	utf8 = data[0] & 1;
	rest = text = bytes_make(data + 1, size - 1);
	if (address_parse_path(&rest, utf8, &address)) {
		check(rest.size < text.size && rest.data + rest.size == text.data + text.size);
		check(rest.data[-1] == '>');
		check_parts(&address);
		check_characters(&address, utf8);
		check_again(&address, utf8);
		check_simple(&address);
		/* Without UTF-8 nothing more is accepted than with it. */
		rest = text;
		check(address_parse_path(&rest, true, &address));
	} else {
		check(rest.data == text.data && rest.size == text.size);
	}
	address_is_domain(text);
	check_trace(bytes_head(text, 500));
	return 0;
}
