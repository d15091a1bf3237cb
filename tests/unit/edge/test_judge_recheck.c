/* Judge asks again: the test is fetch and the provider, the signer is real. What a yes, a no, silence, a lost answer
 * and another answer do to a connection, to the next one, and to what fetch keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/str.h"
#include "identity/jwt.h"
#include "identity/pkce.h"
#include "judge_kit.h"

#define HANDLE "0123456789abcdef0123456789abcdef"

static const char discovery[] =
    "{\"issuer\":\"https://idp.localhost\",\"authorization_endpoint\":\"https://idp.localhost/auth\","
    "\"token_endpoint\":\"https://idp.localhost/token\",\"jwks_uri\":\"https://idp.localhost/jwks\","
    "\"userinfo_endpoint\":\"https://idp.localhost/me\",\"response_types_supported\":[\"code\"],"
    "\"scopes_supported\":[\"openid\",\"offline_access\"],"
    "\"id_token_signing_alg_values_supported\":[\"ES256\"],\"code_challenge_methods_supported\":[\"S256\"]}";

struct world {
	struct jk k;
	struct key *key;
	char *idp, *nonce, *token, *answer;
	uint64_t ticket;
	bool silent; /* the last answer was SP-1111 */
};

/* claims: more of them, or in place of the usual ones; NULL as a value takes one out. malloc'ed answer of the token
 * endpoint. */
static char *
answer_of(struct world *w, const char *more)
{
	struct buf b;
	json_t *c =
	    json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:[s]}", "iss", "https://idp.localhost", "aud", "c1",
	              "sub", "subject-1", "email", "jdoe@example.test", "email_verified", 1, "nonce", w->nonce, "iat",
	              (json_int_t)clock_wall(), "exp", (json_int_t)clock_wall() + 300, "groups", "ops");
	json_t *m = json_loads(more, 0, NULL), *v;
	const char *k;

	assert_non_null(m);
	json_object_foreach(m, k, v)
	{
		if (json_is_null(v))
			json_object_del(c, k);
		else
			json_object_set(c, k, v);
	}
	json_decref(m);
	buf_init(&b, 16384);
	assert_int_equal(jwt_sign(w->key, "k1", c, &b), 0);
	json_decref(c);
	char *jwt = buf_take_str(&b), *out = str_fmt("{\"id_token\":\"%s\"}", jwt);
	free(jwt);
	return out;
}

static void
says(struct world *w, const char *more)
{
	free(w->answer);
	w->answer = answer_of(w, more);
	w->k.refresh_answer = w->answer;
}

static void
keys(struct world *w)
{
	struct jwks set = {0};
	struct buf spki;
	struct key *pub = NULL;

	assert_int_equal(key_generate(KEY_P256, 0, &w->key), 0);
	buf_init(&spki, 1024);
	assert_int_equal(key_spki(w->key, &spki), 0);
	assert_int_equal(key_from_spki(buf_slice(&spki), &pub), 0);
	assert_int_equal(jwks_add(&set, "k1", pub), 0);
	json_t *j = jwks_to_json(&set);
	w->k.jwks = json_dump_str(j);
	json_decref(j);
	jwks_release(&set);
	buf_release(&spki);
}

