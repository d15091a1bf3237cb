/* providers: records of identity providers, their keys as fetch brings them, and sign-in on the evidence of an ID
 * token. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "core/url.h"
#include "edge/signer/signer.h"
#include "identity/facts.h"
#include "identity/oidc.h"
#include "identity/pkce.h"
#include "msg/fetch.h"

#define PROVIDER_RECORD_MAX 65536
/* Google's ID tokens name their issuer in one of two ways (its page on OpenID Connect, "iss"). */
#define GOOGLE_ISSUER "https://accounts.google.com"
#define GOOGLE_ALIAS "accounts.google.com"

static void
provider_free(void *v)
{
	struct provider *p = v;

	if (!p)
		return;
	for (size_t i = 0; i < p->ndomains; i++)
		free(p->domains[i]);
	jwks_release(&p->jwks);
	free(p);
}

bool
provider_is_ours(const struct provider *p)
{
	return p->kind == PROVIDER_LOCAL || p->kind == PROVIDER_PIN;
}

static int
read_algs(const json_t *rec, struct provider *p, struct reason *r)
{
	json_t *a, *v;
	size_t i;

	if (json_get_array(rec, "algs", &a) < 0)
		return 0;
	json_array_foreach(a, i, v)
	{
		unsigned bit = json_is_string(v) ? jwt_alg_bit(json_string_value(v)) : 0;
		if (!bit)
			return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: algs may name RS256, ES256, EdDSA");
		p->algs |= bit;
	}
	return 0;
}

static int
read_domains(const json_t *rec, struct provider *p, struct reason *r)
{
	json_t *a, *v;
	size_t i;

	if (json_get_array(rec, "domains", &a) < 0)
		return 0;
	json_array_foreach(a, i, v)
	{
		const char *d = json_is_string(v) ? json_string_value(v) : "";
		char host[HOST_MAX + 1];
		if (p->ndomains >= SIGNER_DOMAINS_MAX || host_parse(d, strlen(d), host) < 0)
			return reason_set(r, E_FORMAT, SP_BAD_REQUEST,
			                  "provider: domains is a list of at most %d host names", SIGNER_DOMAINS_MAX);
		p->domains[p->ndomains] = str_dup(host);
		if (!p->domains[p->ndomains++])
			return E_NOMEM;
	}
	return 0;
}

static int
read_issuer(const char *our_issuer, const json_t *rec, struct provider *p, struct reason *r)
{
	const char *given = json_str_or(rec, "issuer", "");

	if (provider_is_ours(p)) { /* fixed when it is made: subjects are bound to it */
		char *own = given[0] ? str_dup(given) : str_fmt("%s/idp/%s", our_issuer, p->id);
		int e = own ? str_copy(p->issuer, sizeof p->issuer, own) : E_NOMEM;
		free(own);
		return e;
	}
	if (!oidc_url_ok(given) || str_copy(p->issuer, sizeof p->issuer, given) < 0)
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: issuer must be an https URL");
	if (str_copy(p->client_id, sizeof p->client_id, json_str_or(rec, "client_id", "")) < 0 || !p->client_id[0])
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: client_id is missing or too long");
	return 0;
}

