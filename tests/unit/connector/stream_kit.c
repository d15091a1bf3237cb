#include "stream_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/str.h"
#include "wire/websocket.h"
#include "../t.h"

/* --- the edge's end */

void
world_flush(struct world *w)
{
	const uint8_t *d;
	size_t n = 1;

	while (n) {
		assert_ok(h2link_pull(w->edge, &d, &n));
		if (n)
			assert_ok(conn_write(w->edge_conn, d, n));
	}
}

static void
edge_bytes(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct world *w = arg;

	assert_ok(h2link_feed(w->edge, d, n, NULL));
	world_flush(w);
}

static void
edge_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct world *w = arg;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(h[i].name, ":status"))
			w->status = (unsigned)strtoul(h[i].value, NULL, 10);
	w->over |= end;
	loop_stop(w->loop);
}

static void
edge_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct world *w = arg;

	assert_ok(buf_put(&w->got, d, n));
	h2stream_consume(s, n);
	loop_stop(w->loop);
}

static void
edge_end(struct h2stream *s, void *arg)
{
	struct world *w = arg;

	w->over = true;
	loop_stop(w->loop);
}

static void
edge_closed(struct h2stream *s, uint32_t error, void *arg)
{
	struct world *w = arg;

	w->s = NULL;
	if (w->loop)
		loop_stop(w->loop);
}

static void
nothing(struct h2stream *s, void *arg)
{
}

static const struct h2link_ops edge_ops = {edge_headers, edge_data, edge_end, nothing, edge_closed, NULL};

/* --- the connector's end: what link.c does */

static void
link_flush(struct link *l)
{
	const uint8_t *d;
	size_t n = 1;

	while (n && h2link_pull(l->h2, &d, &n) == 0)
		if (n)
			assert_ok(conn_write(l->conn, d, n));
}

static void
link_bytes(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct link *l = arg;

	assert_ok(h2link_feed(l->h2, d, n, NULL));
	link_flush(l);
}

static void
on_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	stream_request(arg, s, h, n, end);
}

static void
on_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	stream_data(s, d, n);
}

static void
on_end(struct h2stream *s, void *arg)
{
	stream_end(s);
}

static void
on_drained(struct h2stream *s, void *arg)
{
	stream_drained(s);
}

static void
on_closed(struct h2stream *s, uint32_t error, void *arg)
{
	stream_closed(s, error);
}

static const struct h2link_ops link_ops = {on_headers, on_data, on_end, on_drained, on_closed, NULL};

static void
opened(struct conn *c, void *arg)
{
}

static void
closed(struct conn *c, enum conn_why why, void *arg)
{
}

/* --- a world with one rule in front of the catch-all */

void
world_begin(struct world *w, const char *rule)
{
	static const struct conn_ops eo = {opened, edge_bytes, NULL, NULL, closed},
	                             lo = {opened, link_bytes, NULL, NULL, closed};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	struct conf_error err;
	char text[600];
	json_t *j = NULL;
	int fd[2];

	memset(w, 0, sizeof *w);
	buf_init(&w->got, 65536);
	w->service = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_ok(bind(w->service, (struct sockaddr *)&a, sizeof a));
	assert_ok(listen(w->service, 4));
	assert_ok(getsockname(w->service, (struct sockaddr *)&a, &n));
	w->port = ntohs(a.sin_port);
	assert_ok(loop_new(&w->loop));
	w->k.loop = w->loop;
	map_init(&w->k.lanes, LANES_MAX, 1, NULL);
	snprintf(text, sizeof text, "{\"ingress\":[%s,{\"service\":\"http_status:404\"}]%s}", rule,
	         kit_private ? kit_private : "");
	for (char *p; (p = strstr(text, "PORT"));) { /* the port that the kernel gave */
		char tail[600], number[8];
		snprintf(tail, sizeof tail, "%s", p + 4);
		snprintf(number, sizeof number, "%u", w->port);
		snprintf(p, sizeof text - (size_t)(p - text), "%s%s", number, tail);
	}
	assert_ok(json_load_strict(text, strlen(text), 65536, &j));
	if (ingress_from_json(j, &w->k.ingress, &err) < 0)
		fail_msg("%s", err.text);
	json_decref(j);
	struct link *l = &w->k.links[0];
	l->k = &w->k;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	assert_ok(h2link_new(H2_EDGE, 100, &edge_ops, w, &w->edge));
	assert_ok(h2link_new(H2_CONNECTOR, 100, &link_ops, l, &l->h2));
	assert_ok(conn_new_fd(w->loop, fd[0], fd[0], &eo, w, &w->edge_conn));
	assert_ok(conn_new_fd(w->loop, fd[1], fd[1], &lo, l, &l->conn));
}

void
world_stop(void *arg)
{
	loop_stop(arg);
}

void
world_end(struct world *w)
{
	struct loop_timer t = {0};
	struct loop *loop = w->loop;

	h2link_free(w->k.links[0].h2);
	sources_release(&w->k);
	lanes_release(&w->k);
	defer_cancel(&w->k.links[0].flush);
	w->k.links[0].h2 = NULL;
	w->loop = NULL;
	h2link_free(w->edge);
	conn_set_ops(w->edge_conn, NULL, NULL);
	conn_set_ops(w->k.links[0].conn, NULL, NULL);
	conn_close(w->edge_conn);
	conn_close(w->k.links[0].conn);
	timer_start(loop, &t, 1, world_stop, loop); /* closing ends in the loop */
	loop_run(loop);
	assert_int_equal(w->k.streams, 0);
	ingress_unref(w->k.ingress);
	loop_free(loop);
	buf_release(&w->got);
	close(w->service);
}

const char *kit_tokens[2], *kit_private, *kit_raw;

unsigned
world_ask(struct world *w, const char *upgrade, const char *protocol, const char *jump, const char *path)
{
	char to[100], raw[100];
	struct h2_header h[11] = {{":method", "GET"},
	                          {":scheme", "https"},
	                          {":authority", "ssh.example.test"},
	                          {":path", path},
	                          {"sec-websocket-key", KEY}};
	size_t n = 5;

	w->status = 0;
	if (protocol)
		h[n++] = (struct h2_header){"sec-websocket-protocol", protocol};
	if (upgrade)
		h[n++] = (struct h2_header){"cf-cloudflared-proxy-connection-upgrade", upgrade};
	if (jump) {
		const char *p = strstr(jump, "PORT");
		if (p)
			snprintf(to, sizeof to, "%.*s%u", (int)(p - jump), jump, w->port);
		else
			snprintf(to, sizeof to, "%s", jump);
		h[n++] = (struct h2_header){"cf-access-jump-destination", to};
	}
	if (kit_raw) {
		const char *p = strstr(kit_raw, "PORT");
		snprintf(raw, sizeof raw, p ? "%.*s%u" : "%.*s", (int)(p ? p - kit_raw : 99), kit_raw, w->port);
		h[2].value = raw;
		h[n++] = (struct h2_header){"cf-cloudflared-proxy-src", "192.0.2.7"};
	}
	for (unsigned i = 0; i < 2 && kit_tokens[i]; i++)
		h[n++] = (struct h2_header){"cf-access-jwt-assertion", kit_tokens[i]};
	assert_ok(h2stream_open(w->edge, h, n, false, NULL, &w->s));
	world_flush(w);
	while (!w->status)
		loop_run(w->loop);
	return w->status;
}
