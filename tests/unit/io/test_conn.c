/* conn: what a peer observes: bytes, order, ends, limits, and that nothing is lost on a move. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/err.h"
#include "io/conn.h"

#include "tlskit.h"

#define MIB (1u << 20)
#define HIGH (384u << 10) /* own mark of the writers here */

struct end {
	struct conn *c;
	struct loop *l;
	struct end *other;
	uint64_t send, sent, got; /* bytes of the pattern */
	size_t queued_max;
	unsigned nopened, ndata, neof, nclosed, pause_every;
	enum conn_why why;
	char error[200], sni[64];
	bool echo, shut_after, close_on_eof, shut_on_eof, bad, last; /* last: its closed() stops the loop */
	struct loop_timer wake;
	struct loop *move_to;
	uint64_t move_at;
	struct loop_timer move_timer;
};

static struct tlskit kit;
static struct tls_ctx *server_ctx, *client_ctx;

static uint8_t
pattern(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 9));
}

static void
pump(struct end *e)
{
	uint8_t d[40000];

	while (e->sent < e->send && conn_queued(e->c) < HIGH) {
		size_t n = sizeof d;

		if (n > e->send - e->sent)
			n = (size_t)(e->send - e->sent);
		for (size_t i = 0; i < n; i++)
			d[i] = pattern(e->sent + i);
		assert_int_equal(conn_write(e->c, d, n), 0);
		e->sent += n;
		if (conn_queued(e->c) > e->queued_max)
			e->queued_max = conn_queued(e->c);
	}
	if (e->shut_after && e->sent == e->send)
		conn_shutdown(e->c);
}

static void
on_opened(struct conn *c, void *arg)
{
	struct end *e = arg;

	e->c = c;
	e->nopened++;
	snprintf(e->sni, sizeof e->sni, "%s", conn_sni(c));
	pump(e);
}

static void
on_wake(void *arg)
{
	struct end *e = arg;

	if (e->nclosed == 0)
		conn_resume(e->c);
}

static void
on_moved(struct conn *c, void *arg)
{
	struct end *e = arg;

	assert_ptr_equal(conn_loop(c), e->move_to);
	e->l = e->move_to;
	e->move_to = NULL;
}

static void
on_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct end *e = arg;

	assert_int_equal(e->nopened, 1);
	assert_false(conn_paused(c));
	e->ndata++;
	for (size_t i = 0; i < n; i++)
		if (d[i] != pattern(e->got + i))
			e->bad = true;
	e->got += n;
	memset(d - CONN_HEADROOM, 0xee, CONN_HEADROOM); /* ours to use */
	if (e->echo) {
		assert_int_equal(conn_write(c, d, n), 0);
		memset(d, 0xff, n);
		if (conn_queued(c) > e->queued_max)
			e->queued_max = conn_queued(c);
		if (conn_queued(c) > HIGH)
			conn_pause(c);
	}
	if (e->pause_every && e->ndata % e->pause_every == 0 && !conn_paused(c)) {
		conn_pause(c);
		timer_start(e->l, &e->wake, 1, on_wake, e);
	}
	if (e->move_to && e->got >= e->move_at) {
		timer_stop(&e->wake);
		conn_resume(c);
		assert_int_equal(conn_move(c, e->move_to, on_moved, e), 0);
	}
}

static void
on_drained(struct conn *c, void *arg)
{
	struct end *e = arg;

	if (e->echo)
		conn_resume(c);
	else
		pump(e);
}

static void
on_eof(struct conn *c, void *arg)
{
	struct end *e = arg;

	e->neof++;
	if (e->close_on_eof)
		conn_close(c);
	if (e->shut_on_eof)
		conn_shutdown(c);
}

static void
on_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct end *e = arg;

	e->nclosed++;
	e->why = why;
	snprintf(e->error, sizeof e->error, "%s", conn_error_text(c));
	timer_stop(&e->wake);
	if (e->last || (e->other && e->other->nclosed))
		loop_stop(e->l);
}

static const struct conn_ops ops = {on_opened, on_data, on_drained, on_eof, on_closed};

/* A client and a server over loopback TCP; tls or plain. */
static void
join(struct loop *l, struct end *cl, struct end *sv, bool tls, const char *name, struct tls_ctx *ctx)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd, ls = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(ls, (struct sockaddr *)&a, sizeof a), 0);
	listen(ls, 1);
	getsockname(ls, (struct sockaddr *)&a, &n);
	cl->l = sv->l = l;
	cl->other = sv;
	sv->other = cl;
	assert_int_equal(conn_new_client(l, &a, sizeof a, tls ? ctx : NULL, name, &ops, cl, &cl->c), 0);
	fd = accept(ls, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(conn_new_server(l, fd, tls ? server_ctx : NULL, &ops, sv, &sv->c), 0);
	assert_string_equal(conn_peer_ip(sv->c), "127.0.0.1");
	close(ls);
}

