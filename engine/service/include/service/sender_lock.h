/* sender_lock.h -- who may deliver to a mailbox: the networks that connect, and the tenant that a report
 * names (X-OriginatorOrg, which Exchange Online writes; its networks are shared by all of its customers, so
 * that network, address and tenant together make the lock).
 *
 * What the lock does not know is not refused for good: a person decides, and until then the sender is asked
 * to come again. Pure rules; docs/security.md says what they protect. */
#ifndef LG_SERVICE_SENDER_LOCK_H
#define LG_SERVICE_SENDER_LOCK_H

#include "config/networks.h"

enum { TENANT_SIZE = 256, TENANTS_TEXT_SIZE = 2048 };

struct sender_lock {
	struct networks networks; /* of the lock itself; none: everybody may */
	struct networks allowed;  /* a person said so when asked */
	struct networks refused;
	char tenant[TENANT_SIZE];		 /* empty: every tenant may */
	char allowed_tenants[TENANTS_TEXT_SIZE]; /* separated by blanks, lower case */
	char refused_tenants[TENANTS_TEXT_SIZE];
};

enum lock_verdict {
	LOCK_PASS,
	LOCK_UNKNOWN, /* 451 4.7.1, and a person is asked */
	LOCK_REFUSED, /* 550 5.7.1: a person has said so */
};

enum lock_verdict sender_lock_network(const struct sender_lock *lock, struct bytes host);
/* `tenant`: what the report names. */
enum lock_verdict sender_lock_tenant(const struct sender_lock *lock, const char *tenant);
/* Mail that names none, from `host`: only from a network that a person allowed, since Exchange Online names one always,
 * and other mail servers of the office none. */
enum lock_verdict sender_lock_no_tenant(const struct sender_lock *lock, struct bytes host);
/* Whether the tenant has to be looked for at all. */
bool sender_lock_has_tenant(const struct sender_lock *lock);

/* A tenant is a domain: letters, digits, dots, hyphens, at most 253 octets. ERROR_INVALID. */
bool tenant_check(struct bytes tenant, struct error *error);
/* The same in lower case, without blanks around it. */
bool tenant_parse(struct bytes text, char tenant[TENANT_SIZE], struct error *error);
/* Lists of tenants as text. Adding what is there changes nothing; false: no room. */
bool tenants_add(char tenants[TENANTS_TEXT_SIZE], const char *tenant);
void tenants_remove(char tenants[TENANTS_TEXT_SIZE], const char *tenant);
bool tenants_contain(const char *tenants, const char *tenant);

#endif
