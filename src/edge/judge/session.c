#include "edge/judge/session.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/judge/country.h"
#include "edge/judge/recheck.h"
#include "edge/judge/ticket.h"

/* A good answer that changed nothing is written down this often: after a restart it is at most this much older. */
#define CHECKED_SAVE_SEC 300

int64_t
session_ttl(const struct judge *j)
{
	const struct snapshot *s = j->snap;
	int64_t ms = s && s->norganizations ? s->organizations[0]->session_duration_ms : ORG_SESSION_DEFAULT_MS;

	return ms / 1000;
}

void
session_new_id(char out[static 33])
{
	judge_random_hex(out, 16);
}

struct session *
session_get(const struct judge *j, const char *id)
{
	return map_get(&j->sessions, id);
}

static int
doc_save(struct judge *j, const char *kind, const char *id, json_t *doc, const struct store_key *keys, size_t nkeys)
{
	struct reason why = {0};
	char *text = doc ? json_dump_str(doc) : NULL;
	int e = text ? store_put(j->store, kind, id, STORE_ANY, text, keys, nkeys, NULL, &why) : E_NOMEM;

	if (e < 0)
		log_error("store", "kind", kind, "why", why.text, NULL);
	free(text);
	json_decref(doc);
	return e;
}

int
session_save(struct judge *j, const struct session *s)
{
	struct store_key keys[STORE_KEYS_MAX] = {{"email", s->email, false}, {"person", s->person, false}};
	size_t n = 2;

	for (size_t i = 0; i < s->apps.n && n < STORE_KEYS_MAX; i++)
		keys[n++] = (struct store_key){"app", s->apps.v[i], false};
	return doc_save(j, STORE_SESSION, s->id, session_to_json(s, MODEL_STORE), keys, n);
}

static int
person_save(struct judge *j, const struct person *p)
{
	struct store_key key = {"email", p->email ? p->email : "", false};
	return doc_save(j, "person", p->id, person_to_json(p, MODEL_STORE), &key, 1);
}

/* --- loading ------------------------------------------------------------------------------------------------- */

static int
load_session(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	json_t *doc = NULL;
	struct session *s = NULL;
	struct model_error err = {0};
	int e = json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &doc);

	if (e == 0)
		e = session_from_json(doc, false, &s, &err);
	if (e == 0)
		e = map_put(&j->sessions, s->id, s);
	if (e == E_FORMAT) {
		log_error("record_unreadable", "kind", "session", "id", d->id, "why", err.text, NULL);
		e = 0;
	}
	json_decref(doc);
	return e;
}

static void
bar(struct judge *j, struct person *p)
{
	if (!p->email)
		return;
	if (p->disabled)
		map_set(&j->by_email, p->email, p);
	else
		map_take(&j->by_email, p->email);
}

static int
load_person(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	json_t *doc = NULL;
	struct person *p = NULL;
	struct model_error err = {0};
	int e = json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &doc);

	if (e == 0)
		e = person_from_json(doc, false, &p, &err);
	if (e == 0 && (e = map_put(&j->persons, p->id, p)) == 0 && p->disabled)
		bar(j, p);
	if (e == E_FORMAT) {
		log_error("record_unreadable", "kind", "person", "id", d->id, "why", err.text, NULL);
		e = 0;
	}
	json_decref(doc);
	return e;
}

/* Another process may have barred somebody, or met somebody new. What is kept in memory keeps its address: others point
   to it. */
static int
load_person_again(void *arg, const struct store_doc *d)
{
	struct judge *j = arg;
	struct person *known = map_get(&j->persons, d->id), *p = NULL;
	struct model_error err = {0};
	json_t *doc = NULL;

	if (!known)
		return load_person(j, d);
	int e = json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &doc);
	if (e == 0)
		e = person_from_json(doc, false, &p, &err);
	if (e == 0 && p->disabled != known->disabled) {
		known->disabled = p->disabled;
		bar(j, known);
	}
	person_free(p);
	json_decref(doc);
	return e == E_FORMAT ? 0 : e;
}

int
persons_reload(struct judge *j, struct reason *why)
{
	return store_list(j->store, "person", "", PERSONS_MAX, load_person_again, j, why);
}

