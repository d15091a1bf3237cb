/*
 * user_ws: the edge as the WebSocket server, for a user whose stream is raw TCP (private network): frames towards the
 * user, plain bytes towards the connector. Everywhere else the connector ends the WebSocket and front reads none of it.
 *
 * Pings every 54 s, as connectors do: middleboxes forget what is idle. Owner: the session, on its thread; freed before
 * the connection. May block: no.
 */
#ifndef FRONT_USER_WS_H
#define FRONT_USER_WS_H

#include "io/conn.h"
#include "wire/websocket.h"

struct user_ws;
int user_ws_new(struct loop *loop, struct conn *c, struct user_ws **ret_w);
void user_ws_free(struct user_ws *w); /* NULL is fine */
/* From the user: gives each piece of payload; answers pings. 0, or 1: the user closed; negative: it broke the protocol
   (it has been told), or what give() said. d is changed in place. */
int user_ws_data(struct user_ws *w, uint8_t *d, size_t n, int (*give)(void *arg, const uint8_t *d, size_t n),
                 void *arg);
int user_ws_write(struct user_ws *w, const uint8_t *d, size_t n);
void user_ws_close(struct user_ws *w, uint16_t code); /* a close frame, once */

#endif
