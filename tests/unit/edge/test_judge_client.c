/* A waiting client's sign-in, the transfer, OIDC, a signer that goes away, restarts of the neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/str.h"
#include "core/url.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "crypto/seal.h"
#include "identity/jwt.h"
#include "identity/pkce.h"
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

struct client {
	struct box_key key;
	char name[65], escaped[128], cnf[44];
	struct reply poll;
};

static void
client_new(struct jk *k, struct client *c)
{
	struct kit_key ssh;
	char path[128];

	memset(c, 0, sizeof *c);
	box_key_generate(&c->key);
	assert_int_equal(b64_encode_str(c->name, sizeof c->name, B64_URL_PAD, c->key.pub, 32), 0);
	struct buf b;
	buf_init(&b, 256);
	url_escape(&b, c->name);
	str_copy(c->escaped, sizeof c->escaped, buf_cstr(&b));
	buf_release(&b);
	kit_key(&ssh);
	str_copy(c->cnf, sizeof c->cnf, ssh.cnf);
	snprintf(path, sizeof path, "/cdn-cgi/access/transfer/%s", c->name);
	jk_begin(k, "GET", JK_TEAM, path, NULL, NULL, &c->poll);
}

/* What the sealed answer says; new reference. */
static json_t *
opened(struct client *c)
{
	struct buf boxed, pub, plain;
	json_t *j = NULL;
	struct box_key *mine = &c->key;

	buf_init(&boxed, 65536);
	buf_init(&pub, 64);
	buf_init(&plain, 65536);
	const char *service = jk_header(&c->poll, "service-public-key");
	assert_non_null(service);
	assert_int_equal(b64_decode(&pub, B64_URL_PAD, service, strlen(service)), 0);
	assert_int_equal(b64_decode(&boxed, B64_STD, c->poll.body, c->poll.nbody), 0);
	assert_int_equal(box_open(mine, buf_ptr(&pub), buf_slice(&boxed), &plain), 0);
	assert_int_equal(json_load_strict(buf_ptr(&plain), buf_len(&plain), 65536, &j), 0);
	buf_release(&boxed);
	buf_release(&pub);
	buf_release(&plain);
	return j;
}

/* The link that the client prints, opened in the browser: to the team host. malloc'ed path. */
static char *
open_link(struct jk *k, const struct client *c, const char *host)
{
	struct reply r;
	char path[1024];

	snprintf(path, sizeof path,
	         "/cdn-cgi/access/cli?token=%s&redirect_url=%%2F&send_org_token=true&edge_token_transfer=true&cnf=%s",
	         c->escaped, c->cnf);
	jk_browse(k, "GET", host, path, NULL, &r);
	assert_int_equal(r.status, 302);
	char *to = str_dup(strstr(jk_header(&r, "location"), "/cdn-cgi/"));
	jk_reply_free(&r);
	return to;
}

