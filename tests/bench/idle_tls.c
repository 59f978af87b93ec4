/* idle_tls.c -- opens sessions with TLS from the start, reads each one's greeting, says "open" and does nothing
 * more, until its input ends: bench looks at the server's memory meanwhile.
 *
 *	idle_tls PORT AUTHORITY SESSIONS */
#include <stdio.h>
#include <stdlib.h>

#include "platform/process.h"
#include "tls_dial.h"

enum { SESSIONS_MAX = 10000, FILES_BESIDE = 20 };

static bool open_all(
	struct tls_dial *dials, uint64_t count, uint16_t port, SSL_CTX *tls, struct error *error)
{
	for (uint64_t i = 0; i < count; i++) {
		if (!tls_dial_open(&dials[i], port, error) ||
			!tls_dial_start_tls(&dials[i], tls, error) ||
			!tls_dial_fill(&dials[i], error)) {
			error_prefix(error, "session %llu", (unsigned long long)i);
			return false;
		}
	}
	return true;
}

static bool run(uint64_t count, uint16_t port, const char *authority, struct error *error)
{
	struct tls_dial *dials = calloc(count, sizeof *dials);
	SSL_CTX *tls = tls_dial_context(authority, error);
	uint64_t files;
	bool ok = dials && tls;

	for (uint64_t i = 0; dials && i < count; i++)
		dials[i].socket = -1;
	process_harden(false, NULL);
	ok = ok && process_raise_file_limit(count + FILES_BESIDE, &files, error) &&
	     open_all(dials, count, port, tls, error);
	if (ok) {
		puts("open");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	for (uint64_t i = 0; dials && i < count; i++)
		tls_dial_close(&dials[i]);
	SSL_CTX_free(tls);
	free(dials);
	return ok;
}

int main(int count, char **values)
{
	struct error error = { .text = "out of memory" };
	uint64_t port, sessions;

	if (count != 4 || !bytes_parse_number(bytes_of(values[1]), 65535, &port) ||
		!bytes_parse_number(bytes_of(values[3]), SESSIONS_MAX, &sessions) || !sessions) {
		fprintf(stderr, "usage: %s PORT AUTHORITY SESSIONS\n", values[0]);
		return 2;
	}
	if (!run(sessions, (uint16_t)port, values[2], &error)) {
		fprintf(stderr, "idle_tls: %s\n", error.text);
		return 1;
	}
	return 0;
}
