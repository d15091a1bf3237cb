/* tool: for tests that let ssh-keygen or openssl be the judge: a private folder, files in it, a program's output. */
#ifndef TESTS_UNIT_TOOL_H
#define TESTS_UNIT_TOOL_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"

extern char **environ;

static char tool_dir[64];

/* cmocka group setup and teardown. */
static inline int
tool_setup(void **state)
{
	(void)state;
	snprintf(tool_dir, sizeof tool_dir, "/tmp/sallyport-unit-XXXXXX");
	return mkdtemp(tool_dir) && !chdir(tool_dir) ? 0 : -1;
}

/* Runs argv; standard output and error go to out (may be NULL). Exit status, or -1. */
static inline int
tool_run(const char *const *argv, struct buf *out)
{
	posix_spawn_file_actions_t fa;
	int p[2], st = -1;
	pid_t pid;
	char tmp[4096];
	ssize_t n;
	if (pipe2(p, O_CLOEXEC))
		return -1;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	posix_spawn_file_actions_adddup2(&fa, p[1], 2);
	int bad = posix_spawnp(&pid, argv[0], &fa, NULL, (char **)(void *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(p[1]);
	while (!bad && ((n = read(p[0], tmp, sizeof tmp)) > 0 || (n < 0 && errno == EINTR)))
		if (out && n > 0)
			bad = buf_put(out, tmp, (size_t)n);
	close(p[0]);
	if (bad || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		return -1;
	return WEXITSTATUS(st);
}
#define TOOL(out, ...) tool_run((const char *const[]){__VA_ARGS__, NULL}, out)

static inline int
tool_teardown(void **state)
{
	(void)state;
	return TOOL(NULL, "rm", "-rf", tool_dir);
}

static inline int
tool_write(const char *name, const void *p, size_t n)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t w = fd < 0 ? -1 : write(fd, p, n);
	if (fd >= 0)
		close(fd);
	return w == (ssize_t)n ? 0 : -1;
}

static inline int
tool_read(const char *name, struct buf *out)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	uint8_t *d;
	ssize_t n = -1;
	if (fd < 0)
		return -1;
	while (!buf_reserve(out, 4096, &d) && (n = read(fd, d, 4096)) > 0)
		buf_commit(out, (size_t)n);
	close(fd);
	return n < 0 ? -1 : 0;
}

#endif
