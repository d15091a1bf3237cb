/*
 * Signing in at an OIDC provider: code flow with PKCE. judge builds the redirect and carries the code; fetch exchanges
 * it, the signer verifies the ID token. State is a one-time row (once.h) bound to the browser's CF_Session cookie.
 */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "edge/judge/login.h"
#include "edge/judge/once.h"
#include "identity/facts.h"
#include "identity/oidc.h"
#include "msg/fetch.h"

#define DISCOVERY_SEC 600
#define KEEP_SEC 172800 /* longer than a sign-in lives at first; later answers say how long */

/* What the browser's way through the provider is checked against when it comes back. */
struct login {
	char state[33], salt[33], verifier[PKCE_TEXT], session[33];
	char cookie[2 * SHA256_LEN + 1];
	char idp[37];
	struct login_dest d;
};

struct discovery {
	struct oidc_provider p;
	char *issuer;
	int64_t until;
};

/* What one request of the flow carries from step to step; in the request's arena. */
struct oidc_ctx {
	struct login_dest d;
	struct login *row; /* callback: taken from the store, owned */
	const struct idp *idp;
	const char *code;
	char *id_token, *access_token;
	struct buf userinfo;
	bool keys_tried, userinfo_tried;
	char handle[33]; /* what fetch kept of it; "" = nothing */
	bool vouched;
	const char *keys_why; /* why the keys could not be had */
	void (*found)(struct req *r, const struct discovery *d);
};

void
discovery_drop(void *p)
{
	struct discovery *d = p;
	oidc_provider_release(&d->p);
	free(d->issuer);
	free(d);
}

static void
row_free(struct login *l)
{
	if (!l)
		return;
	mem_wipe(l, sizeof *l);
	free(l);
}

/* --- discovery --------------------------------------------------------------------------------------------------- */

static void
discovered(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct jh_fetched *m = msg;
	struct reason why = {0};
	struct discovery *d = calloc(1, sizeof *d);
	int e = err ? err : m->code ? E_IO : E_NOMEM;

	if (d && !err && !m->code && (d->issuer = idp_issuer(c->idp)))
		e = oidc_discovery_parse(m->body, strlen(m->body), d->issuer, &d->p, &why);
	if (e == 0) {
		d->until = judge_now() + DISCOVERY_SEC;
		e = map_set(&r->j->discoveries, c->idp->id, d);
	}
	if (e < 0) {
		if (d)
			discovery_drop(d);
		login_refused(r, NULL, c->idp, &c->d, SP_LOGIN_PROVIDER,
		              why.text[0] ? why.text
		              : m         ? m->why
		                          : "no discovery document");
		return;
	}
	c->found(r, d);
}

static void
discover(struct req *r, void (*found)(struct req *, const struct discovery *))
{
	struct oidc_ctx *c = r->ctx;
	const struct discovery *d = map_get(&r->j->discoveries, c->idp->id);

	c->d.step = "reading the discovery document";
	c->found = found;
	if (d && judge_now() < d->until) {
		found(r, d);
		return;
	}
	struct jh_fetch m = {.kind = FETCH_DISCOVERY, .provider = c->idp->id};
	fetch_ask(r->j, &jh_fetch_def, &m, &jh_fetched_def, discovered, r);
}

/* --- to the provider ---------------------------------------------------------------------------------------------- */

static const char *
redirect_uri(struct req *r)
{
	return req_fmt(r, "%s/cdn-cgi/access/callback", r->j->issuer);
}

/* Fields of a row that are text of a fixed size: one list for both ways. */
/* clang-format off */
#define ROW_TEXTS(X, l)                                                                                   \
	X("salt", (l)->salt) X("verifier", (l)->verifier) X("session", (l)->session) X("cookie", (l)->cookie) \
	X("idp", (l)->idp) X("host", (l)->d.host) X("aud", (l)->d.aud) X("redirect", (l)->d.redirect)     \
	X("state", (l)->d.state) X("cnf", (l)->d.cnf)
/* clang-format on */

