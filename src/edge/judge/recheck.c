#include "edge/judge/recheck.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/secret.h"
#include "core/str.h"
#include "edge/judge/client_cert.h"
#include "edge/judge/ticket.h"
#include "identity/recheck.h"
#include "msg/fetch.h"

#define KEEP_SEC 172800 /* beyond the session's end: it may be made longer before it is asked for again */

struct watch {
	struct list live; /* in j->watched while it has connections */
	char session[65];
	uint64_t spread;
	unsigned tickets;
	struct recheck r;
};

/* One question, from fetch's answer to the signer's. */
struct question {
	struct list flight; /* in j->questions */
	struct judge *j;
	char session[65], idp[37];
	char *id_token;
	struct buf userinfo;
	bool answered, keys_tried, userinfo_tried;
};

static struct recheck_conf
conf_of(const struct judge *j, const struct session *s)
{
	const struct idp *i = snapshot_idp(j->snap, s->idp);

	if (!i || i->type < IDP_OIDC)
		return (struct recheck_conf){0};
	return (struct recheck_conf){
	    .every = i->config.recheck_ms / 1000, .grace = i->config.recheck_grace_ms / 1000, .blind = !s->recheck};
}

static struct watch *
watch_of(struct judge *j, const struct session *s)
{
	struct watch *w = map_get(&j->watches, s->id);

	if (w)
		return w;
	if (!(w = calloc(1, sizeof *w)))
		return NULL;
	list_init(&w->live);
	w->r.good_at = s->checked_at;
	for (const char *p = s->id; *p; p++)
		w->spread = w->spread * 31 + (unsigned char)*p;
	if (str_copy(w->session, sizeof w->session, s->id) < 0 || map_put(&j->watches, s->id, w) < 0) {
		free(w);
		return NULL;
	}
	return w;
}

/* --- requests that wait --------------------------------------------------------------------------------------------
 */

/* By what is true now: with the snapshot of now, and the application as it stands there. */
static void
resume(struct req *r)
{
	char app[40] = "";
	struct judge *j = r->j;

	list_remove(&r->wait);
	j->nwaiting--;
	r->waits = false;
	if (r->app)
		str_copy(app, sizeof app, r->app->app->id);
	r->before = r->snap; /* what the handler said so far may point into it */
	r->snap = snapshot_hold(j->snap);
	r->app = *app ? snapshot_app_by_id(r->snap, app) : NULL;
	r->nout = 0;
	r->who.session = NULL;
	client_cert_again(r);
	if (*app && !r->app)
		judge_deny(r, NULL, SP_UNKNOWN_HOST, "the application was removed meanwhile");
	else
		r->again(r);
}

/* Whoever goes on may take others with it (a channel that closes): the list is read from its head each time. */
static void
wake(struct judge *j, const char *session)
{
	struct list *it = j->recheck_waiting.next;
	int64_t now = judge_now();

	while (it != &j->recheck_waiting) {
		struct req *r = list_entry(it, struct req, wait);
		if (session ? !strcmp(r->session, session) : now >= r->wait_until) {
			resume(r);
			it = j->recheck_waiting.next;
		} else {
			it = it->next;
		}
	}
}

/* --- the end of a question --------------------------------------------------------------------------------------- */

static void
question_free(struct question *q)
{
	list_remove(&q->flight);
	q->j->nquestions--;
	if (q->id_token)
		mem_wipe(q->id_token, strlen(q->id_token));
	free(q->id_token);
	buf_release(&q->userinfo);
	free(q);
}

/* The session and its watch, if the answer still concerns anybody; else the question is freed. */
static struct session *
still(struct question *q, struct watch **ret_w)
{
	struct session *s = session_get(q->j, q->session);

	*ret_w = map_get(&q->j->watches, q->session);
	if (s && *ret_w && !s->revoked_at)
		return s;
	question_free(q);
	return NULL;
}

static void
silent(struct question *q, const char *why)
{
	struct watch *w;
	struct session *s = still(q, &w);
	struct judge *j = q->j;
	char session[65];

	if (!s)
		return;
	log_warn("recheck_no_answer", "session", s->id, "idp", s->idp, "why", why, NULL);
	recheck_event(&w->r, RECHECK_NO_ANSWER, judge_now());
	str_copy(session, sizeof session, s->id);
	question_free(q);
	wake(j, session);
}