static void
confirm(struct jk *k, const struct client *c, const char *page, unsigned want)
{
	struct reply r;
	char code[10], form[256];

	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	assert_int_equal(r.status, 200);
	login_code(c->key.pub, code);
	assert_non_null(strstr(r.body, code));
	assert_non_null(strstr(r.body, "192.0.2.7"));
	char *csrf = jk_between(r.body, "name=\"csrf\" value=\"", "\"");
	jk_reply_free(&r);
	jk_browse(k, "POST", JK_TEAM, page, "csrf=0000", &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	snprintf(form, sizeof form, "csrf=%s", csrf);
	jk_browse(k, "POST", JK_TEAM, page, form, &r);
	assert_int_equal(r.status, want);
	jk_reply_free(&r);
	free(csrf);
}

static void
test_client_login(void **state)
{
	struct jk *k = *state;
	struct client c;
	struct reply r;
	char target[300];

	jk_cookies_clear(k);
	client_new(k, &c);
	char *page = open_link(k, &c, "ssh.localhost");
	jk_browse(k, "GET", JK_TEAM, page, NULL, &r); /* nobody is signed in: login first, then back to this page */
	assert_int_equal(r.status, 302);
	assert_non_null(strstr(jk_header(&r, "location"), "/cdn-cgi/access/login/ssh.localhost?kid="));
	assert_non_null(strstr(jk_header(&r, "location"), "&team=1"));
	assert_non_null(strstr(jk_header(&r, "location"), "&cnf="));
	jk_reply_free(&r);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	assert_false(c.poll.done);
	confirm(k, &c, page, 200);
	jk_wait(k, &c.poll);
	assert_int_equal(c.poll.status, 200);
	json_t *got = opened(&c), *claims;
	const char *app = json_string_value(json_object_get(got, "app_token"));
	assert_non_null(app);
	assert_non_null(json_object_get(got, "org_token"));
	assert_int_equal(jwt_peek(app, strlen(app), &claims), 0);
	assert_string_equal(json_string_value(json_object_get(claims, "cnf")), c.cnf);
	json_decref(claims);
	json_decref(got);
	jk_reply_free(&c.poll);
	/* taken once: a second poll waits again, and a second confirmation cannot be delivered twice to the same poll
	 */
	snprintf(target, sizeof target, "/cdn-cgi/access/transfer/%s", c.name);
	struct reply again, newer;
	jk_begin(k, "GET", JK_TEAM, target, NULL, NULL, &again);
	jk_begin(k, "GET", JK_TEAM, target, NULL, NULL, &newer);
	jk_wait(k, &again);
	assert_int_equal(again.status, 404); /* a newer poll took its place */
	assert_false(newer.done);
	jk_reply_free(&again);
	jk_front_again(k); /* its channel goes: the held one with it */
	assert_true(newer.done);
	assert_int_not_equal(newer.err, 0);
	jk_reply_free(&newer);
	free(page);
	box_key_release(&c.key);
}

static void
test_client_refused(void **state)
{
	struct jk *k = *state;
	struct client c;
	struct reply r;

	jk_cookies_clear(k);
	client_new(k, &c);
	assert_int_equal(jk_sign_in(k, JK_TEAM, "eve@elsewhere.test", "battery staple"), 302);
	char *page = open_link(k, &c, "ssh.localhost");
	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	assert_int_equal(r.status, 403);
	assert_non_null(strstr(r.body, "SP-1202"));
	jk_reply_free(&r);
	jk_wait(k, &c.poll);
	assert_int_equal(c.poll.status, 200);
	json_t *got = opened(&c);
	assert_string_equal(json_string_value(json_object_get(json_object_get(got, "error"), "code")), "SP-1202");
	json_decref(got);
	jk_reply_free(&c.poll);
	free(page);
	box_key_release(&c.key);
}

static void
test_transfer_names(void **state)
{
	static const char *const bad[] = {"x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	                                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB%3D", "..%2f..%2fetc"};
	struct jk *k = *state;
	struct reply r;
	char target[300];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(target, sizeof target, "/cdn-cgi/access/transfer/%s", bad[i]);
		jk_ask(k, "GET", JK_TEAM, target, NULL, NULL, &r);
		assert_int_equal(r.status, 400);
		jk_reply_free(&r);
	}
}

static const char discovery[] =
    "{\"issuer\":\"https://idp.localhost\",\"authorization_endpoint\":\"https://idp.localhost/auth?x=1\","
    "\"token_endpoint\":\"https://idp.localhost/token\",\"jwks_uri\":\"https://idp.localhost/jwks\","
    "\"response_types_supported\":[\"code\"],\"subject_types_supported\":[\"public\"],"
    "\"id_token_signing_alg_values_supported\":[\"RS256\"],\"code_challenge_methods_supported\":[\"S256\"]}";

