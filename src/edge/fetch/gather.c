/*
 * gather: what a provider's API says about somebody: GitHub's user, address, organizations and teams; the group lists
 * of Okta, Google Workspace and Entra. Asked at addresses of the provider's record with the access token that only this
 * process holds, told to the signer, never to judge.
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
#include "identity/facts.h"
#include "identity/jwt.h"

struct gather;
struct step {
	const char *what;
	/* The URL of a page; next is "" for the first. */
	int (*url)(const struct gather *g, const struct provider *p, const char *next, struct buf *out);
	facts_read_fn *read;
	bool must; /* else the groups are unknown, and the sign-in goes on */
};

struct gather {
	struct job *j;
	const struct step *step; /* one with NULL what ends */
	unsigned page;
	unsigned status;
	char *answer; /* of the token endpoint, for judge; NULL = nothing */
	char *bearer; /* access token, or Okta's API token */
	char nonce[65];
	struct facts f;
};

static void
wipe_free(char *s)
{
	if (s)
		mem_wipe(s, strlen(s));
	free(s);
}

static void
gather_free(struct gather *g)
{
	if (!g)
		return;
	wipe_free(g->answer);
	wipe_free(g->bearer);
	facts_release(&g->f);
	free(g);
}

static void
gather_fail(struct gather *g, int code, const char *why)
{
	struct job *j = g->j;

	job_end(j, (unsigned)(code ? code : SP_LOGIN_PROVIDER), 0, why, "");
	gather_free(g);
}

/* --- the end: the signer first, then judge -------------------------------------------------------------------------
 */

static void
on_taken(int err, const void *mv, void *arg)
{
	struct gather *g = arg;
	const struct sf_taken_facts *m = mv;

	if (err < 0 || !m->taken) {
		gather_fail(g, 0, "the signer did not take what the provider said");
		return;
	}
	if (g->answer)
		job_give_json(g->j, g->status, slice_str(g->answer));
	else
		job_end(g->j, 0, 200, "", "{}");
	gather_free(g);
}

static void
tell(struct gather *g)
{
	struct sf_facts m = {.provider = g->j->provider, .nonce = g->nonce};
	struct buf b;

	buf_init(&b, FACTS_TEXT_MAX);
	if (facts_format(&g->f, &b) == E_LIMIT) {
		facts_groups_drop(&g->f);
		buf_clear(&b);
		facts_format(&g->f, &b);
	}
	m.facts = buf_cstr(&b);
	if (!m.facts || ipc_request(g->j->f->signer, &sf_facts_def, &m, &sf_taken_facts_def, 5000, on_taken, g) < 0)
		gather_fail(g, 0, "the signer is down");
	buf_release(&b);
}

/* --- one page after the other --------------------------------------------------------------------------------------
 */

static void gather_ask(struct gather *g, const char *next);

static void
step_over(struct gather *g, const char *why, int code)
{
	if (g->step->must) {
		gather_fail(g, code, why);
		return;
	}
	if (why) {
		log_warn("groups_unknown", "provider", g->j->provider, "asked", g->step->what, "why", why, NULL);
		facts_groups_drop(&g->f);
	}
	g->step++;
	g->page = 0;
	gather_ask(g, "");
}

static void
on_page(int err, long status, struct slice body, const char *why, void *arg)
{
	struct gather *g = arg;
	struct reason r = {0};
	char next[FACTS_NEXT_MAX], text[128];

	if (err < 0) {
		step_over(g, why, 0);
	} else if (status != 200) {
		/* it was good once and is not any more: taken back, or its owner is out */
		g->j->gone = g->j->kind == FETCH_REFRESH && g->step->must && status == 401;
		snprintf(text, sizeof text, "asked about %s, the provider answered with status %ld", g->step->what,
		         status);
		step_over(g, text, 0);
	} else if (g->step->read(&g->f, body.p, body.n, next, &r) < 0) {
		step_over(g, r.code ? r.text : "out of memory", r.code);
	} else if (*next && ++g->page >= GATHER_PAGES_MAX) {
		step_over(g, "the list does not end", 0);
	} else if (*next) {
		gather_ask(g, next);
	} else {
		g->step++;
		g->page = 0;
		gather_ask(g, "");
	}
}

