/* access: streams without a good token and configurations without a seal, as a captured front would send them. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "stream_kit.h"
#include "../t.h"

/* --- tokens and seals */

#define ISS "https://team.localhost"
#define AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AUD2 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TUNNEL "11111111-2222-4333-8444-555555555555"

static struct jwks signer; /* [0] is the one that is pinned, [1] a stranger's */

static int
signer_up(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct key *k = NULL;
		if (key_generate(KEY_RSA, 2048, &k) || jwks_add(&signer, NULL, k))
			return -1;
	}
	return 0;
}

static int
signer_down(void **state)
{
	jwks_release(&signer);
	return 0;
}

static char *
app_token(size_t by, const char *aud, int64_t at)
{
	struct token t = {.type = TOKEN_APP,
	                  .iss = ISS,
	                  .aud = aud,
	                  .sub = "s-1",
	                  .iat = at,
	                  .exp = at + 60,
	                  .email = "jdoe@example.test",
	                  .idp_id = "p",
	                  .idp_type = "local",
	                  .idp_iss = ISS "/idp/p",
	                  .idp_sub = "x",
	                  .session = "0123"};
	struct buf b;

	buf_init(&b, JWT_MAX + 1);
	assert_ok(token_mint(signer.v[by].key, signer.v[by].kid, &t, &b));
	return buf_take_str(&b);
}

static void
guard(struct world *w, enum connector_access mode)
{
	struct jwks one = {.v = signer.v, .n = 1};
	struct reason why = {0};
	json_t *pins = keychain_pins(ISS, &one);

	assert_ok(access_init(&w->k.access, pins, mode, TUNNEL, NULL, &why));
	json_decref(pins);
}

#define PLAIN "{\"hostname\":\"ssh.example.test\",\"service\":\"ssh://127.0.0.1:PORT\""
#define RULE(access) PLAIN ",\"originRequest\":{\"access\":{" access "}}}"

/* Takes the tokens. 403 never dials. */
static unsigned
guarded(const char *rule, enum connector_access mode, char *one, char *two)
{
	struct world w;

	world_begin(&w, rule);
	guard(&w, mode);
	kit_tokens[0] = one;
	kit_tokens[1] = two;
	unsigned status = world_ask(&w, "websocket", NULL, NULL, "/");
	kit_tokens[0] = kit_tokens[1] = NULL;
	int fd = accept(w.service, NULL, NULL);
	assert_int_equal(fd >= 0, status == 200);
	if (fd >= 0)
		close(fd);
	world_end(&w);
	access_release(&w.k.access);
	free(one);
	free(two);
	return status;
}

static void
streams_need_a_token(void **state)
{
	static const char *const rules[] = {PLAIN "}", RULE("\"audTag\":[\"" AUD "\"]"),
	                                    RULE("\"required\":false,\"audTag\":[\"" AUD "\"]")};
	int64_t now = clock_wall();

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(guarded(rules[i], CONNECTOR_AUTO, NULL, NULL), 403);
		assert_int_equal(guarded(rules[i], CONNECTOR_AUTO, str_dup(""), NULL), 403);
		assert_int_equal(guarded(rules[i], CONNECTOR_AUTO, app_token(1, AUD, now), NULL), 403);
		assert_int_equal(guarded(rules[i], CONNECTOR_AUTO, app_token(0, AUD, now - 3600), NULL), 403);
		assert_int_equal(guarded(rules[i], CONNECTOR_AUTO, app_token(0, AUD, now), app_token(0, AUD, now)),
		                 403);
		assert_int_equal(guarded(rules[i], CONNECTOR_AUTO, app_token(0, AUD, now), NULL), 200);
		assert_int_equal(guarded(rules[i], CONNECTOR_TRUST, NULL, NULL), 200);
	}
	assert_int_equal(guarded(rules[0], CONNECTOR_AUTO, app_token(0, AUD2, now), NULL), 200);
	assert_int_equal(guarded(rules[1], CONNECTOR_AUTO, app_token(0, AUD2, now), NULL), 403);
	assert_int_equal(guarded(RULE("\"required\":true,\"audTag\":[\"" AUD "\"]"), CONNECTOR_TRUST, NULL, NULL), 403);
	assert_int_equal(guarded(RULE("\"bypass\":true,\"audTag\":[\"" AUD "\"]"), CONNECTOR_AUTO, NULL, NULL), 200);
}

/* What front pushes; returns whether it was taken. */
static bool
pushed(struct connector *k, int version, const char *service, const char *seal)
{
	json_t *c = json_pack("{s:[{s:s}]}", "ingress", "service", service), *a = NULL;
	json_t *o = json_pack("{s:i, s:o, s:{s:s}}", "version", version, "config", c, "sallyport", "seal", seal);
	struct buf in, out;

	buf_init(&in, 65536);
	buf_init(&out, 65536);
	assert_ok(json_dump(o, &in));
	config_update(k, buf_slice(&in), &out);
	assert_ok(json_load_strict(buf_ptr(&out), buf_len(&out), 65536, &a));
	bool ok = json_i64_or(a, "lastAppliedVersion", -1) == version;
	assert_int_equal(ok, json_is_null(json_object_get(a, "err")));
	json_decref(a);
	json_decref(o);
	buf_release(&in);
	buf_release(&out);
	return ok;
}

static void
configurations_need_a_seal(void **state)
{
	struct world w = {.k.version = -1};
	char digest[65];
	struct buf seal;
	json_t *c = json_pack("{s:[{s:s}]}", "ingress", "service", "http_status:404");

	guard(&w, CONNECTOR_AUTO);
	buf_init(&seal, STATEMENT_MAX + 1);
	assert_ok(config_digest(c, digest));
	assert_ok(config_seal(signer.v[0].key, signer.v[0].kid, ISS, TUNNEL, 3, digest, clock_wall(), &seal));
	assert_false(pushed(&w.k, 3, "http_status:404", ""));
	assert_false(pushed(&w.k, 3, "ssh://10.0.0.1:22", buf_cstr(&seal)));
	assert_false(pushed(&w.k, 4, "http_status:404", buf_cstr(&seal)));
	assert_null(w.k.ingress);
	assert_true(pushed(&w.k, 3, "http_status:404", buf_cstr(&seal)));
	assert_non_null(w.k.ingress);
	access_release(&w.k.access);
	guard(&w, CONNECTOR_TRUST);
	assert_true(pushed(&w.k, 4, "http_status:404", ""));
	ingress_unref(w.k.ingress);
	access_release(&w.k.access);
	buf_release(&seal);
	json_decref(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(streams_need_a_token),
	    cmocka_unit_test(configurations_need_a_seal),
	};
	return cmocka_run_group_tests(tests, signer_up, signer_down);
}
