/* ipc: what one process sees of another that behaves, lies, or dies. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/err.h"
#include "io/ipc.h"
#include "io/ipc_frame.h"

#define T_HELLO(F, S) F(S, STR, name, 100) F(S, U32, n, 1000)
MSG_DECLARE(t_hello, T_HELLO)
MSG_DEFINE(t_hello, 0x7001, T_HELLO)
#define T_KEY(F, S) F(S, SECRET, key, 1000)
MSG_DECLARE(t_key, T_KEY)
MSG_DEFINE(t_key, 0x7002, T_KEY)
#define T_FILE(F, S) F(S, U32, n, 100000)
MSG_DECLARE(t_file, T_FILE)
MSG_DEFINE(t_file, 0x7003, T_FILE)
#define T_ASK(F, S) F(S, U32, n, 100000)
MSG_DECLARE(t_ask, T_ASK)
MSG_DEFINE(t_ask, 0x7004, T_ASK)
#define T_ANSWER(F, S) F(S, U32, n, 100000) F(S, DATA, d, 1u << 20)
MSG_DECLARE(t_answer, T_ANSWER)
MSG_DEFINE(t_answer, 0x7005, T_ANSWER)
#define T_QUIT(F, S)
MSG_DECLARE(t_quit, T_QUIT)
MSG_DEFINE(t_quit, 0x7006, T_QUIT)

struct side {
	struct loop *l;
	struct ipc *c;
	unsigned nhello, nfile, nask, nquit, nclosed, nreply, last_n;
	int last_err, raw;
	uint32_t held[4]; /* requests not answered yet */
	char name[101], why[200];
	const uint8_t *secret_at;
	size_t secret_n;
	bool hold, close_in_handler;
};

static void
on_hello(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct t_hello *h = m;
	struct side *s = arg;

	assert_int_equal(id, 0);
	assert_int_equal(fd, -1);
	assert_ptr_equal(ipc_arg(c), s);
	s->nhello++;
	s->last_n = h->n;
	snprintf(s->name, sizeof s->name, "%s", h->name);
	if (s->close_in_handler) {
		ipc_close(c);
		ipc_close(c);
		loop_stop(s->l);
	}
}

static void
on_key(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct t_key *k = m;
	struct side *s = arg;

	(void)c;
	(void)id;
	(void)fd;
	assert_memory_equal(k->key.p, "hush", 4);
	s->secret_at = k->key.p;
	s->secret_n = k->key.n;
}

static void
on_file(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct t_file *f = m;
	struct side *s = arg;
	char text[16] = "", want[16];

	(void)c;
	(void)id;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	snprintf(want, sizeof want, "%u", f->n);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	assert_string_equal(text, want); /* this descriptor belongs to this frame */
	close(fd);
	s->nfile++;
}

static void
on_ask(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct t_ask *a = m;
	struct side *s = arg;
	struct t_answer r = {.n = a->n + 1, .d = slice_str("data")};

	(void)fd;
	assert_true(id != 0);
	if (s->hold) {
		s->held[s->nask++ % 4] = id;
		return;
	}
	s->nask++;
	assert_int_equal(ipc_reply(c, id, &t_answer_def, &r), 0);
}

static void
on_quit(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct side *s = arg;

	(void)c;
	(void)id;
	(void)m;
	(void)fd;
	s->nquit++;
	loop_stop(s->l);
}

static void
on_closed(struct ipc *c, const char *why, void *arg)
{
	struct side *s = arg;

	(void)c;
	s->nclosed++;
	s->c = NULL;
	snprintf(s->why, sizeof s->why, "%s", why);
	loop_stop(s->l);
}

static const struct ipc_row rows[] = {
    {&t_hello_def, 1, IPC_ONCE, on_hello}, {&t_key_def, 1 | 2, 0, on_key}, {&t_file_def, 1, IPC_FD, on_file},
    {&t_ask_def, 1, IPC_REQUEST, on_ask},  {&t_quit_def, 1, 0, on_quit},
};
static const struct ipc_ops ops = {rows, sizeof rows / sizeof *rows, on_closed};

