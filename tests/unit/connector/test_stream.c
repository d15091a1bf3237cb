/* stream: what an edge gets from a connector for one request, and what the service behind it sees. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream_kit.h"
#include "wire/websocket.h"
#include "../t.h"

static unsigned
answer_of(const char *rule, const char *upgrade, const char *jump)
{
	struct world w;

	world_begin(&w, rule);
	unsigned status = world_ask(&w, upgrade, NULL, jump, "/");
	int fd = accept(w.service, NULL, NULL);
	assert_int_equal(fd >= 0, status == 200); /* nothing is dialled for who is refused */
	if (fd >= 0)
		close(fd);
	world_end(&w);
	return status;
}

static void
a_bastion_dials_what_its_list_permits(void **state)
{
	assert_int_equal(answer_of(LISTED, "websocket", "127.0.0.1:PORT"), 200);
	assert_int_equal(answer_of(LISTED, "websocket", "ssh://127.0.0.1:PORT"), 200);
	assert_int_equal(answer_of(LISTED, "websocket", "127.0.0.1:1"), 502);
	assert_int_equal(answer_of(LISTED, "websocket", NULL), 502);        /* no default either */
	assert_int_equal(answer_of(LISTED, "websocket", "127.0.0.1"), 502); /* no port */
	assert_int_equal(answer_of(LISTED, "websocket", "u@127.0.0.1:PORT"), 502);
	assert_int_equal(answer_of(BASTION("\"destinations\":[\"10.0.0.0/8:*\"]"), "websocket", "127.0.0.1:PORT"), 502);
	/* no list: everything but what no name may lead to */
	assert_int_equal(answer_of(BASTION(""), "websocket", "127.0.0.1:PORT"), 502);
	assert_int_equal(answer_of(BASTION(""), "websocket", "localhost:PORT"), 502);
	assert_int_equal(answer_of(BASTION("\"defaultDestination\":\"localhost:PORT\""), "websocket", NULL), 200);
}

/* A rule with a service of its own goes there, whatever the request asks for; and only for WebSockets. */
static void
a_service_is_not_chosen_by_the_request(void **state)
{
	static const char here[] = "{\"hostname\":\"ssh.example.test\",\"service\":\"ssh://127.0.0.1:PORT\"}",
	                  there[] = "{\"hostname\":\"ssh.example.test\",\"service\":\"ssh://127.0.0.1:1\"}",
	                  other[] = "{\"hostname\":\"other.example.test\",\"service\":\"ssh://127.0.0.1:PORT\"}";

	assert_int_equal(answer_of(here, "websocket", NULL), 200);
	assert_int_equal(answer_of(here, "websocket", "127.0.0.1:1"), 200);
	assert_int_equal(answer_of(there, "websocket", "127.0.0.1:PORT"), 502);
	assert_int_equal(answer_of(here, NULL, NULL), 502);
	assert_int_equal(answer_of(here, "tcp", NULL), 502);
	assert_int_equal(answer_of(other, "websocket", NULL), 404);
}

static void
long_path_and_no_rules(void **state)
{
	struct world w;
	char path[4000];

	memset(path, 'p', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = 0;
	world_begin(&w, LISTED);
	assert_int_equal(world_ask(&w, "websocket", NULL, "127.0.0.1:PORT", path), 414);
	world_end(&w);
	world_begin(&w, LISTED);
	struct ingress *i = w.k.ingress;
	w.k.ingress = NULL;
	assert_int_equal(world_ask(&w, "websocket", NULL, "127.0.0.1:PORT", "/"), 503);
	w.k.ingress = i;
	world_end(&w);
}

/* Frames of the user's become bytes of the service; a frame without a mask ends the session with 1002. */
static void
bytes_are_unmasked_and_a_bare_frame_ends_it(void **state)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	struct world w;
	struct buf f;
	char text[6] = "";

	world_begin(&w, LISTED);
	assert_int_equal(world_ask(&w, "websocket", NULL, "127.0.0.1:PORT", "/"), 200);
	int fd = accept(w.service, NULL, NULL);
	assert_true(fd >= 0);
	buf_init(&f, 4096);
	assert_ok(ws_put_frame(&f, WS_BINARY, "Hello", 5, mask));
	assert_ok(ws_put_frame(&f, WS_BINARY, "evil!", 5, NULL));
	assert_ok(h2stream_write(w.s, buf_ptr(&f), buf_len(&f)));
	world_flush(&w);
	while (!w.over)
		loop_run(w.loop);
	assert_int_equal(recv(fd, text, 5, MSG_WAITALL), 5);
	assert_string_equal(text, "Hello");
	assert_int_equal(recv(fd, text, 1, 0), 0);
	assert_int_equal(buf_len(&w.got), 4);
	assert_memory_equal(buf_ptr(&w.got), "\x88\x02\x03\xea", 4);
	close(fd);
	buf_release(&f);
	world_end(&w);
}

