/* pop3_login.c -- from a name and a password to a maildrop.
 *
 * It goes through other threads and back to the loop each time: the password check, which also opens the
 * keys (hashing); the wait that login_guard asks for (a timer); the maildrop, which the session on another
 * loop may have (maildrops); the list of messages (a reading thread). The mailbox's secret keys exist from
 * the login to the end of the session, in secret memory.
 *
 * Neither text nor time tells whether a mailbox exists: an unknown one is hashed, counted and answered like a
 * known one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/secret.h"
#include "platform/clock.h"
#include "pop3_session_internal.h"

static const char wrong_login[] = "[AUTH] Wrong mailbox or password";
static const char too_many[] = "[SYS/TEMP] Too many logins at once";

void pop3_login_release(struct pop3_session *session)
{
	if (session->has_maildrop)
		maildrops_release(session->service->maildrops, &session->claim);
	session->has_maildrop = false;
}

void pop3_login_cancel(struct pop3_session *session)
{
	timer_free(&session->delay);
}

static void forget(struct pop3_session *session)
{
	secret_free(session->hash.phrase);
	session->hash.phrase = NULL;
	secret_free(session->hash.secret_keys);
	session->hash.secret_keys = NULL;
	memory_wipe(session->name, sizeof session->name);
}

void pop3_login_clear(struct pop3_session *session)
{
	pop3_login_cancel(session);
	pop3_login_release(session);
	forget(session);
	mailbox_keyring_free(&session->hash.keyring);
	mailbox_keyring_free(&session->keyring);
	free(session->list.messages);
	free(session->messages);
}

/* Instead of pop3_session_end_waiting(): true when nobody waits for the login any more. */
static bool is_over(struct pop3_session *session)
{
	return !pop3_session_end_waiting(session) || session->is_closing;
}

static void refuse(struct pop3_session *session, const char *text, const char *why)
{
	mailbox_keyring_free(&session->keyring);
	pop3_login_release(session);
	forget(session);
	log_event(LOG_WARNING, "pop3.login-refused", "peer=%s why=\"%s\"", session->peer.host, why);
	pop3_server_refuse(session->core, text);
}

/* ---- the list ---- */

static bool make_maildrop(struct pop3_session *session)
{
	size_t count = session->list.message_count;
	struct pop3_maildrop maildrop = { .count = count };

	session->messages = calloc(count ? count : 1, sizeof *session->messages);
	if (!session->messages)
		return false;
	for (size_t i = 0; i < count; i++) {
		session->messages[i].id = session->list.messages[i].id;
		session->messages[i].size = session->list.messages[i].size;
	}
	maildrop.messages = session->messages;
	forget(session);
	pop3_server_log_in(session->core, maildrop);
	return true;
}

/* After a rekey the list may name mail that is sealed to a key which this login did not open: its messages would pass
 * for damaged ones. Before it, every message on the list came while the directory had these keys. */
static bool has_newest_keys(struct pop3_session *session)
{
	struct mailbox_public_keys newest;

	return directory_find(session->service->directory, &session->mailbox, &newest) !=
		       DIRECTORY_UNKNOWN &&
	       newest.generation == session->hash.public_keys.generation;
}

/* On the loop. */
static void take_list(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, list_task);

	if (is_over(session))
		return;
	if (!session->list.ok)
		refuse(session, "[SYS/TEMP] The mailbox cannot be read now",
			session->list.error.text);
	else if (!has_newest_keys(session))
		refuse(session, "[SYS/TEMP] The mailbox has new keys, log in again",
			"the keys were replaced meanwhile");
	else if (!make_maildrop(session))
		refuse(session, "[SYS/TEMP] Out of memory", "out of memory");
	else
		log_event(LOG_INFO, "pop3.login", "peer=%s mailbox=%s waiting=%zu",
			session->peer.host, session->mailbox_text, session->list.message_count);
	conn_kick(session->conn);
}

static void on_list(struct store_read *read)
{
	struct pop3_session *session = read->context;

	loop_post(session->loop, &session->list_task);
}

static void read_list(struct pop3_session *session)
{
	free(session->list.messages);
	session->list = (struct store_read){
		.what = STORE_READ_LIST,
		.mailbox = session->mailbox,
		.done = on_list,
		.context = session,
	};
	session->list_task.run = take_list;
	pop3_session_begin_waiting(session);
	store_read_submit(session->service->store, &session->list);
}

/* ---- the maildrop ---- */

/* The client of this session may have crashed: another one with the right password need not wait for the idle
 * limit. Who waits for us, or reads what we send, is not silent. */
static void on_wanted(struct maildrop_claim *claim)
{
	struct pop3_session *session = list_entry(claim, struct pop3_session, claim);

	if (session->pending || conn_silence_ms(session->conn) < session->settings.pop3_takeover_ms)
		return;
	log_event(LOG_WARNING, "pop3.taken-over", "peer=%s mailbox=%s silent_ms=%llu",
		session->peer.host, session->mailbox_text,
		(unsigned long long)conn_silence_ms(session->conn));
	pop3_session_end(session, "[SYS/TEMP] Silent for too long, another session has taken over");
	/* The core answers nothing more, so nothing can be deleted from here; the connection may take its
	 * time. */
	pop3_login_release(session);
}

static void on_answer(struct maildrop_claim *claim, bool is_granted)
{
	struct pop3_session *session = list_entry(claim, struct pop3_session, claim);

	/* First: when the session has ended meanwhile, it goes back with it. */
	session->has_maildrop = is_granted;
	if (is_over(session))
		return;
	if (is_granted)
		read_list(session);
	else
		refuse(session, "[IN-USE] Another session has this mailbox", "in use");
	conn_kick(session->conn);
}

