#include "edge/front/tunnel_config.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "core/str.h"

#define PIECE (64u << 10)

struct config_push {
	struct link_stream stream; /* first */
	struct tunnel_config *c;
	struct buf body, reply;
	struct loop_timer timer;
	uint32_t version;
	bool ok, replied;
};

static struct config_push *
of_push(struct link_stream *o)
{
	return list_entry(o, struct config_push, stream);
}

static void
push_free(struct tunnel_config *c)
{
	struct config_push *p = c->push;

	if (!p)
		return;
	c->push = NULL;
	timer_stop(&p->timer);
	link_drop(c->l, &p->stream, 8 /* CANCEL */);
	buf_release(&p->body);
	buf_release(&p->reply);
	free(p);
}

static bool
push_taken(const struct config_push *p)
{
	json_t *j = NULL;
	bool ok = false;

	if (p->ok && json_load_strict(buf_ptr(&p->reply), buf_len(&p->reply), FRONT_PUSH_REPLY, &j) == 0)
		ok = json_i64_or(j, "lastAppliedVersion", -1) >= (int64_t)p->version;
	json_decref(j);
	return ok;
}

static void
push_done(struct tunnel_config *c, bool ok)
{
	uint32_t version = c->push->version;
	char *next = c->next;

	push_free(c);
	if (ok)
		c->version = version;
	ipc_send(c->t->judge, &fj_link_config_def,
	         &(struct fj_link_config){.link = c->link, .version = version, .ok = ok});
	log_line(ok ? LOG_DEBUG : LOG_WARN, ok ? "config_taken" : "config_refused", "tunnel", c->tunnel, "version",
	         log_num(version), NULL);
	c->next = NULL;
	if (next)
		tunnel_config_push(c, c->next_version, next);
	free(next);
}

static void
push_pump(struct tunnel_config *c)
{
	struct config_push *p = c->push;

	while (buf_len(&p->body) && h2stream_queued(p->stream.s) < H2_OUT_MARK) {
		size_t n = buf_len(&p->body) < PIECE ? buf_len(&p->body) : PIECE;

		if (h2stream_write(p->stream.s, buf_ptr(&p->body), n) < 0)
			return; /* closed() follows */
		buf_skip(&p->body, n);
	}
	if (buf_len(&p->body) == 0)
		h2stream_end(p->stream.s);
	link_kick(c->l);
}

static void
push_headers(struct link_stream *o, const struct h2_header *h, size_t n, bool end)
{
	struct config_push *p = of_push(o);

	for (size_t i = 0; i < n; i++)
		if (strcmp(h[i].name, ":status") == 0)
			p->ok = strcmp(h[i].value, "200") == 0;
	p->replied = end;
}

static void
push_data(struct link_stream *o, uint8_t *d, size_t n)
{
	struct config_push *p = of_push(o);
	struct tunnel_config *c = p->c;

	if (buf_put(&p->reply, d, n) < 0)
		p->ok = false;
	h2stream_consume(o->s, n);
	link_kick(c->l);
}

static void
push_end(struct link_stream *o)
{
	of_push(o)->replied = true;
}

static void
push_drained(struct link_stream *o)
{
	push_pump(of_push(o)->c);
}

static void
push_over(void *arg)
{
	struct tunnel_config *c = arg;

	push_done(c, c->push->replied && push_taken(c->push));
}

static void
push_closed(struct link_stream *o, uint32_t error)
{
	(void)error;
	push_over(of_push(o)->c);
}

static const struct link_stream_ops push_ops = {
    .headers = push_headers, .data = push_data, .end = push_end, .drained = push_drained, .closed = push_closed};

/* {"version":N,"config":{...}}; judge may give the whole, or the inner object. */
static int
push_body(struct buf *out, uint32_t version, const char *config)
{
	json_t *j = NULL, *inner;
	int e = json_load_strict(config, strlen(config), MSG_BYTES_MAX, &j);

	if (e < 0)
		return e;
	if (json_get_object(j, "config", &inner) == 0 && json_object_get(j, "version"))
		e = buf_put_str(out, config);
	else
		e = buf_putf(out, "{\"version\":%u,\"config\":%s}", (unsigned)version, config);
	json_decref(j);
	return e;
}

void
tunnel_config_push(struct tunnel_config *c, uint32_t version, const char *config)
{
	static const struct h2_header h[] = {{":method", "POST"},
	                                     {":scheme", "https"},
	                                     {":authority", "h2.cftunnel.com"},
	                                     {":path", "/"},
	                                     {"cf-cloudflared-proxy-connection-upgrade", "update-configuration"},
	                                     {"content-type", "application/json"}};
	struct config_push *p;

	if (c->push) {
		free(c->next);
		c->next = str_dup(config);
		c->next_version = version;
		return;
	}
	p = calloc(1, sizeof *p);
	if (!p)
		return;
	p->c = c;
	p->version = version;
	p->stream.ops = &push_ops;
	buf_init(&p->body, MSG_BYTES_MAX);
	buf_init(&p->reply, FRONT_PUSH_REPLY);
	c->push = p;
	if (push_body(&p->body, version, config) < 0 ||
	    timer_start(c->t->loop, &p->timer, FRONT_PUSH_MS, push_over, c) < 0 ||
	    h2stream_open(c->h, h, sizeof h / sizeof *h, false, &p->stream, &p->stream.s) < 0) {
		push_done(c, false);
		return;
	}
	push_pump(c);
}

void
tunnel_config_release(struct tunnel_config *c)
{
	free(c->next);
	c->next = NULL;
	push_free(c);
}
