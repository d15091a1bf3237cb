/* resume: bytes arrive once and in order however often the leg is cut, memory stays within its bound, and nobody but
 * the two ends can take a session up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "resume_kit.h"

static uint32_t seed;
static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void
drain(struct world *w)
{
	while (buf_len(&w->c.wire) || buf_len(&w->s.wire))
		assert_true(world_move(w, SIZE_MAX));
}

static void
straight(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	assert_int_equal(end_send(&w.c, true, 100), 100); /* before the answer: no round trip is lost */
	drain(&w);
	assert_int_equal(w.c.opens, 1);
	assert_int_equal(w.s.got, 100);
	assert_int_equal(resume_grace_s(w.c.r), 60);
	assert_memory_equal(resume_id(w.c.r), resume_id(w.s.r), RESUME_ID_LEN);
	for (int i = 0; i < 50; i++) {
		end_send(&w.s, false, 300000);
		drain(&w);
	}
	assert_int_equal(w.c.got, 15000000);
	end_finish(&w.s);
	end_finish(&w.c);
	drain(&w);
	assert_true(w.c.all_in && w.s.all_in);
	world_end(&w);
}

/* A thousand cuts at any byte of any record, both ways at once. */
static void
cuts(void **state)
{
	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		struct world w;
		uint32_t mine = seed;

		world_begin(&w);
		drain(&w);
		for (unsigned i = 0; i < 200; i++) {
			end_send(&w.c, true, rnd(200000));
			end_send(&w.s, false, rnd(200000));
			for (unsigned k = rnd(20); w.up && k--;)
				assert_true(world_move(&w, 1 + rnd(70000)));
			if (rnd(4) == 0) {
				world_cut(&w);
				end_send(&w.c, true, rnd(100000)); /* while there is no leg */
				assert_true(world_rejoin(&w));
			}
		}
		end_finish(&w.c);
		end_finish(&w.s);
		if (rnd(2)) { /* the last word is lost too */
			world_cut(&w);
			assert_true(world_rejoin(&w));
		}
		drain(&w);
		assert_int_equal(w.s.got, w.c.sent);
		assert_int_equal(w.c.got, w.s.sent);
		assert_true(w.c.all_in && w.s.all_in);
		assert_true(w.c.sent > 1000000);
		world_end(&w);
		seed = mine;
	}
}

static void
bounded(void **state)
{
	struct world w;
	uint8_t one = 0;

	(void)state;
	world_begin(&w);
	drain(&w);
	end_send(&w.s, false, 1000);
	drain(&w); /* not a multiple of anything */
	world_cut(&w);
	assert_int_equal(end_send(&w.s, false, 64u << 20), RESUME_BUFFER_MAX - 1000);
	assert_int_equal(resume_room(w.s.r), 0);
	assert_int_equal(resume_sent(w.s.r, &one, 1), E_LIMIT);
	assert_true(world_rejoin(&w));
	drain(&w);
	assert_int_equal(w.c.got, RESUME_BUFFER_MAX);
	assert_true(resume_room(w.s.r) >= RESUME_BUFFER_MAX - RESUME_ACK_EVERY);
	world_end(&w);
}

/* Before WELCOME there is nothing to come back to. */
static void
too_early(void **state)
{
	struct world w;
	struct buf out;

	(void)state;
	world_begin(&w);
	buf_init(&out, 1000);
	assert_int_equal(resume_lost(w.c.r), E_STATE);
	assert_int_equal(resume_back(w.c.r, &out), E_STATE);
	buf_release(&out);
	world_end(&w);
}

/* The record that would rejoin, changed at one place. */
static void
forged(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	drain(&w);
	end_send(&w.c, true, 5000);
	end_send(&w.s, false, 5000);
	drain(&w);
	for (size_t at = 0; at < 4 + 61; at++) {
		struct buf *b = &w.c.wire;
		world_cut(&w);
		assert_int_equal(resume_back(w.c.r, b), 0);
		assert_int_equal(buf_len(b), 4 + 61);
		b->d[b->r + at] ^= 1;
		bool fine = true;
		while (fine && (buf_len(&w.c.wire) || buf_len(&w.s.wire)))
			fine = world_move(&w, SIZE_MAX);
		assert_false(fine);
		assert_int_equal(resume_state(w.s.r), RESUME_LOST); /* it still waits for the right one */
	}
	world_cut(&w);
	assert_true(world_rejoin(&w));
	end_send(&w.s, false, 100);
	drain(&w);
	assert_int_equal(w.c.got, 5100);
	world_end(&w);
}

