/*
 * audit_file: the chain on disk: DIR/<first seq, 12 digits>.log, appended to, never rewritten, continued in a new file
 * by size.
 *
 * Group commit: audit_append puts records into the kernel's hands, audit_sync makes all of them durable with one fsync;
 * whoever must not answer before the record is safe answers after audit_sync. A failed write or fsync is final: the
 * chain refuses further appends (E_STATE) until it is opened again, since what reached the disk is then unknown. At
 * open a torn last line (crash in the middle of a write) is cut off and an EVENT_CHAIN_RECOVERED record says so;
 * anything else that does not verify is refused, not repaired. One process writes a chain (lock on the folder's "lock"
 * file). May block: yes, on disk.
 */
#ifndef AUDIT_AUDIT_FILE_H
#define AUDIT_AUDIT_FILE_H

#include "audit/chain.h"

#define AUDIT_FILE_BYTES (64u << 20) /* default size at which a new file begins */

struct audit_chain;

/* dirfd: the audit folder; dup'ed, the caller keeps its own. file_bytes 0 = default. now_ms: time of the recovery
 * record. */
int audit_open(int dirfd, uint64_t file_bytes, int64_t now_ms, struct audit_chain **ret_c, struct reason *r);
void audit_close(struct audit_chain *c); /* syncs what it can; NULL is fine */

int audit_append(struct audit_chain *c, const struct event *e, int64_t now_ms, uint64_t *ret_seq,
                 struct reason *r); /* ret_seq may be NULL */
int audit_sync(struct audit_chain *c, struct reason *r);
bool audit_dirty(const struct audit_chain *c); /* appended since the last sync */
struct audit_head audit_head_get(const struct audit_chain *c);

/* Reads records with seq > after in order through the callback; non-zero stops and is returned. limit 0 = all. Nothing
   is verified beyond each line's own hash. */
typedef int audit_each_fn(void *arg, const struct audit_record *rec);
int audit_read(int dirfd, uint64_t after, size_t limit, audit_each_fn *fn, void *arg, struct reason *r);
/* First seq whose time is at or after since_ms, minus one: what to give audit_read as `after`. */
int audit_seek_time(int dirfd, int64_t since_ms, uint64_t *ret_after, struct reason *r);

/* Intents without an outcome, in order: judge settles them from the store at start. */
int audit_open_intents(int dirfd, audit_each_fn *fn, void *arg, struct reason *r);

/* Verifies the folder's whole chain. anchor: a head that must lie on it (NULL = none). On failure r names file, line
   and sequence number of the first broken record. ret_head may be NULL. */
int audit_verify_dir(int dirfd, const struct audit_head *anchor, struct audit_head *ret_head, struct reason *r);
/* The same over named files in the given order; the first may begin anywhere in the chain. */
int audit_verify_files(const char *const *paths, size_t n, const struct audit_head *anchor, struct audit_head *ret_head,
                       struct reason *r);

#endif
