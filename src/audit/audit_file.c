#include "audit/audit_file.h"

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1000000 /* files of one chain */

struct audit_chain {
	int dirfd, fd, lockfd;
	uint64_t file_bytes, size; /* when to rotate; bytes in the current file */
	struct audit_head head;
	bool dirty, failed;
};

/* --- the folder's files, in order -----------------------------------------------------------------------------------
 */

struct names {
	uint64_t *first; /* sequence numbers, ascending */
	size_t n;
};

static void
name_of(uint64_t first, char out[static 32])
{
	snprintf(out, 32, "%012llu.log", (unsigned long long)first);
}

static bool
name_parse(const char *s, uint64_t *ret_first)
{
	char digits[24], back[32];
	size_t n = strlen(s);

	if (n < 16 || n > 23 || strcmp(s + n - 4, ".log") != 0 || str_copy_n(digits, sizeof digits, s, n - 4) != 0)
		return false;
	for (const char *c = digits; *c; c++)
		if (*c < '0' || *c > '9')
			return false;
	*ret_first = strtoull(digits, NULL, 10);
	name_of(*ret_first, back);
	return strcmp(back, s) == 0 && *ret_first > 0;
}

static int
first_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int
names_add(struct names *out, uint64_t first)
{
	uint64_t *grown;

	if (out->n >= FILES_MAX)
		return E_LIMIT;
	if ((out->n & (out->n + 1)) == 0) { /* 0, 1, 3, 7, ...: doubles */
		grown = realloc(out->first, (out->n + 1) * 2 * sizeof *grown);
		if (!grown)
			return E_NOMEM;
		out->first = grown;
	}
	out->first[out->n++] = first;
	return E_OK;
}

