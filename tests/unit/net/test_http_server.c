/* http_server: what a client observes on the wire, with plain sockets and with curl. The server runs on a thread of its
 * own. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/str.h"
#include "io/net_listen.h"
#include "net/http_server.h"

#define BODY_MAX (64u << 10)

static struct loop *loop;
static struct listener ln;
static int listen_fd;
static uint16_t port;
static pthread_t tid;
static unsigned nclosed, nrefused; /* of the server's thread; read after joins of what they count */

struct taken {
	struct conn *c;
	struct loop_timer t;
	struct http_server *s;
};

static void
echo_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	(void)arg;
	conn_write(c, d, n);
}

static void
echo_closed(struct conn *c, enum conn_why why, void *arg)
{
	(void)c, (void)why, (void)arg;
}

static const struct conn_ops echo_ops = {.data = echo_data, .closed = echo_closed};

static void
late(void *arg)
{
	struct taken *k = arg;

	http_server_text(k->s, 200, "late", false);
	free(k);
}

static void
take(struct http_server *s)
{
	struct buf rest;
	bool eof;
	struct conn *c = http_server_take(s, &rest, &eof);

	conn_set_ops(c, &echo_ops, NULL);
	conn_write(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n", 36);
	conn_write(c, buf_ptr(&rest), buf_len(&rest));
	buf_release(&rest);
	conn_resume(c);
}

static void
on_request(struct http_server *s, const struct http_request *r, void *arg)
{
	char text[512];

	(void)arg;
	if (strcmp(r->target, "/take") == 0 && r->upgrade) {
		take(s);
	} else if (strcmp(r->target, "/late") == 0) {
		struct taken *k = calloc(1, sizeof *k);

		k->s = s;
		timer_start(loop, &k->t, 100, late, k);
	} else if (strcmp(r->target, "/split") == 0) {
		const struct http1_header h[] = {{"x-bad", "a\r\nx-injected: 1"}};

		http_server_respond(s, &(struct http_reply){.status = 200, .headers = h, .nheaders = 1});
	} else if (strcmp(r->target, "/big") == 0) {
		static uint8_t big[1u << 20];

		http_server_respond(s, &(struct http_reply){.status = 200, .body = {big, sizeof big}});
	} else {
		snprintf(text, sizeof text, "%s %s %s:%u %zu%s", r->method, r->target, r->host, r->port, r->body.n,
		         r->upgrade ? " upgrade" : "");
		http_server_text(s, strcmp(r->target, "/missing") == 0 ? 404 : 200, text, false);
	}
}

static void
on_refused(struct http_server *s, unsigned status, void *arg)
{
	(void)s, (void)status, (void)arg;
	nrefused++;
}

static void
on_closed(struct http_server *s, enum conn_why why, void *arg)
{
	(void)s, (void)why, (void)arg;
	nclosed++;
}

static const struct http_server_ops ops = {.request = on_request, .refused = on_refused, .closed = on_closed};
static const struct http_limits limits = {
    .handshake_ms = 1000, .head_ms = 400, .body_ms = 400, .idle_ms = 1500, .send_ms = 3000, .body_max = BODY_MAX};

static void
on_accept(int fd, void *arg)
{
	struct http_server *s;

	(void)arg;
	http_server_new(loop, fd, NULL, &limits, &ops, NULL, &s);
}

static void *
run(void *arg)
{
	(void)arg;
	loop_run(loop);
	return NULL;
}

static int
setup(void **state)
{
	struct reason why;
	char text[64];

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(listen_open("127.0.0.1:0", &listen_fd, text, &why), 0);
	port = (uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10);
	assert_int_equal(listener_start(loop, &ln, listen_fd, on_accept, NULL), 0);
	return pthread_create(&tid, NULL, run, NULL);
}

static void
stop_loop(void *arg)
{
	listener_stop(&ln);
	loop_stop(arg);
}

static int
teardown(void **state)
{
	(void)state;
	loop_post(loop, stop_loop, loop);
	pthread_join(tid, NULL);
	return 0;
}

static int
dial(void)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval tv = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Everything until the server closes. */
static char *
hear(int fd)
{
	struct buf b;
	uint8_t *p;
	ssize_t n;

	buf_init(&b, 8u << 20);
	do {
		assert_int_equal(buf_reserve(&b, 65536, &p), 0);
		n = recv(fd, p, 65536, 0);
		if (n > 0)
			buf_commit(&b, (size_t)n);
	} while (n > 0);
	assert_int_equal(n, 0); /* in order: no reset, no time-out */
	close(fd);
	return buf_take_str(&b);
}

/* Until the text was seen. */
static void
hear_until(int fd, const char *text)
{
	char got[4096] = "";
	size_t n = 0;

	while (!strstr(got, text)) {
		ssize_t k = recv(fd, got + n, sizeof got - 1 - n, 0);

		assert_true(k > 0);
		n += (size_t)k;
		got[n] = '\0';
	}
}

static size_t
occurs(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

static void
exchange(const char *request, const char *status, size_t answers)
{
	int fd = dial();
	char *got;

	say(fd, request);
	got = hear(fd);
	if (occurs(got, "HTTP/1.1 ") != answers || strncmp(got, status, strlen(status)) != 0)
		print_error("asked: %s\ngot: %s\n", request, got);
	assert_int_equal(strncmp(got, status, strlen(status)), 0);
	assert_int_equal(occurs(got, "HTTP/1.1 "), answers);
	free(got);
}

static void
keep_alive_and_pipelining(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	say(fd, "GET /a HTTP/1.1\r\nHost: One.Test:8443\r\n\r\n"
	        "POST /b HTTP/1.1\r\nHost: one.test\r\nContent-Length: 3\r\n\r\nabc"
	        "GET /late HTTP/1.1\r\nHost: one.test\r\n\r\n"
	        "\r\nHEAD /c HTTP/1.1\r\nHost: one.test\r\n\r\n"
	        "GET /d HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n");
	got = hear(fd);
	assert_int_equal(occurs(got, "HTTP/1.1 200 OK"), 5);
	assert_non_null(strstr(got, "GET /a one.test:8443 0\n"));
	assert_non_null(strstr(got, "POST /b one.test:0 3\n"));
	assert_true(strstr(got, "late\n") < strstr(got, "GET /d"));
	assert_null(strstr(got, "HEAD /c one.test")); /* no body */
	assert_int_equal(occurs(got, "connection: keep-alive"), 4);
	assert_int_equal(occurs(got, "connection: close"), 1);
	assert_int_equal(occurs(got, "date: "), 5);
	free(got);
}

static void
many_pipelined(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	for (int i = 0; i < 1000; i++)
		say(fd, "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
	say(fd, "GET /n HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	got = hear(fd);
	assert_int_equal(occurs(got, "HTTP/1.1 200 OK"), 1001);
	free(got);
}

static void
smuggling_is_refused(void **state)
{
	static const char *const bad[] = {
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x "
	    "HTTP/1.1\r\nHost: h\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /x "
	    "HTTP/1.1\r\nHost: h\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello",
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
	    "GET / HTTP/1.1\r\n\r\n",
	    "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
	    "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nab",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		exchange(bad[i], "HTTP/1.1 4", 1);
}

static void
sizes_are_bounded(void **state)
{
	char *long_target, *many, *got;
	struct buf b;
	int fd;

	(void)state;
	exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n", "HTTP/1.1 413", 1);
	buf_init(&b, 1u << 20);
	buf_put_str(&b, "GET /");
	for (int i = 0; i < 9000; i++)
		buf_put_u8(&b, 'a');
	buf_put_str(&b, " HTTP/1.1\r\nHost: h\r\n\r\n");
	long_target = buf_take_str(&b);
	exchange(long_target, "HTTP/1.1 414", 1);
	free(long_target);
	buf_init(&b, 1u << 20);
	buf_put_str(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < 200; i++)
		buf_putf(&b, "x-%d: 1\r\n", i);
	buf_put_str(&b, "\r\n");
	many = buf_take_str(&b);
	exchange(many, "HTTP/1.1 431", 1);
	free(many);
	fd = dial();
	say(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		char chunk[32768 + 16] = "8000\r\n";

		memset(chunk + 6, 'x', 32768);
		memcpy(chunk + 6 + 32768, "\r\n", 3);
		if (send(fd, chunk, 6 + 32768 + 2, MSG_NOSIGNAL) < 0)
			break;
	}
	got = hear(fd);
	assert_int_equal(strncmp(got, "HTTP/1.1 413", 12), 0);
	free(got);
}

static void
slow_peers_are_ended(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	say(fd, "GET / HTTP/1.1\r\nHo");
	got = hear(fd);
	assert_int_equal(strncmp(got, "HTTP/1.1 408", 12), 0);
	free(got);
	fd = dial();
	say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
	got = hear(fd);
	assert_int_equal(strncmp(got, "HTTP/1.1 408", 12), 0);
	free(got);
	fd = dial(); /* says nothing at all */
	got = hear(fd);
	assert_string_equal(got, "");
	free(got);
}

static void
answers_cannot_be_split(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	say(fd, "GET /split HTTP/1.1\r\nHost: h\r\n\r\n");
	got = hear(fd);
	assert_int_equal(strncmp(got, "HTTP/1.1 500", 12), 0);
	assert_null(strstr(got, "injected"));
	free(got);
}

static void
connection_is_handed_over(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	say(fd, "GET /take HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
	hear_until(fd, "\r\n\r\nearly");
	say(fd, "GET / HTTP/1.1\r\n\r\n"); /* no HTTP any more */
	hear_until(fd, "GET / HTTP/1.1\r\n\r\n");
	shutdown(fd, SHUT_WR);
	got = hear(fd);
	assert_string_equal(got, "");
	free(got);
	/* refused upgrade: what follows is not parsed */
	exchange("GET /no HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /x "
	         "HTTP/1.1\r\nHost: h\r\n\r\n",
	         "HTTP/1.1 200", 1);
}

static void
peer_may_end_its_direction_early(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	say(fd, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(fd, SHUT_WR);
	got = hear(fd);
	assert_non_null(strstr(got, "late\n"));
	free(got);
}

/* Runs curl with the arguments (NULL ends) and gives what it printed. */
static char *
curl(const char *const *args)
{
	const char *argv[16] = {"curl", "-sS", "--http1.1", "--max-time", "20"};
	int p[2], n = 5, status;
	struct buf b;
	uint8_t *d;
	ssize_t k;
	pid_t pid;

	while (*args)
		argv[n++] = *args++;
	argv[n] = NULL;
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		dup2(p[1], 2);
		close(p[0]);
		close(p[1]);
		execvp("curl", (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(p[1]);
	buf_init(&b, 4u << 20);
	do {
		assert_int_equal(buf_reserve(&b, 65536, &d), 0);
		k = read(p[0], d, 65536);
		if (k > 0)
			buf_commit(&b, (size_t)k);
	} while (k > 0);
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip();
	assert_int_equal(status, 0);
	return buf_take_str(&b);
}

static void
curl_is_content(void **state)
{
	static char body[40001];
	char url[2][64];
	char *got;

	(void)state;
	snprintf(url[0], sizeof url[0], "http://127.0.0.1:%u/one", port);
	snprintf(url[1], sizeof url[1], "http://127.0.0.1:%u/missing", port);
	got = curl((const char *[]){"-w", "%{http_code} %{num_connects}\n", url[0], url[1], NULL});
	assert_non_null(strstr(got, "200 1\n"));
	assert_non_null(strstr(got, "404 0\n")); /* the connection was used again */
	free(got);
	memset(body, 'x', sizeof body - 1);
	got = curl((const char *[]){"-H", "Expect: 100-continue", "--data-binary", body, url[0], NULL});
	assert_non_null(strstr(got, " 40000\n"));
	free(got);
	got = curl((const char *[]){"-H", "Transfer-Encoding: chunked", "--data-binary", body, url[0], NULL});
	assert_non_null(strstr(got, " 40000\n"));
	free(got);
	got = curl((const char *[]){"-I", url[0], NULL});
	assert_int_equal(strncmp(got, "HTTP/1.1 200", 12), 0);
	free(got);
}

/* The output waits until the peer reads, and the next request waits with it. */
static void
slow_reader_of_answers(void **state)
{
	int fd = dial();
	char *got;

	(void)state;
	for (int i = 0; i < 5; i++)
		say(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	say(fd, "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	got = hear(fd);
	assert_non_null(got);
	free(got);
}

static void
dates(void **state)
{
	char d[32];

	(void)state;
	http_date(784111777, d); /* the example of RFC 9110 section 5.6.7 */
	assert_string_equal(d, "Sun, 06 Nov 1994 08:49:37 GMT");
	http_date(1709164800, d);
	assert_string_equal(d, "Thu, 29 Feb 2024 00:00:00 GMT");
	http_date(0, d);
	assert_string_equal(d, "Thu, 01 Jan 1970 00:00:00 GMT");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keep_alive_and_pipelining),
	    cmocka_unit_test(many_pipelined),
	    cmocka_unit_test(smuggling_is_refused),
	    cmocka_unit_test(sizes_are_bounded),
	    cmocka_unit_test(slow_peers_are_ended),
	    cmocka_unit_test(answers_cannot_be_split),
	    cmocka_unit_test(connection_is_handed_over),
	    cmocka_unit_test(peer_may_end_its_direction_early),
	    cmocka_unit_test(curl_is_content),
	    cmocka_unit_test(slow_reader_of_answers),
	    cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
