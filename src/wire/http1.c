#include "wire/http1.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "wire/token.h"

#define OVERHEAD_MAX (256u + 32u) /* chunk extensions and framing around a chunk's size */
#define TRAILERS_MAX 4096u        /* of a response, with the framing before them */
#define LEADING_MAX 4u            /* CR and LF that may stand in front of a message (RFC 9112 section 2.2) */
#define INTERIM_MAX 8u            /* 1xx answers in front of one response */

enum phase { IDLE, HEAD, BODY };

struct part { /* a field while its head is being read: offsets into text */
	uint16_t name, value;
};

struct reading { /* lives while a head is read */
	struct buf text;
	struct part v[HTTP1_HEADERS_MAX];
	size_t n;
	bool in_value;
};

struct http1 {
	llhttp_t p;
	enum http1_role role;
	enum phase phase;
	uint64_t body_max, body_got;
	struct reading *reading;
	/* the head of the current message: one block, v points into text */
	char *text;
	const char *target;
	struct http1_header *v;
	uint16_t n;
	uint16_t status, error_status;
	uint16_t head_bytes; /* of this head so far */
	size_t overhead;     /* bytes of chunk framing since the last byte of body */
	uint8_t leading, interims;
	uint8_t tail;     /* how much of CR LF CR LF the head ends with */
	bool line_start;  /* the head's last byte was LF */
	bool chunked, cr; /* body: the last byte of its framing was CR */
	bool head_ready, done, upgrade_ready;
	bool skip_body, keep_alive, expects, upgrade, until_eof, broken, over;
	const char *method;
	const char *why;
	int why_code;
	struct slice piece;
};

static int
refuse(struct http1 *h, int e, unsigned status, const char *why)
{
	if (!h->why) {
		h->why = why;
		h->why_code = e;
		h->error_status = (uint16_t)status;
	}
	return HPE_USER;
}

static void
head_release(struct http1 *h)
{
	if (h->reading) {
		buf_release(&h->reading->text);
		free(h->reading);
		h->reading = NULL;
	}
	free(h->text);
	free(h->v);
	h->text = NULL;
	h->v = NULL;
	h->target = NULL;
	h->n = 0;
}

/* --- llhttp calls these */

static int
on_begin(llhttp_t *p)
{
	struct http1 *h = p->data;
	head_release(h);
	h->reading = calloc(1, sizeof *h->reading);
	if (!h->reading)
		return refuse(h, E_NOMEM, 500, "out of memory");
	buf_init(&h->reading->text, HTTP1_HEAD_MAX + HTTP1_HEADERS_MAX);
	h->body_got = 0;
	h->overhead = 0;
	h->method = "";
	h->status = 0;
	h->keep_alive = h->expects = h->upgrade = h->until_eof = false;
	return 0;
}

static int
add(struct http1 *h, const char *at, size_t n)
{
	int r = buf_put(&h->reading->text, at, n);
	return r == 0 ? 0 : refuse(h, r, r == E_NOMEM ? 500 : 431, "head too large");
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;
	if (n > HTTP1_TARGET_MAX || buf_len(&h->reading->text) + n > HTTP1_TARGET_MAX)
		return refuse(h, E_LIMIT, 414, "target too long");
	return add(h, at, n);
}

static int
on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;
	struct reading *g = h->reading;
	if (!g)
		return h->role == HTTP1_CLIENT ? 0 : refuse(h, E_FORMAT, 400, "trailers are not accepted");
	if (g->n == 0 || g->in_value) { /* a new field: what stood before gets its NUL */
		if (g->n == HTTP1_HEADERS_MAX)
			return refuse(h, E_LIMIT, 431, "too many header fields");
		if (add(h, "", 1) != 0)
			return HPE_USER;
		g->in_value = false;
		g->v[g->n].name = g->v[g->n].value = (uint16_t)buf_len(&g->text);
		g->n++;
	}
	int r = add(h, at, n);
	if (r != 0)
		return r;
	uint8_t *d = g->text.d + g->text.w - n;
	for (size_t i = 0; i < n; i++) {
		if (!token_char((char)d[i]))
			return refuse(h, E_FORMAT, 400, "header name is not a token");
		if (d[i] >= 'A' && d[i] <= 'Z')
			d[i] = (uint8_t)(d[i] | 0x20);
	}
	return 0;
}