static struct loop *
new_loop(void)
{
	struct loop *l;

	assert_int_equal(loop_new(&l), 0);
	return l;
}

static void
test_plain_echo_socketpair(void **state)
{
	struct loop *l = new_loop();
	struct end a = {.l = l, .send = 3 * MIB + 17, .shut_after = true},
	           b = {.l = l, .echo = true, .shut_on_eof = true};
	int fd[2];

	(void)state;
	a.other = &b;
	b.other = &a;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(conn_new_fd(l, fd[0], fd[0], &ops, &a, &a.c), 0);
	assert_int_equal(conn_new_fd(l, fd[1], fd[1], &ops, &b, &b.c), 0);
	assert_int_equal(a.nopened, 0); /* callbacks come from the loop only */
	loop_run(l);
	assert_int_equal(a.got, a.send);
	assert_false(a.bad || b.bad);
	assert_int_equal(a.nclosed, 1);
	assert_int_equal(b.nclosed, 1);
	assert_int_equal(a.why, CONN_EOF);
	assert_int_equal(b.why, CONN_EOF);
	loop_free(l);
}

static void
test_pipes(void **state)
{
	struct loop *l = new_loop();
	struct end a = {.l = l, .send = MIB, .shut_after = true}, b = {.l = l, .echo = true, .shut_on_eof = true};
	int up[2], down[2];

	(void)state;
	a.other = &b;
	b.other = &a;
	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	assert_int_equal(conn_new_fd(l, down[0], up[1], &ops, &a, &a.c), 0);
	assert_int_equal(conn_new_fd(l, up[0], down[1], &ops, &b, &b.c), 0);
	loop_run(l);
	assert_int_equal(a.got, a.send);
	assert_false(a.bad || b.bad);
	assert_int_equal(a.why, CONN_EOF);
	loop_free(l);
}

static void
echo_64(bool tls, unsigned pause_every, uint64_t total)
{
	struct loop *l = new_loop();
	struct end cl = {.send = total, .shut_after = true, .pause_every = pause_every};
	struct end sv = {.echo = true, .shut_on_eof = true};

	join(l, &cl, &sv, tls, "a.test", client_ctx);
	loop_run(l);
	assert_int_equal(sv.got, total);
	assert_int_equal(cl.got, total);
	assert_false(cl.bad || sv.bad);
	assert_true(cl.queued_max < HIGH + CONN_READ_SIZE);
	assert_true(sv.queued_max < HIGH + 2 * CONN_READ_SIZE);
	assert_int_equal(cl.why, CONN_EOF);
	assert_int_equal(sv.why, CONN_EOF);
	assert_int_equal(cl.neof, 1);
	assert_int_equal(sv.neof, 1);
	if (tls) {
		assert_string_equal(sv.sni, "a.test");
		assert_true(sv.ndata < total / 16384); /* batches, not records */
	}
	loop_free(l);
}

static void
test_tls_echo(void **state)
{
	(void)state;
	echo_64(true, 0, 64 * MIB);
}

static void
test_tls_echo_slow_reader(void **state)
{
	(void)state;
	echo_64(true, 3, 16 * MIB);
}

static void
test_plain_echo_slow_reader(void **state)
{
	(void)state;
	echo_64(false, 2, 16 * MIB);
}

/* The client ends its direction first; the server answers afterwards. */
static void
half_close(bool tls)
{
	struct loop *l = new_loop();
	struct end cl = {.send = 1000, .shut_after = true}, sv = {.send = 50000, .shut_after = true};

	join(l, &cl, &sv, tls, "a.test", client_ctx);
	loop_run(l);
	assert_int_equal(cl.got, 50000);
	assert_int_equal(sv.got, 1000);
	assert_int_equal(cl.neof + sv.neof, 2);
	assert_int_equal(cl.why, CONN_EOF);
	assert_int_equal(sv.why, CONN_EOF);
	loop_free(l);
}

static void
test_half_close(void **state)
{
	(void)state;
	half_close(false);
	half_close(true);
}

static void
cut_now(void *arg)
{
	struct end *e = arg;

	shutdown(conn_fd(e->c), SHUT_WR); /* FIN without close_notify */
}

