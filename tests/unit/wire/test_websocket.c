/* RFC 6455 frames: its own examples, cut at every place, and the refusals of security.md 3.9 (101, 102). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/websocket.h"

static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

struct seen {
	struct buf data;
	size_t pings, pongs, closes;
	uint16_t code, refuse;
	bool text;
	uint8_t ctl[125];
	size_t nctl;
};

static int
feed(enum ws_role role, const uint8_t *d, size_t n, size_t piece, struct seen *s)
{
	struct ws_in w;
	struct reason why;
	int r = 0;
	memset(s, 0, sizeof *s);
	buf_init(&s->data, 1u << 22);
	ws_in_init(&w, role);
	for (size_t at = 0; at < n && r == 0;) {
		size_t k = n - at < piece ? n - at : piece, done = 0;
		uint8_t *copy = malloc(k);
		memcpy(copy, d + at, k);
		while (done < k) {
			struct ws_event ev;
			size_t used = 0;
			r = ws_in_feed(&w, copy + done, k - done, &used, &ev, &s->refuse, &why);
			if (r < 0)
				break;
			assert_true(used > 0);
			done += used;
			s->pings += ev.kind == WS_EV_PING;
			s->pongs += ev.kind == WS_EV_PONG;
			if (ev.kind == WS_EV_DATA) {
				assert_int_equal(buf_put(&s->data, ev.p, ev.n), 0);
				s->text = ev.text;
			} else if (ev.kind != WS_EV_NONE) {
				memcpy(s->ctl, ev.p, ev.n);
				s->nctl = ev.n;
			}
			if (ev.kind == WS_EV_CLOSE) {
				s->closes++;
				s->code = ev.code;
			}
		}
		free(copy);
		at += k;
	}
	return r;
}

static void
good(enum ws_role role, const void *d, size_t n, const char *data, bool text)
{
	struct seen s;
	for (size_t piece = 1; piece < n + 2; piece++) {
		assert_int_equal(feed(role, d, n, piece, &s), 0);
		assert_int_equal(buf_len(&s.data), strlen(data));
		assert_memory_equal(buf_ptr(&s.data), data, strlen(data));
		assert_int_equal(s.text, text);
		buf_release(&s.data);
	}
}

static void
test_examples(void **st)
{
	good(WS_CLIENT, "\x81\x05Hello", 7, "Hello", true);
	good(WS_SERVER, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "Hello", true);
	good(WS_CLIENT, "\x01\x03Hel\x80\x02lo", 9, "Hello", true);
	good(WS_CLIENT, "\x02\x03Hel\x89\x01x\x00\x00\x80\x02lo", 14, "Hello", false); /* ping between fragments */
	good(WS_CLIENT, "\x82\x00\x82\x01x", 5, "x", false);
}

static void
test_control(void **st)
{
	struct seen s;
	assert_int_equal(feed(WS_SERVER,
	                      (const uint8_t *)"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x80"
	                                       "abcd",
	                      17, 3, &s),
	                 0);
	assert_int_equal(s.pings, 1);
	assert_int_equal(s.pongs, 1);
	buf_release(&s.data);
	assert_int_equal(feed(WS_CLIENT, (const uint8_t *)"\x88\x02\x03\xe8\x82\x01z", 7, 100, &s), 0);
	assert_int_equal(s.closes, 1);
	assert_int_equal(s.code, 1000);
	assert_int_equal(buf_len(&s.data), 0); /* nothing counts after a close */
	buf_release(&s.data);
	assert_int_equal(feed(WS_CLIENT,
	                      (const uint8_t *)"\x88\x05\x03\xe9"
	                                       "bye",
	                      7, 1, &s),
	                 0);
	assert_int_equal(s.code, 1001);
	assert_memory_equal(s.ctl, "bye", 3);
	buf_release(&s.data);
	assert_int_equal(feed(WS_CLIENT, (const uint8_t *)"\x88\x00", 2, 1, &s), 0);
	assert_int_equal(s.code, 1005);
	buf_release(&s.data);
}

