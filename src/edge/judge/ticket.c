#include "edge/judge/ticket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/judge/client_cert.h"
#include "edge/judge/country.h"
#include "edge/judge/http.h"
#include "edge/judge/login.h"
#include "edge/judge/recheck.h"
#include "edge/judge/service.h"
#include "edge/judge/ssh_session.h"

static void
key_of(uint64_t id, char out[static 17])
{
	snprintf(out, 17, "%016" PRIx64, id);
}

/* It is over, or never was. */
static void
drop(struct judge *j, struct ticket *t)
{
	recheck_ticket(j, t->session, false);
	map_del(&j->tickets, t->key);
}

/* Of one sign-in, or of one service token. */
static size_t
count_of(struct judge *j, const char *session, const char *service)
{
	struct map_iter it = {0};
	size_t n = 0;

	while (map_next(&j->tickets, &it))
		n += !strcmp(((struct ticket *)it.value)->session, session) &&
		     !strcmp(((struct ticket *)it.value)->service, service);
	return n;
}

/* An approval's end is the end of what it let in. */
static void
until_cap(struct ticket *t, int64_t until)
{
	if (until && (!t->until || until < t->until))
		t->until = until;
}

int
ticket_new(struct judge *j, const struct req *r, const struct session *s, const struct app_view *a,
           const char *destination, struct ticket **ret_t)
{
	/* Counting walks the table: only once it is large enough for one sign-in to matter. */
	const char *session = s ? s->id : "", *service = !s && r->who.service_token ? r->who.service_token : "";
	if (map_len(&j->tickets) >= TICKETS_MAX || (map_len(&j->tickets) >= TICKETS_PER_SESSION_MAX &&
	                                            count_of(j, session, service) >= TICKETS_PER_SESSION_MAX))
		return SP_BUSY;
	struct ticket *t = calloc(1, sizeof *t);
	if (!t)
		return SP_INTERNAL;
	do
		t->id = random_u64();
	while (!t->id);
	key_of(t->id, t->key);
	str_copy(t->session, sizeof t->session, session);
	str_copy(t->app, sizeof t->app, a->app->id);
	str_copy(t->tunnel, sizeof t->tunnel, a->tunnel->id);
	str_copy(t->domain, sizeof t->domain, r->host);
	str_copy(t->email, sizeof t->email,
	         s               ? s->email
	         : *service      ? r->service_label
	         : r->cert_label ? r->cert_label
	                         : "");
	str_copy(t->service, sizeof t->service, service);
	str_copy(t->cert_ca, sizeof t->cert_ca, r->who.cert_ca ? r->who.cert_ca : "");
	str_copy(t->cert_print, sizeof t->cert_print, r->cert_print ? r->cert_print : "");
	str_copy(t->common_name, sizeof t->common_name, r->who.common_name ? r->who.common_name : "");
	str_copy(t->country, sizeof t->country, r->who.country ? r->who.country : "");
	t->service_version = r->service_version;
	str_copy(t->ip, sizeof t->ip, r->client_ip);
	str_copy(t->destination, sizeof t->destination, destination);
	t->front = r->front ? r->front->index : 0;
	t->made_at = judge_now();
	const struct service_token *v = *service ? snapshot_service_token(j->snap, service) : NULL;
	t->until = s ? s->expires_at : v ? service_token_until(v, t->service_version) : 0;
	if (*t->cert_ca && (!t->until || r->cert_until < t->until))
		t->until = r->cert_until;
	until_cap(t, r->access_until);
	if (map_put(&j->tickets, t->key, t) < 0) {
		free(t);
		return SP_BUSY;
	}
	recheck_ticket(j, t->session, true);
	*ret_t = t;
	return 0;
}

static struct ticket *
get(struct judge *j, uint64_t id)
{
	char key[17];
	key_of(id, key);
	return map_get(&j->tickets, key);
}

void
ticket_forget(struct judge *j, uint64_t id)
{
	struct ticket *t = get(j, id);

	if (t)
		drop(j, t);
}

