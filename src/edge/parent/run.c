#include "edge/parent/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/parent/hook.h"
#include "edge/parent/role_proc.h"
#include "edge/parent/sessions.h"
#include "io/ipc.h"
#include "io/net_listen.h"
#include "io/notify.h"

#define THREADS_MAX 16 /* loop threads of front; more never paid on one edge */
#define PING_EVERY_MS 10000
#define PING_DEADLINE_MS 30000 /* a role that is silent for so long is killed and started anew */
#define BACKOFF_MAX_MS 10000
#define LIVED_LONG_MS 10000 /* a role that lived this long is restarted at once */
#define KILL_GRACE_MS 5000
#define CERT_CHECK_MS 30000

enum proc_state { PROC_DOWN, PROC_STARTING, PROC_READY };

struct edge;
struct proc {
	struct edge *e;
	enum role role;
	enum proc_state state;
	pid_t pid;
	struct ipc *ch;
	int64_t started;
	int64_t backoff;
	unsigned restarts;
	struct loop_timer again;
};

struct edge {
	struct loop *loop;
	struct edge_conf *conf;
	unsigned threads;
	struct proc proc[ROLE_N];
	struct {
		int fd;
		char addr[64];
	} lsn[3];
	struct loop_signal term, intr, hup, chld;
	struct loop_timer ping, kill_timer, certs;
	struct timespec cert_time[2 * EDGE_CERTS_MAX];
	struct timespec country_time;
	bool country_seen;
	struct hook hook; /* renews them */
	struct sessions sessions;
	bool announced, draining;
	int status;
};

/* Which roles have a channel between them; front has one to judge per loop thread. */
static const struct {
	enum role a, b;
} pairs[] = {{ROLE_FRONT, ROLE_JUDGE}, {ROLE_JUDGE, ROLE_SIGNER}, {ROLE_JUDGE, ROLE_FETCH}, {ROLE_SIGNER, ROLE_FETCH}};

static const enum role roles[] = {ROLE_SIGNER, ROLE_FETCH, ROLE_JUDGE, ROLE_FRONT};
#define NROLES (sizeof roles / sizeof *roles)

static void on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg);
static void on_fatal(struct ipc *c, uint32_t id, const void *m, int fd, void *arg);
static void on_channel_closed(struct ipc *c, const char *why, void *arg);
static void proc_again(void *arg);

static void on_session_start(struct ipc *c, uint32_t id, const void *m, int fd, void *arg);
static void on_session_attach(struct ipc *c, uint32_t id, const void *m, int fd, void *arg);
static void on_session_kill(struct ipc *c, uint32_t id, const void *m, int fd, void *arg);

/* The first two are every role's; the others are judge's alone. */
static const struct ipc_row parent_rows[] = {
    {&pr_ready_def, 1, IPC_ONCE, on_ready},
    {&pr_fatal_def, 1 | 2, IPC_ONCE, on_fatal},
    {&pr_session_start_def, 2, IPC_REQUEST, on_session_start},
    {&pr_session_attach_def, 2, IPC_REQUEST, on_session_attach},
    {&pr_session_kill_def, 2, 0, on_session_kill},
};
static const struct ipc_ops parent_ops = {parent_rows, 2, on_channel_closed},
                            judge_ops = {parent_rows, sizeof parent_rows / sizeof *parent_rows, on_channel_closed};

/* --- starting ------------------------------------------------------------------------------------------------ */

static int
give_file(const char *name, int fd, void *arg)
{
	struct proc *p = arg;
	struct pr_file m = {.name = name};

	return ipc_send_fd(p->ch, &pr_file_def, &m, fd);
}

static int
proc_configure(struct proc *p)
{
	struct edge *e = p->e;
	struct pr_start start;
	struct reason why = {0};

	role_start_msg(e->conf, e->threads, &start);
	if (p->role != ROLE_JUDGE)
		start.store = ""; /* a database's password is nobody else's business */
	int r = ipc_send(p->ch, &pr_start_def, &start);
	for (unsigned k = 0; r == 0 && p->role == ROLE_FRONT && k < 3; k++) {
		struct pr_listener m = {.kind = k, .addr = e->lsn[k].addr};
		r = ipc_send_fd(p->ch, &pr_listener_def, &m, e->lsn[k].fd);
	}
	if (r == 0)
		r = role_files(e->conf, p->role, give_file, p, &why);
	if (r < 0)
		log_error("role_configure", "role", role_name(p->role), "why", why.text[0] ? why.text : err_str(r),
		          NULL);
	return r;
}

