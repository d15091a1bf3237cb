#include "edge/judge/ssh_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/host_key.h"
#include "edge/judge/login.h"
#include "edge/judge/tunnel_sources.h"
#include "wire/websocket.h"
#include "crypto/random.h"

#define PARENT_MS 15000  /* fork, exec; it answers when the process has its descriptors */
#define CERT_TTL_MAX 300 /* one use, at once; the application's own certificate_ttl when that is shorter */

/* --- the table ---------------------------------------------------------------------------------------------------- */

void
ssh_session_drop(void *v)
{
	struct ssh_session *x = v;

	ipc_close(x->ipc);
	secret_release(&x->token);
	free(x);
}

struct ssh_session *
ssh_session_get(const struct judge *j, const char *id)
{
	return map_get(&j->ssh_sessions, id);
}

size_t
ssh_session_count(const struct judge *j, const char *session)
{
	struct map_iter it = {0};
	size_t n = 0;

	while (map_next(&j->ssh_sessions, &it))
		n += !strcmp(((struct ssh_session *)it.value)->session, session);
	return n;
}

/* Before its process was there. */
static void
forget(struct ssh_session *x)
{
	struct judge *j = x->j;
	char id[33];

	str_copy(id, sizeof id, x->id);
	ticket_forget(j, x->user_ticket);
	ticket_forget(j, x->host_ticket);
	map_del(&j->ssh_sessions, id);
}

int
ssh_session_new(struct req *r, const struct session *s, const struct ssh_session_want *w, struct ssh_session **ret_x)
{
	struct judge *j = r->j;
	struct ticket *user, *host;
	struct ssh_session *x;

	if (ssh_session_count(j, s->id) >= SSH_SESSIONS_PER_LOGIN)
		return SP_SESSION_FULL;
	if (!(x = calloc(1, sizeof *x)))
		return SP_INTERNAL;
	x->j = j;
	judge_random_hex(x->id, 16);
	x->mode = w->mode;
	x->made_at = judge_now();
	str_copy(x->session, sizeof x->session, s->id);
	str_copy(x->app, sizeof x->app, r->app->app->id);
	str_copy(x->email, sizeof x->email, s->email);
	str_copy(x->idp, sizeof x->idp, s->idp ? s->idp : "");
	str_copy(x->ip, sizeof x->ip, r->client_ip);
	str_copy(x->country, sizeof x->country, r->who.country ? r->who.country : "");
	str_copy(x->destination, sizeof x->destination, w->destination);
	str_copy(x->asked, sizeof x->asked, w->asked);
	str_copy(x->user, sizeof x->user, w->user);
	str_copy(x->host, sizeof x->host, r->host);
	x->front = r->front ? r->front->index : 0;
	str_copy(x->ca, sizeof x->ca, w->ca);
	int code = secret_set(&x->token, w->token, strlen(w->token) + 1) < 0 ? SP_TOO_LARGE : 0;
	if (!code && map_put(&j->ssh_sessions, x->id, x) < 0)
		code = SP_SESSION_FULL;
	if (code) {
		ssh_session_drop(x);
		return code;
	}
	if ((code = ticket_new(j, r, s, r->app, w->destination, &user)) == 0) {
		x->user_ticket = user->id;
		str_copy(user->ssh, sizeof user->ssh, x->id);
		if ((code = ticket_new(j, r, s, r->app, w->destination, &host)) == 0) {
			x->host_ticket = host->id;
			str_copy(host->ssh, sizeof host->ssh, x->id);
			host->host = true;
			x->until = host->until;
		}
	}
	if (code)
		forget(x);
	else
		*ret_x = x;
	return code;
}

/* --- words with the process --------------------------------------------------------------------------------------- */

void
ssh_session_end(struct ssh_session *x, int code, const char *text)
{
	struct se_end m = {.code = (uint32_t)code, .text = text};

	if (x->ended || x->kill_at)
		return;
	x->kill_at = judge_now() + SSH_END_SEC;
	ipc_send(x->ipc, &se_end_def, &m);
}

