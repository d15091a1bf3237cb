/* front between a user and a connector: every byte once and in order, bounded memory, and each way a session ends. */
#include "frontkit.h"

#define MIB ((uint64_t)1 << 20)
#define BULK (64 * MIB)

static uint8_t
pattern(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 9) + (i >> 17));
}

static void
fill(uint8_t *d, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		d[i] = pattern(at + i);
}

static bool
is_pattern(const uint8_t *d, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		if (d[i] != pattern(at + i))
			return false;
	return true;
}

static struct {
	uint64_t to_send, sent, got, want;
	bool bad;
} up, down;

/* user -> connector */
static void
user_pump(struct user *u)
{
	static uint8_t d[50000];

	while (up.sent < up.to_send && u->c && conn_queued(u->c) < CONN_MARK) {
		size_t n = up.to_send - up.sent < sizeof d ? (size_t)(up.to_send - up.sent) : sizeof d;

		fill(d, n, up.sent);
		assert_int_equal(conn_write(u->c, d, n), 0);
		up.sent += n;
	}
}

static void
origin_takes(struct origin *o, uint8_t *d, size_t n)
{
	(void)o;
	up.bad |= !is_pattern(d, n, up.got);
	up.got += n;
}

/* connector -> user */
static bool
origin_pump(struct origin *o)
{
	static uint8_t d[50000];

	while (down.sent < down.to_send && o->s && h2stream_queued(o->s) < H2_OUT_MARK) {
		size_t n = down.to_send - down.sent < sizeof d ? (size_t)(down.to_send - down.sent) : sizeof d;

		fill(d, n, down.sent);
		assert_int_equal(h2stream_write(o->s, d, n), 0);
		down.sent += n;
	}
	connector_kick(o->k);
	return true;
}

static void
user_takes(struct user *u, uint8_t *d, size_t n)
{
	(void)u;
	down.bad |= !is_pattern(d, n, down.got);
	down.got += n;
}

static bool
bulk_done(void *arg)
{
	(void)arg;
	return up.got >= up.to_send && down.got >= down.to_send;
}

static void
reset_counts(uint64_t nup, uint64_t ndown)
{
	memset(&up, 0, sizeof up);
	memset(&down, 0, sizeof down);
	up.to_send = nup;
	down.to_send = ndown;
}

static void
bytes_both_ways(void **state)
{
	struct connector k = {.pump = origin_pump};
	struct user u;

	(void)state;
	kit.seen.endeds = 0;
	kit_session(&k, &u, 101);
	assert_non_null(strstr(k.last->head, ":authority: app.localhost\n"));
	assert_non_null(strstr(k.last->head, "cf-access-jwt-assertion: header.payload.signature\n"));
	reset_counts(BULK, BULK);
	u.on_data = user_takes;
	u.on_drained = user_pump;
	k.last->on_data = origin_takes;
	user_pump(&u);
	origin_pump(k.last);
	kit_wait(bulk_done, NULL, "bulk_done");
	assert_false(up.bad);
	assert_false(down.bad);
	conn_shutdown(u.c); /* the user ends; the connector answers with its end; nothing is lost */
	WAIT_FLAG(u.closed);
	WAIT_SOME(kit.seen.endeds);
	assert_int_equal(kit.seen.ended, 101);
	assert_int_equal(kit.seen.up, BULK);
	assert_int_equal(kit.seen.down, BULK);
	assert_string_equal(kit.seen.ended_why, "user-ended");
	user_end(&u);
	connector_end_all(&k);
}

static bool
hasty_came(void *arg)
{
	struct connector *k = arg;

	return k->last && k->last->got >= 15;
}

static void
early_bytes_arrive(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	kit_relay(102);
	kit.seen.begans = 0;
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE "SSH-2.0-hasty\r\n");
	WAIT_SOME(kit.seen.begans);
	kit_wait(hasty_came, &k, "hasty_came");
	assert_memory_equal(buf_ptr(&k.last->in), "SSH-2.0-hasty\r\n", 15);
	user_end(&u);
	connector_end_all(&k);
}

static long
rss_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static bool
stalled(void *arg)
{
	static uint64_t last;
	static int same;

	(void)arg;
	same = down.sent == last ? same + 1 : 0;
	last = down.sent;
	return same > 150; /* 300 ms without a byte */
}

