/*
 * ca build: checked request + CA key -> certificate. The object is rebuilt from the checked fields and nothing else.
 *
 * ca_build repeats ca_request_check. The caller journals what ca_plan gives before it calls ca_finish, or uses ca_build
 * for both at once. May block: no.
 */
#ifndef CA_BUILD_H
#define CA_BUILD_H

#include "ca/request.h"

/* What is going to be signed, for journal and reply. */
struct ca_plan {
	struct sshkey subject;
	char principal[CA_PRINCIPAL_MAX + 1];
	char key_id[CA_KEY_ID_MAX + 1];
	char fingerprint[SSHKEY_FINGERPRINT_MAX];          /* of the subject key */
	char source_address[CA_SOURCES_MAX * CA_CIDR_MAX]; /* "" = none */
	const char *extensions[CA_EXTENSIONS_MAX];         /* static texts, sorted */
	size_t nextensions;
	uint64_t serial;
	int64_t valid_after, valid_before;
	uint8_t nonce[SSHCERT_NONCE_LEN];
};

int ca_plan(const struct ca_request *q, struct ca_plan *ret_p, struct reason *r);
void ca_plan_release(struct ca_plan *p);
/* Appends the certificate line (no line end). ca: the private CA key. The subject must not be the CA's own key
 * (E_DENIED). */
int ca_finish(const struct ca_plan *p, struct key *ca, struct buf *out_line, struct reason *r);
int ca_build(const struct ca_request *q, struct key *ca, struct ca_plan *ret_p, struct buf *out_line, struct reason *r);

#endif