void
ticket_began(struct judge *j, uint64_t id)
{
	struct ticket *t = get(j, id);

	if (!t || t->begun)
		return;
	t->begun = true;
	t->began_at = judge_now();
	if (t->http) {
		j->n.http++;
		return;
	}
	j->n.relays++;
	if (*t->ssh) /* ssh_session.c says what is audited */
		return;
	judge_audit(j, NULL,
	            &(struct audit_note){.kind = EVENT_RELAY_BEGAN,
	                                 .actor = t->email,
	                                 .subject = t->domain,
	                                 .app = t->app,
	                                 .domain = t->domain,
	                                 .session = t->session,
	                                 .ip = t->ip,
	                                 .why = t->key});
}

void
ticket_ended(struct judge *j, const struct fj_ticket_ended *m)
{
	struct ticket *t = get(j, m->ticket);

	if (!t)
		return;
	j->n.bytes_up += m->bytes_up;
	j->n.bytes_down += m->bytes_down;
	if (t->http || *t->ssh) { /* http_admit.c and ssh_session.c say what is audited */
		drop(j, t);
		return;
	}
	json_t *d = json_pack("{s:I, s:I, s:I, s:s}", "bytes_up", (json_int_t)(m->bytes_up & INT64_MAX), "bytes_down",
	                      (json_int_t)(m->bytes_down & INT64_MAX), "seconds",
	                      (json_int_t)(t->began_at ? judge_now() - t->began_at : 0), "ticket", t->key);
	judge_audit(j, NULL,
	            &(struct audit_note){.kind = EVENT_RELAY_ENDED,
	                                 .actor = t->email,
	                                 .subject = t->domain,
	                                 .app = t->app,
	                                 .domain = t->domain,
	                                 .session = t->session,
	                                 .ip = t->ip,
	                                 .why = m->why,
	                                 .details = d});
	json_decref(d);
	drop(j, t);
}

/* Its connection may have moved to another loop thread: every channel is told. False when one had no room. */
static bool
tell_cut(struct judge *j, uint64_t id, const char *why)
{
	struct fj_cut m = {.ticket = id, .why = why};
	bool all = true;

	for (unsigned i = 0; i < JUDGE_FRONTS_MAX; i++) {
		int e = j->front[i].ipc ? ipc_send(j->front[i].ipc, &fj_cut_def, &m) : 0;
		if (e < 0 && e != E_CLOSED)
			all = false;
	}
	return all;
}

static void
cut(struct judge *j, struct ticket *t, const char *why)
{
	if (t->cut)
		return;
	t->cut = true;
	j->n.cuts++;
	log_info("cut", "session", t->session, "app", t->domain, "email", t->email, "why", why, NULL);
	if (*t->ssh)
		ssh_session_cut(j, t->ssh, why); /* before front cuts it: its last words say why */
	if (!tell_cut(j, t->id, why))
		t->unsent = j->cuts_unsent = true;
}

void
tickets_cut_again(struct judge *j)
{
	struct map_iter it = {0};

	if (!j->cuts_unsent)
		return;
	j->cuts_unsent = false;
	while (map_next(&j->tickets, &it)) {
		struct ticket *t = it.value;
		if (t->unsent)
			t->unsent = !tell_cut(j, t->id, "cut");
		j->cuts_unsent |= t->unsent;
	}
}

/* What the verdict on a live connection rests on; of a certificate, only while its authority stands. */
static struct asker
ticket_asker(const struct judge *j, const struct ticket *t, const struct session *s)
{
	bool cert = *t->cert_ca && client_ca_standing(j->snap, t->cert_ca, t->cert_print, t->domain);

	return (struct asker){.session = s,
	                      .ip = t->ip,
	                      .country = *t->country ? t->country : NULL,
	                      .service_token = *t->service ? t->service : NULL,
	                      .cert_ca = cert ? t->cert_ca : NULL,
	                      .common_name = cert && *t->common_name ? t->common_name : NULL};
}