/* Also for the end of a name whose value is empty. */
static int
begin_value(struct http1 *h)
{
	struct reading *g = h->reading;
	if (!g || g->n == 0 || g->in_value)
		return 0;
	if (buf_len(&g->text) == g->v[g->n - 1].name)
		return refuse(h, E_FORMAT, 400, "empty header name");
	if (add(h, "", 1) != 0)
		return HPE_USER;
	g->in_value = true;
	g->v[g->n - 1].value = (uint16_t)buf_len(&g->text);
	return 0;
}

static int
on_field_end(llhttp_t *p)
{
	return begin_value(p->data);
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;
	if (!h->reading)
		return h->role == HTTP1_CLIENT ? 0 : refuse(h, E_FORMAT, 400, "trailers are not accepted");
	int r = begin_value(h);
	return r != 0 ? r : add(h, at, n);
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;
	h->body_got += n;
	if (h->body_got > h->body_max)
		return refuse(h, E_LIMIT, 413, "body too large");
	h->piece = (struct slice){(const uint8_t *)at, n};
	return HPE_PAUSED;
}

static int
on_done(llhttp_t *p)
{
	struct http1 *h = p->data;
	if (h->phase == HEAD && (!h->head_ready || h->upgrade_ready)) /* an interim answer, or an upgrade: all head */
		return 0;
	h->done = true;
	return HPE_PAUSED;
}

/* --- the head as a whole */

/* Turns what was collected into the compact form that is kept while the message is handled. */
static int
compact(struct http1 *h)
{
	struct reading *g = h->reading;
	if (begin_value(h) != 0 || add(h, "", 1) != 0)
		return HPE_USER;
	size_t len = buf_len(&g->text);
	h->text = malloc(len);
	h->v = malloc((g->n ? g->n : 1) * sizeof *h->v);
	if (!h->text || !h->v)
		return refuse(h, E_NOMEM, 500, "out of memory");
	memcpy(h->text, buf_ptr(&g->text), len);
	for (size_t i = 0; i < g->n; i++) {
		char *value = h->text + g->v[i].value;
		size_t k = strlen(value);
		while (k > 0 && (value[k - 1] == ' ' || value[k - 1] == '\t'))
			value[--k] = 0;
		if (!field_value_ok(value, k))
			return refuse(h, E_FORMAT, 400, "control byte in a header");
		h->v[i] = (struct http1_header){h->text + g->v[i].name, value};
	}
	h->target = h->text;
	h->n = (uint16_t)g->n;
	buf_release(&g->text);
	free(g);
	h->reading = NULL;
	return 0;
}

static size_t
count(const struct http1 *h, const char *name)
{
	size_t k = 0;
	for (size_t i = 0; i < h->n; i++)
		k += strcmp(h->v[i].name, name) == 0;
	return k;
}

static int
check_framing(struct http1 *h)
{
	const char *te = http1_header_get(h, "transfer-encoding"), *cl = http1_header_get(h, "content-length");
	uint64_t len = 0;
	if (te && (cl || count(h, "transfer-encoding") > 1 || strcasecmp(te, "chunked") != 0))
		return refuse(h, E_FORMAT, 400, "transfer-encoding other than one chunked, or with a content-length");
	if (te && h->p.http_minor == 0)
		return refuse(h, E_FORMAT, 400, "transfer-encoding in HTTP/1.0");
	if (cl && (count(h, "content-length") > 1 || str_u64(cl, UINT64_MAX, &len) < 0))
		return refuse(h, E_FORMAT, 400, "content-length is not one number");
	if (len > h->body_max && !(h->p.flags & F_SKIPBODY))
		return refuse(h, E_LIMIT, 413, "body too large");
	return 0;
}

