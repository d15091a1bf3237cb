#include "edge/front/tunnel_link.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/front/tunnel_config.h"
#include "wire/control.h"

enum link_state {
	L_HANDSHAKE, /* TLS */
	L_CONTROL,   /* control stream opened, nothing registered */
	L_ASKED,     /* judge has the registration */
	L_LIVE,
	L_LEAVING, /* unregistered: no new streams */
	L_REFUSED, /* the answer is on its way, then we close */
	L_CLOSING, /* our direction has ended */
};

/* Which states may follow; the one setter checks it. */
static const unsigned may_follow[] = {
    [L_HANDSHAKE] = 1u << L_CONTROL | 1u << L_CLOSING,
    [L_CONTROL] = 1u << L_ASKED | 1u << L_CLOSING,
    [L_ASKED] = 1u << L_LIVE | 1u << L_REFUSED | 1u << L_CLOSING,
    [L_LIVE] = 1u << L_LEAVING | 1u << L_CLOSING,
    [L_LEAVING] = 1u << L_CLOSING,
    [L_REFUSED] = 1u << L_CLOSING,
    [L_CLOSING] = 0,
};

struct link {
	struct list in; /* in thread->links; first */
	struct thread *t;
	struct conn *c;
	struct h2link *h;
	struct control_edge *control;
	struct link_stream stream; /* the control stream */
	struct tunnel_config config;
	struct loop_timer timer, ping, probe;
	struct loop_defer flush;
	uint64_t id;
	size_t sessions;
	int64_t since;
	enum link_state state;
	bool pinged; /* and nothing heard since: what answers a PING may lie behind bytes, so any byte is a sign of life
	              */
	bool registered, asked, grace_over;
	uint8_t uuid[16], client[16];
	unsigned index;
	char tunnel[37], client_id[37], conn_id[37], version[65], arch[65], address[64], origin[64];
	char *sources; /* what it reported: judge is told again when it is new; NULL = nothing */
	char why[128]; /* for judge; "" = the connection's own reason */
};

static struct link *
of_control(struct link_stream *o)
{
	return list_entry(o, struct link, stream);
}

static bool
set_state(struct link *l, enum link_state to)
{
	if (!(may_follow[l->state] & 1u << to))
		return false;
	l->state = to;
	return true;
}

/* No new streams from here on. */
static void
unregister(struct link *l)
{
	registry_leave(&l->t->f->links, l->id);
}

static void
set_why(struct link *l, const char *why)
{
	if (!l->why[0])
		snprintf(l->why, sizeof l->why, "%s", why);
}

/* Away with it now; closed() follows and ends its sessions. */
static void
link_close(struct link *l, const char *why)
{
	set_why(l, why);
	unregister(l);
	set_state(l, L_CLOSING);
	conn_close(l->c);
}

static void
on_flush(void *arg)
{
	struct link *l = arg;
	const uint8_t *d;
	size_t n;

	while (l->h && conn_queued(l->c) <= CONN_MARK) {
		if (h2link_pull(l->h, &d, &n) < 0) {
			link_close(l, "http2");
			return;
		}
		if (n == 0)
			return;
		if (conn_write(l->c, d, n) < 0)
			return; /* closed() tells why */
	}
}

void
link_kick(struct link *l)
{
	defer_arm(l->t->loop, &l->flush, on_flush, l);
}

/* Flushes, ends our direction, and gives the connector a second to do the same. */
static void
link_finish(struct link *l, const char *why)
{
	set_why(l, why);
	if (!set_state(l, L_CLOSING))
		return;
	unregister(l);
	timer_stop(&l->timer);
	timer_stop(&l->ping);
	timer_stop(&l->probe);
	on_flush(l);
	conn_shutdown(l->c);
	conn_deadline(l->c, 1000);
}