static void claim_maildrop(struct pop3_session *session)
{
	session->claim = (struct maildrop_claim){
		.mailbox = session->mailbox,
		.loop = session->loop,
		.on_wanted = on_wanted,
		.on_answer = on_answer,
	};
	if (maildrops_claim(session->service->maildrops, &session->claim) == MAILDROP_ASKED) {
		pop3_session_begin_waiting(session);
		return;
	}
	session->has_maildrop = true;
	read_list(session);
}

static void open_mailbox(struct pop3_session *session)
{
	enum directory_state state =
		directory_find(session->service->directory, &session->mailbox, NULL);

	if (state == DIRECTORY_ACTIVE || state == DIRECTORY_SUSPENDED)
		claim_maildrop(session);
	else
		refuse(session, "[SYS/TEMP] The mailbox cannot be opened now",
			"the mailbox went away or is damaged");
}

/* ---- the password ---- */

static void refuse_wrong(struct pop3_session *session)
{
	refuse(session, wrong_login, "wrong mailbox or password");
}

static void on_delay_over(void *context)
{
	struct pop3_session *session = context;

	pop3_login_cancel(session);
	session->delayed(session);
	conn_kick(session->conn);
}

/* The loop is not held meanwhile: the session is ended with it, like one that is idle. */
static void go_on_after(struct pop3_session *session, uint64_t delay_ms,
	void (*go_on)(struct pop3_session *session))
{
	struct error error;

	if (!delay_ms) {
		go_on(session);
		return;
	}
	session->delayed = go_on;
	session->delay = timer_new(session->loop, on_delay_over, session, &error);
	if (session->delay)
		timer_start(session->delay, delay_ms, 0);
	else
		refuse(session, too_many, error.text);
}

/* Counted also when the client did not wait for the answer. */
static uint64_t count_login(struct pop3_session *session, bool is_right)
{
	const struct login_attempt attempt = {
		.address = session->peer.host,
		.name = bytes_of(session->name),
		.many = session->settings.login_failures,
		.now_us = clock_monotonic_us(),
		.wall_now_us = clock_wall_us(),
	};
	struct login_guard *guard = session->service->login_guard;

	return is_right ? login_guard_passed(guard, &attempt) : login_guard_failed(guard, &attempt);
}

/* On the loop. */
static void take_hash(struct loop_task *task)
{
	struct pop3_session *session = list_entry(task, struct pop3_session, hash_task);
	struct hash_request *hash = &session->hash;
	bool is_right = hash->keyring != NULL;
	bool is_wrong = !is_right && hash->error.kind == ERROR_DENIED;
	uint64_t delay_ms = is_right || is_wrong ? count_login(session, is_right) : 0;

	secret_free(hash->phrase);
	hash->phrase = NULL;
	session->keyring = hash->keyring;
	hash->keyring = NULL;
	if (is_over(session))
		return;
	if (is_right)
		go_on_after(session, delay_ms, open_mailbox);
	else if (is_wrong)
		go_on_after(session, delay_ms, refuse_wrong);
	else if (hash->error.kind == ERROR_BUSY)
		refuse(session, too_many, hash->error.text);
	else
		/* Not that the password is wrong: it may be the keys that are damaged. */
		refuse(session, "[SYS/TEMP] The mailbox cannot be opened now", hash->error.text);
	conn_kick(session->conn);
}

static void on_hash(struct hash_request *request)
{
	struct pop3_session *session = request->context;

	loop_post(session->loop, &session->hash_task);
}

/* Lower case, so that one name is counted as one. */
static void keep_name(struct pop3_session *session, struct bytes user)
{
	size_t size = user.size < POP3_NAME_SIZE ? user.size : POP3_NAME_SIZE - 1;

	for (size_t i = 0; i < size; i++) {
		char letter = (char)user.data[i];

		session->name[i] =
			letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
	}
	session->name[size] = '\0';
}

/* A mailbox id, or its address at any domain. An unknown one is hashed like a known one. */
static void find_mailbox(struct pop3_session *session, struct bytes user)
{
	struct hash_request *hash = &session->hash;
	struct bytes local_part = bytes_head(user, bytes_find(user, '@'));

	hash->wrap_size = 0;
	keep_name(session, user);
	if (!mailbox_id_parse(local_part, &session->mailbox))
		return;
	mailbox_id_text(&session->mailbox, session->mailbox_text);
	keep_name(session, bytes_of(session->mailbox_text));
	hash->mailbox = session->mailbox;
	directory_password_wrap(session->service->directory, &session->mailbox, hash->wrap,
		&hash->wrap_size, &hash->public_keys);
}

static bool copy_phrase(struct hash_request *hash, struct bytes password)
{
	hash->phrase_size = password.size;
	hash->phrase = secret_new(password.size ? password.size : 1);
	if (hash->phrase && password.size)
		memcpy(hash->phrase, password.data, password.size);
	return hash->phrase != NULL;
}

void pop3_login_begin(struct pop3_session *session, const struct pop3_event *event)
{
	struct hash_request *hash = &session->hash;

	*hash = (struct hash_request){ .store = session->service->store };
	find_mailbox(session, event->user);
	if (!copy_phrase(hash, event->password)) {
		refuse(session, too_many, "no secret memory left");
		return;
	}
	login_network(session->peer.host, hash->client);
	hash->done = on_hash;
	hash->context = session;
	session->hash_task.run = take_hash;
	if (hashing_submit(session->service->hashing, hash))
		pop3_session_begin_waiting(session);
	else
		refuse(session, too_many, "the hashing queue is full");
}
