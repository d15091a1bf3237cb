#include "ssh/sshcert.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/str.h"
#include "ssh/sshkey_int.h"
#include "ssh/sshwire.h"

#define OPTION_NAME_MAX 256 /* real ones have a quarter of it */
#define TYPE_MAX 64
#define SIG_BLOB_MAX 2048
#define STORE_MAX (4u * SSHCERT_BLOB_MAX + 65536u)

static int
option_order(const void *a, const void *b)
{
	const struct sshcert_option *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* Name and value of every option, sorted, as one string. */
static int
put_options(struct buf *out, const struct sshcert_option *v, size_t n)
{
	struct sshcert_option sorted[SSHCERT_OPTIONS_MAX];
	struct buf all, value;
	int e = 0;
	if (n > SSHCERT_OPTIONS_MAX)
		return E_LIMIT;
	buf_init(&all, SSHCERT_BLOB_MAX);
	buf_init(&value, SSHCERT_BLOB_MAX);
	if (n)
		memcpy(sorted, v, n * sizeof *v);
	qsort(sorted, n, sizeof *sorted, option_order);
	for (size_t i = 0; i < n && !e; i++) {
		if (!*sorted[i].name || strlen(sorted[i].name) > OPTION_NAME_MAX ||
		    (i && !strcmp(sorted[i].name, sorted[i - 1].name))) {
			e = E_FORMAT;
			break;
		}
		buf_clear(&value);
		if (sorted[i].value)
			e = sshwire_put_cstr(&value, sorted[i].value);
		if (!e)
			e = sshwire_put_cstr(&all, sorted[i].name);
		if (!e)
			e = sshwire_put_slice(&all, buf_slice(&value));
	}
	if (!e)
		e = sshwire_put_slice(out, buf_slice(&all));
	buf_release(&all);
	buf_release(&value);
	return e;
}

static int
put_principals(struct buf *out, const struct sshcert *c)
{
	struct buf all;
	int e = 0;
	buf_init(&all, SSHCERT_BLOB_MAX);
	for (size_t i = 0; i < c->nprincipals && !e; i++)
		e = *c->principals[i] ? sshwire_put_cstr(&all, c->principals[i]) : E_FORMAT;
	if (!e)
		e = sshwire_put_slice(out, buf_slice(&all));
	buf_release(&all);
	return e;
}

int
sshcert_encode(const struct sshcert *c, const struct sshkey *subject, const struct sshkey *ca, struct buf *out)
{
	struct slice body;
	/* a certificate without principals is good for every account: never made here */
	if (!c->nprincipals || c->nprincipals > SSHCERT_PRINCIPALS_MAX)
		return E_RANGE;
	if (c->valid_after >= c->valid_before || (c->kind != SSHCERT_USER && c->kind != SSHCERT_HOST))
		return E_RANGE;
	int e = sshkey_body(subject, &body);
	if (!e)
		e = sshwire_put_cstr(out, sshkey_type_cert_name(subject->type));
	if (!e)
		e = sshwire_put_string(out, c->nonce, sizeof c->nonce);
	if (!e)
		e = buf_put_slice(out, body);
	if (!e)
		e = buf_put_u64(out, c->serial);
	if (!e)
		e = buf_put_u32(out, (uint32_t)c->kind);
	if (!e)
		e = sshwire_put_cstr(out, c->key_id ? c->key_id : "");
	if (!e)
		e = put_principals(out, c);
	if (!e)
		e = buf_put_u64(out, c->valid_after);
	if (!e)
		e = buf_put_u64(out, c->valid_before);
	if (!e)
		e = put_options(out, c->critical, c->ncritical);
	if (!e)
		e = put_options(out, c->extensions, c->nextensions);
	if (!e)
		e = sshwire_put_cstr(out, ""); /* reserved */
	if (!e)
		e = sshwire_put_slice(out, sshkey_blob(ca));
	return e;
}

int
sshcert_finish(struct buf *tbs, struct slice sig)
{
	return sshwire_put_slice(tbs, sig);
}

int
sshcert_sign(const struct sshcert *c, const struct sshkey *subject, struct key *ca, struct buf *out_blob)
{
	struct sshkey ca_pub = {0};
	struct buf tbs, sig;
	buf_init(&tbs, SSHCERT_BLOB_MAX);
	buf_init(&sig, SIG_BLOB_MAX);
	int e = sshkey_from_key(ca, NULL, &ca_pub);
	if (!e)
		e = sshcert_encode(c, subject, &ca_pub, &tbs);
	if (!e)
		e = sshkey_sign(ca, buf_slice(&tbs), &sig);
	if (!e)
		e = sshcert_finish(&tbs, buf_slice(&sig));
	if (!e)
		e = buf_put_slice(out_blob, buf_slice(&tbs));
	sshkey_release(&ca_pub);
	buf_release(&tbs);
	buf_release(&sig);
	return e;
}

/* --- parsing ---------------------------------------------------------------------------------------------------- */

static int
get_text(struct buf *b, size_t max, struct arena *a, const char **ret_s)
{
	struct slice s;
	int e = sshwire_get_string(b, max, &s);
	if (e)
		return e;
	if (s.n && memchr(s.p, 0, s.n))
		return E_FORMAT;
	*ret_s = arena_strn(a, s.p, s.n);
	return *ret_s ? 0 : E_NOMEM;
}

static int
get_principals(struct buf *b, struct arena *a, struct sshcert *c)
{
	struct slice all;
	struct buf v;
	int e = sshwire_get_string(b, SSHCERT_BLOB_MAX, &all);
	if (e)
		return e;
	buf_view(&v, all.p, all.n);
	while (buf_len(&v)) {
		if (c->nprincipals == SSHCERT_PRINCIPALS_MAX)
			return E_LIMIT;
		e = get_text(&v, SSHCERT_BLOB_MAX, a, &c->principals[c->nprincipals]);
		if (e)
			return e;
		c->nprincipals++;
	}
	return 0;
}

static int
get_options(struct buf *b, struct arena *a, struct sshcert_option *v, size_t *ret_n)
{
	struct slice all, data;
	struct buf o, d;
	size_t n = 0;
	int e = sshwire_get_string(b, SSHCERT_BLOB_MAX, &all);
	if (e)
		return e;
	buf_view(&o, all.p, all.n);
	for (; buf_len(&o); n++) {
		if (n == SSHCERT_OPTIONS_MAX)
			return E_LIMIT;
		e = get_text(&o, OPTION_NAME_MAX, a, &v[n].name);
		if (!e)
			e = sshwire_get_string(&o, SSHCERT_BLOB_MAX, &data);
		if (e)
			return e;
		if (n && strcmp(v[n - 1].name, v[n].name) >= 0)
			return E_FORMAT;
		v[n].value = NULL;
		if (!data.n)
			continue;
		buf_view(&d, data.p, data.n);
		e = get_text(&d, SSHCERT_BLOB_MAX, a, &v[n].value);
		if (e)
			return e;
		if (buf_len(&d))
			return E_FORMAT;
	}
	*ret_n = n;
	return 0;
}

static int
get_subject(struct buf *b, struct sshcert *c, struct reason *r)
{
	struct slice name, nonce, body;
	unsigned bits;
	int e = sshwire_get_string(b, TYPE_MAX, &name);
	if (e)
		return e;
	const struct sshkey_row *row = sshkey_row_named(name, true);
	if (!row)
		return E_FORMAT;
	e = sshwire_get_string(b, SSHCERT_NONCE_LEN, &nonce);
	if (e)
		return e;
	if (nonce.n != SSHCERT_NONCE_LEN)
		return E_FORMAT;
	memcpy(c->nonce, nonce.p, nonce.n);
	e = sshkey_body_get(b, row, &body, &bits, NULL, r);
	return e ? e : sshkey_make(row, body, bits, &c->subject);
}

static int
get_fields(struct buf *b, struct arena *a, struct sshcert *c)
{
	uint32_t kind = 0;
	struct slice reserved;
	int e = buf_get_u64(b, &c->serial);
	if (!e)
		e = buf_get_u32(b, &kind);
	if (!e && kind != SSHCERT_USER && kind != SSHCERT_HOST)
		e = E_FORMAT;
	c->kind = (enum sshcert_kind)kind;
	if (!e)
		e = get_text(b, SSHCERT_BLOB_MAX, a, &c->key_id);
	if (!e)
		e = get_principals(b, a, c);
	if (!e)
		e = buf_get_u64(b, &c->valid_after);
	if (!e)
		e = buf_get_u64(b, &c->valid_before);
	if (!e && c->valid_after >= c->valid_before)
		e = E_FORMAT;
	if (!e)
		e = get_options(b, a, c->critical, &c->ncritical);
	if (!e)
		e = get_options(b, a, c->extensions, &c->nextensions);
	if (!e)
		e = sshwire_get_string(b, 0, &reserved);
	return e;
}

int
sshcert_parse(struct slice blob, struct sshcert *ret_c, struct reason *r)
{
	struct sshcert c = {0};
	struct arena *a = NULL;
	struct buf b;
	struct slice ca, sig;
	int e;
	if (blob.n > SSHCERT_BLOB_MAX)
		return reason_set(r, E_LIMIT, SP_KEY_REFUSED, "certificate too long");
	a = calloc(1, sizeof *a);
	if (!a)
		return E_NOMEM;
	arena_init(a, STORE_MAX);
	c.store = a;
	buf_view(&b, blob.p, blob.n);
	e = get_subject(&b, &c, r);
	if (!e)
		e = get_fields(&b, a, &c);
	if (!e)
		e = sshwire_get_string(&b, SSHKEY_BLOB_MAX, &ca);
	if (e)
		goto out;
	struct slice tbs = {blob.p, blob.n - buf_len(&b)};
	e = sshwire_get_string(&b, SIG_BLOB_MAX, &sig);
	if (!e && buf_len(&b))
		e = E_FORMAT;
	if (!e)
		e = sshkey_parse_blob(ca, &c.ca, r);
	if (!e)
		e = sshkey_verify(&c.ca, tbs, sig);
	if (e)
		goto out;
	const char *copy = arena_strn(a, sig.p, sig.n);
	if (!copy) {
		e = E_NOMEM;
		goto out;
	}
	c.signature = (struct slice){(const uint8_t *)copy, sig.n};
	*ret_c = c;
	return 0;
out:
	sshcert_release(&c);
	if (e == E_TRUNC)
		e = E_FORMAT;
	return reason_set(r, e, SP_KEY_REFUSED, "certificate refused: %s", err_str(e));
}

int
sshcert_parse_line(const char *line, size_t n, struct sshcert *ret_c, struct reason *r)
{
	struct sshcert c = {0};
	struct buf blob;
	const char *sp, *sp2;
	int e;
	if (n && line[n - 1] == '\n')
		n--;
	if (!n || n > SSHCERT_LINE_MAX || memchr(line, '\n', n))
		return reason_set(r, E_FORMAT, SP_KEY_REFUSED, "expected one certificate line");
	sp = memchr(line, ' ', n);
	if (!sp)
		return reason_set(r, E_FORMAT, SP_KEY_REFUSED, "expected type and base64");
	size_t rest = n - (size_t)(sp + 1 - line);
	sp2 = memchr(sp + 1, ' ', rest);
	buf_init(&blob, SSHCERT_BLOB_MAX);
	e = b64_decode(&blob, B64_STD, sp + 1, sp2 ? (size_t)(sp2 - sp - 1) : rest);
	if (e)
		e = reason_set(r, e, SP_KEY_REFUSED, "certificate is not base64");
	else
		e = sshcert_parse(buf_slice(&blob), &c, r);
	buf_release(&blob);
	if (e)
		return e;
	struct slice type = {(const uint8_t *)line, (size_t)(sp - line)};
	if (!slice_eq_str(type, sshkey_type_cert_name(c.subject.type))) {
		sshcert_release(&c);
		return reason_set(r, E_FORMAT, SP_KEY_REFUSED, "first word is not the type of the certificate");
	}
	*ret_c = c;
	return 0;
}

void
sshcert_release(struct sshcert *c)
{
	sshkey_release(&c->subject);
	sshkey_release(&c->ca);
	if (c->store)
		arena_release(c->store);
	free(c->store);
	memset(c, 0, sizeof *c);
}

int
sshcert_format_line(struct slice blob, const char *comment, struct buf *out)
{
	struct buf b;
	struct slice name;
	buf_view(&b, blob.p, blob.n);
	int e = sshwire_get_string(&b, TYPE_MAX, &name);
	if (e)
		return e;
	for (const char *p = comment; p && *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return E_FORMAT;
	e = buf_put_slice(out, name);
	if (!e)
		e = buf_put_u8(out, ' ');
	if (!e)
		e = b64_encode(out, B64_STD, blob.p, blob.n);
	if (!e && comment && *comment)
		e = buf_putf(out, " %s", comment);
	return e;
}
