/* People and their sessions: who was here, ending it, barring them. */
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/session.h"
#include "edge/judge/ticket.h"

static size_t
live_sessions(const struct judge *j, const char *person)
{
	struct map_iter it = {0};
	size_t n = 0;

	while (map_next(&j->sessions, &it))
		n += !strcmp(((const struct session *)it.value)->person, person) && session_live(it.value, judge_now());
	return n;
}

json_t *
person_json(struct req *r, const struct person *p)
{
	const struct identity *i = p->nidentities ? &p->identities[p->nidentities - 1] : NULL;
	const struct idp *idp = i && i->idp ? snapshot_idp(r->snap, i->idp) : NULL;
	char seen[24], made[24];

	time_format(i ? i->last_login : p->created_at, seen);
	time_format(p->created_at, made);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", p->id, "uid", p->id, "email", p->email ? p->email : "",
	                      "created_at", made, "updated_at", seen);
	if (!o)
		return NULL;
	json_object_set_new(o, "name", json_string(i && i->name ? i->name : ""));
	json_object_set_new(o, "idp", json_string(idp ? idp->name : ""));
	json_object_set_new(o, "last_successful_login", json_string(i ? seen : ""));
	json_object_set_new(o, "sessions", json_integer((json_int_t)live_sessions(r->j, p->id)));
	json_object_set_new(o, "disabled", json_boolean(p->disabled));
	json_object_set_new(o, "state", json_string(p->disabled ? "disabled" : "active"));
	json_object_set_new(o, "groups", i ? texts_to_json(&i->groups) : json_array());
	json_object_set_new(o, "access_seat", json_true());
	json_object_set_new(o, "gateway_seat", json_false());
	return o;
}

void
api_users_list(struct req *r)
{
	struct map_iter it = {0};
	json_t *all = json_array();
	const char *email = req_param(r, "email"), *name = req_param(r, "name"), *part = req_param(r, "search");

	while (map_next(&r->j->persons, &it)) {
		const struct person *p = it.value;
		const char *own = p->nidentities ? p->identities[p->nidentities - 1].name : NULL;
		if ((*email && (!p->email || strcmp(p->email, email))) || (*name && (!own || strcmp(own, name))) ||
		    (*part && !(p->email && strcasestr(p->email, part)) && !(own && strcasestr(own, part))))
			continue;
		json_array_append_new(all, person_json(r, p));
	}
	reply_list(r, all);
}

static void
not_durable(struct req *r)
{
	reply_refuse_text(r, SP_STORE, "It is in force from now on, but could not be written to disk. Ask again.");
}

void
api_users_revoke(struct req *r)
{
	json_t *j = api_body(r);
	char email[255];
	size_t n = 0;

	if (!j)
		return;
	int bad = model_email(json_str_or(j, "email", ""), email);
	json_decref(j);
	if (bad < 0) {
		reply_refuse_at(r, SP_BAD_REQUEST, "email must be an address.", "/email");
		return;
	}
	int e = revoke_email(r->j, email, "revoked by an administrator", &n);
	judge_audit(r->j, r, &(struct audit_note){.kind = EVENT_SESSION_REVOKED, .subject = email});
	if (e < 0)
		not_durable(r);
	else
		reply_result(r, json_true());
}

static void
disable(struct req *r, bool disabled)
{
	char email[255];
	size_t n = 0;

	if (model_email(r->seg[1], email) < 0) {
		reply_refuse_text(r, SP_BAD_REQUEST, "not an e-mail address");
		return;
	}
	int e = person_disable(r->j, email, disabled);
	if (e == E_NOENT) {
		reply_refuse_text(r, SP_NOT_FOUND, "nobody of that address");
		return;
	}
	int e2 = disabled ? revoke_email(r->j, email, "person disabled", &n) : 0;
	judge_audit(
	    r->j, r,
	    &(struct audit_note){.kind = disabled ? EVENT_USER_DISABLED : EVENT_USER_ENABLED, .subject = email});
	if (e < 0 || e2 < 0)
		not_durable(r);
	else
		reply_result(
		    r, json_pack("{s:s, s:b, s:I}", "email", email, "disabled", disabled, "sessions", (json_int_t)n));
}

void
api_users_disable(struct req *r)
{
	disable(r, true);
}

void
api_users_enable(struct req *r)
{
	disable(r, false);
}

static json_t *
session_json(struct req *r, const struct session *s)
{
	json_t *o = session_to_json(s, MODEL_API), *relays = json_array();
	struct map_iter it = {0};

	while (map_next(&r->j->tickets, &it))
		if (!strcmp(((const struct ticket *)it.value)->session, s->id))
			json_array_append_new(relays, ticket_json(it.value));
	const struct idp *idp = snapshot_idp(r->snap, s->idp);
	json_object_set_new(o, "idp_name", json_string(idp ? idp->name : ""));
	json_object_set_new(o, "relays", relays);
	json_object_set_new(o, "live", json_boolean(session_live(s, judge_now())));
	return o;
}

void
api_sessions_list(struct req *r)
{
	struct map_iter it = {0};
	json_t *all = json_array();
	const char *email = req_param(r, "email"), *live = req_param(r, "live");

	while (map_next(&r->j->sessions, &it)) {
		const struct session *s = it.value;
		if ((*email && strcmp(email, s->email)) || (!strcmp(live, "true") && !session_live(s, judge_now())))
			continue;
		json_array_append_new(all, session_json(r, s));
	}
	reply_list(r, all);
}

void
api_sessions_revoke(struct req *r)
{
	struct session *s = session_get(r->j, r->seg[1]);

	if (!s) {
		reply_refuse_text(r, SP_NOT_FOUND, "no such session");
		return;
	}
	int e = revoke_session(r->j, s, "revoked by an administrator");
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_SESSION_REVOKED, .subject = s->email, .session = s->id});
	if (e < 0)
		not_durable(r);
	else
		reply_result(r, json_pack("{s:s}", "id", s->id));
}
