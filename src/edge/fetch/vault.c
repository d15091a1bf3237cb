#include "edge/fetch/vault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/json.h"
#include "core/secret.h"
#include "core/str.h"
#include "crypto/seal.h"

#define MAGIC "sallyport vault\n"
#define MAGIC_LEN 16
#define CHANGES_SPARE 1000 /* changes beyond twice the content that a file may hold */

static void
wipe_free(char *s)
{
	if (s)
		mem_wipe(s, strlen(s));
	free(s);
}

void
vault_entry_drop(void *p)
{
	struct vault_entry *e = p;

	if (!e)
		return;
	wipe_free(e->refresh);
	wipe_free(e->access);
	free(e);
}

static bool
handle_ok(const char *h)
{
	return strlen(h) == 32 && strspn(h, "0123456789abcdef") == 32;
}

static int
token_dup(const char *s, char **ret)
{
	if (!s || !*s)
		return 0;
	if (strlen(s) > VAULT_TOKEN_MAX)
		return E_LIMIT;
	*ret = str_dup(s);
	return *ret ? 0 : E_NOMEM;
}

static int
entry_set(struct map *m, const char *handle, const char *provider, const char *refresh, const char *access,
          int64_t access_until, int64_t until)
{
	struct vault_entry *e = calloc(1, sizeof *e);
	int r = e ? 0 : E_NOMEM;

	if (r == 0 && !handle_ok(handle))
		r = E_FORMAT;
	if (r == 0)
		r = str_copy(e->handle, sizeof e->handle, handle);
	if (r == 0)
		r = str_copy(e->provider, sizeof e->provider, provider);
	if (r == 0)
		r = token_dup(refresh, &e->refresh);
	if (r == 0)
		r = token_dup(access, &e->access);
	if (r == 0 && !e->refresh && !e->access)
		r = E_FORMAT;
	if (r == 0) {
		e->access_until = access_until;
		e->until = until;
		r = map_set(m, handle, e);
	}
	if (r < 0)
		vault_entry_drop(e);
	return r;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static int
record_apply(struct slice plain, struct map *into, struct vault_seen *s)
{
	json_t *o = NULL;
	const char *op = "";
	int r = json_load_strict(plain.p, plain.n, VAULT_RECORD_MAX, &o);

	if (r == 0 && (!json_is_object(o) || json_i64_or(o, "n", -1) != (json_int_t)s->n + 1 ||
	               json_i64_or(o, "g", -1) < 1 || (s->n && json_i64_or(o, "g", -1) != (json_int_t)s->generation)))
		r = E_FORMAT;
	if (r < 0)
		goto out;
	op = json_str_or(o, "op", "");
	if (!strcmp(op, "put"))
		r = entry_set(into, json_str_or(o, "handle", ""), json_str_or(o, "provider", ""),
		              json_str_or(o, "refresh", NULL), json_str_or(o, "access", NULL),
		              json_i64_or(o, "access_until", 0), json_i64_or(o, "until", 0));
	else if (!strcmp(op, "drop") && s->whole)
		map_del(into, json_str_or(o, "handle", ""));
	else if (!strcmp(op, "end") && !s->whole)
		s->whole = true;
	else
		r = E_FORMAT;
	if (r == 0) {
		s->generation = (uint64_t)json_i64_or(o, "g", 0);
		s->n++;
		s->changes += s->whole;
	}
out:
	json_decref(o);
	return r;
}

void
vault_read(struct slice file, const uint8_t key[static VAULT_KEY_LEN], struct map *into, struct vault_seen *ret)
{
	struct vault_seen s = {0};
	struct buf plain;
	size_t at = MAGIC_LEN;

	buf_init_secret(&plain, VAULT_RECORD_MAX);
	while (file.n >= MAGIC_LEN && !memcmp(file.p, MAGIC, MAGIC_LEN) && file.n - at >= 4) {
		const uint8_t *p = file.p + at;
		size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		if (len > VAULT_RECORD_MAX + SEAL_OVERHEAD || len < SEAL_OVERHEAD || file.n - at - 4 < len)
			break;
		buf_clear(&plain);
		if (seal_open(key, (struct slice){p + 4, len}, &plain) < 0 ||
		    record_apply(buf_slice(&plain), into, &s) < 0)
			break;
		at += 4 + len;
		s.good = at;
	}
	buf_release(&plain);
	*ret = s;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static int
write_at(int fd, struct slice s, off_t at)
{
	while (s.n) {
		ssize_t k = pwrite(fd, s.p, s.n, at);
		if (k <= 0)
			return E_IO;
		s.p += k;
		s.n -= (size_t)k;
		at += k;
	}
	return 0;
}

/* One record, sealed and numbered, at the end of what stands in `fd`. Takes o. */
static int
append(struct vault *v, int fd, json_t *o)
{
	struct buf plain, out;
	int r = o ? 0 : E_NOMEM;

	buf_init_secret(&plain, VAULT_RECORD_MAX);
	buf_init(&out, VAULT_RECORD_MAX + SEAL_OVERHEAD + 4);
	if (r == 0 && (json_object_set_new(o, "n", json_integer((json_int_t)v->n + 1)) ||
	               json_object_set_new(o, "g", json_integer((json_int_t)v->generation))))
		r = E_NOMEM;
	if (r == 0)
		r = json_dump(o, &plain);
	if (r == 0)
		r = buf_put_u32(&out, (uint32_t)(buf_len(&plain) + SEAL_OVERHEAD));
	if (r == 0)
		r = seal(v->key, buf_slice(&plain), &out);
	if (r == 0)
		r = write_at(fd, buf_slice(&out), v->end);
	if (r == 0) {
		v->end += (off_t)buf_len(&out);
		v->n++;
	}
	buf_release(&plain);
	buf_release(&out);
	json_decref(o);
	return r;
}

static json_t *
put_record(const struct vault_entry *e)
{
	return json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:I, s:I}", "op", "put", "handle", e->handle, "provider",
	                 e->provider, "refresh", e->refresh, "access", e->refresh ? NULL : e->access, "access_until",
	                 (json_int_t)e->access_until, "until", (json_int_t)e->until);
}

