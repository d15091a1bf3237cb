#include "edge/parent/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "edge/parent/archive.h"
#include "edge/parent/portable_proc.h"
#include "io/file.h"

#define DEPTH_MAX 4 /* of folders: audit/recordings */

struct backup {
	const struct edge_conf *conf;
	const char *file;
	char tmp[4200];
	int fd;
	struct sha256_state hash;
	unsigned files;
};

static int
say(const char *what, const char *why)
{
	fprintf(stderr, "sallyportd backup: %s: %s\n", what, why);
	return E_IO;
}

static int
put(struct backup *b, const void *p, size_t n)
{
	if (fd_write_all(b->fd, p, n) < 0)
		return say(b->file, strerror(errno));
	sha256_update(&b->hash, p, n);
	return 0;
}

/* Logs grow while they are read: what counts is up to the last whole line of now. */
static int
whole_lines(int fd, off_t *size)
{
	char piece[4096];

	while (*size > 0) {
		off_t from = *size > (off_t)sizeof piece ? *size - (off_t)sizeof piece : 0;
		ssize_t n = pread(fd, piece, (size_t)(*size - from), from);
		if (n != *size - from)
			return E_IO;
		const char *nl = memrchr(piece, '\n', (size_t)n);
		if (nl) {
			*size = from + (nl - piece) + 1;
			return 0;
		}
		*size = from;
	}
	return 0;
}

static int
put_file(struct backup *b, const char *path, int fd)
{
	char line[ARCHIVE_LINE_MAX], piece[65536];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return say(path, "not a regular file");
	off_t size = st.st_size, at = 0;
	bool text = (str_starts(path, "audit/") && str_ends(path, ".log")) || !strcmp(path, "keys/journal");
	if (text && whole_lines(fd, &size) < 0)
		return say(path, strerror(errno));
	if (archive_file_line(path, st.st_mode & 0777, (uint64_t)size, line) < 0)
		return say(path, "a name that a backup cannot hold");
	int e = put(b, line, strlen(line));
	while (e == 0 && at < size) {
		size_t want = size - at < (off_t)sizeof piece ? (size_t)(size - at) : sizeof piece;
		ssize_t n = pread(fd, piece, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return say(path, n < 0 ? strerror(errno) : "became shorter while it was read");
		e = put(b, piece, (size_t)n);
		at += n;
	}
	b->files++;
	return e;
}

static int
put_path(struct backup *b, const char *path, bool must)
{
	char full[4400];

	snprintf(full, sizeof full, "%s/%s", b->conf->dir, path);
	int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT && !must ? 0 : say(full, strerror(errno));
	int e = put_file(b, path, fd);
	close(fd);
	return e;
}

static int put_folder(struct backup *b, const char *path, int fd, int depth);

/* By descriptors and never through a link: the roles that own these folders are trusted less than who runs this, and
   could exchange what was looked at. What is neither file nor folder, or went away, is left out. */
static int
put_entry(struct backup *b, const char *path, int dir, const char *name, int depth)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), e = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? 0 : say(path, strerror(errno));
	if (fstat(fd, &st) < 0)
		e = say(path, strerror(errno));
	else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		return put_folder(b, path, fd, depth + 1);
	else if (S_ISREG(st.st_mode))
		e = put_file(b, path, fd);
	close(fd);
	return e;
}

/* Takes fd. */
static int
put_folder(struct backup *b, const char *path, int fd, int depth)
{
	char sub[ARCHIVE_PATH_MAX + 260];
	DIR *d = fdopendir(fd);
	int e = 0;

	if (!d) {
		e = say(path, strerror(errno));
		close(fd);
		return e;
	}
	for (const struct dirent *f; e == 0 && (f = readdir(d));) {
		if (!strcmp(f->d_name, ".") || !strcmp(f->d_name, ".."))
			continue;
		snprintf(sub, sizeof sub, "%s/%s", path, f->d_name);
		e = put_entry(b, sub, dirfd(d), f->d_name, depth);
	}
	closedir(d);
	return e;
}

static int
put_top(struct backup *b, const char *path)
{
	char full[4400];

	snprintf(full, sizeof full, "%s/%s", b->conf->dir, path);
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : say(full, strerror(errno));
	return put_folder(b, path, fd, 1);
}

/* Documents first: what the other files say may be newer than the store's moment, never older. */
static int
put_documents(struct backup *b)
{
	char path[4300];
	struct reason why = {0};

	snprintf(path, sizeof path, "%s.documents", b->tmp);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return say(path, strerror(errno));
	unlink(path);
	int e = portable_run(b->conf, "--export", fd, &why);
	e = e < 0 ? say("the store", why.text) : put_file(b, "documents", fd);
	close(fd);
	return e;
}

static int
put_all(struct backup *b, bool with_keys)
{
	static const char *const folders[] = {"keys", "fetch", "audit", "tls"};
	static const char *const keys[] = {"node.key", "admin.token", "cert.pem"};
	char end[70];
	int e = put(b, ARCHIVE_HEAD, strlen(ARCHIVE_HEAD));

	if (e == 0)
		e = put_path(b, "sallyportd.yml", true);
	if (e == 0)
		e = put_documents(b);
	for (size_t i = 0; e == 0 && i < 4; i++)
		e = put_top(b, folders[i]);
	for (size_t i = 0; e == 0 && with_keys && i < 3; i++)
		e = put_path(b, keys[i], false);
	if (e < 0)
		return e;
	archive_end_line(&b->hash, end);
	return fd_write_all(b->fd, end, strlen(end)) < 0 ? say(b->file, strerror(errno)) : 0;
}

/* On disk under its name, or not there. */
static int
finish(struct backup *b)
{
	char folder[4200];
	int d, e = 0;

	if (fsync(b->fd) < 0 || rename(b->tmp, b->file) < 0)
		return say(b->file, strerror(errno));
	b->tmp[0] = '\0';
	str_copy(folder, sizeof folder, b->file);
	d = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d < 0 || fsync(d) < 0)
		e = say(b->file, strerror(errno));
	if (d >= 0)
		close(d);
	return e;
}

int
edge_backup(const char *dir, const char *file, bool with_keys)
{
	struct edge_conf *c = NULL;
	struct conf_error err = {{0}};
	struct backup b = {.file = file, .fd = -1};
	int e = -1;

	umask(077);
	if (edge_conf_load(dir, &c, &err) < 0)
		return say("configuration", err.text) < 0;
	b.conf = c;
	sha256_init(&b.hash);
	snprintf(b.tmp, sizeof b.tmp, "%.4000s.new", file);
	b.fd = open(b.tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b.fd < 0) {
		say(b.tmp, errno == EEXIST ? "is there already; is another backup running? Remove it if not"
		                           : strerror(errno));
		b.tmp[0] = '\0';
	} else {
		e = put_all(&b, with_keys);
		if (e == 0)
			e = finish(&b);
	}
	if (b.fd >= 0)
		close(b.fd);
	if (b.tmp[0])
		unlink(b.tmp);
	if (e == 0)
		printf("%s: %u files%s\n", file, b.files,
		       with_keys ? "; it opens everything by itself: keep it secret"
		                 : "; keep it secret: tunnels' secrets and people are readable in it. Keep node.key "
		                   "(or the passphrase)\n"
		                   "elsewhere: without it the keys in it stay closed");
	sha256_release(&b.hash);
	edge_conf_free(c);
	return e == 0 ? 0 : 1;
}