static void
on_timer(void *arg)
{
	struct link *l = arg;

	if (l->state == L_LEAVING && !l->grace_over) {
		l->grace_over = true;
		if (l->sessions == 0)
			link_finish(l, "unregistered");
		else if (timer_start(l->t->loop, &l->timer, FRONT_LEAVE_MS, on_timer, l) < 0)
			link_close(l, "timer");
		return;
	}
	if (l->state == L_LEAVING)
		link_close(l, "unregistered");
	else if (l->state == L_REFUSED)
		link_finish(l, "refused");
	else
		link_close(l, "not registered in time");
}

static void
set_timer(struct link *l, int64_t ms)
{
	if (timer_start(l->t->loop, &l->timer, ms, on_timer, l) < 0)
		link_close(l, "timer");
}

/* --- liveness */

static void
on_ping(void *arg)
{
	struct link *l = arg;

	if (l->pinged) {
		link_close(l, "ping timeout");
		return;
	}
	l->pinged = true;
	if (h2link_ping(l->h) < 0)
		link_close(l, "ping");
	else
		link_kick(l);
}

/* Another connection claims its place: is it still there? */
static void
on_probe(void *arg)
{
	struct link *l = arg;

	if (l->pinged)
		link_close(l, "ping timeout");
}

static void
link_probe(struct link *l)
{
	if (timer_active(&l->probe))
		return;
	l->pinged = true;
	if (h2link_ping(l->h) < 0 || timer_start(l->t->loop, &l->probe, FRONT_PROBE_MS, on_probe, l) < 0)
		link_close(l, "ping");
	else
		link_kick(l);
}

/* --- streams: h2link's callbacks go to the owner of the stream, if it still has one */

static void
h2_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct link_stream *o = h2stream_arg(s);

	(void)arg;
	if (o)
		o->ops->headers(o, h, n, end);
}

static void
h2_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct link_stream *o = h2stream_arg(s);

	if (o) {
		o->ops->data(o, d, n);
	} else {
		h2stream_consume(s, n);
		link_kick(arg);
	}
}

static void
h2_end(struct h2stream *s, void *arg)
{
	struct link_stream *o = h2stream_arg(s);

	(void)arg;
	if (o)
		o->ops->end(o);
}

static void
h2_drained(struct h2stream *s, void *arg)
{
	struct link_stream *o = h2stream_arg(s);

	(void)arg;
	if (o && o->ops->drained)
		o->ops->drained(o);
}

static void
session_gone(struct link *l)
{
	l->sessions--;
	if (l->state == L_LEAVING && l->grace_over && l->sessions == 0)
		link_finish(l, "unregistered");
}

static void
h2_closed(struct h2stream *s, uint32_t error, void *arg)
{
	struct link_stream *o = h2stream_arg(s);
	bool session;

	if (!o)
		return;
	session = o->session;
	o->s = NULL;
	o->ops->closed(o, error); /* may free o */
	if (session)
		session_gone(arg);
}

static const struct h2link_ops link_h2_ops = {
    .headers = h2_headers, .data = h2_data, .end = h2_end, .drained = h2_drained, .closed = h2_closed};

struct link *
link_find(struct thread *t, uint64_t id)
{
	list_foreach (i, &t->links) {
		struct link *l = (struct link *)i;

		if (l->id == id)
			return l->state == L_LIVE ? l : NULL;
	}
	return NULL;
}

int
link_open(struct link *l, const struct h2_header *h, size_t n, bool end, struct link_stream *o)
{
	int e = h2stream_open(l->h, h, n, end, o, &o->s);

	if (e < 0)
		return e;
	o->session = true;
	l->sessions++;
	link_kick(l);
	return 0;
}

void
link_drop(struct link *l, struct link_stream *o, uint32_t code)
{
	struct h2stream *s = o->s;

	if (!s)
		return;
	o->s = NULL;
	h2stream_set_arg(s, NULL);
	h2stream_reset(s, code);
	link_kick(l);
}

