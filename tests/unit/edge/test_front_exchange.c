/* front between a user and a service that speaks HTTP: what a connector may answer, how each end ends the other,
 * bounded memory. What passes byte for byte is shown end to end (tests/e2e/http-app.sh). */
#include "frontkit.h"

static struct connector k = {.mute = true};

static void
answer_http(uint64_t ticket)
{
	static const char *h[] = {"accept", "*/*", "cf-access-jwt-assertion", "header.payload.signature"};

	kit.answer = (struct fj_answer){.action = ANSWER_HTTP,
	                                .headers = {h, 4},
	                                .tunnel = KIT_TUNNEL,
	                                .authority = "app.localhost:8443",
	                                .path = "/page?q",
	                                .ticket = ticket};
	memset(&kit.seen, 0, sizeof kit.seen);
}

/* The kit frees streams that close while they are not the newest. */
static void
forget_last(void)
{
	if (k.last && k.last->closed) {
		buf_release(&k.last->in);
		free(k.last);
	}
	k.last = NULL;
	k.has_stream = false;
}

/* A user asks, the stream stands at the connector. */
static void
ask(struct user *u, uint64_t ticket, const char *request)
{
	answer_http(ticket);
	forget_last();
	if (!u->c)
		user_dial(u, LISTEN_USERS);
	user_say(u, request);
	WAIT_FLAG(k.has_stream);
	WAIT_SOME(kit.seen.begans);
	assert_int_equal(kit.seen.began, ticket);
}

#define GET "GET /page?q HTTP/1.1\r\nHost: app.localhost:8443\r\n\r\n"

static void
reply(const char *status, const char *packed, const char *meta, bool end)
{
	struct h2_header h[] = {
	    {":status", status}, {"cf-cloudflared-response-headers", packed}, {"cf-cloudflared-response-meta", meta}};

	assert_int_equal(h2stream_respond(k.last->s, h, packed ? 3 : 1, end), 0);
	connector_kick(&k);
}

static void
say_body(const char *text, bool end)
{
	assert_int_equal(h2stream_write(k.last->s, text, strlen(text)), 0);
	if (end)
		h2stream_end(k.last->s);
	connector_kick(&k);
}

static void
pack(struct buf *out, const struct h2_header *h, size_t n)
{
	buf_init(out, 65536);
	assert_int_equal(h2_headers_pack(out, h, n), 0);
}

#define ORIGIN "{\"src\":\"origin\"}"

static void
the_connection_serves_on(void **state)
{
	static const struct h2_header h[] = {
	    {"Content-Length", "5"}, {"X-Thing", "v"}, {"Connection", "x-hop"}, {"X-Hop", "1"}};
	struct user u = {0};
	struct buf packed;

	(void)state;
	pack(&packed, h, 4);
	for (unsigned i = 0; i < 3; i++) {
		ask(&u, 100 + i, GET);
		assert_non_null(strstr(
		    k.last->head, ":method: GET\n:scheme: https\n:authority: app.localhost:8443\n:path: /page?q\n"));
		reply("200", buf_cstr(&packed), ORIGIN, false);
		say_body("hello", true);
		user_hear(&u, "\r\n\r\nhello");
		user_hear(&u, "X-Thing: v\r\n");
		assert_null(strstr(buf_cstr(&u.in), "X-Hop"));
		WAIT_SOME(kit.seen.endeds);
		assert_int_equal(kit.seen.ended, 100 + i);
		assert_string_equal(kit.seen.ended_why, "done");
		assert_int_equal(kit.seen.down, 5);
		buf_clear(&u.in);
	}
	user_end(&u);
	buf_release(&packed);
}

