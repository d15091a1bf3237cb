/* What the signer takes as proof, and what it does not: whose identity, which provider's, which scope, how long, how
 * often. */
#include <fcntl.h>
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
#include "crypto/password.h"
#include "edge/signer/keys.h"
#include "identity/pkce.h"
#include "identity/token.h"
#include "signer_kit.h"

#define IDP "99999999-2222-4333-8444-555555555555"
#define ISS "https://idp.example.test"
#define PASSWORD "correct horse"

struct idp {
	struct key *key;
	char *jwks;
};

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof *k);
	struct js_ca_create m = {.aud = KIT_AUD, .kind = "ed25519"};
	struct js_ca_is a;

	kit_new(k);
	assert_true(kit_start(k));
	assert_int_equal(kit_ask(k, &js_ca_create_def, &m, &js_ca_is_def, &a), 0);
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

/* --- a provider besides the local one */

static void
idp_make(struct kit *k, struct idp *p, const char *domains)
{
	struct jwks set = {0};
	struct key *pub = NULL;
	struct js_done done;
	struct sf_jwks_taken taken;
	struct buf spki;

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
	char *rec = str_fmt("{\"id\":\"" IDP "\",\"type\":\"oidc\",\"name\":\"corp\",\"issuer\":\"" ISS
	                    "\",\"client_id\":\"cl\",\"client_secret\":\"s\",\"domains\":%s}",
	                    domains);
	struct js_provider_put put = {.admin_token = k->admin_token, .id = IDP, .record = slice_str(rec)};
	assert_int_equal(kit_ask(k, &js_provider_put_def, &put, &js_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	free(rec);
	struct sf_jwks m = {.provider = IDP, .issuer = ISS, .jwks = p->jwks};
	struct ipc *judge = k->judge;
	k->judge = k->fetch;
	assert_int_equal(kit_ask(k, &sf_jwks_def, &m, &sf_jwks_taken_def, &taken), 0);
	assert_int_equal(taken.keys, 1);
	k->judge = judge;
}

static void
idp_free(struct idp *p)
{
	key_free(p->key);
	free(p->jwks);
}

/* What the signer says to a certificate for who signs in at the other provider. */
static int
sign_at_idp(struct kit *k, struct idp *p, const char *sub, const char *email, const char *principal)
{
	char nonce[PKCE_TEXT];
	int64_t now = clock_wall();
	struct js_login_done a;
	struct js_cert_is cert;
	struct kit_key key;
	struct buf b;

	kit_key(&key);
	login_nonce("salt", key.cnf, nonce);
	json_t *c =
	    json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:I,s:I}", "iss", ISS, "aud", "cl", "sub", sub, "email", email,
	              "email_verified", 1, "nonce", nonce, "iat", (json_int_t)now, "exp", (json_int_t)now + 300);
	buf_init(&b, 16384);
	assert_int_equal(jwt_sign(p->key, "k1", c, &b), 0);
	json_decref(c);
	struct js_login_oidc m = {
	    .idp = IDP, .id_token = buf_cstr(&b), .salt = "salt", .cnf = key.cnf, .session = "s-9", .ttl = 3600};
	assert_int_equal(kit_ask(k, &js_login_oidc_def, &m, &js_login_done_def, &a), 0);
	assert_int_equal(a.code, 0);
	char *org = str_dup(a.org_token), *app = kit_app(k, org, KIT_AUD, key.cnf);
	int code = kit_sign(k, app, KIT_AUD, key.line, principal, &cert);
	free(org);
	free(app);
	buf_release(&b);
	return code;
}

static int
sign_local(struct kit *k, const char *email, const char *principal)
{
	struct js_cert_is cert;
	struct kit_key key;

	kit_key(&key);
	char *org = kit_org(k, email, PASSWORD), *app = kit_app(k, org, KIT_AUD, key.cnf);
	int code = kit_sign(k, app, KIT_AUD, key.line, principal, &cert);
	free(org);
	free(app);
	return code;
}

