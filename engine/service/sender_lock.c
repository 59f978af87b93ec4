/* sender_lock.c -- the rules, in this order: what a person refused, what a person allowed, the lock. A lock
 * that is empty lets everybody pass but whom a person refused. */
#include "service/sender_lock.h"

#include <stdio.h>

enum { DOMAIN_MAX = 253 };

enum lock_verdict sender_lock_network(const struct sender_lock *lock, struct bytes host)
{
	if (networks_contain(&lock->refused, host))
		return LOCK_REFUSED;
	if (!lock->networks.count || networks_contain(&lock->networks, host) ||
		networks_contain(&lock->allowed, host))
		return LOCK_PASS;
	return LOCK_UNKNOWN;
}

enum lock_verdict sender_lock_tenant(const struct sender_lock *lock, const char *tenant)
{
	if (tenants_contain(lock->refused_tenants, tenant))
		return LOCK_REFUSED;
	if (!lock->tenant[0] || bytes_equal_nocase(bytes_of(tenant), bytes_of(lock->tenant)) ||
		tenants_contain(lock->allowed_tenants, tenant))
		return LOCK_PASS;
	return LOCK_UNKNOWN;
}

enum lock_verdict sender_lock_no_tenant(const struct sender_lock *lock, struct bytes host)
{
	if (networks_contain(&lock->refused, host))
		return LOCK_REFUSED;
	if (!lock->tenant[0] || networks_contain(&lock->allowed, host))
		return LOCK_PASS;
	return LOCK_UNKNOWN;
}

bool sender_lock_has_tenant(const struct sender_lock *lock)
{
	return lock->tenant[0] || lock->refused_tenants[0];
}

/* ---- tenants ---- */

static bool is_domain_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-';
}

bool tenant_check(struct bytes tenant, struct error *error)
{
	bool ok = tenant.size >= 1 && tenant.size <= DOMAIN_MAX;

	for (size_t i = 0; ok && i < tenant.size; i++)
		ok = is_domain_octet(tenant.data[i]);
	return ok || error_set(error, ERROR_INVALID,
			     "a tenant is the domain that its reports carry in X-OriginatorOrg, "
			     "for example contoso.onmicrosoft.com");
}

bool tenant_parse(struct bytes text, char tenant[TENANT_SIZE], struct error *error)
{
	struct bytes trimmed = bytes_trim(text);

	if (!tenant_check(trimmed, error))
		return false;
	bytes_copy_text(trimmed, tenant, TENANT_SIZE);
	for (char *c = tenant; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	return true;
}

/* The tenant that begins at *rest; takes it and the blank behind it off. */
static struct bytes next_tenant(struct bytes *rest)
{
	struct bytes tenant = bytes_head(*rest, bytes_find(*rest, ' '));

	*rest = bytes_skip(*rest, tenant.size + 1);
	return tenant;
}

bool tenants_contain(const char *tenants, const char *tenant)
{
	struct bytes rest = bytes_of(tenants);

	while (rest.size) {
		if (bytes_equal_nocase(next_tenant(&rest), bytes_of(tenant)))
			return true;
	}
	return false;
}

bool tenants_add(char tenants[TENANTS_TEXT_SIZE], const char *tenant)
{
	size_t used = strlen(tenants), size = strlen(tenant);

	if (tenants_contain(tenants, tenant))
		return true;
	if (used + 1 + size >= TENANTS_TEXT_SIZE)
		return false;
	snprintf(tenants + used, TENANTS_TEXT_SIZE - used, "%s%s", used ? " " : "", tenant);
	return true;
}

void tenants_remove(char tenants[TENANTS_TEXT_SIZE], const char *tenant)
{
	char kept[TENANTS_TEXT_SIZE] = "";
	struct bytes rest = bytes_of(tenants);
	size_t used = 0;

	while (rest.size) {
		struct bytes one = next_tenant(&rest);

		if (!bytes_equal_nocase(one, bytes_of(tenant)))
			used += (size_t)snprintf(kept + used, sizeof kept - used, "%s%.*s",
				used ? " " : "", BYTES_ARGS(one));
	}
	memcpy(tenants, kept, used + 1);
}
