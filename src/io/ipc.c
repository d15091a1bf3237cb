/*
 * ipc: see io/ipc.h.
 *
 * A descriptor travels with the first byte of its frame: such a frame always begins a sendmsg of its own. The kernel
 * may hand a receiver the bytes of earlier frames in the same recvmsg, so received descriptors queue up, a frame with
 * the flag takes the oldest, and one left over when the input is empty was sent without a frame: the channel closes.
 *
 * A channel ends in one place, on_life, from the loop; until then the memory stays, so handlers may close it.
 */
#include "io/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/err.h"
#include "core/secret.h"
#include "io/ipc_frame.h"

#define READ_STEP (64u << 10)
#define FDS_MAX 8u /* descriptors received and not yet claimed: a peer must not fill our table */
#define IOV_USED 64
#define BUCKETS 64u
#define ARENA_MAX (4u * MSG_BYTES_MAX) /* decoded form of one message: string arrays cost pointers */

struct frame {
	struct frame *next;
	struct buf b;
	int fd; /* ours, or -1 once sent */
};

struct pending {
	struct list link; /* bucket */
	uint32_t id;
	int64_t deadline;
	const struct msg_def *reply;
	ipc_reply_fn *fn;
	void *arg;
};

struct ipc {
	struct loop *loop;
	int fd;
	const char *name;
	struct ipc_ops ops;
	void *arg;
	struct loop_watch watch;
	struct loop_defer flush, life;
	struct loop_timer timer;
	int64_t timer_at;
	struct frame *out, **out_end;
	size_t nout; /* bytes */
	struct buf in;
	int fds[FDS_MAX];
	unsigned nfds;
	struct list pending[BUCKETS];
	unsigned npending;
	uint32_t last_id;
	unsigned phase;
	bool *seen; /* by row, for IPC_ONCE */
	bool dead, told, broken, wait_out;
	char why[192];
};

static void on_event(int fd, int events, void *arg);
static void on_deadline(void *arg);

static void
frame_free(struct frame *f)
{
	if (f->fd >= 0)
		close(f->fd);
	buf_release(&f->b);
	free(f);
}

static void
drop_out(struct ipc *c)
{
	while (c->out) {
		struct frame *f = c->out;

		c->out = f->next;
		frame_free(f);
	}
	c->out_end = &c->out;
	c->nout = 0;
}

/* Every pending request gets its E_CLOSED, each once; callbacks may call anything. */
static void
drop_pending(struct ipc *c)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (!list_empty(&c->pending[i])) {
			struct pending *p = list_entry(c->pending[i].next, struct pending, link);

			list_remove(&p->link);
			c->npending--;
			p->fn(E_CLOSED, NULL, p->arg);
			free(p);
		}
	}
}

static void
on_life(void *arg)
{
	struct ipc *c = arg;

	drop_pending(c);
	if (!c->told && c->ops.closed)
		c->ops.closed(c, c->why, c->arg);
	drop_out(c);
	for (unsigned i = 0; i < c->nfds; i++)
		close(c->fds[i]);
	if (c->fd >= 0)
		close(c->fd);
	buf_release(&c->in);
	free(c->seen);
	free(c);
}

static void
stop(struct ipc *c)
{
	c->dead = true;
	watch_stop(&c->watch);
	timer_stop(&c->timer);
	defer_cancel(&c->flush);
	defer_arm(c->loop, &c->life, on_life, c);
}

static void __attribute__((format(printf, 2, 3))) lost(struct ipc *c, const char *fmt, ...)
{
	va_list ap;

	if (c->dead)
		return;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof c->why, fmt, ap);
	va_end(ap);
	stop(c);
}

/* Sending. */

static bool
has_secret(const struct msg_def *d)
{
	for (size_t i = 0; i < d->nf; i++)
		if (d->f[i].kind == MSG_SECRET)
			return true;
	return false;
}