/* --- private network: raw TCP */

#define NETWORK(list) ",\"warp-routing\":{\"enabled\":true" list "}"

static unsigned
raw_answer(const char *private, const char *to)
{
	kit_private = private;
	kit_raw = to;
	unsigned status = answer_of(LISTED, NULL, NULL);
	kit_private = kit_raw = NULL;
	return status;
}

static void
a_raw_stream_goes_to_listed_addresses(void **state)
{
	static const char here[] = NETWORK(",\"destinations\":[\"127.0.0.1:PORT\"]");

	assert_int_equal(raw_answer(here, "127.0.0.1:PORT"), 200);
	assert_int_equal(raw_answer(here, "[::ffff:127.0.0.1]:PORT"), 200); /* the same one */
	assert_int_equal(raw_answer(here, "localhost:PORT"), 502);          /* nobody resolves names for it */
	assert_int_equal(raw_answer(here, "127.0.0.1:1"), 502);
	assert_int_equal(raw_answer(here, "127.1:PORT"), 502);
	assert_int_equal(raw_answer(here, "127.0.0.1"), 502);
	assert_int_equal(raw_answer(here, "ssh.example.test"), 502);
	assert_int_equal(raw_answer(NETWORK(""), "127.0.0.1:PORT"), 502); /* no list: ordinary addresses alone */
	assert_int_equal(raw_answer(NULL, "127.0.0.1:PORT"), 502);
	assert_int_equal(raw_answer(",\"warp-routing\":{\"enabled\":false}", "127.0.0.1:PORT"), 502);
	assert_int_equal(raw_answer(",\"warp-routing\":{\"connectTimeout\":5}", "127.0.0.1:PORT"), 502);
	/* who is a WebSocket is one, whatever else it says (a.4) */
	kit_raw = "127.0.0.1:PORT";
	assert_int_equal(answer_of(LISTED, "websocket", "127.0.0.1:PORT"), 404);
	kit_raw = NULL;
}

/* No frame either way. */
static void
raw_bytes_are_the_services(void **state)
{
	struct world w;
	char text[6] = "";

	kit_private = NETWORK(",\"destinations\":[\"127.0.0.0/8:PORT\"]");
	kit_raw = "127.0.0.1:PORT";
	world_begin(&w, LISTED);
	assert_int_equal(world_ask(&w, NULL, NULL, NULL, "/"), 200);
	int fd = accept(w.service, NULL, NULL);
	assert_true(fd >= 0);
	assert_ok(h2stream_write(w.s, "Hello", 5));
	world_flush(&w);
	assert_int_equal(send(fd, "SSH-2.0", 7, 0), 7);
	while (buf_len(&w.got) < 7)
		loop_run(w.loop);
	assert_int_equal(recv(fd, text, 5, MSG_WAITALL), 5);
	assert_string_equal(text, "Hello");
	assert_memory_equal(buf_ptr(&w.got), "SSH-2.0", 7);
	shutdown(fd, SHUT_RDWR);
	while (!w.over)
		loop_run(w.loop);
	assert_int_equal(buf_len(&w.got), 7);
	close(fd);
	world_end(&w);
	kit_private = kit_raw = NULL;
}

/* --- SOCKS inside the stream */

#define SOCKS(rules) \
	"{\"hostname\":\"ssh.example.test\",\"service\":\"socks-proxy\",\"originRequest\":{\"ipRules\":[" rules "]}}"
#define HERE "{\"prefix\":\"127.0.0.1/32\",\"ports\":[PORT],\"allow\":true}"

/* The handshake with this command and more behind it, as one frame; waits for so many bytes, or the end. */
static void
socks_ask(struct world *w, uint8_t command, uint16_t port, const char *more, size_t want)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t say[100] = {5, 1, 0, 5, command, 0, 3, 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't'};
	struct buf f;
	size_t n = 17;

	say[n++] = (uint8_t)(port >> 8);
	say[n++] = (uint8_t)port;
	memcpy(say + n, more, strlen(more));
	buf_init(&f, 4096);
	assert_ok(ws_put_frame(&f, WS_BINARY, say, n + strlen(more), mask));
	assert_ok(h2stream_write(w->s, buf_ptr(&f), buf_len(&f)));
	world_flush(w);
	buf_release(&f);
	while (buf_len(&w->got) < want && !w->over)
		loop_run(w->loop);
}

