/* Sign-in on the evidence of an ID token, and what an authoritative provider may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/str.h"
#include "identity/jwt.h"
#include "identity/pkce.h"
#include "signer_kit.h"

#define IDP "99999999-2222-4333-8444-555555555555"
#define ISS "https://idp.example.test"

struct idp {
	struct key *key;
	char *jwks;
};

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	kit_new(k);
	assert_true(kit_start(k));
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	kit_free(*state);
	free(*state);
	return 0;
}

static void
provider(struct kit *k, const char *domains)
{
	char *rec = str_fmt("{\"id\":\"" IDP "\",\"type\":\"oidc\",\"name\":\"corp\",\"issuer\":\"" ISS
	                    "\",\"client_id\":\"cl\",\"client_secret\":\"s\",\"domains\":%s}",
	                    domains);
	struct js_provider_put m = {.admin_token = k->admin_token, .id = IDP, .record = slice_str(rec)};
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_provider_put_def, &m, &js_done_def, &a), 0);
	assert_string_equal(a.why, "");
	free(rec);
}

static void
idp_make(struct idp *p)
{
	struct jwks set = {0};
	struct buf spki;
	struct key *pub = NULL;

	assert_int_equal(key_generate(KEY_P256, 0, &p->key), 0);
	buf_init(&spki, 1024);
	assert_int_equal(key_spki(p->key, &spki), 0);
	assert_int_equal(key_from_spki(buf_slice(&spki), &pub), 0);
	assert_int_equal(jwks_add(&set, "k1", pub), 0);
	json_t *j = jwks_to_json(&set);
	p->jwks = json_dump_str(j);
	json_decref(j);
	jwks_release(&set);
	buf_release(&spki);
}

static char *
id_token(struct idp *p, const char *sub, const char *email, const char *salt, const char *cnf, const char *aud)
{
	char nonce[PKCE_TEXT];
	int64_t now = clock_wall();
	struct buf b;

	login_nonce(salt, cnf, nonce);
	json_t *c = json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:I,s:I,s:[s,s]}", "iss", ISS, "aud", aud, "sub", sub, "email",
	                      email, "email_verified", 1, "nonce", nonce, "iat", (json_int_t)now, "exp",
	                      (json_int_t)now + 300, "groups", "ops", "dev");
	assert_non_null(c);
	buf_init(&b, 16384);
	assert_int_equal(jwt_sign(p->key, "k1", c, &b), 0);
	json_decref(c);
	return buf_take_str(&b);
}

static int
give_keys(struct kit *k, const char *issuer, const char *jwks)
{
	struct sf_jwks m = {.provider = IDP, .issuer = issuer, .jwks = jwks};
	struct sf_jwks_taken a;
	struct ipc *judge = k->judge;

	k->judge = k->fetch;
	assert_int_equal(kit_ask(k, &sf_jwks_def, &m, &sf_jwks_taken_def, &a), 0);
	k->judge = judge;
	return (int)a.keys;
}

static int
login(struct kit *k, const char *token, const char *salt, const char *cnf, struct js_login_done *a)
{
	struct js_login_oidc m = {
	    .idp = IDP, .id_token = token, .salt = salt, .cnf = cnf, .session = "s-9", .ttl = 3600};

	assert_int_equal(kit_ask(k, &js_login_oidc_def, &m, &js_login_done_def, a), 0);
	return (int)a->code;
}

static void
test_login(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	struct idp p = {0}, other = {0};

	idp_make(&p);
	idp_make(&other);
	provider(k, "[]");
	char *t = id_token(&p, "u1", "Jdoe@corp.test", "salt", "CNF", "cl");
	assert_int_not_equal(login(k, t, "salt", "CNF", &a), 0);
	assert_true(a.need_keys);
	assert_int_equal(give_keys(k, "https://evil.test", p.jwks), 0);
	assert_int_equal(give_keys(k, ISS, "{}"), 0);
	assert_int_equal(give_keys(k, ISS, p.jwks), 1);
	assert_int_equal(login(k, t, "salt", "CNF", &a), 0);
	assert_string_equal(a.email, "jdoe@corp.test");
	assert_string_equal(a.subject, "u1");
	assert_string_equal(a.iss, ISS);
	assert_int_equal(a.groups.n, 2);
	assert_false(a.groups_unknown);
	assert_true(a.org_token[0]);
	/* a list that cannot be taken is said to be unknown, not empty (security.md 30) */
	struct js_login_oidc more = {.idp = IDP,
	                             .id_token = t,
	                             .salt = "salt",
	                             .cnf = "CNF",
	                             .userinfo = "{\"sub\":\"u1\",\"_claim_names\":{\"groups\":\"elsewhere\"}}",
	                             .session = "s-9",
	                             .ttl = 3600};
	assert_int_equal(kit_ask(k, &js_login_oidc_def, &more, &js_login_done_def, &a), 0);
	assert_int_equal(a.code, 0);
	assert_true(a.groups_unknown);
	/* the nonce commits to the key */
	assert_int_equal(login(k, t, "salt", "other", &a), SP_ID_TOKEN);
	assert_int_equal(login(k, t, "tlas", "CNF", &a), SP_ID_TOKEN);
	assert_string_equal(a.org_token, "");
	char *foreign = id_token(&other, "u1", "jdoe@corp.test", "salt", "CNF", "cl");
	assert_int_equal(login(k, foreign, "salt", "CNF", &a), SP_ID_TOKEN);
	char *aud = id_token(&p, "u1", "jdoe@corp.test", "salt", "CNF", "another client");
	assert_int_equal(login(k, aud, "salt", "CNF", &a), SP_ID_TOKEN);
	assert_int_not_equal(login(k, "", "salt", "CNF", &a), 0);
	/* judge cannot bring keys: the message is not in its table */
	struct sf_jwks m = {.provider = IDP, .issuer = ISS, .jwks = other.jwks};
	struct sf_jwks_taken taken;
	assert_int_not_equal(kit_ask(k, &sf_jwks_def, &m, &sf_jwks_taken_def, &taken), 0);
	kit_judge(k, false);
	assert_int_equal(login(k, foreign, "salt", "CNF", &a), SP_ID_TOKEN);
	free(t);
	free(foreign);
	free(aud);
	free(p.jwks);
	free(other.jwks);
	key_free(p.key);
	key_free(other.key);
}