/* The same subject at another issuer is another person; so is another address where the provider rules the domain. */
static void
test_owner_is_issuer_and_subject(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	struct idp p = {0};

	idp_make(k, &p, "[\"corp.test\"]");
	assert_int_equal(kit_account(k, "jdoe@a.test", PASSWORD, ""), 0);
	assert_int_equal(sign_local(k, "jdoe@a.test", ""), 0);
	assert_int_equal(kit_login(k, "jdoe@a.test", PASSWORD, "", &a), 0);
	char subject[64];
	str_copy(subject, sizeof subject, a.subject);
	assert_int_equal(sign_at_idp(k, &p, subject, "jdoe@b.test", ""), SP_PRINCIPAL_OWNED);
	/* corp's own jdoe shares nothing with the owner but the name */
	assert_int_equal(sign_at_idp(k, &p, "u2", "jdoe@corp.test", ""), SP_PRINCIPAL_OWNED);
	assert_int_equal(sign_at_idp(k, &p, "u3", "mary@corp.test", ""), 0);
	assert_int_equal(sign_at_idp(k, &p, "u4", "other@corp.test", "mary"), SP_PRINCIPAL_OWNED);
	assert_int_equal(sign_at_idp(k, &p, "u3", "mary@corp.test", "mary"), 0);
	idp_free(&p);
}

/* A name bound to an address of one provider waits for that provider's person. */
static void
test_binding_names_the_provider(void **state)
{
	struct kit *k = *state;
	struct js_principal_bind bind = {
	    .admin_token = k->admin_token, .name = "deploy", .email = "jdoe@corp.test", .idp = IDP};
	struct js_done done;
	struct idp p = {0};

	idp_make(k, &p, "[]");
	assert_int_equal(kit_account(k, "jdoe@corp.test", PASSWORD, ""), 0);
	assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	assert_int_equal(sign_local(k, "jdoe@corp.test", "deploy"), SP_PRINCIPAL_OWNED);
	assert_int_equal(sign_at_idp(k, &p, "u1", "jdoe@corp.test", "deploy"), 0);
	assert_int_equal(sign_at_idp(k, &p, "u2", "jdoe@corp.test", "deploy"), SP_PRINCIPAL_OWNED); /* pinned */
	static const char *const bad[] = {"", "a,root", "*", "Root", "-x", "a b", "a\nb"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		bind.name = bad[i];
		assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
		assert_int_equal(done.code, SP_PRINCIPAL);
	}
	idp_free(&p);
}

/* --- scopes */

static char *
mint(struct kit *k, const char *with, const char *scope, int64_t ttl)
{
	const char *scopes[] = {scope};
	struct js_api_mint m = {.admin_token = with, .name = "t", .scopes = {scopes, 1}, .ttl = ttl};
	struct js_text a;

	assert_int_equal(kit_ask(k, &js_api_mint_def, &m, &js_text_def, &a), 0);
	return a.code ? NULL : str_dup(a.text);
}

static int64_t
expiry(const char *token)
{
	json_t *claims = NULL;

	assert_int_equal(jwt_peek(token, strlen(token), &claims), 0);
	int64_t exp = json_i64_or(claims, "exp", 0);
	json_decref(claims);
	return exp;
}