static json_t *
row_write(const struct login *l)
{
	json_t *o = json_pack("{s:b, s:b}", "team", l->d.team, "test", l->d.test);
	bool ok = o;

#define PUT(name, text) ok = ok && json_object_set_new(o, name, json_string(text)) == 0;
	ROW_TEXTS(PUT, l)
#undef PUT
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

/* Only what row_write wrote comes here: it was sealed. */
static int
row_read(const json_t *o, struct login *l)
{
	bool ok = true;

#define GET(name, text) ok = ok && str_copy(text, sizeof text, json_str_or(o, name, "")) == 0;
	ROW_TEXTS(GET, l)
#undef GET
	l->d.team = json_bool_or(o, "team", false);
	l->d.test = json_bool_or(o, "test", false);
	return ok ? 0 : E_FORMAT;
}

/* 0 or an sp_code; l: for the request to the provider, the caller wipes it. */
static int
row_new(struct req *r, const struct oidc_ctx *c, struct login *l)
{
	uint8_t seed[32];
	const char *cookie = csrf_cookie(r);

	random_bytes(seed, sizeof seed);
	pkce_verifier(seed, l->verifier);
	mem_wipe(seed, sizeof seed);
	judge_random_hex(l->state, 16);
	judge_random_hex(l->salt, 16);
	if (c->idp->type == IDP_GITHUB) /* no ID token: PKCE binds the code to this login and key instead */
		login_nonce(l->salt, c->d.cnf, l->verifier);
	session_new_id(l->session);
	sha256_hex(cookie, strlen(cookie), l->cookie);
	str_copy(l->idp, sizeof l->idp, c->idp->id);
	l->d = c->d;
	json_t *o = row_write(l);
	int e = o ? once_put(r->j, ONCE_LOGIN, l->state, o, LOGIN_SEC) : E_NOMEM;
	json_decref(o);
	return e == 0 ? 0 : SP_STORE;
}

static const char *
scopes_of(struct req *r, const struct idp *idp)
{
	const char *s = idp_default_scopes(idp);

	for (size_t i = 0; i < idp->config.scopes.n; i++)
		s = i ? req_fmt(r, "%s %s", s, idp->config.scopes.v[i]) : idp->config.scopes.v[i];
	return s;
}

static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	return false;
}

/* A sign-in that is to be asked for again needs a refresh token. OpenID Connect Core section 11: scope offline_access,
   with prompt=consent unless the administrator knows better; Google has access_type instead. */
static void
want_refresh(struct req *r, const struct idp *idp, const struct oidc_provider *p, struct oidc_request *q)
{
	bool google = idp->type == IDP_GOOGLE || idp->type == IDP_GOOGLE_APPS;

	if (!idp->config.recheck_ms)
		return;
	if (google)
		q->access_type = "offline";
	else if (p->offline && !has_word(q->scopes, "offline_access"))
		q->scopes = req_fmt(r, "%s offline_access", q->scopes);
	if (!q->prompt && (google || (idp->type == IDP_OIDC && has_word(q->scopes, "offline_access"))))
		q->prompt = "consent";
}

static void
send_there(struct req *r, const struct discovery *d)
{
	struct oidc_ctx *c = r->ctx;
	struct login l = {0};
	char nonce[PKCE_TEXT], challenge[PKCE_TEXT];
	struct buf url;
	int code = row_new(r, c, &l);

	login_nonce(l.salt, c->d.cnf, nonce);
	pkce_challenge(l.verifier, challenge);
	struct oidc_request q = {.authorization = d->p.authorization,
	                         .client_id = c->idp->config.client_id,
	                         .redirect_uri = redirect_uri(r),
	                         .scopes = scopes_of(r, c->idp),
	                         .state = l.state,
	                         .nonce = nonce,
	                         .challenge = challenge,
	                         .prompt = c->idp->config.prompt,
	                         .hosted_domain = c->idp->config.apps_domain};
	if (c->idp->config.max_age_ms > 0)
		q.max_age = c->idp->config.max_age_ms / 1000;
	want_refresh(r, c->idp, &d->p, &q);
	buf_init(&url, 16384);
	if (code == 0 && (!q.client_id || oidc_request_url(&q, &url) < 0 || !buf_cstr(&url)))
		code = SP_LOGIN_PROVIDER;
	if (code)
		reply_refuse(r, code);
	else
		reply_redirect(r, req_fmt(r, "%s", buf_cstr(&url)));
	buf_release(&url);
	mem_wipe(&l, sizeof l);
}

static void
send_to_github(struct req *r)
{
	struct oidc_ctx *c = r->ctx;
	struct login l = {0};
	int code = row_new(r, c, &l);
	char *base = idp_issuer(c->idp), challenge[PKCE_TEXT];
	struct buf url;

	buf_init(&url, 16384);
	pkce_challenge(l.verifier, challenge);
	if (code == 0 && (!base || !c->idp->config.client_id ||
	                  github_request_url(base, c->idp->config.client_id, redirect_uri(r), scopes_of(r, c->idp),
	                                     l.state, challenge, &url) < 0 ||
	                  !buf_cstr(&url)))
		code = SP_LOGIN_PROVIDER;
	if (code)
		reply_refuse(r, code);
	else
		reply_redirect(r, req_fmt(r, "%s", buf_cstr(&url)));
	buf_release(&url);
	mem_wipe(&l, sizeof l);
	free(base);
}

