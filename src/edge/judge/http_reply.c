#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/text.h"

#define PER_PAGE 1000

static const struct code_row {
	int code;
	unsigned status;
} codes[] = {
    {SP_BAD_REQUEST, 400},   {SP_TOO_LARGE, 413},      {SP_UNKNOWN_HOST, 404},
    {SP_NO_ROUTE, 503},      {SP_TUNNEL_DOWN, 503},    {SP_ORIGIN, 502},
    {SP_BUSY, 503},          {SP_INTERNAL, 500},       {SP_NOT_WEBSOCKET, 501},
    {SP_CONFLICT, 409},      {SP_NOT_FOUND, 404},      {SP_METHOD, 405},
    {SP_STORE, 503},         {SP_LOGIN_NEEDED, 401},   {SP_LOGIN_FAILED, 403},
    {SP_LOGIN_STATE, 403},   {SP_LOGIN_PROVIDER, 502}, {SP_ID_TOKEN, 403},
    {SP_EMAIL, 403},         {SP_LOGIN_RATE, 429},     {SP_DISABLED, 403},
    {SP_LOGIN_TIMEOUT, 408}, {SP_RECHECK, 503},        {SP_NO_POLICY, 403},
    {SP_POLICY_DENY, 403},   {SP_POLICY_BLOCK, 403},   {SP_TOKEN, 401},
    {SP_TOKEN_EXPIRED, 401}, {SP_TOKEN_AUDIENCE, 403}, {SP_REVOKED, 401},
    {SP_API_TOKEN, 401},     {SP_SERVICE_TOKEN, 401},  {SP_APPROVAL, 403},
    {SP_API_SCOPE, 403},     {SP_NO_CA, 400},          {SP_KEY_REFUSED, 400},
    {SP_KEY_MISMATCH, 403},  {SP_PRINCIPAL, 403},      {SP_PRINCIPAL_OWNED, 403},
    {SP_CERT_RATE, 429},     {SP_SIGNER_DOWN, 503},    {SP_TUNNEL_AUTH, 403},
    {SP_DESTINATION, 403},   {SP_HOST_REFUSED, 502},   {SP_HOST_NO_CERTS, 502},
    {SP_HOST_KEY, 502},      {SP_HOST_UNLISTED, 502},  {SP_HOST_LOST, 502},
    {SP_SESSION_IDLE, 403},  {SP_SESSION_CUT, 403},    {SP_SESSION_WIRE, 400},
    {SP_SESSION_FULL, 503},  {SP_SESSION_GONE, 404},   {SP_CONFIG, 400},
    {SP_APPLY, 400},
};

static const struct code_row *
row_of(int code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return &codes[i];
	return &codes[7]; /* SP_INTERNAL */
}

unsigned
sp_status(int code)
{
	return row_of(code)->status;
}

/* Programs and logs are told in English. */
const char *
sp_text(int code)
{
	return text_code(0, row_of(code)->code, NULL);
}

static bool
value_ok(const char *v)
{
	for (; *v; v++)
		if ((unsigned char)*v < 0x20 || *v == 0x7f)
			return false;
	return true;
}

void
reply_header(struct req *r, const char *name, const char *value)
{
	if (r->nout < sizeof r->out / sizeof *r->out && value_ok(value))
		r->out[r->nout++] = (struct reply_header){name, value};
}

static const char *
http_date(struct req *r, int64_t wall)
{
	char text[64];
	time_t t = (time_t)wall;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return req_fmt(r, "%s", text);
}

/* SameSite=None for the authorization cookies, as clients of this protocol expect; CF_Session never needs to travel
 * cross-site by POST. */
void
reply_cookie_form(struct req *r, const char *name, const char *value, int64_t expires, const struct cookie_form *f)
{
	const char *age = expires < 0 ? "" : req_fmt(r, "; Expires=%s", http_date(r, expires ? expires : 1));

	reply_header(r, "set-cookie",
	             req_fmt(r, "%s=%s; Path=%s; Secure%s; SameSite=%s%s", name, value, f->path,
	                     f->http_only ? "; HttpOnly" : "", f->same_site, age));
}

void
reply_cookie(struct req *r, const char *name, const char *value, int64_t expires)
{
	struct cookie_form f = {
	    .path = "/", .same_site = !strcmp(name, "CF_Authorization") ? "None" : "Lax", .http_only = true};
	reply_cookie_form(r, name, value, expires, &f);
}

static const char *const security[] = {
    "content-security-policy",
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https:; frame-ancestors 'none'; base-uri "
    "'none'",
    "x-content-type-options",
    "nosniff",
    "x-frame-options",
    "DENY",
    "referrer-policy",
    "same-origin",
    "cross-origin-opener-policy",
    "same-origin",
    "cross-origin-resource-policy",
    "same-origin",
    "cache-control",
    "no-store",
};

static void
send_answer(struct req *r, const struct fj_answer *a)
{
	if (r->front && r->front->ipc && ipc_reply(r->front->ipc, r->id, &fj_answer_def, a) < 0)
		log_warn("answer_lost", "request", r->rid, NULL);
	req_drop(r);
}

static bool
is_put(const struct req *r, const char *name)
{
	for (size_t i = 0; i < r->nout; i++)
		if (!strcmp(r->out[i].name, name))
			return true;
	return false;
}

