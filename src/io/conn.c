/*
 * conn: see io/conn.h.
 *
 * What a relayed byte costs here (why: reads of 256 KiB and one send a batch are each worth 15 to 25 %):
 *
 *   in, plain: one recv(2) per 256 KiB; no copy of ours, data() sees the thread's buffer.
 *
 *   in, TLS: one recv(2) per 256 KiB; two copies (thread's buffer, OpenSSL's record, thread's plaintext); one
 * decryption in place; one data() for all records of the recv.
 *
 *   out, plain: 16 KiB and more go from the caller's memory to the kernel without a copy; less is copied once.
 *
 *   out, TLS: one encryption into OpenSSL's record buffer (one buffer along a conn_write), one copy to the queue.
 *
 *   Either way one sendmsg(2) an iteration takes everything; EPOLLOUT is asked for only when the kernel did not.
 *
 * The thread's two buffers are never held across a callback that could come back here: ciphertext that OpenSSL has not
 * taken when we hand control out (only after a handshake, or when plaintext fills up) moves to `spill`.
 * One recv per readable event is the budget that keeps a busy connection from starving the others.
 *
 * Callbacks come from loop events only, never from inside a conn_* call. A callback may move the connection away;
 * `gone` tells the frame below it not to touch the connection again. Memory is freed in one place, on_life.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/str.h"
#include "io/conn_priv.h"

#define QUICKACK_BELOW 4096 /* reads smaller than this re-arm TCP_QUICKACK */
#define BULK_READ 8192      /* from here on a read is bulk: nobody waits for its last byte alone */

#define DIRECT_MIN 16384u /* plain writes from here on skip the queue */

static _Thread_local struct scratch *scratch_mine;
static pthread_key_t scratch_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_life(void *arg);
static void on_flush(void *arg);
static void on_pump(void *arg);
static void on_event(int fd, int events, void *arg);

const char *
conn_why_str(enum conn_why w)
{
	static const char *const text[] = {"closed here",        "closed by peer", "cut off by peer", "reset",
	                                   "connection refused", "TLS error",      "timeout"};

	return (size_t)w < sizeof text / sizeof *text ? text[w] : "?";
}

static void
once_init(void)
{
	pthread_key_create(&scratch_key, free);
}

struct scratch *
conn_scratch(void)
{
	if (!scratch_mine) {
		pthread_once(&once, once_init);
		scratch_mine = malloc(sizeof *scratch_mine);
		pthread_setspecific(scratch_key, scratch_mine);
	}
	return scratch_mine;
}

/* Failing, and the one place where a connection ends. */

void
conn_set_error(struct conn *c, const char *text)
{
	if (!c->error)
		c->error = str_dup(text);
}

static void
stop_all(struct conn *c)
{
	watch_stop(&c->rwatch);
	watch_stop(&c->wwatch);
	timer_stop(&c->timer);
	defer_cancel(&c->flush);
	defer_cancel(&c->pump);
}

void
conn_fail(struct conn *c, enum conn_why why)
{
	if (c->dead)
		return;
	c->dead = true;
	c->why = why;
	stop_all(c);
	defer_arm(c->loop, &c->life, on_life, c);
}

static void
close_fds(struct conn *c)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	if (c->reset && c->sock)
		setsockopt(c->rfd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	if (c->wfd >= 0 && c->wfd != c->rfd)
		close(c->wfd);
	if (c->rfd >= 0)
		close(c->rfd);
}

void
conn_free(struct conn *c)
{
	ctls_free(c);
	outq_clear(&c->out);
	free(c->spill);
	free(c->error);
	free(c);
}

static void
on_life(void *arg)
{
	struct conn *c = arg;
	size_t taken;

	/* last words: an alert, a close_notify, a short answer */
	if (c->out.n > 0 && !c->reset && !c->broken && !c->connecting && c->wfd >= 0)
		outq_send(&c->out, c->wfd, c->sock, NULL, 0, &taken);
	close_fds(c);
	if (c->ops)
		c->ops->closed(c, c->why, c->arg);
	conn_free(c);
}

/* Callbacks. Each tells whether the connection is still ours and alive. */

#define EMIT(c, call)                 \
	do {                          \
		bool gone_ = false;   \
		(c)->gone = &gone_;   \
		call;                 \
		if (gone_)            \
			return false; \
		(c)->gone = NULL;     \
		return !(c)->dead;    \
	} while (0)

static bool
emit_opened(struct conn *c)
{
	if (!c->ops || !c->ops->opened)
		return true;
	EMIT(c, c->ops->opened(c, c->arg));
}

