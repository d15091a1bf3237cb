#include "wire/h2link.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "core/list.h"
#include "wire/h2queue.h"
#include "wire/token.h"

#define HEADERS_MAX 256u             /* header fields a block: a block of table references is cheap to send */
#define OUT_BATCH (256u << 10)       /* one pull */
#define OUT_SIZE (OUT_BATCH + 65536) /* and the frame that crossed the line */
#define QUEUE_MAX (4u * H2_OUT_MARK)
#define CONNECTOR_STREAMS_MIN 1u

/* Flood budget, in tokens. An engine has no clock: reads are the measure. A full budget lets a burst pass; each feed
   gives a little back (a peer that sends one PING a packet costs us no more than one that sends a byte of data),
   payload more, and the owner's own h2link_ping everything. What outruns that is a flood: rapid reset, PING, SETTINGS,
   PRIORITY, empty DATA (security.md 3.8, 95-98). */
#define FLOOD_BURST 4096
#define FLOOD_FEED 4
#define FLOOD_COST_SETTINGS 8
#define FLOOD_COST_INVALID 64
/* WINDOW_UPDATE: a reader that returns each byte alone, to stream and connection, sends two a byte. Older Go servers
   answer every small read of theirs so: only more frames than bytes could explain are a flood. */
#define FLOOD_UPDATES_MAX (16 << 20)
/* Bytes of which no frame comes of: DATA for streams that are over (at most what was in flight when each ended) and
   frames of unknown kinds. */
#define FLOOD_WASTE (1 << 20)
#define FLOOD_WASTE_MAX (256 << 20)

struct head { /* a header block being received; lives from HEADERS to its end */
	struct buf text;
	uint32_t name[HEADERS_MAX], value[HEADERS_MAX];
	struct h2_header v[HEADERS_MAX];
	size_t n, bytes;
};

struct h2stream {
	struct list all;   /* in link->streams */
	struct list drain; /* in link->drain while drained() is owed */
	struct h2link *l;
	void *arg;
	int32_t id;
	struct h2_queue q;
	size_t unread;   /* handed up, not consumed */
	size_t consumed; /* since the window last grew */
	int32_t window;
	bool known;     /* the owner has seen it */
	bool answered;  /* HEADERS of ours submitted */
	bool head_done; /* final head of the peer's seen */
	bool end;       /* the owner has no more to send */
	bool reset;     /* the owner gave it up */
	bool deferred;  /* nghttp2 waits for resume */
};

struct h2link {
	nghttp2_session *ng;
	const struct h2link_ops *ops;
	void *arg;
	enum h2_role role;
	uint32_t max_streams;
	struct list streams, drain;
	size_t n;
	size_t unread; /* of all streams */
	struct head *head;
	int64_t tokens, updates, waste;
	size_t credit; /* payload bytes not yet turned into tokens */
	unsigned pings;
	bool busy;      /* inside nghttp2 */
	bool going;     /* GOAWAY went either way */
	bool fatal_out; /* a GOAWAY with an error is on its way out */
	int dead;       /* E_* after which nghttp2 is not called again */
	struct reason why;
};

/* --- the thread's output buffer: links hold none */

static _Thread_local uint8_t *out_buf;
static tss_t out_key;
static once_flag out_once = ONCE_FLAG_INIT;

static void
out_setup(void)
{
	if (tss_create(&out_key, free) != thrd_success)
		abort();
}

static uint8_t *
out_get(void)
{
	if (!out_buf) {
		call_once(&out_once, out_setup);
		out_buf = malloc(OUT_SIZE);
		if (out_buf && tss_set(out_key, out_buf) != thrd_success) {
			free(out_buf);
			out_buf = NULL;
		}
	}
	return out_buf;
}

/* --- failure */

