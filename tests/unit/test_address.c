/* test_address.c -- paths as MAIL and RCPT carry them, and the names that EHLO takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/address.h"

#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define LABEL_62 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg"
#define DOMAIN_191 LABEL_63 "." LABEL_63 "." LABEL_63

static const struct {
	const char *text, *whole, *local_part, *domain, *rest;
	bool utf8;
} accepted[] = {
	{ "<>", "", "", "", "", false },
	{ "<> SIZE=1", "", "", "", " SIZE=1", false },
	{ "<a@b>", "a@b", "a", "b", "", false },
	{ "<A.b@Example.COM>x", "A.b@Example.COM", "A.b", "Example.COM", "x", false },
	{ "<postmaster>", "postmaster", "postmaster", "", "", false },
	{ "<PostMaster>", "PostMaster", "PostMaster", "", "", false },
	{ "<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~@b", "!#$%&'*+-/=?^_`{|}~", "b", "",
		false },
	{ "<@r.example:a@b>", "a@b", "a", "b", "", false },
	{ "<@r.example,@[192.0.2.1],@s:a@b>", "a@b", "a", "b", "", false },
	{ "<\"\"@b>", "\"\"@b", "\"\"", "b", "", false },
	{ "<\"a b>@\\\"\\\\\"@b>", "\"a b>@\\\"\\\\\"@b", "\"a b>@\\\"\\\\\"", "b", "", false },
	{ "<a@[192.0.2.255]>", "a@[192.0.2.255]", "a", "[192.0.2.255]", "", false },
	{ "<a@[IPv6:::]>", "a@[IPv6:::]", "a", "[IPv6:::]", "", false },
	{ "<a@[ipv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]", "a", "[ipv6:2001:db8::1]", "", false },
	{ "<a@[IPv6:1:2:3:4:5:6:7:8]>", "a@[IPv6:1:2:3:4:5:6:7:8]", "a", "[IPv6:1:2:3:4:5:6:7:8]",
		"", false },
	{ "<a@[IPv6:1::]>", "a@[IPv6:1::]", "a", "[IPv6:1::]", "", false },
	{ "<a@[IPv6:::ffff:192.0.2.1]>", "a@[IPv6:::ffff:192.0.2.1]", "a",
		"[IPv6:::ffff:192.0.2.1]", "", false },
	{ "<a@[x-tag:any-thing.1:2]>", "a@[x-tag:any-thing.1:2]", "a", "[x-tag:any-thing.1:2]", "",
		false },
	/* What real senders have and the grammar has not. */
	{ "<a..b.@c>", "a..b.@c", "a..b.", "c", "", false },
	{ "<a@b_c.example>", "a@b_c.example", "a", "b_c.example", "", false },
	{ "<" LABEL_63 "+" LABEL_63 "@b>", LABEL_63 "+" LABEL_63 "@b", LABEL_63 "+" LABEL_63, "b",
		"", false },
	{ "<" LABEL_62 "@" DOMAIN_191 ">", LABEL_62 "@" DOMAIN_191, LABEL_62, DOMAIN_191, "",
		false },
	/* RFC 6531 */
	{ "<d\xc3\xb6@b\xc3\xbcro.example>", "d\xc3\xb6@b\xc3\xbcro.example", "d\xc3\xb6",
		"b\xc3\xbcro.example", "", true },
	{ "<\"\xf0\x9f\x93\xa7 \"@b>", "\"\xf0\x9f\x93\xa7 \"@b", "\"\xf0\x9f\x93\xa7 \"", "b", "",
		true },
	{ "<\xef\xbf\xbf\xed\x9f\xbf\xf4\x8f\xbf\xbf@b>",
		"\xef\xbf\xbf\xed\x9f\xbf\xf4\x8f\xbf\xbf@b",
		"\xef\xbf\xbf\xed\x9f\xbf\xf4\x8f\xbf\xbf", "b", "", true },
	{ "<@b\xc3\xbcro.example:a@b>", "a@b", "a", "b", "", true },
	{ "<\xc2\xa0@b>", "\xc2\xa0@b", "\xc2\xa0", "b", "", true },
	/* A U-label counts its 63 octets in ASCII, where it is "xn--" and fewer. */
	{ "<a@" LABEL_63 "\xc3\xbc.example>", "a@" LABEL_63 "\xc3\xbc.example", "a",
		LABEL_63 "\xc3\xbc.example", "", true },
};

