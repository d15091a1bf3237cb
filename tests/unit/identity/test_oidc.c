#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "identity/oidc.h"

#define ISS "https://idp.example.test/realm"
#define NOW 1800000000

static const char doc[] =
    "{\"issuer\":\"" ISS "\",\"authorization_endpoint\":\"" ISS "/auth\",\"token_endpoint\":\"" ISS
    "/token\",\"jwks_uri\":\"https://keys.example.test/jwks\",\"userinfo_endpoint\":\"" ISS
    "/me\",\"response_types_supported\":[\"code\",\"id_token\"],\"code_challenge_methods_supported\":[\"plain\","
    "\"S256\"],\"id_token_signing_alg_values_supported\":[\"RS256\",\"EdDSA\",\"HS256\"],"
    "\"authorization_response_iss_parameter_supported\":true}";

static void
test_discovery(void **state)
{
	struct oidc_provider p = {0};
	assert_int_equal(oidc_discovery_parse(doc, strlen(doc), ISS, &p, NULL), 0);
	assert_string_equal(p.authorization, ISS "/auth");
	assert_string_equal(p.jwks, "https://keys.example.test/jwks");
	assert_string_equal(p.userinfo, ISS "/me");
	assert_null(p.end_session);
	assert_true(p.iss_parameter);
	assert_int_equal(p.algs, JWT_RS256 | JWT_EDDSA);
	struct reason r = {0};
	assert_int_equal(oidc_callback_check(&p, ISS, &r), 0);
	assert_int_equal(oidc_callback_check(&p, NULL, &r), E_DENIED);
	assert_int_equal(oidc_callback_check(&p, "https://other.test", &r), E_DENIED);
	assert_int_equal(r.code, SP_LOGIN_STATE);
	p.iss_parameter = false;
	assert_int_equal(oidc_callback_check(&p, NULL, &r), 0);
	oidc_provider_release(&p);
}

/* security.md 35 */
static void
test_discovery_refused(void **state)
{
	static const struct {
		const char *key, *json; /* NULL: removed */
		int want;
	} rows[] = {
	    {"issuer", "\"https://idp.example.test/\"", E_FORMAT},
	    {"issuer", "\"" ISS "/\"", E_FORMAT},
	    {"issuer", NULL, E_FORMAT},
	    {"token_endpoint", "\"http://idp.example.test/token\"", E_FORMAT},
	    {"token_endpoint", "\"https://10.0.0.1/token\"", E_FORMAT},
	    {"token_endpoint", "\"https://127.0.0.1/token\"", E_FORMAT},
	    {"token_endpoint", "\"http://localhost/token\"", E_FORMAT},
	    {"jwks_uri", "\"https://[::1]/jwks\"", E_FORMAT},
	    {"jwks_uri", "\"file:///etc/passwd\"", E_FORMAT},
	    {"jwks_uri", "\"https://user@idp.example.test/jwks\"", E_FORMAT},
	    {"jwks_uri", "\"https://idp.example.test/jwks#x\"", E_FORMAT},
	    {"jwks_uri", NULL, E_FORMAT},
	    {"userinfo_endpoint", NULL, 0},
	    {"userinfo_endpoint", "7", E_FORMAT},
	    {"response_types_supported", "[\"id_token\"]", E_FORMAT},
	    {"code_challenge_methods_supported", "[\"plain\"]", E_FORMAT},
	    {"code_challenge_methods_supported", NULL, 0},
	    {"id_token_signing_alg_values_supported", "[\"HS256\",\"none\"]", E_FORMAT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_provider p = {0};
		struct reason r = {0};
		struct buf b;
		json_t *o = NULL;
		buf_init(&b, 65536);
		assert_int_equal(json_load_strict(doc, strlen(doc), 65536, &o), 0);
		json_object_del(o, rows[i].key);
		if (rows[i].json)
			json_object_set_new(o, rows[i].key, json_loads(rows[i].json, JSON_DECODE_ANY, NULL));
		assert_int_equal(json_dump(o, &b), 0);
		assert_int_equal(oidc_discovery_parse(buf_ptr(&b), buf_len(&b), ISS, &p, &r), rows[i].want);
		assert_int_equal(r.code, rows[i].want ? SP_LOGIN_PROVIDER : 0);
		oidc_provider_release(&p);
		json_decref(o);
		buf_release(&b);
	}
	/* a provider on this machine does not send us to other addresses either */
	static const char *const local[] = {"http://127.0.0.1:9000/token", "https://10.0.0.1/token",
	                                    "https://169.254.169.254/token", "https://idp.example.test/token"};
	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		struct oidc_provider p = {0};
		struct buf b;
		json_t *o =
		    json_pack("{s:s,s:s,s:s,s:s,s:[s]}", "issuer", "http://127.0.0.1:9000", "authorization_endpoint",
		              "http://127.0.0.1:9000/auth", "token_endpoint", local[i], "jwks_uri",
		              "http://127.0.0.1:9000/jwks", "response_types_supported", "code");
		buf_init(&b, 65536);
		assert_int_equal(json_dump(o, &b), 0);
		assert_int_equal(oidc_discovery_parse(buf_ptr(&b), buf_len(&b), "http://127.0.0.1:9000", &p, NULL),
		                 i == 1 || i == 2 ? E_FORMAT : 0);
		oidc_provider_release(&p);
		json_decref(o);
		buf_release(&b);
	}
	assert_true(oidc_url_ok("http://idp.localhost:9000/x"));
	assert_true(oidc_url_ok("http://127.0.0.1:9000/x"));
	assert_false(oidc_url_ok("http://idp.example.test/x"));
	assert_false(oidc_url_ok("https://idp.example.test/a b"));
	assert_false(oidc_url_ok("javascript:alert(1)"));
}

