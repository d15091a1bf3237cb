/* What sshkey and sshcert share; nobody else includes it. */
#ifndef SSH_SSHKEY_INT_H
#define SSH_SSHKEY_INT_H

#include "ssh/sshkey.h"

struct sshkey_row {
	enum sshkey_type type;
	const char *name, *cert_name;
	enum key_kind kind;
	const char *curve; /* NULL: none on the wire */
	bool sk;           /* an application string follows */
};

const struct sshkey_row *sshkey_row(enum sshkey_type t);
const struct sshkey_row *sshkey_row_named(struct slice name, bool cert);

/* Takes the fields after the type name from b, checks them, and gives them whole. ret_key may be NULL. */
int sshkey_body_get(struct buf *b, const struct sshkey_row *row, struct slice *ret_body, unsigned *ret_bits,
                    struct key **ret_key, struct reason *r);
/* The fields after the type name of a parsed key. */
int sshkey_body(const struct sshkey *k, struct slice *ret_body);
/* Key from a type and a checked body. */
int sshkey_make(const struct sshkey_row *row, struct slice body, unsigned bits, struct sshkey *ret_k);

#endif