/* The whole content into the other file; then, and only then, the old one is emptied. */
static int
copy_over(struct vault *v)
{
	struct map_iter it = {0};
	int to = v->fd[!v->cur], r = 0;

	v->generation++;
	v->n = 0;
	v->end = MAGIC_LEN;
	if (ftruncate(to, 0) < 0)
		r = E_IO;
	if (r == 0)
		r = write_at(to, slice_str(MAGIC), 0);
	while (r == 0 && map_next(&v->entries, &it))
		r = append(v, to, put_record(it.value));
	if (r == 0)
		r = append(v, to, json_pack("{s:s}", "op", "end"));
	if (r == 0 && fdatasync(to) < 0)
		r = E_IO;
	if (r < 0) {
		v->broken = true;
		return r;
	}
	v->cur = !v->cur;
	v->changes = 0;
	v->broken = false;
	if (ftruncate(v->fd[!v->cur], 0) < 0 || fdatasync(v->fd[!v->cur]) < 0)
		return E_IO;
	return 0;
}

/* A change on disk. After a failure the next one begins a new file, from memory. */
static int
change(struct vault *v, json_t *o)
{
	int r;

	if (v->broken || v->end > (off_t)VAULT_FILE_MAX / 2 ||
	    v->changes > 2 * (uint64_t)map_len(&v->entries) + CHANGES_SPARE) {
		json_decref(o);
		return copy_over(v);
	}
	r = append(v, v->fd[v->cur], o);
	if (r == 0 && fdatasync(v->fd[v->cur]) < 0)
		r = E_IO;
	v->changes++;
	v->broken = r < 0;
	return r;
}

/* --- life ----------------------------------------------------------------------------------------------------------
 */

