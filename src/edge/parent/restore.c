#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "edge/parent/archive.h"
#include "edge/parent/backup.h"
#include "edge/parent/portable_proc.h"
#include "edge/parent/role_proc.h"
#include "io/file.h"

#define DEPTH_MAX 6
#define CONF_MAX (1u << 20)

struct restore {
	const char *dir;
	int fd; /* the file that is being written */
	int documents;
	mode_t mode;
	char path[4500];
	unsigned files;
	bool node_key;
};

static int
say(const char *what, const char *why)
{
	fprintf(stderr, "sallyportd restore: %s: %s\n", what, why);
	return E_IO;
}

/* --- the folder -----------------------------------------------------------------------------------------------------
 */

/* New or empty; an edge's own folder never is, so a running one cannot be overwritten. */
static int
dir_empty(const char *dir)
{
	if (file_mkdirs(dir, 0711) < 0)
		return say(dir, strerror(errno));
	DIR *d = opendir(dir);
	int n = 0;

	if (!d)
		return say(dir, strerror(errno));
	for (const struct dirent *f; (f = readdir(d));)
		n += strcmp(f->d_name, ".") && strcmp(f->d_name, "..") && strcmp(f->d_name, "lost+found");
	closedir(d);
	return n ? say(dir, "is not empty, and may be a running edge's; nothing was changed: give a new folder") : 0;
}

/* Every file and folder below dir, folders after what is in them. */
static int
tree_each(const char *dir, int depth, int (*fn)(const char *path, bool folder, void *arg), void *arg)
{
	char path[4400];
	struct stat st;
	DIR *d = opendir(dir);
	int e = 0;

	if (!d)
		return E_IO;
	for (const struct dirent *f; e == 0 && (f = readdir(d));) {
		if (!strcmp(f->d_name, ".") || !strcmp(f->d_name, ".."))
			continue;
		if (snprintf(path, sizeof path, "%s/%s", dir, f->d_name) >= (int)sizeof path || lstat(path, &st) < 0)
			e = E_IO;
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			e = tree_each(path, depth + 1, fn, arg);
		if (e == 0)
			e = fn(path, S_ISDIR(st.st_mode), arg);
	}
	closedir(d);
	return e;
}

static int
drop(const char *path, bool folder, void *arg)
{
	return folder ? rmdir(path) : unlink(path);
}

static int
own(const char *path, bool folder, void *arg)
{
	const struct role_ids *ids = arg;

	if (folder && chmod(path, 0700) < 0)
		return E_IO;
	return lchown(path, ids->uid, ids->gid) < 0 ? E_IO : 0;
}

/* --- the files of the backup ----------------------------------------------------------------------------------------
 */

