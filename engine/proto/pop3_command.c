/* pop3_command.c -- the commands of POP3 as a table: RFC 1939, CAPA (RFC 2449), STLS (RFC 2595),
 * AUTH (RFC 5034, in pop3_auth.c), UTF8 (RFC 6856), response codes (RFC 2449 8, RFC 3206).
 *
 * Each command leaves exactly one answer in the outbox, or raises an event whose answer leaves it.
 * Message numbers and states are checked here, before a command runs. Without TLS a USER, PASS or AUTH
 * is refused before its argument is looked at. */
#include "pop3_server_internal.h"

#include <assert.h>

enum argument_kind {
	ARGUMENT_NONE,
	ARGUMENT_NAME,
	ARGUMENT_MECHANISM, /* and what follows it */
	ARGUMENT_SECRET,    /* to the end of the line, blanks included (RFC 1939 7, PASS) */
	ARGUMENT_MESSAGE,
	ARGUMENT_MESSAGE_OR_NONE,
	ARGUMENT_MESSAGE_AND_LINES,
};

struct arguments {
	struct bytes text;
	bool has_message;
	size_t index;
	uint64_t lines;
};

struct command {
	const char *verb;
	unsigned states;
	enum argument_kind argument;
	bool needs_tls;
	void (*run)(struct pop3_server *server, const struct arguments *arguments);
};

static const char no_such_message[] = "no such message";
static const char implementation[] = "IMPLEMENTATION Lettergate";

enum { VERSION_MAX = 64 };

/* Each appends to the line of its capability; false: the answer does not fit, which cannot be. */

static bool append_mechanisms(struct pop3_server *server)
{
	bool fits = true;

	for (size_t i = 0; i < sasl_mechanism_count(); i++) {
		fits &= outbox_append(&server->outbox, bytes_of(" "));
		fits &= outbox_append(&server->outbox, bytes_of(sasl_mechanism_name(i)));
	}
	return fits;
}

static bool append_version(struct pop3_server *server)
{
	struct bytes version = bytes_head(bytes_of(server->options.version), VERSION_MAX);

	return !version.size || (outbox_append(&server->outbox, bytes_of("-")) &&
					outbox_append(&server->outbox, version));
}

/* RFC 2449 6, RFC 2595 4, RFC 3206 4, RFC 5034 6, RFC 6856 2. What begins a login is shown when a login
 * is possible. */
static const struct capability {
	const char *text;
	bool with_tls;
	bool without_tls;
	bool (*append)(struct pop3_server *server);
} capabilities[] = {
	{ "TOP", true, true, NULL },
	{ "UIDL", true, true, NULL },
	{ "USER", true, false, NULL },
	{ "SASL", true, false, append_mechanisms },
	{ "STLS", false, true, NULL },
	{ "PIPELINING", true, true, NULL },
	{ "RESP-CODES", true, true, NULL },
	{ "AUTH-RESP-CODE", true, true, NULL },
	{ "EXPIRE NEVER", true, true, NULL },
	{ "UTF8 USER", true, true, NULL },
	{ implementation, true, true, append_version },
};

static bool is_shown(const struct pop3_server *server, const struct capability *row)
{
	if (row->text == implementation && server->options.version &&
		server->state != POP3_IN_TRANSACTION)
		return false;
	return server->is_tls ? row->with_tls : row->without_tls;
}

static void run_capa(struct pop3_server *server, const struct arguments *arguments)
{
	bool fits = true;

	(void)arguments;
	pop3_server_ok(server, "capabilities follow");
	for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
		const struct capability *row = &capabilities[i];

		if (!is_shown(server, row))
			continue;
		fits &= outbox_append(&server->outbox, bytes_of(row->text));
		fits &= !row->append || row->append(server);
		fits &= outbox_append(&server->outbox, bytes_of("\r\n"));
	}
	fits &= outbox_append(&server->outbox, bytes_of(".\r\n"));
	assert(fits);
	(void)fits;
}

static void run_stls(struct pop3_server *server, const struct arguments *arguments)
{
	(void)arguments;
	if (server->is_tls) {
		pop3_server_nonsense(server, "encrypted already");
		return;
	}
	pop3_server_ok(server, "begin TLS now");
	pop3_server_raise(server, POP3_EVENT_STLS, POP3_DUE_HANDSHAKE);
}

static void run_user(struct pop3_server *server, const struct arguments *arguments)
{
	if (arguments->text.size > sizeof server->user) {
		pop3_server_nonsense(server, "this name is too long");
		return;
	}
	memcpy(server->user, arguments->text.data, arguments->text.size);
	server->user_size = arguments->text.size;
	server->has_user = true;
	/* The same for every name, so that nobody learns which ones exist. */
	pop3_server_ok(server, "send PASS");
}