void
link_let_go(struct link *l, struct link_stream *o, uint32_t code)
{
	if (!o->s)
		return;
	link_drop(l, o, code);
	session_gone(l);
}

/* --- control stream */

static void
control_send(struct link *l, struct buf *out)
{
	if (buf_len(out) && (!l->stream.s || h2stream_write(l->stream.s, buf_ptr(out), buf_len(out)) < 0))
		link_close(l, "control stream is full");
	link_kick(l);
}

static void
link_refuse(struct link *l, const char *cause, bool retry)
{
	struct control_error e = {.retry = retry};
	struct buf out;

	buf_init(&out, FRONT_CONTROL_OUT);
	snprintf(e.cause, sizeof e.cause, "%s", cause);
	count(l->t->f, C_LINKS_REFUSED, 1);
	log_warn("link_refused", "tunnel", l->tunnel, "address", l->address, "why", cause, NULL);
	set_why(l, cause);
	if (set_state(l, L_REFUSED) && control_edge_refuse(l->control, &e, &out) == 0) {
		control_send(l, &out);
		set_timer(l, FRONT_REFUSED_MS);
	} else {
		link_close(l, cause);
	}
	buf_release(&out);
}

static void
link_accept(struct link *l, const struct fj_registered *r)
{
	struct control_details d = {.remote = r->remote};
	struct front *f = l->t->f;
	struct buf out;

	buf_init(&out, FRONT_CONTROL_OUT);
	snprintf(d.location, sizeof d.location, "%s", r->location[0] ? r->location : f->location);
	if (uuid_parse(r->conn_id, d.uuid) < 0 || registry_add(&f->links, l->id, l->uuid, l->client, l->t->index) < 0) {
		link_refuse(l, "Unauthorized: edge is full (SP-1007)", true);
		return;
	}
	l->registered = true;
	l->config = (struct tunnel_config){.l = l, .h = l->h, .t = l->t, .link = l->id, .tunnel = l->tunnel};
	str_copy(l->conn_id, sizeof l->conn_id, r->conn_id);
	l->since = clock_wall();
	set_state(l, L_LIVE);
	timer_stop(&l->timer);
	count(f, C_LINKS_REGISTERED, 1);
	if (control_edge_accept(l->control, &d, &out) < 0)
		link_close(l, "control");
	else
		control_send(l, &out);
	buf_release(&out);
	log_info("link_up", "tunnel", l->tunnel, "index", log_num(l->index), "address", l->address, "version",
	         l->version, NULL);
	if (r->config[0] && l->state == L_LIVE)
		tunnel_config_push(&l->config, r->version, r->config);
}

static void
on_registered(int err, const void *m, void *arg)
{
	const struct fj_registered *r = m;
	struct link *l = arg;

	if (l->state != L_ASKED)
		return;
	/* A stock connector gives up for good on any first refusal that does not say Unauthorized (a.8). */
	if (err < 0)
		link_refuse(l, "Unauthorized: edge is not ready, try again (SP-1008)", true);
	else if (r->cause[0])
		link_refuse(l, r->cause, r->retry);
	else
		link_accept(l, r);
}

static int
copy_text(char *out, size_t size, const char *in)
{
	return str_copy(out, size, in ? in : "");
}