void
ssh_session_cut(struct judge *j, const char *id, const char *why)
{
	struct ssh_session *x = ssh_session_get(j, id);
	char text[SE_TEXT_MAX];

	if (!x)
		return;
	snprintf(text, sizeof text, "Your access was withdrawn: %s.", why);
	ssh_session_end(x, SP_SESSION_CUT, text);
}

static void
note(struct ssh_session *x, enum event_kind kind, int code, const char *why, json_t *details)
{
	const struct app_view *a = snapshot_app_by_id(x->j->snap, x->app);

	judge_audit(x->j, NULL,
	            &(struct audit_note){.kind = kind,
	                                 .actor = x->email,
	                                 .subject = *x->destination ? x->destination
	                                            : a             ? a->app->domain
	                                                            : "",
	                                 .app = x->app,
	                                 .domain = a ? a->app->domain : "",
	                                 .session = x->session,
	                                 .ip = x->ip,
	                                 .code = code,
	                                 .why = why,
	                                 .details = details});
	json_decref(details);
}

static json_t *
about(const struct ssh_session *x)
{
	char serial[24];

	snprintf(serial, sizeof serial, "%llu", (unsigned long long)x->serial);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "ssh_session", x->id, "user", x->user, "idp", x->idp, "serial",
	                 serial, "mode", x->mode == SESSION_WEB ? "web" : "ssh");
}

static void
cert_answer(struct ssh_session *x, int code, const char *text, const struct js_cert_is *c)
{
	struct se_cert_is m = {
	    .code = (uint32_t)code, .text = text, .certificate = c ? c->certificate : "", .serial = c ? c->serial : 0};

	secret_release(&x->token);
	ipc_reply(x->ipc, x->cert_id, &se_cert_is_def, &m);
}

static void
cert_refused(struct ssh_session *x, int code, const char *why)
{
	char text[SE_TEXT_MAX];

	x->j->n.certs_refused++;
	note(x, EVENT_CERT_REFUSED, code, why, about(x));
	snprintf(text, sizeof text, "No certificate for user %s: %s", x->user, sp_text(code));
	cert_answer(x, code, text, NULL);
}

/* Once there is a token to show that is worth nothing at the terminal's door. */
static void
host_stream(struct ssh_session *x, const struct app_view *a, const char *token)
{
	struct front *f = &x->j->front[x->front];
	uint8_t rnd[16];
	char key[25], ray[17];
	const char *v[16];
	size_t n = 0;

	random_bytes(rnd, sizeof rnd);
	ws_key_make(rnd, key);
	snprintf(ray, sizeof ray, "%016llx", (unsigned long long)x->host_ticket);
#define H(name, value) (v[n++] = (name), v[n++] = (value))
	H("cf-cloudflared-proxy-connection-upgrade", "websocket");
	H("sec-websocket-key", key);
	H("sec-websocket-version", "13");
	if (*x->destination)
		H("cf-access-jump-destination", x->destination);
	H("cf-access-jwt-assertion", token);
	H("cf-connecting-ip", x->ip);
	H("cf-ray", ray);
#undef H
	struct fj_host_stream m = {.ticket = x->host_ticket,
	                           .tunnel = a->tunnel ? a->tunnel->id : "",
	                           .authority = x->host,
	                           .path = "/",
	                           .headers = {v, n},
	                           .until = x->until};
	if (!a->tunnel || ipc_send(f->ipc, &fj_host_stream_def, &m) < 0)
		ssh_session_end(x, SP_INTERNAL, "The edge was restarted. Open the session again.");
}

/* The session may be gone by the time the signer answers: it is known by its id only. */
struct cert_wait {
	struct judge *j;
	char id[33];
};

