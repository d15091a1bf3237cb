/* Token keys through years, with the clock as an argument: births, overlaps, ends, crashes, floods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/signer/keyring.h"
#include "identity/keychain.h"

#define DAY KEYRING_DAY
#define T0 INT64_C(1800000000)
#define ISS "https://team.localhost"

struct ring {
	struct keystore ks;
	struct keyring k;
	char path[64];
};

static void
open_ring(struct ring *x, int64_t now)
{
	static const uint8_t node[32] = "node key of a test";
	struct reason r = {0};
	FILE *f = fopen(x->path, "a+");

	assert_non_null(f);
	assert_int_equal(keystore_open(&x->ks, dup(fileno(f)), node, 1, &r), 0);
	fclose(f);
	x->k.ks = &x->ks;
	assert_int_equal(keyring_load(&x->k, now, &r), 0);
}

static void
close_ring(struct ring *x)
{
	keyring_release(&x->k);
	keystore_release(&x->ks);
}

/* As after a crash: nothing but the file. */
static void
reopen(struct ring *x, int64_t now)
{
	int64_t fixed = x->k.interval_fixed, overlap = x->k.overlap;

	close_ring(x);
	x->k = (struct keyring){.interval_fixed = fixed, .overlap = overlap};
	open_ring(x, now);
}

static void
fresh(struct ring *x)
{
	struct reason r = {0};

	*x = (struct ring){.path = "/tmp/keyring.XXXXXX"};
	int fd = mkstemp(x->path);
	assert_true(fd >= 0);
	close(fd);
	open_ring(x, T0);
	assert_null(keyring_signer(&x->k));
	assert_int_equal(keyring_rotate(&x->k, T0, &r), 0);
	keyring_told(&x->k);
}

static void
end(struct ring *x)
{
	close_ring(x);
	unlink(x->path);
}

static bool
turn(struct ring *x, int64_t now)
{
	struct reason r = {0};
	bool changed = false;

	assert_int_equal(keyring_turn(&x->k, now, &changed, &r), 0);
	return changed;
}

/* An org token as the ring signs it now; malloc'ed. */
static char *
mint(struct ring *x, int64_t now)
{
	struct token t = {.type = TOKEN_ORG,
	                  .iss = ISS,
	                  .aud = ISS,
	                  .sub = "s",
	                  .email = "a@b.test",
	                  .idp_iss = "i",
	                  .idp_sub = "j",
	                  .session = "n",
	                  .iat = now,
	                  .exp = now + 30 * DAY};
	struct jwk *k = keyring_signer(&x->k);
	struct buf b;

	buf_init(&b, 8192);
	assert_non_null(k);
	assert_int_equal(token_mint(k->key, k->kid, &t, &b), 0);
	return buf_take_str(&b);
}

static bool
opens(const struct jwks *set, const char *text, int64_t now)
{
	struct reason r = {0};
	struct token t = {0};
	int e = token_open(TOKEN_ORG, text, set, ISS, NULL, now, &t, &r);

	if (e == 0)
		token_release(&t);
	return e == 0;
}

static void
test_interval_and_overlap(void **state)
{
	struct ring x;

	fresh(&x);
	char *old = mint(&x, T0 + 42 * DAY - 60);
	assert_false(turn(&x, T0 + 42 * DAY - 1));
	assert_int_equal(keyring_next(&x.k, T0), T0 + 42 * DAY);
	assert_true(turn(&x, T0 + 42 * DAY));
	assert_int_equal(x.k.n, 2);
	keyring_told(&x.k);
	char *new = mint(&x, T0 + 42 * DAY);
	/* both are good for seven days, then the old one is not, here and after a restart */
	assert_false(turn(&x, T0 + 49 * DAY - 1));
	assert_true(opens(&x.k.tokens, old, T0 + 49 * DAY - 1));
	assert_true(opens(&x.k.tokens, new, T0 + 49 * DAY - 1));
	assert_int_equal(keyring_next(&x.k, T0 + 43 * DAY), T0 + 49 * DAY);
	assert_true(turn(&x, T0 + 49 * DAY));
	assert_false(opens(&x.k.tokens, old, T0 + 49 * DAY));
	assert_true(opens(&x.k.tokens, new, T0 + 49 * DAY));
	reopen(&x, T0 + 49 * DAY);
	assert_false(opens(&x.k.tokens, old, T0 + 49 * DAY));
	assert_true(opens(&x.k.tokens, new, T0 + 49 * DAY));
	/* API tokens of the old key go on; what could sign with it has left the record */
	assert_true(opens(&x.k.api, old, T0 + 49 * DAY));
	assert_false(x.k.v[0].private_part);
	assert_false(key_is_private(jwks_find(&x.k.api, x.k.v[0].kid)->key));
	assert_false(turn(&x, T0 + 50 * DAY));
	free(old);
	free(new);
	end(&x);
}