int
ticket_stands(struct judge *j, uint64_t id, const struct app_view **ret_a, struct policy_verdict *ret_v,
              struct reason *why)
{
	const struct ticket *t = get(j, id);
	const struct app_view *a = t ? snapshot_app_by_id(j->snap, t->app) : NULL;
	const struct session *s = t && *t->session ? session_get(j, t->session) : NULL;
	int code;

	if (!t || t->cut || !a) {
		reason_set(why, E_DENIED, SP_SESSION_CUT, "it was cut");
		return SP_SESSION_CUT;
	}
	if (*t->session && (code = session_standing(j, s, t->app, why)))
		return code;
	struct asker who = ticket_asker(j, t, s);
	snapshot_verdict(j->snap, a, &who, ret_v);
	if (!policy_passes(ret_v)) {
		policy_verdict_reason(a->policy, ret_v, why);
		return ret_v->code ? ret_v->code : SP_POLICY_DENY;
	}
	*ret_a = a;
	return 0;
}

static void
live_cert(struct judge *j, struct ticket *t, const struct fj_ticket_live *m)
{
	struct client_cert_is c;

	if (client_cert_find(j, t->domain, t->ip, m->cert, &c) < 0)
		return;
	str_copy(t->cert_ca, sizeof t->cert_ca, c.ca);
	str_copy(t->cert_print, sizeof t->cert_print, c.print);
	str_copy(t->common_name, sizeof t->common_name, c.common_name);
	if (!*t->email)
		snprintf(t->email, sizeof t->email, "cert:%.200s", c.common_name);
	if (!t->until || c.not_after < t->until)
		t->until = c.not_after;
}

void
ticket_live(struct judge *j, unsigned front, const struct fj_ticket_live *m)
{
	const char *path = *m->path ? m->path : "/";
	const struct app_view *a = NULL;
	struct hostport at;
	struct ticket *t = calloc(1, sizeof *t);
	struct token token = {0};
	struct session *s = NULL;
	struct reason why = {0};

	if (!t)
		return;
	if (hostport_parse(m->authority, 0, &at) == 0) {
		char *bare = str_dup_n(path, strcspn(path, "?"));

		a = bare ? snapshot_app_by_host(j->snap, at.host, bare) : NULL;
		free(bare);
		str_copy(t->domain, sizeof t->domain, at.host);
	}
	t->id = m->ticket;
	t->http = m->http;
	t->front = front;
	t->begun = true;
	t->made_at = t->began_at = m->since;
	t->until = m->until;
	key_of(t->id, t->key);
	str_copy(t->tunnel, sizeof t->tunnel, m->tunnel);
	str_copy(t->ip, sizeof t->ip, m->client_ip);
	str_copy(t->destination, sizeof t->destination, m->destination);
	str_copy(t->country, sizeof t->country, country_of(j->country, t->ip));
	bool fine = a != NULL;
	if (fine)
		str_copy(t->app, sizeof t->app, a->app->id);
	if (fine && *m->assertion && token_claims_service(m->assertion)) {
		const struct service_token *v = NULL;
		int64_t version = 0;
		fine = service_of_live(j, m->assertion, a->app->aud, &v, &version) == 0;
		if (fine) {
			str_copy(t->service, sizeof t->service, v->id);
			str_copy(t->email, sizeof t->email, v->client_id);
			t->service_version = (uint32_t)version;
			t->until = service_token_until(v, version);
		}
	} else if (fine && *m->assertion) {
		/* The token may have run out meanwhile; its session decides. */
		fine = session_of_live(j, m->assertion, a, &token, &s, &why) == 0;
		if (fine) {
			str_copy(t->session, sizeof t->session, s->id);
			str_copy(t->email, sizeof t->email, s->email);
		}
		token_release(&token);
	}
	live_cert(j, t, m);
	if (fine) {
		struct policy_verdict v = {0};
		struct asker who = ticket_asker(j, t, s);
		snapshot_verdict(j->snap, a, &who, &v);
		fine = policy_passes(&v) && ws_destination_stands(a->app, t->destination);
		until_cap(t, v.approved_until);
	}
	int e = map_put(&j->tickets, t->key, t);
	if (e < 0) { /* what cannot be known here cannot be ended later */
		if (e != E_EXIST)
			tell_cut(j, t->id, "too many connections");
		free(t);
		return;
	}
	recheck_ticket(j, t->session, true);
	if (!fine || m->session) /* a session process has ended with the judge before */
		cut(j, t, m->session ? "the edge was restarted" : "no longer allowed");
}