static void
audit_end(struct judge *j, const struct session *s, const char *why)
{
	log_info("session_ended", "session", s->id, "email", s->email, "why", why, NULL);
	judge_audit(
	    j, NULL,
	    &(struct audit_note){
	        .kind = EVENT_SESSION_REVOKED, .actor = "edge", .subject = s->email, .session = s->id, .why = why});
}

int
recheck_end_sessions(struct judge *j, const char *idp, const char *sub, const char *sid, const char *why, size_t *ret_n)
{
	struct map_iter it = {0};
	size_t n = 0;
	int e = 0;

	while (map_next(&j->sessions, &it)) {
		struct session *s = it.value;
		if (s->revoked_at || !s->subject || strcmp(s->idp, idp) || (*sub && strcmp(s->subject, sub)))
			continue;
		if (*sid && (s->sid ? strcmp(s->sid, sid) != 0 : !*sub))
			continue;
		audit_end(j, s, why);
		int one = revoke_session(j, s, why);
		e = e < 0 ? e : one;
		n++;
	}
	if (ret_n)
		*ret_n = n;
	return e;
}

/* The provider said no. whole: to everything of this subject; else to this sign-in alone. */
static void
refused(struct question *q, bool whole, const char *why)
{
	struct watch *w;
	struct session *s = still(q, &w);
	struct judge *j = q->j;
	char session[65], idp[37], *sub;

	if (!s)
		return;
	recheck_event(&w->r, RECHECK_NO, judge_now());
	str_copy(session, sizeof session, s->id);
	str_copy(idp, sizeof idp, s->idp);
	sub = whole && s->subject ? str_dup(s->subject) : NULL;
	question_free(q);
	if (sub) {
		recheck_end_sessions(j, idp, sub, "", why, NULL);
	} else {
		audit_end(j, s, why);
		revoke_session(j, s, why);
	}
	free(sub);
	wake(j, session);
}

/* It said no to a question that may have been answered before. */
static void
unclear(struct question *q)
{
	struct watch *w;
	struct session *s = still(q, &w);
	struct judge *j = q->j;
	char session[65];

	if (!s)
		return;
	log_warn("recheck_lost", "session", s->id, "idp", s->idp, "email", s->email, NULL);
	recheck_event(&w->r, RECHECK_UNCLEAR, judge_now());
	session_unasked(j, s);
	str_copy(session, sizeof session, s->id);
	question_free(q);
	wake(j, session);
}

/* It said yes; m NULL: and nothing more. */
static void
confirmed(struct question *q, const struct js_login_done *m)
{
	struct watch *w;
	struct session *s = still(q, &w);
	struct judge *j = q->j;
	char session[65];

	if (!s)
		return;
	if (m && strcmp(m->email, s->email)) {
		refused(q, true, "the provider has another e-mail address for this person now");
		return;
	}
	if (m && m->groups_unknown && !s->groups_unknown) { /* a list that cannot be had just now takes nothing away */
		silent(q, "the provider did not say which groups");
		return;
	}
	recheck_event(&w->r, RECHECK_YES, judge_now());
	if (session_confirmed(j, s, m))
		tickets_judge_session(j, s->id);
	str_copy(session, sizeof session, s->id);
	question_free(q);
	wake(j, session);
}

/* --- the question ---------------------------------------------------------------------------------------------------
 */

static void verify(struct question *q);

static void
no_answer(struct question *q, int err, const struct jh_fetched *m)
{
	if (m && m->gone)
		refused(q, true, "the provider says that this sign-in is over");
	else if (m && m->lost)
		unclear(q);
	else if (m && m->spent)
		refused(q, false, "the access token has run out and the provider gave no refresh token");
	else
		silent(q, m && *m->why ? m->why : err_str(err));
}

static void
userinfo_came(int err, const void *msg, void *arg)
{
	struct question *q = arg;
	const struct jh_fetched *m = msg;

	if (!err && m->code == SP_NOT_FOUND && q->answered) { /* there is no userinfo: what was said must do */
		if (q->id_token)
			verify(q);
		else
			confirmed(q, NULL);
	} else if (err || m->code) {
		no_answer(q, err, m);
	} else if (strlen(m->body) > JS_CLAIMS_MAX || buf_put_str(&q->userinfo, m->body) < 0) {
		silent(q, "userinfo is too long");
	} else {
		verify(q);
	}
}

