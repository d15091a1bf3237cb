/* API tokens: minted for who may, known by their id for as long as they stand, forgotten when they are revoked. */
#include <stdio.h>
#include <string.h>

#include "core/str.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/scope.h"

#define API_SCOPES_MAX 32
#define API_TOKENS_MAX 300u /* all of them fit into one answer */
#define PRUNE_MAX 16

/* The record of a token: JSON; those of earlier releases are the bare name, and never seem to be over. */
static json_t *
record_json(struct slice rec)
{
	json_t *o = NULL;

	if (rec.n && *rec.p == '{' && json_load_strict(rec.p, rec.n, 4096, &o) == 0)
		return o;
	return json_pack("{s:o}", "name", json_stringn((const char *)rec.p, rec.n));
}

static int64_t
record_expiry(struct slice rec)
{
	json_t *o = record_json(rec);
	int64_t exp = json_i64_or(o, "exp", INT64_MAX);

	json_decref(o);
	return exp;
}

/* The name becomes part of sub and of journal and audit lines. */
static bool
api_name_ok(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			return false;
	return n >= 1 && n <= 128;
}

/* What is over needs no record: it is refused for its time. */
static void
prune(struct signer *s, int64_t now)
{
	for (int i = 0; i < PRUNE_MAX; i++) {
		struct map_iter it = {0};
		struct slice rec;
		char over[64] = "";
		while (!*over && keystore_next(&s->ks, KS_API, &it, &rec))
			if (record_expiry(rec) <= now)
				str_copy(over, sizeof over, it.key);
		if (!*over || keystore_del(&s->ks, KS_API, over) < 0)
			return;
	}
}

static int
remember(struct signer *s, const struct token *t, const char *name, const char *by, struct reason *r)
{
	json_t *scopes = json_array(), *o;
	struct buf b;
	int e = E_NOMEM;

	for (size_t i = 0; i < t->scopes.n; i++)
		json_array_append_new(scopes, json_string(t->scopes.v[i]));
	o = json_pack("{s:s, s:o, s:I, s:I, s:s}", "name", name, "scopes", scopes, "iat", (json_int_t)t->iat, "exp",
	              (json_int_t)t->exp, "by", by);
	buf_init(&b, 4096);
	if (o && (e = json_dump(o, &b)) == 0)
		e = keystore_put(&s->ks, KS_API, t->jti, buf_slice(&b));
	buf_release(&b);
	json_decref(o);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "keystore: %s", err_str(e)) : 0;
}

int
tokens_mint_api(struct signer *s, const char *name, const char *const *scopes, size_t n, int64_t ttl, const char *by,
                struct buf *out, struct reason *r)
{
	uint8_t id[16];
	char jti[37], sub[160], aud[320];
	int64_t now = signer_now();
	struct token t = {.type = TOKEN_API,
	                  .iss = s->issuer,
	                  .aud = aud,
	                  .sub = sub,
	                  .jti = jti,
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + ttl};
	int e;

	if (!api_name_ok(name) || n == 0 || n > API_SCOPES_MAX || ttl < SIGNER_TTL_MIN || ttl > TOKEN_TTL_MAX)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST,
		                  "an API token needs a printable name, scopes and a life of at most a year");
	for (size_t i = 0; i < n; i++) {
		if (!scope_known(scopes[i]))
			return reason_set(r, E_FORMAT, SP_BAD_REQUEST,
			                  "unknown scope \"%.40s\"; one such as read, write or access:read is",
			                  scopes[i]);
		t.scopes.v[t.scopes.n++] = scopes[i];
	}
	prune(s, now);
	if (keystore_count(&s->ks, KS_API) >= API_TOKENS_MAX)
		return reason_set(r, E_LIMIT, SP_BUSY, "there are %u API tokens: revoke some first", API_TOKENS_MAX);
	random_bytes(id, sizeof id);
	uuid_v4_bits(id);
	uuid_format(id, jti);
	snprintf(sub, sizeof sub, "api:%s", name);
	snprintf(aud, sizeof aud, "%s/api", s->issuer);
	if ((e = tokens_mint(s, &t, out, r)) < 0)
		return e;
	if ((e = remember(s, &t, name, by, r)) < 0)
		return e;
	journal_begin(&s->jn, now, s->ks.seq, "api_token");
	journal_str(&s->jn, "jti", jti);
	journal_str(&s->jn, "name", name);
	journal_str(&s->jn, "by", by);
	for (size_t i = 0; i < n; i++)
		journal_bool(&s->jn, scopes[i], true);
	journal_num(&s->jn, "exp", t.exp);
	e = journal_end(&s->jn);
	return e < 0 ? reason_set(r, e, SP_BUSY, "the journal is full") : 0;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static int