static void
test_truncated(void **state)
{
	struct loop *l = new_loop();
	struct end cl = {.send = 100}, sv = {.close_on_eof = true};
	struct loop_timer t = {0};

	(void)state;
	join(l, &cl, &sv, true, "a.test", client_ctx);
	timer_start(l, &t, 60, cut_now, &cl);
	loop_run(l);
	assert_int_equal(sv.got, 100);
	assert_int_equal(sv.neof, 0);
	assert_int_equal(sv.why, CONN_TRUNCATED);
	loop_free(l);
}

static void *
second_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void
move(bool tls)
{
	struct loop *l = new_loop(), *m = new_loop();
	struct end cl = {.send = 8 * MIB, .shut_after = true}, sv = {.echo = true, .shut_on_eof = true};
	pthread_t th;

	join(l, &cl, &sv, tls, "a.test", client_ctx);
	sv.move_to = m;
	sv.move_at = 2 * MIB;
	sv.other = NULL;
	sv.last = true;
	cl.other = NULL;
	cl.last = true;
	pthread_create(&th, NULL, second_thread, m);
	loop_run(l);
	pthread_join(th, NULL);
	assert_int_equal(cl.got, 8 * MIB);
	assert_false(cl.bad || sv.bad);
	assert_ptr_equal(sv.l, m);
	assert_int_equal(sv.why, CONN_EOF);
	loop_free(l);
	loop_free(m);
}

static void
test_move(void **state)
{
	(void)state;
	move(false);
	move(true);
}

static void
refuse(const char *name, struct tls_ctx *ctx, const char *expect)
{
	struct loop *l = new_loop();
	struct end cl = {0}, sv = {0};

	join(l, &cl, &sv, true, name, ctx);
	loop_run(l);
	assert_int_equal(cl.nopened, 0);
	assert_int_equal(cl.why, CONN_TLS);
	assert_non_null(strstr(cl.error, expect));
	loop_free(l);
}

static void
test_verification(void **state)
{
	struct tls_ctx *other, *sys;

	(void)state;
	refuse("b.test", client_ctx, "certificate of b.test refused: hostname mismatch");
	refuse("127.0.0.2", client_ctx, "IP address mismatch");
	assert_int_equal(tls_client_new(kit.other_ca, true, &other, NULL), 0);
	refuse("a.test", other, "certificate of a.test refused");
	assert_int_equal(tls_client_new(NULL, false, &sys, NULL), 0);
	refuse("a.test", sys, "certificate of a.test refused");
	tls_ctx_unref(other);
	tls_ctx_unref(sys);

	/* a root of the system's is no root for who wants one alone */
	setenv("SSL_CERT_FILE", kit.ca_file, 1);
	assert_int_equal(tls_client_new(kit.other_ca, true, &other, NULL), 0);
	refuse("a.test", other, "certificate of a.test refused");
	tls_ctx_unref(other);
	assert_int_equal(tls_client_new(NULL, false, &sys, NULL), 0);
	refuse("b.test", sys, "certificate of b.test refused: hostname mismatch");
	tls_ctx_unref(sys);
	unsetenv("SSL_CERT_FILE");

	/* own roots besides the system's: a foreign root and a foreign name are refused just the same */
	struct tls_ctx *both;
	assert_int_equal(tls_client_new(kit.other_ca, false, &other, NULL), 0);
	refuse("a.test", other, "certificate of a.test refused");
	assert_int_equal(tls_client_new(kit.ca_file, false, &both, NULL), 0);
	refuse("b.test", both, "certificate of b.test refused: hostname mismatch");
	tls_ctx_unref(other);

	struct loop *l = new_loop();
	struct end cl = {.send = 5, .shut_after = true}, sv = {.echo = true, .shut_on_eof = true};

	join(l, &cl, &sv, true, "a.test", both);
	loop_run(l);
	assert_int_equal(cl.got, 5);
	tls_ctx_unref(both);
	loop_free(l);

	l = new_loop();
	cl = (struct end){.send = 5, .shut_after = true};
	sv = (struct end){.echo = true, .shut_on_eof = true};
	join(l, &cl, &sv, true, "127.0.0.1", client_ctx); /* by address, no SNI */
	loop_run(l);
	assert_int_equal(cl.got, 5);
	assert_string_equal(sv.sni, "");
	loop_free(l);
}

