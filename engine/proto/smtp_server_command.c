/* smtp_server_command.c -- the commands of RFC 5321 4.1 and of the extensions, one row and one handler
 * each. The loop in smtp_server_run_command() checks what the row says of the arguments and the
 * order; a handler then says its reply, or asks the driver by an event whose answer is the reply.
 *
 * Invariant: each command brings exactly one reply, now, after the answer, or behind BDAT's octets. */
#include "smtp_server_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum command_rule {
	NEEDS_HELLO = 1 << 0,
	NEEDS_MAIL = 1 << 1,
	NEEDS_ARGUMENT = 1 << 2,
	TAKES_NO_ARGUMENT = 1 << 3,
};

/* RFC 9422: RCPTMAX has at most six digits, and is not 0. */
enum { RCPTMAX_MAXIMUM = 999999 };

struct command {
	const char *verb;
	unsigned rules;
	void (*run)(struct smtp_server *server, struct bytes argument);
	const char *syntax; /* for HELP; NULL: the command is not offered */
};

/* RCPTMAX counts RCPT commands, our maximum those that were accepted, so a client that keeps to the one
 * never meets the other. A driver may take more than it promises. */
static void describe_limits(const struct smtp_server *server, char *text, size_t capacity)
{
	text[0] = '\0';
	if (server->announced_recipients >= 1 && server->announced_recipients <= RCPTMAX_MAXIMUM)
		snprintf(text, capacity, "250-LIMITS RCPTMAX=%" PRIu32 "\r\n",
			server->announced_recipients);
}

static void say_extensions(struct smtp_server *server)
{
	char text[SMTP_REPLY_SIZE], limits[64];
	bool fits;
	int size;

	describe_limits(server, limits, sizeof limits);
	size = snprintf(text, sizeof text,
		"250-%s\r\n250-PIPELINING\r\n250-SIZE %" PRIu64 "\r\n250-8BITMIME\r\n%s"
		"250-CHUNKING\r\n250-SMTPUTF8\r\n%s250 ENHANCEDSTATUSCODES\r\n",
		server->hostname, server->max_message_size, server->tls ? "" : "250-STARTTLS\r\n",
		limits);
	fits = outbox_append(&server->outbox, bytes_make(text, (size_t)size));
	assert(size > 0 && (size_t)size < sizeof text && fits);
	(void)fits;
}

static void hello(struct smtp_server *server, struct bytes name, bool is_extended)
{
	if (!address_is_domain(name)) {
		smtp_server_reject(
			server, 501, "5.5.4 Give a domain or an address literal as your name");
		return;
	}
	smtp_server_void_transaction(server);
	server->has_hello = true;
	server->is_extended = is_extended;
	if (is_extended)
		say_extensions(server);
	else
		smtp_server_say(server, 250, server->hostname);
	smtp_server_raise(
		server, (struct smtp_event){
				.kind = SMTP_EVENT_HELLO, .text = name, .extended = is_extended });
}

static void command_ehlo(struct smtp_server *server, struct bytes argument)
{
	hello(server, argument, true);
}

static void command_helo(struct smtp_server *server, struct bytes argument)
{
	hello(server, argument, false);
}

static void command_starttls(struct smtp_server *server, struct bytes argument)
{
	(void)argument;
	if (server->tls) {
		smtp_server_reject(server, 503, "5.5.1 The connection is encrypted already");
		return;
	}
	smtp_server_void_transaction(server);
	smtp_server_say(server, 220, "2.0.0 Ready to start TLS");
	smtp_server_raise(server, (struct smtp_event){ .kind = SMTP_EVENT_STARTTLS });
	server->phase = SMTP_PHASE_TLS;
}

static void command_mail(struct smtp_server *server, struct bytes argument)
{
	struct smtp_refusal refusal;
	struct smtp_path path;

	if (server->transaction.exists) {
		smtp_server_reject(server, 503, "5.5.1 A transaction is open already");
		return;
	}
	if (!smtp_command_parse_mail(argument, server->is_extended, &path, &refusal)) {
		smtp_server_reject(server, refusal.code, refusal.text);
		return;
	}
	if (!server->tls) {
		/* Not the 530 of RFC 3207 4: a server that falls back to plaintext would return
		 * its mail for good because of one failed handshake. */
		smtp_server_raise(server, (struct smtp_event){ .kind = SMTP_EVENT_PLAINTEXT,
						  .address = path.address });
		smtp_server_reject(server, 451, "4.7.0 Must issue a STARTTLS command first");
		return;
	}
	if (path.parameters.size > server->max_message_size) {
		smtp_server_reject(server, 552, "5.3.4 The message is larger than is accepted");
		return;
	}
	server->transaction.utf8 = path.parameters.utf8;
	smtp_server_ask(server, SMTP_WAIT_MAIL,
		(struct smtp_event){
			.kind = SMTP_EVENT_MAIL,
			.address = path.address,
			.dsn = path.parameters.dsn,
			.size = path.parameters.size,
			.utf8 = path.parameters.utf8,
		});
}

