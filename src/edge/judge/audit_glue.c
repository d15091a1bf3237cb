/* From judge's outcomes to the audit chain. */
#include <fcntl.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "edge/judge/country.h"
#include "edge/judge/api.h"
#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/snapshot.h"
#include "edge/role/role.h"

/* Nothing may happen that is not written down, and after a failed write nobody knows what is on the disk: judge ends,
   the parent starts another, which reads the chain again before it answers anybody. */
static void
broken(struct judge *j, const char *what, const char *why)
{
	log_error(what, "why", why, NULL);
	if (j->run)
		role_fatal(j->run, "audit: %s", why);
}

static void
sync_now(void *arg)
{
	struct judge *j = arg;
	struct reason why = {0};

	if (j->audit && audit_dirty(j->audit) && audit_sync(j->audit, &why) < 0)
		broken(j, "audit_sync", why.text);
	audit_followers_wake(j);
}

static int
append(struct judge *j, const struct req *r, const struct audit_note *n, uint64_t *ret_seq)
{
	struct reason why = {0};
	struct event e = {.kind = n->kind,
	                  .actor = n->actor,
	                  .subject = n->subject,
	                  .app = n->app,
	                  .domain = n->domain,
	                  .ip = n->ip,
	                  .session = n->session,
	                  .code = n->code,
	                  .why = n->why,
	                  .intent = n->intent,
	                  .details = n->details};

	if (j->country && (e.ip || r))
		e.country = country_of(j->country, e.ip ? e.ip : r->client_ip);
	if (e.country && !*e.country)
		e.country = NULL;
	if (r) {
		e.request = r->rid;
		e.ip = e.ip ? e.ip : r->client_ip;
		e.session = e.session ? e.session : *r->session ? r->session : NULL;
		e.actor = e.actor ? e.actor : r->api_name;
		if (r->app) {
			e.app = e.app ? e.app : r->app->app->id;
			e.domain = e.domain ? e.domain : r->app->app->domain;
		}
	}
	int err = j->audit ? audit_append(j->audit, &e, clock_wall_ms(), ret_seq, &why) : E_STATE;
	if (err == E_STATE || err == E_IO)
		broken(j, "audit_append", why.text);
	else if (err < 0)
		log_error("audit_append", "event", event_kind_str((int)n->kind), "why", why.text, NULL);
	return err;
}

/* Of nobody: no session, nothing proved. A guess at a password has the signer's limit, and its record says at whose. */
static bool
of_nobody(const struct req *r, const struct audit_note *n)
{
	switch (n->kind) {
	case EVENT_LOGIN_REFUSED:
		return n->code != SP_LOGIN_FAILED;
	case EVENT_ACCESS_DENIED:
	case EVENT_CERT_REFUSED:
		return !n->actor && !(r && (*r->session || r->api_name));
	case EVENT_TUNNEL_REFUSED:
		return true;
	default:
		return false;
	}
}

/* True: it is counted, and that is all. */
static bool
folded(struct judge *j, const struct req *r, const struct audit_note *n)
{
	const char *ip = n->ip ? n->ip : r ? r->client_ip : NULL;
	const struct app *a = r && r->app ? r->app->app : NULL;

	return of_nobody(r, n) && !refusals_count(&j->refusals, (int)n->kind, n->code, ip, a ? a->id : NULL,
	                                          a ? a->domain : n->subject, clock_mono_ms());
}

void
judge_audit_folded(struct judge *j, bool all)
{
	struct refusal f;

	while (refusals_next(&j->refusals, clock_mono_ms(), all, &f)) {
		json_t *d =
		    json_pack("{s:I, s:I}", "count", (json_int_t)f.n, "ms", (json_int_t)(clock_mono_ms() - f.since));
		judge_audit_now(j, NULL,
		                &(struct audit_note){.kind = (enum event_kind)f.kind,
		                                     .ip = *f.ip ? f.ip : NULL,
		                                     .app = *f.app ? f.app : NULL,
		                                     .domain = *f.app && *f.host ? f.host : NULL,
		                                     .subject = *f.app || !*f.host ? NULL : f.host,
		                                     .code = f.code,
		                                     .why = "more of the same: counted, not written one by one",
		                                     .details = d},
		                NULL);
		json_decref(d);
	}
}

