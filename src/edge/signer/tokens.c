/* tokens: the keys that sign tokens, and the minting of the three kinds. */
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/signer/signer.h"
#include "identity/keychain.h"
#include "identity/pkce.h"

#define TURN_CHECK_SEC 3600 /* at the latest: the clock may be set */

int
tokens_load(struct signer *s, struct reason *r)
{
	s->ring.ks = &s->ks;
	s->ring.iss = s->issuer;
	return keyring_load(&s->ring, signer_now(), r);
}

static int
key_note(struct signer *s, struct reason *r)
{
	return signer_note(s, r, "token_key", "kid", s->ring.v[s->ring.n - 1].kid, NULL);
}

int
tokens_make_key(struct signer *s, struct reason *r)
{
	int e = keyring_rotate(&s->ring, signer_now(), r);

	if (e < 0)
		return e;
	keyring_told(&s->ring);
	return key_note(s, r);
}

int
tokens_mint(struct signer *s, const struct token *t, struct buf *out, struct reason *r)
{
	struct jwk *k = keyring_signer(&s->ring);
	if (!k)
		return reason_set(r, E_STATE, SP_INTERNAL, "there is no token key");
	int e = token_mint(k->key, k->kid, t, out);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "token: %s", err_str(e)) : 0;
}

bool
tokens_session_ok(const char *session)
{
	size_t n = strlen(session);

	return n >= 1 && n <= 64 &&
	       strspn(session, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int
tokens_ttl_check(int64_t ttl, struct reason *r)
{
	if (ttl < SIGNER_TTL_MIN || ttl > SIGNER_TTL_MAX)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST, "a token lives from %d s to 31 days", SIGNER_TTL_MIN);
	return 0;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

void
on_js_jwks(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct signer *s = arg;
	struct reason r = {0};
	struct buf out;

	buf_init(&out, 262144);
	int e = keyring_document(&s->ring, &out);
	signer_text(s, id, e, &r, &out);
	if (e == 0)
		keyring_told(&s->ring); /* what is minted from here on is answered after this */
	buf_release(&out);
}

/* --- rotation ----------------------------------------------------------------------------------------------------- */

/* A new key, or one that is over: the journal knows, judge is told, and the timer waits for the next such moment. */
static int
turned(struct signer *s, uint32_t newest_before, bool changed, struct reason *r)
{
	static const struct sj_keys_changed m = {0};
	int e = 0;

	if (s->ring.n && s->ring.v[s->ring.n - 1].no != newest_before) {
		log_info("token_key", "kid", s->ring.v[s->ring.n - 1].kid, NULL);
		if ((e = key_note(s, r)) == 0)
			signer_commit_soon(s);
	}
	if (changed && s->judge && ipc_send(s->judge, &sj_keys_changed_def, &m) < 0)
		log_warn("keys_untold", NULL);
	return e;
}

static uint32_t
newest(const struct signer *s)
{
	return s->ring.n ? s->ring.v[s->ring.n - 1].no : 0;
}

void
tokens_turn(void *arg)
{
	struct signer *s = arg;
	struct reason r = {0};
	int64_t now = signer_now(), wait;
	uint32_t before = newest(s);
	bool changed = false;
	int e = signer_clock_check(s, now, &r);

	if (e == 0)
		e = keyring_turn(&s->ring, now, &changed, &r);
	if (e == 0)
		e = turned(s, before, changed, &r);
	if (e < 0)
		signer_log("token_keys_turn", &r, e, "keys", log_num((long long)s->ring.n));
	wait = keyring_next(&s->ring, now) - now;
	if (wait > TURN_CHECK_SEC || e < 0)
		wait = TURN_CHECK_SEC;
	timer_start(s->loop, &s->turn, wait < 1 ? 1000 : wait * 1000, tokens_turn, s);
}

static void
keys_answer(struct signer *s, uint32_t id, int e, const struct reason *r)
{
	struct js_keys_are a = {0};
	const struct keyring *k = &s->ring;

	signer_result(e, r, &a.code, &a.why);
	a.kid = "";
	if (k->n) {
		a.kid = k->v[k->n - 1].kid;
		a.last = k->v[k->n - 1].created;
		a.next = keyring_next_key(k, signer_now());
	}
	a.interval_days = (uint32_t)((keyring_interval(k) + KEYRING_DAY - 1) / KEYRING_DAY);
	signer_reply(s, s->judge_gen, id, &js_keys_are_def, &a);
}

void
on_js_keys_get(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	static const struct reason none;
	keys_answer(arg, id, 0, &none);
}

void
on_js_keys_put(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_keys_put *m = mv;
	struct signer *s = arg;
	struct token admin = {0};
	struct reason r = {0};
	int e = evidence_admin(s, m->admin_token, "access:write", &admin, &r);

	if (e == 0 && (e = keyring_interval_put(&s->ring, m->interval_days, &r)) == 0)
		e = signer_note(s, &r, "token_interval", "days", log_num(m->interval_days), "by", admin.sub, NULL);
	signer_log("token_interval", &r, e, "days", log_num(m->interval_days));
	keys_answer(s, id, e, &r);
	token_release(&admin);
	if (e == 0)
		tokens_turn(s);
}

void
on_js_keys_rotate(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_keys_rotate *m = mv;
	struct signer *s = arg;
	struct token admin = {0};
	struct reason r = {0};
	int64_t now = signer_now();
	uint32_t before = newest(s);
	int e = evidence_admin(s, m->admin_token, "access:write", &admin, &r);

	if (e == 0 && (e = signer_clock_check(s, now, &r)) == 0 && (e = keyring_rotate(&s->ring, now, &r)) == 0)
		e = turned(s, before, true, &r);
	signer_log("token_rotate", &r, e, "by", admin.sub ? admin.sub : "");
	keys_answer(s, id, e, &r);
	token_release(&admin);
	if (e == 0)
		tokens_turn(s);
}

static int
app_token(struct signer *s, const struct js_app_token *m, struct buf *out, struct reason *r)
{
	struct token org = {0};
	int64_t now = signer_now();
	int e = evidence_org(s, m->org_token, &org, r);

	if (e < 0)
		return e;
	struct token t = {
	    .type = TOKEN_APP,
	    .iss = s->issuer,
	    .aud = m->aud,
	    .sub = org.sub,
	    .email = org.email,
	    .idp_id = org.idp_id,
	    .idp_type = org.idp_type,
	    .idp_iss = org.idp_iss,
	    .idp_sub = org.idp_sub,
	    .session = org.session,
	    .country = m->country[0] ? m->country : NULL,
	    .policy_id = m->policy_id[0] ? m->policy_id : NULL,
	    .cnf = m->cnf[0] ? m->cnf : NULL,
	    .iat = now,
	    .nbf = now,
	    .exp = now + m->ttl,
	};
	if (!aud_ok(m->aud))
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "aud is not 64 hex digits");
	else if (m->cnf[0] && strlen(m->cnf) != PKCE_TEXT - 1)
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "cnf is not a SHA-256");
	else if ((e = tokens_ttl_check(m->ttl, r)) == 0 && (e = signer_clock_check(s, now, r)) == 0)
		e = tokens_mint(s, &t, out, r);
	token_release(&org);
	return e;
}

