/* The signature forms of sshkey.h: RFC 8709 section 6, RFC 5656 section 3.1.2, RFC 8332 section 3. */
#include <string.h>

#include "ssh/sshkey.h"
#include "ssh/sshwire.h"

#define COORD_MAX 66

static const struct sig_row {
	const char *name;
	enum key_kind kind;
	enum sig_alg alg;
	size_t coord; /* ECDSA: bytes of r and of s */
} sigs[] = {
    /* the first row of a kind is the one we sign with */
    {"ssh-ed25519", KEY_ED25519, SIG_EDDSA, 0},       {"ecdsa-sha2-nistp256", KEY_P256, SIG_ES256, 32},
    {"ecdsa-sha2-nistp384", KEY_P384, SIG_ES384, 48}, {"ecdsa-sha2-nistp521", KEY_P521, SIG_ES512, 66},
    {"rsa-sha2-512", KEY_RSA, SIG_RS512, 0},          {"rsa-sha2-256", KEY_RSA, SIG_RS256, 0},
};
#define NSIGS (sizeof sigs / sizeof *sigs)

int
sshkey_sign(struct key *k, struct slice msg, struct buf *out_sig)
{
	const struct sig_row *row = NULL;
	struct buf raw, body;
	for (size_t i = 0; i < NSIGS && !row; i++)
		if (sigs[i].kind == key_kind(k))
			row = &sigs[i];
	if (!row)
		return E_STATE;
	buf_init(&raw, KEY_SIG_MAX);
	buf_init(&body, KEY_SIG_MAX);
	int e = key_sign(k, row->alg, msg, &raw);
	if (!e && row->coord) {
		struct slice s = buf_slice(&raw);
		e = sshwire_put_mpint(&body, (struct slice){s.p, row->coord});
		if (!e)
			e = sshwire_put_mpint(&body, (struct slice){s.p + row->coord, row->coord});
	}
	if (!e)
		e = sshwire_put_cstr(out_sig, row->name);
	if (!e)
		e = sshwire_put_slice(out_sig, buf_slice(row->coord ? &body : &raw));
	buf_release(&raw);
	buf_release(&body);
	return e;
}

/* Two mpints -> r||s of fixed length. */
static int
ecdsa_raw(struct slice body, size_t coord, uint8_t out[static 2 * COORD_MAX])
{
	struct buf b;
	struct slice v[2];
	buf_view(&b, body.p, body.n);
	for (int i = 0; i < 2; i++) {
		if (sshwire_get_mpint(&b, coord, &v[i]))
			return E_CRYPTO;
		memset(out + (size_t)i * coord, 0, coord);
		memcpy(out + (size_t)(i + 1) * coord - v[i].n, v[i].p, v[i].n);
	}
	return buf_len(&b) ? E_CRYPTO : 0;
}

int
sshkey_verify(const struct sshkey *k, struct slice msg, struct slice sig)
{
	uint8_t raw[2 * COORD_MAX];
	struct buf b;
	struct slice name, body;
	const struct sig_row *row = NULL;
	struct key *key = NULL;
	if (k->type == SSHKEY_SK_ED25519 || k->type == SSHKEY_SK_ECDSA256)
		return E_CRYPTO;
	buf_view(&b, sig.p, sig.n);
	if (sshwire_get_string(&b, 64, &name) || sshwire_get_string(&b, KEY_SIG_MAX, &body) || buf_len(&b))
		return E_CRYPTO;
	for (size_t i = 0; i < NSIGS && !row; i++)
		if (slice_eq_str(name, sigs[i].name))
			row = &sigs[i];
	if (!row)
		return E_CRYPTO;
	int e = sshkey_to_key(k, &key);
	if (e)
		return e;
	if (key_kind(key) != row->kind)
		e = E_CRYPTO;
	if (!e && row->coord) {
		e = ecdsa_raw(body, row->coord, raw);
		body = (struct slice){raw, 2 * row->coord};
	}
	if (!e)
		e = key_verify(key, row->alg, msg, body);
	key_free(key);
	return e;
}
