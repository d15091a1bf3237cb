/* tls: OpenSSL contexts; see io/tls.h. conn.c asks for the SSL_CTX through io/tls_ctx.h. */
#include "io/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <errno.h>
#include <stdatomic.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/map.h"
#include "core/str.h"
#include "io/tls_ctx.h"

/* AES-128-GCM first: with AES hardware it is the cheapest; 256 bits add nothing that the P-256 exchange does not limit.
 */
#define SUITES13 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
#define SUITES12                                                     \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define GROUPS "X25519:P-256"
#define CHAIN_MAX 16     /* certificates in one chain */
#define NAMES_MAX 200000 /* of all certificates of a server */

struct tls_ctx {
	SSL_CTX *ssl;
	atomic_uint refs;
	struct tls_ctx **named; /* tls_server_by_name: held */
	size_t nnamed;
	struct map by_name; /* name of a certificate, "*.rest" included -> struct tls_ctx */
};

struct tls_key {
	EVP_PKEY *pkey;
};

SSL_CTX *
tls_ctx_ssl(const struct tls_ctx *c)
{
	return c->ssl;
}

void
tls_error_text(char *out, size_t n)
{
	unsigned long e = ERR_peek_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;

	snprintf(out, n, "%s", why ? why : "unknown error");
	ERR_clear_error();
}

static int
fail(struct reason *why, int e, const char *what)
{
	char text[160];

	tls_error_text(text, sizeof text);
	return reason_set(why, e, SP_CONFIG, "%s: %s", what, text);
}

static int
ctx_new(const SSL_METHOD *m, struct tls_ctx **ret_c)
{
	struct tls_ctx *c = calloc(1, sizeof *c);

	if (!c)
		return E_NOMEM;
	atomic_init(&c->refs, 1);
	ERR_clear_error();
	c->ssl = SSL_CTX_new(m);
	if (!c->ssl || SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(c->ssl, GROUPS) != 1 || SSL_CTX_set_ciphersuites(c->ssl, SUITES13) != 1 ||
	    SSL_CTX_set_cipher_list(c->ssl, SUITES12) != 1) {
		tls_ctx_unref(c);
		return E_CRYPTO;
	}
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                SSL_OP_NO_TICKET);
	/* No PARTIAL_WRITE: our BIO takes everything, so one SSL_write seals a whole batch with one record buffer. */
	SSL_CTX_set_mode(c->ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c->ssl, 0);
	SSL_CTX_set_max_early_data(c->ssl, 0);
	*ret_c = c;
	return 0;
}

