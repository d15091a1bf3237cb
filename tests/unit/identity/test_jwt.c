#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "identity/jwt.h"

/* RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A; the kids are ours */
#define RSA_N                                                                                                    \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-" \
	"SFd2lZS-pCgNMs"                                                                                         \
	"D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"              \
	"UTo7WTBEMa2R2CapHg665xsmtdV"                                                                            \
	"MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"                                       \
	"h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define JWKS                                                                                       \
	"{\"keys\":["                                                                              \
	"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"kid\":\"rsa\"},"                    \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"kid\":\"ec\"},"                   \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"ed\"}]}"
#define RS256_TOKEN                                                                                               \
	"eyJhbGciOiJSUzI1NiJ9."                                                                                   \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."         \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"                   \
	"O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"                                                                         \
	"cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--" \
	"xi12jzDwusC-e"                                                                                           \
	"OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"         \
	"IoypGlUPQGe77Rw"
#define ES256_TOKEN                                                                                       \
	"eyJhbGciOiJFUzI1NiJ9."                                                                           \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ." \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define EDDSA_TOKEN                                                 \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static struct jwks rfc, own;
static struct key *signer; /* the private half of own.v[0] */

static int
setup(void **state)
{
	struct secret der = {0};
	struct key *pub = NULL;
	if (jwks_parse(JWKS, strlen(JWKS), &rfc) || key_generate(KEY_P256, 0, &signer) ||
	    key_export_private(signer, &der) || key_import_private(secret_slice(&der), &pub))
		return -1;
	secret_release(&der);
	return jwks_add(&own, "k1", pub);
}

static int
teardown(void **state)
{
	jwks_release(&rfc);
	jwks_release(&own);
	key_free(signer);
	return 0;
}

static int
verify(const char *token, size_t n, const struct jwks *set, unsigned allowed)
{
	json_t *claims = NULL;
	struct reason r = {0};
	int e = jwt_verify(token, n, set, allowed, &claims, &r);
	if (e) {
		assert_null(claims);
		assert_int_equal(r.code, SP_TOKEN);
	}
	json_decref(claims);
	return e;
}

/* One key of the RFC set, as the sole member of a set, since the RFC's tokens name none. */
static int
verify_rfc(size_t i, const char *token, unsigned allowed)
{
	struct jwks one = {&rfc.v[i], 1};
	return verify(token, strlen(token), &one, allowed);
}

static void
test_rfc_vectors(void **state)
{
	json_t *claims = NULL;
	struct jwks one = {&rfc.v[0], 1};
	assert_int_equal(jwt_verify(RS256_TOKEN, strlen(RS256_TOKEN), &one, JWT_RS256, &claims, NULL), 0);
	assert_string_equal(json_str_or(claims, "iss", ""), "joe");
	assert_int_equal(json_i64_or(claims, "exp", 0), 1300819380);
	json_decref(claims);
	assert_int_equal(verify_rfc(1, ES256_TOKEN, JWT_ANY), 0);
	assert_int_equal(verify_rfc(2, EDDSA_TOKEN, JWT_ANY), E_FORMAT); /* verifies, but its payload is prose */
	struct buf sig;
	buf_init(&sig, 64);
	const char *dot = strrchr(EDDSA_TOKEN, '.');
	assert_int_equal(b64_decode(&sig, B64_URL, dot + 1, strlen(dot + 1)), 0);
	assert_int_equal(key_verify(rfc.v[2].key, SIG_EDDSA,
	                            slice_str("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
	                            buf_slice(&sig)),
	                 0);
	buf_release(&sig);
	/* not in the allowed list; no kid among several keys; no kid where one is demanded; another key */
	assert_int_equal(verify_rfc(0, RS256_TOKEN, JWT_ES256), E_DENIED);
	assert_int_equal(verify(RS256_TOKEN, strlen(RS256_TOKEN), &rfc, JWT_ANY), E_NOENT);
	assert_int_equal(verify_rfc(0, RS256_TOKEN, JWT_ANY | JWT_KID), E_DENIED);
	assert_int_equal(verify_rfc(1, RS256_TOKEN, JWT_ANY), E_DENIED);
}

/* A token with any header and payload text, signed by our key over what is really there. */
static void
forge(const char *header, const char *payload, struct buf *out)
{
	struct buf sig;
	buf_init(&sig, 128);
	buf_clear(out);
	assert_int_equal(b64_encode(out, B64_URL, header, strlen(header)), 0);
	assert_int_equal(buf_put_u8(out, '.'), 0);
	assert_int_equal(b64_encode(out, B64_URL, payload, strlen(payload)), 0);
	assert_int_equal(key_sign(signer, SIG_ES256, buf_slice(out), &sig), 0);
	assert_int_equal(buf_put_u8(out, '.'), 0);
	assert_int_equal(b64_encode(out, B64_URL, buf_ptr(&sig), buf_len(&sig)), 0);
	buf_release(&sig);
}

static void
test_headers(void **state)
{
	static const struct {
		const char *header;
		int want;
	} rows[] = {
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\"}", 0},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\",\"jku\":\"https://evil.test/\"}",
	     0}, /* unused, so harmless */
	    {"{\"alg\":\"none\",\"kid\":\"k1\"}", E_DENIED},
	    {"{\"alg\":\"None\",\"kid\":\"k1\"}", E_DENIED},
	    {"{\"alg\":\"nOnE\",\"kid\":\"k1\"}", E_DENIED},
	    {"{\"alg\":\"HS256\",\"kid\":\"k1\"}", E_DENIED},
	    {"{\"alg\":\"RS256\",\"kid\":\"k1\"}", E_DENIED},
	    {"{\"alg\":\"es256\",\"kid\":\"k1\"}", E_DENIED},
	    {"{\"kid\":\"k1\"}", E_FORMAT},
	    {"{\"alg\":[\"ES256\"],\"kid\":\"k1\"}", E_FORMAT},
	    {"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"k1\"}", E_FORMAT},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", E_DENIED},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[]}", E_DENIED},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":false}", E_DENIED},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"zip\":\"DEF\"}", E_DENIED},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"enc\":\"A128GCM\"}", E_DENIED},
	    {"{\"alg\":\"ES256\"}", E_DENIED},
	    {"{\"alg\":\"ES256\",\"kid\":\"\"}", E_FORMAT},
	    {"{\"alg\":\"ES256\",\"kid\":1}", E_FORMAT},
	    {"{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}", E_NOENT},
	    {"{\"alg\":\"ES256\",\"kid\":\"' OR 1=1 --\"}", E_NOENT},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\\u0000\"}", E_FORMAT},
	    {"{\"alg\":\"ES256\",\"kid\":\"K1\"}", E_NOENT},
	    {"[\"alg\",\"ES256\"]", E_FORMAT},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\"} ", 0},
	    {"{\"alg\":\"ES256\",\"kid\":\"k1\"}x", E_FORMAT},
	    {"", E_FORMAT},
	};
	struct buf t;
	buf_init(&t, 65536);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		forge(rows[i].header, "{\"a\":1}", &t);
		assert_int_equal(verify((const char *)buf_ptr(&t), buf_len(&t), &own, JWT_ANY | JWT_KID), rows[i].want);
	}
	char big[12000];
	snprintf(big, sizeof big, "{\"alg\":\"ES256\",\"kid\":\"%010000d\"}", 0);
	forge(big, "{}", &t);
	assert_int_not_equal(verify((const char *)buf_ptr(&t), buf_len(&t), &own, JWT_ANY), 0);
	buf_release(&t);
}

