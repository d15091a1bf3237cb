#include "edge/session/session_chan.h"

#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/session/host_int.h"

#define READ_PIECE 32768u
#define READ_TURN (256u << 10) /* of one channel in one turn: the others and the user's side come next */

enum request_kind { REQ_PTY, REQ_ENV, REQ_SHELL, REQ_EXEC, REQ_SUBSYSTEM, REQ_RESIZE, REQ_SIGNAL };

struct request {
	struct list in;
	enum request_kind kind;
	char *a, *b;
	uint32_t cols, rows;
	host_chan_done *done;
};

struct host_chan {
	struct list in; /* in host->chans */
	struct host *h;
	ssh_channel ch;
	struct ssh_channel_callbacks_struct cb;
	const struct host_chan_ops *ops;
	void *arg;
	char *to, *from; /* direct-tcpip */
	uint16_t port, from_port;
	struct list requests;
	size_t nrequests;
	struct buf out;
	bool opened, held, dead; /* dead: freed after this turn */
	bool want_eof, sent_eof, told_eof, told_exit, over_mark;
	bool exited, by_signal, core;
	uint32_t status;
	char signal[32];
};

static void
request_free(struct request *q)
{
	list_remove(&q->in);
	free(q->a);
	free(q->b);
	free(q);
}

static void
chan_free(struct host_chan *c)
{
	list_foreach (i, &c->requests)
		request_free(list_entry(i, struct request, in));
	if (c->ch) {
		ssh_remove_channel_callbacks(c->ch, &c->cb);
		ssh_channel_free(c->ch); /* tells the host */
	}
	buf_release(&c->out);
	list_remove(&c->in);
	c->h->nchans--;
	free(c->to);
	free(c->from);
	free(c);
}

/* From inside the walk: the memory goes when it is over. */
static void
chan_over(struct host_chan *c, const char *why)
{
	if (c->dead)
		return;
	c->dead = c->h->dead_chans = true;
	c->ops->closed(c, c->opened, why, c->arg);
	host_kick(c->h);
}

/* --- what libssh says; only noted here, since it must not be called back from inside ------------------------------ */

static void
on_exit_status(ssh_session s, ssh_channel ch, int status, void *arg)
{
	struct host_chan *c = arg;

	c->exited = true;
	c->status = (uint32_t)status;
}

static void
on_exit_signal(ssh_session s, ssh_channel ch, const char *name, int core, const char *text, const char *lang, void *arg)
{
	struct host_chan *c = arg;

	c->exited = c->by_signal = true;
	c->core = core != 0;
	if (str_copy(c->signal, sizeof c->signal, name) < 0)
		c->signal[0] = '\0';
}

/* --- making one --------------------------------------------------------------------------------------------------- */

static int
chan_new(struct host *h, const struct host_chan_ops *ops, void *arg, struct host_chan **ret_c)
{
	if (!host_ready(h))
		return E_STATE;
	if (h->nchans >= HOST_CHANNELS_MAX)
		return E_LIMIT;
	struct host_chan *c = calloc(1, sizeof *c);
	if (!c)
		return E_NOMEM;
	c->h = h;
	c->ops = ops;
	c->arg = arg;
	c->ch = ssh_channel_new(h->ssh);
	if (!c->ch) {
		free(c);
		return E_NOMEM;
	}
	ssh_channel_set_blocking(c->ch, 0);
	c->cb = (struct ssh_channel_callbacks_struct){.userdata = c,
	                                              .channel_exit_status_function = on_exit_status,
	                                              .channel_exit_signal_function = on_exit_signal};
	ssh_callbacks_init(&c->cb);
	ssh_set_channel_callbacks(c->ch, &c->cb);
	list_init(&c->requests);
	buf_init_secret(&c->out, CHAN_OUT_MAX); /* what is typed may be a password */
	list_push(&h->chans, &c->in);
	h->nchans++;
	*ret_c = c;
	return 0;
}

int
host_chan_session(struct host *h, const struct host_chan_ops *ops, void *arg, struct host_chan **ret_c)
{
	int e = chan_new(h, ops, arg, ret_c);

	if (e == 0)
		host_kick(h);
	return e;
}

