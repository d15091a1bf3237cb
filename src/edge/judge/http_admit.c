/*
 * A request of a plain HTTP application that the policy lets in: the head that its service sees, under a ticket.
 *
 * Each request in flight has a ticket, so that whatever withdraws the access (revocation, a changed policy, expiry)
 * also ends a download or a WebSocket that is under way. It is not a record each: the first request of a session for an
 * application is audited, and then one an hour as long as it goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "edge/judge/http_origin.h"
#include "edge/judge/login.h"
#include "edge/judge/ticket.h"

#define AUDIT_EVERY_SEC 3600
#define COOKIES_MAX (32u << 10) /* a head of front's is not larger */
#define ORIGIN_HEADERS_MAX 128u /* front takes no more */
#define EDGE_HEADERS 10u        /* of them ours */

bool
http_is(const struct app *a)
{
	static const char *const schemes[] = {"http://", "https://", "ws://", "wss://", "unix:", "unix+tls:"};

	if (!a->service) /* the connector's own rules decide; what is no SSH and no bastion is a web server */
		return a->type != APP_SSH && !a->default_destination && !a->destinations.n;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_starts(a->service, schemes[i]))
			return true;
	return false;
}

struct head {
	const char *v[2 * ORIGIN_HEADERS_MAX];
	size_t n;
};

static void
put(struct head *h, const char *name, const char *value)
{
	if (h->n + 2 > 2 * ORIGIN_HEADERS_MAX)
		return;
	h->v[h->n++] = name;
	h->v[h->n++] = value;
}

/* A service token in a header of the application's choice is between the client and the edge. */
static bool
names_token(const struct req *r, const char *name)
{
	const char *header = r->app->app->read_service_tokens_from_header;

	return header && *header && !strcasecmp(header, name);
}

/* False: more headers than front would take, so that some of them would be missing. */
static bool
put_user_headers(struct req *r, struct head *h)
{
	struct buf cookies;
	bool fits = true;

	buf_init(&cookies, COOKIES_MAX);
	for (size_t i = 0; i + 1 < r->headers.n && fits; i += 2) {
		const char *name = r->headers.v[i];

		if (!strcmp(name, "cookie"))
			fits = http_origin_cookies(r->headers.v[i + 1], !r->service_label, &cookies) == 0;
		else if (!http_origin_drops(name) && !names_token(r, name)) {
			fits = h->n / 2 + EDGE_HEADERS < ORIGIN_HEADERS_MAX;
			put(h, name, r->headers.v[i + 1]);
		}
	}
	if (fits && buf_len(&cookies)) {
		char *text = arena_strn(&r->arena, buf_ptr(&cookies), buf_len(&cookies));

		fits = text != NULL;
		put(h, "cookie", text ? text : "");
	}
	buf_release(&cookies);
	return fits;
}

static void
put_edge_headers(struct req *r, struct head *h, const struct session *s, const struct ticket *t, const char *token)
{
	if (r->websocket)
		put(h, "cf-cloudflared-proxy-connection-upgrade", "websocket");
	if (*token)
		put(h, "cf-access-jwt-assertion", token);
	if (s && s->email && *s->email)
		put(h, "cf-access-authenticated-user-email", s->email);
	put(h, "cf-connecting-ip", r->client_ip);
	put(h, "x-forwarded-for", r->client_ip);
	put(h, "x-forwarded-proto", "https");
	put(h, "cf-ray", t->key);
}

static void
audit_first(struct req *r, const struct session *s)
{
	struct judge *j = r->j;
	int64_t *at, now = judge_now();
	const char *program = r->service_label ? r->service_label : r->cert_label;
	const char *key = req_fmt(r, "%s %s", s ? s->id : program ? program : r->client_ip, r->app->app->id);

	at = map_get(&j->http_seen, key);
	if (at && now < *at + AUDIT_EVERY_SEC)
		return;
	judge_audit(j, r,
	            &(struct audit_note){.kind = EVENT_ACCESS_ALLOWED, .actor = s ? s->email : program, .why = "http"});
	if (at) {
		*at = now;
		return;
	}
	at = malloc(sizeof *at);
	if (!at)
		return;
	*at = now;
	if (map_put(&j->http_seen, key, at) < 0) /* full: more records than needed, never fewer */
		free(at);
}

void
http_sweep(struct judge *j)
{
	struct map_iter it = {0};
	int64_t now = judge_now();

	while (map_next(&j->http_seen, &it))
		if (now >= *(int64_t *)it.value + AUDIT_EVERY_SEC)
			map_del(&j->http_seen, it.key);
}

void
http_admit(struct req *r, struct session *s, const char *token)
{
	struct head h = {0};
	struct ticket *t;

	if (!put_user_headers(r, &h)) {
		judge_deny(r, s ? s->email : r->service_label, SP_TOO_LARGE, "too many headers");
		return;
	}
	if (!admission(r, s, "", &t))
		return;
	t->http = true;
	audit_first(r, s);
	put_edge_headers(r, &h, s, t, token);
	struct fj_answer a = {.action = r->websocket ? ANSWER_RELAY : ANSWER_HTTP,
	                      .status = 200,
	                      .headers = {h.v, h.n},
	                      .tunnel = t->tunnel,
	                      .authority = r->port && r->port != 443 ? req_fmt(r, "%s:%u", r->host, r->port) : r->host,
	                      .path = r->target,
	                      .ticket = t->id,
	                      .until = t->until};
	reply_relay(r, &a);
}