/* The user stops reading: the connector is held, memory stays, the rest comes when the user reads again. */
static void
slow_reader(void **state)
{
	struct connector k = {.pump = origin_pump};
	struct user u, quick;
	long before, after;

	(void)state;
	kit_session(&k, &u, 103);
	reset_counts(0, 256 * MIB);
	before = rss_kib(kit.pid);
	u.on_data = user_takes;
	conn_pause(u.c);
	origin_pump(k.last);
	kit_wait(stalled, NULL, "stalled");
	after = rss_kib(kit.pid);
	assert_true(down.sent < 32 * MIB); /* kernel's buffers and one window, not 256 MiB */
	assert_true(after - before < 16 * 1024);
	/* the link is not blocked for others */
	{
		struct origin *slow = k.last;

		k.pump = NULL;
		k.last = NULL;
		kit_session(&k, &quick, 104);
		h2stream_write(k.last->s, "quick", 5);
		connector_kick(&k);
		user_hear(&quick, "quick");
		user_end(&quick);
		k.pump = origin_pump;
		if (k.last->closed) {
			buf_release(&k.last->in);
			free(k.last);
		}
		k.last = slow;
	}
	down.to_send = down.sent;
	conn_resume(u.c);
	kit_wait(bulk_done, NULL, "bulk_done");
	assert_false(down.bad);
	user_end(&u);
	connector_end_all(&k);
}

/* The connector does not consume: the user is held. */
static void
slow_origin(void **state)
{
	struct connector k = {0};
	struct user u;
	long before, after;

	(void)state;
	kit_session(&k, &u, 105);
	reset_counts(256 * MIB, 0);
	before = rss_kib(kit.pid);
	k.last->on_data = origin_takes;
	k.last->hold = true;
	u.on_drained = user_pump;
	user_pump(&u);
	{
		uint64_t last = 0;

		do {
			last = up.sent;
			down.sent = up.sent;
			kit_wait(stalled, NULL, "stalled");
		} while (last != up.sent);
	}
	after = rss_kib(kit.pid);
	assert_true(up.sent < 32 * MIB);
	assert_true(after - before < 16 * 1024);
	up.to_send = up.sent;
	k.last->hold = false;
	h2stream_consume(k.last->s, (size_t)up.got);
	connector_kick(&k);
	kit_wait(bulk_done, NULL, "bulk_done");
	assert_false(up.bad);
	user_end(&u);
	connector_end_all(&k);
}

static void
judge_cuts(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	kit_session(&k, &u, 106);
	kit.seen.endeds = 0;
	kit_judge_all(&fj_cut_def, &(struct fj_cut){.ticket = 999, .why = "somebody else's"});
	kit_judge_all(&fj_cut_def, &(struct fj_cut){.ticket = 106, .why = "revoked"});
	WAIT_FLAG(u.closed);
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "revoked");
	WAIT_FLAG(k.last->closed);
	assert_false(k.closed); /* the link lives on */
	user_end(&u);
	connector_end_all(&k);
}

static void
time_is_up(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	kit_relay(107);
	kit.answer.until = clock_wall() + 1;
	kit.seen.endeds = 0;
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	user_hear(&u, "HTTP/1.1 101 ");
	WAIT_FLAG(u.closed);
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "expired");
	user_end(&u);
	connector_end_all(&k);
}

static void
link_is_lost(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	kit_session(&k, &u, 108);
	kit.seen.endeds = 0;
	conn_abort(k.c);
	WAIT_FLAG(u.closed);
	WAIT_SOME(kit.seen.endeds);
	assert_int_equal(kit.seen.ended, 108);
	user_end(&u);
	connector_end_all(&k);
}

static void
origin_ends_first(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	kit_session(&k, &u, 109);
	kit.seen.endeds = 0;
	h2stream_write(k.last->s, "last words", 10);
	h2stream_end(k.last->s);
	connector_kick(&k);
	WAIT_FLAG(u.closed);
	assert_int_equal(u.why, CONN_EOF);
	assert_string_equal(buf_cstr(&u.in), "last words");
	WAIT_SOME(kit.seen.endeds);
	assert_string_equal(kit.seen.ended_why, "origin-ended");
	user_end(&u);
	connector_end_all(&k);
}

static void
user_vanishes(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	kit_session(&k, &u, 110);
	kit.seen.endeds = 0;
	conn_abort(u.c);
	WAIT_SOME(kit.seen.endeds);
	WAIT_FLAG(k.last->closed);
	user_end(&u);
	connector_end_all(&k);
}

static void
origin_refuses(void **state)
{
	static const struct {
		const char *status, *line, *text;
		bool bad_accept;
	} row[] = {{"502", "HTTP/1.1 502 ", "SP-1006", false},
	           {"404", "HTTP/1.1 404 ", "SP-1006", false},
	           {"301", "HTTP/1.1 502 ", "SP-1006", false},
	           {"200", "HTTP/1.1 502 ", "SP-1006", true}};
	struct connector k = {0};
	struct user u;

	(void)state;
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		k.status = row[i].status;
		k.bad_accept = row[i].bad_accept;
		kit_relay(120 + i);
		kit.seen.endeds = 0;
		user_dial(&u, LISTEN_USERS);
		user_say(&u, KIT_UPGRADE);
		user_hear(&u, row[i].text);
		assert_int_equal(strncmp(buf_cstr(&u.in), row[i].line, strlen(row[i].line)), 0);
		WAIT_SOME(kit.seen.endeds);
		assert_int_equal(kit.seen.ended, 120 + i);
		WAIT_FLAG(u.eof);
		user_end(&u);
		if (k.last && !k.last->closed)
			WAIT_FLAG(k.last->closed);
		buf_release(&k.last->in);
		free(k.last);
		k.last = NULL;
	}
	connector_end_all(&k);
}