static int
proc_spawn(struct proc *p)
{
	struct reason why = {0};
	int fd;

	int r = role_spawn(p->e->conf, p->role, NULL, &p->pid, &fd, &why);
	if (r < 0) {
		log_error("role_spawn", "role", role_name(p->role), "why", why.text, NULL);
		return r;
	}
	r = ipc_new(p->e->loop, fd, role_name(p->role), p->role == ROLE_JUDGE ? &judge_ops : &parent_ops, p, &p->ch);
	if (r < 0)
		return r;
	p->state = PROC_STARTING;
	p->started = clock_mono_ms();
	return proc_configure(p);
}

static int
join_one(struct proc *a, struct proc *b, unsigned index)
{
	int sv[2];
	struct pr_peer ma = {.role = b->role, .index = index}, mb = {.role = a->role, .index = index};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return E_IO;
	int r = ipc_send_fd(a->ch, &pr_peer_def, &ma, sv[0]);
	if (r == 0)
		r = ipc_send_fd(b->ch, &pr_peer_def, &mb, sv[1]);
	close(sv[0]);
	close(sv[1]);
	return r;
}

/* Joins every pair that `only` is part of (ROLE_PARENT: every pair). */
static int
join_pairs(struct edge *e, enum role only)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof pairs / sizeof *pairs; i++) {
		struct proc *a = &e->proc[pairs[i].a], *b = &e->proc[pairs[i].b];
		if (only != ROLE_PARENT && a->role != only && b->role != only)
			continue;
		if (!a->ch || !b->ch)
			continue;
		unsigned n = a->role == ROLE_FRONT ? e->threads : 1;
		for (unsigned k = 0; r == 0 && k < n; k++)
			r = join_one(a, b, k);
	}
	return r;
}

static int
proc_go(struct proc *p)
{
	struct pr_go go = {0};

	return ipc_send(p->ch, &pr_go_def, &go);
}

static void
tell_judge(struct proc *p, bool up)
{
	struct pr_role_state m = {.role = p->role, .up = up, .restarts = p->restarts};
	struct proc *j = &p->e->proc[ROLE_JUDGE];

	if (p != j && j->state == PROC_READY)
		ipc_send(j->ch, &pr_role_state_def, &m);
}

static void
on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct proc *p = arg;
	struct edge *e = p->e;

	p->state = PROC_READY;
	ipc_phase(c, 2);
	log_info("role_ready", "role", role_name(p->role), "pid", log_num(p->pid), NULL);
	tell_judge(p, true);
	if (p->role == ROLE_JUDGE)
		sessions_tell(&e->sessions, p->ch);
	for (size_t i = 0; i < NROLES; i++)
		if (e->proc[roles[i]].state != PROC_READY)
			return;
	if (e->announced)
		return;
	e->announced = true;
	puts("ready");
	fflush(stdout);
	notify_manager("READY=1");
}

/* --- sessions ------------------------------------------------------------------------------------------------- */

static struct sessions_with
sessions_now(struct edge *e, struct pr_start *start)
{
	struct proc *f = &e->proc[ROLE_FRONT], *j = &e->proc[ROLE_JUDGE];

	role_start_msg(e->conf, e->threads, start);
	start->store = "";
	return (struct sessions_with){.conf = e->conf,
	                              .start = start,
	                              .judge = j->state == PROC_READY ? j->ch : NULL,
	                              .front = f->state == PROC_READY ? f->ch : NULL};
}

static void
session_answer(struct ipc *c, uint32_t id, int code, const struct reason *why)
{
	struct pr_session_started m = {.code = (uint32_t)code, .why = why->text};

	ipc_reply(c, id, &pr_session_started_def, &m);
}

static void
on_session_start(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct edge *e = ((struct proc *)arg)->e;
	struct reason why = {0};
	struct pr_start start;
	struct sessions_with w = sessions_now(e, &start);
	int code = e->draining ? SP_BUSY : sessions_start(&e->sessions, &w, m, &why);

	session_answer(c, id, code, &why);
}

static void
on_session_attach(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct edge *e = ((struct proc *)arg)->e;
	struct reason why = {0};
	struct pr_start start;
	struct sessions_with w = sessions_now(e, &start);
	int code = sessions_attach(&e->sessions, &w, m, &why);

	session_answer(c, id, code, &why);
}