static int
fail(struct h2link *l, int e, const char *text)
{
	if (!l->dead) {
		l->dead = e;
		reason_set(&l->why, e, SP_TUNNEL_PROTOCOL, "h2: %s", text);
	}
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int
spend(struct h2link *l, int64_t cost)
{
	l->tokens -= cost;
	return l->tokens < 0 ? fail(l, E_LIMIT, "flood of control frames") : 0;
}

static void
earn(struct h2link *l, size_t payload)
{
	l->credit += payload;
	l->tokens += (int64_t)(l->credit >> 10);
	l->credit &= 1023;
	if (l->tokens > FLOOD_BURST)
		l->tokens = FLOOD_BURST;
}

/* --- streams */

static struct h2stream *
stream_new(struct h2link *l, int32_t id)
{
	struct h2stream *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->l = l;
	s->id = id;
	s->window = H2_WINDOW;
	list_init(&s->drain);
	list_push(&l->streams, &s->all);
	l->n++;
	return s;
}

static void
may_waste(struct h2link *l, size_t n)
{
	l->waste += (int64_t)n;
	if (l->waste > FLOOD_WASTE_MAX)
		l->waste = FLOOD_WASTE_MAX;
}

static void
stream_free(struct h2stream *s)
{
	if (!s->reset)
		may_waste(s->l, (size_t)s->window);
	list_remove(&s->all);
	list_remove(&s->drain);
	h2queue_clear(&s->q);
	s->l->n--;
	s->l->unread -= s->unread;
	free(s);
}

static struct h2stream *
stream_of(struct h2link *l, int32_t id)
{
	return nghttp2_session_get_stream_user_data(l->ng, id);
}

static void
stop(struct h2stream *s, uint32_t code)
{
	s->reset = true;
	may_waste(s->l, (size_t)s->window);
	h2queue_clear(&s->q);
	list_remove(&s->drain);
	nghttp2_submit_rst_stream(s->l->ng, NGHTTP2_FLAG_NONE, s->id, code);
}

/* --- receiving: header blocks */

static void
head_drop(struct h2link *l)
{
	if (!l->head)
		return;
	buf_release(&l->head->text);
	free(l->head);
	l->head = NULL;
}

static int
on_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct h2link *l = arg;
	if (f->hd.type != NGHTTP2_HEADERS)
		return 0;
	head_drop(l);
	l->head = calloc(1, sizeof *l->head);
	if (!l->head)
		return fail(l, E_NOMEM, "out of memory");
	buf_init(&l->head->text, H2_HEADERS_BYTES + 2 * HEADERS_MAX);
	if (l->role == H2_CONNECTOR && f->headers.cat == NGHTTP2_HCAT_REQUEST) {
		struct h2stream *s = stream_new(l, f->hd.stream_id);
		if (!s)
			return fail(l, E_NOMEM, "out of memory");
		nghttp2_session_set_stream_user_data(ng, s->id, s);
	}
	return 0;
}

static int
on_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t nname, const uint8_t *value,
          size_t nvalue, uint8_t flags, void *arg)
{
	struct h2link *l = arg;
	struct head *h = l->head;
	if (!h)
		return 0;
	h->bytes += nname + nvalue + 32; /* RFC 9113 section 6.5.2 counts so */
	if (h->n == HEADERS_MAX || h->bytes > H2_HEADERS_BYTES)
		return fail(l, E_LIMIT, "header list too large");
	h->name[h->n] = (uint32_t)buf_len(&h->text);
	h->value[h->n] = (uint32_t)(buf_len(&h->text) + nname + 1);
	if (buf_put(&h->text, name, nname) < 0 || buf_put_u8(&h->text, 0) < 0 || buf_put(&h->text, value, nvalue) < 0 ||
	    buf_put_u8(&h->text, 0) < 0)
		return fail(l, E_NOMEM, "out of memory");
	h->n++;
	return 0;
}

static int
on_invalid_header(nghttp2_session *ng, const nghttp2_frame *f, const uint8_t *name, size_t nname, const uint8_t *value,
                  size_t nvalue, uint8_t flags, void *arg)
{
	int r = spend(arg, FLOOD_COST_INVALID);
	return r ? r : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* nghttp2 would drop the field and go on */
}

static const char *
head_value(const struct head *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->v[i].name, name) == 0)
			return h->v[i].value;
	return NULL;
}

/* Host and :authority of a request must agree (security.md 3.8, 99). */
static bool
head_ok(const struct h2link *l, const struct head *h)
{
	if (l->role != H2_CONNECTOR)
		return true;
	const char *host = head_value(h, "host"), *authority = head_value(h, ":authority");
	return !host || !authority || strcmp(host, authority) == 0;
}

