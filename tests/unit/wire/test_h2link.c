/* Two links back to back in memory: what one side writes the other must see, windows bind, and floods end the
 * connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/h2link.h"

#define TOTAL (8u << 20)

struct side {
	struct h2link *l;
	struct h2stream *s;
	size_t sent, got, unconsumed, most;
	size_t drained, heads, ends, closed, pongs;
	uint32_t code;
	bool hold;   /* do not consume */
	bool ended;  /* h2stream_end done */
	bool echo;   /* write from drained() */
	bool refuse; /* reset in headers() */
	char status[8];
	unsigned sum_in, sum_out;
};

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

static void
write_more(struct side *me)
{
	static uint8_t chunk[96 * 1024];
	while (me->s && me->sent < TOTAL && h2stream_queued(me->s) < H2_OUT_MARK) {
		size_t n = TOTAL - me->sent < sizeof chunk ? TOTAL - me->sent : sizeof chunk;
		for (size_t i = 0; i < n; i++)
			chunk[i] = pattern(me->sent + i);
		assert_int_equal(h2stream_write2(me->s, chunk, 10, chunk + 10, n - 10), 0);
		me->sent += n;
	}
	if (me->s && me->sent == TOTAL && !me->ended) {
		me->ended = true;
		h2stream_end(me->s);
	}
}

static void
on_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct side *me = arg;
	me->heads++;
	me->s = s;
	h2stream_set_arg(s, me);
	for (size_t i = 0; i < n; i++)
		if (strcmp(h[i].name, ":status") == 0)
			snprintf(me->status, sizeof me->status, "%s", h[i].value);
	if (me->refuse)
		h2stream_reset(s, 2);
}

static void
on_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct side *me = arg;
	for (size_t i = 0; i < n; i++)
		if (d[i] != pattern(me->got + i))
			fail_msg("byte %zu differs", me->got + i);
	memset(d, 0, n); /* in place is allowed */
	me->got += n;
	me->unconsumed += n;
	if (me->unconsumed > me->most)
		me->most = me->unconsumed;
	if (!me->hold) {
		h2stream_consume(s, n);
		me->unconsumed = 0;
	}
}

static void
on_end(struct h2stream *s, void *arg)
{
	((struct side *)arg)->ends++;
}

static void
on_drained(struct h2stream *s, void *arg)
{
	struct side *me = arg;
	me->drained++;
	if (me->echo)
		write_more(me);
}

static void
on_closed(struct h2stream *s, uint32_t code, void *arg)
{
	struct side *me = arg;
	me->closed++;
	me->code = code;
	me->s = NULL;
}

static void
on_pong(struct h2link *l, void *arg)
{
	((struct side *)arg)->pongs++;
}

static const struct h2link_ops ops = {on_headers, on_data, on_end, on_drained, on_closed, on_pong};
static const struct h2_header request[] = {{":method", "GET"},
                                           {":scheme", "https"},
                                           {":authority", "ssh.localhost"},
                                           {":path", "/"},
                                           {"cf-cloudflared-proxy-connection-upgrade", "websocket"}};
static const struct h2_header answer[] = {{":status", "200"}, {"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"}};

static void
make(struct side *edge, struct side *conn)
{
	memset(edge, 0, sizeof *edge);
	memset(conn, 0, sizeof *conn);
	assert_int_equal(h2link_new(H2_EDGE, 100, &ops, edge, &edge->l), 0);
	assert_int_equal(h2link_new(H2_CONNECTOR, 100, &ops, conn, &conn->l), 0);
}

/* Moves one batch; how many bytes, or the receiver's error. piece: feed in pieces of that size. */
static long
step(struct side *from, struct side *to, size_t piece)
{
	const uint8_t *d;
	size_t n, at = 0;
	if (h2link_pull(from->l, &d, &n) < 0)
		return -1;
	if (n == 0)
		return 0;
	uint8_t *copy = malloc(n);
	memcpy(copy, d, n);
	while (at < n) {
		size_t k = n - at < piece ? n - at : piece;
		int r = h2link_feed(to->l, copy + at, k, NULL);
		if (r < 0) {
			free(copy);
			return r;
		}
		at += k;
	}
	free(copy);
	return (long)n;
}

static void
settle(struct side *a, struct side *b, size_t piece)
{
	long x, y;
	do {
		x = step(a, b, piece);
		y = step(b, a, piece);
		assert_true(x >= 0 && y >= 0);
	} while (x + y > 0);
}