/* Record -> struct; every field that decides something is checked. */
static int
provider_read(const struct signer *s, const char *id, const json_t *rec, struct provider **ret_p, struct reason *r)
{
	struct provider *p = calloc(1, sizeof *p);
	const char *type = json_str_or(rec, "type", "");
	int e = E_NOMEM;

	if (!p)
		return reason_set(r, e, SP_INTERNAL, "out of memory");
	if ((e = str_copy(p->id, sizeof p->id, id)) < 0 || strcmp(json_str_or(rec, "id", id), id) != 0 || !id[0])
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: id is missing or differs");
	else if (!type[0] || str_copy(p->type, sizeof p->type, type) < 0)
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: type is missing");
	if (e < 0)
		goto out;
	p->kind = !strcmp(type, "local")        ? PROVIDER_LOCAL
	          : !strcmp(type, "onetimepin") ? PROVIDER_PIN
	          : !strcmp(type, "github")     ? PROVIDER_GITHUB
	                                        : PROVIDER_OIDC;
	/* of okta the claim will do unless there is a token to ask with */
	p->asks_groups = p->kind == PROVIDER_OIDC && json_str_or(rec, "groups_url", "")[0] &&
	                 (strcmp(type, "okta") != 0 || json_str_or(rec, "api_token", "")[0]);
	p->trust_email = json_bool_or(rec, "trust_email", false);
	p->max_age = json_i64_or(rec, "max_age", 0);
	if ((e = str_copy(p->email_claim, sizeof p->email_claim, json_str_or(rec, "email_claim", ""))) < 0)
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: email_claim is too long");
	else if ((e = str_copy(p->hosted_domain, sizeof p->hosted_domain, json_str_or(rec, "apps_domain", ""))) < 0)
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: apps_domain is too long");
	else if ((e = read_issuer(s->issuer, rec, p, r)) == 0 && (e = read_algs(rec, p, r)) == 0)
		e = read_domains(rec, p, r);
out:
	if (e < 0) {
		provider_free(p);
		return r->code ? e : reason_set(r, e, SP_BAD_REQUEST, "provider: %s", err_str(e));
	}
	*ret_p = p;
	return 0;
}

const struct provider *
provider_get(const struct signer *s, const char *id)
{
	return map_get(&s->providers, id);
}

const struct provider *
provider_by_issuer(const struct signer *s, const char *issuer)
{
	struct map_iter it = {0};

	while (map_next(&s->providers, &it)) {
		const struct provider *p = it.value;
		if (strcmp(p->issuer, issuer) == 0)
			return p;
	}
	return NULL;
}

bool
provider_rules(const struct provider *p, const char *email)
{
	const char *at = strrchr(email, '@');

	for (size_t i = 0; at && i < p->ndomains; i++)
		if (strcmp(p->domains[i], at + 1) == 0)
			return true;
	return false;
}

static void
provider_send(struct signer *s, const char *id, struct slice record)
{
	struct sf_provider m = {.id = id, .record = record};

	if (s->fetch && ipc_send(s->fetch, &sf_provider_def, &m) < 0)
		log_warn("provider_not_sent", "provider", id, NULL);
}

void
providers_send_all(struct signer *s)
{
	struct map_iter it = {0};
	struct slice rec;
	struct sf_key key = {.key = {s->fetch_key, sizeof s->fetch_key}};

	if (s->fetch && ipc_send(s->fetch, &sf_key_def, &key) < 0)
		log_warn("fetch_key_not_sent", NULL, NULL);
	while (keystore_next(&s->ks, KS_PROVIDER, &it, &rec)) {
		const struct provider *p = provider_get(s, it.key);
		if (p && !provider_is_ours(p))
			provider_send(s, it.key, rec);
	}
}

int
providers_load(struct signer *s, struct reason *r)
{
	struct map_iter it = {0};
	struct slice rec;

	s->providers.drop = provider_free;
	while (keystore_next(&s->ks, KS_PROVIDER, &it, &rec)) {
		json_t *j = NULL;
		struct provider *p = NULL;
		int e = json_load_strict(rec.p, rec.n, PROVIDER_RECORD_MAX * 2, &j);
		if (e == 0)
			e = provider_read(s, it.key, j, &p, r);
		json_decref(j);
		if (e < 0)
			return reason_set(r, e, SP_CONFIG,
			                  "keys/store: provider %s cannot be read; restore keys/ from a backup",
			                  it.key);
		if ((e = map_put(&s->providers, it.key, p)) < 0) {
			provider_free(p);
			return reason_set(r, e, SP_CONFIG, "keys/store: too many providers");
		}
	}
	return 0;
}

/* Whoever moves the address that a secret is sent to must know the secret. */
static bool
moved(const json_t *rec, const json_t *old, const char *where)
{
	return strcmp(json_str_or(rec, where, ""), json_str_or(old, where, "")) != 0;
}

/* A record without a secret keeps the old one while the issuer, and the address it goes to, are the same; a local one
   keeps its issuer for ever. */