static int
give_head(struct h2link *l, struct h2stream *s, bool end)
{
	struct head *h = l->head;
	const char *text = (const char *)buf_ptr(&h->text), *status;
	for (size_t i = 0; i < h->n; i++)
		h->v[i] = (struct h2_header){text + h->name[i], text + h->value[i]};
	if (s->head_done) { /* trailers: nobody here has a use for them */
		if (end && l->ops->end)
			l->ops->end(s, l->arg);
		return 0;
	}
	status = l->role == H2_EDGE ? head_value(h, ":status") : NULL;
	if (status && status[0] == '1')
		return spend(l, 1); /* one or two are usual, a storm is not */
	if (!head_ok(l, h)) {
		stop(s, NGHTTP2_PROTOCOL_ERROR);
		return 0;
	}
	s->head_done = s->known = true;
	l->ops->headers(s, h->v, h->n, end, l->arg);
	return 0;
}

/* --- receiving: the rest */

static int
on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *d, size_t n, void *arg)
{
	struct h2link *l = arg;
	struct h2stream *s = stream_of(l, id);
	earn(l, n);
	if (nghttp2_session_consume_connection(ng, n) != 0)
		return fail(l, E_NOMEM, "out of memory");
	if (!s || s->reset || !s->known)
		return 0;
	if (l->unread + n > H2_UNREAD_MAX && s->unread > H2_UNREAD_FAIR) {
		stop(s, H2_CALM); /* many readers that lag, or none that reads: whoever adds to it pays */
		return 0;
	}
	s->unread += n;
	l->unread += n;
	l->ops->data(s, (uint8_t *)(uintptr_t)d, n, l->arg); /* h2link_feed's own buffer */
	return 0;
}

static int
count_frame(struct h2link *l, const nghttp2_frame *f, const struct h2stream *s)
{
	switch (f->hd.type) {
	case NGHTTP2_DATA:
		return f->hd.length == 0 && !(f->hd.flags & NGHTTP2_FLAG_END_STREAM) ? spend(l, 1) : 0;
	case NGHTTP2_HEADERS:
		return 0;
	case NGHTTP2_RST_STREAM: /* the edge's own streams: their number is its own choice */
		return l->role == H2_EDGE && s ? 0 : spend(l, 1);
	case NGHTTP2_WINDOW_UPDATE:
		return l->updates > 0 ? (l->updates--, 0) : spend(l, 1);
	case NGHTTP2_SETTINGS:
		return spend(l, FLOOD_COST_SETTINGS);
	default:
		return spend(l, 1);
	}
}

static int
on_frame(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct h2link *l = arg;
	struct h2stream *s = f->hd.stream_id > 0 ? stream_of(l, f->hd.stream_id) : NULL;
	bool end = f->hd.flags & NGHTTP2_FLAG_END_STREAM;
	int r = count_frame(l, f, s);
	if (r)
		return r;
	may_waste(l, f->hd.length + 9);
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		if (s && !s->reset && l->head)
			r = give_head(l, s, end);
		head_drop(l);
		break;
	case NGHTTP2_DATA:
		if (end && s && !s->reset && s->known && l->ops->end)
			l->ops->end(s, l->arg);
		break;
	case NGHTTP2_PING:
		if ((f->hd.flags & NGHTTP2_FLAG_ACK) && l->pings > 0) {
			l->pings--;
			if (l->ops->pong)
				l->ops->pong(l, l->arg);
		}
		break;
	case NGHTTP2_GOAWAY:
		l->going = true;
		break;
	}
	return r;
}

static int
on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *f, int code, void *arg)
{
	struct h2link *l = arg;
	if (l->why.text[0] == 0) /* kept in case the whole connection is ending for it */
		reason_set(&l->why, 0, SP_TUNNEL_PROTOCOL, "h2: frame type %d refused: %s", f->hd.type,
		           nghttp2_strerror(code));
	return spend(l, FLOOD_COST_INVALID);
}

static int
on_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
	struct h2link *l = arg;
	struct h2stream *s = stream_of(l, id);
	if (!s)
		return 0;
	nghttp2_session_set_stream_user_data(ng, id, NULL);
	if (s->known && l->ops->closed)
		l->ops->closed(s, code, l->arg);
	stream_free(s);
	return 0;
}

/* --- sending */