static void
open_stream(struct side *edge, struct side *conn)
{
	settle(edge, conn, SIZE_MAX);
	assert_int_equal(h2stream_open(edge->l, request, 5, false, edge, &edge->s), 0);
	settle(edge, conn, SIZE_MAX);
	assert_int_equal(conn->heads, 1);
	assert_int_equal(h2stream_respond(conn->s, answer, 2, false), 0);
	settle(edge, conn, SIZE_MAX);
	assert_string_equal(edge->status, "200");
}

static void
close_both(struct side *a, struct side *b)
{
	h2link_free(a->l);
	h2link_free(b->l);
}

static void
test_bulk_both_ways(void **st)
{
	struct side e, c;
	for (size_t piece = 1000; piece <= 300000; piece *= 20) {
		make(&e, &c);
		open_stream(&e, &c);
		e.echo = c.echo = true;
		write_more(&e);
		write_more(&c);
		settle(&e, &c, piece);
		assert_int_equal(e.got, TOTAL);
		assert_int_equal(c.got, TOTAL);
		assert_int_equal(e.ends, 1);
		assert_int_equal(c.ends, 1);
		assert_int_equal(e.closed, 1);
		assert_int_equal(c.closed, 1);
		assert_int_equal(h2link_streams(e.l), 0);
		assert_int_equal(h2link_streams(c.l), 0);
		close_both(&e, &c);
	}
}

/* The reader takes nothing: no more than the window arrives; once it takes, writing goes on exactly where the queue
 * emptied. */
static void
test_window_binds(void **st)
{
	struct side e, c;
	make(&e, &c);
	open_stream(&e, &c);
	c.hold = true;
	e.echo = true;
	write_more(&e);
	settle(&e, &c, SIZE_MAX);
	assert_int_equal(c.got, H2_WINDOW);
	for (int i = 0; i < 1000 && c.ends == 0; i++) {
		size_t n = c.unconsumed;
		c.unconsumed = 0;
		h2stream_consume(c.s, n);
		settle(&e, &c, SIZE_MAX);
	}
	assert_int_equal(c.got, TOTAL);
	assert_int_equal(c.ends, 1);
	assert_true(c.most <= H2_WINDOW_MAX);
	close_both(&e, &c);
}

/* One stream that nobody reads must not stop another. */
static void
test_slow_stream_alone(void **st)
{
	struct side e, c;
	make(&e, &c);
	open_stream(&e, &c);
	c.hold = true;
	e.echo = true;
	struct h2stream *slow = e.s;
	struct h2stream *held[20];
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(h2stream_open(e.l, request, 5, false, &e, &held[i]), 0);
		e.s = held[i];
		e.ended = false;
		e.sent = TOTAL - H2_WINDOW;
		c.got = e.sent;
		write_more(&e);
		settle(&e, &c, SIZE_MAX); /* 20 full stream windows together exceed the connection window */
		assert_int_equal(c.got, TOTAL);
	}
	assert_non_null(slow);
	close_both(&e, &c);
}

static void
test_queue_bound(void **st)
{
	struct side e, c;
	static uint8_t big[4 * H2_OUT_MARK];
	make(&e, &c);
	open_stream(&e, &c);
	assert_int_equal(h2stream_write(e.s, big, sizeof big), 0);
	assert_int_equal(h2stream_write(e.s, big, 1), -4);
	assert_int_equal(h2stream_queued(e.s), sizeof big);
	close_both(&e, &c);
	assert_int_equal(e.closed, 1);
}

