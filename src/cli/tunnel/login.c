/* login: an administrator confirms in a browser, and cert.pem is written: what `tunnel create` and its like, ours and
 * stock cloudflared's, manage the tunnels with. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/http.h"
#include "cli/common/transfer.h"
#include "cli/tunnel/tunnel.h"
#include "core/secret.h"
#include "core/str.h"
#include "core/url.h"
#include "io/file.h"

#define LINE 64 /* base64 in a PEM file */

static int
team_of(const struct cli *c, const struct tunnel_options *o, const struct cli_list *pos, struct hostport *ret_team)
{
	const char *text = pos->n ? pos->v[0] : o->login_url ? o->login_url : c->api_url;
	struct url u = {0};
	int r;

	if (!text)
		return cli_fail(SP_CLIENT_USAGE,
		                "where is the edge? give its team host: sallyport tunnel login https://TEAM"),
		       E_FORMAT;
	char *full = strstr(text, "://") ? str_dup(text) : str_fmt("https://%s", text);
	r = full ? url_parse(full, &u) : E_NOMEM;
	if (r == 0 && !str_starts(full, "https://"))
		r = E_FORMAT;
	if (r == 0)
		*ret_team = u.at;
	else
		cli_fail(SP_CLIENT_USAGE, "\"%s\": expected the edge's team host, for example https://team.example.com",
		         text);
	url_release(&u);
	free(full);
	return r;
}

static int
put_pem(struct buf *out, const json_t *o)
{
	const char *token = json_str_or(o, "api_token", ""), *account = json_str_or(o, "account", ""),
	           *zone = json_str_or(o, "zone", "");
	struct buf json, b64;
	int r = *token && *account && *zone ? 0 : E_FORMAT;
	json_t *inner =
	    r == 0 ? json_pack("{s:s,s:s,s:s}", "zoneID", zone, "accountID", account, "apiToken", token) : NULL;

	buf_init_secret(&json, 65536);
	buf_init_secret(&b64, 131072);
	if (r == 0)
		r = inner ? json_dump(inner, &json) : E_NOMEM;
	if (r == 0)
		r = b64_encode(&b64, B64_STD, buf_ptr(&json), buf_len(&json));
	if (r == 0)
		r = buf_put_str(out, "-----BEGIN ARGO TUNNEL TOKEN-----\n");
	for (size_t i = 0; r == 0 && i < buf_len(&b64); i += LINE) {
		size_t k = buf_len(&b64) - i < LINE ? buf_len(&b64) - i : LINE;
		r = buf_put(out, buf_ptr(&b64) + i, k);
		if (r == 0)
			r = buf_put_str(out, "\n");
	}
	if (r == 0)
		r = buf_put_str(out, "-----END ARGO TUNNEL TOKEN-----\n");
	json_decref(inner);
	buf_release(&json);
	buf_release(&b64);
	return r;
}

static int
store(const json_t *o, const char *path, const char *team)
{
	struct buf pem;
	int r;

	buf_init_secret(&pem, 131072);
	r = put_pem(&pem, o);
	if (r < 0)
		cli_fail(SP_CLIENT_PROTOCOL, "%s sent no credential for tunnels", team);
	else if ((r = file_write_new(path, 0600, buf_ptr(&pem), buf_len(&pem))) < 0)
		cli_fail(SP_CLIENT_FILE,
		         r == E_EXIST ? "%s: somebody wrote it meanwhile; it was left as it is"
		                      : "%s could not be written",
		         path);
	buf_release(&pem);
	return r;
}

static int
finish(const json_t *o, const char *path, const struct hostport *team)
{
	json_t *error;
	char at[300];

	hostport_format(team, at, sizeof at);
	if (json_get_object(o, "error", &error) == 0)
		return cli_fail(0, "%s refused by %s: %s", json_str_or(error, "code", "SP-1202"), at,
		                json_str_or(error, "message", "access denied")),
		       E_DENIED;
	int r = store(o, path, at);
	if (r == 0)
		printf("You have successfully logged in. Keep this file secret: whoever has it can manage the "
		       "tunnels.\n%s\n"
		       "Tell 'sallyport tunnel' where this edge is: export TUNNEL_API_URL=https://%s/client/v4\n",
		       path, at);
	return r;
}

int
tunnel_login(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	struct transfer t = {0};
	struct hostport team;
	char path[4200], at[300];
	json_t *answer = NULL;

	if (pos->n > 1)
		return tunnel_want(pos, 1, "login [https://TEAM]"), 2;
	if (c->origincert ? str_copy(path, sizeof path, c->origincert) < 0
	                  : snprintf(path, sizeof path, "%s/cert.pem", c->home) >= (int)sizeof path)
		return cli_fail(SP_CLIENT_FILE, "the path of cert.pem is too long");
	if (access(path, F_OK) == 0)
		return cli_fail(SP_CLIENT_FILE,
		                "%s exists already, and a login would overwrite it; move or delete it first", path);
	if (team_of(c, o, pos, &team) < 0)
		return 2;
	if (!c->origincert && file_mkdirs(c->home, 0700) < 0)
		return cli_fail(SP_CLIENT_FILE, "cannot make the folder %s", c->home);
	int r = transfer_begin(&t);
	hostport_format(&team, at, sizeof at);
	/* the key ends with one sign of padding */
	char *url = r == 0 ? str_fmt("https://%s/cdn-cgi/access/tunnel-login?token=%.43s%%3D", at, t.pub64) : NULL;
	if (url) {
		transfer_show(&t, url, o->no_browser);
		r = transfer_wait(c, &t, &team, &answer);
		if (r == E_TIMEOUT)
			cli_fail(SP_LOGIN_TIMEOUT,
			         "nobody confirmed in time; run 'sallyport tunnel login' to try again");
		else if (r == 0)
			r = finish(answer, path, &team);
	} else
		r = E_NOMEM;
	free(url);
	json_decref(answer);
	transfer_release(&t);
	return r == 0 ? 0 : 1;
}
