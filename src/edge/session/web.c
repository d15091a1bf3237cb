#include "edge/session/web.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "edge/session/session_host.h"

#define TICK_MS 1000
#define IDLE_WARN_S 60
#define UNTIL_WARN_S 300

static void web_tick(void *arg);

/* --- to the browser ----------------------------------------------------------------------------------------------- */

void
web_say(struct web *w, json_t *j)
{
	char *text = j ? json_dump_str(j) : NULL;

	if (text && w->ws)
		sws_send(w->ws, WS_TEXT, text, strlen(text));
	free(text);
	json_decref(j);
}

int
web_bytes(struct web *w, enum web_type type, const void *p, size_t n)
{
	uint8_t t = (uint8_t)type;

	return w->ws ? sws_send2(w->ws, WS_BINARY, &t, 1, p, n) : E_CLOSED;
}

static void
say_text(struct web *w, const char *type, int code, const char *text)
{
	if (code) {
		char sp[16];
		snprintf(sp, sizeof sp, "SP-%d", code);
		web_say(w, json_pack("{s:s, s:s, s:s}", "type", type, "code", sp, "text", text));
	} else {
		web_say(w, json_pack("{s:s, s:s}", "type", type, "text", text));
	}
}

static void
say_state(struct web *w, const char *state)
{
	struct sess *s = w->s;

	web_say(w, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "type", "state", "state", state,
	                     "session", s->id, "user", s->user, "host", s->destination, "email", s->email, "offset",
	                     (json_int_t)w->sent, "until", (json_int_t)s->until, "idle", (json_int_t)s->idle_s,
	                     "reattach", (json_int_t)s->detached_s));
}

static void
hold_host(struct web *w)
{
	if (w->chan)
		host_chan_hold(w->chan, w->ring.end - w->acked > WEB_WINDOW);
}

/* What the browser has not been given yet. */
static void
flow(struct web *w)
{
	const uint8_t *p;
	size_t n;

	while (w->ws && w->opened && sws_queued(w->ws) <= CONN_MARK && (n = replay_at(&w->ring, w->sent, &p)) > 0) {
		n = n < WEB_PIECE ? n : WEB_PIECE;
		if (web_bytes(w, WEB_TERMINAL, p, n) < 0)
			break;
		w->sent += n;
	}
	hold_host(w);
}

/* --- the shell ---------------------------------------------------------------------------------------------------- */

static void
on_chan_data(struct host_chan *c, bool err, uint8_t *p, size_t n, void *arg)
{
	struct web *w = arg;

	w->s->bytes_out += n;
	if (replay_put(&w->ring, p, n) < 0) {
		sess_end(w->s, SP_INTERNAL, "The edge has no memory for this session.");
		return;
	}
	flow(w);
}

void
web_take(struct web *w)
{
	if (w->ws && (!w->chan || host_chan_queued(w->chan) <= CHAN_OUT_MARK) &&
	    (!w->sftp || host_chan_queued(w->sftp) <= CHAN_OUT_MARK))
		sws_hold(w->ws, false);
}

static void
on_chan_drained(struct host_chan *c, void *arg)
{
	web_take(arg);
}

static void
on_chan_exit(struct host_chan *c, bool by_signal, uint32_t status, const char *signal, bool core, void *arg)
{
	struct web *w = arg;

	flow(w);
	w->s->exited = !by_signal;
	w->s->exit_status = status;
	if (by_signal)
		web_say(w, json_pack("{s:s, s:s}", "type", "exit", "signal", signal));
	else
		web_say(w, json_pack("{s:s, s:I}", "type", "exit", "status", (json_int_t)status));
}

static void
on_chan_closed(struct host_chan *c, bool opened, const char *why, void *arg)
{
	struct web *w = arg;

	w->chan = NULL;
	if (!host_ready(w->s->host))
		return; /* all of it was lost: main says why */
	if (!opened)
		sess_end(w->s, SP_HOST_REFUSED, "The host opens no shell: %.200s", why);
	else
		sess_end(w->s, 0, "%s", *why ? why : "The shell ended.");
}