static void
socks_goes_where_its_rules_permit(void **state)
{
	struct world w;
	char text[8] = "";

	world_begin(&w, SOCKS(HERE));
	assert_int_equal(world_ask(&w, "websocket", NULL, NULL, "/"), 200);
	socks_ask(&w, 1, w.port, "Hello", 4 + 12);
	int fd = accept(w.service, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(recv(fd, text, 5, MSG_WAITALL), 5);
	assert_string_equal(text, "Hello"); /* what came behind the request was not lost */
	assert_int_equal(buf_len(&w.got), 16);
	assert_memory_equal(buf_ptr(&w.got), "\x82\2\5\0\x82\12\5\0\0\1\0\0\0\0\0\0", 16);
	assert_int_equal(send(fd, "SSH", 3, 0), 3);
	while (buf_len(&w.got) < 21)
		loop_run(w.loop);
	assert_memory_equal((const uint8_t *)buf_ptr(&w.got) + 16, "\x82\3SSH", 5);
	close(fd);
	world_end(&w);
}

/* rule, command: the code that the client hears; nothing is dialled. */
static int
socks_refusal(const char *rule, uint8_t command, int off)
{
	struct world w;

	world_begin(&w, rule);
	assert_int_equal(world_ask(&w, "websocket", NULL, NULL, "/"), 200);
	socks_ask(&w, command, (uint16_t)(w.port + off), "Hello", SIZE_MAX);
	assert_int_equal(accept(w.service, NULL, NULL), -1);
	assert_true(buf_len(&w.got) >= 16);
	int code = ((const uint8_t *)buf_ptr(&w.got))[7];
	world_end(&w);
	return code;
}

static void
socks_refuses_the_rest(void **state)
{
	assert_int_equal(socks_refusal(SOCKS(""), 1, 0), 2);
	assert_int_equal(socks_refusal(SOCKS(HERE), 1, 1), 2);
	assert_int_equal(socks_refusal(SOCKS("{\"prefix\":\"0.0.0.0/0\",\"allow\":true}"), 1, 0), 2);
	assert_int_equal(socks_refusal(SOCKS("{\"prefix\":\"127.0.0.0/8\"}," HERE), 1, 0), 2);
	assert_int_equal(socks_refusal(SOCKS(HERE), 2, 0), 7);
	assert_int_equal(answer_of(SOCKS(HERE), NULL, NULL), 502);
}

static void
hello_is_a_page(void **state)
{
	struct world w;

	world_begin(&w, "{\"hostname\":\"ssh.example.test\",\"service\":\"hello_world\"}");
	assert_int_equal(world_ask(&w, NULL, NULL, NULL, "/"), 200);
	while (!w.over)
		loop_run(w.loop);
	assert_ok(buf_put(&w.got, "", 1));
	assert_non_null(strstr((const char *)buf_ptr(&w.got), "It works"));
	world_end(&w);
}

/* Until a web service has switched, what follows the request would be read as a request of its own, with headers that
 * nobody wrote over: it never gets there. */
static void
nothing_follows_an_upgrade_before_its_answer(void **state)
{
	static const char second[] = "GET /admin HTTP/1.1\r\nHost: inner\r\n\r\n";
	struct h2_header h[] = {
	    {":method", "GET"}, {":scheme", "https"},       {":authority", "ssh.example.test"},
	    {":path", "/"},     {"sec-websocket-key", KEY}, {"cf-cloudflared-proxy-connection-upgrade", "websocket"}};
	struct world w;
	struct loop_timer late = {0};
	char text[2048] = "";
	size_t n = 0;
	ssize_t k;

	world_begin(&w, "{\"hostname\":\"ssh.example.test\",\"service\":\"http://127.0.0.1:PORT\"}");
	assert_ok(h2stream_open(w.edge, h, 6, false, NULL, &w.s));
	assert_ok(h2stream_write(w.s, second, sizeof second - 1));
	world_flush(&w);
	assert_ok(timer_start(w.loop, &late, 3000, world_stop, w.loop));
	while (!w.status && timer_active(&late))
		loop_run(w.loop);
	timer_stop(&late);
	assert_int_equal(w.status, 502);
	int fd = accept(w.service, NULL, NULL);
	while (fd >= 0 && (k = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT)) > 0)
		n += (size_t)k;
	assert_null(strstr(text, "/admin"));
	if (fd >= 0)
		close(fd);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bastion_dials_what_its_list_permits),
	    cmocka_unit_test(a_service_is_not_chosen_by_the_request),
	    cmocka_unit_test(long_path_and_no_rules),
	    cmocka_unit_test(bytes_are_unmasked_and_a_bare_frame_ends_it),
	    cmocka_unit_test(a_raw_stream_goes_to_listed_addresses),
	    cmocka_unit_test(raw_bytes_are_the_services),
	    cmocka_unit_test(socks_goes_where_its_rules_permit),
	    cmocka_unit_test(socks_refuses_the_rest),
	    cmocka_unit_test(hello_is_a_page),
	    cmocka_unit_test(nothing_follows_an_upgrade_before_its_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
