/* What the signer takes as proof from a program: its secret, while it counts; and for which Unix name it signs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "identity/jwt.h"
#include "signer_kit.h"

#define ID "0123456789abcdef0123456789abcdef.access"
#define OTHER "ffffffffffffffffffffffffffffffff.access"
#define GUESSED "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb.access"
#define PASSWORD "correct horse"

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

/* The code; the secret that was made, or "". */
static int
put(struct kit *k, const char *id, unsigned version, int64_t prev_until, int64_t expires, bool enabled,
    char secret[static 65])
{
	struct js_service_put m = {.admin_token = k->admin_token,
	                           .client_id = id,
	                           .version = version,
	                           .prev_until = prev_until,
	                           .expires = expires,
	                           .enabled = enabled};
	struct js_service_is a;

	assert_int_equal(kit_ask(k, &js_service_put_def, &m, &js_service_is_def, &a), 0);
	if (a.code == 0 && a.secret.n)
		str_copy_n(secret, 65, a.secret.p, a.secret.n);
	return (int)a.code;
}

static int
forget(struct kit *k, const char *id)
{
	struct js_service_delete m = {.admin_token = k->admin_token, .client_id = id};
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_service_delete_def, &m, &js_done_def, &a), 0);
	return (int)a.code;
}

/* The code; on 0 and with cnf not NULL an app token, malloc'ed. */
static int
show(struct kit *k, const char *id, const char *secret, const char *cnf, char **ret_token, uint32_t *ret_version)
{
	struct js_service_token m = {.client_id = id,
	                             .secret = slice_str(secret),
	                             .aud = cnf ? KIT_AUD : "",
	                             .cnf = cnf ? cnf : "",
	                             .ttl = 3600};
	struct js_service_ok a;

	assert_int_equal(kit_ask(k, &js_service_token_def, &m, &js_service_ok_def, &a), 0);
	if (ret_token)
		*ret_token = a.code ? NULL : str_dup(a.token);
	if (ret_version)
		*ret_version = a.version;
	return (int)a.code;
}

static int
bind(struct kit *k, const char *name, const char *id)
{
	struct js_principal_bind m = {.admin_token = k->admin_token, .name = name, .client_id = id};
	struct js_done a;

	assert_int_equal(kit_ask(k, &js_principal_bind_def, &m, &js_done_def, &a), 0);
	return (int)a.code;
}