/* Each kind of change needs its own scope; none is had by having another. */
static void
test_scopes(void **state)
{
	static const char *const scopes[] = {"read", "write", "idp:write", "principals:write", "tokens:write"};
	struct kit *k = *state;
	struct js_done done;

	for (size_t i = 0; i < 5; i++) {
		char *t = mint(k, k->admin_token, scopes[i], 3600);
		assert_non_null(t);
		bool writes = i == 1, idp = i == 2, names = i == 3, tokens = i == 4;
		struct js_principal_bind bind = {
		    .admin_token = t, .name = "deploy", .email = "j@a.test", .idp = KIT_IDP};
		assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
		assert_int_equal(done.code, names ? 0 : SP_API_SCOPE);
		struct js_principal_release rel = {.admin_token = t, .name = "nobody"};
		assert_int_equal(kit_ask(k, &js_principal_release_def, &rel, &js_done_def, &done), 0);
		assert_int_equal(done.code, names ? SP_NOT_FOUND : SP_API_SCOPE);
		struct js_account_put put = {
		    .admin_token = t, .idp = KIT_IDP, .email = "x@a.test", .password = slice_str(PASSWORD)};
		assert_int_equal(kit_ask(k, &js_account_put_def, &put, &js_done_def, &done), 0);
		assert_int_equal(done.code, idp ? 0 : SP_API_SCOPE);
		struct js_account_delete del = {.admin_token = t, .idp = KIT_IDP, .email = "nobody@a.test"};
		assert_int_equal(kit_ask(k, &js_account_delete_def, &del, &js_done_def, &done), 0);
		assert_int_equal(done.code, idp ? SP_NOT_FOUND : SP_API_SCOPE);
		struct js_provider_delete gone = {.admin_token = t, .id = IDP};
		assert_int_equal(kit_ask(k, &js_provider_delete_def, &gone, &js_done_def, &done), 0);
		assert_int_equal(done.code, idp ? SP_NOT_FOUND : SP_API_SCOPE);
		struct js_ca_delete ca = {.admin_token = t, .aud = KIT_AUD2};
		assert_int_equal(kit_ask(k, &js_ca_delete_def, &ca, &js_done_def, &done), 0);
		assert_int_equal(done.code, writes ? SP_NO_CA : SP_API_SCOPE);
		struct js_keys_put days = {.admin_token = t, .interval_days = 40};
		struct js_keys_rotate turn = {.admin_token = t};
		struct js_keys_are are;
		assert_int_equal(kit_ask(k, &js_keys_put_def, &days, &js_keys_are_def, &are), 0);
		assert_int_equal(are.code, writes ? 0 : SP_API_SCOPE);
		assert_int_equal(kit_ask(k, &js_keys_rotate_def, &turn, &js_keys_are_def, &are), 0);
		assert_int_equal(are.code, writes ? 0 : SP_API_SCOPE);
		char *more = mint(k, t, "read", 3600), *same = mint(k, t, scopes[i], 3600);
		assert_null(more);
		assert_int_equal(same != NULL, tokens);
		free(more);
		free(same);
		free(t);
	}
	/* a token's child does not outlive it */
	char *brief = mint(k, k->admin_token, "tokens:write", 100), *child = mint(k, brief, "tokens:write", 3600);
	assert_non_null(child);
	assert_true(expiry(child) <= expiry(brief));
	assert_null(mint(k, k->admin_token, "everything", 100));
	free(brief);
	free(child);
}

/* Signed by our key, and still not one of ours: it was never given out here, or comes from before a restored backup. */
static void
test_unknown_api_token(void **state)
{
	struct kit *k = *state;
	struct keystore ks;
	struct reason r = {0};
	struct slice der;
	struct key *key = NULL;
	struct js_done done;
	struct buf out;
	char path[128], kid[65];
	int64_t now = clock_wall();

	kit_path(k, "store", path);
	char *node = kit_read(k, "node-key", NULL);
	assert_int_equal(keystore_open(&ks, open(path, O_RDWR | O_APPEND), (const uint8_t *)node, 1, &r), 0);
	assert_true(keystore_get(&ks, KS_TOKEN_KEY, "00000000", &der));
	assert_int_equal(key_import_private(kit_token_der(der), &key), 0);
	assert_int_equal(key_kid(key, kid), 0);
	struct token t = {.type = TOKEN_API,
	                  .iss = KIT_ISSUER,
	                  .aud = KIT_ISSUER "/api",
	                  .sub = "api:ghost",
	                  .jti = "11111111-2222-4333-8444-555555555555",
	                  .scopes = {{"write", "idp:write", "principals:write"}, 3},
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + 1000};
	buf_init(&out, 16384);
	assert_int_equal(token_mint(key, kid, &t, &out), 0);
	struct js_principal_bind bind = {
	    .admin_token = buf_cstr(&out), .name = "root", .email = "j@a.test", .idp = KIT_IDP};
	assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
	assert_int_equal(done.code, SP_API_TOKEN);
	buf_release(&out);
	key_free(key);
	keystore_release(&ks);
	free(node);
}