static void
ask_register(struct link *l)
{
	const struct control_register *r = control_edge_register(l->control);
	char origin[INET6_ADDRSTRLEN] = "";
	struct fj_register m = {.link = l->id};
	int e;

	if (!set_state(l, L_ASKED)) {
		link_close(l, "registered twice");
		return;
	}
	memcpy(l->uuid, r->tunnel, sizeof l->uuid);
	memcpy(l->client, r->client_id, sizeof l->client);
	uuid_format(r->tunnel, l->tunnel);
	uuid_format(r->client_id, l->client_id);
	l->index = r->index;
	if (copy_text(l->version, sizeof l->version, r->version) < 0 ||
	    copy_text(l->arch, sizeof l->arch, r->arch) < 0) {
		link_close(l, "registration fields");
		return;
	}
	if (r->origin_ip.n == 4 || r->origin_ip.n == 16)
		inet_ntop(r->origin_ip.n == 4 ? AF_INET : AF_INET6, r->origin_ip.p, origin, sizeof origin);
	copy_text(l->origin, sizeof l->origin, origin);
	m.account = r->account;
	m.tunnel = l->tunnel;
	m.secret = r->secret;
	m.index = r->index;
	m.client_id = l->client_id;
	m.version = l->version;
	m.arch = l->arch;
	m.features = (struct strs){(const char **)(uintptr_t)r->features, r->nfeatures};
	m.address = l->address;
	m.origin_ip = origin;
	m.attempts = r->attempts;
	m.replace = r->replace;
	l->asked = true;
	e = l->t->judge ? ipc_request(l->t->judge, &fj_register_def, &m, &fj_registered_def, FRONT_REGISTER_MS,
	                              on_registered, l)
	                : E_CLOSED;
	if (e < 0)
		on_registered(e, NULL, l);
}

static void
local_config(struct link *l)
{
	struct slice s = control_edge_local_config(l->control);
	json_t *j = NULL, *ours = NULL, *list;

	if (s.n > FRONT_LOCAL_CONFIG || json_load_strict(s.p, s.n, FRONT_LOCAL_CONFIG, &j) < 0) {
		log_warn("local_config_refused", "tunnel", l->tunnel, "address", l->address, NULL);
		return;
	}
	ours = json_object_get(j, "sallyport");
	list = json_object_get(ours, "sources");
	free(l->sources);
	l->sources = list ? json_dump_str(list) : NULL;
	if (l->sources && strlen(l->sources) > FJ_SOURCES_MAX) {
		free(l->sources);
		l->sources = NULL;
	}
	json_object_del(j, "sallyport");
	char *config = json_object_size(j) ? json_dump_str(j) : NULL;
	struct fj_local_config m = {
	    .link = l->id, .config = config ? config : "", .sources = l->sources ? l->sources : ""};
	ipc_send(l->t->judge, &fj_local_config_def, &m);
	free(config);
	json_decref(j);
}

static void
leave(struct link *l)
{
	if (!set_state(l, L_LEAVING))
		return;
	unregister(l);
	timer_stop(&l->ping);
	timer_stop(&l->probe);
	set_why(l, "unregistered");
	ipc_send(l->t->judge, &fj_link_leaving_def, &(struct fj_link_leaving){.link = l->id, .why = "unregistered"});
	log_info("link_leaving", "tunnel", l->tunnel, "index", log_num(l->index), NULL);
	set_timer(l, FRONT_LEAVE_GRACE_MS);
}

static void
on_call(struct link *l, enum control_call call, struct buf *out)
{
	switch (call) {
	case CONTROL_NONE:
		break;
	case CONTROL_REGISTER:
		ask_register(l);
		break;
	case CONTROL_UNREGISTER:
		control_edge_done(l->control, CONTROL_UNREGISTER, out);
		leave(l);
		break;
	case CONTROL_LOCAL_CONFIG:
		local_config(l);
		control_edge_done(l->control, CONTROL_LOCAL_CONFIG, out);
		break;
	case CONTROL_CLOSED:
		if (l->state == L_REFUSED)
			link_finish(l, "refused");
		else
			leave(l); /* its rpc is over: nothing can unregister it any more */
		break;
	}
}

static void
control_headers(struct link_stream *o, const struct h2_header *h, size_t n, bool end)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(h[i].name, ":status") == 0 && strcmp(h[i].value, "200") == 0 && !end)
			return;
	link_close(of_control(o), "control stream refused");
}

