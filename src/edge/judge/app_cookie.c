/* The cookies of an application: its token with the attributes that the administrator chose, the cookie that binds the
 * token to this browser, and a walk over the application's other hosts so that each has its own. */
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "edge/judge/login.h"
#include "edge/judge/snapshot.h"

#define BINDING_KIND "binding_key"
#define BINDING_ID "judge"
#define AHEAD_HOSTS_MAX 5 /* more are served when they are visited (facts/access.md 1) */
#define CHAIN "/cdn-cgi/access/chain"

/* --- binding --------------------------------------------------------------------------------------------------------
 */

static int
key_take(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	json_t *doc = NULL;
	struct buf b;
	int e = json_load_strict(d->json, strlen(d->json), 4096, &doc);
	const char *hex = e == 0 ? json_str_or(doc, "key", "") : "";

	buf_init_secret(&b, 64);
	if (e == 0 && (e = hex_decode(&b, hex, strlen(hex))) == 0 && buf_len(&b) == sizeof j->binding_key) {
		memcpy(j->binding_key, buf_ptr(&b), sizeof j->binding_key);
		j->binding_there = true;
	}
	buf_release(&b);
	json_decref(doc);
	return 0; /* an unreadable one is replaced: browsers then go through sign-in once more */
}

int
binding_key_load(struct judge *j, struct reason *why)
{
	char hex[2 * sizeof j->binding_key + 1], text[128];
	int e = store_list(j->store, BINDING_KIND, "", 16, key_take, j, why);

	if (e < 0 || j->binding_there)
		return e;
	random_bytes(j->binding_key, sizeof j->binding_key);
	hex_encode_str(hex, sizeof hex, j->binding_key, sizeof j->binding_key);
	snprintf(text, sizeof text, "{\"key\":\"%s\"}", hex);
	e = store_put(j->store, BINDING_KIND, BINDING_ID, STORE_ANY, text, NULL, 0, NULL, why);
	mem_wipe(hex, sizeof hex);
	mem_wipe(text, sizeof text);
	j->binding_there = e == 0;
	return e;
}

static const char *
binding_of(struct req *r, const char *token)
{
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	hmac_sha256((struct slice){r->j->binding_key, sizeof r->j->binding_key}, slice_str(token), mac);
	hex_encode_str(hex, sizeof hex, mac, sizeof mac);
	return req_fmt(r, "%s", hex);
}

bool
app_binding_ok(struct req *r, const char *token)
{
	const char *given;

	if (!r->app->app->enable_binding_cookie)
		return true;
	return req_cookie(r, "CF_Binding", &given) == 0 && secret_eq(slice_str(given), slice_str(binding_of(r, token)));
}

/* --- setting them ----------------------------------------------------------------------------------------------------
 */

/* The path part of the application's entry for this host, up to its last whole segment; "/" when there is none. */
static const char *
cookie_path(struct req *r)
{
	const struct app *a = r->app->app;
	const struct texts *more = a->public_domains.n ? &a->public_domains : &a->self_hosted_domains;
	size_t n = strlen(r->host);

	if (!a->path_cookie_attribute)
		return "/";
	for (size_t i = 0; i <= more->n; i++) {
		const char *d = i == 0 ? a->domain : more->v[i - 1];
		if (strncmp(d, r->host, n) || d[n] != '/')
			continue;
		const char *path = d + n;
		size_t len = strcspn(path, "*");
		while (len > 1 && path[len] && path[len - 1] != '/') /* a wildcard: up to its segment */
			len--;
		while (len > 1 && path[len - 1] == '/')
			len--;
		if (strcspn(path, ";, \"") >= len)
			return req_fmt(r, "%.*s", (int)len, path);
	}
	return "/";
}

void
app_cookies_set(struct req *r, const char *token, int64_t exp)
{
	const struct app *a = r->app->app;
	struct cookie_form f = {.path = cookie_path(r),
	                        .same_site = same_site_str(a->same_site_cookie_attribute),
	                        .http_only = a->http_only_cookie_attribute};

	reply_cookie_form(r, "CF_Authorization", token, exp, &f);
	if (a->enable_binding_cookie) {
		f.http_only = true;
		f.same_site = "None";
		reply_cookie_form(r, "CF_Binding", binding_of(r, token), exp, &f);
	}
}

