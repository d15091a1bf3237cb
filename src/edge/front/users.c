/*
 * users: connections of users while they speak HTTP. Every request is judge's to answer; front adds nothing of its own
 * but errors.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/front/assets.h"
#include "edge/front/desk.h"
#include "edge/front/error_page.h"
#include "edge/front/exchange.h"
#include "edge/front/front.h"
#include "edge/front/grant.h"
#include "edge/front/http_head.h"
#include "wire/proxy.h"
#include "wire/websocket.h"

struct user {
	struct list in; /* in thread->users; first */
	struct thread *t;
	struct http_server *s;
	struct asked *asked; /* the request judge has, if any */
	struct exchange *x;  /* the request a service has, if any */
	bool shaking;
	bool unnamed; /* a PROXY header named nobody: no header of its requests is the proxy's word */
	char ip[64];
};

/* Outlives its user: judge's answer may be a ticket that somebody must end. */
struct asked {
	struct thread *t;
	struct user *u;
};

struct address {
	unsigned n;
};

int
address_enter(struct front *f, const char *ip)
{
	struct address_count *a = &f->addresses;
	struct address *v;
	int e = 0;

	pthread_mutex_lock(&a->lock);
	v = map_get(&a->map, ip);
	if (!v) {
		v = calloc(1, sizeof *v);
		e = v ? map_put(&a->map, ip, v) : E_NOMEM;
		if (e < 0)
			free(v);
	}
	if (e == 0 && v->n >= FRONT_CONNS_IP)
		e = E_LIMIT;
	if (e == 0)
		v->n++;
	pthread_mutex_unlock(&a->lock);
	return e;
}

void
address_leave(struct front *f, const char *ip)
{
	struct address_count *a = &f->addresses;
	struct address *v;

	pthread_mutex_lock(&a->lock);
	v = map_get(&a->map, ip);
	if (v && --v->n == 0)
		map_del(&a->map, ip);
	pthread_mutex_unlock(&a->lock);
}

static void
shaken(struct user *u)
{
	if (u->shaking)
		u->t->shaking--;
	u->shaking = false;
}

static void
on_opened(struct http_server *s, void *arg)
{
	(void)s;
	shaken(arg);
}

static void
on_refused(struct http_server *s, unsigned status, void *arg)
{
	struct user *u = arg;

	(void)s, (void)status;
	count(u->t->f, C_REQUESTS_REFUSED, 1);
}

static void
user_free(struct user *u)
{
	shaken(u);
	list_remove(&u->in);
	if (u->asked)
		u->asked->u = NULL;
	free(u);
}

static void
on_closed(struct http_server *s, enum conn_why why, void *arg)
{
	struct user *u = arg;

	if (u->shaking && why == CONN_TLS) {
		count(u->t->f, C_USERS_TLS_FAILED, 1);
		log_debug("tls_failed", "ip", u->ip, "why", conn_error_text(http_server_conn(s)), NULL);
	}
	if (u->x)
		exchange_gone(u->x, "client-gone");
	address_leave(u->t->f, u->ip);
	u->t->nusers--;
	uncount(u->t->f, C_USERS_OPEN);
	user_free(u);
}

/* RFC 6455 section 4.2.1. 0 = no WebSocket asked for, 1 = well-formed, E_FORMAT = broken. */
static int
websocket_check(const struct http_request *r)
{
	const char *up, *key, *version;
	size_t nup, nkey, nversion;

	up = http_request_header(r, "upgrade", &nup);
	if (!up || strcasecmp(up, "websocket") != 0)
		return 0;
	key = http_request_header(r, "sec-websocket-key", &nkey);
	version = http_request_header(r, "sec-websocket-version", &nversion);
	if (!r->upgrade || nup != 1 || nkey != 1 || nversion != 1 || strcmp(r->method, "GET") != 0)
		return E_FORMAT;
	return ws_key_ok(key) && strcmp(version, "13") == 0 ? 1 : E_FORMAT;
}

static void
count_answer(struct front *f, unsigned status)
{
	static const enum counter c[] = {C_ANSWERS_2XX, C_ANSWERS_3XX, C_ANSWERS_4XX, C_ANSWERS_5XX};

	if (status >= 200 && status < 600)
		count(f, c[status / 100 - 2], 1);
}

static void
answer_text(struct user *u, unsigned status, const char *text)
{
	count_answer(u->t->f, status);
	error_page(u->s, status, text, false);
}

