/* The judge from the outside: apply, sign in, tokens, WebSocket verdicts, certificates, revoking, connectors. */
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

static size_t
changes(struct jk *k, const char *document, const char *query)
{
	struct reply r;
	char path[64];

	snprintf(path, sizeof path, "sallyport/apply%s", query);
	json_t *res = jk_api(k, "POST", path, document, &r);
	assert_int_equal(r.status, 200);
	size_t n = json_array_size(json_object_get(res, "changes"));
	jk_reply_free(&r);
	return n;
}

static void
test_apply_again(void **state)
{
	struct jk *k = *state;
	struct reply r;

	assert_int_equal(changes(k, jk_document, ""), 0);
	assert_int_equal(changes(k, jk_document, "?dry_run=1"), 0);
	const char *more = "{\"groups\":[{\"name\":\"ops\",\"include\":[{\"email\":{\"email\":\"a@b.test\"}}]}]}";
	assert_int_equal(changes(k, more, "?dry_run=1"), 1);
	assert_int_equal(changes(k, more, ""), 1);
	assert_int_equal(changes(k, more, ""), 0);
	json_t *apps = jk_api(k, "GET", "access/apps", NULL, &r);
	assert_int_equal(json_array_size(apps), 3);
	assert_int_equal(strlen(json_string_value(json_object_get(json_array_get(apps, 0), "aud"))), 64);
	jk_reply_free(&r);
}

static void
test_apply_errors(void **state)
{
	static const struct {
		const char *document, *pointer, *says;
	} bad[] = {
	    {"{\"app\":[]}", "/app", "did you mean"},
	    {"{\"apps\":[{\"name\":\"x\",\"domain\":\"x.localhost\",\"polices\":[]}]}", "/apps/0/polices", "policies"},
	    {"{\"apps\":[{\"name\":\"x\",\"domain\":\"x.localhost\",\"session_duration\":\"8\"}]}",
	     "/apps/0/session_duration", "8"},
	    {"{\"apps\":[{\"name\":\"x\",\"domain\":\"x.localhost\",\"tunnel\":\"nowhere\"}]}", "/apps/0/tunnel",
	     "nowhere"},
	    {"{\"apps\":[{\"name\":\"x\",\"domain\":\"x.localhost\",\"service\":\"ftp://x\"}]}", "/apps/0/service",
	     "ftp"},
	    {"{\"apps\":[{\"name\":\"x\",\"domain\":\"x.localhost\",\"policies\":[{\"name\":\"p\",\"decision\":"
	     "\"allow\",\"include\":[{"
	     "\"group\":{\"name\":\"stuff\"}}]}]}]}",
	     "/apps/0/policies/0/include/0", "stuff"},
	};
	struct jk *k = *state;
	struct reply r;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		jk_api(k, "POST", "sallyport/apply", bad[i].document, &r);
		assert_int_equal(r.status, 400);
		json_t *e = json_array_get(json_object_get(r.json, "errors"), 0);
		const char *at = json_string_value(json_object_get(json_object_get(e, "source"), "pointer"));
		assert_non_null(at);
		assert_true(str_starts(at, bad[i].pointer));
		assert_non_null(strstr(json_string_value(json_object_get(e, "message")), bad[i].says));
		jk_reply_free(&r);
	}
	assert_int_equal(changes(k, jk_document, ""), 0);
}