static void
begin(struct side *a, struct side *b)
{
	int fd[2];

	memset(a, 0, sizeof *a);
	memset(b, 0, sizeof *b);
	assert_int_equal(loop_new(&a->l), 0);
	b->l = a->l;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(ipc_new(a->l, fd[0], "b", &ops, a, &a->c), 0);
	assert_int_equal(ipc_new(a->l, fd[1], "a", &ops, b, &b->c), 0);
}

/* One real side and a raw descriptor to misbehave on. */
static void
begin_raw(struct side *a)
{
	int fd[2];

	memset(a, 0, sizeof *a);
	assert_int_equal(loop_new(&a->l), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(ipc_new(a->l, fd[0], "liar", &ops, a, &a->c), 0);
	a->raw = fd[1];
}

static void
end(struct side *a, struct side *b)
{
	ipc_close(a->c);
	if (b)
		ipc_close(b->c);
	else
		close(a->raw);
	loop_free(a->l);
}

static void
on_reply(int err, const void *m, void *arg)
{
	const struct t_answer *r = m;
	struct side *s = arg;

	s->nreply++;
	s->last_err = err;
	assert_int_equal(err == 0, m != NULL);
	if (r) {
		s->last_n = r->n;
		assert_true(slice_eq_str(r->d, "data"));
	}
}

static void
test_round_trip(void **state)
{
	struct side a, b;
	struct t_hello h = {.name = "judge", .n = 7};
	struct t_quit q = {0};

	(void)state;
	begin(&a, &b);
	assert_int_equal(ipc_send(a.c, &t_hello_def, &h), 0);
	for (unsigned i = 0; i < 500; i++) {
		struct t_ask ask = {.n = i};

		assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 5000, on_reply, &a), 0);
	}
	assert_int_equal(ipc_send(b.c, &t_quit_def, &q), 0);
	loop_run(a.l); /* a got quit */
	while (a.nreply < 500) {
		assert_int_equal(ipc_send(a.c, &t_quit_def, &q), 0);
		loop_run(a.l);
	}
	assert_int_equal(b.nhello, 1);
	assert_string_equal(b.name, "judge");
	assert_int_equal(b.nask, 500);
	assert_int_equal(a.nreply, 500);
	assert_int_equal(a.last_n, 500);
	assert_int_equal(a.last_err, 0);
	assert_int_equal(ipc_send(NULL, &t_quit_def, &q), E_CLOSED);
	end(&a, &b);
}

static void
test_descriptors(void **state)
{
	struct side a, b;
	struct t_quit q = {0};
	struct stat st;
	int last = -1;

	(void)state;
	begin(&a, &b);
	for (unsigned i = 0; i < 100; i++) {
		struct t_file f = {.n = i};
		struct t_key k = {.key = slice_str("hush")};
		int p[2];

		assert_int_equal(pipe(p), 0);
		dprintf(p[1], "%u", i);
		close(p[1]);
		assert_int_equal(ipc_send_fd(a.c, &t_file_def, &f, p[0]), 0);
		close(p[0]); /* the message has its own */
		if (i % 3 == 0)
			assert_int_equal(ipc_send(a.c, &t_key_def, &k), 0);
		last = p[0];
	}
	ipc_send(a.c, &t_quit_def, &q);
	loop_run(a.l);
	assert_int_equal(b.nfile, 100);
	assert_int_equal(b.nclosed, 0);
	end(&a, &b);
	assert_true(fstat(last, &st) < 0 || !S_ISFIFO(st.st_mode));
}

static void
test_secret_wiped(void **state)
{
	struct side a, b;
	struct t_key k = {.key = slice_str("hush")};
	struct t_hello h = {.name = "x"};
	struct t_quit q = {0};

	(void)state;
	begin(&a, &b);
	(void)h;
	ipc_send(a.c, &t_key_def, &k);
	ipc_send(a.c, &t_quit_def, &q);
	loop_run(a.l);
	assert_non_null(b.secret_at);
	assert_int_equal(b.secret_n, 4);
	assert_memory_not_equal(b.secret_at, "hush", 4); /* still the channel's input buffer */
	end(&a, &b);
}

