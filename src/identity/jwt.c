#include "identity/jwt.h"

#include <string.h>

#include "core/str.h"

#define HEADER_MAX 2048

static const struct {
	const char *name;
	unsigned bit;
	enum sig_alg alg;
	enum key_kind kind;
} algs[] = {
    {"RS256", JWT_RS256, SIG_RS256, KEY_RSA},
    {"ES256", JWT_ES256, SIG_ES256, KEY_P256},
    {"EdDSA", JWT_EDDSA, SIG_EDDSA, KEY_ED25519},
};
#define NALGS (sizeof algs / sizeof *algs)

/* Three segments, still encoded; signed_part is header.payload as received. */
struct parts {
	struct slice header, payload, signature, signed_part;
};

static int
refuse(struct reason *r, int e, const char *why)
{
	return reason_set(r, e, SP_TOKEN, "token refused: %s", why);
}

unsigned
jwt_alg_bit(const char *name)
{
	for (size_t i = 0; i < NALGS; i++)
		if (!strcmp(name, algs[i].name))
			return algs[i].bit;
	return 0;
}

static int
split(const char *token, size_t n, struct parts *ret)
{
	const uint8_t *p = (const uint8_t *)token, *end = p + n;
	const uint8_t *d1 = memchr(p, '.', n);
	const uint8_t *d2 = d1 ? memchr(d1 + 1, '.', (size_t)(end - d1 - 1)) : NULL;
	if (!d2 || memchr(d2 + 1, '.', (size_t)(end - d2 - 1)))
		return E_FORMAT;
	ret->header = (struct slice){p, (size_t)(d1 - p)};
	ret->payload = (struct slice){d1 + 1, (size_t)(d2 - d1 - 1)};
	ret->signature = (struct slice){d2 + 1, (size_t)(end - d2 - 1)};
	ret->signed_part = (struct slice){p, (size_t)(d2 - p)};
	return ret->header.n && ret->payload.n && ret->signature.n ? 0 : E_FORMAT;
}

static int
load_object(struct slice b64, size_t max, json_t **ret_o)
{
	struct buf b;
	json_t *o = NULL;
	buf_init(&b, max);
	int e = b64_decode(&b, B64_URL, (const char *)b64.p, b64.n);
	if (!e)
		e = json_load_strict(buf_ptr(&b), buf_len(&b), max, &o);
	buf_release(&b);
	if (!e && !json_is_object(o)) {
		json_decref(o);
		e = E_FORMAT;
	}
	if (!e)
		*ret_o = o;
	return e;
}

/* Judges the header alone. ret_row: the algorithm it names; ret_kid: "" when there is none. */
static int
check_header(const json_t *h, unsigned allowed, size_t *ret_row, const char **ret_kid, struct reason *r)
{
	static const char *const never[] = {"crit", "b64", "zip", "enc"};
	const char *alg, *kid = "";
	size_t row = 0;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (json_object_get(h, never[i]))
			return refuse(r, E_DENIED, "its header asks for something that is not supported");
	if (json_get_str(h, "alg", &alg))
		return refuse(r, E_FORMAT, "no alg");
	while (row < NALGS && strcmp(alg, algs[row].name) != 0)
		row++;
	if (row == NALGS || !(algs[row].bit & allowed))
		return refuse(r, E_DENIED, "its algorithm is not accepted here");
	int e = json_get_str(h, "kid", &kid);
	if (e == E_FORMAT || (!e && (!*kid || strlen(kid) > JWK_KID_MAX)))
		return refuse(r, E_FORMAT, "kid is not a text of 1 to 255 bytes");
	if (e && (allowed & JWT_KID))
		return refuse(r, E_DENIED, "it does not name its key");
	*ret_row = row;
	*ret_kid = e ? "" : kid;
	return 0;
}