static void
test_request(void **state)
{
	struct buf b;
	struct oidc_request q = {.authorization = ISS "/auth?tenant=1",
	                         .client_id = "c&1",
	                         .redirect_uri = "https://team.localhost:8443/cdn-cgi/access/callback",
	                         .scopes = "email profile",
	                         .state = "s",
	                         .nonce = "n",
	                         .challenge = "x"};
	buf_init(&b, 4096);
	assert_int_equal(oidc_request_url(&q, &b), 0);
	assert_string_equal(buf_cstr(&b),
	                    ISS "/auth?tenant=1&response_type=code&client_id=c%261&redirect_uri=https%3A%2F%2F"
	                        "team.localhost%3A8443%2Fcdn-cgi%2Faccess%2Fcallback&scope=openid%20email%20profile&"
	                        "state=s&nonce=n&code_challenge=x&code_challenge_method=S256");
	q.challenge = "";
	assert_int_equal(oidc_request_url(&q, &b), E_FORMAT);
	buf_clear(&b);
	assert_int_equal(oidc_discovery_url("https://idp.example.test/realm/", &b), 0);
	assert_string_equal(buf_cstr(&b), "https://idp.example.test/realm/.well-known/openid-configuration");
	buf_release(&b);
}

static void
test_token_response(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
	    {"{\"id_token\":\"a.b.c\",\"access_token\":\"x\",\"token_type\":\"bearer\",\"expires_in\":300}", 0},
	    {"{\"id_token\":\"a.b.c\"}", 0},
	    {"{\"access_token\":\"x\",\"token_type\":\"Bearer\"}", E_FORMAT},
	    {"{\"error\":\"invalid_grant\",\"id_token\":\"a.b.c\"}", E_DENIED},
	    {"{\"id_token\":\"a.b.c\",\"token_type\":\"mac\"}", E_FORMAT},
	    {"{\"id_token\":7}", E_FORMAT},
	    {"<html>", E_FORMAT},
	    {"[]", E_FORMAT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_tokens t = {0};
		struct reason r = {0};
		assert_int_equal(oidc_tokens_parse(rows[i].text, strlen(rows[i].text), &t, &r), rows[i].want);
		assert_int_equal(r.code, rows[i].want ? SP_LOGIN_PROVIDER : 0);
		oidc_tokens_release(&t);
	}
}

static const struct oidc_check check = {.issuer = ISS, .client_id = "client", .nonce = "nonce1", .now = NOW};

