/* The signer's whole life, seen from its neighbours: init, sign-in, tokens, certificates, names, restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/json.h"
#include "core/str.h"
#include "crypto/password.h"
#include "signer_kit.h"

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

/* What ssh-keygen -L says; malloc'ed. */
static char *
keygen(struct kit *k, const char *cert)
{
	char path[128], cmd[256], *out = calloc(1, 8192);

	kit_write(k, "cert.pub", cert, strlen(cert));
	kit_path(k, "cert.pub", path);
	snprintf(cmd, sizeof cmd, "ssh-keygen -L -f %s", path);
	FILE *f = popen(cmd, "r");
	assert_non_null(f);
	size_t n = fread(out, 1, 8191, f);
	assert_int_equal(pclose(f), 0);
	assert_true(n > 0);
	return out;
}

static int
ca(struct kit *k, const char *aud, const char *kind, struct js_ca_is *a)
{
	struct js_ca_create m = {.aud = aud, .kind = kind, .comment = "app"};

	assert_int_equal(kit_ask(k, &js_ca_create_def, &m, &js_ca_is_def, a), 0);
	return (int)a->code;
}

static void
test_certificate(void **state)
{
	static const struct {
		const char *kind, *line;
	} kinds[] = {{"ed25519", "ssh-ed25519 "}, {"ecdsa-p256", "ecdsa-sha2-nistp256 "}, {"rsa-3072", "ssh-rsa "}};
	struct kit *k = *state;
	struct js_cert_is cert;
	struct js_ca_is a, b;
	struct kit_key key;
	char aud[65];

	assert_int_equal(kit_account(k, "jdoe@example.test", "correct horse", ""), 0);
	char *org = kit_org(k, "jdoe@example.test", "correct horse");
	kit_key(&key);
	for (int i = 0; i < 3; i++) {
		memset(aud, '1' + i, 64);
		aud[64] = 0;
		char *app = kit_app(k, org, aud, key.cnf);
		assert_int_equal(kit_sign(k, app, aud, key.line, "", &cert), SP_NO_CA);
		assert_int_equal(ca(k, aud, kinds[i].kind, &a), 0);
		assert_true(str_starts(a.public_key, kinds[i].line));
		char *line = str_dup(a.public_key);
		assert_int_equal(ca(k, aud, "ed25519", &b), 0); /* as it is */
		assert_string_equal(b.public_key, line);
		free(line);
		assert_int_equal(kit_sign(k, app, aud, key.line, "", &cert), 0);
		assert_string_equal(cert.principal, "jdoe");
		assert_string_equal(cert.key_id, "jdoe@example.test sess-1");
		assert_int_equal(cert.serial >> 56, 7);
		assert_int_equal(cert.valid_before - cert.valid_after, 180);
		char serial[64];
		snprintf(serial, sizeof serial, "Serial: %llu\n", (unsigned long long)cert.serial);
		char *text = keygen(k, cert.certificate);
		assert_non_null(strstr(text, "user certificate"));
		assert_non_null(strstr(text, "Key ID: \"jdoe@example.test sess-1\""));
		assert_non_null(strstr(text, "Principals: \n                jdoe\n        Critical"));
		assert_non_null(strstr(text, serial));
		assert_non_null(strstr(text, "permit-pty\n"));
		assert_null(strstr(text, "permit-agent"));
		free(text);
		free(app);
	}
	free(org);
	assert_int_equal(ca(k, KIT_AUD, "dsa", &a), SP_BAD_REQUEST);
	assert_int_equal(ca(k, "short", "ed25519", &a), SP_BAD_REQUEST);
}

