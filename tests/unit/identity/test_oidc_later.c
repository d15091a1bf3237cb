/* What a provider says after the sign-in: ID tokens of a refresh, userinfo alone, max_age, logout tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "identity/oidc.h"

#define ISS "https://idp.example.test"
#define NOW 1800000000
#define EVENT "http://schemas.openid.net/event/backchannel-logout"

static const struct oidc_check sign_in = {.issuer = ISS, .client_id = "client", .nonce = "n1", .now = NOW},
                               again = {
                                   .issuer = ISS, .client_id = "client", .nonce = "n1", .now = NOW, .subject = "s1"};

static json_t *
with(json_t *o, const char *key, const char *json)
{
	assert_non_null(o);
	if (key) {
		json_object_del(o, key);
		if (json)
			assert_int_equal(json_object_set_new(o, key, json_loads(json, JSON_DECODE_ANY, NULL)), 0);
	}
	return o;
}

static json_t *
claims(const char *key, const char *json)
{
	return with(json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:b,s:s}", "iss", ISS, "aud", "client", "exp",
	                      (json_int_t)NOW + 300, "iat", (json_int_t)NOW - 5, "nonce", "n1", "sub", "s1", "email",
	                      "j@example.test", "email_verified", 1, "sid", "sid-1"),
	            key, json);
}

static int
checked(json_t *o, const struct oidc_check *c, const char *userinfo)
{
	struct oidc_identity id = {0};
	struct reason r = {0};
	int e = oidc_claims_check(o, c, userinfo, &id, &r);

	if (e == 0)
		oidc_identity_release(&id);
	json_decref(o);
	return e ? r.code : 0;
}

static void
test_refreshed(void **state)
{
	struct oidc_identity id = {0};
	json_t *o = claims(NULL, NULL);

	assert_int_equal(oidc_claims_check(o, &again, NULL, &id, NULL), 0);
	assert_string_equal(id.sid, "sid-1");
	oidc_identity_release(&id);
	json_decref(o);
	/* a refreshed token need not have a nonce; a sign-in's must */
	assert_int_equal(checked(claims("nonce", NULL), &again, NULL), 0);
	assert_int_equal(checked(claims("nonce", NULL), &sign_in, NULL), SP_ID_TOKEN);
	assert_int_equal(checked(claims("nonce", "\"n2\""), &again, NULL), SP_ID_TOKEN);
	assert_int_equal(checked(claims("nonce", "7"), &again, NULL), SP_ID_TOKEN);
	/* somebody else's is refused, whoever signed it */
	assert_int_equal(checked(claims("sub", "\"s2\""), &again, NULL), SP_ID_TOKEN);
	assert_int_equal(checked(claims("sub", "\"s2\""), &sign_in, NULL), 0);
	assert_int_equal(checked(claims("aud", "\"other\""), &again, NULL), SP_ID_TOKEN);
	assert_int_equal(checked(claims("email_verified", "false"), &again, NULL), SP_EMAIL);
	/* a session name that cannot be kept is none */
	o = claims("sid", "\"\\u0001\"");
	assert_int_equal(oidc_claims_check(o, &again, NULL, &id, NULL), 0);
	assert_string_equal(id.sid, "");
	oidc_identity_release(&id);
	json_decref(o);
}

static void
test_userinfo_alone(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
	    {"{\"sub\":\"s1\",\"email\":\"j@example.test\",\"email_verified\":true,\"groups\":[\"a\"]}", 0},
	    {"{\"sub\":\"s2\",\"email\":\"j@example.test\",\"email_verified\":true}", SP_ID_TOKEN},
	    {"{\"email\":\"j@example.test\",\"email_verified\":true}", SP_ID_TOKEN},
	    {"{\"sub\":\"s1\",\"email\":\"j@example.test\"}", SP_EMAIL},
	    {"{\"sub\":\"s1\",\"sub\":\"s1\",\"email\":\"j@example.test\",\"email_verified\":true}", SP_ID_TOKEN},
	    {"[]", SP_ID_TOKEN},
	    {"", SP_ID_TOKEN},
	};
	struct oidc_identity id = {0};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reason r = {0};
		int e = oidc_userinfo_check(rows[i].text, &again, &id, &r);
		assert_int_equal(e ? r.code : 0, rows[i].code);
		if (e == 0) {
			assert_int_equal(id.ngroups, 1);
			oidc_identity_release(&id);
		}
	}
	assert_int_not_equal(oidc_userinfo_check(rows[0].text, &sign_in, &id, NULL), 0); /* never a sign-in */
}

