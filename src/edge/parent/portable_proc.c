#include "edge/parent/portable_proc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "core/str.h"
#include "edge/parent/role_proc.h"
#include "io/ipc.h"

struct portable_proc {
	struct loop *loop;
	struct ipc *ch;
	bool ready;
	struct reason *why;
};

static void
on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct portable_proc *p = arg;
	struct pr_drain end = {0};

	p->ready = true;
	ipc_phase(c, 2);
	ipc_send(c, &pr_drain_def, &end);
}

static void
on_fatal(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_fatal *m = mv;

	reason_set(((struct portable_proc *)arg)->why, E_IO, SP_CONFIG, "%s", m->why);
}

static void
on_closed(struct ipc *c, const char *why, void *arg)
{
	struct portable_proc *p = arg;

	p->ch = NULL;
	if (!p->ready && !p->why->text[0])
		reason_set(p->why, E_CLOSED, SP_INTERNAL, "sallyport-judge ended: %s", why);
	loop_stop(p->loop);
}

static int
give(const char *name, int fd, void *arg)
{
	struct pr_file m = {.name = name};

	return ipc_send_fd(((struct portable_proc *)arg)->ch, &pr_file_def, &m, fd);
}

static int
configure(struct portable_proc *p, const struct edge_conf *c, int fd, struct reason *why)
{
	struct pr_start start;
	struct pr_go go = {0};

	role_start_msg(c, 1, &start);
	start.log_level = "error";
	int e = ipc_send(p->ch, &pr_start_def, &start);
	if (e == 0)
		e = role_files(c, ROLE_JUDGE, give, p, why);
	if (e == 0)
		e = give("documents", fd, p);
	return e == 0 ? ipc_send(p->ch, &pr_go_def, &go) : e;
}

int
portable_run(const struct edge_conf *c, const char *what, int fd, struct reason *why)
{
	static const struct ipc_row rows[] = {{&pr_ready_def, 1, IPC_ONCE, on_ready},
	                                      {&pr_fatal_def, 1 | 2, IPC_ONCE, on_fatal}};
	static const struct ipc_ops ops = {rows, 2, on_closed};
	struct portable_proc p = {.why = why};
	int ch, e = loop_new(&p.loop);
	pid_t pid;

	if (e < 0)
		return reason_set(why, e, SP_INTERNAL, "event loop: %s", strerror(errno));
	e = role_spawn(c, ROLE_JUDGE, what, &pid, &ch, why);
	if (e < 0) {
		loop_free(p.loop);
		return e;
	}
	e = ipc_new(p.loop, ch, "judge", &ops, &p, &p.ch);
	if (e == 0)
		e = configure(&p, c, fd, why);
	if (e == 0)
		loop_run(p.loop);
	if (p.ch)
		ipc_close(p.ch);
	if (!p.ready)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	loop_free(p.loop);
	if (p.ready)
		return 0;
	return why->text[0] ? E_IO : reason_set(why, E_IO, SP_INTERNAL, "sallyport-judge: %s", err_str(e));
}