static void
connect_(struct world *w)
{
	struct reply r;

	jk_websocket(&w->k, "ssh.localhost", w->token, NULL, &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	struct fj_ticket_began m = {.ticket = w->ticket = r.ticket};
	assert_int_equal(ipc_send(w->k.front, &fj_ticket_began_def, &m), 0);
	jk_reply_free(&r);
}

static void
sign_in(struct world *w)
{
	struct jk *k = &w->k;
	struct reply r;
	char target[512];

	jk_cookies_clear(k);
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F", NULL, &r);
	assert_int_equal(r.status, 302);
	const char *url = jk_header(&r, "location");
	assert_non_null(strstr(url, "offline_access"));
	assert_non_null(strstr(url, "&prompt=consent"));
	char *state = jk_between(url, "state=", "&");
	free(w->nonce);
	w->nonce = jk_between(url, "nonce=", "&");
	jk_reply_free(&r);
	k->token_answer = answer_of(w, "{}");
	k->handle = HANDLE;
	snprintf(target, sizeof target, "/cdn-cgi/access/callback?code=abc&state=%s", state);
	jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
	assert_int_equal(r.status, 302);
	assert_true(k->keep_until > clock_wall() + 86400);
	jk_reply_free(&r);
	free((void *)(uintptr_t)k->token_answer);
	k->token_answer = NULL;
	free(state);
	free(w->token);
	assert_non_null(w->token = jk_app_token(k, "ssh.localhost"));
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct jk *k = &w->k;
	struct reply r;
	char cause[128], config[4096];

	jk_new(k);
	keys(w);
	jk_apply(k, jk_document);
	jk_apply(k, "{\"identity_providers\":[{\"name\":\"corp\",\"type\":\"oidc\",\"config\":{\"issuer\":"
	            "\"https://idp.localhost\",\"client_id\":\"c1\",\"client_secret\":\"s\",\"recheck\":\"1s\","
	            "\"recheck_grace\":\"4s\"}}]}");
	json_t *all = jk_api(k, "GET", "access/identity_providers?name=corp", NULL, &r);
	w->idp = str_dup(json_string_value(json_object_get(json_array_get(all, 0), "id")));
	jk_reply_free(&r);
	char *doc = str_fmt("{\"apps\":[{\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"policies\":[{\"name\":\"p\","
	                    "\"decision\":\"allow\",\"include\":[{\"oidc\":{\"claim_name\":\"groups\",\"claim_value\":"
	                    "\"ops\",\"identity_provider_id\":\"%s\"}}]}]}]}",
	                    w->idp);
	jk_apply(k, doc);
	free(doc);
	k->jwks_provider = w->idp;
	k->discovery = discovery;
	json_t *t = jk_api(k, "GET", "cfd_tunnel?name=pool", NULL, &r);
	char *tunnel = str_dup(json_string_value(json_object_get(json_array_get(t, 0), "id")));
	jk_reply_free(&r);
	char *path = str_fmt("cfd_tunnel/%s/token", tunnel);
	t = jk_api(k, "GET", path, NULL, &r);
	struct buf raw;
	buf_init_secret(&raw, 4096);
	const char *text = json_string_value(t);
	assert_int_equal(b64_decode(&raw, B64_STD, text, strlen(text)), 0);
	json_t *o = json_loadb((const char *)buf_ptr(&raw), buf_len(&raw), 0, NULL);
	const char *s = json_string_value(json_object_get(o, "s"));
	struct buf sec;
	buf_init_secret(&sec, 64);
	assert_int_equal(b64_decode(&sec, B64_STD, s, strlen(s)), 0);
	jk_register(k, 7, tunnel, buf_slice(&sec), 0, cause, config);
	assert_string_equal(cause, "");
	json_decref(o);
	buf_release(&raw);
	buf_release(&sec);
	jk_reply_free(&r);
	free(path);
	free(tunnel);
	sign_in(w);
	says(w, "{}");
	connect_(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	jk_free(&w->k);
	free((void *)(uintptr_t)w->k.jwks);
	key_free(w->key);
	free(w->idp);
	free(w->nonce);
	free(w->token);
	free(w->answer);
	free(w);
	return 0;
}

static void
tick(void *arg)
{
	loop_stop(arg);
}

/* Turns the loop for so long; the connection must be cut, or not, at its end. */
static void
after(struct world *w, int64_t ms, bool cut)
{
	struct loop_timer t = {0};
	int64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end && !(cut && w->k.ncuts)) {
		timer_start(w->k.s.loop, &t, 50, tick, w->k.s.loop);
		loop_run(w->k.s.loop);
	}
	timer_stop(&t);
	if (cut != (w->k.ncuts > 0))
		print_message("cut: %s\n", w->k.last_cut_why);
	assert_int_equal(w->k.ncuts > 0, cut);
	if (cut)
		assert_true(w->k.cuts[0] == w->ticket);
}

static unsigned
again(struct world *w)
{
	struct reply r;

	jk_websocket(&w->k, "ssh.localhost", w->token, NULL, &r);
	unsigned status = r.action == ANSWER_RELAY ? 101 : r.status;
	w->silent = r.body && strstr(r.body, "SP-1111");
	jk_reply_free(&r);
	return status;
}

static void
test_yes(void **state)
{
	struct world *w = *state;

	after(w, 5000, false); /* longer than the grace */
	assert_true(w->k.nfetched[FETCH_REFRESH] >= 3);
	assert_string_equal(w->k.last_handle, HANDLE);
	assert_int_equal(w->k.nfetched[FETCH_USERINFO], 0);
	says(w, "{\"nonce\":null,\"groups\":[\"ops\",\"more\"]}");
	after(w, 2500, false);
	assert_int_equal(again(w), 101);
}

static void
test_no(void **state)
{
	struct world *w = *state;

	w->k.refresh_gone = true;
	after(w, 4000, true);
	assert_non_null(strstr(w->k.last_cut_why, "over"));
	assert_int_equal(again(w), 302);
	assert_string_equal(w->k.forgotten, HANDLE);
}

static void
test_group_lost(void **state)
{
	struct world *w = *state;

	says(w, "{\"groups\":[\"sales\"]}");
	after(w, 4000, true);
	assert_string_equal(w->k.last_cut_why, "policy changed");
	assert_int_equal(again(w), 403);
	says(w, "{}");
	w->k.ncuts = 0;
	for (int i = 0; i < 30 && again(w) != 101; i++)
		after(w, 100, false);
	assert_int_equal(again(w), 101);
}

/* A refreshed ID token without groups: userinfo has them, or they are lost. */
static void
test_userinfo(void **state)
{
	struct world *w = *state;

	w->k.userinfo = "{\"sub\":\"subject-1\",\"groups\":[\"ops\"]}";
	says(w, "{\"groups\":null}");
	after(w, 3000, false);
	assert_true(w->k.nfetched[FETCH_USERINFO] > 0);
	w->k.userinfo = "{\"sub\":\"subject-1\"}";
	after(w, 4000, true);
	assert_string_equal(w->k.last_cut_why, "policy changed");
}

static void
test_userinfo_gone(void **state)
{
	struct world *w = *state;

	w->k.userinfo = "{}";
	w->k.userinfo_gone = true;
	w->k.refresh_answer = "{}"; /* no ID token at all */
	after(w, 4000, true);
	assert_non_null(strstr(w->k.last_cut_why, "over"));
}

static void
test_other_address(void **state)
{
	struct world *w = *state;

	says(w, "{\"email\":\"boss@example.test\"}");
	after(w, 4000, true);
	assert_non_null(strstr(w->k.last_cut_why, "e-mail"));
	assert_int_equal(again(w), 302);
}

/* Of somebody else, or not signed by the provider: no answer at all. */
static void
test_no_answer(void **state)
{
	struct world *w = *state;

	says(w, "{\"sub\":\"subject-2\"}");
	int64_t begun = clock_mono_ms();
	while (again(w) == 101) {
		assert_true(clock_mono_ms() - begun < 9000);
		after(w, 100, false);
	}
	assert_true(w->silent);
	assert_true(clock_mono_ms() - begun >= 2000);
	assert_int_equal(w->k.ncuts, 0); /* live ones stay */
	w->k.refresh_answer = NULL;
	after(w, 1500, false);
	assert_int_equal(again(w), 503);
	assert_true(w->silent);
	says(w, "{}");
	for (int i = 0; i < 40 && again(w) != 101; i++)
		after(w, 100, false);
	assert_int_equal(again(w), 101);
}

/* A provider that never answers holds a request for a moment, not for ever. */
static void
test_hangs(void **state)
{
	struct world *w = *state;

	w->k.refresh_hangs = true;
	after(w, 1500, false);
	int64_t begun = clock_mono_ms();
	unsigned status = again(w);
	assert_true(status == 101 || status == 503);
	assert_true(clock_mono_ms() - begun < 7000);
	assert_int_equal(w->k.ncuts, 0);
}

/* The same session after judge was killed: it asks with the same handle. */
static void
test_restart(void **state)
{
	struct world *w = *state;

	after(w, 1500, false);
	jk_judge_restart(&w->k);
	unsigned before = w->k.nfetched[FETCH_REFRESH];
	says(w, "{\"groups\":[\"sales\"]}");
	w->k.last_handle[0] = '\0';
	for (int i = 0; i < 40 && w->k.nfetched[FETCH_REFRESH] == before; i++) {
		again(w);
		after(w, 100, false);
	}
	assert_string_equal(w->k.last_handle, HANDLE);
	assert_int_equal(again(w), 403);
}

/* A plain HTTP application of the same people; who comes there must show a certificate, if one is asked for. */
static char *
web(struct world *w, const char *require)
{
	char *doc =
	    str_fmt("{\"apps\":[{\"name\":\"web\",\"domain\":\"web.localhost\",\"service\":\"http://127.0.0.1:1\","
	            "\"tunnel\":\"pool\",\"policies\":[{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{"
	            "\"oidc\":{\"claim_name\":\"groups\",\"claim_value\":\"ops\",\"identity_provider_id\":"
	            "\"%s\"}}],\"require\":[%s]}]}]}",
	            w->idp, require);
	char *token;

	jk_apply(&w->k, doc);
	free(doc);
	for (int i = 0; i < 40 && !(token = jk_app_token(&w->k, "web.localhost")); i++)
		after(w, 100, false);
	assert_non_null(token);
	return token;
}

static void
ended(struct world *w, uint64_t ticket)
{
	struct fj_ticket_ended m = {.ticket = ticket, .why = "done"};

	assert_int_equal(ipc_send(w->k.front, &fj_ticket_ended_def, &m), 0);
}

/* The provider is asked while somebody is connected, and no longer: a request that is over is no connection. */
static void
test_nobody_there(void **state)
{
	struct world *w = *state;
	struct reply r;
	char *token = web(w, "");
	const char *h[] = {"cf-access-token", token, NULL};

	jk_ask(&w->k, "GET", "web.localhost", "/", h, NULL, &r);
	assert_int_equal(r.action, ANSWER_HTTP);
	ended(w, r.ticket);
	ended(w, w->ticket);
	jk_reply_free(&r);
	after(w, 1500, false);
	unsigned before = w->k.nfetched[FETCH_REFRESH];
	after(w, 3000, false);
	assert_int_equal(w->k.nfetched[FETCH_REFRESH], before);
	free(token);
}

static char *
text_of(const char *name, size_t *ret_n)
{
	char path[512], *text = calloc(1, 1u << 16);
	FILE *f;

	snprintf(path, sizeof path, VECTORS "/%s", name);
	assert_non_null(f = fopen(path, "rb"));
	*ret_n = fread(text, 1, (1u << 16) - 1, f);
	fclose(f);
	return text;
}

/* The authority of a client's certificate goes while the request waits for the provider. */
static void
test_authority_goes_meanwhile(void **state)
{
	struct world *w = *state;
	struct reply r, done;
	char bearer[8192], path[200];
	const char *admin[] = {"authorization", bearer, NULL};
	size_t n;
	char *pem = text_of("ca.pem", &n);
	json_t *doc = json_pack("{s:s, s:s, s:[s]}", "name", "devices", "certificate", pem, "associated_hostnames",
	                        "web.localhost"),
	       *j;
	char *text = json_dump_str(doc), *der;

	j = jk_api(&w->k, "POST", "access/certificates", text, &r);
	assert_int_equal(r.status, 201);
	snprintf(path, sizeof path, JK_API "access/certificates/%s", json_string_value(json_object_get(j, "id")));
	jk_reply_free(&r);
	der = text_of("good.der", &n);
	w->k.cert = (struct slice){(const uint8_t *)der, n};
	char *token = web(w, "{\"certificate\":{}}");
	const char *h[] = {"cf-access-token", token, NULL};
	jk_ask(&w->k, "GET", "web.localhost", "/", h, NULL, &r);
	assert_int_equal(r.action, ANSWER_HTTP);
	ended(w, r.ticket);
	jk_reply_free(&r);
	jk_api(&w->k, "PUT", path, "{\"name\":\"devices\",\"associated_hostnames\":[\"web.localhost\"]}", &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	ended(w, w->ticket);
	after(w, 1500, false);
	snprintf(bearer, sizeof bearer, "Bearer %s", w->k.s.admin_token);
	unsigned before = w->k.nfetched[FETCH_REFRESH];
	jk_begin(&w->k, "GET", "web.localhost", "/", h, NULL, &r);
	jk_begin(&w->k, "PUT", JK_TEAM, path, admin, "{\"name\":\"devices\",\"associated_hostnames\":[]}", &done);
	jk_wait(&w->k, &done);
	assert_int_equal(done.status, 200);
	jk_wait(&w->k, &r);
	assert_int_equal(w->k.nfetched[FETCH_REFRESH], before + 1);
	assert_int_equal(r.action, ANSWER_RESPOND);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	jk_reply_free(&done);
	w->k.cert = (struct slice){0};
	json_decref(doc);
	free(text);
	free(pem);
	free(der);
	free(token);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_yes),
	    T(test_no),
	    T(test_group_lost),
	    T(test_userinfo),
	    T(test_userinfo_gone),
	    T(test_other_address),
	    T(test_no_answer),
	    T(test_hangs),
	    T(test_restart),
	    T(test_nobody_there),
	    T(test_authority_goes_meanwhile),
	};
	return cmocka_run_group_tests_name("judge_recheck", tests, NULL, NULL);
}
