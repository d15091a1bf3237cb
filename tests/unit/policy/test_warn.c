/* What is valid and probably not meant. */
#include "fixture.h"

#include "policy/warn.h"

static void
collect(void *arg, const char *text)
{
	strncat(arg, text, 3000 - strlen(arg));
	strncat(arg, "\n", 3000 - strlen(arg));
}

static void
world(struct fixture *f)
{
	fx_init(f);
	fx_idp(f, "{\"id\":\"" ID(11) "\",\"name\":\"people\",\"type\":\"local\"}");
	fx_idp(f, "{\"id\":\"" ID(12) "\",\"name\":\"codes\",\"type\":\"onetimepin\"}");
	fx_group(f,
	         "{\"name\":\"two\",\"include\":[{\"everyone\":{}}],\"require\":[{\"geo\":{\"country_code\":\"PT\"}},{"
	         "\"geo\":{\"country_code\":\"ES\"}}]}");
	fx_group(f, "{\"name\":\"outer\",\"include\":[{\"group\":{\"name\":\"two\"}}]}");
	fx_group(f, "{\"name\":\"iberia\",\"include\":[{\"geo\":{\"country_code\":\"PT\"}},{\"geo\":{\"country_code\":"
	            "\"ES\"}}]}");
	fx_group(f, "{\"name\":\"open\",\"include\":[{\"everyone\":{}},{\"group\":{\"name\":\"two\"}}]}");
}

/* The warnings of an application with these policies, one a line; "" = none. */
static void
expect(const char *policies, const char *const *want)
{
	char text[4096], got[3001] = "";
	struct policy_set *set;
	struct fixture f;
	size_t lines = 0, n = 0;

	world(&f);
	snprintf(text, sizeof text, "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[%s]}", policies);
	fx_app(&f, text);
	set = fx_compile(&f);
	policy_warn_app(set, 0, collect, got);
	for (; want[n]; n++)
		if (!strstr(got, want[n]))
			fail_msg("no \"%s\" in \"%s\"", want[n], got);
	for (const char *p = got; *p; p++)
		lines += *p == '\n';
	if (lines != n)
		fail_msg("%zu warnings, expected %zu: %s", lines, n, got);
	policy_set_free(set);
	fx_free(&f);
}
#define EXPECT(policies, ...) expect(policies, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define P(name, decision, inc, more) \
	"{\"name\":\"" name "\",\"decision\":\"" decision "\",\"include\":[" inc "]" more "}"
#define EVERYONE "{\"everyone\":{}}"
#define MAIL(x) "{\"email\":{\"email\":\"" x "@b.test\"}}"
#define GEO(x) "{\"geo\":{\"country_code\":\"" x "\"}}"

static void
doors(void **state)
{
	EXPECT(P("p", "allow", MAIL("a"), ""));
	EXPECT(P("p", "allow", EVERYONE, ""), "policy \"p\" of \"a\": allows everyone");
	EXPECT(P("p", "allow", EVERYONE, ",\"require\":[" GEO("PT") "]"));
	EXPECT(P("p", "allow", "{\"login_method\":{\"name\":\"codes\"}}", ""), "one-time PIN");
	EXPECT(P("p", "allow", "{\"login_method\":{\"id\":\"" ID(12) "\"}}", ""), "one-time PIN");
	EXPECT(P("p", "allow", "{\"login_method\":{\"name\":\"people\"}}", ""));
	EXPECT(P("p", "deny", EVERYONE, ""));
	EXPECT(P("p", "bypass", EVERYONE, ""), "nothing of it is logged");
	EXPECT(P("p", "non_identity", EVERYONE, ""), "without sign-in");
	EXPECT(P("p", "allow", "{\"any_valid_service_token\":{}}", ""), "still asks for a person's sign-in");
	EXPECT(P("p", "non_identity", "{\"any_valid_service_token\":{}}", ""));
}

static void
what_never_matches(void **state)
{
	EXPECT(P("p", "allow", MAIL("a"), ",\"require\":[" GEO("PT") "," GEO("ES") "]"),
	       "wants both geo \"PT\" and geo \"ES\", which can never match");
	EXPECT(P("p", "allow", MAIL("a"), ",\"require\":[" GEO("PT") "," GEO("pt") "]"));
	EXPECT(P("p", "allow", MAIL("a"), ",\"require\":[{\"group\":{\"name\":\"iberia\"}}]"));
	EXPECT(P("p", "allow", MAIL("a"), ",\"require\":[{\"group\":{\"name\":\"outer\"}}]"), "nobody can ever match");
	EXPECT(P("p", "allow", "{\"group\":{\"name\":\"two\"}}", ""), "nobody can ever match");
	EXPECT(P("p", "allow", "{\"group\":{\"name\":\"open\"}}", ""));
	EXPECT(P("p", "allow", MAIL("a"), ",\"exclude\":[" EVERYONE "]"), "nobody can ever match");
	EXPECT(P("p", "allow", "{\"device_posture\":{\"integration_uid\":\"x\"}}", ""),
	       "device_posture is not offered here", "nobody can ever match");
}

static void
what_is_never_reached(void **state)
{
	EXPECT(P("wall", "deny", EVERYONE, "") "," P("late", "allow", MAIL("a"), ""),
	       "policy \"late\" of \"a\": is never reached: \"wall\" (deny) decides before it");
	EXPECT(P("late", "allow", MAIL("a"), "") "," P("wall", "deny", EVERYONE, ""));
	EXPECT(P("late", "deny", MAIL("a"), "") "," P("wall", "bypass", EVERYONE, ""),
	       "\"late\" of \"a\": is never reached",
	       "nothing of it is logged"); /* bypass comes first wherever it stands */
	EXPECT(P("wall", "deny", EVERYONE, ",\"exclude\":[" MAIL("b") "]") "," P("late", "allow", MAIL("a"), ""));
}

static void
groups_and_reusable(void **state)
{
	char got[3001] = "";
	struct policy_set *set;
	struct fixture f;

	world(&f);
	fx_policy(&f, P("all", "allow", EVERYONE, ""));
	set = fx_compile(&f);
	policy_warn_group(set, 2, collect, got);
	assert_string_equal(got, "");
	policy_warn_group(set, 0, collect, got);
	assert_non_null(strstr(got, "group \"two\": require wants both"));
	policy_warn_group(set, 1, collect, got);
	assert_non_null(strstr(got, "group \"outer\": nobody can ever match it"));
	policy_warn_reusable(set, 0, collect, got);
	assert_non_null(strstr(got, "reusable policy \"all\": allows everyone"));
	got[0] = '\0';
	policy_warn_group(set, 99, collect, got);
	policy_warn_app(set, 99, collect, got);
	policy_warn_reusable(set, 99, collect, got);
	assert_string_equal(got, "");
	policy_set_free(set);
	fx_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(doors),
	    cmocka_unit_test(what_never_matches),
	    cmocka_unit_test(what_is_never_reached),
	    cmocka_unit_test(groups_and_reusable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
