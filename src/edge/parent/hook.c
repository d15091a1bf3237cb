#include "edge/parent/hook.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"

#define EVERY_MS (24 * 3600 * 1000ll)
#define DEADLINE_MS (10 * 60 * 1000ll)

static void
child(char *const *argv)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0); /* its own children end with it */
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		_exit(126);
	close_range(3, ~0u, 0); /* listeners and channels are none of its business */
	execvp(argv[0], argv);
	_exit(127);
}

static void
on_deadline(void *arg)
{
	struct hook *h = arg;

	log_error("hook_timeout", "command", h->argv ? h->argv[0] : "", NULL);
	if (h->pid > 0)
		kill(-h->pid, SIGKILL);
}

static void
run(void *arg)
{
	struct hook *h = arg;
	pid_t pid;

	if (!h->argv || h->pid > 0)
		return;
	pid = fork();
	if (pid == 0)
		child(h->argv);
	if (pid < 0) {
		log_error("hook_failed", "command", h->argv[0], "why", "it could not be started", NULL);
		return;
	}
	setpgid(pid, pid);
	h->pid = pid;
	log_info("hook_began", "command", h->argv[0], "pid", log_num(pid), NULL);
	timer_start(h->loop, &h->deadline, DEADLINE_MS, on_deadline, h);
}

static void
begin(struct hook *h)
{
	timer_stop(&h->again);
	if (!h->argv)
		return;
	run(h);
	timer_repeat(h->loop, &h->again, EVERY_MS, run, h);
}

void
hook_start(struct hook *h, struct loop *l, char *const *argv, void (*done)(void *arg), void *arg)
{
	*h = (struct hook){.loop = l, .argv = argv, .done = done, .arg = arg};
	begin(h);
}

static bool
same(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b && !strcmp(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

void
hook_change(struct hook *h, char *const *argv)
{
	bool differs = !same(h->argv, argv);

	h->argv = argv;
	if (differs)
		begin(h);
}

bool
hook_died(struct hook *h, pid_t pid, int status)
{
	const char *command = h->argv ? h->argv[0] : "";

	if (h->pid != pid)
		return false;
	h->pid = 0;
	timer_stop(&h->deadline);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		log_info("hook_done", "command", command, NULL);
		h->done(h->arg);
	} else if (WIFEXITED(status)) {
		log_error("hook_failed", "command", command, "status", log_num(WEXITSTATUS(status)), NULL);
	} else {
		log_error("hook_failed", "command", command, "signal", log_num(WTERMSIG(status)), NULL);
	}
	return true;
}

void
hook_stop(struct hook *h)
{
	timer_stop(&h->again);
	timer_stop(&h->deadline);
	if (h->pid > 0)
		kill(-h->pid, SIGTERM);
	h->pid = 0;
}
