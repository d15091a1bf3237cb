/* Keys: making, importing, exporting. Public keys are always rebuilt from their numbers, so that an odd encoding cannot
 * survive. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "crypto/crypto_int.h"
#include "crypto/hash.h"

#define DER_MAX 8192
#define POINT_MAX 133 /* P-521 */

static const struct curve {
	enum key_kind kind;
	const char *group;
	unsigned bits;
	size_t coord;
} curves[] = {
    {KEY_P256, "prime256v1", 256, 32},
    {KEY_P384, "secp384r1", 384, 48},
    {KEY_P521, "secp521r1", 521, 66},
};

static const struct curve *
curve_of(enum key_kind kind)
{
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (curves[i].kind == kind)
			return &curves[i];
	return NULL;
}

const char *
key_curve(enum key_kind kind)
{
	const struct curve *c = curve_of(kind);
	return c ? c->group : NULL;
}

size_t
key_coord(enum key_kind kind)
{
	const struct curve *c = curve_of(kind);
	return c ? c->coord : 0;
}

/* Kind of a library key; 0 when it is none of ours. */
static enum key_kind
kind_of(const EVP_PKEY *p)
{
	char group[64] = "";
	switch (EVP_PKEY_get_base_id(p)) {
	case EVP_PKEY_ED25519:
		return KEY_ED25519;
	case EVP_PKEY_RSA:
		return KEY_RSA;
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_utf8_string_param(p, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) != 1)
			return 0;
		for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
			if (!strcmp(group, curves[i].group))
				return curves[i].kind;
		return 0;
	default:
		return 0;
	}
}

int
key_wrap(EVP_PKEY *pkey, bool priv, struct key **ret_k)
{
	struct key *k = NULL;
	enum key_kind kind = kind_of(pkey);
	int bits = EVP_PKEY_get_bits(pkey);
	if (!kind || bits <= 0) {
		EVP_PKEY_free(pkey);
		return E_FORMAT;
	}
	if (kind == KEY_RSA && ((unsigned)bits < KEY_RSA_BITS_MIN || (unsigned)bits > KEY_RSA_BITS_MAX)) {
		EVP_PKEY_free(pkey);
		return E_LIMIT;
	}
	k = calloc(1, sizeof *k);
	if (!k) {
		EVP_PKEY_free(pkey);
		return E_NOMEM;
	}
	k->pkey = pkey;
	k->kind = kind;
	k->bits = kind == KEY_ED25519 ? 256 : (unsigned)bits;
	k->priv = priv;
	*ret_k = k;
	return 0;
}

void
key_free(struct key *k)
{
	if (!k)
		return;
	for (int i = 0; i < SIG_COUNT; i++) {
		EVP_PKEY_CTX_free(k->sign[i]);
		EVP_PKEY_CTX_free(k->verify[i]);
	}
	EVP_MD_CTX_free(k->ed_sign);
	EVP_MD_CTX_free(k->ed_verify);
	EVP_PKEY_free(k->pkey); /* OpenSSL clears private numbers */
	free(k);
}

enum key_kind
key_kind(const struct key *k)
{
	return k->kind;
}

unsigned
key_bits(const struct key *k)
{
	return k->bits;
}

bool
key_is_private(const struct key *k)
{
	return k->priv;
}

int
key_generate(enum key_kind kind, unsigned rsa_bits, struct key **ret_k)
{
	EVP_PKEY *p = NULL;
	if (kind == KEY_ED25519)
		p = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (kind == KEY_RSA && (rsa_bits == 2048 || rsa_bits == 3072 || rsa_bits == 4096))
		p = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits);
	else if (key_curve(kind))
		p = EVP_PKEY_Q_keygen(NULL, NULL, "EC", key_curve(kind));
	else
		return E_RANGE;
	if (!p)
		return E_CRYPTO;
	return key_wrap(p, true, ret_k);
}

int
key_generate_named(const char *name, struct key **ret_k)
{
	static const struct {
		const char *name;
		enum key_kind kind;
		unsigned bits;
	} names[] = {
	    {"ed25519", KEY_ED25519, 0}, {"ecdsa-p256", KEY_P256, 0}, {"rsa-2048", KEY_RSA, 2048},
	    {"rsa-3072", KEY_RSA, 3072}, {"rsa-4096", KEY_RSA, 4096},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i].name))
			return key_generate(names[i].kind, names[i].bits, ret_k);
	return E_NOENT;
}

