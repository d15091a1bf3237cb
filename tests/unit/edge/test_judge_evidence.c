/* What the judge takes as proof: forms, tokens of administrators and people, secrets of connectors; and what one peer
 * may hold. */
#include <fcntl.h>
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
#include "crypto/seal.h"
#include "edge/signer/keys.h"
#include "identity/token.h"
#include "judge_kit.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

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

/* A token as the signer would have made it. */
static void
mint(struct jk *k, const struct token *t, struct buf *out)
{
	struct keystore ks;
	struct reason r = {0};
	struct slice der;
	struct key *key = NULL;
	char path[128], kid[65];

	kit_path(&k->s, "store", path);
	char *node = kit_read(&k->s, "node-key", NULL);
	assert_int_equal(keystore_open(&ks, open(path, O_RDWR | O_APPEND), (const uint8_t *)node, 1, &r), 0);
	assert_true(keystore_get(&ks, KS_TOKEN_KEY, "00000000", &der));
	assert_int_equal(key_import_private(kit_token_der(der), &key), 0);
	assert_int_equal(key_kid(key, kid), 0);
	buf_init(out, 16384);
	assert_int_equal(token_mint(key, kid, t, out), 0);
	key_free(key);
	keystore_release(&ks);
	free(node);
}

/* --- forms */

static void
client_page(const char *more, char name[static 65], char out[static 512])
{
	struct box_key key;
	struct buf esc;

	box_key_generate(&key);
	assert_int_equal(b64_encode_str(name, 65, B64_URL_PAD, key.pub, 32), 0);
	buf_init(&esc, 256);
	assert_int_equal(url_escape(&esc, name), 0);
	snprintf(out, 512, "/cdn-cgi/access/cli?token=%s&app=ssh.localhost%s", buf_cstr(&esc), more);
	buf_release(&esc);
	box_key_release(&key);
}

static char *
csrf_of(struct jk *k, const char *page)
{
	struct reply r;

	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	assert_int_equal(r.status, 200);
	char *csrf = jk_between(r.body, "name=\"csrf\" value=\"", "\"");
	jk_reply_free(&r);
	return csrf;
}

static unsigned
post(struct jk *k, const char *page, const char *csrf, const char *more)
{
	struct reply r;
	char form[512];

	snprintf(form, sizeof form, "csrf=%s%s", csrf, more);
	jk_browse(k, "POST", JK_TEAM, page, form, &r);
	unsigned status = r.status;
	jk_reply_free(&r);
	return status;
}

/* The proof of one form opens no other, nor that of one browser the form of another. */
static void
test_forms_are_not_exchanged(void **state)
{
	static const char login[] = "/cdn-cgi/access/login/ssh.localhost?idp=" KIT_IDP,
	                  who[] = "&email=jdoe%40example.test&password=correct+horse";
	struct jk *k = *state;
	char one[512], two[512], name[65];

	char *first = csrf_of(k, login);
	jk_cookies_clear(k); /* another browser */
	char *second = csrf_of(k, login);
	assert_string_not_equal(first, second);
	assert_int_equal(post(k, login, first, who), 403);
	free(second);
	second = csrf_of(k, login);
	assert_int_equal(post(k, login, second, who), 302);
	free(first);
	free(second);
	client_page("", name, one);
	client_page("", name, two);
	first = csrf_of(k, one);
	second = csrf_of(k, two);
	assert_int_equal(post(k, two, first, ""), 403);
	assert_int_equal(post(k, two, second, ""), 200);
	assert_int_equal(post(k, two, second, ""), 403); /* filled once */
	free(first);
	free(second);
}

static void
test_client_page_names_the_application(void **state)
{
	struct jk *k = *state;
	struct reply r;
	char page[512], name[65], more[80];

	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	snprintf(more, sizeof more, "&aud=%064d", 0);
	client_page(more, name, page);
	jk_browse(k, "GET", JK_TEAM, page, NULL, &r);
	assert_int_equal(r.status, 400);
	jk_reply_free(&r);
	client_page("", name, page);
	char *csrf = csrf_of(k, page);
	free(csrf);
}