static void
ask_userinfo(struct question *q)
{
	const struct session *s = session_get(q->j, q->session);
	struct jh_fetch m = {.kind = FETCH_USERINFO, .provider = q->idp, .handle = s && s->recheck ? s->recheck : ""};

	q->userinfo_tried = true;
	fetch_ask(q->j, &jh_fetch_def, &m, &jh_fetched_def, userinfo_came, q);
}

static void
keys_came(int err, const void *msg, void *arg)
{
	(void)err;
	(void)msg;
	verify(arg);
}

/* Does the answer lack something that was known before? ID tokens of a refresh are often shorter than those of a
   sign-in; what they lack must come from userinfo, or is lost. */
static bool
lacks(const struct session *s, const struct js_login_done *m)
{
	static const char *const of_sign_in[] = {"nonce", "at_hash", "c_hash", "s_hash",  "auth_time", "amr", "acr",
	                                         "sid",   "jti",     "azp",    "rt_hash", "nbf",       NULL};
	json_t *now = NULL, *v;
	const char *key;
	bool miss = false;

	if (!s->claims || json_load_strict(m->claims, strlen(m->claims), JS_CLAIMS_MAX, &now) < 0)
		return false;
	json_object_foreach(s->claims, key, v)
	{
		size_t i = 0;
		while (of_sign_in[i] && strcmp(of_sign_in[i], key))
			i++;
		miss |= !of_sign_in[i] && !json_object_get(now, key);
	}
	json_decref(now);
	return miss;
}

/* GitHub has no ID tokens: fetch told the signer what its API says. */
static bool
facts_alone(const struct question *q)
{
	const struct idp *i = snapshot_idp(q->j->snap, q->idp);

	return i && i->type == IDP_GITHUB;
}

static void
verified(int err, const void *msg, void *arg)
{
	struct question *q = arg;
	const struct js_login_done *m = msg;
	const struct session *s = session_get(q->j, q->session);
	int code = signer_code(err, m ? m->code : 0);

	if (m && m->need_keys && !q->keys_tried) {
		struct jh_fetch f = {.kind = FETCH_JWKS, .provider = q->idp};
		q->keys_tried = true;
		fetch_ask(q->j, &jh_fetch_def, &f, &jh_fetched_def, keys_came, q);
	} else if (!q->userinfo_tried && !facts_alone(q) && (code == SP_EMAIL || (!code && s && lacks(s, m)))) {
		ask_userinfo(q);
	} else if (code == SP_EMAIL) {
		refused(q, true, "the provider no longer vouches for the e-mail address");
	} else if (code) {
		silent(q, m && *m->why ? m->why : "no answer from the signer");
	} else {
		confirmed(q, m);
	}
}

static void
verify(struct question *q)
{
	const struct session *s = session_get(q->j, q->session);
	const char *userinfo = buf_cstr(&q->userinfo);
	struct js_recheck m = {.idp = q->idp,
	                       .subject = s && s->subject ? s->subject : "",
	                       .nonce = s && s->nonce ? s->nonce : "",
	                       .handle = s && s->recheck ? s->recheck : "",
	                       .id_token = q->id_token,
	                       .userinfo = userinfo ? userinfo : ""};

	signer_ask(q->j, &js_recheck_def, &m, &js_login_done_def, verified, q);
}

static void
refreshed(int err, const void *msg, void *arg)
{
	struct question *q = arg;
	const struct jh_fetched *m = msg;
	json_t *o = NULL;
	const char *token = "";

	if (err || m->code) {
		no_answer(q, err, m);
		return;
	}
	q->answered = m->status == 200; /* else there was nothing to refresh with */
	if (json_load_strict(m->body, strlen(m->body), JS_TOKEN_MAX * 2, &o) == 0)
		token = json_str_or(o, "id_token", "");
	if (*token && strlen(token) <= JS_TOKEN_MAX)
		q->id_token = str_dup(token);
	json_decref(o);
	if (q->id_token || facts_alone(q))
		verify(q);
	else
		ask_userinfo(q);
}

static unsigned
flights_at(const struct judge *j, const char *idp)
{
	unsigned n = 0;

	list_foreach (it, (struct list *)(uintptr_t)&j->questions)
		n += !strcmp(list_entry(it, struct question, flight)->idp, idp);
	return n;
}

