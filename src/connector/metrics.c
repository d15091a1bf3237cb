/*
 * metrics: the operators' listener: plain HTTP on an address of its own (facts/cloudflared-wire.md f). The names are
 * cloudflared's where the thing is the same, so that dashboards go on working; the rest is named sallyport_.
 *
 * No secret is shown; /config shows which services lie behind the tunnel. A page in a browser on this host must not
 * read it by a name of its own that leads here (DNS rebinding): on a loopback address only loopback names are answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connector/private.h"
#include "core/log.h"
#include "core/str.h"

#define PORT_FIRST 20241
#define PORT_LAST 20245
#define TEXT_MAX (4u << 20)

void
metrics_answered(struct connector *k, unsigned status)
{
	if (status < sizeof k->m.by_code / sizeof *k->m.by_code)
		k->m.by_code[status]++;
}

/* --- /metrics ------------------------------------------------------------------------------------------------------
 */

static void
put(struct buf *b, const char *name, const char *type, const char *help, const char *labels, uint64_t v)
{
	buf_putf(b, "# HELP %s %s\n# TYPE %s %s\n%s%s %llu\n", name, help, name, type, name, labels,
	         (unsigned long long)v);
}

/* A label's value comes from the edge: only what needs no escape. */
static void
put_label(struct buf *b, const char *s)
{
	for (; *s; s++)
		buf_putf(b, "%c", *s > 0x20 && *s < 0x7f && *s != '"' && *s != '\\' ? *s : '_');
}

static void
put_links(struct buf *b, const struct connector *k)
{
	buf_put_str(b, "# HELP cloudflared_tunnel_server_locations where each connection ends\n"
	               "# TYPE cloudflared_tunnel_server_locations gauge\n");
	for (unsigned i = 0; i < k->nlinks; i++) {
		const struct link *l = &k->links[i];
		if (l->state != LINK_REGISTERED)
			continue;
		buf_putf(b, "cloudflared_tunnel_server_locations{connection_id=\"%u\",edge_location=\"", i);
		put_label(b, control_client_details(l->rpc)->location);
		buf_put_str(b, "\"} 1\n");
	}
}

static void
put_codes(struct buf *b, const struct metrics *m)
{
	buf_put_str(b, "# HELP cloudflared_tunnel_response_by_code answers by HTTP status\n"
	               "# TYPE cloudflared_tunnel_response_by_code counter\n");
	for (unsigned i = 0; i < sizeof m->by_code / sizeof *m->by_code; i++)
		if (m->by_code[i])
			buf_putf(b, "cloudflared_tunnel_response_by_code{status_code=\"%u\"} %llu\n", i,
			         (unsigned long long)m->by_code[i]);
}

static void
put_all(struct buf *b, const struct connector *k)
{
	const struct metrics *m = &k->m;
	char version[100];

	snprintf(version, sizeof version, "{version=\"%.60s\"}", k->o->version);
	put(b, "build_info", "gauge", "which program this is", version, 1);
	put(b, "cloudflared_tunnel_ha_connections", "gauge", "registered connections", "", k->registered);
	put(b, "cloudflared_tunnel_total_requests", "counter", "requests of the edge", "", m->requests);
	put(b, "cloudflared_tunnel_request_errors", "counter", "requests whose service failed", "", m->failed);
	put(b, "cloudflared_tunnel_concurrent_requests_per_tunnel", "gauge", "requests under way", "", k->streams);
	put(b, "cloudflared_tunnel_max_concurrent_requests_per_tunnel", "gauge", "the most there were at once", "",
	    m->streams_max);
	put(b, "cloudflared_tunnel_active_streams", "gauge", "streams open", "", k->streams);
	put(b, "cloudflared_tunnel_tunnel_register_success", "counter", "registrations",
	    "{rpcName=\"registerConnection\"}", m->registered);
	put(b, "cloudflared_tunnel_tunnel_register_fail", "counter", "registrations that the edge refused",
	    "{rpcName=\"registerConnection\"}", m->register_failed);
	put(b, "cloudflared_tcp_active_sessions", "gauge", "TCP sessions open", "", m->tcp_open);
	put(b, "cloudflared_tcp_total_sessions", "counter", "TCP sessions begun", "", m->tcp_total);
	put(b, "cloudflared_config_local_config_pushes", "counter", "reports of the local rules", "", m->config_pushes);
	put(b, "cloudflared_config_local_config_pushes_errors", "counter", "those that could not be sent", "",
	    m->config_push_errors);
	buf_putf(b,
	         "# HELP cloudflared_orchestration_config_version version of the pushed configuration\n"
	         "# TYPE cloudflared_orchestration_config_version gauge\n"
	         "cloudflared_orchestration_config_version %d\n",
	         (int)k->version);
	put(b, "sallyport_connector_dials_total", "counter", "connections to the edge that were tried", "", m->dials);
	put(b, "sallyport_connector_lanes", "gauge", "resumable sessions held", "", map_len(&k->lanes));
	put_codes(b, m);
	put_links(b, k);
}

/* --- answers -------------------------------------------------------------------------------------------------------
 */

static void
reply(struct http_server *s, unsigned status, const char *type, const struct buf *b)
{
	const struct http1_header h[] = {
	    {"content-type", type}, {"cache-control", "no-store"}, {"x-content-type-options", "nosniff"}};

	http_server_respond(s,
	                    &(struct http_reply){.status = status, .headers = h, .nheaders = 3, .body = buf_slice(b)});
}

