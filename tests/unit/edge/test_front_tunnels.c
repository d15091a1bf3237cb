/* front and several connections of a tunnel: which serves whom, what happens when one dies, and how long front waits.
 */
#include "frontkit.h"

#define MS 1000

static uint8_t client_text[2][37];

static const char *
client(int n) /* as the kit's connectors name themselves */
{
	uint8_t u[16];

	memset(u, n, sizeof u);
	uuid_format(u, (char *)client_text[n & 1]);
	return (const char *)client_text[n & 1];
}

static void
up(struct connector *k)
{
	connector_dial(k);
	WAIT_FLAG(k->registered);
}

/* A user that is let in and got its stream on one of the two. */
static struct connector *
comes(struct user *u, uint64_t ticket, struct connector *a, struct connector *b)
{
	a->has_stream = b->has_stream = false;
	kit.answer.ticket = ticket;
	user_dial(u, LISTEN_USERS);
	user_say(u, KIT_UPGRADE);
	user_hear(u, "101 ");
	assert_true(a->has_stream != b->has_stream);
	return a->has_stream ? a : b;
}

static void
spread_over_replicas(void **state)
{
	struct connector a = {.client = 2}, b = {.client = 3};
	struct user u[6];

	(void)state;
	up(&a);
	up(&b);
	kit_relay(600);
	for (unsigned i = 0; i < 6; i++)
		comes(&u[i], 600 + i, &a, &b);
	assert_int_equal(a.streams, 3);
	assert_int_equal(b.streams, 3);
	/* One dies without a word: its users hear of it, the next ones are served by the other at once. */
	conn_abort(a.c);
	for (unsigned i = 0; i < 6; i++)
		user_end(&u[i]);
	for (unsigned i = 0; i < 4; i++) {
		assert_ptr_equal(comes(&u[i], 610 + i, &a, &b), &b);
		user_end(&u[i]);
	}
	connector_end_all(&a);
	connector_end_all(&b);
}

/* A stream whose connection dies before the answer is opened on another; the user notices nothing. */
static void
opening_survives_a_death(void **state)
{
	struct connector a = {.client = 2, .mute = true}, b = {.client = 3};
	struct user u;

	(void)state;
	up(&a);
	kit_relay(620);
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	WAIT_FLAG(a.has_stream);
	up(&b);
	conn_abort(a.c);
	user_hear(&u, "101 ");
	assert_int_equal(b.streams, 1);
	user_end(&u);
	connector_end_all(&a);
	connector_end_all(&b);
}

/* A return goes to the connector that it names, however busy; to any other when that one is gone. */
static void
returns_find_their_connector(void **state)
{
	static const char *h[14];
	struct connector a = {.client = 2}, b = {.client = 3};
	struct user u[5];

	(void)state;
	up(&a);
	up(&b);
	kit_relay(630);
	for (size_t i = 0; i < 10; i++)
		h[i] = kit.answer.headers.v[i];
	h[10] = "sallyport-connector";
	h[11] = client(3);
	kit.answer.headers = (struct strs){h, 12};
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(comes(&u[i], 630 + i, &a, &b), &b);
	conn_abort(b.c);
	WAIT_FLAG(b.closed);
	assert_ptr_equal(comes(&u[4], 640, &a, &b), &a);
	for (unsigned i = 0; i < 5; i++)
		user_end(&u[i]);
	/* What is no connector's name is nobody's wish. */
	h[11] = "../../etc";
	assert_ptr_equal(comes(&u[0], 641, &a, &b), &a);
	user_end(&u[0]);
	connector_end_all(&a);
	connector_end_all(&b);
}

/* GOAWAY is a connector's way to say that it takes nothing new. */
static void
goaway_leaves(void **state)
{
	struct connector a = {.client = 2}, b = {.client = 3};
	struct user u, v;

	(void)state;
	up(&a);
	kit_relay(650);
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	user_hear(&u, "101 ");
	kit.seen.leavings = 0;
	assert_int_equal(h2link_goaway(a.h, 0), 0);
	connector_kick(&a);
	WAIT_SOME(kit.seen.leavings);
	up(&b);
	assert_ptr_equal(comes(&v, 651, &a, &b), &b);
	assert_int_equal(h2stream_write(a.last->s, "still", 5), 0);
	connector_kick(&a);
	user_hear(&u, "still");
	user_end(&u);
	user_end(&v);
	WAIT_FLAG(a.closed);
	connector_end_all(&a);
	connector_end_all(&b);
}

/* --- time */

static bool
nothing(void *arg)
{
	return clock_mono_ms() > *(int64_t *)arg;
}

static void
pass(int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	kit_wait(nothing, &until, "time");
}

/* Whoever claims a place makes front ask: the living stay, the dead go within seconds. */
static void
probed(void **state)
{
	struct connector a = {.client = 2};
	struct fj_probe m;
	int64_t from;

	(void)state;
	up(&a);
	m.link = kit.seen.link;
	kit_judge_all(&fj_probe_def, &m);
	kit_judge_all(&fj_probe_def, &m);
	pass(3 * MS);
	assert_false(a.closed);
	conn_pause(a.c); /* half-open: it is there for TCP alone */
	kit.seen.downs = 0;
	from = clock_mono_ms();
	kit_judge_all(&fj_probe_def, &m);
	WAIT_SOME(kit.seen.downs);
	assert_string_equal(kit.seen.down_why, "ping timeout");
	assert_in_range(clock_mono_ms() - from, 1500, 8 * MS);
	conn_resume(a.c);
	connector_end_all(&a);
}

