#include "edge/parent/archive.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/str.h"

bool
archive_path_ok(const char *path)
{
	static const char *const single[] = {"sallyportd.yml", "documents", "node.key", "admin.token", "cert.pem"};
	static const char *const folder[] = {"keys/", "fetch/", "audit/", "tls/"};
	bool known = false;

	for (size_t i = 0; i < sizeof single / sizeof *single; i++)
		known |= !strcmp(path, single[i]);
	for (size_t i = 0; i < sizeof folder / sizeof *folder; i++)
		known |= str_starts(path, folder[i]);
	if (!known || strlen(path) > ARCHIVE_PATH_MAX)
		return false;
	for (const char *p = path, *part = path;; p++) {
		if (*p != '/' && *p) {
			if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
				return false;
			continue;
		}
		size_t n = (size_t)(p - part);
		if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!*p)
			return true;
		part = p + 1;
	}
}

int
archive_file_line(const char *path, unsigned mode, uint64_t size, char out[static ARCHIVE_LINE_MAX])
{
	if (!archive_path_ok(path))
		return E_FORMAT;
	snprintf(out, ARCHIVE_LINE_MAX, "file %04o %llu %s\n", mode & 0777, (unsigned long long)size, path);
	return 0;
}

void
archive_end_line(struct sha256_state *h, char out[static 70])
{
	uint8_t d[SHA256_LEN];
	char hex[65];

	sha256_final(h, d);
	hex_encode_str(hex, sizeof hex, d, sizeof d);
	snprintf(out, 70, "end %s\n", hex);
}

void
archive_init(struct archive *a, const struct archive_ops *ops, void *arg)
{
	*a = (struct archive){.ops = ops, .arg = arg};
	sha256_init(&a->hash);
}

void
archive_release(struct archive *a)
{
	sha256_release(&a->hash);
}

static int
bad(struct reason *r, const char *what)
{
	return reason_set(r, E_FORMAT, 0, "%s", what);
}

static int
file_line(struct archive *a, struct reason *r)
{
	char *mode = a->line + 5, *size = strchr(mode, ' '), *path = size ? strchr(size + 1, ' ') : NULL, *end;

	if (!path || size - mode != 4 || strspn(mode, "01234567") != 4)
		return bad(r, "the backup is damaged: the head of a file makes no sense");
	*size++ = '\0';
	*path++ = '\0';
	unsigned m = 0;
	for (const char *c = mode; *c; c++)
		m = m * 8 + (unsigned)(*c - '0');
	end = path + strlen(path);
	if (end > path && end[-1] == '\n')
		end[-1] = '\0';
	if (m & ~0777u || str_u64(size, INT64_MAX, &a->left) < 0 || !archive_path_ok(path))
		return bad(r, "the backup is damaged: the head of a file makes no sense");
	if (++a->files > ARCHIVE_FILES_MAX)
		return reason_set(r, E_LIMIT, 0, "the backup holds more than %u files", ARCHIVE_FILES_MAX);
	a->open = true;
	return a->ops ? a->ops->file(a->arg, path, m, a->left) : 0;
}

static int
whole_line(struct archive *a, struct reason *r)
{
	char want[70];

	if (!a->head) {
		a->head = true;
		if (!strcmp(a->line, ARCHIVE_HEAD))
			goto hashed;
		return bad(r, str_starts(a->line, "sallyport-backup ")
		                  ? "the backup is of a newer release; restore it with that one"
		                  : "this is not a backup of ours");
	}
	if (str_starts(a->line, "end ")) {
		archive_end_line(&a->hash, want);
		a->ended = true;
		if (strcmp(a->line, want))
			return bad(r, "the backup is damaged: its digest does not fit; use another");
		return 0;
	}
	if (!str_starts(a->line, "file "))
		return bad(r, "the backup is damaged: the head of a file makes no sense");
	sha256_update(&a->hash, a->line, a->nline);
	return file_line(a, r);
hashed:
	sha256_update(&a->hash, a->line, a->nline);
	return 0;
}

/* Bytes up to the end of the line that is being read. */
static int
feed_line(struct archive *a, const uint8_t *p, size_t n, size_t *ret_used, struct reason *r)
{
	size_t k = 0;
	int e = 0;

	while (k < n && a->nline < sizeof a->line - 1) {
		uint8_t c = p[k++];
		if (!c)
			return bad(r, a->head ? "the backup is damaged: the head of a file makes no sense"
			                      : "this is not a backup of ours");
		a->line[a->nline++] = (char)c;
		if (c != '\n')
			continue;
		a->line[a->nline] = '\0';
		e = whole_line(a, r);
		a->nline = 0;
		*ret_used = k;
		return e;
	}
	*ret_used = k;
	if (a->nline == sizeof a->line - 1)
		return bad(r, a->head ? "the backup is damaged: the head of a file makes no sense"
		                      : "this is not a backup of ours");
	return 0;
}

static int
feed_data(struct archive *a, const uint8_t *p, size_t n, size_t *ret_used)
{
	size_t k = n < a->left ? n : (size_t)a->left;
	int e = 0;

	sha256_update(&a->hash, p, k);
	a->left -= k;
	*ret_used = k;
	if (k && a->ops)
		e = a->ops->data(a->arg, p, k);
	return e;
}

int
archive_feed(struct archive *a, const void *data, size_t n, struct reason *r)
{
	const uint8_t *p = data;
	int e = 0;

	for (;;) {
		size_t used = 0;
		if (a->open && a->left == 0) {
			a->open = false;
			if (a->ops && (e = a->ops->done(a->arg)) < 0)
				return e;
		}
		if (!n)
			return 0;
		if (a->ended)
			return bad(r, "the backup is damaged: something follows its end");
		e = a->open ? feed_data(a, p, n, &used) : feed_line(a, p, n, &used, r);
		if (e < 0)
			return e;
		p += used;
		n -= used;
	}
}

int
archive_finish(const struct archive *a, struct reason *r)
{
	return a->ended ? 0 : reason_set(r, E_TRUNC, 0, "the backup is cut off; use another");
}
