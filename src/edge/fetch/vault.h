/*
 * vault: what providers may be asked with again: refresh tokens, and access tokens where there is no refresh token.
 * Sealed on disk under a key of the signer's, so that they survive a restart and a copied disk does not give them away.
 *
 * Two files, opened before confinement; one of them is in use. File: 16 bytes of magic, then records: u32 length,
 * sealed JSON {n, g, op, ...}: n counts from 1 within the file, g is the file's generation; op "put", "drop", "end". A
 * file begins with a whole copy that "end" closes; changes follow. When the changes outgrow the content, a copy of the
 * next generation goes into the other file, and only then is the old one emptied: at every moment one of the two is
 * whole. At opening the youngest file with its "end" counts, up to the first record that is torn or does not verify:
 * what stood behind it is lost and said so; those sign-ins cannot be asked again, which ends them in time.
 *
 * Limits: VAULT_MAX entries, VAULT_TOKEN_MAX bytes a token, VAULT_FILE_MAX bytes a file. A handle is 32 hex digits that
 * nobody can guess. May block: put and drop, on fdatasync.
 */
#ifndef EDGE_FETCH_VAULT_H
#define EDGE_FETCH_VAULT_H

#include <sys/types.h>

#include "core/err.h"
#include "core/map.h"

#define VAULT_MAX 50000u /* sign-ins that can be asked again; what is beyond them cannot (SECURITY.md) */
#define VAULT_TOKEN_MAX 16384u
#define VAULT_RECORD_MAX (40u << 10)
#define VAULT_FILE_MAX (512u << 20)
#define VAULT_KEY_LEN 32

struct vault_entry {
	char handle[33], provider[37];
	char *refresh, *access;  /* NULL when absent; access beside refresh is kept in memory only */
	int64_t until;           /* wall seconds: forgotten then */
	int64_t access_until;    /* of access, as its issuer said; 0 = it did not */
	bool asking, unanswered; /* the owner's: a request with it is under way; the last one may have been heard */
};
struct vault {
	int fd[2], cur;
	bool open, broken; /* broken: the disk failed; what is in memory goes on */
	uint8_t key[VAULT_KEY_LEN];
	uint64_t generation, n, changes;
	off_t end;
	struct map entries;
};

/* Takes both descriptors (O_RDWR). Never fails for what the files hold: *ret_lost says how many bytes were given up. */
int vault_open(struct vault *v, int a, int b, const uint8_t key[static VAULT_KEY_LEN], uint64_t seed, size_t *ret_lost);
void vault_release(struct vault *v);
/* Borrowed until the next put or drop of it. */
struct vault_entry *vault_get(const struct vault *v, const char *handle);
/* Makes one, or replaces its tokens and times; on disk when it returns 0. refresh NULL: access is what is kept.
   E_LIMIT, E_IO (it stands in memory). handle: 32 hex digits. */
int vault_put(struct vault *v, const char *handle, const char *provider, const char *refresh, const char *access,
              int64_t access_until, int64_t until);
int vault_drop(struct vault *v, const char *handle); /* 0 also when there is none */
void vault_drop_provider(struct vault *v, const char *provider);
void vault_sweep(struct vault *v, int64_t now);

/* The reader alone. Entries go into `into` (values: struct vault_entry, dropped by vault_entry_drop). */
struct vault_seen {
	bool whole; /* it has its "end" */
	uint64_t generation, n, changes;
	size_t good; /* bytes that count */
};
void vault_read(struct slice file, const uint8_t key[static VAULT_KEY_LEN], struct map *into, struct vault_seen *ret);
void vault_entry_drop(void *e);

#endif