static void
show_metrics(struct connector *k, struct http_server *s)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	put_all(&b, k);
	reply(s, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
	buf_release(&b);
}

static void
show_ready(struct connector *k, struct http_server *s)
{
	unsigned status = k->registered && !k->stopping ? 200 : 503;
	struct buf b;
	char id[37];

	uuid_format(k->client_id, id);
	buf_init(&b, 256);
	buf_putf(&b, "{\"status\":%u,\"readyConnections\":%u,\"connectorId\":\"%s\"}\n", status, k->registered, id);
	reply(s, status, "application/json", &b);
	buf_release(&b);
}

static void
show_health(struct connector *k, struct http_server *s)
{
	(void)k;
	http_server_text(s, 200, "OK", false);
}

static void
show_config(struct connector *k, struct http_server *s)
{
	json_t *config = k->ingress ? ingress_to_json(k->ingress) : json_object(), *o;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	o = config ? json_pack("{s:i,s:O}", "version", (int)k->version, "config", config) : NULL;
	if (o && json_dump(o, &b) == 0)
		reply(s, 200, "application/json", &b);
	else
		http_server_text(s, 500, "SP-1008 the configuration is too large to show", false);
	json_decref(o);
	json_decref(config);
	buf_release(&b);
}

static const struct {
	const char *path;
	void (*show)(struct connector *k, struct http_server *s);
} pages[] = {
    {"/metrics", show_metrics},
    {"/ready", show_ready},
    {"/healthcheck", show_health},
    {"/config", show_config},
};

static bool
loopback_name(const char *host)
{
	return !*host || !strcmp(host, "localhost") || str_ends(host, ".localhost") || !strncmp(host, "127.", 4) ||
	       !strcmp(host, "::1") || !strcmp(host, "[::1]");
}

static bool
on_loopback(const struct http_server *s)
{
	const char *at = conn_peer_ip(http_server_conn(s)); /* then so is the address it reached */
	return !strncmp(at, "127.", 4) || !strcmp(at, "::1");
}

static void
on_request(struct http_server *s, const struct http_request *r, void *arg)
{
	struct slice path = {(const uint8_t *)r->target, strcspn(r->target, "?")};

	if (on_loopback(s) && !loopback_name(r->host)) {
		http_server_text(s, 421, "SP-1003 this address answers to localhost only", true);
		return;
	}
	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0) {
		http_server_text(s, 405, "SP-1012 method not allowed", false);
		return;
	}
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (slice_eq_str(path, pages[i].path)) {
			pages[i].show(arg, s);
			return;
		}
	http_server_text(s, 404, "SP-1011 no such page", false);
}

/* --- the listener --------------------------------------------------------------------------------------------------
 */

static void
on_closed(struct http_server *s, enum conn_why why, void *arg)
{
	struct connector *k = arg;

	(void)why;
	for (size_t i = 0; i < METRICS_CONNS_MAX; i++)
		if (k->m.open[i] == s)
			k->m.open[i] = NULL;
}

static void
on_accept(int fd, void *arg)
{
	static const struct http_server_ops ops = {.request = on_request, .closed = on_closed};
	static const struct http_limits lim = {.handshake_ms = 5000,
	                                       .head_ms = 5000,
	                                       .body_ms = 5000,
	                                       .idle_ms = 60000,
	                                       .send_ms = 10000,
	                                       .body_max = 1024};
	struct connector *k = arg;
	size_t i = 0;

	while (i < METRICS_CONNS_MAX && k->m.open[i])
		i++;
	if (i == METRICS_CONNS_MAX)
		close(fd);
	else if (http_server_new(k->loop, fd, NULL, &lim, &ops, k, &k->m.open[i]) < 0)
		k->m.open[i] = NULL;
}

static int
listen_at(const char *where, int *ret_fd, char at[static 64], struct reason *why)
{
	/* without a port: any, as in the original */
	return listen_open(strcmp(where, "localhost:") ? where : "localhost:0", ret_fd, at, why);
}

static int
listen_default(int *ret_fd, char at[static 64], struct reason *why)
{
	char text[32];

	for (unsigned port = PORT_FIRST; port <= PORT_LAST; port++) {
		snprintf(text, sizeof text, "127.0.0.1:%u", port);
		if (listen_open(text, ret_fd, at, why) == 0)
			return 0;
	}
	return listen_open("127.0.0.1:0", ret_fd, at, why);
}

int
metrics_start(struct connector *k, struct reason *why)
{
	char at[64];
	int fd = -1, e;

	e = k->o->metrics ? listen_at(k->o->metrics, &fd, at, why) : listen_default(&fd, at, why);
	if (e < 0 && !k->o->metrics) {
		log_warn("metrics_off", "why", why->text, NULL);
		return 0;
	}
	if (e == 0 && (e = listener_start(k->loop, &k->m.ln, fd, on_accept, k)) < 0) {
		close(fd);
		return reason_set(why, e, SP_CONFIG, "cannot listen on %s", at);
	}
	if (e < 0)
		return e;
	k->m.listening = true;
	log_info("Starting metrics server", "addr", at, NULL);
	return 0;
}

void
metrics_stop(struct connector *k)
{
	if (!k->m.listening)
		return;
	k->m.listening = false;
	int fd = k->m.ln.fd;
	listener_stop(&k->m.ln);
	close(fd);
	for (size_t i = 0; i < METRICS_CONNS_MAX; i++)
		if (k->m.open[i])
			http_server_close(k->m.open[i]);
}
