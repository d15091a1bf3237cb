/* The pages as judge sends them: forms of other sites, stale forms, hostile names, pictures, and who is told what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/str.h"
#include "judge_kit.h"

#define LOGIN "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F"
#define BAD "<script>x</script>\\\"'&{0}"
#define BAD_SHOWN "&lt;script&gt;x&lt;/script&gt;&quot;&#39;&amp;{0}"
#define PNG "data:image/png;base64,iVBORw0KGgo="

static int
setup(void **state)
{
	struct jk *k = calloc(1, sizeof *k);

	jk_new(k);
	jk_apply(k, jk_document);
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

/* The form of the sign-in page that the jar's browser has open: action and body for this password. */
static void
form_of(struct jk *k, const char *password, char action[static 512], char body[static 512])
{
	struct reply r;
	char *csrf, *to;
	size_t n = 0;

	jk_browse(k, "GET", JK_TEAM, LOGIN, NULL, &r);
	assert_int_equal(r.status, 200);
	csrf = jk_between(r.body, "name=\"csrf\" value=\"", "\"");
	to = jk_between(r.body, "action=\"", "\"");
	for (const char *p = to; *p && n < 511; p += str_starts(p, "&amp;") ? 5 : 1)
		action[n++] = *p;
	action[n] = '\0';
	snprintf(body, 512, "csrf=%s&email=jdoe%%40example.test&password=%s&code=", csrf, password);
	free(csrf);
	free(to);
	jk_reply_free(&r);
}

/* A post of the jar's browser that says where its page is from. */
static unsigned
post_from(struct jk *k, const char *action, const char *body, const char *name, const char *value)
{
	char cookie[256];
	const char *h[] = {"accept", "text/html", "cookie", cookie, name, value, NULL};
	const char *mark = jk_cookie(k, JK_TEAM, "CF_Session"), *as = "CF_Session";
	struct reply r;

	if (!mark && (mark = jk_cookie(k, JK_TEAM, "__Host-CF_Session")))
		as = "__Host-CF_Session";
	assert_non_null(mark);
	snprintf(cookie, sizeof cookie, "%s=%s", as, mark);
	jk_ask(k, "POST", JK_TEAM, action, h, body, &r);
	unsigned status = r.status;
	jk_reply_free(&r);
	return status;
}

static void
test_form_of_another_site(void **state)
{
	struct jk *k = *state;
	char action[512], body[512];

	form_of(k, "correct+horse", action, body);
	assert_int_equal(post_from(k, action, body, "sec-fetch-site", "cross-site"), 403);
	assert_int_equal(post_from(k, action, body, "sec-fetch-site", "same-site"), 403);
	assert_int_equal(post_from(k, action, body, "sec-fetch-site", ""), 403);
	assert_int_equal(post_from(k, action, body, "origin", "https://evil.test"), 403);
	assert_int_equal(post_from(k, action, body, "origin", "null"), 403);
	assert_int_equal(post_from(k, action, body, "origin", "https://ssh.localhost:8443"), 403);
	assert_int_equal(post_from(k, action, body, "sec-fetch-site", "same-origin"), 302);
	form_of(k, "correct+horse", action, body);
	assert_int_equal(post_from(k, action, body, "origin", "https://" JK_TEAM ":8443"), 302);
}

/* A form too old is not tried; the address stays, the password does not. */
static void
test_stale_form(void **state)
{
	struct jk *k = *state;
	char action[512], body[512];
	struct reply r;

	form_of(k, "correct+horse", action, body);
	jk_cookies_clear(k);
	jk_browse(k, "POST", JK_TEAM, action, body, &r);
	assert_int_equal(r.status, 403);
	assert_non_null(strstr(r.body, "SP-1103"));
	assert_non_null(strstr(r.body, "value=\"jdoe@example.test\""));
	assert_null(strstr(r.body, "correct horse"));
	for (size_t i = 0; i + 1 < r.nheaders; i += 2)
		assert_false(!strcmp(r.headers[i], "set-cookie") && strstr(r.headers[i + 1], "CF_Authorization"));
	jk_reply_free(&r);
}

static void
put_design(struct jk *k, const char *json, unsigned want)
{
	struct reply r;

	jk_api(k, "PUT", "access/organizations", json, &r);
	assert_int_equal(r.status, want);
	jk_reply_free(&r);
}

