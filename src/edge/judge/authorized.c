/* Back on the application's host with a one-time code: the browser gets the application's own cookie. */
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/login.h"
#include "edge/judge/once.h"
#include "edge/judge/snapshot.h"

/* A code is good on the one host that it was made for: elsewhere it is another name, and is not used up. */
static const char *
name_of(struct req *r, const char *code, const char *host)
{
	return req_fmt(r, "%s %s", code, host);
}

int
code_new(struct req *r, const char *host, const char *token, int64_t exp, const char **ret_code)
{
	char code[33];
	json_t *o = json_pack("{s:s, s:I}", "token", token, "exp", (json_int_t)exp);

	judge_random_hex(code, 16);
	int e = o ? once_put(r->j, ONCE_CODE, name_of(r, code, host), o, CODE_SEC) : E_NOMEM;
	json_decref(o);
	*ret_code = req_fmt(r, "%s", code);
	return e;
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

/* The application's cookies for this browser; whoever brings the code without the mark has used it up. */
static void
let_in(struct req *r, const json_t *code, const char *path)
{
	const char *token = json_str_or(code, "token", "");
	char aud[65];
	bool again;

	if (!mark_fits(r, &again)) {
		if (again)
			reply_redirect(r, req_fmt(r, "%s%s", req_origin_of(r, r->host), path));
		else
			judge_deny(r, NULL, SP_LOGIN_STATE, "sign-in began in another browser");
		return;
	}
	/* A host may have several applications, by path: this is the one that the token is for. */
	token_claimed_aud(token, aud);
	const struct app_view *a = snapshot_app_of_host(r->snap, r->host, aud);
	if (a)
		r->app = a;
	app_cookies_set(r, req_fmt(r, "%s", token), json_i64_or(code, "exp", 0));
	reply_cookie(r, "CF_AppSession", "", 0);
	const char *ahead = is_browser(r) ? app_chain_begin(r, path) : NULL;
	reply_redirect(r, ahead ? ahead : req_fmt(r, "%s%s", req_origin_of(r, r->host), path));
}

void
authorized_get(struct req *r)
{
	const char *path = req_param(r, "redirect_url");
	json_t *code = NULL;

	if (!url_is_local_path(path) || str_starts(path, "/cdn-cgi/access/authorized"))
		path = "/";
	int e = once_take(r->j, ONCE_CODE, name_of(r, req_param(r, "nonce"), r->host), &code);
	if (e < 0)
		judge_deny(r, NULL, e == E_NOENT ? SP_LOGIN_STATE : SP_STORE,
		           e == E_NOENT ? "one-time code unknown, used or expired" : "the store was away");
	else
		let_in(r, code, path);
	json_decref(code);
}