static int
open_file(void *arg, const char *path, unsigned mode, uint64_t size)
{
	struct restore *x = arg;

	snprintf(x->path, sizeof x->path, "%s/%s", x->dir, path);
	char *slash = strrchr(x->path, '/');
	*slash = '\0';
	int e = file_mkdirs(x->path, 0755);
	*slash = '/';
	if (e < 0)
		return say(x->path, strerror(errno));
	x->fd = open(x->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (x->fd < 0)
		return say(x->path, strerror(errno));
	x->mode = mode & 0644; /* nothing of ours is executable, or writable by others */
	x->files++;
	x->node_key |= !strcmp(path, "node.key");
	return 0;
}

static int
write_file(void *arg, const void *p, size_t n)
{
	struct restore *x = arg;

	return fd_write_all(x->fd, p, n) < 0 ? say(x->path, strerror(errno)) : 0;
}

static int
close_file(void *arg)
{
	struct restore *x = arg;
	int e = fchmod(x->fd, x->mode) < 0 || fsync(x->fd) < 0 ? say(x->path, strerror(errno)) : 0;

	if (e == 0 && str_ends(x->path, "/documents") && x->documents < 0) {
		x->documents = x->fd;
		e = unlink(x->path) < 0 || lseek(x->fd, 0, SEEK_SET) < 0 ? say(x->path, strerror(errno)) : 0;
	} else {
		close(x->fd);
	}
	x->fd = -1;
	return e;
}

static int
read_through(int fd, const char *file, const struct archive_ops *ops, void *arg)
{
	struct archive a;
	struct reason why = {0};
	static uint8_t piece[65536];
	ssize_t n = 1;
	int e = lseek(fd, 0, SEEK_SET) < 0 ? say(file, strerror(errno)) : 0;

	archive_init(&a, ops, arg);
	while (e == 0 && n > 0) {
		n = read(fd, piece, sizeof piece);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			e = say(file, strerror(errno));
		else
			e = archive_feed(&a, piece, (size_t)n, &why);
	}
	if (e == 0)
		e = archive_finish(&a, &why);
	if (e < 0 && why.text[0])
		say(file, why.text);
	archive_release(&a);
	return e;
}

/* --- the edge -------------------------------------------------------------------------------------------------------
 */

/* The line "store:" of sallyportd.yml, or a new one. */
static int
store_line(const char *dir, const char *store)
{
	char path[4400];
	struct buf in, out;
	bool done = false;

	snprintf(path, sizeof path, "%s/sallyportd.yml", dir);
	buf_init(&in, CONF_MAX);
	buf_init(&out, CONF_MAX + 2048);
	int e = file_read(path, &in);
	if (e == 0)
		e = buf_put_u8(&in, '\0');
	for (char *p = (char *)(uintptr_t)buf_ptr(&in); e == 0 && *p;) {
		size_t n = strcspn(p, "\n");
		if (str_starts(p, "store:")) {
			e = buf_putf(&out, "store: %s\n", store);
			done = true;
		} else {
			e = buf_putf(&out, "%.*s\n", (int)n, p);
		}
		p += n + (p[n] == '\n');
	}
	if (e == 0 && !done)
		e = buf_putf(&out, "store: %s\n", store);
	if (e == 0)
		e = file_write_atomic(path, strcmp(store, "sqlite") ? 0600 : 0644, buf_ptr(&out), buf_len(&out));
	buf_release(&in);
	buf_release(&out);
	return e < 0 ? say(path, e == E_IO ? strerror(errno) : err_str(e)) : 0;
}

static int
owners(const struct edge_conf *c)
{
	static const struct {
		const char *sub;
		enum role role;
	} of[] = {{"keys", ROLE_SIGNER}, {"fetch", ROLE_FETCH}, {"audit", ROLE_JUDGE}};
	struct reason why = {0};
	int e = role_dirs(c, &why) < 0 ? say(c->dir, why.text) : 0;

	for (size_t i = 0; e == 0 && geteuid() == 0 && i < 3; i++) {
		char path[4400];
		struct role_ids ids;
		snprintf(path, sizeof path, "%s/%s", c->dir, of[i].sub);
		role_ids(c, of[i].role, &ids);
		if (tree_each(path, 0, own, &ids) < 0)
			e = say(path, strerror(errno));
	}
	return e;
}

static int
come_alive(struct restore *x, const char *store)
{
	struct edge_conf *c = NULL;
	struct conf_error err = {{0}};
	struct reason why = {0};
	int e = store ? store_line(x->dir, store) : 0;

	if (e < 0)
		return e;
	if (x->documents < 0)
		return say(x->dir, "the backup holds no documents");
	if (edge_conf_load(x->dir, &c, &err) < 0)
		return say("configuration", err.text);
	e = owners(c);
	if (e == 0 && portable_run(c, "--import", x->documents, &why) < 0)
		e = say("the store", why.text);
	edge_conf_free(c);
	return e;
}

int
edge_restore(const char *dir, const char *file, const char *store)
{
	static const struct archive_ops ops = {open_file, write_file, close_file};
	struct restore x = {.dir = dir, .fd = -1, .documents = -1};
	char *abs = NULL;
	int e = -1, fd = -1;

	umask(022);
	if (store && !edge_conf_store_ok(store))
		return say("--store", "expected sqlite or postgres://USER:PASSWORD@HOST:5432/DATABASE") < 0;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return say(file, strerror(errno)) < 0;
	if (read_through(fd, file, NULL, NULL) == 0 && dir_empty(dir) == 0) {
		abs = realpath(dir, NULL);
		x.dir = abs;
		e = abs && chmod(abs, 0711) == 0 ? 0 : say(dir, strerror(errno));
		if (e == 0)
			e = read_through(fd, file, &ops, &x);
		if (e == 0)
			e = come_alive(&x, store);
		if (x.fd >= 0)
			close(x.fd);
		if (e < 0 && abs)
			tree_each(abs, 0, drop, NULL);
	}
	if (x.documents >= 0)
		close(x.documents);
	close(fd);
	if (e == 0)
		printf("%s: %u files from %s\n%sThen start it:   sallyportd run --dir %s\n", dir, x.files, file,
		       x.node_key ? "" : "Put node.key of that edge into it, or run with --node-passphrase-fd.\n", dir);
	free(abs);
	return e == 0 ? 0 : 1;
}