static void
on_session_kill(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct pr_session_kill *k = m;

	if (*k->session)
		sessions_kill(&((struct proc *)arg)->e->sessions, k->session);
}

/* --- dying --------------------------------------------------------------------------------------------------- */

static void
on_fatal(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_fatal *m = mv;
	struct proc *p = arg;

	log_error("role_fatal", "role", role_name(p->role), "why", m->why, NULL);
	if (!p->e->announced) { /* a start that cannot succeed is not tried again and again */
		fprintf(stderr, "sallyportd: %s: %s\n", role_name(p->role), m->why);
		p->e->status = 1;
		loop_stop(p->e->loop);
	}
}

static void
on_channel_closed(struct ipc *c, const char *why, void *arg)
{
	struct proc *p = arg;

	p->ch = NULL;
	if (p->pid > 0 && !p->e->draining) {
		log_warn("role_channel", "role", role_name(p->role), "why", why, NULL);
		kill(p->pid, SIGKILL); /* a role that broke its channel is not to be trusted with another */
	}
}

static void
drain_next(struct edge *e)
{
	struct pr_drain m = {0};

	if (e->proc[ROLE_FRONT].pid > 0)
		return; /* the others serve front's last requests */
	bool left = false;
	for (size_t i = 0; i < NROLES; i++) {
		struct proc *p = &e->proc[roles[i]];
		if (p->pid <= 0)
			continue;
		left = true;
		if (p->state == PROC_READY) {
			p->state = PROC_STARTING;
			ipc_send(p->ch, &pr_drain_def, &m);
		}
	}
	if (!left)
		loop_stop(e->loop);
}

static void
proc_died(struct proc *p, int status)
{
	struct edge *e = p->e;
	int64_t lived = clock_mono_ms() - p->started;

	if (!e->draining || !WIFEXITED(status) || WEXITSTATUS(status))
		log_warn("role_died", "role", role_name(p->role), "how", WIFSIGNALED(status) ? "signal" : "exit",
		         "value", log_num(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)), "lived_ms",
		         log_num(lived), NULL);
	p->pid = 0;
	p->state = PROC_DOWN;
	if (p->ch) {
		ipc_close(p->ch);
		p->ch = NULL;
	}
	tell_judge(p, false);
	if (e->draining) {
		drain_next(e);
		return;
	}
	if (!e->announced && lived < 2000 && p->restarts >= 3) {
		fprintf(stderr, "sallyportd: %s does not stay up; the log above says why\n", role_name(p->role));
		e->status = 1;
		loop_stop(e->loop);
		return;
	}
	p->backoff = lived >= LIVED_LONG_MS ? 0 : p->backoff ? p->backoff * 2 : 100;
	if (p->backoff > BACKOFF_MAX_MS)
		p->backoff = BACKOFF_MAX_MS;
	timer_start(e->loop, &p->again, p->backoff, proc_again, p);
}

static void
proc_again(void *arg)
{
	struct proc *p = arg;

	p->restarts++;
	if (proc_spawn(p) < 0 || join_pairs(p->e, p->role) < 0 || proc_go(p) < 0) {
		if (p->pid > 0)
			kill(p->pid, SIGKILL); /* comes back through SIGCHLD */
		else
			timer_start(p->e->loop, &p->again, BACKOFF_MAX_MS, proc_again, p);
	}
}

static void
on_chld(int signo, void *arg)
{
	struct edge *e = arg;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid <= 0)
			return;
		if (hook_died(&e->hook, pid, status) ||
		    sessions_died(&e->sessions, e->proc[ROLE_JUDGE].state == PROC_READY ? e->proc[ROLE_JUDGE].ch : NULL,
		                  pid, status))
			continue;
		for (size_t i = 0; i < NROLES; i++)
			if (e->proc[roles[i]].pid == pid)
				proc_died(&e->proc[roles[i]], status);
	}
}

/* --- watching ------------------------------------------------------------------------------------------------ */

static void
on_pong(int err, const void *m, void *arg)
{
	struct proc *p = arg;

	if (err == E_TIMEOUT && p->pid > 0) {
		log_error("role_hung", "role", role_name(p->role), NULL);
		kill(p->pid, SIGKILL);
	}
}