api_mint(struct signer *s, const struct js_api_mint *m, struct buf *out, struct reason *r)
{
	struct token admin = {0};
	int e = evidence_admin(s, m->admin_token, "tokens:write", &admin, r);

	if (e < 0)
		return e;
	for (size_t i = 0; e == 0 && i < m->scopes.n; i++)
		if (!scope_covers(&admin.scopes, m->scopes.v[i]))
			e = reason_set(r, E_DENIED, SP_API_SCOPE, "%s has no scope %.40s to give", admin.sub,
			               m->scopes.v[i]);
	int64_t left = admin.exp - signer_now();
	if (e == 0)
		e = tokens_mint_api(s, m->name, m->scopes.v, m->scopes.n, m->ttl < left ? m->ttl : left, admin.sub, out,
		                    r);
	token_release(&admin);
	return e;
}

void
on_js_api_mint(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_api_mint *m = mv;
	struct reason r = {0};
	struct buf out;

	buf_init_secret(&out, JS_TOKEN_MAX + 1);
	int e = api_mint(arg, m, &out, &r);
	signer_log("api_mint", &r, e, "name", m->name);
	signer_text(arg, id, e, &r, &out);
	buf_release(&out);
}

static int
tunnel_token(struct signer *s, const struct js_tunnel_token *m, struct buf *out, struct reason *r)
{
	static const char *const scopes[] = {"tunnels:read", "tunnels:write"};
	struct token org = {0};
	int e = evidence_org(s, m->org_token, &org, r);

	if (e < 0)
		return e;
	e = tokens_mint_api(s, m->name, scopes, 2, TOKEN_TTL_MAX, org.email, out, r);
	token_release(&org);
	return e;
}

void
on_js_tunnel_token(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_tunnel_token *m = mv;
	struct reason r = {0};
	struct buf out;

	buf_init_secret(&out, JS_TOKEN_MAX + 1);
	int e = tunnel_token(arg, m, &out, &r);
	signer_log("tunnel_token", &r, e, "name", m->name);
	signer_text(arg, id, e, &r, &out);
	buf_release(&out);
}

/* [{id, name, scopes, iat, exp, by}] */
void
on_js_api_tokens(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct signer *s = arg;
	struct reason r = {0};
	struct map_iter it = {0};
	struct slice rec;
	struct buf out;
	json_t *all = json_array();
	int e;

	while (keystore_next(&s->ks, KS_API, &it, &rec)) {
		json_t *o = record_json(rec);
		json_object_set_new(o, "id", json_string(it.key));
		json_array_append_new(all, o);
	}
	buf_init(&out, 262144);
	e = all ? json_dump(all, &out) : E_NOMEM;
	signer_text(s, id, e, &r, &out);
	json_decref(all);
	buf_release(&out);
}

void
on_js_api_revoke(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_api_revoke *m = mv;
	struct admin_delete d = {.token = m->admin_token,
	                         .scope = "tokens:write",
	                         .event = "api_token_revoked",
	                         .name = m->jti,
	                         .kind = KS_API,
	                         .key = m->jti,
	                         .absent = SP_NOT_FOUND};
	struct reason r = {0};
	int e = evidence_delete(arg, &d, &r);

	signer_done(arg, id, "api_revoke", "jti", m->jti, e, &r);
}