void
on_js_app_token(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_app_token *m = mv;
	struct reason r = {0};
	struct buf out;

	buf_init_secret(&out, JS_TOKEN_MAX + 1);
	int e = app_token(arg, m, &out, &r);
	signer_log("app_token", &r, e, "aud", m->aud);
	signer_text(arg, id, e, &r, &out);
	buf_release(&out);
}

/* --- configurations of connectors ----------------------------------------------------------------------------------
 */

/* Judge says what a tunnel's connectors shall run; sealed, so that whoever carries it there cannot make up another. */
void
on_js_config_seal(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_config_seal *m = mv;
	struct signer *s = arg;
	struct jwk *k = keyring_signer(&s->ring);
	struct reason r = {0};
	uint8_t uuid[16];
	struct buf out;
	int e = signer_clock_check(s, signer_now(), &r);

	buf_init(&out, STATEMENT_MAX + 1);
	if (e == 0 && (uuid_parse(m->tunnel, uuid) < 0 || !aud_ok(m->sha256)))
		e = reason_set(&r, E_FORMAT, SP_BAD_REQUEST, "not a tunnel's configuration");
	if (e == 0 && !k)
		e = reason_set(&r, E_STATE, SP_INTERNAL, "there is no token key");
	if (e == 0 &&
	    (e = config_seal(k->key, k->kid, s->issuer, m->tunnel, m->version, m->sha256, signer_now(), &out)) < 0)
		reason_set(&r, e, SP_INTERNAL, "seal: %s", err_str(e));
	signer_text(s, id, e, &r, &out);
	buf_release(&out);
}