/* Takes k sent bytes off the queue. */
static void
sent(struct ipc *c, size_t k)
{
	c->nout -= k;
	while (k > 0) {
		struct frame *f = c->out;
		size_t n = buf_len(&f->b);

		if (f->fd >= 0) { /* it left with the first byte */
			close(f->fd);
			f->fd = -1;
		}
		if (k < n) {
			buf_skip(&f->b, k);
			return;
		}
		k -= n;
		c->out = f->next;
		if (!c->out)
			c->out_end = &c->out;
		frame_free(f);
	}
}

/* One sendmsg: frames up to the next one that carries a descriptor. 0, E_AGAIN or E_CLOSED. */
static int
send_some(struct ipc *c)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl = {0};
	struct iovec v[IOV_USED];
	struct msghdr m = {.msg_iov = v};
	ssize_t r;

	for (struct frame *f = c->out; f && m.msg_iovlen < IOV_USED && (f == c->out || f->fd < 0); f = f->next)
		v[m.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)buf_ptr(&f->b), buf_len(&f->b)};
	if (c->out->fd >= 0) {
		m.msg_control = &ctl;
		m.msg_controllen = sizeof ctl.space;
		ctl.h = (struct cmsghdr){
		    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&ctl.h), &c->out->fd, sizeof(int));
	}
	do
		r = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r >= 0) {
		sent(c, (size_t)r);
		return 0;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		return E_AGAIN;
	/* The peer left. What it said before is still to be read, then the end of file closes us. */
	c->broken = true;
	drop_out(c);
	return E_CLOSED;
}

static void
want(struct ipc *c, bool out)
{
	c->wait_out = out;
	if (watch_events(&c->watch, LOOP_READ | (out ? LOOP_WRITE : 0)) < 0)
		lost(c, "cannot watch the channel: %s", strerror(errno));
}

static void
on_flush(void *arg)
{
	struct ipc *c = arg;

	while (c->out)
		if (send_some(c) < 0)
			break;
	if (c->wait_out != (c->out != NULL))
		want(c, c->out != NULL);
}

static int
queue(struct ipc *c, const struct msg_def *d, const void *m, unsigned flags, uint32_t id, int fd)
{
	struct frame *f;
	size_t len;
	int e;

	if (!c || c->dead || c->broken)
		return E_CLOSED;
	if (c->nout > IPC_OUT_MAX)
		return E_LIMIT;
	f = calloc(1, sizeof *f);
	if (!f)
		return E_NOMEM;
	f->fd = -1;
	if (has_secret(d))
		buf_init_secret(&f->b, MSG_BYTES_MAX + IPC_HEAD);
	else
		buf_init(&f->b, MSG_BYTES_MAX + IPC_HEAD);
	e = buf_put_u32(&f->b, 0);
	if (e == 0)
		e = buf_put_u16(&f->b, d->type);
	if (e == 0)
		e = buf_put_u16(&f->b, (uint16_t)flags);
	if (e == 0)
		e = buf_put_u32(&f->b, id);
	if (e == 0)
		e = msg_encode(d, m, &f->b);
	len = buf_len(&f->b);
	if (e == 0 && c->nout + len > IPC_OUT_MAX)
		e = E_LIMIT;
	if (e == 0 && (flags & IPC_FLAG_FD)) {
		f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (f->fd < 0)
			e = E_IO;
	}
	if (e < 0) {
		frame_free(f);
		return e;
	}
	for (int i = 0; i < 4; i++) /* the length, now that it is known */
		f->b.d[f->b.r + (size_t)i] = (uint8_t)((len - 4) >> (24 - 8 * i));
	*c->out_end = f;
	c->out_end = &f->next;
	c->nout += len;
	if (!c->wait_out)
		defer_arm(c->loop, &c->flush, on_flush, c);
	return 0;
}

int
ipc_send(struct ipc *c, const struct msg_def *d, const void *m)
{
	return queue(c, d, m, 0, 0, -1);
}

