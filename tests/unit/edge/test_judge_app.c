/* What an application's fields do to browsers: cookies and their attributes, binding, several hosts, preflights, pages
 * for the refused, who-am-I. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/str.h"
#include "judge_kit.h"

static const char more[] =
    "{\"apps\":["
    "{\"name\":\"plain\",\"domain\":\"plain.localhost\",\"service\":\"http://"
    "127.0.0.1:1\",\"tunnel\":\"pool\",\"policies\":[{"
    "\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":\"staff\"}}]}]},"
    "{\"name\":\"bound\",\"domain\":\"bound.localhost\",\"service\":\"http://127.0.0.1:1\",\"tunnel\":\"pool\","
    "\"enable_binding_cookie\":\"true\",\"http_only_cookie_attribute\":\"false\",\"same_site_cookie_attribute\":"
    "\"strict\","
    "\"custom_deny_message\":\"Ask <b>Ann</b> & "
    "co.\",\"policies\":[{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{"
    "\"group\":{\"name\":\"staff\"}}]}]},"
    "{\"name\":\"many\",\"domain\":\"one.localhost\",\"self_hosted_domains\":[\"one.localhost\",\"two.localhost\","
    "\"three.localhost\"],\"service\":\"http://"
    "127.0.0.1:1\",\"tunnel\":\"pool\",\"policies\":[{\"name\":\"p\",\"decision\":"
    "\"allow\",\"include\":[{\"group\":{\"name\":\"staff\"}}]}]},"
    "{\"name\":\"cors\",\"domain\":\"cors.localhost\",\"service\":\"http://"
    "127.0.0.1:1\",\"tunnel\":\"pool\",\"custom_deny_url\":"
    "\"https://help.example.test/who\",\"custom_non_identity_deny_url\":\"https://help.example.test/"
    "where\",\"cors_headers\":{"
    "\"allowed_methods\":[\"GET\",\"PUT\"],\"allowed_origins\":[\"https://"
    "a.example.test\"],\"allowed_headers\":[\"X-One\"],"
    "\"allow_credentials\":\"true\",\"max_age\":\"60\"},\"policies\":[{\"name\":\"p\",\"decision\":\"allow\","
    "\"include\":[{"
    "\"email\":{\"email\":\"jdoe@example.test\"}}],\"exclude\":[{\"ip\":{\"ip\":\"203.0.113.0/24\"}}]}]},"
    "{\"name\":\"away\",\"domain\":\"away.localhost\",\"service\":\"http://"
    "127.0.0.1:1\",\"tunnel\":\"pool\",\"custom_deny_url\":"
    "\"https://help.example.test/who\",\"custom_non_identity_deny_url\":\"https://help.example.test/"
    "where\",\"policies\":[{"
    "\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"everyone\":{}}],\"require\":[{\"ip\":{\"ip\":\"203.0.113.0/"
    "24\"}}]}]}"
    "]}";

static int
setup(void **state)
{
	struct jk *k = calloc(1, sizeof *k);

	jk_new(k);
	jk_apply(k, jk_document);
	jk_apply(k, more);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	jk_free(*state);
	free(*state);
	return 0;
}

/* Host and target of a Location on our port. */
static bool
follow(const char *location, char host[254], char target[8192])
{
	const char *p = location, *e;

	if (!str_starts(p, "https://"))
		return false;
	p += 8;
	e = strpbrk(p, ":/");
	if (!e || str_copy_n(host, 254, p, (size_t)(e - p)) < 0)
		return false;
	p = strchr(p, '/');
	return p && str_copy(target, 8192, p) == 0;
}

/* Walks redirects as a browser; the last reply is the caller's. Returns hops; the last host is in host. */
static int
walk(struct jk *k, const char *first, const char *path, char host[254], struct reply *r)
{
	char target[8192];
	int hops = 0;

	str_copy(host, 254, first);
	str_copy(target, sizeof target, path);
	for (;; hops++) {
		jk_browse(k, "GET", host, target, NULL, r);
		const char *to = jk_header(r, "location");
		if (r->status != 302 || hops == 30 || !strstr(to, "localhost"))
			return hops;
		assert_true(follow(to, host, target));
		jk_reply_free(r);
	}
}

