/* What a connector believes: pins, announced keys, tokens by audience and key, sealed configurations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "identity/keychain.h"

#define ISS "https://team.localhost:8443"
#define AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AUD2 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TUNNEL "11111111-2222-4333-8444-555555555555"
#define NOW INT64_C(1800000000)
#define WEEK 604800
#define KEYS 4

static struct jwks keys; /* private, 0..KEYS-1: each followed by the next; the last belongs to somebody else */

static int
setup(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS; i++) {
		struct key *k = NULL;
		if (key_generate(KEY_RSA, 2048, &k) || jwks_add(&keys, NULL, k))
			return -1;
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	jwks_release(&keys);
	return 0;
}

static void
pinned(struct keychain *k, size_t i)
{
	struct jwks one = {.v = &keys.v[i], .n = 1};
	json_t *pins = keychain_pins(ISS, &one);

	assert_non_null(pins);
	assert_int_equal(keychain_init(k, pins), 0);
	json_decref(pins);
}

static const char *
announced(size_t by, size_t next, const char *iss, int64_t until)
{
	static char text[STATEMENT_MAX + 1];
	struct buf b;

	buf_init(&b, STATEMENT_MAX + 1);
	assert_int_equal(announcement_sign(keys.v[by].key, keys.v[by].kid, iss, &keys.v[next], NOW, until, &b), 0);
	assert_int_equal(str_copy(text, sizeof text, buf_cstr(&b)), 0);
	buf_release(&b);
	return text;
}

static const char *
token_by(size_t by, struct token t)
{
	static char text[JWT_MAX + 1];
	struct buf b;

	buf_init(&b, JWT_MAX + 1);
	assert_int_equal(token_mint(keys.v[by].key, keys.v[by].kid, &t, &b), 0);
	assert_int_equal(str_copy(text, sizeof text, buf_cstr(&b)), 0);
	buf_release(&b);
	return text;
}

static struct token
person(void)
{
	return (struct token){.type = TOKEN_APP,
	                      .iss = ISS,
	                      .aud = AUD,
	                      .sub = "s-1",
	                      .iat = NOW,
	                      .exp = NOW + 60,
	                      .email = "jdoe@example.test",
	                      .idp_id = "p",
	                      .idp_type = "local",
	                      .idp_iss = ISS "/idp/p",
	                      .idp_sub = "x",
	                      .session = "0123"};
}

static int
admit(const struct keychain *k, const char *token, const char *aud, int64_t now, char *subject)
{
	char own[KEYCHAIN_SUBJECT_MAX];
	struct reason r = {0};
	int e = keychain_admit(k, token, aud ? &aud : NULL, aud ? 1 : 0, now, subject ? subject : own, &r);

	assert_true(e == 0 || r.code);
	return e;
}

static void
test_admits(void **state)
{
	char who[KEYCHAIN_SUBJECT_MAX];
	struct keychain k;
	struct token t = person();

	(void)state;
	pinned(&k, 0);
	assert_int_equal(admit(&k, token_by(0, t), AUD, NOW, who), 0);
	assert_string_equal(who, "s-1");
	assert_int_equal(admit(&k, token_by(0, t), NULL, NOW, who), 0);
	t = (struct token){.type = TOKEN_SERVICE,
	                   .iss = ISS,
	                   .aud = AUD,
	                   .sub = "",
	                   .iat = NOW,
	                   .exp = NOW + 60,
	                   .jti = "j",
	                   .common_name = "abc.access",
	                   .secret_version = 1};
	assert_int_equal(admit(&k, token_by(0, t), AUD, NOW, who), 0);
	assert_string_equal(who, "service:abc.access");
	const char *both[] = {AUD2, AUD};
	struct reason r = {0};
	assert_int_equal(keychain_admit(&k, token_by(0, person()), both, 2, NOW, who, &r), 0);
	keychain_release(&k);
}