static void
on_ping_time(void *arg)
{
	struct edge *e = arg;
	struct pr_ping m = {0};

	for (size_t i = 0; i < NROLES; i++) {
		struct proc *p = &e->proc[roles[i]];
		if (p->state == PROC_READY)
			ipc_request(p->ch, &pr_ping_def, &m, &pr_pong_def, PING_DEADLINE_MS, on_pong, p);
	}
}

/* --- reload and drain ------------------------------------------------------------------------------------------ */

static void
send_reload(struct edge *e)
{
	struct pr_reload m = {0};
	struct reason why = {0};
	struct proc *f = &e->proc[ROLE_FRONT];

	if (f->state == PROC_READY && role_files(e->conf, ROLE_FRONT, give_file, f, &why) < 0) {
		log_error("reload_refused", "why", why.text, NULL);
		return;
	}
	struct proc *j = &e->proc[ROLE_JUDGE];
	if (j->state == PROC_READY)
		role_give_country(e->conf, give_file, j);
	for (size_t i = 0; i < NROLES; i++)
		if (e->proc[roles[i]].state == PROC_READY)
			ipc_send(e->proc[roles[i]].ch, &pr_reload_def, &m);
}

static char *const *
hook_of(const struct edge_conf *c)
{
	return c->acme_hook[0] ? c->acme_hook : NULL;
}

static void
on_hup(int signo, void *arg)
{
	struct edge *e = arg;
	struct edge_conf *fresh = NULL;
	struct conf_error err;
	struct reason why = {0};

	if (edge_conf_load(e->conf->dir, &fresh, &err) < 0) {
		log_error("reload_refused", "why", err.text, NULL); /* what runs goes on with what it has */
		return;
	}
	fresh->passphrase_fd = e->conf->passphrase_fd;
	if (role_files_check(fresh, &why) < 0) { /* else a role that dies later could not be started again */
		log_error("reload_refused", "why", why.text, NULL);
		edge_conf_free(fresh);
		return;
	}
	if (strcmp(fresh->listen, e->conf->listen) || strcmp(fresh->tunnel_listen, e->conf->tunnel_listen) ||
	    strcmp(fresh->metrics_listen, e->conf->metrics_listen) || strcmp(fresh->team.host, e->conf->team.host))
		log_warn("reload_partial", "why", "addresses and the team name change at a restart only", NULL);
	hook_change(&e->hook, hook_of(fresh));
	edge_conf_free(e->conf);
	e->conf = fresh;
	log_info("reload", NULL);
	send_reload(e);
}

/* Configured certificates are read again when their files change, as certbot and friends leave them. */
static bool
certs_changed(struct edge *e)
{
	bool changed = false;

	for (size_t i = 0; i < 2 * e->conf->ncerts; i++) {
		struct stat st;
		const char *path = i % 2 ? e->conf->certs[i / 2].key : e->conf->certs[i / 2].cert;
		if (stat(path, &st) < 0)
			continue;
		if (e->cert_time[i].tv_sec &&
		    (e->cert_time[i].tv_sec != st.st_mtim.tv_sec || e->cert_time[i].tv_nsec != st.st_mtim.tv_nsec))
			changed = true;
		e->cert_time[i] = st.st_mtim;
	}
	struct timespec was = e->country_time;
	struct stat st = {0};
	e->country_time = *e->conf->country_file && stat(e->conf->country_file, &st) == 0
	                      ? st.st_mtim
	                      : (struct timespec){.tv_nsec = -1};
	if (e->country_seen && (was.tv_sec != e->country_time.tv_sec || was.tv_nsec != e->country_time.tv_nsec))
		changed = true; /* came, went, or is another one */
	e->country_seen = true;
	return changed;
}

static void
on_certs_time(void *arg)
{
	struct edge *e = arg;

	if (certs_changed(e))
		send_reload(e);
}

static void
on_hook_done(void *arg)
{
	on_certs_time(arg);
}

static void
kill_all(void *arg)
{
	struct edge *e = arg;

	sessions_kill(&e->sessions, "");
	for (size_t i = 0; i < NROLES; i++)
		if (e->proc[roles[i]].pid > 0)
			kill(e->proc[roles[i]].pid, SIGKILL);
}