int
ipc_send_fd(struct ipc *c, const struct msg_def *d, const void *m, int fd)
{
	return queue(c, d, m, IPC_FLAG_FD, 0, fd);
}

int
ipc_reply(struct ipc *c, uint32_t id, const struct msg_def *d, const void *m)
{
	return id == 0 ? E_STATE : queue(c, d, m, IPC_FLAG_REPLY, id, -1);
}

int
ipc_flush(struct ipc *c)
{
	struct pollfd p;
	int e = 0;

	if (!c || c->dead)
		return E_CLOSED;
	while (c->out && e == 0) {
		e = send_some(c);
		if (e != E_AGAIN)
			continue;
		p = (struct pollfd){.fd = c->fd, .events = POLLOUT};
		e = poll(&p, 1, -1) < 0 && errno != EINTR ? E_IO : 0;
	}
	return e;
}

/* Requests. */

static void
timer_for(struct ipc *c, int64_t deadline)
{
	if (c->timer_at && c->timer_at <= deadline && timer_active(&c->timer))
		return;
	c->timer_at = deadline;
	if (timer_start(c->loop, &c->timer, deadline - loop_now(c->loop), on_deadline, c) < 0)
		lost(c, "no timer for a request");
}

/* Callbacks may add or forget requests: after each the search begins again. */
static void
on_deadline(void *arg)
{
	struct ipc *c = arg;
	int64_t now = loop_now(c->loop), next = 0;

	c->timer_at = 0;
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct list *at = c->pending[i].next;

		while (at != &c->pending[i]) {
			struct pending *p = list_entry(at, struct pending, link);

			at = at->next;
			if (p->deadline > now) {
				if (next == 0 || p->deadline < next)
					next = p->deadline;
				continue;
			}
			list_remove(&p->link);
			c->npending--;
			p->fn(E_TIMEOUT, NULL, p->arg);
			free(p);
			if (c->dead)
				return;
			at = c->pending[i].next;
		}
	}
	if (next)
		timer_for(c, next);
}

static struct pending *
pending_find(struct ipc *c, uint32_t id)
{
	list_foreach (it, &c->pending[id % BUCKETS]) {
		struct pending *p = list_entry(it, struct pending, link);

		if (p->id == id)
			return p;
	}
	return NULL;
}

static uint32_t
fresh_id(struct ipc *c)
{
	do
		c->last_id = c->last_id == UINT32_MAX ? 1 : c->last_id + 1;
	while (pending_find(c, c->last_id));
	return c->last_id;
}

int
ipc_request(struct ipc *c, const struct msg_def *d, const void *m, const struct msg_def *reply_def, int64_t deadline_ms,
            ipc_reply_fn *fn, void *arg)
{
	struct pending *p;
	int e;

	if (!c || c->dead || c->broken)
		return E_CLOSED;
	if (deadline_ms <= 0)
		return E_RANGE;
	if (c->npending >= IPC_PENDING_MAX)
		return E_LIMIT;
	p = calloc(1, sizeof *p);
	if (!p)
		return E_NOMEM;
	*p = (struct pending){.id = fresh_id(c), .reply = reply_def, .fn = fn, .arg = arg};
	p->deadline = loop_now(c->loop) + deadline_ms;
	e = queue(c, d, m, 0, p->id, -1);
	if (e < 0) {
		free(p);
		return e;
	}
	list_push(&c->pending[p->id % BUCKETS], &p->link);
	c->npending++;
	timer_for(c, p->deadline);
	return 0;
}

void
ipc_forget(struct ipc *c, const void *arg)
{
	if (!c)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		list_foreach (it, &c->pending[i]) {
			struct pending *p = list_entry(it, struct pending, link);

			if (p->arg != arg)
				continue;
			list_remove(&p->link);
			c->npending--;
			free(p);
		}
	}
}

/* Receiving. */

