#include "identity/keychain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"

#define CONFIG_BYTES_MAX (2u << 20)

json_t *
keychain_pins(const char *iss, const struct jwks *keys)
{
	json_t *o = jwks_to_json(keys);

	if (o && json_object_set_new(o, "iss", json_string(iss)) == 0)
		return o;
	json_decref(o);
	return NULL;
}

int
keychain_init(struct keychain *k, const json_t *pins)
{
	struct keychain fresh = {.iss = ""};
	const char *iss;
	struct buf b;
	int e = json_get_str(pins, "iss", &iss);

	buf_init(&b, JWKS_BYTES_MAX);
	if (e == 0 && (!*iss || str_copy(fresh.iss, sizeof fresh.iss, iss) < 0))
		e = E_FORMAT;
	if (e == 0 && (e = json_dump(pins, &b)) == 0)
		e = jwks_parse(buf_ptr(&b), buf_len(&b), &fresh.keys);
	for (size_t i = 0; e == 0 && i < fresh.keys.n; i++) { /* chosen by kid: each must be its own fingerprint */
		char kid[65];
		if ((e = key_kid(fresh.keys.v[i].key, kid)) == 0 && strcmp(kid, fresh.keys.v[i].kid))
			e = E_FORMAT;
	}
	if (e == 0 && (!fresh.keys.n || fresh.keys.n > KEYCHAIN_CHAIN_MAX / 2))
		e = fresh.keys.n ? E_LIMIT : E_FORMAT;
	buf_release(&b);
	if (e < 0) {
		jwks_release(&fresh.keys);
		return e;
	}
	*k = fresh;
	return 0;
}

void
keychain_release(struct keychain *k)
{
	jwks_release(&k->keys);
	*k = (struct keychain){.iss = ""};
}

/* --- statements ----------------------------------------------------------------------------------------------------
 */

static json_t *
statement(const char *type, const char *iss, int64_t now)
{
	json_t *o = json_pack("{s:s, s:s, s:[o], s:I}", "type", type, "iss", iss, "aud",
	                      json_sprintf("%s/%s", iss, type), "iat", (json_int_t)now);
	return o;
}

static int
statement_sign(struct key *by, const char *kid, json_t *o, struct buf *out)
{
	int e = o ? jwt_sign(by, kid, o, out) : E_NOMEM;

	json_decref(o);
	return e;
}

int
announcement_sign(struct key *by, const char *kid, const char *iss, const struct jwk *next, int64_t now, int64_t until,
                  struct buf *out)
{
	json_t *o = statement("keys", iss, now);

	if (o && (json_object_set_new(o, "until", json_integer(until)) ||
	          json_object_set_new(o, "key", jwk_to_json(next)))) {
		json_decref(o);
		o = NULL;
	}
	return statement_sign(by, kid, o, out);
}

int
config_digest(const json_t *config, char out[static 65])
{
	struct buf b;

	buf_init(&b, CONFIG_BYTES_MAX);
	int e = json_dump(config, &b);
	if (e == 0)
		sha256_hex(buf_ptr(&b), buf_len(&b), out);
	buf_release(&b);
	return e;
}

int
config_seal(struct key *by, const char *kid, const char *iss, const char *tunnel, int64_t version, const char *digest,
            int64_t now, struct buf *out)
{
	json_t *o = statement("config", iss, now);

	if (o && (json_object_set_new(o, "sub", json_string(tunnel)) ||
	          json_object_set_new(o, "version", json_integer(version)) ||
	          json_object_set_new(o, "sha256", json_string(digest)))) {
		json_decref(o);
		o = NULL;
	}
	return statement_sign(by, kid, o, out);
}

static int
statement_open(const struct jwks *set, const char *iss, const char *type, const char *jws, json_t **ret_o,
               struct reason *r)
{
	size_t n = strlen(jws);
	const char *is, *by;
	char want[KEYCHAIN_ISS_MAX + 16];
	json_t *o = NULL, *aud = NULL;