static const char *
set_cookie(const struct reply *r, const char *name)
{
	for (size_t i = 0; i + 1 < r->nheaders; i += 2)
		if (!strcmp(r->headers[i], "set-cookie") && str_starts(r->headers[i + 1], name) &&
		    r->headers[i + 1][strlen(name)] == '=')
			return r->headers[i + 1];
	return NULL;
}

/* The reply in which host sets the cookie; walks until there. */
static void
until_cookie(struct jk *k, const char *first, const char *name, struct reply *r)
{
	char host[254], target[8192] = "/x";

	str_copy(host, sizeof host, first);
	for (int i = 0; i < 12; i++) {
		jk_browse(k, "GET", host, target, NULL, r);
		if (!strcmp(host, first) && set_cookie(r, name))
			return;
		assert_int_equal(r->status, 302);
		assert_true(follow(jk_header(r, "location"), host, target));
		jk_reply_free(r);
	}
	fail_msg("no cookie %s", name);
}

static void
test_attributes(void **state)
{
	struct jk *k = *state;
	struct reply r;

	jk_sign_in(k, "plain.localhost", "jdoe@example.test", "correct horse");
	until_cookie(k, "plain.localhost", "CF_Authorization", &r);
	const char *c = set_cookie(&r, "CF_Authorization");
	assert_non_null(strstr(c, "; Path=/; Secure; HttpOnly; SameSite=None; Expires="));
	assert_null(set_cookie(&r, "CF_Binding"));
	jk_reply_free(&r);
	until_cookie(k, "bound.localhost", "CF_Authorization", &r);
	c = set_cookie(&r, "CF_Authorization");
	assert_non_null(strstr(c, "; Path=/; Secure; SameSite=Strict; Expires="));
	c = set_cookie(&r, "CF_Binding");
	assert_non_null(c);
	assert_non_null(strstr(c, "; Secure; HttpOnly; SameSite=None; Expires="));
	jk_reply_free(&r);
}

static void
test_binding(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char cookie[8192];

	jk_cookies_clear(k);
	jk_sign_in(k, "bound.localhost", "jdoe@example.test", "correct horse");
	until_cookie(k, "bound.localhost", "CF_Binding", &r);
	jk_reply_free(&r);
	char *token = str_dup(jk_cookie(k, "bound.localhost", "CF_Authorization"));
	char *binding = str_dup(jk_cookie(k, "bound.localhost", "CF_Binding"));
	const struct {
		const char *binding;
		bool in;
	} t[] = {{binding, true},
	         {NULL, false},
	         {"", false},
	         {"0000000000000000000000000000000000000000000000000000000000000000", false}};
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
			snprintf(cookie, sizeof cookie, "CF_Authorization=%s%s%s", token,
			         t[i].binding ? "; CF_Binding=" : "", t[i].binding ? t[i].binding : "");
			const char *h[] = {"cookie", cookie, "accept", "text/html", NULL};
			jk_ask(k, "GET", "bound.localhost", "/", h, NULL, &r);
			assert_int_equal(r.action == ANSWER_RELAY || r.status != 302, t[i].in);
			jk_reply_free(&r);
			jk_ask(k, "GET", "bound.localhost", "/cdn-cgi/access/get-identity", h, NULL, &r);
			assert_int_equal(r.status, t[i].in ? 200 : 401);
			jk_reply_free(&r);
		}
		const char *h[] = {"cf-access-token", token, NULL}; /* a stolen one shown in a header */
		jk_ask(k, "GET", "bound.localhost", "/", h, NULL, &r);
		assert_int_equal(r.status, 302);
		jk_reply_free(&r);
		if (!again) /* the browsers' cookies outlive us */
			jk_judge_restart(k);
	}
	free(token);
	free(binding);
}

