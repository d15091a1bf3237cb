/*
 * web: the browser terminal's side of a session: docs/protocol/terminal.md, version 1.
 *
 * One browser at a time: a newer WebSocket takes the session over from an older one. What the host sends is kept in a
 * ring until the browser says that it has drawn it; more than WEB_WINDOW unacknowledged stops the host. When the
 * browser is lost the shell goes on for detached_s. Owner: main, through mode_web. May block: no.
 */
#ifndef EDGE_SESSION_WEB_H
#define EDGE_SESSION_WEB_H

#include "core/json.h"
#include "edge/session/replay.h"
#include "edge/session/session.h"
#include "edge/session/session_chan.h"
#include "edge/session/session_ws.h"

#define WEB_RING (256u << 10)
#define WEB_WINDOW (WEB_RING - (64u << 10)) /* one turn's reads fit above it: nothing unseen is ever lost */
#define WEB_TEXT_MAX 8192u                  /* of a control message: a browser that sends novels is none of ours */
#define WEB_OPEN_MS 30000                   /* until it has said "open" */
#define WEB_PING_MS 25000                   /* and silent for three of them: lost */
#define WEB_PIECE 16384u                    /* bytes of one binary message to the browser */
#define WEB_COLS_MAX 1000u
#define WEB_ROWS_MAX 1000u

/* First byte of a binary message. */
enum web_type { WEB_TERMINAL = 0, WEB_SFTP = 1 };

struct web {
	struct sess *s;
	struct sws *ws; /* NULL: no browser */
	bool opened;    /* this browser said "open" */
	bool opened_once, shell, typed;
	struct host_chan *chan, *sftp;
	bool sftp_open;
	struct replay ring;
	uint64_t sent, acked; /* offsets in the output: given to the browser, drawn by it */
	uint32_t cols, rows;
	uint8_t *text; /* a control message that comes in pieces */
	size_t ntext;
	int type; /* of the binary message that is coming; -1 = its first byte is awaited */
	int64_t typed_at, detached_at;
	bool idle_told, until_told;
	struct loop_timer tick;
	bool ending;
};

/* A JSON control message to the browser, if there is one; takes j. */
void web_say(struct web *w, json_t *j);
/* Binary of a type; E_LIMIT when the browser does not take it. */
int web_bytes(struct web *w, enum web_type type, const void *p, size_t n);
/* Goes on reading from the browser, unless the host still has too much of it to take. */
void web_take(struct web *w);

/* --- web_sftp.c */
void web_sftp_start(struct web *w, const json_t *j);
void web_sftp_bytes(struct web *w, const uint8_t *p, size_t n);
void web_sftp_flow(struct web *w); /* the WebSocket has room */
void web_sftp_drop(struct web *w);

#endif