static void
test_refusals(void **state)
{
	struct kit *k = *state;
	struct js_cert_is cert;
	struct js_ca_is a;
	struct kit_key key, other;

	kit_key(&key);
	kit_key(&other);
	assert_int_equal(ca(k, KIT_AUD, "ed25519", &a), 0);
	assert_int_equal(ca(k, KIT_AUD2, "ed25519", &a), 0);
	char *ca_line = str_dup(a.public_key);
	assert_int_equal(kit_account(k, "jdoe@example.test", "correct horse", ""), 0);
	assert_int_equal(kit_account(k, "eve@example.test", "correct horse", ""), 0);
	char *org = kit_org(k, "jdoe@example.test", "correct horse");
	char *app = kit_app(k, org, KIT_AUD, key.cnf);
	assert_int_equal(kit_sign(k, app, KIT_AUD, other.line, "", &cert), SP_KEY_MISMATCH);
	assert_int_equal(kit_sign(k, app, KIT_AUD2, key.line, "", &cert), SP_TOKEN_AUDIENCE);
	assert_int_equal(kit_sign(k, org, KIT_AUD, key.line, "", &cert), SP_TOKEN);
	assert_int_not_equal(kit_sign(k, k->admin_token, KIT_AUD, key.line, "", &cert), 0);
	assert_int_equal(kit_sign(k, "", KIT_AUD, key.line, "", &cert), SP_TOKEN);
	assert_int_equal(kit_sign(k, app, KIT_AUD, "not a key", "", &cert), SP_KEY_REFUSED);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "root", &cert), SP_PRINCIPAL);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "jdoe,root", &cert), SP_PRINCIPAL);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "eve", &cert), SP_PRINCIPAL);
	/* every tenth character changed in turn */
	size_t n = strlen(app);
	for (size_t i = 0; i < n; i += 10) {
		char *bad = str_dup(app);
		bad[i] = bad[i] == 'A' ? 'Q' : 'A';
		assert_int_not_equal(kit_sign(k, bad, KIT_AUD, key.line, "", &cert), 0);
		assert_string_equal(cert.certificate, "");
		free(bad);
	}
	/* times */
	struct js_cert_sign m = {.app_token = app, .aud = KIT_AUD, .public_key = key.line, .ttl = 0};
	assert_int_equal(kit_ask(k, &js_cert_sign_def, &m, &js_cert_is_def, &cert), 0);
	assert_int_not_equal(cert.code, 0);
	m.ttl = -5;
	assert_int_not_equal(kit_ask(k, &js_cert_sign_def, &m, &js_cert_is_def, &cert) == 0 && cert.code == 0, 1);
	/* a key once certified for one identity is not certified for another, and a CA's own key never */
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "", &cert), 0);
	char *org2 = kit_org(k, "eve@example.test", "correct horse");
	char *app2 = kit_app(k, org2, KIT_AUD, key.cnf);
	assert_int_equal(kit_sign(k, app2, KIT_AUD, key.line, "", &cert), SP_KEY_MISMATCH);
	char *app3 = kit_app(k, org2, KIT_AUD2, "");
	assert_int_not_equal(kit_sign(k, app3, KIT_AUD2, ca_line, "", &cert), 0);
	assert_null(kit_app(k, app, KIT_AUD, "")); /* an app token is no org token */
	assert_null(kit_app(k, k->admin_token, KIT_AUD, ""));
	assert_null(kit_app(k, org, "x", ""));
	free(org);
	free(app);
	free(org2);
	free(app2);
	free(app3);
	free(ca_line);
}