static void
answer_respond(struct user *u, const struct fj_answer *a)
{
	struct http1_header h[FRONT_ANSWER_HEADERS + 1];
	const struct http_request *r = http_server_request(u->s);
	size_t n = a->headers.n / 2;

	if (n > FRONT_ANSWER_HEADERS || a->headers.n % 2 || a->status < 200 || a->status > 599) {
		log_error("bad_answer", "status", log_num(a->status), NULL);
		answer_text(u, 500, "SP-1008 the edge failed");
		return;
	}
	for (size_t i = 0; i < n; i++)
		h[i] = (struct http1_header){a->headers.v[2 * i], a->headers.v[2 * i + 1]};
	if (u->t->f->hsts && r && strcmp(r->host, u->t->f->team_host) == 0)
		h[n++] = (struct http1_header){"strict-transport-security", "max-age=31536000"};
	count_answer(u->t->f, a->status);
	http_server_respond(
	    u->s,
	    &(struct http_reply){.status = a->status, .headers = h, .nheaders = n, .body = a->body, .close = a->close});
}

static void
answer_asset(struct user *u, const struct http_request *r)
{
	struct asset_answer a;

	assets_answer(assets_table, assets_table_n, r, &a);
	count_answer(u->t->f, a.reply.status);
	http_server_respond(u->s, &a.reply);
}

static void
answer_failed(struct user *u, int err)
{
	count(u->t->f, C_JUDGE_FAILED, 1);
	if (err == E_TIMEOUT)
		answer_text(u, 504, "SP-1008 the edge did not answer in time");
	else if (err == E_LIMIT)
		answer_text(u, 503, "SP-1007 the edge is busy, try again");
	else
		answer_text(u, 503, "SP-1008 the edge is starting or failed, try again");
}

/* Judge's verdict came, and nobody is there any more: a ticket must not stay open. */
static void
orphaned(struct thread *t, const struct fj_answer *a)
{
	if (a && a->action != ANSWER_RESPOND)
		grant_orphan(t, a, "client-gone");
}

static void
on_answer(int err, const void *m, void *arg)
{
	const struct fj_answer *a = m;
	struct asked *k = arg;
	struct user *u = k->u;
	struct thread *t = k->t;

	free(k);
	t->asked--;
	if (!u) {
		orphaned(t, a);
		return;
	}
	u->asked = NULL;
	if (err < 0) {
		answer_failed(u, err);
	} else if (a->action == ANSWER_RESPOND) {
		answer_respond(u, a);
	} else if (a->action == ANSWER_HTTP) {
		exchange_start(t, u->s, a, &u->x);
	} else {
		struct http_server *s = u->s;
		bool session = a->action == ANSWER_SESSION;

		user_free(u); /* the session counts on with the connection */
		(session ? desk_start : session_start)(t, s, a);
	}
}

static int
ask_judge(struct user *u, const struct http_request *r, bool websocket)
{
	const char *headers[2 * FRONT_HEADERS], *named = http_request_header(r, "connection", NULL);
	struct fj_request m = {
	    .method = r->method, .host = r->host, .port = r->port, .target = r->target, .body = r->body};
	struct asked *k;
	char client[64];
	size_t n = 0;
	int e;

	str_copy(client, sizeof client, u->ip);
	if (!u->unnamed && (e = proxies_client(&u->t->f->proxies, u->ip, r, client)) < 0)
		return e;

	for (size_t i = 0; i < r->nheaders && n + 2 <= 2 * FRONT_HEADERS; i++) {
		if (http_hop_header(r->headers[i].name) || (named && http_list_names(named, r->headers[i].name)))
			continue;
		if (strlen(r->headers[i].value) > FRONT_HEADER_VALUE)
			return E_RANGE;
		headers[n++] = r->headers[i].name;
		headers[n++] = r->headers[i].value;
	}
	m.headers = (struct strs){headers, n};
	m.client_ip = client;
	m.websocket = websocket;
	/* On a connection opened for one host a request for another comes without its certificate. */
	m.cert = grant_cert(http_server_conn(u->s), r->host);
	if (!u->t->judge)
		return E_CLOSED;
	if (u->t->asked >= FRONT_REQUESTS)
		return E_LIMIT;
	k = malloc(sizeof *k);
	if (!k)
		return E_NOMEM;
	*k = (struct asked){u->t, u};
	e = ipc_request(u->t->judge, &fj_request_def, &m, &fj_answer_def, FRONT_JUDGE_MS, on_answer, k);
	if (e < 0) {
		free(k);
		return e;
	}
	u->t->asked++;
	u->asked = k;
	return 0;
}

static void
on_request(struct http_server *s, const struct http_request *r, void *arg)
{
	struct user *u = arg;
	int ws, e;

	(void)s;
	count(u->t->f, C_REQUESTS, 1);
	if (assets_owns(r->target)) {
		answer_asset(u, r);
		return;
	}
	if (strlen(r->method) > 16) {
		answer_text(u, 501, "SP-1012 unknown method");
		return;
	}
	ws = websocket_check(r);
	if (ws < 0) {
		count(u->t->f, C_REQUESTS_REFUSED, 1);
		answer_text(u, 400, "SP-1001 malformed WebSocket request");
		return;
	}
	e = ask_judge(u, r, ws == 1);
	if (e == E_FORMAT)
		answer_text(u, 400, "SP-1001 malformed request");
	else if (e == E_RANGE)
		answer_text(u, 431, "SP-1002 a header is too large");
	else if (e < 0)
		answer_failed(u, e);
}

