/* front towards users and operators: what judge gets of a request, what a user gets of judge's answer, and when judge
 * is away. */
#include <sys/mman.h>

#include "frontkit.h"

#include "core/clock.h"

static void
respond(uint32_t status, const char *body)
{
	static const char *h[] = {"content-type", "text/html", "set-cookie", "a=1", "set-cookie", "b=2"};

	kit.answer = (struct fj_answer){.action = ANSWER_RESPOND,
	                                .status = status,
	                                .headers = {h, 6},
	                                .body = {(const uint8_t *)body, strlen(body)}};
}

static void
request_and_answer(void **state)
{
	struct user u;

	(void)state;
	respond(200, "<p>hello");
	user_dial(&u, LISTEN_USERS);
	user_say(&u,
	         "POST /cdn-cgi/path?q=1 HTTP/1.1\r\nHost: App.localhost:8443\r\nCookie: c=d\r\nX-Thing: v\r\nX-Thing: "
	         "w\r\nX-Hop: h\r\nConnection: keep-alive, x-hop\r\n"
	         "TE: trailers\r\nProxy-Authorization: secret\r\nContent-Length: 4\r\n\r\nbody");
	user_hear(&u, "<p>hello");
	assert_string_equal(kit.seen.method, "POST");
	assert_string_equal(kit.seen.host, "app.localhost");
	assert_string_equal(kit.seen.target, "/cdn-cgi/path?q=1");
	assert_string_equal(kit.seen.ip, "127.0.0.1");
	assert_string_equal(kit.seen.body, "body");
	assert_string_equal(kit.seen.headers, "cookie|c=d|x-thing|v|x-thing|w|");
	assert_false(kit.seen.websocket);
	user_hear(&u, "set-cookie: b=2\r\n");
	user_hear(&u, "content-length: 8\r\n");
	/* the same connection again */
	respond(404, "none");
	buf_clear(&u.in);
	user_say(&u, "GET /again HTTP/1.1\r\nHost: app.localhost\r\n\r\n");
	user_hear(&u, "\r\n\r\nnone");
	user_hear(&u, "HTTP/1.1 404 ");
	assert_string_equal(kit.seen.target, "/again");
	user_end(&u);
}

static void
websocket_requests_are_checked(void **state)
{
	static const char *const bad[] = {
	    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
	    "12\r\nSec-WebSocket-Key: " KIT_KEY "\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
	    "13\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
	    "13\r\nSec-WebSocket-Key: short\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
	    "13\r\nSec-WebSocket-Key: " KIT_KEY "\r\nSec-WebSocket-Key: " KIT_KEY "\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
	    "13\r\nSec-WebSocket-Key: " KIT_KEY "\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
	    "13\r\nSec-WebSocket-Key: " KIT_KEY "\r\n\r\n",
	};
	unsigned before = kit.seen.requests;
	struct user u;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		user_dial(&u, LISTEN_USERS);
		user_say(&u, bad[i]);
		user_hear(&u, "HTTP/1.1 400 ");
		user_end(&u);
	}
	assert_int_equal(kit.seen.requests, before);
	respond(302, "");
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	user_hear(&u, "HTTP/1.1 302 ");
	assert_true(kit.seen.websocket);
	WAIT_FLAG(u.eof); /* nothing after a refused upgrade is HTTP for sure */
	user_end(&u);
}

static void
no_live_connector(void **state)
{
	struct user u;

	(void)state;
	kit_relay(4711);
	kit.seen.endeds = 0;
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	user_hear(&u, "HTTP/1.1 503 ");
	user_hear(&u, "SP-1005");
	WAIT_SOME(kit.seen.endeds);
	assert_int_equal(kit.seen.ended, 4711);
	assert_string_equal(kit.seen.ended_why, "no-tunnel");
	WAIT_FLAG(u.eof);
	user_end(&u);
}

