#include "edge/signer/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/x509.h"
#include "identity/keychain.h"
#include "ssh/sshwire.h"

#define RECORD_FORM 1 /* a record of the first form is PKCS#8 alone, which begins with 0x30 */
#define INTERVAL_KEY "token_rotation_days"

static void
record_name(uint32_t no, char out[static 24])
{
	snprintf(out, 24, "%08u", (unsigned)no);
}

static int
damaged(uint32_t no, struct reason *r)
{
	return reason_set(r, E_CRYPTO, SP_CONFIG,
	                  "keys/store: token key %u cannot be used; restore keys/ from a backup", (unsigned)no);
}

/* --- records: form | created | private? | PKCS#8 or SPKI ---------------------------------------------------------- */

static int
record_write(struct keyring *k, const struct token_key *t, struct slice der)
{
	struct buf b;
	char name[24];
	int e;

	buf_init_secret(&b, SECRET_MAX + 64);
	record_name(t->no, name);
	if ((e = buf_put_u8(&b, RECORD_FORM)) == 0 && (e = buf_put_u64(&b, (uint64_t)t->created)) == 0 &&
	    (e = buf_put_u8(&b, t->private_part)) == 0 && (e = sshwire_put_slice(&b, der)) == 0)
		e = keystore_put(k->ks, KS_TOKEN_KEY, name, buf_slice(&b));
	buf_release(&b);
	return e;
}

/* ret_der points into rec. */
static int
record_read(struct slice rec, struct token_key *t, struct slice *ret_der)
{
	struct buf b;
	uint64_t created;
	uint8_t form, priv;

	if (rec.n && rec.p[0] == 0x30) {
		t->created = 0;
		t->private_part = true;
		*ret_der = rec;
		return 0;
	}
	buf_view(&b, rec.p, rec.n);
	if (buf_get_u8(&b, &form) < 0 || form != RECORD_FORM || buf_get_u64(&b, &created) < 0 || created > INT64_MAX ||
	    buf_get_u8(&b, &priv) < 0 || priv > 1 || sshwire_get_string(&b, SECRET_MAX, ret_der) < 0 || buf_len(&b))
		return E_FORMAT;
	t->created = (int64_t)created;
	t->private_part = priv;
	return 0;
}

static int
key_of(const struct keyring *k, const struct token_key *t, struct key **ret_key)
{
	struct token_key same = {0};
	struct slice rec, der;
	char name[24];

	record_name(t->no, name);
	if (!keystore_get(k->ks, KS_TOKEN_KEY, name, &rec) || record_read(rec, &same, &der) < 0)
		return E_FORMAT;
	return same.private_part ? key_import_private(der, ret_key) : key_from_spki(der, ret_key);
}

/* --- the two sets --------------------------------------------------------------------------------------------------
 */

static int64_t
overlap_of(const struct keyring *k)
{
	return k->overlap ? k->overlap : KEYRING_OVERLAP_SEC;
}

/* Until when key i verifies sessions; INT64_MAX for the newest. */
static int64_t
active_until(const struct keyring *k, size_t i)
{
	return i + 1 < k->n ? k->v[i + 1].created + overlap_of(k) : INT64_MAX;
}

static size_t
active_count(const struct keyring *k, int64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += now < active_until(k, i);
	return n;
}

/* Both sets anew, from the records; on failure they stay as they were. */
static int
arrange(struct keyring *k, int64_t now, struct reason *r)
{
	struct jwks tokens = {0}, api = {0};
	int e = 0;

	for (size_t i = k->n; e == 0 && i-- > 0;) {
		struct key *a = NULL, *b = NULL;
		if ((e = key_of(k, &k->v[i], &b)) == 0)
			e = jwks_add(&api, NULL, b); /* takes it, also when it fails */
		if (e == 0 && now < active_until(k, i) && (e = key_of(k, &k->v[i], &a)) == 0)
			e = jwks_add(&tokens, NULL, a);
		if (e < 0)
			damaged(k->v[i].no, r);
	}
	if (e < 0) {
		jwks_release(&tokens);
		jwks_release(&api);
		return e;
	}
	jwks_release(&k->tokens);
	jwks_release(&k->api);
	k->tokens = tokens;
	k->api = api;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const struct token_key *x = a, *y = b;
	return x->no < y->no ? -1 : x->no > y->no;
}

