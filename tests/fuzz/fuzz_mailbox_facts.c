/* fuzz_mailbox_facts.c -- rows of what a mailbox was told, as a damaged database may have them, one in a line: "KEY VALUE".
 * Whatever is taken comes out of the facts in rows that are taken again and mean the same. */
#include "service/mailbox_facts.h"

#include "fuzz_stream.h"

enum { LINE_SIZE = 8192 };

/* True when every line was taken. */
static bool read_lines(struct mailbox_facts *facts, struct bytes lines)
{
	char text[LINE_SIZE];
	struct bytes line;
	bool ok = true;

	mailbox_facts_init(facts);
	while (bytes_split(&lines, '\n', &line)) {
		struct error error = { .kind = ERROR_NONE };
		char *value;

		if (!bytes_copy_text(line, text, sizeof text))
			continue;
		value = strchr(text, ' ');
		if (!value)
			continue;
		*value++ = '\0';
		if (mailbox_facts_read(facts, text, value, &error))
			continue;
		check(error.kind == ERROR_CORRUPT && error.text[0] != '\0');
		ok = false;
	}
	return ok;
}

static void read_rows(struct mailbox_facts *facts, const struct mailbox_facts_rows *rows)
{
	mailbox_facts_init(facts);
	for (size_t i = 0; i < rows->count; i++)
		check(mailbox_facts_read(facts, rows->row[i].key, rows->row[i].value, NULL));
}

static void check_equal(const struct mailbox_facts_rows *a, const struct mailbox_facts_rows *b)
{
	check(a->count == b->count && a->count <= MAILBOX_FACTS_MAX);
	for (size_t i = 0; i < a->count; i++) {
		check(strcmp(a->row[i].key, b->row[i].key) == 0);
		check(strcmp(a->row[i].value, b->row[i].value) == 0);
		check(*a->row[i].value && strlen(a->row[i].value) < MAILBOX_FACT_VALUE_SIZE);
	}
}

/* Nothing of a lock is lost: that would open the mailbox. */
static void check_lock(const struct sender_lock *a, const struct sender_lock *b)
{
	check(a->networks.count == b->networks.count && a->allowed.count == b->allowed.count &&
		a->refused.count == b->refused.count);
	check(strcmp(a->tenant, b->tenant) == 0 &&
		strcmp(a->allowed_tenants, b->allowed_tenants) == 0 &&
		strcmp(a->refused_tenants, b->refused_tenants) == 0);
	check(sender_lock_network(a, bytes_of("192.0.2.1")) ==
		sender_lock_network(b, bytes_of("192.0.2.1")));
	check(sender_lock_tenant(a, "contoso.example") == sender_lock_tenant(b, "contoso.example"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailbox_facts facts, again;
	struct mailbox_facts_rows rows, rows_again;

	/* What could be read of a damaged row counts, too. */
	(void)read_lines(&facts, bytes_make(data, size));
	mailbox_facts_write(&facts, &rows);
	read_rows(&again, &rows);
	check_lock(&facts.lock, &again.lock);
	mailbox_facts_write(&again, &rows_again);
	check_equal(&rows, &rows_again);
	return 0;
}
