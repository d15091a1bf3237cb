#include "crypto/hash.h"

#include <openssl/hmac.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/str.h"
#include "crypto/crypto_int.h"

static EVP_MD *mds[MD_COUNT];
static pthread_once_t mds_once = PTHREAD_ONCE_INIT;
static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;

_Noreturn void
crypto_die(const char *what)
{
	static const char text[] = "crypto: the library failed: ";
	ssize_t w = write(2, text, sizeof text - 1);
	w += write(2, what, strlen(what));
	w += write(2, "\n", 1);
	(void)w;
	abort();
}

static void
mds_fetch(void)
{
	static const char *const names[MD_COUNT] = {"SHA1", "SHA256", "SHA384", "SHA512"};
	for (int i = 0; i < MD_COUNT; i++) {
		mds[i] = EVP_MD_fetch(NULL, names[i], NULL);
		if (!mds[i])
			crypto_die(names[i]);
	}
}

const EVP_MD *
md_get(enum md m)
{
	pthread_once(&mds_once, mds_fetch);
	return mds[m];
}

static void
sodium_start(void)
{
	if (sodium_init() < 0)
		crypto_die("sodium_init");
}

void
sodium_ready(void)
{
	pthread_once(&sodium_once, sodium_start);
}

static void
digest(enum md m, const void *p, size_t n, uint8_t *out)
{
	if (EVP_Digest(n ? p : "", n, out, NULL, md_get(m), NULL) != 1)
		crypto_die("digest");
}

void
sha256(const void *p, size_t n, uint8_t out[static SHA256_LEN])
{
	digest(MD_SHA256, p, n, out);
}

void
sha384(const void *p, size_t n, uint8_t out[static SHA384_LEN])
{
	digest(MD_SHA384, p, n, out);
}

void
sha512(const void *p, size_t n, uint8_t out[static SHA512_LEN])
{
	digest(MD_SHA512, p, n, out);
}

static void
hmac(enum md m, struct slice key, struct slice msg, uint8_t *out)
{
	unsigned len = 0;
	/* keys are ours and short; HMAC takes an int */
	if (key.n > INT32_MAX)
		crypto_die("hmac key");
	if (!HMAC(md_get(m), key.n ? key.p : (const uint8_t *)"", (int)key.n, msg.n ? msg.p : (const uint8_t *)"",
	          msg.n, out, &len))
		crypto_die("hmac");
}

void
hmac_sha256(struct slice key, struct slice msg, uint8_t out[static SHA256_LEN])
{
	hmac(MD_SHA256, key, msg, out);
}

void
hmac_sha1(struct slice key, struct slice msg, uint8_t out[static 20])
{
	hmac(MD_SHA1, key, msg, out);
}

void
sha256_init(struct sha256_state *s)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	if (!c || EVP_DigestInit_ex2(c, md_get(MD_SHA256), NULL) != 1)
		crypto_die("sha256_init");
	s->ctx = c;
}

void
sha256_update(struct sha256_state *s, const void *p, size_t n)
{
	if (n && EVP_DigestUpdate(s->ctx, p, n) != 1)
		crypto_die("sha256_update");
}

void
sha256_final(struct sha256_state *s, uint8_t out[static SHA256_LEN])
{
	if (EVP_DigestFinal_ex(s->ctx, out, NULL) != 1)
		crypto_die("sha256_final");
	sha256_release(s);
}

void
sha256_release(struct sha256_state *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
}

void
sha256_hex(const void *p, size_t n, char out[static 65])
{
	uint8_t d[SHA256_LEN];
	sha256(p, n, d);
	(void)hex_encode_str(out, 65, d, sizeof d);
}
