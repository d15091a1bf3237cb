/*
 * service: the secrets of service tokens, kept as hashes, and the app tokens minted on their evidence.
 *
 * A secret is 256 random bits, so one SHA-256 over it and its client id is enough: there is no dictionary to slow down,
 * and the hash stands sealed like all of the keystore. What may be done with a service token is judge's to decide; the
 * signer keeps its own copy of when it ends and whether it is on, so that judge alone cannot bring one back.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/pkce.h"

#define SERVICE_ID_LEN 39 /* 32 hex digits and ".access" */
#define SERVICE_SECRET_LEN 64

struct service {
	char hash[65], prev[65]; /* prev "" = none */
	int64_t prev_until, expires;
	int64_t version; /* of hash; prev's is one less */
	bool enabled;
};

bool
service_id_ok(const char *client_id)
{
	return strlen(client_id) == SERVICE_ID_LEN && strspn(client_id, "0123456789abcdef") == 32 &&
	       strcmp(client_id + 32, ".access") == 0;
}

static int
service_get(const struct signer *s, const char *client_id, struct service *ret_v)
{
	struct slice rec;
	json_t *j = NULL;

	if (!keystore_get(&s->ks, KS_SERVICE, client_id, &rec))
		return E_NOENT;
	int e = json_load_strict(rec.p, rec.n, KS_VALUE_MAX, &j);
	struct service v = {.prev_until = json_i64_or(j, "prev_until", 0),
	                    .expires = json_i64_or(j, "expires", 0),
	                    .version = json_i64_or(j, "version", 0),
	                    .enabled = json_bool_or(j, "enabled", false)};
	if (e == 0 && (str_copy(v.hash, sizeof v.hash, json_str_or(j, "hash", "")) < 0 || strlen(v.hash) != 64 ||
	               str_copy(v.prev, sizeof v.prev, json_str_or(j, "prev", "")) < 0))
		e = E_FORMAT;
	json_decref(j);
	if (e == 0)
		*ret_v = v;
	return e;
}

static int
service_save(struct signer *s, const char *client_id, const struct service *v)
{
	json_t *j = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "hash", v->hash, "prev", v->prev, "prev_until",
	                      (json_int_t)v->prev_until, "expires", (json_int_t)v->expires, "version",
	                      (json_int_t)v->version, "enabled", v->enabled);
	struct buf b;

	buf_init_secret(&b, 4096);
	int e = j ? json_dump(j, &b) : E_NOMEM;
	if (e == 0)
		e = keystore_put(&s->ks, KS_SERVICE, client_id, buf_slice(&b));
	buf_release(&b);
	json_decref(j);
	return e;
}

static void
secret_hash(const char *client_id, struct slice secret, char out[static 65])
{
	static const char tag[] = "sallyport-service";
	uint8_t h[SHA256_LEN];
	struct sha256_state st;

	sha256_init(&st);
	sha256_update(&st, tag, sizeof tag);
	sha256_update(&st, client_id, strlen(client_id) + 1);
	sha256_update(&st, secret.p, secret.n);
	sha256_final(&st, h);
	hex_encode_str(out, 65, h, sizeof h);
}

/* 64 hex digits of 256 random bits. */
static void
secret_new(char out[static SERVICE_SECRET_LEN + 1])
{
	uint8_t raw[32];

	random_bytes(raw, sizeof raw);
	hex_encode_str(out, SERVICE_SECRET_LEN + 1, raw, sizeof raw);
	mem_wipe(raw, sizeof raw);
}

/* Which secret of this client id was shown. Both are compared whatever comes of the first. */
static int
service_check(struct signer *s, const char *client_id, struct slice secret, struct service *ret_v, int64_t *ret_version,
              struct reason *r)
{
	struct service v;
	char hash[65];
	int64_t now = signer_now();

