/* Service tokens as their owners, administrators and origins see them: made, shown once, used, rotated, ended; and what
 * is refused, with which status. */
#include <dirent.h>
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
#include "identity/jwt.h"
#include "io/file.h"
#include "judge_kit.h"

#define TOKENS JK_API "access/service_tokens"
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

struct mine {
	char id[40], client_id[48], secret[80];
};

static int
setup(void **state)
{
	struct jk *k = calloc(1, sizeof *k);

	jk_new(k);
	jk_apply(k, jk_document);
	jk_apply(k,
	         "{\"apps\":["
	         "{\"name\":\"robots\",\"domain\":\"robots.localhost\",\"tunnel\":\"pool\",\"service\":\"ssh://"
	         "localhost:22\",\"policies\":[{\"name\":\"robots\",\"decision\":\"non_identity\",\"include\":[{\"any_"
	         "valid_service_token\":{}}],\"usernames\":[\"deploy\"]}]},"
	         "{\"name\":\"mixed\",\"domain\":\"mixed.localhost\",\"tunnel\":\"pool\",\"service\":\"ssh://"
	         "localhost:22\",\"service_auth_401_redirect\":\"true\",\"read_service_tokens_from_header\":"
	         "\"X-Robot\",\"policies\":[{\"name\":\"r\",\"decision\":\"non_identity\",\"include\":[{\"any_valid_"
	         "service_token\":{}}]},{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]}]},"
	         "{\"name\":\"people\",\"domain\":\"people.localhost\",\"tunnel\":\"pool\",\"service\":\"ssh://"
	         "localhost:22\",\"service_auth_401_redirect\":\"true\",\"policies\":[{\"name\":\"p\",\"decision\":"
	         "\"allow\",\"include\":[{\"everyone\":{}}]}]},"
	         "{\"name\":\"open\",\"domain\":\"open.localhost\",\"tunnel\":\"pool\",\"service\":\"ssh://"
	         "localhost:22\",\"policies\":[{\"name\":\"b\",\"decision\":\"bypass\",\"include\":[{\"everyone\":{}}]}"
	         "]}]}");
	jk_connect(k);
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

static void
made(struct jk *k, const char *body, struct mine *ret)
{
	struct reply r;
	json_t *j = jk_api(k, "POST", TOKENS, body, &r);

	assert_int_equal(r.status, 201);
	str_copy(ret->id, sizeof ret->id, json_str_or(j, "id", ""));
	str_copy(ret->client_id, sizeof ret->client_id, json_str_or(j, "client_id", ""));
	str_copy(ret->secret, sizeof ret->secret, json_str_or(j, "client_secret", ""));
	assert_int_equal(strlen(ret->client_id), 39);
	assert_int_equal(strlen(ret->secret), 64);
	jk_reply_free(&r);
}

static void
deleted(struct jk *k, const struct mine *m)
{
	struct reply r;
	char path[160];

	snprintf(path, sizeof path, TOKENS "/%s", m->id);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
}

/* A change of one: the status. */
static unsigned
put(struct jk *k, const struct mine *m, const char *body)
{
	struct reply r;
	char path[160];

	snprintf(path, sizeof path, TOKENS "/%s", m->id);
	jk_api(k, "PUT", path, body, &r);
	unsigned status = r.status;
	jk_reply_free(&r);
	return status;
}

static unsigned
with(struct jk *k, const char *host, const char *const *h)
{
	struct reply r;

	jk_ask(k, "GET", host, "/", h, NULL, &r);
	unsigned status = r.status;
	if (!strcmp(h[0], "cf-access-client-id"))
		assert_null(jk_header(&r, "set-cookie"));
	jk_reply_free(&r);
	return status;
}

static unsigned
get(struct jk *k, const char *host, const char *id, const char *secret)
{
	return with(k, host, (const char *const[]){"cf-access-client-id", id, "cf-access-client-secret", secret, NULL});
}

static void
socket_by(struct jk *k, const char *host, const struct mine *m, struct reply *r)
{
	jk_socket(k, host,
	          (const char *const[]){"sec-websocket-key", KEY, "cf-access-client-id", m->client_id,
	                                "cf-access-client-secret", m->secret, NULL},
	          r);
}

static const char *
told_origin(const struct reply *r, const char *name)
{
	return jk_header(r, name);
}

/* --- the rules of strict mode */

static void
test_admitted_or_not(void **state)
{
	struct jk *k = *state;
	struct mine m;
	struct reply r;
	json_t *claims = NULL;

	made(k, "{\"name\":\"ci\"}", &m);
	socket_by(k, "robots.localhost", &m, &r);
	assert_int_equal(r.action, 1);
	const char *jwt = told_origin(&r, "cf-access-jwt-assertion");
	assert_non_null(jwt);
	assert_int_equal(jwt_peek(jwt, strlen(jwt), &claims), 0);
	assert_string_equal(json_str_or(claims, "common_name", ""), m.client_id);
	assert_string_equal(json_str_or(claims, "type", ""), "app");
	assert_string_equal(json_str_or(claims, "sub", "none"), "");
	assert_null(json_object_get(claims, "email"));
	assert_null(json_object_get(claims, "identity_nonce"));
	json_decref(claims);
	assert_null(told_origin(&r, "cf-access-client-secret"));
	/* what the origin sees buys nothing at the edge, as a header or as a cookie */
	char *copy = str_dup(jwt), *cookie = str_fmt("CF_Authorization=%s", jwt);
	jk_reply_free(&r);
	jk_websocket(k, "robots.localhost", copy, NULL, &r);
	assert_int_equal(r.action, 0);
	assert_int_not_equal(r.status, 200);
	jk_reply_free(&r);
	assert_int_not_equal(with(k, "robots.localhost", (const char *const[]){"cookie", cookie, NULL}), 200);
	free(copy);
	free(cookie);
	/* valid, but no service-auth policy: 403, and no login page */
	assert_int_equal(get(k, "ssh.localhost", m.client_id, m.secret), 403);
	/* an allow policy for everyone is for people */
	assert_int_equal(get(k, "open.localhost", m.client_id, m.secret), 200);
	deleted(k, &m);
}

static void
test_not_authentic(void **state)
{
	struct jk *k = *state;
	struct mine m, other;
	char wrong[65];

	made(k, "{\"name\":\"wrong\"}", &m);
	made(k, "{\"name\":\"other\"}", &other);
	str_copy(wrong, sizeof wrong, m.secret);
	wrong[63] = wrong[63] == '0' ? '1' : '0';
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 200);
	assert_int_equal(get(k, "robots.localhost", m.client_id, wrong), 401);
	assert_int_equal(get(k, "robots.localhost", other.client_id, other.secret), 200);
	assert_int_equal(get(k, "robots.localhost", m.client_id, other.secret), 401);
	assert_int_equal(get(k, "robots.localhost", "00000000000000000000000000000000.access", m.secret), 401);
	assert_int_equal(get(k, "robots.localhost", m.client_id, ""), 401);
	assert_int_equal(get(k, "robots.localhost", "x", "y"), 401);
	/* a bypass policy does not make a wrong secret right */
	assert_int_equal(get(k, "open.localhost", m.client_id, wrong), 401);
	/* half, and twice */
	assert_int_equal(with(k, "robots.localhost", (const char *const[]){"cf-access-client-id", m.client_id, NULL}),
	                 401);
	assert_int_equal(with(k, "robots.localhost", (const char *const[]){"cf-access-client-secret", m.secret, NULL}),
	                 401);
	assert_int_equal(with(k, "robots.localhost",
	                      (const char *const[]){"cf-access-client-id", m.client_id, "cf-access-client-id",
	                                            m.client_id, "cf-access-client-secret", m.secret, NULL}),
	                 401);
	/* whose guesses were refused still gets in with the right one, and guesses end in 429 */
	unsigned last = 0;
	for (int i = 0; i < 40 && last != 429; i++)
		last = get(k, "robots.localhost", m.client_id, wrong);
	assert_int_equal(last, 429);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 200);
	deleted(k, &m);
	deleted(k, &other);
}