static void
test_reset_and_goaway(void **st)
{
	struct side e, c;
	make(&e, &c);
	open_stream(&e, &c);
	write_more(&c);
	h2stream_reset(e.s, 8);
	settle(&e, &c, SIZE_MAX);
	assert_int_equal(e.got, 0);
	assert_int_equal(e.closed, 1);
	assert_int_equal(c.closed, 1);
	assert_int_equal(c.code, 8);
	c.refuse = true;
	assert_int_equal(h2stream_open(e.l, request, 5, false, &e, &e.s), 0);
	settle(&e, &c, SIZE_MAX);
	assert_int_equal(e.closed, 2);
	assert_int_equal(e.code, 2);
	c.refuse = false;
	/* reset before the request even left */
	assert_int_equal(h2stream_open(e.l, request, 5, false, &e, &e.s), 0);
	h2stream_reset(e.s, 8);
	settle(&e, &c, SIZE_MAX);
	assert_int_equal(e.closed, 3);
	assert_int_equal(h2link_streams(e.l), 0);
	/* a stream that lives at goaway may finish; a new one may not begin */
	assert_int_equal(h2stream_open(e.l, request, 5, false, &e, &e.s), 0);
	settle(&e, &c, SIZE_MAX);
	assert_int_equal(h2stream_respond(c.s, answer, 2, false), 0);
	assert_int_equal(h2link_goaway(c.l, 0), 0);
	settle(&e, &c, SIZE_MAX);
	assert_false(h2link_can_open(e.l));
	assert_int_equal(h2stream_write(c.s, "\0\x1f", 2), 0);
	e.got = 0;
	settle(&e, &c, SIZE_MAX);
	assert_int_equal(e.got, 2);
	close_both(&e, &c);
	assert_int_equal(e.closed, 4);
}

static void
test_ping(void **st)
{
	struct side e, c;
	make(&e, &c);
	for (int i = 0; i < 20000; i++) { /* one at a time is no flood */
		assert_int_equal(h2link_ping(e.l), 0);
		settle(&e, &c, SIZE_MAX);
	}
	assert_int_equal(e.pongs, 20000);
	close_both(&e, &c);
}