static const struct {
	const char *text;
	bool utf8;
} refused[] = {
	{ "", false },
	{ "a@b", false },
	{ " <a@b>", false },
	{ "<", false },
	{ "<a@b", false },
	{ "<a>", false },
	{ "<postmaster@>", false },
	{ "<@b>", false },
	{ "<a@>", false },
	{ "<a@@b>", false },
	{ "<a@b@c>", false },
	{ "<a@.b>", false },
	{ "<a@b.>", false },
	{ "<a@b..c>", false },
	{ "<a@-b>", false },
	{ "<a@b->", false },
	{ "<a@b-.c>", false },
	{ "<a b@c>", false },
	{ "<a@b c>", false },
	{ "< a@b>", false },
	{ "<a@b >", false },
	{ "<<a@b>>", false },
	{ "<a\r\n@b>", false },
	{ "<a@b\n>", false },
	{ "<(x)a@b>", false },
	{ "<\"a@b>", false },
	{ "<\"a\"b@c>", false },
	{ "<\"a\\", false },
	{ "<\"a\x01\"@b>", false },
	{ "<\"a\\\x7f\"@b>", false },
	{ "<@a@b>", false },
	{ "<@a,b:c@d>", false },
	{ "<@a:>", false },
	{ "<@a,:c@d>", false },
	{ "<a@[192.0.2]>", false },
	{ "<a@[192.0.2.256]>", false },
	{ "<a@[192.0.2.1.1]>", false },
	{ "<a@[192.0.2.1.]>", false },
	{ "<a@[192.0..1]>", false },
	{ "<a@[]>", false },
	{ "<a@[x:]>", false },
	{ "<a@[192.0.2.1>", false },
	{ "<a@[192.0.2.1]b>", false },
	{ "<a@[IPv6:]>", false },
	{ "<a@[IPv6:1:2:3:4:5:6:7]>", false },
	{ "<a@[IPv6:1:2:3:4:5:6:7:8:9]>", false },
	{ "<a@[IPv6:1::2::3]>", false },
	{ "<a@[IPv6::::]>", false },
	{ "<a@[IPv6:1:2:3:4:5:6:7:]>", false },
	{ "<a@[IPv6:1:2:3:4::5:6:7:8]>", false },
	{ "<a@[IPv6:12345::]>", false },
	{ "<a@[IPv6:g::]>", false },
	{ "<a@[IPv6:192.0.2.1::]>", false },
	{ "<a@[x:y[z]>", false },
	{ "<a@[x:y>z]>", false },
	{ "<a@[x:\"y]>", false },
	{ "<a@" LABEL_63 "x>", false },
	{ "<" LABEL_63 "@" DOMAIN_191 ">", false },
	{ "<d\xc3\xb6@b>", false },
	{ "<a@b\xc3\xbc>", false },
	/* Not UTF-8: lone, overlong, surrogate, too high, cut off. */
	{ "<\x80@b>", true },
	{ "<\xc0\xaf@b>", true },
	{ "<\xe0\x80\xaf@b>", true },
	{ "<\xf0\x80\x80\xaf@b>", true },
	{ "<\xed\xa0\x80@b>", true },
	{ "<\xf4\x90\x80\x80@b>", true },
	{ "<\xf5\x80\x80\x80@b>", true },
	{ "<a@b\xc3>", true },
	{ "<\"\\\xc3\xb6\"@b>", true },
	{ "<@b\xc3:a@b>", true },
	{ "<@b\xc3\xbc:a@b>", false },
	/* Control characters beyond ASCII. */
	{ "<a\xc2\x85@b>", true },
	{ "<\"\xc2\x9b\"@b>", true },
	{ "<a@b\xc2\x80>", true },
	{ "<@b\xc2\x9f:a@b>", true },
	{ "<a@" LABEL_63 "x.\xc3\xbc>", true },
};

