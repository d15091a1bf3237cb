/* facts: what fetch brings about somebody from a provider's API: the evidence of a GitHub sign-in, and the groups that
 * go with an ID token. Bound to one login by its nonce, taken once, dropped after a minute. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/signer/signer.h"
#include "identity/facts.h"
#include "identity/pkce.h"
#include "msg/fetch.h"

#define FACTS_KEPT_MAX 1024u /* logins between fetch's answer and judge's request */
#define FACTS_KEPT_MS 60000

struct kept {
	struct facts f;
	int64_t until; /* monotonic */
};

static void
kept_free(void *v)
{
	struct kept *k = v;

	if (!k)
		return;
	facts_release(&k->f);
	free(k);
}

void
facts_init(struct signer *s)
{
	map_init(&s->facts, FACTS_KEPT_MAX, 0, kept_free);
}

static void
facts_key(const char *idp, const char *nonce, char out[static 128])
{
	snprintf(out, 128, "%.36s %.64s", idp, nonce);
}

static void
facts_expire(struct signer *s, int64_t now)
{
	struct map_iter it = {0};

	while (map_next(&s->facts, &it))
		if (((const struct kept *)it.value)->until <= now)
			map_del(&s->facts, it.key);
}

/* From fetch: the provider's own answers over verified TLS. */
void
on_sf_facts(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_facts *m = mv;
	struct signer *s = arg;
	const struct provider *p = provider_get(s, m->provider);
	struct kept *k = calloc(1, sizeof *k);
	struct sf_taken_facts a = {0};
	int64_t now = clock_mono_ms();
	char key[128];

	facts_expire(s, now);
	facts_key(m->provider, m->nonce, key);
	if (k && p && (p->kind == PROVIDER_OIDC || p->kind == PROVIDER_GITHUB) && m->nonce[0] &&
	    facts_parse(m->facts, strlen(m->facts), &k->f) == 0) {
		k->until = now + FACTS_KEPT_MS;
		if (map_set(&s->facts, key, k) == 0) {
			a.taken = true;
			k = NULL;
		}
	}
	log_info("facts", "provider", m->provider, "taken", a.taken ? "yes" : "no", NULL);
	kept_free(k);
	ipc_reply(c, id, &sf_taken_facts_def, &a);
}

bool
facts_take(struct signer *s, const char *idp, const char *nonce, struct facts *ret_f)
{
	char key[128];
	struct kept *k;

	facts_key(idp, nonce, key);
	k = map_take(&s->facts, key);
	bool fresh = k && k->until > clock_mono_ms();
	if (fresh) {
		*ret_f = k->f;
		k->f = (struct facts){0};
	}
	kept_free(k);
	return fresh;
}

/* --- sign-in on facts alone -----------------------------------------------------------------------------------------
 */

static int
facts_check(struct signer *s, const struct js_login_facts *m, const struct provider **ret_p, struct facts *f,
            struct reason *r)
{
	const struct provider *p = provider_get(s, m->idp);
	char nonce[PKCE_TEXT];
	int e;

	if (!p || p->kind != PROVIDER_GITHUB)
		return reason_set(r, E_NOENT, SP_LOGIN_PROVIDER, "no provider %s of that kind", m->idp);
	if (!tokens_session_ok(m->session) || !m->salt[0])
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "session or salt is malformed");
	if ((e = tokens_ttl_check(m->ttl, r)) < 0 || (e = signer_clock_check(s, signer_now(), r)) < 0)
		return e;
	login_nonce(m->salt, m->cnf, nonce);
	if (!facts_take(s, p->id, nonce, f))
		return reason_set(r, E_DENIED, SP_LOGIN_PROVIDER, "fetch brought nothing about this login");
	if (!f->email[0])
		return reason_set(r, E_DENIED, SP_EMAIL, "the provider gave no verified address");
	*ret_p = p;
	return 0;
}

static int
facts_mint(struct signer *s, const struct js_login_facts *m, const struct provider *p, const struct facts *f,
           const char *sub, struct buf *out, struct reason *r)
{
	int64_t now = signer_now();
	struct token t = {.type = TOKEN_ORG,
	                  .iss = s->issuer,
	                  .aud = s->issuer,
	                  .sub = sub,
	                  .email = f->email,
	                  .idp_id = p->id,
	                  .idp_type = p->type,
	                  .idp_iss = p->issuer,
	                  .idp_sub = f->sub,
	                  .session = m->session,
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + m->ttl};

	for (size_t k = 0; k < f->ngroups && k < TOKEN_LIST_MAX; k++)
		t.groups.v[t.groups.n++] = f->groups[k];
	return tokens_mint(s, &t, out, r);
}

void
facts_done_fill(struct js_login_done *a, const struct provider *p, const struct facts *f, const char *sub,
                struct buf *claims)
{
	if (facts_format(f, claims) < 0)
		buf_clear(claims);
	a->sub = sub;
	a->iss = p->issuer;
	a->subject = f->sub;
	a->email = f->email;
	a->name = f->name;
	a->groups = (struct strs){(const char **)(uintptr_t)f->groups, f->ngroups};
	a->groups_unknown = f->groups_unknown || !buf_len(claims);
	a->claims = buf_cstr(claims);
}

void
on_js_login_facts(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_login_facts *m = mv;
	struct signer *s = arg;
	struct js_login_done a = {0};
	const struct provider *p = NULL;
	struct reason r = {0};
	struct facts f = {0};
	struct buf org, claims;
	char sub[37];

	buf_init_secret(&org, JS_TOKEN_MAX + 1);
	buf_init(&claims, JS_CLAIMS_MAX + 1);
	int e = facts_check(s, m, &p, &f, &r);
	if (e == 0) {
		identity_uuid(p->issuer, f.sub, sub);
		e = facts_mint(s, m, p, &f, sub, &org, &r);
	}
	signer_result(e, &r, &a.code, &a.why);
	if (e == 0) {
		a.org_token = buf_cstr(&org);
		facts_done_fill(&a, p, &f, sub, &claims);
	}
	signer_log("login_facts", &r, e, "idp", m->idp);
	signer_reply(s, s->judge_gen, id, &js_login_done_def, &a);
	facts_release(&f);
	buf_release(&org);
	buf_release(&claims);
}
