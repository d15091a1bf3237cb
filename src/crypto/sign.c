#include "crypto/sign.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

#include "core/err.h"
#include "crypto/crypto_int.h"
#include "crypto/hash.h"

#define ECDSA_DER_MAX 160

static const struct alg {
	enum key_kind kind;
	enum md md;
	size_t hash;
} algs[SIG_COUNT] = {
    [SIG_RS256] = {KEY_RSA, MD_SHA256, SHA256_LEN},  [SIG_RS512] = {KEY_RSA, MD_SHA512, SHA512_LEN},
    [SIG_ES256] = {KEY_P256, MD_SHA256, SHA256_LEN}, [SIG_ES384] = {KEY_P384, MD_SHA384, SHA384_LEN},
    [SIG_ES512] = {KEY_P521, MD_SHA512, SHA512_LEN}, [SIG_EDDSA] = {KEY_ED25519, MD_COUNT, 0},
};

bool
key_fits(const struct key *k, enum sig_alg a)
{
	return a >= SIG_RS256 && a <= SIG_EDDSA && algs[a].kind == k->kind;
}

static void
hash_msg(const struct alg *a, struct slice msg, uint8_t out[static SHA512_LEN])
{
	if (a->md == MD_SHA256)
		sha256(msg.p, msg.n, out);
	else if (a->md == MD_SHA384)
		sha384(msg.p, msg.n, out);
	else
		sha512(msg.p, msg.n, out);
}

/* The cached context of one algorithm, made ready at first use. */
static EVP_PKEY_CTX *
ctx_get(struct key *k, enum sig_alg a, bool sign)
{
	EVP_PKEY_CTX **slot = sign ? &k->sign[a] : &k->verify[a];
	EVP_PKEY_CTX *c;
	if (*slot)
		return *slot;
	c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (!c)
		return NULL;
	if ((sign ? EVP_PKEY_sign_init(c) : EVP_PKEY_verify_init(c)) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(c, md_get(algs[a].md)) != 1 ||
	    (k->kind == KEY_RSA && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) != 1)) {
		EVP_PKEY_CTX_free(c);
		return NULL;
	}
	*slot = c;
	return c;
}

static EVP_MD_CTX *
ed_get(struct key *k, bool sign)
{
	EVP_MD_CTX **slot = sign ? &k->ed_sign : &k->ed_verify;
	EVP_MD_CTX *c;
	if (*slot)
		return *slot;
	c = EVP_MD_CTX_new();
	if (!c)
		return NULL;
	if ((sign ? EVP_DigestSignInit(c, NULL, NULL, NULL, k->pkey)
	          : EVP_DigestVerifyInit(c, NULL, NULL, NULL, k->pkey)) != 1) {
		EVP_MD_CTX_free(c);
		return NULL;
	}
	*slot = c;
	return c;
}

static const uint8_t *
bytes(struct slice s)
{
	return s.n ? s.p : (const uint8_t *)"";
}

/* DER SEQUENCE of two INTEGERs -> r||s. */
static int
ecdsa_to_raw(const uint8_t *der, size_t n, size_t coord, struct buf *out)
{
	const uint8_t *at = der;
	uint8_t *d = NULL;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	int e = sig ? buf_reserve(out, 2 * coord, &d) : E_CRYPTO;
	if (!e) {
		if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), d, (int)coord) < 0 ||
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), d + coord, (int)coord) < 0)
			e = E_CRYPTO;
		else
			buf_commit(out, 2 * coord);
	}
	ECDSA_SIG_free(sig);
	return e;
}

static int
ecdsa_from_raw(struct slice raw, size_t coord, uint8_t der[static ECDSA_DER_MAX], size_t *ret_n)
{
	BIGNUM *r = NULL, *s = NULL;
	ECDSA_SIG *sig = NULL;
	int e = E_CRYPTO, n;
	uint8_t *at = der;
	if (raw.n != 2 * coord)
		return E_CRYPTO;
	r = BN_bin2bn(raw.p, (int)coord, NULL);
	s = BN_bin2bn(raw.p + coord, (int)coord, NULL);
	sig = ECDSA_SIG_new();
	if (!r || !s || !sig || ECDSA_SIG_set0(sig, r, s) != 1) {
		e = E_NOMEM;
		goto out;
	}
	r = s = NULL;
	n = i2d_ECDSA_SIG(sig, NULL);
	if (n <= 0 || n > ECDSA_DER_MAX)
		goto out;
	*ret_n = (size_t)i2d_ECDSA_SIG(sig, &at);
	e = 0;
out:
	ECDSA_SIG_free(sig);
	BN_free(r);
	BN_free(s);
	return e;
}

static int
ed_sign(struct key *k, struct slice msg, struct buf *out)
{
	EVP_MD_CTX *c = ed_get(k, true);
	uint8_t *d = NULL;
	size_t n = 64;
	if (!c)
		return E_NOMEM;
	int e = buf_reserve(out, n, &d);
	if (e)
		return e;
	if (EVP_DigestSign(c, d, &n, bytes(msg), msg.n) != 1 || n != 64)
		return E_CRYPTO;
	buf_commit(out, n);
	return 0;
}

int
key_sign(struct key *k, enum sig_alg a, struct slice msg, struct buf *out)
{
	uint8_t h[SHA512_LEN], der[KEY_SIG_MAX];
	size_t n = sizeof der;
	EVP_PKEY_CTX *c;
	if (!k->priv || !key_fits(k, a))
		return E_STATE;
	if (a == SIG_EDDSA)
		return ed_sign(k, msg, out);
	c = ctx_get(k, a, true);
	if (!c)
		return E_NOMEM;
	hash_msg(&algs[a], msg, h);
	if (EVP_PKEY_sign(c, der, &n, h, algs[a].hash) != 1)
		return E_CRYPTO;
	if (k->kind == KEY_RSA)
		return buf_put(out, der, n);
	return ecdsa_to_raw(der, n, key_coord(k->kind), out);
}

int
key_verify(struct key *k, enum sig_alg a, struct slice msg, struct slice sig)
{
	uint8_t h[SHA512_LEN], der[ECDSA_DER_MAX];
	EVP_PKEY_CTX *c;
	size_t n;
	if (!key_fits(k, a) || !sig.n || sig.n > KEY_SIG_MAX)
		return E_CRYPTO;
	if (a == SIG_EDDSA) {
		EVP_MD_CTX *m = ed_get(k, false);
		if (!m)
			return E_NOMEM;
		return EVP_DigestVerify(m, sig.p, sig.n, bytes(msg), msg.n) == 1 ? 0 : E_CRYPTO;
	}
	c = ctx_get(k, a, false);
	if (!c)
		return E_NOMEM;
	hash_msg(&algs[a], msg, h);
	if (k->kind == KEY_RSA)
		return EVP_PKEY_verify(c, sig.p, sig.n, h, algs[a].hash) == 1 ? 0 : E_CRYPTO;
	int e = ecdsa_from_raw(sig, key_coord(k->kind), der, &n);
	if (e)
		return e;
	return EVP_PKEY_verify(c, der, n, h, algs[a].hash) == 1 ? 0 : E_CRYPTO;
}
