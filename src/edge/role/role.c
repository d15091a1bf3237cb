#include "edge/role/role.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "core/json.h"
#include "core/log.h"

#define CHANNEL_FD 3

/* Phases of the channel. */
enum { PH_NEW = 1, PH_CONFIGURED = 2, PH_RUNNING = 4 };

struct role_run {
	const char *name;
	struct loop *loop;
	struct ipc *parent;
	const struct role_ops *ops;
	void *arg;
	int status;
};

struct loop *
role_loop(const struct role_run *r)
{
	return r->loop;
}

struct ipc *
role_parent(const struct role_run *r)
{
	return r->parent;
}

int
role_fatal(struct role_run *r, const char *fmt, ...)
{
	char why[512];
	struct pr_fatal m = {.why = why};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	log_error("fatal", "why", why, NULL);
	if (r->parent && ipc_send(r->parent, &pr_fatal_def, &m) == 0)
		ipc_flush(r->parent);
	r->status = 1;
	loop_stop(r->loop);
	return E_STATE;
}

void
role_exit(struct role_run *r)
{
	r->status = 0;
	loop_stop(r->loop);
}

static void
on_start(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_start *m = mv;
	struct role_run *r = arg;
	enum log_level l;

	if (log_level_parse(m->log_level, &l) == 0)
		log_init(r->name, l);
	ipc_phase(c, PH_CONFIGURED);
	if (r->ops->start(r, m, r->arg) < 0 && r->status == 0)
		role_fatal(r, "the configuration was refused");
}

static void
on_listener(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;

	if (!r->ops->listener)
		close(fd);
	else if (r->ops->listener(r, m, fd, r->arg) < 0 && r->status == 0)
		role_fatal(r, "a listener could not be used");
}

static void
on_file(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_file *m = mv;
	struct role_run *r = arg;

	if (!r->ops->file)
		close(fd);
	else if (r->ops->file(r, m->name, fd, r->arg) < 0 && r->status == 0)
		role_fatal(r, "%s could not be used", m->name);
}

static void
on_peer(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_peer *m = mv;
	struct role_run *r = arg;

	if (r->ops->peer(r, m->role, m->index, fd, r->arg) < 0 && r->status == 0)
		role_fatal(r, "the channel to %s could not be used", role_name(m->role));
}

static void
on_go(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;
	struct pr_ready ready = {0};

	if (r->ops->go(r, r->arg) < 0) {
		if (r->status == 0)
			role_fatal(r, "could not start");
		return;
	}
	ipc_phase(c, PH_RUNNING);
	ipc_send(c, &pr_ready_def, &ready);
}

static void
on_role_state(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;

	if (r->ops->role_state)
		r->ops->role_state(r, m, r->arg);
}

static void
on_session_pair(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;

	if (!r->ops->session_pair)
		close(fd);
	else if (r->ops->session_pair(r, m, fd, r->arg) < 0 && r->status == 0)
		role_fatal(r, "the end of a session's pair could not be used");
}

static void
on_session_channel(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_session_channel *m = mv;
	struct role_run *r = arg;

	if (!r->ops->session_channel || r->ops->session_channel(r, m->session, fd, r->arg) < 0)
		close(fd);
}

static void
on_session_ended(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;

	if (r->ops->session_ended)
		r->ops->session_ended(r, m, r->arg);
}

static void
on_reload(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;

	if (r->ops->reload)
		r->ops->reload(r, r->arg);
}

static void
on_drain(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct role_run *r = arg;

	if (r->ops->drain)
		r->ops->drain(r, r->arg);
	else
		role_exit(r);
}

static void
on_ping(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct pr_pong pong = {0};

	ipc_reply(c, id, &pr_pong_def, &pong);
}

static void
on_parent_gone(struct ipc *c, const char *why, void *arg)
{
	struct role_run *r = arg;

	r->parent = NULL;
	log_error("parent_gone", "why", why, NULL);
	loop_stop(r->loop);
}

static const struct ipc_row rows[] = {
    {&pr_start_def, PH_NEW, IPC_ONCE, on_start},
    {&pr_listener_def, PH_CONFIGURED, IPC_FD, on_listener},
    {&pr_file_def, PH_CONFIGURED | PH_RUNNING, IPC_FD, on_file},
    {&pr_peer_def, PH_CONFIGURED | PH_RUNNING, IPC_FD, on_peer},
    {&pr_go_def, PH_CONFIGURED, IPC_ONCE, on_go},
    {&pr_role_state_def, PH_RUNNING, 0, on_role_state},
    {&pr_reload_def, PH_RUNNING, 0, on_reload},
    {&pr_drain_def, PH_RUNNING, 0, on_drain},
    {&pr_ping_def, PH_RUNNING, IPC_REQUEST, on_ping},
    {&pr_session_pair_def, PH_CONFIGURED | PH_RUNNING, IPC_FD, on_session_pair},
    {&pr_session_channel_def, PH_RUNNING, IPC_FD, on_session_channel},
    {&pr_session_ended_def, PH_RUNNING, 0, on_session_ended},
};
static const struct ipc_ops parent_ops = {rows, sizeof rows / sizeof *rows, on_parent_gone};

int
role_main(const char *name, const struct role_ops *ops, void *arg)
{
	struct role_run r = {.name = name, .ops = ops, .arg = arg};

	log_init(name, LOG_INFO);
	json_object_seed(
	    0); /* libraries that open files at their first use must do so before the sandbox: jansson its seed, */
	setenv("TZ", "UTC0", 1); /* libc its time zone */
	tzset();
	umask(077); /* what a role writes is its own */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group: the parent decides */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (loop_new(&r.loop) < 0)
		return 1;
	if (ipc_new(r.loop, CHANNEL_FD, "parent", &parent_ops, &r, &r.parent) < 0) {
		fprintf(stderr, "sallyport-%s is started by sallyportd, not by hand\n", name);
		loop_free(r.loop);
		return 2;
	}
	loop_run(r.loop);
	if (r.parent) {
		ipc_flush(r.parent);
		ipc_close(r.parent);
	}
	return r.status;
}