/* A cookie that would let a person in says nothing beside a service token. */
static void
test_cookie_ignored(void **state)
{
	struct jk *k = *state;
	struct mine m;

	made(k, "{\"name\":\"beside\"}", &m);
	jk_cookies_clear(k);
	jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse");
	char *token = jk_app_token(k, "ssh.localhost");
	assert_non_null(token);
	char *cookie = str_fmt("CF_Authorization=%s", token);
	assert_int_equal(with(k, "ssh.localhost", (const char *const[]){"cookie", cookie, NULL}), 200);
	assert_int_equal(with(k, "ssh.localhost",
	                      (const char *const[]){"cookie", cookie, "cf-access-client-id", m.client_id,
	                                            "cf-access-client-secret", m.secret, NULL}),
	                 403);
	assert_int_equal(with(k, "ssh.localhost",
	                      (const char *const[]){"cf-access-token", token, "cf-access-client-id", m.client_id,
	                                            "cf-access-client-secret", "0", NULL}),
	                 401);
	free(token);
	free(cookie);
	deleted(k, &m);
}

/* A WebSocket that another site's page opens brings this browser's cookie, and its own Origin. */
static void
test_websocket_of_another_site(void **state)
{
	static const struct {
		const char *origin;
		bool in;
	} rows[] = {{"https://ssh.localhost:8443", true},   {"https://evil.test", false},
	            {"https://evil.localhost:8443", false}, {"https://ssh.localhost", false},
	            {"http://ssh.localhost:8443", false},   {"null", false}};
	struct jk *k = *state;
	struct reply r;

	jk_cookies_clear(k);
	jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse");
	char *token = jk_app_token(k, "ssh.localhost"), *cookie = str_fmt("CF_Authorization=%s", token);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		jk_socket(
		    k, "ssh.localhost",
		    (const char *const[]){"cookie", cookie, "sec-websocket-key", KEY, "origin", rows[i].origin, NULL},
		    &r);
		assert_int_equal(r.action == ANSWER_RELAY, rows[i].in);
		jk_reply_free(&r);
	}
	jk_socket(k, "ssh.localhost", (const char *const[]){"cookie", cookie, "sec-websocket-key", KEY, NULL}, &r);
	assert_int_not_equal(r.action, ANSWER_RELAY);
	jk_reply_free(&r);
	/* a program has no Origin, and its header no browser sends by itself */
	jk_socket(k, "ssh.localhost", (const char *const[]){"cf-access-token", token, "sec-websocket-key", KEY, NULL},
	          &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	jk_reply_free(&r);
	free(token);
	free(cookie);
}