void
tickets_cut(struct judge *j, enum ticket_by by, const char *value, const char *why)
{
	struct map_iter it = {0};

	while (map_next(&j->tickets, &it)) {
		struct ticket *t = it.value;
		const char *field = by == TICKET_SESSION ? t->session
		                    : by == TICKET_EMAIL ? t->email
		                    : by == TICKET_APP   ? t->app
		                                         : t->tunnel;
		if (!strcmp(field, value))
			cut(j, t, why);
	}
}

/* What a service token's connection rests on may end later than now: it is cut then (tickets_sweep). */
static bool
service_stands(const struct judge *j, struct ticket *t)
{
	const struct service_token *v = snapshot_service_token(j->snap, t->service);

	if (service_token_standing(v, t->service_version, judge_now(), NULL))
		return false;
	t->until = service_token_until(v, t->service_version);
	return true;
}

static void
judge_again(struct judge *j, struct ticket *t)
{
	const struct session *s = *t->session ? session_get(j, t->session) : NULL;
	const struct app_view *a = snapshot_app_by_id(j->snap, t->app);
	struct policy_verdict v = {0};

	if (!a || (*t->session && session_standing(j, s, t->app, NULL))) {
		cut(j, t, a ? "session ended" : "application removed");
		return;
	}
	if (*t->service && !service_stands(j, t)) {
		cut(j, t, "service token ended");
		return;
	}
	struct asker who = ticket_asker(j, t, s);
	snapshot_verdict(j->snap, a, &who, &v);
	if (!policy_passes(&v))
		cut(j, t, v.code == SP_APPROVAL ? "approval ended" : "policy changed");
	else if (!a->tunnel || strcmp(a->tunnel->id, t->tunnel))
		cut(j, t, "application moved to another tunnel");
	else if (!ws_destination_stands(a->app, t->destination))
		cut(j, t, "destination is no longer listed");
}

void
tickets_judge_again(struct judge *j)
{
	struct map_iter it = {0};

	while (map_next(&j->tickets, &it))
		judge_again(j, it.value);
}

void
tickets_judge_session(struct judge *j, const char *session)
{
	struct map_iter it = {0};

	while (map_next(&j->tickets, &it)) {
		struct ticket *t = it.value;
		if (!strcmp(t->session, session))
			judge_again(j, t);
	}
}

void
tickets_countries(struct judge *j)
{
	struct map_iter it = {0};

	while (map_next(&j->tickets, &it)) {
		struct ticket *t = it.value;
		str_copy(t->country, sizeof t->country, country_of(j->country, t->ip));
	}
	tickets_judge_again(j);
}

void
tickets_front_gone(struct judge *j, unsigned front)
{
	struct map_iter it = {0};

	while (map_next(&j->tickets, &it)) {
		struct ticket *t = it.value;
		if (t->front != front)
			continue;
		struct fj_ticket_ended m = {.ticket = t->id, .why = "front restarted"};
		ticket_ended(j, &m);
	}
}

void
tickets_sweep(struct judge *j)
{
	struct map_iter it = {0};
	int64_t now = judge_now();

	while (map_next(&j->tickets, &it)) {
		struct ticket *t = it.value;
		if (!t->begun && now > t->made_at + TICKET_BEGIN_SEC)
			drop(j, t);
		else if (t->until && now > t->until)
			cut(j, t, *t->service ? "service token ended" : "session expired");
	}
}

json_t *
ticket_json(const struct ticket *t)
{
	char at[24];
	time_format(t->began_at ? t->began_at : t->made_at, at);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", t->key, "app", t->domain, "email",
	                 t->email, "ip", t->ip, "destination", t->destination, "session", t->session, "ssh", t->ssh,
	                 "began_at", at, "live", t->begun && !t->cut);
}
