/* restored.c -- a row of the settings that came with the restored database, a doubt (service.h), and a problem. */
#include "service/restored.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "platform/clock.h"

const char RESTORED_KEY[] = "state.restored";

static const char problem_id[] = "restored";

struct found {
	char before[64];
	bool is_there;
};

static void take_row(void *context, const char *key, const char *value)
{
	struct found *found = context;

	if (strcmp(key, RESTORED_KEY) != 0)
		return;
	found->is_there = true;
	snprintf(found->before, sizeof found->before, "%s", value);
}

bool restored_load(struct service *service, const char *storage_folder, struct error *error)
{
	struct found found = { .is_there = false };
	char text[512];

	if (!store_setting_each(service->store, take_row, &found, error))
		return false;
	if (!found.is_there)
		return true;
	service_set_doubt(service, SERVICE_RESTORED, true);
	snprintf(text, sizeof text,
		"The store comes from a backup. A mailbox that was made after it is not known "
		"here, so "
		"mail to unknown mailboxes is put off instead of refused. What was there before is "
		"in "
		"%.200s/%.60s.",
		storage_folder, found.before);
	problems_raise(service->problems, clock_wall_us(), PROBLEM_WARNING, problem_id, text,
		"Look at the list of mailboxes. If it is whole: lettergatectl backup confirm. Mail "
		"that "
		"came after the backup can be collected from the folder with the store from "
		"before, by "
		"lettergated --data; delete that folder when it is not needed any more.");
	return true;
}

bool restored_confirm(struct service *service, struct error *error)
{
	struct found found = { .is_there = false, .before = "" };

	if (!store_setting_each(service->store, take_row, &found, error))
		return false;
	/* A change that the store refused may have come to stay all the same, when a sync failed. */
	if (!found.is_there && !service_has_doubt(service, SERVICE_RESTORED))
		return error_set(error, ERROR_STATE, "there is no restore to be confirmed");
	if (found.is_there && !store_setting_set(service->store, RESTORED_KEY, NULL, error))
		return false;
	service_set_doubt(service, SERVICE_RESTORED, false);
	problems_resolve(service->problems, problem_id);
	log_event(LOG_INFO, "backup.confirmed", "before=%s", found.before);
	return true;
}
