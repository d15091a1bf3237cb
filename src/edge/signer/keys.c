#include "edge/signer/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/seal.h"
#include "io/file.h"
#include "ssh/sshwire.h"

#define KS_MAGIC "sallyport-keys1\n"
#define KS_MAGIC_LEN 16
#define KS_FILE_MAX ((size_t)1 << 30)
#define KS_RECORD_MAX (KS_VALUE_MAX + KS_KEY_MAX + 256)

struct value {
	size_t n;
	uint8_t d[];
};

static void
value_free(void *v)
{
	struct value *x = v;

	mem_wipe(x, sizeof *x + x->n);
	free(x);
}

static int
live_set(struct keystore *ks, unsigned kind, const char *key, struct slice val, bool gone)
{
	if (gone) {
		int r = map_del(&ks->live[kind], key);
		return r == E_NOENT ? 0 : r;
	}
	struct value *v = malloc(sizeof *v + val.n);
	if (!v)
		return E_NOMEM;
	v->n = val.n;
	if (val.n)
		memcpy(v->d, val.p, val.n);
	int r = map_set(&ks->live[kind], key, v);
	if (r < 0)
		value_free(v);
	return r;
}

/* One opened record, applied. */
static int
record_apply(struct keystore *ks, struct slice plain)
{
	struct buf b;
	struct slice prev, val;
	uint64_t seq, mark;
	uint8_t kind, gone;
	char key[KS_KEY_MAX + 1];

	buf_view(&b, plain.p, plain.n);
	if (buf_get_u64(&b, &seq) < 0 || buf_get(&b, 32, &prev) < 0 || buf_get_u64(&b, &mark) < 0 ||
	    buf_get_u8(&b, &kind) < 0 || buf_get_u8(&b, &gone) < 0 || sshwire_get_cstr(&b, key, sizeof key) < 0 ||
	    sshwire_get_string(&b, KS_VALUE_MAX, &val) < 0 || buf_len(&b) != 0)
		return E_FORMAT;
	if (seq != ks->seq + 1 || memcmp(prev.p, ks->prev, 32) != 0 || kind == 0 || kind >= KS_KIND_N || gone > 1)
		return E_FORMAT;
	int r = live_set(ks, kind, key, val, gone);
	if (r < 0)
		return r;
	ks->seq = seq;
	ks->seen_mark = mark;
	return 0;
}

