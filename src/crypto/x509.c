#include "crypto/x509.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/url.h"
#include "crypto/crypto_int.h"

#define HOUR 3600
#define DAY 86400
#define CN_MAX 64 /* ub-common-name */

static int
pem_put(X509 *c, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	int e = E_NOMEM;
	if (!bio || PEM_write_bio_X509(bio, c) != 1)
		goto out;
	long n = BIO_get_mem_data(bio, &p);
	e = buf_put(out, p, (size_t)n);
out:
	BIO_free(bio);
	return e;
}

static X509 *
pem_get(struct slice pem)
{
	BIO *bio = pem.n && pem.n < INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *c = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return c;
}

/* Version, serial, times, subject name: what CA and leaf have in common. */
static int
cert_begin(X509 *c, const char *cn, int64_t from, int64_t to, const uint8_t serial[static 16])
{
	uint8_t s[16];
	BIGNUM *bn = NULL;
	X509_NAME *name = X509_get_subject_name(c);
	int e = E_NOMEM;
	memcpy(s, serial, sizeof s);
	s[0] = (uint8_t)((s[0] & 0x7f) | 0x40); /* positive, never short */
	bn = BN_bin2bn(s, sizeof s, NULL);
	if (!bn || X509_set_version(c, X509_VERSION_3) != 1 || !BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(c)) ||
	    !ASN1_TIME_set(X509_getm_notBefore(c), (time_t)from) || !ASN1_TIME_set(X509_getm_notAfter(c), (time_t)to))
		goto out;
	if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) != 1)
		goto out;
	e = 0;
out:
	BN_free(bn);
	return e;
}

/* value is always a constant of this file: the text form is OpenSSL's little language. */
static int
ext_add(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	int ok = x && X509_add_ext(c, x, -1) == 1;
	X509_EXTENSION_free(x);
	return ok ? 0 : E_CRYPTO;
}

/* "*." is kept in front; host_parse decides on the rest. */
static ASN1_STRING *
dns_name(const char *text)
{
	char full[HOST_MAX + 3] = "*.";
	size_t skip = text[0] == '*' && text[1] == '.' ? 2 : 0;
	ASN1_STRING *v = NULL;
	if (host_parse(text + skip, strlen(text + skip), full + skip))
		return NULL;
	v = ASN1_IA5STRING_new();
	if (v && ASN1_STRING_set(v, full, -1) != 1) {
		ASN1_STRING_free(v);
		return NULL;
	}
	return v;
}

static int
name_add(GENERAL_NAMES *names, const char *text)
{
	int type = GEN_IPADD;
	GENERAL_NAME *g = NULL;
	ASN1_STRING *v = a2i_IPADDRESS(text);
	if (!v) {
		type = GEN_DNS;
		v = dns_name(text);
	}
	if (!v)
		return E_FORMAT;
	g = GENERAL_NAME_new();
	if (!g) {
		ASN1_STRING_free(v);
		return E_NOMEM;
	}
	GENERAL_NAME_set0_value(g, type, v);
	if (sk_GENERAL_NAME_push(names, g) <= 0) {
		GENERAL_NAME_free(g);
		return E_NOMEM;
	}
	return 0;
}

static int
san_add(X509 *c, const char *const *names, size_t n)
{
	GENERAL_NAMES *g = sk_GENERAL_NAME_new_null();
	int e = g ? 0 : E_NOMEM;
	for (size_t i = 0; i < n && !e; i++)
		e = name_add(g, names[i]);
	if (!e && X509_add1_ext_i2d(c, NID_subject_alt_name, g, 0, 0) != 1)
		e = E_NOMEM;
	GENERAL_NAMES_free(g);
	return e;
}