bool
conn_emit_data(struct conn *c, uint8_t *d, size_t n)
{
	c->bytes_in += n;
	if (!c->ops || !c->ops->data)
		return true;
	EMIT(c, c->ops->data(c, d, n, c->arg));
}

static bool
emit_drained(struct conn *c)
{
	if (!c->ops || !c->ops->drained)
		return true;
	EMIT(c, c->ops->drained(c, c->arg));
}

static bool
emit_eof(struct conn *c)
{
	EMIT(c, c->ops->eof(c, c->arg));
}

/* What we want to hear of. */

static int
watch_set(struct conn *c, struct loop_watch *w, int fd, int events)
{
	if (w->h)
		return watch_events(w, events);
	return events && fd >= 0 ? watch_start(c->loop, w, fd, events, on_event, c) : 0;
}

void
conn_update(struct conn *c)
{
	int rd = c->reading && !c->ended && !c->connecting && (c->opened || c->ssl) ? LOOP_READ : 0;
	int wr = c->connecting || c->want_write ? LOOP_WRITE : 0;
	int e;

	if (c->dead)
		return;
	if (c->rfd == c->wfd) {
		e = watch_set(c, &c->rwatch, c->rfd, rd | wr);
	} else {
		e = watch_set(c, &c->rwatch, c->rfd, rd);
		if (e == 0)
			e = watch_set(c, &c->wwatch, c->wfd, wr);
	}
	if (e < 0) {
		conn_set_error(c, err_str(e));
		conn_fail(c, CONN_RESET);
	}
}

/* Ending. */

bool
conn_peer_ended(struct conn *c)
{
	c->ended = true;
	conn_update(c);
	if (c->dead || (c->ops && c->ops->eof && !emit_eof(c)))
		return false;
	if (!c->fin && c->ops && c->ops->eof)
		return true;
	conn_fail(c, CONN_EOF);
	return false;
}

static void
send_fin(struct conn *c)
{
	c->fin = true;
	if (c->sock) {
		shutdown(c->wfd, SHUT_WR);
	} else if (c->wfd != c->rfd) {
		watch_stop(&c->wwatch);
		close(c->wfd);
		c->wfd = -1;
	}
	if (c->ended)
		conn_fail(c, CONN_EOF);
}

/* The kernel refused our bytes. What the peer said before it left may still be read, and tells more. */
static void
write_broken(struct conn *c)
{
	conn_set_error(c, strerror(errno));
	outq_clear(&c->out);
	c->broken = true;
	c->want_write = false;
	if (c->paused || c->ended || c->rfd != c->wfd || !c->opened)
		conn_fail(c, CONN_RESET);
	else
		conn_update(c);
}

/* Sends what is queued, tells the writer, ends our direction when that was asked. False: hands off. */
static bool
flush_out(struct conn *c)
{
	size_t had = c->out.n, taken;
	bool tell;
	int e;

	if (c->connecting || c->dead)
		return !c->dead;
	if (had > 0) {
		e = outq_send(&c->out, c->wfd, c->sock, NULL, 0, &taken);
		if (e == E_IO) {
			write_broken(c);
			return !c->dead;
		}
		c->want_write = c->out.n > 0;
		conn_update(c);
	} else if (c->want_write) {
		c->want_write = false;
		conn_update(c);
	}
	tell = (c->above && c->out.n <= CONN_MARK) || (had > 0 && c->out.n == 0);
	if (c->out.n <= CONN_MARK)
		c->above = false;
	if (c->dead || (tell && c->opened && !emit_drained(c)))
		return false;
	if (c->shut && !c->fin && c->opened && c->out.n == 0)
		send_fin(c);
	return !c->dead;
}

static void
on_flush(void *arg)
{
	struct conn *c = arg;

	flush_out(c);
}

void
conn_arm_flush(struct conn *c)
{
	if (!c->want_write && !c->dead)
		defer_arm(c->loop, &c->flush, on_flush, c);
}

void
conn_arm_pump(struct conn *c)
{
	defer_arm(c->loop, &c->pump, on_pump, c);
}

static void
begin_shutdown(struct conn *c)
{
	if (c->ssl)
		ctls_close_notify(c);
	defer_arm(c->loop, &c->flush, on_flush, c);
}

bool
conn_now_open(struct conn *c)
{
	c->opened = true;
	c->reading = true;
	if (c->shut)
		begin_shutdown(c);
	else if (c->out.n > 0)
		defer_arm(c->loop, &c->flush, on_flush, c);
	if (!emit_opened(c))
		return false;
	conn_update(c);
	return !c->dead;
}

/* Reading. */