static void
test_every_host(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char host[254];

	jk_cookies_clear(k);
	jk_sign_in(k, "one.localhost", "jdoe@example.test", "correct horse");
	int hops = walk(k, "two.localhost", "/start?x=1", host, &r);
	assert_in_range(hops, 6, 20);
	assert_string_equal(host, "two.localhost");
	jk_reply_free(&r);
	assert_non_null(jk_cookie(k, "one.localhost", "CF_Authorization"));
	assert_non_null(jk_cookie(k, "two.localhost", "CF_Authorization"));
	assert_non_null(jk_cookie(k, "three.localhost", "CF_Authorization"));
	/* it leads to the application's own hosts, and to paths */
	jk_ask(k, "GET", "one.localhost", "/", NULL, NULL, &r);
	char *aud = str_dup(jk_header(&r, "cf-access-aud"));
	jk_reply_free(&r);
	static const char *const bad[] = {"from=evil.test&i=0&to=%2F",
	                                  "from=plain.localhost&i=0&to=%2F",
	                                  "from=two.localhost&i=0&to=%2F%2Fevil.test",
	                                  "from=two.localhost&i=0&to=https%3A%2F%2Fevil.test",
	                                  "from=two.localhost&i=99&to=%2F",
	                                  "from=two.localhost&i=x&to=%2F",
	                                  "i=0&to=%2F"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char target[512];
		snprintf(target, sizeof target, "/cdn-cgi/access/chain?kid=%s&%s", aud, bad[i]);
		jk_browse(k, "GET", "one.localhost", target, NULL, &r);
		assert_int_equal(r.status, 400);
		jk_reply_free(&r);
	}
	/* a browser that keeps no cookies goes round once, not for ever */
	char target[512];
	snprintf(target, sizeof target, "/cdn-cgi/access/chain?kid=%s&from=two.localhost&i=2&to=%%2F&tried=1", aud);
	free(aud);
	jk_ask(k, "GET", "one.localhost", target, (const char *[]){"accept", "text/html", NULL}, NULL, &r);
	assert_int_equal(r.status, 302);
	assert_true(str_starts(jk_header(&r, "location"), "https://two.localhost:8443/"));
	jk_reply_free(&r);
}

static void
test_preflight(void **state)
{
	static const struct {
		const char *host, *origin, *method, *headers;
		unsigned status;
	} t[] = {
	    {"plain.localhost", "https://a.example.test", "GET", "", 403},
	    {"cors.localhost", "https://a.example.test", "PUT", "x-one", 200},
	    {"cors.localhost", "https://a.example.test", "POST", "", 200},
	    {"cors.localhost", "https://b.example.test", "PUT", "", 403},
	    {"cors.localhost", "https://a.example.test.evil.test", "PUT", "", 403},
	    {"cors.localhost", "https://a.example.test", "DELETE", "", 403},
	    {"cors.localhost", "https://a.example.test", "PUT", "x-one, x-two", 403},
	};
	struct jk *k = *state;
	struct reply r;

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const char *h[] = {"origin",
		                   t[i].origin,
		                   "access-control-request-method",
		                   t[i].method,
		                   "access-control-request-headers",
		                   t[i].headers,
		                   NULL};
		if (!*t[i].headers)
			h[4] = NULL;
		jk_ask(k, "OPTIONS", t[i].host, "/x", h, NULL, &r);
		assert_int_equal(r.status, t[i].status);
		if (t[i].status == 200) {
			assert_string_equal(jk_header(&r, "access-control-allow-origin"), "https://a.example.test");
			assert_string_equal(jk_header(&r, "access-control-allow-credentials"), "true");
			assert_string_equal(jk_header(&r, "access-control-max-age"), "60");
			assert_string_equal(jk_header(&r, "access-control-allow-methods"), "GET, PUT");
		} else {
			assert_null(jk_header(&r, "access-control-allow-origin"));
		}
		jk_reply_free(&r);
	}
}

