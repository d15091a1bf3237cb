/*
 * x509: the edge's private TLS authority (RFC 5280): one self-signed P-256 CA, server leaves of it.
 *
 * The leaf is rebuilt from checked fields: nothing of a request but the public key and the listed names enters. Names
 * are host names (optionally "*." first) or IP addresses; X509_NAMES_MAX at most. PEM out. May block: no.
 */
#ifndef CRYPTO_X509_H
#define CRYPTO_X509_H

#include "crypto/sign.h"

#define X509_NAMES_MAX 1000
#define X509_LEAF_DAYS 30
#define X509_CA_DAYS 3650
#define X509_TOKEN_DAYS 400

/* key: P-256, private. now: wall seconds; notBefore is an hour earlier. serial: 16 random bytes. Appends PEM to out. */
int x509_ca_make(struct key *key, const char *common_name, int64_t now, const uint8_t serial[static 16],
                 struct buf *out);
/* ca_pem: the CA's certificate. spki: DER of the leaf's key (P-256, Ed25519 or RSA). Appends one PEM block (the leaf
 * alone). */
int x509_leaf_make(struct key *ca_key, struct slice ca_pem, struct slice spki, const char *const *names, size_t nnames,
                   int64_t now, unsigned days, const uint8_t serial[static 16], struct buf *out);
/* A token key (RSA, private) as others may keep it: self-signed, no CA, X509_TOKEN_DAYS from `from`. The same bytes for
 * the same arguments. */
int x509_token_key(struct key *key, const char *common_name, int64_t from, const uint8_t serial[static 16],
                   struct buf *out);
/* notAfter of the first certificate of a PEM text, wall seconds. */
int x509_not_after(struct slice pem, int64_t *ret_t);

#endif
