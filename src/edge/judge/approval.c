#include "edge/judge/approval.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/change.h"
#include "edge/judge/login.h"
#include "edge/judge/ticket.h"
#include "msg/fetch.h"

#define KIND "access_request"

/* --- the store --------------------------------------------------------------------------------------------------- */

static int
load_one(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	struct access_request *q = NULL;
	struct model_error err = {0};
	json_t *doc = NULL;
	int e = json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &doc);

	if (e == 0)
		e = access_request_from_json(doc, false, &q, &err);
	if (e == 0 && (e = map_put(&j->requests, q->id, q)) < 0)
		access_request_free(q);
	if (e == E_FORMAT) {
		log_error("record_unreadable", "kind", KIND, "id", d->id, "why", err.text, NULL);
		e = 0;
	}
	json_decref(doc);
	return e;
}

int
requests_load(struct judge *j, struct reason *why)
{
	return store_list(j->store, KIND, "", 0, load_one, j, why);
}

static int
save(struct judge *j, const struct access_request *q)
{
	struct reason why = {0};
	json_t *doc = access_request_to_json(q, MODEL_STORE);
	char *text = doc ? json_dump_str(doc) : NULL;
	int e = text ? store_put(j->store, KIND, q->id, STORE_ANY, text, NULL, 0, NULL, &why) : E_NOMEM;

	if (e < 0)
		log_error("store", "kind", KIND, "why", why.text, NULL);
	free(text);
	json_decref(doc);
	return e;
}

/* The request and what its session may do by it, both or neither. */
static int
save_with(struct judge *j, const struct access_request *q, const struct session *s)
{
	struct reason why = {0};
	int e = store_begin(j->store, &why);

	if (e < 0)
		return e;
	e = save(j, q);
	if (e == 0 && s)
		e = session_save(j, s);
	if (e == 0)
		return store_commit(j->store, &why);
	store_rollback(j->store);
	return e;
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

struct access_request *
request_get(const struct judge *j, const char *id)
{
	return map_get(&j->requests, id);
}

/* What still runs before what is over, then the younger one. */
static bool
before(const struct access_request *a, const struct access_request *b)
{
	bool live_a = a->state <= REQUEST_GRANTED, live_b = b->state <= REQUEST_GRANTED;

	return live_a != live_b ? live_a : a->created_at > b->created_at;
}

struct access_request *
request_of(const struct judge *j, const char *session, const char *app)
{
	struct access_request *last = NULL;
	struct map_iter it = {0};

	while (map_next(&j->requests, &it)) {
		struct access_request *q = it.value;
		if (!strcmp(q->session, session) && !strcmp(q->app, app) && (!last || before(q, last)))
			last = q;
	}
	return last;
}

const struct policy *
request_policy(const struct judge *j, const struct access_request *q, const struct app_view **ret_a)
{
	const struct app_view *a = snapshot_app_by_id(j->snap, q->app);
	const struct policy *p = NULL;
	char print[65];

	for (size_t i = 0; a && !p && i < a->app->npolicies; i++) {
		const struct policy *one = policy_real(a->app->policies[i]);
		if (one->id && !strcmp(one->id, q->policy))
			p = one;
	}
	if (!p || !p->approval_required)
		return NULL;
	policy_print(p, print);
	if (ret_a)
		*ret_a = a;
	return *print && !strcmp(print, q->print) ? p : NULL;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static size_t
count_of(const struct judge *j, const char *person)
{
	struct map_iter it = {0};
	size_t n = 0;

	while (map_next(&j->requests, &it))
		n += !strcmp(((struct access_request *)it.value)->person, person);
	return n;
}

static void
note(struct judge *j, const struct req *r, enum event_kind kind, const struct access_request *q, const char *actor,
     const char *why, int64_t seconds)
{
	const struct app_view *a = snapshot_app_by_id(j->snap, q->app);
	json_t *d = json_pack("{s:s, s:s, s:s}", "request", q->id, "purpose_justification_response", q->reason,
	                      "policy", q->policy);

	if (seconds)
		json_object_set_new(d, "seconds", json_integer(seconds));
	judge_audit(j, r,
	            &(struct audit_note){.kind = kind,
	                                 .actor = actor,
	                                 .subject = q->email,
	                                 .app = q->app,
	                                 .domain = a ? a->app->domain : NULL,
	                                 .session = q->session,
	                                 .why = why,
	                                 .details = d});
	json_decref(d);
}

static struct access_request *
request_make(struct req *r, const struct session *s, const struct app_view *a, const struct policy *p,
             const char *reason, const char *transfer)
{
	struct access_request *q = calloc(1, sizeof *q);
	char id[37], print[65];

	if (!q)
		return NULL;
	uuid_new(id);
	policy_print(p, print);
	*q = (struct access_request){.id = str_dup(id),
	                             .app = str_dup(a->app->id),
	                             .policy = str_dup(p->id),
	                             .print = str_dup(print),
	                             .session = str_dup(s->id),
	                             .person = str_dup(s->person),
	                             .sub = str_dup(s->sub),
	                             .email = str_dup(s->email),
	                             .ip = str_dup(r->client_ip),
	                             .prompt = str_dup(purpose_prompt(r, p)),
	                             .reason = str_dup(reason),
	                             .transfer = *transfer ? str_dup(transfer) : NULL,
	                             .created_at = judge_now()};
	if (*print && q->id && q->app && q->policy && q->session && q->person && q->sub && q->email && q->ip &&
	    q->prompt && q->reason && !*transfer == !q->transfer)
		return q;
	access_request_free(q);
	return NULL;
}

static const struct access_list *
list_of(const struct snapshot *s, const char *ref)
{
	for (size_t i = 0; i < s->nlists; i++)
		if (s->lists[i]->type == ACCESS_LIST_EMAIL &&
		    (!strcmp(s->lists[i]->id, ref) || !strcmp(s->lists[i]->name, ref)))
			return s->lists[i];
	return NULL;
}

static bool
in_list(const struct snapshot *s, const char *ref, const char *email)
{
	const struct access_list *l = list_of(s, ref);

	for (size_t i = 0; l && i < l->nitems; i++)
		if (!strcmp(l->items[i].value, email))
			return true;
	return false;
}

struct written {
	const char *v[APPROVERS_MAILED_MAX];
	size_t n;
};

static void
write_to(struct judge *j, struct written *w, const struct access_request *q, const char *host, const char *to)
{
	struct jh_asked m = {.to = to, .who = q->email, .app = host, .request = q->id, .port = j->team_port};

	if (w->n == APPROVERS_MAILED_MAX || !strcmp(to, q->email))
		return;
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->v[i], to))
			return;
	w->v[w->n++] = to;
	ipc_send(j->fetch, &jh_asked_def, &m);
}