static json_t *
claims(const char *key, const char *json)
{
	json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:b,s:s,s:[ss],s:[s]}", "iss", ISS, "aud", "client", "exp",
	                      (json_int_t)NOW + 300, "iat", (json_int_t)NOW - 5, "nonce", "nonce1", "sub", "sub-1",
	                      "email", "JDoe@Example.test", "email_verified", 1, "name",
	                      "J. D\xc3\xb6"
	                      "e",
	                      "groups", "ops", "dev", "amr", "mfa");
	assert_non_null(o);
	if (key) {
		json_object_del(o, key);
		if (json)
			assert_int_equal(json_object_set_new(o, key, json_loads(json, JSON_DECODE_ANY, NULL)), 0);
	}
	return o;
}

static void
test_claims(void **state)
{
	struct oidc_identity id = {0};
	json_t *o = claims(NULL, NULL);
	assert_int_equal(oidc_claims_check(o, &check, NULL, &id, NULL), 0);
	json_decref(o); /* the identity keeps what it points to */
	assert_string_equal(id.sub, "sub-1");
	assert_string_equal(id.email, "jdoe@example.test");
	assert_string_equal(id.email_raw, "JDoe@Example.test");
	assert_string_equal(id.name, "J. D\xc3\xb6"
	                             "e");
	assert_int_equal(id.ngroups, 2);
	assert_string_equal(id.groups[1], "dev");
	assert_int_equal(id.namr, 1);
	assert_false(id.groups_overage);
	oidc_identity_release(&id);
}

