#include "crypto/x509_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"

#define AUTH_LEVEL 2

static int64_t
not_after(const X509 *c)
{
	struct tm tm;

	return ASN1_TIME_to_tm(X509_get0_notAfter(c), &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* All certificates of a PEM text, and nothing but certificates. */
static int
roots_read(struct slice pem, STACK_OF(X509) * to, struct reason *why)
{
	BIO *b = pem.n && pem.n <= X509_ROOTS_BYTES ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	int e = b ? 0 : E_LIMIT;
	char *name, *header;
	unsigned char *d;
	long n;

	if (!b)
		return reason_set(why, e, SP_BAD_REQUEST, "expected 1 to %d bytes of PEM", X509_ROOTS_BYTES);
	while (e == 0 && PEM_read_bio(b, &name, &header, &d, &n) == 1) {
		const unsigned char *p = d;
		X509 *c = strcmp(name, PEM_STRING_X509) == 0 ? d2i_X509(NULL, &p, n) : NULL;
		if (strcmp(name, PEM_STRING_X509) != 0)
			e = reason_set(why, E_FORMAT, SP_BAD_REQUEST, "found %.40s, expected certificates alone", name);
		else if (!c || p != d + n)
			e = reason_set(why, E_FORMAT, SP_BAD_REQUEST, "certificate %d does not parse",
			               sk_X509_num(to) + 1);
		else if (X509_check_ca(c) != 1)
			e = reason_set(why, E_FORMAT, SP_BAD_REQUEST, "certificate %d is not an authority's (CA:TRUE)",
			               sk_X509_num(to) + 1);
		else if (sk_X509_num(to) == X509_ROOTS_MAX)
			e = reason_set(why, E_LIMIT, SP_BAD_REQUEST, "more than %d certificates", X509_ROOTS_MAX);
		else if (sk_X509_push(to, c) > 0)
			c = NULL;
		else
			e = E_NOMEM;
		X509_free(c);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(d, (size_t)n);
	}
	if (e == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		e = reason_set(why, E_FORMAT, SP_BAD_REQUEST, "the PEM is cut off or damaged");
	if (e == 0 && sk_X509_num(to) == 0)
		e = reason_set(why, E_FORMAT, SP_BAD_REQUEST, "no certificate in it");
	ERR_clear_error();
	BIO_free(b);
	return e;
}

int
x509_roots_check(struct slice pem, char fingerprint[static 65], int64_t *ret_not_after, struct reason *why)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	struct sha256_state s = {0};
	uint8_t h[SHA256_LEN];
	int64_t first = INT64_MAX;
	int e = all ? roots_read(pem, all, why) : E_NOMEM;

	sha256_init(&s);
	for (int i = 0; e == 0 && i < sk_X509_num(all); i++) {
		unsigned char *d = NULL;
		int n = i2d_X509(sk_X509_value(all, i), &d);
		int64_t end = not_after(sk_X509_value(all, i));
		if (n > 0)
			sha256_update(&s, d, (size_t)n);
		else
			e = E_NOMEM;
		OPENSSL_free(d);
		first = end < first ? end : first;
	}
	sha256_final(&s, h);
	if (e == 0) {
		hex_encode_str(fingerprint, 65, h, sizeof h);
		*ret_not_after = first;
	}
	sk_X509_pop_free(all, X509_free);
	return e;
}

/* --- a client's -------------------------------------------------------------------------------------------------- */

static int
chain_read(struct slice der, X509 **ret_leaf, STACK_OF(X509) * more)
{
	const unsigned char *p = der.p, *end = der.p + der.n;
	X509 *leaf = NULL;

	if (!der.n || der.n > X509_CLIENT_BYTES)
		return E_LIMIT;
	while (p < end) {
		X509 *c = d2i_X509(NULL, &p, end - p);
		if (!c || sk_X509_num(more) == X509_CLIENT_DEPTH + 1) {
			X509_free(c);
			X509_free(leaf);
			return E_FORMAT;
		}
		if (!leaf) {
			leaf = c;
		} else if (sk_X509_push(more, c) <= 0) {
			X509_free(c);
			X509_free(leaf);
			return E_NOMEM;
		}
	}
	*ret_leaf = leaf;
	return 0;
}

/* One common name, without NUL or other control characters; else none: a rule must not match half of it. */
static void
common_name(const X509 *c, char out[static 256])
{
	X509_NAME *name = X509_get_subject_name(c);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *s = NULL;
	int n;

	out[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return;
	n = ASN1_STRING_to_UTF8(&s, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (n < 0)
		return;
	bool plain = n > 0 && n < 256;
	for (int i = 0; i < n; i++)
		plain &= s[i] >= 0x20 && s[i] != 0x7f;
	if (plain)
		str_copy_n(out, 256, s, (size_t)n);
	OPENSSL_free(s);
}

static int
verify(X509 *leaf, STACK_OF(X509) * more, STACK_OF(X509) * roots, int64_t now, struct reason *why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	int e = store && x ? 0 : E_NOMEM;

	for (int i = 0; e == 0 && i < sk_X509_num(roots); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(roots, i)) != 1)
			e = E_NOMEM;
	if (e == 0 && X509_STORE_CTX_init(x, store, leaf, more) != 1)
		e = E_NOMEM;
	if (e == 0) {
		X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(x);
		X509_VERIFY_PARAM_set_time(p, (time_t)now);
		X509_VERIFY_PARAM_set_depth(p, X509_CLIENT_DEPTH);
		X509_VERIFY_PARAM_set_auth_level(p, AUTH_LEVEL);
		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
		if (X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_CLIENT) != 1)
			e = E_NOMEM;
	}
	if (e == 0 && X509_verify_cert(x) != 1)
		e = reason_set(why, E_DENIED, SP_POLICY_DENY, "client certificate: %s",
		               X509_verify_cert_error_string(X509_STORE_CTX_get_error(x)));
	ERR_clear_error();
	X509_STORE_CTX_free(x);
	X509_STORE_free(store);
	return e;
}

int
x509_client_verify(struct slice roots_pem, struct slice der, int64_t now, struct x509_client *ret_c, struct reason *why)
{
	STACK_OF(X509) *roots = sk_X509_new_null(), *more = sk_X509_new_null();
	X509 *leaf = NULL;
	int e = roots && more ? roots_read(roots_pem, roots, why) : E_NOMEM;

	if (e == 0 && (e = chain_read(der, &leaf, more)) < 0)
		reason_set(why, e, SP_BAD_REQUEST, "client certificate does not parse or is too large");
	if (e == 0)
		e = verify(leaf, more, roots, now, why);
	if (e == 0) {
		common_name(leaf, ret_c->common_name);
		ret_c->not_after = not_after(leaf);
	}
	ERR_clear_error();
	X509_free(leaf);
	sk_X509_pop_free(more, X509_free);
	sk_X509_pop_free(roots, X509_free);
	return e;
}