static void
test_max_age(void **state)
{
	struct oidc_check c = sign_in;
	char text[32];

	c.max_age = 3600;
	assert_int_equal(checked(claims(NULL, NULL), &c, NULL), SP_ID_TOKEN); /* auth_time is a must then */
	static const struct {
		int64_t ago;
		int code;
	} rows[] = {{0, 0}, {3600, 0}, {3660, 0}, {3661, SP_ID_TOKEN}, {1 << 30, SP_ID_TOKEN}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, "%lld", (long long)(NOW - rows[i].ago));
		assert_int_equal(checked(claims("auth_time", text), &c, NULL), rows[i].code);
	}
	assert_int_equal(checked(claims("auth_time", "\"1800000000\""), &c, NULL), SP_ID_TOKEN);
	c.subject = "s1"; /* it is of sign-ins */
	assert_int_equal(checked(claims("auth_time", "5"), &c, NULL), 0);
}

static json_t *
logout(const char *key, const char *json)
{
	return with(json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:{s:{}}}", "iss", ISS, "aud", "client", "iat",
	                      (json_int_t)NOW - 1, "exp", (json_int_t)NOW + 120, "jti", "j1", "sub", "s1", "sid",
	                      "sid-1", "events", EVENT),
	            key, json);
}

static void
test_logout(void **state)
{
	static const struct {
		const char *key, *json;
		bool ok;
	} rows[] = {
	    {NULL, NULL, true},
	    {"sub", NULL, true},
	    {"sid", NULL, true},
	    {"exp", NULL, true},
	    {"aud", "[\"client\"]", true},
	    {"aud", "\"other\"", false},
	    {"aud", NULL, false},
	    {"iss", "\"https://evil.test\"", false},
	    {"iss", NULL, false},
	    {"events", NULL, false},
	    {"events", "{}", false},
	    {"events", "\"" EVENT "\"", false},
	    {"events", "{\"" EVENT "\":true}", false},
	    {"events", "{\"http://schemas.openid.net/event/other\":{}}", false},
	    {"nonce", "\"n1\"", false}, /* an ID token that was made to look like one */
	    {"nonce", "null", false},
	    {"jti", NULL, false},
	    {"jti", "\"\"", false},
	    {"jti", "7", false},
	    {"iat", NULL, false},
	    {"iat", "1799999699", false},
	    {"iat", "1799999700", true},
	    {"iat", "1800000061", false},
	    {"iat", "1800000060", true},
	    {"exp", "1799999940", false},
	    {"exp", "1799999941", true},
	    {"exp", "\"x\"", false},
	    {"sub", "7", false},
	    {"sub", "\"\"", false},
	    {"sid", "\"\\u0001\"", false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct oidc_logout l = {0};
		struct reason r = {0};
		json_t *o = logout(rows[i].key, rows[i].json);
		int e = oidc_logout_check(o, &sign_in, &l, &r);
		if ((e == 0) != rows[i].ok)
			print_message("row %zu: %s\n", i, r.text);
		assert_int_equal(e == 0, rows[i].ok);
		assert_int_equal(r.code, rows[i].ok ? 0 : SP_ID_TOKEN);
		json_decref(o);
		oidc_logout_release(&l);
	}
	/* neither whom nor what */
	json_t *o = logout("sub", NULL);
	json_object_del(o, "sid");
	struct oidc_logout l = {0};
	assert_int_not_equal(oidc_logout_check(o, &sign_in, &l, NULL), 0);
	json_decref(o);
}

static void
test_request(void **state)
{
	struct oidc_request q = {.authorization = ISS "/auth",
	                         .client_id = "c",
	                         .redirect_uri = "https://t.test/cb",
	                         .scopes = "openid offline_access",
	                         .state = "s",
	                         .nonce = "n",
	                         .challenge = "x",
	                         .prompt = "login consent",
	                         .access_type = "offline",
	                         .max_age = 3600};
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(oidc_request_url(&q, &b), 0);
	const char *url = buf_cstr(&b);
	assert_non_null(strstr(url, "&prompt=login%20consent"));
	assert_non_null(strstr(url, "&max_age=3600"));
	assert_non_null(strstr(url, "&access_type=offline"));
	assert_non_null(strstr(url, "scope=openid%20offline_access"));
	q.max_age = 0;
	q.access_type = q.prompt = NULL;
	buf_clear(&b);
	assert_int_equal(oidc_request_url(&q, &b), 0);
	assert_null(strstr(buf_cstr(&b), "max_age"));
	assert_null(strstr(buf_cstr(&b), "access_type"));
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refreshed), cmocka_unit_test(test_userinfo_alone), cmocka_unit_test(test_max_age),
	    cmocka_unit_test(test_logout),    cmocka_unit_test(test_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
