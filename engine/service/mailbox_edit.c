/* mailbox_edit.c -- reads what the store has of a mailbox, changes it, stores it, and then the directory; under the
 * lock of changes, so that two of them leave both alike. */
#include "service/mailbox_edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "service/aliases.h"

enum { ALIASES_MAX = 256 };

/* ---- storing ---- */

static bool store_facts(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_facts *facts, struct store_mailbox_edit *edit, struct error *error)
{
	struct mailbox_facts_rows *rows = malloc(sizeof *rows);
	bool ok;

	if (!rows)
		return error_set_memory(error);
	mailbox_facts_write(facts, rows);
	edit->sets_facts = true;
	edit->facts = rows->row;
	edit->fact_count = rows->count;
	ok = store_mailbox_edit(mailboxes->store, mailbox, edit, error) &&
	     directory_set_facts(mailboxes->directory, mailbox, facts, error);
	free(rows);
	return ok;
}

/* ---- mailbox edit ---- */

struct canonical {
	char text[ALIASES_MAX][ALIAS_SIZE];
	const char *view[ALIASES_MAX];
};

static bool parse_aliases(
	const struct mailbox_edit *edit, struct canonical *canonical, struct error *error)
{
	if (edit->alias_count > ALIASES_MAX)
		return error_set(
			error, ERROR_INVALID, "a mailbox has up to %d aliases", ALIASES_MAX);
	for (size_t i = 0; i < edit->alias_count; i++) {
		if (!alias_parse(bytes_of(edit->aliases[i]), canonical->text[i], error))
			return false;
		canonical->view[i] = canonical->text[i];
	}
	return true;
}

static bool edit_facts(
	const struct mailbox_edit *edit, struct mailbox_facts *facts, struct error *error)
{
	if (edit->envelope_headers)
		facts->envelope_headers = *edit->envelope_headers;
	if (edit->networks &&
		!networks_parse(bytes_of(edit->networks), &facts->lock.networks, error))
		return false;
	if (!edit->tenant)
		return true;
	facts->lock.tenant[0] = '\0';
	if (!bytes_trim(bytes_of(edit->tenant)).size)
		return true;
	facts->tenant_seen[0] = '\0';
	return tenant_parse(bytes_of(edit->tenant), facts->lock.tenant, error);
}

/* What cannot be read is a lock, maybe; it goes only when all of the lock is set anew. */
static bool load_facts(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_edit *edit, struct mailbox_facts *facts, struct error *error)
{
	if (mailbox_facts_load(mailboxes->store, mailbox, facts, error))
		return true;
	return error->kind == ERROR_CORRUPT && edit->networks && edit->tenant;
}

static bool edit_locked(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_edit *edit, struct canonical *canonical, struct error *error)
{
	struct store_mailbox_edit stored = {
		.name = edit->name,
		.description = edit->description,
		.sets_aliases = edit->sets_aliases,
		.aliases = canonical->view,
		.alias_count = edit->alias_count,
	};
	bool has_facts = edit->envelope_headers || edit->networks || edit->tenant;
	struct mailbox_facts facts;
	bool ok;

	if (has_facts)
		ok = load_facts(mailboxes, mailbox, edit, &facts, error) &&
		     edit_facts(edit, &facts, error) &&
		     store_facts(mailboxes, mailbox, &facts, &stored, error);
	else
		ok = store_mailbox_edit(mailboxes->store, mailbox, &stored, error);
	if (!ok)
		return false;
	if (edit->name)
		directory_set_name(mailboxes->directory, mailbox, edit->name);
	return !edit->sets_aliases || directory_set_aliases(mailboxes->directory, mailbox,
					      canonical->view, edit->alias_count, error);
}

bool mailboxes_edit(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_edit *edit, struct error *error)
{
	struct canonical *canonical = malloc(sizeof *canonical);
	char id[MAILBOX_ID_TEXT_SIZE];
	bool ok = false;

	if (!canonical)
		return error_set_memory(error);
	if (mailboxes_check_texts(edit->name, edit->description, error) &&
		parse_aliases(edit, canonical, error)) {
		mutex_lock(mailboxes->changing);
		ok = edit_locked(mailboxes, mailbox, edit, canonical, error);
		mutex_unlock(mailboxes->changing);
	}
	free(canonical);
	if (!ok)
		return false;
	mailbox_id_text(mailbox, id);
	log_event(LOG_INFO, "mailbox.edited", "mailbox=%s", id);
	notices_note(mailboxes->notices, NOTICE_MAILBOXES);
	return true;
}

/* ---- allow and refuse ---- */

static void remove_network(struct networks *networks, const struct network *network)
{
	size_t kept = 0;

	for (size_t i = 0; i < networks->count; i++) {
		if (memcmp(&networks->network[i], network, sizeof *network) != 0)
			networks->network[kept++] = networks->network[i];
	}
	networks->count = kept;
}

/* From one list to the other. */
static bool judge_networks(
	const char *text, struct networks *into, struct networks *out_of, struct error *error)
{
	struct networks judged;

	if (!networks_parse(bytes_of(text), &judged, error))
		return false;
	if (!judged.count)
		return error_set(error, ERROR_INVALID, "no network is named");
	for (size_t i = 0; i < judged.count; i++) {
		remove_network(out_of, &judged.network[i]);
		remove_network(into, &judged.network[i]);
		if (into->count == NETWORKS_MAX)
			return error_set(error, ERROR_FULL,
				"%d networks are in this list already: put a larger one into the "
				"lock (mailbox edit --networks)",
				NETWORKS_MAX);
		into->network[into->count++] = judged.network[i];
	}
	return true;
}