static int
carry_over(struct signer *s, const char *id, json_t *rec)
{
	const struct provider *old = provider_get(s, id);
	static const struct {
		const char *key, *where;
	} keys[] = {{"client_secret", "token_url"}, {"api_token", "groups_url"}};
	struct slice was;
	json_t *j = NULL;
	int e = 0;

	if (!old || !keystore_get(&s->ks, KS_PROVIDER, id, &was))
		return 0;
	if (provider_is_ours(old))
		return json_object_set_new(rec, "issuer", json_string(old->issuer)) == 0 ? 0 : E_NOMEM;
	if (strcmp(json_str_or(rec, "issuer", ""), old->issuer) != 0 ||
	    json_load_strict(was.p, was.n, PROVIDER_RECORD_MAX * 2, &j) < 0)
		return 0;
	for (size_t i = 0; e == 0 && i < sizeof keys / sizeof *keys; i++)
		if (!json_str_or(rec, keys[i].key, "")[0] && json_object_get(j, keys[i].key) &&
		    !moved(rec, j, keys[i].where))
			e = json_object_set(rec, keys[i].key, json_object_get(j, keys[i].key)) == 0 ? 0 : E_NOMEM;
	json_decref(j);
	return e;
}

static int
provider_check_new(struct signer *s, const struct provider *p, json_t *rec, struct reason *r)
{
	const struct provider *old = provider_get(s, p->id), *same = provider_by_issuer(s, p->issuer);

	if (same && strcmp(same->id, p->id) != 0)
		return reason_set(r, E_CONFLICT, SP_CONFLICT, "provider %s has this issuer already", same->id);
	if (old && old->kind != p->kind)
		return reason_set(r, E_CONFLICT, SP_CONFLICT, "provider %s cannot change its type", p->id);
	if (!provider_is_ours(p)) {
		size_t n = strlen(s->issuer);
		if (strncmp(p->issuer, s->issuer, n) == 0 && (p->issuer[n] == '/' || !p->issuer[n]))
			return reason_set(r, E_DENIED, SP_BAD_REQUEST,
			                  "an outside provider cannot have our own issuer");
		return 0;
	}
	if (!old) { /* what the caller says does not count */
		json_object_del(rec, "issuer");
		char *own = str_fmt("%s/idp/%s", s->issuer, p->id);
		int e = own && json_object_set_new(rec, "issuer", json_string(own)) == 0 ? 0 : E_NOMEM;
		free(own);
		return e;
	}
	return 0;
}

/* The same issuer has the same keys. */
static void
keys_keep(struct signer *s, struct provider *p)
{
	struct provider *old = map_get(&s->providers, p->id);

	if (!old || strcmp(old->issuer, p->issuer) != 0)
		return;
	p->jwks = old->jwks;
	old->jwks = (struct jwks){0};
}

