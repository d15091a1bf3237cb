/* session: the parent's and judge's channels: start, certificate, verdicts, the end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/session/session.h"
#include "edge/session/session_host.h"
#include "io/sandbox.h"

#define HOST_LOST_MS 300
#define JUDGE_MS 20000 /* its own request to the signer ends before */

/* --- the end ------------------------------------------------------------------------------------------------------ */

void
sess_gone(struct sess *s)
{
	if (s->state == SESS_GONE)
		return;
	s->state = SESS_GONE;
	timer_stop(&s->goodbye);
	timer_stop(&s->lost);
	struct se_ended m = {.code = (uint32_t)s->end_code,
	                     .why = s->end_why,
	                     .exited = s->exited,
	                     .status = s->exit_status,
	                     .bytes_in = s->bytes_in,
	                     .bytes_out = s->bytes_out};
	if (s->judge && ipc_send(s->judge, &se_ended_def, &m) == 0)
		ipc_flush(s->judge);
	role_exit(s->run);
}

static void
on_goodbye(void *arg)
{
	sess_gone(arg);
}

void
sess_end(struct sess *s, int code, const char *fmt, ...)
{
	va_list ap;

	if (s->state >= SESS_ENDING)
		return;
	va_start(ap, fmt);
	vsnprintf(s->end_why, sizeof s->end_why, fmt, ap);
	va_end(ap);
	s->end_code = code;
	s->state = SESS_ENDING;
	log_info("session_end", "session", s->id, "code", log_num(code), "why", s->end_why, NULL);
	if (!s->m || timer_start(s->loop, &s->goodbye, SESSION_GOODBYE_MS, on_goodbye, s) < 0)
		sess_gone(s);
	else
		s->mode->end(s, code, s->end_why);
}

void
sess_state(struct sess *s, enum session_state_at at)
{
	struct se_state m = {.state = at, .bytes_in = s->bytes_in, .bytes_out = s->bytes_out};

	ipc_send(s->judge, &se_state_def, &m);
}