/* fetch sends nothing when no mail server is configured. */
static void
mail_approvers(struct judge *j, const struct access_request *q, const struct app_view *a, const struct policy *p)
{
	struct written w = {.n = 0};
	const char *host = a->app->nsites ? a->app->sites[0].host : j->team_host;

	if (strchr(host, '*')) /* a name that stands for many is none to write down */
		host = j->team_host;
	for (size_t i = 0; j->fetch && i < p->napproval_groups; i++) {
		const struct approval_group *g = &p->approval_groups[i];
		const struct access_list *l = g->email_list ? list_of(j->snap, g->email_list) : NULL;
		for (size_t k = 0; k < g->email_addresses.n; k++)
			write_to(j, &w, q, host, g->email_addresses.v[k]);
		for (size_t k = 0; l && k < l->nitems; k++)
			write_to(j, &w, q, host, l->items[k].value);
	}
}

int
request_new(struct req *r, const struct session *s, const struct app_view *a, const struct policy *p,
            const char *reason, const char *transfer, struct access_request **ret_q)
{
	struct judge *j = r->j;

	if (map_len(&j->requests) >= REQUESTS_MAX || count_of(j, s->person) >= REQUESTS_PERSON_MAX)
		return SP_BUSY;
	struct access_request *q = request_make(r, s, a, p, reason, transfer);
	if (!q)
		return SP_INTERNAL;
	if (save(j, q) < 0 || map_put(&j->requests, q->id, q) < 0) {
		access_request_free(q);
		return SP_STORE;
	}
	note(j, r, EVENT_REQUEST_MADE, q, q->email, "asks for access", 0);
	mail_approvers(j, q, a, p);
	*ret_q = q;
	return 0;
}