int
provider_store(struct signer *s, const char *id, struct slice record, const char *actor, struct reason *r)
{
	json_t *rec = NULL;
	struct provider *p = NULL;
	struct buf out;
	int e;

	buf_init_secret(&out, PROVIDER_RECORD_MAX * 2);
	if ((e = json_load_strict(record.p, record.n, PROVIDER_RECORD_MAX, &rec)) < 0 || !json_is_object(rec)) {
		e = reason_set(r, E_FORMAT, SP_BAD_REQUEST, "provider: the record is not a JSON object");
		goto out;
	}
	if ((e = carry_over(s, id, rec)) < 0 || (e = provider_read(s, id, rec, &p, r)) < 0 ||
	    (e = provider_check_new(s, p, rec, r)) < 0)
		goto out;
	provider_free(p);
	p = NULL;
	if ((e = provider_read(s, id, rec, &p, r)) < 0 || (e = json_dump(rec, &out)) < 0 ||
	    (e = keystore_put(&s->ks, KS_PROVIDER, id, buf_slice(&out))) < 0)
		goto out;
	keys_keep(s, p);
	if ((e = signer_note(s, r, "provider_put", "name", id, "issuer", p->issuer, "by", actor, NULL)) < 0 ||
	    (e = map_set(&s->providers, id, p)) < 0)
		goto out;
	if (!provider_is_ours(p))
		provider_send(s, id, buf_slice(&out));
	p = NULL;
out:
	provider_free(p);
	json_decref(rec);
	buf_release(&out);
	return e < 0 && !r->code ? reason_set(r, e, SP_INTERNAL, "provider: %s", err_str(e)) : e;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

void
on_js_provider_put(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_provider_put *m = mv;
	struct signer *s = arg;
	struct reason r = {0};
	struct token admin = {0};
	int e = evidence_admin(s, m->admin_token, "idp:write", &admin, &r);

	if (e == 0)
		e = provider_store(s, m->id, m->record, admin.sub, &r);
	token_release(&admin);
	signer_done(s, id, "provider_put", "provider", m->id, e, &r);
}

void
on_js_provider_delete(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_provider_delete *m = mv;
	struct admin_delete d = {.token = m->admin_token,
	                         .scope = "idp:write",
	                         .event = "provider_delete",
	                         .name = m->id,
	                         .kind = KS_PROVIDER,
	                         .key = m->id,
	                         .absent = SP_NOT_FOUND};
	struct signer *s = arg;
	struct reason r = {0};
	int e = evidence_delete(s, &d, &r);

	if (e == 0) {
		map_del(&s->providers, m->id);
		provider_send(s, m->id, (struct slice){NULL, 0});
	}
	signer_done(s, id, "provider_delete", "provider", m->id, e, &r);
}

/* From fetch: the issuer's own keys over verified TLS. */
void
on_sf_jwks(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct sf_jwks *m = mv;
	struct sf_jwks_taken a = {0};
	struct signer *s = arg;
	struct provider *p = map_get(&s->providers, m->provider);
	struct jwks set = {0};

	if (p && p->kind == PROVIDER_OIDC && strcmp(p->issuer, m->issuer) == 0 &&
	    jwks_parse(m->jwks, strlen(m->jwks), &set) == 0) {
		jwks_release(&p->jwks);
		p->jwks = set;
		a.keys = (uint32_t)set.n;
	}
	log_info("jwks", "provider", m->provider, "keys", log_num(a.keys), NULL);
	ipc_reply(c, id, &sf_jwks_taken_def, &a);
}

/* --- sign-in with an ID token --------------------------------------------------------------------------------------
 */

int
provider_oidc_check(struct signer *s, const char *idp, const struct provider **ret_p, struct oidc_check *ret_c,
                    struct reason *r)
{
	const struct provider *p = provider_get(s, idp);
	int e;

	if (!p || p->kind != PROVIDER_OIDC)
		return reason_set(r, E_NOENT, SP_LOGIN_PROVIDER, "no provider %s", idp);
	if ((e = signer_clock_check(s, signer_now(), r)) < 0)
		return e;
	*ret_c = (struct oidc_check){.issuer = p->issuer,
	                             .client_id = p->client_id,
	                             .now = signer_now(),
	                             .algs = p->algs,
	                             .email_claim = p->email_claim[0] ? p->email_claim : NULL,
	                             .trust_email = p->trust_email,
	                             .trust_domains = (const char *const *)(uintptr_t)p->domains,
	                             .ntrust_domains = p->ndomains,
	                             .issuer_alias = !strcmp(p->issuer, GOOGLE_ISSUER) ? GOOGLE_ALIAS : NULL,
	                             .hosted_domain = p->hosted_domain[0] ? p->hosted_domain : NULL,
	                             .max_age = p->max_age};
	*ret_p = p;
	return 0;
}

static int
oidc_check_run(struct signer *s, const struct js_login_oidc *m, const struct provider **ret_p, struct oidc_identity *i,
               bool *need_keys, struct reason *r)
{
	struct oidc_check check;
	char nonce[PKCE_TEXT];
	int e = provider_oidc_check(s, m->idp, ret_p, &check, r);

	if (e < 0)
		return e;
	if (!tokens_session_ok(m->session) || !m->salt[0])
		return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "session or salt is malformed");
	if ((e = tokens_ttl_check(m->ttl, r)) < 0)
		return e;
	login_nonce(m->salt, m->cnf, nonce);
	check.nonce = nonce;
	return oidc_id_token_check(m->id_token, &(*ret_p)->jwks, &check, m->userinfo, i, need_keys, r);
}

