/*
 * scope: what an API token may do. The words are "read", "write" (all parts but those that only their own scope opens)
 * and "<part>:read", "<part>:write".
 *
 * Judge asks before a handler runs; the signer asks again, by itself, before it acts. "write" does not open the parts
 * that could make somebody an administrator: idp, principals, tokens. No scope of writing lets read, but that of a part
 * lets read the part. May block: no.
 */
#ifndef IDENTITY_SCOPE_H
#define IDENTITY_SCOPE_H

#include "identity/token.h"

#define SCOPE_TEXT 32 /* the longest scope, with its NUL */

enum scope_part {
	SCOPE_ACCESS,     /* applications, policies, groups, certificate authorities, organisation */
	SCOPE_TUNNELS,    /* tunnels, host names that lead to them */
	SCOPE_IDP,        /* identity providers and their accounts; own */
	SCOPE_USERS,      /* people and their sessions */
	SCOPE_PRINCIPALS, /* who owns which Unix name; own */
	SCOPE_AUDIT,      /* logs; nothing to write */
	SCOPE_TOKENS,     /* API tokens; own */
	SCOPE_PARTS,
};

extern const char *const scope_names[]; /* every word there is; ends with NULL */
bool scope_known(const char *scope);
/* "access:read"; static text. */
const char *scope_of(enum scope_part part, bool write);
/* Does one of these scopes let its bearer do what needs `want`? */
bool scope_covers(const struct token_list *have, const char *want);
/* Scopes of an administrator's role "admin", "auditor" or "read-only"; 0 for another text. */
size_t scope_of_role(const char *role, const char *ret_v[static 16]);

#endif