static bool is_inside(struct bytes part, struct bytes whole)
{
	return !part.size ||
	       (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
		struct bytes text = bytes_of(accepted[i].text), rest = text;
		struct address address;

		if (!address_parse_path(&rest, accepted[i].utf8, &address))
			fail_msg("refused: %s", accepted[i].text);
		assert_true(bytes_equal_text(address.whole, accepted[i].whole));
		assert_true(bytes_equal_text(address.local_part, accepted[i].local_part));
		assert_true(bytes_equal_text(address.domain, accepted[i].domain));
		assert_true(bytes_equal_text(rest, accepted[i].rest));
		assert_true(is_inside(address.whole, text));
		assert_int_equal(address_is_null(&address), !*accepted[i].whole);
	}
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct bytes text = bytes_of(refused[i].text), rest = text;
		struct address address;

		if (address_parse_path(&rest, refused[i].utf8, &address))
			fail_msg("accepted: %s", refused[i].text);
		assert_ptr_equal(rest.data, text.data);
		assert_int_equal(rest.size, text.size);
	}
}

/* Every beginning of an accepted path is refused, in memory that ends there. */
static void test_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
		size_t size = strlen(accepted[i].text) - strlen(accepted[i].rest);

		for (size_t cut = 0; cut < size; cut++) {
			uint8_t *memory = malloc(cut ? cut : 1);
			struct bytes rest = bytes_make(memory, cut);
			struct address address;

			assert_non_null(memory);
			memcpy(memory, accepted[i].text, cut);
			/* "<...>" may end earlier inside of a quoted local part only. */
			assert_false(address_parse_path(&rest, accepted[i].utf8, &address));
			free(memory);
		}
	}
}

static void test_domains(void **state)
{
	static const struct {
		const char *text;
		bool is_domain;
	} rows[] = {
		{ "example.com", true },
		{ "localhost", true },
		{ "1and1.example", true },
		{ "OFFICE_PC", true },
		{ "B\xdcRO-PC", true },
		{ "[192.0.2.1]", true },
		{ "[IPv6:::1]", true },
		{ DOMAIN_191 "." LABEL_63, true },
		{ DOMAIN_191 "." LABEL_63 ".x", false },
		{ "", false },
		{ ".", false },
		{ "a b", false },
		{ "a.", false },
		{ "[::1]", false },
		{ "192.0.2.1]", false },
		{ "a@b", false },
		{ "a\x7f", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (address_is_domain(bytes_of(rows[i].text)) != rows[i].is_domain)
			fail_msg("%s", rows[i].text);
	}
	assert_false(address_is_domain(bytes_make("a\0b", 3)));
}

static void test_simplify(void **state)
{
	static const struct {
		const char *text, *simple;
	} forms[] = {
		{ "", "" },
		{ "a@b", "a@b" },
		{ "\"a\"@b", "a@b" },
		{ "\"a..b.\"@b", "a..b.@b" },
		{ "\"a\\b\"@\"", "ab@\"" },
		{ "\"d\xc3\xb6\"@b", "d\xc3\xb6@b" },
		{ "\"a\"", "a" },
		{ "\"\"@b", "\"\"@b" },
		{ "\"a b\"@b", "\"a b\"@b" },
		{ "\"\\a\\ \\b\"@b", "\"a b\"@b" },
		{ "\"a@c\"@b", "\"a@c\"@b" },
		{ "\"\\\"\\\\\"@b", "\"\\\"\\\\\"@b" },
		{ "\"a\\", "\"a\\" },
		{ "\"a", "\"a" },
		{ "\"", "\"" },
	};
	char simple[64];

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct bytes text = bytes_of(forms[i].text);

		assert_true(address_simplify(text, simple, text.size + 1));
		assert_string_equal(simple, forms[i].simple);
		if (text.size)
			assert_false(address_simplify(text, simple, text.size));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_simplify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