int
host_chan_direct(struct host *h, const char *to, uint16_t port, const char *from, uint16_t from_port,
                 const struct host_chan_ops *ops, void *arg, struct host_chan **ret_c)
{
	struct host_chan *c;
	int e = chan_new(h, ops, arg, &c);

	if (e < 0)
		return e;
	c->to = str_dup(to);
	c->from = str_dup(from);
	c->port = port;
	c->from_port = from_port;
	if (!c->to || !c->from) {
		chan_free(c);
		return E_NOMEM;
	}
	*ret_c = c;
	host_kick(h);
	return 0;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static int
request(struct host_chan *c, enum request_kind kind, const char *a, const char *b, uint32_t cols, uint32_t rows,
        host_chan_done *done)
{
	struct request *q;

	if (c->dead || c->nrequests >= CHAN_REQUESTS_MAX)
		return c->dead ? E_STATE : E_LIMIT;
	q = calloc(1, sizeof *q);
	if (!q)
		return E_NOMEM;
	*q = (struct request){
	    .kind = kind, .a = str_dup(a ? a : ""), .b = str_dup(b ? b : ""), .cols = cols, .rows = rows, .done = done};
	list_push(&c->requests, &q->in);
	c->nrequests++;
	if (!q->a || !q->b) {
		request_free(q);
		c->nrequests--;
		return E_NOMEM;
	}
	host_kick(c->h);
	return 0;
}

int
host_chan_pty(struct host_chan *c, const char *term, uint32_t cols, uint32_t rows, host_chan_done *done)
{
	return request(c, REQ_PTY, term, NULL, cols, rows, done);
}

int
host_chan_env(struct host_chan *c, const char *name, const char *value, host_chan_done *done)
{
	return request(c, REQ_ENV, name, value, 0, 0, done);
}

int
host_chan_shell(struct host_chan *c, host_chan_done *done)
{
	return request(c, REQ_SHELL, NULL, NULL, 0, 0, done);
}

int
host_chan_exec(struct host_chan *c, const char *command, host_chan_done *done)
{
	return request(c, REQ_EXEC, command, NULL, 0, 0, done);
}

int
host_chan_subsystem(struct host_chan *c, const char *name, host_chan_done *done)
{
	return request(c, REQ_SUBSYSTEM, name, NULL, 0, 0, done);
}

int
host_chan_resize(struct host_chan *c, uint32_t cols, uint32_t rows)
{
	return request(c, REQ_RESIZE, NULL, NULL, cols, rows, NULL);
}

int
host_chan_signal(struct host_chan *c, const char *name)
{
	return request(c, REQ_SIGNAL, name, NULL, 0, 0, NULL);
}

static int
ask(struct host_chan *c, const struct request *q)
{
	switch (q->kind) {
	case REQ_PTY:
		return ssh_channel_request_pty_size(c->ch, q->a, (int)q->cols, (int)q->rows);
	case REQ_ENV:
		return ssh_channel_request_env(c->ch, q->a, q->b);
	case REQ_SHELL:
		return ssh_channel_request_shell(c->ch);
	case REQ_EXEC:
		return ssh_channel_request_exec(c->ch, q->a);
	case REQ_SUBSYSTEM:
		return ssh_channel_request_subsystem(c->ch, q->a);
	case REQ_RESIZE:
		return ssh_channel_change_pty_size(c->ch, (int)q->cols, (int)q->rows);
	default:
		return ssh_channel_request_send_signal(c->ch, q->a);
	}
}

static void
step_requests(struct host_chan *c)
{
	while (c->nrequests && !c->dead) {
		struct request *q = list_entry(c->requests.next, struct request, in);
		int r = ask(c, q);

		if (r == SSH_AGAIN)
			return;
		host_chan_done *done = q->done;
		request_free(q);
		c->nrequests--;
		if (done)
			done(c, r == SSH_OK, c->arg);
	}
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static void
step_out(struct host_chan *c)
{
	while (buf_len(&c->out) && !(ssh_get_status(c->h->ssh) & SSH_WRITE_PENDING)) {
		uint32_t room = ssh_channel_window_size(c->ch);
		size_t n = buf_len(&c->out);

		n = n > READ_PIECE ? READ_PIECE : n;
		n = n > room ? room : n;
		if (!n)
			break;
		int w = ssh_channel_write(c->ch, buf_ptr(&c->out), (uint32_t)n);
		if (w <= 0)
			break;
		buf_skip(&c->out, (size_t)w);
	}
	if (!buf_len(&c->out) && c->want_eof && !c->sent_eof) {
		c->sent_eof = true;
		ssh_channel_send_eof(c->ch);
	}
	if (c->over_mark && buf_len(&c->out) <= CHAN_OUT_MARK) {
		c->over_mark = false;
		if (c->ops->drained)
			c->ops->drained(c, c->arg);
	}
	if (!buf_len(&c->out))
		buf_release(&c->out);
}

/* True when there was something. */
static bool
step_in(struct host_chan *c, bool err, size_t *budget)
{
	static uint8_t piece[READ_PIECE];
	bool any = false;

	while (!c->held && !c->dead && *budget) {
		int n = ssh_channel_read_nonblocking(c->ch, piece, sizeof piece, err);
		if (n <= 0)
			break;
		any = true;
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
		c->ops->data(c, err, piece, (size_t)n, c->arg);
	}
	return any;
}

static bool
unread(struct host_chan *c)
{
	return ssh_channel_poll(c->ch, 0) > 0 || ssh_channel_poll(c->ch, 1) > 0;
}

static void
step_end(struct host_chan *c)
{
	if (c->dead || unread(c))
		return;
	if (ssh_channel_is_eof(c->ch) && !c->told_eof && (c->exited || ssh_is_connected(c->h->ssh))) {
		c->told_eof = true;
		if (c->ops->eof)
			c->ops->eof(c, c->arg);
	}
	if (!c->dead && c->exited && !c->told_exit && (c->told_eof || ssh_channel_is_closed(c->ch))) {
		c->told_exit = true;
		if (c->ops->exit)
			c->ops->exit(c, c->by_signal, c->status, c->signal, c->core, c->arg);
	}
	/* A lost connection closes channels too: only what came before it, or said how it ended, ended in order. */
	if (!c->dead && ssh_channel_is_closed(c->ch) && (c->exited || ssh_is_connected(c->h->ssh)))
		chan_over(c, "");
}

static bool
step_open(struct host_chan *c)
{
	int r;

	if (c->opened)
		return true;
	r = c->to ? ssh_channel_open_forward(c->ch, c->to, c->port, c->from, c->from_port)
	          : ssh_channel_open_session(c->ch);
	if (r == SSH_AGAIN)
		return false;
	if (r != SSH_OK) {
		chan_over(c, ssh_get_error(c->h->ssh));
		return false;
	}
	c->opened = true;
	if (c->ops->open)
		c->ops->open(c, c->arg);
	return !c->dead;
}

static void
chan_step(struct host_chan *c)
{
	size_t budget = READ_TURN;

	if (c->dead || !step_open(c))
		return;
	step_requests(c);
	if (c->dead)
		return;
	step_out(c);
	bool any = step_in(c, false, &budget);
	any |= step_in(c, true, &budget);
	step_end(c);
	if (any && !c->dead && !c->held && unread(c))
		host_kick(c->h);
}

void
chans_drive(struct host *h)
{
	list_foreach (i, &h->chans) {
		chan_step(list_entry(i, struct host_chan, in));
		if (h->state != HOST_READY)
			return;
	}
	if (!h->dead_chans)
		return;
	h->dead_chans = false;
	list_foreach (i, &h->chans) {
		struct host_chan *c = list_entry(i, struct host_chan, in);
		if (c->dead)
			chan_free(c);
	}
}

void
chans_lost(struct host *h, const char *why, bool tell)
{
	list_foreach (i, &h->chans) {
		struct host_chan *c = list_entry(i, struct host_chan, in);
		if (tell && !c->dead)
			chan_over(c, why);
		if (!tell)
			chan_free(c);
	}
}

int
host_chan_write(struct host_chan *c, const void *p, size_t n)
{
	if (c->dead || c->want_eof)
		return E_STATE;
	int e = buf_put(&c->out, p, n);
	if (e < 0)
		return e;
	c->over_mark |= buf_len(&c->out) > CHAN_OUT_MARK;
	host_kick(c->h);
	return 0;
}

size_t
host_chan_queued(const struct host_chan *c)
{
	return buf_len(&c->out);
}

void
host_chan_hold(struct host_chan *c, bool on)
{
	if (c->held && !on)
		host_kick(c->h);
	c->held = on;
}

void
host_chan_eof(struct host_chan *c)
{
	c->want_eof = true;
	host_kick(c->h);
}

void
host_chan_close(struct host_chan *c)
{
	static const struct host_chan_ops none;

	if (!c || c->dead)
		return;
	c->ops = &none;
	c->dead = c->h->dead_chans = true;
	host_kick(c->h);
}

void *
host_chan_arg(const struct host_chan *c)
{
	return c->arg;
}
