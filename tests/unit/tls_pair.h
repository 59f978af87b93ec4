/* tls_pair.h -- two ends of a TLS connection in one thread, over a socket pair, for test_tls*.c. */
#ifndef LG_TESTS_TLS_PAIR_H
#define LG_TESTS_TLS_PAIR_H

#include "certificate_folder.h"
#include "tls_internal.h"

/* A context for each side, over a folder of valid certificates. */
struct tls_contexts {
	struct certificate_folder folder;
	struct tls_context *server, *client;
};

int tls_contexts_set_up(void **state); /* cmocka: *state becomes a struct tls_contexts */
int tls_contexts_tear_down(void **state);

struct tls_pair {
	socket_handle socket[2]; /* server's, client's */
	struct tls_session *server, *client;
	enum tls_result server_result, client_result;
	struct error server_error, client_error;
};

void sockets_make(socket_handle socket[2], int buffer_size); /* 0: the system's */
void tls_pair_make(struct tls_pair *pair, struct tls_contexts *contexts, const char *server_name,
	int buffer_size);
/* Until both sides are through or broken. Returns whether both are TLS_OK. */
bool tls_pair_handshake(struct tls_pair *pair);
void tls_pair_open(struct tls_pair *pair, struct tls_contexts *contexts); /* both of these */
void tls_pair_free(struct tls_pair *pair);

void send_all(struct tls_session *session, const char *text);
/* Reads until `size` bytes have come or something else than TLS_OK. */
enum tls_result read_some(
	struct tls_session *session, char *text, size_t size, struct error *error);

#endif
