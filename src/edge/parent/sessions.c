#include "edge/parent/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/parent/role_proc.h"

#define ID_LEN 32u
#define MAP_MAX 100000u /* sessions.max can be no more */

struct one {
	char id[ID_LEN + 1];
	pid_t pid;
	struct ipc *ch;
	bool running; /* it answered ready */
	char how[64]; /* it ended while there was no judge to tell; "" = it lives */
	struct loop_timer late;
};

#define LATE_MS 15000 /* from its start to ready */

static void
one_free(void *v)
{
	struct one *o = v;

	timer_stop(&o->late);
	ipc_close(o->ch);
	free(o);
}

static void
on_ready(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct one *o = arg;

	o->running = true;
	timer_stop(&o->late);
	ipc_phase(c, 2);
}

static void
on_fatal(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct pr_fatal *m = mv;

	log_error("session_fatal", "session", ((struct one *)arg)->id, "why", m->why, NULL);
}

static void
on_closed(struct ipc *c, const char *why, void *arg)
{
	struct one *o = arg;

	o->ch = NULL;
	if (o->pid > 0)
		kill(o->pid, SIGKILL); /* at its own end it is gone already; the memory goes when it is reaped */
}

static const struct ipc_row rows[] = {
    {&pr_ready_def, 1, IPC_ONCE, on_ready},
    {&pr_fatal_def, 1 | 2, IPC_ONCE, on_fatal},
};
static const struct ipc_ops ops = {rows, sizeof rows / sizeof *rows, on_closed};

static void
on_late(void *arg)
{
	struct one *o = arg;

	log_error("session_late", "session", o->id, NULL);
	kill(o->pid, SIGKILL);
}

void
sessions_init(struct sessions *s, struct loop *l)
{
	s->loop = l;
	map_init(&s->map, MAP_MAX, random_u64(), one_free);
}

/* --- descriptors -------------------------------------------------------------------------------------------------- */

/* A pair between two channels: a gets da with ma, b gets db with mb. */
static int
join(struct ipc *a, const struct msg_def *da, const void *ma, struct ipc *b, const struct msg_def *db, const void *mb)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return E_IO;
	int e = ipc_send_fd(a, da, ma, sv[0]);
	if (e == 0)
		e = ipc_send_fd(b, db, mb, sv[1]);
	close(sv[0]);
	close(sv[1]);
	return e;
}

static int
give_pair(const struct sessions_with *w, struct one *o, enum session_pair which, uint64_t ticket)
{
	struct pr_session_pair m = {.pair = which, .ticket = ticket};

	return join(o->ch, &pr_session_pair_def, &m, w->front, &pr_session_pair_def, &m);
}

static int
give_recording(const struct sessions_with *w, struct one *o, struct reason *why)
{
	struct pr_file m = {.name = "recording"};
	struct role_ids ids;
	char path[4300];

	snprintf(path, sizeof path, "%s/audit/recordings/%s.rec", w->conf->dir, o->id);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600), e = 0;
	if (fd < 0)
		return reason_set(why, E_IO, SP_STORE, "%s: %s", path, strerror(errno));
	role_ids(w->conf, ROLE_JUDGE, &ids); /* who reads it later; the session has it open for appending only */
	if (geteuid() == 0 && fchown(fd, ids.uid, ids.gid) < 0)
		e = E_IO;
	if (e == 0)
		e = ipc_send_fd(o->ch, &pr_file_def, &m, fd);
	close(fd);
	return e < 0 ? reason_set(why, e, SP_STORE, "%s: %s", path, err_str(e)) : 0;
}

/* Everything a new one is given, in the order the role protocol has. */
static int
configure(struct sessions *s, const struct sessions_with *w, struct one *o, const struct pr_session_start *m,
          struct reason *why)
{
	struct pr_peer peer = {.role = ROLE_JUDGE};
	struct pr_session_channel ch = {.session = o->id};
	struct pr_go go = {0};
	int e;

	if ((e = ipc_send(o->ch, &pr_start_def, w->start)) < 0 || (m->record && (e = give_recording(w, o, why)) < 0) ||
	    (e = give_pair(w, o, PAIR_USER, m->user)) < 0 || (e = give_pair(w, o, PAIR_HOST, m->host)) < 0 ||
	    (e = join(o->ch, &pr_peer_def, &peer, w->judge, &pr_session_channel_def, &ch)) < 0 ||
	    (e = ipc_send(o->ch, &pr_go_def, &go)) < 0)
		return e;
	return timer_start(s->loop, &o->late, LATE_MS, on_late, o);
}

