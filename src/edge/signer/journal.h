/*
 * journal: what the signer did, one JSON object a line, each naming the SHA-256 of the line before.
 *
 *   {"n":7,"t":1763800000,"prev":"<64 hex>","ks":12,"ev":"cert", ...}
 * n counts from 1, ks is the keystore's last record then. journal_begin .. journal_end append to memory; journal_commit
 * writes all of it with one fdatasync: the owner holds answers until then (group commit). An incomplete last line (or
 * zeros) was never acknowledged: it is cut and reported; any other damage is E_FORMAT with a text that names the line.
 * May block: open and commit.
 */
#ifndef EDGE_SIGNER_JOURNAL_H
#define EDGE_SIGNER_JOURNAL_H

#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"

#define JOURNAL_LINE_MAX 16384
#define JOURNAL_PENDING_MAX (8u << 20)

struct journal {
	int fd;
	uint64_t n;       /* last line, also of those not yet durable */
	uint64_t durable; /* last durable line */
	uint64_t ks;      /* of the last line */
	int64_t last_t;
	char prev[65];
	off_t end;
	size_t torn;
	struct buf pending, line;
	bool bad; /* a field of the line being written did not fit */
};

/* Takes fd. each is called for every line that stands. */
int journal_open(struct journal *j, int fd, void (*each)(const json_t *line, void *arg), void *arg, struct reason *r);
void journal_release(struct journal *j);

void journal_begin(struct journal *j, int64_t now, uint64_t ks, const char *event);
void journal_str(struct journal *j, const char *key, const char *val);
void journal_num(struct journal *j, const char *key, int64_t val);
void journal_bool(struct journal *j, const char *key, bool val);
int journal_end(struct journal *j); /* E_LIMIT: nothing was recorded */
bool journal_dirty(const struct journal *j);
int journal_commit(struct journal *j); /* E_IO: the process must end, what is on disk is unknown */

#endif
