#include <string.h>

#include "core/str.h"
#include "edge/signer/signer.h"
#include "identity/scope.h"

bool
aud_ok(const char *aud)
{
	return strlen(aud) == 64 && strspn(aud, "0123456789abcdef") == 64;
}

int
evidence_org(struct signer *s, const char *text, struct token *ret_t, struct reason *r)
{
	return token_open(TOKEN_ORG, text, &s->ring.tokens, s->issuer, NULL, signer_now(), ret_t, r);
}

int
evidence_app(struct signer *s, const char *text, const char *aud, struct token *ret_t, struct reason *r)
{
	if (!aud_ok(aud))
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "aud is not 64 hex digits");
	return token_open(TOKEN_APP, text, &s->ring.tokens, s->issuer, aud, signer_now(), ret_t, r);
}

int
evidence_admin(struct signer *s, const char *text, const char *scope, struct token *ret_t, struct reason *r)
{
	struct slice rec;
	int e = token_open(TOKEN_API, text, &s->ring.api, s->issuer, NULL, signer_now(), ret_t, r);

	if (e < 0)
		return e;
	if (!keystore_get(&s->ks, KS_API, ret_t->jti, &rec))
		e = reason_set(r, E_DENIED, SP_API_TOKEN, "API token %s is not known here", ret_t->jti);
	else if (scope && !scope_covers(&ret_t->scopes, scope))
		e = reason_set(r, E_DENIED, SP_API_SCOPE, "API token %s has no scope %s", ret_t->sub, scope);
	if (e < 0)
		token_release(ret_t);
	return e;
}

int
evidence_delete(struct signer *s, const struct admin_delete *d, struct reason *r)
{
	struct token admin = {0};
	int e = evidence_admin(s, d->token, d->scope, &admin, r);

	if (e < 0)
		return e;
	e = keystore_del(&s->ks, d->kind, d->key);
	if (e < 0)
		reason_set(r, e, e == E_NOENT ? d->absent : SP_INTERNAL, "%s: %s", d->name, err_str(e));
	else
		e = signer_note(s, r, d->event, "name", d->name, "by", admin.sub, NULL);
	token_release(&admin);
	return e;
}