/* A record of the first form did not say when the key was made: it counts from now. */
static int
load_one(struct keyring *k, const char *name, int64_t now, struct reason *r)
{
	struct token_key *t = &k->v[k->n];
	struct key *key = NULL;
	struct slice rec, der;
	uint64_t no;
	int e;

	*t = (struct token_key){0};
	if (k->n == KEYRING_MAX || str_u64(name, UINT32_MAX, &no) < 0)
		return reason_set(r, E_LIMIT, SP_CONFIG, "keys/store: token key %.20s is one too many", name);
	t->no = (uint32_t)no;
	if (!keystore_get(k->ks, KS_TOKEN_KEY, name, &rec) || record_read(rec, t, &der) < 0 ||
	    (e = key_of(k, t, &key)) < 0)
		return damaged(t->no, r);
	e = key_kid(key, t->kid);
	key_free(key);
	if (e == 0 && !t->created) {
		struct secret copy = {0}; /* the record that der points into goes away */
		t->created = now;
		if ((e = secret_set(&copy, der.p, der.n)) == 0)
			e = record_write(k, t, secret_slice(&copy));
		secret_release(&copy);
	}
	if (e < 0)
		return damaged(t->no, r);
	k->n++;
	return 0;
}

int
keyring_load(struct keyring *k, int64_t now, struct reason *r)
{
	char names[KEYRING_MAX + 1][24];
	struct map_iter it = {0};
	struct slice rec;
	size_t n = 0;
	int e = 0;

	k->n = 0;
	while (n <= KEYRING_MAX && keystore_next(k->ks, KS_TOKEN_KEY, &it, &rec))
		str_copy(names[n++], sizeof names[0], it.key);
	for (size_t i = 0; e == 0 && i < n; i++)
		e = load_one(k, names[i], now, r);
	if (e < 0)
		return e;
	qsort(k->v, k->n, sizeof k->v[0], by_number);
	keyring_told(k);
	return arrange(k, now, r);
}

void
keyring_release(struct keyring *k)
{
	jwks_release(&k->tokens);
	jwks_release(&k->api);
	k->n = 0;
}

/* --- turning -------------------------------------------------------------------------------------------------------
 */

static int
drop_oldest(struct keyring *k)
{
	char name[24];

	record_name(k->v[0].no, name);
	int e = keystore_del(k->ks, KS_TOKEN_KEY, name);
	if (e < 0 && e != E_NOENT)
		return e;
	memmove(k->v, k->v + 1, --k->n * sizeof k->v[0]);
	return 0;
}

/* What verifiers without a way to ask us believe: the newest key so far says which one follows. Written before the key
   itself: without the key it is of no use to anybody, and is written over when the number is used. */
static int
announce(struct keyring *k, const struct token_key *t, struct key *next, int64_t now)
{
	struct token_key *last = k->n ? &k->v[k->n - 1] : NULL;
	struct jwks set = {0};
	struct key *by = NULL, *public = NULL;
	char name[24];
	struct buf b, spki;
	int e;

	if (!k->iss || !last || !last->private_part)
		return 0;
	buf_init(&b, STATEMENT_MAX + 1);
	buf_init(&spki, 2048);
	record_name(t->no, name);
	if ((e = key_spki(next, &spki)) == 0 && (e = key_from_spki(buf_slice(&spki), &public)) == 0 &&
	    (e = jwks_add(&set, NULL, public)) == 0 && (e = key_of(k, last, &by)) == 0 &&
	    (e = announcement_sign(by, last->kid, k->iss, &set.v[0], now, t->created + overlap_of(k), &b)) == 0)
		e = keystore_put(k->ks, KS_ANNOUNCE, name, buf_slice(&b));
	key_free(by);
	jwks_release(&set);
	buf_release(&b);
	buf_release(&spki);
	return e;
}

