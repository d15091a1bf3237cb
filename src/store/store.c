/* The door to every backend: arguments are checked here once. */
#include "store/backend.h"

#include "core/str.h"

#include <stdlib.h>
#include <string.h>

static int
check_word(const char *what, const char *s, size_t max, struct reason *r)
{
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > max)
		return reason_set(r, E_LIMIT, 0, "store: a %s has 1 to %zu bytes, not %zu", what, max, n);
	return E_OK;
}

static int
check_doc(const char *kind, const char *id, struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	return ret == E_OK ? check_word("id", id, STORE_ID_MAX, r) : ret;
}

static int
check_key(const char *name, const char *value, struct reason *r)
{
	int ret = check_word("key name", name, STORE_KIND_MAX, r);

	return ret == E_OK ? check_word("key", value, STORE_KEY_MAX, r) : ret;
}

int
store_open(const char *where, struct store **ret_s, struct reason *r)
{
	return store_is_url(where) ? store_open_pg(where, ret_s, r) : store_open_sqlite(where, ret_s, r);
}

bool
store_is_url(const char *where)
{
	return str_starts(where, "postgres://") || str_starts(where, "postgresql://");
}

void
store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}

void
store_doc_release(struct store_doc *d)
{
	free(d->id);
	free(d->json);
	*d = (struct store_doc){0};
}

int
store_get(struct store *s, const char *kind, const char *id, struct store_doc *ret_d, struct reason *r)
{
	int ret = check_doc(kind, id, r);

	return ret == E_OK ? s->ops->get(s, kind, id, ret_d, r) : ret;
}

int
store_find(struct store *s, const char *kind, const char *name, const char *value, struct store_doc *ret_d,
           struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	if (ret == E_OK)
		ret = check_key(name, value, r);
	return ret == E_OK ? s->ops->find(s, kind, name, value, ret_d, r) : ret;
}

int
store_put(struct store *s, const char *kind, const char *id, int64_t expected, const char *json,
          const struct store_key *keys, size_t nkeys, int64_t *ret_version, struct reason *r)
{
	int ret = check_doc(kind, id, r);

	if (ret == E_OK && (expected < STORE_ANY || nkeys > STORE_KEYS_MAX || strlen(json) > STORE_DOC_MAX))
		ret = reason_set(r, E_LIMIT, 0, "store: %s %s is too large or has too many keys", kind, id);
	for (size_t i = 0; ret == E_OK && i < nkeys; i++)
		ret = check_key(keys[i].name, keys[i].value, r);
	return ret == E_OK ? s->ops->put(s, kind, id, expected, json, keys, nkeys, ret_version, r) : ret;
}

int
store_delete(struct store *s, const char *kind, const char *id, int64_t expected, struct reason *r)
{
	int ret = check_doc(kind, id, r);

	return ret == E_OK ? s->ops->del(s, kind, id, expected, r) : ret;
}

int
store_list(struct store *s, const char *kind, const char *after, size_t limit, store_each_fn *fn, void *arg,
           struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	return ret == E_OK ? s->ops->list(s, kind, NULL, NULL, after, limit, fn, arg, r) : ret;
}

int
store_list_by(struct store *s, const char *kind, const char *name, const char *value, const char *after, size_t limit,
              store_each_fn *fn, void *arg, struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	if (ret == E_OK)
		ret = check_key(name, value, r);
	return ret == E_OK ? s->ops->list(s, kind, name, value, after, limit, fn, arg, r) : ret;
}

int
store_count(struct store *s, const char *kind, int64_t *ret_n, struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	return ret == E_OK ? s->ops->count(s, kind, ret_n, r) : ret;
}

int
store_begin(struct store *s, struct reason *r)
{
	return s->ops->begin(s, r);
}

int
store_begin_read(struct store *s, struct reason *r)
{
	return s->ops->begin_read(s, r);
}

int
store_commit(struct store *s, struct reason *r)
{
	return s->ops->commit(s, r);
}

void
store_rollback(struct store *s)
{
	s->ops->rollback(s);
}

int
store_once_put(struct store *s, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
               int64_t now, struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	if (ret == E_OK)
		ret = check_word("key", key, STORE_KEY_MAX, r);
	if (ret == E_OK && n > STORE_ONCE_MAX)
		ret = reason_set(r, E_LIMIT, 0, "store: a one-time value has at most %u bytes", STORE_ONCE_MAX);
	return ret == E_OK ? s->ops->once_put(s, kind, key, p, n, expires, now, r) : ret;
}

int
store_once_take(struct store *s, const char *kind, const char *key, int64_t now, struct buf *out, struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	if (ret == E_OK && (!key || !key[0] || strlen(key) > STORE_KEY_MAX))
		return E_NOENT; /* a peer's nonsense is nothing that we ever stored */
	return ret == E_OK ? s->ops->once_take(s, kind, key, now, out, r) : ret;
}

int
store_once_sweep(struct store *s, int64_t now, struct reason *r)
{
	return s->ops->once_sweep(s, now, r);
}

int
store_once_trim(struct store *s, const char *kind, int64_t keep, struct reason *r)
{
	int ret = check_word("kind", kind, STORE_KIND_MAX, r);

	return ret == E_OK ? s->ops->once_trim(s, kind, keep < 0 ? 0 : keep, r) : ret;
}

int
store_counter(struct store *s, const char *name, int64_t by, int64_t *ret_v, struct reason *r)
{
	int ret = check_word("counter name", name, STORE_KIND_MAX, r);

	if (ret == E_OK && (by < 0 || strcmp(name, "epoch") == 0))
		ret = reason_set(r, E_RANGE, 0, "store: counters only grow, and the epoch by itself");
	return ret == E_OK ? s->ops->counter(s, name, by, ret_v, r) : ret;
}

int
store_epoch(struct store *s, int64_t *ret_epoch, struct reason *r)
{
	return s->ops->epoch(s, ret_epoch, r);
}

int
store_check(struct store *s, struct reason *r)
{
	return s->ops->check(s, r);
}

int
store_fd(struct store *s)
{
	return s->ops->fd(s);
}

int
store_poll(struct store *s, bool *ret_changed, struct reason *r)
{
	return s->ops->poll(s, ret_changed, r);
}

size_t
store_ports(struct store *s, uint16_t *ports, size_t max)
{
	return s->ops->ports(s, ports, max);
}
