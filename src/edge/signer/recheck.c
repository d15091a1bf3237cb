/* recheck: what a provider says of a sign-in later: its answer when it is asked again, and its logout tokens. */
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/signer/signer.h"
#include "identity/facts.h"
#include "identity/pkce.h"

/* The answer of an ID token rests on its signature; userinfo alone rests on fetch's TLS and the access token. */
static int
recheck(struct signer *s, const struct js_recheck *m, const struct provider **ret_p, struct oidc_identity *i,
        bool *need_keys, struct reason *r)
{
	struct oidc_check check;
	int e = provider_oidc_check(s, m->idp, ret_p, &check, r);

	if (e < 0)
		return e;
	if (!m->subject[0])
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "no subject");
	check.subject = m->subject;
	check.nonce = m->nonce;
	if (!m->id_token[0])
		return oidc_userinfo_check(m->userinfo, &check, i, r);
	return oidc_id_token_check(m->id_token, &(*ret_p)->jwks, &check, m->userinfo, i, need_keys, r);
}

/* A provider without ID tokens: what fetch brought under the handle it asked by is all there is. */
static int
recheck_facts(struct signer *s, const struct js_recheck *m, const struct provider *p, struct facts *f, struct reason *r)
{
	int e = signer_clock_check(s, signer_now(), r);

	if (e < 0)
		return e;
	if (!m->handle[0] || !facts_take(s, p->id, m->handle, f))
		return reason_set(r, E_DENIED, SP_LOGIN_PROVIDER, "fetch brought nothing about this sign-in");
	if (!m->subject[0] || strcmp(f->sub, m->subject) != 0)
		return reason_set(r, E_DENIED, SP_ID_TOKEN, "the provider speaks of another subject");
	if (!f->email[0])
		return reason_set(r, E_DENIED, SP_EMAIL, "the provider gave no verified address");
	return 0;
}

void
on_js_recheck(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_recheck *m = mv;
	struct signer *s = arg;
	struct js_login_done a = {0};
	struct oidc_identity i = {0};
	struct facts f = {0};
	const struct provider *p = provider_get(s, m->idp);
	bool need = false, facts = p && p->kind == PROVIDER_GITHUB;
	struct reason r = {0};
	struct buf claims;
	char sub[37];

	buf_init(&claims, JS_CLAIMS_MAX + 1);
	int e = facts ? recheck_facts(s, m, p, &f, &r) : recheck(s, m, &p, &i, &need, &r);
	signer_result(e, &r, &a.code, &a.why);
	a.need_keys = need;
	if (e == 0) {
		identity_uuid(p->issuer, facts ? f.sub : i.sub, sub);
		if (facts) {
			facts_done_fill(&a, p, &f, sub, &claims);
		} else {
			groups_asked(s, p, m->handle, &f, &i);
			login_done_fill(&a, p, &i, sub, &claims);
		}
	}
	signer_log("recheck", &r, e, "idp", m->idp);
	signer_reply(s, s->judge_gen, id, &js_login_done_def, &a);
	oidc_identity_release(&i);
	facts_release(&f);
	buf_release(&claims);
}

/* Once: what was seen is kept for longer than a token is accepted. A signer that started a moment ago does not know
   what it accepted before, and judge keeps a row of each as well. */
static int
logout_once(struct signer *s, const char *idp, const struct oidc_logout *l, struct reason *r)
{
	char *key = str_fmt("%s %s", idp, l->jti);
	int64_t *at = malloc(sizeof *at), *seen;
	int e = E_NOMEM;

	if (!key || !at)
		goto out;
	if ((seen = recent_get(&s->logouts, key)) && *seen + 2 * OIDC_LOGOUT_AGE_MAX > signer_now()) {
		e = reason_set(r, E_EXIST, SP_ID_TOKEN, "logout token was used already");
		goto out;
	}
	*at = signer_now();
	e = recent_put(&s->logouts, key, at);
	at = NULL;
out:
	free(key);
	free(at);
	return e == E_NOMEM ? reason_set(r, e, SP_INTERNAL, "out of memory") : e;
}

void
on_js_logout_oidc(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_logout_oidc *m = mv;
	struct signer *s = arg;
	struct js_logout_is a = {0};
	struct oidc_logout l = {0};
	struct oidc_check check;
	const struct provider *p = NULL;
	struct reason r = {0};
	bool need = false;
	int e = provider_oidc_check(s, m->idp, &p, &check, &r);

	if (e == 0)
		e = oidc_logout_token_check(m->logout_token, &p->jwks, &check, &l, &need, &r);
	if (e == 0)
		e = logout_once(s, m->idp, &l, &r);
	signer_result(e, &r, &a.code, &a.why);
	a.need_keys = need;
	if (e == 0) {
		a.sub = l.sub;
		a.sid = l.sid;
		a.jti = l.jti;
	}
	signer_log("logout_oidc", &r, e, "idp", m->idp);
	signer_reply(s, s->judge_gen, id, &js_logout_is_def, &a);
	oidc_logout_release(&l);
}
