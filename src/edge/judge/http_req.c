#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/json.h"
#include "core/str.h"
#include "edge/judge/country.h"
#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/snapshot.h"

#define JSON_BODY_MAX FJ_BODY_MAX

static const char *const token_chars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";

/* front normalises; judge does not take its word for it. */
static bool
headers_sane(const struct strs *h)
{
	if (h->n % 2)
		return false;
	for (size_t i = 0; i < h->n; i += 2) {
		if (!*h->v[i] || h->v[i][strspn(h->v[i], token_chars)])
			return false;
		for (const char *p = h->v[i + 1]; *p; p++)
			if ((unsigned char)*p < 0x20 && *p != '\t')
				return false;
	}
	return true;
}

static bool
target_sane(const char *t)
{
	if (t[0] != '/')
		return false;
	for (; *t; t++)
		if ((unsigned char)*t <= 0x20 || *t == 0x7f || *t == '#' || *t == '\\')
			return false;
	return true;
}

static int
copy_headers(struct req *r, const struct strs *h)
{
	const char **v = arena_alloc(&r->arena, (h->n + 1) * sizeof *v);
	if (!v)
		return E_NOMEM;
	for (size_t i = 0; i < h->n; i++)
		if (!(v[i] = arena_str(&r->arena, h->v[i])))
			return E_NOMEM;
	r->headers = (struct strs){v, h->n};
	return 0;
}

static int
copy_fields(struct req *r, const struct fj_request *m)
{
	size_t n = strcspn(m->target, "?");

	r->method = arena_str(&r->arena, m->method);
	r->host = arena_str(&r->arena, m->host);
	r->target = arena_str(&r->arena, m->target);
	r->path = arena_strn(&r->arena, m->target, n);
	r->query_text = arena_str(&r->arena, m->target[n] ? m->target + n + 1 : "");
	r->client_ip = arena_str(&r->arena, m->client_ip);
	char *body = arena_strn(&r->arena, m->body.p, m->body.n), *cert = arena_strn(&r->arena, m->cert.p, m->cert.n);
	if (!r->method || !r->host || !r->target || !r->path || !r->query_text || !r->client_ip || !body || !cert)
		return E_NOMEM;
	r->body = (struct slice){(uint8_t *)body, m->body.n};
	r->who.ip = r->client_ip;
	r->cert = (struct slice){(uint8_t *)cert, m->cert.n};
	r->who.country = country_of(r->j->country, r->client_ip);
	r->port = m->port;
	r->websocket = m->websocket;
	r->head = !strcmp(m->method, "HEAD");
	return copy_headers(r, &m->headers);
}

int
req_new(struct judge *j, struct front *f, uint32_t id, const struct fj_request *m, struct req **ret_r)
{
	int e = E_FORMAT;
	struct req *r = calloc(1, sizeof *r);

	if (!r)
		return E_NOMEM;
	arena_init(&r->arena, REQ_ARENA_MAX);
	list_init(&r->link);
	list_init(&r->wait);
	r->j = j;
	r->front = f;
	r->id = id;
	judge_random_hex(r->rid, 8);
	if (!target_sane(m->target) || !headers_sane(&m->headers))
		goto out;
	if ((e = copy_fields(r, m)) < 0)
		goto out;
	r->snap = snapshot_hold(j->snap);
	list_push(&f->reqs, &r->link);
	j->nreqs++;
	*ret_r = r;
	return 0;
out:
	arena_release(&r->arena);
	free(r);
	return e;
}

/* The body may be a form with a password, the headers hold tokens: wiped before the arena goes. */
static void
wipe(struct req *r)
{
	if (r->body.n)
		mem_wipe((void *)(uintptr_t)r->body.p, r->body.n);
	for (size_t i = 0; i < r->headers.n; i++)
		mem_wipe((void *)(uintptr_t)r->headers.v[i], strlen(r->headers.v[i]));
}

void
req_drop(struct req *r)
{
	if (r->done)
		r->done(r);
	list_remove(&r->wait);
	list_remove(&r->link);
	r->j->nreqs--;
	query_release(&r->query);
	query_release(&r->form);
	snapshot_drop(r->snap);
	json_decref(r->warnings);
	snapshot_drop(r->before);
	wipe(r);
	arena_release(&r->arena);
	free(r);
}

const char *
req_header(const struct req *r, const char *name)
{
	const char *v = NULL;

	for (size_t i = 0; i + 1 < r->headers.n; i += 2) {
		if (strcmp(r->headers.v[i], name))
			continue;
		if (v)
			return "";
		v = r->headers.v[i + 1];
	}
	return v;
}

int
req_cookie(struct req *r, const char *name, const char **ret_v)
{
	struct slice v = {0};
	bool have = false;

	for (size_t i = 0; i + 1 < r->headers.n; i += 2) {
		struct slice one;
		if (strcmp(r->headers.v[i], "cookie"))
			continue;
		int e = cookie_find(r->headers.v[i + 1], name, &one);
		if (e == E_FORMAT || (e == 0 && have))
			return E_FORMAT;
		if (e == 0) {
			have = true;
			v = one;
		}
	}
	if (!have || !v.n)
		return E_NOENT;
	const char *s = arena_strn(&r->arena, v.p, v.n);
	if (!s)
		return E_NOMEM;
	*ret_v = s;
	return 0;
}

int
req_json(struct req *r, json_t **ret_j)
{
	return json_load_strict(r->body.p, r->body.n, JSON_BODY_MAX, ret_j);
}

const char *
req_json_why(struct req *r)
{
	char why[JSON_WHY_MAX];

	json_why(r->body.p, r->body.n, JSON_BODY_MAX, why);
	return req_fmt(r, "%s", why);
}

char *
req_fmt(struct req *r, const char *fmt, ...)
{
	static char none[1];
	char *heap = NULL, *s;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&heap, fmt, ap);
	va_end(ap);
	if (n < 0)
		return none;
	s = arena_strn(&r->arena, heap, (size_t)n);
	mem_wipe(heap, (size_t)n);
	free(heap);
	return s ? s : none;
}

char *
req_escape(struct req *r, const char *s)
{
	static char none[1];
	struct buf b;
	char *out = NULL;

	buf_init(&b, 65536);
	if (url_escape(&b, s) == 0)
		out = arena_strn(&r->arena, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
	return out ? out : none;
}

const char *
req_param(const struct req *r, const char *name)
{
	const char *v = query_get(&r->query, name);
	return v ? v : "";
}

const char *
req_field(const struct req *r, const char *name)
{
	const char *v = r->form_ok ? query_get(&r->form, name) : NULL;
	return v ? v : "";
}

bool
req_wants_html(const struct req *r)
{
	const char *a = req_header(r, "accept");
	return a && strstr(a, "text/html");
}

bool
req_is(const struct req *r, const char *method)
{
	return !strcmp(r->method, method);
}

const char *
req_origin_of(struct req *r, const char *host)
{
	if (!r->port || r->port == 443)
		return req_fmt(r, "https://%s", host);
	return req_fmt(r, "https://%s:%u", host, r->port);
}

const char *
req_team_origin(struct req *r)
{
	return req_origin_of(r, r->j->team_host);
}