	if (!service_id_ok(client_id) || service_get(s, client_id, &v) < 0)
		return reason_set(r, E_NOENT, SP_SERVICE_TOKEN, "no service token has this client id");
	secret_hash(client_id, secret, hash);
	bool current = secret_eq(slice_str(hash), slice_str(v.hash));
	bool before = secret_eq(slice_str(hash), slice_str(v.prev)) && now < v.prev_until;
	if (!current && !before) {
		if (!rate_take(&s->service_wrong, client_id, clock_mono_ms()))
			return reason_set(r, E_AGAIN, SP_LOGIN_RATE, "too many wrong secrets for %s", client_id);
		return reason_set(r, E_DENIED, SP_SERVICE_TOKEN, "the secret of %s is another", client_id);
	}
	if (!v.enabled || (v.expires && now >= v.expires))
		return reason_set(r, E_EXPIRED, SP_SERVICE_TOKEN, "service token %s %s", client_id,
		                  v.enabled ? "has expired" : "is disabled");
	*ret_version = current ? v.version : v.version - 1;
	*ret_v = v;
	return 0;
}

int
evidence_service(struct signer *s, const char *text, const char *aud, struct token *ret_t, struct reason *r)
{
	struct service v;
	struct token t = {0};
	int64_t now = signer_now();
	int e;

	if (!aud_ok(aud))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "aud is not 64 hex digits");
	if ((e = token_open(TOKEN_SERVICE, text, &s->ring.tokens, s->issuer, aud, now, &t, r)) < 0)
		return e;
	if (service_get(s, t.common_name, &v) < 0)
		e = reason_set(r, E_DENIED, SP_REVOKED, "service token %s was deleted", t.common_name);
	else if (!v.enabled || (v.expires && now >= v.expires))
		e = reason_set(r, E_DENIED, SP_REVOKED, "service token %s is disabled or expired", t.common_name);
	else if (t.secret_version != v.version && (t.secret_version != v.version - 1 || now >= v.prev_until))
		e = reason_set(r, E_DENIED, SP_REVOKED, "the secret of service token %s was rotated", t.common_name);
	if (e < 0)
		token_release(&t);
	else
		*ret_t = t;
	return e;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static int
service_put(struct signer *s, const struct js_service_put *m, struct service *v, char secret[static 65],
            struct reason *r)
{
	bool there = service_get(s, m->client_id, v) == 0;
	const char *event = !there ? "service_made" : m->version > v->version ? "service_rotated" : "service_set";
	int e;

	if (there && m->version < v->version)
		return reason_set(r, E_CONFLICT, SP_CONFLICT, "service token %s is at version %lld of its secret",
		                  m->client_id, (long long)v->version);
	if (!there || m->version > v->version) {
		memset(v->prev, 0, sizeof v->prev);
		/* Of a secret that skipped a version nobody may say how long the one before it lives. */
		if (there && m->version == v->version + 1 && m->prev_until > signer_now())
			memcpy(v->prev, v->hash, sizeof v->prev);
		v->prev_until = v->prev[0] ? m->prev_until : 0;
		v->version = m->version;
		secret_new(secret);
		secret_hash(m->client_id, (struct slice){(const uint8_t *)secret, SERVICE_SECRET_LEN}, v->hash);
	} else if (m->prev_until < v->prev_until) {
		v->prev_until = m->prev_until; /* a grace may be cut short, never made longer */
	}
	v->expires = m->expires;
	v->enabled = m->enabled;
	if ((e = service_save(s, m->client_id, v)) < 0)
		return reason_set(r, e, SP_INTERNAL, "keystore: %s", err_str(e));
	return signer_note(s, r, event, "name", m->client_id, NULL);
}