static void
test_refused(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char host[254];

	/* whoever they are: by address, before any sign-in */
	jk_cookies_clear(k);
	walk(k, "away.localhost", "/?custom_non_identity_deny_url=https://evil.test", host, &r);
	assert_int_equal(r.status, 302);
	assert_string_equal(jk_header(&r, "location"), "https://help.example.test/where");
	assert_non_null(jk_header(&r, "cf-access-error"));
	jk_reply_free(&r);
	/* by who they are */
	jk_sign_in(k, "plain.localhost", "eve@elsewhere.test", "battery staple");
	walk(k, "cors.localhost", "/", host, &r);
	assert_string_equal(jk_header(&r, "location"), "https://help.example.test/who");
	jk_reply_free(&r);
	/* a program is told, not sent */
	const char *h[] = {"x-requested-with", "XMLHttpRequest", "accept", "text/html", NULL};
	jk_ask(k, "GET", "away.localhost", "/", (const char *[]){"accept", "*/*", NULL}, NULL, &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	jk_ask(k, "GET", "plain.localhost", "/", h, NULL, &r);
	assert_int_equal(r.status, 401);
	assert_null(jk_header(&r, "location"));
	jk_reply_free(&r);
	/* the administrator's words are text */
	walk(k, "bound.localhost", "/", host, &r);
	assert_int_equal(r.status, 403);
	assert_non_null(strstr(r.body, "Ask &lt;b&gt;Ann&lt;/b&gt; &amp; co."));
	assert_null(strstr(r.body, "<b>Ann"));
	jk_reply_free(&r);
}

static void
test_fields_refused(void **state)
{
	static const struct {
		const char *fields, *at;
	} bad[] = {
	    {"\"custom_deny_url\":\"http://x.test\"", "/apps/0/custom_deny_url"},
	    {"\"custom_deny_url\":\"//x.test\"", "/apps/0/custom_deny_url"},
	    {"\"custom_non_identity_deny_url\":\"javascript:alert(1)\"", "/apps/0/custom_non_identity_deny_url"},
	    {"\"logo_url\":\"http://x.test/a.png\"", "/apps/0/logo_url"},
	    {"\"type\":\"ssh\",\"enable_binding_cookie\":\"true\"", "/apps/0/enable_binding_cookie"},
	    {"\"service\":\"ssh://h:22\",\"enable_binding_cookie\":\"true\"", "/apps/0/enable_binding_cookie"},
	    {"\"auto_redirect_to_identity\":\"true\"", "/apps/0/auto_redirect_to_identity"},
	};
	struct jk *k = *state;
	struct reply r;
	char doc[512];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(doc, sizeof doc, "{\"apps\":[{\"name\":\"b\",\"domain\":\"b.localhost\",%s}]}", bad[i].fields);
		jk_api(k, "POST", "sallyport/apply", doc, &r);
		assert_int_equal(r.status, 400);
		json_t *e = json_array_get(json_object_get(r.json, "errors"), 0);
		assert_string_equal(json_string_value(json_object_get(json_object_get(e, "source"), "pointer")),
		                    bad[i].at);
		jk_reply_free(&r);
	}
}

static void
test_identity(void **state)
{
	static const char *const names[] = {"email",
	                                    "idp",
	                                    "geo",
	                                    "user_uuid",
	                                    "devicePosture",
	                                    "account_id",
	                                    "iat",
	                                    "ip",
	                                    "auth_status",
	                                    "common_name",
	                                    "is_warp",
	                                    "is_gateway",
	                                    "device_id",
	                                    "version",
	                                    "device_sessions",
	                                    "service_token_id",
	                                    "service_token_status",
	                                    "gateway_account_id"};
	struct jk *k = *state;
	struct reply r;

	jk_cookies_clear(k);
	jk_sign_in(k, "plain.localhost", "jdoe@example.test", "correct horse");
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/get-identity", NULL, &r);
	assert_int_equal(r.status, 200);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!json_object_get(r.json, names[i]))
			fail_msg("no %s", names[i]);
	jk_reply_free(&r);
	jk_cookies_clear(k);
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/get-identity", NULL, &r);
	assert_int_equal(r.status, 401);
	jk_reply_free(&r);
}

/* Signing out on one host ends the tokens of every application, and what lives. */
static void
test_logout_everywhere(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char target[256];

	jk_cookies_clear(k);
	jk_sign_in(k, "plain.localhost", "jdoe@example.test", "correct horse");
	char *a = jk_app_token(k, "plain.localhost"), *b = jk_app_token(k, "jump.localhost");
	assert_true(a && b);
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/logout", NULL, &r);
	char *csrf = jk_between(r.body, "csrf=", "\"");
	jk_reply_free(&r);
	snprintf(target, sizeof target, "/cdn-cgi/access/logout?confirm=1&csrf=%s", csrf);
	jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	const char *tok[] = {a, b}, *at[] = {"plain.localhost", "jump.localhost"};
	for (int i = 0; i < 2; i++) {
		jk_ask(k, "GET", at[i], "/", (const char *[]){"cf-access-token", tok[i], NULL}, NULL, &r);
		assert_int_equal(r.status, 302);
		assert_string_equal(jk_header(&r, "cf-access-error"), "SP-1207");
		jk_reply_free(&r);
	}
	free(csrf);
	free(a);
	free(b);
}

