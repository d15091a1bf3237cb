/*
 * ca request: what a short-lived user certificate is asked for with, and the checks that the signer applies whoever
 * asks.
 *
 * ca_request_check decides on fields alone; who may have which principal (ownership, evidence, rates) is the signer's.
 * A refusal is E_DENIED, E_RANGE or E_FORMAT with a reason. All texts are borrowed. May block: no.
 */
#ifndef CA_REQUEST_H
#define CA_REQUEST_H

#include "ca/limits.h"
#include "core/err.h"
#include "ssh/sshcert.h"

struct ca_request {
	const char *public_key;           /* authorized_keys line of the subject */
	const char *principal;            /* exactly one Unix name */
	bool reserved_ok;                 /* the name was bound to this person by an administrator */
	const char *email;                /* first half of the key id */
	const char *session;              /* second half of the key id */
	int64_t now;                      /* signer's clock, wall seconds */
	int64_t backdate;                 /* seconds, 0..CA_BACKDATE_MAX and less than ttl */
	int64_t ttl;                      /* seconds from valid_after on, CA_TTL_MIN..CA_TTL_MAX */
	uint64_t serial;                  /* unique per CA, never 0 */
	uint8_t nonce[SSHCERT_NONCE_LEN]; /* random */
	const char *const *extensions;    /* of the five known names, any order, no name twice */
	size_t nextensions;
	const char *const *source_address; /* addresses or CIDR; canonicalised, sorted, duplicates dropped */
	size_t nsource_address;
};

/* The five that exist, sorted; static texts. */
extern const char *const ca_extensions[CA_EXTENSIONS_MAX];

int ca_request_check(const struct ca_request *q, struct reason *r);

/* [a-z_][a-z0-9._-]{0,31} */
bool ca_principal_ok(const char *name);
/* A name that the system or an administrator has: root, daemon, postgres, admin, systemd-*, _*, ... */
bool ca_principal_reserved(const char *name);
/* Local part, ASCII lower-cased. Refused (E_DENIED): not exactly one '@', '+', anything outside the charset. Does not
 * look at the reserved list. */
int ca_principal_from_email(const char *email, char out[static CA_PRINCIPAL_MAX + 1], struct reason *r);

/* "10.1.2.3" -> "10.1.2.3/32"; "2001:DB8::/32" -> "2001:db8::/32". E_FORMAT when host bits are set or it is no address.
 */
int ca_cidr_canonical(const char *s, char out[static CA_CIDR_MAX]);
/* "<email> <session>": ASCII, one line, no control characters; anything else as \xNN. E_LIMIT over CA_KEY_ID_MAX. */
int ca_key_id(const char *email, const char *session, char out[static CA_KEY_ID_MAX + 1]);

#endif