static void command_rcpt(struct smtp_server *server, struct bytes argument)
{
	struct smtp_refusal refusal;
	struct smtp_path path;

	if (server->transaction.has_content)
		smtp_server_reject(server, 503, "5.5.1 The content has begun already");
	else if (!smtp_command_parse_rcpt(
			 argument, server->is_extended, server->transaction.utf8, &path, &refusal))
		smtp_server_reject(server, refusal.code, refusal.text);
	else if (server->transaction.recipients >= server->max_recipients)
		/* RFC 5321 4.5.3.1.10: the client sends the rest in another transaction. */
		smtp_server_say(server, 452, "4.5.3 Too many recipients");
	else
		smtp_server_ask(server, SMTP_WAIT_RCPT,
			(struct smtp_event){
				.kind = SMTP_EVENT_RCPT,
				.address = path.address,
				.dsn = path.parameters.dsn,
			});
}

static void command_data(struct smtp_server *server, struct bytes argument)
{
	(void)argument;
	if (server->transaction.has_content) {
		smtp_server_reject(server, 503, "5.5.1 BDAT has begun already");
	} else if (!server->transaction.recipients) {
		smtp_server_reject(server, 554, "5.5.1 No valid recipients");
	} else {
		server->is_by_chunk = false;
		smtp_server_ask(
			server, SMTP_WAIT_DATA, (struct smtp_event){ .kind = SMTP_EVENT_DATA });
	}
}

/* Where the order is wrong the octets follow all the same (RFC 3030 2), so this row has no rules. */
static void command_bdat(struct smtp_server *server, struct bytes argument)
{
	const struct smtp_chunk chunk = smtp_command_parse_bdat(argument);

	if (!chunk.has_size) {
		/* What follows could be content or commands: executing it would let a sender
		 * write commands into somebody's message. */
		smtp_server_void_transaction(server);
		smtp_server_end(server, 501, "5.5.4 Syntax: BDAT size [LAST]");
		return;
	}
	server->chunk = chunk;
	if (!chunk.is_correct)
		smtp_server_swallow_chunk(server, 501, "5.5.4 Syntax: BDAT size [LAST]");
	else if (!server->is_extended)
		smtp_server_swallow_chunk(server, 503, "5.5.1 EHLO first");
	else if (!server->transaction.exists)
		smtp_server_swallow_chunk(server, 503, "5.5.1 MAIL first");
	else if (!server->transaction.recipients)
		smtp_server_swallow_chunk(server, 554, "5.5.1 No valid recipients");
	else
		smtp_server_start_chunk(server, chunk);
}

static void command_rset(struct smtp_server *server, struct bytes argument)
{
	(void)argument;
	smtp_server_void_transaction(server);
	smtp_server_say(server, 250, "2.0.0 Ok");
}

static void command_noop(struct smtp_server *server, struct bytes argument)
{
	(void)argument;
	smtp_server_say(server, 250, "2.0.0 Ok");
}

static void command_quit(struct smtp_server *server, struct bytes argument)
{
	(void)argument;
	smtp_server_void_transaction(server);
	smtp_server_end(server, 221, "2.0.0 Bye");
}

/* 252 neither confirms nor denies a name (RFC 5321 7.3). It quotes none, so whether the client gave
 * SMTPUTF8, which allows UTF-8 in the reply, makes no difference. */
static void command_vrfy(struct smtp_server *server, struct bytes argument)
{
	struct smtp_refusal refusal;

	if (smtp_command_parse_vrfy(argument, &refusal))
		smtp_server_say(server, 252, "2.5.2 Send some mail, it will be tried");
	else
		smtp_server_reject(server, refusal.code, refusal.text);
}

static void command_unimplemented(struct smtp_server *server, struct bytes argument)
{
	(void)argument;
	smtp_server_reject(server, 502, "5.5.1 Command not implemented");
}