static void
test_organisation(void **state)
{
	struct jk *k = *state;
	struct reply r;

	put_design(k,
	           "{\"name\":\"org " BAD "\",\"login_design\":{\"header_text\":\"head " BAD
	           "\",\"footer_text\":\"foot " BAD "\","
	           "\"background_color\":\"#102030\",\"logo_path\":\"" PNG "\"}}",
	           200);
	jk_browse(k, "GET", JK_TEAM, LOGIN, NULL, &r);
	assert_null(strstr(r.body, "<script"));
	assert_non_null(strstr(r.body, "org " BAD_SHOWN));
	assert_non_null(strstr(r.body, "head " BAD_SHOWN));
	assert_non_null(strstr(r.body, "foot " BAD_SHOWN));
	assert_non_null(strstr(r.body, "src=\"/cdn-cgi/access/logo\""));
	jk_reply_free(&r);
	jk_ask(k, "GET", JK_TEAM, "/cdn-cgi/access/logo", NULL, NULL, &r);
	assert_string_equal(jk_header(&r, "content-type"), "image/png");
	assert_string_equal(jk_header(&r, "x-content-type-options"), "nosniff");
	assert_int_equal(r.nbody, 8);
	jk_reply_free(&r);
	jk_ask(k, "GET", JK_TEAM, "/cdn-cgi/access/style.css", NULL, NULL, &r);
	assert_non_null(strstr(r.body, "--ground: #102030; --on-ground: #ffffff;"));
	jk_reply_free(&r);
	/* who comes by another name is not told whose edge it is */
	jk_browse(k, "GET", "nobody.localhost", "/", NULL, &r);
	assert_int_equal(r.status, 404);
	assert_null(strstr(r.body, "org "));
	jk_reply_free(&r);
	jk_ask(k, "GET", "nobody.localhost", "/cdn-cgi/access/logo", NULL, NULL, &r);
	assert_int_equal(r.status, 404);
	jk_reply_free(&r);
	put_design(k, "{\"login_design\":{\"background_color\":\"red;}\"}}", 400);
	put_design(k, "{\"login_design\":{\"logo_path\":\"javascript:alert(1)\"}}", 400);
	put_design(k, "{\"login_design\":{\"logo_path\":\"data:image/png;base64,PHNjcmlwdD4=\"}}", 400);
}

/* Logos of applications are for who is signed in. */
static void
test_logo_of_application(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char path[128], at[128];
	json_t *apps = jk_api(k, "GET", "access/apps?domain=ssh.localhost", NULL, &r), *app = json_array_get(apps, 0);

	snprintf(path, sizeof path, "access/apps/%s", json_str_or(app, "id", ""));
	snprintf(at, sizeof at, "/cdn-cgi/access/logo/%s", json_str_or(app, "id", ""));
	jk_reply_free(&r);
	jk_api(k, "PUT", path,
	       "{\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"type\":\"self_hosted\",\"logo_url\":\"" PNG "\"}", &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	jk_browse(k, "GET", JK_TEAM, at, NULL, &r);
	assert_int_equal(r.status, 404);
	jk_reply_free(&r);
	assert_int_equal(jk_sign_in(k, JK_TEAM, "jdoe@example.test", "correct horse"), 302);
	jk_browse(k, "GET", JK_TEAM, at, NULL, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(jk_header(&r, "content-type"), "image/png");
	jk_reply_free(&r);
}

static void
test_headers(void **state)
{
	static const struct {
		const char *name, *has;
	} want[] = {{"content-security-policy",
	             "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https:; "
	             "frame-ancestors 'none'; base-uri 'none'"},
	            {"cache-control", "no-store"},
	            {"referrer-policy", "same-origin"},
	            {"x-frame-options", "DENY"},
	            {"cross-origin-opener-policy", "same-origin"},
	            {"cross-origin-resource-policy", "same-origin"}};
	struct jk *k = *state;
	struct reply r;

	jk_browse(k, "GET", JK_TEAM, LOGIN, NULL, &r);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_string_equal(jk_header(&r, want[i].name), want[i].has);
	jk_reply_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_form_of_another_site, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stale_form, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_organisation, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_logo_of_application, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
