/* link: one connection to the edge: resolve, dial, register, serve, and again after a back-off. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "connector/private.h"
#include "core/log.h"
#include "core/str.h"

#define EDGE_NAME "h2.cftunnel.com" /* SNI and certificate name (a.2) */
#define DIAL_MS 15000
#define REGISTER_MS 15000
/* A second SYN after 1 s, given up after 3: an attempt begun while the network was cut must not be what a healed one
   waits for. What is slow once the edge is reached has DIAL_MS. */
#define SYN_AGAIN 1
#define OUT_HIGH (1u << 20) /* stop pulling frames while the socket holds that much */

static void link_dial(struct link *l);

/* --- output ----------------------------------------------------------------------------------------------------- */

static void
flush(void *arg)
{
	struct link *l = arg;

	while (l->h2 && l->conn && conn_queued(l->conn) < OUT_HIGH) {
		const uint8_t *d;
		size_t n = 0;
		if (h2link_pull(l->h2, &d, &n) < 0) {
			link_drop(l, "HTTP/2 output failed");
			return;
		}
		if (!n)
			return;
		if (conn_write(l->conn, d, n) < 0) {
			link_drop(l, "output queue full");
			return;
		}
	}
}

void
link_flush_soon(struct link *l)
{
	if (l->h2)
		defer_arm(l->k->loop, &l->flush, flush, l);
}

/* --- the control stream ------------------------------------------------------------------------------------------ */

static void
control_send(struct link *l, struct buf *out)
{
	if (l->control && buf_len(out))
		h2stream_write(l->control, buf_ptr(out), buf_len(out));
	buf_release(out);
	link_flush_soon(l);
}

static struct slice
local_ip(const struct link *l, uint8_t out[16])
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof ss;

	if (getsockname(conn_fd(l->conn), (struct sockaddr *)&ss, &n) < 0)
		return (struct slice){NULL, 0};
	memset(out, 0, 16);
	if (ss.ss_family == AF_INET) {
		struct sockaddr_in a;
		memcpy(&a, &ss, sizeof a);
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &a.sin_addr, 4);
	} else {
		struct sockaddr_in6 a;
		memcpy(&a, &ss, sizeof a);
		memcpy(out, &a.sin6_addr, 16);
	}
	return (struct slice){out, 16};
}

static int
control_begin(struct link *l, struct h2stream *s)
{
	static const struct h2_header head[] = {{":status", "200"}, {"content-type", "application/octet-stream"}};
	const struct credentials *c = l->k->o->credentials;
	struct control_register r = {.account = c->account,
	                             .secret = secret_slice(&c->secret),
	                             .index = (uint8_t)l->index,
	                             .features = {"allow_remote_config", "serialized_headers"},
	                             .nfeatures = 2,
	                             .version = l->k->o->version,
	                             .arch = "linux_amd64",
	                             .replace = true, /* what this place had before is lost to us */
	                             .attempts = l->attempts > 255 ? 255 : (uint8_t)l->attempts};
	struct utsname un;
	char arch[80];
	uint8_t ip[16];
	struct buf out;
	int e;

	if (uname(&un) == 0) {
		snprintf(arch, sizeof arch, "linux_%.60s",
		         !strcmp(un.machine, "x86_64")    ? "amd64"
		         : !strcmp(un.machine, "aarch64") ? "arm64"
		                                          : un.machine);
		r.arch = arch;
	}
	memcpy(r.tunnel, c->tunnel, 16);
	memcpy(r.client_id, l->k->client_id, 16);
	r.origin_ip = local_ip(l, ip);
	buf_init(&out, CONTROL_MSG_MAX);
	e = control_client_new(&l->rpc);
	if (e == 0)
		e = control_client_register(l->rpc, &r, &out);
	if (e == 0)
		e = h2stream_respond(s, head, 2, false);
	if (e == 0) {
		l->control = s;
		control_send(l, &out);
	}
	buf_release(&out);
	return e;
}

/* The rules as the original reports them: by the first connection, when they are the host's own. */
static json_t *
report_of(const struct link *l)
{
	const struct connector *k = l->k;
	bool rules = l->index == 0 && !control_client_details(l->rpc)->remote && k->ingress;
	json_t *o = rules ? ingress_to_json(k->ingress) : json_object();

	if (k->sources.said)
		json_object_set_new(o, "sallyport", json_pack("{s:O}", "sources", k->sources.said));
	if (json_object_size(o))
		return o;
	json_decref(o);
	return NULL;
}

