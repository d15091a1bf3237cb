/*
 * sshkey: SSH public keys and the private key file (RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH PROTOCOL.u2f,
 * PROTOCOL.key).
 *
 * Accepted: ssh-ed25519, ecdsa-sha2-nistp256/384/521 with the point on its curve, ssh-rsa of 2048..8192 bits with odd
 * modulus and odd 3 <= e < 2^32, sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com. Refused: certificates,
 * DSA, options before the key, left-over bytes, several lines. A parsed blob is byte for byte the canonical encoding.
 * The owner calls sshkey_release. Every refusal is E_FORMAT, E_LIMIT or E_CRYPTO with reason SP_KEY_REFUSED. May block:
 * no.
 */
#ifndef SSH_SSHKEY_H
#define SSH_SSHKEY_H

#include "core/err.h"
#include "crypto/sign.h"

#define SSHKEY_LINE_MAX 16384
#define SSHKEY_BLOB_MAX 8192
#define SSHKEY_COMMENT_MAX 256
#define SSHKEY_FINGERPRINT_MAX 64

enum sshkey_type {
	SSHKEY_ED25519 = 1,
	SSHKEY_ECDSA256,
	SSHKEY_ECDSA384,
	SSHKEY_ECDSA521,
	SSHKEY_RSA,
	SSHKEY_SK_ED25519,
	SSHKEY_SK_ECDSA256,
};

struct sshkey {
	enum sshkey_type type;
	unsigned bits;
	uint8_t *blob;
	size_t nblob;
	char comment[SSHKEY_COMMENT_MAX]; /* printable, one line; cut when longer */
};

/* An authorized_keys line without options; one trailing line end is permitted. */
int sshkey_parse_line(const char *line, size_t n, struct sshkey *ret_k, struct reason *r);
int sshkey_parse_blob(struct slice blob, struct sshkey *ret_k, struct reason *r);
void sshkey_release(struct sshkey *k); /* safe on zeroed */
static inline struct slice
sshkey_blob(const struct sshkey *k)
{
	return (struct slice){k->blob, k->nblob};
}

const char *sshkey_type_name(enum sshkey_type t);                /* "ssh-ed25519" */
const char *sshkey_type_cert_name(enum sshkey_type t);           /* "ssh-ed25519-cert-v01@openssh.com" */
int sshkey_format_line(const struct sshkey *k, struct buf *out); /* "type base64[ comment]", no line end */
void sshkey_fingerprint(struct slice blob, char out[static SSHKEY_FINGERPRINT_MAX]); /* "SHA256:..." */
void sshkey_cnf(struct slice blob, char out[static 44]); /* b64url-nopad SHA-256 of the blob: the cnf claim */

/* Between crypto keys and SSH. comment may be NULL. sk- keys have no crypto form of their own: their inner key is
 * given. */
int sshkey_from_key(const struct key *k, const char *comment, struct sshkey *ret_k);
int sshkey_to_key(const struct sshkey *k, struct key **ret_k);

/* Signature blobs. RSA signs rsa-sha2-512; verify takes rsa-sha2-256 and -512, never SHA-1. sk- signatures are not
 * verified here (E_CRYPTO). */
int sshkey_sign(struct key *k, struct slice msg, struct buf *out_sig);
int sshkey_verify(const struct sshkey *k, struct slice msg, struct slice sig);

/* Text of a private key file "-----BEGIN OPENSSH PRIVATE KEY-----" (unencrypted; Ed25519 only). check: random. out: a
 * secret buf. */
int sshkey_format_private(const struct key *k, const char *comment, uint32_t check, struct buf *out);
int sshkey_parse_private(const char *text, size_t n, struct key **ret_k); /* the same form, Ed25519 only */

#endif
