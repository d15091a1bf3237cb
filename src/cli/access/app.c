#include "cli/access/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "io/file.h"

#define DISCOVER_MS 10000

int
app_parse(const char *text, struct app *a)
{
	struct url u = {0};
	int r;

	memset(a, 0, sizeof *a);
	if (strstr(text, "://")) {
		r = url_parse(text, &u);
		if (r == 0 && strcmp(u.scheme, "https"))
			r = E_DENIED;
		if (r == 0) {
			a->at = u.at;
			if (a->at.port == 443)
				a->at.port = 0;
		}
		url_release(&u);
	} else {
		r = hostport_parse(text, 0, &a->at);
	}
	if (r == 0 && (a->at.is_ip || a->at.host[0] == '-'))
		r = E_FORMAT;
	if (r < 0)
		return cli_fail(SP_CLIENT_USAGE,
		                r == E_DENIED ? "%s: only https is spoken: a token must not travel in the clear"
		                              : "\"%s\" is not a host name, expected for example ssh.example.com",
		                text),
		       r;
	hostport_format(&a->at, a->name, sizeof a->name);
	if (!a->at.port)
		a->at.port = 443;
	return 0;
}

int
app_file(const struct cli *c, const struct app *a, const char *suffix, char *out, size_t n)
{
	int w = snprintf(out, n, "%s/%s%s", c->home, a->at.host, suffix);

	return w > 0 && (size_t)w < n ? 0 : E_LIMIT;
}

int
app_token_file(const struct cli *c, const struct app *a, char *out, size_t n)
{
	char suffix[80];

	snprintf(suffix, sizeof suffix, "-%s-token", a->aud);
	return app_file(c, a, suffix, out, n);
}

