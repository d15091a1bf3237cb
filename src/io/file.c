/* file: reading and replacing files of ours; see io/file.h. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

#define READ_STEP 65536u
#define NAME_TRIES 16

static int
errno_to_e(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return E_NOENT;
	case EEXIST:
		return E_EXIST;
	case ENOMEM:
		return E_NOMEM;
	default:
		return E_IO;
	}
}

/* close that keeps the errno of what went wrong before */
static void
fd_drop(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

int
file_read_fd(int fd, struct buf *out)
{
	for (;;) {
		size_t room = buf_room(out);
		uint8_t *p, probe;
		ssize_t n;

		if (room == 0) {
			do
				n = read(fd, &probe, 1);
			while (n < 0 && errno == EINTR);
			return n < 0 ? E_IO : n > 0 ? E_LIMIT : 0;
		}
		if (room > READ_STEP)
			room = READ_STEP;
		if (buf_reserve(out, room, &p) < 0)
			return E_NOMEM;
		n = read(fd, p, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return E_IO;
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

int
file_read(const char *path, struct buf *out)
{
	int e, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno_to_e();
	e = file_read_fd(fd, out);
	fd_drop(fd);
	return e;
}

int
file_read_private(const char *path, mode_t forbidden, struct buf *out, struct reason *why)
{
	struct stat st;
	int e = E_DENIED;
	/* O_NONBLOCK: a FIFO put there must not stop us before fstat has seen it */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ELOOP)
		return reason_set(why, E_DENIED, SP_CLIENT_FILE, "%s is a symbolic link; a private file must not be",
		                  path);
	if (fd < 0) {
		e = errno_to_e();
		return reason_set(why, e, SP_CLIENT_FILE, "cannot open %s: %s", path, strerror(errno));
	}
	if (fstat(fd, &st) < 0)
		e = reason_set(why, E_IO, SP_CLIENT_FILE, "cannot look at %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		reason_set(why, e, SP_CLIENT_FILE, "%s is not a regular file", path);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		reason_set(why, e, SP_CLIENT_FILE, "%s belongs to uid %u, not to us or root", path,
		           (unsigned)st.st_uid);
	else if (st.st_mode & forbidden)
		reason_set(why, e, SP_CLIENT_FILE, "%s has mode %04o; others must not have access (chmod %04o)", path,
		           (unsigned)(st.st_mode & 07777), (unsigned)(st.st_mode & 07777 & ~forbidden));
	else if ((e = file_read_fd(fd, out)) < 0)
		reason_set(why, e, SP_CLIENT_FILE, "cannot read %s: %s", path, e == E_LIMIT ? "too large" : err_str(e));
	fd_drop(fd);
	return e;
}

void
fd_limit_raise(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int
fd_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *d = p;

	while (n > 0) {
		ssize_t r = write(fd, d, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return E_IO;
		d += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Opens the folder of path and gives the last component. */
static int
open_folder(const char *path, int *ret_dir, const char **ret_name)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int dir;

	if (*name == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		errno = EINVAL;
		return E_IO;
	}
	if (!slash)
		str_copy(folder, sizeof folder, ".");
	else if (slash == path)
		str_copy(folder, sizeof folder, "/");
	else if (str_copy_n(folder, sizeof folder, path, (size_t)(slash - path)) < 0)
		return E_LIMIT;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno_to_e();
	*ret_dir = dir;
	*ret_name = name;
	return 0;
}

/* Writes, sets the exact mode (umask aside) and syncs; the file is removed again on failure. */
static int
fill_new(int dir, const char *name, mode_t mode, const void *p, size_t n)
{
	int e, fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno_to_e();
	e = fd_write_all(fd, p, n);
	if (e == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		e = E_IO;
	if (e < 0) {
		fd_drop(fd);
		unlinkat(dir, name, 0);
		return e;
	}
	if (close(fd) < 0) {
		unlinkat(dir, name, 0);
		return E_IO;
	}
	return 0;
}

static int
fill_temporary(int dir, const char *name, mode_t mode, const void *p, size_t n, char tmp[static NAME_MAX + 1])
{
	int e = E_EXIST;

	for (int i = 0; i < NAME_TRIES && e == E_EXIST; i++) {
		uint64_t r;
		int len;

		if (getrandom(&r, sizeof r, 0) != sizeof r)
			return E_IO;
		len = snprintf(tmp, NAME_MAX + 1, ".%.200s.%016llx", name, (unsigned long long)r);
		if (len < 0 || len > NAME_MAX)
			return E_LIMIT;
		e = fill_new(dir, tmp, mode, p, n);
	}
	return e;
}

int
file_write_atomic(const char *path, mode_t mode, const void *p, size_t n)
{
	char tmp[NAME_MAX + 1];
	const char *name;
	struct stat st;
	int dir, e;

	e = open_folder(path, &dir, &name);
	if (e < 0)
		return e;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)) {
		e = E_DENIED;
		goto out;
	}
	e = fill_temporary(dir, name, mode, p, n, tmp);
	if (e < 0)
		goto out;
	if (renameat(dir, tmp, dir, name) < 0) {
		e = E_IO;
		unlinkat(dir, tmp, 0);
		goto out;
	}
	if (fsync(dir) < 0)
		e = E_IO;
out:
	fd_drop(dir);
	return e;
}

int
file_write_new(const char *path, mode_t mode, const void *p, size_t n)
{
	const char *name;
	int dir, e;

	e = open_folder(path, &dir, &name);
	if (e < 0)
		return e;
	e = fill_new(dir, name, mode, p, n);
	if (e == 0 && fsync(dir) < 0)
		e = E_IO;
	fd_drop(dir);
	return e;
}

static int
make_folder(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return chmod(path, mode) < 0 ? E_IO : 0;
	if (errno != EEXIST)
		return errno_to_e();
	if (stat(path, &st) < 0)
		return errno_to_e();
	return S_ISDIR(st.st_mode) ? 0 : E_EXIST;
}

int
file_mkdirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	int e;

	if (*path == 0)
		return E_NOENT;
	e = str_copy(part, sizeof part, path);
	if (e < 0)
		return e;
	for (char *s = part + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = 0;
		e = make_folder(part, mode);
		*s = '/';
		if (e < 0)
			return e;
	}
	return make_folder(part, mode);
}
