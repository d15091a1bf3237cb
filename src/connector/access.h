/*
 * access: the connector's own look at who comes: the app token of each stream, and the seal of each configuration
 * (docs/protocol/keys.md), so that a captured front can neither open streams without somebody's valid token nor lead a
 * hostname elsewhere.
 *
 * Required when the tunnel's credentials carry token keys, unless --access-required says on or off; a rule's own
 * originRequest.access.required wins over that. A refused stream is answered 403 by "cloudflared". Keys that were
 * announced since are kept beside the credentials, as the signed announcements themselves: they are verified anew when
 * read. May block: access_init and access_keys read and write a small file.
 */
#ifndef CONNECTOR_ACCESS_H
#define CONNECTOR_ACCESS_H

#include "connector/connector.h"
#include "identity/keychain.h"
#include "wire/h2link.h"

struct access {
	bool required; /* where the rule does not say */
	bool sealed;   /* configurations must be */
	struct keychain keys;
	json_t *announced;  /* what was accepted since, oldest first */
	const char *tunnel; /* UUID; borrowed */
	const char *file;   /* borrowed; NULL = none */
};

int access_init(struct access *a, const json_t *pins, enum connector_access mode, const char *tunnel, const char *file,
                struct reason *why);
void access_release(struct access *a); /* safe on zeroed */
/* 0: may pass; ret_who is whose token it was ("" when none was asked for). */
int access_check(const struct access *a, const struct ingress_rule *rule, const char *token, int64_t now,
                 char ret_who[static KEYCHAIN_SUBJECT_MAX], struct reason *why);
/* {"keys": [announcement]}; those that no trusted key signed are passed over. */
void access_keys(struct access *a, const json_t *said);
/* Whether a configuration with this seal ("" = none) may be taken. */
int access_config(const struct access *a, const char *seal, int64_t version, const json_t *config, int64_t now,
                  struct reason *why);

#endif