static void
test_unauthenticated(void **state)
{
	struct jk *k = *state;
	struct reply r;

	jk_ask(k, "GET", "ssh.localhost", "/a?b=c", NULL, NULL, &r);
	assert_int_equal(r.status, 302);
	assert_true(str_starts(jk_header(&r, "location"),
	                       "https://team.localhost:8443/cdn-cgi/access/login/ssh.localhost?kid="));
	assert_non_null(strstr(jk_header(&r, "location"), "redirect_url=%2Fa%3Fb%3Dc"));
	assert_non_null(jk_header(&r, "cf-access-aud"));
	char *path = str_dup(strstr(jk_header(&r, "location"), "/cdn-cgi/"));
	jk_reply_free(&r);
	jk_ask(k, "HEAD", JK_TEAM, path, NULL, NULL, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(jk_header(&r, "cf-access-domain"), "ssh.localhost");
	jk_reply_free(&r);
	free(path);
	jk_websocket(k, "ssh.localhost", NULL, NULL, &r);
	assert_int_equal(r.status, 302);
	jk_reply_free(&r);
	jk_ask(k, "GET", "unknown.localhost", "/", NULL, NULL, &r);
	assert_int_equal(r.status, 404);
	assert_non_null(strstr(r.body, "SP-1003"));
	jk_reply_free(&r);
	jk_ask(k, "GET", "bare.localhost", "/", NULL, NULL, &r);
	assert_int_equal(r.status, 403);
	assert_non_null(strstr(r.body, "SP-1201"));
	jk_reply_free(&r);
	jk_ask(k, "GET", JK_TEAM, "/client/v4/user/tokens/verify", NULL, NULL, &r);
	assert_int_equal(r.status, 401);
	jk_reply_free(&r);
}

static void
test_sign_in(void **state)
{
	struct jk *k = *state;
	struct reply r;

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "wrong"), 403);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "eve@elsewhere.test", "battery staple"),
	                 403); /* signed in, then denied */
	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	assert_non_null(token);
	jk_browse(k, "GET", "ssh.localhost", "/", NULL, &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "<div id=\"terminal\""));
	assert_non_null(strstr(r.body, "--hostname ssh.localhost:8443 --short-lived-cert"));
	assert_null(strstr(r.body, "<script>")); /* none inline */
	jk_reply_free(&r);
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/get-identity", NULL, &r);
	assert_string_equal(json_string_value(json_object_get(r.json, "email")), "jdoe@example.test");
	jk_reply_free(&r);
	jk_browse(k, "GET", JK_TEAM, "/", NULL, &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "https://ssh.localhost:8443/"));
	jk_reply_free(&r);
	free(token);
}

