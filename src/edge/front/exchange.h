/*
 * exchange: one HTTP request of a user that judge lets through to a service: its head as judge composed it, its body as
 * it comes, and the service's answer back.
 *
 * The user's connection stays with users.c and net/http_server, which parse and frame; here is only what passes. Both
 * bodies are held back by whoever reads slowly (relay.h). It may move to the thread of a tunnel link first, and stays
 * there. An answer that breaks off breaks the user's connection off: never does a part look like the whole. A cut ends
 * it like that too, or by 403 while nothing has been answered. Owner: the user; the exchange frees itself at its end
 * and clears the user's pointer. May block: no.
 */
#ifndef FRONT_EXCHANGE_H
#define FRONT_EXCHANGE_H

#include "edge/front/front.h"

struct exchange;
/* Takes judge's HTTP answer for the request in hand of hs. *slot is set while it lives. */
void exchange_start(struct thread *t, struct http_server *hs, const struct fj_answer *a, struct exchange **slot);
void exchange_arrived(struct exchange *x, struct thread *t); /* user_move has come to its end */
void exchange_body(struct exchange *x, uint8_t *d, size_t n);
void exchange_body_end(struct exchange *x);
void exchange_drained(struct exchange *x);
void exchange_gone(struct exchange *x, const char *why); /* the user went; its connection is not touched */
void exchanges_announce(struct thread *t);

/* users.c: moves the connection of a user that waits for an answer. exchange_arrived follows on the other thread. */
int user_move(struct http_server *hs, struct thread *to);

#endif