/* Which names judge lets through to the signer: before there is an authority every one of them ends there. */
static void
test_usernames(void **state)
{
	static const struct {
		const char *asked;
		unsigned status;
	} t[] = {{"", 400}, {"ops", 400}, {"jdoe", 400}, {"web", 403}, {"root", 403}, {"{email_prefix}", 403}};
	struct jk *k = *state;
	struct reply r;
	struct kit_key key;
	char body[8192];

	jk_apply(
	    k,
	    "{\"apps\":[{\"name\":\"names\",\"domain\":\"names.localhost\",\"service\":\"ssh://h:22\","
	    "\"tunnel\":\"pool\",\"ssh\":{\"usernames\":[\"web\"]},\"policies\":[{\"name\":\"p\",\"decision\":"
	    "\"allow\",\"include\":[{\"group\":{\"name\":\"staff\"}}],\"usernames\":[\"ops\",\"{email_prefix}\"]}]}]}");
	jk_cookies_clear(k);
	jk_sign_in(k, "names.localhost", "jdoe@example.test", "correct horse");
	kit_key(&key);
	char *token = jk_client_token(k, "names.localhost", key.cnf);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		snprintf(body, sizeof body,
		         "{\"public_key\":\"%s\\n\",\"jwt\":\"%s\",\"issuer\":\"x\",\"principal\":\"%s\"}", key.line,
		         token, t[i].asked);
		jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
		assert_int_equal(r.status, t[i].status);
		jk_reply_free(&r);
	}
	free(token);
}

/* An approval that a policy wants from now on is wanted of those too who got their token before. */
static void
test_approval_wanted_later(void **state)
{
	static const char form[] =
	    "{\"apps\":[{\"name\":\"later\",\"domain\":\"later.localhost\",\"service\":\"http://127.0.0.1:1\","
	    "\"tunnel\":\"pool\",\"policies\":[{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"group\":{"
	    "\"name\":\"staff\"}}]%s}]}]}",
	                  approval[] = ",\"purpose_justification_required\":\"true\",\"approval_required\":\"true\","
	                               "\"approval_groups\":[{\"approvals_needed\":\"1\",\"email_addresses\":["
	                               "\"boss@example.test\"]}]";
	struct jk *k = *state;
	char document[1024], shown[512];
	struct reply r;

	snprintf(document, sizeof document, form, "");
	jk_apply(k, document);
	jk_cookies_clear(k);
	jk_sign_in(k, "later.localhost", "jdoe@example.test", "correct horse");
	char *token = jk_app_token(k, "later.localhost");
	const char *h[] = {"cf-access-token", token, NULL};
	jk_ask(k, "GET", "later.localhost", "/", h, NULL, &r);
	assert_int_not_equal(r.status, 403);
	jk_reply_free(&r);
	snprintf(document, sizeof document, form, approval);
	jk_apply(k, document);
	jk_ask(k, "GET", "later.localhost", "/", h, NULL, &r);
	assert_int_equal(r.status, 302); /* to where it can be asked for */
	jk_reply_free(&r);
	snprintf(shown, sizeof shown, JK_API "sallyport/explain?app=later.localhost&email=jdoe%%40example.test");
	json_t *j = jk_api(k, "GET", shown, NULL, &r);
	assert_string_equal(json_str_or(j, "decision", ""), "deny");
	assert_non_null(strstr(json_str_or(j, "reason", ""), "wants an approval"));
	jk_reply_free(&r);
	free(token);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attributes), cmocka_unit_test(test_binding),
	    cmocka_unit_test(test_every_host), cmocka_unit_test(test_preflight),
	    cmocka_unit_test(test_refused),    cmocka_unit_test(test_fields_refused),
	    cmocka_unit_test(test_identity),   cmocka_unit_test(test_logout_everywhere),
	    cmocka_unit_test(test_usernames),  cmocka_unit_test(test_approval_wanted_later),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
