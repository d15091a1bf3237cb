/* lane: a session outlives its leg, for the client that began it and for nobody else. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "stream_kit.h"
#include "wire/resume.h"
#include "wire/websocket.h"
#include "../t.h"

#define HERE "127.0.0.1:PORT"

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* The client's end: what came over the leg at hand. */
struct client {
	struct world w;
	struct resume *r;
	int service;
	unsigned seen[32]; /* records by type */
	struct buf text;   /* DATA */
	unsigned closes, code;
};

static void
turn(struct client *c, int ms)
{
	struct loop_timer t = {0};
	int64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end) {
		timer_start(c->w.loop, &t, 5, world_stop, c->w.loop);
		loop_run(c->w.loop);
	}
	timer_stop(&t);
}

static void
say(struct client *c, const struct buf *records)
{
	struct buf f;

	buf_init(&f, 8192);
	assert_ok(ws_put_frame(&f, WS_BINARY, buf_ptr(records), buf_len(records), mask));
	assert_ok(h2stream_write(c->w.s, buf_ptr(&f), buf_len(&f)));
	world_flush(&c->w);
	buf_release(&f);
}

static void
record(struct client *c, const struct resume_record *rec)
{
	enum resume_event ev;
	struct reason why = {0};

	c->seen[rec->type & 31]++;
	if (rec->type == RESUME_DATA) {
		assert_ok(buf_put(&c->text, rec->p, rec->n));
		resume_received(c->r, rec->n);
	} else {
		assert_ok(resume_control(c->r, rec, &ev, &why));
	}
}

/* All that the edge got on this leg, read as the client reads it. */
static void
hear(struct client *c)
{
	struct ws_in in;
	struct resume_in records = {0};
	uint8_t *d = (uint8_t *)(uintptr_t)buf_ptr(&c->w.got);
	size_t n = buf_len(&c->w.got);

	ws_in_init(&in, WS_CLIENT);
	while (n) {
		struct ws_event ev = {0};
		struct reason why = {0};
		uint16_t code;
		size_t used;
		assert_ok(ws_in_feed(&in, d, n, &used, &ev, &code, &why));
		d += used;
		n -= used;
		if (ev.kind == WS_EV_CLOSE) {
			c->closes++;
			c->code = ev.code;
		}
		for (size_t k; ev.kind == WS_EV_DATA && ev.n; ev.p += k, ev.n -= k) {
			struct resume_record rec;
			assert_ok(resume_in_feed(&records, ev.p, ev.n, &k, &rec));
			if (rec.type)
				record(c, &rec);
		}
	}
	buf_clear(&c->w.got);
}

static void
leg(struct client *c, const char *protocol, const char *jump)
{
	buf_clear(&c->w.got);
	memset(c->seen, 0, sizeof c->seen);
	c->closes = c->code = 0;
	c->w.over = false;
	assert_int_equal(world_ask(&c->w, "websocket", protocol, jump, "/"), 200);
}

static void
begin(struct client *c)
{
	struct box_key eph;
	struct buf b;

	memset(c, 0, sizeof *c);
	buf_init(&c->text, 65536);
	world_begin(&c->w, LISTED);
	leg(c, RESUME_PROTOCOL, HERE);
	c->service = accept(c->w.service, NULL, NULL);
	assert_true(c->service >= 0);
	box_key_generate(&eph);
	buf_init(&b, 256);
	assert_ok(resume_client_new(&eph, &c->r, &b));
	say(c, &b);
	buf_release(&b);
	turn(c, 30);
	hear(c);
	assert_int_equal(resume_state(c->r), RESUME_LIVE);
}

static void
end(struct client *c)
{
	close(c->service); /* else a connection lingers */
	turn(c, 10);
	world_end(&c->w);
	resume_free(c->r);
	buf_release(&c->text);
}

static void
lose(struct client *c, uint32_t how)
{
	h2stream_reset(c->w.s, how);
	world_flush(&c->w);
	turn(c, 30);
	assert_ok(resume_lost(c->r));
}

/* What the service has been sent: n bytes, or 0 at its end, or -1 while there is nothing. */
static ssize_t
service(struct client *c, char *out, size_t n)
{
	return recv(c->service, out, n, MSG_DONTWAIT);
}

/* A new leg that says BACK. */
static void
back(struct client *c, const char *jump)
{
	struct buf b;

	leg(c, RESUME_PROTOCOL_BACK, jump);
	buf_init(&b, 256);
	assert_ok(resume_back(c->r, &b));
	say(c, &b);
	buf_release(&b);
	turn(c, 30);
	hear(c);
}

static void
data(struct client *c, const char *text)
{
	struct buf b;
	uint8_t head[RESUME_HEAD];

	buf_init(&b, 256);
	assert_ok(resume_sent(c->r, text, strlen(text)));
	resume_data_head(head, strlen(text));
	assert_ok(buf_put(&b, head, sizeof head));
	assert_ok(buf_put_str(&b, text));
	say(c, &b);
	buf_release(&b);
	turn(c, 30);
}

static void
a_lost_leg_is_replaced(void **state)
{
	struct client c;
	char got[8] = "";

	begin(&c);
	assert_int_equal(send(c.service, "one", 3, 0), 3);
	turn(&c, 30);
	hear(&c);
	lose(&c, H2_CONNECT_ERROR);
	assert_int_equal(send(c.service, "two", 3, 0), 3); /* nobody is there */
	turn(&c, 30);
	back(&c, HERE);
	assert_int_equal(c.seen[RESUME_AGAIN], 1);
	assert_slice(buf_slice(&c.text), "onetwo");
	data(&c, "up");
	assert_int_equal(service(&c, got, sizeof got), 2);
	assert_string_equal(got, "up");
	end(&c);
}

