/* tls_ctx: what conn.c needs of tls.c. Only these two files see OpenSSL's TLS; nobody else includes this. */
#ifndef IO_TLS_CTX_H
#define IO_TLS_CTX_H

#include "io/tls.h"

struct ssl_ctx_st; /* SSL_CTX */
struct ssl_ctx_st *tls_ctx_ssl(const struct tls_ctx *c);
struct ssl_st; /* SSL */
/* tls_clients.c: the certificates of conn_client_der. */
int tls_clients_der(struct ssl_st *ssl, struct slice *ret_der);
/* The first queued error as text; clears the queue of this thread. */
void tls_error_text(char *out, size_t n);

#endif
