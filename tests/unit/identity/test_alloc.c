/* Every allocation of ours on the way of a token and of a discovery document fails once: refused, nothing kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "alloc_fail.h"
#include "identity/oidc.h"
#include "identity/token.h"

#define ISS "https://i.test"

static void
test_token(void **state)
{
	struct key *k = NULL;
	char kid[65];
	assert_int_equal(key_generate(KEY_RSA, 2048, &k), 0);
	assert_int_equal(key_kid(k, kid), 0);
	struct jwks set = {0};
	assert_int_equal(jwks_add(&set, kid, k), 0);
	struct token t = {.type = TOKEN_API,
	                  .iss = ISS,
	                  .aud = ISS "/api",
	                  .sub = "api:x",
	                  .jti = "j",
	                  .iat = 1800000000,
	                  .exp = 1800000060};
	for (long n = 0;; n++) {
		struct buf out;
		struct token got = {0};
		const char *text;
		buf_init(&out, JWT_MAX);
		alloc_fail_at(n);
		int e = token_mint(k, kid, &t, &out);
		text = e ? NULL : buf_cstr(&out);
		if (!e)
			e = text ? token_open(TOKEN_API, text, &set, ISS, NULL, 1800000001, &got, NULL) : E_NOMEM;
		bool hit = alloc_fail_hit();
		assert_int_equal(e, hit ? E_NOMEM : 0);
		token_release(&got);
		buf_release(&out);
		if (!hit)
			break;
	}
	jwks_release(&set);
}

static void
test_documents(void **state)
{
	static const char doc[] = "{\"issuer\":\"" ISS "\",\"authorization_endpoint\":\"" ISS
	                          "/a\",\"token_endpoint\":\"" ISS "/t\",\"jwks_uri\":\"" ISS
	                          "/k\",\"userinfo_endpoint\":\"" ISS "/u\",\"response_types_supported\":[\"code\"]}";
	static const char keys[] =
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
	for (long n = 0;; n++) {
		struct oidc_provider p = {0};
		struct jwks set = {0};
		alloc_fail_at(n);
		int e = oidc_discovery_parse(doc, sizeof doc - 1, ISS, &p, NULL);
		if (!e)
			e = jwks_parse(keys, sizeof keys - 1, &set);
		bool hit = alloc_fail_hit();
		assert_int_equal(e == 0, !hit);
		oidc_provider_release(&p);
		jwks_release(&set);
		if (!hit)
			break;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_token), cmocka_unit_test(test_documents)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
