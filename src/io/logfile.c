#include "io/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"
#include "core/str.h"
#include "io/file.h"

#define PATH_LEN 4200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char path[PATH_LEN];
	size_t size, max;
	unsigned keep;
	int fd;
} at = {.fd = -1};

static int
open_it(const char *path, size_t *ret_size)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd >= 0)
		*ret_size = fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
	return fd;
}

static void
rotate(void)
{
	char from[PATH_LEN + 16], to[PATH_LEN + 16];
	size_t size;

	for (unsigned i = at.keep; i > 0; i--) {
		snprintf(to, sizeof to, "%s.%u", at.path, i);
		if (i > 1)
			snprintf(from, sizeof from, "%s.%u", at.path, i - 1);
		else
			snprintf(from, sizeof from, "%s", at.path);
		if (rename(from, to) < 0 && errno != ENOENT)
			return; /* what is there goes on growing, which is better than a line lost */
	}
	int fd = open_it(at.path, &size);
	if (fd < 0)
		return;
	close(at.fd);
	at.fd = fd;
	at.size = size;
}

static void
write_line(const char *line, size_t n)
{
	int saved = errno;

	pthread_mutex_lock(&lock);
	if (at.max && at.size + n > at.max && at.size)
		rotate();
	if (fd_write_all(at.fd, line, n) == 0)
		at.size += n;
	pthread_mutex_unlock(&lock);
	errno = saved;
}

int
logfile_open(const char *path, size_t max, unsigned keep)
{
	size_t size = 0;
	int fd = open_it(path, &size);

	if (fd < 0 || str_copy(at.path, sizeof at.path, path) < 0) {
		if (fd >= 0)
			close(fd);
		return E_IO;
	}
	at.fd = fd;
	at.size = size;
	at.max = max;
	at.keep = keep;
	log_set_writer(write_line);
	return 0;
}