/* http/1.1 when it is offered; otherwise go on without ALPN (a tunnel offers nothing or h2 by prior knowledge). */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned inlen,
            void *arg)
{
	static const unsigned char want[] = "http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < inlen; i += 1u + in[i]) {
		if (in[i] == sizeof want - 1 && i + sizeof want <= inlen &&
		    memcmp(in + i + 1, want, sizeof want - 1) == 0) {
			*out = in + i + 1;
			*outlen = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static int
load_chain(SSL_CTX *ctx, const char *pem, struct reason *why)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
	int e = 0, n = 0;

	if (!x) {
		e = fail(why, E_FORMAT, "no certificate in the chain");
		goto out;
	}
	if (SSL_CTX_use_certificate(ctx, x) != 1) {
		e = fail(why, E_CRYPTO, "certificate refused");
		goto out;
	}
	for (;;) {
		X509 *up = PEM_read_bio_X509(b, NULL, NULL, NULL);

		if (!up)
			break;
		if (++n > CHAIN_MAX || SSL_CTX_add0_chain_cert(ctx, up) != 1) {
			X509_free(up);
			e = fail(why, E_LIMIT, "certificate chain refused");
			goto out;
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		e = fail(why, E_FORMAT, "certificate chain does not parse");
	ERR_clear_error();
out:
	X509_free(x);
	BIO_free(b);
	return e;
}

static int
server_new(const char *chain_pem, EVP_PKEY *key, struct tls_ctx **ret_c, struct reason *why)
{
	struct tls_ctx *c = NULL;
	int e = ctx_new(TLS_server_method(), &c);

	if (e < 0)
		return fail(why, e, "cannot make a TLS context");
	e = load_chain(c->ssl, chain_pem, why);
	if (e < 0)
		goto out;
	if (SSL_CTX_use_PrivateKey(c->ssl, key) != 1 || SSL_CTX_check_private_key(c->ssl) != 1) {
		e = fail(why, E_CRYPTO, "private key does not fit the certificate");
		goto out;
	}
	SSL_CTX_set_alpn_select_cb(c->ssl, select_alpn, NULL);
	*ret_c = c;
	c = NULL;
out:
	tls_ctx_unref(c);
	return e;
}

/* Called when the client's hello has been read, with or without a name in it. */
static int
choose_by_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_ctx *c = arg, *best = NULL;
	char low[256], *dot;

	(void)alert;
	if (name && str_copy(low, sizeof low, name) == 0) {
		str_lower(low);
		best = map_get(&c->by_name, low);
		if (!best && (dot = strchr(low, '.')) && dot > low) {
			dot[-1] = '*'; /* over the first label's last letter */
			best = map_get(&c->by_name, dot - 1);
		}
	}
	return SSL_set_SSL_CTX(ssl, (best ? best : c->named[0])->ssl) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The DNS names of its certificate; those that an earlier one has stay that one's. */
static int
index_names(struct tls_ctx *c, struct tls_ctx *named)
{
	X509 *leaf = SSL_CTX_get0_certificate(named->ssl);
	GENERAL_NAMES *all = leaf ? X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL) : NULL;
	char low[256];
	int e = 0;

	for (int i = 0; e == 0 && i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
		if (g->type != GEN_DNS || ASN1_STRING_length(g->d.dNSName) >= (int)sizeof low)
			continue;
		memcpy(low, ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName));
		low[ASN1_STRING_length(g->d.dNSName)] = '\0';
		str_lower(low);
		e = map_put(&c->by_name, low, named);
		if (e == E_EXIST)
			e = 0;
	}
	GENERAL_NAMES_free(all);
	return e;
}

int
tls_server_by_name(struct tls_ctx *const *v, size_t n, struct tls_ctx **ret_c)
{
	struct tls_ctx *c = NULL;
	int e = n ? ctx_new(TLS_server_method(), &c) : E_STATE;

	if (e < 0)
		return e;
	map_init(&c->by_name, NAMES_MAX, 0, NULL); /* names of the administrator's choice: nobody aims at its buckets */
	c->named = calloc(n, sizeof(*c->named));
	if (!c->named) {
		tls_ctx_unref(c);
		return E_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		c->named[c->nnamed++] = tls_ctx_ref(v[i]);
		if ((e = index_names(c, v[i])) < 0) {
			tls_ctx_unref(c);
			return e;
		}
	}
	SSL_CTX_set_tlsext_servername_callback(c->ssl, choose_by_name);
	SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
	SSL_CTX_set_alpn_select_cb(c->ssl, select_alpn, NULL);
	*ret_c = c;
	return 0;
}

/* Never asks the terminal: an encrypted key is an error. */
static int
no_password(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
}

int
tls_server_new(const char *chain_pem, const char *key_pem, struct tls_ctx **ret_c, struct reason *why)
{
	BIO *b = BIO_new_mem_buf(key_pem, -1);
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
	int e;

	if (key)
		e = server_new(chain_pem, key, ret_c, why);
	else
		e = fail(why, E_FORMAT, "private key does not parse (it must be unencrypted PEM)");
	EVP_PKEY_free(key);
	BIO_free(b);
	return e;
}

int
tls_key_new(struct tls_key **ret_k)
{
	struct tls_key *k = calloc(1, sizeof *k);

	if (!k)
		return E_NOMEM;
	k->pkey = EVP_EC_gen("P-256");
	if (!k->pkey) {
		free(k);
		return E_CRYPTO;
	}
	*ret_k = k;
	return 0;
}

int
tls_key_spki(const struct tls_key *k, struct buf *out_der)
{
	unsigned char *der = NULL;
	int e, n = i2d_PUBKEY(k->pkey, &der);

	if (n <= 0)
		return E_CRYPTO;
	e = buf_put(out_der, der, (size_t)n);
	OPENSSL_free(der);
	return e;
}

void
tls_key_free(struct tls_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

int
tls_server_new_key(const char *chain_pem, struct tls_key *k, struct tls_ctx **ret_c, struct reason *why)
{
	return server_new(chain_pem, k->pkey, ret_c, why);
}

/* A folder of roots under the hashes of their names (c_rehash): each is read when it is asked for. */
static bool
is_hash_dir(const char *path)
{
	DIR *d = opendir(path);
	bool yes = false;

	if (!d)
		return false;
	for (struct dirent *e; !yes && (e = readdir(d));)
		yes = strlen(e->d_name) == 10 && strspn(e->d_name, "0123456789abcdef") == 8 &&
		      strcmp(e->d_name + 8, ".0") == 0;
	closedir(d);
	return yes;
}

/* The system's roots. Reading its whole bundle would be nine tenths of what `access ssh-gen` does (240 of 270 million
   instructions), so the folder is preferred where it is usable and nobody named another bundle. */
static int
system_roots(X509_STORE *store)
{
	const char *dir = getenv(X509_get_default_cert_dir_env());

	if (!dir)
		dir = X509_get_default_cert_dir();
	if (!getenv(X509_get_default_cert_file_env()) && is_hash_dir(dir))
		return X509_STORE_load_path(store, dir) == 1 ? 0 : E_IO;
	return X509_STORE_set_default_paths(store) == 1 ? 0 : E_IO;
}

/*
 * Own roots first; the system's are read only when those do not answer for the peer. Reading a whole bundle would be
 * nine tenths of what `access ssh-gen` does (240 of 270 million instructions), and one edge with a private CA is the
 * common case.
 */
static int
verify_own_first(X509_STORE_CTX *x, void *arg)
{
	X509_STORE *store = X509_STORE_CTX_get0_store(x);
	X509_STORE_CTX *own = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param = X509_VERIFY_PARAM_new();
	int ok = 0;

	if (own && param && X509_VERIFY_PARAM_set1(param, X509_STORE_CTX_get0_param(x)) &&
	    X509_STORE_CTX_init(own, store, X509_STORE_CTX_get0_cert(x), X509_STORE_CTX_get0_untrusted(x))) {
		X509_STORE_CTX_set0_param(own, param);
		param = NULL;
		ok = X509_verify_cert(own) == 1;
	}
	X509_VERIFY_PARAM_free(param);
	X509_STORE_CTX_free(own);
	if (ok) {
		X509_STORE_CTX_set_error(x, X509_V_OK);
		return 1;
	}
	ERR_clear_error();
	if (system_roots(store) < 0)
		ERR_clear_error(); /* none here: the check below says what is missing */
	return X509_verify_cert(x);
}

int
tls_client_new(const char *ca_file, bool only_ca, struct tls_ctx **ret_c, struct reason *why)
{
	struct tls_ctx *c = NULL;
	int e = ctx_new(TLS_client_method(), &c);

	if (e < 0)
		return fail(why, e, "cannot make a TLS context");
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	if (ca_file && !only_ca)
		SSL_CTX_set_cert_verify_callback(c->ssl, verify_own_first, NULL);
	else if (!only_ca && system_roots(SSL_CTX_get_cert_store(c->ssl)) < 0) {
		e = fail(why, E_IO, "cannot read the system's certificate authorities");
		goto out;
	}
	if (ca_file && SSL_CTX_load_verify_file(c->ssl, ca_file) != 1) {
		char what[200];

		if (access(ca_file, R_OK) < 0) {
			e = reason_set(why, E_IO, SP_CONFIG, "cannot read CA file %.160s: %s", ca_file,
			               strerror(errno));
			goto out;
		}
		snprintf(what, sizeof what, "cannot read CA file %.160s", ca_file);
		e = fail(why, E_IO, what);
		goto out;
	}
	ERR_clear_error(); /* a system without a CA bundle leaves errors behind */
	*ret_c = c;
	c = NULL;
out:
	tls_ctx_unref(c);
	return e;
}

int
tls_client_alpn(struct tls_ctx *c, const char *proto)
{
	unsigned char wire[256];
	size_t n = proto ? strlen(proto) : 0;

	if (n > 255)
		return E_LIMIT;
	if (n == 0)
		return SSL_CTX_set_alpn_protos(c->ssl, NULL, 0) == 0 ? 0 : E_NOMEM;
	wire[0] = (unsigned char)n;
	memcpy(wire + 1, proto, n);
	return SSL_CTX_set_alpn_protos(c->ssl, wire, (unsigned)n + 1) == 0 ? 0 : E_NOMEM;
}

void
tls_client_unverified(struct tls_ctx *c)
{
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(c->ssl, NULL, NULL);
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *c)
{
	if (c)
		atomic_fetch_add(&c->refs, 1);
	return c;
}

void
tls_ctx_unref(struct tls_ctx *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	SSL_CTX_free(c->ssl);
	for (size_t i = 0; i < c->nnamed; i++)
		tls_ctx_unref(c->named[i]);
	map_release(&c->by_name);
	free(c->named);
	free(c);
}
