/*
 * job: one request of judge. The discovery document comes first (cached for an hour), then the request proper; what
 * judge may not see is taken out before the answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "core/url.h"
#include "edge/fetch/fetch.h"
#include "edge/fetch/http.h"

static void
wipe_free(char *s)
{
	if (s)
		mem_wipe(s, strlen(s));
	free(s);
}

void
job_end(struct job *j, unsigned code, unsigned status, const char *why, const char *body)
{
	struct jh_fetched m = {
	    .code = code, .status = status, .body = body, .gone = j->gone, .spent = j->spent, .lost = j->lost};
	struct vault_entry *e = j->kind == FETCH_REFRESH && code != SP_BUSY ? vault_get(&j->f->vault, j->handle) : NULL;
	char clipped[256];

	str_copy_n(clipped, sizeof clipped, why, strnlen(why, sizeof clipped - 1));
	m.why = clipped;
	m.handle = j->kept && !code ? j->handle : "";
	if (e)
		e->asking = false;
	if (j->gone || j->spent || j->lost)
		vault_drop(&j->f->vault, j->handle);
	if (code)
		log_warn("fetch_failed", "provider", j->provider, "why", clipped, "status", log_num(status), NULL);
	ipc_reply(j->f->judge, j->id, &jh_fetched_def, &m);
	j->f->jobs--;
	wipe_free(j->code);
	wipe_free(j->verifier);
	wipe_free(j->access_token);
	free(j->redirect_uri);
	free(j);
}

void
job_fail(struct job *j, const char *why)
{
	job_end(j, SP_LOGIN_PROVIDER, 0, why, "");
}

/* --- the answers ------------------------------------------------------------------------------------------------- */

static void
on_taken(int err, const void *m, void *arg)
{
	if (err < 0)
		job_fail(arg, "the signer did not take the keys");
	else
		job_end(arg, 0, 200, "", "");
}

static void
give_jwks(struct job *j, struct provider *p, struct slice body)
{
	char *text = str_dup_n(body.p, body.n);
	struct sf_jwks m = {.provider = j->provider, .issuer = p->issuer, .jwks = text};

	if (!text)
		job_fail(j, "out of memory");
	else if (ipc_request(j->f->signer, &sf_jwks_def, &m, &sf_jwks_taken_def, 5000, on_taken, j) < 0)
		job_fail(j, "the signer is down");
	free(text);
}

/* Takes the refresh token out: fetch alone holds one. */
void
job_give_json(struct job *j, unsigned status, struct slice body)
{
	json_t *o = NULL;
	char *text = NULL;

	if (json_load_strict(body.p, body.n, FETCH_BODY_MAX, &o) < 0 || !json_is_object(o)) {
		job_fail(j, "the provider's answer is not a JSON object");
		goto out;
	}
	refresh_take(j, provider_get(j->f, j->provider), o);
	text = json_dump_str(o);
	if (!text)
		job_fail(j, "out of memory");
	else
		job_end(j, 0, status, "", text);
out:
	wipe_free(text);
	json_decref(o);
}

static void
on_answer(int err, long status, struct slice body, const char *why, void *arg)
{
	struct job *j = arg;
	struct provider *p = provider_get(j->f, j->provider);
	char text[128];

	if (err < 0 || status < 200 || status > 299)
		refresh_judge(j, err, status, body);
	if (err < 0) {
		job_fail(j, why);
	} else if (status < 200 || status > 299) {
		snprintf(text, sizeof text, "the provider answered with status %ld%s", status,
		         j->gone || j->lost ? ": this sign-in is over" : "");
		job_end(j, SP_LOGIN_PROVIDER, (unsigned)(status > 0 && status < 600 ? status : 0), text, "");
	} else if (!p) {
		job_fail(j, "the provider was removed meanwhile");
	} else if (j->kind == FETCH_JWKS) {
		give_jwks(j, p, body);
	} else if ((j->kind == FETCH_TOKEN || j->kind == FETCH_REFRESH) && gather_wanted(p)) {
		gather_groups(j, p, (unsigned)status, body);
	} else {
		job_give_json(j, (unsigned)status, body);
	}
}