void
login_oidc_start(struct req *r, const struct login_dest *d, const struct idp *idp)
{
	struct oidc_ctx *c = arena_alloc(&r->arena, sizeof *c);

	if (!c) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	c->d = *d;
	c->idp = idp;
	r->ctx = c;
	if (idp->type == IDP_GITHUB)
		send_to_github(r);
	else
		discover(r, send_there);
}

/* --- and back ----------------------------------------------------------------------------------------------------- */

static void
callback_end(struct req *r)
{
	struct oidc_ctx *c = r->held;

	if (!c)
		return;
	struct jh_forget forget = {.handle = c->handle};
	if (*c->handle && !c->vouched && r->j->fetch)
		ipc_send(r->j->fetch, &jh_forget_def, &forget);
	row_free(c->row);
	if (c->id_token)
		mem_wipe(c->id_token, strlen(c->id_token));
	if (c->access_token)
		mem_wipe(c->access_token, strlen(c->access_token));
	free(c->id_token);
	free(c->access_token);
	buf_release(&c->userinfo);
}

static void verify(struct req *r);

static void
userinfo_came(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct jh_fetched *m = msg;

	if (!err && !m->code && strlen(m->body) <= JS_CLAIMS_MAX)
		buf_put_str(&c->userinfo, m->body);
	verify(r);
}

/* Without them the signer refuses once more; that they did not come is the better reason. */
static void
keys_came(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct jh_fetched *m = msg;

	if (err || m->code)
		c->keys_why = err ? "no answer from fetch" : req_fmt(r, "%s", m->why);
	verify(r);
}

static void
verified(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct js_login_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (m && m->need_keys && !c->keys_tried) {
		struct jh_fetch f = {.kind = FETCH_JWKS, .provider = c->idp->id};
		c->keys_tried = true;
		fetch_ask(r->j, &jh_fetch_def, &f, &jh_fetched_def, keys_came, r);
	} else if (code == SP_EMAIL && !c->userinfo_tried && c->access_token) {
		struct jh_fetch f = {
		    .kind = FETCH_USERINFO, .provider = c->idp->id, .access_token = slice_str(c->access_token)};
		c->userinfo_tried = true;
		fetch_ask(r->j, &jh_fetch_def, &f, &jh_fetched_def, userinfo_came, r);
	} else if (code || m->need_keys) {
		c->d.step = c->keys_why ? "fetching the provider's keys" : "the ID token and its claims";
		login_refused(r, m ? m->email : NULL, c->idp, &c->d, code ? code : SP_ID_TOKEN,
		              c->keys_why ? c->keys_why
		              : m         ? m->why
		                          : "no answer from the signer");
	} else {
		char nonce[PKCE_TEXT];
		login_nonce(c->row->salt, c->d.cnf, nonce);
		struct session_new n = {.id = c->row->session, .recheck = c->handle, .nonce = nonce};
		/* a refusal after this finds the session and what belongs to it; one before it finds nobody */
		c->vouched = !c->d.test && !person_barred(r->j, m->sub, m->email);
		login_vouched(r, m, n, c->idp, &c->d);
	}
}

static void
verify(struct req *r)
{
	struct oidc_ctx *c = r->ctx;
	const char *userinfo = buf_cstr(&c->userinfo);
	struct js_login_oidc m = {.idp = c->idp->id,
	                          .id_token = c->id_token,
	                          .salt = c->row->salt,
	                          .cnf = c->d.cnf,
	                          .userinfo = userinfo ? userinfo : "",
	                          .session = c->row->session,
	                          .ttl = session_ttl(r->j)};
	signer_ask(r->j, &js_login_oidc_def, &m, &js_login_done_def, verified, r);
}

static void
exchanged(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct jh_fetched *m = msg;
	struct oidc_tokens t = {0};
	struct reason why = {0};
	int e = err ? err : m->code ? E_IO : oidc_tokens_parse(m->body, strlen(m->body), &t, &why);

	if (e < 0) {
		login_refused(r, NULL, c->idp, &c->d, SP_LOGIN_PROVIDER,
		              why.text[0] ? why.text
		              : m         ? m->why
		                          : "code exchange failed");
		return;
	}
	str_copy(c->handle, sizeof c->handle, m->handle);
	c->id_token = str_dup(t.id_token);
	c->access_token = t.access_token ? str_dup(t.access_token) : NULL;
	oidc_tokens_release(&t);
	verify(r);
}

