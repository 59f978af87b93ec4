/* method.c -- the method table, and nothing else. Adding a method is a row here and a handler in the file of
 * its subject. */
#include "method_internal.h"

#include <string.h>

/* A parameter: its form, its name in JSON, its word on the command line, what it is. TAKES: may be left out;
 * NEEDS: may not. With _ONE_OF the values are a list, "a|b|c". */
#define TAKES_ONE_OF(form_, name_, word_, choices_, help_)                       \
	{                                                                        \
		.name = name_, .form = PARAMETER_##form_, .command_name = word_, \
		.choices = choices_, .help = help_                               \
	}
#define NEEDS_ONE_OF(form_, name_, word_, choices_, help_)                     \
	{                                                                      \
		.name = name_, .form = PARAMETER_##form_, .is_required = true, \
		.command_name = word_, .choices = choices_, .help = help_      \
	}
#define TAKES(form_, name_, word_, help_) TAKES_ONE_OF(form_, name_, word_, NULL, help_)
#define NEEDS(form_, name_, word_, help_) NEEDS_ONE_OF(form_, name_, word_, NULL, help_)
#define NOTHING                      \
	{                            \
		{                    \
			.name = NULL \
		}                    \
	}

#define MAILBOX NEEDS(POSITION, "id", "ID", "The mailbox: mbx- and 32 hex digits.")
#define MAILBOX_PASSWORD NEEDS(SECRET, "password", "Password", "The password of the mailbox.")
#define MAILBOX_RESULT                                                                         \
	"{id, address, name, description, status: active|suspended, created, waiting, "        \
	"waiting_bytes, received, received_bytes, collected, collected_bytes, last_received, " \
	"last_collected}"
#define MAILBOX_TOLD                                                                      \
	"aliases: [address], envelope_headers: on|off, networks, networks_allowed, "      \
	"networks_refused, tenant, tenants_allowed, tenants_refused: each a text, items " \
	"separated by blanks, tenant_seen: of the first report, if there is no lock"
#define SETTING_RESULT "{key, value, default, type, choices, needs_restart, help}"
#define TRANSFER NEEDS(NUMBER, "transfer", "N", "The number that began it.")