static void
test_csrf(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char target[300], form[512];

	jk_cookies_clear(k);
	snprintf(target, sizeof target, "/cdn-cgi/access/login/ssh.localhost?idp=" KIT_IDP);
	jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
	char *csrf = jk_between(r.body, "name=\"csrf\" value=\"", "\"");
	jk_reply_free(&r);
	snprintf(form, sizeof form, "csrf=%s&email=jdoe%%40example.test&password=correct+horse", csrf);
	/* without the cookie that it belongs to */
	const char *html[] = {"accept", "text/html", NULL};
	jk_ask(k, "POST", JK_TEAM, target, html, form, &r);
	assert_int_equal(r.status, 403);
	assert_non_null(strstr(r.body, "SP-1103"));
	jk_reply_free(&r);
	/* with it, from another origin */
	char cookie[4200];
	snprintf(cookie, sizeof cookie, "CF_Session=%s", jk_cookie(k, JK_TEAM, "CF_Session"));
	const char *foreign[] = {"cookie", cookie, "origin", "https://evil.test", NULL};
	jk_ask(k, "POST", JK_TEAM, target, foreign, form, &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	/* the cookie twice */
	char twice[8500];
	snprintf(twice, sizeof twice, "%s; %s", cookie, cookie);
	const char *both[] = {"cookie", twice, NULL};
	jk_ask(k, "POST", JK_TEAM, target, both, form, &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	free(csrf);
}

static void
test_redirects_stay_home(void **state)
{
	static const char *const away[] = {"//evil",           "/%5Cevil",
	                                   "https:evil",       "%5C%5Cevil",
	                                   "/%09/evil",        "javascript:alert(1)",
	                                   "http://good@evil", "/a%0d%0aSet-Cookie:x",
	                                   "%2F%2Fevil"};
	struct jk *k = *state;
	struct reply r;
	char target[512];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	for (size_t i = 0; i < sizeof away / sizeof *away; i++) {
		snprintf(target, sizeof target, "/cdn-cgi/access/login/ssh.localhost?redirect_url=%s", away[i]);
		jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
		assert_int_equal(r.status, 302);
		assert_true(
		    str_starts(jk_header(&r, "location"), "https://ssh.localhost:8443/cdn-cgi/access/authorized?"));
		assert_true(str_ends(jk_header(&r, "location"), "&redirect_url=%2F"));
		jk_reply_free(&r);
	}
}

static void
test_one_time_code(void **state)
{
	struct jk *k = *state;
	struct reply r;

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F", NULL, &r);
	char *path = str_dup(strstr(jk_header(&r, "location"), "/cdn-cgi/"));
	jk_reply_free(&r);
	jk_ask(k, "GET", "jump.localhost", path, NULL, NULL, &r); /* another application's host */
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	jk_ask(k, "HEAD", "ssh.localhost", path, NULL, NULL, &r);
	assert_int_equal(r.status, 302);
	assert_non_null(strstr(jk_header(&r, "set-cookie"), "Expires="));
	jk_reply_free(&r);
	jk_ask(k, "GET", "ssh.localhost", path, NULL, NULL, &r); /* again */
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	free(path);
}

static void
tunnel_up(struct jk *k, uint64_t link, char id[40], char config[4096])
{
	struct reply r;
	char cause[128], path[128];
	struct buf token, secret;
	json_t *t, *res = jk_api(k, "GET", "cfd_tunnel?name=pool&is_deleted=false", NULL, &r);

	assert_int_equal(json_array_size(res), 1);
	str_copy(id, 40, json_string_value(json_object_get(json_array_get(res, 0), "id")));
	jk_reply_free(&r);
	snprintf(path, sizeof path, "cfd_tunnel/%s/token", id);
	res = jk_api(k, "GET", path, NULL, &r);
	buf_init(&token, 4096);
	buf_init(&secret, 256);
	assert_int_equal(b64_decode(&token, B64_STD, json_string_value(res), json_string_length(res)), 0);
	assert_int_equal(json_load_strict(buf_ptr(&token), buf_len(&token), 4096, &t), 0);
	const char *s = json_string_value(json_object_get(t, "s"));
	assert_int_equal(b64_decode(&secret, B64_STD, s, strlen(s)), 0);
	jk_register(k, link, id, (struct slice){(const uint8_t *)"wrong", 5}, 0, cause, config);
	assert_non_null(strstr(cause, "Unauthorized"));
	jk_register(k, link, id, buf_slice(&secret), 0, cause, config);
	assert_string_equal(cause, "");
	json_decref(t);
	jk_reply_free(&r);
	buf_release(&token);
	buf_release(&secret);
}

static bool
was_cut(const struct jk *k, uint64_t ticket)
{
	for (size_t i = 0; i < k->ncuts; i++)
		if (k->cuts[i] == ticket)
			return true;
	return false;
}

static void
test_relay(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char tunnel[40], config[4096];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost"), *jump = jk_app_token(k, "jump.localhost");
	assert_non_null(token);
	assert_non_null(jump);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(r.body, "SP-1005"));
	jk_reply_free(&r);
	tunnel_up(k, 7, tunnel, config);
	assert_non_null(strstr(config, "\"hostname\":\"ssh.localhost\""));
	assert_non_null(strstr(config, "http_status:404"));
	assert_non_null(strstr(config, "\"defaultDestination\":\"localhost:22\""));
	jk_websocket(k, "ssh.localhost", token, "10.0.0.1:22", &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	assert_string_equal(r.tunnel, tunnel);
	assert_string_equal(jk_header(&r, "cf-cloudflared-proxy-connection-upgrade"), "websocket");
	assert_string_equal(jk_header(&r, "cf-access-jwt-assertion"), token);
	assert_null(jk_header(&r, "cf-access-jump-destination"));
	assert_true(r.ticket != 0);
	jk_reply_free(&r);
	/* tokens of the wrong kind */
	jk_websocket(k, "ssh.localhost", jump, NULL, &r);
	assert_int_not_equal(r.action, ANSWER_RELAY);
	jk_reply_free(&r);
	jk_websocket(k, "ssh.localhost", jk_cookie(k, JK_TEAM, "CF_Authorization"), NULL, &r);
	assert_int_not_equal(r.action, ANSWER_RELAY);
	jk_reply_free(&r);
	/* bastion */
	static const struct {
		const char *to;
		bool may;
	} jumps[] = {{NULL, true},
	             {"10.9.9.9:22", true},
	             {"10.9.9.9:23", false},
	             {"db.internal:2222", true},
	             {"192.0.2.1:22", false},
	             {"127.0.0.1:22", false},
	             {"::ffff:127.0.0.1", false},
	             {"localhost:22", true},
	             {"h:22:23", false},
	             {"x@10.0.0.1:22", false}};
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		jk_websocket(k, "jump.localhost", jump, jumps[i].to, &r);
		if ((r.action == ANSWER_RELAY) != jumps[i].may)
			print_message("destination %s\n", jumps[i].to);
		assert_int_equal(r.action == ANSWER_RELAY, jumps[i].may);
		jk_reply_free(&r);
	}
	free(token);
	free(jump);
}

/* What makes a token of somebody's own: unsigned, signed with the public key, and the like (security.md 3.1). */
static void
test_forged_tokens(void **state)
{
	static const char *const heads[] = {
	    "{\"alg\":\"none\",\"typ\":\"JWT\"}",   "{\"alg\":\"None\"}",
	    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",  "{\"alg\":\"RS256\",\"kid\":\"../../dev/null\"}",
	    "{\"alg\":\"RS256\",\"alg\":\"none\"}", "{\"alg\":\"RS256\",\"crit\":[\"x\"],\"x\":1}"};
	struct jk *k = *state;
	struct reply r;
	char tunnel[40], config[4096];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	tunnel_up(k, 8, tunnel, config);
	const char *body = strchr(token, '.') + 1, *sig = strchr(body, '.') + 1;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		char head[256], forged[16384];
		b64_encode_str(head, sizeof head, B64_URL, heads[i], strlen(heads[i]));
		for (int with = 0; with < 2; with++) {
			snprintf(forged, sizeof forged, "%s.%.*s.%s", head, (int)(sig - body - 1), body,
			         with ? sig : "");
			jk_websocket(k, "ssh.localhost", forged, NULL, &r);
			assert_int_equal(r.action, ANSWER_RESPOND);
			assert_int_equal(r.status, 302);
			jk_reply_free(&r);
		}
	}
	char *bent = str_dup(token);
	bent[strlen(bent) - 8] = bent[strlen(bent) - 8] == 'A' ? 'B' : 'A';
	jk_websocket(k, "ssh.localhost", bent, NULL, &r);
	assert_int_equal(r.action, ANSWER_RESPOND);
	jk_reply_free(&r);
	free(bent);
	free(token);
}

static void
test_certificate_and_revoke(void **state)
{
	struct jk *k = *state;
	struct reply r;
	struct kit_key key;
	char tunnel[40], config[4096], path[128], body[8192];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	kit_key(&key);
	char *token = jk_client_token(k, "ssh.localhost", key.cnf);
	snprintf(body, sizeof body, "{\"public_key\":\"%s\\n\",\"jwt\":\"%s\",\"issuer\":\"" KIT_ISSUER "\"}", key.line,
	         token);
	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	assert_int_equal(r.status, 400); /* no authority yet */
	assert_non_null(
	    strstr(json_string_value(json_object_get(r.json, "message")), "Please create a ca for application"));
	jk_reply_free(&r);
	json_t *apps = jk_api(k, "GET", "access/apps?domain=ssh.localhost", NULL, &r);
	snprintf(path, sizeof path, "access/apps/%s/ca",
	         json_string_value(json_object_get(json_array_get(apps, 0), "id")));
	jk_reply_free(&r);
	json_t *ca = jk_api(k, "POST", path, NULL, &r);
	assert_true(str_starts(json_string_value(json_object_get(ca, "public_key")), "ssh-ed25519 "));
	jk_reply_free(&r);
	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	assert_int_equal(r.status, 200);
	assert_true(
	    str_starts(json_string_value(json_object_get(r.json, "certificate")), "ssh-ed25519-cert-v01@openssh.com "));
	jk_reply_free(&r);
	/* a live connection ends with the session */
	tunnel_up(k, 9, tunnel, config);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	struct fj_ticket_began began = {.ticket = r.ticket};
	uint64_t ticket = r.ticket;
	jk_reply_free(&r);
	ipc_send(k->front, &fj_ticket_began_def, &began);
	k->ncuts = 0;
	jk_api(k, "POST", "access/organizations/revoke_user", "{\"email\":\"jdoe@example.test\"}", &r);
	assert_int_equal(r.status, 200);
	assert_true(was_cut(k, ticket));
	jk_reply_free(&r);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 302);
	jk_reply_free(&r);
	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	assert_int_equal(r.status, 401);
	jk_reply_free(&r);
	/* and stays ended when judge comes back */
	jk_judge_restart(k);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 302);
	jk_reply_free(&r);
	free(token);
}