static void
user_leaves_before_the_answer(void **state)
{
	struct user u;

	(void)state;
	kit.silent = true;
	kit.seen.requests = 0;
	user_dial(&u, LISTEN_USERS);
	user_say(&u, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT_SOME(kit.seen.requests);
	user_end(&u);
	kit.silent = false;
}

static bool
no_judge(void *arg)
{
	(void)arg;
	return !kit.judge[0] && !kit.judge[1];
}

static void
judge_goes_and_comes(void **state)
{
	struct user waiting, u;

	(void)state;
	kit.silent = true;
	kit.seen.requests = 0;
	user_dial(&waiting, LISTEN_USERS);
	user_say(&waiting, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	WAIT_SOME(kit.seen.requests);
	for (int i = 0; i < KIT_THREADS; i++) {
		ipc_close(kit.judge[i]);
		kit.judge[i] = NULL;
	}
	assert_true(no_judge(NULL));
	user_hear(&waiting, "HTTP/1.1 503 ");
	user_hear(&waiting, "SP-1008");
	user_end(&waiting);
	user_dial(&u, LISTEN_USERS);
	user_say(&u, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	user_hear(&u, "SP-1008");
	kit.silent = false;
	respond(200, "back");
	for (uint32_t i = 0; i < KIT_THREADS; i++)
		kit_new_judge(i);
	kit.seen.requests = 0;
	buf_clear(&u.in);
	/* the new channel is there once front answers the parent's question behind it; requests until then get 503 */
	while (kit.seen.requests == 0) {
		buf_clear(&u.in);
		user_say(&u, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		user_hear(&u, "\r\n\r\n");
	}
	user_hear(&u, "back");
	user_end(&u);
}

static void
operators_listener(void **state)
{
	struct user u;

	(void)state;
	user_dial(&u, LISTEN_METRICS);
	user_say(&u, "GET /healthz HTTP/1.1\r\nHost: m\r\n\r\n");
	user_hear(&u, "\r\n\r\nok\n");
	buf_clear(&u.in);
	user_say(&u, "GET /readyz HTTP/1.1\r\nHost: m\r\n\r\n");
	user_hear(&u, "roles: judge=up");
	assert_non_null(strstr(buf_cstr(&u.in), "HTTP/1.1 200 "));
	kit.ready_says = false;
	buf_clear(&u.in);
	user_say(&u, "GET /readyz HTTP/1.1\r\nHost: m\r\n\r\n");
	user_hear(&u, "HTTP/1.1 503 ");
	kit.ready_says = true;
	buf_clear(&u.in);
	user_say(&u, "GET /metrics HTTP/1.1\r\nHost: m\r\n\r\n");
	user_hear(&u, "sallyport_judge_test 1\n");
	assert_non_null(strstr(buf_cstr(&u.in), "\nsallyport_front_requests_total "));
	assert_non_null(strstr(buf_cstr(&u.in), "\nsallyport_judge_up 1\n"));
	buf_clear(&u.in);
	user_say(&u, "GET /other HTTP/1.1\r\nHost: m\r\n\r\n");
	user_hear(&u, "HTTP/1.1 404 ");
	user_end(&u);
}

static void
broken_answers_do_not_get_out(void **state)
{
	static const char *h[] = {"x-a", "b\r\nx-injected: 1"};
	struct user u;

	(void)state;
	kit.answer = (struct fj_answer){.action = ANSWER_RESPOND, .status = 200, .headers = {h, 2}};
	user_dial(&u, LISTEN_USERS);
	user_say(&u, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	user_hear(&u, "HTTP/1.1 500 ");
	assert_null(strstr(buf_cstr(&u.in), "injected"));
	user_end(&u);
	kit.answer = (struct fj_answer){.action = ANSWER_RELAY, .tunnel = "not a uuid", .ticket = 5};
	user_dial(&u, LISTEN_USERS);
	user_say(&u, KIT_UPGRADE);
	user_hear(&u, "HTTP/1.1 500 ");
	user_end(&u);
}

static void
give_file(const char *name, const char *text)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(ipc_send_fd(kit.parent, &pr_file_def, &(struct pr_file){.name = name}, fd), 0);
	close(fd);
}

static bool
serves_configured(void *arg)
{
	struct sockaddr_in a = kit_addr(LISTEN_USERS);
	static struct user u;

	if (u.c)
		return u.opened;
	memset(&u, 0, sizeof u);
	assert_int_equal(conn_new_client(kit.loop, &a, sizeof a, arg, "app.localhost", &user_ops, &u, &u.c), 0);
	return false;
}

/* A configured certificate is taken into use while running; connectors still get the private CA's leaf; rubbish changes
 * nothing. */
static void
certificate_is_reloaded(void **state)
{
	struct connector k = {0};
	struct tls_ctx *other;
	struct reason why;
	struct tlskit t;

	(void)state;
	tlskit_new(&t, "DNS:app.localhost");
	assert_int_equal(tls_client_new(t.ca_file, true, &other, &why), 0);
	give_file("tls-chain:0", t.chain);
	give_file("tls-key:0", t.key);
	ipc_send(kit.parent, &pr_reload_def, &(struct pr_reload){0});
	kit_wait(serves_configured, other, "serves_configured");
	give_file("tls-chain:0", "rubbish");
	give_file("tls-key:0", "rubbish");
	ipc_send(kit.parent, &pr_reload_def, &(struct pr_reload){0});
	connector_dial(&k);
	WAIT_FLAG(k.registered);
	connector_end_all(&k);
	tls_ctx_unref(other);
	tlskit_free(&t);
}

static bool
handshake_over(void *arg)
{
	const struct user *u = arg;

	return u->opened || u->closed;
}

/* Does the edge have a certificate for this name? */
static bool
serves(const char *name)
{
	struct sockaddr_in a = kit_addr(LISTEN_USERS);
	struct user u = {0};
	bool yes;

	assert_int_equal(conn_new_client(kit.loop, &a, sizeof a, kit.user_tls, name, &user_ops, &u, &u.c), 0);
	kit_wait(handshake_over, &u, "handshake_over");
	yes = u.opened;
	user_end(&u);
	return yes;
}

static void
until_serves(const char *name)
{
	int64_t until = clock_mono_ms() + 10000;

	while (!serves(name))
		assert_true(clock_mono_ms() < until);
}

/* Names are on leaves of some hundred each: the one that is asked for answers, by wildcard too, and what did not change
   is not signed again. */
static void
leaves_by_name(void **state)
{
	unsigned before = kit.leaves;

	(void)state;
	assert_true(serves("app.localhost"));
	assert_false(serves("b.localhost"));
	kit.names[1] = "DNS:b.localhost";
	kit.names[2] = ""; /* nobody's names fell on this page */
	kit.names[3] = "DNS:*.c.localhost,DNS:exact.b.localhost";
	kit.pages = 4;
	ipc_send(kit.judge[0], &fj_names_changed_def, &(struct fj_names_changed){0});
	until_serves("B.localhost");
	assert_int_equal(kit.leaves, before + 2);
	assert_true(serves("x.c.localhost"));
	assert_true(serves("exact.b.localhost"));
	assert_true(serves("app.localhost"));
	assert_false(serves("c.localhost"));
	assert_false(serves("a.x.c.localhost"));
	kit.names[1] = "DNS:other.localhost";
	ipc_send(kit.judge[0], &fj_names_changed_def, &(struct fj_names_changed){0});
	until_serves("other.localhost");
	assert_int_equal(kit.leaves, before + 3);
	assert_false(serves("b.localhost"));
	kit.pages = 1;
	kit.names[0] = "DNS:app.localhost,DNS:h2.cftunnel.com,DNS:late.localhost";
	ipc_send(kit.judge[0], &fj_names_changed_def, &(struct fj_names_changed){0});
	until_serves("late.localhost");
	assert_int_equal(kit.leaves, before + 4);
	assert_false(serves("x.c.localhost"));
	assert_false(serves("other.localhost"));
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
	    cmocka_unit_test(request_and_answer),      cmocka_unit_test(websocket_requests_are_checked),
	    cmocka_unit_test(no_live_connector),       cmocka_unit_test(user_leaves_before_the_answer),
	    cmocka_unit_test(operators_listener),      cmocka_unit_test(broken_answers_do_not_get_out),
	    cmocka_unit_test(judge_goes_and_comes),    cmocka_unit_test(leaves_by_name),
	    cmocka_unit_test(certificate_is_reloaded),

	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