/* jdoe signs in locally and owns the name; the same address at a provider joins only where that provider rules the
 * domain. */
static void
test_authority(void **state)
{
	struct kit *k = *state;
	struct js_ca_create mk = {.aud = KIT_AUD, .kind = "ed25519"};
	struct js_ca_is ca;
	struct js_cert_is cert;
	struct js_login_done a;
	struct kit_key key, key2;
	struct idp p = {0};

	idp_make(&p);
	kit_key(&key);
	kit_key(&key2);
	provider(k, "[\"elsewhere.test\"]");
	assert_int_equal(give_keys(k, ISS, p.jwks), 1);
	assert_int_equal(kit_ask(k, &js_ca_create_def, &mk, &js_ca_is_def, &ca), 0);
	assert_int_equal(kit_account(k, "jdoe@corp.test", "correct horse", ""), 0);
	char *org = kit_org(k, "jdoe@corp.test", "correct horse"), *app = kit_app(k, org, KIT_AUD, key.cnf);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "", &cert), 0);
	char *t = id_token(&p, "u1", "jdoe@corp.test", "salt", "", "cl");
	assert_int_equal(login(k, t, "salt", "", &a), 0);
	char *org2 = str_dup(a.org_token), *app2 = kit_app(k, org2, KIT_AUD, key2.cnf);
	assert_int_equal(kit_sign(k, app2, KIT_AUD, key2.line, "", &cert), SP_PRINCIPAL_OWNED);
	provider(k, "[\"corp.test\"]");
	assert_int_equal(kit_sign(k, app2, KIT_AUD, key2.line, "", &cert), 0);
	assert_string_equal(cert.principal, "jdoe");
	free(org);
	free(app);
	free(org2);
	free(app2);
	free(t);
	free(p.jwks);
	key_free(p.key);
}