static int
add(struct keyring *k, int64_t now, struct reason *r)
{
	struct token_key t = {.no = k->n ? k->v[k->n - 1].no + 1 : 0, .created = now, .private_part = true};
	struct secret der = {0};
	struct key *key = NULL;
	int e;

	/* Each began after the one before, whatever the clock says meanwhile. */
	if (k->n && t.created <= k->v[k->n - 1].created)
		t.created = k->v[k->n - 1].created + 1;
	if ((e = key_generate(KEY_RSA, 2048, &key)) == 0 && (e = key_kid(key, t.kid)) == 0 &&
	    (e = announce(k, &t, key, now)) == 0 && (e = key_export_private(key, &der)) == 0)
		e = record_write(k, &t, secret_slice(&der));
	key_free(key);
	secret_release(&der);
	if (e < 0)
		return reason_set(r, e, SP_INTERNAL, "token key: %s", err_str(e));
	k->v[k->n++] = t;
	return arrange(k, now, r);
}

int
keyring_rotate(struct keyring *k, int64_t now, struct reason *r)
{
	if (active_count(k, now) >= KEYRING_ACTIVE_MAX)
		return reason_set(r, E_LIMIT, SP_BUSY, "%d token keys are valid already; wait until the oldest ends",
		                  KEYRING_ACTIVE_MAX);
	if (k->n >= KEYRING_MAX)
		return reason_set(r, E_LIMIT, SP_BUSY, "API tokens of %d keys may still be in use", KEYRING_MAX);
	return add(k, now, r);
}

/* Its sessions are over: what could sign leaves the live record. */
static int
strip(struct keyring *k, struct token_key *t)
{
	struct key *key = NULL;
	struct buf spki;
	int e;

	buf_init(&spki, 2048);
	if ((e = key_of(k, t, &key)) == 0 && (e = key_spki(key, &spki)) == 0) {
		t->private_part = false;
		e = record_write(k, t, buf_slice(&spki));
	}
	t->private_part = e < 0;
	key_free(key);
	buf_release(&spki);
	return e;
}

int
keyring_turn(struct keyring *k, int64_t now, bool *ret_changed, struct reason *r)
{
	bool changed = false;
	int e = 0;

	*ret_changed = false;
	if (!k->n)
		return 0;
	if (now >= keyring_next_key(k, now) && active_count(k, now) < KEYRING_ACTIVE_MAX) {
		if (k->n == KEYRING_MAX)
			e = drop_oldest(k);
		if (e == 0)
			e = add(k, now, r);
		changed = e == 0;
	}
	for (size_t i = 0; e == 0 && i + 1 < k->n; i++)
		if (k->v[i].private_part && now >= active_until(k, i)) {
			e = strip(k, &k->v[i]);
			changed = true;
		}
	while (e == 0 && k->n > 1 && now >= k->v[1].created + overlap_of(k) + KEYRING_API_SEC) {
		e = drop_oldest(k);
		changed = true;
	}
	if (changed && e == 0)
		e = arrange(k, now, r);
	if (e < 0)
		return r->code ? e : reason_set(r, e, SP_INTERNAL, "token keys: %s", err_str(e));
	*ret_changed = changed;
	return 0;
}

int64_t
keyring_interval(const struct keyring *k)
{
	struct slice rec;
	struct buf b;
	uint32_t days;

	if (keystore_get(k->ks, KS_SETTING, INTERVAL_KEY, &rec)) {
		buf_view(&b, rec.p, rec.n);
		if (buf_get_u32(&b, &days) == 0 && days >= KEYRING_DAYS_MIN && days <= KEYRING_DAYS_MAX)
			return (int64_t)days * KEYRING_DAY;
	}
	return k->interval_fixed ? k->interval_fixed : (int64_t)KEYRING_INTERVAL_DAYS * KEYRING_DAY;
}

int
keyring_interval_put(struct keyring *k, unsigned days, struct reason *r)
{
	struct buf b;
	int e;

	if (days < KEYRING_DAYS_MIN || days > KEYRING_DAYS_MAX)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST, "found %u, expected %d to %d days", days,
		                  KEYRING_DAYS_MIN, KEYRING_DAYS_MAX);
	buf_init(&b, 8);
	if ((e = buf_put_u32(&b, days)) == 0)
		e = keystore_put(k->ks, KS_SETTING, INTERVAL_KEY, buf_slice(&b));
	buf_release(&b);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "keystore: %s", err_str(e)) : 0;
}

