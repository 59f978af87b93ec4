/* ledger_report.c -- the mail. Fields are those of RFC 5322 3.6; Auto-Submitted (RFC 3834 5) keeps the programs that
 * answer mail from answering; a name that is not plain ASCII is an encoded word (RFC 2047). */
#include "service/ledger_report.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "mail/trace_header.h"
#include "platform/clock.h"

static const int64_t DAY_US = INT64_C(86400) * 1000000;

enum {
	/* Octets of text in one encoded word: 60 characters of base64, and 12 around them, are less than the 75
	 * that RFC 2047 2 allows. */
	ENCODED_WORD_TEXT = 45,
	/* What goes on one line with the rest of the subject. */
	PLAIN_NAME_MAX = 40,
};

/* ---- the subject ---- */

/* What needs no encoding; an encoded word's own beginning does. */
static bool is_plain(const char *name)
{
	for (const char *at = name; *at; at++) {
		if (*at < ' ' || *at > '~' || (at[0] == '=' && at[1] == '?'))
			return false;
	}
	return strlen(name) <= PLAIN_NAME_MAX;
}

/* Whole characters, as many as fit into a word (RFC 2047 5: none is split over two). */
static struct bytes take_word(struct bytes *rest)
{
	struct bytes word = bytes_head(*rest, 0);

	while (rest->size) {
		size_t size = utf8_character(*rest);

		size += !size;
		if (word.size + size > ENCODED_WORD_TEXT)
			break;
		word.size += size;
		*rest = bytes_skip(*rest, size);
	}
	return word;
}

/* Each on a line of its own; the blanks between two of them are not shown (RFC 2047 6.2). */
static bool append_encoded(struct buf *mail, const char *name)
{
	struct bytes rest = bytes_of(name);
	bool ok = true;

	while (ok && rest.size) {
		struct bytes word = take_word(&rest);

		ok = buf_append_text(mail, "\r\n =?utf-8?B?") && base64_encode(word, mail) &&
		     buf_append_text(mail, "?=");
	}
	return ok;
}

static bool append_subject(struct buf *mail, const struct ledger_report *report, const char *date)
{
	const char *name = report->name;

	return buf_append_text(mail, "Subject: Ledger report") &&
	       (is_plain(name) ? buf_printf(mail, " %s", name) : append_encoded(mail, name)) &&
	       buf_printf(mail, "\r\n %.10s\r\n", date);
}

/* ---- the mail ---- */

static bool append_header(
	struct buf *mail, const struct ledger_report *report, const char *mailbox, const char *day)
{
	char date[MAIL_DATE_SIZE];

	mail_date_text(report->time_us / 1000000, date);
	return buf_printf(mail, "From: Lettergate\r\n <%s@%s>\r\nTo: <%s@%s>\r\n", mailbox,
		       report->hostname, mailbox, report->hostname) &&
	       append_subject(mail, report, day) &&
	       buf_printf(mail, "Date: %s\r\nMessage-ID: <ledger.%llu.%lld.%s@%s>\r\n", date,
		       (unsigned long long)report->anchor.head.number, (long long)report->time_us,
		       mailbox, report->hostname) &&
	       buf_append_text(mail, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
				     "Content-Type: text/plain; charset=utf-8\r\n"
				     "Content-Transfer-Encoding: 8bit\r\n\r\n");
}

static bool append_counts(struct buf *mail, const struct ledger_report *report, const char *mailbox)
{
	char last[CLOCK_TEXT_SIZE];
	bool ok = buf_printf(mail,
		"This is a report of Lettergate, the mail gateway that keeps copies of mail for\r\n"
		"this archive. It is about the mailbox\r\n\r\n"
		"    %s\r\n    %s@%s\r\n\r\n"
		"    Copies received in all:      %llu\r\n",
		report->name, mailbox, report->hostname, (unsigned long long)report->received);

	if (report->last_us)
		ok = ok && buf_printf(mail, "    Since the report of %.10s: %llu\r\n",
				   clock_text(report->last_us, last),
				   (unsigned long long)report->since_last);
	else
		ok = ok && buf_append_text(mail, "    This is the first report.\r\n");
	return ok &&
	       buf_printf(mail,
		       "    Collected by the archive:    %llu\r\n"
		       "    Waiting to be collected:     %llu\r\n\r\n",
		       (unsigned long long)report->collected, (unsigned long long)report->waiting);
}

static bool append_explanation(
	struct buf *mail, const struct ledger_report *report, const char *mailbox)
{
	char signed_at[CLOCK_TEXT_SIZE];

	return buf_printf(mail,
		"The gateway numbers the copies of a mailbox without a gap, and chains the "
		"numbers,\r\n"
		"so that none can be changed or taken out without a trace. The lines below are "
		"the\r\n"
		"anchor of that chain: its state at copy %llu, signed with the mailbox's own "
		"key\r\n"
		"when the archive collected at %s.\r\n\r\n"
		"Keep this mail with the others. If it is ever in question whether copies are\r\n"
		"missing at the gateway, save it as a file and run on the gateway's "
		"computer\r\n\r\n"
		"    lettergatectl ledger verify %s --anchor FILE\r\n\r\n",
		(unsigned long long)report->anchor.head.number,
		clock_text(report->anchor.head.time_us, signed_at), mailbox);
}

bool ledger_report_append(const struct ledger_report *report, struct buf *mail)
{
	char mailbox[MAILBOX_ID_TEXT_SIZE], day[CLOCK_TEXT_SIZE];
	size_t before = mail->size;

	mailbox_id_text(&report->anchor.head.mailbox, mailbox);
	clock_text(report->time_us, day);
	if (append_header(mail, report, mailbox, day) && append_counts(mail, report, mailbox) &&
		append_explanation(mail, report, mailbox) &&
		ledger_anchor_append(&report->anchor, mail))
		return true;
	mail->size = before;
	return false;
}

/* ---- when ---- */

bool ledger_report_is_news(const struct ledger_reported *last, uint64_t signed_number)
{
	uint64_t own = last->row > last->anchor && last->row <= signed_number;

	return signed_number > last->anchor && signed_number - last->anchor > own;
}

bool ledger_report_is_due(int64_t last_us, int64_t now_us)
{
	return !last_us || last_us / DAY_US != now_us / DAY_US;
}