static void
test_policy_change_cuts(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char tunnel[40], config[4096];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	tunnel_up(k, 10, tunnel, config);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	uint64_t ticket = r.ticket;
	jk_reply_free(&r);
	k->ncuts = 0;
	jk_apply(k, "{\"groups\":[{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"other.test\"}}]}]}");
	assert_true(was_cut(k, ticket));
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 403);
	assert_non_null(strstr(r.body, "SP-1202"));
	assert_string_equal(jk_header(&r, "cf-access-error"), "SP-1202");
	jk_reply_free(&r);
	k->npush = 0;
	jk_apply(k,
	         "{\"apps\":[{\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"service\":\"ssh://127.0.0.1:2022\"}]}");
	jk_wait_push(k);
	assert_int_equal(k->npush, 1);
	assert_non_null(strstr(k->push_config, "\"seal\":\"ey"));
	assert_non_null(strstr(k->push_config, "ssh://127.0.0.1:2022"));
	jk_apply(k, jk_document);
	free(token);
}

static void
test_disabled(void **state)
{
	struct jk *k = *state;
	struct reply r;

	jk_api(k, "POST", "sallyport/users/jdoe@example.test/disable", "{}", &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 403);
	jk_api(k, "POST", "sallyport/users/jdoe@example.test/enable", "{}", &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
}

static void
test_explain_and_log(void **state)
{
	struct jk *k = *state;
	struct reply r;

	json_t *res = jk_api(k, "GET", "sallyport/explain?app=ssh.localhost&email=jdoe%40example.test", NULL, &r);
	assert_string_equal(json_string_value(json_object_get(res, "decision")), "allow");
	assert_true(str_starts(json_string_value(json_object_get(res, "text")), "allow\n"));
	jk_reply_free(&r);
	res = jk_api(k, "GET", "sallyport/explain?app=ssh.localhost&email=eve%40elsewhere.test", NULL, &r);
	assert_string_equal(json_string_value(json_object_get(res, "decision")), "deny");
	jk_reply_free(&r);
	res = jk_api(k, "GET", "sallyport/audit?since=0", NULL, &r);
	assert_true(json_array_size(res) > 3);
	jk_reply_free(&r);
	res = jk_api(k, "GET", "access/logs/access_requests", NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	res = jk_api(k, "GET", "sallyport/status", NULL, &r);
	assert_string_equal(json_string_value(json_object_get(res, "team_host")), JK_TEAM);
	jk_reply_free(&r);
	res = jk_api(k, "GET", "access/users", NULL, &r);
	assert_true(json_array_size(res) >= 1);
	jk_reply_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_apply_again),
	    cmocka_unit_test(test_apply_errors),
	    cmocka_unit_test(test_unauthenticated),
	    cmocka_unit_test(test_sign_in),
	    cmocka_unit_test(test_csrf),
	    cmocka_unit_test(test_redirects_stay_home),
	    cmocka_unit_test(test_one_time_code),
	    cmocka_unit_test(test_relay),
	    cmocka_unit_test(test_forged_tokens),
	    cmocka_unit_test(test_policy_change_cuts),
	    cmocka_unit_test(test_disabled),
	    cmocka_unit_test(test_explain_and_log),
	    cmocka_unit_test(test_certificate_and_revoke),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
