#include "cli/common/http.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/common/api_text.h"
#include "core/str.h"
#include "io/file.h"
#include "net/http_client.h"

#define API_DEADLINE_MS 30000

struct waiting {
	struct loop *loop;
	struct cli_response *ret;
	int err;
};

static char *
dup_header(const char *s)
{
	return str_dup(s ? s : "");
}

static void
on_answer(const struct http_answer *a, void *arg)
{
	struct waiting *w = arg;
	struct cli_response *ret = w->ret;

	w->err = a->err;
	ret->step = (enum cli_step)a->step;
	ret->status = a->status;
	str_copy_n(ret->why, sizeof ret->why, a->why, strnlen(a->why, sizeof ret->why - 1));
	for (size_t i = 0; i < a->nh && ret->nh < sizeof ret->h / sizeof *ret->h; i++) {
		ret->h[ret->nh].name = dup_header(a->h[i].name);
		ret->h[ret->nh++].value = dup_header(a->h[i].value);
	}
	if (a->err == 0 && buf_put_slice(&ret->body, a->body) < 0)
		w->err = E_NOMEM;
	if (a->conn) {
		conn_set_ops(a->conn, NULL, NULL);
		conn_close(a->conn);
	}
	loop_stop(w->loop);
}

int
cli_http(const struct cli *c, const char *method, const char *url, const char *const *headers, const void *body,
         size_t n, int64_t deadline_ms, struct cli_response *ret)
{
	struct waiting w = {.ret = ret, .err = E_TIMEOUT};
	struct reason why = {0};
	struct http_ask q = {.method = method,
	                     .url = url,
	                     .headers = headers,
	                     .body = body,
	                     .nbody = n,
	                     .body_max = CLI_BODY_MAX,
	                     .deadline_ms = deadline_ms,
	                     .connect_to = c->connect_to};
	int r;

	memset(ret, 0, sizeof *ret);
	buf_init_secret(&ret->body, CLI_BODY_MAX);
	ret->step = STEP_TLS;
	r = loop_new(&w.loop);
	if (r < 0)
		return r;
	r = tls_client_new(c->ca_file, false, &q.tls, &why);
	if (r == 0)
		tls_client_alpn(q.tls, "http/1.1");
	if (r == 0 && (r = http_client_start(w.loop, &q, on_answer, &w, NULL)) < 0)
		reason_set(&why, r, 0, r == E_DENIED ? "only https is spoken" : "not a usable URL: %s", url);
	if (r == 0) {
		loop_run(w.loop);
		r = w.err;
	} else {
		str_copy(ret->why, sizeof ret->why, why.text);
	}
	tls_ctx_unref(q.tls);
	loop_free(w.loop);
	return r;
}

const char *
cli_response_header(const struct cli_response *r, const char *name)
{
	for (size_t i = 0; i < r->nh; i++)
		if (!strcmp(r->h[i].name, name))
			return r->h[i].value;
	return NULL;
}

void
cli_response_release(struct cli_response *r)
{
	for (size_t i = 0; i < r->nh; i++) {
		free(r->h[i].name);
		free(r->h[i].value);
	}
	r->nh = 0;
	buf_release(&r->body);
}

/* --- the API
 * ----------------------------------------------------------------------------------------------------------- */

static int
from_cert_pem(const struct cli *c, struct cli_api *a)
{
	char path[4200];
	struct reason why = {0};
	struct buf b;

	if (c->origincert)
		str_copy(path, sizeof path, c->origincert);
	else
		snprintf(path, sizeof path, "%s/cert.pem", c->home);
	if (!c->origincert && access(path, R_OK) < 0)
		return cli_fail(SP_API_TOKEN, "which API token? give --api-token, SALLYPORT_API_TOKEN, or --origincert "
		                              "with the edge's cert.pem"),
		       E_NOENT;
	buf_init_secret(&b, 65536);
	int r = file_read_private(path, 077, &b, &why);
	if (r < 0)
		cli_fail(SP_CLIENT_FILE, "%s", why.text[0] ? why.text : path);
	const char *text = r == 0 ? buf_cstr(&b) : NULL;
	if (r == 0 && (!text || (r = cert_pem_parse(text, a)) < 0))
		cli_fail(SP_CLIENT_FILE, "%s: expected one ARGO TUNNEL TOKEN block, as sallyportd init wrote it", path),
		    r = E_FORMAT;
	buf_release(&b);
	return r;
}