static int
check_request(struct http1 *h)
{
	const char *t = h->target, *host = http1_header_get(h, "host");
	if (!(h->p.http_major == 1 && h->p.http_minor <= 1))
		return refuse(h, E_FORMAT, 505, "only HTTP/1.0 and 1.1 are spoken");
	if (t[0] != '/' && !(strcmp(t, "*") == 0 && h->p.method == HTTP_OPTIONS))
		return refuse(h, E_FORMAT, 400, "target is not a path");
	for (; *t; t++)
		if ((unsigned char)*t <= ' ' || (unsigned char)*t >= 0x7f)
			return refuse(h, E_FORMAT, 400, "target is not ASCII");
	if (!host || !*host || count(h, "host") != 1)
		return refuse(h, E_FORMAT, 400, "there must be exactly one Host");
	if (h->upgrade && h->p.http_minor == 0)
		return refuse(h, E_FORMAT, 400, "Upgrade in HTTP/1.0");
	if (h->upgrade && h->expects)
		return refuse(h, E_FORMAT, 400, "Upgrade with a body");
	return 0;
}

static int
check_response(struct http1 *h)
{
	if (h->p.http_major != 1 || h->p.http_minor > 1)
		return refuse(h, E_FORMAT, 505, "only HTTP/1.0 and 1.1 are spoken");
	if (h->status < 100 || h->status > 599)
		return refuse(h, E_FORMAT, 400, "status out of range");
	if (h->status == 101 && !h->upgrade)
		return refuse(h, E_FORMAT, 400, "101 without Upgrade");
	return 0;
}

static int
on_head(llhttp_t *p)
{
	struct http1 *h = p->data;
	int r = compact(h);
	if (r != 0)
		return r;
	h->status = h->role == HTTP1_CLIENT ? p->status_code : 0;
	if (h->role == HTTP1_CLIENT && (h->skip_body || h->status / 100 == 1 || h->status == 204 || h->status == 304))
		p->flags |= F_SKIPBODY;
	h->method = h->role == HTTP1_SERVER ? llhttp_method_name(p->method) : "";
	h->keep_alive = llhttp_should_keep_alive(p);
	h->until_eof = llhttp_message_needs_eof(p);
	h->chunked = p->flags & F_CHUNKED;
	h->cr = false;
	h->expects = !(p->flags & F_SKIPBODY) && ((p->flags & F_CHUNKED) || p->content_length > 0 || h->until_eof);
	h->upgrade = (p->flags & F_CONNECTION_UPGRADE) && http1_header_get(h, "upgrade");
	if ((r = check_framing(h)) != 0 || (r = h->role == HTTP1_SERVER ? check_request(h) : check_response(h)) != 0)
		return r;
	if (h->role == HTTP1_CLIENT && h->status / 100 == 1 && h->status != 101) {
		head_release(h);
		if (!h->keep_alive)
			return refuse(h, E_FORMAT, 502, "interim answer that closes");
		return ++h->interims > INTERIM_MAX ? refuse(h, E_LIMIT, 502, "too many interim answers") : 0;
	}
	h->head_ready = true;
	if (h->upgrade && (h->role == HTTP1_SERVER || h->status == 101)) {
		h->upgrade_ready = true;
		return 2; /* no body; the rest is another protocol */
	}
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_field_complete = on_field_end,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_done,
};

/* --- life */