void
request_waits(struct judge *j, struct access_request *q, const char *transfer)
{
	if (!*transfer || (q->transfer && !strcmp(q->transfer, transfer)))
		return;
	free(q->transfer);
	q->transfer = str_dup(transfer);
	save(j, q);
}

/* --- deciding ---------------------------------------------------------------------------------------------------- */

static bool
in_group(const struct snapshot *s, const struct approval_group *g, const char *email)
{
	return texts_has(&g->email_addresses, email) || (g->email_list && in_list(s, g->email_list, email));
}

static bool
in_any(const struct snapshot *s, const struct policy *p, const char *email)
{
	for (size_t i = 0; i < p->napproval_groups; i++)
		if (in_group(s, &p->approval_groups[i], email))
			return true;
	return false;
}

int
request_may_decide(const struct judge *j, const struct access_request *q, const struct session *s, const char **ret_why)
{
	const struct app_view *a = NULL;
	const struct policy *p = request_policy(j, q, &a);

	*ret_why = NULL;
	if (request_is_own(q, s->email, s->sub, s->person))
		*ret_why = "You asked for this yourself: somebody else must decide.";
	else if (!p)
		*ret_why = "The application or its policy is another by now: it must be asked for again.";
	else if (!policy_app_idp_allowed(a->policy, s->idp))
		*ret_why = "Sign in by a provider that the application admits to decide about it.";
	else if (!in_any(j->snap, p, s->email))
		*ret_why = "You are not among those who may decide about this.";
	return *ret_why ? SP_POLICY_DENY : 0;
}

/* People are counted by what they have said; an address that left its list counts no more. */
size_t
request_missing(const struct judge *j, const struct policy *p, const struct access_request *q)
{
	size_t missing = 0;

	for (size_t i = 0; i < p->napproval_groups; i++) {
		const struct approval_group *g = &p->approval_groups[i];
		size_t n = 0;
		for (size_t k = 0; k < q->napprovals; k++)
			n += q->approvals[k].person && in_group(j->snap, g, q->approvals[k].email);
		if (n < (size_t)g->approvals_needed)
			missing += (size_t)g->approvals_needed - n;
	}
	return missing;
}

/* Durable, then in force; a grant that cannot be written is none. */
static int
grant(struct req *r, struct access_request *q, int64_t seconds, const char *by)
{
	struct judge *j = r->j;
	struct session *s = session_get(j, q->session);
	int64_t now = judge_now();

	if (session_standing(j, s, q->app, NULL))
		return SP_CONFLICT;
	json_t *d = json_pack("{s:s, s:s, s:I}", "request", q->id, "policy", q->policy, "seconds", (json_int_t)seconds);
	int e = judge_audit_now(j, r,
	                        &(struct audit_note){.kind = EVENT_REQUEST_GRANTED,
	                                             .actor = by,
	                                             .subject = q->email,
	                                             .app = q->app,
	                                             .session = q->session,
	                                             .why = q->reason,
	                                             .details = d},
	                        NULL);
	json_decref(d);
	if (e < 0 || request_go(q, REQUEST_GRANTED, now) < 0)
		return SP_INTERNAL;
	q->seconds = seconds;
	q->until = now + seconds;
	e = session_approve(s, q->app, q->print, q->until);
	if (e == 0)
		e = save_with(j, q, s);
	if (e == 0)
		return 0;
	session_approve(s, q->app, "", 0);
	q->state = REQUEST_PENDING; /* back to what the store has */
	q->until = 0;
	return SP_STORE;
}

int
request_yes(struct req *r, struct access_request *q, const struct session *s, int64_t seconds)
{
	struct judge *j = r->j;
	const struct policy *p = request_policy(j, q, NULL);
	const char *by = s ? s->email : r->api_name;

	if (q->state != REQUEST_PENDING || !p || seconds < 1 || seconds > APPROVAL_MAX_SEC)
		return SP_CONFLICT;
	int e = request_approve(q, by, s ? s->sub : NULL, s ? s->person : NULL, seconds, judge_now());
	bool enough = !s || request_missing(j, p, q) == 0;
	if (e < 0 && !(e == E_EXIST && enough)) /* enough, and not granted: it could not be written before */
		return e == E_EXIST || e == E_LIMIT ? SP_CONFLICT : SP_INTERNAL;
	note(j, r, EVENT_REQUEST_APPROVED, q, by, "approves", seconds);
	if (enough)
		return grant(r, q, s ? q->seconds : seconds, by);
	return save(j, q) < 0 ? SP_STORE : 0;
}