static bool
all_zero(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

/* Records up to the end or a torn tail; ret_good = bytes that stay. */
static int
records_load(struct keystore *ks, struct slice file, size_t *ret_good, struct reason *r)
{
	size_t at = KS_MAGIC_LEN;
	struct buf plain;
	int e = 0;

	buf_init_secret(&plain, KS_RECORD_MAX);
	while (at < file.n) {
		struct slice rest = {file.p + at, file.n - at};
		if (rest.n < 4 || all_zero(rest))
			break;
		size_t len = (size_t)rest.p[0] << 24 | (size_t)rest.p[1] << 16 | (size_t)rest.p[2] << 8 | rest.p[3];
		if (len > KS_RECORD_MAX || len < SEAL_OVERHEAD) {
			e = E_FORMAT;
			goto bad;
		}
		if (rest.n - 4 < len)
			break;
		struct slice sealed = {rest.p + 4, len};
		buf_clear(&plain);
		e = seal_open(ks->key, sealed, &plain);
		if (e == 0)
			e = record_apply(ks, buf_slice(&plain));
		if (e < 0)
			goto bad;
		sha256(sealed.p, sealed.n, ks->prev);
		at += 4 + len;
	}
	*ret_good = at;
	goto out;
bad:
	if (ks->seq == 0)
		reason_set(r, e, SP_CONFIG,
		           "keys/store does not open with this node key; give the node key it was made with");
	else
		reason_set(r, e, SP_CONFIG,
		           "keys/store: record %llu at byte %zu is damaged; restore keys/ from a backup",
		           (unsigned long long)ks->seq + 1, at);
out:
	buf_release(&plain);
	return e;
}

static int
store_load(struct keystore *ks, struct slice file, struct reason *r)
{
	size_t good = 0;

	if (file.n < KS_MAGIC_LEN && memcmp(file.p, KS_MAGIC, file.n) == 0) { /* new, or torn at birth */
		if (ftruncate(ks->fd, 0) < 0 || fd_write_all(ks->fd, KS_MAGIC, KS_MAGIC_LEN) < 0 ||
		    fdatasync(ks->fd) < 0)
			return reason_set(r, E_IO, SP_CONFIG, "keys/store: %s", strerror(errno));
		ks->end = KS_MAGIC_LEN;
		return 0;
	}
	if (file.n < KS_MAGIC_LEN || memcmp(file.p, KS_MAGIC, KS_MAGIC_LEN) != 0)
		return reason_set(r, E_FORMAT, SP_CONFIG, "keys/store is not a keystore; restore keys/ from a backup");
	int e = records_load(ks, file, &good, r);
	if (e < 0)
		return e;
	ks->torn = file.n - good;
	ks->end = (off_t)good;
	if (ks->torn && ftruncate(ks->fd, ks->end) < 0)
		return reason_set(r, E_IO, SP_CONFIG, "keys/store: cannot cut a torn record: %s", strerror(errno));
	return 0;
}

int
keystore_open(struct keystore *ks, int fd, const uint8_t *node_key, uint64_t seed, struct reason *r)
{
	struct buf file;

	*ks = (struct keystore){.fd = fd};
	hmac_sha256((struct slice){node_key, 32}, slice_str("sallyport signer store"), ks->key);
	for (int k = 0; k < KS_KIND_N; k++)
		map_init(&ks->live[k], KS_RECORDS_MAX, seed, value_free);
	buf_init(&file, KS_FILE_MAX);
	int e = file_read_fd(fd, &file);
	if (e < 0)
		reason_set(r, e, SP_CONFIG, "keys/store cannot be read: %s", err_str(e));
	else
		e = store_load(ks, buf_slice(&file), r);
	buf_release(&file);
	return e;
}

void
keystore_release(struct keystore *ks)
{
	for (int k = 0; k < KS_KIND_N; k++)
		map_release(&ks->live[k]);
	mem_wipe(ks->key, sizeof ks->key);
	if (ks->fd > 0)
		close(ks->fd);
	ks->fd = -1;
}

/* Durable, or not there at all: a failed write is cut away, and when even that fails nothing is written again. */
static int
record_append(struct keystore *ks, struct slice rec)
{
	if (fd_write_all(ks->fd, rec.p, rec.n) == 0 && fdatasync(ks->fd) == 0)
		return 0;
	if (ftruncate(ks->fd, ks->end) < 0)
		ks->broken = true;
	return E_IO;
}

static int
record_write(struct keystore *ks, unsigned kind, const char *key, struct slice val, bool gone)
{
	struct buf plain, rec;
	uint8_t *p;
	int e;

	if (ks->broken)
		return E_IO;
	if (val.n > KS_VALUE_MAX || strlen(key) > KS_KEY_MAX)
		return E_LIMIT;
	buf_init_secret(&plain, KS_RECORD_MAX);
	buf_init(&rec, KS_RECORD_MAX + 64);
	if ((e = buf_put_u64(&plain, ks->seq + 1)) < 0 || (e = buf_put(&plain, ks->prev, 32)) < 0 ||
	    (e = buf_put_u64(&plain, ks->mark)) < 0 || (e = buf_put_u8(&plain, (uint8_t)kind)) < 0 ||
	    (e = buf_put_u8(&plain, gone)) < 0 || (e = sshwire_put_cstr(&plain, key)) < 0 ||
	    (e = sshwire_put_slice(&plain, val)) < 0)
		goto out;
	if ((e = buf_put_u32(&rec, (uint32_t)(buf_len(&plain) + SEAL_OVERHEAD))) < 0 ||
	    (e = seal(ks->key, buf_slice(&plain), &rec)) < 0 || (e = record_append(ks, buf_slice(&rec))) < 0)
		goto out;
	p = rec.d + rec.r;
	sha256(p + 4, buf_len(&rec) - 4, ks->prev);
	ks->seq++;
	ks->end += (off_t)buf_len(&rec);
	e = live_set(ks, kind, key, val, gone);
out:
	buf_release(&plain);
	buf_release(&rec);
	return e;
}

int
keystore_put(struct keystore *ks, enum ks_kind k, const char *key, struct slice value)
{
	if (map_len(&ks->live[k]) >= KS_RECORDS_MAX && !map_get(&ks->live[k], key))
		return E_LIMIT;
	return record_write(ks, k, key, value, false);
}

int
keystore_del(struct keystore *ks, enum ks_kind k, const char *key)
{
	if (!map_get(&ks->live[k], key))
		return E_NOENT;
	return record_write(ks, k, key, (struct slice){NULL, 0}, true);
}

bool
keystore_get(const struct keystore *ks, enum ks_kind k, const char *key, struct slice *ret)
{
	struct value *v = map_get(&ks->live[k], key);

	if (v)
		*ret = (struct slice){v->d, v->n};
	return v != NULL;
}

size_t
keystore_count(const struct keystore *ks, enum ks_kind k)
{
	return map_len(&ks->live[k]);
}

bool
keystore_next(const struct keystore *ks, enum ks_kind k, struct map_iter *it, struct slice *ret)
{
	if (!map_next(&ks->live[k], it))
		return false;
	struct value *v = it->value;
	*ret = (struct slice){v->d, v->n};
	return true;
}
