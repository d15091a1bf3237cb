/* Memory: every allocation fails once, in turn, and nothing crashes or leaks; what is idle holds next to nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "wire/control.h"
#include "wire/h2link.h"
#include "wire/http1.h"
#include "wire/ingress.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t k, size_t n);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static long until_failure = -1; /* allocations that still succeed; -1: all do */
static size_t live;             /* bytes that our objects hold */

static bool
fails(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

void *
__wrap_malloc(size_t n)
{
	void *p = fails() ? NULL : __real_malloc(n);
	live += p ? malloc_usable_size(p) : 0;
	return p;
}

void *
__wrap_calloc(size_t k, size_t n)
{
	void *p = fails() ? NULL : __real_calloc(k, n);
	live += p ? malloc_usable_size(p) : 0;
	return p;
}

void *
__wrap_realloc(void *old, size_t n)
{
	size_t was = old ? malloc_usable_size(old) : 0;
	void *p = fails() ? NULL : __real_realloc(old, n);
	if (p)
		live += malloc_usable_size(p) - was;
	return p;
}

void
__wrap_free(void *p)
{
	live -= p ? malloc_usable_size(p) : 0;
	__real_free(p);
}

/* Runs the scenario with the first, second, ... allocation failing until none does. */
static void
each_failure(bool (*scenario)(void))
{
	scenario(); /* the thread's own buffers, once */
	size_t base = live;
	for (long k = 0; k < 10000; k++) {
		until_failure = k;
		bool ok = scenario();
		bool reached = until_failure < 0;
		until_failure = -1;
		if (live != base)
			fail_msg("failure %ld leaves %zd bytes", k, (ssize_t)(live - base));
		if (!reached) {
			assert_true(ok);
			return;
		}
	}
	fail_msg("the scenario never ends");
}

static bool
http1_scenario(void)
{
	static const char in[] =
	    "POST /path?query HTTP/1.1\r\nHost: a\r\nCookie: some=thing\r\nContent-Length: 3\r\n\r\nabc";
	struct http1 *h;
	size_t at = 0, used;
	enum http1_event ev = HTTP1_MORE;
	if (http1_new(HTTP1_SERVER, 1000, &h) < 0)
		return false;
	while (ev != HTTP1_DONE && http1_feed(h, (const uint8_t *)in + at, sizeof in - 1 - at, &used, &ev, NULL) == 0)
		at += used;
	http1_free(h);
	return ev == HTTP1_DONE;
}

static bool
control_scenario(void)
{
	struct control_client *c = NULL;
	struct control_edge *e = NULL;
	struct control_register r = {
	    .account = "a", .secret = {(const uint8_t *)"0123456789", 10}, .nfeatures = 1, .features = {"one"}};
	const struct control_details d = {.location = "here"};
	struct buf up, down;
	size_t used;
	enum control_call call = CONTROL_NONE;
	enum control_answer a = CONTROL_ANSWER_NONE;
	buf_init(&up, 65536);
	buf_init(&down, 65536);
	bool ok = control_client_new(&c) == 0 && control_edge_new(&e) == 0 &&
	          control_client_register(c, &r, &up) == 0 &&
	          control_edge_feed(e, buf_ptr(&up), buf_len(&up), &used, &call, &down, NULL) == 0 &&
	          call == CONTROL_REGISTER && control_edge_accept(e, &d, &down) == 0 &&
	          control_client_feed(c, buf_ptr(&down), buf_len(&down), &used, &a, &up, NULL) == 0 &&
	          a == CONTROL_REGISTERED;
	control_client_free(c);
	control_edge_free(e);
	buf_release(&up);
	buf_release(&down);
	return ok;
}

static bool
ingress_scenario(void)
{
	static const char text[] =
	    "{\"ingress\":[{\"hostname\":\"a.b\",\"path\":\"x+\",\"service\":\"bastion\",\"originRequest\":"
	    "{\"destinations\":[\"h:1\",\"h:2\"],\"defaultDestination\":\"h:1\"}},{\"service\":\"http_status:404\"}]}";
	json_t *j = NULL;
	struct ingress *i = NULL;
	struct conf_error err;
	if (json_load_strict(text, sizeof text - 1, 4096, &j) < 0)
		return false;
	bool ok = ingress_from_json(j, &i, &err) == 0;
	if (ok)
		ingress_unref(i);
	json_decref(j);
	return ok;
}

struct side {
	struct h2link *l;
	struct h2stream *s;
	size_t got, closed, opened;
};

static const struct h2_header answer[] = {{":status", "200"}};

static void
on_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct side *me = arg;
	if (!me->s) {
		me->s = s;
		me->opened++;
		h2stream_respond(s, answer, 1, false);
	}
}