void
on_js_service_put(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_service_put *m = mv;
	struct js_service_is a = {0};
	struct token admin = {0};
	struct service v = {0};
	struct signer *s = arg;
	struct reason r = {0};
	char secret[65] = "";
	int e = evidence_admin(s, m->admin_token, "access:write", &admin, &r);

	if (e == 0 && (!service_id_ok(m->client_id) || !m->version))
		e = reason_set(&r, E_FORMAT, SP_BAD_REQUEST, "not a client id and a version from 1 on");
	if (e == 0)
		e = service_put(s, m, &v, secret, &r);
	token_release(&admin);
	signer_result(e, &r, &a.code, &a.why);
	if (e == 0) {
		a.secret = slice_str(secret);
		a.version = (uint32_t)v.version;
	}
	signer_log("service_put", &r, e, "client_id", m->client_id);
	signer_reply(s, s->judge_gen, id, &js_service_is_def, &a);
	mem_wipe(secret, sizeof secret);
}

void
on_js_service_delete(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_service_delete *m = mv;
	struct admin_delete d = {.token = m->admin_token,
	                         .scope = "access:write",
	                         .event = "service_deleted",
	                         .name = m->client_id,
	                         .kind = KS_SERVICE,
	                         .key = m->client_id,
	                         .absent = SP_NOT_FOUND};
	struct reason r = {0};
	int e = evidence_delete(arg, &d, &r);

	signer_done(arg, id, "service_delete", "client_id", m->client_id, e, &r);
}

/* The token ends no later than what it rests on. */
static int
service_mint(struct signer *s, const struct js_service_token *m, const struct service *v, int64_t version,
             struct buf *out, int64_t *ret_exp, struct reason *r)
{
	int64_t now = signer_now(), exp = now + m->ttl;
	uint8_t raw[8];
	char jti[17];
	int e;

	if (!aud_ok(m->aud) || (m->cnf[0] && strlen(m->cnf) != PKCE_TEXT - 1))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "aud is not 64 hex digits, or cnf not a SHA-256");
	if ((e = tokens_ttl_check(m->ttl, r)) < 0 || (e = signer_clock_check(s, now, r)) < 0)
		return e;
	if (!rate_take(&s->service_mint, m->client_id, clock_mono_ms()))
		return reason_set(r, E_AGAIN, SP_CERT_RATE, "too many tokens for %s", m->client_id);
	if (v->expires && exp > v->expires)
		exp = v->expires;
	if (version != v->version && exp > v->prev_until)
		exp = v->prev_until;
	random_bytes(raw, sizeof raw);
	hex_encode_str(jti, sizeof jti, raw, sizeof raw);
	struct token t = {.type = TOKEN_SERVICE,
	                  .iss = s->issuer,
	                  .aud = m->aud,
	                  .common_name = m->client_id,
	                  .secret_version = version,
	                  .jti = jti,
	                  .country = m->country[0] ? m->country : NULL,
	                  .policy_id = m->policy_id[0] ? m->policy_id : NULL,
	                  .cnf = m->cnf[0] ? m->cnf : NULL,
	                  .iat = now,
	                  .nbf = now,
	                  .exp = exp};
	*ret_exp = exp;
	return tokens_mint(s, &t, out, r);
}

void
on_js_service_token(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_service_token *m = mv;
	struct js_service_ok a = {0};
	struct signer *s = arg;
	struct reason r = {0};
	struct service v;
	struct buf out;
	int64_t version = 0, exp = 0;

	buf_init_secret(&out, JS_TOKEN_MAX + 1);
	int e = service_check(s, m->client_id, m->secret, &v, &version, &r);
	if (e == 0 && m->aud[0])
		e = service_mint(s, m, &v, version, &out, &exp, &r);
	signer_result(e, &r, &a.code, &a.why);
	a.version = (uint32_t)version;
	a.token = e == 0 && m->aud[0] ? buf_cstr(&out) : "";
	a.token_expires = exp;
	signer_log("service_token", &r, e, "client_id", m->client_id);
	signer_reply(s, s->judge_gen, id, &js_service_ok_def, &a);
	buf_release(&out);
}