static void
test_login(void **state)
{
	struct kit *k = *state;
	struct js_login_done a;
	char code[7];
	struct buf secret;
	const char *totp = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

	assert_int_equal(kit_account(k, "plain@example.test", "correct horse", ""), 0);
	assert_int_equal(kit_account(k, "otp@example.test", "correct horse", totp), 0);
	assert_int_equal(kit_login(k, "plain@example.test", "correct horse", "", &a), 0);
	assert_string_equal(a.email, "plain@example.test");
	assert_string_equal(a.iss, KIT_ISSUER "/idp/" KIT_IDP);
	assert_int_equal(a.amr.n, 1);
	assert_true(a.org_token[0]);
	char sub[40];
	str_copy(sub, sizeof sub, a.sub);
	assert_int_equal(kit_login(k, "PLAIN@example.test", "correct horse", "", &a), 0);
	assert_string_equal(a.sub, sub);
	/* wrong password and unknown account look alike */
	int64_t t0 = clock_mono_ms();
	assert_int_equal(kit_login(k, "plain@example.test", "wrong", "", &a), SP_LOGIN_FAILED);
	int64_t known = clock_mono_ms() - t0;
	char why[300];
	str_copy(why, sizeof why, a.why);
	assert_string_equal(a.org_token, "");
	t0 = clock_mono_ms();
	assert_int_equal(kit_login(k, "nobody@example.test", "wrong", "", &a), SP_LOGIN_FAILED);
	int64_t unknown = clock_mono_ms() - t0;
	assert_string_equal(a.why, why);
	assert_true(unknown * 4 > known && unknown < known * 4 + 40);
	assert_int_equal(kit_login(k, "not an address", "wrong", "", &a), SP_LOGIN_FAILED);
	assert_int_equal(kit_login(k, "plain@example.test", "", "", &a), SP_LOGIN_FAILED);
	/* TOTP */
	assert_int_equal(kit_login(k, "otp@example.test", "correct horse", "", &a), SP_LOGIN_FAILED);
	assert_true(a.need_code);
	assert_string_equal(a.org_token, "");
	assert_int_equal(kit_login(k, "otp@example.test", "wrong", "", &a), SP_LOGIN_FAILED);
	assert_false(a.need_code);
	assert_int_equal(kit_login(k, "otp@example.test", "correct horse", "000000x", &a), SP_LOGIN_FAILED);
	buf_init(&secret, 64);
	assert_int_equal(base32_decode(&secret, totp, strlen(totp)), 0);
	totp_code(buf_slice(&secret), (uint64_t)clock_wall() / TOTP_STEP, code);
	assert_int_equal(kit_login(k, "otp@example.test", "correct horse", code, &a), 0);
	assert_int_equal(a.amr.n, 3);
	assert_int_equal(kit_login(k, "otp@example.test", "correct horse", code, &a), SP_LOGIN_FAILED);
	kit_stop(k); /* used codes stay used over a restart */
	assert_true(kit_start(k));
	assert_int_equal(kit_login(k, "otp@example.test", "correct horse", code, &a), SP_LOGIN_FAILED);
	totp_code(buf_slice(&secret), (uint64_t)clock_wall() / TOTP_STEP + 1, code);
	assert_int_equal(kit_login(k, "otp@example.test", "correct horse", code, &a), 0);
	buf_release(&secret);
	/* attempts are bounded */
	int code_seen = 0;
	for (int i = 0; i < 25 && code_seen != SP_LOGIN_RATE; i++)
		code_seen = kit_login(k, "victim@example.test", "guess", "", &a);
	assert_int_equal(code_seen, SP_LOGIN_RATE);
}