/* Who was given the first key alone believes the third, by what the document says, also after a restart. */
static void
test_each_key_is_announced(void **state)
{
	struct ring x;
	struct keychain chain;
	struct reason r = {0};
	struct buf doc;
	json_t *o = NULL, *all, *v;
	size_t i;

	(void)state;
	fresh(&x);
	x.k.iss = ISS;
	json_t *pins = keychain_pins(ISS, &x.k.tokens);
	assert_int_equal(keychain_init(&chain, pins), 0);
	json_decref(pins);
	assert_true(turn(&x, T0 + 42 * DAY));
	assert_true(turn(&x, T0 + 84 * DAY));
	reopen(&x, T0 + 91 * DAY);
	buf_init(&doc, 262144);
	assert_int_equal(keyring_document(&x.k, &doc), 0);
	assert_int_equal(json_load_strict(buf_ptr(&doc), buf_len(&doc), 262144, &o), 0);
	buf_release(&doc);
	all = json_object_get(o, "announcements");
	assert_int_equal(json_array_size(all), 2);
	json_array_foreach(all, i, v) assert_int_equal(keychain_announce(&chain, json_string_value(v), &r), 1);
	assert_int_equal(chain.keys.n, 3);
	assert_non_null(jwks_find(&chain.keys, x.k.v[2].kid));
	assert_int_equal(chain.until[0], T0 + 49 * DAY);
	assert_int_equal(chain.until[1], T0 + 91 * DAY);
	assert_int_equal(chain.until[2], 0);
	json_decref(o);
	keychain_release(&chain);
	end(&x);
}

static void
test_new_key_waits_to_be_known(void **state)
{
	struct ring x;
	struct reason r = {0};

	fresh(&x);
	const char *first = x.k.v[0].kid;
	assert_int_equal(keyring_rotate(&x.k, T0 + 5, &r), 0);
	assert_string_equal(keyring_signer(&x.k)->kid, first);
	keyring_told(&x.k);
	assert_string_equal(keyring_signer(&x.k)->kid, x.k.v[1].kid);
	/* nobody asked for so long that the old one is over: a token that nobody knows beats one that nobody accepts */
	assert_int_equal(keyring_rotate(&x.k, T0 + 10, &r), 0);
	turn(&x, T0 + 10 + 8 * DAY);
	assert_string_equal(keyring_signer(&x.k)->kid, x.k.v[2].kid);
	end(&x);
}

static void
test_old_key_goes_after_a_year(void **state)
{
	struct ring x;

	fresh(&x);
	for (int i = 1; i <= 12; i++) {
		turn(&x, T0 + i * 42 * DAY);
		turn(&x, T0 + i * 42 * DAY + 8 * DAY);
	}
	/* the first was followed on day 42, over on day 49, forgotten on day 415; so the next two by day 499 */
	assert_int_equal(x.k.v[0].created, T0 + 3 * 42 * DAY);
	assert_int_equal(x.k.tokens.n, 1);
	assert_true(x.k.api.n == x.k.n && x.k.n == 10);
	reopen(&x, T0 + 12 * 42 * DAY + 8 * DAY);
	assert_int_equal(x.k.n, 10);
	end(&x);
}

static void
test_flood(void **state)
{
	struct ring x;
	struct reason r = {0};
	int n = 0;

	fresh(&x);
	while (keyring_rotate(&x.k, T0 + n, &r) == 0)
		n++;
	assert_int_equal(n, KEYRING_ACTIVE_MAX - 1);
	assert_int_equal(r.code, SP_BUSY);
	for (size_t i = 1; i < x.k.n; i++) /* within one second too, each begins after the one before */
		assert_true(x.k.v[i].created > x.k.v[i - 1].created);
	assert_int_equal(x.k.tokens.n, KEYRING_ACTIVE_MAX);
	/* the time's own rotation waits as well, and goes on when the oldest is over */
	turn(&x, T0 + 8 * DAY);
	assert_int_equal(keyring_rotate(&x.k, T0 + 8 * DAY, &r), 0);
	end(&x);
}

