/* What providers answer about somebody: who counts, which address, and when groups are unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/str.h"
#include "identity/facts.h"

static int
read_as(facts_read_fn *fn, struct facts *f, const char *text, char next[static FACTS_NEXT_MAX], int *ret_code)
{
	struct reason r = {0};
	int e = fn(f, text, strlen(text), next, &r);

	*ret_code = r.code;
	return e;
}

static void
test_user(void **state)
{
	static const struct {
		const char *text, *sub;
	} rows[] = {
	    {"{\"id\":583231,\"login\":\"octocat\",\"type\":\"User\",\"name\":null}", "583231"},
	    {"{\"id\":583231,\"login\":\"octocat\"}", "583231"},
	    {"{\"id\":\"583231\",\"login\":\"octocat\"}", NULL},
	    {"{\"id\":0,\"login\":\"octocat\"}", NULL},
	    {"{\"id\":-5,\"login\":\"octocat\"}", NULL},
	    {"{\"id\":1.5,\"login\":\"octocat\"}", NULL},
	    {"{\"login\":\"octocat\"}", NULL},
	    {"{\"id\":5}", NULL},
	    {"{\"id\":5,\"login\":\"a\\nb\"}", NULL},
	    {"{\"id\":5,\"id\":6,\"login\":\"octocat\"}", NULL},
	    {"{\"id\":5,\"login\":\"acme\",\"type\":\"Organization\"}", NULL},
	    {"[]", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct facts f = {0};
		char next[FACTS_NEXT_MAX];
		int code, e = read_as(facts_github_user, &f, rows[i].text, next, &code);
		assert_int_equal(e == 0, rows[i].sub != NULL);
		assert_int_equal(code, rows[i].sub ? 0 : SP_LOGIN_PROVIDER);
		assert_string_equal(f.sub, rows[i].sub ? rows[i].sub : "");
		facts_release(&f);
	}
}

static void
test_emails(void **state)
{
#define M(a, v, p) "{\"email\":\"" a "\",\"verified\":" v ",\"primary\":" p "}"
	static const struct {
		const char *text;
		int code;
	} rows[] = {
	    {"[" M("boss@corp.test", "true", "false") "," M("Octo@Cat.test", "true", "true") "]", 0},
	    {"[" M("octo@cat.test", "false", "true") "," M("boss@corp.test", "true", "false") "]", SP_EMAIL},
	    {"[" M("octo@cat.test", "\"true\"", "true") "]", SP_EMAIL},
	    {"[" M("octo@cat.test", "1", "true") "]", SP_EMAIL},
	    {"[" M("octo@cat.test", "true", "1") "]", SP_EMAIL},
	    {"[" M("octo@cat.test", "true", "true") "," M("boss@corp.test", "true", "true") "]", SP_EMAIL},
	    {"[" M("a@b@cat.test", "true", "true") "]", SP_EMAIL},
	    {"[" M("octo@cat.test\\u0000@corp.test", "true", "true") "]", SP_LOGIN_PROVIDER},
	    {"[]", SP_EMAIL},
	    {"{}", SP_LOGIN_PROVIDER},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct facts f = {0};
		char next[FACTS_NEXT_MAX];
		int code, e = read_as(facts_github_emails, &f, rows[i].text, next, &code);
		assert_int_equal(code, rows[i].code);
		assert_int_equal(e == 0, code == 0);
		if (!code)
			assert_string_equal(f.email, "octo@cat.test");
		facts_release(&f);
	}
}

static void
test_lists(void **state)
{
	static const struct {
		facts_read_fn *fn;
		const char *text, *first; /* NULL: unknown; "": none */
		const char *next;
	} rows[] = {
	    {facts_github_orgs, "[{\"login\":\"github\"}]", "github", ""},
	    {facts_github_orgs, "[]", "", ""},
	    {facts_github_orgs, "[{\"login\":\"github/ops\"}]", NULL, ""},
	    {facts_github_orgs, "[{\"login\":7}]", NULL, ""},
	    {facts_github_teams, "[{\"slug\":\"ops\",\"organization\":{\"login\":\"github\"}}]", "github/ops", ""},
	    {facts_github_teams, "[{\"slug\":\"ops\"}]", NULL, ""},
	    {facts_github_teams, "[{\"slug\":\"a/b\",\"organization\":{\"login\":\"github\"}}]", NULL, ""},
	    {facts_okta_groups, "[{\"id\":\"1\",\"profile\":{\"name\":\"Ops\"}}]", "Ops", ""},
	    {facts_okta_groups, "[{\"id\":\"1\"}]", NULL, ""},
	    {facts_google_groups, "{\"groups\":[{\"email\":\"a@b.test\"}],\"nextPageToken\":\"x\"}", "a@b.test", "x"},
	    {facts_google_groups, "{\"kind\":\"directory#groups\"}", "", ""},
	    {facts_azure_groups, "{\"value\":[{\"id\":\"u-1\"}],\"@odata.nextLink\":\"https://g/?t\"}", "u-1",
	     "https://g/?t"},
	};
	static const struct {
		facts_read_fn *fn;
		const char *text;
	} broken[] = {{facts_github_orgs, "{}"},
	              {facts_okta_groups, "{\"groups\":[]}"},
	              {facts_google_groups, "[]"},
	              {facts_google_groups, "{\"groups\":{}}"},
	              {facts_google_groups, "{\"groups\":[],\"nextPageToken\":5}"},
	              {facts_azure_groups, "{}"}};
	char next[FACTS_NEXT_MAX];
	int code;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct facts f = {0};
		assert_int_equal(read_as(rows[i].fn, &f, rows[i].text, next, &code), 0);
		assert_int_equal(f.groups_unknown, rows[i].first == NULL);
		assert_int_equal(f.ngroups, rows[i].first && *rows[i].first);
		if (f.ngroups)
			assert_string_equal(f.groups[0], rows[i].first);
		assert_string_equal(next, rows[i].next);
		facts_release(&f);
	}
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct facts f = {0};
		assert_int_equal(read_as(broken[i].fn, &f, broken[i].text, next, &code), E_FORMAT);
		facts_release(&f);
	}
}

