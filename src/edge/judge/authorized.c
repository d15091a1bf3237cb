/* Back on the application's host with a one-time code: the browser gets the application's own cookie. */
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/login.h"
#include "edge/judge/snapshot.h"

struct code_entry {
	struct list age;
	char code[33], host[254];
	char *token;
	int64_t exp, until;
};

static void
entry_free(struct judge *j, struct code_entry *c)
{
	map_take(&j->codes, c->code);
	list_remove(&c->age);
	mem_wipe(c->token, strlen(c->token));
	free(c->token);
	free(c);
}

static void
expire(struct judge *j)
{
	int64_t now = judge_now();

	while (!list_empty(&j->code_age)) {
		struct code_entry *c = list_entry(j->code_age.next, struct code_entry, age);
		if (now < c->until && map_len(&j->codes) < CODES_MAX)
			return;
		entry_free(j, c);
	}
}

int
code_new(struct judge *j, const char *host, const char *token, int64_t exp, const char **ret_code)
{
	struct code_entry *c = calloc(1, sizeof *c);

	expire(j);
	if (!c || !(c->token = str_dup(token)) || str_copy(c->host, sizeof c->host, host) < 0)
		goto fail;
	judge_random_hex(c->code, 16);
	c->exp = exp;
	c->until = judge_now() + CODE_SEC;
	if (map_put(&j->codes, c->code, c) < 0)
		goto fail;
	list_push(&j->code_age, &c->age);
	*ret_code = c->code;
	return 0;
fail:
	if (c)
		free(c->token);
	free(c);
	return E_NOMEM;
}

/* Browsers send fetch metadata with everything, pictures of a foreign page included; older ones at least say Mozilla.
 */
static bool
is_browser(const struct req *r)
{
	const char *agent = req_header(r, "user-agent");

	return req_wants_html(r) || req_header(r, "sec-fetch-site") || req_header(r, "sec-fetch-mode") ||
	       (agent && str_starts(agent, "Mozilla/"));
}

/* The mark that login_redirect put into this browser. A program has no cookies of its own between these hops and none
   to lose; a browser must come back with the mark that its sign-in began with. */
static bool
mark_fits(struct req *r, bool *ret_start_again)
{
	const char *state = req_param(r, "state"), *mark;
	char hash[65];

	*ret_start_again = false;
	if (!is_browser(r))
		return true;
	if (!*state) {
		*ret_start_again = true;
		return false;
	}
	if (req_cookie(r, "CF_AppSession", &mark) < 0)
		return false;
	sha256_hex(mark, strlen(mark), hash);
	return secret_eq(slice_str(hash), slice_str(state));
}

void
authorized_get(struct req *r)
{
	const char *path = req_param(r, "redirect_url");
	bool again;

	expire(r->j);
	if (!url_is_local_path(path) || str_starts(path, "/cdn-cgi/access/authorized"))
		path = "/";
	struct code_entry *c = map_get(&r->j->codes, req_param(r, "nonce"));
	if (!c || strcmp(c->host, r->host)) {
		judge_deny(r, NULL, SP_LOGIN_STATE, "one-time code unknown, used or expired");
		return;
	}
	if (!mark_fits(r, &again)) {
		entry_free(r->j, c);
		if (again)
			reply_redirect(r, req_fmt(r, "%s%s", req_origin_of(r, r->host), path));
		else
			judge_deny(r, NULL, SP_LOGIN_STATE, "sign-in began in another browser");
		return;
	}
	/* A host may have several applications, by path: this is the one that the token is for. */
	char aud[65];
	token_claimed_aud(c->token, aud);
	const struct app_view *a = snapshot_app_of_host(r->snap, r->host, aud);
	if (a)
		r->app = a;
	app_cookies_set(r, req_fmt(r, "%s", c->token), c->exp);
	reply_cookie(r, "CF_AppSession", "", 0);
	entry_free(r->j, c);
	const char *ahead = is_browser(r) ? app_chain_begin(r, path) : NULL;
	if (ahead) {
		reply_redirect(r, ahead);
		return;
	}
	reply_redirect(r, req_fmt(r, "%s%s", req_origin_of(r, r->host), path));
}