/* --- fields of requests */

static void
test_fields(void **state)
{
	static const char *const sessions[] = {"", "a b", "a\nb", "a\"b", "s/1", "\xc3\xa4"};
	struct kit *k = *state;
	struct js_login_done a;
	struct js_cert_is cert;
	struct js_text text;
	struct kit_key key;

	kit_key(&key);
	assert_int_equal(kit_account(k, "jdoe@a.test", PASSWORD, ""), 0);
	struct js_login_local in = {
	    .idp = KIT_IDP, .email = "jdoe@a.test", .password = slice_str(PASSWORD), .ttl = 100, .client_ip = "::1"};
	for (size_t i = 0; i < sizeof sessions / sizeof *sessions; i++) {
		in.session = sessions[i];
		assert_int_equal(kit_ask(k, &js_login_local_def, &in, &js_login_done_def, &a), 0);
		assert_int_equal(a.code, SP_BAD_REQUEST);
	}
	in.session = "s";
	in.ttl = 0;
	assert_int_equal(kit_ask(k, &js_login_local_def, &in, &js_login_done_def, &a), 0);
	assert_int_equal(a.code, SP_BAD_REQUEST);
	char *org = kit_org(k, "jdoe@a.test", PASSWORD);
	/* a token for "some key" is a token for none */
	static const char *const cnfs[] = {"x", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa",
	                                   "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0A"};
	for (size_t i = 0; i < 3; i++)
		assert_null(kit_app(k, org, KIT_AUD, cnfs[i]));
	struct js_app_token brief = {.org_token = org, .aud = KIT_AUD, .ttl = 0};
	assert_int_equal(kit_ask(k, &js_app_token_def, &brief, &js_text_def, &text), 0);
	assert_int_equal(text.code, SP_BAD_REQUEST);
	char *app = kit_app(k, org, KIT_AUD, key.cnf), *bare = kit_app(k, org, KIT_AUD, "");
	assert_int_equal(kit_sign(k, app, "short", key.line, "", &cert), SP_BAD_REQUEST);
	assert_int_equal(kit_sign(k, bare, KIT_AUD, key.line, "", &cert), SP_KEY_MISMATCH);
	assert_non_null(strstr(cert.why, "for no key")); /* not: for another one */
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "", &cert), 0);
	free(org);
	free(app);
	free(bare);
}

static int
account(struct kit *k, const struct js_account_put *m)
{
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_account_put_def, m, &js_done_def, &a), 0);
	return (int)a.code;
}

static void
test_account_fields(void **state)
{
	struct kit *k = *state;
	const char *groups[257];
	struct idp p = {0};
	const struct js_account_put good = {
	    .admin_token = k->admin_token, .idp = KIT_IDP, .email = "a@a.test", .password = slice_str(PASSWORD)};
	struct js_account_put m = good;

	idp_make(k, &p, "[]");
	assert_int_equal(account(k, &m), 0);
	m.idp = IDP; /* has no accounts of ours */
	assert_int_equal(account(k, &m), SP_NOT_FOUND);
	m = good;
	m.email = "a b@a.test";
	assert_int_equal(account(k, &m), SP_EMAIL);
	m = good;
	m.hash = slice_str("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG");
	assert_int_equal(account(k, &m), SP_BAD_REQUEST); /* both */
	m.password = (struct slice){0};
	assert_int_equal(account(k, &m), 0);
	m.hash = slice_str("$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG");
	assert_int_equal(account(k, &m), SP_BAD_REQUEST); /* 4 GiB a sign-in */
	m.hash = slice_str("plain");
	assert_int_equal(account(k, &m), SP_BAD_REQUEST);
	m = good;
	m.totp = slice_str("JBSWY3DP"); /* 5 bytes */
	assert_int_equal(account(k, &m), SP_BAD_REQUEST);
	m.totp = slice_str("JBSWY3DP!BSWY3DP");
	assert_int_equal(account(k, &m), SP_BAD_REQUEST);
	m.totp = slice_str("JBSWY3DPJBSWY3DP");
	assert_int_equal(account(k, &m), 0);
	m = good;
	for (size_t i = 0; i < 257; i++)
		groups[i] = "g";
	m.groups = (struct strs){groups, 257};
	assert_int_equal(account(k, &m), SP_BAD_REQUEST);
	m.groups.n = 256;
	assert_int_equal(account(k, &m), 0);
	idp_free(&p);
}