static void
on_fin(struct conn *c)
{
	if (c->ssl && !c->opened) {
		conn_set_error(c, "peer closed the connection during the TLS handshake");
		conn_fail(c, CONN_TLS);
	} else if (c->broken) {
		conn_fail(c, CONN_RESET);
	} else if (c->ssl) {
		conn_fail(c, CONN_TRUNCATED);
	} else {
		conn_peer_ended(c);
	}
}

static void
on_readable(struct conn *c)
{
	struct scratch *s = conn_scratch();
	int one = 1;
	ssize_t n;

	if (c->paused) { /* pausing costs nothing until bytes do come */
		c->reading = false;
		conn_update(c);
		return;
	}
	if (c->spill || c->end != END_NONE)
		return; /* on_pump is armed */
	if (!s) {
		conn_set_error(c, err_str(E_NOMEM));
		conn_fail(c, CONN_RESET);
		return;
	}
	n = c->sock ? recv(c->rfd, s->in, sizeof s->in, 0) : read(c->rfd, s->in, sizeof s->in);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0) {
		conn_set_error(c, strerror(errno));
		conn_fail(c, CONN_RESET);
		return;
	}
	/* It matters while few bytes wait for an answer (a login: 42 ms), not in bulk, where it would be a call a read.
	 */
	if (c->quickack && n < QUICKACK_BELOW)
		setsockopt(c->rfd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	if (n >= BULK_READ)
		loop_bulk(c->loop);
	if (n == 0)
		on_fin(c);
	else if (c->ssl)
		ctls_input(c, s->in, (size_t)n);
	else
		conn_emit_data(c, s->in, (size_t)n);
}

/* Goes on without an event of the kernel: opening of plain connections, kept ciphertext, a kept end. */
static void
on_pump(void *arg)
{
	struct conn *c = arg;
	uint8_t *p = c->spill;

	if (!c->opened && !c->ssl) {
		conn_now_open(c);
		return;
	}
	if (c->paused)
		return;
	if (p) {
		c->spill = NULL;
		ctls_input(c, p, c->nspill);
		free(p);
	} else {
		ctls_end(c);
	}
}

