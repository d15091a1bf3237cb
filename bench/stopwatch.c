/*
 * stopwatch: runs one command and says what it took.
 *
 *   stopwatch run CMD...         standard output is read and counted
 *   stopwatch up BYTES CMD...    feeds BYTES of zeros to its standard input as well
 *   stopwatch keep CMD...        only keeps it, and takes in what it orphans (sshd's sessions), so that their CPU time
 * is found in our own account of children; ends with it, or ends it on SIGTERM
 *
 * One line: wall seconds, seconds to the first output byte, CPU seconds (user + system) of the whole process tree,
 * bytes read, exit status. We are the subreaper, so that a ProxyCommand which its ssh does not wait for is counted too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static char zeros[1 << 18], sink[1 << 18];

/* Moves bytes until the command closes its output. Returns the time of the first byte, or 0. */
static double
pump(int in, int out, uint64_t left, uint64_t *ret_read)
{
	double first = 0;

	for (;;) {
		struct pollfd p[2] = {{.fd = out, .events = POLLIN}, {.fd = left ? in : -1, .events = POLLOUT}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return first;
		if (p[1].revents) {
			ssize_t n = write(in, zeros, left < sizeof zeros ? (size_t)left : sizeof zeros);
			if (n > 0)
				left -= (uint64_t)n;
			else if (errno != EAGAIN)
				left = 0;
			if (!left)
				close(in);
		}
		if (p[0].revents) {
			ssize_t n = read(out, sink, sizeof sink);
			if (n <= 0)
				return first;
			if (!*ret_read)
				first = now();
			*ret_read += (uint64_t)n;
		}
	}
}

static pid_t kept;

static void
pass_on(int signo)
{
	if (kept > 0)
		kill(kept, signo);
}

static int
keep(char **argv)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kept = fork();
	if (kept == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	signal(SIGTERM, pass_on);
	for (pid_t p; (p = wait(NULL)) > 0 || errno == EINTR;)
		if (p == kept)
			return 0;
	return 1;
}

int
main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "keep"))
		return keep(argv + 2);
	int up = argc > 2 && !strcmp(argv[1], "up"), at = up ? 3 : 2, in[2], out[2], status = 0, one;
	uint64_t bytes = up ? strtoull(argv[2], NULL, 10) : 0, got = 0;
	struct rusage u;
	double total = 0, begin, first, end;

	if (argc <= at) {
		fputs("usage: stopwatch run CMD... | up BYTES CMD...\n", stderr);
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return 1;
	(void)fcntl(in[1], F_SETPIPE_SZ, 1 << 20);
	(void)fcntl(out[0], F_SETPIPE_SZ, 1 << 20);
	begin = now();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[at], argv + at);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	if (!bytes)
		close(in[1]);
	first = pump(in[1], out[0], bytes, &got);
	for (pid_t p; (p = wait4(-1, &one, 0, &u)) > 0;) {
		total += cpu(&u);
		if (p == pid)
			status = one;
	}
	end = now();
	printf("%.6f %.6f %.6f %llu %d\n", end - begin, first > 0 ? first - begin : 0.0, total, (unsigned long long)got,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