/* Two links on whatever threads accepted them: sessions spread, and each works. */
static void
sessions_spread_over_links(void **state)
{
	struct connector k[4] = {{.index = 0}, {.index = 1}, {.index = 2}, {.index = 3}};
	struct user u[8];

	(void)state;
	for (int i = 0; i < 4; i++) {
		connector_dial(&k[i]);
		WAIT_FLAG(k[i].registered);
	}
	for (int i = 0; i < 8; i++) {
		kit_relay((uint64_t)(200 + i));
		user_dial(&u[i], LISTEN_USERS);
		user_say(&u[i], KIT_UPGRADE);
		user_hear(&u[i], "HTTP/1.1 101 ");
		user_hear(&u[i], "\r\n\r\n");
		buf_clear(&u[i].in);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(k[i].streams, 2);
		h2stream_write(k[i].last->s, "hello", 5);
		connector_kick(&k[i]);
	}
	for (int i = 4; i < 8; i++) /* the newest stream of each link */
		user_hear(&u[i], "hello");
	for (int i = 0; i < 8; i++)
		user_end(&u[i]);
	for (int i = 0; i < 4; i++)
		connector_end_all(&k[i]);
}

static void
relays_outlive_judge(void **state)
{
	struct connector k = {0};
	struct user u;

	(void)state;
	kit_session(&k, &u, 130);
	for (int i = 0; i < KIT_THREADS; i++) {
		ipc_close(kit.judge[i]);
		kit.judge[i] = NULL;
	}
	h2stream_write(k.last->s, "going on", 8);
	connector_kick(&k);
	user_hear(&u, "going on");
	kit.seen.lives = kit.seen.ups = 0;
	for (uint32_t i = 0; i < KIT_THREADS; i++)
		kit_new_judge(i);
	WAIT_SOME(kit.seen.ups);
	WAIT_SOME(kit.seen.lives);
	assert_int_equal(kit.seen.link_up, kit.seen.link);
	assert_string_equal(kit.seen.up_tunnel, KIT_TUNNEL);
	assert_int_equal(kit.seen.live, 130);
	assert_string_equal(kit.seen.live_tunnel, KIT_TUNNEL);
	assert_string_equal(kit.seen.live_assertion, "header.payload.signature");
	assert_string_equal(kit.seen.live_ip, "192.0.2.33"); /* as judge said, not who our peer is */
	kit_judge_all(&fj_cut_def, &(struct fj_cut){.ticket = 130, .why = "after restart"});
	WAIT_FLAG(u.closed);
	user_end(&u);
	connector_end_all(&k);
}

static int
setup(void **state)
{
	(void)state;
	kit_start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	kit_stop();
	return 0;
}

/* Drain: the live session goes on, new users are not accepted, the process ends when the session has. */
static void
drain(void **state)
{
	struct connector k = {0};
	struct sockaddr_in a;
	struct user u;
	int fd;

	(void)state;
	kit_session(&k, &u, 140);
	a = kit_addr(LISTEN_USERS);
	assert_int_equal(ipc_send(kit.parent, &pr_drain_def, &(struct pr_drain){0}), 0);
	h2stream_write(k.last->s, "still", 5);
	connector_kick(&k);
	user_hear(&u, "still");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a),
	                 0); /* the parent's listener: queued, not served */
	close(fd);
	assert_false(kit_gone(NULL));
	user_end(&u);
	kit_wait(kit_gone, NULL, "kit_gone");
	WAIT_FLAG(k.closed);
	connector_end_all(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_both_ways),
	    cmocka_unit_test(early_bytes_arrive),
	    cmocka_unit_test(slow_reader),
	    cmocka_unit_test(slow_origin),
	    cmocka_unit_test(judge_cuts),
	    cmocka_unit_test(time_is_up),
	    cmocka_unit_test(link_is_lost),
	    cmocka_unit_test(origin_ends_first),
	    cmocka_unit_test(user_vanishes),
	    cmocka_unit_test(origin_refuses),
	    cmocka_unit_test(sessions_spread_over_links),
	    cmocka_unit_test(relays_outlive_judge),
	    cmocka_unit_test(drain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
