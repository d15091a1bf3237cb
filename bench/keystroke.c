/*
 * keystroke: one byte at a time through `CMD...` (an ssh whose remote end is `stty raw -echo; exec cat`), with 1 to 4
 * ms between, and how long each took to come back.
 *
 *   keystroke COUNT CMD...      prints p50 p90 p99 max in microseconds
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* The remote side prints READY once its terminal is raw. */
static int
await_ready(int fd)
{
	char text[65536];
	size_t n = 0;

	while (n < sizeof text - 1) {
		ssize_t k = read(fd, text + n, sizeof text - 1 - n);
		if (k <= 0)
			return -1;
		n += (size_t)k;
		text[n] = 0;
		if (strstr(text, "READY\n") || strstr(text, "READY\r"))
			return 0;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	int in[2], out[2];
	size_t count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned seed = 1;

	if (!count) {
		fputs("usage: keystroke COUNT CMD...\n", stderr);
		return 2;
	}
	double *us = calloc(count, sizeof *us);
	if (!us || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (await_ready(out[0]) < 0) {
		fputs("keystroke: the remote side did not become ready\n", stderr);
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		char c = 'x';
		poll(NULL, 0, 1 + rand_r(&seed) % 4);
		double t = now_us();
		if (write(in[1], &c, 1) != 1 || read(out[0], &c, 1) != 1) {
			fputs("keystroke: the session ended\n", stderr);
			return 1;
		}
		us[i] = now_us() - t;
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	qsort(us, count, sizeof *us, by_size);
	printf("%.1f %.1f %.1f %.1f\n", us[count / 2], us[count * 9 / 10], us[count * 99 / 100], us[count - 1]);
	free(us);
	return 0;
}
