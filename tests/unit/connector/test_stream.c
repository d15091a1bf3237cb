/* stream: what an edge gets from a connector for one request, and what the service behind it sees. The edge is the
 * other end of an in-process HTTP/2 link over a socketpair; the service listens on loopback. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connector/private.h"
#include "core/str.h"
#include "wire/websocket.h"
#include "../t.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

struct world {
	struct loop *loop;
	struct connector k;
	struct h2link *edge;
	struct conn *edge_conn;
	struct h2stream *s; /* the edge's request */
	int service;        /* listens */
	uint16_t port;
	unsigned status;
	bool over;
	struct buf got; /* data of the stream, as the edge sees it */
};

/* --- the edge's end */

static void
edge_flush(struct world *w)
{
	const uint8_t *d;
	size_t n = 1;

	while (n) {
		assert_ok(h2link_pull(w->edge, &d, &n));
		if (n)
			assert_ok(conn_write(w->edge_conn, d, n));
	}
}

static void
edge_bytes(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct world *w = arg;

	assert_ok(h2link_feed(w->edge, d, n, NULL));
	edge_flush(w);
}

static void
edge_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	struct world *w = arg;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(h[i].name, ":status"))
			w->status = (unsigned)strtoul(h[i].value, NULL, 10);
	w->over |= end;
	loop_stop(w->loop);
}

static void
edge_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	struct world *w = arg;

	assert_ok(buf_put(&w->got, d, n));
	h2stream_consume(s, n);
	loop_stop(w->loop);
}

static void
edge_end(struct h2stream *s, void *arg)
{
	struct world *w = arg;

	w->over = true;
	loop_stop(w->loop);
}

static void
edge_closed(struct h2stream *s, uint32_t error, void *arg)
{
	struct world *w = arg;

	w->s = NULL;
	if (w->loop)
		loop_stop(w->loop);
}

static void
nothing(struct h2stream *s, void *arg)
{
}

static const struct h2link_ops edge_ops = {edge_headers, edge_data, edge_end, nothing, edge_closed, NULL};

/* --- the connector's end: what link.c does */

static void
link_flush(struct link *l)
{
	const uint8_t *d;
	size_t n = 1;

	while (n && h2link_pull(l->h2, &d, &n) == 0)
		if (n)
			assert_ok(conn_write(l->conn, d, n));
}

static void
link_bytes(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct link *l = arg;

	assert_ok(h2link_feed(l->h2, d, n, NULL));
	link_flush(l);
}

static void
on_headers(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *arg)
{
	stream_request(arg, s, h, n, end);
}

static void
on_data(struct h2stream *s, uint8_t *d, size_t n, void *arg)
{
	stream_data(s, d, n);
}

static void
on_end(struct h2stream *s, void *arg)
{
	stream_end(s);
}

static void
on_drained(struct h2stream *s, void *arg)
{
	stream_drained(s);
}

static void
on_closed(struct h2stream *s, uint32_t error, void *arg)
{
	stream_closed(s, error);
}

static const struct h2link_ops link_ops = {on_headers, on_data, on_end, on_drained, on_closed, NULL};

static void
opened(struct conn *c, void *arg)
{
}

static void
closed(struct conn *c, enum conn_why why, void *arg)
{
}

/* --- a world with one rule in front of the catch-all */

