/* judge: start order, the tables of its channels, and the second hand. What it decides is in the other files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/approval.h"
#include "edge/judge/api.h"
#include "edge/judge/api_standing.h"
#include "edge/judge/client_cert.h"
#include "edge/judge/country.h"
#include "edge/judge/host_key.h"
#include "edge/judge/http.h"
#include "edge/judge/login.h"
#include "edge/judge/news.h"
#include "edge/judge/portable.h"
#include "edge/judge/recheck.h"
#include "edge/judge/service.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"
#include "edge/judge/ssh_session.h"
#include "edge/judge/status.h"
#include "edge/judge/store_door.h"
#include "edge/judge/ticket.h"
#include "edge/judge/tunnel_health.h"
#include "edge/judge/tunnel_link.h"
#include "edge/role/role.h"

#define TICK_MS 1000
#define SWEEP_EVERY 60
#define HOUR_EVERY 3600

/* --- front ----------------------------------------------------------------------------------------------------- */

static void
on_request(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct front *f = arg;
	struct req *r = NULL;
	static const char busy[] = "SP-1007 The edge is busy. Try again in a moment.\n",
	                  bad[] = "SP-1001 The request is malformed.\n";
	int e = f->j->nreqs < REQ_LIVE_MAX ? req_new(f->j, f, id, m, &r) : E_LIMIT;

	f->j->n.requests++;
	if (e == 0) {
		route_dispatch(r);
		return;
	}
	struct fj_answer a = {.status = e == E_FORMAT ? 400 : 503, .close = true};
	a.body = e == E_FORMAT ? (struct slice){(const uint8_t *)bad, sizeof bad - 1}
	                       : (struct slice){(const uint8_t *)busy, sizeof busy - 1};
	ipc_reply(c, id, &fj_answer_def, &a);
}

static void
on_ticket_began(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	ticket_began(((struct front *)arg)->j, ((const struct fj_ticket_began *)m)->ticket);
}

static void
on_ticket_ended(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	ticket_ended(((struct front *)arg)->j, m);
}

static void
on_ticket_live(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	ticket_live(((struct front *)arg)->j, ((struct front *)arg)->index, m);
}

static const struct ipc_row front_rows[] = {
    {&fj_request_def, 1, IPC_REQUEST, on_request},       {&fj_ticket_began_def, 1, 0, on_ticket_began},
    {&fj_ticket_ended_def, 1, 0, on_ticket_ended},       {&fj_ticket_live_def, 1, 0, on_ticket_live},
    {&fj_register_def, 1, IPC_REQUEST, tunnel_register}, {&fj_link_up_def, 1, 0, tunnel_link_up},
    {&fj_link_down_def, 1, 0, tunnel_link_down},         {&fj_link_leaving_def, 1, 0, tunnel_link_leaving},
    {&fj_link_config_def, 1, 0, tunnel_link_config},     {&fj_local_config_def, 1, 0, tunnel_local_config},
    {&fj_leaf_def, 1, IPC_REQUEST, leaf_asked},          {&fj_status_def, 1, IPC_REQUEST, status_asked},
};

static void on_front_closed(struct ipc *c, const char *why, void *arg);
static const struct ipc_ops front_ops = {front_rows, sizeof front_rows / sizeof *front_rows, on_front_closed};

/* Requests that merely wait end here; those that the signer works on end by themselves, answering nobody. */
static void
front_gone(struct front *f)
{
	f->ipc = NULL;
	f->generation++;
	list_foreach (it, &f->reqs) {
		struct req *r = list_entry(it, struct req, link);
		r->front = NULL;
		list_remove(&r->link);
		if (r->waits)
			req_drop(r);
	}
	links_front_gone(f->j, f->index);
	tickets_front_gone(f->j, f->index);
}

static void
on_front_closed(struct ipc *c, const char *why, void *arg)
{
	struct front *f = arg;

	if (f->ipc != c)
		return;
	log_warn("front_gone", "index", log_num(f->index), "why", why, NULL);
	front_gone(f);
}

static int
front_peer(struct judge *j, unsigned index, int fd)
{
	struct front *f = &j->front[index];

	if (f->ipc) {
		ipc_close(f->ipc);
		front_gone(f);
	}
	int e = ipc_new(j->loop, fd, "front", &front_ops, f, &f->ipc);
	if (e == 0 && index == 0)
		client_cas_push(j); /* before the first handshake of a new front */
	return e;
}

/* What front has to say waits in its socket until tokens can be verified. */
void
judge_open_fronts(struct judge *j)
{
	j->keys_there = true;
	for (unsigned i = 0; i < JUDGE_FRONTS_MAX; i++) {
		int fd = j->front[i].waiting_fd;
		j->front[i].waiting_fd = -1;
		if (fd >= 0 && front_peer(j, i, fd) < 0)
			log_error("front_channel", "index", log_num(i), NULL);
	}
}