static void
test_payloads(void **state)
{
	static const struct {
		const char *payload;
		int want;
	} rows[] = {{"{\"aud\":\"a\"}", 0},
	            {"{}", 0},
	            {"{\"aud\":\"a\",\"aud\":\"b\"}", E_FORMAT},
	            {"[]", E_FORMAT},
	            {"\"x\"", E_FORMAT},
	            {"{\"a\":1}{}", E_FORMAT},
	            {"{", E_FORMAT},
	            {"{\"a\":\"\\u0000\"}", E_FORMAT}};
	struct buf t;
	buf_init(&t, 65536);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		forge("{\"alg\":\"ES256\",\"kid\":\"k1\"}", rows[i].payload, &t);
		assert_int_equal(verify((const char *)buf_ptr(&t), buf_len(&t), &own, JWT_ANY), rows[i].want);
	}
	buf_release(&t);
}

/* security.md 15, 16, 17 */
static void
test_encodings(void **state)
{
	struct buf t, u;
	char dots[100000];
	buf_init(&t, 65536);
	buf_init(&u, 65536);
	forge("{\"alg\":\"ES256\",\"kid\":\"k1\"}", "{\"a\":\"\xc3\xbf\xc3\xbf\xc3\xbf\"}", &t);
	const char *s = buf_cstr(&t);
	size_t n = buf_len(&t);
	static const char *const after[] = {"=", "==", " ", "\n", ".", "..", ".AAAA", "A"};
	for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
		buf_clear(&u);
		assert_int_equal(buf_putf(&u, "%s%s", s, after[i]), 0);
		assert_int_not_equal(verify((const char *)buf_ptr(&u), buf_len(&u), &own, JWT_ANY), 0);
	}
	/* the last character of a 64-byte signature has 4 spare bits: each non-zero setting is another spelling */
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t good = 0;
	for (size_t i = 0; i < 64; i++) {
		buf_clear(&u);
		assert_int_equal(buf_put(&u, s, n - 1), 0);
		assert_int_equal(buf_put_u8(&u, (uint8_t)abc[i]), 0);
		good += verify((const char *)buf_ptr(&u), buf_len(&u), &own, JWT_ANY) == 0;
	}
	assert_int_equal(good, 1);
	for (size_t i = 0; i < n; i++) { /* cut anywhere */
		assert_int_not_equal(verify(s, i, &own, JWT_ANY), 0);
	}
	static const char *const odd[] = {"",
	                                  ".",
	                                  "..",
	                                  "...",
	                                  "{\"payload\":\"\",\"signatures\":[]}",
	                                  "a.b.c",
	                                  "e30.e30.",
	                                  "e30..e30",
	                                  "eyJhbGciOiJub25lIn0.e30.",
	                                  "a.b.c.d.e"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_int_not_equal(verify(odd[i], strlen(odd[i]), &own, JWT_ANY), 0);
	memset(dots, '.', sizeof dots);
	assert_int_equal(verify(dots, sizeof dots, &own, JWT_ANY), E_LIMIT);
	buf_release(&t);
	buf_release(&u);
}

