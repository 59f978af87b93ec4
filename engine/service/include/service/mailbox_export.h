/* mailbox_export.h -- the messages of a mailbox, opened and written in a form that other programs read.
 *
 * A pull: each call gives the next piece of the next entry. Memory is bounded whatever the mailbox holds, nothing is
 * written to a disk here, and whoever lets go of it in the middle leaves nothing behind. No message is given out
 * half: it is opened to its end before its first octet leaves. What does not verify is left out and reported, and is
 * quarantined as at RETR.
 *
 * Blocks (the store; at its beginning Argon2): for control threads, one at a time. */
#ifndef LG_SERVICE_MAILBOX_EXPORT_H
#define LG_SERVICE_MAILBOX_EXPORT_H

#include "service/outgoing.h"
#include "service/service.h"

enum mailbox_export_format {
	MAILBOX_EXPORT_MBOX,	/* one entry (mail/mbox.h) */
	MAILBOX_EXPORT_EML,	/* an entry for each message, the octets that RETR gives */
	MAILBOX_EXPORT_MAILDIR, /* the same below new/, beside an empty cur/ and tmp/ */
};

enum {
	MAILBOX_EXPORT_NAMED_MAX =
		1000 /* damaged messages that are named; the others are counted */
};

struct mailbox_export_options {
	struct id mailbox;
	struct bytes password;
	enum mailbox_export_format format;
	bool with_collected; /* those that are kept, too, in the order of arrival */
};

struct mailbox_export_damage {
	struct id message; /* its UIDL */
	int64_t received_us;
};

struct mailbox_export_report {
	uint64_t exported, bytes;
	uint64_t gone; /* collected and deleted while this went on */
	uint64_t damaged;
	struct mailbox_export_damage named[MAILBOX_EXPORT_NAMED_MAX]; /* the first of them */
};

struct mailbox_export;

/* Errors as mailbox_access_open(). The password is not needed after this. */
struct mailbox_export *mailbox_export_new(
	struct service *service, const struct mailbox_export_options *options, struct error *error);
void mailbox_export_free(struct mailbox_export **exported); /* wipes; sets NULL */

/* Appends the piece's data, if it has some, to *data, which is empty and has OUTGOING_PIECE_MAX for its maximum.
 * Not after is_end. ERROR_STATE: the mailbox was given new keys meanwhile. */
bool mailbox_export_next(struct mailbox_export *exported, struct outgoing_piece *piece,
	struct buf *data, struct error *error);
const struct mailbox_export_report *mailbox_export_report(const struct mailbox_export *exported);

#endif