static bool
id_ok(const char *id)
{
	return strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN;
}

int
sessions_start(struct sessions *s, const struct sessions_with *w, const struct pr_session_start *m, struct reason *why)
{
	size_t max = w->conf->sessions_max;
	struct one *o;
	int fd, e;

	if (!id_ok(m->session) || map_get(&s->map, m->session) || !w->judge || !w->front) {
		reason_set(why, E_STATE, SP_INTERNAL, "not now");
		return SP_INTERNAL;
	}
	if (map_len(&s->map) >= max) {
		reason_set(why, E_LIMIT, SP_SESSION_FULL, "%zu sessions run (sessions.max in sallyportd.yml)", max);
		return SP_SESSION_FULL;
	}
	if (!(o = calloc(1, sizeof *o)))
		return SP_INTERNAL;
	str_copy(o->id, sizeof o->id, m->session);
	if ((e = map_put(&s->map, o->id, o)) < 0) {
		free(o);
		return SP_INTERNAL;
	}
	if ((e = role_spawn(w->conf, ROLE_SESSION, NULL, &o->pid, &fd, why)) < 0) {
		log_error("session_spawn", "why", why->text, NULL);
		map_del(&s->map, m->session);
		return SP_INTERNAL;
	}
	if ((e = ipc_new(s->loop, fd, "session", &ops, o, &o->ch)) < 0 || (e = configure(s, w, o, m, why)) < 0) {
		if (!why->code)
			reason_set(why, e, SP_INTERNAL, "%s", err_str(e));
		log_error("session_start", "session", o->id, "why", why->text, NULL);
		kill(o->pid, SIGKILL); /* comes back through SIGCHLD */
		return why->code;
	}
	return 0;
}

int
sessions_attach(struct sessions *s, const struct sessions_with *w, const struct pr_session_attach *m,
                struct reason *why)
{
	struct one *o = map_get(&s->map, m->session);

	if (!o || !o->ch || !o->running) {
		reason_set(why, E_NOENT, SP_SESSION_GONE, "no such session");
		return SP_SESSION_GONE;
	}
	if (!w->front || give_pair(w, o, PAIR_USER, m->user) < 0) {
		reason_set(why, E_IO, SP_INTERNAL, "no pair");
		return SP_INTERNAL;
	}
	return 0;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

void
sessions_kill(struct sessions *s, const char *id)
{
	struct map_iter it = {0};

	while (map_next(&s->map, &it)) {
		struct one *o = it.value;
		if (o->pid > 0 && (!*id || !strcmp(o->id, id)))
			kill(o->pid, SIGKILL);
	}
}

bool
sessions_died(struct sessions *s, struct ipc *judge, int pid, int status)
{
	struct map_iter it = {0};

	while (map_next(&s->map, &it)) {
		struct one *o = it.value;
		if (o->pid != pid || !pid)
			continue;
		if (WIFSIGNALED(status))
			snprintf(o->how, sizeof o->how, "signal %d", WTERMSIG(status));
		else
			snprintf(o->how, sizeof o->how, "exit %d", WEXITSTATUS(status));
		if (status)
			log_warn("session_died", "session", o->id, "how", o->how, NULL);
		o->pid = 0;
		timer_stop(&o->late);
		sessions_tell(s, judge);
		return true;
	}
	return false;
}

void
sessions_tell(struct sessions *s, struct ipc *judge)
{
	struct map_iter it = {0};

	while (judge && map_next(&s->map, &it)) {
		struct one *o = it.value;
		struct pr_session_ended m = {.session = o->id, .how = o->how};
		if (!*o->how || ipc_send(judge, &pr_session_ended_def, &m) < 0)
			continue;
		map_del(&s->map, it.key);
	}
}

void
sessions_drain(struct sessions *s)
{
	struct map_iter it = {0};
	struct pr_drain m = {0};

	while (map_next(&s->map, &it)) {
		struct one *o = it.value;
		if (o->running)
			ipc_send(o->ch, &pr_drain_def, &m);
		else if (o->pid > 0)
			kill(o->pid, SIGKILL);
	}
}

void
sessions_release(struct sessions *s)
{
	struct map_iter it = {0};

	sessions_kill(s, "");
	while (map_next(&s->map, &it)) {
		struct one *o = it.value;
		if (o->pid > 0)
			waitpid(o->pid, NULL, 0);
		o->pid = 0;
	}
	map_release(&s->map);
}