static ssize_t
read_queue(nghttp2_session *ng, int32_t id, uint8_t *out, size_t n, uint32_t *flags, nghttp2_data_source *src,
           void *arg)
{
	struct h2link *l = arg;
	struct h2stream *s = stream_of(l, id);
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (s->q.n == 0 && !s->end) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	size_t before = s->q.n, got = h2queue_take(&s->q, out, n < H2_FRAME ? n : H2_FRAME);
	l->updates += l->updates < FLOOD_UPDATES_MAX ? 2 * (int64_t)got : 0;
	if (s->q.n == 0 && s->end)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (before > H2_OUT_MARK / 4 && s->q.n <= H2_OUT_MARK / 4 && list_empty(&s->drain))
		list_push(&l->drain, &s->drain); /* told as soon as this frame is out of nghttp2's hands */
	return (ssize_t)got;
}

static int
on_sent(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
	struct h2link *l = arg;
	if (f->hd.type == NGHTTP2_GOAWAY) {
		l->going = true;
		if (f->goaway.error_code != NGHTTP2_NO_ERROR)
			l->fatal_out = true;
	}
	return 0;
}

/* Writers that paused go on exactly here: nobody else would tell them (facts/relay-prototype.md rule 4.5). */
static void
tell_drained(struct h2link *l)
{
	while (!list_empty(&l->drain)) {
		struct h2stream *s = list_entry(l->drain.next, struct h2stream, drain);
		list_remove(&s->drain);
		if (l->ops->drained && !s->reset && !s->end)
			l->ops->drained(s, l->arg);
	}
}

/* --- the link */

static int
make_session(struct h2link *l)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *opt = NULL;
	int r = E_NOMEM;
	if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&opt) != 0)
		goto out;
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
	nghttp2_option_set_no_auto_window_update(opt, 1);
	nghttp2_option_set_no_closed_streams(opt, 1);
	nghttp2_option_set_max_settings(opt, 32);
	nghttp2_option_set_max_continuations(opt, 8);
	nghttp2_option_set_max_outbound_ack(opt, 1000);
	nghttp2_option_set_stream_reset_rate_limit(opt, 1u << 20,
	                                           1u << 16); /* ours counts; its default kills busy tunnels */
	r = l->role == H2_EDGE ? nghttp2_session_client_new2(&l->ng, cb, l, opt)
	                       : nghttp2_session_server_new2(&l->ng, cb, l, opt);
	r = r == 0 ? 0 : E_NOMEM;
out:
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(opt);
	return r;
}

static int
say_settings(struct h2link *l)
{
	nghttp2_settings_entry v[] = {
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_BYTES},
	    l->role == H2_EDGE ? (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0}
	                       : (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->max_streams},
	};
	if (nghttp2_submit_settings(l->ng, NGHTTP2_FLAG_NONE, v, sizeof v / sizeof v[0]) != 0 ||
	    nghttp2_session_set_local_window_size(l->ng, NGHTTP2_FLAG_NONE, 0, H2_CONN_WINDOW) != 0)
		return E_NOMEM;
	return 0;
}

int
h2link_new(enum h2_role role, uint32_t max_streams, const struct h2link_ops *ops, void *arg, struct h2link **ret_l)
{
	struct h2link *l = calloc(1, sizeof *l);
	if (!l)
		return E_NOMEM;
	l->role = role;
	l->max_streams = max_streams < CONNECTOR_STREAMS_MIN ? CONNECTOR_STREAMS_MIN : max_streams;
	l->ops = ops;
	l->arg = arg;
	l->tokens = l->updates = FLOOD_BURST;
	l->waste = FLOOD_WASTE;
	list_init(&l->streams);
	list_init(&l->drain);
	int r = make_session(l);
	if (r == 0)
		r = say_settings(l);
	if (r < 0) {
		h2link_free(l);
		return r;
	}
	*ret_l = l;
	return 0;
}

void
h2link_free(struct h2link *l)
{
	if (!l)
		return;
	l->dead = l->dead ? l->dead : E_CLOSED;
	while (!list_empty(&l->streams)) {
		struct h2stream *s = list_entry(l->streams.next, struct h2stream, all);
		if (s->known && l->ops->closed)
			l->ops->closed(s, NGHTTP2_CONNECT_ERROR, l->arg);
		stream_free(s);
	}
	head_drop(l);
	nghttp2_session_del(l->ng);
	free(l);
}

static int
dead(const struct h2link *l, struct reason *why)
{
	if (why)
		*why = l->why;
	return l->dead;
}