/* --- later: asked again, signed out --------------------------------------------------------------------------------
 */

static char *
signed_claims(struct idp *p, json_t *c)
{
	struct buf b;

	assert_non_null(c);
	buf_init(&b, 16384);
	assert_int_equal(jwt_sign(p->key, "k1", c, &b), 0);
	json_decref(c);
	return buf_take_str(&b);
}

static int
asked_again(struct kit *k, const char *token, const char *userinfo, const char *subject, const char *nonce,
            struct js_login_done *a)
{
	struct js_recheck m = {.idp = IDP, .id_token = token, .userinfo = userinfo, .subject = subject, .nonce = nonce};

	assert_int_equal(kit_ask(k, &js_recheck_def, &m, &js_login_done_def, a), 0);
	return (int)a->code;
}

static void
test_recheck(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	struct idp p = {0}, other = {0};
	char nonce[PKCE_TEXT];

	idp_make(&p);
	idp_make(&other);
	provider(k, "[]");
	login_nonce("salt", "CNF", nonce);
	char *t = id_token(&p, "u1", "jdoe@corp.test", "salt", "CNF", "cl"),
	     *foreign = id_token(&other, "u1", "jdoe@corp.test", "salt", "CNF", "cl");
	assert_int_not_equal(asked_again(k, t, "", "u1", nonce, &a), 0);
	assert_true(a.need_keys);
	assert_int_equal(give_keys(k, ISS, p.jwks), 1);
	assert_int_equal(asked_again(k, t, "", "u1", nonce, &a), 0);
	assert_string_equal(a.org_token, ""); /* it is no sign-in */
	assert_string_equal(a.email, "jdoe@corp.test");
	assert_int_equal(a.groups.n, 2);
	assert_int_equal(asked_again(k, t, "", "u2", nonce, &a), SP_ID_TOKEN);
	assert_int_equal(asked_again(k, t, "", "u1", "another", &a), SP_ID_TOKEN);
	assert_int_equal(asked_again(k, t, "", "", nonce, &a), SP_BAD_REQUEST);
	assert_int_equal(asked_again(k, foreign, "", "u1", nonce, &a), SP_ID_TOKEN);
	static const char info[] =
	    "{\"sub\":\"u1\",\"email\":\"jdoe@corp.test\",\"email_verified\":true,\"groups\":[]}";
	assert_int_equal(asked_again(k, "", info, "u1", nonce, &a), 0);
	assert_int_equal(a.groups.n, 0);
	assert_int_equal(asked_again(k, "", info, "u2", nonce, &a), SP_ID_TOKEN);
	assert_int_not_equal(asked_again(k, "", "", "u1", nonce, &a), 0);
	free(t);
	free(foreign);
	free(p.jwks);
	free(other.jwks);
	key_free(p.key);
	key_free(other.key);
}

static json_t *
logout_claims(const char *jti)
{
	int64_t now = clock_wall();
	return json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:{s:{}}}", "iss", ISS, "aud", "cl", "iat", (json_int_t)now,
	                 "exp", (json_int_t)now + 120, "jti", jti, "sub", "u1", "sid", "sid-1", "events",
	                 "http://schemas.openid.net/event/backchannel-logout");
}

static int
log_out(struct kit *k, const char *token, struct js_logout_is *a)
{
	struct js_logout_oidc m = {.idp = IDP, .logout_token = token};

	assert_int_equal(kit_ask(k, &js_logout_oidc_def, &m, &js_logout_is_def, a), 0);
	return (int)a->code;
}

