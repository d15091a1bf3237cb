/*
 * keyring: the keys that sign our tokens, and their turning: a new one every `interval`, the one before good for
 * `overlap` longer, then known only for the API tokens it signed (those live a year and are looked up by their number
 * besides).
 *
 * One keystore record a key, written whole, so a crash leaves either the old ring or the new one: when a key was
 * followed is the next key's birth. A new key signs only once keyring_told has said that verifiers know it. Time is an
 * argument. Bounds: KEYRING_ACTIVE_MAX keys verify sessions at once (a flood of rotations would make every verification
 * and the public document larger), KEYRING_MAX in all. The ring owns its keys: keyring_release. May block: on the
 * keystore's fdatasync, and for some 100 ms while a key is made.
 */
#ifndef EDGE_SIGNER_KEYRING_H
#define EDGE_SIGNER_KEYRING_H

#include "edge/signer/keys.h"
#include "identity/jwks.h"

#define KEYRING_MAX 64
#define KEYRING_ACTIVE_MAX 8
#define KEYRING_DAY 86400
#define KEYRING_INTERVAL_DAYS 42
#define KEYRING_DAYS_MIN 21
#define KEYRING_DAYS_MAX 365
#define KEYRING_OVERLAP_SEC ((int64_t)7 * KEYRING_DAY)
#define KEYRING_API_SEC ((int64_t)366 * KEYRING_DAY) /* the longest life of an API token, and a day */

struct token_key {
	uint32_t no;
	int64_t created;
	bool private_part; /* in its record */
	char kid[65];
};
struct keyring {
	struct keystore *ks;             /* borrowed */
	const char *iss;                 /* borrowed; NULL: new keys are not announced */
	int64_t interval_fixed;          /* seconds; 0 = what keyring_interval_put stored, or the default */
	int64_t overlap;                 /* seconds; 0 = KEYRING_OVERLAP_SEC */
	struct token_key v[KEYRING_MAX]; /* oldest first */
	size_t n;
	struct jwks tokens; /* of org and app tokens: newest first */
	struct jwks api;    /* every key that is known */
	uint32_t told;      /* number of the newest key that verifiers know */
};

/* Reads the records; an empty store is an empty ring. ks, interval_fixed and overlap are set before. */
int keyring_load(struct keyring *k, int64_t now, struct reason *r);
void keyring_release(struct keyring *k); /* safe on zeroed */
/* A new key, at once. SP_BUSY when there are too many already. */
int keyring_rotate(struct keyring *k, int64_t now, struct reason *r);
/* What the time asks for: a new key, the end of an old one. ret_changed: verifiers must be told. */
int keyring_turn(struct keyring *k, int64_t now, bool *ret_changed, struct reason *r);
int64_t keyring_next(const struct keyring *k, int64_t now);     /* when that is the case again; wall seconds */
int64_t keyring_next_key(const struct keyring *k, int64_t now); /* when the next key is due */
int64_t keyring_interval(const struct keyring *k);              /* seconds */
int keyring_interval_put(struct keyring *k, unsigned days, struct reason *r);
void keyring_told(struct keyring *k);
struct jwk *keyring_signer(struct keyring *k); /* NULL: the ring is empty */
/* The document of js_jwks; appends. Each key is announced by the one before (identity/keychain.h): the newest
   KEYCHAIN_CHAIN_MAX announcements are in it, oldest first. */
int keyring_document(const struct keyring *k, struct buf *out);

#endif
