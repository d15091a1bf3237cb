/*
 * sshcert: OpenSSH certificates (PROTOCOL.certkeys), built and taken apart.
 *
 * Building is two steps so that the signer can sign in between: sshcert_encode gives the to-be-signed bytes,
 * sshcert_finish appends the signature. Options are sorted by name; a name twice is E_FORMAT. Parsing accepts user and
 * host certificates of the key types of sshkey, checks the CA's signature over exactly the bytes before it, and refuses
 * left-over bytes, unsorted or duplicate options. A parsed cert owns one block of memory: sshcert_release. May block:
 * no.
 */
#ifndef SSH_SSHCERT_H
#define SSH_SSHCERT_H

#include "ssh/sshkey.h"

#define SSHCERT_BLOB_MAX 32768
#define SSHCERT_LINE_MAX 49152
#define SSHCERT_PRINCIPALS_MAX 256 /* OpenSSH's own limit */
#define SSHCERT_OPTIONS_MAX 64
#define SSHCERT_NONCE_LEN 32
#define SSHCERT_FOREVER UINT64_MAX

enum sshcert_kind { SSHCERT_USER = 1, SSHCERT_HOST = 2 };

/* value NULL = the option has no value (an empty string on the wire), as permit-pty. */
struct sshcert_option {
	const char *name;
	const char *value;
};

struct sshcert {
	enum sshcert_kind kind;
	uint8_t nonce[SSHCERT_NONCE_LEN];
	uint64_t serial;
	const char *key_id;
	const char *principals[SSHCERT_PRINCIPALS_MAX];
	size_t nprincipals;
	uint64_t valid_after, valid_before; /* wall seconds; valid while after <= now < before */
	struct sshcert_option critical[SSHCERT_OPTIONS_MAX];
	size_t ncritical;
	struct sshcert_option extensions[SSHCERT_OPTIONS_MAX];
	size_t nextensions;

	/* filled by sshcert_parse only */
	struct sshkey subject;
	struct sshkey ca;
	struct slice signature;
	void *store; /* owned; the texts above point into it */
};

/* The bytes that the CA signs. c's arrays may be in any order. */
int sshcert_encode(const struct sshcert *c, const struct sshkey *subject, const struct sshkey *ca, struct buf *out_tbs);
int sshcert_finish(struct buf *tbs, struct slice sig); /* tbs becomes the certificate blob */
/* encode + sign + finish. */
int sshcert_sign(const struct sshcert *c, const struct sshkey *subject, struct key *ca, struct buf *out_blob);

int sshcert_parse(struct slice blob, struct sshcert *ret_c, struct reason *r);
int sshcert_parse_line(const char *line, size_t n, struct sshcert *ret_c, struct reason *r);
void sshcert_release(struct sshcert *c);

/* "ssh-ed25519-cert-v01@openssh.com AAAA..[ comment]", no line end. */
int sshcert_format_line(struct slice blob, const char *comment, struct buf *out);

#endif