static void
exchange(struct req *r, const struct discovery *d)
{
	struct oidc_ctx *c = r->ctx;
	struct reason why = {0};
	const char *iss = req_param(r, "iss");

	c->d.step = "the answer that came with you from the provider";
	if (oidc_callback_check(&d->p, *iss ? iss : NULL, &why) < 0) {
		login_refused(r, NULL, c->idp, &c->d, why.code ? why.code : SP_LOGIN_STATE, why.text);
		return;
	}
	c->d.step = "exchanging the code";
	bool keep = c->idp->config.recheck_ms && !c->d.test;
	struct jh_fetch m = {.kind = FETCH_TOKEN,
	                     .keep_until = keep ? judge_now() + KEEP_SEC : 0,
	                     .provider = c->idp->id,
	                     .code = c->code,
	                     .verifier = c->row->verifier,
	                     .redirect_uri = redirect_uri(r)};
	fetch_ask(r->j, &jh_fetch_def, &m, &jh_fetched_def, exchanged, r);
}

static void
facts_verified(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct js_login_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code)
		login_refused(r, m ? m->email : NULL, c->idp, &c->d, code, m ? m->why : "no answer from the signer");
	else {
		c->vouched = !c->d.test && !person_barred(r->j, m->sub, m->email);
		login_vouched(r, m, (struct session_new){.id = c->row->session, .recheck = c->handle}, c->idp, &c->d);
	}
}

/* fetch has told the signer who it is; here only whether that went well. */
static void
facts_brought(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct oidc_ctx *c = r->ctx;
	const struct jh_fetched *m = msg;
	struct js_login_facts ask = {.idp = c->idp->id,
	                             .salt = c->row->salt,
	                             .cnf = c->d.cnf,
	                             .session = c->row->session,
	                             .ttl = session_ttl(r->j)};

	if (!err)
		str_copy(c->handle, sizeof c->handle, m->handle);
	if (err || m->code)
		login_refused(r, NULL, c->idp, &c->d, m && m->code ? (int)m->code : SP_LOGIN_PROVIDER,
		              m ? m->why : "no answer from fetch");
	else
		signer_ask(r->j, &js_login_facts_def, &ask, &js_login_done_def, facts_verified, r);
}

static void
exchange_github(struct req *r)
{
	struct oidc_ctx *c = r->ctx;
	struct jh_fetch m = {.kind = FETCH_TOKEN,
	                     .keep_until = c->idp->config.recheck_ms && !c->d.test ? judge_now() + KEEP_SEC : 0,
	                     .provider = c->idp->id,
	                     .code = c->code,
	                     .verifier = c->row->verifier,
	                     .redirect_uri = redirect_uri(r)};

	c->d.step = "exchanging the code and asking who it is";
	fetch_ask(r->j, &jh_fetch_def, &m, &jh_fetched_def, facts_brought, r);
}

/* The row of this state if it began in this browser; taken either way, so that a foreign browser's try uses it up. */
static int
row_take(struct req *r, struct login **ret_l)
{
	const char *cookie;
	char hash[2 * SHA256_LEN + 1];
	struct login *l = NULL;
	json_t *o = NULL;
	int e = once_take(r->j, ONCE_LOGIN, req_param(r, "state"), &o);

	if (e == 0 && !(l = calloc(1, sizeof *l)))
		e = E_NOMEM;
	if (e == 0)
		e = row_read(o, l);
	json_decref(o);
	if (e == 0 && req_cookie(r, "CF_Session", &cookie) < 0)
		e = E_NOENT;
	if (e == 0) {
		sha256_hex(cookie, strlen(cookie), hash);
		e = secret_eq(slice_str(hash), slice_str(l->cookie)) ? 0 : E_NOENT;
	}
	if (e < 0) {
		row_free(l);
		l = NULL;
	}
	*ret_l = l;
	return e;
}

void
login_callback(struct req *r)
{
	struct oidc_ctx *c = arena_alloc(&r->arena, sizeof *c);
	struct login *l = NULL;
	int e = c ? row_take(r, &l) : E_NOMEM;

	if (e < 0) {
		judge_deny(r, NULL, e == E_NOENT ? SP_LOGIN_STATE : SP_STORE,
		           e == E_NOENT ? "state unknown, used, expired or of another browser" : "the store was away");
		return;
	}
	buf_init(&c->userinfo, JS_CLAIMS_MAX + 1);
	c->row = l;
	c->d = l->d;
	c->code = req_param(r, "code");
	c->idp = snapshot_idp(r->snap, l->idp);
	r->held = c;
	r->ctx = c;
	r->done = callback_end;
	c->d.step = "signing in at the provider";
	if (!c->idp || strcmp(c->idp->id, l->idp))
		login_refused(r, NULL, NULL, &c->d, SP_LOGIN_STATE, "provider was removed meanwhile");
	else if (*req_param(r, "error") || !*c->code || strlen(c->code) > 4096)
		login_refused(r, NULL, c->idp, &c->d, SP_LOGIN_PROVIDER,
		              *req_param(r, "error") ? req_param(r, "error") : "no code");
	else if (c->idp->type == IDP_GITHUB)
		exchange_github(r);
	else
		discover(r, exchange);
}