static void
expect_refused(struct side *a, struct side *b, const char *text)
{
	loop_run(a->l);
	assert_int_equal(b->nclosed, 1);
	if (!strstr(b->why, text))
		fail_msg("\"%s\" does not say \"%s\"", b->why, text);
	end(a, b == a ? NULL : b);
}

static void
test_table(void **state)
{
	struct side a, b;
	struct t_hello h = {.name = "x"};
	struct t_quit q = {0};
	struct t_answer r = {.d = slice_str("data")};
	struct t_file f = {0};
	struct t_ask ask = {0};

	(void)state;
	begin(&a, &b);
	ipc_phase(b.c, 2);
	ipc_send(a.c, &t_hello_def, &h);
	expect_refused(&a, &b, "a sent t_hello in phase 2");

	begin(&a, &b);
	ipc_send(a.c, &t_hello_def, &h);
	ipc_send(a.c, &t_hello_def, &h);
	expect_refused(&a, &b, "a sent t_hello twice");

	begin(&a, &b);
	ipc_send(a.c, &t_answer_def, &r);
	expect_refused(&a, &b, "type 7005, which it may not");

	begin(&a, &b);
	ipc_send(a.c, &t_file_def, &f);
	expect_refused(&a, &b, "t_file without a descriptor");

	begin(&a, &b);
	ipc_send_fd(a.c, &t_quit_def, &q, 0);
	expect_refused(&a, &b, "t_quit with a descriptor");
	assert_int_equal(b.nquit, 0);

	begin(&a, &b);
	ipc_send(a.c, &t_ask_def, &ask);
	expect_refused(&a, &b, "t_ask without a request id");

	begin(&a, &b);
	ipc_reply(a.c, 77, &t_answer_def, &r);
	expect_refused(&a, &b, "answered a request that was never made");
}

static void
raw(struct side *a, const char *bytes, size_t n, const char *text)
{
	begin_raw(a);
	assert_int_equal(write(a->raw, bytes, n), (ssize_t)n);
	if (!text)
		return;
	expect_refused(a, a, text);
}

static void
test_bad_frames(void **state)
{
	struct side a;

	(void)state;
	raw(&a, "\0\0\0\7\x70\6\0\0\0\0\0\0", 12, "broke the framing");         /* shorter than its header */
	raw(&a, "\0\x30\0\0\x70\6\0\0\0\0\0\0", 12, "broke the framing");       /* 3 MiB */
	raw(&a, "\xff\xff\xff\xff\x70\6\0\0\0\0\0\0", 12, "broke the framing"); /* 4 GiB */
	raw(&a, "\0\0\0\x8\x70\6\0\4\0\0\0\0", 12, "broke the framing");        /* unknown flag */
	raw(&a, "\0\0\0\x9\x70\6\0\0\0\0\0\0!", 13, "malformed t_quit");        /* a byte left over */
	raw(&a, "\0\0\0\x9\x70\3\0\1\0\0\0\0!", 13, "descriptor is missing");
	raw(&a, "\0\0\0\xb\x70\4\0\0\0\0\0\1\0\0\0", 15, "malformed t_ask");     /* short */
	raw(&a, "\0\0\0\xc\x70\4\0\0\0\0\0\1\xff\0\0\0", 16, "malformed t_ask"); /* over its maximum */

	raw(&a, "\0\0\0\x9\x70\6", 6, NULL);
	close(a.raw);
	a.raw = open("/dev/null", O_RDONLY);
	expect_refused(&a, &a, "in the middle of a message");
}