int
x509_ca_make(struct key *key, const char *common_name, int64_t now, const uint8_t serial[static 16], struct buf *out)
{
	X509 *c = NULL;
	int e = E_NOMEM;
	if (!key->priv || key->kind != KEY_P256)
		return E_STATE;
	if (!*common_name || strlen(common_name) > CN_MAX)
		return E_LIMIT;
	c = X509_new();
	if (!c)
		return E_NOMEM;
	e = cert_begin(c, common_name, now - HOUR, now + (int64_t)X509_CA_DAYS * DAY, serial);
	if (e)
		goto out;
	e = E_CRYPTO;
	if (X509_set_issuer_name(c, X509_get_subject_name(c)) != 1 || X509_set_pubkey(c, key->pkey) != 1)
		goto out;
	if (ext_add(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    ext_add(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    ext_add(c, c, NID_subject_key_identifier, "hash"))
		goto out;
	if (X509_sign(c, key->pkey, md_get(MD_SHA256)) <= 0)
		goto out;
	e = pem_put(c, out);
out:
	X509_free(c);
	return e;
}

int
x509_token_key(struct key *key, const char *common_name, int64_t from, const uint8_t serial[static 16], struct buf *out)
{
	X509 *c = NULL;
	int e;
	if (!key->priv || key->kind != KEY_RSA)
		return E_STATE;
	if (!*common_name || strlen(common_name) > CN_MAX)
		return E_LIMIT;
	c = X509_new();
	if (!c)
		return E_NOMEM;
	e = cert_begin(c, common_name, from, from + (int64_t)X509_TOKEN_DAYS * DAY, serial);
	if (e)
		goto out;
	e = E_CRYPTO;
	if (X509_set_issuer_name(c, X509_get_subject_name(c)) != 1 || X509_set_pubkey(c, key->pkey) != 1 ||
	    ext_add(c, c, NID_basic_constraints, "critical,CA:FALSE") ||
	    ext_add(c, c, NID_key_usage, "critical,digitalSignature") ||
	    X509_sign(c, key->pkey, md_get(MD_SHA256)) <= 0)
		goto out;
	e = pem_put(c, out);
out:
	X509_free(c);
	return e;
}

static int
leaf_fill(X509 *c, X509 *ca, struct key *subject, const char *const *names, size_t nnames)
{
	int e = E_CRYPTO;
	if (X509_set_issuer_name(c, X509_get_subject_name(ca)) != 1 || X509_set_pubkey(c, subject->pkey) != 1)
		return E_CRYPTO;
	if (ext_add(c, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    ext_add(c, ca, NID_key_usage,
	            subject->kind == KEY_RSA ? "critical,digitalSignature,keyEncipherment"
	                                     : "critical,digitalSignature") ||
	    ext_add(c, ca, NID_ext_key_usage, "serverAuth") || ext_add(c, ca, NID_subject_key_identifier, "hash") ||
	    ext_add(c, ca, NID_authority_key_identifier, "keyid:always"))
		return e;
	return san_add(c, names, nnames);
}

int
x509_leaf_make(struct key *ca_key, struct slice ca_pem, struct slice spki, const char *const *names, size_t nnames,
               int64_t now, unsigned days, const uint8_t serial[static 16], struct buf *out)
{
	struct key *subject = NULL;
	X509 *ca = NULL, *c = NULL;
	int e = E_FORMAT;
	if (!nnames || nnames > X509_NAMES_MAX || !days || days > X509_CA_DAYS)
		return E_LIMIT;
	e = key_from_spki(spki, &subject);
	if (e)
		return e;
	e = E_FORMAT;
	ca = pem_get(ca_pem);
	if (!ca || X509_check_private_key(ca, ca_key->pkey) != 1)
		goto out;
	c = X509_new();
	if (!c) {
		e = E_NOMEM;
		goto out;
	}
	const char *cn = strlen(names[0]) <= CN_MAX && *names[0] ? names[0] : "edge";
	e = cert_begin(c, cn, now - HOUR, now + (int64_t)days * DAY, serial);
	if (!e)
		e = leaf_fill(c, ca, subject, names, nnames);
	if (e)
		goto out;
	e = X509_sign(c, ca_key->pkey, md_get(MD_SHA256)) > 0 ? pem_put(c, out) : E_CRYPTO;
out:
	X509_free(c);
	X509_free(ca);
	key_free(subject);
	return e;
}

int
x509_not_after(struct slice pem, int64_t *ret_t)
{
	X509 *c = pem_get(pem);
	struct tm tm;
	int e = E_FORMAT;
	if (c && ASN1_TIME_to_tm(X509_get0_notAfter(c), &tm) == 1) {
		*ret_t = (int64_t)timegm(&tm);
		e = 0;
	}
	X509_free(c);
	return e;
}