/* --- several requests under way */

struct answers {
	struct kit *k;
	unsigned n, want, rate;
	uint32_t code[128];
	struct answers *other; /* waited for too */
};

static void
on_code(int err, const void *m, void *arg)
{
	struct answers *a = arg;
	uint32_t code = 0;

	assert_int_equal(err, 0);
	memcpy(&code, m, sizeof code); /* every answer begins with it */
	a->rate += code == SP_LOGIN_RATE || code == SP_CERT_RATE;
	a->code[a->n++ % 128] = code;
	if ((a->n == a->want && (!a->other || a->other->n == a->other->want)) || a->rate)
		loop_stop(a->k->loop);
}

/* The password is changed while the old one is being checked: what was right a moment ago is wrong. */
static void
test_password_changed_meanwhile(void **state)
{
	struct kit *k = *state;
	struct answers a = {.k = k, .want = 1}, b = {.k = k, .want = 1, .other = &a};
	struct js_login_local in = {.idp = KIT_IDP,
	                            .email = "jdoe@a.test",
	                            .password = slice_str(PASSWORD),
	                            .session = "s",
	                            .ttl = 100,
	                            .client_ip = "::1"};
	struct js_account_put put = {
	    .admin_token = k->admin_token,
	    .idp = KIT_IDP,
	    .email = "jdoe@a.test",
	    .hash =
	        slice_str("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG")};

	assert_int_equal(kit_account(k, "jdoe@a.test", PASSWORD, ""), 0);
	assert_int_equal(ipc_request(k->judge, &js_login_local_def, &in, &js_login_done_def, 20000, on_code, &a), 0);
	assert_int_equal(ipc_request(k->judge, &js_account_put_def, &put, &js_done_def, 20000, on_code, &b), 0);
	a.other = &b;
	loop_run(k->loop);
	assert_int_equal(a.code[0], SP_LOGIN_FAILED);
	assert_int_equal(b.code[0], 0);
}

/* Many accounts from one address, one guess each. */
static void
test_guesses_of_one_address(void **state)
{
	struct kit *k = *state;
	struct answers a = {.k = k, .want = 62};
	struct js_login_local in = {
	    .idp = KIT_IDP, .password = slice_str("guess"), .session = "s", .ttl = 100, .client_ip = "192.0.2.7"};
	char email[40];

	for (unsigned i = 0; i < a.want; i++) {
		snprintf(email, sizeof email, "user%u@a.test", i);
		in.email = email;
		assert_int_equal(
		    ipc_request(k->judge, &js_login_local_def, &in, &js_login_done_def, 60000, on_code, &a), 0);
	}
	loop_run(k->loop);
	assert_true(a.rate > 0);
	assert_true(a.n < 30); /* at once, not behind those that are still being computed */
	ipc_forget(k->judge, &a);
	kit_kill(k);
}

/* More certificates for one person than anybody needs: the burst, and then what comes back with time. */
static void
test_certificates_of_one_person(void **state)
{
	struct kit *k = *state;
	struct answers a = {.k = k, .want = 10};
	struct kit_key key;

	kit_key(&key);
	assert_int_equal(kit_account(k, "jdoe@a.test", PASSWORD, ""), 0);
	char *org = kit_org(k, "jdoe@a.test", PASSWORD), *app = kit_app(k, org, KIT_AUD, key.cnf);
	struct js_cert_sign m = {.app_token = app, .aud = KIT_AUD, .public_key = key.line, .ttl = 60};
	for (unsigned sent = 0; !a.rate && sent < 12000; a.want += 500) {
		for (; sent < a.want; sent++)
			assert_int_equal(
			    ipc_request(k->judge, &js_cert_sign_def, &m, &js_cert_is_def, 60000, on_code, &a), 0);
		loop_run(k->loop);
	}
	assert_true(a.rate > 0);
	ipc_forget(k->judge, &a);
	free(org);
	free(app);
}