int
sessions_load(struct judge *j, struct reason *why)
{
	int e = store_list(j->store, "person", "", PERSONS_MAX, load_person, j, why);

	if (e == 0)
		e = store_list(j->store, STORE_SESSION, "", SESSIONS_MAX, load_session, j, why);
	return e;
}

/* --- signing in ---------------------------------------------------------------------------------------------- */

static int
texts_set(struct texts *to, const struct strs *from)
{
	int e = 0;

	texts_release(to);
	for (size_t i = 0; e == 0 && i < from->n; i++)
		e = texts_add(to, from->v[i]);
	return e;
}

static void
text_set(char **to, const char *v)
{
	free(*to);
	*to = v && *v ? str_dup(v) : NULL;
}

static int
identity_fill(struct identity *i, const struct js_login_done *who, const struct idp *idp, json_t *claims, int64_t now)
{
	text_set(&i->iss, who->iss);
	text_set(&i->subject, who->subject);
	text_set(&i->idp, idp->id);
	text_set(&i->email, who->email);
	text_set(&i->name, who->name);
	json_decref(i->claims);
	i->claims = json_incref(claims);
	i->last_login = now;
	if (!i->iss || !i->subject || !i->email)
		return E_NOMEM;
	int e = texts_set(&i->amr, &who->amr);
	return e < 0 ? e : texts_set(&i->groups, &who->groups);
}

/* A person is found by identity (issuer, subject), never by e-mail: the id is the identity's UUID. */
static int
person_seen(struct judge *j, const struct js_login_done *who, const struct idp *idp, json_t *claims,
            struct person **ret_p)
{
	int64_t now = judge_now();
	struct person *p = map_get(&j->persons, who->sub);
	struct identity *i;
	int e;

	if (!p) {
		if (!(p = calloc(1, sizeof *p)) || !(p->id = str_dup(who->sub)) ||
		    (e = map_put(&j->persons, who->sub, p)) < 0) {
			person_free(p);
			return E_NOMEM;
		}
		p->created_at = now;
	}
	p->updated_at = now;
	text_set(&p->email, who->email);
	if (!p->email || (e = person_identity_add(p, who->sub, &i)) < 0)
		return E_NOMEM;
	if ((e = identity_fill(i, who, idp, claims, now)) < 0)
		return e;
	*ret_p = p;
	return 0;
}

static int
session_fill(struct session *s, const struct session_new *n, const struct js_login_done *who, const struct idp *idp,
             json_t *claims)
{
	int64_t now = judge_now();
	int e;

	text_set(&s->id, n->id);
	text_set(&s->person, who->sub);
	text_set(&s->sub, who->sub);
	text_set(&s->iss, who->iss);
	text_set(&s->subject, who->subject);
	text_set(&s->email, who->email);
	text_set(&s->idp, idp->id);
	text_set(&s->idp_type, idp_type_str(idp->type));
	text_set(&s->ip, n->ip);
	text_set(&s->recheck, n->recheck);
	text_set(&s->nonce, n->nonce);
	text_set(&s->sid, who->sid);
	if (n->user_agent) {
		char short_ua[257] = "";
		str_copy_n(short_ua, sizeof short_ua, n->user_agent, strnlen(n->user_agent, sizeof short_ua - 1));
		text_set(&s->user_agent, short_ua);
	}
	s->claims = json_incref(claims);
	s->groups_unknown = who->groups_unknown;
	s->created_at = s->last_seen = s->checked_at = now;
	if (!s->id || !s->sub || !s->person || !s->email || !s->idp)
		return E_NOMEM;
	e = texts_set(&s->amr, &who->amr);
	return e < 0 ? e : texts_set(&s->groups, &who->groups);
}

bool
person_barred(const struct judge *j, const char *sub, const char *email)
{
	const struct person *p = map_get(&j->persons, sub);
	return (p && p->disabled) || map_get(&j->by_email, email);
}

int
session_create(struct judge *j, const struct session_new *n, const struct js_login_done *who, const struct idp *idp,
               struct session **ret_s)
{
	struct reason why = {0};
	struct person *p = NULL;
	json_t *claims = NULL;
	struct session *s = NULL;
	int code = SP_INTERNAL;