/* False when there is no room for it now. */
static bool
ask(struct judge *j, struct watch *w, const struct session *s, unsigned spare)
{
	struct question *q;

	if (j->nquestions >= RECHECK_FLIGHTS_MAX + spare || flights_at(j, s->idp) >= RECHECK_PROVIDER_MAX + spare ||
	    !(q = calloc(1, sizeof *q)))
		return false;
	q->j = j;
	str_copy(q->session, sizeof q->session, s->id);
	str_copy(q->idp, sizeof q->idp, s->idp);
	buf_init_secret(&q->userinfo, JS_CLAIMS_MAX + 1);
	list_push(&j->questions, &q->flight);
	j->nquestions++;
	recheck_event(&w->r, RECHECK_ASK, judge_now());
	struct jh_fetch m = {
	    .kind = FETCH_REFRESH, .provider = q->idp, .handle = s->recheck, .keep_until = s->expires_at + KEEP_SEC};
	fetch_ask(j, &jh_fetch_def, &m, &jh_fetched_def, refreshed, q);
	return true;
}

/* --- who wants to know -----------------------------------------------------------------------------------------------
 */

static int
code_of(enum recheck_advice a)
{
	switch (a) {
	case RECHECK_GO:
		return 0;
	case RECHECK_LATE:
		return SP_RECHECK;
	case RECHECK_ANEW:
		return SP_TOKEN_EXPIRED;
	default:
		return SP_REVOKED;
	}
}

int
recheck_gate(struct req *r, struct session *s, void (*again)(struct req *))
{
	struct judge *j = r->j;
	struct recheck_conf c = conf_of(j, s);
	struct watch *w = c.every ? watch_of(j, s) : NULL;
	int64_t now = judge_now();

	if (!c.every)
		return 0;
	if (!w)
		return SP_BUSY;
	enum recheck_advice a = r->again ? recheck_stands(&w->r, &c, now) : recheck_admit(&w->r, &c, now);
	if (a != RECHECK_DO_ASK && a != RECHECK_WAIT)
		return code_of(a);
	if (j->nwaiting >= RECHECK_WAITING_MAX)
		return SP_BUSY;
	r->again = again;
	r->waits = true;
	r->wait_until = now + RECHECK_HOLD_SEC;
	list_push(&j->recheck_waiting, &r->wait);
	j->nwaiting++;
	if (a == RECHECK_DO_ASK && !ask(j, w, s, RECHECK_ADMIT_SPARE))
		resume(r); /* too many are asked for already: as if there were no answer */
	return RECHECK_HELD;
}

void
recheck_ticket(struct judge *j, const char *session, bool began)
{
	const struct session *s = *session ? session_get(j, session) : NULL;
	struct watch *w = s && began ? watch_of(j, s) : map_get(&j->watches, session);

	if (!w)
		return;
	if (began && !w->tickets++)
		list_push(&j->watched, &w->live);
	if (!began && w->tickets && !--w->tickets)
		list_remove(&w->live);
}

void
recheck_drop(struct judge *j, const char *session)
{
	struct watch *w = map_take(&j->watches, session);

	if (w)
		list_remove(&w->live);
	free(w);
}

void
recheck_forget(struct judge *j, struct session *s)
{
	struct jh_forget m = {.handle = s->recheck};

	if (s->recheck && j->fetch && ipc_send(j->fetch, &jh_forget_def, &m) == 0) {
		free(s->recheck);
		s->recheck = NULL;
	}
	recheck_drop(j, s->id);
}

static void
look(struct judge *j, struct watch *w, int64_t now)
{
	const struct session *s = session_get(j, w->session);

	if (!s || s->revoked_at)
		return;
	struct recheck_conf c = conf_of(j, s);
	int64_t end = recheck_end(&w->r, &c);
	if (end && now >= end)
		tickets_cut(j, TICKET_SESSION, s->id, "the provider cannot be asked again");
	else if (recheck_due(&w->r, &c, w->spread, now))
		ask(j, w, s, 0); /* w may be gone */
}

/* A question may end before ask returns, when a neighbour is down, and end sessions: the list is read anew each time,
   as many steps as it had entries. */
void
rechecks_tick(struct judge *j)
{
	int64_t now = judge_now();
	size_t n = 0;

	wake(j, NULL); /* those who waited long enough */
	list_foreach (it, &j->watched)
		n++;
	for (; n && !list_empty(&j->watched); n--) {
		struct watch *w = list_entry(j->watched.next, struct watch, live);
		list_remove(&w->live);
		list_push(&j->watched, &w->live);
		look(j, w, now);
	}
}

void
rechecks_release(struct judge *j)
{
	list_foreach (it, &j->questions)
		question_free(list_entry(it, struct question, flight));
	map_release(&j->watches);
}