void
judge_audit(struct judge *j, const struct req *r, const struct audit_note *n)
{
	if (folded(j, r, n))
		return;
	if (append(j, r, n, NULL) == 0)
		defer_arm(j->loop, &j->audit_defer, sync_now, j);
}

int
judge_audit_now(struct judge *j, const struct req *r, const struct audit_note *n, uint64_t *ret_seq)
{
	struct reason why = {0};
	int e = append(j, r, n, ret_seq);

	if (e == 0 && (e = audit_sync(j->audit, &why)) < 0)
		broken(j, "audit_sync", why.text);
	defer_arm(j->loop, &j->audit_defer, sync_now, j);
	return e < 0 ? E_IO : 0;
}

void
judge_refused(struct req *r, const char *email, int code, const char *why)
{
	r->j->n.denied++;
	log_warn("denied", "app", r->host, "email", email ? email : "", "ip", r->client_ip, "code", log_num(code),
	         "why", why, "request", r->rid, NULL);
	judge_audit(r->j, r,
	            &(struct audit_note){
	                .kind = EVENT_ACCESS_DENIED, .actor = email, .subject = r->host, .code = code, .why = why});
}

void
judge_deny(struct req *r, const char *email, int code, const char *why)
{
	judge_refused(r, email, code, why);
	reply_refuse(r, code);
}

#define INTENTS_MAX 256 /* judge makes one change at a time: more than one open intent is already a surprise */

struct intents {
	uint64_t seq[INTENTS_MAX];
	size_t n;
};

static int
collect(void *arg, const struct audit_record *rec)
{
	struct intents *in = arg;

	if (in->n < INTENTS_MAX)
		in->seq[in->n++] = rec->seq;
	return 0;
}

/* Intents whose outcome a crash, of ours or of the database, kept from the chain: the store knows whether they were
   committed. */
static int
settle(struct judge *j, uint64_t seq, const char *when)
{
	struct store_doc d = {0};
	struct reason why = {0};
	json_t *doc = NULL;
	bool done = false;
	int e = store_get(j->store, "meta", "change", &d, &why);

	if (e < 0 && e != E_NOENT)
		return e;
	if (e == 0 && json_load_strict(d.json, strlen(d.json), 65536, &doc) == 0)
		done = json_i64_or(doc, "intent", 0) >= (int64_t)seq;
	json_decref(doc);
	store_doc_release(&d);
	judge_audit(
	    j, NULL,
	    &(struct audit_note){
	        .kind = done ? EVENT_CHANGE_DONE : EVENT_CHANGE_FAILED, .actor = "edge", .intent = seq, .why = when});
	return 0;
}

int
judge_audit_settle(struct judge *j)
{
	uint64_t seq = j->unsure_seq;

	if (!seq)
		return 0;
	int e = settle(j, seq, "settled when the database was back");
	if (e < 0)
		return e;
	j->unsure_seq = 0;
	j->stale = true; /* what it changed is not in the snapshot yet */
	return 0;
}

int
judge_audit_open(struct judge *j, struct reason *why)
{
	struct intents open = {0};
	int e = audit_open(j->audit_fd, 0, clock_wall_ms(), &j->audit, why);

	if (e == 0)
		e = audit_open_intents(j->audit_fd, collect, &open, why);
	for (size_t i = 0; e == 0 && i < open.n; i++)
		e = settle(j, open.seq[i], "settled at start");
	if (e == 0)
		judge_audit(j, NULL,
		            &(struct audit_note){.kind = EVENT_EDGE_START, .actor = "edge", .why = SALLYPORT_VERSION});
	return e;
}

void
judge_audit_close(struct judge *j)
{
	if (!j->audit)
		return;
	judge_audit_folded(j, true);
	defer_cancel(&j->audit_defer);
	judge_audit_now(j, NULL, &(struct audit_note){.kind = EVENT_EDGE_STOP, .actor = "edge"}, NULL);
	defer_cancel(&j->audit_defer);
	audit_close(j->audit);
	j->audit = NULL;
}