	if (person_barred(j, who->sub, who->email))
		return SP_DISABLED;
	if (map_len(&j->sessions) >= SESSIONS_MAX)
		return SP_BUSY;
	if (*who->claims &&
	    (json_load_strict(who->claims, strlen(who->claims), JS_CLAIMS_MAX, &claims) < 0 || !json_is_object(claims)))
		goto out;
	if (person_seen(j, who, idp, claims, &p) < 0 || !(s = calloc(1, sizeof *s)) ||
	    session_fill(s, n, who, idp, claims) < 0)
		goto out;
	text_set(&s->country, country_of(j->country, n->ip));
	s->expires_at = s->created_at + session_ttl(j);
	code = SP_STORE;
	if (store_begin(j->store, &why) < 0)
		goto out;
	if (person_save(j, p) < 0 || session_save(j, s) < 0) {
		store_rollback(j->store);
		goto out;
	}
	if (store_commit(j->store, &why) < 0)
		goto out;
	code = SP_INTERNAL;
	if (map_put(&j->sessions, s->id, s) < 0)
		goto out;
	*ret_s = s;
	s = NULL;
	code = 0;
out:
	if (code && why.text[0])
		log_error("store", "why", why.text, NULL);
	session_free(s);
	json_decref(claims);
	return code;
}

static bool
texts_differ(const struct texts *a, const struct strs *b)
{
	bool differ = a->n != b->n;

	for (size_t i = 0; !differ && i < a->n; i++)
		differ = strcmp(a->v[i], b->v[i]) != 0;
	return differ;
}

/* What a sign-in alone says (how and when somebody proved who they are) stays true when a later answer is silent. */
static json_t *
claims_now(const struct session *s, const struct js_login_done *m)
{
	static const char *const of_sign_in[] = {"amr", "acr", "auth_time", "sid", "nonce"};
	json_t *o = NULL;

	if (json_load_strict(m->claims, strlen(m->claims), JS_CLAIMS_MAX, &o) < 0 || !json_is_object(o)) {
		json_decref(o);
		return NULL;
	}
	for (size_t i = 0; s->claims && i < sizeof of_sign_in / sizeof *of_sign_in; i++) {
		json_t *v = json_object_get(s->claims, of_sign_in[i]);
		if (v && !json_object_get(o, of_sign_in[i]))
			json_object_set(o, of_sign_in[i], v);
	}
	return o;
}

/* Times and hashes of the token itself are new in every answer. */
static bool
claims_differ(const json_t *a, const json_t *b)
{
	static const char *const of_token[] = {"iat", "exp", "nbf", "jti", "at_hash", "c_hash", "s_hash", "rt_hash"};
	json_t *x = a ? json_copy((json_t *)(uintptr_t)a) : NULL, *y = b ? json_copy((json_t *)(uintptr_t)b) : NULL;

	for (size_t i = 0; i < sizeof of_token / sizeof *of_token; i++) {
		json_object_del(x, of_token[i]);
		json_object_del(y, of_token[i]);
	}
	bool differ = (x || y) && !json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return differ;
}

static bool
session_take(struct judge *j, struct session *s, const struct js_login_done *m)
{
	json_t *claims = claims_now(s, m);
	bool changed = texts_differ(&s->groups, &m->groups) || s->groups_unknown != m->groups_unknown ||
	               claims_differ(s->claims, claims) || (m->amr.n && texts_differ(&s->amr, &m->amr));
	struct person *p = s->person ? map_get(&j->persons, s->person) : NULL;
	struct identity *i;

	json_decref(s->claims);
	s->claims = json_incref(claims);
	s->groups_unknown = m->groups_unknown;
	texts_set(&s->groups, &m->groups); /* out of memory: fewer groups, never more */
	if (m->amr.n)
		texts_set(&s->amr, &m->amr);
	if (changed && p && person_identity_add(p, s->sub, &i) == 0) {
		json_decref(i->claims);
		i->claims = json_incref(claims);
		texts_set(&i->groups, &m->groups);
		p->updated_at = judge_now();
		person_save(j, p);
	}
	json_decref(claims);
	return changed;
}