static int
choose_key(const struct jwks *set, const char *kid, size_t row, struct jwk **ret_k, struct reason *r)
{
	struct jwk *k = NULL;
	if (*kid)
		k = jwks_find(set, kid);
	else if (set->n == 1)
		k = &set->v[0];
	if (!k)
		return refuse(r, E_NOENT, "no such key");
	if (k->alg != algs[row].alg)
		return refuse(r, E_DENIED, "its algorithm is not that of the key it names");
	*ret_k = k;
	return 0;
}

static int
check_signature(const struct parts *p, struct jwk *k, struct reason *r)
{
	struct buf sig;
	buf_init(&sig, KEY_SIG_MAX);
	int e = b64_decode(&sig, B64_URL, (const char *)p->signature.p, p->signature.n);
	if (e)
		e = refuse(r, e == E_NOMEM ? e : E_FORMAT, "signature is not base64url");
	else
		e = key_verify(k->key, k->alg, p->signed_part, buf_slice(&sig));
	if (e && e != E_FORMAT)
		e = refuse(r, e, "signature does not verify");
	buf_release(&sig);
	return e;
}

int
jwt_verify(const char *token, size_t n, const struct jwks *set, unsigned allowed, json_t **ret_claims, struct reason *r)
{
	struct parts p;
	json_t *header = NULL, *claims = NULL;
	const char *kid = "";
	size_t row = 0;
	struct jwk *k = NULL;
	if (n > JWT_MAX)
		return refuse(r, E_LIMIT, "too long");
	int e = split(token, n, &p);
	if (e)
		return refuse(r, e, "not three segments");
	e = load_object(p.header, HEADER_MAX, &header);
	if (e) {
		e = refuse(r, e, "header is not a JSON object in base64url");
		goto out;
	}
	e = check_header(header, allowed, &row, &kid, r);
	if (!e)
		e = choose_key(set, kid, row, &k, r);
	if (!e)
		e = check_signature(&p, k, r);
	if (e)
		goto out;
	e = load_object(p.payload, JWT_MAX, &claims);
	if (e)
		e = refuse(r, e, "payload is not a JSON object in base64url");
	else
		*ret_claims = claims;
out:
	json_decref(header);
	return e;
}

int
jwt_peek(const char *token, size_t n, json_t **ret_claims)
{
	struct parts p;
	if (n > JWT_MAX)
		return E_LIMIT;
	int e = split(token, n, &p);
	return e ? e : load_object(p.payload, JWT_MAX, ret_claims);
}

static int
put_object(struct buf *out, const json_t *o)
{
	struct buf text;
	buf_init(&text, JWT_MAX);
	int e = json_dump(o, &text);
	if (!e)
		e = b64_encode(out, B64_URL, buf_ptr(&text), buf_len(&text));
	buf_release(&text);
	return e;
}

int
jwt_sign(struct key *key, const char *kid, const json_t *claims, struct buf *out)
{
	json_t *header = NULL;
	struct buf text, sig;
	size_t row = 0;
	int e = E_NOMEM;
	while (row < NALGS && algs[row].kind != key_kind(key))
		row++;
	if (row == NALGS)
		return E_STATE;
	buf_init(&text, JWT_MAX);
	buf_init(&sig, KEY_SIG_MAX);
	header = json_pack("{ssssss}", "alg", algs[row].name, "kid", kid, "typ", "JWT");
	if (!header)
		goto out;
	e = put_object(&text, header);
	if (!e)
		e = buf_put_u8(&text, '.');
	if (!e)
		e = put_object(&text, claims);
	if (!e)
		e = key_sign(key, algs[row].alg, buf_slice(&text), &sig);
	if (!e)
		e = buf_put_u8(&text, '.');
	if (!e)
		e = b64_encode(&text, B64_URL, buf_ptr(&sig), buf_len(&sig));
	if (!e)
		e = buf_put_slice(out, buf_slice(&text));
out:
	json_decref(header);
	buf_release(&text);
	buf_release(&sig);
	return e;
}
