#include "cli/access/pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/str.h"
#include "crypto/random.h"
#include "net/http_client.h"
#include "wire/websocket.h"

#define OPEN_MS 30000
#define CLOSE_MS 3000 /* for the other side's close frame */
#define LOGIN_PREFIX "/cdn-cgi/access/login"
#define PIPE_BYTES (1 << 20) /* F_SETPIPE_SZ: 10 to 15 % of throughput (relay-prototype.md) */

struct pipe {
	struct loop *loop;
	const struct cli *c;
	const struct app *a;
	struct http_client *http;
	struct conn *ws, *local;
	int rfd, wfd;
	struct ws_in in;
	uint8_t masks[4096]; /* random, used four bytes a frame, then renewed */
	size_t nmask;
	bool close_sent, session;
	enum pipe_result result;
	pipe_done_fn *fn;
	void *arg;
};

static void
pipe_end(struct pipe *p, enum pipe_result r)
{
	if (p->ws) {
		conn_set_ops(p->ws, NULL, NULL);
		conn_close(p->ws);
	}
	if (p->local) {
		conn_set_ops(p->local, NULL, NULL);
		conn_close(p->local);
	}
	if (!p->session && p->rfd >= 0 && r != PIPE_LOGIN) {
		close(p->rfd);
		if (p->wfd != p->rfd)
			close(p->wfd);
	}
	p->fn(r, p->arg);
	free(p);
}

static const uint8_t *
next_mask(struct pipe *p)
{
	if (p->nmask < 4) {
		random_bytes(p->masks, sizeof p->masks);
		p->nmask = sizeof p->masks;
	}
	p->nmask -= 4;
	return p->masks + p->nmask;
}

static void
send_control(struct pipe *p, enum ws_op op, const void *d, size_t n)
{
	struct buf b;

	buf_init(&b, 256);
	if (p->ws && ws_put_frame(&b, op, d, n, next_mask(p)) == 0)
		conn_write(p->ws, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

static void
send_close(struct pipe *p, uint16_t code)
{
	uint8_t be[2] = {(uint8_t)(code >> 8), (uint8_t)code};

	if (!p->close_sent)
		send_control(p, WS_CLOSE, be, 2);
	p->close_sent = true;
}

/* --- from the local side ---------------------------------------------------------------------------------------------
 */

static void
local_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct pipe *p = arg;
	const uint8_t *mask = next_mask(p);
	uint8_t head[WS_HEAD_MAX];
	unsigned k = ws_head(head, WS_BINARY, n, mask);

	if (p->close_sent)
		return;
	ws_mask(d, n, mask, 0);
	memcpy(d - k, head, k); /* CONN_HEADROOM */
	if (conn_write(p->ws, d - k, n + k) < 0) {
		pipe_end(p, PIPE_LOST);
		return;
	}
	if (conn_queued(p->ws) > PIPE_MARK)
		conn_pause(c);
}

static void
local_drained(struct conn *c, void *arg)
{
	struct pipe *p = arg;

	if (conn_queued(c) <= CONN_MARK)
		conn_resume(p->ws);
}

/* ssh closes our standard input when it is done: say so, take what still comes, end. */
static void
local_eof(struct conn *c, void *arg)
{
	struct pipe *p = arg;

	send_close(p, 1000);
	conn_deadline(p->ws, CLOSE_MS);
}

static void
local_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct pipe *p = arg;

	p->local = NULL;
	send_close(p, 1000);
	pipe_end(p, p->result);
}

static const struct conn_ops local_ops = {NULL, local_data, local_drained, local_eof, local_closed};

/* --- from the application
 * ------------------------------------------------------------------------------------------------ */

static void
finish_local(struct pipe *p, enum pipe_result r)
{
	p->result = r;
	if (p->ws) {
		conn_set_ops(p->ws, NULL, NULL);
		conn_close(p->ws);
		p->ws = NULL;
	}
	if (!p->local) {
		pipe_end(p, r);
		return;
	}
	conn_pause(p->local); /* what is queued for it still leaves */
	conn_shutdown(p->local);
	conn_deadline(p->local, CLOSE_MS);
	if (!conn_queued(p->local))
		pipe_end(p, r);
}

/* False when the session is over and p must not be touched. */
static bool
on_event(struct pipe *p, const struct ws_event *ev)
{
	switch (ev->kind) {
	case WS_EV_DATA:
		if (!p->local || conn_write(p->local, ev->p, ev->n) < 0) {
			finish_local(p, PIPE_LOST);
			return false;
		}
		if (conn_queued(p->local) > PIPE_MARK)
			conn_pause(p->ws);
		return true;
	case WS_EV_PING:
		send_control(p, WS_PONG, ev->p, ev->n);
		return true;
	case WS_EV_CLOSE:
		send_close(p, 1000);
		finish_local(p, ev->code == 1000 || ev->code == 1001 || ev->code == 1005 ? PIPE_OK : PIPE_LOST);
		return false;
	case WS_EV_PONG:
	case WS_EV_NONE:
		break;
	}
	return true;
}

static void
ws_bytes(struct pipe *p, uint8_t *d, size_t n)
{
	struct reason why = {0};

	while (n) {
		struct ws_event ev = {0};
		uint16_t code = 0;
		size_t used = 0;
		if (ws_in_feed(&p->in, d, n, &used, &ev, &code, &why) < 0) {
			cli_fail(SP_CLIENT_PROTOCOL, "%s: %s", p->a->name, why.text);
			send_close(p, code);
			finish_local(p, PIPE_LOST);
			return;
		}
		d += used;
		n -= used;
		if (!on_event(p, &ev))
			return;
	}
}