static void
test_refuses(void **state)
{
	struct keychain k;
	struct token t = person();

	(void)state;
	pinned(&k, 0);
	assert_true(admit(&k, "", AUD, NOW, NULL) < 0);
	assert_true(admit(&k, "a.b.c", AUD, NOW, NULL) < 0);
	assert_true(admit(&k, "a.b.c", NULL, NOW, NULL) < 0);
	assert_true(admit(&k, token_by(0, t), AUD2, NOW, NULL) < 0);
	assert_true(admit(&k, token_by(3, t), AUD, NOW, NULL) < 0); /* a key of nobody */
	assert_true(admit(&k, token_by(0, t), AUD, NOW + 3600, NULL) < 0);
	assert_true(admit(&k, token_by(0, t), AUD, NOW - 3600, NULL) < 0);
	t.iss = "https://other.localhost";
	assert_true(admit(&k, token_by(0, t), AUD, NOW, NULL) < 0);
	t = (struct token){.type = TOKEN_ORG,
	                   .iss = ISS,
	                   .aud = ISS,
	                   .sub = "s-1",
	                   .iat = NOW,
	                   .exp = NOW + 60,
	                   .email = "jdoe@example.test",
	                   .idp_id = "p",
	                   .idp_type = "local",
	                   .idp_iss = ISS "/idp/p",
	                   .idp_sub = "x",
	                   .session = "0123"};
	assert_true(admit(&k, token_by(0, t), ISS, NOW, NULL) < 0);
	assert_true(admit(&k, token_by(0, t), NULL, NOW, NULL) < 0);
	/* a statement is no token */
	assert_true(admit(&k, announced(0, 1, ISS, NOW + WEEK), AUD, NOW, NULL) < 0);
	assert_true(admit(&k, announced(0, 1, ISS, NOW + WEEK), ISS "/keys", NOW, NULL) < 0);
	keychain_release(&k);
}

static void
test_chain(void **state)
{
	struct keychain k;
	struct reason r = {0};
	struct token t = person();

	(void)state;
	pinned(&k, 0);
	assert_int_equal(keychain_announce(&k, announced(1, 2, ISS, NOW + WEEK), &r), E_NOENT);
	assert_true(admit(&k, token_by(1, t), AUD, NOW, NULL) < 0);
	assert_int_equal(keychain_announce(&k, announced(0, 1, ISS, NOW + WEEK), &r), 1);
	assert_int_equal(keychain_announce(&k, announced(0, 1, ISS, NOW + WEEK), &r), 0);
	assert_int_equal(admit(&k, token_by(1, t), AUD, NOW, NULL), 0);
	assert_int_equal(admit(&k, token_by(0, t), AUD, NOW, NULL), 0); /* the overlap */
	t.iat = NOW + WEEK;
	t.exp = t.iat + 60;
	assert_true(admit(&k, token_by(0, t), AUD, t.iat, NULL) < 0); /* is over */
	assert_int_equal(admit(&k, token_by(1, t), AUD, t.iat, NULL), 0);
	assert_int_equal(keychain_announce(&k, announced(1, 2, ISS, NOW + 2 * WEEK), &r), 1);
	assert_int_equal(admit(&k, token_by(2, t), AUD, t.iat, NULL), 0);
	/* an end that was said is not put off */
	assert_int_equal(keychain_announce(&k, announced(0, 1, ISS, NOW + 9 * WEEK), &r), 0);
	assert_true(admit(&k, token_by(0, t), AUD, t.iat, NULL) < 0);
	keychain_release(&k);
}

static void
test_bad_announcements(void **state)
{
	struct keychain k;
	struct reason r = {0};
	struct jwk forged = keys.v[2];

	(void)state;
	pinned(&k, 0);
	assert_int_equal(keychain_announce(&k, announced(0, 1, "https://other.localhost", NOW + WEEK), &r), E_DENIED);
	assert_int_equal(keychain_announce(&k, announced(0, 1, ISS, 0), &r), E_FORMAT);
	assert_int_equal(keychain_announce(&k, token_by(0, person()), &r), E_DENIED);
	str_copy(forged.kid, sizeof forged.kid, keys.v[1].kid); /* one key under another's number */
	struct buf b;
	buf_init(&b, STATEMENT_MAX + 1);
	assert_int_equal(announcement_sign(keys.v[0].key, keys.v[0].kid, ISS, &forged, NOW, NOW + WEEK, &b), 0);
	assert_int_equal(keychain_announce(&k, buf_cstr(&b), &r), E_FORMAT);
	buf_release(&b);
	char *text = str_dup(announced(0, 1, ISS, NOW + WEEK));
	char *sig = strrchr(text, '.');
	sig[10] = sig[10] == 'A' ? 'B' : 'A';
	assert_true(keychain_announce(&k, text, &r) < 0);
	free(text);
	text = calloc(1, STATEMENT_MAX + 2);
	memset(text, 'a', STATEMENT_MAX + 1);
	assert_int_equal(keychain_announce(&k, text, &r), E_LIMIT);
	free(text);
	assert_int_equal(k.keys.n, 1);
	keychain_release(&k);
}