static void
test_transfer_names_and_numbers(void **state)
{
	static const char *const bad[] = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",  /* 31 bytes */
	                                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}; /* 33 */
	struct jk *k = *state;
	struct reply *held = calloc(160, sizeof *held), r;
	char path[160], name[65];
	unsigned answered = 0;

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "/cdn-cgi/access/transfer/%s", bad[i]);
		jk_ask(k, "GET", JK_TEAM, path, NULL, NULL, &r);
		assert_int_equal(r.status, 400);
		jk_reply_free(&r);
	}
	/* when many wait, one address does not hold them all */
	for (unsigned i = 0; i < 160; i++) {
		client_page("", name, (char[512]){0});
		snprintf(path, sizeof path, "/cdn-cgi/access/transfer/%s", name);
		jk_begin(k, "GET", JK_TEAM, path, NULL, NULL, &held[i]);
	}
	jk_ask(k, "GET", JK_TEAM, "/cdn-cgi/access/certs", NULL, NULL, &r); /* behind all of them */
	jk_reply_free(&r);
	for (unsigned i = 0; i < 160; i++) {
		answered += held[i].done;
		assert_int_equal(held[i].done, i >= 128);
		if (held[i].done)
			assert_int_equal(held[i].status, 503);
	}
	assert_int_equal(answered, 32);
	jk_front_again(k);
	for (unsigned i = 0; i < 160; i++)
		jk_reply_free(&held[i]);
	free(held);
}

/* --- administrators */

static unsigned
api_as(struct jk *k, const char *token, const char *method, const char *path, const char *body)
{
	char bearer[8192];
	struct reply r;
	const char *h[] = {"authorization", bearer, "content-type", "application/json", NULL};

	snprintf(bearer, sizeof bearer, "Bearer %s", token);
	jk_ask(k, method, JK_TEAM, path, h, body, &r);
	unsigned status = r.status;
	jk_reply_free(&r);
	return status;
}

static void
test_scopes_and_accounts(void **state)
{
	static const char app[] = "{\"name\":\"new\",\"domain\":\"new.localhost\"}";
	struct jk *k = *state;
	int64_t now = clock_wall();
	struct buf reader;
	struct token t = {.type = TOKEN_API,
	                  .iss = KIT_ISSUER,
	                  .aud = KIT_ISSUER "/api",
	                  .sub = "api:reader",
	                  .jti = "11111111-2222-4333-8444-555555555555",
	                  .scopes = {{"read"}, 1},
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + 1000};

	mint(k, &t, &reader);
	assert_int_equal(api_as(k, buf_cstr(&reader), "GET", JK_API "access/apps", NULL), 200);
	assert_int_equal(api_as(k, buf_cstr(&reader), "POST", JK_API "access/apps", app), 403);
	assert_int_equal(api_as(k, buf_cstr(&reader), "DELETE", JK_API "access/apps/x", NULL), 403);
	assert_int_equal(api_as(k, k->s.admin_token, "GET",
	                        "/client/v4/accounts/ffffffffffffffffffffffffffffffff/access/apps", NULL),
	                 404);
	assert_int_equal(api_as(k, k->s.admin_token, "PUT",
	                        "/client/v4/zones/ffffffffffffffffffffffffffffffff/tunnels/x/routes",
	                        "{\"type\":\"dns\",\"user_hostname\":\"new.localhost\"}"),
	                 404);
	assert_int_equal(api_as(k, k->s.admin_token, "GET", JK_API "access/apps", NULL), 200);
	buf_release(&reader);
}