static void
on_pty(struct host_chan *c, bool ok, void *arg)
{
	struct web *w = arg;

	if (!ok)
		say_text(w, "notice", 0,
		         "The host gives no terminal: the certificate or sshd_config (PermitTTY) does not permit it.");
}

static void
on_shell(struct host_chan *c, bool ok, void *arg)
{
	struct web *w = arg;

	if (!ok) {
		sess_end(w->s, SP_HOST_REFUSED, "The host opens no shell for user %s.", w->s->user);
		return;
	}
	w->shell = true;
	say_state(w, "ready");
}

static const struct host_chan_ops chan_ops = {
    .data = on_chan_data, .drained = on_chan_drained, .exit = on_chan_exit, .closed = on_chan_closed};

/* Once the host is ready and the browser has said how large it is. */
static void
shell_start(struct web *w)
{
	struct sess *s = w->s;

	if (w->chan || !w->opened_once || !host_ready(s->host))
		return;
	if (host_chan_session(s->host, &chan_ops, w, &w->chan) < 0 ||
	    host_chan_pty(w->chan, "xterm-256color", w->cols, w->rows, on_pty) < 0 ||
	    host_chan_env(w->chan, "LANG", "C.UTF-8", NULL) < 0 || host_chan_shell(w->chan, on_shell) < 0)
		sess_end(s, SP_INTERNAL, "The edge cannot open a shell.");
}

/* --- from the browser --------------------------------------------------------------------------------------------- */

static void
wire_end(struct web *w, const char *what)
{
	sess_end(w->s, SP_SESSION_WIRE, "The browser sent what the terminal protocol does not have: %s.", what);
}

static bool
size_read(struct web *w, const json_t *j)
{
	int64_t cols = json_i64_or(j, "cols", 0), rows = json_i64_or(j, "rows", 0);

	if (cols < 1 || rows < 1 || cols > WEB_COLS_MAX || rows > WEB_ROWS_MAX)
		return false;
	w->cols = (uint32_t)cols;
	w->rows = (uint32_t)rows;
	return true;
}

static void
on_open(struct web *w, const json_t *j)
{
	int64_t from = json_i64_or(j, "from", 0);
	uint64_t begin = replay_begin(&w->ring);

	if (w->opened || from < 0 || (uint64_t)from > w->ring.end || !size_read(w, j)) {
		wire_end(w, "\"open\" with a size and an offset that fit, once");
		return;
	}
	w->opened = true;
	w->sent = (uint64_t)from < begin ? begin : (uint64_t)from;
	w->acked = w->sent;
	if (w->shell) {
		host_chan_resize(w->chan, w->cols, w->rows);
		say_state(w, "ready");
	}
	w->opened_once = true;
	flow(w);
	shell_start(w);
}

static void
on_resize(struct web *w, const json_t *j)
{
	if (!size_read(w, j))
		wire_end(w, "a size that no terminal has");
	else if (w->chan)
		host_chan_resize(w->chan, w->cols, w->rows);
}

static void
on_ack(struct web *w, const json_t *j)
{
	int64_t at = json_i64_or(j, "offset", -1);

	if (at < 0 || (uint64_t)at > w->sent) {
		wire_end(w, "\"ack\" of what was not sent");
		return;
	}
	if ((uint64_t)at > w->acked)
		w->acked = (uint64_t)at;
	flow(w);
}

static void
on_close(struct web *w, const json_t *j)
{
	sess_end(w->s, 0, "Closed by the user.");
}

/* A page cannot see a WebSocket's own pings. */
static void
on_ping(struct web *w, const json_t *j)
{
	web_say(w, json_pack("{s:s}", "type", "pong"));
}

static const struct {
	const char *type;
	bool before_open;
	void (*fn)(struct web *w, const json_t *j);
} controls[] = {{"open", true, on_open}, {"resize", false, on_resize},    {"ack", false, on_ack},
                {"ping", true, on_ping}, {"sftp", false, web_sftp_start}, {"close", true, on_close}};