static void
on_connected(struct conn *c)
{
	int err = 0;
	socklen_t n = sizeof err;

	if (getsockopt(c->rfd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
		err = errno;
	if (err != 0) {
		conn_set_error(c, strerror(err));
		conn_fail(c, CONN_REFUSED);
		return;
	}
	c->connecting = false;
	if (c->ssl) {
		c->reading = true;
		ctls_input(c, NULL, 0); /* sends the ClientHello */
		if (!c->dead)
			conn_update(c);
	} else {
		conn_now_open(c);
	}
}

static void
on_event(int fd, int events, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (c->connecting) {
		on_connected(c);
		return;
	}
	if ((events & LOOP_WRITE) && c->want_write && !flush_out(c))
		return;
	if ((events & LOOP_READ) && c->reading && !c->ended)
		on_readable(c);
}

void
conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
}

/* Writing. */

static int
write_plain(struct conn *c, const uint8_t *d, size_t n)
{
	size_t taken = 0;
	int e;

	if (n >= DIRECT_MIN && c->opened && !c->want_write) {
		e = outq_send(&c->out, c->wfd, c->sock, d, n, &taken);
		if (e == E_IO) {
			write_broken(c);
			return E_CLOSED;
		}
		if (e == E_AGAIN) {
			c->want_write = true;
			conn_update(c);
		}
	}
	if (taken < n && outq_put(&c->out, d + taken, n - taken) < 0) {
		conn_set_error(c, err_str(E_NOMEM));
		conn_fail(c, CONN_RESET); /* part of it may have gone: the stream is broken */
		return E_CLOSED;
	}
	return 0;
}

int
conn_write(struct conn *c, const void *d, size_t n)
{
	size_t extra = c->ssl ? (n / RECORD_MAX + 1) * RECORD_EXTRA : 0;
	int e;

	if (c->dead || c->shut || c->broken)
		return E_CLOSED;
	if (n == 0)
		return 0;
	if (c->ssl && !c->opened)
		return E_STATE;
	if (n > CONN_OUT_MAX || c->out.n + n + extra > CONN_OUT_MAX)
		return E_LIMIT;
	e = c->ssl ? ctls_write(c, d, n) : write_plain(c, d, n);
	if (e < 0)
		return e;
	c->bytes_out += n;
	if (c->out.n > CONN_MARK)
		c->above = true;
	if (!c->want_write && !c->connecting && c->opened && !c->dead)
		defer_arm(c->loop, &c->flush, on_flush, c);
	return 0;
}

size_t
conn_queued(const struct conn *c)
{
	return c->out.n;
}

void
conn_pause(struct conn *c)
{
	c->paused = true;
	if (c->broken) /* nothing would ever wake us */
		conn_fail(c, CONN_RESET);
}

void
conn_resume(struct conn *c)
{
	if (!c->paused || c->dead)
		return;
	c->paused = false;
	if (c->spill || c->end != END_NONE)
		defer_arm(c->loop, &c->pump, on_pump, c);
	if (!c->reading && c->opened) {
		c->reading = true;
		conn_update(c);
	}
}

bool
conn_paused(const struct conn *c)
{
	return c->paused;
}

void
conn_shutdown(struct conn *c)
{
	if (c->dead || c->shut)
		return;
	c->shut = true;
	if (c->opened)
		begin_shutdown(c);
}

void
conn_close(struct conn *c)
{
	if (c->dead)
		return;
	if (c->ssl && c->opened && !c->shut)
		ctls_close_notify(c);
	conn_fail(c, CONN_LOCAL);
}

void
conn_abort(struct conn *c)
{
	c->reset = true;
	conn_fail(c, CONN_LOCAL);
}

static void
on_deadline(void *arg)
{
	conn_fail(arg, CONN_TIMEOUT);
}

static void
deadline_arm(struct conn *c)
{
	if (timer_start(c->loop, &c->timer, c->deadline - loop_now(c->loop), on_deadline, c) < 0)
		conn_fail(c, CONN_TIMEOUT);
}

void
conn_deadline(struct conn *c, int64_t ms)
{
	timer_stop(&c->timer);
	c->deadline = ms > 0 ? loop_now(c->loop) + ms : 0;
	if (c->deadline && !c->dead)
		deadline_arm(c);
}

void
conn_dead_after(struct conn *c, unsigned ms)
{
	const int on = 1, idle = (int)(ms / 2000 + 1), every = (int)(ms / 6000 + 1), probes = 3;

	setsockopt(c->rfd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(c->rfd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(c->rfd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
	setsockopt(c->rfd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	setsockopt(c->rfd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

void
conn_quickack(struct conn *c, bool on)
{
	c->quickack = on;
}

/* Moving. While it is under way nothing of the connection is registered anywhere. */

static void
attach(struct conn *c)
{
	if (c->deadline)
		deadline_arm(c);
	if (c->ended && c->fin)
		conn_fail(c, CONN_EOF);
	if (c->dead)
		return;
	if (c->out.n > 0 || (c->shut && c->opened && !c->fin))
		defer_arm(c->loop, &c->flush, on_flush, c);
	if (c->spill || c->end != END_NONE || (!c->opened && !c->ssl && !c->connecting))
		defer_arm(c->loop, &c->pump, on_pump, c);
	conn_update(c);
}

static bool
emit_moved(struct conn *c)
{
	EMIT(c, c->moved(c, c->moved_arg));
}

static void
on_arrived(void *arg)
{
	struct conn *c = arg;

	if (emit_moved(c))
		attach(c);
}

int
conn_move(struct conn *c, struct loop *to, void (*fn)(struct conn *c, void *arg), void *arg)
{
	struct loop *from = c->loop;
	bool *gone = c->gone;
	int e;

	if (c->dead)
		return E_STATE;
	stop_all(c);
	c->gone = NULL;
	c->loop = to;
	c->moved = fn;
	c->moved_arg = arg;
	e = loop_post(to, on_arrived, c);
	if (e < 0) {
		c->loop = from;
		c->gone = gone;
		attach(c);
	} else if (gone) {
		*gone = true;
	}
	return e;
}

struct loop *
conn_loop(const struct conn *c)
{
	return c->loop;
}

const char *
conn_peer(const struct conn *c)
{
	return c->peer;
}

const char *
conn_peer_ip(const struct conn *c)
{
	return c->ip;
}

void
conn_set_peer(struct conn *c, const char *ip, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t n;

	if (addr_parse(ip, port, &a, &n) < 0)
		return;
	addr_ip((struct sockaddr *)&a, c->ip); /* v4-mapped v6 is written as v4 */
	addr_text((struct sockaddr *)&a, c->peer);
}

const char *
conn_error_text(const struct conn *c)
{
	return c->error ? c->error : "";
}

int
conn_fd(const struct conn *c)
{
	return c->rfd;
}

uint64_t
conn_bytes_in(const struct conn *c)
{
	return c->bytes_in;
}

uint64_t
conn_bytes_out(const struct conn *c)
{
	return c->bytes_out;
}
