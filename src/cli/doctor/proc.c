#include "cli/doctor/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "io/file.h"

/* --- run --------------------------------------------------------------------------------------------------------- */

static void
child(const char *const *argv, int out, int err)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = {path, NULL};
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	closefrom(3);
	signal(SIGPIPE, SIG_DFL);
	execve(argv[0], (char *const *)(uintptr_t)argv, env);
	_exit(127);
}

/* One read into b; false at the end. What is over the limit is read and dropped, so that the child can finish. */
static bool
drain(int fd, struct buf *b)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof chunk);

	if (n < 0 && errno == EINTR)
		return true;
	if (n > 0 && buf_len(b) + (size_t)n <= PROC_OUT_MAX && buf_put(b, chunk, (size_t)n) < 0)
		return true;
	return n > 0;
}

static int
collect(int ofd, int efd, struct buf *out, struct buf *err)
{
	int64_t until = clock_mono_ms() + PROC_MS;
	struct pollfd p[2] = {{ofd, POLLIN, 0}, {efd, POLLIN, 0}};

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		int64_t left = until - clock_mono_ms();
		if (left <= 0)
			return E_TIMEOUT;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return E_IO;
		if (p[0].fd >= 0 && p[0].revents && !drain(ofd, out))
			p[0].fd = -1;
		if (p[1].fd >= 0 && p[1].revents && !drain(efd, err))
			p[1].fd = -1;
	}
	return 0;
}

int
proc_run(const char *const *argv, struct buf *out, struct buf *err, int *ret_status)
{
	int o[2] = {-1, -1}, e[2] = {-1, -1}, status = 0, r = E_IO;
	pid_t pid = -1;

	if (pipe2(o, O_CLOEXEC) < 0 || pipe2(e, O_CLOEXEC) < 0)
		goto out;
	fflush(NULL);
	if ((pid = fork()) < 0)
		goto out;
	if (!pid)
		child(argv, o[1], e[1]);
	close(o[1]);
	close(e[1]);
	o[1] = e[1] = -1;
	r = collect(o[0], e[0], out, err);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0)
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
out:
	for (int i = 0; i < 2; i++) {
		if (o[i] >= 0)
			close(o[i]);
		if (e[i] >= 0)
			close(e[i]);
	}
	return r;
}

/* --- /proc ---------------------------------------------------------------------------------------------------------
 */

static int
proc_file(pid_t pid, const char *name, struct buf *b)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	return file_read(path, b) == 0 ? 0 : E_NOENT;
}

int
proc_status(pid_t pid, const char *key, char *out, size_t n)
{
	size_t k = strlen(key);
	struct buf b;

	buf_init(&b, 65536);
	int r = proc_file(pid, "status", &b);
	const char *p = r == 0 ? buf_cstr(&b) : NULL;
	r = E_NOENT;
	for (; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, key, k) || p[k] != ':')
			continue;
		p += k + 1;
		p += strspn(p, " \t");
		r = str_copy_n(out, n, p, strcspn(p, " \t\n"));
		break;
	}
	buf_release(&b);
	return r;
}

int
proc_arg(pid_t pid, size_t i, char *out, size_t n)
{
	struct buf b;

	buf_init(&b, 262144);
	int r = proc_file(pid, "cmdline", &b);
	const char *p = r == 0 ? buf_cstr(&b) : NULL, *end = p ? p + buf_len(&b) : NULL;
	while (p && p < end && i--)
		p += strlen(p) + 1;
	r = p && p < end ? str_copy(out, n, p) : E_NOENT;
	buf_release(&b);
	return r;
}

int
proc_each(int (*fn)(pid_t pid, void *arg), void *arg)
{
	DIR *d = opendir("/proc");
	int r = 0;

	if (!d)
		return E_IO;
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		uint64_t pid;
		if (str_u64(e->d_name, 1u << 30, &pid) == 0 && pid)
			r = fn((pid_t)pid, arg);
	}
	closedir(d);
	return r;
}