int
h2link_feed(struct h2link *l, const uint8_t *d, size_t n, struct reason *why)
{
	if (l->dead)
		return dead(l, why);
	if (l->busy)
		return E_STATE;
	l->tokens += l->tokens < FLOOD_BURST ? FLOOD_FEED : 0;
	l->waste -= (int64_t)n;
	l->busy = true;
	ssize_t r = nghttp2_session_mem_recv(l->ng, d, n);
	l->busy = false;
	if (l->waste < 0)
		fail(l, E_LIMIT, "flood of frames for nothing");
	if (r < 0)
		fail(l,
		     r == NGHTTP2_ERR_NOMEM     ? E_NOMEM
		     : r == NGHTTP2_ERR_FLOODED ? E_LIMIT
		                                : E_FORMAT,
		     nghttp2_strerror((int)r));
	if (l->dead)
		return dead(l, why);
	/* nghttp2 answers a broken connection with a GOAWAY and ignores the rest: for us that is the end */
	if (l->role == H2_EDGE && !l->going && !nghttp2_session_check_request_allowed(l->ng))
		l->fatal_out = true;
	if (l->fatal_out)
		return reason_set(why, E_FORMAT, SP_TUNNEL_PROTOCOL, "%s",
		                  l->why.text[0] ? l->why.text : "h2: the peer broke the protocol");
	l->why.text[0] = 0;
	return 0;
}

int
h2link_pull(struct h2link *l, const uint8_t **ret_d, size_t *ret_n)
{
	*ret_d = NULL;
	*ret_n = 0;
	if (l->busy)
		return 0; /* from a callback: the owner's deferred flush comes later */
	if (l->dead)
		return l->dead;
	uint8_t *out = out_get();
	size_t n = 0;
	if (!out)
		return E_NOMEM;
	l->busy = true;
	while (n < OUT_BATCH) {
		const uint8_t *p;
		ssize_t r = nghttp2_session_mem_send(l->ng, &p);
		if (r == 0)
			break;
		if (r < 0 || (size_t)r > OUT_SIZE - n) {
			fail(l, r == NGHTTP2_ERR_NOMEM ? E_NOMEM : E_FORMAT, "cannot send");
			break;
		}
		memcpy(out + n, p, (size_t)r);
		n += (size_t)r;
		tell_drained(l);
	}
	tell_drained(l);
	l->busy = false;
	if (l->dead)
		return l->dead;
	if (n == 0 && l->fatal_out)
		return E_FORMAT;
	*ret_d = out;
	*ret_n = n;
	return 0;
}

bool
h2link_want_write(const struct h2link *l)
{
	return !l->dead && nghttp2_session_want_write(l->ng);
}

int
h2link_ping(struct h2link *l)
{
	if (l->dead)
		return l->dead;
	if (nghttp2_submit_ping(l->ng, NGHTTP2_FLAG_NONE, NULL) != 0)
		return E_NOMEM;
	l->pings++;
	l->tokens = FLOOD_BURST;
	return 0;
}

int
h2link_goaway(struct h2link *l, uint32_t code)
{
	if (l->dead)
		return l->dead;
	int32_t last = nghttp2_session_get_last_proc_stream_id(l->ng);
	l->going = true;
	return nghttp2_submit_goaway(l->ng, NGHTTP2_FLAG_NONE, last, code, NULL, 0) == 0 ? 0 : E_NOMEM;
}

size_t
h2link_streams(const struct h2link *l)
{
	return l->n;
}

bool
h2link_going(const struct h2link *l)
{
	return l->going;
}

bool
h2link_can_open(const struct h2link *l)
{
	return l->role == H2_EDGE && !l->dead && !l->going && !l->fatal_out && l->n < l->max_streams &&
	       l->n < nghttp2_session_get_remote_settings(l->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) &&
	       nghttp2_session_check_request_allowed(l->ng);
}

/* --- what owners do with streams */

static int
make_nv(const struct h2_header *h, size_t n, nghttp2_nv nv[static HEADERS_MAX])
{
	size_t bytes = 0;
	if (n > HEADERS_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < n; i++) {
		size_t nname = strlen(h[i].name), nvalue = strlen(h[i].value), pseudo = h[i].name[0] == ':';
		if (!token_ok(h[i].name + pseudo, nname - pseudo) || !field_value_ok(h[i].value, nvalue))
			return E_FORMAT;
		bytes += nname + nvalue + 32;
		nv[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)h[i].name, (uint8_t *)(uintptr_t)h[i].value, nname, nvalue,
		                     NGHTTP2_NV_FLAG_NONE};
	}
	return bytes > H2_HEADERS_BYTES ? E_LIMIT : 0;
}