static int
names_list(int dirfd, struct names *out, struct reason *r)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = E_OK;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *ent;
	uint64_t first;

	if (!d) {
		ret = reason_set(r, E_IO, 0, "audit folder: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (ret == E_OK && (ent = readdir(d)))
		if (name_parse(ent->d_name, &first))
			ret = names_add(out, first);
	closedir(d);
	if (ret != E_OK)
		reason_set(r, ret, 0, "audit folder: %s", err_str(ret));
	else if (out->n)
		qsort(out->first, out->n, sizeof *out->first, first_order);
	return ret;
}

/* --- lines of one file ----------------------------------------------------------------------------------------------
 */

typedef int line_fn(void *arg, const char *line, size_t n, unsigned long number);

/* Calls fn for each line that ends in a line feed. ret_tail: bytes behind the last one; ret_good: offset of the end of
 * the last whole line. */
static int
lines_each(int fd, line_fn *fn, void *arg, uint64_t *ret_good, uint64_t *ret_tail)
{
	size_t cap = AUDIT_LINE_MAX + 1, have = 0;
	char *p = malloc(cap);
	unsigned long number = 0;
	uint64_t good = 0;
	ssize_t got;
	int ret = p ? E_OK : E_NOMEM;

	while (ret == E_OK) {
		char *start = p, *end;

		got = read(fd, p + have, cap - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ret = E_IO;
		if (got <= 0)
			break;
		have += (size_t)got;
		while (ret == E_OK && (end = memchr(start, '\n', have - (size_t)(start - p)))) {
			ret = fn(arg, start, (size_t)(end - start), ++number);
			good += (uint64_t)(end - start) + 1;
			start = end + 1;
		}
		have -= (size_t)(start - p);
		memmove(p, start, have);
		if (ret == E_OK && have == cap)
			ret = fn(arg, p, have, ++number); /* too long: the callback refuses it */
		if (ret == E_OK && have == cap)
			ret = E_LIMIT;
	}
	free(p);
	*ret_good = good;
	*ret_tail = have;
	return ret;
}

/* --- verification ---------------------------------------------------------------------------------------------------
 */

struct verify {
	struct audit_head head;
	const struct audit_head *anchor;
	bool adopt; /* the first record may be any */
	bool anchored;
	const char *file;
	struct reason *r;
};

static int
verify_line(void *arg, const char *line, size_t n, unsigned long number)
{
	struct verify *v = arg;
	struct reason why = {0};
	int ret = E_OK;

	if (v->adopt) {
		struct audit_record rec = {0};
		struct audit_head own;
		uint8_t prev[32];

		v->adopt = false;
		if (audit_parse(line, n, &rec, &own, prev, NULL) == 0) {
			v->head.seq = rec.seq - 1;
			memcpy(v->head.hash, prev, 32);
			audit_record_release(&rec);
		}
	}
	if (v->head.seq == 0 && memcmp(v->head.hash, (uint8_t[32]){0}, 32) != 0)
		ret = reason_set(&why, E_CRYPTO, 0, "record 1: says that another comes before it");
	if (ret == E_OK)
		ret = audit_verify_line(&v->head, line, n, &why);
	if (ret == E_OK && v->anchor && v->head.seq == v->anchor->seq) {
		v->anchored = true;
		if (memcmp(v->head.hash, v->anchor->hash, 32) != 0)
			ret = reason_set(&why, E_CRYPTO, 0, "record %llu: is not the one that was vouched for",
			                 (unsigned long long)v->head.seq);
	}
	if (ret != E_OK)
		reason_set(v->r, ret, 0, "%s line %lu: %s", v->file, number, why.text[0] ? why.text : err_str(ret));
	return ret;
}

static int
verify_fd(struct verify *v, int fd)
{
	uint64_t good = 0, tail = 0;
	int ret = lines_each(fd, verify_line, v, &good, &tail);

	if (ret == E_OK && tail)
		ret = reason_set(v->r, E_FORMAT, 0, "%s: record %llu: the last line is cut off", v->file,
		                 (unsigned long long)v->head.seq + 1);
	else if (ret == E_IO)
		reason_set(v->r, ret, 0, "%s: %s", v->file, strerror(errno));
	return ret;
}

static int
verify_end(const struct verify *v, struct audit_head *ret_head)
{
	if (v->anchor && v->anchor->seq > 0 && !v->anchored)
		return reason_set(v->r, E_CRYPTO, 0, "record %llu: missing, the chain ends at %llu",
		                  (unsigned long long)v->head.seq + 1, (unsigned long long)v->head.seq);
	if (ret_head)
		*ret_head = v->head;
	return E_OK;
}

int
audit_verify_dir(int dirfd, const struct audit_head *anchor, struct audit_head *ret_head, struct reason *r)
{
	struct verify v = {.anchor = anchor, .r = r};
	struct names names = {0};
	char name[32];
	int ret = names_list(dirfd, &names, r);

	for (size_t i = 0; ret == E_OK && i < names.n; i++) {
		int fd;

		name_of(names.first[i], name);
		v.file = name;
		if (names.first[i] != v.head.seq + 1) {
			ret = reason_set(r, E_CRYPTO, 0, "%s: record %llu: missing, this file begins at %llu", name,
			                 (unsigned long long)v.head.seq + 1, (unsigned long long)names.first[i]);
			break;
		}
		fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0) {
			ret = reason_set(r, E_IO, 0, "%s: %s", name, strerror(errno));
			break;
		}
		ret = verify_fd(&v, fd);
		close(fd);
	}
	free(names.first);
	return ret == E_OK ? verify_end(&v, ret_head) : ret;
}

int
audit_verify_files(const char *const *paths, size_t n, const struct audit_head *anchor, struct audit_head *ret_head,
                   struct reason *r)
{
	struct verify v = {.anchor = anchor, .r = r, .adopt = true};
	int ret = E_OK;

	for (size_t i = 0; ret == E_OK && i < n; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		v.file = paths[i];
		if (fd < 0)
			return reason_set(r, E_IO, 0, "%s: %s", paths[i], strerror(errno));
		ret = verify_fd(&v, fd);
		close(fd);
	}
	return ret == E_OK ? verify_end(&v, ret_head) : ret;
}

/* --- open and recovery ----------------------------------------------------------------------------------------------
 */

struct last {
	struct audit_head head;
	uint64_t first;
	bool any;
	struct reason *r;
	const char *file;
};

/* Of the file that is continued, every line is checked; of older ones only their names matter here. */
static int
last_line(void *arg, const char *line, size_t n, unsigned long number)
{
	struct last *l = arg;
	struct reason why = {0};
	int ret = E_OK;

	if (!l->any) {
		struct audit_record rec = {0};
		struct audit_head own;
		uint8_t prev[32];

		ret = audit_parse(line, n, &rec, &own, prev, &why);
		if (ret == E_OK && rec.seq != l->first)
			ret = reason_set(&why, E_CRYPTO, 0, "record %llu: found in the file of record %llu",
			                 (unsigned long long)rec.seq, (unsigned long long)l->first);
		if (ret == E_OK) {
			l->head.seq = rec.seq - 1;
			memcpy(l->head.hash, prev, 32);
			l->any = true;
		}
		audit_record_release(&rec);
	}
	if (ret == E_OK)
		ret = audit_verify_line(&l->head, line, n, &why);
	if (ret != E_OK)
		reason_set(
		    l->r, ret, 0,
		    "audit/%s line %lu: %s; look at it with 'sallyportd audit verify', it is not repaired by itself",
		    l->file, number, why.text);
	return ret;
}

static int
fail_io(struct reason *r, const char *what)
{
	int e = errno;

	reason_set(r, E_IO, 0, "audit/%s: %s", what, strerror(e));
	errno = e;
	return E_IO;
}

static int
chain_new_file(struct audit_chain *c, struct reason *r)
{
	char name[32];
	int fd;

	name_of(c->head.seq + 1, name);
	fd = openat(c->dirfd, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_io(r, name);
	if (fsync(c->dirfd) != 0) {
		close(fd);
		return fail_io(r, name);
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = fd;
	c->size = 0;
	return E_OK;
}

/* The torn end: cut off, remembered by length and hash in a record of its own. */
static int
chain_recover(struct audit_chain *c, uint64_t good, uint64_t tail, int64_t now_ms, struct reason *r)
{
	char hex[65], why[160];
	struct event e = {.kind = EVENT_CHAIN_RECOVERED, .actor = "edge", .why = why};
	uint8_t *torn = malloc(tail);
	int ret = E_OK;

	if (!torn)
		return E_NOMEM;
	if (pread(c->fd, torn, tail, (off_t)good) != (ssize_t)tail || ftruncate(c->fd, (off_t)good) != 0 ||
	    fsync(c->fd) != 0)
		ret = fail_io(r, "recovery");
	if (ret == E_OK) {
		sha256_hex(torn, tail, hex);
		snprintf(why, sizeof why, "cut %llu bytes of an unfinished record, sha256 %s", (unsigned long long)tail,
		         hex);
		log_warn("audit_recovered", "why", why, NULL);
		c->size = good;
		ret = audit_append(c, &e, now_ms, NULL, r);
	}
	if (ret == E_OK)
		ret = audit_sync(c, r);
	free(torn);
	return ret;
}

/* Continues the newest file. Earlier, the head of the file before it when the newest holds no whole record. */
static int
chain_continue(struct audit_chain *c, const struct names *names, int64_t now_ms, struct reason *r)
{
	uint64_t good = 0, tail = 0, torn = 0, torn_at = 0;
	struct last l = {.r = r};
	char name[32];
	int ret;

	for (size_t i = names->n; i-- > 0 && !l.any;) {
		int fd;

		name_of(names->first[i], name);
		l.file = name;
		l.first = names->first[i];
		fd = openat(c->dirfd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return fail_io(r, name);
		ret = lines_each(fd, last_line, &l, &good, &tail);
		if (i == names->n - 1) {
			c->fd = fd;
			c->size = good;
			torn = tail;
			torn_at = good;
		} else
			close(fd);
		if (ret == E_OK && i != names->n - 1 && tail)
			ret = reason_set(r, E_FORMAT, 0,
			                 "audit/%s: the last line is cut off though a later file exists", name);
		if (ret != E_OK)
			return ret;
	}
	c->head = l.head;
	if (!l.any && names->first[0] != 1)
		return reason_set(r, E_CRYPTO, 0, "audit/%s: begins in the middle and holds no record", name);
	if (torn_at == 0 && names->first[names->n - 1] != c->head.seq + 1)
		return reason_set(r, E_CRYPTO, 0, "audit: the newest file does not continue record %llu",
		                  (unsigned long long)c->head.seq);
	return torn ? chain_recover(c, torn_at, torn, now_ms, r) : E_OK;
}

static int
chain_lock(struct audit_chain *c, struct reason *r)
{
	c->lockfd = openat(c->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->lockfd < 0)
		return fail_io(r, "lock");
	if (flock(c->lockfd, LOCK_EX | LOCK_NB) != 0)
		return reason_set(r, E_AGAIN, 0, "audit: another process writes this chain; stop the other edge first");
	return E_OK;
}

int
audit_open(int dirfd, uint64_t file_bytes, int64_t now_ms, struct audit_chain **ret_c, struct reason *r)
{
	struct audit_chain *c = calloc(1, sizeof *c);
	struct names names = {0};
	int ret;

	if (!c)
		return E_NOMEM;
	c->fd = c->lockfd = -1;
	c->file_bytes = file_bytes ? file_bytes : AUDIT_FILE_BYTES;
	c->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	ret = c->dirfd < 0 ? fail_io(r, "") : chain_lock(c, r);
	if (ret == E_OK)
		ret = names_list(c->dirfd, &names, r);
	if (ret == E_OK)
		ret = names.n ? chain_continue(c, &names, now_ms, r) : chain_new_file(c, r);
	free(names.first);
	if (ret != E_OK) {
		c->dirty = false;
		audit_close(c);
		return ret;
	}
	*ret_c = c;
	return E_OK;
}

void
audit_close(struct audit_chain *c)
{
	if (!c)
		return;
	if (c->dirty && !c->failed)
		audit_sync(c, NULL);
	if (c->fd >= 0)
		close(c->fd);
	if (c->lockfd >= 0)
		close(c->lockfd);
	if (c->dirfd >= 0)
		close(c->dirfd);
	free(c);
}

/* --- appending ------------------------------------------------------------------------------------------------------
 */

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return E_IO;
		p += w;
		n -= (size_t)w;
	}
	return E_OK;
}

int
audit_append(struct audit_chain *c, const struct event *e, int64_t now_ms, uint64_t *ret_seq, struct reason *r)
{
	struct audit_head next = c->head;
	struct buf line;
	int ret;

	if (c->failed)
		return reason_set(r, E_STATE, 0, "audit: an earlier write failed; the chain is closed until restart");
	buf_init(&line, AUDIT_LINE_MAX);
	ret = audit_format(&next, e, now_ms, &line);
	if (ret != E_OK) {
		reason_set(r, ret, 0, "audit: %s", err_str(ret));
		goto out;
	}
	if (c->size > 0 && c->size + buf_len(&line) > c->file_bytes) {
		/* The old file must be whole before anything is in the new one: open relies on it. */
		ret = audit_sync(c, r);
		if (ret == E_OK)
			ret = chain_new_file(c, r);
		if (ret != E_OK) {
			c->failed = true;
			goto out;
		}
	}
	if (write_all(c->fd, buf_ptr(&line), buf_len(&line)) != 0) {
		c->failed = true;
		ret = fail_io(r, "append");
		goto out;
	}
	c->size += buf_len(&line);
	c->head = next;
	c->dirty = true;
	if (ret_seq)
		*ret_seq = next.seq;
out:
	buf_release(&line);
	return ret;
}

int
audit_sync(struct audit_chain *c, struct reason *r)
{
	if (c->failed)
		return reason_set(r, E_STATE, 0, "audit: an earlier write failed; the chain is closed until restart");
	if (!c->dirty)
		return E_OK;
	if (fdatasync(c->fd) != 0) {
		c->failed = true; /* the kernel may have dropped the pages: trying again would lie */
		return fail_io(r, "fsync");
	}
	c->dirty = false;
	return E_OK;
}

bool
audit_dirty(const struct audit_chain *c)
{
	return c->dirty;
}

struct audit_head
audit_head_get(const struct audit_chain *c)
{
	return c->head;
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

struct reading {
	uint64_t after;
	size_t limit, n;
	audit_each_fn *fn;
	void *arg;
	const char *file;
	struct reason *r;
	int stopped; /* what the callback answered */
};
#define READ_ENOUGH 1

static int
read_line(void *arg, const char *line, size_t n, unsigned long number)
{
	struct reading *rd = arg;
	struct audit_record rec = {0};
	struct reason why = {0};
	uint8_t prev[32];
	int ret = audit_parse(line, n, &rec, NULL, prev, &why);

	if (ret != E_OK)
		return reason_set(rd->r, ret, 0, "audit/%s line %lu: %s", rd->file, number, why.text);
	if (rec.seq > rd->after) {
		rd->stopped = rd->fn(rd->arg, &rec);
		rd->n++;
		if (rd->stopped != 0 || rd->n == rd->limit)
			ret = READ_ENOUGH;
	}
	audit_record_release(&rec);
	return ret;
}

int
audit_read(int dirfd, uint64_t after, size_t limit, audit_each_fn *fn, void *arg, struct reason *r)
{
	struct reading rd = {.after = after, .limit = limit, .fn = fn, .arg = arg, .r = r};
	struct names names = {0};
	uint64_t good, tail;
	char name[32];
	int ret = names_list(dirfd, &names, r);

	for (size_t i = 0; ret == E_OK && i < names.n; i++) {
		int fd;

		if (i + 1 < names.n && names.first[i + 1] <= after + 1 && after != UINT64_MAX)
			continue; /* all of it is older */
		name_of(names.first[i], name);
		rd.file = name;
		fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0) {
			ret = fail_io(r, name);
			break;
		}
		ret = lines_each(fd, read_line, &rd, &good, &tail);
		close(fd);
	}
	free(names.first);
	return ret == READ_ENOUGH ? rd.stopped : ret;
}

struct seek {
	int64_t since_ms;
	uint64_t after;
};

static int
seek_each(void *arg, const struct audit_record *rec)
{
	struct seek *s = arg;

	if (rec->time_ms >= s->since_ms)
		return READ_ENOUGH;
	s->after = rec->seq;
	return E_OK;
}

int
audit_seek_time(int dirfd, int64_t since_ms, uint64_t *ret_after, struct reason *r)
{
	struct seek s = {.since_ms = since_ms};
	int ret = audit_read(dirfd, 0, 0, seek_each, &s, r);

	if (ret < 0)
		return ret;
	*ret_after = s.after;
	return E_OK;
}

/* --- intents without an outcome
 * --------------------------------------------------------------------------------------- */

struct intents {
	uint64_t *v;
	size_t n, cap;
	audit_each_fn *fn;
	void *arg;
};

static int
intents_each(void *arg, const struct audit_record *rec)
{
	struct intents *in = arg;
	uint64_t *grown;

	if (rec->e.kind == EVENT_CHANGE_INTENT) {
		if (in->n == in->cap) {
			grown = realloc(in->v, (in->cap * 2 + 16) * sizeof *grown);
			if (!grown)
				return E_NOMEM;
			in->v = grown;
			in->cap = in->cap * 2 + 16;
		}
		in->v[in->n++] = rec->seq;
	} else if (rec->e.kind == EVENT_CHANGE_DONE || rec->e.kind == EVENT_CHANGE_FAILED) {
		for (size_t i = in->n; i-- > 0;) {
			if (in->v[i] != rec->e.intent)
				continue;
			memmove(in->v + i, in->v + i + 1, (in->n - i - 1) * sizeof *in->v);
			in->n--;
			break;
		}
	}
	return E_OK;
}

static int
intent_call(void *arg, const struct audit_record *rec)
{
	struct intents *in = arg;

	return in->fn(in->arg, rec);
}

int
audit_open_intents(int dirfd, audit_each_fn *fn, void *arg, struct reason *r)
{
	struct intents in = {.fn = fn, .arg = arg};
	int ret = audit_read(dirfd, 0, 0, intents_each, &in, r);

	for (size_t i = 0; ret == E_OK && i < in.n; i++)
		ret = audit_read(dirfd, in.v[i] - 1, 1, intent_call, &in, r);
	free(in.v);
	return ret;
}
