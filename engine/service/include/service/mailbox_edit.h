/* mailbox_edit.h -- changing what a mailbox is told: name and description, aliases, whether its copies carry the
 * envelope, who may deliver. Store and directory in one step. Blocking: for control threads. */
#ifndef LG_SERVICE_MAILBOX_EDIT_H
#define LG_SERVICE_MAILBOX_EDIT_H

#include "service/mailboxes.h"

/* NULL: stays as it is. */
struct mailbox_edit {
	const char *name, *description;
	bool sets_aliases; /* all of them, in place of those before */
	const char *const *aliases;
	size_t alias_count;
	const bool *envelope_headers;
	const char *networks; /* networks_parse(); empty: no lock */
	const char
		*tenant; /* empty: no lock; else it is confirmed, and none is looked for any more */
};

bool mailboxes_edit(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_edit *edit, struct error *error);

/* What a person answers to a problem of lock_problems.h: one of the two is given. It stands until the contrary is
 * said of the same. */
struct mailbox_judgement {
	bool allows;
	const char *network, *tenant;
};
bool mailboxes_judge(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_judgement *judgement, struct error *error);

/* Unless a lock says whose reports it takes, or one was seen already. */
bool mailboxes_note_tenant(const struct mailboxes *mailboxes, const struct id *mailbox,
	const char *tenant, struct error *error);

/* At the start, when the mailboxes are in the directory: what they are told. What cannot be read makes a mailbox
 * take no mail, and a problem. */
bool mailboxes_load_told(const struct mailboxes *mailboxes, struct error *error);

#endif
