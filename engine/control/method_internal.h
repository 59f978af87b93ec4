/* method_internal.h -- a row of the method table with its handler. Handlers run on control threads. */
#ifndef LG_CONTROL_METHOD_INTERNAL_H
#define LG_CONTROL_METHOD_INTERNAL_H

#include <jansson.h>

#include "base/buf.h"
#include "control/control.h"
#include "control/method.h"

/* Returns a new value, or NULL with *error. The parameters were checked against the row: the required ones
 * are there, each has its type and is one of its choices, and there are no others. Bulk data goes by a transfer
 * (transfer_internal.h), which the handler begins. */
typedef json_t *method_run(struct control_engine *engine, json_t *params, struct error *error);

struct method {
	struct method_facts facts;
	method_run *run;
};

const struct method *method_find(const char *name);
bool method_check_params(const struct method *method, json_t *params, struct error *error);

/* The string value of a parameter, or NULL when it was not given (or is a file that is no text). */
const char *method_text(json_t *params, const char *name);
bool method_flag(json_t *params, const char *name);
/* An array of strings, borrowed, maybe empty; NULL when it was not given. */
json_t *method_list(json_t *params, const char *name);
/* False when it was not given. */
bool method_number(json_t *params, const char *name, uint64_t *number);
/* Appends the content of a PARAMETER_FILE, whichever way it came; nothing when it was not given. It may hold a
 * key: wipe it. */
bool method_file(json_t *params, const char *name, struct buf *content, struct error *error);
/* The parameter "id" as a mailbox id. */
bool method_mailbox(json_t *params, struct id *mailbox, struct error *error);
/* "2026-11-24T04:08:06Z", or JSON null for 0. */
json_t *method_time(int64_t time_us);
/* Appends a new value. When that fails, or `row` is NULL, *rows becomes NULL: no answer is better than one
 * from which something is missing. */
void method_append(json_t **rows, json_t *row);
/* Turns "no memory" into an error: what json_pack() gives out passes through here. */
json_t *method_result(json_t *value, struct error *error);

method_run method_status, method_methods;
method_run method_settings_list, method_settings_get, method_settings_set;
method_run method_mailbox_create, method_mailbox_list, method_mailbox_show, method_mailbox_suspend,
	method_mailbox_resume, method_mailbox_delete;
method_run method_mailbox_password, method_mailbox_recovery, method_mailbox_rekey;
method_run method_mailbox_export, method_mailbox_restore;
method_run method_backup_create, method_backup_verify, method_backup_restore, method_backup_confirm;
method_run method_storage_move, method_storage_recover;
method_run method_ledger_verify, method_ledger_export, method_ledger_report;
method_run method_mailbox_edit, method_mailbox_allow, method_mailbox_refuse;
method_run method_certificate_show, method_certificate_generate, method_certificate_import,
	method_certificate_remove;
method_run method_selftest;
method_run method_gateway_restart;
method_run method_transfer_read, method_transfer_write, method_transfer_cancel;

/* A problem as status lists it. */
json_t *method_problem_row(const struct problem *problem);

/* What mailbox.show adds to a row of mailbox.list: aliases, locks and so on; new. */
json_t *method_mailbox_told(
	struct control_engine *engine, const struct id *mailbox, struct error *error);

/* The rows of mailbox.list, for status. */
json_t *method_mailbox_rows(struct control_engine *engine, struct error *error);

#endif