static bool judge_tenant(const char *text, char *into, char *out_of, struct error *error)
{
	char tenant[TENANT_SIZE];

	if (!tenant_parse(bytes_of(text), tenant, error))
		return false;
	tenants_remove(out_of, tenant);
	return tenants_add(into, tenant) ||
	       error_set(error, ERROR_FULL, "too many tenants are in this list already");
}

static bool judge(
	struct sender_lock *lock, const struct mailbox_judgement *judgement, struct error *error)
{
	if (judgement->network)
		return judgement->allows ? judge_networks(judgement->network, &lock->allowed,
						   &lock->refused, error)
					 : judge_networks(judgement->network, &lock->refused,
						   &lock->allowed, error);
	return judgement->allows ? judge_tenant(judgement->tenant, lock->allowed_tenants,
					   lock->refused_tenants, error)
				 : judge_tenant(judgement->tenant, lock->refused_tenants,
					   lock->allowed_tenants, error);
}

bool mailboxes_judge(const struct mailboxes *mailboxes, const struct id *mailbox,
	const struct mailbox_judgement *judgement, struct error *error)
{
	struct store_mailbox_edit stored = { 0 };
	struct mailbox_facts facts;
	char id[MAILBOX_ID_TEXT_SIZE], quoted[LOG_QUOTED_SIZE];
	bool ok;

	mutex_lock(mailboxes->changing);
	ok = mailbox_facts_load(mailboxes->store, mailbox, &facts, error) &&
	     judge(&facts.lock, judgement, error) &&
	     store_facts(mailboxes, mailbox, &facts, &stored, error);
	mutex_unlock(mailboxes->changing);
	if (!ok)
		return false;
	mailbox_id_text(mailbox, id);
	log_quote(bytes_of(judgement->network ? judgement->network : judgement->tenant), quoted);
	log_event(LOG_INFO, judgement->allows ? "mailbox.allowed" : "mailbox.refused",
		"mailbox=%s who=%s", id, quoted);
	notices_note(mailboxes->notices, NOTICE_MAILBOXES);
	return true;
}

bool mailboxes_note_tenant(const struct mailboxes *mailboxes, const struct id *mailbox,
	const char *tenant, struct error *error)
{
	struct store_mailbox_edit stored = { 0 };
	struct mailbox_facts facts;
	bool ok;

	mutex_lock(mailboxes->changing);
	ok = mailbox_facts_load(mailboxes->store, mailbox, &facts, error);
	if (ok && !facts.lock.tenant[0] && !facts.tenant_seen[0])
		ok = tenant_parse(bytes_of(tenant), facts.tenant_seen, error) &&
		     store_facts(mailboxes, mailbox, &facts, &stored, error);
	mutex_unlock(mailboxes->changing);
	if (ok)
		notices_note(mailboxes->notices, NOTICE_MAILBOXES);
	return ok;
}

/* ---- at the start ---- */

/* Rows come mailbox by mailbox. */
struct loading {
	struct directory *directory;
	struct id mailbox;
	bool has_mailbox;
	struct mailbox_facts facts;
	bool is_readable;
	struct error why;
	char *aliases[ALIASES_MAX];
	size_t alias_count;
	struct error *error;
	bool ok;
};

static void finish_facts(struct loading *loading)
{
	if (!loading->has_mailbox)
		return;
	if (!loading->is_readable)
		directory_distrust(loading->directory, &loading->mailbox, &loading->why);
	else if (loading->ok)
		loading->ok = directory_set_facts(
			loading->directory, &loading->mailbox, &loading->facts, loading->error);
}

static void load_fact(void *context, const struct id *mailbox, const char *key, const char *value)
{
	struct loading *loading = context;

	if (!loading->has_mailbox || !id_is_equal(&loading->mailbox, mailbox)) {
		finish_facts(loading);
		loading->mailbox = *mailbox;
		loading->has_mailbox = loading->is_readable = true;
		mailbox_facts_init(&loading->facts);
	}
	if (!mailbox_facts_read(&loading->facts, key, value, &loading->why))
		loading->is_readable = false;
}

static void finish_aliases(struct loading *loading)
{
	if (loading->ok && loading->has_mailbox)
		loading->ok = directory_set_aliases(loading->directory, &loading->mailbox,
			(const char *const *)loading->aliases, loading->alias_count,
			loading->error);
	for (size_t i = 0; i < loading->alias_count; i++)
		free(loading->aliases[i]);
	loading->alias_count = 0;
}

static void load_alias(void *context, const struct id *mailbox, const char *address)
{
	struct loading *loading = context;

	if (!loading->has_mailbox || !id_is_equal(&loading->mailbox, mailbox)) {
		finish_aliases(loading);
		loading->mailbox = *mailbox;
		loading->has_mailbox = true;
	}
	if (loading->alias_count == ALIASES_MAX)
		return;
	loading->aliases[loading->alias_count] = strdup(address);
	if (loading->aliases[loading->alias_count])
		loading->alias_count++;
	else if (loading->ok)
		loading->ok = error_set_memory(loading->error);
}

bool mailboxes_load_told(const struct mailboxes *mailboxes, struct error *error)
{
	struct loading *loading = calloc(1, sizeof *loading);
	bool ok;

	if (!loading)
		return error_set_memory(error);
	loading->directory = mailboxes->directory;
	loading->error = error;
	loading->ok = true;
	ok = store_fact_each(mailboxes->store, NULL, load_fact, loading, error);
	finish_facts(loading);
	loading->has_mailbox = false;
	ok = ok && store_alias_each(mailboxes->store, NULL, load_alias, loading, error);
	finish_aliases(loading);
	ok = ok && loading->ok;
	free(loading);
	return ok;
}