static void
test_secret(void **state)
{
	struct kit *k = *state;
	char one[65] = "", again[65] = "", two[65] = "", wrong[65];
	uint32_t version;

	assert_int_equal(show(k, ID, "x", NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(put(k, "no client id", 1, 0, 0, true, one), SP_BAD_REQUEST);
	assert_int_equal(put(k, ID, 0, 0, 0, true, one), SP_BAD_REQUEST);
	assert_int_equal(put(k, ID, 1, 0, 0, true, one), 0);
	assert_int_equal(strlen(one), 64);
	/* the same version again shows nothing */
	assert_int_equal(put(k, ID, 1, 0, 0, true, again), 0);
	assert_string_equal(again, "");
	assert_int_equal(put(k, OTHER, 1, 0, 0, true, two), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(show(k, ID, one, NULL, NULL, &version), 0);
	assert_int_equal(version, 1);
	str_copy(wrong, sizeof wrong, one);
	wrong[0] = wrong[0] == '0' ? '1' : '0';
	assert_int_equal(show(k, ID, wrong, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(show(k, ID, two, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(show(k, ID, "", NULL, NULL, NULL), SP_SERVICE_TOKEN);
	one[63] = 0; /* all but the last digit */
	assert_int_equal(show(k, ID, one, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(forget(k, ID), 0);
	assert_int_equal(forget(k, ID), SP_NOT_FOUND);
	assert_int_equal(show(k, ID, one, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(forget(k, OTHER), 0);
}

static void
test_guesses(void **state)
{
	struct kit *k = *state;
	char secret[65] = "";
	int code = 0;

	assert_int_equal(put(k, GUESSED, 1, 0, 0, true, secret), 0);
	for (int i = 0; i < 30 && code != SP_LOGIN_RATE; i++)
		code = show(k, GUESSED, "guess", NULL, NULL, NULL);
	assert_int_equal(code, SP_LOGIN_RATE);
	assert_int_equal(show(k, GUESSED, secret, NULL, NULL, NULL), 0); /* others' guesses lock nobody out */
	assert_int_equal(forget(k, GUESSED), 0);
}

static void
test_versions(void **state)
{
	struct kit *k = *state;
	char one[65] = "", two[65] = "", three[65] = "", none[65] = "";
	int64_t now = clock_wall();
	uint32_t version = 0;

	assert_int_equal(put(k, ID, 1, 0, 0, true, one), 0);
	assert_int_equal(put(k, ID, 2, now + 3600, 0, true, two), 0);
	assert_int_equal(show(k, ID, one, NULL, NULL, &version), 0);
	assert_int_equal(version, 1);
	assert_int_equal(show(k, ID, two, NULL, NULL, &version), 0);
	assert_int_equal(version, 2);
	assert_int_equal(put(k, ID, 1, 0, 0, true, none), SP_CONFLICT); /* no way back */
	/* the third: the second's grace is its own, the first is dead */
	assert_int_equal(put(k, ID, 3, now + 3600, 0, true, three), 0);
	assert_int_equal(show(k, ID, one, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(show(k, ID, two, NULL, NULL, NULL), 0);
	/* a grace may be cut short, not made longer */
	assert_int_equal(put(k, ID, 3, 0, 0, true, none), 0);
	assert_int_equal(show(k, ID, two, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(put(k, ID, 3, now + 3600, 0, true, none), 0);
	assert_int_equal(show(k, ID, two, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(show(k, ID, three, NULL, NULL, NULL), 0);
	/* two versions at once: the one before is not the one before */
	assert_int_equal(put(k, ID, 5, now + 3600, 0, true, two), 0);
	assert_int_equal(show(k, ID, three, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_string_equal(none, "");
	assert_int_equal(forget(k, ID), 0);
}

static void
test_ended(void **state)
{
	struct kit *k = *state;
	char secret[65] = "", none[65] = "", *token = NULL;
	int64_t now = clock_wall();
	json_t *claims = NULL;

	assert_int_equal(put(k, ID, 1, 0, now + 100, true, secret), 0);
	assert_int_equal(show(k, ID, secret, "", &token, NULL), 0);
	assert_int_equal(jwt_peek(token, strlen(token), &claims), 0);
	assert_true(json_i64_or(claims, "exp", 0) <= now + 100); /* no token outlives what it rests on */
	json_decref(claims);
	free(token);
	assert_int_equal(put(k, ID, 1, 0, now - 1, true, none), 0);
	assert_int_equal(show(k, ID, secret, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(put(k, ID, 1, 0, 0, false, none), 0);
	assert_int_equal(show(k, ID, secret, NULL, NULL, NULL), SP_SERVICE_TOKEN);
	assert_int_equal(put(k, ID, 1, 0, 0, true, none), 0);
	assert_int_equal(show(k, ID, secret, NULL, NULL, NULL), 0);
	/* and only an administrator says so */
	char *admin = k->admin_token, *org;
	assert_int_equal(kit_account(k, "jdoe@example.test", PASSWORD, ""), 0);
	org = kit_org(k, "jdoe@example.test", PASSWORD);
	k->admin_token = org;
	assert_int_equal(put(k, ID, 2, 0, 0, true, none), SP_API_TOKEN);
	assert_int_equal(forget(k, ID), SP_API_TOKEN);
	assert_int_equal(bind(k, "deploy", ID), SP_API_TOKEN);
	k->admin_token = admin;
	free(org);
	assert_int_equal(forget(k, ID), 0);
}

/* --- certificates */

static void
test_certificate(void **state)
{
	struct kit *k = *state;
	char secret[65] = "", none[65] = "", *token = NULL, *bare = NULL, *aud2;
	struct js_cert_is cert;
	struct kit_key key, other;

	kit_key(&key);
	kit_key(&other);
	assert_int_equal(put(k, ID, 1, 0, 0, true, secret), 0);
	assert_int_equal(show(k, ID, secret, key.cnf, &token, NULL), 0);
	/* no name is bound: none by prefix, none by default, none that is free */
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "", &cert), SP_PRINCIPAL);
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "deploy", &cert), SP_PRINCIPAL);
	assert_int_equal(bind(k, "deploy", OTHER), SP_NOT_FOUND);
	assert_int_equal(bind(k, "deploy", ID), 0);
	assert_int_equal(bind(k, "deploy", ID), 0); /* bound already */
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "deploy", &cert), 0);
	assert_string_equal(cert.principal, "deploy");
	assert_true(str_starts(cert.key_id, ID " "));
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "", &cert), SP_PRINCIPAL);
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "root", &cert), SP_PRINCIPAL);
	/* another key than the token's, another application, and the token that origins see */
	assert_int_equal(kit_sign(k, token, KIT_AUD, other.line, "deploy", &cert), SP_KEY_MISMATCH);
	assert_int_equal(kit_sign(k, token, KIT_AUD2, key.line, "deploy", &cert), SP_TOKEN_AUDIENCE);
	assert_int_equal(show(k, ID, secret, "", &bare, NULL), 0);
	assert_int_equal(kit_sign(k, bare, KIT_AUD, key.line, "deploy", &cert), SP_KEY_MISMATCH);
	/* the name is not another service token's, nor a person's to take */
	char second[65] = "", *theirs = NULL;
	assert_int_equal(put(k, OTHER, 1, 0, 0, true, second), 0);
	assert_int_equal(show(k, OTHER, second, other.cnf, &theirs, NULL), 0);
	assert_int_equal(kit_sign(k, theirs, KIT_AUD, other.line, "deploy", &cert), SP_PRINCIPAL);
	assert_int_equal(kit_sign(k, theirs, KIT_AUD, key.line, "deploy", &cert), SP_PRINCIPAL);
	free(theirs);
	assert_int_equal(forget(k, OTHER), 0);
	assert_int_equal(kit_account(k, "deploy@example.test", PASSWORD, ""), 0);
	char *org = kit_org(k, "deploy@example.test", PASSWORD), *app = kit_app(k, org, KIT_AUD, other.cnf);
	assert_int_equal(kit_sign(k, app, KIT_AUD, other.line, "", &cert), SP_PRINCIPAL_OWNED);
	/* nor a person's app token good for a service, nor the reverse */
	aud2 = kit_app(k, token, KIT_AUD, key.cnf);
	assert_null(aud2);
	/* it ends with the secret, and with the service token */
	assert_int_equal(put(k, ID, 2, 0, 0, true, none), 0);
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "deploy", &cert), SP_REVOKED);
	free(token);
	assert_int_equal(show(k, ID, none, key.cnf, &token, NULL), 0);
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "deploy", &cert), 0);
	assert_int_equal(put(k, ID, 2, 0, 0, false, none), 0);
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "deploy", &cert), SP_REVOKED);
	assert_int_equal(forget(k, ID), 0);
	assert_int_equal(kit_sign(k, token, KIT_AUD, key.line, "deploy", &cert), SP_REVOKED);
	free(token);
	free(bare);
	free(org);
	free(app);
}

/* What is sealed in the keystore is a hash, and it outlives the process. */
static void
test_kept(void **state)
{
	struct kit *k = *state;
	char secret[65] = "";

	assert_int_equal(put(k, ID, 1, 0, 0, true, secret), 0);
	kit_stop(k);
	assert_true(kit_start(k));
	assert_int_equal(show(k, ID, secret, NULL, NULL, NULL), 0);
	for (const char *const *f = (const char *const[]){"store", "journal", NULL}; *f; f++) {
		size_t n;
		char *text = kit_read(k, *f, &n);
		assert_null(memmem(text, n, secret, 64));
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_secret), cmocka_unit_test(test_guesses),     cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_ended),  cmocka_unit_test(test_certificate), cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