/* --- signer and fetch ------------------------------------------------------------------------------------------ */

static void
on_signer_closed(struct ipc *c, const char *why, void *arg)
{
	struct judge *j = arg;

	log_warn("signer_gone", "why", why, NULL);
	if (j->signer == c)
		j->signer = NULL;
}

static void
on_fetch_closed(struct ipc *c, const char *why, void *arg)
{
	struct judge *j = arg;

	log_warn("fetch_gone", "why", why, NULL);
	if (j->fetch == c)
		j->fetch = NULL;
}

static void
on_keys_changed(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	signer_keys_load(arg);
}

/* Neither may ask judge for anything. */
static const struct ipc_row signer_rows[] = {{&sj_keys_changed_def, 1, 0, on_keys_changed}};
static const struct ipc_ops signer_ops = {signer_rows, 1, on_signer_closed}, fetch_ops = {NULL, 0, on_fetch_closed};

static int
peer(struct role_run *run, enum role who, unsigned index, int fd, void *arg)
{
	struct judge *j = arg;
	struct ipc **slot = who == ROLE_SIGNER ? &j->signer : who == ROLE_FETCH ? &j->fetch : NULL;

	if (who == ROLE_FRONT && index < JUDGE_FRONTS_MAX) {
		if (j->keys_there)
			return front_peer(j, index, fd);
		if (j->front[index].waiting_fd >= 0)
			close(j->front[index].waiting_fd);
		j->front[index].waiting_fd = fd;
		return 0;
	}
	if (!slot) {
		close(fd);
		return E_STATE;
	}
	struct ipc *old = *slot;
	*slot = NULL;
	if (old)
		ipc_close(old);
	int e = ipc_new(j->loop, fd, role_name(who), who == ROLE_SIGNER ? &signer_ops : &fetch_ops, j, slot);
	if (e == 0 && who == ROLE_SIGNER && j->running)
		signer_keys_load(j);
	return e;
}

/* --- life ------------------------------------------------------------------------------------------------------ */

static void
tick(void *arg)
{
	struct judge *j = arg;

	login_sweep(j);
	ssh_sessions_tick(j);
	tickets_cut_again(j);
	rechecks_tick(j);
	judge_audit_folded(j, false);
	requests_tick(j);
	audit_followers_wake(j);
	news_tick(j);
	tunnels_health_save(j);
	if (++j->ticks % SWEEP_EVERY)
		return;
	sessions_sweep(j);
	persons_sweep(j);
	tickets_sweep(j);
	http_sweep(j);
	store_once_sweep(j->store, judge_now(), NULL);
	api_standing_sweep(j);
	if (j->ticks % HOUR_EVERY == 0)
		host_keys_sweep(j);
}

static int
start(struct role_run *run, const struct pr_start *m, void *arg)
{
	struct judge *j = arg;
	const struct {
		char *to;
		size_t size;
		const char *from;
	} copy[] = {
	    {j->team_host, sizeof j->team_host, m->team_host}, {j->issuer, sizeof j->issuer, m->issuer},
	    {j->account, sizeof j->account, m->account},       {j->zone, sizeof j->zone, m->zone},
	    {j->location, sizeof j->location, m->location},    {j->admin_email, sizeof j->admin_email, m->admin_email},
	    {j->store_where, sizeof j->store_where, m->store}, {j->local_idp, sizeof j->local_idp, m->local_idp}};

	j->loop = role_loop(run);
	j->run = run;
	j->parent = role_parent(run);
	judge_state_init(j);
	for (size_t i = 0; i < sizeof copy / sizeof *copy; i++)
		if (str_copy(copy[i].to, copy[i].size, copy[i].from) < 0)
			return role_fatal(run, "a name in the configuration is too long");
	j->team_port = m->team_port;
	j->people_ms = m->people_ms;
	str_copy(j->country_file, sizeof j->country_file, m->country_file);
	return 0;
}

static int
file(struct role_run *run, const char *name, int fd, void *arg)
{
	struct judge *j = arg;
	int *slot = !strcmp(name, "state") ? &j->state_fd : !strcmp(name, "audit") ? &j->audit_fd : NULL;

	if (!strcmp(name, "country")) {
		if (j->country_fd >= 0)
			close(j->country_fd);
		j->country_fd = fd;
		return 0;
	}
	if (!slot || *slot >= 0) {
		close(fd);
		return E_STATE;
	}
	*slot = fd;
	return 0;
}

/* Live connections are judged again by what the new file says. */
void
judge_country_read(struct judge *j)
{
	struct country *c = NULL;
	struct reason why = {0};

	if (!*j->country_file && j->country_fd < 0)
		return;
	if (j->country_fd < 0)
		reason_set(&why, E_NOENT, SP_CONFIG, "absent");
	else
		country_load(j->country_fd, j->state_fd, j->state_path, &c, &why);
	if (j->country_fd >= 0)
		close(j->country_fd);
	j->country_fd = -1;
	country_free(j->country);
	j->country = c;
	if (c)
		log_info("country_file", "path", j->country_file, "built", log_num(country_built(c)), NULL);
	else
		log_error("country_file", "path", j->country_file, "why", why.text, "then",
		          "every country is unknown: rules about countries let nobody in", NULL);
	tickets_countries(j);
}

