/* hashing.h -- password checks on threads of their own. Argon2id takes 64 MiB and a quarter of a second,
 * so there are two at a time and a short queue; when it is full the login is told to try again. The
 * queue serves client addresses in turn, so that one guesser does not hold up the archive.
 *
 * All hashing of a gateway is done here, also that of the control interface. */
#ifndef LG_SERVICE_HASHING_H
#define LG_SERVICE_HASHING_H

#include "crypto/key_wrap.h"
#include "crypto/mailbox_keyring.h"
#include "store/store.h"

struct hashing;

enum { HASHING_THREADS = 2, HASHING_QUEUE_MAX = 32 };

/* Caller-owned until `done`, which runs on a hashing thread and only hands on. */
struct hash_request {
	struct id mailbox;
	uint8_t wrap[STORE_WRAP_MAX];
	size_t wrap_size; /* 0: no such mailbox; hashes all the same, so that the time tells nothing */
	char *phrase;	  /* secret memory, freed by the caller after done */
	size_t phrase_size;
	char client[64]; /* whose turn it is: the client's network */
	/* NULL: only the password is checked. Else the keyring is opened, too, with what the store has. */
	struct store *store;
	struct mailbox_public_keys
		public_keys; /* for the keyring: of the same moment as the wrap */
	void (*work)(struct hash_request *request); /* NULL; else it is run instead of the check */
	void (*done)(struct hash_request *request);
	void *context;
	/* result */
	struct mailbox_secret_keys *secret_keys; /* the caller's; NULL: refused */
	struct mailbox_keyring *keyring;	 /* the caller's; NULL: refused, or not asked for */
	struct error error;
	struct list link;
};

struct hashing *hashing_start(struct error *error);
void hashing_stop(struct hashing **hashing); /* finishes what was submitted */
/* False: the queue is full, or this client has its share of it. */
bool hashing_submit(struct hashing *hashing, struct hash_request *request);

/* key_wrap() and key_unwrap() at the default cost on a hashing thread, in the turn of HASHING_CONTROL, for a thread
 * that may wait. ERROR_BUSY also when the queue is full. */
extern const char HASHING_CONTROL[];
bool hashing_wrap(struct hashing *hashing, enum wrap_kind kind, const struct id *mailbox,
	const struct mailbox_secret_keys *secret_keys, struct bytes phrase, struct buf *wrapped,
	struct error *error);
bool hashing_unwrap(struct hashing *hashing, enum wrap_kind kind, const struct id *mailbox,
	struct bytes wrapped, struct bytes phrase, struct mailbox_secret_keys **secret_keys,
	struct error *error);

#endif