/* 401 is for applications that programs may reach; where nobody but people can, they are sent to sign in. */
static void
test_who_is_told_401(void **state)
{
	struct jk *k = *state;

	assert_int_equal(with(k, "mixed.localhost", (const char *const[]){"accept", "*/*", NULL}), 401);
	assert_int_equal(with(k, "people.localhost", (const char *const[]){"accept", "*/*", NULL}), 302);
}

static void
test_one_header(void **state)
{
	struct jk *k = *state;
	struct mine m;
	char v[300];
	struct reply r;

	made(k, "{\"name\":\"one header\"}", &m);
	snprintf(v, sizeof v, "{\"cf-access-client-id\": \"%s\", \"cf-access-client-secret\": \"%s\"}", m.client_id,
	         m.secret);
	assert_int_equal(with(k, "mixed.localhost", (const char *const[]){"x-robot", v, NULL}), 200);
	assert_int_equal(get(k, "mixed.localhost", m.client_id, m.secret), 200);
	/* both ways at once, twice, and with more inside */
	assert_int_equal(
	    with(k, "mixed.localhost", (const char *const[]){"x-robot", v, "cf-access-client-id", m.client_id, NULL}),
	    401);
	assert_int_equal(with(k, "mixed.localhost", (const char *const[]){"x-robot", v, "x-robot", v, NULL}), 401);
	assert_int_equal(with(k, "mixed.localhost",
	                      (const char *const[]){"x-robot", v, "cf-access-client-id", m.client_id,
	                                            "cf-access-client-secret", m.secret, NULL}),
	                 401);
	snprintf(v, sizeof v, "{\"cf-access-client-id\": \"%s\"}", m.client_id);
	assert_int_equal(with(k, "mixed.localhost", (const char *const[]){"x-robot", v, NULL}), 401);
	assert_int_equal(with(k, "mixed.localhost", (const char *const[]){"x-robot", "{", NULL}), 401);
	/* a value that is no JSON is the origin's own; then nobody is signed in: 401 as the application wishes */
	jk_ask(k, "GET", "mixed.localhost", "/", (const char *const[]){"x-robot", "Basic eDp5", NULL}, NULL, &r);
	assert_int_equal(r.status, 401);
	assert_null(jk_header(&r, "location"));
	jk_reply_free(&r);
	/* an application that does not ask for it does not read it */
	snprintf(v, sizeof v, "{\"cf-access-client-id\": \"%s\", \"cf-access-client-secret\": \"%s\"}", m.client_id,
	         m.secret);
	assert_int_equal(with(k, "robots.localhost", (const char *const[]){"x-robot", v, NULL}), 403);
	deleted(k, &m);
}