/* Takes back what was granted: in memory first, so that even a store that fails cannot let anybody in. */
static int
end(struct judge *j, struct access_request *q, enum request_state how)
{
	struct session *s = session_get(j, q->session);
	bool live = q->state == REQUEST_GRANTED;

	if (request_go(q, how, judge_now()) < 0)
		return E_STATE;
	if (live && s)
		session_approve(s, q->app, "", 0);
	int e = save_with(j, q, live ? s : NULL);
	if (live)
		tickets_judge_session(j, q->session);
	return e;
}

/* Whoever waits for the answer has it now. */
static void
tell_client(struct judge *j, const struct access_request *q, const char *text)
{
	if (q->transfer)
		transfer_refuse(j, q->transfer, SP_APPROVAL, text);
}

int
request_no(struct req *r, struct access_request *q, const struct session *s)
{
	const char *by = s ? s->email : r->api_name;
	bool granted = q->state == REQUEST_GRANTED;

	if (q->state != REQUEST_PENDING && !granted)
		return SP_CONFLICT;
	note(r->j, r, EVENT_REQUEST_REFUSED, q, by, granted ? "takes it back" : "refuses", 0);
	free(q->refused_by);
	q->refused_by = str_dup(by);
	int e = end(r->j, q, REQUEST_REFUSED);
	if (!granted)
		tell_client(r->j, q, "The request was refused.");
	return e == 0 ? 0 : SP_STORE;
}

/* --- time -------------------------------------------------------------------------------------------------------- */

static const char *
over_why(const struct judge *j, const struct access_request *q, bool changed, int64_t now)
{
	if (q->state == REQUEST_GRANTED && now >= q->until)
		return "the time that was granted is over";
	if (q->state == REQUEST_PENDING && now >= q->created_at + REQUEST_PENDING_SEC)
		return "nobody decided in time";
	if (session_standing(j, session_get(j, q->session), q->app, NULL))
		return "the session ended";
	return changed && !request_policy(j, q, NULL) ? "the application or its policy was changed" : NULL;
}

static void
forget(struct judge *j, const char *id)
{
	struct reason why = {0};
	int e = store_delete(j->store, KIND, id, STORE_ANY, &why);

	if (e == 0 || e == E_NOENT)
		map_del(&j->requests, id);
}

void
requests_tick(struct judge *j)
{
	struct map_iter it = {0};
	int64_t now = judge_now();
	bool changed = j->requests_epoch != j->snap->epoch;

	j->requests_epoch = j->snap->epoch;
	while (map_next(&j->requests, &it)) {
		struct access_request *q = it.value;
		if (q->state == REQUEST_REFUSED || q->state == REQUEST_EXPIRED) {
			if (now >= q->decided_at + REQUEST_KEEP_SEC)
				forget(j, it.key);
			continue;
		}
		const char *why = over_why(j, q, changed, now);
		if (!why)
			continue;
		note(j, NULL, EVENT_REQUEST_EXPIRED, q, "edge", why, 0);
		if (q->state == REQUEST_PENDING)
			tell_client(j, q, "The request is over: ask again.");
		end(j, q, REQUEST_EXPIRED);
	}
}

json_t *
approval_details(const struct judge *j, const char *session, const char *app)
{
	const struct access_request *q = request_of(j, session, app);
	json_t *who = q && q->state == REQUEST_GRANTED ? json_array() : NULL;

	for (size_t i = 0; who && i < q->napprovals; i++)
		json_array_append_new(who, json_string(q->approvals[i].email));
	return who ? json_pack("{s:s, s:s, s:s, s:I, s:o}", "request", q->id, "purpose_justification_prompt", q->prompt,
	                       "purpose_justification_response", q->reason, "temporary_access_duration",
	                       (json_int_t)q->seconds, "temporary_access_approvers", who)
	           : NULL;
}
