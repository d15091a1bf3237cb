/* What the files of crypto share; nobody else includes it. */
#ifndef CRYPTO_CRYPTO_INT_H
#define CRYPTO_CRYPTO_INT_H

#include <openssl/evp.h>

#include "crypto/sign.h"

#define SIG_COUNT (SIG_EDDSA + 1)

struct key {
	EVP_PKEY *pkey;
	enum key_kind kind;
	unsigned bits;
	bool priv;
	/* Made at first use and kept: fetching and initialising costs as much as an Ed25519 signature. */
	EVP_PKEY_CTX *sign[SIG_COUNT], *verify[SIG_COUNT];
	EVP_MD_CTX *ed_sign, *ed_verify;
};

enum md { MD_SHA1, MD_SHA256, MD_SHA384, MD_SHA512, MD_COUNT };

const EVP_MD *md_get(enum md m); /* fetched once a process; never NULL */
void sodium_ready(void);         /* idempotent */
_Noreturn void crypto_die(const char *what);

/* Takes pkey, also on failure. */
int key_wrap(EVP_PKEY *pkey, bool priv, struct key **ret_k);
const char *key_curve(enum key_kind kind); /* OpenSSL's group name; NULL for other kinds */
size_t key_coord(enum key_kind kind);      /* bytes of a coordinate; 0 for other kinds */

#endif