static void
on_control(struct web *w)
{
	json_t *j = NULL;
	const char *type;

	if (json_load_strict(w->text, w->ntext, WEB_TEXT_MAX, &j) < 0 || !json_is_object(j)) {
		json_decref(j);
		wire_end(w, "text that is no JSON object");
		return;
	}
	type = json_str_or(j, "type", "");
	size_t i = 0;
	for (; i < sizeof controls / sizeof *controls; i++)
		if (!strcmp(controls[i].type, type))
			break;
	if (i == sizeof controls / sizeof *controls)
		wire_end(w, "a message of unknown type");
	else if (!w->opened && !controls[i].before_open)
		wire_end(w, "a message before \"open\"");
	else
		controls[i].fn(w, j);
	json_decref(j);
}

static void
take_text(struct web *w, const struct sws_part *d)
{
	if (d->begin)
		w->ntext = 0;
	if (!w->text && !(w->text = malloc(WEB_TEXT_MAX))) {
		sess_end(w->s, SP_INTERNAL, "The edge has no memory for this session.");
		return;
	}
	if (d->n > WEB_TEXT_MAX - w->ntext) {
		wire_end(w, "a control message that is too long");
		return;
	}
	if (d->n)
		memcpy(w->text + w->ntext, d->p, d->n);
	w->ntext += d->n;
	if (!d->end)
		return;
	on_control(w);
	free(w->text);
	w->text = NULL;
}

static void
typed(struct web *w, const uint8_t *p, size_t n)
{
	if (!n)
		return;
	w->typed_at = loop_now(w->s->loop);
	w->idle_told = false;
	w->s->bytes_in += n;
	if (!w->chan || !w->opened)
		return; /* nobody there yet: as a terminal that is not connected */
	if (host_chan_write(w->chan, p, n) < 0)
		sess_end(w->s, SP_HOST_LOST, "The host does not take what is typed.");
	else if (w->ws && host_chan_queued(w->chan) > CHAN_OUT_MARK)
		sws_hold(w->ws, true);
}

static void
take_binary(struct web *w, const struct sws_part *d)
{
	const uint8_t *p = d->p;
	size_t n = d->n;

	if (d->begin)
		w->type = -1;
	if (w->type < 0 && n) {
		w->type = *p++;
		n--;
	}
	if (!n)
		return;
	if (w->type == WEB_TERMINAL)
		typed(w, p, n);
	else if (w->type == WEB_SFTP && w->opened)
		web_sftp_bytes(w, p, n);
	else
		wire_end(w, "bytes of an unknown type");
}

static void
on_part(struct sws *ws, const struct sws_part *d, void *arg)
{
	struct web *w = arg;

	if (w->ending)
		return;
	if (d->text)
		take_text(w, d);
	else
		take_binary(w, d);
}

static void
on_ws_drained(struct sws *ws, void *arg)
{
	flow(arg);
	web_sftp_flow(arg);
}

static void
browser_gone(struct web *w)
{
	web_sftp_drop(w);
	sws_free(w->ws);
	w->ws = NULL;
	w->opened = false;
	free(w->text);
	w->text = NULL;
}

static void
on_ws_closed(struct sws *ws, enum sws_why why, unsigned code, const char *text, void *arg)
{
	struct web *w = arg;

	browser_gone(w);
	if (w->ending) {
		sess_gone(w->s);
		return;
	}
	if (why == SWS_PROTOCOL) {
		sess_end(w->s, SP_SESSION_WIRE, "The browser broke the WebSocket protocol: %.100s.", text);
		return;
	}
	if (!w->s->detached_s || !w->shell) {
		sess_end(w->s, 0, "The browser left.");
		return;
	}
	w->detached_at = loop_now(w->s->loop);
	sess_state(w->s, SESSION_DETACHED);
	hold_host(w);
}

static const struct sws_ops ws_ops = {.part = on_part, .drained = on_ws_drained, .closed = on_ws_closed};

/* --- the mode ----------------------------------------------------------------------------------------------------- */

static int
web_begin(struct sess *s)
{
	struct web *w = calloc(1, sizeof *w);

	if (!w)
		return E_NOMEM;
	w->s = s;
	w->type = -1;
	w->typed_at = loop_now(s->loop);
	replay_init(&w->ring, WEB_RING);
	s->m = w;
	return timer_repeat(s->loop, &w->tick, TICK_MS, web_tick, w);
}

