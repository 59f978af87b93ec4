/* fuzz_ledger_anchor.c -- any text as the report that an archive kept. What is taken for an anchor comes back the
 * same when it is written and read again; where none was found, one that is put behind the text is. */
#include "service/ledger_anchor.h"

#include "fuzz_stream.h"

static bool is_same(const struct ledger_anchor *a, const struct ledger_anchor *b)
{
	return id_is_equal(&a->head.mailbox, &b->head.mailbox) &&
	       a->head.number == b->head.number &&
	       memcmp(a->head.link, b->head.link, sizeof a->head.link) == 0 &&
	       a->head.time_us == b->head.time_us && a->head.generation == b->head.generation &&
	       memcmp(a->identity, b->identity, sizeof a->identity) == 0 &&
	       memcmp(a->signature, b->signature, sizeof a->signature) == 0;
}

/* Writes it behind `text`, with these line ends, and finds it there. */
static void check_round(
	const struct ledger_anchor *anchor, struct bytes text, bool has_crlf, const char *behind)
{
	struct ledger_anchor again;
	struct buf written, mail;
	struct error error;

	buf_init(&written, FUZZ_LOG_MAX);
	buf_init(&mail, FUZZ_LOG_MAX);
	fuzz_log(&mail, text);
	fuzz_log_text(&mail, "\n");
	check(ledger_anchor_append(anchor, &written));
	for (size_t i = 0; i < written.size; i++) {
		if (has_crlf || written.data[i] != '\r')
			check(buf_append_byte(&mail, written.data[i]));
	}
	fuzz_log_text(&mail, behind);
	check(ledger_anchor_parse(buf_view(&mail), &again, &error) && is_same(anchor, &again));
	buf_clear(&written);
	buf_clear(&mail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = bytes_make(data, size);
	struct ledger_anchor anchor, other = { .head.generation = 1 };
	struct error error = { .kind = ERROR_NONE };

	for (size_t i = 0; i < size; i++)
		other.signature[i % sizeof other.signature] ^= data[i];
	if (ledger_anchor_parse(text, &anchor, &error)) {
		check(anchor.head.time_us >= 0);
		check_round(&anchor, bytes_make(NULL, 0), true, "");
		check_round(&anchor, bytes_make(NULL, 0), false, "anything\n");
	} else {
		check(error.kind == ERROR_INVALID || error.kind == ERROR_NOT_FOUND);
		check(error.text[0] != '\0');
		if (error.kind == ERROR_NOT_FOUND)
			check_round(&other, text, size % 2, "----- end -----\n");
	}
	return 0;
}