/* What is for the edge itself is collected and shown to judge whole; what may be for a service is judged by its head.
 */
static bool
on_streams(struct http_server *s, const struct http_request *r, void *arg)
{
	struct user *u = arg;

	(void)s;
	return !str_starts(r->target, "/cdn-cgi/") && strcmp(r->host, u->t->f->team_host) != 0;
}

static void
on_body(struct http_server *s, uint8_t *d, size_t n, void *arg)
{
	struct user *u = arg;

	(void)s;
	if (u->x)
		exchange_body(u->x, d, n);
}

static void
on_body_end(struct http_server *s, void *arg)
{
	struct user *u = arg;

	(void)s;
	if (u->x)
		exchange_body_end(u->x);
}

static void
on_drained(struct http_server *s, void *arg)
{
	struct user *u = arg;

	(void)s;
	if (u->x)
		exchange_drained(u->x);
}

static void
on_broken(struct http_server *s, void *arg)
{
	struct user *u = arg;

	(void)s;
	if (u->x)
		exchange_gone(u->x, "bad-body");
}

static const struct http_server_ops user_ops = {.opened = on_opened,
                                                .request = on_request,
                                                .refused = on_refused,
                                                .closed = on_closed,
                                                .streams = on_streams,
                                                .body = on_body,
                                                .body_end = on_body_end,
                                                .drained = on_drained,
                                                .broken = on_broken};

static void
on_moved(struct http_server *s, void *thread)
{
	struct user *u = http_server_arg(s);
	struct thread *t = thread;

	u->t = t;
	list_push(&t->users, &u->in);
	t->nusers++;
	if (u->x)
		exchange_arrived(u->x, t);
}

int
user_move(struct http_server *hs, struct thread *to)
{
	struct user *u = http_server_arg(hs);
	struct thread *from = u->t;

	list_remove(&u->in);
	from->nusers--;
	if (http_server_move(hs, to->loop, on_moved, to) == 0) {
		count(from->f, C_RELAYS_MOVED, 1);
		return 0;
	}
	list_push(&from->users, &u->in);
	from->nusers++;
	return E_STATE;
}

void
users_take(struct thread *t, int fd, const struct proxy_in *by)
{
	struct front *f = t->f;
	struct tls_ctx *tls = certs_get(f, LISTEN_USERS);
	struct http_limits lim = {.handshake_ms = f->handshake_ms,
	                          .head_ms = f->head_ms,
	                          .body_ms = f->body_ms,
	                          .idle_ms = FRONT_IDLE_MS,
	                          .send_ms = FRONT_SEND_MS,
	                          .body_max = FJ_BODY_MAX};
	struct user *u = NULL;

	if (!tls || t->nusers >= FRONT_CONNS_THREAD || t->shaking >= FRONT_HANDSHAKES)
		goto refuse;
	u = calloc(1, sizeof *u);
	if (!u)
		goto refuse;
	u->t = t;
	if (http_server_new(t->loop, fd, tls, &lim, &user_ops, u, &u->s) < 0) {
		fd = -1;
		goto refuse;
	}
	if (by && by->ip[0])
		conn_set_peer(http_server_conn(u->s), by->ip, by->port);
	u->unnamed = by && !by->ip[0];
	str_copy(u->ip, sizeof u->ip, conn_peer_ip(http_server_conn(u->s)));
	tls_ctx_unref(tls);
	list_push(&t->users, &u->in);
	t->nusers++;
	t->shaking++;
	u->shaking = true;
	count(f, C_USERS_ACCEPTED, 1);
	count(f, C_USERS_OPEN, 1);
	if (!proxies_trusted(&f->proxies, u->ip) && address_enter(f, u->ip) < 0) {
		count(f, C_USERS_REFUSED, 1);
		log_warn("address_limit", "ip", u->ip, NULL);
		u->ip[0] = '\0'; /* was not counted */
		http_server_close(u->s);
	}
	return;
refuse:
	count(f, C_USERS_REFUSED, 1);
	free(u);
	if (fd >= 0)
		close(fd);
	if (tls)
		tls_ctx_unref(tls);
}

static void
end_held(void *thread)
{
	struct thread *t = thread;

	list_foreach (i, &t->users)
		if (((struct user *)i)->asked)
			http_server_close(((struct user *)i)->s);
}

void
users_drain(struct thread *t)
{
	if (timer_start(t->loop, &t->held, FRONT_HELD_MS, end_held, t) < 0)
		log_error("drain_timer", NULL);
	list_foreach (i, &t->users)
		http_server_finish(((struct user *)i)->s);
}

void
users_stop(struct thread *t)
{
	timer_stop(&t->held);
	list_foreach (i, &t->users)
		http_server_close(((struct user *)i)->s);
}