static void
on_term(int signo, void *arg)
{
	struct edge *e = arg;
	struct pr_drain m = {0};

	if (e->draining) {
		kill_all(e);
		return;
	}
	e->draining = true;
	log_info("drain", "signal", log_num(signo), NULL);
	notify_manager("STOPPING=1");
	for (size_t i = 0; i < NROLES; i++)
		timer_stop(&e->proc[roles[i]].again);
	sessions_drain(&e->sessions);
	timer_start(e->loop, &e->kill_timer, e->conf->drain_ms + KILL_GRACE_MS, kill_all, e);
	if (e->proc[ROLE_FRONT].state == PROC_READY)
		ipc_send(e->proc[ROLE_FRONT].ch, &pr_drain_def, &m);
	else if (e->proc[ROLE_FRONT].pid > 0)
		kill(e->proc[ROLE_FRONT].pid, SIGKILL);
	else
		drain_next(e);
}

/* --- the whole ------------------------------------------------------------------------------------------------- */

static int
open_listeners(struct edge *e)
{
	const char *want[3] = {e->conf->listen, e->conf->tunnel_listen, e->conf->metrics_listen};

	for (unsigned k = 0; k < 3; k++) {
		struct reason why = {0};
		if (listen_open(want[k], &e->lsn[k].fd, e->lsn[k].addr, &why) < 0) {
			fprintf(stderr, "sallyportd: %s\n", why.text);
			return E_IO;
		}
		log_info("listen", "kind",
		         k == LISTEN_USERS     ? "users"
		         : k == LISTEN_TUNNELS ? "tunnels"
		                               : "metrics",
		         "addr", e->lsn[k].addr, NULL);
	}
	return 0;
}

static int
start_all(struct edge *e)
{
	for (size_t i = 0; i < NROLES; i++)
		if (proc_spawn(&e->proc[roles[i]]) < 0)
			return E_IO;
	if (join_pairs(e, ROLE_PARENT) < 0)
		return E_IO;
	for (size_t i = 0; i < NROLES; i++)
		if (proc_go(&e->proc[roles[i]]) < 0)
			return E_IO;
	return 0;
}

static unsigned
thread_count(const struct edge_conf *c)
{
	long n = c->threads ? (long)c->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static void
edge_free(struct edge *e)
{
	kill_all(e);
	for (size_t i = 0; i < ROLE_N; i++) {
		struct proc *p = &e->proc[i];
		timer_stop(&p->again);
		if (p->ch)
			ipc_close(p->ch);
		if (p->pid > 0)
			waitpid(p->pid, NULL, 0);
	}
	sessions_release(&e->sessions);
	timer_stop(&e->ping);
	timer_stop(&e->kill_timer);
	timer_stop(&e->certs);
	hook_stop(&e->hook);
	signal_stop(&e->term);
	signal_stop(&e->intr);
	signal_stop(&e->hup);
	signal_stop(&e->chld);
	for (unsigned k = 0; k < 3; k++)
		if (e->lsn[k].fd > 0)
			close(e->lsn[k].fd);
	loop_free(e->loop);
	edge_conf_free(e->conf);
}

int
edge_run(struct edge_conf *c)
{
	struct edge e = {.conf = c, .threads = thread_count(c)};
	struct reason why = {0};

	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < ROLE_N; i++)
		e.proc[i] = (struct proc){.e = &e, .role = i};
	if (loop_new(&e.loop) < 0) {
		edge_conf_free(c);
		return 1;
	}
	sessions_init(&e.sessions, e.loop);
	e.status = 1;
	if (role_dirs(c, &why) < 0) {
		fprintf(stderr, "sallyportd: %s\n", why.text);
		goto out;
	}
	if (open_listeners(&e) < 0)
		goto out;
	if (signal_start(e.loop, &e.term, SIGTERM, on_term, &e) < 0 ||
	    signal_start(e.loop, &e.intr, SIGINT, on_term, &e) < 0 ||
	    signal_start(e.loop, &e.hup, SIGHUP, on_hup, &e) < 0 ||
	    signal_start(e.loop, &e.chld, SIGCHLD, on_chld, &e) < 0)
		goto out;
	if (start_all(&e) < 0)
		goto out;
	certs_changed(&e);
	hook_start(&e.hook, e.loop, hook_of(c), on_hook_done, &e);
	timer_repeat(e.loop, &e.ping, PING_EVERY_MS, on_ping_time, &e);
	timer_repeat(e.loop, &e.certs, CERT_CHECK_MS, on_certs_time, &e);
	e.status = 0;
	loop_run(e.loop);
	log_info("stopped", NULL);
out:
	edge_free(&e);
	return e.status;
}