static void
gather_ask(struct gather *g, const char *next)
{
	const struct provider *p = provider_get(g->j->f, g->j->provider);
	struct http_ask q = {.bearer = g->bearer, .body_max = FETCH_BODY_MAX, .timeout_ms = FETCH_TIMEOUT_MS};
	struct buf url;

	if (!g->step->what) {
		tell(g);
		return;
	}
	if (!p) {
		gather_fail(g, 0, "the provider was removed meanwhile");
		return;
	}
	if (!strcmp(json_str_or(p->record, "type", ""), "okta"))
		q.scheme = "SSWS"; /* Okta's scheme for API tokens */
	buf_init(&url, OIDC_URL_MAX);
	int e = g->step->url(g, p, next, &url);
	q.url = e == 0 ? buf_cstr(&url) : NULL;
	if (!q.url || !oidc_url_ok(q.url) || http_ask(&q, on_page, g) < 0)
		step_over(g, "the request could not be made", 0);
	buf_release(&url);
}

/* --- GitHub --------------------------------------------------------------------------------------------------------
 */

static int
github_user_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	return github_api_url(p->issuer, "/user", out);
}

static int
github_emails_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	return github_api_url(p->issuer, "/user/emails?per_page=100", out);
}

static int
github_list_url(const struct gather *g, const struct provider *p, const char *path, struct buf *out)
{
	int e = github_api_url(p->issuer, path, out);
	return e < 0 ? e : buf_putf(out, "?per_page=%d&page=%u", GITHUB_PAGE, g->page + 1);
}

static int
github_orgs_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	return github_list_url(g, p, "/user/orgs", out);
}

static int
github_teams_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	return github_list_url(g, p, "/user/teams", out);
}

static const struct step github_steps[] = {
    {"the user", github_user_url, facts_github_user, true},
    {"e-mail addresses", github_emails_url, facts_github_emails, true},
    {"organizations", github_orgs_url, facts_github_orgs, false},
    {"teams", github_teams_url, facts_github_teams, false},
    {0},
};

static void
on_github_token(int err, long status, struct slice body, const char *why, void *arg)
{
	struct gather *g = arg;
	json_t *o = NULL;
	char text[160];

	if (err < 0) {
		gather_fail(g, 0, why);
		return;
	}
	/* A refused code comes with status 200 too: {"error": "bad_verification_code", ...}. */
	if (status != 200 || json_load_strict(body.p, body.n, OIDC_DOC_MAX, &o) < 0 ||
	    !(g->bearer = str_dup(json_str_or(o, "access_token", ""))) || !*g->bearer) {
		snprintf(text, sizeof text, "the provider refused the code: status %ld %.64s", status,
		         json_str_or(o, "error", ""));
		gather_fail(g, 0, text);
	} else {
		refresh_keep_access(g->j, g->bearer);
		gather_ask(g, "");
	}
	json_decref(o);
}

void
gather_github_again(struct job *j, const char *access)
{
	struct gather *g = calloc(1, sizeof *g);

	if (!g || str_copy(g->nonce, sizeof g->nonce, j->handle) < 0 || !(g->bearer = str_dup(access))) {
		gather_free(g);
		job_fail(j, "out of memory");
		return;
	}
	g->j = j;
	g->step = github_steps;
	gather_ask(g, "");
}

static int
github_form(const struct job *j, const struct provider *p, struct buf *out)
{
	const struct {
		const char *name, *value;
	} f[] = {{"client_id", p->client_id},
	         {"&client_secret", p->client_secret},
	         {"&code", j->code},
	         {"&redirect_uri", j->redirect_uri},
	         {"&code_verifier", j->verifier}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof f / sizeof *f; i++) {
		r = buf_putf(out, "%s=", f[i].name);
		if (r == 0)
			r = url_escape(out, f[i].value);
	}
	return r;
}

