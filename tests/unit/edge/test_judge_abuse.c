/* What must not work at the judge: a sign-in slipped under a browser by a picture, a confirmation that hides who asks,
 * answers that a revoke overtook, sessions of a provider that is gone, a provider removed without the scope. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/str.h"
#include "core/url.h"
#include "crypto/seal.h"
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

/* The id of ssh.localhost; with its certificate authority made. */
static void
application(struct jk *k, char id[static 40])
{
	struct reply r;
	char path[128];
	json_t *apps = jk_api(k, "GET", "access/apps?domain=ssh.localhost", NULL, &r);

	str_copy(id, 40, json_string_value(json_object_get(json_array_get(apps, 0), "id")));
	jk_reply_free(&r);
	snprintf(path, sizeof path, "access/apps/%s/ca", id);
	jk_api(k, "POST", path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
}

/* Both leave in one piece, so that judge reads the second before the signer can have answered the first. */
static void
overtaken(struct jk *k, const char *method, const char *target, const char *const *headers, const char *body,
          const char *order, struct reply *ret)
{
	char path[512], bearer[8192];
	struct reply done;
	const char *h[] = {"authorization", bearer, NULL};

	snprintf(path, sizeof path, JK_API "%s", order);
	snprintf(bearer, sizeof bearer, "Bearer %s", k->s.admin_token);
	jk_begin(k, method, JK_TEAM, target, headers, body, ret);
	jk_begin(k, "POST", JK_TEAM, path, h, "{\"email\":\"jdoe@example.test\"}", &done);
	jk_wait(k, &done);
	assert_int_equal(done.status, 200);
	jk_reply_free(&done);
	jk_wait(k, ret);
}

static char *
cert_body(struct jk *k, struct kit_key *key)
{
	kit_key(key);
	char *token = jk_client_token(k, "ssh.localhost", key->cnf);
	assert_non_null(token);
	char *body = str_fmt("{\"public_key\":\"%s\",\"jwt\":\"%s\",\"issuer\":\"" KIT_ISSUER "\"}", key->line, token);
	free(token);
	return body;
}

static void
test_certificate_overtaken(void **state)
{
	struct jk *k = *state;
	struct kit_key key;
	struct reply r;
	char id[40], order[128];

	application(k, id);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *body = cert_body(k, &key);
	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	snprintf(order, sizeof order, "access/apps/%s/revoke_tokens", id);
	overtaken(k, "POST", "/cdn-cgi/access/cert_sign", NULL, body, order, &r);
	assert_int_equal(r.status, 401);
	assert_null(json_object_get(r.json, "certificate"));
	jk_reply_free(&r);
	free(body);
}

/* A policy that changes while the signer works decides, not the one of before. */
static void
test_certificate_policy_overtaken(void **state)
{
	static const char closed[] =
	    "{\"groups\":[{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"other.test\"}}]}]}";
	struct jk *k = *state;
	struct kit_key key;
	struct reply r, done;
	char id[40], bearer[8192];
	const char *h[] = {"authorization", bearer, NULL};

	application(k, id);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *body = cert_body(k, &key);
	snprintf(bearer, sizeof bearer, "Bearer %s", k->s.admin_token);
	jk_begin(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	jk_begin(k, "POST", JK_TEAM, JK_API "sallyport/apply", h, closed, &done);
	jk_wait(k, &done);
	assert_int_equal(done.status, 200);
	jk_wait(k, &r);
	assert_int_equal(r.status, 403);
	assert_null(json_object_get(r.json, "certificate"));
	jk_reply_free(&done);
	jk_reply_free(&r);
	free(body);
}

/* The application's tokens are revoked while the first one of a session is being made. */
static void
test_token_overtaken(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char id[40], order[128], cookie[8192];
	const char *h[] = {"cookie", cookie, NULL};

	application(k, id);
	assert_int_equal(jk_sign_in(k, JK_TEAM, "jdoe@example.test", "correct horse"), 302);
	snprintf(cookie, sizeof cookie, "CF_Authorization=%s", jk_cookie(k, JK_TEAM, "CF_Authorization"));
	snprintf(order, sizeof order, "access/apps/%s/revoke_tokens", id);
	overtaken(k, "GET", "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F", h, NULL, order, &r);
	assert_int_equal(r.status, 401);
	jk_reply_free(&r);
}

/* A foreign page's picture leads to the attacker's own one-time code. */
static void
test_code_in_a_picture(void **state)
{
	static const char *const asks[][7] = {
	    {"accept", "image/*", "sec-fetch-site", "cross-site", NULL},
	    {"accept", "*/*", "sec-fetch-mode", "no-cors", NULL},
	    {"accept", "image/*", "user-agent", "Mozilla/5.0 (X11; Linux)", NULL},
	};
	struct jk *k = *state;
	struct reply r;

	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	for (size_t i = 0; i < 2 * sizeof asks / sizeof *asks; i++) {
		jk_browse(k, "GET", JK_TEAM,
		          i % 2 ? "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F&state=abc"
		                : "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F",
		          NULL, &r);
		assert_int_equal(r.status, 302);
		char *path = str_dup(strstr(jk_header(&r, "location"), "/cdn-cgi/access/authorized?"));
		jk_reply_free(&r);
		jk_ask(k, "GET", "ssh.localhost", path, asks[i / 2], NULL, &r);
		assert_null(jk_header(&r, "set-cookie"));
		jk_reply_free(&r);
		free(path);
	}
}

static void
polled(int err, const void *m, void *arg)
{
	*(bool *)arg = true;
}

/* Somebody else's client waits: the page says from where. */
static void
test_confirmation_names_the_client(void **state)
{
	struct jk *k = *state;
	struct reply r;
	struct box_key key;
	struct buf esc;
	char name[65], path[160], page[400];
	bool answered = false;

	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	box_key_generate(&key);
	assert_int_equal(b64_encode_str(name, sizeof name, B64_URL_PAD, key.pub, 32), 0);
	buf_init(&esc, 256);
	assert_int_equal(url_escape(&esc, name), 0);
	snprintf(page, sizeof page, "/cdn-cgi/access/cli?token=%s&app=ssh.localhost", buf_cstr(&esc));
	buf_release(&esc);
	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "no client waits"));
	jk_reply_free(&r);
	snprintf(path, sizeof path, "/cdn-cgi/access/transfer/%s", name);
	struct fj_request m = {
	    .method = "GET", .host = JK_TEAM, .port = 8443, .target = path, .client_ip = "198.51.100.9"};
	assert_int_equal(ipc_request(k->front, &fj_request_def, &m, &fj_answer_def, 60000, polled, &answered), 0);
	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	assert_non_null(strstr(r.body, "<dt>Asked from</dt><dd>198.51.100.9</dd>"));
	assert_non_null(strstr(r.body, "not your browser"));
	jk_reply_free(&r);
	assert_false(answered);
	ipc_forget(k->front, &answered);
}