void
link_report(struct link *l)
{
	if (l->state != LINK_REGISTERED)
		return;
	if (l->reporting) {
		l->report_due = true;
		return;
	}
	json_t *o = report_of(l);
	char *text = o ? json_dump_str(o) : NULL;
	struct buf out;

	if (!o)
		return;
	buf_init(&out, CONTROL_MSG_MAX);
	l->k->m.config_pushes++;
	if (text && control_client_local_config(l->rpc, text, strlen(text), &out) == 0) {
		l->reporting = true;
		control_send(l, &out);
	} else {
		l->k->m.config_push_errors++;
	}
	buf_release(&out);
	free(text);
	json_decref(o);
}

static void
report_taken(struct link *l)
{
	l->reporting = false;
	if (l->report_due) {
		l->report_due = false;
		link_report(l);
	}
}

static void
control_answer(struct link *l, enum control_answer a)
{
	switch (a) {
	case CONTROL_REGISTERED:
		timer_stop(&l->timer);
		l->state = LINK_REGISTERED;
		l->attempts = 0;
		connector_registered(l, control_client_details(l->rpc));
		link_report(l);
		sources_look(l->k);
		if (l->stopping)
			link_leave(l);
		break;
	case CONTROL_REFUSED:
		connector_refused(l, control_client_error(l->rpc));
		break;
	case CONTROL_UNREGISTERED: {
		struct buf out;
		buf_init(&out, 4096);
		log_info("unregistered", "connIndex", log_num(l->index), NULL);
		if (control_client_shutdown(l->rpc, &out) == 0)
			control_send(l, &out);
		buf_release(&out);
		h2stream_end(l->control);
		link_flush_soon(l);
		break;
	}
	case CONTROL_CONFIG_TAKEN:
		report_taken(l);
		break;
	case CONTROL_ANSWER_NONE:
		break;
	}
}

static void
control_data(struct link *l, const uint8_t *d, size_t n)
{
	struct reason why = {0};

	h2stream_consume(l->control, n);
	while (n && l->control) {
		enum control_answer a = CONTROL_ANSWER_NONE;
		struct buf out;
		size_t used = 0;
		buf_init(&out, CONTROL_MSG_MAX);
		int e = control_client_feed(l->rpc, d, n, &used, &a, &out, &why);
		control_send(l, &out);
		if (e < 0) {
			link_drop(l, why.text);
			return;
		}
		d += used;
		n -= used;
		control_answer(l, a);
	}
}

/* --- HTTP/2 callbacks -------------------------------------------------------------------------------------------- */

static const char *
header_value(const struct h2_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(h[i].name, name))
			return h[i].value;
	return NULL;
}

static void
on_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct link *l = arg;
	const char *kind = header_value(h, n, "cf-cloudflared-proxy-connection-upgrade");

	if (kind && !strcmp(kind, "control-stream")) {
		if (l->control || control_begin(l, s) < 0)
			h2stream_reset(s, 2);
		return;
	}
	stream_request(l, s, h, n, end);
}

static void
on_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct link *l = arg;

	if (s == l->control)
		control_data(l, d, n);
	else
		stream_data(s, d, n);
}

static void
on_end(struct h2stream *s, void *arg)
{
	struct link *l = arg;

	if (s == l->control)
		h2stream_end(s);
	else
		stream_end(s);
	link_flush_soon(l);
}

static void
on_drained(struct h2stream *s, void *arg)
{
	struct link *l = arg;

	if (s != l->control)
		stream_drained(s);
}

static void
on_closed(struct h2stream *s, uint32_t err, void *arg)
{
	struct link *l = arg;

	if (s == l->control)
		l->control = NULL;
	else
		stream_closed(s, err);
}

static const struct h2link_ops h2_ops = {on_headers, on_data, on_end, on_drained, on_closed, NULL};

/* --- liveness: TCP alone would keep a link whose other end is gone for a quarter of an hour ------------------------
 */

static void
on_ping_time(void *arg)
{
	struct link *l = arg;

	if (l->silent) {
		link_drop(l, "the edge does not answer");
		return;
	}
	l->silent = true;
	if (h2link_ping(l->h2) < 0)
		link_drop(l, "HTTP/2 output failed");
	else
		link_flush_soon(l);
}

/* --- the connection ------------------------------------------------------------------------------------------------
 */

static void
on_register_late(void *arg)
{
	link_drop(arg, "the edge did not answer the registration in time");
}

static void
conn_opened(struct conn *c, void *arg)
{
	struct link *l = arg;

	l->state = LINK_OPEN;
	if (h2link_new(H2_CONNECTOR, STREAMS_MAX, &h2_ops, l, &l->h2) < 0) {
		link_drop(l, "out of memory");
		return;
	}
	conn_deadline(c, 0);
	l->unreached = l->silent = false;
	timer_start(l->k->loop, &l->timer, REGISTER_MS, on_register_late, l);
	timer_repeat(l->k->loop, &l->ping, LINK_PING_MS, on_ping_time, l);
	link_flush_soon(l);
}

