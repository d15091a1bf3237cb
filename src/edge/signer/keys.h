/*
 * keys: the keystore: everything that must outlive the signer, sealed under a key derived from the node key, in one
 * append-only file.
 *
 * File: 16 bytes of magic, then records: u32 length, sealed bytes. Plain: u64 number (1, 2, 3...), 32 bytes SHA-256 of
 * the sealed record before, u64 mark (journal records that were durable then), u8 kind, u8 gone, string key, string
 * value. So a record cannot be left out, moved or replaced; a store older than its journal, or the reverse, is found by
 * the marks. The last value of (kind, key) counts. A torn tail (incomplete last record, or zeros) was never
 * acknowledged: it is cut and reported. Any other damage: E_CRYPTO or E_FORMAT with a text that names the record. May
 * block: put and del wait for fdatasync.
 */
#ifndef EDGE_SIGNER_KEYS_H
#define EDGE_SIGNER_KEYS_H

#include <sys/types.h>

#include "core/err.h"
#include "core/map.h"

enum ks_kind {
	KS_TOKEN_KEY = 1,
	KS_CA,
	KS_TLS_CA,
	KS_ACCOUNT,
	KS_PROVIDER,
	KS_PRINCIPAL,
	KS_SETUP,
	KS_API,
	KS_SETTING,
	KS_SERVICE,
	KS_ANNOUNCE, /* of token key N by the one before: JWS */
	KS_KIND_N
};

#define KS_RECORDS_MAX 4000000u /* live records of one kind; beyond it administration is refused */
#define KS_VALUE_MAX (128u << 10)
#define KS_KEY_MAX 1024

struct keystore {
	int fd;
	uint8_t key[32]; /* derived; wiped on release */
	uint64_t seq;    /* number of the last record */
	uint8_t prev[32];
	uint64_t mark; /* the owner keeps it: durable records of the journal */
	uint64_t seen_mark;
	off_t end;
	size_t torn; /* bytes cut at open */
	bool broken;
	struct map live[KS_KIND_N];
};

/* Takes fd (O_RDWR|O_APPEND). node_key: 32 bytes. */
int keystore_open(struct keystore *ks, int fd, const uint8_t *node_key, uint64_t seed, struct reason *r);
void keystore_release(struct keystore *ks);
int keystore_put(struct keystore *ks, enum ks_kind k, const char *key, struct slice value);
int keystore_del(struct keystore *ks, enum ks_kind k, const char *key); /* E_NOENT */
bool keystore_get(const struct keystore *ks, enum ks_kind k, const char *key,
                  struct slice *ret); /* borrowed until put or del of it */
size_t keystore_count(const struct keystore *ks, enum ks_kind k);
/* With it = {0}: each record of a kind, unordered. */
bool keystore_next(const struct keystore *ks, enum ks_kind k, struct map_iter *it, struct slice *ret);

#endif