/* What "write" does not open by its own row it does not open inside a document either, nor any other part of it. */
static void
test_document_needs_each_scope(void **state)
{
	static const char *const documents[] = {
	    "{\"identity_providers\":[{\"name\":\"mine\",\"type\":\"onetimepin\"}],\"groups\":[{\"name\":\"mine\","
	    "\"include\":[{\"everyone\":{}}]}]}",
	    "{\"groups\":[{\"name\":\"mine\",\"include\":[{\"everyone\":{}}]}],\"identity_providers\":[{\"name\":"
	    "\"local\",\"type\":\"local\",\"users\":[{\"email\":\"jdoe@example.test\",\"password\":\"another "
	    "horse\"}]}]}",
	    "{\"groups\":[{\"name\":\"mine\",\"include\":[{\"everyone\":{}}]}],\"admins\":[{\"email\":"
	    "\"jdoe@example.test\",\"idp\":\"local\",\"role\":\"admin\"}]}"};
	struct jk *k = *state;
	int64_t now = clock_wall();
	struct buf writer;
	struct reply r;
	struct token t = {.type = TOKEN_API,
	                  .iss = KIT_ISSUER,
	                  .aud = KIT_ISSUER "/api",
	                  .sub = "api:writer",
	                  .jti = "11111111-2222-4333-8444-555555555556",
	                  .scopes = {{"write"}, 1},
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + 1000};

	mint(k, &t, &writer);
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		assert_int_equal(api_as(k, buf_cstr(&writer), "POST", JK_API "sallyport/apply?dry_run=1", documents[i]),
		                 403);
		assert_int_equal(api_as(k, buf_cstr(&writer), "POST", JK_API "sallyport/apply", documents[i]), 403);
		jk_api(k, "GET", JK_API "access/groups", NULL, &r);
		assert_null(strstr(r.body, "\"mine\""));
		jk_reply_free(&r);
		jk_api(k, "GET", JK_API "access/identity_providers", NULL, &r);
		assert_null(strstr(r.body, "\"mine\""));
		jk_reply_free(&r);
	}
	assert_int_equal(api_as(k, buf_cstr(&writer), "POST", JK_API "sallyport/apply",
	                        "{\"identity_providers\":[{\"name\":\"local\",\"type\":\"local\"}],\"groups\":[{"
	                        "\"name\":\"mine\",\"include\":[{\"everyone\":{}}]}]}"),
	                 200); /* what stands already may be named */
	buf_release(&writer);
}

/* --- people */

/* A token that names the session of one person and another person is nobody's. */
static void
test_session_of_another(void **state)
{
	struct jk *k = *state;
	struct reply r;
	struct buf forged;
	json_t *claims = NULL;
	int64_t now = clock_wall();

	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *good = jk_app_token(k, "ssh.localhost");
	assert_int_equal(jwt_peek(good, strlen(good), &claims), 0);
	struct token t = {
	    .type = TOKEN_APP,
	    .iss = KIT_ISSUER,
	    .aud = json_string_value(json_array_get(json_object_get(claims, "aud"), 0)),
	    .sub = json_string_value(json_object_get(claims, "sub")),
	    .email = "jdoe@example.test",
	    .idp_id = KIT_IDP,
	    .idp_type = "local",
	    .idp_iss = KIT_ISSUER "/idp/" KIT_IDP,
	    .idp_sub = "x",
	    .session = json_string_value(json_object_get(claims, "identity_nonce")),
	    .iat = now,
	    .nbf = now,
	    .exp = now + 100,
	};
	for (int i = 0; i < 2; i++) {
		mint(k, &t, &forged);
		jk_websocket(k, "ssh.localhost", buf_cstr(&forged), NULL, &r);
		assert_int_equal(r.status, i ? 302 : 503); /* let in, there is no connector; refused */
		jk_reply_free(&r);
		buf_release(&forged);
		t.sub = "11111111-2222-8333-8444-555555555555";
	}
	json_decref(claims);
	free(good);
}

