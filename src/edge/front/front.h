/*
 * front: what the files of this process share. The only process the internet talks to: TLS, HTTP/1.1, tunnel
 * connections, byte relay.
 *
 * One struct front; N struct thread, each with its own loop and its own channel to judge; thread 0 is the main thread
 * and also has the parent's channel. A connection lives on one thread at a time and only that thread touches it.
 * Shared: registry, tickets, addresses (mutexes), counters (atomics), the TLS contexts (mutex, reference counted).
 *
 *   users.c        accepts users, asks judge about each request, writes its answers
 *   greeting.c     the PROXY header in front of a connection of a trusted peer
 *   session.c      a user whose connection is relayed: from judge's RELAY to the last byte
 *   exchange.c     one HTTP request relayed to a service; its connection stays a user's
 *   desk.c         a user whose connection goes to a session process
 *   ends.c         the ends of pairs to session processes, on their way to who wants them
 *   grant.c        the ticket and the head of either
 *   assets.c       scripts and style sheets of the pages, out of this program
 *   http_head.c    which headers pass between users and services
 *   tunnel_link.c  a connector's connection: HTTP/2, registration, configuration, liveness
 *   proxies.c      whose X-Forwarded-For is believed
 *   leaf.c         certificates: configured ones, and the leaf asked from the signer through judge
 *   metrics.c      the metrics listener
 *   thread.c       loops, listeners, judge's channel and its orders
 *   main.c         parent's channel: start, reload, drain
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include <pthread.h>
#include <stdatomic.h>

#include "edge/front/limits.h"
#include "edge/front/proxies.h"
#include "edge/front/registry.h"
#include "io/ipc.h"
#include "io/net_listen.h"
#include "io/tls_clients.h"
#include "msg/front_judge.h"
#include "msg/parent_role.h"
#include "net/http_server.h"

enum counter {
	C_USERS_ACCEPTED,
	C_USERS_REFUSED, /* a limit was reached */
	C_USERS_TLS_FAILED,
	C_USERS_NO_HEADER, /* a trusted proxy sent no PROXY header, or a bad one */
	C_USERS_OPEN,
	C_REQUESTS,
	C_REQUESTS_REFUSED, /* malformed or too slow: answered by front itself */
	C_ANSWERS_2XX,
	C_ANSWERS_3XX,
	C_ANSWERS_4XX,
	C_ANSWERS_5XX,
	C_JUDGE_FAILED, /* no answer: channel lost, deadline, queue full */
	C_JUDGE_LOST,   /* channels */
	C_RELAYS_BEGUN,
	C_RELAYS_OPEN,
	C_RELAYS_MOVED, /* user connections that changed thread */
	C_RELAYS_NO_TUNNEL,
	C_RELAYS_ORIGIN_FAILED,
	C_RELAYS_CUT,
	C_HTTP_BEGUN, /* requests relayed to services */
	C_HTTP_OPEN,
	C_HTTP_FAILED,    /* answered by front instead */
	C_SESSIONS_BEGUN, /* users whose connection went to a session process */
	C_SESSIONS_OPEN,
	C_BYTES_UP,
	C_BYTES_DOWN,
	C_LINKS_ACCEPTED,
	C_LINKS_REFUSED, /* by judge or by a limit */
	C_LINKS_REGISTERED,
	C_LINKS_OPEN, /* all, registered or not */
	C_LINKS_LOST, /* registered ones that went without unregistering */
	C_LEAVES,     /* certificates taken into use */
	C_N
};

struct address_count {
	pthread_mutex_t lock;
	struct map map; /* address -> struct { unsigned n; } */
};

struct certs { /* leaf.c */
	pthread_mutex_t lock;
	struct tls_ctx *users, *tunnels; /* NULL until there is a certificate; tunnels is our first leaf */
	struct leaf {
		struct tls_ctx *ctx; /* NULL: no names are on this page */
		char names[65];      /* digest of them, as judge said; "" = none asked yet */
	} leaves[FJ_LEAVES_MAX];
	uint32_t nleaves, page; /* page: the one that is asked for now */
	bool fresh;             /* some leaf came anew since they were taken into use */
	struct tls_ctx *configured[FRONT_CERTS_MAX];
	size_t given;         /* pairs that came since they were last taken into use */
	struct tls_key *key;  /* of the leaf */
	struct tls_asks asks; /* names that ask users for a certificate */
	struct loop_timer timer;
	bool asking, again; /* again: names changed meanwhile */
	struct buf chain_pem[FRONT_CERTS_MAX], key_pem[FRONT_CERTS_MAX];
};

