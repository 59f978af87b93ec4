/* tenant_notes.c -- a bounded queue and a thread. */
#include "service/tenant_notes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/queue.h"
#include "service/mailbox_edit.h"

enum { QUEUE_MAX = 256 };

struct note {
	struct id mailbox;
	char tenant[TENANT_SIZE];
};

struct tenant_notes {
	struct mailboxes mailboxes;
	struct queue *queue;
	struct thread *thread;
};

static void write_notes(void *context)
{
	struct tenant_notes *notes = context;
	struct note *note;

	while ((note = queue_pop(notes->queue))) {
		char mailbox[MAILBOX_ID_TEXT_SIZE];
		struct error error;

		mailbox_id_text(&note->mailbox, mailbox);
		if (mailboxes_note_tenant(&notes->mailboxes, &note->mailbox, note->tenant, &error))
			log_event(LOG_INFO, "mailbox.tenant-seen", "mailbox=%s tenant=%s", mailbox,
				note->tenant);
		else
			log_event(LOG_WARNING, "mailbox.tenant-not-noted", "mailbox=%s why=\"%s\"",
				mailbox, error.text);
		free(note);
	}
}

struct tenant_notes *tenant_notes_start(const struct mailboxes *mailboxes, struct error *error)
{
	struct tenant_notes *notes = calloc(1, sizeof *notes);

	if (!notes) {
		error_set_memory(error);
		return NULL;
	}
	notes->mailboxes = *mailboxes;
	notes->queue = queue_new(QUEUE_MAX, error);
	if (notes->queue)
		notes->thread = thread_start("tenants", write_notes, notes, error);
	if (!notes->thread)
		tenant_notes_stop(&notes);
	return notes;
}

void tenant_notes_add(struct tenant_notes *notes, const struct id *mailbox, const char *tenant)
{
	struct note *note = calloc(1, sizeof *note);

	if (!note)
		return;
	note->mailbox = *mailbox;
	snprintf(note->tenant, sizeof note->tenant, "%s", tenant);
	if (!queue_push(notes->queue, note))
		free(note);
}

void tenant_notes_stop(struct tenant_notes **notes)
{
	if (!*notes)
		return;
	if ((*notes)->queue)
		queue_close((*notes)->queue);
	thread_join(&(*notes)->thread);
	queue_free(&(*notes)->queue);
	free(*notes);
	*notes = NULL;
}