static void
control_data(struct link_stream *o, uint8_t *d, size_t n)
{
	struct link *l = of_control(o);
	enum control_call call;
	struct reason why = {0};
	struct buf out;
	size_t used, all = n;

	buf_init(&out, FRONT_CONTROL_OUT);
	while (n && l->state != L_CLOSING) {
		if (control_edge_feed(l->control, d, n, &used, &call, &out, &why) < 0) {
			log_warn("control_broken", "address", l->address, "why", why.text, NULL);
			link_close(l, why.text[0] ? why.text : "control protocol");
			break;
		}
		d += used;
		n -= used;
		if (buf_len(&out)) {
			control_send(l, &out);
			buf_clear(&out);
		}
		on_call(l, call, &out);
	}
	if (buf_len(&out))
		control_send(l, &out);
	buf_release(&out);
	if (o->s)
		h2stream_consume(o->s, all);
	link_kick(l);
}

static void
control_end(struct link_stream *o)
{
	struct link *l = of_control(o);

	if (l->state == L_REFUSED)
		link_finish(l, "refused");
	else if (l->state == L_LIVE)
		leave(l);
}

static void
control_closed(struct link_stream *o, uint32_t error)
{
	struct link *l = of_control(o);

	(void)error;
	if (l->state == L_HANDSHAKE || l->state == L_CONTROL || l->state == L_ASKED)
		link_close(l, "control stream closed");
	else
		control_end(o);
}

static const struct link_stream_ops control_ops = {
    .headers = control_headers, .data = control_data, .end = control_end, .closed = control_closed};

/* --- the connection */

static void
on_opened(struct conn *c, void *arg)
{
	static const struct h2_header h[] = {{":method", "GET"},
	                                     {":scheme", "https"},
	                                     {":authority", "h2.cftunnel.com"},
	                                     {":path", "/"},
	                                     {"cf-cloudflared-proxy-connection-upgrade", "control-stream"}};
	struct link *l = arg;

	conn_deadline(c, 0);
	set_timer(l, FRONT_UNREGISTERED_MS);
	if (h2link_new(H2_EDGE, FRONT_STREAMS_LINK, &link_h2_ops, l, &l->h) < 0 || control_edge_new(&l->control) < 0 ||
	    h2stream_open(l->h, h, sizeof h / sizeof *h, false, &l->stream, &l->stream.s) < 0 ||
	    timer_repeat(l->t->loop, &l->ping, FRONT_PING_MS, on_ping, l) < 0 || !set_state(l, L_CONTROL)) {
		link_close(l, "no memory");
		return;
	}
	link_kick(l);
}

static void
on_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct link *l = arg;
	struct reason why = {0};

	(void)c;
	if (!l->h)
		return;
	l->pinged = false; /* behind much data the answer may be late: any byte tells as much */
	if (h2link_feed(l->h, d, n, &why) < 0) {
		log_warn("link_broken", "address", l->address, "tunnel", l->tunnel, "why", why.text, NULL);
		link_close(l, why.text[0] ? why.text : "http2 protocol");
		return;
	}
	if (l->state == L_LIVE && h2link_going(l->h))
		leave(l); /* GOAWAY: what it has goes on, nothing new comes */
	link_kick(l);
}

static void
on_drained(struct conn *c, void *arg)
{
	(void)c;
	on_flush(arg);
}

static void
tell_down(struct link *l, const char *why)
{
	if (l->asked)
		ipc_send(l->t->judge, &fj_link_down_def, &(struct fj_link_down){.link = l->id, .why = why});
	if (!l->registered)
		return;
	if (strcmp(why, "unregistered") != 0)
		count(l->t->f, C_LINKS_LOST, 1);
	log_info("link_down", "tunnel", l->tunnel, "index", log_num(l->index), "address", l->address, "why", why, NULL);
}