static const struct method methods[] = {
	{ { "status", "status", "What the gateway does, what it listens on, what needs a person.",
		  { TAKES(LOCAL_FLAG, "check", "--check",
			  "One line for a monitoring system; exit status 0 when all is well, 1 "
			  "with a warning, 2 when something is critical.") },
		  "{state: running|warning|attention, version, uptime_s, listeners: [{service, "
		  "address, port, tls}], mailboxes: [as mailbox.list], accounts: [], storage: "
		  "{used_bytes, free_bytes, commits, deliveries}, problems: [{id, severity: "
		  "warning|critical, text, remedy, since, actions: [{label, method, params}] if "
		  "methods solve it}]}" },
		method_status },
	{ { "selftest", "selftest",
		  "Sends a message through every listener and back, and compares it.", NOTHING,
		  "{ok, steps: [{name, ok, text, duration_ms}]}" },
		method_selftest },
	{ { "methods", "methods", "The methods of the control interface.", NOTHING,
		  "[{name, summary, command, parameters: [{name, type, required, choices, help}], "
		  "result}]" },
		method_methods },
	{ { "gateway.restart", "restart",
		  "Ends the engine in order and starts it again in the same process, for settings "
		  "that need it.",
		  NOTHING, "{restarting}" },
		method_gateway_restart },
	{ { "settings.list", "settings list", "All settings with their values and what they mean.",
		  NOTHING, "[" SETTING_RESULT "]" },
		method_settings_list },
	{ { "settings.get", "settings get", "One setting.",
		  { NEEDS(POSITION, "key", "KEY", "The setting.") }, SETTING_RESULT },
		method_settings_get },
	{ { "settings.set", "settings set",
		  "Changes a setting, and says whether the gateway must be started again for it.",
		  { NEEDS(POSITION, "key", "KEY", "The setting."),
			  NEEDS(POSITION, "value", "VALUE", "Its new value.") },
		  SETTING_RESULT },
		method_settings_set },
	{ { "mailbox.create", "mailbox create",
		  "Makes a mailbox; its password and recovery code are shown this once.",
		  { NEEDS(OPTION, "name", "--name N", "What people call it."),
			  TAKES(OPTION, "description", "--description D", "What it is for."),
			  TAKES(STDIN, "password", "--password-stdin",
				  "Take the password from standard input instead of making one."),
			  TAKES_ONE_OF(OPTION, "recovery", "--recovery", "on|off",
				  "Whether to make a recovery code, which opens the mailbox when "
				  "the password is lost; on if not given.") },
		  "{id, address, password, recovery_code: null without one}" },
		method_mailbox_create },
	{ { "mailbox.password", "mailbox password",
		  "Gives a mailbox another password. Mail that waits and the recovery code stay.",
		  { MAILBOX,
			  NEEDS(SECRET, "password", "Password or recovery code",
				  "The password of the mailbox, or its recovery code."),
			  TAKES(FLAG, "generate", "--generate",
				  "Make a strong password and show it this once."),
			  { .name = "new_password",
				  .form = PARAMETER_NEW_SECRET,
				  .command_name = "New password",
				  .help = "12 to 128 bytes that are not easy to guess. Not with "
					  "--generate.",
				  .unless = "generate" } },
		  "{changed: id}; with generate: password, too" },
		method_mailbox_password },
	{ { "mailbox.recovery", "mailbox recovery",
		  "Makes a recovery code, in the place of the one there may be, and shows it this "
		  "once; or withdraws it.",
		  { MAILBOX,
			  NEEDS_ONE_OF(
				  POSITION, "action", "ACTION", "create|withdraw", "What to do."),
			  MAILBOX_PASSWORD },
		  "{changed: id}; with create: recovery_code, too" },
		method_mailbox_recovery },
	{ { "mailbox.rekey", "mailbox rekey",
		  "Gives a mailbox new encryption keys, for when an old password or backup may "
		  "be in foreign hands: change the password first. Mail from before stays "
		  "readable with the password; a recovery code is replaced by a new one.",
		  { MAILBOX, MAILBOX_PASSWORD },
		  "{changed: id, generation}; with a new recovery code: recovery_code, note" },
		method_mailbox_rekey },
	{ { "mailbox.list", "mailbox list", "All mailboxes with their counts.", NOTHING,
		  "[" MAILBOX_RESULT "]" },
		method_mailbox_list },
	{ { "mailbox.show", "mailbox show", "One mailbox.", { MAILBOX },
		  "as in mailbox.list, and {" MAILBOX_TOLD "}" },
		method_mailbox_show },
	{ { "mailbox.edit", "mailbox edit",
		  "Changes what a mailbox is called, its aliases, and who may deliver to it. What "
		  "is "
		  "not given stays.",
		  { MAILBOX, TAKES(OPTION, "name", "--name N", "What people call it."),
			  TAKES(OPTION, "description", "--description D", "What it is for."),
			  TAKES(LIST, "aliases", "--alias A",
				  "Whole addresses that lead to it, too, in place of those "
				  "before."),
			  TAKES_ONE_OF(OPTION, "envelope_headers", "--envelope-headers", "on|off",
				  "Whether its copies carry X-Envelope-From and X-Envelope-To, "
				  "which name blind copies, too."),
			  TAKES(OPTION, "networks", "--networks LIST",
				  "Who may deliver: addresses, networks (192.0.2.0/24) and the "
				  "names "
				  "microsoft365 and google; empty for everybody."),
			  TAKES(OPTION, "tenant", "--tenant NAME",
				  "Whose reports it takes alone: the X-OriginatorOrg of a "
				  "Microsoft "
				  "365 tenant; empty for everybody's.") },
		  "as mailbox.show" },
		method_mailbox_edit },
	{ { "mailbox.allow", "mailbox allow",
		  "Lets somebody deliver whom the lock of a mailbox does not know, for good.",
		  { MAILBOX, TAKES(OPTION, "network", "--network LIST", "An address or a network."),
			  TAKES(OPTION, "tenant", "--tenant NAME", "A tenant.") },
		  "as mailbox.show" },
		method_mailbox_allow },
	{ { "mailbox.refuse", "mailbox refuse",
		  "Refuses somebody's mail for good: it is returned to its sender.",
		  { MAILBOX, TAKES(OPTION, "network", "--network LIST", "An address or a network."),
			  TAKES(OPTION, "tenant", "--tenant NAME", "A tenant.") },
		  "as mailbox.show" },
		method_mailbox_refuse },
	{ { "mailbox.suspend", "mailbox suspend",
		  "Takes no more mail for now: senders are asked to try again later.", { MAILBOX },
		  "as mailbox.show" },
		method_mailbox_suspend },
	{ { "mailbox.resume", "mailbox resume", "Takes mail again.", { MAILBOX },
		  "as mailbox.show" },
		method_mailbox_resume },
	{ { "mailbox.delete", "mailbox delete",
		  "Deletes a suspended mailbox and all the mail in it, for good.",
		  { MAILBOX, NEEDS(CONSENT, "confirmed", "--yes", "Yes, delete it.") },
		  "{deleted}" },
		method_mailbox_delete },
	{ { "mailbox.export", "mailbox export",
		  "Writes the mail that waits in a mailbox to a new file or folder. Nothing is "
		  "deleted. "
		  "A damaged message is left out and named.",
		  { MAILBOX,
			  NEEDS_ONE_OF(OPTION, "format", "--format", "mbox|eml|maildir",
				  "One mbox file; a folder with a file for each message, octet for "
				  "octet as collectors get it; or the same as a maildir."),
			  TAKES(FLAG, "collected", "--collected",
				  "Mail that was collected and is still kept, too."),
			  NEEDS(TARGET, "to", "--to PATH", "The new file or folder."),
			  MAILBOX_PASSWORD },
		  "{transfer, direction, form}; at its end {ok: nothing was damaged, exported, "
		  "bytes, "
		  "gone: collected and deleted meanwhile, damaged: how many, damaged_messages: "
		  "[{id, "
		  "received}]}" },
		method_mailbox_export },
	{ { "mailbox.restore", "mailbox restore",
		  "Mail that was collected and is still kept (storage.keep-collected-days) waits "
		  "again, "
		  "for an archive that lost it.",
		  { MAILBOX, TAKES(OPTION, "since", "--since TIME",
				     "Only what was collected then or later: 2026-11-24, or "
				     "2026-11-24T04:08:06Z, in UTC.") },
		  "{restored: how many}" },
		method_mailbox_restore },
	{ { "ledger.verify", "ledger verify",
		  "Checks the record of a mailbox's copies: no row is missing or changed, all "
		  "signatures "
		  "hold, and what is still there is what was received. May take long: all of it is "
		  "read.",
		  { MAILBOX, TAKES(FILE, "anchor", "--anchor FILE",
				     "A report mail from the archive: shows also that nothing "
				     "earlier was put back.") },
		  "{ok, rows, signatures, bodies, older: bodies from before the ledger began, "
		  "anchor: "
		  "whether one was given, differences: [text]}" },
		method_ledger_verify },
	{ { "ledger.export", "ledger export",
		  "Writes the record of a mailbox's copies to a new file.",
		  { MAILBOX, NEEDS(TARGET, "to", "--to FILE", "The new file."),
			  TAKES_ONE_OF(
				  OPTION, "format", "--format", "csv|json", "csv if not given."),
			  TAKES(SECRET, "password", "Password (or nothing)",
				  "The password of the mailbox, for the SHA-256 of each message; "
				  "an "
				  "empty line, or none, leaves them out.") },
		  "{transfer, direction, form}; at its end {rows, signatures, unopened: receipts "
		  "that "
		  "the keys do not open}" },
		method_ledger_export },
	{ { "ledger.report", "ledger report",
		  "Delivers the newest signature into the mailbox now, as it is done once a day.",
		  { MAILBOX }, "{reported: id}" },
		method_ledger_report },
	{ { "certificate.show", "certificate show",
		  "The certificates of this installation; --ca prints the one that others are to "
		  "trust.",
		  { TAKES(FLAG, "ca", "--ca", "Only the certificate of the authority, as PEM.") },
		  "[{certificate, use, subject, issuer, names, key, sha256, not_before, "
		  "not_after}]; with ca: {pem}" },
		method_certificate_show },
	{ { "certificate.generate", "certificate generate",
		  "Makes new keys and server certificates now. The authority stays, so programs "
		  "that trust it notice nothing.",
		  NOTHING, "as certificate.show" },
		method_certificate_generate },
	{ { "certificate.import", "certificate import",
		  "Uses a certificate from elsewhere, at once for new sessions: PEM in one file or "
		  "two, or PKCS#12.",
		  { NEEDS(FILE, "certificate", "--cert FILE",
			    "The certificate with those of its issuers, maybe with its key."),
			  TAKES(FILE, "key", "--key FILE",
				  "The key, if it is in a file of its own."),
			  TAKES(STDIN, "passphrase", "--passphrase-stdin",
				  "Take the passphrase of the key from standard input.") },
		  "{certificate: as in certificate.show, warnings: [text]}" },
		method_certificate_import },
	{ { "certificate.remove", "certificate remove",
		  "Stops using the imported certificate, and deletes it with its key.",
		  { NEEDS(CONSENT, "confirmed", "--yes", "Yes, delete it.") }, "{removed}" },
		method_certificate_remove },
	{ { "backup.create", "backup create",
		  "Copies the whole store to a new folder while the gateway goes on: mailboxes, "
		  "mail "
		  "(sealed, as it is stored), settings, certificates and their keys.",
		  { NEEDS(TARGET, "to", "PATH", "The new folder.") },
		  "{transfer, direction, form}; at its end {ok: nothing was missing, created, "
		  "files, "
		  "bytes, missing: messages whose bytes were lost before}" },
		method_backup_create },
	{ { "backup.verify", "backup verify",
		  "Looks whether a backup is whole: every file as it was written, the database "
		  "sound.",
		  { NEEDS(SOURCE, "from", "PATH", "The folder of the backup.") },
		  "{transfer, direction, form}; at its end {ok, text, created, program, schema, "
		  "files, "
		  "bytes, mailboxes, waiting, missing, problem_count, problems: [text], the first "
		  "of "
		  "them}" },
		method_backup_verify },
	{ { "backup.restore", "backup restore",
		  "Puts a backup in the place of everything that is there, and starts the gateway "
		  "again. What was there is kept in a folder beside it.",
		  { NEEDS(SOURCE, "from", "PATH", "The folder of the backup."),
			  NEEDS(CONSENT, "confirmed", "--yes",
				  "Yes, put it in the place of all.") },
		  "{transfer, direction, form}; at its end {restarting, created, mailboxes, "
		  "waiting, "
		  "before: the folder with what was there}" },
		method_backup_restore },
	{ { "backup.confirm", "backup confirm",
		  "After a restore: the list of mailboxes is whole, so mail to others is refused "
		  "again instead of put off.",
		  NOTHING, "{confirmed}" },
		method_backup_confirm },
	{ { "storage.move", "storage move",
		  "Brings mailboxes and mail to another folder, maybe on another disk. Most of it "
		  "is "
		  "copied while the gateway goes on; then it starts again. Certificates and logs "
		  "stay.",
		  { NEEDS(POSITION, "path", "PATH",
			  "The whole path of a new or empty folder; that of the data folder brings "
			  "them back.") },
		  "{transfer, direction, form: work}; at its end {restarting, from, to}" },
		method_storage_move },
	{ { "storage.recover", "storage recover",
		  "Brings sealed messages that no mailbox names (bodies/lost) back into their "
		  "mailboxes. After a power cut their senders have sent them again: then there are "
		  "two copies.",
		  NOTHING,
		  "{ok: nothing is left, found, returned: to messages that lacked their bytes, "
		  "added: "
		  "copies that came anew, left, reasons: [text]}" },
		method_storage_recover },
	{ { "transfer.read", NULL, "The next piece of a transfer that brings data.", { TRANSFER },
		  "{entry, data, entry_end, end, progress: {done, total}}; with end: result, too" },
		method_transfer_read },
	{ { "transfer.write", NULL, "The next piece of a transfer that takes data.",
		  { TRANSFER,
			  TAKES(OPTION, "entry", "--entry NAME",
				  "The entry that the piece belongs to."),
			  TAKES(OPTION, "data", "--data BASE64", "Up to 256 KiB of it, base64."),
			  TAKES(FLAG, "entry_end", "--entry-end", "The entry's last piece."),
			  TAKES(FLAG, "end", "--end", "The last piece of all.") },
		  "{progress: {done, total}}; with end: result, too" },
		method_transfer_write },
	{ { "transfer.cancel", NULL, "Ends a transfer before its time; nothing of it stays.",
		  { TRANSFER }, "{cancelled}" },
		method_transfer_cancel },
};

enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

size_t method_count(void)
{
	return METHOD_COUNT;
}

const struct method_facts *method_at(size_t index)
{
	return &methods[index].facts;
}

const struct method *method_find(const char *name)
{
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		if (strcmp(methods[i].facts.name, name) == 0)
			return &methods[i];
	}
	return NULL;
}