/* --- hostile peers, by raw frames */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static size_t
frame(uint8_t *out, size_t len, uint8_t type, uint8_t flags, uint32_t id, const void *body)
{
	uint8_t h[9] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,       type,       flags,
	                (uint8_t)(id >> 24),  (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
	memcpy(out, h, 9);
	if (len > 0)
		memcpy(out + 9, body, len);
	return 9 + len;
}

/* Go servers of some years return every small read at once: two updates a few bytes of ours are no flood. */
static void
test_small_updates_are_no_flood(void **st)
{
	struct side e, c;
	uint8_t u[64];
	static uint8_t word[10];
	make(&e, &c);
	open_stream(&e, &c);
	c.hold = true;
	for (int i = 0; i < 20000; i++) {
		const uint8_t *d;
		size_t n;
		assert_int_equal(h2stream_write(e.s, word, sizeof word), 0);
		assert_int_equal(h2link_pull(e.l, &d, &n), 0); /* the peer of this test is the frames below */
		n = 0;
		for (int k = 0; k < 5; k++) {
			n += frame(u, 4, 8, 0, 0, "\0\0\0\2");
			assert_int_equal(h2link_feed(e.l, u, 13, NULL), 0);
			frame(u, 4, 8, 0, h2stream_id(e.s), "\0\0\0\2");
			assert_int_equal(h2link_feed(e.l, u, 13, NULL), 0);
		}
	}
	close_both(&e, &c);
}

static void
test_header_rules(void **st)
{
	struct side e, c;
	make(&e, &c);
	settle(&e, &c, SIZE_MAX);
	struct h2_header bad[5];
	memcpy(bad, request, sizeof bad);
	bad[3].value = "/a\r\nx: y";
	assert_int_equal(h2stream_open(e.l, bad, 5, false, &e, &e.s), -3);
	/* connection-specific field, space in :path, other host: the stream is refused, the owner never hears of it */
	static const struct h2_header extra[] = {
	    {"connection", "close"}, {":path", "/a b"}, {"host", "other.localhost"}};
	for (size_t i = 0; i < 3; i++) {
		memcpy(bad, request, sizeof bad);
		bad[i == 1 ? 3 : 4] = extra[i];
		assert_int_equal(h2stream_open(e.l, bad, 5, false, &e, &e.s), 0);
		settle(&e, &c, SIZE_MAX);
		assert_int_equal(c.heads, 0);
		assert_int_equal(e.closed, i + 1);
	}
	close_both(&e, &c);
}

/* Feeds 200,000 copies of the unit in reads of 64 KiB; gives the first error. */
static int
flood(enum h2_role victim, const uint8_t *unit, size_t n, bool count_ids)
{
	struct side v = {0};
	struct reason why = {0};
	static uint8_t in[1u << 16];
	int r;
	assert_int_equal(h2link_new(victim, 100, &ops, &v, &v.l), 0);
	size_t at = 0;
	if (victim == H2_CONNECTOR) {
		memcpy(in, preface, 24);
		at = 24;
	}
	at += frame(in + at, 0, 4, 0, 0, NULL);
	r = h2link_feed(v.l, in, at, &why);
	uint32_t id = 1;
	for (int k = 0; k < 200000 && r == 0;) {
		for (at = 0; at + n <= sizeof in; k++, at += n) {
			memcpy(in + at, unit, n);
			for (size_t f = 0; count_ids && f < n; f += 9 + in[at + f + 2]) {
				in[at + f + 6] = (uint8_t)(id >> 16);
				in[at + f + 7] = (uint8_t)(id >> 8);
				in[at + f + 8] = (uint8_t)id;
			}
			id += 2;
		}
		r = h2link_feed(v.l, in, at, &why);
		const uint8_t *d;
		size_t got = 1;
		while (r == 0 && got > 0 && h2link_pull(v.l, &d, &got) == 0)
			;
	}
	if (r < 0)
		assert_true(why.text[0] != 0);
	h2link_free(v.l);
	return r;
}

static void
test_floods(void **st)
{
	static const uint8_t zero[8];
	/* :method GET, :scheme https, :path /, :authority (literal, indexed name 1) "a" */
	static const uint8_t block[] = {0x82, 0x87, 0x84, 0x01, 0x01, 'a'};
	static const uint8_t cancel[] = {0, 0, 0, 8};
	uint8_t u[64];
	size_t n = frame(u, 8, 6, 0, 0, zero); /* PING */
	assert_int_equal(flood(H2_EDGE, u, n, false), -4);
	assert_int_equal(flood(H2_CONNECTOR, u, n, false), -4);
	n = frame(u, 0, 4, 0, 0, NULL); /* SETTINGS */
	assert_int_equal(flood(H2_EDGE, u, n, false), -4);
	n = frame(u, sizeof block, 1, 4, 1, block); /* rapid reset */
	n += frame(u + n, 4, 3, 0, 1, cancel);
	assert_int_equal(flood(H2_CONNECTOR, u, n, true), -4);
	n = frame(u, 5, 2, 0, 1, zero); /* PRIORITY */
	u[12] = 3;
	assert_int_equal(flood(H2_CONNECTOR, u, n, false), -4);
	n = frame(u, 4, 8, 0, 0, "\0\0\0\1"); /* WINDOW_UPDATE, for no data of ours */
	assert_int_equal(flood(H2_EDGE, u, n, false), -4);
	n = frame(u, sizeof block, 1, 4, 1, block); /* streams that provoke a reset of ours */
	n += frame(u + n, 4, 8, 0, 1, zero);
	assert_true(flood(H2_CONNECTOR, u, n, true) < 0);
	n = frame(u, 3, 9, 0, 1, zero); /* CONTINUATION of nothing */
	assert_true(flood(H2_CONNECTOR, u, n, false) < 0);
	n = frame(u, 8, 6, 1, 0, zero); /* PING answers to nothing */
	assert_int_equal(flood(H2_EDGE, u, n, false), -4);
}

/* Empty DATA on an open stream, and CONTINUATION without end. */
static void
test_empty_frames(void **st)
{
	static const uint8_t block[] = {0x82, 0x87, 0x84, 0x01, 0x01, 'a'};
	static uint8_t in[1u << 16];
	for (int what = 0; what < 2; what++) {
		struct side v = {0};
		struct reason why;
		assert_int_equal(h2link_new(H2_CONNECTOR, 100, &ops, &v, &v.l), 0);
		memcpy(in, preface, 24);
		size_t at = 24 + frame(in + 24, 0, 4, 0, 0, NULL);
		at += frame(in + at, sizeof block, 1, what ? 0 : 4, 1, block);
		while (at + 9 <= sizeof in)
			at += frame(in + at, 0, what ? 9 : 0, 0, 1, NULL);
		assert_true(h2link_feed(v.l, in, at, &why) < 0);
		h2link_free(v.l);
	}
}

static void
test_broken_frames(void **st)
{
	static const uint8_t bomb[] = {0, 0, 0, 0};
	static uint8_t big[20000];
	uint8_t u[32768];
	struct side v = {0};
	struct reason why;
	const struct {
		size_t len;
		uint8_t type, flags;
		uint32_t id;
	} bad[] = {
	    {4, 8, 0, 0},     /* WINDOW_UPDATE by 0 on the connection */
	    {3, 6, 0, 0},     /* PING of 3 bytes */
	    {1, 0, 0, 0},     /* DATA on stream 0 */
	    {20000, 0, 0, 1}, /* larger than we allow */
	    {4, 3, 0, 9},     /* RST_STREAM of an idle stream */
	    {4, 1, 4, 2},     /* a server may not open */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(h2link_new(H2_EDGE, 100, &ops, &v, &v.l), 0);
		size_t n = frame(u, 0, 4, 0, 0, NULL);
		n += frame(u + n, bad[i].len, bad[i].type, bad[i].flags, bad[i].id, bad[i].len > 4 ? big : bomb);
		assert_true(h2link_feed(v.l, u, n, &why) < 0);
		assert_true(strlen(why.text) > 4);
		h2link_free(v.l);
	}
	assert_int_equal(h2link_new(H2_CONNECTOR, 100, &ops, &v, &v.l), 0);
	memcpy(u, "GET / HTTP/1.1\r\nHost: a\r\n", 24);
	assert_true(h2link_feed(v.l, u, 24, &why) < 0);
	h2link_free(v.l);
}

/* A table entry of 4 kB referred to by single bytes: small block, huge list. */
static void
test_hpack_bomb(void **st)
{
	static uint8_t block[16000], u[20000];
	struct side v = {0};
	struct reason why;
	size_t b = 0;
	block[b++] = 0x82;
	block[b++] = 0x87;
	block[b++] = 0x84;
	block[b++] = 0x40; /* literal, to be indexed: name "x", value of 3000 bytes */
	block[b++] = 1;
	block[b++] = 'x';
	block[b++] = 0x7f;
	block[b++] = (uint8_t)(0x80 | ((3000 - 127) & 127));
	block[b++] = (3000 - 127) >> 7;
	memset(block + b, 'v', 3000);
	b += 3000;
	while (b < sizeof block)
		block[b++] = 0xbe;
	assert_int_equal(h2link_new(H2_CONNECTOR, 100, &ops, &v, &v.l), 0);
	memcpy(u, preface, 24);
	size_t n = 24 + frame(u + 24, 0, 4, 0, 0, NULL);
	n += frame(u + n, sizeof block, 1, 4, 1, block);
	assert_int_equal(h2link_feed(v.l, u, n, &why), -4);
	assert_int_equal(v.heads, 0);
	h2link_free(v.l);
}

static void
test_headers_pack(void **st)
{
	struct buf b;
	struct h2_packed p;
	const struct h2_header h[] = {{"Connection", "Upgrade"},
	                              {"Sec-Websocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
	                              {"cf-int-secret", "no"},
	                              {"X-Empty", ""}};
	buf_init(&b, 4096);
	assert_int_equal(h2_headers_pack(&b, h, 4), 0);
	assert_string_equal(buf_cstr(&b), "Q29ubmVjdGlvbg:VXBncmFkZQ;U2VjLVdlYnNvY2tldC1BY2NlcHQ:"
	                                  "czNwUExNQmlUeGFROWtZR3p6aFpSYksreE9vPQ;WC1FbXB0eQ:");
	assert_int_equal(h2_headers_unpack(buf_cstr(&b), &p), 0);
	assert_int_equal(p.n, 3);
	assert_string_equal(p.v[1].name, "Sec-Websocket-Accept");
	assert_string_equal(p.v[1].value, h[1].value);
	assert_string_equal(p.v[2].value, "");
	buf_release(&p.store);
	buf_release(&b);
	assert_int_equal(h2_headers_unpack("", &p), 0);
	assert_int_equal(p.n, 0);
	buf_release(&p.store);
	static const char *const bad[] = {"QQ",  "QQ:QQ:QQ",           "Q:QQ",   "QQ==:QQ",
	                                  ":QQ", "QQ:DQo" /* CR LF */, "QSBC:QQ" /* "A B" */};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(h2_headers_unpack(bad[i], &p) < 0);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(test_bulk_both_ways),
	    cmocka_unit_test(test_window_binds),
	    cmocka_unit_test(test_slow_stream_alone),
	    cmocka_unit_test(test_queue_bound),
	    cmocka_unit_test(test_reset_and_goaway),
	    cmocka_unit_test(test_ping),
	    cmocka_unit_test(test_small_updates_are_no_flood),
	    cmocka_unit_test(test_header_rules),
	    cmocka_unit_test(test_floods),
	    cmocka_unit_test(test_empty_frames),
	    cmocka_unit_test(test_broken_frames),
	    cmocka_unit_test(test_hpack_bomb),
	    cmocka_unit_test(test_headers_pack),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