/* --- the requests ------------------------------------------------------------------------------------------------ */

struct form_row {
	const char *name, *value; /* NULL = left out */
};

static int
form_put(struct buf *out, const struct form_row *f, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!f[i].value)
			continue;
		r = buf_putf(out, "%s%s=", buf_len(out) ? "&" : "", f[i].name);
		if (r == 0)
			r = url_escape(out, f[i].value);
	}
	return r;
}

static int
token_form(const struct job *j, const struct provider *p, const char *refresh, struct buf *out)
{
	bool post = p->client_secret[0] && !strcmp(json_str_or(p->record, "token_auth", "basic"), "post");
	const struct form_row rows[] = {{"grant_type", refresh ? "refresh_token" : "authorization_code"},
	                                {"refresh_token", refresh},
	                                {"code", refresh ? NULL : j->code},
	                                {"redirect_uri", refresh ? NULL : j->redirect_uri},
	                                {"code_verifier", refresh ? NULL : j->verifier},
	                                {"client_id", p->client_id},
	                                {"client_secret", post ? p->client_secret : NULL}};

	return form_put(out, rows, sizeof rows / sizeof *rows);
}

static int
ask_token(struct job *j, struct provider *p, const char *refresh)
{
	struct buf form, user, secret;
	bool basic = p->client_secret[0] && strcmp(json_str_or(p->record, "token_auth", "basic"), "post") != 0;
	int r;

	buf_init_secret(&form, 16384);
	buf_init_secret(&user, 4096);
	buf_init_secret(&secret, 4096);
	r = token_form(j, p, refresh, &form);
	/* RFC 6749 2.3.1: both halves are form-encoded before Basic */
	if (r == 0 && basic)
		r = url_escape(&user, p->client_id);
	if (r == 0 && basic)
		r = url_escape(&secret, p->client_secret);
	if (r == 0) {
		struct http_ask q = {.url = p->doc.token,
		                     .form = buf_cstr(&form),
		                     .user = basic ? buf_cstr(&user) : NULL,
		                     .secret = basic ? buf_cstr(&secret) : NULL,
		                     .body_max = FETCH_BODY_MAX,
		                     .timeout_ms = FETCH_TIMEOUT_MS};
		r = http_ask(&q, on_answer, j);
	}
	buf_release(&form);
	buf_release(&user);
	buf_release(&secret);
	return r;
}

static bool
is_github(const struct provider *p)
{
	return !strcmp(json_str_or(p->record, "type", ""), "github");
}

static int
ask_again(struct job *j, struct provider *p)
{
	struct vault_entry *e = refresh_entry(j);
	int r;

	if (!e)
		return 0;
	refresh_extend(j);
	e = vault_get(&j->f->vault, j->handle);
	if (!e)
		return E_NOMEM;
	if (is_github(p)) {
		gather_github_again(j, e->access ? e->access : "");
		return 0;
	}
	if (!e->refresh) { /* userinfo is all that can be asked */
		job_end(j, 0, 204, "", "{}");
		return 0;
	}
	r = ask_token(j, p, e->refresh);
	e->asking = r == 0;
	return r;
}

static int
ask_userinfo(struct job *j, struct provider *p)
{
	struct http_ask q = {.body_max = FETCH_BODY_MAX, .timeout_ms = FETCH_TIMEOUT_MS, .url = p->doc.userinfo};

	if (!q.url) {
		job_end(j, SP_NOT_FOUND, 0, "the provider has no userinfo endpoint", "");
		return 0;
	}
	q.bearer = j->access_token;
	if (*j->handle) {
		const struct vault_entry *e = refresh_entry(j);
		if (!e)
			return 0;
		q.bearer = e->access;
	}
	return q.bearer && *q.bearer ? http_ask(&q, on_answer, j) : E_NOENT;
}

static int
job_ask(struct job *j, struct provider *p)
{
	struct http_ask q = {.body_max = FETCH_BODY_MAX, .timeout_ms = FETCH_TIMEOUT_MS};

	switch (j->kind) {
	case FETCH_TOKEN:
		return ask_token(j, p, NULL);
	case FETCH_REFRESH:
		return ask_again(j, p);
	case FETCH_USERINFO:
		return ask_userinfo(j, p);
	case FETCH_JWKS:
		q.url = p->doc.jwks;
		return http_ask(&q, on_answer, j);
	case FETCH_DISCOVERY:
		job_end(j, 0, 200, "", p->doc_json);
		return 0;
	}
	return E_FORMAT;
}

