/* tenant_notes.h -- a thread that writes down which tenant a mailbox saw first: a session knows it, and must not wait
 * for the store. */
#ifndef LG_SERVICE_TENANT_NOTES_H
#define LG_SERVICE_TENANT_NOTES_H

#include "service/mailboxes.h"

struct tenant_notes;

struct tenant_notes *tenant_notes_start(const struct mailboxes *mailboxes, struct error *error);
/* From any thread; never waits. What finds no room is noted after the next start of the gateway. */
void tenant_notes_add(struct tenant_notes *notes, const struct id *mailbox, const char *tenant);
/* Writes what there is; sets NULL. */
void tenant_notes_stop(struct tenant_notes **notes);

#endif
