/* Preflights and refusals of an application: what a foreign page may ask, and where a refused person is sent instead.
 */
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/snapshot.h"

/* --- CORS preflight (Fetch standard, 3.2.2): browsers send it without cookies
 * ----------------------------------------- */

static bool
listed(const struct texts *t, const char *v, size_t n, bool any_case)
{
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->v[i]) == n && !(any_case ? strncasecmp(t->v[i], v, n) : strncmp(t->v[i], v, n)))
			return true;
	return false;
}

static const char *
joined(struct req *r, const struct texts *t)
{
	const char *s = "";

	for (size_t i = 0; i < t->n; i++)
		s = req_fmt(r, "%s%s%s", s, i ? ", " : "", t->v[i]);
	return s;
}

/* Every header that was asked for is on the list. */
static bool
headers_fit(const struct app_cors *c, const char *asked)
{
	for (const char *p = asked; *p;) {
		p += strspn(p, ", \t");
		size_t n = strcspn(p, ", \t");
		if (n && !c->allow_all_headers && !listed(&c->allowed_headers, p, n, true))
			return false;
		p += n;
	}
	return true;
}

static bool
cors_fits(const struct app_cors *c, const char *origin, const char *method, const char *headers)
{
	static const char *const simple[] = {"GET", "HEAD", "POST"};
	bool ok = c->allow_all_methods || listed(&c->allowed_methods, method, strlen(method), false);

	for (size_t i = 0; i < 3; i++)
		ok |= !strcmp(method, simple[i]);
	return ok && (c->allow_all_origins || listed(&c->allowed_origins, origin, strlen(origin), true)) &&
	       headers_fit(c, headers);
}

static void
cors_answer(struct req *r, const char *origin, const char *method, const char *headers)
{
	const struct app_cors *c = &r->app->app->cors;
	bool named = c->allow_credentials || !c->allow_all_origins; /* "*" does not go with credentials */

	reply_header(r, "access-control-allow-origin", named ? origin : "*");
	if (named)
		reply_header(r, "vary", "origin");
	reply_header(r, "access-control-allow-methods", c->allow_all_methods ? method : joined(r, &c->allowed_methods));
	if (*headers)
		reply_header(r, "access-control-allow-headers",
		             c->allow_all_headers ? headers : joined(r, &c->allowed_headers));
	if (c->allow_credentials)
		reply_header(r, "access-control-allow-credentials", "true");
	if (c->max_age >= 0)
		reply_header(r, "access-control-max-age", req_fmt(r, "%lld", (long long)c->max_age));
	reply_text(r, 200, "");
}

enum preflight
app_preflight(struct req *r)
{
	const struct app *a = r->app->app;
	const char *origin = req_header(r, "origin"), *method = req_header(r, "access-control-request-method"),
	           *headers = req_header(r, "access-control-request-headers");

	if (!req_is(r, "OPTIONS") || !origin || !*origin || !method || !*method)
		return PREFLIGHT_NONE;
	if (a->options_preflight_bypass)
		return PREFLIGHT_BYPASS;
	if (a->cors.set && cors_fits(&a->cors, origin, method, headers ? headers : ""))
		cors_answer(r, origin, method, headers ? headers : "");
	else
		reply_refuse(r, SP_POLICY_DENY);
	return PREFLIGHT_ANSWERED;
}

/* --- where the refused go
 * ---------------------------------------------------------------------------------------------- */

bool
app_deny_elsewhere(struct req *r, int code)
{
	struct asker who;
	struct policy_verdict v = {0};

	if (!r->app || code < SP_NO_POLICY || code > SP_POLICY_BLOCK || !req_wants_html(r) || r->websocket ||
	    req_is(r, "OPTIONS"))
		return false;
	/* Refused whoever they are, so by address, country or certificate; else by who they are. */
	who = req_asker(r, NULL);
	snapshot_verdict_pre(r->snap, r->app, &who, &v);
	const char *to =
	    v.outcome == POLICY_DENIED ? r->app->app->custom_non_identity_deny_url : r->app->app->custom_deny_url;
	if (!to || !*to)
		return false;
	reply_header(r, "cf-access-error", req_fmt(r, "SP-%d", code));
	reply_redirect(r, to);
	return true;
}