static void
signed_(int err, const void *mv, void *arg)
{
	struct cert_wait *w = arg;
	const struct js_cert_is *m = mv;
	struct ssh_session *x = ssh_session_get(w->j, w->id);
	struct judge *j = w->j;
	struct policy_verdict v = {0};
	const struct app_view *a;
	struct reason why = {0};
	const char *name;

	free(w);
	if (!x || !x->ipc)
		return;
	int code = signer_code(err, m ? m->code : 0);
	if (!code && !(code = ticket_stands(j, x->host_ticket, &a, &v, &why)))
		code = cert_principal(a->app, snapshot_policy(j->snap, a, &v), x->email, x->user, &name);
	if (!code && strcmp(m->principal, x->user))
		code = SP_PRINCIPAL;
	if (code) {
		cert_refused(x, code, *why.text ? why.text : m && *m->why ? m->why : "no answer from the signer");
		return;
	}
	x->serial = m->serial;
	j->n.certs++;
	json_t *d = about(x);
	json_object_set_new(d, "key_id", json_string(m->key_id));
	json_object_set_new(d, "fingerprint", json_string(m->fingerprint));
	note(x, EVENT_CERT_ISSUED, 0, "edge session", d);
	cert_answer(x, 0, "", m);
	host_stream(x, a, m->stream_token);
}

static void
cert_order(struct ssh_session *x, const struct app_view *a, const struct policy_verdict *v, const char *key)
{
	struct cert_sources from;
	struct judge *j = x->j;
	struct cert_wait *w = malloc(sizeof *w);

	if (!w) {
		cert_refused(x, SP_INTERNAL, "out of memory");
		return;
	}
	cert_sources(j, a, &from);
	w->j = j;
	str_copy(w->id, sizeof w->id, x->id);
	int64_t ttl = a->app->ssh.certificate_ttl_ms / 1000;
	if (ttl > CERT_TTL_MAX)
		ttl = CERT_TTL_MAX;
	if (v->approved_until && v->approved_until - judge_now() < ttl)
		ttl = v->approved_until - judge_now();
	struct js_cert_sign m = {.app_token = (const char *)x->token.d,
	                         .aud = a->app->aud,
	                         .public_key = key,
	                         .principal = x->asked,
	                         .ttl = ttl,
	                         .extensions = {(const char **)a->app->ssh.extensions.v, a->app->ssh.extensions.n},
	                         .source_address = {from.v, from.n},
	                         .edge_session = x->id};
	signer_ask(j, &js_cert_sign_def, &m, &js_cert_is_def, signed_, w);
}

static void
on_cert_ask(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_cert_ask *m = mv;
	struct ssh_session *x = arg;
	struct policy_verdict v = {0};
	const struct app_view *a;
	struct reason why = {0};

	x->cert_id = id;
	int code = x->token.d ? ticket_stands(x->j, x->host_ticket, &a, &v, &why) : SP_INTERNAL;
	if (code)
		cert_refused(x, code, why.text);
	else
		cert_order(x, a, &v, m->public_key);
}

static void
on_host_key(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_host_key *m = mv;
	struct ssh_session *x = arg;
	const struct app_view *a = snapshot_app_by_id(x->j->snap, x->app);
	char text[SE_TEXT_MAX] = "The application was removed.";
	struct reason why = {0};
	bool fresh = false;
	int code = SP_SESSION_CUT;

	if (a) {
		struct host_key_case k = {
		    .app = a->app, .destination = x->destination, .email = x->email, .key = m->key};
		text[0] = '\0';
		code = host_key_judge(x->j, &k, &fresh, &why, text, sizeof text);
	}
	if (code || fresh) {
		json_t *d = about(x);
		json_object_set_new(d, "host_key", json_string(m->key));
		note(x, code ? EVENT_HOST_KEY_REFUSED : EVENT_HOST_KEY_PINNED, code, why.text, d);
	}
	struct se_verdict answer = {.code = (uint32_t)code, .text = text};
	ipc_reply(c, id, &se_verdict_def, &answer);
}

static void
on_state(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_state *m = mv;
	struct ssh_session *x = arg;

	x->bytes_in = m->bytes_in;
	x->bytes_out = m->bytes_out;
	x->detached = m->state == SESSION_DETACHED;
	if (m->state != SESSION_BEGUN || x->begun)
		return;
	x->begun = true;
	x->began_at = judge_now();
	note(x, EVENT_SSH_BEGAN, 0, NULL, about(x));
}