static void
test_refused(void **st)
{
	static const struct {
		enum ws_role role;
		const char *d;
		size_t n;
		uint16_t code;
	} t[] = {
	    {WS_SERVER, "\x82\x01x", 3, 1002}, /* unmasked from a client */
	    {WS_CLIENT,
	     "\x82\x81"
	     "abcdx",
	     7, 1002},                         /* masked from a server */
	    {WS_CLIENT, "\xc2\x01x", 3, 1002}, /* RSV1: compression was not negotiated */
	    {WS_CLIENT, "\xa2\x01x", 3, 1002},
	    {WS_CLIENT, "\x92\x01x", 3, 1002},
	    {WS_CLIENT, "\x83\x01x", 3, 1002}, /* reserved opcodes */
	    {WS_CLIENT, "\x8b\x01x", 3, 1002},
	    {WS_CLIENT, "\x8f\x01x", 3, 1002},
	    {WS_CLIENT, "\x09\x01x", 3, 1002},                                 /* fragmented ping */
	    {WS_CLIENT, "\x89\x7e\x00\x7e", 4, 1002},                          /* long ping */
	    {WS_CLIENT, "\x82\x7e\x00\x7d", 4, 1002},                          /* 125 in two bytes */
	    {WS_CLIENT, "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10, 1002}, /* 65535 in eight */
	    {WS_CLIENT, "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10, 1002}, /* 2^63 */
	    {WS_CLIENT, "\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00", 10, 1009},
	    {WS_CLIENT, "\x82\x7f\x00\x00\x00\x00\x04\x00\x00\x01", 10, 1009},
	    {WS_CLIENT, "\x80\x01x", 3, 1002},          /* continuation of nothing */
	    {WS_CLIENT, "\x02\x01x\x82\x01y", 6, 1002}, /* message inside a message */
	    {WS_CLIENT, "\x88\x01x", 3, 1002},          /* half a close code */
	    {WS_CLIENT, "\x88\x02\x03\xed", 4, 1002},   /* 1005 must not be sent */
	    {WS_CLIENT, "\x88\x02\x00\x01", 4, 1002},
	};
	struct seen s;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		for (size_t piece = 1; piece < 12; piece++) {
			assert_int_equal(feed(t[i].role, (const uint8_t *)t[i].d, t[i].n, piece, &s), -3);
			assert_int_equal(s.refuse, t[i].code);
			buf_release(&s.data);
		}
}

static void
test_mask_is_its_own_inverse(void **st)
{
	static uint8_t a[5000], b[5000];
	for (size_t n = 0; n < 300; n++)
		for (unsigned phase = 0; phase < 4; phase++) {
			uint8_t *p = a + n % 17; /* any alignment */
			for (size_t i = 0; i < n; i++)
				p[i] = b[i] = (uint8_t)(i * 7 + n);
			ws_mask(p, n, key, phase);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(p[i], b[i] ^ key[(i + phase) & 3]);
		}
}

static void
test_own_frames_come_back(void **st)
{
	static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 300000};
	uint8_t *d = malloc(300000);
	struct seen s;
	for (size_t i = 0; i < 300000; i++)
		d[i] = (uint8_t)(i >> 3);
	for (size_t i = 0; i < 8; i++)
		for (int masked = 0; masked < 2; masked++) {
			struct buf b;
			buf_init(&b, 1u << 20);
			assert_int_equal(ws_put_frame(&b, WS_BINARY, d, sizes[i], masked ? key : NULL), 0);
			assert_int_equal(ws_put_close(&b, 1000, "done", masked ? key : NULL), 0);
			assert_int_equal(feed(masked ? WS_SERVER : WS_CLIENT, buf_ptr(&b), buf_len(&b), 4093, &s), 0);
			assert_int_equal(buf_len(&s.data), sizes[i]);
			assert_memory_equal(buf_ptr(&s.data), d, sizes[i]);
			assert_int_equal(s.code, 1000);
			buf_release(&s.data);
			buf_release(&b);
		}
	free(d);
}

/* A control frame carries 125 bytes, whatever the reason's length. */
static void
test_long_close_reason_is_cut(void **st)
{
	struct seen s;
	struct buf b;
	char text[400];
	memset(text, 'r', sizeof text);
	text[sizeof text - 1] = 0;
	buf_init(&b, 1024);
	assert_int_equal(ws_put_close(&b, 1008, text, NULL), 0);
	assert_int_equal(buf_len(&b), 2 + 125);
	assert_int_equal(feed(WS_CLIENT, buf_ptr(&b), buf_len(&b), 7, &s), 0);
	assert_int_equal(s.code, 1008);
	buf_release(&s.data);
	buf_release(&b);
}

static void
test_handshake_values(void **st)
{
	char out[29], k[25];
	ws_accept_value("dGhlIHNhbXBsZSBub25jZQ==", out);
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	ws_key_make((const uint8_t *)"the sample nonce", k);
	assert_string_equal(k, "dGhlIHNhbXBsZSBub25jZQ==");
	assert_true(ws_key_ok(k));
	static const char *const bad[] = {"",
	                                  "dGhlIHNhbXBsZSBub25jZQ",
	                                  "dGhlIHNhbXBsZSBub25j",
	                                  "dGhlIHNhbXBsZSBub25jZSE=",
	                                  "dGhlIHNhbXBsZSBub25jZR==",
	                                  "dGhlIHNhbXBsZSBub25jZQ==x",
	                                  "!!!!!!!!!!!!!!!!!!!!!!=="};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(ws_key_ok(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_mask_is_its_own_inverse),
	    cmocka_unit_test(test_own_frames_come_back),
	    cmocka_unit_test(test_long_close_reason_is_cut),
	    cmocka_unit_test(test_handshake_values),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