bool
session_confirmed(struct judge *j, struct session *s, const struct js_login_done *m)
{
	bool changed = m && session_take(j, s, m);

	s->checked_at = judge_now();
	if (changed || s->checked_at - s->checked_saved >= CHECKED_SAVE_SEC)
		if (session_save(j, s) == 0)
			s->checked_saved = s->checked_at;
	return changed;
}

void
session_unasked(struct judge *j, struct session *s)
{
	text_set(&s->recheck, NULL);
	s->checked_at = 0;
	session_save(j, s);
}

int
session_entered(struct judge *j, struct session *s, const char *app, int64_t exp)
{
	bool known = texts_has(&s->apps, app);

	s->last_seen = judge_now();
	if (known && exp <= s->expires_at)
		return 0;
	if (exp > s->expires_at)
		s->expires_at = exp;
	if (!known && texts_add(&s->apps, app) < 0)
		return E_NOMEM;
	return session_save(j, s);
}

/* Without those about app, then with what is new. */
static int
heard_set(struct texts *t, const char *app, const char *const *urls, size_t n)
{
	struct texts fresh = {0};
	size_t napp = strlen(app);
	int e = 0;

	for (size_t i = 0; e == 0 && i < t->n; i++)
		if (strncmp(t->v[i], app, napp) != 0 || t->v[i][napp] != ' ')
			e = texts_add(&fresh, t->v[i]);
	for (size_t i = 0; e == 0 && i < n; i++) {
		char *row = str_fmt("%s %s", app, urls[i]);
		e = row ? texts_add(&fresh, row) : E_NOMEM;
		free(row);
	}
	if (e == 0) {
		texts_release(t);
		*t = fresh;
	} else {
		texts_release(&fresh);
	}
	return e;
}

int
session_heard(struct judge *j, struct session *s, const char *app, const char *const *yes, size_t nyes,
              const char *const *no, size_t nno)
{
	int e = heard_set(&s->said_yes, app, yes, nyes);

	if (e == 0)
		e = heard_set(&s->said_no, app, no, nno);
	return e < 0 ? e : session_save(j, s);
}

/* --- tokens -------------------------------------------------------------------------------------------------- */

int
session_standing(const struct judge *j, const struct session *s, const char *app, struct reason *why)
{
	int code = 0;
	const char *text = "";

	if (!s || s->revoked_at) {
		code = SP_REVOKED;
		text = s ? "session was revoked" : "session is not known here any more";
	} else if (!session_live(s, judge_now())) {
		code = SP_TOKEN_EXPIRED;
		text = "session has expired";
	} else if (person_barred(j, s->sub, s->email)) {
		code = SP_DISABLED;
		text = "the person is disabled";
	} else if (!snapshot_idp(j->snap, s->idp)) {
		code = SP_REVOKED;
		text = "the provider of this sign-in was removed";
	} else if (app && texts_has(&s->revoked_apps, app)) {
		code = SP_REVOKED;
		text = "the application's tokens were revoked";
	}
	if (code)
		reason_set(why, E_DENIED, code, "%s", text);
	return code;
}

static int
alive(struct judge *j, const struct token *t, const char *app, struct session **ret_s, struct reason *why)
{
	struct session *s = session_get(j, t->session);

	if (s && strcmp(s->sub, t->sub)) {
		reason_set(why, E_DENIED, SP_TOKEN, "token and session name different people");
		return SP_TOKEN;
	}
	int code = session_standing(j, s, app, why);
	if (!code)
		*ret_s = s;
	return code;
}

int
session_of_org(struct judge *j, const char *text, struct token *ret_t, struct session **ret_s, struct reason *why)
{
	if (token_open(TOKEN_ORG, text, &j->jwks, j->issuer, NULL, judge_now(), ret_t, why) < 0)
		return why->code ? why->code : SP_TOKEN;
	int code = alive(j, ret_t, NULL, ret_s, why);
	if (code)
		token_release(ret_t);
	return code;
}

static int
of_app(struct judge *j, const char *text, const struct app_view *a, int64_t now, struct token *ret_t,
       struct session **ret_s, struct reason *why)
{
	if (token_open(TOKEN_APP, text, &j->jwks, j->issuer, a->app->aud, now, ret_t, why) < 0)
		return why->code ? why->code : SP_TOKEN;
	int code = alive(j, ret_t, a->app->id, ret_s, why);
	if (code)
		token_release(ret_t);
	return code;
}