/* Each would let a browser see something that the service did not say. */
static void
malformed_answers(void **state)
{
	static const struct {
		const char *status;
		struct h2_header h[2];
		size_t n;
		const char *raw;
	} bad[] = {
	    {"200", {{"content-length", "5"}, {"Content-Length", "6"}}, 2, NULL},
	    {"200", {{"content-length", "5, 5"}}, 1, NULL},
	    {"200", {{"content-length", "-1"}}, 1, NULL},
	    {"200", {{"content-length", ""}}, 1, NULL},
	    {"200", {{"content-length", "99999999999999999999"}}, 1, NULL},
	    {"200", {{"x-a", "b\r\nset-cookie: c=d"}}, 1, NULL},
	    {"200", {{"x a", "b"}}, 1, NULL},
	    {"200", {{""}}, 0, "no base64"},
	    {"600", {{""}}, 0, ""},
	    {"099", {{""}}, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct user u = {0};
		struct buf packed;

		pack(&packed, bad[i].h, bad[i].n);
		ask(&u, 200 + i, GET);
		reply(bad[i].status, bad[i].raw ? bad[i].raw : buf_cstr(&packed), ORIGIN, false);
		user_hear(&u, "HTTP/1.1 502 ");
		user_hear(&u, "SP-1006");
		WAIT_SOME(kit.seen.endeds);
		assert_null(strstr(buf_cstr(&u.in), "set-cookie"));
		user_end(&u);
		buf_release(&packed);
	}
}

static void
the_connector_itself_answers(void **state)
{
	struct user u = {0};

	(void)state;
	ask(&u, 300, GET);
	reply("502", "", "{\"src\":\"cloudflared\"}", true);
	user_hear(&u, "HTTP/1.1 502 ");
	user_hear(&u, "SP-1006 the tunnel's connector could not reach its service");
	user_end(&u);
}

/* Longer or shorter than it said, or broken off: the user's connection ends without an orderly end. */
static void
a_part_is_not_the_whole(void **state)
{
	static const struct h2_header h[] = {{"Content-Length", "5"}};
	struct buf packed;

	(void)state;
	pack(&packed, h, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct user u = {0};

		ask(&u, 400 + i, GET);
		reply("200", i < 3 ? buf_cstr(&packed) : "", ORIGIN, false);
		user_hear(&u, "\r\n\r\n");
		if (i == 0)
			say_body("hell", true);
		else if (i == 1)
			say_body("hello and more", true);
		else
			h2stream_reset(k.last->s, 2);
		connector_kick(&k);
		WAIT_FLAG(u.closed);
		assert_false(u.eof); /* no close_notify */
		WAIT_SOME(kit.seen.endeds);
		assert_null(strstr(buf_cstr(&u.in), "more"));
		user_end(&u);
	}
	buf_release(&packed);
}

static void
judge_cuts(void **state)
{
	struct user u = {0};

	(void)state;
	ask(&u, 500, GET);
	kit_judge_all(&fj_cut_def, &(struct fj_cut){.ticket = 500, .why = "revoked"});
	user_hear(&u, "HTTP/1.1 403 ");
	user_hear(&u, "SP-1207");
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "revoked");
	WAIT_FLAG(k.last->closed);
	/* the same connection, in the middle of an answer */
	buf_clear(&u.in);
	ask(&u, 501, GET);
	reply("200", "", ORIGIN, false);
	say_body("part", false);
	user_hear(&u, "part\r\n");
	kit_judge_all(&fj_cut_def, &(struct fj_cut){.ticket = 501, .why = "revoked"});
	WAIT_FLAG(u.closed);
	assert_false(u.eof);
	assert_null(strstr(buf_cstr(&u.in), "\r\n0\r\n"));
	WAIT_FLAG(k.last->closed);
	user_end(&u);
}

static void
time_is_up(void **state)
{
	struct user u = {0};

	(void)state;
	answer_http(510);
	kit.answer.until = clock_wall() + 1;
	forget_last();
	user_dial(&u, LISTEN_USERS);
	user_say(&u, GET);
	WAIT_FLAG(k.has_stream);
	reply("200", "", ORIGIN, false);
	say_body("part", false);
	WAIT_FLAG(u.closed);
	assert_false(u.eof);
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "expired");
	user_end(&u);
}

static void
the_user_goes(void **state)
{
	struct user u = {0};

	(void)state;
	ask(&u, 520, "POST /page?q HTTP/1.1\r\nHost: app.localhost:8443\r\nContent-Length: 100\r\n\r\nhalf");
	WAIT_SOME(k.last->got);
	assert_memory_equal(buf_ptr(&k.last->in), "half", 4);
	user_end(&u);
	WAIT_FLAG(k.last->closed);
	assert_false(k.last->ended); /* the service must not take a part for the whole */
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "client-gone");
	assert_int_equal(kit.seen.up, 4);
}