static void
test_interval_is_kept(void **state)
{
	struct ring x;
	struct reason r = {0};

	fresh(&x);
	assert_int_equal(keyring_interval_put(&x.k, 20, &r), E_RANGE);
	assert_int_equal(keyring_interval_put(&x.k, 366, &r), E_RANGE);
	assert_int_equal(keyring_interval_put(&x.k, 21, &r), 0);
	reopen(&x, T0 + 1);
	assert_int_equal(keyring_interval(&x.k), 21 * DAY);
	assert_false(turn(&x, T0 + 21 * DAY - 1));
	assert_true(turn(&x, T0 + 21 * DAY));
	end(&x);
}

/* A store of the first form: bare PKCS#8, no times. It counts from the day it is first read, and only once. */
static void
test_first_form(void **state)
{
	struct ring x = {.path = "/tmp/keyring.XXXXXX"};
	struct secret der = {0};
	struct key *k = NULL;

	close(mkstemp(x.path));
	open_ring(&x, T0);
	assert_int_equal(key_generate(KEY_RSA, 2048, &k), 0);
	assert_int_equal(key_export_private(k, &der), 0);
	assert_int_equal(keystore_put(&x.ks, KS_TOKEN_KEY, "00000000", secret_slice(&der)), 0);
	secret_release(&der);
	key_free(k);
	reopen(&x, T0);
	assert_int_equal(x.k.n, 1);
	reopen(&x, T0 + 41 * DAY);
	assert_int_equal(x.k.v[0].created, T0);
	assert_true(turn(&x, T0 + 42 * DAY));
	end(&x);
}

/* A record cut at every byte while a key is made: the ring is the old one or the new one, and goes on. */
static void
test_crash_in_the_middle(void **state)
{
	struct ring x;
	struct reason r = {0};

	fresh(&x);
	off_t before = x.ks.end;
	assert_int_equal(keyring_rotate(&x.k, T0 + 9, &r), 0);
	off_t after = x.ks.end;
	for (off_t at = after - 1; at >= before; at -= 97) {
		close_ring(&x);
		assert_int_equal(truncate(x.path, at), 0);
		x.k = (struct keyring){0};
		open_ring(&x, T0 + 10);
		assert_int_equal(x.k.n, 1);
		assert_non_null(keyring_signer(&x.k));
	}
	assert_int_equal(keyring_rotate(&x.k, T0 + 11, &r), 0);
	assert_int_equal(x.k.n, 2);
	end(&x);
}

static void
test_document(void **state)
{
	struct ring x;
	struct reason r = {0};
	struct buf b;
	json_t *doc = NULL;

	fresh(&x);
	assert_int_equal(keyring_rotate(&x.k, T0 + DAY, &r), 0);
	turn(&x, T0 + 9 * DAY); /* the first is over */
	assert_int_equal(keyring_rotate(&x.k, T0 + 10 * DAY, &r), 0);
	for (int i = 0; i < 2; i++) { /* the same bytes again after a restart: origins may keep them */
		static char *first;
		buf_init(&b, 262144);
		assert_int_equal(keyring_document(&x.k, &b), 0);
		if (i == 1) {
			assert_string_equal(buf_cstr(&b), first);
			free(first);
		} else {
			first = strdup(buf_cstr(&b));
		}
		if (i == 1)
			assert_int_equal(json_load_strict(buf_ptr(&b), buf_len(&b), 262144, &doc), 0);
		buf_release(&b);
		reopen(&x, T0 + 10 * DAY);
	}
	char *text = json_dump_str(doc);
	assert_null(strstr(text, "\"d\":")); /* no private exponent */
	free(text);
	assert_int_equal(json_array_size(json_object_get(doc, "keys")), 2);
	assert_int_equal(json_array_size(json_object_get(doc, "public_certs")), 2);
	assert_int_equal(json_array_size(json_object_get(doc, "api_keys")), 1);
	json_t *pc = json_object_get(doc, "public_cert");
	assert_string_equal(json_string_value(json_object_get(pc, "kid")), x.k.v[2].kid);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(doc, "keys"), 0), "kid")),
	                    x.k.v[2].kid);
	assert_non_null(strstr(json_string_value(json_object_get(pc, "cert")), "BEGIN CERTIFICATE"));
	json_decref(doc);
	end(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_interval_and_overlap),
	    cmocka_unit_test(test_each_key_is_announced),
	    cmocka_unit_test(test_new_key_waits_to_be_known),
	    cmocka_unit_test(test_old_key_goes_after_a_year),
	    cmocka_unit_test(test_flood),
	    cmocka_unit_test(test_interval_is_kept),
	    cmocka_unit_test(test_first_form),
	    cmocka_unit_test(test_crash_in_the_middle),
	    cmocka_unit_test(test_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