void
reply_bytes(struct req *r, unsigned status, const char *type, const void *p, size_t n)
{
	const char *v[2 * (sizeof r->out / sizeof *r->out) + sizeof security / sizeof *security + 4];
	size_t k = 0;
	struct fj_answer a = {.action = ANSWER_RESPOND, .status = status, .body = {p, r->head ? 0 : n}};

	if (type) {
		v[k++] = "content-type";
		v[k++] = type;
	}
	for (size_t i = 0; i < sizeof security / sizeof *security; i += 2) {
		if (is_put(r, security[i])) /* a page that runs a script has a policy of its own */
			continue;
		v[k++] = security[i];
		v[k++] = security[i + 1];
	}
	for (size_t i = 0; i < r->nout; i++) {
		v[k++] = r->out[i].name;
		v[k++] = r->out[i].value;
	}
	v[k++] = "cf-ray";
	v[k++] = r->rid;
	a.headers = (struct strs){v, k};
	send_answer(r, &a);
}

void
reply_text(struct req *r, unsigned status, const char *text)
{
	reply_bytes(r, status, "text/plain; charset=utf-8", text, strlen(text));
}

void
reply_html(struct req *r, unsigned status, struct buf *html)
{
	struct buf b = *html;

	*html = (struct buf){.max = b.max};
	reply_bytes(r, status, "text/html; charset=utf-8", buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

void
reply_json(struct req *r, unsigned status, json_t *j)
{
	struct buf b;

	buf_init(&b, FJ_BODY_MAX);
	if (!j || json_dump(j, &b) < 0) {
		buf_clear(&b);
		buf_put_str(
		    &b, "{\"success\":false,\"errors\":[{\"code\":1008,\"message\":\"SP-1008 answer too large\"}]}");
		status = 500;
	}
	json_decref(j);
	reply_bytes(r, status, "application/json", buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

void
reply_redirect(struct req *r, const char *location)
{
	reply_header(r, "location", location);
	reply_bytes(r, 302, NULL, "", 0);
}

static json_t *
messages(const struct req *r)
{
	json_t *v = json_array(), *one;
	size_t i;

	json_array_foreach(r->warnings, i, one)
	    json_array_append_new(v, json_pack("{s:i, s:O}", "code", SP_APPLY, "message", one));
	return v;
}

void
reply_result_status(struct req *r, unsigned status, json_t *result)
{
	reply_json(r, status,
	           json_pack("{s:b, s:[], s:o, s:o}", "success", 1, "errors", "messages", messages(r), "result",
	                     result ? result : json_null()));
}

void
reply_result(struct req *r, json_t *result)
{
	reply_result_status(r, 200, result);
}

static size_t
number_param(const struct req *r, const char *name, size_t dflt, size_t max)
{
	uint64_t v;
	const char *s = req_param(r, name);
	return *s && str_u64(s, max, &v) == 0 && v ? (size_t)v : dflt;
}

/* A page past the end is empty. */
void
reply_list(struct req *r, json_t *all)
{
	size_t page = number_param(r, "page", 1, 1000000), per = number_param(r, "per_page", PER_PAGE, PER_PAGE);
	size_t total = json_array_size(all), from = (page - 1) * per;
	json_t *v = json_array();

	for (size_t i = from; i < total && i - from < per; i++)
		json_array_append(v, json_array_get(all, i));
	json_t *info = json_pack("{s:I, s:I, s:I, s:I, s:I}", "page", (json_int_t)page, "per_page", (json_int_t)per,
	                         "count", (json_int_t)json_array_size(v), "total_count", (json_int_t)total,
	                         "total_pages", (json_int_t)((total + per - 1) / per));
	json_decref(all);
	reply_json(r, 200,
	           json_pack("{s:b, s:[], s:[], s:o, s:o}", "success", 1, "errors", "messages", "result", v,
	                     "result_info", info));
}

/* Under access/, tools look for the original's words (facts/access.md 11). */
static bool
is_access(const struct req *r)
{
	return strstr(r->path, "/access/") != NULL;
}

static int
envelope_code(const struct req *r, const struct code_row *row)
{
	return is_access(r) && row->status == 400 ? 12130 : row->code;
}

static const char *
envelope_kind(const struct req *r, const struct code_row *row)
{
	if (!is_access(r))
		return "";
	return row->status == 400   ? "access.api.error.invalid_request: "
	       : row->status == 404 ? "access.api.error.not_found: "
	       : row->status == 409 ? "access.api.error.conflict: "
	                            : "";
}

void
reply_refuse_at(struct req *r, int code, const char *more, const char *pointer)
{
	const struct code_row *row = row_of(code);

	if (r->envelope) {
		json_t *e = json_pack("{s:i, s:o}", "code", envelope_code(r, row), "message",
		                      json_string(req_fmt(r, "%sSP-%d %s%s%s", envelope_kind(r, row), code,
		                                          sp_text(code), *more ? " " : "", more)));
		if (pointer)
			json_object_set_new(e, "source", json_pack("{s:s}", "pointer", pointer));
		reply_json(r, row->status,
		           json_pack("{s:b, s:[o], s:[], s:n}", "success", 0, "errors", e, "messages", "result"));
	} else if (r->json) {
		reply_json(r, row->status,
		           json_pack("{s:i, s:s}", "status", (int)row->status, "message",
		                     req_fmt(r, "SP-%d %s%s%s", code, sp_text(code), *more ? " " : "", more)));
	} else if (app_deny_elsewhere(r, code)) {
		return;
	} else if (req_wants_html(r)) {
		page_refuse(r, row->status, code, more);
	} else {
		reply_header(r, "cf-access-error", req_fmt(r, "SP-%d", code));
		reply_text(r, row->status, req_fmt(r, "SP-%d %s\n", code, sp_text(code)));
	}
}

void
reply_refuse_text(struct req *r, int code, const char *more)
{
	reply_refuse_at(r, code, more, NULL);
}

void
reply_refuse(struct req *r, int code)
{
	reply_refuse_at(r, code, "", NULL);
}

void
reply_relay(struct req *r, const struct fj_answer *a)
{
	send_answer(r, a);
}
