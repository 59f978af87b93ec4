/* pop3_auth.c -- AUTH: the frame that POP3 puts around a SASL exchange (RFC 5034 4). The mechanisms are in
 * sasl.c.
 *
 * Whatever ends an exchange without a login is an error and wipes what it brought, so that a client that
 * begins exchanges for ever is sent away. */
#include "pop3_server_internal.h"

static void fail(struct pop3_server *server, const char *text)
{
	pop3_server_forget_login(server);
	pop3_server_nonsense(server, text);
}

static void take_response(struct pop3_server *server, uint8_t *text, size_t size)
{
	switch (sasl_respond(&server->sasl, text, size)) {
	case SASL_CONTINUES:
		pop3_server_challenge(server, sasl_challenge(&server->sasl));
		break;
	case SASL_COMPLETE:
		server->event.user = server->sasl.user;
		server->event.password = server->sasl.password;
		pop3_server_raise(server, POP3_EVENT_LOGIN, POP3_DUE_LOGIN);
		break;
	case SASL_MALFORMED:
		fail(server, "this response is malformed");
		break;
	case SASL_REFUSED:
		fail(server, "[AUTH] acting for somebody else is not possible");
		break;
	}
}

/* The line as memory to decode in: views of it are const for everybody else. */
static uint8_t *in_line(struct pop3_server *server, struct bytes text)
{
	return server->line_data + (text.data - server->line_data);
}

void pop3_auth_run(struct pop3_server *server, struct bytes arguments)
{
	size_t name_size = bytes_find(arguments, ' ');
	const struct sasl_mechanism *mechanism = sasl_find(bytes_head(arguments, name_size));
	struct bytes response = bytes_trim(bytes_skip(arguments, name_size));

	if (!mechanism) {
		pop3_server_nonsense(server, "this mechanism is not known here");
		return;
	}
	server->has_user = false;
	sasl_begin(&server->sasl, mechanism, server->user, sizeof server->user);
	if (!response.size)
		pop3_server_challenge(server, sasl_challenge(&server->sasl));
	else if (bytes_equal_text(response, "="))
		/* How an initial response is written that is there, but empty. */
		take_response(server, in_line(server, response), 0);
	else
		take_response(server, in_line(server, response), response.size);
}

void pop3_auth_respond(struct pop3_server *server)
{
	struct bytes response = crlf_line_text(&server->line);

	if (server->line.is_too_long)
		fail(server, "this line is too long");
	else if (bytes_equal_text(response, "*"))
		fail(server, "cancelled");
	else
		take_response(server, in_line(server, response), response.size);
}
