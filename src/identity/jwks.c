#include "identity/jwks.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/str.h"

#define NUMBER_MAX 2048

static const struct {
	enum key_kind kind;
	enum sig_alg alg;
	const char *name;
} algs[] = {{KEY_RSA, SIG_RS256, "RS256"}, {KEY_P256, SIG_ES256, "ES256"}, {KEY_ED25519, SIG_EDDSA, "EdDSA"}};
#define NALGS (sizeof algs / sizeof *algs)

static size_t
alg_row(enum key_kind kind)
{
	size_t i = 0;
	while (i < NALGS && algs[i].kind != kind)
		i++;
	return i;
}

/* A base64url member into out. */
static int
get_number(const json_t *o, const char *name, struct buf *out)
{
	const char *s;
	int e = json_get_str(o, name, &s);
	buf_clear(out);
	return e ? e : b64_decode(out, B64_URL, s, strlen(s));
}

static int
make_key(const json_t *o, struct key **ret_k)
{
	struct buf a, b;
	int e = E_FORMAT;
	const char *kty = json_str_or(o, "kty", ""), *crv = json_str_or(o, "crv", "");
	buf_init(&a, NUMBER_MAX);
	buf_init(&b, NUMBER_MAX);
	if (!strcmp(kty, "RSA")) {
		e = get_number(o, "n", &a);
		if (!e)
			e = get_number(o, "e", &b);
		if (!e)
			e = key_from_rsa(buf_slice(&a), buf_slice(&b), ret_k);
	} else if (!strcmp(kty, "EC") && !strcmp(crv, "P-256")) {
		e = get_number(o, "x", &a);
		if (!e)
			e = get_number(o, "y", &b);
		if (!e)
			e = key_from_ec_xy(KEY_P256, buf_slice(&a), buf_slice(&b), ret_k);
	} else if (!strcmp(kty, "OKP") && !strcmp(crv, "Ed25519")) {
		e = get_number(o, "x", &a);
		if (!e)
			e = key_from_ed25519(buf_slice(&a), ret_k);
	}
	buf_release(&a);
	buf_release(&b);
	return e;
}

/* Is it meant for checking signatures? */
static bool
for_signatures(const json_t *o)
{
	json_t *ops = json_object_get(o, "key_ops"), *v;
	size_t i;
	if (strcmp(json_str_or(o, "use", "sig"), "sig") != 0 || json_object_get(o, "d"))
		return false;
	if (!ops)
		return true;
	json_array_foreach(ops, i, v) if (json_is_string(v) && !strcmp(json_string_value(v), "verify")) return true;
	return false;
}

static bool
kid_ok(const char *kid)
{
	size_t n = strlen(kid);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)kid[i] < 0x20 || kid[i] == 0x7f)
			return false;
	return n <= JWK_KID_MAX;
}

int
jwks_add(struct jwks *set, const char *kid, struct key *key)
{
	char own[65];
	size_t row = alg_row(key_kind(key));
	int e = row < NALGS ? 0 : E_FORMAT;
	if (!e && !kid) {
		e = key_kid(key, own);
		kid = own;
	}
	if (!e && (!kid_ok(kid) || (*kid && jwks_find(set, kid))))
		e = E_FORMAT;
	if (!e && set->n >= JWKS_KEYS_MAX)
		e = E_LIMIT;
	struct jwk *v = e ? NULL : realloc(set->v, (set->n + 1) * sizeof *v);
	if (!e && !v)
		e = E_NOMEM;
	if (e) {
		key_free(key);
		return e;
	}
	set->v = v;
	v += set->n++;
	memset(v, 0, sizeof *v);
	memcpy(v->kid, kid, strlen(kid));
	v->alg = algs[row].alg;
	v->key = key;
	return 0;
}

static int
add_entry(struct jwks *set, const json_t *o)
{
	struct key *key = NULL;
	const char *alg = NULL, *kid = json_str_or(o, "kid", "");
	if (!json_is_object(o) || !for_signatures(o) || !kid_ok(kid))
		return 0;
	int e = make_key(o, &key);
	if (e == E_NOMEM)
		return e;
	if (e)
		return 0; /* not one of ours: other keys of the provider stay usable */
	size_t row = alg_row(key_kind(key));
	e = json_get_str(o, "alg", &alg);
	if (e == E_FORMAT || (!e && strcmp(alg, algs[row].name) != 0)) {
		key_free(key);
		return 0;
	}
	return jwks_add(set, kid, key);
}

