#include "edge/signer/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "io/file.h"

#define JOURNAL_CHUNK 65536

/* One line without its end: number, chain and fields. */
static int
line_check(struct journal *j, struct slice line, void (*each)(const json_t *, void *), void *arg)
{
	json_t *o = NULL;
	const char *prev;
	int64_t n, t, ks;
	int e = json_load_strict(line.p, line.n, JOURNAL_LINE_MAX, &o);

	if (e < 0)
		return E_FORMAT;
	if (json_get_i64(o, "n", &n) < 0 || json_get_i64(o, "t", &t) < 0 || json_get_str(o, "prev", &prev) < 0 ||
	    json_get_i64(o, "ks", &ks) < 0 || n != (int64_t)j->n + 1 || strcmp(prev, j->prev) != 0) {
		e = E_FORMAT;
		goto out;
	}
	j->n = (uint64_t)n;
	j->ks = (uint64_t)ks;
	j->last_t = t;
	sha256_hex(line.p, line.n, j->prev);
	each(o, arg);
out:
	json_decref(o);
	return e;
}

static bool
only_zeros(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

/* Takes whole lines from b; what is left is the beginning of the next. */
static int
lines_take(struct journal *j, struct buf *b, void (*each)(const json_t *, void *), void *arg)
{
	for (;;) {
		const uint8_t *p = buf_ptr(b), *nl = memchr(p, '\n', buf_len(b));
		if (!nl)
			return buf_len(b) > JOURNAL_LINE_MAX && !only_zeros(buf_slice(b)) ? E_FORMAT : 0;
		size_t n = (size_t)(nl - p);
		int e = line_check(j, (struct slice){p, n}, each, arg);
		if (e < 0)
			return e;
		j->end += (off_t)n + 1;
		buf_skip(b, n + 1);
	}
}

static int
journal_load(struct journal *j, void (*each)(const json_t *, void *), void *arg, struct reason *r)
{
	struct buf b;
	off_t at = 0;
	int e = 0;

	buf_init(&b, JOURNAL_CHUNK + JOURNAL_LINE_MAX + 1);
	for (;;) {
		uint8_t *p;
		if (buf_len(&b) > JOURNAL_LINE_MAX) /* zeros of a crash: only their count matters */
			buf_skip(&b, buf_len(&b));
		if ((e = buf_reserve(&b, JOURNAL_CHUNK, &p)) < 0)
			break;
		ssize_t k = pread(j->fd, p, JOURNAL_CHUNK, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			e = k < 0 ? E_IO : 0;
			break;
		}
		buf_commit(&b, (size_t)k);
		at += k;
		if ((e = lines_take(j, &b, each, arg)) < 0)
			break;
	}
	buf_release(&b);
	if (e < 0)
		return reason_set(r, e, SP_CONFIG,
		                  "keys/journal: line %" PRIu64 " is damaged (%s); restore keys/ from a backup",
		                  j->n + 1, err_str(e));
	j->torn = (size_t)(at - j->end);
	if (j->torn && ftruncate(j->fd, j->end) < 0)
		return reason_set(r, E_IO, SP_CONFIG, "keys/journal: cannot cut a torn line: %s", strerror(errno));
	j->durable = j->n;
	return 0;
}

int
journal_open(struct journal *j, int fd, void (*each)(const json_t *, void *), void *arg, struct reason *r)
{
	*j = (struct journal){.fd = fd};
	memset(j->prev, '0', 64);
	buf_init(&j->pending, JOURNAL_PENDING_MAX);
	buf_init(&j->line, JOURNAL_LINE_MAX);
	return journal_load(j, each, arg, r);
}

void
journal_release(struct journal *j)
{
	buf_release(&j->pending);
	buf_release(&j->line);
	if (j->fd > 0)
		close(j->fd);
	j->fd = -1;
}

void
journal_begin(struct journal *j, int64_t now, uint64_t ks, const char *event)
{
	buf_clear(&j->line);
	j->bad =
	    buf_putf(&j->line, "{\"n\":%" PRIu64 ",\"t\":%" PRId64 ",\"prev\":\"%s\",\"ks\":%" PRIu64 ",\"ev\":\"%s\"",
	             j->n + 1, now, j->prev, ks, event) < 0;
	j->ks = ks;
	if (now > j->last_t)
		j->last_t = now;
}

/* JSON text; bytes above 0x7e are written as they are only when the whole is ASCII or was checked by its parser. */
static int
put_escaped(struct buf *b, const char *s)
{
	int e = 0;

	for (; *s && e == 0; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			e = buf_putf(b, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			e = buf_putf(b, "\\u%04x", c);
		else
			e = buf_put_u8(b, c);
	}
	return e;
}

void
journal_str(struct journal *j, const char *key, const char *val)
{
	if (buf_putf(&j->line, ",\"%s\":\"", key) < 0 || put_escaped(&j->line, val ? val : "") < 0 ||
	    buf_put_u8(&j->line, '"') < 0)
		j->bad = true;
}

void
journal_num(struct journal *j, const char *key, int64_t val)
{
	if (buf_putf(&j->line, ",\"%s\":%" PRId64, key, val) < 0)
		j->bad = true;
}

void
journal_bool(struct journal *j, const char *key, bool val)
{
	if (buf_putf(&j->line, ",\"%s\":%s", key, val ? "true" : "false") < 0)
		j->bad = true;
}

int
journal_end(struct journal *j)
{
	if (j->bad || buf_put_u8(&j->line, '}') < 0 || buf_room(&j->pending) < buf_len(&j->line) + 1)
		return E_LIMIT;
	if (buf_put_slice(&j->pending, buf_slice(&j->line)) < 0 || buf_put_u8(&j->pending, '\n') < 0)
		return E_NOMEM;
	sha256_hex(buf_ptr(&j->line), buf_len(&j->line), j->prev);
	j->n++;
	return 0;
}

bool
journal_dirty(const struct journal *j)
{
	return buf_len(&j->pending) != 0;
}

int
journal_commit(struct journal *j)
{
	size_t n = buf_len(&j->pending);

	if (n == 0)
		return 0;
	if (fd_write_all(j->fd, buf_ptr(&j->pending), n) < 0 || fdatasync(j->fd) < 0)
		return E_IO;
	j->end += (off_t)n;
	j->durable = j->n;
	buf_clear(&j->pending);
	return 0;
}