	if (n > STATEMENT_MAX)
		return reason_set(r, E_LIMIT, SP_TOKEN, "statement is too long");
	int e = jwt_verify(jws, n, set, JWT_RS256 | JWT_KID, &o, r);
	if (e < 0)
		return e;
	str_copy(want, sizeof want, iss);
	snprintf(want + strlen(want), sizeof want - strlen(want), "/%s", type);
	if (json_get_str(o, "type", &is) < 0 || strcmp(is, type))
		e = reason_set(r, E_DENIED, SP_TOKEN, "not a statement of type %s", type);
	else if (json_get_str(o, "iss", &by) < 0 || strcmp(by, iss))
		e = reason_set(r, E_DENIED, SP_TOKEN, "statement of another issuer");
	else if (json_get_array(o, "aud", &aud) < 0 || json_array_size(aud) != 1 ||
	         !json_is_string(json_array_get(aud, 0)) || strcmp(json_string_value(json_array_get(aud, 0)), want))
		e = reason_set(r, E_DENIED, SP_TOKEN_AUDIENCE, "statement for another audience");
	if (e < 0)
		json_decref(o);
	else
		*ret_o = o;
	return e;
}

/* Whose signature it carries: jwt_verify has found the key by this kid. */
static size_t
signed_by(const struct keychain *k, const char *jws)
{
	const char *dot = strchr(jws, '.');
	const char *kid = "";
	json_t *head = NULL;
	struct buf b;
	size_t i = 0;

	buf_init(&b, STATEMENT_MAX);
	if (dot && b64_decode(&b, B64_URL, jws, (size_t)(dot - jws)) == 0 &&
	    json_load_strict(buf_ptr(&b), buf_len(&b), STATEMENT_MAX, &head) == 0)
		kid = json_str_or(head, "kid", "");
	while (i < k->keys.n && strcmp(k->keys.v[i].kid, kid))
		i++;
	json_decref(head);
	buf_release(&b);
	return i;
}

/* The one key of an announcement; kid must be its own fingerprint. */
static int
announced_key(const json_t *o, struct jwks *ret_one)
{
	json_t *key, *doc;
	char kid[65];
	struct buf b;
	int e = json_get_object(o, "key", &key);

	if (e < 0)
		return E_FORMAT;
	doc = json_pack("{s:[O]}", "keys", key);
	buf_init(&b, STATEMENT_MAX);
	e = doc ? json_dump(doc, &b) : E_NOMEM;
	if (e == 0)
		e = jwks_parse(buf_ptr(&b), buf_len(&b), ret_one);
	if (e == 0 && (ret_one->n != 1 || key_kid(ret_one->v[0].key, kid) < 0 || strcmp(kid, ret_one->v[0].kid))) {
		jwks_release(ret_one);
		e = E_FORMAT;
	}
	buf_release(&b);
	json_decref(doc);
	return e;
}

int
keychain_announce(struct keychain *k, const char *jws, struct reason *r)
{
	struct jwks one = {0};
	json_t *o = NULL;
	int64_t until;
	int e = statement_open(&k->keys, k->iss, "keys", jws, &o, r);

	if (e < 0)
		return e;
	if (json_get_i64(o, "until", &until) < 0 || until <= 0 || announced_key(o, &one) < 0) {
		e = reason_set(r, E_FORMAT, SP_TOKEN, "announcement lacks a usable key or until");
		goto out;
	}
	size_t by = signed_by(k, jws);
	bool known = jwks_find(&k->keys, one.v[0].kid) != NULL;
	if (!known && k->keys.n >= KEYCHAIN_MAX) {
		e = reason_set(r, E_LIMIT, SP_TOKEN, "more than %d keys; fetch the tunnel's credentials anew",
		               KEYCHAIN_MAX);
		goto out;
	}
	if (!known) {
		struct key *key = one.v[0].key;
		one.v[0].key = NULL;
		if ((e = jwks_add(&k->keys, NULL, key)) < 0)
			goto out;
		k->until[k->keys.n - 1] = 0;
	}
	if (by < k->keys.n && (!k->until[by] || until < k->until[by]))
		k->until[by] = until;
	e = !known;
out:
	jwks_release(&one);
	json_decref(o);
	return e;
}

/* --- use ------------------------------------------------------------------------------------------------------------
 */