static void
test_stray_descriptor(void **state)
{
	struct side a;
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} ctl = {0};
	struct iovec v = {(void *)(uintptr_t) "\0\0\0\x8\x70\2\0\0\0\0\0\0", 4};
	struct msghdr m = {
	    .msg_iov = &v, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = CMSG_SPACE(sizeof(int))};
	int fd = 0;

	(void)state;
	begin_raw(&a);
	ctl.h = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(&ctl.h), &fd, sizeof fd);
	assert_int_equal(sendmsg(a.raw, &m, 0), 4);
	assert_int_equal(write(a.raw, "\x70\6\0\0\0\0\0\0", 8), 8);
	loop_run(a.l); /* quit is served, then the descriptor turns out to belong to nothing */
	if (a.nclosed == 0)
		loop_run(a.l);
	assert_int_equal(a.nclosed, 1);
	assert_non_null(strstr(a.why, "no message mentions"));
	end(&a, NULL);
}

static void
test_peer_death(void **state)
{
	struct side a, b;
	struct t_ask ask = {.n = 1};

	(void)state;
	begin(&a, &b);
	b.hold = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a), 0);
	ipc_close(b.c);
	b.c = NULL;
	loop_run(a.l);
	assert_int_equal(a.nreply, 3);
	assert_int_equal(a.last_err, E_CLOSED);
	assert_int_equal(a.nclosed, 1);
	assert_string_equal(a.why, "b has gone");
	assert_int_equal(b.nclosed, 0); /* who closes is not told */
	end(&a, &b);

	begin(&a, &b);
	ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a);
	ipc_close(a.c); /* answers its own requests before it returns */
	assert_int_equal(a.nreply, 1);
	assert_int_equal(a.last_err, E_CLOSED);
	assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a), E_CLOSED);
	a.c = NULL;
	loop_run(b.l);
	assert_int_equal(b.nask, 1); /* what was sent before arrives */
	assert_int_equal(b.nclosed, 1);
	end(&a, &b);
}

static void
stop_it(void *arg)
{
	struct side *s = arg;

	loop_stop(s->l);
}

static void
test_timeouts(void **state)
{
	struct side a, b, other = {0};
	struct t_ask ask = {.n = 1};
	struct t_answer r = {.n = 9, .d = slice_str("data")};
	struct loop_timer t = {0};

	(void)state;
	begin(&a, &b);
	b.hold = true;
	ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a);
	ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 10, on_reply, &a);
	ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 10, on_reply, &other);
	ipc_forget(a.c, &other);
	timer_start(a.l, &t, 40, stop_it, &a);
	loop_run(a.l);
	assert_int_equal(a.nreply, 1);
	assert_int_equal(a.last_err, E_TIMEOUT);
	assert_int_equal(other.nreply, 0);
	assert_int_equal(b.nask, 3);
	for (int i = 2; i >= 0; i--) /* late, forgotten, and in time */
		assert_int_equal(ipc_reply(b.c, b.held[i], &t_answer_def, &r), 0);
	timer_start(a.l, &t, 10, stop_it, &a);
	loop_run(a.l);
	assert_int_equal(a.nreply, 2);
	assert_int_equal(a.last_err, 0);
	assert_int_equal(a.last_n, 9);
	assert_int_equal(a.nclosed, 0);
	end(&a, &b);
}

static void
test_bad_reply(void **state)
{
	struct side a, b;
	struct t_ask ask = {.n = 1};
	struct t_quit q = {0};
	struct loop_timer t = {0};

	(void)state;
	begin(&a, &b);
	b.hold = true;
	ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a);
	timer_start(a.l, &t, 10, stop_it, &a);
	loop_run(a.l);
	ipc_reply(b.c, b.held[0], &t_quit_def, &q);
	loop_run(a.l);
	assert_int_equal(a.nreply, 1);
	assert_int_equal(a.last_err, E_FORMAT);
	assert_int_equal(a.nclosed, 1);
	assert_non_null(strstr(a.why, "b sent a bad reply: type 7006, expected t_answer"));
	end(&a, &b);
}

/* The memory that held a secret of a reply is wiped when the callback has returned. */
static void
on_secret_reply(int err, const void *m, void *arg)
{
	const struct t_key *k = m;
	struct side *s = arg;

	assert_int_equal(err, 0);
	assert_memory_equal(k->key.p, "hush", 4);
	s->secret_at = k->key.p;
}