/* Ends at the provider; malloc'ed location. */
static char *
to_provider(struct jk *k)
{
	struct reply r;

	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/login/ssh.localhost?redirect_url=%2F", NULL, &r);
	assert_int_equal(r.status, 302);
	char *url = str_dup(jk_header(&r, "location"));
	jk_reply_free(&r);
	return url;
}

static unsigned
callback(struct jk *k, const char *state, const char *more, bool browser, const char *says)
{
	struct reply r;
	char target[512];

	snprintf(target, sizeof target, "/cdn-cgi/access/callback?code=abc&state=%s%s", state, more);
	if (browser)
		jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
	else
		jk_ask(k, "GET", JK_TEAM, target, NULL, NULL, &r);
	unsigned status = r.status;
	if (!strstr(r.body, says))
		print_message("callback: %s\n", r.body);
	assert_non_null(strstr(r.body, says));
	jk_reply_free(&r);
	return status;
}

/* An ID token as the provider makes it; malloc'ed answer of its token endpoint. */
static char *
token_answer(struct key *key, const char *nonce, const char *sub)
{
	char kid[65];
	struct buf b;
	json_t *c = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:[s]}", "iss", "https://idp.localhost", "aud",
	                      "c1", "sub", sub, "email", "jdoe@example.test", "email_verified", 1, "nonce", nonce,
	                      "iat", (json_int_t)clock_wall(), "exp", (json_int_t)clock_wall() + 300, "groups", "ops");

	assert_int_equal(key_kid(key, kid), 0);
	buf_init(&b, 16384);
	assert_int_equal(jwt_sign(key, kid, c, &b), 0);
	char *jwt = buf_take_str(&b),
	     *out = str_fmt("{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"id_token\":\"%s\"}", jwt);
	free(jwt);
	json_decref(c);
	return out;
}

/* The whole way: redirect, code, keys that the signer did not have yet, a nonce of another login, and then the right
 * one. */
static void
oidc_person(struct jk *k)
{
	struct key *key = NULL;
	struct jwks set = {0};
	struct reply r;
	char target[512];

	assert_int_equal(key_generate(KEY_RSA, 2048, &key), 0);
	json_t *all = jk_api(k, "GET", "access/identity_providers?name=corp", NULL, &r);
	char *id = str_dup(json_string_value(json_object_get(json_array_get(all, 0), "id")));
	jk_reply_free(&r);
	for (int right = 0; right < 2; right++) {
		char *url = to_provider(k), *st = jk_between(url, "state=", "&"),
		     *nonce = jk_between(url, "nonce=", "&");
		char *answer = token_answer(key, right ? nonce : "another", "subject-1");
		if (!set.n) {
			assert_int_equal(jwks_add(&set, NULL, key), 0);
			json_t *j = jwks_to_json(&set);
			k->jwks = json_dump_str(j);
			k->jwks_provider = id;
			json_decref(j);
		}
		k->token_answer = answer;
		snprintf(target, sizeof target, "/cdn-cgi/access/callback?code=abc&state=%s", st);
		jk_browse(k, "GET", JK_TEAM, target, NULL, &r);
		assert_int_equal(r.status, right ? 302 : 403);
		if (right)
			assert_true(str_starts(jk_header(&r, "location"),
			                       "https://ssh.localhost:8443/cdn-cgi/access/authorized?"));
		jk_reply_free(&r);
		free(answer);
		free(url);
		free(st);
		free(nonce);
	}
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/get-identity", NULL, &r);
	assert_string_equal(json_string_value(json_object_get(json_object_get(r.json, "idp"), "type")), "oidc");
	jk_reply_free(&r);
	free((void *)(uintptr_t)k->jwks);
	k->jwks = k->token_answer = NULL;
	jwks_release(&set);
	free(id);
}