int
key_export_private(const struct key *k, struct secret *ret_der)
{
	PKCS8_PRIV_KEY_INFO *p8 = NULL;
	uint8_t *der = NULL;
	int n = 0, e = E_CRYPTO;
	if (!k->priv)
		return E_STATE;
	p8 = EVP_PKEY2PKCS8(k->pkey);
	if (!p8)
		goto out;
	n = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
	if (n <= 0)
		goto out;
	e = secret_set(ret_der, der, (size_t)n);
out:
	if (der)
		OPENSSL_clear_free(der, (size_t)n);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return e;
}

int
key_import_private(struct slice der, struct key **ret_k)
{
	PKCS8_PRIV_KEY_INFO *p8 = NULL;
	EVP_PKEY *p = NULL;
	const uint8_t *at = der.p;
	int e = E_FORMAT;
	if (!der.n || der.n > DER_MAX)
		return E_LIMIT;
	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.n);
	if (!p8 || at != der.p + der.n)
		goto out;
	p = EVP_PKCS82PKEY(p8);
	if (!p)
		goto out;
	e = key_wrap(p, true, ret_k);
out:
	PKCS8_PRIV_KEY_INFO_free(p8);
	return e;
}

int
key_export_seed(const struct key *k, struct secret *ret_seed)
{
	uint8_t seed[32];
	size_t n = sizeof seed;
	int e = E_STATE;
	if (k->kind != KEY_ED25519 || !k->priv)
		return E_STATE;
	if (EVP_PKEY_get_raw_private_key(k->pkey, seed, &n) == 1)
		e = secret_set(ret_seed, seed, n);
	mem_wipe(seed, sizeof seed);
	return e;
}

int
key_import_seed(struct slice seed, struct key **ret_k)
{
	EVP_PKEY *p = NULL;
	if (seed.n != 32)
		return E_FORMAT;
	p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.p, seed.n);
	return p ? key_wrap(p, true, ret_k) : E_CRYPTO;
}

int
key_from_ed25519(struct slice pub32, struct key **ret_k)
{
	EVP_PKEY *p = NULL;
	if (pub32.n != 32)
		return E_FORMAT;
	sodium_ready();
	/* on the curve, canonical, in the main subgroup: a small-order key would verify signatures that nobody made */
	if (!crypto_core_ed25519_is_valid_point(pub32.p))
		return E_CRYPTO;
	p = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub32.p, pub32.n);
	return p ? key_wrap(p, false, ret_k) : E_CRYPTO;
}

static int
key_from_params(const char *type, OSSL_PARAM_BLD *bld, struct key **ret_k)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *p = NULL;
	int e = E_CRYPTO;
	if (!params || !ctx) {
		e = E_NOMEM;
		goto out;
	}
	if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &p, EVP_PKEY_PUBLIC_KEY, params) != 1)
		goto out;
	e = key_wrap(p, false, ret_k);
out:
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return e;
}

int
key_from_ec_point(enum key_kind kind, struct slice point, struct key **ret_k)
{
	const struct curve *c = curve_of(kind);
	OSSL_PARAM_BLD *bld = NULL;
	int e = E_NOMEM;
	if (!c)
		return E_RANGE;
	/* uncompressed only; the length alone excludes the point at infinity, decoding checks the curve equation */
	if (point.n != 1 + 2 * c->coord || point.p[0] != 4)
		return E_FORMAT;
	bld = OSSL_PARAM_BLD_new();
	if (!bld)
		return E_NOMEM;
	if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1)
		e = key_from_params("EC", bld, ret_k);
	OSSL_PARAM_BLD_free(bld);
	return e;
}

int
key_from_ec_xy(enum key_kind kind, struct slice x, struct slice y, struct key **ret_k)
{
	uint8_t point[POINT_MAX] = {4};
	size_t n = key_coord(kind);
	if (!n || x.n != n || y.n != n)
		return E_FORMAT;
	memcpy(point + 1, x.p, n);
	memcpy(point + 1 + n, y.p, n);
	return key_from_ec_point(kind, (struct slice){point, 1 + 2 * n}, ret_k);
}

static int
rsa_check(const BIGNUM *n, const BIGNUM *e)
{
	int bits = BN_num_bits(n), ebits = BN_num_bits(e);
	if ((unsigned)bits < KEY_RSA_BITS_MIN || (unsigned)bits > KEY_RSA_BITS_MAX)
		return E_LIMIT;
	if (!BN_is_odd(n) || !BN_is_odd(e) || ebits < 2 || ebits > 32)
		return E_CRYPTO;
	return 0;
}

int
key_from_rsa(struct slice n, struct slice e, struct key **ret_k)
{
	OSSL_PARAM_BLD *bld = NULL;
	BIGNUM *bn = NULL, *be = NULL;
	int err = E_NOMEM;
	if (!n.n || !e.n || n.n > KEY_RSA_BITS_MAX / 8 + 8 || e.n > 64)
		return E_LIMIT;
	bn = BN_bin2bn(n.p, (int)n.n, NULL);
	be = BN_bin2bn(e.p, (int)e.n, NULL);
	bld = OSSL_PARAM_BLD_new();
	if (!bn || !be || !bld)
		goto out;
	err = rsa_check(bn, be);
	if (err)
		goto out;
	err = E_NOMEM;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1)
		err = key_from_params("RSA", bld, ret_k);
