/* The body of both h2link targets: a hostile peer's bytes against an owner that uses every call. ROLE is the
 * includer's. */
#include <stdlib.h>
#include <string.h>

#define MAX_STREAMS 8

struct owner {
	unsigned live, step, pongs;
};

static const struct h2_header head[] = {{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}};
static const struct h2_header answer[] = {{":status", "200"}};

static void
on_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct owner *o = arg;
	for (size_t i = 0; i < n; i++)
		if (strlen(h[i].name) + strlen(h[i].value) > H2_HEADERS_BYTES)
			abort();
	static const struct h2_header bad[] = {{"a b", "x"}};
	static const char big[2 * H2_OUT_MARK];
	if (h2stream_arg(s) == o)
		abort(); /* once a stream */
	h2stream_set_arg(s, o);
	if (ROLE == H2_CONNECTOR) {
		o->live++;
		if (h2stream_respond(s, bad, 1, false) == 0)
			abort();
		h2stream_respond(s, answer, 1, o->step % 5 == 4);
	}
	switch (o->step++ % 5) {
	case 4:
		h2stream_write(s, big, sizeof big);
		break;
	case 0:
		h2stream_write(s, "hello", 5);
		break;
	case 1:
		h2stream_end(s);
		break;
	case 2:
		h2stream_reset(s, 8);
		if (h2stream_write(s, "late", 4) == 0)
			abort();
		break;
	}
}

static void
on_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct owner *o = arg;
	memset(d, 0, n);
	if (h2stream_link(s) == NULL || h2link_arg(h2stream_link(s)) != o || h2stream_id(s) == 0)
		abort();
	if (o->step % 7 == 6) {
		static const char big[H2_OUT_MARK];
		for (unsigned i = 0; i < 3; i++)
			h2stream_write(s, big, sizeof big);
	}
	if (h2stream_queued(s) > 4 * H2_OUT_MARK)
		abort();
	if (o->step++ % 3)
		h2stream_consume(s, n);
	h2stream_write2(s, "h", 1, d, n);
}

static void
on_end(struct h2stream *s, void *arg)
{
	h2stream_end(s);
}

static void
on_drained(struct h2stream *s, void *arg)
{
	h2stream_write(s, "more", 4);
}

static void
on_closed(struct h2stream *s, uint32_t code, void *arg)
{
	struct owner *o = arg;
	if (o->live == 0)
		abort();
	o->live--;
}

static void
on_pong(struct h2link *l, void *arg)
{
	struct owner *o = arg;
	if (++o->pongs > 1) /* one ping, one answer */
		abort();
}

static const struct h2link_ops ops = {on_headers, on_data, on_end, on_drained, on_closed, on_pong};

static void
drain(struct h2link *l)
{
	const uint8_t *p;
	size_t n = 1;
	for (unsigned i = 0; i < 100 && n > 0; i++)
		if (h2link_pull(l, &p, &n) < 0)
			return;
}

static int
feed(struct h2link *l, const uint8_t *d, size_t n)
{
	uint8_t *copy = malloc(n + 1);
	if (!copy)
		return -1;
	memcpy(copy, d, n);
	struct reason why = {0};
	int r = h2link_feed(l, copy, n, &why);
	if (r < 0 && !why.text[0])
		abort();
	free(copy);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct owner o = {0};
	struct h2link *l;
	if (n < 2 || n > 200000 || h2link_new(ROLE, MAX_STREAMS, &ops, &o, &l) < 0)
		return 0;
	size_t cut = 1 + (size_t)d[0] * (n - 1) / 255;
	if (ROLE == H2_CONNECTOR)
		feed(l, preface, sizeof preface - 1);
	for (unsigned i = 0; i < 3 && ROLE == H2_EDGE; i++) {
		struct h2stream *s;
		if (h2stream_open(l, head, 4, i == 2, NULL, &s) == 0)
			o.live++;
	}
	drain(l);
	if (feed(l, d + 1, cut - 1) == 0) {
		drain(l);
		h2link_ping(l);
		feed(l, d + cut, n - cut);
	}
	if (h2link_streams(l) < o.live) /* one whose head is not whole yet is not the owner's */
		abort();
	h2link_can_open(l);
	h2link_want_write(l);
	drain(l);
	h2link_goaway(l, 0);
	drain(l);
	h2link_free(l);
	if (o.live != 0)
		abort(); /* closed() is every stream's last */
	return 0;
}