int
session_of_app(struct judge *j, const char *text, const struct app_view *a, struct token *ret_t, struct session **ret_s,
               struct reason *why)
{
	return of_app(j, text, a, judge_now(), ret_t, ret_s, why);
}

int
session_of_live(struct judge *j, const char *text, const struct app_view *a, struct token *ret_t,
                struct session **ret_s, struct reason *why)
{
	json_t *claims = NULL;
	int64_t issued = 0;

	if (jwt_peek(text, strlen(text), &claims) == 0)
		issued = json_i64_or(claims, "iat", 0);
	json_decref(claims);
	return of_app(j, text, a, issued, ret_t, ret_s, why);
}

void
token_claimed_aud(const char *text, char out[static 65])
{
	json_t *claims = NULL, *aud;

	out[0] = '\0';
	if (jwt_peek(text, strlen(text), &claims) < 0)
		return;
	if (json_get_array(claims, "aud", &aud) == 0 && json_array_size(aud) == 1 &&
	    json_is_string(json_array_get(aud, 0)) && str_copy(out, 65, json_string_value(json_array_get(aud, 0))) < 0)
		out[0] = '\0';
	json_decref(claims);
}

/* --- ending -------------------------------------------------------------------------------------------------- */

typedef bool match_fn(const struct session *s, const void *arg);
typedef int mark_fn(struct session *s, const void *arg, const char *why);

/* Marks every matching session in one transaction. Memory is marked first, so that even a store that fails cannot let
   one in; the caller is told of the failure and asks again. */
static int
revoke_where(struct judge *j, match_fn *match, mark_fn *mark, const void *arg, const char *why, size_t *ret_n)
{
	struct map_iter it = {0};
	struct reason bad = {0};
	size_t n = 0;
	int e = store_begin(j->store, &bad), m = 0;

	while (map_next(&j->sessions, &it)) {
		struct session *s = it.value;
		if (!match(s, arg))
			continue;
		n++;
		m = mark(s, arg, why);
		if (s->revoked_at)
			recheck_forget(j, s);
		if (e == 0)
			e = m < 0 ? m : session_save(j, s);
	}
	if (e == 0)
		e = store_commit(j->store, &bad);
	else
		store_rollback(j->store);
	if (e < 0)
		log_error("revoke_not_durable", "why", bad.text, NULL);
	*ret_n = n;
	return e;
}

static int
mark_session(struct session *s, const void *arg, const char *why)
{
	(void)arg;
	if (!s->revoked_at) {
		s->revoked_at = judge_now();
		text_set(&s->revoked_why, why);
	}
	return 0;
}

static int
mark_app(struct session *s, const void *arg, const char *why)
{
	(void)why;
	return texts_has(&s->revoked_apps, arg) ? 0 : texts_add(&s->revoked_apps, arg);
}

struct whose {
	const struct judge *j;
	const char *email;
};

/* The address that the person signed in with then, or has now. */
static bool
is_email(const struct session *s, const void *arg)
{
	const struct whose *w = arg;
	const struct person *p = s->person ? map_get(&w->j->persons, s->person) : NULL;

	return !strcmp(s->email, w->email) || (p && p->email && !strcmp(p->email, w->email));
}

static bool
is_id(const struct session *s, const void *arg)
{
	return !strcmp(s->id, arg);
}

static bool
entered_app(const struct session *s, const void *arg)
{
	return texts_has(&s->apps, arg);
}

int
revoke_session(struct judge *j, struct session *s, const char *why)
{
	size_t n;
	int e = revoke_where(j, is_id, mark_session, s->id, why, &n);
	tickets_cut(j, TICKET_SESSION, s->id, why);
	return e;
}

int
revoke_email(struct judge *j, const char *email, const char *why, size_t *ret_n)
{
	struct whose w = {j, email};
	int e = revoke_where(j, is_email, mark_session, &w, why, ret_n);
	tickets_cut(j, TICKET_EMAIL, email, why);
	tickets_judge_again(j); /* those of an address that the person had before */
	return e;
}