static void
on_closed(struct conn *c, enum conn_why cause, void *arg)
{
	struct link *l = arg;
	struct front *f = l->t->f;
	const char *why = l->why[0] ? l->why : conn_why_str(cause);

	if (cause == CONN_TLS)
		log_debug("link_tls", "address", l->address, "why", conn_error_text(c), NULL);
	l->state = L_CLOSING;
	registry_remove(&f->links, l->id);
	if (l->t->judge)
		ipc_forget(l->t->judge, l);
	timer_stop(&l->timer);
	timer_stop(&l->ping);
	timer_stop(&l->probe);
	tunnel_config_release(&l->config);
	if (l->h)
		h2link_free(l->h); /* its sessions hear closed() */
	l->h = NULL;
	defer_cancel(&l->flush);
	control_edge_free(l->control);
	tell_down(l, why);
	list_remove(&l->in);
	uncount(f, C_LINKS_OPEN);
	free(l->sources);
	free(l);
}

static const struct conn_ops conn_link_ops = {
    .opened = on_opened, .data = on_data, .drained = on_drained, .closed = on_closed};

void
links_accept(int fd, void *thread)
{
	struct thread *t = thread;
	struct front *f = t->f;
	struct tls_ctx *tls = certs_get(f, LISTEN_TUNNELS);
	struct link *l = NULL;

	count(f, C_LINKS_ACCEPTED, 1);
	if (tls && atomic_load(&f->counters[C_LINKS_OPEN]) < FRONT_LINKS)
		l = calloc(1, sizeof *l);
	if (!l)
		goto refuse;
	l->t = t;
	l->id = atomic_fetch_add(&f->next_link, 1) + 1;
	l->stream.ops = &control_ops;
	if (conn_new_server(t->loop, fd, tls, &conn_link_ops, l, &l->c) < 0) {
		fd = -1;
		goto refuse;
	}
	conn_deadline(l->c, f->handshake_ms);
	str_copy(l->address, sizeof l->address, conn_peer(l->c));
	list_push(&t->links, &l->in);
	count(f, C_LINKS_OPEN, 1);
	tls_ctx_unref(tls);
	return;
refuse:
	count(f, C_LINKS_REFUSED, 1);
	free(l);
	if (fd >= 0)
		close(fd);
	tls_ctx_unref(tls);
}

/* --- judge's orders */

void
links_push(struct thread *t, uint64_t id, const char *tunnel, uint32_t version, const char *config)
{
	list_foreach (i, &t->links) {
		struct link *l = (struct link *)i;

		if (l->state == L_LIVE && strcmp(l->tunnel, tunnel) == 0 && (!id || l->id == id))
			tunnel_config_push(&l->config, version, config);
	}
}

void
links_unlink(struct thread *t, uint64_t id, const char *tunnel, const char *why)
{
	list_foreach (i, &t->links) {
		struct link *l = (struct link *)i;

		if (l->registered && (id ? l->id == id : strcmp(l->tunnel, tunnel) == 0))
			link_close(l, why[0] ? why : "unlinked");
	}
}

void
links_probe(struct thread *t, uint64_t id)
{
	list_foreach (i, &t->links) {
		struct link *l = (struct link *)i;

		if (l->id == id && l->state == L_LIVE)
			link_probe(l);
	}
}

void
links_announce(struct thread *t)
{
	list_foreach (i, &t->links) {
		struct link *l = (struct link *)i;
		struct fj_link_up m = {.link = l->id,
		                       .tunnel = l->tunnel,
		                       .client_id = l->client_id,
		                       .index = l->index,
		                       .version = l->version,
		                       .arch = l->arch,
		                       .conn_id = l->conn_id,
		                       .address = l->address,
		                       .leaving = l->state == L_LEAVING,
		                       .since = l->since,
		                       .config = l->config.version,
		                       .origin_ip = l->origin,
		                       .sources = l->sources ? l->sources : ""};

		if (l->registered && l->state != L_CLOSING)
			ipc_send(t->judge, &fj_link_up_def, &m);
	}
}

void
links_stop(struct thread *t)
{
	list_foreach (i, &t->links)
		link_close((struct link *)i, "edge stopped");
}
