#include "ssh/sshkey.h"

#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "ssh/sshkey_int.h"
#include "ssh/sshwire.h"

#define TYPE_MAX 64
#define APPLICATION_MAX 255
#define RSA_BYTES_MAX (KEY_RSA_BITS_MAX / 8)

static const struct sshkey_row rows[] = {
    {SSHKEY_ED25519, "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", KEY_ED25519, NULL, false},
    {SSHKEY_ECDSA256, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", KEY_P256, "nistp256", false},
    {SSHKEY_ECDSA384, "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", KEY_P384, "nistp384", false},
    {SSHKEY_ECDSA521, "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", KEY_P521, "nistp521", false},
    {SSHKEY_RSA, "ssh-rsa", "ssh-rsa-cert-v01@openssh.com", KEY_RSA, NULL, false},
    {SSHKEY_SK_ED25519, "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", KEY_ED25519, NULL, true},
    {SSHKEY_SK_ECDSA256, "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", KEY_P256,
     "nistp256", true},
};
#define NROWS (sizeof rows / sizeof *rows)

const struct sshkey_row *
sshkey_row(enum sshkey_type t)
{
	for (size_t i = 0; i < NROWS; i++)
		if (rows[i].type == t)
			return &rows[i];
	return NULL;
}

const struct sshkey_row *
sshkey_row_named(struct slice name, bool cert)
{
	for (size_t i = 0; i < NROWS; i++)
		if (slice_eq_str(name, cert ? rows[i].cert_name : rows[i].name))
			return &rows[i];
	return NULL;
}

const char *
sshkey_type_name(enum sshkey_type t)
{
	const struct sshkey_row *row = sshkey_row(t);
	return row ? row->name : "";
}

const char *
sshkey_type_cert_name(enum sshkey_type t)
{
	const struct sshkey_row *row = sshkey_row(t);
	return row ? row->cert_name : "";
}

static int
refuse(struct reason *r, int e, const char *why)
{
	return reason_set(r, e == E_TRUNC ? E_FORMAT : e, SP_KEY_REFUSED, "public key refused: %s", why);
}

static int
body_rsa(struct buf *b, struct key **ret_key, struct reason *r)
{
	struct slice e, n;
	int err = sshwire_get_mpint(b, 64, &e);
	if (!err)
		err = sshwire_get_mpint(b, RSA_BYTES_MAX, &n);
	if (err)
		return refuse(r, err, "RSA numbers are malformed or too large");
	err = key_from_rsa(n, e, ret_key);
	if (err == E_LIMIT)
		return refuse(r, err, "RSA modulus must have 2048 to 8192 bits");
	if (err)
		return refuse(r, err, "RSA modulus and exponent must be odd, 3 <= e < 2^32");
	return 0;
}

static int
body_point(struct buf *b, const struct sshkey_row *row, struct key **ret_key, struct reason *r)
{
	struct slice curve, point;
	int e = 0;
	if (row->curve) {
		e = sshwire_get_string(b, TYPE_MAX, &curve);
		if (e || !slice_eq_str(curve, row->curve))
			return refuse(r, E_FORMAT, "curve is not the one of its type");
	}
	e = sshwire_get_string(b, 256, &point);
	if (e)
		return refuse(r, e, "malformed point");
	e = row->curve ? key_from_ec_point(row->kind, point, ret_key) : key_from_ed25519(point, ret_key);
	return e ? refuse(r, e, "not a point of its curve") : 0;
}

static int
application_get(struct buf *b, struct reason *r)
{
	struct slice app;
	int e = sshwire_get_string(b, APPLICATION_MAX, &app);
	if (e || !app.n)
		return refuse(r, E_FORMAT, "security key without application");
	for (size_t i = 0; i < app.n; i++)
		if (app.p[i] < 0x20 || app.p[i] > 0x7e)
			return refuse(r, E_FORMAT, "application is not printable");
	return 0;
}

int
sshkey_body_get(struct buf *b, const struct sshkey_row *row, struct slice *ret_body, unsigned *ret_bits,
                struct key **ret_key, struct reason *r)
{
	struct key *key = NULL;
	const uint8_t *start = buf_ptr(b);
	size_t before = buf_len(b);
	int e = row->kind == KEY_RSA ? body_rsa(b, &key, r) : body_point(b, row, &key, r);
	if (!e && row->sk)
		e = application_get(b, r);
	if (e) {
		key_free(key);
		return e;
	}
	*ret_body = (struct slice){start, before - buf_len(b)};
	*ret_bits = key_bits(key);
	if (ret_key)
		*ret_key = key;
	else
		key_free(key);
	return 0;
}

int
sshkey_body(const struct sshkey *k, struct slice *ret_body)
{
	struct buf b;
	struct slice name;
	buf_view(&b, k->blob, k->nblob);
	int e = sshwire_get_string(&b, TYPE_MAX, &name);
	if (!e)
		*ret_body = buf_slice(&b);
	return e;
}

int
sshkey_make(const struct sshkey_row *row, struct slice body, unsigned bits, struct sshkey *ret_k)
{
	struct buf b;
	struct sshkey k = {.type = row->type, .bits = bits};
	buf_init(&b, SSHKEY_BLOB_MAX);
	int e = sshwire_put_cstr(&b, row->name);
	if (!e)
		e = buf_put_slice(&b, body);
	if (!e) {
		k.nblob = buf_len(&b);
		k.blob = malloc(k.nblob);
		if (!k.blob)
			e = E_NOMEM;
	}
	if (!e) {
		memcpy(k.blob, buf_ptr(&b), k.nblob);
		*ret_k = k;
	}
	buf_release(&b);
	return e;
}

static int
parse_blob(struct slice blob, struct sshkey *ret_k, struct key **ret_key, struct reason *r)
{
	struct buf b;
	struct slice name, body;
	unsigned bits = 0;
	struct key *key = NULL;
	if (blob.n > SSHKEY_BLOB_MAX)
		return refuse(r, E_LIMIT, "too long");
	buf_view(&b, blob.p, blob.n);
	int e = sshwire_get_string(&b, TYPE_MAX, &name);
	if (e)
		return refuse(r, e, "malformed");
	const struct sshkey_row *row = sshkey_row_named(name, false);
	if (!row)
		return refuse(r, E_FORMAT,
		              sshkey_row_named(name, true) ? "it is a certificate, not a key"
		                                           : "unknown or unsafe type");
	e = sshkey_body_get(&b, row, &body, &bits, &key, r);
	if (e)
		return e;
	if (buf_len(&b))
		e = refuse(r, E_FORMAT, "bytes left over");
	if (!e && ret_k)
		e = sshkey_make(row, body, bits, ret_k);
	if (!e && ret_key) {
		*ret_key = key;
		key = NULL;
	}
	key_free(key);
	return e;
}

int
sshkey_parse_blob(struct slice blob, struct sshkey *ret_k, struct reason *r)
{
	return parse_blob(blob, ret_k, NULL, r);
}

void
sshkey_release(struct sshkey *k)
{
	free(k->blob);
	*k = (struct sshkey){0};
}

static void
comment_copy(char out[static SSHKEY_COMMENT_MAX], const char *s, size_t n)
{
	size_t i = 0;
	for (; i < n && i < SSHKEY_COMMENT_MAX - 1; i++)
		out[i] = s[i] >= 0x20 && s[i] <= 0x7e ? s[i] : '?';
	out[i] = 0;
}

/* Cuts one line into type, base64 and comment. */
static int
line_split(const char *line, size_t n, struct slice *type, struct slice *b64, struct slice *comment)
{
	if (n && line[n - 1] == '\n')
		n--;
	if (n && line[n - 1] == '\r')
		n--;
	if (memchr(line, '\n', n) || memchr(line, 0, n) || memchr(line, '\r', n))
		return E_FORMAT;
	const char *end = line + n, *sp = memchr(line, ' ', n);
	if (!sp || sp == line)
		return E_FORMAT;
	*type = (struct slice){(const uint8_t *)line, (size_t)(sp - line)};
	while (sp < end && *sp == ' ')
		sp++;
	const char *sp2 = memchr(sp, ' ', (size_t)(end - sp));
	const char *stop = sp2 ? sp2 : end;
	*b64 = (struct slice){(const uint8_t *)sp, (size_t)(stop - sp)};
	while (stop < end && *stop == ' ')
		stop++;
	*comment = (struct slice){(const uint8_t *)stop, (size_t)(end - stop)};
	return b64->n ? 0 : E_FORMAT;
}

int
sshkey_parse_line(const char *line, size_t n, struct sshkey *ret_k, struct reason *r)
{
	struct slice type, b64, comment;
	struct sshkey k = {0};
	struct buf blob;
	int e;
	if (n > SSHKEY_LINE_MAX)
		return refuse(r, E_LIMIT, "line too long");
	if (!n || line_split(line, n, &type, &b64, &comment))
		return refuse(r, E_FORMAT, "expected one line: type, base64, comment");
	buf_init(&blob, SSHKEY_BLOB_MAX);
	e = b64_decode(&blob, B64_STD, (const char *)b64.p, b64.n);
	if (e) {
		e = refuse(r, e, "second word is not base64 of a key; options before a key are not accepted");
		goto out;
	}
	e = sshkey_parse_blob(buf_slice(&blob), &k, r);
	if (e)
		goto out;
	if (!slice_eq_str(type, sshkey_type_name(k.type))) {
		e = refuse(r, E_FORMAT, "first word is not the type of the key");
		goto out;
	}
	comment_copy(k.comment, (const char *)comment.p, comment.n);
	*ret_k = k;
	k = (struct sshkey){0};
out:
	sshkey_release(&k);
	buf_release(&blob);
	return e;
}

int
sshkey_format_line(const struct sshkey *k, struct buf *out)
{
	int e = buf_putf(out, "%s ", sshkey_type_name(k->type));
	if (!e)
		e = b64_encode(out, B64_STD, k->blob, k->nblob);
	if (!e && k->comment[0])
		e = buf_putf(out, " %s", k->comment);
	return e;
}

void
sshkey_fingerprint(struct slice blob, char out[static SSHKEY_FINGERPRINT_MAX])
{
	uint8_t h[SHA256_LEN];
	sha256(blob.p, blob.n, h);
	memcpy(out, "SHA256:", 7);
	(void)b64_encode_str(out + 7, SSHKEY_FINGERPRINT_MAX - 7, B64_STD_NOPAD, h, sizeof h);
}

void
sshkey_cnf(struct slice blob, char out[static 44])
{
	uint8_t h[SHA256_LEN];
	sha256(blob.p, blob.n, h);
	(void)b64_encode_str(out, 44, B64_URL, h, sizeof h);
}

static int
body_put(const struct sshkey_row *row, const struct key *k, struct buf *out)
{
	struct buf a, b;
	int e;
	buf_init(&a, SSHKEY_BLOB_MAX);
	buf_init(&b, SSHKEY_BLOB_MAX);
	if (row->kind == KEY_RSA) {
		e = key_public_rsa(k, &a, &b);
		if (!e)
			e = sshwire_put_mpint(out, buf_slice(&b));
		if (!e)
			e = sshwire_put_mpint(out, buf_slice(&a));
	} else {
		e = key_public_raw(k, &a);
		if (!e && row->curve)
			e = sshwire_put_cstr(out, row->curve);
		if (!e)
			e = sshwire_put_slice(out, buf_slice(&a));
	}
	buf_release(&a);
	buf_release(&b);
	return e;
}

int
sshkey_from_key(const struct key *k, const char *comment, struct sshkey *ret_k)
{
	const struct sshkey_row *row = NULL;
	struct buf body;
	for (size_t i = 0; i < NROWS && !row; i++)
		if (rows[i].kind == key_kind(k) && !rows[i].sk)
			row = &rows[i];
	if (!row)
		return E_STATE;
	buf_init(&body, SSHKEY_BLOB_MAX);
	int e = body_put(row, k, &body);
	if (!e)
		e = sshkey_make(row, buf_slice(&body), key_bits(k), ret_k);
	if (!e && comment)
		comment_copy(ret_k->comment, comment, strlen(comment));
	buf_release(&body);
	return e;
}

int
sshkey_to_key(const struct sshkey *k, struct key **ret_k)
{
	return parse_blob(sshkey_blob(k), NULL, ret_k, NULL);
}