int
revoke_app(struct judge *j, const char *app, const char *why, size_t *ret_n)
{
	int e = revoke_where(j, entered_app, mark_app, app, why, ret_n);
	tickets_cut(j, TICKET_APP, app, why);
	return e;
}

/* Everybody of that address, and the address itself when nobody of it has signed in yet. */
int
person_disable(struct judge *j, const char *email, bool disabled)
{
	struct map_iter it = {0};
	int e = 0;
	size_t n = 0;

	while (map_next(&j->persons, &it)) {
		struct person *p = it.value;
		if (!p->email || strcmp(p->email, email))
			continue;
		n++;
		p->disabled = disabled;
		p->updated_at = judge_now();
		bar(j, p);
		int one = person_save(j, p);
		e = e < 0 ? e : one;
	}
	if (n || !disabled)
		return n ? e : E_NOENT;
	uint8_t u[16];
	char id[37];
	random_bytes(u, sizeof u);
	uuid_v4_bits(u);
	uuid_format(u, id);
	struct person *p = calloc(1, sizeof *p);
	if (!p || !(p->id = str_dup(id)) || !(p->email = str_dup(email)) || map_put(&j->persons, id, p) < 0) {
		person_free(p);
		return E_NOMEM;
	}
	p->disabled = true;
	p->created_at = p->updated_at = judge_now();
	bar(j, p);
	return person_save(j, p);
}

static bool
session_over(const struct session *s, int64_t now)
{
	return now >= s->expires_at + 60;
}

/* A transaction is opened for something only: an idle edge does not touch the disk. */
static int
sweep_begin(struct judge *j, bool *open, struct reason *why)
{
	int e = *open ? 0 : store_begin(j->store, why);

	*open |= e == 0;
	return e;
}

static void
sweep_end(struct judge *j, int e, bool open, struct reason *why)
{
	if (e == 0 && open)
		e = store_commit(j->store, why);
	else if (open)
		store_rollback(j->store);
	if (e < 0 && !j->store_away) /* what was forgotten in memory is swept when it is read again */
		log_error("store", "why", why->text, NULL);
}

void
sessions_sweep(struct judge *j)
{
	struct map_iter it = {0};
	struct reason why = {0};
	int64_t now = judge_now();
	bool open = false;
	int e = 0;

	while (e == 0 && map_next(&j->sessions, &it)) {
		struct session *s = it.value;
		if (!session_over(s, now))
			continue;
		if ((e = sweep_begin(j, &open, &why)) < 0)
			break;
		if ((e = store_delete(j->store, STORE_SESSION, s->id, STORE_ANY, &why)) == E_NOENT)
			e = 0;
		if (e == 0) {
			recheck_drop(j, s->id);
			map_del(&j->sessions, s->id);
		}
	}
	sweep_end(j, e, open, &why);
}

static int64_t
last_seen(const struct person *p)
{
	int64_t at = p->created_at > p->updated_at ? p->created_at : p->updated_at;

	for (size_t i = 0; i < p->nidentities; i++)
		if (p->identities[i].last_login > at)
			at = p->identities[i].last_login;
	return at;
}

static bool
has_session(const struct judge *j, const char *person)
{
	struct map_iter it = {0};

	while (map_next(&j->sessions, &it))
		if (!strcmp(((struct session *)it.value)->person, person))
			return true;
	return false;
}

/* Whoever is barred stays known: that is what bars them. */
void
persons_sweep(struct judge *j)
{
	struct map_iter it = {0};
	struct reason why = {0};
	int64_t before = judge_now() - j->people_ms / 1000;
	bool open = false;
	int e = 0;

	while (e == 0 && j->people_ms && map_next(&j->persons, &it)) {
		struct person *p = it.value;
		if (p->disabled || last_seen(p) > before || has_session(j, p->id))
			continue;
		if ((e = sweep_begin(j, &open, &why)) < 0)
			break;
		if ((e = store_delete(j->store, "person", p->id, STORE_ANY, &why)) == E_NOENT)
			e = 0;
		if (e == 0)
			map_del(&j->persons, p->id);
	}
	sweep_end(j, e, open, &why);
}
