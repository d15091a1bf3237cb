#include "core/map.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define MAP_MIN 16

struct map_entry {
	struct map_entry *next;
	uint64_t hash;
	void *value;
	size_t n;
	char key[]; /* n bytes and a NUL */
};

/* FNV-1a from a seeded start, then a mixing step so that the low bits, which choose the bucket, depend on every byte
 * and the seed. */
static uint64_t
hash_of(const struct map *m, const void *key, size_t n)
{
	const uint8_t *p = key;
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ m->seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	h ^= m->seed >> 1;
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 33;
}

void
map_init(struct map *m, size_t max, uint64_t seed, void (*drop)(void *value))
{
	*m = (struct map){.max = max, .seed = seed, .drop = drop};
}

void
map_release(struct map *m)
{
	struct map_entry **tab = m->tab;
	size_t ntab = m->ntab;

	m->tab = NULL; /* first, so that a destructor which looks finds an empty map */
	m->ntab = m->n = 0;
	for (size_t i = 0; i < ntab; i++) {
		while (tab[i]) {
			struct map_entry *e = tab[i];
			tab[i] = e->next;
			if (m->drop)
				m->drop(e->value);
			free(e);
		}
	}
	free(tab);
}

/* The link that points at the entry, or at the NULL where its chain ends; NULL when there is no table yet. */
static struct map_entry **
link_of(const struct map *m, const void *key, size_t n, uint64_t hash)
{
	struct map_entry **at = NULL;

	if (!m->ntab)
		return NULL;
	for (at = &m->tab[hash & (m->ntab - 1)]; *at; at = &(*at)->next)
		if ((*at)->hash == hash && (*at)->n == n && (n == 0 || memcmp((*at)->key, key, n) == 0))
			break;
	return at;
}

void *
map_get_n(const struct map *m, const void *key, size_t n)
{
	struct map_entry **at = link_of(m, key, n, hash_of(m, key, n));

	return at && *at ? (*at)->value : NULL;
}

void *
map_get(const struct map *m, const char *key)
{
	return map_get_n(m, key, strlen(key));
}

static int
grow(struct map *m)
{
	size_t ntab = m->ntab ? m->ntab * 2 : MAP_MIN;
	struct map_entry **tab = calloc(ntab, sizeof(struct map_entry *));

	if (!tab)
		return E_NOMEM;
	for (size_t i = 0; i < m->ntab; i++) {
		while (m->tab[i]) {
			struct map_entry *e = m->tab[i];
			m->tab[i] = e->next;
			e->next = tab[e->hash & (ntab - 1)];
			tab[e->hash & (ntab - 1)] = e;
		}
	}
	free(m->tab);
	m->tab = tab;
	m->ntab = ntab;
	return 0;
}

int
map_put_n(struct map *m, const void *key, size_t n, void *value)
{
	uint64_t hash = hash_of(m, key, n);
	struct map_entry **at = link_of(m, key, n, hash), *e = NULL;

	if (at && *at)
		return E_EXIST;
	if (m->n >= m->max)
		return E_LIMIT;
	if (n > BUF_MAX)
		return E_LIMIT;
	e = malloc(sizeof *e + n + 1);
	if (!e)
		return E_NOMEM;
	if (m->n >= m->ntab && grow(m) && !m->ntab) { /* a full table still works, only slower */
		free(e);
		return E_NOMEM;
	}
	at = &m->tab[hash & (m->ntab - 1)];
	*e = (struct map_entry){.next = *at, .hash = hash, .value = value, .n = n};
	if (n)
		memcpy(e->key, key, n);
	e->key[n] = '\0';
	*at = e;
	m->n++;
	return 0;
}

int
map_put(struct map *m, const char *key, void *value)
{
	return map_put_n(m, key, strlen(key), value);
}

int
map_set(struct map *m, const char *key, void *value)
{
	size_t n = strlen(key);
	struct map_entry **at = link_of(m, key, n, hash_of(m, key, n));
	void *old = NULL;

	if (!at || !*at)
		return map_put_n(m, key, n, value);
	old = (*at)->value;
	(*at)->value = value;
	if (m->drop && old != value)
		m->drop(old);
	return 0;
}

/* Unlinks and frees the entry; false when there is none. A NULL value is a value. */
static bool
unlink_entry(struct map *m, const void *key, size_t n, void **ret_value)
{
	struct map_entry **at = link_of(m, key, n, hash_of(m, key, n)), *e = NULL;

	if (!at || !*at)
		return false;
	e = *at;
	*at = e->next;
	*ret_value = e->value;
	free(e);
	m->n--;
	return true;
}

void *
map_take_n(struct map *m, const void *key, size_t n)
{
	void *value = NULL;

	return unlink_entry(m, key, n, &value) ? value : NULL;
}

void *
map_take(struct map *m, const char *key)
{
	return map_take_n(m, key, strlen(key));
}

int
map_del(struct map *m, const char *key)
{
	void *value = NULL;

	if (!unlink_entry(m, key, strlen(key), &value))
		return E_NOENT;
	if (m->drop)
		m->drop(value);
	return 0;
}

/* it->next is fetched before the current entry is handed out: that is what makes its removal safe. */
bool
map_next(const struct map *m, struct map_iter *it)
{
	if (!it->started) {
		it->started = true;
		it->bucket = 0;
		it->next = m->ntab ? m->tab[0] : NULL;
	}
	while (!it->next) {
		if (it->bucket + 1 >= m->ntab)
			return false;
		it->next = m->tab[++it->bucket];
	}
	it->key = it->next->key;
	it->nkey = it->next->n;
	it->value = it->next->value;
	it->next = it->next->next;
	return true;
}