static void
job_proceed(struct job *j, struct provider *p)
{
	if (job_ask(j, p) < 0)
		job_fail(j, "the request could not be made");
}

/* Takes text, the discovery document. */
static void
job_have_doc(struct job *j, struct provider *p, char *text)
{
	struct oidc_provider doc = {0};
	struct reason r = {0};

	if (!text) {
		job_fail(j, "out of memory");
		return;
	}
	if (oidc_discovery_parse(text, strlen(text), p->issuer, &doc, &r) < 0) {
		free(text);
		job_fail(j, r.text);
		return;
	}
	oidc_provider_release(&p->doc);
	p->doc = doc;
	free(p->doc_json);
	p->doc_json = text;
	p->doc_at = loop_now(j->f->loop);
	job_proceed(j, p);
}

static void
on_discovery(int err, long status, struct slice body, const char *why, void *arg)
{
	struct job *j = arg;
	struct provider *p = provider_get(j->f, j->provider);
	char text[128];

	if (err < 0) {
		job_fail(j, why);
	} else if (status != 200) {
		snprintf(text, sizeof text, "the discovery document has status %ld", status);
		job_fail(j, text);
	} else if (!p) {
		job_fail(j, "the provider was removed meanwhile");
	} else {
		job_have_doc(j, p, provider_doc_merge(p, body));
	}
}

static void
job_discover(struct job *j, struct provider *p)
{
	struct http_ask q = {.body_max = OIDC_DOC_MAX, .timeout_ms = FETCH_TIMEOUT_MS};
	char *own = provider_doc_own(p);
	struct buf url;

	if (own) {
		job_have_doc(j, p, own);
		return;
	}
	buf_init(&url, OIDC_URL_MAX);
	if (!oidc_url_ok(p->issuer) || oidc_discovery_url(p->issuer, &url) < 0) {
		job_fail(j, "the issuer is not an https URL");
	} else {
		q.url = buf_cstr(&url);
		if (!q.url || http_ask(&q, on_discovery, j) < 0)
			job_fail(j, "the request could not be made");
	}
	buf_release(&url);
}

static struct job *
job_new(struct fetch *f, uint32_t id, const struct jh_fetch *m)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	f->jobs++;
	j->f = f;
	j->id = id;
	j->kind = m->kind;
	j->keep_until = m->keep_until;
	str_copy(j->provider, sizeof j->provider, m->provider);
	str_copy(j->handle, sizeof j->handle, m->kind == FETCH_TOKEN ? "" : m->handle);
	j->code = str_dup(m->code);
	j->verifier = str_dup(m->verifier);
	j->redirect_uri = str_dup(m->redirect_uri);
	j->access_token = str_dup_n(m->access_token.p, m->access_token.n);
	return j;
}

void
job_start(struct fetch *f, uint32_t id, const struct jh_fetch *m)
{
	struct jh_fetched busy = {.code = SP_BUSY, .why = "too many requests to providers at once"};
	struct job *j = f->jobs < FETCH_JOBS_MAX ? job_new(f, id, m) : NULL;

	if (!j) {
		ipc_reply(f->judge, id, &jh_fetched_def, &busy);
		return;
	}
	struct provider *p = provider_get(f, j->provider);
	if (!p)
		job_fail(j, "no such provider");
	else if (!j->code || !j->verifier || !j->redirect_uri || !j->access_token)
		job_fail(j, "out of memory");
	else if (is_github(p) && j->kind == FETCH_TOKEN)
		gather_github(j, p);
	else if (is_github(p) && j->kind == FETCH_REFRESH) /* there is no discovery document */
		job_proceed(j, p);
	else if (p->doc_at && loop_now(f->loop) - p->doc_at < FETCH_DISCOVERY_TTL_MS)
		job_proceed(j, p);
	else
		job_discover(j, p);
}
