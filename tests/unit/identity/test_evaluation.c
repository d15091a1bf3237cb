/* What an outside judge answers: signed by its RSA key, about this question, fresh, and yes or no; all else is no
 * answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/str.h"
#include "identity/evaluation.h"

#define NOW 1800000000
#define NONCE "0123456789abcdef0123456789abcdef"

static void
test_claims(void **state)
{
	static const struct {
		const char *json;
		int yes; /* -1 = no answer */
	} rows[] = {
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800000060,\"success\":true}", 1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800000060,\"success\":false}", 0},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1799999980,\"success\":true}", 1}, /* clocks differ a little */
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1799999970,\"success\":true}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800003601,\"success\":true}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":\"1800000060\",\"success\":true}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800000060,\"nbf\":1800000031,\"success\":true}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"success\":true}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800000060,\"success\":\"true\"}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800000060,\"success\":1}", -1},
	    {"{\"nonce\":\"" NONCE "\",\"exp\":1800000060}", -1},
	    {"{\"nonce\":\"0123456789abcdef0123456789abcdee\",\"exp\":1800000060,\"success\":true}", -1},
	    {"{\"exp\":1800000060,\"success\":true}", -1},
	    {"[]", -1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *o = NULL;
		struct reason r = {0};
		bool yes = false;
		assert_int_equal(json_load_strict(rows[i].json, strlen(rows[i].json), 4096, &o), 0);
		int e = evaluation_read(o, NONCE, NOW, &yes, &r);
		assert_int_equal(e == 0 ? yes : -1, rows[i].yes);
		assert_int_equal(r.code, rows[i].yes < 0 ? SP_POLICY_DENY : 0);
		json_decref(o);
	}
	json_t *o = json_pack("{s:s, s:I, s:b}", "nonce", "", "exp", (json_int_t)NOW + 60, "success", 1);
	bool yes;
	assert_int_not_equal(evaluation_read(o, "", NOW, &yes, NULL), 0); /* a question without nonce does not exist */
	json_decref(o);
}

struct judge_key {
	struct key *key;
	char *jwks;
};

static void
key_make(struct judge_key *k, enum key_kind kind)
{
	struct jwks set = {0};
	struct key *pub = NULL;
	struct buf spki;

	assert_int_equal(key_generate(kind, 2048, &k->key), 0);
	buf_init(&spki, 2048);
	assert_int_equal(key_spki(k->key, &spki), 0);
	assert_int_equal(key_from_spki(buf_slice(&spki), &pub), 0);
	assert_int_equal(jwks_add(&set, "k1", pub), 0);
	json_t *j = jwks_to_json(&set);
	k->jwks = json_dump_str(j);
	json_decref(j);
	jwks_release(&set);
	buf_release(&spki);
}

static int
check(const struct judge_key *by, const char *keys, const char *nonce, bool *ret_yes)
{
	json_t *o = json_pack("{s:s, s:I, s:b}", "nonce", NONCE, "exp", (json_int_t)NOW + 60, "success", 1);
	struct reason r = {0};
	struct buf b;

	buf_init(&b, EVALUATION_ANSWER_MAX);
	assert_int_equal(buf_put_str(&b, "{\"token\":\""), 0);
	assert_int_equal(jwt_sign(by->key, "k1", o, &b), 0);
	assert_int_equal(buf_put_str(&b, "\"}"), 0);
	int e = evaluation_check((const char *)buf_ptr(&b), buf_len(&b), keys, nonce, NOW, ret_yes, &r);
	assert_int_equal(r.code, e < 0 ? SP_POLICY_DENY : 0);
	buf_release(&b);
	json_decref(o);
	return e;
}

static void
test_signature(void **state)
{
	struct judge_key rsa = {0}, other = {0}, ec = {0};
	struct reason r = {0};
	bool yes = false;

	key_make(&rsa, KEY_RSA);
	key_make(&other, KEY_RSA);
	key_make(&ec, KEY_P256);
	assert_int_equal(check(&rsa, rsa.jwks, NONCE, &yes), 0);
	assert_true(yes);
	yes = false;
	assert_int_not_equal(check(&rsa, rsa.jwks, "another", &yes), 0);
	assert_int_not_equal(check(&other, rsa.jwks, NONCE, &yes), 0);
	assert_int_not_equal(check(&ec, ec.jwks, NONCE, &yes), 0); /* RSA only */
	assert_int_not_equal(check(&rsa, "{}", NONCE, &yes), 0);
	assert_int_not_equal(check(&rsa, "<html>", NONCE, &yes), 0);
	assert_int_not_equal(evaluation_check("{}", 2, rsa.jwks, NONCE, NOW, &yes, &r), 0);
	assert_int_not_equal(evaluation_check("[\"x\"]", 5, rsa.jwks, NONCE, NOW, &yes, &r), 0);
	assert_false(yes);
	key_free(rsa.key);
	key_free(other.key);
	key_free(ec.key);
	free(rsa.jwks);
	free(other.jwks);
	free(ec.jwks);
}

static void
test_question(void **state)
{
	struct token org = {
	    .email = "jdoe@corp.test", .sub = "uuid", .idp_sub = "u1", .idp_id = "i", .idp_type = "oidc"};

	org.groups.v[org.groups.n++] = "ops";
	json_t *o = evaluation_claims(&org, "https://team.test", "https://e.test/", NONCE, NOW);
	char *text = json_dump_str(o);
	assert_string_equal(
	    text, "{\"aud\":[\"https://e.test/\"],\"exp\":1800000060,\"iat\":1800000000,\"identity\":{\"amr\":[],"
	          "\"email\":\"jdoe@corp.test\",\"groups\":[\"ops\"],\"id\":\"u1\",\"idp\":{\"id\":\"i\","
	          "\"type\":\"oidc\"},\"user_uuid\":\"uuid\"},\"iss\":\"https://team.test\",\"nonce\":\"" NONCE "\"}");
	free(text);
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_claims),
	    cmocka_unit_test(test_signature),
	    cmocka_unit_test(test_question),
	};
	return cmocka_run_group_tests_name("identity_evaluation", tests, NULL, NULL);
}