/* The keys whose tokens still count; borrowed from k, only the array is new. */
static int
live_keys(const struct keychain *k, int64_t now, struct jwks *ret_set)
{
	struct jwks s = {.v = calloc(k->keys.n ? k->keys.n : 1, sizeof *s.v)};

	if (!s.v)
		return E_NOMEM;
	for (size_t i = 0; i < k->keys.n; i++)
		if (!k->until[i] || now < k->until[i])
			s.v[s.n++] = k->keys.v[i];
	*ret_set = s;
	return 0;
}

/* The application that a token says it is for; believed only if the signature is good. */
static int
claimed_audience(const char *token, char out[static 65])
{
	json_t *o = NULL, *a = NULL;
	int e = jwt_peek(token, strlen(token), &o);

	if (e == 0 && (json_get_array(o, "aud", &a) < 0 || !json_is_string(json_array_get(a, 0)) ||
	               str_copy(out, 65, json_string_value(json_array_get(a, 0))) < 0 || strlen(out) != 64))
		e = E_FORMAT;
	json_decref(o);
	return e;
}

static int
open_one(const struct jwks *set, const char *iss, const char *token, const char *aud, int64_t now,
         char subject[static KEYCHAIN_SUBJECT_MAX], struct reason *r)
{
	bool service = token_claims_service(token);
	struct token t = {0};
	int e = token_open(service ? TOKEN_SERVICE : TOKEN_APP, token, set, iss, aud, now, &t, r);

	if (e < 0)
		return e;
	int n =
	    snprintf(subject, KEYCHAIN_SUBJECT_MAX, "%s%s", service ? "service:" : "", service ? t.common_name : t.sub);
	token_release(&t);
	return n < KEYCHAIN_SUBJECT_MAX ? 0 : reason_set(r, E_LIMIT, SP_TOKEN, "subject is too long");
}

int
keychain_admit(const struct keychain *k, const char *token, const char *const *aud, size_t naud, int64_t now,
               char ret_subject[static KEYCHAIN_SUBJECT_MAX], struct reason *r)
{
	char own[65] = "";
	const char *any = own;
	struct jwks live = {0};

	if (!*token)
		return reason_set(r, E_DENIED, SP_TOKEN, "no token");
	if (!naud) {
		if (claimed_audience(token, own) < 0)
			return reason_set(r, E_FORMAT, SP_TOKEN, "not a token of an application");
		aud = &any;
		naud = 1;
	}
	int e = live_keys(k, now, &live);
	if (e < 0)
		return reason_set(r, e, SP_INTERNAL, "out of memory");
	e = E_DENIED;
	for (size_t i = 0; i < naud && e < 0; i++) {
		struct reason why = {0};
		e = open_one(&live, k->iss, token, aud[i], now, ret_subject, &why);
		if (e < 0)
			reason_set(r, e, why.code, "%s", why.text);
		if (e < 0 && why.code != SP_TOKEN_AUDIENCE)
			break;
	}
	free(live.v);
	return e;
}

int
keychain_config(const struct keychain *k, const char *seal, const char *tunnel, int64_t version, const json_t *config,
                int64_t now, struct reason *r)
{
	struct jwks live = {0};
	json_t *o = NULL;
	char digest[65];
	int64_t v;
	int e = live_keys(k, now, &live);

	if (e == 0)
		e = statement_open(&live, k->iss, "config", seal, &o, r);
	free(live.v);
	if (e < 0)
		return e;
	if (strcmp(json_str_or(o, "sub", ""), tunnel))
		e = reason_set(r, E_DENIED, SP_TOKEN, "configuration of another tunnel");
	else if (json_get_i64(o, "version", &v) < 0 || v != version)
		e = reason_set(r, E_DENIED, SP_TOKEN, "configuration of another version");
	else if ((e = config_digest(config, digest)) < 0)
		e = reason_set(r, e, SP_INTERNAL, "configuration: %s", err_str(e));
	else if (strcmp(json_str_or(o, "sha256", ""), digest))
		e = reason_set(r, E_DENIED, SP_TOKEN, "configuration is not the one that was sealed");
	json_decref(o);
	return e;
}