/* Account and zone of a bare token are asked for once: the edge has one of each. */
static int
ask_account(const struct cli *c, struct cli_api *a)
{
	json_t *o = NULL;
	int r = cli_api_call(c, a, "GET", "/user/tokens/verify", NULL, &o, NULL);

	if (r == 0) {
		str_copy(a->account, sizeof a->account, json_str_or(o, "account_id", ""));
		str_copy(a->zone, sizeof a->zone, json_str_or(o, "zone_id", ""));
	}
	json_decref(o);
	return r;
}

int
cli_api_open(const struct cli *c, struct cli_api *a)
{
	int r;

	memset(a, 0, sizeof *a);
	if (!c->api_url)
		return cli_fail(SP_CLIENT_USAGE,
		                "where is the edge? give --api-url https://TEAM/client/v4 or TUNNEL_API_URL"),
		       E_FORMAT;
	if (str_copy(a->base, sizeof a->base, c->api_url) < 0 || !str_starts(a->base, "https://"))
		return cli_fail(SP_CLIENT_USAGE, "--api-url %s: expected https://TEAM[:PORT]/client/v4", c->api_url),
		       E_FORMAT;
	size_t n = strlen(a->base);
	if (n && a->base[n - 1] == '/')
		a->base[n - 1] = 0;
	if (c->api_token) {
		r = secret_set_str(&a->token, c->api_token);
		return r < 0 ? r : ask_account(c, a);
	}
	return from_cert_pem(c, a);
}

void
cli_api_release(struct cli_api *a)
{
	secret_release(&a->token);
}

static char *
api_url(const struct cli_api *a, const char *path)
{
	struct buf b;

	buf_init(&b, 16384);
	buf_put_str(&b, a->base);
	for (const char *p = path; *p; p++) {
		/* a whole segment: "%A4" is half a letter of somebody's name */
		if (p[0] == '%' && (p[1] == 'A' || p[1] == 'Z') && p[2] == '/') {
			buf_put_str(&b, *++p == 'A' ? a->account : a->zone);
			continue;
		}
		buf_put(&b, p, 1);
	}
	return buf_take_str(&b);
}

static void
say_errors(const json_t *errors, unsigned status)
{
	const json_t *e;
	size_t i;

	json_array_foreach(errors, i, e)
	{
		const char *text = json_str_or(e, "message", "no message"), *ours = strstr(text, ": SP-");
		if (str_starts(text, "access.api.error.") && ours)
			text = ours + 2;
		cli_fail(str_starts(text, "SP-") ? 0 : (int)json_i64_or(e, "code", 0), "%s", text);
	}
	if (!json_array_size(errors))
		cli_fail(0, "the edge answered with status %u", status);
}

static int
read_answer(const struct cli_response *resp, json_t **ret_result, json_t **ret_errors)
{
	json_t *errors = NULL;
	int r = api_answer_parse(buf_ptr(&resp->body), buf_len(&resp->body), ret_result, &errors);

	if (r == E_FORMAT) {
		cli_fail(SP_CLIENT_PROTOCOL,
		         "the edge answered with status %u and something that is not JSON: is the URL right?",
		         resp->status);
	} else if (r == E_DENIED) {
		if (ret_errors)
			*ret_errors = json_incref(errors);
		else
			say_errors(errors, resp->status);
		r = resp->status == 404 ? E_NOENT : E_DENIED;
	}
	json_decref(errors);
	return r;
}

int
cli_api_call(const struct cli *c, const struct cli_api *a, const char *method, const char *path, const json_t *body,
             json_t **ret_result, json_t **ret_errors)
{
	struct cli_response resp = {0};
	char *url = api_url(a, path),
	     *auth = str_fmt("Authorization: Bearer %.*s", (int)a->token.n, (const char *)a->token.d);
	char *text = body ? json_dump_str(body) : NULL;
	const char *headers[] = {auth, "Accept: application/json;version=1", "User-Agent: sallyport/" SALLYPORT_VERSION,
	                         text ? "Content-Type: application/json" : NULL, NULL};
	int r = url && auth && (text || !body) ? 0 : E_NOMEM;

	if (r == 0 &&
	    (r = cli_http(c, method, url, headers, text, text ? strlen(text) : 0, API_DEADLINE_MS, &resp)) < 0)
		cli_fail(SP_CLIENT_NET, "cannot reach the edge at %s: %s failed: %s", a->base,
		         http_step_str((enum http_step)resp.step), resp.why);
	if (r == 0)
		r = read_answer(&resp, ret_result, ret_errors);
	cli_response_release(&resp);
	if (auth)
		mem_wipe(auth, strlen(auth));
	if (text)
		mem_wipe(text, strlen(text));
	free(auth);
	free(text);
	free(url);
	return r;
}
