#include "io/tls_clients.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/str.h"
#include "crypto/x509_client.h"
#include "io/tls_ctx.h"

struct ask_host {
	char *host, *pem;
	STACK_OF(X509_NAME) * names; /* a hint for clients that have several certificates */
};
struct tls_ask_set {
	atomic_uint refs;
	size_t n;
	struct ask_host v[];
};

/* What one handshake brought; hangs on its SSL. */
struct shown {
	struct tls_ask_set *set; /* keeps host alive */
	const struct ask_host *host;
	struct buf der; /* verified; empty = none */
};

static int slot = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
set_unref(struct tls_ask_set *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].host);
		free(s->v[i].pem);
		sk_X509_NAME_pop_free(s->v[i].names, X509_NAME_free);
	}
	free(s);
}

static void
shown_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct shown *s = ptr;

	if (!s)
		return;
	set_unref(s->set);
	buf_release(&s->der);
	free(s);
}

static void
once_init(void)
{
	slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, shown_free);
}

/* --- the set ------------------------------------------------------------------------------------------------------ */

void
tls_asks_init(struct tls_asks *a)
{
	pthread_once(&once, once_init);
	pthread_mutex_init(&a->lock, NULL);
	a->now = NULL;
}

void
tls_asks_release(struct tls_asks *a)
{
	set_unref(a->now);
	a->now = NULL;
	pthread_mutex_destroy(&a->lock);
}

static int
names_read(struct ask_host *h)
{
	BIO *b = BIO_new_mem_buf(h->pem, -1);
	X509 *c;
	int e = b && (h->names = sk_X509_NAME_new_null()) ? 0 : E_NOMEM;

	while (e == 0 && (c = PEM_read_bio_X509(b, NULL, NULL, NULL))) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(c));
		if (!name || sk_X509_NAME_push(h->names, name) <= 0) {
			X509_NAME_free(name);
			e = E_NOMEM;
		}
		X509_free(c);
	}
	ERR_clear_error();
	BIO_free(b);
	return e;
}

int
tls_asks_set(struct tls_asks *a, const char *const *v, size_t n, struct reason *why)
{
	struct tls_ask_set *s, *old;
	char fingerprint[65];
	int64_t end;
	int e = 0;

	if (n % 2 || n / 2 > TLS_CLIENT_HOSTS_MAX)
		return reason_set(why, E_LIMIT, SP_CONFIG, "too many names that ask for client certificates");
	s = calloc(1, sizeof *s + n / 2 * sizeof *s->v);
	if (!s)
		return E_NOMEM;
	atomic_init(&s->refs, 1);
	for (size_t i = 0; e == 0 && i < n; i += 2) {
		struct ask_host *h = &s->v[s->n++];
		h->host = str_dup(v[i]);
		h->pem = str_dup(v[i + 1]);
		e = h->host && h->pem ? x509_roots_check(slice_str(h->pem), fingerprint, &end, why) : E_NOMEM;
		if (e == 0)
			e = names_read(h);
	}
	if (e < 0) {
		set_unref(s);
		return e;
	}
	pthread_mutex_lock(&a->lock);
	old = a->now;
	a->now = s;
	pthread_mutex_unlock(&a->lock);
	set_unref(old);
	return 0;
}

/* --- in a handshake ----------------------------------------------------------------------------------------------- */

static struct shown *
shown_new(struct tls_asks *a, const char *name)
{
	struct shown *s = NULL;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; a->now && i < a->now->n; i++) {
		if (strcasecmp(a->now->v[i].host, name) != 0)
			continue;
		if ((s = calloc(1, sizeof *s))) {
			atomic_fetch_add(&a->now->refs, 1);
			s->set = a->now;
			s->host = &a->now->v[i];
			buf_init(&s->der, X509_CLIENT_BYTES);
		}
		break;
	}
	pthread_mutex_unlock(&a->lock);
	return s;
}

/* Called when the client's hello has been read, before anything is answered. */
static int
on_hello(SSL *ssl, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct shown *s = name ? shown_new(arg, name) : NULL;
	STACK_OF(X509_NAME) * names;

	if (!s || SSL_get_ex_data(ssl, slot)) {
		shown_free(NULL, s, NULL, 0, 0, NULL);
		return 1;
	}
	if (SSL_set_ex_data(ssl, slot, s) != 1) {
		shown_free(NULL, s, NULL, 0, 0, NULL);
		return 0;
	}
	names = SSL_dup_CA_list(s->host->names);
	if (!names)
		return 0;
	SSL_set_client_CA_list(ssl, names);
	SSL_set_max_cert_list(ssl, X509_CLIENT_BYTES);
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	return 1;
}

static int
der_put(struct buf *out, X509 *c)
{
	unsigned char *d = NULL;
	int n = i2d_X509(c, &d), e = n > 0 ? buf_put(out, d, (size_t)n) : E_NOMEM;

	OPENSSL_free(d);
	return e;
}

/* In place of OpenSSL's own verification: what does not verify is as if it had not been shown. */
static int
on_certificate(X509_STORE_CTX *x, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct shown *s = ssl ? SSL_get_ex_data(ssl, slot) : NULL;
	X509 *leaf = X509_STORE_CTX_get0_cert(x);
	STACK_OF(X509) *more = X509_STORE_CTX_get0_untrusted(x);
	struct x509_client who;
	struct reason why = {0};

	X509_STORE_CTX_set_error(x, X509_V_OK);
	if (!s || !leaf)
		return 1;
	int e = der_put(&s->der, leaf);
	for (int i = 0; e == 0 && i < sk_X509_num(more); i++)
		if (X509_cmp(sk_X509_value(more, i), leaf) != 0)
			e = der_put(&s->der, sk_X509_value(more, i));
	if (e == 0)
		e = x509_client_verify(slice_str(s->host->pem), buf_slice(&s->der), (int64_t)time(NULL), &who, &why);
	if (e < 0)
		buf_clear(&s->der);
	return 1;
}

void
tls_ctx_asks(struct tls_ctx *c, struct tls_asks *a)
{
	SSL_CTX *ssl = tls_ctx_ssl(c);

	SSL_CTX_set_cert_cb(ssl, on_hello, a);
	SSL_CTX_set_cert_verify_callback(ssl, on_certificate, NULL);
}

int
tls_clients_der(SSL *ssl, struct slice *ret_der)
{
	const struct shown *s = slot >= 0 ? SSL_get_ex_data(ssl, slot) : NULL;

	if (!s || !buf_len(&s->der))
		return E_NOENT;
	*ret_der = buf_slice(&s->der);
	return 0;
}