static void
ws_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	ws_bytes(arg, d, n);
}

static void
ws_drained(struct conn *c, void *arg)
{
	struct pipe *p = arg;

	if (p->local && conn_queued(c) <= CONN_MARK)
		conn_resume(p->local);
}

static void
ws_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct pipe *p = arg;

	p->ws = NULL;
	/* A connector ends the stream without a close frame when its service did: that is an ordinary end. */
	finish_local(p, why == CONN_EOF || p->close_sent ? PIPE_OK : PIPE_LOST);
}

static const struct conn_ops ws_ops = {NULL, ws_data, ws_drained, NULL, ws_closed};

/* --- opening
 * --------------------------------------------------------------------------------------------------------------- */

static void
begin_session(struct pipe *p, struct conn *ws, struct slice left)
{
	p->session = true;
	p->ws = ws;
	ws_in_init(&p->in, WS_CLIENT);
	(void)fcntl(p->rfd, F_SETPIPE_SZ, PIPE_BYTES);
	(void)fcntl(p->wfd, F_SETPIPE_SZ, PIPE_BYTES);
	conn_set_ops(ws, &ws_ops, p);
	if (conn_new_fd(p->loop, p->rfd, p->wfd, &local_ops, p, &p->local) < 0) {
		cli_fail(SP_CLIENT_NET, "standard input or output cannot be used as a stream");
		pipe_end(p, PIPE_FAILED);
		return;
	}
	conn_resume(ws);
	if (left.n) {
		uint8_t *copy = malloc(left.n);
		if (!copy) {
			pipe_end(p, PIPE_FAILED);
			return;
		}
		memcpy(copy, left.p, left.n);
		ws_bytes(p, copy, left.n);
		free(copy);
	}
}

static enum pipe_result
explain_refusal(const struct pipe *p, const struct http_answer *a)
{
	char text[200];
	size_t n = a->body.n < sizeof text ? a->body.n : sizeof text - 1;
	const char *loc = http_answer_header(a, "location");

	if (a->status == 302 && loc) {
		const char *path = strstr(loc, "://") ? strchr(strstr(loc, "://") + 3, '/') : loc;
		if (path && str_starts(path, LOGIN_PREFIX))
			return PIPE_LOGIN;
	}
	memcpy(text, a->body.p ? a->body.p : (const uint8_t *)"", n);
	text[n] = 0;
	text[strcspn(text, "\r\n")] = 0;
	if (str_starts(text, "SP-"))
		cli_fail(0, "%.7s refused by %s:%s", text, p->a->team.host[0] ? p->a->team.host : p->a->name,
		         text + strcspn(text, " "));
	else
		cli_fail(SP_CLIENT_PROTOCOL, "%s answered with status %u instead of a session", p->a->name, a->status);
	return PIPE_REFUSED;
}

static void
on_answer(const struct http_answer *a, void *arg)
{
	struct pipe *p = arg;

	p->http = NULL;
	if (a->err < 0) {
		cli_fail(SP_CLIENT_NET, "cannot reach %s: %s failed: %s", p->a->name, http_step_str(a->step), a->why);
		pipe_end(p, PIPE_FAILED);
	} else if (a->conn) {
		begin_session(p, a->conn, a->left);
	} else {
		pipe_end(p, explain_refusal(p, a));
	}
}

static char *
token_header(struct slice token)
{
	return token.n ? str_fmt("Cf-Access-Token: %.*s", (int)token.n, (const char *)token.p) : NULL;
}

int
pipe_start(struct loop *l, const struct cli *c, const struct app *a, const struct pipe_options *o, struct tls_ctx *tls,
           struct slice token, int rfd, int wfd, pipe_done_fn *fn, void *arg, struct pipe **ret_p)
{
	struct pipe *p = calloc(1, sizeof *p);
	char url[400], *lines[4] = {NULL};
	const char *h[CLI_LIST_MAX + 6];
	size_t n = 0;
	int r;

	if (!p)
		return E_NOMEM;
	*p = (struct pipe){.loop = l, .c = c, .a = a, .rfd = rfd, .wfd = wfd, .fn = fn, .arg = arg, .result = PIPE_OK};
	lines[0] = token_header(token);
	lines[1] = o->service_id ? str_fmt("Cf-Access-Client-Id: %s", o->service_id) : NULL;
	lines[2] = o->service_secret ? str_fmt("Cf-Access-Client-Secret: %s", o->service_secret) : NULL;
	lines[3] = o->destination ? str_fmt("Cf-Access-Jump-Destination: %s", o->destination) : NULL;
	for (int i = 0; i < 4; i++)
		if (lines[i])
			h[n++] = lines[i];
	for (size_t i = 0; i < o->headers.n; i++)
		h[n++] = o->headers.v[i];
	h[n++] = "User-Agent: sallyport/" SALLYPORT_VERSION;
	h[n] = NULL;
	snprintf(url, sizeof url, "https://%s/", a->name);
	struct http_ask q = {.method = "GET",
	                     .url = url,
	                     .headers = h,
	                     .body_max = 65536,
	                     .deadline_ms = OPEN_MS,
	                     .connect_to = c->connect_to,
	                     .tls = tls,
	                     .websocket = true};
	r = http_client_start(l, &q, on_answer, p, &p->http);
	for (int i = 0; i < 4; i++) {
		if (lines[i])
			mem_wipe(lines[i], strlen(lines[i]));
		free(lines[i]);
	}
	if (r < 0)
		free(p);
	else if (ret_p)
		*ret_p = p;
	return r;
}