static void
test_oidc(void **state)
{
	struct jk *k = *state;
	char challenge[PKCE_TEXT];

	jk_apply(k, "{\"identity_providers\":[{\"name\":\"corp\",\"type\":\"oidc\",\"config\":{\"issuer\":\"https://"
	            "idp.localhost\",\"client_id\":"
	            "\"c1\",\"client_secret\":\"s3cret\"}}]}");
	assert_non_null(strstr(k->s.provider_record, "s3cret")); /* signer gave it to fetch */
	jk_cookies_clear(k);
	k->discovery = discovery;
	k->token_answer =
	    "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"id_token\":\"eyJhbGciOiJub25lIn0.e30.\"}";
	/* with another provider the local one is not offered on an application */
	char *url = to_provider(k);
	assert_true(str_starts(url, "https://idp.localhost/auth?x=1&"));
	assert_non_null(strstr(url, "code_challenge_method=S256"));
	assert_non_null(strstr(url, "nonce="));
	assert_non_null(strstr(url, "redirect_uri=https%3A%2F%2Fteam.localhost%3A8443%2Fcdn-cgi%2Faccess%2Fcallback"));
	char *st = jk_between(url, "state=", "&"), *ch = jk_between(url, "code_challenge=", "&");
	free(url);
	/* another browser's state; it is used up by the try */
	assert_int_equal(callback(k, st, "", false, "SP-1103"), 403);
	assert_int_equal(callback(k, st, "", true, "SP-1103"), 403);
	assert_int_equal(callback(k, "", "", true, "SP-1103"), 403);
	assert_int_equal(k->nfetched[FETCH_TOKEN], 0);
	free(st);
	free(ch);
	url = to_provider(k);
	st = jk_between(url, "state=", "&");
	ch = jk_between(url, "code_challenge=", "&");
	free(url);
	assert_int_equal(callback(k, st, "", true, "SP-1105"), 403); /* an unsigned ID token */
	assert_string_equal(k->last_code, "abc");
	pkce_challenge(k->last_verifier, challenge);
	assert_string_equal(challenge, ch);
	assert_int_equal(callback(k, st, "", true, "SP-1103"), 403); /* reused */
	free(st);
	free(ch);
	url = to_provider(k);
	st = jk_between(url, "state=", "&");
	free(url);
	assert_int_equal(callback(k, st, "&iss=https%3A%2F%2Fother.localhost", true, "SP-1"), 403); /* mix-up */
	free(st);
	url = to_provider(k);
	st = jk_between(url, "state=", "&");
	free(url);
	k->token_answer = NULL;
	assert_int_equal(callback(k, st, "", true, "SP-1104"), 502);
	free(st);
	assert_int_equal(k->nfetched[FETCH_DISCOVERY], 1); /* kept */
	oidc_person(k);
	/* secrets never come back */
	struct reply r;
	jk_api(k, "GET", "access/identity_providers", NULL, &r);
	assert_null(strstr(r.body, "s3cret"));
	jk_reply_free(&r);
	json_t *all = jk_api(k, "GET", "access/identity_providers?name=corp", NULL, &r);
	char path[128];
	snprintf(path, sizeof path, "access/identity_providers/%s",
	         json_string_value(json_object_get(json_array_get(all, 0), "id")));
	jk_reply_free(&r);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 202);
	jk_reply_free(&r);
}

/* The channel to the signer ends: sign-in and certificates are refused with a code, pages that need neither go on; with
   a new channel everything works again. */