int
jwks_parse(const void *p, size_t n, struct jwks *ret_set)
{
	struct jwks set = {0};
	json_t *doc = NULL, *keys = NULL;
	int e = json_load_strict(p, n, JWKS_BYTES_MAX, &doc);
	if (!e && !json_is_object(doc))
		e = E_FORMAT;
	if (!e && json_get_array(doc, "keys", &keys))
		e = E_FORMAT;
	if (!e && json_array_size(keys) > JWKS_KEYS_MAX)
		e = E_LIMIT;
	for (size_t i = 0; !e && i < json_array_size(keys); i++)
		e = add_entry(&set, json_array_get(keys, i));
	json_decref(doc);
	if (e) {
		jwks_release(&set);
		return e;
	}
	*ret_set = set;
	return 0;
}

void
jwks_release(struct jwks *set)
{
	for (size_t i = 0; i < set->n; i++)
		key_free(set->v[i].key);
	free(set->v);
	*set = (struct jwks){0};
}

struct jwk *
jwks_find(const struct jwks *set, const char *kid)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->v[i].kid, kid))
			return &set->v[i];
	return NULL;
}

static int
put_number(json_t *o, const char *name, struct slice s)
{
	char text[NUMBER_MAX];
	int e = b64_encode_str(text, sizeof text, B64_URL, s.p, s.n);
	if (e)
		return e;
	return json_object_set_new(o, name, json_string(text)) ? E_NOMEM : 0;
}

static int
put_numbers(json_t *o, const struct key *key)
{
	struct buf a, b;
	int e;
	buf_init(&a, NUMBER_MAX);
	buf_init(&b, NUMBER_MAX);
	if (key_kind(key) == KEY_RSA) {
		e = key_public_rsa(key, &a, &b);
		if (!e)
			e = put_number(o, "n", buf_slice(&a));
		if (!e)
			e = put_number(o, "e", buf_slice(&b));
	} else if (key_kind(key) == KEY_P256) {
		e = key_public_raw(key, &a);
		struct slice s = buf_slice(&a);
		if (!e)
			e = put_number(o, "x", (struct slice){s.p + 1, 32});
		if (!e)
			e = put_number(o, "y", (struct slice){s.p + 33, 32});
	} else {
		e = key_public_raw(key, &a);
		if (!e)
			e = put_number(o, "x", buf_slice(&a));
	}
	buf_release(&a);
	buf_release(&b);
	return e;
}

json_t *
jwk_to_json(const struct jwk *k)
{
	static const char *const kty[NALGS] = {"RSA", "EC", "OKP"}, *const crv[NALGS] = {NULL, "P-256", "Ed25519"};
	size_t row = alg_row(key_kind(k->key));
	json_t *o = json_object();
	if (!o || row >= NALGS)
		goto bad;
	if (json_object_set_new(o, "kty", json_string(kty[row])) || json_object_set_new(o, "use", json_string("sig")) ||
	    json_object_set_new(o, "alg", json_string(algs[row].name)))
		goto bad;
	if (k->kid[0] && json_object_set_new(o, "kid", json_string(k->kid)))
		goto bad;
	if (crv[row] && json_object_set_new(o, "crv", json_string(crv[row])))
		goto bad;
	if (put_numbers(o, k->key))
		goto bad;
	return o;
bad:
	json_decref(o);
	return NULL;
}

json_t *
jwks_to_json(const struct jwks *set)
{
	json_t *o = json_object(), *keys = json_array();
	if (!o || !keys)
		goto bad;
	for (size_t i = 0; i < set->n; i++)
		if (json_array_append_new(keys, jwk_to_json(&set->v[i])))
			goto bad;
	if (json_object_set(o, "keys", keys))
		goto bad;
	json_decref(keys);
	return o;
bad:
	json_decref(keys);
	json_decref(o);
	return NULL;
}