void
app_cookies_clear(struct req *r)
{
	struct cookie_form f = {.path = r->app ? cookie_path(r) : "/", .same_site = "None", .http_only = true};

	reply_cookie_form(r, "CF_Authorization", "", 0, &f);
	if (r->app && r->app->app->enable_binding_cookie)
		reply_cookie_form(r, "CF_Binding", "", 0, &f);
}

/* --- every host of one application -----------------------------------------------------------------------------------
 */

/* Plain host names, the first one's first; 0 when there are more than may be visited ahead. Wildcards have no one
   name to go to. */
static size_t
hosts_of(struct req *r, const char *v[AHEAD_HOSTS_MAX])
{
	const struct app *a = r->app->app;
	const struct texts *more = a->public_domains.n ? &a->public_domains : &a->self_hosted_domains;
	size_t n = 0;

	for (size_t i = 0; i <= more->n; i++) {
		const char *d = i == 0 ? a->domain : more->v[i - 1];
		const char *host = req_fmt(r, "%.*s", (int)strcspn(d, "/:"), d);
		bool known = strchr(host, '*') != NULL;
		for (size_t k = 0; k < n; k++)
			known |= !strcmp(v[k], host);
		if (known)
			continue;
		if (n == AHEAD_HOSTS_MAX)
			return 0;
		v[n++] = host;
	}
	return n;
}

static const char *
link_to(struct req *r, const char *host, const char *from, const char *to, size_t i)
{
	return req_fmt(r, "%s" CHAIN "?kid=%s&from=%s&i=%zu&to=%s", req_origin_of(r, host), r->app->app->aud, from, i,
	               req_escape(r, to));
}

const char *
app_chain_begin(struct req *r, const char *path)
{
	const char *v[AHEAD_HOSTS_MAX];
	size_t n = hosts_of(r, v);

	if (str_starts(path, CHAIN) || n < 2)
		return NULL;
	return link_to(r, !strcmp(v[0], r->host) ? v[1] : v[0], r->host, path, !strcmp(v[0], r->host) ? 1 : 0);
}

static bool
has_token(struct req *r)
{
	struct token t = {0};
	struct session *s = NULL;
	struct reason why = {0};
	const char *text = NULL;

	if (req_cookie(r, "CF_Authorization", &text) < 0 || session_of_app(r->j, text, r->app, &t, &s, &why) ||
	    !app_binding_ok(r, text)) {
		token_release(&t);
		return false;
	}
	token_release(&t);
	return true;
}

/* One host of the walk. Where it ends is checked against the application's own hosts, so that nobody is sent
   elsewhere; each host signs in by itself, with its own mark, so that nobody's sign-in is put under another's. */
void
chain_get(struct req *r)
{
	const char *v[AHEAD_HOSTS_MAX], *from = req_param(r, "from"), *to = req_param(r, "to");
	uint64_t i;
	size_t n;
	bool known = false;

	if (!(r->app = snapshot_app_of_host(r->snap, r->host, req_param(r, "kid")))) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	n = hosts_of(r, v);

	for (size_t k = 0; k < n; k++)
		known |= !strcmp(v[k], from);
	if (!known || str_u64(req_param(r, "i"), AHEAD_HOSTS_MAX, &i) < 0 || !url_is_local_path(to)) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	if (!has_token(r) && strcmp(req_param(r, "tried"), "1")) {
		login_redirect_to(r, req_fmt(r, "%s&tried=1", r->target)); /* once: a browser may keep no cookies */
		return;
	}
	for (i++; i < n; i++)
		if (strcmp(v[i], from)) {
			reply_redirect(r, link_to(r, v[i], from, to, (size_t)i));
			return;
		}
	reply_redirect(r, req_fmt(r, "%s%s", req_origin_of(r, from), to));
}