static void
on_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	((struct side *)arg)->got += n;
	h2stream_consume(s, n);
}

static void
on_end(struct h2stream *s, void *arg)
{
	h2stream_end(s);
}

static void
on_closed(struct h2stream *s, uint32_t code, void *arg)
{
	struct side *me = arg;
	me->closed++;
	me->s = NULL;
}

static const struct h2link_ops ops = {on_headers, on_data, on_end, NULL, on_closed, NULL};
static const struct h2_header request[] = {
    {":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}};

static bool
pump(struct side *a, struct side *b)
{
	static uint8_t copy[512 * 1024];
	size_t moved = 1;
	while (moved > 0) {
		struct side *v[2] = {a, b};
		moved = 0;
		for (int i = 0; i < 2; i++) {
			const uint8_t *d;
			size_t n;
			if (h2link_pull(v[i]->l, &d, &n) < 0)
				return false;
			if (n > 0)
				memcpy(copy, d, n);
			if (n > 0 && h2link_feed(v[!i]->l, copy, n, NULL) < 0)
				return false;
			moved += n;
		}
	}
	return true;
}

static bool
h2link_scenario(void)
{
	static uint8_t bulk[200000];
	struct side e = {0}, c = {0};
	bool ok = h2link_new(H2_EDGE, 10, &ops, &e, &e.l) == 0 && h2link_new(H2_CONNECTOR, 10, &ops, &c, &c.l) == 0 &&
	          pump(&e, &c) && h2stream_open(e.l, request, 4, false, NULL, &e.s) == 0;
	e.opened += e.s != NULL;
	ok = ok && h2stream_write2(e.s, "head", 4, bulk, sizeof bulk) == 0 && pump(&e, &c) && c.s &&
	     h2stream_write(c.s, bulk, 100) == 0;
	if (ok)
		h2stream_end(e.s);
	ok = ok && pump(&e, &c) && e.got == 100 && c.got == sizeof bulk + 4;
	h2link_free(e.l);
	h2link_free(c.l);
	assert_int_equal(e.closed, e.opened);
	assert_int_equal(c.closed, c.opened);
	return ok;
}

static void
test_failures(void **st)
{
	each_failure(http1_scenario);
	each_failure(control_scenario);
	each_failure(ingress_scenario);
	each_failure(h2link_scenario);
}

static void
test_idle_http1_is_small(void **st)
{
	static const char in[] =
	    "GET /cdn-cgi/access/login/ssh.example.test?kid=0123456789abcdef&redirect_url=%2F HTTP/1.1\r\n"
	    "Host: team.example.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
	    "Firefox/128.0\r\n"
	    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: "
	    "en-US,en;q=0.5\r\n"
	    "Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nCookie: "
	    "CF_Session=0123456789abcdef\r\n\r\n";
	struct http1 *h;
	size_t used, base = live;
	enum http1_event ev;
	assert_int_equal(http1_new(HTTP1_SERVER, 1000, &h), 0);
	assert_in_range(live - base, 1, 512);
	assert_int_equal(http1_feed(h, (const uint8_t *)in, sizeof in - 1, &used, &ev, NULL), 0);
	assert_int_equal(ev, HTTP1_HEAD);
	assert_int_equal(http1_feed(h, NULL, 0, &used, &ev, NULL), 0);
	assert_int_equal(ev, HTTP1_DONE);
	assert_in_range(live - base, 1, 2048);
	http1_drop_head(h);
	assert_in_range(live - base, 1, 512);
	http1_free(h);
	assert_int_equal(live, base);
}

/* A thousand streams that said a little and wait: their queues hold nothing. */
static void
test_idle_streams_are_small(void **st)
{
	static struct h2stream *s[1000];
	struct side e = {0}, c = {0};
	assert_true(h2link_scenario());
	assert_int_equal(h2link_new(H2_EDGE, 1000, &ops, &e, &e.l), 0);
	assert_int_equal(h2link_new(H2_CONNECTOR, 1000, &ops, &c, &c.l), 0);
	assert_true(pump(&e, &c));
	size_t base = live;
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(h2stream_open(e.l, request, 4, false, NULL, &s[i]), 0);
		assert_int_equal(h2stream_write(s[i], "hello", 5), 0);
	}
	assert_true(pump(&e, &c));
	assert_int_equal(h2link_streams(c.l), 1000);
	assert_in_range(live - base, 1000, 2000 * 160); /* both ends; nghttp2's own memory is not counted here */
	h2link_free(e.l);
	h2link_free(c.l);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(test_failures),
	    cmocka_unit_test(test_idle_http1_is_small),
	    cmocka_unit_test(test_idle_streams_are_small),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}