static void
test_logout(void **state)
{
	struct kit *k = *state;
	struct js_logout_is a;
	struct js_login_done d;
	struct idp p = {0}, other = {0};

	idp_make(&p);
	idp_make(&other);
	provider(k, "[]");
	char *t = signed_claims(&p, logout_claims("j1")), *t2 = signed_claims(&p, logout_claims("j2")),
	     *forged = signed_claims(&other, logout_claims("j3"));
	json_t *old_claims = logout_claims("j4");
	json_object_set_new(old_claims, "iat", json_integer(clock_wall() - 301));
	char *old = signed_claims(&p, old_claims), *id = id_token(&p, "u1", "jdoe@corp.test", "salt", "", "cl");

	assert_int_not_equal(log_out(k, t, &a), 0);
	assert_true(a.need_keys); /* and it was not used up by that */
	assert_int_equal(give_keys(k, ISS, p.jwks), 1);
	assert_int_equal(log_out(k, t, &a), 0);
	assert_string_equal(a.sub, "u1");
	assert_string_equal(a.sid, "sid-1");
	assert_string_equal(a.jti, "j1");
	assert_int_equal(log_out(k, t, &a), SP_ID_TOKEN); /* once */
	assert_string_equal(a.sub, "");
	assert_int_equal(log_out(k, t2, &a), 0);
	assert_int_equal(log_out(k, forged, &a), SP_ID_TOKEN);
	assert_int_equal(log_out(k, old, &a), SP_ID_TOKEN);
	assert_int_equal(log_out(k, id, &a), SP_ID_TOKEN);
	assert_int_not_equal(log_out(k, "", &a), 0);
	/* and it signs nobody in */
	assert_int_equal(login(k, t2, "salt", "", &d), SP_ID_TOKEN);
	assert_int_not_equal(asked_again(k, t2, "", "u1", "n", &d), 0);
	free(t);
	free(t2);
	free(forged);
	free(old);
	free(id);
	free(p.jwks);
	free(other.jwks);
	key_free(p.key);
	key_free(other.key);
}

/* --- what fetch brings ----------------------------------------------------------------------------------------------
 */

#define GIT "88888888-2222-4333-8444-555555555555"

static int
put_provider(struct kit *k, const char *id, const char *rec)
{
	struct js_provider_put m = {.admin_token = k->admin_token, .id = id, .record = slice_str(rec)};
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_provider_put_def, &m, &js_done_def, &a), 0);
	return (int)a.code;
}

static bool
bring(struct kit *k, const char *idp, const char *salt, const char *cnf, const char *facts)
{
	char nonce[PKCE_TEXT];
	struct sf_facts m = {.provider = idp, .nonce = nonce, .facts = facts};
	struct sf_taken_facts a;
	struct ipc *judge = k->judge;

	login_nonce(salt, cnf, nonce);
	k->judge = k->fetch;
	assert_int_equal(kit_ask(k, &sf_facts_def, &m, &sf_taken_facts_def, &a), 0);
	k->judge = judge;
	return a.taken;
}

static int
login_facts(struct kit *k, const char *idp, const char *salt, const char *cnf, struct js_login_done *a)
{
	struct js_login_facts m = {.idp = idp, .salt = salt, .cnf = cnf, .session = "s-8", .ttl = 3600};

	assert_int_equal(kit_ask(k, &js_login_facts_def, &m, &js_login_done_def, a), 0);
	return (int)a->code;
}

