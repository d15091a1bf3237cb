/*
 * grant: what judge permitted by RELAY or HTTP: a ticket for one stream of a tunnel, with the head that opens it.
 *
 * Judge hears of each ticket's end exactly once. A new judge is told of every live one. A cut may come on any thread's
 * channel; it is carried to the thread that owns the ticket. Owner: embeds struct grant; grant_end releases it. May
 * block: no.
 */
#ifndef FRONT_GRANT_H
#define FRONT_GRANT_H

#include "core/arena.h"
#include "edge/front/front.h"
#include "wire/h2link.h"

struct grant {
	uint64_t ticket; /* 0: none */
	int64_t since, until;
	uint8_t tunnel[16];
	bool http;
	bool session; /* one side of a session process */
	char *note;   /* what a new judge must know: tunnel, authority, path, client address, assertion,
	                 destination; NUL-separated */
	void (*cut)(struct grant *g, const char *why); /* set by the owner; not called while the owner moves */
	void (*pair)(struct grant *g, int fd);         /* set by an owner that wants an end (ends.h); takes fd */
};

struct grant_head { /* of the stream's request */
	struct arena mem;
	struct h2_header h[FRONT_ANSWER_HEADERS + 5];
	size_t nh;
};

/* Takes the ticket for thread t. On an error the grant still has to be ended. ip: of the user, where judge names no
 * other. */
int grant_take(struct grant *g, struct thread *t, const struct fj_answer *a, const char *ip);
/* Copies judge's head: the answer is borrowed. */
int grant_head_take(struct grant_head *o, const struct fj_answer *a, const char *method);
/* The owner arrived on t. True when it was cut on the way. */
bool grant_moved(struct grant *g, struct thread *t);
void grant_announce(const struct grant *g, struct thread *t,
                    const struct conn *user); /* fj_ticket_live; user: its connection, NULL = gone */
/* The client's certificate, as far as it counts for this host: the one that the handshake named. Empty = none. */
struct slice grant_cert(const struct conn *user, const char *host);
void grant_end(struct grant *g, struct thread *t, uint64_t up, uint64_t down, const char *why);
void grant_cut(struct thread *t, uint64_t ticket, const char *why); /* judge's order: wherever it is */
/* The ticket of an answer that nobody waits for any more. */
void grant_orphan(struct thread *t, const struct fj_answer *a, const char *why);

/* Case is ignored. NULL when absent. */
const char *h2_header_find(const struct h2_header *h, size_t n, const char *name);

#endif