static void
reload(struct role_run *run, void *arg)
{
	judge_country_read(arg);
}

/* init made the built-in provider in the signer's store; here it gets its record, once. */
static int
local_provider(struct judge *j, struct reason *why)
{
	struct store_doc d = {0};
	struct store_key key = {"name", "local", true};
	int e = *j->local_idp ? store_get(j->store, "idp", j->local_idp, &d, why) : 0;

	store_doc_release(&d);
	if (e != E_NOENT)
		return e;
	json_t *doc = json_pack("{s:s, s:s, s:s}", "id", j->local_idp, "name", "local", "type", "local");
	char *text = doc ? json_dump_str(doc) : NULL;
	e = text ? store_put(j->store, "idp", j->local_idp, STORE_NEW, text, &key, 1, NULL, why) : E_NOMEM;
	free(text);
	json_decref(doc);
	return e;
}

static int
go(struct role_run *run, void *arg)
{
	struct judge *j = arg;
	struct reason why = {0};
	struct model_error bad = {0};
	struct snapshot *s;

	if (j->state_fd < 0 || j->audit_fd < 0)
		return role_fatal(run, "the parent gave no folder \"state\" or \"audit\"");
	if (store_door_path(j->state_fd, j->state_path, sizeof j->state_path, &why) < 0 ||
	    store_door_open(j->store_where, j->state_path, &j->store, &why) < 0)
		return role_fatal(run, "%s", why.text);
	if (local_provider(j, &why) < 0)
		return role_fatal(run, "store: %s", why.text);
	if (judge_audit_open(j, &why) < 0)
		return role_fatal(run, "audit: %s", why.text);
	bool changed;
	store_poll(j->store, &changed, NULL); /* what changes from here on is news */
	if (snapshot_build(j, true, &s, &bad) < 0)
		return role_fatal(run, "store: %s %s", bad.pointer, bad.text);
	snapshot_swap(j, s);
	if (binding_key_load(j, &why) < 0 || sessions_load(j, &why) < 0 || service_seen_load(j, &why) < 0)
		return role_fatal(run, "sessions: %s", why.text);
	if (requests_load(j, &why) < 0)
		return role_fatal(run, "access requests: %s", why.text);
	if (api_standing_load(j, &why) < 0)
		return role_fatal(run, "API tokens: %s", why.text);
	if (tunnels_health_load(j, &why) < 0)
		return role_fatal(run, "tunnels: %s", why.text);
	persons_sweep(j);
	int e = store_door_confine(j->store_where, j->store, run);
	mem_wipe(j->store_where, sizeof j->store_where); /* it may hold a password */
	if (e < 0)
		return e;
	if (news_start(j) < 0)
		return role_fatal(run, "the store cannot be watched");
	judge_country_read(j);
	j->running = true;
	timer_repeat(j->loop, &j->tick, TICK_MS, tick, j);
	signer_keys_load(j);
	log_info("judging", "apps", log_num((long long)j->snap->napps), "sessions",
	         log_num((long long)map_len(&j->sessions)), NULL);
	return 0;
}

static void
role_state(struct role_run *run, const struct pr_role_state *m, void *arg)
{
	struct judge *j = arg;

	j->roles[m->role].up = m->up;
	j->roles[m->role].restarts = m->restarts;
}

static int
session_channel(struct role_run *run, const char *session, int fd, void *arg)
{
	return ssh_session_channel(arg, session, fd);
}

static void
session_ended(struct role_run *run, const struct pr_session_ended *m, void *arg)
{
	ssh_session_process_ended(arg, m->session, m->how);
}

static void
drain(struct role_run *run, void *arg)
{
	tunnels_health_stop(arg);
	judge_audit_close(arg);
	role_exit(run);
}

int
main(int argc, char **argv)
{
	static const struct role_ops ops = {.start = start,
	                                    .file = file,
	                                    .peer = peer,
	                                    .go = go,
	                                    .role_state = role_state,
	                                    .session_channel = session_channel,
	                                    .session_ended = session_ended,
	                                    .reload = reload,
	                                    .drain = drain};
	static struct judge j = {.state_fd = -1, .audit_fd = -1, .country_fd = -1};

	if (argc == 2 && (!strcmp(argv[1], "--export") || !strcmp(argv[1], "--import")))
		return portable_main(!strcmp(argv[1], "--import"));
	int status = role_main("judge", &ops, &j);

	judge_audit_close(&j);
	judge_state_release(&j);
	return status;
}