int
http1_new(enum http1_role role, uint64_t body_max, struct http1 **ret_h)
{
	struct http1 *h = calloc(1, sizeof *h);
	if (!h)
		return E_NOMEM;
	llhttp_init(&h->p, role == HTTP1_SERVER ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	h->p.data = h;
	h->role = role;
	h->body_max = body_max;
	h->method = "";
	*ret_h = h;
	return 0;
}

void
http1_free(struct http1 *h)
{
	if (!h)
		return;
	head_release(h);
	free(h);
}

void
http1_drop_head(struct http1 *h)
{
	if (h->phase == IDLE)
		head_release(h);
}

/* --- feeding */

static int
broken(struct http1 *h, struct reason *why)
{
	h->broken = true;
	return reason_set(why, h->why_code, h->why_code == E_LIMIT ? SP_TOO_LARGE : SP_BAD_REQUEST, "http: %s", h->why);
}

static int
error_of(struct http1 *h, llhttp_errno_t e, struct reason *why)
{
	const char *text = llhttp_get_error_reason(&h->p);
	refuse(h, E_FORMAT,
	       e == HPE_INVALID_METHOD    ? 501
	       : e == HPE_INVALID_VERSION ? 505
	                                  : 400,
	       text && *text ? text : llhttp_errno_name(e));
	return broken(h, why);
}

/* How many of the n bytes belong to the head being read; sets *ret_end when its last is among them. Refuses what llhttp
   would let pass: a line that begins with white space, a lone CR or LF. Stops one byte over the limit of a head. */
static size_t
scan_head(struct http1 *h, const uint8_t *d, size_t n, bool *ret_end)
{
	static const uint8_t end[4] = {'\r', '\n', '\r', '\n'};
	size_t i = 0;
	*ret_end = false;
	while (i < n && h->head_bytes <= HTTP1_HEAD_MAX) {
		uint8_t c = d[i++];
		if (h->line_start && (c == ' ' || c == '\t')) {
			refuse(h, E_FORMAT, 400, "line begins with white space");
			return i;
		}
		if ((h->tail & 1) != (c == '\n')) { /* llhttp forgives some of these */
			refuse(h, E_FORMAT, 400, "CR and LF stand together");
			return i;
		}
		h->head_bytes++;
		h->line_start = c == '\n';
		h->tail = c == end[h->tail] ? (uint8_t)(h->tail + 1) : c == '\r' ? 1 : 0;
		if (h->tail == 4) {
			*ret_end = true;
			return i;
		}
	}
	return i;
}

/* Runs llhttp over n bytes; *ret_used says how many it took. */
static int
run(struct http1 *h, const uint8_t *d, size_t n, size_t *ret_used, struct reason *why)
{
	const char *s = n > 0 ? (const char *)d : "";
	llhttp_errno_t e = llhttp_execute(&h->p, s, n);
	if (h->why)
		return broken(h, why);
	if (e == HPE_OK) {
		*ret_used = n;
		return 0;
	}
	if (e != HPE_PAUSED && e != HPE_PAUSED_UPGRADE)
		return error_of(h, e, why);
	*ret_used = (size_t)(llhttp_get_error_pos(&h->p) - s);
	if (e == HPE_PAUSED)
		llhttp_resume(&h->p);
	else
		llhttp_resume_after_upgrade(&h->p);
	return 0;
}

static int
feed_head(struct http1 *h, const uint8_t *d, size_t n, size_t *ret_used, enum http1_event *ret_ev, struct reason *why)
{
	bool end;
	size_t k = scan_head(h, d, n, &end), used = 0;
	if (h->why)
		return broken(h, why);
	int r = run(h, d, k, &used, why);
	if (r < 0)
		return r;
	if (h->head_bytes > HTTP1_HEAD_MAX)
		return refuse(h, E_LIMIT, 431, "head too large"), broken(h, why);
	if (used != k || end != !h->reading) /* llhttp and scan_head must see the same end */
		return refuse(h, E_FORMAT, 400, "head ends early"), broken(h, why);
	*ret_used = used;
	*ret_ev = HTTP1_MORE;
	if (!end)
		return 0;
	h->phase = h->head_ready && !h->upgrade_ready ? BODY : IDLE;
	if (h->upgrade_ready) {
		h->over = !h->keep_alive; /* should the owner decline */
		*ret_ev = HTTP1_UPGRADE;
	} else if (h->head_ready) {
		*ret_ev = HTTP1_HEAD;
	}
	h->done = false;
	return 0;
}

/* The same for the framing of chunks, up to the end of the message. */
static bool
line_ends_ok(struct http1 *h, const uint8_t *d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (h->cr != (d[i] == '\n'))
			return false;
		h->cr = d[i] == '\r';
	}
	return !(h->cr && (h->done || h->piece.n > 0));
}

