/*
 * websocket: RFC 6455 framing and handshake values, both roles. Engine: no I/O; the mask key is an argument.
 *
 * Data is handed up in place, unmasked 8 bytes at a time or wider. Fragments are passed through as they come: for us a
 * message is a byte stream. Refused with close code 1002: wrong mask direction, RSV bits, reserved opcodes, fragmented
 * or long control frames, non-minimal lengths, continuation without start; over WS_FRAME_MAX: 1009.
 */
#ifndef WIRE_WEBSOCKET_H
#define WIRE_WEBSOCKET_H

#include "core/buf.h"
#include "core/err.h"

#define WS_FRAME_MAX (1u << 26)
#define WS_HEAD_MAX 14

enum ws_role { WS_CLIENT /* sends masked, receives unmasked */, WS_SERVER };
enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws_in { /* receiving half; embed, zero, ws_in_init */
	enum ws_role role;
	uint8_t head[WS_HEAD_MAX];
	unsigned nhead;
	uint64_t left; /* payload bytes of this frame still to come */
	uint8_t mask[4];
	unsigned phase; /* mask offset */
	uint8_t op;
	bool in_frame, in_message, closed;
	uint32_t starts; /* messages that began: an empty one makes no event */
	uint8_t ctl[125];
	unsigned nctl;
};
struct ws_event {
	enum { WS_EV_NONE, WS_EV_DATA, WS_EV_PING, WS_EV_PONG, WS_EV_CLOSE } kind;
	uint8_t *p; /* payload, in place (DATA) or inside ws_in (control) */
	size_t n;
	uint16_t code; /* CLOSE: 1005 when none was sent */
	bool text;
};
void ws_in_init(struct ws_in *w, enum ws_role role);
/* Takes bytes until one event or the end. d is changed in place (unmasking). E_FORMAT with why; *ret_code is the close
 * code to send. */
int ws_in_feed(struct ws_in *w, uint8_t *d, size_t n, size_t *ret_used, struct ws_event *ret_ev, uint16_t *ret_code,
               struct reason *why);

/* Header of one frame into head (returns its length). mask: 4 bytes for WS_CLIENT, NULL for WS_SERVER. */
unsigned ws_head(uint8_t head[static WS_HEAD_MAX], enum ws_op op, uint64_t len, const uint8_t *mask);
void ws_mask(uint8_t *d, size_t n, const uint8_t mask[static 4], unsigned phase); /* in place, wide */
int ws_put_frame(struct buf *out, enum ws_op op, const void *p, size_t n,
                 const uint8_t *mask); /* small frames; masks a copy */
int ws_put_close(struct buf *out, uint16_t code, const char *text, const uint8_t *mask);

void ws_accept_value(const char *key, char out[static 29]); /* Sec-WebSocket-Accept for a Sec-WebSocket-Key */
bool ws_key_ok(const char *key);                            /* 16 bytes in base64 */
void ws_key_make(const uint8_t rnd[static 16], char out[static 25]);

#endif