/* security.md 3, 4, 5: what a confused verifier would take */
static void
test_signatures(void **state)
{
	struct buf t;
	uint8_t mac[32], zero[64] = {0};
	buf_init(&t, 65536);
	static const char hs[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJhIjoxfQ";
	hmac_sha256((struct slice){NULL, 0}, slice_str(hs), mac);
	assert_int_equal(buf_putf(&t, "%s.", hs), 0);
	assert_int_equal(b64_encode(&t, B64_URL, mac, sizeof mac), 0);
	assert_int_equal(verify((const char *)buf_ptr(&t), buf_len(&t), &own, JWT_ANY), E_DENIED);
	static const char es[] = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJhIjoxfQ";
	for (size_t len = 0; len <= 64; len += 32) {
		buf_clear(&t);
		assert_int_equal(buf_putf(&t, "%s.", es), 0);
		assert_int_equal(b64_encode(&t, B64_URL, zero, len), 0);
		assert_int_not_equal(verify((const char *)buf_ptr(&t), buf_len(&t), &own, JWT_ANY), 0);
	}
	buf_release(&t);
}

static void
test_sign(void **state)
{
	static const char *const kinds[] = {"rsa-2048", "ecdsa-p256", "ed25519"};
	for (size_t i = 0; i < 3; i++) {
		struct key *k = NULL;
		struct jwks set = {0}, back = {0};
		struct buf t, doc;
		json_t *claims = json_pack("{s:s,s:I}", "sub", "x\"y", "exp", (json_int_t)5), *got = NULL, *j;
		buf_init(&t, 65536);
		buf_init(&doc, 65536);
		assert_int_equal(key_generate_named(kinds[i], &k), 0);
		assert_int_equal(jwt_sign(k, "a kid", claims, &t), 0);
		/* published as a JWKS document and read again: only public parts, and they verify */
		assert_int_equal(jwks_add(&set, "a kid", k), 0);
		j = jwks_to_json(&set);
		assert_int_equal(json_dump(j, &doc), 0);
		assert_null(strstr(buf_cstr(&doc), "\"d\""));
		assert_int_equal(jwks_parse(buf_ptr(&doc), buf_len(&doc), &back), 0);
		assert_int_equal(back.n, 1);
		assert_int_equal(
		    jwt_verify((const char *)buf_ptr(&t), buf_len(&t), &back, JWT_ANY | JWT_KID, &got, NULL), 0);
		assert_true(json_equal(got, claims));
		json_decref(got);
		got = NULL;
		assert_int_equal(jwt_peek((const char *)buf_ptr(&t), buf_len(&t), &got), 0);
		assert_true(json_equal(got, claims));
		json_decref(got);
		json_decref(claims);
		json_decref(j);
		jwks_release(&set);
		jwks_release(&back);
		buf_release(&t);
		buf_release(&doc);
	}
}

static void
test_jwks(void **state)
{
	struct jwks set = {0};
	assert_int_equal(rfc.n, 3);
	assert_int_equal(jwks_find(&rfc, "ec")->alg, SIG_ES256);
	assert_null(jwks_find(&rfc, "e"));
	static const struct {
		const char *doc;
		int want;
		size_t n;
	} rows[] = {
	    {"{\"keys\":[]}", 0, 0},
	    {"{}", E_FORMAT, 0},
	    {"[]", E_FORMAT, 0},
	    {"{\"keys\":{}}", E_FORMAT, 0},
	    {"{\"keys\":[1,null,\"x\",{}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"a\"}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}]}", 0, 1},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"use\":\"enc\"}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\"}]}", 0, 1},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":\"ES256\"}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":7}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"key_ops\":[\"sign\"]}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"key_ops\":[\"verify\"]}]}", 0, 1},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"d\":\"AQAB\"}]}", 0,
	     0}, /* no secret any more */
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "=\",\"e\":\"AQAB\"}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", 0, 0},
	    {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}", 0, 0},
	    {"{\"keys\":[{\"kid\":\"a\",\"kty\":\"RSA\",\"n\":\"" RSA_N
	     "\",\"e\":\"AQAB\"},{\"kid\":\"a\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}]}",
	     E_FORMAT, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(jwks_parse(rows[i].doc, strlen(rows[i].doc), &set), rows[i].want);
		if (!rows[i].want)
			assert_int_equal(set.n, rows[i].n);
		jwks_release(&set);
	}
	struct buf b;
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_put_str(&b, "{\"keys\":[{}"), 0);
	for (int i = 0; i < JWKS_KEYS_MAX; i++)
		assert_int_equal(buf_put_str(&b, ",{}"), 0);
	assert_int_equal(buf_put_str(&b, "]}"), 0);
	assert_int_equal(jwks_parse(buf_ptr(&b), buf_len(&b), &set), E_LIMIT);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc_vectors), cmocka_unit_test(test_headers),    cmocka_unit_test(test_payloads),
	    cmocka_unit_test(test_encodings),   cmocka_unit_test(test_signatures), cmocka_unit_test(test_sign),
	    cmocka_unit_test(test_jwks),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
