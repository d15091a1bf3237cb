/*
 * chain: the audit log's format. One JSON object a line; each line carries the hash of the one before, so that what was
 * flipped, dropped, moved or put in is found; what was cut off the end is found by comparing with a head kept
 * elsewhere.
 *
 *   {"body":{"seq":7,"time":"2026-11-22T10:00:00.123Z","prev":"<64 hex>","event":{"kind":"login",...}},"hash":"<64
 * hex>"} hash = SHA-256 of the line's bytes between {"body": and ,"hash" (canonical: compact, keys sorted). The first
 * record has seq 1 and prev of 64 zeros. Engine: no file, clock or log here; audit/audit_file.h has those. May block:
 * no.
 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include "core/buf.h"
#include "core/err.h"
#include "model/event.h"

#define AUDIT_LINE_MAX (1u << 20) /* one record with its line feed */

struct audit_head {
	uint64_t seq;     /* of the last record; 0 = none yet */
	uint8_t hash[32]; /* its hash; zeros when seq is 0 */
};

/* Appends one line to out and moves head. On failure neither changes. E_LIMIT: the event is too large. now_ms: wall
 * milliseconds. */
int audit_format(struct audit_head *head, const struct event *e, int64_t now_ms, struct buf *out);

/* One parsed record; e borrows from doc. */
struct audit_record {
	uint64_t seq;
	int64_t time_ms;
	struct event e;
	json_t *doc;
};
/* Checks the line's own form and hash, not its place. line without the line feed. E_FORMAT, E_CRYPTO (hash). head_after
 * may be NULL. */
int audit_parse(const void *line, size_t n, struct audit_record *ret_rec, struct audit_head *ret_head,
                uint8_t ret_prev[static 32], struct reason *r);
void audit_record_release(struct audit_record *rec);

/* Verification fed line by line. head: where the chain must continue (zeroed = from the beginning; then any first seq
   is accepted only if it is 1). Moves head. r says the first thing that is wrong, with the sequence number expected. */
int audit_verify_line(struct audit_head *head, const void *line, size_t n, struct reason *r);

/* The record as one JSON object for the API and `admin log`: {"seq","time","kind",...}. New reference. */
json_t *audit_record_json(const struct audit_record *rec);

#endif