static void command_help(struct smtp_server *server, struct bytes argument);

/* No row of NOOP, HELP, EXPN, VRFY and RSET needs a greeting: RFC 5321 4.1.4 has them at any time. */
static const struct command commands[] = {
	{ "EHLO", 0, command_ehlo, "EHLO domain-or-address-literal" },
	{ "HELO", 0, command_helo, "HELO domain-or-address-literal" },
	{ "STARTTLS", TAKES_NO_ARGUMENT, command_starttls, "STARTTLS, needed before MAIL" },
	{ "MAIL", NEEDS_HELLO | NEEDS_ARGUMENT, command_mail,
		"MAIL FROM:<address> [SIZE=octets] [BODY=7BIT|8BITMIME] [SMTPUTF8]" },
	{ "RCPT", NEEDS_HELLO | NEEDS_MAIL | NEEDS_ARGUMENT, command_rcpt, "RCPT TO:<address>" },
	{ "DATA", NEEDS_HELLO | NEEDS_MAIL | TAKES_NO_ARGUMENT, command_data,
		"DATA, then the message, ended by <CR><LF>.<CR><LF>" },
	{ "BDAT", 0, command_bdat, "BDAT octets [LAST], then that many octets of the message" },
	{ "RSET", TAKES_NO_ARGUMENT, command_rset, "RSET" },
	{ "NOOP", 0, command_noop, "NOOP [anything]" },
	{ "QUIT", TAKES_NO_ARGUMENT, command_quit, "QUIT" },
	{ "VRFY", NEEDS_ARGUMENT, command_vrfy, "VRFY name [SMTPUTF8], answered by RCPT alone" },
	{ "HELP", 0, command_help, "HELP [command]" },
	/* 252 is for a server that could expand lists and keeps them to itself (RFC 5321 7.3). Here are
	 * none, so the command is known and not implemented: 502 (3.5.3, 4.2.4), "invalid command" in
	 * RFC 3463 3.6. */
	{ "EXPN", 0, command_unimplemented, NULL },
	/* Known, and never offered: no login exists here. */
	{ "AUTH", 0, command_unimplemented, NULL },
	{ "ETRN", 0, command_unimplemented, NULL },
	{ "TURN", 0, command_unimplemented, NULL },
	{ "SEND", 0, command_unimplemented, NULL },
	{ "SOML", 0, command_unimplemented, NULL },
	{ "SAML", 0, command_unimplemented, NULL },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct command *find_command(struct bytes verb)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (bytes_equal_nocase(verb, bytes_of(commands[i].verb)))
			return &commands[i];
	}
	return NULL;
}

static void say_verbs(struct smtp_server *server)
{
	char text[SMTP_REPLY_SIZE] = "2.0.0 HELP and one of these says more:";

	for (size_t i = 0; i < COMMANDS; i++) {
		const size_t size = strlen(text);

		if (commands[i].syntax)
			snprintf(text + size, sizeof text - size, " %s", commands[i].verb);
	}
	smtp_server_say(server, 214, text);
}

static void command_help(struct smtp_server *server, struct bytes argument)
{
	const struct command *command = find_command(argument);
	char text[SMTP_REPLY_SIZE];

	if (!argument.size) {
		say_verbs(server);
	} else if (!command || !command->syntax) {
		smtp_server_reject(server, 504, "5.5.4 There is no help for that");
	} else {
		snprintf(text, sizeof text, "2.0.0 %s", command->syntax);
		smtp_server_say(server, 214, text);
	}
}

void smtp_server_run_command(struct smtp_server *server, struct bytes line)
{
	const struct command *command;
	struct bytes verb, argument;

	smtp_command_split(line, &verb, &argument);
	command = find_command(verb);
	if (!command)
		smtp_server_reject(server, 500, "5.5.2 Command not recognized");
	else if (command->rules & NEEDS_HELLO && !server->has_hello)
		smtp_server_reject(server, 503, "5.5.1 EHLO first");
	else if (command->rules & NEEDS_MAIL && !server->transaction.exists)
		smtp_server_reject(server, 503, "5.5.1 MAIL first");
	else if (command->rules & NEEDS_ARGUMENT && !argument.size)
		smtp_server_reject(server, 501, "5.5.4 An argument is missing");
	else if (command->rules & TAKES_NO_ARGUMENT && argument.size)
		smtp_server_reject(server, 501, "5.5.4 No argument is allowed");
	else
		command->run(server, argument);
}
