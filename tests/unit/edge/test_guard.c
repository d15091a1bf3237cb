/* Where fetch may connect: public addresses, and private ones only when listed (security.md 3.2, 30 and 35). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "edge/fetch/guard.h"
#include "../t.h"

static int
check(const struct guard *g, const char *host, const char *ip)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
	struct reason why = {0};
	int r;

	if (inet_pton(AF_INET, ip, &a4.sin_addr) == 1) {
		r = guard_check(g, host, (struct sockaddr *)&a4, &why);
	} else {
		assert_int_equal(inet_pton(AF_INET6, ip, &a6.sin6_addr), 1);
		r = guard_check(g, host, (struct sockaddr *)&a6, &why);
	}
	if (r < 0)
		assert_non_null(strstr(why.text, "allow_private"));
	return r;
}

static void
public_yes_special_no(void **state)
{
	static const char *const no[] = {"127.0.0.1",
	                                 "10.1.2.3",
	                                 "172.16.0.1",
	                                 "172.31.255.255",
	                                 "192.168.0.1",
	                                 "169.254.169.254",
	                                 "100.64.0.1",
	                                 "0.0.0.0",
	                                 "224.0.0.1",
	                                 "255.255.255.255",
	                                 "::1",
	                                 "::",
	                                 "fe80::1",
	                                 "fc00::1",
	                                 "fdff::1",
	                                 "ff02::1",
	                                 "::ffff:127.0.0.1",
	                                 "::ffff:10.0.0.1",
	                                 "64:ff9b::a00:1",
	                                 "2002:a00:1::",
	                                 "::7f00:1"};
	static const char *const yes[] = {"8.8.8.8",  "172.32.0.1", "172.15.0.1",    "9.255.255.255",
	                                  "11.0.0.0", "2600::1",    "::ffff:8.8.8.8"};
	struct strs none = {0};
	struct guard g;

	assert_ok(guard_init(&g, &none, NULL));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_int_equal(check(&g, "h", no[i]), E_DENIED);
	for (size_t i = 0; i < COUNT(yes); i++)
		assert_ok(check(&g, "h", yes[i]));
}

static void
listed_private_is_let_through(void **state)
{
	const char *list[] = {"10.0.0.0/8", "idp.localhost", "192.168.7.9", "fd00:1::/32"};
	struct strs allow = {list, 4};
	struct guard g;

	assert_ok(guard_init(&g, &allow, NULL));
	assert_ok(check(&g, "x", "10.255.0.1"));
	assert_int_equal(check(&g, "x", "127.0.0.1"), E_DENIED);
	assert_ok(check(&g, "idp.localhost", "127.0.0.1")); /* this name only */
	assert_ok(check(&g, "x", "192.168.7.9"));
	assert_int_equal(check(&g, "x", "192.168.7.8"), E_DENIED);
	assert_ok(check(&g, "x", "fd00:1::5"));
	assert_int_equal(check(&g, "x", "fd00:2::5"), E_DENIED);
}

static void
bad_entries_are_named(void **state)
{
	static const char *const bad[] = {"10.0.0.0/33", "::/129", "10.0.0.0/x", "a b", "-x", "name.example/8", ""};

	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *one[] = {bad[i]};
		struct strs allow = {one, 1};
		struct reason why = {0};
		struct guard g;
		assert_int_equal(guard_init(&g, &allow, &why), E_FORMAT);
		assert_non_null(strstr(why.text, "allow_private"));
	}
}

static void
too_many_entries(void **state)
{
	const char *one[GUARD_RULES_MAX + 1];
	struct reason why = {0};
	struct guard *g = malloc(sizeof *g);

	for (size_t i = 0; i < COUNT(one); i++)
		one[i] = "10.0.0.1";
	assert_ok(guard_init(g, &(struct strs){one, GUARD_RULES_MAX}, NULL));
	assert_int_equal(guard_init(g, &(struct strs){one, GUARD_RULES_MAX + 1}, &why), E_LIMIT);
	assert_non_null(strstr(why.text, "more than 256"));
	free(g);
}

/* A socket of another kind leads to neither a public nor a listed address. */
static void
only_internet_addresses(void **state)
{
	const char *list[] = {"0.0.0.0/0", "::/0", "h"};
	struct sockaddr_storage local = {.ss_family = AF_UNIX}, none = {.ss_family = AF_UNSPEC};
	struct guard g;

	assert_ok(guard_init(&g, &(struct strs){list, 3}, NULL));
	assert_int_equal(guard_check(&g, "h", (struct sockaddr *)&local, NULL), E_DENIED);
	assert_int_equal(guard_check(&g, "h", (struct sockaddr *)&none, NULL), E_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(public_yes_special_no),   cmocka_unit_test(listed_private_is_let_through),
	    cmocka_unit_test(bad_entries_are_named),   cmocka_unit_test(too_many_entries),
	    cmocka_unit_test(only_internet_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
