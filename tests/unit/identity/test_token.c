#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "identity/token.h"

#define ISS "https://team.localhost:8443"
#define AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NOW 1800000000

static struct jwks set;
static char kid[65];

static int
setup(void **state)
{
	struct key *k = NULL;
	if (key_generate(KEY_RSA, 2048, &k) || key_kid(k, kid))
		return -1;
	return jwks_add(&set, NULL, k);
}

static int
teardown(void **state)
{
	jwks_release(&set);
	return 0;
}

static struct token
sample(enum token_type type)
{
	return (struct token){
	    .type = type,
	    .iss = ISS,
	    .aud = type == TOKEN_APP   ? AUD
	           : type == TOKEN_ORG ? ISS
	                               : ISS "/api",
	    .sub = type == TOKEN_API ? "api:init" : "11111111-2222-8333-8444-555555555555",
	    .iat = NOW,
	    .exp = NOW + 3600,
	    .email = "jdoe@example.test",
	    .idp_id = "p1",
	    .idp_type = "local",
	    .idp_iss = ISS "/idp/p1",
	    .idp_sub = "s1",
	    .session = "0123abcd",
	    .amr = {{"pwd", "otp", "mfa"}, 3},
	    .groups = {{"ops"}, 1},
	    .country = "NO",
	    .policy_id = "pol",
	    .cnf = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
	    .scopes = {{"read", "idp:write"}, 2},
	    .jti = "j1",
	};
}

static void
mint(const struct token *t, struct buf *out)
{
	buf_clear(out);
	assert_int_equal(token_mint(set.v[0].key, kid, t, out), 0);
}

static void
test_round(void **state)
{
	struct buf b;
	struct token t, got = {0};
	buf_init(&b, JWT_MAX);
	t = sample(TOKEN_ORG);
	mint(&t, &b);
	assert_int_equal(token_open(TOKEN_ORG, buf_cstr(&b), &set, ISS, NULL, NOW, &got, NULL), 0);
	assert_string_equal(got.email, t.email);
	assert_string_equal(got.idp_sub, "s1");
	assert_string_equal(got.idp_type, "local");
	assert_string_equal(got.session, "0123abcd");
	assert_int_equal(got.amr.n, 3);
	assert_string_equal(got.amr.v[2], "mfa");
	assert_string_equal(got.groups.v[0], "ops");
	assert_string_equal(got.cnf, "");
	assert_int_equal(got.nbf, NOW);
	token_release(&got);

	t = sample(TOKEN_APP);
	mint(&t, &b);
	assert_int_equal(token_open(TOKEN_APP, buf_cstr(&b), &set, ISS, AUD, NOW, &got, NULL), 0);
	assert_string_equal(got.cnf, t.cnf);
	assert_string_equal(got.country, "NO");
	assert_string_equal(json_string_value(json_array_get(json_object_get(got.json, "aud"), 0)), AUD);
	assert_string_equal(json_str_or(got.json, "type", ""), "app");
	token_release(&got);

	t = sample(TOKEN_API);
	mint(&t, &b);
	assert_int_equal(token_open(TOKEN_API, buf_cstr(&b), &set, ISS, NULL, NOW, &got, NULL), 0);
	assert_true(token_has_scope(&got, "idp:write"));
	assert_false(token_has_scope(&got, "write"));
	assert_string_equal(got.jti, "j1");
	token_release(&got);
	buf_release(&b);
}

static void
expect(enum token_type type, const char *text, const char *aud, int64_t now, int code)
{
	struct token got = {0};
	struct reason r = {0};
	int e = token_open(type, text, &set, ISS, aud, now, &got, &r);
	assert_int_equal(r.code, code);
	assert_int_equal(e == 0, code == 0);
	token_release(&got);
}

/* security.md 9 to 12, 14 */
static void
test_refused(void **state)
{
	struct buf b;
	struct token t;
	buf_init(&b, JWT_MAX);
	t = sample(TOKEN_APP);
	mint(&t, &b);
	expect(TOKEN_APP, buf_cstr(&b), AUD, NOW + 3600 + TOKEN_LEEWAY, 0);
	expect(TOKEN_APP, buf_cstr(&b), AUD, NOW + 3601 + TOKEN_LEEWAY, SP_TOKEN_EXPIRED);
	expect(TOKEN_APP, buf_cstr(&b), AUD, NOW - TOKEN_LEEWAY, 0);
	expect(TOKEN_APP, buf_cstr(&b), AUD, NOW - TOKEN_LEEWAY - 1, SP_TOKEN_EXPIRED);
	char other[65] = AUD;
	other[63] = 'b';
	expect(TOKEN_APP, buf_cstr(&b), other, NOW, SP_TOKEN_AUDIENCE);
	other[63] = 0;
	expect(TOKEN_APP, buf_cstr(&b), other, NOW, SP_TOKEN_AUDIENCE);
	expect(TOKEN_APP, buf_cstr(&b), AUD "a", NOW, SP_TOKEN_AUDIENCE);
	expect(TOKEN_APP, buf_cstr(&b), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NOW,
	       SP_TOKEN_AUDIENCE);
	expect(TOKEN_APP, buf_cstr(&b), NULL, NOW, SP_TOKEN_AUDIENCE);
	expect(TOKEN_ORG, buf_cstr(&b), NULL, NOW, SP_TOKEN);
	expect(TOKEN_API, buf_cstr(&b), NULL, NOW, SP_API_TOKEN);
	t.iss = "https://team.localhost";
	mint(&t, &b);
	expect(TOKEN_APP, buf_cstr(&b), AUD, NOW, SP_TOKEN);
	t = sample(TOKEN_API);
	mint(&t, &b);
	expect(TOKEN_API, buf_cstr(&b), NULL, NOW + 4000, SP_TOKEN_EXPIRED);
	t.sub = "jdoe";
	mint(&t, &b);
	expect(TOKEN_API, buf_cstr(&b), NULL, NOW, SP_API_TOKEN);
	expect(TOKEN_APP, "", AUD, NOW, SP_TOKEN);
	buf_release(&b);
}