static void run_pass(struct pop3_server *server, const struct arguments *arguments)
{
	if (!server->has_user) {
		pop3_server_nonsense(server, "send USER first");
		return;
	}
	server->event.user = bytes_make(server->user, server->user_size);
	server->event.password = arguments->text;
	pop3_server_raise(server, POP3_EVENT_LOGIN, POP3_DUE_LOGIN);
}

static void run_auth(struct pop3_server *server, const struct arguments *arguments)
{
	pop3_auth_run(server, arguments->text);
}

static void run_utf8(struct pop3_server *server, const struct arguments *arguments)
{
	(void)arguments;
	/* Nothing to switch: messages leave as they are stored in either mode, and names and passwords
	 * were never bound to ASCII. docs/internals/protocol-cores.md says what that deviates from. */
	pop3_server_ok(server, "UTF-8 it is");
}

static void run_stat(struct pop3_server *server, const struct arguments *arguments)
{
	(void)arguments;
	pop3_server_ok(
		server, "%zu %llu", server->kept_count, (unsigned long long)server->kept_size);
}

static void list(
	struct pop3_server *server, const struct arguments *arguments, enum pop3_listing_kind kind)
{
	uint8_t line[POP3_LISTING_LINE_MAX];
	size_t size;

	if (!arguments->has_message) {
		pop3_server_ok(server, "%zu messages", server->kept_count);
		pop3_listing_start(&server->listing, kind, server->maildrop);
		return;
	}
	size = pop3_listing_line(
		kind, &server->maildrop.messages[arguments->index], arguments->index + 1, line);
	pop3_server_ok(server, "%.*s", (int)size - 2, (const char *)line);
}

static void run_list(struct pop3_server *server, const struct arguments *arguments)
{
	list(server, arguments, POP3_LISTING_SIZES);
}

static void run_uidl(struct pop3_server *server, const struct arguments *arguments)
{
	list(server, arguments, POP3_LISTING_IDS);
}

static void retrieve(struct pop3_server *server, const struct arguments *arguments, bool whole)
{
	server->event.index = arguments->index;
	server->event.whole = whole;
	server->event.lines = arguments->lines;
	pop3_server_raise(server, POP3_EVENT_RETRIEVE, POP3_DUE_RETRIEVE);
}

static void run_retr(struct pop3_server *server, const struct arguments *arguments)
{
	retrieve(server, arguments, true);
}

static void run_top(struct pop3_server *server, const struct arguments *arguments)
{
	retrieve(server, arguments, false);
}

static void run_dele(struct pop3_server *server, const struct arguments *arguments)
{
	struct pop3_message *message = &server->maildrop.messages[arguments->index];

	message->is_deleted = true;
	server->kept_count--;
	server->kept_size -= message->size;
	pop3_server_ok(server, "message %zu deleted", arguments->index + 1);
}

static void run_rset(struct pop3_server *server, const struct arguments *arguments)
{
	(void)arguments;
	/* The loop is paid for by the DELEs before it. */
	for (size_t i = 0; server->kept_count < server->maildrop.count; i++) {
		struct pop3_message *message = &server->maildrop.messages[i];

		if (!message->is_deleted)
			continue;
		message->is_deleted = false;
		server->kept_count++;
		server->kept_size += message->size;
	}
	pop3_server_ok(server, "%zu messages (%llu octets)", server->kept_count,
		(unsigned long long)server->kept_size);
}

static void run_noop(struct pop3_server *server, const struct arguments *arguments)
{
	(void)arguments;
	pop3_server_ok(server, "nothing done");
}

static void run_quit(struct pop3_server *server, const struct arguments *arguments)
{
	(void)arguments;
	if (server->state == POP3_IN_TRANSACTION) {
		pop3_server_raise(server, POP3_EVENT_UPDATE, POP3_DUE_UPDATE);
		return;
	}
	pop3_server_ok(server, "bye");
	pop3_server_close(server);
}

#define ANY_STATE (POP3_IN_AUTHORIZATION | POP3_IN_TRANSACTION)

