/* leaf: the private TLS authority and the edge's own certificates. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "edge/signer/signer.h"

int
leaf_load(struct signer *s, struct reason *r)
{
	struct slice der, pem;
	int e = 0;

	if (!keystore_get(&s->ks, KS_TLS_CA, "key", &der) || !keystore_get(&s->ks, KS_TLS_CA, "pem", &pem))
		return 0; /* init makes them */
	if ((e = key_import_private(der, &s->tls_key)) == 0 && !(s->tls_pem = str_dup_n(pem.p, pem.n)))
		e = E_NOMEM;
	return e < 0 ? reason_set(r, e, SP_CONFIG,
	                          "keys/store: the TLS authority cannot be used; restore keys/ from a backup")
	             : 0;
}

int
leaf_make_ca(struct signer *s, struct reason *r)
{
	struct secret der = {0};
	struct buf pem;
	uint8_t serial[16];
	char name[320];
	int e;

	buf_init(&pem, 16384);
	random_bytes(serial, sizeof serial);
	snprintf(name, sizeof name, "Sallyport private CA");
	if ((e = key_generate(KEY_P256, 0, &s->tls_key)) < 0 ||
	    (e = x509_ca_make(s->tls_key, name, signer_now(), serial, &pem)) < 0 ||
	    (e = key_export_private(s->tls_key, &der)) < 0 ||
	    (e = keystore_put(&s->ks, KS_TLS_CA, "key", secret_slice(&der))) < 0 ||
	    (e = keystore_put(&s->ks, KS_TLS_CA, "pem", buf_slice(&pem))) < 0)
		goto out;
	if ((e = signer_note(s, r, "tls_ca", NULL)) == 0 && !(s->tls_pem = buf_take_str(&pem)))
		e = E_NOMEM;
out:
	secret_release(&der);
	buf_release(&pem);
	return e < 0 ? reason_set(r, e, SP_INTERNAL, "TLS authority: %s", err_str(e)) : 0;
}

static int
leaf_sign(struct signer *s, const struct js_leaf *m, struct buf *out, struct reason *r)
{
	uint8_t serial[16];
	int e;

	if (!s->tls_key)
		return reason_set(r, E_STATE, SP_INTERNAL, "there is no TLS authority");
	if (m->names.n == 0 || m->names.n > X509_NAMES_MAX)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST, "a leaf has 1 to %d names", X509_NAMES_MAX);
	if (!rate_take(&s->leafs, "", clock_mono_ms()))
		return reason_set(r, E_AGAIN, SP_CERT_RATE, "too many TLS leaves");
	random_bytes(serial, sizeof serial);
	if ((e = signer_clock_check(s, signer_now(), r)) < 0)
		return e;
	e = x509_leaf_make(s->tls_key, slice_str(s->tls_pem), m->spki, m->names.v, m->names.n, signer_now(),
	                   X509_LEAF_DAYS, serial, out);
	if (e == 0)
		e = buf_put_str(out, s->tls_pem);
	if (e < 0)
		return reason_set(r, e, SP_BAD_REQUEST, "TLS leaf: %s", err_str(e));
	return signer_note(s, r, "leaf", "name", m->names.v[0], NULL);
}

void
on_js_leaf(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct js_leaf *m = mv;
	struct signer *s = arg;
	struct reason r = {0};
	struct buf out;

	buf_init(&out, 262144);
	int e = leaf_sign(s, m, &out, &r);
	signer_log("leaf", &r, e, "names", log_num((long long)m->names.n));
	signer_text(s, id, e, &r, &out);
	buf_release(&out);
}