static void
web_user(struct sess *s, int fd, uint64_t ticket)
{
	struct web *w = s->m;
	bool back = w->opened_once;

	if (w->ws) { /* a newer one: the older browser, if it still is there, is told */
		say_text(w, "error", SP_SESSION_GONE, "This terminal was opened in another window.");
		sws_close(w->ws, 1000, "taken over");
		browser_gone(w);
	}
	if (w->ending || sws_new(s->loop, fd, WS_SERVER, &ws_ops, w, &w->ws) < 0)
		return;
	w->detached_at = 0;
	w->typed_at = loop_now(s->loop);
	if (back)
		sess_state(s, SESSION_ATTACHED);
	say_state(w, w->shell ? "back" : "connecting");
}

static void
web_ready(struct sess *s)
{
	shell_start(s->m);
}

static void
web_end(struct sess *s, int code, const char *text)
{
	struct web *w = s->m;

	if (w->ending)
		return;
	w->ending = true;
	flow(w);
	if (!w->ws) {
		sess_gone(s);
		return;
	}
	if (code)
		say_text(w, "error", code, text);
	say_text(w, "closed", 0, text);
	sws_close(w->ws, 1000, "");
}

static void
web_notice(struct sess *s, int code, const char *text)
{
	say_text(s->m, "notice", code, text);
}

static void
web_release(struct sess *s)
{
	struct web *w = s->m;

	if (!w)
		return;
	timer_stop(&w->tick);
	browser_gone(w);
	replay_release(&w->ring);
	free(w);
	s->m = NULL;
}

const struct mode mode_web = {.begin = web_begin,
                              .user = web_user,
                              .ready = web_ready,
                              .end = web_end,
                              .notice = web_notice,
                              .release = web_release};

/* --- time --------------------------------------------------------------------------------------------------------- */

static void
tick_idle(struct web *w, int64_t now)
{
	int64_t left = w->s->idle_s - (now - w->typed_at) / 1000;

	if (!w->s->idle_s)
		return;
	if (left <= 0)
		sess_end(w->s, SP_SESSION_IDLE, "Nothing was typed for %lld minutes, so this session was ended.",
		         (long long)w->s->idle_s / 60);
	else if (left <= IDLE_WARN_S && !w->idle_told) {
		w->idle_told = true;
		say_text(w, "notice", 0, "Nothing was typed for long. Press a key within a minute to stay.");
	}
}

static void
tick_until(struct web *w)
{
	int64_t left = w->s->until - clock_wall();
	char text[96];

	if (!w->s->until)
		return;
	if (left <= 1) {
		sess_end(w->s, SP_SESSION_CUT, "Your sign-in has run out. Sign in again to go on.");
	} else if (left <= UNTIL_WARN_S && !w->until_told) {
		w->until_told = true;
		snprintf(text, sizeof text, "Your sign-in runs out in %lld minutes; this session ends then.",
		         (long long)(left + 59) / 60);
		say_text(w, "notice", 0, text);
	}
}

static void
tick_browser(struct web *w, int64_t now)
{
	if (!w->ws) {
		if (w->detached_at && now - w->detached_at > w->s->detached_s * 1000)
			sess_end(w->s, SP_SESSION_IDLE, "The browser did not come back.");
		return;
	}
	int64_t quiet = now - sws_heard(w->ws);
	if (!w->opened && quiet > WEB_OPEN_MS)
		wire_end(w, "nothing at all");
	else if (quiet > 3 * WEB_PING_MS)
		on_ws_closed(w->ws, SWS_LOST, 0, "silent", w);
	else if (quiet > WEB_PING_MS && quiet % WEB_PING_MS < TICK_MS)
		sws_ping(w->ws);
}

static void
web_tick(void *arg)
{
	struct web *w = arg;
	int64_t now = loop_now(w->s->loop);

	if (!w->ending)
		tick_browser(w, now);
	if (!w->ending)
		tick_idle(w, now);
	if (!w->ending)
		tick_until(w);
}