static void
begin(struct world *w, const char *rule)
{
	static const struct conn_ops eo = {opened, edge_bytes, NULL, NULL, closed},
	                             lo = {opened, link_bytes, NULL, NULL, closed};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	struct conf_error err;
	char text[600];
	json_t *j = NULL;
	int fd[2];

	memset(w, 0, sizeof *w);
	buf_init(&w->got, 65536);
	w->service = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_ok(bind(w->service, (struct sockaddr *)&a, sizeof a));
	assert_ok(listen(w->service, 4));
	assert_ok(getsockname(w->service, (struct sockaddr *)&a, &n));
	w->port = ntohs(a.sin_port);
	assert_ok(loop_new(&w->loop));
	w->k.loop = w->loop;
	snprintf(text, sizeof text, "{\"ingress\":[%s,{\"service\":\"http_status:404\"}]}", rule);
	for (char *p; (p = strstr(text, "PORT"));) { /* the port that the kernel gave */
		char tail[600], number[8];
		snprintf(tail, sizeof tail, "%s", p + 4);
		snprintf(number, sizeof number, "%u", w->port);
		snprintf(p, sizeof text - (size_t)(p - text), "%s%s", number, tail);
	}
	assert_ok(json_load_strict(text, strlen(text), 65536, &j));
	if (ingress_from_json(j, &w->k.ingress, &err) < 0)
		fail_msg("%s", err.text);
	json_decref(j);
	struct link *l = &w->k.links[0];
	l->k = &w->k;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	assert_ok(h2link_new(H2_EDGE, 100, &edge_ops, w, &w->edge));
	assert_ok(h2link_new(H2_CONNECTOR, 100, &link_ops, l, &l->h2));
	assert_ok(conn_new_fd(w->loop, fd[0], fd[0], &eo, w, &w->edge_conn));
	assert_ok(conn_new_fd(w->loop, fd[1], fd[1], &lo, l, &l->conn));
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
end(struct world *w)
{
	struct loop_timer t = {0};
	struct loop *loop = w->loop;

	h2link_free(w->k.links[0].h2);
	defer_cancel(&w->k.links[0].flush);
	w->k.links[0].h2 = NULL;
	w->loop = NULL;
	h2link_free(w->edge);
	conn_set_ops(w->edge_conn, NULL, NULL);
	conn_set_ops(w->k.links[0].conn, NULL, NULL);
	conn_close(w->edge_conn);
	conn_close(w->k.links[0].conn);
	timer_start(loop, &t, 1, stop, loop); /* closing ends in the loop */
	loop_run(loop);
	assert_int_equal(w->k.streams, 0);
	ingress_unref(w->k.ingress);
	loop_free(loop);
	buf_release(&w->got);
	close(w->service);
}

/* Asks for a stream and waits for its status. jump may hold PORT. */
static unsigned
ask(struct world *w, const char *upgrade, const char *jump, const char *path)
{
	char to[100];
	struct h2_header h[8] = {{":method", "GET"},
	                         {":scheme", "https"},
	                         {":authority", "ssh.example.test"},
	                         {":path", path},
	                         {"sec-websocket-key", KEY}};
	size_t n = 5;

	if (upgrade)
		h[n++] = (struct h2_header){"cf-cloudflared-proxy-connection-upgrade", upgrade};
	if (jump) {
		const char *p = strstr(jump, "PORT");
		if (p)
			snprintf(to, sizeof to, "%.*s%u", (int)(p - jump), jump, w->port);
		else
			snprintf(to, sizeof to, "%s", jump);
		h[n++] = (struct h2_header){"cf-access-jump-destination", to};
	}
	assert_ok(h2stream_open(w->edge, h, n, false, NULL, &w->s));
	edge_flush(w);
	while (!w->status)
		loop_run(w->loop);
	return w->status;
}

static unsigned
answer_of(const char *rule, const char *upgrade, const char *jump)
{
	struct world w;

	begin(&w, rule);
	unsigned status = ask(&w, upgrade, jump, "/");
	int fd = accept(w.service, NULL, NULL);
	assert_int_equal(fd >= 0, status == 200); /* nothing is dialled for who is refused */
	if (fd >= 0)
		close(fd);
	end(&w);
	return status;
}

#define BASTION(list) "{\"hostname\":\"ssh.example.test\",\"service\":\"bastion\",\"originRequest\":{" list "}}"
#define LISTED BASTION("\"destinations\":[\"127.0.0.1:PORT\"]")

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
	begin(&w, LISTED);
	assert_int_equal(ask(&w, "websocket", "127.0.0.1:PORT", path), 414);
	end(&w);
	begin(&w, LISTED);
	struct ingress *i = w.k.ingress;
	w.k.ingress = NULL;
	assert_int_equal(ask(&w, "websocket", "127.0.0.1:PORT", "/"), 503);
	w.k.ingress = i;
	end(&w);
}