static int
feed_body(struct http1 *h, const uint8_t *d, size_t n, size_t *ret_used, enum http1_event *ret_ev, struct reason *why)
{
	h->piece = (struct slice){NULL, 0};
	int r = run(h, d, n, ret_used, why);
	if (r < 0)
		return r;
	size_t framing = *ret_used - h->piece.n; /* it stands in front of the piece */
	h->overhead += framing;
	if (h->overhead > (h->role == HTTP1_CLIENT ? TRAILERS_MAX : OVERHEAD_MAX))
		return refuse(h, E_LIMIT, 400, "chunk extension too long"), broken(h, why);
	if (h->chunked && !line_ends_ok(h, d, framing))
		return refuse(h, E_FORMAT, 400, "CR and LF stand together"), broken(h, why);
	if (h->piece.n > 0)
		h->overhead = 0;
	*ret_ev = h->piece.n > 0 ? HTTP1_BODY : h->done ? HTTP1_DONE : HTTP1_MORE;
	if (*ret_ev == HTTP1_DONE) {
		h->phase = IDLE;
		h->over = !h->keep_alive;
	}
	return 0;
}

static int
begin(struct http1 *h, const uint8_t *d, size_t n, size_t *ret_skipped, struct reason *why)
{
	size_t i = 0;
	while (i < n && d[i] == (h->leading % 2 ? '\n' : '\r')) {
		if (++h->leading > LEADING_MAX)
			return refuse(h, E_FORMAT, 400, "empty lines"), broken(h, why);
		i++;
	}
	*ret_skipped = i;
	if (i == n)
		return 0;
	if (h->leading % 2 || d[i] == '\n')
		return refuse(h, E_FORMAT, 400, "CR and LF stand together"), broken(h, why);
	h->phase = HEAD;
	h->leading = 0;
	h->head_bytes = 0;
	h->tail = 0;
	h->line_start = true;
	h->head_ready = h->done = h->upgrade_ready = false;
	return 0;
}

int
http1_feed(struct http1 *h, const uint8_t *d, size_t n, size_t *ret_used, enum http1_event *ret_ev, struct reason *why)
{
	size_t at = 0, k = 0;
	int r = 0;
	*ret_used = 0;
	*ret_ev = HTTP1_MORE;
	if (h->broken)
		return broken(h, why);
	if (h->over) { /* Connection: close was said: nothing that follows is a message */
		*ret_used = n;
		return 0;
	}
	do {
		if (h->phase == IDLE) {
			if ((r = begin(h, d + at, n - at, &k, why)) < 0)
				return r;
			at += k;
			if (at == n)
				break;
		}
		r = h->phase == HEAD ? feed_head(h, d + at, n - at, &k, ret_ev, why)
		                     : feed_body(h, d + at, n - at, &k, ret_ev, why);
		if (r < 0)
			return r;
		at += k;
	} while (at < n && *ret_ev == HTTP1_MORE);
	if (*ret_ev == HTTP1_DONE)
		h->skip_body = false, h->interims = 0;
	*ret_used = at;
	return 0;
}

int
http1_eof(struct http1 *h, enum http1_event *ret_ev)
{
	if (h->role != HTTP1_CLIENT || h->phase != BODY || !h->until_eof || h->broken)
		return E_TRUNC;
	h->phase = IDLE;
	h->over = true;
	*ret_ev = HTTP1_DONE;
	return 0;
}

void
http1_skip_body(struct http1 *h)
{
	h->skip_body = true;
}

/* --- looking at the head */

unsigned
http1_error_status(const struct http1 *h)
{
	return h->error_status;
}

const char *
http1_method(const struct http1 *h)
{
	return h->method;
}

const char *
http1_target(const struct http1 *h)
{
	return h->target ? h->target : "";
}

unsigned
http1_status(const struct http1 *h)
{
	return h->status;
}

const char *
http1_header_get(const struct http1 *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->v[i].name, name) == 0)
			return h->v[i].value;
	return NULL;
}

size_t
http1_headers(const struct http1 *h, const struct http1_header **ret_v)
{
	*ret_v = h->v;
	return h->n;
}

bool
http1_keep_alive(const struct http1 *h)
{
	return h->keep_alive;
}

unsigned
http1_minor(const struct http1 *h)
{
	return h->p.http_minor;
}

bool
http1_expects_body(const struct http1 *h)
{
	return h->expects;
}

bool
http1_upgrade(const struct http1 *h)
{
	return h->upgrade;
}

struct slice
http1_piece(const struct http1 *h)
{
	return h->piece;
}