static void
over(struct ssh_session *x, int code, const char *why, bool exited, uint32_t status)
{
	json_t *d;

	if (x->ended)
		return;
	x->ended = true;
	d = about(x);
	json_object_set_new(d, "bytes_in", json_integer((json_int_t)(x->bytes_in & INT64_MAX)));
	json_object_set_new(d, "bytes_out", json_integer((json_int_t)(x->bytes_out & INT64_MAX)));
	json_object_set_new(d, "seconds", json_integer(x->began_at ? judge_now() - x->began_at : 0));
	if (exited)
		json_object_set_new(d, "exit_status", json_integer(status));
	note(x, EVENT_SSH_ENDED, code, why, d);
}

static void
on_ended(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct se_ended *m = mv;
	struct ssh_session *x = arg;

	x->bytes_in = m->bytes_in;
	x->bytes_out = m->bytes_out;
	over(x, (int)m->code, m->why, m->exited, m->status);
	x->kill_at = x->kill_at ? x->kill_at : judge_now() + SSH_END_SEC;
}

static void
finish(struct ssh_session *x)
{
	char id[33];

	over(x, SP_INTERNAL, x->how, false, 0);
	str_copy(id, sizeof id, x->id);
	map_del(&x->j->ssh_sessions, id);
}

static void
on_closed(struct ipc *c, const char *why, void *arg)
{
	struct ssh_session *x = arg;

	x->ipc = NULL; /* the parent says how it ended; what broke the protocol is killed */
	if (x->gone) {
		finish(x);
		return;
	}
	if (!x->ended)
		log_warn("ssh_session_lost", "session", x->id, "why", why, NULL);
	x->kill_at = x->kill_at ? x->kill_at : judge_now();
}

static const struct ipc_row rows[] = {
    {&se_cert_ask_def, 1, IPC_ONCE | IPC_REQUEST, on_cert_ask},
    {&se_host_key_def, 1, IPC_ONCE | IPC_REQUEST, on_host_key},
    {&se_state_def, 1, 0, on_state},
    {&se_ended_def, 1, IPC_ONCE, on_ended},
};
static const struct ipc_ops ops = {rows, sizeof rows / sizeof *rows, on_closed};

/* --- its start ---------------------------------------------------------------------------------------------------- */

static void
say_start(struct ssh_session *x, const struct app_view *a)
{
	char types[512];
	struct se_start m = {.session = x->id,
	                     .mode = x->mode,
	                     .app = a->app->domain,
	                     .destination = x->destination,
	                     .email = x->email,
	                     .user = x->user,
	                     .ca = x->ca,
	                     .host_key_types = types,
	                     .extensions = {(const char **)a->app->ssh.extensions.v, a->app->ssh.extensions.n},
	                     .until = x->until,
	                     .idle_s = SSH_IDLE_SEC,
	                     .detached_s = SSH_DETACHED_SEC};

	host_key_types(x->j, a->app, x->destination, types, sizeof types);
	ipc_send(x->ipc, &se_start_def, &m);
}

int
ssh_session_channel(struct judge *j, const char *id, int fd)
{
	struct ssh_session *x = ssh_session_get(j, id);
	const struct app_view *a = x ? snapshot_app_by_id(j->snap, x->app) : NULL;

	if (!x || x->ipc || !a)
		return E_NOENT;
	if (ipc_new(j->loop, fd, "session", &ops, x, &x->ipc) == 0)
		say_start(x, a);
	return 0;
}

static void
answer_session(struct req *r, uint64_t ticket, const char *tunnel, int64_t until)
{
	const char *key = req_header(r, "sec-websocket-key");
	char *accept = req_fmt(r, "%028d", 0);

	if (strlen(accept) == 28)
		ws_accept_value(key ? key : "", accept);
	const char *v[] = {"upgrade", "websocket", "connection", "Upgrade", "sec-websocket-accept", accept};
	struct fj_answer a = {.action = ANSWER_SESSION,
	                      .status = 101,
	                      .headers = {v, sizeof v / sizeof *v},
	                      .tunnel = tunnel,
	                      .authority = r->host,
	                      .path = r->path,
	                      .ticket = ticket,
	                      .until = until};
	reply_relay(r, &a);
}

struct start_ctx {
	char id[33];
	uint64_t ticket;
};