/* --- the setup link */

static int
setup_begin(struct kit *k, const char *code, struct js_setup_is *is)
{
	struct js_setup_begin m = {.code = slice_str(code)};

	assert_int_equal(kit_ask(k, &js_setup_begin_def, &m, &js_setup_is_def, is), 0);
	return (int)is->code;
}

static void
test_setup_link(void **state)
{
	struct kit *k = *state;
	struct js_setup_is is;
	struct js_setup_done done;
	struct answers a = {.k = k, .want = 2};
	struct buf secret;
	char code[7];
	int last = 0;
	struct js_setup_finish fin = {.code = slice_str(k->setup_code),
	                              .password = slice_str("a long password"),
	                              .totp_code = slice_str("123456")};

	assert_int_equal(kit_ask(k, &js_setup_finish_def, &fin, &js_setup_done_def, &done), 0);
	assert_int_equal(done.code, SP_LOGIN_STATE); /* the page was not opened */
	assert_int_equal(setup_begin(k, k->setup_code, &is), 0);
	buf_init(&secret, 64);
	assert_int_equal(base32_decode(&secret, (const char *)is.totp.p, is.totp.n), 0);
	totp_code(buf_slice(&secret), (uint64_t)clock_wall() / TOTP_STEP, code);
	fin.totp_code = slice_str(code);
	/* pressed twice: one of them wins */
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    ipc_request(k->judge, &js_setup_finish_def, &fin, &js_setup_done_def, 20000, on_code, &a), 0);
	loop_run(k->loop);
	assert_int_equal(a.code[0], 0);
	assert_int_equal(a.code[1], SP_LOGIN_STATE);
	/* codes are not guessed without bound */
	for (int i = 0; i < 30 && last != SP_LOGIN_RATE; i++)
		last = setup_begin(k, "0123456789012345678901234567890123456789", &is);
	assert_int_equal(last, SP_LOGIN_RATE);
	buf_release(&secret);
}

/* The record of the link is made older than the link lives. */
static void
test_setup_link_expires(void **state)
{
	struct kit *k = *state;
	struct js_setup_is is;
	struct keystore ks;
	struct reason r = {0};
	struct slice rec;
	struct buf b;
	char path[128];

	assert_int_equal(setup_begin(k, k->setup_code, &is), 0);
	kit_stop(k);
	kit_path(k, "store", path);
	char *node = kit_read(k, "node-key", NULL);
	assert_int_equal(keystore_open(&ks, open(path, O_RDWR | O_APPEND), (const uint8_t *)node, 1, &r), 0);
	assert_true(keystore_get(&ks, KS_SETUP, "admin", &rec));
	buf_init_secret(&b, 4096); /* 32 bytes of hash, then when it expires */
	assert_int_equal(
	    buf_put(&b, rec.p, 32) | buf_put_u64(&b, (uint64_t)clock_wall()) | buf_put(&b, rec.p + 40, rec.n - 40), 0);
	ks.mark = ks.seen_mark;
	assert_int_equal(keystore_put(&ks, KS_SETUP, "admin", buf_slice(&b)), 0);
	keystore_release(&ks);
	buf_release(&b);
	free(node);
	if (!kit_start(k))
		fail_msg("%s", k->fatal);
	assert_int_equal(setup_begin(k, k->setup_code, &is), SP_LOGIN_STATE);
	assert_non_null(strstr(is.why, "expired"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_owner_is_issuer_and_subject, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_binding_names_the_provider, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_scopes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unknown_api_token, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_account_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_password_changed_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_guesses_of_one_address, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_certificates_of_one_person, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_setup_link, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_setup_link_expires, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer_evidence", tests, NULL, NULL);
}