static int
file_load(int fd, struct buf *out)
{
	struct stat st;
	uint8_t *p;

	if (fstat(fd, &st) < 0 || st.st_size < 0 || st.st_size > (off_t)VAULT_FILE_MAX)
		return E_IO;
	for (off_t at = 0; at < st.st_size;) {
		size_t want = st.st_size - at > 1 << 20 ? 1 << 20 : (size_t)(st.st_size - at);
		if (buf_reserve(out, want, &p) < 0)
			return E_NOMEM;
		ssize_t k = pread(fd, p, want, at);
		if (k <= 0)
			return k < 0 ? E_IO : 0;
		buf_commit(out, (size_t)k);
		at += k;
	}
	return 0;
}

int
vault_open(struct vault *v, int a, int b, const uint8_t key[static VAULT_KEY_LEN], uint64_t seed, size_t *ret_lost)
{
	struct map seen[2];
	struct vault_seen s[2] = {0};
	struct buf file;
	size_t size[2] = {0};

	*v = (struct vault){.fd = {a, b}};
	memcpy(v->key, key, sizeof v->key);
	for (int i = 0; i < 2; i++) {
		map_init(&seen[i], VAULT_MAX, seed, vault_entry_drop);
		buf_init(&file, VAULT_FILE_MAX);
		if (file_load(v->fd[i], &file) == 0)
			vault_read(buf_slice(&file), key, &seen[i], &s[i]);
		size[i] = buf_len(&file);
		buf_release(&file);
	}
	v->cur = s[1].whole && (!s[0].whole || s[1].generation > s[0].generation);
	*ret_lost = size[v->cur] - s[v->cur].good;
	v->entries = seen[v->cur];
	map_release(&seen[!v->cur]);
	v->generation = s[0].generation > s[1].generation ? s[0].generation : s[1].generation;
	v->open = true;
	if (!s[v->cur].whole) { /* new, or all of it is lost */
		*ret_lost = size[0] + size[1];
		map_release(&v->entries);
		map_init(&v->entries, VAULT_MAX, seed, vault_entry_drop);
		return copy_over(v);
	}
	v->n = s[v->cur].n;
	v->changes = s[v->cur].changes;
	v->end = (off_t)s[v->cur].good;
	/* a copy that was cut has the next number: what is written goes into one that is above both */
	return *ret_lost || size[!v->cur] ? copy_over(v) : 0;
}

void
vault_release(struct vault *v)
{
	if (!v->open)
		return;
	map_release(&v->entries);
	mem_wipe(v->key, sizeof v->key);
	close(v->fd[0]);
	close(v->fd[1]);
	v->open = false;
}

struct vault_entry *
vault_get(const struct vault *v, const char *handle)
{
	return v->open ? map_get(&v->entries, handle) : NULL;
}

int
vault_put(struct vault *v, const char *handle, const char *provider, const char *refresh, const char *access,
          int64_t access_until, int64_t until)
{
	if (!v->open)
		return E_STATE;
	const struct vault_entry *old = vault_get(v, handle);
	/* what is on disk already need not go there again: only its access token, which is not kept, changed */
	bool same = old && refresh && old->refresh && !strcmp(old->refresh, refresh) && old->until == until &&
	            !strcmp(old->provider, provider);
	int r = entry_set(&v->entries, handle, provider, refresh, access, access_until, until);
	if (r < 0 || (same && !v->broken))
		return r;
	return change(v, put_record(vault_get(v, handle)));
}

int
vault_drop(struct vault *v, const char *handle)
{
	if (!v->open || map_del(&v->entries, handle) < 0)
		return 0;
	return change(v, json_pack("{s:s, s:s}", "op", "drop", "handle", handle));
}

/* Many at once go with one copy instead of a change each. */
static void
drop_where(struct vault *v, const char *provider, int64_t now)
{
	struct map_iter it = {0};
	size_t n = 0;

	while (v->open && map_next(&v->entries, &it)) {
		const struct vault_entry *e = it.value;
		if (provider ? strcmp(e->provider, provider) != 0 : now < e->until)
			continue;
		map_del(&v->entries, e->handle);
		n++;
	}
	if (n)
		copy_over(v);
}

void
vault_drop_provider(struct vault *v, const char *provider)
{
	drop_where(v, provider, 0);
}

void
vault_sweep(struct vault *v, int64_t now)
{
	drop_where(v, NULL, now);
}
