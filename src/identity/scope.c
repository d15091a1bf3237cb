#include "identity/scope.h"

#include <string.h>

static const struct part_row {
	const char *read, *write;
	bool own; /* "write" does not open it */
} parts[SCOPE_PARTS] = {
    [SCOPE_ACCESS] = {"access:read", "access:write", false},
    [SCOPE_TUNNELS] = {"tunnels:read", "tunnels:write", false},
    [SCOPE_IDP] = {"idp:read", "idp:write", true},
    [SCOPE_USERS] = {"users:read", "users:write", false},
    [SCOPE_PRINCIPALS] = {"principals:read", "principals:write", true},
    [SCOPE_AUDIT] = {"audit:read", NULL, false},
    [SCOPE_TOKENS] = {"tokens:read", "tokens:write", true},
};

const char *const scope_names[] = {"read",         "write",         "access:read",     "access:write",
                                   "tunnels:read", "tunnels:write", "idp:read",        "idp:write",
                                   "users:read",   "users:write",   "principals:read", "principals:write",
                                   "audit:read",   "tokens:read",   "tokens:write",    NULL};

bool
scope_known(const char *scope)
{
	for (size_t i = 0; scope_names[i]; i++)
		if (!strcmp(scope, scope_names[i]))
			return true;
	return false;
}

const char *
scope_of(enum scope_part part, bool write)
{
	return write && parts[part].write ? parts[part].write : parts[part].read;
}

static bool
has(const struct token_list *have, const char *scope)
{
	for (size_t i = 0; scope && i < have->n; i++)
		if (!strcmp(have->v[i], scope))
			return true;
	return false;
}

bool
scope_covers(const struct token_list *have, const char *want)
{
	if (has(have, want))
		return true;
	for (size_t i = 0; i < SCOPE_PARTS; i++) {
		const struct part_row *p = &parts[i];
		if (!strcmp(want, p->read))
			return has(have, "read") || has(have, p->write);
		if (p->write && !strcmp(want, p->write))
			return !p->own && has(have, "write");
	}
	return false;
}

size_t
scope_of_role(const char *role, const char *ret_v[static 16])
{
	size_t n = 0;

	if (!strcmp(role, "admin")) {
		ret_v[n++] = "read";
		ret_v[n++] = "write";
		for (size_t i = 0; i < SCOPE_PARTS; i++)
			if (parts[i].own)
				ret_v[n++] = parts[i].write;
	} else if (!strcmp(role, "auditor")) {
		ret_v[n++] = "read";
	} else if (!strcmp(role, "read-only")) {
		for (size_t i = 0; i < SCOPE_PARTS; i++)
			if (i != SCOPE_AUDIT)
				ret_v[n++] = parts[i].read;
	}
	return n;
}
