/*
 * x509_client: client certificates (RFC 5280): what an administrator gives as authorities, and whether a certificate
 * that a TLS client showed is one of theirs.
 *
 * Roots are one PEM text of 1 to X509_ROOTS_MAX CA certificates, each trusted by itself (an intermediate alone will
 * do). A client's certificate must be fit for TLS clients, in time, signed over at most X509_CLIENT_DEPTH
 * intermediates, with keys and hashes of 112 bits and more (OpenSSL's security level 2). That the client holds its key
 * is for TLS to say. May block: no.
 */
#ifndef CRYPTO_X509_CLIENT_H
#define CRYPTO_X509_CLIENT_H

#include "core/buf.h"
#include "core/err.h"

#define X509_ROOTS_MAX 16
#define X509_ROOTS_BYTES 65536
#define X509_CLIENT_DEPTH 4
#define X509_CLIENT_BYTES 16384 /* a certificate and what is sent with it: more is refused before it is parsed */

/* fingerprint: hex SHA-256 over the certificates. E_FORMAT with what is wrong, for an administrator. */
int x509_roots_check(struct slice pem, char fingerprint[static 65], int64_t *ret_not_after, struct reason *why);

struct x509_client {
	char common_name[256]; /* "" = none, several, or one that no rule could name */
	int64_t not_after;
};
/* der: the client's certificate and then those it sent with it, one after the other. E_FORMAT, E_DENIED. */
int x509_client_verify(struct slice roots_pem, struct slice der, int64_t now, struct x509_client *ret_c,
                       struct reason *why);

#endif
