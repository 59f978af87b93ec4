/* gateway_change.c -- an administrator: gives mailboxes other passwords, recovery codes and keys while mail comes and
 * goes. Each change is noted before it is asked for and when it was answered, and what opens the mailbox from then on is
 * written down; nothing of it is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/mailbox_keys.h"
#include "gateway_load_internal.h"
#include "platform/file_watch.h"
#include "replay.h"
#include "store/store_keys.h"

struct change {
	const char *method;
	bool needs_code, needs_generation; /* it has a recovery code; there is a generation left */
	/* The parameters beside the id; in *next, which begins as what there is, what they make. */
	json_t *(*ask)(const struct gateway_keys *now, struct gateway_keys *next);
	/* What the answer makes. */
	bool (*take)(json_t *result, struct gateway_keys *next);
	size_t counter; /* its place in gateway_counts */
};

/* ---- each kind of it ---- */

static bool copy_text(json_t *result, const char *name, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(result, name));

	return value && bytes_copy_text(bytes_of(value), text, size);
}

static bool take_nothing(json_t *result, struct gateway_keys *next)
{
	(void)next;
	return json_is_object(result);
}

static json_t *ask_password(const struct gateway_keys *now, struct gateway_keys *next)
{
	password_generate(next->password);
	return json_pack("{s:s, s:s}", "password", now->password, "new_password", next->password);
}

static json_t *ask_generated(const struct gateway_keys *now, struct gateway_keys *next)
{
	(void)next;
	return json_pack("{s:s, s:b}", "password", now->code, "generate", 1);
}

static bool take_generated(json_t *result, struct gateway_keys *next)
{
	return copy_text(result, "password", next->password, sizeof next->password);
}

static json_t *ask_code(const struct gateway_keys *now, struct gateway_keys *next)
{
	(void)next;
	return json_pack("{s:s, s:s}", "password", now->password, "action", "create");
}

static bool take_code(json_t *result, struct gateway_keys *next)
{
	return copy_text(result, "recovery_code", next->code, sizeof next->code);
}

static json_t *ask_withdrawal(const struct gateway_keys *now, struct gateway_keys *next)
{
	next->code[0] = '\0';
	return json_pack("{s:s, s:s}", "password", now->password, "action", "withdraw");
}

static json_t *ask_rekey(const struct gateway_keys *now, struct gateway_keys *next)
{
	next->generation++;
	return json_pack("{s:s}", "password", now->password);
}

static bool take_rekey(json_t *result, struct gateway_keys *next)
{
	return json_integer_value(json_object_get(result, "generation")) == next->generation &&
	       (!*next->code || take_code(result, next));
}

#define COUNTER(name) offsetof(struct gateway_counts, name)

static const struct change changes[] = {
	{ "mailbox.password", false, false, ask_password, take_nothing, COUNTER(passwords) },
	{ "mailbox.password", true, false, ask_generated, take_generated, COUNTER(passwords) },
	{ "mailbox.recovery", false, false, ask_code, take_code, COUNTER(codes) },
	{ "mailbox.recovery", true, false, ask_withdrawal, take_nothing, COUNTER(codes) },
	{ "mailbox.rekey", false, true, ask_rekey, take_rekey, COUNTER(rekeys) },
};

/* ---- one ---- */

static void note(const char *word, unsigned index, size_t number)
{
	char text[64];

	snprintf(text, sizeof text, "client %s %u %zu", word, index, number);
	file_watch_promise(text);
}

static bool ask(struct gateway_stint *stint, const struct change *change, unsigned index,
	struct gateway_keys *next, struct error *error)
{
	const struct gateway_mailbox *mailbox = &stint->load->mailboxes[index];
	json_t *params = change->ask(&mailbox->keys[mailbox->changed], next);
	json_t *result;
	bool ok;

	if (params)
		json_object_set_new(params, "id", json_string(mailbox->id_text));
	result = gateway_load_call(stint->gateway, change->method, params, error);
	if (!result)
		return false;
	ok = change->take(result, next) ||
	     error_set(error, ERROR_STATE, "%s answers something else", change->method);
	json_decref(result);
	return ok;
}

/* No other thread changes the keys, so they can be read without the mutex. */
static bool make(struct gateway_stint *stint, const struct change *change, unsigned index,
	struct error *error)
{
	struct gateway_mailbox *mailbox = &stint->load->mailboxes[index];
	struct gateway_keys next = mailbox->keys[mailbox->changed];
	size_t number = mailbox->changed + 1;

	mutex_lock(stint->mutex);
	mailbox->asked = number;
	mutex_unlock(stint->mutex);
	note("changing", index, number);
	if (!ask(stint, change, index, &next, error))
		return false;
	note("changed", index, number);
	mutex_lock(stint->mutex);
	mailbox->keys[number] = next;
	mailbox->changed = number;
	(*(size_t *)((char *)&stint->load->counts + change->counter))++;
	mutex_unlock(stint->mutex);
	return true;
}

static bool is_possible(const struct change *change, const struct gateway_mailbox *mailbox)
{
	const struct gateway_keys *keys = &mailbox->keys[mailbox->changed];

	return mailbox->changed < GATEWAY_CHANGES_MAX && (!change->needs_code || *keys->code) &&
	       (!change->needs_generation || keys->generation < STORE_GENERATIONS_MAX);
}

void gateway_change_run(struct gateway_stint *stint, uint64_t random)
{
	const size_t count = sizeof changes / sizeof changes[0];
	struct error error;

	while (!gateway_stint_is_over(stint)) {
		const struct change *change = &changes[replay_random(&random) % count];
		unsigned index = (unsigned)(replay_random(&random) % GATEWAY_MAILBOXES);

		if (is_possible(change, &stint->load->mailboxes[index]) &&
			!make(stint, change, index, &error)) {
			error_prefix(&error, "mailbox %u", index);
			gateway_stint_fail(stint, &error);
		}
		/* A login between two of them is the rule. */
		usleep(5000 + (useconds_t)(replay_random(&random) % 40000));
	}
}