/* Who was let in for one destination does not come back through the door of another. */
static void
another_door_is_none(void **state)
{
	struct client c;
	char got[8];

	begin(&c);
	lose(&c, H2_CONNECT_ERROR);
	back(&c, "127.0.0.1:1");
	assert_int_equal(c.seen[RESUME_AGAIN], 0);
	assert_int_equal(c.seen[RESUME_GONE], 1);
	assert_int_equal(c.closes, 1);
	assert_int_equal(service(&c, got, sizeof got), -1); /* and nothing was lost by trying */
	assert_ok(resume_lost(c.r));
	back(&c, HERE);
	assert_int_equal(c.seen[RESUME_AGAIN], 1);
	end(&c);
}

/* Nor with another person's token, good as it is. */
static void
somebody_else_is_none(void **state)
{
	struct token t = {.type = TOKEN_APP,
	                  .iss = "https://t",
	                  .aud = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	                  .sub = "s-2",
	                  .iat = clock_wall(),
	                  .exp = clock_wall() + 60,
	                  .email = "b@example.test",
	                  .idp_id = "p",
	                  .idp_type = "local",
	                  .idp_iss = "https://t/idp/p",
	                  .idp_sub = "x",
	                  .session = "0123"};
	struct jwks keys = {0};
	struct reason why = {0};
	struct key *key = NULL;
	struct client c;
	struct buf b;

	assert_ok(key_generate(KEY_RSA, 2048, &key));
	assert_ok(jwks_add(&keys, NULL, key));
	json_t *pins = keychain_pins("https://t", &keys);
	buf_init(&b, JWT_MAX);
	assert_ok(token_mint(keys.v[0].key, keys.v[0].kid, &t, &b));
	begin(&c); /* without a token: none was asked for */
	lose(&c, H2_CONNECT_ERROR);
	assert_ok(access_init(&c.w.k.access, pins, CONNECTOR_AUTO, "x", NULL, &why));
	kit_tokens[0] = buf_cstr(&b);
	back(&c, HERE);
	kit_tokens[0] = NULL;
	access_release(&c.w.k.access);
	assert_int_equal(c.seen[RESUME_AGAIN], 0);
	assert_int_equal(c.seen[RESUME_GONE], 1);
	assert_ok(resume_lost(c.r));
	back(&c, HERE);
	assert_int_equal(c.seen[RESUME_AGAIN], 1);
	end(&c);
	json_decref(pins);
	jwks_release(&keys);
	buf_release(&b);
}

/* The edge's cut: a revoked session must not be waited for. */
static void
a_cut_is_the_end(void **state)
{
	struct client c;
	char got[8];

	begin(&c);
	lose(&c, H2_CANCEL);
	assert_int_equal(service(&c, got, sizeof got), 0);
	assert_int_equal(map_len(&c.w.k.lanes), 0);
	back(&c, HERE);
	assert_int_equal(c.seen[RESUME_GONE], 1);
	end(&c);
}

/* After a refusal the leg is deaf: a second BACK on it, a good one, is not taken. */
static void
a_refused_leg_hears_nothing(void **state)
{
	struct client c;
	struct buf good, both;

	begin(&c);
	lose(&c, H2_CONNECT_ERROR);
	buf_init(&good, 256);
	buf_init(&both, 512);
	assert_ok(resume_back(c.r, &good));
	assert_ok(buf_put(&both, buf_ptr(&good), buf_len(&good)));
	/* the first of the two has another MAC */
	both.d[both.r + buf_len(&both) - 1] ^= 1;
	leg(&c, RESUME_PROTOCOL_BACK, HERE);
	say(&c, &both);
	say(&c, &good);
	turn(&c, 30);
	leg(&c, RESUME_PROTOCOL_BACK, HERE); /* so it was not used up */
	say(&c, &good);
	turn(&c, 30);
	hear(&c);
	assert_int_equal(c.seen[RESUME_AGAIN], 1);
	end(&c);
	buf_release(&good);
	buf_release(&both);
}

static void
a_second_hello_ends_the_leg(void **state)
{
	struct client c;
	struct box_key eph;
	struct resume *other = NULL;
	struct buf b;

	begin(&c);
	box_key_generate(&eph);
	buf_init(&b, 256);
	assert_ok(resume_client_new(&eph, &other, &b));
	say(&c, &b);
	turn(&c, 30);
	hear(&c);
	assert_int_equal(c.code, 1002);
	assert_int_equal(c.seen[RESUME_WELCOME], 1); /* the first one's */
	assert_int_equal(map_len(&c.w.k.lanes), 1);  /* the session waits for its client */
	buf_release(&b);
	resume_free(other);
	assert_ok(resume_lost(c.r));
	back(&c, HERE);
	assert_int_equal(c.seen[RESUME_AGAIN], 1);
	end(&c);
}

/* A new leg while the old one seems alive: the old one carries nothing more. */
static void
the_old_leg_carries_nothing_more(void **state)
{
	struct client c;
	struct h2stream *old;
	char got[8];

	begin(&c);
	old = c.w.s;
	assert_ok(resume_lost(c.r));
	back(&c, HERE);
	assert_int_equal(c.seen[RESUME_AGAIN], 1);
	struct h2stream *fresh = c.w.s;
	c.w.s = old;
	data(&c, "late");
	assert_int_equal(service(&c, got, sizeof got), -1);
	c.w.s = fresh;
	end(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_lost_leg_is_replaced),
	    cmocka_unit_test(another_door_is_none),
	    cmocka_unit_test(somebody_else_is_none),
	    cmocka_unit_test(a_cut_is_the_end),
	    cmocka_unit_test(a_refused_leg_hears_nothing),
	    cmocka_unit_test(a_second_hello_ends_the_leg),
	    cmocka_unit_test(the_old_leg_carries_nothing_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