static void
test_signer_away(void **state)
{
	struct jk *k = *state;
	struct reply r;
	struct kit_key key;
	char body[8192];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	kit_key(&key);
	snprintf(body, sizeof body, "{\"public_key\":\"%s\\n\",\"jwt\":\"%s\",\"issuer\":\"" KIT_ISSUER "\"}", key.line,
	         token);
	kit_judge(&k->s, false); /* the signer drops the judge's channel for this one */
	for (int i = 0; i < 100; i++) {
		jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
		unsigned status = r.status;
		jk_reply_free(&r);
		if (status == 503)
			break;
		assert_int_equal(status, 400); /* it was still there: no authority */
	}
	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	assert_int_equal(r.status, 503);
	assert_non_null(strstr(r.body, "SP-1307"));
	jk_reply_free(&r);
	jk_browse(k, "GET", "ssh.localhost", "/", NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	jk_signer_again(k);
	unsigned status = 503; /* until the new channel has arrived */
	for (int i = 0; i < 10000 && status == 503; i++) {
		jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
		status = r.status;
		jk_reply_free(&r);
	}
	assert_int_equal(status, 400);
	free(token);
}

static void
test_tunnel_api(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char path[200], id[40];

	json_t *t =
	    jk_api(k, "POST", "cfd_tunnel",
	           "{\"name\":\"mine\",\"tunnel_secret\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}", &r);
	assert_int_equal(r.status, 200);
	assert_non_null(json_object_get(t, "token"));
	str_copy(id, sizeof id, json_string_value(json_object_get(t, "id")));
	assert_string_equal(json_string_value(json_object_get(t, "status")), "inactive");
	jk_reply_free(&r);
	jk_api(k, "POST", "cfd_tunnel", "{\"name\":\"mine\"}", &r);
	assert_int_equal(r.status, 409);
	jk_reply_free(&r);
	snprintf(path, sizeof path, "/client/v4/zones/" JK_ZONE "/tunnels/%s/routes", id);
	t = jk_api(k, "PUT", path,
	           "{\"type\":\"dns\",\"user_hostname\":\"new.localhost\",\"overwrite_existing\":false}", &r);
	assert_string_equal(json_string_value(json_object_get(t, "cname")), "new");
	jk_reply_free(&r);
	t = jk_api(k, "PUT", path,
	           "{\"type\":\"dns\",\"user_hostname\":\"new.localhost\",\"overwrite_existing\":false}", &r);
	assert_string_equal(json_string_value(json_object_get(t, "cname")), "unchanged");
	jk_reply_free(&r);
	jk_api(k, "PUT", path, "{\"type\":\"dns\",\"user_hostname\":\"ssh.localhost\",\"overwrite_existing\":false}",
	       &r);
	assert_int_equal(r.status, 409);
	jk_reply_free(&r);
	/* a host name with a tunnel and no application is refused */
	jk_ask(k, "GET", "new.localhost", "/", NULL, NULL, &r);
	assert_int_equal(r.status, 404);
	jk_reply_free(&r);
	snprintf(path, sizeof path, "cfd_tunnel/%s/connections", id);
	t = jk_api(k, "GET", path, NULL, &r);
	assert_int_equal(json_array_size(t), 0);
	jk_reply_free(&r);
	snprintf(path, sizeof path, "cfd_tunnel/%s", id);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	t = jk_api(k, "GET", "cfd_tunnel?is_deleted=false&name=mine", NULL, &r);
	assert_int_equal(json_array_size(t), 0);
	jk_reply_free(&r);
	char cause[128], config[4096];
	uint8_t secret[32];
	for (int i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	jk_register(k, 77, id, (struct slice){secret, 32}, 0, cause, config);
	assert_non_null(strstr(cause, "Unauthorized"));
	jk_api(k, "GET", "cfd_tunnel?page=2", NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
}

static void
test_api_objects(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char path[200], id[40], pid[40];

	json_t *a = jk_api(
	    k, "POST", "access/apps",
	    "{\"name\":\"web\",\"domain\":\"web.localhost\",\"type\":\"self_hosted\",\"session_duration\":\"30m\"}",
	    &r);
	assert_int_equal(r.status, 201);
	str_copy(id, sizeof id, json_string_value(json_object_get(a, "id")));
	jk_reply_free(&r);
	jk_api(k, "POST", "access/apps", "{\"name\":\"two\",\"domain\":\"web.localhost\"}", &r);
	assert_int_not_equal(r.status, 201);
	jk_reply_free(&r);
	snprintf(path, sizeof path, "access/apps/%s/policies", id);
	a = jk_api(k, "POST", path, "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]}", &r);
	assert_int_equal(r.status, 201);
	str_copy(pid, sizeof pid, json_string_value(json_object_get(a, "id")));
	jk_reply_free(&r);
	jk_api(k, "POST", path,
	       "{\"name\":\"q\",\"decision\":\"allow\",\"include\":[{\"group\":{\"id\":\"nowhere\"}}]}", &r);
	assert_int_equal(r.status, 400);
	jk_reply_free(&r);
	snprintf(path, sizeof path, "access/apps/%s/policies/%s", id, pid);
	a = jk_api(k, "PUT", path, "{\"name\":\"p2\",\"decision\":\"deny\",\"include\":[{\"everyone\":{}}]}", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(json_string_value(json_object_get(a, "name")), "p2");
	jk_reply_free(&r);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 202);
	jk_reply_free(&r);
	snprintf(path, sizeof path, "access/apps/%s", id);
	a = jk_api(k, "PUT", path, "{\"name\":\"web\",\"domain\":\"web2.localhost\",\"type\":\"self_hosted\"}", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(json_string_value(json_object_get(a, "session_duration")), "24h");
	jk_reply_free(&r);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 202);
	jk_reply_free(&r);
	jk_api(k, "GET", path, NULL, &r);
	assert_int_equal(r.status, 404);
	jk_reply_free(&r);
	/* a group in use cannot go */
	json_t *g = jk_api(k, "GET", "access/groups", NULL, &r);
	snprintf(path, sizeof path, "access/groups/%s", json_string_value(json_object_get(json_array_get(g, 0), "id")));
	jk_reply_free(&r);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 409);
	assert_non_null(strstr(r.body, "in use by application"));
	jk_reply_free(&r);
}

static void
test_follow(void **state)
{
	struct jk *k = *state;
	struct reply r, held;
	char path[300], bearer[8192];

	json_t *all = jk_api(k, "GET", "sallyport/audit?since=0", NULL, &r);
	size_t n = json_array_size(all);
	json_int_t last = json_integer_value(json_object_get(json_array_get(all, n - 1), "seq"));
	jk_reply_free(&r);
	snprintf(path, sizeof path, JK_API "sallyport/audit?since=%lld&wait=25", (long long)last);
	snprintf(bearer, sizeof bearer, "Bearer %s", k->s.admin_token);
	const char *h[] = {"authorization", bearer, NULL};
	jk_begin(k, "GET", JK_TEAM, path, h, NULL, &held);
	jk_ask(k, "GET", "nobody.localhost", "/", NULL, NULL, &r); /* refused: an event */
	jk_reply_free(&r);
	jk_wait(k, &held);
	all = json_object_get(held.json, "result");
	assert_true(json_array_size(all) >= 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "kind")), "access_denied");
	jk_reply_free(&held);
}

