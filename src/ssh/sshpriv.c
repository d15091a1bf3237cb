/* The private key file of sshkey.h: OpenSSH PROTOCOL.key, cipher "none", one Ed25519 key. */
#include <string.h>

#include "core/str.h"
#include "ssh/sshkey.h"
#include "ssh/sshwire.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define END "-----END OPENSSH PRIVATE KEY-----\n"
#define MAGIC "openssh-key-v1" /* with its NUL */
#define COLUMNS 70
#define FILE_MAX 4096
#define PAD 8

static int
private_part(struct slice seed, struct slice pub, const char *comment, uint32_t check, struct buf *b)
{
	int e = buf_put_u32(b, check);
	if (!e)
		e = buf_put_u32(b, check);
	if (!e)
		e = sshwire_put_cstr(b, "ssh-ed25519");
	if (!e)
		e = sshwire_put_slice(b, pub);
	if (!e)
		e = buf_put_u32(b, (uint32_t)(seed.n + pub.n));
	if (!e)
		e = buf_put_slice(b, seed);
	if (!e)
		e = buf_put_slice(b, pub);
	if (!e)
		e = sshwire_put_cstr(b, comment);
	for (uint8_t i = 1; !e && buf_len(b) % PAD; i++)
		e = buf_put_u8(b, i);
	return e;
}

static int
wrap(struct slice bin, struct buf *out)
{
	struct buf text;
	buf_init_secret(&text, FILE_MAX * 2);
	int e = b64_encode(&text, B64_STD, bin.p, bin.n);
	if (!e)
		e = buf_put_str(out, BEGIN);
	struct slice s = buf_slice(&text);
	while (!e && s.n) {
		size_t n = s.n < COLUMNS ? s.n : COLUMNS;
		e = buf_put(out, s.p, n);
		if (!e)
			e = buf_put_u8(out, '\n');
		s.p += n;
		s.n -= n;
	}
	if (!e)
		e = buf_put_str(out, END);
	buf_release(&text);
	return e;
}

int
sshkey_format_private(const struct key *k, const char *comment, uint32_t check, struct buf *out)
{
	struct secret seed = {0};
	struct sshkey pub = {0};
	struct buf raw, part, bin;
	int e;
	if (key_kind(k) != KEY_ED25519 || !key_is_private(k))
		return E_STATE;
	buf_init(&raw, 64);
	buf_init_secret(&part, FILE_MAX);
	buf_init_secret(&bin, FILE_MAX);
	e = sshkey_from_key(k, comment, &pub); /* makes the comment printable */
	if (!e)
		e = key_export_seed(k, &seed);
	if (!e)
		e = key_public_raw(k, &raw);
	if (!e)
		e = private_part(secret_slice(&seed), buf_slice(&raw), pub.comment, check, &part);
	if (!e)
		e = buf_put(&bin, MAGIC, sizeof MAGIC);
	if (!e)
		e = sshwire_put_cstr(&bin, "none");
	if (!e)
		e = sshwire_put_cstr(&bin, "none");
	if (!e)
		e = sshwire_put_cstr(&bin, "");
	if (!e)
		e = buf_put_u32(&bin, 1);
	if (!e)
		e = sshwire_put_slice(&bin, sshkey_blob(&pub));
	if (!e)
		e = sshwire_put_slice(&bin, buf_slice(&part));
	if (!e)
		e = wrap(buf_slice(&bin), out);
	secret_release(&seed);
	sshkey_release(&pub);
	buf_release(&raw);
	buf_release(&part);
	buf_release(&bin);
	return e;
}

/* Text between the marks, line ends dropped, decoded. */
static int
unwrap(const char *text, size_t n, struct buf *out)
{
	struct buf b64;
	int e = 0;
	const char *end = NULL;
	if (n > 2 * FILE_MAX || n < sizeof BEGIN + sizeof END || memcmp(text, BEGIN, sizeof BEGIN - 1) != 0)
		return E_FORMAT;
	text += sizeof BEGIN - 1;
	n -= sizeof BEGIN - 1;
	end = memmem(text, n, END, sizeof END - 1);
	if (!end || end + sizeof END - 1 != text + n)
		return E_FORMAT;
	buf_init_secret(&b64, 2 * FILE_MAX);
	for (; text < end && !e; text++)
		if (*text != '\n')
			e = buf_put_u8(&b64, (uint8_t)*text);
	if (!e)
		e = b64_decode(out, B64_STD, (const char *)buf_ptr(&b64), buf_len(&b64));
	buf_release(&b64);
	return e;
}

static int
private_get(struct slice part, struct key **ret_k)
{
	struct buf b;
	struct slice name, pub, priv, comment;
	uint32_t c1, c2;
	buf_view(&b, part.p, part.n);
	if (buf_get_u32(&b, &c1) || buf_get_u32(&b, &c2) || c1 != c2 || sshwire_get_string(&b, 64, &name) ||
	    !slice_eq_str(name, "ssh-ed25519") || sshwire_get_string(&b, 32, &pub) ||
	    sshwire_get_string(&b, 64, &priv) || sshwire_get_string(&b, SSHKEY_COMMENT_MAX, &comment))
		return E_FORMAT;
	struct slice pad = buf_slice(&b);
	for (size_t i = 0; i < pad.n; i++)
		if (pad.p[i] != i + 1)
			return E_FORMAT;
	if (priv.n != 64 || pub.n != 32 || pad.n >= PAD || memcmp(priv.p + 32, pub.p, 32) != 0)
		return E_FORMAT;
	return key_import_seed((struct slice){priv.p, 32}, ret_k);
}

int
sshkey_parse_private(const char *text, size_t n, struct key **ret_k)
{
	struct buf bin;
	struct slice magic, s, pub, part;
	struct sshkey k = {0}, own = {0};
	struct key *key = NULL;
	uint32_t count;
	int e;
	buf_init_secret(&bin, FILE_MAX);
	e = unwrap(text, n, &bin);
	if (e)
		goto out;
	e = E_FORMAT;
	if (buf_get(&bin, sizeof MAGIC, &magic) || memcmp(magic.p, MAGIC, sizeof MAGIC) != 0)
		goto out;
	if (sshwire_get_string(&bin, 16, &s) || !slice_eq_str(s, "none") || sshwire_get_string(&bin, 16, &s) ||
	    !slice_eq_str(s, "none") || sshwire_get_string(&bin, 0, &s) || buf_get_u32(&bin, &count) || count != 1)
		goto out;
	if (sshwire_get_string(&bin, SSHKEY_BLOB_MAX, &pub) || sshwire_get_string(&bin, FILE_MAX, &part) ||
	    buf_len(&bin))
		goto out;
	e = sshkey_parse_blob(pub, &k, NULL);
	if (!e)
		e = private_get(part, &key);
	if (!e)
		e = sshkey_from_key(key, NULL, &own);
	if (e)
		goto out;
	if (!slice_eq(sshkey_blob(&own), sshkey_blob(&k))) {
		e = E_FORMAT;
		goto out;
	}
	*ret_k = key;
	key = NULL;
out:
	key_free(key);
	sshkey_release(&k);
	sshkey_release(&own);
	buf_release(&bin);
	return e;
}