int
h2stream_open(struct h2link *l, const struct h2_header *h, size_t n, bool end, void *arg, struct h2stream **ret_s)
{
	nghttp2_nv nv[HEADERS_MAX];
	nghttp2_data_provider prd = {.read_callback = read_queue};
	if (!h2link_can_open(l))
		return l->dead || l->going || l->role != H2_EDGE ? E_CLOSED : E_AGAIN;
	int r = make_nv(h, n, nv);
	if (r < 0)
		return r;
	struct h2stream *s = stream_new(l, 0);
	if (!s)
		return E_NOMEM;
	s->id = nghttp2_submit_request(l->ng, NULL, nv, n, end ? NULL : &prd, s);
	if (s->id < 0) {
		stream_free(s);
		return E_NOMEM;
	}
	s->arg = arg;
	s->known = s->answered = true;
	s->end = end;
	*ret_s = s;
	return 0;
}

int
h2stream_respond(struct h2stream *s, const struct h2_header *h, size_t n, bool end)
{
	nghttp2_nv nv[HEADERS_MAX];
	nghttp2_data_provider prd = {.read_callback = read_queue};
	struct h2link *l = s->l;
	if (l->dead || s->reset)
		return E_CLOSED;
	if (l->role != H2_CONNECTOR || s->answered || (end && s->q.n > 0))
		return E_STATE;
	int r = make_nv(h, n, nv);
	if (r < 0)
		return r;
	if (nghttp2_submit_response(l->ng, s->id, nv, n, end ? NULL : &prd) != 0)
		return E_NOMEM;
	s->answered = true;
	s->end = s->end || end;
	return 0;
}

static void
resume(struct h2stream *s)
{
	if (!s->deferred)
		return;
	s->deferred = false;
	nghttp2_session_resume_data(s->l->ng, s->id);
}

int
h2stream_write2(struct h2stream *s, const void *head, size_t nhead, const void *d, size_t n)
{
	if (s->l->dead || s->reset)
		return E_CLOSED;
	if (s->end)
		return E_STATE;
	if (nhead > QUEUE_MAX || n > QUEUE_MAX || s->q.n + nhead + n > QUEUE_MAX)
		return E_LIMIT;
	if (nhead + n == 0)
		return 0;
	int r = h2queue_put(&s->q, head, nhead, d, n);
	if (r == 0)
		resume(s);
	return r;
}

int
h2stream_write(struct h2stream *s, const void *d, size_t n)
{
	return h2stream_write2(s, NULL, 0, d, n);
}

void
h2stream_end(struct h2stream *s)
{
	if (s->end || s->reset || s->l->dead)
		return;
	s->end = true;
	resume(s);
}

void
h2stream_reset(struct h2stream *s, uint32_t code)
{
	if (!s->reset && !s->l->dead)
		stop(s, code);
}

/* A reader that keeps up and has taken four full windows may be held back by the window: double it. One that lags is
 * not. */
static void
grow_window(struct h2stream *s)
{
	if (s->window >= (int32_t)H2_WINDOW_MAX || s->consumed < 4 * (size_t)s->window)
		return;
	s->consumed = 0;
	if (s->unread > (size_t)s->window / 4)
		return;
	if (nghttp2_session_set_local_window_size(s->l->ng, NGHTTP2_FLAG_NONE, s->id, s->window * 2) == 0)
		s->window *= 2;
}

void
h2stream_consume(struct h2stream *s, size_t n)
{
	if (n > s->unread)
		n = s->unread;
	s->unread -= n;
	s->l->unread -= n;
	if (n == 0 || s->reset || s->l->dead)
		return;
	s->consumed += n;
	nghttp2_session_consume_stream(s->l->ng, s->id, n);
	grow_window(s);
}

size_t
h2stream_queued(const struct h2stream *s)
{
	return s->q.n;
}

void
h2stream_set_arg(struct h2stream *s, void *arg)
{
	s->arg = arg;
}

void *
h2stream_arg(const struct h2stream *s)
{
	return s->arg;
}

struct h2link *
h2stream_link(const struct h2stream *s)
{
	return s->l;
}

void *
h2link_arg(const struct h2link *l)
{
	return l->arg;
}

uint32_t
h2stream_id(const struct h2stream *s)
{
	return (uint32_t)s->id;
}
