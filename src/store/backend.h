/*
 * backend: what a store backend is: one table of functions and one opener. Arguments are checked by store.c before they
 * get here; contracts are those of store/store.h. Not for other folders.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

typedef int store_dump_fn(void *arg, const char *kind, const char *id, const char *json, const char *keys);
typedef int store_counter_fn(void *arg, const char *name, int64_t value);

struct store_ops {
	void (*close)(struct store *s);
	int (*get)(struct store *s, const char *kind, const char *id, struct store_doc *ret_d, struct reason *r);
	int (*find)(struct store *s, const char *kind, const char *name, const char *value, struct store_doc *ret_d,
	            struct reason *r);
	int (*put)(struct store *s, const char *kind, const char *id, int64_t expected, const char *json,
	           const struct store_key *keys, size_t nkeys, int64_t *ret_version, struct reason *r);
	int (*del)(struct store *s, const char *kind, const char *id, int64_t expected, struct reason *r);
	/* name NULL: all of the kind */
	int (*list)(struct store *s, const char *kind, const char *name, const char *value, const char *after,
	            size_t limit, store_each_fn *fn, void *arg, struct reason *r);
	int (*count)(struct store *s, const char *kind, int64_t *ret_n, struct reason *r);
	int (*begin)(struct store *s, struct reason *r);
	int (*begin_read)(struct store *s, struct reason *r);
	int (*commit)(struct store *s, struct reason *r);
	void (*rollback)(struct store *s);
	int (*once_put)(struct store *s, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
	                int64_t now, struct reason *r);
	int (*once_take)(struct store *s, const char *kind, const char *key, int64_t now, struct buf *out,
	                 struct reason *r);
	int (*once_sweep)(struct store *s, int64_t now, struct reason *r);
	int (*once_trim)(struct store *s, const char *kind, int64_t keep, struct reason *r);
	int (*counter)(struct store *s, const char *name, int64_t by, int64_t *ret_v, struct reason *r);
	int (*epoch)(struct store *s, int64_t *ret_epoch, struct reason *r);
	int (*check)(struct store *s, struct reason *r);
	/* every document in the order of kind and id; keys: JSON [[name, value, unique], ...]; fn as in store_list */
	int (*dump)(struct store *s, store_dump_fn *fn, void *arg, struct reason *r);
	int (*counters)(struct store *s, store_counter_fn *fn, void *arg, struct reason *r); /* but the epoch */
	int (*fd)(struct store *s); /* -1: nothing to wait for */
	int (*poll)(struct store *s, bool *ret_changed, struct reason *r);
	size_t (*ports)(struct store *s, uint16_t *ports, size_t max);
};
/* First member of every backend's own struct. */
struct store {
	const struct store_ops *ops;
};

int store_open_sqlite(const char *dir, struct store **ret_s, struct reason *r);
int store_open_pg(const char *url, struct store **ret_s, struct reason *r);

#endif
