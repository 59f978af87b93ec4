/* test_store_watch.c -- see the header. The rule is read by threads of the store, hence the mutex. */
#include "test_store_watch.h"

#include <stddef.h>
#include <string.h>

#include "platform/thread.h"

struct rule {
	int operation; /* -1: none */
	const char *suffix;
	int code;
	int count;
};

static struct mutex *mutex;
static struct rule file_rule = { .operation = -1 }, database_rule = { .operation = -1 };
static const char *ending; /* the removal of such a file ends the database's rule */
static int failures;

static bool ends_with(const char *path, const char *suffix)
{
	size_t length = strlen(path), end = strlen(suffix);

	return length >= end && strcmp(path + length - end, suffix) == 0;
}

static int judge(struct rule *rule, int operation, const char *path)
{
	int code = 0;

	mutex_lock(mutex);
	if (rule->operation == operation && rule->count && ends_with(path, rule->suffix)) {
		code = rule->code;
		rule->count -= rule->count > 0;
		failures++;
	}
	mutex_unlock(mutex);
	return code;
}

static int before_file(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)other;
	mutex_lock(mutex);
	if (ending && operation == FILE_OP_REMOVE && ends_with(path, ending))
		database_rule.operation = -1;
	mutex_unlock(mutex);
	return judge(context, (int)operation, path);
}

static int before_database(void *context, const struct vfs_event *event)
{
	return judge(context, (int)event->operation, event->path);
}

void failing_files_set(void)
{
	static const struct file_watch watch = { .context = &file_rule, .before = before_file };

	mutex = mutex ? mutex : mutex_new(NULL);
	file_watch_set(&watch);
}

void failing_database_set(void)
{
	static const struct vfs_watch watch = { .context = &database_rule,
		.before = before_database };

	mutex = mutex ? mutex : mutex_new(NULL);
	watched_vfs_register(&watch);
}

static void set(struct rule *rule, int operation, const char *suffix, int code, int count)
{
	mutex_lock(mutex);
	*rule = (struct rule){ operation, suffix, code, count };
	mutex_unlock(mutex);
}

void fail_file(enum file_operation operation, const char *suffix, int code, int count)
{
	set(&file_rule, (int)operation, suffix, code, count);
}

void fail_database(enum vfs_operation operation, const char *suffix, int code, int count)
{
	set(&database_rule, (int)operation, suffix, code, count);
}

void fail_until_removed(const char *suffix)
{
	mutex_lock(mutex);
	ending = suffix;
	mutex_unlock(mutex);
}

void fail_nothing(void)
{
	fail_until_removed(NULL);
	set(&file_rule, -1, "", 0, 0);
	set(&database_rule, -1, "", 0, 0);
	mutex_lock(mutex);
	failures = 0;
	mutex_unlock(mutex);
}

int failed_count(void)
{
	int count;

	mutex_lock(mutex);
	count = failures;
	mutex_unlock(mutex);
	return count;
}
