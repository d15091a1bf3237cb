/* net_listen and resolve: where we listen, who arrives, what names mean. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/addr.h"
#include "io/net_listen.h"

struct world {
	struct loop *l;
	struct listener ln;
	int accepted[8];
	unsigned n, want;
	int err, calls;
	struct resolved r;
	struct loop_timer t;
	struct resolve *self;
};

static void
on_accept(int fd, void *arg)
{
	struct world *w = arg;
	int on = 0;
	socklen_t n = sizeof on;

	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n);
	assert_int_equal(on, 1);
	w->accepted[w->n++] = fd;
	if (w->n == w->want)
		loop_stop(w->l);
}

static int
dial(const char *text)
{
	struct sockaddr_storage a;
	socklen_t n;
	struct hostport hp;
	int fd;

	assert_int_equal(hostport_parse(text, 0, &hp), 0);
	assert_int_equal(addr_parse(hp.host, hp.port, &a, &n), 0);
	fd = socket(a.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, n), 0);
	return fd;
}

static void
test_listen(void **state)
{
	struct world w = {.want = 3};
	char text[64];
	int fd, d[3];

	(void)state;
	assert_int_equal(loop_new(&w.l), 0);
	assert_int_equal(listen_open("127.0.0.1:0", &fd, text, NULL), 0);
	assert_int_equal(strncmp(text, "127.0.0.1:", 10), 0);
	assert_string_not_equal(text, "127.0.0.1:0");
	assert_int_equal(listener_start(w.l, &w.ln, fd, on_accept, &w), 0);
	for (int i = 0; i < 3; i++)
		d[i] = dial(text);
	loop_run(w.l);
	listener_stop(&w.ln);
	listener_stop(&w.ln);
	for (int i = 0; i < 3; i++) {
		close(d[i]);
		close(w.accepted[i]);
	}
	assert_true(fcntl(fd, F_GETFD) >= 0); /* the listener is its owner's */
	close(fd);
	loop_free(w.l);
}

static void
test_listen_text(void **state)
{
	static const char *const bad[] = {
	    "", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "host.test:80", "[::1]", "127.0.0.1:80x"};
	struct reason why;
	char text[64];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(listen_open(bad[i], &fd, text, &why), E_FORMAT);
		assert_int_equal(why.code, SP_CONFIG);
	}
	if (listen_open("[::1]:0", &fd, text, NULL) == 0) {
		assert_int_equal(strncmp(text, "[::1]:", 6), 0);
		close(fd);
	}
	assert_int_equal(listen_open("127.0.0.1:0", &fd, text, NULL), 0);
	int again;
	char t2[64];
	assert_int_equal(listen_open(text, &again, t2, &why), E_IO);
	assert_non_null(strstr(why.text, "Address already in use"));
	close(fd);
}

static void
on_resolved(int err, const struct resolved *r, void *arg)
{
	struct world *w = arg;

	w->calls++;
	w->err = err;
	if (r)
		w->r = *r;
	resolve_cancel(w->self); /* too late, and harmless */
	loop_stop(w->l);
}

static void
look(const char *host, uint16_t port, const char *to, int err, const char *first)
{
	struct world w = {0};
	char text[64];

	assert_int_equal(loop_new(&w.l), 0);
	assert_int_equal(resolve_start(w.l, host, port, to, on_resolved, &w, &w.self), 0);
	assert_int_equal(w.calls, 0);
	loop_run(w.l);
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.err, err);
	if (first) {
		assert_true(w.r.n > 0);
		addr_text((struct sockaddr *)&w.r.a[0], text);
		assert_string_equal(text, first);
	}
	loop_free(w.l);
}

static void
test_resolve(void **state)
{
	struct resolved r;

	(void)state;
	look("192.0.2.1", 22, NULL, 0, "192.0.2.1:22");
	look("2001:db8::1", 22, NULL, 0, "[2001:db8::1]:22");
	look("ssh.localhost", 443, NULL, 0, "127.0.0.1:443");
	look("anything.example", 443, "127.0.0.1:8443", 0, "127.0.0.1:8443");
	look("anything.example", 443, "not:a:port", E_FORMAT, NULL);
	assert_int_equal(resolve_now("a.b.localhost", 80, NULL, &r), 0);
	assert_int_equal(r.n, 2);
}

static void
stop_it(void *arg)
{
	struct world *w = arg;

	loop_stop(w->l);
}

static void
test_cancel(void **state)
{
	struct world w = {0};

	(void)state;
	assert_int_equal(loop_new(&w.l), 0);
	resolve_start(w.l, "x.localhost", 1, NULL, on_resolved, &w, &w.self);
	resolve_cancel(w.self);
	w.self = NULL;
	resolve_cancel(NULL);
	timer_start(w.l, &w.t, 10, stop_it, &w);
	loop_run(w.l);
	assert_int_equal(w.calls, 0);
	loop_free(w.l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_listen),
	    cmocka_unit_test(test_listen_text),
	    cmocka_unit_test(test_resolve),
	    cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