/* Claims as an attacker with a key, or an older edge, might have written them. */
static void
test_claims(void **state)
{
	static const struct {
		const char *claim, *json;
		int code;
	} rows[] = {
	    {"exp", NULL, SP_TOKEN},
	    {"exp", "-1", SP_TOKEN},
	    {"exp", "\"1800003600\"", SP_TOKEN},
	    {"exp", "1800003600.5", SP_TOKEN},
	    {"exp", "9223372036854775807", SP_TOKEN},
	    {"exp", "1800000000", SP_TOKEN},
	    {"exp", "1831536000", 0}, /* a year, and no more */
	    {"exp", "1831536001", SP_TOKEN},
	    {"iat", NULL, SP_TOKEN},
	    {"iat", "1800003599", SP_TOKEN_EXPIRED},
	    {"nbf", "1800000031", SP_TOKEN_EXPIRED},
	    {"nbf", "1800000030", 0},
	    {"aud", "\"" AUD "\"", SP_TOKEN_AUDIENCE},
	    {"aud", "[]", SP_TOKEN_AUDIENCE},
	    {"aud", "[\"" AUD "\",\"x\"]", SP_TOKEN_AUDIENCE},
	    {"aud", "[[\"" AUD "\"]]", SP_TOKEN_AUDIENCE},
	    {"sub", NULL, SP_TOKEN},
	    {"sub", "1", SP_TOKEN},
	    {"email", NULL, SP_TOKEN},
	    {"identity_nonce", "\"\"", SP_TOKEN},
	    {"cnf", "{}", SP_TOKEN},
	    {"cnf", NULL, 0},
	    {"type", "\"org\"", SP_TOKEN},
	    {"type", NULL, SP_TOKEN},
	    {"idp", NULL, SP_TOKEN},
	    {"iss", "\"" ISS "/\"", SP_TOKEN},
	};
	struct buf b;
	buf_init(&b, JWT_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct token t = sample(TOKEN_APP);
		json_t *claims = NULL;
		mint(&t, &b);
		assert_int_equal(jwt_peek((const char *)buf_ptr(&b), buf_len(&b), &claims), 0);
		json_object_del(claims, rows[i].claim);
		if (rows[i].json)
			assert_int_equal(
			    json_object_set_new(claims, rows[i].claim, json_loads(rows[i].json, JSON_DECODE_ANY, NULL)),
			    0);
		buf_clear(&b);
		assert_int_equal(jwt_sign(set.v[0].key, kid, claims, &b), 0);
		expect(TOKEN_APP, buf_cstr(&b), AUD, NOW, rows[i].code);
		json_decref(claims);
	}
	buf_release(&b);
}

/* Lists of an org token: as many as there is room for, of texts. */
static void
test_lists(void **state)
{
	static const struct {
		size_t n;
		const char *last;
		int code;
	} rows[] = {{TOKEN_LIST_MAX, "\"g\"", 0},
	            {TOKEN_LIST_MAX + 1, "\"g\"", SP_TOKEN},
	            {1, "7", SP_TOKEN},
	            {2, "null", SP_TOKEN},
	            {2, "[\"g\"]", SP_TOKEN}};
	struct buf b;
	buf_init(&b, JWT_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct token t = sample(TOKEN_ORG);
		json_t *claims = NULL, *list = json_array();
		mint(&t, &b);
		assert_int_equal(jwt_peek((const char *)buf_ptr(&b), buf_len(&b), &claims), 0);
		for (size_t k = 1; k < rows[i].n; k++)
			json_array_append_new(list, json_string("g"));
		json_array_append_new(list, json_loads(rows[i].last, JSON_DECODE_ANY, NULL));
		json_object_set_new(claims, "groups", list);
		buf_clear(&b);
		assert_int_equal(jwt_sign(set.v[0].key, kid, claims, &b), 0);
		expect(TOKEN_ORG, buf_cstr(&b), NULL, NOW, rows[i].code);
		json_decref(claims);
	}
	buf_release(&b);
}

static void
test_mint_refused(void **state)
{
	struct buf b;
	struct token t = sample(TOKEN_APP);
	buf_init(&b, JWT_MAX);
	t.email = NULL;
	assert_int_equal(token_mint(set.v[0].key, kid, &t, &b), E_STATE);
	t = sample(TOKEN_APP);
	t.exp = t.iat;
	assert_int_equal(token_mint(set.v[0].key, kid, &t, &b), E_RANGE);
	t.exp = t.iat + TOKEN_TTL_MAX + 1;
	assert_int_equal(token_mint(set.v[0].key, kid, &t, &b), E_RANGE);
	t = sample(TOKEN_APP);
	t.email = "\xff@x";
	assert_int_equal(token_mint(set.v[0].key, kid, &t, &b), E_FORMAT);
	assert_int_equal(buf_len(&b), 0);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round), cmocka_unit_test(test_refused),
	                                   cmocka_unit_test(test_claims), cmocka_unit_test(test_lists),
	                                   cmocka_unit_test(test_mint_refused)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