/* --- its life */

/* Does the text stand in any file of the judge's store? */
static bool
in_store(struct jk *k, const char *text)
{
	DIR *d = opendir(k->state);
	bool found = false;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[512];
		struct buf b;
		snprintf(path, sizeof path, "%s/%s", k->state, e->d_name);
		buf_init(&b, 64u << 20);
		if (e->d_type == DT_REG && file_read(path, &b) == 0)
			found |= memmem(buf_ptr(&b), buf_len(&b), text, strlen(text)) != NULL;
		buf_release(&b);
	}
	closedir(d);
	return found;
}

/* front tells a new judge of a connection that lives. */
static void
jk_live(struct jk *k, const struct reply *was, const char *host)
{
	struct fj_ticket_live m = {.ticket = was->ticket,
	                           .tunnel = was->tunnel,
	                           .authority = host,
	                           .client_ip = "203.0.113.7",
	                           .since = clock_wall() - 10,
	                           .assertion = jk_header(was, "cf-access-jwt-assertion")};
	struct reply r;

	assert_int_equal(ipc_send(k->front, &fj_ticket_live_def, &m), 0);
	jk_ask(k, "GET", JK_TEAM, "/cdn-cgi/access/certs", NULL, NULL, &r); /* and it has been read */
	jk_reply_free(&r);
}

static void
test_api(void **state)
{
	struct jk *k = *state;
	struct mine m;
	struct reply r;
	char path[200];

	made(k, "{\"name\":\"yearly\"}", &m);
	snprintf(path, sizeof path, TOKENS "/%s", m.id);
	json_t *j = jk_api(k, "GET", path, NULL, &r);
	assert_string_equal(json_str_or(j, "duration", ""), "8760h");
	assert_null(json_object_get(j, "client_secret"));
	assert_non_null(json_object_get(j, "expires_at"));
	assert_null(json_object_get(j, "last_seen_at"));
	jk_reply_free(&r);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 200);
	j = jk_api(k, "GET", path, NULL, &r);
	assert_non_null(json_object_get(j, "last_seen_at"));
	jk_reply_free(&r);
	assert_int_equal(put(k, &m, "{\"duration\":\"forever\"}"), 200);
	j = jk_api(k, "GET", path, NULL, &r);
	assert_string_equal(json_str_or(j, "duration", ""), "forever");
	assert_string_equal(json_str_or(j, "name", ""), "yearly");
	assert_null(json_object_get(j, "expires_at"));
	jk_reply_free(&r);
	assert_int_equal(put(k, &m, "{\"durations\":\"1h\"}"), 400);
	assert_int_equal(put(k, &m, "{\"duration\":\"yesterday\"}"), 400);
	assert_int_equal(put(k, &m, "{\"client_secret_version\":7}"), 400);
	/* a name belongs to one */
	jk_api(k, "POST", TOKENS, "{\"name\":\"yearly\"}", &r);
	assert_int_equal(r.status, 409);
	jk_reply_free(&r);
	/* the secret survives a restart of the judge, and never stands in its store */
	jk_judge_restart(k);
	jk_connect(k);
	assert_true(in_store(k, m.client_id));
	assert_false(in_store(k, m.secret));
	deleted(k, &m);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 401);
}

