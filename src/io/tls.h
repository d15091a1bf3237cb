/*
 * tls: contexts and verification by OpenSSL. TLS 1.2 and 1.3, groups X25519 and P-256, no tickets beyond one, no
 * renegotiation, no compression, no early data. ALPN on the user side is "http/1.1"; a tunnel connection may come
 * without. (facts/cloudflared-wire.md a.2, security.md 3.8.) Contexts are reference counted: tls_ctx_swap replaces what
 * new connections use, live ones keep theirs. May block: only *_load (files).
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "core/buf.h"
#include "core/err.h"

struct tls_ctx;

/* Server: certificate chain and key as PEM text. */
int tls_server_new(const char *chain_pem, const char *key_pem, struct tls_ctx **ret_c, struct reason *why);
/* Server whose key was made here by tls_key_new; chain_pem from the signer. */
struct tls_key;
int tls_key_new(struct tls_key **ret_k);                        /* P-256 */
int tls_key_spki(const struct tls_key *k, struct buf *out_der); /* SubjectPublicKeyInfo */
void tls_key_free(struct tls_key *k);
int tls_server_new_key(const char *chain_pem, struct tls_key *k, struct tls_ctx **ret_c, struct reason *why);

/* Server that answers with the one of v whose certificate is for the name that the client asks: exactly, else by a
   wildcard of one label, earlier ones first; the first where none is, or no name is asked. Holds them. */
int tls_server_by_name(struct tls_ctx *const *v, size_t n, struct tls_ctx **ret_c);

/* Client: system roots plus ca_file (may be NULL). only_ca: ca_file alone is trusted (cloudflared --cacert). */
int tls_client_new(const char *ca_file, bool only_ca, struct tls_ctx **ret_c, struct reason *why);
/* ALPN to offer, e.g. "http/1.1"; NULL for none. */
int tls_client_alpn(struct tls_ctx *c, const char *proto);

/* The peer may be anybody: for services whose owner wrote noTLSVerify. */
void tls_client_unverified(struct tls_ctx *c);

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);
void tls_ctx_unref(struct tls_ctx *c);

#endif
