/*
 * store: everything the edge remembers except secrets of the signer and the audit chain.
 *
 * Documents: (kind, id) -> version, JSON text. Writing is compare-and-set on the version. A document carries keys:
 * unique ones (two documents of a kind never share a value of the same key name) and plain ones (for look-up). One-time
 * values are taken exactly once, whoever asks. Correctness rests on these, not on isolation: several processes may use
 * one store. Opening opens every file there will ever be (the role confines itself afterwards), migrates the schema,
 * refuses files that are not ours, damaged or from a newer release, and says what to do. A commit that returned 0
 * survives power loss. Errors: E_CONFLICT another version is there; E_EXIST a unique key is taken (reason names it);
 * E_NOENT; E_AGAIN another process holds the store too long; E_LIMIT; E_IO anything the backend could not do, and
 * nothing was done; E_UNSURE a database went away while it committed and stays away: look before doing it again. reason
 * (may be NULL) says which, in words. One handle is used by one thread. May block: yes, on disk, or on the database's
 * answer (a call about 6 s at most; one that finds the database away, a second, then not at all until it is back).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/buf.h"
#include "core/err.h"

#define STORE_KIND_MAX 32
#define STORE_ID_MAX 128
#define STORE_KEY_MAX 512
#define STORE_DOC_MAX (4u << 20) /* one document; an application with 1000 rules is well below */
#define STORE_KEYS_MAX 64        /* of one document */
#define STORE_ONCE_MAX 65536     /* bytes of a one-time value */

struct store;
struct store_key {
	const char *name; /* "name", "domain", "email" */
	const char *value;
	bool unique;
};
struct store_doc {
	char *id;
	int64_t version; /* 1.. */
	char *json;
};

/* where: path of judge's state folder (SQLite: DIR/sallyport.db, made when absent), or "postgres://..." (an empty
 * database is laid out; its host is resolved now, not later). */
int store_open(const char *where, struct store **ret_s, struct reason *r);
bool store_is_url(const char *where);
void store_close(struct store *s);

int store_get(struct store *s, const char *kind, const char *id, struct store_doc *ret_d,
              struct reason *r); /* E_NOENT */
/* The document that has this unique key. */
int store_find(struct store *s, const char *kind, const char *name, const char *value, struct store_doc *ret_d,
               struct reason *r);
void store_doc_release(struct store_doc *d); /* safe on a zeroed one */

#define STORE_NEW 0    /* expected: it must not exist (else E_CONFLICT) */
#define STORE_ANY (-1) /* expected: whatever is there, or nothing */
/* Writes the document and replaces its keys. expected: the version read before, STORE_NEW or STORE_ANY. ret_version may
 * be NULL. */
int store_put(struct store *s, const char *kind, const char *id, int64_t expected, const char *json,
              const struct store_key *keys, size_t nkeys, int64_t *ret_version, struct reason *r);
/* expected: a version or STORE_ANY. E_NOENT when there is none. */
int store_delete(struct store *s, const char *kind, const char *id, int64_t expected, struct reason *r);

/* Calls back in id order; a non-zero answer stops and is returned. d is borrowed. The callback must not write to the
   store. after: ids greater than this ("" = from the start). limit 0 = no limit. */
typedef int store_each_fn(void *arg, const struct store_doc *d);
int store_list(struct store *s, const char *kind, const char *after, size_t limit, store_each_fn *fn, void *arg,
               struct reason *r);
/* Documents that have this key (unique or plain), in id order. */
int store_list_by(struct store *s, const char *kind, const char *name, const char *value, const char *after,
                  size_t limit, store_each_fn *fn, void *arg, struct reason *r);
int store_count(struct store *s, const char *kind, int64_t *ret_n, struct reason *r);

/* A transaction: all or nothing, and on disk when commit returns 0. Not nested (E_STATE). After any error inside, roll
   back. Single calls outside one are transactions of their own. */
int store_begin(struct store *s, struct reason *r);
int store_commit(struct store *s, struct reason *r); /* failed = rolled back, but for E_UNSURE */
void store_rollback(struct store *s);                /* nothing to do outside a transaction */

/* A transaction that only reads, and sees one moment of the store however long it takes. Ends by store_rollback. */
int store_begin_read(struct store *s, struct reason *r);

/* One-time values (codes, states, nonces, transfers). E_EXIST when (kind, key) is there and alive. Times: wall seconds.
   A put may be lost with the machine's power, a take not. */
int store_once_put(struct store *s, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
                   int64_t now, struct reason *r);
/* Removes it and gives it; exactly one taker ever gets it. E_NOENT (never was, taken) or E_EXPIRED. out is appended to.
 */
int store_once_take(struct store *s, const char *kind, const char *key, int64_t now, struct buf *out, struct reason *r);
int store_once_sweep(struct store *s, int64_t now, struct reason *r); /* forgets the expired */
/* Forgets all of the kind but the keep that live longest. */
int store_once_trim(struct store *s, const char *kind, int64_t keep, struct reason *r);

/* Numbers that only grow (epochs, certificate serials): adds by (>= 0) and gives the new value. An absent one is 0. */
int store_counter(struct store *s, const char *name, int64_t by, int64_t *ret_v, struct reason *r);

/* Changes whenever any handle committed a change of a document, sessions excepted: compare to know that a snapshot is
 * stale. */
int store_epoch(struct store *s, int64_t *ret_epoch, struct reason *r);
/* Reads through the whole store; E_IO with what is damaged. */
int store_check(struct store *s, struct reason *r);

/* News. store_poll tells whether other handles may have changed documents since it was called last, takes a lost
   connection up again, and never waits; an error says that the database cannot be reached now. Call it now and then (a
   second), and whenever store_fd (-1: there is none; else the same for the life of the handle) is readable. */
int store_poll(struct store *s, bool *ret_changed, struct reason *r);
int store_fd(struct store *s);
/* TCP ports that the database is reached by, for whoever confines this process. */
size_t store_ports(struct store *s, uint16_t *ports, size_t max);

/* Session documents have kind STORE_SESSION and the plain keys "email", "person" and one "app" for each application
 * entered. */
#define STORE_SESSION "session"

#endif