static struct start_ctx *
start_ctx(struct req *r, const struct ssh_session *x, uint64_t ticket)
{
	struct start_ctx *c = arena_alloc(&r->arena, sizeof *c);

	if (c) {
		str_copy(c->id, sizeof c->id, x->id);
		c->ticket = ticket;
	}
	r->ctx = c;
	return c;
}

static void
started(int err, const void *mv, void *arg)
{
	const struct pr_session_started *m = mv;
	struct req *r = arg;
	const struct start_ctx *c = r->ctx;
	struct ssh_session *x = ssh_session_get(r->j, c->id);
	const struct app_view *a = x ? snapshot_app_by_id(r->j->snap, x->app) : NULL;
	int code = err < 0 ? SP_INTERNAL : (int)m->code;

	if (!code && (!a || !a->tunnel || !r->front))
		code = SP_INTERNAL;
	if (!code) {
		answer_session(r, c->ticket, a->tunnel->id, x->until);
		return;
	}
	if (x && x->ipc) /* it runs: its end brings the rest */
		ssh_session_end(x, code, "The connection that it was for is gone.");
	else if (x)
		forget(x);
	judge_deny(r, NULL, code, err < 0 ? "the parent did not answer" : m->why);
}

void
ssh_session_start(struct req *r, struct ssh_session *x)
{
	struct pr_session_start m = {.session = x->id, .user = x->user_ticket, .host = x->host_ticket};

	if (!start_ctx(r, x, x->user_ticket) ||
	    ipc_request(r->j->parent, &pr_session_start_def, &m, &pr_session_started_def, PARENT_MS, started, r) < 0) {
		forget(x);
		reply_refuse(r, SP_INTERNAL);
	}
}

static void
attached(int err, const void *mv, void *arg)
{
	const struct pr_session_started *m = mv;
	struct req *r = arg;
	const struct start_ctx *c = r->ctx;
	struct ssh_session *x = ssh_session_get(r->j, c->id);
	const struct app_view *a = x ? snapshot_app_by_id(r->j->snap, x->app) : NULL;
	int code = err < 0 ? SP_INTERNAL : (int)m->code;

	if (!code && (!a || !a->tunnel))
		code = SP_SESSION_GONE;
	if (!code) {
		answer_session(r, c->ticket, a->tunnel->id, x->until);
		return;
	}
	ticket_forget(r->j, c->ticket);
	reply_refuse(r, code);
}

void
ssh_session_attach(struct req *r, struct ssh_session *x, struct ticket *t)
{
	struct pr_session_attach m = {.session = x->id, .user = t->id};

	str_copy(t->ssh, sizeof t->ssh, x->id);
	if (!start_ctx(r, x, t->id) || ipc_request(r->j->parent, &pr_session_attach_def, &m, &pr_session_started_def,
	                                           PARENT_MS, attached, r) < 0) {
		ticket_forget(r->j, t->id);
		reply_refuse(r, SP_INTERNAL);
	}
}

/* --- its end ------------------------------------------------------------------------------------------------------ */

void
ssh_session_process_ended(struct judge *j, const char *id, const char *how)
{
	struct ssh_session *x = ssh_session_get(j, id);

	if (!x) { /* it was an earlier judge's, which heard no more of it */
		json_t *d = json_pack("{s:s}", "ssh_session", id);
		judge_audit(j, NULL,
		            &(struct audit_note){.kind = EVENT_SSH_ENDED,
		                                 .actor = "edge",
		                                 .code = SP_INTERNAL,
		                                 .why = "judge was restarted",
		                                 .details = d});
		json_decref(d);
		return;
	}
	x->gone = true;
	str_copy(x->how, sizeof x->how, how);
	if (!x->ipc) /* else its last words come before the end of its channel */
		finish(x);
}

void
ssh_sessions_tick(struct judge *j)
{
	struct map_iter it = {0};
	int64_t now = judge_now();

	while (map_next(&j->ssh_sessions, &it)) {
		struct ssh_session *x = it.value;
		struct pr_session_kill m = {.session = x->id};
		if (!x->kill_at || now < x->kill_at || x->gone)
			continue;
		x->kill_at = now + SSH_END_SEC;
		ipc_send(j->parent, &pr_session_kill_def, &m);
	}
}