/* Unknown stays unknown, whatever comes after it; too many are unknown; a full page has another behind it. */
static void
test_all_or_none(void **state)
{
	struct facts f = {0}, back = {0};
	json_t *page = json_array();
	char next[FACTS_NEXT_MAX], *text;
	struct buf b;
	int code;

	for (int i = 0; i < GITHUB_PAGE; i++)
		json_array_append_new(page, json_pack("{s:s}", "login", "org"));
	text = json_dump_str(page);
	json_decref(page);
	assert_int_equal(read_as(facts_github_orgs, &f, text, next, &code), 0);
	assert_string_equal(next, "more");
	assert_int_equal(f.ngroups, GITHUB_PAGE);
	str_copy(f.sub, sizeof f.sub, "7");
	str_copy(f.email, sizeof f.email, "a@b.test");
	buf_init(&b, FACTS_TEXT_MAX);
	assert_int_equal(facts_format(&f, &b), 0);
	assert_int_equal(facts_parse(buf_ptr(&b), buf_len(&b), &back), 0);
	assert_string_equal(back.sub, "7");
	assert_int_equal(back.ngroups, GITHUB_PAGE);
	facts_release(&back);
	assert_int_equal(read_as(facts_github_orgs, &f, text, next, &code), 0);
	assert_int_equal(read_as(facts_github_orgs, &f, text, next, &code), 0);
	assert_true(f.groups_unknown);
	assert_int_equal(f.ngroups, 0);
	assert_int_equal(read_as(facts_github_orgs, &f, "[{\"login\":\"github\"}]", next, &code), 0);
	assert_true(f.groups_unknown);
	assert_int_equal(f.ngroups, 0);
	buf_clear(&b);
	assert_int_equal(facts_format(&f, &b), 0);
	assert_int_equal(facts_parse(buf_ptr(&b), buf_len(&b), &back), 0);
	assert_true(back.groups_unknown);
	facts_release(&back);
	assert_int_equal(facts_parse("{\"sub\":\"\",\"groups\":[]}", 22, &back), E_FORMAT);
	assert_int_equal(facts_parse("{\"sub\":\"1\",\"email\":\"x\",\"groups\":[]}", 35, &back), E_FORMAT);
	facts_release(&f);
	buf_release(&b);
	free(text);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *base, *api;
	} rows[] = {{"https://github.com", "https://api.github.com/user"},
	            {"https://git.corp.test", "https://git.corp.test/api/v3/user"},
	            {"http://git.corp.test", NULL},
	            {"https://git.corp.test/#", NULL}};
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_clear(&b);
		assert_int_equal(github_api_url(rows[i].base, "/user", &b), rows[i].api ? 0 : E_FORMAT);
		if (rows[i].api)
			assert_string_equal(buf_cstr(&b), rows[i].api);
	}
	buf_clear(&b);
	assert_int_equal(github_request_url("https://github.com", "a&b", "https://t/cb", "read:org", "st", "ch", &b),
	                 0);
	assert_string_equal(buf_cstr(&b),
	                    "https://github.com/login/oauth/authorize?client_id=a%26b&redirect_uri=https%3A%2F"
	                    "%2Ft%2Fcb&scope=read%3Aorg&state=st&code_challenge=ch&code_challenge_method="
	                    "S256&allow_signup=false");
	assert_int_equal(github_request_url("https://github.com", "a", "https://t/cb", "", "", "ch", &b), E_FORMAT);
	assert_int_equal(github_request_url("https://github.com", "a", "https://t/cb", "", "st", "", &b), E_FORMAT);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_user),        cmocka_unit_test(test_emails),    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_all_or_none), cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests_name("identity_facts", tests, NULL, NULL);
}