static void
test_logout(void **state)
{
	struct jk *k = *state;
	struct reply r;

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/logout?confirm=1", NULL, &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	jk_browse(k, "GET", JK_TEAM, "/cdn-cgi/access/logout", NULL, &r);
	assert_null(strstr(r.body, "<form"));
	char *csrf = jk_between(r.body, "csrf=", "\""), path[300];
	jk_reply_free(&r);
	snprintf(path, sizeof path, "/cdn-cgi/access/logout?confirm=1&csrf=%s", csrf);
	jk_browse(k, "GET", JK_TEAM, path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	const char *h[] = {"cf-access-token", token, NULL};
	jk_ask(k, "GET", "ssh.localhost", "/", h, NULL, &r);
	assert_int_equal(r.status, 302);
	jk_reply_free(&r);
	free(csrf);
	free(token);
}

static void
test_setup_link(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char path[300], code[7], form[128];
	struct buf raw;

	snprintf(path, sizeof path, "/cdn-cgi/access/setup/%s", k->s.setup_code);
	jk_browse(k, "GET", JK_TEAM, path, NULL, &r);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body, "otpauth://totp/"));
	assert_non_null(strstr(r.body, KIT_ADMIN));
	char *secret = jk_between(r.body, "id=\"totp\">", "<");
	jk_reply_free(&r);
	jk_browse(k, "POST", JK_TEAM, path, "password=long+enough+password&code=000000", &r);
	assert_int_equal(r.status, 403);
	jk_reply_free(&r);
	buf_init(&raw, 64);
	assert_int_equal(base32_decode(&raw, secret, strlen(secret)), 0);
	totp_code(buf_slice(&raw), (uint64_t)clock_wall() / TOTP_STEP, code);
	buf_release(&raw);
	free(secret);
	snprintf(form, sizeof form, "password=long+enough+password&code=%s", code);
	jk_browse(k, "POST", JK_TEAM, path, form, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	jk_browse(k, "GET", JK_TEAM, path, NULL, &r); /* once */
	assert_true(r.status >= 400);
	jk_reply_free(&r);
	/* the password alone is not enough for this account */
	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, JK_TEAM, KIT_ADMIN, "long enough password"), 403);
}