static int
oidc_mint(struct signer *s, const struct js_login_oidc *m, const struct provider *p, const struct oidc_identity *i,
          const char *sub, struct buf *out, struct reason *r)
{
	int64_t now = signer_now();
	struct token t = {.type = TOKEN_ORG,
	                  .iss = s->issuer,
	                  .aud = s->issuer,
	                  .sub = sub,
	                  .email = i->email,
	                  .idp_id = p->id,
	                  .idp_type = p->type,
	                  .idp_iss = p->issuer,
	                  .idp_sub = i->sub,
	                  .session = m->session,
	                  .iat = now,
	                  .nbf = now,
	                  .exp = now + m->ttl};

	for (size_t k = 0; k < i->namr && k < TOKEN_LIST_MAX; k++)
		t.amr.v[t.amr.n++] = i->amr[k];
	for (size_t k = 0; k < i->ngroups && k < TOKEN_LIST_MAX; k++)
		t.groups.v[t.groups.n++] = i->groups[k];
	return tokens_mint(s, &t, out, r);
}

/* The directory's list instead of the claim's, which may end early; the texts stay f's. */
void
groups_asked(struct signer *s, const struct provider *p, const char *key, struct facts *f, struct oidc_identity *i)
{
	if (!p->asks_groups)
		return;
	bool there = facts_take(s, p->id, key, f) && !f->groups_unknown && strcmp(f->sub, i->sub) == 0;
	i->groups_overage = !there;
	for (i->ngroups = 0; there && i->ngroups < f->ngroups; i->ngroups++)
		i->groups[i->ngroups] = f->groups[i->ngroups];
}

void
login_done_fill(struct js_login_done *a, const struct provider *p, const struct oidc_identity *i, const char *sub,
                struct buf *claims)
{
	if (json_dump(i->claims, claims) < 0)
		buf_clear(claims); /* too long for claim rules */
	a->groups_unknown = i->groups_overage || !buf_len(claims);
	a->sub = sub;
	a->iss = p->issuer;
	a->subject = i->sub;
	a->email = i->email;
	a->name = strlen(i->name) <= 254 ? i->name : "";
	a->sid = i->sid;
	a->amr = (struct strs){(const char **)(uintptr_t)i->amr, i->namr};
	a->groups = (struct strs){(const char **)(uintptr_t)i->groups, i->ngroups};
	a->claims = buf_cstr(claims);
}

void
on_js_login_oidc(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_login_oidc *m = mv;
	struct signer *s = arg;
	struct js_login_done a = {0};
	struct oidc_identity i = {0};
	struct facts f = {0};
	const struct provider *p = NULL;
	struct reason r = {0};
	struct buf org, claims;
	char sub[37], nonce[PKCE_TEXT];
	bool need = false;

	buf_init_secret(&org, JS_TOKEN_MAX + 1);
	buf_init(&claims, JS_CLAIMS_MAX + 1);
	int e = oidc_check_run(s, m, &p, &i, &need, &r);
	if (e == 0) {
		login_nonce(m->salt, m->cnf, nonce);
		groups_asked(s, p, nonce, &f, &i);
		identity_uuid(p->issuer, i.sub, sub);
		e = oidc_mint(s, m, p, &i, sub, &org, &r);
	}
	signer_result(e, &r, &a.code, &a.why);
	a.need_keys = need;
	if (e == 0) {
		login_done_fill(&a, p, &i, sub, &claims);
		a.org_token = buf_cstr(&org);
	}
	signer_log("login_oidc", &r, e, "idp", m->idp);
	signer_reply(s, s->judge_gen, id, &js_login_done_def, &a);
	oidc_identity_release(&i);
	facts_release(&f);
	buf_release(&org);
	buf_release(&claims);
}
