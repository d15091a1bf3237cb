#include "tlskit.h"

#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
tlskit_pem_end(BIO *b)
{
	char *p, *s;
	long n = BIO_get_mem_data(b, &p);

	s = calloc(1, (size_t)n + 1);
	if (s)
		memcpy(s, p, (size_t)n);
	BIO_free(b);
	return s;
}

static void
tlskit_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

X509 *
tlskit_cert(EVP_PKEY *key, const char *cn, X509 *issuer, EVP_PKEY *issuer_key, const char *san)
{
	X509 *x = X509_new();
	X509_NAME *n = X509_NAME_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_set_subject_name(x, n);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : n);
	X509_NAME_free(n);
	X509_set_pubkey(x, key);
	tlskit_ext(x, issuer ? issuer : x, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
	tlskit_ext(x, issuer ? issuer : x, NID_key_usage,
	           issuer ? "critical,digitalSignature" : "critical,keyCertSign");
	if (san)
		tlskit_ext(x, issuer, NID_subject_alt_name, san);
	X509_sign(x, issuer ? issuer_key : key, EVP_sha256());
	return x;
}

void
tlskit_save(char path[static 64], X509 *x)
{
	int fd;
	FILE *f;

	snprintf(path, 64, "/tmp/sp-test-ca-XXXXXX");
	fd = mkstemp(path);
	f = fdopen(fd, "w");
	PEM_write_X509(f, x);
	fclose(f);
}

void
tlskit_new(struct tlskit *k, const char *san)
{
	EVP_PKEY *ck = EVP_EC_gen("P-256"), *ok = EVP_EC_gen("P-256"), *lk = EVP_EC_gen("P-256");
	X509 *ca = tlskit_cert(ck, "test ca", NULL, NULL, NULL), *other = tlskit_cert(ok, "test ca", NULL, NULL, NULL);
	X509 *leaf = tlskit_cert(lk, "leaf", ca, ck, san);
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(b, leaf);
	k->chain = tlskit_pem_end(b);
	b = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(b, lk, NULL, NULL, 0, NULL, NULL);
	k->key = tlskit_pem_end(b);
	tlskit_save(k->ca_file, ca);
	tlskit_save(k->other_ca, other);
	X509_free(ca);
	X509_free(other);
	X509_free(leaf);
	EVP_PKEY_free(ck);
	EVP_PKEY_free(ok);
	EVP_PKEY_free(lk);
}

void
tlskit_free(struct tlskit *k)
{
	unlink(k->ca_file);
	unlink(k->other_ca);
	free(k->chain);
	free(k->key);
}
