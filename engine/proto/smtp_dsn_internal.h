/* smtp_dsn_internal.h -- the values of the DSN parameters (RFC 3461 4): whether they are written as the
 * RFC has them. What they mean is for whoever sends reports. */
#ifndef LG_PROTO_SMTP_DSN_INTERNAL_H
#define LG_PROTO_SMTP_DSN_INTERNAL_H

#include "base/bytes.h"

bool smtp_dsn_is_ret(struct bytes value);
bool smtp_dsn_is_envid(struct bytes value);
bool smtp_dsn_is_notify(struct bytes value);
/* `utf8`: MAIL had SMTPUTF8, so an address of the type utf-8 may be written in UTF-8 (RFC 6533 3). */
bool smtp_dsn_is_orcpt(struct bytes value, bool utf8);

#endif
