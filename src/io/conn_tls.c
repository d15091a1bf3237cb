/*
 * conn_tls: the TLS half of conn. OpenSSL reads from c->in and appends to c->out through a BIO of ours; it never sees a
 * descriptor, so it never blocks and never makes a system call.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/conn_priv.h"
#include "io/tls_ctx.h"

static BIO_METHOD *bio_method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Our end of OpenSSL: reads from c->in, writes to c->out. */

static int
bio_read(BIO *b, char *d, size_t n, size_t *ret_n)
{
	struct conn *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (c->nin == 0) {
		BIO_set_retry_read(b);
		return 0;
	}
	if (n > c->nin)
		n = c->nin;
	memcpy(d, c->in, n);
	c->in += n;
	c->nin -= n;
	*ret_n = n;
	return 1;
}

static int
bio_write(BIO *b, const char *d, size_t n, size_t *ret_n)
{
	struct conn *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (c->broken) { /* nobody will read it; the failure is reported where reading ends */
		*ret_n = n;
		return 1;
	}
	if (c->out.n + n > CONN_OUT_MAX + OUT_SLACK || outq_put(&c->out, d, n) < 0)
		return 0;
	conn_arm_flush(c);
	*ret_n = n;
	return 1;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static void
once_init(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn");
	if (!bio_method)
		return;
	BIO_meth_set_read_ex(bio_method, bio_read);
	BIO_meth_set_write_ex(bio_method, bio_write);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static int
attach(struct conn *c, struct tls_ctx *tls)
{
	BIO *b;

	pthread_once(&once, once_init);
	c->tls = tls_ctx_ref(tls);
	c->ssl = SSL_new(tls_ctx_ssl(tls));
	b = c->ssl && bio_method ? BIO_new(bio_method) : NULL;
	if (!b)
		return E_NOMEM;
	BIO_set_data(b, c);
	BIO_set_init(b, 1);
	SSL_set_bio(c->ssl, b, b);
	return 0;
}

int
ctls_accept(struct conn *c, struct tls_ctx *tls)
{
	int e = attach(c, tls);

	if (e == 0)
		SSL_set_accept_state(c->ssl);
	return e;
}

int
ctls_connect(struct conn *c, struct tls_ctx *tls, const char *name)
{
	int e = attach(c, tls);

	if (e < 0)
		return e;
	SSL_set_connect_state(c->ssl);
	if (ip_is_literal(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), name) == 1 ? 0 : E_NOMEM;
	SSL_set_hostflags(c->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set_tlsext_host_name(c->ssl, name) != 1 || SSL_set1_host(c->ssl, name) != 1)
		return E_NOMEM;
	return 0;
}

static void
keep_rest(struct conn *c)
{
	if (c->nin == 0)
		return;
	c->spill = malloc(c->nin);
	if (!c->spill) {
		conn_set_error(c, err_str(E_NOMEM));
		conn_fail(c, CONN_RESET);
		return;
	}
	memcpy(c->spill, c->in, c->nin);
	c->nspill = c->nin;
	c->nin = 0;
	conn_arm_pump(c);
}

static void
tls_failed(struct conn *c)
{
	char text[256], why[128];
	long v = SSL_get_verify_result(c->ssl);

	tls_error_text(why, sizeof why);
	if (v != X509_V_OK && !c->opened && !SSL_is_server(c->ssl))
		snprintf(text, sizeof text, "certificate of %s refused: %s",
		         SSL_get0_peername(c->ssl) ? SSL_get0_peername(c->ssl) : conn_sni(c),
		         X509_verify_cert_error_string(v));
	else
		snprintf(text, sizeof text, "%s", why);
	conn_set_error(c, text);
}

static void
handshake(struct conn *c)
{
	int r, e;

	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	if (r != 1) {
		e = SSL_get_error(c->ssl, r);
		if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			return;
		tls_failed(c);
		conn_fail(c, CONN_TLS);
		return;
	}
	keep_rest(c);
	if (!c->dead)
		conn_now_open(c);
}

/* Reports the end of the records, once the data before it has been handed up and the reader is not paused. */
void
ctls_end(struct conn *c)
{
	enum tls_end end = c->end;

	if (end == END_NONE || c->paused || c->dead)
		return;
	c->end = END_NONE;
	if (end == END_NOTIFY)
		conn_peer_ended(c);
	else
		conn_fail(c, CONN_TLS);
}

void
ctls_input(struct conn *c, const uint8_t *p, size_t n)
{
	struct scratch *s = conn_scratch();
	size_t got = 0, k;
	int r, e;

	c->in = p;
	c->nin = n;
	if (!c->opened) {
		handshake(c);
		return;
	}
	while (PLAIN_SIZE - got >= RECORD_MAX && c->end == END_NONE) {
		ERR_clear_error();
		r = SSL_read_ex(c->ssl, s->plain + got, PLAIN_SIZE - got, &k);
		if (r == 1) {
			got += k;
			continue;
		}
		e = SSL_get_error(c->ssl, 0);
		if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			break;
		c->end = e == SSL_ERROR_ZERO_RETURN ? END_NOTIFY : END_ERROR;
		if (c->end == END_ERROR)
			tls_failed(c);
	}
	if (c->end != END_NONE)
		c->nin = 0; /* nothing counts after the end */
	keep_rest(c);
	if (!c->dead && (got == 0 || conn_emit_data(c, s->plain, got)))
		ctls_end(c);
}

int
ctls_write(struct conn *c, const void *d, size_t n)
{
	size_t done;

	ERR_clear_error();
	if (SSL_write_ex(c->ssl, d, n, &done) == 1 && done == n)
		return 0;
	tls_failed(c);
	conn_fail(c, CONN_TLS);
	return E_CLOSED;
}

void
ctls_close_notify(struct conn *c)
{
	ERR_clear_error();
	SSL_shutdown(c->ssl);
}

void
ctls_free(struct conn *c)
{
	SSL_free(c->ssl);
	tls_ctx_unref(c->tls);
}

const char *
conn_sni(const struct conn *c)
{
	const char *s = c->ssl ? SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name) : NULL;

	return s ? s : "";
}

int
conn_client_der(const struct conn *c, struct slice *ret_der)
{
	return c->ssl ? tls_clients_der(c->ssl, ret_der) : E_NOENT;
}

int
conn_peer_pem(const struct conn *c, struct buf *out)
{
	X509 *x = c->ssl ? SSL_get0_peer_certificate(c->ssl) : NULL;
	BIO *b = x ? BIO_new(BIO_s_mem()) : NULL;
	char *p;
	int r = x ? E_NOMEM : E_NOENT;

	if (b && PEM_write_bio_X509(b, x) == 1) {
		long n = BIO_get_mem_data(b, &p);
		r = n > 0 ? buf_put(out, p, (size_t)n) : E_NOMEM;
	}
	BIO_free(b);
	return r;
}