/* Judge comes back while connections live: front tells it what there is, and what may not go on is cut. */
static void
test_taken_up_again(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char tunnel[40];

	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *good = jk_app_token(k, "ssh.localhost");
	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *dead = jk_app_token(k, "ssh.localhost"), *path;
	json_t *claims;
	assert_int_equal(jwt_peek(dead, strlen(dead), &claims), 0);
	path = str_fmt("sallyport/sessions/%s", json_string_value(json_object_get(claims, "identity_nonce")));
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	json_t *t = jk_api(k, "GET", "cfd_tunnel?name=pool&is_deleted=false", NULL, &r);
	str_copy(tunnel, sizeof tunnel, json_string_value(json_object_get(json_array_get(t, 0), "id")));
	jk_reply_free(&r);

	jk_judge_restart(k);
	k->ncuts = 0;
	struct fj_link_up up = {.link = 5,
	                        .tunnel = tunnel,
	                        .client_id = "99999999-8888-4777-8666-555555555555",
	                        .conn_id = "99999999-8888-4777-8666-555555555556",
	                        .since = clock_wall() - 100};
	struct fj_ticket_live live = {.ticket = 41,
	                              .tunnel = tunnel,
	                              .authority = "ssh.localhost",
	                              .client_ip = "192.0.2.7",
	                              .since = clock_wall() - 50,
	                              .assertion = good};
	assert_int_equal(ipc_send(k->front, &fj_link_up_def, &up), 0);
	assert_int_equal(ipc_send(k->front, &fj_ticket_live_def, &live), 0);
	live.ticket = 42;
	live.assertion = dead;
	assert_int_equal(ipc_send(k->front, &fj_ticket_live_def, &live), 0);
	live.ticket = 43;
	live.assertion = "e30.e30.";
	assert_int_equal(ipc_send(k->front, &fj_ticket_live_def, &live), 0);
	jk_websocket(k, "ssh.localhost", good, NULL, &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	jk_reply_free(&r);
	assert_int_equal(k->ncuts, 2);
	assert_true(k->cuts[0] == 42 && k->cuts[1] == 43);
	jk_api(k, "POST", "access/organizations/revoke_user", "{\"email\":\"jdoe@example.test\"}", &r);
	jk_reply_free(&r);
	assert_true(k->ncuts >= 3);
	json_decref(claims);
	free(good);
	free(dead);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_client_login),   cmocka_unit_test(test_client_refused),
	    cmocka_unit_test(test_transfer_names), cmocka_unit_test(test_tunnel_api),
	    cmocka_unit_test(test_api_objects),    cmocka_unit_test(test_follow),
	    cmocka_unit_test(test_logout),         cmocka_unit_test(test_setup_link),
	    cmocka_unit_test(test_taken_up_again), cmocka_unit_test(test_signer_away),
	    cmocka_unit_test(test_oidc),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