struct thread;
struct front {
	struct thread *threads[FRONT_THREADS_MAX];
	unsigned nthreads;
	char location[33], team_host[254];
	int64_t handshake_ms, head_ms, body_ms, drain_ms;
	int listen_fd[3][FRONT_LISTENERS_MAX]; /* by enum listener_kind */
	unsigned nlisten[3];
	struct proxies proxies;
	bool proxy_protocol, hsts;
	struct registry links;
	struct tickets tickets;
	struct address_count addresses;
	struct certs certs;
	struct {
		pthread_mutex_t lock;
		struct map map;
		struct loop_timer sweep;
	} ends; /* ends.h */
	atomic_uint_fast64_t next_link;
	atomic_uint_fast64_t counters[C_N];
	atomic_bool draining;
};

struct thread {
	struct front *f;
	unsigned index;
	struct loop *loop;
	pthread_t tid;
	pthread_barrier_t begun;
	struct ipc *judge;                                /* NULL while there is none */
	struct listener listener[2][FRONT_LISTENERS_MAX]; /* users, tunnels */
	bool accepting;
	struct list users, sessions, exchanges, desks, links,
	    greetings;          /* structs of that name, by their first member */
	size_t nusers;          /* users and sessions */
	size_t shaking;         /* TLS handshakes under way */
	size_t asked;           /* requests that judge has not answered */
	struct loop_timer held; /* draining: for requests that judge holds on purpose */
};

static inline void
count(struct front *f, enum counter c, uint64_t n)
{
	atomic_fetch_add_explicit(&f->counters[c], n, memory_order_relaxed);
}
static inline void
uncount(struct front *f, enum counter c)
{
	atomic_fetch_sub_explicit(&f->counters[c], 1, memory_order_relaxed);
}

/* thread.c */
int thread_new(struct front *f, unsigned index, struct loop *l, struct thread **ret_t); /* l NULL: makes its own */
int thread_start(struct thread *t); /* its own pthread, running when this returns; not for thread 0 */
void thread_join(struct thread *t);
void thread_judge(struct thread *t, int fd); /* any thread: takes fd, replaces the channel */
void thread_accept(struct thread *t);        /* any thread: listen, once certificates are there */
void thread_drain(struct thread *t);         /* any thread: no new connections, idle ones end */
void thread_stop(struct thread *t);          /* any thread: everything ends now, then its loop */

/* greeting.c */
void greetings_accept(int fd, void *thread); /* reads the header where one is due, then users_take */
void greetings_stop(struct thread *t);

/* users.c */
struct proxy_in; /* the PROXY header in front of it, NULL = none. Takes fd */
void users_take(struct thread *t, int fd, const struct proxy_in *by);
void users_drain(struct thread *t);
void users_stop(struct thread *t);
int address_enter(struct front *f, const char *ip); /* E_LIMIT */
void address_leave(struct front *f, const char *ip);

/* session.c */
struct session;
/* Takes the connection out of s, with its bytes. answer is judge's RELAY, borrowed. */
void session_start(struct thread *t, struct http_server *s, const struct fj_answer *answer);
/* A session process's way to its host: judge's order, borrowed. */
void session_host_start(struct thread *t, const struct fj_host_stream *m);
void sessions_announce(struct thread *t); /* fj_ticket_live for each */
void sessions_stop(struct thread *t);

/* leaf.c */
int certs_init(struct front *f);
int certs_file(struct front *f, const char *name, int fd); /* tls-chain:N, tls-key:N; takes fd */
void certs_use(struct front *f); /* takes the files into use; a pair that does not fit leaves the one before */
void certs_ask(struct front *f); /* on thread 0: a new leaf */
struct tls_ctx *certs_get(struct front *f, enum listener_kind k); /* a reference, or NULL */
void certs_stop(struct front *f);

/* metrics.c */
void metrics_accept(int fd, void *thread);

#endif
