/* front and a connector that means harm: each way costs the connector its connection and nobody else anything. */
#include "frontkit.h"

#define HOSTILE "22222222-2222-4333-8444-555555555555"
#define CLOSED_MS 12000 /* one that does nothing is closed after 15 s */
#define CHUNK (64u << 10)
#define GROWTH_MAX_KIB (48 * 1024) /* of the whole suite: what the worst of them could make front keep */

/* A neighbour of another tunnel, in a session all the while. */
static struct connector neighbour;
static struct user person;
static long rss_before;

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
	assert_true(v > 0);
	return v;
}

static bool
pinged(void *arg)
{
	(void)arg;
	return buf_cstr(&neighbour.last->in) && strstr(buf_cstr(&neighbour.last->in), "ping");
}

static void
neighbour_is_well(void)
{
	user_say(&person, "ping");
	kit_wait(pinged, NULL, "the neighbour's bytes at its connector");
	buf_clear(&neighbour.last->in);
	assert_int_equal(h2stream_write(neighbour.last->s, "pong", 4), 0);
	connector_kick(&neighbour);
	user_hear(&person, "pong");
	buf_clear(&person.in);
	assert_false(neighbour.closed);
}

/* --- frames by hand */

static void
put_frame(struct buf *b, size_t n, uint8_t type, uint8_t flags, uint32_t id, const void *d)
{
	const uint8_t head[9] = {(uint8_t)(n >> 16),  (uint8_t)(n >> 8),   (uint8_t)n,         type,       flags,
	                         (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};

	assert_int_equal(buf_put(b, head, sizeof head), 0);
	static const uint8_t zeros[16384];

	if (n && n <= sizeof zeros)
		assert_int_equal(buf_put(b, d ? d : zeros, n), 0);
}

static void
put_literal(struct buf *block, const char *name, const char *value)
{
	size_t n = strlen(name), k = strlen(value);
	uint8_t head[4] = {0, (uint8_t)n};

	assert_true(n < 127 && k < 127 + 128);
	assert_int_equal(buf_put(block, head, 2), 0);
	assert_int_equal(buf_put(block, name, n), 0);
	head[0] = (uint8_t)(k < 127 ? k : 127);
	head[1] = (uint8_t)(k < 127 ? 0 : k - 127);
	assert_int_equal(buf_put(block, head, k < 127 ? 1 : 2), 0);
	assert_int_equal(buf_put(block, value, k), 0);
}

static void
raw_write(struct user *u, struct buf *b)
{
	assert_int_equal(conn_write(u->c, buf_ptr(b), buf_len(b)), 0);
	buf_clear(b);
}

struct opened {
	struct user *u;
	uint32_t id;
};

/* front's HEADERS of that stream, behind its preface. */
static bool
has_stream(void *arg)
{
	struct opened *o = arg;
	size_t at = 24, n = buf_len(&o->u->in);
	const uint8_t *d = buf_ptr(&o->u->in);

	while (at + 9 <= n) {
		if (d[at + 3] == 1 && d[at + 8] == o->id)
			return true;
		at += 9 + ((size_t)d[at] << 16 | (size_t)d[at + 1] << 8 | d[at + 2]);
	}
	return false;
}

/* TLS and our SETTINGS; front has opened stream 1. */
static void
raw_dial(struct user *u)
{
	struct opened control = {u, 1};
	struct buf b;

	user_dial(u, LISTEN_TUNNELS);
	buf_init(&b, 64);
	put_frame(&b, 0, 4, 0, 0, NULL);
	raw_write(u, &b);
	buf_release(&b);
	kit_wait(has_stream, &control, "the control stream");
}

struct flood {
	struct user *u;
	struct buf unit;
};

static bool
flooded(void *arg)
{
	struct flood *f = arg;

	while (f->u->c && buf_len(&f->unit) && conn_queued(f->u->c) < CHUNK)
		if (conn_write(f->u->c, buf_ptr(&f->unit), buf_len(&f->unit)) < 0)
			break;
	return f->u->closed;
}

/* Sends `once`, then `again` for as long as front listens; it must hang up. */
static void
raw_until_closed(struct user *u, struct buf *once, const struct buf *again, const char *name)
{
	struct flood f = {.u = u};

	u->discard = true;
	int64_t from = clock_mono_ms();

	buf_init(&f.unit, 4 * CHUNK);
	while (again && buf_len(again) && buf_len(&f.unit) < CHUNK)
		assert_int_equal(buf_put(&f.unit, buf_ptr(again), buf_len(again)), 0);
	if (buf_len(once))
		raw_write(u, once);
	kit_wait(flooded, &f, name);
	if (getenv("FRONT_TIMES"))
		print_message("%s: %lld ms\n", name, (long long)(clock_mono_ms() - from));
	assert_true(clock_mono_ms() - from < CLOSED_MS); /* for what it did, not for its silence */
	buf_release(&f.unit);
}

/* --- a connection that has not registered */

static const uint8_t ok_head[] = {0x88}; /* :status 200 */
static const uint8_t hint_head[] = {0x08, 3, '1', '0', '3'};

/* A table entry of 3000 bytes referred to by single bytes. */
static void
put_bomb(struct buf *b, uint32_t id)
{
	static uint8_t block[16000];
	size_t n = 0;

	block[n++] = 0x88;
	block[n++] = 0x40;
	block[n++] = 1;
	block[n++] = 'x';
	block[n++] = 0x7f;
	block[n++] = (uint8_t)(0x80 | ((3000 - 127) & 127));
	block[n++] = (3000 - 127) >> 7;
	memset(block + n, 'v', 3000);
	n += 3000;
	memset(block + n, 0xbe, sizeof block - n);
	put_frame(b, sizeof block, 1, 4, id, block);
}

struct one_frame {
	const char *name;
	size_t n;
	uint8_t type, flags;
	uint32_t id;
	const char *d;
};

/* Said once, each ends the connection. */
static void
broken_frames(void **state)
{
	static const struct one_frame row[] = {
	    {"DATA before the answer's head", 4, 0, 0, 1, "abcd"},
	    {"DATA on a stream that was never opened", 4, 0, 0, 99, "abcd"},
	    {"DATA on stream 0", 4, 0, 0, 0, "abcd"},
	    {"an answer to nothing", 1, 1, 4, 3, "\x88"},
	    {"a request of its own", 1, 1, 4, 2, "\x88"},
	    {"RST_STREAM of an idle stream", 4, 3, 0, 9, "\0\0\0\x8"},
	    {"RST_STREAM of the control stream", 4, 3, 0, 1, "\0\0\0\x8"},
	    {"CONTINUATION of nothing", 1, 9, 4, 1, "\x88"},
	    {"WINDOW_UPDATE by 0", 4, 8, 0, 0, "\0\0\0\0"},
	    {"a window beyond 2^31-1", 4, 8, 0, 0, "\x7f\xff\xff\xff"},
	    {"a stream's window beyond 2^31-1", 4, 8, 0, 1, "\x7f\xff\xff\xff"},
	    {"INITIAL_WINDOW_SIZE 2^31", 6, 4, 0, 0, "\0\4\x80\0\0\0"},
	    {"MAX_FRAME_SIZE 1", 6, 4, 0, 0, "\0\5\0\0\0\1"},
	    {"SETTINGS of 5 bytes", 5, 4, 0, 0, "\0\4\0\0\0"},
	    {"PING of 3 bytes", 3, 6, 0, 0, "abc"},
	    {"header block that is no HPACK", 3, 1, 4, 1, "\xff\xff\xff"},
	    {"the answer 404", 5, 1, 4, 1,
	     "\x08\x03"
	     "404"},
	    {"an answer that ends at once", 1, 1, 5, 1, "\x88"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct user u;
		struct buf b;

		raw_dial(&u);
		buf_init(&b, 256);
		put_frame(&b, row[i].n, row[i].type, row[i].flags, row[i].id, row[i].d);
		raw_until_closed(&u, &b, NULL, row[i].name);
		buf_release(&b);
		user_end(&u);
	}
	neighbour_is_well();
}

/* What is fine once and harmful without end. */
static void
floods(void **state)
{
	static const struct one_frame row[] = {
	    {"PING", 8, 6, 0, 0, "\0\0\0\0\0\0\0\0"},
	    {"PING answers", 8, 6, 1, 0, "\0\0\0\0\0\0\0\0"},
	    {"SETTINGS", 0, 4, 0, 0, NULL},
	    {"SETTINGS that move every window", 6, 4, 0, 0, "\0\4\0\0\0\0"},
	    {"WINDOW_UPDATE by 1", 4, 8, 0, 0, "\0\0\0\1"},
	    {"PRIORITY", 5, 2, 0, 1, "\0\0\0\0\1"},
	    {"PUSH_PROMISE", 5, 5, 4, 1, "\0\0\0\2\x82"},
	    {"an unknown kind", 16000, 0x77, 0, 0, NULL},
	    {"1xx", sizeof hint_head, 1, 4, 1, (const char *)hint_head},
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct user u;
		struct buf once, unit;

		raw_dial(&u);
		buf_init(&once, 16);
		buf_init(&unit, 65536);
		put_frame(&unit, row[i].n, row[i].type, row[i].flags, row[i].id, row[i].d);
		raw_until_closed(&u, &once, &unit, row[i].name);
		buf_release(&once);
		buf_release(&unit);
		user_end(&u);
		neighbour_is_well();
	}
}

static void
header_bombs(void **state)
{
	static const char *const name[] = {"CONTINUATION without end", "HPACK bomb", "frame of 16 MiB"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct user u;
		struct buf once, unit;

		raw_dial(&u);
		buf_init(&once, 65536);
		buf_init(&unit, 256);
		if (i == 0) {
			put_frame(&once, sizeof ok_head, 1, 0, 1, ok_head);
			put_frame(&unit, 0, 9, 0, 1, NULL);
		} else if (i == 1) {
			put_bomb(&once, 1);
		} else {
			put_frame(&once, 0xffffff, 1, 4, 1, NULL);
		}
		raw_until_closed(&u, &once, &unit, name[i]);
		buf_release(&once);
		buf_release(&unit);
		user_end(&u);
		neighbour_is_well();
	}
}

/* --- the control stream */

#define W(s) s, sizeof s - 1

/* One message each; front aborts the stream or hangs up, and in any case keeps no connection for it. */
static void
broken_messages(void **state)
{
	static const struct {
		const char *name, *d;
		size_t n;
	} row[] = {
	    {"five segments", W("\4\0\0\0\1\0\0\0")},
	    {"2^32 segments", W("\xff\xff\xff\xff\1\0\0\0")},
	    {"2^29 words", W("\0\0\0\0\0\0\0\x20")},
	    {"2^32 words", W("\0\0\0\0\xff\xff\xff\xff")},
	    {"an empty message", W("\0\0\0\0\0\0\0\0")},
	    {"a root beyond the end", W("\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0")},
	    {"a root before the beginning", W("\0\0\0\0\1\0\0\0\xf0\xff\xff\xff\1\0\1\0")},
	    {"a far pointer onto itself", W("\0\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0")},
	    {"a far pointer into a segment that is not there", W("\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0")},
	    {"a double far pointer onto itself", W("\0\0\0\0\1\0\0\0\6\0\0\0\0\0\0\0")},
	    {"a capability as root", W("\0\0\0\0\1\0\0\0\3\0\0\0\0\0\0\0")},
	    {"a list as root", W("\0\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0")},
	    {"a call whose body is its own root, again",
	     W("\0\0\0\0\3\0\0\0\0\0\0\0\1\0\1\0\2\0\0\0\0\0\0\0\xf8\xff\xff\xff\1\0\1\0"
	       "\0\0\0\0\3\0\0\0\0\0\0\0\1\0\1\0\2\0\0\0\0\0\0\0\xf8\xff\xff\xff\1\0\1\0")},
	    {"a call with a body past the end", W("\0\0\0\0\3\0\0\0\0\0\0\0\1\0\1\0\2\0\0\0\0\0\0\0\0\0\0\0\3\0\3\0")},
	    {"a finish of nothing",
	     W("\0\0\0\0\4\0\0\0\0\0\0\0\1\0\1\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0")},
	    {"a return of nothing",
	     W("\0\0\0\0\4\0\0\0\0\0\0\0\1\0\1\0\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0")},
	    {"a release of nothing",
	     W("\0\0\0\0\4\0\0\0\0\0\0\0\1\0\1\0\6\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\7\0\0\0\1\0\0\0")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct user u;
		struct buf b;

		raw_dial(&u);
		buf_init(&b, 4096);
		put_frame(&b, sizeof ok_head, 1, 4, 1, ok_head);
		put_frame(&b, row[i].n, 0, 0, 1, row[i].d);
		raw_until_closed(&u, &b, NULL, row[i].name);
		buf_release(&b);
		user_end(&u);
	}
	neighbour_is_well();
}

/* Bytes that never make a message, questions without end, answers that are not read. */
static void
endless_messages(void **state)
{
	static const char unknown[] = "\0\0\0\0\3\0\0\0\0\0\0\0\1\0\1\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	static const char no_window[] = "\0\4\0\0\0\0"; /* INITIAL_WINDOW_SIZE 0 */

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct user u;
		struct buf once, unit;

		raw_dial(&u);
		buf_init(&once, 65536);
		buf_init(&unit, 65536);
		put_frame(&once, sizeof ok_head, 1, 4, 1, ok_head);
		if (i == 0) { /* bootstraps, each with another question */
			static uint8_t boot[48] = {0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0,
			                           0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
			for (uint8_t n = 0; n < 40; n++) {
				boot[32] = n;
				put_frame(&once, sizeof boot, 0, 0, 1, boot);
			}
		} else { /* each is answered with Unimplemented, and we take no answer */
			put_frame(&once, 6, 4, 0, 0, no_window);
			put_frame(&unit, 32, 0, 0, 1, unknown);
		}
		raw_until_closed(&u, &once, &unit, i ? "answers that are not read" : "questions without end");
		buf_release(&once);
		buf_release(&unit);
		user_end(&u);
		neighbour_is_well();
	}
}

/* --- a registered one, with somebody's session on stream 3 */

static bool
registered(void *arg)
{
	unsigned *before = arg;

	return kit.seen.registers > *before;
}

static void
put_register(struct buf *b)
{
	struct control_register r = {.account = "acct0123",
	                             .secret = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32},
	                             .version = "hostile",
	                             .arch = "linux_amd64",
	                             .replace = true};
	struct control_client *rpc;
	struct buf say;

	buf_init(&say, 65536);
	uuid_parse(HOSTILE, r.tunnel);
	memset(r.client_id, 9, sizeof r.client_id);
	assert_int_equal(control_client_new(&rpc), 0);
	assert_int_equal(control_client_register(rpc, &r, &say), 0);
	put_frame(b, buf_len(&say), 0, 0, 1, buf_ptr(&say));
	control_client_free(rpc);
	buf_release(&say);
}

static void
raw_session(struct user *u, struct user *victim, uint64_t ticket)
{
	struct opened session = {u, 3};
	unsigned before = kit.seen.registers;
	struct buf b;

	raw_dial(u);
	buf_init(&b, 65536);
	put_frame(&b, sizeof ok_head, 1, 4, 1, ok_head);
	put_register(&b);
	raw_write(u, &b);
	buf_release(&b);
	kit_wait(registered, &before, "registration");
	kit_relay(ticket);
	kit.answer.tunnel = HOSTILE;
	user_dial(victim, LISTEN_USERS);
	user_say(victim, KIT_UPGRADE);
	kit_wait(has_stream, &session, "the session's stream");
	u->discard = true;
	kit.seen.downs = 0;
}

/* 101 for the victim. */
static void
put_switch(struct buf *b)
{
	struct buf block, packed;
	char accept[29];

	buf_init(&block, 1024);
	buf_init(&packed, 1024);
	ws_accept_value(KIT_KEY, accept);
	h2_headers_pack(&packed, (const struct h2_header[]){{"Sec-Websocket-Accept", accept}}, 1);
	assert_int_equal(buf_put(&block, ok_head, 1), 0);
	put_literal(&block, "cf-cloudflared-response-headers", buf_cstr(&packed));
	put_frame(b, buf_len(&block), 1, 4, 3, buf_ptr(&block));
	buf_release(&block);
	buf_release(&packed);
}

static void
session_frames(void **state)
{
	static const char *const name[] = {"HPACK bomb on the session", "1xx storm on the session",
	                                   "more DATA than the window", "window beyond 2^31-1 by SETTINGS",
	                                   "PING flood during the session"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		static uint8_t zeros[16000];
		struct user u, victim;
		struct buf once, unit;

		raw_session(&u, &victim, 5000 + i);
		buf_init(&once, 65536);
		buf_init(&unit, 65536);
		if (i >= 2) {
			put_switch(&once);
			raw_write(&u, &once);
			user_hear(&victim, "101 ");
		}
		if (i == 0)
			put_bomb(&once, 3);
		else if (i == 1)
			put_frame(&unit, sizeof hint_head, 1, 4, 3, hint_head);
		else if (i == 2) { /* the victim does not read: its window is not given back */
			conn_pause(victim.c);
			put_frame(&unit, sizeof zeros, 0, 0, 3, zeros);
		} else
			put_frame(&unit, 8, 6, 0, 0, zeros);
		raw_until_closed(&u, &once, &unit, name[i]);
		WAIT_SOME(kit.seen.downs);
		assert_true(strlen(kit.seen.down_why) > 4);
		if (victim.c)
			conn_resume(victim.c);
		WAIT_FLAG(victim.closed);
		buf_release(&once);
		buf_release(&unit);
		user_end(&u);
		user_end(&victim);
		neighbour_is_well();
	}
}

static bool
queued_much(void *arg)
{
	struct user *victim = arg;

	return conn_queued(victim->c) > CHUNK;
}

/* A window of 0: what the user writes waits at the user. */
static void
no_window(void **state)
{
	static uint8_t bytes[1u << 20];
	struct user u, victim;
	struct buf b;
	long before;

	(void)state;
	raw_session(&u, &victim, 5100);
	buf_init(&b, 4096);
	put_frame(&b, 6, 4, 0, 0, "\0\4\0\0\0\0");
	put_switch(&b);
	raw_write(&u, &b);
	user_hear(&victim, "101 ");
	before = rss_kib();
	for (int i = 0; i < 64 && !queued_much(&victim); i++) {
		assert_int_equal(conn_write(victim.c, bytes, sizeof bytes), 0);
		neighbour_is_well();
	}
	assert_true(queued_much(&victim)); /* front stopped reading */
#ifndef __SANITIZE_ADDRESS__
	assert_in_range(rss_kib(), 1, before + 8 * 1024);
#else
	(void)before;
#endif
	buf_release(&b);
	user_end(&victim);
	user_end(&u);
	neighbour_is_well();
}

/* Streams that are ended as they come: users hear of it, the link serves on, the next gets its turn. */
static void
resets_every_stream(void **state)
{
	struct user u, victim;
	struct buf b;

	(void)state;
	raw_session(&u, &victim, 5200);
	buf_init(&b, 4096);
	put_frame(&b, 4, 3, 0, 3, "\0\0\0\2");
	put_frame(&b, 4, 0, 0, 3, "late"); /* DATA on a closed stream */
	raw_write(&u, &b);
	user_hear(&victim, "SP-1006");
	user_end(&victim);
	neighbour_is_well();
	buf_release(&b);
	user_end(&u);
}

static int
setup(void **state)
{
	(void)state;
	kit_start();
	kit_session(&neighbour, &person, 4000);
	neighbour_is_well();
	rss_before = rss_kib();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	neighbour_is_well();
	print_message("front grew by %ld KiB\n", rss_kib() - rss_before);
#ifndef __SANITIZE_ADDRESS__
	if (rss_kib() - rss_before > GROWTH_MAX_KIB)
		return -1;
#endif
	user_end(&person);
	connector_end_all(&neighbour);
	kit_stop();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(broken_frames),    cmocka_unit_test(floods),
	    cmocka_unit_test(header_bombs),     cmocka_unit_test(broken_messages),
	    cmocka_unit_test(endless_messages), cmocka_unit_test(session_frames),
	    cmocka_unit_test(no_window),        cmocka_unit_test(resets_every_stream),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