static void
test_provider_gone(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char bearer[8192];
	const char *h[] = {"authorization", bearer, NULL};
	static const char path[] = JK_API "access/identity_providers/" KIT_IDP;

	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 503); /* let in; there is no connector */
	jk_reply_free(&r);
	/* a token that may write, but no providers */
	snprintf(bearer, sizeof bearer, "Bearer %s", k->s.cert_token);
	jk_ask(k, "DELETE", JK_TEAM, path, h, NULL, &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 503);
	jk_reply_free(&r);
	jk_api(k, "DELETE", "access/identity_providers/" KIT_IDP, NULL, &r);
	assert_int_equal(r.status, 202);
	jk_reply_free(&r);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 302);
	assert_string_equal(jk_header(&r, "cf-access-error"), "SP-1207");
	jk_reply_free(&r);
	free(token);
}

static void
connect_tunnel(struct jk *k)
{
	char id[40], path[128], cause[128], config[4096];
	struct buf token, secret;
	struct reply r;
	json_t *t, *res = jk_api(k, "GET", "cfd_tunnel?name=pool&is_deleted=false", NULL, &r);

	str_copy(id, sizeof id, json_string_value(json_object_get(json_array_get(res, 0), "id")));
	jk_reply_free(&r);
	snprintf(path, sizeof path, "cfd_tunnel/%s/token", id);
	res = jk_api(k, "GET", path, NULL, &r);
	buf_init(&token, 4096);
	buf_init(&secret, 256);
	assert_int_equal(b64_decode(&token, B64_STD, json_string_value(res), json_string_length(res)), 0);
	assert_int_equal(json_load_strict(buf_ptr(&token), buf_len(&token), 4096, &t), 0);
	const char *s = json_string_value(json_object_get(t, "s"));
	assert_int_equal(b64_decode(&secret, B64_STD, s, strlen(s)), 0);
	jk_register(k, 3, id, buf_slice(&secret), 0, cause, config);
	assert_string_equal(cause, "");
	json_decref(t);
	jk_reply_free(&r);
	buf_release(&token);
	buf_release(&secret);
}

/* A destination that an administrator strikes from the list ends what goes there, and nothing else. */
static void
test_destination_struck(void **state)
{
	struct jk *k = *state;
	struct reply r;

	assert_int_equal(jk_sign_in(k, "jump.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "jump.localhost");
	connect_tunnel(k);
	jk_websocket(k, "jump.localhost", token, "10.9.9.9:22", &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	uint64_t struck = r.ticket;
	jk_reply_free(&r);
	jk_websocket(k, "jump.localhost", token, "db.internal:2222", &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	jk_reply_free(&r);
	k->ncuts = 0;
	jk_apply(k, "{\"apps\":[{\"name\":\"jump\",\"domain\":\"jump.localhost\",\"destinations\":[\"db.internal:"
	            "2222\"]}]}");
	assert_int_equal(k->ncuts, 1);
	assert_true(k->cuts[0] == struck);
	free(token);
}

static size_t
denied(struct jk *k)
{
	struct reply r;
	json_t *all = jk_api(k, "GET", "sallyport/audit?since=0", NULL, &r), *v;
	size_t i, n = 0;

	json_array_foreach(all, i, v)
	{
		n += !strcmp(json_string_value(json_object_get(v, "kind")), "access_denied");
	}
	jk_reply_free(&r);
	return n;
}

/* Anybody can be refused as often as they like: that does not make a record each. */
static void
test_refused_by_the_hundred(void **state)
{
	const char *h[] = {"cf-access-token", "no token", NULL};
	struct jk *k = *state;
	struct reply r;
	size_t before = denied(k);

	for (int i = 0; i < 100; i++) {
		jk_ask(k, "GET", "ssh.localhost", "/", h, NULL, &r);
		assert_int_equal(r.status, 302);
		jk_reply_free(&r);
	}
	assert_int_equal(denied(k) - before, 20);
	jk_ask(k, "GET", "nobody.localhost", "/", NULL, NULL, &r); /* of something else */
	assert_int_equal(r.status, 404);
	jk_reply_free(&r);
	assert_int_equal(denied(k) - before, 21);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_certificate_overtaken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_certificate_policy_overtaken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_token_overtaken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_code_in_a_picture, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_confirmation_names_the_client, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_provider_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_destination_struck, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refused_by_the_hundred, setup, teardown),
	};
	return cmocka_run_group_tests_name("judge_abuse", tests, NULL, NULL);
}