out:
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn);
	BN_free(be);
	return err;
}

static int
bn_put(const EVP_PKEY *p, const char *name, struct buf *out)
{
	BIGNUM *bn = NULL;
	uint8_t *d = NULL;
	int e = E_CRYPTO;
	if (EVP_PKEY_get_bn_param(p, name, &bn) != 1)
		return E_CRYPTO;
	size_t n = (size_t)BN_num_bytes(bn);
	e = buf_reserve(out, n, &d);
	if (e)
		goto out;
	BN_bn2bin(bn, d);
	buf_commit(out, n);
out:
	BN_free(bn);
	return e;
}

int
key_public_rsa(const struct key *k, struct buf *out_n, struct buf *out_e)
{
	if (k->kind != KEY_RSA)
		return E_STATE;
	int e = bn_put(k->pkey, OSSL_PKEY_PARAM_RSA_N, out_n);
	return e ? e : bn_put(k->pkey, OSSL_PKEY_PARAM_RSA_E, out_e);
}

/* Uncompressed point, whatever form the key was imported in. */
static int
ec_point(const EVP_PKEY *p, size_t coord, uint8_t out[static POINT_MAX])
{
	BIGNUM *x = NULL, *y = NULL;
	int e = E_CRYPTO;
	if (EVP_PKEY_get_bn_param(p, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
	    EVP_PKEY_get_bn_param(p, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1)
		goto out;
	out[0] = 4;
	if (BN_bn2binpad(x, out + 1, (int)coord) < 0 || BN_bn2binpad(y, out + 1 + coord, (int)coord) < 0)
		goto out;
	e = 0;
out:
	BN_free(x);
	BN_free(y);
	return e;
}

static int
public_raw(const EVP_PKEY *p, enum key_kind kind, uint8_t out[static POINT_MAX], size_t *ret_n)
{
	size_t n = 32;
	int e;
	if (kind == KEY_ED25519) {
		if (EVP_PKEY_get_raw_public_key(p, out, &n) != 1)
			return E_CRYPTO;
		*ret_n = n;
		return 0;
	}
	n = key_coord(kind);
	if (!n)
		return E_STATE;
	e = ec_point(p, n, out);
	if (!e)
		*ret_n = 1 + 2 * n;
	return e;
}

int
key_public_raw(const struct key *k, struct buf *out)
{
	uint8_t raw[POINT_MAX];
	size_t n = 0;
	int e = public_raw(k->pkey, k->kind, raw, &n);
	return e ? e : buf_put(out, raw, n);
}

int
key_from_spki(struct slice der, struct key **ret_k)
{
	const uint8_t *at = der.p;
	EVP_PKEY *p = NULL;
	struct buf n, ex;
	uint8_t raw[POINT_MAX];
	size_t nraw = 0;
	int e = E_FORMAT;
	if (!der.n || der.n > DER_MAX)
		return E_LIMIT;
	buf_init(&n, DER_MAX);
	buf_init(&ex, DER_MAX);
	p = d2i_PUBKEY(NULL, &at, (long)der.n);
	if (!p || at != der.p + der.n)
		goto out;
	enum key_kind kind = kind_of(p);
	if (!kind)
		goto out;
	if (kind == KEY_RSA) {
		e = bn_put(p, OSSL_PKEY_PARAM_RSA_N, &n);
		if (!e)
			e = bn_put(p, OSSL_PKEY_PARAM_RSA_E, &ex);
		if (!e)
			e = key_from_rsa(buf_slice(&n), buf_slice(&ex), ret_k);
		goto out;
	}
	e = public_raw(p, kind, raw, &nraw);
	if (e)
		goto out;
	struct slice s = {raw, nraw};
	e = kind == KEY_ED25519 ? key_from_ed25519(s, ret_k) : key_from_ec_point(kind, s, ret_k);
out:
	EVP_PKEY_free(p);
	buf_release(&n);
	buf_release(&ex);
	return e;
}

int
key_spki(const struct key *k, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);
	if (n <= 0)
		return E_CRYPTO;
	int e = buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return e;
}

int
key_kid(const struct key *k, char out[static 65])
{
	struct buf der;
	buf_init(&der, DER_MAX);
	int e = key_spki(k, &der);
	if (!e)
		sha256_hex(buf_ptr(&der), buf_len(&der), out);
	buf_release(&der);
	return e;
}
