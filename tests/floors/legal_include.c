/* legal_include.c -- a file of the floor mail that looks down and sideways within its floor. It must build. */
#include "base/bytes.h"
#include "mail/address.h"

bool floor_legal_include(const struct address *address);

bool floor_legal_include(const struct address *address)
{
	return address->whole.size == 0;
}
