/*
 * session_ws: one WebSocket over a connected descriptor (an end of a pair), as server (toward users; the 101 has been
 * sent by front) or as client (toward the host; the answer's head comes first). Pings are answered, a close is answered
 * once. Owner: sws_new .. sws_free. Fragments come as they come: begin and end mark the message they belong to.
 *
 * Back-pressure: sws_hold(true) stops reading; sws_queued() says how much has not left, drained() comes when it fell to
 * the mark. Limits: WS_FRAME_MAX a frame; SWS_OUT_MAX queued (E_LIMIT: hold the source before); the head of an answer
 * SWS_HEAD_MAX. May block: no.
 */
#ifndef EDGE_SESSION_WS_H
#define EDGE_SESSION_WS_H

#include "io/conn.h"
#include "wire/websocket.h"

#define SWS_OUT_MAX (4u << 20)
#define SWS_HEAD_MAX 16384u
#define SWS_REFUSAL_MAX 2048u /* of the text of an answer that is no 101 */

struct sws;
struct sws_part {
	uint8_t *p; /* in place, may be changed */
	size_t n;   /* 0 only for an empty message */
	bool text, begin, end;
};
enum sws_why { SWS_CLOSED, SWS_LOST, SWS_PROTOCOL, SWS_REFUSED };
struct sws_ops {
	void (*open)(struct sws *w, void *arg); /* client: the 101 is here; may be NULL */
	void (*part)(struct sws *w, const struct sws_part *d, void *arg);
	void (*drained)(struct sws *w, void *arg); /* may be NULL */
	/* Once, last; not after sws_free. why SWS_CLOSED: by a close frame of the peer or ours; REFUSED: text is the
	   answer's, code its status. */
	void (*closed)(struct sws *w, enum sws_why why, unsigned code, const char *text, void *arg);
};

/* Takes fd. */
int sws_new(struct loop *l, int fd, enum ws_role role, const struct sws_ops *ops, void *arg, struct sws **ret_w);
void sws_free(struct sws *w); /* closes at once; NULL is fine; also inside a callback */
int sws_send(struct sws *w, enum ws_op op, const void *p, size_t n); /* one whole message; masked when client */
/* The same of two pieces, so that a type byte needs no copy. */
int sws_send2(struct sws *w, enum ws_op op, const void *a, size_t na, const void *b, size_t nb);
int sws_ping(struct sws *w);
void sws_close(struct sws *w, uint16_t code, const char *text); /* our close frame, flush; closed() follows */
void sws_hold(struct sws *w, bool on);
size_t sws_queued(const struct sws *w);
int64_t sws_heard(const struct sws *w); /* loop time of the last byte from the peer */

#endif