static void
test_facts(void **state)
{
	static const char octo[] = "{\"sub\":\"1\",\"email\":\"octo@cat.test\",\"login\":\"octocat\",\"groups\":"
	                           "[\"github\",\"github/ops\"]}";
	struct kit *k = *state;
	struct js_login_done a;

	assert_int_equal(put_provider(k, GIT,
	                              "{\"id\":\"" GIT "\",\"type\":\"github\",\"name\":\"git\",\"issuer\":"
	                              "\"https://github.com\",\"client_id\":\"cl\",\"client_secret\":\"s\"}"),
	                 0);
	assert_int_equal(login_facts(k, GIT, "salt", "CNF", &a), SP_LOGIN_PROVIDER); /* nothing was brought */
	assert_true(bring(k, GIT, "salt", "CNF", octo));
	assert_int_equal(login_facts(k, GIT, "salt", "other", &a), SP_LOGIN_PROVIDER); /* of another key */
	assert_int_equal(login_facts(k, GIT, "tlas", "CNF", &a), SP_LOGIN_PROVIDER);
	assert_string_equal(a.org_token, "");
	assert_int_equal(login_facts(k, GIT, "salt", "CNF", &a), 0);
	assert_string_equal(a.email, "octo@cat.test");
	assert_string_equal(a.subject, "1");
	assert_string_equal(a.iss, "https://github.com");
	assert_int_equal(a.groups.n, 2);
	assert_int_equal(a.amr.n, 0);
	assert_true(a.org_token[0]);
	assert_int_equal(login_facts(k, GIT, "salt", "CNF", &a), SP_LOGIN_PROVIDER); /* once */
	assert_true(bring(k, GIT, "salt", "", "{\"sub\":\"1\",\"email\":\"\",\"groups\":[]}"));
	assert_int_equal(login_facts(k, GIT, "salt", "", &a), SP_EMAIL);
	assert_true(
	    bring(k, GIT, "salt", "", "{\"sub\":\"1\",\"email\":\"o@c.test\",\"groups\":[],\"groups_unknown\":true}"));
	assert_int_equal(login_facts(k, GIT, "salt", "", &a), 0);
	assert_true(a.groups_unknown);
	assert_false(bring(k, GIT, "salt", "", "{}"));
	assert_false(bring(k, KIT_IDP, "salt", "", octo)); /* the built-in provider has no API */
	/* nor is a GitHub provider one of ID tokens, or the reverse */
	struct js_login_oidc m = {.idp = GIT, .id_token = "a.b.c", .salt = "s", .session = "s-8", .ttl = 3600};
	assert_int_equal(kit_ask(k, &js_login_oidc_def, &m, &js_login_done_def, &a), 0);
	assert_int_equal(a.code, SP_LOGIN_PROVIDER);
	provider(k, "[]");
	assert_true(bring(k, IDP, "salt", "", octo));
	assert_int_equal(login_facts(k, IDP, "salt", "", &a), SP_LOGIN_PROVIDER);
	/* judge cannot bring any: the message is not in its table */
	struct sf_facts forged = {.provider = GIT, .nonce = "n", .facts = octo};
	struct sf_taken_facts taken;
	assert_int_not_equal(kit_ask(k, &sf_facts_def, &forged, &sf_taken_facts_def, &taken), 0);
	kit_judge(k, false);
}

/* Where the directory is asked, its list counts: of that person and login, or groups are unknown. */
static void
test_group_list(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	struct idp p = {0};

	idp_make(&p);
	assert_int_equal(put_provider(k, IDP,
	                              "{\"id\":\"" IDP "\",\"type\":\"azureAD\",\"name\":\"corp\",\"issuer\":\"" ISS
	                              "\",\"client_id\":\"cl\",\"groups_url\":\"https://graph.test/x\"}"),
	                 0);
	assert_int_equal(give_keys(k, ISS, p.jwks), 1);
	char *t = id_token(&p, "u1", "jdoe@corp.test", "salt", "", "cl");
	assert_int_equal(login(k, t, "salt", "", &a), 0);
	assert_true(a.groups_unknown); /* nothing came; what the token says is not all */
	assert_int_equal(a.groups.n, 0);
	assert_true(bring(k, IDP, "salt", "", "{\"sub\":\"u1\",\"groups\":[\"x\"]}"));
	assert_int_equal(login(k, t, "salt", "", &a), 0);
	assert_false(a.groups_unknown);
	assert_int_equal(a.groups.n, 1);
	assert_string_equal(a.groups.v[0], "x");
	assert_true(bring(k, IDP, "salt", "", "{\"sub\":\"u2\",\"groups\":[\"x\"]}"));
	assert_int_equal(login(k, t, "salt", "", &a), 0);
	assert_true(a.groups_unknown);
	assert_true(bring(k, IDP, "other", "", "{\"sub\":\"u1\",\"groups\":[\"x\"]}"));
	assert_int_equal(login(k, t, "salt", "", &a), 0);
	assert_true(a.groups_unknown);
	free(t);
	free(p.jwks);
	key_free(p.key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_login, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_recheck, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_logout, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_authority, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_group_list, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer_oidc", tests, NULL, NULL);
}