static void
test_secret_reply_wiped(void **state)
{
	struct side a, b;
	struct t_ask ask = {.n = 1};
	struct t_key k = {.key = slice_str("hush")};
	struct t_quit q = {0};
	struct loop_timer t = {0};

	(void)state;
	begin(&a, &b);
	b.hold = true;
	assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_key_def, 60000, on_secret_reply, &a), 0);
	timer_start(a.l, &t, 10, stop_it, &a);
	loop_run(a.l);
	assert_int_equal(ipc_reply(b.c, b.held[0], &t_key_def, &k), 0);
	ipc_send(b.c, &t_quit_def, &q);
	loop_run(a.l);
	assert_non_null(a.secret_at);
	assert_memory_not_equal(a.secret_at, "hush", 4); /* still the channel's input buffer */
	end(&a, &b);
}

/* n descriptors (the write end of a pipe, again and again) beside these bytes. */
static void
send_fds(int sock, const char *bytes, size_t len, size_t n, int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} ctl = {0};
	struct iovec v = {(void *)(uintptr_t)bytes, len};
	struct msghdr m = {
	    .msg_iov = &v, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = CMSG_SPACE(n * sizeof(int))};

	ctl.h =
	    (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))};
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(&ctl.h) + i * sizeof fd, &fd, sizeof fd);
	assert_int_equal(sendmsg(sock, &m, 0), (ssize_t)len);
}

/* A peer cannot fill our table of descriptors, at once or by and by; all of them are closed again. */
static void
test_too_many_descriptors(void **state)
{
	struct side a;
	char c;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	begin_raw(&a);
	send_fds(a.raw, "\0\0\0\x8\x70", 5, 9, p[1]);
	expect_refused(&a, &a, "more descriptors than we take");
	begin_raw(&a);
	send_fds(a.raw, "\0\0\0", 3, 5, p[1]);
	send_fds(a.raw, "\x8\x70", 2, 5, p[1]);
	loop_run(a.l);
	if (a.nclosed == 0)
		loop_run(a.l);
	assert_int_equal(a.nclosed, 1);
	assert_non_null(strstr(a.why, "too many descriptors"));
	end(&a, NULL);
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 0); /* nobody holds the other end */
	close(p[0]);
}

static void
test_reply_with_descriptor(void **state)
{
	struct t_ask ask = {.n = 1};
	struct side a;

	(void)state;
	begin_raw(&a);
	assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_quit_def, 60000, on_reply, &a), 0);
	send_fds(a.raw, "\0\0\0\x8\x70\6\0\3\0\0\0\1", 12, 1, 0);
	expect_refused(&a, &a, "a reply with a descriptor");
	assert_int_equal(a.nreply, 1);
	assert_int_equal(a.last_err, E_CLOSED);
}

static void
test_requests_are_bounded(void **state)
{
	struct t_ask ask = {.n = 1};
	struct side a;

	(void)state;
	begin_raw(&a);
	for (unsigned i = 0; i < IPC_PENDING_MAX; i++)
		assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a), 0);
	assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 60000, on_reply, &a), E_LIMIT);
	assert_int_equal(ipc_request(a.c, &t_ask_def, &ask, &t_answer_def, 0, on_reply, &a), E_RANGE);
	end(&a, NULL);
	assert_int_equal(a.nreply, (int)IPC_PENDING_MAX);
}

static void
test_limits_and_flush(void **state)
{
	struct side a;
	static uint8_t big[1u << 20];
	struct t_answer r = {.d = {big, sizeof big}};
	int e = 0, n = 0;

	(void)state;
	begin_raw(&a);
	while (n < 100 && (e = ipc_send(a.c, &t_answer_def, &r)) == 0)
		n++;
	assert_int_equal(e, E_LIMIT);
	assert_int_equal(n, 15); /* 16 MiB less the headers */
	end(&a, NULL);

	begin_raw(&a);
	ipc_send(a.c, &t_answer_def, &(struct t_answer){.n = 3, .d = slice_str("last words")});
	assert_int_equal(ipc_flush(a.c), 0);
	assert_int_equal(read(a.raw, big, sizeof big), IPC_HEAD + 4 + 4 + 10);
	end(&a, NULL);
}