/* Signed by the right key, but not what it must be. */
static void
test_crafted_statements(void **state)
{
	static const char *const heads[][3] = {{"config", ISS, ISS "/keys"},
	                                       {"keys", "https://other.localhost", ISS "/keys"},
	                                       {"keys", ISS, ISS "/config"},
	                                       {"keys", ISS, AUD},
	                                       {"app", ISS, ISS "/keys"}};
	struct keychain k;
	struct reason r = {0};

	(void)state;
	pinned(&k, 0);
	for (size_t i = 0; i <= sizeof heads / sizeof *heads; i++) {
		bool good = i == sizeof heads / sizeof *heads;
		json_t *o =
		    json_pack("{s:s, s:s, s:[s], s:I, s:I, s:o}", "type", good ? "keys" : heads[i][0], "iss",
		              good ? ISS : heads[i][1], "aud", good ? ISS "/keys" : heads[i][2], "iat", (json_int_t)NOW,
		              "until", (json_int_t)(NOW + WEEK), "key", jwk_to_json(&keys.v[1]));
		struct buf b;
		buf_init(&b, STATEMENT_MAX + 1);
		assert_int_equal(jwt_sign(keys.v[0].key, keys.v[0].kid, o, &b), 0);
		assert_int_equal(keychain_announce(&k, buf_cstr(&b), &r), good ? 1 : E_DENIED);
		buf_release(&b);
		json_decref(o);
	}
	keychain_release(&k);
}

static void
test_bad_pins(void **state)
{
	static const char *const bad[] = {"{}", "{\"iss\":\"x\"}", "{\"iss\":\"x\",\"keys\":[]}",
	                                  "{\"iss\":\"\",\"keys\":[]}", "{\"iss\":1,\"keys\":[]}"};
	struct keychain k = {.iss = ""};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *o = NULL;
		assert_int_equal(json_load_strict(bad[i], strlen(bad[i]), 4096, &o), 0);
		assert_true(keychain_init(&k, o) < 0);
		json_decref(o);
	}
	json_t *pins = keychain_pins(ISS, &keys);
	json_t *a = json_array_get(json_object_get(pins, "keys"), 0),
	       *z = json_array_get(json_object_get(pins, "keys"), 1);
	char *kid = str_dup(json_str_or(z, "kid", ""));
	json_array_remove(json_object_get(pins, "keys"), 1);
	json_object_set_new(a, "kid", json_string(kid));
	assert_int_equal(keychain_init(&k, pins), E_FORMAT);
	free(kid);
	json_decref(pins);
}

static void
test_config(void **state)
{
	struct keychain k;
	struct reason r = {0};
	char digest[65];
	struct buf b;
	json_t *c = json_pack("{s:[{s:s}]}", "ingress", "service", "http_status:404");
	json_t *d = json_pack("{s:[{s:s}]}", "ingress", "service", "ssh://10.0.0.1:22");

	(void)state;
	pinned(&k, 0);
	buf_init(&b, STATEMENT_MAX + 1);
	assert_int_equal(config_digest(c, digest), 0);
	assert_int_equal(config_seal(keys.v[0].key, keys.v[0].kid, ISS, TUNNEL, 7, digest, NOW, &b), 0);
	const char *seal = buf_cstr(&b);
	assert_int_equal(keychain_config(&k, seal, TUNNEL, 7, c, NOW, &r), 0);
	assert_int_equal(keychain_config(&k, seal, TUNNEL, 7, d, NOW, &r), E_DENIED);
	assert_int_equal(keychain_config(&k, seal, TUNNEL, 8, c, NOW, &r), E_DENIED);
	assert_int_equal(keychain_config(&k, seal, "other", 7, c, NOW, &r), E_DENIED);
	assert_true(keychain_config(&k, "", TUNNEL, 7, c, NOW, &r) < 0);
	assert_int_equal(keychain_config(&k, announced(0, 1, ISS, NOW + WEEK), TUNNEL, 7, c, NOW, &r), E_DENIED);
	assert_int_equal(keychain_announce(&k, seal, &r), E_DENIED);
	assert_int_equal(keychain_announce(&k, announced(0, 1, ISS, NOW + WEEK), &r), 1);
	assert_int_equal(keychain_config(&k, seal, TUNNEL, 7, c, NOW, &r), 0);
	assert_true(keychain_config(&k, seal, TUNNEL, 7, c, NOW + WEEK, &r) < 0);
	buf_clear(&b);
	assert_int_equal(config_seal(keys.v[3].key, keys.v[3].kid, ISS, TUNNEL, 7, digest, NOW, &b), 0);
	assert_true(keychain_config(&k, buf_cstr(&b), TUNNEL, 7, c, NOW, &r) < 0);
	buf_release(&b);
	json_decref(c);
	json_decref(d);
	keychain_release(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_admits),
	    cmocka_unit_test(test_refuses),
	    cmocka_unit_test(test_chain),
	    cmocka_unit_test(test_crafted_statements),
	    cmocka_unit_test(test_bad_announcements),
	    cmocka_unit_test(test_bad_pins),
	    cmocka_unit_test(test_config),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