static void
test_not_tls(void **state)
{
	struct loop *l = new_loop();
	struct end cl = {.send = 100, .close_on_eof = true}, sv = {0};

	(void)state;
	join(l, &cl, &sv, false, NULL, NULL);
	/* the server end, again, as TLS: the client talks plain */
	conn_set_ops(sv.c, NULL, NULL);
	int fd = dup(conn_fd(sv.c));
	conn_close(sv.c);
	assert_int_equal(conn_new_server(l, fd, server_ctx, &ops, &sv, &sv.c), 0);
	loop_run(l);
	assert_int_equal(sv.why, CONN_TLS);
	assert_true(strlen(sv.error) > 0);
	assert_int_equal(sv.nopened, 0);
	loop_free(l);
}

static void
test_refused_and_deadline(void **state)
{
	struct loop *l = new_loop();
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	struct end cl = {.l = l, .last = true}, sv = {0};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0); /* a port that nobody listens on */
	getsockname(s, (struct sockaddr *)&a, &n);
	assert_int_equal(conn_new_client(l, &a, sizeof a, NULL, NULL, &ops, &cl, &cl.c), 0);
	assert_int_equal(cl.nclosed, 0);
	loop_run(l);
	assert_int_equal(cl.why, CONN_REFUSED);
	assert_string_equal(cl.error, strerror(ECONNREFUSED));
	close(s);

	cl = (struct end){0};
	join(l, &cl, &sv, true, "a.test", client_ctx);
	conn_deadline(sv.c, 30);
	loop_run(l);
	assert_int_equal(sv.why, CONN_TIMEOUT);
	assert_int_equal(sv.nclosed, 1);
	loop_free(l);
}

static void
test_limit_and_abort(void **state)
{
	struct loop *l = new_loop();
	struct end cl = {0}, sv = {0};
	static uint8_t big[MIB];
	int e = 0, n = 0;

	(void)state;
	join(l, &cl, &sv, false, NULL, NULL);
	while (n < 100 && e == 0) {
		e = conn_write(cl.c, big, sizeof big); /* nobody reads yet */
		n++;
	}
	assert_int_equal(e, E_LIMIT);
	assert_true(conn_queued(cl.c) <= CONN_OUT_MAX);
	conn_abort(cl.c);
	assert_int_equal(conn_write(cl.c, "x", 1), E_CLOSED);
	loop_run(l);
	assert_int_equal(cl.why, CONN_LOCAL);
	assert_int_equal(sv.why, CONN_RESET);
	loop_free(l);
}

static void
test_contexts(void **state)
{
	struct tls_ctx *c = NULL;
	struct reason why = {0};
	struct tls_key *k;
	struct buf der;

	(void)state;
	assert_int_equal(tls_server_new("junk", kit.key, &c, &why), E_FORMAT);
	assert_true(strlen(why.text) > 0);
	assert_int_equal(tls_server_new(kit.chain, "junk", &c, &why), E_FORMAT);
	assert_int_equal(tls_key_new(&k), 0);
	assert_int_equal(tls_server_new_key(kit.chain, k, &c, &why), E_CRYPTO); /* another key */
	buf_init(&der, 4096);
	assert_int_equal(tls_key_spki(k, &der), 0);
	assert_int_equal(buf_len(&der), 91);
	buf_release(&der);
	tls_key_free(k);
	assert_int_equal(tls_client_new("/nonexistent/ca.pem", true, &c, &why), E_IO);
	assert_non_null(strstr(why.text, "/nonexistent/ca.pem"));
	assert_null(c);
}

static int
setup(void **state)
{
	(void)state;
	tlskit_new(&kit, "DNS:a.test,IP:127.0.0.1");
	assert_int_equal(tls_server_new(kit.chain, kit.key, &server_ctx, NULL), 0);
	assert_int_equal(tls_client_new(kit.ca_file, true, &client_ctx, NULL), 0);
	assert_int_equal(tls_client_alpn(client_ctx, "http/1.1"), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_ctx_unref(server_ctx);
	tls_ctx_unref(client_ctx);
	tlskit_free(&kit);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain_echo_socketpair),
	    cmocka_unit_test(test_pipes),
	    cmocka_unit_test(test_tls_echo),
	    cmocka_unit_test(test_tls_echo_slow_reader),
	    cmocka_unit_test(test_plain_echo_slow_reader),
	    cmocka_unit_test(test_half_close),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_move),
	    cmocka_unit_test(test_verification),
	    cmocka_unit_test(test_not_tls),
	    cmocka_unit_test(test_refused_and_deadline),
	    cmocka_unit_test(test_limit_and_abort),
	    cmocka_unit_test(test_contexts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