static void
test_big_both_ways(void **state)
{
	struct side a, b;
	static char name[101];
	struct t_quit q = {0};

	(void)state;
	begin(&a, &b);
	memset(name, 'n', 100);
	for (int i = 0; i < 20000; i++) {
		struct t_key k = {.key = slice_str("hush")};

		assert_int_equal(ipc_send(a.c, &t_key_def, &k), 0);
		assert_int_equal(ipc_send(b.c, &t_key_def, &k), 0);
	}
	ipc_send(a.c, &t_hello_def, &(struct t_hello){.name = name, .n = 5});
	ipc_send(a.c, &t_quit_def, &q);
	loop_run(a.l);
	assert_string_equal(b.name, name);
	assert_int_equal(b.nclosed + a.nclosed, 0);
	end(&a, &b);
}

static void
test_close_in_handler(void **state)
{
	struct side a, b;
	struct t_quit q = {0};

	(void)state;
	begin(&a, &b);
	b.close_in_handler = true;
	ipc_send(a.c, &t_hello_def, &(struct t_hello){.name = "x"});
	ipc_send(a.c, &t_quit_def, &q);
	loop_run(a.l);
	assert_int_equal(b.nhello, 1);
	assert_int_equal(b.nquit, 0);
	assert_int_equal(b.nclosed, 0);
	b.c = NULL;
	if (a.nclosed == 0)
		loop_run(a.l);
	assert_int_equal(a.nclosed, 1);
	end(&a, &b);
}

static void
test_frame_parse(void **state)
{
	static const uint8_t ok[] = {0, 0, 0, 10, 0x70, 1, 0, 2, 0, 0, 0, 5, 'h', 'i', 'x'};
	struct ipc_frame f;
	size_t used;

	(void)state;
	for (size_t n = 0; n < 14; n++)
		assert_int_equal(ipc_frame_parse((struct slice){ok, n}, &f, &used), E_TRUNC);
	assert_int_equal(ipc_frame_parse((struct slice){ok, sizeof ok}, &f, &used), 0);
	assert_int_equal(used, 14);
	assert_int_equal(f.type, 0x7001);
	assert_int_equal(f.flags, IPC_FLAG_REPLY);
	assert_int_equal(f.id, 5);
	assert_true(slice_eq_str(f.payload, "hi"));

	/* the longest message and one byte more; an answer to no question */
	static const uint8_t longest[] = {0, 0x20, 0, 8, 0x70, 1, 0, 0, 0, 0, 0, 0},
	                     longer[] = {0, 0x20, 0, 9, 0x70, 1, 0, 0, 0, 0, 0, 0},
	                     to_nothing[] = {0, 0, 0, 8, 0x70, 1, 0, 2, 0, 0, 0, 0};
	assert_int_equal(ipc_frame_parse((struct slice){longest, 12}, &f, &used), E_TRUNC);
	assert_int_equal(ipc_frame_parse((struct slice){longer, 12}, &f, &used), E_LIMIT);
	assert_int_equal(ipc_frame_parse((struct slice){to_nothing, 12}, &f, &used), E_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frame_parse),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_descriptors),
	    cmocka_unit_test(test_secret_wiped),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_bad_frames),
	    cmocka_unit_test(test_stray_descriptor),
	    cmocka_unit_test(test_peer_death),
	    cmocka_unit_test(test_timeouts),
	    cmocka_unit_test(test_bad_reply),
	    cmocka_unit_test(test_secret_reply_wiped),
	    cmocka_unit_test(test_too_many_descriptors),
	    cmocka_unit_test(test_reply_with_descriptor),
	    cmocka_unit_test(test_requests_are_bounded),
	    cmocka_unit_test(test_limits_and_flush),
	    cmocka_unit_test(test_big_both_ways),
	    cmocka_unit_test(test_close_in_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