static void
test_rotate(void **state)
{
	struct jk *k = *state;
	struct mine m, next;
	struct reply r, live;
	char path[200], body[120], at[24];

	made(k, "{\"name\":\"turning\"}", &m);
	next = m;
	snprintf(path, sizeof path, TOKENS "/%s/rotate", m.id);
	/* with a grace: both count */
	time_format(clock_wall() + 3600, at);
	snprintf(body, sizeof body, "{\"previous_client_secret_expires_at\":\"%s\"}", at);
	json_t *j = jk_api(k, "POST", path, body, &r);
	str_copy(next.secret, sizeof next.secret, json_str_or(j, "client_secret", ""));
	assert_int_equal(strlen(next.secret), 64);
	assert_string_not_equal(next.secret, m.secret);
	assert_int_equal(json_i64_or(j, "client_secret_version", 0), 2);
	jk_reply_free(&r);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 200);
	assert_int_equal(get(k, "robots.localhost", m.client_id, next.secret), 200);
	/* a connection by the old one is cut when its grace ends */
	socket_by(k, "robots.localhost", &m, &live);
	assert_int_equal(live.action, 1);
	assert_true(live.until <= clock_wall() + 3600 && live.until > clock_wall() + 3500);
	size_t before = k->ncuts;
	time_format(clock_wall() - 5, at);
	snprintf(body, sizeof body, "{\"previous_client_secret_expires_at\":\"%s\"}", at);
	assert_int_equal(put(k, &m, body), 200);
	assert_int_equal(k->ncuts, before + 1);
	assert_int_equal(k->cuts[before], live.ticket);
	jk_reply_free(&live);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 401);
	/* without one: the old secret is dead at once, and so is what it opened */
	socket_by(k, "robots.localhost", &next, &live);
	assert_int_equal(live.action, 1);
	before = k->ncuts;
	jk_api(k, "POST", path, NULL, &r);
	jk_reply_free(&r);
	assert_int_equal(k->ncuts, before + 1);
	jk_reply_free(&live);
	assert_int_equal(get(k, "robots.localhost", m.client_id, next.secret), 401);
	deleted(k, &m);
}

