/*
 * web_sftp: bytes between the page and an sftp subsystem of the host. The page speaks SFTP itself
 * (web/src/terminal/sftp.ts): this process, which holds the session's key, parses none of it. One channel a session,
 * gone with the browser that asked for it.
 *
 * Back-pressure: what the host sends waits in SSH's window while the WebSocket has more than CONN_MARK to carry, and
 * the shell's output goes first; what the page sends stops the WebSocket's reading while the host takes none.
 */
#include "edge/session/session_host.h"
#include "edge/session/web.h"

static void
say_sftp(struct web *w, bool open, const char *text)
{
	web_say(w, json_pack("{s:s, s:s, s:s}", "type", "sftp", "state", open ? "open" : "closed", "text", text));
}

static void
on_data(struct host_chan *c, bool err, uint8_t *p, size_t n, void *arg)
{
	struct web *w = arg;

	if (err)
		return;
	w->s->bytes_out += n;
	while (n) {
		size_t k = n < WEB_PIECE ? n : WEB_PIECE;
		if (web_bytes(w, WEB_SFTP, p, k) < 0) {
			web_sftp_drop(w);
			say_sftp(w, false, "The browser does not take what the host sends.");
			return;
		}
		p += k;
		n -= k;
	}
	if (w->ws && sws_queued(w->ws) > CONN_MARK)
		host_chan_hold(c, true);
}

static void
on_drained(struct host_chan *c, void *arg)
{
	web_take(arg);
}

static void
on_closed(struct host_chan *c, bool opened, const char *why, void *arg)
{
	struct web *w = arg;

	w->sftp = NULL;
	w->sftp_open = false;
	web_take(w);
	say_sftp(w, false, *why ? why : "The host ended the file transfer.");
}

static void
on_subsystem(struct host_chan *c, bool ok, void *arg)
{
	struct web *w = arg;

	if (ok) {
		w->sftp_open = true;
		say_sftp(w, true, "");
		return;
	}
	web_sftp_drop(w);
	say_sftp(w, false, "The host offers no file transfer (Subsystem sftp in its sshd_config).");
}

static const struct host_chan_ops ops = {.data = on_data, .drained = on_drained, .closed = on_closed};

void
web_sftp_start(struct web *w, const json_t *j)
{
	web_sftp_drop(w);
	if (!w->shell || host_chan_session(w->s->host, &ops, w, &w->sftp) < 0 ||
	    host_chan_subsystem(w->sftp, "sftp", on_subsystem) < 0) {
		web_sftp_drop(w);
		say_sftp(w, false, "The edge cannot open a file transfer.");
	}
}

void
web_sftp_bytes(struct web *w, const uint8_t *p, size_t n)
{
	if (!w->sftp_open) /* it has just ended, and the page will hear so */
		return;
	w->typed_at = loop_now(w->s->loop); /* an upload is work */
	w->s->bytes_in += n;
	if (host_chan_write(w->sftp, p, n) < 0) {
		web_sftp_drop(w);
		say_sftp(w, false, "The host does not take what is sent.");
	} else if (w->ws && host_chan_queued(w->sftp) > CHAN_OUT_MARK) {
		sws_hold(w->ws, true);
	}
}

void
web_sftp_flow(struct web *w)
{
	if (w->sftp && w->ws && sws_queued(w->ws) <= CONN_MARK)
		host_chan_hold(w->sftp, false);
}

void
web_sftp_drop(struct web *w)
{
	if (w->sftp)
		host_chan_close(w->sftp);
	w->sftp = NULL;
	w->sftp_open = false;
	web_take(w);
}