/* Somebody is barred by address before their first sign-in, and a revoked session ends what it opened. */
static void
test_barred_and_revoked(void **state)
{
	struct jk *k = *state;
	struct reply r;
	json_t *claims = NULL;
	char path[128];

	jk_api(k, "POST", "sallyport/users/eve@elsewhere.test/disable", "{}", &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	assert_int_equal(jk_sign_in(k, JK_TEAM, "eve@elsewhere.test", "battery staple"), 403);
	jk_cookies_clear(k);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	assert_int_equal(jwt_peek(token, strlen(token), &claims), 0);
	snprintf(path, sizeof path, "sallyport/sessions/%s",
	         json_string_value(json_object_get(claims, "identity_nonce")));
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 503);
	jk_reply_free(&r);
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.status, 302);
	assert_string_equal(jk_header(&r, "cf-access-error"), "SP-1207");
	jk_reply_free(&r);
	json_decref(claims);
	free(token);
}

/* --- connectors */

struct registered {
	struct jk *k;
	bool done;
	char cause[128];
};

static void
on_registered(int err, const void *mv, void *arg)
{
	struct registered *r = arg;

	assert_int_equal(err, 0);
	r->done = true;
	str_copy(r->cause, sizeof r->cause, ((const struct fj_registered *)mv)->cause);
	loop_stop(r->k->s.loop);
}

static bool
registers(struct jk *k, const struct fj_register *m)
{
	struct registered r = {.k = k};

	assert_int_equal(ipc_request(k->front, &fj_register_def, m, &fj_registered_def, 30000, on_registered, &r), 0);
	while (!r.done)
		loop_run(k->s.loop);
	if (r.cause[0] && strcmp(r.cause, "EDUPCONN"))
		assert_non_null(strstr(r.cause, "Unauthorized"));
	return !r.cause[0];
}

/* A tunnel with a secret of ours; its id. */
static void
tunnel(struct jk *k, const char *name, char id[static 40])
{
	struct reply r;
	char *body = str_fmt("{\"name\":\"%s\",\"tunnel_secret\":\"" SECRET "\"}", name);
	json_t *t = jk_api(k, "POST", "cfd_tunnel", body, &r);

	assert_int_equal(r.status, 200);
	str_copy(id, 40, json_string_value(json_object_get(t, "id")));
	jk_reply_free(&r);
	free(body);
}

static void
test_connectors(void **state)
{
	static const char name[] = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
	struct jk *k = *state;
	char id[40], client[40];
	uint8_t secret[33];

	for (int i = 0; i < 33; i++)
		secret[i] = (uint8_t)i;
	tunnel(k, name, id);
	const struct fj_register good = {.link = 1,
	                                 .account = JK_ACCOUNT,
	                                 .tunnel = id,
	                                 .secret = {secret, 32},
	                                 .client_id = "99999999-8888-4777-8666-555555555555",
	                                 .address = "192.0.2.9:4711",
	                                 .origin_ip = "10.1.2.3"};
	struct fj_register m = good;
	m.secret.n = 31;
	assert_false(registers(k, &m));
	m.secret.n = 33;
	assert_false(registers(k, &m));
	m.secret.n = 0;
	assert_false(registers(k, &m));
	m = good;
	m.account = "ffffffffffffffffffffffffffffffff";
	assert_false(registers(k, &m));
	m = good;
	m.tunnel = name; /* its name has the form of an id */
	assert_false(registers(k, &m));
	m.tunnel = "00000000-bbbb-4ccc-8ddd-eeeeeeeeeeee";
	assert_false(registers(k, &m));
	m = good;
	for (unsigned i = 1; i <= 100; i++) { /* 25 connectors of 4 connections */
		snprintf(client, sizeof client, "99999999-8888-4777-8666-%012u", i / 4);
		m.client_id = client;
		m.index = i % 4;
		m.link = i;
		assert_true(registers(k, &m));
	}
	m.client_id = "99999999-8888-4777-8666-555555555555";
	m.link = 101;
	assert_false(registers(k, &m));
}