void
sess_event(struct sess *s, const char *kind, struct json_t *detail)
{
	char *text = detail ? json_dump_str(detail) : NULL;
	struct se_event m = {.kind = kind, .detail = text ? text : "{}"};

	if (ipc_send(s->judge, &se_event_def, &m) < 0) /* what cannot be told must not go on */
		sess_end(s, SP_INTERNAL, "The edge's audit log cannot be reached.");
	free(text);
	json_decref(detail);
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static void
on_certificate(int err, const void *mv, void *arg)
{
	const struct se_cert_is *m = mv;
	struct sess *s = arg;

	if (s->state != SESS_CONNECTING)
		return;
	if (err < 0 || m->code) {
		sess_end(s, err < 0 ? SP_INTERNAL : (int)m->code, "%s",
		         err < 0 ? "The edge did not make a certificate in time. Try again." : m->text);
		return;
	}
	s->serial = m->serial;
	host_certificate(s->host, m->certificate);
}

/* host_new calls this before it returns: s->host may not be there yet, the answer comes later in any case. */
static void
on_key_made(struct host *h, const char *public_key, void *arg)
{
	struct sess *s = arg;
	struct se_cert_ask m = {.public_key = public_key};

	if (ipc_request(s->judge, &se_cert_ask_def, &m, &se_cert_is_def, JUDGE_MS, on_certificate, s) < 0)
		sess_end(s, SP_INTERNAL, "The edge cannot make a certificate now. Try again.");
}

static void
on_verdict(int err, const void *mv, void *arg)
{
	const struct se_verdict *m = mv;
	struct sess *s = arg;

	if (s->state != SESS_CONNECTING)
		return;
	if (err < 0 || m->code)
		sess_end(s, err < 0 ? SP_INTERNAL : (int)m->code, "%s",
		         err < 0 ? "The edge did not check the host's key in time. Try again." : m->text);
	else
		host_key_good(s->host);
}

static void
on_host_key(struct host *h, const char *line, void *arg)
{
	struct sess *s = arg;
	struct se_host_key m = {.key = line};

	if (ipc_request(s->judge, &se_host_key_def, &m, &se_verdict_def, JUDGE_MS, on_verdict, s) < 0)
		sess_end(s, SP_INTERNAL, "The edge cannot check the host's key.");
}

static void
on_host_ready(struct host *h, void *arg)
{
	struct sess *s = arg;

	if (s->state != SESS_CONNECTING)
		return;
	s->state = SESS_READY;
	sess_state(s, SESSION_BEGUN);
	s->mode->ready(s);
}

static void
on_lost(void *arg)
{
	struct sess *s = arg;

	sess_end(s, SP_HOST_LOST, "%s", s->lost_why);
}

/* A cut takes the host away at once; judge's word why is on its way and says more. */
static void
on_host_ended(struct host *h, int code, const char *text, void *arg)
{
	struct sess *s = arg;

	if (code != SP_HOST_LOST || s->state != SESS_READY || str_copy(s->lost_why, sizeof s->lost_why, text) < 0 ||
	    timer_start(s->loop, &s->lost, HOST_LOST_MS, on_lost, s) < 0)
		sess_end(s, code, "%s", text);
}

static const struct host_ops host_ops = {
    .key_made = on_key_made, .host_key = on_host_key, .ready = on_host_ready, .ended = on_host_ended};

/* --- judge -------------------------------------------------------------------------------------------------------- */

struct waiting_user { /* U came before se_start */
	int fd;
	uint64_t ticket;
};
static struct waiting_user waiting = {.fd = -1};
static bool confined;

static void
begin(struct sess *s)
{
	struct host_conf c = {.loop = s->loop,
	                      .fd = s->host_fd,
	                      .pump = {s->pump[0], s->pump[1]},
	                      .user = s->user,
	                      .ca = s->ca,
	                      .where = *s->destination ? s->destination : s->app,
	                      .host_key_types = s->host_key_types};

	if (s->state != SESS_NEW || !confined || !*s->id || s->host_fd < 0)
		return;
	s->state = SESS_CONNECTING;
	if (s->mode->begin(s) < 0) {
		role_fatal(s->run, "the session could not be begun");
		return;
	}
	s->host_fd = s->pump[0] = s->pump[1] = -1;
	if (host_new(&c, &host_ops, s, &s->host) < 0) {
		sess_end(s, SP_INTERNAL, "The edge cannot start its SSH client.");
		return;
	}
	if (waiting.fd >= 0)
		s->mode->user(s, waiting.fd, waiting.ticket);
	waiting.fd = -1;
}

static void
on_se_start(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_start *m = mv;
	struct sess *s = arg;
	struct buf ext;
	const struct {
		char *to;
		size_t size;
		const char *from;
	} copy[] = {{s->id, sizeof s->id, m->session},
	            {s->app, sizeof s->app, m->app},
	            {s->destination, sizeof s->destination, m->destination},
	            {s->email, sizeof s->email, m->email},
	            {s->user, sizeof s->user, m->user},
	            {s->ca, sizeof s->ca, m->ca},
	            {s->host_key_types, sizeof s->host_key_types, m->host_key_types},
	            {s->seal_to, sizeof s->seal_to, m->seal_to}};

	ipc_phase(c, 2);
	for (size_t i = 0; i < sizeof copy / sizeof *copy; i++)
		str_copy(copy[i].to, copy[i].size, copy[i].from);
	buf_init(&ext, 8192);
	for (size_t i = 0; i < m->extensions.n; i++)
		buf_putf(&ext, "%s%s", i ? " " : "", m->extensions.v[i]);
	s->extensions = buf_take_str(&ext);
	s->kind = (enum session_mode)m->mode;
	s->audit = (enum session_audit)m->audit;
	s->record_input = m->record_input;
	s->until = m->until;
	s->idle_s = m->idle_s;
	s->detached_s = m->detached_s;
	if (m->mode != SESSION_WEB) {
		role_fatal(s->run, "this program has no mode %u", m->mode);
		return;
	}
	s->mode = &mode_web;
	begin(s);
}

static void
on_se_end(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_end *m = mv;

	sess_end(arg, (int)m->code, "%s", m->text);
}

static void
on_se_notice(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_notice *m = mv;
	struct sess *s = arg;

	if (s->m && s->state < SESS_ENDING)
		s->mode->notice(s, (int)m->code, m->text);
}

static void
on_se_limits(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	((struct sess *)arg)->until = ((const struct se_limits *)mv)->until;
}

static void
on_judge_closed(struct ipc *c, const char *why, void *arg)
{
	struct sess *s = arg;

	s->judge = NULL;
	sess_end(s, SP_INTERNAL, "The edge was restarted. Open the session again.");
}

static const struct ipc_row judge_rows[] = {
    {&se_start_def, 1, IPC_ONCE, on_se_start},
    {&se_end_def, 1 | 2, 0, on_se_end},
    {&se_notice_def, 2, 0, on_se_notice},
    {&se_limits_def, 2, 0, on_se_limits},
};
static const struct ipc_ops judge_ops = {judge_rows, sizeof judge_rows / sizeof *judge_rows, on_judge_closed};

/* --- the parent --------------------------------------------------------------------------------------------------- */

static int
start(struct role_run *run, const struct pr_start *m, void *arg)
{
	struct sess *s = arg;

	s->run = run;
	s->loop = role_loop(run);
	return 0;
}

static int
file(struct role_run *run, const char *name, int fd, void *arg)
{
	struct sess *s = arg;

	if (strcmp(name, "recording") || s->record_fd >= 0) {
		close(fd);
		return E_STATE;
	}
	s->record_fd = fd;
	return 0;
}

static int
peer(struct role_run *run, enum role who, unsigned index, int fd, void *arg)
{
	struct sess *s = arg;

	if (who != ROLE_JUDGE || s->judge) {
		close(fd);
		return E_STATE;
	}
	return ipc_new(s->loop, fd, "judge", &judge_ops, s, &s->judge);
}

static int
pair(struct role_run *run, const struct pr_session_pair *m, int fd, void *arg)
{
	struct sess *s = arg;

	if (m->pair == PAIR_HOST) {
		if (s->host_fd >= 0 || s->host) {
			close(fd);
			return E_STATE;
		}
		s->host_fd = fd;
		return 0;
	}
	if (s->m && s->state < SESS_ENDING) {
		s->mode->user(s, fd, m->ticket);
	} else if (!s->m && waiting.fd < 0) {
		waiting = (struct waiting_user){fd, m->ticket};
	} else {
		close(fd);
	}
	return 0;
}

static int
go(struct role_run *run, void *arg)
{
	struct sess *s = arg;
	bool enforced;

	if (host_pump(s->pump) < 0 || host_pump(s->upump) < 0)
		return role_fatal(run, "socketpair");
	if (sandbox_landlock(NULL, NULL, &enforced) < 0 ||
	    sandbox_enter(SANDBOX_SESSION, &(struct sandbox_limits){.nofile = SESSION_FDS, .memory = SESSION_MEMORY}) <
	        0)
		return role_fatal(run, "the sandbox could not be entered");
	confined = true;
	begin(s);
	return 0;
}

static void
drain(struct role_run *run, void *arg)
{
	struct sess *s = arg;

	if (s->state == SESS_NEW)
		role_exit(run);
	else
		sess_end(s, SP_INTERNAL, "The edge is being stopped. Open the session again in a moment.");
}

int
main(void)
{
	static const struct role_ops ops = {
	    .start = start, .file = file, .peer = peer, .session_pair = pair, .go = go, .drain = drain};
	static struct sess s = {.host_fd = -1, .pump = {-1, -1}, .upump = {-1, -1}, .record_fd = -1, .mode = &mode_web};
	int status = role_main("session", &ops, &s);

	s.mode->release(&s);
	host_free(s.host);
	ipc_close(s.judge);
	free(s.extensions);
	return status;
}
