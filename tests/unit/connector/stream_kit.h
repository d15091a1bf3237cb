/* stream_kit: a connector whose edge is the other end of an in-process HTTP/2 link over a socketpair, and whose service
 * listens on loopback. */
#ifndef TEST_STREAM_KIT_H
#define TEST_STREAM_KIT_H

#include "connector/private.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

struct world {
	struct loop *loop;
	struct connector k;
	struct h2link *edge;
	struct conn *edge_conn;
	struct h2stream *s; /* the edge's request */
	int service;        /* listens */
	uint16_t port;
	unsigned status;
	bool over;
	struct buf got; /* data of the stream, as the edge sees it */
};

void world_begin(struct world *w, const char *rule); /* one rule in front of the catch-all; it may hold PORT */
void world_end(struct world *w);
extern const char *kit_tokens[2]; /* what the next requests carry */
extern const char *kit_private;   /* more members of the next world's configuration, ",..."; NULL = none */
extern const char *kit_raw; /* the next requests are raw TCP to there, which may end in PORT; NULL = they are not */
/* Asks for a stream and waits for its status. jump may hold PORT. */
unsigned world_ask(struct world *w, const char *upgrade, const char *protocol, const char *jump, const char *path);
void world_stop(void *loop);       /* for timers */
void world_flush(struct world *w); /* what the edge wrote goes out */

#define BASTION(list) "{\"hostname\":\"ssh.example.test\",\"service\":\"bastion\",\"originRequest\":{" list "}}"
#define LISTED BASTION("\"destinations\":[\"127.0.0.1:PORT\"]")

#endif
