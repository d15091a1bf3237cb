/* scope: what each word opens, asked of every word and every part, against a table written down here. */
#include "t.h"

#include <string.h>

#include "identity/scope.h"

/* Which single scopes open it, separated by spaces. */
static const struct {
	const char *want, *openers;
} table[] = {
    {"read", "read"},
    {"write", "write"},
    {"access:read", "read access:read access:write"},
    {"access:write", "write access:write"},
    {"tunnels:read", "read tunnels:read tunnels:write"},
    {"tunnels:write", "write tunnels:write"},
    {"idp:read", "read idp:read idp:write"},
    {"idp:write", "idp:write"},
    {"users:read", "read users:read users:write"},
    {"users:write", "write users:write"},
    {"principals:read", "read principals:read principals:write"},
    {"principals:write", "principals:write"},
    {"audit:read", "read audit:read"},
    {"tokens:read", "read tokens:read tokens:write"},
    {"tokens:write", "tokens:write"},
};

static bool
listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static void
test_table(void **state)
{
	size_t n = 0;

	while (scope_names[n])
		n++;
	assert_int_equal(n, sizeof table / sizeof *table);
	for (size_t i = 0; i < n; i++) {
		assert_true(scope_known(table[i].want));
		for (size_t k = 0; k < n; k++) {
			struct token_list have = {.v = {scope_names[k]}, .n = 1};
			if (scope_covers(&have, table[i].want) != listed(table[i].openers, scope_names[k]))
				fail_msg("%s for %s", scope_names[k], table[i].want);
		}
	}
}

static void
test_strangers(void **state)
{
	struct token_list none = {0}, odd = {.v = {"", "access", "access:", "ACCESS:WRITE", "*", "write "}, .n = 6},
	                  all = {.v = {"read", "write"}, .n = 2};

	for (size_t i = 0; scope_names[i]; i++) {
		assert_false(scope_covers(&none, scope_names[i]));
		assert_false(scope_covers(&odd, scope_names[i]));
	}
	assert_false(scope_covers(&all, "everything:read"));
	assert_false(scope_covers(&all, ""));
	assert_false(scope_known("access"));
}

static void
test_roles(void **state)
{
	static const struct {
		const char *role, *may, *may_not;
	} rows[] = {{"admin", "tokens:write", NULL},
	            {"admin", "idp:write", NULL},
	            {"admin", "principals:write", NULL},
	            {"admin", "access:write", NULL},
	            {"auditor", "audit:read", "users:write"},
	            {"auditor", "access:read", "access:write"},
	            {"read-only", "access:read", "audit:read"},
	            {"read-only", "tunnels:read", "tunnels:write"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct token_list have = {0};
		const char *v[16];
		have.n = scope_of_role(rows[i].role, v);
		memcpy(have.v, v, have.n * sizeof *v);
		assert_true(scope_covers(&have, rows[i].may));
		if (rows[i].may_not)
			assert_false(scope_covers(&have, rows[i].may_not));
	}
	const char *v[16];
	assert_int_equal(scope_of_role("root", v), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_strangers),
	                                   cmocka_unit_test(test_roles)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