static void
test_names(void **state)
{
	struct kit *k = *state;
	struct js_cert_is cert;
	struct js_ca_is a;
	struct js_done done;
	struct js_text text;
	struct kit_key key, key2, key3;

	kit_key(&key);
	kit_key(&key2);
	kit_key(&key3);
	assert_int_equal(ca(k, KIT_AUD, "ed25519", &a), 0);
	assert_int_equal(kit_account(k, "jdoe@a.test", "correct horse", ""), 0);
	assert_int_equal(kit_account(k, "jdoe@b.test", "correct horse", ""), 0);
	assert_int_equal(kit_account(k, "ROOT@a.test", "correct horse", ""), 0);
	assert_int_equal(kit_account(k, "root+x@a.test", "correct horse", ""), 0);
	char *org = kit_org(k, "jdoe@b.test", "correct horse"), *app = kit_app(k, org, KIT_AUD, key.cnf);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "", &cert), 0);
	char *org2 = kit_org(k, "jdoe@a.test", "correct horse"), *app2 = kit_app(k, org2, KIT_AUD, key2.cnf);
	assert_int_equal(kit_sign(k, app2, KIT_AUD, key2.line, "", &cert), SP_PRINCIPAL_OWNED);
	char *org3 = kit_org(k, "root@a.test", "correct horse"), *app3 = kit_app(k, org3, KIT_AUD, key3.cnf);
	assert_int_equal(kit_sign(k, app3, KIT_AUD, key3.line, "", &cert), SP_PRINCIPAL);
	char *org4 = kit_org(k, "root+x@a.test", "correct horse"), *app4 = kit_app(k, org4, KIT_AUD, "");
	assert_int_equal(kit_sign(k, app4, KIT_AUD, key3.line, "", &cert), SP_PRINCIPAL);
	/* bind: only with the scope, then it works, also for a second owner and a reserved name */
	struct js_principal_bind bind = {
	    .admin_token = k->cert_token, .name = "jdoe", .email = "jdoe@a.test", .idp = KIT_IDP};
	assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
	assert_int_equal(done.code, SP_API_SCOPE);
	bind.admin_token = k->admin_token;
	assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	assert_int_equal(kit_sign(k, app2, KIT_AUD, key2.line, "", &cert), 0);
	bind.name = "root";
	bind.email = "jdoe@b.test";
	assert_int_equal(kit_ask(k, &js_principal_bind_def, &bind, &js_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "root", &cert), 0);
	assert_string_equal(cert.principal, "root");
	assert_int_equal(kit_sign(k, app3, KIT_AUD, key3.line, "", &cert), SP_PRINCIPAL_OWNED);
	kit_stop(k);
	assert_true(kit_start(k));
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "root", &cert), 0);
	struct js_principals none = {0};
	assert_int_equal(kit_ask(k, &js_principals_def, &none, &js_text_def, &text), 0);
	assert_non_null(strstr(text.text, "\"name\":\"root\""));
	/* release */
	struct js_principal_release rel = {.admin_token = k->admin_token, .name = "root"};
	assert_int_equal(kit_ask(k, &js_principal_release_def, &rel, &js_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	assert_int_equal(kit_sign(k, app, KIT_AUD, key.line, "root", &cert), SP_PRINCIPAL);
	assert_int_equal(kit_ask(k, &js_principal_release_def, &rel, &js_done_def, &done), 0);
	assert_int_equal(done.code, SP_NOT_FOUND);
	char *all[] = {org, app, org2, app2, org3, app3, org4, app4};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
}

static void
test_setup(void **state)
{
	struct kit *k = *state;
	struct js_setup_begin begin = {.code = slice_str("0123456789012345678901234567890123456789")};
	struct js_setup_is is;
	struct js_setup_done done;
	struct js_login_done a;
	struct buf secret;
	char code[7];

	assert_int_equal(kit_ask(k, &js_setup_begin_def, &begin, &js_setup_is_def, &is), 0);
	assert_int_equal(is.code, SP_LOGIN_STATE);
	begin.code = slice_str(k->setup_code);
	assert_int_equal(kit_ask(k, &js_setup_begin_def, &begin, &js_setup_is_def, &is), 0);
	assert_int_equal(is.code, 0);
	assert_string_equal(is.email, KIT_ADMIN);
	assert_string_equal(is.idp, KIT_IDP);
	buf_init(&secret, 64);
	assert_int_equal(base32_decode(&secret, (const char *)is.totp.p, is.totp.n), 0);
	uint64_t step = (uint64_t)clock_wall() / TOTP_STEP;
	totp_code(buf_slice(&secret), step, code);
	struct js_setup_finish fin = {
	    .code = begin.code, .password = slice_str("a long password"), .totp_code = slice_str("12")};
	assert_int_equal(kit_ask(k, &js_setup_finish_def, &fin, &js_setup_done_def, &done), 0);
	assert_int_equal(done.code, SP_LOGIN_FAILED);
	fin.totp_code = slice_str(code);
	fin.password = slice_str("short");
	assert_int_equal(kit_ask(k, &js_setup_finish_def, &fin, &js_setup_done_def, &done), 0);
	assert_int_equal(done.code, SP_BAD_REQUEST);
	fin.password = slice_str("a long password");
	assert_int_equal(kit_ask(k, &js_setup_finish_def, &fin, &js_setup_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	assert_string_equal(done.email, KIT_ADMIN);
	assert_string_equal(done.iss, KIT_ISSUER "/idp/" KIT_IDP);
	char subject[64];
	str_copy(subject, sizeof subject, done.subject);
	assert_int_equal(kit_ask(k, &js_setup_finish_def, &fin, &js_setup_done_def, &done), 0);
	assert_int_equal(done.code, SP_LOGIN_STATE); /* once */
	assert_int_equal(kit_login(k, KIT_ADMIN, "a long password", code, &a), SP_LOGIN_FAILED);
	totp_code(buf_slice(&secret), step + 1, code);
	assert_int_equal(kit_login(k, KIT_ADMIN, "a long password", code, &a), 0);
	assert_string_equal(a.subject, subject);
	buf_release(&secret);
}

static void
test_admin(void **state)
{
	struct kit *k = *state;
	static const char *scopes[] = {"read", "idp:write"};
	struct js_api_mint mint = {.admin_token = k->cert_token, .name = "ci", .scopes = {scopes, 2}, .ttl = 3600};
	struct js_text text;
	struct js_done done;
	struct js_provider_put put = {
	    .admin_token = k->cert_token,
	    .id = "33333333-2222-4333-8444-555555555555",
	    .record = slice_str(
	        "{\"id\":\"33333333-2222-4333-8444-555555555555\",\"type\":\"oidc\",\"name\":\"x\",\"issuer\":"
	        "\"https://idp.example.test\",\"client_id\":\"c\",\"client_secret\":\"s3cret\"}")};

	assert_int_equal(kit_ask(k, &js_api_mint_def, &mint, &js_text_def, &text), 0);
	assert_int_equal(text.code, SP_API_SCOPE); /* cert.pem has no idp:write to give */
	mint.admin_token = k->admin_token;
	assert_int_equal(kit_ask(k, &js_api_mint_def, &mint, &js_text_def, &text), 0);
	assert_int_equal(text.code, 0);
	char *ci = str_dup(text.text);
	assert_int_equal(kit_ask(k, &js_provider_put_def, &put, &js_done_def, &done), 0);
	assert_int_equal(done.code, SP_API_SCOPE);
	put.admin_token = ci;
	assert_int_equal(kit_ask(k, &js_provider_put_def, &put, &js_done_def, &done), 0);
	assert_int_equal(done.code, 0);
	put.record = slice_str("{\"type\":\"oidc\",\"issuer\":\"" KIT_ISSUER "/idp/" KIT_IDP "\",\"client_id\":\"c\"}");
	put.id = "44444444-2222-4333-8444-555555555555";
	assert_int_equal(kit_ask(k, &js_provider_put_def, &put, &js_done_def, &done), 0);
	assert_int_not_equal(done.code, 0); /* nobody else may have our issuer */
	kit_stop(k);
	assert_true(kit_start(k)); /* fetch is told again */
	struct js_ping ping = {0};
	struct js_pong pong;
	assert_int_equal(kit_ask(k, &js_ping_def, &ping, &js_pong_def, &pong), 0);
	while (!k->provider_record[0]) {
		assert_int_equal(kit_ask(k, &js_ping_def, &ping, &js_pong_def, &pong), 0);
	}
	assert_non_null(strstr(k->provider_record, "s3cret"));
	size_t n;
	char *store = kit_read(k, "store", &n), *jn = kit_read(k, "journal", NULL);
	assert_null(memmem(store, n, "s3cret", 6)); /* sealed */
	assert_null(strstr(jn, "s3cret"));
	free(store);
	free(jn);
	free(ci);
	struct js_jwks q = {0};
	assert_int_equal(kit_ask(k, &js_jwks_def, &q, &js_text_def, &text), 0);
	assert_non_null(strstr(text.text, "\"keys\""));
	assert_null(strstr(text.text, "\"d\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_certificate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_login, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_setup, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_admin, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer_life", tests, NULL, NULL);
}