static void
wipe_secrets(const struct msg_def *d, const void *m)
{
	for (size_t i = 0; i < d->nf; i++) {
		struct slice s;

		if (d->f[i].kind != MSG_SECRET)
			continue;
		memcpy(&s, (const char *)m + d->f[i].off, sizeof s);
		if (s.n > 0)
			mem_wipe((void *)(uintptr_t)s.p, s.n); /* our own input buffer or arena */
	}
}

/* Decodes f as d; the struct is in a. */
static int
decode(const struct msg_def *d, const struct ipc_frame *f, struct arena *a, void **ret_m)
{
	void *m = arena_alloc(a, d->size);
	int e = m ? msg_decode(d, f->payload, a, m) : E_NOMEM;

	if (e == 0)
		*ret_m = m;
	return e;
}

static void
take_reply(struct ipc *c, const struct ipc_frame *f)
{
	struct pending *p = pending_find(c, f->id);
	struct arena a;
	void *m = NULL;
	int e = E_FORMAT;

	if (f->flags & IPC_FLAG_FD) {
		lost(c, "%s sent a reply with a descriptor", c->name);
		return;
	}
	if (!p) { /* timed out or forgotten, unless it was never asked */
		if (f->id > c->last_id)
			lost(c, "%s answered a request that was never made", c->name);
		return;
	}
	list_remove(&p->link);
	c->npending--;
	arena_init(&a, ARENA_MAX);
	if (p->reply->type == f->type)
		e = decode(p->reply, f, &a, &m);
	if (e < 0)
		lost(c, "%s sent a bad reply: type %04x, expected %s: %s", c->name, f->type, p->reply->name,
		     err_str(e));
	p->fn(e < 0 ? E_FORMAT : 0, m, p->arg);
	if (m)
		wipe_secrets(p->reply, m);
	arena_release(&a);
	free(p);
}

/* The row that permits f now, or NULL after closing the channel. */
static const struct ipc_row *
row_for(struct ipc *c, const struct ipc_frame *f)
{
	const struct ipc_row *r = NULL;
	size_t i;

	for (i = 0; i < c->ops.nrows && !r; i++)
		if (c->ops.rows[i].def->type == f->type)
			r = &c->ops.rows[i];
	if (!r) {
		lost(c, "%s sent a message of type %04x, which it may not", c->name, f->type);
		return NULL;
	}
	i--;
	if (!(r->phases & c->phase))
		lost(c, "%s sent %s in phase %x", c->name, r->def->name, c->phase);
	else if ((r->flags & IPC_ONCE) && c->seen[i])
		lost(c, "%s sent %s twice", c->name, r->def->name);
	else if (((r->flags & IPC_REQUEST) != 0) != (f->id != 0))
		lost(c, "%s sent %s %s a request id", c->name, r->def->name, f->id ? "with" : "without");
	else if (((r->flags & IPC_FD) != 0) != ((f->flags & IPC_FLAG_FD) != 0))
		lost(c, "%s sent %s %s a descriptor", c->name, r->def->name,
		     f->flags & IPC_FLAG_FD ? "with" : "without");
	if (c->dead)
		return NULL;
	c->seen[i] = true;
	return r;
}

static void
take_message(struct ipc *c, const struct ipc_frame *f)
{
	const struct ipc_row *r = row_for(c, f);
	struct arena a;
	void *m = NULL;
	int e, fd = -1;

	if (!r)
		return;
	if ((f->flags & IPC_FLAG_FD) && c->nfds == 0) {
		lost(c, "%s sent %s whose descriptor is missing", c->name, r->def->name);
		return;
	}
	arena_init(&a, ARENA_MAX);
	e = decode(r->def, f, &a, &m);
	if (e < 0) {
		lost(c, "%s sent a malformed %s: %s", c->name, r->def->name, err_str(e));
		goto out;
	}
	if (f->flags & IPC_FLAG_FD) {
		fd = c->fds[0];
		c->nfds--;
		memmove(c->fds, c->fds + 1, c->nfds * sizeof *c->fds);
	}
	r->handler(c, f->id, m, fd, c->arg);
	wipe_secrets(r->def, m);
out:
	arena_release(&a);
}