/* A connector's place is its own: who claims it again comes back when front has found the older one dead, or says that
   it replaces it. Another connector's place of the same number is another place. */
static void
test_one_index_twice(void **state)
{
	struct jk *k = *state;
	char id[40];
	uint8_t secret[32];

	for (int i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	tunnel(k, "twice", id);
	struct fj_register m = {.link = 1,
	                        .account = JK_ACCOUNT,
	                        .tunnel = id,
	                        .secret = {secret, 32},
	                        .index = 1,
	                        .client_id = "99999999-8888-4777-8666-555555555555",
	                        .address = "192.0.2.9:4711"};
	assert_true(registers(k, &m));
	m.link = 2;
	k->probed = 0;
	assert_false(registers(k, &m));
	assert_int_equal(k->probed, 1);
	m.index = 2;
	assert_true(registers(k, &m));
	m.index = 1;
	m.link = 3;
	m.client_id = "99999999-8888-4777-8666-555555555556"; /* a replica */
	assert_true(registers(k, &m));
	m.link = 4;
	k->nunlink = 0;
	m.replace = true;
	assert_true(registers(k, &m));
	assert_int_equal(k->nunlink, 1);
	/* who is leaving holds no place */
	m.link = 5;
	m.replace = false;
	assert_int_equal(ipc_send(k->front, &fj_link_leaving_def, &(struct fj_link_leaving){.link = 3}), 0);
	assert_int_equal(ipc_send(k->front, &fj_link_leaving_def, &(struct fj_link_leaving){.link = 4}), 0);
	assert_true(registers(k, &m));
}

/* A connection that an older judge let in ends when its tunnel has gone meanwhile. */
static void
test_link_of_a_deleted_tunnel(void **state)
{
	struct jk *k = *state;
	struct reply r;
	struct fj_link_up up = {.link = 5,
	                        .tunnel = "00000000-bbbb-4ccc-8ddd-eeeeeeeeeeee",
	                        .client_id = "99999999-8888-4777-8666-555555555555",
	                        .conn_id = "99999999-8888-4777-8666-555555555556",
	                        .since = clock_wall()};

	k->nunlink = 0;
	assert_int_equal(ipc_send(k->front, &fj_link_up_def, &up), 0);
	jk_ask(k, "GET", JK_TEAM, "/cdn-cgi/access/certs", NULL, NULL, &r);
	jk_reply_free(&r);
	assert_int_equal(k->nunlink, 1);
}

static void
test_destinations(void **state)
{
	/* a name at the port of a listed network passes: the connector asks the list again with its address */
	static const char *const no[] = {"db.internal:23",      "localhost:2222",   "x.localhost:22",
	                                 "10.9.9.9:2222",       "11.0.0.1:22",      "[::1]:22",
	                                 "other.internal:2222", "other.internal:23"},
	                         *const yes[] = {"db.internal:2222", "other.internal:22", "10.9.9.9", NULL};
	struct jk *k = *state;
	struct reply r;
	char id[40];
	uint8_t secret[32];

	for (int i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	tunnel(k, "mine", id);
	char *doc = str_fmt("{\"apps\":[{\"name\":\"jump\",\"domain\":\"jump.localhost\",\"tunnel\":\"mine\"}]}");
	jk_apply(k, doc);
	free(doc);
	struct fj_register m = {.link = 1,
	                        .account = JK_ACCOUNT,
	                        .tunnel = id,
	                        .secret = {secret, 32},
	                        .client_id = "99999999-8888-4777-8666-555555555555",
	                        .address = "192.0.2.9:4711"};
	assert_true(registers(k, &m));
	assert_int_equal(jk_sign_in(k, "jump.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "jump.localhost");
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		jk_websocket(k, "jump.localhost", token, no[i], &r);
		if (r.action == ANSWER_RELAY)
			fail_msg("%s passes", no[i]);
		jk_reply_free(&r);
	}
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		jk_websocket(k, "jump.localhost", token, yes[i], &r);
		if (r.action != ANSWER_RELAY)
			fail_msg("%s is refused: %s", yes[i] ? yes[i] : "the default", r.body);
		jk_reply_free(&r);
	}
	free(token);
}

/* A session that is revoked ends what it opened, at once. */
static void
test_revoked_session_is_cut(void **state)
{
	struct jk *k = *state;
	struct reply r;
	json_t *claims = NULL;
	char id[40], path[128];
	uint8_t secret[32];

	for (int i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	tunnel(k, "mine", id);
	jk_apply(k, "{\"apps\":[{\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"tunnel\":\"mine\"}]}");
	struct fj_register m = {.link = 1,
	                        .account = JK_ACCOUNT,
	                        .tunnel = id,
	                        .secret = {secret, 32},
	                        .client_id = "99999999-8888-4777-8666-555555555555",
	                        .address = "192.0.2.9:4711"};
	assert_true(registers(k, &m));
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	char *token = jk_app_token(k, "ssh.localhost");
	jk_websocket(k, "ssh.localhost", token, NULL, &r);
	assert_int_equal(r.action, ANSWER_RELAY);
	uint64_t ticket = r.ticket;
	jk_reply_free(&r);
	assert_int_equal(jwt_peek(token, strlen(token), &claims), 0);
	snprintf(path, sizeof path, "sallyport/sessions/%s",
	         json_string_value(json_object_get(claims, "identity_nonce")));
	k->ncuts = 0;
	jk_api(k, "DELETE", path, NULL, &r);
	assert_int_equal(r.status, 200);
	jk_reply_free(&r);
	assert_int_equal(k->ncuts, 1);
	assert_true(k->cuts[0] == ticket);
	json_decref(claims);
	free(token);
}

/* --- certificates */

static unsigned
certificate(struct jk *k, const char *cert_body, char out[static 4096])
{
	struct reply r;

	jk_ask(k, "POST", JK_TEAM, "/cdn-cgi/access/cert_sign", NULL, cert_body, &r);
	unsigned status = r.status;
	str_copy(out, 4096, json_str_or(r.json, "certificate", ""));
	jk_reply_free(&r);
	return status;
}

/* Of the certificate: does its source-address option have this text? */
static bool
names_address(const char *line, const char *part)
{
	const char *b64 = strchr(line, ' ') + 1;
	struct buf raw;

	buf_init(&raw, 8192);
	assert_int_equal(b64_decode(&raw, B64_STD, b64, strcspn(b64, " ")), 0);
	bool found = memmem(buf_ptr(&raw), buf_len(&raw), part, strlen(part)) != NULL;
	buf_release(&raw);
	return found;
}

static void
sources(struct jk *k, uint64_t link, const char *text)
{
	struct fj_local_config m = {.link = link, .config = "", .sources = text};

	assert_int_equal(ipc_send(k->front, &fj_local_config_def, &m), 0);
}

/* Only names of the application's; and, where it says so, only from where its own tunnel's connectors are. */
static void
test_certificate_names_and_sources(void **state)
{
	struct jk *k = *state;
	struct reply r;
	struct kit_key key;
	char path[128], text[4096], mine[40], other[40];
	uint8_t secret[32];

	for (int i = 0; i < 32; i++)
		secret[i] = (uint8_t)i;
	tunnel(k, "mine", mine);
	tunnel(k, "other", other);
	jk_apply(k, "{\"apps\":[{\"name\":\"ssh\",\"domain\":\"ssh.localhost\",\"tunnel\":\"mine\",\"ssh\":{"
	            "\"source_address\":\"auto\"}}]}");
	json_t *apps = jk_api(k, "GET", "access/apps?domain=ssh.localhost", NULL, &r);
	snprintf(path, sizeof path, "access/apps/%s/ca",
	         json_string_value(json_object_get(json_array_get(apps, 0), "id")));
	jk_reply_free(&r);
	jk_api(k, "POST", path, NULL, &r);
	jk_reply_free(&r);
	assert_int_equal(jk_sign_in(k, "ssh.localhost", "jdoe@example.test", "correct horse"), 302);
	kit_key(&key);
	char *token = jk_client_token(k, "ssh.localhost", key.cnf);
	char *body = str_fmt("{\"public_key\":\"%s\",\"jwt\":\"%s\"}", key.line, token),
	     *root = str_fmt("{\"public_key\":\"%s\",\"jwt\":\"%s\",\"principal\":\"root\"}", key.line, token);
	struct fj_register m = {.link = 1,
	                        .account = JK_ACCOUNT,
	                        .tunnel = other,
	                        .secret = {secret, 32},
	                        .client_id = "99999999-8888-4777-8666-555555555555",
	                        .address = "192.0.2.9:4711"};
	assert_true(registers(k, &m));
	sources(k, 1, "[{\"hostname\":\"ssh.localhost\",\"addresses\":[\"10.77.0.1\"]}]");
	m.tunnel = mine;
	m.link = 2;
	assert_true(registers(k, &m));
	assert_int_equal(certificate(k, body, text), 200);
	assert_int_equal(names_address(text, "/32"), 0); /* nobody of this tunnel has said where it is */
	sources(k, 2,
	        "[{\"hostname\":\"*.elsewhere\",\"addresses\":[\"10.99.0.1\"]},"
	        "{\"hostname\":\"*.localhost\",\"addresses\":[\"10.88.0.1\",\"0.0.0.0/0\",\"host\",7]},"
	        "{\"hostname\":\"*.localhost\",\"addresses\":[\"10.88.0.2\"]},"
	        "{\"addresses\":[\"10.66.0.1\"]}]");
	assert_int_equal(certificate(k, body, text), 200);
	assert_int_equal(names_address(text, "10.88.0.1/32,10.88.0.2/32"), 1);
	assert_int_equal(names_address(text, "10.77."), 0);
	assert_int_equal(names_address(text, "10.66."), 0);
	assert_int_equal(names_address(text, "0.0.0.0/0"), 0);
	sources(k, 2, "[");
	assert_int_equal(certificate(k, body, text), 200);
	assert_int_equal(names_address(text, "/32"), 0);
	sources(k, 2, "[{\"hostname\":\"ssh.localhost\",\"addresses\":[\"10.88.0.1\"]}]");
	assert_int_equal(certificate(k, body, text), 200);
	assert_int_equal(names_address(text, "10.88.0.1/32"), 1);
	assert_int_equal(certificate(k, root, text), 403);
	assert_string_equal(text, "");
	/* who the policy does not let in any more does not even get as far as the signer */
	jk_apply(k, "{\"groups\":[{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"other.test\"}}]}]}");
	assert_int_equal(certificate(k, body, text), 403);
	char *jn = kit_read(&k->s, "journal", NULL), *first = strstr(jn, "\"ev\":\"cert\"");
	for (int i = 0; i < 4; i++, first = strstr(first + 1, "\"ev\":\"cert\""))
		assert_non_null(first);
	assert_null(first);
	free(jn);
	free(token);
	free(body);
	free(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_forms_are_not_exchanged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_client_page_names_the_application, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_transfer_names_and_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_scopes_and_accounts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_document_needs_each_scope, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_session_of_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_barred_and_revoked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_connectors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_index_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_link_of_a_deleted_tunnel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_destinations, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_revoked_session_is_cut, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_certificate_names_and_sources, setup, teardown),
	};
	return cmocka_run_group_tests_name("judge_evidence", tests, NULL, NULL);
}