struct wait {
	struct connector *dead, *gone, *quiet;
	struct user *kept;
	int64_t from, dead_ms, gone_ms, quiet_ms;
	uint64_t dead_link;
};

static bool
all_over(void *arg)
{
	struct wait *w = arg;
	int64_t ms = clock_mono_ms() - w->from;

	if (!w->dead_ms && kit.seen.down_link == w->dead_link)
		w->dead_ms = ms;
	if (!w->gone_ms && w->gone->closed)
		w->gone_ms = ms;
	if (!w->quiet_ms && w->quiet->closed)
		w->quiet_ms = ms;
	return w->dead_ms && w->gone_ms && w->quiet_ms;
}

/* At once, to save time: a half-open connection is found within 20 s; one that never registers goes after 15 s; one
   that unregistered is closed 30 s later although its session goes on. */
static void
patience_ends(void **state)
{
	struct connector dead = {.client = 2}, gone = {.client = 3}, quiet = {.manual = true};
	struct user u;
	struct wait w = {.dead = &dead, .gone = &gone, .quiet = &quiet, .kept = &u};
	struct buf out;

	(void)state;
	up(&gone);
	kit_relay(660);
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	user_hear(&u, "101 ");
	buf_init(&out, CONTROL_MSG_MAX);
	assert_int_equal(control_client_unregister(gone.rpc, &out), 0);
	h2stream_write(gone.control, buf_ptr(&out), buf_len(&out));
	connector_kick(&gone);
	WAIT_FLAG(gone.unregistered);
	buf_release(&out);
	up(&dead);
	w.dead_link = kit.seen.link;
	kit.seen.down_link = 0;
	connector_dial(&quiet);
	WAIT_FLAG(quiet.opened);
	conn_pause(dead.c);
	w.from = clock_mono_ms();
	kit_wait(all_over, &w, "the ends of three connections");
	print_message("half-open %lld ms, never registered %lld ms, leaving %lld ms\n", (long long)w.dead_ms,
	              (long long)w.quiet_ms, (long long)w.gone_ms);
	assert_in_range(w.dead_ms, 1, 20 * MS);
	assert_in_range(w.quiet_ms, 10 * MS, 20 * MS);
	assert_in_range(w.gone_ms, 25 * MS, 36 * MS);
	WAIT_FLAG(u.closed);
	user_end(&u);
	conn_resume(dead.c);
	connector_end_all(&dead);
	connector_end_all(&gone);
	connector_end_all(&quiet);
}

/* --- readers that lag */

#define SLOW 24
#define SLOW_EACH_KIB 1536 /* the first window, what a turn moves, and the socket's own buffers */
#define FLOOD (8u << 20)

static long
rss_kib(void)
{
	char path[64], line[256];
	long v = -1;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/status", (long)kit.pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", &v) == 1)
			break;
	fclose(f);
	return v;
}

static bool
origin_floods(struct origin *o)
{
	static const uint8_t d[65536];

	while (o->s && o->sent < o->send && h2stream_queued(o->s) < H2_OUT_MARK) {
		assert_int_equal(h2stream_write(o->s, d, sizeof d), 0);
		o->sent += sizeof d;
	}
	connector_kick(o->k);
	return true;
}

static bool
has_all(void *arg)
{
	return ((struct user *)arg)->got >= FLOOD;
}

/* Users that do not read cost a window each; a neighbour on the same connection is as quick as ever, and they get
   everything once they read. */
static void
slow_readers(void **state)
{
	struct connector k = {.client = 2, .pump = origin_floods};
	struct origin *o[SLOW];
	struct user u[SLOW], quick;
	long before;

	(void)state;
	up(&k);
	kit_relay(700);
	for (unsigned i = 0; i < SLOW; i++) {
		kit_session(&k, &u[i], 700 + i);
		o[i] = k.last;
		u[i].discard = true;
		u[i].got = 0;
		conn_pause(u[i].c);
	}
	before = rss_kib();
	for (unsigned i = 0; i < SLOW; i++) {
		o[i]->send = FLOOD;
		origin_floods(o[i]);
	}
	pass(1500);
	kit_session(&k, &quick, 790);
	quick.discard = true;
	quick.got = 0;
	k.last->send = FLOOD;
	origin_floods(k.last);
	kit_wait(has_all, &quick, "everything for the one that reads");
	print_message("%d slow readers: %ld KiB each\n", SLOW, (rss_kib() - before) / SLOW);
#ifndef __SANITIZE_ADDRESS__
	assert_in_range(rss_kib() - before, 0, SLOW * SLOW_EACH_KIB);
#endif
	for (unsigned i = 0; i < SLOW; i++)
		assert_in_range(u[i].got, 0, FLOOD / 2);
	conn_resume(u[0].c);
	kit_wait(has_all, &u[0], "everything for one that reads late");
	for (unsigned i = 0; i < SLOW; i++)
		user_end(&u[i]);
	user_end(&quick);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spread_over_replicas),
	    cmocka_unit_test(opening_survives_a_death),
	    cmocka_unit_test(returns_find_their_connector),
	    cmocka_unit_test(goaway_leaves),
	    cmocka_unit_test(slow_readers),
	    cmocka_unit_test(probed),
	    cmocka_unit_test(patience_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