int
app_store(const struct cli *c, const char *path, mode_t mode, struct slice data)
{
	if (file_mkdirs(c->home, 0700) < 0)
		return cli_fail(SP_CLIENT_FILE, "cannot make the folder %s: %s", c->home, strerror(errno)), E_IO;
	if (file_write_atomic(path, mode, data.p, data.n) < 0)
		return cli_fail(SP_CLIENT_FILE, "cannot write %s: %s", path, strerror(errno)), E_IO;
	return 0;
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

int
app_token_load(const struct cli *c, const struct app *a, struct secret *ret_token)
{
	struct reason why = {0};
	char path[4400];
	struct buf b;
	int64_t exp;

	if (app_token_file(c, a, path, sizeof path) < 0 || access(path, F_OK) < 0)
		return E_NOENT;
	buf_init_secret(&b, TOKEN_MAX);
	int r = file_read_private(path, 077, &b, &why);
	if (r < 0) {
		cli_fail(SP_CLIENT_FILE, "%s", why.text[0] ? why.text : path);
		goto out;
	}
	while (buf_len(&b) && (b.d[b.w - 1] == '\n' || b.d[b.w - 1] == '\r'))
		b.w--;
	r = token_ok(buf_slice(&b)) ? token_expiry(buf_slice(&b), &exp) : E_FORMAT;
	if (r < 0 || exp <= clock_wall() + 30) {
		unlink(path);
		r = E_NOENT;
		goto out;
	}
	r = secret_set(ret_token, buf_ptr(&b), buf_len(&b));
out:
	buf_release(&b);
	return r;
}

void
app_token_drop(const struct cli *c, const struct app *a)
{
	char path[4400];

	if (app_token_file(c, a, path, sizeof path) == 0)
		unlink(path);
}

/* --- discovery ------------------------------------------------------------------------------------------------------
 */

static int
cache_load(const struct cli *c, struct app *a, struct hostport *ret_team, char aud[static 65])
{
	char path[4400];
	struct buf b;

	buf_init(&b, APP_CACHE_MAX);
	int r = app_file(c, a, ".app", path, sizeof path);
	if (r == 0)
		r = file_read(path, &b);
	if (r == 0)
		r = app_cache_parse(buf_slice(&b), ret_team, aud);
	buf_release(&b);
	return r;
}

static int
cache_store(const struct cli *c, const struct app *a)
{
	char path[4400], team[300];
	int r = app_file(c, a, ".app", path, sizeof path);

	hostport_format(&a->team, team, sizeof team);
	json_t *o = json_pack("{s:s,s:s}", "aud", a->aud, "team", team);
	char *text = o ? json_dump_str(o) : NULL;
	if (r == 0)
		r = text ? app_store(c, path, 0600, slice_str(text)) : E_NOMEM;
	free(text);
	json_decref(o);
	return r;
}

/* Whoever comes from here is refused, signed in or not: then nothing sends us to the team host. E_DENIED, with the aud
   that the edge names; a port or a proxy in between that says 403 of its own names none. */
static int
refused_before_login(const struct cli_response *resp, struct app *a)
{
	const char *code = cli_response_header(resp, "cf-access-error"),
	           *aud = cli_response_header(resp, "cf-access-aud");

	if (resp->status != 403 || !code || !aud || str_copy(a->aud, sizeof a->aud, aud) < 0)
		return 0;
	return E_DENIED;
}

static int
ask(const struct cli *c, struct app *a)
{
	static const char *const headers[] = {"User-Agent: sallyport/" SALLYPORT_VERSION, NULL};
	struct cli_response resp = {0};
	char url[400];

	snprintf(url, sizeof url, "https://%s/", a->name);
	int r = cli_http(c, "HEAD", url, headers, NULL, 0, DISCOVER_MS, &resp);
	if (r < 0) {
		static const char *const steps[] = {"its name does not resolve", "no TCP connection", "TLS failed",
		                                    "no HTTP answer"};
		cli_fail(SP_CLIENT_NET, "cannot reach %s: %s (%s); 'sallyport doctor client %s' looks closer", a->name,
		         steps[resp.step], resp.why, a->name);
	} else if ((r = refused_before_login(&resp, a)) < 0) {
		str_copy(a->refusal, sizeof a->refusal, cli_response_header(&resp, "cf-access-error"));
	} else if ((r = app_redirect_parse(resp.status, cli_response_header(&resp, "location"), a)) < 0) {
		const char *code = cli_response_header(&resp, "cf-access-error");
		if (resp.status == 404)
			cli_fail(SP_UNKNOWN_HOST, "the edge knows no application named %s", a->at.host);
		else
			cli_fail(SP_CLIENT_PROTOCOL, "failed to find an Access application at %s (status %u%s%s)",
			         a->name, resp.status, code ? ", " : "", code ? code : "");
	}
	cli_response_release(&resp);
	return r;
}

int
app_cached(const struct cli *c, struct app *a)
{
	return cache_load(c, a, &a->team, a->aud) == 0 ? 0 : E_NOENT;
}

int
app_pin(const struct cli *c, const struct app *a)
{
	struct hostport pinned = {0};
	struct app was = *a;
	char path[4400];

	if (cache_load(c, &was, &pinned, was.aud) == 0 && strcmp(pinned.host, a->team.host)) {
		app_file(c, a, ".app", path, sizeof path);
		return cli_fail(SP_CLIENT_PROTOCOL,
		                "%s now sends you to sign in at %s, it was %s before; if your administrator confirms "
		                "the change, remove %s",
		                a->name, a->team.host, pinned.host, path),
		       E_DENIED;
	}
	return cache_store(c, a);
}

int
app_discover(const struct cli *c, struct app *a)
{
	struct hostport pinned = {0};
	char aud[65] = "";
	bool known = cache_load(c, a, &pinned, aud) == 0;

	int r = ask(c, a);
	if (r == E_DENIED && known && !strcmp(a->aud, aud)) {
		a->team = pinned; /* seen before: the token at hand may say more */
		return 0;
	}
	if (r == E_DENIED)
		cli_fail(0, "%s %s refuses whoever comes from here, signed in or not", a->refusal, a->name);
	return r < 0 ? r : app_pin(c, a);
}