static void
test_cut(void **state)
{
	struct jk *k = *state;
	struct mine m;
	struct reply live;

	for (int how = 0; how < 5; how++) {
		made(k, "{\"name\":\"cut\"}", &m);
		socket_by(k, "robots.localhost", &m, &live);
		assert_int_equal(live.action, 1);
		size_t before = k->ncuts;
		if (how == 0) {
			deleted(k, &m);
		} else if (how == 1) {
			assert_int_equal(put(k, &m, "{\"enabled\":false}"), 200);
		} else if (how == 2) {
			jk_judge_restart(k); /* taken up again, by the token that the origin was told */
			jk_connect(k);
			jk_live(k, &live, "robots.localhost");
			assert_int_equal(k->ncuts, before);
			assert_int_equal(put(k, &m, "{\"enabled\":false}"), 200);
		} else if (how == 3) { /* disabled before the new judge heard of the connection */
			jk_judge_restart(k);
			jk_connect(k);
			assert_int_equal(put(k, &m, "{\"enabled\":false}"), 200);
			jk_live(k, &live, "robots.localhost");
			for (int i = 0; i < 20 && k->ncuts == before; i++)
				get(k, "robots.localhost", m.client_id, m.secret);
		} else {
			jk_apply(k, "{\"apps\":[{\"name\":\"robots\",\"domain\":\"robots.localhost\",\"policies\":"
			            "[{\"name\":\"robots\",\"decision\":\"non_identity\",\"include\":[{\"ip\":{\"ip\":"
			            "\"198.51.100.0/24\"}}]}]}]}");
		}
		assert_int_equal(k->ncuts, before + 1);
		assert_int_equal(k->cuts[before], live.ticket);
		if (how)
			deleted(k, &m);
		jk_reply_free(&live);
	}
	jk_apply(k, "{\"apps\":[{\"name\":\"robots\",\"domain\":\"robots.localhost\",\"policies\":[{\"name\":"
	            "\"robots\",\"decision\":\"non_identity\",\"include\":[{\"any_valid_service_token\":{}}],"
	            "\"usernames\":[\"deploy\"]}]}]}");
}

/* --- certificates */

/* An app token for the key, or NULL. */
static char *
exchange(struct jk *k, const char *host, const struct mine *m, const char *cnf)
{
	struct reply r;
	char target[200];

	snprintf(target, sizeof target, "/cdn-cgi/access/service_token?cnf=%s", cnf);
	jk_ask(k, "POST", host, target,
	       (const char *const[]){"cf-access-client-id", m->client_id, "cf-access-client-secret", m->secret, NULL},
	       "", &r);
	char *token = r.status == 200 ? str_dup(json_str_or(r.json, "app_token", "")) : NULL;
	jk_reply_free(&r);
	return token;
}

static unsigned
sign(struct jk *k, const char *token, const char *key, const char *principal)
{
	struct reply r;
	json_t *j =
	    json_pack("{s:s, s:s, s:s, s:s}", "jwt", token, "public_key", key, "issuer", "", "principal", principal);
	char *body = json_dump_str(j);

	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, body, &r);
	unsigned status = r.status;
	jk_reply_free(&r);
	free(body);
	json_decref(j);
	return status;
}

static void
ca_for(struct jk *k, const char *domain)
{
	struct reply r, one;
	json_t *apps = jk_api(k, "GET", JK_API "access/apps", NULL, &r), *a;
	char path[200];
	size_t i;

	json_array_foreach(apps, i, a)
	{
		if (strcmp(json_str_or(a, "domain", ""), domain))
			continue;
		snprintf(path, sizeof path, JK_API "access/apps/%s/ca", json_str_or(a, "id", ""));
		jk_api(k, "POST", path, NULL, &one);
		assert_true(one.status < 300);
		jk_reply_free(&one);
	}
	jk_reply_free(&r);
}