/* Who carries the bytes says an earlier BACK again. */
static void
replayed(void **state)
{
	struct world w;
	uint8_t old[65];

	(void)state;
	world_begin(&w);
	drain(&w);
	world_cut(&w);
	assert_int_equal(resume_back(w.c.r, &w.c.wire), 0);
	memcpy(old, buf_ptr(&w.c.wire), sizeof old);
	drain(&w);
	world_cut(&w);
	buf_put(&w.c.wire, old, sizeof old);
	assert_false(world_move(&w, SIZE_MAX));
	assert_int_equal(w.error, E_RANGE);
	assert_non_null(strstr(w.why.text, "used before"));
	world_end(&w);
}

/* The connector's answer, changed at one place: the client goes on with nobody but its connector. */
static void
forged_answer(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	drain(&w);
	for (size_t at = 4; at < 4 + 40; at++) {
		struct buf *b = &w.s.wire;
		struct resume_record rec = {.type = RESUME_AGAIN, .n = 40};
		enum resume_event ev;
		uint8_t d[40];
		world_cut(&w);
		assert_int_equal(resume_back(w.c.r, &w.c.wire), 0);
		struct resume_in in = {0};
		struct resume_record back;
		size_t used;
		uint8_t raw[65];
		memcpy(raw, buf_ptr(&w.c.wire), sizeof raw);
		assert_int_equal(resume_in_feed(&in, raw, sizeof raw, &used, &back), 0);
		assert_int_equal(resume_rejoin(w.s.r, &back, b, &w.why), 0);
		memcpy(d, buf_ptr(b) + 4, sizeof d);
		d[at - 4] ^= 1;
		rec.p = d;
		assert_int_equal(resume_control(w.c.r, &rec, &ev, &w.why), E_CRYPTO);
		assert_int_equal(resume_state(w.c.r), RESUME_JOINING);
	}
	world_end(&w);
}

/* The right id is not enough, nor the right key under another id. */
static void
other_session(void **state)
{
	struct world v[3];
	struct resume_in in = {0};
	struct resume_record back;
	uint8_t raw[65];
	size_t used;
	struct buf out;
	struct reason why;

	(void)state;
	for (int i = 0; i < 3; i++) {
		world_begin(&v[i]);
		v[i].next_id = i == 2 ? 7 : 0;
		drain(&v[i]);
		world_cut(&v[i]);
	}
	assert_int_equal(resume_back(v[0].c.r, &v[0].c.wire), 0);
	memcpy(raw, buf_ptr(&v[0].c.wire), sizeof raw);
	assert_int_equal(resume_in_feed(&in, raw, sizeof raw, &used, &back), 0);
	buf_init(&out, 1000);
	assert_int_equal(resume_rejoin(v[1].s.r, &back, &out, &why), E_CRYPTO);
	assert_int_equal(resume_rejoin(v[2].s.r, &back, &out, &why), E_FORMAT);
	assert_int_equal(buf_len(&out), 0);
	assert_int_equal(resume_rejoin(v[0].s.r, &back, &out, &why), 0);
	buf_release(&out);
	for (int i = 0; i < 3; i++)
		world_end(&v[i]);
}

static void
bad_records(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
	    {"\x00\x00\x00\x00", 4}, {"\x06\x00\x00\x00", 4}, {"\x13\x00\x00\x01x", 5}, {"\x10\x00\x00\x00", 4},
	    {"\x10\x10\x00\x01", 4}, {"\x11\x00\x00\x07", 4}, {"\x11\x00\x00\x09", 4},  {"\x01\x00\x00\x00", 4},
	    {"\x05\x00\x00\x01", 4}, {"\xff\xff\xff\xff", 4}, {"\x12\x00\x01\x00", 4},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct resume_in in = {0};
		struct resume_record rec;
		uint8_t d[8];
		size_t used;
		memcpy(d, bad[i].bytes, bad[i].n);
		assert_int_equal(resume_in_feed(&in, d, bad[i].n, &used, &rec), E_FORMAT);
	}
}

/* Numbers that nobody could mean, and records at the wrong time. */
static void
bad_numbers(void **state)
{
	static const struct {
		uint8_t type;
		uint64_t n;
		int e;
	} rows[] = {{RESUME_ACK, 101, E_RANGE}, {RESUME_ACK, UINT64_MAX, E_RANGE}, {RESUME_END, 1, E_RANGE}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w;
		world_begin(&w);
		drain(&w);
		end_send(&w.c, true, 100);
		drain(&w);
		buf_put_u32(&w.s.wire, (uint32_t)rows[i].type << 24 | 8);
		buf_put_u64(&w.s.wire, rows[i].n);
		assert_false(world_move(&w, SIZE_MAX));
		assert_int_equal(w.error, rows[i].e);
		world_end(&w);
	}
	struct world w;
	world_begin(&w);
	drain(&w);
	buf_put_u32(&w.s.wire, (uint32_t)RESUME_GONE << 24);
	assert_false(world_move(&w, SIZE_MAX));
	assert_int_equal(w.error, E_STATE);
	world_end(&w);
}