static void
take_frames(struct ipc *c)
{
	while (!c->dead && buf_len(&c->in) > 0) {
		struct ipc_frame f;
		size_t used;
		int e = ipc_frame_parse(buf_slice(&c->in), &f, &used);

		if (e == E_TRUNC)
			return;
		if (e < 0) {
			lost(c, "%s broke the framing: %s", c->name, err_str(e));
			return;
		}
		if (f.flags & IPC_FLAG_REPLY)
			take_reply(c, &f);
		else
			take_message(c, &f);
		buf_skip(&c->in, used);
	}
	if (!c->dead && c->nfds > 0)
		lost(c, "%s sent a descriptor that no message mentions", c->name);
}

static void
take_fds(struct ipc *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (c->nfds < FDS_MAX && !c->dead) {
				c->fds[c->nfds++] = fd;
			} else {
				close(fd);
				lost(c, "%s sent too many descriptors", c->name);
			}
		}
	}
	if (m->msg_flags & MSG_CTRUNC)
		lost(c, "%s sent more descriptors than we take", c->name);
}

static void
on_readable(struct ipc *c)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} ctl;
	struct iovec v = {.iov_len = READ_STEP};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl.space};
	uint8_t *p;
	ssize_t n;

	if (buf_reserve(&c->in, READ_STEP, &p) < 0) {
		lost(c, "no memory for what %s sends", c->name);
		return;
	}
	v.iov_base = p;
	n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 && errno != ECONNRESET) {
		lost(c, "%s: %s", c->name, strerror(errno));
		return;
	}
	if (n < 0) { /* it left with messages of ours unread */
		lost(c, "%s has gone", c->name);
		return;
	}
	take_fds(c, &m);
	if (n == 0) {
		lost(c, buf_len(&c->in) ? "%s left in the middle of a message" : "%s has gone", c->name);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	take_frames(c);
}

static void
on_event(int fd, int events, void *arg)
{
	struct ipc *c = arg;

	(void)fd;
	if ((events & LOOP_WRITE) && c->wait_out)
		on_flush(c);
	if ((events & LOOP_READ) && !c->dead)
		on_readable(c);
}

/* Life. */

int
ipc_new(struct loop *l, int fd, const char *name, const struct ipc_ops *ops, void *arg, struct ipc **ret_c)
{
	struct ipc *c = calloc(1, sizeof *c);
	int e = E_NOMEM;

	if (!c)
		goto fail;
	*c = (struct ipc){.loop = l, .fd = fd, .name = name, .ops = *ops, .arg = arg, .phase = 1};
	c->out_end = &c->out;
	buf_init_secret(&c->in, MSG_BYTES_MAX + IPC_HEAD + READ_STEP);
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&c->pending[i]);
	c->seen = calloc(ops->nrows ? ops->nrows : 1, sizeof *c->seen);
	if (!c->seen)
		goto fail;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	e = watch_start(l, &c->watch, fd, LOOP_READ, on_event, c);
	if (e < 0)
		goto fail;
	*ret_c = c;
	return 0;
fail:
	if (c)
		free(c->seen);
	free(c);
	close(fd);
	return e;
}

void
ipc_close(struct ipc *c)
{
	if (!c || c->told)
		return;
	c->told = true; /* the owner knows */
	while (!c->dead && c->out)
		if (send_some(c) < 0)
			break;
	if (!c->dead)
		stop(c);
	drop_pending(c);
}

void
ipc_phase(struct ipc *c, unsigned phase_bit)
{
	c->phase = phase_bit;
}

const char *
ipc_name(const struct ipc *c)
{
	return c->name;
}

void *
ipc_arg(const struct ipc *c)
{
	return c->arg;
}