static void
test_certificate(void **state)
{
	struct jk *k = *state;
	struct kit_key key, other;
	struct mine m;
	struct reply r;
	char body[200];

	kit_key(&key);
	kit_key(&other);
	made(k, "{\"name\":\"certified\"}", &m);
	ca_for(k, "robots.localhost");
	ca_for(k, "mixed.localhost");
	char *token = exchange(k, "robots.localhost", &m, key.cnf), *bare = exchange(k, "robots.localhost", &m, ""),
	     *mixed = exchange(k, "mixed.localhost", &m, key.cnf);
	assert_non_null(token);
	assert_non_null(bare);
	assert_non_null(mixed);
	assert_null(exchange(k, "ssh.localhost", &m, key.cnf)); /* no service-auth policy there */
	assert_null(exchange(k, "robots.localhost", &m, "short"));
	/* the policy names the user, but nobody gave that name to this token */
	assert_int_equal(sign(k, token, key.line, ""), 403);
	snprintf(body, sizeof body, "{\"name\":\"deploy\",\"service_token\":\"certified\"}");
	jk_api(k, "POST", JK_API "sallyport/principals", body, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	assert_int_equal(sign(k, token, key.line, ""), 200);
	assert_int_equal(sign(k, token, key.line, "deploy"), 200);
	assert_int_equal(sign(k, token, key.line, "root"), 403);
	assert_int_equal(sign(k, token, other.line, ""), 403);
	assert_int_equal(sign(k, bare, key.line, ""), 403);
	/* bound, but this policy names no user, whatever is asked for */
	assert_int_equal(sign(k, mixed, key.line, ""), 403);
	assert_int_equal(sign(k, mixed, key.line, "deploy"), 403);
	/* the token that was got before ends with the service token */
	assert_int_equal(put(k, &m, "{\"enabled\":false}"), 200);
	assert_int_equal(sign(k, token, key.line, ""), 401);
	deleted(k, &m);
	assert_int_equal(sign(k, token, key.line, ""), 401);
	free(token);
	free(bare);
	free(mixed);
}

/* Rules name one; another one does not pass. A document makes one, whose secret it shows once. */
static void
test_named_and_applied(void **state)
{
	struct jk *k = *state;
	struct mine m, other;
	struct reply r;
	json_t *out;
	static const char doc[] =
	    "{\"service_tokens\":[{\"name\":\"named\",\"duration\":\"24h\"}],\"apps\":[{\"name\":\"robots\",\"domain\":"
	    "\"robots.localhost\",\"policies\":[{\"name\":\"robots\",\"decision\":\"non_identity\",\"include\":[{"
	    "\"service_token\":{\"token_id\":\"named\"}}],\"usernames\":[\"deploy\"]}]}]}";

	made(k, "{\"name\":\"unnamed\"}", &other);
	/* a name that is not there yet */
	jk_api(k, "POST", JK_API "sallyport/apply",
	       "{\"apps\":[{\"name\":\"robots\",\"domain\":\"robots.localhost\",\"policies\":[{\"name\":\"robots\","
	       "\"decision\":\"non_identity\",\"include\":[{\"service_token\":{\"token_id\":\"unamed\"}}]}]}]}",
	       &r);
	assert_non_null(strstr(r.body, "did you mean \\\"unnamed\\\""));
	assert_int_equal(r.status, 400);
	jk_reply_free(&r);
	out = jk_api(k, "POST", JK_API "sallyport/apply", doc, &r);
	json_t *one = json_array_get(json_object_get(out, "secrets"), 0);
	assert_non_null(one);
	assert_string_equal(json_str_or(one, "name", ""), "named");
	str_copy(m.client_id, sizeof m.client_id, json_str_or(one, "client_id", ""));
	str_copy(m.secret, sizeof m.secret, json_str_or(one, "client_secret", ""));
	jk_reply_free(&r);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 200);
	assert_int_equal(get(k, "robots.localhost", other.client_id, other.secret), 403);
	/* the same again changes nothing and shows nothing */
	out = jk_api(k, "POST", JK_API "sallyport/apply", doc, &r);
	assert_int_equal(json_array_size(json_object_get(out, "changes")), 0);
	assert_null(json_object_get(out, "secrets"));
	jk_reply_free(&r);
	assert_int_equal(get(k, "robots.localhost", m.client_id, m.secret), 200);
	deleted(k, &other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_admitted_or_not),
	    cmocka_unit_test(test_not_authentic),
	    cmocka_unit_test(test_cookie_ignored),
	    cmocka_unit_test(test_websocket_of_another_site),
	    cmocka_unit_test(test_who_is_told_401),
	    cmocka_unit_test(test_one_header),
	    cmocka_unit_test(test_api),
	    cmocka_unit_test(test_rotate),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_certificate),
	    cmocka_unit_test(test_named_and_applied),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
