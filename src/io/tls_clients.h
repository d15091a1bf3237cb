/*
 * tls_clients: for which server names a TLS server asks clients for a certificate, and of whom.
 *
 * By SNI. Whoever shows none, or one that does not verify, goes on without: what that means is for others to say. There
 * is no session resumption (io/tls.h), so a certificate is always of this very handshake. The whole set is exchanged at
 * once, from any thread; handshakes under way keep theirs. May block: a mutex, briefly.
 */
#ifndef IO_TLS_CLIENTS_H
#define IO_TLS_CLIENTS_H

#include <pthread.h>

#include "io/tls.h"

#define TLS_CLIENT_HOSTS_MAX 1000

struct tls_ask_set;
struct tls_asks {
	pthread_mutex_t lock;
	struct tls_ask_set *now; /* NULL = nobody is asked */
};
void tls_asks_init(struct tls_asks *a);
void tls_asks_release(struct tls_asks *a);
/* v: host name (lower case, exact), PEM of its authorities (crypto/x509_client.h), ... The old set stays on failure. */
int tls_asks_set(struct tls_asks *a, const char *const *v, size_t n, struct reason *why);
/* a must outlive every connection of c. */
void tls_ctx_asks(struct tls_ctx *c, struct tls_asks *a);

#endif