/* security.md 21, 23, 26, 27 */
static void
test_claims_refused(void **state)
{
	static const struct {
		const char *key, *json;
		int code;
	} rows[] = {
	    {"iss", "\"https://idp.example.test\"", SP_ID_TOKEN},
	    {"iss", NULL, SP_ID_TOKEN},
	    {"aud", "\"other\"", SP_ID_TOKEN},
	    {"aud", "[\"client\"]", 0},
	    {"aud", "[\"client\",\"other\"]", SP_ID_TOKEN}, /* several audiences and no azp */
	    {"aud", "{}", SP_ID_TOKEN},
	    {"azp", "\"client\"", 0},
	    {"azp", "\"other\"", SP_ID_TOKEN},
	    {"exp", "1799999900", SP_ID_TOKEN},
	    {"exp", "1799999941", 0},
	    {"exp", "1.8e9", SP_ID_TOKEN},
	    {"exp", NULL, SP_ID_TOKEN},
	    {"iat", "1800000061", SP_ID_TOKEN},
	    {"iat", "1799913599", SP_ID_TOKEN},
	    {"iat", NULL, SP_ID_TOKEN},
	    {"nbf", "1800000061", SP_ID_TOKEN},
	    {"nonce", NULL, SP_ID_TOKEN},
	    {"nonce", "\"nonce2\"", SP_ID_TOKEN},
	    {"sub", "\"\"", SP_ID_TOKEN},
	    {"sub", "\"a\\nb\"", SP_ID_TOKEN},
	    {"sub", NULL, SP_ID_TOKEN},
	    {"email", NULL, SP_EMAIL},
	    {"email", "[\"jdoe@example.test\"]", SP_EMAIL},
	    {"email", "\"jdo\\u0131@example.test\"", SP_EMAIL},
	    {"email", "\"jdoe\\uff20example.test\"", SP_EMAIL},
	    {"email_verified", "false", SP_EMAIL},
	    {"email_verified", "\"false\"", SP_EMAIL},
	    {"email_verified", "\"true\"", SP_EMAIL},
	    {"email_verified", "0", SP_EMAIL},
	    {"email_verified", NULL, SP_EMAIL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_identity id = {0};
		struct reason r = {0};
		json_t *o = claims(rows[i].key, rows[i].json);
		int e = oidc_claims_check(o, &check, NULL, &id, &r);
		assert_int_equal(r.code, rows[i].code);
		assert_int_equal(e == 0, rows[i].code == 0);
		oidc_identity_release(&id);
		json_decref(o);
	}
	struct oidc_identity id = {0};
	struct oidc_check none = check, trust = check;
	json_t *o = claims(NULL, NULL);
	none.nonce = NULL; /* a login without nonce does not exist */
	assert_int_equal(oidc_claims_check(o, &none, NULL, &id, NULL), E_DENIED);
	json_decref(o);
	o = claims("nonce", "\"\"");
	none.nonce = "";
	assert_int_equal(oidc_claims_check(o, &none, NULL, &id, NULL), E_DENIED);
	json_decref(o);
	trust.trust_email = true;
	o = claims("email_verified", NULL);
	assert_int_equal(oidc_claims_check(o, &trust, NULL, &id, NULL), 0);
	oidc_identity_release(&id);
	json_decref(o);
}

/* security.md 30 */
static void
test_groups(void **state)
{
	static const struct {
		const char *json;
		size_t n;
		bool overage;
	} rows[] = {
	    {NULL, 0, false},       {"[]", 0, false},       {"\"ops\"", 1, false},  {"[\"a\",\"b\"]", 2, false},
	    {"[[\"a\"]]", 0, true}, {"[\"a\",1]", 0, true}, {"{\"a\":1}", 0, true}, {"[\"a\\n\"]", 0, true},
	    {"[\"\"]", 0, true},    {"7", 0, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_identity id = {0};
		json_t *o = claims("groups", rows[i].json);
		assert_int_equal(oidc_claims_check(o, &check, NULL, &id, NULL), 0);
		assert_int_equal(id.ngroups, rows[i].n);
		assert_int_equal(id.groups_overage, rows[i].overage);
		oidc_identity_release(&id);
		json_decref(o);
	}
	struct oidc_identity id = {0};
	json_t *o = claims("groups", "[]"), *g = json_object_get(o, "groups");
	for (int i = 0; i < 5000; i++)
		json_array_append_new(g, json_string("g"));
	assert_int_equal(oidc_claims_check(o, &check, NULL, &id, NULL), 0);
	assert_int_equal(id.ngroups, 0);
	assert_true(id.groups_overage);
	oidc_identity_release(&id);
	json_decref(o);
	o = claims("groups", NULL);
	json_object_set_new(o, "_claim_names", json_pack("{s:s}", "groups", "src1"));
	assert_int_equal(oidc_claims_check(o, &check, NULL, &id, NULL), 0);
	assert_true(id.groups_overage);
	oidc_identity_release(&id);
	json_decref(o);
	o = claims("name", "\"a\\u202eb\"");
	assert_int_equal(oidc_claims_check(o, &check, NULL, &id, NULL), 0);
	assert_string_equal(id.name, "");
	oidc_identity_release(&id);
	json_decref(o);
}

/* What a provider's type adds: Google's other issuer and hosted domain, addresses trusted by configuration. */
static void
test_type_checks(void **state)
{
	static const char *const domains[] = {"example.test", "corp.test"};
	struct oidc_check alias = check, hosted = check, in = check, out = check;
	alias.issuer = "https://accounts.google.com";
	alias.issuer_alias = "accounts.google.com";
	hosted.hosted_domain = "Example.test";
	in.trust_email = out.trust_email = true;
	in.trust_domains = domains;
	in.ntrust_domains = 2;
	out.trust_domains = domains + 1;
	out.ntrust_domains = 1;
	const struct {
		const struct oidc_check *check;
		const char *key, *json;
		int code;
	} rows[] = {
	    {&alias, "iss", "\"accounts.google.com\"", 0},
	    {&alias, "iss", "\"https://accounts.google.com\"", 0},
	    {&alias, "iss", "\"https://accounts.google.com/\"", SP_ID_TOKEN},
	    {&check, "iss", "\"accounts.google.com\"", SP_ID_TOKEN},
	    {&hosted, "hd", "\"example.test\"", 0},
	    {&hosted, "hd", "\"example.test.evil.test\"", SP_ID_TOKEN},
	    {&hosted, "hd", "[\"example.test\"]", SP_ID_TOKEN},
	    {&hosted, "hd", NULL, SP_ID_TOKEN}, /* an address of the domain is no account of it */
	    {&in, "email_verified", NULL, 0},
	    {&in, "email_verified", "false", SP_EMAIL}, /* silence is trusted, a no is not */
	    {&out, "email_verified", NULL, SP_EMAIL},
	    {&out, "email_verified", "true", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_identity id = {0};
		struct reason r = {0};
		json_t *o = claims(rows[i].key, rows[i].json);
		int e = oidc_claims_check(o, rows[i].check, NULL, &id, &r);
		assert_int_equal(r.code, rows[i].code);
		assert_int_equal(e == 0, rows[i].code == 0);
		oidc_identity_release(&id);
		json_decref(o);
	}
}

static void
test_userinfo(void **state)
{
	static const struct {
		const char *key, *json, *userinfo;
		int code;
	} rows[] = {
	    {"email", NULL, "{\"sub\":\"sub-1\",\"email\":\"jdoe@example.test\",\"email_verified\":true}", 0},
	    {"email", NULL, "{\"sub\":\"sub-2\",\"email\":\"jdoe@example.test\",\"email_verified\":true}", SP_ID_TOKEN},
	    {"email", NULL, "{\"email\":\"jdoe@example.test\",\"email_verified\":true}", SP_ID_TOKEN},
	    {"email", NULL, "{\"sub\":\"sub-1\",\"email\":\"jdoe@example.test\"}",
	     SP_EMAIL}, /* the token's true is about nothing */
	    {"email_verified", NULL, "{\"sub\":\"sub-1\",\"email\":\"JDoe@Example.test\",\"email_verified\":true}", 0},
	    {"email_verified", NULL, "{\"sub\":\"sub-1\",\"email\":\"other@example.test\",\"email_verified\":true}",
	     SP_EMAIL},
	    {"email_verified", "false", "{\"sub\":\"sub-1\",\"email\":\"JDoe@Example.test\",\"email_verified\":true}",
	     SP_EMAIL},
	    {NULL, NULL, "not json", SP_ID_TOKEN},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_identity id = {0};
		struct reason r = {0};
		json_t *o = claims(rows[i].key, rows[i].json);
		int e = oidc_claims_check(o, &check, rows[i].userinfo, &id, &r);
		assert_int_equal(r.code, rows[i].code);
		assert_int_equal(e == 0, rows[i].code == 0);
		if (!e)
			assert_string_equal(id.email, "jdoe@example.test");
		oidc_identity_release(&id);
		json_decref(o);
	}
	struct oidc_identity id = {0};
	json_t *o = claims("groups", NULL);
	assert_int_equal(oidc_claims_check(o, &check, "{\"sub\":\"sub-1\",\"groups\":[\"x\"]}", &id, NULL), 0);
	assert_int_equal(id.ngroups, 1);
	assert_string_equal(json_str_or(id.claims, "email", ""), "JDoe@Example.test");
	oidc_identity_release(&id);
	json_decref(o);
}

static void
test_id_token(void **state)
{
	struct key *k = NULL;
	struct jwks set = {0};
	struct oidc_identity id = {0};
	struct reason r = {0};
	struct buf b;
	bool need = true;
	json_t *o = claims(NULL, NULL);
	buf_init(&b, JWT_MAX);
	assert_int_equal(key_generate(KEY_P256, 0, &k), 0);
	assert_int_equal(jwt_sign(k, "k1", o, &b), 0);
	assert_int_equal(oidc_id_token_check(buf_cstr(&b), &set, &check, NULL, &id, &need, &r), E_NOENT);
	assert_true(need);
	assert_int_equal(r.code, SP_ID_TOKEN);
	assert_int_equal(jwks_add(&set, "k1", k), 0);
	assert_int_equal(oidc_id_token_check(buf_cstr(&b), &set, &check, "", &id, &need, NULL), 0);
	oidc_identity_release(&id);
	struct oidc_check only = check;
	only.algs = JWT_RS256;
	need = true;
	assert_int_equal(oidc_id_token_check(buf_cstr(&b), &set, &only, NULL, &id, &need, NULL), E_DENIED);
	assert_false(need);
	json_decref(o);
	jwks_release(&set);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_discovery), cmocka_unit_test(test_discovery_refused),
	    cmocka_unit_test(test_request),   cmocka_unit_test(test_token_response),
	    cmocka_unit_test(test_claims),    cmocka_unit_test(test_claims_refused),
	    cmocka_unit_test(test_groups),    cmocka_unit_test(test_type_checks),
	    cmocka_unit_test(test_userinfo),  cmocka_unit_test(test_id_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