void
gather_github(struct job *j, struct provider *p)
{
	struct gather *g = calloc(1, sizeof *g);
	struct http_ask q = {.body_max = OIDC_DOC_MAX, .timeout_ms = FETCH_TIMEOUT_MS};
	struct buf form, url;

	buf_init_secret(&form, 16384);
	buf_init(&url, OIDC_URL_MAX);
	if (!g || str_copy(g->nonce, sizeof g->nonce, j->verifier) < 0) {
		job_fail(j, "out of memory");
		free(g);
		goto out;
	}
	g->j = j;
	g->step = github_steps;
	if (github_form(j, p, &form) == 0 && github_token_url(p->issuer, &url) == 0) {
		q.form = buf_cstr(&form);
		q.url = buf_cstr(&url);
	}
	if (!q.form || !q.url || http_ask(&q, on_github_token, g) < 0)
		gather_fail(g, 0, "the request could not be made");
out:
	buf_release(&form);
	buf_release(&url);
}

/* --- group lists ---------------------------------------------------------------------------------------------------
 */

static int
okta_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	int e = buf_putf(out, "%s/", json_str_or(p->record, "groups_url", ""));

	if (e == 0)
		e = url_escape(out, g->f.sub);
	return e < 0 ? e : buf_put_str(out, "/groups");
}

static int
google_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	int e = buf_putf(out, "%s?maxResults=200&userKey=", json_str_or(p->record, "groups_url", ""));

	if (e == 0)
		e = url_escape(out, g->f.sub);
	if (e == 0 && *next)
		e = buf_put_str(out, "&pageToken=");
	return e < 0 || !*next ? e : url_escape(out, next);
}

/* Graph names the next page by its whole address: taken only when it is the same place. */
static int
azure_url(const struct gather *g, const struct provider *p, const char *next, struct buf *out)
{
	const char *base = json_str_or(p->record, "groups_url", "");
	size_t n = strlen(base);

	if (!*next)
		return buf_putf(out, "%s?$select=id&$top=999", base);
	return strncmp(next, base, n) == 0 && next[n] == '?' ? buf_put_str(out, next) : E_DENIED;
}

static const struct step okta_steps[] = {{"groups", okta_url, facts_okta_groups, false}, {0}},
                         google_steps[] = {{"groups", google_url, facts_google_groups, false}, {0}},
                         azure_steps[] = {{"groups", azure_url, facts_azure_groups, false}, {0}};

static const struct step *
steps_of(const struct provider *p)
{
	const char *type = json_str_or(p->record, "type", "");

	if (!json_str_or(p->record, "groups_url", "")[0])
		return NULL;
	if (!strcmp(type, "okta"))
		return json_str_or(p->record, "api_token", "")[0] ? okta_steps : NULL;
	return !strcmp(type, "google-apps") ? google_steps : !strcmp(type, "azureAD") ? azure_steps : NULL;
}

bool
gather_wanted(const struct provider *p)
{
	return steps_of(p) != NULL;
}

/* Whose groups, and of which login: what the ID token says. The signer verifies it and compares both. */
static int
read_id_token(struct gather *g, const struct job *j, const char *id_token)
{
	json_t *claims = NULL;
	int e = jwt_peek(id_token, strlen(id_token), &claims);

	if (e == 0)
		e = str_copy(g->f.sub, sizeof g->f.sub, json_str_or(claims, "sub", ""));
	if (e == 0)
		e = str_copy(g->nonce, sizeof g->nonce,
		             j->kind == FETCH_REFRESH ? j->handle : json_str_or(claims, "nonce", ""));
	json_decref(claims);
	return e == 0 && g->f.sub[0] && g->nonce[0] ? 0 : E_FORMAT;
}

void
gather_groups(struct job *j, struct provider *p, unsigned status, struct slice body)
{
	struct gather *g = calloc(1, sizeof *g);
	json_t *o = NULL;
	bool okta = !strcmp(json_str_or(p->record, "type", ""), "okta");

	if (!g || json_load_strict(body.p, body.n, FETCH_BODY_MAX, &o) < 0 ||
	    read_id_token(g, j, json_str_or(o, "id_token", "")) < 0) {
		gather_free(g);
		job_give_json(j, status, body); /* what is wrong with it is for others to say */
		json_decref(o);
		return;
	}
	g->j = j;
	g->step = steps_of(p);
	g->status = status;
	g->answer = str_dup_n(body.p, body.n);
	g->bearer = str_dup(okta ? json_str_or(p->record, "api_token", "") : json_str_or(o, "access_token", ""));
	json_decref(o);
	if (g->answer && g->bearer)
		gather_ask(g, "");
	else
		gather_fail(g, 0, "out of memory");
}