static void
conn_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct link *l = arg;
	struct reason why = {0};

	l->silent = false; /* behind much data a PING's answer may be late: any byte tells as much */
	l->feeding = true;
	int e = h2link_feed(l->h2, d, n, &why);
	l->feeding = false;
	if (l->drop) {
		link_drop(l, l->drop);
		return;
	}
	if (e < 0) {
		link_drop(l, why.text[0] ? why.text : "HTTP/2 error");
		return;
	}
	link_flush_soon(l);
}

static void
conn_drained(struct conn *c, void *arg)
{
	flush(arg);
}

/* Everything of the connection goes; streams hear closed(). */
static void
link_clear(struct link *l)
{
	struct conn *c = l->conn;
	struct h2link *h2 = l->h2;

	l->conn = NULL;
	defer_cancel(&l->flush);
	timer_stop(&l->timer);
	timer_stop(&l->ping);
	resolve_cancel(l->resolve);
	l->resolve = NULL;
	if (c) {
		conn_set_ops(c, NULL, NULL);
		conn_close(c);
	}
	if (h2) {
		h2link_free(h2); /* calls closed() for each stream: l->h2 stays valid for them until here */
		l->h2 = NULL;
	}
	control_client_free(l->rpc);
	l->rpc = NULL;
	l->control = NULL;
	l->reporting = l->report_due = false;
}

void
link_drop(struct link *l, const char *why)
{
	bool was = l->state == LINK_REGISTERED || l->state == LINK_LEAVING;

	if (l->feeding) {
		str_copy_n(l->drop_text, sizeof l->drop_text, why, strnlen(why, sizeof l->drop_text - 1));
		l->drop = l->drop_text;
		return;
	}
	if (l->state != LINK_IDLE && !l->stopping)
		log_warn(was ? "link_lost" : "link_failed", "connIndex", log_num(l->index), "why", why, NULL);
	l->drop = NULL;
	link_clear(l);
	l->state = LINK_IDLE;
	connector_lost(l, was);
}

static void
conn_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct link *l = arg;
	const char *text = conn_error_text(c);

	l->conn = NULL;
	l->unreached = why == CONN_REFUSED;
	link_drop(l, text && *text ? text : conn_why_str(why));
}

static const struct conn_ops conn_callbacks = {conn_opened, conn_data, conn_drained, NULL, conn_closed};

static void
on_resolved(int err, const struct resolved *r, void *arg)
{
	struct link *l = arg;
	char why[300];
	const int syns = SYN_AGAIN;

	l->resolve = NULL;
	if (err < 0 || !r->n) {
		snprintf(why, sizeof why, "cannot resolve %.250s", l->edge.host);
		link_drop(l, why);
		return;
	}
	unsigned pick = l->attempts % r->n; /* another address at each try */
	l->state = LINK_DIAL;
	l->k->m.dials++;
	if (conn_new_client(l->k->loop, &r->a[pick], r->len[pick], l->k->tls, EDGE_NAME, &conn_callbacks, l, &l->conn) <
	    0) {
		link_drop(l, "cannot dial");
		return;
	}
	setsockopt(conn_fd(l->conn), IPPROTO_TCP, TCP_SYNCNT, &syns, sizeof syns);
	conn_deadline(l->conn, DIAL_MS);
}

static void
on_start_time(void *arg)
{
	link_dial(arg);
}

static void
link_dial(struct link *l)
{
	l->state = LINK_RESOLVE;
	if (resolve_start(l->k->loop, l->edge.host, l->edge.port, NULL, on_resolved, l, &l->resolve) < 0)
		link_drop(l, "cannot resolve");
}

void
link_init(struct link *l, struct connector *k, unsigned index)
{
	memset(l, 0, sizeof *l);
	l->k = k;
	l->index = index;
}

void
link_start(struct link *l, int64_t delay_ms)
{
	timer_start(l->k->loop, &l->timer, delay_ms, on_start_time, l);
}

void
link_leave(struct link *l)
{
	struct buf out;

	l->stopping = true;
	if (l->state != LINK_REGISTERED) {
		if (l->state != LINK_LEAVING)
			link_drop(l, "stopping");
		return;
	}
	l->state = LINK_LEAVING;
	buf_init(&out, 4096);
	if (control_client_unregister(l->rpc, &out) == 0)
		control_send(l, &out);
	buf_release(&out);
}