static const struct command commands[] = {
	{ "CAPA", ANY_STATE, ARGUMENT_NONE, false, run_capa },
	{ "STLS", POP3_IN_AUTHORIZATION, ARGUMENT_NONE, false, run_stls },
	{ "USER", POP3_IN_AUTHORIZATION, ARGUMENT_NAME, true, run_user },
	{ "PASS", POP3_IN_AUTHORIZATION, ARGUMENT_SECRET, true, run_pass },
	{ "AUTH", POP3_IN_AUTHORIZATION, ARGUMENT_MECHANISM, true, run_auth },
	{ "UTF8", POP3_IN_AUTHORIZATION, ARGUMENT_NONE, false, run_utf8 },
	{ "STAT", POP3_IN_TRANSACTION, ARGUMENT_NONE, false, run_stat },
	{ "LIST", POP3_IN_TRANSACTION, ARGUMENT_MESSAGE_OR_NONE, false, run_list },
	{ "UIDL", POP3_IN_TRANSACTION, ARGUMENT_MESSAGE_OR_NONE, false, run_uidl },
	{ "RETR", POP3_IN_TRANSACTION, ARGUMENT_MESSAGE, false, run_retr },
	{ "TOP", POP3_IN_TRANSACTION, ARGUMENT_MESSAGE_AND_LINES, false, run_top },
	{ "DELE", POP3_IN_TRANSACTION, ARGUMENT_MESSAGE, false, run_dele },
	{ "RSET", POP3_IN_TRANSACTION, ARGUMENT_NONE, false, run_rset },
	{ "NOOP", POP3_IN_TRANSACTION, ARGUMENT_NONE, false, run_noop },
	{ "QUIT", ANY_STATE, ARGUMENT_NONE, false, run_quit },
};

static const struct command *find(struct bytes verb)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (bytes_equal_nocase(verb, bytes_of(commands[i].verb)))
			return &commands[i];
	}
	return NULL;
}

/* The three parsers return NULL or what is wrong. */

static const char *parse_count(struct bytes *text, uint64_t *number)
{
	struct bytes word;

	*text = bytes_trim(*text);
	if (!bytes_split(text, ' ', &word) || !bytes_parse_number(word, UINT64_MAX, number))
		return "a number is missing or malformed";
	return NULL;
}

static const char *parse_message(
	const struct pop3_server *server, struct bytes *text, struct arguments *arguments)
{
	uint64_t number;
	const char *wrong = parse_count(text, &number);

	if (wrong)
		return wrong;
	if (number < 1 || number > server->maildrop.count)
		return no_such_message;
	arguments->index = (size_t)number - 1;
	arguments->has_message = true;
	return server->maildrop.messages[arguments->index].is_deleted ? no_such_message : NULL;
}

static const char *parse_arguments(const struct pop3_server *server, enum argument_kind kind,
	struct bytes text, struct arguments *arguments)
{
	const char *wrong = NULL;

	arguments->text = text;
	if (kind == ARGUMENT_SECRET)
		return text.size ? NULL : "a password is missing";
	text = bytes_trim(text);
	arguments->text = text;
	if (kind == ARGUMENT_NAME)
		return text.size ? NULL : "a name is missing";
	if (kind == ARGUMENT_MECHANISM)
		return text.size ? NULL : "a mechanism is missing";
	if (kind == ARGUMENT_MESSAGE || kind == ARGUMENT_MESSAGE_AND_LINES ||
		(kind == ARGUMENT_MESSAGE_OR_NONE && text.size))
		wrong = parse_message(server, &text, arguments);
	if (!wrong && kind == ARGUMENT_MESSAGE_AND_LINES)
		wrong = parse_count(&text, &arguments->lines);
	if (!wrong && text.size)
		wrong = "too many arguments";
	return wrong;
}

void pop3_command_run(struct pop3_server *server)
{
	struct bytes rest = crlf_line_text(&server->line);
	struct bytes verb = bytes_head(rest, bytes_find(rest, ' '));
	const struct command *command = find(verb);
	struct arguments arguments = { .text = rest };
	const char *wrong;

	if (server->line.is_too_long)
		pop3_server_nonsense(server, "this line is too long");
	else if (!crlf_line_is_clean(&server->line))
		pop3_server_nonsense(server, "this line holds a CR, LF or NUL");
	else if (!command)
		pop3_server_nonsense(server, "unknown command");
	else if (!(command->states & server->state))
		pop3_server_nonsense(server, server->state == POP3_IN_AUTHORIZATION
						     ? "log in first"
						     : "logged in already");
	else if (command->needs_tls && !server->is_tls)
		pop3_server_nonsense(server, "[SYS/PERM] use STLS first");
	else {
		wrong = parse_arguments(
			server, command->argument, bytes_skip(rest, verb.size + 1), &arguments);
		if (!wrong)
			command->run(server, &arguments);
		else if (wrong == no_such_message)
			/* A client may well ask for what it deleted. */
			pop3_server_error(server, wrong);
		else
			pop3_server_nonsense(server, wrong);
	}
}