static void
a_broken_body_is_no_end(void **state)
{
	struct user u = {0};

	(void)state;
	ask(&u, 530,
	    "POST /page?q HTTP/1.1\r\nHost: app.localhost:8443\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
	WAIT_SOME(k.last->got);
	user_say(&u, "zz\r\nGET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n");
	user_hear(&u, "HTTP/1.1 400 ");
	WAIT_FLAG(k.last->closed);
	assert_false(k.last->ended);
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "bad-body");
	assert_int_equal(kit.seen.requests, 1);
	user_end(&u);
}

static bool
held_at(void *arg)
{
	uint64_t *sent = arg;

	while (*sent < (256u << 20) && h2stream_queued(k.last->s) < H2_OUT_MARK) {
		static const uint8_t d[32768];

		if (h2stream_write(k.last->s, d, sizeof d) < 0)
			return true;
		*sent += sizeof d;
		connector_kick(&k);
	}
	return false;
}

static bool
still(void *arg)
{
	struct {
		uint64_t sent, last;
		unsigned same;
	} *s = arg;

	held_at(&s->sent);
	s->same = s->sent == s->last ? s->same + 1 : 0;
	s->last = s->sent;
	return s->same > 100; /* looks, two milliseconds apart */
}

/* A user that does not read holds the service back: what is under way is bounded. */
static void
slow_reader(void **state)
{
	struct {
		uint64_t sent, last;
		unsigned same;
	} s = {0};
	struct user u = {0};

	(void)state;
	ask(&u, 540, GET);
	reply("200", "", ORIGIN, false);
	user_hear(&u, "\r\n\r\n");
	u.discard = true;
	conn_pause(u.c);
	kit_wait(still, &s, "the flow to stop");
	assert_true(s.sent < (24u << 20)); /* windows, marks and the kernel's buffers */
	kit_judge_all(&fj_cut_def, &(struct fj_cut){.ticket = 540, .why = "revoked"});
	conn_resume(u.c);
	WAIT_FLAG(u.closed);
	user_end(&u);
}

static void
a_new_judge_hears_of_it(void **state)
{
	struct user u = {0};

	(void)state;
	ask(&u, 550, GET);
	for (uint32_t i = 0; i < KIT_THREADS; i++)
		kit_new_judge(i);
	WAIT_SOME(kit.seen.lives);
	assert_int_equal(kit.seen.live, 550);
	assert_string_equal(kit.seen.live_assertion, "header.payload.signature");
	reply("204", "", ORIGIN, true);
	user_hear(&u, "HTTP/1.1 204 ");
	assert_null(strstr(buf_cstr(&u.in), "content-length"));
	user_end(&u);
}

static void
uploads_ask_judge_first(void **state)
{
	struct user u;

	(void)state;
	memset(&kit.seen, 0, sizeof kit.seen);
	kit.answer = (struct fj_answer){.action = ANSWER_RESPOND, .status = 401};
	user_dial(&u, LISTEN_USERS);
	user_say(
	    &u,
	    "POST /page HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n");
	user_hear(&u, "HTTP/1.1 401 ");
	assert_null(strstr(buf_cstr(&u.in), "100 Continue"));
	user_hear(&u, "connection: close\r\n");
	user_end(&u);
	/* what is for the edge itself is bounded */
	user_dial(&u, LISTEN_USERS);
	user_say(&u, "POST /cdn-cgi/access/x HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1000000000\r\n\r\n");
	user_hear(&u, "HTTP/1.1 413 ");
	user_end(&u);
}

static int
setup(void **state)
{
	(void)state;
	kit_start();
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	connector_end_all(&k);
	kit_stop();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_connection_serves_on),
	    cmocka_unit_test(malformed_answers),
	    cmocka_unit_test(the_connector_itself_answers),
	    cmocka_unit_test(a_part_is_not_the_whole),
	    cmocka_unit_test(judge_cuts),
	    cmocka_unit_test(time_is_up),
	    cmocka_unit_test(the_user_goes),
	    cmocka_unit_test(a_broken_body_is_no_end),
	    cmocka_unit_test(slow_reader),
	    cmocka_unit_test(a_new_judge_hears_of_it),
	    cmocka_unit_test(uploads_ask_judge_first),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