int64_t
keyring_next_key(const struct keyring *k, int64_t now)
{
	return k->n ? k->v[k->n - 1].created + keyring_interval(k) : now;
}

int64_t
keyring_next(const struct keyring *k, int64_t now)
{
	int64_t at = keyring_next_key(k, now);

	for (size_t i = 0; i + 1 < k->n; i++)
		if (k->v[i].private_part && active_until(k, i) < at)
			at = active_until(k, i);
	return at;
}

void
keyring_told(struct keyring *k)
{
	k->told = k->n ? k->v[k->n - 1].no : 0;
}

struct jwk *
keyring_signer(struct keyring *k)
{
	for (size_t i = k->n; i-- > 0;)
		if (k->v[i].no <= k->told) {
			struct jwk *j = jwks_find(&k->tokens, k->v[i].kid);
			return j ? j : &k->tokens.v[0]; /* it ended before the next was known: the newest */
		}
	return k->tokens.n ? &k->tokens.v[0] : NULL;
}

/* --- what verifiers get --------------------------------------------------------------------------------------------
 */

static const struct token_key *
meta(const struct keyring *k, const char *kid)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->v[i].kid, kid))
			return &k->v[i];
	return NULL;
}

/* {"kid", "cert"}; the serial number is the kid's beginning. */
static json_t *
cert_of(const struct keyring *k, struct jwk *j)
{
	const struct token_key *t = meta(k, j->kid);
	uint8_t serial[16];
	struct buf pem, raw;
	json_t *o = NULL;

	buf_init(&pem, 8192);
	buf_init(&raw, 64);
	if (t && hex_decode(&raw, j->kid, 32) == 0 && buf_len(&raw) == sizeof serial) {
		memcpy(serial, buf_ptr(&raw), sizeof serial);
		if (x509_token_key(j->key, "sallyport token key", t->created, serial, &pem) == 0)
			o = json_pack("{s:s, s:s}", "kid", j->kid, "cert", buf_cstr(&pem));
	}
	buf_release(&pem);
	buf_release(&raw);
	return o;
}

static int
certs_add(const struct keyring *k, json_t *doc)
{
	json_t *all = json_array();
	int e = 0;

	for (size_t i = 0; i < k->tokens.n; i++) {
		json_t *c = cert_of(k, &k->tokens.v[i]);
		if (c && i == 0)
			e |= json_object_set(doc, "public_cert", c);
		e |= json_array_append_new(all, c);
	}
	e |= json_object_set_new(doc, "public_certs", all);
	return e ? E_NOMEM : 0;
}

static int
api_add(const struct keyring *k, json_t *doc)
{
	json_t *old = json_array();
	int e = 0;

	for (size_t i = 0; i < k->api.n; i++)
		if (!jwks_find(&k->tokens, k->api.v[i].kid))
			e |= json_array_append_new(old, jwk_to_json(&k->api.v[i]));
	e |= json_object_set_new(doc, "api_keys", old);
	return e ? E_NOMEM : 0;
}

static int
announcements_add(const struct keyring *k, json_t *doc)
{
	uint32_t newest = k->n ? k->v[k->n - 1].no : 0;
	json_t *all = json_array();
	struct slice text;
	char name[24];
	int e = 0;

	for (uint32_t no = newest < KEYCHAIN_CHAIN_MAX ? 1 : newest - KEYCHAIN_CHAIN_MAX + 1; no <= newest; no++) {
		record_name(no, name);
		if (keystore_get(k->ks, KS_ANNOUNCE, name, &text))
			e |= json_array_append_new(all, json_stringn((const char *)text.p, text.n));
	}
	e |= json_object_set_new(doc, "announcements", all);
	return e ? E_NOMEM : 0;
}

int
keyring_document(const struct keyring *k, struct buf *out)
{
	json_t *doc = jwks_to_json(&k->tokens);
	int e = doc ? certs_add(k, doc) : E_NOMEM;

	if (e == 0)
		e = api_add(k, doc);
	if (e == 0)
		e = announcements_add(k, doc);
	if (e == 0)
		e = json_dump(doc, out);
	json_decref(doc);
	return e;
}
