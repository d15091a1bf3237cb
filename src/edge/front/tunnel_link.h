/*
 * tunnel_link: one connector's connection (facts/cloudflared-wire.md a, b). The connector dialled; over TLS front is
 * the HTTP/2 client.
 *
 * The control stream is opened first. Registration goes to judge; only then is the link in the registry and may carry
 * sessions. Secrets pass through to judge and are not kept. A link belongs to its thread. May block: no.
 */
#ifndef FRONT_TUNNEL_LINK_H
#define FRONT_TUNNEL_LINK_H

#include "edge/front/front.h"
#include "wire/h2link.h"

/* The owner of a stream of a link: first member of the owner's struct, and the stream's arg. After closed() the stream
 * is gone. */
struct link_stream;
struct link_stream_ops {
	void (*headers)(struct link_stream *o, const struct h2_header *h, size_t n, bool end);
	void (*data)(struct link_stream *o, uint8_t *d, size_t n);
	void (*end)(struct link_stream *o);
	void (*drained)(struct link_stream *o);
	void (*closed)(struct link_stream *o, uint32_t h2_error);
};
struct link_stream {
	const struct link_stream_ops *ops;
	struct h2stream *s; /* NULL when none is open */
	bool session;       /* set by link_open: counts when the link leaves */
};

struct link;
void links_accept(int fd, void *thread);
struct link *link_find(struct thread *t, uint64_t id); /* registered and not leaving; NULL otherwise */
/* Opens a session's or a request's stream; end: no body follows. E_AGAIN: the connector permits no more now. */
int link_open(struct link *l, const struct h2_header *h, size_t n, bool end, struct link_stream *o);
void link_kick(struct link *l); /* something was written, consumed, ended or reset */
void link_let_go(struct link *l, struct link_stream *o,
                 uint32_t code); /* resets o's stream if there is one; o hears no more */

/* The same for a stream that was not opened by link_open. */
void link_drop(struct link *l, struct link_stream *o, uint32_t code);

void links_push(struct thread *t, uint64_t id, const char *tunnel, uint32_t version, const char *config);
void links_unlink(struct thread *t, uint64_t id, const char *tunnel, const char *why);
void links_probe(struct thread *t, uint64_t id); /* closes it soon, unless its connector answers */
void links_announce(struct thread *t);           /* fj_link_up for each registered one */
void links_stop(struct thread *t);

#endif
