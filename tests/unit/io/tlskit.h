/* tlskit: a throw-away CA and leaf for tests; P-256, in memory. */
#ifndef TEST_TLSKIT_H
#define TEST_TLSKIT_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct tlskit {
	char *chain, *key; /* leaf, PEM */
	char ca_file[64];  /* the CA that signed it */
	char other_ca[64]; /* another CA of the same name */
};

void tlskit_new(struct tlskit *k, const char *san);
void tlskit_free(struct tlskit *k);
char *tlskit_pem_end(BIO *b);
X509 *tlskit_cert(EVP_PKEY *key, const char *cn, X509 *issuer, EVP_PKEY *issuer_key, const char *san);
void tlskit_save(char path[static 64], X509 *x);

#endif