/* Frames of the user's become bytes of the service; a frame without a mask ends the session with 1002. */
static void
bytes_are_unmasked_and_a_bare_frame_ends_it(void **state)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	struct world w;
	struct buf f;
	char text[6] = "";

	begin(&w, LISTED);
	assert_int_equal(ask(&w, "websocket", "127.0.0.1:PORT", "/"), 200);
	int fd = accept(w.service, NULL, NULL);
	assert_true(fd >= 0);
	buf_init(&f, 4096);
	assert_ok(ws_put_frame(&f, WS_BINARY, "Hello", 5, mask));
	assert_ok(ws_put_frame(&f, WS_BINARY, "evil!", 5, NULL));
	assert_ok(h2stream_write(w.s, buf_ptr(&f), buf_len(&f)));
	edge_flush(&w);
	while (!w.over)
		loop_run(w.loop);
	assert_int_equal(recv(fd, text, 5, MSG_WAITALL), 5);
	assert_string_equal(text, "Hello");
	assert_int_equal(recv(fd, text, 1, 0), 0);
	assert_int_equal(buf_len(&w.got), 4);
	assert_memory_equal(buf_ptr(&w.got), "\x88\x02\x03\xea", 4);
	close(fd);
	buf_release(&f);
	end(&w);
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
	edge_flush(w);
	buf_release(&f);
	while (buf_len(&w->got) < want && !w->over)
		loop_run(w->loop);
}

static void
socks_goes_where_its_rules_permit(void **state)
{
	struct world w;
	char text[8] = "";

	begin(&w, SOCKS(HERE));
	assert_int_equal(ask(&w, "websocket", NULL, "/"), 200);
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
	end(&w);
}

/* rule, command: the code that the client hears; nothing is dialled. */
static int
socks_refusal(const char *rule, uint8_t command, int off)
{
	struct world w;

	begin(&w, rule);
	assert_int_equal(ask(&w, "websocket", NULL, "/"), 200);
	socks_ask(&w, command, (uint16_t)(w.port + off), "Hello", SIZE_MAX);
	assert_int_equal(accept(w.service, NULL, NULL), -1);
	assert_true(buf_len(&w.got) >= 16);
	int code = ((const uint8_t *)buf_ptr(&w.got))[7];
	end(&w);
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

	begin(&w, "{\"hostname\":\"ssh.example.test\",\"service\":\"hello_world\"}");
	assert_int_equal(ask(&w, NULL, NULL, "/"), 200);
	while (!w.over)
		loop_run(w.loop);
	assert_ok(buf_put(&w.got, "", 1));
	assert_non_null(strstr((const char *)buf_ptr(&w.got), "It works"));
	end(&w);
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

	begin(&w, "{\"hostname\":\"ssh.example.test\",\"service\":\"http://127.0.0.1:PORT\"}");
	assert_ok(h2stream_open(w.edge, h, 6, false, NULL, &w.s));
	assert_ok(h2stream_write(w.s, second, sizeof second - 1));
	edge_flush(&w);
	assert_ok(timer_start(w.loop, &late, 3000, stop, w.loop));
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
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bastion_dials_what_its_list_permits),
	    cmocka_unit_test(a_service_is_not_chosen_by_the_request),
	    cmocka_unit_test(long_path_and_no_rules),
	    cmocka_unit_test(bytes_are_unmasked_and_a_bare_frame_ends_it),
	    cmocka_unit_test(socks_goes_where_its_rules_permit),
	    cmocka_unit_test(socks_refuses_the_rest),
	    cmocka_unit_test(hello_is_a_page),
	    cmocka_unit_test(nothing_follows_an_upgrade_before_its_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