static int
told(struct resume *r, uint8_t type, uint64_t n, struct reason *why)
{
	uint8_t d[8];
	struct resume_record rec = {type, d, sizeof d};
	enum resume_event ev;

	for (int i = 0; i < 8; i++)
		d[i] = (uint8_t)(n >> (56 - 8 * i));
	return resume_control(r, &rec, &ev, why);
}

/* What was confirmed once is gone: it cannot be asked for again, and no more can be confirmed than was sent, by the
   right client neither. */
static void
confirmed_bytes_are_gone(void **state)
{
	struct world w;

	(void)state;
	world_begin(&w);
	drain(&w);
	end_send(&w.s, false, 100);
	assert_int_equal(told(w.s.r, RESUME_ACK, 60, &w.why), 0);
	assert_int_equal(told(w.s.r, RESUME_ACK, 59, &w.why), E_RANGE);
	world_cut(&w); /* of the hundred none came */
	assert_false(world_rejoin(&w));
	assert_int_equal(w.error, E_RANGE);
	world_end(&w);
	world_begin(&w);
	drain(&w);
	world_cut(&w);
	resume_received(w.c.r, 1); /* more than was ever sent */
	assert_false(world_rejoin(&w));
	assert_int_equal(w.error, E_RANGE);
	assert_int_equal(resume_state(w.s.r), RESUME_LOST);
	world_end(&w);
}

/* Records that were right once, or would be later. */
static void
out_of_turn(void **state)
{
	struct world w;
	uint8_t old[44];
	struct resume_record again = {RESUME_AGAIN, old + 4, 40};
	uint8_t welcome[RESUME_ID_LEN + 32 + 4] = {0};
	struct resume_record hello = {RESUME_WELCOME, welcome, sizeof welcome};
	enum resume_event ev;

	(void)state;
	world_begin(&w);
	drain(&w);
	welcome[RESUME_ID_LEN] = 9;
	assert_int_equal(resume_control(w.c.r, &hello, &ev, &w.why), E_STATE);
	assert_int_equal(resume_control(w.s.r, &hello, &ev, &w.why), E_STATE);
	world_cut(&w);
	assert_int_equal(told(w.s.r, RESUME_ACK, 0, &w.why), E_STATE);
	assert_int_equal(told(w.c.r, RESUME_END, 0, &w.why), E_STATE);
	assert_int_equal(resume_back(w.c.r, &w.c.wire), 0);
	assert_true(world_up(&w));
	memcpy(old, buf_ptr(&w.s.wire), sizeof old);
	drain(&w);
	assert_int_equal(resume_state(w.c.r), RESUME_LIVE);
	assert_int_equal(resume_control(w.c.r, &again, &ev, &w.why), E_STATE); /* twice */
	world_cut(&w);
	assert_int_equal(resume_back(w.c.r, &w.c.wire), 0);
	assert_int_equal(resume_control(w.c.r, &again, &ev, &w.why), E_CRYPTO); /* of the attempt before */
	world_end(&w);
}

/* A public key of small order gives a secret that everybody knows. */
static void
small_order(void **state)
{
	struct resume_record hello = {.type = RESUME_HELLO};
	uint8_t p[33] = {1}, id[RESUME_ID_LEN] = {0};
	struct resume *r = NULL;
	struct box_key k;
	struct buf out;

	(void)state;
	hello.p = p;
	hello.n = sizeof p;
	buf_init(&out, 1000);
	box_key_generate(&k);
	assert_int_equal(resume_connector_new(&hello, &k, id, 1, &r, &out), E_CRYPTO);
	assert_null(r);
	buf_release(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(straight),      cmocka_unit_test(cuts),
	                                   cmocka_unit_test(bounded),       cmocka_unit_test(too_early),
	                                   cmocka_unit_test(forged),        cmocka_unit_test(replayed),
	                                   cmocka_unit_test(forged_answer), cmocka_unit_test(other_session),
	                                   cmocka_unit_test(bad_records),   cmocka_unit_test(bad_numbers),
	                                   cmocka_unit_test(small_order),   cmocka_unit_test(confirmed_bytes_are_gone),
	                                   cmocka_unit_test(out_of_turn)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
