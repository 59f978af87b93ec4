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
#define MAILBOX_RESULT                                                                         \
	"{id, address, name, description, status: active|suspended, created, waiting, "        \
	"waiting_bytes, received, received_bytes, collected, collected_bytes, last_received, " \
	"last_collected}"
#define SETTING_RESULT "{key, value, default, type, choices, needs_restart, help}"
#define TRANSFER NEEDS(NUMBER, "transfer", "N", "The number that began it.")

static const struct method methods[] = {
	{ { "status", "status", "What the gateway does, what it listens on, what needs a person.",
		  { TAKES(LOCAL_FLAG, "check", "--check",
			  "One line for a monitoring system; exit status 0 when all is well, 1 "
			  "with a warning, 2 when something is critical.") },
		  "{state: running|warning|attention, version, uptime_s, listeners: [{service, "
		  "address, port, tls}], mailboxes: [as mailbox.show], accounts: [], storage: "
		  "{used_bytes, free_bytes, commits, deliveries}, problems: [{id, severity: "
		  "warning|critical, text, remedy, since}]}" },
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
				  "Take the password from standard input instead of making one.") },
		  "{id, address, password, recovery_code}" },
		method_mailbox_create },
	{ { "mailbox.list", "mailbox list", "All mailboxes with their counts.", NOTHING,
		  "[as mailbox.show]" },
		method_mailbox_list },
	{ { "mailbox.show", "mailbox show", "One mailbox.", { MAILBOX }, MAILBOX_RESULT },
		method_mailbox_show },
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
