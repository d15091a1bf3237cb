/*
 * email: the one form of address that we take as a name (a strict subset of RFC 5321).
 *
 * ASCII, exactly one '@', at most 254 bytes, local part 1..64 of [A-Za-z0-9._%+'-] plus the other atext but no quotes,
 * dots not first, last or doubled; domain a host name with letters, digits, '-' and at least one label. Unicode is
 * refused, never mapped (security.md 27). The key (for comparison and storage) is lower-cased whole. May block: no.
 */
#ifndef IDENTITY_EMAIL_H
#define IDENTITY_EMAIL_H

#include "core/buf.h"

#define EMAIL_MAX 254

int email_parse(const char *s, size_t n, char ret_key[static EMAIL_MAX + 1]); /* E_FORMAT, E_LIMIT */
bool email_ok(const char *s);
const char *email_domain(const char *key);   /* of a parsed key; after the '@' */
bool email_eq(const char *a, const char *b); /* both valid and equal as keys */

#endif
