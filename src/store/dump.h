/*
 * dump: a store as text, for backups; the same whichever backend wrote it. JSON lines: a head, one line a document with
 * its keys, one a counter, an end that counts the documents. One-time values, versions and the epoch are not in it.
 * May block: dump and load, on the store.
 */
#ifndef STORE_DUMP_H
#define STORE_DUMP_H

#include "core/json.h"
#include "store/store.h"

#define DUMP_LINE_MAX (32u << 20) /* a document whose every byte is escaped */

/* put is given each line, with its line feed. One moment of the store, however long it takes. */
typedef int dump_put_fn(void *arg, const char *line, size_t n);
int store_dump(struct store *s, dump_put_fn *put, void *arg, struct reason *r);

enum dump_kind { DUMP_HEAD, DUMP_DOC, DUMP_COUNTER, DUMP_END };
struct dump_item {
	enum dump_kind what;
	json_t *line;                 /* owns the texts */
	const char *kind, *id, *json; /* of a document */
	struct store_key key[STORE_KEYS_MAX];
	size_t nkeys;
	const char *name; /* of a counter */
	int64_t value;    /* of a counter; number of documents at the end */
};
/* One line without its line feed. E_FORMAT, E_LIMIT. */
int dump_parse(const char *line, size_t n, struct dump_item *ret_it, struct reason *r);
void dump_item_release(struct dump_item *it); /* safe on a zeroed one */

/* Filling an empty store: begin (E_EXIST when it is not empty), every line, end; all or nothing. On an error: abort. */
struct dump_load {
	struct store *s;
	bool head, ended;
	int64_t docs;
};
int dump_load_begin(struct dump_load *l, struct store *s, struct reason *r);
int dump_load_line(struct dump_load *l, const char *line, size_t n, struct reason *r);
int dump_load_end(struct dump_load *l, struct reason *r);
void dump_load_abort(struct dump_load *l);

#endif
